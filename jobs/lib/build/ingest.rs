//! Builds a day of raw from a source's export files, and of quarantine from the rows that broke
//! the source's contract. Both are published together, or neither.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use chrono::DateTime;
use tracing::warn;

use crate::build::erase::ERASED_ROWS;
use crate::build::fingerprint::{self, Evaluation, Freshness, Reason};
use crate::build::query::Built;
use crate::build::run::Run;
use crate::build::target::{Made, guarded};
use crate::build::{Published, Workshop};
use crate::dates::Day;
use crate::errors::{Error, Kind, Result};
use crate::exports::erasing::Roles;
use crate::exports::{self, Counts, EarlierFile, ExportFile, FileRead, ReadOptions, Rows, Source};
use crate::hash::ContentHash;
use crate::lake::lease::Lease;
use crate::lake::ledger::{Accounting, Entry, ExportInput};
use crate::lake::parquet_sink::ParquetSink;
use crate::lake::publish::Part;
use crate::lake::{self, Partition, TableName, fetch, publish};
use crate::models::{Model, QUARANTINE, RAW, Recipe};

/// Version of how exports are read. Raise it when the same file would give other rows, or other
/// counts of them, on purpose.
const READER_VERSION: u32 = 5;

/// The part of a fingerprint that says how the files are read.
const SOURCE: &str = "source";

/// The warnings of a day of raw.
const QUARANTINED_ROWS: &str = "quarantined_rows";
const REPEATED_FILES: &str = "repeated_files";

/// Judges a day of raw: by the source's declaration and the files that lie in the landing zone.
///
/// Errors: [`Kind::NotThereYet`] where a required source has no file for the day.
pub(super) async fn evaluate(
    workshop: &Workshop,
    source: &Arc<Source>,
    dt: Day,
) -> Result<Evaluation> {
    let partition = Partition { table: TableName::new(RAW, &source.name), dt };
    let files = workshop.files.files(source, dt).await?;
    let current = workshop.entry(&partition).await;
    let mut parts = BTreeMap::from([
        (SOURCE.to_string(), declaration_hash(workshop, source)),
        ("engine".to_string(), fingerprint::engine_hash()),
    ]);
    if files.is_empty() {
        // What was read is safe in raw: a landing zone that is emptied takes nothing back.
        let published = current.as_ref().filter(|entry| !entry.exports.is_empty());
        if let Some(entry) = published {
            return Ok(emptied(workshop, partition, entry, parts).await);
        }
        if source.required {
            return Err(Error::new(
                Kind::NotThereYet,
                format!(
                    "find exports of source `{}` for {dt}: nothing at `{}` of `{}`",
                    source.name,
                    source.location.filled(dt),
                    workshop.landing.name(),
                ),
            ));
        }
    }
    let mut exports = vec![];
    let mut reasons = vec![];
    for file in &files {
        let Some(before) = read_before(current.as_deref(), file) else {
            reasons.push(Reason::ExportNew(file.name.clone()));
            continue;
        };
        // Whether what was written anew is other than it was, only its bytes tell.
        let is_same = is_version_read(before, file)
            || (before.byte_count == file.byte_count
                && hash_of(workshop, file).await? == before.content_hash);
        if is_same {
            exports.push(marked_as(file, before));
        } else {
            reasons.push(Reason::ExportChanged(file.name.clone()));
        }
    }
    reasons.extend(replay_reasons(workshop, source, dt, &exports).await?);
    for export in current.iter().flat_map(|entry| &entry.exports) {
        if !files.iter().any(|file| file.name == export.file) {
            reasons.push(Reason::ExportGone(export.file.clone()));
        }
    }
    parts.insert("exports".to_string(), exports_hash(&exports));
    {
        let published = workshop.published.read().await;
        reasons.extend(object_reasons(&published, &partition));
    }
    if let Some(entry) = &current {
        reasons.extend(fingerprint::part_reasons(entry, &parts));
    }
    reasons.sort();
    reasons.dedup();
    let freshness = if reasons.is_empty() { Freshness::Fresh } else { Freshness::Stale(reasons) };
    Ok(Evaluation { partition, parts, inputs: vec![], exports, freshness })
}

