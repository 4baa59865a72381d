//! What columns are called, in the languages of Europe.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::algorithms::normalise::fold;

/// What a column of a person table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The name of the row, different in each.
    RecordId,
    /// The system that the row comes from.
    Source,
    /// First names.
    GivenName,
    /// Names between the first and the family's, or their initials.
    MiddleName,
    /// The family's name.
    Surname,
    /// All names in one.
    FullName,
    /// The day of birth.
    BirthDate,
    /// The year of birth.
    BirthYear,
    /// The month of birth, 1 to 12.
    BirthMonth,
    /// The day of the month of birth.
    BirthDay,
    /// Where somebody was born.
    BirthPlace,
    /// Male, female, another or unknown.
    Sex,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// Street, with or without the number.
    Street,
    /// What else an address says: building, flat, quarter.
    Street2,
    /// The number in the street.
    HouseNumber,
    /// Town, suburb or village.
    City,
    /// The postal code.
    Postcode,
    /// State, county, province.
    Region,
    /// The country of the address.
    Country,
    /// A number that a state or a system gave to the person: national id, loyalty card.
    Identifier,
}

impl Kind {
    /// For people, after "the column is".
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::RecordId => "the record's id",
            Kind::Source => "the source",
            Kind::GivenName => "a given name",
            Kind::MiddleName => "a middle name",
            Kind::Surname => "a family name",
            Kind::FullName => "a whole name",
            Kind::BirthDate => "a date of birth",
            Kind::BirthYear => "a year of birth",
            Kind::BirthMonth => "a month of birth",
            Kind::BirthDay => "a day of birth",
            Kind::BirthPlace => "a place of birth",
            Kind::Sex => "a sex",
            Kind::Email => "an e-mail address",
            Kind::Phone => "a telephone number",
            Kind::Street => "a street",
            Kind::Street2 => "the rest of an address",
            Kind::HouseNumber => "a house number",
            Kind::City => "a town",
            Kind::Postcode => "a postcode",
            Kind::Region => "a region",
            Kind::Country => "a country",
            Kind::Identifier => "an identifier",
        }
    }
}

const NAMED: [(&str, Kind); 22] = [
    ("record_id", Kind::RecordId),
    ("source", Kind::Source),
    ("given_name", Kind::GivenName),
    ("middle_name", Kind::MiddleName),
    ("surname", Kind::Surname),
    ("full_name", Kind::FullName),
    ("birth_date", Kind::BirthDate),
    ("birth_year", Kind::BirthYear),
    ("birth_month", Kind::BirthMonth),
    ("birth_day", Kind::BirthDay),
    ("birth_place", Kind::BirthPlace),
    ("sex", Kind::Sex),
    ("email", Kind::Email),
    ("phone", Kind::Phone),
    ("street", Kind::Street),
    ("street_2", Kind::Street2),
    ("house_number", Kind::HouseNumber),
    ("city", Kind::City),
    ("postcode", Kind::Postcode),
    ("region", Kind::Region),
    ("country", Kind::Country),
    ("identifier", Kind::Identifier),
];

/// Words before a column's name that say whose it is, which matters not.
const OWNERS: [&str; 14] = [
    "billing", "client", "contact", "customer", "home", "kunde", "kunden", "main", "member",
    "patient", "person", "personal", "primary", "user",
];

/// Words that a program or a careless export calls columns: they say nothing.
const OPAQUE: [&str; 18] = [
    "attr",
    "attribute",
    "campo",
    "champ",
    "col",
    "column",
    "data",
    "feature",
    "field",
    "spalte",
    "text",
    "unnamed",
    "v",
    "val",
    "value",
    "var",
    "variable",
    "x",
];

static NAMES: LazyLock<HashMap<&'static str, Vec<Kind>>> = LazyLock::new(|| {
    let mut names: HashMap<&str, Vec<Kind>> = HashMap::new();
    for line in include_str!("headers.txt").lines() {
        let Some((kind, words)) = line.split_once(" = ") else { continue };
        let kind = NAMED.iter().find(|(name, _)| *name == kind).map(|(_, kind)| *kind);
        for (word, kind) in words.split('|').zip(kind.into_iter().cycle()) {
            names.entry(word.trim()).or_default().push(kind);
        }
    }
    names
});

