//! A source as people write it: the keys of its YAML and nothing else.

use serde::Deserialize;

use crate::config::yaml::Spanned;
use crate::exports::source::{
    Compression, Duplicates, Format, Load, MissingColumns, UnknownColumns,
};

/// A source as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceYaml {
    /// What the export is.
    pub description: String,
    /// Words by which operators select the source's tables.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Path relative to the landing root, with `{dt}` and wildcards.
    pub location: Spanned<String>,
    /// csv, tsv, ndjson, json or parquet.
    pub format: Spanned<Format>,
    /// Details of csv and tsv.
    pub csv: Option<Spanned<CsvYaml>>,
    /// Details of json and ndjson.
    pub json: Option<Spanned<JsonYaml>>,
    /// Any WHATWG label. Default utf-8.
    pub encoding: Option<Spanned<String>>,
    /// auto (default), none, gzip, zstd, bzip2 or xz.
    pub compression: Option<Compression>,
    /// events, snapshot or changes.
    pub load: Spanned<Load>,
    /// The columns that identify a row: none of them may be missing.
    #[serde(default)]
    pub key: Vec<Spanned<String>>,
    /// Which rows are deletes; for `load: changes`.
    pub operation: Option<Spanned<OperationYaml>>,
    /// Whether a day without files is an error. Default true.
    pub required: Option<bool>,
    /// drop (default) or keep rows that repeat an earlier one exactly.
    pub duplicates: Option<Duplicates>,
    /// Earlier days searched for a file that holds the same; for events and changes. Default 7.
    pub replay_window_days: Option<Spanned<u32>>,
    pub lookback_days: Option<Spanned<u32>>,
    /// The share of bad rows above which a day fails. Default 0.05.
    pub maximum_bad_share: Option<Spanned<f64>>,
    /// fail (default), ignore, text or widen.
    pub unknown_columns: Option<Spanned<UnknownColumns>>,
    /// fail (default) or null.
    #[serde(default)]
    pub missing_columns: MissingYaml,
    /// Texts that mean "no value". Default: the empty text alone.
    pub null_tokens: Option<Vec<String>>,
    /// The zone of instants written without one. Default: the business zone.
    pub time_zone: Option<Spanned<String>>,
    /// The columns.
    pub columns: Spanned<Vec<Spanned<ColumnYaml>>>,
}

/// How delimited text is cut.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CsvYaml {
    /// One character, or `tab`. Default `,`, for tsv a tab.
    pub delimiter: Option<Spanned<String>>,
    /// What encloses a field. Default `"`; null for none.
    #[serde(default)]
    pub quote: QuoteYaml,
    /// What takes the meaning from the next character. Default none.
    pub escape: Option<Spanned<String>>,
    /// Whether the first record names the columns. Default true.
    pub header: Option<bool>,
    /// Lines before the header. Default 0.
    pub skip_lines: Option<u32>,
    /// What a comment line begins with. Default none.
    pub comment: Option<Spanned<String>>,
}

/// A key that is left out means something else than one that is null.
#[derive(Default)]
pub(super) enum QuoteYaml {
    #[default]
    LeftOut,
    Given(Option<Spanned<String>>),
}

impl<'de> Deserialize<'de> for QuoteYaml {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(QuoteYaml::Given)
    }
}

/// `missing_columns: null` is YAML's null, and means what it says all the same.
#[derive(Default)]
pub(super) enum MissingYaml {
    #[default]
    LeftOut,
    Given(MissingColumns),
}

impl<'de> Deserialize<'de> for MissingYaml {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Option::deserialize(deserializer)?;
        Ok(MissingYaml::Given(given.unwrap_or(MissingColumns::Null)))
    }
}

/// Where the records lie in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonYaml {
    /// Keys, joined by dots, that lead to the array of records.
    pub records: Option<Spanned<String>>,
    /// Keys, joined by dots, that lead within a record to an array: one row an element.
    pub explode: Option<Spanned<String>>,
}

/// Which rows are deletes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationYaml {
    /// The column that holds it.
    pub column: Spanned<String>,
    /// Its values that mean a delete.
    pub delete: Vec<Spanned<String>>,
}

/// A column.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnYaml {
    /// Its name in the table.
    pub name: Spanned<String>,
    /// Its name in the header or path in the record. Default: the name.
    pub from: Option<Spanned<String>>,
    /// Other names it has had in the header.
    #[serde(default)]
    pub aliases: Vec<Spanned<String>>,
    /// string, integer, double, boolean, date, timestamp or decimal(p,s).
    #[serde(rename = "type")]
    pub data_type: Spanned<String>,
    /// Whether a row without a value is bad. Default false.
    pub required: Option<bool>,
    /// The only values there may be.
    pub allowed: Option<Spanned<Vec<Spanned<String>>>>,
    /// A regular expression for the whole value.
    pub pattern: Option<Spanned<String>>,
    /// Least and greatest value, inclusive.
    pub range: Option<Spanned<RangeYaml>>,
    /// Texts that mean "no value". Default: the source's.
    pub null_tokens: Option<Vec<String>>,
    /// chrono formats, `epoch_seconds` and the like, or `excel_serial`. Default ISO 8601.
    pub formats: Option<Spanned<Vec<Spanned<String>>>>,
    /// What stands before the fraction of a number. Default a point.
    pub decimal_mark: Option<Spanned<String>>,
    /// What stands between groups of digits. Default none.
    pub thousands_mark: Option<Spanned<String>>,
    /// Signs and codes that may stand before or after a number.
    pub currency_signs: Option<Spanned<Vec<String>>>,
    /// Whether (12.50) is negative. Default false.
    pub parentheses_negative: Option<Spanned<bool>>,
    /// Texts that mean true, in any case.
    pub true_values: Option<Spanned<Vec<String>>>,
    /// Texts that mean false, in any case.
    pub false_values: Option<Spanned<Vec<String>>>,
    /// Whether white space around the value is dropped. Default true.
    pub trim: Option<bool>,
    /// Whether `17850.0` becomes `17850`, for text. Default false.
    pub drop_zero_fraction: Option<Spanned<bool>>,
    /// The kind of personal data it holds.
    pub personal: Option<String>,
    /// The systems in which its values are persons' keys. Default none.
    pub identifies: Option<Spanned<Vec<String>>>,
}

/// Limits of a column, inclusive.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeYaml {
    /// The least value.
    pub min: Option<Spanned<String>>,
    /// The greatest value.
    pub max: Option<Spanned<String>>,
}
