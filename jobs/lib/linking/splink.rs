//! Reads the settings and models that Splink saves as JSON (for its DuckDB backend) as
//! declarations of our own.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::DuckDbDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use regex::Regex;
use serde::Deserialize;

use crate::config::linking::{
    Blocking, BlockingRule, Comparison, Declaration, Guards, Level, Prior, Probability, Records,
    SourcesWithoutDuplicates, TermFrequency, Test, Training,
};
use crate::errors::{Context as _, Error, Kind, Result};

#[derive(Deserialize)]
struct Settings {
    link_type: String,
    probability_two_random_records_match: Option<f64>,
    #[serde(default)]
    unique_id_column_name: Option<String>,
    #[serde(default)]
    source_dataset_column_name: Option<String>,
    #[serde(default)]
    blocking_rules_to_generate_predictions: Vec<Rule>,
    comparisons: Vec<WrittenComparison>,
    #[serde(default)]
    em_convergence: Option<f64>,
    #[serde(default)]
    max_iterations: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rule {
    Text(String),
    Long { blocking_rule: String },
}

#[derive(Deserialize)]
struct WrittenComparison {
    output_column_name: String,
    comparison_levels: Vec<WrittenLevel>,
}

#[derive(Deserialize)]
struct WrittenLevel {
    sql_condition: String,
    label_for_charts: Option<String>,
    m_probability: Option<f64>,
    u_probability: Option<f64>,
    #[serde(default)]
    fix_m_probability: bool,
    #[serde(default)]
    fix_u_probability: bool,
    #[serde(default)]
    is_null_level: bool,
    tf_adjustment_column: Option<String>,
    tf_adjustment_weight: Option<f64>,
    tf_minimum_u_value: Option<f64>,
}

/// Reads the settings or the model at `path`.
///
/// Errors: [`Kind::Usage`] for what is no such file, and for SQL that has no counterpart here.
pub fn read_splink(path: &Path) -> Result<Declaration> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).context(Kind::Usage, || format!("read `{name}`"))?;
    parse_splink(&name, &text)
}

/// Reads the settings or the model in `text`; `name` says in errors where it came from.
///
/// Errors: [`Kind::Usage`] for what is no such text, and for SQL that has no counterpart here.
pub fn parse_splink(name: &str, text: &str) -> Result<Declaration> {
    let settings: Settings = serde_json::from_str(text)
        .context(Kind::Usage, || format!("read `{name}` as Splink's settings"))?;
    let (source, one_record_per_source) = match settings.link_type.as_str() {
        "dedupe_only" => (None, SourcesWithoutDuplicates::None),
        "link_only" => (settings.source_dataset_column_name, SourcesWithoutDuplicates::All),
        "link_and_dedupe" => (settings.source_dataset_column_name, SourcesWithoutDuplicates::None),
        other => {
            let what = format!("read `{name}` as Splink's settings: unknown link type `{other}`");
            return Err(Error::new(Kind::Usage, what));
        }
    };
    let mut rules = vec![];
    for rule in &settings.blocking_rules_to_generate_predictions {
        let (Rule::Text(sql) | Rule::Long { blocking_rule: sql }) = rule;
        rules.push(rule_of(name, sql)?);
    }
    let comparisons = settings.comparisons.iter().map(|written| comparison_of(name, written));
    let default = Training::default();
    Ok(Declaration {
        records: Records {
            id: settings.unique_id_column_name.unwrap_or_else(|| "unique_id".to_string()),
            source,
            columns: vec![],
            ..Records::default()
        },
        prior: Prior {
            probability: settings.probability_two_random_records_match,
            ..Prior::default()
        },
        blocking: Blocking { rules, ..Blocking::default() },
        comparisons: comparisons.collect::<Result<_>>()?,
        relations: vec![],
        training: Training {
            convergence: settings.em_convergence.unwrap_or(default.convergence),
            maximum_iterations: settings.max_iterations.unwrap_or(default.maximum_iterations),
            ..default
        },
        threshold: None,
        guards: Guards { one_record_per_source, ..Guards::default() },
    })
}

fn rule_of(name: &str, sql: &str) -> Result<BlockingRule> {
    let mut rule = BlockingRule::default();
    let mut conditions = vec![];
    for part in conjuncts(translated(name, sql)?) {
        match equal_sides(&part) {
            Some(expression) => rule.on.push(expression),
            None => conditions.push(part.to_string()),
        }
    }
    if rule.on.is_empty() {
        let what =
            format!("read `{name}` as Splink's settings: `{sql}` has nothing equal to join on");
        return Err(Error::new(Kind::Usage, what));
    }
    rule.condition = (!conditions.is_empty()).then(|| conditions.join(" and "));
    Ok(rule)
}

