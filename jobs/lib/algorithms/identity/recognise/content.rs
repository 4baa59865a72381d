//! What a column's values look like.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use super::SampledColumn;
use super::headers::Kind;
use crate::algorithms::normalise::fold;

/// Common given names of eleven European countries, folded: enough to tell a column of given names,
/// never to judge a single one.
static GIVEN_NAMES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("given_names.txt").lines().collect());

/// What sexes are called, folded.
const SEXES: [&str; 40] = [
    "0",
    "1",
    "2",
    "9",
    "d",
    "diverse",
    "f",
    "female",
    "femenino",
    "feminin",
    "feminino",
    "femme",
    "femmina",
    "frau",
    "h",
    "hombre",
    "homme",
    "k",
    "kobieta",
    "m",
    "maennlich",
    "male",
    "man",
    "mann",
    "mannlich",
    "maschio",
    "masculin",
    "masculino",
    "mezczyzna",
    "mujer",
    "n",
    "non-binary",
    "nonbinary",
    "other",
    "u",
    "unknown",
    "w",
    "weiblich",
    "woman",
    "x",
];

/// Shares (0 to 1) of the sampled values, and means over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Values in the whole column.
    pub count: u64,
    /// Different values in the whole column.
    pub distinct_count: u64,
    /// E-mail addresses.
    pub email: f64,
    /// Dates.
    pub date: f64,
    /// Nothing but digits.
    pub digits: f64,
    /// A digit somewhere.
    pub with_digit: f64,
    /// Seven to fifteen digits and what is written between them in telephone numbers.
    pub phone: f64,
    /// Begins with + or 0.
    pub dialled: f64,
    /// Letters, and no digits.
    pub letters: f64,
    /// Digits and a word of three letters.
    pub street: f64,
    /// Written as some country's postal codes.
    pub postcode: f64,
    /// Words for sexes.
    pub sex: f64,
    /// 1 to 12, 1 to 31, 1800 to 2099.
    pub month: f64,
    /// See `month`.
    pub day: f64,
    /// See `month`.
    pub year: f64,
    /// The first word is a common given name.
    pub given: f64,
    /// Words a value.
    pub words_each: f64,
    /// Characters a value.
    pub length: f64,
    /// Their standard deviation.
    pub length_deviation: f64,
    /// The median number of digits.
    pub digit_count: usize,
    /// From the earliest to the latest year in the values, and the median.
    pub years: Option<(i32, i32, i32)>,
}

impl Profile {
    /// Of a column's samples.
    pub fn of(column: &SampledColumn) -> Profile {
        let values: Vec<&str> = column
            .samples
            .iter()
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
            .collect();
        let share = |holds: &dyn Fn(&str) -> bool| match values.len() {
            0 => 0.0,
            all => values.iter().filter(|value| holds(value)).count() as f64 / all as f64,
        };
        let mean = |of: &dyn Fn(&str) -> f64| match values.len() {
            0 => 0.0,
            all => values.iter().map(|value| of(value)).sum::<f64>() / all as f64,
        };
        let length = mean(&|value| value.chars().count() as f64);
        let variance = mean(&|value| (value.chars().count() as f64 - length).powi(2));
        let mut digit_counts: Vec<usize> = values.iter().map(|value| digit_count(value)).collect();
        digit_counts.sort_unstable();
        let mut years: Vec<i32> = values.iter().filter_map(|value| year_in(value)).collect();
        years.sort_unstable();
        let middle = years.get(years.len() / 2).copied();
        let count =
            if values.is_empty() { 0 } else { column.row_count.saturating_sub(column.null_count) };
        Profile {
            count,
            distinct_count: column.distinct_count,
            email: share(&is_email),
            date: share(&is_date),
            digits: share(&|value| value.bytes().all(|byte| byte.is_ascii_digit())),
            with_digit: share(&|value| digit_count(value) > 0),
            phone: share(&is_phone),
            dialled: share(&|value| value.starts_with(['+', '0'])),
            letters: share(&|value| {
                digit_count(value) == 0
                    && !value.contains(['@', '_'])
                    && value.chars().next().is_some_and(char::is_alphabetic)
            }),
            street: share(&|value| digit_count(value) > 0 && longest_word(value) >= 3),
            postcode: share(&is_postcode),
            sex: share(&|value| SEXES.contains(&fold(value).as_str())),
            month: share(&|value| whole(value).is_some_and(|number| (1..=12).contains(&number))),
            day: share(&|value| whole(value).is_some_and(|number| (1..=31).contains(&number))),
            year: share(&|value| whole(value).is_some_and(|number| (1800..2100).contains(&number))),
            given: share(&|value| {
                let folded = fold(value);
                folded.split_whitespace().next().is_some_and(|word| GIVEN_NAMES.contains(word))
            }),
            words_each: mean(&|value| value.split_whitespace().count() as f64),
            length,
            length_deviation: variance.sqrt(),
            digit_count: digit_counts.get(digit_counts.len() / 2).copied().unwrap_or(0),
            years: years.first().zip(years.last()).zip(middle).map(|((a, b), c)| (*a, *b, c)),
        }
    }

