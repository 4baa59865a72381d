//! `rapport quarantine`: which rows broke their source's contract, and their second chance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use clap::{Args, Subcommand};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;
use serde_json::json;

use crate::config::Settings;
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result, did_you_mean};
use crate::jobs::door;
use crate::jobs::flags::{BackfillFlags, CommonFlags, DayFlags, RunFlags, SelectFlags};
use crate::jobs::operator::{OutputFlags, line};
use crate::lake::ledger::{Accounting, Ledger};
use crate::lake::{Lake, Partition, TableName};
use crate::models::{QUARANTINE, RAW};

/// The flags of `rapport quarantine`.
#[derive(Debug, Args)]
pub(super) struct QuarantineFlags {
    #[command(subcommand)]
    pub(super) command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List the days of sources with rows in quarantine
    List {
        /// Of this source only
        source: Option<String>,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Show the rows of a source's day, and why they are there
    Show {
        /// The source
        source: String,
        /// The day, YYYY-MM-DD
        day: Day,
        /// How many rows
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print the rows' values too, which may be personal
        #[arg(long)]
        values: bool,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Read a source's days again after its declaration or its files were mended, and build what is
    /// made of them
    Replay(Box<ReplayFlags>),
}

/// The flags of `rapport quarantine replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayFlags {
    /// The source
    source: String,
    #[command(flatten)]
    days: DayFlags,
    #[command(flatten)]
    run: RunFlags,
}

/// Replays: a backfill of all that is made of the source.
pub(super) fn replay(common: &CommonFlags, flags: ReplayFlags) -> ExitCode {
    let ReplayFlags { source, days, run } = flags;
    let tables = SelectFlags { select: vec![format!("source:{source}+")] };
    door::backfill(common, &BackfillFlags::of(days, tables, run))
}

/// Lists or shows.
pub(super) async fn run(settings: &Settings, flags: &QuarantineFlags) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    match &flags.command {
        QuarantineCommand::List { source, output } => {
            list(&lake, source.as_deref(), output.json).await
        }
        QuarantineCommand::Show { source, day, limit, values, output } => {
            let rows = read(&lake, source, *day).await?;
            Ok(show(source, *day, &rows, *limit, *values, output.json))
        }
        QuarantineCommand::Replay(_) => Err(Error::new(Kind::Defect, "a replay is a job")),
    }
}

/// A source's day with rows in quarantine.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    source: &'a str,
    dt: Day,
    quarantined_row_count: u64,
    accounting: Option<Accounting>,
}

async fn list(lake: &Lake, source: Option<&str>, json: bool) -> Result<String> {
    let ledger = Ledger::load(lake).await?;
    if let Some(source) = source {
        ensure_known(&ledger, source)?;
    }
    let entries = ledger.entries().filter(|entry| {
        let table = &entry.partition.table;
        table.zone == QUARANTINE
            && entry.row_count > 0
            && source.is_none_or(|source| table.table == source)
    });
    let listed: Vec<Listed> = entries
        .map(|entry| {
            let Partition { table, dt } = &entry.partition;
            let raw = Partition { table: TableName::new(RAW, &table.table), dt: *dt };
            Listed {
                source: &table.table,
                dt: *dt,
                quarantined_row_count: entry.row_count,
                accounting: ledger.current(&raw).and_then(|entry| entry.accounting),
            }
        })
        .collect();
    if json {
        return Ok(line(&json!(listed)));
    }
    let mut text = String::new();
    for Listed { source, dt, quarantined_row_count, accounting } in &listed {
        let of = accounting.map(|accounting| format!(" of {}", accounting.read_row_count));
        let of = of.unwrap_or_default();
        let _ = writeln!(text, "{source} dt={dt}  {quarantined_row_count}{of} rows");
    }
    let _ = writeln!(text, "{} days of sources with rows in quarantine", listed.len());
    Ok(text)
}

