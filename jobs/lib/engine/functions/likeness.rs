//! How alike two values are, and the keys by which alike ones are found: what linking records
//! calls.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BooleanArray, Date32Array, Float64Array, Int64Array, StringBuilder,
};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter};
use crate::algorithms::identity::comparison;
use crate::dates::Day;

const LEFT: Parameter = Parameter { name: "left", kind: Kind::Text, meaning: "One text." };
const RIGHT: Parameter = Parameter { name: "right", kind: Kind::Text, meaning: "The other." };
const MOST: Parameter =
    Parameter { name: "most", kind: Kind::Integer, meaning: "How many edits are few enough." };
const ONE_DAY: Parameter = Parameter { name: "left", kind: Kind::Date, meaning: "One date." };
const OTHER_DAY: Parameter = Parameter { name: "right", kind: Kind::Date, meaning: "The other." };
const TEXT: Parameter = Parameter { name: "text", kind: Kind::Text, meaning: "The text." };
const NAME: Parameter =
    Parameter { name: "name", kind: Kind::Text, meaning: "A name, as normalize_name makes it." };
const POSTCODE: Parameter = Parameter {
    name: "postcode",
    kind: Kind::Text,
    meaning: "A postcode, as normalize_postcode makes it.",
};
const ONE_LIST: Parameter =
    Parameter { name: "left", kind: Kind::Texts, meaning: "One list of texts." };
