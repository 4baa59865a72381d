//! Whom a job tells of its end, besides whoever started it. None of them can change what it did.

use std::time::Duration;

use tracing::warn;

use super::Report;
use crate::build::summary::Summary;
use crate::config::Notices;
use crate::errors::{Error, Kind, Result};
use crate::jobs::failure::Failure;
use crate::observe::delivery::Counts;
use crate::observe::openlineage::End;
use crate::observe::{Observers, otlp, webhook};

/// How long each of those whom a stopped job tells of its end may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long events that are under way are waited for when a job ends.
const LAST_EVENTS: Duration = Duration::from_secs(10);

/// How often the webhook is called until it answers.
const HOOK_TRIES: u32 = 3;

/// Tells everybody how the run ended, and waits a while until they know; gives how much arrived.
pub(super) async fn tell_the_end(
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

/// Calls the webhook, where the run failed; what comes of that changes nothing.
pub(super) async fn tell_of_failure(notices: &Notices, report: &Report, outcome: &Result<()>) {
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
        days: report.days(),
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
