//! Tables whose query is written here, from a declaration: the union that an entity is, and the
//! current state of a source that sends snapshots or changes.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use crate::config::yaml;
use crate::engine::sql::Query;
use crate::errors::Result;
use crate::exports::{Load, Source};
use crate::lake::TableName;
use crate::models::catalogue::Feed;
use crate::models::contract::{Contract, type_name};
use crate::models::{Model, Recipe, STAGING};

/// The table of a canonical entity: the union of its feeds, or an empty table with its columns
/// where nothing feeds it.
pub(super) fn entity_table(
    entity: &str,
    contract: &Arc<Contract>,
    path: &Path,
    feeds: &[Feed],
) -> Result<Model> {
    let schema = contract.schema();
    let nothing = || {
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| format!("{} as {}", null_of(field.data_type()), quoted(field.name())))
            .collect();
        format!("select {} where false", columns.join(", "))
    };
    let from_feed = |(index, feed): (usize, &Feed)| {
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| match feed.contract.column(field.name()) {
                Some(_) => format!("feed_{index}.{}", quoted(field.name())),
                None => format!("{} as {}", null_of(field.data_type()), quoted(field.name())),
            })
            .collect();
        format!("select {} from (\n{}\n) as feed_{index}", columns.join(", "), feed.query.canonical)
    };
    let union = match feeds {
        [] => nothing(),
        feeds => feeds.iter().enumerate().map(from_feed).collect::<Vec<_>>().join("\nunion all\n"),
    };
    let grain: Vec<_> = contract.grain.value.iter().map(|column| quoted(column)).collect();
    let text = format!("select * from (\n{union}\n) as entity order by {}", grain.join(", "));
    Ok(Model {
        name: TableName::new(STAGING, entity),
        path: path.to_path_buf(),
        schema,
        grain: contract.grain.value.clone(),
        contract: Some(Arc::clone(contract)),
        recipe: Recipe::Query(Box::new(Query::parse(&path.display().to_string(), &text)?)),
    })
}

/// The table of the state of the source `source` at the end of a day.
pub(super) fn current_name(source: &str) -> TableName {
    TableName::new(STAGING, format!("current_{source}"))
}

/// The state of a source at the end of a day: `staging.current_<source>`. None for events, which
/// have no state.
///
/// Snapshot: the day's rows, or the state before where none came. Changes: the state before with
/// the day's upserts applied and its deletes removed; the last row of a key wins.
pub(super) fn current_table(source: &Arc<Source>, path: &Path) -> Option<Result<Model>> {
    if source.load == Load::Events || source.key.is_empty() {
        return None;
    }
    Some(current(source, path))
}

fn current(source: &Arc<Source>, path: &Path) -> Result<Model> {
    let name = current_name(&source.name);
    let operation = source.operation.as_ref();
    let schema = source.raw_schema();
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .filter(|field| operation.is_none_or(|operation| operation.column != *field.name()))
        .collect();
    let column_list = |prefix: &str| -> String {
        let named: Vec<_> =
            columns.iter().map(|field| format!("{prefix}{}", quoted(field.name()))).collect();
        named.join(", ")
    };
    let key: Vec<_> = source.key.iter().map(|column| quoted(column)).collect();
    let key_list = key.join(", ");
    let same_key: Vec<_> =
        key.iter().map(|column| format!("today.{column} = yesterday.{column}")).collect();
    let same_key = same_key.join(" and ");
    let mut text = format!(
        "with today as (select * from (select *, row_number() over (partition by {key_list} \
         order by source_file desc, source_row desc) as rapport_rank from raw.{source} \
         where dt = $run_date) where rapport_rank = 1), \
         yesterday as (select * from {name} where dt = $run_date - interval '1 day') ",
        source = source.name,
    );
    let (kept_today, kept_yesterday) = match operation {
        Some(operation) => {
            let deletes: Vec<_> = operation
                .delete
                .iter()
                .map(|value| format!("'{}'", value.replace('\'', "''")))
                .collect();
            (
                format!(
                    "where {column} is null or {column} not in ({})",
                    deletes.join(", "),
                    column = quoted(&operation.column)
                ),
                format!("where not exists (select 1 from today where {same_key})"),
            )
        }
        // A day on which no row came says nothing of anybody: the state before stands. Counted
        // once, and not looked up for every row of it.
        None => (
            String::new(),
            format!(
                "cross join (select count(*) as row_count from raw.{} where dt = $run_date) \
                 as arrived where arrived.row_count = 0",
                source.name
            ),
        ),
    };
    let _ = write!(
        text,
        "select {} from (select {} from today {kept_today} union all select {} from yesterday \
         {kept_yesterday}) as state order by {key_list}",
        column_list(""),
        column_list(""),
        column_list("yesterday."),
    );
    let declared: Vec<_> = columns
        .iter()
        .map(|field| {
            let column = source.columns.iter().find(|column| column.name == *field.name());
            serde_json::json!({
                "name": field.name(),
                "type": type_name(field.data_type()),
                "meaning": format!("As in raw.{}.", source.name),
                "required": source.key.contains(field.name()),
                "personal": column.and_then(|column| column.personal.as_deref()),
            })
        })
        .collect();
    let contract = serde_json::json!({
        "description": format!("The state of source {} at the end of the day.", source.name),
        "grain": source.key,
        "columns": declared,
        "tags": source.tags,
    });
    // JSON is YAML.
    let contract: Contract = yaml::parse(&path.display().to_string(), &contract.to_string())?;
    Ok(Model {
        name,
        path: path.to_path_buf(),
        schema: contract.schema(),
        grain: source.key.clone(),
        contract: Some(Arc::new(contract)),
        recipe: Recipe::Query(Box::new(Query::parse(&path.display().to_string(), &text)?)),
    })
}

/// A name in SQL, whatever letters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A typed null, in SQL.
pub(super) fn null_of(data_type: &DataType) -> String {
    format!("arrow_cast(null, '{}')", arrow_name(data_type))
}

/// An Arrow type as `arrow_cast` reads it.
pub(super) fn arrow_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            format!("Timestamp(Microsecond, Some(\"{zone}\"))")
        }
        other => other.to_string(),
    }
}
