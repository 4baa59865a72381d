//! The run of a target: one partition that is built.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tracing::debug;
use uuid::Uuid;

use super::datasets::{days, description, documentation};
use super::facets::facet;
use super::{End, OpenLineage, engine, error_message, job_type};
use crate::checks::finding::Finding;
use crate::config::Settings;
use crate::dates::Day;
use crate::engine::Engine;
use crate::lake::TableName;
use crate::lake::ledger::{Entry, ExportInput};
use crate::lake::parquet_sink::Written;
use crate::models::contract::Severity;
use crate::models::{Catalogue, Model, Recipe, lineage};

/// Tells of one target, once it is begun; one that is dropped before it ended was stopped.
#[derive(Debug)]
pub struct TargetRun {
    told_by: Arc<OpenLineage>,
    id: Uuid,
    model: Arc<Model>,
    dt: Day,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_begun: bool,
    is_ended: bool,
    reason: Option<String>,
    inputs: Vec<Read>,
    exports: Vec<ExportInput>,
    checked: Vec<Checked>,
}

/// What is read of a table.
#[derive(Debug, Clone)]
pub struct Read {
    /// The table.
    pub model: Arc<Model>,
    /// The days of it.
    pub days: Vec<Day>,
    /// Rows in them.
    pub row_count: u64,
    /// Bytes of their objects.
    pub byte_count: u64,
}

/// An object that was built, and what its checks found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its table.
    pub model: Arc<Model>,
    /// Rows in it.
    pub row_count: u64,
    /// Its size in bytes.
    pub byte_count: u64,
    /// Nulls by column; empty where they were not counted.
    pub null_counts: Vec<u64>,
    /// Everything that was checked, what found nothing too.
    pub checks: Vec<Finding>,
}

impl Checked {
    /// What was built of `model`, and what was checked of it.
    pub fn new(model: &Arc<Model>, written: &Written, checks: &[Finding]) -> Checked {
        Checked {
            model: Arc::clone(model),
            row_count: written.row_count,
            byte_count: written.byte_count,
            null_counts: written.null_counts.clone(),
            checks: checks.to_vec(),
        }
    }
}

