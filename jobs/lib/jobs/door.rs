//! The door of a job, as an orchestrator sees it: flags and variables in; logs on stderr, one
//! JSON line on stdout, an exit code and nothing else out.

mod asked;
mod notices;
mod run;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use serde::Serialize;
use tracing::{error_span, info};

use crate::build::erase::Erased;
use crate::build::plan::Plan;
use crate::build::summary::Summary;
use crate::config::Settings;
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::jobs::failure::{Failure, log_failure};
use crate::jobs::flags::{
    BackfillFlags, CommonFlags, DayFlags, EraseFlags, RunFlags, without_empty_variables,
};
use crate::jobs::result_line::ResultLine;
use crate::jobs::stop::{Watchdog, runtime};
use crate::jobs::usage::{self, EXIT_CODES};
use crate::jobs::{Job, panics, result_file};
use crate::observe::delivery::Counts;
use crate::telemetry;

/// The name of a backfill, as a subcommand and among the runs.
pub(super) const BACKFILL: &str = "backfill";

/// The name of an erasure, as a subcommand and among the runs.
pub(super) const ERASE: &str = "erase";

/// The least time that is left to what is under way when the time of a backfill is over.
const LEAST_TO_FINISH: Duration = Duration::from_secs(10);

/// The flags that every job takes.
#[derive(Debug, Parser)]
struct JobFlags {
    #[command(flatten)]
    days: DayFlags,
    #[command(flatten)]
    common: CommonFlags,
    #[command(flatten)]
    run: RunFlags,
}

/// What is to be done, and as which run.
struct Undertaking<'a> {
    name: &'static str,
    task: Task<'a>,
    days: &'a DayFlags,
    common: &'a CommonFlags,
    run: &'a RunFlags,
}

impl Undertaking<'_> {
    /// How long it may take, where somebody says so: what is under way when no more is begun has as
    /// long again.
    fn limit(&self) -> Option<Duration> {
        let Task::Backfill(flags) = self.task else { return None };
        flags.max_runtime.map(|time| time.saturating_add(time.max(LEAST_TO_FINISH)))
    }

    /// What is said in its place where it cannot say anything itself.
    fn last_words(&self, report: &Report) -> impl FnOnce(Failure) -> u8 + Send + use<> {
        let (name, result_file) = (self.name, self.run.result_file.clone());
        let mut known = Report::of(name, report.run_id.clone(), report.attempt);
        if let Ok(Some(DayRange { from, to })) = self.days.range_if_any() {
            (known.from, known.to) = (Some(from), Some(to));
        }
        move |failure| {
            let mut line = ResultLine::of(name, known);
            line.fail(failure);
            line.say(result_file.as_deref(), &mut std::io::stdout())
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// Bring all tables of these zones up to date, day by day.
    Zones(&'static [&'static str]),
    /// Do what a plan says.
    Backfill(&'a BackfillFlags),
    /// Erase persons from all days.
    Erase(&'a EraseFlags),
}

impl Task<'_> {
    /// Whether it is only asked what would be done.
    fn is_a_dry_run(&self) -> bool {
        match self {
            Task::Zones(_) => false,
            Task::Backfill(flags) => flags.dry_run,
            Task::Erase(flags) => flags.dry_run,
        }
    }
}

/// What the result line tells.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip)]
    job: &'static str,
    run_id: String,
    attempt: u32,
    from: Option<Day>,
    to: Option<Day>,
    #[serde(flatten)]
    summary: Summary,
    /// What would be built, where that alone was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// What was erased, or would be, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<Erased>,
    warehouse: Option<String>,
    /// How many events others were told, where the settings name any.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Counts>,
}

impl Report {
    fn of(job: &'static str, run_id: String, attempt: u32) -> Report {
        Report { job, run_id, attempt, ..Report::default() }
    }

    /// The days, for people.
    fn days(&self) -> String {
        match (self.from, self.to) {
            (Some(from), Some(to)) => DayRange { from, to }.to_string(),
            _ => "all".to_string(),
        }
    }

    /// Whether there was nothing to do, or is.
    fn is_idle(&self) -> bool {
        match &self.plan {
            Some(plan) => plan.stale.is_empty(),
            None => self.summary.built_count + self.summary.unchanged_count == 0,
        }
    }
}

/// Runs `job` with the process's arguments: the whole of a job binary's `main`.
pub fn main(job: &Job) -> ExitCode {
    panics::log_places();
    ExitCode::from(attend(job, std::env::args_os(), &mut std::io::stdout(), enter))
}

