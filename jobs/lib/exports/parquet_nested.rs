//! Columns within columns of Parquet: those that declared paths lead to, lists of which each
//! element makes a row, and the JSON of what else is nested.

use std::collections::BTreeSet;
use std::iter::once;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder, UInt64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};

use super::header::fold;
use super::json_path::{JsonPath, Step};
use super::source::Source;

/// How a file's columns become those that rows have: its own, and those within them that are
/// declared by a path.
#[derive(Debug)]
pub(super) struct Unfolding {
    /// What the rows' columns are called: first `kept`, then `inner`.
    names: Vec<String>,
    /// The file's columns that stay as they are.
    kept: Vec<usize>,
    inner: Vec<Inner>,
    /// The file's columns that are there for their inner ones alone, in the order of their names.
    opened: Vec<usize>,
    /// The list of which each element makes a row.
    exploded: Option<Way>,
}

/// A column within another.
#[derive(Debug)]
struct Inner {
    way: Way,
    /// Whether the way begins at an element of the exploded list.
    is_element: bool,
}

/// From a column of the file to a value within it.
#[derive(Debug)]
struct Way {
    place: usize,
    steps: Vec<Step>,
}

impl Unfolding {
    /// How the columns `fields` of a file are unfolded for `source`.
    ///
    /// A name that a column of the file has is that column, dots and all. Errors: what is wrong
    /// with the file, for people.
    pub fn new(source: &Source, fields: &Fields) -> Result<Self, String> {
        let explode: Vec<Step> = source.json.explode.iter().cloned().map(Step::Key).collect();
        let exploded = Way::find(fields, &explode);
        let element = match &exploded {
            None => None,
            Some((_, data_type)) => Some(element_type(data_type).ok_or_else(|| {
                let path = source.json.explode.join(".");
                format!("its column `{path}` is no list, so it cannot be exploded")
            })?),
        };
        let exploded = exploded.map(|(way, _)| way);
        let find = |name: &str| -> Option<Inner> {
            let steps = JsonPath::parse(name).ok()?.steps;
            if let (Some(list), Some(element)) = (&exploded, element)
                && let Some(rest) = steps.strip_prefix(explode.as_slice())
            {
                type_at(element, rest)?;
                let way = Way { place: list.place, steps: rest.to_vec() };
                return Some(Inner { way, is_element: true });
            }
            if steps.len() < 2 || fields.iter().any(|field| field.name() == name) {
                return None;
            }
            Way::find(fields, &steps).map(|(way, _)| Inner { way, is_element: false })
        };
        let (mut inner, mut inner_names) = (Vec::new(), Vec::new());
        let mut own_names = BTreeSet::new();
        for column in &source.columns {
            let mut names = once(&column.from).chain(&column.aliases);
            let is_own = |name: &str| fields.iter().any(|field| field.name() == name);
            let found = names.find_map(|name| match find(name) {
                Some(found) => Some(Some((name, found))),
                None => is_own(name).then_some(None),
            });
            match found.flatten() {
                Some((name, found)) => {
                    inner.push(found);
                    inner_names.push(name.clone());
                }
                None => {
                    own_names.extend(once(&column.from).chain(&column.aliases).map(|n| fold(n)))
                }
            }
        }
        let ways = inner.iter().map(|inner| &inner.way).chain(&exploded);
        let mut opened: Vec<usize> = ways.map(|way| way.place).collect();
        opened.retain(|place| !own_names.contains(&fold(fields[*place].name())));
        opened.sort_by_key(|place| (fields[*place].name(), *place));
        opened.dedup();
        let kept: Vec<usize> = (0..fields.len()).filter(|at| !opened.contains(at)).collect();
        let names = kept.iter().map(|place| fields[*place].name().clone()).chain(inner_names);
        Ok(Unfolding { names: names.collect(), kept, inner, opened, exploded })
    }

    /// The names of the rows' columns, in order: the file's header.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a record of the file may make several rows.
    pub fn explodes(&self) -> bool {
        self.exploded.is_some()
    }

