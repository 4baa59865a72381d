//! From weighted pairs to clusters: the best pair first, as long as clusters agree and no guard
//! objects. It knows no values and no models.
//!
//! Clusters grow by joining the two that agree best. How well two agree is their *linkage*: the
//! weight of their best pair, of all their pairs on average, or of their worst. What a guard
//! refuses is listed with the pair that would have joined, and stays refused: clusters only grow,
//! and a reason against a join does not go away.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet};

use petgraph::unionfind::UnionFind;

use crate::config::linking::Linkage;

/// A pair of records and what speaks for its being one person, in bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// One record's position.
    pub left: u32,
    /// The other's.
    pub right: u32,
    /// The match weight.
    pub weight: f64,
    /// What of it was known before anything was compared: how likely pairs of its kind are one
    /// person. Of several pairs between two clusters it counts once.
    pub prior: f64,
}

/// What clusters must obey.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// How two clusters agree.
    pub linkage: Linkage,
    /// Where pairs agree on average, how much the evidence of c pairs weighs, as a power of c: 0,
    /// as much as that of one; 1, as much as that of all, as if they knew nothing of one another.
    pub growth: f64,
    /// Clusters join whose linkage is this, in bits, or more.
    pub threshold: f64,
    /// What pairs count as that have no edge, where pairs are averaged or the worst counts; none:
    /// they are left out.
    pub unscored_weight: Option<f64>,
    /// How many records a cluster may have.
    pub maximum_size: Option<u32>,
    /// Lists with a value for each record, of which a cluster has at most one; none: no value.
    pub one_value: &'a [Vec<Option<u32>>],
    /// Lists with a value for each record, each of which a cluster has at most once.
    pub each_once: &'a [Vec<Option<u32>>],
    /// Pairs that are in one cluster whatever they weigh and guards say, and so are those that
    /// other such pairs join them with.
    pub must_link: &'a [(u32, u32)],
    /// Pairs that are never in one cluster, unless they must be.
    pub cannot_link: &'a [(u32, u32)],
}

/// Why two clusters were not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// They have more records together than a cluster may.
    Size,
    /// They have different values in this one of the lists of which a cluster has one value.
    OneValue(u32),
    /// They have the same value in this one of the lists whose values come once.
    EachOnce(u32),
    /// People said that they are not one.
    CannotLink,
}

/// Two clusters that agree and were not joined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refusal {
    /// Why.
    pub guard: Guard,
    /// The best pair between them.
    pub edge: Edge,
}

/// Clusters, and what was refused on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// For each record the smallest position in its cluster.
    pub clusters: Vec<u32>,
    /// What guards refused, in the order that they did.
    pub refusals: Vec<Refusal>,
}

/// Clusters the records `0..n` by `edges`, of which each pair comes once.
///
/// Positions are taken for ranks: of joins that agree equally, the one of the smallest positions
/// comes first, so that the result depends on neither the order of the edges nor their direction.
/// Edges that name a position of n or more, and those of a record with itself, are ignored.
pub fn cluster(n: u32, edges: &[Edge], rules: &Rules<'_>) -> Clustering {
    let mut groups = Groups::new(n, edges, rules);
    for (first, record) in together(n, rules.must_link) {
        groups.join(first, record);
    }
    let mut refusals = vec![];
    while let Some(candidate) = groups.best() {
        let Candidate { left, right, .. } = candidate;
        match groups.objection(left, right) {
            None => groups.join(left, right),
            Some(guard) => {
                if let Some(link) = groups.part(left, right) {
                    refusals.push(Refusal { guard, edge: link.best });
                }
            }
        }
    }
    Clustering { clusters: groups.into_clusters(), refusals }
}

/// Of those that must be one, each record but the smallest with that one, in order.
fn together(n: u32, must_link: &[(u32, u32)]) -> Vec<(u32, u32)> {
    if must_link.is_empty() {
        return vec![];
    }
    let known = must_link.iter().filter(|(one, other)| *one.max(other) < n);
    let mut sets: UnionFind<u32> = UnionFind::new(n as usize);
    let mut records: Vec<u32> = vec![];
    for (one, other) in known {
        sets.union(*one, *other);
        records.extend([*one, *other]);
    }
    records.sort_unstable();
    records.dedup();
    let mut smallest: HashMap<u32, u32> = HashMap::new();
    let mut pairs = vec![];
    for record in records {
        match smallest.entry(sets.find(record)) {
            Entry::Occupied(first) => pairs.push((*first.get(), record)),
            Entry::Vacant(set) => drop(set.insert(record)),
        }
    }
    pairs
}

