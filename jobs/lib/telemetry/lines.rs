//! How a log line looks: for machines one JSON object, whose top level has the fields of the spans
//! around the event too (`run_id`, `job`, `table`, `dt`); for people a line of text.

use std::fmt;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Log lines of a form.
pub(super) struct Lines<F>(pub F);

/// How a log line looks.
pub(super) trait Form {
    /// Writes the line, with its end.
    fn write(&self, writer: &mut Writer<'_>, told: Told) -> fmt::Result;
}

/// What a log line tells.
pub(super) struct Told {
    level: Level,
    message: Option<String>,
    /// What the event says itself.
    fields: Map<String, Value>,
    /// What the spans around it say.
    around: Map<String, Value>,
}

/// A JSON object a line.
pub(super) struct Json;

/// A line of text: time, level, message, fields. Of the spans it has what tells where the work is,
/// and the run is left out: at a terminal there is one.
pub(super) struct Text {
    /// Whether levels are coloured.
    pub is_coloured: bool,
}

/// The fields of spans that text has too.
const PLACE: [&str; 2] = ["table", "dt"];

impl<S, F> FormatEvent<S, JsonFields> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Form,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let told = Told {
            level: *event.metadata().level(),
            message: said.message,
            fields: said.fields,
            around: of_spans(context),
        };
        self.0.write(&mut writer, told)
    }
}

impl Form for Json {
    fn write(&self, writer: &mut Writer<'_>, told: Told) -> fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".to_string(), now().into());
        line.insert("level".to_string(), told.level.as_str().into());
        if let Some(message) = told.message {
            line.insert("message".to_string(), message.into());
        }
        line.extend(told.around);
        // What the event says itself is nearer.
        line.extend(told.fields);
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl Form for Text {
    fn write(&self, writer: &mut Writer<'_>, told: Told) -> fmt::Result {
        let Told { level, message, fields, around } = told;
        let (colour, end) = match self.is_coloured {
            true => (colour(level), "\u{1b}[0m"),
            false => ("", ""),
        };
        write!(writer, "{} {colour}{level:>5}{end}", now())?;
        if let Some(message) = message {
            write!(writer, " {message}")?;
        }
        // What the event says itself is nearer.
        let nearest = |name| fields.get(name).or_else(|| around.get(name));
        let place = PLACE.iter().filter_map(|name| Some((*name, nearest(*name)?)));
        let others = fields.iter().map(|(name, value)| (name.as_str(), value));
        let others = others.filter(|(name, _)| !PLACE.contains(name));
        for (name, value) in place.chain(others) {
            match value {
                Value::String(text) if text.contains(char::is_whitespace) => {
                    write!(writer, " {name}={text:?}")?;
                }
                Value::String(text) => write!(writer, " {name}={text}")?,
                value => write!(writer, " {name}={value}")?,
            }
        }
        writeln!(writer)
    }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// As terminals colour them everywhere.
fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

/// The fields of the spans around an event, outermost first.
fn of_spans<S>(context: &FmtContext<'_, S, JsonFields>) -> Map<String, Value>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut all = Map::new();
    for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
        if let Ok(Value::Object(fields)) = serde_json::from_str(fields.as_str()) {
            all.extend(fields);
        }
    }
    all
}

/// What an event says: its message, and its fields.
#[derive(Default)]
struct Said {
    message: Option<String>,
    fields: Map<String, Value>,
}

impl Said {
    fn note(&mut self, field: &Field, value: Value) {
        // Where in its code a library that uses another log says it.
        if !field.name().starts_with("log.") {
            self.fields.insert(field.name().to_string(), value);
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = Some(text),
            _ => self.note(field, text.into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = Some(value.to_string()),
            _ => self.note(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.note(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, warn};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Kept;

        fn make_writer(&'a self) -> Kept {
            self.clone()
        }
    }

    fn logged(form: impl Form + Send + Sync + 'static) -> Vec<String> {
        use tracing_subscriber::layer::SubscriberExt as _;
        let kept = Kept::default();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(Lines(form))
            .with_writer(kept.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let run = info_span!("run", run_id = "r 1", attempt = 2_u32).entered();
            info!(count = 3, "started");
            let target = info_span!("target", table = %"raw.sales", dt = %"2024-03-04").entered();
            warn!(dt = "2024-03-05", is_late = true, what = "a \"b\"", "odd");
            drop(target);
            drop(run);
            info!("done");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(ToString::to_string).collect()
    }

    #[test]
    fn a_json_line_has_the_run_and_the_target_and_what_it_says_itself_comes_first() {
        let lines = logged(Json);
        let values: Vec<Value> = lines
            .iter()
            .map(|line| {
                let mut value: Value = serde_json::from_str(line).unwrap();
                let at = value.as_object_mut().unwrap().remove("timestamp").unwrap();
                assert!(chrono::DateTime::parse_from_rfc3339(at.as_str().unwrap()).is_ok());
                value
            })
            .collect();
        let expected = [
            r#"{"level":"INFO","message":"started","run_id":"r 1","attempt":2,"count":3}"#,
            r#"{"level":"WARN","message":"odd","run_id":"r 1","attempt":2,"table":"raw.sales","dt":"2024-03-05","is_late":true,"what":"a \"b\""}"#,
            r#"{"level":"INFO","message":"done"}"#,
        ];
        let expected: Vec<Value> =
            expected.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn a_text_line_has_the_target_and_not_the_run() {
        let lines = logged(Text { is_coloured: false });
        let without_time: Vec<&str> =
            lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
        let expected = [
            " INFO started count=3",
            " WARN odd table=raw.sales dt=2024-03-05 is_late=true what=\"a \\\"b\\\"\"",
            " INFO done",
        ];
        assert_eq!(without_time, expected);
    }
}
