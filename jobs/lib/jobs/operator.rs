//! The operator's tool `rapport`: looks at a project and never builds.
//!
//! Text for people on stdout, or JSON with `--json`; mistakes and logs on stderr.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde_json::json;
use tracing::error;

use crate::build::Workshop;
use crate::build::plan::{self, Plan};
use crate::checks::project;
use crate::config::Settings;
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};
use crate::jobs::door::{
    CommonFlags, DayFlags, EXIT_CODES, runtime, tell_usage, without_empty_variables,
};
use crate::jobs::{DAILY, panics};
use crate::lake::{Lake, publish, runs};
use crate::telemetry;

/// Looks at a Rapport project: its settings, its models, what a run would do, what runs did
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
        /// Print the mistakes as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print every effective setting and where it came from
    Config {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// List what a run would build, and why; writes nothing
    Plan {
        #[command(flatten)]
        days: DayFlags,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the latest runs
    Runs {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

/// The whole of the binary's `main`.
pub fn main() -> ExitCode {
    panics::log_places();
    let command = without_empty_variables(Flags::command());
    let flags = command.try_get_matches().and_then(|matches| Flags::from_arg_matches(&matches));
    let flags = match flags {
        Ok(flags) => flags,
        Err(error) => {
            tell_usage(&error);
            let code = if error.use_stderr() { Kind::Usage.exit_code() } else { 0 };
            return ExitCode::from(code);
        }
    };
    telemetry::start(flags.common.log_format, &flags.common.log_filter);
    match panics::caught(|| run(&flags)) {
        Ok(text) => {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text.as_bytes());
            let _ = stdout.flush();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            error!(kind = failure.kind().name(), "{}", failure.chain());
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

fn run(flags: &Flags) -> Result<String> {
    let settings = Settings::read(&flags.common.config)?;
    let runtime = runtime(settings.threads)?;
    let text = runtime.block_on(async {
        match &flags.command {
            Command::Check { json } => check_project(&settings, *json).await,
            Command::Config { json } => Ok(config(&settings, *json)),
            Command::Plan { days, json } => {
                let days = days.range()?;
                let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
                let workshop = Workshop::open(settings, warehouse).await?;
                let pending = publish::pending(&workshop.warehouse).await?;
                let plan = plan::plan(&workshop, DAILY.zones, days).await?;
                if *json {
                    return Ok(line(&json!({ "days": days, "plan": plan, "pending": pending })));
                }
                Ok(plan_text(&plan, &days.to_string(), pending.len()))
            }
            Command::Runs { limit, json } => list_runs(&settings, *limit, *json).await,
        }
    });
    runtime.shutdown_background();
    text
}

async fn check_project(settings: &Settings, json: bool) -> Result<String> {
    let engine = Engine::new(settings)?;
    let checked = project::check(&engine, settings).await;
    let messages: Vec<String> = checked.mistakes.iter().map(Error::chain).collect();
    let table_count = checked.catalogue.models().count();
    if messages.is_empty() {
        return Ok(if json {
            line(&json!({ "tables": table_count, "mistakes": messages }))
        } else {
            format!("{table_count} tables, no mistakes\n")
        });
    }
    if json {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout
            .write_all(line(&json!({ "tables": table_count, "mistakes": messages })).as_bytes());
    } else {
        let mut stderr = std::io::stderr().lock();
        for message in &messages {
            let _ = writeln!(stderr, "{message}");
        }
    }
    Err(Error::new(
        Kind::Usage,
        format!(
            "check `{}`: {}",
            settings.file.display(),
            match messages.len() {
                1 => "1 mistake".to_string(),
                count => format!("{count} mistakes"),
            }
        ),
    ))
}

fn config(settings: &Settings, json: bool) -> String {
    if json {
        return line(&json!(settings.effective));
    }
    let width = settings.effective.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let mut text = String::new();
    for setting in &settings.effective {
        let _ = writeln!(text, "{:width$}  {}  ({})", setting.key, setting.value, setting.origin);
    }
    text
}

fn plan_text(plan: &Plan, days: &str, pending_count: usize) -> String {
    let mut text = String::new();
    for step in &plan.stale {
        let reasons: Vec<_> = step.reasons.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "build  {}  {}", step.partition, reasons.join(", "));
    }
    for waiting in &plan.waiting {
        let _ = writeln!(text, "wait   {}  for {}", waiting.partition, waiting.missing.join(", "));
    }
    if pending_count > 0 {
        let _ =
            writeln!(text, "{pending_count} publishes were cut short; the next run finishes them");
    }
    let _ = writeln!(
        text,
        "{days}: {} to build, {} waiting, {} fresh",
        plan.stale.len(),
        plan.waiting.len(),
        plan.fresh_count
    );
    text
}

async fn list_runs(settings: &Settings, limit: usize, json: bool) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let runs = runs::list(&lake, limit).await?;
    if json {
        return Ok(line(&json!(runs)));
    }
    let mut text = String::new();
    for run in &runs {
        let status = run.result.as_ref().and_then(|result| result["status"].as_str());
        let _ = writeln!(
            text,
            "{}  {:<20} {:<26} {:<12} {}",
            run.start.started_at.format("%Y-%m-%dT%H:%M:%SZ"),
            run.start.job,
            run.start.days,
            status.unwrap_or("not ended"),
            run.start.run_id,
        );
    }
    Ok(text)
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