/// The first pair of `cannot_link` whose records must be one because of `must_link`.
pub fn contradiction(
    n: u32,
    must_link: &[(u32, u32)],
    cannot_link: &[(u32, u32)],
) -> Option<(u32, u32)> {
    let first: HashMap<u32, u32> =
        together(n, must_link).into_iter().map(|(first, record)| (record, first)).collect();
    let group = |record: &u32| first.get(record).copied().unwrap_or(*record);
    cannot_link.iter().find(|(one, other)| group(one) == group(other)).copied()
}

/// What lies between two clusters.
#[derive(Debug, Clone, Copy)]
struct Link {
    evidence: f64,
    prior: f64,
    count: u64,
    worst: f64,
    best: Edge,
}

impl Link {
    fn of(edge: Edge) -> Link {
        let Edge { weight, prior, .. } = edge;
        Link { evidence: weight - prior, prior, count: 1, worst: weight, best: edge }
    }

    fn and(self, other: Link) -> Link {
        let best = if precedes(&other.best, &self.best) { other.best } else { self.best };
        Link {
            evidence: self.evidence + other.evidence,
            prior: self.prior + other.prior,
            count: self.count + other.count,
            worst: self.worst.min(other.worst),
            best,
        }
    }
}

/// Heavier edges first, then those of smaller positions.
fn precedes(one: &Edge, other: &Edge) -> bool {
    let order = other.weight.total_cmp(&one.weight);
    order.then((one.left, one.right).cmp(&(other.left, other.right))) == Ordering::Less
}

/// Two clusters that may be joined, named by their smallest positions when they were looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    value: f64,
    left: u32,
    right: u32,
    /// How often either had grown by then.
    age: u64,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.value.total_cmp(&other.value);
        let by_place = (other.left, other.right, other.age).cmp(&(self.left, self.right, self.age));
        by_value.then(by_place)
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One cluster on its way; it is named by its smallest position.
#[derive(Debug, Default)]
struct Group {
    size: u64,
    /// How often it has grown.
    age: u64,
    /// What lies between it and others, by their names.
    links: HashMap<u32, Link>,
    /// Its value of each list of which it has one.
    values: Vec<Option<u32>>,
    /// Its values of each list whose values come once.
    once: Vec<HashSet<u32>>,
    /// The clusters that people keep apart from it.
    apart: HashSet<u32>,
}

struct Groups<'a> {
    rules: &'a Rules<'a>,
    sets: UnionFind<u32>,
    groups: HashMap<u32, Group>,
    candidates: BinaryHeap<Candidate>,
}

impl<'a> Groups<'a> {
    fn new(n: u32, edges: &[Edge], rules: &'a Rules<'a>) -> Self {
        let mut groups: HashMap<u32, Group> = HashMap::new();
        let mut ordered: Vec<Edge> = edges
            .iter()
            .filter(|edge| edge.left != edge.right && edge.left.max(edge.right) < n)
            .map(|edge| Edge {
                left: edge.left.min(edge.right),
                right: edge.left.max(edge.right),
                ..*edge
            })
            .collect();
        ordered.sort_by(|one, other| {
            (one.left, one.right)
                .cmp(&(other.left, other.right))
                .then(one.weight.total_cmp(&other.weight))
        });
        // Records without an edge are alone whatever the rules say: they need no group.
        for edge in &ordered {
            for (record, other) in [(edge.left, edge.right), (edge.right, edge.left)] {
                let group = groups.entry(record).or_insert_with(|| alone(record, rules));
                group.links.insert(other, Link::of(*edge));
            }
        }
        for record in rules.must_link.iter().flat_map(|(one, other)| [*one, *other]) {
            groups.entry(record).or_insert_with(|| alone(record, rules));
        }
        for (left, right) in rules.cannot_link {
            for (record, other) in [(left, right), (right, left)] {
                if let Some(group) = groups.get_mut(record) {
                    group.apart.insert(*other);
                }
            }
        }
        let mut made = Groups {
            rules,
            sets: UnionFind::new(n as usize),
            groups,
            candidates: BinaryHeap::new(),
        };
        for edge in &ordered {
            made.consider(edge.left, edge.right);
        }
        made
    }

    /// Notes two clusters as candidates where they agree.
    fn consider(&mut self, one: u32, other: u32) {
        let (left, right) = (one.min(other), one.max(other));
        let (Some(group), Some(second)) = (self.groups.get(&left), self.groups.get(&right)) else {
            return;
        };
        let Some(link) = group.links.get(&right) else { return };
        let value = self.value(link, group.size * second.size);
        if value >= self.rules.threshold {
            let age = group.age + second.age;
            self.candidates.push(Candidate { value, left, right, age });
        }
    }

