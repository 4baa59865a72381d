//! Customer ids that stay: each day's clusters take over the ids of the day before.
//!
//! Clusters come and go with every new record and every changed rule, but reports, exports and
//! other systems hold on to customer ids. So an id follows the people it was given to:
//!
//! 1. An id of yesterday whose records are now in several clusters claims one of them: the one
//!    with most of its records, then the one that holds its founding record, then the one that
//!    holds its smallest record id.
//! 2. A cluster that one id claims keeps it. Where several claim it, the winner holds most of the
//!    cluster's records, then is the oldest, then the lowest; the others are merged into it.
//! 3. A cluster that none claims gets a new id: it is made of new records, or split off.
//!
//! It reads only the clusters and yesterday's map, so the same day run again gives the same ids.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;

use super::{ranked, sort_key};
use crate::dates::Day;
use crate::errors::{Error, Kind, Result};

/// A row of yesterday's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// The record.
    pub record_id: &'a str,
    /// The customer it was.
    pub customer_id: &'a str,
    /// The day that customer's id was first given.
    pub first_day: Day,
}

/// A customer of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer<'a> {
    /// The id: kept from yesterday, or new.
    pub customer_id: Cow<'a, str>,
    /// The day the id was first given.
    pub first_day: Day,
    /// How many records the customer has today.
    pub record_count: u32,
}

/// Something that happened to an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event<'a> {
    /// A customer made of records that were nobody's yesterday.
    Create {
        /// The new id.
        customer_id: Cow<'a, str>,
    },
    /// A customer that became part of another; its id is not given again.
    Merge {
        /// The id that ended.
        from: Cow<'a, str>,
        /// The id that goes on.
        into: Cow<'a, str>,
        /// How many of the records came along.
        record_count: u32,
    },
    /// Records that left a customer which goes on elsewhere (or was merged elsewhere).
    Split {
        /// The id they had.
        from: Cow<'a, str>,
        /// The id they have now: a new one, or one that was another customer's.
        to: Cow<'a, str>,
        /// How many records left.
        record_count: u32,
    },
}

/// Today's customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// In the order of each customer's smallest record id.
    pub customers: Vec<Customer<'a>>,
    /// For each record in input order, its customer's place in `customers`.
    pub customer_of: Vec<u32>,
    /// What happened: creations, then merges, then splits, each by id.
    pub events: Vec<Event<'a>>,
    /// Customers of yesterday none of whose records is there today, by id.
    pub vanished: Vec<&'a str>,
}

/// Gives each cluster of today its customer id; see the module for the rules.
///
/// `day`: today, the first day of new ids. `record_ids`: n unique ids in any order. `clusters`:
/// for each record, any number that its cluster's records share and no others, such as
/// [`super::rules::Resolution::clusters`]. `yesterday`: the map of the day before in any order,
/// each record once.
/// Errors: lists of different lengths, or a record that is there twice.
pub fn assign<'a>(
    day: Day,
    record_ids: &[&str],
    clusters: &[u32],
    yesterday: &[Earlier<'a>],
) -> Result<Assignment<'a>> {
    let today = Today::new(record_ids, clusters)?;
    let earlier = EarlierCustomers::new(yesterday)?;
    let kept = kept_records(record_ids, &today, yesterday, &earlier)?;
    let overlaps = overlaps(&kept);
    let claims = claims(record_ids, &today, &earlier, &kept, &overlaps);
    let winners = winners(&today, &earlier, &overlaps, &claims);

    let mut customers = Vec::with_capacity(today.counts.len());
    let mut minted: HashSet<String> = HashSet::new();
    let mut events = Vec::new();
    for (cluster, winner) in winners.iter().enumerate() {
        let record_count = at(&today.counts, cluster);
        if let Some(winner) = winner.and_then(|winner| earlier.customers.get(winner as usize)) {
            let (customer_id, first_day) = *winner;
            customers.push(Customer {
                customer_id: Cow::Borrowed(customer_id),
                first_day,
                record_count,
            });
            continue;
        }
        let founding = at(&today.by_rank, at(&today.smallest, cluster) as usize);
        let founding = record_ids.get(founding as usize).copied().unwrap_or_default();
        let new = new_id(day, founding, |id| earlier.is_known(id) || minted.contains(id));
        minted.insert(new.clone());
        customers.push(Customer { customer_id: Cow::Owned(new), first_day: day, record_count });
    }

    let id_of =
        |cluster: u32| customers.get(cluster as usize).map(|customer| customer.customer_id.clone());
    let mut is_descendant = vec![false; customers.len()];
    for overlap in &overlaps {
        if let Some(flag) = is_descendant.get_mut(overlap.cluster as usize) {
            *flag = true;
        }
        let is_kept = winners.get(overlap.cluster as usize) == Some(&Some(overlap.customer));
        let (Some((from, _)), Some(to)) =
            (earlier.customers.get(overlap.customer as usize), id_of(overlap.cluster))
        else {
            continue;
        };
        if is_kept {
            continue;
        }
        let (from, record_count) = (Cow::Borrowed(*from), overlap.count);
        let claims_this = claims.get(overlap.customer as usize) == Some(&Some(overlap.cluster));
        events.push(if claims_this {
            Event::Merge { from, into: to, record_count }
        } else {
            Event::Split { from, to, record_count }
        });
    }
    for (customer, is_descendant) in customers.iter().zip(is_descendant) {
        if !is_descendant {
            events.push(Event::Create { customer_id: customer.customer_id.clone() });
        }
    }
    events.sort_unstable();
    let vanished = earlier
        .customers
        .iter()
        .zip(&claims)
        .filter(|(_, claim)| claim.is_none())
        .map(|((customer_id, _), _)| *customer_id)
        .collect();
    Ok(Assignment { customers, customer_of: today.cluster_of, events, vanished })
}

