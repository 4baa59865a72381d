//! Quantiles from counts in bins whose width is a share of their values.

use std::collections::BTreeMap;

/// Bits of the mantissa that a bin does not tell apart: 7 of 52 are left, 128 bins to a doubling.
const DROPPED_BITS: u32 = 52 - 7;

/// One above the bin of the greatest number: what would be next is infinite.
const BINS: u32 = 2047 << 7;

/// Rounding alone lifts no rank to the next.
const TOLERANCE: f64 = 1e-12;

/// How many values fell into each bin.
///
/// A bin holds the numbers that agree in sign, exponent and the first 7 bits of the mantissa, and
/// stands for the one nearest to zero: a quantile is never farther from zero than the exact one and
/// less than 1/128 (0.8 %) of it nearer, and whole numbers up to 256 are exact. Counting is exact,
/// so the rank always is. At most 128 bins for each doubling between the least and the greatest
/// value: 1,400 from a second to a day.
///
/// Source: C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch
/// with relative-error guarantees", PVLDB 12 (2019), 2195–2205, with the bins of its linearly
/// interpolated mapping, which need no logarithm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quantiles {
    bins: BTreeMap<i32, u64>,
}

impl Quantiles {
    /// Takes in a value.
    ///
    /// Errors: what is wrong, for a value that is no number.
    pub fn add(&mut self, value: f64) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("{value} is no number to tell quantiles of"));
        }
        *self.bins.entry(bin_of(value)).or_default() += 1;
        Ok(())
    }

    /// Takes in all values of `other`.
    pub fn merge(&mut self, other: &Quantiles) {
        for (bin, more) in &other.bins {
            let count = self.bins.entry(*bin).or_default();
            *count = count.saturating_add(*more);
        }
    }

    /// The counts as a table keeps them: bin, count, and so on by bin.
    pub fn numbers(&self) -> Vec<i64> {
        let bins = self.bins.iter();
        bins.flat_map(|(bin, count)| [i64::from(*bin), i64::try_from(*count).unwrap_or(i64::MAX)])
            .collect()
    }

    /// The counts of [`Quantiles::numbers`].
    ///
    /// Errors: what is wrong with numbers that are none of those.
    pub fn from_numbers(numbers: &[i64]) -> Result<Quantiles, String> {
        let wrong = || "this is no sketch of quantile_sketch()".to_string();
        let mut bins = BTreeMap::new();
        let (rows, rest) = numbers.as_chunks::<2>();
        for [bin, count] in rows {
            let bin = i32::try_from(*bin).ok().filter(|bin| bin.unsigned_abs() < BINS);
            let count = u64::try_from(*count).ok().filter(|count| *count > 0);
            let (Some(bin), Some(count)) = (bin, count) else { return Err(wrong()) };
            if bins.insert(bin, count).is_some() {
                return Err(wrong());
            }
        }
        if rest.is_empty() { Ok(Quantiles { bins }) } else { Err(wrong()) }
    }

    /// Bins with values.
    pub fn len(&self) -> usize {
        self.bins.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    fn count(&self) -> u64 {
        self.bins.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The least value that at least `share` (0 to 1) of all values are no greater than (SQL's
    /// `percentile_disc`); none where there are no values.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count() as f64;
        // 0.07 · 100 is a little more than 7: the seventh is meant.
        self.at_rank((share * count * (1.0 - TOLERANCE)).ceil().max(1.0))
    }

    /// The interval of [`Quantiles::quantile`] at the normal quantile `z`: the values whose ranks
    /// are `z` standard errors of a binomial count either side, whatever the values' distribution;
    /// an end is none where there are too few values to have one.
    ///
    /// Source: W. J. Conover, "Practical Nonparametric Statistics", 3rd edition (1999), 3.2.
    pub fn quantile_interval(&self, share: f64, z: f64) -> (Option<f64>, Option<f64>) {
        let count = self.count() as f64;
        let spread = z * (count * share * (1.0 - share)).sqrt();
        let rank = |rank: f64| self.at_rank((rank * (1.0 - TOLERANCE)).ceil());
        (rank(share * count - spread), rank(share * count + spread))
    }

    /// The value of a rank from 1 to the count.
    fn at_rank(&self, rank: f64) -> Option<f64> {
        if rank < 1.0 || rank > self.count() as f64 {
            return None;
        }
        let mut seen: u64 = 0;
        let found = self.bins.iter().find(|(_, count)| {
            seen = seen.saturating_add(**count);
            seen as f64 >= rank
        });
        found.map(|(bin, _)| value_of(*bin))
    }
}

fn bin_of(value: f64) -> i32 {
    // Exponent and mantissa order numbers of one sign: 11 + 7 bits fit.
    let bin = (value.abs().to_bits() >> DROPPED_BITS) as i32;
    if value < 0.0 { -bin } else { bin }
}

fn value_of(bin: i32) -> f64 {
    let value = f64::from_bits(u64::from(bin.unsigned_abs()) << DROPPED_BITS);
    if bin < 0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(values: &[f64]) -> Quantiles {
        let mut sketch = Quantiles::default();
        values.iter().for_each(|value| sketch.add(*value).unwrap());
        sketch
    }

    #[test]
    fn whole_numbers_to_256_are_exact() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let of = sketch(&hundred);
        for (share, expected) in [
            (0.0, 1.0),
            (0.07, 7.0),
            (0.29, 29.0),
            (0.5, 50.0),
            (0.9, 90.0),
            (0.901, 91.0),
            (1.0, 100.0),
        ] {
            assert_eq!(of.quantile(share), Some(expected), "{share}");
        }
        // Conover, 3.2: n·p ± z·√(n·p·(1 − p)), rounded up: 40.2 and 59.8.
        assert_eq!(of.quantile_interval(0.5, 1.96), (Some(41.0), Some(60.0)));
        assert_eq!(of.quantile_interval(0.99, 1.96), (Some(98.0), None));
        assert_eq!(sketch(&[3.0]).quantile_interval(0.5, 1.96), (None, None));
        assert_eq!(sketch(&[0.0, -0.0, 256.0, -7.0]).quantile(0.25), Some(-7.0));
        let none = Quantiles::default();
        assert_eq!((none.quantile(0.5), none.quantile_interval(0.5, 2.0)), (None, (None, None)));
        assert!(Quantiles::default().add(f64::NAN).is_err());
        for wrong in [&[1][..], &[1, 0], &[1, -1], &[1, 1, 1, 1], &[1 << 40, 1], &[262_016, 1]] {
            assert!(Quantiles::from_numbers(wrong).is_err(), "{wrong:?}");
        }
    }

    /// From a second to a day 128 bins a doubling at most.
    #[test]
    fn a_sketch_stays_small() {
        let seconds: Vec<f64> = (1..=86_400).map(f64::from).collect();
        assert!(sketch(&seconds).len() < 1_400);
    }

    proptest! {
        #[test]
        fn a_quantile_is_never_farther_from_zero_and_hardly_nearer(
            mut values in prop::collection::vec(
                prop_oneof![-1e9f64..1e9, -1.0f64..1.0, Just(0.0), 1e-300f64..1e300], 1..300),
            share in 0.0f64..=1.0,
        ) {
            let told = sketch(&values).quantile(share).unwrap();
            values.sort_by(f64::total_cmp);
            let rank = (share * values.len() as f64 * (1.0 - TOLERANCE)).ceil().max(1.0) as usize;
            let exact = values[rank - 1];
            prop_assert!(told.abs() <= exact.abs() && told * exact >= 0.0);
            prop_assert!(exact.abs() - told.abs() <= exact.abs() / 128.0);
        }

        #[test]
        fn parts_merge_to_the_whole_in_any_order(
            values in prop::collection::vec(-1e6f64..1e6, 0..200), cut in 0usize..200,
        ) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = Quantiles::from_numbers(&sketch(right).numbers()).unwrap();
            merged.merge(&sketch(left));
            prop_assert_eq!(merged.numbers(), sketch(&values).numbers());
        }
    }
}
