//! Which rows repeat an earlier one, exactly and in bounded memory.
//!
//! A fact or the row of a snapshot repeats any equal one of the day. A change repeats the latest
//! row of its key alone: what was changed and is changed back has been told three times over.
//!
//! Hashes of 128 bits stand for rows: among a billion rows, two different ones have equal hashes
//! with a probability of one in 10^20. Up to a limit they are kept in memory. Beyond it every hash
//! of the whole input goes into one of 256 files on disk, each of which fits in memory by itself,
//! and what remains is one bit a row.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Shards grow one at a time: one large table would need thrice its size while it grows.
const SHARDS: usize = 256;

/// A hash needs no hashing.
#[derive(Debug, Clone, Default)]
struct Identity;

#[derive(Debug, Default)]
struct Passed(u64);

impl BuildHasher for Identity {
    type Hasher = Passed;

    fn build_hasher(&self) -> Passed {
        Passed(0)
    }
}

impl Hasher for Passed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only 128-bit hashes are ever kept; this is for the trait's sake.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low half is as good as any
    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

/// The shard of a hash: by bits that the table within does not look at first.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn shard(hash: u128) -> usize {
    (hash >> 120) as usize
}

/// What a row is compared by: a row repeats an earlier one where its hash is the one that its key
/// had last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The row's key; the row itself where it may repeat any other.
    pub key: u128,
    /// All of the row.
    pub row: u128,
}

/// The rows seen so far, in memory. What is kept of each key: nothing, `()`, where the key is the
/// row; the last row, a `u128`, otherwise.
pub(super) struct Seen<Last> {
    shards: Vec<HashMap<u128, Last, Identity>>,
    key_count: usize,
}

impl<Last: PartialEq> Seen<Last> {
    pub fn new() -> Self {
        Seen { shards: (0..SHARDS).map(|_| HashMap::default()).collect(), key_count: 0 }
    }

    /// How many different keys are kept.
    pub fn len(&self) -> usize {
        self.key_count
    }

    /// Whether the row is other than the last one of its key.
    #[inline]
    pub fn insert(&mut self, key: u128, last: Last) -> bool
    where
        Last: Copy,
    {
        let Some(shard) = self.shards.get_mut(shard(key)) else { return true };
        let before = shard.insert(key, last);
        self.key_count += usize::from(before.is_none());
        before != Some(last)
    }
}

/// All hashes of the input, on disk.
pub(super) struct Spill {
    buckets: Vec<BufWriter<File>>,
    row_count: u64,
    /// Whether rows have keys that are not themselves.
    is_keyed: bool,
}

impl Spill {
    pub fn new(is_keyed: bool) -> io::Result<Self> {
        let bucket = || Ok(BufWriter::with_capacity(32 * 1024, tempfile::tempfile()?));
        let buckets = (0..SHARDS).map(|_| bucket()).collect::<io::Result<Vec<_>>>()?;
        Ok(Spill { buckets, row_count: 0, is_keyed })
    }

    /// Takes the next row.
    pub fn push(&mut self, mark: Mark) -> io::Result<()> {
        let number = self.row_count;
        self.row_count += 1;
        let Some(bucket) = self.buckets.get_mut(shard(mark.key)) else { return Ok(()) };
        bucket.write_all(&mark.key.to_le_bytes())?;
        if self.is_keyed {
            bucket.write_all(&mark.row.to_le_bytes())?;
        }
        bucket.write_all(&number.to_le_bytes())
    }

    /// The rows that repeat an earlier one.
    pub fn resolve(self) -> io::Result<Repeated> {
        let words = usize::try_from(self.row_count.div_ceil(64)).map_err(io::Error::other)?;
        let mut repeated = Repeated { bits: vec![0; words] };
        for bucket in self.buckets {
            let mut file = bucket.into_inner().map_err(|error| error.into_error())?;
            file.rewind()?;
            let mut reader = BufReader::with_capacity(256 * 1024, file);
            let mut last: HashMap<u128, u128, Identity> = HashMap::default();
            let mut key = [0; 16];
            let mut row = [0; 16];
            let mut number = [0; 8];
            // Rows stand in a bucket in their order, so the first of equal ones comes first.
            while fill(&mut reader, &mut key)? {
                if self.is_keyed {
                    reader.read_exact(&mut row)?;
                } else {
                    row = key;
                }
                reader.read_exact(&mut number)?;
                let row = u128::from_le_bytes(row);
                if last.insert(u128::from_le_bytes(key), row) == Some(row) {
                    repeated.set(u64::from_le_bytes(number));
                }
            }
        }
        Ok(repeated)
    }
}

/// Whether there was another entry.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A bit for each row of the input.
pub(super) struct Repeated {
    bits: Vec<u64>,
}

impl Repeated {
    fn set(&mut self, row: u64) {
        if let Some(word) = usize::try_from(row / 64).ok().and_then(|at| self.bits.get_mut(at)) {
            *word |= 1 << (row % 64);
        }
    }

    /// Whether the row repeats an earlier one.
    pub fn has(&self, row: u64) -> bool {
        let word = usize::try_from(row / 64).ok().and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twox_hash::XxHash3_128;

    fn hash(value: u16) -> u128 {
        XxHash3_128::oneshot(&value.to_le_bytes())
    }

    fn on_disk(marks: &[Mark], is_keyed: bool) -> Vec<bool> {
        let mut spill = Spill::new(is_keyed).unwrap();
        marks.iter().for_each(|mark| spill.push(*mark).unwrap());
        let repeated = spill.resolve().unwrap();
        (0..marks.len() as u64).map(|row| repeated.has(row)).collect()
    }

    #[test]
    fn a_change_repeats_the_last_row_of_its_key_alone() {
        let rows = [(1, 1), (2, 9), (1, 1), (1, 2), (1, 1), (2, 9)];
        let marks = rows.map(|(key, row)| Mark { key: hash(key), row: hash(row) });
        assert_eq!(on_disk(&marks, true), [false, false, true, false, false, true]);
    }

    proptest! {
        #[test]
        fn memory_and_disk_agree(rows in proptest::collection::vec((0u16..30, 0u16..5), 0..600)) {
            let marks: Vec<Mark> =
                rows.iter().map(|(key, row)| Mark { key: hash(*key), row: hash(*row) }).collect();
            let mut seen = Seen::new();
            let in_memory: Vec<bool> =
                marks.iter().map(|mark| !seen.insert(mark.key, mark.row)).collect();
            prop_assert_eq!(in_memory, on_disk(&marks, true));

            let marks: Vec<Mark> =
                marks.iter().map(|mark| Mark { key: mark.key, row: mark.key }).collect();
            let mut seen = Seen::new();
            let in_memory: Vec<bool> =
                marks.iter().map(|mark| !seen.insert(mark.key, ())).collect();
            prop_assert_eq!(in_memory, on_disk(&marks, false));
        }
    }
}
