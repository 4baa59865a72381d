//! What makes a partition stale and what does not: whatever could change its rows or the verdict
//! on them does, nothing else.

use serde_json::json;

use crate::harness::{self, Project};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

/// The stale partitions as `table dt: reasons`, of the small project.
fn stale(project: &Project) -> Vec<String> {
    let plan = project.plan(&DAYS);
    let steps = plan["plan"]["stale"].as_array().unwrap();
    let told = steps.iter().map(|step| {
        let reasons = step["reasons"].as_array().unwrap().iter();
        let reasons: Vec<_> = reasons.map(|reason| reason["reason"].as_str().unwrap()).collect();
        let partition = format!("{} {}", step["table"].as_str().unwrap(), &step["dt"]);
        format!("{}: {}", partition.replace('"', ""), reasons.join(", "))
    });
    told.collect()
}

fn built() -> Project {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    assert_eq!(stale(&project), Vec::<String>::new());
    project
}

#[test]
fn what_changes_no_row_and_no_verdict_rebuilds_nothing() {
    let project = built();
    let sql = project.read("sql/metrics/takings.sql");
    project.write("sql/metrics/takings.sql", format!("-- Another remark.\n\n{sql}\n-- and more\n"));
    project.edit("sql/metrics/takings.yml", "One row per channel", "A row for each channel");
    project.edit("sql/metrics/takings.yml", "meaning: Taken.", "meaning: What was taken.");
    project.edit("sources/sales.yaml", "The till's sales", "All sales of the till");
    project.edit("rapport.yaml", "memory_limit: 256MiB", "memory_limit: 128MiB");
    project.edit("rapport.yaml", "threads: 2", "threads: 1");
    project.edit("rapport.yaml", "parameters:", "parameters:\n  nobody_names_this: 3");
    // A day that was let through stays: people raise the limit for one bad day, and lower it again.
    project.edit("sources/sales.yaml", "maximum_bad_share: 0.2", "maximum_bad_share: 0");
    // Written anew with the same bytes.
    let sales = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", sales);
    assert_eq!(stale(&project), Vec::<String>::new());
}

#[test]
fn what_changes_rows_rebuilds_them() {
    let cases = [
        ("rapport.yaml", "Europe/London", "Europe/Paris", "staging.sales", "parameters_changed"),
        (
            "rapport.yaml",
            "minimum_sale_count: 1",
            "minimum_sale_count: 9",
            "metrics.takings",
            "parameters_changed",
        ),
        (
            "sources/sales.yaml",
            "allowed: [web, store]",
            "allowed: [web, store, app]",
            "raw.sales",
            "source_changed",
        ),
        (
            "sql/metrics/takings.sql",
            "count(*) as sale_count",
            "count(amount) as sale_count",
            "metrics.takings",
            "model_changed",
        ),
        (
            "sql/metrics/takings.yml",
            "grain: [channel]",
            "grain: [channel]\nrows: {max: 9}",
            "metrics.takings",
            "contract_changed",
        ),
        (
            "sql/metrics/takings.yml",
            "meaning: Sales., required: true",
            "meaning: Sales., required: true, range: {min: 0}",
            "metrics.takings",
            "contract_changed",
        ),
        (
            "sql/metrics/takings.yml",
            "Where it was sold., required: true",
            "Where it was sold., required: true, severity: warn",
            "metrics.takings",
            "contract_changed",
        ),
    ];
    let project = built();
    for (file, from, to, table, reason) in cases {
        let project = project.copy();
        project.edit(file, from, to);
        let stale = stale(&project);
        for day in ["2024-03-04", "2024-03-05", "2024-03-06"] {
            let told = format!("{table} {day}: {reason}");
            assert!(stale.iter().any(|line| line.starts_with(&told)), "{to}: {told} in {stale:?}");
        }
    }
}

