//! Sums of lists, position by position: how histograms of several rows become one.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, Int64Builder, ListBuilder};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, EmitTo, GroupsAccumulator, Signature,
    Volatility,
};

const NAME: &str = "sum_lists";

/// `sum_lists(counts)`: the sum of lists of whole numbers, position by position.
///
/// A list that is shorter than another counts as zeros where it has ended, and so does a null
/// within a list; null lists are left out, and the sum of nothing else is null. Whole numbers add
/// up to the same in any order, so the sum is the same on any number of threads.
#[derive(Debug)]
pub(super) struct SumLists {
    signature: Signature,
    documentation: Documentation,
}

impl Default for SumLists {
    fn default() -> Self {
        let section = DocSection { include: true, label: "Rapport Functions", description: None };
        let description = "The sum of lists of whole numbers, position by position. A shorter \
            list counts as zeros where it has ended; null lists are left out.";
        let documentation = Documentation::builder(section, description, "sum_lists(counts)")
            .with_argument("counts", "A list of integers.")
            .with_sql_example("sum_lists(score_counts) -> [3, 0, 14]");
        SumLists {
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation.build(),
        }
    }
}

// There is one of it, and DataFusion itself finds functions by name.
impl PartialEq for SumLists {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SumLists {}

impl Hash for SumLists {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

fn list_type() -> DataType {
    DataType::new_list(DataType::Int64, true)
}

impl AggregateUDFImpl for SumLists {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [DataType::Null] => Ok(vec![list_type()]),
            [
                DataType::List(element)
                | DataType::LargeList(element)
                | DataType::FixedSizeList(element, _),
            ] if element.data_type().is_integer() || element.data_type().is_null() => {
                Ok(vec![list_type()])
            }
            [given] => plan_err!("sum_lists(counts) takes a list of integers, not {given}"),
            _ => plan_err!("sum_lists(counts) was called with {} arguments", given.len()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(list_type())
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sums]", arguments.name), list_type(), true))])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        refuse_distinct(&arguments)?;
        Ok(Box::new(OneSum(Sums { groups: vec![None], number_count: 0 })))
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        !arguments.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        refuse_distinct(&arguments)?;
        Ok(Box::new(Sums::default()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

fn refuse_distinct(arguments: &AccumulatorArgs) -> Result<()> {
    match arguments.is_distinct {
        true => exec_err!("sum_lists() of distinct lists means nothing: leave `distinct` out"),
        false => Ok(()),
    }
}

/// The sum of each group; none where no list came yet.
#[derive(Debug, Default)]
struct Sums {
    groups: Vec<Option<Vec<i64>>>,
    /// Numbers in all sums, for telling how much memory they take.
    number_count: usize,
}

impl Sums {
    /// Adds each list of `lists` to the sum of the group that `group_of` names for its row; none
    /// leaves the row out.
    fn add(&mut self, lists: &ArrayRef, group_of: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let Some(lists) = lists.as_list_opt::<i32>() else {
            return exec_err!("sum_lists() was given {}", lists.data_type());
        };
        let numbers = lists.values().as_primitive::<Int64Type>();
        for (row, ends) in lists.value_offsets().windows(2).enumerate() {
            let (true, Some(group)) = (lists.is_valid(row), group_of(row)) else { continue };
            let (from, to) = (to_index(ends[0])?, to_index(ends[1])?);
            let Some(sum) = self.groups.get_mut(group) else {
                return exec_err!("sum_lists() was given no group {group}");
            };
            let sum = sum.get_or_insert_default();
            if sum.len() < to - from {
                self.number_count += to - from - sum.len();
                sum.resize(to - from, 0);
            }
            for (total, place) in sum.iter_mut().zip(from..to) {
                let number = if numbers.is_valid(place) { numbers.value(place) } else { 0 };
                *total = total.checked_add(number).ok_or_else(|| {
                    exec_datafusion_err!("sum_lists() exceeds what an integer can hold")
                })?;
            }
        }
        Ok(())
    }

    fn add_groups(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.groups.resize(group_count.max(self.groups.len()), None);
        let [lists] = values else {
            return exec_err!("sum_lists() was given {} columns", values.len());
        };
        self.add(lists, |row| {
            let is_chosen = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            groups.get(row).copied().filter(|_| is_chosen)
        })
    }

    /// The sums of the first groups, which are let go.
    fn emit(&mut self, emitted: EmitTo) -> ArrayRef {
        let sums = emitted.take_needed(&mut self.groups);
        self.number_count -= sums.iter().flatten().map(Vec::len).sum::<usize>();
        array_of(&sums)
    }
}

fn to_index(offset: i32) -> Result<usize> {
    usize::try_from(offset).map_err(|_| exec_datafusion_err!("sum_lists() was given a torn list"))
}

fn array_of(sums: &[Option<Vec<i64>>]) -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new());
    for sum in sums {
        if let Some(sum) = sum {
            lists.values().append_slice(sum);
        }
        lists.append(sum.is_some());
    }
    Arc::new(lists.finish())
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.add_groups(values, groups, filter, group_count)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        group_count: usize,
    ) -> Result<()> {
        self.add_groups(states, groups, None, group_count)
    }

    fn evaluate(&mut self, emitted: EmitTo) -> Result<ArrayRef> {
        Ok(self.emit(emitted))
    }

    fn state(&mut self, emitted: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit(emitted)])
    }

    /// A list alone is its own sum, but for nulls in it, which are seen when it is added.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(filter) = filter else { return Ok(values.to_vec()) };
        let left_out: BooleanArray =
            filter.iter().map(|is_chosen| Some(is_chosen != Some(true))).collect();
        values.iter().map(|lists| Ok(nullif(lists, &left_out)?)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.groups.capacity() * size_of::<Option<Vec<i64>>>()
            + self.number_count * size_of::<i64>()
    }
}

/// The sum where there are no groups.
#[derive(Debug)]
struct OneSum(Sums);

impl Accumulator for OneSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(lists) = values.first() else { return Ok(()) };
        self.0.add(lists, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&array_of(&self.0.groups), 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }
}
