//! Pairs that are alike for other reasons than being one person: people of one household share an
//! address and a family name, twins a birth date too, colleagues a telephone; and people move.
//!
//! A *relation* is a kind of pair. For each comparison it says how probable it is that what is
//! compared is shared: then its levels are spread as among pairs of one person, otherwise as among
//! strangers. Two relations, one person (everything shared) and strangers (nothing), make the
//! model of Fellegi and Sunter. All relations together explain all pairs there are, so that they
//! can be estimated from all pairs at once. It knows no records and no values.
//!
//! Source: Winkler (1993) and Larsen and Rubin (2001) for mixtures of more than two classes.

use super::training::{MISSING, NOT_OBSERVED};

/// A kind of pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Whether both records are of one person.
    pub is_same_person: bool,
    /// Its share among all pairs.
    pub share: f64,
    /// How its share is estimated.
    pub estimation: Estimation,
    /// For each comparison, how probable it is that what is compared is shared.
    pub shared: Vec<f64>,
}

/// How a relation's share is estimated.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimation {
    /// From its own pairs.
    Free,
    /// It stays as it is.
    Fixed,
    /// As a part of itself and the relations at these places.
    Part {
        /// Their places.
        of: Vec<usize>,
        /// The part that it usually is.
        usual: f64,
        /// How many pairs the usual part counts as; none: it is never another.
        pairs: Option<f64>,
        /// The least and the greatest part that it is taken to be.
        between: (f64, f64),
    },
}

/// How many pairs agree in one way; in a sample each pair stands for many.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// Each comparison's level.
    pub levels: Vec<i8>,
    /// How many pairs are so.
    pub pairs: f64,
}

/// The levels of one comparison, from level 0 upward.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Where what is compared is shared.
    pub m: Vec<f64>,
    /// Among strangers.
    pub u: Vec<f64>,
    /// What m is usually: it counts as [`Settings::usual_pairs`] say.
    pub usual_m: Vec<f64>,
    /// Whether m stays as it is.
    pub is_m_fixed: bool,
    /// Whether u stays as it is.
    pub is_u_fixed: bool,
    /// The most that m of level 0 is taken to be: people agree on what they share.
    pub maximum_unlike: f64,
}

/// How to estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How many pairs the usual m counts as: so many, and for each pair of one person so many more.
    pub usual_pairs: (f64, f64),
    /// The relative change of the likelihood that ends the estimation.
    pub convergence: f64,
    /// How often everything is estimated anew, at most.
    pub maximum_iterations: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { usual_pairs: (20.0, 0.03), convergence: 1e-8, maximum_iterations: 300 }
    }
}

/// What an estimation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The relations with their shares.
    pub relations: Vec<Relation>,
    /// The comparisons with their levels.
    pub shapes: Vec<Shape>,
    /// How often it estimated.
    pub iterations: u32,
}

/// How much more likely two records are one person than not, in bits.
///
/// `evidence`: for each comparison the bits that its level weighs, 0 where nothing could be
/// compared. Without a relation of one person it is minus infinity, without any other infinity.
pub fn weight(relations: &[Relation], evidence: &[f64]) -> f64 {
    let sum = |is_same_person: bool| {
        let chosen = relations.iter().filter(|one| one.is_same_person == is_same_person);
        log2_of_sum(chosen.map(|relation| relation.share.log2() + explained(relation, evidence)))
    };
    sum(true) - sum(false)
}

/// How much better than strangers a relation explains the evidence, in bits.
fn explained(relation: &Relation, evidence: &[f64]) -> f64 {
    let each = relation.shared.iter().zip(evidence).map(|(shared, bits)| match *shared {
        // What needs no power keeps all its digits.
        0.0 => 0.0,
        1.0 => *bits,
        shared => (1.0 - shared + shared * bits.exp2()).log2(),
    });
    each.sum()
}

/// The logarithm of a sum of powers of two, however small they are.
fn log2_of_sum(logarithms: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = logarithms.clone().fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return greatest;
    }
    greatest + logarithms.map(|one| (one - greatest).exp2()).sum::<f64>().log2()
}

