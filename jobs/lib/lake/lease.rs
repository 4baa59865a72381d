//! Leases: at most one run builds a partition, and a run that lost its lease cannot publish.
//!
//! A lease is an object named by its fencing number, created with `PutMode::Create`: the one
//! conditional write that every store has. To take over an expired lease is to create the next
//! number, which only one run can. The holder renews its own object and looks, before it
//! publishes, whether it still stands and none with a higher number stands beside it. Objects of
//! leases that were given back are gone, so a number may come again after a build that published
//! nothing: a token tells the two leases apart. See Kleppmann, "How to do distributed locking"
//! (2016), for why an expiry alone is not enough.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::{Instrument as _, debug, warn};

use crate::errors::{Error, Kind, Result};
use crate::lake::{Lake, OWN, Partition, damage};

/// Who takes leases, and for how long.
#[derive(Debug, Clone)]
pub struct Holder {
    run_id: String,
    process: Process,
    length: Duration,
    /// The leases that are held, for a goodbye in a hurry.
    held: Arc<Mutex<BTreeMap<Path, Token>>>,
}

impl Holder {
    /// This process, on behalf of a run; its leases last `length` unless renewed.
    pub fn new(run_id: &str, length: Duration) -> Self {
        Holder {
            run_id: run_id.to_string(),
            process: Process::this(),
            length,
            held: Arc::default(),
        }
    }

    /// How long its leases last unless renewed.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Gives back whatever leases are still held: the job was stopped while it held them.
    pub async fn release_all(&self, lake: &Lake) {
        let held = self.held.lock().map(|mut held| std::mem::take(&mut *held)).unwrap_or_default();
        for (key, token) in held {
            if let Err(error) = give_back(lake, &key, &token).await {
                debug!(error = %error.chain(), "a lease was not released and will run out");
            }
        }
    }

    fn note_held(&self, key: Path, token: Token) {
        if let Ok(mut held) = self.held.lock() {
            held.insert(key, token);
        }
    }

    fn note_released(&self, key: &Path) {
        if let Ok(mut held) = self.held.lock() {
            held.remove(key);
        }
    }
}

/// Tells a lease from every other, whatever their numbers.
type Token = String;

/// A lease that this process holds on one partition.
#[derive(Debug)]
pub struct Lease {
    held: Held,
    lost: Arc<AtomicBool>,
    /// Ends the renewal; a renewal that is under way is carried through.
    stop: Option<oneshot::Sender<()>>,
    renewal: tokio::task::JoinHandle<()>,
}

/// What identifies a lease that was taken, and where it stands.
#[derive(Debug, Clone)]
struct Held {
    lake: Lake,
    partition: Partition,
    /// Larger than that of any earlier lease that stood, or under which was published.
    fence: u64,
    token: Token,
    holder: Holder,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    token: Token,
    run_id: String,
    process: Process,
    acquired_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// A process, told apart from every other on any machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    /// The running kernel and the set of process ids: `pid` means something only within it.
    machine: String,
    pid: u32,
    /// When the process started, in the kernel's ticks: a pid may be used again.
    started: Option<u64>,
}

impl Process {
    fn this() -> Process {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let pids = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let pid = std::process::id();
        let machine = match boot.trim() {
            "" => String::new(),
            boot => format!("{boot}/{}", pids.display()),
        };
        Process { machine, pid, started: start_ticks(pid) }
    }

    /// True only where it is certain that the process has ended: on this very machine.
    fn is_certainly_dead(&self) -> bool {
        let here = Process::this();
        !here.machine.is_empty()
            && self.machine == here.machine
            && self.started.is_some()
            && start_ticks(self.pid) != self.started
    }
}

/// When the process started; none where there is none such, or it has ended and only waits to be
/// reaped.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold spaces: count from its end.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

