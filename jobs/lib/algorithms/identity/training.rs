//! What a level of likeness is worth: the probabilities of a Fellegi–Sunter model, estimated from
//! counts of pairs. It knows no records and no values.
//!
//! A pair is its *pattern*: for each comparison the number of the level it is on, 0 for the least
//! alike, or [`MISSING`].

/// The level of a comparison that could not be made, because a value is missing.
pub const MISSING: i8 = -1;

/// What a level that was never seen is given for a probability: as Splink does.
pub const NOT_OBSERVED: f64 = 1e-6;

/// How often pairs agree in one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// Each comparison's level.
    pub levels: Vec<i8>,
    /// How many pairs are so.
    pub count: u64,
}

/// The probabilities of one comparison's levels, from level 0 upward.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Among pairs that are one person. None: a level that was not seen.
    pub m: Vec<Option<f64>>,
    /// Among pairs that are not.
    pub u: Vec<f64>,
    /// For each level, whether m stays as it is.
    pub is_m_fixed: Vec<bool>,
}

/// When an estimation ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ending {
    /// The largest change of a probability with which it does.
    pub convergence: f64,
    /// How often probabilities are estimated anew, at most.
    pub maximum_iterations: u32,
}

/// What an estimation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The comparisons, with their new m.
    pub comparisons: Vec<Levels>,
    /// The probability that a pair that the rule found is one person.
    pub prior: f64,
    /// How often it estimated.
    pub iterations: u32,
    /// The last change.
    pub change: f64,
}

/// A probability as the weight of evidence, in bits.
pub fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// The probability that a weight, in bits, makes.
pub fn probability_of(weight: f64) -> f64 {
    // Of two equal forms, the one whose power cannot overflow.
    match weight >= 0.0 {
        true => 1.0 / (1.0 + (-weight).exp2()),
        false => weight.exp2() / (1.0 + weight.exp2()),
    }
}

/// What m is taken to be before anything is known: most pairs of one person are on the highest
/// level, and the rest spread evenly.
pub fn usual_m(level_count: usize) -> Vec<f64> {
    let rest = 0.05 / (level_count.saturating_sub(1).max(1)) as f64;
    (1..=level_count).map(|level| if level == level_count { 0.95 } else { rest }).collect()
}

/// The shares of the levels among pairs: u, where the pairs are of random records, of which next
/// to none are one person.
///
/// `counts`: from level 0 upward. None for a level that was not seen, and for all where nothing
/// could be compared.
pub fn shares(counts: &[u64]) -> Vec<Option<f64>> {
    let total: u64 = counts.iter().sum();
    let share = |count: &u64| (*count > 0).then(|| *count as f64 / total as f64);
    counts.iter().map(share).collect()
}

/// How likely two random records are one person, where rules that are right always found
/// `found` pairs among `pairs` and are assumed to find the share `recall` of all there are.
///
/// None where there are no pairs. At most one half of a pair is left to chance where the rules
/// found nothing, and never all pairs are one person.
pub fn prior(found: u64, pairs: u64, recall: f64) -> Option<f64> {
    if pairs == 0 {
        return None;
    }
    let (found, pairs) = ((found as f64).max(0.5), pairs as f64);
    Some((found / recall / pairs).min(1.0 - 0.5 / pairs.max(1.0)))
}

/// Estimates m from pairs of which it is not known which are one person, by expectation
/// maximisation; u stays as it is.
///
/// `patterns`: each as long as `comparisons`. `prior`: the probability to start with that a pair
/// is one person. The same patterns give the same numbers to the last bit.
/// Source: Dempster, Laird and Rubin (1977); Winkler (1988).
pub fn maximise(
    patterns: &[Pattern],
    comparisons: Vec<Levels>,
    prior: f64,
    ending: Ending,
) -> Estimate {
    let mut estimate = Estimate { comparisons, prior, iterations: 0, change: f64::INFINITY };
    let total: u64 = patterns.iter().map(|pattern| pattern.count).sum();
    if total == 0 {
        return estimate;
    }
    let mut patterns: Vec<&Pattern> = patterns.iter().collect();
    // Sums of broken numbers depend on their order.
    patterns.sort();
    while estimate.iterations < ending.maximum_iterations && estimate.change >= ending.convergence {
        let weights = weights(&estimate.comparisons);
        let mut matching = 0.0;
        let mut sums: Vec<Vec<Option<f64>>> =
            weights.iter().map(|levels| vec![None; levels.len()]).collect();
        for pattern in &patterns {
            let evidence: f64 = weights
                .iter()
                .zip(&pattern.levels)
                .map(|(weights, level)| at(weights, *level).copied().unwrap_or(0.0))
                .sum();
            let share = probability_of(weight_of(estimate.prior) + evidence) * pattern.count as f64;
            matching += share;
            for (sums, level) in sums.iter_mut().zip(&pattern.levels) {
                let place = usize::try_from(*level).ok().and_then(|level| sums.get_mut(level));
                if let Some(sum) = place {
                    *sum = Some(sum.unwrap_or(0.0) + share);
                }
            }
        }
        // Neither none nor all: a weight of infinity would never move again.
        let least = 0.5 / total as f64;
        let new_prior = (matching / total as f64).clamp(least, 1.0 - least);
        let mut change = (new_prior - estimate.prior).abs();
        for (levels, sums) in estimate.comparisons.iter_mut().zip(&sums) {
            let all: f64 = sums.iter().flatten().sum();
            for (place, sum) in sums.iter().enumerate() {
                let is_fixed = levels.is_m_fixed.get(place).copied().unwrap_or(false);
                let (Some(m), false) = (levels.m.get_mut(place), is_fixed || all == 0.0) else {
                    continue;
                };
                let new = sum.map(|sum| sum / all);
                change = change.max((clamped(new) - clamped(*m)).abs());
                *m = new;
            }
        }
        estimate.prior = new_prior;
        estimate.change = change;
        estimate.iterations += 1;
    }
    estimate
}

