//! Restatements: what moved of figures that were published before.
//!
//! When a day of a table of metrics is published with other bytes, the object that it replaces is
//! still there. The two are held against each other, what moved is kept as a text of our own, and
//! the ledger's entry names it, with those of the versions before. `metrics.restatements` is made of
//! what the entries of a day name: an input like any other, of which a rerun makes the same bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use serde::Serialize;
use tracing::info;

use crate::build::moved::{self, Moved, MovedKind};
use crate::build::query::Built;
use crate::build::{Evaluation, Workshop};
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::ledger::{Ledger, Restatement};
use crate::lake::texts::RESTATEMENTS;
use crate::lake::{Partition, TableName};
use crate::models::{METRICS, Model, Recipe};

/// The part of a fingerprint that says what moved of the day's figures.
pub(super) const RESTATED: &str = "restatements";

/// What the ledger is to note of the version of `partition` that was built: what moved by it, if
/// anything, after what moved by those before.
pub(super) async fn of_build(
    workshop: &Workshop,
    model: &Model,
    partition: &Partition,
    evaluation: &Evaluation,
    built: &Built,
    run_id: &str,
) -> Result<Vec<Restatement>> {
    let is_figures = model.name.zone == METRICS && matches!(model.recipe, Recipe::Query(_));
    let Some(current) = workshop.entry(partition).await else { return Ok(vec![]) };
    let mut restatements = current.restatements.clone();
    if !is_figures || current.content_hash == built.written.content_hash {
        return Ok(restatements);
    }
    let warehouse = &workshop.warehouse;
    let before = warehouse.read_key(&warehouse.partition_key(partition)).await?;
    let before = before.filter(|bytes| ContentHash::of(bytes) == current.content_hash);
    let after = warehouse.read_key(&built.key).await?.ok_or_else(|| {
        Error::new(Kind::Storage, format!("read `{}`: it was built, and is gone", built.key))
    })?;
    let moved = match before {
        Some(before) => moved::between(before, after, &model.grain)?,
        None => vec![Moved::unknown()],
    };
    if moved.is_empty() {
        return Ok(restatements);
    }
    let text = serde_json::to_string(&moved)
        .context(Kind::Defect, || "write down what moved of a metric")?;
    let Partition { table, dt } = partition;
    info!(%table, %dt, figures = moved.len(), "published figures moved");
    restatements.push(Restatement {
        version: current.version + 1,
        run_id: run_id.to_string(),
        reason: evaluation.reason(),
        content_hash: RESTATEMENTS.keep(warehouse, &text).await?,
    });
    Ok(restatements)
}

/// What the ledger noted of a table's day.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Noted {
    table: TableName,
    restatements: Vec<Restatement>,
}

/// What the ledger noted of `dt` of each of `tables`; nothing of those of which nothing moved.
pub(super) fn noted(ledger: &Ledger, tables: &[TableName], dt: Day) -> Vec<Noted> {
    let noted = tables.iter().filter_map(|table| {
        let entry = ledger.current(&Partition { table: table.clone(), dt })?;
        let restatements = entry.restatements.clone();
        (!restatements.is_empty()).then(|| Noted { table: table.clone(), restatements })
    });
    noted.collect()
}

/// Hash of what was noted.
pub(super) fn hash(noted: &[Noted]) -> ContentHash {
    ContentHash::of_json(&noted)
}

/// What was noted as rows of `schema`, in the order of the table's grain.
pub(super) async fn rows(
    workshop: &Workshop,
    noted: &[Noted],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let mut rows: Vec<Row<'_>> = vec![];
    for Noted { table, restatements } in noted {
        for restatement in restatements {
            let moved = read(workshop, restatement.content_hash).await?;
            let row = |moved| Row { table: &table.table, restatement, moved };
            rows.extend(moved.into_iter().map(row));
        }
    }
    rows.sort_by(|left, right| left.place().cmp(&right.place()));
    let texts = |of: fn(&Row<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let what = || "build the restatements";
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "table_name" => Ok(texts(|row| Some(row.table.to_string()))),
        "version" => {
            let versions = rows.iter().map(|row| i64::try_from(row.restatement.version));
            let versions: Vec<i64> =
                versions.collect::<Result<_, _>>().context(Kind::Defect, what)?;
            Ok(Arc::new(Int64Array::from(versions)) as ArrayRef)
        }
        "dimensions" => Ok(texts(|row| Some(row.moved.dimensions.clone()))),
        "column_name" => Ok(texts(|row| Some(row.moved.column.clone()))),
        "kind" => Ok(texts(|row| Some(row.moved.kind.name().to_string()))),
        "value_before" => Ok(texts(|row| row.moved.before.clone())),
        "value_after" => Ok(texts(|row| row.moved.after.clone())),
        "reason" => Ok(texts(|row| Some(row.restatement.reason.clone()))),
        "run_id" => Ok(texts(|row| Some(row.restatement.run_id.clone()))),
        name => Err(Error::new(Kind::Defect, format!("{}: no `{name}`", what()))),
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).context(Kind::Defect, what)
}

/// What moved, as it was kept; where it is kept no longer, nobody knows what it was.
async fn read(workshop: &Workshop, hash: ContentHash) -> Result<Vec<Moved>> {
    let Some(text) = RESTATEMENTS.read(&workshop.warehouse, hash).await? else {
        return Ok(vec![Moved::unknown()]);
    };
    serde_json::from_str(&text).context(Kind::Storage, || {
        format!("read what moved of a metric, {hash}: it is damaged; delete it")
    })
}

struct Row<'a> {
    table: &'a str,
    restatement: &'a Restatement,
    moved: Moved,
}

impl Row<'_> {
    fn place(&self) -> (&str, u64, &str, &str, MovedKind) {
        let Moved { dimensions, column, kind, .. } = &self.moved;
        (self.table, self.restatement.version, dimensions, column, *kind)
    }
}