/// Whether a fresh partition of `model` can be built once more: raw cannot once its files are gone.
pub(super) async fn can_be_built_anew(workshop: &Workshop, model: &Model, dt: Day) -> Result<bool> {
    let Recipe::Export(source) = &model.recipe else { return Ok(true) };
    let files = workshop.files.files(source, dt).await?;
    let partition = Partition { table: model.name.clone(), dt };
    let read_count = workshop.entry(&partition).await.map_or(0, |entry| entry.exports.len());
    Ok(!files.is_empty() || read_count == 0)
}

/// Hash of how the files of `source` are read.
fn declaration_hash(workshop: &Workshop, source: &Source) -> ContentHash {
    ContentHash::of_json(&(source.definition_hash(workshop.settings.time_zone), READER_VERSION))
}

/// The judgement of a day whose files have been taken out of the landing zone since.
async fn emptied(
    workshop: &Workshop,
    partition: Partition,
    entry: &Entry,
    mut parts: BTreeMap<String, ContentHash>,
) -> Evaluation {
    parts.insert("exports".to_string(), exports_hash(&entry.exports));
    let published = workshop.published.read().await;
    let lost = object_reasons(&published, &partition);
    let freshness = if lost.is_empty() {
        if !fingerprint::part_reasons(entry, &parts).is_empty() {
            warn!(
                table = %partition.table,
                dt = %partition.dt,
                "its source declaration changed, but its files are gone: it stays as it is"
            );
        }
        Freshness::Fresh
    } else {
        Freshness::Waiting(guarded(&partition))
    };
    let exports = entry.exports.clone();
    Evaluation { partition, parts, inputs: vec![], exports, freshness }
}

fn object_reasons(published: &Published, partition: &Partition) -> Vec<Reason> {
    let reason =
        |one: &Partition| fingerprint::object_reason(&published.ledger, &published.objects, one);
    guarded(partition).iter().filter_map(reason).collect()
}

/// Whether the files of a day that is fresh are known by other marks than the ledger noted: until
/// it notes them, every look must read them again.
pub(super) async fn has_new_marks(workshop: &Workshop, evaluation: &Evaluation) -> bool {
    let entry = workshop.entry(&evaluation.partition).await;
    entry.is_some_and(|entry| entry.exports != evaluation.exports)
}

/// What the ledger will say of a day whose files were written anew with the same content: all it
/// said before, and by which marks they are known now.
pub(super) async fn noted_anew(
    workshop: &Workshop,
    run: &Run,
    evaluation: &Evaluation,
    lease: &Lease,
    started: Instant,
) -> Vec<Part> {
    let mut parts = vec![];
    for partition in guarded(&evaluation.partition) {
        let Some(published) = workshop.entry(&partition).await else { continue };
        parts.push(Part::noted(Entry {
            id: uuid::Uuid::now_v7().to_string(),
            version: published.version + 1,
            fence: lease.fence(),
            exports: evaluation.exports.clone(),
            reason: "exports were written anew, with the same content".to_string(),
            run_id: run.run_id.clone(),
            attempt: run.attempt,
            published_at: chrono::Utc::now(),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..published.as_ref().clone()
        }));
    }
    parts
}