/// One m from several estimations: the median of those that saw the level, brought to a sum of 1.
///
/// None for a level that none saw.
pub fn settle(estimates: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let level_count = estimates.iter().map(Vec::len).max().unwrap_or(0);
    let medians: Vec<Option<f64>> = (0..level_count)
        .map(|level| {
            let seen = estimates.iter().filter_map(|levels| levels.get(level).copied().flatten());
            median(seen.collect())
        })
        .collect();
    let total: f64 = medians.iter().flatten().sum();
    medians.into_iter().map(|m| m.map(|m| m / total)).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    match values.len() % 2 {
        0 => values.get(middle - 1).map(|lower| (lower + upper) / 2.0),
        _ => Some(upper),
    }
}

/// The bits that each level of each comparison is worth.
fn weights(comparisons: &[Levels]) -> Vec<Vec<f64>> {
    let weight = |(m, u): (&Option<f64>, &f64)| (clamped(*m) / u).log2();
    comparisons.iter().map(|levels| levels.m.iter().zip(&levels.u).map(weight).collect()).collect()
}

fn clamped(m: Option<f64>) -> f64 {
    m.unwrap_or(NOT_OBSERVED).max(f64::MIN_POSITIVE)
}

fn at<T>(levels: &[T], level: i8) -> Option<&T> {
    usize::try_from(level).ok().and_then(|level| levels.get(level))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENDING: Ending = Ending { convergence: 1e-9, maximum_iterations: 10_000 };

    fn levels(m: &[f64], u: &[f64]) -> Levels {
        Levels {
            m: m.iter().map(|m| Some(*m)).collect(),
            u: u.to_vec(),
            is_m_fixed: vec![false; m.len()],
        }
    }

    /// The counts that a model makes of `total` pairs: what it estimates from them is itself.
    fn counts(prior: f64, model: &[Levels], total: f64) -> Vec<Pattern> {
        let mut patterns = vec![(vec![], prior, 1.0 - prior)];
        for comparison in model {
            let longer = |(levels, m, u): (Vec<i8>, f64, f64)| {
                let each = comparison.m.iter().zip(&comparison.u).enumerate();
                each.map(|(level, (one_m, one_u))| {
                    let mut levels = levels.clone();
                    levels.push(i8::try_from(level).unwrap());
                    (levels, m * one_m.unwrap(), u * one_u)
                })
                .collect::<Vec<_>>()
            };
            patterns = patterns.into_iter().flat_map(longer).collect();
        }
        let pattern = |(levels, m, u)| {
            let pairs: f64 = (m + u) * total;
            Pattern { levels, count: pairs.round() as u64 }
        };
        patterns.into_iter().map(pattern).collect()
    }

    #[test]
    fn weights_and_probabilities_are_one_another() {
        assert_eq!(weight_of(0.5), 0.0);
        assert!((weight_of(0.8) - 2.0).abs() < 1e-12);
        assert!((probability_of(-2.0) - 0.2).abs() < 1e-12);
        assert_eq!(probability_of(5000.0), 1.0);
        assert_eq!(probability_of(-5000.0), 0.0);
    }

    #[test]
    fn a_prior_follows_from_rules_and_their_recall() {
        // 400 of 499,500 pairs by rules that find four fifths: 500 of 499,500.
        assert!((prior(400, 499_500, 0.8).unwrap() - 500.0 / 499_500.0).abs() < 1e-15);
        assert_eq!(prior(0, 0, 0.8), None);
        assert!(prior(0, 1000, 0.8).unwrap() > 0.0);
        assert!(prior(1000, 1000, 0.5).unwrap() < 1.0);
    }

    #[test]
    fn shares_of_what_was_never_seen_are_not_known() {
        assert_eq!(shares(&[6, 0, 2]), [Some(0.75), None, Some(0.25)]);
        assert_eq!(shares(&[0, 0]), [None, None]);
    }

    /// Three comparisons and two classes: the smallest latent class model with one solution.
    #[test]
    fn a_known_model_is_found_again() {
        let model = [
            levels(&[0.1, 0.2, 0.7], &[0.9, 0.08, 0.02]),
            levels(&[0.15, 0.85], &[0.95, 0.05]),
            levels(&[0.3, 0.7], &[0.8, 0.2]),
        ];
        let patterns = counts(0.3, &model, 1e9);
        let begun: Vec<Levels> =
            model.iter().map(|one| levels(&usual_m(one.m.len()), &one.u)).collect();
        let found = maximise(&patterns, begun, 0.05, ENDING);
        assert!((found.prior - 0.3).abs() < 1e-5, "{found:?}");
        for (found, known) in found.comparisons.iter().zip(&model) {
            for (found, known) in found.m.iter().zip(&known.m) {
                assert!((found.unwrap() - known.unwrap()).abs() < 1e-5, "{found:?} {known:?}");
            }
        }
    }

    #[test]
    fn what_is_fixed_stays_and_what_is_missing_tells_nothing() {
        let mut fixed = levels(&[0.4, 0.6], &[0.9, 0.1]);
        fixed.is_m_fixed = vec![true, true];
        let other = levels(&[0.05, 0.95], &[0.9, 0.1]);
        let patterns = [
            Pattern { levels: vec![MISSING, 1], count: 30 },
            Pattern { levels: vec![1, MISSING], count: 20 },
            Pattern { levels: vec![0, 0], count: 50 },
        ];
        let found = maximise(&patterns, vec![fixed.clone(), other], 0.2, ENDING);
        assert_eq!(found.comparisons[0], fixed);
        let sum: f64 = found.comparisons[1].m.iter().flatten().sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_level_that_no_pair_is_on_is_not_estimated() {
        let three = levels(&[0.05, 0.05, 0.9], &[0.8, 0.1, 0.1]);
        let patterns =
            [Pattern { levels: vec![0, 0], count: 60 }, Pattern { levels: vec![2, 2], count: 40 }];
        let found = maximise(&patterns, vec![three.clone(), three], 0.2, ENDING);
        assert_eq!(found.comparisons[0].m[1], None);
        assert!(found.comparisons[0].m[2].is_some());
    }

    #[test]
    fn nothing_to_learn_from_changes_nothing() {
        let begun = vec![levels(&[0.1, 0.9], &[0.9, 0.1])];
        let found = maximise(&[], begun.clone(), 0.2, ENDING);
        assert_eq!((found.comparisons, found.iterations), (begun, 0));
    }

    #[test]
    fn several_estimates_settle_on_their_median() {
        let settled = settle(&[
            vec![Some(0.2), Some(0.8), None],
            vec![Some(0.4), Some(0.6), None],
            vec![Some(0.3), Some(0.7), None],
        ]);
        assert_eq!(settled[2], None);
        assert!((settled[0].unwrap() - 0.3).abs() < 1e-12);
        assert!((settled[1].unwrap() - 0.7).abs() < 1e-12);
        assert_eq!(settle(&[]), []);
    }

    proptest! {
        #[test]
        fn estimates_are_probabilities_in_any_order(
            counted in prop::collection::vec((-1i8..3, -1i8..2, 0u64..1000), 1..30),
            prior in 0.001f64..0.999,
        ) {
            let patterns: Vec<Pattern> = counted
                .iter()
                .map(|(one, other, count)| Pattern { levels: vec![*one, *other], count: *count })
                .collect();
            let begun = vec![levels(&usual_m(3), &[0.9, 0.06, 0.04]), levels(&usual_m(2), &[0.9, 0.1])];
            let ending = Ending { convergence: 1e-4, maximum_iterations: 25 };
            let found = maximise(&patterns, begun.clone(), prior, ending);
            prop_assert!(found.prior > 0.0 && found.prior < 1.0);
            for comparison in &found.comparisons {
                let seen: Vec<f64> = comparison.m.iter().flatten().copied().collect();
                prop_assert!(seen.iter().all(|m| (0.0..=1.0).contains(m)));
                prop_assert!(seen.is_empty() || (seen.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            }
            let reversed: Vec<Pattern> = patterns.into_iter().rev().collect();
            prop_assert_eq!(maximise(&reversed, begun, prior, ending), found);
        }
    }
}
