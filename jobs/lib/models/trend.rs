//! The trends of a metric: `metrics.<table>_trend`, made of the windows that its contract declares.
//!
//! A row is the sum of a metric's rows over a window of event days: the state is merged, and the
//! values follow from it by their formulas, so that a share over 28 days is that of all its
//! answers and not the average of 28 shares.

use std::path::Path;

use arrow::datatypes::DataType;

use crate::config::yaml::{self, Spanned};
use crate::engine::sql::Query;
use crate::errors::{Error, Kind, Result};
use crate::lake::TableName;
use crate::models::contract::{Column, Contract, Merge, Role, Value};
use crate::models::generated::{arrow_name, quoted};
use crate::models::roles::{self, MATURE_COLUMN, WINDOW_COLUMN};
use crate::models::{METRICS, Model, Recipe};

/// How many days a fact may arrive before its business day.
///
/// A file of the day `dt` holds what happened by the end of `dt` on its writer's clock. The
/// earliest clocks of the world are 12 hours behind UTC and the latest 14 ahead, 26 hours apart:
/// what happens before `dt` ends on the one has a business day of at most `dt + 2` on the other.
const AHEAD_DAYS: u16 = 2;

/// The table of trends of the metric `table`.
pub(super) fn trend_name(table: &TableName) -> TableName {
    TableName::new(METRICS, format!("{}_trend", table.table))
}

/// The table of trends of the metric `table`, whose contract stands at `path` and has no mistake
/// of [roles]; none where it declares no windows.
pub(super) fn trend_table(
    table: &TableName,
    contract: &Contract,
    path: &Path,
) -> Option<Result<Model>> {
    let (windows, event_day) = (contract.windows.as_ref()?, contract.event_day.as_ref()?);
    Some(trend(table, contract, path, &windows.value, &event_day.value))
}

fn trend(
    table: &TableName,
    contract: &Contract,
    path: &Path,
    windows: &[u16],
    event_day: &str,
) -> Result<Model> {
    let file = path.display().to_string();
    let kept = contract.columns.iter().filter(|column| column.is_in_trend(event_day));
    let kept: Vec<&Column> = kept.collect();
    let text = query(table, contract, &kept, windows, event_day)?;
    let contract = trend_contract(table, contract, &kept, &file, windows, event_day)?;
    Ok(Model {
        name: trend_name(table),
        path: path.to_path_buf(),
        schema: contract.schema(),
        grain: contract.grain.value.clone(),
        contract: Some(std::sync::Arc::new(contract)),
        recipe: Recipe::Query(Box::new(Query::parse(&file, &text)?)),
    })
}

/// A window of W days that ends with the run date R has the event days after R − W and up to R. A
/// fact is known on its event day or later, or at most [`AHEAD_DAYS`] earlier, so whatever is of
/// the window lies in the partitions after R − W − [`AHEAD_DAYS`], up to R: late as it may come,
/// none before that can hold any, and a longer history costs nothing. A fact that is dated further
/// ahead has a wrong date; each window leaves out what came before those days, so that it says the
/// same whatever longer windows are declared beside it.
fn query(
    table: &TableName,
    contract: &Contract,
    kept: &[&Column],
    windows: &[u16],
    event_day: &str,
) -> Result<String> {
    let longest = windows.iter().max().copied().unwrap_or_default();
    let dimensions = kept.iter().filter(|column| column.role == Some(Role::Dimension));
    let dimensions: Vec<String> = dimensions.map(|column| quoted(&column.name.value)).collect();
    let group: Vec<String> = [WINDOW_COLUMN.to_string()].into_iter().chain(dimensions).collect();
    let group = group.join(", ");
    let state = kept.iter().filter_map(|column| Some(merged(column, column.merged_by()?)));
    let state: Vec<String> = state.collect();
    let mut columns = vec![WINDOW_COLUMN.to_string()];
    for column in kept {
        let name = quoted(&column.name.value);
        columns.push(match &column.formula {
            Some(formula) => {
                let formula = roles::formula(contract, &formula.value)
                    .map_err(|what| Error::new(Kind::Defect, format!("sum {table} up: {what}")))?;
                format!("{} as {name}", typed(column, &formula.canonical))
            }
            None => name,
        });
    }
    let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
    Ok(format!(
        "with known as (select * from {table} where dt > $run_date - interval '{reach} days' \
         and dt <= $run_date), \
         windows as (select unnest(make_array({windows})) as {WINDOW_COLUMN}), \
         merged as (select {group}, {state} from known cross join windows \
         where days_between(known.{event_day}, $run_date) between 0 and {WINDOW_COLUMN} - 1 \
         and days_between(known.dt, $run_date) < {WINDOW_COLUMN} + {AHEAD_DAYS} \
         group by {group}) \
         select {columns}, days_between($first_input_date, $run_date) >= {WINDOW_COLUMN} - 1 \
         as {MATURE_COLUMN} from merged order by {group}",
        reach = longest + AHEAD_DAYS,
        windows = windows.join(", "),
        state = state.join(", "),
        event_day = quoted(event_day),
        columns = columns.join(", "),
    ))
}