#[test]
fn a_declared_row_rebuilds_its_table_and_a_wrong_one_is_told_with_its_place() {
    let project = Project::small();
    project.write(
        "sql/marts/channel_targets.yml",
        "description: One row per channel with a target.\ngrain: [channel]\ncolumns:\n  \
         - {name: channel, type: string, meaning: m, required: true, accepted: [web, store]}\n  \
         - {name: sale_count, type: integer, meaning: m, range: {min: 1}}\n",
    );
    let settings = project.read("rapport.yaml");
    let told = project.run("rapport", &["check"]);
    assert_eq!(told.exit_code, 2, "{}", told.stderr);
    assert!(told.stderr.contains("`declarations`"), "{}", told.stderr);

    let rows = "tables:\n  channel_targets:\n    - {channel: web, sale_count: 3}\n";
    project.write("targets.yaml", rows);
    project.write("rapport.yaml", format!("declarations: [targets.yaml]\n{settings}"));
    project.must_run("daily", &DAYS);
    project.edit("targets.yaml", "tables:", "# A remark.\ntables:");
    assert_eq!(stale(&project), Vec::<String>::new());
    project.edit("targets.yaml", "sale_count: 3", "sale_count: 4");
    assert_eq!(
        stale(&project),
        ["04", "05", "06"].map(|d| format!("marts.channel_targets 2024-03-{d}: model_changed"))
    );

    project.edit("targets.yaml", "channel: web", "channel: stor");
    project.edit("targets.yaml", "tables:\n", "tables:\n  chanel_targets: []\n");
    let told = project.run("rapport", &["check"]);
    assert_eq!(told.exit_code, 2, "{}", told.stderr);
    for expected in [
        "targets.yaml:5:17: unknown `channel` `stor`, did you mean `store`?",
        "targets.yaml:3:19: no table `chanel_targets` takes rows, did you mean `channel_targets`?",
    ] {
        assert!(told.stderr.contains(expected), "{expected} in {}", told.stderr);
    }
}

#[test]
fn a_changed_schedule_rebuilds_what_measures_time_by_it() {
    let project = Project::small();
    let hours = "schedules:
  till: {time_zone: UTC, hours: {monday: ['09:00-17:00']}}
  desk: {time_zone: UTC, hours: {monday: ['09:00-17:00']}}
";
    project.write("hours.yaml", hours);
    let settings = project.read("rapport.yaml");
    project.write("rapport.yaml", format!("schedules: hours.yaml\n{settings}"));
    let minutes = |schedule: &str| {
        format!(
            "count(*) + 0 * max(business_minutes(timestamp '2024-03-04 00:00:00', \
             timestamp '2024-03-05 00:00:00', {schedule})) as sale_count"
        )
    };
    project.edit("sql/metrics/takings.sql", "count(*) as sale_count", &minutes("'till'"));
    project.must_run("daily", &DAYS);
    assert_eq!(stale(&project), Vec::<String>::new());

    project.write("hours.yaml", format!("# A remark.\n{hours}"));
    project.edit("hours.yaml", "desk: {time_zone: UTC", "desk: {time_zone: Europe/Paris");
    assert_eq!(stale(&project), Vec::<String>::new());
    project.edit("hours.yaml", "till: {time_zone: UTC", "till: {time_zone: Europe/Paris");
    assert_eq!(
        stale(&project),
        ["04", "05", "06"].map(|d| format!("metrics.takings 2024-03-{d}: schedules_changed"))
    );

    project.edit("sql/metrics/takings.sql", &minutes("'till'"), &minutes("'tull'"));
    let told = project.run("rapport", &["check"]);
    assert_eq!(told.exit_code, 2, "{}", told.stderr);
    let expected = "`tull` is not a schedule of the project, did you mean `till`?";
    let message = &told.stderr;
    assert!(message.contains("takings.sql:") && message.contains(expected), "{message}");
}

#[test]
fn an_input_that_will_be_rebuilt_is_stale_and_not_gone() {
    let project = built();
    let sales = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", sales.replace("S-", "S-9"));
    let stale = stale(&project);
    let told = |table: &str| stale.iter().find(|line| line.starts_with(table)).unwrap().as_str();
    assert_eq!(told("staging.sales 2024-03-05"), "staging.sales 2024-03-05: input_stale");
    // The customers of the 5th read sales of that day only, and their own yesterday, which is fresh.
    assert_eq!(told("marts.customers 2024-03-05"), "marts.customers 2024-03-05: input_stale");
    assert!(stale.iter().all(|line| !line.contains("gone")), "{stale:?}");
    let text = project.run("rapport", &[&["plan"], &DAYS[..]].concat()).stdout;
    assert!(!text.contains("is gone"), "{text}");
}

