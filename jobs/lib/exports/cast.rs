//! Texts into typed columns, with a reason for every value that does not fit.
//!
//! One loop a column: the type is decided before it, not in it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use chrono_tz::Tz;

use super::cells::{Cells, trimmed};
use super::faults::{Code, Fault};
use super::moments::{self, Clock};
use super::numbers;
use super::source::{Allowed, Bound, Column, ColumnType, UTC};
use crate::errors::{Context, Kind, Result};

/// Casts columns of one source. Each parser thread has its own.
pub(super) struct Caster {
    clock: Clock,
}

impl Caster {
    /// `zone` is that of instants written without one.
    pub fn new(zone: Tz) -> Self {
        Caster { clock: Clock::new(zone) }
    }

    /// The typed column of `cells`; null where a fault is noted.
    ///
    /// `index` is the column's place in the declaration, for the faults.
    pub fn cast(
        &self,
        index: usize,
        column: &Column,
        cells: Cells<'_>,
        faults: &mut Vec<Fault>,
    ) -> Result<ArrayRef> {
        let mut cast = ColumnCast { index, column, cells, faults };
        let mut scratch = Vec::new();
        let number = &column.number;
        let is_plain = number.is_plain();
        let assembled = || format!("assemble column `{}`", column.name);
        Ok(match column.data_type {
            ColumnType::String => cast.strings()?,
            ColumnType::Integer => {
                let allowed = match &column.allowed {
                    Some(Allowed::Integers(allowed)) => Some(allowed),
                    _ => None,
                };
                let (minimum, maximum) = integer_bounds(column);
                let (values, nulls) = cast.values(|text| {
                    let value = if is_plain {
                        numbers::integer(text)?
                    } else {
                        numbers::plain(as_text(text), number, &mut scratch)?;
                        numbers::integer(&scratch)?
                    };
                    if allowed.is_some_and(|allowed| !allowed.contains(&value)) {
                        return Err(Code::NotAllowed);
                    }
                    in_range(value, minimum, maximum)
                });
                Arc::new(Int64Array::new(values, nulls))
            }
            ColumnType::Double => {
                let (minimum, maximum) = match (column.minimum, column.maximum) {
                    (None, None) => (f64::NEG_INFINITY, f64::INFINITY),
                    (least, most) => (
                        if let Some(Bound::Double(least)) = least {
                            least
                        } else {
                            f64::NEG_INFINITY
                        },
                        if let Some(Bound::Double(most)) = most { most } else { f64::INFINITY },
                    ),
                };
                let (values, nulls) = cast.values(|text| {
                    let value = if is_plain {
                        numbers::double(text)?
                    } else {
                        numbers::plain(as_text(text), number, &mut scratch)?;
                        numbers::double(&scratch)?
                    };
                    if value < minimum || value > maximum {
                        Err(Code::OutOfRange)
                    } else {
                        Ok(value)
                    }
                });
                Arc::new(Float64Array::new(values, nulls))
            }
            ColumnType::Decimal { precision, scale } => {
                let minimum = if let Some(Bound::Decimal(least)) = column.minimum {
                    least
                } else {
                    i128::MIN
                };
                let maximum =
                    if let Some(Bound::Decimal(most)) = column.maximum { most } else { i128::MAX };
                let (values, nulls) = cast.values(|text| {
                    let value = if is_plain {
                        numbers::decimal(text, precision, scale)?
                    } else {
                        numbers::plain(as_text(text), number, &mut scratch)?;
                        numbers::decimal(&scratch, precision, scale)?
                    };
                    in_range(value, minimum, maximum)
                });
                let array = Decimal128Array::new(values, nulls)
                    .with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(i8::MAX))
                    .context(Kind::Defect, assembled)?;
                Arc::new(array)
            }
            ColumnType::Boolean => {
                let (values, nulls) = cast.values(|text| boolean(text, column).map(u8::from));
                let values = BooleanBuffer::collect_bool(values.len(), |row| values[row] != 0);
                Arc::new(BooleanArray::new(values, nulls))
            }
            ColumnType::Date => {
                let (minimum, maximum) = integer_bounds(column);
                let (values, nulls) = cast.values(|text| {
                    let days = moments::date(text, &column.formats)?;
                    in_range(i64::from(days), minimum, maximum).map(|_| days)
                });
                Arc::new(Date32Array::new(values, nulls))
            }
            ColumnType::Timestamp => {
                let (minimum, maximum) = integer_bounds(column);
                let (values, nulls) = cast.values(|text| {
                    let micros = self.clock.timestamp(text, &column.formats)?;
                    in_range(micros, minimum, maximum)
                });
                Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone(UTC))
            }
        })
    }
}

