//! Takes persons who asked to be erased out of the rows of exports, so that what is made of the rows
//! still adds up.
//!
//! Who they are is known by keyed hashes of their identifiers alone: a list that tells nobody's
//! address. In every row an identifier of theirs is replaced by a token, the same for the same
//! identifier wherever it stands, from which nobody can come back to it without the key. In their own
//! rows everything else that is personal goes too: texts are blotted out, but for the words by which
//! they are scored; the rest becomes null. What was bought when, for how much, and which rows are one
//! person's stays; whose they are does not.
//!
//! A row is of whom its first identifying column names that has a value: a record of somebody else's
//! that shares a telephone keeps its name. A row in which none has a value is of whom its name and day
//! of birth describe. A name alone is nobody's: namesakes keep their rows.
//! Source: Regulation (EU) 2016/679 (GDPR), articles 4(1), 17 and recital 26.

mod blots;
mod description;
mod identifier;
mod rows;
#[cfg(test)]
mod tests;

pub use description::Description;
pub use identifier::{Identifier, Secret};
pub use rows::{Found, Roles};

use std::collections::BTreeSet;

use crate::hash::ContentHash;

/// Whom to take out of rows.
#[derive(Debug, Clone)]
pub struct Erasing {
    secret: Secret,
    /// Country of telephone numbers without a country code, ISO 3166-1 alpha-2.
    region: Option<String>,
    /// The kinds of identifiers among `hashes`.
    namespaces: BTreeSet<String>,
    hashes: BTreeSet<ContentHash>,
    descriptions: BTreeSet<Description>,
}

impl Erasing {
    /// Of the persons with these identifiers.
    pub fn new(
        secret: Secret,
        region: Option<String>,
        namespaces: BTreeSet<String>,
        hashes: BTreeSet<ContentHash>,
    ) -> Erasing {
        Erasing { secret, region, namespaces, hashes, descriptions: BTreeSet::new() }
    }

    /// The same, and of those who are described so.
    #[must_use]
    pub fn with_descriptions(self, descriptions: BTreeSet<Description>) -> Erasing {
        Erasing { descriptions, ..self }
    }

    /// The identifier that `text` is in `namespace`; none where it is nobody's.
    pub fn read(&self, namespace: &str, text: &str) -> Option<Identifier> {
        Identifier::read(namespace, text, self.region.as_deref())
    }

    /// Whether the identifier is of somebody who is erased.
    pub fn is_erased(&self, identifier: &Identifier) -> bool {
        self.namespaces.contains(&identifier.namespace)
            && self.hashes.contains(&self.secret.hash(identifier))
    }

    /// Whether `text`, read as an address, a number or the name of a record (`system:key`), is an
    /// identifier of somebody who is erased.
    pub fn is_erased_text(&self, text: &str) -> bool {
        let is_of = |namespace: &str, text: &str| {
            self.read(namespace, text).is_some_and(|identifier| self.is_erased(&identifier))
        };
        let is_address = text.contains('@') && is_of(identifier::EMAIL, text);
        let is_number = || is_like_a_number(text) && is_of(identifier::PHONE, text);
        let is_name = || text.split_once(':').is_some_and(|(system, key)| is_of(system, key));
        is_address || is_number() || is_name()
    }

    /// Whether a record as a file has it holds such an identifier, as a whole field or a word.
    pub fn is_in_record(&self, record: &str) -> bool {
        let is_any = |text: &str| {
            let text = text.trim();
            !text.is_empty()
                && (self.is_erased_text(text)
                    || self.namespaces.iter().any(|namespace| {
                        let identifier = self.read(namespace, text);
                        identifier.is_some_and(|identifier| self.is_erased(&identifier))
                    }))
        };
        fields(record).any(is_any) || record.split(char::is_whitespace).any(is_any)
    }

    /// Whether somebody who is erased has a name within these words and was born on one of these
    /// days, YYYY-MM-DD.
    fn is_described<'a>(
        &self,
        words: impl Iterator<Item = &'a String>,
        days: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.descriptions.is_empty() {
            return false;
        }
        let days: BTreeSet<_> = days.map(|day| self.secret.hash_of_birth(day)).collect();
        if !self.descriptions.iter().any(|one| one.is_born_on(&days)) {
            return false;
        }
        let words: BTreeSet<_> = words.map(|word| self.secret.hash_of_word(word)).collect();
        self.descriptions.iter().any(|one| one.is_within(&words, &days))
    }

    fn token(&self, identifier: &Identifier) -> String {
        self.secret.token(identifier)
    }
}

/// What stands between what separates fields in files of any format.
fn fields(record: &str) -> impl Iterator<Item = &str> {
    record.split(|one: char| {
        matches!(one, ',' | ';' | '|' | '\t' | '\n' | '\r' | '"' | '\'' | '{' | '}' | '[' | ']')
    })
}

/// Whether a telephone number may be written so; nearly everything else is told apart by this.
fn is_like_a_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 6 && !text.bytes().any(|byte| byte.is_ascii_alphabetic() && byte != b'x')
}
