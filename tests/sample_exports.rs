//! The sample exports: the same arguments make the same bytes; what goes wrong with them is what
//! the truth says, and what ingest finds; and a wrong argument writes nothing.

mod behaviour;
mod contact_points;
mod fitting;
mod record_faults;
// Asks the kernel.
#[cfg(target_os = "linux")]
mod streaming;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rapport::config::Location;
use rapport::dates::{Day, DayRange};
use rapport::sample::dirt::{FileFault, Outcome, RowFault, all_kinds};
use rapport::sample::feeds::Feed;
use rapport::sample::feeds::compress::FormatMix;
use rapport::sample::people::Dirt;
use rapport::sample::truth::TABLES;
use rapport::sample::{self, Order};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Finished, Project, copy_folder, files_below, finish, start, wait_until};

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

    /// The columns of an object of the truth.
    fn schema(&self, path: &str) -> Vec<String> {
        let path = self.path("exports-truth").join(path);
        let file = std::fs::File::open(path).unwrap();
        let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The shipped sources, and no models.
    fn set_up_ingest(&self) {
        copy_folder(Path::new("config/sources"), &self.path("sources"));
        std::fs::create_dir(self.path("models")).unwrap();
        let settings = "landing: exports\nwarehouse: warehouse\nsources: [sources]\n\
             models: [models]\ntime_zone: Europe/London\n";
        std::fs::write(self.path("rapport.yaml"), settings).unwrap();
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
    line: Option<i64>,
    kind: String,
    id: String,
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
            line: number(&batch, "line", row),
            kind: text(&batch, "kind", row),
            id: text(&batch, "id", row),
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

/// The shipped sources read every mix, and find the same in each.
#[test]
fn the_shipped_sources_read_every_mix_of_formats() {
    let read = |mix: &str| {
        let sample = Sample::new();
        sample.run("2024-03-06", "150", &["--format-mix", mix]).expect(0);
        sample.set_up_ingest();
        let result = ingest(&sample, &["--from", "2024-03-04", "--to", "2024-03-06"]).expect(0);
        result["accounting"].clone()
    };
    let system = read("system");
    assert!(system.as_object().unwrap().len() > 20, "{system}");
    assert_eq!(read("plain"), system);
    assert_eq!(read("compressed"), system);
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
    let cases: [(Vec<&str>, &str); 21] = [
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
        ([&exports[..], &days, &["--customers", "-5"]].concat(), "-5"),
        (
            [&exports[..], &days, &ten, &["--seed", "-1"]].concat(),
            "'-1' for '--seed <N>': expected a whole number from 0",
        ),
        ([&exports[..], &days, &ten, &["--threads", "0"]].concat(), "--threads"),
        ([&exports[..], &days, &ten, &["--format-mix", "zip"]].concat(), "zip"),
        ([&exports[..], &days, &ten, &["--truth", "exports"]].concat(), "among the exports"),
        ([&exports[..], &days, &ten, &["--truth", "exports/truth"]].concat(), "among the exports"),
        ([&exports[..], &days, &ten, &["--truth", "."]].concat(), "among the truth"),
        // Nobody can write there, not even root.
        ([&["--out", "/proc/exports"][..], &days, &ten].concat(), "/proc/exports"),
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
    record_faults::hold(&sample, &faults);
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
    let sample = Sample::new();
    sample.run("2024-03-05", "200", &[]).expect(0);
    let tables = TABLES.map(|table| (table.to_string(), format!("{table}/part-0001.parquet")));
    let metrics = files_below(&sample.path("exports-truth/metrics")).into_iter().map(|path| {
        let table = path.file_stem().unwrap().to_str().unwrap().to_string();
        let path = format!("metrics/{table}.parquet");
        (table, path)
    });
    for (table, path) in tables.into_iter().chain(metrics) {
        // A source may have the name of a metric.
        let columns = sample.schema(&path);
        let mut rows = page.lines().filter(|line| line.starts_with(&format!("| `{table}` |")));
        let has_all = |row: &str| columns.iter().all(|name| row.contains(&format!("`{name}`")));
        assert!(rows.any(has_all), "docs/sample-exports.md lacks {table} or one of {columns:?}");
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

/// A row of an export: source, day, file, row, line (none in Parquet), and what is wrong with it.
type BadRow = (String, Day, String, i64, Option<i64>, String);

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
                    number(&batch, "source_line", row),
                    reasons.into_iter().collect::<Vec<_>>().join(","),
                ));
            }
        }
    }
    rows
}

