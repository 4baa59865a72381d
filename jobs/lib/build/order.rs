//! In which order targets are built, several at once: each after those it reads.

use std::collections::BTreeSet;

/// What is yet to be started, and what it waits for.
///
/// Targets are known by their place in the list of all; of those that wait for nothing the first
/// of the list is started first.
#[derive(Debug)]
pub(super) struct Order {
    /// Those that wait for nothing and were not started.
    ready: BTreeSet<usize>,
    /// Of each target, how many of those that it reads are not finished.
    unfinished_counts: Vec<usize>,
    /// Of each target, those that read it.
    readers: Vec<Vec<usize>>,
    /// How many were not started.
    unstarted_count: usize,
    running: BTreeSet<usize>,
    /// Those beside which another ran at some time.
    accompanied: BTreeSet<usize>,
    /// Those that are to run with nothing beside them.
    alone: BTreeSet<usize>,
    /// The one of those that runs.
    lone: Option<usize>,
}

impl Order {
    /// All targets wait; `inputs` are, of each, those that it reads.
    pub(super) fn new(inputs: &[BTreeSet<usize>]) -> Order {
        let mut readers: Vec<Vec<usize>> = vec![vec![]; inputs.len()];
        for (at, inputs) in inputs.iter().enumerate() {
            for input in inputs {
                readers[*input].push(at);
            }
        }
        let unfinished_counts: Vec<usize> = inputs.iter().map(BTreeSet::len).collect();
        let ready = (0..inputs.len()).filter(|at| unfinished_counts[*at] == 0).collect();
        Order {
            ready,
            unfinished_counts,
            readers,
            unstarted_count: inputs.len(),
            running: BTreeSet::new(),
            accompanied: BTreeSet::new(),
            alone: BTreeSet::new(),
            lone: None,
        }
    }

    /// Starts the first target that waits for nothing, as long as fewer than `limit` run.
    pub(super) fn start(&mut self, limit: usize) -> Option<usize> {
        let limit = if self.alone.is_empty() && self.lone.is_none() { limit } else { 1 };
        if self.running.len() >= limit {
            return None;
        }
        let next = match self.alone.pop_first() {
            Some(next) => *self.lone.insert(next),
            None => {
                let next = self.ready.pop_first()?;
                self.unstarted_count -= 1;
                if !self.running.is_empty() {
                    self.accompanied.extend(&self.running);
                    self.accompanied.insert(next);
                }
                next
            }
        };
        self.running.insert(next);
        Some(next)
    }

    /// How many are to be started yet.
    pub(super) fn unstarted_count(&self) -> usize {
        self.unstarted_count + self.alone.len()
    }

    /// The target is built by somebody else: it takes no place among those that run until it is
    /// finished.
    pub(super) fn set_aside(&mut self, at: usize) {
        self.running.remove(&at);
        self.accompanied.remove(&at);
    }

    /// The target is built, or will not be.
    pub(super) fn finish(&mut self, at: usize) {
        self.running.remove(&at);
        self.lone = self.lone.filter(|lone| *lone != at);
        for reader in std::mem::take(&mut self.readers[at]) {
            self.unfinished_counts[reader] -= 1;
            if self.unfinished_counts[reader] == 0 {
                self.ready.insert(reader);
            }
        }
    }

    /// Has a target that lacked memory run once more with nothing beside it; false where it ran so
    /// already.
    pub(super) fn run_again_alone(&mut self, at: usize) -> bool {
        let was_accompanied = self.accompanied.remove(&at);
        if was_accompanied {
            self.running.remove(&at);
            self.alone.insert(at);
        }
        was_accompanied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(inputs: &[&[usize]]) -> Order {
        let inputs: Vec<BTreeSet<usize>> =
            inputs.iter().map(|inputs| inputs.iter().copied().collect()).collect();
        Order::new(&inputs)
    }

    #[test]
    fn each_starts_after_those_it_reads_and_no_more_than_may_run() {
        let mut order = order(&[&[], &[0], &[], &[1, 2], &[]]);
        assert_eq!(order.start(2), Some(0));
        assert_eq!(order.start(2), Some(2));
        assert_eq!(order.start(2), None);
        order.finish(2);
        assert_eq!(order.start(2), Some(4));
        order.finish(0);
        assert_eq!(order.start(2), Some(1));
        order.finish(4);
        assert_eq!(order.start(2), None);
        order.finish(1);
        assert_eq!(order.start(2), Some(3));
        order.finish(3);
        assert_eq!(order.start(2), None);
    }

    #[test]
    fn one_at_a_time_is_the_order_of_the_list() {
        let mut order = order(&[&[], &[0], &[], &[1, 2]]);
        let mut started = vec![];
        while let Some(next) = order.start(1) {
            started.push(next);
            order.finish(next);
        }
        assert_eq!(started, [0, 1, 2, 3]);
    }

    #[test]
    fn what_lacked_memory_beside_others_runs_once_more_alone() {
        let mut order = order(&[&[], &[], &[], &[0]]);
        assert_eq!((order.start(2), order.start(2)), (Some(0), Some(1)));
        assert!(order.run_again_alone(0));
        // Nothing begins beside it, nor it beside what still runs.
        assert_eq!(order.start(2), None);
        order.finish(1);
        assert_eq!(order.start(2), Some(0));
        assert_eq!(order.start(2), None);
        assert!(!order.run_again_alone(0));
        order.finish(0);
        assert_eq!((order.start(2), order.start(2)), (Some(2), Some(3)));
    }
}
