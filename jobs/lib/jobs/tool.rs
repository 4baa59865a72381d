//! The door of tools that need no project and no warehouse: flags in; logs on stderr, one JSON line
//! or a text for people on stdout, an exit code of the jobs' contract out.

use std::io::{ErrorKind, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::errors::{Kind, Result};
use crate::jobs::failure::{Failure, log_failure};
use crate::jobs::flags::without_empty_variables;
use crate::jobs::result_line::ResultLine;
use crate::jobs::stop::Watchdog;
use crate::jobs::{panics, result_file, usage};
use crate::telemetry::{self, LogFormat};

/// What a tool is asked for.
pub(super) trait ToolFlags: Parser {
    /// How logs look, and which there are.
    fn log(&self) -> (LogFormat, &str);

    /// Where the result line goes too.
    fn result_file(&self) -> Option<&Path>;
}

/// How a tool that succeeded tells its result.
pub(super) enum Told {
    /// By its result line.
    Line,
    /// By a text for people, in place of the line.
    Text(String),
}

/// The whole of the binary's `main`: `work` gets the flags, and what the result line will tell.
pub(super) fn main<F: ToolFlags, T: Serialize + Default>(
    name: &'static str,
    work: impl FnOnce(&F, &Watchdog, &mut T) -> Result<Told>,
) -> ExitCode {
    panics::log_places();
    let mut stdout = std::io::stdout();
    let mut line = ResultLine::of(name, T::default());
    let matches = without_empty_variables(F::command()).try_get_matches();
    let flags = match matches.and_then(|matches| F::from_arg_matches(&matches)) {
        Ok(flags) => flags,
        Err(mistake) => {
            let arguments = std::env::args_os();
            return ExitCode::from(usage::refuse(line, &mistake, arguments, &mut stdout));
        }
    };
    let (log_format, log_filter) = flags.log();
    telemetry::start(log_format, log_filter);
    let result_file = flags.result_file().map(Path::to_path_buf);
    let watchdog = Watchdog::start(None, move |failure| {
        let mut line = ResultLine::of(name, T::default());
        line.fail(failure);
        line.say(result_file.as_deref(), &mut std::io::stdout())
    });
    let outcome = panics::caught(|| {
        flags.result_file().map_or(Ok(()), result_file::ensure_writable)?;
        work(&flags, &watchdog, &mut line.told)
    });
    telemetry::end_progress();
    watchdog.take_the_word();
    match outcome {
        Ok(Told::Line) => {}
        Ok(Told::Text(text)) => {
            let told = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            // A reader that has gone away has read enough.
            return ExitCode::from(match told {
                Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Kind::Storage.exit_code(),
                _ => 0,
            });
        }
        Err(failure) => {
            log_failure(&failure);
            line.fail(Failure::from(&failure));
        }
    }
    ExitCode::from(line.say(flags.result_file(), &mut stdout))
}

/// How many threads work: as many as are asked for, else as many as the machine has processors.
pub(super) fn threads(asked_for: Option<NonZeroUsize>) -> usize {
    let asked_for = asked_for.or_else(|| std::thread::available_parallelism().ok());
    asked_for.map_or(1, NonZeroUsize::get)
}
