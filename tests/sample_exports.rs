//! The sample exports: the same arguments make the same bytes; what goes wrong with them is what
//! the truth says, and what ingest finds; and a wrong argument writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rapport::config::Location;
use rapport::dates::{Day, DayRange};
use rapport::sample::dirt::all_kinds;
use rapport::sample::feeds::Feed;
use rapport::sample::feeds::compress::FormatMix;
use rapport::sample::people::Dirt;
use rapport::sample::truth::TABLES;
use rapport::sample::{self, Order};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Finished, copy_folder, files_below, finish, start, wait_until};

/// A folder with exports and their truth, gone when the test ends.
struct Sample(TempDir);

impl Sample {
    fn new() -> Sample {
        Sample(tempfile::tempdir().unwrap())
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sample-exports"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            if name.starts_with("RAPPORT_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs the binary on days from 2024-03-04 on, into the folder `exports`.
    fn run(&self, to: &str, customers: &str, more: &[&str]) -> Finished {
        let mut arguments = vec!["--out", "exports", "--from", "2024-03-04", "--to", to];
        arguments.extend(["--customers", customers]);
        arguments.extend(more);
        finish(start(self.command(&arguments)))
    }

    /// Every file, and its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let relative = |path: &PathBuf| path.strip_prefix(self.0.path()).unwrap().to_path_buf();
        let files = files_below(self.0.path());
        files.iter().map(|path| (relative(path), std::fs::read(path).unwrap())).collect()
    }

    /// The rows of a table of the truth.
    fn truth(&self, table: &str) -> Vec<RecordBatch> {
        files_below(&self.path("exports-truth").join(table)).iter().flat_map(read).collect()
    }

    /// The columns of a table of the truth.
    fn schema(&self, table: &str) -> Vec<String> {
        let path = self.path("exports-truth").join(table).join("part-0001.parquet");
        let file = std::fs::File::open(path).unwrap();
        let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn order(&self, customers: u64, to: &str, threads: usize, persons_a_part: u64) -> Order {
        let days = DayRange::new("2024-03-04".parse().unwrap(), to.parse().unwrap()).unwrap();
        Order {
            exports: Location::Folder(self.path("exports")),
            truth: Location::Folder(self.path("exports-truth")),
            days,
            customers,
            seed: 7,
            dirt: Dirt::Heavy,
            mix: FormatMix::System,
            overwrite: false,
            threads,
            persons_a_part,
        }
    }
}

fn read(path: &PathBuf) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> String {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    if column.is_null(row) { String::new() } else { column.value(row).to_string() }
}

fn number(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn day(batch: &RecordBatch, column: &str, row: usize) -> Day {
    let days = batch.column_by_name(column).unwrap().as_primitive::<Date32Type>();
    Day::from_epoch(days.value(row)).unwrap()
}

/// An entry of the truth's ledger of faults.
#[derive(Debug, Clone)]
struct Fault {
    source: String,
    dt: Day,
    file: String,
    row: Option<i64>,
    kind: String,
    outcome: String,
}

fn faults(sample: &Sample) -> Vec<Fault> {
    let mut faults = vec![];
    for batch in sample.truth("faults") {
        faults.extend((0..batch.num_rows()).map(|row| Fault {
            source: text(&batch, "source", row),
            dt: day(&batch, "dt", row),
            file: text(&batch, "file", row),
            row: number(&batch, "row", row),
            kind: text(&batch, "kind", row),
            outcome: text(&batch, "outcome", row),
        }));
    }
    faults
}

/// The text of an export, decompressed; none for Parquet.
fn content(path: &Path, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => return None,
        // What was cut short counts as far as it goes.
        "gz" => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut content)),
        "zst" => drop(zstd::stream::Decoder::new(bytes).unwrap().read_to_end(&mut content)),
        _ => content = bytes.to_vec(),
    }
    Some(content)
}

