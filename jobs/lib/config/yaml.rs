//! Reads YAML into typed declarations. The one place that knows the YAML library.
//!
//! A mistake is told as `file:line:column: what was found, what was expected`, with the nearest
//! known key and the lines around it.

use std::collections::HashMap;
use std::path::Path;

use serde::de::DeserializeOwned;
pub use serde_yaml::Spanned;

use crate::errors::{Error, Kind, Result, nearest};

/// Reads a declaration of type `T` from the file at `path`, as it stands: a `$` is a `$`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&path.display().to_string(), &text_of(path)?)
}

/// Reads settings of type `T` from the file at `path`. `${NAME}` in a value stands for an
/// environment variable, `${NAME:-default}` for one that may be missing, `$$` for a `$`.
///
/// Errors: [`Kind::Usage`] with the place, for a variable that is not set too.
pub fn read_with_variables<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let name = path.display().to_string();
    let text = text_of(path)?;
    let variables: HashMap<String, String> = super::variables().collect();
    refuse_unset(&name, &text, &variables)?;
    let options = serde_yaml::options! {
        property_syntax: serde_yaml::PropertySyntax::DockerCompose,
    }
    .with_properties(variables);
    serde_yaml::from_str_with_options(&text, options)
        .map_err(|error| to_error(&name, &text, &error))
}

/// Reads a declaration of type `T` from `text`; `name` says in errors where the text came from.
pub fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    serde_yaml::from_str(text).map_err(|error| to_error(name, text, &error))
}

fn text_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::new(Kind::Usage, format!("read `{}`", path.display())).because(error)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        Error::new(Kind::Usage, format!("{}: not UTF-8 at byte {position}", path.display()))
    })
}

