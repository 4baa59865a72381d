//! Leases: at most one run builds a partition, and a run that lost its lease cannot publish.
//!
//! A lease is an object named by its fencing number, created with `PutMode::Create`: the one
//! conditional write that every store has. To take over an expired lease is to create the next
//! number, which only one run can. The holder renews its own object and looks, before it
//! publishes, whether a higher number stands beside it. See Kleppmann, "How to do distributed
//! locking" (2016), for why an expiry alone is not enough.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::errors::{Error, Kind, Result};
use crate::lake::{Lake, OWN, Partition};

/// Who takes leases, and for how long.
#[derive(Debug, Clone)]
pub struct Holder {
    run_id: String,
    process: Process,
    length: Duration,
    /// The objects of the leases that are held, for a goodbye in a hurry.
    held: Arc<Mutex<BTreeSet<Path>>>,
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

    /// Gives back whatever leases are still held: the job was stopped while it held them.
    pub async fn release_all(&self, lake: &Lake) {
        let held = self.held.lock().map(|mut held| std::mem::take(&mut *held)).unwrap_or_default();
        for key in held {
            if let Err(error) = lake.delete(&key).await {
                debug!(error = %error.chain(), "a lease was not released and will run out");
            }
        }
    }

    fn note_held(&self, key: Path) {
        if let Ok(mut held) = self.held.lock() {
            held.insert(key);
        }
    }

    fn note_released(&self, key: &Path) {
        if let Ok(mut held) = self.held.lock() {
            held.remove(key);
        }
    }
}

/// A lease that this process holds on one partition.
#[derive(Debug)]
pub struct Lease {
    lake: Lake,
    partition: Partition,
    /// Larger than that of any earlier lease on the partition.
    fence: u64,
    holder: Holder,
    lost: Arc<AtomicBool>,
    renewal: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
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
        let fence = highest.unwrap_or(0).max(floor) + 1;
        let acquired = Instant::now();
        if !lake.create(&key(lake, partition, fence), &holder.written()).await? {
            return Err(Error::new(
                Kind::LeaseHeld,
                format!("lease {partition}: another run took it in this moment"),
            ));
        }
        holder.note_held(key(lake, partition, fence));
        for old in standing {
            lake.delete(&key(lake, partition, old)).await?;
        }
        let lost = Arc::new(AtomicBool::new(false));
        let renewal = tokio::spawn(renew(
            lake.clone(),
            partition.clone(),
            holder.clone(),
            fence,
            acquired,
            Arc::clone(&lost),
        ));
        Ok(Lease {
            lake: lake.clone(),
            partition: partition.clone(),
            fence,
            holder: holder.clone(),
            lost,
            renewal,
        })
    }

    /// The partition.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The fencing number.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Errors with [`Kind::LeaseHeld`] unless the lease is still ours.
    pub async fn ensure_held(&self) -> Result<()> {
        let highest = fences(&self.lake, &self.partition).await?.last().copied();
        if self.lost.load(Ordering::SeqCst) || highest != Some(self.fence) {
            return Err(Error::new(
                Kind::LeaseHeld,
                format!("lease {}: lost it to another run, nothing was published", self.partition),
            ));
        }
        Ok(())
    }

    /// Gives the lease back.
    pub async fn release(self) -> Result<()> {
        self.renewal.abort();
        let key = key(&self.lake, &self.partition, self.fence);
        self.lake.delete(&key).await?;
        self.holder.note_released(&key);
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lease that is dropped without being released (an error, a signal) runs out by itself,
        // or at once for a run on the same machine, which sees that this process has ended.
        self.renewal.abort();
    }
}

impl Holder {
    fn written(&self) -> Written {
        let now = Utc::now();
        Written {
            run_id: self.run_id.clone(),
            process: self.process.clone(),
            acquired_at: now,
            expires_at: now + self.length,
        }
    }
}

/// Renews the lease until it is aborted, or lost.
async fn renew(
    lake: Lake,
    partition: Partition,
    holder: Holder,
    fence: u64,
    acquired: Instant,
    lost: Arc<AtomicBool>,
) {
    let mut valid_until = acquired + holder.length;
    loop {
        tokio::time::sleep(holder.length / 3).await;
        let started = Instant::now();
        let renewed = async {
            if fences(&lake, &partition).await?.last() != Some(&fence) {
                return Ok(false);
            }
            lake.overwrite(&key(&lake, &partition, fence), &holder.written()).await.map(|()| true)
        };
        let left = valid_until.saturating_duration_since(started);
        match tokio::time::timeout(left, renewed).await {
            Ok(Ok(true)) => valid_until = started + holder.length,
            Ok(Ok(false)) | Err(_) => break,
            Ok(Err(error)) => debug!(%partition, error = %error.chain(), "lease not renewed yet"),
        }
        if Instant::now() >= valid_until {
            break;
        }
    }
    lost.store(true, Ordering::SeqCst);
}

/// Removes the leases of processes that are certainly dead. One that only ran out stays, for its
/// number to be exceeded: its holder may be asleep and must find that it was overtaken.
pub async fn sweep_dead(lake: &Lake) -> Result<()> {
    for object in lake.list(&lake.key(OWN).join("leases")).await? {
        let written = lake.get_json::<Written>(&object.location).await?;
        if written.is_some_and(|written| written.process.is_certainly_dead()) {
            lake.delete(&object.location).await?;
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

/// The fencing numbers that stand, lowest first.
async fn fences(lake: &Lake, partition: &Partition) -> Result<Vec<u64>> {
    let objects = lake.list(&lake.own_key("leases", partition)).await?;
    let mut fences: Vec<u64> = objects
        .iter()
        .filter_map(|object| object.location.filename()?.strip_suffix(".json")?.parse().ok())
        .collect();
    fences.sort_unstable();
    Ok(fences)
}

fn key(lake: &Lake, partition: &Partition, fence: u64) -> Path {
    lake.own_key("leases", partition).join(format!("{fence:010}.json"))
}
