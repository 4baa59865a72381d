//! The operator's looks at what ran and at what is published: `rapport runs`, `ledger`, `verify`,
//! `vacuum` and `unlock`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::harness::{Finished, Project, files_below, rows_of};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

fn built() -> Project {
    let project = Project::small();
    project.must_run("daily", &[&DAYS[..], &["--run-id", "first"]].concat());
    project
}

fn rapport(project: &Project, arguments: &[&str], exit_code: i32) -> Finished {
    let finished = project.run("rapport", arguments);
    assert_eq!(finished.exit_code, exit_code, "{}\n{}", finished.stdout, finished.stderr);
    finished
}

fn json_of(project: &Project, arguments: &[&str], exit_code: i32) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&rapport(project, &arguments, exit_code).stdout).unwrap()
}

#[test]
fn what_is_published_is_verified_and_whatever_is_not_as_published_is_named() {
    let project = built();
    let found = json_of(&project, &["verify"], 0);
    // Three days of four tables and of quarantine.
    assert_eq!((&found["partition_count"], &found["findings"]), (&json!(15), &json!([])));
    let text = rapport(&project, &["verify"], 0).stdout;
    assert!(text.contains("15 partitions") && text.contains("all as published"), "{text}");

    // Of the same size, so that no listing tells.
    let damaged = "warehouse/marts/customers/dt=2024-03-05/data.parquet";
    let mut bytes = fs::read(project.path(damaged)).unwrap();
    bytes[8] ^= 1;
    project.write(damaged, bytes);
    fs::remove_file(project.path("warehouse/raw/sales/dt=2024-03-04/data.parquet")).unwrap();
    project.write("warehouse/metrics/takings/_SUCCESS", "");
    project.write("warehouse/metrics/takings/dt=2024-03-09/data.parquet", "x");
    let before = files_below(&project.path("warehouse"));
    let found = json_of(&project, &["verify"], 10);
    assert_eq!(
        found["findings"],
        json!([
            {"object": "marts/customers/dt=2024-03-05/data.parquet", "fault": "damaged"},
            {"object": "metrics/takings/_SUCCESS", "fault": "stranger"},
            {"object": "metrics/takings/dt=2024-03-09/data.parquet", "fault": "stranger"},
            {"object": "raw/sales/dt=2024-03-04/data.parquet", "fault": "gone"},
        ])
    );
    assert_eq!(files_below(&project.path("warehouse")), before);
    let told = rapport(&project, &["verify"], 10);
    assert!(told.stdout.contains("delete it, and run its day again"), "{}", told.stdout);
    assert!(told.stderr.contains("4 objects are not as published"), "{}", told.stderr);
    // Only what is asked for is read; strangers are named whatever is asked for.
    let some = ["verify", "--date", "2024-03-06", "--select", "staging", "raw"];
    let found = json_of(&project, &some, 10);
    assert_eq!(found["partition_count"], 3);
    assert_eq!(found["findings"].as_array().unwrap().len(), 2);

    // What the advice says mends it.
    fs::remove_file(project.path(damaged)).unwrap();
    fs::remove_file(project.path("warehouse/metrics/takings/_SUCCESS")).unwrap();
    fs::remove_dir_all(project.path("warehouse/metrics/takings/dt=2024-03-09")).unwrap();
    rapport(&project, &[&["backfill"], &DAYS[..]].concat(), 0);
    rapport(&project, &["verify"], 0);
}

#[test]
fn a_vacuum_clears_away_what_killed_runs_left_and_nothing_that_is_needed() {
    let project = built();
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.must_run("daily", &DAYS);
    let dead = json!({
        "token": "0", "run_id": "killed",
        "process": {"machine": "elsewhere", "pid": 1, "started": 1},
        "acquired_at": "2024-03-04T00:00:00Z", "expires_at": "2024-03-04T00:01:00Z",
    });
    let living = dead.to_string().replace("2024-03-04T00:01:00Z", "9024-03-04T00:01:00Z");
    let own = "warehouse/_rapport";
    // One whose lease ran out, one without any, and one of a run that lives.
    project
        .write(&format!("{own}/leases/raw.sales/dt=2024-03-04/0000000009.json"), dead.to_string());
    project
        .write(&format!("{own}/work/raw.sales/dt=2024-03-04/0000000009.0.raw.sales.parquet"), "a");
    project.write(&format!("{own}/work/staging.sales/dt=2024-03-04/0000000001.0.x.parquet"), "bc");
    project.write(&format!("{own}/leases/marts.customers/dt=2024-03-04/0000000009.json"), &living);
    let kept = format!("{own}/work/marts.customers/dt=2024-03-04/0000000009.0.y.parquet");
    project.write(&kept, "d");
    let (published, history) = (project.published(), project.history().len());
    let before = files_below(&project.path("warehouse"));

    let told = json_of(&project, &["vacuum", "--dry-run"], 0);
    assert_eq!(told["cleared"]["work"], json!({"object_count": 2, "byte_count": 3}));
    assert_eq!(told["dry_run"], true);
    assert_eq!(files_below(&project.path("warehouse")), before);

    assert_eq!(json_of(&project, &["vacuum"], 0)["cleared"], told["cleared"]);
    let work = project.own_files("work");
    assert_eq!(work, [project.path(&kept)]);
    assert_eq!(project.own_files("ledger").len(), 1);
    assert_eq!((project.published(), project.history().len()), (published, history));
    // Both projects that anything was built with, which is one.
    assert_eq!(project.own_files("projects").len(), 1);
    assert_eq!(project.plan(&DAYS)["plan"]["fresh_count"], 12);
}

