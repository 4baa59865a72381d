//! Fits by maximum likelihood, with their standard errors. Knows nothing of what is fitted.

/// What fits best: the parameters, and what they are known by.
#[derive(Debug)]
pub struct Fit<const N: usize> {
    /// Where the log-likelihood is greatest.
    pub parameters: [f64; N],
    /// The log-likelihood there.
    pub log_likelihood: f64,
    /// The standard errors: of the inverse of the observed information.
    pub errors: [f64; N],
}

/// The parameters for which `log_likelihood` is greatest, looked for from zeros on. They are best
/// of the order of one, such as the logarithms of what is meant.
pub fn fit<const N: usize>(log_likelihood: impl Fn(&[f64; N]) -> f64) -> Fit<N> {
    let cost = |at: &[f64; N]| -log_likelihood(at);
    let mut best = [0.0; N];
    // A simplex that has become flat is unfolded again.
    for size in [1.0, 0.1] {
        best = least(&cost, best, size);
    }
    let covariance = inverse(information(&cost, &best));
    let errors = std::array::from_fn(|place| covariance[place][place].sqrt());
    Fit { parameters: best, log_likelihood: -cost(&best), errors }
}

/// Where `cost` is least. Source: Nelder and Mead, "A simplex method for function minimization",
/// The Computer Journal 7 (1965).
fn least<const N: usize>(cost: &impl Fn(&[f64; N]) -> f64, from: [f64; N], size: f64) -> [f64; N] {
    let mut simplex = vec![(cost(&from), from)];
    for place in 0..N {
        let mut corner = from;
        corner[place] += size;
        simplex.push((cost(&corner), corner));
    }
    for _ in 0..2_000 {
        simplex.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (lowest, best) = simplex[0];
        let (highest, worst) = simplex[N];
        let is_small = (0..N).all(|place| (worst[place] - best[place]).abs() < 1e-4);
        if is_small && highest - lowest < 1e-4 {
            break;
        }
        let middle: [f64; N] = std::array::from_fn(|place| {
            simplex[..N].iter().map(|(_, corner)| corner[place]).sum::<f64>() / N as f64
        });
        let beyond = |factor: f64| {
            let at = std::array::from_fn(|place| {
                middle[place] + factor * (middle[place] - worst[place])
            });
            (cost(&at), at)
        };
        let reflected = beyond(1.0);
        let next = if reflected.0 < lowest {
            let expanded = beyond(2.0);
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < simplex[N - 1].0 {
            reflected
        } else {
            let contracted = beyond(if reflected.0 < highest { 0.5 } else { -0.5 });
            if contracted.0 >= highest.min(reflected.0) {
                for (value, corner) in &mut simplex[1..] {
                    *corner = std::array::from_fn(|place| (corner[place] + best[place]) / 2.0);
                    *value = cost(corner);
                }
                continue;
            }
            contracted
        };
        simplex[N] = next;
    }
    simplex.sort_by(|one, other| one.0.total_cmp(&other.0));
    simplex[0].1
}

/// The second derivatives of `cost`, by central differences.
fn information<const N: usize>(cost: &impl Fn(&[f64; N]) -> f64, at: &[f64; N]) -> [[f64; N]; N] {
    const STEP: f64 = 0.01;
    let moved = |one: usize, other: usize, signs: (f64, f64)| {
        let mut at = *at;
        at[one] += signs.0 * STEP;
        at[other] += signs.1 * STEP;
        cost(&at)
    };
    std::array::from_fn(|one| {
        std::array::from_fn(|other| {
            let alike = moved(one, other, (1.0, 1.0)) + moved(one, other, (-1.0, -1.0));
            let unlike = moved(one, other, (1.0, -1.0)) + moved(one, other, (-1.0, 1.0));
            (alike - unlike) / (4.0 * STEP * STEP)
        })
    })
}

/// The inverse, by Gauss and Jordan's elimination.
fn inverse<const N: usize>(mut matrix: [[f64; N]; N]) -> [[f64; N]; N] {
    let mut inverse =
        std::array::from_fn(|row| std::array::from_fn(|column| f64::from(row == column)));
    for place in 0..N {
        let pivots = (place..N)
            .max_by(|one, other| matrix[*one][place].abs().total_cmp(&matrix[*other][place].abs()));
        let pivot = pivots.unwrap();
        matrix.swap(place, pivot);
        inverse.swap(place, pivot);
        let divisor = matrix[place][place];
        matrix[place].iter_mut().chain(&mut inverse[place]).for_each(|value| *value /= divisor);
        let (row, inverse_row) = (matrix[place], inverse[place]);
        for other in (0..N).filter(|other| *other != place) {
            let factor = matrix[other][place];
            let rows = [(&mut matrix[other], &row), (&mut inverse[other], &inverse_row)];
            for (cells, row) in rows {
                cells.iter_mut().zip(row).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
    }
    inverse
}

/// A normal sample's mean and deviation come out with the errors that textbooks give.
#[test]
fn a_fit_finds_what_is_known_in_closed_form() {
    let sample: Vec<f64> = (0..200).map(|n| f64::from(n * n % 31) / 10.0).collect();
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let deviation = (sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let fit = fit(|[mean, log_deviation]| {
        let of = |x: &f64| -log_deviation - ((x - mean) / log_deviation.exp()).powi(2) / 2.0;
        sample.iter().map(of).sum()
    });
    let expected = [
        (fit.parameters[0], mean),
        (fit.parameters[1], deviation.ln()),
        (fit.errors[0], deviation / n.sqrt()),
        (fit.errors[1], (1.0 / (2.0 * n)).sqrt()),
    ];
    for (found, expected) in expected {
        assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
    }
}
