//! The hash of what a declaration makes of a file's rows.

use regex::Regex;
use serde::Serialize;

use crate::exports::location::Location;
use crate::exports::moments::MomentFormat;
use crate::exports::source::{
    Allowed, ColumnType, Compression, CsvDialect, Duplicates, Format, JsonLayout, Load,
    MissingColumns, NumberFormat, Operation, Source, UnknownColumns,
};
use crate::hash::ContentHash;

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
    /// The names of the table's columns, those that are no file's included.
    table: Vec<String>,
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

/// The hash of what the rows depend on.
pub(super) fn fingerprint(source: &Source) -> ContentHash {
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
        table: source.raw_schema().fields().iter().map(|field| field.name().clone()).collect(),
        missing_columns: source.missing_columns,
        columns: columns.collect(),
    })
}
