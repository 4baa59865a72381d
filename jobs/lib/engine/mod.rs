//! The engine: DataFusion, as Rapport uses it.

pub mod functions;
