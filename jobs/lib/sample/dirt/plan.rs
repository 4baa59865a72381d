//! Which rows of which files go wrong, and how: decided from the number of rows alone, before any
//! of them is written.
//!
//! Shares are kept exactly, by carrying what is left over from day to day; kinds take turns; and
//! a file has at most 49 bad rows in a thousand, so that its day is never refused for them.

use super::Shares;
use super::rows::Target;
use crate::dates::Day;
use crate::sample::feeds::Feed;
use crate::sample::random::{self, Purpose};

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// Something in it goes wrong.
    Spoil(Target),
    /// It is written twice.
    Repeat,
}

/// A fault that is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The row, from 1, repeated rows not counted; or the first after it that the fault fits.
    pub ordinal: u64,
    /// What happens.
    pub strike: Strike,
    /// Decides between ways in which it can happen.
    pub draw: u64,
}

/// How many bad rows a file may have: so many in a thousand.
const BAD_ROWS_IN_A_THOUSAND: u64 = 49;

const MILLION: u64 = 1_000_000;

/// What one part's files of a feed still owe to the shares.
#[derive(Debug, Clone)]
pub struct Debts {
    seed: u64,
    feed: Feed,
    part: u32,
    shares: Shares,
    /// Millionths of a bad row.
    quarantined: u64,
    /// Millionths of a repeated row.
    duplicated: u64,
    next_target: usize,
}

impl Debts {
    /// A part's debts before its first day. `part` counts from 1.
    pub fn new(seed: u64, feed: Feed, part: u32, shares: Shares) -> Debts {
        let start = |purpose| {
            // The first part owes a fault at once, so that small runs have some of every kind.
            let words = [feed as u64, u64::from(part)];
            if part == 1 { MILLION } else { random::hash(seed, purpose, &words) % MILLION }
        };
        Debts {
            seed,
            feed,
            part,
            shares,
            quarantined: start(Purpose::RowFault),
            duplicated: start(Purpose::RowOrder),
            next_target: 0,
        }
    }

    /// What goes wrong in the file of a day with so many rows, in their order.
    pub fn plan(&mut self, day: Day, row_count: u64) -> Vec<Planned> {
        let targets = self.feed.about().targets;
        if row_count == 0 || targets.is_empty() {
            return Vec::new();
        }
        let mut strikes = Vec::new();
        if self.shares.quarantined > 0 {
            self.quarantined += row_count * self.shares.quarantined;
            let most = row_count * BAD_ROWS_IN_A_THOUSAND / 1000;
            let count = (self.quarantined / MILLION).min(most);
            self.quarantined -= count * MILLION;
            for _ in 0..count {
                strikes.push(Strike::Spoil(targets[self.next_target % targets.len()]));
                self.next_target += 1;
            }
        }
        if self.shares.duplicated > 0 {
            self.duplicated += row_count * self.shares.duplicated;
            let count = (self.duplicated / MILLION).min(row_count);
            self.duplicated -= count * MILLION;
            strikes.extend((0..count).map(|_| Strike::Repeat));
        }
        let draw = |number: usize| {
            let day = u64::from(day.to_epoch().unsigned_abs());
            let words = [self.feed as u64, u64::from(self.part), day, number as u64];
            random::hash(self.seed, Purpose::RowFault, &words)
        };
        let mut planned: Vec<Planned> = strikes
            .into_iter()
            .enumerate()
            .map(|(number, strike)| {
                let draw = draw(number);
                // The first three quarters: what does not fit its row finds one further on.
                let ordinal = 1 + (draw >> 20) % (row_count * 3).div_ceil(4);
                Planned { ordinal, strike, draw: draw >> 8 }
            })
            .collect();
        planned.sort_by_key(|planned| planned.ordinal);
        planned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::dirt::shares;
    use crate::sample::people::Dirt;

    fn debts(dirt: Dirt) -> Debts {
        Debts::new(1, Feed::WebEvents, 1, shares(dirt))
    }

    fn spoiled(planned: &[Planned]) -> usize {
        planned.iter().filter(|planned| planned.strike != Strike::Repeat).count()
    }

    #[test]
    fn shares_are_kept_over_the_days() {
        let day: Day = "2024-03-04".parse().unwrap();
        let mut debts = debts(Dirt::Heavy);
        let mut planned = Vec::new();
        for number in 0..100 {
            let of_day = debts.plan(day.plus(number), 1_000);
            assert!(of_day.iter().all(|planned| (1..=1_000).contains(&planned.ordinal)));
            planned.extend(of_day);
        }
        assert_eq!(spoiled(&planned), 1 + 1_000);
        assert_eq!(planned.len() - spoiled(&planned), 1 + 300);
    }

    #[test]
    fn kinds_take_turns() {
        let mut debts = debts(Dirt::Heavy);
        let planned = debts.plan("2024-03-04".parse().unwrap(), 100_000);
        let targets = Feed::WebEvents.about().targets;
        for target in targets {
            let struck = Strike::Spoil(*target);
            let count = planned.iter().filter(|planned| planned.strike == struck).count();
            assert!(count.abs_diff(1_001 / targets.len()) <= 1, "{target:?}: {count}");
        }
    }

    #[test]
    fn no_day_has_five_bad_rows_in_a_hundred() {
        let day: Day = "2024-03-04".parse().unwrap();
        for row_count in 0..60 {
            let mut debts = debts(Dirt::Heavy);
            debts.quarantined = 50 * MILLION;
            let bad = spoiled(&debts.plan(day, row_count)) as u64;
            assert!(bad * 20 < row_count.max(1), "{bad} of {row_count}");
            assert_eq!(bad > 0, row_count > 20, "{row_count}");
        }
    }

    #[test]
    fn nothing_goes_wrong_without_dirt() {
        let mut debts = debts(Dirt::None);
        assert!(debts.plan("2024-03-04".parse().unwrap(), 100_000).is_empty());
    }
}
