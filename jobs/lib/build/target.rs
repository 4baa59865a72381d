//! Brings one partition up to date: judges it, takes its lease, builds and checks it, publishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::build::query::Built;
use crate::build::run::Run;
use crate::build::summary::Outcome;
use crate::build::watch::Watch;
use crate::build::{Evaluation, Freshness, Reason, Workshop, ingest, query, restatement, reuse};
use crate::checks::finding;
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::lake::lease::Lease;
use crate::lake::ledger::{Accounting, Entry, ExportInput};
use crate::lake::publish::{self, Part};
use crate::lake::{Partition, TableName};
use crate::models::contract::schema_hash;
use crate::models::{Model, QUARANTINE, Recipe};

/// How long tidying up after a failure may take: storage that does not answer must not hold the
/// job back once for each thing to tidy. What is left lying the next run clears away.
const TIDY_UP: Duration = Duration::from_secs(5);

/// A partition to be brought up to date.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What makes it.
    pub model: Arc<Model>,
    /// Its day.
    pub dt: Day,
}

impl Target {
    /// The partition of `dt` that `model` makes.
    pub(super) fn new(model: &Arc<Model>, dt: Day) -> Target {
        Target { model: Arc::clone(model), dt }
    }

    /// The partition.
    pub(super) fn partition(&self) -> Partition {
        Partition { table: self.model.name.clone(), dt: self.dt }
    }
}

/// Brings one partition up to date; with `is_forced` it is built also where it is fresh. `turns` are
/// as many as may be built at once.
pub(super) async fn bring_up_to_date(
    workshop: &Workshop,
    run: &Run,
    target: &Target,
    is_forced: bool,
    turns: &Semaphore,
) -> Result<Outcome> {
    let watch = Watch::over(run, target);
    let outcome = look_and_build(workshop, run, target, is_forced, turns, &watch).await;
    watch.end(workshop, &outcome).await;
    outcome
}

async fn look_and_build(
    workshop: &Workshop,
    run: &Run,
    target: &Target,
    is_forced: bool,
    turns: &Semaphore,
    watch: &Watch,
) -> Result<Outcome> {
    let partition = target.partition();
    let evaluation = evaluate(workshop, target, is_forced).await?;
    let fresh = fresh(workshop, &evaluation).await?;
    let has_new_marks = ingest::has_new_marks(workshop, &evaluation).await;
    let fresh = match fresh {
        Some(outcome) if !has_new_marks => return Ok(outcome),
        fresh => fresh,
    };
    let floor = workshop.entry(&partition).await.map_or(0, |entry| entry.fence);
    let lease = match Lease::acquire(&workshop.warehouse, &partition, &run.holder, floor).await {
        Ok(lease) => lease,
        Err(error) => match fresh {
            // Only marks are to be noted, which whoever holds the lease does too.
            Some(outcome) if error.kind() == Kind::LeaseHeld => return Ok(outcome),
            _ => return Err(error),
        },
    };
    let outcome = build_under(workshop, run, target, is_forced, turns, &lease, watch).await;
    if outcome.as_ref().is_err_and(|failure| failure.kind() == Kind::Storage) {
        // Whoever ends the run gives it back, if storage answers by then.
        return outcome;
    }
    let released = lease.release().await;
    let outcome = outcome?;
    released?;
    Ok(outcome)
}

/// Judges the target; one that is forced is stale whatever is published, as long as it can be
/// built.
async fn evaluate(workshop: &Workshop, target: &Target, is_forced: bool) -> Result<Evaluation> {
    let mut evaluation = workshop.evaluate(&target.model, target.dt, &BTreeSet::new()).await?;
    if is_forced
        && evaluation.freshness == Freshness::Fresh
        && ingest::can_be_built_anew(workshop, &target.model, target.dt).await?
    {
        evaluation.freshness = Freshness::Stale(vec![Reason::Forced]);
    }
    Ok(evaluation)
}

