//! Models of more kinds of pairs than one person and strangers: their weights in SQL, and their
//! training on all pairs there are at once.

use std::sync::Arc;

use tracing::info;

use super::blocking;
use super::explain::in_words;
use super::patterns;
use super::records::Records;
use super::training::Trained;
use crate::algorithms::identity::candidates::{Candidates, random_pairs};
use crate::algorithms::identity::relations::{
    self, Estimation, Settings, Shape, Weighted, in_order, maximise,
};
use crate::algorithms::identity::training::{Pattern, usual_m};
use crate::config::linking::{Comparison, Declaration, Level, Probability, Relation};
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};

/// Below how many comparisons that tell people apart nothing but shares is estimated: two do not
/// tell a mixture.
const LEAST_COMPARISONS: usize = 3;

/// What m of the least alike level is at most, where nothing is declared.
const MAXIMUM_UNLIKE: f64 = 0.5;

/// Estimates m, u and the relations' shares from all pairs: those that rules find, each for
/// itself, and random ones that stand for all others.
///
/// Errors: [`Kind::Usage`] for a rule that finds more pairs than it may.
pub(super) async fn train(
    engine: &Engine,
    records: &Records,
    declaration: &Declaration,
) -> Result<Trained> {
    let session = records.session(engine)?;
    let all_pairs = blocking::all_pairs(&session, &declaration.guards).await?;
    let Patterns { found, others } = patterns(engine, records, declaration).await?;
    let found_pairs: u64 = found.iter().map(|pattern| pattern.count).sum();
    let rest = all_pairs.saturating_sub(found_pairs);
    let other_pairs: u64 = others.iter().map(|pattern| pattern.count).sum();
    let each = if other_pairs > 0 { rest as f64 / other_pairs as f64 } else { 0.0 };
    let weighted = |each: f64| {
        move |pattern: Pattern| Weighted {
            levels: pattern.levels,
            pairs: pattern.count as f64 * each,
        }
    };
    let mut patterns: Vec<Weighted> = found.into_iter().map(weighted(1.0)).collect();
    patterns.extend(others.into_iter().map(weighted(each)));

    let mut model = declaration.clone();
    let Begun { shapes, warnings } = shapes(&model.comparisons, &patterns);
    let begun = relations_to_begin_with(&model, records.count(), all_pairs);
    let settings =
        Settings { usual_pairs: declaration.training.usual_pairs, ..Settings::default() };
    let estimate = maximise(&patterns, begun, shapes, settings);
    info!(
        pair_count = found_pairs,
        sample_count = other_pairs,
        iterations = estimate.iterations,
        "estimated relations"
    );
    let mut notes = vec![
        format!("Trained on {} records.", records.count()),
        format!(
            "{found_pairs} pairs that rules find, and {other_pairs} for the {rest} others; {} \
             iterations.",
            estimate.iterations
        ),
    ];
    let one_person = estimate.relations.iter().filter(|relation| relation.is_same_person);
    let expected = one_person.map(|relation| relation.share).sum::<f64>() * all_pairs as f64;
    notes.push(format!("About {expected:.0} pairs are expected to be one person."));
    for (relation, estimated) in model.relations.iter_mut().zip(&estimate.relations) {
        relation.share = Some(estimated.share.clamp(f64::MIN_POSITIVE, 1.0));
    }
    let origin = format!("{found_pairs} found and {other_pairs} random pairs");
    for (comparison, shape) in model.comparisons.iter_mut().zip(&estimate.shapes) {
        let is_given =
            comparison.telling().all(|level| level.u.as_ref().is_some_and(|u| u.is_fixed));
        let m = if is_given { shape.m.clone() } else { in_order(shape) };
        for ((level, m), u) in comparison.telling_mut().zip(m).zip(&shape.u) {
            set(&mut level.m, m, &origin);
            set(&mut level.u, *u, &origin);
        }
    }
    Ok(Trained { model, notes, warnings })
}

/// How pairs agree.
struct Patterns {
    /// Those that are compared.
    found: Vec<Pattern>,
    /// A sample of all others.
    others: Vec<Pattern>,
}

