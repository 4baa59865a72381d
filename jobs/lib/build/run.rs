//! Brings targets up to date: day by day, and within a day several at once, each table after those
//! it reads.
//!
//! A target that fails holds back those that read it, and the days after. All others of its day
//! are built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use crate::build::order::Order;
use crate::build::query::Built;
use crate::build::summary::{FailedTarget, Outcome, Summary};
use crate::build::{Evaluation, Freshness, Reason, Workshop, ingest, query, reuse};
use crate::checks::finding;
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::lake::lease::{Holder, Lease};
use crate::lake::ledger::{Accounting, Entry, ExportInput};
use crate::lake::publish::{self, Part};
use crate::lake::{Partition, TableName, failed_checks};
use crate::models::contract::schema_hash;
use crate::models::{Model, QUARANTINE, Recipe};

/// How long tidying up after a failure may take: storage that does not answer must not hold the
/// job back once for each thing to tidy. What is left lying the next run clears away.
const TIDY_UP: Duration = Duration::from_secs(5);

/// A run: who builds.
#[derive(Debug, Clone)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Takes leases on its behalf.
    pub holder: Holder,
}

/// Brings every partition of `zones` within `days` up to date.
///
/// As many targets of a day are built at once as the settings name threads, each after those it
/// reads; one that lacks memory beside others is built again alone. `on_target` is told of every
/// target before it is looked at: its number from 1, their count, and its partition.
///
/// A target that fails is noted in `summary`, and logged; those that read it are held back, also
/// where an earlier version of it is published; the others of its day are built; and the days
/// after are not begun: a table that has no partition yet takes its first for the beginning of its
/// history, and that must not be the day after a failure. Trouble that would meet the next target
/// too ends the run at once. What was published stays.
///
/// Errors: trouble outside of any one target.
pub async fn bring_up_to_date(
    workshop: &Arc<Workshop>,
    run: &Run,
    zones: &[&str],
    days: DayRange,
    mut on_target: impl FnMut(usize, usize, &Partition),
    summary: &mut Summary,
) -> Result<()> {
    publish::recover_all(&workshop.warehouse, &run.holder).await?;
    workshop.look_up().await?;
    let models = workshop.models_of(zones);
    let with_bad_rows = failed_checks::partitions(&workshop.warehouse).await?;
    let target_count = models.len() * days.day_count();
    let mut number = 0;
    for dt in days.days() {
        let fresh_before = summary.fresh_count;
        let on_target = |partition: &Partition| {
            number += 1;
            on_target(number, target_count, partition);
        };
        let work = Work { workshop, run, models: &models, dt, with_bad_rows: &with_bad_rows };
        let is_done = work.bring_day_up_to_date(on_target, summary).await?;
        if summary.fresh_count - fresh_before < models.len() as u64 {
            workshop.published.write().await.ledger.compact(&workshop.warehouse).await?;
        }
        if !is_done {
            summary.not_begun_from = Some(dt.plus(1)).filter(|day| *day < days.to);
            return Ok(());
        }
    }
    Ok(())
}

/// The work of a day.
struct Work<'a> {
    workshop: &'a Arc<Workshop>,
    run: &'a Run,
    models: &'a [Arc<Model>],
    dt: Day,
    with_bad_rows: &'a BTreeSet<Partition>,
}

