//! How long until something happens, when for some it has not happened yet: the Kaplan–Meier
//! estimator over counted durations.
//!
//! The durations are counted by their value, and the counts of two groups add up to those of both:
//! what a table keeps of them is mergeable. Rounding the duration (to days, to minutes) before it
//! gets here is what keeps that small.

use std::collections::BTreeMap;

use super::statistics::{Interval, exponential, natural_logarithm};

/// A share that rounding alone took off its mark counts as being on it.
const TOLERANCE: f64 = 1e-12;

/// Durations: how many ended at each value, and how many were last seen then, not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    counts: BTreeMap<i64, Counted>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    ended: u64,
    censored: u64,
}

/// The curve after the ends at one duration.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    duration: i64,
    /// Share that lasts longer than the duration.
    survival: f64,
    /// Greenwood's sum: Σ ended ÷ (at risk · (at risk − ended)).
    greenwood: f64,
}

impl Durations {
    /// Takes in one duration of 0 or more; `is_observed` where it ended, else it lasts at least
    /// that long (censored).
    ///
    /// Errors: what is wrong, for a negative duration.
    pub fn add(&mut self, duration: i64, is_observed: bool) -> Result<(), String> {
        if duration < 0 {
            return Err(format!("a duration of {duration} ends before it begins"));
        }
        let counted = self.counts.entry(duration).or_default();
        match is_observed {
            true => counted.ended += 1,
            false => counted.censored += 1,
        }
        Ok(())
    }

    /// Takes in all durations of `other`.
    pub fn merge(&mut self, other: &Durations) {
        for (duration, more) in &other.counts {
            let counted = self.counts.entry(*duration).or_default();
            counted.ended = counted.ended.saturating_add(more.ended);
            counted.censored = counted.censored.saturating_add(more.censored);
        }
    }

    /// The counts as a table keeps them: duration, ended, censored, and so on by duration.
    pub fn numbers(&self) -> Vec<i64> {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let rows = self.counts.iter();
        rows.flat_map(|(duration, counted)| {
            [*duration, whole(counted.ended), whole(counted.censored)]
        })
        .collect()
    }

    /// The durations of [`Durations::numbers`].
    ///
    /// Errors: what is wrong with numbers that are none of those.
    pub fn from_numbers(numbers: &[i64]) -> Result<Durations, String> {
        let wrong = || "these are no counted durations of kaplan_meier()".to_string();
        let mut counts = BTreeMap::new();
        let (rows, rest) = numbers.as_chunks::<3>();
        for [duration, ended, censored] in rows {
            let ended = u64::try_from(*ended).map_err(|_| wrong())?;
            let censored = u64::try_from(*censored).map_err(|_| wrong())?;
            let is_new = counts.insert(*duration, Counted { ended, censored }).is_none();
            if *duration < 0 || !is_new {
                return Err(wrong());
            }
        }
        if rest.is_empty() { Ok(Durations { counts }) } else { Err(wrong()) }
    }

    /// Different durations.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The Kaplan–Meier curve: a step for each duration at which something ended.
    ///
    /// Of those that end and those that are censored at the same duration, the censored were still
    /// at risk. Between two censored ones the product of shares is one fraction: without censored
    /// ones the curve is the plain share, to the last bit.
    /// Source: E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations",
    /// JASA 53 (1958), 457–481; M. Greenwood, "The natural duration of cancer" (1926).
    fn curve(&self) -> Vec<Step> {
        let counts = self.counts.values();
        let mut at_risk: u64 = counts.map(|counted| counted.ended + counted.censored).sum();
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let (mut share_then, mut at_risk_then) = (1.0, at_risk as f64);
        let mut steps = vec![];
        for (duration, Counted { ended, censored }) in &self.counts {
            if *ended > 0 {
                let (n, left) = (at_risk as f64, (at_risk - ended) as f64);
                survival = share_then * (left / at_risk_then);
                greenwood += *ended as f64 / (n * left);
                steps.push(Step { duration: *duration, survival, greenwood });
            }
            at_risk -= ended + censored;
            if *censored > 0 {
                (share_then, at_risk_then) = (survival, at_risk as f64);
            }
        }
        steps
    }

