//! A source: the checked declaration of one kind of export, as the readers use it.
//!
//! The YAML that people write, and every mistake it can hold, is the business of
//! [`declaration`](super::declaration).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono_tz::Tz;
use encoding_rs::Encoding;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::declaration;
use super::location::Location;
use super::moments::MomentFormat;
use crate::errors::{Context, Error, Kind, Result};
use crate::hash::ContentHash;

/// The zone in which timestamps of every table are kept.
pub const UTC: &str = "UTC";

/// The declaration of one kind of export: where it lies, its format, its contract.
#[derive(Debug, Clone)]
pub struct Source {
    /// The source's name: the stem of its file, `[a-z][a-z0-9_]*`.
    pub name: String,
    /// What the export is, for people.
    pub description: String,
    /// Words by which operators select the source's tables.
    pub tags: Vec<String>,
    /// Where a day's files lie, relative to the landing root.
    pub location: Location,
    /// The files' format.
    pub format: Format,
    /// How the text of CSV and TSV files is cut into fields.
    pub csv: CsvDialect,
    /// Where the records lie in a JSON document.
    pub json: JsonLayout,
    /// The encoding of text files.
    pub encoding: &'static Encoding,
    /// How the files are compressed.
    pub compression: Compression,
    /// How a day's rows relate to those of other days.
    pub load: Load,
    /// The columns that identify a row; empty where none is declared.
    pub key: Vec<String>,
    /// Which column tells deletes from upserts; with [`Load::Changes`] only.
    pub operation: Option<Operation>,
    /// Whether a day without a file is an error rather than an empty partition.
    pub required: bool,
    /// What becomes of rows that repeat an earlier row of the day exactly.
    pub duplicates: Duplicates,
    /// For events and changes: how many earlier days are searched for a file that holds the same.
    pub replay_window_days: u32,
    /// How many days before its first a run brings up to date too, as far as they were built: as
    /// many as files may still be rewritten for.
    pub lookback_days: u32,
    /// The share of quarantined rows, 0 to 1, above which a day fails.
    pub maximum_bad_share: f64,
    /// What becomes of columns that the file has and the declaration lacks.
    pub unknown_columns: UnknownColumns,
    /// What becomes of columns that the declaration has and the file lacks.
    pub missing_columns: MissingColumns,
    /// The zone of instants written without one; none means the business zone.
    pub time_zone: Option<Tz>,
    /// The declared columns, in order.
    pub columns: Vec<Column>,
    pub(super) fingerprint: ContentHash,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Fields between delimiters, a comma unless declared otherwise.
    Csv,
    /// The same, with tabs.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON document that holds an array of records.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// How delimited text is cut into fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CsvDialect {
    /// What stands between fields.
    pub delimiter: u8,
    /// What encloses fields that hold delimiters or line ends; doubled inside a field it stands
    /// for itself.
    pub quote: Option<u8>,
    /// What takes the special meaning from the character after it.
    pub escape: Option<u8>,
    /// Whether the first record names the columns; else they come in declared order.
    pub header: bool,
    /// How many lines stand before the header.
    pub skip_lines: u32,
    /// What a line begins with that is no record.
    pub comment: Option<u8>,
}

/// Where the records lie in a JSON document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JsonLayout {
    /// The keys that lead to the array of records; empty for the document itself.
    pub records: Vec<String>,
    /// The keys within a record that lead to an array of which each element makes a row.
    pub explode: Vec<String>,
}

/// How export files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// By the file's first bytes; a name that claims another compression is an error.
    Auto,
    /// Not at all.
    None,
    /// gzip, one or several members.
    Gzip,
    /// zstd, one or several frames.
    Zstd,
    /// bzip2, one or several streams.
    Bzip2,
    /// xz, one or several streams.
    Xz,
}

/// How a day's rows relate to those of other days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Each row happened once, and arrives once.
    Events,
    /// Each day's files hold everything there is.
    Snapshot,
    /// Each day's files hold what was upserted or deleted since.
    Changes,
}

