//! The runtime of a job, and what stops it: a signal, or the end of its time.
//!
//! A thread of its own listens, for threads of the runtime may be at work for hours without looking
//! up. Where the job does not end by itself once it was told to, that thread ends the process. What
//! is published stays whole then too, as after any kill, and leases run out.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tracing::{Span, warn};

use crate::errors::{Context as _, Error, Kind, Result};
use crate::jobs::failure::{Failure, log_failure};
use crate::jobs::panics;
use crate::telemetry;

/// How long a job that was told to stop may take. What it does then, it does in four seconds; and
/// those who run it are promised that it stops within five.
const GRACE: Duration = Duration::from_millis(4250);

/// The runtime of a job.
pub(super) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context(Kind::Defect, || "start the runtime")
}

/// What stops a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Interrupted,
    Terminated,
    OutOfTime,
}

impl Stop {
    fn kind(self) -> Kind {
        match self {
            Stop::Interrupted => Kind::Interrupted,
            Stop::Terminated => Kind::Terminated,
            Stop::OutOfTime => Kind::OutOfTime,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Stop::Interrupted => "stopped by SIGINT",
            Stop::Terminated => "stopped by SIGTERM",
            Stop::OutOfTime => "stopped, for its time was over",
        }
    }
}

/// Watches over a job until it is dropped.
pub(super) struct Watchdog {
    told: watch::Receiver<Option<Stop>>,
    /// Whether the job says its result itself; locked by whoever says it.
    has_the_word: Arc<Mutex<bool>>,
    /// The thread ends when this is dropped.
    _leash: oneshot::Sender<()>,
}

impl Watchdog {
    /// Begins to listen for signals, and for the end of the job's time where it has one.
    ///
    /// `last_words` are said where the process has to be ended: they tell the result, and give the
    /// exit code.
    pub(super) fn start(
        limit: Option<Duration>,
        last_words: impl FnOnce(Failure) -> u8 + Send + 'static,
    ) -> Watchdog {
        let (tell, told) = watch::channel(None);
        let (leash, mut is_off) = oneshot::channel();
        let has_the_word = Arc::new(Mutex::new(false));
        let (word, span) = (Arc::clone(&has_the_word), Span::current());
        let started = Ears::open().and_then(|(runtime, mut ears)| {
            let thread = std::thread::Builder::new().name("watchdog".to_string());
            let watch = move || {
                let _within = span.entered();
                let seen = runtime.block_on(ears.watch(limit, GRACE, &tell, &mut is_off));
                let Some(stop) = seen else { return };
                // Held until the process has ended: nobody else says anything any more.
                let has_the_word = word.lock().unwrap_or_else(PoisonError::into_inner);
                let failure = Error::new(
                    stop.kind(),
                    format!("{}; it did not end by itself, and was ended", stop.message()),
                );
                telemetry::end_progress();
                log_failure(&failure);
                let exit_code = match *has_the_word {
                    true => stop.kind().exit_code(),
                    false => last_words(Failure::from(&failure)),
                };
                std::process::exit(i32::from(exit_code));
            };
            thread.spawn(watch).context(Kind::Defect, || "start the thread that listens")
        });
        if let Err(failure) = started {
            // Then signals do what they do to any process.
            warn!("failed to listen for signals: {}", failure.chain());
        }
        Watchdog { told, has_the_word, _leash: leash }
    }

    /// Does `work` until it is done, panics, or is stopped.
    pub(super) async fn until_stopped<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut told = self.told.clone();
        let stopped = async move {
            let stop = told.wait_for(Option::is_some).await.ok().and_then(|stop| *stop);
            match stop {
                Some(stop) => Error::new(stop.kind(), stop.message()),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = panics::caught_in(work) => outcome,
            stopped = stopped => Err(stopped),
        }
    }

    /// The job is about to say its result; never returns where that was said in its place.
    pub(super) fn take_the_word(&self) {
        *self.has_the_word.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// Hears signals.
struct Ears {
    interrupted: Signal,
    terminated: Signal,
}

impl Ears {
    /// From now on; with the runtime that they belong to.
    fn open() -> Result<(tokio::runtime::Runtime, Ears)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context(Kind::Defect, || "start the runtime that listens")?;
        let (interrupted, terminated) = {
            let _within = runtime.enter();
            let listen = |kind| signal(kind).context(Kind::Defect, || "listen for signals");
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
        };
        Ok((runtime, Ears { interrupted, terminated }))
    }

    /// Waits until something stops the job, and tells it; gives what it was where the job has not
    /// ended `grace` later, and nothing once the job is over.
    async fn watch(
        &mut self,
        limit: Option<Duration>,
        grace: Duration,
        tell: &watch::Sender<Option<Stop>>,
        is_off: &mut oneshot::Receiver<()>,
    ) -> Option<Stop> {
        let time_is_over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let stop = tokio::select! {
            _ = self.interrupted.recv() => Stop::Interrupted,
            _ = self.terminated.recv() => Stop::Terminated,
            () = time_is_over => Stop::OutOfTime,
            _ = &mut *is_off => return None,
        };
        // Nobody may be waiting for it yet, or any more.
        let _ = tell.send(Some(stop));
        tokio::select! {
            () = tokio::time::sleep(grace) => Some(stop),
            _ = is_off => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn work_is_stopped_when_its_time_is_over_though_no_thread_of_its_runtime_yields() {
        let watchdog = Watchdog::start(Some(SHORT), |failure| failure.kind.exit_code());
        let runtime = runtime(1).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let outcome = runtime.block_on(watchdog.until_stopped(async {
            // The one thread that there is.
            tokio::spawn(async move { held.recv() });
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(())
        }));
        assert_eq!(outcome.unwrap_err().kind(), Kind::OutOfTime);
        drop(release);
        watchdog.take_the_word();
    }

    #[test]
    fn only_a_job_that_does_not_end_in_time_is_ended() {
        let (runtime, mut ears) = Ears::open().unwrap();
        let (tell, told) = watch::channel(None);
        let (leash, mut is_off) = oneshot::channel();
        let seen = runtime.block_on(ears.watch(Some(SHORT), SHORT, &tell, &mut is_off));
        assert_eq!((seen, *told.borrow()), (Some(Stop::OutOfTime), Some(Stop::OutOfTime)));
        drop(leash);
        let (tell, told) = watch::channel(None);
        let seen = runtime.block_on(ears.watch(None, SHORT, &tell, &mut is_off));
        assert_eq!((seen, *told.borrow()), (None, None));
    }
}
