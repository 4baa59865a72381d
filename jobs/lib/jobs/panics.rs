//! Panics: a defect of ours, which ends like any other failure. Never what a panic says: the text
//! it failed on may be a customer's.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use tracing::error;

use crate::errors::{Error, Kind, Result};

/// Where the last panic was, `file:line:column` of the source.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic of any thread is logged with its place, and with its backtrace where
/// `RUST_BACKTRACE` asks for it.
pub(super) fn log_places() {
    set_hook(Box::new(log_place));
}

fn log_place(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.clone());
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => Some(backtrace.to_string()),
        _ => None,
    };
    error!(place, thread = thread.name(), backtrace, "panicked");
}

/// Does `work`; a panic in it is a [`Kind::Defect`].
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that a panic may have left half done is used again: the job is on its way out.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_said| Err(defect()))
}

/// Awaits `work`; a panic in it is a [`Kind::Defect`].
pub(super) async fn caught_in<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|_said| Err(defect()))
}

fn defect() -> Error {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
    Error::new(Kind::Defect, format!("go on: panicked{place}; please report it"))
}
