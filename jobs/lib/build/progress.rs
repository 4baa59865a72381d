//! How far a run is, and how long it may still take, by what earlier builds of the same tables took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::build::Workshop;
use crate::build::estimate::Estimates;
use crate::build::target::Target;
use crate::dates::Day;
use crate::lake::TableName;

/// How far a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Targets that were begun.
    pub begun_count: usize,
    /// Targets there are.
    pub target_count: usize,
    /// Days of which every target is finished, whatever became of it.
    pub days_done: usize,
    /// Days there are.
    pub day_count: usize,
    /// What each table's targets are expected to take, in milliseconds.
    expected: BTreeMap<TableName, f64>,
    expected_sum: f64,
    expected_done: f64,
    started: Instant,
}

impl Progress {
    /// Of a run over `targets` that begins now.
    pub(super) async fn of<'a>(
        workshop: &Workshop,
        targets: impl Iterator<Item = &'a Target>,
    ) -> Progress {
        let estimates = Estimates::of(&workshop.published.read().await.ledger);
        let mut expected: BTreeMap<TableName, f64> = BTreeMap::new();
        let (mut target_count, mut expected_sum) = (0, 0.0);
        let mut days: BTreeSet<Day> = BTreeSet::new();
        for Target { model, dt } in targets {
            let milliseconds = match expected.get(&model.name) {
                Some(milliseconds) => *milliseconds,
                None => {
                    let milliseconds = estimates.milliseconds(&model.name);
                    expected.insert(model.name.clone(), milliseconds);
                    milliseconds
                }
            };
            target_count += 1;
            expected_sum += milliseconds;
            days.insert(*dt);
        }
        Progress {
            begun_count: 0,
            target_count,
            days_done: 0,
            day_count: days.len(),
            expected,
            expected_sum,
            expected_done: 0.0,
            started: Instant::now(),
        }
    }

    /// How long the rest may take: as long as was expected of it, stretched as what is done was;
    /// none while nothing is done.
    pub fn time_left(&self) -> Option<Duration> {
        let elapsed = self.started.elapsed().as_secs_f64();
        let left = (self.expected_sum - self.expected_done).max(0.0);
        let seconds = elapsed / self.expected_done * left;
        Duration::try_from_secs_f64(seconds).ok()
    }

    pub(super) fn begin(&mut self) {
        self.begun_count += 1;
    }

    pub(super) fn finish(&mut self, table: &TableName) {
        self.expected_done += self.expected.get(table).copied().unwrap_or(0.0);
    }

    pub(super) fn finish_day(&mut self) {
        self.days_done += 1;
    }
}