/// Estimates shares, m and u together by expectation maximisation.
///
/// `patterns`: all pairs there are, each as long as `shapes`; those that nobody looked at may be
/// stood for by a sample. Of `relations` the first that shares nothing are the strangers. The same
/// patterns in any order give the same numbers to the last bit.
pub fn maximise(
    patterns: &[Weighted],
    relations: Vec<Relation>,
    shapes: Vec<Shape>,
    settings: Settings,
) -> Estimate {
    let mut estimate = Estimate { relations, shapes, iterations: 0 };
    // Sums of broken numbers depend on their order.
    let mut patterns: Vec<&Weighted> = patterns.iter().filter(|one| one.pairs > 0.0).collect();
    patterns.sort_by(|one, other| {
        one.levels.cmp(&other.levels).then(one.pairs.total_cmp(&other.pairs))
    });
    if patterns.is_empty() {
        return estimate;
    }
    let strangers =
        estimate.relations.iter().position(|one| one.shared.iter().all(|shared| *shared == 0.0));
    let total: f64 = patterns.iter().map(|pattern| pattern.pairs).sum();
    let mut known: Option<f64> = None;
    while estimate.iterations < settings.maximum_iterations {
        let step = expect(&patterns, &estimate, strangers);
        estimate.relations = shares(&estimate.relations, &step.pairs);
        let one_person = estimate.relations.iter().filter(|relation| relation.is_same_person);
        let matching = total * one_person.map(|relation| relation.share).sum::<f64>();
        let usual_pairs = settings.usual_pairs.0 + settings.usual_pairs.1 * matching;
        for (shape, counts) in estimate.shapes.iter_mut().zip(&step.counts) {
            maximise_shape(shape, counts, usual_pairs);
        }
        estimate.iterations += 1;
        let is_settled = known.is_some_and(|known| {
            (step.likelihood - known).abs() < settings.convergence * step.likelihood.abs()
        });
        if is_settled {
            break;
        }
        known = Some(step.likelihood);
    }
    estimate
}

/// What is expected of the pairs by the numbers so far.
struct Step {
    /// How many pairs each relation has.
    pairs: Vec<f64>,
    /// For each comparison, of each level the pairs that share, and those that are strangers.
    counts: Vec<Vec<(f64, f64)>>,
    /// How likely the pairs are, as a logarithm.
    likelihood: f64,
}

fn expect(patterns: &[&Weighted], estimate: &Estimate, strangers: Option<usize>) -> Step {
    let Estimate { relations, shapes, .. } = estimate;
    let mut step = Step {
        pairs: vec![0.0; relations.len()],
        counts: shapes.iter().map(|shape| vec![(0.0, 0.0); shape.m.len()]).collect(),
        likelihood: 0.0,
    };
    let mut evidence = vec![0.0; shapes.len()];
    for pattern in patterns {
        let mut by_chance = 0.0;
        for ((bits, shape), level) in evidence.iter_mut().zip(shapes).zip(&pattern.levels) {
            *bits = 0.0;
            if let Some((m, u)) = level_of(shape, *level) {
                *bits = (m / u).log2();
                by_chance += u.log2();
            }
        }
        let explained: Vec<f64> = relations
            .iter()
            .map(|relation| relation.share.log2() + explained(relation, &evidence))
            .collect();
        let all = log2_of_sum(explained.iter().copied());
        step.likelihood += pattern.pairs * (all + by_chance);
        for (place, (relation, logarithm)) in relations.iter().zip(&explained).enumerate() {
            let pairs = pattern.pairs * (logarithm - all).exp2();
            if let Some(sum) = step.pairs.get_mut(place) {
                *sum += pairs;
            }
            if !relation.is_same_person && Some(place) != strangers {
                continue;
            }
            let compared = step.counts.iter_mut().zip(&pattern.levels).zip(&evidence);
            for (((counts, level), bits), shared) in compared.zip(&relation.shared) {
                let count = usize::try_from(*level).ok().and_then(|level| counts.get_mut(level));
                let Some((sharing, strange)) = count else { continue };
                if relation.is_same_person {
                    let likeness = shared * bits.exp2();
                    *sharing += pairs * likeness / (likeness + 1.0 - shared).max(f64::MIN_POSITIVE);
                } else {
                    *strange += pairs;
                }
            }
        }
    }
    step
}