/// The parts of a condition that all hold.
fn conjuncts(expression: Expr) -> Vec<Expr> {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut parts = conjuncts(*left);
            parts.extend(conjuncts(*right));
            parts
        }
        Expr::Nested(inner) => conjuncts(*inner),
        other => vec![other],
    }
}

/// What is equal on both sides, as an expression over one record; none where it is something else.
fn equal_sides(part: &Expr) -> Option<String> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = part else { return None };
    let of_one = |expression: &Expr, side: &str| {
        let mut expression = expression.clone();
        let mut owner = OfOneRecord { side: side.to_string(), is_other: false };
        let _ = VisitMut::visit(&mut expression, &mut owner);
        (!owner.is_other).then(|| expression.to_string())
    };
    let (left, right) = (of_one(left, "l")?, of_one(right, "r")?);
    (left == right).then_some(left)
}

/// Takes the record's name off its columns.
struct OfOneRecord {
    side: String,
    is_other: bool,
}

impl VisitorMut for OfOneRecord {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && let [record, column] = parts.as_slice()
        {
            self.is_other |= record.value != self.side;
            *expression = Expr::Identifier(column.clone());
        }
        ControlFlow::Continue(())
    }
}

fn comparison_of(name: &str, written: &WrittenComparison) -> Result<Comparison> {
    let mut levels = vec![];
    for level in &written.comparison_levels {
        levels.push(level_of(name, level)?);
    }
    // Levels of the commonest shape compare one column; others say in SQL what they compare.
    let plain = |level: &(Level, Option<String>)| level.1.clone();
    let column = levels
        .iter()
        .find(|level| level.0.test == Test::Exact)
        .and_then(plain)
        .or_else(|| levels.iter().find_map(plain))
        .unwrap_or_else(|| written.output_column_name.clone());
    let levels = levels
        .into_iter()
        .zip(&written.comparison_levels)
        .map(|((level, compared), written)| match compared {
            Some(other) if other != column => {
                let sql = translated(name, &written.sql_condition)?.to_string();
                let test = match level.test {
                    Test::Missing => Test::MissingWhere(sql),
                    _ => Test::Sql(sql),
                };
                Ok(Level { test, ..level })
            }
            _ => Ok(level),
        })
        .collect::<Result<Vec<Level>>>()?;
    let mut comparison = Comparison {
        name: small_letters(&written.output_column_name),
        column,
        levels,
        maximum_unlike: None,
    };
    for level in &mut comparison.levels {
        if let Some(frequency) = &mut level.term_frequency
            && frequency.column.as_ref() == Some(&comparison.column)
        {
            frequency.column = None;
        }
    }
    Ok(comparison)
}

/// A name that columns of the edges can have.
fn small_letters(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(letter).collect()
}

