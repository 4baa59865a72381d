//! Aggregates that gather an algorithm's state and return it as a list: arrow's side of them.
//!
//! The state of a group depends on its rows alone, neither on their order nor on how threads
//! parted them: what an algorithm gathers must merge to the same from any parts.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Int64Builder, ListArray, ListBuilder,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature, Volatility,
};

use super::arguments::{Arguments, numbers_at};
use super::{Parameter, coerce, document, integers, texts, usage};

/// What an aggregate takes, and what it means.
#[derive(Debug)]
pub(super) struct AggregateDeclaration {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// How many parameters at the end may be left out.
    pub(super) optional: usize,
    pub(super) description: &'static str,
    pub(super) example: &'static str,
}

/// What is gathered of the rows of a group.
pub(super) trait Gathered: Default + fmt::Debug + Send + Sync + 'static {
    /// What it reads of a row.
    type Row<'a>;
    /// What the list is made of.
    type Item: Item;

    /// Reads the rows of a batch; none for a row that says nothing.
    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>>;

    /// Takes in a row.
    fn add(&mut self, row: Self::Row<'_>) -> Result<(), String>;

    /// All that there is to merge.
    fn state(&self) -> Vec<Self::Item>;

    /// Takes in what [`Gathered::state`] of another group's part returned.
    fn absorb(&mut self, state: &[Self::Item]) -> Result<(), String>;

    /// What the aggregate returns.
    fn result(&self) -> Vec<Self::Item> {
        self.state()
    }

    /// Entries that it holds in memory.
    fn len(&self) -> usize;
}

/// An element of a list.
pub(super) trait Item: Sized + Clone + 'static {
    /// The type of the list.
    fn list_type() -> DataType;
    /// Lists of a column.
    fn lists(rows: Vec<Vec<Self>>) -> ArrayRef;
    /// The list at a place that is not null.
    fn list(lists: &ListArray, place: usize) -> Result<Vec<Self>>;
}

impl Item for i64 {
    fn list_type() -> DataType {
        integers()
    }

    fn lists(rows: Vec<Vec<i64>>) -> ArrayRef {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for row in rows {
            lists.values().append_slice(&row);
            lists.append(true);
        }
        Arc::new(lists.finish())
    }

    fn list(lists: &ListArray, place: usize) -> Result<Vec<i64>> {
        numbers_at(lists, place).map(<[i64]>::to_vec)
    }
}

impl Item for String {
    fn list_type() -> DataType {
        texts()
    }

    fn lists(rows: Vec<Vec<String>>) -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in rows {
            row.iter().for_each(|text| lists.values().append_value(text));
            lists.append(true);
        }
        Arc::new(lists.finish())
    }

    fn list(lists: &ListArray, place: usize) -> Result<Vec<String>> {
        let elements = lists.value(place);
        let Some(texts) = elements.as_string_opt::<i32>() else {
            return internal_err!("a list of {} is none of texts", elements.data_type());
        };
        Ok(texts.iter().flatten().map(str::to_string).collect())
    }
}

/// An aggregate over what another one returned, to merge it: of days, of segments.
#[derive(Debug, Default)]
pub(super) struct Merged<G>(G);

impl<G: Gathered> Gathered for Merged<G> {
    type Row<'a> = Vec<G::Item>;
    type Item = G::Item;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let lists = arguments.list(0)?;
        Ok(move |row| lists.list_of::<G::Item>(row))
    }

    fn add(&mut self, row: Vec<G::Item>) -> Result<(), String> {
        self.0.absorb(&row)
    }

    fn state(&self) -> Vec<G::Item> {
        self.0.state()
    }

    fn absorb(&mut self, state: &[G::Item]) -> Result<(), String> {
        self.0.absorb(state)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The aggregate of a declaration, which gathers `G`.
pub(super) fn aggregate<G: Gathered>(
    declaration: &'static AggregateDeclaration,
) -> Arc<AggregateUDF> {
    let AggregateDeclaration { description, example, parameters, .. } = declaration;
    Arc::new(AggregateUDF::new_from_impl(Aggregate::<G> {
        declaration,
        signature: Signature::user_defined(Volatility::Immutable),
        documentation: document(description, declaration.usage(), example, parameters),
        gathers: PhantomData,
    }))
}

impl AggregateDeclaration {
    fn usage(&self) -> String {
        usage(self.name, self.parameters, self.optional)
    }
}

/// A declaration as DataFusion wants it.
#[derive(Debug)]
struct Aggregate<G> {
    declaration: &'static AggregateDeclaration,
    signature: Signature,
    documentation: Documentation,
    gathers: PhantomData<G>,
}

// Names are unique, and DataFusion itself finds functions by name.
impl<G> PartialEq for Aggregate<G> {
    fn eq(&self, other: &Self) -> bool {
        self.declaration.name == other.declaration.name
    }
}

impl<G> Eq for Aggregate<G> {}

impl<G> Hash for Aggregate<G> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
    }
}

