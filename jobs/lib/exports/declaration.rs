//! The YAML of a source, key by key, and every mistake that can be made in it.
//!
//! The shapes here mirror what people write; [`Source`] is what comes out once all of it has been
//! checked. Every mistake names file, line and column.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use encoding_rs::Encoding;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::json_path::{JsonPath, Step};
use super::location::Location;
use super::moments::{self, MomentFormat};
use super::numbers;
use super::source::{
    Allowed, Bound, Column, ColumnType, Compression, CsvDialect, Duplicates, EXTRA_COLUMNS, Format,
    JsonLayout, Load, MissingColumns, NumberFormat, Operation, SOURCE_FILE, SOURCE_ROW, Source,
    UnknownColumns,
};
use crate::config::yaml::{self, Spanned, mistake};
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::hash::ContentHash;

/// A source as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceYaml {
    /// What the export is.
    description: String,
    /// Path relative to the landing root, with `{dt}` and wildcards.
    location: Spanned<String>,
    /// csv, tsv, ndjson, json or parquet.
    format: Spanned<Format>,
    /// Details of csv and tsv.
    csv: Option<Spanned<CsvYaml>>,
    /// Details of json and ndjson.
    json: Option<Spanned<JsonYaml>>,
    /// Any WHATWG label. Default utf-8.
    encoding: Option<Spanned<String>>,
    /// auto (default), none, gzip, zstd, bzip2 or xz.
    compression: Option<Compression>,
    /// events, snapshot or changes.
    load: Spanned<Load>,
    /// The columns that identify a row: none of them may be missing.
    #[serde(default)]
    key: Vec<Spanned<String>>,
    /// Which rows are deletes; for `load: changes`.
    operation: Option<Spanned<OperationYaml>>,
    /// Whether a day without files is an error. Default true.
    required: Option<bool>,
    /// drop (default) or keep rows that repeat an earlier one exactly.
    duplicates: Option<Duplicates>,
    /// Earlier days searched for a file with the same bytes; for `load: events`. Default 7.
    replay_window_days: Option<Spanned<u32>>,
    /// The share of bad rows above which a day fails. Default 0.05.
    maximum_bad_share: Option<Spanned<f64>>,
    /// fail (default), ignore, text or widen.
    unknown_columns: Option<Spanned<UnknownColumns>>,
    /// fail (default) or null.
    #[serde(default)]
    missing_columns: MissingYaml,
    /// Texts that mean "no value". Default: the empty text alone.
    null_tokens: Option<Vec<String>>,
    /// The zone of instants written without one. Default: the business zone.
    time_zone: Option<Spanned<String>>,
    /// The columns.
    columns: Spanned<Vec<Spanned<ColumnYaml>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvYaml {
    /// One character, or `tab`. Default `,`, for tsv a tab.
    delimiter: Option<Spanned<String>>,
    /// What encloses a field. Default `"`; null for none.
    #[serde(default)]
    quote: QuoteYaml,
    /// What takes the meaning from the next character. Default none.
    escape: Option<Spanned<String>>,
    /// Whether the first record names the columns. Default true.
    header: Option<bool>,
    /// Lines before the header. Default 0.
    skip_lines: Option<u32>,
    /// What a comment line begins with. Default none.
    comment: Option<Spanned<String>>,
}

