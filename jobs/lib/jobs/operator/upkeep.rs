//! `rapport verify`, `rapport vacuum` and `rapport unlock`: what keeps a warehouse in order.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use serde_json::json;

use crate::config::Settings;
use crate::dates::Day;
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::jobs::flags::{DayFlags, SelectFlags};
use crate::jobs::operator::{OutputFlags, Told, line};
use crate::lake::lease::{self, Holder, Standing};
use crate::lake::vacuum::{self, Cleared, Vacuumed};
use crate::lake::verify::{self, Verified};
use crate::lake::{Lake, Partition};
use crate::models::{Catalogue, QUARANTINE, RAW, ZONES, selection};

/// The flags of `rapport vacuum`.
#[derive(Debug, Args)]
pub(super) struct VacuumFlags {
    /// Rows that broke a check are kept for so many days
    #[arg(long, env = "RAPPORT_KEEP_DAYS", value_name = "DAYS", default_value_t = 30)]
    keep_days: u32,
    /// Only tell what would go
    #[arg(long, env = "RAPPORT_DRY_RUN",
        value_parser = clap::builder::BoolishValueParser::new())]
    dry_run: bool,
    #[command(flatten)]
    output: OutputFlags,
}

/// The flags of `rapport unlock`.
#[derive(Debug, Args)]
pub(super) struct UnlockFlags {
    /// The table whose lease is taken away, such as `raw.sales`; default: list all leases
    #[arg(requires = "day")]
    table: Option<String>,
    /// Its day, YYYY-MM-DD
    day: Option<Day>,
    #[command(flatten)]
    output: OutputFlags,
}

/// Reads what is published of the tables and days that are asked for, or everything, and holds it
/// against the ledger.
pub(super) async fn verify(
    settings: &Settings,
    days: &DayFlags,
    tables: &SelectFlags,
    json: bool,
) -> Result<Told> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let days = days.range_if_any()?;
    // What is published can be verified whatever the project has become since.
    let tables = match tables.select.is_empty() {
        true => None,
        false => Some(selection::select(&Catalogue::read(settings)?, &tables.select)?),
    };
    let is_asked_for = |partition: &Partition| {
        let mut table = partition.table.clone();
        if table.zone == QUARANTINE {
            table.zone = RAW.to_string();
        }
        days.is_none_or(|days| (days.from..days.to).contains(&partition.dt))
            && tables.as_ref().is_none_or(|tables| tables.contains(&table))
    };
    let verified = verify::verify(&lake, &ZONES, is_asked_for).await?;
    let text = if json { line(&json!(verified)) } else { verified_text(&verified) };
    let failure = (!verified.findings.is_empty()).then(|| {
        let count = verified.findings.len();
        let what = format!("verify `{}`: {count} objects are not as published", lake.name());
        Error::new(Kind::CheckFailed, what)
    });
    Ok(Told { text, failure })
}

fn verified_text(verified: &Verified) -> String {
    let mut text = String::new();
    for finding in &verified.findings {
        let _ = writeln!(text, "{}  {}", finding.object, finding.fault.advice());
    }
    let Verified { partition_count, byte_count, findings } = verified;
    let verdict = match findings.len() {
        0 => "all as published".to_string(),
        count => format!("{count} not as published"),
    };
    let _ = writeln!(text, "{partition_count} partitions, {byte_count} bytes read: {verdict}");
    text
}

/// Clears away what nobody needs.
pub(super) async fn vacuum(settings: &Settings, flags: &VacuumFlags) -> Result<String> {
    let before = Utc::now() - chrono::Duration::days(i64::from(flags.keep_days));
    let vacuumed = if flags.dry_run {
        let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
        vacuum::vacuum(&lake, None, before).await?
    } else {
        let lake = Lake::open(&settings.warehouse, settings.patience)?;
        let run_id = format!("vacuum-{}", uuid::Uuid::now_v7());
        let holder = Holder::new(&run_id, Duration::from_secs(settings.lease_seconds));
        let vacuumed = vacuum::vacuum(&lake, Some(&holder), before).await;
        holder.release_all(&lake).await;
        vacuumed?
    };
    if flags.output.json {
        return Ok(line(&json!({ "dry_run": flags.dry_run, "cleared": vacuumed })));
    }
    Ok(vacuumed_text(&vacuumed, flags.dry_run))
}

fn vacuumed_text(vacuumed: &Vacuumed, is_dry: bool) -> String {
    let Vacuumed { work, leases, failed_checks, projects, restatements, ledger } = vacuumed;
    let mut text = String::new();
    for (what, Cleared { object_count, byte_count }) in [
        ("built and never published", work),
        ("leases of processes that have ended", leases),
        ("rows that broke a check long ago", failed_checks),
        ("projects that nothing published was built with", projects),
        ("restatements by what was never published", restatements),
    ] {
        let verb = if is_dry { "would go" } else { "went" };
        let _ = writeln!(text, "{object_count} objects, {byte_count} bytes {verb}: {what}");
    }
    let verb = if is_dry { "would be" } else { "were" };
    let count = ledger.object_count;
    let _ = writeln!(text, "{count} objects of the ledger {verb} folded into one");
    text
}

/// Lists the leases that stand, or takes one away.
pub(super) async fn unlock(settings: &Settings, flags: &UnlockFlags) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let standing = lease::standing(&lake).await?;
    let (Some(table), Some(day)) = (&flags.table, flags.day) else {
        return Ok(match flags.output.json {
            true => line(&json!(standing)),
            false => standing.iter().map(|one| format!("{}\n", told(one))).collect(),
        });
    };
    let wanted = format!("{table} dt={day}");
    let taken: Vec<&Standing> =
        standing.iter().filter(|one| one.partition.to_string() == wanted).collect();
    if taken.is_empty() {
        let known: Vec<String> = standing.iter().map(|one| one.partition.to_string()).collect();
        let hint = did_you_mean(&wanted, known.iter().map(String::as_str));
        let what = format!("unlock {wanted}: no lease stands on it{hint}");
        return Err(Error::new(Kind::Usage, what));
    }
    for one in &taken {
        lease::take_away(&lake, one).await?;
    }
    Ok(match flags.output.json {
        true => line(&json!(taken)),
        false => taken.iter().map(|one| format!("taken away: {}\n", told(one))).collect(),
    })
}

fn told(standing: &Standing) -> String {
    let Standing { partition, run_id, pid, acquired_at, expires_at, is_in_force, .. } = standing;
    let time = |at: &chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let until = if *is_in_force { "until" } else { "no longer in force, lasted until" };
    format!(
        "{partition}  run `{run_id}` (process {pid}) since {}, {until} {}",
        time(acquired_at),
        time(expires_at)
    )
}
