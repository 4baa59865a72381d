//! What linking leaves behind: which record is which customer, the pairs that say so, and what was
//! kept apart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::clusters::Clustered;
use super::pairs::Scored;
use super::records::Records;
use crate::config::{Location, Patience};
use crate::errors::{Context as _, Error, Kind, Result};
use crate::lake::Lake;
use crate::lake::parquet_sink::ParquetSink;

/// Where the results lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Which record is which customer.
    pub customers: PathBuf,
    /// The pairs that were scored.
    pub edges: PathBuf,
    /// What was kept apart.
    pub splits: PathBuf,
    /// The model.
    pub model: PathBuf,
}

impl Places {
    /// The places beside `output`, which ends with `.parquet`.
    pub fn beside(output: &Path) -> Places {
        Places {
            customers: output.to_path_buf(),
            edges: output.with_extension("edges.parquet"),
            splits: output.with_extension("splits.parquet"),
            model: output.with_extension("model.yaml"),
        }
    }
}

/// Writes the records with their customers, by source and record id.
pub async fn write_customers(place: &Path, records: &Records, ids: &[String]) -> Result<()> {
    let batch = batch_of(vec![
        ("record_id", Arc::new(records.record_ids.clone()) as ArrayRef),
        ("source", Arc::new(records.sources.clone())),
        ("customer_id", Arc::new(StringArray::from_iter_values(ids))),
    ])?;
    write(place, &batch, &["source", "record_id"]).await
}

/// Writes the scored pairs, by the names of their records.
pub async fn write_edges(place: &Path, records: &Records, scored: &Scored) -> Result<()> {
    let pairs = &scored.pairs;
    let mut columns: Vec<(&str, ArrayRef)> = named(records, pairs)?;
    for (field, array) in pairs.schema_ref().fields().iter().zip(pairs.columns()) {
        if !["left_n", "right_n"].contains(&field.name().as_str()) {
            columns.push((field.name().as_str(), Arc::clone(array)));
        }
    }
    let order = ["left_source", "left_record_id", "right_source", "right_record_id"];
    write(place, &batch_of(columns)?, &order).await
}

/// Writes what was kept apart, in the order that it was.
pub async fn write_splits(place: &Path, records: &Records, clustered: &Clustered) -> Result<()> {
    let splits = &clustered.splits;
    let text = |of: &StringArray, place: u32| of.value(place as usize).to_string();
    let texts = |of: &StringArray, side: fn(&super::clusters::Split) -> u32| -> ArrayRef {
        let known = splits.iter().map(side).filter(|place| (*place as usize) < of.len());
        Arc::new(StringArray::from_iter_values(known.map(|place| text(of, place))))
    };
    let guards = splits.iter().map(|split| split.guard.as_str());
    let weights = splits.iter().map(|split| split.edge.weight);
    let batch = batch_of(vec![
        ("guard", Arc::new(StringArray::from_iter_values(guards)) as ArrayRef),
        ("left_source", texts(&records.sources, |split| split.edge.left)),
        ("left_record_id", texts(&records.record_ids, |split| split.edge.left)),
        ("right_source", texts(&records.sources, |split| split.edge.right)),
        ("right_record_id", texts(&records.record_ids, |split| split.edge.right)),
        ("weight", Arc::new(Float64Array::from_iter_values(weights))),
    ])?;
    write(place, &batch, &[]).await
}

/// The names of the records of pairs.
fn named(records: &Records, pairs: &RecordBatch) -> Result<Vec<(&'static str, ArrayRef)>> {
    let texts = |of: &StringArray, side: &str| -> Result<ArrayRef> {
        let places = pairs
            .column_by_name(side)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| Error::new(Kind::Defect, format!("name pairs: there is no {side}")))?;
        arrow::compute::take(of, places, None).context(Kind::Defect, || "name pairs")
    };
    Ok(vec![
        ("left_source", texts(&records.sources, "left_n")?),
        ("left_record_id", texts(&records.record_ids, "left_n")?),
        ("right_source", texts(&records.sources, "right_n")?),
        ("right_record_id", texts(&records.record_ids, "right_n")?),
    ])
}

fn batch_of(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let field = |(name, array): &(&str, ArrayRef)| {
        Field::new(*name, array.data_type().clone(), *array.data_type() != DataType::Null)
    };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .context(Kind::Defect, || "write results")
}

async fn write(place: &Path, batch: &RecordBatch, order: &[&str]) -> Result<()> {
    let told = || format!("write `{}`", place.display());
    let name = place.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::new(Kind::Usage, told()))?;
    let folder = match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = std::path::absolute(folder).context(Kind::Usage, told)?;
    let lake = Lake::open(&Location::Folder(folder), Patience::default())?;
    let order: Vec<String> = order.iter().map(ToString::to_string).collect();
    let mut sink =
        ParquetSink::create(lake.store(), lake.key(name), batch.schema(), &order).await?;
    match sink.write(batch).await {
        Ok(()) => sink.finish().await.map(|_| ()),
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}
