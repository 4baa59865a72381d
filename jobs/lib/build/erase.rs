//! Erases persons: from raw and quarantine, where all that is known of them came in; from every table
//! made of these, by building it anew; and from what else lies about. Then it looks whether they are
//! gone, and notes the proof.
//!
//! Who must not come back is noted first, so every step may be cut short and done again: reading an
//! export drops them from then on, and rows that were rewritten are not found a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, RecordBatchReader as _};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::Utc;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::Serialize;
use tracing::info;

use crate::build::Workshop;
use crate::build::backfill::{self, Backfill};
use crate::build::run::{OnTarget, Run};
use crate::build::summary::Summary;
use crate::build::target::guarded;
use crate::config::Parameter;
use crate::dates::{Day, DayRange};
use crate::errors::{Context as _, Error, Kind, Result};
use crate::exports::Source;
use crate::exports::erasing::{Erasing, Identifier, Roles, Secret};
use crate::lake::erasures::{self, Erasure, Proof, Replaced};
use crate::lake::lease::Lease;
use crate::lake::ledger::{self, Entry};
use crate::lake::parquet_sink::ParquetSink;
use crate::lake::publish::{self, Part};
use crate::lake::{Partition, TableName, failed_checks};
use crate::models::{QUARANTINE, RAW};

/// What the ledger calls the rows of a version in which somebody was taken out.
pub(super) const ERASED_ROWS: &str = "erased_rows";

/// Whom to erase.
#[derive(Debug, Clone, Default)]
pub struct Persons {
    /// Customers, by their ids: all that is known of their records.
    pub customers: Vec<String>,
    /// What identifies them, as `namespace:value`.
    pub identifiers: Vec<String>,
}

/// What was erased, or would be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Erased {
    /// How many identifiers of theirs were found now.
    pub identifier_count: usize,
    /// Rows in which something of theirs was taken out, or would be, by table: by this run.
    pub row_counts: BTreeMap<TableName, u64>,
    /// The export files that these rows came from. They are not Rapport's to delete.
    pub exports: BTreeSet<String>,
    /// Sources with personal columns of which none tells whose they are: nothing was taken out of
    /// them but mentions.
    pub blind_sources: BTreeSet<String>,
    /// Erasures that are done, and of which the proof was noted by this run: their ids.
    pub proven: Vec<String>,
    /// Objects that were read to the end, without finding anybody.
    pub searched_object_count: u64,
}

impl Erased {
    fn note_source(&mut self, source: &Source) {
        if Roles::of(source).are_blind() {
            self.blind_sources.insert(source.name.clone());
        }
    }
}

/// What an erasure would take out; writes nothing.
///
/// Errors: as [`carry_out`].
pub async fn look(workshop: &Workshop, persons: &Persons) -> Result<Erased> {
    workshop.look_up().await?;
    let secret = workshop.secret()?;
    let lists = workshop.erasures(&secret).await?;
    let mut wanted = find(workshop, &secret, &lists, persons, "").await?;
    let mut erased = Erased { identifier_count: wanted.identifiers.len(), ..Erased::default() };
    for list in lists {
        wanted.namespaces.extend(list.namespaces);
        wanted.identifiers.extend(list.identifiers);
    }
    let erasing = workshop.erasing_of(secret, &[wanted]);
    for (source, partition) in workshop.raw_partitions().await {
        erased.note_source(&source);
        let files = &mut erased.exports;
        for (partition, count) in counts(workshop, &erasing, &source, &partition, files).await? {
            *erased.row_counts.entry(partition.table).or_default() += count;
        }
    }
    Ok(erased)
}

