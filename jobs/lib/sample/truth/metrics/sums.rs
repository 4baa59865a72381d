//! Sums by day and dimension.

use std::collections::BTreeMap;

use crate::dates::Day;

/// `N` sums for each day and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums<K: Ord, const N: usize>(pub(super) BTreeMap<(Day, K), [i64; N]>);

impl<K: Ord, const N: usize> Default for Sums<K, N> {
    fn default() -> Self {
        Sums(BTreeMap::new())
    }
}

impl<K: Ord + Copy, const N: usize> Sums<K, N> {
    /// Adds to the sums of a day and key.
    pub(super) fn add(&mut self, day: Day, key: K, added: [i64; N]) {
        let sums = self.0.entry((day, key)).or_insert([0; N]);
        for (sum, added) in sums.iter_mut().zip(added) {
            *sum += added;
        }
    }

    /// Adds the sums of another one.
    pub(super) fn merge(&mut self, other: Sums<K, N>) {
        for ((day, key), sums) in other.0 {
            self.add(day, key, sums);
        }
    }

    /// The rows by other keys: each row counts in all of those that `keys` gives for it.
    pub(super) fn regrouped<L: Ord + Copy, const M: usize>(
        &self,
        keys: impl Fn(K) -> [L; M],
    ) -> Sums<L, N> {
        let mut regrouped = Sums::default();
        for ((day, key), sums) in &self.0 {
            for key in keys(*key) {
                regrouped.add(*day, key, *sums);
            }
        }
        regrouped
    }

    /// The rows in order of day and key.
    pub(super) fn rows(&self) -> Vec<(Day, K, [i64; N])> {
        self.0.iter().map(|((day, key), sums)| (*day, *key, *sums)).collect()
    }
}
