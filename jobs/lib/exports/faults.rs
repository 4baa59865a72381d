//! What can be wrong with a row, and the table of the rows that have something wrong with them.
//!
//! A reason never repeats the value: reasons go into logs and results, and values may be personal.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Builder, ListBuilder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::errors::{Context, Kind, Result};

/// What is wrong with a row or with one of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A required value is missing.
    MissingRequired,
    /// Text that should be a number.
    NotANumber,
    /// A number with a fraction that should be whole.
    NotWhole,
    /// A number that its type cannot hold.
    TooLarge,
    /// A number with more digits after the point than its type keeps.
    TooPrecise,
    /// Text that should be true or false.
    NotABoolean,
    /// Text that should be a day.
    NotADate,
    /// Text that should be an instant.
    NotATimestamp,
    /// A time that the zone's clocks skipped.
    NonexistentLocalTime,
    /// A value that is none of the allowed ones.
    NotAllowed,
    /// Text that does not match its pattern.
    Pattern,
    /// A value below the least or above the greatest.
    OutOfRange,
    /// Too many or too few fields.
    RaggedRow,
    /// A record that is not JSON.
    NotJson,
    /// A record that is JSON, and no object.
    NotAnObject,
    /// What should be exploded is no array.
    NotAnArray,
    /// A path that leads through a value which has no such key or element.
    WrongShape,
    /// Bytes that the file's encoding does not have.
    BadEncoding,
    /// A byte that no text has.
    NulByte,
    /// An escape that stands for half a character.
    HalfCharacter,
    /// An object that names a key twice.
    RepeatedKey,
    /// The file's header where a row should be.
    RepeatedHeader,
}

impl Code {
    /// The code as the tables hold it.
    pub fn name(self) -> &'static str {
        match self {
            Code::MissingRequired => "missing_required",
            Code::NotANumber => "not_a_number",
            Code::NotWhole => "not_whole",
            Code::TooLarge => "too_large",
            Code::TooPrecise => "too_precise",
            Code::NotABoolean => "not_a_boolean",
            Code::NotADate => "not_a_date",
            Code::NotATimestamp => "not_a_timestamp",
            Code::NonexistentLocalTime => "nonexistent_local_time",
            Code::NotAllowed => "not_allowed",
            Code::Pattern => "pattern",
            Code::OutOfRange => "out_of_range",
            Code::RaggedRow => "ragged_row",
            Code::NotJson => "not_json",
            Code::NotAnObject => "not_an_object",
            Code::NotAnArray => "not_an_array",
            Code::WrongShape => "wrong_shape",
            Code::BadEncoding => "bad_encoding",
            Code::NulByte => "nul_byte",
            Code::HalfCharacter => "half_character",
            Code::RepeatedKey => "repeated_key",
            Code::RepeatedHeader => "repeated_header",
        }
    }

    /// What was found, for people.
    pub fn text(self) -> &'static str {
        match self {
            Code::MissingRequired => "is missing and required",
            Code::NotANumber => "is not a number",
            Code::NotWhole => "is not a whole number",
            Code::TooLarge => "is too large for its type",
            Code::TooPrecise => "has more digits after the point than its type keeps",
            Code::NotABoolean => "is neither true nor false",
            Code::NotADate => "is not a date in a declared format",
            Code::NotATimestamp => "is not an instant in a declared format",
            Code::NonexistentLocalTime => "is a local time that clocks skipped",
            Code::NotAllowed => "is none of the allowed values",
            Code::Pattern => "does not match the pattern",
            Code::OutOfRange => "is out of range",
            Code::RaggedRow => "has the wrong number of fields",
            Code::NotJson => "is not JSON",
            Code::NotAnObject => "is not a JSON object",
            Code::NotAnArray => "is not an array, so it cannot be exploded",
            Code::WrongShape => "leads through a value of another shape",
            Code::BadEncoding => "has bytes that the declared encoding does not have",
            Code::NulByte => "has a NUL byte",
            Code::HalfCharacter => "has an escape that stands for half a character",
            Code::RepeatedKey => "names a key twice in one object",
            Code::RepeatedHeader => "is the file's header once more",
        }
    }
}

/// Something wrong with one row of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The row within what was handed to the casts.
    pub row: usize,
    /// The column's place in the declaration; none where the whole row is meant.
    pub column: Option<usize>,
    pub code: Code,
}

/// A record that goes to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow {
    /// Its number in its file, from 1; within a chunk, from 0.
    pub row: u64,
    /// The first line of its text in the file, from 1; none where the format has no lines.
    pub line: Option<u64>,
    /// Its text as it was found.
    pub record: String,
    /// What is wrong with it, for people.
    pub reasons: Vec<String>,
    pub codes: Vec<Code>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let texts = || DataType::List(Arc::new(Field::new("item", DataType::Utf8, false)));
    Arc::new(Schema::new(vec![
        Field::new("source_file", DataType::Utf8, false),
        Field::new("source_row", DataType::Int64, false),
        Field::new("source_line", DataType::Int64, true),
        Field::new("record", DataType::Utf8, false),
        Field::new("reasons", texts(), false),
        Field::new("reason_codes", texts(), false),
    ]))
});

/// The columns of every quarantine table.
///
/// `source_file`: the file's key relative to the landing root. `source_row`: the record's number
/// in it, from 1. `source_line`: the first line of its text once the file is decompressed, from 1;
/// null for Parquet. `record`: its text as it was found. `reasons`: `column: what is wrong`, one a
/// fault, never the value. `reason_codes`: the same, as codes that stay.
pub fn quarantine_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The quarantine table's rows for `rows` of the file `file`.
pub(super) fn quarantine_batch(file: &str, rows: &[BadRow]) -> Result<RecordBatch> {
    let item = || Field::new("item", DataType::Utf8, false);
    let mut files = StringBuilder::new();
    let mut numbers = Int64Builder::new();
    let mut lines = Int64Builder::new();
    let mut records = StringBuilder::new();
    let mut reasons = ListBuilder::new(StringBuilder::new()).with_field(item());
    let mut codes = ListBuilder::new(StringBuilder::new()).with_field(item());
    for row in rows {
        files.append_value(file);
        numbers.append_value(i64::try_from(row.row).unwrap_or(i64::MAX));
        lines.append_option(row.line.map(|line| i64::try_from(line).unwrap_or(i64::MAX)));
        records.append_value(&row.record);
        row.reasons.iter().for_each(|reason| reasons.values().append_value(reason));
        reasons.append(true);
        row.codes.iter().for_each(|code| codes.values().append_value(code.name()));
        codes.append(true);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(files.finish()),
        Arc::new(numbers.finish()),
        Arc::new(lines.finish()),
        Arc::new(records.finish()),
        Arc::new(reasons.finish()),
        Arc::new(codes.finish()),
    ];
    RecordBatch::try_new(quarantine_schema(), columns)
        .context(Kind::Defect, || "assemble quarantined rows")
}

/// How many rows each code sent to quarantine; a row with two codes counts for both.
pub(super) fn count_codes(rows: &[BadRow], counts: &mut BTreeMap<String, u64>) {
    for row in rows {
        let mut codes = row.codes.clone();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            *counts.entry(code.name().to_string()).or_default() += 1;
        }
    }
}
