use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::algorithms::identity::clustering::connected_components;

fn rules(linkage: Linkage, threshold: f64) -> Rules<'static> {
    Rules {
        linkage,
        growth: 0.0,
        threshold,
        unscored_weight: None,
        maximum_size: None,
        one_value: &[],
        each_once: &[],
        must_link: &[],
        cannot_link: &[],
    }
}

fn edge(left: u32, right: u32, weight: f64) -> Edge {
    Edge { left, right, weight, prior: 0.0 }
}

#[test]
fn a_chain_is_one_cluster_by_single_linkage_only() {
    let chain = [edge(0, 1, 9.0), edge(1, 2, 8.0), edge(0, 2, -12.0)];
    let single = cluster(4, &chain, &rules(Linkage::Single, 5.0));
    assert_eq!(single.clusters, [0, 0, 0, 3]);
    // The third's pairs weigh −2 on average, and −12 at worst.
    for linkage in [Linkage::Average, Linkage::Complete] {
        assert_eq!(cluster(4, &chain, &rules(linkage, 5.0)).clusters, [0, 0, 2, 3]);
    }
    assert_eq!(cluster(4, &chain, &rules(Linkage::Average, -2.0)).clusters, [0, 0, 0, 3]);
    assert_eq!(cluster(4, &chain, &rules(Linkage::Complete, -2.0)).clusters, [0, 0, 2, 3]);
}

#[test]
fn a_pair_that_was_never_scored_counts_as_declared() {
    let chain = [edge(0, 1, 9.0), edge(1, 2, 8.0)];
    assert_eq!(cluster(3, &chain, &rules(Linkage::Average, 5.0)).clusters, [0, 0, 0]);
    let against = Rules { unscored_weight: Some(-12.0), ..rules(Linkage::Average, 5.0) };
    assert_eq!(cluster(3, &chain, &against).clusters, [0, 0, 2]);
    let at_worst = Rules { unscored_weight: Some(6.0), ..rules(Linkage::Complete, 5.0) };
    assert_eq!(cluster(3, &chain, &at_worst).clusters, [0, 0, 0]);
}

#[test]
fn guards_refuse_the_weaker_join_and_say_why() {
    let chain = [edge(2, 1, 9.0), edge(1, 0, 8.0)];
    let refused = [edge(0, 1, 8.0)];
    let values = [vec![Some(7), None, Some(8)]];
    let once = [vec![Some(1), Some(2), Some(1)]];
    let free = rules(Linkage::Single, 5.0);
    for (guarded, guard) in [
        (Rules { maximum_size: Some(2), ..free }, Guard::Size),
        (Rules { one_value: &values, ..free }, Guard::OneValue(0)),
        (Rules { each_once: &once, ..free }, Guard::EachOnce(0)),
        (Rules { cannot_link: &[(2, 0)], ..free }, Guard::CannotLink),
    ] {
        let found = cluster(3, &chain, &guarded);
        assert_eq!(found.clusters, [0, 1, 1], "{guard:?}");
        assert_eq!(found.refusals, refused.map(|edge| Refusal { guard, edge }), "{guard:?}");
    }
}

#[test]
fn people_join_what_neither_weight_nor_guards_would() {
    let against = [edge(0, 1, -20.0), edge(1, 2, 9.0), edge(0, 2, 8.0), edge(3, 4, 9.0)];
    let free = rules(Linkage::Average, 5.0);
    assert_eq!(cluster(6, &against, &free).clusters, [0, 1, 1, 3, 3, 5]);
    // 4 and 5, and by way of them 0: three records that no pair would join, one without a pair.
    let must = Rules { must_link: &[(5, 4), (0, 5)], maximum_size: Some(2), ..free };
    let found = cluster(6, &against, &must);
    assert_eq!(found.clusters, [0, 1, 1, 3, 0, 0]);
    let too_large = Refusal { guard: Guard::Size, edge: edge(3, 4, 9.0) };
    assert_eq!(found.refusals, [too_large]);
    // What is joined so is one for all that comes after: 2 may not join by way of 0.
    let single = rules(Linkage::Single, 5.0);
    let apart = Rules { must_link: &[(0, 3)], cannot_link: &[(3, 2)], ..single };
    let found = cluster(6, &against, &apart);
    assert_eq!(found.clusters, [0, 1, 1, 0, 0, 5]);
    let never = Refusal { guard: Guard::CannotLink, edge: edge(0, 2, 8.0) };
    assert_eq!(found.refusals, [never]);
}

