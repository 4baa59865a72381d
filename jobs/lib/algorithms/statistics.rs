//! Intervals and standard errors of the figures in the metric tables. Only additions, products,
//! quotients and square roots, which IEEE 754 defines to the last bit: the same counts give the
//! same figure on every machine. Logarithms and powers, which machines' own libraries round as they
//! like, are made of those too.

/// The quantile of the standard normal distribution that leaves 2.5 % on each side, as metric
/// tables round it.
pub const Z_95: f64 = 1.96;

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// Wilson's score interval of a share: `successes` of `n`, both counts, at the normal quantile
/// `z` ([`Z_95`] for 95 %). Shares between 0 and 1; `None` where `n` is 0, where there are more
/// successes than trials, or where `z` is negative or not finite.
///
/// Unlike the textbook interval it stays inside [0, 1] and holds its level for small `n` and for
/// shares near 0 and 1.
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 22 (1927), 209–212.
pub fn wilson_interval(successes: u64, n: u64, z: f64) -> Option<Interval> {
    if n == 0 || successes > n || !z.is_finite() || z < 0.0 {
        return None;
    }
    // Counts above 2^53 would lose their last digits, which no interval shows.
    let (count, n) = (successes as f64, n as f64);
    let share = count / n;
    let z_squared = z * z;
    let centre = share + z_squared / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z_squared / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z_squared / n;
    Some(Interval {
        // At the ends the exact bound is the end itself, which rounding would just miss.
        lower: if count == 0.0 { 0.0 } else { ((centre - spread) / scale).clamp(0.0, 1.0) },
        upper: if count == n { 1.0 } else { ((centre + spread) / scale).clamp(0.0, 1.0) },
    })
}

/// The Net Promoter Score and its standard error, both in points (−100 to 100).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetPromoterScore {
    /// 100 · (promoters − detractors) ÷ answers.
    pub score: f64,
    /// 100 · √((p + d − (p − d)²) ÷ n), with p and d the shares of promoters and detractors: the
    /// standard error of the mean of answers that count 1, 0 and −1.
    pub standard_error: f64,
}

impl NetPromoterScore {
    /// The interval of `z` standard errors either side, cut to [−100, 100].
    pub fn interval(self, z: f64) -> Interval {
        Interval {
            lower: (self.score - z * self.standard_error).max(-100.0),
            upper: (self.score + z * self.standard_error).min(100.0),
        }
    }
}

/// The Net Promoter Score of counted answers; `None` where there are none.
///
/// The standard error is 0 where all answers are of one kind: that is a small sample speaking,
/// so show it only above a minimum n.
pub fn net_promoter_score(
    promoters: u64,
    passives: u64,
    detractors: u64,
) -> Option<NetPromoterScore> {
    let (promoters, detractors) = (i128::from(promoters), i128::from(detractors));
    let n = promoters + i128::from(passives) + detractors;
    if n == 0 {
        return None;
    }
    let balance = promoters - detractors;
    // n²·(p + d − (p − d)²), in whole numbers: it cannot turn out negative by rounding.
    let variance_times_n_squared = n * (promoters + detractors) - balance * balance;
    let n = n as f64;
    Some(NetPromoterScore {
        score: 100.0 * (balance as f64) / n,
        standard_error: 100.0 * (variance_times_n_squared as f64).sqrt() / n / n.sqrt(),
    })
}

/// The natural logarithm of a number above 0, to about the last two bits; NaN of others.
pub fn natural_logarithm(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || !x.is_finite() {
        return if x == f64::INFINITY { x } else { f64::NAN };
    }
    // Numbers below 2^-1022 have no exponent of their own.
    let (x, scale) =
        if x < f64::MIN_POSITIVE { (x * 18_446_744_073_709_551_616.0, -64.0) } else { (x, 0.0) };
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as f64 - 1023.0 + scale;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2·artanh((m − 1) ÷ (m + 1)), whose series is short near 1.
    let part = (mantissa - 1.0) / (mantissa + 1.0);
    let square = part * part;
    let mut sum = 0.0;
    for term in (0..12u32).rev() {
        sum = sum * square + 1.0 / f64::from(2 * term + 1);
    }
    exponent * LN_2_LOW + 2.0 * part * sum + exponent * LN_2_HIGH
}

/// e to the power of `x`, to about the last two bits; 0 below -700, infinite above 700.
pub fn exponential(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 700.0 {
        return if x < 0.0 { 0.0 } else { x + f64::INFINITY };
    }
    let halvings = (x * std::f64::consts::LOG2_E).round();
    let rest = x - halvings * LN_2_HIGH - halvings * LN_2_LOW;
    let mut sum = 1.0;
    for term in (1..=16u32).rev() {
        sum = 1.0 + sum * rest / f64::from(term);
    }
    // |x| ≤ 700 keeps the exponent between -1011 and 1011.
    sum * f64::from_bits(((halvings as i64 + 1023) as u64) << 52)
}

