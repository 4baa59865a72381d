//! What moved of figures that had been published: `metrics.restatements`, one row a figure and
//! version of a day that moved it, made of what the ledger noted when the day was published anew.

use std::path::Path;
use std::sync::Arc;

use crate::config::yaml;
use crate::errors::Result;
use crate::lake::TableName;
use crate::models::contract::Contract;
use crate::models::{METRICS, Model, Recipe};

/// The table's contract.
const CONTRACT: &str = r#"
description: One row per figure of dt that is other than it was when the day was published before,
  with what it was, what it became and which run made it so. Empty where nothing moved.
grain: [table_name, version, dimensions, column_name]
caveats:
  - It tells the history of this warehouse. One that is built anew has none, whatever happened in
    another.
  - A day whose tables are gone, or whose object was altered by others, was published before with
    figures that nobody knows any more; then one row of the kind `unknown` stands for all of them.
columns:
  - name: table_name
    type: string
    meaning: The table of metrics, without its zone.
    required: true
    role: dimension
  - name: version
    type: integer
    meaning: The version of the day that came with the new figures, as the ledger counts them. The
      one before it had the old ones.
    required: true
    range: {min: 2}
    role: dimension
  - name: dimensions
    type: string
    meaning: The row that the figure stands in, as JSON of the columns of the table's grain with
      their values. `{}` where the row is unknown.
    required: true
    role: dimension
  - name: column_name
    type: string
    meaning: The column that the figure stands in, `*` where it is unknown.
    required: true
    role: dimension
  - name: kind
    type: string
    meaning: Whether the row was there before and is now (`changed`), only now (`appeared`), only
      before (`vanished`); or the figures of before cannot be read any more (`unknown`).
    required: true
    accepted: [changed, appeared, vanished, unknown]
    role: value
  - name: value_before
    type: string
    meaning: What the figure was, as text; of a sketch the first digits of its hash. Null where it
      was null, not there, or is unknown.
    role: value
  - name: value_after
    type: string
    meaning: What the figure became, as text; of a sketch the first digits of its hash. Null where
      it is null, not there, or what it was is unknown.
    role: value
  - name: reason
    type: string
    meaning: Why the day was built anew.
    required: true
    role: value
  - name: run_id
    type: string
    meaning: The run that published it.
    required: true
    role: value
checks:
  - name: something_moved
    meaning: a figure that is as it was did not move
    sql: select * from this where kind = 'changed' and value_before is not distinct from value_after
"#;

/// The table's name.
pub(super) fn restatements_name() -> TableName {
    TableName::new(METRICS, "restatements")
}

/// The table of what moved of the figures of `tables`, in the order of their names. `path` stands
/// for what makes it.
pub(super) fn restatements_table(tables: Vec<TableName>, path: &Path) -> Result<Model> {
    let name = restatements_name();
    let contract: Contract = yaml::parse(&name.to_string(), CONTRACT)?;
    Ok(Model {
        name,
        path: path.to_path_buf(),
        schema: contract.schema(),
        grain: contract.grain.value.clone(),
        contract: Some(Arc::new(contract)),
        recipe: Recipe::Restatements(tables),
    })
}
