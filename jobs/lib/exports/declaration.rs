//! The YAML of a source, key by key, and every mistake that can be made in it.
//!
//! What people write is [`written`]; [`Source`] is what comes out once all of it has been checked.
//! Every mistake names file, line and column.

mod columns;
mod files;
mod fingerprint;
mod loading;
#[cfg(test)]
mod tests;
mod written;

use chrono_tz::Tz;

use super::json_path::JsonPath;
use super::location::Location;
use super::source::{
    Column, Compression, CsvDialect, Duplicates, Format, MissingColumns, Source, UnknownColumns,
};
use crate::config::yaml::{self, Spanned, mistake};
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::hash::ContentHash;
use fingerprint::fingerprint;
use written::{MissingYaml, SourceYaml};

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
    let csv = files::dialect(file, format, yaml.csv.as_ref())?;
    let json = files::json_layout(file, format, yaml.json.as_ref())?;
    let encoding = files::encoding(file, format, yaml.encoding.as_ref())?;
    let time_zone = yaml.time_zone.as_ref().map(|zone| time_zone(file, zone)).transpose()?;
    let mut columns = checked_columns(file, &yaml, csv.header, time_zone)?;
    files::check_explode(file, yaml.json.as_ref(), &json, &columns)?;
    loading::check_location(file, &yaml, &location)?;
    let key = loading::key(file, &yaml)?;
    // A row without its key is nobody's: it is a bad row, not a bad day.
    for column in columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.required = true;
    }
    let operation = loading::operation(file, &yaml, &columns)?;
    let replay_window_days = loading::replay_window_days(file, &yaml)?;
    let lookback_days = loading::lookback_days(file, &yaml)?;
    let maximum_bad_share = maximum_bad_share(file, &yaml)?;
    let unknown_columns = unknown_columns(file, &yaml, &csv)?;
    let mut source = Source {
        name: name.to_string(),
        description: yaml.description,
        tags: yaml.tags,
        location,
        format,
        csv,
        json,
        encoding,
        compression: yaml.compression.unwrap_or(Compression::Auto),
        load: yaml.load.value,
        key,
        operation,
        required: yaml.required.unwrap_or(true),
        duplicates: yaml.duplicates.unwrap_or(Duplicates::Drop),
        replay_window_days,
        lookback_days,
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

/// The declared columns, each checked by itself and against the others.
fn checked_columns(
    file: &str,
    yaml: &SourceYaml,
    has_header: bool,
    zone: Option<Tz>,
) -> Result<Vec<Column>> {
    let null_tokens = yaml.null_tokens.clone().unwrap_or_else(|| vec![String::new()]);
    let written = &yaml.columns.value;
    if written.is_empty() {
        return Err(mistake(file, &yaml.columns, "a source needs at least one column"));
    }
    let checked = written
        .iter()
        .map(|column| columns::check_column(file, column, &null_tokens, zone))
        .collect::<Result<Vec<_>>>()?;
    let format = yaml.format.value;
    columns::check_names(file, format, has_header, written)?;
    columns::check_systems(file, written)?;
    for (column, written) in checked.iter().zip(written) {
        if format == Format::Json || format == Format::Ndjson {
            let place = written.value.from.as_ref().unwrap_or(&written.value.name);
            JsonPath::parse(&column.from).map_err(|what| mistake(file, place, what))?;
        }
    }
    Ok(checked)
}

fn maximum_bad_share(file: &str, yaml: &SourceYaml) -> Result<f64> {
    match &yaml.maximum_bad_share {
        Some(share) if !(0.0..=1.0).contains(&share.value) => {
            Err(mistake(file, share, "expected a share from 0 to 1, such as 0.05"))
        }
        share => Ok(share.as_ref().map_or(0.05, |share| share.value)),
    }
}

fn unknown_columns(file: &str, yaml: &SourceYaml, csv: &CsvDialect) -> Result<UnknownColumns> {
    let is_json = matches!(yaml.format.value, Format::Json | Format::Ndjson);
    match &yaml.unknown_columns {
        Some(choice) if choice.value == UnknownColumns::Widen && (is_json || !csv.header) => {
            let what =
                "`widen` needs a header to know the columns before the first row: use `text`";
            Err(mistake(file, choice, what))
        }
        choice => Ok(choice.as_ref().map_or(UnknownColumns::Fail, |choice| choice.value)),
    }
}

fn is_table_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|other| matches!(other, 'a'..='z' | '0'..='9' | '_'))
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
