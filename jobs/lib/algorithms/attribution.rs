//! What a channel contributes to conversions: the share of them that would be lost without it, by
//! a Markov chain over the paths that people took.
//!
//! Source: E. Anderl, I. Becker, F. von Wangenheim and J. H. Schumann, "Mapping the customer
//! journey: lessons learned from graph-based online attribution modeling", International Journal of
//! Research in Marketing 33 (2016), 457–474.

use std::collections::BTreeMap;

/// Where every path starts.
pub const START: &str = "(start)";

/// Where the paths of those who convert end.
pub const CONVERSION: &str = "(conversion)";

/// Where the others end.
pub const NULL: &str = "(null)";

/// Effects are told apart to this part of one: what rounding alone tells apart is equal.
const RESOLUTION: f64 = 1e12;

/// How often people went from one channel to the next: all that a chain of the first order knows of
/// paths. Those of two groups add up to those of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transitions {
    counts: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What is lost without a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The channel.
    pub channel: String,
    /// Share of all conversions that would be lost: 0 to 1.
    pub removal_effect: f64,
}

impl Transitions {
    /// Takes in `count` paths over these channels, which ended with a conversion or without. A path
    /// without channels says nothing, and is left out.
    ///
    /// Errors: what is wrong, for a channel that has the name of an end.
    pub fn add<'a>(
        &mut self,
        path: impl IntoIterator<Item = &'a str>,
        is_converted: bool,
        count: u64,
    ) -> Result<(), String> {
        let mut from = START;
        for channel in path {
            if [START, CONVERSION, NULL].contains(&channel) {
                return Err(format!("`{channel}` stands for an end of a path, not for a channel"));
            }
            self.count(from, channel, count);
            from = channel;
        }
        if from != START {
            self.count(from, if is_converted { CONVERSION } else { NULL }, count);
        }
        Ok(())
    }

    fn count(&mut self, from: &str, to: &str, more: u64) {
        if more == 0 {
            return;
        }
        // Most are there already: no text is copied for those.
        if !self.counts.contains_key(from) {
            self.counts.insert(from.to_string(), BTreeMap::new());
        }
        let Some(row) = self.counts.get_mut(from) else { return };
        match row.get_mut(to) {
            Some(count) => *count = count.saturating_add(more),
            None => {
                row.insert(to.to_string(), more);
            }
        }
    }

    /// Takes in all paths of `other`.
    pub fn merge(&mut self, other: &Transitions) {
        for (from, row) in &other.counts {
            row.iter().for_each(|(to, count)| self.count(from, to, *count));
        }
    }

    /// The counts as a table keeps them: from, to, how often, and so on by name.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![];
        for (from, row) in &self.counts {
            for (to, count) in row {
                words.extend([from.clone(), to.clone(), count.to_string()]);
            }
        }
        words
    }

    /// The counts of [`Transitions::words`].
    ///
    /// Errors: what is wrong with words that are none of those.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Transitions, String> {
        let wrong = || "these are no transitions of markov_transitions()".to_string();
        let mut transitions = Transitions::default();
        let mut words = words.into_iter();
        while let Some(from) = words.next() {
            let (Some(to), Some(count)) = (words.next(), words.next()) else {
                return Err(wrong());
            };
            let count: u64 = count.parse().map_err(|_| wrong())?;
            if count == 0 || [CONVERSION, NULL].contains(&from) || to == START {
                return Err(wrong());
            }
            transitions.count(from, to, count);
        }
        Ok(transitions)
    }

    /// Pairs of channels that followed each other.
    pub fn len(&self) -> usize {
        self.counts.values().map(BTreeMap::len).sum()
    }

    /// Whether there are no paths.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The effect of each channel by name: one less the ratio of the conversion's probability where
    /// everybody who would come to the channel is lost to what it is now. None where nobody
    /// converts, or paths lead nowhere.
    ///
    /// Whoever comes to the channel is lost, so what is lost is the probability of ever coming to
    /// it times that of converting from there. Both follow from the expected visits, the inverse of
    /// the chain's transient part, which one elimination gives for all channels at once.
    /// Source: J. G. Kemeny and J. L. Snell, "Finite Markov Chains" (1960), 3.2 and 3.5.
    pub fn effects(&self) -> Option<Vec<Effect>> {
        let channels: Vec<&str> =
            self.counts.keys().map(String::as_str).filter(|name| *name != START).collect();
        let shares = |from: &str, to: &str| {
            let row = self.counts.get(from)?;
            let all = row.values().fold(0u64, |sum, count| sum.saturating_add(*count));
            Some(*row.get(to)? as f64 / all as f64)
        };
        let share = |from: &str, to: &str| shares(from, to).unwrap_or(0.0);
        let visits = inverse(channels.iter().map(|from| {
            let row = channels.iter().map(|to| {
                let stays = if from == to { 1.0 } else { 0.0 };
                stays - share(from, to)
            });
            row.collect()
        }))?;
        let converts: Vec<f64> = channels.iter().map(|from| share(from, CONVERSION)).collect();
        let starts: Vec<f64> = channels.iter().map(|to| share(START, to)).collect();
        // From each channel: the probability to convert. To each: that of ever coming to it.
        let dot = |left: &[f64], right: &[f64]| -> f64 {
            left.iter().zip(right).map(|(left, right)| left * right).sum()
        };
        let from: Vec<f64> = visits.iter().map(|row| dot(row, &converts)).collect();
        let conversion = dot(&starts, &from);
        if conversion <= 0.0 {
            return None;
        }
        let effects = channels.iter().enumerate().map(|(place, channel)| {
            let column: Vec<f64> = visits.iter().map(|row| row[place]).collect();
            let comes = dot(&starts, &column) / visits[place][place];
            let lost = (comes * from[place] / conversion).clamp(0.0, 1.0);
            Effect {
                channel: channel.to_string(),
                removal_effect: (lost * RESOLUTION).round() / RESOLUTION,
            }
        });
        Some(effects.collect())
    }
}