/// The library takes a variable that is not set for an empty text; in a location that would
/// quietly mean another place.
fn refuse_unset(name: &str, text: &str, variables: &HashMap<String, String>) -> Result<()> {
    for (index, line) in text.lines().enumerate() {
        let value = if line.trim_start().starts_with('#') { "" } else { line };
        let value = value.split(" #").next().unwrap_or_default();
        for (start, _) in value.match_indices("${") {
            if value[..start].ends_with('$') {
                continue;
            }
            let Some(end) = value[start..].find('}') else { continue };
            let variable = &value[start + 2..start + end];
            let is_plain = variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if is_plain && !variables.contains_key(variable) {
                let column = value[..start].chars().count() + 1;
                let excerpt = excerpt(text, index + 1, column);
                return Err(Error::new(
                    Kind::Usage,
                    format!(
                        "{name}:{}:{column}: environment variable `{variable}` is not set, set it \
                         or write ${{{variable}:-default}}{excerpt}",
                        index + 1
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The error for a mistake at a known place of `name`, for checks that come after reading.
pub fn mistake<T>(name: &str, place: &Spanned<T>, what: impl std::fmt::Display) -> Error {
    let location = place.referenced;
    Error::new(Kind::Usage, format!("{name}:{}:{}: {what}", location.line(), location.column()))
}

fn to_error(name: &str, text: &str, error: &serde_yaml::Error) -> Error {
    let location = error.location().filter(|location| location.line() > 0).map(|location| {
        let line_number = usize::try_from(location.line()).unwrap_or(1);
        (line_number, usize::try_from(location.column()).unwrap_or(1))
    });
    // Where a file has variables the library hides every name, lest it tells a variable's value:
    // what the file itself says there is no secret.
    let found = |told: &str| match location.and_then(|(line, column)| word(text, line, column)) {
        Some(written) if told.starts_with("an interpolated ") => written,
        _ => told.to_string(),
    };
    let what = match error.without_snippet() {
        serde_yaml::Error::SerdeUnknownField { field, expected, .. } => {
            unknown("key", &found(field), expected)
        }
        serde_yaml::Error::SerdeUnknownVariant { variant, expected, .. } => {
            unknown("value", &found(variant), expected)
        }
        other => in_words(other),
    };
    // The scanner stumbles over a tab only where it leads to trouble, some lines further down.
    let tab = match error.without_snippet() {
        serde_yaml::Error::ExternalMessage { .. } => indented_by_tab(text),
        _ => None,
    };
    let (location, what) = match tab {
        Some(line) => (Some((line, 1)), "a tab indents this line, expected spaces".to_string()),
        None => (location, what),
    };
    let (place, excerpt) = match location {
        Some((line_number, column)) => {
            (format!("{name}:{line_number}:{column}"), excerpt(text, line_number, column))
        }
        None => (name.to_string(), String::new()),
    };
    Error::new(Kind::Usage, format!("{place}: {what}{excerpt}"))
}

/// What is written at a place of `text`, up to what ends a key or a value.
fn word(text: &str, line_number: usize, column: usize) -> Option<String> {
    let line = text.lines().nth(line_number.checked_sub(1)?)?;
    let rest: String = line.chars().skip(column.checked_sub(1)?).collect();
    let end = rest.find([':', ',', '}', ']', '#']).unwrap_or(rest.len());
    let written = rest[..end].trim().trim_matches(['"', '\'']);
    (!written.is_empty()).then(|| written.to_string())
}

fn unknown(noun: &str, found: &str, expected: &[&'static str]) -> String {
    let hint = match nearest(found, expected.iter().copied()) {
        Some(known) => format!(", did you mean `{known}`?"),
        None => String::new(),
    };
    format!("unknown {noun} `{found}`{hint} (expected one of: {})", expected.join(", "))
}

/// The library's mistake in the words of people who write settings.
fn in_words(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error as Mistake;
    match error {
        Mistake::InvalidScalar { ty, .. } => format!("expected {}", scalar_in_words(ty)),
        Mistake::InvalidBooleanStrict { .. } => "expected true or false".to_string(),
        Mistake::Unexpected { expected, .. } => format!("expected {}", shape_in_words(expected)),
        Mistake::NullIntoString { .. } => "found nothing, expected a text".to_string(),
        Mistake::SerdeInvalidType { unexpected, expected, .. }
        | Mistake::SerdeInvalidValue { unexpected, expected, .. } => {
            let found = unexpected.replace("unit value", "nothing").replace("sequence", "a list");
            let found = found.replace("map", "keys with values").replace("string \"", "text \"");
            format!("found {found}, expected {}", shape_in_words(expected))
        }
        Mistake::SerdeMissingField { field, .. } => format!("key `{field}` is missing"),
        Mistake::DuplicateMappingKey { key: Some(key), .. } => format!("key `{key}` stands twice"),
        Mistake::DuplicateMappingKey { key: None, .. } => "a key stands twice".to_string(),
        Mistake::Eof { .. } => "the file ends where a value was expected".to_string(),
        Mistake::MultipleDocuments { .. } => {
            "a second document begins here (`---`), expected one".to_string()
        }
        Mistake::UnresolvedProperty { name, .. } => {
            format!("environment variable `{name}` is not set")
        }
        Mistake::InvalidPropertyName { name, .. } => format!(
            "`{name}` names no variable, expected ${{NAME}} or ${{NAME:-default}}; `$$` stands for \
             a `$`"
        ),
        other => match first_line_without_place(&other.to_string()) {
            hidden if hidden.starts_with("invalid interpolated") => {
                "the value of the variable does not fit here".to_string()
            }
            told => told,
        },
    }
}

fn scalar_in_words(library: &str) -> &str {
    match library.as_bytes().first() {
        Some(b'u') => "a whole number of 0 or more",
        Some(b'i') => "a whole number",
        Some(b'f') => "a number",
        Some(b'b') => "true or false",
        _ => library,
    }
}

fn shape_in_words(library: &str) -> String {
    match library {
        "sequence start" | "a sequence" | "seq" => "a list",
        "mapping start" | "a map" | "map" => "keys with values",
        "string scalar" | "scalar" | "string" | "a string" => "a text",
        "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        library if library.starts_with("struct ") => "keys with values",
        library if library.starts_with("a tuple of size 2") => "a pair",
        library => library,
    }
    .to_string()
}

/// The first line of `text` that a tab indents.
fn indented_by_tab(text: &str) -> Option<usize> {
    let is_indented = |line: &str| {
        let rest = line.trim_start_matches(' ');
        rest.starts_with('\t') && !rest.trim().is_empty()
    };
    text.lines().position(is_indented).map(|index| index + 1)
}

/// The library ends its messages with the place, which stands at the front of ours.
fn first_line_without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or(message);
    let end = line.rfind(" at line ").unwrap_or(line.len());
    line[..end].to_string()
}

fn excerpt(text: &str, line_number: usize, column: usize) -> String {
    match text.lines().nth(line_number.saturating_sub(1)) {
        Some(line) => format!(
            "\n{line_number:>5} | {line}\n      | {}^",
            " ".repeat(column.saturating_sub(1))
        ),
        None => String::new(),
    }
}
