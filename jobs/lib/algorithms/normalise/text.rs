//! What the normalisers share: folding of case, width and diacritics. It knows no kind of
//! identifier.

use unicode_normalization::UnicodeNormalization;

/// Lower case, without diacritics, ligatures and compatibility forms: `Ångström` → `angstrom`.
///
/// Marks are stripped from Latin, Greek and Cyrillic letters (and the optional vowel points of
/// Hebrew and Arabic). Marks of other scripts stay: there they are letters, not accents, and
/// without them different names would become one.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkd().filter(|character| !is_accent(*character)) {
        match character {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'œ' | 'Œ' => folded.push_str("oe"),
            'ø' | 'Ø' => folded.push('o'),
            'ł' | 'Ł' => folded.push('l'),
            'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
            'þ' | 'Þ' => folded.push_str("th"),
            'ħ' | 'Ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            _ => folded.extend(character.to_lowercase()),
        }
    }
    // Decomposed Hangul and kana that kept their marks come back in one piece.
    folded.nfc().collect()
}

/// A mark that a search would ignore.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}'
        | '\u{0591}'..='\u{05C7}'
        | '\u{064B}'..='\u{065F}'
        | '\u{0670}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

/// A character that is invisible: it comes from copying out of web pages and office files, and
/// makes equal things look different to a machine only.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
        || (character.is_control() && !character.is_whitespace())
}

/// A character that people use as an apostrophe.
pub(super) fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’' | '‘' | '‛' | 'ʼ' | 'ʻ' | '`' | '´' | '′' | '＇')
}

/// The text without invisible characters, trimmed, every run of white space one space.
pub(super) fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() && !collapsed.ends_with(' ') {
            collapsed.push(' ');
        }
        collapsed.extend(word.chars().filter(|character| !is_invisible(*character)));
    }
    collapsed.truncate(collapsed.trim_end().len());
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_what_is_a_letter_of_its_own() {
        let cases = [
            ("Ångström", "angstrom"),
            ("STRAẞE straße", "strasse strasse"),
            ("Øystein Łukasz", "oystein lukasz"),
            ("İstanbul", "istanbul"),
            ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
            ("Nguyễn Thị", "nguyen thi"),
            ("Ёлка", "елка"),
            ("김민수", "김민수"),
            ("がか", "がか"),
            ("कि का", "कि का"),
        ];
        for (text, expected) in cases {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn collapsing_drops_what_cannot_be_seen() {
        assert_eq!(collapse(" a\u{200B}b \t\u{FEFF} c\u{0000} "), "ab c");
        assert_eq!(collapse("\u{FEFF}"), "");
    }
}
