//! One scan of a table in a query: which of its days are read, by the filters on `dt`.
//!
//! Nearly all filters choose by how long before the run date a day is (`dt = $run_date`, the last
//! seven days, all before): for those it is worked out once, for every distance, and then known for
//! every run date. A plan over a year asks some hundred thousand times.

use std::sync::{Arc, OnceLock};

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, Operator};

use crate::dates::Day;
use crate::engine::partitions::{self, PARTITION_COLUMN};

/// How many days before the run date are worked out at once.
const DISTANCES: usize = 4096;

/// A scan's filters, of which those on `dt` decide.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    filters: Vec<Expr>,
    /// Whether the day is read that is so many days before the run date; none where the distance
    /// alone does not tell.
    is_read: Arc<OnceLock<Option<Vec<bool>>>>,
}

impl Scan {
    pub(super) fn new(filters: Vec<Expr>) -> Scan {
        Scan { filters, is_read: Arc::default() }
    }

    /// The days of `candidates` that are read when `run_date` is built.
    pub(super) fn days(
        &self,
        run_date: Day,
        candidates: &[Day],
    ) -> Result<Vec<Day>, DataFusionError> {
        partitions::select(&self.filters, Some(run_date), candidates)
    }

    /// The days from `first` to `run_date` that are read when `run_date` is built.
    pub(super) fn days_since(
        &self,
        run_date: Day,
        first: Day,
    ) -> Result<Vec<Day>, DataFusionError> {
        let count = i64::from(run_date.to_epoch()) - i64::from(first.to_epoch()) + 1;
        let count = usize::try_from(count).unwrap_or(0);
        let days = || (0..count as u64).rev().map(|distance| run_date.minus(distance));
        match self.by_distance(run_date) {
            Some(is_read) if count <= is_read.len() => {
                Ok(days().zip(is_read[..count].iter().rev()).filter_map(only_read).collect())
            }
            _ => self.days(run_date, &days().collect::<Vec<_>>()),
        }
    }

    /// Which distances are read, from none upwards; `some_day` is any.
    fn by_distance(&self, some_day: Day) -> Option<&Vec<bool>> {
        let work_out = || {
            let is_about_day = |filter: &&Expr| partitions::is_about_day(filter);
            if !self.filters.iter().filter(is_about_day).all(chooses_by_distance) {
                return None;
            }
            let days: Vec<Day> =
                (0..DISTANCES as u64).map(|distance| some_day.minus(distance)).collect();
            let read = self.days(some_day, &days).ok()?;
            let mut is_read = vec![false; DISTANCES];
            for day in read {
                let distance = usize::try_from(some_day.to_epoch() - day.to_epoch()).ok()?;
                *is_read.get_mut(distance)? = true;
            }
            Some(is_read)
        };
        self.is_read.get_or_init(work_out).as_ref()
    }
}

fn only_read((day, is_read): (Day, &bool)) -> Option<Day> {
    is_read.then_some(day)
}

/// Whether a filter on `dt` says the same of every day that is equally long before the run date:
/// it compares `dt`, the run date, and either of them moved by whole days, and nothing else.
fn chooses_by_distance(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => {
                chooses_by_distance(&binary.left) && chooses_by_distance(&binary.right)
            }
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq => is_moved_day(&binary.left) && is_moved_day(&binary.right),
            _ => false,
        },
        Expr::Between(between) => {
            [&between.expr, &between.low, &between.high].into_iter().all(|part| is_moved_day(part))
        }
        Expr::Not(inner) => chooses_by_distance(inner),
        _ => false,
    }
}

/// `dt` or the run date, moved by whole days, in whatever type of date or time.
fn is_moved_day(part: &Expr) -> bool {
    match part {
        Expr::Column(column) => column.name == PARTITION_COLUMN,
        Expr::ScalarFunction(call) => call.name() == crate::engine::OPEN_RUN_DATE,
        Expr::Cast(cast) => is_moved_day(&cast.expr),
        Expr::BinaryExpr(binary) => {
            let is_move = matches!(binary.op, Operator::Plus | Operator::Minus);
            is_move && is_moved_day(&binary.left) && is_whole_days(&binary.right)
        }
        _ => false,
    }
}

/// A number of days that no calendar makes longer or shorter: months are not.
fn is_whole_days(part: &Expr) -> bool {
    let mut is_whole = false;
    let walked = part.apply(|node| {
        is_whole = match node {
            Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
                interval.months == 0 && interval.nanoseconds == 0
            }
            Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => {
                interval.milliseconds == 0
            }
            Expr::Literal(value, _) => value.data_type().is_integer(),
            Expr::Cast(_) => return Ok(TreeNodeRecursion::Continue),
            _ => false,
        };
        Ok(TreeNodeRecursion::Stop)
    });
    walked.is_ok() && is_whole
}
