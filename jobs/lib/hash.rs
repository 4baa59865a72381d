//! Content hashes: what a partition, an export or a model is, in 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BLAKE3 hash of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        ContentHash(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of a value's JSON. The value's fields must serialize in a fixed order.
    pub fn of_json(value: &impl Serialize) -> Self {
        let mut hasher = Hasher::default();
        // Serializing plain data into a hasher cannot fail: it neither does I/O nor meets a map
        // with keys that are not text.
        let _ = serde_json::to_writer(&mut hasher, value);
        hasher.finish()
    }

    /// The first twelve digits: enough to tell versions apart by eye.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

/// A secret, with which values are hashed that could be guessed from plain hashes.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

impl fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashKey")
    }
}

impl HashKey {
    /// Derived from what people keep secret, for one `purpose` (BLAKE3's key derivation).
    pub fn derive(purpose: &str, secret: &str) -> HashKey {
        HashKey(blake3::derive_key(purpose, secret.as_bytes()))
    }

    /// The keyed hash of `parts`, told apart from those of any others.
    pub fn hash(&self, parts: &[&str]) -> ContentHash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        ContentHash(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ContentHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text)
            .map(|hash| ContentHash(*hash.as_bytes()))
            .map_err(|error| format!("`{text}` is not a content hash: {error}"))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a file holds, whatever it is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainHashes {
    /// Hash of the first 64 KiB once they are decompressed: where it differs, so does all.
    pub opening: ContentHash,
    /// Hash of everything once it is decompressed.
    pub whole: ContentHash,
}

/// Hashes content as it streams by.
#[derive(Default, Clone)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Takes in more content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all content so far.
    pub fn finish(&self) -> ContentHash {
        ContentHash(*self.0.finalize().as_bytes())
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