#[test]
fn a_parameter_of_a_check_alone_is_checked_anew() {
    let project = Project::small();
    let check = "checks:\n  - name: few\n    meaning: A till has few sales.\n    \
                 sql: select * from this where sale_count > $most_sales\n";
    let contract = project.read("sql/metrics/takings.yml");
    project.write("sql/metrics/takings.yml", format!("{contract}\n{check}"));
    project.edit("rapport.yaml", "parameters:", "parameters:\n  most_sales: 100");
    project.must_run("daily", &DAYS);
    project.edit("rapport.yaml", "most_sales: 100", "most_sales: 1");
    assert_eq!(
        stale(&project),
        ["04", "05", "06"].map(|d| format!("metrics.takings 2024-03-{d}: parameters_changed"))
    );
    let before = project.published();
    let result = project.run("daily", &DAYS).expect(10);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("metrics.takings dt=2024-03-04: few (1 rows)"), "{message}");
    assert_eq!(project.published(), before);
    project.assert_nothing_left_behind();
}

#[test]
fn an_input_that_will_be_rebuilt_is_told_as_stale_and_not_as_gone() {
    let project = built();
    let sales = project.read("landing/sales/2024-03-06.csv");
    project.write("landing/sales/2024-03-06.csv", sales.replace("5.00", "15.00"));
    assert_eq!(
        stale(&project),
        [
            "raw.sales 2024-03-06: export_changed",
            "staging.sales 2024-03-06: input_stale",
            "marts.customers 2024-03-06: input_stale",
            // It reads both the sales and the customers.
            "metrics.takings 2024-03-06: input_stale, input_stale",
        ]
    );
}

const REPLACED: &str = "landing/sales/2024-03-05.csv";

fn replaced_in_place(project: &Project, sales: &str) {
    project.write(REPLACED, sales);
}

/// As `cp -p` and `rsync -t` do it: another file under the name, with the time of the first.
fn replaced_with_its_time(project: &Project, sales: &str) {
    let time = std::fs::metadata(project.path(REPLACED)).unwrap().modified().unwrap();
    project.write("other.csv", sales);
    let other = project.path("other.csv");
    std::fs::File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
    std::fs::rename(other, project.path(REPLACED)).unwrap();
}

#[test]
fn an_export_replaced_by_another_of_the_same_size_is_noticed() {
    let built = built();
    let before = built.published();
    for replace in [replaced_in_place, replaced_with_its_time] {
        let project = built.copy();
        let sales = project.read("landing/sales/2024-03-05.csv");
        replace(&project, &sales.replace("7.75", "8.75"));
        let told = "raw.sales 2024-03-05: export_changed".to_string();
        assert!(stale(&project).contains(&told), "{:?}", stale(&project));
        let result = project.must_run("daily", &DAYS);
        // What ada paid on the 5th is in the customers of the 5th and the 6th.
        assert_eq!(result["built_count"], 5, "{result}");
        assert_ne!(project.published(), before);
        let reason = |entry: &rapport::lake::ledger::Entry| {
            let is_it = entry.partition.to_string() == "raw.sales dt=2024-03-05";
            is_it.then(|| entry.reason.clone())
        };
        let last = project.history().iter().filter_map(reason).next_back().unwrap();
        assert_eq!(last, "changed export sales/2024-03-05.csv");
        assert_eq!(stale(&project), Vec::<String>::new());
        // And back again.
        replace(&project, &sales);
        project.must_run("daily", &DAYS);
        assert_eq!(project.published(), before);
    }
}