/// A key that is left out means something else than one that is null.
#[derive(Default)]
enum QuoteYaml {
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
enum MissingYaml {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonYaml {
    /// Keys, joined by dots, that lead to the array of records.
    records: Option<Spanned<String>>,
    /// Keys, joined by dots, that lead within a record to an array: one row an element.
    explode: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationYaml {
    /// The column that holds it.
    column: Spanned<String>,
    /// Its values that mean a delete.
    delete: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnYaml {
    /// Its name in the table.
    name: Spanned<String>,
    /// Its name in the header or path in the record. Default: the name.
    from: Option<Spanned<String>>,
    /// Other names it has had in the header.
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    /// string, integer, double, boolean, date, timestamp or decimal(p,s).
    #[serde(rename = "type")]
    data_type: Spanned<String>,
    /// Whether a row without a value is bad. Default false.
    required: Option<bool>,
    /// The only values there may be.
    allowed: Option<Spanned<Vec<Spanned<String>>>>,
    /// A regular expression for the whole value.
    pattern: Option<Spanned<String>>,
    /// Least and greatest value, inclusive.
    range: Option<Spanned<RangeYaml>>,
    /// Texts that mean "no value". Default: the source's.
    null_tokens: Option<Vec<String>>,
    /// chrono formats, `epoch_seconds`, `epoch_millis` or `excel_serial`. Default ISO 8601.
    formats: Option<Spanned<Vec<Spanned<String>>>>,
    /// What stands before the fraction of a number. Default a point.
    decimal_mark: Option<Spanned<char>>,
    /// What stands between groups of digits. Default none.
    thousands_mark: Option<Spanned<char>>,
    /// Signs and codes that may stand before or after a number.
    currency_signs: Option<Spanned<Vec<String>>>,
    /// Whether (12.50) is negative. Default false.
    parentheses_negative: Option<Spanned<bool>>,
    /// Texts that mean true, in any case.
    true_values: Option<Spanned<Vec<String>>>,
    /// Texts that mean false, in any case.
    false_values: Option<Spanned<Vec<String>>>,
    /// Whether white space around the value is dropped. Default true.
    trim: Option<bool>,
    /// Whether `17850.0` becomes `17850`, for text. Default false.
    drop_zero_fraction: Option<Spanned<bool>>,
    /// The kind of personal data it holds.
    personal: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeYaml {
    /// The least value.
    min: Option<Spanned<String>>,
    /// The greatest value.
    max: Option<Spanned<String>>,
}

/// Reads the source `name` from `text`, which came from `file`.
pub(super) fn parse(name: &str, file: &str, text: &str) -> Result<Source> {
    if !is_table_name(name) {
        let message = format!(
            "{file}: `{name}` cannot name a source: expected small letters, digits and underscores, \
             a letter first"
        );
        return Err(Error::new(Kind::Usage, message));
    }
    let yaml: SourceYaml = yaml::parse(file, text)?;
    let format = yaml.format.value;
    let location = Location::parse(&yaml.location.value)
        .map_err(|what| mistake(file, &yaml.location, what))?;
    let csv = dialect(file, format, yaml.csv.as_ref())?;
    let json = json_layout(file, format, yaml.json.as_ref())?;
    let encoding = encoding(file, format, yaml.encoding.as_ref())?;
    let time_zone = yaml.time_zone.as_ref().map(|zone| time_zone(file, zone)).transpose()?;
    let null_tokens = yaml.null_tokens.unwrap_or_else(|| vec![String::new()]);

    if yaml.columns.value.is_empty() {
        return Err(mistake(file, &yaml.columns, "a source needs at least one column"));
    }
    let mut columns = yaml
        .columns
        .value
        .iter()
        .map(|column| check_column(file, column, &null_tokens, time_zone))
        .collect::<Result<Vec<_>>>()?;
    check_names(file, format, &yaml.columns.value)?;
    for (column, written) in columns.iter().zip(&yaml.columns.value) {
        if format == Format::Json || format == Format::Ndjson {
            let place = written.value.from.as_ref().unwrap_or(&written.value.name);
            JsonPath::parse(&column.from).map_err(|what| mistake(file, place, what))?;
        }
    }

    let load = yaml.load.value;
    if load == Load::Events && !location.has_day() {
        let what = "`load: events` needs the day in the location, such as `shop/{dt}.csv`: the same \
                    file would count anew on every day; a file that holds everything there is, is \
                    a `snapshot`";
        return Err(mistake(file, &yaml.location, what));
    }
    let names: HashSet<&str> =
        yaml.columns.value.iter().map(|column| column.value.name.value.as_str()).collect();
    let declared = |name: &Spanned<String>, what: &str| {
        if names.contains(name.value.as_str()) {
            return Ok(name.value.clone());
        }
        let hint = did_you_mean(&name.value, names.iter().copied());
        Err(mistake(file, name, format!("{what} `{}` is not a declared column{hint}", name.value)))
    };
    let key =
        yaml.key.iter().map(|name| declared(name, "key column")).collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = yaml.key.iter().find(|name| !seen.insert(&name.value)) {
        return Err(mistake(file, twice, format!("key column `{}` twice", twice.value)));
    }
    // A row without its key is nobody's: it is a bad row, not a bad day.
    for column in columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.required = true;
    }
    let operation = match (load, &yaml.operation) {
        (Load::Changes, Some(operation)) => {
            if operation.value.delete.is_empty() {
                let what = "`delete` names no value, so nothing would ever be deleted";
                return Err(mistake(file, operation, what));
            }
            let column = declared(&operation.value.column, "operation column")?;
            let delete = operation.value.delete.iter().map(|value| value.value.clone()).collect();
            check_operation(file, &operation.value, columns.iter().find(|c| c.name == column))?;
            Some(Operation { column, delete })
        }
        (Load::Changes, None) => {
            let what = "`load: changes` needs `operation: {column: …, delete: […]}`";
            return Err(mistake(file, &yaml.load, what));
        }
        (_, Some(operation)) => {
            return Err(mistake(file, operation, "`operation` is for `load: changes` alone"));
        }
        (_, None) => None,
    };
    if load == Load::Changes && key.is_empty() {
        let what = "`load: changes` needs a `key`: the columns that say which row is changed";
        return Err(mistake(file, &yaml.load, what));
    }
    let replay_window_days = match (load, &yaml.replay_window_days) {
        (Load::Events, Some(days)) if days.value > 366 => {
            return Err(mistake(file, days, "expected at most 366 days"));
        }
        (Load::Events, Some(days)) => days.value,
        (Load::Events, None) => 7,
        (_, Some(days)) => {
            return Err(mistake(file, days, "`replay_window_days` is for `load: events` alone"));
        }
        (_, None) => 0,
    };
    let maximum_bad_share = match &yaml.maximum_bad_share {
        Some(share) if !(0.0..=1.0).contains(&share.value) => {
            return Err(mistake(file, share, "expected a share from 0 to 1, such as 0.05"));
        }
        share => share.as_ref().map_or(0.05, |share| share.value),
    };
    let unknown_columns = match &yaml.unknown_columns {
        Some(choice)
            if choice.value == UnknownColumns::Widen
                && (matches!(format, Format::Json | Format::Ndjson) || !csv.header) =>
        {
            let what =
                "`widen` needs a header to know the columns before the first row: use `text`";
            return Err(mistake(file, choice, what));
        }
        choice => choice.as_ref().map_or(UnknownColumns::Fail, |choice| choice.value),
    };
    let mut source = Source {
        name: name.to_string(),
        description: yaml.description,
        location,
        format,
        csv,
        json,
        encoding,
        compression: yaml.compression.unwrap_or(Compression::Auto),
        load,
        key,
        operation,
        required: yaml.required.unwrap_or(true),
        duplicates: yaml.duplicates.unwrap_or(Duplicates::Drop),
        replay_window_days,
        maximum_bad_share,
        unknown_columns,
        missing_columns: match yaml.missing_columns {
            MissingYaml::LeftOut => MissingColumns::Fail,
            MissingYaml::Given(choice) => choice,
        },
        time_zone,
        columns,
        fingerprint: ContentHash::of(&[]),
    };
    source.fingerprint = fingerprint(&source);
    Ok(source)
}

/// A delete must be a value that the operation column can have.
fn check_operation(file: &str, operation: &OperationYaml, column: Option<&Column>) -> Result<()> {
    let Some(column) = column else { return Ok(()) };
    if column.data_type != ColumnType::String {
        let what = format!(
            "operation column `{}` must be a string: `delete` lists its texts",
            column.name
        );
        return Err(mistake(file, &operation.column, what));
    }
    let never = |delete: &&Spanned<String>| match &column.allowed {
        Some(Allowed::Texts(allowed)) => !allowed.contains(&delete.value),
        _ => column.null_tokens.contains(&delete.value),
    };
    if let Some(delete) = operation.delete.iter().find(never) {
        let what = format!("column `{}` never has the value `{}`", column.name, delete.value);
        return Err(mistake(file, delete, what));
    }
    Ok(())
}

fn is_table_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|other| matches!(other, 'a'..='z' | '0'..='9' | '_'))
}

fn dialect(file: &str, format: Format, csv: Option<&Spanned<CsvYaml>>) -> Result<CsvDialect> {
    let delimiter = if format == Format::Tsv { b'\t' } else { b',' };
    let mut dialect = CsvDialect {
        delimiter,
        quote: Some(b'"'),
        escape: None,
        header: true,
        skip_lines: 0,
        comment: None,
    };
    let Some(csv) = csv else { return Ok(dialect) };
    if !matches!(format, Format::Csv | Format::Tsv) {
        return Err(mistake(file, csv, "`csv` is for `format: csv` and `format: tsv` alone"));
    }
    let yaml = &csv.value;
    if let Some(delimiter) = &yaml.delimiter {
        dialect.delimiter = single_byte(file, delimiter, &delimiter.value, "delimiter")?;
    }
    match &yaml.quote {
        QuoteYaml::LeftOut => {}
        QuoteYaml::Given(None) => dialect.quote = None,
        QuoteYaml::Given(Some(quote)) => {
            dialect.quote = Some(single_byte(file, quote, &quote.value, "quote")?);
        }
    }
    if let Some(escape) = &yaml.escape {
        dialect.escape = Some(single_byte(file, escape, &escape.value, "escape")?);
    }
    if let Some(comment) = &yaml.comment {
        dialect.comment = Some(single_byte(file, comment, &comment.value, "comment")?);
    }
    // An escape that is the quote itself says no more than that quotes are doubled.
    if dialect.escape == dialect.quote {
        dialect.escape = None;
    }
    dialect.header = yaml.header.unwrap_or(true);
    dialect.skip_lines = yaml.skip_lines.unwrap_or(0);
    let special = [Some(dialect.delimiter), dialect.quote, dialect.escape, dialect.comment];
    for (index, byte) in special.iter().enumerate() {
        if byte.is_some() && special[..index].contains(byte) {
            let what = "delimiter, quote, escape and comment must be different characters";
            return Err(mistake(file, csv, what));
        }
    }
    Ok(dialect)
}

/// A character that can stand between fields: one byte, printable or a tab, no letter or digit.
fn single_byte<T>(file: &str, place: &Spanned<T>, text: &str, what: &str) -> Result<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte]
            if byte.is_ascii_punctuation()
                || matches!(byte, b' ' | b'\t' | 0x01 | 0x02 | 0x1c..=0x1f) =>
        {
            Ok(*byte)
        }
        _ => {
            let what = format!(
                "`{}` cannot be a {what}: expected one ASCII character that is no letter, digit \
                 or line end, or `tab`",
                text.escape_debug()
            );
            Err(mistake(file, place, what))
        }
    }
}

