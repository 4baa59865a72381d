//! Reasons as a plan tells them: those that say the same of several days of a table are one.

use std::fmt;

use serde::Serialize;

use crate::build::Reason;
use crate::dates::Day;
use crate::lake::{Partition, TableName};

/// Why a target is to be built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What kind of reason it is, such as `input_changed`.
    pub reason: &'static str,
    /// The days of another table that it is about.
    #[serde(flatten)]
    pub days: Option<CauseDays>,
    /// The export file or the check that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// Days of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CauseDays {
    /// The table.
    pub table: TableName,
    /// The first of them.
    pub from: Day,
    /// The day after the last of them.
    pub to: Day,
    /// How many there are.
    pub day_count: u64,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.reason {
            "new" => "never built",
            "object_missing" => "its object is gone",
            "object_altered" => "its object was altered",
            "export_gone" => "gone export",
            "replay_changed" => "other repetition by export",
            "parameters_changed" => "changed settings",
            "check_failed" => "failed check",
            "forced" => "forced",
            other => {
                // `input_changed` is told as `changed input`.
                let (thing, what) = other.rsplit_once('_').unwrap_or(("", other));
                return write!(formatter, "{what} {}{}", thing.replace('_', " "), self.place());
            }
        };
        write!(formatter, "{kind}{}", self.place())
    }
}

impl Cause {
    fn place(&self) -> String {
        match (&self.days, &self.what) {
            (Some(days), _) if days.day_count == 1 => format!(" {} dt={}", days.table, days.from),
            (Some(CauseDays { table, from, to, day_count }), _) => {
                format!(" {table} on {day_count} days in [{from}, {to})")
            }
            (None, Some(what)) => format!(" {what}"),
            (None, None) => String::new(),
        }
    }
}

/// The reasons, which are sorted, with those of one kind and table as one.
pub(super) fn grouped(reasons: &[Reason]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = vec![];
    for reason in reasons {
        let (name, input, what) = parts(reason);
        let Some(Partition { table, dt }) = input else {
            causes.push(Cause { reason: name, days: None, what: what.map(ToString::to_string) });
            continue;
        };
        let same = causes.iter_mut().find_map(|cause| match &mut cause.days {
            Some(days) if cause.reason == name && days.table == *table => Some(days),
            _ => None,
        });
        match same {
            Some(days) => {
                days.from = days.from.min(*dt);
                days.to = days.to.max(dt.plus(1));
                days.day_count += 1;
            }
            None => {
                let days =
                    CauseDays { table: table.clone(), from: *dt, to: dt.plus(1), day_count: 1 };
                causes.push(Cause { reason: name, days: Some(days), what: None });
            }
        }
    }
    causes
}

/// The name of a reason's kind, and what it is about.
fn parts(reason: &Reason) -> (&'static str, Option<&Partition>, Option<&str>) {
    match reason {
        Reason::New => ("new", None, None),
        Reason::ObjectMissing => ("object_missing", None, None),
        Reason::ObjectAltered => ("object_altered", None, None),
        Reason::ModelChanged => ("model_changed", None, None),
        Reason::ContractChanged => ("contract_changed", None, None),
        Reason::ParametersChanged => ("parameters_changed", None, None),
        Reason::EngineChanged => ("engine_changed", None, None),
        Reason::RulesChanged => ("rules_changed", None, None),
        Reason::SchedulesChanged => ("schedules_changed", None, None),
        Reason::SourceChanged => ("source_changed", None, None),
        Reason::AccountingChanged => ("accounting_changed", None, None),
        Reason::RestatementsChanged => ("restatements_changed", None, None),
        Reason::InputNew(partition) => ("input_new", Some(partition), None),
        Reason::InputChanged(partition) => ("input_changed", Some(partition), None),
        Reason::InputGone(partition) => ("input_gone", Some(partition), None),
        Reason::InputStale(partition) => ("input_stale", Some(partition), None),
        Reason::ExportNew(file) => ("export_new", None, Some(file)),
        Reason::ExportChanged(file) => ("export_changed", None, Some(file)),
        Reason::ExportGone(file) => ("export_gone", None, Some(file)),
        Reason::ReplayChanged(file) => ("replay_changed", None, Some(file)),
        Reason::CheckFailed(check) => ("check_failed", None, Some(check)),
        Reason::Forced => ("forced", None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_a_table_are_one_cause_and_everything_is_told_in_words() {
        let partition = |table: &str, dt: &str| Partition {
            table: TableName::new("staging", table),
            dt: dt.parse().unwrap(),
        };
        let reasons = [
            Reason::ModelChanged,
            Reason::ParametersChanged,
            Reason::InputNew(partition("orders", "2024-03-06")),
            Reason::InputStale(partition("orders", "2024-03-01")),
            Reason::InputStale(partition("orders", "2024-03-04")),
            Reason::InputStale(partition("refunds", "2024-03-01")),
            Reason::ExportChanged("sales/a.csv".to_string()),
            Reason::CheckFailed("unique-id".to_string()),
        ];
        let told: Vec<String> = grouped(&reasons).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "changed model",
                "changed settings",
                "new input staging.orders dt=2024-03-06",
                "stale input staging.orders on 2 days in [2024-03-01, 2024-03-05)",
                "stale input staging.refunds dt=2024-03-01",
                "changed export sales/a.csv",
                "failed check unique-id",
            ]
        );
        let json = serde_json::to_string(&grouped(&reasons)[3]).unwrap();
        assert_eq!(
            json,
            r#"{"reason":"input_stale","table":"staging.orders","from":"2024-03-01","to":"2024-03-05","day_count":2}"#
        );
    }
}
