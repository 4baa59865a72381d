//! Checks that need a query, asked of the object just built: references and a table's own checks.
//! What can be told while rows stream by is the [gate](super::gate)'s.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::checks::finding::{Finding, broken, rows_where};
use crate::config::Settings;
use crate::dates::Day;
use crate::engine::sql::{Bound, Query};
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context, Error, Kind, Result};
use crate::lake::TableName;
use crate::models::contract::Check;
use crate::models::{Contract, Model, reads};

/// A session that knows `this`, the rows just built, and `referenced`: the tables of the same day
/// that columns refer to. Its queries are laid out as `layout` says.
pub fn session(
    engine: &Engine,
    layout: Layout,
    this: Arc<dyn TableProvider>,
    referenced: Vec<(TableName, Arc<dyn TableProvider>)>,
) -> Result<SessionContext> {
    let session = engine.session(layout, referenced)?;
    session.register_table("this", this).map_err(query_error("set a check up"))?;
    Ok(session)
}

/// What the checks of `contract` find that need a query of `this`, which has `row_count` rows, in
/// `session`.
pub async fn ask(
    session: &SessionContext,
    settings: &Settings,
    model: &Model,
    contract: &Contract,
    run_date: Day,
    row_count: u64,
) -> Result<Vec<Finding>> {
    ask_all(session, settings, model, contract, run_date, row_count).await.map(broken)
}

/// The same, with the checks that find nothing.
pub async fn ask_all(
    session: &SessionContext,
    settings: &Settings,
    model: &Model,
    contract: &Contract,
    run_date: Day,
    row_count: u64,
) -> Result<Vec<Finding>> {
    let mut findings = vec![];
    // No rows hold no bad ones; a table's own checks may ask for rows that should be there.
    if row_count > 0 {
        findings.extend(ask_references(session, model, contract, run_date).await?);
    }
    for check in &contract.checks {
        let bound = bind_own(settings, model, check, run_date)?;
        let text = format!("select count(*) from ({bound}) as bad_rows");
        let counts = count_columns(session, &text, model).await?;
        let bad_row_count = counts.first().copied().unwrap_or(0);
        findings.push(Finding {
            check: check.name.value.clone(),
            meaning: check.meaning.clone(),
            is_broken: bad_row_count > 0,
            bad_row_count,
            severity: check.severity,
            query: Some(bound),
            kept: None,
        });
    }
    Ok(findings)
}

/// Asks for rows that refer to what is not there.
async fn ask_references(
    session: &SessionContext,
    model: &Model,
    contract: &Contract,
    run_date: Day,
) -> Result<Vec<Finding>> {
    let mut findings = vec![];
    for column in &contract.columns {
        let Some((table, key)) = column.reference() else { continue };
        let name = &column.name.value;
        let held = if table == model.name {
            format!("select \"{key}\" from this where \"{key}\" is not null")
        } else {
            format!(
                "select \"{key}\" from {table} where dt = cast('{run_date}' as date) \
                 and \"{key}\" is not null"
            )
        };
        let broken = format!("\"{name}\" is not null and \"{name}\" not in ({held})");
        let text = format!("select count(*) from this where {broken}");
        let counts = count_columns(session, &text, model).await?;
        let bad_row_count = counts.first().copied().unwrap_or(0);
        findings.push(Finding {
            check: format!("references({name}, {table}.{key})"),
            meaning: format!("every `{name}` must be a `{key}` of {table} on the same day"),
            is_broken: bad_row_count > 0,
            bad_row_count,
            severity: column.severity,
            query: Some(rows_where(contract, &broken)),
            kept: None,
        });
    }
    Ok(findings)
}

/// Plans a table's own check over the table without data, to the end where that is asked for.
pub async fn plan_own(
    engine: &Engine,
    settings: &Settings,
    model: &Model,
    check: &Check,
    is_to_the_end: bool,
) -> Result<()> {
    let empty = MemTable::try_new(Arc::clone(&model.schema), vec![vec![]])
        .context(Kind::Defect, || format!("plan the checks of {}", model.name))?;
    let session = session(engine, Layout::OnePart, Arc::new(empty), vec![])?;
    let probe = Day::new(chrono::NaiveDate::default());
    let bound = bind_own(settings, model, check, probe)?;
    let told =
        |error: DataFusionError| Error::new(Kind::Usage, error.find_root().strip_backtrace());
    let state = session.state();
    let plan = state.create_logical_plan(&bound).await.map_err(told)?;
    let options = Arc::clone(state.config_options());
    let analyzed = state.analyzer().execute_and_check(plan.clone(), &options, |_, _| {});
    if let Some(impurity) = reads::impurities(&analyzed.map_err(told)?).map_err(told)?.pop() {
        return Err(Error::new(Kind::Usage, impurity));
    }
    if is_to_the_end {
        state.create_physical_plan(&plan).await.map_err(told)?;
    }
    Ok(())
}

fn bind_own(settings: &Settings, model: &Model, check: &Check, run_date: Day) -> Result<String> {
    let name = format!("{} (check `{}`)", model.path.display(), check.name.value);
    let query = Query::parse(&name, &check.sql.value)?;
    let zone = crate::config::Parameter::Text(settings.time_zone.name().to_string());
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Day(run_date)),
        "time_zone" => Some(Bound::Value(&zone)),
        name => settings.parameters.get(name).map(Bound::Value),
    })?;
    Ok(statement.to_string())
}

/// The single row of counts that `text` returns.
async fn count_columns(session: &SessionContext, text: &str, model: &Model) -> Result<Vec<u64>> {
    let what = || format!("check {}", model.name);
    let frame = session.sql(text).await.map_err(query_error(what()))?;
    let batches = frame.collect().await.map_err(query_error(what()))?;
    let mut counts = vec![];
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        for column in batch.columns() {
            let column = cast(column, &DataType::UInt64).context(Kind::Defect, what)?;
            counts.push(column.as_primitive::<UInt64Type>().value(0));
        }
    }
    Ok(counts)
}