/// The inverse of a matrix whose diagonal outweighs its rows, which needs no exchange of rows; none
/// where it has none.
fn inverse(rows: impl IntoIterator<Item = Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let mut left: Vec<Vec<f64>> = rows.into_iter().collect();
    let size = left.len();
    let unit = |place: usize| (0..size).map(|at| if at == place { 1.0 } else { 0.0 }).collect();
    let mut right: Vec<Vec<f64>> = (0..size).map(unit).collect();
    for place in 0..size {
        let pivot = left[place][place];
        // A channel that nothing leads away from to an end has no place in a chain of whole paths.
        if pivot < 1e-300 {
            return None;
        }
        for row in [&mut left[place], &mut right[place]] {
            row.iter_mut().for_each(|value| *value /= pivot);
        }
        let (of_left, of_right) = (left[place].clone(), right[place].clone());
        for other in (0..size).filter(|other| *other != place) {
            let factor = left[other][place];
            if factor == 0.0 {
                continue;
            }
            for (value, of_pivot) in left[other].iter_mut().zip(&of_left) {
                *value -= factor * of_pivot;
            }
            for (value, of_pivot) in right[other].iter_mut().zip(&of_right) {
                *value -= factor * of_pivot;
            }
        }
    }
    Some(right)
}

/// Parts `total` (in the smallest unit, such as hundredths of a penny) among the effects by their
/// size, so that the parts add up to it: each is rounded down, and what is left over goes by one to
/// those that lost most, of equals to the first. None where all effects are 0 or a product exceeds
/// what can be held.
pub fn credit(effects: &[Effect], total: i128) -> Option<Vec<i128>> {
    let weights: Vec<i128> =
        effects.iter().map(|effect| (effect.removal_effect * RESOLUTION).round() as i128).collect();
    let all: i128 = weights.iter().sum();
    if all == 0 {
        return None;
    }
    let (sign, amount) = (total.signum(), total.checked_abs()?);
    let mut parts = vec![];
    let mut remainders = vec![];
    for (place, weight) in weights.iter().enumerate() {
        let product = amount.checked_mul(*weight)?;
        parts.push(product / all);
        remainders.push((-(product % all), place));
    }
    remainders.sort_unstable();
    let over = amount - parts.iter().sum::<i128>();
    for (_, place) in remainders.into_iter().take(usize::try_from(over).ok()?) {
        parts[place] += 1;
    }
    Some(parts.into_iter().map(|part| sign * part).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn transitions(paths: &[(&str, u64, u64)]) -> Transitions {
        let mut transitions = Transitions::default();
        for (path, converted, lost) in paths {
            let path = || path.split(" > ").filter(|channel| !channel.is_empty());
            transitions.add(path(), true, *converted).unwrap();
            transitions.add(path(), false, *lost).unwrap();
        }
        transitions
    }

    fn effects(paths: &[(&str, u64, u64)]) -> Vec<(String, f64)> {
        let effects = transitions(paths).effects().unwrap();
        effects.into_iter().map(|effect| (effect.channel, effect.removal_effect)).collect()
    }

    fn named(effects: &[(&str, f64)]) -> Vec<(String, f64)> {
        effects.iter().map(|(name, effect)| (name.to_string(), *effect)).collect()
    }

    /// S. Bryl', "Marketing Multi-Channel Attribution model with R (part 1: Markov chains concept)",
    /// analyzecore.com (2016), Anderl's method on three journeys: effects .5, 1 and 1, credits .2,
    /// .4 and .4.
    #[test]
    fn three_journeys() {
        let paths = [("c1 > c2 > c3", 1, 0), ("c1", 0, 1), ("c2 > c3", 0, 1)];
        assert_eq!(effects(&paths), named(&[("c1", 0.5), ("c2", 1.0), ("c3", 1.0)]));
        let effects = transitions(&paths).effects().unwrap();
        assert_eq!(credit(&effects, 10), Some(vec![2, 4, 4]));
        assert_eq!(credit(&effects, 11), Some(vec![2, 5, 4]));
        assert_eq!(credit(&effects, -11), Some(vec![-2, -5, -4]));
        assert_eq!(credit(&effects, 0), Some(vec![0, 0, 0]));
    }

    /// S. Puzyrov, "Markov chain attribution: simple explanation of removal effect" (2019): 4
    /// conversions, effects .75 and .5, credits 2.4 and 1.6.
    #[test]
    fn google_and_mailing() {
        let paths = [("google", 2, 1), ("mailing", 1, 0), ("google > mailing", 1, 0)];
        assert_eq!(effects(&paths), named(&[("google", 0.75), ("mailing", 0.5)]));
        let effects = transitions(&paths).effects().unwrap();
        assert_eq!(credit(&effects, 40_000), Some(vec![24_000, 16_000]));
    }

    /// With loops and repeats, against ChannelAttribution 2.2.5, which simulates 2,000,000 paths:
    /// `markov_model(d, "path", "conv", var_null="nul", order=1, nsim_start=2000000, max_step=1000,
    /// seed=1)`.
    #[test]
    fn paths_with_loops() {
        let effects = effects(&[
            ("a > b > a > c", 7, 11),
            ("b > c", 3, 20),
            ("c > a > a", 5, 9),
            ("a", 2, 30),
            ("d > b", 1, 14),
            ("c > d > c > b", 4, 6),
        ]);
        let simulated = [0.569_536, 0.500_919, 0.602_491, 0.214_071];
        // Solved with and without each channel by numpy.linalg.solve.
        let solved = [
            0.569_245_020_842_98,
            0.499_020_727_925_58,
            0.600_200_114_351_06,
            0.214_290_607_455_87,
        ];
        for (place, (channel, effect)) in effects.iter().enumerate() {
            assert!((effect - simulated[place]).abs() < 0.003, "{channel}: {effect}");
            assert!((effect - solved[place]).abs() < 1e-11, "{channel}: {effect}");
        }
    }

    #[test]
    fn odd_paths() {
        assert_eq!(transitions(&[]).effects(), None);
        assert_eq!(transitions(&[("a", 0, 3)]).effects(), None);
        assert_eq!(effects(&[("a", 1, 0), ("b", 0, 2)]), named(&[("a", 1.0), ("b", 0.0)]));
        // A path without channels says nothing.
        assert!(transitions(&[("", 5, 5)]).is_empty());
        assert!(Transitions::default().add(["(null)"], true, 1).is_err());
        for wrong in [&["a"][..], &["a", "b", "x"], &["a", "b", "0"], &["(null)", "b", "1"]] {
            assert!(Transitions::from_words(wrong.iter().copied()).is_err(), "{wrong:?}");
        }
        // Only a table that was tampered with leads nowhere.
        let circle = ["(start)", "a", "1", "a", "a", "1"];
        assert_eq!(Transitions::from_words(circle).unwrap().effects(), None);
        assert_eq!(credit(&[], 5), None);
    }

    /// The effect from its definition: the chain is run step by step, with and without a channel.
    fn by_steps(transitions: &Transitions, without: Option<&str>) -> f64 {
        let mut now = BTreeMap::from([(START, 1.0)]);
        let mut converted = 0.0;
        for _ in 0..3000 {
            let mut next = BTreeMap::new();
            for (from, mass) in now {
                let row = &transitions.counts[from];
                let all: u64 = row.values().sum();
                for (to, count) in row {
                    let part = mass * *count as f64 / all as f64;
                    match to.as_str() {
                        CONVERSION => converted += part,
                        NULL => {}
                        to if without == Some(to) => {}
                        to => *next.entry(to).or_default() += part,
                    }
                }
            }
            now = next;
        }
        converted
    }

    fn paths() -> impl Strategy<Value = Vec<(Vec<&'static str>, bool, u64)>> {
        let channel = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
        prop::collection::vec((prop::collection::vec(channel, 1..6), any::<bool>(), 1u64..5), 1..12)
    }

    proptest! {
        #[test]
        fn effects_are_what_running_the_chain_loses(paths in paths(), total in 0i128..1_000_000) {
            let mut all = Transitions::default();
            for (path, is_converted, count) in &paths {
                all.add(path.iter().copied(), *is_converted, *count).unwrap();
            }
            let whole = by_steps(&all, None);
            let Some(effects) = all.effects() else {
                prop_assert!(whole == 0.0);
                return Ok(());
            };
            for effect in &effects {
                let lost = 1.0 - by_steps(&all, Some(&effect.channel)) / whole;
                prop_assert!((effect.removal_effect - lost).abs() < 1e-6, "{effect:?} {lost}");
            }
            let parts = credit(&effects, total).unwrap();
            prop_assert_eq!(parts.iter().sum::<i128>(), total);
        }

        #[test]
        fn parts_merge_to_the_whole(paths in paths(), cut in 0usize..12) {
            let of = |paths: &[(Vec<&'static str>, bool, u64)]| {
                let mut all = Transitions::default();
                for (path, is_converted, count) in paths {
                    all.add(path.iter().copied(), *is_converted, *count).unwrap();
                }
                all
            };
            let (left, right) = paths.split_at(cut.min(paths.len()));
            let words = of(right).words();
            let mut merged = Transitions::from_words(words.iter().map(String::as_str)).unwrap();
            merged.merge(&of(left));
            prop_assert_eq!(merged.words(), of(&paths).words());
        }
    }
}
