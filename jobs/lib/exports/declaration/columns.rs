//! A source's columns: what may be said of which type, and of which names.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use regex::Regex;

use super::is_table_name;
use super::written::ColumnYaml;
use crate::config::yaml::{Spanned, mistake};
use crate::errors::{Error, Result};
use crate::exports::moments::{self, MomentFormat};
use crate::exports::numbers;
use crate::exports::source::{
    Allowed, Bound, Column, ColumnType, EXTRA_COLUMNS, Format, NumberFormat, SOURCE_FILE,
    SOURCE_ROW,
};

/// Checks that names and headers tell the columns apart.
pub(super) fn check_names(
    file: &str,
    format: Format,
    has_header: bool,
    columns: &[Spanned<ColumnYaml>],
) -> Result<()> {
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
        if !has_header
            && let Some(header) = column.value.from.iter().chain(&column.value.aliases).next()
        {
            let what = "`from` and `aliases` name headers, and with `header: false` there is none: \
                        the fields are the declared columns, in order";
            return Err(mistake(file, header, what));
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

/// Checks that a system which another column names is named by a column that there is.
pub(super) fn check_systems(file: &str, columns: &[Spanned<ColumnYaml>]) -> Result<()> {
    for systems in columns.iter().filter_map(|column| column.value.identifies.as_ref()) {
        for system in &systems.value {
            let named = system.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let is_there = |name: &str| {
                columns.iter().any(|column| {
                    column.value.name.value == name && column.value.data_type.value == "string"
                })
            };
            if named.is_some_and(|name| !is_there(name)) || system.is_empty() {
                let what = format!(
                    "`{system}` names no system: expected such as `crm`, or `{{column}}` with a \
                     string column of the source that holds it"
                );
                return Err(mistake(file, systems, what));
            }
        }
    }
    Ok(())
}

/// Checks one column. `null_tokens` and `zone` are the source's.
pub(super) fn check_column(
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
    only_for!(decimal_mark, is_number || is_moment, "numbers, and for dates that are numbers");
    only_for!(thousands_mark, is_number, "numbers");
    only_for!(currency_signs, is_number, "numbers");
    only_for!(parentheses_negative, is_number, "numbers");
    only_for!(true_values, is_boolean, "booleans");
    only_for!(false_values, is_boolean, "booleans");
    only_for!(drop_zero_fraction, is_text, "strings");
    only_for!(identifies, is_text, "strings");
    only_for!(range, is_number || is_moment, "numbers, dates and timestamps");
    only_for!(allowed, is_text || data_type == ColumnType::Integer, "strings and integers");

    let thousands_mark = yaml.thousands_mark.as_ref().map(|text| mark(file, text)).transpose()?;
    // Whole numbers grouped by points need no word about fractions.
    let implied = data_type == ColumnType::Integer && thousands_mark == Some('.');
    let decimal_mark = match &yaml.decimal_mark {
        Some(text) => Some(mark(file, text)?),
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
                let parsed = MomentFormat::parse(&format.value).and_then(|parsed| {
                    // Of a day nobody asks the hour.
                    let is_instant = data_type == ColumnType::Timestamp;
                    if is_instant {
                        parsed.check_time_of_day().map(|()| parsed)
                    } else {
                        Ok(parsed)
                    }
                });
                let parsed = parsed.map_err(|what| mistake(file, format, what))?;
                Ok(parsed.with_decimal_mark(number.decimal_mark))
            })
            .collect::<Result<Vec<_>>>()?,
    };
    if let Some(written) = &yaml.formats {
        check_contradictions(file, &written.value, &formats)?;
    }
    if let Some(place) = &yaml.decimal_mark
        && is_moment
        && !formats.iter().any(MomentFormat::is_number)
    {
        let what = format!(
            "`decimal_mark` is for numbers, and `{}` has no format that is one, such as \
             `excel_serial`",
            yaml.name.value
        );
        return Err(mistake(file, place, what));
    }
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
    let null_tokens = yaml.null_tokens.as_deref().unwrap_or(null_tokens);
    if let Some(allowed) = &yaml.allowed
        && let Some(never) = allowed
            .value
            .iter()
            // That there may be no value at all is no contradiction.
            .find(|one| !one.value.is_empty() && null_tokens.contains(&one.value))
    {
        let what = format!(
            "`{}` means \"no value\" (`null_tokens`), so the column never has it",
            never.value
        );
        return Err(mistake(file, never, what));
    }
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
        null_tokens: null_tokens.to_vec(),
        formats,
        number,
        true_values,
        false_values,
        trim: yaml.trim.unwrap_or(true),
        drop_zero_fraction: yaml.drop_zero_fraction.as_ref().is_some_and(|yes| yes.value),
        personal: yaml.personal.clone(),
        identifies: yaml.identifies.as_ref().map_or_else(Vec::new, |systems| systems.value.clone()),
    })
}

/// Refuses formats under which one text is two moments: the first would be taken for most of the
/// days, and the other for the rest.
fn check_contradictions(
    file: &str,
    written: &[Spanned<String>],
    formats: &[MomentFormat],
) -> Result<()> {
    for (place, (format, text)) in formats.iter().zip(written).enumerate() {
        for other in &formats[..place] {
            if let Some(both) = other.contradiction(format) {
                let what = format!(
                    "`{}` contradicts `{}`: `{both}` is another moment by each, and nothing in it \
                     tells which is meant",
                    format.text(),
                    other.text()
                );
                return Err(mistake(file, text, what));
            }
        }
    }
    Ok(())
}

/// What stands within a number: one character that is no part of it.
fn mark(file: &str, text: &Spanned<String>) -> Result<char> {
    let mut characters = text.value.chars();
    match (characters.next(), characters.next()) {
        (Some(mark), None) if !mark.is_alphanumeric() && !matches!(mark, '-' | '+' | '(' | ')') => {
            Ok(mark)
        }
        _ => {
            let what = format!(
                "`{}` cannot be a mark within a number: expected one character that is no letter, \
                 digit, sign or parenthesis",
                text.value.escape_debug()
            );
            Err(mistake(file, text, what))
        }
    }
}

fn check_marks(file: &str, yaml: &ColumnYaml, number: &NumberFormat) -> Result<()> {
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
