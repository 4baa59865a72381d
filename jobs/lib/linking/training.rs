//! Estimates what a declaration's levels are worth from the records themselves.

use std::collections::BTreeSet;

use tracing::info;

use super::blocking;
use super::columns;
use super::mixture;
use super::patterns;
use super::records::{Records, RuleSet, read_by};
use crate::algorithms::identity::training::{
    self, Ending, Levels, NOT_OBSERVED, Pattern, maximise, probability_of, settle, shares, usual_m,
    weight_of,
};
use crate::config::linking::{BlockingRule, Comparison, Declaration, Level, Probability, Test};
use crate::engine::Engine;
use crate::errors::Result;

/// How many parts a random sample is looked at in, each only if those before were not enough.
const CHUNKS: u64 = 10;

/// A model, and what there is to know of how it came to be.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The declaration with all its numbers.
    pub model: Declaration,
    /// What it was estimated from, a sentence each.
    pub notes: Vec<String>,
    /// What could not be estimated, and why, a sentence each.
    pub warnings: Vec<String>,
}

/// Estimates the prior, u from pairs of random records, and m from pairs that rules find, but for
/// what is fixed; where relations are declared, all of it from all pairs at once.
///
/// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) for a deterministic rule that finds more
/// pairs than it may.
pub async fn train(
    engine: &Engine,
    records: &Records,
    declaration: &Declaration,
) -> Result<Trained> {
    if !declaration.relations.is_empty() {
        return mixture::train(engine, records, declaration).await;
    }
    let session = records.session(engine)?;
    let all_pairs = blocking::all_pairs(&session, &declaration.guards).await?;
    let mut trained = Trained {
        model: declaration.clone(),
        notes: vec![format!("Trained on {} records.", records.count())],
        warnings: vec![],
    };
    estimate_prior(&session, all_pairs, &mut trained).await?;
    estimate_u(&session, records, &mut trained).await?;
    estimate_m(&session, records, &mut trained).await?;
    Ok(trained)
}

type Session = datafusion::prelude::SessionContext;

async fn estimate_prior(session: &Session, all_pairs: u64, trained: &mut Trained) -> Result<()> {
    let model = &trained.model;
    if model.prior.probability.is_some() {
        return Ok(());
    }
    blocking::count(session, model, RuleSet::Deterministic).await?;
    let found = patterns::count_found(session, model, RuleSet::Deterministic).await?;
    if found == 0 {
        trained.warnings.push(
            "The prior could not be estimated, because no pair is found by a deterministic rule: \
             it is taken for the least that there could be."
                .to_string(),
        );
    }
    let recall = model.prior.recall;
    trained.notes.push(format!(
        "Prior: deterministic rules found {found} of {all_pairs} pairs, assumed to be {recall} of \
         those that are one person."
    ));
    let prior = training::prior(found, all_pairs, recall);
    // Of fewer than two records there are no pairs, and any prior will do.
    trained.model.prior.probability = Some(prior.unwrap_or(0.5));
    Ok(())
}

