//! What building a table took and made so far, by the ledger: what building more of it may take.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lake::TableName;
use crate::lake::ledger::{Entry, Ledger};

/// What a target is expected to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Rows.
    pub row_count: u64,
    /// The size of its object in bytes.
    pub byte_count: u64,
    /// How long its build takes, in milliseconds.
    pub duration_ms: u64,
}

impl Expected {
    /// As the version of `entry` was.
    pub fn as_before(entry: &Entry) -> Expected {
        Expected {
            row_count: entry.row_count,
            byte_count: entry.byte_count,
            duration_ms: entry.duration_ms,
        }
    }

    /// The sums of two.
    pub fn plus(self, other: Expected) -> Expected {
        Expected {
            row_count: self.row_count.saturating_add(other.row_count),
            byte_count: self.byte_count.saturating_add(other.byte_count),
            duration_ms: self.duration_ms.saturating_add(other.duration_ms),
        }
    }
}

/// The means of what is published, by table.
#[derive(Debug)]
pub struct Estimates {
    means: BTreeMap<TableName, Expected>,
    /// Milliseconds of a target of any table; none where nothing is published.
    milliseconds: Option<f64>,
}

impl Estimates {
    /// By the current version of every partition that `ledger` knows.
    pub fn of(ledger: &Ledger) -> Estimates {
        let mut sums: BTreeMap<&TableName, (u64, Expected)> = BTreeMap::new();
        for entry in ledger.entries() {
            let (count, sum) = sums.entry(&entry.partition.table).or_default();
            *count += 1;
            *sum = sum.plus(Expected::as_before(entry));
        }
        let (count, sum) = sums.values().fold((0, 0), |(count, sum), (more, expected)| {
            (count + more, sum + expected.duration_ms)
        });
        let means = sums.into_iter().map(|(table, (count, sum))| {
            let mean = Expected {
                row_count: sum.row_count.div_ceil(count),
                byte_count: sum.byte_count.div_ceil(count),
                duration_ms: sum.duration_ms.div_ceil(count),
            };
            (table.clone(), mean)
        });
        let milliseconds = (count > 0).then(|| sum as f64 / count as f64);
        Estimates { means: means.collect(), milliseconds }
    }

    /// What a partition of `table` is on average; none where none is published.
    pub fn mean(&self, table: &TableName) -> Option<Expected> {
        self.means.get(table).copied()
    }

    /// Milliseconds that a target of `table` takes on average, by other tables where none of its
    /// own is published: a weight that is never zero.
    pub fn milliseconds(&self, table: &TableName) -> f64 {
        let own = self.means.get(table).map(|mean| mean.duration_ms as f64);
        own.or(self.milliseconds).unwrap_or(1.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_expected_of_what_was_never_built_but_that_it_takes_time() {
        let estimates = Estimates::of(&Ledger::default());
        let table = TableName::new("marts", "orders");
        assert_eq!(estimates.mean(&table), None);
        assert_eq!(estimates.milliseconds(&table), 1.0);
    }
}
