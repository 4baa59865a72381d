//! Links that alone hold two parts of a cluster together: where they are weak, the parts are
//! strangers whom one coincidence joined.

use std::collections::BTreeMap;

use super::agglomeration::Edge;
use crate::config::linking::WeakBridge;

/// Cuts the weak bridges of clusters.
///
/// `clusters`: for each record its cluster's smallest position. `edges`: pairs that joined, each
/// once; those between clusters are ignored. Of a cluster the weakest bridge is cut first, of
/// equal ones that of the smallest positions, and what is left is looked at again.
/// Returns the new clusters, in the same way, and the bridges that were cut.
/// Source: Tarjan (1974).
pub fn cut(clusters: &[u32], edges: &[Edge], rule: WeakBridge) -> (Vec<u32>, Vec<Edge>) {
    let cluster_of = |record: u32| clusters.get(record as usize).copied();
    let mut by_cluster: BTreeMap<u32, Vec<Edge>> = BTreeMap::new();
    for edge in edges {
        if let (Some(left), Some(right)) = (cluster_of(edge.left), cluster_of(edge.right))
            && left == right
        {
            by_cluster.entry(left).or_default().push(*edge);
        }
    }
    let mut new_clusters = clusters.to_vec();
    let mut cuts = vec![];
    for within in by_cluster.into_values() {
        let mut parts = vec![within];
        while let Some(within) = parts.pop() {
            let Some((bridge, sides)) = weakest_bridge(&within, rule) else { continue };
            cuts.push(bridge);
            for side in sides {
                let Some(name) = side.iter().min().copied() else { continue };
                for record in &side {
                    if let Some(cluster) = new_clusters.get_mut(*record as usize) {
                        *cluster = name;
                    }
                }
                let is_inside =
                    |edge: &&Edge| side.contains(&edge.left) && side.contains(&edge.right);
                parts.push(within.iter().filter(is_inside).copied().collect());
            }
        }
    }
    cuts.sort_by_key(|edge| (edge.left, edge.right));
    (new_clusters, cuts)
}

