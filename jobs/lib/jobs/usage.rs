//! Flags that could not be understood, and the help that they may ask for.

use std::ffi::OsString;
use std::io::Write;

use clap::ValueEnum as _;
use serde::Serialize;
use tracing::error;

use crate::errors::Kind;
use crate::jobs::failure::Failure;
use crate::jobs::result_file;
use crate::jobs::result_line::ResultLine;
use crate::telemetry::{self, LogFormat};

/// What exit codes mean, for `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 done; 2 usage or settings; 10 a data check failed; 11 an export broke its contract;
12 an export or input is not there yet; 13 another run holds the lease; 20 storage or network
trouble, try again; 30 a defect of ours; 99 nothing to do (only with --skip-when-fresh);
130, 143 stopped by a signal.";

/// Tells what is wrong with `arguments`, as the result of the job `line` too, or the help that they
/// ask for; gives the exit code.
pub(super) fn refuse<T: Serialize>(
    mut line: ResultLine<T>,
    mistake: &clap::Error,
    arguments: impl Iterator<Item = OsString>,
    stdout: &mut impl Write,
) -> u8 {
    // Help and version are what was asked for: they go to stdout, and are a success.
    tell_usage(mistake);
    if !mistake.use_stderr() {
        return 0;
    }
    line.fail(Failure { kind: Kind::Usage, message: usage_message(mistake) });
    line.say(result_file::asked_for(arguments).as_deref(), stdout)
}

/// Tells what is wrong with the flags as every other failure: as a log line where logs are JSON,
/// with the usage where people read. Help and version are told as they are.
pub(super) fn tell_usage(mistake: &clap::Error) {
    let format = log_format_asked_for(std::env::args());
    if !mistake.use_stderr() || !format.is_json() {
        let _ = mistake.print();
        return;
    }
    telemetry::start(format, "info");
    let (kind, exit_code) = (Kind::Usage.name(), Kind::Usage.exit_code());
    error!(kind, exit_code, "{}", usage_message(mistake));
}

/// The log format among arguments that could not be understood.
fn log_format_asked_for(arguments: impl Iterator<Item = String>) -> LogFormat {
    const FLAG: &str = "--log-format";
    let arguments: Vec<String> = arguments.collect();
    let written = arguments.iter().enumerate().find_map(|(index, argument)| {
        let joined = argument.strip_prefix(FLAG)?.strip_prefix('=').map(ToString::to_string);
        joined.or_else(|| arguments.get(index + 1).cloned())
    });
    let asked_for = written.or_else(|| std::env::var("RAPPORT_LOG_FORMAT").ok());
    let format = asked_for.and_then(|text| LogFormat::from_str(&text, true).ok());
    format.unwrap_or(LogFormat::Auto)
}

/// What is wrong with the flags, on one line.
fn usage_message(mistake: &clap::Error) -> String {
    let text = mistake.to_string();
    // What follows the first empty line is the usage.
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_string()
}
