//! Shares the memory for queries among what needs it at the same time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};

/// The part of the memory that only those may take who hold next to nothing: whoever comes last
/// finds something to start with.
const KEPT_FOR_NEWCOMERS: usize = 4;

/// Memory that is shared fairly among the operators that hold some.
///
/// DataFusion's own fair pool divides by all operators of a plan that can spill. The customer view
/// has some seventy, of which a handful work at a time: each was held to a seventieth of the
/// memory. Here an operator that can spill may take an equal part among those that hold something;
/// one that cannot takes what is free. An operator that is refused spills what it holds.
#[derive(Debug)]
pub struct SharedPool {
    size: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes held by each operator that can spill, if any, by the operator's id.
    spillable: HashMap<usize, usize>,
    /// The sum of these.
    spillable_total: usize,
    /// Bytes held by those that cannot spill.
    unspillable_total: usize,
    /// How many operators there are that can spill.
    spiller_count: usize,
}

impl SharedPool {
    /// A pool of `size` bytes.
    pub fn new(size: usize) -> SharedPool {
        SharedPool { size, state: Mutex::default() }
    }

    /// A panic elsewhere leaves the numbers as they were: each change is one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free(&self, size: usize) -> usize {
        size.saturating_sub(self.spillable_total + self.unspillable_total)
    }

    /// How many more bytes the operator `id`, which can spill, may take.
    fn allowance(&self, size: usize, id: usize) -> usize {
        let held = self.spillable.get(&id).copied().unwrap_or(0);
        let for_spillers = size.saturating_sub(self.unspillable_total);
        let newcomer = usize::from(held == 0);
        let share = for_spillers / (self.spillable.len() + newcomer).max(1);
        let least = for_spillers / self.spiller_count.max(1);
        let free = self.free(size);
        let above_reserve = free.saturating_sub(for_spillers / KEPT_FOR_NEWCOMERS);
        let as_newcomer = least.saturating_sub(held).min(free);
        share.saturating_sub(held).min(above_reserve).max(as_newcomer)
    }

    fn grow(&mut self, consumer: &MemoryConsumer, additional: usize) {
        if consumer.can_spill() {
            *self.spillable.entry(consumer.id()).or_default() += additional;
            self.spillable_total += additional;
        } else {
            self.unspillable_total += additional;
        }
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.state().spiller_count += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state().spiller_count -= usize::from(consumer.can_spill());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state().grow(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut state = self.state();
        let consumer = reservation.consumer();
        if !consumer.can_spill() {
            state.unspillable_total -= shrink;
            return;
        }
        state.spillable_total -= shrink;
        if let Some(held) = state.spillable.get_mut(&consumer.id()) {
            *held -= shrink;
            if *held == 0 {
                state.spillable.remove(&consumer.id());
            }
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut state = self.state();
        let consumer = reservation.consumer();
        let allowance = match consumer.can_spill() {
            true => state.allowance(self.size, consumer.id()),
            false => state.free(self.size),
        };
        if additional > allowance {
            return Err(resources_datafusion_err!(
                "{} asked for {} more and could have {} of {}",
                consumer.name(),
                human_readable_size(additional),
                human_readable_size(allowance),
                human_readable_size(self.size)
            ));
        }
        state.grow(consumer, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        let state = self.state();
        state.spillable_total + state.unspillable_total
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({})", self.name(), human_readable_size(self.size))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn operator(pool: &Arc<dyn MemoryPool>, can_spill: bool) -> MemoryReservation {
        MemoryConsumer::new("operator").with_can_spill(can_spill).register(pool)
    }

    #[test]
    fn idle_operators_take_nothing_from_those_that_work() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let _idle: Vec<_> = (0..99).map(|_| operator(&pool, true)).collect();
        let first = operator(&pool, true);
        first.try_grow(700).unwrap();
        assert!(first.try_grow(100).is_err(), "a quarter is kept for newcomers");
        let newcomer = operator(&pool, true);
        newcomer.try_grow(9).unwrap();
        first.free();
        newcomer.try_grow(600).unwrap();
        newcomer.free();
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn operators_that_work_have_equal_parts() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let (first, second) = (operator(&pool, true), operator(&pool, true));
        first.try_grow(300).unwrap();
        second.try_grow(300).unwrap();
        assert!(first.try_grow(250).is_err());
        let fixed = operator(&pool, false);
        fixed.try_grow(400).unwrap();
        assert!(fixed.try_grow(1).is_err(), "nothing is free");
        assert!(first.try_grow(1).is_err(), "a half of what is left is 300");
    }
}