#[test]
fn an_export_written_anew_with_the_same_content_rebuilds_nothing() {
    let project = Project::small();
    let sales = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", format!("{sales}S-x,,,,\n"));
    project.edit("sources/sales.yaml", "maximum_bad_share: 0.2", "maximum_bad_share: 0.5");
    project.must_run("daily", &DAYS);
    let before = project.published();
    // The day was let through; the limit is lowered again.
    project.edit("sources/sales.yaml", "maximum_bad_share: 0.5", "maximum_bad_share: 0");
    let sales = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", sales);

    assert_eq!(stale(&project), Vec::<String>::new());
    let result = project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!(result["fresh_count"], 12);
    assert_eq!(result["accounting"]["sales"]["quarantined_row_count"], 1);
    assert_eq!(project.published(), before);
    let entries = project.history();
    let noted: Vec<_> = entries.iter().filter(|entry| entry.version == 2).collect();
    let tables: Vec<_> = noted.iter().map(|entry| entry.partition.table.to_string()).collect();
    assert_eq!(tables, ["raw.sales", "quarantine.sales"]);
    for entry in noted {
        let first = entries.iter().find(|first| first.partition == entry.partition).unwrap();
        assert_eq!(entry.fingerprint, first.fingerprint);
        assert_eq!(entry.content_hash, first.content_hash);
        assert_eq!(entry.reason, "exports were written anew, with the same content");
    }
    // It is known by its new marks now.
    project.must_run("daily", &DAYS);
    assert_eq!(project.history().len(), entries.len());
    project.assert_nothing_left_behind();
}

#[test]
fn a_ledger_without_marks_of_exports_reads_them_once_more() {
    let project = built();
    for path in crate::harness::files_below(&project.path("warehouse/_rapport/ledger/entries")) {
        let mut entry: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let exports = entry.get_mut("exports").and_then(|exports| exports.as_array_mut());
        for export in exports.into_iter().flatten() {
            let export = export.as_object_mut().unwrap();
            assert!(export.remove("e_tag").is_some());
            assert!(export.remove("row_count").is_some());
        }
        std::fs::write(&path, entry.to_string()).unwrap();
    }
    assert_eq!(stale(&project), Vec::<String>::new());
    let result = project.must_run("daily", &DAYS);
    assert_eq!((&result["built_count"], &result["fresh_count"]), (&0.into(), &12.into()));
    let marked = |entry: &rapport::lake::ledger::Entry| {
        entry.version == 2 && entry.exports.iter().all(|export| export.e_tag.is_some())
    };
    assert_eq!(project.history().iter().filter(|entry| marked(entry)).count(), 6);
}

#[test]
fn a_stale_day_before_the_first_of_a_run_is_told() {
    let project = Project::small();
    assert_eq!(project.must_run("daily", &DAYS)["stale_earlier_days"], serde_json::json!([]));
    // A late file: the customers of the 6th go on from those of the 4th without it.
    project.write(
        "landing/sales/2024-03-04-late.csv",
        "sale_id,sold_at,customer_email,channel,amount\nS-7,2024-03-04T19:00:00Z,,web,1.00\n",
    );
    let sixth = ["--date", "2024-03-06"];
    let finished = project.run("daily", &sixth);
    let result = finished.expect(0);
    assert_eq!((&result["fresh_count"], &result["built_count"]), (&4.into(), &0.into()));
    // The 5th is only as stale as what it continues.
    assert_eq!(result["stale_earlier_days"], serde_json::json!(["2024-03-04", "2024-03-05"]));
    let said =
        "earlier days are stale, and what was built continues them: run again from 2024-03-04";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    // Days of which nothing is published are none that somebody forgot.
    let only = Project::small();
    let result = only.must_run("daily", &sixth);
    assert_eq!(result["stale_earlier_days"], serde_json::json!([]));

    project.must_run("daily", &["--from", "2024-03-04", "--to", "2024-03-07"]);
    assert_eq!(project.must_run("daily", &sixth)["stale_earlier_days"], serde_json::json!([]));
}

/// Rows of raw by day.
fn raw_rows(project: &Project) -> Vec<u64> {
    rows_of(project, "raw.sales")
}

/// Rows of a table by day.
fn rows_of(project: &Project, table: &str) -> Vec<u64> {
    let mut current = std::collections::BTreeMap::new();
    for entry in project.history() {
        if entry.partition.table.to_string() == table {
            current.insert(entry.partition.dt, entry.row_count);
        }
    }
    current.into_values().collect()
}

