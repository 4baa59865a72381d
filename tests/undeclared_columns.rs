//! What a project can do with columns that come and go in its exports.

use serde_json::{Value, json};

use crate::harness::{Project, rows_of};

/// The small project, whose export has a coupon code on the second day alone.
fn with_coupons(unknown_columns: &str) -> Project {
    let project = Project::small();
    project.edit("sources/sales.yaml", "columns:", &format!("{unknown_columns}\ncolumns:"));
    project.write(
        "landing/sales/2024-03-05.csv",
        "sale_id,sold_at,customer_email,channel,amount,Coupon Code\n\
         S-4,2024-03-05T08:00:00Z,,store,7.75,SPRING\n\
         S-5,2024-03-05T12:30:00Z,,web,99.99,\n",
    );
    project.edit(
        "sql/staging/sales.sql",
        "    channel,\n",
        "    channel,\n    json_text(extra_columns, 'Coupon Code') as coupon,\n",
    );
    project.edit(
        "sql/staging/sales.yml",
        "columns:\n",
        "columns:\n  - {name: coupon, type: string, meaning: The coupon. Null without one.}\n",
    );
    project
}

fn coupons(project: &Project) -> Vec<Value> {
    let days = ["2024-03-04", "2024-03-05"];
    let files = days.map(|day| format!("warehouse/staging/sales/dt={day}/data.parquet"));
    let rows = files.iter().flat_map(|file| rows_of(&project.path(file)));
    rows.map(|row| json!([row["sale_id"], row["coupon"]])).collect()
}

#[test]
fn a_model_reads_an_undeclared_column_by_its_name_and_finds_null_on_days_without_it() {
    let expected = [
        json!(["S-1", null]),
        json!(["S-2", null]),
        json!(["S-3", null]),
        json!(["S-4", "SPRING"]),
        json!(["S-5", null]),
    ];
    for choice in ["text", "widen"] {
        let project = with_coupons(&format!("unknown_columns: {choice}"));
        assert_eq!(project.run("rapport", &["check"]).exit_code, 0);
        project.must_run("ingest", &["--from", "2024-03-04", "--to", "2024-03-06"]);
        assert_eq!(coupons(&project), expected, "{choice}");
        let raw = |day: &str| {
            rows_of(&project.path(&format!("warehouse/raw/sales/dt={day}/data.parquet")))
        };
        let has_own_column = choice == "widen";
        assert!(!raw("2024-03-04")[0].contains_key("coupon_code"), "{choice}");
        assert_eq!(raw("2024-03-05")[0].contains_key("coupon_code"), has_own_column, "{choice}");
    }
}

#[test]
fn only_a_source_that_keeps_undeclared_columns_has_a_place_for_them() {
    for choice in ["fail", "ignore"] {
        let finished =
            with_coupons(&format!("unknown_columns: {choice}")).run("rapport", &["check"]);
        assert_eq!(finished.exit_code, 2, "{choice}");
        assert!(finished.stderr.contains("extra_columns"), "{}", finished.stderr);
    }
}
