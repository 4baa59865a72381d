//! Which partitions a model reads, for any day, from one look at its queries.
//!
//! A query is planned once with `$run_date` left open, its filters are pushed down to the tables
//! it scans, and those on `dt` are kept as they stand: `dt = open_run_date() - 1 day`. For a day
//! they are closed and asked of every candidate day, which takes microseconds. A plan made for
//! the day itself may prune more (it knows more constants) but never less, so what is told here
//! covers what is read; the build holds the two against each other.

mod emptiness;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable as _, LogicalPlan, Volatility};
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::prelude::SessionContext;

use crate::config::{Parameter, Settings, parameters};
use crate::dates::Day;
use crate::engine::partitions::{self, PARTITION_COLUMN, PartitionedTable, Reads};
use crate::engine::sql::{Bound, Place, Query};
use crate::engine::{Engine, Layout, OPEN_RUN_DATE, query_error};
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::lake::TableName;
use crate::models::Catalogue;
use emptiness::Emptiness;
use scan::Scan;

/// What a model reads.
#[derive(Debug, Clone, Default)]
pub struct ModelReads {
    /// The scans of each table.
    scans: BTreeMap<TableName, Vec<Scan>>,
    /// Whether the day that is built decides more than which partitions are read.
    names_day: bool,
    /// When each of its queries has no rows.
    emptiness: Vec<Emptiness>,
}

/// What one look at a query tells.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its scans.
    pub reads: ModelReads,
    /// The columns it returns.
    pub schema: SchemaRef,
    /// The columns it is ordered by, first to last, as far as it is upwards with nulls last;
    /// empty where it is not ordered.
    pub ordered_by: Vec<String>,
    /// What would make its result depend on more than its inputs.
    pub impurities: Vec<String>,
}

impl ModelReads {
    /// The tables that are read.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.scans.keys()
    }

    /// Whether the day that is built decides which partitions are read, and nothing else: from
    /// equal partitions in equal places before it, two days get the same rows.
    pub fn is_blind_to_day(&self) -> bool {
        !self.names_day
    }

    /// The days of `candidates` that the model reads of `table` when it builds `run_date`.
    pub fn days(
        &self,
        table: &TableName,
        run_date: Day,
        candidates: &[Day],
    ) -> Result<BTreeSet<Day>> {
        let mut days = BTreeSet::new();
        for scan in self.scans.get(table).into_iter().flatten() {
            let selected = scan.days(run_date, candidates);
            days.extend(selected.map_err(query_error(choose(table)))?);
        }
        Ok(days)
    }

    /// The days from `first` to `run_date` that the model reads of `table` when it builds
    /// `run_date`; none where `first` is later.
    pub fn days_since(
        &self,
        table: &TableName,
        run_date: Day,
        first: Day,
    ) -> Result<BTreeSet<Day>> {
        let mut days = BTreeSet::new();
        for scan in self.scans.get(table).into_iter().flatten() {
            let selected = scan.days_since(run_date, first);
            days.extend(selected.map_err(query_error(choose(table)))?);
        }
        Ok(days)
    }

    /// Whether none of the model's queries has a row where `has_no_rows` tells that the partitions
    /// they read of a table have none.
    pub fn is_empty_where(&self, has_no_rows: impl Fn(&TableName) -> bool) -> bool {
        self.emptiness.iter().all(|query| query.holds(&has_no_rows))
    }

    /// Takes in what another query of the model reads.
    pub fn merge(&mut self, other: ModelReads) {
        self.names_day |= other.names_day;
        self.emptiness.extend(other.emptiness);
        for (table, scans) in other.scans {
            self.scans.entry(table).or_default().extend(scans);
        }
    }
}

/// Plans `query` with the run date open, over tables without data.
///
/// Errors: [`Kind::Usage`] where it does not plan.
pub async fn look(
    engine: &Engine,
    catalogue: &Catalogue,
    settings: &Settings,
    query: &Query,
) -> Result<Look> {
    let (state, plan) = open_plan(engine, catalogue, settings, query).await?;
    let mistake = |error: DataFusionError| locate(query, &error);
    let schema = Arc::new(plan.schema().as_arrow().clone());
    let ordered_by = order_of(&plan);
    let options = Arc::clone(state.config_options());
    let analyzed =
        state.analyzer().execute_and_check(plan, &options, |_, _| {}).map_err(mistake)?;
    let impurities = impurities(&analyzed).map_err(mistake)?;
    // An outer join whose filter keeps no row without a match lets filters through to both sides.
    let pushed = Optimizer::with_rules(vec![
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(PushDownFilter::new()),
    ])
    .optimize(analyzed, &state, |_, _| {})
    .map_err(mistake)?;
    let mut reads = ModelReads::default();
    collect_scans(&pushed, &mut reads).map_err(mistake)?;
    reads.emptiness.push(Emptiness::of(&pushed));
    reads.names_day = query.parameters.contains("first_input_date")
        || names_day(pushed, &state).map_err(mistake)?;
    Ok(Look { reads, schema, ordered_by, impurities })
}

