//! The SQL of pairs: found by rules, compared level by level, weighed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{SessionContext, ident};
use futures::TryStreamExt as _;

use super::beside::{PLACE, PairTable};
use super::blocking::{self, Found};
use super::columns::quoted;
use super::mixture;
use super::records::{Counted, Records, RuleSet, counted_columns, frequency_of};
use crate::algorithms::identity::agglomeration::Edge;
use crate::algorithms::identity::candidates::{Candidates, Pair};
use crate::algorithms::identity::training::{Pattern, probability_of, weight_of};
use crate::config::linking::{
    BlockingRule, Comparison, Declaration, Level, Linkage, SourcesWithoutDuplicates, Test,
};
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context as _, Error, Kind, Result};

/// Pairs with what speaks for their being one person.
#[derive(Debug, Clone)]
pub struct Scored {
    /// In the order of the records' places: `left_n` and `right_n`, the places; `weight`, in
    /// bits; `probability`; `prior`, what of the weight was known before; `rule`, the place of the
    /// rule that found the pair, or −1 where every pair is compared; for each comparison
    /// `level_<name>` and, where it has term frequencies, `tf_<name>`.
    pub pairs: RecordBatch,
    /// The pairs between places, and those that weigh less but speak against a customer.
    pub(super) edges: Vec<Edge>,
    /// How many pairs were compared.
    pub compared_count: u64,
    /// How many of them weigh so many whole bits.
    pub weights: BTreeMap<i32, Weighed>,
    /// What each rule found.
    pub found: Vec<Found>,
    /// Sources that hold everybody once, where pairs were to tell.
    pub once: Vec<String>,
}

/// How many pairs weigh about the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weighed {
    /// All of them.
    pub pair_count: u64,
    /// Those of one person, where that is known.
    pub true_count: u64,
}

/// Adds pairs to how many weigh so many whole bits; `persons` are the records', where known.
fn weigh(edges: &[Edge], persons: Option<&[u32]>, weights: &mut BTreeMap<i32, Weighed>) {
    let person = |place: u32| persons.and_then(|persons| persons.get(place as usize));
    for edge in edges {
        let bits = edge.weight.floor().clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32;
        let weighed = weights.entry(bits).or_default();
        weighed.pair_count += 1;
        let is_one = persons.is_some() && person(edge.left) == person(edge.right);
        weighed.true_count += u64::from(is_one);
    }
}

/// Pairs as edges between places.
pub(super) fn edges_of(pairs: &RecordBatch) -> Vec<Edge> {
    let numbers = |name: &str| {
        pairs.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>())
    };
    let bits = |name: &str| {
        pairs.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>())
    };
    let (Some(left), Some(right)) = (numbers("left_n"), numbers("right_n")) else {
        return vec![];
    };
    let (Some(weights), Some(priors)) = (bits("weight"), bits("prior")) else { return vec![] };
    let place = |place: i64| u32::try_from(place).unwrap_or(u32::MAX);
    let places = left.values().iter().zip(right.values());
    let rows = places.zip(weights.values()).zip(priors.values());
    rows.map(|(((left, right), weight), prior)| Edge {
        left: place(*left),
        right: place(*right),
        weight: *weight,
        prior: *prior,
    })
    .collect()
}

/// Compares the pairs that a model's rules find, and keeps those of `floor` bits or more.
///
/// Errors: [`Kind::Usage`] for a model without rules, and for a rule that finds more pairs than it
/// may.
pub async fn score(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    floor: f64,
) -> Result<Scored> {
    score_known(engine, records, model, floor, None).await
}

