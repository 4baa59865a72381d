//! The gate: every row that is built passes it on its way to the file. It brings rows into the
//! published types, and checks what can be checked as they stream by: order and uniqueness of the
//! grain, nulls, numbers that are none, state that would not merge, [rules](super::rules) of one
//! row, the number of rows.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{CastOptions, SortOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use arrow::row::{RowConverter, SortField};

use crate::checks::finding::{Finding, broken, rows_that_share_a_grain, rows_where};
use crate::checks::rules::Rules;
use crate::checks::states;
use crate::errors::{Context, Error, Kind, Result};
use crate::models::Model;
use crate::models::contract::{Column, Contract, Merge, Severity, conforms, type_name};

/// Brings rows into the published types, and checks what can be checked as they stream by.
#[derive(Debug)]
pub struct Gate {
    model: String,
    schema: SchemaRef,
    grain: Vec<usize>,
    /// Encodes grains so that they compare as bytes; none before the first row.
    grain_encoder: Option<RowConverter>,
    last_grain: Vec<u8>,
    /// Whether the last row is counted among those that share their grain.
    is_last_shared: bool,
    /// Rows that share their grain with another.
    shared_row_count: u64,
    /// Rows whose grain is below that of the row before.
    unordered_row_count: u64,
    row_count: u64,
    required: Vec<(usize, Severity)>,
    null_counts: BTreeMap<usize, u64>,
    /// The columns of doubles.
    doubles: Vec<(usize, Severity)>,
    not_a_number_counts: BTreeMap<usize, u64>,
    /// The columns of state that one aggregate alone makes, with how they merge.
    states: Vec<(usize, Merge, Severity)>,
    not_a_state_counts: BTreeMap<usize, u64>,
    rules: Rules,
}

impl Gate {
    /// A gate for the rows of `model`, which holds them against `rules` besides.
    pub fn new(model: &Model, rules: Rules) -> Gate {
        let index = |name: &String| model.schema.index_of(name).ok();
        let columns = model.contract.iter().flat_map(|contract| &contract.columns);
        let chosen = |is_chosen: fn(&Column) -> bool| {
            let columns = columns.clone().enumerate();
            let chosen = columns.filter(move |(_, column)| is_chosen(column));
            chosen.map(|(index, column)| (index, column.severity)).collect()
        };
        let states = columns.clone().enumerate().filter_map(|(index, column)| {
            let merge = column.merged_by().filter(|merge| merge.made_by().is_some())?;
            Some((index, merge, column.severity))
        });
        let states = states.collect();
        Gate {
            model: model.name.to_string(),
            schema: Arc::clone(&model.schema),
            grain: model.grain.iter().filter_map(index).collect(),
            grain_encoder: None,
            last_grain: vec![],
            is_last_shared: false,
            shared_row_count: 0,
            unordered_row_count: 0,
            row_count: 0,
            required: chosen(|column| column.required),
            null_counts: BTreeMap::new(),
            doubles: chosen(|column| column.arrow_type() == Ok(DataType::Float64)),
            not_a_number_counts: BTreeMap::new(),
            states,
            not_a_state_counts: BTreeMap::new(),
            rules,
        }
    }

