//! Rapport: batch jobs that build a single view of each customer and daily customer-experience
//! metrics. See README.md for the picture; each room's own page says what it does not know.

#![cfg_attr(test, allow(clippy::disallowed_methods))] // tests set storage up as others would

// The floors, top to bottom; each imports only from those below it.
pub mod jobs;

pub mod build;
pub mod checks;
pub mod models;
pub mod observe;
pub mod sample;

#[allow(clippy::disallowed_methods)] // the only room that makes sessions
pub mod engine;
pub mod exports;
#[allow(clippy::disallowed_methods)] // the only room that writes to storage
pub mod lake;
pub mod linking;

pub mod algorithms;

pub mod config;
pub mod dates;
pub mod errors;
pub mod hash;
pub mod parallel;
pub mod telemetry;

/// Faster than the system's allocator on the small, short-lived buffers that queries are made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