/// Reads the day's files into raw and quarantine objects in the work area.
///
/// Errors: [`Kind::ExportBroken`] where a file cannot be read, or too many rows are bad.
pub(super) async fn build(
    workshop: &Workshop,
    source: &Arc<Source>,
    model: &Arc<Model>,
    evaluation: &Evaluation,
    lease: &Lease,
) -> Result<Made> {
    let partition = &evaluation.partition;
    let files = workshop.files.files(source, partition.dt).await?;
    let mut options = ReadOptions::new(workshop.settings.time_zone);
    options.threads = workshop.settings.threads;
    options.earlier = earlier_files(workshop, source, partition.dt).await?;
    let landing = workshop.landing.store();
    let mut reader = exports::read(landing, Arc::clone(source), files.clone(), options).await?;
    // Whoever was erased must not come back by a file that is read once more.
    let erasing = workshop.erasing().await?;
    let roles = Roles::of(source);
    let mut erased_row_count = 0;

    let quarantine_name = TableName::new(QUARANTINE, &source.name);
    let quarantine = workshop.catalogue.get(&quarantine_name).cloned().ok_or_else(|| {
        Error::new(Kind::Defect, format!("build {partition}: no table {quarantine_name}"))
    })?;
    let quarantine_partition = Partition { table: quarantine_name, dt: partition.dt };
    let raw_key = publish::work_key(&workshop.warehouse, lease, partition);
    let quarantine_key = publish::work_key(&workshop.warehouse, lease, &quarantine_partition);
    let store = workshop.warehouse.store();
    let mut accepted =
        ParquetSink::create(Arc::clone(&store), raw_key.clone(), reader.schema(), &[]).await?;
    let mut quarantined =
        ParquetSink::create(store, quarantine_key.clone(), Arc::clone(&quarantine.schema), &[])
            .await?;
    let read = async {
        while let Some(mut rows) = reader.next().await? {
            if let Some(erasing) = &erasing {
                let (accepted, found) = erasing.rows(&roles, &rows.accepted)?;
                let (quarantined, found_too) = erasing.quarantined(&roles, &rows.quarantined)?;
                rows = Rows { accepted, quarantined };
                erased_row_count += found.plus(found_too).row_count;
            }
            if rows.accepted.num_rows() > 0 {
                accepted.write(&rows.accepted).await?;
            }
            if rows.quarantined.num_rows() > 0 {
                quarantined.write(&rows.quarantined).await?;
            }
        }
        reader.finish().await
    };
    let counts = match read.await {
        Ok(counts) => counts,
        Err(error) => {
            accepted.abort().await;
            quarantined.abort().await;
            return Err(error);
        }
    };
    if let Err(error) = judge(source, partition, &counts) {
        accepted.abort().await;
        quarantined.abort().await;
        return Err(error);
    }
    let exports: Vec<ExportInput> = files
        .iter()
        .filter_map(|file| {
            let read = counts.files.iter().find(|read| read.name == file.name)?;
            Some(input_of(file, read))
        })
        .collect();
    let mut parts = evaluation.parts.clone();
    parts.insert("exports".to_string(), exports_hash(&exports));
    let objects = vec![
        (
            quarantine,
            Built {
                key: quarantine_key,
                written: quarantined.finish().await?,
                findings: vec![],
                checks: vec![],
            },
        ),
        (
            Arc::clone(model),
            Built {
                key: raw_key,
                written: accepted.finish().await?,
                findings: vec![],
                checks: vec![],
            },
        ),
    ];
    let mut warnings = warnings(&counts);
    if erased_row_count > 0 {
        warnings.insert(ERASED_ROWS.to_string(), erased_row_count);
    }
    Ok(Made { parts, exports, accounting: Some(accounting(&counts)), warnings, objects })
}

