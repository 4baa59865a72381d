//! What flags ask for, in the words of those who do it; and, where they ask for no more, what would
//! be done: that writes nothing.

use super::Report;
use crate::build::Workshop;
use crate::build::backfill::Backfill;
use crate::build::erase::{self, Persons};
use crate::config::Settings;
use crate::dates::DayRange;
use crate::errors::{Context as _, Kind, Result};
use crate::jobs::flags::{BackfillFlags, EraseFlags};
use crate::lake::Lake;
use crate::models::selection;

/// Whom the flags name.
pub(super) fn persons(flags: &EraseFlags) -> Result<Persons> {
    let text = match &flags.identifiers {
        None => Ok(String::new()),
        Some(path) if path.as_os_str() == "-" => std::io::read_to_string(std::io::stdin()),
        Some(path) => std::fs::read_to_string(path),
    };
    let text = text.context(Kind::Usage, || "read the file of identifiers")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let identifiers = lines.map(ToString::to_string).collect();
    Ok(Persons { customers: flags.customer.clone(), identifiers })
}

/// What a backfill with these flags does.
pub(super) fn backfill_of(
    flags: &BackfillFlags,
    workshop: &Workshop,
    days: DayRange,
) -> Result<Backfill> {
    let tables = selection::select(&workshop.catalogue, &flags.tables.select)?;
    Ok(Backfill {
        models: workshop.models_named(&tables),
        days,
        at_once: flags.parallel.map(usize::from),
        is_forced: flags.force,
        goes_on_after_trouble: flags.continue_on_error,
        max_runtime: flags.max_runtime,
        shard: flags.shard,
        shard_patience: flags.shard_patience,
    })
}

/// What a backfill would build; writes nothing.
pub(super) async fn dry_run(
    flags: &BackfillFlags,
    settings: Settings,
    days: DayRange,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let workshop = Workshop::open(settings, warehouse).await?;
    let backfill = backfill_of(flags, &workshop, days)?;
    let mut plan = backfill.plan(&workshop).await?;
    plan.look_up_changes(&workshop).await?;
    report.plan = Some(plan);
    Ok(())
}

/// What an erasure would take out; writes nothing.
pub(super) async fn look_for_persons(
    flags: &EraseFlags,
    settings: Settings,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let workshop = Workshop::open(settings, warehouse).await?;
    report.erased = Some(erase::look(&workshop, &persons(flags)?).await?);
    Ok(())
}