async fn estimate_u(session: &Session, records: &Records, trained: &mut Trained) -> Result<()> {
    let model = trained.model.clone();
    let rows = mixture::rows_for(model.training.maximum_pairs).min(records.count() as u64);
    let is_open = |comparison: &&Comparison| {
        comparison.telling().any(|level| level.u.as_ref().is_none_or(|u| !u.is_fixed))
    };
    let mut open: Vec<Comparison> = model.comparisons.iter().filter(is_open).cloned().collect();
    let mut counts: Vec<(String, Vec<u64>)> = open
        .iter()
        .map(|comparison| (comparison.name.clone(), vec![0; comparison.telling().count()]))
        .collect();
    let mut looked_at = 0;
    for chunk in 0..CHUNKS {
        if open.is_empty() {
            break;
        }
        let part = (chunk, CHUNKS);
        let patterns = patterns::random(session, &model, &open, rows, part).await?;
        looked_at += patterns.iter().map(|pattern| pattern.count).sum::<u64>();
        for (place, comparison) in open.iter().enumerate() {
            let known = counts.iter_mut().find(|(name, _)| *name == comparison.name);
            let Some((_, counts)) = known else { continue };
            for Pattern { levels, count } in &patterns {
                let level =
                    levels.get(place).copied().and_then(|level| usize::try_from(level).ok());
                if let Some(sum) = level.and_then(|level| counts.get_mut(level)) {
                    *sum += count;
                }
            }
        }
        open.retain(|comparison| {
            let counts = counts.iter().find(|(name, _)| *name == comparison.name);
            counts.is_some_and(|(_, counts)| {
                counts.iter().any(|count| *count < model.training.minimum_count)
            })
        });
    }
    info!(pair_count = looked_at, record_count = rows, "estimated u from random pairs");
    for (name, counts) in counts {
        let total: u64 = counts.iter().sum();
        let estimated = shares(&counts);
        let Some(comparison) =
            trained.model.comparisons.iter_mut().find(|comparison| comparison.name == name)
        else {
            continue;
        };
        // What is fixed keeps its share; the rest share what is left.
        let fixed: f64 = comparison.telling().filter_map(|level| fixed_of(level.u.as_ref())).sum();
        let free: f64 = comparison
            .telling()
            .zip(&estimated)
            .filter(|(level, _)| fixed_of(level.u.as_ref()).is_none())
            .filter_map(|(_, share)| *share)
            .sum();
        let scale = if free > 0.0 { (1.0 - fixed).max(0.0) / free } else { 1.0 };
        for (level, share) in comparison.telling_mut().zip(estimated) {
            if fixed_of(level.u.as_ref()).is_some() {
                continue;
            }
            level.u = Some(match share {
                Some(share) => Probability {
                    value: (share * scale).clamp(f64::MIN_POSITIVE, 1.0),
                    is_fixed: false,
                    origin: format!("{total} random pairs"),
                },
                None => {
                    trained.warnings.push(format!(
                        "u of level `{}` of comparison `{name}` could not be estimated, because \
                         none of {total} random pairs is on it: it is taken for about as rare as \
                         that allows.",
                        level.test.key()
                    ));
                    unobserved(total)
                }
            });
        }
    }
    Ok(())
}

fn fixed_of(probability: Option<&Probability>) -> Option<f64> {
    probability.filter(|one| one.is_fixed).map(|one| one.value)
}

/// The probability of what none of `total` pairs was: half a pair, but never less than Splink has.
fn unobserved(total: u64) -> Probability {
    let value = (0.5 / total.max(1) as f64).max(NOT_OBSERVED);
    Probability { value, is_fixed: false, origin: "not observed".to_string() }
}

async fn estimate_m(session: &Session, records: &Records, trained: &mut Trained) -> Result<()> {
    let model = trained.model.clone();
    let mut estimates: Vec<Vec<Vec<Option<f64>>>> = vec![vec![]; model.comparisons.len()];
    let rules = RuleSet::Training.of(&model);
    for (place, rule) in rules.iter().enumerate() {
        let name = RuleSet::Training.name(place);
        let used = base_columns(&model, &read_by_rule(rule)?)?;
        let mut chosen = vec![];
        for (index, comparison) in model.comparisons.iter().enumerate() {
            // Pairs of the rule agree on these anyway.
            if base_columns(&model, &read_by(comparison)?)?.is_disjoint(&used) {
                chosen.push((index, comparison.clone()));
            }
        }
        if chosen.is_empty() {
            trained.notes.push(format!("{name}: leaves no comparison to estimate."));
            continue;
        }
        let pair_count =
            blocking::pairs_of(session, &RuleSet::Training.key(place), &model.guards).await?;
        let draws = (pair_count > model.training.maximum_em_pairs).then(|| {
            let share = (model.training.maximum_em_pairs as f64 / pair_count as f64).sqrt();
            (records.count() as f64 * share).ceil() as u64
        });
        let comparisons: Vec<Comparison> = chosen.iter().map(|(_, one)| one.clone()).collect();
        let patterns =
            patterns::of_training_rule(session, &model, place, &comparisons, draws).await?;
        let seen: u64 = patterns.iter().map(|pattern| pattern.count).sum();
        if seen == 0 {
            trained.notes.push(format!("{name}: finds no pair."));
            continue;
        }
        let begun = comparisons.iter().map(levels_of).collect();
        let prior = adjusted_prior(&model, rule);
        let ending = Ending {
            convergence: model.training.convergence,
            maximum_iterations: model.training.maximum_iterations,
        };
        let found = maximise(&patterns, begun, prior, ending);
        trained.notes.push(format!(
            "{name} ({}): {seen} pairs, {:.1} % of them one person, {} iterations.",
            rule.on.join(", "),
            found.prior * 100.0,
            found.iterations
        ));
        info!(rule = name, pair_count = seen, iterations = found.iterations, "estimated m");
        for ((index, _), levels) in chosen.iter().zip(found.comparisons) {
            if let Some(known) = estimates.get_mut(*index) {
                known.push(levels.m);
            }
        }
    }
    let mut warnings = vec![];
    for (comparison, estimates) in trained.model.comparisons.iter_mut().zip(&estimates) {
        settle_comparison(comparison, estimates, &mut warnings);
    }
    trained.warnings.extend(warnings);
    Ok(())
}

