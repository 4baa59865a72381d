//! The runtime of a job, and what stops it.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

use crate::errors::{Context as _, Error, Kind, Result};
use crate::jobs::panics;

/// The runtime of a job.
pub(super) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context(Kind::Defect, || "start the runtime")
}

/// Runs `work` until it is done, panics, or a signal stops it.
pub(super) async fn until_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut interrupted =
        signal(SignalKind::interrupt()).context(Kind::Defect, || "listen for SIGINT")?;
    let mut terminated =
        signal(SignalKind::terminate()).context(Kind::Defect, || "listen for SIGTERM")?;
    tokio::select! {
        outcome = panics::caught_in(work) => outcome,
        _ = interrupted.recv() => Err(Error::new(Kind::Interrupted, "stopped by SIGINT")),
        _ = terminated.recv() => Err(Error::new(Kind::Terminated, "stopped by SIGTERM")),
    }
}