fn level_of(shape: &Shape, level: i8) -> Option<(f64, f64)> {
    if level == MISSING {
        return None;
    }
    let level = usize::try_from(level).ok()?;
    let (m, u) = (shape.m.get(level)?, shape.u.get(level)?);
    Some((m.max(NOT_OBSERVED * NOT_OBSERVED), u.max(NOT_OBSERVED * NOT_OBSERVED)))
}

/// The relations' shares, where they have so many pairs.
fn shares(relations: &[Relation], pairs: &[f64]) -> Vec<Relation> {
    // Never none: what has no share can never win one back.
    let least = |relation: &Relation| if relation.is_same_person { 0.5 } else { 0.01 };
    let mut counts: Vec<f64> =
        relations.iter().zip(pairs).map(|(relation, pairs)| pairs + least(relation)).collect();
    let count_of = |counts: &[f64], places: &[usize]| -> f64 {
        places.iter().filter_map(|place| counts.get(*place)).sum()
    };
    for (place, relation) in relations.iter().enumerate() {
        let Estimation::Part { of, usual, pairs, between } = &relation.estimation else { continue };
        let others = count_of(&counts, of);
        let own = counts.get(place).copied().unwrap_or_default();
        let (part, total) = match pairs {
            None => (*usual, others / (1.0 - usual)),
            Some(pairs) => {
                let part = (own + usual * pairs) / (others + own + pairs);
                (part.clamp(between.0, between.1), others + own)
            }
        };
        if pairs.is_some() && others > 0.0 {
            for other in of {
                if let Some(count) = counts.get_mut(*other) {
                    *count *= total * (1.0 - part) / others;
                }
            }
        }
        if let Some(count) = counts.get_mut(place) {
            *count = total * part;
        }
    }
    let fixed: f64 = relations
        .iter()
        .filter(|relation| relation.estimation == Estimation::Fixed)
        .map(|relation| relation.share)
        .sum();
    let is_fixed = |relation: &Relation| relation.estimation == Estimation::Fixed;
    let free: f64 = relations
        .iter()
        .zip(&counts)
        .filter(|(relation, _)| !is_fixed(relation))
        .map(|(_, count)| *count)
        .sum();
    let share = |(relation, count): (&Relation, &f64)| {
        let share = match is_fixed(relation) {
            true => relation.share,
            false => count / free * (1.0 - fixed),
        };
        Relation { share, ..relation.clone() }
    };
    relations.iter().zip(&counts).map(share).collect()
}

fn maximise_shape(shape: &mut Shape, counts: &[(f64, f64)], usual_pairs: f64) {
    let level_count = shape.m.len() as f64;
    if !shape.is_m_fixed {
        let with_usual: Vec<f64> = counts
            .iter()
            .zip(&shape.usual_m)
            .map(|((sharing, _), usual)| sharing + usual_pairs * usual)
            .collect();
        let total: f64 = with_usual.iter().sum();
        shape.m = with_usual.iter().map(|count| count / total).collect();
        let unlike = shape.m.first().copied().unwrap_or_default();
        if unlike > shape.maximum_unlike && unlike < 1.0 {
            let scale = (1.0 - shape.maximum_unlike) / (1.0 - unlike);
            for (level, m) in shape.m.iter_mut().enumerate() {
                *m = if level == 0 { shape.maximum_unlike } else { *m * scale };
            }
        }
    }
    if !shape.is_u_fixed {
        let total: f64 = counts.iter().map(|(_, strange)| strange).sum();
        // Half a pair that was not seen: nothing is impossible among strangers.
        let share = |(_, strange): &(f64, f64)| (strange + 0.5 / level_count) / (total + 0.5);
        shape.u = counts.iter().map(share).collect();
    }
}

