//! OpenLineage events: a run of a job, and below it a run a partition that is built, each with a
//! START and then a COMPLETE, FAIL or ABORT.
//!
//! Source: the OpenLineage specification 2-0-2 and its facets, <https://openlineage.io/spec>.

mod datasets;
mod facets;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeZone as _, Utc};
use serde_json::{Value, json};
use tracing::warn;
use uuid::Uuid;

use crate::config::Settings;
use crate::config::notices::{Parent, Secret, Transport};
use crate::dates::{Day, DayRange};
use crate::errors::Kind;
use crate::lake::TableName;
use crate::observe::delivery::{Counts, Outbox, Post, Recipient};
use datasets::Places;
use facets::{facet, run_facet_of_ours};
pub use target::{Checked, Ended, Read, TargetRun};

/// Who says what is said in an event.
const PRODUCER: &str = concat!("urn:rapport:", env!("CARGO_PKG_VERSION"));

const EVENT_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// Tells of one run of a job.
#[derive(Debug)]
pub struct OpenLineage {
    outbox: Outbox,
    namespace: String,
    job: &'static str,
    /// What is known of the run as Rapport knows it.
    run: RunNames,
    id: Uuid,
    parent: Option<Parent>,
    places: Places,
    time_zone: chrono_tz::Tz,
    /// None where the run is of no days: an erasure.
    days: Option<DayRange>,
    /// What each table's columns are made of, as the facet tells it, once it was worked out.
    column_lineages: Mutex<BTreeMap<TableName, Arc<Value>>>,
}

/// A run's names in Rapport.
#[derive(Debug, Clone)]
pub struct RunNames {
    /// The run's id, as the orchestrator or the user named it.
    pub run_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// How a run of a job or of a target ended.
#[derive(Debug, Clone)]
pub enum End {
    /// All went well.
    Complete,
    /// It failed; the kind, and what is told of it.
    Fail(Kind, String),
}

impl OpenLineage {
    /// Begins to tell of a run, where the settings say to whom. It needs the runtime it is made in.
    ///
    /// What cannot be set up is warned of, and nothing is told.
    pub fn open(
        settings: &Settings,
        job: &'static str,
        run: RunNames,
        days: Option<DayRange>,
    ) -> Option<Arc<OpenLineage>> {
        let asked = settings.notices.openlineage.as_ref()?;
        let recipient = match &asked.transport {
            Transport::File(path) => Recipient::File(path.clone()),
            Transport::Http(url, key) => {
                let post = Post::new(url.clone(), settings.notices.timeout);
                let post = post.and_then(|post| match key {
                    Some(Secret(key)) => {
                        post.with_header("authorization", &Secret(format!("Bearer {key}")))
                    }
                    None => Ok(post),
                });
                match post {
                    Ok(post) => Recipient::Post(post),
                    Err(what) => {
                        warn!("failed to set OpenLineage up, no events are sent: {what}");
                        return None;
                    }
                }
            }
        };
        Some(Arc::new(OpenLineage {
            outbox: Outbox::open(recipient),
            namespace: asked.namespace.clone(),
            job,
            run,
            id: Uuid::now_v7(),
            parent: asked.parent.clone(),
            places: Places::of(settings),
            time_zone: settings.time_zone,
            days,
            column_lineages: Mutex::default(),
        }))
    }

    /// Tells that the run has begun.
    pub fn started(&self) {
        self.put(self.event("START", self.run_of_the_job(None), self.job_of_the_run()));
    }

    /// Tells how the run ended.
    pub fn ended(&self, end: &End) {
        let kind = match end {
            End::Complete => "COMPLETE",
            End::Fail(Kind::Interrupted | Kind::Terminated, _) => "ABORT",
            End::Fail(..) => "FAIL",
        };
        self.put(self.event(kind, self.run_of_the_job(Some(end)), self.job_of_the_run()));
    }

    /// Waits until all is delivered, no longer than `limit`, and tells how much was.
    pub async fn close(&self, limit: Duration) -> Counts {
        self.outbox.close(limit).await
    }

    fn put(&self, event: Value) {
        self.outbox.put(event.to_string());
    }

    fn event(&self, kind: &str, run: Value, job: Value) -> Value {
        json!({
            "eventType": kind,
            "eventTime": instant(Utc::now()),
            "run": run,
            "job": job,
            "inputs": [],
            "outputs": [],
            "producer": PRODUCER,
            "schemaURL": EVENT_SCHEMA,
        })
    }

