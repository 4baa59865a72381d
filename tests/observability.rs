//! What a run tells others while it works: log lines, OpenLineage events, the webhook of a failure.
//! And what it never tells anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rapport::config::Settings;
use rapport::models::{Catalogue, Recipe};
use serde_json::{Value, json};

use crate::harness::{Finished, Project, files_below, finish, rows_of, start};
use crate::web_server::{Manner, WebServer, nobody};

const TWO_DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-06"];

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of a kind about a job, in the order in which they were told.
fn of<'a>(events: &'a [Value], kind: &str, job: &str) -> Vec<&'a Value> {
    let is_one =
        |event: &&Value| event["eventType"] == kind && event["job"]["name"].as_str() == Some(job);
    events.iter().filter(is_one).collect()
}

fn run_with(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = project.command("daily", arguments);
    command.envs(variables.iter().copied());
    finish(start(command))
}

#[test]
fn openlineage_tells_runs_tables_columns_and_checks() {
    let project = Project::small();
    let path = project.path("events/told.ndjson");
    let parent = "orchestrator/flow.build/0190c3a0-0000-7000-8000-000000000001";
    let variables =
        [("RAPPORT_OPENLINEAGE_FILE", path.to_str().unwrap()), ("OPENLINEAGE_PARENT_ID", parent)];
    let finished = run_with(&project, &[&TWO_DAYS[..], &["--run-id", "r1"]].concat(), &variables);
    let result = finished.expect(0);
    let told = events(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(result["events"], json!({ "sent_count": told.len(), "lost_count": 0 }));

    // The run of the job, below that of the orchestrator; four tables on two days below it.
    let (starts, ends) = (of(&told, "START", "daily"), of(&told, "COMPLETE", "daily"));
    assert_eq!((starts.len(), ends.len(), told.len()), (1, 1, 2 + 2 * 8));
    assert_eq!(told[0]["run"], starts[0]["run"]);
    let facets = &ends[0]["run"]["facets"];
    assert_eq!(facets["rapport_run"]["runId"], "r1");
    assert_eq!(facets["rapport_run"]["exitCode"], 0);
    assert_eq!(
        facets["parent"]["job"],
        json!({ "namespace": "orchestrator", "name": "flow.build" })
    );
    assert_eq!(facets["nominalTime"]["nominalEndTime"], "2024-03-06T00:00:00.000Z");
    let id = &starts[0]["run"]["runId"];
    for job in ["raw.sales", "staging.sales", "marts.customers", "metrics.takings"] {
        let (starts, ends) = (of(&told, "START", job), of(&told, "COMPLETE", job));
        let ids = |events: &[&Value]| -> BTreeSet<String> {
            events.iter().map(|event| event["run"]["runId"].to_string()).collect()
        };
        assert_eq!((starts.len(), ends.len(), ids(&starts)), (2, 2, ids(&ends)), "{job}");
        for event in starts {
            let parent = &event["run"]["facets"]["parent"];
            assert_eq!(&parent["run"]["runId"], id, "{job}");
            assert_eq!(parent["root"]["job"]["name"], "flow.build", "{job}");
        }
    }

    // A table: how many rows of which day, from what.
    let second = of(&told, "COMPLETE", "metrics.takings")[1];
    let warehouse = project.path("warehouse");
    let named = |table: &str| json!({ "namespace": "file", "name": format!("{}/{table}", warehouse.display()) });
    let name_of =
        |dataset: &Value| json!({ "namespace": dataset["namespace"], "name": dataset["name"] });
    let output = &second["outputs"][0];
    assert_eq!(name_of(output), named("metrics/takings"));
    let rows = rows_of(&warehouse.join("metrics/takings/dt=2024-03-05/data.parquet"));
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], rows.len());
    let day =
        json!({ "type": "partition", "partitions": [{ "dimensions": { "dt": "2024-03-05" } }] });
    assert_eq!(output["outputFacets"]["subset"]["outputCondition"], day);
    let inputs: Vec<Value> = second["inputs"].as_array().unwrap().iter().map(name_of).collect();
    assert_eq!(inputs, [named("marts/customers"), named("staging/sales")]);
    let fields = output["facets"]["schema"]["fields"].as_array().unwrap();
    let amount = fields.iter().find(|field| field["name"] == "amount").unwrap();
    assert_eq!(
        (&amount["type"], &amount["description"]),
        (&json!("decimal(18,2)"), &json!("Taken."))
    );

    // Its columns: by what the SQL says.
    let lineage = &output["facets"]["columnLineage"];
    let sources = |inputs: &Value| -> BTreeMap<String, String> {
        let inputs = inputs.as_array().unwrap().iter().map(|input| {
            let table = input["name"].as_str().unwrap().rsplit('/').next().unwrap();
            let how = input["transformations"].as_array().unwrap().iter();
            let how: Vec<&str> = how.map(|one| one["subtype"].as_str().unwrap()).collect();
            (format!("{table}.{}", input["field"].as_str().unwrap()), how.join("+"))
        });
        inputs.collect()
    };
    let made_of = |column: &str| sources(&lineage["fields"][column]["inputFields"]);
    let as_map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(column, how)| (column.to_string(), how.to_string())).collect()
    };
    assert_eq!(made_of("channel"), as_map(&[("sales.channel", "IDENTITY")]));
    assert_eq!(made_of("amount"), as_map(&[("sales.amount", "AGGREGATION")]));
    let deciding = sources(&lineage["dataset"]);
    assert_eq!(deciding["sales.dt"], "FILTER");
    assert_eq!(deciding["customers.dt"], "FILTER");
    assert!(deciding["sales.channel"].contains("GROUP_BY"), "{deciding:?}");

    // Its checks, all of them, and what was counted.
    let customers = of(&told, "COMPLETE", "marts.customers")[0];
    let facets = &customers["outputs"][0]["facets"];
    let asserted: Vec<String> = facets["dataQualityAssertions"]["assertions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["success"]))
        .collect();
    let expected = [
        "unique(customer_email) true",
        "ordered(customer_email) true",
        "required(customer_email) true",
        "required(sale_count) true",
        "required(spent_amount) true",
        "range(sale_count) true",
        "nobody_spends_less_than_nothing true",
    ];
    assert_eq!(asserted, expected);
    let email = &facets["dataQualityMetrics"]["columnMetrics"]["customer_email"];
    assert_eq!(email["nullCount"], 0);

    // Exports: which files, and how many rows.
    let raw = of(&told, "COMPLETE", "raw.sales")[0];
    let exports = &raw["inputs"][0];
    let landing = project.path("landing");
    assert_eq!(exports["name"], format!("{}/sales/{{dt}}*.csv", landing.display()));
    let files = json!([format!("file://{}/sales/2024-03-04.csv", landing.display())]);
    assert_eq!(exports["inputFacets"]["subset"]["inputCondition"]["locations"], files);
    let written: Vec<&Value> =
        raw["outputs"].as_array().unwrap().iter().map(|output| &output["name"]).collect();
    assert_eq!(written, [&named("raw/sales")["name"], &named("quarantine/sales")["name"]]);

    // A run that has nothing to build tells of itself alone.
    std::fs::remove_file(&path).unwrap();
    run_with(&project, &TWO_DAYS, &variables).expect(0);
    assert_eq!(events(&std::fs::read_to_string(&path).unwrap()).len(), 2);
}

