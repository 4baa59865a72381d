//! Erasures: who must not come back, as a list of keyed hashes; and, once they are gone from every
//! table, the proof.
//!
//! `<id>.list.json` is written before anything is erased and stays: a file that is delivered once
//! more would bring the person back without it. `<id>.proof.json` is written when all is done.
//! Neither holds anything that is personal without the key.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::errors::Result;
use crate::exports::erasing::Description;
use crate::hash::ContentHash;
use crate::lake::{Lake, OWN, Partition, TableName, damage};

const AREA: &str = "erasures";
const LIST: &str = ".list.json";
const PROOF: &str = ".proof.json";

/// Whom to erase.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Erasure {
    /// Unique, and later ones have larger ids (UUID version 7).
    pub id: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// The run that was asked.
    pub run_id: String,
    /// Of the key that the hashes are made with.
    pub key_check: ContentHash,
    /// The ids that the customers had: hashes.
    pub customers: BTreeSet<ContentHash>,
    /// The kinds of identifiers among those that follow.
    pub namespaces: BTreeSet<String>,
    /// The persons' identifiers: hashes.
    pub identifiers: BTreeSet<ContentHash>,
    /// How their names and days of birth describe them: hashes. Missing where an earlier version of
    /// ours wrote it.
    #[serde(default)]
    pub descriptions: BTreeSet<Description>,
}

/// That an erasure was carried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// The erasure's id.
    pub id: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// When all was done and looked through.
    pub finished_at: DateTime<Utc>,
    /// The run that finished it.
    pub run_id: String,
    /// Rows in which something was taken out, by table.
    pub row_counts: BTreeMap<TableName, u64>,
    /// Every object that was replaced for it, with the hashes of both.
    pub replaced: Vec<Replaced>,
    /// Objects that were read to the end afterwards, without finding anybody.
    pub searched_object_count: u64,
    /// Sources of which nothing says whose their rows are: nothing but mentions was taken out.
    #[serde(default)]
    pub blind_sources: BTreeSet<String>,
    /// Rows that stay, for they are others' by their keys, with a name and a day of birth of theirs.
    #[serde(default)]
    pub namesake_row_count: u64,
}

/// An object that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replaced {
    /// What it is of.
    #[serde(flatten)]
    pub partition: Partition,
    /// Hash of what was published when the erasure was asked for.
    pub before: ContentHash,
    /// Hash of what is published now.
    pub after: ContentHash,
}

/// The erasures that were asked for, oldest first.
pub async fn list(lake: &Lake) -> Result<Vec<Erasure>> {
    read(lake, LIST).await
}

/// The proofs of those that were carried out, oldest first.
pub async fn proofs(lake: &Lake) -> Result<Vec<Proof>> {
    read(lake, PROOF).await
}

/// Notes whom to erase, before anything is.
pub async fn begin(lake: &Lake, erasure: &Erasure) -> Result<()> {
    let key = lake.key(OWN).join(AREA).join(format!("{}{LIST}", erasure.id));
    lake.create(&key, erasure).await.map(|_| ())
}

/// Notes that an erasure was carried out.
pub async fn finish(lake: &Lake, proof: &Proof) -> Result<()> {
    let key = lake.key(OWN).join(AREA).join(format!("{}{PROOF}", proof.id));
    lake.create(&key, proof).await.map(|_| ())
}

async fn read<T: for<'de> Deserialize<'de>>(lake: &Lake, ending: &'static str) -> Result<Vec<T>> {
    let mut found = vec![];
    for object in lake.list(&lake.key(OWN).join(AREA)).await? {
        // One that cannot be read must stop whoever reads exports: it says who may not come back.
        if damage::own_name(&object, ending).is_some() {
            found.extend(lake.get_json(&object.location).await?);
        }
    }
    Ok(found)
}
