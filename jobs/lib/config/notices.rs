//! Whom a run tells what it does, beside its logs: OpenLineage, a webhook, OpenTelemetry.
//!
//! The names that their own tools use in the environment are known too (`OPENLINEAGE_URL`,
//! `OTEL_EXPORTER_OTLP_ENDPOINT` …). Keys to them come from the environment alone.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::reading::Reader;
use crate::config::yaml::Spanned;
use crate::errors::Result;

/// Whom a run tells what it does.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    /// Where OpenLineage events go; none: nowhere.
    pub openlineage: Option<OpenLineage>,
    /// Where traces and metrics go; none: nowhere.
    pub otlp: Option<Otlp>,
    /// What is called when a run fails; none: nothing.
    pub webhook: Option<Webhook>,
    /// How long one notice may take.
    pub timeout: Duration,
}

/// Where OpenLineage events go, and under which name.
#[derive(Debug, Clone)]
pub struct OpenLineage {
    /// Where to.
    pub transport: Transport,
    /// The namespace of the jobs.
    pub namespace: String,
    /// The run that started this one, where its orchestrator says so.
    pub parent: Option<Parent>,
}

/// How OpenLineage events travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Posted to this URL, with this key.
    Http(Url, Option<Secret>),
    /// Written to this file, a line an event.
    File(PathBuf),
}

/// A run of another job that started this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The namespace of its job.
    pub namespace: String,
    /// Its job.
    pub job: String,
    /// The run.
    pub run_id: uuid::Uuid,
}

/// Where traces and metrics go, and under which name.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// Where traces go; none: nowhere.
    pub traces: Option<Signal>,
    /// Where metrics go; none: nowhere.
    pub metrics: Option<Signal>,
    /// The name of the service that is told of.
    pub service_name: String,
    /// What else is told of it.
    pub attributes: Vec<(String, String)>,
    /// The span that started this run, where its orchestrator says so.
    pub parent: Option<TraceParent>,
}

/// Where a signal of OpenTelemetry's goes.
#[derive(Debug, Clone)]
pub struct Signal {
    /// Posted to this URL, as it is.
    pub url: Url,
    /// Headers of every request.
    pub headers: Vec<(String, Secret)>,
}

/// A span of another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    /// Its trace, 32 hex digits.
    pub trace_id: String,
    /// The span, 16 hex digits.
    pub span_id: String,
}

/// What is called when a run fails.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The URL, often a secret itself.
    pub url: Url,
    /// The text for people, with placeholders such as `{job}`.
    pub text: String,
    /// Where to look for more, with the same placeholders.
    pub link: Option<String>,
}

/// A text that nobody may read.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// The placeholders of a webhook's texts.
pub const PLACEHOLDERS: [&str; 8] =
    ["attempt", "days", "exit_code", "failures", "job", "kind", "run_id", "tables"];

const TEXT: &str = "Rapport: {job} of {days} failed with exit code {exit_code} ({kind}): \
                    {failures}. Run {run_id}, attempt {attempt}";

/// The keys as written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub openlineage_url: Option<Spanned<String>>,
    pub openlineage_endpoint: Option<Spanned<String>>,
    pub openlineage_file: Option<Spanned<String>>,
    pub openlineage_namespace: Option<Spanned<String>>,
    pub otlp_endpoint: Option<Spanned<String>>,
    pub otlp_traces_endpoint: Option<Spanned<String>>,
    pub otlp_metrics_endpoint: Option<Spanned<String>>,
    pub webhook_url: Option<Spanned<String>>,
    pub webhook_text: Option<Spanned<String>>,
    pub webhook_link: Option<Spanned<String>>,
    pub notice_timeout_seconds: Option<Spanned<String>>,
}