/// Errors with [`Kind::Usage`] where no day of the source was ever ingested.
fn ensure_known(ledger: &Ledger, source: &str) -> Result<()> {
    let tables = ledger.entries().map(|entry| &entry.partition.table);
    let mut known: Vec<&str> =
        tables.filter(|table| table.zone == RAW).map(|table| table.table.as_str()).collect();
    known.dedup();
    if known.contains(&source) {
        return Ok(());
    }
    let hint = did_you_mean(source, known);
    Err(Error::new(Kind::Usage, format!("no day of source `{source}` was ingested{hint}")))
}

/// A row in quarantine.
#[derive(Debug, Serialize)]
struct Row {
    source_file: String,
    source_row: i64,
    reasons: Vec<String>,
    codes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

async fn read(lake: &Lake, source: &str, day: Day) -> Result<Vec<Row>> {
    let ledger = Ledger::load(lake).await?;
    ensure_known(&ledger, source)?;
    let partition = Partition { table: TableName::new(QUARANTINE, source), dt: day };
    let what = || format!("read {partition}");
    if ledger.current(&partition).is_none() {
        let what = format!("show the quarantine of `{source}`: {day} was not ingested");
        return Err(Error::new(Kind::Usage, what));
    }
    let path = format!("{QUARANTINE}/{source}/dt={day}/data.parquet");
    let bytes = lake.read_object(&path).await?;
    let bytes = bytes.ok_or_else(|| Error::new(Kind::Storage, what()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).context(Kind::Storage, what)?;
    let mut rows = vec![];
    for batch in reader.build().context(Kind::Storage, what)? {
        rows.extend(rows_of(&batch.context(Kind::Storage, what)?));
    }
    Ok(rows)
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let texts = |name: &str, at: usize| -> Vec<String> {
        let Some(column) = batch.column_by_name(name) else { return vec![] };
        match column.as_list_opt::<i32>() {
            Some(lists) if lists.is_valid(at) => {
                let values = lists.value(at);
                let texts = values.as_string_opt::<i32>().into_iter().flatten().flatten();
                texts.map(ToString::to_string).collect()
            }
            Some(_) => vec![],
            None => {
                let texts = column.as_string_opt::<i32>().filter(|texts| texts.is_valid(at));
                texts.map(|texts| texts.value(at).to_string()).into_iter().collect()
            }
        }
    };
    let number = |at: usize| {
        let column = batch.column_by_name("source_row")?;
        Some(column.as_primitive_opt::<Int64Type>()?.value(at))
    };
    let row = |at: usize| Row {
        source_file: texts("source_file", at).concat(),
        source_row: number(at).unwrap_or_default(),
        reasons: texts("reasons", at),
        codes: texts("reason_codes", at),
        record: texts("record", at).pop(),
    };
    (0..batch.num_rows()).map(row).collect()
}

fn show(
    source: &str,
    day: Day,
    rows: &[Row],
    limit: usize,
    with_values: bool,
    json: bool,
) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for code in rows.iter().flat_map(|row| &row.codes) {
        *counts.entry(code).or_default() += 1;
    }
    let shown = rows.iter().take(limit).map(|row| Row {
        source_file: row.source_file.clone(),
        source_row: row.source_row,
        // These never quote a value.
        reasons: row.reasons.clone(),
        codes: row.codes.clone(),
        record: row.record.clone().filter(|_| with_values),
    });
    let shown: Vec<Row> = shown.collect();
    if json {
        let count = rows.len();
        return line(&json!({
            "source": source, "dt": day, "row_count": count, "codes": counts, "rows": shown,
        }));
    }
    let mut text = format!("{source} dt={day}: {} rows in quarantine\n", rows.len());
    for (code, count) in counts {
        let _ = writeln!(text, "  {count} {code}");
    }
    for row in shown {
        let reasons = row.reasons.join("; ");
        let _ = writeln!(text, "{} row {}: {reasons}", row.source_file, row.source_row);
        if let Some(record) = &row.record {
            let _ = writeln!(text, "  {record}");
        }
    }
    text
}