/// The id of a customer founded on a day by a record: `c_` and 128 bits of a hash in base 32.
/// Not random, so that a rerun gives the same ids. The attempt is part of the hash only where the
/// first id is taken.
fn new_id(day: Day, founding_record: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut attempt = 0u32;
    loop {
        let mut hasher = blake3::Hasher::new();
        hasher.update(day.to_string().as_bytes());
        hasher.update(b"|");
        hasher.update(founding_record.as_bytes());
        if attempt > 0 {
            hasher.update(b"|");
            hasher.update(&attempt.to_le_bytes());
        }
        let id = spelled(hasher.finalize().as_bytes());
        if !is_taken(&id) {
            return id;
        }
        attempt += 1;
    }
}

/// The first 130 bits in Crockford's base 32, which leaves out letters that read like others.
fn spelled(hash: &[u8; 32]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut id = String::with_capacity(28);
    id.push_str("c_");
    let (mut bits, mut bit_count) = (0u32, 0u32);
    for byte in hash.iter().take(17) {
        bits = (bits << 8) | u32::from(*byte);
        bit_count += 8;
        while bit_count >= 5 && id.len() < 28 {
            bit_count -= 5;
            let digit = (bits >> bit_count) & 31;
            id.push(char::from(DIGITS.get(digit as usize).copied().unwrap_or(b'0')));
        }
        bits &= (1 << bit_count) - 1;
    }
    id
}

/// Today's clusters, numbered in the order of their smallest record.
struct Today {
    by_rank: Vec<u32>,
    /// For each record in input order, its cluster.
    cluster_of: Vec<u32>,
    /// For each cluster, how many records it has.
    counts: Vec<u32>,
    /// For each cluster, the rank of its smallest record.
    smallest: Vec<u32>,
}