impl Notices {
    /// Reads the keys; all of them, so that all are told.
    pub(super) fn read<V: Fn(&str) -> Option<String>>(
        reader: &mut Reader<V>,
        written: Written,
    ) -> Result<Notices> {
        let openlineage = openlineage(reader, &written);
        let otlp = otlp(reader, &written);
        let webhook = webhook(reader, &written);
        let timeout =
            reader.parsed("notice_timeout_seconds", written.notice_timeout_seconds, "5", |text| {
                match text.parse::<u64>() {
                    Ok(seconds @ 1..=60) => Ok(Duration::from_secs(seconds)),
                    _ => Err(format!("`{text}` is not a wait for a notice, expected 1 to 60 s")),
                }
            });
        let (openlineage, otlp, webhook) = (openlineage?, otlp?, webhook?);
        Ok(Notices { openlineage, otlp, webhook, timeout: timeout? })
    }
}

fn openlineage<V: Fn(&str) -> Option<String>>(
    reader: &mut Reader<V>,
    written: &Written,
) -> Result<Option<OpenLineage>> {
    let Written { openlineage_url, openlineage_endpoint, openlineage_file, .. } = written;
    let url = url(reader, "openlineage_url", "OPENLINEAGE_URL", openlineage_url.as_ref())?;
    let endpoint = reader.text_or(
        "openlineage_endpoint",
        "OPENLINEAGE_ENDPOINT",
        openlineage_endpoint.clone(),
        Some("api/v1/lineage"),
    );
    let file = reader.text("openlineage_file", openlineage_file.clone(), None);
    let file = file.map(|text| reader.resolved(&text));
    let namespace = reader.text_or(
        "openlineage_namespace",
        "OPENLINEAGE_NAMESPACE",
        written.openlineage_namespace.clone(),
        Some("rapport"),
    );
    let is_off = (reader.variable)("OPENLINEAGE_DISABLED");
    if is_off.is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let transport = match (url, file) {
        (None, None) => return Ok(None),
        (None, Some(file)) => Transport::File(file),
        (Some(url), None) => Transport::Http(
            below(&url, &endpoint.unwrap_or_default()),
            (reader.variable)("OPENLINEAGE_API_KEY").map(Secret),
        ),
        (Some(_), Some(_)) => {
            let what = "both `openlineage_url` and `openlineage_file` are set, expected one";
            return Err(reader.mistake("openlineage_file", openlineage_file.as_ref(), what));
        }
    };
    let parent = (reader.variable)("OPENLINEAGE_PARENT_ID");
    let parent = parent.as_deref().and_then(Parent::parse);
    Ok(Some(OpenLineage { transport, namespace: namespace.unwrap_or_default(), parent }))
}

impl Parent {
    /// Reads `namespace/job/run id`, of which only the namespace may have a `/`. What does not read
    /// so comes from another tool, and must not end a job.
    fn parse(text: &str) -> Option<Parent> {
        let (rest, run_id) = text.rsplit_once('/')?;
        let (namespace, job) = rest.rsplit_once('/')?;
        let run_id = uuid::Uuid::parse_str(run_id).ok()?;
        Some(Parent { namespace: namespace.to_string(), job: job.to_string(), run_id })
    }
}

/// Source: OpenTelemetry's specification of its exporters, "Configuration Options" and "Endpoint URLs
/// for OTLP/HTTP": what is said of a signal goes before what is said of all; the URL of a signal is
/// taken as it is, and that of all is the one below which theirs lie.
fn otlp<V: Fn(&str) -> Option<String>>(
    reader: &mut Reader<V>,
    written: &Written,
) -> Result<Option<Otlp>> {
    let foreign = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let base = url(reader, "otlp_endpoint", foreign, written.otlp_endpoint.as_ref());
    let foreign = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let traces =
        url(reader, "otlp_traces_endpoint", foreign, written.otlp_traces_endpoint.as_ref());
    let foreign = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    let metrics =
        url(reader, "otlp_metrics_endpoint", foreign, written.otlp_metrics_endpoint.as_ref());
    let (base, traces, metrics) = (base?, traces?, metrics?);
    let variable = |name: &str| (reader.variable)(name).unwrap_or_default();
    if variable("OTEL_SDK_DISABLED").trim().eq_ignore_ascii_case("true") {
        return Ok(None);
    }
    let signal = |name: &str, own: Option<Url>| -> Option<Signal> {
        let upper = name.to_uppercase();
        if variable(&format!("OTEL_{upper}_EXPORTER")).trim() == "none" {
            return None;
        }
        let url = own.or_else(|| base.as_ref().map(|base| below(base, &format!("v1/{name}"))))?;
        let own_headers = variable(&format!("OTEL_EXPORTER_OTLP_{upper}_HEADERS"));
        let headers = match own_headers.is_empty() {
            true => variable("OTEL_EXPORTER_OTLP_HEADERS"),
            false => own_headers,
        };
        let headers = pairs(&headers).into_iter();
        Some(Signal { url, headers: headers.map(|(name, value)| (name, Secret(value))).collect() })
    };
    let (traces, metrics) = (signal("traces", traces), signal("metrics", metrics));
    if traces.is_none() && metrics.is_none() {
        return Ok(None);
    }
    let service_name = variable("OTEL_SERVICE_NAME");
    Ok(Some(Otlp {
        traces,
        metrics,
        service_name: if service_name.is_empty() { "rapport".to_string() } else { service_name },
        attributes: pairs(&variable("OTEL_RESOURCE_ATTRIBUTES")),
        parent: TraceParent::parse(&variable("TRACEPARENT")),
    }))
}

