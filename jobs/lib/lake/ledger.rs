//! The ledger: what was published, when, from what, by which run.
//!
//! Append-only. Each publish adds one small immutable object; at the end of a day's work the small
//! ones are folded into compressed segments ([`folding`]), so that a reader needs few requests
//! however long the history. An entry is known by its id, so one that stands both loose and in a
//! segment (folding was cut short) counts once.

mod folding;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read as _;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::dates::Day;
use crate::errors::{Error, Kind, Result};
use crate::hash::{ContentHash, PlainHashes};
use crate::lake::{Lake, OWN, Partition, TableName, damage};

/// One published version of a partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Unique, and later entries have larger ids (UUID version 7).
    pub id: String,
    /// What was published.
    #[serde(flatten)]
    pub partition: Partition,
    /// 1 for a partition's first publish, one more for each later one.
    pub version: u64,
    /// The fencing number of the lease it was published under.
    pub fence: u64,
    /// Hash of everything that made it.
    pub fingerprint: ContentHash,
    /// What went into the fingerprint, by part, so that a change can be named.
    pub parts: BTreeMap<String, ContentHash>,
    /// The fingerprint without the day, of tables whose rows do not depend on it otherwise than
    /// by the partitions that are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dayless: Option<ContentHash>,
    /// Hash of the published object's bytes.
    pub content_hash: ContentHash,
    /// Hash of the columns' names and types.
    pub schema_hash: ContentHash,
    /// Rows published.
    pub row_count: u64,
    /// The object's size in bytes.
    pub byte_count: u64,
    /// The input partitions that were read.
    pub inputs: Vec<Input>,
    /// The export files that were read (raw and quarantine only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportInput>,
    /// Where the rows of the exports went (raw only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounting: Option<Accounting>,
    /// What was let through and should be looked at: checks that only warn, with the number of bad
    /// rows; of raw `quarantined_rows` and `repeated_files`, with how many there are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub warnings: BTreeMap<String, u64>,
    /// The version of the project that it was built with, as [`projects`](crate::lake::projects)
    /// keeps it. Missing where an earlier version of ours wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ContentHash>,
    /// What moved of its figures by this version and those before it, oldest first (metrics only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restatements: Vec<Restatement>,
    /// Why it was built.
    pub reason: String,
    /// The run that published it.
    pub run_id: String,
    /// The run's attempt.
    pub attempt: u32,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// How long the build took, in milliseconds.
    pub duration_ms: u64,
}

/// A partition that was read, in the version that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    /// What was read.
    #[serde(flatten)]
    pub partition: Partition,
    /// Hash of its bytes.
    pub content_hash: ContentHash,
}

/// An export file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportInput {
    /// The object's key below the landing root.
    pub file: String,
    /// Its size in bytes.
    pub byte_count: u64,
    /// Its ETag, where the store gives one.
    pub e_tag: Option<String>,
    /// When it was last written.
    pub last_modified: DateTime<Utc>,
    /// Hash of its bytes as delivered.
    pub content_hash: ContentHash,
    /// Hashes of what it holds once decompressed. Missing where an earlier version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<PlainHashes>,
    /// Rows in it. Missing where an earlier version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u64>,
    /// The file of an earlier day that holds the same, because of which all rows of this one are
    /// exact duplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
}

/// A version of a partition by which published figures moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restatement {
    /// The version.
    pub version: u64,
    /// The run that published it.
    pub run_id: String,
    /// Why it was built.
    pub reason: String,
    /// What moved, as [`RESTATEMENTS`](crate::lake::texts::RESTATEMENTS) keeps it.
    pub content_hash: ContentHash,
}

/// Where the rows of a day's exports went: read = accepted + quarantined + duplicates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Rows read.
    pub read_row_count: u64,
    /// Rows published in raw.
    pub accepted_row_count: u64,
    /// Rows set aside with their reasons.
    pub quarantined_row_count: u64,
    /// Exact duplicates that were dropped.
    pub duplicate_row_count: u64,
    /// Exact duplicates that were kept, because the source says so; also among the accepted.
    #[serde(default)]
    pub kept_duplicate_row_count: u64,
}

