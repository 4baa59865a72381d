//! What the tests through the binaries share: projects in folders of their own, the binaries run
//! in them as an orchestrator would, and what they published, read as any reader would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rapport::config::{Location, Patience};
use rapport::hash::ContentHash;
use rapport::lake::ledger::{self, Entry};
use rapport::lake::{Lake, Partition, TableName};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// A project of its own, gone when the test ends. Its warehouse is the folder `warehouse`.
pub struct Project {
    folder: TempDir,
    /// The settings file, relative to the folder.
    config: &'static str,
}

/// A binary's run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; minus the signal's number where a signal ended it.
    pub exit_code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// The folder of the project [`Project::sample`], in the repository as in its copy.
pub const SAMPLE_WEEK: &str = "tests/projects/sample_week";

/// What is published: the hash of each partition's bytes.
pub type Published = BTreeMap<Partition, ContentHash>;

impl Project {
    /// `tests/projects/small`: four tables, three days (2024-03-04 to 2024-03-06), fast.
    pub fn small() -> Project {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(Path::new("tests/projects/small"), folder.path());
        Project { folder, config: "rapport.yaml" }
    }

    /// The shipped models over [`SAMPLE_WEEK`], the days from 2024-03-04 to 2024-03-10.
    pub fn sample() -> Project {
        let folder = tempfile::tempdir().unwrap();
        for part in ["config", "sql", SAMPLE_WEEK] {
            copy_folder(Path::new(part), &folder.path().join(part));
        }
        Project { folder, config: "tests/projects/sample_week/rapport.yaml" }
    }

    /// The shipped settings, sources and models, still without the exports that they read.
    pub fn local() -> Project {
        let folder = tempfile::tempdir().unwrap();
        for part in ["config", "sql"] {
            copy_folder(Path::new(part), &folder.path().join(part));
        }
        Project { folder, config: "config/local.yaml" }
    }

    /// A copy of the project, warehouse and all.
    pub fn copy(&self) -> Project {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        Project { folder, config: self.config }
    }

    /// The path of a file of the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Reads a file of the project.
    pub fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Writes a file of the project, and the folders it needs.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces `from`, which must be there, by `to` in a file of the project.
    pub fn edit(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert!(text.contains(from), "`{from}` is not in {relative}");
        self.write(relative, text.replacen(from, to, 1));
    }

