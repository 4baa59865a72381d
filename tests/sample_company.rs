//! The sample company's clean exports through `daily`, as a newcomer runs it: nothing is lost on
//! the way, every entity is fed, and the metrics are what the truth says they are.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{Project, files_below};

const DAYS: [&str; 4] = ["--from", "2024-03-29", "--to", "2024-04-02"];

/// The shipped settings, with the exports of a company of three thousand customers.
fn company() -> Project {
    let project = Project::local();
    let exports = ["--out", "exports", "--customers", "3000", "--dirt", "none"];
    let made = project.must_run("sample-exports", &[&exports[..], &DAYS].concat());
    assert_eq!(made["fault_counts"], serde_json::json!({}), "{made}");
    project
}

/// Four days around the change to summer time, a bank holiday among them.
#[test]
fn clean_exports_come_out_as_the_truth_says() {
    let project = company();
    let result = project.must_run("daily", &DAYS);
    for (source, counts) in result["accounting"].as_object().unwrap() {
        assert!(counts["read_row_count"].as_u64() > Some(0), "nothing was read of {source}");
        assert_eq!(counts["read_row_count"], counts["accepted_row_count"], "{source}");
    }
    for path in files_below(Path::new("sql/entities")) {
        let entity = path.file_stem().unwrap().to_str().unwrap();
        // The company does not listen to what is said of its competitors.
        if entity == "competitor_mentions" {
            continue;
        }
        let count = &result["row_counts"][format!("staging.{entity}")];
        assert!(count.as_u64() > Some(0), "nothing feeds {entity}");
    }
    // Who is who decides about the customer type and the segment, of which the truth has the total
    // alone. A row that only corrects other days' first and latest ratings counts no answers.
    let is_total = |row: &Row| {
        ["customer_type", "segment"].iter().all(|name| row.get(*name).is_none_or(|of| of == "all"))
            && row.get("asked_count").is_none_or(|count| count != "0")
    };
    for (table, keys) in [
        ("revenue", &["dt", "order_date", "channel"][..]),
        ("nps", &["dt", "response_date", "survey", "channel"]),
        ("csat", &["dt", "response_date", "survey", "channel"]),
        ("service", &["dt", "case_date", "channel"]),
        ("service_backlog", &["dt", "channel"]),
    ] {
        let mut published: Vec<Row> = vec![];
        for file in files_below(&project.path("warehouse/metrics").join(table)) {
            let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let dt = folder.strip_prefix("dt=").unwrap();
            published.extend(rows(&file).into_iter().map(|mut row| {
                row.insert("dt".to_string(), dt.to_string());
                row
            }));
        }
        published.retain(is_total);
        let truth = rows(&project.path(&format!("exports-truth/metrics/{table}.parquet")));
        assert!(truth.len() > 4, "{table}: {} true rows", truth.len());
        // Scores and intervals follow from what the truth has.
        let columns: Vec<&String> = truth[0].keys().collect();
        let told = |rows: &[Row]| -> BTreeMap<Vec<String>, Row> {
            let key = |row: &Row| keys.iter().map(|key| row[*key].clone()).collect();
            let known = |row: &Row| {
                columns.iter().map(|column| ((*column).clone(), row[*column].clone())).collect()
            };
            rows.iter().map(|row| (key(row), known(row))).collect()
        };
        assert_eq!(told(&published), told(&truth), "{table}");
    }
}

/// A row as text by column; null is empty.
type Row = BTreeMap<String, String>;

fn rows(file: &Path) -> Vec<Row> {
    let file = std::fs::File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let options = FormatOptions::new();
    let row_of = |batch: &RecordBatch, row: usize| -> Row {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns());
        let cell = |(field, array): (&arrow::datatypes::FieldRef, &arrow::array::ArrayRef)| {
            let text = ArrayFormatter::try_new(array.as_ref(), &options).unwrap();
            (field.name().clone(), text.value(row).to_string())
        };
        columns.map(cell).collect()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| row_of(batch, row))).collect()
}
