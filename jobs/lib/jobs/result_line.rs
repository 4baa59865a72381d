//! The result of a job: one JSON object, last on stdout and in the result file, and the exit code
//! that says the same.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use tracing::{error, warn};

use crate::errors::Kind;
use crate::jobs::failure::Failure;
use crate::jobs::result_file;

/// The result of a job, with what its kind of job tells besides.
#[derive(Debug, Serialize)]
pub(super) struct ResultLine<T> {
    job: &'static str,
    pub status: &'static str,
    pub exit_code: u8,
    #[serde(flatten)]
    pub told: T,
    duration_ms: u64,
    error: Option<Failure>,
    #[serde(skip)]
    started: Instant,
}

impl<T: Serialize> ResultLine<T> {
    /// Of a job that begins now, and is done unless something else is noted.
    pub(super) fn of(job: &'static str, told: T) -> ResultLine<T> {
        ResultLine {
            job,
            status: "done",
            exit_code: 0,
            told,
            duration_ms: 0,
            error: None,
            started: Instant::now(),
        }
    }

    /// Notes a failure, and the exit code that tells it.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.status = "failed";
        self.exit_code = failure.kind.exit_code();
        self.error = Some(failure);
    }

    /// Says it: last on stdout, after the logs are flushed. Gives the exit code.
    pub(super) fn say(mut self, result_file: Option<&Path>, stdout: &mut impl Write) -> u8 {
        self.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut line = self.written();
        if let Some(path) = result_file
            && let Err(failure) = result_file::write(path, &line)
        {
            warn!("{}", failure.chain());
            if self.error.is_none() {
                self.fail(Failure::from(&failure));
                line = self.written();
            }
        }
        let _ = std::io::stderr().flush();
        let said = stdout.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdout.flush());
        match said {
            // A reader that has gone away does not change what the job did; a disk that is full
            // takes the result from one who still waits for it.
            Err(cause) if cause.kind() != ErrorKind::BrokenPipe && self.exit_code == 0 => {
                error!("failed to write the result to stdout: {cause}");
                Kind::Storage.exit_code()
            }
            _ => self.exit_code,
        }
    }

    fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".into())
    }
}
