//! What a run would do: the stale targets in order, each with its reasons. Writes nothing.

mod causes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

pub use causes::Cause;

use crate::build::change::{self, Change};
use crate::build::estimate::{Estimates, Expected};
use crate::build::target::{Target, guarded};
use crate::build::{Evaluation, Freshness, Reason, Workshop, ingest};
use crate::dates::{Day, DayRange};
use crate::errors::{Kind, Result};
use crate::hash::ContentHash;
use crate::lake::{Partition, TableName, failed_checks};
use crate::models::{Model, Recipe};

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Targets to build, in order.
    pub stale: Vec<Step>,
    /// Targets that cannot be built yet, each with the inputs it waits for.
    pub waiting: Vec<Waiting>,
    /// How many targets are fresh.
    pub fresh_count: u64,
    /// What was written anew of what is to be built, by table and file, once it is looked up.
    pub changes: Vec<Change>,
    /// The tables of which something was written anew, with the project that they were built with.
    #[serde(skip)]
    rewritten: BTreeMap<TableName, ContentHash>,
    /// All that is expected of the targets to build of which the ledger tells anything; the
    /// duration is that of one at a time.
    pub expected: Expected,
    /// Of how many targets the ledger tells nothing.
    pub unknown_count: u64,
}

/// A target to build.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The target.
    #[serde(flatten)]
    pub partition: Partition,
    /// Why.
    pub reasons: Vec<Cause>,
    /// What it reads, by table.
    pub inputs: Vec<InputDays>,
    /// What it publishes.
    pub outputs: Vec<Partition>,
    /// What its version that is published now is, or those of other days are on average; none
    /// where the table was never built.
    pub expected: Option<Expected>,
    /// The steps before it that build what it reads, by their place.
    #[serde(skip)]
    pub(super) after: BTreeSet<usize>,
    #[serde(skip)]
    pub(super) target: Target,
}

/// The days that are read of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputDays {
    /// The table.
    pub table: TableName,
    /// The first of them.
    pub from: Day,
    /// The day after the last of them.
    pub to: Day,
    /// How many there are.
    pub day_count: u64,
    /// Their rows, as far as they are published.
    pub row_count: u64,
    /// Their bytes, as far as they are published.
    pub byte_count: u64,
}

/// A target that cannot be built yet.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// The target.
    #[serde(flatten)]
    pub partition: Partition,
    /// What it waits for.
    pub missing: Vec<String>,
    /// Whether it waits for what nothing of the plan will bring; else for another that waits.
    #[serde(skip)]
    pub(super) is_first: bool,
    #[serde(skip)]
    pub(super) target: Target,
}

/// Plans every partition of `models`, in their order, within `days`. With `is_forced` fresh ones
/// are built too.
///
/// Nothing is expected to come of a target that waits: what reads it waits too, a table's own next
/// day among them.
pub async fn plan(
    workshop: &Workshop,
    models: &[Arc<Model>],
    days: DayRange,
    is_forced: bool,
) -> Result<Plan> {
    workshop.look_up().await?;
    workshop.look_for_exports(models, days).await?;
    let failed_checks = failed_checks::checks(&workshop.warehouse).await?;
    let estimates = Estimates::of(&workshop.published.read().await.ledger);
    let mut planner = Planner {
        workshop,
        estimates,
        failed_checks,
        is_forced,
        coming: BTreeSet::new(),
        places: BTreeMap::new(),
        plan: Plan {
            stale: vec![],
            waiting: vec![],
            fresh_count: 0,
            changes: vec![],
            rewritten: BTreeMap::new(),
            expected: Expected::default(),
            unknown_count: 0,
        },
    };
    for dt in days.days() {
        for model in models {
            planner.look_at(Target::new(model, dt)).await?;
        }
    }
    Ok(planner.plan)
}

impl Plan {
    /// Leaves out all targets but those that `is_kept`.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&Target) -> bool) {
        self.stale.retain(|step| is_kept(&step.target));
        self.waiting.retain(|waiting| is_kept(&waiting.target));
        let expected = self.stale.iter().filter_map(|step| step.expected);
        self.expected = expected.fold(Expected::default(), Expected::plus);
        self.unknown_count =
            self.stale.iter().filter(|step| step.expected.is_none()).count() as u64;
    }

    /// Looks up what was written anew since what is published was built.
    pub async fn look_up_changes(&mut self, workshop: &Workshop) -> Result<()> {
        self.changes = change::since_built(workshop, &self.rewritten).await?;
        Ok(())
    }
}

struct Planner<'a> {
    workshop: &'a Workshop,
    estimates: Estimates,
    /// The checks that each partition's last build broke.
    failed_checks: BTreeMap<Partition, Vec<String>>,
    is_forced: bool,
    /// What is to be built or waits.
    coming: BTreeSet<Partition>,
    /// The steps by what they publish.
    places: BTreeMap<Partition, usize>,
    plan: Plan,
}

