//! What a check found, and what follows from it.

use std::collections::BTreeMap;

use crate::errors::{Error, Kind, Result};
use crate::lake::Partition;
use crate::models::Contract;
use crate::models::contract::Severity;

/// What a check found, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's name: of the rule and its columns, or the table's own.
    pub check: String,
    /// What must hold, in words; no value of a row.
    pub meaning: String,
    /// Whether anything breaks it.
    pub is_broken: bool,
    /// How many rows break it; of a check of the number of rows, how many there are.
    pub bad_row_count: u64,
    /// Whether it stops the publish.
    pub severity: Severity,
    /// A query over `this` for the rows that break it; none where no row is to blame.
    pub query: Option<String>,
    /// Those rows, once they are kept.
    pub kept: Option<Kept>,
}

/// Rows that broke a check, kept for whoever mends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The Parquet object that holds them.
    pub place: String,
    /// How many it holds: fewer than there are where there are very many.
    pub row_count: u64,
    /// What identifies the first of them, as `column=value`; nothing of columns that hold personal
    /// data.
    pub first: Vec<String>,
}

impl Finding {
    /// What is told of it: the check and what it means, how many rows break it, which, and where
    /// they are.
    fn told(&self) -> String {
        let meaning = self.meaning.trim().trim_end_matches('.');
        let mut told = format!("{} ({} rows): {meaning}", self.check, self.bad_row_count);
        if let Some(kept) = &self.kept {
            if !kept.first.is_empty() {
                told.push_str(&format!("; first {}", kept.first.join(", ")));
            }
            let which = match kept.row_count < self.bad_row_count {
                true => format!("{} of its rows are", kept.row_count),
                false => "its rows are".to_string(),
            };
            told.push_str(&format!("; {which} in `{}`", kept.place));
        }
        told
    }
}

/// Those of `checks` that something breaks.
pub fn broken(mut checks: Vec<Finding>) -> Vec<Finding> {
    checks.retain(|check| check.is_broken);
    checks
}

/// A query over `this` for the rows of which `condition` is true, in the order of the grain.
pub(super) fn rows_where(contract: &Contract, condition: &str) -> String {
    format!(
        "select {} from this where {condition} order by {}",
        columns_of(contract),
        grain_of(contract)
    )
}

/// A query over `this` for the rows that share their grain with another.
pub(super) fn rows_that_share_a_grain(contract: &Contract) -> String {
    let grain = grain_of(contract);
    format!(
        "select {} from (select *, count(*) over (partition by {grain}) as rapport_row_count \
         from this) as this where rapport_row_count > 1 order by {grain}",
        columns_of(contract)
    )
}

fn columns_of(contract: &Contract) -> String {
    let columns = contract.columns.iter().map(|column| format!("\"{}\"", column.name.value));
    columns.collect::<Vec<_>>().join(", ")
}

fn grain_of(contract: &Contract) -> String {
    let grain = contract.grain.value.iter().map(|column| format!("\"{column}\""));
    grain.collect::<Vec<_>>().join(", ")
}

/// The failure that stops a publish, where any finding is severe enough; else what to warn of.
pub fn verdict(partition: &Partition, findings: &[Finding]) -> Result<BTreeMap<String, u64>> {
    let failed: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Fail)
        .map(Finding::told)
        .collect();
    if !failed.is_empty() {
        return Err(Error::new(
            Kind::CheckFailed,
            format!("check {partition}: {}; nothing of it was published", failed.join("; ")),
        ));
    }
    Ok(findings.iter().map(|finding| (finding.check.clone(), finding.bad_row_count)).collect())
}