#[test]
fn rows_that_broke_a_check_long_ago_go() {
    let project = Project::small();
    project.edit("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 4}");
    project.run("daily", &DAYS).expect(10);
    assert_eq!(project.own_files("failed_checks").len(), 1);
    rapport(&project, &["vacuum"], 0);
    assert_eq!(project.own_files("failed_checks").len(), 1);
    let cleared = json_of(&project, &["vacuum", "--keep-days", "0"], 0);
    assert_eq!(cleared["cleared"]["failed_checks"]["object_count"], 1);
    assert_eq!(project.own_files("failed_checks").len(), 0);
}

#[test]
fn a_lease_is_listed_with_who_holds_it_and_taken_away() {
    let project = built();
    assert_eq!(rapport(&project, &["unlock"], 0).stdout, "");
    let lease = json!({
        "token": "0", "run_id": "on the night shift",
        "process": {"machine": "elsewhere", "pid": 4711, "started": 1},
        "acquired_at": "2024-03-04T00:00:00Z", "expires_at": "9024-03-04T00:00:00Z",
    });
    let key = "warehouse/_rapport/leases/raw.sales/dt=2024-03-05/0000000009.json";
    project.write(key, lease.to_string());
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.run("daily", &DAYS).expect(13);
    let listed = json_of(&project, &["unlock"], 0);
    assert_eq!(
        listed,
        json!([{
            "table": "raw.sales", "dt": "2024-03-05", "run_id": "on the night shift", "pid": 4711,
            "acquired_at": "2024-03-04T00:00:00Z", "expires_at": "9024-03-04T00:00:00Z",
            "is_in_force": true,
        }])
    );
    let text = rapport(&project, &["unlock"], 0).stdout;
    assert!(text.contains("run `on the night shift` (process 4711) since 2024-03-04"), "{text}");
    for wrong in [["raw.sale", "2024-03-05"], ["raw.sales", "2024-03-06"]] {
        let finished = rapport(&project, &["unlock", wrong[0], wrong[1]], 2);
        assert!(finished.stderr.contains("did you mean `raw.sales dt=2024-03-05`?"), "{wrong:?}");
    }
    rapport(&project, &["unlock", "raw.sales"], 2);
    let text = rapport(&project, &["unlock", "raw.sales", "2024-03-05"], 0).stdout;
    assert!(text.starts_with("taken away: raw.sales dt=2024-03-05"), "{text}");
    assert!(project.own_files("leases").is_empty());
    project.must_run("daily", &DAYS);
}

