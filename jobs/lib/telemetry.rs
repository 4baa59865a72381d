//! Logs and progress, both to stderr: JSON lines for machines, text and a progress bar for people
//! at a terminal. Never a value of a customer's.

mod lines;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;

use lines::{Json, Lines, Text};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text at a terminal, JSON lines elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl LogFormat {
    /// Whether logs are JSON lines, where this process's stderr leads.
    pub fn is_json(self) -> bool {
        match self {
            LogFormat::Auto => !io::stderr().is_terminal(),
            LogFormat::Json => true,
            LogFormat::Text => false,
        }
    }
}

/// The filter of logs, where it is one.
pub fn parse_filter(text: &str) -> Result<String, String> {
    let filter = EnvFilter::try_new(text).map(|_| text.to_string());
    filter.map_err(|error| format!("{error}, expected such as `warn` or `rapport=debug`"))
}

static PROGRESS: OnceLock<ProgressBar> = OnceLock::new();

/// Sets logging up, once a process. `filter` is one that [`parse_filter`] takes.
pub fn start(format: LogFormat, filter: &str) {
    let terminal = io::stderr().is_terminal();
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Below that they print the statements and plans they work on, with the values in them.
    let quiet = ["datafusion=info", "sqlparser=info"].map(str::parse);
    let filter = quiet.into_iter().flatten().fold(filter, EnvFilter::add_directive);
    let json = format.is_json();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(AboveProgress);
    let builder = builder.fmt_fields(JsonFields::new());
    // A second start (tests run several jobs in one process) keeps the first.
    let _ = if json {
        builder.event_format(Lines(Json)).try_init()
    } else {
        builder.event_format(Lines(Text { is_coloured: terminal })).try_init()
    };
}

/// Starts the progress bar, where people look on.
pub fn start_progress(format: LogFormat) {
    let draws = io::stderr().is_terminal() && format != LogFormat::Json;
    let bar = if draws {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}")
    {
        bar.set_style(style);
    }
    let _ = PROGRESS.set(bar);
}

/// Moves the progress bar: `position` of `count` targets, at work on `what`.
pub fn progress(position: usize, count: usize, what: &str) {
    if let Some(bar) = PROGRESS.get() {
        bar.set_length(count as u64);
        bar.set_position(position.saturating_sub(1) as u64);
        bar.set_message(what.to_string());
    }
}

/// Takes the progress bar away, so that what comes next stands on a clean line.
pub fn end_progress() {
    if let Some(bar) = PROGRESS.get() {
        bar.finish_and_clear();
    }
    let _ = io::stderr().flush();
}

/// Writes log lines above the progress bar.
struct AboveProgress;

struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for AboveProgress {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A log that cannot be written (a closed pipe) must not end the job.
        let write = || {
            let _ = io::stderr().write_all(&self.0);
        };
        match PROGRESS.get() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}