const OTHER_LIST: Parameter = Parameter { name: "right", kind: Kind::Texts, meaning: "The other." };

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "jaro_similarity",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Jaro's similarity of two texts, from 0 (no character in common) to 1 (equal).",
        example: "jaro_similarity('martha', 'marhta') -> 0.944",
        evaluate: |arguments| similarity(arguments, comparison::jaro),
    },
    Declaration {
        name: "jaro_winkler_similarity",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Jaro's similarity, raised where it is above 0.7 and the texts begin alike.",
        example: "jaro_winkler_similarity('martha', 'marhta') -> 0.961",
        evaluate: |arguments| similarity(arguments, comparison::jaro_winkler),
    },
    Declaration {
        name: "edits_apart",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Levenshtein's distance: how many characters have to be inserted, deleted or \
            replaced to make one text the other.",
        example: "edits_apart('martha', 'marhta') -> 2",
        evaluate: |arguments| distance(arguments, comparison::levenshtein),
    },
    Declaration {
        name: "damerau_levenshtein",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "As edits_apart, with two neighbours that changed places as one edit.",
        example: "damerau_levenshtein('martha', 'marhta') -> 1",
        evaluate: |arguments| distance(arguments, comparison::damerau_levenshtein),
    },
    Declaration {
        name: "damerau_levenshtein_within",
        parameters: &[LEFT, RIGHT, MOST],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether damerau_levenshtein is this or less: faster than counting.",
        example: "damerau_levenshtein_within('martha', 'marhta', 1) -> true",
        evaluate: |arguments| {
            let (left, right) = (arguments.text(0)?, arguments.text(1)?);
            let most = arguments.integer(2)?;
            let one = |row| {
                let (left, right) = (left.get(row)?, right.get(row)?);
                // Fewer edits than none are never enough.
                let Ok(most) = usize::try_from(most.get(row)?) else { return Some(false) };
                Some(comparison::damerau_levenshtein_within(left, right, most))
            };
            Ok(Arc::new((0..arguments.rows).map(one).collect::<BooleanArray>()))
        },
    },
    Declaration {
        name: "words_in_common",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "How many different words two texts share.",
        example: "words_in_common('12 high st leeds', 'high st york') -> 2",
        evaluate: |arguments| distance(arguments, comparison::words_in_common),
    },
    Declaration {
        name: "elements_in_common",
        parameters: &[ONE_LIST, OTHER_LIST],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "How many different elements two lists of texts share; nulls are none.",
        example: "elements_in_common(['a', 'b'], ['b', 'c']) -> 1",
        evaluate: elements_in_common,
    },
    Declaration {
        name: "days_apart",
        parameters: &[ONE_DAY, OTHER_DAY],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "How many days lie between two dates.",
        example: "days_apart(date '1971-06-24', date '1971-05-24') -> 31",
        evaluate: |arguments| {
            of_days(arguments, |left, right| i64::from(comparison::days_apart(left, right)))
        },
    },
    Declaration {
        name: "digits_apart",
        parameters: &[ONE_DAY, OTHER_DAY],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "How many of the eight digits YYYYMMDD of two dates differ.",
        example: "digits_apart(date '1971-06-24', date '1971-05-24') -> 1",
        evaluate: |arguments| {
            of_days(arguments, |left, right| i64::from(comparison::digits_apart(left, right)))
        },
    },
    Declaration {
        name: "is_day_month_swapped",
        parameters: &[ONE_DAY, OTHER_DAY],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether two dates are one another with day and month swapped.",
        example: "is_day_month_swapped(date '1980-03-04', date '1980-04-03') -> true",
        evaluate: |arguments| {
            let (left, right) = (arguments.date(0)?, arguments.date(1)?);
            let swapped = |row| {
                let days = (day_of(left.get(row))?, day_of(right.get(row))?);
                Some(comparison::is_day_month_swapped(days.0, days.1))
            };
            Ok(Arc::new((0..arguments.rows).map(swapped).collect::<BooleanArray>()))
        },
    },
    Declaration {
        name: "sounds_alike",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether two names may sound alike to an English ear (Double Metaphone).",
        example: "sounds_alike('smith', 'schmidt') -> true",
        evaluate: |arguments| answer(arguments, comparison::sounds_alike),
    },
    Declaration {
        name: "are_nicknames",
        parameters: &[LEFT, RIGHT],
        optional: 0,
        returns: || DataType::Boolean,
        is_strict: true,
        description: "Whether two different given names, normalised, are forms of one.",
        example: "are_nicknames('bob', 'robert') -> true",
        evaluate: |arguments| answer(arguments, comparison::are_nicknames),
    },
    Declaration {
        name: "phonetic",
        parameters: &[NAME],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "How a name sounds: its primary code by Double Metaphone; null for text \
            without a sound.",
        example: "phonetic('smith') -> 'SM0'",
        evaluate: |arguments| key(arguments, comparison::phonetic),
    },
    Declaration {
        name: "nickname_root",
        parameters: &[NAME],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The full name that a given name, normalised, is the usual short form of; \
            the name itself where it is none.",
        example: "nickname_root('bob') -> 'robert'",
        evaluate: |arguments| {
            key(arguments, |name| Some(comparison::nickname_root(name).to_string()))
        },
    },
    Declaration {
        name: "postcode_area",
        parameters: &[POSTCODE],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The wider area of a postcode: the letters that it opens with, otherwise its \
            first two digits; null where it opens with neither.",
        example: "postcode_area('SW1A 1AA') -> 'SW'",
        evaluate: |arguments| key(arguments, |text| Some(comparison::postcode_area(text)?.into())),
    },
    Declaration {
        name: "postcode_district",
        parameters: &[POSTCODE],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The district of a postcode: what stands before its space, otherwise its \
            first three characters.",
        example: "postcode_district('SW1A 1AA') -> 'SW1A'",
        evaluate: |arguments| {
            key(arguments, |text| Some(comparison::postcode_district(text)?.into()))
        },
    },
    Declaration {
        name: "digits_of",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The digits of a text, all else left out; null where it has none.",
        example: "digits_of('12-14 High St') -> '1214'",
        evaluate: |arguments| {
            key(arguments, |text| {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                Some(digits).filter(|digits| !digits.is_empty())
            })
        },
    },
    Declaration {
        name: "sorted_words",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: true,
        description: "The words of a text in alphabetical order; null where it has none.",
        example: "sorted_words('robert alan') -> 'alan robert'",
        evaluate: |arguments| {
            key(arguments, |text| {
                let mut words: Vec<&str> = text.split_whitespace().collect();
                words.sort_unstable();
                Some(words.join(" ")).filter(|words| !words.is_empty())
            })
        },
    },
    Declaration {
        name: "date_of",
        parameters: &[TEXT],
        optional: 0,
        returns: || DataType::Date32,
        is_strict: true,
        description: "The date that a text spells, year first, with or without separators; null \
            for what is no day of the calendar.",
        example: "date_of('1971-06-24') -> 1971-06-24; date_of('19710624') -> 1971-06-24",
        evaluate: |arguments| {
            let text = arguments.text(0)?;
            let date = |row| text.get(row).and_then(date_of).map(Day::to_epoch);
            Ok(Arc::new((0..arguments.rows).map(date).collect::<Date32Array>()))
        },
    },
];

