//! Builds targets, several at once, each after those it reads; and with it brings days up to date,
//! one after the other.
//!
//! A target that fails holds back those that read it. All others are built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument as _, error_span, info, warn};

use crate::build::order::Order;
use crate::build::others::{Others, Seen};
use crate::build::progress::Progress;
use crate::build::summary::{FailedTarget, Outcome, Summary};
use crate::build::target::{self, Target, guarded};
use crate::build::{Freshness, Reason, Workshop};
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::lake::lease::Holder;
use crate::lake::{Partition, TableName, failed_checks, publish};
use crate::models::Recipe;
use crate::observe::Observers;

/// A run: who builds.
#[derive(Debug, Clone)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Takes leases on its behalf.
    pub holder: Holder,
    /// Who is told of what it builds.
    pub observers: Observers,
}

/// Is told of every target before it is looked at.
pub type OnTarget<'a> = &'a mut (dyn FnMut(&Progress, &Partition) + Send);

/// Brings every partition of `zones` within `days` up to date, day by day.
///
/// Before them come as many days as a source's `lookback_days` say, of which nothing is built that
/// was not built before. What fails there is noted like any other failure, and the days that were
/// asked for go on from what is published.
///
/// As many targets of a day are built at once as the settings name threads, each after those it
/// reads; one that lacks memory beside others is built again alone.
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
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<()> {
    publish::recover_all(&workshop.warehouse, &run.holder).await?;
    workshop.look_up().await?;
    let models = workshop.models_of(zones);
    let sources = workshop.catalogue.sources().values();
    let lookback_days = sources.map(|source| source.lookback_days).max().unwrap_or(0);
    let all_days = DayRange { from: days.from.minus(u64::from(lookback_days)), ..days };
    workshop.look_for_exports(&models, all_days).await?;
    let manner = Manner::plain(workshop.settings.threads);
    let mut every_day: Vec<(Day, Vec<Target>)> = vec![];
    for dt in all_days.days() {
        let mut targets: Vec<Target> = models.iter().map(|model| Target::new(model, dt)).collect();
        if dt < days.from {
            let published = workshop.published.read().await;
            targets.retain(|target| published.ledger.current(&target.partition()).is_some());
        }
        every_day.push((dt, targets));
    }
    let every_target = every_day.iter().flat_map(|(_, targets)| targets);
    let mut progress = Progress::of(workshop, every_target).await;
    let with_bad_rows = failed_checks::partitions(&workshop.warehouse).await?;
    for (dt, targets) in &every_day {
        let mut work = Work {
            workshop,
            run,
            targets,
            manner: &manner,
            with_bad_rows: &with_bad_rows,
            progress: &mut progress,
            others: Others::default(),
            unbuilt: BTreeSet::new(),
        };
        work.carry_out(Order::new(&inputs_within_a_day(targets)), on_target, summary).await?;
        if !work.unbuilt.is_empty() && *dt >= days.from {
            summary.not_begun_from = Some(dt.plus(1)).filter(|day| *day < days.to);
            return Ok(());
        }
    }
    Ok(())
}

/// Of each target of a day, those of the list that make tables it reads. Tables that none of them
/// makes are there already.
fn inputs_within_a_day(targets: &[Target]) -> Vec<BTreeSet<usize>> {
    let makes =
        |target: &Target| guarded(&target.partition()).into_iter().map(|partition| partition.table);
    let makers: BTreeMap<TableName, usize> = targets
        .iter()
        .enumerate()
        .flat_map(|(at, target)| makes(target).map(move |table| (table, at)))
        .collect();
    let inputs_of = |(at, target): (usize, &Target)| {
        let tables = target.model.dependencies();
        let inputs = tables.iter().filter_map(|table| makers.get(table).copied());
        inputs.filter(|input| *input != at).collect()
    };
    targets.iter().enumerate().map(inputs_of).collect()
}

/// How a run goes about its targets.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// Targets that are built at once.
    pub at_once: usize,
    /// Whether targets are built that are fresh.
    pub is_forced: bool,
    /// Whether trouble that may meet the next target too holds back no more than what reads the one
    /// that it met.
    pub goes_on_after_trouble: bool,
    /// When nothing more is begun.
    pub until: Option<Instant>,
}

impl Manner {
    /// `at_once` targets at once, without anything else.
    pub(super) fn plain(at_once: usize) -> Manner {
        Manner { at_once, is_forced: false, goes_on_after_trouble: false, until: None }
    }

    /// Targets that are begun at once. Where several are built at once, one more is judged, or
    /// published: those wait for storage, and leave their processor to it.
    fn begun_at_once(&self) -> usize {
        if self.at_once > 1 { self.at_once + 1 } else { 1 }
    }

