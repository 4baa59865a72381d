//! How long until something happens, where for some it has not yet.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::AggregateUDF;

use super::aggregates::{AggregateDeclaration, Gathered, Merged, aggregate};
use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter};
use crate::algorithms::statistics::Z_95;
use crate::algorithms::survival::Durations;

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![aggregate::<Durations>(&KAPLAN_MEIER), aggregate::<Merged<Durations>>(&MERGE)]
}

const KAPLAN_MEIER: AggregateDeclaration = AggregateDeclaration {
    name: "kaplan_meier",
    parameters: &[
        Parameter {
            name: "duration",
            kind: Kind::Integer,
            meaning: "How long it lasted, or lasts already: 0 or more of a unit coarse enough to \
                count by (days, minutes). Null leaves the row out.",
        },
        Parameter {
            name: "is_observed",
            kind: Kind::Boolean,
            meaning: "Whether it ended then; false where it was only last seen then (censored). \
                Null leaves the row out.",
        },
    ],
    optional: 0,
    description: "Counts of durations, ended and censored, as mergeable state for the \
        kaplan_meier_… functions: duration, ended, censored, and so on.",
    example: "kaplan_meier(days_in_stage, has_left) -> [6, 3, 1, 7, 1, 0]",
};

const MERGE: AggregateDeclaration = AggregateDeclaration {
    name: "merge_kaplan_meier",
    parameters: &[STATE],
    optional: 0,
    description: "The state of kaplan_meier() of several rows as one.",
    example: "merge_kaplan_meier(duration_counts)",
};

impl Gathered for Durations {
    type Row<'a> = (i64, bool);
    type Item = i64;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let (durations, observed) = (arguments.integer(0)?, arguments.boolean(1)?);
        Ok(move |row| Ok(durations.get(row).zip(observed.get(row))))
    }

    fn add(&mut self, (duration, is_observed): (i64, bool)) -> Result<(), String> {
        Durations::add(self, duration, is_observed)
    }

    fn state(&self) -> Vec<i64> {
        self.numbers()
    }

    fn absorb(&mut self, state: &[i64]) -> Result<(), String> {
        self.merge(&Durations::from_numbers(state)?);
        Ok(())
    }

    fn len(&self) -> usize {
        Durations::len(self)
    }
}

const STATE: Parameter =
    Parameter { name: "state", kind: Kind::Integers, meaning: "What kaplan_meier() returned." };

const AT: Parameter =
    Parameter { name: "at", kind: Kind::Integer, meaning: "A duration, in the state's unit." };

const SHARE: Parameter =
    Parameter { name: "share", kind: Kind::Double, meaning: "0 to 1: 0.5 for the median." };