#[test]
fn people_may_contradict_themselves() {
    let must = [(0, 1), (3, 2), (1, 2)];
    assert_eq!(contradiction(6, &must, &[(4, 5), (0, 4), (3, 0)]), Some((3, 0)));
    assert_eq!(contradiction(6, &must, &[(4, 5), (0, 4)]), None);
    assert_eq!(contradiction(6, &must, &[(4, 4)]), Some((4, 4)));
    assert_eq!(contradiction(6, &[], &[(0, 1)]), None);
}

#[test]
fn what_many_pairs_agree_on_a_little_grows_with_them() {
    // Two pairs of two records each; between the clusters four pairs of 2 bits, of which −10 were
    // known before: 12 bits of evidence each.
    let mut edges = vec![edge(0, 1, 20.0), edge(2, 3, 20.0)];
    for (left, right) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        edges.push(Edge { prior: -10.0, ..edge(left, right, 2.0) });
    }
    let grown = |growth| Rules { growth, ..rules(Linkage::Average, 6.0) };
    assert_eq!(cluster(4, &edges, &grown(0.0)).clusters, [0, 0, 2, 2]);
    // Two to four pairs make more of it: 12 · √4 − 10 = 14.
    assert_eq!(cluster(4, &edges, &grown(0.5)).clusters, [0, 0, 0, 0]);
}

#[test]
fn equal_weights_join_the_smallest_positions_first() {
    let ring = [edge(2, 0, 7.0), edge(1, 2, 7.0), edge(0, 1, 7.0)];
    let found = cluster(3, &ring, &Rules { maximum_size: Some(2), ..rules(Linkage::Single, 5.0) });
    assert_eq!(found.clusters, [0, 0, 2]);
}

#[test]
fn records_that_are_not_there_are_ignored() {
    let found = cluster(2, &[edge(0, 9, 9.0), edge(1, 1, 9.0)], &rules(Linkage::Single, 5.0));
    assert_eq!(found.clusters, [0, 1]);
    assert_eq!(cluster(0, &[], &rules(Linkage::Single, 5.0)).clusters, Vec::<u32>::new());
}

/// Average and complete linkage as they are defined: all pairs of clusters looked at each time.
fn naive(n: u32, edges: &[Edge], rules: &Rules<'_>) -> Vec<u32> {
    let mut clusters: Vec<BTreeSet<u32>> = (0..n).map(|record| BTreeSet::from([record])).collect();
    loop {
        let mut best: Option<(f64, usize, usize)> = None;
        for (first, one) in clusters.iter().enumerate() {
            for (second, other) in clusters.iter().enumerate().skip(first + 1) {
                let between: Vec<f64> = edges
                    .iter()
                    .filter(|edge| {
                        (one.contains(&edge.left) && other.contains(&edge.right))
                            || (other.contains(&edge.left) && one.contains(&edge.right))
                    })
                    .map(|edge| edge.weight)
                    .collect();
                if between.is_empty() {
                    continue;
                }
                let without = one.len() * other.len() - between.len();
                let mut all = between.clone();
                all.extend(rules.unscored_weight.iter().flat_map(|each| vec![*each; without]));
                let value = match rules.linkage {
                    Linkage::Single => between.iter().copied().fold(f64::MIN, f64::max),
                    Linkage::Average => all.iter().sum::<f64>() / all.len() as f64,
                    Linkage::Complete => all.iter().copied().fold(f64::MAX, f64::min),
                };
                if value >= rules.threshold && best.is_none_or(|(known, _, _)| value > known) {
                    best = Some((value, first, second));
                }
            }
        }
        let Some((_, first, second)) = best else { break };
        let joined = clusters.remove(second);
        clusters[first].extend(joined);
    }
    let name = |record| clusters.iter().find(|one| one.contains(&record)).unwrap().first().copied();
    (0..n).map(|record| name(record).unwrap()).collect()
}

