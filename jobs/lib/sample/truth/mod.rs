//! The truth beside the exports, as Parquet: what only the simulation can know.
//!
//! One object a table and part of the persons, `<truth>/<table>/part-NNNN.parquet`:
//!
//! | table | one row is |
//! | --- | --- |
//! | `persons` | a person, with the parameters of their behaviour |
//! | `records` | a record that a system keeps of a person |
//! | `purchases` | a purchase, from the first of a person's life on: also those of before the exports |
//! | `texts` | a text that somebody wrote, with the feeling it was written with |
//! | `files` | an export as one source reads it |
//! | `faults` | something that is wrong with a record, a row or a file |
//! | `deliveries` | a fact, or a part of one, that is told on another day than its own, or never |
//!
//! And once for all persons, `<truth>/metrics/<table>.parquet`: what the metric tables must say of
//! clean exports whose records are all linked to the right persons ([`metrics`]); and
//! `<truth>/models.parquet`: the parameters of the models that persons behave by.

pub mod metrics;
mod models;
mod people;
mod tables;

pub use models::models;
pub use tables::PartTruth;

/// The path of the object that holds the stated models' parameters.
pub const MODELS: &str = "models.parquet";

/// The tables of each part, in order of their names.
pub const TABLES: [&str; 7] =
    ["deliveries", "faults", "files", "persons", "purchases", "records", "texts"];

/// The path of the object of a metric's true values.
pub fn metric_path(table: &str) -> String {
    format!("metrics/{table}.parquet")
}

/// The path of a part's object of a table. `part` counts from 1.
pub fn path(table: &str, part: u32) -> String {
    format!("{table}/part-{part:04}.parquet")
}