/// The published entry where nothing is to be done; an error where nothing can be.
async fn fresh(workshop: &Workshop, evaluation: &Evaluation) -> Result<Option<Outcome>> {
    let partition = &evaluation.partition;
    match &evaluation.freshness {
        Freshness::Fresh => Ok(workshop.entry(partition).await.map(Outcome::Fresh)),
        Freshness::Stale(_) => Ok(None),
        Freshness::Waiting(missing) => {
            let first = missing.first().map(ToString::to_string).unwrap_or_default();
            let more = match missing.len() {
                0 | 1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            Err(Error::new(
                Kind::NotThereYet,
                format!(
                    "build {partition}: its input {first}{more} is not published; run the job \
                     that makes it for that day first"
                ),
            ))
        }
    }
}

async fn build_under(
    workshop: &Workshop,
    run: &Run,
    target: &Target,
    is_forced: bool,
    turns: &Semaphore,
    lease: &Lease,
    watch: &Watch,
) -> Result<Outcome> {
    let Target { model, dt } = target;
    // What another run did while we waited for the lease may have made the work unnecessary.
    publish::recover(&workshop.warehouse, lease).await?;
    workshop.refresh_one(lease.partition()).await?;
    let evaluation = evaluate(workshop, target, is_forced).await?;
    let is_fresh = match fresh(workshop, &evaluation).await? {
        Some(outcome) if !ingest::has_new_marks(workshop, &evaluation).await => return Ok(outcome),
        fresh => fresh.is_some(),
    };
    let turn = turns.acquire().await.context(Kind::Defect, || "wait for a turn to build")?;
    let started = Instant::now();
    let made = if is_fresh {
        Ok((ingest::noted_anew(workshop, run, &evaluation, lease, started).await, false))
    } else {
        watch.begin(workshop, &evaluation).await;
        make(workshop, run, model, &evaluation, lease, started, watch).await
    };
    drop(turn);
    if made.is_err() {
        // What was refused must not lie about.
        let swept = publish::sweep(&workshop.warehouse, lease);
        match tokio::time::timeout(TIDY_UP, swept).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => warn!("failed to clear the work area: {}", cause.chain()),
            Err(_) => warn!("gave up on clearing the work area: the next run does it"),
        }
    }
    let (parts, changed) = made?;
    let entries: Vec<Entry> = parts.iter().map(|part| part.entry.clone()).collect();
    let published = publish::publish(&workshop.warehouse, lease, parts).await;
    // After any other failure the next run may need what was built, to roll the publish forward.
    if published.as_ref().err().is_none_or(|error| error.kind() == Kind::LeaseHeld) {
        publish::sweep(&workshop.warehouse, lease).await?;
    }
    let changed = published? || changed;
    let entry = workshop.note_published(entries, model).await?;
    let (message, outcome): (_, fn(Arc<Entry>) -> Outcome) = match (is_fresh, changed) {
        (true, _) => ("fresh, noted anew", Outcome::Fresh),
        (false, true) => ("published", Outcome::Published),
        (false, false) => ("rebuilt, unchanged", Outcome::Unchanged),
    };
    info!(
        table = %model.name,
        %dt,
        row_count = entry.row_count,
        duration_ms = entry.duration_ms,
        reason = entry.reason,
        "{message}"
    );
    Ok(outcome(entry))
}

/// Builds the partition into the work area and checks it: what is to be published, and whether
/// any of it is other than what is published now.
async fn make(
    workshop: &Workshop,
    run: &Run,
    model: &Arc<Model>,
    evaluation: &Evaluation,
    lease: &Lease,
    started: Instant,
    watch: &Watch,
) -> Result<(Vec<Part>, bool)> {
    let dt = evaluation.partition.dt;
    let made = match &model.recipe {
        Recipe::Export(source) => ingest::build(workshop, source, model, evaluation, lease).await?,
        Recipe::Query(_)
        | Recipe::Algorithm(_)
        | Recipe::Accounting(_)
        | Recipe::Restatements(_) => {
            let is_forced = evaluation.freshness == Freshness::Stale(vec![Reason::Forced]);
            let taken_again = match is_forced {
                true => None,
                false => reuse::of_day_before(workshop, evaluation, lease).await?,
            };
            let built = match taken_again {
                Some(built) => Ok(built),
                None => query::build(workshop, model, evaluation, lease).await,
            };
            let built = match built {
                Ok(built) => built,
                Err(error) => {
                    // An input that was replaced while it was read can fail in any way.
                    workshop.refresh_one(lease.partition()).await?;
                    ensure_same_inputs(workshop, evaluation).await?;
                    ensure_sound_inputs(workshop, evaluation).await?;
                    return Err(error);
                }
            };
            Made {
                parts: evaluation.parts.clone(),
                exports: vec![],
                accounting: None,
                warnings: BTreeMap::new(),
                objects: vec![(Arc::clone(model), built)],
            }
        }
    };
    watch.note(&made);
    workshop.refresh_one(lease.partition()).await?;
    ensure_same_inputs(workshop, evaluation).await?;
    {
        let published = workshop.published.read().await;
        publish::ensure_not_fenced(&published.ledger, lease)?;
    }
    let mut parts = vec![];
    let mut changed = false;
    for (model, object) in &made.objects {
        let partition = Partition { table: model.name.clone(), dt };
        let mut warnings = finding::verdict(&partition, &object.findings)?;
        for finding in &object.findings {
            warn!(
                table = %model.name,
                %dt,
                check = finding.check,
                bad_row_count = finding.bad_row_count,
                rows = finding.kept.as_ref().map(|kept| kept.place.as_str()),
                "a check found bad rows"
            );
        }
        if model.name.zone != QUARANTINE {
            warnings.extend(made.warnings.clone());
        }
        let entry =
            entry(workshop, run, evaluation, &made, model, object, lease, started, warnings)
                .await?;
        let published = workshop.published.read().await;
        let same = published
            .ledger
            .current(&partition)
            .is_some_and(|current| current.content_hash == entry.content_hash)
            && published.objects.get(&partition) == Some(&entry.byte_count);
        changed |= !same;
        let part = if same { Part::unchanged } else { Part::staged };
        parts.push(part(&object.key, entry));
    }
    Ok((parts, changed))
}

