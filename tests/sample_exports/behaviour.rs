//! What customers buy, and for how much, is what the stated models say: who fits the models to the
//! purchases finds the parameters that the truth states.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::fitting::{Fit, fit};
use super::{Sample, read, text};

/// A customer's history, as BG/NBD counts it, in days, and gamma-gamma, in pounds.
#[derive(Debug, Clone, Copy)]
struct History {
    /// x: purchases after the first.
    repeats: usize,
    /// t_x: from the first purchase to the last.
    recency: f64,
    /// T: from the first purchase to the end.
    age: f64,
    /// The mean value of all purchases.
    mean: f64,
}

const DAY: f64 = 86_400e6;

/// Of how many persons: the more, the smaller the errors.
const PERSONS: usize = 10_000;

fn instants(batch: &RecordBatch, column: &str) -> Vec<f64> {
    let times = batch.column_by_name(column).unwrap();
    times.as_primitive::<TimestampMicrosecondType>().values().iter().map(|at| *at as f64).collect()
}

fn numbers<'a>(batch: &'a RecordBatch, column: &str) -> &'a [i64] {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().values()
}

/// Everybody's history up to `end`, microseconds. Purchases that a campaign brought are not the
/// model's.
fn histories(sample: &Sample, end: f64) -> Vec<History> {
    let mut acquired = vec![0.0; PERSONS];
    for batch in sample.truth("persons") {
        for (person, at) in numbers(&batch, "person").iter().zip(instants(&batch, "acquired_at")) {
            acquired[*person as usize] = at;
        }
    }
    let mut purchases: Vec<Vec<(f64, f64)>> = vec![vec![]; PERSONS];
    for batch in sample.truth("purchases") {
        let campaigns = batch.column_by_name("campaign").unwrap();
        let at = instants(&batch, "at");
        for row in (0..batch.num_rows()).filter(|row| campaigns.is_null(*row)) {
            let pounds = numbers(&batch, "amount_pence")[row] as f64 / 100.0;
            purchases[numbers(&batch, "person")[row] as usize].push((at[row], pounds));
        }
    }
    let history = |(acquired, purchases): (f64, Vec<(f64, f64)>)| {
        let last = purchases.iter().map(|(at, _)| *at).fold(acquired, f64::max);
        let repeats = purchases.len() - 1;
        let total: f64 = purchases.iter().map(|(_, pounds)| pounds).sum();
        History {
            repeats,
            recency: if repeats == 0 { 0.0 } else { (last - acquired) / DAY },
            age: (end - acquired) / DAY,
            mean: total / purchases.len() as f64,
        }
    };
    acquired.into_iter().zip(purchases).map(history).collect()
}

/// Ratios of gamma and beta functions for every number of repeats there is.
struct Ratios {
    /// ln Γ(r + x) ÷ Γ(r)
    rate: Vec<f64>,
    /// ln B(a, b + x) ÷ B(a, b)
    stays: Vec<f64>,
    /// ln B(a + 1, b + x − 1) ÷ B(a, b); of no repeats there is none.
    leaves: Vec<f64>,
}

impl Ratios {
    fn of([r, _, a, b]: [f64; 4], most: usize) -> Ratios {
        let mut ratios =
            Ratios { rate: vec![0.0], stays: vec![0.0], leaves: vec![f64::NEG_INFINITY] };
        for x in 0..most {
            let n = x as f64;
            let stays = ratios.stays[x];
            ratios.leaves.push(stays + (a / (a + b + n)).ln());
            ratios.stays.push(stays + ((b + n) / (a + b + n)).ln());
            ratios.rate.push(ratios.rate[x] + (r + n).ln());
        }
        ratios
    }
}

fn most_repeats(histories: &[History]) -> usize {
    histories.iter().map(|it| it.repeats).max().unwrap()
}

