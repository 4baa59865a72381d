//! Sketches: quantiles and counts of different values that merge.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;

use super::aggregates::{AggregateDeclaration, Gathered, Merged, aggregate};
use super::arguments::Arguments;
use super::survival::{quantile_of_normal, share};
use super::{Declaration, Kind, Parameter};
use crate::algorithms::sketches::{Distinct, Quantiles};

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![
        aggregate::<Quantiles>(&QUANTILE_SKETCH),
        aggregate::<Merged<Quantiles>>(&MERGE_QUANTILES),
        aggregate::<Distinct>(&DISTINCT_SKETCH),
        aggregate::<Merged<Distinct>>(&MERGE_DISTINCT),
    ]
}

const QUANTILE_SKETCH: AggregateDeclaration = AggregateDeclaration {
    name: "quantile_sketch",
    parameters: &[Parameter {
        name: "value",
        kind: Kind::Double,
        meaning: "A number. Null leaves the row out.",
    }],
    optional: 0,
    description: "Counts of values in bins 1/128 of their value wide, as mergeable state for \
        quantile_of(): bin, count, and so on.",
    example: "quantile_sketch(reply_minutes)",
};

const MERGE_QUANTILES: AggregateDeclaration = AggregateDeclaration {
    name: "merge_quantiles",
    parameters: &[QUANTILES],
    optional: 0,
    description: "The sketches of quantile_sketch() of several rows as one.",
    example: "merge_quantiles(reply_minute_sketch)",
};

const DISTINCT_SKETCH: AggregateDeclaration = AggregateDeclaration {
    name: "distinct_sketch",
    parameters: &[Parameter {
        name: "value",
        kind: Kind::Value,
        meaning: "What is counted once. Null leaves the row out.",
    }],
    optional: 0,
    description: "A HyperLogLog sketch of 4,096 registers, as mergeable state for \
        distinct_estimate().",
    example: "distinct_sketch(customer_id)",
};

const MERGE_DISTINCT: AggregateDeclaration = AggregateDeclaration {
    name: "merge_distinct",
    parameters: &[DISTINCT],
    optional: 0,
    description: "The sketches of distinct_sketch() of several rows as one.",
    example: "merge_distinct(customer_sketch)",
};

impl Gathered for Quantiles {
    type Row<'a> = f64;
    type Item = i64;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let values = arguments.double(0)?;
        Ok(move |row| Ok(values.get(row)))
    }

    fn add(&mut self, value: f64) -> Result<(), String> {
        Quantiles::add(self, value)
    }

    fn state(&self) -> Vec<i64> {
        self.numbers()
    }

    fn absorb(&mut self, state: &[i64]) -> Result<(), String> {
        self.merge(&Quantiles::from_numbers(state)?);
        Ok(())
    }

    fn len(&self) -> usize {
        Quantiles::len(self)
    }
}

/// What is counted, by its bytes.
pub(super) enum Counted<'a> {
    Text(&'a str),
    Number(i64),
}

impl Gathered for Distinct {
    type Row<'a> = Counted<'a>;
    type Item = i64;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let texts = if arguments.is_text(0) { Some(arguments.text(0)?) } else { None };
        let numbers = if arguments.is_integer(0) { Some(arguments.integer(0)?) } else { None };
        let days = match (&texts, &numbers) {
            (None, None) => Some(arguments.date(0)?),
            _ => None,
        };
        Ok(move |row| {
            let text = texts.as_ref().and_then(|texts| texts.get(row)).map(Counted::Text);
            let number = || numbers.as_ref().and_then(|numbers| numbers.get(row));
            let day = || days.as_ref().and_then(|days| days.get(row)).map(i64::from);
            Ok(text.or_else(|| number().or_else(day).map(Counted::Number)))
        })
    }

    fn add(&mut self, value: Counted<'_>) -> Result<(), String> {
        match value {
            Counted::Text(text) => Distinct::add(self, text.as_bytes()),
            Counted::Number(number) => Distinct::add(self, &number.to_le_bytes()),
        }
        Ok(())
    }

    fn state(&self) -> Vec<i64> {
        self.numbers()
    }

    fn absorb(&mut self, state: &[i64]) -> Result<(), String> {
        self.merge(&Distinct::from_numbers(state)?);
        Ok(())
    }

    fn len(&self) -> usize {
        Distinct::len(self)
    }
}

const QUANTILES: Parameter =
    Parameter { name: "sketch", kind: Kind::Integers, meaning: "What quantile_sketch() returned." };

const DISTINCT: Parameter =
    Parameter { name: "sketch", kind: Kind::Integers, meaning: "What distinct_sketch() returned." };

const SHARE: Parameter =
    Parameter { name: "share", kind: Kind::Double, meaning: "0 to 1: 0.5 for the median." };

const Z: Parameter = Parameter {
    name: "z",
    kind: Kind::Double,
    meaning: "Quantile of the normal distribution: 1.96, where left out, for 95 %.",
};

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "quantile_of",
        parameters: &[QUANTILES, SHARE],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "The least value that a share of all values are no greater than: exact for \
            whole numbers to 256, else less than 0.8 % nearer to zero. Null without values.",
        example: "quantile_of(reply_minute_sketch, 0.9) -> 480.0",
        evaluate: |arguments| quantile(arguments, |sketch, share, _| sketch.quantile(share)),
    },
    Declaration {
        name: "quantile_lower",
        parameters: &[QUANTILES, SHARE, Z],
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Lower end of that value's interval, from the ranks beside its own; null \
            where there are too few values.",
        example: "quantile_lower(reply_minute_sketch, 0.9)",
        evaluate: |arguments| {
            quantile(arguments, |sketch, share, z| sketch.quantile_interval(share, z).0)
        },
    },
    Declaration {
        name: "quantile_upper",
        parameters: &[QUANTILES, SHARE, Z],
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Its upper end; null where there are too few values.",
        example: "quantile_upper(reply_minute_sketch, 0.9)",
        evaluate: |arguments| {
            quantile(arguments, |sketch, share, z| sketch.quantile_interval(share, z).1)
        },
    },
    Declaration {
        name: "distinct_estimate",
        parameters: &[DISTINCT],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "About how many different values there were: standard error 1.6 %, less \
            below some thousand.",
        example: "distinct_estimate(customer_sketch) -> 40312",
        evaluate: |arguments| {
            let sketches = arguments.list(0)?;
            let estimates = (0..arguments.rows).map(|row| {
                let Some(numbers) = sketches.numbers(row)? else { return Ok(None) };
                let sketch = Distinct::from_numbers(numbers);
                let sketch = sketch.map_err(|what| exec_datafusion_err!("{what}"))?;
                Ok(Some(sketch.estimate()))
            });
            Ok(Arc::new(estimates.collect::<Result<Int64Array>>()?))
        },
    },
];

fn quantile(
    arguments: &Arguments,
    tell: fn(&Quantiles, f64, f64) -> Option<f64>,
) -> Result<ArrayRef> {
    let (sketches, shares) = (arguments.list(0)?, arguments.double(1)?);
    let mut told = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let z = quantile_of_normal(arguments, 2, row)?;
        let (Some(numbers), Some(share), Some(z)) =
            (sketches.numbers(row)?, share(shares.get(row))?, z)
        else {
            told.push(None);
            continue;
        };
        let sketch = Quantiles::from_numbers(numbers);
        let sketch = sketch.map_err(|what| exec_datafusion_err!("{what}"))?;
        told.push(tell(&sketch, share, z));
    }
    Ok(Arc::new(Float64Array::from(told)))
}
