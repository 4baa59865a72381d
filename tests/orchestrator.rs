//! The contract with an orchestrator: flags and variables in; exactly one line of JSON on stdout,
//! logs on stderr, an exit code, and nothing half done after a signal.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Finished, Project, finish, start, wait_until};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

const DAY: [&str; 2] = ["--date", "2024-03-04"];

const BINARIES: [&str; 7] = [
    "ingest",
    "resolve-identities",
    "build-customers",
    "build-metrics",
    "daily",
    "rapport",
    "sample-exports",
];

fn logs(finished: &Finished) -> Vec<Value> {
    let lines = finished.stderr.lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn error_of(result: &Value) -> &str {
    result["error"]["message"].as_str().unwrap()
}

#[test]
pub fn a_run_that_did_its_work_ends_with_0() {
    let project = Project::small();
    let result = project.run("daily", &DAYS).expect(0);
    assert_eq!(result["job"], "daily");
    assert_eq!(result["status"], "done");
    assert_eq!(result["error"], Value::Null);
    assert_eq!((&result["from"], &result["to"]), (&"2024-03-04".into(), &"2024-03-07".into()));
    // Three days of four tables.
    assert_eq!(result["built_count"], 12);
    assert_eq!(result["row_counts"]["raw.sales"], 6);
    // A customer counts on each day from the first sale: ada and grace, then alan too.
    assert_eq!(result["row_counts"]["marts.customers"], 2 + 3 + 3);
    assert_eq!(result["accounting"]["sales"]["read_row_count"], 6);
    assert_eq!(result["accounting"]["sales"]["accepted_row_count"], 6);
}

#[test]
pub fn usage_and_settings_mistakes_end_with_2() {
    let project = Project::small();
    let cases: [(&[&str], &str); 9] = [
        (&[], "which days?"),
        (&["--date", "2024-03-04", "--attempt", "0"], "0 is not in 1.."),
        (&["--date", "2024-03-04", "--log", "rapport=loud"], "expected such as `warn`"),
        (&["--date", "2024-03-32"], "2024-03-32"),
        (&["--from", "2024-03-04"], "--to"),
        (&["--date", "2024-03-04", "--from", "2024-03-04", "--to", "2024-03-05"], "--date"),
        (&["--from", "2024-03-05", "--to", "2024-03-05"], "the day after the last"),
        (&["--day", "2024-03-04"], "--day"),
        (&["--date", "2024-03-04", "--config", "nowhere.yaml"], "nowhere.yaml"),
    ];
    for (arguments, expected) in cases {
        let result = project.run("daily", arguments).expect(2);
        assert_eq!(result["status"], "failed");
        assert_eq!(result["error"]["kind"], "usage");
        assert!(error_of(&result).contains(expected), "{arguments:?}: {result}");
    }
    // As log lines where logs are JSON, with the usage for people.
    for binary in ["daily", "rapport"] {
        let finished = project.run(binary, &["plan", "--day", "x", "--log-format", "json"]);
        assert_eq!(finished.exit_code, 2);
        let [line] = logs(&finished).try_into().unwrap();
        assert_eq!((&line["level"], &line["kind"]), (&"ERROR".into(), &"usage".into()));
        let finished = project.run(binary, &["plan", "--day", "x", "--log-format=text"]);
        assert!(finished.stderr.contains("Usage: "), "{}", finished.stderr);
    }
    project.edit("rapport.yaml", "landing: landing", "lending: landing");
    let result = project.run("daily", &DAY).expect(2);
    let message = error_of(&result);
    assert!(message.contains("rapport.yaml:2:1: unknown key `lending`"), "{message}");
    assert!(message.contains("did you mean `landing`?"), "{message}");
    assert!(project.published().is_empty());
}

#[test]
fn a_model_with_a_mistake_ends_with_2_before_anything_is_built() {
    let project = Project::small();
    project.edit("sql/metrics/takings.sql", "from staging.sales", "from staging.sale");
    let result = project.run("daily", &DAY).expect(2);
    assert!(error_of(&result).contains("takings.sql:"), "{result}");
    assert!(error_of(&result).contains("did you mean `staging.sales`?"), "{result}");
    assert!(project.published().is_empty());
}

#[test]
fn jobs_hold_models_to_the_rules_of_rapport_check() {
    let cases = [
        ("order by channel", "order by channel desc", "not ordered by its grain"),
        (
            "where dt = $run_date\n\n),\n\ntakings",
            "where dt = $run_date and random() < 1\n\n),\n\ntakings",
            "`random()`",
        ),
        ("where dt = $run_date\n\n),\n\ntakings", "),\n\ntakings", "read beyond $run_date"),
        ("count(*) as sale_count", "sum(amount) as sale_count", "column `sale_count` is"),
    ];
    for (from, to, expected) in cases {
        let project = Project::small();
        project.edit("sql/metrics/takings.sql", from, to);
        for job in ["daily", "ingest"] {
            let result = project.run(job, &DAY).expect(2);
            let message = error_of(&result);
            assert!(message.contains("takings.sql:"), "{message}");
            assert!(message.contains(expected), "{expected}: {message}");
        }
        assert_eq!(project.run("rapport", &[&["plan"], &DAY[..]].concat()).exit_code, 2);
        assert!(project.published().is_empty());
    }
    // The first is told, and how many there are.
    let project = Project::small();
    project.edit("sql/metrics/takings.sql", "order by channel", "order by sale_count");
    project.edit("sql/marts/customers.sql", "order by customer_email", "order by sale_count");
    let result = project.run("daily", &DAY).expect(2);
    assert!(error_of(&result).ends_with("(and 1 more: `rapport check` names all)"), "{result}");
}

#[test]
pub fn a_failed_check_ends_with_10_and_publishes_nothing_of_the_table() {
    let project = Project::small();
    // The same number on two different sales breaks the grain of staging.sales.
    project.write(
        "landing/sales/2024-03-04.csv",
        "sale_id,sold_at,customer_email,channel,amount\n\
         S-1,2024-03-04T09:15:00Z,,web,12.50\nS-1,2024-03-04T09:15:00Z,,web,13.50\n",
    );
    let result = project.run("daily", &DAYS).expect(10);
    assert_eq!(result["error"]["kind"], "check_failed");
    let message = error_of(&result);
    assert!(message.contains("staging.sales dt=2024-03-04"), "{message}");
    assert!(message.contains("unique(sale_id)"), "{message}");
    let tables: Vec<_> = project.published().keys().map(|p| p.table.to_string()).collect();
    assert_eq!(tables, ["quarantine.sales", "raw.sales"]);
    project.assert_nothing_left_behind();
}

#[test]
fn checks_of_every_kind_stop_a_publish_or_warn() {
    let cases = [
        ("range: {min: 0}", "range: {min: 4}", "range(amount)"),
        ("accepted: [web, store]", "accepted: [web]", "accepted(channel)"),
        (
            "meaning: Who bought. Null when unknown.",
            "meaning: Who., required: true",
            "required(customer_email)",
        ),
        ("columns:", "rows: {max: 2}\ncolumns:", "rows(0..2)"),
        (
            "columns:",
            "checks: [{name: odd, meaning: m, sql: select * from this where amount = 3.2}]\ncolumns:",
            "odd (1 rows)",
        ),
    ];
    for (from, to, expected) in cases {
        let project = Project::small();
        project.edit("sql/staging/sales.yml", from, to);
        let result = project.run("daily", &DAY).expect(10);
        assert!(error_of(&result).contains(expected), "{expected}: {result}");
    }
    let project = Project::small();
    project.edit("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 4}, severity: warn");
    let result = project.run("daily", &DAY).expect(0);
    assert_eq!(result["warning_count"], 1);
    let entries = project.history();
    let warned = entries
        .iter()
        .find(|entry| {
            entry.partition.table.table == "sales" && entry.partition.table.zone == "staging"
        })
        .unwrap();
    assert_eq!(warned.warnings.get("range(amount)"), Some(&1));
}

#[test]
pub fn an_export_that_broke_its_contract_ends_with_11_and_publishes_nothing() {
    let project = Project::small();
    project.write(
        "landing/sales/2024-03-04.csv",
        "sale_id,sold_at,customer_email,channel,amount\n\
         S-1,2024-03-04T09:15:00Z,ada.lovelace@example.com,web,lots\n\
         S-2,2024-03-04T10:00:00Z,,store,3.20\n",
    );
    let finished = project.run("ingest", &DAY);
    let result = finished.expect(11);
    assert_eq!(result["error"]["kind"], "export_broken");
    let message = error_of(&result);
    assert!(message.contains("source `sales` for 2024-03-04"), "{message}");
    assert!(message.contains("1 of 2 rows are bad"), "{message}");
    assert!(project.published().is_empty());
    project.assert_nothing_left_behind();
}

#[test]
fn one_bad_row_in_twenty_is_let_through_and_no_more_where_nothing_is_declared() {
    let project = Project::small();
    project.edit("sources/sales.yaml", "maximum_bad_share: 0.2\n", "");
    let sales = |good: usize, bad: usize| {
        let row = |number: usize, amount: &str| {
            format!("S-{number},2024-03-04T09:15:00Z,ada@example.com,web,{amount}\n")
        };
        let rows = (0..good).map(|number| row(number, "1.00"));
        let rows: String =
            rows.chain((good..good + bad).map(|number| row(number, "lots"))).collect();
        project.write(
            "landing/sales/2024-03-04.csv",
            format!("sale_id,sold_at,customer_email,channel,amount\n{rows}"),
        );
        project.run("ingest", &DAY)
    };
    for (good, bad) in [(19, 1), (950, 50)] {
        let result = sales(good, bad).expect(0);
        let accounting = &result["accounting"]["sales"];
        assert_eq!(accounting["quarantined_row_count"], bad, "{result}");
        assert_eq!(accounting["accepted_row_count"], good, "{result}");
    }
    let before = project.published();
    for (good, bad, told) in [
        (18, 1, "1 of 19 rows are bad (5.26 %), more than `maximum_bad_share: 0.05` allows"),
        (949, 50, "50 of 999 rows are bad (5.01 %), more than"),
        (949, 51, "51 of 1000 rows are bad (5.10 %), more than"),
    ] {
        let result = sales(good, bad).expect(11);
        assert!(error_of(&result).contains(told), "{told}: {result}");
        assert_eq!(project.published(), before);
    }
}

#[test]
fn rows_in_quarantine_and_repeated_files_are_warnings_of_the_result() {
    let project = Project::small();
    assert_eq!(project.must_run("daily", &DAYS)["warning_count"], 0);

    let project = Project::small();
    let sales = project.read("landing/sales/2024-03-04.csv");
    // One bad row of six.
    let more = "S-91,2024-03-04T09:15:00Z,,web,1.00\nS-92,2024-03-04T09:15:00Z,,web,1.00\n\
                S-93,2024-03-04T09:15:00Z,,web,lots\n";
    project.write("landing/sales/2024-03-04.csv", format!("{sales}{more}"));
    // The second day has a file of the day before, and one of its own twice.
    project.write("landing/sales/2024-03-05-a.csv", format!("{sales}{more}"));
    let own = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05-b.csv", own);
    let finished = project.run("daily", &DAYS);
    assert_eq!(finished.expect(0)["warning_count"], 2);
    let warnings: Vec<_> = project
        .history()
        .into_iter()
        .filter(|entry| entry.partition.table.to_string() == "raw.sales")
        .map(|entry| entry.warnings.into_iter().collect::<Vec<_>>())
        .collect();
    let one = |name: &str, count| vec![(name.to_string(), count)];
    assert_eq!(warnings, [one("quarantined_rows", 1), one("repeated_files", 2), vec![]]);
    // They are of what was built; what is fresh was told when it was.
    assert_eq!(project.must_run("daily", &DAYS)["warning_count"], 0);
}

#[test]
fn a_truncated_export_ends_with_11_and_is_named() {
    let project = Project::small();
    let whole = zstd::encode_all(project.read("landing/sales/2024-03-04.csv").as_bytes(), 3);
    std::fs::remove_file(project.path("landing/sales/2024-03-04.csv")).unwrap();
    let whole = whole.unwrap();
    project.write("landing/sales/2024-03-04.csv.zst", &whole[..whole.len() / 2]);
    project.edit("sources/sales.yaml", "sales/{dt}*.csv", "sales/{dt}*");
    let result = project.run("ingest", &DAY).expect(11);
    assert!(error_of(&result).contains("sales/2024-03-04.csv.zst"), "{result}");
    assert!(project.published().is_empty());
}

#[test]
pub fn an_export_that_is_not_there_yet_ends_with_12() {
    let project = Project::small();
    let result = project.run("daily", &["--date", "2024-03-07"]).expect(12);
    assert_eq!(result["error"]["kind"], "not_there_yet");
    let message = error_of(&result);
    assert!(message.contains("source `sales` for 2024-03-07"), "{message}");
    assert!(message.contains("sales/2024-03-07*.csv"), "{message}");

    // What came before the missing day is published and stays: but partial success is no success.
    let result = project.run("daily", &["--from", "2024-03-06", "--to", "2024-03-08"]).expect(12);
    assert_eq!(result["built_count"], 4);
}

#[test]
fn an_input_that_is_not_there_yet_ends_with_12() {
    let project = Project::small();
    let result = project.run("build-metrics", &DAY).expect(12);
    assert!(error_of(&result).contains("metrics.takings dt=2024-03-04"), "{result}");

    // The customers of a day without those of the day before would lose somebody.
    project.must_run("daily", &DAY);
    let result = project.run("daily", &["--date", "2024-03-06"]).expect(12);
    assert!(error_of(&result).contains("marts.customers dt=2024-03-05"), "{result}");
}

#[test]
fn a_source_that_may_be_absent_gives_an_empty_partition() {
    let project = Project::small();
    project.edit("sources/sales.yaml", "load: events", "load: events\nrequired: false");
    let result = project.run("daily", &["--date", "2024-03-07"]).expect(0);
    assert_eq!(result["row_counts"]["raw.sales"], 0);
    assert_eq!(project.published().len(), 5);
}

/// The small project with a second source, `visits`, and a table of it that reads nothing else.
fn with_visits() -> Project {
    let project = Project::small();
    let source = project.read("sources/sales.yaml").replace("sales/{dt}", "visits/{dt}");
    project.write("sources/visits.yaml", source);
    for day in ["04", "05", "06"] {
        let sales = project.read(&format!("landing/sales/2024-03-{day}.csv"));
        project.write(&format!("landing/visits/2024-03-{day}.csv"), sales);
    }
    for file in ["sql/staging/sales.sql", "sql/staging/sales.yml"] {
        let text = project.read(file).replace("raw.sales", "raw.visits");
        project.write(&file.replace("sales", "visits"), text);
    }
    project
}

const BROKEN: &str = "sale_id,sold_at,customer_email,channel,amount\nS-1,,,,\n";

/// What failed, as `table dt kind`.
fn failures(result: &Value) -> Vec<String> {
    let failures = result["failures"].as_array().unwrap().iter();
    let text = |failure: &Value, key: &str| failure[key].as_str().unwrap().to_string();
    let told = failures.map(|one| ["table", "dt", "kind"].map(|key| text(one, key)).join(" "));
    told.collect()
}

#[test]
fn a_broken_source_holds_back_what_reads_it_and_nothing_else_of_the_day() {
    let undisturbed = with_visits();
    undisturbed.must_run("daily", &DAYS);
    let project = with_visits();
    let good = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", BROKEN);
    let finished = project.run("daily", &DAYS);
    let result = finished.expect(11);
    assert_eq!(failures(&result), ["raw.sales 2024-03-05 export_broken"]);
    assert_eq!(result["failures"][0]["source"], "sales");
    assert_eq!(error_of(&result), result["failures"][0]["message"].as_str().unwrap());
    // staging.sales, marts.customers and metrics.takings.
    assert_eq!(result["held_back_count"], 3);
    assert_eq!(result["not_begun_from"], "2024-03-06");
    let published: Vec<String> =
        project.published().keys().map(ToString::to_string).filter(|p| p.contains("-05")).collect();
    assert_eq!(
        published,
        [
            "quarantine.visits dt=2024-03-05",
            "raw.visits dt=2024-03-05",
            "staging.visits dt=2024-03-05",
        ]
    );
    assert!(!project.published().keys().any(|p| p.to_string().contains("-06")));
    let errors: Vec<Value> =
        logs(&finished).into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    for (key, value) in [("source", "sales"), ("dt", "2024-03-05"), ("kind", "export_broken")] {
        assert_eq!(errors[0][key], value, "{errors:?}");
    }

    project.write("landing/sales/2024-03-05.csv", good);
    project.must_run("daily", &DAYS);
    assert_eq!(project.published(), undisturbed.published());
    project.assert_nothing_left_behind();
}

#[test]
fn all_failures_of_a_day_are_told_and_the_most_serious_decides() {
    let project = with_visits();
    std::fs::remove_file(project.path("landing/sales/2024-03-04.csv")).unwrap();
    project.write("landing/visits/2024-03-04.csv", BROKEN);
    let finished = project.run("daily", &DAYS);
    let result = finished.expect(11);
    assert_eq!(
        failures(&result),
        ["raw.sales 2024-03-04 not_there_yet", "raw.visits 2024-03-04 export_broken"]
    );
    assert!(error_of(&result).contains("source `visits`"), "{result}");
    assert!(error_of(&result).ends_with("(and 1 more failures)"), "{result}");
    let errors = logs(&finished).into_iter().filter(|line| line["level"] == "ERROR").count();
    assert_eq!(errors, 2, "{}", finished.stderr);
    assert!(project.published().is_empty());
    let listed = project.run("rapport", &["runs", "--json"]);
    let runs: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(runs[0]["result"]["exit_code"], 11);
    assert_eq!(runs[0]["result"]["summary"]["failures"].as_array().unwrap().len(), 2);
}

#[test]
fn nothing_is_built_on_an_earlier_version_of_what_failed() {
    let project = with_visits();
    project.must_run("daily", &DAYS);
    let before = project.published();
    // All three are to be rebuilt, and what they read of the 4th cannot be.
    project.write("landing/sales/2024-03-04.csv", BROKEN);
    for table in ["sales", "visits"] {
        let anew = "    cast(amount as decimal(14, 3)) as amount";
        project.edit(&format!("sql/staging/{table}.sql"), "    amount", anew);
        project.edit(&format!("sql/staging/{table}.yml"), "decimal(12,2)", "decimal(14,3)");
    }
    let result = project.run("daily", &DAYS).expect(11);
    assert_eq!(failures(&result), ["raw.sales 2024-03-04 export_broken"]);
    let changed: Vec<String> = project
        .published()
        .iter()
        .filter(|(partition, hash)| before[partition] != **hash)
        .map(|(partition, _)| partition.to_string())
        .collect();
    assert_eq!(changed, ["staging.visits dt=2024-03-04"]);
}

#[test]
pub fn a_panic_ends_with_30_and_tells_nothing_of_what_it_panicked_with() {
    let project = Project::small();
    // No machine has stacks of this size: the runtime cannot start its threads, and panics.
    let mut command = project.command("daily", &DAY);
    command.env("RUST_MIN_STACK", (1_u64 << 62).to_string()).env_remove("RUST_BACKTRACE");
    let finished = finish(start(command));
    let result = finished.expect(30);
    assert_eq!(result["error"]["kind"], "defect");
    assert!(error_of(&result).contains("panicked at "), "{result}");
    let told = logs(&finished);
    assert!(told.iter().any(|line| line["message"] == "panicked"), "{}", finished.stderr);
    // What it said was this; another panic's words might be a customer's.
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains("OS can't spawn"), "{text}");
    }
    assert!(project.published().is_empty());
    project.must_run("daily", &DAY);
}