/// Source: Fader, Hardie and Lee, "Counting your customers the easy way" (2005), equation 6, summed
/// over customers.
fn bg_nbd(parameters: [f64; 4], histories: &[History]) -> f64 {
    let [r, alpha, ..] = parameters;
    let ratios = Ratios::of(parameters, most_repeats(histories));
    let of = |it: &History| {
        let shape = r + it.repeats as f64;
        let stays = ratios.stays[it.repeats] - shape * (alpha + it.age).ln();
        let either = if it.repeats == 0 {
            stays
        } else {
            let left = ratios.leaves[it.repeats] - shape * (alpha + it.recency).ln();
            let most = stays.max(left);
            most + ((stays - most).exp() + (left - most).exp()).ln()
        };
        ratios.rate[it.repeats] + r * alpha.ln() + either
    };
    histories.iter().map(of).sum()
}

/// How many of the customers the model lets have 0, 1, … repeats, and as many as `bins` or more.
/// Source: as above, equation 8.
fn expected_repeats(parameters: [f64; 4], histories: &[History], bins: usize) -> Vec<f64> {
    let [r, alpha, ..] = parameters;
    let ratios = Ratios::of(parameters, bins);
    let mut expected = vec![0.0; bins];
    for age in histories.iter().map(|it| it.age) {
        let share = age / (alpha + age);
        // P(N = x) of the negative binomial, term by term.
        let mut term = (alpha / (alpha + age)).powf(r);
        let mut fewer = 0.0;
        for (x, expected) in expected.iter_mut().enumerate() {
            let left = ratios.leaves[x].exp() * (1.0 - fewer);
            *expected += ratios.stays[x].exp() * term + left;
            fewer += term;
            term *= share * (r + x as f64) / (x as f64 + 1.0);
        }
    }
    let rest = histories.len() as f64 - expected.iter().sum::<f64>();
    expected.push(rest);
    expected
}

/// ln Γ(x) for x above 0: Stirling's series from 10 on, where five terms leave 1e-14, and the
/// recurrence below. Source: NIST Digital Library of Mathematical Functions, 5.5.1 and 5.11.1.
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let square = x * x;
    let series = 1.0 / 12.0
        - (1.0 / 360.0
            - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square) / square)
            / square;
    (x - 0.5) * x.ln() - x + std::f64::consts::TAU.ln() / 2.0 + series / x - product.ln()
}

/// Source: Fader and Hardie, "The gamma-gamma model of monetary value" (2013), equation 1a, summed
/// over customers.
fn gamma_gamma([p, q, gamma]: [f64; 3], histories: &[History]) -> f64 {
    let betas: Vec<f64> = (0..=most_repeats(histories))
        .map(|repeats| {
            let shape = p * (repeats as f64 + 1.0);
            ln_gamma(shape + q) - ln_gamma(shape) - ln_gamma(q)
        })
        .collect();
    let of = |it: &History| {
        let count = it.repeats as f64 + 1.0;
        let (shape, total) = (p * count, count * it.mean);
        let sum = (gamma + total).ln();
        betas[it.repeats] - it.mean.ln() + q * (gamma.ln() - sum) + shape * (total.ln() - sum)
    };
    histories.iter().map(of).sum()
}

/// Panics where a stated parameter is further from the fitted one than four standard errors, or all
/// of them together fit worse than in one of ten thousand companies; or where a fit says so little
/// that neither could be seen. `log_errors`: the most that each may be in doubt by, in logarithms.
fn hold<const N: usize>(
    names: [&str; N],
    stated: [f64; N],
    log_errors: [f64; N],
    most: f64,
    log_likelihood: impl Fn([f64; N]) -> f64,
) {
    let Fit { parameters, log_likelihood: best, errors } =
        fit(|logs: &[f64; N]| log_likelihood(logs.map(f64::exp)));
    for (place, name) in names.into_iter().enumerate() {
        let (found, error) = (parameters[place], errors[place]);
        let shown = format!("{name}: {}, stated {} ± {error} of it", found.exp(), stated[place]);
        assert!(error < log_errors[place], "{shown}");
        assert!((found - stated[place].ln()).abs() < 4.0 * error, "{shown}");
    }
    // Wilks: twice the difference is chi-squared, with as many degrees as there are parameters.
    let ratio = 2.0 * (best - log_likelihood(stated));
    assert!((0.0..most).contains(&ratio), "{names:?}: {ratio}");
}

