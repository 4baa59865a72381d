//! Holds what is published against the ledger: every object read and hashed, and everything named
//! that no run published.

use std::collections::BTreeSet;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::errors::Result;
use crate::lake::ledger::{Entry, Ledger};
use crate::lake::{Lake, Partition, fetch, publish};

/// Objects that are read at a time.
const READS_AT_ONCE: usize = 8;

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verified {
    /// Partitions that were read.
    pub partition_count: u64,
    /// Their bytes.
    pub byte_count: u64,
    /// What is not as the ledger says, by key.
    pub findings: Vec<Finding>,
}

/// Something that is not as the ledger says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The object, relative to the warehouse.
    pub object: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The ledger knows it, and it is gone.
    Gone,
    /// Its bytes are not those that were published.
    Damaged,
    /// Nobody published it.
    Stranger,
}

impl Fault {
    /// What is wrong, and what to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Fault::Gone => "is gone; run its day again: it is built anew",
            Fault::Damaged => {
                "is not what was published; delete it, and run its day again: it is built anew"
            }
            Fault::Stranger => "was published by no run; readers take it for data: delete it",
        }
    }
}

/// Verifies the partitions of `zones` that `is_asked_for`; all strangers below `zones` are named.
pub async fn verify(
    lake: &Lake,
    zones: &[&str],
    is_asked_for: impl Fn(&Partition) -> bool,
) -> Result<Verified> {
    let mut ledger = Ledger::load(lake).await?;
    let mut verified = Verified::default();
    let mut strangers = vec![];
    for zone in zones {
        for object in lake.list(&lake.key(zone)).await? {
            match lake.parse_partition_key(&object.location) {
                Some(partition) if ledger.current(&partition).is_some() => {}
                partition => strangers.push((lake.relative(&object.location), partition)),
            }
        }
    }
    let entries: Vec<Entry> = ledger
        .entries()
        .filter(|entry| zones.contains(&entry.partition.table.zone.as_str()))
        .filter(|entry| is_asked_for(&entry.partition))
        .map(|entry| entry.as_ref().clone())
        .collect();
    verified.partition_count = entries.len() as u64;
    verified.byte_count = entries.iter().map(|entry| entry.byte_count).sum();
    let faulty = faulty(lake, &entries).await?;
    // What is published while we read is new to us, and nobody's damage.
    ledger.refresh(lake).await?;
    let pending: BTreeSet<Partition> = publish::pending(lake).await?.into_iter().collect();
    let mut again = vec![];
    for (entry, fault) in faulty {
        match ledger.current(&entry.partition) {
            Some(now) if now.id != entry.id => again.push(now.as_ref().clone()),
            _ if is_pending(&pending, &entry.partition) => {}
            _ => verified.findings.push(finding(lake, &entry.partition, fault)),
        }
    }
    for (entry, fault) in self::faulty(lake, &again).await? {
        verified.findings.push(finding(lake, &entry.partition, fault));
    }
    for (object, partition) in strangers {
        let is_known = partition.is_some_and(|partition| {
            ledger.current(&partition).is_some() || is_pending(&pending, &partition)
        });
        if !is_known {
            verified.findings.push(Finding { object, fault: Fault::Stranger });
        }
    }
    verified.findings.sort();
    Ok(verified)
}

/// Whether the partition is being published: a day of quarantine is so with its raw table's.
fn is_pending(pending: &BTreeSet<Partition>, partition: &Partition) -> bool {
    pending
        .iter()
        .any(|guard| guard.table.table == partition.table.table && guard.dt == partition.dt)
}

fn finding(lake: &Lake, partition: &Partition, fault: Fault) -> Finding {
    Finding { object: lake.relative(&lake.partition_key(partition)), fault }
}

/// The entries whose object is not what was published.
async fn faulty(lake: &Lake, entries: &[Entry]) -> Result<Vec<(Entry, Fault)>> {
    let reads: Vec<_> = entries.iter().map(|entry| fault_of(lake, entry).boxed()).collect();
    let faults: Vec<Option<Fault>> =
        futures::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    let pairs = entries.iter().zip(faults);
    Ok(pairs.filter_map(|(entry, fault)| Some((entry.clone(), fault?))).collect())
}

async fn fault_of(lake: &Lake, entry: &Entry) -> Result<Option<Fault>> {
    let key = lake.partition_key(&entry.partition);
    match fetch::hash_of(&lake.store, &key, entry.byte_count).await {
        Ok(hash) if hash == entry.content_hash => Ok(None),
        Ok(_) => Ok(Some(Fault::Damaged)),
        Err(object_store::Error::NotFound { .. }) => Ok(Some(Fault::Gone)),
        Err(error) => Err(lake.trouble("read", &key, error)),
    }
}
