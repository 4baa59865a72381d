//! Sums by day and dimension.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::dates::Day;

/// That facts are told: on which day, and how often they count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    /// The day.
    pub(super) on: Day,
    /// Once, or -1 times: taken back.
    pub(super) times: i64,
}

impl Telling {
    /// Told on a day.
    pub(super) fn once(on: Day) -> Telling {
        Telling { on, times: 1 }
    }

    /// Not told on a day on which it was counted.
    pub(super) fn back(on: Day) -> Telling {
        Telling { on, times: -1 }
    }
}

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

    /// Adds what is told.
    pub(super) fn tell(&mut self, telling: Telling, key: K, added: [i64; N]) {
        self.add(telling.on, key, added.map(|it| it * telling.times));
    }

    /// Takes back what stood `before` a day, and adds what stands `after` it: each in order of
    /// keys, every key once. Mostly little has changed, and what has not costs no look-up.
    pub(super) fn change(&mut self, day: Day, before: &[(K, [i64; N])], after: &[(K, [i64; N])]) {
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let old = before.next_if(|_| order.is_le());
            let new = after.next_if(|_| order.is_ge());
            let sums = |row: Option<&(K, [i64; N])>| row.map_or([0; N], |(_, sums)| *sums);
            if let Some((key, _)) = old.or(new).filter(|_| sums(old) != sums(new)) {
                let (old, new) = (sums(old), sums(new));
                self.add(day, *key, std::array::from_fn(|place| new[place] - old[place]));
            }
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

    /// The rows in order of day and key. Nothing but zeros, as of what was taken back, is no row.
    pub(super) fn rows(&self) -> Vec<(Day, K, [i64; N])> {
        let rows = self.0.iter().filter(|(_, sums)| sums.iter().any(|sum| *sum != 0));
        rows.map(|((day, key), sums)| (*day, *key, *sums)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_stands_less_what_stood() {
        let day: Day = "2024-03-01".parse().unwrap();
        let before = [("a", [1, 2]), ("b", [3, 0]), ("d", [1, 1])];
        let after = [("b", [3, 0]), ("c", [5, 5]), ("d", [2, 1])];
        let mut sums = Sums::default();
        sums.change(day, &before, &after);
        let expected = [(day, "a", [-1, -2]), (day, "c", [5, 5]), (day, "d", [1, 0])];
        assert_eq!(sums.rows(), expected);
        // What has not changed has no row, not even one of zeros.
        assert_eq!(sums.0.len(), 3);
    }
}