#[test]
fn purchases_and_spend_fit_the_stated_models() {
    let sample = Sample::new();
    let customers = PERSONS.to_string();
    let result = sample.run("2024-03-05", &customers, &["--dirt", "none"]).expect(0);
    assert_eq!(result["customers"], PERSONS);
    let models = read(&sample.path("exports-truth/models.parquet"));
    let mut stated: BTreeMap<(String, String), f64> = BTreeMap::new();
    for batch in &models {
        let values = batch.column_by_name("value").unwrap().as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let name = (text(batch, "model", row), text(batch, "parameter", row));
            stated.insert(name, values.value(row));
        }
    }
    let of = |model: &str, name: &str| stated[&(model.to_string(), name.to_string())];
    // Midnight of 2024-03-05 in London, which is UTC's.
    let histories = histories(&sample, 19_787.0 * DAY);

    let names = ["r", "alpha", "a", "b"];
    let parameters = names.map(|name| of("bg_nbd", name));
    // Chi-squared of one in ten thousand: 23.51 of four degrees, 21.11 of three, 52.39 of 20.
    let doubts = [0.03, 0.03, 0.12, 0.16];
    hold(names, parameters, doubts, 23.51, |it| bg_nbd(it, &histories));

    let bins = 20;
    let expected = expected_repeats(parameters, &histories, bins);
    let mut counted = vec![0.0; bins + 1];
    histories.iter().for_each(|it| counted[it.repeats.min(bins)] += 1.0);
    assert!(expected.iter().all(|expected| *expected > 10.0), "{expected:?}");
    // Customers differ in age, which makes the statistic smaller, never greater.
    let squares = counted.iter().zip(&expected).map(|(n, e): (&f64, _)| (n - e).powi(2) / e);
    let statistic: f64 = squares.sum();
    assert!(statistic < 52.39, "{statistic}: {counted:?}, expected {expected:?}");

    let names = ["p", "q", "gamma"];
    let parameters = names.map(|name| of("gamma_gamma", name));
    hold(names, parameters, [0.10, 0.03, 0.12], 21.11, |it| gamma_gamma(it, &histories));

    // What somebody spends says nothing of how often they buy.
    let of_repeats = |it: &History| it.repeats as f64;
    let correlation = correlation(&histories, of_repeats, |it| it.mean);
    assert!(correlation.abs() < 4.0 / (PERSONS as f64).sqrt(), "{correlation}");
}

fn correlation<T>(rows: &[T], one: impl Fn(&T) -> f64, other: impl Fn(&T) -> f64) -> f64 {
    let n = rows.len() as f64;
    let mean = |of: &dyn Fn(&T) -> f64| rows.iter().map(of).sum::<f64>() / n;
    let (first, second) = (mean(&one), mean(&other));
    let product = mean(&|row| (one(row) - first) * (other(row) - second));
    let squares = |of: &dyn Fn(&T) -> f64, mean: f64| {
        rows.iter().map(|row| (of(row) - mean).powi(2)).sum::<f64>() / n
    };
    product / (squares(&one, first) * squares(&other, second)).sqrt()
}

/// What is known of gamma functions, and of shares and likelihoods whatever the parameters.
#[test]
fn likelihoods_and_shares_agree() {
    // Γ(½) = √π, Γ(10) = 9!, and Γ(x + 1) = x Γ(x).
    for (x, expected) in [(0.5, std::f64::consts::PI.sqrt()), (10.0, 362_880.0), (1.0, 1.0)] {
        assert!((ln_gamma(x) - f64::ln(expected)).abs() < 1e-12, "{x}");
    }
    assert!((ln_gamma(3.74 + 1.0) - ln_gamma(3.74) - 3.74_f64.ln()).abs() < 1e-12);
    // All that can happen sums to one.
    let history = History { repeats: 0, recency: 0.0, age: 39.0, mean: 1.0 };
    // Those of the paper's own customers, in weeks.
    let cdnow = [0.243, 4.414, 0.793, 2.426];
    let shares = expected_repeats(cdnow, &[history], 400);
    assert!((shares[400]).abs() < 1e-6, "{}", shares[400]);
    // Of nobody who bought but once is the likelihood anything but the share of no repeats.
    assert!((bg_nbd(cdnow, &[history]).exp() - shares[0]).abs() < 1e-12);
}
