//! The jobs: what each builds, and the door through which an orchestrator starts them.

pub mod door;
mod failure;
mod flags;
pub mod link;
pub mod operator;
mod panics;
mod result_file;
mod result_line;
pub mod sample_exports;
mod stop;
mod tool;
mod usage;

/// A job: its name, what it is for, and the zones it brings up to date.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The binary's name.
    pub name: &'static str,
    /// What it does, for `--help`.
    pub about: &'static str,
    /// The zones it builds, in the order data flows.
    pub zones: &'static [&'static str],
    /// What its binary does besides, for `--help`.
    pub besides: Option<fn() -> String>,
}

/// Pulls exports from the landing zone, and maps them into the canonical entities.
pub const INGEST: Job = Job {
    name: "ingest",
    about: "Pull the days' exports from the landing zone into raw, and map them into the \
            canonical staging tables",
    zones: &["raw", "staging"],
    besides: None,
};

/// Resolves who is who.
pub const RESOLVE_IDENTITIES: Job = Job {
    name: "resolve-identities",
    about: "Resolve the days' records to customers whose ids persist",
    zones: &["identity"],
    besides: Some(link::commands),
};

/// Builds the single customer view.
pub const BUILD_CUSTOMERS: Job = Job {
    name: "build-customers",
    about: "Build the single view of each customer for the days",
    zones: &["marts"],
    besides: None,
};

/// Builds the daily metrics.
pub const BUILD_METRICS: Job = Job {
    name: "build-metrics",
    about: "Build the daily customer-experience metrics for the days",
    zones: &["metrics"],
    besides: None,
};

/// The four jobs above, in order.
pub const DAILY: Job = Job {
    name: "daily",
    about: "Bring everything up to date for the days: ingest, resolve-identities, \
            build-customers, build-metrics",
    zones: &["raw", "staging", "identity", "marts", "metrics"],
    besides: None,
};