impl Accounting {
    /// The sums of two accountings.
    pub fn plus(self, other: Accounting) -> Accounting {
        Accounting {
            read_row_count: self.read_row_count + other.read_row_count,
            accepted_row_count: self.accepted_row_count + other.accepted_row_count,
            quarantined_row_count: self.quarantined_row_count + other.quarantined_row_count,
            duplicate_row_count: self.duplicate_row_count + other.duplicate_row_count,
            kept_duplicate_row_count: self.kept_duplicate_row_count
                + other.kept_duplicate_row_count,
        }
    }
}

/// The current version of every published partition, as of one moment.
#[derive(Debug, Default)]
pub struct Ledger {
    current: BTreeMap<Partition, Arc<Entry>>,
    seen: Seen,
    entry_count: usize,
}

/// Which objects in storage were taken in: to look for others needs no more of a ledger, so that it
/// may be asked for other things meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<HashSet<Path>>>);

/// Objects of a ledger in storage that it lacks.
#[derive(Debug)]
pub struct News {
    keys: Vec<Path>,
    entries: Vec<Entry>,
}

impl News {
    /// Whether nothing new lies there.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Seen {
    /// Reads what was not taken in yet.
    pub async fn news(&self, lake: &Lake) -> Result<News> {
        // A compaction deletes what it folded, after it wrote the segment: an object that
        // vanished between listing and reading stands in a segment of the next listing.
        for _ in 0..5 {
            let listed = list(lake).await?.into_iter().map(|object| object.location);
            let keys: Vec<Path> = {
                let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                listed.filter(|key| !seen.contains(key)).collect()
            };
            if let Some(entries) = read_objects(lake, &keys).await? {
                return Ok(News { keys, entries });
            }
        }
        Err(Error::new(
            Kind::Storage,
            format!("read the ledger of `{}`: it kept moving", lake.name),
        ))
    }

    fn note(&self, keys: impl IntoIterator<Item = Path>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }
}

const LOOSE: &str = "entries";
const SEGMENTS: &str = "segments";

const LOOSE_ENDING: &str = ".json";
const SEGMENT_ENDING: &str = ".ndjson.zst";

/// Objects that are read at a time: a request to object storage takes long, but not much else.
const READS_AT_ONCE: usize = 16;

impl Ledger {
    /// Reads the ledger of `lake`.
    pub async fn load(lake: &Lake) -> Result<Ledger> {
        let mut ledger = Ledger::default();
        ledger.refresh(lake).await?;
        Ok(ledger)
    }

    /// Takes in what other runs have published since, and tells which partitions have another
    /// current version by it. Entries that were folded anew tell nothing.
    pub async fn refresh(&mut self, lake: &Lake) -> Result<BTreeSet<Partition>> {
        let news = self.seen.news(lake).await?;
        Ok(self.take_in(news))
    }

    /// Which objects were taken in, now and later.
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Takes in what was read, and tells which partitions have another current version by it.
    pub fn take_in(&mut self, news: News) -> BTreeSet<Partition> {
        let mut partitions = BTreeSet::new();
        for entry in news.entries {
            let partition = entry.partition.clone();
            if self.add(entry) {
                partitions.insert(partition);
            }
        }
        // Not before: who looks meanwhile must not take it for known.
        self.seen.note(news.keys);
        partitions
    }

    /// Folds the small objects of the ledger in storage, where there are many. What other runs
    /// published meanwhile is taken in with it: tells which partitions that are, as a refresh does.
    pub async fn compact(&mut self, lake: &Lake) -> Result<BTreeSet<Partition>> {
        Ok(self.take_in(fold(lake).await?))
    }

    /// Takes in an entry that this process has appended to the ledger of `lake`: it need not be read
    /// again.
    pub fn add_own(&mut self, lake: &Lake, entry: Entry) {
        let key = loose_key(lake, &entry);
        self.add(entry);
        self.seen.note([key]);
    }

    /// Takes in one entry; whether it is its partition's current version now, and was not before.
    pub fn add(&mut self, entry: Entry) -> bool {
        self.entry_count += 1;
        let current = self.current.get(&entry.partition);
        let later = current.is_none_or(|current| {
            (entry.version, entry.fence, &entry.id) > (current.version, current.fence, &current.id)
        });
        if later {
            self.current.insert(entry.partition.clone(), Arc::new(entry));
        }
        later
    }

