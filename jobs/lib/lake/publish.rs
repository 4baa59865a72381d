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

use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::errors::{Error, Kind, Result};
use crate::hash::{ContentHash, Hasher};
use crate::lake::lease::{self, Holder, Lease};
use crate::lake::ledger::{self, Entry, Ledger};
use crate::lake::{Lake, OWN, Partition};

/// A built object in the work area, and what the ledger will say of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Key of the built object; none where what is published already has these very bytes.
    staged: Option<String>,
    /// What the ledger will say.
    pub entry: Entry,
}

impl Part {
    /// Publishes the object that was staged under `key`.
    pub fn staged(key: &Path, entry: Entry) -> Part {
        Part { staged: Some(key.to_string()), entry }
    }

    /// Records that a rebuild came out with the bytes that are published already.
    pub fn unchanged(entry: Entry) -> Part {
        Part { staged: None, entry }
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
    folder.join(format!("{:010}.{}.parquet", lease.fence(), partition.table))
}

/// Publishes `parts` under `lease`.
///
/// Errors: [`Kind::LeaseHeld`] where the lease was lost or a later holder has published already;
/// nothing is published then. After any other error the next run rolls the publish forward.
pub async fn publish(lake: &Lake, lease: &Lease, parts: Vec<Part>) -> Result<()> {
    let guard = lease.partition().clone();
    let intent = Intent { guard: guard.clone(), parts };
    let key = intent_key(lake, &guard);
    lease.ensure_held().await?;
    if !lake.create(&key, &intent).await? {
        // The caller recovers right after it takes the lease, so this one is from a later holder.
        return Err(Error::new(
            Kind::LeaseHeld,
            format!("publish {guard}: another run is publishing it"),
        ));
    }
    carry_out(lake, &key, &intent).await
}

/// Rolls forward what a killed run left halfway on the partition of `lease`, and sweeps away what
/// it built and did not publish. Call it once the lease is taken, before anything is read.
pub async fn recover(lake: &Lake, lease: &Lease) -> Result<()> {
    let key = intent_key(lake, lease.partition());
    if let Some(intent) = lake.get_json::<Intent>(&key).await? {
        info!(partition = %lease.partition(), "rolling a publish forward that was cut short");
        carry_out(lake, &key, &intent).await?;
    }
    sweep(lake, lease).await
}

/// Removes whatever this lease and those before it left in the work area: it is published,
/// unchanged, or from a run that ended before it could publish. What a later holder builds stays.
pub async fn sweep(lake: &Lake, lease: &Lease) -> Result<()> {
    for object in lake.list(&lake.own_key("work", lease.partition())).await? {
        let name = object.location.filename().unwrap_or_default();
        let fence = name.split('.').next().and_then(|fence| fence.parse::<u64>().ok());
        if fence.is_none_or(|fence| fence <= lease.fence()) {
            lake.delete(&object.location).await?;
        }
    }
    Ok(())
}

/// Rolls forward every publish that a killed run left halfway, whatever its partition.
///
/// Those that a living run is carrying out are left to it. Leases of dead processes go too.
pub async fn recover_all(lake: &Lake, holder: &Holder) -> Result<()> {
    let folder = lake.key(OWN).join("intents");
    for object in lake.list(&folder).await? {
        let Some(intent) = lake.get_json::<Intent>(&object.location).await? else { continue };
        let floor = intent.parts.iter().map(|part| part.entry.fence).max().unwrap_or(0);
        match Lease::acquire(lake, &intent.guard, holder, floor).await {
            Ok(lease) => {
                recover(lake, &lease).await?;
                lease.release().await?;
            }
            Err(error) if error.kind() == Kind::LeaseHeld => {
                info!(partition = %intent.guard, "a living run is publishing it");
            }
            Err(error) => return Err(error),
        }
    }
    lease::sweep_dead(lake).await
}

/// Partitions whose publish was cut short or is under way, for those who only look.
pub async fn pending(lake: &Lake) -> Result<Vec<Partition>> {
    let mut pending = vec![];
    for object in lake.list(&lake.key(OWN).join("intents")).await? {
        if let Some(intent) = lake.get_json::<Intent>(&object.location).await? {
            pending.push(intent.guard);
        }
    }
    Ok(pending)
}

async fn carry_out(lake: &Lake, key: &Path, intent: &Intent) -> Result<()> {
    for part in &intent.parts {
        if show(lake, part).await? {
            ledger::append(lake, &part.entry).await?;
        } else {
            // Neither the built object nor its bytes in place: a later publish has replaced
            // them, or somebody emptied the work area. The ledger must not claim it.
            warn!(partition = %part.entry.partition, "a publish that was cut short is void");
        }
    }
    lake.delete(key).await
}

/// Makes the part visible to readers; tells whether its bytes are in place.
async fn show(lake: &Lake, part: &Part) -> Result<bool> {
    let to = lake.partition_key(&part.entry.partition);
    if let Some(staged) = &part.staged {
        let from = Path::from(staged.as_str());
        // On a local file system this is one rename, elsewhere a copy and a delete.
        match lake.store.rename(&from, &to).await {
            Ok(()) => return Ok(true),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(lake.trouble("publish", &to, error)),
        }
    }
    Ok(hash_of(lake, &to).await? == Some(part.entry.content_hash))
}

/// The hash of an object's bytes; none where there is no such object.
pub async fn hash_of(lake: &Lake, key: &Path) -> Result<Option<ContentHash>> {
    use futures::TryStreamExt as _;
    let got = match lake.store.get(key).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(lake.trouble("read", key, error)),
    };
    let mut stream = got.into_stream();
    let mut hasher = Hasher::default();
    loop {
        match stream.try_next().await {
            Ok(Some(bytes)) => hasher.update(&bytes),
            Ok(None) => return Ok(Some(hasher.finish())),
            Err(error) => return Err(lake.trouble("read", key, error)),
        }
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

fn intent_key(lake: &Lake, partition: &Partition) -> Path {
    let folder = lake.key(OWN).join("intents");
    folder.join(format!("{}.dt={}.json", partition.table, partition.dt))
}
