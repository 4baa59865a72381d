//! `rapport runs`: what ran.

use clap::Args;
use serde_json::json;

use crate::config::Settings;
use crate::errors::Result;
use crate::jobs::operator::{OutputFlags, line};
use crate::lake::Lake;
use crate::lake::runs::{self, Run};

/// The flags of `rapport runs`.
#[derive(Debug, Args)]
pub(super) struct ListFlags {
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    output: OutputFlags,
}

/// The latest runs.
pub(super) async fn list(settings: &Settings, flags: &ListFlags) -> Result<String> {
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let runs = runs::list(&lake, flags.limit).await?;
    if flags.output.json {
        return Ok(line(&json!(runs)));
    }
    Ok(runs.iter().map(|run| format!("{}  {}\n", headline(run), run.start.run_id)).collect())
}

fn headline(run: &Run) -> String {
    let status = run.result.as_ref().and_then(|result| result["status"].as_str());
    format!(
        "{}  {:<20} {:<26} {:<12}",
        run.start.started_at.format("%Y-%m-%dT%H:%M:%SZ"),
        run.start.job,
        run.start.days,
        status.unwrap_or("not ended"),
    )
}