    /// Different values a value.
    pub fn distinct_share(&self) -> f64 {
        self.distinct_count as f64 / self.count.max(1) as f64
    }

    /// Names or places: letters, and more than ten values.
    pub fn is_wordy(&self) -> bool {
        self.letters > 0.9 && self.distinct_count > 10
    }

    /// Whether a column that is named so can hold this.
    pub fn allows(&self, kind: Kind) -> bool {
        match kind {
            Kind::GivenName | Kind::Surname | Kind::FullName | Kind::City => {
                self.with_digit < 0.5 && self.email < 0.2
            }
            Kind::Email => self.email > 0.3,
            Kind::Phone => self.phone > 0.3,
            Kind::BirthDate => {
                self.date > 0.3 || self.digits > 0.5 && matches!(self.digit_count, 6 | 8)
            }
            Kind::BirthYear => self.year > 0.5,
            Kind::BirthMonth => self.month > 0.5,
            Kind::BirthDay => self.day > 0.5,
            Kind::Sex => self.sex > 0.5 && self.distinct_count <= 12,
            Kind::Postcode => self.with_digit > 0.5 && self.length <= 12.0,
            Kind::HouseNumber => self.with_digit > 0.5 && self.length <= 10.0,
            Kind::Street => self.letters + self.street > 0.3 && self.email < 0.2,
            Kind::RecordId
            | Kind::Source
            | Kind::MiddleName
            | Kind::BirthPlace
            | Kind::Street2
            | Kind::Region
            | Kind::Country
            | Kind::Identifier => true,
        }
    }

    /// What the values are beyond doubt. `is_opaque`: the column's name says nothing at all.
    /// `taken`: what other columns are.
    pub fn evident(&self, is_opaque: bool, taken: &BTreeSet<Kind>) -> Option<Kind> {
        let free = |kinds: &[Kind]| !kinds.iter().any(|kind| taken.contains(kind));
        let names = [Kind::GivenName, Kind::FullName];
        let is_name = is_opaque && self.letters > 0.9 && self.given > 0.3 && free(&names);
        if self.email > 0.8 {
            Some(Kind::Email)
        } else if self.date > 0.8 && self.spans_lives() && free(&[Kind::BirthDate, Kind::BirthYear])
        {
            Some(Kind::BirthDate)
        } else if self.sex > 0.95
            && (2..=4).contains(&self.distinct_count)
            && self.digits < 0.1
            && free(&[Kind::Sex])
        {
            Some(Kind::Sex)
        } else if self.phone > 0.8
            && (8..=13).contains(&self.digit_count)
            && self.dialled > 0.6
            && self.distinct_share() > 0.1
            && self.date < 0.2
        {
            Some(Kind::Phone)
        } else if is_name && self.words_each < 1.5 {
            Some(Kind::GivenName)
        } else if is_name && (1.8..3.5).contains(&self.words_each) {
            Some(Kind::FullName)
        } else if is_opaque && self.is_postcodes() && free(&[Kind::Postcode]) {
            Some(Kind::Postcode)
        } else if is_opaque && self.street > 0.8 && self.words_each >= 2.0 && free(&[Kind::Street])
        {
            Some(Kind::Street)
        } else {
            None
        }
    }

    /// Dates over thirty years and more, half of them before 2010: people's births, not orders.
    fn spans_lives(&self) -> bool {
        self.years.is_some_and(|(first, last, middle)| last - first >= 30 && middle < 2010)
    }

    /// Codes of one length that come again: neither years nor running numbers.
    fn is_postcodes(&self) -> bool {
        let is_running_number = self.digits > 0.9 && self.distinct_share() > 0.95;
        self.postcode > 0.9
            && self.with_digit > 0.9
            && self.distinct_count > 10
            && self.length_deviation < 1.5
            && self.distinct_share() < 0.9
            && self.year < 0.5
            && !is_running_number
    }
}

fn digit_count(value: &str) -> usize {
    value.bytes().filter(u8::is_ascii_digit).count()
}

fn longest_word(value: &str) -> usize {
    let words = value.split(|character: char| !character.is_alphabetic());
    words.map(|word| word.chars().count()).max().unwrap_or(0)
}

