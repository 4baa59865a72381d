//! `rapport plan`: what a run would build and why, of the tables that are asked for; and it writes
//! nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Project, files_below};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

fn built() -> Project {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    project
}

/// The steps of the plan of all days, as `table dt`.
fn steps(project: &Project, arguments: &[&str]) -> Vec<String> {
    let plan = project.plan(&[&DAYS[..], arguments].concat());
    let steps = plan["plan"]["stale"].as_array().unwrap();
    let told = steps.iter().map(|step| {
        format!("{} {}", step["table"].as_str().unwrap(), step["dt"].as_str().unwrap())
    });
    told.collect()
}

/// Every file of the warehouse with its bytes.
fn everything(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(&project.path("warehouse")).into_iter();
    files.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

#[test]
fn what_was_never_built_is_planned_in_order_with_what_goes_in_and_out() {
    let project = Project::small();
    let tables = ["raw.sales", "staging.sales", "marts.customers", "metrics.takings"];
    let days = ["2024-03-04", "2024-03-05", "2024-03-06"];
    let expected: Vec<String> =
        days.iter().flat_map(|day| tables.map(|table| format!("{table} {day}"))).collect();
    assert_eq!(steps(&project, &[]), expected);
    assert!(!project.path("warehouse").exists());

    let plan = project.plan(&DAYS);
    let step = |place: usize| &plan["plan"]["stale"][place];
    assert_eq!(
        step(0)["reasons"],
        json!([
            {"reason": "new"},
            {"reason": "export_new", "what": "sales/2024-03-04.csv"},
        ])
    );
    assert_eq!(
        step(0)["outputs"],
        json!([
            {"table": "raw.sales", "dt": "2024-03-04"},
            {"table": "quarantine.sales", "dt": "2024-03-04"},
        ])
    );
    assert_eq!(step(0)["inputs"], json!([]));
    // The customers of the second day: what was sold, and who was known on the day before.
    let read = |table: &str, from: &str, to: &str| {
        json!({"table": table, "from": from, "to": to, "day_count": 1, "row_count": 0,
            "byte_count": 0})
    };
    assert_eq!(
        step(6)["inputs"],
        json!([
            read("marts.customers", "2024-03-04", "2024-03-05"),
            read("staging.sales", "2024-03-05", "2024-03-06"),
        ])
    );
    assert_eq!(step(6)["expected"], Value::Null);
    assert_eq!((&plan["plan"]["unknown_count"], &plan["pending"]), (&json!(12), &json!([])));
}

#[test]
fn what_is_expected_is_what_was() {
    let project = built();
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    let plan = project.plan(&DAYS);
    let stale = plan["plan"]["stale"].as_array().unwrap();
    let history = project.history();
    let (mut rows, mut bytes, mut milliseconds) = (0, 0, 0);
    for step in stale {
        let entry = history.iter().find(|entry| {
            entry.partition.table.to_string() == step["table"]
                && entry.partition.dt.to_string() == step["dt"]
        });
        let entry = entry.unwrap();
        let expected = json!({
            "row_count": entry.row_count,
            "byte_count": entry.byte_count,
            "duration_ms": entry.duration_ms,
        });
        assert_eq!(step["expected"], expected);
        rows += entry.row_count;
        bytes += entry.byte_count;
        milliseconds += entry.duration_ms;
    }
    let sum = json!({"row_count": rows, "byte_count": bytes, "duration_ms": milliseconds});
    assert_eq!((&plan["plan"]["expected"], &plan["plan"]["unknown_count"]), (&sum, &json!(0)));
    // A day that was never built is expected to be as the others are on average.
    project.write("landing/sales/2024-03-07.csv", project.read("landing/sales/2024-03-06.csv"));
    let plan = project.plan(&["--date", "2024-03-07", "--select", "raw"]);
    // Three rows, two, and one.
    assert_eq!(plan["plan"]["stale"][0]["expected"]["row_count"], 2);
}

#[test]
fn a_plan_writes_nothing_and_shows_what_was_written_anew() {
    let project = built();
    project.edit("sql/metrics/takings.sql", "count(*) as sale_count", "count(1) as sale_count");
    project.edit("sql/marts/customers.yml", "range: {min: 1}", "range: {min: 0}");
    project.edit("sources/sales.yaml", "allowed: [web, store]", "allowed: [web, store, app]");
    let before = everything(&project);
    let plan = project.plan(&DAYS);
    let changes: BTreeMap<&str, &str> = plan["plan"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["file"].as_str().unwrap(), change["diff"].as_str().unwrap()))
        .collect();
    let files: Vec<&&str> = changes.keys().collect();
    assert_eq!(
        files,
        [&"sources/sales.yaml", &"sql/marts/customers.yml", &"sql/metrics/takings.sql"]
    );
    let lines = |file: &str, sign: char| -> Vec<String> {
        let lines = changes[file].lines().filter(|line| line.starts_with(sign));
        lines.map(|line| line[1..].trim().to_string()).collect()
    };
    let takings = "sql/metrics/takings.sql";
    assert_eq!(lines(takings, '-'), ["count(*) as sale_count,"]);
    assert_eq!(lines(takings, '+'), ["count(1) as sale_count,"]);

    let finished = project.run("rapport", &[&["plan"], &DAYS[..]].concat());
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    for expected in [
        "build  raw.sales dt=2024-03-04  changed source",
        "build  marts.customers dt=2024-03-05  changed contract, stale input marts.customers",
        "sql/metrics/takings.sql of metrics.takings changed:\n",
        "+        count(1) as sale_count,\n",
        "[2024-03-04, 2024-03-07): 12 to build, 0 waiting, 0 fresh; expected: ",
    ] {
        assert!(finished.stdout.contains(expected), "{expected}: {}", finished.stdout);
    }
    assert_eq!(everything(&project), before);

    // Changed settings.
    let project = built();
    project.edit("rapport.yaml", "minimum_sale_count: 1", "minimum_sale_count: 9");
    let plan = project.plan(&DAYS);
    let [change] = plan["plan"]["changes"].as_array().unwrap().as_slice() else {
        panic!("{plan}");
    };
    assert_eq!(
        (&change["table"], &change["file"]),
        (&"metrics.takings".into(), &"parameters".into())
    );
    let diff = change["diff"].as_str().unwrap();
    assert!(diff.contains("-minimum_sale_count: 1\n+minimum_sale_count: 9\n"), "{diff}");
}