    fn run_of_the_job(&self, end: Option<&End>) -> Value {
        let days = self.days.as_ref().map(DayRange::to_string);
        let mut facets = json!({
            "processing_engine": engine(),
            "rapport_run": self.names(json!({ "days": days }), end),
        });
        if let Some(days) = self.days {
            facets["nominalTime"] = self.nominal_time(days.from, days.to);
        }
        if let Some(Parent { namespace, job, run_id }) = &self.parent {
            facets["parent"] = facet(
                "ParentRunFacet",
                "1-2-0",
                json!({
                    "run": { "runId": run_id.to_string() },
                    "job": { "namespace": namespace, "name": job },
                }),
            );
        }
        if let Some(End::Fail(_, message)) = end {
            facets["errorMessage"] = error_message(message);
        }
        json!({ "runId": self.id.to_string(), "facets": facets })
    }

    fn job_of_the_run(&self) -> Value {
        json!({
            "namespace": self.namespace,
            "name": self.job,
            "facets": { "jobType": job_type("JOB") },
        })
    }

    /// The run of the job, as the parent of the run of a target.
    fn as_parent(&self) -> Value {
        let run = json!({ "runId": self.id.to_string() });
        let job = json!({ "namespace": self.namespace, "name": self.job });
        let (root_run, root_job) = match &self.parent {
            None => (run.clone(), job.clone()),
            Some(Parent { namespace, job, run_id }) => (
                json!({ "runId": run_id.to_string() }),
                json!({ "namespace": namespace, "name": job }),
            ),
        };
        let root = json!({ "run": root_run, "job": root_job });
        facet("ParentRunFacet", "1-2-0", json!({ "run": run, "job": job, "root": root }))
    }

    /// The run as Rapport knows it, with `more` of it, and how it ended.
    fn names(&self, more: Value, end: Option<&End>) -> Value {
        let mut told = json!({ "runId": self.run.run_id, "attempt": self.run.attempt });
        if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
            told.extend(more);
        }
        match end {
            None => {}
            Some(End::Complete) => told["exitCode"] = 0.into(),
            Some(End::Fail(kind, _)) => {
                told["exitCode"] = kind.exit_code().into();
                told["kind"] = kind.name().into();
            }
        }
        run_facet_of_ours(told)
    }

    /// The days `[from, to)` of the business.
    fn nominal_time(&self, from: Day, to: Day) -> Value {
        facet(
            "NominalTimeRunFacet",
            "1-0-1",
            json!({
                "nominalStartTime": instant(self.beginning(from)),
                "nominalEndTime": instant(self.beginning(to)),
            }),
        )
    }

    /// When the day begins where the business is; where clocks skip midnight, an hour later.
    fn beginning(&self, day: Day) -> DateTime<Utc> {
        let midnight = day.date().and_time(chrono::NaiveTime::MIN);
        let local = |time| self.time_zone.from_local_datetime(&time).earliest();
        local(midnight)
            .or_else(|| local(midnight + chrono::TimeDelta::hours(1)))
            .map_or_else(|| midnight.and_utc(), |time| time.to_utc())
    }

    /// What the columns of `table` are made of, where it was worked out already.
    fn known_column_lineage(&self, table: &TableName) -> Option<Arc<Value>> {
        let known = self.column_lineages.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(table).cloned()
    }

    fn note_column_lineage(&self, table: &TableName, facet: &Arc<Value>) {
        let mut known = self.column_lineages.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(table.clone(), Arc::clone(facet));
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn engine() -> Value {
    facet(
        "ProcessingEngineRunFacet",
        "1-1-1",
        json!({
            "name": "Rapport",
            "version": env!("CARGO_PKG_VERSION"),
            "openlineageAdapterVersion": env!("CARGO_PKG_VERSION"),
        }),
    )
}

fn job_type(name: &str) -> Value {
    facet(
        "JobTypeJobFacet",
        "2-0-4",
        json!({
            "processingType": "BATCH",
            "integration": "RAPPORT",
            "jobType": name,
        }),
    )
}

fn error_message(message: &str) -> Value {
    let told = json!({ "message": message, "programmingLanguage": "RUST" });
    facet("ErrorMessageRunFacet", "1-0-1", told)
}
