//! Identifiers of no special kind: customer numbers, loyalty cards, device ids.

use super::text::{collapse, fold};

/// One spelling of an identifier: trimmed, inner white space collapsed, invisible characters
/// gone. `None` where it is a placeholder: a word such as `unknown`, or only zeros, nines or
/// punctuation.
///
/// Case is kept: many systems hand out keys that differ by case alone. A whole number that went
/// through a spreadsheet or a data frame as a float (`17850.0`) comes back as `17850`.
pub fn normalize_identifier(text: &str) -> Option<String> {
    let mut identifier = collapse(text);
    if let Some(whole) = identifier.strip_suffix(".0")
        && !whole.is_empty()
        && whole.bytes().all(|byte| byte.is_ascii_digit())
    {
        identifier.truncate(whole.len());
    }
    (!is_placeholder(&identifier)).then_some(identifier)
}

/// Whether many records could share this text because nothing was known.
pub(super) fn is_placeholder(text: &str) -> bool {
    let mut significant = text.chars().filter(|character| character.is_alphanumeric());
    let Some(first) = significant.next() else {
        return true;
    };
    let (length, is_one_character) = significant
        .fold((1, true), |(length, same), character| (length + 1, same && character == first));
    match first {
        '0' if is_one_character => return true,
        // 9 and 99 are numbers; 9999 fills a field.
        '9' if is_one_character && length >= 4 => return true,
        'x' | 'X' if is_one_character && length >= 2 => return true,
        _ => {}
    }
    // The longest placeholder is short: most identifiers need no folding at all.
    if text.len() > 24 {
        return false;
    }
    let word: String = fold(text).chars().filter(|character| character.is_alphanumeric()).collect();
    PLACEHOLDERS.contains(&word.as_str())
}

/// Words that fill a field nobody knew, without spaces and punctuation, in lower case.
const PLACEHOLDERS: [&str; 47] = [
    "absent",
    "anon",
    "anonym",
    "anonymous",
    "anonymus",
    "blank",
    "default",
    "deleted",
    "desconocido",
    "dummy",
    "empty",
    "fehlt",
    "guest",
    "inconnu",
    "invalid",
    "keine",
    "leer",
    "missing",
    "na",
    "nan",
    "nil",
    "no",
    "nodata",
    "none",
    "noneprovided",
    "notapplicable",
    "notavailable",
    "notgiven",
    "notknown",
    "notprovided",
    "notset",
    "notspecified",
    "novalue",
    "null",
    "onbekend",
    "removed",
    "sconosciuto",
    "tba",
    "tbc",
    "tbd",
    "test",
    "unassigned",
    "unbekannt",
    "undefined",
    "unknown",
    "unspecified",
    "void",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_keep_case_and_lose_noise() {
        let cases = [
            ("17850", Some("17850")),
            (" 17850.0 ", Some("17850")),
            ("1.0.0", Some("1.0.0")),
            ("LC-00 12\t34", Some("LC-00 12 34")),
            ("aB\u{200B}c", Some("aBc")),
            ("9", Some("9")),
            ("99", Some("99")),
            ("10000", Some("10000")),
            ("X", Some("X")),
            ("noah", Some("noah")),
            ("", None),
            ("  ", None),
            ("-", None),
            ("--", None),
            ("?", None),
            ("0", None),
            ("0000", None),
            ("0.0", None),
            ("999999", None),
            ("00000000-0000-0000-0000-000000000000", None),
            ("N/A", None),
            ("#N/A", None),
            ("(null)", None),
            ("NaN", None),
            ("None", None),
            ("Unknown", None),
            ("not provided", None),
            ("ANONYMOUS", None),
            ("xxxx", None),
            ("\\N", Some("\\N")),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize_identifier(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn placeholders_are_sorted_and_folded() {
        assert!(PLACEHOLDERS.is_sorted());
        for word in PLACEHOLDERS {
            assert_eq!(normalize_identifier(&word.to_uppercase()), None, "{word}");
        }
    }
}
