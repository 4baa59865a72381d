//! Texts by their characters and words.

use std::collections::BTreeSet;

/// The longest text whose characters fit into the bits of a word.
const WORD_BITS: usize = 64;

/// Jaro's similarity of two texts, from 0 (no character in common) to 1 (equal).
///
/// Two empty texts are equal. Characters are Unicode scalar values.
/// Source: Jaro (1989); transpositions are counted as Winkler's `strcmp95.c` does, rounded down to
/// whole ones.
pub fn jaro(left: &str, right: &str) -> f64 {
    match (as_short_ascii(left), as_short_ascii(right)) {
        (Some(left), Some(right)) => jaro_of_ascii(left, right),
        _ => strsim::jaro(left, right),
    }
}

/// Jaro's similarity, raised where the texts begin alike: by a tenth of what is missing to 1 for
/// each of up to four equal characters at the start, where the similarity is above 0.7.
///
/// Source: Winkler (1990).
pub fn jaro_winkler(left: &str, right: &str) -> f64 {
    let similarity = jaro(left, right);
    if similarity <= 0.7 {
        return similarity;
    }
    let pairs = left.chars().zip(right.chars()).take(4);
    let prefix = pairs.take_while(|(left, right)| left == right).count() as f64;
    similarity + prefix * 0.1 * (1.0 - similarity)
}

/// How many characters have to be inserted, deleted or replaced to make one text the other.
///
/// Source: Levenshtein (1966), computed by bit vectors as Hyyrö (2003) does.
pub fn levenshtein(left: &str, right: &str) -> usize {
    match (as_short_ascii(left), as_short_ascii(right)) {
        (Some(left), Some(right)) => levenshtein_of_ascii(left, right),
        _ => strsim::levenshtein(left, right),
    }
}

/// As [`levenshtein`], and two neighbours that change places are one edit, also where others come
/// between them afterwards.
///
/// Source: Damerau (1964), unrestricted, as Lowrance and Wagner (1975).
pub fn damerau_levenshtein(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(left, right)
}

/// Whether so many edits, as [`damerau_levenshtein`] counts them, make one text the other: several
/// times faster than counting where texts are unlike.
pub fn damerau_levenshtein_within(left: &str, right: &str, most: usize) -> bool {
    let (Some(left_bytes), Some(right_bytes)) = (as_short_ascii(left), as_short_ascii(right))
    else {
        return damerau_levenshtein(left, right) <= most;
    };
    // Two edits do what neighbours that change places do: Levenshtein's distance is never less
    // than this one, and never more than twice as much. One edit does not swap anything.
    let distance = levenshtein_of_ascii(left_bytes, right_bytes);
    if distance <= most.max(1) {
        return distance <= most;
    }
    distance <= 2 * most
        && unshared(left_bytes, right_bytes) <= most
        && damerau_levenshtein(left, right) <= most
}

/// How many characters of either text the other lacks, wherever they stand, of two numbers the
/// greater: an edit changes it by no more than one, and a change of places by none.
fn unshared(left: &[u8], right: &[u8]) -> usize {
    let mut counts = [0_i16; 128];
    for (text, step) in [(left, 1), (right, -1)] {
        for byte in text {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count += step;
            }
        }
    }
    let surplus = |sign: i16| counts.iter().map(|count| (sign * count).max(0)).sum::<i16>();
    usize::try_from(surplus(1).max(surplus(-1))).unwrap_or(0)
}

/// How many different words, parted by white space, two texts share.
pub fn words_in_common(left: &str, right: &str) -> usize {
    elements_in_common(left.split_whitespace(), right.split_whitespace())
}

/// How many different elements two lists share.
pub fn elements_in_common<'a>(
    left: impl IntoIterator<Item = &'a str>,
    right: impl IntoIterator<Item = &'a str>,
) -> usize {
    let left: BTreeSet<&str> = left.into_iter().collect();
    let shared: BTreeSet<&str> = right.into_iter().filter(|word| left.contains(word)).collect();
    shared.len()
}

/// The text's bytes where each is a character and all fit into a word; most names and dates do.
fn as_short_ascii(text: &str) -> Option<&[u8]> {
    (text.len() <= WORD_BITS && text.is_ascii()).then_some(text.as_bytes())
}