/// As [`score`], where it may be known who is who: `persons` has for each record a number that
/// those of one person share, and pairs of one person are counted apart.
///
/// Errors: as [`score`].
pub async fn score_known(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    floor: f64,
    persons: Option<&[u32]>,
) -> Result<Scored> {
    if model.blocking.rules.is_empty() {
        let what = "compare pairs: `blocking` has no rules, so there are none";
        return Err(Error::new(Kind::Usage, what));
    }
    let counted = counted_columns(model);
    let (session, found, pairs) = match (&records.candidates, &model.records.interchangeable) {
        (Some(candidates), _) => {
            let counts = candidates.pair_counts.iter().enumerate();
            let found = counts
                .map(|(place, pair_count)| Found {
                    rule: RuleSet::Blocking.name(place),
                    pair_count: *pair_count,
                })
                .collect();
            let agreement = records.agreement.get().filter(|known| known.is_of(model));
            let session = compared(engine, records, model, candidates, &counted, agreement).await?;
            (session, found, COMPARED.to_string())
        }
        (None, Some(_)) => {
            let session = records.session(engine)?;
            let found = blocking::count(&session, model, RuleSet::Blocking).await?;
            let pairs = listed(&session, &found_by_rules(model, &Asked::default())).await?;
            let session = compared(engine, records, model, &pairs, &counted, None).await?;
            (session, found, COMPARED.to_string())
        }
        (None, None) => {
            let session = records.session(engine)?;
            let found = blocking::count(&session, model, RuleSet::Blocking).await?;
            (session, found, format!("({})", compared_by_rules(model, &counted)))
        }
    };
    let sql = weighed(model, records, &pairs)?;
    let failed = || query_error("compare pairs");
    let frame = session.sql(&sql).await.map_err(failed())?;
    let mut stream = frame.execute_stream().await.map_err(failed())?;
    let schema = stream.schema();
    let (mut kept, mut compared_count) = (vec![], 0_u64);
    let (mut edges, mut weights) = (vec![], BTreeMap::new());
    let mut repeats = Repeats::of(records, model);
    let least = least_evidence(model).min(floor);
    while let Some(batch) = stream.try_next().await.map_err(failed())? {
        compared_count += u64::try_from(batch.num_rows()).unwrap_or(0);
        let all = edges_of(&batch);
        if let Some(repeats) = &mut repeats {
            repeats.add(&all);
        }
        weigh(&all, persons, &mut weights);
        edges.extend(all.into_iter().filter(|edge| edge.weight >= least));
        // Not in SQL: a condition on the weight would be pushed below the comparisons, which
        // would then be made twice.
        kept.push(heavy(&batch, floor)?);
    }
    let kept = concat_batches(&schema, &kept).context(Kind::Defect, || "keep pairs")?;
    let once = repeats.map_or(vec![], |repeats| repeats.sources_without());
    edges.sort_unstable_by_key(|edge| (edge.left, edge.right));
    Ok(Scored { pairs: in_order(&kept)?, edges, compared_count, weights, found, once })
}

/// The pairs that rules find, each once.
fn found_by_rules(model: &Declaration, asked: &Asked<'_>) -> String {
    let rules = 0..model.blocking.rules.len();
    let each = rules.map(|place| one_rule(model, RuleSet::Blocking, place, asked));
    each.collect::<Vec<_>>().join("\nunion all\n")
}

/// The same, compared, where no columns change places.
fn compared_by_rules(model: &Declaration, counted: &BTreeSet<String>) -> String {
    let asked =
        Asked { comparisons: &model.comparisons, counted: counted.clone(), ..Asked::default() };
    found_by_rules(model, &asked)
}

