//! The values that SQL names as `$name`: those of the shipped models, each with its kind and, where
//! every business may start from the same, a default; and whatever a project adds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::config::reading::Effective;
use crate::config::yaml::{self, Spanned};
use crate::errors::{Error, Kind, Result, did_you_mean};

/// A value that models may name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// true or false
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    Text(String),
}

/// The parameters as a settings file has them.
pub(super) type Written = Spanned<BTreeMap<String, Spanned<Parameter>>>;

/// The start of the variables that override parameters.
pub(super) const PREFIX: &str = "RAPPORT_PARAMETER_";

/// The parameters that no settings set: the day that is built, the business's time zone, and the
/// first day of the partitions that are read.
pub const GIVEN: [&str; 3] = ["run_date", "time_zone", "first_input_date"];

/// A parameter that the shipped models name.
struct Known {
    name: &'static str,
    /// What a value must be, for people.
    expected: &'static str,
    /// The value that is meant, where what is written is one.
    meant: fn(Parameter) -> Option<Parameter>,
    /// None where a wrong guess would quietly give wrong tables.
    default: Option<Parameter>,
}

const KNOWN: [Known; 24] = [
    Known {
        name: "acquisition_overhead_share",
        expected: "a number of 0 or more",
        meant: |value| number(&value).filter(|number| *number >= 0.0).map(Parameter::Double),
        default: Some(Parameter::Double(0.2)),
    },
    Known {
        name: "attribution_half_life_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(7)),
    },
    Known {
        name: "attribution_window_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(30)),
    },
    Known {
        name: "campaign_window_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(14)),
    },
    Known {
        name: "case_memory_days",
        // Retention after a complaint looks back 118 days.
        expected: "a whole number of 119 or more",
        meant: |value| whole(value, 119),
        default: Some(Parameter::Integer(180)),
    },
    Known {
        name: "churned_after_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(180)),
    },
    Known {
        name: "confidence_z",
        expected: "a number above 0",
        meant: |value| number(&value).filter(|z| *z > 0.0).map(Parameter::Double),
        default: Some(Parameter::Double(1.96)),
    },
    Known {
        name: "consideration_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(30)),
    },
    Known {
        name: "default_region",
        expected: "a country as ISO 3166-1 alpha-2 such as GB",
        meant: |value| capitals(value, 2),
        default: None,
    },
    Known {
        name: "gold_tier_points",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(2000)),
    },
    Known {
        name: "has_household_one_name",
        expected: "true or false",
        meant: |value| matches!(value, Parameter::Boolean(_)).then_some(value),
        default: Some(Parameter::Boolean(true)),
    },
    Known {
        name: "journey_benchmark_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(28)),
    },
    Known {
        name: "journey_map_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(28)),
    },
    Known {
        name: "journey_window_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(28)),
    },
    Known {
        name: "maximum_household_size",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(8)),
    },
    Known {
        name: "maximum_identifiers_per_customer",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(10)),
    },
    Known {
        name: "maximum_messages_a_week",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(3)),
    },
    Known {
        name: "minimum_sample_size",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(30)),
    },
    Known {
        name: "point_value",
        expected: "a number of 0 or more",
        meant: |value| number(&value).filter(|number| *number >= 0.0).map(Parameter::Double),
        default: Some(Parameter::Double(0.01)),
    },
    Known {
        name: "points_valid_days",
        expected: "a whole number of 1 or more",
        meant: |value| whole(value, 1),
        default: Some(Parameter::Integer(365)),
    },
    Known {
        name: "refund_days",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(90)),
    },
    Known {
        name: "reporting_currency",
        expected: "a currency as ISO 4217 such as GBP",
        meant: |value| capitals(value, 3),
        default: None,
    },
    Known {
        name: "resend_days",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(7)),
    },
    Known {
        name: "silver_tier_points",
        expected: "a whole number of 0 or more",
        meant: |value| whole(value, 0),
        default: Some(Parameter::Integer(500)),
    },
];

fn number(value: &Parameter) -> Option<f64> {
    match value {
        Parameter::Integer(value) => value.to_string().parse().ok(),
        Parameter::Double(value) => Some(*value).filter(|value| value.is_finite()),
        Parameter::Boolean(_) | Parameter::Text(_) => None,
    }
}

fn whole(value: Parameter, least: i64) -> Option<Parameter> {
    matches!(value, Parameter::Integer(value) if value >= least).then_some(value)
}

fn capitals(value: Parameter, count: usize) -> Option<Parameter> {
    let Parameter::Text(text) = &value else { return None };
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(value)
}

/// The variable that overrides the parameter `name`.
pub fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// Whether the shipped models name it.
pub fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|known| known.name == name)
}

/// Whether the value of the parameter is for nobody's eyes: its name ends like that of a secret.
pub fn is_secret(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or(name);
    ["key", "password", "secret", "token"].contains(&last)
}

/// What people are shown of the value of the parameter `name`: nothing of a secret.
pub fn shown(name: &str, value: &Parameter) -> String {
    if is_secret(name) { "*** (a secret)".to_string() } else { value.to_string() }
}

