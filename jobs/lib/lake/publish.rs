//! Publishing: from a built object in the work area to what readers see, whole or not at all.
//!
//! 1. The caller has written the object under the work area, and checked it.
//! 2. An immutable intent is created that names the object, its hash and its ledger entry.
//! 3. The object is moved over `…/dt=<day>/data.parquet`: one object's replacement is atomic on
//!    every store, so a reader that only globs sees the old rows or the new.
//! 4. The ledger entry is written, and the intent removed.
//!
//! A run that is killed after step 2 is rolled forward by whoever comes next ([`recover`]); one
//! that is killed before leaves only an object in the work area, which the next lease holder
//! sweeps away. Several partitions (a day of raw and its quarantine) can go under one intent.

use std::collections::BTreeMap;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::errors::{Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::lease::{self, Holder, Lease};
use crate::lake::ledger::{self, Entry, Ledger};
use crate::lake::{Lake, OWN, Partition, damage, fetch, transfer};

/// A built object in the work area, and what the ledger will say of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Key of the built object; none where nothing was built.
    staged: Option<String>,
    /// Whether the build came out with the very bytes that were published before: they stay, unless
    /// somebody has altered them since.
    #[serde(default)]
    is_unchanged: bool,
    /// What the ledger will say.
    pub entry: Entry,
}

impl Part {
    /// Publishes the object that was staged under `key`.
    pub fn staged(key: &Path, entry: Entry) -> Part {
        Part { staged: Some(key.to_string()), is_unchanged: false, entry }
    }

    /// Records that a rebuild, staged under `key`, came out with the bytes that were published
    /// before. It is published only where what stands there now is something else.
    pub fn unchanged(key: &Path, entry: Entry) -> Part {
        Part { staged: Some(key.to_string()), is_unchanged: true, entry }
    }