#[test]
fn a_failure_is_told_by_event_and_webhook_and_changes_nothing_else() {
    let lineage = WebServer::start(Manner::Status(201, "made"));
    let chat = WebServer::start(Manner::Status(200, "ok"));
    let project = Project::small();
    project.edit(
        "sql/marts/customers.yml",
        "select * from this where spent_amount < 0",
        "select * from this where spent_amount >= 0",
    );
    let hook = format!("{}/hooks/s3cret", chat.url());
    let text = "webhook_link: https://flows.example/{run_id}\n\
                webhook_text: '{job} {days}: {kind} ({exit_code}) of {failures}'\n";
    let settings = project.read("rapport.yaml");
    project.write("rapport.yaml", format!("{settings}{text}"));
    let url = lineage.url();
    let variables = [
        ("OPENLINEAGE_URL", url.as_str()),
        ("OPENLINEAGE_API_KEY", "k3y"),
        ("RAPPORT_WEBHOOK_URL", hook.as_str()),
    ];
    let day = ["--date", "2024-03-04", "--run-id", "r7", "--attempt", "2"];
    let finished = run_with(&project, &day, &variables);
    finished.expect(10);

    let requests = lineage.whole_requests();
    assert!(requests.iter().all(|one| one.line() == "POST /api/v1/lineage"), "{requests:?}");
    assert!(
        requests.iter().all(|one| one.head.to_lowercase().contains("authorization: bearer k3y"))
    );
    let told: Vec<Value> =
        requests.iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
    let failed = of(&told, "FAIL", "marts.customers")[0];
    let facets = &failed["run"]["facets"];
    let message = facets["errorMessage"]["message"].as_str().unwrap();
    assert!(message.contains("nobody_spends_less_than_nothing"), "{message}");
    let tests = facets["test"]["tests"].as_array().unwrap();
    let broken: Vec<&Value> = tests.iter().filter(|test| test["status"] == "fail").collect();
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0]["name"], "nobody_spends_less_than_nothing");
    let of_run = &of(&told, "FAIL", "daily")[0]["run"]["facets"]["rapport_run"];
    assert_eq!((&of_run["exitCode"], &of_run["kind"]), (&json!(10), &json!("check_failed")));
    // What reads it was held back, and never begun.
    assert!(!told.iter().any(|event| event["job"]["name"] == "metrics.takings"));

    let calls = chat.whole_requests();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line(), "POST /hooks/s3cret");
    let body: Value = serde_json::from_str(&calls[0].body).unwrap();
    let expected = json!({
        "text": "daily [2024-03-04, 2024-03-05): check_failed (10) of marts.customers dt=2024-03-04",
        "job": "daily",
        "run_id": "r7",
        "attempt": 2,
        "days": "[2024-03-04, 2024-03-05)",
        "exit_code": 10,
        "kind": "check_failed",
        "tables": ["marts.customers"],
        "failures": [{
            "source": null,
            "table": "marts.customers",
            "dt": "2024-03-04",
            "kind": "check_failed",
        }],
        "held_back_count": 1,
        "link": "https://flows.example/r7",
    });
    assert_eq!(body, expected);
    let shown = project.command("rapport", &["config"]).envs(variables).output().unwrap();
    let everything = [finished.stderr, String::from_utf8(shown.stdout).unwrap()].concat();
    assert!(everything.contains("webhook_url"), "{everything}");
    assert!(!everything.contains("s3cret") && !everything.contains("k3y"), "{everything}");
}