#[test]
fn the_same_arguments_make_the_same_bytes_at_any_number_of_threads() {
    let make = |threads: &str, mix: &str| {
        let sample = Sample::new();
        let more = ["--dirt", "heavy", "--threads", threads, "--format-mix", mix, "--seed", "3"];
        let result = sample.run("2024-03-16", "300", &more).expect(0);
        assert_eq!(result["error"], Value::Null);
        sample.files()
    };
    let one = make("1", "system");
    assert!(one.len() > 150, "{}", one.len());
    for threads in ["2", "8"] {
        let other = make(threads, "system");
        assert!(one.keys().eq(other.keys()), "other files with {threads} threads");
        for (path, bytes) in &one {
            assert!(other[path] == *bytes, "{} with {threads} threads", path.display());
        }
    }
    assert!(make("2", "compressed") == make("1", "compressed"));
}

#[test]
fn a_mix_of_formats_changes_compression_and_nothing_else() {
    let make = |mix: &str| -> BTreeMap<String, Vec<u8>> {
        let sample = Sample::new();
        sample.run("2024-03-12", "200", &["--format-mix", mix]).expect(0);
        let exports = sample.files().into_iter().filter(|(path, _)| path.starts_with("exports"));
        exports
            .map(|(path, bytes)| {
                let content = content(&path, &bytes).unwrap_or(bytes);
                let name = path.display().to_string();
                let name = name.trim_end_matches(".gz").trim_end_matches(".zst").to_string();
                (name, content)
            })
            .collect()
    };
    let system = make("system");
    assert!(system == make("plain"));
    assert!(system == make("compressed"));
}

#[test]
fn parts_of_the_customers_are_made_one_after_the_other() {
    let make = |threads: usize, persons_a_part: u64| {
        let sample = Sample::new();
        let order = sample.order(250, "2024-04-10", threads, persons_a_part);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut steps = vec![];
        let made = sample::make(&order, |step, count| steps.push((step, count)));
        let summary = runtime.block_on(made).unwrap();
        // Two windows of days.
        let count = 2 * usize::try_from(250_u64.div_ceil(persons_a_part)).unwrap();
        assert_eq!(steps, (1..=count).map(|step| (step, count)).collect::<Vec<_>>());
        (sample.files(), summary)
    };
    let (files, summary) = make(1, 100);
    assert!(files == make(3, 100).0);
    assert!(files.contains_key(Path::new("exports/crm/contacts/2024-04-09/contacts-0003.csv")));
    assert!(files.contains_key(Path::new("exports/media/spend/2024-04-09.csv")));
    // However the persons are parted, the same is told of them: only what goes wrong is told per
    // part, and with each row that is repeated comes one more.
    let (_, whole) = make(2, 250);
    for source in ["crm_contacts", "north_contacts", "loyalty_members", "desk_cases"] {
        assert_eq!(summary.row_counts[source], whole.row_counts[source], "{source}");
    }
}