/// Reads the key of a URL that may have a password.
fn url<V: Fn(&str) -> Option<String>>(
    reader: &mut Reader<V>,
    key: &str,
    foreign: &str,
    written: Option<&Spanned<String>>,
) -> Result<Option<Url>> {
    let url = reader.text_or(key, foreign, written.cloned(), None);
    let url = url.map(|text| parse_url(&text));
    if let Some(Ok(url)) = &url {
        reader.show(without_password(url));
    }
    url.transpose().map_err(|what| reader.mistake(key, written, &what))
}

/// The URL of `path` below another.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    url
}

/// Reads `name=value,name=value`, the values percent-encoded, as OpenTelemetry's variables have it.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| {
        // A form's decoder takes `+` for a space; here it is one of its own.
        let value = value.trim().replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(format!("v={value}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned());
        (name.trim().to_string(), decoded.unwrap_or_default())
    });
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

impl TraceParent {
    /// Reads a `traceparent` of W3C's trace context: `00-<trace>-<span>-<flags>`. What does not read
    /// so comes from another tool, and must not end a job.
    fn parse(text: &str) -> Option<TraceParent> {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [_, trace_id, span_id, _] = parts.as_slice() else { return None };
        let is_id = |id: &str, length: usize| {
            let is_hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            id.len() == length && is_hex && id.bytes().any(|byte| byte != b'0')
        };
        let is_one = is_id(trace_id, 32) && is_id(span_id, 16);
        let (trace_id, span_id) = (trace_id.to_string(), span_id.to_string());
        is_one.then_some(TraceParent { trace_id, span_id })
    }
}

fn webhook<V: Fn(&str) -> Option<String>>(
    reader: &mut Reader<V>,
    written: &Written,
) -> Result<Option<Webhook>> {
    let url = reader.text("webhook_url", written.webhook_url.clone(), None);
    let url = url.map(|text| parse_url(&text));
    if let Some(url) = &url {
        // The path of a chat's webhook is a secret.
        reader.show(match url {
            Ok(url) => format!("{}://{}/***", url.scheme(), url.host_str().unwrap_or_default()),
            Err(_) => "***".to_string(),
        });
    }
    let wrong = |what: String| reader.mistake("webhook_url", written.webhook_url.as_ref(), &what);
    let url = url.transpose().map_err(wrong)?;
    let text = reader.text("webhook_text", written.webhook_text.clone(), Some(TEXT));
    let text = text.unwrap_or_default();
    placeholders(&text)
        .map_err(|what| reader.mistake("webhook_text", written.webhook_text.as_ref(), &what))?;
    let link = reader.text("webhook_link", written.webhook_link.clone(), None);
    placeholders(link.as_deref().unwrap_or_default())
        .map_err(|what| reader.mistake("webhook_link", written.webhook_link.as_ref(), &what))?;
    Ok(url.map(|url| Webhook { url, text, link }))
}

