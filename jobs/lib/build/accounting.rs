//! Builds the table of the accounting of exports: what the ledger noted of a day's raw tables.
//!
//! The accounting is an input like any other: its hash is part of the fingerprint, for it can
//! change where the rows of raw do not (a bad row was mended to one that is there already).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use serde::Serialize;

use crate::dates::Day;
use crate::errors::{Context, Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::ledger::{Accounting, Ledger};
use crate::lake::{Partition, TableName};
use crate::models::RAW;

/// The part of a fingerprint that says where the rows of the exports went.
pub(super) const ACCOUNTING: &str = "accounting";

/// What the ledger noted of a source's day.
#[derive(Debug, Serialize)]
pub(super) struct Noted {
    source: String,
    file_count: u64,
    accounting: Accounting,
}

/// What the ledger noted of `dt` of each of `sources`; nothing of one that was not ingested.
pub(super) fn noted(ledger: &Ledger, sources: &[String], dt: Day) -> Vec<Noted> {
    let noted = sources.iter().filter_map(|source| {
        let entry = ledger.current(&Partition { table: TableName::new(RAW, source), dt })?;
        let (file_count, accounting) = (entry.exports.len() as u64, entry.accounting?);
        Some(Noted { source: source.clone(), file_count, accounting })
    });
    noted.collect()
}

/// Hash of what was noted.
pub(super) fn hash(noted: &[Noted]) -> ContentHash {
    ContentHash::of_json(&noted)
}

/// What was noted as rows of `schema`.
///
/// Errors: [`Kind::Defect`] for a count beyond 64 bits, or columns that are none of the table's.
pub(super) fn rows(noted: &[Noted], schema: &SchemaRef) -> Result<RecordBatch> {
    let what = || "build the accounting of exports";
    let counts = |of: fn(&Noted) -> u64| -> Result<ArrayRef> {
        let counts = noted.iter().map(|noted| i64::try_from(of(noted)));
        let counts: Vec<i64> = counts.collect::<Result<_, _>>().context(Kind::Defect, what)?;
        Ok(Arc::new(Int64Array::from(counts)))
    };
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "source" => {
            let sources = noted.iter().map(|noted| Some(noted.source.as_str()));
            Ok(Arc::new(sources.collect::<StringArray>()) as ArrayRef)
        }
        "file_count" => counts(|noted| noted.file_count),
        "read_row_count" => counts(|noted| noted.accounting.read_row_count),
        "accepted_row_count" => counts(|noted| noted.accounting.accepted_row_count),
        "quarantined_row_count" => counts(|noted| noted.accounting.quarantined_row_count),
        "duplicate_row_count" => counts(|noted| noted.accounting.duplicate_row_count),
        "kept_duplicate_row_count" => counts(|noted| noted.accounting.kept_duplicate_row_count),
        name => Err(Error::new(Kind::Defect, format!("{}: no `{name}`", what()))),
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).context(Kind::Defect, what)
}