/// The pairs of a query with `left_n`, `right_n` and `rule`, as a list in order.
async fn listed(session: &SessionContext, sql: &str) -> Result<Arc<Candidates>> {
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
const COMPARED: &str = "linking.compared";

/// Whether the interchangeable columns of a pair changed places.
const ARE_SWAPPED: &str = "__are_swapped";

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
    fn is_of(&self, model: &Declaration) -> bool {
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
async fn compared(
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
async fn agreement<'a>(
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

/// Whether two columns of a pair changed places: crossed they are alike, and neither is straight.
/// Where one is missing the other must be equal.
fn are_swapped(one: &str, other: &str) -> String {
    let equal = |l: &str, r: &str| format!("coalesce(l.{l} = r.{r}, false)");
    let alike = |l: &str, r: &str| {
        format!(
            "({} or coalesce(jaro_winkler_similarity(l.{l}, r.{r}) >= {ALIKE:?}, false))",
            equal(l, r)
        )
    };
    let without = |missing: &str, known: &str| {
        format!(
            "((l.{missing} is null or r.{known} is null) and {} and not {})",
            equal(known, missing),
            equal(known, known)
        )
    };
    format!(
        "(({} and {} and not {} and not {}) or {} or {})",
        alike(one, other),
        alike(other, one),
        equal(one, one),
        equal(other, other),
        without(one, other),
        without(other, one)
    )
}

/// From which similarity on names are taken for one when they may have changed places.
const ALIKE: f64 = 0.92;

/// How many pairs are expected to be one person within each source, and between it and others.
struct Repeats {
    names: Vec<String>,
    /// For each record the number of its source.
    numbers: Vec<usize>,
    record_counts: Vec<f64>,
    /// In billionths, so that sums do not depend on their order.
    within: Vec<u128>,
    across: Vec<u128>,
}

impl Repeats {
    /// None where nobody asks, or there is one source.
    fn of(records: &Records, model: &Declaration) -> Option<Repeats> {
        if model.guards.one_record_per_source != SourcesWithoutDuplicates::WhereNoneRepeats {
            return None;
        }
        let all: BTreeSet<&str> = records.sources.iter().flatten().collect();
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        if names.len() < 2 {
            return None;
        }
        let numbers: Vec<usize> = records
            .sources
            .iter()
            .map(|source| all.range(..source.unwrap_or_default()).count())
            .collect();
        let mut record_counts = vec![0.0; names.len()];
        for number in &numbers {
            if let Some(count) = record_counts.get_mut(*number) {
                *count += 1.0;
            }
        }
        let none = vec![0; names.len()];
        Some(Repeats { names, numbers, record_counts, within: none.clone(), across: none })
    }

    fn add(&mut self, edges: &[Edge]) {
        let number = |place: u32| self.numbers.get(place as usize).copied().unwrap_or(usize::MAX);
        for edge in edges {
            let billionths = (probability_of(edge.weight) * 1e9) as u128;
            let (left, right) = (number(edge.left), number(edge.right));
            let sums = if left == right { &mut self.within } else { &mut self.across };
            for source in [Some(left), Some(right).filter(|right| *right != left)] {
                if let Some(sum) = source.and_then(|source| sums.get_mut(source)) {
                    *sum += billionths;
                }
            }
        }
    }

    /// The sources that hold next to nobody twice.
    fn sources_without(self) -> Vec<String> {
        let billion = |sum: &u128| *sum as f64 / 1e9;
        let sums = self.within.iter().map(billion).zip(self.across.iter().map(billion));
        let sums = sums.zip(self.record_counts);
        let are_once = sums.map(|((within, across), records)| {
            within < REPEATED_RECORDS * records && within < REPEATED_PAIRS * across
        });
        self.names.into_iter().zip(are_once).filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }
}

/// The part of a source's records, and of its pairs with others, that its own pairs stay below
/// where it holds everybody once.
const REPEATED_RECORDS: f64 = 0.01;
const REPEATED_PAIRS: f64 = 0.05;

/// The weight in bits from which a pair says something of its customers, be it against them.
fn least_evidence(model: &Declaration) -> f64 {
    match model.guards.linkage {
        Linkage::Single => f64::INFINITY,
        Linkage::Average | Linkage::Complete => {
            model.guards.agreement.ignore_below.unwrap_or(f64::NEG_INFINITY)
        }
    }
}

/// The rows that weigh `floor` or more.
fn heavy(batch: &RecordBatch, floor: f64) -> Result<RecordBatch> {
    let weights = batch
        .column_by_name("weight")
        .and_then(|column| column.as_primitive_opt::<Float64Type>())
        .ok_or_else(|| Error::new(Kind::Defect, "compare pairs: they have no weight"))?;
    let is_heavy: BooleanArray =
        weights.iter().map(|weight| Some(weight.is_some_and(|weight| weight >= floor))).collect();
    filter_record_batch(batch, &is_heavy).context(Kind::Defect, || "keep pairs")
}

fn in_order(pairs: &RecordBatch) -> Result<RecordBatch> {
    let failed = || "put pairs in order";
    let columns: Option<Vec<SortColumn>> = ["left_n", "right_n"]
        .map(|name| {
            let values = pairs.column_by_name(name)?.clone();
            Some(SortColumn { values, options: None })
        })
        .into_iter()
        .collect();
    let columns = columns.ok_or_else(|| Error::new(Kind::Defect, failed()))?;
    let order = lexsort_to_indices(&columns, None).context(Kind::Defect, failed)?;
    take_record_batch(pairs, &order).context(Kind::Defect, failed)
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

/// How often the pairs of a rule agree in each way, on `comparisons`. Of many records only those
/// take part whose draw is below `draws`.
pub(super) async fn patterns(
    session: &SessionContext,
    model: &Declaration,
    place: usize,
    comparisons: &[Comparison],
    draws: Option<u64>,
) -> Result<Vec<Pattern>> {
    let part = draws.map(|most| format!(" and l.__draw < {most} and r.__draw < {most}"));
    let asked =
        Asked { comparisons, part: part.unwrap_or_default(), is_alone: true, ..Asked::default() };
    let pairs = one_rule(model, RuleSet::Training, place, &asked);
    counted(session, &format!("({pairs})"), comparisons).await
}

/// How often pairs of records drawn at random agree in each way: those of the first `drawn`
/// records with those among them whose draw leaves `chunk` by `chunks`.
pub(super) async fn random_patterns(
    session: &SessionContext,
    model: &Declaration,
    comparisons: &[Comparison],
    drawn: u64,
    (chunk, chunks): (u64, u64),
) -> Result<Vec<Pattern>> {
    let levels = levels_of(comparisons);
    let guard = blocking::may_be_one(&model.guards);
    let pairs = format!(
        "select {levels} from (select * from linking.records where __draw < {drawn}) as l \
         inner join (select * from linking.records where __draw < {drawn} and \
         __draw % {chunks} = {chunk}) as r on l.__draw < r.__draw{guard}"
    );
    counted(session, &format!("({pairs})"), comparisons).await
}

/// How often the pairs that rules find agree in each way.
pub(super) async fn found_patterns(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
) -> Result<Vec<Pattern>> {
    let session = records.session(engine)?;
    blocking::count(&session, model, RuleSet::Blocking).await?;
    if model.blocking.rules.is_empty() {
        return Ok(vec![]);
    }
    if model.records.interchangeable.is_none() {
        let pairs = compared_by_rules(model, &BTreeSet::new());
        return counted(&session, &format!("({pairs})"), &model.comparisons).await;
    }
    let pairs = listed(&session, &found_by_rules(model, &Asked::default())).await?;
    patterns_of(engine, records, model, &pairs).await
}

/// How often the pairs that a budget chose agree in each way; how they do is kept.
pub(super) async fn chosen_patterns(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    candidates: &Arc<Candidates>,
) -> Result<Vec<Pattern>> {
    let known = agreement(engine, records, model, candidates).await?;
    let none = BTreeSet::new();
    let session = compared(engine, records, model, candidates, &none, known).await?;
    counted(&session, COMPARED, &model.comparisons).await
}

/// How often the pairs of a list agree in each way.
pub(super) async fn patterns_of(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    pairs: &Arc<Candidates>,
) -> Result<Vec<Pattern>> {
    let session = compared(engine, records, model, pairs, &BTreeSet::new(), None).await?;
    counted(&session, COMPARED, &model.comparisons).await
}

/// How often pairs of the first `drawn` records agree in each way that no rule finds.
pub(super) async fn other_patterns(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    drawn: u64,
) -> Result<Vec<Pattern>> {
    let session = records.session(engine)?;
    let not_found = not_found(RuleSet::Blocking, model.blocking.rules.iter());
    let others = format!(
        "select l.__n as left_n, r.__n as right_n, -1 as rule from (select * from linking.records \
         where __draw < {drawn}) as l inner join (select * from linking.records where __draw < \
         {drawn}) as r on l.__draw < r.__draw where true{not_found}"
    );
    let pairs = listed(&session, &others).await?;
    patterns_of(engine, records, model, &pairs).await
}

async fn counted(
    session: &SessionContext,
    pairs: &str,
    comparisons: &[Comparison],
) -> Result<Vec<Pattern>> {
    let names: Vec<String> = comparisons.iter().map(|one| level_column(&one.name)).collect();
    let names = names.join(", ");
    let sql = format!(
        "select {names}, cast(count(*) as bigint) as pair_count from {pairs} as pairs group by \
         {names}"
    );
    let mut patterns = vec![];
    for batch in rows(session, &sql, "count how pairs agree").await? {
        let Some((counts, levels)) = batch.columns().split_last() else { continue };
        let counts = counts.as_primitive::<Int64Type>();
        let levels: Vec<_> = levels.iter().map(|level| level.as_primitive::<Int8Type>()).collect();
        for (row, count) in counts.values().iter().enumerate() {
            patterns.push(Pattern {
                levels: levels.iter().map(|level| level.value(row)).collect(),
                count: u64::try_from(*count).unwrap_or(0),
            });
        }
    }
    patterns.sort();
    Ok(patterns)
}

/// How many different pairs the rules of a set find.
pub(super) async fn count_found(
    session: &SessionContext,
    model: &Declaration,
    set: RuleSet,
) -> Result<u64> {
    let rules = set.of(model);
    if rules.is_empty() {
        return Ok(0);
    }
    let pairs: Vec<String> =
        (0..rules.len()).map(|place| one_rule(model, set, place, &Asked::default())).collect();
    let pairs = pairs.join("\nunion all\n");
    let sql = format!("select cast(count(*) as bigint) from ({pairs}) as pairs");
    blocking::number(session, &sql).await
}

/// What is asked of a rule's pairs besides their records.
#[derive(Default)]
struct Asked<'a> {
    /// The levels of these.
    comparisons: &'a [Comparison],
    /// Both records' frequencies of these columns.
    counted: BTreeSet<String>,
    /// A condition that holds too, with its `and`.
    part: String,
    /// Whether pairs count that rules before it find as well.
    is_alone: bool,
}

/// The pairs that a rule finds and none before it does.
fn one_rule(model: &Declaration, set: RuleSet, place: usize, asked: &Asked<'_>) -> String {
    let Asked { comparisons, counted, part, is_alone } = asked;
    let rules = set.of(model);
    let earlier = not_found(set, rules.iter().take(if *is_alone { 0 } else { place }));
    let condition = rules.get(place).and_then(|rule| rule.condition.as_ref());
    let condition: String = condition.iter().map(|sql| format!(" and ({sql})")).collect();
    let mut selected = vec![
        "l.__n as left_n".to_string(),
        "r.__n as right_n".to_string(),
        format!("{place} as rule"),
    ];
    if !comparisons.is_empty() {
        selected.push(levels_of(comparisons));
    }
    selected.extend(frequencies_of(counted));
    let key = quoted(&set.key(place));
    let guard = blocking::may_be_one(&model.guards);
    format!(
        "select {}\nfrom linking.records as l\ninner join linking.records as r on l.{key} = r.{key} \
         and l.__n < r.__n\nwhere true{guard}{condition}{earlier}{part}",
        selected.join(", ")
    )
}

/// That none of the first rules of a set finds a pair, with an `and` before each.
fn not_found<'a>(set: RuleSet, rules: impl Iterator<Item = &'a BlockingRule>) -> String {
    let without = |(place, rule): (usize, &BlockingRule)| {
        let key = quoted(&set.key(place));
        let condition = rule.condition.iter().map(|sql| format!(" and ({sql})"));
        let condition: String = condition.collect();
        format!(" and not coalesce((l.{key} = r.{key}{condition}), false)")
    };
    rules.enumerate().map(without).collect()
}

/// Both records' frequencies of the columns.
fn frequencies_of(columns: &BTreeSet<String>) -> Vec<String> {
    let of_side = |column: &String, side: &str| {
        let frequency = frequency_of(column);
        format!("{side}.{} as {}", quoted(&frequency), quoted(&format!("{frequency}_{side}")))
    };
    columns.iter().flat_map(|column| ["l", "r"].map(|side| of_side(column, side))).collect()
}

/// The column of a comparison's level.
pub(super) fn level_column(comparison: &str) -> String {
    format!("level_{comparison}")
}

fn levels_of(comparisons: &[Comparison]) -> String {
    comparisons.iter().map(level_of).collect::<Vec<_>>().join(", ")
}

/// The level of a pair, in SQL over the records `l` and `r`.
fn level_of(comparison: &Comparison) -> String {
    let cases: String = comparison
        .levels
        .iter()
        .enumerate()
        .map(|(place, level)| {
            let value = comparison.value_of(place);
            match condition_of(&level.test, &comparison.column) {
                Some(condition) => format!(" when {condition} then {value}"),
                None => format!(" else {value}"),
            }
        })
        .collect();
    format!("cast(case{cases} end as tinyint) as {}", level_column(&comparison.name))
}

/// When a level holds, in SQL over the records `l` and `r`; none for the last one.
fn condition_of(test: &Test, column: &str) -> Option<String> {
    let (l, r) = (format!("l.{}", quoted(column)), format!("r.{}", quoted(column)));
    let both = |function: &str| format!("{function}({l}, {r})");
    let same = |function: &str| format!("{function}({l}) = {function}({r})");
    let condition = match test {
        Test::Else => return None,
        Test::Straight => "not r.__are_swapped".to_string(),
        Test::Missing => format!("{l} is null or {r} is null"),
        Test::Exact => format!("{l} = {r}"),
        Test::JaroAtLeast(least) => format!("{} >= {least:?}", both("jaro_similarity")),
        Test::JaroWinklerAtLeast(least) => {
            format!("{} >= {least:?}", both("jaro_winkler_similarity"))
        }
        Test::LevenshteinAtMost(most) => format!("{} <= {most}", both("edits_apart")),
        Test::DamerauLevenshteinAtMost(most) => {
            format!("damerau_levenshtein_within({l}, {r}, {most})")
        }
        Test::DaysApartAtMost(most) => format!("{} <= {most}", both("days_apart")),
        Test::DatePartsSwapped => both("is_day_month_swapped"),
        Test::DateDigitsAtMost(most) => format!("{} <= {most}", both("digits_apart")),
        Test::PostcodeArea => same("postcode_area"),
        Test::PostcodeDistrict => same("postcode_district"),
        Test::Phonetic => both("sounds_alike"),
        Test::Nickname => both("are_nicknames"),
        Test::WordsInCommonAtLeast(least) => format!("{} >= {least}", both("words_in_common")),
        Test::OverlapAtLeast(least) => format!("{} >= {least}", both("elements_in_common")),
        Test::PrefixAtLeast(length) => format!(
            "left({l}, {length}) = left({r}, {length}) and character_length({l}) >= {length}"
        ),
        Test::SwappedWith(other) => {
            let (other_l, other_r) =
                (format!("l.{}", quoted(other)), format!("r.{}", quoted(other)));
            format!("{l} = {other_r} and {other_l} = {r}")
        }
        Test::MissingWhere(sql) | Test::Sql(sql) => format!("({sql})"),
    };
    Some(condition)
}

/// The pairs with their weights.
///
/// Errors: [`Kind::Usage`] where the model lacks a number.
fn weighed(model: &Declaration, records: &Records, pairs: &str) -> Result<String> {
    let (mut columns, mut frequencies, mut bits) = (vec![], vec![], vec![]);
    for comparison in &model.comparisons {
        let level = level_column(&comparison.name);
        let (mut weights, mut adjustments) = (String::new(), String::new());
        for (place, one) in comparison.levels.iter().enumerate() {
            let value = comparison.value_of(place);
            weights.push_str(&format!(" when {value} then {}", literal(weight(comparison, one)?)));
            if let Some(adjustment) = adjustment(model, records, comparison, one)? {
                adjustments.push_str(&format!(" when {value} then {adjustment}"));
            }
        }
        let mut sum = format!("case {level}{weights} end");
        columns.push(level.clone());
        if !adjustments.is_empty() {
            let column = format!("tf_{}", comparison.name);
            frequencies.push(format!("case {level}{adjustments} else 0.0 end as {column}"));
            sum = format!("{sum} + {column}");
            columns.push(column);
        }
        bits.push(sum);
    }
    let mut layers = format!("{pairs} as pairs");
    let mut add = |columns: &[String]| {
        if !columns.is_empty() {
            layers = format!("(select *, {} from {layers}) as layer", columns.join(", "));
        }
    };
    add(&frequencies);
    let (weight, prior) = match model.relations.as_slice() {
        [] => {
            let Some(prior) = model.prior.probability else {
                return Err(Error::new(Kind::Usage, "compare pairs: the model has no prior"));
            };
            let prior = weight_of(prior);
            (format!("{} + {}", literal(prior), bits.join(" + ")), literal(prior.min(0.0)))
        }
        _ => {
            let name = |comparison: &Comparison| format!("__bits_{}", comparison.name);
            let named = model.comparisons.iter().zip(&bits);
            let named = named.map(|(one, bits)| format!("{bits} as {}", name(one)));
            add(&named.collect::<Vec<_>>());
            let mixture = mixture::sql(model, name, literal)?;
            let named = mixture.columns.iter().map(|(name, sql)| format!("{sql} as {name}"));
            add(&named.collect::<Vec<_>>());
            (mixture.weight, mixture.prior)
        }
    };
    add(&[format!("{weight} as weight"), format!("{prior} as prior")]);
    // Of two equal forms of the probability, the one whose power cannot overflow.
    Ok(format!(
        "select left_n, right_n, weight, case when weight >= 0.0 then 1.0 / (1.0 + power(2.0, \
         -weight)) else power(2.0, weight) / (1.0 + power(2.0, weight)) end as probability, prior, \
         cast(rule as int) as rule, {} from {layers}",
        columns.join(", ")
    ))
}

/// What a level weighs, in bits.
pub(super) fn weight(comparison: &Comparison, level: &Level) -> Result<f64> {
    if level.test.is_missing() {
        return Ok(0.0);
    }
    let (Some(m), Some(u)) = (&level.m, &level.u) else {
        let what = format!(
            "compare pairs: level `{}` of comparison `{}` has no m or no u",
            level.test.key(),
            comparison.name
        );
        return Err(Error::new(Kind::Usage, what));
    };
    Ok((m.value / u.value).log2())
}

/// What a level's frequencies add to its weight, in SQL; none where it has none.
///
/// A value that is rarer than the level's average says more: `u` is replaced by the value's own
/// frequency, of two the greater. Source: Splink, `ComparisonLevel._tf_adjustment_sql`.
fn adjustment(
    model: &Declaration,
    records: &Records,
    comparison: &Comparison,
    level: &Level,
) -> Result<Option<String>> {
    let Some(frequency) = &level.term_frequency else { return Ok(None) };
    if frequency.weight == 0.0 {
        return Ok(None);
    }
    let column = frequency.column.as_ref().unwrap_or(&comparison.column);
    // Frequencies are of equal values: what they replace is the u of the level that says so.
    let exact = comparison.levels.iter().find(|level| level.test == Test::Exact);
    let reference = exact.filter(|_| *column == comparison.column).unwrap_or(level);
    let Some(u) = &reference.u else {
        let what = format!("compare pairs: comparison `{}` lacks a u", comparison.name);
        return Err(Error::new(Kind::Usage, what));
    };
    let of_side = |side: &str| quoted(&format!("{}_{side}", frequency_of(column)));
    let (l, r) = (of_side("l"), of_side("r"));
    let Counted { total, is_list } = records.counted.get(column).copied().unwrap_or_default();
    let total = total.max(1) as f64;
    let share = match is_list {
        false => format!("greatest(coalesce({l}, {r}), coalesce({r}, {l}))"),
        // Of what both lists share the rarest.
        true => format!(
            "cast(split_part(array_min(array_intersect({l}, {r})), ':', 1) as double) / {}",
            literal(total)
        ),
    };
    let (share, least) = match frequency.is_of_others {
        false => (share, frequency.minimum),
        true => {
            // A person's other records are expected to have the value too.
            let m = level.m.as_ref().map_or(1.0, |m| m.value);
            let own = expected_duplicates(model, records.count()) * m;
            (format!("{share} - {}", literal(own / total)), frequency.minimum.max(1.0 / total))
        }
    };
    Ok(Some(format!(
        "case when coalesce({l}, {r}) is not null then {} * ({} - log2(greatest({share}, {}))) else \
         0.0 end",
        literal(frequency.weight),
        literal(u.value.log2()),
        literal(least)
    )))
}

/// How many other records of its person a record is expected to have.
fn expected_duplicates(model: &Declaration, record_count: usize) -> f64 {
    let probability: f64 = match model.relations.as_slice() {
        [] => model.prior.probability.unwrap_or_default(),
        relations => relations
            .iter()
            .filter(|relation| relation.is_same_person)
            .filter_map(|relation| relation.share)
            .sum(),
    };
    probability * record_count.saturating_sub(1) as f64
}

/// A number as SQL reads the very same.
fn literal(value: f64) -> String {
    format!("({value:?})")
}

/// Compares all pairs of records within each of `groups`, whatever rules find them, and gives those
/// that say something of their customers, in order.
///
/// `groups`: for each record a number that those of one group share; none for a record in no group.
pub(super) async fn score_within(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    groups: &[Option<u32>],
) -> Result<Vec<Edge>> {
    if groups.iter().all(Option::is_none) {
        return Ok(vec![]);
    }
    let mut members: Vec<(u32, u32)> =
        (0..).zip(groups).filter_map(|(place, group)| Some(((*group)?, place))).collect();
    members.sort_unstable();
    let mut pairs: Vec<Pair> = vec![];
    for group in members.chunk_by(|one, other| one.0 == other.0) {
        for (place, (_, left)) in group.iter().enumerate() {
            pairs.extend(group.iter().skip(place + 1).map(|(_, right)| (*left, *right)));
        }
    }
    pairs.sort_unstable();
    let pairs = Arc::new(Candidates { pairs, ..Candidates::default() });
    let counted = counted_columns(model);
    let session = compared(engine, records, model, &pairs, &counted, None).await?;
    let failed = || query_error("compare pairs within groups");
    let frame = session.sql(&weighed(model, records, COMPARED)?).await.map_err(failed())?;
    let mut stream = frame.execute_stream().await.map_err(failed())?;
    let least = model.guards.agreement.ignore_below.unwrap_or(f64::NEG_INFINITY);
    let mut edges = vec![];
    while let Some(batch) = stream.try_next().await.map_err(failed())? {
        edges.extend(edges_of(&batch).into_iter().filter(|edge| edge.weight >= least));
    }
    edges.sort_unstable_by_key(|edge| (edge.left, edge.right));
    Ok(edges)
}

/// Compares these pairs, which are in order, and gives them as [`Scored::pairs`] are.
pub(super) async fn score_pairs(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    pairs: &[Pair],
) -> Result<RecordBatch> {
    let pairs = Arc::new(Candidates { pairs: pairs.to_vec(), ..Candidates::default() });
    let counted = counted_columns(model);
    let session = compared(engine, records, model, &pairs, &counted, None).await?;
    let failed = || query_error("compare pairs");
    let frame = session.sql(&weighed(model, records, COMPARED)?).await.map_err(failed())?;
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await.map_err(failed())?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    in_order(&concat_batches(&schema, &batches).context(Kind::Defect, || "compare pairs")?)
}