/// Brings levels into order where few pairs made a less alike level weigh more than one that is
/// more alike: neighbours in the wrong order weigh the same.
///
/// Source: pool adjacent violators (Ayer et al., 1955).
pub fn in_order(shape: &Shape) -> Vec<f64> {
    // Blocks of neighbouring levels from the least alike: their m, their u, how many they are.
    let mut blocks: Vec<(f64, f64, usize)> = vec![];
    for (m, u) in shape.m.iter().zip(&shape.u) {
        blocks.push((*m, *u, 1));
        while let [.., below, above] = blocks.as_slice()
            && below.0 / below.1 > above.0 / above.1
        {
            let joined = (below.0 + above.0, below.1 + above.1, below.2 + above.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let ratios = blocks.iter().flat_map(|(m, u, count)| std::iter::repeat_n(m / u, *count));
    ratios.zip(&shape.u).map(|(ratio, u)| ratio * u).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::algorithms::identity::training::weight_of;

    fn relation(is_same_person: bool, share: f64, shared: &[f64]) -> Relation {
        Relation { is_same_person, share, estimation: Estimation::Free, shared: shared.to_vec() }
    }

    fn shape(m: &[f64], u: &[f64]) -> Shape {
        Shape {
            m: m.to_vec(),
            u: u.to_vec(),
            usual_m: m.to_vec(),
            is_m_fixed: false,
            is_u_fixed: false,
            maximum_unlike: 0.5,
        }
    }

    #[test]
    fn a_household_explains_what_its_people_share() {
        // Family name and address agree, given names do not: −4, 10 and 12 bits.
        let evidence = [-4.0, 10.0, 12.0];
        let plain = [relation(true, 1e-4, &[1.0; 3]), relation(false, 1.0 - 1e-4, &[0.0; 3])];
        assert!(weight(&plain, &evidence) > 0.0);
        let mut with_household = plain.to_vec();
        with_household.push(relation(false, 1e-3, &[0.0, 0.9, 0.95]));
        assert!(weight(&with_household, &evidence) < -5.0);
        // Where given names agree too, a household is no better explanation than chance.
        assert!(weight(&with_household, &[10.0, 10.0, 12.0]) > 3.0);
    }

    /// All pairs that a model of relations makes of `total`.
    fn patterns(relations: &[Relation], shapes: &[Shape], total: f64) -> Vec<Weighted> {
        let mut patterns =
            vec![(vec![], relations.iter().map(|one| one.share).collect::<Vec<_>>())];
        for (place, shape) in shapes.iter().enumerate() {
            let mut longer = vec![];
            for (levels, shares) in &patterns {
                for (level, (m, u)) in shape.m.iter().zip(&shape.u).enumerate() {
                    let mut levels: Vec<i8> = levels.clone();
                    levels.push(i8::try_from(level).unwrap());
                    let part = |(share, relation): (&f64, &Relation)| {
                        let shared = relation.shared[place];
                        share * (shared * m + (1.0 - shared) * u)
                    };
                    longer.push((levels, shares.iter().zip(relations).map(part).collect()));
                }
            }
            patterns = longer;
        }
        let pairs = |shares: &Vec<f64>| shares.iter().sum::<f64>() * total;
        patterns
            .iter()
            .map(|(levels, shares)| Weighted { levels: levels.clone(), pairs: pairs(shares) })
            .collect()
    }

    #[test]
    fn a_known_mixture_is_found_again() {
        let relations = [
            relation(true, 0.02, &[1.0; 4]),
            relation(false, 0.93, &[0.0; 4]),
            relation(false, 0.05, &[0.0, 0.9, 0.9, 0.0]),
        ];
        let shapes = [
            shape(&[0.1, 0.2, 0.7], &[0.9, 0.07, 0.03]),
            shape(&[0.15, 0.85], &[0.95, 0.05]),
            shape(&[0.1, 0.9], &[0.97, 0.03]),
            shape(&[0.2, 0.8], &[0.9, 0.1]),
        ];
        let patterns = patterns(&relations, &shapes, 1e9);
        let begun: Vec<Relation> = relations
            .iter()
            .zip([0.001, 0.99, 0.009])
            .map(|(one, share)| Relation { share, ..one.clone() })
            .collect();
        let begun_shapes: Vec<Shape> = shapes
            .iter()
            .map(|one| {
                let u = one.u.iter().map(|_| 1.0 / one.u.len() as f64).collect::<Vec<_>>();
                let m = crate::algorithms::identity::training::usual_m(one.m.len());
                Shape { m: m.clone(), u, usual_m: m, ..one.clone() }
            })
            .collect();
        let settings =
            Settings { convergence: 1e-13, maximum_iterations: 20_000, usual_pairs: (0.0, 0.0) };
        let found = maximise(&patterns, begun, begun_shapes, settings);
        for (found, known) in found.relations.iter().zip(&relations) {
            assert!((found.share - known.share).abs() < 1e-3, "{found:?} {known:?}");
        }
        for (found, known) in found.shapes.iter().zip(&shapes) {
            for (found, known) in found.m.iter().chain(&found.u).zip(known.m.iter().chain(&known.u))
            {
                assert!((found - known).abs() < 0.01, "{found} {known}");
            }
        }
    }

    #[test]
    fn a_part_stays_within_its_bounds() {
        let of_first =
            |usual, pairs, between| Estimation::Part { of: vec![0], usual, pairs, between };
        let relations = [
            relation(true, 0.1, &[1.0]),
            Relation {
                estimation: of_first(0.1, Some(20.0), (0.005, 0.4)),
                ..relation(true, 0.1, &[0.5])
            },
            Relation {
                estimation: of_first(0.02, None, (0.0, 1.0)),
                ..relation(false, 0.1, &[0.9])
            },
            Relation { estimation: Estimation::Fixed, ..relation(false, 0.25, &[0.2]) },
            relation(false, 0.7, &[0.0]),
        ];
        let found = shares(&relations, &[0.0, 1000.0, 5.0, 5.0, 8995.0]);
        let share = |place: usize| found[place].share;
        assert!((share(1) / (share(0) + share(1)) - 0.4).abs() < 1e-9);
        assert!((share(2) / (share(0) + share(2)) - 0.02).abs() < 1e-9);
        assert_eq!(share(3), 0.25);
        assert!((found.iter().map(|one| one.share).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn levels_are_brought_into_order() {
        let wrong = shape(&[0.1, 0.3, 0.1, 0.5], &[0.8, 0.1, 0.05, 0.05]);
        let m = in_order(&wrong);
        // 3 and 2 times as likely: together 0.4 of 0.15.
        let expected = [0.1, 0.4 / 0.15 * 0.1, 0.4 / 0.15 * 0.05, 0.5];
        for (m, expected) in m.iter().zip(expected) {
            assert!((m - expected).abs() < 1e-12, "{m} {expected}");
        }
        let right = shape(&[0.1, 0.2, 0.7], &[0.9, 0.08, 0.02]);
        for (m, known) in in_order(&right).iter().zip(&right.m) {
            assert!((m - known).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn one_person_and_strangers_make_the_model_of_fellegi_and_sunter(
            evidence in prop::collection::vec(-20.0f64..20.0, 0..6),
            prior in 1e-9f64..0.999,
        ) {
            let ones = vec![1.0; evidence.len()];
            let zeros = vec![0.0; evidence.len()];
            let relations = [relation(true, prior, &ones), relation(false, 1.0 - prior, &zeros)];
            let expected = weight_of(prior) + evidence.iter().sum::<f64>();
            prop_assert!((weight(&relations, &evidence) - expected).abs() < 1e-9);
        }

        #[test]
        fn estimates_are_probabilities_in_any_order(
            counted in prop::collection::vec((-1i8..3, -1i8..2, 0.0f64..1000.0), 1..30),
        ) {
            let patterns: Vec<Weighted> = counted
                .iter()
                .map(|(one, other, pairs)| Weighted { levels: vec![*one, *other], pairs: *pairs })
                .collect();
            let relations = vec![
                relation(true, 0.01, &[1.0, 1.0]),
                relation(false, 0.98, &[0.0, 0.0]),
                relation(false, 0.01, &[0.0, 0.8]),
            ];
            let shapes = vec![shape(&[0.05, 0.05, 0.9], &[0.9, 0.06, 0.04]), shape(&[0.1, 0.9], &[0.9, 0.1])];
            let found = maximise(&patterns, relations.clone(), shapes.clone(), Settings::default());
            let shares: f64 = found.relations.iter().map(|one| one.share).sum();
            prop_assert!((shares - 1.0).abs() < 1e-9);
            for shape in &found.shapes {
                for numbers in [&shape.m, &shape.u] {
                    prop_assert!(numbers.iter().all(|number| *number > 0.0 && *number <= 1.0));
                    prop_assert!((numbers.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                }
            }
            let reversed: Vec<Weighted> = patterns.into_iter().rev().collect();
            prop_assert_eq!(maximise(&reversed, relations, shapes, Settings::default()), found);
        }
    }
}
