//! Names of people.

use super::text::{fold, is_apostrophe, is_invisible};

/// Titles before a name, without dots, folded. `don` and `pan` are left out: they are given and
/// family names too.
const TITLES: [&str; 77] = [
    "avv",
    "baron",
    "baroness",
    "capt",
    "captain",
    "cdr",
    "cmdr",
    "col",
    "colonel",
    "cpl",
    "dame",
    "dhr",
    "dipling",
    "doctor",
    "dott",
    "dottore",
    "dottoressa",
    "dottssa",
    "dr",
    "dra",
    "drhc",
    "drs",
    "eng",
    "familie",
    "father",
    "frau",
    "fraulein",
    "gen",
    "general",
    "hc",
    "herr",
    "hon",
    "hr",
    "ing",
    "ir",
    "lady",
    "lieutenant",
    "lord",
    "lt",
    "ltcol",
    "mademoiselle",
    "madame",
    "maj",
    "major",
    "messrs",
    "mevr",
    "mevrouw",
    "miss",
    "mister",
    "mlle",
    "mme",
    "monsieur",
    "mr",
    "mrs",
    "ms",
    "mw",
    "mx",
    "prof",
    "profa",
    "professor",
    "professora",
    "rabbi",
    "rev",
    "revd",
    "reverend",
    "senor",
    "senora",
    "senorita",
    "sgt",
    "sig",
    "signor",
    "signora",
    "sir",
    "sr",
    "sra",
    "srta",
    "sister",
];

/// Suffixes behind a name, without dots, folded. `v`, `ma` and `ba` are left out: an initial and
/// family names.
const SUFFIXES: [&str; 33] = [
    "bsc", "cbe", "cpa", "dds", "dphil", "dvm", "esq", "esquire", "frcs", "ii", "iii", "iv", "jnr",
    "jr", "junior", "kc", "llb", "llm", "mba", "mbe", "mbbs", "md", "mp", "msc", "obe", "phd",
    "qc", "ret", "rn", "senior", "snr", "sr", "vi",
];

/// Words that fill a name field. A name made of nothing but these (and numbers) is a placeholder;
/// beside any other word they are a name: Jennifer Null, Christopher Guest, Max Test.
const PLACEHOLDERS: [&str; 46] = [
    "account",
    "anon",
    "anonym",
    "anonyme",
    "anonymous",
    "asdf",
    "client",
    "contact",
    "customer",
    "default",
    "deleted",
    "demo",
    "dummy",
    "empty",
    "firstname",
    "fname",
    "guest",
    "inconnu",
    "invalid",
    "kunde",
    "kundin",
    "lastname",
    "lname",
    "member",
    "missing",
    "na",
    "nan",
    "nil",
    "nn",
    "noname",
    "none",
    "null",
    "onbekend",
    "qwerty",
    "removed",
    "sample",
    "shopper",
    "tba",
    "tbc",
    "tbd",
    "test",
    "tester",
    "unbekannt",
    "undefined",
    "unknown",
    "user",
];

/// Whole names that are placeholders although their words may be names.
const PLACEHOLDER_PHRASES: [&str; 20] = [
    "cash customer",
    "cash sale",
    "family name",
    "first last",
    "first name",
    "first name last name",
    "given name",
    "last name",
    "n a",
    "name",
    "name surname",
    "no name",
    "not applicable",
    "not available",
    "not given",
    "not known",
    "not provided",
    "surname",
    "walk in",
    "walk in customer",
];

/// One spelling of a person's name: case and diacritics folded, titles and suffixes removed,
/// apostrophes dropped, other punctuation a space; `None` where nothing of a name is left.
///
/// `Family, Given` is turned round; a nickname in parentheses or quotes is dropped. Titles go
/// only from the front and suffixes only from the end, and never the last word that is left.
///
/// A placeholder is a name whose every word fills a field (`Test Customer`, `guest 12`, `n/a`).
/// "Null", "Guest" and "Test" are also family names: they are kept beside any other word, and
/// lost where they stand alone, for a family name alone links nobody.
pub fn normalize_name(text: &str) -> Option<String> {
    let folded = fold(text);
    let without_asides = without_asides(&folded);
    let ordered = in_given_family_order(&without_asides);
    let words: Vec<String> = ordered.split_whitespace().flat_map(words_of).collect();
    let mut words: &[String] = &words;

    if is_placeholder(words) {
        return None;
    }
    while let [first, rest @ ..] = words
        && TITLES.contains(&first.as_str())
        && !rest.is_empty()
    {
        words = rest;
    }
    while let [rest @ .., last] = words
        && SUFFIXES.contains(&last.as_str())
        && !rest.is_empty()
    {
        words = rest;
    }
    let is_only_a_title = matches!(words, [word] if TITLES.contains(&word.as_str()));
    if is_only_a_title || is_placeholder(words) {
        return None;
    }
    Some(words.join(" "))
}

/// The words of one token. A dotted abbreviation that is a title stays one word (`ph.d.` →
/// `phd`); otherwise punctuation parts words (`anne-marie` → `anne marie`).
fn words_of(token: &str) -> Vec<String> {
    let is_letter = |character: &char| character.is_alphanumeric() || is_mark(*character);
    let compact: String = token.chars().filter(is_letter).collect();
    if token.contains(['.', '-'])
        && (TITLES.contains(&compact.as_str()) || SUFFIXES.contains(&compact.as_str()))
    {
        return vec![compact];
    }
    let spelled: String = token
        .chars()
        .filter(|character| !is_apostrophe(*character) && !is_invisible(*character))
        .map(|character| if is_letter(&character) { character } else { ' ' })
        .collect();
    spelled.split_whitespace().map(str::to_owned).collect()
}