/// OTLP's JSON encoding: what a collector would read.
#[test]
fn opentelemetry_is_told_times_and_sums() {
    let collector = WebServer::start(Manner::Status(200, "{}"));
    let project = Project::small();
    let url = collector.url();
    let traces_url = format!("{url}/own/traces");
    let (trace, above) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let parent = format!("00-{trace}-{above}-01");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces_url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k3y"),
        ("TRACEPARENT", parent.as_str()),
    ];
    let result = run_with(&project, &TWO_DAYS, &variables).expect(0);
    assert_eq!(result["events"], json!({ "sent_count": 2, "lost_count": 0 }));
    let requests = collector.whole_requests();
    assert!(requests.iter().all(|one| one.head.contains("api-key: k3y")), "{requests:?}");
    let body = |line: &str| -> Value {
        let request = requests.iter().find(|one| one.line() == line).unwrap();
        serde_json::from_str(&request.body).unwrap()
    };
    // Attributes as `key=value`, whatever the type.
    let attributes = |of: &Value| -> BTreeMap<String, String> {
        let attributes = of["attributes"].as_array().unwrap().iter().map(|one| {
            let value = one["value"].as_object().unwrap().values().next().unwrap();
            (one["key"].as_str().unwrap().to_string(), value.as_str().unwrap().to_string())
        });
        attributes.collect()
    };

    let traces = body("POST /own/traces");
    let resource = &traces["resourceSpans"][0]["resource"];
    assert_eq!(attributes(resource)["service.name"], "rapport");
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 1 + 2 * 4);
    let run = spans.iter().find(|span| span["name"] == "daily").unwrap();
    assert_eq!((&run["traceId"], &run["parentSpanId"]), (&json!(trace), &json!(above)));
    let nanoseconds = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    let span_ids: BTreeSet<&str> =
        spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(span_ids.len(), spans.len());
    for span in spans {
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        assert_eq!((&span["traceId"], &span["status"]["code"]), (&json!(trace), &json!(1)));
        let (from, to) =
            (nanoseconds(span, "startTimeUnixNano"), nanoseconds(span, "endTimeUnixNano"));
        assert!(nanoseconds(run, "startTimeUnixNano") <= from && from <= to, "{span}");
        if span["name"] != "daily" {
            assert_eq!(span["parentSpanId"], run["spanId"]);
        }
    }
    let takings = spans.iter().find(|span| {
        let told = attributes(span);
        span["name"] == "build metrics.takings" && told["rapport.dt"] == "2024-03-05"
    });
    let rows = rows_of(&project.path("warehouse/metrics/takings/dt=2024-03-05/data.parquet"));
    assert_eq!(attributes(takings.unwrap())["rapport.row_count"], rows.len().to_string());

    let metrics = body("POST /v1/metrics");
    let metrics = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let points = |name: &str, attribute: &str| -> BTreeMap<String, u64> {
        let metric = metrics.iter().find(|metric| metric["name"] == name).unwrap();
        let points = metric["sum"]["dataPoints"].as_array().unwrap().iter();
        let told = points.map(|point| {
            let value = point["asInt"].as_str().unwrap().parse().unwrap();
            (attributes(point).remove(attribute).unwrap(), value)
        });
        told.collect()
    };
    assert_eq!(points("rapport.targets", "rapport.outcome")["built"], 8);
    let published: BTreeMap<String, u64> =
        serde_json::from_value(result["row_counts"].clone()).unwrap();
    assert_eq!(points("rapport.rows", "rapport.table"), published);
    let of_exports = &result["accounting"]["sales"];
    let by_fate = [
        ("accepted", "accepted_row_count"),
        ("duplicate", "duplicate_row_count"),
        ("quarantined", "quarantined_row_count"),
    ];
    let by_fate =
        by_fate.map(|(fate, count)| (fate.to_string(), of_exports[count].as_u64().unwrap()));
    assert_eq!(points("rapport.export.rows", "rapport.fate"), BTreeMap::from(by_fate));
}

