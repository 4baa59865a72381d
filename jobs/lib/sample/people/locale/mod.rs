//! Vocabulary by country: names, streets and towns, and how they are put together.
//!
//! The lists are our own: those of the crate `fake` have neither frequencies nor genders, and
//! none for Great Britain or Spain. Names and places are of the kind that exists; who lives where
//! is drawn.

mod de;
mod es;
mod fr;
mod gb;
mod it;
mod nl;
mod us;

use super::{Country, Gender};
use crate::sample::random::Stream;

/// A town, with its postcodes: `#` is a digit, `%` one that is not zero, `@` a letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct City {
    pub name: &'static str,
    pub region: Option<&'static str>,
    pub postcode: &'static str,
}

/// A country's vocabulary. Names are in order of how common they are.
#[derive(Debug)]
pub(super) struct Locale {
    female: &'static [&'static str],
    male: &'static [&'static str],
    family: &'static [&'static str],
    /// Beginnings and ends of the many rare family names.
    family_parts: (&'static [&'static str], &'static [&'static str]),
    /// The share of people with such a name.
    family_tail: f64,
    streets: &'static [&'static str],
    /// `12 High Street` against `Hauptstraße 12`.
    number_first: bool,
    /// What stands before the number of a flat; empty where addresses have none.
    flats: &'static str,
    pub cities: &'static [City],
    /// In its own language.
    pub country_name: &'static str,
    /// Of a woman and of a man.
    pub titles: (&'static str, &'static str),
}

impl Locale {
    pub(super) fn of(country: Country) -> &'static Locale {
        match country {
            Country::Gb => &gb::LOCALE,
            Country::De => &de::LOCALE,
            Country::Fr => &fr::LOCALE,
            Country::Us => &us::LOCALE,
            Country::Nl => &nl::LOCALE,
            Country::Es => &es::LOCALE,
            Country::It => &it::LOCALE,
        }
    }

    pub(super) fn given_name(&self, stream: &mut Stream, gender: Gender) -> &'static str {
        let is_female = match gender {
            Gender::Female => true,
            Gender::Male => false,
            Gender::Other => stream.chance(0.5),
        };
        stream.skewed_word(if is_female { self.female } else { self.male })
    }

    pub(super) fn family_name(&self, stream: &mut Stream) -> String {
        let (beginnings, ends) = self.family_parts;
        if stream.chance(self.family_tail) {
            return [stream.word(beginnings), stream.word(ends)].concat();
        }
        let name = stream.skewed_word(self.family);
        // Two in a hundred carry both parents' names; in Spain all do.
        let second = match std::ptr::eq(self, Locale::of(Country::Es)) {
            true => Some(" "),
            false => (!name.contains(' ') && stream.chance(0.02)).then_some("-"),
        };
        match second {
            Some(joint) => [name, joint, stream.skewed_word(self.family)].concat(),
            None => name.to_owned(),
        }
    }

    pub(super) fn street(&self, stream: &mut Stream) -> String {
        let street = stream.word(self.streets);
        // Streets have more low numbers than high ones.
        let number = 1 + (stream.uniform().powi(2) * 180.0) as u64;
        if !self.number_first {
            return format!("{street} {number}");
        }
        if !self.flats.is_empty() && stream.chance(0.15) {
            return format!("{}{}, {number} {street}", self.flats, stream.between(1, 40));
        }
        format!("{number} {street}")
    }
}

impl City {
    pub(super) fn postcode(&self, stream: &mut Stream) -> String {
        // The letters that the second half of a British postcode may have.
        const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
        let character = |pattern: char| match pattern {
            '#' => char::from(b'0' + stream.below(10) as u8),
            '%' => char::from(b'1' + stream.below(9) as u8),
            '@' => char::from(*stream.pick(LETTERS)),
            other => other,
        };
        self.postcode.chars().map(character).collect()
    }
}

/// A text in ASCII letters, as systems that know no others write it: German umlauts as two
/// letters, other marks dropped.
pub(super) fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        match character {
            'ä' => ascii.push_str("ae"),
            'ö' => ascii.push_str("oe"),
            'ü' => ascii.push_str("ue"),
            'Ä' => ascii.push_str("Ae"),
            'Ö' => ascii.push_str("Oe"),
            'Ü' => ascii.push_str("Ue"),
            'ß' => ascii.push_str("ss"),
            'á' | 'à' | 'â' => ascii.push('a'),
            'ç' => ascii.push('c'),
            'é' | 'è' | 'ê' | 'ë' => ascii.push('e'),
            'É' | 'È' => ascii.push('E'),
            'í' | 'ï' | 'î' | 'ì' | 'ı' => ascii.push('i'),
            'Í' => ascii.push('I'),
            'ñ' => ascii.push('n'),
            'ó' | 'ô' | 'ò' => ascii.push('o'),
            'Ó' => ascii.push('O'),
            'ú' | 'ù' => ascii.push('u'),
            'ş' => ascii.push('s'),
            'Á' => ascii.push('A'),
            other if other.is_ascii() => ascii.push(other),
            _ => {}
        }
    }
    ascii
}

/// A name as a part of an address: lower-case ASCII letters only.
pub(super) fn slug(text: &str) -> String {
    let mut slug = ascii(text);
    slug.retain(|character| character.is_ascii_alphabetic());
    slug.make_ascii_lowercase();
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_the_vocabulary_has_an_ascii_spelling() {
        for (country, _) in Country::SHARES {
            let locale = Locale::of(country);
            let words = [locale.female, locale.male, locale.family, locale.streets].concat();
            for word in words {
                let letters = word.chars().filter(|character| character.is_alphabetic()).count();
                let spelled = ascii(word).chars().filter(char::is_ascii_alphabetic).count();
                assert!(spelled >= letters, "{word}");
            }
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        for (country, _) in Country::SHARES {
            let locale = Locale::of(country);
            for list in [locale.female, locale.male, locale.family, locale.streets] {
                let mut sorted = list.to_vec();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), list.len(), "{country:?}: {list:?}");
            }
        }
    }
}
