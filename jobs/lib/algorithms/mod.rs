//! Algorithms: pure functions over small values and columns of them. They do no I/O, read no
//! clock and no environment, and know neither DataFusion nor arrow, so each can be tested with a
//! table of cases and its result depends on its arguments alone.

pub mod attribution;
pub mod business_time;
pub mod identity;
pub mod normalise;
pub mod points;
pub mod sentiment;
pub mod sketches;
pub mod statistics;
pub mod survival;
