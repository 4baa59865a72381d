//! What moved of published figures is told: which, in which row, from what to what, why and by which
//! run; by every version, and however often it is built.

use serde_json::{Map, Value, json};

use crate::harness::{Project, rows_of};
use crate::measures;

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

fn restatements(project: &Project, dt: &str) -> Vec<Map<String, Value>> {
    rows_of(&project.path(&format!("warehouse/metrics/restatements/dt={dt}/data.parquet")))
}

/// Of one table: version, row, column, before and after.
fn moved(project: &Project, dt: &str, table: &str) -> Vec<Value> {
    let rows = restatements(project, dt).into_iter().filter(|row| row["table_name"] == table);
    let told = rows.map(|row| {
        let columns = ["version", "dimensions", "column_name", "value_before", "value_after"];
        Value::Array(columns.iter().map(|column| row[*column].clone()).collect())
    });
    told.collect()
}

fn built() -> Project {
    let project = measures::project();
    project.must_run("daily", &DAYS);
    project
}

#[test]
fn figures_that_moved_are_told_with_their_run_and_reason() {
    let project = built();
    for day in ["2024-03-04", "2024-03-05", "2024-03-06"] {
        assert_eq!(restatements(&project, day), [], "{day}");
    }

    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.must_run("daily", &[&DAYS[..], &["--run-id", "corrected"]].concat());
    let store = r#"{"sale_date":"2024-03-05","channel":"store"}"#;
    let by_first_correction = [
        json!([2, store, "amount", "7.75", "8.75"]),
        json!([2, store, "average_amount", "7.75", "8.75"]),
        json!([2, store, "largest_amount", "7.75", "8.75"]),
    ];
    assert_eq!(moved(&project, "2024-03-05", "daily"), by_first_correction);
    // 10.95 over two sales, then 11.95, to the penny.
    let window = |days: u8| format!(r#"{{"window_days":"{days}","channel":"store"}}"#);
    let of_window = |days: u8| {
        [
            json!([2, window(days), "amount", "10.95", "11.95"]),
            json!([2, window(days), "average_amount", "5.48", "5.98"]),
            json!([2, window(days), "largest_amount", "7.75", "8.75"]),
        ]
    };
    assert_eq!(moved(&project, "2024-03-05", "daily_trend"), [of_window(2), of_window(7)].concat());
    // The day after sums it up too; the day before knows nothing of it.
    assert!(!moved(&project, "2024-03-06", "daily_trend").is_empty());
    assert!(moved(&project, "2024-03-06", "daily").is_empty());
    assert_eq!(restatements(&project, "2024-03-04"), []);
    let first = &restatements(&project, "2024-03-05")[0];
    assert_eq!((&first["run_id"], &first["kind"]), (&"corrected".into(), &"changed".into()));
    assert_eq!(first["reason"], "changed input staging.sales dt=2024-03-05");

    // What comes later is told beside it; nothing is told twice, however often it is built.
    let late = "landing/sales/2024-03-05.csv";
    project.write(late, project.read(late) + "S-9,2024-03-05T09:00:00Z,,store,1.00\n");
    project.must_run("daily", &DAYS);
    let told = moved(&project, "2024-03-05", "daily");
    assert_eq!(told[..3], by_first_correction);
    assert_eq!(
        told[3..],
        [
            json!([3, store, "amount", "8.75", "9.75"]),
            json!([3, store, "amount_counts", "[1, 0]", "[2, 0]"]),
            json!([3, store, "average_amount", "8.75", "4.88"]),
            json!([3, store, "sale_count", "1", "2"]),
        ]
    );
    let published = project.published();
    assert_eq!(project.must_run("daily", &DAYS)["built_count"], 0);
    let forced = project.must_run("rapport", &[&["backfill", "--force"], &DAYS[..]].concat());
    assert_eq!(forced["built_count"], 0, "{forced}");
    assert_eq!(project.published(), published);

    // What moved in sum, from the first version to the last, and by the last alone.
    let diff = |arguments: &[&str]| -> Value {
        let command = ["runs", "diff", "metrics.daily", "2024-03-05", "--json"];
        let finished = project.run("rapport", &[&command[..], arguments].concat());
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        serde_json::from_str(&finished.stdout).unwrap()
    };
    let figures = |diff: &Value| -> Vec<Value> {
        let moved = diff["moved"].as_array().unwrap().iter();
        moved.map(|one| json!([one["column"], one["before"], one["after"]])).collect()
    };
    let in_sum = diff(&["--from-version", "1", "--to-version", "3"]);
    let of_all = [
        json!(["amount", "7.75", "9.75"]),
        json!(["amount_counts", "[1, 0]", "[2, 0]"]),
        json!(["average_amount", "7.75", "4.88"]),
        json!(["largest_amount", "7.75", "8.75"]),
        json!(["sale_count", "1", "2"]),
    ];
    assert_eq!(figures(&in_sum), of_all);
    assert_eq!(in_sum["columns"]["amount"]["changed_count"], 1);
    let last = diff(&[]);
    assert_eq!(last["before"], "version 2");
    assert_eq!(figures(&last).len(), 4);

    // A warehouse of its own has another history, and the same figures.
    let anew = project.copy();
    std::fs::remove_dir_all(anew.path("warehouse")).unwrap();
    let late_is_there = anew.read(late);
    anew.write(late, late_is_there.replace("S-9,2024-03-05T09:00:00Z,,store,1.00\n", ""));
    anew.must_run("daily", &DAYS);
    let other = anew.path("warehouse");
    let other = other.to_str().unwrap();
    // Between warehouses as between versions; and of a copy of one object.
    assert_eq!(figures(&diff(&["--with", other])), figures(&last));
    let object = format!("{other}/metrics/daily/dt=2024-03-05/data.parquet");
    assert_eq!(figures(&diff(&["--with", &object])), figures(&last));
    anew.write(late, late_is_there);
    std::fs::remove_dir_all(anew.path("warehouse")).unwrap();
    anew.must_run("daily", &DAYS);
    assert_eq!(figures(&diff(&["--with", other])), Vec::<Value>::new());
    assert_eq!(restatements(&anew, "2024-03-05"), []);
    let figures = |project: &Project| {
        let mut published = project.published();
        published.retain(|partition, _| partition.table.table != "restatements");
        published
    };
    assert_eq!(figures(&anew), figures(&project));
}

#[test]
fn rows_that_come_and_go_are_told_and_so_is_what_nobody_knows_any_more() {
    let project = built();
    project.edit(
        "landing/sales/2024-03-06.csv",
        "S-6,2024-03-06T11:11:11Z,grace@example.org,web",
        "S-6,2024-03-06T11:11:11Z,grace@example.org,store",
    );
    project.must_run("daily", &DAYS);
    let rows = restatements(&project, "2024-03-06");
    let kinds = |channel: &str| -> Vec<&str> {
        let row = format!(r#"{{"sale_date":"2024-03-06","channel":"{channel}"}}"#);
        let rows = rows.iter().filter(|one| one["dimensions"] == row.as_str());
        rows.map(|row| row["kind"].as_str().unwrap()).collect()
    };
    // A sale is a count, an amount, its counts, the largest, the average and a remark.
    assert_eq!(kinds("web"), ["vanished"; 6]);
    assert_eq!(kinds("store"), ["appeared"; 6]);

    // The figures that are replaced are gone.
    std::fs::remove_file(project.path("warehouse/metrics/daily/dt=2024-03-05/data.parquet"))
        .unwrap();
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    project.must_run("daily", &DAYS);
    assert_eq!(moved(&project, "2024-03-05", "daily"), [json!([2, "{}", "*", null, null])]);
    let rows = restatements(&project, "2024-03-05");
    let daily = rows.iter().find(|row| row["table_name"] == "daily").unwrap();
    assert_eq!(daily["kind"], "unknown");
}
