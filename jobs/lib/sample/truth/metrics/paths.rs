//! The lines that persons' steps form: in which order they take them, and over which channels of
//! marketing they come to a purchase.

use std::collections::{BTreeMap, BTreeSet};

use super::MetricTruth;
use super::steps::{Step, follow};
use crate::dates::DayRange;

/// Days up to the one at whose end a line is looked at.
const VARIANT_DAYS: u64 = 28;
const PATH_DAYS: u64 = 30;

/// Variants of so many steps at most are counted: there are few of those, however many persons.
pub(super) const VARIANT_STEPS: usize = 3;

/// Where paths begin and end.
pub(super) const START: &str = "(start)";
pub(super) const CONVERSION: &str = "(conversion)";
pub(super) const LOST: &str = "(null)";

/// Steps in their order, each once however often it was repeated; what is left over is empty.
pub(super) type Variant = [&'static str; VARIANT_STEPS];

/// What is counted of paths: that they met a channel (`all`: any) and how many of those ended with a
/// purchase; or how often one step came after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathFact {
    Met(&'static str),
    Converted(&'static str),
    Moved(&'static str, &'static str),
}

impl MetricTruth {
    /// Counts a person's variant: persons, steps, and whether they bought.
    pub(super) fn follow_variants(&mut self, steps: &[Step], window: DayRange) {
        let variants = &mut self.variants;
        follow(steps, VARIANT_DAYS, window, variant, |day, before, after| {
            for (line, times) in [(before, -1), (after, 1)] {
                if let Some((variant, sums)) = line {
                    variants.add(day, *variant, sums.map(|sum| sum * times));
                }
            }
        });
    }

    /// Counts a person's paths.
    pub(super) fn follow_paths(&mut self, steps: &[Step], window: DayRange) {
        if steps.iter().all(|step| step.marketing.is_none()) {
            return;
        }
        let paths = &mut self.paths;
        follow(steps, PATH_DAYS, window, path_facts, |day, before, after| {
            paths.change(day, before, after);
        });
    }
}

/// The variant of somebody's steps, and how many there are: persons, steps, buyers.
fn variant(steps: &[&Step]) -> Option<(Variant, [i64; 3])> {
    let mut kinds: Vec<&'static str> = steps.iter().map(|step| step.kind).collect();
    let has_bought = kinds.contains(&"order_purchase");
    kinds.dedup();
    if kinds.is_empty() || kinds.len() > VARIANT_STEPS {
        return None;
    }
    let mut variant = [""; VARIANT_STEPS];
    variant[..kinds.len()].copy_from_slice(&kinds);
    Some((variant, [1, steps.len() as i64, i64::from(has_bought)]))
}

/// What is counted of somebody's paths, in order: a purchase ends one, and the next begins after it.
/// A purchase without a touch of marketing since the one before ends none.
fn path_facts(steps: &[&Step]) -> Vec<(PathFact, [i64; 1])> {
    let mut facts = vec![];
    let mut path: Vec<&'static str> = vec![];
    let mut end = |path: &mut Vec<&'static str>, is_converted: bool| {
        if path.is_empty() {
            return;
        }
        let mut note = |fact| facts.push((fact, [1]));
        let met: BTreeSet<&'static str> = path.iter().copied().chain(["all"]).collect();
        for channel in met {
            note(PathFact::Met(channel));
            if is_converted {
                note(PathFact::Converted(channel));
            }
        }
        let mut from = START;
        for to in path.drain(..) {
            note(PathFact::Moved(from, to));
            from = to;
        }
        note(PathFact::Moved(from, if is_converted { CONVERSION } else { LOST }));
    };
    for step in steps {
        if let Some(channel) = step.marketing {
            path.push(channel);
        } else if step.kind == "order_purchase" {
            end(&mut path, true);
        }
    }
    end(&mut path, false);
    facts.sort_unstable();
    facts.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        kept.1[0] += if is_same { next.1[0] } else { 0 };
        is_same
    });
    facts
}

/// How often paths went from one step to the next.
pub(super) type Moves = BTreeMap<(&'static str, &'static str), i64>;

/// By channel, the share of the purchases on paths that would be lost, were everybody lost who
/// comes to it: one less what a walk by the shares of the moves then has of converting, by what it
/// has. None where nobody converts.
pub(super) fn removal_effects(moves: &Moves) -> Option<BTreeMap<&'static str, f64>> {
    let whole = converting(moves, None);
    let channels: BTreeSet<&str> =
        moves.keys().map(|(from, _)| *from).filter(|from| *from != START).collect();
    let effect = |channel| (channel, 1.0 - converting(moves, Some(channel)) / whole);
    (whole > 0.0).then(|| channels.into_iter().map(effect).collect())
}

