//! What a run failed on, as its result line tells it.

use std::cmp::Reverse;

use serde::Serialize;
use tracing::error;

use crate::build::summary::Summary;
use crate::errors::{Error, Kind, Result};

/// What a run failed on.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub kind: Kind,
    pub message: String,
}

impl From<&Error> for Failure {
    fn from(failure: &Error) -> Failure {
        Failure { kind: failure.kind(), message: failure.chain() }
    }
}

impl Failure {
    /// The most serious of a run's failures, the first of its kind, and how many more there are;
    /// none where all went well.
    pub(super) fn of(outcome: &Result<()>, summary: &Summary) -> Option<Failure> {
        let outside = outcome.as_ref().err().map(|failure| (failure.kind(), failure.chain()));
        let targets = summary.failures.iter().map(|one| (one.kind, one.message.clone()));
        let mut all: Vec<(Kind, String)> = targets.chain(outside).collect();
        let more = all.len().saturating_sub(1);
        all.sort_by_key(|(kind, _)| Reverse(kind.seriousness()));
        let (kind, mut message) = all.into_iter().next()?;
        if more > 0 {
            message.push_str(&format!(" (and {more} more failures)"));
        }
        Some(Failure { kind, message })
    }
}

/// Logs what ended a job, once.
pub(super) fn log_failure(failure: &Error) {
    let kind = failure.kind();
    error!(kind = kind.name(), exit_code = kind.exit_code(), "{}", failure.chain());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::summary::FailedTarget;
    use crate::lake::{Partition, TableName};

    #[test]
    fn of_several_failures_the_most_serious_decides() {
        use Kind::*;
        let in_order = [
            NothingToDo,
            NotThereYet,
            LeaseHeld,
            Storage,
            ExportBroken,
            CheckFailed,
            Usage,
            Defect,
            Terminated,
        ];
        assert!(in_order.is_sorted_by_key(|kind| kind.seriousness()));
        let failed = |kind: Kind, message: &str| FailedTarget {
            source: None,
            partition: Partition {
                table: TableName::new("raw", "sales"),
                dt: "2024-03-04".parse().unwrap(),
            },
            kind,
            message: message.to_string(),
        };
        let failures =
            vec![failed(NotThereYet, "a"), failed(ExportBroken, "b"), failed(ExportBroken, "c")];
        let summary = Summary { failures, ..Summary::default() };
        let worst = Failure::of(&Ok(()), &summary).unwrap();
        assert_eq!((worst.kind, &*worst.message), (ExportBroken, "b (and 2 more failures)"));
        let stopped = Failure::of(&Err(Error::new(Terminated, "stopped")), &summary).unwrap();
        assert_eq!(stopped.kind, Terminated);
        assert!(Failure::of(&Ok(()), &Summary::default()).is_none());
    }
}