    /// Records something else about what is published; no object is looked at.
    pub fn noted(entry: Entry) -> Part {
        Part { staged: None, is_unchanged: true, entry }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    /// The partition whose lease guards the publish.
    guard: Partition,
    parts: Vec<Part>,
}

/// Where an object of `partition` is built under the lease `lease`.
pub fn work_key(lake: &Lake, lease: &Lease, partition: &Partition) -> Path {
    let folder = lake.own_key("work", lease.partition());
    folder.join(format!("{}.{}.parquet", lease.mark(), partition.table))
}

/// Publishes `parts` under `lease`; tells whether any part that is recorded as unchanged replaced an
/// object that was not what had been published.
///
/// Errors: [`Kind::LeaseHeld`] where the lease was lost: a later holder has swept away what we
/// built, and nothing of ours is published. After any other error the next run rolls the publish
/// forward.
pub async fn publish(lake: &Lake, lease: &Lease, parts: Vec<Part>) -> Result<bool> {
    let guard = lease.partition().clone();
    let key = intents(lake, &guard).join(format!("{}.json", lease.mark()));
    let intent = Intent { guard, parts };
    lease.ensure_held().await?;
    lake.create(&key, &intent).await?;
    let shown = carry_out(lake, &key, &intent).await?;
    if !shown.contains(&Shown::Void) {
        return Ok(shown.contains(&Shown::Mended));
    }
    Err(Error::new(
        Kind::LeaseHeld,
        format!("publish {}: another run took it over in this moment", intent.guard),
    ))
}

/// Rolls forward what killed runs left halfway on the partition of `lease`, and sweeps away what
/// they built and did not publish. Call it once the lease is taken, before anything is read.
pub async fn recover(lake: &Lake, lease: &Lease) -> Result<()> {
    // In the order of their fencing numbers, with which their names begin.
    for object in own_intents(lake, &intents(lake, lease.partition())).await? {
        if let Some(intent) = lake.get_json::<Intent>(&object.location).await? {
            let Partition { table, dt } = lease.partition();
            info!(%table, %dt, "rolling a publish forward that was cut short");
            carry_out(lake, &object.location, &intent).await?;
        }
    }
    let is_earlier = |name: &str| {
        let fence = name.split('.').next().and_then(|fence| fence.parse::<u64>().ok());
        fence.is_none_or(|fence| fence <= lease.fence())
    };
    lake.delete_torn(&intents(lake, lease.partition()), is_earlier)?;
    sweep_where(lake, lease, is_earlier).await
}

/// Removes whatever was built under `lease` and still lies in the work area: it is published, or
/// never will be. What another holder has built meanwhile stays.
pub async fn sweep(lake: &Lake, lease: &Lease) -> Result<()> {
    sweep_where(lake, lease, |name| name.starts_with(&lease.mark())).await
}

async fn sweep_where(lake: &Lake, lease: &Lease, is_swept: impl Fn(&str) -> bool) -> Result<()> {
    let folder = lake.own_key("work", lease.partition());
    for object in lake.list(&folder).await? {
        if object.location.filename().is_none_or(&is_swept) {
            lake.delete(&object.location).await?;
        }
    }
    lake.delete_torn(&folder, is_swept)?;
    lake.remove_if_empty(&folder);
    Ok(())
}

/// Rolls forward every publish that a killed run left halfway, whatever its partition.
///
/// Those that a living run is carrying out are left to it. Leases of dead processes go too, and
/// what they left half created, once it is older than a lease lasts.
pub async fn recover_all(lake: &Lake, holder: &Holder) -> Result<()> {
    let mut floors: BTreeMap<Partition, u64> = BTreeMap::new();
    for intent in all_intents(lake).await? {
        let fence = intent.parts.iter().map(|part| part.entry.fence).max().unwrap_or(0);
        let floor = floors.entry(intent.guard).or_default();
        *floor = fence.max(*floor);
    }
    for (guard, floor) in floors {
        match Lease::acquire(lake, &guard, holder, floor).await {
            Ok(lease) => {
                recover(lake, &lease).await?;
                lease.release().await?;
            }
            Err(error) if error.kind() == Kind::LeaseHeld => {
                info!(table = %guard.table, dt = %guard.dt, "a living run is publishing it");
            }
            Err(error) => return Err(error),
        }
    }
    lease::sweep_dead(lake).await?;
    for area in ["leases", "intents", "ledger", "runs"] {
        lake.delete_torn_older_than(&lake.key(OWN).join(area), holder.length())?;
    }
    Ok(())
}

/// Partitions whose publish was cut short or is under way, for those who only look.
pub async fn pending(lake: &Lake) -> Result<Vec<Partition>> {
    Ok(all_intents(lake).await?.into_iter().map(|intent| intent.guard).collect())
}

/// The intents below `folder`, without what strangers left there.
async fn own_intents(lake: &Lake, folder: &Path) -> Result<Vec<ObjectMeta>> {
    let mut objects = lake.list(folder).await?;
    objects.retain(|object| damage::own_name(object, ".json").is_some());
    Ok(objects)
}

async fn all_intents(lake: &Lake) -> Result<Vec<Intent>> {
    let mut intents = vec![];
    for object in own_intents(lake, &lake.key(OWN).join("intents")).await? {
        intents.extend(lake.get_json::<Intent>(&object.location).await?);
    }
    Ok(intents)
}

/// What became of a part of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Readers see its bytes.
    InPlace,
    /// Readers see its bytes, in place of others that should have been these.
    Mended,
    /// They are neither where they were built nor where readers look.
    Void,
}

/// Does what the intent says and removes it; tells what became of each part.
async fn carry_out(lake: &Lake, key: &Path, intent: &Intent) -> Result<Vec<Shown>> {
    let mut shown = vec![];
    for part in &intent.parts {
        shown.push(show(lake, part).await?);
        if shown.last() != Some(&Shown::Void) {
            ledger::append(lake, &part.entry).await?;
        } else {
            // A later publish has replaced them, or somebody emptied the work area. The ledger
            // must not claim it.
            let Partition { table, dt } = &part.entry.partition;
            warn!(%table, %dt, "a publish that was cut short is void");
        }
    }
    lake.delete(key).await?;
    Ok(shown)
}