impl Today {
    fn new(record_ids: &[&str], clusters: &[u32]) -> Result<Self> {
        if record_ids.len() != clusters.len() {
            let message = format!(
                "name the customers of {} records in {} clusters",
                record_ids.len(),
                clusters.len()
            );
            return Err(Error::new(Kind::Defect, message));
        }
        let (by_rank, ranks) = ranked(record_ids);
        let mut members: Vec<(u32, u32, u32)> = (0..)
            .zip(clusters.iter().zip(&ranks))
            .map(|(position, (cluster, rank))| (*cluster, *rank, position))
            .collect();
        members.sort_unstable();
        let mut groups: Vec<&[(u32, u32, u32)]> =
            members.chunk_by(|left, right| left.0 == right.0).collect();
        groups.sort_unstable_by_key(|group| group.first().map(|(_, rank, _)| *rank));

        let mut today = Today {
            by_rank,
            cluster_of: vec![0; record_ids.len()],
            counts: Vec::with_capacity(groups.len()),
            smallest: Vec::with_capacity(groups.len()),
        };
        for (number, group) in (0..).zip(groups) {
            today.counts.push(u32::try_from(group.len()).unwrap_or(u32::MAX));
            today.smallest.push(group.first().map_or(0, |(_, rank, _)| *rank));
            for (_, _, position) in group {
                if let Some(place) = today.cluster_of.get_mut(*position as usize) {
                    *place = number;
                }
            }
        }
        Ok(today)
    }
}

/// Yesterday's customers by id; a customer is its place in this order.
struct EarlierCustomers<'a> {
    customers: Vec<(&'a str, Day)>,
    /// For each row of yesterday's map, its customer.
    of_row: Vec<u32>,
}

impl<'a> EarlierCustomers<'a> {
    fn new(yesterday: &[Earlier<'a>]) -> Result<Self> {
        let Ok(rows) = u32::try_from(yesterday.len()) else {
            return Err(Error::new(Kind::Defect, "name customers: the earlier map is too long"));
        };
        let mut sorted: Vec<(u64, &'a str, Day, u32)> = (0..rows)
            .zip(yesterday)
            .map(|(row, earlier)| {
                (sort_key(earlier.customer_id), earlier.customer_id, earlier.first_day, row)
            })
            .collect();
        sorted.sort_unstable();
        let mut customers = Vec::new();
        let mut of_row = vec![0; yesterday.len()];
        for (number, same) in (0..).zip(sorted.chunk_by(|left, right| left.1 == right.1)) {
            // Of two first days the earlier is the true one.
            customers.extend(
                same.first().map(|(_, customer_id, first_day, _)| (*customer_id, *first_day)),
            );
            for (_, _, _, row) in same {
                if let Some(customer) = of_row.get_mut(*row as usize) {
                    *customer = number;
                }
            }
        }
        Ok(EarlierCustomers { customers, of_row })
    }

    fn is_known(&self, customer_id: &str) -> bool {
        self.customers.binary_search_by_key(&customer_id, |(known, _)| known).is_ok()
    }
}

/// Records that were one customer yesterday and are in one cluster today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Overlap {
    customer: u32,
    cluster: u32,
    count: u32,
    /// The smallest of the records, as a rank of today.
    smallest: u32,
}

/// A record that is in yesterday's map and in today's clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    customer: u32,
    cluster: u32,
    /// The record, as its rank among today's.
    rank: u32,
}