/// ln 2 in two parts: products of the first with whole numbers below 2^20 are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
    /// Medicine 17 (1998), table I, method 3.
    #[test]
    fn wilson_agrees_with_newcombes_table() {
        let cases = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (successes, n, lower, upper) in cases {
            let interval = wilson_interval(successes, n, 1.959_963_984_540_054).unwrap();
            assert!((interval.lower - lower).abs() < 0.000_051, "{successes}/{n}: {interval:?}");
            assert!((interval.upper - upper).abs() < 0.000_051, "{successes}/{n}: {interval:?}");
        }
        assert_eq!(wilson_interval(0, 0, Z_95), None);
        assert_eq!(wilson_interval(3, 2, Z_95), None);
        assert_eq!(wilson_interval(1, 2, f64::NAN), None);
        assert_eq!(wilson_interval(1, 2, 0.0), Some(Interval { lower: 0.5, upper: 0.5 }));
    }

    /// statsmodels 0.15.0: `proportion_confint(successes, n, alpha, method="wilson")`.
    #[test]
    fn wilson_agrees_with_statsmodels() {
        const Z_90: f64 = 1.644_853_626_951_472_2;
        const Z_95: f64 = 1.959_963_984_540_054;
        const Z_99: f64 = 2.575_829_303_548_901;
        for (successes, n, z, lower, upper) in [
            (0, 20, Z_95, 0.0, 0.161_125_158_052_819_4),
            (1, 29, Z_95, 0.006_113_214_292_762_667, 0.171_755_218_793_202_94),
            (15, 148, Z_95, 0.062_386_399_530_736_28, 0.160_487_241_723_303_1),
            (81, 263, Z_95, 0.255_288_519_878_274_2, 0.366_209_576_982_800_04),
            (5, 10, Z_95, 0.236_593_090_512_563_94, 0.763_406_909_487_436_1),
            (20, 20, Z_95, 0.838_874_841_947_180_6, 1.0),
            (1, 10, Z_99, 0.011_851_503_411_032_971, 0.507_231_771_232_893_5),
            (95, 100, Z_90, 0.900_838_914_720_947_1, 0.975_452_636_574_195_9),
        ] {
            let interval = wilson_interval(successes, n, z).unwrap();
            assert!((interval.lower - lower).abs() < 1e-14, "{successes}/{n}: {interval:?}");
            assert!((interval.upper - upper).abs() < 1e-14, "{successes}/{n}: {interval:?}");
        }
    }

    #[test]
    fn logarithms_and_powers_at_the_ends() {
        assert_eq!((natural_logarithm(1.0), exponential(0.0)), (0.0, 1.0));
        assert_eq!((exponential(-1e9), exponential(1e9)), (0.0, f64::INFINITY));
        assert!(natural_logarithm(0.0).is_nan() && natural_logarithm(-1.0).is_nan());
        assert!(exponential(f64::NAN).is_nan());
        assert!((natural_logarithm(5e-324) - 5e-324f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn nps_has_the_standard_error_of_its_definition() {
        // Half promoters, a sixth detractors, n = 100: 33.3 ± 7.45, the error of a mean of answers
        // that count 1, 0 and −1 (the variance of a trinomial: p + d − (p − d)²). Counts are whole,
        // so take 600 answers, whose error is smaller by √6.
        let nps = net_promoter_score(300, 200, 100).unwrap();
        assert!((nps.score - 33.333_333).abs() < 1e-6);
        assert!((nps.standard_error * 6f64.sqrt() - 7.453_56).abs() < 1e-5);
        // The nearest with whole counts of 100 round to the same.
        let nearest = net_promoter_score(50, 33, 17).unwrap();
        assert!((nearest.score - 33.0).abs() < 1e-12);
        assert!((nearest.standard_error - 7.490_66).abs() < 1e-5);
        let interval = nps.interval(Z_95);
        assert!(interval.lower < nps.score && nps.score < interval.upper);

        assert_eq!(net_promoter_score(0, 0, 0), None);
        let all = net_promoter_score(5, 0, 0).unwrap();
        assert_eq!((all.score, all.standard_error), (100.0, 0.0));
    }

    proptest! {
        #[test]
        fn wilson_holds_the_share_and_mirrors(n in 1u64..100_000, part in 0.0f64..=1.0, z in 0.0f64..5.0) {
            let successes = (part * n as f64) as u64;
            let share = successes as f64 / n as f64;
            let interval = wilson_interval(successes, n, z).unwrap();
            prop_assert!(0.0 <= interval.lower && interval.upper <= 1.0);
            prop_assert!(interval.lower <= share + 1e-12 && share <= interval.upper + 1e-12);
            let mirrored = wilson_interval(n - successes, n, z).unwrap();
            prop_assert!((interval.lower - (1.0 - mirrored.upper)).abs() < 1e-9);
        }

        #[test]
        fn logarithms_and_powers_are_those_of_the_machine(x in -690.0f64..690.0, y in 1e-300f64..1e300) {
            let close = |ours: f64, theirs: f64| (ours - theirs).abs() <= theirs.abs() * 4e-15;
            prop_assert!(close(exponential(x), x.exp()), "{x}");
            for number in [y, x.abs() + 1e-9, 1.0 + x * 1e-6, 1.0 / y] {
                let (ours, theirs) = (natural_logarithm(number), number.ln());
                prop_assert!((ours - theirs).abs() <= theirs.abs() * 4e-15 + 1e-18, "{number}");
            }
        }

        #[test]
        fn nps_agrees_with_the_mean_of_single_answers(p in 0u64..50, q in 0u64..50, d in 0u64..50) {
            prop_assume!(p + q + d > 0);
            let answers: Vec<f64> = std::iter::repeat_n(1.0, p as usize)
                .chain(std::iter::repeat_n(0.0, q as usize))
                .chain(std::iter::repeat_n(-1.0, d as usize))
                .collect();
            let n = answers.len() as f64;
            let mean = answers.iter().sum::<f64>() / n;
            let variance = answers.iter().map(|answer| (answer - mean).powi(2)).sum::<f64>() / n;
            let nps = net_promoter_score(p, q, d).unwrap();
            prop_assert!((nps.score - 100.0 * mean).abs() < 1e-9);
            prop_assert!((nps.standard_error - 100.0 * (variance / n).sqrt()).abs() < 1e-6);
        }
    }
}
