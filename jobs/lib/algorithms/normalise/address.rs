//! Postal address lines and postcodes.

use super::text::{collapse, fold, is_apostrophe, is_invisible};

/// How a country writes its postcodes: `A` a letter, `9` a digit, anything else itself.
struct Country {
    code: &'static str,
    templates: &'static [&'static str],
    /// Leading zeros that a spreadsheet took are put back.
    pads_zeros: bool,
}

/// Source: Universal Postal Union, postal addressing systems of its member countries.
const COUNTRIES: [Country; 27] = [
    Country { code: "AT", templates: &["9999"], pads_zeros: false },
    Country { code: "AU", templates: &["9999"], pads_zeros: true },
    Country { code: "BE", templates: &["9999"], pads_zeros: false },
    Country { code: "BR", templates: &["99999-999"], pads_zeros: true },
    Country { code: "CA", templates: &["A9A 9A9"], pads_zeros: false },
    Country { code: "CH", templates: &["9999"], pads_zeros: false },
    Country { code: "CZ", templates: &["999 99"], pads_zeros: false },
    Country { code: "DE", templates: &["99999"], pads_zeros: true },
    Country { code: "DK", templates: &["9999"], pads_zeros: false },
    Country { code: "ES", templates: &["99999"], pads_zeros: true },
    Country { code: "FI", templates: &["99999"], pads_zeros: true },
    Country { code: "FR", templates: &["99999"], pads_zeros: true },
    Country {
        code: "GB",
        templates: &["A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA", "GIR 0AA"],
        pads_zeros: false,
    },
    Country { code: "GR", templates: &["999 99"], pads_zeros: false },
    Country { code: "IE", templates: &["A99 ****", "D6W ****"], pads_zeros: false },
    Country { code: "IN", templates: &["999999"], pads_zeros: false },
    Country { code: "IT", templates: &["99999"], pads_zeros: true },
    Country { code: "JP", templates: &["999-9999"], pads_zeros: false },
    Country { code: "LU", templates: &["9999"], pads_zeros: false },
    Country { code: "MX", templates: &["99999"], pads_zeros: true },
    Country { code: "NL", templates: &["9999 AA"], pads_zeros: false },
    Country { code: "NO", templates: &["9999"], pads_zeros: true },
    Country { code: "NZ", templates: &["9999"], pads_zeros: true },
    Country { code: "PL", templates: &["99-999"], pads_zeros: true },
    Country { code: "PT", templates: &["9999-999"], pads_zeros: false },
    Country { code: "SE", templates: &["999 99"], pads_zeros: false },
    Country { code: "US", templates: &["99999", "99999-9999"], pads_zeros: true },
];

/// A postcode in its country's spelling (`sw1a1aa` → `SW1A 1AA`); `None` where it is not one of
/// that country's, or a placeholder (all zeros or nines).
///
/// `country`: ISO 3166-1 alpha-2, in either case. A country prefix (`D-10115`) goes; a leading
/// zero that a spreadsheet took comes back (`2139` → `02139` in the US). Where the country is
/// unknown, or its format is not among those known here, the text is only upper-cased and its
/// white space collapsed.
pub fn normalize_postcode(text: &str, country: Option<&str>) -> Option<String> {
    let upper = collapse(text).to_uppercase();
    let compact: String = upper.chars().filter(|character| character.is_alphanumeric()).collect();
    let is_filler = |filler: char| compact.chars().all(|character| character == filler);
    // An empty postcode is all zeros too.
    if is_filler('0') || is_filler('9') || super::identifier::is_placeholder(&upper) {
        return None;
    }
    let code = country.map(|country| country.trim().to_ascii_uppercase()).unwrap_or_default();
    let code = if code == "UK" { "GB" } else { code.as_str() };
    let Some(country) = COUNTRIES.iter().find(|known| known.code == code) else {
        return Some(upper);
    };
    country.templates.iter().find_map(|template| fit(template, &compact, country.pads_zeros))
}

