//! How many different values there are, from 4,096 small registers.

use std::collections::BTreeMap;

use twox_hash::XxHash3_128;

/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 12;

/// Registers.
const REGISTERS: usize = 1 << INDEX_BITS;

/// Bits of a hash that are left for a register to look at.
const TAIL_BITS: u32 = 64 - INDEX_BITS;

/// Bits of a kept number below the register's.
const RANK_BITS: u32 = 6;

/// The registers of a HyperLogLog sketch that hold something.
///
/// A value's hash chooses a register, which keeps the longest run of zeros that it saw: repeats
/// change nothing, and the order neither. The estimate's standard error is 1.04 ÷ √4096 = 1.6 %,
/// less below some thousand. A sketch tells whether it may have seen a value, so it is as personal
/// as what it counts where it counts few.
///
/// Source: P. Flajolet, É. Fusy, O. Gandouet and F. Meunier, "HyperLogLog: the analysis of a
/// near-optimal cardinality estimation algorithm", AofA (2007), 137–156; the estimator is that of
/// O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
/// arXiv:1702.01284, algorithm 6, which needs no tables of corrections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distinct {
    /// The rank, 1 to 53, of each register that saw a value.
    registers: BTreeMap<u16, u8>,
}

impl Distinct {
    /// Takes in a value, by its bytes.
    pub fn add(&mut self, value: &[u8]) {
        let hash = XxHash3_128::oneshot(value) as u64;
        // The first of the tail's bits that is set, from 1; one past the tail where none is.
        let rank = (hash << INDEX_BITS).leading_zeros().min(TAIL_BITS) + 1;
        self.raise((hash >> TAIL_BITS) as u16, rank as u8);
    }

    fn raise(&mut self, register: u16, rank: u8) {
        let held = self.registers.entry(register).or_default();
        *held = (*held).max(rank);
    }

    /// Takes in all values of `other`.
    pub fn merge(&mut self, other: &Distinct) {
        other.registers.iter().for_each(|(register, rank)| self.raise(*register, *rank));
    }

    /// The registers as a table keeps them: 64 · register + rank, by register.
    pub fn numbers(&self) -> Vec<i64> {
        let registers = self.registers.iter();
        registers
            .map(|(register, rank)| i64::from(*register) << RANK_BITS | i64::from(*rank))
            .collect()
    }

    /// The sketch of [`Distinct::numbers`].
    ///
    /// Errors: what is wrong with numbers that are none of those.
    pub fn from_numbers(numbers: &[i64]) -> Result<Distinct, String> {
        let wrong = || "this is no sketch of distinct_sketch()".to_string();
        let mut registers = BTreeMap::new();
        for number in numbers {
            let register = u16::try_from(number >> RANK_BITS).map_err(|_| wrong())?;
            let rank = (number & ((1 << RANK_BITS) - 1)) as u8;
            let is_known = usize::from(register) < REGISTERS
                && (1..=TAIL_BITS as u8 + 1).contains(&rank)
                && registers.insert(register, rank).is_none();
            if !is_known {
                return Err(wrong());
            }
        }
        Ok(Distinct { registers })
    }

    /// Registers that saw a value.
    pub fn len(&self) -> usize {
        self.registers.len()
    }

    /// Whether none did.
    pub fn is_empty(&self) -> bool {
        self.registers.is_empty()
    }

    /// About how many different values there were.
    pub fn estimate(&self) -> i64 {
        if self.registers.is_empty() {
            return 0;
        }
        let mut counts = [0u32; TAIL_BITS as usize + 2];
        counts[0] = (REGISTERS - self.registers.len()) as u32;
        self.registers.values().for_each(|rank| counts[usize::from(*rank)] += 1);
        let all = REGISTERS as f64;
        let last = TAIL_BITS as usize + 1;
        let mut sum = all * tau(1.0 - f64::from(counts[last]) / all);
        for count in counts[1..last].iter().rev() {
            sum = 0.5 * (sum + f64::from(*count));
        }
        sum += all * sigma(f64::from(counts[0]) / all);
        // 1 ÷ (2 · ln 2): the constant for infinitely many registers.
        (0.5 / std::f64::consts::LN_2 * all * all / sum).round() as i64
    }
}

/// x + Σ x^(2^k) · 2^(k−1), for the registers that saw nothing; x below 1.
fn sigma(mut x: f64) -> f64 {
    let (mut sum, mut factor) = (x, 1.0);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// ⅓ · (1 − x − Σ (1 − x^(2^−k))² · 2^−k), for the registers that are full.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut sum, mut factor) = (1.0 - x, 1.0);
    loop {
        x = x.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(values: impl IntoIterator<Item = u64>) -> Distinct {
        let mut sketch = Distinct::default();
        values.into_iter().for_each(|value| sketch.add(&value.to_le_bytes()));
        sketch
    }

    #[test]
    fn nothing_and_one() {
        assert_eq!(Distinct::default().estimate(), 0);
        assert_eq!(sketch([7, 7, 7]).estimate(), 1);
        assert_eq!(sketch([7]).numbers().len(), 1);
        for wrong in [&[-1][..], &[0], &[64 + 54], &[65, 66], &[1 << 30]] {
            assert!(Distinct::from_numbers(wrong).is_err(), "{wrong:?}");
        }
        // A hash whose tail is all zeros is one rank above the longest run.
        assert_eq!(Distinct::from_numbers(&[53]).unwrap().len(), 1);
    }

    /// 200 sketches at each count: the errors have mean 0 and the theory's spread, 1.04 ÷ √4096,
    /// where registers are many values' and less where they are few's.
    #[test]
    fn the_error_is_what_the_theory_says() {
        for (count, spread) in [(10u64, 0.012), (100, 0.012), (1_000, 0.012), (40_000, 0.0163)] {
            let mut errors = vec![];
            for trial in 0..200u64 {
                let values = (0..count).map(|value| value + trial * 1_000_000);
                errors.push(sketch(values).estimate() as f64 / count as f64 - 1.0);
            }
            let mean = errors.iter().sum::<f64>() / 200.0;
            let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / 200.0).sqrt();
            // Three standard errors of a mean, and of a deviation, of 200; the estimate is rounded.
            let rounded = 0.5 / count as f64;
            assert!(mean.abs() < 3.0 * spread / 200f64.sqrt() + rounded, "{count}: mean {mean}");
            assert!(deviation < spread * 1.15 + 0.005, "{count}: deviation {deviation}");
        }
    }

    #[test]
    fn a_million_is_within_three_standard_errors() {
        let estimate = sketch(0..1_000_000).estimate() as f64;
        assert!((estimate / 1e6 - 1.0).abs() < 3.0 * 0.01625, "{estimate}");
    }

    proptest! {
        #[test]
        fn order_repeats_and_parts_change_nothing(
            values in prop::collection::vec(0u64..500, 0..300), cut in 0usize..300,
        ) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = Distinct::from_numbers(&sketch(right.iter().copied()).numbers()).unwrap();
            merged.merge(&sketch(left.iter().rev().copied()));
            merged.merge(&sketch(left.iter().copied()));
            prop_assert_eq!(merged.numbers(), sketch(values).numbers());
        }
    }
}