/// The weakest bridge that the rule cuts, and the records on either side of it.
fn weakest_bridge(
    edges: &[Edge],
    rule: WeakBridge,
) -> Option<(Edge, [std::collections::BTreeSet<u32>; 2])> {
    let mut neighbours: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, edge) in edges.iter().enumerate() {
        neighbours.entry(edge.left).or_default().push(index);
        neighbours.entry(edge.right).or_default().push(index);
    }
    let start = *neighbours.keys().next()?;
    // The tree that a search makes: each record's place in the order of discovery, the earliest
    // place that it reaches without the edge it was found by, and how many were found below it.
    struct Visit {
        found_by: Option<usize>,
        place: usize,
        reaches: usize,
        size: usize,
        next: usize,
    }
    let mut visits: BTreeMap<u32, Visit> = BTreeMap::new();
    let visit = |found_by, place| Visit { found_by, place, reaches: place, size: 1, next: 0 };
    visits.insert(start, visit(None, 0));
    let mut path = vec![start];
    let mut bridges: Vec<(usize, usize)> = vec![];
    while let Some(record) = path.last().copied() {
        let Some(current) = visits.get_mut(&record) else { break };
        let leading = neighbours.get(&record).and_then(|edges| edges.get(current.next)).copied();
        current.next += 1;
        let Some(index) = leading else {
            path.pop();
            let (reaches, size, found_by, place) =
                (current.reaches, current.size, current.found_by, current.place);
            if let Some(parent) = path.last().and_then(|parent| visits.get_mut(parent)) {
                parent.reaches = parent.reaches.min(reaches);
                parent.size += size;
                if let Some(index) = found_by
                    && reaches == place
                {
                    bridges.push((index, size));
                }
            }
            continue;
        };
        if current.found_by == Some(index) {
            continue;
        }
        let Some(edge) = edges.get(index) else { continue };
        let other = if edge.left == record { edge.right } else { edge.left };
        let place = visits.len();
        match visits.get(&other).map(|known| known.place) {
            Some(known) => {
                if let Some(current) = visits.get_mut(&record) {
                    current.reaches = current.reaches.min(known);
                }
            }
            None => {
                visits.insert(other, visit(Some(index), place));
                path.push(other);
            }
        }
    }
    let side = rule.side as usize;
    let weakest = bridges
        .into_iter()
        .filter(|(_, below)| *below >= side && visits.len() - below >= side)
        .filter_map(|(index, _)| Some((index, *edges.get(index)?)))
        .filter(|(_, edge)| edge.weight < rule.below)
        .min_by(|(_, one), (_, other)| {
            let by_weight = one.weight.total_cmp(&other.weight);
            by_weight.then((one.left, one.right).cmp(&(other.left, other.right)))
        });
    let (index, bridge) = weakest?;
    let reached = |from: u32| {
        let mut side = std::collections::BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(record) = open.pop() {
            for next in neighbours.get(&record).into_iter().flatten().filter(|next| **next != index)
            {
                let Some(edge) = edges.get(*next) else { continue };
                for other in [edge.left, edge.right] {
                    if side.insert(other) {
                        open.push(other);
                    }
                }
            }
        }
        side
    };
    Some((bridge, [reached(bridge.left), reached(bridge.right)]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::algorithms::identity::clustering::connected_components;

    fn edge(left: u32, right: u32, weight: f64) -> Edge {
        Edge { left, right, weight, prior: 0.0 }
    }

    /// Two triangles and what joins them.
    fn two_triangles(bridge: &[Edge]) -> Vec<Edge> {
        let mut edges: Vec<Edge> = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)]
            .map(|(left, right)| edge(left, right, 20.0))
            .to_vec();
        edges.extend_from_slice(bridge);
        edges
    }

    const RULE: WeakBridge = WeakBridge { below: 12.0, side: 3 };

    #[test]
    fn a_weak_bridge_is_cut_and_told() {
        let bridge = edge(2, 3, 7.0);
        let found = cut(&[0; 6], &two_triangles(&[bridge]), RULE);
        assert_eq!(found, (vec![0, 0, 0, 3, 3, 3], vec![bridge]));
    }

    #[test]
    fn what_is_strong_small_or_no_bridge_stays() {
        let whole = (vec![0; 6], vec![]);
        assert_eq!(cut(&[0; 6], &two_triangles(&[edge(2, 3, 12.0)]), RULE), whole);
        // Two links: neither alone holds the parts together.
        assert_eq!(cut(&[0; 6], &two_triangles(&[edge(2, 3, 7.0), edge(0, 5, 7.0)]), RULE), whole);
        let of_four = WeakBridge { side: 4, ..RULE };
        assert_eq!(cut(&[0; 6], &two_triangles(&[edge(2, 3, 7.0)]), of_four), whole);
        assert_eq!(cut(&[0, 1], &[edge(0, 1, 1.0)], RULE), (vec![0, 1], vec![]));
    }

    proptest! {
        #[test]
        fn cuts_part_what_they_cut_and_leave_no_weak_bridge(
            pairs in prop::collection::btree_map((0u32..9, 0u32..9), 0i32..20, 0..14),
            side in 1u32..4,
        ) {
            let edges: Vec<Edge> = pairs
                .iter()
                .filter(|((left, right), _)| left < right)
                .map(|((left, right), weight)| edge(*left, *right, f64::from(*weight)))
                .collect();
            let ids = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
            let components = |edges: &[Edge]| {
                let pairs: Vec<(u32, u32)> = edges.iter().map(|e| (e.left, e.right)).collect();
                connected_components(&ids, &pairs).unwrap()
            };
            let rule = WeakBridge { below: 10.0, side };
            let (found, cuts) = cut(&components(&edges), &edges, rule);
            let left: Vec<Edge> = edges.iter().filter(|e| !cuts.contains(e)).copied().collect();
            // Nothing but what was cut parts anybody.
            prop_assert_eq!(&components(&left), &found);
            for one in &cuts {
                prop_assert!(one.weight < rule.below);
            }
            // No edge is left whose removal would part its cluster in two that are large enough.
            for one in left.iter().filter(|e| e.weight < rule.below) {
                let without: Vec<Edge> = left.iter().filter(|e| *e != one).copied().collect();
                let parts = components(&without);
                let size = |record: u32| {
                    parts.iter().filter(|part| **part == parts[record as usize]).count()
                };
                prop_assert!(
                    parts[one.left as usize] == parts[one.right as usize]
                        || size(one.left).min(size(one.right)) < side as usize
                );
            }
        }
    }
}
