//! Deterministic identity: records that hold the same identifier are one customer, as far as the
//! identifier's limits and people's decisions allow. It knows nothing of days and customer ids.
//!
//! The steps, each in the order of ids and values as text:
//!
//! 1. People's must-links join their records. They outrank every limit.
//! 2. The kinds of identifiers follow in the order of their priority. A value that links more
//!    customers than its kind allows, counted before its kind has linked any, links nobody: it is a
//!    shared switchboard, not a person's phone.
//! 3. A value within its limit joins the customers that hold it, one after the other. A join that
//!    would give a customer more values of any limited kind than that kind allows is refused.
//! 4. A join, also by a must-link, that would bring a cannot-link pair together is refused.
//!
//! Everything refused is in the audit, with what refused it.

use std::collections::HashMap;

use super::clustering::Clusters;
use super::{ranked, sort_key};
use crate::errors::{Error, Kind, Result};

/// How many groups of holders of one value a refused cluster tries before it stays alone. It
/// bounds the work where a value without a limit is everybody's and limits refuse every join.
const MAXIMUM_ATTEMPTS: usize = 16;

/// How one kind of identifier links, in a list ordered by priority: the most trusted first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierRule {
    /// The kind's name in settings and audits, such as `email`.
    pub name: String,
    /// How many customers, as the kinds before this one made them, one value may link; none for
    /// no limit.
    pub maximum_customers_per_identifier: Option<u32>,
    /// How many values of this kind one customer may come to have by joining; none for no limit.
    /// A record that holds more by itself stays, but joins nobody.
    pub maximum_identifiers_per_customer: Option<u32>,
}

/// One identifier that a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held<'a> {
    /// The record's position in the list of record ids.
    pub record: u32,
    /// The kind's position in the list of rules.
    pub kind: u16,
    /// The value, normalised.
    pub value: &'a str,
}

/// What joins two records, or tried to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence<'a> {
    /// A person said so.
    MustLink,
    /// Both hold this value of the rule at position `kind`.
    Identifier {
        /// The kind's position in the list of rules.
        kind: u16,
        /// The value.
        value: &'a str,
    },
}

/// Evidence that two records of one customer belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// Position of the record with the smaller id.
    pub left: u32,
    /// Position of the record with the larger id.
    pub right: u32,
    /// What links them.
    pub evidence: Evidence<'a>,
    /// Whether this link made two clusters one, or supports what was joined before.
    pub joins: bool,
}

/// Something the rules refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation<'a> {
    /// An identifier held by more customers than its kind allows: it links nobody.
    IdentifierOverLimit {
        /// The kind's position in the list of rules.
        kind: u16,
        /// The value.
        value: &'a str,
        /// How many customers hold it.
        customers: u32,
        /// How many may.
        limit: u32,
    },
    /// A join that would have given a customer more identifiers of a kind than it allows.
    CustomerOverLimit {
        /// Position of the record with the smallest id of one cluster.
        left: u32,
        /// The same of the other cluster.
        right: u32,
        /// What would have joined them.
        evidence: Evidence<'a>,
        /// The kind whose limit refused it: its position in the list of rules.
        limited_kind: u16,
        /// How many values of that kind the customer would have had.
        identifiers: u32,
        /// How many it may have.
        limit: u32,
    },
    /// A join that would have brought a cannot-link pair together.
    CannotLink {
        /// Position of one record of the cannot-link pair.
        left: u32,
        /// Position of the other.
        right: u32,
        /// What would have joined them.
        evidence: Evidence<'a>,
    },
}

impl Violation<'_> {
    /// The violation's name in audits.
    pub fn name(&self) -> &'static str {
        match self {
            Violation::IdentifierOverLimit { .. } => "identifier_over_limit",
            Violation::CustomerOverLimit { .. } => "customer_over_limit",
            Violation::CannotLink { .. } => "cannot_link",
        }
    }
}

