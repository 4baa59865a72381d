//! Rows of Parquet exports: each column into its declared type, with the same reasons as text.
//!
//! A column of the declared type already is taken as it is; every other goes through its text, so
//! that what fits is decided in one place.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Schema, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use twox_hash::XxHash3_128;

use super::cast::Caster;
use super::cells::{Cells, Span};
use super::faults::{Code, Fault};
use super::grid::hash_of_element;
use super::header::Layout;
use super::moments;
use super::parquet_nested::{Origin, Unfolded, Unfolding, json_texts, with_texts_of_floats};
use super::rows::{Parsed, Shape, forgive_deletes, gather, keep_others, marks};
use super::source::{Column, ColumnType, NumberFormat, Source, UTC};
use crate::errors::{Context, Kind, Result};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 16_384;

/// Records decoded at a time where each may make many rows.
const BATCH_RECORDS: usize = 1024;

/// The whole of `reader` in a temporary file that nobody else sees.
pub(super) fn spool(reader: &mut impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])?;
    }
    file.rewind()?;
    Ok(file)
}

/// Opens a Parquet file of `source`: how its columns are those of rows, and its records.
///
/// Errors: what is wrong with the file, for people.
pub(super) fn open(
    source: &Source,
    file: File,
) -> Result<(Unfolding, ParquetRecordBatchReader), String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| format!("it is no whole Parquet file: {error}"))?;
    let unfolding = Unfolding::new(source, builder.schema().fields())?;
    let batch_size = if unfolding.explodes() { BATCH_RECORDS } else { BATCH_ROWS };
    let reader = builder
        .with_batch_size(batch_size)
        .build()
        .map_err(|error| format!("its Parquet data cannot be read: {error}"))?;
    Ok((unfolding, reader))
}

/// Types the rows of `batch`.
pub(super) fn typed(
    shape: &Shape,
    layout: &Layout,
    caster: &Caster,
    unfolding: &Unfolding,
    batch: &RecordBatch,
) -> Result<Parsed> {
    let source = &shape.source;
    let batch = &with_nulls(batch)?;
    let Unfolded { columns: found, origins } =
        unfolding.unfold(batch).context(Kind::Defect, || "take nested columns apart")?;
    let row_count = origins.len();
    let mut faults = Vec::new();
    let mut columns = Vec::with_capacity(source.columns.len() + 1);
    for (index, column) in source.columns.iter().enumerate() {
        let place = layout.places.get(index).copied().flatten();
        let array = place.and_then(|place| found.get(place));
        columns.push(cast_column(caster, index, column, array, row_count, &mut faults)?);
    }
    for (column, place) in shape.widened.iter().zip(&layout.widened) {
        let array = place.and_then(|place| found.get(place));
        columns.push(cast_column(caster, usize::MAX, column, array, row_count, &mut faults)?);
    }
    if source.unknown_columns.are_kept_as_text() {
        columns.push(extras(&found, layout, row_count)?);
    }
    let mut numbers: Vec<u32> =
        (0..row_count).map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect();
    let records = hashes(batch, layout, unfolding)?;
    let of_row = |origin: &Origin| hash_of_element(records[origin.record], origin.element);
    let mut hashes: Vec<u128> = origins.iter().map(of_row).collect();
    forgive_deletes(&mut faults, source, &columns);
    let rejected =
        gather(faults, source, |row| (row as u64, None, record(batch, origins[row].record)));
    if !rejected.is_empty() {
        keep_others(&rejected, &mut columns, &mut numbers, &mut hashes)?;
    }
    let bad = rejected.into_iter().map(|(_, row)| row).collect();
    let marks = marks(source, &columns, &hashes)?;
    Ok(Parsed { row_count: row_count as u64, columns, numbers, marks, bad, broken: None })
}

/// The batch with its columns of type Null, which programs write where no row has a value, as
/// texts that are all null: arrow's own array of that type calls none of its rows null.
fn with_nulls(batch: &RecordBatch) -> Result<RecordBatch> {
    let is_null =
        |field: &std::sync::Arc<arrow::datatypes::Field>| *field.data_type() == DataType::Null;
    if !batch.schema_ref().fields().iter().any(is_null) {
        return Ok(batch.clone());
    }
    let columns =
        batch.schema_ref().fields().iter().zip(batch.columns()).map(
            |(field, array)| match is_null(field) {
                true => (field.name(), arrow::array::new_null_array(&DataType::Utf8, array.len())),
                false => (field.name(), std::sync::Arc::clone(array)),
            },
        );
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .context(Kind::Defect, || "read columns without a type")
}