#[allow(clippy::expect_used)] // patterns that are written here
static SHAPES: LazyLock<[(Regex, Shape); 3]> = LazyLock::new(|| {
    let shape = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
    [
        (shape(r#"^"?(\w+)_l"? IS NULL OR "?(\w+)_r"? IS NULL$"#), Shape::Missing),
        (shape(r#"^"?(\w+)_l"? = "?(\w+)_r"?$"#), Shape::Exact),
        (shape(r#"^"?(\w+)_l"?, "?(\w+)_r"?$"#), Shape::Pair),
    ]
});

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Missing,
    Exact,
    Pair,
}

/// The column that both sides of a text of some shape name.
fn column_of(text: &str, wanted: Shape) -> Option<String> {
    let (pattern, _) = SHAPES.iter().find(|(_, shape)| *shape == wanted)?;
    let found = pattern.captures(text.trim())?;
    let (left, right) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    (left == right).then(|| left.to_string())
}

/// A condition as a level of ours, with the column that it compares; none where it is SQL.
fn plain_test(sql: &str) -> Option<(Test, String)> {
    if let Some(column) = column_of(sql, Shape::Missing) {
        return Some((Test::Missing, column));
    }
    if let Some(column) = column_of(sql, Shape::Exact) {
        return Some((Test::Exact, column));
    }
    let (function, rest) = sql.trim().split_once('(')?;
    let (arguments, rest) = rest.split_once(')')?;
    let column = column_of(arguments, Shape::Pair)?;
    let (operator, number) = rest.trim().split_once(' ')?;
    let test = match (function, operator) {
        ("jaro_winkler_similarity", ">=") => Test::JaroWinklerAtLeast(number.parse().ok()?),
        ("jaro_similarity", ">=") => Test::JaroAtLeast(number.parse().ok()?),
        ("levenshtein", "<=") => Test::LevenshteinAtMost(number.parse().ok()?),
        ("damerau_levenshtein", "<=") => Test::DamerauLevenshteinAtMost(number.parse().ok()?),
        _ => return None,
    };
    Some((test, column))
}

fn level_of(name: &str, written: &WrittenLevel) -> Result<(Level, Option<String>)> {
    let sql = &written.sql_condition;
    let (test, column) = match plain_test(sql) {
        Some((Test::Missing, column)) if written.is_null_level => (Test::Missing, Some(column)),
        Some((test, column)) if test != Test::Missing && !written.is_null_level => {
            (test, Some(column))
        }
        _ if sql.trim().eq_ignore_ascii_case("else") => (Test::Else, None),
        _ => {
            let translated = translated(name, sql)?.to_string();
            let test = match written.is_null_level {
                true => Test::MissingWhere(translated),
                false => Test::Sql(translated),
            };
            (test, None)
        }
    };
    let probability = |value: Option<f64>, is_fixed: bool| {
        value.map(|value| Probability { value, is_fixed, origin: String::new() })
    };
    let frequency = |column: &String| TermFrequency {
        column: Some(column.clone()),
        weight: written.tf_adjustment_weight.unwrap_or(1.0),
        minimum: written.tf_minimum_u_value.unwrap_or(0.0),
        is_of_others: false,
    };
    let is_telling = !written.is_null_level;
    let level = Level {
        label: written.label_for_charts.clone(),
        m: probability(written.m_probability, written.fix_m_probability).filter(|_| is_telling),
        u: probability(written.u_probability, written.fix_u_probability).filter(|_| is_telling),
        term_frequency: written
            .tf_adjustment_column
            .as_ref()
            .map(frequency)
            .filter(|_| is_telling && test != Test::Else),
        test,
    };
    Ok((level, column))
}

/// DuckDB's SQL over `column_l` and `column_r` as the engine's over the records `l` and `r`.
///
/// Errors: [`Kind::Usage`] where it is none, or calls a function in a way that has no counterpart.
fn translated(name: &str, sql: &str) -> Result<Expr> {
    let told = || format!("read `{name}` as Splink's settings: `{sql}`");
    let parsed = Parser::new(&DuckDbDialect {}).try_with_sql(sql).and_then(|mut parser| {
        let expression = parser.parse_expr()?;
        parser.expect_token(&Token::EOF)?;
        Ok(expression)
    });
    let mut expression = parsed.context(Kind::Usage, told)?;
    match VisitMut::visit(&mut expression, &mut Translator) {
        ControlFlow::Continue(()) => Ok(expression),
        ControlFlow::Break(what) => Err(Error::new(Kind::Usage, format!("{}: {what}", told()))),
    }
}

struct Translator;

impl VisitorMut for Translator {
    type Break = String;

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        match expression {
            Expr::Identifier(ident) => {
                let found = [("_l", "l"), ("_r", "r")].into_iter().find_map(|(ending, record)| {
                    Some((ident.value.strip_suffix(ending)?.to_string(), record))
                });
                if let Some((column, record)) = found {
                    let parts = vec![Ident::new(record), Ident::with_quote('"', column)];
                    *expression = Expr::CompoundIdentifier(parts);
                }
            }
            Expr::CompoundIdentifier(parts) => {
                if let [_, column] = parts.as_mut_slice() {
                    column.quote_style = Some('"');
                }
            }
            Expr::Function(_) => {
                let text = expression.to_string();
                match counterpart(expression) {
                    Ok(None) => {}
                    Ok(Some(sql)) => match Parser::new(&DuckDbDialect {})
                        .try_with_sql(&sql)
                        .and_then(|mut parser| parser.parse_expr())
                    {
                        Ok(replaced) => *expression = replaced,
                        Err(error) => return ControlFlow::Break(error.to_string()),
                    },
                    Err(what) => return ControlFlow::Break(format!("`{text}` {what}")),
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// What stands for a call of one of DuckDB's functions, where the engine calls it otherwise.
fn counterpart(call: &Expr) -> Result<Option<String>, String> {
    let Expr::Function(function) = call else { return Ok(None) };
    let ast::FunctionArguments::List(list) = &function.args else { return Ok(None) };
    let arguments: Vec<String> = list.args.iter().map(ToString::to_string).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ObjectName(parts) = &function.name;
    let name = parts.last().map(ToString::to_string).unwrap_or_default().to_lowercase();
    Ok(Some(match (name.as_str(), arguments.as_slice()) {
        ("levenshtein", [left, right]) => format!("edits_apart({left}, {right})"),
        ("try_strptime" | "strptime", [text, format]) => match *format {
            "'%Y-%m-%d'" => format!("date_of({text})"),
            _ => return Err("has no counterpart, expected the format '%Y-%m-%d'".to_string()),
        },
        ("epoch", [instant]) => format!("date_part('epoch', {instant})"),
        ("regexp_extract", [text, pattern]) => first_match(text, pattern, "0")?,
        ("regexp_extract", [text, pattern, group]) => first_match(text, pattern, group)?,
        ("list_intersect", [left, right]) => format!("array_intersect({left}, {right})"),
        _ => return Ok(None),
    }))
}

/// The first match of a pattern, or of a group of it; an empty text where there is none.
fn first_match(text: &str, pattern: &str, group: &str) -> Result<String, String> {
    let group: usize = group.parse().map_err(|_| "names no group by its number".to_string())?;
    let (pattern, place) = match (group, pattern.contains('(')) {
        (0, false) => (pattern.to_string(), 1),
        // A group around all comes before the others.
        (0, true) => {
            let inner = pattern.trim_matches('\'');
            (format!("'({inner})'"), 1)
        }
        (group, _) => (pattern.to_string(), group),
    };
    Ok(format!("coalesce((regexp_match({text}, {pattern}))[{place}], '')"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_join_on_what_is_equal_and_filter_by_the_rest() {
        let sql = r#"(SUBSTRING(l.first_name, 1, 1) = SUBSTRING(r.first_name, 1, 1)) AND
            (l."city" = r."city") AND levenshtein(l.dob, r.dob) < 3"#;
        let rule = rule_of("m.json", sql).unwrap();
        assert_eq!(rule.on, [r#"SUBSTRING("first_name", 1, 1)"#, r#""city""#]);
        assert_eq!(rule.condition.as_deref(), Some(r#"edits_apart(l."dob", r."dob") < 3"#));
        let error = rule_of("m.json", "l.a = r.b").unwrap_err().chain();
        assert!(error.contains("has nothing equal to join on"), "{error}");
    }

    #[test]
    fn conditions_are_translated() {
        for (duckdb, ours) in [
            (
                r#"ABS(EPOCH(try_strptime("dob_l", '%Y-%m-%d')) - EPOCH(try_strptime("dob_r", '%Y-%m-%d'))) <= 2629800.0"#,
                r#"ABS(date_part('epoch', date_of(l."dob")) - date_part('epoch', date_of(r."dob"))) <= 2629800.0"#,
            ),
            (
                r#"NULLIF(regexp_extract("email_l", '^[^@]+', 0), '') = 'x'"#,
                r#"NULLIF(coalesce((regexp_match(l."email", '^[^@]+'))[1], ''), '') = 'x'"#,
            ),
            ("first_name_l = surname_r", r#"l."first_name" = r."surname""#),
        ] {
            assert_eq!(translated("m.json", duckdb).unwrap().to_string(), ours);
        }
        let error = translated("m.json", "try_strptime(a_l, '%d')").unwrap_err().chain();
        assert!(error.contains("has no counterpart, expected the format"), "{error}");
        assert!(translated("m.json", "a b").is_err());
    }

    #[test]
    fn common_levels_are_levels_of_ours() {
        for (sql, test) in [
            (r#""a_l" IS NULL OR "a_r" IS NULL"#, Test::Missing),
            (r#""a_l" = "a_r""#, Test::Exact),
            (r#"jaro_winkler_similarity("a_l", "a_r") >= 0.92"#, Test::JaroWinklerAtLeast(0.92)),
            (r#"levenshtein("a_l", "a_r") <= 1"#, Test::LevenshteinAtMost(1)),
        ] {
            assert_eq!(plain_test(sql), Some((test, "a".to_string())), "{sql}");
        }
        assert_eq!(plain_test(r#""a_l" = "b_r""#), None);
        assert_eq!(plain_test(r#"levenshtein(lower("a_l"), lower("a_r")) <= 1"#), None);
    }
}
