//! Reads declarations and models, each mistake at its place.

use std::fmt;
use std::path::Path;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{
    Agreement, Blocking, BlockingRule, Budget, Comparison, Declaration, FORMAT, Guards,
    InputColumns, Level, Linkage, Part, Prior, Probability, Records, Relation,
    SourcesWithoutDuplicates, TermFrequency, Test, Training, WeakBridge,
};
use crate::config::yaml::{self, Spanned};
use crate::errors::{Result, did_you_mean};

/// How far a written weight may lie from what m and u make of it, in bits.
const WEIGHT_TOLERANCE: f64 = 1e-6;

/// Reads the declaration or model at `path`.
///
/// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) with the place.
pub fn read(path: &Path) -> Result<Declaration> {
    of(&path.display().to_string(), yaml::read(path)?)
}

/// Reads the declaration or model in `text`; `name` says in errors where it came from.
///
/// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) with the place.
pub fn parse(name: &str, text: &str) -> Result<Declaration> {
    of(name, yaml::parse(name, text)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    model: Option<Spanned<u32>>,
    #[serde(default)]
    records: WrittenRecords,
    #[serde(default)]
    prior: WrittenPrior,
    #[serde(default)]
    blocking: WrittenBlocking,
    comparisons: Vec<Spanned<WrittenComparison>>,
    #[serde(default)]
    relations: Vec<Spanned<WrittenRelation>>,
    #[serde(default)]
    training: WrittenTraining,
    #[serde(default)]
    threshold: Option<Spanned<WrittenThreshold>>,
    #[serde(default)]
    guards: WrittenGuards,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecords {
    id: Option<String>,
    source: Option<String>,
    #[serde(default)]
    columns: Ordered<String>,
    #[serde(default)]
    inputs: Ordered<WrittenInput>,
    interchangeable: Option<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInput {
    id: Option<String>,
    source: Option<String>,
    #[serde(default)]
    columns: Ordered<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrior {
    probability: Option<Spanned<f64>>,
    #[serde(default)]
    deterministic_rules: Vec<Spanned<WrittenRule>>,
    recall: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBlocking {
    budget: Option<Spanned<WrittenBudget>>,
    maximum_pairs: Option<u64>,
    #[serde(default)]
    rules: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBudget {
    least: u64,
    per_record: u64,
    rule_share: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLongRule {
    on: Vec<String>,
    #[serde(rename = "where")]
    condition: Option<String>,
    maximum_pairs: Option<u64>,
    maximum_block: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenComparison {
    name: Option<String>,
    column: Option<String>,
    levels: Vec<Spanned<WrittenLevel>>,
    maximum_unlike: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRelation {
    name: String,
    #[serde(default)]
    same_person: bool,
    share: Option<f64>,
    part: Option<WrittenPart>,
    #[serde(default)]
    shared: Ordered<f64>,
    #[serde(default)]
    otherwise: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    of: Vec<String>,
    usual: f64,
    pairs: Option<f64>,
    between: Option<(f64, f64)>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLongLevel {
    level: Option<String>,
    jaro_at_least: Option<f64>,
    jaro_winkler_at_least: Option<f64>,
    levenshtein_at_most: Option<u32>,
    damerau_levenshtein_at_most: Option<u32>,
    days_apart_at_most: Option<u32>,
    date_digits_at_most: Option<u32>,
    words_in_common_at_least: Option<u32>,
    overlap_at_least: Option<u32>,
    prefix_at_least: Option<u32>,
    swapped_with: Option<String>,
    missing_where: Option<String>,
    sql: Option<String>,
    label: Option<String>,
    m: Option<f64>,
    u: Option<f64>,
    m_from: Option<String>,
    u_from: Option<String>,
    weight: Option<f64>,
    #[serde(default)]
    fixed: Vec<String>,
    term_frequency: Option<WrittenTermFrequency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTermFrequency {
    column: Option<String>,
    weight: Option<f64>,
    minimum: Option<f64>,
    #[serde(default)]
    of_others: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTraining {
    seed: Option<u64>,
    maximum_pairs: Option<u64>,
    minimum_count: Option<u64>,
    #[serde(default)]
    rules: Vec<Spanned<WrittenRule>>,
    maximum_em_pairs: Option<u64>,
    convergence: Option<Spanned<f64>>,
    maximum_iterations: Option<u32>,
    sample_pairs: Option<u64>,
    usual_pairs: Option<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThreshold {
    weight: Option<f64>,
    probability: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGuards {
    #[serde(default)]
    linkage: WrittenLinkage,
    #[serde(default)]
    agreement: WrittenAgreement,
    unscored_weight: Option<f64>,
    maximum_cluster_size: Option<Spanned<u32>>,
    weak_bridge: Option<WrittenWeakBridge>,
    one_record_per_source: Option<WrittenSources>,
    #[serde(default)]
    one_value: Vec<String>,
}

#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenLinkage {
    #[default]
    Single,
    Average,
    Complete,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAgreement {
    growth: Option<Spanned<f64>>,
    between: Option<Spanned<(f64, f64)>>,
    ignore_below: Option<f64>,
    components_from: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWeakBridge {
    below: f64,
    side: u32,
}

/// Keys and values in the order of the file.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Ordered(vec![])
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = vec![];
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

/// A rule: a list of what is equal, or keys with values.
enum WrittenRule {
    Short(Vec<String>),
    Long(WrittenLongRule),
}

impl<'de> Deserialize<'de> for WrittenRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rule;
        impl<'de> Visitor<'de> for Rule {
            type Value = WrittenRule;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of what is equal, or keys with values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<WrittenRule, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(WrittenRule::Short)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenRule, A::Error> {
                WrittenLongRule::deserialize(MapAccessDeserializer::new(map)).map(WrittenRule::Long)
            }
        }
        deserializer.deserialize_any(Rule)
    }
}

/// A level: the name of one without a parameter, or keys with values.
struct WrittenLevel(WrittenLongLevel);

impl<'de> Deserialize<'de> for WrittenLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = WrittenLevel;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a level's name, or keys with values")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<WrittenLevel, E> {
                let level = Some(name.to_string());
                Ok(WrittenLevel(WrittenLongLevel { level, ..WrittenLongLevel::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenLevel, A::Error> {
                WrittenLongLevel::deserialize(MapAccessDeserializer::new(map)).map(WrittenLevel)
            }
        }
        deserializer.deserialize_any(Named)
    }
}

/// Sources: a list of names, or `all`.
struct WrittenSources(SourcesWithoutDuplicates);

impl<'de> Deserialize<'de> for WrittenSources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sources;
        impl<'de> Visitor<'de> for Sources {
            type Value = WrittenSources;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of sources, `all`, or `where_none_repeats`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WrittenSources, E> {
                match text {
                    "all" => Ok(WrittenSources(SourcesWithoutDuplicates::All)),
                    "where_none_repeats" => {
                        Ok(WrittenSources(SourcesWithoutDuplicates::WhereNoneRepeats))
                    }
                    _ => Err(E::custom(format!(
                        "found `{text}`, expected a list, `all`, or `where_none_repeats`"
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<WrittenSources, A::Error> {
                let names = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                if names.is_empty() {
                    return Err(A::Error::custom("an empty list, expected sources or `all`"));
                }
                Ok(WrittenSources(SourcesWithoutDuplicates::Named(names)))
            }
        }
        deserializer.deserialize_any(Sources)
    }
}

fn of(file: &str, written: Written) -> Result<Declaration> {
    if let Some(format) = written.model.filter(|format| format.value != FORMAT) {
        let what = format!("a model of format {}, expected {FORMAT}", format.value);
        return Err(yaml::mistake(file, &format, what));
    }
    let blocking = Blocking {
        budget: written.blocking.budget.map(|budget| budget_of(file, &budget)).transpose()?,
        maximum_pairs: written
            .blocking
            .maximum_pairs
            .unwrap_or_else(|| Blocking::default().maximum_pairs),
        rules: rules_of(file, written.blocking.rules)?,
    };
    let defaults = Records::default();
    let records = Records {
        id: written.records.id.unwrap_or(defaults.id),
        source: written.records.source,
        columns: written.records.columns.0,
        inputs: written.records.inputs.0.into_iter().map(input_of).collect(),
        interchangeable: written.records.interchangeable,
    };
    let mut comparisons: Vec<Comparison> = vec![];
    for written in written.comparisons {
        let read = comparison_of(file, &written)?;
        if comparisons.iter().any(|known| known.name == read.name) {
            let what = format!("comparison `{}` stands twice", read.name);
            return Err(yaml::mistake(file, &written, what));
        }
        comparisons.push(read);
    }
    let mut levels = comparisons.iter().flat_map(|comparison| &comparison.levels);
    if records.interchangeable.is_none() && levels.any(|level| level.test == Test::Straight) {
        let what = format!("{file}: a level is `straight`, expected `records.interchangeable`");
        return Err(crate::errors::Error::new(crate::errors::Kind::Usage, what));
    }
    let relations = relations_of(file, written.relations, &comparisons)?;
    Ok(Declaration {
        records,
        prior: prior_of(file, written.prior)?,
        blocking,
        comparisons,
        relations,
        training: training_of(file, written.training)?,
        threshold: written.threshold.map(|threshold| threshold_of(file, &threshold)).transpose()?,
        guards: guards_of(file, written.guards)?,
    })
}

fn input_of((name, written): (String, WrittenInput)) -> (String, InputColumns) {
    let WrittenInput { id, source, columns } = written;
    (name, InputColumns { id, source, columns: columns.0 })
}

fn budget_of(file: &str, written: &Spanned<WrittenBudget>) -> Result<Budget> {
    let WrittenBudget { least, per_record, rule_share } = written.value;
    if !(rule_share > 0.0 && rule_share <= 1.0) {
        let what = format!("a `rule_share` of {rule_share}, expected more than 0 and at most 1");
        return Err(yaml::mistake(file, written, what));
    }
    Ok(Budget { least, per_record, rule_share })
}

fn rules_of(file: &str, written: Vec<Spanned<WrittenRule>>) -> Result<Vec<BlockingRule>> {
    written.into_iter().map(|rule| rule_of(file, rule)).collect()
}

fn rule_of(file: &str, written: Spanned<WrittenRule>) -> Result<BlockingRule> {
    let place = Spanned { value: (), referenced: written.referenced, defined: written.defined };
    let rule = match written.value {
        WrittenRule::Short(on) => BlockingRule { on, ..BlockingRule::default() },
        WrittenRule::Long(long) => BlockingRule {
            on: long.on,
            condition: long.condition,
            maximum_pairs: long.maximum_pairs,
            maximum_block: long.maximum_block,
        },
    };
    if rule.on.is_empty() {
        let what = "a rule without anything equal compares every record with every other, expected \
                    one expression or more";
        return Err(yaml::mistake(file, &place, what));
    }
    Ok(rule)
}

fn prior_of(file: &str, written: WrittenPrior) -> Result<Prior> {
    let is_open = |value: f64| value > 0.0 && value < 1.0;
    if let Some(wrong) = written.probability.as_ref().filter(|given| !is_open(given.value)) {
        let what =
            format!("a probability of {}, expected more than 0 and less than 1", wrong.value);
        return Err(yaml::mistake(file, wrong, what));
    }
    let is_share = |value: f64| value > 0.0 && value <= 1.0;
    if let Some(wrong) = written.recall.as_ref().filter(|given| !is_share(given.value)) {
        let what = format!("a recall of {}, expected more than 0 and at most 1", wrong.value);
        return Err(yaml::mistake(file, wrong, what));
    }
    Ok(Prior {
        probability: written.probability.map(|given| given.value),
        deterministic_rules: rules_of(file, written.deterministic_rules)?,
        recall: written.recall.map_or_else(|| Prior::default().recall, |given| given.value),
    })
}

fn training_of(file: &str, written: WrittenTraining) -> Result<Training> {
    let default = Training::default();
    let convergence = match written.convergence {
        Some(wrong) if !(wrong.value > 0.0 && wrong.value < 1.0) => {
            let what = format!("a change of {}, expected between 0 and 1", wrong.value);
            return Err(yaml::mistake(file, &wrong, what));
        }
        Some(given) => given.value,
        None => default.convergence,
    };
    Ok(Training {
        seed: written.seed.unwrap_or(default.seed),
        maximum_pairs: written.maximum_pairs.unwrap_or(default.maximum_pairs),
        minimum_count: written.minimum_count.unwrap_or(default.minimum_count),
        rules: rules_of(file, written.rules)?,
        maximum_em_pairs: written.maximum_em_pairs.unwrap_or(default.maximum_em_pairs),
        convergence,
        maximum_iterations: written.maximum_iterations.unwrap_or(default.maximum_iterations),
        sample_pairs: written.sample_pairs.unwrap_or(default.sample_pairs),
        usual_pairs: written.usual_pairs.unwrap_or(default.usual_pairs),
    })
}

fn threshold_of(file: &str, written: &Spanned<WrittenThreshold>) -> Result<f64> {
    match (written.value.weight, written.value.probability) {
        (Some(weight), None) if weight.is_finite() => Ok(weight),
        (None, Some(probability)) if probability > 0.0 && probability < 1.0 => {
            Ok((probability / (1.0 - probability)).log2())
        }
        _ => {
            let what = "expected either `weight`, in bits, or `probability`, between 0 and 1";
            Err(yaml::mistake(file, written, what))
        }
    }
}

fn guards_of(file: &str, written: WrittenGuards) -> Result<Guards> {
    if let Some(none) = written.maximum_cluster_size.as_ref().filter(|size| size.value == 0) {
        return Err(yaml::mistake(file, none, "a customer of no records, expected 1 or more"));
    }
    let agreement = written.agreement;
    if let Some(wrong) = agreement.growth.as_ref().filter(|one| !(0.0..=1.0).contains(&one.value)) {
        let what = format!("a growth of {}, expected from 0 to 1", wrong.value);
        return Err(yaml::mistake(file, wrong, what));
    }
    if let Some(wrong) = agreement.between.as_ref().filter(|one| one.value.0 >= one.value.1) {
        let what = "expected the least bits before the most";
        return Err(yaml::mistake(file, wrong, what));
    }
    Ok(Guards {
        agreement: Agreement {
            growth: agreement.growth.map_or(0.0, |growth| growth.value),
            between: agreement.between.map(|between| between.value),
            ignore_below: agreement.ignore_below,
            components_from: agreement.components_from,
        },
        linkage: match written.linkage {
            WrittenLinkage::Single => Linkage::Single,
            WrittenLinkage::Average => Linkage::Average,
            WrittenLinkage::Complete => Linkage::Complete,
        },
        unscored_weight: written.unscored_weight,
        maximum_cluster_size: written.maximum_cluster_size.map(|size| size.value),
        weak_bridge: written
            .weak_bridge
            .map(|bridge| WeakBridge { below: bridge.below, side: bridge.side }),
        one_record_per_source: written
            .one_record_per_source
            .map_or(SourcesWithoutDuplicates::None, |sources| sources.0),
        one_value: written.one_value,
    })
}

fn relations_of(
    file: &str,
    written: Vec<Spanned<WrittenRelation>>,
    comparisons: &[Comparison],
) -> Result<Vec<Relation>> {
    let names: Vec<String> = written.iter().map(|relation| relation.value.name.clone()).collect();
    let mut relations: Vec<Relation> = vec![];
    for relation in written {
        let mistake = |what: String| Err(yaml::mistake(file, &relation, what));
        let WrittenRelation { name, shared, otherwise, share, part, same_person } = &relation.value;
        if relations.iter().any(|known| known.name == *name) {
            return mistake(format!("relation `{name}` stands twice"));
        }
        for (comparison, _) in &shared.0 {
            if !comparisons.iter().any(|known| known.name == *comparison) {
                let known = comparisons.iter().map(|known| known.name.as_str());
                let hint = did_you_mean(comparison, known);
                return mistake(format!("there is no comparison `{comparison}`{hint}"));
            }
        }
        let mut probabilities = shared.0.iter().map(|(_, value)| value).chain([otherwise]);
        if let Some(wrong) = probabilities.find(|value| !(0.0..=1.0).contains(*value)) {
            return mistake(format!("a probability of {wrong}, expected from 0 to 1"));
        }
        if let Some(wrong) = share.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return mistake(format!("a share of {wrong}, expected more than 0 and at most 1"));
        }
        if let Some(part) = part {
            let is_open = |value: f64| value > 0.0 && value < 1.0;
            let (least, most) = part.between.unwrap_or((0.0, 1.0));
            if !is_open(part.usual)
                || !(0.0..=1.0).contains(&least)
                || !(least..=1.0).contains(&most)
            {
                return mistake(format!("the part of relation `{name}` lies not between 0 and 1"));
            }
            let unknown = part.of.iter().find(|other| *other == name || !names.contains(other));
            if let Some(other) = unknown {
                let hint = did_you_mean(other, names.iter().map(String::as_str));
                return mistake(format!("there is no other relation `{other}`{hint}"));
            }
        }
        relations.push(Relation {
            name: name.clone(),
            is_same_person: *same_person,
            share: *share,
            part: part.as_ref().map(|part| Part {
                of: part.of.clone(),
                usual: part.usual,
                pairs: part.pairs,
                between: part.between.unwrap_or((0.0, 1.0)),
            }),
            shared: shared.0.clone(),
            otherwise: *otherwise,
        });
    }
    let is_stranger = |relation: &Relation| {
        !relation.is_same_person
            && comparisons.iter().all(|comparison| relation.shares(&comparison.name) == 0.0)
    };
    if let (Some(first), false) = (relations.first(), relations.iter().any(is_stranger)) {
        let what = format!(
            "{file}: `relations` begin with `{}`, but none of them are strangers, who share nothing",
            first.name
        );
        return Err(crate::errors::Error::new(crate::errors::Kind::Usage, what));
    }
    if let (Some(_), false) = (relations.first(), relations.iter().any(|one| one.is_same_person)) {
        let what = format!("{file}: none of `relations` is of one person (`same_person: true`)");
        return Err(crate::errors::Error::new(crate::errors::Kind::Usage, what));
    }
    Ok(relations)
}

fn comparison_of(file: &str, written: &Spanned<WrittenComparison>) -> Result<Comparison> {
    let WrittenComparison { name, column, levels: written_levels, maximum_unlike } = &written.value;
    let maximum_unlike = *maximum_unlike;
    if let Some(most) = maximum_unlike.filter(|most| !(*most > 0.0 && *most < 1.0)) {
        let what = format!("`maximum_unlike` is {most}, expected more than 0 and less than 1");
        return Err(yaml::mistake(file, written, what));
    }
    let (name, column) = match (name, column) {
        (Some(name), Some(column)) => (name.clone(), column.clone()),
        (Some(only), None) | (None, Some(only)) => (only.clone(), only.clone()),
        (None, None) => {
            let what = "a comparison without `column`, expected what it compares";
            return Err(yaml::mistake(file, written, what));
        }
    };
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !name.is_empty() && name.chars().all(is_letter)
    };
    if !is_name(&name) {
        let what = format!(
            "comparison `{name}`, expected a `name` of small letters, digits and underscores: \
             columns of the edges are called after it"
        );
        return Err(yaml::mistake(file, written, what));
    }
    let mut levels: Vec<Level> = vec![];
    for written in written_levels {
        levels.push(level_of(file, written)?);
    }
    let (last, before) = (levels.last(), levels.len().saturating_sub(1));
    let early_else = levels.iter().take(before).position(|level| level.test == Test::Else);
    if let Some(place) = early_else.and_then(|place| written_levels.get(place)) {
        let what = "`else` holds of every pair: what stands below is never looked at";
        return Err(yaml::mistake(file, place, what));
    }
    if last.is_none_or(|level| level.test != Test::Else) {
        let what = format!("comparison `{name}` does not end with `else`");
        return Err(yaml::mistake(file, written, what));
    }
    let missing = levels.iter().filter(|level| level.test.is_missing()).count();
    if missing > 1 {
        let what = format!("comparison `{name}` has `missing` {missing} times, expected once");
        return Err(yaml::mistake(file, written, what));
    }
    if levels.len() - missing < 2 {
        let what =
            format!("comparison `{name}` tells nothing apart: expected a level above `else`");
        return Err(yaml::mistake(file, written, what));
    }
    Ok(Comparison { name, column, levels, maximum_unlike })
}

fn level_of(file: &str, written: &Spanned<WrittenLevel>) -> Result<Level> {
    let long = &written.value.0;
    let mut tests: Vec<Test> = [
        long.jaro_at_least.map(Test::JaroAtLeast),
        long.jaro_winkler_at_least.map(Test::JaroWinklerAtLeast),
        long.levenshtein_at_most.map(Test::LevenshteinAtMost),
        long.damerau_levenshtein_at_most.map(Test::DamerauLevenshteinAtMost),
        long.days_apart_at_most.map(Test::DaysApartAtMost),
        long.date_digits_at_most.map(Test::DateDigitsAtMost),
        long.words_in_common_at_least.map(Test::WordsInCommonAtLeast),
        long.overlap_at_least.map(Test::OverlapAtLeast),
        long.prefix_at_least.map(Test::PrefixAtLeast),
        long.swapped_with.clone().map(Test::SwappedWith),
        long.missing_where.clone().map(Test::MissingWhere),
        long.sql.clone().map(Test::Sql),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(name) = &long.level {
        const PLAIN: [Test; 9] = [
            Test::Missing,
            Test::Exact,
            Test::Straight,
            Test::DatePartsSwapped,
            Test::PostcodeArea,
            Test::PostcodeDistrict,
            Test::Phonetic,
            Test::Nickname,
            Test::Else,
        ];
        let Some(found) = PLAIN.into_iter().find(|test| test.key() == name) else {
            let hint = did_you_mean(name, PLAIN.iter().map(Test::key));
            let what = format!("there is no level `{name}` without a parameter{hint}");
            return Err(yaml::mistake(file, written, what));
        };
        tests.push(found);
    }
    let [test] = <[Test; 1]>::try_from(tests).map_err(|tests| {
        let what = format!("a level of {} kinds, expected one", tests.len());
        yaml::mistake(file, written, what)
    })?;
    if let Test::JaroAtLeast(least) | Test::JaroWinklerAtLeast(least) = test
        && !(0.0..=1.0).contains(&least)
    {
        let what = format!("a similarity of {least}, expected from 0 to 1");
        return Err(yaml::mistake(file, written, what));
    }
    for name in &long.fixed {
        let given = match name.as_str() {
            "m" => long.m,
            "u" => long.u,
            _ => {
                let what = format!("`{name}` is not fixed, expected `m` or `u`");
                return Err(yaml::mistake(file, written, what));
            }
        };
        if given.is_none() {
            let what = format!("`{name}` is fixed but not given");
            return Err(yaml::mistake(file, written, what));
        }
    }
    let probability = |name: &str, value: Option<f64>, origin: &Option<String>| {
        let Some(value) = value else { return Ok(None) };
        // Nothing is impossible: a weight of minus infinity would outweigh everything.
        if !(value > 0.0 && value <= 1.0) {
            let what = format!("`{name}` is {value}, expected more than 0 and at most 1");
            return Err(yaml::mistake(file, written, what));
        }
        let is_fixed = long.fixed.iter().any(|fixed| fixed == name);
        Ok(Some(Probability { value, is_fixed, origin: origin.clone().unwrap_or_default() }))
    };
    let (m, u) = (probability("m", long.m, &long.m_from)?, probability("u", long.u, &long.u_from)?);
    let tells_nothing = test.is_missing();
    if tells_nothing && (m.is_some() || u.is_some() || long.term_frequency.is_some()) {
        let what = "`missing` tells nothing: it has no probabilities and no term frequency";
        return Err(yaml::mistake(file, written, what));
    }
    if let (Some(weight), Some(m), Some(u)) = (long.weight, &m, &u) {
        let expected = (m.value / u.value).log2();
        if (weight - expected).abs() > WEIGHT_TOLERANCE {
            let what = format!(
                "the weight {weight} does not follow from m and u, which make {expected:.6}: leave \
                 it out"
            );
            return Err(yaml::mistake(file, written, what));
        }
    }
    let term_frequency = match &long.term_frequency {
        None => None,
        Some(_) if test == Test::Else => {
            let what = "`else` holds of different values: it has no term frequency";
            return Err(yaml::mistake(file, written, what));
        }
        Some(given) => Some(TermFrequency {
            column: given.column.clone(),
            weight: given.weight.unwrap_or(1.0),
            minimum: given.minimum.unwrap_or(0.0),
            is_of_others: given.of_others,
        }),
    };
    Ok(Level { test, label: long.label.clone(), m, u, term_frequency })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