#[test]
fn a_run_is_shown_with_what_it_published_and_a_partition_with_what_made_it() {
    let project = built();
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.must_run("daily", &[&DAYS[..], &["--run-id", "second"]].concat());
    let shown = json_of(&project, &["runs", "show", "second"], 0);
    assert_eq!(shown["attempts"][0]["run_id"], "second");
    assert_eq!(shown["attempts"][0]["result"]["status"], "done");
    let published: BTreeSet<&str> = shown["published"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["table"].as_str().unwrap())
        .collect();
    assert!(published.contains("raw.sales") && published.contains("metrics.takings"));
    let text = rapport(&project, &["runs", "show", "second"], 0).stdout;
    let line = "raw.sales dt=2024-03-05  version 2, 2 rows, attempt 1: changed export \
                sales/2024-03-05.csv\n";
    assert!(text.contains(line), "{text}");
    let finished = rapport(&project, &["runs", "show", "secnd"], 2);
    assert!(finished.stderr.contains("did you mean `second`?"), "{}", finished.stderr);
    let runs = json_of(&project, &["runs", "list", "--limit", "1"], 0);
    assert_eq!(runs[0]["run_id"], "second");
    assert_eq!(runs.as_array().unwrap().len(), 1);

    let why = json_of(&project, &["runs", "why", "marts.customers", "2024-03-05"], 0);
    assert_eq!(
        (&why["current"]["version"], &why["current"]["run_id"]),
        (&2.into(), &"second".into())
    );
    assert_eq!(why["earlier"][0]["run_id"], "first");
    let inputs = why["inputs"].as_array().unwrap().iter();
    let inputs: Vec<_> = inputs
        .map(|input| (input["table"].as_str().unwrap(), input["run_id"].as_str().unwrap()))
        .collect();
    assert_eq!(inputs, [("marts.customers", "first"), ("staging.sales", "second")]);
    let text = rapport(&project, &["runs", "why", "raw.sales", "2024-03-05"], 0).stdout;
    assert!(text.contains("version 2, 2 rows"), "{text}");
    assert!(text.contains("read sales/2024-03-05.csv of "), "{text}");
    assert!(text.contains("before: raw.sales dt=2024-03-05 version 1"), "{text}");
    for (table, day, expected) in [
        ("marts.custmers", "2024-03-05", "did you mean `marts.customers`?"),
        ("marts.customers", "2024-03-09", "never published, though other days of it are"),
    ] {
        let finished = rapport(&project, &["runs", "why", table, day], 2);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
}

#[test]
fn the_ledger_is_written_as_parquet_with_every_version() {
    let project = built();
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.must_run("daily", &[&DAYS[..], &["--run-id", "second"]].concat());
    let text = rapport(&project, &["ledger", "--out", "ledger.parquet"], 0).stdout;
    let history = project.history();
    assert!(text.starts_with(&format!("{} versions", history.len())), "{text}");
    let rows = rows_of(&project.path("ledger.parquet"));
    assert_eq!(rows.len(), history.len());
    for (row, entry) in rows.iter().zip(&history) {
        assert_eq!(row["table"], entry.partition.table.to_string());
        assert_eq!(row["dt"], entry.partition.dt.to_string());
        assert_eq!(row["version"], entry.version);
        assert_eq!(row["content_hash"], entry.content_hash.to_string());
        assert_eq!(row["inputs"].as_array().unwrap().len(), entry.inputs.len());
        assert_eq!(row["exports"].as_array().unwrap().len(), entry.exports.len());
    }
    let current = rows.iter().filter(|row| row["is_current"] == true).count();
    assert_eq!(current, project.published().len());
}

#[test]
fn rows_in_quarantine_are_listed_shown_and_replayed() {
    let project = Project::small();
    let sales = project.read("landing/sales/2024-03-04.csv");
    // One channel that nobody declared, of six rows.
    let more = "S-91,2024-03-04T09:15:00Z,,web,1.00\nS-92,2024-03-04T09:15:00Z,,web,1.00\n\
                S-93,2024-03-04T09:15:00Z,eve@example.com,app,1.00\n";
    project.write("landing/sales/2024-03-04.csv", format!("{sales}{more}"));
    project.must_run("daily", &DAYS);
    let listed = json_of(&project, &["quarantine", "list"], 0);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["source"], &listed[0]["dt"]), (&"sales".into(), &"2024-03-04".into()));
    assert_eq!(listed[0]["accounting"]["read_row_count"], 6);
    let text = rapport(&project, &["quarantine", "list", "sales"], 0).stdout;
    assert!(text.starts_with("sales dt=2024-03-04  1 of 6 rows\n"), "{text}");
    let finished = rapport(&project, &["quarantine", "list", "sale"], 2);
    assert!(finished.stderr.contains("did you mean `sales`?"), "{}", finished.stderr);

    let show = ["quarantine", "show", "sales", "2024-03-04"];
    let shown = json_of(&project, &show, 0);
    assert_eq!((&shown["row_count"], &shown["codes"]), (&json!(1), &json!({"not_allowed": 1})));
    assert_eq!(shown["rows"][0]["source_row"], 6);
    let text = rapport(&project, &show, 0).stdout;
    assert!(text.contains("\n  1 not_allowed\nsales/2024-03-04.csv row 6: channel: "), "{text}");
    assert!(!text.contains("eve@") && !text.contains("app"), "{text}");
    let text = rapport(&project, &[&show[..], &["--values"]].concat(), 0).stdout;
    assert!(text.contains("eve@example.com"), "{text}");
    rapport(&project, &["quarantine", "show", "sales", "2024-03-09"], 2);

    // Nothing is mended yet, then it is.
    let replay = [&["quarantine", "replay", "sales"], &DAYS[..]].concat();
    assert_eq!(project.must_run("rapport", &replay)["built_count"], 0);
    project.edit("sources/sales.yaml", "allowed: [web, store]", "allowed: [web, store, app]");
    project.edit("sql/staging/sales.yml", "accepted: [web, store]", "accepted: [web, store, app]");
    let result = project.must_run("rapport", &replay);
    assert_eq!(result["accounting"]["sales"]["quarantined_row_count"], 0, "{result}");
    assert_eq!(json_of(&project, &["quarantine", "list"], 0), json!([]));
    let published = project.published();
    let result = project.must_run("rapport", &[&replay[..], &["--run-id", "again"]].concat());
    assert_eq!((&result["built_count"], &result["unchanged_count"]), (&0.into(), &0.into()));
    assert_eq!(project.published(), published);
}
