//! How right a model is where it is known who is who: at its threshold, and at others.

use serde::Serialize;

use super::clusters::{Clustered, Evidence};
use super::links::Links;
use super::pairs::Scored;
use super::records::Records;
use crate::algorithms::identity::evaluation;
use crate::config::linking::Declaration;
use crate::engine::Engine;
use crate::errors::Result;

/// The thresholds that are tried, in bits.
const THRESHOLDS: std::ops::RangeInclusive<i32> = -10..=30;

/// How many wrong clusters are named.
const WORST: usize = 10;

/// How right a model is.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// At the threshold that was asked for.
    pub at_threshold: Figures,
    /// Where the pairwise F1 is highest.
    pub best: Figures,
    /// At each that was tried, from the lowest.
    pub by_threshold: Vec<Figures>,
    /// The customers with the most pairs of two persons, at the threshold that was asked for.
    pub worst_clusters: Vec<Wrong>,
}

/// How right customers are at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The threshold, in bits.
    pub threshold: f64,
    /// Of the pairs of one customer, the share that is one person.
    pub precision: f64,
    /// Of the pairs of one person, the share that is one customer.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// The same over records, each with its customer against its person (Bagga and Baldwin, 1998).
    pub b_cubed_precision: f64,
    /// The same over records.
    pub b_cubed_recall: f64,
    /// The harmonic mean of both.
    pub b_cubed_f1: f64,
    /// Pairs of one customer and one person.
    pub true_positives: u64,
    /// Pairs of one customer and two persons.
    pub false_positives: u64,
    /// Pairs of two customers and one person.
    pub false_negatives: u64,
}

/// A customer that is several persons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The source and id of its first record.
    pub record: String,
    /// Its records.
    pub record_count: u64,
    /// The persons that they are.
    pub person_count: u64,
    /// Its pairs of two persons.
    pub false_pairs: u64,
}

/// Clusters the scored pairs at each threshold, and compares that with `persons`: for each record
/// a number that those of one person share. Gives the clusters at `threshold` too.
pub async fn evaluate(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    scored: &Scored,
    (threshold, links): (f64, &Links),
    persons: &[u32],
) -> Result<(Evaluation, Clustered)> {
    let mut thresholds: Vec<f64> = THRESHOLDS.map(f64::from).collect();
    // All that any of them has to know of pairs is found out at once.
    thresholds.push(threshold);
    let evidence = Evidence::gather(engine, records, model, scored, &thresholds).await?;
    thresholds.pop();
    let mut by_threshold = vec![];
    for threshold in thresholds {
        let clustered = evidence.cluster(records, model, threshold, links)?;
        by_threshold.push(Figures::of(threshold, &clustered, persons));
    }
    let clustered = evidence.cluster(records, model, threshold, links)?;
    let at_threshold = Figures::of(threshold, &clustered, persons);
    let best = by_threshold.iter().chain([&at_threshold]).max_by(|one, other| {
        // Of equal ones the first.
        one.f1.total_cmp(&other.f1).then(other.threshold.total_cmp(&one.threshold))
    });
    let best = best.unwrap_or(&at_threshold).clone();
    let worst = evaluation::worst(&clustered.clusters, persons, WORST);
    let worst_clusters = worst.into_iter().map(|wrong| Wrong {
        record: records.name(wrong.cluster),
        record_count: wrong.record_count,
        person_count: wrong.person_count,
        false_pairs: wrong.false_pairs,
    });
    let worst_clusters = worst_clusters.collect();
    Ok((Evaluation { at_threshold, best, by_threshold, worst_clusters }, clustered))
}

impl Figures {
    fn of(threshold: f64, clustered: &Clustered, persons: &[u32]) -> Figures {
        let found = evaluation::evaluate(&clustered.clusters, persons);
        Figures {
            threshold,
            precision: found.pairs.precision,
            recall: found.pairs.recall,
            f1: found.pairs.f1(),
            b_cubed_precision: found.b_cubed.precision,
            b_cubed_recall: found.b_cubed.recall,
            b_cubed_f1: found.b_cubed.f1(),
            true_positives: found.true_positives,
            false_positives: found.false_positives,
            false_negatives: found.false_negatives,
        }
    }
}
