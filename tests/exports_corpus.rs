//! Broken exports end in a clear error that names the place, or in quarantine with the reason, and
//! nothing is lost: every case of `tests/corpus/exports` comes out as its `expect.yaml` says,
//! with one thread and with several, in large pieces and in tiny ones. A case says all there is to
//! say: which error names which file and place, or which rows are accepted, and which are
//! quarantined with which text.

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
    /// What should be counted where there is no error.
    counts: Option<ExpectedCounts>,
    /// The quarantined rows, in order; left out where there are none.
    #[serde(default)]
    quarantined: Vec<Quarantined>,
    /// The accepted rows as text, without where they came from.
    accepted: Option<Vec<Vec<Option<String>>>>,
}

impl Expect {
    fn is_of_a_broken_export(&self) -> bool {
        self.fails.is_some() || !self.quarantined.is_empty()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    kind: String,
    /// The file that is named.
    file: String,
    /// Where in it, as it is told.
    place: String,
    /// What else is told.
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

#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Quarantined {
    file: String,
    row: i64,
    line: Option<i64>,
    /// The row's text as it stands in the file.
    record: String,
    codes: Vec<String>,
    /// What is told to people.
    reasons: Vec<String>,
}

struct Outcome {
    counts: Counts,
    accepted: Vec<Vec<Option<String>>>,
    quarantined: Vec<Quarantined>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_export_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/exports");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let (mut failures, mut broken_count) = (String::new(), 0);
    for case in &cases {
        let expect = expected(case);
        broken_count += usize::from(expect.is_of_a_broken_export());
        failures.push_str(&differences(&case.join("source.yaml"), case, &expect).await);
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(broken_count >= 60, "{broken_count} broken exports");
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
        failures.push_str(&differences(&source, case, &expected(case)).await);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

fn expected(case: &Path) -> Expect {
    yaml::read(&case.join("expect.yaml")).unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// Where a case does not come out as it should, by one line; empty where it does.
async fn differences(source: &Path, case: &Path, expect: &Expect) -> String {
    for (threads, piece_bytes) in [(1, 512 * 1024), (3, 7), (8, 64)] {
        let outcome = outcome(source, case, threads, piece_bytes).await;
        if let Err(difference) = check(expect, outcome) {
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

fn quarantined_rows(batch: &RecordBatch) -> Vec<Quarantined> {
    let text = |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row);
    let numbers = batch.column(1).as_primitive::<Int64Type>();
    let lines = batch.column(2).as_primitive::<Int64Type>();
    let list = |column: usize, row: usize| -> Vec<String> {
        let values = batch.column(column).as_list::<i32>().value(row);
        values.as_string::<i32>().iter().flatten().map(str::to_string).collect()
    };
    let row = |row: usize| Quarantined {
        file: text(0, row).to_string(),
        row: numbers.value(row),
        line: lines.is_valid(row).then(|| lines.value(row)),
        record: text(3, row).to_string(),
        codes: list(5, row),
        reasons: list(4, row),
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
            let file = format!("`{}`", failure.file);
            let mut told = failure.contains.iter().chain([&file, &failure.place]);
            let lacks = told.find(|fragment| !message.contains(*fragment));
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
    let (Some(expected), Some(accepted)) = (&expect.counts, &expect.accepted) else {
        return Err("what is counted and accepted is not expected".to_string());
    };
    let found = [counts.read, counts.accepted, counts.quarantined, counts.duplicates];
    let expected = [expected.read, expected.accepted, expected.quarantined, expected.duplicates];
    if found != expected {
        return Err(format!(
            "expected {expected:?} (read, accepted, quarantined, duplicates), counted {found:?}; {:?}",
            counts.quarantined_by_reason
        ));
    }
    if outcome.quarantined != expect.quarantined {
        return Err(format!(
            "expected {:?}, quarantined {:?}",
            expect.quarantined, outcome.quarantined
        ));
    }
    match *accepted == outcome.accepted {
        true => Ok(()),
        false => Err(format!("expected {accepted:?}, accepted {:?}", outcome.accepted)),
    }
}
