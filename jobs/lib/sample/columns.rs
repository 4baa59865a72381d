//! Small tables as Parquet: rows in, the bytes of a file out, the same for the same rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};
use crate::sample::facts::Instant;

/// Columns of values that are hardly ever the same, for which a dictionary is a waste.
const UNIQUE: [&str; 16] = [
    "acquired_at",
    "amount_pence",
    "at",
    "dropout_probability",
    "dropped_out_at",
    "expected_purchases_365_days",
    "fact_id",
    "household",
    "id",
    "key",
    "mean_purchase_pounds",
    "mood",
    "order_number",
    "person",
    "purchases_a_day",
    "spend_rate",
];

/// A column: its name, whether values may be missing, and its values.
pub type Column = (&'static str, bool, ArrayRef);

/// A column of text.
pub fn text<T>(rows: &[T], value: impl Fn(&T) -> Option<&str>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

/// A column of whole numbers.
pub fn number<T>(rows: &[T], value: impl Fn(&T) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<Int64Array>())
}

/// A column of numbers with a fraction.
pub fn double<T>(rows: &[T], value: impl Fn(&T) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
}

/// A column of yes and no.
pub fn boolean<T>(rows: &[T], value: impl Fn(&T) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<BooleanArray>())
}

/// A column of days.
pub fn day<T>(rows: &[T], value: impl Fn(&T) -> Option<Day>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| value(row).map(Day::to_epoch)).collect::<Date32Array>())
}

/// A column of instants, UTC, in microseconds.
pub fn instant<T>(rows: &[T], value: impl Fn(&T) -> Option<Instant>) -> ArrayRef {
    let micros = rows.iter().map(|row| value(row).map(|at| at * 1_000_000));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// A number as Parquet's integers hold it; none above 2^63, where none of ours are.
pub fn whole(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

/// A table as a Parquet file.
pub fn parquet(what: &str, columns: Vec<Column>) -> Result<Vec<u8>> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, is_nullable, array)| {
            Field::new(*name, array.data_type().clone(), *is_nullable)
        })
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .context(Kind::Defect, || format!("make the table `{what}`"))?;
    parquet_of(what, &batch)
}

/// Rows as a Parquet file.
pub fn parquet_of(what: &str, rows: &RecordBatch) -> Result<Vec<u8>> {
    let failed = || format!("write `{what}` as Parquet");
    let level = ZstdLevel::try_new(1).context(Kind::Defect, failed)?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("sample-exports".to_string());
    for name in UNIQUE {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    let properties = properties.build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))
        .context(Kind::Defect, failed)?;
    writer.write(rows).context(Kind::Defect, failed)?;
    writer.into_inner().context(Kind::Defect, failed)
}