#[test]
fn a_replay_is_judged_anew_when_its_original_comes_or_changes() {
    let project = Project::small();
    let original = project.read("landing/sales/2024-03-04.csv");
    project.write("landing/sales/2024-03-05-again.csv", &original);
    project.must_run("daily", &DAYS);
    assert_eq!(raw_rows(&project)[..2], [3, 2], "the second file is a replay");
    assert_eq!(stale(&project), Vec::<String>::new());

    // The original is corrected: what repeated it stands for itself now.
    project.write("landing/sales/2024-03-04.csv", original.replace("12.50", "13.50"));
    project.must_run("ingest", &DAYS);
    assert_eq!(raw_rows(&project)[..2], [3, 5]);
    project.must_run("daily", &DAYS);
    assert_eq!(stale(&project), Vec::<String>::new());

    // And back: the order in which days come does not matter.
    project.write("landing/sales/2024-03-04.csv", &original);
    project.must_run("ingest", &["--date", "2024-03-04"]);
    let replay = "raw.sales 2024-03-05: replay_changed".to_string();
    assert!(stale(&project).contains(&replay), "{:?}", stale(&project));
    project.must_run("daily", &DAYS);
    assert_eq!(raw_rows(&project)[..2], [3, 2]);

    // The original is taken back, while its day goes on with another file.
    project.write("landing/sales/2024-03-04-b.csv", original.replace("S-", "S-9"));
    std::fs::remove_file(project.path("landing/sales/2024-03-04.csv")).unwrap();
    project.must_run("daily", &DAYS);
    assert_eq!(raw_rows(&project)[..2], [3, 5]);
    assert_eq!(stale(&project), Vec::<String>::new());
    project.assert_nothing_left_behind();
}

/// A row that goes to quarantine leaves raw as it is, and was delivered all the same.
#[test]
fn the_accounting_of_exports_is_an_input_where_raw_stays_as_it_is() {
    let project = Project::small();
    project.write(
        "sql/marts/deliveries.sql",
        "select source, quarantined_row_count from staging.export_accounting
        where dt = $run_date order by source",
    );
    project.write(
        "sql/marts/deliveries.yml",
        "description: One row per source.\ngrain: [source]\ncolumns:
  - {name: source, type: string, meaning: The source.}
  - {name: quarantined_row_count, type: integer, meaning: Bad rows.}\n",
    );
    project.edit("sources/sales.yaml", "maximum_bad_share: 0.2", "maximum_bad_share: 0.5");
    project.must_run("daily", &DAYS);
    let accounting = |dt: &str| {
        harness::rows_of(
            &project.path(&format!("warehouse/staging/export_accounting/dt={dt}/data.parquet")),
        )
    };
    let of_sales = |file_count: u64, accepted: u64, quarantined: u64, duplicates: u64| {
        let row = json!({
            "source": "sales",
            "file_count": file_count,
            "read_row_count": accepted + quarantined + duplicates,
            "accepted_row_count": accepted,
            "quarantined_row_count": quarantined,
            "duplicate_row_count": duplicates,
            "kept_duplicate_row_count": 0,
        });
        vec![row.as_object().unwrap().clone()]
    };
    assert_eq!(accounting("2024-03-05"), of_sales(1, 2, 0, 0));

    let sales = project.read("landing/sales/2024-03-05.csv");
    project.write("landing/sales/2024-03-05.csv", format!("{sales}S-x,,,,\n"));
    let plan = stale(&project);
    let told = "staging.export_accounting 2024-03-05: input_stale";
    assert!(plan.iter().any(|line| line == told), "{plan:?}");
    project.must_run("daily", &DAYS);
    assert_eq!(accounting("2024-03-05"), of_sales(1, 2, 1, 0));
    let entries = project.history();
    let last = |table: &str| {
        let is_it = |entry: &&rapport::lake::ledger::Entry| {
            entry.partition.to_string() == format!("{table} dt=2024-03-05")
        };
        entries.iter().rev().find(is_it).unwrap()
    };
    assert_eq!(last("staging.export_accounting").reason, "changed accounting of exports");
    assert_eq!(last("staging.sales").version, 1, "raw is as it was");
    assert_eq!(last("marts.deliveries").version, 2);
    assert_eq!(stale(&project), Vec::<String>::new());

    // A file that came before is read, and none of its rows is new.
    let again = project.read("landing/sales/2024-03-04.csv");
    project.write("landing/sales/2024-03-05-again.csv", again);
    project.must_run("daily", &DAYS);
    assert_eq!(accounting("2024-03-05"), of_sales(2, 2, 1, 3));
    // The same, had all of it lain there from the start.
    let scratch = project.copy();
    std::fs::remove_dir_all(scratch.path("warehouse")).unwrap();
    scratch.must_run("daily", &DAYS);
    assert_eq!(scratch.published(), project.published());
    // Where nothing asks for it there is none.
    assert!(!built().path("warehouse/staging/export_accounting").exists());
}