fn ingest(sample: &Sample, days: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.args(days).args(["--config", "rapport.yaml"]);
    command.current_dir(sample.0.path()).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("RAPPORT_") {
            command.env_remove(name);
        }
    }
    finish(start(command))
}

/// Source, day, file and row of what was accepted.
type Place = (String, Day, String, i64);

/// The rows that ingest accepted; of web events also when they happened.
fn accepted(warehouse: &Path) -> BTreeMap<Place, Option<i64>> {
    let mut rows = BTreeMap::new();
    for path in files_below(&warehouse.join("raw")) {
        let parts: Vec<_> = path.iter().rev().map(|part| part.to_str().unwrap()).collect();
        let [_, dt, source, ..] = parts.as_slice() else { panic!("{}", path.display()) };
        let dt: Day = dt.strip_prefix("dt=").unwrap().parse().unwrap();
        for batch in read(&path) {
            let times = batch.column_by_name("happened_at").filter(|_| *source == "web_events");
            let times = times.map(|column| column.as_primitive::<TimestampMicrosecondType>());
            for row in 0..batch.num_rows() {
                let number = number(&batch, "source_row", row).unwrap();
                let place = (source.to_string(), dt, text(&batch, "source_file", row), number);
                rows.insert(place, times.map(|times| times.value(row)));
            }
        }
    }
    rows
}

/// Fault by fault: what is accepted is there, what is quarantined, dropped or replayed is not;
/// and the rows that are late are those that the truth calls so.
fn every_fault_became_what_the_truth_says(sample: &Sample, faults: &[Fault]) {
    let accepted = accepted(&sample.path("warehouse"));
    let files: BTreeSet<&str> = accepted.keys().map(|place| place.2.as_str()).collect();
    let mut checked: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in faults {
        let is_there = match fault.row {
            Some(row) => {
                let (source, file) = (fault.source.clone(), fault.file.clone());
                accepted.contains_key(&(source, fault.dt, file, row))
            }
            None => files.contains(fault.file.as_str()),
        };
        // A refused file came again, intact.
        let is_expected = ["accepted", "refused"].contains(&fault.outcome.as_str());
        assert_eq!(is_there, is_expected, "{fault:?}");
        *checked.entry(&fault.kind).or_default() += 1;
    }
    assert_eq!(checked.len(), all_kinds().len(), "{checked:?}");
    // London's days are those of UTC in these weeks.
    let days = |micros: i64| Day::from_epoch((micros / 86_400_000_000) as i32).unwrap();
    let late: BTreeSet<Place> = accepted
        .iter()
        .filter(|(place, at)| at.is_some_and(|at| days(at) < place.1))
        .map(|(place, _)| place.clone())
        .collect();
    let told: BTreeSet<Place> = faults
        .iter()
        .filter(|fault| fault.kind == "late" && fault.source == "web_events")
        .map(|fault| (fault.source.clone(), fault.dt, fault.file.clone(), fault.row.unwrap()))
        .collect();
    assert!(told.len() > 10, "{}", told.len());
    assert_eq!(late, told);
    for (place, at) in accepted.iter().filter(|(_, at)| at.is_some()) {
        let delay = place.1.to_epoch() - days(at.unwrap()).to_epoch();
        assert!((0..=7).contains(&delay), "{place:?} is {delay} days late");
    }
}