    fn is_time_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Targets to build, and what became of them so far.
pub(super) struct Work<'a> {
    pub workshop: &'a Arc<Workshop>,
    pub run: &'a Run,
    /// In the order in which those come that may be built next.
    pub targets: &'a [Target],
    pub manner: &'a Manner,
    /// Partitions of which rows are kept that broke a check.
    pub with_bad_rows: &'a BTreeSet<Partition>,
    pub progress: &'a mut Progress,
    /// The targets that other runs build.
    pub others: Others,
    /// Partitions that could not be built: what reads them is held back.
    pub unbuilt: BTreeSet<Partition>,
}

impl Work<'_> {
    /// Builds the targets in `order`. What fails is in `summary`, and among `unbuilt`.
    pub(super) async fn carry_out(
        &mut self,
        order: Order,
        on_target: OnTarget<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        let mut going = Going {
            order,
            running: JoinSet::new(),
            failures: BTreeMap::new(),
            days: Days::of(self.own_targets()),
            turns: Arc::new(Semaphore::new(self.manner.at_once)),
        };
        let outcome = self.go(&mut going, on_target, summary).await;
        // What still runs after trouble stops where it is, and gives its leases back at the end.
        going.running.shutdown().await;
        summary.failures.extend(going.failures.into_values());
        outcome
    }

    fn own_targets(&self) -> impl Iterator<Item = &Target> {
        let targets = self.targets.iter().enumerate();
        targets.filter(|(at, _)| !self.others.include(*at)).map(|(_, target)| target)
    }

    async fn go(
        &mut self,
        going: &mut Going,
        on_target: OnTarget<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        loop {
            self.begin(going, on_target, summary).await?;
            let left_count = going.order.unstarted_count() - self.others.untaken_count();
            if going.running.is_empty() {
                if left_count == 0 {
                    return Ok(());
                }
                if self.manner.is_time_over() {
                    let what =
                        format!("the run's time is over: {left_count} targets were not begun");
                    return Err(Error::new(Kind::OutOfTime, what));
                }
            }
            let are_awaited = self.others.are_awaited();
            let (is_forced, is_idle) = (self.manner.is_forced, going.running.is_empty());
            tokio::select! {
                Some(finished) = going.running.join_next() => {
                    let (at, outcome) = finished.or_else(panicked)?;
                    if !self.settle(at, outcome, going, summary).await? {
                        return Ok(());
                    }
                }
                seen = self.others.look(
                    self.workshop, self.targets, &self.unbuilt, is_forced, is_idle,
                ), if are_awaited => {
                    for (at, seen) in seen? {
                        if seen == Seen::HeldBack {
                            self.unbuilt.extend(guarded(&self.targets[at].partition()));
                        }
                        going.order.finish(at);
                    }
                }
                else => return Err(Error::new(Kind::Defect, "build targets: none can begin")),
            }
        }
    }

    /// Begins as many targets as may be.
    async fn begin(
        &mut self,
        going: &mut Going,
        on_target: OnTarget<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        while !self.manner.is_time_over()
            && let Some(at) = going.order.start(self.manner.begun_at_once())
        {
            if self.others.take(at) {
                going.order.set_aside(at);
                continue;
            }
            let target = &self.targets[at];
            let partition = target.partition();
            self.progress.begin();
            on_target(self.progress, &partition);
            match self.held_back(target).await {
                Ok(Some(input)) => {
                    let Partition { table, dt } = &partition;
                    warn!(%table, %dt, %input, "held back: an input was not built");
                    summary.held_back_count += 1;
                    going.days.of_target(partition.dt).held_back_count += 1;
                    self.unbuilt.extend(guarded(&partition));
                    self.finish(at, going).await?;
                }
                Ok(None) => {
                    let (workshop, run) = (Arc::clone(self.workshop), self.run.clone());
                    let (target, is_forced) = (target.clone(), self.manner.is_forced);
                    let turns = Arc::clone(&going.turns);
                    let Partition { table, dt } = &partition;
                    // Of the level that every filter lets through.
                    let span = error_span!("target", %table, %dt);
                    let work = async move {
                        let done =
                            target::bring_up_to_date(&workshop, &run, &target, is_forced, &turns);
                        (at, done.await)
                    };
                    going.running.spawn(work.instrument(span));
                }
                Err(failure) => {
                    going.running.spawn(async move { (at, Err(failure)) });
                }
            }
        }
        Ok(())
    }

    /// Notes what became of a target; whether the run goes on.
    async fn settle(
        &mut self,
        at: usize,
        outcome: Result<Outcome>,
        going: &mut Going,
        summary: &mut Summary,
    ) -> Result<bool> {
        let target = &self.targets[at];
        let day = going.days.of_target(target.dt);
        match outcome {
            Ok(outcome) => {
                self.forget_bad_rows(&outcome).await?;
                summary.count(&outcome);
                day.count(&outcome);
            }
            Err(failure)
                if failure.kind() == Kind::OutOfMemory && going.order.run_again_alone(at) =>
            {
                info!(table = %target.model.name, dt = %target.dt, "to be built again, alone");
                return Ok(true);
            }
            Err(failure) => {
                let partition = target.partition();
                self.unbuilt.extend(guarded(&partition));
                day.failed_count += 1;
                let failed = FailedTarget::noted(&target.model, partition, &failure);
                going.failures.insert(at, failed);
                let goes_on = match reach(failure.kind()) {
                    Reach::Target => true,
                    Reach::Perhaps => self.manner.goes_on_after_trouble,
                    Reach::Run => false,
                };
                if !goes_on {
                    return Ok(false);
                }
            }
        }
        self.finish(at, going).await?;
        Ok(true)
    }

    /// Notes that a target is finished; at the end of its day what is to be done then.
    async fn finish(&mut self, at: usize, going: &mut Going) -> Result<()> {
        let target = &self.targets[at];
        going.order.finish(at);
        self.progress.finish(&target.model.name);
        let Some(day) = going.days.finish(target.dt) else { return Ok(()) };
        self.progress.finish_day();
        if day.built_count + day.unchanged_count > 0 {
            self.workshop.compact_ledger().await?;
        }
        info!(
            dt = %target.dt,
            built = day.built_count,
            unchanged = day.unchanged_count,
            fresh = day.fresh_count,
            failed = day.failed_count,
            held_back = day.held_back_count,
            days_done = self.progress.days_done,
            days = self.progress.day_count,
            seconds_left = self.progress.time_left().map(|left| left.as_secs()),
            "day done"
        );
        Ok(())
    }

    /// The first input of `target` that is among those that could not be built.
    async fn held_back(&self, target: &Target) -> Result<Option<Partition>> {
        if self.unbuilt.is_empty() {
            return Ok(None);
        }
        // As in a plan: what is yet to be built is told as a reason, whatever is published now.
        let evaluation = match &target.model.recipe {
            Recipe::Export(_) => return Ok(None),
            Recipe::Query(_)
            | Recipe::Algorithm(_)
            | Recipe::Accounting(_)
            | Recipe::Restatements(_) => {
                self.workshop.evaluate(&target.model, target.dt, &self.unbuilt).await?
            }
        };
        let Freshness::Stale(reasons) = evaluation.freshness else { return Ok(None) };
        Ok(reasons.into_iter().find_map(|reason| match reason {
            Reason::InputStale(input) => Some(input),
            _ => None,
        }))
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

/// What is under way, and what became of it.
struct Going {
    order: Order,
    running: JoinSet<(usize, Result<Outcome>)>,
    /// By the place of the target, so that they are told in order.
    failures: BTreeMap<usize, FailedTarget>,
    days: Days,
    /// As many as may be built at once.
    turns: Arc<Semaphore>,
}

/// Goes on panicking where a target's task did, so that the job ends as by any panic.
fn panicked<T>(failure: JoinError) -> Result<T> {
    match failure.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(stopped) => Err(Error::new(Kind::Defect, "build a target").because(stopped)),
    }
}

