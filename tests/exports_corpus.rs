//! Broken exports end in a clear error that names the place, or in quarantine with the reason, and
//! nothing is lost: every case of `tests/corpus/exports` comes out as its `expect.yaml` says,
//! with one thread and with several, in large pieces and in tiny ones.

#![allow(clippy::unwrap_used)] // helpers of tests; the lint exempts only the tests themselves

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use rapport::config::yaml;
use rapport::errors::{Error, Result};
use rapport::exports::{Counts, ReadOptions, Source, list, read};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The error there should be.
    fails: Option<Failure>,
    /// What should be counted.
    counts: Option<ExpectedCounts>,
    /// The quarantined rows, in order; left out where there are none.
    #[serde(default)]
    quarantined: Vec<Quarantined>,
    /// The accepted rows as text, without where they came from; left out where nobody cares.
    accepted: Option<Vec<Vec<Option<String>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    kind: String,
    contains: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedCounts {
    read: u64,
    accepted: u64,
    quarantined: u64,
    duplicates: u64,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Quarantined {
    file: Option<String>,
    row: i64,
    line: Option<i64>,
    codes: Vec<String>,
}

struct Outcome {
    counts: Counts,
    accepted: Vec<Vec<Option<String>>>,
    quarantined: Vec<(Quarantined, String, Vec<String>)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_export_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/exports");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 45, "{} cases", cases.len());
    let mut failures = String::new();
    for case in &cases {
        failures.push_str(&differences(&case.join("source.yaml"), case).await);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// `tests/corpus/sample/<source>`: what the sample company's systems may send, read as
/// `config/sources/<source>.yaml` says.
#[tokio::test(flavor = "multi_thread")]
async fn the_sample_s_declarations_read_what_its_systems_send() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(root.join("tests/corpus/sample")).unwrap();
    let mut cases: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 6, "{} cases", cases.len());
    let mut failures = String::new();
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let source = root.join("config/sources").join(name).with_extension("yaml");
        failures.push_str(&differences(&source, case).await);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// Where a case does not come out as it should, by one line; empty where it does.
async fn differences(source: &Path, case: &Path) -> String {
    let expect: Expect = yaml::read(&case.join("expect.yaml")).unwrap();
    for (threads, piece_bytes) in [(1, 512 * 1024), (3, 7), (8, 64)] {
        let outcome = outcome(source, case, threads, piece_bytes).await;
        if let Err(difference) = check(&expect, outcome) {
            let name = case.file_name().unwrap().to_string_lossy();
            return format!("{name} ({threads} threads, {piece_bytes} bytes): {difference}\n");
        }
    }
    String::new()
}

async fn outcome(
    source: &Path,
    case: &Path,
    threads: usize,
    piece_bytes: usize,
) -> Result<Outcome> {
    let source = Arc::new(Source::read(source)?);
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(case).unwrap());
    let day = "2024-02-29".parse().unwrap();
    let files = list(&store, &object_store::path::Path::default(), &source, day).await?;
    let mut options = ReadOptions::new(chrono_tz::Tz::Europe__London);
    options.threads = threads;
    options.piece_bytes = piece_bytes;
    let mut reader = read(store, Arc::clone(&source), files, options).await?;
    let shown = reader.schema().fields().len() - 2;
    let (mut accepted, mut quarantined) = (Vec::new(), Vec::new());
    while let Some(rows) = reader.next().await? {
        assert_eq!(rows.accepted.schema(), reader.schema());
        accepted.extend(texts(&rows.accepted, shown));
        quarantined.extend(quarantined_rows(&rows.quarantined));
    }
    Ok(Outcome { counts: reader.finish().await?, accepted, quarantined })
}

fn texts(batch: &RecordBatch, column_count: usize) -> Vec<Vec<Option<String>>> {
    let options = FormatOptions::new();
    let row = |row: usize| {
        let columns = batch.columns().iter().take(column_count);
        let cell = |array: &Arc<dyn Array>| {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options).unwrap();
            array.is_valid(row).then(|| formatter.value(row).to_string())
        };
        columns.map(cell).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

fn quarantined_rows(batch: &RecordBatch) -> Vec<(Quarantined, String, Vec<String>)> {
    let numbers = batch.column(1).as_primitive::<Int64Type>();
    let lines = batch.column(2).as_primitive::<Int64Type>();
    let list = |column: usize, row: usize| -> Vec<String> {
        let values = batch.column(column).as_list::<i32>().value(row);
        values.as_string::<i32>().iter().flatten().map(str::to_string).collect()
    };
    let row = |row: usize| {
        let found = Quarantined {
            file: Some(batch.column(0).as_string::<i32>().value(row).to_string()),
            row: numbers.value(row),
            line: lines.is_valid(row).then(|| lines.value(row)),
            codes: list(5, row),
        };
        (found, batch.column(3).as_string::<i32>().value(row).to_string(), list(4, row))
    };
    (0..batch.num_rows()).map(row).collect()
}

fn check(expect: &Expect, outcome: Result<Outcome, Error>) -> Result<(), String> {
    let outcome = match (outcome, &expect.fails) {
        (Ok(outcome), None) => outcome,
        (Ok(outcome), Some(failure)) => {
            return Err(format!("expected {failure:?}, read {:?}", outcome.counts));
        }
        (Err(error), None) => return Err(format!("failed: {}", error.chain())),
        (Err(error), Some(failure)) => {
            let message = error.chain();
            let lacks = failure.contains.iter().find(|fragment| !message.contains(*fragment));
            if error.kind().name() != failure.kind || lacks.is_some() {
                return Err(format!("{} `{message}` lacks {lacks:?}", error.kind().name()));
            }
            return Ok(());
        }
    };
    let counts = &outcome.counts;
    if counts.read != counts.accepted + counts.quarantined + counts.duplicates {
        return Err(format!("rows got lost: {counts:?}"));
    }
    if counts.accepted != outcome.accepted.len() as u64
        || counts.quarantined != outcome.quarantined.len() as u64
    {
        return Err(format!("counted otherwise than handed out: {counts:?}"));
    }
    if let Some(expected) = &expect.counts {
        let found = [counts.read, counts.accepted, counts.quarantined, counts.duplicates];
        let expected =
            [expected.read, expected.accepted, expected.quarantined, expected.duplicates];
        if found != expected {
            return Err(format!(
                "expected {expected:?} (read, accepted, quarantined, duplicates), counted {found:?}; {:?}",
                counts.quarantined_by_reason
            ));
        }
    }
    if outcome.quarantined.len() != expect.quarantined.len() {
        let found: Vec<_> = outcome.quarantined.iter().map(|(row, ..)| row).collect();
        return Err(format!("quarantined {found:?}"));
    }
    for ((found, record, reasons), expected) in outcome.quarantined.iter().zip(&expect.quarantined)
    {
        let file = expected.file.as_ref().or(found.file.as_ref()).cloned();
        let expected = Quarantined { file, codes: expected.codes.clone(), ..*expected };
        if *found != expected {
            return Err(format!("expected {expected:?}, quarantined {found:?}"));
        }
        if reasons.len() != found.codes.len() {
            return Err(format!("{} reasons for {} codes", reasons.len(), found.codes.len()));
        }
        if record.is_empty() {
            return Err("the record is empty".to_string());
        }
    }
    match &expect.accepted {
        Some(expected) if *expected != outcome.accepted => {
            Err(format!("expected {expected:?}, accepted {:?}", outcome.accepted))
        }
        _ => Ok(()),
    }
}