impl Work<'_> {
    /// Brings the day's targets up to date, as many at once as there are threads; whether all are.
    async fn bring_day_up_to_date(
        &self,
        mut on_target: impl FnMut(&Partition),
        summary: &mut Summary,
    ) -> Result<bool> {
        let mut order = self.order();
        let mut running: JoinSet<(usize, Result<Outcome>)> = JoinSet::new();
        let mut unbuilt: BTreeSet<Partition> = BTreeSet::new();
        let mut failures: BTreeMap<usize, FailedTarget> = BTreeMap::new();
        let outcome = loop {
            while let Some(at) = order.start(self.workshop.settings.threads) {
                let model = &self.models[at];
                let partition = self.partition(model);
                on_target(&partition);
                match held_back(self.workshop, model, self.dt, &unbuilt).await {
                    Ok(Some(input)) => {
                        let (table, dt) = (&model.name, self.dt);
                        warn!(%table, %dt, %input, "held back: an input was not built");
                        summary.held_back_count += 1;
                        unbuilt.extend(guarded(&partition));
                        order.finish(at);
                    }
                    Ok(None) => self.spawn(at, &mut running),
                    Err(failure) => {
                        running.spawn(async move { (at, Err(failure)) });
                    }
                }
            }
            let Some(finished) = running.join_next().await else { break Ok(()) };
            let (at, outcome) = finished.or_else(panicked)?;
            let model = &self.models[at];
            match outcome {
                Ok(outcome) => {
                    self.forget_bad_rows(&outcome).await?;
                    summary.count(&outcome);
                }
                Err(failure)
                    if failure.kind() == Kind::OutOfMemory && order.run_again_alone(at) =>
                {
                    info!(table = %model.name, dt = %self.dt, "to be built again, alone");
                    continue;
                }
                Err(failure) => {
                    let partition = self.partition(model);
                    unbuilt.extend(guarded(&partition));
                    failures.insert(at, FailedTarget::noted(model, partition, &failure));
                    if !is_of_one_target(failure.kind()) {
                        break Ok(());
                    }
                }
            }
            order.finish(at);
        };
        // What still runs after trouble stops where it is, and gives its leases back at the end.
        running.shutdown().await;
        summary.failures.extend(failures.into_values());
        outcome.map(|()| unbuilt.is_empty())
    }

    fn order(&self) -> Order {
        let makes = |model: &Model| {
            let made = guarded(&self.partition(model));
            made.into_iter().map(|partition| partition.table).collect()
        };
        Order::new(self.models, makes)
    }

    fn partition(&self, model: &Model) -> Partition {
        Partition { table: model.name.clone(), dt: self.dt }
    }

    fn spawn(&self, at: usize, running: &mut JoinSet<(usize, Result<Outcome>)>) {
        let (workshop, run) = (Arc::clone(self.workshop), self.run.clone());
        let (model, dt) = (Arc::clone(&self.models[at]), self.dt);
        running
            .spawn(async move { (at, bring_target_up_to_date(&workshop, &run, &model, dt).await) });
    }

    /// Removes rows that a build kept and that failed since, where what it was made of is as it
    /// was before.
    async fn forget_bad_rows(&self, outcome: &Outcome) -> Result<()> {
        let Outcome::Fresh(entry) = outcome else { return Ok(()) };
        if !self.with_bad_rows.contains(&entry.partition) {
            return Ok(());
        }
        let warnings = entry.warnings.keys().map(String::as_str);
        failed_checks::keep_only(&self.workshop.warehouse, &entry.partition, warnings).await
    }
}

/// Goes on panicking where a target's task did, so that the job ends as by any panic.
fn panicked<T>(failure: JoinError) -> Result<T> {
    match failure.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(stopped) => Err(Error::new(Kind::Defect, "build a target").because(stopped)),
    }
}

/// Whether a failure of this kind says nothing of the other targets.
fn is_of_one_target(kind: Kind) -> bool {
    match kind {
        Kind::Usage
        | Kind::OutOfMemory
        | Kind::CheckFailed
        | Kind::ExportBroken
        | Kind::NotThereYet => true,
        // Another run is at work on the same days; storage is down; we are broken.
        Kind::LeaseHeld
        | Kind::Storage
        | Kind::Defect
        | Kind::NothingToDo
        | Kind::Interrupted
        | Kind::Terminated => false,
    }
}

/// The first input of `model` on `dt` that is among those that could not be built.
async fn held_back(
    workshop: &Workshop,
    model: &Arc<Model>,
    dt: Day,
    unbuilt: &BTreeSet<Partition>,
) -> Result<Option<Partition>> {
    if unbuilt.is_empty() {
        return Ok(None);
    }
    // As in a plan: what is yet to be built is told as a reason, whatever is published now.
    let evaluation = match &model.recipe {
        Recipe::Export(_) => return Ok(None),
        Recipe::Query(_) | Recipe::Algorithm(_) | Recipe::Accounting(_) => {
            workshop.evaluate(model, dt, unbuilt).await?
        }
    };
    let Freshness::Stale(reasons) = evaluation.freshness else { return Ok(None) };
    Ok(reasons.into_iter().find_map(|reason| match reason {
        Reason::InputStale(input) => Some(input),
        _ => None,
    }))
}