#[test]
fn bad_arguments_end_with_2_and_write_nothing() {
    let sample = Sample::new();
    std::fs::write(sample.path("a-file"), "").unwrap();
    std::fs::create_dir(sample.path("used")).unwrap();
    std::fs::write(sample.path("used/something.csv"), "").unwrap();
    let before = sample.files();
    let days = ["--from", "2024-03-04", "--to", "2024-03-06"];
    let exports = ["--out", "exports"];
    let ten = ["--customers", "10"];
    let cases: [(Vec<&str>, &str); 13] = [
        ([&exports[..], &ten].concat(), "--from"),
        ([&days[..], &ten].concat(), "--out"),
        ([&exports[..], &days].concat(), "--customers"),
        (
            [&exports[..], &ten, &["--from", "2024-03-06", "--to", "2024-03-04"]].concat(),
            "no day lies in [2024-03-06, 2024-03-04)",
        ),
        (
            [&exports[..], &ten, &["--from", "2024-03-04", "--to", "2024-03-04"]].concat(),
            "--to is the day after the last",
        ),
        ([&exports[..], &ten, &["--from", "2024-02-30", "--to", "2024-03-04"]].concat(), "02-30"),
        ([&exports[..], &days, &["--customers", "0"]].concat(), "0 customers"),
        ([&exports[..], &days, &["--customers", "many"]].concat(), "many"),
        ([&exports[..], &days, &ten, &["--dirt", "filthy"]].concat(), "filthy"),
        ([&["--out", "used"][..], &days, &ten].concat(), "`something.csv`"),
        ([&exports[..], &days, &ten, &["--truth", "used"]].concat(), "--overwrite"),
        ([&["--out", "a-file/exports"][..], &days, &ten].concat(), "a-file"),
        ([&["--out", "s4://bucket/exports"][..], &days, &ten].concat(), "unknown scheme `s4://`"),
    ];
    for (arguments, expected) in cases {
        let result = finish(start(sample.command(&arguments))).expect(2);
        assert_eq!(result["status"], "failed");
        assert_eq!(result["error"]["kind"], "usage");
        let message = result["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(sample.files() == before, "{arguments:?} wrote something");
    }
}

#[test]
fn variables_stand_in_for_flags() {
    let sample = Sample::new();
    let mut command = sample.command(&[]);
    for (name, value) in [
        ("OUT", "exports"),
        ("TRUTH", "elsewhere"),
        ("FROM", "2024-03-04"),
        ("TO", "2024-03-05"),
        ("CUSTOMERS", "20"),
        ("SEED", "9"),
        ("DIRT", "none"),
        ("FORMAT_MIX", "plain"),
        ("OVERWRITE", "true"),
        ("THREADS", "1"),
        ("RESULT_FILE", "result.json"),
    ] {
        command.env(format!("RAPPORT_{name}"), value);
    }
    let result = finish(start(command)).expect(0);
    assert_eq!((&result["customers"], &result["seed"]), (&20.into(), &9.into()));
    assert_eq!(result["fault_counts"], serde_json::json!({}));
    let written = std::fs::read_to_string(sample.path("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), result);
    assert!(sample.path("elsewhere/run.json").exists());
    assert!(sample.path("exports/web/events/2024-03-04").exists());
}

#[test]
fn overwriting_takes_away_what_an_earlier_run_wrote_and_nothing_else() {
    let sample = Sample::new();
    sample.run("2024-03-08", "100", &["--dirt", "heavy"]).expect(0);
    std::fs::write(sample.path("exports/surveys/mine.csv"), "mine").unwrap();
    std::fs::write(sample.path("exports-truth/mine.txt"), "mine").unwrap();
    sample.run("2024-03-06", "50", &["--format-mix", "plain"]).expect(2);
    sample.run("2024-03-06", "50", &["--format-mix", "plain", "--overwrite"]).expect(0);
    let mut files = sample.files();
    assert!(files.remove(Path::new("exports/surveys/mine.csv")).is_some());
    assert!(files.remove(Path::new("exports-truth/mine.txt")).is_some());
    let fresh = Sample::new();
    fresh.run("2024-03-06", "50", &["--format-mix", "plain"]).expect(0);
    assert!(files == fresh.files(), "left behind: {:?}", files.keys());
    // What somebody else put where a file would go is never replaced.
    let sample = Sample::new();
    let path = sample.path("exports/media/spend/2024-03-05.csv");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "mine").unwrap();
    let result = sample.run("2024-03-06", "50", &["--overwrite"]).expect(2);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("media/spend/2024-03-05.csv"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_signal_stops_it_and_what_it_wrote_can_be_taken_away() {
    for (signal, exit_code) in [("TERM", 143), ("INT", 130)] {
        let sample = Sample::new();
        let arguments = ["--out", "exports", "--from", "2024-03-04", "--to", "2024-04-04"];
        let many = ["--customers", "200000", "--threads", "2"];
        let running = start(sample.command(&[&arguments[..], &many].concat()));
        wait_until("it has begun", || sample.path("exports-truth/run.json").exists());
        running.signal(signal);
        let finished = finish(running);
        let result = finished.expect(exit_code);
        assert_eq!(result["status"], "failed");
        assert!(finished.took < Duration::from_secs(15), "{:?}", finished.took);
        sample.run("2024-03-05", "10", &["--overwrite"]).expect(0);
        let fresh = Sample::new();
        fresh.run("2024-03-05", "10", &[]).expect(0);
        assert!(sample.files() == fresh.files(), "{:?}", sample.files().keys());
    }
}

#[test]
fn every_kind_of_fault_occurs_in_a_small_run() {
    let sample = Sample::new();
    let result = sample.run("2024-03-18", "1000", &["--dirt", "heavy"]).expect(0);
    let faults = faults(&sample);
    let found: BTreeSet<&str> = faults.iter().map(|fault| fault.kind.as_str()).collect();
    let missing: Vec<_> = all_kinds().into_iter().filter(|kind| !found.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // The result counts what the truth lists.
    let counted: u64 =
        result["fault_counts"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counted, faults.len() as u64);
    // Files are refused once each, and lie intact beside the truth.
    for kind in ["truncated_file", "wrong_encoding"] {
        let refused: BTreeSet<&str> =
            faults.iter().filter(|f| f.kind == kind).map(|f| f.file.as_str()).collect();
        assert_eq!(refused.len(), 1, "{kind}");
        for file in refused {
            let intact = sample.path("exports-truth/redelivery").join(file);
            assert_ne!(
                std::fs::read(intact).unwrap(),
                std::fs::read(sample.path("exports").join(file)).unwrap()
            );
        }
    }
    let clean = Sample::new();
    clean.run("2024-03-18", "300", &["--dirt", "none"]).expect(0);
    assert_eq!(self::faults(&clean).len(), 0);
}

#[test]
fn addresses_and_numbers_are_reserved_ones() {
    let sample = Sample::new();
    sample.run("2024-03-18", "1500", &["--dirt", "heavy"]).expect(0);
    let email = regex::Regex::new(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9.-]+[A-Za-z0-9])").unwrap();
    // RFC 2606 and RFC 6761.
    let reserved =
        regex::Regex::new(r"(^|\.)(example|test|invalid|example\.(com|org|net))$").unwrap();
    let mut count = 0;
    for (path, bytes) in sample.files() {
        let Some(content) = content(&path, &bytes) else { continue };
        let content = String::from_utf8_lossy(&content);
        for found in email.captures_iter(&content) {
            let domain = found[1].to_ascii_lowercase();
            assert!(reserved.is_match(&domain), "{} in {}", &found[0], path.display());
            count += 1;
        }
    }
    assert!(count > 10_000, "{count}");
}

#[test]
fn what_is_exported_what_goes_wrong_and_what_is_true_is_documented() {
    let page = std::fs::read_to_string("docs/sample-exports.md").unwrap();
    let sources = Feed::ALL.iter().map(|feed| feed.about().name);
    let rows = sources.chain(all_kinds()).chain(TABLES);
    let missing: Vec<_> = rows.filter(|name| !page.contains(&format!("\n| `{name}` |"))).collect();
    assert!(missing.is_empty(), "docs/sample-exports.md lacks {missing:?}");
    let day = "2024-03-04".parse().unwrap();
    for feed in Feed::ALL {
        let path = feed.path(day, 1, FormatMix::System).replace("2024-03-04", "{dt}");
        assert!(page.contains(&format!("`{path}`")), "{path}");
    }
    for table in TABLES {
        let sample = Sample::new();
        sample.run("2024-03-05", "20", &[]).expect(0);
        let row = page.lines().find(|line| line.starts_with(&format!("| `{table}` |"))).unwrap();
        for column in sample.schema(table) {
            assert!(row.contains(&format!("`{column}`")), "{table}.{column}");
        }
    }
}

/// What ingest says of a row with a fault of this kind.
fn reason(kind: &str) -> &str {
    match kind {
        "unreadable_number" => "not_a_number",
        "unreadable_time" => "not_a_timestamp",
        "not_accepted_value" => "not_allowed",
        "broken_json_line" => "not_json",
        "spreadsheet_mangled_id" => "pattern",
        "latin1_bytes" => "bad_encoding",
        same => same,
    }
}

/// A row of an export: source, day, file, row, and what is wrong with it.
type BadRow = (String, Day, String, i64, String);

/// The rows in quarantine.
fn quarantined(warehouse: &Path) -> BTreeSet<BadRow> {
    let mut rows = BTreeSet::new();
    for path in files_below(&warehouse.join("quarantine")) {
        let parts: Vec<_> = path.iter().rev().map(|part| part.to_str().unwrap()).collect();
        let [_, dt, source, ..] = parts.as_slice() else { panic!("{}", path.display()) };
        let dt: Day = dt.strip_prefix("dt=").unwrap().parse().unwrap();
        for batch in read(&path) {
            let codes = batch.column_by_name("reason_codes").unwrap().as_list::<i32>();
            for row in 0..batch.num_rows() {
                let reasons = codes.value(row);
                let reasons: BTreeSet<_> = reasons.as_string::<i32>().iter().flatten().collect();
                rows.insert((
                    source.to_string(),
                    dt,
                    text(&batch, "source_file", row),
                    number(&batch, "source_row", row).unwrap(),
                    reasons.into_iter().collect::<Vec<_>>().join(","),
                ));
            }
        }
    }
    rows
}

fn ingest(sample: &Sample) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.args(["--from", "2024-03-04", "--to", "2024-03-18", "--config", "rapport.yaml"]);
    command.current_dir(sample.0.path()).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("RAPPORT_") {
            command.env_remove(name);
        }
    }
    finish(start(command))
}

/// Ingest of the dirtiest exports finds what the truth says, row by row and kind by kind.
#[test]
fn what_ingest_finds_is_what_was_put_in() {
    let sample = Sample::new();
    sample.run("2024-03-18", "2000", &["--dirt", "heavy"]).expect(0);
    copy_folder(Path::new("config/sources"), &sample.path("sources"));
    std::fs::create_dir(sample.path("models")).unwrap();
    std::fs::write(
        sample.path("rapport.yaml"),
        "landing: exports\nwarehouse: warehouse\nsources: [sources]\nmodels: [models]\n\
         time_zone: Europe/London\n",
    )
    .unwrap();
    let faults = faults(&sample);

    // The files that nobody can read stop it until they come again.
    let mut refused: Vec<(Day, String)> = faults
        .iter()
        .filter(|fault| fault.outcome == "refused")
        .map(|fault| (fault.dt, fault.file.clone()))
        .collect();
    refused.sort();
    refused.dedup();
    assert_eq!(refused.len(), 2);
    while !refused.is_empty() {
        let result = ingest(&sample).expect(11).to_string();
        let named: Vec<_> =
            refused.extract_if(.., |(_, file)| result.contains(file.as_str())).collect();
        assert!(!named.is_empty(), "{result}");
        for (_, file) in named {
            let intact = sample.path("exports-truth/redelivery").join(&file);
            std::fs::copy(intact, sample.path("exports").join(&file)).unwrap();
        }
    }
    let result = ingest(&sample).expect(0);

    // Every row that is in quarantine is there for the fault that was put in, and none besides.
    let expected: BTreeSet<BadRow> = faults
        .iter()
        .filter(|fault| fault.outcome == "quarantined")
        .map(|fault| {
            let Fault { source, dt, file, row, kind, .. } = fault.clone();
            (source, dt, file, row.unwrap(), reason(&kind).to_string())
        })
        .collect();
    let found = quarantined(&sample.path("warehouse"));
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "put in {missing:#?}, found {surplus:#?}");

    // Rows read = accepted + quarantined + dropped, each as the truth has it, source by source.
    let mut rows: BTreeMap<String, i64> = BTreeMap::new();
    let mut rows_of_file: BTreeMap<(String, String), i64> = BTreeMap::new();
    for batch in sample.truth("files") {
        for row in 0..batch.num_rows() {
            let (source, file) = (text(&batch, "source", row), text(&batch, "file", row));
            let count = number(&batch, "row_count", row).unwrap();
            *rows.entry(source.clone()).or_default() += count;
            rows_of_file.insert((source, file), count);
        }
    }
    for (source, row_count) in rows {
        let of = |outcome: &str| -> i64 {
            let faults = faults.iter().filter(|f| f.source == source && f.outcome == outcome);
            faults
                .map(|fault| match fault.row {
                    Some(_) => 1,
                    None => rows_of_file[&(source.clone(), fault.file.clone())],
                })
                .sum()
        };
        let dropped = of("dropped") + of("replayed");
        let expected = serde_json::json!({
            "read_row_count": row_count,
            "accepted_row_count": row_count - of("quarantined") - dropped,
            "quarantined_row_count": of("quarantined"),
            "duplicate_row_count": dropped,
            "kept_duplicate_row_count": 0,
        });
        assert_eq!(result["accounting"][&source], expected, "{source}");
    }
}
