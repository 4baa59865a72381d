//! The arguments of a call, as columns that are read a row at a time. A constant is a column of
//! one value that every row sees.

use arrow::array::{
    Array, ArrayRef, Date32Array, Float64Array, Int64Array, PrimitiveArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::ArrowPrimitiveType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;

/// The arguments of one call over a batch.
pub(super) struct Arguments {
    function: &'static str,
    columns: Vec<(ArrayRef, bool)>,
    /// How many rows the call has.
    pub(super) rows: usize,
}

impl Arguments {
    pub(super) fn new(
        function: &'static str,
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
        Ok(Arguments { function, columns, rows })
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

    pub(super) fn date(&self, index: usize) -> Result<Column<'_, Date32Array>> {
        self.column(index)
    }

    pub(super) fn timestamp(&self, index: usize) -> Result<Column<'_, TimestampMicrosecondArray>> {
        self.column(index)
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
