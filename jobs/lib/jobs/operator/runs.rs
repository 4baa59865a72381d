//! `rapport runs`: what ran, what one run did, and why a partition has its content.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::Settings;
use crate::dates::Day;
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::hash::ContentHash;
use crate::jobs::operator::diff::{self, DiffFlags};
use crate::jobs::operator::{OutputFlags, line};
use crate::lake::ledger::{self, Entry};
use crate::lake::runs::{self, Run};
use crate::lake::{Lake, Partition};

/// The flags of `rapport runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RunsFlags {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    list: ListFlags,
}

#[derive(Debug, Args)]
struct ListFlags {
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the latest runs
    List(ListFlags),
    /// Show one run: its attempts, their results, and what they published
    Show {
        /// The run's id
        run_id: String,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Tell how two versions of a partition differ, by column and by row
    Diff(DiffFlags),
    /// Tell why a partition has its content: what it was made of, by which runs, and its versions
    Why {
        /// The table, such as `metrics.nps`
        table: String,
        /// The day, YYYY-MM-DD
        day: Day,
        #[command(flatten)]
        output: OutputFlags,
    },
}

/// Lists, shows or explains.
pub(super) async fn run(settings: &Settings, flags: &RunsFlags) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    match &flags.command {
        None => list(&lake, &flags.list).await,
        Some(RunsCommand::List(flags)) => list(&lake, flags).await,
        Some(RunsCommand::Show { run_id, output }) => show(&lake, run_id, output.json).await,
        Some(RunsCommand::Diff(flags)) => diff::run(settings, flags).await,
        Some(RunsCommand::Why { table, day, output }) => why(&lake, table, *day, output.json).await,
    }
}

async fn list(lake: &Lake, flags: &ListFlags) -> Result<String> {
    let runs = runs::list(lake, flags.limit).await?;
    if flags.output.json {
        return Ok(line(&json!(runs)));
    }
    Ok(runs.iter().map(|run| format!("{}  {}\n", headline(run), run.start.run_id)).collect())
}

