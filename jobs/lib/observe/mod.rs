//! What a run tells others of itself while it works, where the settings name somebody: OpenLineage
//! events, OpenTelemetry's traces and metrics, and a call of a webhook when it fails.
//!
//! Nobody who is told may hold a run up or fail it: everything has a time limit, and what could not
//! be delivered is counted and warned of. Nothing that is told holds a value of a customer's.

pub mod delivery;
pub mod openlineage;
pub mod otlp;
pub mod webhook;

use std::sync::Arc;

use openlineage::OpenLineage;
use otlp::Otlp;

/// Who is told of a run.
#[derive(Debug, Clone, Default)]
pub struct Observers {
    /// Told of runs, tables and columns.
    pub openlineage: Option<Arc<OpenLineage>>,
    /// Told of times and sums.
    pub otlp: Option<Arc<Otlp>>,
}
