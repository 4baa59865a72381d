//! Random numbers by what they are for.
//!
//! A draw is named by the seed, its [`Purpose`] and a few numbers (the person, a day, a count),
//! and nothing else: any draw can be made again alone, on any thread and in any order, and a
//! draw more for one purpose changes nothing for another.

use std::convert::Infallible;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng, TryRng};
use rand_distr::{Beta, Distribution, Exp1, Gamma, Poisson, StandardNormal};

/// What a draw is for. Streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[allow(missing_docs)] // each says what is drawn
pub enum Purpose {
    // The company.
    Catalogue,
    Stores,
    Campaigns,
    MarketingSpend,
    // The people.
    Person,
    Acquisition,
    Mood,
    Referral,
    Behaviour,
    Household,
    Organisation,
    Address,
    Move,
    Email,
    EmailChange,
    Mobile,
    MobileChange,
    Phone,
    Marriage,
    Key,
    Handle,
    Device,
    Record,
    Duplicate,
    RecordFault,
    Spelling,
    // What they do.
    Life,
    Purchase,
    Spend,
    Basket,
    Order,
    Delivery,
    Refund,
    LoyaltyEntry,
    Case,
    CaseEvent,
    Survey,
    SurveyAnswer,
    Mention,
    Review,
    CommunityPost,
    Visit,
    WebEvent,
    DeviceEvent,
    Consent,
    CampaignContact,
    CampaignEvent,
    IdentifierLink,
    Text,
    // What becomes of it in exports.
    Export,
    Delay,
    RowOrder,
    RowFault,
    FileFault,
    // What others are told.
    CompetitorMentions,
    Resend,
}

/// A stream of random numbers.
///
/// Source: xoshiro256++ (Blackman and Vigna, 2019), whose output `rand` keeps the same from
/// version to version; the words of a stream's name are mixed into its state by SplitMix64's
/// finaliser.
#[derive(Debug, Clone)]
pub struct Stream(Xoshiro256PlusPlus);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl Stream {
    /// The stream for a purpose and the words that tell its draws apart.
    #[inline]
    pub fn of(seed: u64, purpose: Purpose, words: &[u64]) -> Stream {
        Stream(Xoshiro256PlusPlus::seed_from_u64(hash(seed, purpose, words)))
    }

    /// A number in [0, 1).
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        unit(self.0.next_u64())
    }

    /// True with a probability of `share`.
    #[inline]
    pub fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    /// A whole number below `end`; 0 where `end` is 0.
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        scaled(self.0.next_u64(), end)
    }

    /// A whole number from `low` to `high`, both included; `low` where `high` is less.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = high.saturating_sub(low).saturating_add(1).max(1);
        low + self.below(count.unsigned_abs()) as i64
    }

    /// One of the items, each as likely; there must be one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// One of the words, each as likely; there must be one.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }

    /// One of the items, the earlier the likelier, as words and names are; there must be one.
    ///
    /// The share of the first of 200 is about 3.5 %, of the last 0.3 %.
    pub fn pick_skewed<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.skewed_place(items.len())]
    }

    /// One of the words, the earlier the likelier, as in [`Stream::pick_skewed`].
    pub fn skewed_word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.skewed_place(words.len())]
    }

    fn skewed_place(&mut self, count: usize) -> usize {
        let place = self.uniform().powf(1.6) * count as f64;
        (place as usize).min(count.saturating_sub(1))
    }

    /// One of the items by their weights, which need not sum to one; there must be one.
    pub fn pick_weighted<T: Copy>(&mut self, items: &[(T, f64)]) -> T {
        let total: f64 = items.iter().map(|(_, weight)| weight).sum();
        let mut rest = self.uniform() * total;
        for (item, weight) in items {
            rest -= weight;
            if rest < 0.0 {
                return *item;
            }
        }
        items[items.len() - 1].0
    }

    /// A number from the normal distribution of mean 0 and deviation 1.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(self)
    }

    /// A time until something that comes on average once in `mean`.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let one: f64 = Exp1.sample(self);
        one * mean
    }

    /// A number whose logarithm is normal about that of `median`, with a deviation of `sigma`.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// A number from the gamma distribution of this shape and rate (mean `shape / rate`); 0 where
    /// one of them is not positive.
    pub fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        Gamma::new(shape, 1.0 / rate).map_or(0.0, |gamma| gamma.sample(self))
    }

    /// A number from the beta distribution; 0 where `a` or `b` is not positive.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        Beta::new(a, b).map_or(0.0, |beta| beta.sample(self))
    }

    /// How often something happens that happens `mean` times on average; 0 where `mean` is not
    /// positive.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        Poisson::new(mean).map_or(0, |poisson: Poisson<f64>| poisson.sample(self) as u64)
    }
}

/// A single draw: all bits of it, as likely.
#[inline]
pub fn hash(seed: u64, purpose: Purpose, words: &[u64]) -> u64 {
    let start = mixed(seed ^ 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(purpose as u64 + 1));
    words.iter().fold(start, |state, word| mixed(state.rotate_left(23) ^ mixed(*word)))
}

