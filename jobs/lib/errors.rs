//! What can go wrong, as an orchestrator has to tell it apart.
//!
//! Every error has a [`Kind`], and the kind alone decides the exit code: a scheduler retries on
//! some kinds and wakes somebody up on others. The message reads after "failed to", lowercase,
//! without a full stop, and names the place; causes are chained, and printed once, at the door.

use std::error::Error as StdError;
use std::fmt;

use serde::{Serialize, Serializer};

/// The result of anything in Rapport that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure an orchestrator tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Flags, settings, a source declaration, a model or a contract is wrong: fix it, then run again.
    Usage,
    /// A query needs more memory than the settings give it, even where it spills: raise the limit.
    OutOfMemory,
    /// A built table broke its contract or one of its checks: nothing of it was published.
    CheckFailed,
    /// An export broke its contract: unreadable, truncated, or too many bad rows.
    ExportBroken,
    /// An export or an input partition is not there yet: try again later.
    NotThereYet,
    /// Another run holds the lease on a partition: try again later.
    LeaseHeld,
    /// Storage or network trouble: try again.
    Storage,
    /// A defect of Rapport's: report it.
    Defect,
    /// The run's time (`--max-runtime`) was over before all was done: run again, it goes on.
    OutOfTime,
    /// Every selected partition was fresh (reported only with `--skip-when-fresh`).
    NothingToDo,
    /// Stopped by SIGINT.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Kind; 12] = [
        Kind::Usage,
        Kind::OutOfMemory,
        Kind::CheckFailed,
        Kind::ExportBroken,
        Kind::NotThereYet,
        Kind::LeaseHeld,
        Kind::Storage,
        Kind::Defect,
        Kind::OutOfTime,
        Kind::NothingToDo,
        Kind::Interrupted,
        Kind::Terminated,
    ];

    /// The process exit code that tells this kind to an orchestrator.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage | Kind::OutOfMemory => 2,
            Kind::CheckFailed => 10,
            Kind::ExportBroken => 11,
            Kind::NotThereYet | Kind::OutOfTime => 12,
            Kind::LeaseHeld => 13,
            Kind::Storage => 20,
            Kind::Defect => 30,
            Kind::NothingToDo => 99,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }

    /// How serious the kind is, among several failures of one run: what waiting cannot mend comes
    /// before what it may, and a signal, which ended the run, before all.
    pub fn seriousness(self) -> u8 {
        match self {
            Kind::NothingToDo => 0,
            Kind::NotThereYet | Kind::OutOfTime => 1,
            Kind::LeaseHeld => 2,
            Kind::Storage => 3,
            Kind::ExportBroken => 4,
            Kind::CheckFailed => 5,
            Kind::Usage | Kind::OutOfMemory => 6,
            Kind::Defect => 7,
            Kind::Interrupted | Kind::Terminated => 8,
        }
    }

    /// The kind's name in a run's result and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Usage => "usage",
            Kind::OutOfMemory => "out_of_memory",
            Kind::CheckFailed => "check_failed",
            Kind::ExportBroken => "export_broken",
            Kind::NotThereYet => "not_there_yet",
            Kind::LeaseHeld => "lease_held",
            Kind::Storage => "storage",
            Kind::Defect => "defect",
            Kind::OutOfTime => "out_of_time",
            Kind::NothingToDo => "nothing_to_do",
            Kind::Interrupted => "interrupted",
            Kind::Terminated => "terminated",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A failure: its kind, what was being done and where, and the cause beneath.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure without a deeper cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// The same failure with the cause beneath it.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The whole chain of messages on one line, outermost first.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = match error.downcast_ref::<tokio::task::JoinError>() {
                // What a panic says may quote an export.
                Some(ended) if ended.is_panic() => "a task panicked".to_string(),
                _ => error.to_string(),
            };
            // Some libraries repeat their cause in their own message.
            if !text.ends_with(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Adds what was being done, and where, to an error on its way up.
pub trait Context<T> {
    /// Wraps the error as a failure of `kind` with the message `what` makes.
    fn context<M: Into<String>>(self, kind: Kind, what: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context<M: Into<String>>(self, kind: Kind, what: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| Error::new(kind, what()).because(error))
    }
}

/// Of `known`, the name nearest to a mistyped `name`, where one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| {
            (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `, did you mean `x`?` where one of `known` is near to `name`, else nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|known| format!(", did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let cause = std::io::Error::other("disk full");
        let error = Error::new(Kind::Storage, "write `x`").because(cause);
        assert_eq!(error.chain(), "write `x`: disk full");
    }

    #[tokio::test]
    async fn what_a_task_panicked_with_is_not_told() {
        let panicked = tokio::spawn(async { panic!("ada.lovelace@example.com") }).await;
        let error = panicked.context(Kind::Defect, || "read headers").unwrap_err();
        assert_eq!(error.chain(), "read headers: a task panicked");
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("warehous", ["landing", "warehouse"]), Some("warehouse"));
        assert_eq!(nearest("zzz", ["landing", "warehouse"]), None);
    }
}
