//! Rules that one row can be held against by itself: accepted values, ranges, formulas. They are
//! counted while rows stream by.

use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use datafusion::common::DFSchema;
use datafusion::physical_plan::PhysicalExpr;

use crate::checks::finding::{Finding, rows_where};
use crate::checks::formulas::{self, BoundFormula};
use crate::config::Settings;
use crate::dates::Day;
use crate::engine::{Engine, query_error};
use crate::errors::{Context, Kind, Result};
use crate::models::contract::{Column, Severity, Value};
use crate::models::{Contract, Model};

/// The rules of a table's contract, and how many rows broke each.
#[derive(Debug, Default)]
pub struct Rules {
    model: String,
    rules: Vec<Rule>,
    /// Of each rule, what is true of a row that breaks it.
    breaches: Vec<Arc<dyn PhysicalExpr>>,
    bad_row_counts: Vec<u64>,
}

impl Rules {
    /// The rules of `model` on `run_date`.
    ///
    /// Errors: [`Kind::Usage`] for a formula that is none, or a limit that is no value of its
    /// column's type.
    pub fn of(engine: &Engine, settings: &Settings, model: &Model, run_date: Day) -> Result<Rules> {
        let Some(contract) = &model.contract else { return Ok(Rules::default()) };
        let mut rules: Vec<Rule> = contract.columns.iter().flat_map(rules_of).collect();
        rules.extend(formulas::bound(settings, contract, run_date)?.iter().map(rule_of_formula));
        let what = || format!("plan the checks of {}", model.name);
        let schema = DFSchema::try_from(Arc::clone(&model.schema)).context(Kind::Defect, what)?;
        let breaches = rules
            .iter()
            .map(|rule| engine.row_expression(&rule.is_broken(), &schema))
            .collect::<Result<Vec<_>, _>>()
            .map_err(query_error(what()))?;
        let bad_row_counts = vec![0; rules.len()];
        Ok(Rules { model: model.name.to_string(), rules, breaches, bad_row_counts })
    }

    /// Counts the rows of `batch` that break a rule; `batch` has the columns of the contract, in
    /// its order.
    pub(super) fn count(&mut self, batch: &RecordBatch) -> Result<()> {
        for (breach, count) in self.breaches.iter().zip(&mut self.bad_row_counts) {
            let broken = breach
                .evaluate(batch)
                .and_then(|value| value.into_array(batch.num_rows()))
                .map_err(query_error(format!("check {}", self.model)))?;
            // Of a null no rule can tell anything.
            *count += broken.as_boolean().true_count() as u64;
        }
        Ok(())
    }

    /// What was checked, and what was found of it.
    pub(super) fn checks(&self, contract: &Contract) -> impl Iterator<Item = Finding> {
        self.rules.iter().zip(&self.bad_row_counts).map(|(rule, bad_row_count)| Finding {
            check: rule.name.clone(),
            meaning: rule.meaning.clone(),
            is_broken: *bad_row_count > 0,
            bad_row_count: *bad_row_count,
            severity: rule.severity,
            query: Some(rows_where(contract, &rule.is_broken())),
            kept: None,
        })
    }
}

#[derive(Debug)]
struct Rule {
    name: String,
    meaning: String,
    /// A condition that is true or null for a good row.
    holds: String,
    severity: Severity,
}

impl Rule {
    fn is_broken(&self) -> String {
        format!("not ({})", self.holds)
    }
}

/// The accepted values and the range of `column`.
fn rules_of(column: &Column) -> Vec<Rule> {
    let name = &column.name.value;
    let typed = |value: &Value| literal(&column.data_type.value, value);
    let mut rules = vec![];
    if let Some(accepted) = &column.accepted {
        let values: Vec<_> = accepted.iter().map(typed).collect();
        rules.push(Rule {
            name: format!("accepted({name})"),
            meaning: format!("`{name}` must be an accepted value"),
            holds: format!("\"{name}\" in ({})", values.join(", ")),
            severity: column.severity,
        });
    }
    let limits = column.range.iter().flat_map(|range| [(">=", &range.min), ("<=", &range.max)]);
    let conditions: Vec<_> = limits
        .filter_map(|(operator, limit)| {
            Some(format!("\"{name}\" {operator} {}", typed(limit.as_ref()?)))
        })
        .collect();
    if !conditions.is_empty() {
        rules.push(Rule {
            name: format!("range({name})"),
            meaning: format!("`{name}` must be within its range"),
            holds: conditions.join(" and "),
            severity: column.severity,
        });
    }
    rules
}

/// The value of a column against its formula: the dictionary says what is in the table, and a trend
/// is made by what the dictionary says.
fn rule_of_formula(formula: &BoundFormula) -> Rule {
    let name = &formula.column.name.value;
    Rule {
        name: format!("formula({name})"),
        meaning: format!("`{name}` must be what its formula says of the row's state"),
        holds: format!("\"{name}\" is not distinct from {}", formula.value),
        severity: formula.column.severity,
    }
}

/// A contract's value in SQL, as a value of a column of type `data_type`.
fn literal(data_type: &str, value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let text = text.replace('\'', "''");
            match data_type {
                "date" => format!("cast('{text}' as date)"),
                "timestamp" => {
                    format!("arrow_cast('{text}', 'Timestamp(Microsecond, Some(\"UTC\"))')")
                }
                _ => format!("'{text}'"),
            }
        }
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
    }
}