#[test]
fn nobody_who_is_told_can_fail_a_run_or_hold_it_up() {
    let project = Project::small();
    let silent = WebServer::start(Manner::Silence);
    let busy = WebServer::start(Manner::Status(503, "busy"));
    let (silent_url, busy_url, nobody_url) = (silent.url(), busy.url(), nobody());
    let told = |lineage: &str, hook: &str, day: &str| {
        let variables = [
            ("RAPPORT_OPENLINEAGE_URL", lineage),
            ("RAPPORT_OTLP_ENDPOINT", lineage),
            ("RAPPORT_WEBHOOK_URL", hook),
            ("RAPPORT_NOTICE_TIMEOUT_SECONDS", "1"),
        ];
        run_with(&project, &["--date", day], &variables)
    };
    let finished = told(&silent_url, &busy_url, "2024-03-04");
    let result = finished.expect(0);
    assert_eq!(result["events"]["sent_count"], 0);
    // Of OpenLineage two a target and two of the run; a request of traces, and one of metrics.
    assert_eq!(result["events"]["lost_count"], 2 * 4 + 2 + 2);
    assert!(finished.stderr.contains("events were not delivered"), "{}", finished.stderr);
    assert!(finished.took < Duration::from_secs(30), "{:?}", finished.took);
    assert!(busy.requests().is_empty(), "the webhook of a failure was called without one");

    // A day without an export fails, whatever becomes of who is told.
    project.edit("sources/sales.yaml", "load: events", "load: events\nrequired: true");
    for (lineage, hook) in [(&nobody_url, &busy_url), (&busy_url, &nobody_url)] {
        let finished = told(lineage, hook, "2024-03-07");
        finished.expect(12);
        assert!(finished.stderr.contains("failed to call the webhook"), "{}", finished.stderr);
    }
    let calls = busy.requests().iter().filter(|line| *line == "POST /").count();
    assert_eq!(calls, 3, "a webhook that may answer later is called three times");
}

