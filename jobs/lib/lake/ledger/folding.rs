//! Folds the ledger's objects, so that there are few to read and none is written often.
//!
//! Loose entries become a segment once there are enough of them, and eight segments of similar size
//! become one of the next size. So an entry is written once for each of the sizes, of which there
//! are as many as the ledger has digits to the base of eight: n entries are n log n in writing. And
//! a reader meets at most seven segments of each size. (The log-structured merge of O'Neil et al.,
//! 1996, with the tiers that Cassandra and others give it.)

use std::collections::BTreeMap;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::{Entry, SEGMENT_ENDING, SEGMENTS, folder, list, loose_folder, read_objects};
use crate::errors::{Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::Lake;

/// Loose entries that are worth folding into a segment.
const LOOSE_ENTRIES_TO_FOLD: usize = 64;

/// Segments of similar size that are worth folding into one: as many as one size is times the one
/// below it.
const SEGMENTS_TO_FOLD: usize = 8;

/// A segment that was written.
pub(super) struct Segment {
    /// Its key.
    pub key: Path,
    /// The object's size in bytes.
    pub byte_count: u64,
    /// What it holds.
    pub entries: Vec<Entry>,
}

/// Folds what is worth it: the segments that were written, in order.
pub(super) async fn fold(lake: &Lake) -> Result<Vec<Segment>> {
    let (loose, segments): (Vec<_>, Vec<_>) = list(lake)
        .await?
        .into_iter()
        .partition(|object| object.location.prefix_matches(&loose_folder(lake)));
    let mut by_size: BTreeMap<u32, Vec<Path>> = BTreeMap::new();
    for ObjectMeta { location, size, .. } in segments {
        by_size.entry(size_class(size)).or_default().push(location);
    }
    let mut written = vec![];
    let mut worth = match loose.len() {
        0..LOOSE_ENTRIES_TO_FOLD => worth_folding(&mut by_size),
        _ => Some(loose.into_iter().map(|object| object.location).collect()),
    };
    while let Some(objects) = worth {
        // Somebody else is folding these: the rest is theirs too.
        let Some(segment) = fold_into_one(lake, &objects).await? else { break };
        let class = by_size.entry(size_class(segment.byte_count)).or_default();
        if !class.contains(&segment.key) {
            class.push(segment.key.clone());
        }
        written.push(segment);
        worth = worth_folding(&mut by_size);
    }
    Ok(written)
}

/// Folds everything into one segment, unless somebody else is folding it.
pub(super) async fn fold_all(lake: &Lake) -> Result<()> {
    let objects: Vec<Path> = list(lake).await?.into_iter().map(|object| object.location).collect();
    if objects.len() > 1 {
        fold_into_one(lake, &objects).await?;
    }
    Ok(())
}

/// Takes out the smallest segments of which there are too many of one size.
fn worth_folding(by_size: &mut BTreeMap<u32, Vec<Path>>) -> Option<Vec<Path>> {
    let class = by_size.values_mut().find(|class| class.len() >= SEGMENTS_TO_FOLD)?;
    Some(std::mem::take(class))
}

/// Which size an object of `bytes` bytes is: the next is eight times as large.
fn size_class(bytes: u64) -> u32 {
    bytes.max(1).ilog2() / SEGMENTS_TO_FOLD.ilog2()
}

/// Writes one segment in place of `objects`; none where one of them has vanished.
async fn fold_into_one(lake: &Lake, objects: &[Path]) -> Result<Option<Segment>> {
    let Some(entries) = read_objects(lake, objects).await? else { return Ok(None) };
    let entries: BTreeMap<String, Entry> =
        entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
    let mut lines = Vec::new();
    for entry in entries.values() {
        serde_json::to_writer(&mut lines, entry)
            .map_err(|error| Error::new(Kind::Defect, "write a ledger segment").because(error))?;
        lines.push(b'\n');
    }
    let bytes = zstd::encode_all(lines.as_slice(), 3)
        .map_err(|error| Error::new(Kind::Defect, "compress a ledger segment").because(error))?;
    let byte_count = bytes.len() as u64;
    // Named by its content: two runs that fold the same entries write the same object.
    let name = format!("{}{SEGMENT_ENDING}", ContentHash::of(&lines));
    let key = folder(lake).join(SEGMENTS).join(name);
    let put = lake.store.put(&key, bytes.into()).await;
    put.map_err(|error| lake.trouble("write", &key, error))?;
    for folded in objects.iter().filter(|folded| **folded != key) {
        lake.delete(folded).await?;
    }
    Ok(Some(Segment { key, byte_count, entries: entries.into_values().collect() }))
}
