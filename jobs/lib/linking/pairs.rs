//! The SQL of pairs: found by rules, compared level by level, weighed.

use std::collections::BTreeSet;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use super::blocking::{self, Found};
use super::columns::quoted;
use super::mixture;
use super::records::{Records, RuleSet, counted_columns, frequency_of};
use crate::algorithms::identity::agglomeration::Edge;
use crate::algorithms::identity::training::{Pattern, weight_of};
use crate::config::linking::{BlockingRule, Comparison, Declaration, Level, Test};
use crate::engine::{Engine, query_error};
use crate::errors::{Context as _, Error, Kind, Result};

/// Pairs with what speaks for their being one person.
#[derive(Debug, Clone)]
pub struct Scored {
    /// In the order of the records' places: `left_n` and `right_n`, the places; `weight`, in
    /// bits; `probability`; `prior`, what of the weight was known before; `rule`, the place of the rule that found the pair; for each
    /// comparison `level_<name>` and, where it has term frequencies, `tf_<name>`.
    pub pairs: RecordBatch,
    /// How many pairs were compared.
    pub compared_count: u64,
    /// What each rule found.
    pub found: Vec<Found>,
}

impl Scored {
    /// The pairs as edges between places.
    pub fn edges(&self) -> Vec<Edge> {
        edges_of(&self.pairs)
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
    if model.blocking.rules.is_empty() {
        let what = "compare pairs: `blocking` has no rules, so there are none";
        return Err(Error::new(Kind::Usage, what));
    }
    let session = records.session(engine)?;
    let found = blocking::count(&session, model, RuleSet::Blocking).await?;
    let asked = Asked {
        comparisons: &model.comparisons,
        counted: counted_columns(model),
        ..Asked::default()
    };
    let pairs: Vec<String> = (0..model.blocking.rules.len())
        .map(|place| one_rule(model, RuleSet::Blocking, place, &asked))
        .collect();
    let sql = weighed(model, &pairs.join("\nunion all\n"))?;
    let failed = || query_error("compare pairs");
    let frame = session.sql(&sql).await.map_err(failed())?;
    let mut stream = frame.execute_stream().await.map_err(failed())?;
    let schema = stream.schema();
    let (mut kept, mut compared_count) = (vec![], 0_u64);
    while let Some(batch) = stream.try_next().await.map_err(failed())? {
        compared_count += u64::try_from(batch.num_rows()).unwrap_or(0);
        // Not in SQL: a condition on the weight would be pushed below the comparisons, which
        // would then be made twice.
        kept.push(heavy(&batch, floor)?);
    }
    let kept = concat_batches(&schema, &kept).context(Kind::Defect, || "keep pairs")?;
    Ok(Scored { pairs: in_order(&kept)?, compared_count, found })
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
    counted(session, &pairs, comparisons).await
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
    counted(session, &pairs, comparisons).await
}

/// How often the pairs that rules find agree in each way.
pub(super) async fn found_patterns(
    session: &SessionContext,
    model: &Declaration,
) -> Result<Vec<Pattern>> {
    blocking::count(session, model, RuleSet::Blocking).await?;
    let asked = Asked { comparisons: &model.comparisons, ..Asked::default() };
    let pairs: Vec<String> = (0..model.blocking.rules.len())
        .map(|place| one_rule(model, RuleSet::Blocking, place, &asked))
        .collect();
    if pairs.is_empty() {
        return Ok(vec![]);
    }
    counted(session, &pairs.join("\nunion all\n"), &model.comparisons).await
}

/// How often pairs of the first `drawn` records agree in each way that no rule finds.
pub(super) async fn other_patterns(
    session: &SessionContext,
    model: &Declaration,
    drawn: u64,
) -> Result<Vec<Pattern>> {
    let levels = levels_of(&model.comparisons);
    let guard = blocking::may_be_one(&model.guards);
    let not_found = not_found(RuleSet::Blocking, model.blocking.rules.iter());
    let pairs = format!(
        "select {levels} from (select * from linking.records where __draw < {drawn}) as l \
         inner join (select * from linking.records where __draw < {drawn}) as r \
         on l.__draw < r.__draw where true{guard}{not_found}"
    );
    counted(session, &pairs, &model.comparisons).await
}

async fn counted(
    session: &SessionContext,
    pairs: &str,
    comparisons: &[Comparison],
) -> Result<Vec<Pattern>> {
    let names: Vec<String> = comparisons.iter().map(|one| level_column(&one.name)).collect();
    let names = names.join(", ");
    let sql = format!(
        "select {names}, cast(count(*) as bigint) as pair_count from ({pairs}) as pairs group by \
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
    let levels: Vec<String> = comparisons
        .iter()
        .map(|comparison| {
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
        })
        .collect();
    levels.join(", ")
}

/// When a level holds, in SQL over the records `l` and `r`; none for the last one.
fn condition_of(test: &Test, column: &str) -> Option<String> {
    let (l, r) = (format!("l.{}", quoted(column)), format!("r.{}", quoted(column)));
    let both = |function: &str| format!("{function}({l}, {r})");
    let same = |function: &str| format!("{function}({l}) = {function}({r})");
    let condition = match test {
        Test::Else => return None,
        Test::Missing => format!("{l} is null or {r} is null"),
        Test::Exact => format!("{l} = {r}"),
        Test::JaroAtLeast(least) => format!("{} >= {least:?}", both("jaro_similarity")),
        Test::JaroWinklerAtLeast(least) => {
            format!("{} >= {least:?}", both("jaro_winkler_similarity"))
        }
        Test::LevenshteinAtMost(most) => format!("{} <= {most}", both("edits_apart")),
        Test::DamerauLevenshteinAtMost(most) => {
            format!("{} <= {most}", both("damerau_levenshtein"))
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
fn weighed(model: &Declaration, pairs: &str) -> Result<String> {
    let (mut columns, mut frequencies, mut bits) = (vec![], vec![], vec![]);
    for comparison in &model.comparisons {
        let level = level_column(&comparison.name);
        let (mut weights, mut adjustments) = (String::new(), String::new());
        for (place, one) in comparison.levels.iter().enumerate() {
            let value = comparison.value_of(place);
            weights.push_str(&format!(" when {value} then {}", literal(weight(comparison, one)?)));
            if let Some(adjustment) = adjustment(comparison, one)? {
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
    let mut layers = format!("({pairs}) as pairs");
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
fn weight(comparison: &Comparison, level: &Level) -> Result<f64> {
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
fn adjustment(comparison: &Comparison, level: &Level) -> Result<Option<String>> {
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
    Ok(Some(format!(
        "case when coalesce({l}, {r}) is not null then {} * ({} - log2(greatest(coalesce({l}, {r}), \
         coalesce({r}, {l}), {}))) else 0.0 end",
        literal(frequency.weight),
        literal(u.value.log2()),
        literal(frequency.minimum)
    )))
}

/// A number as SQL reads the very same.
fn literal(value: f64) -> String {
    format!("({value:?})")
}

/// Compares all pairs of records within each of `groups`, whatever rules find them; `rule` is −1.
///
/// `groups`: for each record a number that those of one group share; none for a record in no group.
pub(super) async fn score_within(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    groups: &[Option<u32>],
) -> Result<RecordBatch> {
    let session = records.session_with_groups(engine, groups)?;
    let grouped = "(select records.*, members.member_of from linking.records as records inner join \
                   linking.members as members on records.__n = members.member)";
    let mut selected = vec![
        "l.__n as left_n".to_string(),
        "r.__n as right_n".to_string(),
        "-1 as rule".to_string(),
    ];
    selected.push(levels_of(&model.comparisons));
    selected.extend(frequencies_of(&counted_columns(model)));
    let guard = blocking::may_be_one(&model.guards);
    let pairs = format!(
        "select {} from {grouped} as l inner join {grouped} as r on l.member_of = r.member_of and \
         l.__n < r.__n where true{guard}",
        selected.join(", ")
    );
    let failed = || query_error("compare pairs within groups");
    let frame = session.sql(&weighed(model, &pairs)?).await.map_err(failed())?;
    let schema = std::sync::Arc::clone(frame.schema().inner());
    let batches = frame.collect().await.map_err(failed())?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    in_order(&concat_batches(&schema, &batches).context(Kind::Defect, || "keep pairs")?)
}
