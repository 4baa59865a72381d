//! Makes customers of scored pairs, as far as a model's guards allow.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::pairs::{Scored, edges_of, score_within};
use super::records::Records;
use crate::algorithms::identity::agglomeration::{self, Edge, Guard, Rules, cluster};
use crate::algorithms::identity::bridges;
use crate::algorithms::identity::stable_ids;
use crate::config::linking::{Declaration, Linkage, SourcesWithoutDuplicates};
use crate::dates::Day;
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};

/// The largest component all pairs of which are compared where pairs have to agree on average or
/// at worst; in larger ones pairs that no rule found count as declared.
const WHOLE_COMPONENT: usize = 400;

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
#[derive(Debug, Clone)]
pub struct Evidence {
    edges: Vec<Edge>,
    /// Sources that hold everybody once.
    once: SourcesWithoutDuplicates,
}

impl Evidence {
    /// Gathers what has to be known of pairs to cluster at `threshold` bits or more.
    pub async fn gather(
        engine: &Engine,
        records: &Records,
        model: &Declaration,
        scored: &Scored,
        threshold: f64,
    ) -> Result<Evidence> {
        let edges = scored.edges();
        let once = match &model.guards.one_record_per_source {
            SourcesWithoutDuplicates::WhereNoneRepeats => {
                SourcesWithoutDuplicates::Named(scored.once.clone())
            }
            declared => declared.clone(),
        };
        if model.guards.linkage == Linkage::Single {
            return Ok(Evidence { edges, once });
        }
        let from = model.guards.agreement.components_from.unwrap_or(threshold);
        let components = components(records, &edges, from)?;
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        for component in &components {
            *sizes.entry(*component).or_insert(0) += 1;
        }
        let is_whole = |component: &u32| {
            sizes.get(component).is_some_and(|size| (3..=WHOLE_COMPONENT).contains(size))
        };
        let groups: Vec<Option<u32>> =
            components.iter().map(|one| Some(*one).filter(is_whole)).collect();
        let within: RecordBatch = score_within(engine, records, model, &groups).await?;
        let group_of = |place: u32| groups.get(place as usize).copied().flatten();
        let is_known = |edge: &Edge| {
            group_of(edge.left).is_some() && group_of(edge.left) == group_of(edge.right)
        };
        let mut all: Vec<Edge> = edges.into_iter().filter(|edge| !is_known(edge)).collect();
        all.extend(edges_of(&within));
        Ok(Evidence { edges: all, once })
    }

    /// Clusters the records: those of `threshold` bits or more are one customer, as far as the
    /// guards allow.
    pub fn cluster(&self, records: &Records, model: &Declaration, threshold: f64) -> Clustered {
        let guards = &model.guards;
        let one_value: Vec<Vec<Option<u32>>> = guards
            .one_value
            .iter()
            .map(|name| records.guarded.get(name).cloned().unwrap_or_default())
            .collect();
        let each_once = each_once(records, &self.once);
        let agreement = guards.agreement;
        let edges: Vec<Edge> = self
            .edges
            .iter()
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
            cannot_link: &[],
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
            let strong = self.edges.iter().filter(|edge| edge.weight >= threshold);
            let (parted, cuts) =
                bridges::cut(&clusters, &strong.copied().collect::<Vec<_>>(), rule);
            clusters = parted;
            let cut = |edge| Split { guard: "weak_bridge".to_string(), edge };
            splits.extend(cuts.into_iter().map(cut));
        }
        Clustered { clusters, splits }
    }
}

/// The components that pairs of `threshold` bits or more make, by their smallest places.
fn components(records: &Records, edges: &[Edge], threshold: f64) -> Result<Vec<u32>> {
    let mut clusters = crate::algorithms::identity::clustering::Clusters::new(records.count())?;
    for edge in edges.iter().filter(|edge| edge.weight >= threshold) {
        clusters.join(edge.left, edge.right)?;
    }
    Ok(clusters.into_representatives())
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