/// How far a failure reaches.
enum Reach {
    /// It says nothing of other targets than those that read the one that failed.
    Target,
    /// Another run is at work on the same days, storage is down, we are broken: the next target
    /// will most likely meet it too.
    Perhaps,
    /// It is the run's.
    Run,
}

fn reach(kind: Kind) -> Reach {
    match kind {
        Kind::Usage
        | Kind::OutOfMemory
        | Kind::CheckFailed
        | Kind::ExportBroken
        | Kind::NotThereYet => Reach::Target,
        Kind::LeaseHeld | Kind::Storage | Kind::Defect => Reach::Perhaps,
        Kind::OutOfTime | Kind::NothingToDo | Kind::Interrupted | Kind::Terminated => Reach::Run,
    }
}

/// What became of the targets of a day.
#[derive(Debug, Default)]
struct DayDone {
    unfinished_count: u64,
    built_count: u64,
    unchanged_count: u64,
    fresh_count: u64,
    failed_count: u64,
    held_back_count: u64,
}

impl DayDone {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Fresh(_) => self.fresh_count += 1,
            Outcome::Unchanged(_) => self.unchanged_count += 1,
            Outcome::Published(_) => self.built_count += 1,
        }
    }
}

/// The days of a list of targets.
struct Days(BTreeMap<Day, DayDone>);

impl Days {
    fn of<'a>(targets: impl Iterator<Item = &'a Target>) -> Days {
        let mut days: BTreeMap<Day, DayDone> = BTreeMap::new();
        for target in targets {
            days.entry(target.dt).or_default().unfinished_count += 1;
        }
        Days(days)
    }

    fn of_target(&mut self, dt: Day) -> &mut DayDone {
        self.0.entry(dt).or_default()
    }

    /// Notes that a target of the day is finished; the day, where it was the last.
    fn finish(&mut self, dt: Day) -> Option<DayDone> {
        let day = self.0.get_mut(&dt)?;
        day.unfinished_count = day.unfinished_count.saturating_sub(1);
        if day.unfinished_count == 0 { self.0.remove(&dt) } else { None }
    }
}
