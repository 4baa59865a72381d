//! `rapport plan`: what a run would build, and why.

use std::fmt::Write as _;

use serde_json::json;

use crate::build::Workshop;
use crate::build::plan::{self, Plan, Step};
use crate::config::Settings;
use crate::errors::Result;
use crate::jobs::flags::{DayFlags, SelectFlags};
use crate::jobs::operator::line;
use crate::lake::{Lake, publish};
use crate::models::selection;

/// The plan of the days, as text or JSON.
pub(super) async fn run(
    settings: Settings,
    days: &DayFlags,
    tables: &SelectFlags,
    json: bool,
) -> Result<String> {
    let days = days.range()?;
    let warehouse = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let workshop = Workshop::open(settings, warehouse).await?;
    let tables = selection::select(&workshop.catalogue, &tables.select)?;
    let models = workshop.models_named(&tables);
    let pending = publish::pending(&workshop.warehouse).await?;
    let mut plan = plan::plan(&workshop, &models, days, false).await?;
    plan.look_up_changes(&workshop).await?;
    if json {
        return Ok(line(&json!({ "days": days, "plan": plan, "pending": pending })));
    }
    Ok(text(&plan, &days.to_string(), pending.len()))
}

fn text(plan: &Plan, days: &str, pending_count: usize) -> String {
    let mut text = String::new();
    for step in &plan.stale {
        let reasons: Vec<_> = step.reasons.iter().map(ToString::to_string).collect();
        let reasons = reasons.join(", ");
        let _ = writeln!(text, "build  {}  {reasons}{}", step.partition, expected(step));
    }
    for waiting in &plan.waiting {
        let _ = writeln!(text, "wait   {}  for {}", waiting.partition, waiting.missing.join(", "));
    }
    for change in &plan.changes {
        let _ = write!(text, "\n{} of {} changed:\n{}", change.file, change.table, change.diff);
    }
    if !plan.changes.is_empty() {
        text.push('\n');
    }
    if pending_count > 0 {
        let _ =
            writeln!(text, "{pending_count} publishes were cut short; the next run finishes them");
    }
    let _ = writeln!(
        text,
        "{days}: {} to build, {} waiting, {} fresh{}",
        plan.stale.len(),
        plan.waiting.len(),
        plan.fresh_count,
        all_expected(plan),
    );
    text
}

/// What is read and what is expected to come of a step.
fn expected(step: &Step) -> String {
    let (mut rows, mut bytes) = (0, 0);
    for input in &step.inputs {
        rows += input.row_count;
        bytes += input.byte_count;
    }
    let read = match step.inputs.is_empty() {
        true => String::new(),
        false => format!("; reads {rows} rows, {}", size(bytes)),
    };
    let made = step.expected.map(|expected| {
        format!(
            "; expects {} rows, {}, {}",
            expected.row_count,
            size(expected.byte_count),
            time(expected.duration_ms)
        )
    });
    format!("{read}{}", made.unwrap_or_default())
}

fn all_expected(plan: &Plan) -> String {
    let known_count = plan.stale.len() as u64 - plan.unknown_count;
    if known_count == 0 {
        return String::new();
    }
    let of_some = match plan.unknown_count {
        0 => String::new(),
        count => format!(", without {count} of tables that were never built"),
    };
    format!(
        "; expected: {} rows, {}, {} one after the other{of_some}",
        plan.expected.row_count,
        size(plan.expected.byte_count),
        time(plan.expected.duration_ms)
    )
}

/// Bytes in the largest unit of which there is one.
fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// Milliseconds in hours, minutes and seconds.
fn time(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    match seconds {
        0..60 if milliseconds < 1000 => format!("{milliseconds} ms"),
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_told_in_their_largest_unit() {
        let sizes = [0, 999, 1000, 1_550_000, 2_000_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "1.6 MB", "2.0 GB"]);
        let times = [0, 999, 1000, 61_000, 3_660_000].map(time);
        assert_eq!(times, ["0 ms", "999 ms", "1 s", "1 min 1 s", "1 h 1 min"]);
    }
}