impl<G: Gathered> Aggregate<G> {
    /// What is gathered counts every row: of distinct ones it means nothing.
    fn refuse_distinct(&self, arguments: &AccumulatorArgs) -> Result<()> {
        match arguments.is_distinct {
            true => plan_err!(
                "{}() counts every row: leave `distinct` out, or make the rows distinct before",
                self.declaration.name
            ),
            false => Ok(()),
        }
    }
}

impl<G: Gathered> AggregateUDFImpl for Aggregate<G> {
    fn name(&self) -> &str {
        self.declaration.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let AggregateDeclaration { parameters, optional, .. } = self.declaration;
        coerce(&self.declaration.usage(), parameters, *optional, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(G::Item::list_type())
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[gathered]", arguments.name);
        Ok(vec![Arc::new(Field::new(name, G::Item::list_type(), true))])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(&arguments)?;
        let mut groups = Groups::<G>::new(self.declaration.name);
        groups.resize(1);
        Ok(Box::new(One(groups)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.refuse_distinct(&arguments)?;
        Ok(Box::new(Groups::<G>::new(self.declaration.name)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// Bytes that an entry takes in memory, with what trees and texts need around it.
const ENTRY_BYTES: usize = 64;

/// What was gathered of each group.
#[derive(Debug)]
struct Groups<G> {
    function: &'static str,
    gathered: Vec<G>,
    /// Entries in all of them.
    entry_count: usize,
}

impl<G: Gathered> Groups<G> {
    fn new(function: &'static str) -> Self {
        Groups { function, gathered: vec![], entry_count: 0 }
    }

    fn resize(&mut self, group_count: usize) {
        self.gathered.resize_with(group_count.max(self.gathered.len()), G::default);
    }

    /// Changes what was gathered of a group.
    fn change(
        &mut self,
        group: usize,
        change: impl FnOnce(&mut G) -> Result<(), String>,
    ) -> Result<()> {
        let Some(gathered) = self.gathered.get_mut(group) else {
            return internal_err!("{} was given no group {group}", self.function);
        };
        let before = gathered.len();
        change(gathered).map_err(|what| exec_datafusion_err!("{}(): {what}", self.function))?;
        self.entry_count = (self.entry_count + gathered.len()).saturating_sub(before);
        Ok(())
    }

    /// Takes in each row of a batch for the group that `group_of` names; none leaves it out.
    fn add_rows(
        &mut self,
        values: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let arguments = Arguments::of_rows(self.function, values);
        let read = G::reader(&arguments)?;
        for row in 0..arguments.rows {
            let Some(group) = group_of(row) else { continue };
            if let Some(row) = read(row)? {
                self.change(group, |gathered| gathered.add(row))?;
            }
        }
        Ok(())
    }

    fn absorb_rows(
        &mut self,
        states: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let Some(lists) = states.first().and_then(|lists| lists.as_list_opt::<i32>()) else {
            return internal_err!("{} was given no state", self.function);
        };
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let Some(group) = group_of(row) else { continue };
            let state = G::Item::list(lists, row)?;
            self.change(group, |gathered| gathered.absorb(&state))?;
        }
        Ok(())
    }

    /// What was gathered of the first groups, which are let go.
    fn take(&mut self, emitted: EmitTo) -> Vec<G> {
        let taken = emitted.take_needed(&mut self.gathered);
        let entries: usize = taken.iter().map(G::len).sum();
        self.entry_count = self.entry_count.saturating_sub(entries);
        taken
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.gathered.capacity() * size_of::<G>()
            + self.entry_count * ENTRY_BYTES
    }
}

impl<G: Gathered> GroupsAccumulator for Groups<G> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.resize(group_count);
        self.add_rows(values, |row| groups.get(row).copied().filter(|_| is_chosen(filter, row)))
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        group_count: usize,
    ) -> Result<()> {
        self.resize(group_count);
        self.absorb_rows(states, |row| groups.get(row).copied())
    }

    fn evaluate(&mut self, emitted: EmitTo) -> Result<ArrayRef> {
        Ok(G::Item::lists(self.take(emitted).iter().map(G::result).collect()))
    }

    fn state(&mut self, emitted: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![G::Item::lists(self.take(emitted).iter().map(G::state).collect())])
    }

    /// Each row as a group of its own.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut alone = Groups::<G>::new(self.function);
        alone.resize(values.first().map_or(0, |array| array.len()));
        alone.add_rows(values, |row| Some(row).filter(|row| is_chosen(filter, *row)))?;
        GroupsAccumulator::state(&mut alone, EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

fn is_chosen(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// What is gathered where there are no groups.
#[derive(Debug)]
struct One<G>(Groups<G>);

impl<G: Gathered> One<G> {
    fn list(&self, of: fn(&G) -> Vec<G::Item>) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&G::Item::lists(self.0.gathered.iter().map(of).collect()), 0)
    }
}

impl<G: Gathered> Accumulator for One<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add_rows(values, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.absorb_rows(states, |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.list(G::result)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.list(G::state)?])
    }

    fn size(&self) -> usize {
        self.0.bytes()
    }
}