fn json_layout(file: &str, format: Format, json: Option<&Spanned<JsonYaml>>) -> Result<JsonLayout> {
    let Some(json) = json else { return Ok(JsonLayout::default()) };
    let keys = |path: &Spanned<String>| {
        let steps = JsonPath::parse(&path.value).map(|path| path.steps).unwrap_or_default();
        let keys = steps.into_iter().map(|step| match step {
            Step::Key(key) => Some(key),
            Step::Element(_) => None,
        });
        let keys: Option<Vec<String>> = keys.collect();
        keys.filter(|keys| !keys.is_empty()).ok_or_else(|| {
            mistake(file, path, "expected keys joined by dots, such as `data.items`")
        })
    };
    match format {
        Format::Ndjson if json.value.records.is_some() => {
            let what = "`records` is for `format: json`: in ndjson each line is a record";
            Err(mistake(file, json, what))
        }
        Format::Json | Format::Ndjson => Ok(JsonLayout {
            records: json.value.records.as_ref().map(keys).transpose()?.unwrap_or_default(),
            explode: json.value.explode.as_ref().map(keys).transpose()?.unwrap_or_default(),
        }),
        _ => Err(mistake(file, json, "`json` is for `format: json` and `format: ndjson` alone")),
    }
}

fn encoding(
    file: &str,
    format: Format,
    label: Option<&Spanned<String>>,
) -> Result<&'static Encoding> {
    let Some(label) = label else { return Ok(encoding_rs::UTF_8) };
    let known = Encoding::for_label(label.value.as_bytes())
        .filter(|encoding| *encoding != encoding_rs::REPLACEMENT);
    let Some(encoding) = known else {
        let common = ["utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15", "shift_jis"];
        let hint = did_you_mean(&label.value, common);
        let what = format!(
            "unknown encoding `{}`{hint} (expected a label of the WHATWG Encoding Standard)",
            label.value
        );
        return Err(mistake(file, label, what));
    };
    if format == Format::Parquet {
        return Err(mistake(file, label, "Parquet has no text encoding to declare"));
    }
    Ok(encoding)
}

