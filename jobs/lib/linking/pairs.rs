//! What pairs weigh: those that rules or a budget choose are compared, and kept if they say enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Float64Type, Int64Type};
use futures::TryStreamExt as _;

use super::blocking::{self, Found};
use super::compared::{COMPARED, compared, listed};
use super::records::{Records, RuleSet, counted_columns};
use super::repeats::Repeats;
use super::statements::{Asked, compared_by_rules, found_by_rules, weighed};
use crate::algorithms::identity::agglomeration::Edge;
use crate::algorithms::identity::candidates::{Candidates, Pair};
use crate::config::linking::{Declaration, Linkage};
use crate::engine::{Engine, query_error};
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
