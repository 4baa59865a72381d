//! Points of loyalty accounts, first in, first out.

use std::sync::Arc;

use arrow::array::{Date32Builder, Int64Array, Int64Builder, ListBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;

use super::aggregates::{AggregateDeclaration, Gathered, aggregate};
use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter, integers};
use crate::algorithms::points::{
    Lot, Movements, balance, lots_after, lots_of, numbers_of, points_until,
};

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![aggregate::<Movements>(&FIFO_LOTS)]
}

const FIFO_LOTS: AggregateDeclaration = AggregateDeclaration {
    name: "fifo_lots",
    parameters: &[
        Parameter {
            name: "points",
            kind: Kind::Integer,
            meaning: "Points that came in, or went out where below zero. Null moves nothing.",
        },
        Parameter { name: "day", kind: Kind::Date, meaning: "The day they did. Null: as above." },
        Parameter {
            name: "opening_lots",
            kind: Kind::Integers,
            meaning: "What fifo_lots() returned for the days before, on one of the rows.",
        },
    ],
    optional: 1,
    description: "Points of an account that are left once those that went out have taken the \
        oldest: day (since 1970), points, and so on. What went out beyond that is one lot below \
        zero, which the next points repay.",
    example: "fifo_lots(points, entry_date, null) -> [19791, 70, 19793, 50]",
};

/// Points and their day; lots that were left.
pub(super) type Entry = (Option<(i64, i32)>, Vec<Lot>);

impl Gathered for Movements {
    type Row<'a> = Entry;
    type Item = i64;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let (points, days) = (arguments.integer(0)?, arguments.date(1)?);
        let opening = if arguments.has(2) { Some(arguments.list(2)?) } else { None };
        Ok(move |row| {
            let numbers = match &opening {
                Some(lots) => lots.numbers(row)?,
                None => None,
            };
            let lots = lots_of(numbers.unwrap_or_default());
            let lots = lots.map_err(|what| exec_datafusion_err!("fifo_lots(): {what}"))?;
            Ok(Some((points.get(row).zip(days.get(row)), lots)))
        })
    }

    fn add(&mut self, (entry, lots): Entry) -> Result<(), String> {
        if let Some((points, day)) = entry {
            Movements::add(self, points, i64::from(day))?;
        }
        self.open_with(&lots)
    }

    fn state(&self) -> Vec<i64> {
        self.numbers()
    }

    fn absorb(&mut self, state: &[i64]) -> Result<(), String> {
        self.merge(&Movements::from_numbers(state)?)
    }

    fn result(&self) -> Vec<i64> {
        numbers_of(&self.lots())
    }

    fn len(&self) -> usize {
        Movements::len(self)
    }
}

const LOTS: Parameter =
    Parameter { name: "lots", kind: Kind::Integers, meaning: "What fifo_lots() returned." };

const DAY: Parameter = Parameter { name: "day", kind: Kind::Date, meaning: "A day." };

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "fifo_balance",
        parameters: &[LOTS],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "The sum of all lots: the account's balance, below zero for a debt.",
        example: "fifo_balance(lots) -> 120",
        evaluate: |arguments| {
            let sums =
                (0..arguments.rows).map(|row| Ok(lots(arguments, row)?.map(|lots| balance(&lots))));
            Ok(Arc::new(sums.collect::<Result<Int64Array>>()?))
        },
    },
    Declaration {
        name: "fifo_points_until",
        parameters: &[LOTS, DAY],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Points that are left of what came in up to and on a day: those that expire \
            by then plus their lifetime.",
        example: "fifo_points_until(lots, $run_date - interval '335 days') -> 70",
        evaluate: |arguments| {
            let days = arguments.date(1)?;
            let sums = (0..arguments.rows).map(|row| {
                let lots = lots(arguments, row)?;
                Ok(lots.zip(days.get(row)).map(|(lots, day)| points_until(&lots, day.into())))
            });
            Ok(Arc::new(sums.collect::<Result<Int64Array>>()?))
        },
    },
    Declaration {
        name: "fifo_lots_after",
        parameters: &[LOTS, DAY],
        optional: 0,
        returns: integers,
        is_strict: true,
        description: "The lots without what came in up to and on a day: what is left once that \
            has expired. A debt stays.",
        example: "fifo_lots_after(lots, $run_date - interval '365 days') -> [19793, 50]",
        evaluate: |arguments| {
            let days = arguments.date(1)?;
            let mut lists = ListBuilder::new(Int64Builder::new());
            for row in 0..arguments.rows {
                let left = lots(arguments, row)?.zip(days.get(row));
                let left = left.map(|(lots, day)| numbers_of(&lots_after(&lots, day.into())));
                if let Some(numbers) = &left {
                    lists.values().append_slice(numbers);
                }
                lists.append(left.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Declaration {
        name: "fifo_lot_days",
        parameters: &[LOTS],
        optional: 0,
        returns: || DataType::new_list(DataType::Date32, true),
        is_strict: true,
        description: "The day of each lot, the oldest first; to unnest beside fifo_lot_points().",
        example: "fifo_lot_days(lots) -> [2024-03-09, 2024-03-11]",
        evaluate: |arguments| {
            let mut lists = ListBuilder::new(Date32Builder::new());
            for row in 0..arguments.rows {
                let lots = lots(arguments, row)?;
                for lot in lots.iter().flatten() {
                    lists.values().append_option(i32::try_from(lot.day).ok());
                }
                lists.append(lots.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Declaration {
        name: "fifo_lot_points",
        parameters: &[LOTS],
        optional: 0,
        returns: integers,
        is_strict: true,
        description: "The points of each lot, in the order of fifo_lot_days().",
        example: "fifo_lot_points(lots) -> [70, 50]",
        evaluate: |arguments| {
            let mut lists = ListBuilder::new(Int64Builder::new());
            for row in 0..arguments.rows {
                let lots = lots(arguments, row)?;
                for lot in lots.iter().flatten() {
                    lists.values().append_value(lot.points);
                }
                lists.append(lots.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
];

fn lots(arguments: &Arguments, row: usize) -> Result<Option<Vec<Lot>>> {
    let column = arguments.list(0)?;
    let Some(numbers) = column.numbers(row)? else { return Ok(None) };
    lots_of(numbers).map(Some).map_err(|what| exec_datafusion_err!("{what}"))
}