/// A single draw from [0, 1).
#[inline]
pub fn share(seed: u64, purpose: Purpose, words: &[u64]) -> f64 {
    unit(hash(seed, purpose, words))
}

/// SplitMix64: adds the golden ratio, then mixes all bits.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// 53 bits as a number in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Bits as a number below `end`. The bias is below `end / 2^64`: nobody could see it.
fn scaled(bits: u64, end: u64) -> u64 {
    ((u128::from(bits) * u128::from(end)) >> 64) as u64
}

/// A shuffle of the numbers below `count` that needs no memory, by its seed and words.
///
/// Source: a balanced Feistel network over the next even power of two, walking along the cycle
/// until it is back below `count` (Black and Rogaway, "Ciphers with arbitrary finite domains",
/// CT-RSA 2002).
#[derive(Debug, Clone, Copy)]
pub struct Permutation {
    count: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

/// Four rounds: nobody attacks these numbers, they must only look unrelated.
const ROUNDS: usize = 4;

impl Permutation {
    /// The shuffle of the numbers below `count` for a purpose and words.
    pub fn of(seed: u64, purpose: Purpose, words: &[u64], count: u64) -> Permutation {
        let bits = 64 - count.max(2).saturating_sub(1).leading_zeros();
        let start = hash(seed, purpose, words);
        let mut keys = [0; ROUNDS];
        for (round, key) in keys.iter_mut().enumerate() {
            *key = mixed(start ^ round as u64);
        }
        Permutation { count, half_bits: bits.div_ceil(2), keys }
    }

    /// Where `number` goes: below the count, and every number elsewhere. A number that is not
    /// below the count stays.
    pub fn at(&self, number: u64) -> u64 {
        self.walk(number, Self::forth)
    }

    /// What went to `place`.
    pub fn back(&self, place: u64) -> u64 {
        self.walk(place, Self::back_once)
    }

    fn walk(&self, mut number: u64, step: fn(&Self, u64) -> u64) -> u64 {
        if number >= self.count {
            return number;
        }
        loop {
            number = step(self, number);
            if number < self.count {
                return number;
            }
        }
    }

    fn forth(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mixed(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }

    fn back_once(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for key in self.keys.iter().rev() {
            (left, right) = (right ^ (mixed(left ^ key) & mask), left);
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_is_its_name() {
        let drawn = |seed, purpose, words: &[u64]| {
            let mut stream = Stream::of(seed, purpose, words);
            (stream.uniform(), stream.below(1 << 40), stream.normal())
        };
        let first = drawn(7, Purpose::Person, &[1, 2]);
        assert_eq!(drawn(7, Purpose::Person, &[1, 2]), first);
        for other in [
            drawn(8, Purpose::Person, &[1, 2]),
            drawn(7, Purpose::Mood, &[1, 2]),
            drawn(7, Purpose::Person, &[2, 1]),
            drawn(7, Purpose::Person, &[1, 2, 0]),
            drawn(7, Purpose::Person, &[1]),
        ] {
            assert_ne!(other, first);
        }
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut stream = Stream::of(1, Purpose::Life, &[]);
        let mut mean_of = |draw: &mut dyn FnMut(&mut Stream) -> f64| {
            (0..40_000).map(|_| draw(&mut stream)).sum::<f64>() / 40_000.0
        };
        let cases: [(&str, f64, f64); 7] = [
            ("uniform", mean_of(&mut |stream| stream.uniform()), 0.5),
            ("chance", mean_of(&mut |stream| f64::from(u8::from(stream.chance(0.3)))), 0.3),
            ("between", mean_of(&mut |stream| stream.between(-2, 4) as f64), 1.0),
            ("exponential", mean_of(&mut |stream| stream.exponential(3.0)), 3.0),
            ("gamma", mean_of(&mut |stream| stream.gamma(2.0, 4.0)), 0.5),
            ("beta", mean_of(&mut |stream| stream.beta(1.0, 3.0)), 0.25),
            ("poisson", mean_of(&mut |stream| stream.poisson(0.7) as f64), 0.7),
        ];
        for (name, mean, expected) in cases {
            assert!((mean - expected).abs() < 0.04 * expected.max(1.0), "{name}: {mean}");
        }
    }

    #[test]
    fn weights_are_shares() {
        let mut stream = Stream::of(1, Purpose::Life, &[]);
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            counts[stream.pick_weighted(&[(0, 1.0), (1, 0.0), (2, 3.0)])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_permutation_is_a_bijection(seed: u64, count in 1_u64..3_000) {
            let permutation = Permutation::of(seed, Purpose::Key, &[], count);
            let mut seen = vec![false; count as usize];
            for number in 0..count {
                let place = permutation.at(number);
                prop_assert!(place < count && !seen[place as usize]);
                seen[place as usize] = true;
                prop_assert_eq!(permutation.back(place), number);
            }
            prop_assert_eq!(permutation.at(count), count);
        }
    }
}
