//! The run of a job: it builds tables or erases persons under its id, writes down that it began and how
//! it ended, gives its leases back, and tells whoever is to be told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::notices::tell_the_end;
use super::{Report, Task, asked};
use crate::build::progress::Progress;
use crate::build::run::{self, Run};
use crate::build::summary::Summary;
use crate::build::{Workshop, backfill, earlier, erase};
use crate::config::Settings;
use crate::dates::DayRange;
use crate::errors::{Error, Kind, Result};
use crate::jobs::failure::Failure;
use crate::jobs::stop::Watchdog;
use crate::lake::lease::Holder;
use crate::lake::{Lake, Partition, runs};
use crate::observe::Observers;
use crate::observe::openlineage::{OpenLineage, RunNames};
use crate::observe::otlp::{self, Otlp};
use crate::telemetry;

/// How long a stopped job may take to give its leases back and say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Does what the task says; what became of it is in `report`.
pub(super) async fn carry_out(
    task: Task<'_>,
    settings: Settings,
    days: Option<DayRange>,
    watchdog: &Watchdog,
    report: &mut Report,
) -> Result<()> {
    let lease_length = Duration::from_secs(settings.lease_seconds);
    let (job, run_id, attempt) = (report.job, report.run_id.clone(), report.attempt);
    let names = RunNames { run_id: run_id.clone(), attempt };
    let told = otlp::RunOf { job, run_id: run_id.clone(), attempt, days: report.days() };
    let observers = Observers {
        openlineage: OpenLineage::open(&settings, job, names, days),
        otlp: Otlp::open(&settings.notices, told),
    };
    let run = Run {
        run_id,
        attempt,
        holder: Holder::new(&report.run_id, lease_length),
        observers: observers.clone(),
    };
    if let Some(openlineage) = &observers.openlineage {
        openlineage.started();
    }
    let outcome = carry_out_as(run, task, settings, days, watchdog, report).await;
    report.events = tell_the_end(&observers, &report.summary, &outcome).await;
    outcome
}

async fn carry_out_as(
    run: Run,
    task: Task<'_>,
    settings: Settings,
    days: Option<DayRange>,
    watchdog: &Watchdog,
    report: &mut Report,
) -> Result<()> {
    let warehouse = Lake::open(&settings.warehouse, settings.patience)?;
    let start = runs::Start {
        run_id: run.run_id.clone(),
        attempt: run.attempt,
        job: report.job.to_string(),
        days: report.days(),
        started_at: chrono::Utc::now(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        orchestrator: orchestrator_variables(),
    };
    let mut summary = Summary::default();
    let mut erased = None;
    let mut open = None;
    let outcome = watchdog
        .until_stopped(async {
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
                    let persons = asked::persons(flags)?;
                    let on_target = &mut on_target;
                    let done = erase::carry_out(&workshop, &run, &persons, on_target, &mut summary);
                    erased = Some(done.await?);
                    return Ok(());
                }
                (_, None) => return Err(Error::new(Kind::Defect, "build tables of no days")),
                (Task::Zones(zones), Some(days)) => {
                    run::bring_up_to_date(
                        &workshop,
                        &run,
                        zones,
                        days,
                        &mut on_target,
                        &mut summary,
                    )
                    .await?;
                    (workshop.models_of(zones), days)
                }
                (Task::Backfill(flags), Some(days)) => {
                    let backfill = asked::backfill_of(flags, &workshop, days)?;
                    let on_target = &mut on_target;
                    backfill::carry_out(&workshop, &run, &backfill, on_target, &mut summary)
                        .await?;
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

/// What Airflow says of the run.
fn orchestrator_variables() -> BTreeMap<String, String> {
    crate::config::variables().filter(|(name, _)| name.starts_with("AIRFLOW_CTX_")).collect()
}