async fn patterns(
    engine: &Engine,
    records: &Records,
    declaration: &Declaration,
) -> Result<Patterns> {
    let training = &declaration.training;
    let Some(candidates) = &records.candidates else {
        let drawn = rows_for(training.sample_pairs).min(records.count() as u64);
        return Ok(Patterns {
            found: patterns::found(engine, records, declaration).await?,
            others: patterns::others(engine, records, declaration, drawn).await?,
        });
    };
    let found = patterns::chosen(engine, records, declaration, candidates).await?;
    let count = u32::try_from(records.count()).unwrap_or(u32::MAX);
    let all = u64::from(count) * u64::from(count.saturating_sub(1)) / 2;
    if u64::try_from(candidates.pairs.len()).is_ok_and(|chosen| chosen == all) {
        return Ok(Patterns { found, others: vec![] });
    }
    let drawn =
        random_pairs(count, training.sample_pairs, training.seed, |pair| candidates.contains(pair));
    let drawn = Arc::new(Candidates { pairs: drawn, ..Candidates::default() });
    let others = patterns::of_pairs(engine, records, declaration, &drawn).await?;
    Ok(Patterns { found, others })
}

fn set(probability: &mut Option<Probability>, value: f64, origin: &str) {
    if probability.as_ref().is_some_and(|known| known.is_fixed) {
        return;
    }
    let value = value.clamp(f64::MIN_POSITIVE, 1.0);
    *probability = Some(Probability { value, is_fixed: false, origin: origin.to_string() });
}

/// How many records have about so many pairs.
pub(super) fn rows_for(pairs: u64) -> u64 {
    ((8.0 * pairs as f64 + 1.0).sqrt() * 0.5 + 0.5).ceil() as u64
}

/// The comparisons to begin with, and what of them cannot be estimated, and why.
struct Begun {
    shapes: Vec<Shape>,
    warnings: Vec<String>,
}

/// The comparisons to begin with: m as declared, or the usual; u as all pairs have it.
fn shapes(comparisons: &[Comparison], patterns: &[Weighted]) -> Begun {
    let is_fixed = |one: &Option<Probability>| one.as_ref().is_some_and(|one| one.is_fixed);
    let mut shapes: Vec<Shape> = vec![];
    let mut warnings = vec![];
    for (place, comparison) in comparisons.iter().enumerate() {
        let levels: Vec<&Level> = comparison.telling().collect();
        let mut counts = vec![0.0; levels.len()];
        for pattern in patterns {
            let level = pattern.levels.get(place).and_then(|level| usize::try_from(*level).ok());
            if let Some(count) = level.and_then(|level| counts.get_mut(level)) {
                *count += pattern.pairs;
            }
        }
        let total: f64 = counts.iter().sum();
        let half = 0.5 / levels.len() as f64;
        let is_u_fixed = levels.iter().all(|level| is_fixed(&level.u));
        warnings.extend(not_estimated(comparison, &counts));
        let usual = usual_m(levels.len());
        let m: Vec<f64> = levels
            .iter()
            .zip(usual)
            .map(|(level, usual)| level.m.as_ref().map_or(usual, |m| m.value))
            .collect();
        let sum: f64 = m.iter().sum();
        let m: Vec<f64> = m.iter().map(|m| m / sum).collect();
        shapes.push(Shape {
            usual_m: m.clone(),
            m,
            u: match is_u_fixed {
                true => levels.iter().filter_map(|level| Some(level.u.as_ref()?.value)).collect(),
                false => counts.iter().map(|count| (count + half) / (total + 0.5)).collect(),
            },
            is_m_fixed: levels.iter().all(|level| is_fixed(&level.m)),
            is_u_fixed,
            maximum_unlike: comparison.maximum_unlike.unwrap_or(MAXIMUM_UNLIKE),
        });
    }
    let tells_apart = |shape: &&Shape| {
        !shape.is_u_fixed && shape.m.len() > 2 && shape.u.last().is_some_and(|u| *u < 0.5)
    };
    if shapes.iter().filter(tells_apart).count() < LEAST_COMPARISONS {
        warnings.push(format!(
            "m and u could not be estimated, because fewer than {LEAST_COMPARISONS} comparisons tell \
             people apart: m is taken for the usual, u for how often all pairs are on a level."
        ));
        for shape in &mut shapes {
            shape.is_m_fixed = true;
            shape.is_u_fixed = true;
        }
    }
    Begun { shapes, warnings }
}

/// What of a comparison cannot be estimated from so many pairs on each of its levels, and why.
fn not_estimated(comparison: &Comparison, counts: &[f64]) -> Vec<String> {
    let name = &comparison.name;
    let total: f64 = counts.iter().sum();
    if total == 0.0 {
        return vec![format!(
            "m and u of comparison `{name}` could not be estimated, because no pair has a value on \
             both sides: it tells nothing."
        )];
    }
    let is_open = |level: &Level| {
        let is_fixed = |one: &Option<Probability>| one.as_ref().is_some_and(|one| one.is_fixed);
        !is_fixed(&level.m) || !is_fixed(&level.u)
    };
    let levels = comparison.telling().zip(counts);
    let unseen = levels.filter(|(level, count)| **count == 0.0 && is_open(level));
    unseen
        .map(|(level, _)| {
            format!(
                "m and u of level `{}` of comparison `{name}` could not be estimated, because none \
                 of {total:.0} pairs is on it: m is taken for the usual, u for that of half a pair.",
                in_words(comparison, level)
            )
        })
        .collect()
}

