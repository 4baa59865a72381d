//! Telephone numbers that ring nowhere, and enough of them.
//!
//! Regulators keep a few thousand numbers for films and books; the first persons get those:
//! - Great Britain: Ofcom, "Telephone numbers for use in TV and radio drama programmes"
//!   (07700 900xxx; sixteen areas with a thousand numbers each).
//! - Germany: Bundesnetzagentur, Mitteilung 148/2021, "Rufnummern für Medienproduktionen
//!   (Drama Numbers)".
//! - France: ARCEP, décision 2018-0881 (06 39 98 and five landline blocks, ten thousand each).
//! - The United States: NANPA, 555-0100 to 555-0199 in every area.
//!
//! Everybody else, and all in the Netherlands, Spain and Italy, whose regulators keep none, gets
//! a number of the country's length from a range that its numbering plan leaves empty or keeps
//! for the future, so that nobody can have it: those that libphonenumber's metadata know no use
//! of (tested). In Great Britain these begin with 04 and 06, in Spain with 2 and 4, in Italy with
//! 2 and 6 ("riservato per esigenze future", AGCOM, piano di numerazione), in the United States
//! with the area codes 37x and 96x that NANPA sets aside.
//!
//! Up to ten million persons no two have the same number.

use super::Country;

/// Numbers kept for fiction: what they begin with, and how many digits follow.
type Fiction = &'static [(&'static str, u32)];

/// A range that is empty: what it begins with, a digit each for numbers from the start, changed
/// numbers, and those that would look like a placeholder; and how many digits follow.
struct Empty {
    prefix: &'static str,
    blocks: [char; 3],
    digits: u32,
}

const GB_LANDLINES: Fiction = &[
    ("1134960", 3), // Leeds
    ("1144960", 3),
    ("1154960", 3),
    ("1164960", 3),
    ("1174960", 3),
    ("1184960", 3),
    ("1214960", 3),
    ("1314960", 3),
    ("1414960", 3),
    ("1514960", 3),
    ("1614960", 3),
    ("2079460", 3), // London
    ("1914980", 3),
    ("2896496", 3),
    ("2920180", 3),
    ("1632960", 3), // no area
];
const DE_LANDLINES: Fiction =
    &[("3023125", 3), ("6990009", 3), ("4066969", 3), ("2214710", 3), ("8999998", 3)];
const FR_LANDLINES: Fiction =
    &[("19900", 4), ("26191", 4), ("35301", 4), ("46571", 4), ("53649", 4)];
const US_MOBILES: Fiction = &[
    ("21255501", 2),
    ("31255501", 2),
    ("41555501", 2),
    ("61755501", 2),
    ("20655501", 2),
    ("51255501", 2),
    ("21555501", 2),
    ("40455501", 2),
    ("30355501", 2),
    ("20755501", 2),
];
const US_LANDLINES: Fiction = &[
    ("21355501", 2),
    ("61455501", 2),
    ("97355501", 2),
    ("71855501", 2),
    ("77355501", 2),
    ("50355501", 2),
    ("70455501", 2),
    ("61255501", 2),
    ("80155501", 2),
    ("91955501", 2),
];

fn mobiles(country: Country) -> (Fiction, Empty) {
    match country {
        Country::Gb => {
            (&[("7700900", 3)], Empty { prefix: "6", blocks: ['4', '7', '9'], digits: 8 })
        }
        Country::De => (
            &[("17139200", 2), ("176040690", 2)],
            Empty { prefix: "16", blocks: ['1', '6', '7'], digits: 8 },
        ),
        Country::Fr => (&[("63998", 4)], Empty { prefix: "7", blocks: ['1', '2', '0'], digits: 7 }),
        Country::Us => (US_MOBILES, Empty { prefix: "37", blocks: ['0', '3', '9'], digits: 7 }),
        Country::Nl => (&[], Empty { prefix: "9", blocks: ['2', '3', '4'], digits: 7 }),
        Country::Es => (&[], Empty { prefix: "4", blocks: ['1', '6', '9'], digits: 7 }),
        Country::It => (&[], Empty { prefix: "2", blocks: ['3', '4', '9'], digits: 8 }),
    }
}

fn landlines(country: Country) -> (Fiction, Empty) {
    match country {
        Country::Gb => (GB_LANDLINES, Empty { prefix: "4", blocks: ['2', '3', '9'], digits: 8 }),
        Country::De => (DE_LANDLINES, Empty { prefix: "20", blocks: ['0', '0', '7'], digits: 7 }),
        Country::Fr => (FR_LANDLINES, Empty { prefix: "4", blocks: ['0', '0', '0'], digits: 7 }),
        Country::Us => (US_LANDLINES, Empty { prefix: "96", blocks: ['0', '3', '9'], digits: 7 }),
        Country::Nl => (&[], Empty { prefix: "1", blocks: ['9', '9', '2'], digits: 7 }),
        Country::Es => (&[], Empty { prefix: "2", blocks: ['4', '5', '9'], digits: 7 }),
        Country::It => (&[], Empty { prefix: "6", blocks: ['1', '2', '9'], digits: 8 }),
    }
}

