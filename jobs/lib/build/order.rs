//! In which order the targets of a day are built, several at once: each after those it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::lake::TableName;
use crate::models::Model;

/// What is yet to be started of a day, and what it waits for.
///
/// Models are known by their place in the list of all.
#[derive(Debug)]
pub(super) struct Order {
    waiting: BTreeSet<usize>,
    /// Of each model, those that it reads and that are not finished.
    unfinished: Vec<BTreeSet<usize>>,
    running: BTreeSet<usize>,
    /// Those beside which another ran at some time.
    accompanied: BTreeSet<usize>,
    /// Those that are to run with nothing beside them.
    alone: BTreeSet<usize>,
    /// The one of those that runs.
    lone: Option<usize>,
}

impl Order {
    /// All of `models` wait; `makes` gives the tables that are published with a model. Tables that
    /// none of `models` makes are there already.
    pub(super) fn new(models: &[Arc<Model>], makes: impl Fn(&Model) -> Vec<TableName>) -> Order {
        let makers: BTreeMap<TableName, usize> = models
            .iter()
            .enumerate()
            .flat_map(|(at, model)| makes(model).into_iter().map(move |table| (table, at)))
            .collect();
        let inputs_of = |(at, model): (usize, &Arc<Model>)| {
            let tables = model.dependencies();
            let inputs = tables.iter().filter_map(|table| makers.get(table).copied());
            inputs.filter(|input| *input != at).collect()
        };
        Order {
            waiting: (0..models.len()).collect(),
            unfinished: models.iter().enumerate().map(inputs_of).collect(),
            running: BTreeSet::new(),
            accompanied: BTreeSet::new(),
            alone: BTreeSet::new(),
            lone: None,
        }
    }

    /// Starts the first model that waits for nothing, as long as fewer than `limit` run.
    pub(super) fn start(&mut self, limit: usize) -> Option<usize> {
        let limit = if self.alone.is_empty() && self.lone.is_none() { limit } else { 1 };
        if self.running.len() >= limit {
            return None;
        }
        let next = match self.alone.pop_first() {
            Some(next) => *self.lone.insert(next),
            None => {
                let is_ready = |at: &usize| self.unfinished[*at].is_empty();
                let next = self.waiting.iter().copied().find(is_ready)?;
                self.waiting.remove(&next);
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

    /// The model is built, or will not be.
    pub(super) fn finish(&mut self, at: usize) {
        self.running.remove(&at);
        self.lone = self.lone.filter(|lone| *lone != at);
        for inputs in &mut self.unfinished {
            inputs.remove(&at);
        }
    }

    /// Has a model that lacked memory run once more with nothing beside it; false where it ran so
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

    /// An order of models that read those of `inputs`.
    fn order(inputs: &[&[usize]]) -> Order {
        Order {
            waiting: (0..inputs.len()).collect(),
            unfinished: inputs.iter().map(|inputs| inputs.iter().copied().collect()).collect(),
            running: BTreeSet::new(),
            accompanied: BTreeSet::new(),
            alone: BTreeSet::new(),
            lone: None,
        }
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
