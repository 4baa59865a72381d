//! Rapport: batch jobs that build a single view of each customer and daily customer-experience
//! metrics. See README.md for the picture; each room's own page says what it does not know.

pub mod algorithms;
pub mod config;
pub mod dates;
pub mod engine;
pub mod errors;
pub mod exports;
pub mod hash;
pub mod lake;
