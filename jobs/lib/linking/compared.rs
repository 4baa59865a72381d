//! A list of pairs as a table of how they agree: both records side by side, names that changed
//! places put back, and the level of each comparison.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{SessionContext, ident};

use super::beside::{PLACE, PairTable};
use super::blocking;
use super::columns::quoted;
use super::records::{Records, frequency_of};
use super::statements::{ARE_SWAPPED, are_swapped, frequencies_of, level_column, level_of};
use crate::algorithms::identity::candidates::{Candidates, Pair};
use crate::config::linking::{Comparison, Declaration, Test};
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context as _, Error, Kind, Result};

/// The pairs of a query with `left_n`, `right_n` and `rule`, as a list in order.
pub(super) async fn listed(session: &SessionContext, sql: &str) -> Result<Arc<Candidates>> {
    let sql = format!(
        "select cast(left_n as bigint), cast(right_n as bigint), cast(rule as bigint) from ({sql}) \
         as pairs"
    );
    let mut all: Vec<(Pair, Option<u32>)> = vec![];
    for batch in rows(session, &sql, "find pairs").await? {
        let [left, right, rule] = batch.columns() else { continue };
        let numbers = |column: &ArrayRef| column.as_primitive::<Int64Type>().clone();
        let (left, right, rule) = (numbers(left), numbers(right), numbers(rule));
        let place = |place: i64| u32::try_from(place).unwrap_or(u32::MAX);
        for ((left, right), rule) in left.values().iter().zip(right.values()).zip(rule.values()) {
            let (left, right) = (place(*left), place(*right));
            all.push(((left.min(right), left.max(right)), u32::try_from(*rule).ok()));
        }
    }
    all.sort_unstable();
    let (pairs, rules) = all.into_iter().unzip();
    Ok(Arc::new(Candidates { pairs, rules, pair_counts: vec![] }))
}

/// The table of pairs that were compared: `left_n`, `right_n`, `rule`, each comparison's level, and
/// both records' frequencies.
pub(super) const COMPARED: &str = "linking.compared";

/// How the pairs of a list agree: what training counts and scoring weighs.
#[derive(Debug)]
pub(super) struct Agreement {
    /// The comparisons, without their numbers.
    tests: Vec<(String, String, Vec<Test>)>,
    /// The level of each, and whether columns changed places.
    columns: Vec<(String, ArrayRef)>,
}

impl Agreement {
    /// Whether this is how a model compares.
    pub(super) fn is_of(&self, model: &Declaration) -> bool {
        self.tests == tests_of(model)
    }
}

fn tests_of(model: &Declaration) -> Vec<(String, String, Vec<Test>)> {
    let tests = |comparison: &Comparison| {
        let levels = comparison.levels.iter().map(|level| level.test.clone()).collect();
        (comparison.name.clone(), comparison.column.clone(), levels)
    };
    model.comparisons.iter().map(tests).collect()
}

/// A session with the table [`COMPARED`] of a list of pairs, columns that changed places put back
/// in the right record; how they agree is computed where it is not known.
pub(super) async fn compared(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    pairs: &Arc<Candidates>,
    counted: &BTreeSet<String>,
    known: Option<&Agreement>,
) -> Result<SessionContext> {
    let session = engine.session(Layout::Parted, [])?;
    let part_count = session.state().config().target_partitions();
    let own = known.map_or(&[][..], |known| known.columns.as_slice());
    let table = PairTable::new(&records.rows, Arc::clone(pairs), own, part_count);
    let failed = || query_error("compare pairs");
    let both = session.read_table(Arc::new(table)).map_err(failed())?;
    let both = in_records(both, records, own).map_err(failed())?;
    let both = match &model.records.interchangeable {
        None => both,
        Some((one, other)) => put_back(both, (one, other), known.is_some()).map_err(failed())?,
    };
    let guard = blocking::may_be_one(&model.guards);
    let both = match guard.strip_prefix(" and ") {
        None => both,
        Some(guard) => {
            let guard = both.parse_sql_expr(guard).map_err(failed())?;
            both.filter(guard).map_err(failed())?
        }
    };
    let mut selected: Vec<String> =
        [PLACE, "left_n", "right_n", "rule"].iter().map(ToString::to_string).collect();
    match known {
        Some(_) => selected.extend(model.comparisons.iter().map(|one| level_column(&one.name))),
        None => selected.extend(model.comparisons.iter().map(level_of)),
    }
    if model.records.interchangeable.is_some() {
        selected.push(format!("r.{ARE_SWAPPED} as {ARE_SWAPPED}"));
    }
    selected.extend(frequencies_of(counted));
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    let compared = both.select_exprs(&selected).map_err(failed())?.into_view();
    let catalog = session.catalog("rapport").and_then(|catalog| {
        let schema: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
        catalog.register_schema("linking", Arc::clone(&schema)).ok()?;
        Some(schema)
    });
    let defect = || Error::new(Kind::Defect, "compare pairs: the session has no catalogue");
    catalog
        .ok_or_else(defect)?
        .register_table("compared".to_string(), compared)
        .map_err(failed())?;
    Ok(session)
}

