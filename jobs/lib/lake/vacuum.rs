//! Clears away what nobody needs: what killed runs built and did not publish, their leases, rows
//! that broke checks long ago, projects that nothing was built with; and folds the ledger.
//!
//! What readers see, and what tells how it came about, stays.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use serde::Serialize;
use tracing::info;

use crate::errors::{Kind, Result};
use crate::hash::ContentHash;
use crate::lake::lease::{Holder, Lease};
use crate::lake::ledger::{self, Ledger};
use crate::lake::texts::{PROJECTS, RESTATEMENTS, Texts};
use crate::lake::{Lake, OWN, Partition, TableName, failed_checks, lease, publish};

/// What was cleared away, or would be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Vacuumed {
    /// Objects in the work area that no run is building.
    pub work: Cleared,
    /// Leases of processes that have ended.
    pub leases: Cleared,
    /// Rows that broke checks before the given moment.
    pub failed_checks: Cleared,
    /// Projects that no version in the ledger was built with.
    pub projects: Cleared,
    /// What moved of figures by versions that were never published.
    pub restatements: Cleared,
    /// Objects of the ledger that were folded into one.
    pub ledger: Cleared,
}

/// Objects that went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cleared {
    /// How many.
    pub object_count: u64,
    /// Their bytes.
    pub byte_count: u64,
}

impl Cleared {
    fn note(&mut self, object: &ObjectMeta) {
        self.object_count += 1;
        self.byte_count += object.size;
    }
}

/// Clears away what nobody needs, and of the rows that broke checks those kept since before
/// `before`. Without a `holder` nothing is written, and told what would go.
pub async fn vacuum(
    lake: &Lake,
    holder: Option<&Holder>,
    before: DateTime<Utc>,
) -> Result<Vacuumed> {
    let mut vacuumed = Vacuumed { leases: leases_of_the_dead(lake).await?, ..Vacuumed::default() };
    if let Some(holder) = holder {
        publish::recover_all(lake, holder).await?;
    }
    vacuumed.work = work(lake, holder).await?;
    let old_rows = lake.list(&failed_checks::area(lake)).await?.into_iter();
    let old_rows = old_rows.filter(|object| object.last_modified < before).collect();
    vacuumed.failed_checks = clear(lake, holder.is_some(), old_rows).await?;
    let history = ledger::history(lake).await?;
    let projects = history.iter().filter_map(|entry| entry.project).collect();
    vacuumed.projects = unnamed(lake, PROJECTS, &projects, holder.is_some(), before).await?;
    let restatements = history.iter().flat_map(|entry| &entry.restatements);
    let restatements = restatements.map(|restatement| restatement.content_hash).collect();
    vacuumed.restatements =
        unnamed(lake, RESTATEMENTS, &restatements, holder.is_some(), before).await?;
    vacuumed.ledger = folded(lake, holder.is_some()).await?;
    Ok(vacuumed)
}

/// Clears away what was built and never published, but for what a run that lives is building.
pub async fn clear_work(lake: &Lake, holder: &Holder) -> Result<Cleared> {
    work(lake, Some(holder)).await
}

async fn clear(lake: &Lake, is_done: bool, objects: Vec<ObjectMeta>) -> Result<Cleared> {
    let mut cleared = Cleared::default();
    for object in objects {
        cleared.note(&object);
        if is_done {
            lake.delete(&object.location).await?;
        }
    }
    Ok(cleared)
}

/// What was built and never published; what a run that lives is building stays.
async fn work(lake: &Lake, holder: Option<&Holder>) -> Result<Cleared> {
    let area = lake.key(OWN).join("work");
    let in_force: BTreeSet<Partition> = lease::standing(lake)
        .await?
        .into_iter()
        .filter(|standing| standing.is_in_force)
        .map(|standing| standing.partition)
        .collect();
    let mut cleared = Cleared::default();
    let mut partitions = BTreeSet::new();
    for object in lake.list(&area).await? {
        let Some(partition) = partition_below(&area, &object) else { continue };
        if !in_force.contains(&partition) {
            cleared.note(&object);
            partitions.insert(partition);
        }
    }
    let Some(holder) = holder else { return Ok(cleared) };
    let published = Ledger::load(lake).await?;
    for partition in partitions {
        let floor = published.current(&partition).map_or(0, |entry| entry.fence);
        match Lease::acquire(lake, &partition, holder, floor).await {
            Ok(lease) => {
                publish::recover(lake, &lease).await?;
                lease.release().await?;
            }
            Err(error) if error.kind() == Kind::LeaseHeld => {
                info!(table = %partition.table, dt = %partition.dt, "a run has begun to build it meanwhile");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(cleared)
}

/// The partition of an object `<zone>.<table>/dt=<day>/<name>` below `area`.
fn partition_below(area: &object_store::path::Path, object: &ObjectMeta) -> Option<Partition> {
    let parts: Vec<_> = object.location.prefix_match(area)?.collect();
    let [table, dt, _] = parts.as_slice() else { return None };
    let (zone, table) = table.as_ref().split_once('.')?;
    let dt = dt.as_ref().strip_prefix("dt=")?.parse().ok()?;
    Some(Partition { table: TableName::new(zone, table), dt })
}

/// What [`publish::recover_all`] clears away of leases.
async fn leases_of_the_dead(lake: &Lake) -> Result<Cleared> {
    let mut cleared = Cleared::default();
    for standing in lease::standing(lake).await? {
        if standing.is_of_the_dead {
            cleared.object_count += 1;
            cleared.byte_count += standing.byte_count;
        }
    }
    Ok(cleared)
}

/// Texts that no version in the ledger names. One that is as young as a run may be old is kept: what
/// it builds is not in the ledger yet.
async fn unnamed(
    lake: &Lake,
    texts: Texts,
    named: &BTreeSet<ContentHash>,
    is_done: bool,
    before: DateTime<Utc>,
) -> Result<Cleared> {
    let mut unnamed = vec![];
    for (hash, object) in texts.list(lake).await? {
        if !named.contains(&hash) && object.last_modified < before {
            unnamed.push(object);
        }
    }
    clear(lake, is_done, unnamed).await
}

async fn folded(lake: &Lake, is_done: bool) -> Result<Cleared> {
    let mut cleared = Cleared::default();
    let objects = ledger::list(lake).await?;
    if objects.len() < 2 {
        return Ok(cleared);
    }
    objects.iter().for_each(|object| cleared.note(object));
    if is_done {
        ledger::fold_all(lake).await?;
    }
    Ok(cleared)
}