#[test]
fn every_log_line_has_its_run_and_those_of_work_their_table_and_day() {
    let project = Project::small();
    // A table warns, for the lines of those.
    project.edit(
        "sql/staging/sales.yml",
        "columns:",
        "checks:\n  - {name: odd, meaning: m, sql: select * from this, severity: warn}\ncolumns:",
    );
    let mut command = project.command("daily", &TWO_DAYS);
    command.args(["--run-id", "r1", "--log-format", "json"]);
    let finished = finish(start(command));
    let lines = events(&finished.stderr);
    let mut of_work: BTreeMap<String, u64> = BTreeMap::new();
    for line in &lines {
        assert_eq!((&line["run_id"], &line["job"]), (&json!("r1"), &json!("daily")), "{line}");
        let message = line["message"].as_str().unwrap();
        let of_run = ["started", "day done", "done; the tables", "try: duckdb"];
        if !of_run.iter().any(|begin| message.starts_with(begin)) {
            assert!(line["table"].is_string() && line["dt"].is_string(), "{line}");
            *of_work.entry(message.to_string()).or_default() += 1;
        }
    }
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    assert_eq!(of_work["published"], 8, "{of_work:?}");
    assert_eq!(of_work["a check found bad rows"], 2, "{of_work:?}");
}

/// E-mails, phone numbers and names, as the exports have them and as the entities do.
fn personal_values(project: &Project) -> BTreeSet<String> {
    let settings = Settings::read(&project.path("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let told_apart = ["email", "phone", "name"];
    let mut values = BTreeSet::new();
    for model in catalogue.models() {
        let columns: Vec<String> = match (&model.recipe, &model.contract) {
            (Recipe::Export(source), _) => {
                let columns = source.columns.iter();
                let columns =
                    columns.filter(|column| is_one_of(column.personal.as_deref(), &told_apart));
                columns.map(|column| column.name.clone()).collect()
            }
            (_, Some(contract)) if model.name.zone == "staging" => {
                let columns = contract.columns.iter();
                let columns =
                    columns.filter(|column| is_one_of(column.personal.as_deref(), &told_apart));
                columns.map(|column| column.name.value.clone()).collect()
            }
            _ => continue,
        };
        let table = format!("warehouse/{}/{}", model.name.zone, model.name.table);
        for row in files_below(&project.path(&table)).iter().flat_map(|file| rows_of(file)) {
            let texts = columns.iter().filter_map(|column| row[column].as_str());
            values.extend(texts.map(|text| text.trim().to_lowercase()));
        }
    }
    // Shorter ones stand in other words and numbers by chance.
    values.retain(|value| {
        let digits = value.chars().filter(char::is_ascii_digit).count();
        value.contains('@') || digits >= 9 || (digits == 0 && value.chars().count() >= 6)
    });
    values
}

fn is_one_of(kind: Option<&str>, kinds: &[&str]) -> bool {
    kind.is_some_and(|kind| kinds.contains(&kind))
}

/// Whether `value` stands in `text` as a word of its own.
fn stands_in(value: &str, text: &str) -> bool {
    let is_of_a_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    memchr::memmem::find_iter(text.as_bytes(), value.as_bytes()).any(|at| {
        let before = text[..at].chars().next_back();
        let after = text[at + value.len()..].chars().next();
        !is_of_a_word(before) && !is_of_a_word(after)
    })
}

/// The exports' persons are dirty, some exports are broken, a check fails, all is logged that can
/// be: and still nobody's e-mail, phone number or name is told.
#[test]
fn nothing_that_is_written_beside_the_data_holds_anything_of_a_person() {
    let listener = WebServer::start(Manner::Status(200, "ok"));
    let project = Project::local();
    // Who somebody is breaks a check that warns, and one that fails.
    for (table, severity) in [("entities/contacts", "warn"), ("marts/customers", "fail")] {
        let check = format!(
            "\nchecks:\n  - {{name: nobody, meaning: m, sql: select * from this, severity: {severity}}}\n"
        );
        project.edit(&format!("sql/{table}.yml"), "\nchecks:\n", &check);
    }
    let day = ["--date", "2024-03-04"];
    let exports = ["sample-exports", "--out", "exports", "--from", "2024-03-04", "--to"];
    let company = ["2024-03-05", "--customers", "150", "--dirt", "heavy", "--log", "trace"];
    let mut told = String::new();
    let mut note = |finished: Finished| {
        told.push_str(&finished.stdout);
        told.push_str(&finished.stderr);
        finished.exit_code
    };
    note(project.run(exports[0], &[&exports[1..], &company].concat()));
    let events = project.path("events.ndjson");
    let hook = listener.url();
    let mut command = project.command("daily", &day);
    command.args(["--log", "trace", "--result-file", "result.json"]);
    command.env("RAPPORT_OPENLINEAGE_FILE", &events).env("RAPPORT_WEBHOOK_URL", hook);
    let exit_code = note(finish(start(command)));
    assert!([10, 11].contains(&exit_code), "{exit_code}");
    note(project.run("rapport", &["runs", "--json"]));
    note(project.run("rapport", &["quarantine", "list"]));
    note(project.run("rapport", &[&["backfill", "--log", "trace"], &day[..]].concat()));

    let calls = listener.whole_requests();
    assert_eq!(calls.len(), 1);
    told.extend(calls.into_iter().map(|call| call.body));
    told.push_str(&project.read("result.json"));
    told.push_str(&std::fs::read_to_string(&events).unwrap());
    let mut ledger_size = 0;
    for file in project.own_files("") {
        // Rows that broke a check are data, for whoever mends them.
        if file.extension().is_some_and(|ending| ending == "parquet") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let bytes = zstd::decode_all(bytes.as_slice()).unwrap_or(bytes);
        told.push_str(&String::from_utf8_lossy(&bytes));
        told.push_str(&file.to_string_lossy());
        told.push('\n');
        ledger_size += bytes.len();
    }
    assert!(ledger_size > 10_000, "no ledger was read");
    // The project's own texts are its own, also where somebody is called like a word in them.
    let own: String = ["config", "sql"]
        .iter()
        .flat_map(|folder| files_below(&project.path(folder)))
        .map(|file| std::fs::read_to_string(file).unwrap().to_lowercase())
        .collect();

    let told = told.to_lowercase();
    let values = personal_values(&project);
    assert!(values.len() > 300, "too few persons to tell: {}", values.len());
    let found: Vec<&String> =
        values.iter().filter(|value| stands_in(value, &told) && !stands_in(value, &own)).collect();
    assert!(found.is_empty(), "{} of {} values are told: {found:?}", found.len(), values.len());
}
