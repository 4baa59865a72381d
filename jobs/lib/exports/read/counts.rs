//! What was read, counted: of the day and of each file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{ContentHash, PlainHashes};

/// What was read. Always: `read = accepted + quarantined + duplicates`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows in the files, repeated ones included.
    pub read: u64,
    /// Rows that were handed out.
    pub accepted: u64,
    /// Rows that broke the contract.
    pub quarantined: u64,
    /// Rows that were dropped because they repeat an earlier one.
    pub duplicates: u64,
    /// Rows that repeat an earlier one and were kept, as the source says.
    pub duplicates_kept: u64,
    /// Rows that broke the contract, by the code of each reason.
    pub quarantined_by_reason: BTreeMap<String, u64>,
    /// The first rows that broke the contract, for messages: file, line and reasons, no values.
    pub first_quarantined: Vec<String>,
    /// The files, in order.
    pub files: Vec<FileRead>,
}

impl Counts {
    /// Rows that were held against the contract: those of repeated files were when they first came.
    pub fn judged(&self) -> u64 {
        let repeated = |file: &&FileRead| file.replay_of.is_some() || file.same_as.is_some();
        let repeated: u64 = self.files.iter().filter(repeated).map(|file| file.read).sum();
        self.read - repeated
    }

    /// The share of rows that broke the contract among those that were held against it, 0 to 1.
    pub fn bad_share(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)] // a share needs no sixteenth digit
        match self.judged() {
            0 => 0.0,
            judged => self.quarantined as f64 / judged as f64,
        }
    }
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRead {
    /// The file's key relative to the landing root.
    pub name: String,
    /// Its size in bytes.
    pub byte_count: u64,
    /// The hash of its bytes.
    pub content_hash: ContentHash,
    /// The hashes of what it holds, once all of it was read.
    pub plain: Option<PlainHashes>,
    /// Rows in it.
    pub read: u64,
    /// Rows of it that were handed out.
    pub accepted: u64,
    /// Rows of it that broke the contract.
    pub quarantined: u64,
    /// Rows of it that were dropped as repetitions.
    pub duplicates: u64,
    /// The file of an earlier day that holds the same, because of which all rows are repetitions.
    pub replay_of: Option<String>,
    /// The file of the same day that holds the same, because of which all rows are repetitions.
    pub same_as: Option<String>,
}