    /// The columns of the file that tell a record from others: those that the rows' columns
    /// `places` are, in that order, then those that were opened.
    pub fn record_columns<'a>(
        &'a self,
        batch: &'a RecordBatch,
        places: impl Iterator<Item = usize> + 'a,
    ) -> impl Iterator<Item = ArrayRef> + 'a {
        let kept = places.filter_map(|place| self.kept.get(place));
        kept.chain(&self.opened).map(|place| Arc::clone(batch.column(*place)))
    }

    /// The rows of a batch of the file's records.
    pub fn unfold(&self, batch: &RecordBatch) -> Result<Unfolded, ArrowError> {
        let exploded = self.exploded.as_ref().map(|way| Exploded::new(&way.follow(batch)?));
        let exploded = exploded.transpose()?;
        let of_record = |array: ArrayRef| match &exploded {
            Some(exploded) => take(&array, &exploded.records, None),
            None => Ok(array),
        };
        let mut columns = Vec::with_capacity(self.names.len());
        for place in &self.kept {
            columns.push(of_record(Arc::clone(batch.column(*place)))?);
        }
        for Inner { way, is_element } in &self.inner {
            columns.push(match &exploded {
                Some(exploded) if *is_element => follow(&exploded.elements, &way.steps)?,
                _ => of_record(way.follow(batch)?)?,
            });
        }
        let origins = match exploded {
            Some(exploded) => exploded.origins,
            None => (0..batch.num_rows()).map(|record| Origin { record, element: 0 }).collect(),
        };
        Ok(Unfolded { columns, origins })
    }
}

/// The rows of a batch of records.
pub(super) struct Unfolded {
    /// Their columns, as [`Unfolding::names`] has them.
    pub columns: Vec<ArrayRef>,
    /// Where each of them comes from.
    pub origins: Vec<Origin>,
}

/// The record of a batch that a row was made of, and which element of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub record: usize,
    pub element: usize,
}

/// A list, an element a row; one row without an element where there is none.
struct Exploded {
    /// The record of each row.
    records: UInt64Array,
    elements: ArrayRef,
    origins: Vec<Origin>,
}

impl Exploded {
    fn new(list: &ArrayRef) -> Result<Self, ArrowError> {
        let mut origins = Vec::new();
        let mut places = Vec::new();
        for record in 0..list.len() {
            let range = range_at(list, record);
            if range.is_empty() {
                origins.push(Origin { record, element: 0 });
                places.push(None);
            }
            for (element, place) in range.enumerate() {
                origins.push(Origin { record, element });
                places.push(Some(place as u64));
            }
        }
        let elements = take(values(list)?, &UInt64Array::from(places), None)?;
        let records = origins.iter().map(|origin| origin.record as u64);
        Ok(Exploded { records: UInt64Array::from_iter_values(records), elements, origins })
    }
}

impl Way {
    /// The way that `steps` describe, and the type at its end; none where it leads nowhere.
    fn find<'a>(fields: &'a Fields, steps: &[Step]) -> Option<(Way, &'a DataType)> {
        let (first, rest) = steps.split_first()?;
        let Step::Key(key) = first else { return None };
        let (place, field) = fields.find(key)?;
        let data_type = type_at(field.data_type(), rest)?;
        Some((Way { place, steps: rest.to_vec() }, data_type))
    }

    fn follow(&self, batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
        follow(batch.column(self.place), &self.steps)
    }
}

/// The type of what `steps` lead to within a column; none where they lead nowhere.
fn type_at<'a>(data_type: &'a DataType, steps: &[Step]) -> Option<&'a DataType> {
    let Some((step, rest)) = steps.split_first() else { return Some(data_type) };
    let next = match (step, data_type) {
        (Step::Key(key), DataType::Struct(fields)) => fields.find(key)?.1.data_type(),
        (Step::Element(_), list) => element_type(list)?,
        _ => return None,
    };
    type_at(next, rest)
}

