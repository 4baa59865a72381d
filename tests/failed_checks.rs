//! A failed check names its rows: they lie in a file that the message names, until the check
//! passes, and no log tells what of them is anybody's own.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::harness::{Finished, Project, rows_of};

const DAY: [&str; 2] = ["--date", "2024-03-04"];

/// What is kept, by the path below `_rapport/failed_checks`.
fn kept(project: &Project) -> Vec<(String, Vec<Map<String, Value>>)> {
    let root = project.path("warehouse/_rapport/failed_checks");
    let files = project.own_files("failed_checks").into_iter();
    let named = files.map(|file| {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_string();
        (name, rows_of(&file))
    });
    named.collect()
}

fn message(finished: &Finished) -> String {
    finished.expect(10)["error"]["message"].as_str().unwrap().to_string()
}

/// The values of `column`, as text.
fn values(rows: &[Map<String, Value>], column: &str) -> Vec<String> {
    let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    rows.iter().map(|row| told(&row[column])).collect()
}

struct Case {
    /// What is done to the small project: file, from, to.
    edit: (&'static str, &'static str, &'static str),
    /// What the message says.
    told: &'static str,
    /// The file that is kept, of 2024-03-04, and the rows in it by one column.
    file: &'static str,
    rows: (&'static str, &'static [&'static str]),
}

const CASES: [Case; 8] = [
    Case {
        edit: (
            "sql/staging/sales.sql",
            "    sale_id,",
            "    case sale_id when 'S-3' then 'S-1' else sale_id end as sale_id,",
        ),
        told: "check staging.sales dt=2024-03-04: unique(sale_id) (2 rows): the grain must \
               identify a row; first sale_id=S-1; its rows are in `",
        file: "staging/sales/dt=2024-03-04/unique-sale_id.parquet",
        rows: ("channel", &["web", "web"]),
    },
    Case {
        edit: (
            "sql/staging/sales.sql",
            "    sold_at,",
            "    case when channel = 'web' then sold_at end as sold_at,",
        ),
        told: "required(sold_at) (1 rows): `sold_at` must not be null; first sale_id=S-2; ",
        file: "staging/sales/dt=2024-03-04/required-sold_at.parquet",
        rows: ("sale_id", &["S-2"]),
    },
    Case {
        edit: ("sql/staging/sales.yml", "accepted: [web, store]", "accepted: [store]"),
        told: "accepted(channel) (2 rows): `channel` must be an accepted value; first sale_id=S-1, \
               sale_id=S-3; ",
        file: "staging/sales/dt=2024-03-04/accepted-channel.parquet",
        rows: ("sale_id", &["S-1", "S-3"]),
    },
    Case {
        edit: ("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 3.21, max: 39.99}"),
        told: "range(amount) (2 rows): `amount` must be within its range; first sale_id=S-2, \
               sale_id=S-3; ",
        file: "staging/sales/dt=2024-03-04/range-amount.parquet",
        rows: ("sale_id", &["S-2", "S-3"]),
    },
    Case {
        edit: (
            "sql/metrics/takings.yml",
            "meaning: Where it was sold., required: true",
            "meaning: Where it was sold., references: staging.sales.sale_id",
        ),
        told: "references(channel, staging.sales.sale_id) (2 rows): every `channel` must be a \
               `sale_id` of staging.sales on the same day; first channel=store, channel=web; ",
        file: "metrics/takings/dt=2024-03-04/references-channel-staging.sales.sale_id.parquet",
        rows: ("sale_count", &["1", "2"]),
    },
    // The grain of customers is an address: nothing of it is told.
    Case {
        edit: ("sql/marts/customers.yml", "where spent_amount < 0", "where spent_amount > 20"),
        told: "nobody_spends_less_than_nothing (1 rows): Sales have no negative amounts; its rows \
               are in `",
        file: "marts/customers/dt=2024-03-04/nobody_spends_less_than_nothing.parquet",
        rows: ("customer_email", &["grace@example.org"]),
    },
    // Whatever a check's own query calls a column, it is told only where it is the grain's own.
    Case {
        edit: (
            "sql/staging/sales.yml",
            "columns:",
            "checks:\n  - name: known\n    meaning: Everybody is known.\n    \
             sql: select customer_email as sale_id, sold_at - sold_at as since from this where \
             customer_email is not null\ncolumns:",
        ),
        told: "known (2 rows): Everybody is known; its rows are in `",
        file: "staging/sales/dt=2024-03-04/known.parquet",
        rows: ("sale_id", &["ada.lovelace@example.com", "grace@example.org"]),
    },
    Case {
        edit: (
            "sql/metrics/takings.sql",
            "    takings.amount,",
            "    takings.amount, 0.0 / (takings.sale_count - 1) as share,",
        ),
        told: "number(share) (1 rows): `share` must be a finite number; first channel=store; ",
        file: "metrics/takings/dt=2024-03-04/number-share.parquet",
        rows: ("channel", &["store"]),
    },
];

#[test]
fn every_kind_of_check_names_the_rows_that_break_it() {
    for case in CASES {
        let project = Project::small();
        let (file, from, to) = case.edit;
        let original = project.read(file);
        project.edit(file, from, to);
        if case.file.contains("number") {
            project.edit(
                "sql/metrics/takings.yml",
                "columns:",
                "columns:\n  - {name: share, type: double, meaning: Nothing by a count.}",
            );
        }
        let finished = project.run("daily", &DAY);
        let message = message(&finished);
        assert!(message.contains(case.told), "{message}\nlacks {}", case.told);
        let place = project.path("warehouse/_rapport/failed_checks").join(case.file);
        assert!(message.contains(&format!("in `{}`", place.display())), "{message}");
        assert!(message.ends_with("; nothing of it was published"), "{message}");

        let kept = kept(&project);
        let [(name, rows)] = kept.as_slice() else { panic!("{kept:?}") };
        assert_eq!(name, case.file);
        assert_eq!(values(rows, case.rows.0), case.rows.1, "{name}");
        let told = [finished.stdout, finished.stderr].concat() + &runs(&project);
        assert!(!told.contains("@example") && !told.contains("@Example"), "{told}");
        project.assert_nothing_left_behind();

        // Mended: nothing of it stays.
        project.write(file, original);
        if case.file.contains("number") {
            project.edit("sql/metrics/takings.yml", "  - {name: share, type: double", "#");
        }
        project.must_run("daily", &DAY);
        assert_eq!(project.own_files("failed_checks"), Vec::<std::path::PathBuf>::new());
    }
}

/// What is recorded of the project's runs.
fn runs(project: &Project) -> String {
    let files = project.own_files("runs");
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn every_check_that_fails_is_named_at_once_and_the_next_run_replaces_what_is_kept() {
    let project = Project::small();
    project.edit("sql/staging/sales.yml", "accepted: [web, store]", "accepted: [store]");
    project.edit("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 10}");
    let message_of = |project: &Project| message(&project.run("daily", &DAY));
    let first = message_of(&project);
    assert!(first.contains("accepted(channel) (2 rows)"), "{first}");
    assert!(first.contains("range(amount) (1 rows)"), "{first}");
    assert_eq!(kept(&project).len(), 2);

    project.edit("sql/staging/sales.yml", "accepted: [store]", "accepted: [store, web]");
    project.edit("sql/staging/sales.yml", "range: {min: 10}", "range: {min: 20}");
    let second = message_of(&project);
    assert!(!second.contains("accepted"), "{second}");
    let kept = kept(&project);
    let [(name, rows)] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(name, "staging/sales/dt=2024-03-04/range-amount.parquet");
    assert_eq!(values(rows, "sale_id"), ["S-1", "S-2"]);
}

#[test]
fn a_warning_keeps_its_rows_as_long_as_it_holds() {
    let project = Project::small();
    let to = "accepted: [store], severity: warn";
    project.edit("sql/staging/sales.yml", "accepted: [web, store]", to);
    let finished = project.run("daily", &[&DAY[..], &["--log-format", "json"]].concat());
    assert_eq!(finished.expect(0)["warning_count"], 1);
    let file = "staging/sales/dt=2024-03-04/accepted-channel.parquet";
    assert!(finished.stderr.contains(file), "{}", finished.stderr);
    assert_eq!(kept(&project)[0].0, file);
    let entries = project.history();
    let entry = entries.iter().find(|entry| entry.partition.table.to_string() == "staging.sales");
    assert_eq!(entry.unwrap().warnings["accepted(channel)"], 2);

    project.must_run("daily", &DAY);
    assert_eq!(kept(&project).len(), 1, "a rerun that has nothing to do removes nothing");
    project.edit("sql/staging/sales.yml", to, "accepted: [web, store], severity: warn");
    project.must_run("daily", &DAY);
    assert_eq!(kept(&project), []);
}

#[test]
fn taking_back_what_broke_a_check_removes_its_rows_without_a_build() {
    let project = Project::small();
    project.must_run("daily", &DAY);
    project.edit("sql/staging/sales.yml", "range: {min: 0}", "range: {min: 10}");
    message(&project.run("daily", &DAY));
    assert_eq!(kept(&project).len(), 1);
    project.edit("sql/staging/sales.yml", "range: {min: 10}", "range: {min: 0}");
    project.run("daily", &[&DAY[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!(kept(&project), []);
}

#[test]
fn of_very_many_rows_the_first_are_kept() {
    let project = Project::small();
    let mut text = String::from("sale_id,sold_at,customer_email,channel,amount\n");
    for number in 0..12_000 {
        writeln!(text, "S-{number:05},2024-03-04T09:15:00Z,,web,-1.00").unwrap();
    }
    project.write("landing/sales/2024-03-04.csv", text);
    let message = message(&project.run("daily", &DAY));
    let told = "range(amount) (12000 rows): `amount` must be within its range; first sale_id=S-00000, \
                sale_id=S-00001, sale_id=S-00002; 10000 of its rows are in `";
    assert!(message.contains(told), "{message}");
    let ids = values(&kept(&project)[0].1, "sale_id");
    assert_eq!((ids.len(), ids[9_999].as_str()), (10_000, "S-09999"));
}

#[test]
fn a_column_that_a_source_calls_personal_is_personal_in_its_state() {
    let project = Project::small();
    project.edit(
        "sources/sales.yaml",
        "load: events",
        "load: changes\nkey: [customer_email, channel]\n\
         operation: {column: sale_id, delete: [S-2]}",
    );
    let settings = rapport::config::Settings::read(&project.path("rapport.yaml")).unwrap();
    let catalogue = rapport::models::Catalogue::read(&settings).unwrap();
    let name = rapport::lake::TableName::new("staging", "current_sales");
    let contract = catalogue.get(&name).unwrap().contract.clone().unwrap();
    assert_eq!(contract.column("customer_email").unwrap().personal.as_deref(), Some("email"));
    assert_eq!(contract.column("channel").unwrap().personal, None);
}