    /// The current version of a partition.
    pub fn current(&self, partition: &Partition) -> Option<&Arc<Entry>> {
        self.current.get(partition)
    }

    /// The current version of every partition, by table and day.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.current.values()
    }

    /// The first day of which a partition of `table` is published.
    pub fn first_day(&self, table: &TableName) -> Option<Day> {
        self.partitions(table).next().map(|entry| entry.partition.dt)
    }

    /// The current version of every partition of `table`, by day.
    pub fn partitions<'a>(
        &'a self,
        table: &TableName,
    ) -> impl Iterator<Item = &'a Arc<Entry>> + use<'a> {
        let from = Partition { table: table.clone(), dt: Day::new(chrono::NaiveDate::MIN) };
        let table = table.clone();
        self.current
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(partition, _)| partition.table == table)
            .map(|(_, entry)| entry)
    }

    /// How many entries were read, old versions and repeats included.
    pub fn entry_count(&self) -> usize {
        self.entry_count
    }
}

/// Every entry of the ledger, old versions too, oldest first.
pub async fn history(lake: &Lake) -> Result<Vec<Entry>> {
    let mut entries = Seen::default().news(lake).await?.entries;
    let mut ids = BTreeSet::new();
    entries.retain(|entry| ids.insert(entry.id.clone()));
    entries.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(entries)
}

/// Appends an entry. Appending the same entry again changes nothing.
pub(crate) async fn append(lake: &Lake, entry: &Entry) -> Result<()> {
    lake.create(&loose_key(lake, entry), entry).await.map(|_| ())
}

/// Folds the small objects of the ledger in storage, where there are many; gives what was written.
pub async fn fold(lake: &Lake) -> Result<News> {
    let mut news = News { keys: vec![], entries: vec![] };
    for segment in folding::fold(lake).await? {
        news.keys.push(segment.key);
        news.entries.extend(segment.entries);
    }
    Ok(news)
}

/// Folds all objects of the ledger into one.
pub(super) async fn fold_all(lake: &Lake) -> Result<()> {
    folding::fold_all(lake).await
}

/// The ledger's objects. Loose entries are listed first: one that a compaction deletes before it
/// is listed stands in a segment that was written before that, and is listed after it.
pub(super) async fn list(lake: &Lake) -> Result<Vec<ObjectMeta>> {
    let loose = lake.list(&loose_folder(lake)).await?;
    let segments = lake.list(&folder(lake).join(SEGMENTS)).await?;
    let own = |objects: Vec<ObjectMeta>, ending: &'static str| {
        objects.into_iter().filter(move |object| damage::own_name(object, ending).is_some())
    };
    Ok(own(loose, LOOSE_ENDING).chain(own(segments, SEGMENT_ENDING)).collect())
}

fn folder(lake: &Lake) -> Path {
    lake.key(OWN).join("ledger")
}

fn loose_key(lake: &Lake, entry: &Entry) -> Path {
    loose_folder(lake).join(format!("{}{LOOSE_ENDING}", entry.id))
}

fn loose_folder(lake: &Lake) -> Path {
    folder(lake).join(LOOSE)
}

/// The entries of these objects; none where one of them has vanished.
async fn read_objects(lake: &Lake, keys: &[Path]) -> Result<Option<Vec<Entry>>> {
    let reads: Vec<_> = keys.iter().map(|key| read_object(lake, key).boxed()).collect();
    let read: Vec<Option<Vec<Entry>>> =
        futures::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    let read: Option<Vec<Vec<Entry>>> = read.into_iter().collect();
    Ok(read.map(|entries| entries.concat()))
}

async fn read_object(lake: &Lake, key: &Path) -> Result<Option<Vec<Entry>>> {
    let Some(bytes) = lake.get(key).await? else { return Ok(None) };
    let text = if key.as_ref().ends_with(SEGMENT_ENDING) {
        let mut text = Vec::new();
        zstd::Decoder::new(bytes.as_ref())
            .and_then(|mut decoder| decoder.read_to_end(&mut text))
            .map_err(|error| damage::damaged(lake, key, error))?;
        text
    } else {
        bytes.to_vec()
    };
    serde_json::Deserializer::from_slice(&text)
        .into_iter::<Entry>()
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
        .map_err(|error| damage::damaged(lake, key, error))
}