/// Refuses placeholders that nothing fills.
fn placeholders(text: &str) -> Result<(), String> {
    for part in text.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else {
            return Err(format!("a `{{` is never closed in `{text}`"));
        };
        if !PLACEHOLDERS.contains(&name) {
            let hint = crate::errors::did_you_mean(name, PLACEHOLDERS);
            return Err(format!("unknown placeholder `{{{name}}}`{hint}"));
        }
    }
    Ok(())
}

/// A URL of the web. What is wrong with another is told without it: it may hold a secret.
fn parse_url(text: &str) -> Result<Url, String> {
    let expected = "expected a URL such as https://host/path";
    let url = Url::parse(text).map_err(|error| format!("this is no URL ({error}), {expected}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(format!("this is a URL of `{scheme}`, {expected}")),
    }
}

fn without_password(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        let _ = url.set_password(Some("***"));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn read(lines: &str, variables: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sql")).unwrap();
        let path = folder.path().join("rapport.yaml");
        let text = format!("landing: in\nwarehouse: out\nsources: [sql]\nmodels: [sql]\n{lines}");
        std::fs::write(&path, text).unwrap();
        let known = |name: &str| {
            variables.iter().find(|known| known.0 == name).map(|known| known.1.to_string())
        };
        let names: Vec<String> = variables.iter().map(|known| known.0.to_string()).collect();
        Settings::read_with(&path, known, names.into_iter())
    }

    fn shown(settings: &Settings, key: &str) -> String {
        let found = settings.effective.iter().find(|effective| effective.key == key).unwrap();
        format!(
            "{} ({})",
            found.value.as_deref().unwrap_or("unset"),
            found.origin.rsplit('/').next().unwrap()
        )
    }

    #[test]
    fn nobody_is_told_unless_the_settings_or_the_tools_own_variables_say_so() {
        let silent = read("", &[]).unwrap().notices;
        assert!(silent.openlineage.is_none() && silent.webhook.is_none());
        assert_eq!(silent.timeout, Duration::from_secs(5));

        let variables = [
            ("OPENLINEAGE_URL", "http://marquez:5000/base/"),
            ("OPENLINEAGE_API_KEY", "4711"),
            ("OPENLINEAGE_PARENT_ID", "flow/a/daily.build/0190c3a0-0000-7000-8000-000000000001"),
        ];
        let settings = read("openlineage_url: http://other\n", &variables).unwrap();
        let lineage = settings.notices.openlineage.clone().unwrap();
        let Transport::Http(url, Some(Secret(key))) = lineage.transport else { panic!("http") };
        assert_eq!(url.as_str(), "http://marquez:5000/base/api/v1/lineage");
        assert_eq!(key, "4711");
        let parent = lineage.parent.unwrap();
        assert_eq!((&*parent.namespace, &*parent.job), ("flow/a", "daily.build"));
        let told = "http://marquez:5000/base/ (environment variable OPENLINEAGE_URL)";
        assert_eq!(shown(&settings, "openlineage_url"), told);
        assert!(!format!("{settings:?}").contains("4711"));

        let ours = [variables[0], ("RAPPORT_OPENLINEAGE_URL", "http://ours")];
        let lineage = read("", &ours).unwrap().notices.openlineage.unwrap();
        assert!(
            matches!(lineage.transport, Transport::Http(url, None) if url.host_str() == Some("ours"))
        );
        let off = [variables[0], ("OPENLINEAGE_DISABLED", "true")];
        assert!(read("", &off).unwrap().notices.openlineage.is_none());
        let broken = [variables[0], ("OPENLINEAGE_PARENT_ID", "not/a/uuid")];
        assert!(read("", &broken).unwrap().notices.openlineage.unwrap().parent.is_none());
    }

    fn headers(signal: &Signal) -> Vec<(&str, &str)> {
        signal.headers.iter().map(|(name, Secret(value))| (&**name, &**value)).collect()
    }

    /// As in the specification's examples.
    #[test]
    fn what_is_said_of_a_signal_goes_before_what_is_said_of_all() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/mycollector/");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector.example.com");
        let keys = ("OTEL_EXPORTER_OTLP_HEADERS", "key=all");
        let own_keys = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=own");
        let otlp = |variables: &[(&str, &str)]| read("", variables).unwrap().notices.otlp;
        let both = otlp(&[base, own, keys, own_keys]).unwrap();
        let (traces, metrics) = (both.traces.unwrap(), both.metrics.unwrap());
        assert_eq!(traces.url.as_str(), "http://collector:4318/mycollector/v1/traces");
        assert_eq!(headers(&traces), [("key", "all")]);
        // As it is: without a path of its own that of the root.
        assert_eq!(metrics.url.as_str(), "https://collector.example.com/");
        assert_eq!(headers(&metrics), [("key", "own")]);

        // Nobody is told of what nobody asked for.
        let one = otlp(&[own, keys]).unwrap();
        assert!(one.traces.is_none());
        assert_eq!(headers(&one.metrics.unwrap()), [("key", "all")]);
        assert!(otlp(&[base, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().traces.is_none());
        let none = [base, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
        assert!(otlp(&none).is_none());

        let settings = "otlp_endpoint: http://all\notlp_traces_endpoint: http://own/traces\n";
        let settings = read(settings, &[]).unwrap();
        let told = "http://own/traces (rapport.yaml:6)";
        assert_eq!(shown(&settings, "otlp_traces_endpoint"), told);
        let otlp = settings.notices.otlp.unwrap();
        assert_eq!(otlp.traces.unwrap().url.as_str(), "http://own/traces");
        assert_eq!(otlp.metrics.unwrap().url.as_str(), "http://all/v1/metrics");
    }

    #[test]
    fn opentelemetrys_own_variables_are_known() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let parent = format!("00-{trace}-b7ad6b7169203331-01");
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cr%20t+1, x=y"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod"),
            ("TRACEPARENT", parent.as_str()),
        ];
        let settings = read("", &variables).unwrap();
        let otlp = settings.notices.otlp.clone().unwrap();
        for (signal, path) in [(&otlp.traces, "v1/traces"), (&otlp.metrics, "v1/metrics")] {
            let signal = signal.as_ref().unwrap();
            assert_eq!(signal.url.as_str(), format!("http://collector:4318/{path}"));
            assert_eq!(headers(signal), [("api-key", "s3cr t+1"), ("x", "y")]);
        }
        assert_eq!(otlp.service_name, "rapport");
        let prod = ("deployment.environment".to_string(), "prod".to_string());
        assert_eq!(otlp.attributes, [prod]);
        assert_eq!(otlp.parent.unwrap().trace_id, trace);
        assert!(!format!("{settings:?}").contains("s3cr"));
        let told = "http://collector:4318/ (environment variable OTEL_EXPORTER_OTLP_ENDPOINT)";
        assert_eq!(shown(&settings, "otlp_endpoint").replace("4318 (", "4318/ ("), told);
        let off = [variables[0], ("OTEL_SDK_DISABLED", "true")];
        assert!(read("", &off).unwrap().notices.otlp.is_none());
        let zeros = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        assert_eq!(TraceParent::parse(&zeros), None);
    }

    #[test]
    fn mistakes_have_their_place_and_secrets_are_told_to_nobody() {
        let text =
            "openlineage_file: events.ndjson\nwebhook_url: https://chat.example/T0/B0/s3cret\n";
        let settings = read(text, &[]).unwrap();
        let lineage = settings.notices.openlineage.clone().unwrap();
        assert!(matches!(lineage.transport, Transport::File(path) if path.is_absolute()));
        assert_eq!(shown(&settings, "webhook_url"), "https://chat.example/*** (rapport.yaml:6)");

        let cases = [
            ("webhook_url: ftp://x/s3cret\n", ":5:14: this is a URL of `ftp`, expected"),
            ("webhook_url: s3cret\n", ":5:14: this is no URL"),
            ("webhook_text: '{jop} failed'\n", "unknown placeholder `{jop}`, did you mean `job`?"),
            ("notice_timeout_seconds: 0\n", "`0` is not a wait for a notice"),
            ("openlineage_url: http://a\nopenlineage_file: b\n", "both `openlineage_url` and"),
        ];
        for (lines, expected) in cases {
            let message = read(lines, &[]).unwrap_err().chain();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
