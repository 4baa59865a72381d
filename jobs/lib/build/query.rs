//! Builds a table that queries make, or the engine: binds the day, runs the plan within the engine's
//! memory, and writes the rows, checked, to the work area.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use futures::TryStreamExt as _;
use object_store::ObjectMeta;
use object_store::path::Path;
use tracing::debug;

use crate::build::accounting::{self, ACCOUNTING};
use crate::build::restatement::{self, RESTATED};
use crate::build::{Evaluation, Workshop, algorithm};
use crate::checks::finding::{self, Finding};
use crate::checks::gate::Gate;
use crate::checks::rules::Rules;
use crate::checks::{bad_rows, built};
use crate::config::Parameter;
use crate::engine::partitions::{PartitionedTable, Reads};
use crate::engine::sql::{Bound, Query};
use crate::engine::{Layout, kind_of, query_error};
use crate::errors::{Context, Error, Kind, Result};
use crate::lake::lease::Lease;
use crate::lake::parquet_sink::{ParquetSink, Written};
use crate::lake::{Partition, TableName, publish};
use crate::models::{Model, Recipe, reads};

/// A built object, not yet published.
#[derive(Debug)]
pub(super) struct Built {
    pub key: Path,
    pub written: Written,
    /// What its checks found.
    pub findings: Vec<Finding>,
    /// Everything that was checked; empty where that was done for another day.
    pub checks: Vec<Finding>,
}

/// Builds `model` from exactly the inputs that `evaluation` names.
pub(super) async fn build(
    workshop: &Workshop,
    model: &Model,
    evaluation: &Evaluation,
    lease: &Lease,
) -> Result<Built> {
    let dt = evaluation.partition.dt;
    let key = publish::work_key(&workshop.warehouse, lease, &evaluation.partition);
    let layout = Layout::for_bytes(input_bytes(workshop, evaluation).await);
    let (gate, written) = match write(workshop, model, evaluation, &key, layout).await {
        Err(error) if error.kind() == Kind::OutOfMemory => {
            debug!("building once more with less memory");
            write(workshop, model, evaluation, &key, Layout::Thrifty).await?
        }
        written => written?,
    };
    let (mut findings, mut checks) = (vec![], vec![]);
    if let Some(contract) = &model.contract {
        checks.extend(gate.checks(contract));
        let this = this_table(model, &evaluation.partition, &key, &written);
        let referenced = referenced_tables(workshop, model, evaluation).await;
        let layout = Layout::for_bytes(written.byte_count);
        let session = built::session(&workshop.engine, layout, this, referenced)?;
        // A check over what is no state ends in an error of its function, not in a finding.
        if !gate.has_other_state() {
            let (settings, row_count) = (&workshop.settings, written.row_count);
            let asked = built::ask_all(&session, settings, model, contract, dt, row_count);
            checks.extend(asked.await?);
        }
        findings = finding::broken(checks.clone());
        let (warehouse, partition) = (&workshop.warehouse, &evaluation.partition);
        bad_rows::keep(&session, warehouse, partition, contract, &mut findings).await?;
    }
    Ok(Built { key, written, findings, checks })
}

/// Writes the rows of `model` under `key`, past the gate that tells what it saw of them.
async fn write(
    workshop: &Workshop,
    model: &Model,
    evaluation: &Evaluation,
    key: &Path,
    layout: Layout,
) -> Result<(Gate, Written)> {
    let dt = evaluation.partition.dt;
    let mut gate = Gate::new(model, Rules::of(&workshop.engine, &workshop.settings, model, dt)?);
    let (store, schema) = (workshop.warehouse.store(), Arc::clone(&model.schema));
    let mut sink = ParquetSink::create(store, key.clone(), schema, &model.grain).await?;
    match fill(workshop, model, evaluation, layout, &mut gate, &mut sink).await {
        Ok(()) => Ok((gate, sink.finish().await?)),
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}

async fn fill(
    workshop: &Workshop,
    model: &Model,
    evaluation: &Evaluation,
    layout: Layout,
    gate: &mut Gate,
    sink: &mut ParquetSink,
) -> Result<()> {
    match &model.recipe {
        Recipe::Query(_) if has_no_rows(workshop, model, evaluation).await? => Ok(()),
        Recipe::Query(query) => {
            let mut rows = run(workshop, query, model, evaluation, layout).await?;
            let failed = |error| query_error(format!("build {}", evaluation.partition))(error);
            while let Some(batch) = rows.try_next().await.map_err(failed)? {
                sink.write(&gate.pass(&batch)?).await?;
            }
            Ok(())
        }
        Recipe::Algorithm(algorithm) => {
            let mut inputs = BTreeMap::new();
            for (name, query) in &algorithm.inputs {
                let rows = run(workshop, query, model, evaluation, layout).await?;
                let failed = query_error(format!("build {}", evaluation.partition));
                let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(failed)?;
                inputs.insert(name.clone(), batches);
            }
            let settings = workshop.settings.clone();
            let model_schema = Arc::clone(&model.schema);
            let name = algorithm.name.clone();
            let dt = evaluation.partition.dt;
            let made = tokio::task::spawn_blocking(move || {
                algorithm::run(&name, &settings, dt, &inputs, &model_schema)
            });
            let batch = made
                .await
                .context(Kind::Defect, || format!("build {}", evaluation.partition))??;
            sink.write(&gate.pass(&batch)?).await
        }
        Recipe::Accounting(sources) => {
            let noted = {
                let published = workshop.published.read().await;
                accounting::noted(&published.ledger, sources, evaluation.partition.dt)
            };
            if evaluation.parts.get(ACCOUNTING) != Some(&accounting::hash(&noted)) {
                return Err(replaced(evaluation, "ingested exports"));
            }
            sink.write(&gate.pass(&accounting::rows(&noted, &model.schema)?)?).await
        }
        Recipe::Restatements(tables) => {
            let noted = {
                let published = workshop.published.read().await;
                restatement::noted(&published.ledger, tables, evaluation.partition.dt)
            };
            if evaluation.parts.get(RESTATED) != Some(&restatement::hash(&noted)) {
                return Err(replaced(evaluation, "published figures"));
            }
            let rows = restatement::rows(workshop, &noted, &model.schema).await?;
            sink.write(&gate.pass(&rows)?).await
        }
        Recipe::Export(_) => {
            Err(Error::new(Kind::Defect, format!("build {}: it has no query", model.name)))
        }
    }
}

/// What the ledger noted is no longer what the target was judged by.
fn replaced(evaluation: &Evaluation, what: &str) -> Error {
    let partition = &evaluation.partition;
    let what =
        format!("build {partition}: another run {what} meanwhile, nothing of it was published");
    Error::new(Kind::LeaseHeld, what)
}

/// Runs a query over the inputs of `evaluation`, in the order the query asks for.
async fn run(
    workshop: &Workshop,
    query: &Query,
    model: &Model,
    evaluation: &Evaluation,
    layout: Layout,
) -> Result<SendableRecordBatchStream> {
    let dt = evaluation.partition.dt;
    let mut tables: Vec<(TableName, Arc<dyn TableProvider>)> = vec![];
    for name in query.tables.keys() {
        tables.push((name.clone(), published_table(workshop, name, evaluation).await?));
    }
    let session = workshop.engine.session(layout, tables)?;
    let zone = Parameter::Text(workshop.settings.time_zone.name().to_string());
    let first_input = evaluation.inputs.iter().map(|input| input.partition.dt).min();
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Day(dt)),
        "time_zone" => Some(Bound::Value(&zone)),
        "first_input_date" => Some(Bound::Day(first_input.unwrap_or(dt))),
        name => workshop.settings.parameters.get(name).map(Bound::Value),
    })?;
    let state = session.state();
    let what = || format!("plan {} dt={dt}", model.name);
    let mistake = |error: DataFusionError| match kind_of(&error) {
        Kind::Storage | Kind::OutOfMemory => query_error(what())(error),
        _ => reads::mistake_in_plan(&workshop.settings, query, &error),
    };
    let logical = state.statement_to_plan(statement).await.map_err(mistake)?;
    let physical = state.create_physical_plan(&logical).await.map_err(mistake)?;
    execute_stream(physical, session.task_ctx()).map_err(query_error(what()))
}