fn time_zone(file: &str, zone: &Spanned<String>) -> Result<Tz> {
    zone.value.parse().map_err(|_| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = did_you_mean(&zone.value, names);
        let what = format!(
            "unknown time zone `{}`{hint} (expected a name such as Europe/London)",
            zone.value
        );
        mistake(file, zone, what)
    })
}

fn check_names(file: &str, format: Format, columns: &[Spanned<ColumnYaml>]) -> Result<()> {
    let mut names = HashSet::new();
    let mut headers: HashMap<&str, &str> = HashMap::new();
    let is_json = matches!(format, Format::Json | Format::Ndjson);
    for column in columns {
        let name = &column.value.name;
        let text = name.value.as_str();
        if !is_table_name(text) {
            let what = format!(
                "`{text}` cannot name a column: expected small letters, digits and underscores, a \
                 letter first; what the file calls it goes into `from`"
            );
            return Err(mistake(file, name, what));
        }
        if ["dt", SOURCE_FILE, SOURCE_ROW, EXTRA_COLUMNS].contains(&text) {
            let what = format!("`{text}` is a column of every table: choose another name");
            return Err(mistake(file, name, what));
        }
        if !names.insert(text) {
            return Err(mistake(file, name, format!("column `{text}` is declared twice")));
        }
        if is_json {
            if let Some(alias) = column.value.aliases.first() {
                return Err(mistake(file, alias, "`aliases` are for headers, and JSON has none"));
            }
            continue;
        }
        let from = column.value.from.as_ref().unwrap_or(name);
        for header in std::iter::once(from).chain(&column.value.aliases) {
            if let Some(other) = headers.insert(header.value.as_str(), text) {
                let what = format!("`{}` is already the header of column `{other}`", header.value);
                return Err(mistake(file, header, what));
            }
        }
    }
    Ok(())
}

