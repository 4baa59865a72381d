//! The door of a job, as an orchestrator sees it: flags and variables in; logs on stderr, one
//! JSON line on stdout, an exit code and nothing else out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum as _};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, error_span, info, warn};

use crate::build::backfill::{self, Backfill};
use crate::build::erase::{self, Erased, Persons};
use crate::build::plan::Plan;
use crate::build::progress::Progress;
use crate::build::run::{self, Run};
use crate::build::summary::Summary;
use crate::build::{Workshop, earlier};
use crate::config::{Notices, Settings};
use crate::dates::{Day, DayRange};
use crate::errors::{Context as _, Error, Kind, Result};
use crate::jobs::flags::{
    BackfillFlags, CommonFlags, DayFlags, EraseFlags, RunFlags, without_empty_variables,
};
use crate::jobs::{Job, panics, result_file};
use crate::lake::lease::Holder;
use crate::lake::{Lake, Partition, runs};
use crate::models::selection;
use crate::observe::delivery::Counts;
use crate::observe::openlineage::{End, OpenLineage, RunNames};
use crate::observe::otlp::{self, Otlp};
use crate::observe::{Observers, webhook};
use crate::telemetry::{self, LogFormat};

/// How long a stopped job may take to give its leases back and say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long each of those whom a stopped job tells of its end may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long events that are under way are waited for when a job ends.
const LAST_EVENTS: Duration = Duration::from_secs(10);

/// How often the webhook is called until it answers.
const HOOK_TRIES: u32 = 3;

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

/// The result line.
#[derive(Debug, Serialize)]
struct Report {
    job: &'static str,
    status: &'static str,
    exit_code: u8,
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
    duration_ms: u64,
    error: Option<Failure>,
}

/// What a run failed on.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub kind: Kind,
    pub message: String,
}

/// A result line, which may still fail on its way out.
pub(super) trait ResultLine: Serialize {
    /// Notes a failure, and the exit code that tells it.
    fn fail(&mut self, failure: Failure);

    /// The failure that was noted.
    fn failure(&self) -> Option<&Failure>;

    /// The process's exit code.
    fn exit_code(&self) -> u8;
}

impl From<&Error> for Failure {
    fn from(failure: &Error) -> Failure {
        Failure { kind: failure.kind(), message: failure.chain() }
    }
}

impl Failure {
    /// Arguments that could not be understood.
    pub(super) fn of_usage(mistake: &clap::Error) -> Failure {
        Failure { kind: Kind::Usage, message: usage_message(mistake) }
    }

    /// The most serious of a run's failures, the first of its kind, and how many more there are;
    /// none where all went well.
    fn of(outcome: &Result<()>, summary: &Summary) -> Option<Failure> {
        let outside = outcome.as_ref().err().map(|failure| (failure.kind(), failure.chain()));
        let targets = summary.failures.iter().map(|one| (one.kind, one.message.clone()));
        let mut all: Vec<(Kind, String)> = targets.chain(outside).collect();
        let more = all.len().saturating_sub(1);
        all.sort_by_key(|(kind, _)| Reverse(kind.seriousness()));
        let (kind, mut message) = all.into_iter().next()?;
        if more > 0 {
            message.push_str(&format!(" (and {more} more failures)"));
        }
        Some(Failure { kind, message })
    }
}

impl Report {
    fn new(job: &'static str, run_id: String, attempt: u32) -> Report {
        Report {
            job,
            status: "done",
            exit_code: 0,
            run_id,
            attempt,
            from: None,
            to: None,
            summary: Summary::default(),
            plan: None,
            erased: None,
            warehouse: None,
            events: None,
            duration_ms: 0,
            error: None,
        }
    }
}

impl ResultLine for Report {
    fn fail(&mut self, failure: Failure) {
        self.status = "failed";
        self.exit_code = failure.kind.exit_code();
        self.error = Some(failure);
    }

    fn failure(&self) -> Option<&Failure> {
        self.error.as_ref()
    }

