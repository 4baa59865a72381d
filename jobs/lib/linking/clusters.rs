//! Makes customers of scored pairs, as far as a model's guards allow.

use std::collections::HashMap;

use super::links::Links;
use super::pairs::{Scored, score_within};
use super::records::Records;
use crate::algorithms::identity::agglomeration::{self, Edge, Guard, Rules, cluster};
use crate::algorithms::identity::bridges;
use crate::algorithms::identity::clustering::Clusters;
use crate::algorithms::identity::stable_ids;
use crate::config::linking::{Declaration, Linkage, SourcesWithoutDuplicates};
use crate::dates::Day;
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};

/// The largest group all pairs of which are compared where pairs have to agree on average or at
/// worst.
const WHOLE_GROUP: usize = 400;

/// By how many bits a component may be parted that is larger, a bit at a time.
const PARTED_BY: u8 = 20;

/// The pairs that are compared in groups: so many, or so many for each record where that is more.
/// Where there were more, groups have to be smaller.
const GROUPED_PAIRS: (usize, usize) = (2_000_000, 10);

/// Records made into customers.
#[derive(Debug, Clone)]
pub struct Clustered {
    /// For each record in its place the smallest place of its customer's records.
    pub clusters: Vec<u32>,
    /// The pairs that would have joined what was kept apart.
    pub splits: Vec<Split>,
}

/// Two parts that were kept apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What kept them apart.
    pub guard: String,
    /// The best pair between them.
    pub edge: Edge,
}

/// The pairs that clusters are made of: those that rules found, and where pairs have to agree with
/// one another all pairs of those that may come together.
///
/// Records may come together that pairs of so many bits connect (`components_from`, or else the
/// threshold). A component that is too large for all its pairs to be compared is parted by
/// connecting it with heavier pairs alone; between its parts the pairs count that rules found.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The pairs that rules found.
    found: Vec<Edge>,
    /// All pairs of groups.
    within: Vec<Edge>,
    /// For each record its group.
    groups: Vec<Option<u32>>,
    /// Sources that hold everybody once.
    once: SourcesWithoutDuplicates,
}

impl Evidence {
    /// Gathers what has to be known of pairs to cluster at each of `thresholds`.
    pub async fn gather(
        engine: &Engine,
        records: &Records,
        model: &Declaration,
        scored: &Scored,
        thresholds: &[f64],
    ) -> Result<Evidence> {
        let once = match &model.guards.one_record_per_source {
            SourcesWithoutDuplicates::WhereNoneRepeats => {
                SourcesWithoutDuplicates::Named(scored.once.clone())
            }
            declared => declared.clone(),
        };
        if model.guards.linkage == Linkage::Single {
            let found = scored.edges.clone();
            return Ok(Evidence { found, within: vec![], groups: vec![], once });
        }
        let from = |threshold: &f64| model.guards.agreement.components_from.unwrap_or(*threshold);
        let mut levels: Vec<f64> = thresholds
            .iter()
            .flat_map(|threshold| (0..=PARTED_BY).map(move |bits| (threshold, bits)))
            .map(|(threshold, bits)| from(threshold) + f64::from(bits))
            .collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        let groups = affordable_groups(records.count(), &scored.edges, &levels)?;
        let within = score_within(engine, records, model, &groups).await?;
        Ok(Evidence { found: scored.edges.clone(), within, groups, once })
    }

    /// All pairs, each once.
    fn edges(&self) -> impl Iterator<Item = &Edge> {
        let group_of = |place: u32| self.groups.get(place as usize).copied().flatten();
        let is_within = move |edge: &&Edge| {
            group_of(edge.left).is_some() && group_of(edge.left) == group_of(edge.right)
        };
        self.found.iter().filter(move |edge| !is_within(edge)).chain(&self.within)
    }

