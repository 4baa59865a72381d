//! Keeps the rows that break a check where whoever mends them can look: a Parquet object a check,
//! until the partition is built again.
//!
//! The rows may hold anybody's data and stay in the warehouse; what is told of them in messages is
//! the part of the grain that holds none.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{SessionContext, ident};
use futures::TryStreamExt as _;

use crate::checks::finding::{Finding, Kept};
use crate::engine::partitions::PARTITION_COLUMN;
use crate::engine::query_error;
use crate::errors::Result;
use crate::exports::UTC;
use crate::lake::parquet_sink::ParquetSink;
use crate::lake::{Lake, Partition, failed_checks};
use crate::models::Contract;

/// The most rows that are kept of one check.
pub const KEPT_ROWS: usize = 10_000;

/// How many rows are told in a message.
const TOLD_ROWS: usize = 3;

/// The longest value that is told, in characters.
const TOLD_CHARACTERS: usize = 60;

/// Keeps the rows of each of `findings` that `this` in `session` holds, and removes what earlier
/// builds of `partition` kept of checks that hold now.
///
/// Errors: `Storage` where they cannot be written.
pub async fn keep(
    session: &SessionContext,
    warehouse: &Lake,
    partition: &Partition,
    contract: &Contract,
    findings: &mut [Finding],
) -> Result<()> {
    for finding in findings.iter_mut() {
        if let Some(query) = &finding.query {
            let key = failed_checks::key(warehouse, partition, &finding.check);
            let frame = rows(session, query, partition, contract).await?;
            let what = || format!("keep the rows of {partition} that break {}", finding.check);
            let told = Told::of(&frame, contract);
            let columns = KeptColumns::of(frame.schema().as_arrow());
            let (store, schema) = (warehouse.store(), Arc::clone(&columns.schema));
            let mut sink = ParquetSink::create(store, key.clone(), schema, &[]).await?;
            let filled = fill(frame, &columns, told, &mut sink, what).await;
            let first = match filled {
                Ok(first) => first,
                Err(error) => {
                    sink.abort().await;
                    return Err(error);
                }
            };
            let row_count = sink.finish().await?.row_count;
            let place = failed_checks::place(warehouse, &key);
            finding.kept = Some(Kept { place, row_count, first });
        }
    }
    let kept = findings.iter().filter(|finding| finding.kept.is_some());
    failed_checks::keep_only(warehouse, partition, kept.map(|finding| finding.check.as_str())).await
}

/// The first rows that `query` returns, in the order of the grain as far as it returns that.
async fn rows(
    session: &SessionContext,
    query: &str,
    partition: &Partition,
    contract: &Contract,
) -> Result<DataFrame> {
    let what = || query_error(format!("look for the bad rows of {partition}"));
    let frame = session.sql(query).await.map_err(what())?;
    let grain = contract.grain.value.iter();
    let order: Vec<_> = grain
        .filter(|name| frame.schema().qualified_fields_with_unqualified_name(name).len() == 1)
        .map(|name| ident(name).sort(true, false))
        .collect();
    let frame = match order.is_empty() {
        true => frame,
        false => frame.sort(order).map_err(what())?,
    };
    frame.limit(0, Some(KEPT_ROWS)).map_err(what())
}

/// Writes the rows of `frame`; returns what is told of the first.
async fn fill(
    frame: DataFrame,
    columns: &KeptColumns,
    mut told: Told,
    sink: &mut ParquetSink,
    what: impl Fn() -> String,
) -> Result<Vec<String>> {
    let mut batches = frame.execute_stream().await.map_err(query_error(what()))?;
    while let Some(batch) = batches.try_next().await.map_err(query_error(what()))? {
        let failed = |error: ArrowError| query_error(what())(error.into());
        told.look_at(&batch).map_err(failed)?;
        sink.write(&columns.of_rows(&batch).map_err(failed)?).await?;
    }
    Ok(told.first)
}

/// What may be told of rows: the columns of the grain that hold no personal data.
struct Told {
    /// Each column's name, and its place in the rows.
    columns: Vec<(String, usize)>,
    first: Vec<String>,
}

impl Told {
    /// Of the rows of `frame`. A check's own query may give any column a name: only a column of
    /// `this` is what the contract says of its name.
    fn of(frame: &DataFrame, contract: &Contract) -> Told {
        let is_told = |name: &str| {
            let of_grain = contract.grain.value.iter().any(|column| column == name);
            let column = contract.column(name);
            of_grain && column.is_some_and(|column| column.personal.is_none())
        };
        let columns = frame.schema().iter().enumerate().filter_map(|(place, (table, field))| {
            let is_own = table.is_some_and(|table| table.table() == "this");
            (is_own && is_told(field.name())).then(|| (field.name().clone(), place))
        });
        Told { columns: columns.collect(), first: vec![] }
    }