/// Which records are one customer, why, and what was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution<'a> {
    /// For each record in input order, the position of the record with the smallest id of its
    /// cluster.
    pub clusters: Vec<u32>,
    /// The evidence: for each value, each holder with the first holder of its cluster; by step,
    /// then value, then record ids.
    pub links: Vec<Link<'a>>,
    /// What was refused, in the order it was.
    pub violations: Vec<Violation<'a>>,
}

/// Resolves records to clusters by the identifiers they hold; see the module for the rules.
///
/// `record_ids`: n unique ids, in any order. `held`: in any order, repeats allowed. `rules`: by
/// priority, the most trusted first. `must_link` and `cannot_link`: pairs of positions in
/// `record_ids`; a pair of a record with itself says nothing.
/// The same records, identifiers and pairs give the same clusters, links and violations in any
/// order of the input (positions aside).
/// Errors: a repeated id, or a position outside `record_ids` or `rules`.
pub fn resolve<'a>(
    record_ids: &[&str],
    held: &[Held<'a>],
    rules: &[IdentifierRule],
    must_link: &[(u32, u32)],
    cannot_link: &[(u32, u32)],
) -> Result<Resolution<'a>> {
    check(record_ids, held, rules, must_link, cannot_link)?;
    let (by_rank, ranks) = ranked(record_ids);
    let id = |rank: u32| by_rank.get(rank as usize).and_then(|at| record_ids.get(*at as usize));
    for rank in 1..u32::try_from(record_ids.len()).unwrap_or(u32::MAX) {
        if id(rank - 1) == id(rank) {
            let name = id(rank).copied().unwrap_or_default();
            return Err(Error::new(
                Kind::Defect,
                format!("resolve record `{name}`: it is there twice"),
            ));
        }
    }

    // From here on a record is its rank, so that comparing numbers compares ids.
    let rank_of = |position: u32| ranks.get(position as usize).copied().unwrap_or(position);
    let values = Values::new(held, rules, rank_of);
    let mut resolver = Resolver::new(record_ids.len(), rules, &values)?;
    resolver.forbid(&ordered_pairs(cannot_link, rank_of));
    for (left, right) in ordered_pairs(must_link, rank_of) {
        resolver.try_join(left, right, Evidence::MustLink, false)?;
    }
    for kind in (0..).take(rules.len()) {
        resolver.link_by_kind(kind)?;
    }
    Ok(resolver.finish(&by_rank, &ranks))
}

