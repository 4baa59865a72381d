//! Runs a named algorithm: from the columns that its input queries return to pure code and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Date32Array, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Date32Type, SchemaRef};

use crate::algorithms::identity::rules::{self, Evidence, Held};
use crate::algorithms::identity::stable_ids::{self, Earlier};
use crate::config::{IdentityRules, Settings};
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result};

/// Runs the algorithm `name` for the day `dt`. `inputs` holds each input query's rows by name;
/// the result has the columns of `schema` by name, ordered by its grain.
///
/// Errors: [`Kind::Usage`] where an input lacks a column that the algorithm reads.
pub(super) fn run(
    name: &str,
    settings: &Settings,
    dt: Day,
    inputs: &BTreeMap<String, Vec<RecordBatch>>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let inputs = Inputs { algorithm: name, batches: inputs };
    let columns = match name {
        "resolve_records" => {
            let rules = IdentityRules::read(settings.identity.as_deref())?;
            resolve_records(&rules, dt, &inputs)?
        }
        _ => return Err(Error::new(Kind::Defect, format!("run algorithm {name}: no such one"))),
    };
    let arrays = schema.fields().iter().map(|field| {
        columns.get(field.name().as_str()).cloned().ok_or_else(|| {
            Error::new(
                Kind::Usage,
                format!("run algorithm {name}: it does not make the column `{}`", field.name()),
            )
        })
    });
    RecordBatch::try_new(Arc::clone(schema), arrays.collect::<Result<_>>()?)
        .context(Kind::Usage, || format!("run algorithm {name}"))
}

struct Inputs<'a> {
    algorithm: &'a str,
    batches: &'a BTreeMap<String, Vec<RecordBatch>>,
}

impl Inputs<'_> {
    /// The columns `names` of the input `input`, text as Utf8.
    fn columns<const N: usize>(&self, input: &str, names: [&str; N]) -> Result<[ArrayRef; N]> {
        let missing = |what: String| {
            Error::new(Kind::Usage, format!("run algorithm {}: {what}", self.algorithm))
        };
        let batches = self
            .batches
            .get(input)
            .ok_or_else(|| missing(format!("it reads an input named `{input}`")))?;
        let mut columns = Vec::with_capacity(N);
        let Some(first) = batches.first() else {
            return Ok(names.map(|_| arrow::array::new_empty_array(&DataType::Utf8)));
        };
        let rows = concat_batches(&first.schema(), batches)
            .context(Kind::Defect, || format!("read input `{input}`"))?;
        for name in names {
            let column = rows
                .column_by_name(name)
                .ok_or_else(|| missing(format!("its input `{input}` needs a column `{name}`")))?;
            let column = match column.data_type() {
                DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8)
                    .context(Kind::Defect, || format!("read input `{input}`"))?,
                _ => Arc::clone(column),
            };
            columns.push(column);
        }
        columns.try_into().map_err(|_| missing("its inputs do not add up".to_string()))
    }
}

/// `resolve_records`: today's identity map.
///
/// Reads `identifiers` (record_id, source, kind, value; ordered by record_id) and `previous`
/// (record_id, customer_id, customer_since: yesterday's map). Makes record_id, source,
/// customer_id, customer_since and linked_by, ordered by record_id.
fn resolve_records(
    declared: &IdentityRules,
    dt: Day,
    inputs: &Inputs<'_>,
) -> Result<BTreeMap<&'static str, ArrayRef>> {
    let [record_ids, sources, kinds, values] =
        inputs.columns("identifiers", ["record_id", "source", "kind", "value"])?;
    let [earlier_records, earlier_customers] =
        inputs.columns("previous", ["record_id", "customer_id"])?;
    let [since] = inputs.columns("previous", ["customer_since"])?;
    let (record_ids, sources) = (record_ids.as_string::<i32>(), sources.as_string::<i32>());
    let (kinds, values) = (kinds.as_string::<i32>(), values.as_string::<i32>());

    // One record for each run of equal ids.
    let mut records: Vec<&str> = vec![];
    let mut record_sources: Vec<&str> = vec![];
    let mut held: Vec<Held<'_>> = vec![];
    for row in 0..record_ids.len() {
        let id = record_ids.value(row);
        if records.last() != Some(&id) {
            records.push(id);
            record_sources.push(sources.value(row));
        }
        let kind = declared.identifiers.iter().position(|rule| rule.kind == kinds.value(row));
        if let (Some(kind), false) = (kind, values.is_null(row)) {
            let record = u32::try_from(records.len() - 1).unwrap_or(u32::MAX);
            let kind = u16::try_from(kind).unwrap_or(u16::MAX);
            held.push(Held { record, kind, value: values.value(row) });
        }
    }
    let limits: Vec<rules::IdentifierRule> = declared
        .identifiers
        .iter()
        .map(|rule| rules::IdentifierRule {
            name: rule.kind.clone(),
            maximum_customers_per_identifier: rule.maximum_customers_per_identifier,
            maximum_identifiers_per_customer: rule.maximum_identifiers_per_customer,
        })
        .collect();
    // A decision about a record that has not come yet waits for it.
    let position = |id: &String| {
        records.binary_search(&id.as_str()).ok().and_then(|index| u32::try_from(index).ok())
    };
    let pairs = |pairs: &[(String, String)]| -> Vec<(u32, u32)> {
        pairs.iter().filter_map(|(left, right)| Some((position(left)?, position(right)?))).collect()
    };
    let resolution = rules::resolve(
        &records,
        &held,
        &limits,
        &pairs(&declared.must_link),
        &pairs(&declared.cannot_link),
    )?;

    let earlier: Vec<Earlier<'_>> = if earlier_records.is_empty() {
        vec![]
    } else {
        let (ids, customers) =
            (earlier_records.as_string::<i32>(), earlier_customers.as_string::<i32>());
        let since = since.as_primitive::<Date32Type>();
        let rows = (0..ids.len()).map(|row| Earlier {
            record_id: ids.value(row),
            customer_id: customers.value(row),
            first_day: Day::from_epoch(since.value(row)).unwrap_or(dt),
        });
        rows.collect()
    };
    let assignment = stable_ids::assign(dt, &records, &resolution.clusters, &earlier)?;

    let mut linked_by: Vec<Option<u16>> = vec![None; records.len()];
    for link in &resolution.links {
        let Evidence::Identifier { kind, .. } = link.evidence else { continue };
        for record in [link.left, link.right] {
            if let Some(strongest) = linked_by.get_mut(record as usize) {
                *strongest = Some(strongest.map_or(kind, |known| known.min(kind)));
            }
        }
    }
    let customers: Vec<_> = assignment
        .customer_of
        .iter()
        .filter_map(|customer| assignment.customers.get(*customer as usize))
        .collect();
    let customer_ids = customers.iter().map(|customer| customer.customer_id.as_ref());
    let customer_since = customers.iter().map(|customer| customer.first_day.to_epoch());
    let linked_by = linked_by
        .iter()
        .map(|kind| declared.identifiers.get(usize::from((*kind)?)).map(|rule| rule.kind.as_str()));
    Ok(BTreeMap::from([
        ("record_id", Arc::new(StringArray::from_iter_values(&records)) as ArrayRef),
        ("source", Arc::new(StringArray::from_iter_values(record_sources))),
        ("customer_id", Arc::new(StringArray::from_iter_values(customer_ids))),
        ("customer_since", Arc::new(Date32Array::from_iter_values(customer_since))),
        ("linked_by", Arc::new(linked_by.collect::<StringArray>())),
    ]))
}