/// The objects that a build made, and what they were made of.
#[derive(Debug)]
pub(super) struct Made {
    pub parts: BTreeMap<String, crate::hash::ContentHash>,
    pub exports: Vec<ExportInput>,
    pub accounting: Option<Accounting>,
    pub warnings: BTreeMap<String, u64>,
    pub objects: Vec<(Arc<Model>, Built)>,
}

#[allow(clippy::too_many_arguments)]
async fn entry(
    workshop: &Workshop,
    run: &Run,
    evaluation: &Evaluation,
    made: &Made,
    model: &Model,
    built: &Built,
    lease: &Lease,
    started: Instant,
    warnings: BTreeMap<String, u64>,
) -> Result<Entry> {
    let partition = Partition { table: model.name.clone(), dt: evaluation.partition.dt };
    let version = workshop.entry(&partition).await.map_or(0, |entry| entry.version) + 1;
    Ok(Entry {
        id: uuid::Uuid::now_v7().to_string(),
        version,
        fence: lease.fence(),
        fingerprint: crate::hash::ContentHash::of_json(&made.parts),
        parts: made.parts.clone(),
        dayless: workshop.dayless(evaluation),
        content_hash: built.written.content_hash,
        schema_hash: schema_hash(&model.schema),
        row_count: built.written.row_count,
        byte_count: built.written.byte_count,
        inputs: evaluation.inputs.clone(),
        exports: made.exports.clone(),
        accounting: if model.name.zone == QUARANTINE { None } else { made.accounting },
        warnings,
        project: Some(workshop.project().await?),
        restatements: restatement::of_build(
            workshop,
            model,
            &partition,
            evaluation,
            built,
            &run.run_id,
        )
        .await?,
        reason: evaluation.reason(),
        run_id: run.run_id.clone(),
        attempt: run.attempt,
        published_at: chrono::Utc::now(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        partition,
    })
}

/// What was read must still be what is published: another run may have replaced an input while
/// this one was reading it.
async fn ensure_same_inputs(workshop: &Workshop, evaluation: &Evaluation) -> Result<()> {
    for input in &evaluation.inputs {
        let now = workshop.entry(&input.partition).await.map(|entry| entry.content_hash);
        if now != Some(input.content_hash) {
            return Err(Error::new(
                Kind::LeaseHeld,
                format!(
                    "build {}: another run replaced its input {} meanwhile, nothing of it was \
                     published",
                    evaluation.partition, input.partition
                ),
            ));
        }
    }
    Ok(())
}

/// Damage to a published object that keeps its size is seen only by who reads it, and then as any
/// kind of failure: it must be told from a mistake in the query.
async fn ensure_sound_inputs(workshop: &Workshop, evaluation: &Evaluation) -> Result<()> {
    for input in &evaluation.inputs {
        let Some(entry) = workshop.entry(&input.partition).await else { continue };
        publish::ensure_sound(&workshop.warehouse, &entry).await?;
    }
    Ok(())
}

impl Workshop {
    /// Takes in what other runs published since, and looks again whether the object of
    /// `partition` (and its quarantine) stands.
    pub(super) async fn refresh_one(&self, partition: &Partition) -> Result<()> {
        self.refresh().await?;
        let mut sizes = vec![];
        for partition in guarded(partition) {
            let size = self.warehouse.object_size(&partition).await?;
            sizes.push((partition, size));
        }
        let mut published = self.published.write().await;
        for (partition, size) in sizes {
            match size {
                Some(size) => published.objects.insert(partition, size),
                None => published.objects.remove(&partition),
            };
        }
        Ok(())
    }

    /// Takes in what was just published.
    pub(super) async fn note_entries(&self, entries: Vec<Entry>) {
        let mut published = self.published.write().await;
        for entry in entries {
            published.objects.insert(entry.partition.clone(), entry.byte_count);
            published.ledger.add_own(&self.warehouse, entry);
        }
    }

    async fn note_published(&self, entries: Vec<Entry>, model: &Model) -> Result<Arc<Entry>> {
        let own = entries.iter().find(|entry| entry.partition.table == model.name);
        let own = own.map(|entry| entry.partition.clone());
        self.note_entries(entries).await;
        let published = self.published.read().await;
        let own = own.and_then(|partition| published.ledger.current(&partition).cloned());
        own.ok_or_else(|| Error::new(Kind::Defect, format!("publish {}: not noted", model.name)))
    }
}

/// The partitions that are published together with `partition`.
pub(super) fn guarded(partition: &Partition) -> Vec<Partition> {
    let mut guarded = vec![partition.clone()];
    if partition.table.zone == crate::models::RAW {
        let table = TableName::new(QUARANTINE, &partition.table.table);
        guarded.push(Partition { table, dt: partition.dt });
    }
    guarded
}
