//! Formulas: that they plan, and what must hold of a row for its values to be what they say.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::Schema;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::checks::built;
use crate::config::{Parameter, Settings, parameters, yaml};
use crate::dates::Day;
use crate::engine::sql::{Bound, Formula};
use crate::engine::{Engine, Layout};
use crate::errors::{Context, Error, Kind, Result, did_you_mean};
use crate::models::contract::{Column, Contract, Role, type_name};
use crate::models::{formula, typed};

/// A column's formula, with its parameters as they are on a day.
pub(super) struct BoundFormula<'a> {
    /// The column.
    pub column: &'a Column,
    /// The formula's value in the column's type, in SQL.
    pub value: String,
}

/// The formulas of `contract` on `run_date`.
///
/// Errors: [`Kind::Usage`] for one that is no formula or names a parameter that is not set.
pub(super) fn bound<'a>(
    settings: &Settings,
    contract: &'a Contract,
    run_date: Day,
) -> Result<Vec<BoundFormula<'a>>> {
    let mut bound = vec![];
    for column in &contract.columns {
        let Some(written) = &column.formula else { continue };
        let formula =
            formula(contract, &written.value).map_err(|what| Error::new(Kind::Usage, what))?;
        let value = typed(column, &bind(settings, &formula, run_date)?);
        bound.push(BoundFormula { column, value });
    }
    Ok(bound)
}

fn bind(settings: &Settings, formula: &Formula, run_date: Day) -> Result<String> {
    let zone = Parameter::Text(settings.time_zone.name().to_string());
    formula.bind(|name| match name {
        "run_date" => Some(Bound::Day(run_date)),
        "time_zone" => Some(Bound::Value(&zone)),
        name => settings.parameters.get(name).map(Bound::Value),
    })
}

/// Every formula of `contract`, which stands in `file`, that does not plan over the state. Those
/// that are no formulas were told with the contract.
pub(super) async fn mistakes(
    engine: &Engine,
    settings: &Settings,
    contract: &Contract,
    file: &str,
) -> Vec<Error> {
    let mut mistakes = vec![];
    let mut session = None;
    for column in &contract.columns {
        let Some(written) = &column.formula else { continue };
        let Ok(formula) = formula(contract, &written.value) else { continue };
        if session.is_none() {
            session = match over_state(engine, contract) {
                Ok(made) => Some(made),
                Err(error) => return vec![error],
            };
        }
        let Some(session) = &session else { continue };
        if let Err(what) = plan(session, settings, column, &formula).await {
            let what = format!("formula of `{}`: {what}", column.name.value);
            mistakes.push(yaml::mistake(file, written, what));
        }
    }
    mistakes
}

/// A session that knows `this`: the state of `contract`, without data.
fn over_state(engine: &Engine, contract: &Contract) -> Result<SessionContext> {
    let schema = contract.schema();
    let fields = contract.columns.iter().zip(schema.fields());
    let state = fields.filter(|(column, _)| column.role == Some(Role::State));
    let state: Vec<_> = state.map(|(_, field)| Arc::clone(field)).collect();
    let empty = MemTable::try_new(Arc::new(Schema::new(state)), vec![vec![]])
        .context(Kind::Defect, || "plan formulas")?;
    built::session(engine, Layout::OnePart, Arc::new(empty), vec![])
}

async fn plan(
    session: &SessionContext,
    settings: &Settings,
    column: &Column,
    formula: &Formula,
) -> Result<(), String> {
    let known = || {
        let given = parameters::GIVEN.into_iter().filter(|name| *name != "first_input_date");
        settings.parameters.keys().map(String::as_str).chain(given)
    };
    if let Some(name) = formula.parameters.iter().find(|name| !known().any(|known| known == *name))
    {
        let hint = match parameters::is_known(name) {
            true => ": it has no default, set it in the settings".to_string(),
            false => did_you_mean(name, known()).replacen('`', "`$", 1),
        };
        return Err(format!("unknown parameter `${name}`{hint}"));
    }
    let day = Day::new(chrono::NaiveDate::default());
    let bound = bind(settings, formula, day).map_err(|error| error.chain())?;
    let state = session.state();
    let told = |error: DataFusionError| {
        let message = error.find_root().strip_backtrace();
        let message = message.strip_prefix("Error during planning: ").unwrap_or(&message);
        message.lines().next().unwrap_or_default().to_string()
    };
    let text = format!("select {bound} as value from this");
    let plan = state.create_logical_plan(&text).await.map_err(told)?;
    let options = Arc::clone(state.config_options());
    let plan = state.analyzer().execute_and_check(plan, &options, |_, _| {}).map_err(told)?;
    if gathers_rows(&plan).map_err(told)? {
        return Err("it is over one row, and aggregates gather several".to_string());
    }
    if let Some(impurity) = crate::models::reads::impurities(&plan).map_err(told)?.pop() {
        return Err(impurity);
    }
    let (found, declared) = (plan.schema().field(0).data_type(), column.arrow_type()?);
    match can_cast_types(found, &declared) {
        true => Ok(()),
        false => Err(format!("it is {}, which is no {}", type_name(found), column.data_type.value)),
    }
}

fn gathers_rows(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut gathers = false;
    plan.apply_with_subqueries(|node| {
        gathers |= matches!(node, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(gathers)
}