fn cast_column(
    caster: &Caster,
    index: usize,
    column: &Column,
    array: Option<&ArrayRef>,
    row_count: usize,
    faults: &mut Vec<Fault>,
) -> Result<ArrayRef> {
    let Some(array) = array else {
        let cells = Cells { text: &[], spans: &[], stride: 1, place: None, row_count };
        return caster.cast(index, column, cells, faults);
    };
    if let Some(array) = as_it_is(column, array)? {
        if column.required && array.null_count() > 0 {
            let missing = (0..row_count).filter(|row| array.is_null(*row));
            faults.extend(missing.map(|row| Fault {
                row,
                column: Some(index),
                code: Code::MissingRequired,
            }));
        }
        return Ok(array);
    }
    let failed = || format!("read column `{}` as text", column.name);
    let mut array = plain(array).context(Kind::Defect, failed)?;
    if let (ColumnType::Timestamp, DataType::Timestamp(unit, Some(_))) =
        (column.data_type, array.data_type())
    {
        // The same instants, shown without the odd minutes and seconds that zones once had.
        let utc = DataType::Timestamp(*unit, Some(UTC.into()));
        array = cast(&array, &utc).context(Kind::Defect, failed)?;
    }
    let is_text = matches!(array.data_type(), DataType::Utf8 | DataType::Binary);
    let (text, spans) = match array.data_type() {
        // `17850.0` in a column of texts, which may say what of it is meant; a number otherwise,
        // and the digits of `20240229` where a format reads them.
        DataType::Float32 if column.data_type != ColumnType::String => {
            number_texts(array.as_primitive::<Float32Type>())
        }
        DataType::Float64 if column.data_type != ColumnType::String => {
            number_texts(array.as_primitive::<Float64Type>())
        }
        _ => texts(&array, faults, index).context(Kind::Defect, failed)?,
    };
    let cells = Cells { text: &text, spans: &spans, stride: 1, place: Some(0), row_count };
    if is_text {
        return caster.cast(index, column, cells, faults);
    }
    // What the declaration says of how texts are written does not hold for values that never were
    // any. What it says of their meaning does: a number is a moment only by its format.
    let mut column = column.clone();
    column.number = NumberFormat::default();
    if !array.data_type().is_numeric() {
        column.formats.clear();
    }
    if *array.data_type() == DataType::Boolean {
        column.true_values.clear();
        column.false_values.clear();
    }
    caster.cast(index, &column, cells, faults)
}

/// The column, where it has the declared type, nothing is declared of its values, and all of them
/// can be shown.
fn as_it_is(column: &Column, array: &ArrayRef) -> Result<Option<ArrayRef>> {
    let is_free = column.minimum.is_none()
        && column.maximum.is_none()
        && column.allowed.is_none()
        && column.null_tokens.iter().all(String::is_empty);
    let fits = match (column.data_type, array.data_type()) {
        (ColumnType::Integer, from) => from.is_signed_integer(),
        (ColumnType::Boolean, from) => *from == DataType::Boolean,
        (ColumnType::Date, from) => *from == DataType::Date32,
        (ColumnType::Timestamp, from) => matches!(from, DataType::Timestamp(_, Some(_))),
        (ColumnType::Decimal { .. }, from) => *from == column.data_type.arrow(),
        _ => false,
    };
    if !is_free || !fits {
        return Ok(None);
    }
    let typed = match array.data_type() {
        // The microsecond that an instant lies in, before 1970 too: the cast would round up there.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>();
            let micros: PrimitiveArray<TimestampMicrosecondType> =
                nanos.unary(|nanos| nanos.div_euclid(1000));
            Arc::new(micros.with_timezone(UTC))
        }
        _ => cast(array, &column.data_type.arrow())
            .context(Kind::Defect, || format!("cast column `{}`", column.name))?,
    };
    // What a cast cannot hold it makes null, and years beyond four digits no text shows: such
    // values are told by their texts.
    let is_whole = typed.null_count() == array.null_count()
        && match typed.data_type() {
            DataType::Date32 => {
                let mut days = typed.as_primitive::<Date32Type>().iter().flatten();
                days.all(|day| moments::is_day_in_range(i64::from(day)))
            }
            DataType::Timestamp(..) => {
                let mut micros = typed.as_primitive::<TimestampMicrosecondType>().iter().flatten();
                micros.all(moments::is_in_range)
            }
            _ => true,
        };
    Ok(is_whole.then_some(typed))
}