/// For each ASCII character the bits of the places where it stands in `text`.
fn places_of(text: &[u8]) -> [u64; 128] {
    let mut places = [0; 128];
    for (place, byte) in text.iter().enumerate() {
        if let Some(bits) = places.get_mut(usize::from(*byte)) {
            *bits |= 1 << place;
        }
    }
    places
}

fn bits_at(places: &[u64; 128], byte: u8) -> u64 {
    places.get(usize::from(byte)).copied().unwrap_or(0)
}

/// The lowest `count` bits.
fn lowest(count: usize) -> u64 {
    1_u64.checked_shl(u32::try_from(count).unwrap_or(u32::MAX)).map_or(u64::MAX, |bit| bit - 1)
}

fn jaro_of_ascii(left: &[u8], right: &[u8]) -> f64 {
    if left.is_empty() && right.is_empty() {
        return 1.0;
    }
    let window = (left.len().max(right.len()) / 2).saturating_sub(1);
    let places = places_of(right);
    // Each character of the left takes the first free equal one of the right within the window.
    let (mut taken_left, mut taken_right) = (0_u64, 0_u64);
    for (place, byte) in left.iter().enumerate() {
        let reachable = lowest(place + window + 1) & !lowest(place.saturating_sub(window));
        let free = bits_at(&places, *byte) & reachable & !taken_right;
        if free != 0 {
            taken_right |= free & free.wrapping_neg();
            taken_left |= 1 << place;
        }
    }
    let common = taken_left.count_ones();
    if common == 0 {
        return 0.0;
    }
    let mut half_transpositions = 0_u32;
    while taken_left != 0 {
        let byte = left.get(taken_left.trailing_zeros() as usize);
        if byte != right.get(taken_right.trailing_zeros() as usize) {
            half_transpositions += 1;
        }
        taken_left &= taken_left - 1;
        taken_right &= taken_right.wrapping_sub(1);
    }
    let common = f64::from(common);
    let in_order = common - f64::from(half_transpositions / 2);
    (common / left.len() as f64 + common / right.len() as f64 + in_order / common) / 3.0
}