/// The probability that a walk from the start converts, `without` a channel: each state's is the
/// mean of those that follow it, found by going over them until nothing moves.
fn converting(moves: &Moves, without: Option<&str>) -> f64 {
    // States go by number in the loop, which runs for each channel of each day.
    let states: BTreeSet<&str> = moves.keys().flat_map(|(from, to)| [*from, *to]).collect();
    let numbers: BTreeMap<&str, usize> = states.into_iter().zip(0..).collect();
    let mut followers: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for ((from, to), count) in moves.iter().filter(|((from, _), _)| Some(*from) != without) {
        followers.entry(numbers[from]).or_default().push((numbers[to], *count as f64));
    }
    let total = |to: &[(usize, f64)]| to.iter().map(|(_, count)| count).sum::<f64>();
    let followers: Vec<_> =
        followers.into_iter().map(|(from, to)| (from, total(&to), to)).collect();
    let mut chances = vec![0.0; numbers.len()];
    if let Some(conversion) = numbers.get(CONVERSION) {
        chances[*conversion] = 1.0;
    }
    for _ in 0..10_000 {
        let mut moved: f64 = 0.0;
        for (state, total, followers) in &followers {
            let chance = followers.iter().map(|(to, count)| chances[*to] * count).sum::<f64>();
            let before = std::mem::replace(&mut chances[*state], chance / total);
            moved = moved.max((chances[*state] - before).abs());
        }
        if moved < 1e-13 {
            break;
        }
    }
    numbers.get(START).map_or(0.0, |start| chances[*start])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(steps: &[(&'static str, Option<&'static str>)]) -> Vec<Step> {
        let day: crate::dates::Day = "2024-03-05".parse().unwrap();
        let step = |(at, step): (usize, &(&'static str, Option<&'static str>))| {
            let mut step = Step::example(day, step.0, step.1);
            step.at = Some(at as i64);
            step
        };
        steps.iter().enumerate().map(step).collect()
    }

    #[test]
    fn repeated_steps_are_one_in_a_variant() {
        let line = steps(&[
            ("site_visited", None),
            ("site_visited", None),
            ("order_purchase", None),
            ("site_visited", None),
        ]);
        let known: Vec<&Step> = line.iter().collect();
        assert_eq!(
            variant(&known),
            Some((["site_visited", "order_purchase", "site_visited"], [1, 4, 1]))
        );
        assert_eq!(variant(&known[..2]), Some((["site_visited", "", ""], [1, 2, 0])));
        assert_eq!(variant(&[]), None);
    }

    #[test]
    fn a_purchase_ends_a_path() {
        let line = steps(&[
            ("order_purchase", None),
            ("site_visited", Some("organic")),
            ("campaign_opened", Some("email")),
            ("site_visited", Some("organic")),
            ("order_purchase", None),
            ("order_purchase", None),
            ("site_visited", Some("social")),
        ]);
        let known: Vec<&Step> = line.iter().collect();
        let facts = path_facts(&known);
        let count = |fact| facts.iter().find(|it| it.0 == fact).map_or(0, |it| it.1[0]);
        assert_eq!(count(PathFact::Met("all")), 2);
        assert_eq!(count(PathFact::Converted("all")), 1);
        assert_eq!(count(PathFact::Met("organic")), 1);
        assert_eq!(count(PathFact::Converted("social")), 0);
        assert_eq!(count(PathFact::Moved(START, "organic")), 1);
        assert_eq!(count(PathFact::Moved("email", "organic")), 1);
        assert_eq!(count(PathFact::Moved("organic", CONVERSION)), 1);
        assert_eq!(count(PathFact::Moved("social", LOST)), 1);
    }

    /// Two of three paths convert: over a alone, over a and b; over b alone none does. From a, half
    /// convert and half go to b; from b, half convert. So 1/2 comes to a first.
    #[test]
    fn effects_are_what_is_lost_without_a_channel() {
        let moves: Moves = [
            ((START, "a"), 2),
            ((START, "b"), 1),
            (("a", CONVERSION), 1),
            (("a", "b"), 1),
            (("b", CONVERSION), 1),
            (("b", LOST), 1),
        ]
        .into();
        // Of all: 2/3 · (1/2 + 1/2 · 1/2) + 1/3 · 1/2 = 2/3. Without a: 1/6. Without b: 1/3.
        let effects = removal_effects(&moves).unwrap();
        assert!((effects["a"] - 0.75).abs() < 1e-9, "{effects:?}");
        assert!((effects["b"] - 0.5).abs() < 1e-9, "{effects:?}");
        assert_eq!(removal_effects(&[((START, "a"), 1), (("a", LOST), 1)].into()), None);
    }
}