/// State merged, in the type it has in a row.
fn merged(column: &Column, merge: Merge) -> String {
    let name = quoted(&column.name.value);
    let merged = format!("{}({name})", merge.aggregate());
    let merged = match merge {
        // The sum of decimals is one of more digits.
        Merge::Sum => typed(column, &merged),
        _ => merged,
    };
    format!("{merged} as {name}")
}

/// `expression` as a value of the type of `column`, in SQL.
pub fn typed(column: &Column, expression: &str) -> String {
    let data_type = column.arrow_type().unwrap_or(DataType::Null);
    format!("arrow_cast({expression}, '{}')", arrow_name(&data_type).replace('\'', "''"))
}

fn trend_contract(
    table: &TableName,
    contract: &Contract,
    kept: &[&Column],
    file: &str,
    windows: &[u16],
    event_day: &str,
) -> Result<Contract> {
    let own = |text: serde_json::Value| -> Result<Column> {
        // JSON is YAML.
        yaml::parse(file, &text.to_string())
    };
    let mut columns = vec![own(serde_json::json!({
        "name": WINDOW_COLUMN,
        "type": "integer",
        "meaning": format!("The window: how many days, up to dt, of `{event_day}`."),
        "unit": "days",
        "required": true,
        "accepted": windows,
        "role": "dimension",
    }))?];
    columns.extend(kept.iter().map(|column| summed(column)));
    columns.push(own(serde_json::json!({
        "name": MATURE_COLUMN,
        "type": "boolean",
        "meaning": format!(
            "Whether all days of the window are days of {table}: false where the window begins \
             before the table does, and so lacks what happened earlier."
        ),
        "required": true,
        "role": "flag",
    }))?);
    let grain = columns.iter().filter(|column| column.role == Some(Role::Dimension));
    let grain = grain.map(|column| column.name.value.clone()).collect();
    let mut caveats = vec![format!(
        "Each dt has whole windows, of {event_day} up to dt as far as known on dt: read one dt at \
         a time, and one window."
    )];
    caveats.extend(contract.caveats.iter().cloned());
    let beside =
        |place: &Spanned<String>, value| Spanned::new(value, place.referenced, place.defined);
    let description = format!(
        "{table} summed up over windows of days that end with dt: one row per {}.",
        in_words(&columns)
    );
    Ok(Contract {
        description: beside(&contract.description, description),
        entity: None,
        grain: Spanned::new(grain, contract.grain.referenced, contract.grain.defined),
        columns,
        checks: vec![],
        rows: None,
        caveats,
        tags: contract.tags.clone(),
        source: contract.source.clone(),
        event_day: None,
        windows: None,
        algorithm: None,
        inputs: std::collections::BTreeMap::new(),
    })
}

/// The dimensions among `columns`: `window_days, survey and channel`.
fn in_words(columns: &[Column]) -> String {
    let dimensions = columns.iter().filter(|column| column.role == Some(Role::Dimension));
    let names: Vec<&str> = dimensions.map(|column| column.name.value.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_string(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// A metric's column as it is once rows are merged: what its contract demands as far as it holds
/// of sums too.
fn summed(column: &Column) -> Column {
    let mut summed = column.clone();
    // What is of an earlier day may be gone from the table of dt.
    summed.references = None;
    if column.merged_by() == Some(Merge::Sum) {
        summed.accepted = None;
        if let Some(range) = &mut summed.range {
            range.min = range.min.take().filter(|min| !is_below_zero(min));
            range.max = None;
        }
        summed.range = summed.range.filter(|range| range.min.is_some());
    }
    summed
}

fn is_below_zero(value: &Value) -> bool {
    match value {
        Value::Integer(value) => *value < 0,
        Value::Number(value) => *value < 0.0,
        Value::Boolean(_) | Value::Text(_) => false,
    }
}