fn integer_bounds(column: &Column) -> (i64, i64) {
    (
        if let Some(Bound::Integer(least)) = column.minimum { least } else { i64::MIN },
        if let Some(Bound::Integer(most)) = column.maximum { most } else { i64::MAX },
    )
}

#[inline]
fn in_range<T: PartialOrd>(value: T, minimum: T, maximum: T) -> Result<T, Code> {
    if value < minimum || value > maximum { Err(Code::OutOfRange) } else { Ok(value) }
}

fn as_text(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

fn boolean(text: &[u8], column: &Column) -> Result<bool, Code> {
    if column.true_values.is_empty() {
        return match text {
            b"true" | b"1" | b"t" | b"y" | b"yes" => Ok(true),
            b"false" | b"0" | b"f" | b"n" | b"no" => Ok(false),
            _ => match text.to_ascii_lowercase().as_slice() {
                b"true" | b"t" | b"y" | b"yes" => Ok(true),
                b"false" | b"f" | b"n" | b"no" => Ok(false),
                _ => Err(Code::NotABoolean),
            },
        };
    }
    let text = as_text(text).to_lowercase();
    if column.true_values.contains(&text) {
        Ok(true)
    } else if column.false_values.contains(&text) {
        Ok(false)
    } else {
        Err(Code::NotABoolean)
    }
}

/// One column on its way.
struct ColumnCast<'a> {
    index: usize,
    column: &'a Column,
    cells: Cells<'a>,
    faults: &'a mut Vec<Fault>,
}

/// The texts that mean "no value", ready for a loop.
struct NullTokens<'a> {
    has_empty: bool,
    others: Vec<&'a [u8]>,
}

impl<'a> NullTokens<'a> {
    fn new(column: &'a Column) -> Self {
        let tokens = column.null_tokens.iter().map(|token| token.as_bytes());
        NullTokens {
            has_empty: column.null_tokens.iter().any(String::is_empty),
            others: tokens.filter(|token| !token.is_empty()).collect(),
        }
    }

    #[inline]
    fn has(&self, text: &[u8]) -> bool {
        if text.is_empty() {
            return self.has_empty;
        }
        // A handful at most: walking beats hashing.
        self.others.contains(&text)
    }
}

