//! The runs: one object when a run starts, one when it ends. A start without an end is a run that
//! is under way, or that was killed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::errors::Result;
use crate::lake::{Lake, OWN, damage};

const START: &str = ".start.json";
const END: &str = ".end.json";

/// Runs that are read at a time.
const READS_AT_ONCE: usize = 16;

/// What is known of a run when it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// The run's id, as the orchestrator or the user named it.
    pub run_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The job.
    pub job: String,
    /// Its days, `[from, to)`.
    pub days: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Rapport's version.
    pub version: String,
    /// What an orchestrator says of the run in its environment (`AIRFLOW_CTX_…`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orchestrator: BTreeMap<String, String>,
}

/// A run, as `rapport runs` lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// How it started.
    #[serde(flatten)]
    pub start: Start,
    /// Its result line; none where it has not ended.
    pub result: Option<serde_json::Value>,
}

/// A run that has started and is to be ended with [`Open::end`].
#[derive(Debug, Clone)]
pub struct Open {
    name: String,
}

/// Records that a run started.
pub async fn start(lake: &Lake, start: &Start) -> Result<Open> {
    // Named by time first, so that a listing is in order; the random tail keeps two runs apart
    // that an orchestrator gave the same name.
    let name = uuid::Uuid::now_v7().to_string();
    let key = lake.key(OWN).join("runs").join(format!("{name}{START}"));
    lake.create(&key, start).await?;
    Ok(Open { name })
}

impl Open {
    /// Records how the run ended.
    pub async fn end(self, lake: &Lake, result: &impl Serialize) -> Result<()> {
        let key = lake.key(OWN).join("runs").join(format!("{}{END}", self.name));
        lake.create(&key, result).await.map(|_| ())
    }
}

/// The last `limit` runs, latest first.
pub async fn list(lake: &Lake, limit: usize) -> Result<Vec<Run>> {
    let objects = lake.list(&lake.key(OWN).join("runs")).await?;
    let starts = objects.iter().rev().filter_map(|object| damage::own_name(object, START));
    let reads: Vec<_> = starts.take(limit).map(|name| read(lake, name).boxed()).collect();
    let read: Vec<Option<Run>> =
        futures::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn read(lake: &Lake, name: &str) -> Result<Option<Run>> {
    let folder = lake.key(OWN).join("runs");
    let start = readable(lake.get_json(&folder.clone().join(format!("{name}{START}"))).await)?;
    let result = readable(lake.get_json(&folder.join(format!("{name}{END}"))).await)?;
    Ok(start.map(|start| Run { start, result }))
}

/// One run's damaged file must not hide all others: it is told, and left out.
fn readable<T>(read: Result<Option<T>>) -> Result<Option<T>> {
    match read {
        Err(error) if damage::is_damage(&error) => {
            warn!("{}", error.chain());
            Ok(None)
        }
        read => read,
    }
}