/// Makes the part visible to readers.
async fn show(lake: &Lake, part: &Part) -> Result<Shown> {
    let Some(staged) = &part.staged else { return Ok(Shown::InPlace) };
    let entry = &part.entry;
    if part.is_unchanged && is_sound(lake, entry).await? {
        return Ok(Shown::InPlace);
    }
    let (from, to) = (Path::from(staged.as_str()), lake.partition_key(&entry.partition));
    match transfer::move_object(lake, &from, &to, entry.byte_count).await {
        Ok(()) if part.is_unchanged => {
            let Partition { table, dt } = &entry.partition;
            warn!(%table, %dt, "its object had been altered, and is replaced");
            Ok(Shown::Mended)
        }
        Ok(()) => Ok(Shown::InPlace),
        // Moved already, or swept away by a later holder of the lease.
        Err(object_store::Error::NotFound { .. }) => {
            Ok(if is_sound(lake, entry).await? { Shown::InPlace } else { Shown::Void })
        }
        Err(error) => Err(lake.trouble("publish", &to, error)),
    }
}

/// Whether the object of `entry` holds the bytes that were published.
async fn is_sound(lake: &Lake, entry: &Entry) -> Result<bool> {
    let key = lake.partition_key(&entry.partition);
    Ok(hash_of(lake, &key, entry.byte_count).await? == Some(entry.content_hash))
}

/// Stages under `key` the very bytes that `entry` says were published; false where they are no
/// longer there.
pub async fn stage_again(lake: &Lake, entry: &Entry, key: &Path) -> Result<bool> {
    let Some(bytes) = lake.get(&lake.partition_key(&entry.partition)).await? else {
        return Ok(false);
    };
    if ContentHash::of(&bytes) != entry.content_hash {
        return Ok(false);
    }
    let put = lake.store.put(key, PutPayload::from(bytes)).await;
    put.map_err(|error| lake.trouble("write", key, error))?;
    Ok(true)
}

/// Errors with [`Kind::Storage`] where the object of `entry` does not hold the bytes that were
/// published.
pub async fn ensure_sound(lake: &Lake, entry: &Entry) -> Result<()> {
    let key = lake.partition_key(&entry.partition);
    if is_sound(lake, entry).await? {
        return Ok(());
    }
    Err(Error::new(
        Kind::Storage,
        format!(
            "read `{key}` of `{}`: it is damaged, its bytes are not those that were published; \
             delete it, and run its day again: it is built anew",
            lake.name
        ),
    ))
}

/// The hash of the bytes of an object of about `size` bytes; none where there is no such object.
async fn hash_of(lake: &Lake, key: &Path, size: u64) -> Result<Option<ContentHash>> {
    match fetch::hash_of(&lake.store, key, size).await {
        Ok(hash) => Ok(Some(hash)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(lake.trouble("read", key, error)),
    }
}

/// Errors with [`Kind::LeaseHeld`] where a later lease than ours has published already.
pub fn ensure_not_fenced(ledger: &Ledger, lease: &Lease) -> Result<()> {
    let published = ledger.current(lease.partition()).map_or(0, |entry| entry.fence);
    if published >= lease.fence() {
        return Err(Error::new(
            Kind::LeaseHeld,
            format!("publish {}: a later run has published it", lease.partition()),
        ));
    }
    Ok(())
}

/// The folder of a partition's intents: more than one only where a run that lost its lease and
/// the one that took it over were both cut short.
fn intents(lake: &Lake, partition: &Partition) -> Path {
    lake.own_key("intents", partition)
}