#[test]
fn variables_of_others_may_hold_any_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::small();
    let mut command = project.command("daily", &DAY);
    command.env("SOMEBODY_ELSES", std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    finish(start(command)).expect(0);
}

#[test]
fn a_day_that_has_not_begun_ends_with_12_and_publishes_nothing() {
    let project = Project::small();
    project.edit("sources/sales.yaml", "load: events", "load: events\nrequired: false");
    let far = ["--from", "2024-03-04", "--to", "9999-01-01"];
    let result = project.run("daily", &far).expect(12);
    assert!(error_of(&result).contains("build 9998-12-31: that day has not begun"), "{result}");
    assert!(project.published().is_empty());
}

#[test]
fn a_result_that_nobody_can_read_is_no_success() {
    let project = Project::small();
    let ends_with = |stdout: std::process::Stdio, code: i32| {
        let mut command = project.command("daily", &DAY);
        let output = command.stdout(stdout).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ends_with(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into(), 20);
    // A reader that has gone away did not want it.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    ends_with(writer.into(), 0);
}

#[test]
pub fn storage_trouble_ends_with_20() {
    let project = Project::small();
    // A file stands where a folder must be: the disk's way of saying no.
    project.write("warehouse/staging/sales", "in the way");
    let result = project.run("daily", &DAY).expect(20);
    assert_eq!(result["error"]["kind"], "storage");
    assert!(error_of(&result).contains("staging"), "{result}");
}

#[test]
pub fn a_job_with_nothing_to_do_ends_with_99_only_when_asked() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    let result = project.run("daily", &DAYS).expect(0);
    assert_eq!((&result["built_count"], &result["fresh_count"]), (&0.into(), &12.into()));
    assert_eq!(result["unchanged_count"], 0);
    let again = [&DAYS[..], &["--skip-when-fresh"]].concat();
    let result = project.run("daily", &again).expect(99);
    assert_eq!(result["status"], "nothing_to_do");

    let fresh = Project::small();
    fresh.run("daily", &again).expect(0);
}