impl ColumnCast<'_> {
    fn note(&mut self, row: usize, code: Code) {
        self.faults.push(Fault { row, column: Some(self.index), code });
    }

    /// Values of a fixed width, read by `read`.
    #[inline]
    fn values<T: ArrowNativeType>(
        &mut self,
        mut read: impl FnMut(&[u8]) -> Result<T, Code>,
    ) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        let nulls = NullTokens::new(self.column);
        let (trim, required) = (self.column.trim, self.column.required);
        let row_count = self.cells.row_count;
        let mut values: Vec<T> = Vec::with_capacity(row_count);
        let mut validity = Validity::new(row_count);
        for (row, cell) in self.cells.iter().enumerate() {
            let cell = cell.map(|text| if trim { trimmed(text) } else { text });
            let text = match cell {
                Some(text) if !nulls.has(text) => text,
                _ => {
                    if required {
                        self.note(row, Code::MissingRequired);
                    }
                    values.push(T::default());
                    validity.set_null(row);
                    continue;
                }
            };
            match read(text) {
                Ok(value) => values.push(value),
                Err(code) => {
                    self.note(row, code);
                    values.push(T::default());
                    validity.set_null(row);
                }
            }
        }
        (values.into(), validity.finish())
    }

    fn strings(&mut self) -> Result<ArrayRef> {
        let column = self.column;
        let nulls = NullTokens::new(column);
        let allowed = match &column.allowed {
            Some(Allowed::Texts(allowed)) => Some(allowed),
            _ => None,
        };
        let is_free = allowed.is_none() && column.pattern.is_none() && !column.drop_zero_fraction;
        let row_count = self.cells.row_count;
        let mut offsets: Vec<i32> = Vec::with_capacity(row_count + 1);
        offsets.push(0);
        let mut values: Vec<u8> = Vec::with_capacity(row_count * 16);
        let mut validity = Validity::new(row_count);
        for (row, cell) in self.cells.iter().enumerate() {
            let cell = cell.map(|text| if column.trim { trimmed(text) } else { text });
            match cell {
                Some(text) if !nulls.has(text) => {
                    let text = if is_free {
                        Ok(text)
                    } else {
                        let text = if column.drop_zero_fraction {
                            without_zero_fraction(text)
                        } else {
                            text
                        };
                        let readable = as_text(text);
                        if allowed.is_some_and(|allowed| !allowed.contains(readable)) {
                            Err(Code::NotAllowed)
                        } else if column.pattern.as_ref().is_some_and(|p| !p.is_match(readable)) {
                            Err(Code::Pattern)
                        } else {
                            Ok(text)
                        }
                    };
                    match text {
                        Ok(text) => values.extend_from_slice(text),
                        Err(code) => {
                            self.note(row, code);
                            validity.set_null(row);
                        }
                    }
                }
                _ => {
                    if column.required {
                        self.note(row, Code::MissingRequired);
                    }
                    validity.set_null(row);
                }
            }
            // A chunk is far smaller than 2 GiB.
            offsets.push(i32::try_from(values.len()).unwrap_or(i32::MAX));
        }
        texts(offsets, values, validity.finish(), &column.name)
    }
}

/// A text column of its parts.
pub(super) fn texts(
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: Option<NullBuffer>,
    name: &str,
) -> Result<ArrayRef> {
    let offsets = OffsetBuffer::new(offsets.into());
    let array = StringArray::try_new(offsets, Buffer::from(values), nulls)
        .context(Kind::Defect, || format!("assemble column `{name}`"))?;
    Ok(Arc::new(array))
}

/// `17850.0` as `17850`; every other text as it is.
fn without_zero_fraction(text: &[u8]) -> &[u8] {
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return text };
    let (whole, fraction) = (&text[..point], &text[point + 1..]);
    let digits = whole.strip_prefix(b"-").unwrap_or(whole);
    let is_whole = !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
        && !fraction.is_empty()
        && fraction.iter().all(|byte| *byte == b'0');
    if is_whole { whole } else { text }
}

/// Which rows have a value; costs nothing until the first that has none.
pub(super) struct Validity {
    row_count: usize,
    bits: Option<MutableBuffer>,
}

impl Validity {
    pub fn new(row_count: usize) -> Self {
        Validity { row_count, bits: None }
    }

    #[inline]
    pub fn set_null(&mut self, row: usize) {
        let byte_count = self.row_count.div_ceil(8);
        let bits = self.bits.get_or_insert_with(|| {
            let mut bits = MutableBuffer::new(byte_count);
            bits.resize(byte_count, 0xff);
            bits
        });
        if let Some(byte) = bits.as_slice_mut().get_mut(row / 8) {
            *byte &= !(1 << (row % 8));
        }
    }