/// Whether the model's query has no rows, as far as can be told from which inputs have none.
async fn has_no_rows(workshop: &Workshop, model: &Model, evaluation: &Evaluation) -> Result<bool> {
    let mut with_rows: BTreeSet<&TableName> = BTreeSet::new();
    for input in &evaluation.inputs {
        // What is not known to be empty may have rows.
        let row_count = workshop.entry(&input.partition).await.map(|entry| entry.row_count);
        if row_count != Some(0) {
            with_rows.insert(&input.partition.table);
        }
    }
    let reads = workshop.reads_of(&model.name)?;
    Ok(reads.is_empty_where(|table| !with_rows.contains(table)))
}

/// The bytes of all objects that `evaluation` names as inputs.
async fn input_bytes(workshop: &Workshop, evaluation: &Evaluation) -> u64 {
    let mut byte_count = 0;
    for input in &evaluation.inputs {
        byte_count += workshop.entry(&input.partition).await.map_or(0, |entry| entry.byte_count);
    }
    byte_count
}

/// The table `name`, made of the partitions that `evaluation` names as inputs and no others.
async fn published_table(
    workshop: &Workshop,
    name: &TableName,
    evaluation: &Evaluation,
) -> Result<Arc<dyn TableProvider>> {
    let model = workshop
        .catalogue
        .get(name)
        .ok_or_else(|| Error::new(Kind::Usage, format!("read {name}: no such table")))?;
    let mut partitions = BTreeMap::new();
    for input in evaluation.inputs.iter().filter(|input| input.partition.table == *name) {
        if let Some(entry) = workshop.entry(&input.partition).await {
            let object = ObjectMeta {
                location: workshop.warehouse.partition_key(&input.partition),
                last_modified: entry.published_at,
                size: entry.byte_count,
                e_tag: None,
                version: None,
            };
            partitions.insert(input.partition.dt, object);
        }
    }
    Ok(Arc::new(PartitionedTable::new(
        name.to_string(),
        &model.schema,
        partitions,
        Reads::default(),
    )))
}

async fn referenced_tables(
    workshop: &Workshop,
    model: &Model,
    evaluation: &Evaluation,
) -> Vec<(TableName, Arc<dyn TableProvider>)> {
    let mut tables: BTreeMap<TableName, Arc<dyn TableProvider>> = BTreeMap::new();
    for column in model.contract.iter().flat_map(|contract| &contract.columns) {
        let Some((table, _)) = column.reference() else { continue };
        if let Ok(provider) = published_table(workshop, &table, evaluation).await {
            tables.insert(table, provider);
        }
    }
    tables.into_iter().collect()
}

/// The rows just built, as a table without the partition column's filter.
fn this_table(
    model: &Model,
    partition: &Partition,
    key: &Path,
    written: &Written,
) -> Arc<dyn TableProvider> {
    let object = ObjectMeta {
        location: key.clone(),
        last_modified: chrono::Utc::now(),
        size: written.byte_count,
        e_tag: None,
        version: None,
    };
    Arc::new(PartitionedTable::new(
        "this".to_string(),
        &model.schema,
        BTreeMap::from([(partition.dt, object)]),
        Reads::default(),
    ))
}