fn check_column(
    file: &str,
    column: &Spanned<ColumnYaml>,
    null_tokens: &[String],
    zone: Option<Tz>,
) -> Result<Column> {
    let yaml = &column.value;
    let data_type = ColumnType::parse(&yaml.data_type.value)
        .map_err(|what| mistake(file, &yaml.data_type, what))?;
    let is_number =
        matches!(data_type, ColumnType::Integer | ColumnType::Double | ColumnType::Decimal { .. });
    let is_moment = matches!(data_type, ColumnType::Date | ColumnType::Timestamp);
    let is_text = data_type == ColumnType::String;
    let is_boolean = data_type == ColumnType::Boolean;
    let only = |fits: bool, place: Option<Error>| match place {
        Some(error) if !fits => Err(error),
        _ => Ok(()),
    };
    let stray = |place: &dyn Fn(String) -> Error, key: &str, types: &str| {
        Some(place(format!(
            "`{key}` is for {types}, and `{}` is {}",
            yaml.name.value, yaml.data_type.value
        )))
    };
    macro_rules! only_for {
        ($key:ident, $fits:expr, $types:literal) => {
            if let Some(place) = &yaml.$key {
                only($fits, stray(&|what| mistake(file, place, what), stringify!($key), $types))?;
            }
        };
    }
    only_for!(formats, is_moment, "dates and timestamps");
    only_for!(decimal_mark, is_number, "numbers");
    only_for!(thousands_mark, is_number, "numbers");
    only_for!(currency_signs, is_number, "numbers");
    only_for!(parentheses_negative, is_number, "numbers");
    only_for!(true_values, is_boolean, "booleans");
    only_for!(false_values, is_boolean, "booleans");
    only_for!(drop_zero_fraction, is_text, "strings");
    only_for!(range, is_number || is_moment, "numbers, dates and timestamps");
    only_for!(allowed, is_text || data_type == ColumnType::Integer, "strings and integers");

    let thousands_mark = yaml.thousands_mark.as_ref().map(|mark| mark.value);
    // Whole numbers grouped by points need no word about fractions.
    let implied = data_type == ColumnType::Integer && thousands_mark == Some('.');
    let decimal_mark = match &yaml.decimal_mark {
        Some(mark) => Some(mark.value),
        None => implied.then_some(','),
    };
    let number = NumberFormat {
        decimal_mark: decimal_mark.filter(|mark| *mark != '.'),
        thousands_mark,
        currency_signs: yaml.currency_signs.as_ref().map_or_else(Vec::new, |s| s.value.clone()),
        parentheses_negative: yaml.parentheses_negative.as_ref().is_some_and(|yes| yes.value),
    };
    check_marks(file, yaml, &number)?;
    let texts = |values: &Option<Spanned<Vec<String>>>| {
        values.as_ref().map_or_else(Vec::new, |values| {
            values.value.iter().map(|value| value.to_lowercase()).collect::<Vec<_>>()
        })
    };
    let (true_values, false_values) = (texts(&yaml.true_values), texts(&yaml.false_values));
    if let Some(both) = true_values.iter().find(|value| false_values.contains(value))
        && let Some(place) = &yaml.false_values
    {
        return Err(mistake(file, place, format!("`{both}` is a true value and a false one")));
    }
    if true_values.is_empty() != false_values.is_empty() {
        let what = "`true_values` and `false_values` are declared together or not at all";
        return Err(mistake(file, column, what));
    }
    let pattern = yaml
        .pattern
        .as_ref()
        .map(|pattern| {
            // The parts are checked apart: `a)(b` must not pass because of our own parentheses.
            Regex::new(&pattern.value)
                .and_then(|_| Regex::new(&format!(r"\A(?:{})\z", pattern.value)))
                .map_err(|error| {
                    let text = error.to_string();
                    let what =
                        text.lines().last().unwrap_or("it does not parse").trim().to_string();
                    mistake(file, pattern, format!("bad regular expression: {what}"))
                })
        })
        .transpose()?;
    if let (Some(place), false) = (&yaml.pattern, is_text) {
        let what = format!(
            "`pattern` is for strings, and `{}` is {}",
            yaml.name.value, yaml.data_type.value
        );
        return Err(mistake(file, place, what));
    }
    let formats = match &yaml.formats {
        None => Vec::new(),
        Some(formats) if formats.value.is_empty() => {
            return Err(mistake(file, formats, "`formats` is empty: leave it out for ISO 8601"));
        }
        Some(formats) => formats
            .value
            .iter()
            .map(|format| {
                MomentFormat::parse(&format.value).map_err(|what| mistake(file, format, what))
            })
            .collect::<Result<Vec<_>>>()?,
    };
    let (minimum, maximum) = match &yaml.range {
        None => (None, None),
        Some(range) => {
            let bound = |limit: &Option<Spanned<String>>| {
                let parsed = limit.as_ref().map(|limit| {
                    bound(&limit.value, data_type, zone).ok_or_else(|| {
                        let what =
                            format!("`{}` is not of type {}", limit.value, yaml.data_type.value);
                        mistake(file, limit, what)
                    })
                });
                parsed.transpose()
            };
            let (minimum, maximum) = (bound(&range.value.min)?, bound(&range.value.max)?);
            if minimum.is_none() && maximum.is_none() {
                return Err(mistake(file, range, "`range` has neither `min` nor `max`"));
            }
            if minimum.zip(maximum).is_some_and(|(least, most)| most.is_below(&least)) {
                return Err(mistake(
                    file,
                    range,
                    "`min` is above `max`, so no value would be left",
                ));
            }
            (minimum, maximum)
        }
    };
    let allowed = yaml.allowed.as_ref().map(|allowed| check_allowed(file, allowed, data_type));
    Ok(Column {
        name: yaml.name.value.clone(),
        from: yaml.from.as_ref().unwrap_or(&yaml.name).value.clone(),
        aliases: yaml.aliases.iter().map(|alias| alias.value.clone()).collect(),
        data_type,
        required: yaml.required.unwrap_or(false),
        allowed: allowed.transpose()?,
        pattern,
        minimum,
        maximum,
        null_tokens: yaml.null_tokens.clone().unwrap_or_else(|| null_tokens.to_vec()),
        formats,
        number,
        true_values,
        false_values,
        trim: yaml.trim.unwrap_or(true),
        drop_zero_fraction: yaml.drop_zero_fraction.as_ref().is_some_and(|yes| yes.value),
        personal: yaml.personal.clone(),
    })
}