impl Planner<'_> {
    async fn look_at(&mut self, target: Target) -> Result<()> {
        let evaluation = self.workshop.evaluate(&target.model, target.dt, &self.coming).await;
        let evaluation = match evaluation {
            Ok(evaluation) => evaluation,
            Err(error) if error.kind() == Kind::NotThereYet => {
                self.wait(target, vec![error.chain()], true);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut reasons = match &evaluation.freshness {
            Freshness::Fresh => vec![],
            Freshness::Waiting(missing) => {
                let missing = missing.iter().map(ToString::to_string).collect();
                self.wait(target, missing, true);
                return Ok(());
            }
            Freshness::Stale(reasons) => reasons.clone(),
        };
        if reasons.is_empty() {
            let can_be_forced = self.is_forced
                && ingest::can_be_built_anew(self.workshop, &target.model, target.dt).await?;
            if !can_be_forced {
                self.plan.fresh_count += 1;
                return Ok(());
            }
            reasons.push(Reason::Forced);
        }
        let planned: Vec<&Partition> = reasons
            .iter()
            .filter_map(|reason| match reason {
                Reason::InputStale(input) => Some(input),
                _ => None,
            })
            .collect();
        let waiting: Vec<String> = planned
            .iter()
            .filter(|input| !self.places.contains_key(**input))
            .map(ToString::to_string)
            .collect();
        if !waiting.is_empty() {
            self.wait(target, waiting, false);
            return Ok(());
        }
        let mut after: BTreeSet<usize> =
            planned.iter().filter_map(|input| self.places.get(*input).copied()).collect();
        after.extend(self.delivered_before(&target));
        let planned: Vec<Partition> = planned.into_iter().cloned().collect();
        self.add(target, &evaluation, reasons, &planned, after).await;
        Ok(())
    }

    /// The step of a source's day before: what a file repeats is found sooner when the files of
    /// the days before are known.
    fn delivered_before(&self, target: &Target) -> Option<usize> {
        match &target.model.recipe {
            Recipe::Export(source) if source.replay_window_days > 0 => {
                let (table, dt) = (target.model.name.clone(), target.dt.minus(1));
                self.places.get(&Partition { table, dt }).copied()
            }
            _ => None,
        }
    }

    async fn add(
        &mut self,
        target: Target,
        evaluation: &Evaluation,
        mut reasons: Vec<Reason>,
        planned: &[Partition],
        after: BTreeSet<usize>,
    ) {
        let partition = target.partition();
        let entry = self.workshop.entry(&partition).await;
        if let Some(project) = entry.as_ref().and_then(|entry| entry.project)
            && reasons.iter().any(Reason::is_of_what_people_write)
        {
            // The latest day's version is the one that people last knew.
            self.plan.rewritten.insert(partition.table.clone(), project);
        }
        let checks = self.failed_checks.get(&partition).into_iter().flatten();
        let warned = |check: &&String| {
            entry.as_ref().is_some_and(|entry| {
                entry.warnings.keys().any(|warning| failed_checks::is_of(check, warning))
            })
        };
        reasons.extend(checks.filter(|check| !warned(check)).cloned().map(Reason::CheckFailed));
        let expected = entry
            .as_deref()
            .map(Expected::as_before)
            .or_else(|| self.estimates.mean(&partition.table));
        match expected {
            Some(expected) => self.plan.expected = self.plan.expected.plus(expected),
            None => self.plan.unknown_count += 1,
        }
        let outputs = guarded(&partition);
        let place = self.plan.stale.len();
        self.coming.extend(outputs.iter().cloned());
        self.places.extend(outputs.iter().cloned().map(|output| (output, place)));
        let inputs = self.inputs(evaluation, planned).await;
        let reasons = causes::grouped(&reasons);
        self.plan.stale.push(Step { partition, reasons, inputs, outputs, expected, after, target });
    }

    /// What is read, by table: what is published and what is yet to be built.
    async fn inputs(&self, evaluation: &Evaluation, planned: &[Partition]) -> Vec<InputDays> {
        let published = evaluation.inputs.iter().map(|input| &input.partition);
        let all: BTreeSet<&Partition> = published.chain(planned).collect();
        let mut inputs: Vec<InputDays> = vec![];
        for partition in all {
            if inputs.last().is_none_or(|last| last.table != partition.table) {
                inputs.push(InputDays {
                    table: partition.table.clone(),
                    from: partition.dt,
                    to: partition.dt,
                    day_count: 0,
                    row_count: 0,
                    byte_count: 0,
                });
            }
            let entry = self.workshop.entry(partition).await;
            let Some(last) = inputs.last_mut() else { continue };
            last.to = partition.dt.plus(1);
            last.day_count += 1;
            last.row_count += entry.as_ref().map_or(0, |entry| entry.row_count);
            last.byte_count += entry.as_ref().map_or(0, |entry| entry.byte_count);
        }
        inputs
    }

    fn wait(&mut self, target: Target, missing: Vec<String>, is_first: bool) {
        let partition = target.partition();
        self.coming.extend(guarded(&partition));
        self.plan.waiting.push(Waiting { partition, missing, is_first, target });
    }
}