/// The mobile number, E.164, of the person with this number among the mobiles; `version` 0, or 1
/// after they took another.
pub(super) fn mobile(country: Country, number: u64, version: u64) -> String {
    let (fiction, empty) = mobiles(country);
    let fictional = if version == 0 { in_fiction(fiction, number) } else { None };
    let national = fictional.unwrap_or_else(|| in_empty(country, &empty, number, version));
    ["+", country.calling_code(), &national].concat()
}

/// The telephone number, E.164, of the household of this number.
pub(super) fn landline(country: Country, number: u64) -> String {
    let (fiction, empty) = landlines(country);
    let national =
        in_fiction(fiction, number).unwrap_or_else(|| in_empty(country, &empty, number, 0));
    ["+", country.calling_code(), &national].concat()
}

fn in_fiction(ranges: Fiction, number: u64) -> Option<String> {
    let mut rest = number;
    for (prefix, digits) in ranges {
        let size = 10_u64.pow(*digits);
        if rest < size {
            return Some(format!("{prefix}{rest:0width$}", width = *digits as usize));
        }
        rest -= size;
    }
    None
}

fn in_empty(country: Country, range: &Empty, number: u64, version: u64) -> String {
    let size = 10_u64.pow(range.digits);
    // A step that shares no factor with a power of ten visits every number once.
    let scattered = (number % size * 6_700_417 + 2_718_281) % size;
    let width = range.digits as usize;
    let block = range.blocks[version.min(1) as usize];
    if country == Country::Us {
        // An exchange begins with 2 to 9: eight million numbers an area, so two areas.
        let area = u64::from(block.to_digit(10).unwrap_or(0)) + number % size / 8_000_000;
        let line = 2_000_000 + (number % 8_000_000 * 6_700_417 + 271_828) % 8_000_000;
        return unlike_a_placeholder(format!("{}{area}{line}", range.prefix), range);
    }
    unlike_a_placeholder(format!("{}{block}{scattered:0width$}", range.prefix), range)
}

/// Moves a number that ends in seven equal digits, or counts up or down, to the block for such.
fn unlike_a_placeholder(national: String, range: &Empty) -> String {
    let bytes = national.as_bytes();
    let last = bytes[bytes.len() - 1];
    let is_alike = bytes.iter().rev().take(7).all(|byte| *byte == last);
    let steps =
        |step: u8| bytes.windows(2).all(|pair| (pair[0] - b'0' + step) % 10 == pair[1] - b'0');
    if !is_alike && !steps(1) && !steps(9) {
        return national;
    }
    let place = range.prefix.len();
    let end = char::from(b'0' + (last - b'0' + 5) % 10);
    format!("{}{}{}{end}", range.prefix, range.blocks[2], &national[place + 1..national.len() - 1])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::algorithms::normalise::normalize_phone;

    fn numbers() -> impl Iterator<Item = u64> {
        // All of a small company's, and some of a large one's.
        (0..2_000)
            .chain((2_000..60_000).step_by(23))
            .chain((0..1_000).map(|step| 9_999_999 - step * 4_637))
    }

    #[test]
    fn numbers_are_as_the_normaliser_writes_them() {
        for (country, _) in Country::SHARES {
            for number in numbers() {
                for phone in [
                    mobile(country, number, 0),
                    mobile(country, number, 1),
                    landline(country, number),
                ] {
                    assert_eq!(normalize_phone(&phone, None), Some(phone));
                }
            }
        }
    }

    #[test]
    fn nobody_shares_a_number() {
        let mut seen = HashSet::new();
        for (country, _) in Country::SHARES {
            for number in numbers() {
                assert!(seen.insert(mobile(country, number, 0)), "{country:?} {number}");
                assert!(seen.insert(mobile(country, number, 1)), "{country:?} {number}");
                assert!(seen.insert(landline(country, number)), "{country:?} {number}");
            }
        }
    }

    /// Outside the numbers kept for fiction, none can be anybody's.
    #[test]
    fn no_numbering_plan_knows_a_use_of_the_empty_ranges() {
        for (country, _) in Country::SHARES {
            for number in (0..10_000_000).step_by(39_119) {
                let (_, mobiles) = mobiles(country);
                let (_, landlines) = landlines(country);
                for national in [
                    in_empty(country, &mobiles, number, 0),
                    in_empty(country, &mobiles, number, 1),
                    in_empty(country, &landlines, number, 0),
                ] {
                    let phone = format!("+{}{national}", country.calling_code());
                    let parsed = phonenumber::parse(None, &phone).unwrap();
                    assert!(!phonenumber::is_valid(&parsed), "{country:?} {phone}");
                }
            }
        }
    }

    #[test]
    fn what_looks_like_a_placeholder_moves() {
        let range = Empty { prefix: "6", blocks: ['4', '7', '9'], digits: 8 };
        let cases = [
            ("6412345679", "6412345679"),
            ("6415555555", "6915555550"),
            ("6789012345", "6989012340"),
        ];
        for (number, expected) in cases {
            assert_eq!(unlike_a_placeholder(number.to_owned(), &range), expected);
        }
    }
}
