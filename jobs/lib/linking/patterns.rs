//! How often pairs agree in each way, which is all that training looks at: patterns of levels,
//! counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int8Type, Int64Type};
use datafusion::prelude::SessionContext;

use super::blocking;
use super::compared::{COMPARED, agreement, compared, listed, rows};
use super::records::{Records, RuleSet};
use super::statements::{
    Asked, compared_by_rules, found_by_rules, level_column, levels_of, not_found, one_rule,
};
use crate::algorithms::identity::candidates::Candidates;
use crate::algorithms::identity::training::Pattern;
use crate::config::linking::{Comparison, Declaration};
use crate::engine::Engine;
use crate::errors::Result;

/// How often the pairs of a rule agree in each way, on `comparisons`. Of many records only those
/// take part whose draw is below `draws`.
pub(super) async fn of_training_rule(
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
pub(super) async fn random(
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
pub(super) async fn found(
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
    of_pairs(engine, records, model, &pairs).await
}

/// How often the pairs that a budget chose agree in each way; how they do is kept.
pub(super) async fn chosen(
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
pub(super) async fn of_pairs(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    pairs: &Arc<Candidates>,
) -> Result<Vec<Pattern>> {
    let session = compared(engine, records, model, pairs, &BTreeSet::new(), None).await?;
    counted(&session, COMPARED, &model.comparisons).await
}

/// How often pairs of the first `drawn` records agree in each way that no rule finds.
pub(super) async fn others(
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
    of_pairs(engine, records, model, &pairs).await
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