#[test]
fn rows_of_repeated_files_are_read_and_dropped() {
    let project = Project::small();
    for (file, again) in [("04", "05-again"), ("06", "06-twice")] {
        let original = project.read(&format!("landing/sales/2024-03-{file}.csv"));
        project.write(&format!("landing/sales/2024-03-{again}.csv"), original);
    }
    // With the original's day in the ledger, and without it.
    for days in [&DAYS[..], &["--from", "2024-03-05", "--to", "2024-03-07"]] {
        let project = project.copy();
        let result = project.must_run("ingest", days);
        let last = raw_rows(&project).pop().unwrap();
        let mut sum = rapport::lake::ledger::Accounting::default();
        for entry in project.history() {
            let Some(told) = entry.accounting else { continue };
            sum = sum.plus(told);
            let (duplicates, rows_of_files) = match entry.partition.dt.to_string() {
                dt if dt.ends_with("05") => (3, vec![Some(3), Some(2)]),
                dt if dt.ends_with("06") => (last, vec![Some(last), Some(last)]),
                _ => (0, vec![Some(3)]),
            };
            assert_eq!(told.duplicate_row_count, duplicates, "{}", entry.partition);
            assert_eq!(told.accepted_row_count, entry.row_count);
            assert_eq!(told.read_row_count, entry.row_count + duplicates);
            let row_counts: Vec<_> = entry.exports.iter().map(|file| file.row_count).collect();
            assert_eq!(row_counts, rows_of_files, "{}", entry.partition);
        }
        assert_eq!(result["accounting"]["sales"], serde_json::to_value(sum).unwrap());
    }
}

#[test]
fn a_file_compressed_anew_is_the_same_file() {
    let project = Project::small();
    let original = project.read("landing/sales/2024-03-04.csv");
    project.edit("sources/sales.yaml", "{dt}*.csv", "{dt}*.csv*");
    let zipped = zstd::encode_all(original.as_bytes(), 1).unwrap();
    project.write("landing/sales/2024-03-05-again.csv.zst", zipped);
    let finished = project.run("daily", &DAYS);
    finished.expect(0);
    assert!(finished.stderr.contains("delivered again"), "{}", finished.stderr);
    assert_eq!(raw_rows(&project)[..2], [3, 2]);
    assert_eq!(stale(&project), Vec::<String>::new());
    // The original comes compressed, too: it is another object, and holds the same.
    std::fs::remove_file(project.path("landing/sales/2024-03-04.csv")).unwrap();
    let zipped = zstd::encode_all(original.as_bytes(), 19).unwrap();
    project.write("landing/sales/2024-03-04.csv.zst", zipped);
    project.must_run("daily", &DAYS);
    assert_eq!(raw_rows(&project)[..2], [3, 2]);
    assert_eq!(stale(&project), Vec::<String>::new());
}

#[test]
fn a_delta_that_comes_again_takes_no_state_back() {
    let project = Project::small();
    let source = "description: Members who were changed.\nlocation: members/{dt}.csv\nformat: csv\n\
                  load: changes\nkey: [member_no]\noperation: {column: op, delete: [D]}\n\
                  columns:\n  - {name: op, type: string}\n  - {name: member_no, type: string}\n";
    project.write("sources/members.yaml", source);
    let joined = "op,member_no\nU,1\nU,2\n";
    project.write("landing/members/2024-03-04.csv", joined);
    project.write("landing/members/2024-03-05.csv", "op,member_no\nD,2\n");
    project.write("landing/members/2024-03-06.csv", joined);
    project.must_run("daily", &DAYS);
    assert_eq!(rows_of(&project, "raw.members"), [2, 1, 0]);
    assert_eq!(rows_of(&project, "staging.current_members"), [2, 1, 1]);
    // Where it may be meant, it is said so.
    project.write("sources/members.yaml", format!("{source}replay_window_days: 0\n"));
    project.must_run("daily", &DAYS);
    assert_eq!(rows_of(&project, "raw.members"), [2, 1, 2]);
    assert_eq!(rows_of(&project, "staging.current_members"), [2, 1, 2]);
    assert_eq!(stale(&project), Vec::<String>::new());
}