/// Erases the persons, and everybody whose erasure was asked for and cut short.
///
/// What failed to be built is in `summary`; then nothing is proven, and a rerun goes on.
/// Errors: [`Kind::Usage`] for a customer whom nobody knows, or without the key;
/// [`Kind::CheckFailed`] where somebody is found once all is done.
pub async fn carry_out(
    workshop: &Arc<Workshop>,
    run: &Run,
    persons: &Persons,
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<Erased> {
    publish::recover_all(&workshop.warehouse, &run.holder).await?;
    workshop.look_up().await?;
    let secret = workshop.secret()?;
    let mut lists = workshop.erasures(&secret).await?;
    let wanted = find(workshop, &secret, &lists, persons, &run.run_id).await?;
    let mut erased = Erased { identifier_count: wanted.identifiers.len(), ..Erased::default() };
    if !wanted.identifiers.is_empty() {
        erasures::begin(&workshop.warehouse, &wanted).await?;
        lists.push(wanted);
    }
    if lists.is_empty() {
        return Ok(erased);
    }
    let erasing = workshop.erasing_of(secret, &lists);
    for (source, partition) in workshop.raw_partitions().await {
        erased.note_source(&source);
        let counted = counts(workshop, &erasing, &source, &partition, &mut erased.exports).await?;
        if counted.is_empty() {
            continue;
        }
        for (table, count) in rewrite(workshop, run, &erasing, &source, &partition).await? {
            *erased.row_counts.entry(table).or_default() += count;
        }
        summary.built_count += 1;
    }
    // Rows of any table, kept for people to look at; what still breaks a check keeps them again.
    for partition in failed_checks::partitions(&workshop.warehouse).await? {
        failed_checks::keep_only(&workshop.warehouse, &partition, []).await?;
    }
    rebuild(workshop, run, on_target, summary).await?;
    if !summary.failures.is_empty() {
        return Ok(erased);
    }
    erased.searched_object_count = search(workshop, &erasing).await?;
    erased.proven = prove(workshop, run, &lists, erased.searched_object_count).await?;
    Ok(erased)
}

impl Workshop {
    /// Whom to take out of exports; none where nobody was ever erased.
    ///
    /// Errors: [`Kind::Usage`] without the key by which they are known: without it they would come
    /// back.
    pub(super) async fn erasing(&self) -> Result<Option<Erasing>> {
        if erasures::list(&self.warehouse).await?.is_empty() {
            return Ok(None);
        }
        let secret = self.secret()?;
        let lists = self.erasures(&secret).await?;
        Ok(Some(self.erasing_of(secret, &lists)))
    }

    fn secret(&self) -> Result<Secret> {
        let key = self.settings.erasure_key.as_ref().map(|key| Secret::of(key.shown()));
        key.ok_or_else(|| {
            let what = "look up who was erased: RAPPORT_ERASURE_KEY is not set, the secret by which \
                        they are known";
            Error::new(Kind::Usage, what)
        })
    }

    /// The erasures that were asked for.
    async fn erasures(&self, secret: &Secret) -> Result<Vec<Erasure>> {
        let lists = erasures::list(&self.warehouse).await?;
        if lists.iter().any(|list| list.key_check != secret.check()) {
            let what =
                "look up who was erased: RAPPORT_ERASURE_KEY is not the secret that was used";
            return Err(Error::new(Kind::Usage, what));
        }
        Ok(lists)
    }

    fn erasing_of(&self, secret: Secret, lists: &[Erasure]) -> Erasing {
        let region = match self.settings.parameters.get("default_region") {
            Some(Parameter::Text(region)) => Some(region.clone()),
            _ => None,
        };
        let namespaces = lists.iter().flat_map(|list| list.namespaces.clone()).collect();
        let hashes = lists.iter().flat_map(|list| list.identifiers.clone()).collect();
        Erasing::new(secret, region, namespaces, hashes)
    }

    /// The published partitions of raw, with their sources.
    async fn raw_partitions(&self) -> Vec<(Arc<Source>, Partition)> {
        let published = self.published.read().await;
        let raw = published.ledger.entries().map(|entry| &entry.partition);
        let raw = raw.filter(|partition| partition.table.zone == RAW);
        raw.filter_map(|partition| {
            let source = self.catalogue.sources().get(&partition.table.table)?;
            Some((Arc::clone(source), partition.clone()))
        })
        .collect()
    }

    /// The rows of a partition's object; none where there is no object.
    async fn rows_of(&self, partition: &Partition) -> Result<Option<ParquetRecordBatchReader>> {
        let key = self.warehouse.partition_key(partition);
        let Some(bytes) = self.warehouse.read_key(&key).await? else { return Ok(None) };
        let failed = || format!("read the rows of {partition}");
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes);
        let reader = reader.context(Kind::Storage, failed)?.build();
        reader.map(Some).context(Kind::Storage, failed)
    }

    /// The latest version of the latest day of a table, whole.
    async fn latest_rows(&self, zone: &str, table: &str) -> Result<Vec<RecordBatch>> {
        let table = TableName::new(zone, table);
        let latest = {
            let published = self.published.read().await;
            published.ledger.partitions(&table).last().map(|entry| entry.partition.clone())
        };
        let Some(latest) = latest else { return Ok(vec![]) };
        let Some(rows) = self.rows_of(&latest).await? else { return Ok(vec![]) };
        let rows: Result<Vec<_>, _> = rows.collect();
        rows.context(Kind::Storage, || format!("read the rows of {latest}"))
    }
}

