//! The SQL of pairs, as text alone: which a rule finds, on which level a comparison is, and what
//! the levels weigh. It runs nothing and sees no data.

use std::collections::BTreeSet;

use super::blocking;
use super::columns::quoted;
use super::mixture;
use super::records::{Counted, Records, RuleSet, frequency_of};
use crate::algorithms::identity::training::weight_of;
use crate::config::linking::{BlockingRule, Comparison, Declaration, Level, Test};
use crate::errors::{Error, Kind, Result};

/// The pairs that rules find, each once.
pub(super) fn found_by_rules(model: &Declaration, asked: &Asked<'_>) -> String {
    let rules = 0..model.blocking.rules.len();
    let each = rules.map(|place| one_rule(model, RuleSet::Blocking, place, asked));
    each.collect::<Vec<_>>().join("\nunion all\n")
}

/// The same, compared, where no columns change places.
pub(super) fn compared_by_rules(model: &Declaration, counted: &BTreeSet<String>) -> String {
    let asked =
        Asked { comparisons: &model.comparisons, counted: counted.clone(), ..Asked::default() };
    found_by_rules(model, &asked)
}

/// Whether the interchangeable columns of a pair changed places.
pub(super) const ARE_SWAPPED: &str = "__are_swapped";

/// Whether two columns of a pair changed places: crossed they are alike, and neither is straight.
/// Where one is missing the other must be equal.
pub(super) fn are_swapped(one: &str, other: &str) -> String {
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

/// What is asked of a rule's pairs besides their records.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// The levels of these.
    pub(super) comparisons: &'a [Comparison],
    /// Both records' frequencies of these columns.
    pub(super) counted: BTreeSet<String>,
    /// A condition that holds too, with its `and`.
    pub(super) part: String,
    /// Whether pairs count that rules before it find as well.
    pub(super) is_alone: bool,
}

/// The pairs that a rule finds and none before it does.
pub(super) fn one_rule(
    model: &Declaration,
    set: RuleSet,
    place: usize,
    asked: &Asked<'_>,
) -> String {
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
pub(super) fn not_found<'a>(set: RuleSet, rules: impl Iterator<Item = &'a BlockingRule>) -> String {
    let without = |(place, rule): (usize, &BlockingRule)| {
        let key = quoted(&set.key(place));
        let condition = rule.condition.iter().map(|sql| format!(" and ({sql})"));
        let condition: String = condition.collect();
        format!(" and not coalesce((l.{key} = r.{key}{condition}), false)")
    };
    rules.enumerate().map(without).collect()
}

/// Both records' frequencies of the columns.
pub(super) fn frequencies_of(columns: &BTreeSet<String>) -> Vec<String> {
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

pub(super) fn levels_of(comparisons: &[Comparison]) -> String {
    comparisons.iter().map(level_of).collect::<Vec<_>>().join(", ")
}

/// The level of a pair, in SQL over the records `l` and `r`.
pub(super) fn level_of(comparison: &Comparison) -> String {
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
        Test::Straight => format!("not r.{ARE_SWAPPED}"),
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
pub(super) fn weighed(model: &Declaration, records: &Records, pairs: &str) -> Result<String> {
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
