//! The operator's tool `rapport`: looks at a project, brings days of it up to date, and keeps its
//! warehouse in order.
//!
//! Text for people on stdout, or JSON with `--json`; mistakes and logs on stderr. A backfill and an
//! erasure are jobs, and tell their results as jobs do.

mod diff;
mod ledger;
mod plan;
mod project;
mod quarantine;
mod runs;
mod upkeep;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::Settings;
use crate::errors::{Error, Kind, Result};
use crate::jobs::door::{self, BACKFILL, ERASE};
use crate::jobs::failure::log_failure;
use crate::jobs::flags::{
    BackfillFlags, CommonFlags, DayFlags, EraseFlags, SelectFlags, ask_for, without_empty_variables,
};
use crate::jobs::operator::quarantine::QuarantineCommand::Replay;
use crate::jobs::operator::quarantine::QuarantineFlags;
use crate::jobs::panics;
use crate::jobs::stop::{Watchdog, runtime};
use crate::jobs::usage::{EXIT_CODES, tell_usage};
use crate::telemetry;

/// Looks at a Rapport project: its settings, its models, what a run would do, what runs did; brings
/// its days up to date; and keeps its warehouse in order
#[derive(Debug, Parser)]
#[command(name = "rapport", version, after_help = EXIT_CODES)]
struct Flags {
    #[command(flatten)]
    common: CommonFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plan every model against its contract: no data and no credentials needed
    Check {
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Print every effective setting and where it came from
    Config {
        #[command(flatten)]
        output: OutputFlags,
    },
    /// List what a run would build, and why; writes nothing
    Plan {
        #[command(flatten)]
        days: DayFlags,
        #[command(flatten)]
        tables: SelectFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Build what the plan of the days says, and nothing else
    Backfill(Box<BackfillFlags>),
    /// List the latest runs, show one, or tell of a partition why it has its content and what moved
    Runs(runs::RunsFlags),
    /// Write the whole ledger to a Parquet file
    Ledger {
        /// The file
        #[arg(long, env = "RAPPORT_LEDGER_FILE", value_name = "FILE")]
        out: std::path::PathBuf,
    },
    /// List and show rows that broke their source's contract, and replay them once it is mended
    Quarantine(quarantine::QuarantineFlags),
    /// Read everything that is published, and hold it against the ledger
    Verify {
        #[command(flatten)]
        days: DayFlags,
        #[command(flatten)]
        tables: SelectFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Clear away what nobody needs, and fold the ledger
    Vacuum(upkeep::VacuumFlags),
    /// Erase persons from every table, and keep them from coming back
    Erase(Box<EraseFlags>),
    /// List the leases that stand, or take one away from whoever holds it
    Unlock(upkeep::UnlockFlags),
}

/// How what is found is told.
#[derive(Debug, clap::Args)]
struct OutputFlags {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// What a command tells: on stdout, and by its exit code.
struct Told {
    text: String,
    /// What it found that must not go unnoticed.
    failure: Option<Error>,
}

impl From<String> for Told {
    fn from(text: String) -> Told {
        Told { text, failure: None }
    }
}

/// The whole of the binary's `main`.
pub fn main() -> ExitCode {
    panics::log_places();
    let command = without_empty_variables(Flags::command());
    let flags = command.try_get_matches().and_then(|matches| Flags::from_arg_matches(&matches));
    let flags = match flags {
        Ok(flags) => flags,
        Err(error) => {
            for job in [BACKFILL, ERASE] {
                if ask_for(std::env::args_os().skip(1), job) {
                    return door::refuse(job, &error);
                }
            }
            tell_usage(&error);
            let code = if error.use_stderr() { Kind::Usage.exit_code() } else { 0 };
            return ExitCode::from(code);
        }
    };
    telemetry::start(flags.common.log_format, &flags.common.log_filter);
    let flags = match flags {
        Flags { common, command: Command::Backfill(backfill) } => {
            return door::backfill(&common, &backfill);
        }
        Flags { common, command: Command::Erase(erase) } => return door::erase(&common, &erase),
        Flags {
            common,
            command: Command::Quarantine(QuarantineFlags { command: Replay(replay) }),
        } => return quarantine::replay(&common, *replay),
        flags => flags,
    };
    let watchdog = Watchdog::start(None, |failure| failure.kind.exit_code());
    let failure = match panics::caught(|| run(&flags, &watchdog)) {
        Ok(Told { text, failure }) => {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text.as_bytes());
            let _ = stdout.flush();
            failure
        }
        Err(failure) => Some(failure),
    };
    match failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            log_failure(&failure);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

fn run(flags: &Flags, watchdog: &Watchdog) -> Result<Told> {
    let settings = Settings::read(&flags.common.config)?;
    let runtime = runtime(settings.threads)?;
    let told = runtime.block_on(watchdog.until_stopped(async {
        match &flags.command {
            Command::Check { output } => project::check(&settings, output.json).await,
            Command::Config { output } => Ok(project::config(&settings, output.json).into()),
            Command::Plan { days, tables, output } => {
                plan::run(settings, days, tables, output.json).await.map(Told::from)
            }
            Command::Backfill(_) | Command::Erase(_) => {
                Err(Error::new(Kind::Defect, "a backfill and an erasure are jobs"))
            }
            Command::Runs(flags) => runs::run(&settings, flags).await.map(Told::from),
            Command::Quarantine(flags) => quarantine::run(&settings, flags).await.map(Told::from),
            Command::Ledger { out } => ledger::write(&settings, out).await.map(Told::from),
            Command::Verify { days, tables, output } => {
                upkeep::verify(&settings, days, tables, output.json).await
            }
            Command::Vacuum(flags) => upkeep::vacuum(&settings, flags).await.map(Told::from),
            Command::Unlock(flags) => upkeep::unlock(&settings, flags).await.map(Told::from),
        }
    }));
    runtime.shutdown_background();
    told
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
