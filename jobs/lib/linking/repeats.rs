//! Which sources hold everybody once, judged by how many of their pairs are expected to be one
//! person.

use std::collections::BTreeSet;

use super::records::Records;
use crate::algorithms::identity::agglomeration::Edge;
use crate::algorithms::identity::training::probability_of;
use crate::config::linking::{Declaration, SourcesWithoutDuplicates};

/// How many pairs are expected to be one person within each source, and between it and others.
pub(super) struct Repeats {
    names: Vec<String>,
    /// For each record the number of its source.
    numbers: Vec<usize>,
    record_counts: Vec<f64>,
    /// In billionths, so that sums do not depend on their order.
    within: Vec<u128>,
    across: Vec<u128>,
}

impl Repeats {
    /// None where nobody asks, or there is one source.
    pub(super) fn of(records: &Records, model: &Declaration) -> Option<Repeats> {
        if model.guards.one_record_per_source != SourcesWithoutDuplicates::WhereNoneRepeats {
            return None;
        }
        let all: BTreeSet<&str> = records.sources.iter().flatten().collect();
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        if names.len() < 2 {
            return None;
        }
        let numbers: Vec<usize> = records
            .sources
            .iter()
            .map(|source| all.range(..source.unwrap_or_default()).count())
            .collect();
        let mut record_counts = vec![0.0; names.len()];
        for number in &numbers {
            if let Some(count) = record_counts.get_mut(*number) {
                *count += 1.0;
            }
        }
        let none = vec![0; names.len()];
        Some(Repeats { names, numbers, record_counts, within: none.clone(), across: none })
    }

    pub(super) fn add(&mut self, edges: &[Edge]) {
        let number = |place: u32| self.numbers.get(place as usize).copied().unwrap_or(usize::MAX);
        for edge in edges {
            let billionths = (probability_of(edge.weight) * 1e9) as u128;
            let (left, right) = (number(edge.left), number(edge.right));
            let sums = if left == right { &mut self.within } else { &mut self.across };
            for source in [Some(left), Some(right).filter(|right| *right != left)] {
                if let Some(sum) = source.and_then(|source| sums.get_mut(source)) {
                    *sum += billionths;
                }
            }
        }
    }

    /// The sources that hold next to nobody twice.
    pub(super) fn sources_without(self) -> Vec<String> {
        let billion = |sum: &u128| *sum as f64 / 1e9;
        let sums = self.within.iter().map(billion).zip(self.across.iter().map(billion));
        let sums = sums.zip(self.record_counts);
        let are_once = sums.map(|((within, across), records)| {
            within < REPEATED_RECORDS * records && within < REPEATED_PAIRS * across
        });
        self.names.into_iter().zip(are_once).filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }
}

/// The part of a source's records, and of its pairs with others, that its own pairs stay below
/// where it holds everybody once.
const REPEATED_RECORDS: f64 = 0.01;

const REPEATED_PAIRS: f64 = 0.05;