/// What became of a target.
#[derive(Debug)]
pub enum Ended<'a> {
    /// It is published in this version.
    Published(&'a Entry),
    /// It failed.
    Failed(&'a crate::errors::Error),
    /// There was nothing to do.
    Fresh,
}

impl TargetRun {
    /// Of the partition `dt` of `model`; nothing is told yet.
    pub fn new(told_by: &Arc<OpenLineage>, model: &Arc<Model>, dt: Day) -> TargetRun {
        TargetRun {
            told_by: Arc::clone(told_by),
            id: Uuid::now_v7(),
            model: Arc::clone(model),
            dt,
            state: Mutex::default(),
        }
    }

    /// Tells that it is being built, why, and from what.
    pub fn begin(&self, reason: String, inputs: Vec<Read>) {
        let mut state = self.state();
        state.reason = Some(reason);
        state.inputs = inputs;
        self.tell_start(&mut state);
    }

    /// Notes what was built and what its checks found.
    pub fn note(&self, checked: Checked) {
        self.state().checked.push(checked);
    }

    /// Tells what became of it. A target that had nothing to do did nothing to tell of.
    pub async fn end(
        &self,
        ended: Ended<'_>,
        engine: &Engine,
        catalogue: &Catalogue,
        settings: &Settings,
    ) {
        let (kind, end) = match &ended {
            Ended::Fresh => {
                // Begun, and then found to be fresh: another run built it meanwhile.
                let mut state = self.state();
                if state.is_begun && !state.is_ended {
                    state.is_ended = true;
                    let run = self.run(&state, Some(&End::Complete));
                    self.told_by.put(self.told_by.event("COMPLETE", run, self.job()));
                }
                return;
            }
            Ended::Published(_) => ("COMPLETE", End::Complete),
            Ended::Failed(failure) => ("FAIL", End::Fail(failure.kind(), failure.chain())),
        };
        let column_lineage = match &ended {
            Ended::Published(_) => self.column_lineage(engine, catalogue, settings).await,
            _ => None,
        };
        let mut state = self.state();
        if !state.is_begun {
            self.tell_start(&mut state);
        }
        state.is_ended = true;
        if let Ended::Published(entry) = &ended {
            state.exports = entry.exports.clone();
        }
        let mut event = self.told_by.event(kind, self.run(&state, Some(&end)), self.job());
        event["inputs"] = self.inputs(&state).into();
        let entry = match &ended {
            Ended::Published(entry) => Some(*entry),
            _ => None,
        };
        let column_lineage = column_lineage.map(|facet| made_of(&facet, &event["inputs"]));
        event["outputs"] = self.outputs(&state, entry, column_lineage.as_ref()).into();
        self.told_by.put(event);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_start(&self, state: &mut State) {
        if std::mem::replace(&mut state.is_begun, true) {
            return;
        }
        let mut event = self.told_by.event("START", self.run(state, None), self.job());
        event["inputs"] = self.inputs(state).into();
        event["outputs"] = self.outputs(state, None, None).into();
        self.told_by.put(event);
    }

    fn run(&self, state: &State, end: Option<&End>) -> Value {
        let mut more = json!({ "table": self.model.name, "dt": self.dt });
        if let Some(reason) = &state.reason {
            more["reason"] = reason.clone().into();
        }
        let mut facets = json!({
            "parent": self.told_by.as_parent(),
            "nominalTime": self.told_by.nominal_time(self.dt, self.dt.plus(1)),
            "processing_engine": engine(),
            "rapport_run": self.told_by.names(more, end),
        });
        if let Some(End::Fail(_, message)) = end {
            facets["errorMessage"] = error_message(message);
        }
        let tests: Vec<Value> =
            state.checked.iter().flat_map(assertions).map(|one| one.as_test()).collect();
        if !tests.is_empty() {
            facets["test"] = facet("TestRunFacet", "1-0-1", json!({ "tests": tests }));
        }
        json!({ "runId": self.id.to_string(), "facets": facets })
    }

    fn job(&self) -> Value {
        let mut facets = json!({ "jobType": job_type("MODEL") });
        if let Some(description) = description(&self.model) {
            facets["documentation"] = documentation("DocumentationJobFacet", description);
        }
        if let Recipe::Query(query) = &self.model.recipe {
            let said = json!({ "query": query.text, "dialect": "datafusion" });
            facets["sql"] = facet("SQLJobFacet", "1-1-0", said);
        }
        json!({
            "namespace": self.told_by.namespace,
            "name": self.model.name.to_string(),
            "facets": facets,
        })
    }

    fn inputs(&self, state: &State) -> Vec<Value> {
        let tables = state.inputs.iter().map(|read| {
            let mut dataset = self.told_by.places.dataset(&read.model);
            let facets = json!({
                "inputStatistics": facet("InputStatisticsInputDatasetFacet", "1-0-0", json!({
                    "rowCount": read.row_count,
                    "size": read.byte_count,
                    "fileCount": read.days.len(),
                })),
                "subset": days("InputSubsetInputDatasetFacet", "inputCondition", &read.days),
            });
            dataset.insert("inputFacets".to_string(), facets);
            Value::Object(dataset)
        });
        tables.chain(self.exports(state)).collect()
    }

    /// The exports of a raw table; once they are read, which and how many.
    fn exports(&self, state: &State) -> Option<Value> {
        let Recipe::Export(source) = &self.model.recipe else { return None };
        let mut dataset = self.told_by.places.exports(source);
        if !state.exports.is_empty() {
            let rows = state.exports.iter().map(|export| export.row_count);
            let mut statistics = json!({
                "size": state.exports.iter().map(|export| export.byte_count).sum::<u64>(),
                "fileCount": state.exports.len(),
            });
            if let Some(row_count) = rows.sum::<Option<u64>>() {
                statistics["rowCount"] = row_count.into();
            }
            let files = state.exports.iter();
            let files: Vec<String> =
                files.map(|export| self.told_by.places.export_file(&export.file)).collect();
            let locations = json!({ "inputCondition": { "type": "location", "locations": files } });
            let facets = json!({
                "inputStatistics":
                    facet("InputStatisticsInputDatasetFacet", "1-0-0", statistics),
                "subset": facet("InputSubsetInputDatasetFacet", "1-0-0", locations),
            });
            dataset.insert("inputFacets".to_string(), facets);
        }
        Some(Value::Object(dataset))
    }

    fn outputs(
        &self,
        state: &State,
        entry: Option<&Entry>,
        column_lineage: Option<&Value>,
    ) -> Vec<Value> {
        let own = [Arc::clone(&self.model)];
        let built: BTreeMap<&TableName, &Checked> =
            state.checked.iter().map(|checked| (&checked.model.name, checked)).collect();
        let others = state.checked.iter().map(|checked| &checked.model);
        let others = others.filter(|model| model.name != self.model.name);
        let outputs = own.iter().chain(others).map(|model| {
            let mut dataset = self.told_by.places.dataset(model);
            let is_own = model.name == self.model.name;
            if let Some(Value::Object(facets)) = dataset.get_mut("facets") {
                if let Some(checked) = built.get(&model.name) {
                    facets.extend(quality(checked));
                }
                if let (true, Some(entry)) = (is_own, entry) {
                    let version =
                        format!("dt={} version {} {}", self.dt, entry.version, entry.content_hash);
                    let said = json!({ "datasetVersion": version });
                    let version = facet("DatasetVersionDatasetFacet", "1-0-1", said);
                    facets.insert("version".to_string(), version);
                }
                if let (true, Some(lineage)) = (is_own, column_lineage) {
                    facets.insert("columnLineage".to_string(), lineage.clone());
                }
            }
            let subset = days("OutputSubsetOutputDatasetFacet", "outputCondition", &[self.dt]);
            let mut output_facets = json!({ "subset": subset });
            if let (Some(checked), Some(_)) = (built.get(&model.name), entry) {
                let statistics = json!({
                    "rowCount": checked.row_count,
                    "size": checked.byte_count,
                    "fileCount": 1,
                });
                output_facets["outputStatistics"] =
                    facet("OutputStatisticsOutputDatasetFacet", "1-0-2", statistics);
            }
            dataset.insert("outputFacets".to_string(), output_facets);
            Value::Object(dataset)
        });
        outputs.collect()
    }

    /// What the columns are made of, as the facet tells it; nothing where that cannot be told.
    async fn column_lineage(
        &self,
        engine: &Engine,
        catalogue: &Catalogue,
        settings: &Settings,
    ) -> Option<Arc<Value>> {
        if self.model.queries().is_empty() {
            return None;
        }
        let table = &self.model.name;
        if let Some(known) = self.told_by.known_column_lineage(table) {
            return Some(known);
        }
        match lineage::of(engine, catalogue, settings, &self.model).await {
            Ok(lineage) => {
                let facet = Arc::new(self.told_by.places.column_lineage(&self.model, &lineage));
                self.told_by.note_column_lineage(table, &facet);
                Some(facet)
            }
            Err(failure) => {
                debug!("no column lineage: {}", failure.chain());
                None
            }
        }
    }
}

impl Drop for TargetRun {
    fn drop(&mut self) {
        let state = self.state();
        if state.is_begun && !state.is_ended {
            let run = self.run(&state, None);
            self.told_by.put(self.told_by.event("ABORT", run, self.job()));
        }
    }
}

/// The facet of a table's column lineage as far as it names `inputs`: of a table that has no
/// partition yet, as its own yesterday on the first day, nothing was made.
fn made_of(facet: &Value, inputs: &Value) -> Value {
    let dataset = |one: &Value| (one["namespace"].clone(), one["name"].clone());
    let read: Vec<_> = inputs.as_array().into_iter().flatten().map(dataset).collect();
    let mut facet = facet.clone();
    let keep = |fields: Option<&mut Value>| {
        if let Some(Value::Array(fields)) = fields {
            fields.retain(|field| read.contains(&dataset(field)));
        }
    };
    keep(facet.get_mut("dataset"));
    if let Some(Value::Object(columns)) = facet.get_mut("fields") {
        columns.values_mut().for_each(|column| keep(column.get_mut("inputFields")));
    }
    facet
}

/// What was counted of an object, and what its checks found.
fn quality(checked: &Checked) -> Map<String, Value> {
    let columns = checked.model.schema.fields().iter().zip(&checked.null_counts);
    let columns: Map<String, Value> = columns
        .map(|(field, null_count)| {
            let count = checked.row_count.saturating_sub(*null_count);
            (field.name().clone(), json!({ "nullCount": null_count, "count": count }))
        })
        .collect();
    let mut facets = Map::new();
    facets.insert(
        "dataQualityMetrics".to_string(),
        facet(
            "DataQualityMetricsDatasetFacet",
            "1-0-1",
            json!({
                "rowCount": checked.row_count,
                "bytes": checked.byte_count,
                "fileCount": 1,
                "columnMetrics": columns,
            }),
        ),
    );
    let assertions: Vec<Value> = assertions(checked).iter().map(|one| one.as_assertion()).collect();
    if !assertions.is_empty() {
        let said = json!({ "assertions": assertions });
        let said = facet("DataQualityAssertionsDatasetFacet", "1-1-0", said);
        facets.insert("dataQualityAssertions".to_string(), said);
    }
    facets
}

/// A check, and what it found.
struct Assertion {
    /// The check's name, such as `unique(order_id)`.
    name: String,
    column: Option<String>,
    severity: Severity,
    meaning: String,
    holds: bool,
    bad_row_count: u64,
}

impl Assertion {
    /// What kind of check it is: the name before its columns, or a query of the table's own.
    fn kind(&self) -> &str {
        match self.name.split_once('(') {
            Some((kind, _)) => kind,
            None => "custom_sql",
        }
    }

    fn severity(&self) -> &'static str {
        match self.severity {
            Severity::Fail => "error",
            Severity::Warn => "warn",
        }
    }

    fn as_assertion(&self) -> Value {
        let mut told = json!({
            "assertion": self.kind(),
            "success": self.holds,
            "severity": self.severity(),
            "name": self.name,
            "description": self.meaning,
            "actual": self.bad_row_count.to_string(),
        });
        if let Some(column) = &self.column {
            told["column"] = column.clone().into();
        }
        told
    }

    fn as_test(&self) -> Value {
        json!({
            "name": self.name,
            "status": if self.holds { "pass" } else { "fail" },
            "severity": self.severity(),
            "type": self.kind(),
            "description": self.meaning,
            "actual": self.bad_row_count.to_string(),
        })
    }
}

/// Everything that was checked of an object.
fn assertions(checked: &Checked) -> Vec<Assertion> {
    let assertions = checked.checks.iter().map(|check| Assertion {
        name: check.check.clone(),
        column: column_of(check, &checked.model),
        severity: check.severity,
        meaning: check.meaning.trim().to_string(),
        holds: !check.is_broken,
        bad_row_count: check.bad_row_count,
    });
    assertions.collect()
}

/// The column that a check is about, where it is one alone: it stands in the check's name.
fn column_of(check: &Finding, model: &Model) -> Option<String> {
    let (kind, rest) = check.check.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    let name = match kind {
        // Of a column to another table.
        "references" => inside.split(',').next()?,
        _ => inside,
    };
    model.schema.index_of(name).is_ok().then(|| name.to_string())
}