#[test]
pub fn a_signal_stops_within_five_seconds_and_the_next_run_finishes() {
    for (signal, exit_code, kind) in [("TERM", 143, "terminated"), ("INT", 130, "interrupted")] {
        let project = long_project();
        let undisturbed = project.copy();
        let started = project.start("daily", &MANY_DAYS);
        wait_until("something is published", || project.path("warehouse/metrics").exists());
        started.signal(signal);
        let asked = std::time::Instant::now();
        let finished = finish(started);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        let result = finished.expect(exit_code);
        assert_eq!(result["error"]["kind"], kind);
        assert!(result["built_count"].as_u64().unwrap() > 0, "{result}");
        // Leases are given back as far as time allows; one that is left is a dead run's, which
        // the next run sees at once: it must not wait for it to run out.

        undisturbed.must_run("daily", &MANY_DAYS);
        let expected = undisturbed.published();
        for (partition, hash) in project.published() {
            assert_eq!(expected.get(&partition), Some(&hash), "{partition}");
        }
        project.must_run("daily", &MANY_DAYS);
        assert_eq!(project.published(), expected);
        project.assert_nothing_left_behind();
    }
}

#[test]
fn a_signal_stops_the_reading_of_a_long_file() {
    let project = Project::small();
    let mut text = String::from("sale_id,sold_at,customer_email,channel,amount\n");
    for number in 0..400_000 {
        text.push_str(&format!("S-{number},2024-03-04T09:15:00Z,a{number}@example.com,web,1.00\n"));
    }
    project.write("landing/sales/2024-03-04.csv", text);
    let started = project.start("ingest", &DAY);
    wait_until("raw is being built", || !project.own_files("leases").is_empty());
    std::thread::sleep(Duration::from_millis(300));
    started.signal("TERM");
    let asked = std::time::Instant::now();
    finish(started).expect(143);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(project.published().is_empty());
    assert!(project.own_files("leases").is_empty());
}

