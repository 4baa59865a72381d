//! Chooses which pairs of records are compared where not all can be: rules name what alike records
//! share, and a budget says how many pairs they may find. It knows no values, only their numbers.
//!
//! A rule takes its smallest blocks first. Few share a rare value, which tells most; a value that
//! many share, such as a switchboard's telephone, would use up the budget and tells nothing, and
//! is left to the narrower rules that follow.

/// How many pairs may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// By all rules together. Where there are no more pairs than that, all are chosen.
    pub all: u64,
    /// By one rule.
    pub one_rule: u64,
}

/// A pair of records' places, the smaller first.
pub type Pair = (u32, u32);

/// The pairs that were chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// In order, each once.
    pub pairs: Vec<Pair>,
    /// For each pair the place of the first rule that found it; none: every pair is compared.
    pub rules: Vec<Option<u32>>,
    /// For each rule that was asked how many pairs share its values.
    pub pair_counts: Vec<u64>,
}

/// All pairs of `count` records, where that is within the limits.
pub fn every_pair(count: u32, limits: Limits) -> Option<Candidates> {
    let all = u64::from(count) * u64::from(count.saturating_sub(1)) / 2;
    if all > limits.all {
        return None;
    }
    let pairs: Vec<Pair> =
        (0..count).flat_map(|left| (left + 1..count).map(move |right| (left, right))).collect();
    let rules = vec![None; pairs.len()];
    Some(Candidates { pairs, rules, pair_counts: vec![] })
}

impl Candidates {
    /// Adds the pairs that a rule finds, as far as the limits allow; returns whether there is room
    /// for more rules.
    ///
    /// `entries`: the rule's values as numbers, with the records that have them; a record may have
    /// several.
    pub fn add_rule(&mut self, mut entries: Vec<(i64, u32)>, limits: Limits) -> bool {
        let rule = u32::try_from(self.pair_counts.len()).unwrap_or(u32::MAX);
        entries.sort_unstable();
        entries.dedup();
        let mut blocks: Vec<&[(i64, u32)]> =
            entries.chunk_by(|one, other| one.0 == other.0).filter(|one| one.len() > 1).collect();
        // Equally large ones in the order of their values' numbers.
        blocks.sort_by_key(|block| block.len());
        self.pair_counts.push(blocks.iter().map(|block| pairs_in(block)).sum());
        let known = u64::try_from(self.pairs.len()).unwrap_or(u64::MAX);
        let limit = limits.all.saturating_sub(known).min(limits.one_rule);
        let mut taken = 0;
        let mut found: Vec<Pair> = vec![];
        for block in blocks {
            taken += pairs_in(block);
            if taken > limit {
                break;
            }
            for (place, (_, left)) in block.iter().enumerate() {
                found.extend(block.iter().skip(place + 1).map(|(_, right)| (*left, *right)));
            }
        }
        found.sort_unstable();
        found.dedup();
        self.merge(&found, rule);
        u64::try_from(self.pairs.len()).unwrap_or(u64::MAX) < limits.all
    }

    /// Whether a pair was chosen.
    pub fn contains(&self, pair: Pair) -> bool {
        self.pairs.binary_search(&pair).is_ok()
    }

    /// Adds pairs in order that are not yet there.
    fn merge(&mut self, found: &[Pair], rule: u32) {
        let new: Vec<Pair> = found.iter().copied().filter(|pair| !self.contains(*pair)).collect();
        let count = self.pairs.len() + new.len();
        let (mut pairs, mut rules) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut known = self.pairs.iter().zip(&self.rules).peekable();
        let mut new = new.iter().peekable();
        loop {
            let is_known_next = match (known.peek(), new.peek()) {
                (None, None) => break,
                (Some((known, _)), Some(new)) => known < new,
                (known, _) => known.is_some(),
            };
            if is_known_next {
                let next = known.next();
                pairs.extend(next.map(|(pair, _)| *pair));
                rules.extend(next.map(|(_, rule)| *rule));
            } else if let Some(pair) = new.next() {
                pairs.push(*pair);
                rules.push(Some(rule));
            }
        }
        (self.pairs, self.rules) = (pairs, rules);
    }
}

