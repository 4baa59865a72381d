//! Takes persons out of a day of raw and its quarantine.

use std::collections::BTreeSet;
use std::time::Instant;

use arrow::array::RecordBatch;
use chrono::Utc;
use tracing::info;

use crate::build::Workshop;
use crate::build::erase::ERASED_ROWS;
use crate::build::run::Run;
use crate::build::target::guarded;
use crate::errors::{Kind, Result};
use crate::exports::Source;
use crate::exports::erasing::{Erasing, Found, Roles};
use crate::lake::lease::Lease;
use crate::lake::ledger::Entry;
use crate::lake::parquet_sink::ParquetSink;
use crate::lake::publish::{self, Part};
use crate::lake::rows::Rows;
use crate::lake::{Partition, TableName};
use crate::models::QUARANTINE;

/// What is found of the persons in a day of raw and its quarantine.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// In how many rows somebody stands, by partition, where there is any.
    pub row_counts: Vec<(Partition, u64)>,
    /// Rows of others who have the name and the day of birth of one of them.
    pub namesake_count: u64,
    /// The files that the rows came from.
    pub exports: BTreeSet<String>,
}

/// Looks for the persons in a day of raw and its quarantine.
pub(super) async fn count(
    workshop: &Workshop,
    erasing: &Erasing,
    source: &Source,
    partition: &Partition,
) -> Result<Counted> {
    let roles = Roles::of(source);
    let mut counted = Counted::default();
    for partition in guarded(partition) {
        let Some(mut rows) = Rows::of(&workshop.warehouse, &partition).await? else { continue };
        let mut found = Found::default();
        while let Some(batch) = rows.next().await? {
            found = found.plus(taken_out(erasing, &roles, &partition, &batch)?.1);
        }
        counted.namesake_count += found.namesake_count;
        if found.row_count > 0 {
            let entry = workshop.entry(&partition).await;
            let files = entry.iter().flat_map(|one| &one.exports).map(|one| one.file.clone());
            counted.exports.extend(files);
            counted.row_counts.push((partition, found.row_count));
        }
    }
    Ok(counted)
}

/// The rows without the persons, and what was found in them.
pub(super) fn taken_out(
    erasing: &Erasing,
    roles: &Roles,
    partition: &Partition,
    batch: &RecordBatch,
) -> Result<(RecordBatch, Found)> {
    match partition.table.zone == QUARANTINE {
        true => erasing.quarantined(roles, batch),
        false => erasing.rows(roles, batch),
    }
}

/// Publishes a day of raw and its quarantine without the persons: the rows in which they stood, by
/// table.
pub(super) async fn rewrite(
    workshop: &Workshop,
    run: &Run,
    erasing: &Erasing,
    source: &Source,
    partition: &Partition,
) -> Result<Vec<(TableName, u64)>> {
    let floor = workshop.entry(partition).await.map_or(0, |entry| entry.fence);
    let lease = Lease::acquire(&workshop.warehouse, partition, &run.holder, floor).await?;
    let outcome = rewrite_under(workshop, run, erasing, source, &lease).await;
    if outcome.as_ref().is_err_and(|failure| failure.kind() == Kind::Storage) {
        // Whoever ends the run gives it back, if storage answers by then.
        return outcome;
    }
    let released = lease.release().await;
    let counts = outcome?;
    released?;
    Ok(counts)
}

async fn rewrite_under(
    workshop: &Workshop,
    run: &Run,
    erasing: &Erasing,
    source: &Source,
    lease: &Lease,
) -> Result<Vec<(TableName, u64)>> {
    let started = Instant::now();
    publish::recover(&workshop.warehouse, lease).await?;
    workshop.refresh_one(lease.partition()).await?;
    let roles = Roles::of(source);
    let (mut parts, mut counts) = (vec![], vec![]);
    for partition in guarded(lease.partition()) {
        let Some(published) = workshop.entry(&partition).await else { continue };
        let Some(mut rows) = Rows::of(&workshop.warehouse, &partition).await? else { continue };
        let key = publish::work_key(&workshop.warehouse, lease, &partition);
        let (store, schema) = (workshop.warehouse.store(), rows.schema());
        let mut sink = ParquetSink::create(store, key.clone(), schema, &[]).await?;
        let mut count = 0;
        while let Some(batch) = rows.next().await? {
            let (batch, found) = taken_out(erasing, &roles, &partition, &batch)?;
            count += found.row_count;
            sink.write(&batch).await?;
        }
        let written = sink.finish().await?;
        if count == 0 {
            continue;
        }
        let mut warnings = published.warnings.clone();
        *warnings.entry(ERASED_ROWS.to_string()).or_default() += count;
        let entry = Entry {
            id: uuid::Uuid::now_v7().to_string(),
            version: published.version + 1,
            fence: lease.fence(),
            content_hash: written.content_hash,
            row_count: written.row_count,
            byte_count: written.byte_count,
            warnings,
            reason: "somebody was erased".to_string(),
            run_id: run.run_id.clone(),
            attempt: run.attempt,
            published_at: Utc::now(),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..published.as_ref().clone()
        };
        counts.push((partition.table.clone(), count));
        parts.push(Part::staged(&key, entry));
    }
    if parts.is_empty() {
        publish::sweep(&workshop.warehouse, lease).await?;
        return Ok(counts);
    }
    {
        let published = workshop.published.read().await;
        publish::ensure_not_fenced(&published.ledger, lease)?;
    }
    let entries: Vec<Entry> = parts.iter().map(|part| part.entry.clone()).collect();
    publish::publish(&workshop.warehouse, lease, parts).await?;
    publish::sweep(&workshop.warehouse, lease).await?;
    workshop.note_entries(entries).await;
    for (table, row_count) in &counts {
        info!(%table, dt = %lease.partition().dt, row_count, "somebody was erased");
    }
    Ok(counts)
}
