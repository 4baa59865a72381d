//! Intervals and standard errors of the figures in the metric tables. Only additions, products,
//! quotients and square roots, which IEEE 754 defines to the last bit: the same counts give the
//! same figure on every machine.

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

    #[test]
    fn nps_has_the_standard_error_of_its_definition() {
        // Half promoters, a sixth detractors, n = 100: 33.3 ± 7.45. Counts are whole, so take
        // 600 answers, whose error is smaller by √6.
        let nps = net_promoter_score(300, 200, 100).unwrap();
        assert!((nps.score - 33.333_333).abs() < 1e-6);
        assert!((nps.standard_error * 6f64.sqrt() - 7.453_56).abs() < 1e-5);
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