/// Where nothing was taken from a row, the line that the truth names tells who or what it is of.
fn every_fault_is_on_its_line(sample: &Sample, faults: &[Fault]) {
    let mut lines_of: BTreeMap<&str, Option<Vec<String>>> = BTreeMap::new();
    let mut checked: BTreeSet<&str> = BTreeSet::new();
    for fault in faults {
        let Some(row) = fault.row else {
            assert_eq!(fault.line, None, "{fault:?}");
            continue;
        };
        let lines = lines_of.entry(&fault.file).or_insert_with(|| {
            let path = sample.path("exports").join(&fault.file);
            let content = content(&path, &std::fs::read(&path).unwrap())?;
            // Identifiers are ASCII in every encoding here.
            Some(String::from_utf8_lossy(&content).lines().map(str::to_string).collect())
        });
        let Some(lines) = lines else {
            assert_eq!(fault.line, None, "{fault:?}");
            continue;
        };
        let line = fault.line.unwrap();
        if fault.outcome != "quarantined" {
            let text = &lines[usize::try_from(line).unwrap() - 1];
            assert!(
                fault.id.split('/').all(|part| text.contains(part)),
                "{row}, {fault:?}: {text}"
            );
            checked.insert(fault.kind.as_str());
        }
    }
    let of_whole_rows = all_kinds().into_iter().filter(|kind| {
        let is_of_files = FileFault::ALL.iter().any(|fault| fault.name() == *kind);
        let row = RowFault::ALL.iter().find(|fault| fault.name() == *kind);
        !is_of_files && row.is_none_or(|fault| fault.outcome() != Outcome::Quarantined)
    });
    assert_eq!(checked, of_whole_rows.collect());
}

/// Ingest of the dirtiest exports finds what the truth says, row by row and kind by kind.
#[test]
fn what_ingest_finds_is_what_was_put_in() {
    let sample = Sample::new();
    sample.run("2024-03-18", "2000", &["--dirt", "heavy"]).expect(0);
    sample.set_up_ingest();
    let ingest = |sample| ingest(sample, &["--from", "2024-03-04", "--to", "2024-03-18"]);
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
            let Fault { source, dt, file, row, line, kind, .. } = fault.clone();
            (source, dt, file, row.unwrap(), line, reason(&kind).to_string())
        })
        .collect();
    let kinds: BTreeSet<&str> = expected.iter().map(|row| row.5.as_str()).collect();
    let wanted = RowFault::ALL.iter().filter(|kind| kind.outcome() == Outcome::Quarantined);
    assert_eq!(kinds, wanted.map(|kind| reason(kind.name())).collect());
    let found = quarantined(&sample.path("warehouse"));
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "put in {missing:#?}, found {surplus:#?}");

    every_fault_became_what_the_truth_says(&sample, &faults);
    every_fault_is_on_its_line(&sample, &faults);

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

/// Neither the making of the exports nor a run of everything over them, dirt and all, tells who
/// the people are.
#[test]
fn no_log_tells_who_the_people_are() {
    let project = Project::local();
    let days = ["--from", "2024-03-04", "--to", "2024-03-06"];
    let made = ["--out", "exports", "--customers", "300", "--dirt", "heavy"];
    let mut logs = String::new();
    for (job, arguments) in [("sample-exports", &made[..]), ("daily", &[])] {
        let mut command = project.command(job, &[&days[..], arguments].concat());
        command.env("RAPPORT_LOG", "rapport=trace");
        let finished = finish(start(command));
        finished.expect(0);
        assert!(!finished.stderr.is_empty());
        logs.extend([finished.stdout, finished.stderr]);
    }
    // Whatever the CRM holds of anybody, in any of the ways it is spelled.
    let mut told = BTreeSet::new();
    let contacts = project.read("exports/crm/contacts/2024-03-05/contacts-0001.csv");
    for contact in contacts.lines().skip(1) {
        let fields: Vec<&str> = contact.split(',').map(|field| field.trim_matches('"')).collect();
        let [_, _, given, family, email, mobile, phone, _, _, _, street, ..] = fields.as_slice()
        else {
            panic!("not a contact");
        };
        let names = [format!("{given} {family}"), format!("{family}, {given}"), family.to_string()];
        let digits = |number: &str| -> String {
            number.chars().filter(char::is_ascii_digit).skip(1).collect()
        };
        let all = [*email, *mobile, *phone, *street].map(str::to_string);
        told.extend(names.into_iter().chain(all).chain([digits(mobile), digits(phone)]));
    }
    told.retain(|text| text.chars().count() > 3);
    assert!(told.len() > 1_000, "{}", told.len());
    let is_part_of_a_word = |at: usize, length: usize| {
        let before = logs[..at].chars().next_back();
        let after = logs[at + length..].chars().next();
        [before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    for text in &told {
        let found = logs.match_indices(text.as_str());
        let found: Vec<_> = found.filter(|(at, _)| !is_part_of_a_word(*at, text.len())).collect();
        assert!(found.is_empty(), "{text:?} is in the logs");
    }
    let email = regex::Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]").unwrap();
    assert_eq!(email.find(&logs).map(|found| found.as_str()), None);
}
