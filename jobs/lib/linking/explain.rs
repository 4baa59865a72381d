//! Tells why two records are or are not one customer: what each comparison adds to their weight.

use std::fmt;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::compared::rows;
use super::pairs::score_pairs;
use super::records::Records;
use super::statements::{level_column, weight};
use crate::algorithms::identity::training::weight_of;
use crate::config::linking::{Comparison, Declaration, Level, Test};
use crate::engine::Engine;
use crate::errors::{Context as _, Error, Kind, Result};

/// How wide a value is shown at most, in characters.
const VALUE_WIDTH: usize = 24;

/// Bits that one character of a bar stands for.
const BITS_A_CHARACTER: f64 = 0.5;

/// What the weight of a pair is the sum of.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The records' names.
    pub names: [String; 2],
    /// The match weight, in bits.
    pub weight: f64,
    /// The probability that the records are one person.
    pub probability: f64,
    /// How likely two records are one person before anything is compared, in bits.
    pub prior: f64,
    /// What each comparison adds, in order.
    pub steps: Vec<Step>,
    /// What else would explain the likeness, such as a household, in bits; 0 where the model knows
    /// one person and strangers alone.
    pub other: f64,
    /// The weight from which pairs are one customer, where one is chosen.
    pub threshold: Option<f64>,
}

/// What a comparison adds to a pair's weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The comparison.
    pub name: String,
    /// The level that holds.
    pub level: String,
    /// Bits of the level.
    pub bits: f64,
    /// Bits that the frequency of the value adds.
    pub frequency: f64,
    /// What is compared, of each record; none: it has no value.
    pub values: [Option<String>; 2],
}

/// Explains the weight of the pair of records at two places.
///
/// Errors: [`Kind::Usage`] for one and the same record.
pub async fn explain(
    engine: &Engine,
    records: &Records,
    model: &Declaration,
    (one, other): (u32, u32),
) -> Result<Explanation> {
    if one == other {
        let name = records.name(one);
        return Err(Error::new(Kind::Usage, format!("explain a pair: both records are {name}")));
    }
    let (left, right) = (one.min(other), one.max(other));
    let scored = score_pairs(engine, records, model, &[(left, right)]).await?;
    let missing = || Error::new(Kind::Defect, "explain a pair: it was not compared");
    let bits = |name: &str| -> Option<f64> {
        let column = scored.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
        (!column.is_empty()).then(|| column.value(0))
    };
    let level_of = |name: &str| -> Option<i8> {
        let column = scored.column_by_name(name)?.as_primitive_opt::<Int8Type>()?;
        (!column.is_empty()).then(|| column.value(0))
    };
    let values = values(engine, records, [left, right]).await?;
    let mut steps = vec![];
    for comparison in &model.comparisons {
        let value = level_of(&level_column(&comparison.name)).ok_or_else(missing)?;
        let held = (0..comparison.levels.len()).find(|place| comparison.value_of(*place) == value);
        let level = held.and_then(|place| comparison.levels.get(place)).ok_or_else(missing)?;
        let value_of = |side: &[(String, Option<String>)]| {
            side.iter()
                .find(|(name, _)| *name == comparison.column)
                .and_then(|(_, value)| value.clone())
        };
        let [left, right] = &values;
        steps.push(Step {
            name: comparison.name.clone(),
            level: in_words(comparison, level),
            bits: weight(comparison, level)?,
            frequency: bits(&format!("tf_{}", comparison.name)).unwrap_or(0.0),
            values: [value_of(left), value_of(right)],
        });
    }
    let weight = bits("weight").ok_or_else(missing)?;
    let prior = weight_of(match model.relations.as_slice() {
        [] => model.prior.probability.unwrap_or_default(),
        relations => relations
            .iter()
            .filter(|relation| relation.is_same_person)
            .filter_map(|relation| relation.share)
            .sum(),
    });
    let compared: f64 = steps.iter().map(|step| step.bits + step.frequency).sum();
    Ok(Explanation {
        names: [records.name(left), records.name(right)],
        weight,
        probability: bits("probability").ok_or_else(missing)?,
        prior,
        steps,
        other: match model.relations.as_slice() {
            [] => 0.0,
            _ => weight - prior - compared,
        },
        threshold: model.threshold,
    })
}

/// Of each of two records its columns and their values as text.
async fn values(
    engine: &Engine,
    records: &Records,
    places: [u32; 2],
) -> Result<[Vec<(String, Option<String>)>; 2]> {
    let session = records.session(engine)?;
    let [left, right] = places;
    let sql = format!("select * from linking.records where __n in ({left}, {right})");
    let batches = rows(&session, &sql, "read a pair").await?;
    let find = |place: u32| -> Result<Vec<(String, Option<String>)>> {
        for batch in &batches {
            let numbers = batch
                .column_by_name("__n")
                .and_then(|column| column.as_primitive_opt::<Int64Type>());
            let row = numbers.and_then(|numbers| {
                numbers.values().iter().position(|number| *number == i64::from(place))
            });
            if let Some(row) = row {
                return texts(batch, row);
            }
        }
        Ok(vec![])
    };
    Ok([find(left)?, find(right)?])
}