/// `query` with the run date left open, over tables without data, as it is planned at first.
pub(super) async fn open_plan(
    engine: &Engine,
    catalogue: &Catalogue,
    settings: &Settings,
    query: &Query,
) -> Result<(SessionState, LogicalPlan)> {
    let session = session_without_data(engine, catalogue, query)?;
    let known = || settings.parameters.keys().map(String::as_str).chain(parameters::GIVEN);
    for name in &query.parameters {
        if !known().any(|known| known == name) {
            let hint = match parameters::is_known(name) {
                true => format!(
                    ": it has no default, set `parameters.{name}` in the settings or {}",
                    parameters::variable_of(name)
                ),
                false => did_you_mean(name, known()).replacen('`', "`$", 1),
            };
            let place = query.place_of(&format!("${name}"));
            return Err(query.error(place, format!("unknown parameter `${name}`{hint}")));
        }
    }
    let zone = Parameter::Text(settings.time_zone.name().to_string());
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Open),
        "time_zone" => Some(Bound::Value(&zone)),
        "first_input_date" => Some(Bound::Day(before_any_input())),
        name => settings.parameters.get(name).map(Bound::Value),
    })?;
    let state = session.state();
    let planned = state.statement_to_plan(statement).await;
    let plan = planned.map_err(|error| locate(query, &error))?;
    Ok((state, plan))
}

/// Plans `query` for a day to the end, over tables without data: what it says of constants, and
/// what the engine cannot run, shows only there.
///
/// Errors: [`Kind::Usage`] where it does not plan.
pub async fn plan_to_the_end(
    engine: &Engine,
    catalogue: &Catalogue,
    settings: &Settings,
    query: &Query,
) -> Result<()> {
    let session = session_without_data(engine, catalogue, query)?;
    let day = Day::new(chrono::NaiveDate::default());
    let zone = Parameter::Text(settings.time_zone.name().to_string());
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Day(day)),
        "time_zone" => Some(Bound::Value(&zone)),
        "first_input_date" => Some(Bound::Day(before_any_input())),
        name => settings.parameters.get(name).map(Bound::Value),
    })?;
    let state = session.state();
    let mistake = |error| mistake_in_plan(settings, query, &error);
    let plan = state.statement_to_plan(statement).await.map_err(mistake)?;
    state.create_physical_plan(&plan).await.map(|_| ()).map_err(mistake)
}

/// Whether one of the parameters that `query` names is a text, which may be something that the
/// query cannot take.
pub fn names_a_text(settings: &Settings, query: &Query) -> bool {
    texts(settings, query).next().is_some()
}

fn texts<'a>(
    settings: &'a Settings,
    query: &'a Query,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    query.parameters.iter().filter_map(|name| match settings.parameters.get(name)? {
        Parameter::Text(text) => Some((name, text)),
        _ => None,
    })
}

/// The mistake in `query` that planning it for a day met.
pub fn mistake_in_plan(settings: &Settings, query: &Query, error: &DataFusionError) -> Error {
    let message = error.strip_backtrace();
    let named = texts(settings, query).find(|(_, text)| message.contains(&format!("'{text}'")));
    let Some((name, text)) = named else { return locate(query, error) };
    let told = parameters::shown(name, &Parameter::Text(text.clone()));
    let what = format!("`${name}` is the text `{told}` in the settings, which does not fit here");
    query.error(query.place_of(&format!("${name}")), what)
}

/// What `$first_input_date` is while nobody knows which partitions there will be: no filter may
/// hide any of them.
fn before_any_input() -> Day {
    Day::new(chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default())
}

fn session_without_data(
    engine: &Engine,
    catalogue: &Catalogue,
    query: &Query,
) -> Result<SessionContext> {
    let mut tables: Vec<(TableName, Arc<dyn TableProvider>)> = vec![];
    for (name, place) in &query.tables {
        let Some(model) = catalogue.get(name) else {
            let hint = catalogue.hint(name);
            return Err(query.error(*place, format!("unknown table `{name}`{hint}")));
        };
        let table = PartitionedTable::new(
            name.to_string(),
            &model.schema,
            BTreeMap::new(),
            Reads::default(),
        );
        tables.push((name.clone(), Arc::new(table)));
    }
    engine.session(Layout::OnePart, tables)
}