    /// Clusters the records: those of `threshold` bits or more are one customer, as far as the
    /// guards and what people said allow.
    pub fn cluster(
        &self,
        records: &Records,
        model: &Declaration,
        threshold: f64,
        links: &Links,
    ) -> Result<Clustered> {
        let guards = &model.guards;
        let one_value: Vec<Vec<Option<u32>>> = guards
            .one_value
            .iter()
            .map(|name| records.guarded.get(name).cloned().unwrap_or_default())
            .collect();
        let each_once = each_once(records, &self.once);
        let agreement = guards.agreement;
        let components = match guards.linkage {
            Linkage::Single => None,
            _ => {
                let from = agreement.components_from.unwrap_or(threshold);
                Some(components(records.count(), &self.found, from, &links.must)?)
            }
        };
        let component = |place: u32| components.as_ref()?.get(place as usize).copied();
        let edges: Vec<Edge> = self
            .edges()
            .filter(|edge| component(edge.left) == component(edge.right))
            .filter(|edge| agreement.ignore_below.is_none_or(|least| edge.weight >= least))
            .map(|edge| match agreement.between {
                Some((least, most)) => Edge { weight: edge.weight.clamp(least, most), ..*edge },
                None => *edge,
            })
            .collect();
        let rules = Rules {
            linkage: guards.linkage,
            growth: agreement.growth,
            threshold,
            unscored_weight: guards.unscored_weight,
            maximum_size: guards.maximum_cluster_size,
            one_value: &one_value,
            each_once: &each_once,
            must_link: &links.must,
            cannot_link: &links.cannot,
        };
        let count = u32::try_from(records.count()).unwrap_or(u32::MAX);
        let agglomeration::Clustering { mut clusters, refusals } = cluster(count, &edges, &rules);
        let name = |guard: Guard| match guard {
            Guard::Size => "maximum_cluster_size".to_string(),
            Guard::OneValue(list) => {
                let column = guards.one_value.get(list as usize);
                format!("one_value {}", column.map_or("", String::as_str))
            }
            Guard::EachOnce(_) => "one_record_per_source".to_string(),
            Guard::CannotLink => "cannot_link".to_string(),
        };
        let mut splits: Vec<Split> = refusals
            .into_iter()
            .map(|refusal| Split { guard: name(refusal.guard), edge: refusal.edge })
            .collect();
        if let Some(rule) = guards.weak_bridge {
            let strong = self.edges().filter(|edge| edge.weight >= threshold).copied();
            // What people said is the strongest link there is.
            let said = links.must.iter().map(|(left, right)| Edge {
                left: *left,
                right: *right,
                weight: f64::INFINITY,
                prior: 0.0,
            });
            let (parted, cuts) =
                bridges::cut(&clusters, &strong.chain(said).collect::<Vec<_>>(), rule);
            clusters = parted;
            let cut = |edge| Split { guard: "weak_bridge".to_string(), edge };
            splits.extend(cuts.into_iter().map(cut));
        }
        Ok(Clustered { clusters, splits })
    }
}

/// The components that pairs of `threshold` bits or more make, and those that must be one, by their
/// smallest places.
fn components(
    count: usize,
    edges: &[Edge],
    threshold: f64,
    must_link: &[(u32, u32)],
) -> Result<Vec<u32>> {
    let mut clusters = Clusters::new(count)?;
    for edge in edges.iter().filter(|edge| edge.weight >= threshold) {
        clusters.join(edge.left, edge.right)?;
    }
    for (left, right) in must_link {
        clusters.join(*left, *right)?;
    }
    Ok(clusters.into_representatives())
}

/// The groups all pairs of which are compared, as large as their pairs are not too many.
fn affordable_groups(count: usize, edges: &[Edge], levels: &[f64]) -> Result<Vec<Option<u32>>> {
    let most_pairs = GROUPED_PAIRS.0.max(GROUPED_PAIRS.1.saturating_mul(count));
    let mut most = WHOLE_GROUP;
    loop {
        let groups = groups(count, edges, levels, most)?;
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        for group in groups.iter().flatten() {
            *sizes.entry(*group).or_insert(0) += 1;
        }
        let pairs: usize = sizes.values().map(|size| size * (size - 1) / 2).sum();
        if pairs <= most_pairs || most <= 3 {
            return Ok(groups);
        }
        most /= 2;
    }
}

