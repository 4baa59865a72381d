//! Rapport's tests, as one binary: a second one would link DataFusion a second time.
// A test that cannot go on panics, and sets up storage as other systems would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod backfill;
mod business_time;
mod documentation;
mod end_to_end;
mod erasure;
mod exit_codes;
mod exports_corpus;
mod failed_checks;
mod harness;
mod linking;
mod linking_strangers;
mod measures;
mod memory;
mod model_cases;
mod observability;
mod orchestrator;
mod planning;
mod publishing;
mod reading_rules;
mod remote_storage;
mod restatements;
mod roll_ups;
mod sample_company;
mod sample_exports;
mod secrets;
mod staleness;
mod stopping;
mod structure;
mod undeclared_columns;
mod upkeep;
mod web_server;