    /// The rows of `batch` as they are published.
    ///
    /// Errors: [`Kind::Usage`] where a column has another type than the contract says, or holds a
    /// value that its published type cannot.
    pub fn pass(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let name = field.name();
            let found = batch.column_by_name(name).ok_or_else(|| {
                Error::new(Kind::Usage, format!("build {}: no column `{name}`", self.model))
            })?;
            if !conforms(found.data_type(), field.data_type()) {
                return Err(Error::new(
                    Kind::Usage,
                    format!(
                        "build {}: column `{name}` is {}, the contract says {}",
                        self.model,
                        type_name(found.data_type()),
                        type_name(field.data_type()),
                    ),
                ));
            }
            // Safe casts turn a value that does not fit into null, and that would go unseen.
            let strictly = CastOptions { safe: false, ..CastOptions::default() };
            let column = cast_with_options(found, field.data_type(), &strictly).map_err(|_| {
                Error::new(
                    Kind::CheckFailed,
                    format!(
                        "build {}: column `{name}` holds a value that {} cannot",
                        self.model,
                        type_name(field.data_type()),
                    ),
                )
            })?;
            columns.push(column);
        }
        let passed = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .context(Kind::Defect, || format!("build {}", self.model))?;
        self.count(&passed)?;
        Ok(passed)
    }

    fn count(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.row_count += batch.num_rows() as u64;
        for (index, _) in &self.required {
            *self.null_counts.entry(*index).or_default() +=
                batch.column(*index).null_count() as u64;
        }
        for (index, _) in &self.doubles {
            let values = batch.column(*index).as_primitive::<Float64Type>().iter().flatten();
            *self.not_a_number_counts.entry(*index).or_default() +=
                values.filter(|value| !value.is_finite()).count() as u64;
        }
        for (index, merge, _) in &self.states {
            let bad_row_count = states::count_of_others(*merge, batch.column(*index));
            *self.not_a_state_counts.entry(*index).or_default() += bad_row_count;
        }
        // A formula over what is no state ends in an error of its function, not in a finding.
        if !self.has_other_state() {
            self.rules.count(batch)?;
        }
        self.count_grains(batch)
    }

    fn count_grains(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.grain.is_empty() {
            return Ok(());
        }
        let context = || format!("check the grain of {}", self.model);
        let grain: Vec<ArrayRef> =
            self.grain.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let is_first = self.grain_encoder.is_none();
        let encoder = match &mut self.grain_encoder {
            Some(encoder) => encoder,
            none => {
                let upwards = SortOptions { descending: false, nulls_first: false };
                let fields = grain
                    .iter()
                    .map(|column| SortField::new_with_options(column.data_type().clone(), upwards));
                let encoder = RowConverter::new(fields.collect());
                none.insert(encoder.context(Kind::Defect, context)?)
            }
        };
        let rows = encoder.convert_columns(&grain).context(Kind::Defect, context)?;
        let mut last: &[u8] = &self.last_grain;
        for (index, row) in rows.iter().enumerate() {
            let order = match is_first && index == 0 {
                true => Ordering::Less,
                false => last.cmp(row.data()),
            };
            match order {
                Ordering::Less => {}
                Ordering::Equal => self.shared_row_count += 2 - u64::from(self.is_last_shared),
                Ordering::Greater => self.unordered_row_count += 1,
            }
            self.is_last_shared = order == Ordering::Equal;
            last = row.data();
        }
        self.last_grain = last.to_vec();
        Ok(())
    }

    /// Whether any state is not what its aggregate makes, so that nothing can be asked of it.
    pub fn has_other_state(&self) -> bool {
        self.not_a_state_counts.values().any(|count| *count > 0)
    }

    /// What was found, once all rows have passed.
    pub fn findings(&self, contract: &Contract) -> Vec<Finding> {
        broken(self.checks(contract))
    }

    /// What was checked, once all rows have passed, and what was found of it, if anything.
    pub fn checks(&self, contract: &Contract) -> Vec<Finding> {
        let grain = contract.grain.value.join(", ");
        let mut checks = vec![
            Finding {
                check: format!("unique({grain})"),
                meaning: "the grain must identify a row".to_string(),
                is_broken: self.shared_row_count > 0,
                bad_row_count: self.shared_row_count,
                severity: Severity::Fail,
                query: Some(rows_that_share_a_grain(contract)),
                kept: None,
            },
            // Repeats of a grain are told by its order: out of order they could hide. The rows are
            // not to blame, their query is.
            Finding {
                check: format!("ordered({grain})"),
                meaning: "the output must be ordered by its grain".to_string(),
                is_broken: self.unordered_row_count > 0,
                bad_row_count: self.unordered_row_count,
                severity: Severity::Fail,
                query: None,
                kept: None,
            },
        ];
        for (index, severity) in &self.required {
            let name = self.schema.field(*index).name();
            let bad_row_count = self.null_counts.get(index).copied().unwrap_or(0);
            checks.push(Finding {
                check: format!("required({name})"),
                meaning: format!("`{name}` must not be null"),
                is_broken: bad_row_count > 0,
                bad_row_count,
                severity: *severity,
                query: Some(rows_where(contract, &format!("\"{name}\" is null"))),
                kept: None,
            });
        }
        for (index, severity) in &self.doubles {
            let name = self.schema.field(*index).name();
            let bad_row_count = self.not_a_number_counts.get(index).copied().unwrap_or(0);
            let infinite = ["Infinity", "-Infinity"].map(|end| format!("cast('{end}' as double)"));
            let condition = format!("isnan(\"{name}\") or \"{name}\" in ({})", infinite.join(", "));
            checks.push(Finding {
                check: format!("number({name})"),
                meaning: format!("`{name}` must be a finite number"),
                is_broken: bad_row_count > 0,
                bad_row_count,
                severity: *severity,
                query: Some(rows_where(contract, &condition)),
                kept: None,
            });
        }
        for (index, merge, severity) in &self.states {
            let name = self.schema.field(*index).name();
            let bad_row_count = self.not_a_state_counts.get(index).copied().unwrap_or(0);
            // No query tells them from others: it is the query of the table that is to blame.
            checks.push(Finding {
                check: format!("state({name})"),
                meaning: format!(
                    "`{name}` must be what {}() returns",
                    merge.made_by().unwrap_or_default()
                ),
                is_broken: bad_row_count > 0,
                bad_row_count,
                severity: *severity,
                query: None,
                kept: None,
            });
        }
        if !self.has_other_state() {
            checks.extend(self.rules.checks(contract));
        }
        if let Some(limits) = &contract.rows {
            let below = limits.min.is_some_and(|min| self.row_count < min);
            let above = limits.max.is_some_and(|max| self.row_count > max);
            let (least, most) = (limits.min.unwrap_or(0), limits.max);
            checks.push(Finding {
                check: format!(
                    "rows({least}..{})",
                    most.map(|most| most.to_string()).unwrap_or_default()
                ),
                meaning: "a day must have no fewer rows and no more".to_string(),
                is_broken: below || above,
                bad_row_count: self.row_count,
                severity: limits.severity,
                query: None,
                kept: None,
            });
        }
        checks
    }
}