/// A whole number, also as a spreadsheet writes it: `7.0`.
fn whole(value: &str) -> Option<i64> {
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let is_plain = !value.contains(char::is_whitespace) && !domain.contains('@');
    let has_dot = domain.find('.').is_some_and(|dot| dot > 0 && dot + 1 < domain.len());
    !local.is_empty() && is_plain && has_dot
}

fn is_phone(value: &str) -> bool {
    let may = |character: char| character.is_ascii_digit() || " ()./+-".contains(character);
    let length = value.chars().count();
    (7..=22).contains(&length)
        && (7..=15).contains(&digit_count(value))
        && value.chars().all(may)
        && value.starts_with(|first: char| first.is_ascii_digit() || "+(".contains(first))
}

/// A date with or without a time behind it: year first or last, month in digits or letters, or
/// eight digits that begin with a year.
fn is_date(value: &str) -> bool {
    let day = value.split([' ', 'T']).next().unwrap_or("");
    let has_time = value.len() > day.len() && value.contains(':');
    let text = if has_time { day } else { value };
    let parts: Vec<&str> =
        text.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    let number = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<u32>().ok(),
        false => None,
    };
    let is_year =
        |part: &str| part.len() == 4 && number(part).is_some_and(|n| (1800..2100).contains(&n));
    let is_short =
        |part: &str| part.len() <= 2 && number(part).is_some_and(|n| (1..=31).contains(&n));
    let is_month = |part: &str| {
        is_short(part) || (3..=9).contains(&part.len()) && part.chars().all(char::is_alphabetic)
    };
    match parts.as_slice() {
        [year, month, day] if is_year(year) => is_month(month) && is_short(day),
        [day, month, year] if is_short(day) && is_month(month) => {
            is_year(year) || year.len() == 2 && number(year).is_some()
        }
        [digits] => {
            digits.len() == 8 && number(digits).is_some() && digits.get(..4).is_some_and(is_year)
        }
        _ => false,
    }
}

/// The year in a date.
fn year_in(value: &str) -> Option<i32> {
    let mut runs = value.split(|character: char| !character.is_ascii_digit());
    let years = runs.find_map(|run| match run.len() {
        4 => run.parse::<i32>().ok(),
        8 => run.get(..4).and_then(|year| year.parse().ok()),
        _ => None,
    });
    years.filter(|year| (1800..2100).contains(year))
}

/// Digits as in most of Europe and America (`1234`, `12345`, `12345-6789`, `12-345`), or letters
/// and digits as in the Netherlands, Canada and the United Kingdom.
fn is_postcode(value: &str) -> bool {
    let value = value.strip_suffix(".0").unwrap_or(value);
    let shape: String = value
        .chars()
        .filter(|character| *character != ' ')
        .map(|character| match character {
            '0'..='9' => '9',
            letter if letter.is_ascii_alphabetic() => 'A',
            other => other,
        })
        .collect();
    let plain = ["9999", "99999", "99999-999", "99999-9999", "99-999", "9999AA", "A9A9A9"];
    let british =
        ["A99AA", "A999AA", "AA99AA", "AA999AA", "A9A9AA", "AA9A9AA", "A9", "A99", "AA9", "AA99"];
    plain.contains(&shape.as_str()) || british.contains(&shape.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_their_form() {
        for text in ["a@b.example", "a.b+c@d-e.co.uk"] {
            assert!(is_email(text), "{text}");
        }
        for text in ["a@b", "a b@c.example", "@c.example", "a@@c.example", "name"] {
            assert!(!is_email(text), "{text}");
        }
        for text in [
            "1971-06-24",
            "24.06.1971",
            "6/24/71",
            "19710624",
            "24 June 1971",
            "1971-06-24 10:00:00",
            "1971-06-24T10:00:00Z",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in ["1971", "071 624 1971", "5304218", "12345678", "24 Acacia Road", "not a date"]
        {
            assert!(!is_date(text), "{text}");
        }
        for text in ["+44 7700 900123", "(0161) 496-0001", "07700900123"] {
            assert!(is_phone(text), "{text}");
        }
        for text in ["1971", "call me", "1234567890123456", "AB1234567"] {
            assert!(!is_phone(text), "{text}");
        }
        for text in ["2119", "SW1A 1AA", "m1 1ae", "12-345", "1012 AB", "K1A 0B1", "90210-1234"] {
            assert!(is_postcode(text), "{text}");
        }
        for text in ["London", "123", "1234567", "AB"] {
            assert!(!is_postcode(text), "{text}");
        }
        assert_eq!(year_in("24.06.1971"), Some(1971));
        assert_eq!(year_in("19710624"), Some(1971));
        assert_eq!(year_in("24.06.71"), None);
    }
}