fn check_marks(file: &str, yaml: &ColumnYaml, number: &NumberFormat) -> Result<()> {
    let is_mark = |mark: char| !mark.is_alphanumeric() && !matches!(mark, '-' | '+' | '(' | ')');
    for mark in [&yaml.decimal_mark, &yaml.thousands_mark].into_iter().flatten() {
        if !is_mark(mark.value) {
            let what = format!("`{}` cannot be a mark within a number", mark.value);
            return Err(mistake(file, mark, what));
        }
    }
    let decimal_mark = number.decimal_mark.unwrap_or('.');
    if let (Some(place), Some(mark)) = (&yaml.thousands_mark, number.thousands_mark)
        && mark == decimal_mark
    {
        let what = format!("`{mark}` cannot stand for both thousands and fractions");
        return Err(mistake(file, place, what));
    }
    if let Some(signs) = &yaml.currency_signs
        && let Some(sign) = signs
            .value
            .iter()
            .find(|sign| sign.trim().is_empty() || sign.contains(|one: char| one.is_ascii_digit()))
    {
        return Err(mistake(file, signs, format!("`{sign}` cannot be a currency sign")));
    }
    Ok(())
}

fn check_allowed(
    file: &str,
    allowed: &Spanned<Vec<Spanned<String>>>,
    data_type: ColumnType,
) -> Result<Allowed> {
    if allowed.value.is_empty() {
        return Err(mistake(file, allowed, "`allowed` is empty, so no value would be left"));
    }
    match data_type {
        ColumnType::Integer => allowed
            .value
            .iter()
            .map(|value| {
                value.value.parse::<i64>().map_err(|_| {
                    mistake(file, value, format!("`{}` is not an integer", value.value))
                })
            })
            .collect::<Result<HashSet<_>>>()
            .map(Allowed::Integers),
        _ => Ok(Allowed::Texts(allowed.value.iter().map(|value| value.value.clone()).collect())),
    }
}

fn bound(text: &str, data_type: ColumnType, zone: Option<Tz>) -> Option<Bound> {
    match data_type {
        ColumnType::Integer => text.parse().ok().map(Bound::Integer),
        ColumnType::Double => {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map(Bound::Double)
        }
        ColumnType::Decimal { precision, scale } => {
            numbers::decimal(text.as_bytes(), precision, scale).ok().map(Bound::Decimal)
        }
        ColumnType::Date => {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(Bound::Integer(i64::from(crate::dates::Day::new(date).to_epoch())))
        }
        ColumnType::Timestamp => {
            let clock = moments::Clock::new(zone.unwrap_or(Tz::UTC));
            clock.timestamp(text.as_bytes(), &[]).ok().map(Bound::Integer)
        }
        ColumnType::String | ColumnType::Boolean => None,
    }
}

impl Bound {
    /// Whether this limit lies below another of the same representation.
    fn is_below(&self, other: &Bound) -> bool {
        match (self, other) {
            (Bound::Integer(left), Bound::Integer(right)) => left < right,
            (Bound::Double(left), Bound::Double(right)) => left < right,
            (Bound::Decimal(left), Bound::Decimal(right)) => left < right,
            _ => false,
        }
    }
}

/// What the rows depend on, in a fixed order.
#[derive(Serialize)]
struct Definition<'a> {
    name: &'a str,
    location: &'a Location,
    format: Format,
    csv: &'a CsvDialect,
    json: &'a JsonLayout,
    encoding: &'a str,
    compression: Compression,
    load: Load,
    key: &'a [String],
    operation: &'a Option<Operation>,
    duplicates: Duplicates,
    replay_window_days: u32,
    unknown_columns: UnknownColumns,
    missing_columns: MissingColumns,
    columns: Vec<ColumnDefinition<'a>>,
}