/// The records of both days, by customer and cluster.
fn kept_records(
    record_ids: &[&str],
    today: &Today,
    yesterday: &[Earlier<'_>],
    earlier: &EarlierCustomers<'_>,
) -> Result<Vec<Kept>> {
    let earlier_ids: Vec<&str> = yesterday.iter().map(|earlier| earlier.record_id).collect();
    let (earlier_by_rank, _) = ranked(&earlier_ids);
    let earlier_row = |rank: u32| {
        let position = earlier_by_rank.get(rank as usize).copied()?;
        Some((yesterday.get(position as usize)?.record_id, position))
    };
    let record = |rank: usize| {
        let position = at(&today.by_rank, rank);
        record_ids.get(position as usize).map(|id| (*id, at(&today.cluster_of, position as usize)))
    };

    // Both lists ascend: walk them side by side.
    let mut kept: Vec<Kept> = Vec::new();
    let mut next = 0;
    let mut last: Option<&str> = None;
    for (rank, place) in (0u32..).zip(0..record_ids.len()) {
        let Some((id, cluster)) = record(place) else { continue };
        if last == Some(id) {
            return Err(Error::new(
                Kind::Defect,
                format!("name customers: record `{id}` is there twice"),
            ));
        }
        last = Some(id);
        let mut found: Option<u32> = None;
        while let Some((earlier_id, row)) = earlier_row(next)
            && earlier_id <= id
        {
            next += 1;
            if earlier_id != id {
                continue;
            }
            if found.is_some() {
                let message = format!("name customers: record `{id}` is twice in the earlier map");
                return Err(Error::new(Kind::Defect, message));
            }
            found = Some(row);
        }
        if let Some(customer) = found.map(|row| at(&earlier.of_row, row as usize)) {
            kept.push(Kept { customer, cluster, rank });
        }
    }
    kept.sort_unstable();
    Ok(kept)
}

/// All overlaps, by customer and cluster.
fn overlaps(kept: &[Kept]) -> Vec<Overlap> {
    let overlap = |same: &[Kept]| {
        let Kept { customer, cluster, rank } = *same.first()?;
        Some(Overlap { customer, cluster, count: u32::try_from(same.len()).ok()?, smallest: rank })
    };
    let is_same = |left: &Kept, right: &Kept| {
        (left.customer, left.cluster) == (right.customer, right.cluster)
    };
    kept.chunk_by(is_same).filter_map(overlap).collect()
}

/// For each customer of yesterday, the cluster that goes on under its id, if any does.
fn claims(
    record_ids: &[&str],
    today: &Today,
    earlier: &EarlierCustomers<'_>,
    kept: &[Kept],
    overlaps: &[Overlap],
) -> Vec<Option<u32>> {
    let mut claims = vec![None; earlier.customers.len()];
    for parts in overlaps.chunk_by(|left, right| left.customer == right.customer) {
        let Some(first) = parts.first() else { continue };
        let most = parts.iter().map(|part| part.count).max().unwrap_or(0);
        let largest: Vec<&Overlap> = parts.iter().filter(|part| part.count == most).collect();
        let chosen = if largest.len() > 1 {
            let from = kept.partition_point(|record| record.customer < first.customer);
            let to = kept.partition_point(|record| record.customer <= first.customer);
            let records = kept.get(from..to).unwrap_or_default();
            founding_cluster(record_ids, today, earlier, records)
                .filter(|cluster| largest.iter().any(|part| part.cluster == *cluster))
        } else {
            None
        };
        let chosen = chosen
            .or_else(|| largest.iter().min_by_key(|part| part.smallest).map(|part| part.cluster));
        if let Some(claim) = claims.get_mut(first.customer as usize) {
            *claim = chosen;
        }
    }
    claims
}

/// The cluster of the record that a customer's id was made from, by making ids again from all
/// the customer's records: only ties ask. An id that was made elsewhere has none.
fn founding_cluster(
    record_ids: &[&str],
    today: &Today,
    earlier: &EarlierCustomers<'_>,
    records: &[Kept],
) -> Option<u32> {
    let (customer_id, first_day) = earlier.customers.get(records.first()?.customer as usize)?;
    let is_founding = |record: &&Kept| {
        let position = at(&today.by_rank, record.rank as usize);
        record_ids
            .get(position as usize)
            .is_some_and(|id| new_id(*first_day, id, |_| false) == *customer_id)
    };
    records.iter().find(is_founding).map(|record| record.cluster)
}

/// For each cluster, the customer of yesterday whose id it keeps, if any.
fn winners(
    today: &Today,
    earlier: &EarlierCustomers<'_>,
    overlaps: &[Overlap],
    claims: &[Option<u32>],
) -> Vec<Option<u32>> {
    // Most records, then oldest, then lowest id: customers are numbered by id.
    type Rank = (u32, Reverse<Day>, Reverse<u32>);
    let mut best: Vec<Option<Rank>> = vec![None; today.counts.len()];
    for overlap in overlaps {
        if claims.get(overlap.customer as usize) != Some(&Some(overlap.cluster)) {
            continue;
        }
        let Some((_, first_day)) = earlier.customers.get(overlap.customer as usize) else {
            continue;
        };
        let candidate = Some((overlap.count, Reverse(*first_day), Reverse(overlap.customer)));
        if let Some(best) = best.get_mut(overlap.cluster as usize)
            && candidate > *best
        {
            *best = candidate;
        }
    }
    best.into_iter().map(|best| best.map(|(_, _, Reverse(customer))| customer)).collect()
}

/// The number at a place that is known to exist.
fn at(numbers: &[u32], place: usize) -> u32 {
    numbers.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