    /// The step that holds at a duration; none where nothing is known of it: beyond the longest
    /// duration while some last longer.
    fn step_at(&self, at: i64) -> Option<Step> {
        let longest = *self.counts.keys().next_back()?;
        let before = Step { duration: 0, survival: 1.0, greenwood: 0.0 };
        let steps = self.curve();
        let place = steps.partition_point(|step| step.duration <= at);
        let step = place.checked_sub(1).map_or(before, |last| steps[last]);
        (at <= longest || step.survival == 0.0).then_some(step)
    }

    /// Share that lasts longer than `at`; none where there are no durations, or none that long
    /// while some last longer.
    pub fn survival(&self, at: i64) -> Option<f64> {
        self.step_at(at).map(|step| step.survival)
    }

    /// Greenwood's standard error of [`Durations::survival`]; none where that is 0 too, of which
    /// the formula says nothing.
    pub fn standard_error(&self, at: i64) -> Option<f64> {
        let step = self.step_at(at).filter(|step| step.survival > 0.0)?;
        Some(step.survival * step.greenwood.sqrt())
    }

    /// The interval of [`Durations::survival`] at the normal quantile `z`: Greenwood's error on
    /// the scale of log(−log survival), which keeps it within 0 and 1. None where the survival is
    /// 0, of which the formula says nothing; [1, 1] before the first end.
    ///
    /// Source: J. D. Kalbfleisch and R. L. Prentice, "The Statistical Analysis of Failure Time
    /// Data" (1980), 1.4; what lifelines shows and R's `survfit(conf.type = "log-log")`.
    pub fn interval(&self, at: i64, z: f64) -> Option<Interval> {
        interval(self.step_at(at)?, z)
    }

    /// The least duration within which at least `share` (0 to 1) have ended; none where that many
    /// have not. The median at a share of one half.
    pub fn quantile(&self, share: f64) -> Option<i64> {
        self.first(|step| Some(step.survival), share)
    }

    /// The interval of [`Durations::quantile`] at the normal quantile `z`: from where the lower
    /// end of the curve's interval falls that far to where its upper end does; none where it does
    /// not.
    ///
    /// Source: R. Brookmeyer and J. Crowley, "A confidence interval for the median survival time",
    /// Biometrics 38 (1982), 29–41.
    pub fn quantile_interval(&self, share: f64, z: f64) -> (Option<i64>, Option<i64>) {
        // At 0 the curve has no interval, and lies below every share.
        let end = |step: Step, end: fn(Interval) -> f64| match step.survival {
            0.0 => Some(0.0),
            _ => interval(step, z).map(end),
        };
        let lower = self.first(|step| end(step, |interval| interval.lower), share);
        let upper = self.first(|step| end(step, |interval| interval.upper), share);
        (lower, upper)
    }

    fn first(&self, height: impl Fn(Step) -> Option<f64>, share: f64) -> Option<i64> {
        let is_there =
            |step: &Step| height(*step).is_some_and(|height| height <= 1.0 - share + TOLERANCE);
        self.curve().into_iter().find(is_there).map(|step| step.duration)
    }
}