/// Runs a backfill of the operator's tool: from its flags to its exit code.
pub(super) fn backfill(common: &CommonFlags, flags: &BackfillFlags) -> ExitCode {
    let undertaking = Undertaking {
        name: BACKFILL,
        task: Task::Backfill(flags),
        days: &flags.days,
        common,
        run: &flags.run,
    };
    ExitCode::from(undertake(&undertaking, &mut std::io::stdout(), enter))
}

/// Runs an erasure of the operator's tool: from its flags to its exit code.
pub(super) fn erase(common: &CommonFlags, flags: &EraseFlags) -> ExitCode {
    let undertaking = Undertaking {
        name: ERASE,
        task: Task::Erase(flags),
        days: &DayFlags::default(),
        common,
        run: &flags.run,
    };
    ExitCode::from(undertake(&undertaking, &mut std::io::stdout(), enter))
}

/// Tells a backfill or an erasure whose flags could not be understood as a job tells it.
pub(super) fn refuse(name: &'static str, mistake: &clap::Error) -> ExitCode {
    let line = ResultLine::of(name, Report::of(name, String::new(), 1));
    let arguments = std::env::args_os();
    ExitCode::from(usage::refuse(line, mistake, arguments, &mut std::io::stdout()))
}

/// Has `work` done as `arguments` ask for it, tells `stdout` the result, and gives the exit code.
fn attend(
    job: &Job,
    arguments: impl Iterator<Item = OsString>,
    stdout: &mut impl Write,
    work: impl FnOnce(&Undertaking<'_>, &Watchdog, &mut Report) -> Result<()>,
) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    let flags = match parse(job, &arguments) {
        Ok(flags) => flags,
        Err(mistake) => {
            let line = ResultLine::of(job.name, Report::of(job.name, String::new(), 1));
            return usage::refuse(line, &mistake, arguments.into_iter(), stdout);
        }
    };
    telemetry::start(flags.common.log_format, &flags.common.log_filter);
    let undertaking = Undertaking {
        name: job.name,
        task: Task::Zones(job.zones),
        days: &flags.days,
        common: &flags.common,
        run: &flags.run,
    };
    undertake(&undertaking, stdout, work)
}

fn parse(job: &Job, arguments: &[OsString]) -> Result<JobFlags, clap::Error> {
    let command = JobFlags::command()
        .name(job.name)
        .about(job.about)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(match job.besides {
            None => EXIT_CODES.to_string(),
            Some(besides) => format!("{}\n\n{EXIT_CODES}", besides()),
        });
    JobFlags::from_arg_matches(&without_empty_variables(command).try_get_matches_from(arguments)?)
}

