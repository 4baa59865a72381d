//! The door of `sample-exports`: flags and variables in, exports and their truth out, one JSON
//! line on stdout, logs on stderr, an exit code of the jobs' contract.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{Parser, ValueEnum};
use serde::Serialize;
use tracing::{info, warn};

use crate::config::Location;
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::jobs::stop::{Watchdog, runtime};
use crate::jobs::tool::{self, Told, ToolFlags};
use crate::jobs::usage::EXIT_CODES;
use crate::sample::feeds::compress::FormatMix;
use crate::sample::people::Dirt;
use crate::sample::{self, Order, PERSONS_A_PART, Summary};
use crate::telemetry::{self, LogFormat};

/// The job's name.
const NAME: &str = "sample-exports";

/// Make the exports of a simulated company, with the truth beside them. The same arguments make
/// the same bytes
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXIT_CODES)]
struct Flags {
    /// Where the exports go: a folder, or a URL such as s3://bucket/exports
    #[arg(long, env = "RAPPORT_OUT", value_name = "URL")]
    out: String,
    /// Where the truth goes; default: beside the exports, with `-truth` added to their name
    #[arg(long, env = "RAPPORT_TRUTH", value_name = "URL")]
    truth: Option<String>,
    /// The first day that is exported, YYYY-MM-DD
    #[arg(long, env = "RAPPORT_FROM", value_name = "DAY")]
    from: Day,
    /// The day after the last, YYYY-MM-DD
    #[arg(long, env = "RAPPORT_TO", value_name = "DAY")]
    to: Day,
    /// How many persons are customers sooner or later
    #[arg(
        long,
        env = "RAPPORT_CUSTOMERS",
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true
    )]
    customers: u64,
    /// Another seed, another company
    #[arg(
        long,
        env = "RAPPORT_SEED",
        default_value_t = 1,
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true
    )]
    seed: u64,
    /// How much is wrong with the exports
    #[arg(long, env = "RAPPORT_DIRT", value_enum, default_value = "light")]
    dirt: Level,
    /// In which compressions the exports come; their content is the same
    #[arg(long, env = "RAPPORT_FORMAT_MIX", value_enum, default_value = "system")]
    format_mix: FormatMix,
    /// Take away what an earlier run wrote in both places, and nothing else
    #[arg(long, env = "RAPPORT_OVERWRITE", value_parser = BoolishValueParser::new())]
    overwrite: bool,
    /// Threads that work, which changes nothing but the time; default: the machine's processors
    #[arg(long, env = "RAPPORT_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Also write the result line to this file
    #[arg(long, env = "RAPPORT_RESULT_FILE")]
    result_file: Option<PathBuf>,
    /// Log format on stderr
    #[arg(long, env = "RAPPORT_LOG_FORMAT", value_enum, default_value = "auto")]
    log_format: LogFormat,
    /// Log filter, such as `warn` or `rapport=debug`
    #[arg(long = "log", env = "RAPPORT_LOG", default_value = "info",
        value_parser = telemetry::parse_filter)]
    log_filter: String,
}

/// Reads a count or a seed. A minus is taken for a number's, and refused as such.
fn whole_number(text: &str) -> std::result::Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// [`Dirt`] as the command line takes it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    /// Nothing
    None,
    /// About one row in two hundred, two files that come twice, columns that drift
    Light,
    /// About one row in fifty, and from ten days on two files that no ingest can read; the good
    /// ones lie in `redelivery`, with the truth
    Heavy,
}

impl From<Level> for Dirt {
    fn from(level: Level) -> Dirt {
        match level {
            Level::None => Dirt::None,
            Level::Light => Dirt::Light,
            Level::Heavy => Dirt::Heavy,
        }
    }
}

impl ToolFlags for Flags {
    fn log(&self) -> (LogFormat, &str) {
        (self.log_format, &self.log_filter)
    }

    fn result_file(&self) -> Option<&Path> {
        self.result_file.as_deref()
    }
}

/// What the result line tells.
#[derive(Debug, Default, Serialize)]
struct Report {
    from: Option<Day>,
    to: Option<Day>,
    customers: Option<u64>,
    seed: Option<u64>,
    out: Option<String>,
    truth: Option<String>,
    #[serde(flatten)]
    summary: Summary,
}