impl Lease {
    /// Takes the lease on `partition`, with a fencing number above `floor`.
    ///
    /// Errors: [`Kind::LeaseHeld`] where another run holds it.
    pub async fn acquire(
        lake: &Lake,
        partition: &Partition,
        holder: &Holder,
        floor: u64,
    ) -> Result<Lease> {
        let standing = fences(lake, partition).await?;
        let highest = standing.last().copied();
        if let Some(highest) = highest {
            let key = key(lake, partition, highest);
            if let Some(written) = lake.get_json::<Written>(&key).await?
                && written.expires_at > Utc::now()
                && !written.process.is_certainly_dead()
            {
                return Err(held(partition, &written));
            }
        }
        let held = Held {
            lake: lake.clone(),
            partition: partition.clone(),
            fence: highest.unwrap_or(0).max(floor) + 1,
            token: uuid::Uuid::new_v4().simple().to_string(),
            holder: holder.clone(),
        };
        let acquired = Instant::now();
        // Noted before it is written: a job that is stopped in this moment gives it back too.
        holder.note_held(held.key(), held.token.clone());
        // A write that was sent again, because its answer was lost, finds itself there.
        if !lake.create(&held.key(), &held.written()).await?
            && !is_ours(lake, &held.key(), &held.token).await?
        {
            holder.note_released(&held.key());
            return Err(Error::new(
                Kind::LeaseHeld,
                format!("lease {partition}: another run took it in this moment"),
            ));
        }
        for old in standing {
            lake.delete(&key(lake, partition, old)).await?;
        }
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = oneshot::channel();
        let renewal = renew(held.clone(), acquired, stopped, Arc::clone(&lost));
        let renewal = tokio::spawn(renewal.in_current_span());
        Ok(Lease { held, lost, stop: Some(stop), renewal })
    }

    /// The partition.
    pub fn partition(&self) -> &Partition {
        &self.held.partition
    }

    /// The fencing number.
    pub fn fence(&self) -> u64 {
        self.held.fence
    }

    /// What no other lease's objects are named with.
    pub fn mark(&self) -> String {
        format!("{:010}.{}", self.held.fence, self.held.token)
    }

    /// Errors with [`Kind::LeaseHeld`] unless the lease is still ours.
    pub async fn ensure_held(&self) -> Result<()> {
        if self.lost.load(Ordering::SeqCst) || !self.held.stands().await? {
            return Err(Error::new(
                Kind::LeaseHeld,
                format!(
                    "lease {}: lost it to another run, nothing was published",
                    self.held.partition
                ),
            ));
        }
        Ok(())
    }

    /// Gives the lease back.
    pub async fn release(mut self) -> Result<()> {
        // A renewal under way would bring the object back after it was deleted.
        drop(self.stop.take());
        let _ = (&mut self.renewal).await;
        let Held { lake, token, holder, .. } = &self.held;
        let key = self.held.key();
        give_back(lake, &key, token).await?;
        holder.note_released(&key);
        Ok(())
    }
}

impl Held {
    fn key(&self) -> Path {
        key(&self.lake, &self.partition, self.fence)
    }

    fn written(&self) -> Written {
        let now = Utc::now();
        Written {
            token: self.token.clone(),
            run_id: self.holder.run_id.clone(),
            process: self.holder.process.clone(),
            acquired_at: now,
            expires_at: now + self.holder.length,
        }
    }

    /// Whether the lease's object stands, and none that is later.
    async fn stands(&self) -> Result<bool> {
        let highest = fences(&self.lake, &self.partition).await?.last().copied();
        Ok(highest == Some(self.fence) && is_ours(&self.lake, &self.key(), &self.token).await?)
    }
}

async fn is_ours(lake: &Lake, key: &Path, token: &Token) -> Result<bool> {
    let written = lake.get_json::<Written>(key).await?;
    Ok(written.is_some_and(|written| written.token == *token))
}

/// Deletes the lease's object, unless it is another's by now.
async fn give_back(lake: &Lake, key: &Path, token: &Token) -> Result<()> {
    if is_ours(lake, key, token).await? { lake.delete(key).await } else { Ok(()) }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lease that is dropped without being released (an error, a signal) runs out by itself,
        // or at once for a run on the same machine, which sees that this process has ended.
        self.renewal.abort();
    }
}

/// Renews the lease until it is stopped, or lost.
async fn renew(
    held: Held,
    acquired: Instant,
    mut stopped: oneshot::Receiver<()>,
    lost: Arc<AtomicBool>,
) {
    let length = held.holder.length;
    let mut valid_until = acquired + length;
    loop {
        tokio::select! {
            () = tokio::time::sleep(length / 3) => {}
            _ = &mut stopped => return,
        }
        let started = Instant::now();
        let renewed = async {
            if !held.stands().await? {
                return Ok(false);
            }
            held.lake.overwrite(&held.key(), &held.written()).await.map(|()| true)
        };
        let left = valid_until.saturating_duration_since(started);
        match tokio::time::timeout(left, renewed).await {
            Ok(Ok(true)) => valid_until = started + length,
            Ok(Ok(false)) | Err(_) => break,
            Ok(Err(error)) => {
                let Partition { table, dt } = &held.partition;
                debug!(%table, %dt, error = %error.chain(), "lease not renewed yet");
            }
        }
        if Instant::now() >= valid_until {
            break;
        }
    }
    lost.store(true, Ordering::SeqCst);
}