fn collect_scans(plan: &LogicalPlan, reads: &mut ModelReads) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let (Some(zone), table) = (scan.table_name.schema(), scan.table_name.table())
        {
            let name = TableName::new(zone, table);
            reads.scans.entry(name).or_default().push(Scan::new(scan.filters.clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(|_| ())
}

/// Whether a plan whose filters are pushed down names its day, or the day of a partition, anywhere
/// but where partitions are chosen.
fn names_day(pushed: LogicalPlan, state: &SessionState) -> Result<bool, DataFusionError> {
    let pruned = Optimizer::with_rules(vec![Arc::new(OptimizeProjections::new())]).optimize(
        pushed,
        state,
        |_, _| {},
    )?;
    let mut is_named = false;
    pruned.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            is_named |= scan.projected_schema.has_column_with_unqualified_name(PARTITION_COLUMN);
            for filter in scan.filters.iter().filter(|one| !partitions::is_about_day(one)) {
                is_named |= filter.exists(|part| Ok(is_run_date(part)))?;
            }
        } else {
            node.apply_expressions(|expr| {
                is_named |= expr.exists(|part| Ok(is_run_date(part)))?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_named)
}

fn is_run_date(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(call) if call.name() == OPEN_RUN_DATE)
}

/// The columns of the outermost sort, as far as it is upwards with nulls last.
fn order_of(plan: &LogicalPlan) -> Vec<String> {
    let mut node = plan;
    loop {
        match node {
            LogicalPlan::Sort(sort) => {
                let columns = sort.expr.iter().map_while(|sort| match &sort.expr {
                    Expr::Column(column) if sort.asc && !sort.nulls_first => {
                        Some(column.name.clone())
                    }
                    _ => None,
                });
                return columns.collect();
            }
            // A sort by a column that is not returned stands below a projection.
            LogicalPlan::Projection(projection) => node = &projection.input,
            LogicalPlan::SubqueryAlias(alias) => node = &alias.input,
            _ => return vec![],
        }
    }
}

/// Aggregates that are only about right, and depend on how the rows were parted among threads.
const INEXACT: [&str; 3] =
    ["approx_percentile_cont", "approx_percentile_cont_with_weight", "approx_median"];

/// Aggregates that work in doubles whatever they are given: how the rows were parted among threads
/// shows in the last digits.
const IN_DOUBLES: [&str; 7] =
    ["stddev", "stddev_pop", "var", "var_pop", "corr", "covar_samp", "covar_pop"];

/// Aggregates whose result depends on the order of the rows: they need an order of their own.
const IN_ORDER: [&str; 5] = ["array_agg", "string_agg", "first_value", "last_value", "nth_value"];

/// Aggregates that add values up: over doubles the last digits depend on the order.
const SUMS: [&str; 2] = ["sum", "avg"];

/// What would make the result of `plan`, an analyzed one, depend on more than its inputs.
pub fn impurities(plan: &LogicalPlan) -> Result<Vec<String>, DataFusionError> {
    let mut found = vec![];
    collect_impurities(plan, &mut found)?;
    Ok(found)
}

fn collect_impurities(plan: &LogicalPlan, found: &mut Vec<String>) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Limit(limit) if !is_sorted(&limit.input) => {
                found.push("`limit` without an `order by` keeps any rows".to_string());
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) if distinct.sort_expr.is_none() => {
                found.push("`distinct on` keeps any row, give it an `order by`".to_string());
            }
            _ => {}
        }
        let schemas: Vec<_> =
            node.inputs().iter().map(|input| Arc::clone(input.schema())).collect();
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found.extend(impurity(expr, &schemas));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

/// Whether the rows of `plan` come in an order that was asked for.
fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_sorted(&alias.input),
        LogicalPlan::Filter(filter) => is_sorted(&filter.input),
        _ => false,
    }
}

