//! What a check found, and what follows from it.

use std::collections::BTreeMap;

use crate::errors::{Error, Kind, Result};
use crate::lake::Partition;
use crate::models::contract::Severity;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's name: of the column and rule, or the table's own.
    pub check: String,
    /// How many rows break it.
    pub bad_row_count: u64,
    /// Whether it stops the publish.
    pub severity: Severity,
}

/// The failure that stops a publish, where any finding is severe enough; else what to warn of.
pub fn verdict(partition: &Partition, findings: &[Finding]) -> Result<BTreeMap<String, u64>> {
    let told = |finding: &Finding| format!("{} ({} rows)", finding.check, finding.bad_row_count);
    let failed: Vec<_> =
        findings.iter().filter(|finding| finding.severity == Severity::Fail).map(told).collect();
    if !failed.is_empty() {
        return Err(Error::new(
            Kind::CheckFailed,
            format!("check {partition}: {}; nothing of it was published", failed.join(", ")),
        ));
    }
    Ok(findings.iter().map(|finding| (finding.check.clone(), finding.bad_row_count)).collect())
}
