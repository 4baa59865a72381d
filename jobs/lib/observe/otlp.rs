//! Traces and metrics for OpenTelemetry, over OTLP/HTTP with JSON: a span a run, below it a span a
//! partition that was built or failed; and at the end of a run its sums.
//!
//! Source: OTLP 1.x and its JSON encoding, <https://opentelemetry.io/docs/specs/otlp/>: ids in hex,
//! 64-bit numbers as text. The messages are few, and written here: the SDK would add a dozen crates
//! to say them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tracing::warn;
use uuid::Uuid;

use crate::config::Notices;
use crate::config::notices::{self, TraceParent};
use crate::errors::Kind;
use crate::lake::ledger::Accounting;
use crate::lake::{Partition, TableName};
use crate::observe::delivery::{Counts, Outbox, Post, Recipient};

/// Spans that travel in one request.
const BATCH: usize = 100;

/// Tells OpenTelemetry of one run.
#[derive(Debug)]
pub struct Otlp {
    traces: Option<Outbox>,
    metrics: Option<Outbox>,
    resource: Value,
    run: RunOf,
    trace_id: String,
    /// The span that started the run, where its orchestrator says so.
    parent: Option<TraceParent>,
    span_id: String,
    started_at: DateTime<Utc>,
    spans: Mutex<Vec<Value>>,
    /// Seconds of builds, by table.
    build_seconds: Mutex<BTreeMap<TableName, f64>>,
}

/// What a run is.
#[derive(Debug, Clone)]
pub struct RunOf {
    /// The job.
    pub job: &'static str,
    /// The run's id.
    pub run_id: String,
    /// The run's attempt.
    pub attempt: u32,
    /// Its days, `[from, to)`.
    pub days: String,
}

/// What became of a target.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// It was published, with so many rows and bytes.
    Published {
        /// Rows.
        row_count: u64,
        /// Bytes.
        byte_count: u64,
        /// Whether it has other bytes than before.
        is_changed: bool,
    },
    /// It failed.
    Failed(Kind),
}

