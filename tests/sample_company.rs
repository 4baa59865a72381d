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
    for (table, keys) in TABLES {
        let (published, truth) = (published(&project, table), truth(&project, table));
        assert!(truth.len() > 4, "{table}: {} true rows", truth.len());
        let is_there =
            published.first().is_some_and(|row| keys.iter().all(|key| row.contains_key(*key)));
        assert!(is_there || !REQUIRED.contains(&table), "{table} is not published by {keys:?}");
        if is_there {
            let common: Vec<&str> = truth[0]
                .keys()
                .map(String::as_str)
                .filter(|column| published[0].contains_key(*column))
                .collect();
            let told = |rows: &[Row]| told(rows, keys, &common);
            assert_eq!(told(&published), told(&truth), "{table}");
        }
    }
    // Who is who decides which purchases are first ones: it is found out, and not always.
    let first_ones = |rows: &[Row]| -> u64 {
        let rows =
            rows.iter().filter(|row| row["customer_type"] == "new" && row["channel"] == "all");
        rows.map(|row| row["order_count"].parse::<u64>().unwrap()).sum()
    };
    let (found, truth) =
        (first_ones(&published(&project, "revenue")), first_ones(&truth(&project, "revenue")));
    assert!(truth > 100 && found.abs_diff(truth) * 20 < truth, "{found} of {truth}");
}

/// What the truth and the metric tables are compared by.
const TABLES: [(&str, &[&str]); 8] = [
    ("revenue", &["dt", "order_date", "channel", "customer_type"]),
    ("nps", &["dt", "response_date", "survey", "channel"]),
    ("csat", &["dt", "response_date", "survey", "channel"]),
    ("ces", &["dt", "response_date", "scale", "polarity", "survey", "channel"]),
    ("complaints", &["dt", "event_date", "topic", "channel"]),
    ("sentiment", &["dt", "text_date", "text_kind", "topic", "channel"]),
    ("service", &["dt", "case_date", "channel"]),
    ("service_backlog", &["dt", "channel"]),
];

/// The tables that must be there by their keys.
const REQUIRED: [&str; 5] = ["revenue", "nps", "csat", "service", "service_backlog"];

/// Dimensions of which the truth may have the total alone.
const DIMENSIONS: [&str; 3] = ["segment", "customer_type", "topic"];

/// The rows of a metric table, with their `dt`.
fn published(project: &Project, table: &str) -> Vec<Row> {
    let mut published: Vec<Row> = vec![];
    for file in files_below(&project.path("warehouse/metrics").join(table)) {
        let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let dt = folder.strip_prefix("dt=").unwrap();
        published.extend(rows(&file).into_iter().map(|mut row| {
            row.insert("dt".to_string(), dt.to_string());
            row
        }));
    }
    published
}

fn truth(project: &Project, table: &str) -> Vec<Row> {
    rows(&project.path(&format!("exports-truth/metrics/{table}.parquet")))
}

/// The rows by their keys, with the columns that both sides have: the truth has counts and sums,
/// from which the rest follows. A row in which all of them are zero is as good as none.
fn told(rows: &[Row], keys: &[&str], common: &[&str]) -> BTreeMap<Vec<String>, Row> {
    let is_comparable = |row: &&Row| {
        let has_total = |column: &&str| {
            common.contains(column) || row.get(*column).is_none_or(|value| value == "all")
        };
        // New and returning customers are told apart by who is who.
        let by_person = ["new", "returning"];
        let customer_type = row.get("customer_type").map_or("", String::as_str);
        DIMENSIONS.iter().all(has_total) && !by_person.contains(&customer_type)
    };
    let mut told = BTreeMap::new();
    for row in rows.iter().filter(is_comparable) {
        let cells = common.iter().map(|column| (column.to_string(), row[*column].clone()));
        let mut known: Row = cells.collect();
        // Quantiles of fewer cases than the settings ask for are not published.
        if known.get("case_count").is_some_and(|count| count.parse::<u64>().unwrap() < 3) {
            known.retain(|column, _| !column.ends_with("_p50") && !column.ends_with("_p90"));
        }
        let is_zero = |value: &String| value.chars().all(|letter| "0., []-".contains(letter));
        let mut measures = known.iter().filter(|(column, _)| !keys.contains(&column.as_str()));
        if measures.any(|(column, value)| column != "currency" && !is_zero(value)) {
            told.insert(keys.iter().map(|key| row[*key].clone()).collect(), known);
        }
    }
    told
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