const Z: Parameter = Parameter {
    name: "z",
    kind: Kind::Double,
    meaning: "Quantile of the normal distribution: 1.96, where left out, for 95 %.",
};

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "kaplan_meier_survival",
        parameters: &[STATE, AT],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Kaplan and Meier's share that lasts longer than `at`. Null where there are \
            no durations, or nothing was seen that long while some last longer.",
        example: "kaplan_meier_survival(duration_counts, 30) -> 0.753",
        evaluate: |arguments| at(arguments, |durations, at, _| durations.survival(at)),
    },
    Declaration {
        name: "kaplan_meier_standard_error",
        parameters: &[STATE, AT],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Greenwood's standard error of that share; null where the share is 0 or null.",
        example: "kaplan_meier_standard_error(duration_counts, 30) -> 0.0963",
        evaluate: |arguments| at(arguments, |durations, at, _| durations.standard_error(at)),
    },
    Declaration {
        name: "kaplan_meier_lower",
        parameters: &[STATE, AT, Z],
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Lower end of that share's interval (Greenwood's, on the log-log scale); null \
            where the share is 0 or null.",
        example: "kaplan_meier_lower(duration_counts, 30) -> 0.503",
        evaluate: |arguments| {
            at(arguments, |durations, at, z| Some(durations.interval(at, z)?.lower))
        },
    },
    Declaration {
        name: "kaplan_meier_upper",
        parameters: &[STATE, AT, Z],
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Its upper end.",
        example: "kaplan_meier_upper(duration_counts, 30) -> 0.889",
        evaluate: |arguments| {
            at(arguments, |durations, at, z| Some(durations.interval(at, z)?.upper))
        },
    },
    Declaration {
        name: "kaplan_meier_median",
        parameters: &[STATE],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "The least duration within which half have ended, by Kaplan and Meier; null \
            where not half have.",
        example: "kaplan_meier_median(duration_counts) -> 23",
        evaluate: |arguments| {
            let states = States::new(arguments)?;
            let medians = (0..arguments.rows)
                .map(|row| Ok(states.get(row)?.and_then(|durations| durations.quantile(0.5))));
            Ok(Arc::new(medians.collect::<Result<Int64Array>>()?))
        },
    },
    Declaration {
        name: "kaplan_meier_quantile",
        parameters: &[STATE, SHARE],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "The least duration within which a share have ended; null where not that \
            many have.",
        example: "kaplan_meier_quantile(reply_minute_counts, 0.9) -> 480",
        evaluate: |arguments| quantile(arguments, |durations, share, _| durations.quantile(share)),
    },
    Declaration {
        name: "kaplan_meier_quantile_lower",
        parameters: &[STATE, SHARE, Z],
        optional: 1,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Lower end of that duration's interval (Brookmeyer and Crowley's); null where \
            there is none.",
        example: "kaplan_meier_quantile_lower(duration_counts, 0.5) -> 13",
        evaluate: |arguments| {
            quantile(arguments, |durations, share, z| durations.quantile_interval(share, z).0)
        },
    },
    Declaration {
        name: "kaplan_meier_quantile_upper",
        parameters: &[STATE, SHARE, Z],
        optional: 1,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Its upper end; null where there is none.",
        example: "kaplan_meier_quantile_upper(duration_counts, 0.5) -> null",
        evaluate: |arguments| {
            quantile(arguments, |durations, share, z| durations.quantile_interval(share, z).1)
        },
    },
];

/// The state of each row.
struct States<'a>(super::arguments::Column<'a, arrow::array::ListArray>);

impl<'a> States<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self> {
        arguments.list(0).map(States)
    }

    fn get(&self, row: usize) -> Result<Option<Durations>> {
        let Some(numbers) = self.0.numbers(row)? else { return Ok(None) };
        let durations = Durations::from_numbers(numbers);
        durations.map(Some).map_err(|what| exec_datafusion_err!("{what}"))
    }
}

fn at(arguments: &Arguments, tell: fn(&Durations, i64, f64) -> Option<f64>) -> Result<ArrayRef> {
    let (states, places) = (States::new(arguments)?, arguments.integer(1)?);
    let mut told = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let z = quantile_of_normal(arguments, 2, row)?;
        told.push(match (states.get(row)?, places.get(row), z) {
            (Some(durations), Some(at), Some(z)) => tell(&durations, at, z),
            _ => None,
        });
    }
    Ok(Arc::new(Float64Array::from(told)))
}

fn quantile(
    arguments: &Arguments,
    tell: fn(&Durations, f64, f64) -> Option<i64>,
) -> Result<ArrayRef> {
    let (states, shares) = (States::new(arguments)?, arguments.double(1)?);
    let mut told = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let z = quantile_of_normal(arguments, 2, row)?;
        told.push(match (states.get(row)?, share(shares.get(row))?, z) {
            (Some(durations), Some(share), Some(z)) => tell(&durations, share, z),
            _ => None,
        });
    }
    Ok(Arc::new(Int64Array::from(told)))
}

/// A share that is one.
pub(super) fn share(share: Option<f64>) -> Result<Option<f64>> {
    match share {
        Some(share) if !(0.0..=1.0).contains(&share) => {
            exec_err!("a quantile's share lies between 0 and 1, which {share} does not")
        }
        share => Ok(share),
    }
}

/// The argument `z` of a row, 1.96 where the call has none.
pub(super) fn quantile_of_normal(
    arguments: &Arguments,
    index: usize,
    row: usize,
) -> Result<Option<f64>> {
    if !arguments.has(index) {
        return Ok(Some(Z_95));
    }
    match arguments.double(index)?.get(row) {
        Some(z) if !z.is_finite() || z < 0.0 => {
            exec_err!("an interval needs a quantile of at least 0, not {z}")
        }
        z => Ok(z),
    }
}