/// The whole of the binary's `main`.
pub fn main() -> ExitCode {
    tool::main(NAME, enter)
}

fn enter(flags: &Flags, watchdog: &Watchdog, report: &mut Report) -> Result<Told> {
    let order = order(flags)?;
    report.from = Some(order.days.from);
    report.to = Some(order.days.to);
    report.customers = Some(order.customers);
    report.seed = Some(order.seed);
    report.out = Some(order.exports.to_string());
    report.truth = Some(order.truth.to_string());
    info!(
        job = NAME,
        days = %order.days,
        customers = order.customers,
        seed = order.seed,
        out = %order.exports,
        truth = %order.truth,
        "started"
    );
    telemetry::start_progress(flags.log_format);
    let runtime = runtime(order.threads)?;
    let outcome = runtime.block_on(watchdog.until_stopped(sample::make(&order, |step, count| {
        telemetry::progress(step, count, "customers and months");
    })));
    // Threads that still simulate or encode must not hold a stopped job back.
    runtime.shutdown_background();
    report.summary = outcome.inspect_err(|failure| {
        if matches!(failure.kind(), Kind::Interrupted | Kind::Terminated | Kind::Storage) {
            warn!("what was written so far is not whole; --overwrite takes it away");
        }
    })?;
    info!(
        file_count = report.summary.file_count,
        byte_count = report.summary.byte_count,
        "done; the exports are in {}, the truth is in {}",
        order.exports,
        order.truth
    );
    Ok(Told::Line)
}

/// The order that the flags make.
///
/// Errors: [`Kind::Usage`] naming the flag and what was expected.
fn order(flags: &Flags) -> Result<Order> {
    let usage = |message: String| Error::new(Kind::Usage, message);
    let days = DayRange::new(flags.from, flags.to).ok_or_else(|| {
        usage(format!(
            "no day lies in [{}, {}): --to is the day after the last",
            flags.from, flags.to
        ))
    })?;
    let location = |flag: &str, text: &str| {
        Location::parse(text).map_err(|what| usage(format!("{flag}: {what}")))
    };
    let exports = location("--out", &flags.out)?;
    let truth = match &flags.truth {
        Some(truth) => location("--truth", truth)?,
        None => beside(&exports).ok_or_else(|| {
            usage(format!("nothing can lie beside `{exports}`: --truth says where the truth goes"))
        })?,
    };
    Ok(Order {
        exports,
        truth,
        days,
        customers: flags.customers,
        seed: flags.seed,
        dirt: flags.dirt.into(),
        mix: flags.format_mix,
        overwrite: flags.overwrite,
        threads: tool::threads(flags.threads),
        persons_a_part: PERSONS_A_PART,
    })
}

/// The place beside another, with `-truth` added to its name; none where it has no name.
fn beside(exports: &Location) -> Option<Location> {
    const ADDITION: &str = "-truth";
    match exports {
        Location::Folder(path) => {
            let mut name = path.file_name()?.to_os_string();
            name.push(ADDITION);
            Some(Location::Folder(path.with_file_name(name)))
        }
        Location::Url(url) => {
            let path = url.path().trim_end_matches('/');
            if path.is_empty() {
                // Beside a bucket are only other buckets.
                return None;
            }
            let mut beside = url.clone();
            beside.set_path(&format!("{path}{ADDITION}"));
            Some(Location::Url(beside))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_lies_beside_the_exports() {
        for (exports, truth) in [
            ("/data/sample", Some("/data/sample-truth")),
            ("/data/sample/", Some("/data/sample-truth")),
            ("s3://bucket/a/sample", Some("s3://bucket/a/sample-truth")),
            ("s3://bucket/a/sample/", Some("s3://bucket/a/sample-truth")),
            ("s3://bucket", None),
            ("/", None),
        ] {
            let shown = beside(&Location::parse(exports).unwrap());
            assert_eq!(shown.map(|truth| truth.to_string()).as_deref(), truth, "{exports}");
        }
    }
}
