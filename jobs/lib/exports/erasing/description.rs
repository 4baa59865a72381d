//! A person as their name and their day of birth describe them: by these somebody is found where no
//! key of theirs stands, and told from others of the same name.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::identifier::Secret;
use crate::algorithms::normalise::normalize_name;
use crate::hash::ContentHash;

/// The least words of a name: a given name alone, or a family's, is nobody's.
const LEAST_WORDS: usize = 2;

/// Keyed hashes of the words of a person's name, and of their day of birth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Description {
    words: BTreeSet<ContentHash>,
    born: ContentHash,
}

/// The words of what may be a name, in the one spelling of all that mean the same.
pub(super) fn words_of(name: &str) -> BTreeSet<String> {
    let name = normalize_name(name).unwrap_or_default();
    // Initials come and go.
    name.split_whitespace().filter(|word| word.chars().count() > 1).map(Into::into).collect()
}

impl Description {
    /// Of a name's words and a day of birth, YYYY-MM-DD; none where they may be many a person's.
    pub(super) fn of(secret: &Secret, words: &BTreeSet<String>, born: &str) -> Option<Description> {
        (words.len() >= LEAST_WORDS).then(|| Description {
            words: words.iter().map(|word| secret.hash_of_word(word)).collect(),
            born: secret.hash_of_birth(born),
        })
    }

    pub(super) fn is_born_on(&self, days: &BTreeSet<ContentHash>) -> bool {
        days.contains(&self.born)
    }

    /// Whether these words hold the name, and these days the day of birth.
    pub(super) fn is_within(
        &self,
        words: &BTreeSet<ContentHash>,
        days: &BTreeSet<ContentHash>,
    ) -> bool {
        self.is_born_on(days) && self.words.is_subset(words)
    }
}
