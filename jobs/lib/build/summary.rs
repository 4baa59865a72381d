//! What became of the targets of a run, one by one and in sum.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tracing::error;

use crate::dates::Day;
use crate::errors::{Error, Kind};
use crate::lake::ledger::{Accounting, Entry};
use crate::lake::{Partition, TableName};
use crate::models::{Model, Recipe};

/// What became of the targets of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Partitions that were built and published.
    pub built_count: u64,
    /// Partitions that came out with the bytes that were published already.
    pub unchanged_count: u64,
    /// Partitions that were fresh.
    pub fresh_count: u64,
    /// Rows published, by table.
    pub row_counts: BTreeMap<TableName, u64>,
    /// Where the rows of the exports went, by source: of the run's days, fresh ones included.
    pub accounting: BTreeMap<String, Accounting>,
    /// Warnings of what was built: checks that found something but only warn, partitions with rows
    /// in quarantine, and those with files that repeat others.
    pub warning_count: u64,
    /// Days of the week before the run's first that are published and stale.
    pub stale_earlier_days: Vec<Day>,
    /// Targets that failed, in the order of days and of the tables in a day.
    pub failures: Vec<FailedTarget>,
    /// Targets that were not built because they read one that failed, or one held back.
    pub held_back_count: u64,
    /// The first of the run's days that was not begun, because the day before failed.
    pub not_begun_from: Option<Day>,
}

/// A target that could not be brought up to date.
#[derive(Debug, Clone, Serialize)]
pub struct FailedTarget {
    /// The source whose export it holds; none for tables that queries make.
    pub source: Option<String>,
    /// The target.
    #[serde(flatten)]
    pub partition: Partition,
    /// What kind of failure it was.
    pub kind: Kind,
    /// What went wrong, with its causes.
    pub message: String,
}

/// What became of one target.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was fresh.
    Fresh(Arc<Entry>),
    /// It was built; its bytes are what was published before.
    Unchanged(Arc<Entry>),
    /// It was built and published.
    Published(Arc<Entry>),
}

impl Outcome {
    /// The ledger's entry of what is published now.
    pub fn entry(&self) -> &Arc<Entry> {
        match self {
            Outcome::Fresh(entry) | Outcome::Unchanged(entry) | Outcome::Published(entry) => entry,
        }
    }
}

impl FailedTarget {
    /// Notes a failure, and logs it.
    pub(super) fn noted(model: &Model, partition: Partition, failure: &Error) -> FailedTarget {
        let source = match &model.recipe {
            Recipe::Export(source) => Some(source.name.clone()),
            Recipe::Query(_)
            | Recipe::Algorithm(_)
            | Recipe::Accounting(_)
            | Recipe::Restatements(_) => None,
        };
        let (kind, message) = (failure.kind(), failure.chain());
        error!(
            kind = kind.name(),
            exit_code = kind.exit_code(),
            source,
            table = %partition.table,
            dt = %partition.dt,
            "{message}"
        );
        FailedTarget { source, partition, kind, message }
    }
}

impl Summary {
    /// Counts a target that is up to date.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Fresh(_) => self.fresh_count += 1,
            Outcome::Unchanged(entry) => {
                self.unchanged_count += 1;
                self.warning_count += entry.warnings.len() as u64;
            }
            Outcome::Published(entry) => {
                self.built_count += 1;
                *self.row_counts.entry(entry.partition.table.clone()).or_default() +=
                    entry.row_count;
                self.warning_count += entry.warnings.len() as u64;
            }
        }
        let entry = outcome.entry();
        if let Some(accounting) = entry.accounting {
            let sum = self.accounting.entry(entry.partition.table.table.clone()).or_default();
            *sum = sum.plus(accounting);
        }
    }
}