/// Which column tells deletes from upserts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// The column's name.
    pub column: String,
    /// Its values that mean a delete; every other value is an upsert.
    pub delete: Vec<String>,
}

/// What becomes of rows that repeat an earlier row of the day exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The first is kept.
    Drop,
    /// All are kept, and counted.
    Keep,
}

/// What becomes of columns that the file has and the declaration lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownColumns {
    /// The file is broken.
    Fail,
    /// They are left out.
    Ignore,
    /// They are kept in `extra_columns`, a JSON object of texts.
    Text,
    /// They are kept in `extra_columns` and also become columns of text after the declared ones.
    Widen,
}

impl UnknownColumns {
    /// Whether the table has a column `extra_columns`: the one place where queries find what the
    /// declaration lacks, whatever columns a day's files had.
    pub(super) fn are_kept_as_text(self) -> bool {
        matches!(self, UnknownColumns::Text | UnknownColumns::Widen)
    }
}

/// What becomes of columns that the declaration has and the file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingColumns {
    /// The file is broken.
    Fail,
    /// They are null.
    Null,
}

/// A declared column.
#[derive(Debug, Clone)]
pub struct Column {
    /// The column's name in the table.
    pub name: String,
    /// Its name in the header, or its path in a JSON record.
    pub from: String,
    /// Other names it has had in the header.
    pub aliases: Vec<String>,
    /// Its type in the table.
    pub data_type: ColumnType,
    /// Whether a row without a value is bad.
    pub required: bool,
    /// The only values there may be, where declared.
    pub allowed: Option<Allowed>,
    /// What the whole text must match, where declared.
    pub pattern: Option<Regex>,
    /// The least value, in the column's own representation.
    pub minimum: Option<Bound>,
    /// The greatest value, in the column's own representation.
    pub maximum: Option<Bound>,
    /// The texts that mean "no value".
    pub null_tokens: Vec<String>,
    /// How dates and instants are written, tried in order; empty means ISO 8601.
    pub formats: Vec<MomentFormat>,
    /// How numbers are written.
    pub number: NumberFormat,
    /// The texts that mean true, in lower case; empty means the usual ones.
    pub true_values: Vec<String>,
    /// The texts that mean false, in lower case; empty means the usual ones.
    pub false_values: Vec<String>,
    /// Whether white space around the text is dropped.
    pub trim: bool,
    /// For text that a spreadsheet took for a number: `17850.0` becomes `17850`.
    pub drop_zero_fraction: bool,
    /// The kind of personal data the column holds.
    pub personal: Option<String>,
    /// The systems in which its values are persons' keys, `{column}` for one that another column
    /// names; none where they are nobody's.
    pub identifies: Vec<String>,
}

/// The type of a column, as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A floating-point number of 64 bits.
    Double,
    /// True or false.
    Boolean,
    /// A calendar day.
    Date,
    /// An instant in microseconds, UTC.
    Timestamp,
    /// An exact number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
}

impl ColumnType {
    /// The type's name in a declaration, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        const NAMES: [&str; 7] =
            ["string", "integer", "double", "boolean", "date", "timestamp", "decimal(p,s)"];
        Ok(match text {
            "string" => ColumnType::String,
            "integer" => ColumnType::Integer,
            "double" => ColumnType::Double,
            "boolean" => ColumnType::Boolean,
            "date" => ColumnType::Date,
            "timestamp" => ColumnType::Timestamp,
            other => {
                let inner = other.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
                let Some((precision, scale)) = inner.and_then(|inner| inner.split_once(',')) else {
                    let hint = crate::errors::did_you_mean(other, NAMES);
                    let names = NAMES.join(", ");
                    return Err(format!("unknown type `{other}`{hint} (expected one of: {names})"));
                };
                let numbers = (precision.trim().parse::<u8>(), scale.trim().parse::<u8>());
                match numbers {
                    (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => {
                        ColumnType::Decimal { precision, scale }
                    }
                    _ => {
                        return Err(format!(
                            "`{other}` has no digits to give: expected decimal(p,s) with p from 1 \
                             to 38 and s from 0 to p"
                        ));
                    }
                }
            }
        })
    }