/// What would make the value of `expr` alone depend on more than its inputs.
fn impurity(expr: &Expr, schemas: &[DFSchemaRef]) -> Option<String> {
    match expr {
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            let is_volatile = call.func.signature().volatility == Volatility::Volatile;
            (is_volatile || CLOCKS.contains(&name)).then(|| {
                format!("`{name}()` gives another value at every run, use $run_date or a column")
            })
        }
        Expr::AggregateFunction(call) => {
            let name = call.func.name();
            let is_ordered = !call.params.order_by.is_empty();
            aggregate_impurity(name, &call.params.args, is_ordered, schemas)
        }
        Expr::WindowFunction(window) => {
            let name = window.fun.name();
            let is_ordered = !window.params.order_by.is_empty();
            if NUMBERING.contains(&name) && !is_ordered {
                return Some(needs_order(name));
            }
            aggregate_impurity(name, &window.params.args, is_ordered, schemas)
        }
        _ => None,
    }
}

fn aggregate_impurity(
    name: &str,
    arguments: &[Expr],
    is_ordered: bool,
    schemas: &[DFSchemaRef],
) -> Option<String> {
    if INEXACT.contains(&name) {
        return Some(format!(
            "`{name}()` depends on the number of threads, use an exact aggregate"
        ));
    }
    if IN_DOUBLES.contains(&name) || name.starts_with("regr_") {
        return Some(format!(
            "`{name}()` works in doubles, whose last digits depend on the number of threads; make \
             it of sums of whole numbers or decimals"
        ));
    }
    if name == "any_value" {
        return Some(
            "`any_value()` depends on the number of threads, use `min()`, `max()` or \
             `first_value(… order by …)`"
                .to_string(),
        );
    }
    if IN_ORDER.contains(&name) && !is_ordered {
        return Some(needs_order(name));
    }
    let is_over_double = arguments.iter().any(|argument| {
        schemas.iter().any(|schema| {
            let data_type = argument.get_type(schema.as_ref());
            data_type.is_ok_and(|data_type| data_type.is_floating()) && !is_whole(argument, schema)
        })
    });
    (SUMS.contains(&name) && is_over_double).then(|| {
        format!(
            "`{name}()` over double depends on the number of threads, cast its argument to a \
             decimal"
        )
    })
}

fn needs_order(name: &str) -> String {
    format!("`{name}()` depends on the order of rows, give it an `order by`")
}

/// Window functions that count or pick rows by their place.
const NUMBERING: [&str; 5] = ["row_number", "ntile", "lag", "lead", "cume_dist"];

/// Functions that read the clock; the engine treats some of them as constant within a query.
const CLOCKS: [&str; 5] = ["now", "current_date", "current_time", "current_timestamp", "today"];

/// `avg` of whole numbers casts them to double: sums of those are exact below 2^53.
fn is_whole(argument: &Expr, schema: &DFSchema) -> bool {
    match argument {
        Expr::Cast(cast) => {
            cast.expr.get_type(schema).is_ok_and(|data_type| data_type.is_integer())
        }
        _ => false,
    }
}

/// A planning error, with the place it is about.
pub fn locate(query: &Query, error: &DataFusionError) -> Error {
    let diagnostic = error.diagnostic();
    let spanned = diagnostic
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| Place { line: span.start.line, column: span.start.column });
    let root = error.find_root();
    let mut message = match diagnostic {
        Some(diagnostic) if spanned.is_some() => {
            let helps: Vec<_> = diagnostic
                .notes
                .iter()
                .map(|note| &note.message)
                .chain(diagnostic.helps.iter().map(|help| &help.message))
                .cloned()
                .collect();
            [vec![diagnostic.message.clone()], helps].concat().join("; ")
        }
        _ => root.strip_backtrace(),
    };
    for prefix in ["Error during planning: ", "Schema error: ", "SQL error: "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            message = rest.to_string();
        }
    }
    let place = spanned.unwrap_or_else(|| place_of_names(query, &message));
    let mut located = query.error(place, message.lines().next().unwrap_or_default());
    if crate::engine::kind_of(error) == Kind::Defect
        && !matches!(root, DataFusionError::NotImplemented(_) | DataFusionError::Internal(_))
    {
        located = located.because(error.strip_backtrace());
    }
    located
}

/// Without a span: where the first name that the message quotes stands in the query.
fn place_of_names(query: &Query, message: &str) -> Place {
    let mut quoted = message.split(['\'', '"', '`']).skip(1).step_by(2);
    quoted
        .find_map(|name| {
            let word = name.rsplit('.').next().unwrap_or(name);
            let place = query.place_of(word);
            (!word.is_empty() && place != Place::default()).then_some(place)
        })
        .unwrap_or_default()
}

fn choose(table: &TableName) -> String {
    format!("choose the partitions of {table}")
}

#[cfg(test)]
mod tests;