/// A table of pairs with the records' columns as the relations `l` and `r`.
fn in_records(
    pairs: DataFrame,
    records: &Records,
    own: &[(String, ArrayRef)],
) -> datafusion::common::Result<DataFrame> {
    let mut selected: Vec<Expr> =
        [PLACE, "left_n", "right_n", "rule"].iter().map(|name| ident(*name)).collect();
    selected.extend(own.iter().map(|(name, _)| ident(name)));
    for side in ["l", "r"] {
        for field in records.rows.schema().fields() {
            let name = field.name();
            selected.push(ident(format!("{side}.{name}")).alias_qualified(Some(side), name));
        }
    }
    pairs.select(selected)
}

/// The pairs with two interchangeable columns of the right record exchanged where that makes the
/// records alike, and whether they are.
fn put_back(
    both: DataFrame,
    (one, other): (&String, &String),
    is_known: bool,
) -> datafusion::common::Result<DataFrame> {
    let all = |frame: &DataFrame| -> Vec<Expr> {
        frame.schema().columns().into_iter().map(Expr::Column).collect()
    };
    let mut selected = all(&both);
    if !is_known {
        let sql = are_swapped(&quoted(one), &quoted(other));
        selected.push(both.parse_sql_expr(&sql)?.alias(ARE_SWAPPED));
    }
    let both = both.select(selected)?;
    let mut selected = vec![];
    for column in both.schema().columns() {
        let name = column.name.clone();
        let is_right = column.relation.as_ref().is_some_and(|relation| relation.table() == "r");
        let swapped = match &name {
            name if !is_right && name == ARE_SWAPPED => {
                selected.push(Expr::Column(column).alias_qualified(Some("r"), ARE_SWAPPED));
                continue;
            }
            name if is_right && name == one => format!("r.{}", quoted(other)),
            name if is_right && name == other => format!("r.{}", quoted(one)),
            // Equal values are counted in the left record, where they stand as they do.
            name if is_right && (*name == frequency_of(one) || *name == frequency_of(other)) => {
                "null".to_string()
            }
            _ => {
                selected.push(Expr::Column(column));
                continue;
            }
        };
        let sql = format!("case when {ARE_SWAPPED} then {swapped} else r.{} end", quoted(&name));
        selected.push(both.parse_sql_expr(&sql)?.alias_qualified(Some("r"), name));
    }
    both.select(selected)
}

/// How the pairs that a budget chose agree, compared the first time that it is asked.
pub(super) async fn agreement<'a>(
    engine: &Engine,
    records: &'a Records,
    model: &Declaration,
    pairs: &Arc<Candidates>,
) -> Result<Option<&'a Agreement>> {
    // Where a guard leaves pairs out, those that are left have other places.
    if !blocking::may_be_one(&model.guards).is_empty() {
        return Ok(None);
    }
    if let Some(known) = records.agreement.get() {
        return Ok(Some(known).filter(|known| known.is_of(model)));
    }
    let session = compared(engine, records, model, pairs, &BTreeSet::new(), None).await?;
    let mut names: Vec<String> =
        model.comparisons.iter().map(|one| level_column(&one.name)).collect();
    if model.records.interchangeable.is_some() {
        names.push(ARE_SWAPPED.to_string());
    }
    let sql = format!("select {PLACE}, {} from {COMPARED}", names.join(", "));
    let mut batches = rows(&session, &sql, "compare pairs").await?;
    // They come in any order, each whole.
    batches.retain(|batch| batch.num_rows() > 0);
    batches.sort_by_key(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok(None) };
    let all = concat_batches(&schema, &batches).context(Kind::Defect, || "keep how pairs agree")?;
    let places = all.column(0).as_primitive::<Int64Type>().values();
    if places.len() != pairs.pairs.len() || !(0_i64..).zip(places).all(|(row, place)| row == *place)
    {
        return Err(Error::new(Kind::Defect, "compare pairs: they came in another order"));
    }
    let columns = names.into_iter().zip(all.columns().iter().skip(1).cloned()).collect();
    let found = Agreement { tests: tests_of(model), columns };
    Ok(Some(records.agreement.get_or_init(|| found)))
}

/// The batches of a query.
pub(super) async fn rows(
    session: &SessionContext,
    sql: &str,
    what: &str,
) -> Result<Vec<RecordBatch>> {
    let frame = session.sql(sql).await.map_err(query_error(what))?;
    frame.collect().await.map_err(query_error(what))
}