/// Whom nobody was asked to erase yet, of `persons`.
async fn find(
    workshop: &Workshop,
    secret: &Secret,
    lists: &[Erasure],
    persons: &Persons,
    run_id: &str,
) -> Result<Erasure> {
    let mut wanted = Erasure {
        id: uuid::Uuid::now_v7().to_string(),
        asked_at: Utc::now(),
        run_id: run_id.to_string(),
        key_check: secret.check(),
        customers: BTreeSet::new(),
        namespaces: BTreeSet::new(),
        identifiers: BTreeSet::new(),
    };
    let mut found: BTreeSet<Identifier> = BTreeSet::new();
    let erasing = workshop.erasing_of(secret.clone(), &[]);
    for (number, written) in persons.identifiers.iter().enumerate() {
        let read =
            written.split_once(':').and_then(|(system, key)| erasing.read(system.trim(), key));
        found.insert(read.ok_or_else(|| {
            // Its text is personal.
            let what = format!(
                "read identifier {}: expected `namespace:value`, such as `email:…`, `phone:…` or a \
                 key of a system, `crm:…`",
                number + 1
            );
            Error::new(Kind::Usage, what)
        })?);
    }
    let asked_before: BTreeSet<_> = lists.iter().flat_map(|list| &list.customers).collect();
    let customers = persons.customers.iter().filter(|id| {
        // Its records have other names by now, and its identifiers are listed.
        !asked_before.contains(&secret.hash_of_customer(id))
    });
    let customers: BTreeSet<&str> = customers.map(String::as_str).collect();
    if !customers.is_empty() {
        found.extend(identifiers_of(workshop, &erasing, &customers).await?);
    }
    wanted.customers = customers.iter().map(|id| secret.hash_of_customer(id)).collect();
    let known: BTreeSet<_> = lists.iter().flat_map(|list| &list.identifiers).collect();
    for identifier in found {
        let hash = secret.hash(&identifier);
        if !known.contains(&hash) {
            wanted.namespaces.insert(identifier.namespace);
            wanted.identifiers.insert(hash);
        }
    }
    Ok(wanted)
}

/// What identifies the customers and nobody else: the names of their records, and what these carry.
async fn identifiers_of(
    workshop: &Workshop,
    erasing: &Erasing,
    customers: &BTreeSet<&str>,
) -> Result<BTreeSet<Identifier>> {
    let mut missing = customers.clone();
    let mut records = BTreeSet::new();
    for batch in workshop.latest_rows("identity", "identity_map").await? {
        let (ids, names) = (texts(&batch, "customer_id")?, texts(&batch, "record_id")?);
        for (id, name) in ids.iter().zip(names).filter_map(|(id, name)| id.clone().zip(name)) {
            if customers.contains(id.as_str()) {
                missing.remove(id.as_str());
                records.insert(name);
            }
        }
    }
    if let Some(id) = missing.first() {
        let what = format!("find customer `{id}`: identity.identity_map has none of this id");
        return Err(Error::new(Kind::Usage, what));
    }
    let split =
        |text: &str| text.split_once(':').and_then(|(system, key)| erasing.read(system, key));
    let mut own: BTreeSet<Identifier> = records.iter().filter_map(|name| split(name)).collect();
    let mut of_others = BTreeSet::new();
    for batch in workshop.latest_rows("identity", "record_identifiers").await? {
        let names = texts(&batch, "record_id")?;
        let (kinds, values) = (texts(&batch, "kind")?, texts(&batch, "value")?);
        for ((name, kind), value) in names.into_iter().zip(kinds).zip(values) {
            let (Some(name), Some(kind), Some(value)) = (name, kind, value) else { continue };
            let identifier = match kind.as_str() {
                "email" | "phone" => erasing.read(&kind, &value),
                "loyalty_id" => erasing.read("loyalty", &value),
                _ => split(&value),
            };
            let Some(identifier) = identifier else { continue };
            match records.contains(&name) {
                true => own.insert(identifier),
                false => of_others.insert(identifier),
            };
        }
    }
    // What somebody else has too is theirs to keep.
    own.retain(|identifier| !of_others.contains(identifier));
    Ok(own)
}

/// The texts of a column.
fn texts(batch: &RecordBatch, column: &str) -> Result<Vec<Option<String>>> {
    let failed = || format!("read column `{column}`");
    let array = batch.column_by_name(column);
    let array = array.ok_or_else(|| Error::new(Kind::Defect, failed()))?;
    let array = cast(array, &DataType::Utf8).context(Kind::Defect, failed)?;
    Ok(array.as_string::<i32>().iter().map(|text| text.map(ToString::to_string)).collect())
}