/// Sixty days of a few sales.
pub fn long_project() -> Project {
    let project = Project::small();
    let first: rapport::dates::Day = "2024-03-04".parse().unwrap();
    for number in 0..60 {
        let day = first.plus(number);
        project.write(
            &format!("landing/sales/{day}.csv"),
            format!(
                "sale_id,sold_at,customer_email,channel,amount\n\
                 S-{number},{day}T09:15:00Z,c{number}@example.com,web,{number}.50\n"
            ),
        );
    }
    project
}

pub const MANY_DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-05-03"];

#[test]
fn logs_are_json_lines_on_stderr_and_the_result_is_alone_on_stdout() {
    let project = Project::small();
    let finished = project.run("daily", &DAYS);
    finished.expect(0);
    for line in logs(&finished) {
        for key in ["timestamp", "level", "message"] {
            assert!(line[key].is_string(), "{line}");
        }
    }
    let failed = project.run("daily", &["--date", "2024-03-07"]);
    failed.expect(12);
    let errors = logs(&failed).into_iter().filter(|line| line["level"] == "ERROR").count();
    assert_eq!(errors, 1, "a failure is told once: {}", failed.stderr);

    let text = project.run("daily", &[&DAY[..], &["--log-format", "text"]].concat());
    text.expect(0);
    assert!(text.stderr.contains("INFO"), "{}", text.stderr);
    assert!(!text.stderr.contains('{'), "{}", text.stderr);
}