#[derive(Serialize)]
struct ColumnDefinition<'a> {
    name: &'a str,
    from: &'a str,
    aliases: &'a [String],
    data_type: ColumnType,
    required: bool,
    allowed: Vec<String>,
    pattern: Option<&'a str>,
    minimum: Option<String>,
    maximum: Option<String>,
    null_tokens: &'a [String],
    formats: Vec<&'a str>,
    number: &'a NumberFormat,
    true_values: &'a [String],
    false_values: &'a [String],
    trim: bool,
    drop_zero_fraction: bool,
}

fn fingerprint(source: &Source) -> ContentHash {
    let columns = source.columns.iter().map(|column| {
        let mut allowed: Vec<String> = match &column.allowed {
            None => Vec::new(),
            Some(Allowed::Texts(texts)) => texts.iter().cloned().collect(),
            Some(Allowed::Integers(integers)) => integers.iter().map(i64::to_string).collect(),
        };
        allowed.sort();
        ColumnDefinition {
            name: &column.name,
            from: &column.from,
            aliases: &column.aliases,
            data_type: column.data_type,
            required: column.required,
            allowed,
            pattern: column.pattern.as_ref().map(Regex::as_str),
            minimum: column.minimum.map(|bound| format!("{bound:?}")),
            maximum: column.maximum.map(|bound| format!("{bound:?}")),
            null_tokens: &column.null_tokens,
            formats: column.formats.iter().map(MomentFormat::text).collect(),
            number: &column.number,
            true_values: &column.true_values,
            false_values: &column.false_values,
            trim: column.trim,
            drop_zero_fraction: column.drop_zero_fraction,
        }
    });
    ContentHash::of_json(&Definition {
        name: &source.name,
        location: &source.location,
        format: source.format,
        csv: &source.csv,
        json: &source.json,
        encoding: source.encoding.name(),
        compression: source.compression,
        load: source.load,
        key: &source.key,
        operation: &source.operation,
        duplicates: source.duplicates,
        replay_window_days: source.replay_window_days,
        unknown_columns: source.unknown_columns,
        missing_columns: source.missing_columns,
        columns: columns.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "description: d\nlocation: x/{dt}.csv\nformat: csv\nload: events\n";

    #[track_caller]
    fn fails(text: &str, place: &str, fragment: &str) {
        let error = parse("orders", "orders.yaml", text).unwrap_err().chain();
        assert!(error.starts_with(&format!("orders.yaml:{place}")), "{error}");
        assert!(error.contains(fragment), "{error}");
    }

    #[track_caller]
    fn column_fails(column: &str, fragment: &str) {
        let text = format!("{PLAIN}columns:\n  - {{name: a, {column}}}\n");
        fails(&text, "6:", fragment);
    }

    #[test]
    fn every_mistake_names_its_place() {
        fails(&format!("{PLAIN}colums: []\n"), "5:1", "did you mean `columns`?");
        fails(&format!("{PLAIN}columns: []\n"), "5:", "at least one column");
        let a = "columns: [{name: a, type: string}]\n";
        fails(&format!("{PLAIN}key: [b]\n{a}"), "5:7", "not a declared column");
        fails(&format!("{PLAIN}key: [a, a]\n{a}"), "5:10", "twice");
        fails(&format!("{PLAIN}time_zone: Europe/Lundon\n{a}"), "5:", "Europe/London");
        fails(&format!("{PLAIN}encoding: utf-9\n{a}"), "5:", "did you mean `utf-8`?");
        fails(&format!("{PLAIN}csv: {{delimiter: ab}}\n{a}"), "5:", "cannot be a delimiter");
        fails(&format!("{PLAIN}csv: {{delimiter: \"\\n\"}}\n{a}"), "5:", "cannot be a delimiter");
        fails(&format!("{PLAIN}csv: {{delimiter: '\"'}}\n{a}"), "5:", "different");
        fails(&format!("{PLAIN}json: {{records: a}}\n{a}"), "5:", "format: json");
        fails(&format!("{PLAIN}maximum_bad_share: 5\n{a}"), "5:", "0 to 1");
        fails(&format!("{PLAIN}operation: {{column: a, delete: [D]}}\n{a}"), "5:", "changes");
        let changes = PLAIN.replace("events", "changes");
        fails(&format!("{changes}key: [a]\n{a}"), "4:", "needs `operation");
        fails(
            &format!("{changes}operation: {{column: b, delete: [D]}}\nkey: [a]\n{a}"),
            "5:",
            "operation column `b`",
        );
        fails(&format!("{changes}operation: {{column: a, delete: [D]}}\n{a}"), "4:", "`key`");
        let changes = format!("{changes}key: [a]\n");
        let operation = "operation: {column: b, delete: [D]}\n";
        let b = |rest: &str| format!("columns: [{{name: a, type: string}}, {{name: b, {rest}}}]\n");
        let integer = format!("{changes}{operation}{}", b("type: integer"));
        fails(&integer, "6:21", "must be a string");
        let allowed = format!("{changes}{operation}{}", b("type: string, allowed: [U, X]"));
        fails(&allowed, "6:33", "never has the value `D`");
        let twice = "columns: [{name: a, type: string}, {name: a, type: string}]\n";
        fails(&format!("{PLAIN}{twice}"), "5:", "declared twice");
        let both = "columns: [{name: a, type: string}, {name: b, from: a, type: string}]\n";
        fails(&format!("{PLAIN}{both}"), "5:", "already the header");
        fails(&format!("{}{a}", PLAIN.replace("{dt}", "all")), "2:", "anew on every day");
        fails(
            &PLAIN.replace("{dt}", "{day}").replace("events\n", &format!("events\n{a}")),
            "2:",
            "placeholder",
        );
    }

    #[test]
    fn every_mistake_of_a_column_names_its_place() {
        column_fails("type: strnig", "did you mean `string`?");
        column_fails("type: 'decimal(40,2)'", "p from 1");
        column_fails("type: string, range: {min: 1}", "`range` is for numbers");
        column_fails("type: integer, range: {min: x}", "not of type integer");
        column_fails("type: integer, range: {min: 3, max: 2}", "above `max`");
        column_fails("type: date, range: {min: 1, max: 2}", "not of type date");
        column_fails("type: string, pattern: '[0-9'", "bad regular expression");
        column_fails("type: integer, pattern: '[0-9]'", "`pattern` is for strings");
        column_fails("type: date, formats: ['%d.%m.%Q']", "%Q");
        column_fails("type: date, formats: []", "empty");
        column_fails("type: integer, formats: ['%d']", "dates and timestamps");
        column_fails("type: string, decimal_mark: ','", "numbers");
        column_fails("type: double, decimal_mark: ',', thousands_mark: ','", "both");
        column_fails("type: double, currency_signs: ['1']", "currency sign");
        column_fails(
            "type: boolean, true_values: [x], false_values: [X]",
            "true value and a false",
        );
        column_fails("type: boolean, true_values: [x]", "together");
        column_fails("type: double, allowed: [a]", "strings and integers");
        column_fails("type: integer, allowed: [a]", "not an integer");
        column_fails("type: string, allowed: []", "empty");
        column_fails("type: string, patern: x", "did you mean `pattern`?");
    }

    #[test]
    fn the_way_to_the_records_is_a_path_of_keys() {
        let json = PLAIN.replace("csv\nload", "json\nload");
        let a = "columns: [{name: a, type: string}]\n";
        let records = |path: &str| format!("{json}json: {{records: '{path}'}}\n{a}");
        let keys =
            |path: &str| parse("orders", "orders.yaml", &records(path)).unwrap().json.records;
        assert_eq!(keys("data.items"), ["data", "items"]);
        assert_eq!(keys("\"a.b\".c"), ["a.b", "c"]);
        for wrong in ["", "a..b", "a[0]", "a."] {
            fails(&records(wrong), "5:17", "keys joined by dots");
        }
    }

    #[test]
    fn missing_columns_are_null_with_quotes_and_without() {
        let parsed = |value: &str| {
            let text =
                format!("{PLAIN}missing_columns: {value}\ncolumns: [{{name: a, type: date}}]\n");
            parse("orders", "orders.yaml", &text).unwrap().missing_columns
        };
        assert_eq!(parsed("null"), MissingColumns::Null);
        assert_eq!(parsed("'null'"), MissingColumns::Null);
        assert_eq!(parsed("fail"), MissingColumns::Fail);
    }

    #[test]
    fn a_key_is_never_missing() {
        let columns = "columns: [{name: a, type: date}, {name: b, type: date}]\n";
        let source =
            parse("orders", "orders.yaml", &format!("{PLAIN}key: [b]\n{columns}")).unwrap();
        let required: Vec<bool> = source.columns.iter().map(|column| column.required).collect();
        assert_eq!(required, [false, true]);
    }

    #[test]
    fn prose_does_not_change_the_definition_and_a_rule_does() {
        let parse = |text: &str| {
            let source = parse("orders", "orders.yaml", text).unwrap();
            source.definition_hash(Tz::Europe__London)
        };
        let text = format!("{PLAIN}columns: [{{name: a, type: integer}}]\n");
        assert_eq!(parse(&text), parse(&text.replace("description: d", "description: e")));
        assert_ne!(parse(&text), parse(&text.replace("integer", "double")));
        assert_ne!(parse(&text), parse(&text.replace("integer", "integer, range: {min: 1}")));
    }

    #[test]
    fn names_of_sources_are_names_of_tables() {
        for name in ["", "Orders", "1a", "a-b", "_a"] {
            assert!(parse(name, "x.yaml", "a: 1").unwrap_err().chain().contains("cannot name"));
        }
    }
}
