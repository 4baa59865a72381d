//! Rapport: batch jobs that build a single view of each customer and daily customer-experience
//! metrics. See README.md for the picture; each room's own page says what it does not know.

// The floors, top to bottom; each imports only from those below it.
pub mod jobs;

pub mod build;
pub mod checks;
pub mod models;

pub mod engine;
pub mod exports;
pub mod lake;

pub mod algorithms;

pub mod config;
pub mod dates;
pub mod errors;
pub mod hash;
pub mod telemetry;

/// Faster than the system's allocator on the small, short-lived buffers that queries are made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