    fn exit_code(&self) -> u8 {
        self.exit_code
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
pub(super) fn refuse_task(name: &'static str, mistake: &clap::Error) -> ExitCode {
    ExitCode::from(refuse(name, mistake, std::env::args_os(), &mut std::io::stdout()))
}

/// The name of a backfill, as a subcommand and among the runs.
pub(super) const BACKFILL: &str = "backfill";

/// The name of an erasure, as a subcommand and among the runs.
pub(super) const ERASE: &str = "erase";

/// Has `work` done as `arguments` ask for it, tells `stdout` the result, and gives the exit code.
fn attend(
    job: &Job,
    arguments: impl Iterator<Item = OsString>,
    stdout: &mut impl Write,
    work: impl FnOnce(&Undertaking<'_>, &mut Report) -> Result<()>,
) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    let flags = match parse(job, &arguments) {
        Ok(flags) => flags,
        Err(error) => return refuse(job.name, &error, arguments.into_iter(), stdout),
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

/// Tells what is wrong with `arguments`, or the help that they ask for; gives the exit code.
fn refuse(
    name: &'static str,
    mistake: &clap::Error,
    arguments: impl Iterator<Item = OsString>,
    stdout: &mut impl Write,
) -> u8 {
    // Help and version are what was asked for: they go to stdout, and are a success.
    tell_usage(mistake);
    if !mistake.use_stderr() {
        return 0;
    }
    let mut report = Report::new(name, String::new(), 1);
    report.fail(Failure::of_usage(mistake));
    say(report, result_file::asked_for(arguments), stdout)
}

/// Has `work` done, tells `stdout` the result, and gives the exit code.
fn undertake(
    undertaking: &Undertaking<'_>,
    stdout: &mut impl Write,
    work: impl FnOnce(&Undertaking<'_>, &mut Report) -> Result<()>,
) -> u8 {
    let started = Instant::now();
    let flags = undertaking.run;
    let run_id = match &flags.run_id {
        Some(run_id) if !run_id.trim().is_empty() => run_id.clone(),
        _ => uuid::Uuid::now_v7().to_string(),
    };
    let mut report = Report::new(undertaking.name, run_id, flags.attempt);
    let run =
        error_span!("run", run_id = report.run_id, job = report.job, attempt = report.attempt);
    // Of the level that every filter lets through; and of what is logged last too: all that this
    // process does is this run.
    let _within = run.entered();
    let outcome = panics::caught(|| work(undertaking, &mut report));
    telemetry::end_progress();
    if let Err(failure) = &outcome {
        // What failed of single targets was logged when it did.
        log_failure(failure);
    }
    match Failure::of(&outcome, &report.summary) {
        None => {
            let is_idle = match &report.plan {
                Some(plan) => plan.stale.is_empty(),
                None => report.summary.built_count + report.summary.unchanged_count == 0,
            };
            if flags.skip_when_fresh && is_idle {
                report.status = Kind::NothingToDo.name();
                report.exit_code = Kind::NothingToDo.exit_code();
            }
        }
        Some(failure) => report.fail(failure),
    }
    report.duration_ms = milliseconds_since(started);
    say(report, flags.result_file.clone(), stdout)
}

/// Logs what ended a job, once.
pub(super) fn log_failure(failure: &Error) {
    let kind = failure.kind();
    error!(kind = kind.name(), exit_code = kind.exit_code(), "{}", failure.chain());
}

/// Milliseconds since `started`.
pub(super) fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
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

pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 done; 2 usage or settings; 10 a data check failed; 11 an export broke its contract;
12 an export or input is not there yet; 13 another run holds the lease; 20 storage or network
trouble, try again; 30 a defect of ours; 99 nothing to do (only with --skip-when-fresh);
130, 143 stopped by a signal.";

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

/// The result: last on stdout, after the logs are flushed. Gives the exit code.
pub(super) fn say<R: ResultLine>(
    mut report: R,
    result_file: Option<PathBuf>,
    stdout: &mut impl Write,
) -> u8 {
    let line_of = |report: &R| serde_json::to_string(report).unwrap_or_else(|_| "{}".into());
    let mut line = line_of(&report);
    if let Some(path) = result_file
        && let Err(failure) = result_file::write(&path, &line)
    {
        warn!("{}", failure.chain());
        if report.failure().is_none() {
            report.fail(Failure::from(&failure));
            line = line_of(&report);
        }
    }
    let _ = std::io::stderr().flush();
    let said = stdout.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdout.flush());
    match said {
        // A reader that has gone away does not change what the job did; a disk that is full takes
        // the result from one who still waits for it.
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe && report.exit_code() == 0 => {
            error!("failed to write the result to stdout: {cause}");
            Kind::Storage.exit_code()
        }
        _ => report.exit_code(),
    }
}

fn enter(undertaking: &Undertaking<'_>, report: &mut Report) -> Result<()> {
    let Undertaking { task, days, common, run, .. } = undertaking;
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
    run.result_file.as_deref().map_or(Ok(()), result_file::ensure_writable)?;
    let settings = Settings::read(&common.config)?;
    report.warehouse = Some(settings.warehouse.to_string());
    info!(days = told_days(days), "started");
    telemetry::start_progress(common.log_format);
    let runtime = runtime(settings.threads)?;
    let notices = settings.notices.clone();
    let outcome = runtime.block_on(async {
        let outcome = match (task, days) {
            (Task::Backfill(flags), Some(days)) if flags.dry_run => {
                until_stopped(dry_run(flags, settings, days, report)).await
            }
            (Task::Erase(flags), _) if flags.dry_run => {
                until_stopped(look_for_persons(flags, settings, report)).await
            }
            (task, days) => work(*task, settings, days, report).await,
        };
        tell_of_failure(&notices, days, report, &outcome).await;
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

/// Calls the webhook, where the run failed; what comes of that changes nothing.
async fn tell_of_failure(
    notices: &Notices,
    days: Option<DayRange>,
    report: &Report,
    outcome: &Result<()>,
) {
    let Some(failure) = Failure::of(outcome, &report.summary) else { return };
    let failures = report.summary.failures.iter().map(|failed| webhook::FailedTarget {
        source: failed.source.as_deref(),
        partition: &failed.partition,
        kind: failed.kind,
    });
    let failed = webhook::FailedRun {
        job: report.job,
        run_id: &report.run_id,
        attempt: report.attempt,
        days: told_days(days),
        kind: failure.kind,
        failures: failures.collect(),
        held_back_count: report.summary.held_back_count,
    };
    let (tries, limit) = match is_signal(outcome) {
        true => (1, LAST_WORD),
        false => (HOOK_TRIES, notices.timeout.saturating_mul(HOOK_TRIES + 1)),
    };
    let called = tokio::time::timeout(limit, webhook::call(notices, &failed, tries)).await;
    match called {
        Ok(Ok(())) => {}
        Ok(Err(what)) => warn!("failed to call the webhook: {what}"),
        Err(_) => warn!("failed to call the webhook: it took too long"),
    }
}

fn is_signal(outcome: &Result<()>) -> bool {
    let kind = outcome.as_ref().err().map(Error::kind);
    matches!(kind, Some(Kind::Interrupted | Kind::Terminated))
}

/// What a backfill would build; writes nothing.
async fn dry_run(
    flags: &BackfillFlags,
    settings: Settings,
    days: DayRange,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let workshop = Workshop::open(settings, warehouse).await?;
    let backfill = backfill_of(flags, &workshop, days)?;
    let mut plan = backfill.plan(&workshop).await?;
    plan.look_up_changes(&workshop).await?;
    report.status = "planned";
    report.plan = Some(plan);
    Ok(())
}

/// What an erasure would take out; writes nothing.
async fn look_for_persons(
    flags: &EraseFlags,
    settings: Settings,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let workshop = Workshop::open(settings, warehouse).await?;
    report.erased = Some(erase::look(&workshop, &persons(flags)?).await?);
    report.status = "planned";
    Ok(())
}

/// Whom the flags name.
fn persons(flags: &EraseFlags) -> Result<Persons> {
    let text = match &flags.identifiers {
        None => Ok(String::new()),
        Some(path) if path.as_os_str() == "-" => std::io::read_to_string(std::io::stdin()),
        Some(path) => std::fs::read_to_string(path),
    };
    let text = text.context(Kind::Usage, || "read the file of identifiers")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let identifiers = lines.map(ToString::to_string).collect();
    Ok(Persons { customers: flags.customer.clone(), identifiers })
}

fn told_days(days: Option<DayRange>) -> String {
    days.map_or_else(|| "all".to_string(), |days| days.to_string())
}

fn backfill_of(flags: &BackfillFlags, workshop: &Workshop, days: DayRange) -> Result<Backfill> {
    let tables = selection::select(&workshop.catalogue, &flags.tables.select)?;
    Ok(Backfill {
        models: workshop.models_named(&tables),
        days,
        at_once: flags.parallel.map(usize::from),
        is_forced: flags.force,
        goes_on_after_trouble: flags.continue_on_error,
        max_runtime: flags.max_runtime,
        shard: flags.shard,
        shard_patience: flags.shard_patience,
    })
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

/// The runtime of a job.
pub(super) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context(Kind::Defect, || "start the runtime")
}

async fn work(
    task: Task<'_>,
    settings: Settings,
    days: Option<DayRange>,
    report: &mut Report,
) -> Result<()> {
    let lease_length = Duration::from_secs(settings.lease_seconds);
    let names = RunNames { run_id: report.run_id.clone(), attempt: report.attempt };
    let (job, run_id, attempt) = (report.job, report.run_id.clone(), report.attempt);
    let told = otlp::RunOf { job, run_id, attempt, days: told_days(days) };
    let observers = Observers {
        openlineage: OpenLineage::open(&settings, job, names, days),
        otlp: Otlp::open(&settings.notices, told),
    };
    let run = Run {
        run_id: report.run_id.clone(),
        attempt,
        holder: Holder::new(&report.run_id, lease_length),
        observers: observers.clone(),
    };
    if let Some(openlineage) = &observers.openlineage {
        openlineage.started();
    }
    let outcome = work_as(run, task, settings, days, report).await;
    report.events = tell_the_end(&observers, &report.summary, &outcome).await;
    outcome
}

/// Tells everybody how the run ended, and waits a while until they know; gives how much arrived.
async fn tell_the_end(
    observers: &Observers,
    summary: &Summary,
    outcome: &Result<()>,
) -> Option<Counts> {
    let failure = Failure::of(outcome, summary);
    let kind = failure.as_ref().map(|failure| failure.kind);
    let limit = if is_signal(outcome) { LAST_WORD } else { LAST_EVENTS };
    let of_lineage = async {
        let openlineage = observers.openlineage.as_deref()?;
        openlineage.ended(
            &failure.map_or(End::Complete, |failure| End::Fail(failure.kind, failure.message)),
        );
        Some(openlineage.close(limit).await)
    };
    let of_otlp = async {
        let sums = otlp::Sums {
            targets: [
                ("built", summary.built_count),
                ("unchanged", summary.unchanged_count),
                ("fresh", summary.fresh_count),
                ("failed", summary.failures.len() as u64),
                ("held_back", summary.held_back_count),
            ],
            row_counts: &summary.row_counts,
            accounting: &summary.accounting,
            failure: kind,
        };
        Some(observers.otlp.as_deref()?.close(&sums, limit).await)
    };
    let counts = match futures::future::join(of_lineage, of_otlp).await {
        (Some(lineage), Some(otlp)) => Some(lineage.plus(otlp)),
        (lineage, otlp) => lineage.or(otlp),
    };
    if let Some(Counts { lost_count: lost_count @ 1.., .. }) = counts {
        warn!(lost_count, "events were not delivered");
    }
    counts
}

async fn work_as(
    run: Run,
    task: Task<'_>,
    settings: Settings,
    days: Option<DayRange>,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open(&settings.warehouse, settings.patience)?;
    let start = runs::Start {
        run_id: run.run_id.clone(),
        attempt: run.attempt,
        job: report.job.to_string(),
        days: told_days(days),
        started_at: chrono::Utc::now(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        orchestrator: orchestrator_variables(),
    };
    let mut summary = Summary::default();
    let mut erased = None;
    let mut open = None;
    let outcome = until_stopped(async {
        open = Some(runs::start(&warehouse, &start).await?);
        let workshop = Arc::new(Workshop::open(settings, warehouse.clone()).await?);
        let mut on_target = |progress: &Progress, partition: &Partition| {
            telemetry::progress(
                progress.begun_count,
                progress.target_count,
                &format!("{partition}{}", told(progress)),
            );
        };
        let (models, days) = match (task, days) {
            (Task::Erase(flags), _) => {
                let persons = persons(flags)?;
                let on_target = &mut on_target;
                let done = erase::carry_out(&workshop, &run, &persons, on_target, &mut summary);
                erased = Some(done.await?);
                return Ok(());
            }
            (_, None) => return Err(Error::new(Kind::Defect, "build tables of no days")),
            (Task::Zones(zones), Some(days)) => {
                run::bring_up_to_date(&workshop, &run, zones, days, &mut on_target, &mut summary)
                    .await?;
                (workshop.models_of(zones), days)
            }
            (Task::Backfill(flags), Some(days)) => {
                let backfill = backfill_of(flags, &workshop, days)?;
                let on_target = &mut on_target;
                backfill::carry_out(&workshop, &run, &backfill, on_target, &mut summary).await?;
                (backfill.models, days)
            }
        };
        summary.stale_earlier_days = earlier::stale_days(&workshop, &models, days.from).await?;
        Ok(())
    })
    .await;
    report.summary = summary;
    report.erased = erased;
    // Best effort, and brief: what was published is in the ledger already.
    let goodbye = async {
        run.holder.release_all(&warehouse).await;
        if let Some(open) = open {
            let status = match Failure::of(&outcome, &report.summary) {
                None => serde_json::json!({ "status": "done", "summary": report.summary }),
                Some(failure) => serde_json::json!({
                    "status": "failed",
                    "exit_code": failure.kind.exit_code(),
                    "error": failure.message,
                    "summary": report.summary,
                }),
            };
            if let Err(cause) = open.end(&warehouse, &status).await {
                warn!("failed to record the run's end: {}", cause.chain());
            }
        }
    };
    if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
        warn!("gave up on releasing leases: they run out by themselves");
    }
    outcome
}

/// How far a run of several days is, for its progress bar.
fn told(progress: &Progress) -> String {
    if progress.day_count < 2 {
        return String::new();
    }
    let left = progress.time_left().map(|left| {
        let minutes = left.as_secs().div_ceil(60);
        format!(", {minutes} min left")
    });
    let Progress { days_done, day_count, .. } = progress;
    format!(" ({days_done} of {day_count} days{})", left.unwrap_or_default())
}

/// Runs `work` until it is done, panics, or a signal stops it.
pub(super) async fn until_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut interrupted =
        signal(SignalKind::interrupt()).context(Kind::Defect, || "listen for SIGINT")?;
    let mut terminated =
        signal(SignalKind::terminate()).context(Kind::Defect, || "listen for SIGTERM")?;
    tokio::select! {
        outcome = panics::caught_in(work) => outcome,
        _ = interrupted.recv() => Err(Error::new(Kind::Interrupted, "stopped by SIGINT")),
        _ = terminated.recv() => Err(Error::new(Kind::Terminated, "stopped by SIGTERM")),
    }
}

/// What Airflow says of the run.
fn orchestrator_variables() -> BTreeMap<String, String> {
    crate::config::variables().filter(|(name, _)| name.starts_with("AIRFLOW_CTX_")).collect()
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
    use crate::build::summary::FailedTarget;
    use crate::jobs::DAILY;

    const VALUE: &str = "ada.lovelace@example.com";

    /// The exit code and the result line of a run that does `work`.
    fn attended(work: impl FnOnce() -> Result<()>) -> (u8, Value) {
        let mut stdout = vec![];
        let arguments = ["daily", "--date", "2024-03-04", "--log", "off"].map(OsString::from);
        let code = attend(&DAILY, arguments.into_iter(), &mut stdout, |_, _| work());
        let text = String::from_utf8(stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("lovelace"), "{text}");
        (code, serde_json::from_str(&text).unwrap())
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
                let outcome = until_stopped(async { panic!("{VALUE}") }).await;
                has_said_goodbye = true;
                outcome
            })
        }));
        assert!(has_said_goodbye);
        // In a task, and in a thread that may block, of its runtime.
        assert_defect(attended(|| {
            runtime(2)?.block_on(until_stopped(async {
                tokio::spawn(async { panic!("{VALUE}") }).await.context(Kind::Defect, || "encode")
            }))
        }));
        assert_defect(attended(|| {
            runtime(2)?.block_on(until_stopped(async {
                let read = tokio::task::spawn_blocking(|| {
                    let quoted = format!("é {VALUE}");
                    quoted[1..].len()
                });
                read.await.context(Kind::Defect, || "read").map(|_| ())
            }))
        }));
    }

    #[test]
    fn of_several_failures_the_most_serious_decides() {
        use Kind::*;
        let in_order = [
            NothingToDo,
            NotThereYet,
            LeaseHeld,
            Storage,
            ExportBroken,
            CheckFailed,
            Usage,
            Defect,
            Terminated,
        ];
        assert!(in_order.is_sorted_by_key(|kind| kind.seriousness()));
        let failed = |kind: Kind, message: &str| FailedTarget {
            source: None,
            partition: crate::lake::Partition {
                table: crate::lake::TableName::new("raw", "sales"),
                dt: "2024-03-04".parse().unwrap(),
            },
            kind,
            message: message.to_string(),
        };
        let failures =
            vec![failed(NotThereYet, "a"), failed(ExportBroken, "b"), failed(ExportBroken, "c")];
        let summary = Summary { failures, ..Summary::default() };
        let worst = Failure::of(&Ok(()), &summary).unwrap();
        assert_eq!((worst.kind, &*worst.message), (ExportBroken, "b (and 2 more failures)"));
        let stopped = Failure::of(&Err(Error::new(Terminated, "stopped")), &summary).unwrap();
        assert_eq!(stopped.kind, Terminated);
        assert!(Failure::of(&Ok(()), &Summary::default()).is_none());
    }
}