/// Without dictionaries and with one kind of text; nested values as their JSON; NaN, which is how some programs write "no
/// value", as null.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Dictionary(_, values) => plain(&cast(array, values)?)?,
        DataType::LargeUtf8 | DataType::Utf8View => cast(array, &DataType::Utf8)?,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            cast(array, &DataType::Binary)?
        }
        DataType::Null => arrow::array::new_null_array(&DataType::Utf8, array.len()),
        nested if nested.is_nested() => json_texts(array)?,
        DataType::Float16 => plain(&cast(array, &DataType::Float32)?)?,
        DataType::Float32 | DataType::Float64 => {
            let doubles = cast(array, &DataType::Float64)?;
            let nan = is_nan_array(&doubles)?;
            match array.data_type() {
                // A float's own digits: as a double it would have more than it was written with.
                DataType::Float32 => arrow::compute::nullif(array, &nan)?,
                _ => arrow::compute::nullif(&doubles, &nan)?,
            }
        }
        _ => std::sync::Arc::clone(array),
    })
}

fn is_nan_array(doubles: &ArrayRef) -> Result<arrow::array::BooleanArray, ArrowError> {
    let doubles = doubles.as_primitive::<Float64Type>();
    Ok(arrow::array::BooleanArray::from_unary(doubles, f64::is_nan))
}

/// The digits of floats, without an exponent and without a fraction that is zero.
fn number_texts<T>(array: &PrimitiveArray<T>) -> (Vec<u8>, Vec<Span>)
where
    T: ArrowPrimitiveType,
    T::Native: std::fmt::Display,
{
    let mut text = Vec::new();
    let spans = array.iter().map(|value| {
        let Some(value) = value else { return Span::ABSENT };
        let start = text.len();
        // Writing into a Vec cannot fail.
        let _ = write!(text, "{value}");
        Span::new(start, text.len())
    });
    let spans = spans.collect();
    (text, spans)
}

/// The texts of an array, one after the other, and where each is.
fn texts(
    array: &ArrayRef,
    faults: &mut Vec<Fault>,
    index: usize,
) -> Result<(Vec<u8>, Vec<Span>), ArrowError> {
    let mut text = Vec::new();
    let mut spans = Vec::with_capacity(array.len());
    let options = FormatOptions::new();
    let formatter = match array.data_type() {
        DataType::Utf8 | DataType::Binary => None,
        _ => Some(ArrayFormatter::try_new(array.as_ref(), &options)?),
    };
    for row in 0..array.len() {
        if array.is_null(row) {
            spans.push(Span::ABSENT);
            continue;
        }
        let start = text.len();
        match (&formatter, array.data_type()) {
            (Some(formatter), _) => {
                // Writing into a Vec cannot fail; the formatter's own errors show as text.
                let _ = write!(text, "{}", formatter.value(row));
            }
            (None, DataType::Binary) => {
                let bytes = array.as_binary::<i32>().value(row);
                match std::str::from_utf8(bytes) {
                    Ok(_) => text.extend_from_slice(bytes),
                    Err(_) => {
                        let column = Some(index);
                        faults.push(Fault { row, column, code: Code::BadEncoding });
                        spans.push(Span::ABSENT);
                        continue;
                    }
                }
            }
            (None, _) => text.extend_from_slice(array.as_string::<i32>().value(row).as_bytes()),
        }
        spans.push(Span::new(start, text.len()));
    }
    Ok((text, spans))
}