/// Fails the day where too large a share of its rows is bad.
fn judge(source: &Source, partition: &Partition, counts: &Counts) -> Result<()> {
    let sum = counts.accepted + counts.quarantined + counts.duplicates;
    if counts.read != sum {
        return Err(Error::new(
            Kind::Defect,
            format!("build {partition}: read {} rows and accounted for {sum}", counts.read),
        ));
    }
    let share = counts.bad_share();
    let by_reason: Vec<_> = counts
        .quarantined_by_reason
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    if share > source.maximum_bad_share {
        return Err(Error::new(
            Kind::ExportBroken,
            format!(
                "ingest source `{}` for {}: {} of {} rows are bad ({:.2} %), more than \
                 `maximum_bad_share: {}` allows: {}; first {}; nothing was published",
                source.name,
                partition.dt,
                counts.quarantined,
                counts.judged(),
                share * 100.0,
                source.maximum_bad_share,
                by_reason.join(", "),
                counts.first_quarantined.join("; "),
            ),
        ));
    }
    if counts.quarantined > 0 {
        warn!(
            source = source.name,
            dt = %partition.dt,
            read = counts.read,
            quarantined = counts.quarantined,
            reasons = by_reason.join(", "),
            first = counts.first_quarantined.join("; "),
            "rows went to quarantine"
        );
    }
    for file in &counts.files {
        if let Some(original) = file.replay_of.as_ref().or(file.same_as.as_ref()) {
            warn!(
                source = source.name,
                dt = %partition.dt,
                file = file.name,
                original,
                row_count = file.read,
                "a file was delivered again and counts once"
            );
        }
    }
    Ok(())
}

/// What of the day was let through and should be looked at.
fn warnings(counts: &Counts) -> BTreeMap<String, u64> {
    let is_repeated =
        |file: &&exports::FileRead| file.replay_of.is_some() || file.same_as.is_some();
    let repeated_files = counts.files.iter().filter(is_repeated).count() as u64;
    let all = [(QUARANTINED_ROWS, counts.quarantined), (REPEATED_FILES, repeated_files)];
    let found = all.into_iter().filter(|(_, count)| *count > 0);
    found.map(|(name, count)| (name.to_string(), count)).collect()
}

fn accounting(counts: &Counts) -> Accounting {
    Accounting {
        read_row_count: counts.read,
        accepted_row_count: counts.accepted,
        quarantined_row_count: counts.quarantined,
        duplicate_row_count: counts.duplicates,
        kept_duplicate_row_count: counts.duplicates_kept,
    }
}

/// The files of the days before, newest first, among which a replayed file may be found.
async fn earlier_files(workshop: &Workshop, source: &Source, dt: Day) -> Result<Vec<EarlierFile>> {
    let mut earlier = vec![];
    let declaration = declaration_hash(workshop, source);
    for days in 1..=u64::from(source.replay_window_days) {
        let day = dt.minus(days);
        let files = workshop.files.files(source, day).await?;
        let partition = Partition { table: TableName::new(RAW, &source.name), dt: day };
        let entry = workshop.entry(&partition).await;
        // Read in another way, the same file may have another number of rows.
        let is_read_alike =
            entry.as_ref().is_some_and(|entry| entry.parts.get(SOURCE) == Some(&declaration));
        earlier.extend(files.into_iter().map(|file| {
            let read = read_before(entry.as_deref(), &file);
            let read = read.filter(|read| is_version_read(read, &file));
            let row_count = read.filter(|_| is_read_alike).and_then(|read| read.row_count);
            EarlierFile { plain: read.and_then(|read| read.plain), row_count, file }
        }));
    }
    Ok(earlier)
}

/// Which of the files that were read would be taken for replays now and were not, or were and
/// would not be: a file of an earlier day came late, or was corrected.
async fn replay_reasons(
    workshop: &Workshop,
    source: &Source,
    dt: Day,
    exports: &[ExportInput],
) -> Result<Vec<Reason>> {
    let mut reasons = vec![];
    if source.replay_window_days == 0 || exports.is_empty() {
        return Ok(reasons);
    }
    let window = || (1..=u64::from(source.replay_window_days)).map(|days| dt.minus(days));
    let mut earlier = vec![];
    for day in window() {
        let table = TableName::new(RAW, &source.name);
        earlier.extend(workshop.entry(&Partition { table, dt: day }).await);
    }
    let earlier: Vec<&ExportInput> = earlier.iter().flat_map(|entry| &entry.exports).collect();
    for export in exports {
        let is_replay = earlier.iter().any(|other| {
            other.file != export.file && other.byte_count > 0 && holds_the_same(other, export)
        });
        let changed = match &export.replay_of {
            // A file without rows repeats nothing, whatever its bytes.
            None => is_replay && export.row_count != Some(0),
            Some(_) if is_replay => false,
            // The original's day was never ingested, or what was the original is no more.
            Some(of) => {
                let is_corrected = earlier.iter().any(|other| other.file == *of);
                is_corrected || !lies_in_landing(workshop, source, window(), of).await?
            }
        };
        if changed {
            reasons.push(Reason::ReplayChanged(export.file.clone()));
        }
    }
    Ok(reasons)
}