    /// A command of the project: its own settings, none of this process's.
    pub fn command(&self, binary: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary_path(binary));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            let foreign =
                ["RAPPORT_", "AWS_", "AZURE_", "GOOGLE_", "AIRFLOW_", "OPENLINEAGE_", "OTEL_"];
            if foreign.iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.env("RAPPORT_CONFIG", self.config);
        command.env("RAPPORT_WAREHOUSE", self.path("warehouse"));
        command
    }

    /// Runs a binary to its end.
    pub fn run(&self, binary: &str, arguments: &[&str]) -> Finished {
        finish(self.start(binary, arguments))
    }

    /// Starts a binary.
    pub fn start(&self, binary: &str, arguments: &[&str]) -> Started {
        start(self.command(binary, arguments))
    }

    /// Runs a job that must succeed, and gives its result line.
    pub fn must_run(&self, binary: &str, arguments: &[&str]) -> Value {
        let finished = self.run(binary, arguments);
        assert_eq!(finished.exit_code, 0, "{binary} {arguments:?}: {}", finished.stderr);
        finished.result()
    }

    /// The rows of a plan, as `rapport plan --json` tells them.
    pub fn plan(&self, arguments: &[&str]) -> Value {
        let finished = self.run("rapport", &[&["plan", "--json"], arguments].concat());
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        serde_json::from_str(&finished.stdout).unwrap()
    }

    /// What is published; panics where anything but partitions lies where readers look.
    pub fn published(&self) -> Published {
        let root = self.path("warehouse");
        let mut published = Published::new();
        for path in files_below(&root) {
            let key = path.strip_prefix(&root).unwrap();
            let parts: Vec<_> = key.iter().map(|part| part.to_str().unwrap()).collect();
            if parts[0] == "_rapport" {
                continue;
            }
            let [zone, table, dt, "data.parquet"] = parts.as_slice() else {
                panic!("{} lies where readers look", key.display());
            };
            let dt = dt.strip_prefix("dt=").unwrap().parse().unwrap();
            let partition = Partition { table: TableName::new(*zone, *table), dt };
            published.insert(partition, ContentHash::of(&std::fs::read(&path).unwrap()));
        }
        published
    }

    /// Every entry of the ledger, oldest first.
    pub fn history(&self) -> Vec<Entry> {
        let lake =
            Lake::open(&Location::Folder(self.path("warehouse")), Patience::default()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(ledger::history(&lake)).unwrap()
    }

    /// The files in one of the warehouse's own areas: `work`, `intents`, `leases`, `runs`.
    pub fn own_files(&self, area: &str) -> Vec<PathBuf> {
        files_below(&self.path("warehouse/_rapport").join(area))
    }

    /// Lets so much time pass that a lease would run out, for the files that killed writers left
    /// half created (`<name>#<number>`): before that they cannot be told from those that a living
    /// run is creating.
    pub fn let_torn_files_age(&self) {
        for path in self.own_files("") {
            let is_torn = path.to_string_lossy().contains(".json#");
            if is_torn && let Ok(file) = std::fs::File::options().append(true).open(&path) {
                file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
            }
        }
    }

    /// Panics where an ended run left something behind.
    pub fn assert_nothing_left_behind(&self) {
        for area in ["work", "intents", "leases"] {
            assert_eq!(self.own_files(area), Vec::<PathBuf>::new(), "left behind in {area}");
        }
    }
}

/// A binary that runs.
pub struct Started {
    child: Child,
    since: Instant,
}

impl Started {
    /// Sends a signal by name: `TERM`, `KILL`, `STOP` …
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(status.success(), "kill -{name} {pid}");
    }

    /// The most memory that it had at once until now, in bytes; none once it has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024)
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

pub fn start(mut command: Command) -> Started {
    let since = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Started { child, since }
}

pub fn finish(started: Started) -> Finished {
    use std::os::unix::process::ExitStatusExt as _;
    let output = started.child.wait_with_output().unwrap();
    let status = output.status;
    Finished {
        exit_code: status.code().unwrap_or_else(|| -status.signal().unwrap()),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        took: started.since.elapsed(),
    }
}

impl Finished {
    /// The result: stdout must be exactly one line of JSON.
    pub fn result(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "not one line on stdout: {:?}", self.stdout);
        assert!(self.stdout.ends_with('\n'), "the result line has no end: {:?}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The result of a job that must have ended with `exit_code`.
    pub fn expect(&self, exit_code: i32) -> Value {
        assert_eq!(self.exit_code, exit_code, "{}\n{}", self.stdout, self.stderr);
        let result = self.result();
        assert_eq!(result["exit_code"], exit_code, "{result}");
        result
    }
}

/// Waits until `condition` holds; panics after ten seconds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The rows of a Parquet file, with its nulls.
pub fn rows_of(path: &Path) -> Vec<Map<String, Value>> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    for batch in reader {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All files below a folder, in order; none where there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// Copies what lies in one folder into another.
pub fn copy_folder(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

fn binary_path(name: &str) -> &'static str {
    match name {
        "ingest" => env!("CARGO_BIN_EXE_ingest"),
        "resolve-identities" => env!("CARGO_BIN_EXE_resolve-identities"),
        "build-customers" => env!("CARGO_BIN_EXE_build-customers"),
        "build-metrics" => env!("CARGO_BIN_EXE_build-metrics"),
        "daily" => env!("CARGO_BIN_EXE_daily"),
        "rapport" => env!("CARGO_BIN_EXE_rapport"),
        "sample-exports" => env!("CARGO_BIN_EXE_sample-exports"),
        _ => panic!("no binary is named {name}"),
    }
}