    pub fn finish(self) -> Option<NullBuffer> {
        let bits = self.bits?;
        Some(NullBuffer::new(BooleanBuffer::new(bits.into(), 0, self.row_count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::cells::Span;
    use crate::exports::source::Source;
    use arrow::array::{Array, AsArray};
    use arrow::util::display::{ArrayFormatter, FormatOptions};

    /// The values and faults of `texts` in a column declared as `column`.
    fn cast(column: &str, texts: &[&str]) -> Vec<String> {
        let yaml = format!(
            "description: d\nlocation: x\nformat: csv\nload: snapshot\n\
             columns: [{{name: a, {column}}}]\n"
        );
        let source = Source::parse("things", &yaml).unwrap();
        let mut text = Vec::new();
        let spans: Vec<Span> = texts
            .iter()
            .map(|cell| {
                text.extend_from_slice(cell.as_bytes());
                Span::new(text.len() - cell.len(), text.len())
            })
            .collect();
        let row_count = spans.len();
        let cells = Cells { text: &text, spans: &spans, stride: 1, place: Some(0), row_count };
        let mut faults = Vec::new();
        let caster = Caster::new(Tz::Europe__London);
        let array = caster.cast(0, &source.columns[0], cells, &mut faults).unwrap();
        assert_eq!(array.data_type(), &source.columns[0].data_type.arrow());
        let options = FormatOptions::new().with_null("-");
        let formatter = ArrayFormatter::try_new(array.as_ref(), &options).unwrap();
        let mut shown: Vec<String> =
            (0..row_count).map(|row| formatter.value(row).to_string()).collect();
        for fault in faults {
            assert!(array.is_null(fault.row));
            shown[fault.row] = fault.code.name().to_string();
        }
        shown
    }

    #[test]
    fn every_type_reads_its_texts_and_says_why_not() {
        assert_eq!(cast("type: string", &[" a ", "", "b"]), ["a", "-", "b"]);
        assert_eq!(cast("type: string, trim: false", &[" a ", ""]), [" a ", "-"]);
        assert_eq!(
            cast("type: string, null_tokens: [N/A, none]", &["N/A", "", " none "]),
            ["-", "", "-"]
        );
        assert_eq!(cast("type: string, required: true", &["a", ""]), ["a", "missing_required"]);
        assert_eq!(
            cast("type: string, allowed: [a, b]", &["a", "c", ""]),
            ["a", "not_allowed", "-"]
        );
        assert_eq!(cast("type: string, pattern: 'a|ab'", &["ab", "abc"]), ["ab", "pattern"]);
        assert_eq!(
            cast("type: string, drop_zero_fraction: true", &["17850.0", "1.50", "x.0", "-3.00"]),
            ["17850", "1.50", "x.0", "-3"]
        );
        assert_eq!(
            cast("type: integer, range: {min: 0}", &["1", "-1", "1.0", "1.5", "x"]),
            ["1", "out_of_range", "1", "not_whole", "not_a_number"]
        );
        assert_eq!(cast("type: integer, allowed: [1, 2]", &["01", "3"]), ["1", "not_allowed"]);
        assert_eq!(
            cast("type: double", &["1.5", "nan", "1e400"]),
            ["1.5", "not_a_number", "too_large"]
        );
        assert_eq!(
            cast(
                "type: 'decimal(6,2)', decimal_mark: ',', thousands_mark: '.'",
                &["1.234,5", "1.5"]
            ),
            ["1234.50", "not_a_number"]
        );
        assert_eq!(
            cast("type: 'decimal(6,2)', range: {max: 10.5}", &["10.50", "10.51", "1.234"]),
            ["10.50", "out_of_range", "too_precise"]
        );
        assert_eq!(
            cast("type: boolean", &["TRUE", "0", "maybe"]),
            ["true", "false", "not_a_boolean"]
        );
        assert_eq!(
            cast("type: boolean, true_values: [Ja], false_values: [Nein]", &["JA", "true"]),
            ["true", "not_a_boolean"]
        );
        assert_eq!(
            cast("type: date, range: {min: 2020-01-01}", &["2020-01-01", "2019-12-31", "1/1/20"]),
            ["2020-01-01", "out_of_range", "not_a_date"]
        );
        assert_eq!(
            cast("type: timestamp", &["2024-07-01 12:00", "2024-03-31 01:30"]),
            ["2024-07-01T11:00:00Z", "nonexistent_local_time"]
        );
    }

    #[test]
    fn a_column_that_the_file_lacks_is_null() {
        let cells = Cells { text: b"", spans: &[], stride: 3, place: None, row_count: 2 };
        assert_eq!(cells.iter().collect::<Vec<_>>(), [None, None]);
        let mut validity = Validity::new(9);
        validity.set_null(8);
        assert_eq!(validity.finish().map(|nulls| nulls.null_count()), Some(1));
        let array = texts(vec![0, 1], b"a".to_vec(), None, "a").unwrap();
        assert_eq!(array.as_string::<i32>().value(0), "a");
    }
}
