//! Which rows repeat an earlier one, exactly and in bounded memory.
//!
//! Hashes of 128 bits stand for rows: among a billion rows, two different ones have equal hashes
//! with a probability of one in 10^20. Up to a limit they are kept in memory. Beyond it every hash
//! of the whole input goes into one of 256 files on disk, each of which fits in memory by itself,
//! and what remains is one bit a row.

use std::collections::HashSet;
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

/// The rows seen so far, in memory.
pub(super) struct Seen {
    shards: Vec<HashSet<u128, Identity>>,
    row_count: usize,
}

impl Seen {
    pub fn new() -> Self {
        Seen { shards: (0..SHARDS).map(|_| HashSet::default()).collect(), row_count: 0 }
    }

    /// How many different rows are kept.
    pub fn len(&self) -> usize {
        self.row_count
    }

    /// Whether the row is new.
    #[inline]
    pub fn insert(&mut self, hash: u128) -> bool {
        let is_new = self.shards.get_mut(shard(hash)).is_some_and(|shard| shard.insert(hash));
        self.row_count += usize::from(is_new);
        is_new
    }
}

/// All hashes of the input, on disk.
pub(super) struct Spill {
    buckets: Vec<BufWriter<File>>,
    row_count: u64,
}

impl Spill {
    pub fn new() -> io::Result<Self> {
        let bucket = || Ok(BufWriter::with_capacity(32 * 1024, tempfile::tempfile()?));
        let buckets = (0..SHARDS).map(|_| bucket()).collect::<io::Result<Vec<_>>>()?;
        Ok(Spill { buckets, row_count: 0 })
    }

    /// Takes the next row.
    pub fn push(&mut self, hash: u128) -> io::Result<()> {
        let mut entry = [0; 24];
        entry[..16].copy_from_slice(&hash.to_le_bytes());
        entry[16..].copy_from_slice(&self.row_count.to_le_bytes());
        self.row_count += 1;
        match self.buckets.get_mut(shard(hash)) {
            Some(bucket) => bucket.write_all(&entry),
            None => Ok(()),
        }
    }

    /// The rows that repeat an earlier one.
    pub fn resolve(self) -> io::Result<Repeated> {
        let words = usize::try_from(self.row_count.div_ceil(64)).map_err(io::Error::other)?;
        let mut repeated = Repeated { bits: vec![0; words] };
        for bucket in self.buckets {
            let mut file = bucket.into_inner().map_err(|error| error.into_error())?;
            file.rewind()?;
            let mut reader = BufReader::with_capacity(256 * 1024, file);
            let mut seen: HashSet<u128, Identity> = HashSet::default();
            let mut hash = [0; 16];
            let mut row = [0; 8];
            // Rows stand in a bucket in their order, so the first of equal ones comes first.
            while fill(&mut reader, &mut hash)? {
                reader.read_exact(&mut row)?;
                if !seen.insert(u128::from_le_bytes(hash)) {
                    repeated.set(u64::from_le_bytes(row));
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

    proptest! {
        #[test]
        fn memory_and_disk_agree(rows in proptest::collection::vec(0u16..300, 0..600)) {
            let hashes: Vec<_> =
                rows.iter().map(|row| XxHash3_128::oneshot(&row.to_le_bytes())).collect();
            let mut seen = Seen::new();
            let mut spill = Spill::new().unwrap();
            let in_memory: Vec<bool> = hashes.iter().map(|hash| !seen.insert(*hash)).collect();
            hashes.iter().for_each(|hash| spill.push(*hash).unwrap());
            let repeated = spill.resolve().unwrap();
            let on_disk: Vec<bool> = (0..rows.len() as u64).map(|row| repeated.has(row)).collect();
            prop_assert_eq!(in_memory, on_disk);
        }
    }
}
