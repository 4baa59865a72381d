//! Brings a range of days up to date: what the plan says and nothing else, days beside each other
//! where no table stands between them, and in order where one reads its own past.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::build::order::Order;
use crate::build::others::Others;
use crate::build::plan::{self, Plan};
use crate::build::progress::Progress;
use crate::build::run::{Manner, OnTarget, Run, Work};
use crate::build::summary::{FailedTarget, Summary};
use crate::build::target::{Target, guarded};
use crate::build::{Workshop, shard};
use crate::dates::DayRange;
use crate::errors::{Error, Kind, Result};
use crate::lake::{failed_checks, publish};
use crate::models::Model;

pub use crate::build::shard::Shard;

/// What is to be brought up to date, and how.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// The models of the tables, in the order to build them.
    pub models: Vec<Arc<Model>>,
    /// The days.
    pub days: DayRange,
    /// How many targets are built at once; none: as many as the settings name threads.
    pub at_once: Option<usize>,
    /// Whether what is fresh is built anew.
    pub is_forced: bool,
    /// Whether a held lease, trouble with storage and a defect hold back no more than what reads
    /// the target that they met; else they end the run.
    pub goes_on_after_trouble: bool,
    /// How long targets are begun.
    pub max_runtime: Option<Duration>,
    /// Which share of the work is this run's; none: all of it.
    pub shard: Option<Shard>,
    /// How long is waited for other shards while they publish nothing.
    pub shard_patience: Duration,
}

impl Backfill {
    /// What it would do.
    pub async fn plan(&self, workshop: &Workshop) -> Result<Plan> {
        let mut plan = self.whole_plan(workshop).await?;
        plan.keep(|target| self.is_own(target));
        Ok(plan)
    }

    async fn whole_plan(&self, workshop: &Workshop) -> Result<Plan> {
        plan::plan(workshop, &self.models, self.days, self.is_forced).await
    }

    /// Whether the target is of this run's shard.
    fn is_own(&self, target: &Target) -> bool {
        self.shard.is_none_or(|shard| shard::is_of(shard, &self.models, target))
    }
}

/// Builds what the plan says; what became of it is in `summary`.
///
/// A target that fails is noted there, and logged; those that read it are held back, also where an
/// earlier version of it is published, a table's own next day among them; all others are built,
/// whatever their day. Run again, it goes on where it ended.
///
/// Errors: trouble outside of any one target; [`Kind::OutOfTime`] where the time was over before
/// all was begun; [`Kind::NotThereYet`] where other shards did not build what this one's targets
/// read.
pub async fn carry_out(
    workshop: &Arc<Workshop>,
    run: &Run,
    backfill: &Backfill,
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<()> {
    let until = backfill.max_runtime.map(|time| Instant::now() + time);
    publish::recover_all(&workshop.warehouse, &run.holder).await?;
    let plan = backfill.whole_plan(workshop).await?;
    summary.fresh_count += plan.fresh_count;
    let mut unbuilt = BTreeSet::new();
    for waiting in &plan.waiting {
        unbuilt.extend(guarded(&waiting.partition));
        if !backfill.is_own(&waiting.target) {
            continue;
        }
        if !waiting.is_first {
            summary.held_back_count += 1;
            continue;
        }
        let (partition, model) = (waiting.partition.clone(), &waiting.target.model);
        let what = format!("build {partition}: waits for {}", waiting.missing.join(", "));
        let failure = Error::new(Kind::NotThereYet, what);
        summary.failures.push(FailedTarget::noted(model, partition, &failure));
    }
    let targets: Vec<Target> = plan.stale.iter().map(|step| step.target.clone()).collect();
    let inputs: Vec<BTreeSet<usize>> = plan.stale.into_iter().map(|step| step.after).collect();
    let is_others = |at: &usize| !backfill.is_own(&targets[*at]);
    let others: BTreeSet<usize> = (0..targets.len()).filter(is_others).collect();
    let own = targets.iter().enumerate().filter(|(at, _)| !others.contains(at));
    let mut progress = Progress::of(workshop, own.map(|(_, target)| target)).await;
    let with_bad_rows = failed_checks::partitions(&workshop.warehouse).await?;
    let mut work = Work {
        workshop,
        run,
        targets: &targets,
        manner: &Manner {
            at_once: backfill.at_once.unwrap_or(workshop.settings.threads),
            is_forced: backfill.is_forced,
            goes_on_after_trouble: backfill.goes_on_after_trouble,
            until,
        },
        with_bad_rows: &with_bad_rows,
        progress: &mut progress,
        others: Others::of(workshop, &targets, others, backfill.shard_patience).await,
        unbuilt,
    };
    work.carry_out(Order::new(&inputs), on_target, summary).await
}