fn levenshtein_of_ascii(left: &[u8], right: &[u8]) -> usize {
    if left.is_empty() {
        return right.len();
    }
    let places = places_of(left);
    let last = 1_u64 << (left.len() - 1);
    // Bits of the places where the column's distance rises or falls by one from the place above.
    let (mut rises, mut falls) = (u64::MAX, 0_u64);
    let mut distance = left.len();
    for byte in right {
        let equal = bits_at(&places, *byte);
        let diagonal = (((equal & rises).wrapping_add(rises)) ^ rises) | equal | falls;
        let mut rises_across = falls | !(diagonal | rises);
        let mut falls_across = diagonal & rises;
        distance += usize::from(rises_across & last != 0);
        distance -= usize::from(falls_across & last != 0);
        rises_across = (rises_across << 1) | 1;
        falls_across <<= 1;
        rises = falls_across | !(diagonal | rises_across);
        falls = rises_across & diagonal;
    }
    distance
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tables of Winkler's own papers (Porter & Winkler 1997, table 2.1; rounded there).
    #[test]
    fn similarities_are_those_of_the_published_tables() {
        for (left, right, expected_jaro, expected_winkler) in [
            ("SHACKLEFORD", "SHACKELFORD", 0.970, 0.982),
            ("DUNNINGHAM", "CUNNIGHAM", 0.896, 0.896),
            ("NICHLESON", "NICHULSON", 0.926, 0.956),
            ("JONES", "JOHNSON", 0.790, 0.832),
            ("MASSEY", "MASSIE", 0.889, 0.933),
            ("ABROMS", "ABRAMS", 0.889, 0.922),
            ("HARDIN", "MARTINEZ", 0.722, 0.722),
            ("ITMAN", "SMITH", 0.467, 0.467),
            ("JERALDINE", "GERALDINE", 0.926, 0.926),
            ("MARHTA", "MARTHA", 0.944, 0.961),
            ("MICHELLE", "MICHAEL", 0.869, 0.921),
            ("JULIES", "JULIUS", 0.889, 0.933),
            ("TANYA", "TONYA", 0.867, 0.880),
            ("DWAYNE", "DUANE", 0.822, 0.840),
            ("SEAN", "SUSAN", 0.783, 0.805),
            ("JON", "JOHN", 0.917, 0.933),
            ("JON", "JAN", 0.778, 0.800),
            ("DIXON", "DICKSONX", 0.767, 0.813),
        ] {
            assert!((jaro(left, right) - expected_jaro).abs() < 6e-4, "{left} {right}");
            assert!((jaro_winkler(left, right) - expected_winkler).abs() < 6e-4, "{left} {right}");
        }
    }

    /// To the last digit, as DuckDB 2.0.0 gives them: a threshold decides at a digit.
    #[test]
    fn similarities_are_duckdbs_to_the_last_digit() {
        for (left, right, expected_jaro, expected_winkler) in [
            ("MARTHA", "MARHTA", 0.9444444444444445, 0.9611111111111111),
            ("DWAYNE", "DUANE", 0.8222222222222223, 0.8400000000000001),
            ("DIXON", "DICKSONX", 0.7666666666666666, 0.8133333333333332),
            ("abcdef", "azcdeX", 0.7777777777777777, 0.7999999999999999),
            ("a cat", "an abct", 0.7904761904761904, 0.8114285714285714),
            ("ab", "ac", 0.6666666666666666, 0.6666666666666666),
            ("ca", "abc", 0.0, 0.0),
        ] {
            assert_eq!(jaro(left, right), expected_jaro, "{left} {right}");
            assert_eq!(jaro_winkler(left, right), expected_winkler, "{left} {right}");
        }
    }

    #[test]
    fn distances_count_edits() {
        for (left, right, expected, expected_damerau) in [
            ("", "", 0, 0),
            ("", "abc", 3, 3),
            ("kitten", "sitting", 3, 3),
            ("saturday", "sunday", 3, 3),
            ("martha", "marhta", 2, 1),
            // Unrestricted: the swapped neighbours may be parted by an insertion.
            ("ca", "abc", 3, 2),
            ("a cat", "an abct", 4, 3),
            ("müller", "muller", 1, 1),
        ] {
            assert_eq!(levenshtein(left, right), expected, "{left} {right}");
            assert_eq!(damerau_levenshtein(left, right), expected_damerau, "{left} {right}");
        }
    }

    #[test]
    fn shared_words_count_once() {
        assert_eq!(words_in_common("12 high st leeds", "high  st st york"), 2);
        assert_eq!(words_in_common("", "a"), 0);
    }

    proptest! {
        // Few different letters, so that texts share many; lengths on both sides of a word.
        #[test]
        fn bits_agree_with_the_plain_algorithms(left in "[a-d]{0,70}", right in "[a-d]{0,70}") {
            prop_assert!((jaro(&left, &right) - strsim::jaro(&left, &right)).abs() < 1e-12);
            let winkler = strsim::jaro_winkler(&left, &right);
            prop_assert!((jaro_winkler(&left, &right) - winkler).abs() < 1e-12);
            prop_assert_eq!(levenshtein(&left, &right), strsim::levenshtein(&left, &right));
        }

        #[test]
        fn measures_are_bounded_and_symmetric(left in "[a-cé]{0,8}", right in "[a-cé]{0,8}") {
            for measure in [jaro, jaro_winkler] {
                let similarity = measure(&left, &right);
                prop_assert!((0.0..=1.0).contains(&similarity));
                prop_assert_eq!(similarity == 1.0, left == right);
            }
            for distance in [levenshtein, damerau_levenshtein] {
                prop_assert_eq!(distance(&left, &right), distance(&right, &left));
                prop_assert_eq!(distance(&left, &right) == 0, left == right);
            }
            prop_assert!(damerau_levenshtein(&left, &right) <= levenshtein(&left, &right));
            prop_assert!(jaro(&left, &right) <= jaro_winkler(&left, &right));
        }

        #[test]
        fn edits_are_within_what_they_are_counted_to(
            left in "[a-c]{0,9}é?",
            right in "[a-c]{0,9}",
            most in 0_usize..6,
        ) {
            let expected = damerau_levenshtein(&left, &right) <= most;
            prop_assert_eq!(damerau_levenshtein_within(&left, &right, most), expected);
        }
    }
}