    fn look_at(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let options = FormatOptions::new().with_null("null");
        let columns = self.columns.iter().map(|(name, place)| {
            let formatter = ArrayFormatter::try_new(batch.column(*place).as_ref(), &options)?;
            Ok((name.as_str(), formatter))
        });
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
        if columns.is_empty() {
            return Ok(());
        }
        for row in 0..batch.num_rows() {
            if self.first.len() == TOLD_ROWS {
                break;
            }
            let values = columns.iter().map(|(name, formatter)| {
                let value = formatter.value(row).to_string();
                format!("{name}={}", shortened(&value))
            });
            let key = values.collect::<Vec<_>>().join(" ");
            if self.first.last() != Some(&key) {
                self.first.push(key);
            }
        }
        Ok(())
    }
}

/// A value on one line.
fn shortened(value: &str) -> String {
    let escaped: String = value.escape_debug().collect();
    if escaped.chars().count() <= TOLD_CHARACTERS {
        return escaped;
    }
    escaped.chars().take(TOLD_CHARACTERS).chain(['…']).collect()
}

/// The columns that are kept, each with its place in what a query returns.
struct KeptColumns {
    schema: SchemaRef,
    places: Vec<usize>,
}

impl KeptColumns {
    /// All but the day, which is in the place where the rows are kept.
    fn of(found: &Schema) -> KeptColumns {
        let is_day = |field: &Field| field.name() == PARTITION_COLUMN;
        let has_others = found.fields().iter().any(|field| !is_day(field));
        let (mut fields, mut places) = (vec![], vec![]);
        for (place, field) in found.fields().iter().enumerate() {
            if !is_day(field) || !has_others {
                fields.push(Field::new(field.name().clone(), kept_type(field.data_type()), true));
                places.push(place);
            }
        }
        KeptColumns { schema: Arc::new(Schema::new(fields)), places }
    }

    fn of_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.places.iter().zip(self.schema.fields()).map(|(place, field)| {
            let column = batch.column(*place);
            match field.data_type() {
                DataType::Utf8 => texts(column),
                data_type => cast(column, data_type),
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)
    }
}

/// The type in which a column is kept: one that every reader of Parquet understands. A table's own
/// query may return anything.
fn kept_type(found: &DataType) -> DataType {
    match found {
        DataType::Boolean
        | DataType::Int64
        | DataType::Float64
        | DataType::Date32
        | DataType::Decimal128(..) => found.clone(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
        }
        DataType::Dictionary(_, value) => kept_type(value),
        DataType::List(element) if kept_type(element.data_type()) == *element.data_type() => {
            found.clone()
        }
        _ => DataType::Utf8,
    }
}

/// Any column as text.
fn texts(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let texts: StringArray = (0..column.len())
        .map(|row| column.is_valid(row).then(|| formatter.value(row).to_string()))
        .collect();
    Ok(Arc::new(texts))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        DictionaryArray, Float32Array, StringViewArray, StructArray, TimestampSecondArray,
        UInt64Array,
    };
    use arrow::datatypes::Int8Type;

    use super::*;

    #[test]
    fn whatever_a_query_returns_is_kept_in_types_that_travel() {
        let number: ArrayRef = Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]));
        let both = StructArray::from(vec![(
            Arc::new(Field::new("n", DataType::UInt64, true)),
            Arc::clone(&number),
        )]);
        let found: Vec<(&str, ArrayRef)> = vec![
            ("dt", Arc::new(arrow::array::Date32Array::from(vec![0, 0]))),
            ("view", Arc::new(StringViewArray::from(vec![Some("a"), None]))),
            (
                "word",
                Arc::new([Some("b"), None].into_iter().collect::<DictionaryArray<Int8Type>>()),
            ),
            ("share", Arc::new(Float32Array::from(vec![0.5, 1.0]))),
            ("zoneless", Arc::new(TimestampSecondArray::from(vec![Some(0), None]))),
            ("nothing", arrow::array::new_null_array(&DataType::Null, 2)),
            ("number", number),
            ("both", Arc::new(both)),
        ];
        let batch =
            RecordBatch::try_from_iter_with_nullable(found.into_iter().map(|(n, a)| (n, a, true)));
        let batch = batch.unwrap();
        let columns = KeptColumns::of(batch.schema_ref());
        let kept = columns.of_rows(&batch).unwrap();
        let types: Vec<_> = kept.schema_ref().fields().iter().map(|f| f.data_type()).collect();
        let text = &DataType::Utf8;
        assert_eq!(types, [text, text, &DataType::Float64, text, text, text, text]);
        let shown = arrow::util::pretty::pretty_format_batches(&[kept]).unwrap().to_string();
        let first = "| a    | b    | 0.5   | 1970-01-01T00:00:00 |         | 18446744073709551615 \
                     | {n: 18446744073709551615} |";
        assert!(shown.contains(first), "{shown}");
    }

    #[test]
    fn a_long_value_is_told_in_part_and_on_one_line() {
        assert_eq!(shortened("a\nb"), "a\\nb");
        assert_eq!(shortened(&"x".repeat(99)), "x".repeat(60) + "…");
    }
}