/// Each pair once, with whole weights: sums of them are the same in any order.
fn edges(n: u32) -> impl Strategy<Value = Vec<Edge>> {
    prop::collection::btree_map((0..n, 0..n), -20i32..20, 0..40).prop_map(|pairs| {
        let mut seen = BTreeSet::new();
        let once = pairs.into_iter().filter(|((left, right), _)| {
            left != right && seen.insert((*left.min(right), *left.max(right)))
        });
        once.map(|((left, right), weight)| edge(left, right, f64::from(weight))).collect()
    })
}

proptest! {
    #[test]
    fn linkages_agree_with_their_definition(
        edges in edges(10),
        linkage in prop::sample::select(vec![Linkage::Single, Linkage::Average, Linkage::Complete]),
        threshold in -10i32..15,
        unscored_weight in prop::option::of(-10i32..10),
    ) {
        let unscored_weight = unscored_weight.map(f64::from);
        let rules = Rules { unscored_weight, ..rules(linkage, f64::from(threshold)) };
        prop_assert_eq!(cluster(10, &edges, &rules).clusters, naive(10, &edges, &rules));
    }

    #[test]
    fn single_linkage_without_guards_makes_components(edges in edges(12), threshold in -20i32..20) {
        let threshold = f64::from(threshold);
        let ids: Vec<String> = (0..12).map(|id| format!("{id:02}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let strong = edges.iter().filter(|edge| edge.weight >= threshold);
        let pairs: Vec<(u32, u32)> = strong.map(|edge| (edge.left, edge.right)).collect();
        let found = cluster(12, &edges, &rules(Linkage::Single, threshold));
        prop_assert_eq!(found.clusters, connected_components(&ids, &pairs).unwrap());
    }

    #[test]
    fn guards_hold_in_any_order_of_the_edges(
        edges in edges(12),
        size in 1u32..6,
        values in prop::collection::vec(prop::option::of(0u32..3), 12),
        sources in prop::collection::vec(prop::option::of(0u32..4), 12),
        apart in prop::collection::vec((0u32..12, 0u32..12), 0..4),
    ) {
        let cannot_link: Vec<(u32, u32)> = apart.into_iter().filter(|(l, r)| l != r).collect();
        let (one_value, each_once) = ([values], [sources]);
        let rules = Rules {
            maximum_size: Some(size),
            one_value: &one_value,
            each_once: &each_once,
            cannot_link: &cannot_link,
            ..rules(Linkage::Single, -20.0)
        };
        let found = cluster(12, &edges, &rules);
        let turned: Vec<Edge> =
            edges.iter().rev().map(|one| edge(one.right, one.left, one.weight)).collect();
        prop_assert_eq!(&cluster(12, &turned, &rules), &found);
        for name in &found.clusters {
            let members = || (0..12).filter(|member| found.clusters[*member] == *name);
            prop_assert!(members().count() <= size as usize);
            let known: BTreeSet<u32> = members().filter_map(|one| one_value[0][one]).collect();
            prop_assert!(known.len() <= 1);
            let sources: Vec<u32> = members().filter_map(|one| each_once[0][one]).collect();
            prop_assert_eq!(sources.len(), sources.iter().collect::<BTreeSet<_>>().len());
        }
        for (left, right) in &cannot_link {
            prop_assert_ne!(found.clusters[*left as usize], found.clusters[*right as usize]);
        }
        // Whatever is apart though an edge would join it was refused, or lies beyond a refusal.
        let split = edges.iter().any(|edge| {
            found.clusters[edge.left as usize] != found.clusters[edge.right as usize]
        });
        prop_assert_eq!(split, !found.refusals.is_empty());
    }
}