/// The postcode in the template's spelling, where it fits.
fn fit(template: &str, compact: &str, pads_zeros: bool) -> Option<String> {
    let places = template.chars().filter(|place| place.is_alphanumeric() || *place == '*').count();
    let starts_with_digit = template.starts_with('9');
    let mut compact = compact;
    if starts_with_digit {
        let bare = compact.trim_start_matches(|character: char| character.is_ascii_alphabetic());
        if compact.len() - bare.len() <= 3 {
            compact = bare;
        }
    }
    let length = compact.chars().count();
    // At most two zeros: no country has postcodes that begin with three.
    let missing =
        places.checked_sub(length).filter(|missing| *missing <= if pads_zeros { 2 } else { 0 })?;
    let mut characters = std::iter::repeat_n('0', missing).chain(compact.chars());
    template
        .chars()
        .map(|place| {
            if matches!(place, ' ' | '-') {
                return Some(place);
            }
            let character = characters.next()?;
            let fits = match place {
                '9' => character.is_ascii_digit(),
                'A' => character.is_ascii_uppercase(),
                '*' => character.is_ascii_uppercase() || character.is_ascii_digit(),
                literal => character == literal,
            };
            fits.then_some(character)
        })
        .collect()
}

/// Words of an address and the short form that stands for them. Both `street` and `saint` are
/// `st`, which an address writes for either: contracting is safe where expanding must guess.
const ABBREVIATIONS: [(&str, &str); 48] = [
    ("allee", "al"),
    ("apartment", "apt"),
    ("appartement", "apt"),
    ("ave", "av"),
    ("avenida", "av"),
    ("avenue", "av"),
    ("blvd", "bd"),
    ("boulevard", "bd"),
    ("building", "bldg"),
    ("calle", "c"),
    ("circle", "cir"),
    ("close", "cl"),
    ("court", "ct"),
    ("crescent", "cres"),
    ("drive", "dr"),
    ("east", "e"),
    ("estate", "est"),
    ("floor", "fl"),
    ("gardens", "gdns"),
    ("grove", "gr"),
    ("heights", "hts"),
    ("highway", "hwy"),
    ("house", "hse"),
    ("lane", "ln"),
    ("mount", "mt"),
    ("north", "n"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("parkway", "pkwy"),
    ("place", "pl"),
    ("platz", "pl"),
    ("plaza", "plz"),
    ("road", "rd"),
    ("room", "rm"),
    ("route", "rt"),
    ("rte", "rt"),
    ("saint", "st"),
    ("sainte", "ste"),
    ("south", "s"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("square", "sq"),
    ("strasse", "str"),
    ("street", "st"),
    ("suite", "ste"),
    ("terrace", "ter"),
    ("weg", "wg"),
    ("west", "w"),
];

/// One spelling of an address line: case and diacritics folded, punctuation a space, common words
/// abbreviated (`12, High Street` → `12 high st`); `None` where nothing is left of it, or it is a
/// placeholder. For comparing, not for envelopes.
pub fn normalize_address(text: &str) -> Option<String> {
    if super::identifier::is_placeholder(text.trim()) {
        return None;
    }
    let folded = fold(text);
    let mut spelled = String::with_capacity(folded.len());
    let mut previous = ' ';
    let mut characters = folded.chars().peekable();
    while let Some(character) = characters.next() {
        let joins_numbers = matches!(character, '-' | '–' | '/')
            && previous.is_ascii_digit()
            && characters.peek().is_some_and(char::is_ascii_digit);
        if is_apostrophe(character) || is_invisible(character) {
            continue;
        }
        // The dot of `P.O.` parts nothing; that of `St.` ends the word anyway.
        if joins_numbers {
            spelled.push(if character == '–' { '-' } else { character });
        } else if character.is_alphanumeric()
            || unicode_normalization::char::is_combining_mark(character)
        {
            spelled.push(character);
        } else {
            spelled.push(' ');
        }
        previous = character;
    }
    let words: Vec<String> = spelled.split_whitespace().map(short_form).collect();
    let mut line = String::with_capacity(spelled.len());
    for (index, word) in words.iter().enumerate() {
        let next_is_number = words
            .get(index + 1)
            .is_some_and(|next| next.starts_with(|character: char| character.is_ascii_digit()));
        // `No. 10` is number 10.
        if matches!(word.as_str(), "no" | "nr" | "number" | "num" | "numero") && next_is_number {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let line = line.replace("p o box", "po box").replace("post office box", "po box");
    (!line.is_empty()).then_some(line)
}

fn short_form(word: &str) -> String {
    if let Ok(index) = ABBREVIATIONS.binary_search_by_key(&word, |(long, _)| long)
        && let Some((_, short)) = ABBREVIATIONS.get(index)
    {
        return (*short).to_owned();
    }
    // `Hauptstrasse`, `Hauptstraße` and `Hauptstr.`
    match word.strip_suffix("strasse") {
        Some(stem) if !stem.is_empty() => format!("{stem}str"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postcodes_follow_their_country() {
        let cases = [
            ("sw1a1aa", Some("GB"), Some("SW1A 1AA")),
            (" SW1A  1AA ", Some("uk"), Some("SW1A 1AA")),
            ("m1 1ae", Some("GB"), Some("M1 1AE")),
            ("dn55 1pt", Some("GB"), Some("DN55 1PT")),
            ("w1a-0ax", Some("GB"), Some("W1A 0AX")),
            ("GIR0AA", Some("GB"), Some("GIR 0AA")),
            ("SW1A", Some("GB"), None),
            ("12345", Some("GB"), None),
            ("94103", Some("US"), Some("94103")),
            ("941031234", Some("US"), Some("94103-1234")),
            ("94103-1234", Some("us"), Some("94103-1234")),
            ("2139", Some("US"), Some("02139")),
            ("ABCDE", Some("US"), None),
            ("k1a0b1", Some("CA"), Some("K1A 0B1")),
            ("K1A-0B1", Some("CA"), Some("K1A 0B1")),
            ("1012ab", Some("NL"), Some("1012 AB")),
            ("NL-1012 AB", Some("NL"), Some("1012 AB")),
            ("10115", Some("DE"), Some("10115")),
            ("D-10115", Some("DE"), Some("10115")),
            ("1067", Some("DE"), Some("01067")),
            ("11455", Some("SE"), Some("114 55")),
            ("00-950", Some("PL"), Some("00-950")),
            ("d02af30", Some("IE"), Some("D02 AF30")),
            ("F-75008", Some("FR"), Some("75008")),
            ("ab 12", Some("ZW"), Some("AB 12")),
            ("ab 12", None, Some("AB 12")),
            ("00000", Some("US"), None),
            ("99999", Some("DE"), None),
            ("unknown", None, None),
            ("", Some("GB"), None),
        ];
        for (text, country, expected) in cases {
            assert_eq!(
                normalize_postcode(text, country).as_deref(),
                expected,
                "{text} {country:?}"
            );
        }
    }

    #[test]
    fn address_lines_compare() {
        let cases = [
            ("12, High Street", Some("12 high st")),
            ("12 HIGH ST.", Some("12 high st")),
            ("No. 12 High St", Some("12 high st")),
            ("St. James's Road 3", Some("st jamess rd 3")),
            ("Saint James’s Rd 3", Some("st jamess rd 3")),
            ("Hauptstraße 5", Some("hauptstr 5")),
            ("Hauptstr. 5", Some("hauptstr 5")),
            ("P.O. Box 77", Some("po box 77")),
            ("12–14 Rue de l'Église", Some("12-14 rue de leglise")),
            ("1600 Pennsylvania Avenue Northwest", Some("1600 pennsylvania av nw")),
            ("n/a", None),
            ("-", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize_address(text).as_deref(), expected, "{text}");
        }
        assert!(ABBREVIATIONS.is_sorted_by_key(|(long, _)| *long));
    }
}