/// Brings one partition up to date.
pub async fn bring_target_up_to_date(
    workshop: &Workshop,
    run: &Run,
    model: &Arc<Model>,
    dt: Day,
) -> Result<Outcome> {
    let partition = Partition { table: model.name.clone(), dt };
    let evaluation = workshop.evaluate(model, dt, &BTreeSet::new()).await?;
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
    let outcome = build_under(workshop, run, model, dt, &lease).await;
    if outcome.as_ref().is_err_and(|failure| failure.kind() == Kind::Storage) {
        // Whoever ends the run gives it back, if storage answers by then.
        return outcome;
    }
    let released = lease.release().await;
    let outcome = outcome?;
    released?;
    Ok(outcome)
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
    model: &Arc<Model>,
    dt: Day,
    lease: &Lease,
) -> Result<Outcome> {
    let started = Instant::now();
    // What another run did while we waited for the lease may have made the work unnecessary.
    publish::recover(&workshop.warehouse, lease).await?;
    workshop.refresh_one(lease.partition()).await?;
    let evaluation = workshop.evaluate(model, dt, &BTreeSet::new()).await?;
    let is_fresh = match fresh(workshop, &evaluation).await? {
        Some(outcome) if !ingest::has_new_marks(workshop, &evaluation).await => return Ok(outcome),
        fresh => fresh.is_some(),
    };
    let made = if is_fresh {
        Ok((ingest::noted_anew(workshop, run, &evaluation, lease, started).await, false))
    } else {
        make(workshop, run, model, &evaluation, lease, started).await
    };
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
) -> Result<(Vec<Part>, bool)> {
    let dt = evaluation.partition.dt;
    let made = match &model.recipe {
        Recipe::Export(source) => ingest::build(workshop, source, model, evaluation, lease).await?,
        Recipe::Query(_) | Recipe::Algorithm(_) | Recipe::Accounting(_) => {
            let taken_again = reuse::of_day_before(workshop, evaluation, lease).await?;
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
            entry(workshop, run, evaluation, &made, model, object, lease, started, warnings).await;
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
) -> Entry {
    let partition = Partition { table: model.name.clone(), dt: evaluation.partition.dt };
    let version = workshop.entry(&partition).await.map_or(0, |entry| entry.version) + 1;
    Entry {
        id: uuid::Uuid::now_v7().to_string(),
        version,
        fence: lease.fence(),
        fingerprint: crate::hash::ContentHash::of_json(&made.parts),
        parts: made.parts.clone(),
        dayless: evaluation.dayless,
        content_hash: built.written.content_hash,
        schema_hash: schema_hash(&model.schema),
        row_count: built.written.row_count,
        byte_count: built.written.byte_count,
        inputs: evaluation.inputs.clone(),
        exports: made.exports.clone(),
        accounting: if model.name.zone == QUARANTINE { None } else { made.accounting },
        warnings,
        reason: evaluation.reason(),
        run_id: run.run_id.clone(),
        attempt: run.attempt,
        published_at: chrono::Utc::now(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        partition,
    }
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
    async fn refresh_one(&self, partition: &Partition) -> Result<()> {
        let mut published = self.published.write().await;
        for partition in published.ledger.refresh(&self.warehouse).await? {
            let size = published.ledger.current(&partition).map(|entry| entry.byte_count);
            published.objects.extend(size.map(|size| (partition, size)));
        }
        for partition in guarded(partition) {
            match self.warehouse.object_size(&partition).await? {
                Some(size) => published.objects.insert(partition, size),
                None => published.objects.remove(&partition),
            };
        }
        Ok(())
    }

    async fn note_published(&self, entries: Vec<Entry>, model: &Model) -> Result<Arc<Entry>> {
        let mut published = self.published.write().await;
        let mut own = None;
        for entry in entries {
            let partition = entry.partition.clone();
            published.objects.insert(partition.clone(), entry.byte_count);
            published.ledger.add(entry);
            if partition.table == model.name {
                own = published.ledger.current(&partition).cloned();
            }
        }
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