fn pairs_in(block: &[(i64, u32)]) -> u64 {
    let count = u64::try_from(block.len()).unwrap_or(u64::MAX);
    count * count.saturating_sub(1) / 2
}

/// About `wanted` pairs of `count` records that chance chose, in order, each once, none of which
/// `is_left_out`: the same for the same seed.
///
/// Source: splitmix64 (Steele, Lea and Flood, 2014).
pub fn random_pairs(
    count: u32,
    wanted: u64,
    seed: u64,
    is_left_out: impl Fn(Pair) -> bool,
) -> Vec<Pair> {
    if count < 2 {
        return vec![];
    }
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let place = (u128::from(mixed ^ (mixed >> 31)) * u128::from(count)) >> 64;
        u32::try_from(place).unwrap_or(0)
    };
    let mut pairs: Vec<Pair> = (0..wanted)
        .map(|_| {
            let (one, other) = (next(), next());
            (one.min(other), one.max(other))
        })
        .filter(|pair| pair.0 != pair.1)
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|pair| !is_left_out(*pair));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { all: 10, one_rule: 4 };

    #[test]
    fn few_records_are_all_compared() {
        let every = every_pair(5, LIMITS).unwrap();
        assert_eq!(every.pairs.len(), 10);
        assert!(every.pairs.is_sorted() && every.rules.iter().all(Option::is_none));
        assert_eq!(every_pair(6, LIMITS), None);
        assert_eq!(every_pair(0, LIMITS).unwrap().pairs, []);
    }

    #[test]
    fn small_blocks_come_before_large_ones() {
        let mut candidates = Candidates::default();
        // Value 7 is shared by four, six pairs; 8 by two, 9 by three: 1 + 3 pairs fit.
        let shared = vec![(7, 0), (7, 1), (7, 2), (7, 3), (8, 0), (8, 9), (9, 4), (9, 5), (9, 6)];
        assert!(candidates.add_rule(shared, LIMITS));
        assert_eq!(candidates.pairs, [(0, 9), (4, 5), (4, 6), (5, 6)]);
        assert_eq!(candidates.pair_counts, [10]);
        // A pair is its first rule's; a record with two equal values is no pair.
        assert!(candidates.add_rule(vec![(1, 9), (1, 0), (1, 0), (2, 2), (2, 3)], LIMITS));
        assert_eq!(candidates.pairs, [(0, 9), (2, 3), (4, 5), (4, 6), (5, 6)]);
        let rules: Vec<u32> = candidates.rules.iter().map(|rule| rule.unwrap()).collect();
        assert_eq!(rules, [0, 1, 0, 0, 0]);
        assert!(candidates.contains((2, 3)) && !candidates.contains((0, 1)));
    }

    #[test]
    fn the_budget_ends_what_rules_find() {
        let mut candidates = Candidates::default();
        let limits = Limits { all: 4, one_rule: 3 };
        assert!(candidates.add_rule(vec![(1, 0), (1, 1), (1, 2)], limits));
        // One pair is left: the block of two fits, that of three does not.
        assert!(!candidates.add_rule(vec![(1, 5), (1, 6), (2, 7), (2, 8), (2, 9)], limits));
        assert_eq!(candidates.pairs, [(0, 1), (0, 2), (1, 2), (5, 6)]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let drawn = random_pairs(1000, 5000, 1, |pair| pair.0 < 10);
        assert_eq!(drawn, random_pairs(1000, 5000, 1, |pair| pair.0 < 10));
        assert_ne!(drawn, random_pairs(1000, 5000, 2, |pair| pair.0 < 10));
        assert!(drawn.is_sorted_by(|one, other| one < other));
        assert!(drawn.iter().all(|(left, right)| left < right && *left >= 10 && *right < 1000));
        assert!((4800..=5000).contains(&drawn.len()), "{}", drawn.len());
        assert_eq!(random_pairs(1, 100, 1, |_| false), []);
    }
}