fn headline(run: &Run) -> String {
    let status = run.result.as_ref().and_then(|result| result["status"].as_str());
    format!(
        "{}  {:<20} {:<26} {:<12}",
        time(run.start.started_at),
        run.start.job,
        run.start.days,
        status.unwrap_or("not ended"),
    )
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn show(lake: &Lake, run_id: &str, json: bool) -> Result<String> {
    let all = runs::list(lake, usize::MAX).await?;
    let mut attempts: Vec<&Run> = all.iter().filter(|run| run.start.run_id == run_id).collect();
    attempts.reverse();
    if attempts.is_empty() {
        let known = all.iter().map(|run| run.start.run_id.as_str());
        let hint = did_you_mean(run_id, known);
        return Err(Error::new(Kind::Usage, format!("show run `{run_id}`: there is none{hint}")));
    }
    let history = ledger::history(lake).await?;
    let published: Vec<&Entry> = history.iter().filter(|entry| entry.run_id == run_id).collect();
    if json {
        return Ok(line(&json!({ "attempts": attempts, "published": published })));
    }
    let mut text = String::new();
    for run in attempts {
        let _ = writeln!(text, "{} attempt {}", headline(run), run.start.attempt);
        for (name, value) in &run.start.orchestrator {
            let _ = writeln!(text, "  {name} {value}");
        }
        let result = run.result.as_ref();
        if let Some(error) = result.and_then(|result| result["error"].as_str()) {
            let _ = writeln!(text, "  {error}");
        }
        let failures = result.and_then(|result| result["summary"]["failures"].as_array());
        for failure in failures.into_iter().flatten() {
            let told = |key: &str| failure[key].as_str().unwrap_or_default();
            let _ =
                writeln!(text, "  failed {} dt={}: {}", told("table"), told("dt"), told("message"));
        }
    }
    for entry in published {
        let Entry { partition, version, row_count, reason, attempt, .. } = entry;
        let _ = writeln!(
            text,
            "{partition}  version {version}, {row_count} rows, attempt {attempt}: {reason}"
        );
    }
    Ok(text)
}

async fn why(lake: &Lake, table: &str, day: Day, json: bool) -> Result<String> {
    let history = ledger::history(lake).await?;
    let mut versions: Vec<&Entry> = history
        .iter()
        .filter(|entry| entry.partition.table.to_string() == table && entry.partition.dt == day)
        .collect();
    versions.sort_by_key(|entry| (entry.version, entry.fence, entry.id.clone()));
    let Some(current) = versions.pop() else {
        let known: BTreeMap<String, ()> =
            history.iter().map(|entry| (entry.partition.table.to_string(), ())).collect();
        let hint = match known.contains_key(table) {
            true => ", though other days of it are".to_string(),
            false => did_you_mean(table, known.keys().map(String::as_str)),
        };
        let what = format!("tell why {table} dt={day}: it was never published{hint}");
        return Err(Error::new(Kind::Usage, what));
    };
    let makers = Makers::of(&history);
    if json {
        let inputs: Vec<_> = current
            .inputs
            .iter()
            .map(|input| {
                let maker = makers.of_input(&input.partition, input.content_hash);
                json!({
                    "table": input.partition.table,
                    "dt": input.partition.dt,
                    "content_hash": input.content_hash,
                    "version": maker.map(|entry| entry.version),
                    "run_id": maker.map(|entry| &entry.run_id),
                    "is_current": makers.is_current(&input.partition, input.content_hash),
                })
            })
            .collect();
        return Ok(line(&json!({ "current": current, "inputs": inputs, "earlier": versions })));
    }
    let mut text = format!("{}\n", version_text(current));
    let _ =
        writeln!(text, "  {} bytes, content {}", current.byte_count, current.content_hash.short());
    for export in &current.exports {
        let repeated = export.replay_of.as_ref().map(|of| format!(", which repeats {of}"));
        let _ = writeln!(
            text,
            "  read {} of {}, {} bytes{}",
            export.file,
            time(export.last_modified),
            export.byte_count,
            repeated.unwrap_or_default()
        );
    }
    for input in &current.inputs {
        let maker = makers.of_input(&input.partition, input.content_hash);
        let made = maker.map(|entry| {
            format!("version {} by run {} ({})", entry.version, entry.run_id, entry.reason)
        });
        let since = match makers.is_current(&input.partition, input.content_hash) {
            true => "",
            false => "; another is published now",
        };
        let made = made.unwrap_or_else(|| "of an unknown run".to_string());
        let _ = writeln!(text, "  read {}, {made}{since}", input.partition);
    }
    for (check, count) in &current.warnings {
        let _ = writeln!(text, "  warned of {count}: {check}");
    }
    for earlier in versions.iter().rev() {
        let _ = writeln!(text, "before: {}", version_text(earlier));
    }
    Ok(text)
}

fn version_text(entry: &Entry) -> String {
    format!(
        "{} version {}, {} rows, published {} by run {} attempt {}: {}",
        entry.partition,
        entry.version,
        entry.row_count,
        time(entry.published_at),
        entry.run_id,
        entry.attempt,
        entry.reason
    )
}

/// Which versions there were of what.
struct Makers<'a> {
    /// The first version of each content.
    by_content: BTreeMap<(&'a Partition, ContentHash), &'a Entry>,
    current: BTreeMap<&'a Partition, &'a Entry>,
}

impl<'a> Makers<'a> {
    fn of(history: &'a [Entry]) -> Makers<'a> {
        let mut makers = Makers { by_content: BTreeMap::new(), current: BTreeMap::new() };
        for entry in history {
            makers.by_content.entry((&entry.partition, entry.content_hash)).or_insert(entry);
            let current = makers.current.entry(&entry.partition).or_insert(entry);
            if entry.version >= current.version {
                *current = entry;
            }
        }
        makers
    }

    fn of_input(&self, partition: &Partition, content: ContentHash) -> Option<&'a Entry> {
        self.by_content.get(&(partition, content)).copied()
    }

    fn is_current(&self, partition: &Partition, content: ContentHash) -> bool {
        self.current.get(partition).is_some_and(|entry| entry.content_hash == content)
    }
}
