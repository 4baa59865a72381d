//! The arguments of a call, as columns that are read a row at a time. A constant is a column of
//! one value that every row sees.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int64Array, ListArray, PrimitiveArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;

use crate::config::Schedules;

/// The arguments of one call over a batch.
pub(super) struct Arguments {
    function: &'static str,
    columns: Vec<(ArrayRef, bool)>,
    /// How many rows the call has.
    pub(super) rows: usize,
    /// The project's schedules.
    pub(super) schedules: Arc<Schedules>,
}

impl Arguments {
    pub(super) fn new(
        function: &'static str,
        schedules: &Arc<Schedules>,
        given: &[ColumnarValue],
        rows: usize,
    ) -> Result<Self> {
        let columns = given
            .iter()
            .map(|value| match value {
                ColumnarValue::Array(array) => Ok((array.clone(), false)),
                ColumnarValue::Scalar(scalar) => Ok((scalar.to_array_of_size(1)?, true)),
            })
            .collect::<Result<_>>()?;
        Ok(Arguments { function, columns, rows, schedules: Arc::clone(schedules) })
    }

    /// The arguments of an aggregate over a batch.
    pub(super) fn of_rows(function: &'static str, given: &[ArrayRef]) -> Self {
        Arguments {
            function,
            columns: given.iter().map(|array| (Arc::clone(array), false)).collect(),
            rows: given.first().map_or(0, |array| array.len()),
            schedules: Arc::default(),
        }
    }

    /// Whether the call gave this argument.
    pub(super) fn has(&self, index: usize) -> bool {
        index < self.columns.len()
    }

    pub(super) fn text(&self, index: usize) -> Result<Column<'_, StringViewArray>> {
        self.column(index)
    }

    pub(super) fn integer(&self, index: usize) -> Result<Column<'_, Int64Array>> {
        self.column(index)
    }

    pub(super) fn double(&self, index: usize) -> Result<Column<'_, Float64Array>> {
        self.column(index)
    }

    pub(super) fn boolean(&self, index: usize) -> Result<Column<'_, BooleanArray>> {
        self.column(index)
    }

    pub(super) fn decimal(&self, index: usize) -> Result<Column<'_, Decimal128Array>> {
        self.column(index)
    }

    pub(super) fn list(&self, index: usize) -> Result<Column<'_, ListArray>> {
        self.column(index)
    }

    pub(super) fn date(&self, index: usize) -> Result<Column<'_, Date32Array>> {
        self.column(index)
    }

    pub(super) fn timestamp(&self, index: usize) -> Result<Column<'_, TimestampMicrosecondArray>> {
        self.column(index)
    }

    /// Whether an argument came as a whole number.
    pub(super) fn is_integer(&self, index: usize) -> bool {
        self.integer(index).is_ok()
    }

    /// Whether an argument came as text.
    pub(super) fn is_text(&self, index: usize) -> bool {
        self.text(index).is_ok()
    }

    fn column<A: Array + 'static>(&self, index: usize) -> Result<Column<'_, A>> {
        let Some((array, is_constant)) = self.columns.get(index) else {
            return internal_err!("{} has no argument {index}", self.function);
        };
        let Some(values) = array.as_any().downcast_ref::<A>() else {
            return internal_err!(
                "{} was given {} as argument {index}",
                self.function,
                array.data_type()
            );
        };
        Ok(Column { values, is_constant: *is_constant })
    }
}

/// A column of one argument.
pub(super) struct Column<'a, A> {
    values: &'a A,
    is_constant: bool,
}

impl<A: Array> Column<'_, A> {
    /// Where the row's value lies; none where it is null.
    fn place(&self, row: usize) -> Option<usize> {
        let place = if self.is_constant { 0 } else { row };
        self.values.is_valid(place).then_some(place)
    }
}

impl<'a> Column<'a, StringViewArray> {
    /// The text of a row; none for null.
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        self.place(row).map(|place| self.values.value(place))
    }
}

impl<T: ArrowPrimitiveType> Column<'_, PrimitiveArray<T>> {
    /// The number of a row; none for null.
    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        self.place(row).map(|place| self.values.value(place))
    }
}

impl Column<'_, BooleanArray> {
    /// Whether a row is true; none for null.
    pub(super) fn get(&self, row: usize) -> Option<bool> {
        self.place(row).map(|place| self.values.value(place))
    }
}

impl<'a> Column<'a, ListArray> {
    /// The whole numbers of a row's list; none for null.
    ///
    /// Errors: a null among them.
    pub(super) fn numbers(&self, row: usize) -> Result<Option<&'a [i64]>> {
        match self.place(row) {
            Some(place) => numbers_at(self.values, place).map(Some),
            None => Ok(None),
        }
    }

    /// The elements of a row's list; none for null.
    pub(super) fn elements(&self, row: usize) -> Option<ArrayRef> {
        self.place(row).map(|place| self.values.value(place))
    }
}

/// The whole numbers of the list at `place`.
pub(super) fn numbers_at(lists: &ListArray, place: usize) -> Result<&[i64]> {
    let Some(values) = lists.values().as_primitive_opt::<Int64Type>() else {
        return internal_err!("a list of {} is none of whole numbers", lists.value_type());
    };
    let ends = lists.value_offsets().get(place..place + 2);
    let Some([from, to]) = ends.and_then(|ends| <&[i32; 2]>::try_from(ends).ok()) else {
        return internal_err!("there is no list {place}");
    };
    let (from, to) = (*from as usize, *to as usize);
    if values.null_count() > 0 && values.slice(from, to - from).null_count() > 0 {
        return datafusion::common::exec_err!("a list of whole numbers has a null in it");
    }
    match values.values().get(from..to) {
        Some(numbers) => Ok(numbers),
        None => internal_err!("the list {place} is torn"),
    }
}

impl Column<'_, ListArray> {
    /// The list of a row; none for null.
    pub(super) fn list_of<I: super::aggregates::Item>(&self, row: usize) -> Result<Option<Vec<I>>> {
        self.place(row).map(|place| I::list(self.values, place)).transpose()
    }
}
