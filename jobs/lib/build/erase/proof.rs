//! The proof that persons are gone: everything that is published is read once more, and what was done
//! is noted, without them.

use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::Utc;

use crate::build::Workshop;
use crate::build::erase::rewrite::taken_out;
use crate::build::erase::{ERASED_ROWS, Erased};
use crate::build::run::Run;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::exports::erasing::{Erasing, Roles};
use crate::lake::erasures::{self, Erasure, Proof, Replaced};
use crate::lake::ledger::{self, Entry};
use crate::lake::rows::Rows;
use crate::lake::{Partition, TableName};
use crate::models::{QUARANTINE, RAW};

/// Reads everything that is published, and errors with [`Kind::CheckFailed`] where somebody is found;
/// gives how many objects were read.
pub(super) async fn search(workshop: &Workshop, erasing: &Erasing) -> Result<u64> {
    let all: Vec<Partition> = {
        let published = workshop.published.read().await;
        published.ledger.entries().map(|entry| entry.partition.clone()).collect()
    };
    let mut found = vec![];
    let mut object_count = 0;
    for partition in all {
        let Some(mut rows) = Rows::of(&workshop.warehouse, &partition).await? else { continue };
        object_count += 1;
        let is_of_exports = [RAW, QUARANTINE].contains(&partition.table.zone.as_str());
        let source = workshop.catalogue.sources().get(&partition.table.table);
        let roles = source.filter(|_| is_of_exports).map(|source| Roles::of(source));
        while let Some(batch) = rows.next().await? {
            let is_in_export = match &roles {
                Some(roles) => taken_out(erasing, roles, &partition, &batch)?.1.row_count > 0,
                None => false,
            };
            if is_in_export || is_in_any_text(erasing, &batch)? {
                found.push(partition);
                break;
            }
        }
    }
    let Some(first) = found.first() else { return Ok(object_count) };
    let what = format!(
        "look whether the erased are gone: {} objects still hold an identifier of theirs, the first \
         is {first}; a column of its source lacks `identifies` or `personal`",
        found.len()
    );
    Err(Error::new(Kind::CheckFailed, what))
}

/// Whether any text of the rows, lists included, is an identifier of somebody who is erased.
fn is_in_any_text(erasing: &Erasing, batch: &RecordBatch) -> Result<bool> {
    for column in batch.columns() {
        let values = match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().values(),
            _ => column,
        };
        if !matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        {
            continue;
        }
        let values = cast(values, &DataType::Utf8).context(Kind::Defect, || "read texts")?;
        let values = values.as_string::<i32>();
        if values.iter().flatten().any(|text| erasing.is_erased_text(text)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes the proof of every erasure that has none yet: their ids.
pub(super) async fn prove(
    workshop: &Workshop,
    run: &Run,
    lists: &[Erasure],
    erased: &Erased,
) -> Result<Vec<String>> {
    let proven = erasures::proofs(&workshop.warehouse).await?;
    let history = ledger::history(&workshop.warehouse).await?;
    let mut ids = vec![];
    for list in lists {
        if proven.iter().any(|proof| proof.id == list.id) {
            continue;
        }
        let mut before: BTreeMap<&Partition, &Entry> = BTreeMap::new();
        let mut replaced: BTreeMap<&Partition, Replaced> = BTreeMap::new();
        let mut row_counts: BTreeMap<TableName, u64> = BTreeMap::new();
        for entry in &history {
            let earlier = before.insert(&entry.partition, entry);
            let Some(earlier) = earlier.filter(|_| entry.published_at >= list.asked_at) else {
                continue;
            };
            let rows = |entry: &Entry| entry.warnings.get(ERASED_ROWS).copied().unwrap_or(0);
            let taken = rows(entry).saturating_sub(rows(earlier));
            if taken > 0 {
                *row_counts.entry(entry.partition.table.clone()).or_default() += taken;
            }
            let one = replaced.entry(&entry.partition).or_insert_with(|| Replaced {
                partition: entry.partition.clone(),
                before: earlier.content_hash,
                after: entry.content_hash,
            });
            one.after = entry.content_hash;
        }
        let proof = Proof {
            id: list.id.clone(),
            asked_at: list.asked_at,
            finished_at: Utc::now(),
            run_id: run.run_id.clone(),
            row_counts,
            replaced: replaced.into_values().filter(|one| one.before != one.after).collect(),
            searched_object_count: erased.searched_object_count,
            blind_sources: erased.blind_sources.clone(),
            namesake_row_count: erased.namesake_row_count,
        };
        erasures::finish(&workshop.warehouse, &proof).await?;
        ids.push(list.id.clone());
    }
    Ok(ids)
}