/// A run's sums.
#[derive(Debug)]
pub struct Sums<'a> {
    /// Targets by what became of them.
    pub targets: [(&'static str, u64); 5],
    /// Rows published, by table.
    pub row_counts: &'a BTreeMap<TableName, u64>,
    /// Where the rows of the exports went, by source.
    pub accounting: &'a BTreeMap<String, Accounting>,
    /// The kind of failure that decided the run's exit code; none where all went well.
    pub failure: Option<Kind>,
}

impl Otlp {
    /// Begins to tell of a run, where the settings say to whom. It needs the runtime it is made in.
    pub fn open(notices: &Notices, run: RunOf) -> Option<Arc<Otlp>> {
        let asked = notices.otlp.as_ref()?;
        let outbox = |signal: Option<&notices::Signal>| -> Option<Outbox> {
            match post(signal?, notices.timeout) {
                Ok(post) => Some(Outbox::open(Recipient::Post(post))),
                Err(what) => {
                    warn!("failed to set OpenTelemetry up, nothing is sent: {what}");
                    None
                }
            }
        };
        let (traces, metrics) = (outbox(asked.traces.as_ref()), outbox(asked.metrics.as_ref()));
        if traces.is_none() && metrics.is_none() {
            return None;
        }
        let parent = asked.parent.clone();
        let of_parent = parent.as_ref().map(|parent| parent.trace_id.clone());
        Some(Arc::new(Otlp {
            traces,
            metrics,
            resource: resource(asked),
            run,
            trace_id: of_parent.unwrap_or_else(|| Uuid::new_v4().simple().to_string()),
            parent,
            span_id: span_id(),
            started_at: Utc::now(),
            spans: Mutex::default(),
            build_seconds: Mutex::default(),
        }))
    }

    /// Tells of a target that is done.
    pub fn target(&self, partition: &Partition, started_at: DateTime<Utc>, fate: Fate) {
        let ended_at = Utc::now();
        let Partition { table, dt } = partition;
        let mut attributes =
            vec![text("rapport.table", table.to_string()), text("rapport.dt", dt.to_string())];
        match fate {
            Fate::Published { row_count, byte_count, is_changed } => {
                attributes.push(whole("rapport.row_count", row_count));
                attributes.push(whole("rapport.byte_count", byte_count));
                let outcome = if is_changed { "built" } else { "unchanged" };
                attributes.push(text("rapport.outcome", outcome));
                let taken = ended_at.signed_duration_since(started_at).as_seconds_f64();
                let mut seconds = self.build_seconds.lock().unwrap_or_else(PoisonError::into_inner);
                *seconds.entry(table.clone()).or_default() += taken;
            }
            Fate::Failed(kind) => attributes.push(text("error.type", kind.name())),
        }
        let kind = match fate {
            Fate::Published { .. } => None,
            Fate::Failed(kind) => Some(kind),
        };
        let name = format!("build {table}");
        let below = Some(self.span_id.clone());
        let span = self.span(&span_id(), below, &name, started_at, ended_at, attributes, kind);
        let full = {
            let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.push(span);
            (spans.len() >= BATCH).then(|| std::mem::take(&mut *spans))
        };
        if let Some(spans) = full {
            self.put_spans(spans);
        }
    }

    /// Tells how the run ended, waits until all is delivered, no longer than `limit`, and tells how
    /// much was.
    pub async fn close(&self, sums: &Sums<'_>, limit: Duration) -> Counts {
        let ended_at = Utc::now();
        let RunOf { job, run_id, attempt, days } = &self.run;
        let attributes = vec![
            text("rapport.run_id", run_id.clone()),
            text("rapport.days", days.clone()),
            whole("rapport.attempt", u64::from(*attempt)),
            whole("rapport.exit_code", u64::from(sums.failure.map_or(0, Kind::exit_code))),
        ];
        let above = self.parent.as_ref().map(|parent| parent.span_id.clone());
        let (id, started_at) = (&self.span_id, self.started_at);
        let span = self.span(id, above, job, started_at, ended_at, attributes, sums.failure);
        let mut spans =
            std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner));
        spans.push(span);
        self.put_spans(spans);
        if let Some(metrics) = &self.metrics {
            metrics.put(self.sums(sums, ended_at).to_string());
        }
        let closed = [&self.traces, &self.metrics].into_iter().flatten();
        let counts = futures::future::join_all(closed.map(|outbox| outbox.close(limit))).await;
        counts.into_iter().fold(Counts::default(), Counts::plus)
    }

    fn put_spans(&self, spans: Vec<Value>) {
        let Some(traces) = &self.traces else { return };
        let request = json!({ "resourceSpans": [{
            "resource": self.resource,
            "scopeSpans": [{ "scope": scope(), "spans": spans }],
        }] });
        traces.put(request.to_string());
    }

    #[allow(clippy::too_many_arguments)]
    fn span(
        &self,
        id: &str,
        parent_id: Option<String>,
        name: &str,
        started_at: DateTime<Utc>,
        ended_at: DateTime<Utc>,
        attributes: Vec<Value>,
        failure: Option<Kind>,
    ) -> Value {
        const INTERNAL: u8 = 1;
        const OK: u8 = 1;
        const ERROR: u8 = 2;
        let mut span = json!({
            "traceId": self.trace_id,
            "spanId": id,
            "name": name,
            "kind": INTERNAL,
            "startTimeUnixNano": nanoseconds(started_at),
            "endTimeUnixNano": nanoseconds(ended_at),
            "attributes": attributes,
            "status": match failure {
                None => json!({ "code": OK }),
                Some(kind) => json!({ "code": ERROR, "message": kind.name() }),
            },
        });
        if let Some(parent_id) = parent_id {
            span["parentSpanId"] = parent_id.into();
        }
        span
    }

    /// The run's sums as metrics. The run is no attribute of theirs: each would be a series of its
    /// own.
    fn sums(&self, sums: &Sums<'_>, at: DateTime<Utc>) -> Value {
        let point = |value: Value, more: Vec<Value>| {
            let own = text("rapport.job", self.run.job);
            let attributes: Vec<Value> = std::iter::once(own).chain(more).collect();
            let mut point = json!({
                "startTimeUnixNano": nanoseconds(self.started_at),
                "timeUnixNano": nanoseconds(at),
                "attributes": attributes,
            });
            if let (Value::Object(point), Value::Object(value)) = (&mut point, value) {
                point.extend(value);
            }
            point
        };
        let count = |count: u64| json!({ "asInt": count.to_string() });
        let seconds = |seconds: f64| json!({ "asDouble": seconds });
        let targets = sums.targets.iter();
        let targets = targets.map(|(outcome, number)| {
            point(count(*number), vec![text("rapport.outcome", *outcome)])
        });
        let rows = sums.row_counts.iter();
        let rows = rows.map(|(table, number)| {
            point(count(*number), vec![text("rapport.table", table.to_string())])
        });
        let export_rows = sums.accounting.iter().flat_map(|(source, accounting)| {
            let fates = [
                ("accepted", accounting.accepted_row_count),
                ("quarantined", accounting.quarantined_row_count),
                ("duplicate", accounting.duplicate_row_count),
            ];
            fates.map(|(fate, number)| (source, fate, number))
        });
        let export_rows = export_rows.map(|(source, fate, number)| {
            let attributes =
                vec![text("rapport.source", source.clone()), text("rapport.fate", fate)];
            point(count(number), attributes)
        });
        let taken = self.build_seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.iter().map(|(table, taken)| {
            point(seconds(*taken), vec![text("rapport.table", table.to_string())])
        });
        let elapsed = at.signed_duration_since(self.started_at).as_seconds_f64();
        let exit_code = u64::from(sums.failure.map_or(0, Kind::exit_code));
        let run = point(seconds(elapsed), vec![whole("rapport.exit_code", exit_code)]);
        let metrics = [
            sum("rapport.targets", "{target}", "Partitions, by what became of them.", targets),
            sum("rapport.rows", "{row}", "Rows published, by table.", rows),
            sum(
                "rapport.export.rows",
                "{row}",
                "Rows of exports, by where they went.",
                export_rows,
            ),
            sum("rapport.build.duration", "s", "Time spent on builds, by table.", taken),
            json!({
                "name": "rapport.run.duration",
                "unit": "s",
                "description": "How long the run took.",
                "gauge": { "dataPoints": [run] },
            }),
        ];
        json!({ "resourceMetrics": [{
            "resource": self.resource,
            "scopeMetrics": [{ "scope": scope(), "metrics": metrics }],
        }] })
    }
}