fn check(
    record_ids: &[&str],
    held: &[Held<'_>],
    rules: &[IdentifierRule],
    must_link: &[(u32, u32)],
    cannot_link: &[(u32, u32)],
) -> Result<()> {
    let pairs = must_link.iter().chain(cannot_link).flat_map(|(left, right)| [*left, *right]);
    let records = held.iter().map(|held| held.record).chain(pairs);
    if let Some(unknown) = records.into_iter().find(|record| *record as usize >= record_ids.len()) {
        let message = format!("resolve record {unknown}: there are only {}", record_ids.len());
        return Err(Error::new(Kind::Defect, message));
    }
    if let Some(unknown) = held.iter().find(|held| usize::from(held.kind) >= rules.len()) {
        let message = format!(
            "resolve identifiers of kind {}: there are {} rules",
            unknown.kind,
            rules.len()
        );
        return Err(Error::new(Kind::Defect, message));
    }
    Ok(())
}

/// Pairs of ranks, smaller first, sorted, once each, without loops.
fn ordered_pairs(pairs: &[(u32, u32)], rank_of: impl Fn(u32) -> u32) -> Vec<(u32, u32)> {
    let mut pairs: Vec<(u32, u32)> = pairs
        .iter()
        .map(|(left, right)| (rank_of(*left), rank_of(*right)))
        .map(|(left, right)| (left.min(right), left.max(right)))
        .filter(|(left, right)| left != right)
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The values in the order of (kind, text), each with its holders; a value is its place in this
/// order.
struct Values<'a> {
    /// Kind and text of each value.
    names: Vec<(u16, &'a str)>,
    /// Holders of value `v`, ascending: `holders[starts[v]..starts[v + 1]]`.
    holders: Vec<u32>,
    starts: Vec<u32>,
    /// The values of limited kinds that a record holds by itself, ascending:
    /// `limited[limited_starts[record]..limited_starts[record + 1]]`.
    limited: Vec<u32>,
    limited_starts: Vec<u32>,
}

impl<'a> Values<'a> {
    fn new(held: &[Held<'a>], rules: &[IdentifierRule], rank_of: impl Fn(u32) -> u32) -> Self {
        let mut sorted: Vec<(u16, u64, &'a str, u32)> = held
            .iter()
            .map(|held| (held.kind, sort_key(held.value), held.value, rank_of(held.record)))
            .collect();
        sorted.sort_unstable();
        sorted.dedup();

        let mut values = Values {
            names: Vec::new(),
            holders: Vec::with_capacity(sorted.len()),
            starts: Vec::new(),
            limited: Vec::new(),
            limited_starts: Vec::new(),
        };
        let is_limited = |kind: u16| {
            rules
                .get(usize::from(kind))
                .is_some_and(|rule| rule.maximum_identifiers_per_customer.is_some())
        };
        let mut by_record: Vec<(u32, u32)> = Vec::new();
        for (kind, _, value, record) in sorted {
            if values.names.last() != Some(&(kind, value)) {
                values.names.push((kind, value));
                values.starts.push(count(&values.holders));
            }
            values.holders.push(record);
            if is_limited(kind) {
                by_record.push((record, count(&values.names) - 1));
            }
        }
        values.starts.push(count(&values.holders));

        by_record.sort_unstable();
        for (record, value) in by_record {
            while values.limited_starts.len() <= record as usize {
                values.limited_starts.push(count(&values.limited));
            }
            values.limited.push(value);
        }
        values.limited_starts.push(count(&values.limited));
        values
    }

    fn holders(&self, value: u32) -> &[u32] {
        slice(&self.holders, &self.starts, value)
    }

    fn limited(&self, record: u32) -> &[u32] {
        slice(&self.limited, &self.limited_starts, record)
    }

    /// The values of a kind.
    fn of_kind(&self, kind: u16) -> std::ops::Range<u32> {
        let from = self.names.partition_point(|(other, _)| *other < kind);
        let to = self.names.partition_point(|(other, _)| *other <= kind);
        // There are at most as many values as there are identifiers, which `starts` counts.
        u32::try_from(from).unwrap_or(u32::MAX)..u32::try_from(to).unwrap_or(u32::MAX)
    }

    fn kind(&self, value: u32) -> u16 {
        self.names.get(value as usize).map_or(0, |(kind, _)| *kind)
    }
}

/// The length of a vector as an index. Rows come from columns of fewer than 2³² rows.
fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn slice<'a>(items: &'a [u32], starts: &[u32], index: u32) -> &'a [u32] {
    let index = index as usize;
    match (starts.get(index), starts.get(index + 1)) {
        (Some(from), Some(to)) => items.get(*from as usize..*to as usize).unwrap_or_default(),
        // Records after the last that holds anything.
        _ => &[],
    }
}

/// The state of a resolution.
struct Resolver<'a, 'b> {
    rules: &'b [IdentifierRule],
    values: &'b Values<'a>,
    clusters: Clusters,
    /// The values of limited kinds of a cluster of several records, by root, ascending. Clusters
    /// of one record have theirs in `values`: most records never join any.
    limited: HashMap<u32, Vec<u32>>,
    /// By root, the cannot-link pairs that have one end in this cluster: (this end, other end).
    forbidden: HashMap<u32, Vec<(u32, u32)>>,
    links: Vec<Link<'a>>,
    violations: Vec<Violation<'a>>,
}

impl<'a, 'b> Resolver<'a, 'b> {
    fn new(n: usize, rules: &'b [IdentifierRule], values: &'b Values<'a>) -> Result<Self> {
        Ok(Resolver {
            rules,
            values,
            clusters: Clusters::new(n)?,
            limited: HashMap::new(),
            forbidden: HashMap::new(),
            links: Vec::new(),
            violations: Vec::new(),
        })
    }

    /// Every record is still its own root.
    fn forbid(&mut self, pairs: &[(u32, u32)]) {
        for (left, right) in pairs {
            self.forbidden.entry(*left).or_default().push((*left, *right));
            self.forbidden.entry(*right).or_default().push((*right, *left));
        }
    }

    /// Links the holders of every value of a kind.
    fn link_by_kind(&mut self, kind: u16) -> Result<()> {
        let values = self.values;
        let limit = self
            .rules
            .get(usize::from(kind))
            .and_then(|rule| rule.maximum_customers_per_identifier);
        // Counted before any value of this kind links: otherwise the first values would change
        // what the later ones are measured by.
        let mut admitted = Vec::new();
        for value in values.of_kind(kind) {
            // Rows of one customer's history hold a value over and over: cheap to pass by.
            if values.holders(value).len() < 2 {
                continue;
            }
            let customers = self.customers_of(value);
            match limit {
                Some(limit) if customers > limit => {
                    let value = values.names.get(value as usize).map_or("", |(_, text)| *text);
                    let violation =
                        Violation::IdentifierOverLimit { kind, value, customers, limit };
                    self.violations.push(violation);
                }
                _ => admitted.push(value),
            }
        }
        for value in admitted {
            self.link_holders(value)?;
        }
        Ok(())
    }

    /// How many clusters hold a value.
    fn customers_of(&mut self, value: u32) -> u32 {
        let values = self.values;
        let mut roots: Vec<u32> =
            values.holders(value).iter().map(|record| self.clusters.root(*record)).collect();
        roots.sort_unstable();
        roots.dedup();
        count(&roots)
    }

    /// Joins the clusters that hold a value, as far as they may be.
    fn link_holders(&mut self, value: u32) -> Result<()> {
        let values = self.values;
        let holders = values.holders(value);
        let Some((kind, text)) = values.names.get(value as usize).copied() else {
            return Ok(());
        };
        let evidence = Evidence::Identifier { kind, value: text };
        // The clusters that hold the value, in the order of their first holder.
        let mut by_cluster: Vec<(u32, u32)> =
            holders.iter().map(|holder| (self.clusters.root(*holder), *holder)).collect();
        by_cluster.sort_unstable();
        let mut members: Vec<&[(u32, u32)]> =
            by_cluster.chunk_by(|left, right| left.0 == right.0).collect();
        members.sort_unstable_by_key(|members| members.first().map(|(_, holder)| *holder));

        // A cluster joins the first group that takes it, so that one refusal does not part the
        // rest. Groups are known by their first holder.
        let mut groups: Vec<u32> = Vec::new();
        for members in members {
            let Some((_, first)) = members.first().copied() else { continue };
            let mut group = first;
            for candidate in groups.iter().take(MAXIMUM_ATTEMPTS) {
                if self.try_join(*candidate, first, evidence, true)? {
                    group = *candidate;
                    break;
                }
            }
            if group == first {
                groups.push(first);
            }
            for (_, holder) in members.iter().skip(1) {
                let (left, right) = (group.min(*holder), group.max(*holder));
                self.links.push(Link { left, right, evidence, joins: false });
            }
        }
        Ok(())
    }

    /// Joins the clusters of two records unless something forbids it, which the audit then tells.
    /// Returns whether they are one cluster now.
    fn try_join(
        &mut self,
        left: u32,
        right: u32,
        evidence: Evidence<'a>,
        limits_apply: bool,
    ) -> Result<bool> {
        let (from, to) = (self.clusters.root(left), self.clusters.root(right));
        let joins = from != to;
        if joins {
            if let Some((left, right)) = self.forbidden_pair(from, to) {
                self.violations.push(Violation::CannotLink { left, right, evidence });
                return Ok(false);
            }
            let merged = merged(self.limited_of(from), self.limited_of(to));
            if limits_apply
                && let Some((limited_kind, identifiers, limit)) = self.over_limit(&merged)
            {
                let (one, other) =
                    (self.clusters.representative(left), self.clusters.representative(right));
                self.violations.push(Violation::CustomerOverLimit {
                    left: one.min(other),
                    right: one.max(other),
                    evidence,
                    limited_kind,
                    identifiers,
                    limit,
                });
                return Ok(false);
            }
            self.clusters.join(left, right)?;
            let root = self.clusters.root(left);
            self.limited.remove(&from);
            self.limited.remove(&to);
            if !merged.is_empty() {
                self.limited.insert(root, merged);
            }
            self.move_forbidden(from, to, root);
        }
        self.links.push(Link { left: left.min(right), right: left.max(right), evidence, joins });
        Ok(true)
    }

    /// The values of limited kinds of a cluster, by its root.
    fn limited_of(&self, root: u32) -> &[u32] {
        match self.limited.get(&root) {
            Some(values) => values,
            // A root without an entry is a single record, or a cluster of records without any.
            None => self.values.limited(root),
        }
    }

    /// The first kind that has more values than it may, how many, and how many it may.
    fn over_limit(&self, values: &[u32]) -> Option<(u16, u32, u32)> {
        values.chunk_by(|left, right| self.values.kind(*left) == self.values.kind(*right)).find_map(
            |same| {
                let kind = self.values.kind(*same.first()?);
                let limit = self.rules.get(usize::from(kind))?.maximum_identifiers_per_customer?;
                (count(same) > limit).then_some((kind, count(same), limit))
            },
        )
    }

    /// The smallest cannot-link pair between two clusters.
    fn forbidden_pair(&mut self, from: u32, to: u32) -> Option<(u32, u32)> {
        let length = |root: u32| self.forbidden.get(&root).map_or(0, Vec::len);
        let (few, others) = if length(from) <= length(to) { (from, to) } else { (to, from) };
        let pairs = self.forbidden.get(&few)?;
        let mut smallest = None;
        for (this, other) in pairs {
            if self.clusters.root(*other) == others {
                let pair = Some((*this.min(other), *this.max(other)));
                if smallest.is_none() || pair < smallest {
                    smallest = pair;
                }
            }
        }
        smallest
    }

    /// The shorter list moves into the longer.
    fn move_forbidden(&mut self, from: u32, to: u32, root: u32) {
        let one = self.forbidden.remove(&from).unwrap_or_default();
        let other = self.forbidden.remove(&to).unwrap_or_default();
        let (mut longer, shorter) =
            if one.len() >= other.len() { (one, other) } else { (other, one) };
        longer.extend(shorter);
        if !longer.is_empty() {
            self.forbidden.insert(root, longer);
        }
    }

    /// The result, with positions in place of ranks.
    fn finish(self, by_rank: &[u32], ranks: &[u32]) -> Resolution<'a> {
        let position = |rank: u32| by_rank.get(rank as usize).copied().unwrap_or(rank);
        let of_rank = self.clusters.into_representatives();
        let clusters = ranks
            .iter()
            .map(|rank| position(of_rank.get(*rank as usize).copied().unwrap_or(*rank)))
            .collect();
        let mut links = self.links;
        for link in &mut links {
            (link.left, link.right) = (position(link.left), position(link.right));
        }
        let mut violations = self.violations;
        for violation in &mut violations {
            match violation {
                Violation::IdentifierOverLimit { .. } => {}
                Violation::CustomerOverLimit { left, right, .. }
                | Violation::CannotLink { left, right, .. } => {
                    (*left, *right) = (position(*left), position(*right));
                }
            }
        }
        Resolution { clusters, links, violations }
    }
}

/// Two ascending lists as one, each value once.
fn merged(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut values = Vec::with_capacity(left.len() + right.len());
    values.extend_from_slice(left);
    values.extend_from_slice(right);
    values.sort_unstable();
    values.dedup();
    values
}

#[cfg(test)]
mod tests;
