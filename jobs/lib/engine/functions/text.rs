//! Normalisers of text, and reading JSON text.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};

use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter};
use crate::algorithms::normalise;

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "normalize_email",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "One spelling of an e-mail address; null for what is no address and for \
            placeholders such as noreply@, which must never link anybody. Dots and +tags go only \
            where the provider ignores them.",
        example: "normalize_email(' J.Doe+shop@GoogleMail.com ') -> 'jdoe@gmail.com'",
        evaluate: |arguments| one(arguments, normalise::normalize_email),
    },
    Declaration {
        name: "is_placeholder_email",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether the text stands for no address: noreply@, test@test.com, none.",
        example: "is_placeholder_email('noreply@example.com') -> true",
        evaluate: |arguments| yes_or_no(arguments, normalise::is_placeholder_email),
    },
    Declaration {
        name: "is_shared_mailbox",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether an e-mail address leads to a team rather than to a person: info@, \
            sales@. False for text that is no address.",
        example: "is_shared_mailbox('info@example.com') -> true",
        evaluate: |arguments| yes_or_no(arguments, normalise::is_shared_mailbox),
    },
    Declaration {
        name: "normalize_phone",
        parameters: &[
            TEXT,
            Parameter {
                name: "default_region",
                kind: Kind::Region,
                meaning: "Country of numbers written without one, ISO 3166-1 alpha-2. Null, or a \
                    value of a column that is no region: only numbers with a country code.",
            },
        ],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: false,
        description: "A phone number as E.164; null for what is no number, lacks its area code, \
            or is a placeholder such as 000-0000. Extensions are dropped.",
        example: "normalize_phone('020 7946 0958 ext. 2', 'GB') -> '+442079460958'",
        evaluate: |arguments| two(arguments, normalise::normalize_phone),
    },
    Declaration {
        name: "normalize_name",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "One spelling of a person's name: case and diacritics folded, titles and \
            suffixes removed; null for placeholders such as Test Customer.",
        example: "normalize_name('Müller, Dr. Zoë') -> 'zoe muller'",
        evaluate: |arguments| one(arguments, normalise::normalize_name),
    },
    Declaration {
        name: "normalize_address",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "One spelling of a postal address line, for comparing; null for placeholders.",
        example: "normalize_address('12, High Street') -> '12 high st'",
        evaluate: |arguments| one(arguments, normalise::normalize_address),
    },
    Declaration {
        name: "normalize_postcode",
        parameters: &[
            TEXT,
            Parameter {
                name: "country",
                kind: Kind::Text,
                meaning: "ISO 3166-1 alpha-2. Null or unknown: upper case and single spaces only.",
            },
        ],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: false,
        description: "A postcode in its country's spelling; null where it is not one of that \
            country's, and for placeholders such as 00000.",
        example: "normalize_postcode('sw1a1aa', 'GB') -> 'SW1A 1AA'",
        evaluate: |arguments| two(arguments, normalise::normalize_postcode),
    },
    Declaration {
        name: "normalize_handle",
        parameters: &[
            Parameter {
                name: "platform",
                kind: Kind::Text,
                meaning: "Name of the social network; null where the text is a profile's URL.",
            },
            TEXT,
        ],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: false,
        description: "A social handle as platform:handle; null for what is no handle and for \
            placeholders.",
        example: "normalize_handle('twitter', '@JaneDoe') -> 'x:janedoe'",
        evaluate: |arguments| {
            let (platform, text) = (arguments.text(0)?, arguments.text(1)?);
            collect(
                arguments.rows,
                |row| (text.get(row), platform.get(row)),
                |text, platform| normalise::normalize_handle(platform, text),
            )
        },
    },
    Declaration {
        name: "normalize_identifier",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "An identifier trimmed, its white space collapsed, its case kept; null for \
            placeholders: unknown, n/a, -, 0000, 999999.",
        example: "normalize_identifier(' 17850.0 ') -> '17850'",
        evaluate: |arguments| one(arguments, normalise::normalize_identifier),
    },
    Declaration {
        name: "json_text",
        parameters: &[
            Parameter { name: "json", kind: Kind::Text, meaning: "A JSON document." },
            Parameter {
                name: "path",
                kind: Kind::Text,
                meaning: "A key of the outermost object, or a JSON Pointer (RFC 6901) that begins \
                    with a slash: /address/lines/0.",
            },
        ],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The value at a place in a JSON document: a string as its text, anything \
            else as JSON. Null where the document is not JSON, the place is not there, or null.",
        example: "json_text(extra_columns, 'coupon') -> 'SPRING'",
        evaluate: |arguments| two(arguments, |json, path| json_text(json, path?)),
    },
];

const TEXT: Parameter =
    Parameter { name: "text", kind: Kind::Text, meaning: "The text as the source has it." };

/// Refuses a constant that is no region.
pub(super) fn check_region(region: &str) -> Result<()> {
    if normalise::is_region(region) {
        return Ok(());
    }
    plan_err!("`{region}` is not a region, expected ISO 3166-1 alpha-2 such as GB")
}

fn json_text(json: &str, path: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(json).ok()?;
    let value = if path.starts_with('/') { document.pointer(path) } else { document.get(path) }?;
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A normaliser of one text.
fn one(arguments: &Arguments, normalize: fn(&str) -> Option<String>) -> Result<ArrayRef> {
    let text = arguments.text(0)?;
    collect(arguments.rows, |row| (text.get(row), None), |text, _| normalize(text))
}

/// A normaliser of a text in a context that may be missing.
fn two(
    arguments: &Arguments,
    normalize: fn(&str, Option<&str>) -> Option<String>,
) -> Result<ArrayRef> {
    let (text, context) = (arguments.text(0)?, arguments.text(1)?);
    collect(arguments.rows, |row| (text.get(row), context.get(row)), normalize)
}

/// One text a row. Exports repeat themselves from row to row (the lines of an order, the events
/// of a case), and some normalisers are slow: the last result is kept.
fn collect<'a>(
    rows: usize,
    get: impl Fn(usize) -> (Option<&'a str>, Option<&'a str>),
    normalize: impl Fn(&str, Option<&str>) -> Option<String>,
) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, rows * 16);
    let mut last: (Option<&str>, Option<&str>) = (None, None);
    let mut result: Option<String> = None;
    for row in 0..rows {
        let given = get(row);
        if given != last {
            result = given.0.and_then(|text| normalize(text, given.1));
            last = given;
        }
        // Nothing is remembered at first: no text, no result.
        builder.append_option(result.as_deref());
    }
    Ok(Arc::new(builder.finish()))
}

fn yes_or_no(arguments: &Arguments, is: fn(&str) -> bool) -> Result<ArrayRef> {
    let text = arguments.text(0)?;
    let answers: BooleanArray = (0..arguments.rows).map(|row| text.get(row).map(is)).collect();
    Ok(Arc::new(answers))
}