async fn lies_in_landing(
    workshop: &Workshop,
    source: &Source,
    days: impl Iterator<Item = Day>,
    name: &str,
) -> Result<bool> {
    for day in days {
        if workshop.files.files(source, day).await?.iter().any(|file| file.name == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was read of the file when the day was ingested last.
fn read_before<'a>(entry: Option<&'a Entry>, file: &ExportFile) -> Option<&'a ExportInput> {
    entry.into_iter().flat_map(|entry| &entry.exports).find(|export| export.file == file.name)
}

/// Whether the file is, by what a listing says of it, the version that was read.
///
/// Equal ETags mean equal bytes, whatever the time; without them the time decides. A server that
/// tells neither cannot say so: its files are read at every look.
fn is_version_read(read: &ExportInput, file: &ExportFile) -> bool {
    // A weak one (RFC 9110, 8.8.1) may stand for versions that only mean the same.
    let strong = |e_tag: &Option<String>| {
        e_tag
            .clone()
            .filter(|e_tag| !e_tag.starts_with("W/") && !e_tag.trim_matches('"').is_empty())
    };
    let is_same = match (strong(&read.e_tag), strong(&file.e_tag)) {
        (Some(read), Some(now)) => read == now,
        (None, None) => {
            file.last_modified == read.last_modified && file.last_modified != DateTime::UNIX_EPOCH
        }
        _ => false,
    };
    is_same && file.byte_count == read.byte_count
}

/// Whether two files hold the same, whatever they are compressed with.
fn holds_the_same(one: &ExportInput, other: &ExportInput) -> bool {
    match (one.plain, other.plain) {
        (Some(one), Some(other)) => one == other,
        _ => one.content_hash == other.content_hash,
    }
}

/// What was read `before`, by the marks that `file` has now.
fn marked_as(file: &ExportFile, before: &ExportInput) -> ExportInput {
    ExportInput { e_tag: file.e_tag.clone(), last_modified: file.last_modified, ..before.clone() }
}

fn input_of(file: &ExportFile, read: &FileRead) -> ExportInput {
    ExportInput {
        file: file.name.clone(),
        byte_count: file.byte_count,
        e_tag: file.e_tag.clone(),
        last_modified: file.last_modified,
        content_hash: read.content_hash,
        plain: read.plain,
        row_count: Some(read.read),
        replay_of: read.replay_of.clone(),
    }
}

/// Hash of which files were read with which bytes.
pub(super) fn exports_hash(exports: &[ExportInput]) -> ContentHash {
    let files: Vec<_> =
        exports.iter().map(|export| (export.file.as_str(), export.content_hash)).collect();
    ContentHash::of_json(&files)
}

/// The hash of the file's bytes; they are read once, however often it is asked for.
async fn hash_of(workshop: &Workshop, file: &ExportFile) -> Result<ContentHash> {
    let known = || workshop.contents.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, hash)) = known().get(&file.name).filter(|(known, _)| known == file) {
        return Ok(*hash);
    }
    let store = workshop.landing.store();
    let hash = fetch::hash_of(&store, &file.location, file.byte_count).await;
    let hash = hash.map_err(|error| {
        let what = format!("read export `{}` of `{}`", file.name, workshop.landing.name());
        lake::failure(what, error)
    })?;
    known().insert(file.name.clone(), (file.clone(), hash));
    Ok(hash)
}
