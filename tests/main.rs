//! Rapport's tests, as one binary: a second one would link DataFusion a second time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on panics

mod exports_corpus;
mod harness;
mod model_cases;
mod orchestrator;
mod structure;