/// A vowel sign or another mark that belongs to its letter.
fn is_mark(character: char) -> bool {
    unicode_normalization::char::is_combining_mark(character)
}

/// The name without what stands in parentheses, brackets or double quotes, unless that is all.
fn without_asides(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut closing = None;
    for character in name.chars() {
        match closing {
            Some(close) if character == close => closing = None,
            Some(_) => {}
            None => match character {
                '(' => closing = Some(')'),
                '[' => closing = Some(']'),
                '"' => closing = Some('"'),
                '“' | '„' => closing = Some('”'),
                _ => kept.push(character),
            },
        }
        if closing.is_some() && !kept.ends_with(' ') {
            kept.push(' ');
        }
    }
    // An aside that never closes is not an aside.
    if closing.is_some() || kept.trim().is_empty() { name.to_owned() } else { kept }
}

/// `Family, Given` as `Given Family`; `Name, Jr.` stays in order.
fn in_given_family_order(name: &str) -> String {
    let Some((family, given)) = name.split_once(',') else {
        return name.to_owned();
    };
    let given_words: Vec<String> = given.split_whitespace().flat_map(words_of).collect();
    let is_suffixes = given_words.iter().all(|word| SUFFIXES.contains(&word.as_str()));
    if is_suffixes || given.contains(',') {
        return name.replace(',', " ");
    }
    // The title may stand on either side: `Smith, Dr John` and `Dr Smith, John`.
    let (titles, family): (Vec<&str>, Vec<&str>) =
        family.split_whitespace().partition(|word| TITLES.contains(&word.trim_end_matches('.')));
    format!("{} {given} {}", titles.join(" "), family.join(" "))
}

fn is_placeholder(words: &[String]) -> bool {
    let is_filler = |word: &String| {
        PLACEHOLDERS.contains(&word.as_str())
            || word.chars().all(|character| character.is_numeric())
            || (word.len() >= 2 && word.bytes().all(|byte| byte == b'x'))
            || word.trim_end_matches(|character: char| character.is_ascii_digit()) == "test"
    };
    words.iter().all(is_filler) || PLACEHOLDER_PHRASES.contains(&words.join(" ").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        let cases = [
            ("Jane Doe", "jane doe"),
            ("  JANE\t doe ", "jane doe"),
            ("Mrs. Jane Doe", "jane doe"),
            ("Prof. Dr. Dr. h.c. Jürgen Müller", "jurgen muller"),
            ("Frau Dr. Groß", "gross"),
            ("Mme Zoë Béranger", "zoe beranger"),
            ("Sig.ra Lucia Rossi", "ra lucia rossi"),
            ("Dott.ssa Lucia Rossi", "lucia rossi"),
            ("Sra. María José Núñez", "maria jose nunez"),
            ("John Smith Jr.", "john smith"),
            ("John Smith, Jr.", "john smith"),
            ("Jane Doe, M.D., Ph.D.", "jane doe"),
            ("Henry King III", "henry king"),
            ("Smith, John", "john smith"),
            ("Smith, Dr. John", "john smith"),
            ("Dr. Smith, John", "john smith"),
            ("O’Brien, Séan", "sean obrien"),
            ("O'Brien", "obrien"),
            ("Anne-Marie d'Arc", "anne marie darc"),
            ("J.R.R. Tolkien", "j r r tolkien"),
            ("William (Bill) Gates", "william gates"),
            ("William \"Bill\" Gates", "william gates"),
            ("Jennifer Null", "jennifer null"),
            ("Null, Jennifer", "jennifer null"),
            ("Christopher Guest", "christopher guest"),
            ("Test Pilot", "test pilot"),
            ("Xx Aexii", "xx aexii"),
            ("김 민수", "김 민수"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Jack Ma", "jack ma"),
            ("Major", "major"),
            ("(Jane", "jane"),
            ("मीरा", "मीरा"),
        ];
        for (text, expected) in cases {
            let actual = normalize_name(text);
            if text == "Major" {
                assert_eq!(actual, None, "a title alone is no name");
                continue;
            }
            assert_eq!(actual.as_deref(), Some(expected), "{text}");
            assert_eq!(normalize_name(expected).as_deref(), Some(expected), "again: {expected}");
        }
    }

    #[test]
    fn placeholders_and_the_nameless_are_null() {
        for text in [
            "",
            "  ",
            "-",
            "?",
            "unknown",
            "Unknown Unknown",
            "N/A",
            "n.a.",
            "test",
            "Test Customer",
            "test2",
            "customer",
            "Customer 12345",
            "Guest",
            "guest user",
            "xxx",
            "XX XXX",
            "Null",
            "null null",
            "Mr",
            "Dr.",
            "Mr. Unknown",
            "no name",
            "First Last",
            "Not Provided",
            "walk-in",
            "12345",
            "()",
            "\"\"",
        ] {
            assert_eq!(normalize_name(text), None, "{text}");
        }
    }
}