    fn value(&self, link: &Link, pairs: u64) -> f64 {
        let without = pairs.saturating_sub(link.count);
        match (self.rules.linkage, self.rules.unscored_weight.filter(|_| without > 0)) {
            (Linkage::Single, _) => link.best.weight,
            (Linkage::Average, None) => self.mean(link.prior, link.evidence, link.count),
            (Linkage::Average, Some(each)) => {
                self.mean(link.prior, link.evidence + each * without as f64, pairs)
            }
            (Linkage::Complete, None) => link.worst,
            (Linkage::Complete, Some(each)) => link.worst.min(each),
        }
    }

    /// What so many pairs weigh on average, with sums of their priors and their evidence.
    fn mean(&self, prior: f64, evidence: f64, count: u64) -> f64 {
        let count = count as f64;
        (prior + evidence * count.powf(self.rules.growth)) / count
    }

    /// The two clusters that agree best; those that have grown since are others now.
    fn best(&mut self) -> Option<Candidate> {
        loop {
            let candidate = self.candidates.pop()?;
            let age = |name| self.groups.get(&name).map(|group| group.age);
            let is_linked = self
                .groups
                .get(&candidate.left)
                .is_some_and(|group| group.links.contains_key(&candidate.right));
            let ages = (age(candidate.left), age(candidate.right));
            if let (Some(left), Some(right)) = ages
                && is_linked
                && left + right == candidate.age
            {
                return Some(candidate);
            }
        }
    }

    fn objection(&self, left: u32, right: u32) -> Option<Guard> {
        let (one, other) = (self.groups.get(&left)?, self.groups.get(&right)?);
        if one.apart.contains(&right) {
            return Some(Guard::CannotLink);
        }
        let lists = || 0_u32..;
        for (list, (one, other)) in lists().zip(one.values.iter().zip(&other.values)) {
            if one.is_some() && other.is_some() && one != other {
                return Some(Guard::OneValue(list));
            }
        }
        for (list, (one, other)) in lists().zip(one.once.iter().zip(&other.once)) {
            if !one.is_disjoint(other) {
                return Some(Guard::EachOnce(list));
            }
        }
        let is_too_large = |most: u32| one.size + other.size > u64::from(most);
        self.rules.maximum_size.is_some_and(is_too_large).then_some(Guard::Size)
    }

    /// Forgets what lies between two clusters, and gives it.
    fn part(&mut self, left: u32, right: u32) -> Option<Link> {
        self.groups.get_mut(&right)?.links.remove(&left);
        self.groups.get_mut(&left)?.links.remove(&right)
    }

    fn join(&mut self, left: u32, right: u32) {
        self.part(left, right);
        let (Some(mut group), Some(other)) =
            (self.groups.remove(&left), self.groups.remove(&right))
        else {
            return;
        };
        self.sets.union(left, right);
        group.size += other.size;
        group.age += other.age + 1;
        for (value, others) in group.values.iter_mut().zip(other.values) {
            *value = value.or(others);
        }
        for (values, others) in group.once.iter_mut().zip(other.once) {
            values.extend(others);
        }
        for name in &other.apart {
            if let Some(third) = self.groups.get_mut(name) {
                third.apart.remove(&right);
                third.apart.insert(left);
            }
        }
        group.apart.extend(other.apart);
        // In the order of names, so that sums come out the same.
        let mut moved: Vec<(u32, Link)> = other.links.into_iter().collect();
        moved.sort_by_key(|(name, _)| *name);
        for (name, link) in moved {
            let merged = group.links.get(&name).map_or(link, |known| known.and(link));
            group.links.insert(name, merged);
            if let Some(third) = self.groups.get_mut(&name) {
                third.links.remove(&right);
                third.links.insert(left, merged);
            }
        }
        let mut names: Vec<u32> = group.links.keys().copied().collect();
        names.sort_unstable();
        self.groups.insert(left, group);
        for name in names {
            self.consider(left, name);
        }
    }

    fn into_clusters(self) -> Vec<u32> {
        let labels = self.sets.into_labeling();
        let mut smallest: HashMap<u32, u32> = HashMap::new();
        for (record, label) in (0..).zip(&labels) {
            smallest.entry(*label).or_insert(record);
        }
        labels.iter().map(|label| smallest.get(label).copied().unwrap_or(*label)).collect()
    }
}

fn alone(record: u32, rules: &Rules<'_>) -> Group {
    let value = |list: &Vec<Option<u32>>| list.get(record as usize).copied().flatten();
    Group {
        size: 1,
        values: rules.one_value.iter().map(value).collect(),
        once: rules.each_once.iter().map(|list| value(list).into_iter().collect()).collect(),
        ..Group::default()
    }
}

#[cfg(test)]
#[path = "agglomeration_tests.rs"]
mod tests;
