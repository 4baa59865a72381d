//! Every model does what its definition says: `given` rows in, `expect` rows out.
//!
//! A case lies at `tests/cases/<table>/<case>.yaml`, for a project of its own at
//! `tests/projects/<project>/cases/<table>/<case>.yaml`, and names only the columns that matter:
//! columns that are not given are null, those that are not expected are not compared. The rows
//! that are expected are all the rows there are, in the order of the table's grain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use rapport::checks::built;
use rapport::checks::gate::Gate;
use rapport::checks::rules::Rules;
use rapport::config::{Parameter, Settings, yaml};
use rapport::dates::Day;
use rapport::engine::partitions::with_partition_column;
use rapport::engine::sql::Bound;
use rapport::engine::{Engine, Layout};
use rapport::lake::TableName;
use rapport::models::{Catalogue, Recipe};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The rows that a model is given, and those that it must make of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(default)]
    #[allow(dead_code)]
    pub name: Option<String>,
    /// What the case is about, for people.
    #[allow(dead_code)]
    #[serde(default)]
    pub note: Option<String>,
    pub run_date: String,
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    pub given: BTreeMap<String, Vec<Map<String, Value>>>,
    pub expect: Vec<Map<String, Value>>,
}

#[test]
fn every_model_does_what_its_cases_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut failures = vec![];
    let mut count = 0;
    for (config, cases) in projects() {
        let settings = Settings::read(&config).unwrap();
        let catalogue = Catalogue::read(&settings).unwrap();
        let engine = Engine::new(&settings).unwrap();
        let paths = case_files(&cases);
        assert!(!paths.is_empty(), "no cases in {}", cases.display());
        for path in paths {
            count += 1;
            let outcome = runtime.block_on(run(&settings, &catalogue, &engine, &path));
            if let Err(what) = outcome {
                failures.push(format!("{}: {what}", path.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}

/// A model without a case is a model nobody has said the meaning of.
#[test]
fn every_shipped_model_has_a_case() {
    let settings = Settings::read(Path::new("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let without: Vec<_> = catalogue
        .models()
        .filter(|model| ["identity", "marts", "metrics"].contains(&model.name.zone.as_str()))
        .filter(|model| matches!(model.recipe, Recipe::Query(_)))
        // Trends and the dictionary are made of contracts, in one way for all.
        .filter(|model| model.path.extension().is_some_and(|extension| extension == "sql"))
        .filter(|model| !Path::new("tests/cases").join(&model.name.table).is_dir())
        .map(|model| model.name.to_string())
        .collect();
    assert!(without.is_empty(), "no case for {}", without.join(", "));
}

/// The settings of every project that has cases, and the folder of those.
fn projects() -> Vec<(PathBuf, PathBuf)> {
    let mut projects = vec![(PathBuf::from("config/local.yaml"), PathBuf::from("tests/cases"))];
    for project in std::fs::read_dir("tests/projects").unwrap().flatten() {
        let cases = project.path().join("cases");
        if cases.is_dir() {
            projects.push((project.path().join("rapport.yaml"), cases));
        }
    }
    projects.sort();
    projects
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for table in std::fs::read_dir(folder).unwrap().flatten().filter(|e| e.path().is_dir()) {
        for case in std::fs::read_dir(table.path()).unwrap().flatten() {
            files.push(case.path());
        }
    }
    files.sort();
    files
}

async fn run(
    settings: &Settings,
    catalogue: &Catalogue,
    engine: &Engine,
    path: &Path,
) -> Result<(), String> {
    let case: Case = yaml::read(path).map_err(|error| error.chain())?;
    let table = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap();
    run_case(settings, catalogue, engine, table, &case).await
}

/// What differs, where the model of a table does not make of the given rows what it must.
pub async fn run_case(
    settings: &Settings,
    catalogue: &Catalogue,
    engine: &Engine,
    table: &str,
    case: &Case,
) -> Result<(), String> {
    let run_date: Day = case.run_date.parse()?;
    let mut settings = settings.clone();
    settings.parameters.extend(case.parameters.clone());
    // `tests/cases/<table>` or, where two zones share the name, `tests/cases/<zone>.<table>`.
    let model = catalogue
        .models()
        .filter(|model| table == model.name.to_string() || table == model.name.table)
        .max_by_key(|model| rapport::models::ZONES.iter().position(|z| *z == model.name.zone))
        .ok_or_else(|| format!("no model makes `{table}`"))?;
    let Recipe::Query(query) = &model.recipe else {
        return Err(format!("{} is made by no query", model.name));
    };
    let mut tables: Vec<(TableName, Arc<dyn TableProvider>)> = vec![];
    for given in case.given.keys() {
        if !query.tables.keys().any(|table| table.to_string() == *given) {
            return Err(format!("`{given}` is given, but {} does not read it", model.name));
        }
    }
    for name in query.tables.keys() {
        let read = catalogue.get(name).ok_or_else(|| format!("no model makes `{name}`"))?;
        // What a case does not give is null, also where a real table never is.
        let fields = with_partition_column(&read.schema).fields;
        let nullable = fields.iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<Field>>()));
        let rows = case.given.get(&name.to_string()).cloned().unwrap_or_default();
        let batch = batch_of(&schema, rows, &case.run_date)?;
        let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(|e| e.to_string())?;
        tables.push((name.clone(), Arc::new(table)));
    }
    let session = engine.session(Layout::OnePart, tables).map_err(|error| error.chain())?;
    let zone = Parameter::Text(settings.time_zone.name().to_string());
    let given_days = case.given.values().flatten().filter_map(|row| row.get("dt")?.as_str());
    let given_days = given_days.map(|dt| dt.parse().unwrap());
    let first_input: Day = given_days.chain([run_date]).min().unwrap();
    let statement = query
        .bind(|name| match name {
            "run_date" => Some(Bound::Day(run_date)),
            "time_zone" => Some(Bound::Value(&zone)),
            "first_input_date" => Some(Bound::Day(first_input)),
            name => settings.parameters.get(name).map(Bound::Value),
        })
        .map_err(|error| error.chain())?;
    let state = session.state();
    let plan = state.statement_to_plan(statement).await.map_err(|error| error.to_string())?;
    let frame = session.execute_logical_plan(plan).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let rules = Rules::of(engine, &settings, model, run_date).map_err(|error| error.chain())?;
    let mut gate = Gate::new(model, rules);
    let mut rows = vec![];
    let mut passed = vec![];
    for batch in &batches {
        let batch = gate.pass(batch).map_err(|error| error.chain())?;
        rows.extend(rows_of(&batch));
        passed.push(batch);
    }
    if let Some(contract) = &model.contract {
        let mut findings = gate.findings(contract);
        let this = MemTable::try_new(Arc::clone(&model.schema), vec![passed]);
        let this = Arc::new(this.map_err(|error| error.to_string())?);
        // A case gives what it is about: not the tables that columns refer to, nor all columns.
        let mut contract = contract.as_ref().clone();
        contract.columns.iter_mut().for_each(|column| column.references = None);
        let session =
            built::session(engine, Layout::OnePart, this, vec![]).map_err(|error| error.chain())?;
        let row_count = rows.len() as u64;
        let asked = built::ask(&session, &settings, model, &contract, run_date, row_count).await;
        findings.extend(asked.map_err(|error| error.chain())?);
        if !findings.is_empty() {
            return Err(format!("the contract is broken: {findings:?}"));
        }
    }
    compare(&case.expect, &rows)
}

/// The rows as a batch of `schema`; what a row does not name is null, `dt` is the run date.
fn batch_of(
    schema: &SchemaRef,
    rows: Vec<Map<String, Value>>,
    run_date: &str,
) -> Result<RecordBatch, String> {
    let mut text = String::new();
    for mut row in rows {
        if let Some(unknown) = row.keys().find(|name| schema.field_with_name(name).is_err()) {
            return Err(format!("a given row names an unknown column `{unknown}`"));
        }
        row.entry("dt").or_insert_with(|| Value::String(run_date.to_string()));
        // The reader takes numbers for text only where they are written as text.
        for (name, value) in row.iter_mut() {
            let field = schema.field_with_name(name).unwrap();
            if field.data_type() == &arrow::datatypes::DataType::Utf8 && value.is_number() {
                *value = Value::String(value.to_string());
            }
        }
        text.push_str(&Value::Object(row).to_string());
        text.push('\n');
    }
    let reader = arrow::json::ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(1 << 16)
        .build(text.as_bytes())
        .map_err(|error| error.to_string())?;
    let batches: Vec<RecordBatch> =
        reader.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let batch = match batches.into_iter().next() {
        Some(batch) => batch,
        None => return Ok(RecordBatch::new_empty(Arc::clone(schema))),
    };
    RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())
        .map_err(|error| error.to_string())
}

fn rows_of(batch: &RecordBatch) -> Vec<Map<String, Value>> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn compare(expected: &[Map<String, Value>], rows: &[Map<String, Value>]) -> Result<(), String> {
    if expected.len() != rows.len() {
        return Err(format!(
            "expected {} rows, got {}:\n{}",
            expected.len(),
            rows.len(),
            rows.iter()
                .map(|row| Value::Object(row.clone()).to_string() + "\n")
                .collect::<String>()
        ));
    }
    for (index, (expected, row)) in expected.iter().zip(rows).enumerate() {
        for (column, value) in expected {
            let found = row.get(column).ok_or_else(|| format!("no column `{column}`"))?;
            if !same(value, found) {
                return Err(format!(
                    "row {}: expected `{column}` to be {value}, got {found}\n  in {}",
                    index + 1,
                    Value::Object(row.clone())
                ));
            }
        }
    }
    Ok(())
}

/// Equal as values, however they are written: 12.50 is 12.5, an instant is one in any zone.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Null, Value::Null) => true,
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| same(expected, found))
        }
        (Value::Null, _) | (_, Value::Null) => false,
        _ => {
            let (expected, found) = (text(expected), text(found));
            let numbers = (expected.parse::<f64>(), found.parse::<f64>());
            if let (Ok(expected), Ok(found)) = numbers {
                return (expected - found).abs() <= 1e-6 * expected.abs().max(1e-3);
            }
            let instants = (instant(&expected), instant(&found));
            match instants {
                (Some(expected), Some(found)) => expected == found,
                _ => expected == found,
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn instant(text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    let zoned = chrono::DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc());
    let zoneless = || {
        let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok());
        naive.map(|naive| naive.and_utc())
    };
    zoned.or_else(zoneless)
}