#[test]
fn days_without_sales_are_no_replays_of_each_other() {
    let project = Project::small();
    for file in ["2024-03-04", "2024-03-05", "2024-03-05-b", "2024-03-06"] {
        let header = "sale_id,sold_at,customer_email,channel,amount\n";
        project.write(&format!("landing/sales/{file}.csv"), header);
    }
    let finished = project.run("daily", &DAYS);
    finished.expect(0);
    assert!(!finished.stderr.contains("WARN"), "{}", finished.stderr);
    assert_eq!(raw_rows(&project), [0, 0, 0]);
    assert_eq!(stale(&project), Vec::<String>::new());
    // With a row they are.
    let sales = project.read("landing/sales/2024-03-04.csv") + "S-1,2024-03-04,,web,1.00\n";
    project.write("landing/sales/2024-03-04.csv", &sales);
    project.write("landing/sales/2024-03-06.csv", &sales);
    let finished = project.run("daily", &DAYS);
    finished.expect(0);
    assert!(finished.stderr.contains("delivered again"), "{}", finished.stderr);
    assert_eq!(raw_rows(&project), [1, 0, 0]);
    assert_eq!(stale(&project), Vec::<String>::new());
}

#[test]
fn a_day_whose_original_was_never_ingested_is_judged_once() {
    let project = Project::small();
    let original = project.read("landing/sales/2024-03-04.csv");
    project.write("landing/sales/2024-03-05-again.csv", &original);
    project.must_run("ingest", &["--date", "2024-03-05"]);
    assert_eq!(raw_rows(&project), [2]);
    let result = project.must_run("ingest", &["--date", "2024-03-05"]);
    assert_eq!(result["built_count"], 0);
    assert_eq!(result["unchanged_count"], 0);
}

/// A source that rewrites its recent files has them looked at again.
#[test]
fn a_run_looks_back_as_far_as_a_source_says() {
    let project = built();
    project.edit("sources/sales.yaml", "load: events", "load: events\nlookback_days: 1");
    assert_eq!(stale(&project), Vec::<String>::new());
    project.edit("landing/sales/2024-03-04.csv", "12.50", "13.50");
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    let result = project.must_run("daily", &["--date", "2024-03-06"]);
    // Of the day before, what reads the sales; of the day before that nothing, which is told.
    let tables = ["metrics.takings", "raw.sales", "staging.sales"];
    let told = result["row_counts"].as_object().unwrap();
    assert!(tables.iter().all(|table| told.contains_key(*table)), "{result}");
    assert_eq!(result["stale_earlier_days"], json!(["2024-03-04", "2024-03-05"]));
    let history = project.history();
    let mut second = history.iter().filter(|entry| entry.version == 2).peekable();
    assert!(second.peek().is_some());
    assert!(second.all(|entry| entry.partition.dt >= "2024-03-05".parse().unwrap()));

    // What is broken there is told, and holds the day that was asked for back no more than before.
    project.write("landing/sales/2024-03-05.csv", "not,these,columns\n1,2,3\n");
    project.edit("landing/sales/2024-03-06.csv", "5.00", "6.00");
    let finished = project.run("daily", &["--date", "2024-03-06"]);
    let result = finished.expect(11);
    assert_eq!(result["failures"][0]["dt"], "2024-03-05", "{result}");
    assert_eq!(result["not_begun_from"], serde_json::Value::Null);
    assert!(result["row_counts"]["raw.sales"].as_u64().is_some(), "{result}");

    // Days that were never built are not begun by it.
    let project = Project::small();
    project.edit("sources/sales.yaml", "load: events", "load: events\nlookback_days: 2");
    project.must_run("daily", &["--date", "2024-03-06"]);
    assert!(project.published().keys().all(|one| one.dt.to_string() == "2024-03-06"));
}