fn texts(batch: &RecordBatch, row: usize) -> Result<Vec<(String, Option<String>)>> {
    let schema = batch.schema();
    let text = |(field, column): (&arrow::datatypes::FieldRef, &arrow::array::ArrayRef)| {
        let failed = || "read a pair";
        let options = FormatOptions::default();
        let shown = ArrayFormatter::try_new(column, &options).context(Kind::Defect, failed)?;
        let value = column.is_valid(row).then(|| shown.value(row).to_string());
        Ok((field.name().clone(), value))
    };
    schema.fields().iter().zip(batch.columns()).map(text).collect()
}

/// A level's name for people.
pub(super) fn in_words(comparison: &Comparison, level: &Level) -> String {
    if let Some(label) = &level.label {
        return label.clone();
    }
    let key = level.test.key().replace('_', " ");
    match &level.test {
        Test::Missing | Test::MissingWhere(_) => "missing".to_string(),
        Test::JaroAtLeast(least) | Test::JaroWinklerAtLeast(least) => format!("{key} {least}"),
        Test::LevenshteinAtMost(count)
        | Test::DamerauLevenshteinAtMost(count)
        | Test::DaysApartAtMost(count)
        | Test::DateDigitsAtMost(count)
        | Test::WordsInCommonAtLeast(count)
        | Test::OverlapAtLeast(count)
        | Test::PrefixAtLeast(count) => format!("{key} {count}"),
        Test::SwappedWith(other) => format!("swapped with {other}"),
        Test::Sql(sql) => sql.clone(),
        Test::Else if comparison.levels.len() > 1 => "none of these".to_string(),
        _ => key,
    }
}

impl fmt::Display for Explanation {
    /// A waterfall as text: a line for each summand, with the sum so far.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = &self.names;
        writeln!(formatter, "{left} and {right}\n")?;
        let mut lines: Vec<(String, f64)> =
            vec![(said("before anything is compared", ""), self.prior)];
        for step in &self.steps {
            lines.push((said(&step.name, &step.level), step.bits));
            if step.frequency != 0.0 {
                let how = if step.frequency > 0.0 { "rarer" } else { "more frequent" };
                lines.push((said("", &format!("{how} than usual")), step.frequency));
            }
        }
        if self.other != 0.0 {
            lines.push((said("other kinds of pairs", "household, namesakes …"), self.other));
        }
        let width = lines.iter().map(|(what, _)| what.chars().count()).max().unwrap_or_default();
        let mut sum = 0.0;
        for (what, bits) in lines {
            sum += bits;
            let padding = " ".repeat(width - what.chars().count());
            let length = (bits.abs() / BITS_A_CHARACTER).round().min(60.0) as usize;
            let bar = if bits < 0.0 { "-" } else { "+" }.repeat(length);
            let line = format!("{what}{padding}  {bits:>8.2}  {sum:>8.2}  {bar}");
            writeln!(formatter, "{}", line.trim_end())?;
        }
        let verdict = match self.threshold {
            Some(threshold) if self.weight >= threshold => {
                format!(", at or above the threshold of {threshold}")
            }
            Some(threshold) => format!(", below the threshold of {threshold}"),
            None => String::new(),
        };
        writeln!(
            formatter,
            "\n{:.2} bits: one person with a probability of {:.6}{verdict}\n",
            self.weight, self.probability
        )?;
        let shown = |value: &Option<String>| match value {
            None => "·".to_string(),
            Some(text) if text.chars().count() <= VALUE_WIDTH => text.clone(),
            Some(text) => text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect(),
        };
        let names = self.steps.iter().map(|step| step.name.chars().count());
        let width = names.max().unwrap_or_default();
        for Step { name, values: [left, right], .. } in &self.steps {
            let (left, right) = (shown(left), shown(right));
            let line = format!("{name:<width$}  {left:<VALUE_WIDTH$}  {right}");
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn said(what: &str, level: &str) -> String {
    match (what, level) {
        (what, "") => what.to_string(),
        ("", level) => format!("  {level}"),
        (what, level) => format!("{what}: {level}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waterfall_adds_up_line_by_line() {
        let step = |name: &str, bits, frequency| Step {
            name: name.to_string(),
            level: "exact".to_string(),
            bits,
            frequency,
            values: [Some("ann".to_string()), None],
        };
        let explanation = Explanation {
            names: ["crm:1".to_string(), "shop:2".to_string()],
            weight: 3.0,
            probability: 8.0 / 9.0,
            prior: -10.0,
            steps: vec![step("given_name", 4.0, 1.5), step("email", 9.0, 0.0)],
            other: -1.5,
            threshold: Some(3.0),
        };
        let text = explanation.to_string();
        let sums: Vec<&str> = text
            .lines()
            .skip(2)
            .take(5)
            .map(|line| line.split_whitespace().rev().nth(1).unwrap())
            .collect();
        assert_eq!(sums, ["-10.00", "-6.00", "-4.50", "4.50", "3.00"], "{text}");
        assert!(text.contains("  rarer than usual"), "{text}");
        assert!(
            text.contains("3.00 bits: one person with a probability of 0.888889, at or above"),
            "{text}"
        );
        assert!(text.ends_with(&format!("email       {:<24}  ·\n", "ann")), "{text}");
    }
}