/// Every parameter with its value: from `variable`, else from the first of the files that has it,
/// each as `written`, else the default. What each is, and whence, is noted in `effective`; what is
/// wrong in `mistakes`.
pub(super) fn read<'a>(
    files: impl Iterator<Item = (&'a str, Written)>,
    variable: impl Fn(&str) -> Option<String>,
    effective: &mut Vec<Effective>,
    mistakes: &mut Vec<Error>,
) -> BTreeMap<String, Parameter> {
    let mut written: BTreeMap<String, (&str, Spanned<Parameter>)> = BTreeMap::new();
    for (file, parameters) in files {
        for (name, value) in parameters.value {
            written.entry(name).or_insert((file, value));
        }
    }
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    for (name, (file, value)) in &written {
        mistakes.extend(wrong_name(name, &names).map(|what| yaml::mistake(file, value, what)));
    }
    let mut parameters = BTreeMap::new();
    let unwritten = KNOWN.iter().map(|known| known.name).filter(|name| !names.contains(name));
    for name in names.iter().copied().chain(unwritten) {
        let known = KNOWN.iter().find(|known| known.name == name);
        let value = written.get(name);
        match chosen(name, known, value, &variable) {
            Ok(Some((value, origin))) => {
                effective.push(Effective {
                    key: format!("parameters.{name}"),
                    value: Some(shown(name, &value)),
                    origin,
                });
                parameters.insert(name.to_string(), value);
            }
            Ok(None) => effective.push(Effective::unset(format!("parameters.{name}"))),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    parameters
}

/// The value of one parameter, and where it came from.
fn chosen(
    name: &str,
    known: Option<&Known>,
    written: Option<&(&str, Spanned<Parameter>)>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<(Parameter, String)>> {
    let meant = |value: Parameter| match known {
        None => Ok(value),
        Some(known) => {
            let told = value.to_string();
            (known.meant)(value)
                .ok_or_else(|| format!("`{told}` is no `{name}`, expected {}", known.expected))
        }
    };
    let variable_name = variable_of(name);
    if let Some(text) = variable(&variable_name) {
        let value = match (known, written) {
            // An own parameter is of the kind that the file gives it.
            (None, Some((_, like))) => like_kind(&like.value, &text)
                .ok_or_else(|| format!("`{text}` is not of the same kind as `{}`", like.value)),
            _ => meant(parsed(&text)),
        };
        let wrong =
            |what| Error::new(Kind::Usage, format!("environment variable {variable_name}: {what}"));
        return Ok(Some((value.map_err(wrong)?, format!("environment variable {variable_name}"))));
    }
    if let Some((file, written)) = written {
        let wrong = |what| yaml::mistake(file, written, what);
        let value = meant(written.value.clone()).map_err(wrong)?;
        return Ok(Some((value, format!("{file}:{}", written.referenced.line()))));
    }
    let default = known.and_then(|known| known.default.clone());
    Ok(default.map(|value| (value, "default".to_string())))
}

fn wrong_name(name: &str, names: &[&str]) -> Option<String> {
    let valid = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !valid || GIVEN.contains(&name) {
        return Some(format!(
            "`{name}` cannot name a parameter, expected letters, digits and underscores, and none \
             of {}, which are given",
            GIVEN.map(|given| format!("`{given}`")).join(", ")
        ));
    }
    if is_known(name) {
        return None;
    }
    // One that is mistyped would leave the default in force without a word.
    let mistyped = KNOWN
        .iter()
        .find(|known| strsim::osa_distance(known.name, name) <= 2 && !names.contains(&known.name));
    mistyped.map(|known| format!("unknown parameter `{name}`, did you mean `{}`?", known.name))
}

/// The mistake where a variable overrides a parameter that nobody has.
pub(super) fn unknown_variable<'a>(
    variable_name: &str,
    parameters: impl Iterator<Item = &'a String>,
) -> Option<Error> {
    let own: Vec<String> = parameters.map(|name| variable_of(name)).collect();
    let known: Vec<String> = KNOWN.iter().map(|known| variable_of(known.name)).collect();
    let all = || own.iter().chain(&known).map(String::as_str);
    if !variable_name.starts_with(PREFIX) || all().any(|name| name == variable_name) {
        return None;
    }
    let hint = did_you_mean(variable_name, all());
    let what = format!(
        "environment variable {variable_name}: there is no such parameter{hint} (a project's own \
         must stand under `parameters` of its settings)"
    );
    Some(Error::new(Kind::Usage, what))
}

/// The text as YAML would read it.
fn parsed(text: &str) -> Parameter {
    let integer = text.parse().map(Parameter::Integer).ok();
    let double = || text.parse().map(Parameter::Double).ok();
    let boolean = || text.parse().map(Parameter::Boolean).ok();
    integer.or_else(double).or_else(boolean).unwrap_or_else(|| Parameter::Text(text.to_string()))
}

fn like_kind(like: &Parameter, text: &str) -> Option<Parameter> {
    match like {
        Parameter::Boolean(_) => text.parse().ok().map(Parameter::Boolean),
        Parameter::Integer(_) => text.parse().ok().map(Parameter::Integer),
        Parameter::Double(_) => text.parse().ok().map(Parameter::Double),
        Parameter::Text(_) => Some(Parameter::Text(text.to_string())),
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Boolean(value) => write!(formatter, "{value}"),
            Parameter::Integer(value) => write!(formatter, "{value}"),
            Parameter::Double(value) => write!(formatter, "{value}"),
            Parameter::Text(value) => write!(formatter, "{value}"),
        }
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl serde::de::Visitor<'_> for Value {
    type Value = Parameter;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number, true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Parameter, E> {
        Ok(Parameter::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Parameter, E> {
        Ok(Parameter::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Parameter, E> {
        let value = i64::try_from(value);
        value.map(Parameter::Integer).map_err(|_| E::custom("a number too large, at most 2^63 - 1"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Parameter, E> {
        Ok(Parameter::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Parameter, E> {
        Ok(Parameter::Text(value.to_string()))
    }
}
