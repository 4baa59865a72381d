//! How long remote storage is waited for.

use std::time::Duration;

/// How long a request to remote storage is waited for, and how long one that fails is tried again.
///
/// Together they bound how long storage that is dead or refuses can hold a job back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long a request that fails in a way that may pass is sent again, counted from its start.
    pub retry: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { timeout: Duration::from_secs(30), retry: Duration::from_secs(20) }
    }
}
