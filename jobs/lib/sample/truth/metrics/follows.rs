//! Which step directly followed which in the lines that persons' steps form.

use super::frames::{Column, counts, days, texts};
use super::journeys::each_day;
use super::steps::{Step, follow};
use super::{MetricTruth, paths};
use crate::dates::{Day, DayRange};
use crate::errors::Result;

/// Days up to the one at whose end a line is looked at.
const LINE_DAYS: u64 = 28;

/// Where a line ends.
const END: &str = "(end)";

/// A step and the one that followed it; or where the line begins or ends.
pub(super) type Pair = (&'static str, &'static str);

/// How often one followed the other, for how many persons; how often it is known after how many
/// seconds, and these together.
pub(super) type Followed = [i64; 4];

impl MetricTruth {
    /// Counts what followed what in a person's line.
    pub(super) fn follow_steps(&mut self, steps: &[Step], window: DayRange) {
        let follows = &mut self.follows;
        follow(steps, LINE_DAYS, window, pairs, |day, before, after| {
            follows.change(day, before, after);
        });
    }
}

/// The pairs of a line, each once, in order.
fn pairs(steps: &[&Step]) -> Vec<(Pair, Followed)> {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return vec![] };
    let mut pairs = Vec::with_capacity(steps.len() + 1);
    pairs.push(((paths::START, first.kind), [1, 1, 0, 0]));
    pairs.push(((last.kind, END), [1, 1, 0, 0]));
    for two in steps.windows(2) {
        let took = two[0].at.zip(two[1].at).map(|(from, to)| to - from);
        let timed = i64::from(took.is_some());
        pairs.push(((two[0].kind, two[1].kind), [1, 1, timed, took.unwrap_or(0)]));
    }
    pairs.sort_unstable();
    pairs.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            // Still the same person.
            let [times, _, timed, seconds] = next.1;
            kept.1 = [kept.1[0] + times, 1, kept.1[2] + timed, kept.1[3] + seconds];
        }
        is_same
    });
    pairs
}

/// A row for each day and pair of steps of the 28 days up to it.
pub(super) fn journey_paths(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, Pair, Followed)> = vec![];
    each_day(truth, &truth.follows, |dt, standing| {
        rows.extend(standing.iter().map(|(pair, sums)| (dt, *pair, *sums)));
    });
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("from_step", texts(rows, |row| row.1.0)),
        ("to_step", texts(rows, |row| row.1.1)),
        ("transition_count", counts(rows, |row| row.2[0])),
        ("customer_count", counts(rows, |row| row.2[1])),
        ("timed_count", counts(rows, |row| row.2[2])),
        ("total_seconds", counts(rows, |row| row.2[3])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_followed_by_one_or_by_the_end() {
        let day: Day = "2024-03-01".parse().unwrap();
        let step = |at: Option<i64>, kind| Step { at, ..Step::example(day, kind, None) };
        let line = [
            // Nobody knows when.
            step(None, "site_visited"),
            step(Some(100), "site_visited"),
            step(Some(160), "order_purchase"),
            step(Some(200), "site_visited"),
            step(Some(290), "order_purchase"),
        ];
        let found = pairs(&line.iter().collect::<Vec<_>>());
        let expected: [(Pair, Followed); 5] = [
            (("(start)", "site_visited"), [1, 1, 0, 0]),
            (("order_purchase", "(end)"), [1, 1, 0, 0]),
            (("order_purchase", "site_visited"), [1, 1, 1, 40]),
            (("site_visited", "order_purchase"), [2, 1, 2, 150]),
            (("site_visited", "site_visited"), [1, 1, 0, 0]),
        ];
        assert_eq!(found, expected);
        assert_eq!(pairs(&[]), vec![]);
    }
}