fn element_type(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

/// What `steps` lead to in each row; null where anything on the way is.
fn follow(array: &ArrayRef, steps: &[Step]) -> Result<ArrayRef, ArrowError> {
    let Some((step, rest)) = steps.split_first() else { return Ok(Arc::clone(array)) };
    let next = match step {
        Step::Key(key) => {
            let lost = || ArrowError::SchemaError(format!("no `{key}` in {}", array.data_type()));
            let whole = array.as_struct_opt().ok_or_else(lost)?;
            let within = whole.column_by_name(key).ok_or_else(lost)?;
            if whole.null_count() == 0 {
                Arc::clone(within)
            } else {
                let rows = (0..whole.len()).map(|row| whole.is_valid(row).then_some(row as u64));
                take(within, &UInt64Array::from_iter(rows), None)?
            }
        }
        Step::Element(index) => {
            let places = (0..array.len()).map(|row| {
                let mut range = range_at(array, row);
                range.nth(*index).map(|place| place as u64)
            });
            take(values(array)?, &UInt64Array::from_iter(places), None)?
        }
    };
    follow(&next, rest)
}

/// All elements of a column of lists.
fn values(list: &ArrayRef) -> Result<&ArrayRef, ArrowError> {
    Ok(match list.data_type() {
        DataType::List(_) => list.as_list::<i32>().values(),
        DataType::LargeList(_) => list.as_list::<i64>().values(),
        DataType::FixedSizeList(..) => list.as_fixed_size_list().values(),
        other => return Err(ArrowError::SchemaError(format!("{other} is no list"))),
    })
}

/// Where the elements of one row's list are among [`values`]; empty where it is null.
fn range_at(list: &ArrayRef, row: usize) -> Range<usize> {
    if list.is_null(row) {
        return 0..0;
    }
    let place = |offset: i64| usize::try_from(offset).unwrap_or(0);
    match list.data_type() {
        DataType::List(_) => {
            let offsets = list.as_list::<i32>().value_offsets();
            place(offsets[row].into())..place(offsets[row + 1].into())
        }
        DataType::LargeList(_) => {
            let offsets = list.as_list::<i64>().value_offsets();
            place(offsets[row])..place(offsets[row + 1])
        }
        DataType::FixedSizeList(..) => {
            let list = list.as_fixed_size_list();
            let start = place(list.value_offset(row).into());
            start..start + place(list.value_length().into())
        }
        _ => 0..0,
    }
}

/// The JSON of each value of a nested column.
pub(super) fn json_texts(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let shown = with_text_keys(array.data_type());
    let array = if shown == *array.data_type() { Arc::clone(array) } else { cast(array, &shown)? };
    let field: FieldRef = Arc::new(Field::new("value", shown, true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, array.as_ref(), &options)?;
    let mut texts = StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}

/// The array with its floats as texts, how deep ever they lie, where there are infinities among
/// them: JSON has none. It has no NaN either, but that is "no value" already.
pub(super) fn with_texts_of_floats(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if !has_infinities(array)? {
        return Ok(Arc::clone(array));
    }
    cast(
        array,
        &with_types(array.data_type(), &|leaf| match leaf.is_floating() {
            true => DataType::Utf8,
            false => leaf.clone(),
        }),
    )
}

fn has_infinities(array: &ArrayRef) -> Result<bool, ArrowError> {
    let data_type = array.data_type();
    if data_type.is_floating() {
        let doubles = cast(array, &DataType::Float64)?;
        return Ok(doubles.as_primitive::<Float64Type>().iter().flatten().any(f64::is_infinite));
    }
    let rows = 0..array.len();
    match data_type {
        DataType::Struct(_) => any_has_infinities(array.as_struct().columns()),
        DataType::Map(..) => {
            let entries = rows.map(|row| Arc::new(array.as_map().value(row)) as ArrayRef);
            any_has_infinities(&entries.collect::<Vec<_>>())
        }
        list if element_type(list).is_some() => {
            let values = values(array)?;
            let ranges = rows.map(|row| range_at(array, row));
            any_has_infinities(
                &ranges.map(|range| values.slice(range.start, range.len())).collect::<Vec<_>>(),
            )
        }
        _ => Ok(false),
    }
}

fn any_has_infinities(arrays: &[ArrayRef]) -> Result<bool, ArrowError> {
    arrays.iter().try_fold(false, |found, array| Ok(found || has_infinities(array)?))
}

/// The type with texts for the keys of maps: JSON has no others.
fn with_text_keys(data_type: &DataType) -> DataType {
    with_types(data_type, &DataType::clone)
}

/// The type with texts for the keys of maps, and `leaf` for what is not nested.
fn with_types(data_type: &DataType, leaf: &dyn Fn(&DataType) -> DataType) -> DataType {
    let within = |field: &FieldRef| -> FieldRef {
        let data_type = with_types(field.data_type(), leaf);
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(within).collect()),
        DataType::List(field) => DataType::List(within(field)),
        DataType::LargeList(field) => DataType::LargeList(within(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(within(field), *size),
        DataType::Map(entries, is_sorted) => {
            let DataType::Struct(fields) = entries.data_type() else { return data_type.clone() };
            let fields: Fields = fields
                .iter()
                .enumerate()
                .map(|(index, field)| match (index, field.data_type()) {
                    (0, key) if !key.is_string() => {
                        Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8))
                    }
                    _ => within(field),
                })
                .collect();
            let entries = entries.as_ref().clone().with_data_type(DataType::Struct(fields));
            DataType::Map(Arc::new(entries), *is_sorted)
        }
        other => leaf(other),
    }
}