#[test]
fn the_result_line_is_also_written_to_a_file_when_asked() {
    let project = Project::small();
    let file = project.path("result.json");
    let file = file.to_str().unwrap();
    let with_file = [&DAY[..], &["--result-file", file]].concat();
    let finished = project.run("daily", &with_file);
    finished.expect(0);
    assert_eq!(project.read("result.json"), finished.stdout);

    // A failure is a result too, and so are flags that make no sense.
    let broken = ["--date", "2024-03-07", "--result-file", file];
    let finished = project.run("daily", &broken);
    finished.expect(12);
    assert_eq!(project.read("result.json"), finished.stdout);
    for broken in [
        vec!["--date", "tomorrow", "--result-file", file],
        vec!["--date", "2024-03-04", &format!("--result-file={file}"), "--dry"],
    ] {
        std::fs::remove_file(file).unwrap();
        let finished = project.run("daily", &broken);
        finished.expect(2);
        assert_eq!(project.read("result.json"), finished.stdout);
    }
}

#[test]
fn a_result_file_that_cannot_be_written_is_told_before_the_work() {
    let project = Project::small();
    project.write("afile", "a file");
    for file in ["nowhere/result.json", "afile/result.json", "landing"] {
        let result = project.run("daily", &[&DAY[..], &["--result-file", file]].concat()).expect(2);
        let message = error_of(&result);
        assert!(message.starts_with(&format!("write the result file `{file}`: ")), "{message}");
        assert!(project.published().is_empty());
    }
    // Looking whether it can be written leaves no file that says nothing.
    let running = ["--result-file", "result.json", "--config", "nowhere.yaml"];
    project.run("daily", &[&DAY[..], &running].concat()).expect(2);
    assert!(project.read("result.json").contains("nowhere.yaml"));
    // A disk that fills up meanwhile: the line says what the process says.
    let full = [&DAY[..], &["--result-file", "/dev/full"]].concat();
    let result = project.run("daily", &full).expect(20);
    assert_eq!((&result["status"], &result["built_count"]), (&"failed".into(), &4.into()));
    assert!(error_of(&result).starts_with("write the result file `/dev/full`"), "{result}");
}

