//! The accounting of exports as a table: `staging.export_accounting`, one row a source and day,
//! made of what the ledger noted when the day's files were read.

use std::path::Path;
use std::sync::Arc;

use crate::config::yaml;
use crate::errors::Result;
use crate::lake::TableName;
use crate::models::contract::Contract;
use crate::models::{Model, Recipe, STAGING};

/// The table's contract.
const CONTRACT: &str = r#"
description: One row per declared source, with what became of the rows of the day's exports. Every
  row that was read was accepted, quarantined or dropped.
grain: [source]
columns:
  - name: source
    type: string
    meaning: The source, as it is declared.
    required: true
  - name: file_count
    type: integer
    meaning: Files that were read. Zero where none came.
    required: true
    range: {min: 0}
  - name: read_row_count
    type: integer
    meaning: Rows in them.
    required: true
    range: {min: 0}
  - name: accepted_row_count
    type: integer
    meaning: Rows published in raw.
    required: true
    range: {min: 0}
  - name: quarantined_row_count
    type: integer
    meaning: Rows set aside because they broke the source's contract.
    required: true
    range: {min: 0}
  - name: duplicate_row_count
    type: integer
    meaning: Exact duplicates that were dropped, among them all rows of a file that was delivered
      again.
    required: true
    range: {min: 0}
  - name: kept_duplicate_row_count
    type: integer
    meaning: Exact duplicates that were kept because the source says so; they are among the accepted.
    required: true
    range: {min: 0}
checks:
  - name: no_row_is_lost
    meaning: every row that is read is accounted for
    sql: select * from this where read_row_count <> accepted_row_count + quarantined_row_count
      + duplicate_row_count
"#;

/// The table's name.
pub(super) fn accounting_name() -> TableName {
    TableName::new(STAGING, "export_accounting")
}

/// The table of the accounting of `sources`, in the order of their names. `path` stands for what
/// makes it.
pub(super) fn accounting_table(sources: Vec<String>, path: &Path) -> Result<Model> {
    let name = accounting_name();
    let contract: Contract = yaml::parse(&name.to_string(), CONTRACT)?;
    Ok(Model {
        name,
        path: path.to_path_buf(),
        schema: contract.schema(),
        grain: contract.grain.value.clone(),
        contract: Some(Arc::new(contract)),
        recipe: Recipe::Accounting(sources),
    })
}