fn extras(columns: &[ArrayRef], layout: &Layout, row_count: usize) -> Result<ArrayRef> {
    let failed = || "read undeclared columns as text";
    let shown = |(name, place): &(String, usize)| {
        let array = &columns[*place];
        let array = match array.data_type() {
            nested if nested.is_nested() => plain(array)?,
            _ => with_texts_of_bytes(array)?,
        };
        Ok((name.clone(), array))
    };
    let arrays = layout.extras.iter().map(shown).collect::<Result<Vec<_>, ArrowError>>();
    let arrays = arrays.context(Kind::Defect, failed)?;
    let options = FormatOptions::new();
    let formatters = arrays
        .iter()
        .map(|(name, array)| {
            ArrayFormatter::try_new(array, &options).map(|formatter| (name, array, formatter))
        })
        .collect::<Result<Vec<_>, _>>()
        .context(Kind::Defect, failed)?;
    let texts = (0..row_count).map(|row| {
        let mut object = serde_json::Map::new();
        for (name, array, formatter) in &formatters {
            if array.is_valid(row) {
                object.insert((*name).clone(), formatter.value(row).to_string().into());
            }
        }
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    });
    Ok(Arc::new(StringArray::from_iter(texts)))
}

/// The row as a line of JSON: Parquet has no text of its own.
fn record(batch: &RecordBatch, row: usize) -> String {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    let written = writer.write(&showable(batch.slice(row, 1))).and_then(|()| writer.finish());
    match written {
        Ok(()) => String::from_utf8_lossy(&writer.into_inner()).trim_end().to_string(),
        // Types that JSON cannot show: the row's number still leads to it.
        Err(_) => String::new(),
    }
}

/// The one row of a batch as JSON can show it: with the numbers of instants and days that are too
/// far away to be shown as such, the names of infinities, the text of bytes that are one.
fn showable(row: RecordBatch) -> RecordBatch {
    let columns = row.columns().iter().map(|array| {
        let shown = match array.data_type() {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 if is_too_far(array) => {
                cast(array, &DataType::Int64)
            }
            _ => with_texts_of_bytes(array).and_then(|array| with_texts_of_floats(&array)),
        };
        shown.unwrap_or_else(|_| Arc::clone(array))
    });
    let columns: Vec<ArrayRef> = columns.collect();
    let schema = row.schema();
    let fields = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns).unwrap_or(row)
}

fn is_too_far(array: &ArrayRef) -> bool {
    array.is_valid(0)
        && ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new())
            .is_ok_and(|formatter| formatter.value(0).try_to_string().is_err())
}

/// Columns of bytes as texts, as declared columns read them; hexadecimal digits for bytes that are
/// no text. Other columns as they are.
fn with_texts_of_bytes(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let bytes = match array.data_type() {
        DataType::Dictionary(_, values) if values.is_binary() => cast(array, values)?,
        _ => Arc::clone(array),
    };
    let is_bytes = matches!(bytes.data_type(), DataType::FixedSizeBinary(_));
    if !is_bytes && !bytes.data_type().is_binary() {
        return Ok(Arc::clone(array));
    }
    let bytes = cast(&bytes, &DataType::Binary)?;
    let texts = bytes.as_binary::<i32>().iter().map(|bytes| {
        bytes.map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    });
    Ok(Arc::new(StringArray::from_iter(texts)))
}

/// What tells the records of `batch` apart.
fn hashes(batch: &RecordBatch, layout: &Layout, unfolding: &Unfolding) -> Result<Vec<u128>> {
    let columns: Vec<ArrayRef> =
        unfolding.record_columns(batch, layout.canonical_order().flatten()).collect();
    let fields: Vec<SortField> =
        columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    if !RowConverter::supports_fields(&fields) {
        // Rare types such as maps: the row's JSON tells it apart as well, only slower.
        let rows = 0..batch.num_rows();
        return Ok(rows.map(|row| XxHash3_128::oneshot(record(batch, row).as_bytes())).collect());
    }
    let failed = || "hash rows";
    let converter = RowConverter::new(fields).context(Kind::Defect, failed)?;
    let rows = converter.convert_columns(&columns).context(Kind::Defect, failed)?;
    Ok(rows.iter().map(|row| XxHash3_128::oneshot(row.as_ref())).collect())
}