#[test]
fn every_flag_has_a_variable() {
    let stable = |mut result: Value| {
        for volatile in ["duration_ms", "warehouse"] {
            result[volatile] = Value::Null;
        }
        result
    };
    let flags = Project::small();
    let file = flags.path("result.json");
    let arguments = ["--run-id", "night-1", "--attempt", "3", "--result-file"];
    let by_flags =
        flags.run("daily", &[&DAYS[..], &arguments, &[file.to_str().unwrap()]].concat()).expect(0);

    let variables = Project::small();
    let mut command = variables.command("daily", &[]);
    command.env("RAPPORT_FROM", "2024-03-04").env("RAPPORT_TO", "2024-03-07");
    command.env("RAPPORT_RUN_ID", "night-1").env("RAPPORT_ATTEMPT", "3");
    command.env("RAPPORT_RESULT_FILE", variables.path("result.json"));
    let by_variables = finish(start(command)).expect(0);
    assert_eq!(stable(by_flags), stable(by_variables));
    assert!(variables.path("result.json").exists());

    // The second time: nothing to do, and a day by its own variable.
    for yes in ["true", "1", "yes"] {
        let mut command = variables.command("daily", &[]);
        command.env("RAPPORT_DATE", "2024-03-05").env("RAPPORT_SKIP_WHEN_FRESH", yes);
        command.env("RAPPORT_LOG", "error").env("RAPPORT_LOG_FORMAT", "text");
        let finished = finish(start(command));
        assert_eq!(finished.expect(99)["from"], "2024-03-05");
        assert_eq!(finished.stderr, "");
    }
    let mut command = variables.command("daily", &["--date", "2024-03-05"]);
    command.env("RAPPORT_SKIP_WHEN_FRESH", "false");
    finish(start(command)).expect(0);
}