/// Has `work` done, tells `stdout` the result, and gives the exit code.
fn undertake(
    undertaking: &Undertaking<'_>,
    stdout: &mut impl Write,
    work: impl FnOnce(&Undertaking<'_>, &Watchdog, &mut Report) -> Result<()>,
) -> u8 {
    let Undertaking { name, run: flags, .. } = undertaking;
    let run_id = match &flags.run_id {
        Some(run_id) if !run_id.trim().is_empty() => run_id.clone(),
        _ => uuid::Uuid::now_v7().to_string(),
    };
    // Of the level that every filter lets through; and of what is logged last too: all that this
    // process does is this run.
    let span = error_span!("run", run_id, job = name, attempt = flags.attempt);
    let _within = span.entered();
    let mut line = ResultLine::of(name, Report::of(name, run_id, flags.attempt));
    let watchdog = Watchdog::start(undertaking.limit(), undertaking.last_words(&line.told));
    let outcome = panics::caught(|| work(undertaking, &watchdog, &mut line.told));
    telemetry::end_progress();
    if let Err(failure) = &outcome {
        // What failed of single targets was logged when it did.
        log_failure(failure);
    }
    match Failure::of(&outcome, &line.told.summary) {
        Some(failure) => line.fail(failure),
        None if flags.skip_when_fresh && line.told.is_idle() => {
            line.status = Kind::NothingToDo.name();
            line.exit_code = Kind::NothingToDo.exit_code();
        }
        None if undertaking.task.is_a_dry_run() => line.status = "planned",
        None => {}
    }
    watchdog.take_the_word();
    line.say(flags.result_file.as_deref(), stdout)
}

fn enter(undertaking: &Undertaking<'_>, watchdog: &Watchdog, report: &mut Report) -> Result<()> {
    let Undertaking { task, days, common, run: flags, .. } = undertaking;
    // An erasure is of all days.
    let days = match task {
        Task::Erase(_) => None,
        Task::Zones(_) | Task::Backfill(_) => Some(days.range()?),
    };
    if let Some(days) = days {
        report.from = Some(days.from);
        report.to = Some(days.to);
        refuse_future(days, chrono::Utc::now())?;
    }
    flags.result_file.as_deref().map_or(Ok(()), result_file::ensure_writable)?;
    let settings = Settings::read(&common.config)?;
    report.warehouse = Some(settings.warehouse.to_string());
    info!(days = report.days(), "started");
    telemetry::start_progress(common.log_format);
    let runtime = runtime(settings.threads)?;
    let told = settings.notices.clone();
    let outcome = runtime.block_on(async {
        let outcome = match (task, days) {
            (Task::Backfill(flags), Some(days)) if flags.dry_run => {
                watchdog.until_stopped(asked::dry_run(flags, settings, days, report)).await
            }
            (Task::Erase(flags), _) if flags.dry_run => {
                watchdog.until_stopped(asked::look_for_persons(flags, settings, report)).await
            }
            (task, days) => run::carry_out(*task, settings, days, watchdog, report).await,
        };
        notices::tell_of_failure(&told, report, &outcome).await;
        outcome
    });
    // Threads that still read or encode must not hold a stopped job back.
    runtime.shutdown_background();
    if report.plan.is_none()
        && report.erased.is_none()
        && Failure::of(&outcome, &report.summary).is_none()
    {
        tell_where(report);
    }
    outcome
}

/// A day that has begun nowhere has no exports yet; without this a mistyped year would publish
/// empty days of the sources that may be absent.
fn refuse_future(days: DayRange, now: chrono::DateTime<chrono::Utc>) -> Result<()> {
    // In the Pacific it is tomorrow already.
    let begun = Day::new(now.date_naive()).plus(1);
    let last = days.to.minus(1);
    if last <= begun {
        return Ok(());
    }
    let what = format!("build {last}: that day has not begun, today is {} (UTC)", begun.minus(1));
    Err(Error::new(Kind::NotThereYet, what))
}

/// For people at a terminal: where the tables are, and a query to try.
fn tell_where(report: &Report) {
    let Some(warehouse) = &report.warehouse else { return };
    info!(
        built = report.summary.built_count,
        unchanged = report.summary.unchanged_count,
        fresh = report.summary.fresh_count,
        "done; the tables are in {warehouse}"
    );
    if report.job == "daily" {
        info!(
            "try: duckdb -c \"select dt, count(*) as customers from \
             read_parquet('{warehouse}/marts/customers/*/*.parquet', hive_partitioning = true) \
             group by dt order by dt\""
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::errors::Context as _;
    use crate::jobs::DAILY;

    const VALUE: &str = "ada.lovelace@example.com";

    /// The exit code and the result line of a run that does `work`.
    fn attended(work: impl FnOnce() -> Result<()>) -> (u8, Value) {
        let mut stdout = vec![];
        let arguments = ["daily", "--date", "2024-03-04", "--log", "off"].map(OsString::from);
        let code = attend(&DAILY, arguments.into_iter(), &mut stdout, |_, _, _| work());
        let text = String::from_utf8(stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("lovelace"), "{text}");
        (code, serde_json::from_str(&text).unwrap())
    }

    fn watchdog() -> Watchdog {
        Watchdog::start(None, |failure| failure.kind.exit_code())
    }

    fn assert_defect((code, result): (u8, Value)) {
        assert_eq!(code, 30);
        assert_eq!((&result["exit_code"], &result["status"]), (&30.into(), &"failed".into()));
        assert_eq!(result["error"]["kind"], "defect");
    }

    #[test]
    fn a_panic_anywhere_in_a_job_is_a_defect_and_tells_no_value() {
        assert_defect(attended(|| panic!("{VALUE}")));
        // In what the job awaits: it gives its leases back before it ends.
        let mut has_said_goodbye = false;
        assert_defect(attended(|| {
            runtime(1)?.block_on(async {
                let outcome = watchdog().until_stopped(async { panic!("{VALUE}") }).await;
                has_said_goodbye = true;
                outcome
            })
        }));
        assert!(has_said_goodbye);
        // In a task, and in a thread that may block, of its runtime.
        assert_defect(attended(|| {
            runtime(2)?.block_on(watchdog().until_stopped(async {
                tokio::spawn(async { panic!("{VALUE}") }).await.context(Kind::Defect, || "encode")
            }))
        }));
        assert_defect(attended(|| {
            runtime(2)?.block_on(watchdog().until_stopped(async {
                let read = tokio::task::spawn_blocking(|| {
                    let quoted = format!("é {VALUE}");
                    quoted[1..].len()
                });
                read.await.context(Kind::Defect, || "read").map(|_| ())
            }))
        }));
    }
}
