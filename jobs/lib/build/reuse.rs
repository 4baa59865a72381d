//! A day that is made of the very same as the day before it: what was built then is taken again,
//! and no query is run. Most tables of most days are like that: what nothing feeds, states that
//! nobody changed, metrics without news.

use crate::build::query::Built;
use crate::build::{Evaluation, Workshop};
use crate::errors::Result;
use crate::lake::lease::Lease;
use crate::lake::parquet_sink::Written;
use crate::lake::{Partition, failed_checks, publish};

/// Objects above this size are built: reading one to see that it is sound costs as much. Bytes.
const LARGEST: u64 = 64 << 20;

/// The object of the day before, staged for the day of `evaluation`; none where that day was made
/// of something else, had rows to warn of, or is not what was published.
///
/// Equal inputs pass equal checks, so nothing is checked anew.
pub(super) async fn of_day_before(
    workshop: &Workshop,
    evaluation: &Evaluation,
    lease: &Lease,
) -> Result<Option<Built>> {
    let (partition, warehouse) = (&evaluation.partition, &workshop.warehouse);
    let Some(dayless) = workshop.dayless(evaluation) else { return Ok(None) };
    let before = Partition { table: partition.table.clone(), dt: partition.dt.minus(1) };
    let Some(entry) = workshop.entry(&before).await else { return Ok(None) };
    let is_same = entry.dayless == Some(dayless) && entry.warnings.is_empty();
    if !is_same || entry.byte_count > LARGEST {
        return Ok(None);
    }
    let key = publish::work_key(warehouse, lease, partition);
    if !publish::stage_again(warehouse, &entry, &key).await? {
        return Ok(None);
    }
    failed_checks::keep_only(warehouse, partition, []).await?;
    let written = Written {
        row_count: entry.row_count,
        byte_count: entry.byte_count,
        content_hash: entry.content_hash,
        null_counts: vec![],
    };
    Ok(Some(Built { key, written, findings: vec![], checks: vec![] }))
}
