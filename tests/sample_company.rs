//! The sample company's exports through `daily`, as a newcomer runs it, clean and dirty: every
//! entity is fed, and every metric table says what the truth says.
//!
//! Counts and sums of facts are the same to the last digit. What counts customers is as far off as
//! who is who was found out wrongly, which is measured in the run itself, and no further.

mod identity;
mod journeys;
mod long_runs;
mod offers;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::FieldRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::harness::{Project, files_below};

/// Exports and truth of a company of three thousand customers, and what `daily` made of them.
struct Company {
    project: Project,
    result: Value,
}

impl Company {
    fn open(from: &str, to: &str, dirt: &str) -> Company {
        let project = Project::local();
        let days = ["--from", from, "--to", to];
        let exports = ["--out", "exports", "--customers", "3000", "--dirt", dirt];
        let made = project.must_run("sample-exports", &[&exports[..], &days].concat());
        assert_eq!(made["fault_counts"] == serde_json::json!({}), dirt == "none", "{made}");
        let result = project.must_run("daily", &days);
        Company { project, result }
    }

    /// The rows of a published table, with their `dt`.
    fn published(&self, table: &str) -> Vec<Row> {
        let mut published: Vec<Row> = vec![];
        for file in files_below(&self.project.path("warehouse").join(table)) {
            let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let dt = folder.strip_prefix("dt=").unwrap();
            published.extend(rows(&file).into_iter().map(|mut row| {
                row.insert("dt".to_string(), dt.to_string());
                row
            }));
        }
        published
    }

    /// The rows of a true table of metrics.
    fn true_metric(&self, table: &str) -> Vec<Row> {
        rows(&self.project.path(&format!("exports-truth/metrics/{table}.parquet")))
    }

    /// The rows of another true table.
    fn truth(&self, table: &str) -> Vec<Row> {
        let files = files_below(&self.project.path("exports-truth").join(table));
        files.iter().flat_map(|file| rows(file)).collect()
    }
}

/// The day before a change to summer time, and the day itself.
#[test]
fn clean_exports_come_out_as_the_truth_says() {
    let company = Company::open("2024-03-30", "2024-04-01", "none");
    for (source, counts) in company.result["accounting"].as_object().unwrap() {
        assert!(counts["read_row_count"].as_u64() > Some(0), "nothing was read of {source}");
        assert_eq!(counts["read_row_count"], counts["accepted_row_count"], "{source}");
    }
    for path in files_below(Path::new("sql/entities")) {
        let entity = path.file_stem().unwrap().to_str().unwrap();
        let count = &company.result["row_counts"][format!("staging.{entity}")];
        assert!(count.as_u64() > Some(0), "nothing feeds {entity}");
    }
    assert_eq!(company.truth("deliveries").len(), 0);
    tables::hold(&company);
    identity::hold(&company);
}

/// The day of the change, and a bank holiday on the first day of a month.
#[test]
fn lightly_dirty_exports_come_out_as_the_truth_says() {
    let company = Company::open("2024-03-31", "2024-04-02", "light");
    tables::hold(&company);
    identity::hold(&company);
}

/// Four days with a bank holiday at either end.
#[test]
fn heavily_dirty_exports_come_out_as_the_truth_says() {
    let company = Company::open("2024-03-29", "2024-04-02", "heavy");
    let deliveries = company.truth("deliveries");
    let count = |is: &dyn Fn(&Row) -> bool| deliveries.iter().filter(|row| is(row)).count();
    assert!(count(&|row| row["told_on"].is_empty()) > 50, "hardly anything is lost");
    assert!(count(&|row| !row["told_on"].is_empty()) > 1, "nothing is late");
    tables::hold(&company);
    identity::hold(&company);
}

/// A row as text by column; null is empty.
type Row = BTreeMap<String, String>;

fn number(row: &Row, column: &str) -> i64 {
    row[column].parse().unwrap()
}

fn rows(file: &Path) -> Vec<Row> {
    let file = std::fs::File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    batches.iter().flat_map(rows_of).collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let options = FormatOptions::new();
    let schema = batch.schema();
    let cells = |(field, array): (&FieldRef, &ArrayRef)| {
        let text = ArrayFormatter::try_new(array.as_ref(), &options).unwrap();
        let cells = (0..batch.num_rows()).map(|row| text.value(row).to_string());
        (field.name().clone(), cells.collect::<Vec<_>>())
    };
    let columns: Vec<_> = schema.fields().iter().zip(batch.columns()).map(cells).collect();
    let row_of = |row: usize| {
        columns.iter().map(|(name, cells)| (name.clone(), cells[row].clone())).collect()
    };
    (0..batch.num_rows()).map(row_of).collect()
}