/// The kinds that a column of this name may have, likeliest first; none: the name says nothing.
pub fn kinds(header: &str) -> Vec<Kind> {
    let words = words(header);
    let whole = words.join(" ");
    // `phone_2` is a telephone number; `fname_c2` has a meaning of its own.
    let without_number = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() && is_number(last) => rest.join(" "),
        _ => whole.clone(),
    };
    let without_owner = match words.split_first() {
        Some((first, rest)) if !rest.is_empty() && OWNERS.contains(&first.as_str()) => {
            rest.join(" ")
        }
        _ => whole.clone(),
    };
    let candidates = [whole, without_number, without_owner];
    candidates.iter().find_map(|name| NAMES.get(name.as_str())).cloned().unwrap_or_default()
}

/// Whether the name is as good as none: `c3`, `Field 7`, `_4`, `unnamed: 0`.
pub fn is_opaque(header: &str) -> bool {
    let words = words(header);
    let named: Vec<&String> = words.iter().filter(|word| !is_number(word)).collect();
    match named.as_slice() {
        [] => true,
        [word] => word.len() == 1 || OPAQUE.contains(&word.as_str()),
        _ => false,
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Folded words: `dateOfBirth`, `DATE_OF_BIRTH` and `Date of birth` are one.
fn words(header: &str) -> Vec<String> {
    let mut parted = String::with_capacity(header.len() + 8);
    let mut before: Option<char> = None;
    for character in header.replace("n°", "numero").replace("N°", "numero").chars() {
        let is_new_word = before.is_some_and(|before| {
            before.is_lowercase() && character.is_uppercase()
                || before.is_alphabetic() && character.is_ascii_digit()
        });
        if is_new_word {
            parted.push(' ');
        }
        parted.push(character);
        before = Some(character);
    }
    let folded = fold(&parted);
    let words = folded.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_writing() {
        let cases = [
            ("First Name", Kind::GivenName),
            ("firstName", Kind::GivenName),
            ("GIVEN_NAME", Kind::GivenName),
            ("Prénom", Kind::GivenName),
            ("Imię", Kind::GivenName),
            ("fname_c1", Kind::GivenName),
            ("customer_surname", Kind::Surname),
            ("Date de naissance", Kind::BirthDate),
            ("dateOfBirth", Kind::BirthDate),
            ("Geburtsdatum", Kind::BirthDate),
            ("phone2", Kind::Phone),
            ("Straße", Kind::Street),
            ("address_1", Kind::Street),
            ("address_2", Kind::Street2),
            ("n°", Kind::HouseNumber),
            ("soc_sec_id", Kind::Identifier),
            ("Codice Fiscale", Kind::Identifier),
            ("PLZ", Kind::Postcode),
        ];
        for (header, kind) in cases {
            assert_eq!(kinds(header).first(), Some(&kind), "{header}");
        }
        assert!(kinds("cluster").is_empty());
        assert!(kinds("updated_at").is_empty());
    }

    #[test]
    fn a_name_that_says_nothing_is_opaque() {
        for header in ["c3", "Field 7", "_4", "unnamed: 0", "column1", "x"] {
            assert!(is_opaque(header), "{header}");
        }
        for header in ["segment", "first name", "occupation", "score 2"] {
            assert!(!is_opaque(header), "{header}");
        }
    }

    #[test]
    fn each_line_of_the_words_names_a_kind() {
        let lines = include_str!("headers.txt").lines().filter(|line| !line.starts_with('#'));
        let mut seen = 0;
        for line in lines {
            let (kind, words) = line.split_once(" = ").expect("a kind and its names");
            assert!(NAMED.iter().any(|(name, _)| *name == kind), "{kind}");
            for word in words.split('|') {
                assert_eq!(super::words(word.trim()).join(" "), word.trim(), "folded");
            }
            seen += 1;
        }
        assert_eq!(seen, NAMED.len());
    }
}
