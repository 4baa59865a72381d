//! Who is told of a target while it is built, where the settings name somebody.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::build::run::Run;
use crate::build::summary::Outcome;
use crate::build::target::{Made, Target};
use crate::build::{Evaluation, Workshop};
use crate::dates::Day;
use crate::errors::Result;
use crate::lake::ledger::Entry;
use crate::lake::{Partition, TableName};
use crate::observe::openlineage::{Checked, Ended, Read, TargetRun};
use crate::observe::otlp::{Fate, Otlp};

/// Watches one target; watches nothing where nobody is told.
pub(super) struct Watch {
    partition: Partition,
    started_at: DateTime<Utc>,
    lineage: Option<TargetRun>,
    otlp: Option<Arc<Otlp>>,
}

impl Watch {
    /// Over a target that is about to be looked at.
    pub(super) fn over(run: &Run, target: &Target) -> Watch {
        let told_by = run.observers.openlineage.as_ref();
        Watch {
            partition: target.partition(),
            started_at: Utc::now(),
            lineage: told_by.map(|told_by| TargetRun::new(told_by, &target.model, target.dt)),
            otlp: run.observers.otlp.clone(),
        }
    }

    /// The target is about to be built.
    pub(super) async fn begin(&self, workshop: &Workshop, evaluation: &Evaluation) {
        if let Some(told) = &self.lineage {
            told.begin(evaluation.reason(), reads(workshop, evaluation).await);
        }
    }

    /// Its objects are built, and nothing of it is published.
    pub(super) fn note(&self, made: &Made) {
        for (model, built) in &made.objects {
            if let Some(told) = &self.lineage {
                told.note(Checked::new(model, &built.written, &built.checks));
            }
        }
    }

    /// What became of it.
    pub(super) async fn end(&self, workshop: &Workshop, outcome: &Result<Outcome>) {
        self.end_span(outcome);
        let Some(told) = &self.lineage else { return };
        let ended = match outcome {
            Ok(Outcome::Fresh(_)) => Ended::Fresh,
            Ok(Outcome::Unchanged(entry) | Outcome::Published(entry)) => Ended::Published(entry),
            Err(failure) => Ended::Failed(failure),
        };
        told.end(ended, &workshop.engine, &workshop.catalogue, &workshop.settings).await;
    }

    fn end_span(&self, outcome: &Result<Outcome>) {
        let Some(otlp) = &self.otlp else { return };
        let published = |entry: &Entry, is_changed| Fate::Published {
            row_count: entry.row_count,
            byte_count: entry.byte_count,
            is_changed,
        };
        let fate = match outcome {
            Ok(Outcome::Fresh(_)) => return,
            Ok(Outcome::Unchanged(entry)) => published(entry, false),
            Ok(Outcome::Published(entry)) => published(entry, true),
            Err(failure) => Fate::Failed(failure.kind()),
        };
        otlp.target(&self.partition, self.started_at, fate);
    }
}

/// What the target reads of each table.
async fn reads(workshop: &Workshop, evaluation: &Evaluation) -> Vec<Read> {
    let mut days: BTreeMap<&TableName, Vec<Day>> = BTreeMap::new();
    for input in &evaluation.inputs {
        days.entry(&input.partition.table).or_default().push(input.partition.dt);
    }
    let published = workshop.published.read().await;
    let reads = days.into_iter().filter_map(|(table, days)| {
        let model = Arc::clone(workshop.catalogue.get(table)?);
        let entries = evaluation.inputs.iter().filter(|input| input.partition.table == *table);
        let entries = entries.filter_map(|input| published.ledger.current(&input.partition));
        let (row_count, byte_count) = entries.fold((0, 0), |(rows, bytes), entry| {
            (rows + entry.row_count, bytes + entry.byte_count)
        });
        Some(Read { model, days, row_count, byte_count })
    });
    reads.collect()
}
