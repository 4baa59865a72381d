//! How a source's files are written: dialect of CSV, layout of JSON, encoding.

use encoding_rs::Encoding;

use super::written::{CsvYaml, JsonYaml, QuoteYaml};
use crate::config::yaml::{Spanned, mistake};
use crate::errors::{Result, did_you_mean};
use crate::exports::json_path::{JsonPath, Step};
use crate::exports::source::{Column, CsvDialect, Format, JsonLayout};

/// How the text of a CSV or TSV file is cut.
pub(super) fn dialect(
    file: &str,
    format: Format,
    csv: Option<&Spanned<CsvYaml>>,
) -> Result<CsvDialect> {
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

/// Where the records lie in a JSON file, and what of them is exploded.
pub(super) fn json_layout(
    file: &str,
    format: Format,
    json: Option<&Spanned<JsonYaml>>,
) -> Result<JsonLayout> {
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
        Format::Ndjson | Format::Parquet if json.value.records.is_some() => {
            let what = "`records` is for `format: json`: in ndjson each line is a record, in \
                        Parquet each row";
            Err(mistake(file, json, what))
        }
        Format::Json | Format::Ndjson | Format::Parquet => Ok(JsonLayout {
            records: json.value.records.as_ref().map(keys).transpose()?.unwrap_or_default(),
            explode: json.value.explode.as_ref().map(keys).transpose()?.unwrap_or_default(),
        }),
        Format::Csv | Format::Tsv => {
            Err(mistake(file, json, "`json` is for `format: json`, `ndjson` and `parquet` alone"))
        }
    }
}

/// Checks that a column takes something of the elements that are made rows: where none does, the
/// path is mistyped, and every record would be one row with nothing of them.
pub(super) fn check_explode(
    file: &str,
    yaml: Option<&Spanned<JsonYaml>>,
    json: &JsonLayout,
    columns: &[Column],
) -> Result<()> {
    let Some(explode) = yaml.and_then(|yaml| yaml.value.explode.as_ref()) else { return Ok(()) };
    let steps: Vec<Step> = json.explode.iter().cloned().map(Step::Key).collect();
    let paths: Vec<Vec<Step>> = columns
        .iter()
        .map(|column| JsonPath::parse(&column.from).unwrap_or_default().steps)
        .collect();
    if paths.iter().any(|path| path.starts_with(&steps)) {
        return Ok(());
    }
    // The paths on which columns lie, cut off where the exploded one ends.
    let near = paths.iter().filter_map(|path| {
        let keys = path.get(..steps.len())?.iter().map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Element(_) => None,
        });
        Some(keys.collect::<Option<Vec<_>>>()?.join("."))
    });
    let near: Vec<String> = near.collect();
    let hint = did_you_mean(&explode.value, near.iter().map(String::as_str));
    let what =
        format!("no column lies in `{}`, so nothing of it would be read{hint}", explode.value);
    Err(mistake(file, explode, what))
}

/// The encoding of a text file, UTF-8 unless declared.
pub(super) fn encoding(
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