/// The variables that the help of `binary`, and of its commands, names.
fn variables_of(project: &Project, binary: &str, commands: &[&str]) -> BTreeSet<String> {
    let help = project.run(binary, &[commands, &["--help"]].concat()).stdout;
    let mut names: BTreeSet<String> = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(['=', ']'])?.0.to_string()))
        .collect();
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let listed = listed.lines().take_while(|line| !line.is_empty());
    for command in listed.filter_map(|line| line.split_whitespace().next()) {
        if command != "help" {
            names.extend(variables_of(project, binary, &[commands, &[command]].concat()));
        }
    }
    names
}

#[test]
fn no_variable_of_a_flag_is_taken_for_a_mistyped_setting() {
    let project = Project::small();
    let names: BTreeSet<String> =
        BINARIES.iter().flat_map(|binary| variables_of(&project, binary, &[])).collect();
    for expected in ["RAPPORT_RUN_ID", "RAPPORT_MAX_RUNTIME", "RAPPORT_LINKING", "RAPPORT_DIRT"] {
        assert!(names.contains(expected), "{expected} is not in {names:?}");
    }
    let mut command = project.command("rapport", &["config"]);
    for name in &names {
        // Those that `config` itself takes, and those that settings have too.
        let own = ["CONFIG", "LOG", "LOG_FORMAT", "THREADS", "MEMORY_LIMIT", "SCRATCH"];
        if !own.iter().any(|own| *name == format!("RAPPORT_{own}")) {
            command.env(name, "x");
        }
    }
    let finished = finish(start(command));
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let project = Project::small();
    let names = [
        "RAPPORT_DATE",
        "RAPPORT_RUN_ID",
        "RAPPORT_ATTEMPT",
        "RAPPORT_RESULT_FILE",
        "RAPPORT_SKIP_WHEN_FRESH",
        "RAPPORT_LOG",
        "RAPPORT_LOG_FORMAT",
        "RAPPORT_LANDING",
        "RAPPORT_IDENTITY",
        "RAPPORT_THREADS",
        "RAPPORT_PARAMETER_MINIMUM_SALE_COUNT",
        "RAPPORT_PARAMETER_NOBODYS",
    ];
    let with_empty = |binary: &str, arguments: &[&str]| {
        let mut command = project.command(binary, arguments);
        names.iter().for_each(|name| {
            command.env(name, "");
        });
        finish(start(command))
    };
    let result = with_empty("daily", &DAYS).expect(0);
    assert_eq!((&result["from"], &result["attempt"]), (&"2024-03-04".into(), &1.into()));
    assert_eq!(result["built_count"], 12);
    let plan = with_empty("rapport", &[&["plan"], &DAYS[..]].concat());
    assert_eq!(plan.exit_code, 0, "{}", plan.stderr);
    assert!(plan.stdout.ends_with("0 to build, 0 waiting, 12 fresh\n"), "{}", plan.stdout);
    // An empty flag is no variable: somebody has written it.
    project.run("daily", &["--date", ""]).expect(2);
}

