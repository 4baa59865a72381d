//! Connected components: records that are linked, directly or through others, are one cluster.
//! It knows no identifiers and no limits.

use petgraph::unionfind::UnionFind;

use crate::errors::{Error, Kind, Result};

/// A growing partition of the members `0..n` into clusters.
pub struct Clusters {
    sets: UnionFind<u32>,
    /// For each root, the smallest member of its cluster.
    smallest: Vec<u32>,
}

impl Clusters {
    /// Every member on its own.
    ///
    /// Errors: more members than `u32` counts.
    pub fn new(n: usize) -> Result<Self> {
        let count = u32::try_from(n).map_err(|_| {
            Error::new(Kind::Defect, format!("cluster {n} records: at most {} fit", u32::MAX))
        })?;
        Ok(Clusters { sets: UnionFind::new(n), smallest: (0..count).collect() })
    }

    /// How many members there are, in all clusters.
    pub fn member_count(&self) -> usize {
        self.smallest.len()
    }

    /// An arbitrary member that stands for the cluster until the next [`Clusters::join`].
    pub(super) fn root(&mut self, member: u32) -> u32 {
        // Members are checked where they come in; an unknown one would be a cluster of its own.
        self.sets.try_find_mut(member).unwrap_or(member)
    }

    /// The smallest member of a member's cluster.
    pub fn representative(&mut self, member: u32) -> u32 {
        let root = self.root(member);
        self.smallest.get(root as usize).copied().unwrap_or(member)
    }

    /// Makes the clusters of two members one; returns whether they were two.
    ///
    /// Errors: a member that is not below n.
    pub fn join(&mut self, left: u32, right: u32) -> Result<bool> {
        for member in [left, right] {
            if member as usize >= self.member_count() {
                let count = self.member_count();
                let message = format!("link record {member}: there are only {count}");
                return Err(Error::new(Kind::Defect, message));
            }
        }
        let smallest = self.representative(left).min(self.representative(right));
        let joined = self.sets.try_union(left, right).unwrap_or(false);
        let root = self.root(left);
        if let Some(place) = self.smallest.get_mut(root as usize) {
            *place = smallest;
        }
        Ok(joined)
    }

    /// For each member, the smallest member of its cluster.
    pub fn into_representatives(self) -> Vec<u32> {
        let smallest = self.smallest;
        let of_root = |root: u32| smallest.get(root as usize).copied().unwrap_or(root);
        self.sets.into_labeling().into_iter().map(of_root).collect()
    }
}

/// Groups records into clusters: connected components of `pairs`.
///
/// `record_ids`: n unique ids, in any order. `pairs`: m undirected pairs of positions in
/// `record_ids`, repeats and loops allowed. Returns, for each record in input order, the position
/// of the record with the smallest id of its cluster.
/// Errors: a pair that names a position outside `record_ids`.
/// Source: union–find with path halving (Tarjan & van Leeuwen, 1984).
pub fn connected_components(record_ids: &[&str], pairs: &[(u32, u32)]) -> Result<Vec<u32>> {
    let (by_rank, ranks) = super::ranked(record_ids);
    let mut clusters = Clusters::new(record_ids.len())?;
    for (left, right) in pairs {
        // A position out of range stays out of range, for `join` to name.
        let rank = |position: u32| ranks.get(position as usize).copied().unwrap_or(position);
        clusters.join(rank(*left), rank(*right))?;
    }
    let of_rank = clusters.into_representatives();
    let position =
        |rank: &u32| of_rank.get(*rank as usize).and_then(|rank| by_rank.get(*rank as usize));
    Ok(ranks.iter().filter_map(position).copied().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Labels spread along the pairs until nothing changes.
    fn naive(record_ids: &[&str], pairs: &[(u32, u32)]) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..record_ids.len() as u32).collect();
        loop {
            let before = labels.clone();
            for (left, right) in pairs {
                let (left, right) = (*left as usize, *right as usize);
                let smaller =
                    if record_ids[labels[left] as usize] <= record_ids[labels[right] as usize] {
                        labels[left]
                    } else {
                        labels[right]
                    };
                labels[left] = smaller;
                labels[right] = smaller;
            }
            if labels == before {
                return labels;
            }
        }
    }

    #[test]
    fn the_smallest_id_stands_for_its_cluster() {
        let clusters = connected_components(&["c", "a", "b", "d"], &[(0, 2), (2, 1), (2, 2)]);
        assert_eq!(clusters.unwrap(), [1, 1, 1, 3]);
        assert_eq!(connected_components(&[], &[]).unwrap(), Vec::<u32>::new());
        let error = connected_components(&["a"], &[(0, 7)]).unwrap_err();
        assert_eq!(error.to_string(), "link record 7: there are only 1");
    }

    proptest! {
        #[test]
        fn components_agree_with_a_naive_reference(
            n in 1u32..60,
            pairs in prop::collection::vec((any::<u32>(), any::<u32>()), 0..80),
            seed in any::<u32>(),
        ) {
            // Ids in an order that has nothing to do with their positions.
            let ids: Vec<String> = (0..n).map(|i| format!("{:03}", (u64::from(i) * 37 + u64::from(seed)) % 61)).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let pairs: Vec<(u32, u32)> = pairs.iter().map(|(l, r)| (l % n, r % n)).collect();
            prop_assert_eq!(connected_components(&ids, &pairs).unwrap(), naive(&ids, &pairs));
        }
    }
}
