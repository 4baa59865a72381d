//! What a run would do: the stale targets in order, each with its reasons. Writes nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::build::{Freshness, Reason, Workshop};
use crate::dates::DayRange;
use crate::errors::{Kind, Result};
use crate::lake::Partition;

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Targets to build, in order.
    pub stale: Vec<Step>,
    /// Targets that cannot be built yet, each with the inputs it waits for.
    pub waiting: Vec<Waiting>,
    /// How many targets are fresh.
    pub fresh_count: u64,
}

/// A target to build.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The target.
    #[serde(flatten)]
    pub partition: Partition,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Rows of the version that is published now.
    pub row_count: Option<u64>,
    /// Milliseconds that the version that is published now took.
    pub duration_ms: Option<u64>,
}

/// A target that cannot be built yet.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// The target.
    #[serde(flatten)]
    pub partition: Partition,
    /// What it waits for.
    pub missing: Vec<String>,
}

/// Plans every partition of `zones` within `days`.
pub async fn plan(workshop: &Workshop, zones: &[&str], days: DayRange) -> Result<Plan> {
    workshop.look_up().await?;
    let models = workshop.models_of(zones);
    let mut plan = Plan { stale: vec![], waiting: vec![], fresh_count: 0 };
    let mut planned = BTreeSet::new();
    for dt in days.days() {
        for model in &models {
            let partition = Partition { table: model.name.clone(), dt };
            let evaluation = match workshop.evaluate(model, dt, &planned).await {
                Ok(evaluation) => evaluation,
                Err(error) if error.kind() == Kind::NotThereYet => {
                    plan.waiting.push(Waiting { partition, missing: vec![error.chain()] });
                    continue;
                }
                Err(error) => return Err(error),
            };
            match evaluation.freshness {
                Freshness::Fresh => plan.fresh_count += 1,
                Freshness::Waiting(missing) => plan.waiting.push(Waiting {
                    partition,
                    missing: missing.iter().map(ToString::to_string).collect(),
                }),
                Freshness::Stale(reasons) => {
                    let entry = workshop.entry(&partition).await;
                    planned.extend(super::run::guarded(&partition));
                    plan.stale.push(Step {
                        partition,
                        reasons,
                        row_count: entry.as_ref().map(|entry| entry.row_count),
                        duration_ms: entry.map(|entry| entry.duration_ms),
                    });
                }
            }
        }
    }
    Ok(plan)
}
