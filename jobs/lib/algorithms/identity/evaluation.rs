//! How right a clustering is, where the truth is known.

use std::collections::HashMap;

/// Shares of what is right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Of what was said, the share that is true; 1 where nothing was said.
    pub precision: f64,
    /// Of what is true, the share that was said; 1 where nothing is true.
    pub recall: f64,
}

impl Score {
    /// The harmonic mean of both; 0 where both are.
    pub fn f1(&self) -> f64 {
        match self.precision + self.recall {
            0.0 => 0.0,
            sum => 2.0 * self.precision * self.recall / sum,
        }
    }
}

/// How a clustering compares with the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Over pairs of records: those of one cluster against those of one person.
    pub pairs: Score,
    /// Over records: each record's cluster against its person, so that large clusters do not
    /// outweigh all.
    ///
    /// Source: Bagga and Baldwin (1998).
    pub b_cubed: Score,
    /// Pairs of one cluster and one person.
    pub true_positives: u64,
    /// Pairs of one cluster and two persons.
    pub false_positives: u64,
    /// Pairs of two clusters and one person.
    pub false_negatives: u64,
}

/// A cluster that is wrong, for people to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrongCluster {
    /// Pairs in it of two persons.
    pub false_pairs: u64,
    /// The cluster's number.
    pub cluster: u32,
    /// Its records.
    pub record_count: u64,
    /// The persons that they are.
    pub person_count: u64,
}

/// Compares a clustering with the truth.
///
/// `clusters` and `persons`: for each record a number that those of one cluster, of one person,
/// share; both as long.
pub fn evaluate(clusters: &[u32], persons: &[u32]) -> Evaluation {
    let of_cluster = counts(clusters.iter());
    let of_person = counts(persons.iter());
    let of_both = counts(clusters.iter().zip(persons));
    let pairs_of = |counts: &mut dyn Iterator<Item = &u64>| counts.map(|n| n * (n - 1) / 2).sum();
    let said: u64 = pairs_of(&mut of_cluster.values());
    let is_so: u64 = pairs_of(&mut of_person.values());
    let right: u64 = pairs_of(&mut of_both.values());
    let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };

    // Summed in one order, for the last digit's sake.
    let mut cells: Vec<(u64, u64, u64)> = of_both
        .iter()
        .map(|((cluster, person), both)| {
            let count =
                |of: &HashMap<&u32, u64>, name: &u32| of.get(name).copied().unwrap_or(*both);
            (*both, count(&of_cluster, cluster), count(&of_person, person))
        })
        .collect();
    cells.sort_unstable();
    let (mut precision, mut recall) = (0.0, 0.0);
    for (both, cluster, person) in cells {
        let square = both as f64 * both as f64;
        precision += square / cluster as f64;
        recall += square / person as f64;
    }
    let mean = |sum: f64| if clusters.is_empty() { 1.0 } else { sum / clusters.len() as f64 };
    Evaluation {
        pairs: Score { precision: share(right, said), recall: share(right, is_so) },
        b_cubed: Score { precision: mean(precision), recall: mean(recall) },
        true_positives: right,
        false_positives: said - right,
        false_negatives: is_so - right,
    }
}

/// The clusters with the most pairs of two persons, worst first, at most `count`.
pub fn worst(clusters: &[u32], persons: &[u32], count: usize) -> Vec<WrongCluster> {
    let of_cluster = counts(clusters.iter());
    let mut wrong: HashMap<u32, WrongCluster> = HashMap::new();
    for ((cluster, _), both) in counts(clusters.iter().zip(persons)) {
        let record_count = of_cluster.get(cluster).copied().unwrap_or(both);
        let entry = wrong.entry(*cluster).or_insert(WrongCluster {
            false_pairs: record_count * (record_count - 1) / 2,
            cluster: *cluster,
            record_count,
            person_count: 0,
        });
        entry.person_count += 1;
        entry.false_pairs -= both * (both - 1) / 2;
    }
    let mut wrong: Vec<WrongCluster> =
        wrong.into_values().filter(|cluster| cluster.false_pairs > 0).collect();
    wrong.sort_by_key(|cluster| (std::cmp::Reverse(cluster.false_pairs), cluster.cluster));
    wrong.truncate(count);
    wrong
}

fn counts<T: std::hash::Hash + Eq>(names: impl Iterator<Item = T>) -> HashMap<T, u64> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clustering_is_measured_over_pairs_and_over_records() {
        // Amigó et al. (2009): two clusters {a a a b} {b b}: a three of a kind with a stranger.
        let (clusters, persons) = ([1, 1, 1, 1, 2, 2], [7, 7, 7, 8, 8, 8]);
        let found = evaluate(&clusters, &persons);
        assert_eq!((found.true_positives, found.false_positives, found.false_negatives), (4, 3, 2));
        assert_eq!(found.pairs, Score { precision: 4.0 / 7.0, recall: 4.0 / 6.0 });
        // Precision: three records of 3/4, one of 1/4, two of 1; recall: three of 1, one of 1/3,
        // two of 2/3.
        assert!((found.b_cubed.precision - (3.0 * 0.75 + 0.25 + 2.0) / 6.0).abs() < 1e-12);
        assert!((found.b_cubed.recall - (3.0 + 1.0 / 3.0 + 4.0 / 3.0) / 6.0).abs() < 1e-12);
        let worst = worst(&clusters, &persons, 5);
        let expected =
            WrongCluster { false_pairs: 3, cluster: 1, record_count: 4, person_count: 2 };
        assert_eq!(worst, [expected]);
    }

    #[test]
    fn saying_nothing_is_never_wrong() {
        let alone = evaluate(&[1, 2, 3], &[5, 5, 6]);
        assert_eq!(alone.pairs, Score { precision: 1.0, recall: 0.0 });
        assert_eq!(alone.pairs.f1(), 0.0);
        assert_eq!(evaluate(&[], &[]).b_cubed, Score { precision: 1.0, recall: 1.0 });
    }

    proptest! {
        #[test]
        fn pairs_agree_with_counting_each(records in prop::collection::vec((0u32..5, 0u32..5), 0..30)) {
            let clusters: Vec<u32> = records.iter().map(|record| record.0).collect();
            let persons: Vec<u32> = records.iter().map(|record| record.1).collect();
            let found = evaluate(&clusters, &persons);
            let (mut right, mut said, mut is_so) = (0, 0, 0);
            for (place, left) in records.iter().enumerate() {
                for right_one in &records[place + 1..] {
                    said += u64::from(left.0 == right_one.0);
                    is_so += u64::from(left.1 == right_one.1);
                    right += u64::from(left == right_one);
                }
            }
            prop_assert_eq!(found.true_positives, right);
            prop_assert_eq!(found.false_positives, said - right);
            prop_assert_eq!(found.false_negatives, is_so - right);
            let swapped = evaluate(&persons, &clusters);
            prop_assert!((swapped.b_cubed.precision - found.b_cubed.recall).abs() < 1e-12);
            let wrong: u64 = worst(&clusters, &persons, 100).iter().map(|w| w.false_pairs).sum();
            prop_assert_eq!(wrong, found.false_positives);
        }
    }
}