fn settle_comparison(
    comparison: &mut Comparison,
    estimates: &[Vec<Option<f64>>],
    warnings: &mut Vec<String>,
) {
    let settled = settle(estimates);
    let usual = usual_m(comparison.telling().count());
    let name = comparison.name.clone();
    let is_fixed = |level: &Level| level.m.as_ref().is_some_and(|m| m.is_fixed);
    if estimates.is_empty() && !comparison.telling().all(is_fixed) {
        warnings.push(format!(
            "m of comparison `{name}` could not be estimated, because every training rule either \
             finds no pair or only pairs that agree on it: it is left as it is, or taken for the \
             usual."
        ));
    }
    for (place, level) in comparison.telling_mut().enumerate() {
        if is_fixed(level) {
            continue;
        }
        if estimates.is_empty() {
            if level.m.is_none() {
                let value = usual.get(place).copied().unwrap_or(NOT_OBSERVED);
                let origin = "the usual".to_string();
                level.m = Some(Probability { value, is_fixed: false, origin });
            }
            continue;
        }
        level.m = Some(match settled.get(place).copied().flatten() {
            Some(value) => Probability {
                value: value.clamp(f64::MIN_POSITIVE, 1.0),
                is_fixed: false,
                origin: format!("expectation maximisation, {} rules", estimates.len()),
            },
            None => {
                warnings.push(format!(
                    "m of level `{}` of comparison `{name}` could not be estimated, because no \
                     pair of a training rule is on it: it is taken for next to nothing.",
                    level.test.key()
                ));
                unobserved(u64::MAX)
            }
        });
    }
}

/// A comparison's levels to begin with: as given, else the usual.
fn levels_of(comparison: &Comparison) -> Levels {
    let usual = usual_m(comparison.telling().count());
    let m = |(level, usual): (&Level, f64)| Some(level.m.as_ref().map_or(usual, |m| m.value));
    Levels {
        m: comparison.telling().zip(usual).map(m).collect(),
        u: comparison
            .telling()
            .map(|level| level.u.as_ref().map_or(NOT_OBSERVED, |u| u.value))
            .collect(),
        is_m_fixed: comparison
            .telling()
            .map(|level| level.m.as_ref().is_some_and(|m| m.is_fixed))
            .collect(),
    }
}

/// How likely a pair that a rule finds is one person: the prior, and what the equal values weigh
/// that comparisons would weigh too.
fn adjusted_prior(model: &Declaration, rule: &BlockingRule) -> f64 {
    let mut weight = weight_of(model.prior.probability.unwrap_or(0.5));
    for comparison in &model.comparisons {
        if !rule.on.contains(&comparison.column) {
            continue;
        }
        let levels = levels_of(comparison);
        let exact = comparison.telling().position(|level| level.test == Test::Exact);
        if let Some(place) = exact
            && let (Some(Some(m)), Some(u)) = (levels.m.get(place), levels.u.get(place))
        {
            weight += (m / u).log2();
        }
    }
    // Certainty could never be unlearnt.
    probability_of(weight).clamp(1e-9, 1.0 - 1e-9)
}

fn read_by_rule(rule: &BlockingRule) -> Result<BTreeSet<String>> {
    let mut read = BTreeSet::new();
    for sql in &rule.on {
        read.extend(columns::of_record("a training rule", sql)?);
    }
    Ok(read)
}

/// The columns of the inputs that columns are made of.
fn base_columns(model: &Declaration, names: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut base = names.clone();
    // A column may be made of those before it, also of the one that it hides.
    for (name, sql) in model.records.columns.iter().rev() {
        if base.remove(name) {
            base.extend(columns::of_record(&format!("column `{name}`"), sql)?);
        }
    }
    Ok(base)
}
