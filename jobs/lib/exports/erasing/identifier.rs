//! What identifies somebody, and what stands for it once it is erased.

use std::fmt;

use crate::algorithms::normalise::{is_placeholder_email, normalize_email, normalize_phone};
use crate::hash::{ContentHash, HashKey};

/// The namespaces of what identifies somebody in any system.
pub(super) const EMAIL: &str = "email";
pub(super) const PHONE: &str = "phone";

/// What identifies somebody: an address, a number, or a key in some system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    /// `email`, `phone`, or the system whose key it is: `crm`, `loyalty`, `instagram`.
    pub namespace: String,
    /// In the one spelling of all that mean the same.
    value: String,
}

/// Never its value: it may end up in a log.
impl fmt::Debug for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:…", self.namespace)
    }
}

impl Identifier {
    /// The identifier that `text` is in `namespace`; none where it identifies nobody.
    ///
    /// Keys of systems are the same where they differ only in case, white space and a leading `@`.
    pub fn read(namespace: &str, text: &str, region: Option<&str>) -> Option<Identifier> {
        let value = match namespace {
            EMAIL => normalize_email(text).filter(|address| !is_placeholder_email(address)),
            PHONE => normalize_phone(text, region),
            _ => {
                let letters = text.chars().filter(|one| !one.is_whitespace());
                let key: String = letters.flat_map(char::to_lowercase).collect();
                Some(key.trim_start_matches('@').to_string()).filter(|key| !key.is_empty())
            }
        };
        Some(Identifier { namespace: namespace.to_string(), value: value? })
    }
}

/// What hashes and tokens of identifiers are made with.
#[derive(Clone)]
pub struct Secret {
    hashes: HashKey,
    tokens: HashKey,
    check: ContentHash,
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// Of the key that people keep.
    pub fn of(key: &str) -> Secret {
        let derived = |purpose: &str| HashKey::derive(&format!("rapport erasure {purpose}"), key);
        let check = derived("check").hash(&[]);
        Secret { hashes: derived("hashes"), tokens: derived("tokens"), check }
    }

    /// By which it is found whether another was made of the same key.
    pub fn check(&self) -> ContentHash {
        self.check
    }

    /// By which an identifier is found again.
    pub fn hash(&self, identifier: &Identifier) -> ContentHash {
        self.hashes.hash(&[&identifier.namespace, &identifier.value])
    }

    /// By which a customer's id is found again.
    pub fn hash_of_customer(&self, customer_id: &str) -> ContentHash {
        self.hashes.hash(&["", customer_id])
    }

    /// By which a word of a name is found again.
    pub(super) fn hash_of_word(&self, word: &str) -> ContentHash {
        self.hashes.hash(&["name", word, ""])
    }

    /// By which a day of birth, YYYY-MM-DD, is found again.
    pub(super) fn hash_of_birth(&self, day: &str) -> ContentHash {
        self.hashes.hash(&["birth", day, ""])
    }

    /// What stands for the identifier: of its kind, so that it is read as one, and nobody's.
    ///
    /// Addresses end in a name that is reserved never to exist (RFC 2606), and numbers begin with
    /// +979, under which nobody is called at home (ITU-T E.169.2).
    pub fn token(&self, identifier: &Identifier) -> String {
        let hash = self.tokens.hash(&[&identifier.namespace, &identifier.value]);
        let digits: String = hash.to_string().chars().take(16).collect();
        match identifier.namespace.as_str() {
            EMAIL => format!("erased-{digits}@erased.invalid"),
            PHONE => {
                let number = u64::from_str_radix(&digits, 16).unwrap_or_default();
                format!("+979{}", 100_000_000 + number % 900_000_000)
            }
            _ => format!("erased-{digits}"),
        }
    }
}