/// In how many rows of a day of raw and its quarantine somebody stands, where there is any; and the
/// files that these came from.
async fn counts(
    workshop: &Workshop,
    erasing: &Erasing,
    source: &Source,
    partition: &Partition,
    exports: &mut BTreeSet<String>,
) -> Result<Vec<(Partition, u64)>> {
    let roles = Roles::of(source);
    let mut found = vec![];
    for partition in guarded(partition) {
        let Some(rows) = workshop.rows_of(&partition).await? else { continue };
        let mut count = 0;
        for batch in rows {
            let batch = batch.context(Kind::Storage, || format!("read the rows of {partition}"))?;
            count += taken_out(erasing, &roles, &partition, &batch)?.1;
        }
        if count > 0 {
            let entry = workshop.entry(&partition).await;
            exports.extend(entry.iter().flat_map(|one| &one.exports).map(|one| one.file.clone()));
            found.push((partition, count));
        }
    }
    Ok(found)
}

/// The rows without the persons, and in how many of them somebody stood.
fn taken_out(
    erasing: &Erasing,
    roles: &Roles,
    partition: &Partition,
    batch: &RecordBatch,
) -> Result<(RecordBatch, u64)> {
    match partition.table.zone == QUARANTINE {
        true => erasing.quarantined(batch),
        false => erasing.rows(roles, batch),
    }
}

/// Publishes a day of raw and its quarantine without the persons: the rows in which they stood, by
/// table.
async fn rewrite(
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
    let started = std::time::Instant::now();
    publish::recover(&workshop.warehouse, lease).await?;
    workshop.refresh_one(lease.partition()).await?;
    let roles = Roles::of(source);
    let (mut parts, mut counts) = (vec![], vec![]);
    for partition in guarded(lease.partition()) {
        let Some(published) = workshop.entry(&partition).await else { continue };
        let Some(rows) = workshop.rows_of(&partition).await? else { continue };
        let key = publish::work_key(&workshop.warehouse, lease, &partition);
        let (store, schema) = (workshop.warehouse.store(), rows.schema());
        let mut sink = ParquetSink::create(store, key.clone(), schema, &[]).await?;
        let mut count = 0;
        for batch in rows {
            let batch = batch.context(Kind::Storage, || format!("read the rows of {partition}"))?;
            let (batch, touched) = taken_out(erasing, &roles, &partition, &batch)?;
            count += touched;
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

/// Builds anew what was made of what is other than it was, of the days that are published.
async fn rebuild(
    workshop: &Arc<Workshop>,
    run: &Run,
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<()> {
    let days: BTreeSet<Day> = {
        let published = workshop.published.read().await;
        published.ledger.entries().map(|entry| entry.partition.dt).collect()
    };
    for days in stretches(&days) {
        let backfill = Backfill {
            models: workshop.models_of(&crate::models::ZONES),
            days,
            at_once: None,
            is_forced: false,
            goes_on_after_trouble: false,
            max_runtime: None,
            shard: None,
            shard_patience: std::time::Duration::ZERO,
        };
        backfill::carry_out(workshop, run, &backfill, on_target, summary).await?;
    }
    // What was never published holds nobody, whatever it waits for.
    let published = workshop.published.read().await;
    summary.failures.retain(|failed| published.ledger.current(&failed.partition).is_some());
    Ok(())
}

/// The days as stretches without a gap: a day that was never built is not built for this.
fn stretches(days: &BTreeSet<Day>) -> Vec<DayRange> {
    let mut stretches: Vec<DayRange> = vec![];
    for day in days {
        match stretches.last_mut().filter(|last| last.to == *day) {
            Some(last) => last.to = day.plus(1),
            None => stretches.push(DayRange { from: *day, to: day.plus(1) }),
        }
    }
    stretches
}

/// Reads everything that is published, and errors with [`Kind::CheckFailed`] where somebody is found;
/// gives how many objects were read.
async fn search(workshop: &Workshop, erasing: &Erasing) -> Result<u64> {
    let all: Vec<Partition> = {
        let published = workshop.published.read().await;
        published.ledger.entries().map(|entry| entry.partition.clone()).collect()
    };
    let mut found = vec![];
    let mut object_count = 0;
    for partition in all {
        let Some(rows) = workshop.rows_of(&partition).await? else { continue };
        object_count += 1;
        let source = workshop.catalogue.sources().get(&partition.table.table);
        let roles = source.filter(|_| partition.table.zone == RAW).map(|source| Roles::of(source));
        for batch in rows {
            let batch = batch.context(Kind::Storage, || format!("read the rows of {partition}"))?;
            let is_in_export = match (&roles, partition.table.zone == QUARANTINE) {
                (_, true) => erasing.quarantined(&batch)?.1 > 0,
                (Some(roles), _) => erasing.rows(roles, &batch)?.1 > 0,
                _ => false,
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
async fn prove(
    workshop: &Workshop,
    run: &Run,
    lists: &[Erasure],
    searched_object_count: u64,
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
            searched_object_count,
        };
        erasures::finish(&workshop.warehouse, &proof).await?;
        ids.push(list.id.clone());
    }
    Ok(ids)
}
