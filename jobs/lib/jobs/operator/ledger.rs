//! `rapport ledger`: the whole ledger as one Parquet file, a row a published version, for DuckDB and
//! whatever else reads Parquet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use serde::Serialize;

use crate::config::Settings;
use crate::errors::{Context as _, Kind, Result};
use crate::lake::Lake;
use crate::lake::ledger::{self, Entry, Ledger};

/// A published version.
#[derive(Serialize)]
struct Row<'a> {
    table: String,
    dt: String,
    version: u64,
    is_current: bool,
    published_at: String,
    run_id: &'a str,
    attempt: u32,
    reason: &'a str,
    row_count: u64,
    byte_count: u64,
    duration_ms: u64,
    content_hash: String,
    fingerprint: String,
    inputs: Vec<InputRow>,
    exports: Vec<ExportRow<'a>>,
    warnings: Vec<WarningRow<'a>>,
}

#[derive(Serialize)]
struct InputRow {
    table: String,
    dt: String,
    content_hash: String,
}

#[derive(Serialize)]
struct ExportRow<'a> {
    file: &'a str,
    byte_count: u64,
    row_count: Option<u64>,
    content_hash: String,
    replay_of: Option<&'a str>,
}

#[derive(Serialize)]
struct WarningRow<'a> {
    name: &'a str,
    count: u64,
}

/// Writes every version that the ledger knows, oldest first, to `out`.
pub(super) async fn write(settings: &Settings, out: &Path) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let history = ledger::history(&lake).await?;
    let mut now = Ledger::default();
    for entry in &history {
        now.add(entry.clone());
    }
    let current: BTreeSet<&str> = now.entries().map(|entry| entry.id.as_str()).collect();
    let rows: Vec<Row> = history.iter().map(|entry| row(entry, &current)).collect();
    let bytes = parquet(&rows).context(Kind::Defect, || "write the ledger as Parquet")?;
    std::fs::write(out, bytes).context(Kind::Usage, || format!("write `{}`", out.display()))?;
    Ok(format!("{} versions in {}\n", rows.len(), out.display()))
}

fn row<'a>(entry: &'a Entry, current: &BTreeSet<&str>) -> Row<'a> {
    let inputs = entry.inputs.iter().map(|input| InputRow {
        table: input.partition.table.to_string(),
        dt: input.partition.dt.to_string(),
        content_hash: input.content_hash.to_string(),
    });
    let exports = entry.exports.iter().map(|export| ExportRow {
        file: &export.file,
        byte_count: export.byte_count,
        row_count: export.row_count,
        content_hash: export.content_hash.to_string(),
        replay_of: export.replay_of.as_deref(),
    });
    let warnings = entry.warnings.iter().map(|(name, count)| WarningRow { name, count: *count });
    Row {
        table: entry.partition.table.to_string(),
        dt: entry.partition.dt.to_string(),
        version: entry.version,
        is_current: current.contains(entry.id.as_str()),
        published_at: entry.published_at.to_rfc3339(),
        run_id: &entry.run_id,
        attempt: entry.attempt,
        reason: &entry.reason,
        row_count: entry.row_count,
        byte_count: entry.byte_count,
        duration_ms: entry.duration_ms,
        content_hash: entry.content_hash.to_string(),
        fingerprint: entry.fingerprint.to_string(),
        inputs: inputs.collect(),
        exports: exports.collect(),
        warnings: warnings.collect(),
    }
}

fn parquet(rows: &[Row]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let schema = schema();
    let mut decoder =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(8192).build_decoder()?;
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None)?;
    for rows in rows.chunks(8192) {
        decoder.serialize(rows)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
    }
    Ok(writer.into_inner()?)
}

fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let day = |name: &str| Field::new(name, DataType::Date32, true);
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let list = |name: &str, fields: Vec<Field>| {
        let item = Field::new_list_field(DataType::Struct(Fields::from(fields)), true);
        Field::new(name, DataType::List(Arc::new(item)), true)
    };
    Arc::new(Schema::new(vec![
        text("table"),
        day("dt"),
        number("version"),
        Field::new("is_current", DataType::Boolean, true),
        Field::new("published_at", at, true),
        text("run_id"),
        number("attempt"),
        text("reason"),
        number("row_count"),
        number("byte_count"),
        number("duration_ms"),
        text("content_hash"),
        text("fingerprint"),
        list("inputs", vec![text("table"), day("dt"), text("content_hash")]),
        list(
            "exports",
            vec![
                text("file"),
                number("byte_count"),
                number("row_count"),
                text("content_hash"),
                text("replay_of"),
            ],
        ),
        list("warnings", vec![text("name"), number("count")]),
    ]))
}