/// A lease that stands, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// What it is a lease on.
    #[serde(flatten)]
    pub partition: Partition,
    /// The run that holds it.
    pub run_id: String,
    /// The process that holds it, on its machine.
    pub pid: u32,
    /// When it was taken.
    pub acquired_at: DateTime<Utc>,
    /// Until when it lasts unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// Whether it keeps others from building: it did not run out, and its process is not certainly
    /// dead.
    pub is_in_force: bool,
    /// Whether its process has certainly ended.
    #[serde(skip)]
    pub is_of_the_dead: bool,
    /// Its object's size in bytes.
    #[serde(skip)]
    pub byte_count: u64,
    #[serde(skip)]
    key: Path,
}

/// The leases that stand, those on one partition by their fencing numbers.
pub async fn standing(lake: &Lake) -> Result<Vec<Standing>> {
    let area = lake.key(OWN).join("leases");
    let mut standing = vec![];
    for object in lake.list(&area).await? {
        let Some(partition) = partition_of(&area, &object) else { continue };
        let written = match lake.get_json::<Written>(&object.location).await {
            Ok(Some(written)) => written,
            Ok(None) => continue,
            // One that nobody can read must not hide the others.
            Err(error) if damage::is_damage(&error) => {
                warn!("{}", error.chain());
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_of_the_dead = written.process.is_certainly_dead();
        standing.push(Standing {
            partition,
            is_in_force: written.expires_at > Utc::now() && !is_of_the_dead,
            is_of_the_dead,
            byte_count: object.size,
            run_id: written.run_id,
            pid: written.process.pid,
            acquired_at: written.acquired_at,
            expires_at: written.expires_at,
            key: object.location,
        });
    }
    Ok(standing)
}

/// Takes a lease away from whoever holds it: a run that still lives finds that it lost it, and
/// publishes nothing of the partition.
pub async fn take_away(lake: &Lake, standing: &Standing) -> Result<()> {
    lake.delete(&standing.key).await
}

/// The partition that a lease's object, `<zone>.<table>/dt=<day>/<fence>.json`, is about.
fn partition_of(area: &Path, object: &ObjectMeta) -> Option<Partition> {
    fence_of(object)?;
    let parts: Vec<_> = object.location.prefix_match(area)?.collect();
    let [table, dt, _] = parts.as_slice() else { return None };
    let (zone, table) = table.as_ref().split_once('.')?;
    let dt = dt.as_ref().strip_prefix("dt=")?.parse().ok()?;
    Some(Partition { table: crate::lake::TableName::new(zone, table), dt })
}

/// Removes the leases of processes that are certainly dead. One that only ran out stays, for its
/// number to be exceeded: its holder may be asleep and must find that it was overtaken.
pub async fn sweep_dead(lake: &Lake) -> Result<()> {
    for object in lake.list(&lake.key(OWN).join("leases")).await? {
        if fence_of(&object).is_none() {
            continue;
        }
        match lake.get_json::<Written>(&object.location).await {
            Ok(Some(written)) if written.process.is_certainly_dead() => {
                lake.delete(&object.location).await?;
            }
            Ok(_) => {}
            // It is in the way only of whoever builds its partition.
            Err(error) if damage::is_damage(&error) => warn!("{}", error.chain()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn held(partition: &Partition, written: &Written) -> Error {
    Error::new(
        Kind::LeaseHeld,
        format!(
            "lease {partition}: run `{}` holds it since {} and until {} unless it renews",
            written.run_id,
            written.acquired_at.format("%Y-%m-%dT%H:%M:%SZ"),
            written.expires_at.format("%Y-%m-%dT%H:%M:%SZ"),
        ),
    )
}

/// The fencing number of a lease's object; none of a stranger's.
fn fence_of(object: &ObjectMeta) -> Option<u64> {
    object.location.filename()?.strip_suffix(".json")?.parse().ok()
}

/// The fencing numbers that stand, lowest first.
async fn fences(lake: &Lake, partition: &Partition) -> Result<Vec<u64>> {
    let objects = lake.list(&lake.own_key("leases", partition)).await?;
    let mut fences: Vec<u64> = objects.iter().filter_map(fence_of).collect();
    fences.sort_unstable();
    Ok(fences)
}

fn key(lake: &Lake, partition: &Partition, fence: u64) -> Path {
    lake.own_key("leases", partition).join(format!("{fence:010}.json"))
}