#[test]
fn a_build_that_failed_its_check_is_planned_with_that_reason() {
    let project = Project::small();
    project.edit("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 4}");
    project.run("daily", &DAYS).expect(10);
    let plan = project.plan(&["--date", "2024-03-04", "--select", "staging.sales"]);
    let reasons = &plan["plan"]["stale"][0]["reasons"];
    assert_eq!(
        reasons.as_array().unwrap().last().unwrap(),
        &json!({"reason": "check_failed", "what": "range-amount"})
    );
    // One that only warns is no reason.
    project.edit("sql/staging/sales.yml", "range: {min: 4}", "range: {min: 4}, severity: warn");
    project.must_run("daily", &DAYS);
    project.edit("sql/staging/sales.yml", "severity: warn", "severity: warn, required: true");
    let plan = project.plan(&["--date", "2024-03-04", "--select", "staging.sales"]);
    let reasons = plan["plan"]["stale"][0]["reasons"].as_array().unwrap();
    assert!(reasons.iter().all(|reason| reason["reason"] != "check_failed"), "{reasons:?}");
}

#[test]
fn what_waits_holds_up_what_reads_it_and_its_own_next_day() {
    let project = Project::small();
    std::fs::remove_file(project.path("landing/sales/2024-03-05.csv")).unwrap();
    assert_eq!(
        steps(&project, &[]),
        [
            "raw.sales 2024-03-04",
            "staging.sales 2024-03-04",
            "marts.customers 2024-03-04",
            "metrics.takings 2024-03-04",
            "raw.sales 2024-03-06",
            "staging.sales 2024-03-06",
        ]
    );
    let plan = project.plan(&DAYS);
    let waiting = plan["plan"]["waiting"].as_array().unwrap();
    let told: Vec<String> = waiting
        .iter()
        .map(|one| {
            let missing = one["missing"][0].as_str().unwrap();
            let table = one["table"].as_str().unwrap();
            format!("{table} {}: {missing}", one["dt"].as_str().unwrap())
        })
        .collect();
    assert!(
        told[0].starts_with("raw.sales 2024-03-05: find exports of source `sales`"),
        "{told:?}"
    );
    assert_eq!(
        told[1..],
        [
            "staging.sales 2024-03-05: raw.sales dt=2024-03-05",
            "marts.customers 2024-03-05: staging.sales dt=2024-03-05",
            "metrics.takings 2024-03-05: marts.customers dt=2024-03-05",
            "marts.customers 2024-03-06: marts.customers dt=2024-03-05",
            "metrics.takings 2024-03-06: marts.customers dt=2024-03-06",
        ]
    );
}

#[test]
fn tables_are_selected_and_what_selects_nothing_ends_with_2() {
    let project = Project::small();
    let day = |tables: &[&str]| -> Vec<String> {
        let arguments = [&["--date", "2024-03-04", "--select"], tables].concat();
        let plan = project.plan(&arguments);
        let all = ["stale", "waiting"].map(|key| plan["plan"][key].as_array().unwrap().clone());
        all.concat().iter().map(|step| step["table"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(day(&["+customers"]), ["raw.sales", "staging.sales", "marts.customers"]);
    assert_eq!(day(&["raw", "takings"]), ["raw.sales", "metrics.takings"]);
    assert_eq!(
        day(&["+takings,staging+"]),
        ["staging.sales", "marts.customers", "metrics.takings"]
    );
    for (tables, expected) in [
        ("takngs", "did you mean `takings`?"),
        ("marts.takings", "did you mean `metrics.takings`?"),
        ("zone:stagin", "did you mean `staging`?"),
        ("tag:nightly", "no table has the tag `nightly`"),
        ("marts,metrics", "no table is selected by all of it"),
        ("m?rt.*", "no table's name is like it"),
    ] {
        let finished =
            project.run("rapport", &["plan", "--date", "2024-03-04", "--select", tables]);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{tables}: {}", finished.stderr);
    }
}