/// A sum that begins anew with every process.
fn sum(name: &str, unit: &str, description: &str, points: impl Iterator<Item = Value>) -> Value {
    const CUMULATIVE: u8 = 2;
    json!({
        "name": name,
        "unit": unit,
        "description": description,
        "sum": {
            "aggregationTemporality": CUMULATIVE,
            "isMonotonic": true,
            "dataPoints": points.collect::<Vec<Value>>(),
        },
    })
}

fn post(signal: &notices::Signal, timeout: Duration) -> Result<Post, String> {
    let mut post = Post::new(signal.url.clone(), timeout)?;
    for (name, value) in &signal.headers {
        post = post.with_header(name, value)?;
    }
    Ok(post)
}

fn resource(asked: &notices::Otlp) -> Value {
    let given = asked.attributes.iter().map(|(name, value)| text(name, value.clone()));
    let own = [
        text("service.name", asked.service_name.clone()),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    json!({ "attributes": own.into_iter().chain(given).collect::<Vec<Value>>() })
}

fn scope() -> Value {
    json!({ "name": "rapport", "version": env!("CARGO_PKG_VERSION") })
}

fn text(name: &str, value: impl Into<String>) -> Value {
    json!({ "key": name, "value": { "stringValue": value.into() } })
}

fn whole(name: &str, value: u64) -> Value {
    json!({ "key": name, "value": { "intValue": value.to_string() } })
}

fn span_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(16);
    id
}

fn nanoseconds(at: DateTime<Utc>) -> String {
    at.timestamp_nanos_opt().unwrap_or_default().to_string()
}