/// For each record its group: the component that pairs of the lowest of `levels` make, in order,
/// at which that has no more than `most` records; none for a record whose only pair is known.
fn groups(count: usize, edges: &[Edge], levels: &[f64], most: usize) -> Result<Vec<Option<u32>>> {
    let mut groups = vec![None; count];
    let mut is_open = vec![true; count];
    let mut left: Vec<Edge> = edges.to_vec();
    for level in levels {
        let open = |place: u32| is_open.get(place as usize).copied().unwrap_or(false);
        left.retain(|edge| edge.weight >= *level && open(edge.left));
        if left.is_empty() {
            break;
        }
        let components = components(count, &left, *level, &[])?;
        let mut sizes = vec![0_usize; count];
        for component in &components {
            if let Some(size) = sizes.get_mut(*component as usize) {
                *size += 1;
            }
        }
        for ((group, is_open), component) in groups.iter_mut().zip(&mut is_open).zip(components) {
            let size = sizes.get(component as usize).copied().unwrap_or_default();
            if *is_open && size <= most {
                *is_open = false;
                *group = Some(component).filter(|_| size > 2);
            }
        }
    }
    Ok(groups)
}

/// For each record of a source that holds everybody once, the source's number.
fn each_once(records: &Records, sources: &SourcesWithoutDuplicates) -> Vec<Vec<Option<u32>>> {
    let is_once = |source: &str| match sources {
        SourcesWithoutDuplicates::None | SourcesWithoutDuplicates::WhereNoneRepeats => false,
        SourcesWithoutDuplicates::All => true,
        SourcesWithoutDuplicates::Named(names) => names.iter().any(|name| name == source),
    };
    if *sources == SourcesWithoutDuplicates::None {
        return vec![];
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let number = |source: Option<&'_ str>| source.map(str::to_string);
    let named: Vec<Option<String>> = records.sources.iter().map(number).collect();
    let list = named.iter().map(|source| {
        let source = source.as_deref().filter(|source| is_once(source))?;
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        Some(*numbers.entry(source).or_insert(next))
    });
    vec![list.collect()]
}

/// The customers' ids, each derived from its first record: the same clusters, the same ids.
///
/// Linking by itself knows no days: ids are those of customers founded on the first day of all.
pub fn customer_ids(records: &Records, clusters: &[u32]) -> Result<Vec<String>> {
    let names: Vec<String> = records
        .sources
        .iter()
        .zip(&records.record_ids)
        .map(|(source, id)| format!("{}:{}", source.unwrap_or_default(), id.unwrap_or_default()))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first_day = Day::from_epoch(0)
        .ok_or_else(|| Error::new(Kind::Defect, "name customers: there is no first day"))?;
    let assignment = stable_ids::assign(first_day, &names, clusters, &[])?;
    let id = |customer: &u32| {
        assignment.customers.get(*customer as usize).map(|one| one.customer_id.to_string())
    };
    Ok(assignment.customer_of.iter().filter_map(id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(left: u32, right: u32, weight: f64) -> Edge {
        Edge { left, right, weight, prior: 0.0 }
    }

    #[test]
    fn components_that_are_too_large_are_parted_by_heavier_pairs() {
        // A chain of six, weakest in the middle; two more; one alone.
        let edges = [
            edge(0, 1, 5.0),
            edge(1, 2, 4.0),
            edge(2, 3, 0.5),
            edge(3, 4, 4.0),
            edge(4, 5, 5.0),
            edge(6, 7, 9.0),
        ];
        let levels = [0.0, 1.0, 4.5];
        let whole = groups(9, &edges, &levels, 6).unwrap();
        let all = Some(0);
        // The one pair of two records is known.
        assert_eq!(whole, [all, all, all, all, all, all, None, None, None]);
        let parted = groups(9, &edges, &levels, 3).unwrap();
        let (one, other) = (Some(0), Some(3));
        assert_eq!(parted, [one, one, one, other, other, other, None, None, None]);
        let small = groups(9, &edges, &levels, 2).unwrap();
        assert_eq!(small, [None; 9]);
        assert_eq!(groups(0, &[], &levels, 3).unwrap(), []);
    }
}