/// The day that a text spells year first: eight digits, or three groups of them that anything but
/// a digit parts; a time behind it is left out.
fn date_of(text: &str) -> Option<Day> {
    let text = text.trim();
    let groups: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).take(4).collect();
    let (year, month, day) = match groups.as_slice() {
        [whole] | [whole, _, ..] if whole.len() == 8 => {
            (whole.get(..4)?, whole.get(4..6)?, whole.get(6..)?)
        }
        [year, month, day, ..] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
            (*year, *month, *day)
        }
        _ => return None,
    };
    let date =
        chrono::NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    date.map(Day::new)
}

fn day_of(epoch: Option<i32>) -> Option<Day> {
    epoch.and_then(Day::from_epoch)
}

fn similarity(arguments: &Arguments, measure: fn(&str, &str) -> f64) -> Result<ArrayRef> {
    let (left, right) = (arguments.text(0)?, arguments.text(1)?);
    let one = |row| Some(measure(left.get(row)?, right.get(row)?));
    Ok(Arc::new((0..arguments.rows).map(one).collect::<Float64Array>()))
}

fn distance(arguments: &Arguments, measure: fn(&str, &str) -> usize) -> Result<ArrayRef> {
    let (left, right) = (arguments.text(0)?, arguments.text(1)?);
    let one = |row| {
        let count = measure(left.get(row)?, right.get(row)?);
        Some(i64::try_from(count).unwrap_or(i64::MAX))
    };
    Ok(Arc::new((0..arguments.rows).map(one).collect::<Int64Array>()))
}

fn answer(arguments: &Arguments, is: fn(&str, &str) -> bool) -> Result<ArrayRef> {
    let (left, right) = (arguments.text(0)?, arguments.text(1)?);
    let one = |row| Some(is(left.get(row)?, right.get(row)?));
    Ok(Arc::new((0..arguments.rows).map(one).collect::<BooleanArray>()))
}

fn of_days(arguments: &Arguments, measure: fn(Day, Day) -> i64) -> Result<ArrayRef> {
    let (left, right) = (arguments.date(0)?, arguments.date(1)?);
    let one = |row| Some(measure(day_of(left.get(row))?, day_of(right.get(row))?));
    Ok(Arc::new((0..arguments.rows).map(one).collect::<Int64Array>()))
}

fn key(arguments: &Arguments, key: impl Fn(&str) -> Option<String>) -> Result<ArrayRef> {
    let text = arguments.text(0)?;
    let mut keys = StringBuilder::with_capacity(arguments.rows, arguments.rows * 8);
    for row in 0..arguments.rows {
        keys.append_option(text.get(row).and_then(&key));
    }
    Ok(Arc::new(keys.finish()))
}

fn elements_in_common(arguments: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (arguments.list(0)?, arguments.list(1)?);
    let one = |row| {
        let (left, right) = (left.elements(row)?, right.elements(row)?);
        let (left, right) = (left.as_string::<i32>(), right.as_string::<i32>());
        let count = comparison::elements_in_common(left.iter().flatten(), right.iter().flatten());
        Some(i64::try_from(count).unwrap_or(i64::MAX))
    };
    Ok(Arc::new((0..arguments.rows).map(one).collect::<Int64Array>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_year_first() {
        for (text, expected) in [
            ("1971-06-24", Some("1971-06-24")),
            (" 1971/6/4 ", Some("1971-06-04")),
            ("19710624", Some("1971-06-24")),
            ("1971-06-24T12:00:00", Some("1971-06-24")),
            ("1971-06-24 00:00", Some("1971-06-24")),
            ("24/06/1971", None),
            ("1971-02-30", None),
            ("19710230", None),
            ("1971", None),
            ("", None),
        ] {
            let read = date_of(text).map(|day| day.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