    /// The arrow type that holds it.
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::String => DataType::Utf8,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Double => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Date => DataType::Date32,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            // The scale is at most 38, so the cast keeps it.
            ColumnType::Decimal { precision, scale } => {
                DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX))
            }
        }
    }
}

/// The only values a column may have.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Of a text column, after trimming.
    Texts(HashSet<String>),
    /// Of a column of whole numbers.
    Integers(HashSet<i64>),
}

/// A limit in a column's own representation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Of integers; of days since 1970-01-01; of microseconds since then.
    Integer(i64),
    /// Of doubles.
    Double(f64),
    /// Of decimals, at the column's scale.
    Decimal(i128),
}

/// How numbers are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NumberFormat {
    /// What stands before the fraction; a point unless declared.
    pub decimal_mark: Option<char>,
    /// What stands between groups of digits; none unless declared.
    pub thousands_mark: Option<char>,
    /// Signs and codes that may stand before or after the number.
    pub currency_signs: Vec<String>,
    /// Whether `(12.50)` means −12.50.
    pub parentheses_negative: bool,
}

impl NumberFormat {
    /// Whether numbers are written plainly: digits, a sign, a decimal point.
    pub fn is_plain(&self) -> bool {
        *self == NumberFormat::default()
    }
}

/// The columns that every raw table has after the declared ones.
pub const SOURCE_FILE: &str = "source_file";
/// See [`SOURCE_FILE`]: the record's number in its file, from 1.
pub const SOURCE_ROW: &str = "source_row";
/// See [`SOURCE_FILE`]: with `unknown_columns: text` or `widen`, what the declaration lacks.
pub const EXTRA_COLUMNS: &str = "extra_columns";

impl Source {
    /// Reads the declaration in the file at `path`; its stem is the source's name.
    ///
    /// Errors: `Usage`, as `file:line:column: what is wrong, what was expected`.
    pub fn read(path: &Path) -> Result<Source> {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let text = std::fs::read_to_string(path)
            .context(Kind::Usage, || format!("read `{}`", path.display()))?;
        declaration::parse(&name.unwrap_or_default(), &path.display().to_string(), &text)
    }

    /// Reads the declaration of the source `name` from `text`.
    pub fn parse(name: &str, text: &str) -> Result<Source> {
        declaration::parse(name, &format!("{name}.yaml"), text)
    }

    /// The columns of the source's raw table: the declared ones, then where a row came from.
    pub fn raw_schema(&self) -> SchemaRef {
        self.schema_with(&[])
    }

    /// The raw table's columns when a file's unknown columns `widened` join them.
    pub(super) fn schema_with(&self, widened: &[String]) -> SchemaRef {
        let declared = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.data_type.arrow(), true));
        let widened = widened.iter().map(|name| Field::new(name, DataType::Utf8, true));
        let mut fields: Vec<Field> = declared.chain(widened).collect();
        if self.unknown_columns.are_kept_as_text() {
            fields.push(Field::new(EXTRA_COLUMNS, DataType::Utf8, true));
        }
        fields.push(Field::new(SOURCE_FILE, DataType::Utf8, false));
        fields.push(Field::new(SOURCE_ROW, DataType::Int64, false));
        Arc::new(Schema::new(fields))
    }

    /// The hash of everything in the declaration that the rows depend on: not of its prose, and
    /// not of the limits that only decide whether a day fails.
    ///
    /// `business_zone` counts where an instant without a zone would be read in it.
    pub fn definition_hash(&self, business_zone: Tz) -> ContentHash {
        let is_timed = self.columns.iter().any(|column| column.data_type == ColumnType::Timestamp);
        let zone = self.time_zone.unwrap_or(business_zone);
        let zone = is_timed.then(|| zone.name());
        ContentHash::of_json(&(self.fingerprint, zone))
    }

    /// An error about a file of this source that broke the contract.
    pub(super) fn broken(&self, file: &str, what: impl std::fmt::Display) -> Error {
        Error::new(
            Kind::ExportBroken,
            format!("read export `{file}` of source `{}`: {what}", self.name),
        )
    }
}