#[test]
fn the_runs_are_listed_with_what_the_orchestrator_said() {
    let project = Project::small();
    let mut command = project.command("daily", &DAY);
    command.env("RAPPORT_RUN_ID", "night-7").env("AIRFLOW_CTX_DAG_ID", "rapport_nightly");
    finish(start(command)).expect(0);
    project.run("daily", &["--date", "2024-03-08"]).expect(12);
    let listed = project.run("rapport", &["runs", "--json"]);
    let runs: Value = serde_json::from_str(&listed.stdout).unwrap();
    let [latest, first] = runs.as_array().unwrap().as_slice() else { panic!("{runs}") };
    assert_eq!(first["run_id"], "night-7");
    assert_eq!(first["orchestrator"]["AIRFLOW_CTX_DAG_ID"], "rapport_nightly");
    assert_eq!(first["result"]["status"], "done");
    assert_eq!(latest["result"]["exit_code"], 12);
}

#[test]
fn help_and_version_are_no_failures() {
    let project = Project::small();
    for binary in
        ["ingest", "resolve-identities", "build-customers", "build-metrics", "daily", "rapport"]
    {
        let help = project.run(binary, &["--help"]);
        assert_eq!(help.exit_code, 0);
        assert!(help.stdout.contains("Exit codes"), "{binary}: {}", help.stdout);
        assert_eq!(project.run(binary, &["--version"]).exit_code, 0);
    }
}

#[test]
fn no_value_of_a_customers_leaves_through_a_message() {
    let project = Project::small();
    let rows = [
        "S-1,2024-03-04T09:15:00Z,ada.lovelace@example.com,web,ada.lovelace@example.com",
        "ada.lovelace@example.com,2024-03-04T09:15:00Z,,web,1.00",
        "S-3,ada.lovelace@example.com,,web,1.00",
        "S-4,2024-03-04T09:15:00Z,,ada.lovelace@example.com,1.00",
        "S-5,2024-03-04T09:15:00Z,,web,1.00,ada.lovelace@example.com",
        "S-6,2024-03-04T09:15:00Z,\"ada.lovelace@example.com",
    ];
    let broken = |number: usize| {
        format!("sale_id,sold_at,customer_email,channel,amount\n{}\n", rows[number])
    };
    for number in 0..rows.len() {
        project.write("landing/sales/2024-03-04.csv", broken(number));
        let finished = project.run("daily", &DAY);
        finished.expect(11);
        assert_silent_about(&finished, "lovelace");
    }
    project.edit("sources/sales.yaml", "format: csv", "format: ndjson");
    for line in ["{\"sale_id\": \"ada.lovelace@example.com\"", "ada.lovelace@example.com"] {
        project.write("landing/sales/2024-03-04.csv", line);
        let finished = project.run("daily", &DAY);
        finished.expect(11);
        assert_silent_about(&finished, "lovelace");
    }
    // Two rows of one channel: the failed check keeps them where tables lie, and shows none of it.
    let project = Project::small();
    project.edit("sql/staging/sales.yml", "grain: [sale_id]", "grain: [channel]");
    project.edit("sql/staging/sales.sql", "order by sale_id", "order by channel");
    let finished = project.run("daily", &DAY);
    finished.expect(10);
    assert_silent_about(&finished, "lovelace");
    assert_eq!(project.own_files("failed_checks").len(), 1);
    std::fs::remove_dir_all(project.path("warehouse/_rapport/failed_checks")).unwrap();
    for file in crate::harness::files_below(&project.path("warehouse/_rapport")) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).to_lowercase();
        assert!(!text.contains("lovelace"), "{}", file.display());
    }
}

fn assert_silent_about(finished: &Finished, word: &str) {
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.to_lowercase().contains(word), "{text}");
    }
}
