//! The dictionary of the metrics: `metrics.metric_definitions`, one row a column of a metric, made
//! of the contracts that the metrics are checked against.

use std::path::Path;
use std::sync::Arc;

use crate::config::yaml;
use crate::engine::sql::Query;
use crate::errors::Result;
use crate::lake::TableName;
use crate::models::contract::{Column, Contract, Merge, Role};
use crate::models::{METRICS, Model, Recipe};

/// The dictionary's own contract.
const CONTRACT: &str = r#"
description: One row per table and column of the metrics, as their contracts say on dt.
grain: [table_name, column_name]
columns:
  - name: table_name
    type: string
    meaning: The table, without its zone.
    required: true
    role: dimension
  - name: column_name
    type: string
    meaning: The column.
    required: true
    role: dimension
  - name: column_number
    type: integer
    meaning: Its place in the table, from 1.
    required: true
    range: {min: 1}
    role: value
  - name: role
    type: string
    meaning: What the column is to the metric. Null where the table's contract does not say.
    accepted: [dimension, state, value, bound, flag]
    role: value
  - name: data_type
    type: string
    meaning: Its type, as contracts name types.
    required: true
    role: value
  - name: unit
    type: string
    meaning: Its unit. Null for what has none.
    role: value
  - name: meaning
    type: string
    meaning: What a value means, and what null and zero mean.
    required: true
    role: value
  - name: merge
    type: string
    meaning: How the state of several rows becomes one. Null for what is no state.
    accepted: [sum, min, max, lists, kaplan_meier, quantiles, distinct, markov]
    role: value
  - name: formula
    type: string
    meaning: The value as SQL over the state of its row and the settings' parameters. Null for what
      is no function of the state alone.
    role: value
  - name: table_description
    type: string
    meaning: What one row of the table is.
    required: true
    role: value
  - name: grain
    type: list<string>
    meaning: The columns that tell the table's rows of a day apart.
    required: true
    role: value
  - name: caveats
    type: list<string>
    meaning: What to know before using the table. Null for nothing.
    role: value
  - name: source
    type: string
    meaning: Where the definition comes from. Null for nowhere in particular.
    role: value
"#;

/// The dictionary's table.
pub(super) fn definitions_name() -> TableName {
    TableName::new(METRICS, "metric_definitions")
}

/// The dictionary of `metrics`, in the order of their names, and of itself; none where no metric
/// says what its columns are to it. `path` stands for what makes it.
pub(super) fn definitions_table(
    metrics: &[(&TableName, &Contract)],
    path: &Path,
) -> Option<Result<Model>> {
    let has_roles = |(_, contract): &(&TableName, &Contract)| {
        contract.columns.iter().any(|column| column.role.is_some())
    };
    metrics.iter().any(has_roles).then(|| definitions(metrics, path))
}

fn definitions(metrics: &[(&TableName, &Contract)], path: &Path) -> Result<Model> {
    let name = definitions_name();
    let own: Contract = yaml::parse(&name.to_string(), CONTRACT)?;
    let own_row = [(&name, &own)];
    let rows = metrics.iter().chain(&own_row).flat_map(|(table, contract)| {
        let columns = contract.columns.iter().enumerate();
        columns.map(|(place, column)| row(table, contract, place + 1, column))
    });
    let rows: Vec<String> = rows.collect();
    let columns: Vec<&str> = own.columns.iter().map(|column| column.name.value.as_str()).collect();
    let text = format!(
        "select * from (values {}) as definitions ({}) order by table_name, column_name",
        rows.join(", "),
        columns.join(", "),
    );
    let query = Query::parse(&name.to_string(), &text)?;
    Ok(Model {
        name,
        path: path.to_path_buf(),
        schema: own.schema(),
        grain: own.grain.value.clone(),
        contract: Some(Arc::new(own)),
        recipe: Recipe::Query(Box::new(query)),
    })
}

/// A row of the dictionary, in the order of its columns.
fn row(table: &TableName, contract: &Contract, number: usize, column: &Column) -> String {
    let formula = column.formula.as_ref().map(|formula| formula.value.as_str());
    let cells = [
        text(&table.table),
        text(&column.name.value),
        number.to_string(),
        optional(column.role.map(Role::name)),
        text(&column.data_type.value),
        optional(column.unit.as_deref()),
        text(&column.meaning),
        optional(column.merged_by().map(Merge::name)),
        optional(formula),
        text(&contract.description.value),
        texts(&contract.grain.value),
        texts(&contract.caveats),
        optional(contract.source.as_deref()),
    ];
    format!("({})", cells.join(", "))
}

/// A text in SQL, on one line as prose is.
fn text(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("'{}'", words.join(" ").replace('\'', "''"))
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_string(), text)
}

fn texts(texts: &[String]) -> String {
    match texts {
        [] => "null".to_string(),
        texts => {
            format!(
                "make_array({})",
                texts.iter().map(|line| text(line)).collect::<Vec<_>>().join(", ")
            )
        }
    }
}
