//! Days before a run's first that are stale. The run's tables continue what was published on them,
//! so a late file of last week is in none of them until its day is run again.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::warn;

use crate::build::target::guarded;
use crate::build::{Freshness, Workshop};
use crate::dates::Day;
use crate::errors::{Kind, Result};
use crate::lake::Partition;
use crate::models::Model;

/// How many days before a run's first are looked at: to look at all would make a day's run slower
/// with every day of history.
const LOOK_BACK_DAYS: u64 = 7;

/// The days before `from` on which a partition of `models` is published and stale.
pub async fn stale_days(workshop: &Workshop, models: &[Arc<Model>], from: Day) -> Result<Vec<Day>> {
    let mut stale = vec![];
    let mut planned = BTreeSet::new();
    for dt in (1..=LOOK_BACK_DAYS).rev().map(|days| from.minus(days)) {
        let mut is_stale = false;
        for model in models {
            let partition = Partition { table: model.name.clone(), dt };
            if workshop.entry(&partition).await.is_none() {
                continue;
            }
            match workshop.evaluate(model, dt, &planned).await {
                Ok(evaluation) if matches!(evaluation.freshness, Freshness::Stale(_)) => {
                    is_stale = true;
                    planned.extend(guarded(&partition));
                }
                Ok(_) => {}
                // What cannot be built now is not what somebody forgot to run.
                Err(error) if error.kind() == Kind::NotThereYet => {}
                Err(error) => return Err(error),
            }
        }
        if is_stale {
            stale.push(dt);
        }
    }
    if let Some(first) = stale.first() {
        warn!(
            days = stale.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            "earlier days are stale, and what was built continues them: run again from {first}"
        );
    }
    Ok(stale)
}