fn interval(step: Step, z: f64) -> Option<Interval> {
    let Step { survival, greenwood, .. } = step;
    if survival == 0.0 {
        return None;
    }
    if greenwood == 0.0 {
        return Some(Interval { lower: survival, upper: survival });
    }
    let logarithm = natural_logarithm(survival);
    let distance = z * greenwood.sqrt() / -logarithm;
    Some(Interval {
        lower: exponential(logarithm * exponential(distance)),
        upper: exponential(logarithm * exponential(-distance)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::statistics::Z_95;
    use super::*;

    const Z: f64 = 1.959_963_984_540_054;

    fn durations(rows: &[(i64, bool)]) -> Durations {
        let mut durations = Durations::default();
        for (duration, is_observed) in rows {
            durations.add(*duration, *is_observed).unwrap();
        }
        durations
    }

    /// Weeks of remission under 6-mercaptopurine: E. J. Freireich et al., Blood 21 (1963), as in
    /// Cox and Oakes, "Analysis of Survival Data" (1984), table 1.1.
    const LEUKAEMIA: [(i64, bool); 21] = [
        (6, true),
        (6, true),
        (6, true),
        (6, false),
        (7, true),
        (9, false),
        (10, true),
        (10, false),
        (11, false),
        (13, true),
        (16, true),
        (17, false),
        (19, false),
        (20, false),
        (22, true),
        (23, true),
        (25, false),
        (32, false),
        (32, false),
        (34, false),
        (35, false),
    ];

    /// Survival, and the interval that lifelines 0.30.3 (`KaplanMeierFitter.fit(T, E)`) and SAS
    /// (`proc lifetest`, the example's published output) show. Greenwood's errors: Kleinbaum and
    /// Klein, "Survival Analysis", chapter 2.
    #[test]
    fn the_curve_is_the_published_one() {
        let durations = durations(&LEUKAEMIA);
        for (at, survival, lower, upper, error) in [
            (6, 0.857_143, 0.619_718, 0.951_552, 0.0764),
            (7, 0.806_723, 0.563_147, 0.922_809, 0.0869),
            (9, 0.806_723, 0.563_147, 0.922_809, 0.0869),
            (10, 0.752_941, 0.503_200, 0.889_362, 0.0963),
            (13, 0.690_196, 0.431_610, 0.849_066, 0.1068),
            (16, 0.627_451, 0.367_511, 0.804_912, 0.1141),
            (22, 0.537_815, 0.267_779, 0.746_791, 0.1282),
            (23, 0.448_179, 0.188_052, 0.680_143, 0.1346),
            (35, 0.448_179, 0.188_052, 0.680_143, 0.1346),
        ] {
            assert!((durations.survival(at).unwrap() - survival).abs() < 5.1e-7, "{at}");
            let interval = durations.interval(at, Z).unwrap();
            assert!((interval.lower - lower).abs() < 5.1e-7, "{at} {interval:?}");
            assert!((interval.upper - upper).abs() < 5.1e-7, "{at} {interval:?}");
            assert!((durations.standard_error(at).unwrap() - error).abs() < 5.1e-5, "{at}");
        }
        assert_eq!(durations.quantile(0.5), Some(23));
        // R: survfit(Surv(time, status) ~ 1, conf.type = "log-log") shows 13 and NA.
        assert_eq!(durations.quantile_interval(0.5, Z), (Some(13), None));
        assert_eq!(durations.quantile(0.25), Some(13));
        assert_eq!(durations.quantile(0.6), None);
        // Nobody was seen longer, and some last longer.
        assert_eq!(durations.survival(36), None);
        assert_eq!(durations.survival(5), Some(1.0));
        assert_eq!(durations.interval(5, Z), Some(Interval { lower: 1.0, upper: 1.0 }));
    }

    /// lifelines' `load_waltons()`, its documentation's first example: the median is 56.
    #[test]
    fn waltons_flies_live_as_lifelines_says() {
        const ENDED: [(i64, u64); 32] = [
            (6, 1),
            (7, 1),
            (9, 3),
            (13, 3),
            (15, 2),
            (17, 1),
            (19, 3),
            (22, 4),
            (26, 5),
            (29, 5),
            (32, 1),
            (33, 3),
            (36, 2),
            (38, 2),
            (41, 7),
            (43, 1),
            (45, 9),
            (47, 1),
            (48, 8),
            (51, 3),
            (53, 7),
            (54, 2),
            (56, 18),
            (58, 4),
            (60, 15),
            (61, 9),
            (62, 2),
            (63, 9),
            (66, 3),
            (68, 9),
            (69, 12),
            (75, 1),
        ];
        const CENSORED: [(i64, u64); 6] = [(7, 1), (45, 1), (60, 1), (61, 2), (68, 1), (69, 1)];
        let mut flies = Durations::default();
        for (duration, count) in ENDED {
            (0..count).for_each(|_| flies.add(duration, true).unwrap());
        }
        for (duration, count) in CENSORED {
            (0..count).for_each(|_| flies.add(duration, false).unwrap());
        }
        assert_eq!(flies.quantile(0.5), Some(56));
        for (at, survival, lower, upper) in WALTONS {
            assert!((flies.survival(at).unwrap() - survival).abs() < 1e-12, "{at}");
            let interval = flies.interval(at, Z).unwrap();
            assert!((interval.lower - lower).abs() < 1e-10, "{at} {interval:?}");
            assert!((interval.upper - upper).abs() < 1e-10, "{at} {interval:?}");
        }
    }

    /// lifelines 0.30.3: `predict` and `confidence_interval_`.
    const WALTONS: [(i64, f64, f64, f64); 6] = [
        (6, 0.993_865_030_674_846_2, 0.957_253_659_109_065_8, 0.999_133_523_281_839_7),
        (22, 0.888_957_055_214_725_1, 0.829_546_731_904_323_8, 0.928_542_628_582_751_6),
        (33, 0.802_530_674_846_626, 0.732_496_108_893_635, 0.856_023_467_562_057_2),
        (56, 0.429_902_649_965_916_9, 0.352_689_004_819_364_2, 0.504_679_609_232_887_5),
        (60, 0.311_523_659_395_591_85, 0.241_659_493_551_395_02, 0.383_758_620_204_509_5),
        (69, 0.014_340_509_102_144_797, 0.002_854_077_704_164_473, 0.046_183_697_525_073_7),
    ];

    #[test]
    fn small_and_odd_samples() {
        let none = Durations::default();
        assert_eq!((none.survival(0), none.quantile(0.5)), (None, None));
        assert_eq!(none.quantile_interval(0.5, Z_95), (None, None));
        let censored = durations(&[(3, false), (5, false)]);
        assert_eq!((censored.survival(5), censored.survival(6)), (Some(1.0), None));
        assert_eq!(censored.quantile(0.5), None);
        let at_once = durations(&[(0, true), (0, false)]);
        assert_eq!((at_once.survival(0), at_once.quantile(0.5)), (Some(0.5), Some(0)));
        // All ended: after the last the share is 0 for ever, and has no interval.
        let all = durations(&[(1, true), (2, true)]);
        assert_eq!(
            (all.survival(1), all.survival(2), all.survival(9)),
            (Some(0.5), Some(0.0), Some(0.0))
        );
        assert_eq!((all.interval(2, Z), all.standard_error(2)), (None, None));
        assert_eq!(all.quantile(1.0), Some(2));
        assert!(Durations::default().add(-1, true).is_err());
        for wrong in [&[1, 2][..], &[1, -1, 0], &[-1, 0, 0], &[1, 0, 0, 1, 0, 0]] {
            assert!(Durations::from_numbers(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn without_censoring_it_is_the_plain_share(mut ends in prop::collection::vec(0i64..30, 1..80)) {
            let all = durations(&ends.iter().map(|end| (*end, true)).collect::<Vec<_>>());
            for at in 0..30 {
                let longer = ends.iter().filter(|end| **end > at).count();
                prop_assert_eq!(all.survival(at), Some(longer as f64 / ends.len() as f64));
            }
            ends.sort_unstable();
            let median = ends[ends.len().div_ceil(2) - 1];
            prop_assert_eq!(all.quantile(0.5), Some(median));
        }

        #[test]
        fn it_is_the_product_of_its_definition(rows in prop::collection::vec((0i64..20, any::<bool>()), 1..60)) {
            let all = durations(&rows);
            let mut share = 1.0;
            for at in 0..20 {
                let at_risk = rows.iter().filter(|(duration, _)| *duration >= at).count() as f64;
                let ended = rows.iter().filter(|row| **row == (at, true)).count() as f64;
                if at_risk == 0.0 {
                    break;
                }
                share *= 1.0 - ended / at_risk;
                prop_assert!((all.survival(at).unwrap() - share).abs() < 1e-12);
                if let Some(interval) = all.interval(at, Z_95) {
                    prop_assert!(0.0 <= interval.lower && interval.lower <= share + 1e-9);
                    prop_assert!(share <= interval.upper + 1e-9 && interval.upper <= 1.0);
                }
            }
        }

        #[test]
        fn parts_merge_to_the_whole(
            rows in prop::collection::vec((0i64..50, any::<bool>()), 0..60),
            cut in 0usize..60,
        ) {
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let (left, right) = (durations(left), durations(right));
            let mut merged = Durations::from_numbers(&right.numbers()).unwrap();
            merged.merge(&left);
            prop_assert_eq!(merged.numbers(), durations(&rows).numbers());
        }
    }
}