/// The relations to begin with.
fn relations_to_begin_with(
    model: &Declaration,
    record_count: usize,
    all_pairs: u64,
) -> Vec<relations::Relation> {
    let pairs = all_pairs.max(1) as f64;
    let one_person = (1.0_f64.max(0.2 * record_count as f64) / pairs).min(1e-3);
    let begun = |relation: &Relation| {
        let is_part = relation.part.is_some();
        match (relation.share, relation.is_same_person, is_stranger(model, relation)) {
            (Some(share), _, _) => share,
            (None, true, _) => one_person * if is_part { 0.1 } else { 0.9 },
            (None, false, true) => 1.0,
            (None, false, false) => one_person * 0.3,
        }
    };
    let total: f64 = model.relations.iter().map(begun).sum();
    let place = |name: &String| model.relations.iter().position(|other| other.name == *name);
    model
        .relations
        .iter()
        .map(|relation| relations::Relation {
            is_same_person: relation.is_same_person,
            share: begun(relation) / total,
            estimation: match (&relation.part, relation.share) {
                (Some(part), _) => Estimation::Part {
                    of: part.of.iter().filter_map(place).collect(),
                    usual: part.usual,
                    pairs: part.pairs,
                    between: part.between,
                },
                (None, _) => Estimation::Free,
            },
            shared: shared(model, relation),
        })
        .collect()
}

fn shared(model: &Declaration, relation: &Relation) -> Vec<f64> {
    model.comparisons.iter().map(|comparison| relation.shares(&comparison.name)).collect()
}

fn is_stranger(model: &Declaration, relation: &Relation) -> bool {
    !relation.is_same_person && shared(model, relation).iter().all(|shared| *shared == 0.0)
}

/// The SQL of a mixture's weight over columns with each comparison's bits.
pub(super) struct Sql {
    /// Columns that the weight needs, over the bits: `name, expression`.
    pub columns: Vec<(String, String)>,
    /// How much more likely a pair is one person than not, in bits, over those columns.
    pub weight: String,
    /// What of it was known before anything was compared, in bits.
    pub prior: String,
}

/// The weight of pairs in a model of relations; `bits` names the column of a comparison's bits.
///
/// Errors: [`Kind::Usage`] where a relation has no share.
pub(super) fn sql(
    model: &Declaration,
    bits: impl Fn(&Comparison) -> String,
    literal: impl Fn(f64) -> String,
) -> Result<Sql> {
    let mut columns = vec![];
    let (mut same, mut others, mut shares) = (vec![], vec![], 0.0);
    for (place, relation) in model.relations.iter().enumerate() {
        let Some(share) = relation.share else {
            let what = format!("compare pairs: relation `{}` has no share", relation.name);
            return Err(Error::new(Kind::Usage, what));
        };
        let mut all = vec![];
        let mut product = vec![literal(share)];
        for comparison in &model.comparisons {
            let bits = bits(comparison);
            match relation.shares(&comparison.name) {
                0.0 => {}
                1.0 => all.push(bits),
                shared => product.push(format!(
                    "({} + {} * power(2.0, {bits}))",
                    literal(1.0 - shared),
                    literal(shared)
                )),
            }
        }
        if !all.is_empty() {
            product.push(format!("power(2.0, {})", all.join(" + ")));
        }
        let column = format!("__relation_{place}");
        columns.push((column.clone(), product.join(" * ")));
        match relation.is_same_person {
            true => {
                shares += share;
                same.push(column);
            }
            false => others.push((column, share)),
        }
    }
    let names: Vec<String> = others.iter().map(|(column, _)| column.clone()).collect();
    let other = names.join(" + ");
    // Each other explanation counts with its own share, as far as it explains the pair.
    let expected: Vec<String> = others
        .iter()
        .map(|(column, share)| format!("{column} * {}", literal(share.log2())))
        .collect();
    Ok(Sql {
        columns,
        weight: format!("log2({}) - log2({other})", same.join(" + ")),
        prior: format!(
            "least(0.0, {} - ({}) / ({other}))",
            literal(shares.log2()),
            expected.join(" + ")
        ),
    })
}
