//! Reads a day's files: one thread cuts them into pieces, several make typed rows of the pieces,
//! and one puts the rows back in order, numbers them and drops repetitions.
//!
//! What comes out depends on neither the number of threads nor the size of the pieces. Every queue
//! is bounded, so memory does not grow with the files; and when the reader is dropped, each thread
//! finds its queue closed and ends.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::cast::Caster;
use super::csv::{self, Dialect};
use super::duplicates::{Repeated, Seen, Spill};
use super::faults::{BadRow, Code, count_codes, quarantine_batch, quarantine_schema};
use super::header::{Layout, table_name};
use super::json::{self, Paths, Records};
use super::location::ExportFile;
use super::open::{self, Meter, RawFile};
use super::parquet_file;
use super::rows::{self, Parsed, Shape, keep_where};
use super::source::{Duplicates, Format, Source, UnknownColumns};
use super::split::{JsonSplitter, Piece, Scanner, SplitError, Splitter, line_end};
use crate::errors::{Context, Error, Kind, Result};
use crate::hash::ContentHash;

/// How to read, where it does not change what is read; and what else there is to know.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The zone of instants written without one, where the source names none.
    pub business_zone: Tz,
    /// Threads that make rows of text. Default: one a core.
    pub threads: usize,
    /// Bytes of text in a piece. Default: 512 KiB.
    pub piece_bytes: usize,
    /// Different rows kept in memory to find repetitions: about 20 bytes each. Beyond, the files
    /// are read a second time. Default: 14 million.
    pub rows_in_memory: usize,
    /// The files of the days before, newest first, among which a file of today may be found again.
    pub earlier: Vec<EarlierFile>,
}

impl ReadOptions {
    /// The defaults, with the business zone.
    pub fn new(business_zone: Tz) -> Self {
        ReadOptions {
            business_zone,
            threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            piece_bytes: 512 * 1024,
            rows_in_memory: 14_000_000,
            earlier: Vec::new(),
        }
    }
}

/// A file of an earlier day.
#[derive(Debug, Clone)]
pub struct EarlierFile {
    /// The file.
    pub file: ExportFile,
    /// The hash of its bytes, where it is known; else it is read again if its size makes it likely.
    pub content_hash: Option<ContentHash>,
}

/// Some rows of a day's files, in order.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Rows of the reader's schema.
    pub accepted: RecordBatch,
    /// Rows of [`quarantine_schema`].
    pub quarantined: RecordBatch,
}

/// What was read. Always: `read = accepted + quarantined + duplicates`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows in the files.
    pub read: u64,
    /// Rows that were handed out.
    pub accepted: u64,
    /// Rows that broke the contract.
    pub quarantined: u64,
    /// Rows that were dropped because they repeat an earlier one.
    pub duplicates: u64,
    /// Rows that repeat an earlier one and were kept, as the source says.
    pub duplicates_kept: u64,
    /// Rows that broke the contract, by the code of each reason.
    pub quarantined_by_reason: BTreeMap<String, u64>,
    /// The first rows that broke the contract, for messages: file, line and reasons, no values.
    pub first_quarantined: Vec<String>,
    /// The files, in order.
    pub files: Vec<FileRead>,
}

impl Counts {
    /// The share of rows that broke the contract, 0 to 1.
    pub fn bad_share(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)] // a share needs no sixteenth digit
        match self.read {
            0 => 0.0,
            read => self.quarantined as f64 / read as f64,
        }
    }
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRead {
    /// The file's key relative to the landing root.
    pub name: String,
    /// Its size in bytes.
    pub byte_count: u64,
    /// The hash of its bytes.
    pub content_hash: ContentHash,
    /// Rows in it; none are counted of a replay.
    pub read: u64,
    /// Rows of it that were handed out.
    pub accepted: u64,
    /// Rows of it that broke the contract.
    pub quarantined: u64,
    /// Rows of it that were dropped as repetitions.
    pub duplicates: u64,
    /// The earlier file with the same bytes, because of which this one counts nothing.
    pub replay_of: Option<String>,
    /// The file of the same day with the same bytes, because of which all rows are repetitions.
    pub same_as: Option<String>,
}

/// Reads the rows of a day's files.
pub struct Reader {
    schema: SchemaRef,
    messages: mpsc::Receiver<Result<Message>>,
    counts: Option<Counts>,
    threads: Vec<JoinHandle<()>>,
}

enum Message {
    Rows(Box<Rows>),
    End(Box<Counts>),
}

/// Begins to read `files` of `source`, in the order given.
///
/// Must be called within a tokio runtime. Errors: `ExportBroken` where the columns of the table
/// depend on the files' headers and those cannot be read; all else is found out while reading.
pub async fn read(
    store: Arc<dyn ObjectStore>,
    source: Arc<Source>,
    files: Vec<ExportFile>,
    options: ReadOptions,
) -> Result<Reader> {
    let runtime = Handle::current();
    let widened = if source.unknown_columns == UnknownColumns::Widen {
        let (store, source) = (Arc::clone(&store), Arc::clone(&source));
        let (files, runtime) = (files.clone(), runtime.clone());
        tokio::task::spawn_blocking(move || widened(&store, &source, &files, &runtime))
            .await
            .context(Kind::Defect, || "read headers")??
    } else {
        Vec::new()
    };
    let schema = source.schema_with(&widened);
    let input = Arc::new(Input {
        store,
        shape: Shape::new(source, &widened),
        widened,
        files,
        options,
        runtime,
    });
    let (sender, messages) = mpsc::channel(4);
    let mut threads = Vec::new();
    let steps = start(&input, &mut threads)?;
    let sequencer = Sequencer::new(Arc::clone(&input), Arc::clone(&schema), sender);
    threads.push(spawn("export-order", move || sequencer.run(&steps))?);
    Ok(Reader { schema, messages, counts: None, threads })
}

impl Reader {
    /// The schema of the accepted rows.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; none at the end.
    ///
    /// Errors: `ExportBroken` with file and place, `Storage`. After an error there is no more.
    pub async fn next(&mut self) -> Result<Option<Rows>> {
        if self.counts.is_some() {
            return Ok(None);
        }
        match self.messages.recv().await {
            Some(Ok(Message::Rows(rows))) => Ok(Some(*rows)),
            Some(Ok(Message::End(counts))) => {
                self.counts = Some(*counts);
                Ok(None)
            }
            Some(Err(error)) => Err(error),
            None => Err(Error::new(Kind::Defect, "read exports: the reading threads are gone")),
        }
    }

    /// What was read, once [`Reader::next`] has returned none. Reads on to the end before that.
    pub async fn finish(mut self) -> Result<Counts> {
        while self.next().await?.is_some() {}
        let counts = self.counts.take();
        let threads = std::mem::take(&mut self.threads);
        drop(self);
        // The last message is sent when all the work is done, so this is no wait to speak of.
        for thread in threads {
            if thread.join().is_err() {
                return Err(Error::new(Kind::Defect, "read exports: a thread panicked"));
            }
        }
        counts.ok_or_else(|| Error::new(Kind::Defect, "read exports: no counts at the end"))
    }
}

/// What all threads of a read share.
struct Input {
    store: Arc<dyn ObjectStore>,
    shape: Shape,
    widened: Vec<String>,
    files: Vec<ExportFile>,
    options: ReadOptions,
    runtime: Handle,
}

impl Input {
    fn source(&self) -> &Source {
        &self.shape.source
    }
}

/// What is known of a file once its first bytes are read.
struct OpenFile {
    layout: Layout,
    dialect: Dialect,
}

enum Work {
    Text(Piece),
    Batch(RecordBatch),
}

struct Task {
    work: Work,
    file: Arc<OpenFile>,
    reply: SyncSender<Result<Parsed>>,
}

/// What the sequencer is told, in order.
enum Step {
    /// A file begins; all its rows are repetitions where another of the day has the same bytes.
    Begin {
        index: usize,
        same_as: Option<usize>,
    },
    Part(Receiver<Result<Parsed>>),
    End {
        byte_count: u64,
        content_hash: ContentHash,
    },
    /// A file of an earlier day again.
    Replay {
        index: usize,
        byte_count: u64,
        content_hash: ContentHash,
        of: String,
    },
    Failed(Error),
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_string())
        .spawn(work)
        .context(Kind::Defect, || "start a thread to read exports")
}

/// Starts the threads that cut and type; what they make comes out in order.
fn start(input: &Arc<Input>, threads: &mut Vec<JoinHandle<()>>) -> Result<Receiver<Step>> {
    let thread_count = input.options.threads.max(1);
    // As many pieces are on their way as keep the threads busy, and no more: they are the memory.
    let (step_sender, steps) = sync_channel(thread_count * 2 + 2);
    let (task_sender, tasks) = sync_channel::<Task>(thread_count);
    let tasks = Arc::new(Mutex::new(tasks));
    for _ in 0..thread_count {
        let (input, tasks) = (Arc::clone(input), Arc::clone(&tasks));
        threads.push(spawn("export-rows", move || make_rows(&input, &tasks))?);
    }
    let input = Arc::clone(input);
    threads.push(spawn("export-cut", move || {
        let mut feeder = Feeder { input: &input, steps: step_sender, tasks: task_sender };
        feeder.run();
    })?);
    Ok(steps)
}

/// A queue at the other end of which nobody is left: the read was given up.
struct Abandoned;

/// Cuts the files, and hands the pieces out.
struct Feeder<'a> {
    input: &'a Input,
    steps: SyncSender<Step>,
    tasks: SyncSender<Task>,
}

enum Stop {
    Abandoned,
    Failed(Error),
}

impl From<Abandoned> for Stop {
    fn from(_: Abandoned) -> Self {
        Stop::Abandoned
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

impl Feeder<'_> {
    fn run(&mut self) {
        let mut hashes: HashMap<usize, ContentHash> = HashMap::new();
        for index in 0..self.input.files.len() {
            match self.file(index, &mut hashes) {
                Ok(()) => {}
                Err(Stop::Abandoned) => return,
                Err(Stop::Failed(error)) => {
                    // If nobody is left to hear of it, nobody asks either.
                    let _ = self.steps.send(Step::Failed(error));
                    return;
                }
            }
        }
    }

    fn step(&self, step: Step) -> Result<(), Abandoned> {
        self.steps.send(step).map_err(|_| Abandoned)
    }

    fn task(&self, work: Work, file: &Arc<OpenFile>) -> Result<(), Abandoned> {
        let (reply, result) = sync_channel(1);
        self.step(Step::Part(result))?;
        let task = Task { work, file: Arc::clone(file), reply };
        self.tasks.send(task).map_err(|_| Abandoned)
    }

    fn file(&self, index: usize, hashes: &mut HashMap<usize, ContentHash>) -> Result<(), Stop> {
        let input = self.input;
        let file = &input.files[index];
        let mut own_hash = None;
        let mut hash_own = || -> Result<ContentHash> {
            match own_hash {
                Some(hash) => Ok(hash),
                None => Ok(*own_hash.insert(open::hash_of(&input.store, file, &input.runtime)?)),
            }
        };
        let mut same_as = None;
        for earlier in 0..index {
            if input.files[earlier].byte_count == file.byte_count
                && file.byte_count > 0
                && hashes.get(&earlier) == Some(&hash_own()?)
            {
                same_as = Some(earlier);
                break;
            }
        }
        for earlier in &input.options.earlier {
            let other = &earlier.file;
            if other.byte_count != file.byte_count
                || other.location == file.location
                || file.byte_count == 0
            {
                continue;
            }
            let hash = match earlier.content_hash {
                Some(hash) => hash,
                None => open::hash_of(&input.store, other, &input.runtime)?,
            };
            if hash == hash_own()? {
                hashes.insert(index, hash);
                let byte_count = file.byte_count;
                let of = other.name.clone();
                self.step(Step::Replay { index, byte_count, content_hash: hash, of })?;
                return Ok(());
            }
        }
        self.step(Step::Begin { index, same_as })?;
        let raw = RawFile::open(&input.store, file, &input.runtime)?;
        let meter = raw.meter();
        match input.source().format {
            Format::Parquet => self.parquet(&file.name, raw)?,
            _ => self.text(&file.name, raw)?,
        }
        let (byte_count, content_hash) = (meter.byte_count(), meter.content_hash());
        hashes.insert(index, content_hash);
        self.step(Step::End { byte_count, content_hash })?;
        Ok(())
    }

    fn parquet(&self, name: &str, raw: RawFile) -> Result<(), Stop> {
        let source = self.input.source();
        let meter = raw.meter();
        let mut content = open::decompressed(source, name, raw)?;
        let spooled = parquet_file::spool(&mut content)
            .map_err(|error| open::read_error(source, name, &meter, error))?;
        let broken = |what: String| source.broken(name, what);
        let (names, rows) = parquet_file::open(spooled).map_err(broken)?;
        let layout = Layout::matched(source, name, &names, &self.input.widened)?;
        let dialect = Dialect { csv: source.csv.clone(), line_end: b'\n' };
        let file = Arc::new(OpenFile { layout, dialect });
        for batch in rows {
            let batch = batch
                .map_err(|error| broken(format!("its Parquet data cannot be read: {error}")))?;
            self.task(Work::Batch(batch), &file)?;
        }
        Ok(())
    }

    fn text(&self, name: &str, raw: RawFile) -> Result<(), Stop> {
        let source = self.input.source();
        let meter = raw.meter();
        let opened = open_text(source, name, raw, &self.input.widened)?;
        let piece_bytes = self.input.options.piece_bytes;
        let file = Arc::new(opened.file);
        let failed = |error| split_error(source, name, &meter, error);
        if source.format == Format::Json {
            let mut splitter = JsonSplitter::new(opened.rest, &source.json.records, piece_bytes);
            while let Some(piece) = splitter.next().map_err(failed)? {
                self.task(Work::Text(piece), &file)?;
            }
            return Ok(());
        }
        let scanner = match source.format {
            Format::Ndjson => Scanner::lines(),
            _ => Scanner::records(&file.dialect),
        };
        let mut splitter = Splitter::new(opened.rest, scanner, opened.line, piece_bytes);
        while let Some(piece) = splitter.next().map_err(failed)? {
            self.task(Work::Text(piece), &file)?;
        }
        Ok(())
    }
}

fn split_error(source: &Source, name: &str, meter: &Meter, error: SplitError) -> Error {
    match error {
        SplitError::Read(error) => open::read_error(source, name, meter, error),
        SplitError::Broken(what) => source.broken(name, what),
    }
}

/// A text file behind its header.
struct OpenedText {
    file: OpenFile,
    rest: Box<dyn Read + Send>,
    /// The line on which the rest begins, from 1.
    line: u64,
}

/// The longest header there may be, in bytes.
const MAXIMUM_HEADER_BYTES: usize = 1024 * 1024;

fn open_text(source: &Source, name: &str, raw: RawFile, widened: &[String]) -> Result<OpenedText> {
    let meter = raw.meter();
    let failed = |error| open::read_error(source, name, &meter, error);
    let content = open::decompressed(source, name, raw)?;
    let mut content = open::as_utf8(source, name, content, &meter)?;
    let mut start = open::first_bytes(&mut content, 64 * 1024).map_err(failed)?;
    let is_delimited = matches!(source.format, Format::Csv | Format::Tsv);
    if start.is_empty() && (source.format == Format::Json || (is_delimited && source.csv.header)) {
        return Err(source.broken(name, "it is empty: 0 bytes of content"));
    }
    let line_end = if is_delimited { line_end(&start) } else { b'\n' };
    let dialect = Dialect { csv: source.csv.clone(), line_end };
    if !is_delimited {
        let layout = Layout::declared(source);
        let rest = Box::new(std::io::Cursor::new(start).chain(content));
        return Ok(OpenedText { file: OpenFile { layout, dialect }, rest, line: 1 });
    }
    let mut line = 1;
    let mut at = 0;
    // Finds the end of the line or record at `at`, and reads on where it is not there yet.
    let more = |start: &mut Vec<u8>, content: &mut Box<dyn Read + Send>| -> Result<bool> {
        if start.len() >= MAXIMUM_HEADER_BYTES {
            return Err(source.broken(name, "what comes before its rows is longer than 1 MiB"));
        }
        let count = content.by_ref().take(64 * 1024).read_to_end(start).map_err(failed)?;
        Ok(count > 0)
    };
    for _ in 0..source.csv.skip_lines {
        loop {
            match memchr::memchr(line_end, &start[at..]) {
                Some(end) => {
                    at += end + 1;
                    line += 1;
                    break;
                }
                None if more(&mut start, &mut content)? => {}
                None => {
                    let what = format!(
                        "it ends within the {} lines to skip, on line {line}",
                        source.csv.skip_lines
                    );
                    return Err(source.broken(name, what));
                }
            }
        }
    }
    let layout = if source.csv.header {
        let header = loop {
            let mut end = header_end(&start[at..], &dialect).map(|end| at + end);
            while end.is_none() && more(&mut start, &mut content)? {
                end = header_end(&start[at..], &dialect).map(|end| at + end);
            }
            let end = end.unwrap_or(start.len());
            let record = &start[at..end];
            if record.is_empty() {
                return Err(source.broken(name, format!("it has no header on line {line}")));
            }
            if let Some(code) = super::grid::fault_of_bytes(record) {
                let hint = match code {
                    Code::BadEncoding => {
                        format!(" (it is read as {}: see `encoding`)", source.encoding.name())
                    }
                    _ => String::new(),
                };
                let what = format!("its header on line {line} {}{hint}", code.text());
                return Err(source.broken(name, what));
            }
            let fields = csv::fields(record, &dialect);
            line += memchr::memchr_iter(line_end, record).count() as u64;
            at = end;
            // Blank lines and comments may stand before the header as anywhere.
            if !fields.is_empty() {
                break fields;
            }
        };
        Layout::matched(source, name, &header, widened)?
    } else {
        Layout::declared(source)
    };
    start.drain(..at);
    let rest = Box::new(std::io::Cursor::new(start).chain(content));
    Ok(OpenedText { file: OpenFile { layout, dialect }, rest, line })
}

/// Where the first record of `text` ends, its line end included.
fn header_end(text: &[u8], dialect: &Dialect) -> Option<usize> {
    Scanner::records(dialect).first_end(text)
}

/// The columns that the headers of `files` add to the declared ones, in order of appearance.
fn widened(
    store: &Arc<dyn ObjectStore>,
    source: &Source,
    files: &[ExportFile],
    runtime: &Handle,
) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let raw = RawFile::open(store, file, runtime)?;
        let meter = raw.meter();
        let layout = if source.format == Format::Parquet {
            let mut content = open::decompressed(source, &file.name, raw)?;
            let spooled = parquet_file::spool(&mut content)
                .map_err(|error| open::read_error(source, &file.name, &meter, error))?;
            let broken = |what: String| source.broken(&file.name, what);
            let (header, _) = parquet_file::open(spooled).map_err(broken)?;
            Layout::matched(source, &file.name, &header, &[])?
        } else {
            open_text(source, &file.name, raw, &[])?.file.layout
        };
        let mut extras = layout.extras;
        extras.sort_by_key(|(_, place)| *place);
        let mut own = Vec::new();
        for (extra, _) in extras {
            let name = table_name(&extra);
            let is_taken = source.columns.iter().any(|column| column.name == name)
                || [super::source::SOURCE_FILE, super::source::SOURCE_ROW, "dt"]
                    .contains(&name.as_str())
                || own.contains(&name);
            if is_taken {
                let what = format!("its undeclared columns come to the name `{name}` twice");
                return Err(source.broken(&file.name, what));
            }
            if !names.contains(&name) {
                names.push(name.clone());
            }
            own.push(name);
        }
    }
    Ok(names)
}

/// Types pieces until there are no more.
fn make_rows(input: &Input, tasks: &Mutex<Receiver<Task>>) {
    let source = input.source();
    let caster = Caster::new(source.time_zone.unwrap_or(input.options.business_zone));
    let paths = Paths::new(source);
    loop {
        // One thread waits for the next piece while the others wait for the lock.
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let parsed = parse(input, &caster, &paths, task.work, &task.file);
        // Where the read was given up, the next piece will not come either.
        let _ = task.reply.send(parsed);
    }
}

fn parse(
    input: &Input,
    caster: &Caster,
    paths: &Paths,
    work: Work,
    file: &OpenFile,
) -> Result<Parsed> {
    let shape = &input.shape;
    let piece = match work {
        Work::Batch(batch) => return parquet_file::typed(shape, &file.layout, caster, &batch),
        Work::Text(piece) => piece,
    };
    let (first_line, line_end) = (piece.first_line, file.dialect.line_end);
    let mut unknown = None;
    let grid = match shape.source.format {
        Format::Json => {
            let (grid, key) = json::cut(piece.bytes, &Records::Spans(piece.records), paths);
            unknown = key;
            grid
        }
        Format::Ndjson => {
            let (grid, key) = json::cut(piece.bytes, &Records::Lines, paths);
            unknown = key;
            grid
        }
        _ => csv::cut(piece.bytes, &file.dialect, &file.layout),
    };
    let mut parsed = rows::typed(shape, &file.layout, caster, grid, line_end, first_line)?;
    parsed.broken = unknown.map(|unknown| {
        let key: String = unknown.key.escape_debug().take(60).collect();
        let line = first_line + unknown.line;
        format!("its record on line {line} has the undeclared key `{key}`")
    });
    Ok(parsed)
}

/// How repetitions are found.
enum Memory {
    /// By what was seen so far.
    Seen(Seen),
    /// By what a pass over all files found.
    Repeated(Repeated),
}

/// Puts the rows in order, numbers them, drops repetitions, and counts.
struct Sequencer {
    input: Arc<Input>,
    schema: SchemaRef,
    sender: mpsc::Sender<Result<Message>>,
    counts: Counts,
    memory: Memory,
    /// Rows that were fit to be accepted, repetitions included: the order of the second pass.
    ordinal: u64,
    at: Option<At>,
    /// The file's name, many times.
    names: Option<StringArray>,
}

/// The file at hand.
struct At {
    index: usize,
    same_as: Option<usize>,
    read: FileRead,
}

impl Sequencer {
    fn new(input: Arc<Input>, schema: SchemaRef, sender: mpsc::Sender<Result<Message>>) -> Self {
        Sequencer {
            input,
            schema,
            sender,
            counts: Counts::default(),
            memory: Memory::Seen(Seen::new()),
            ordinal: 0,
            at: None,
            names: None,
        }
    }

    fn run(mut self, steps: &Receiver<Step>) {
        let mut is_whole = self.input.files.is_empty();
        while let Ok(step) = steps.recv() {
            let is_last = self.counts.files.len() + 1 == self.input.files.len();
            let ends_file = matches!(step, Step::End { .. } | Step::Replay { .. });
            match self.step(step) {
                Ok(()) => is_whole = is_whole || (is_last && ends_file),
                Err(Stop::Abandoned) => return,
                Err(Stop::Failed(error)) => {
                    let _ = self.sender.blocking_send(Err(error));
                    return;
                }
            }
        }
        let end = match is_whole {
            true => Ok(Message::End(Box::new(self.counts))),
            false => Err(Error::new(Kind::Defect, "read exports: the cutting thread is gone")),
        };
        let _ = self.sender.blocking_send(end);
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Begin { index, same_as } => {
                let name = self.input.files[index].name.clone();
                let same_name = same_as.map(|other| self.input.files[other].name.clone());
                let read = FileRead {
                    name,
                    byte_count: 0,
                    content_hash: ContentHash::of(&[]),
                    read: 0,
                    accepted: 0,
                    quarantined: 0,
                    duplicates: 0,
                    replay_of: None,
                    same_as: same_name,
                };
                self.at = Some(At { index, same_as, read });
                self.names = None;
            }
            Step::Part(result) => {
                let lost = || Error::new(Kind::Defect, "read exports: a piece got lost");
                let parsed = result.recv().map_err(|_| lost())??;
                self.part(parsed)?;
            }
            Step::End { byte_count, content_hash } => {
                if let Some(mut at) = self.at.take() {
                    at.read.byte_count = byte_count;
                    at.read.content_hash = content_hash;
                    self.counts.files.push(at.read);
                }
            }
            Step::Replay { index, byte_count, content_hash, of } => {
                self.counts.files.push(FileRead {
                    name: self.input.files[index].name.clone(),
                    byte_count,
                    content_hash,
                    read: 0,
                    accepted: 0,
                    quarantined: 0,
                    duplicates: 0,
                    replay_of: Some(of),
                    same_as: None,
                });
            }
            Step::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn part(&mut self, mut parsed: Parsed) -> Result<(), Stop> {
        let Some(at) = &self.at else { return Ok(()) };
        let (index, is_double) = (at.index, at.same_as.is_some());
        let base = at.read.read;
        let name = at.read.name.clone();
        if let Some(what) = parsed.broken.take() {
            return Err(self.input.source().broken(&name, what).into());
        }
        let mut duplicates = 0;
        if is_double {
            duplicates = parsed.row_count;
            parsed.bad.clear();
            let keep = vec![false; parsed.numbers.len()];
            keep_where(&keep, &mut parsed.columns, &mut parsed.numbers, &mut parsed.hashes)?;
        } else {
            let keep = self.mark_repetitions(&parsed.hashes)?;
            if let Some(keep) = keep {
                let repeated = keep.iter().filter(|keep| !**keep).count() as u64;
                if self.input.source().duplicates == Duplicates::Drop {
                    duplicates = repeated;
                    keep_where(
                        &keep,
                        &mut parsed.columns,
                        &mut parsed.numbers,
                        &mut parsed.hashes,
                    )?;
                } else {
                    self.counts.duplicates_kept += repeated;
                }
            }
        }
        for bad in &mut parsed.bad {
            bad.row += base + 1;
        }
        count_codes(&parsed.bad, &mut self.counts.quarantined_by_reason);
        let wanted = FIRST_QUARANTINED.saturating_sub(self.counts.first_quarantined.len());
        let first = parsed.bad.iter().take(wanted).map(|bad| described(&name, bad));
        self.counts.first_quarantined.extend(first);
        let accepted = self.batch(&name, base, &parsed)?;
        let quarantined = match parsed.bad.is_empty() {
            true => RecordBatch::new_empty(quarantine_schema()),
            false => quarantine_batch(&name, &parsed.bad)?,
        };
        let (accepted_count, bad_count) = (accepted.num_rows() as u64, parsed.bad.len() as u64);
        self.counts.read += parsed.row_count;
        self.counts.accepted += accepted_count;
        self.counts.quarantined += bad_count;
        self.counts.duplicates += duplicates;
        if let Some(at) = self.at.as_mut().filter(|at| at.index == index) {
            at.read.read += parsed.row_count;
            at.read.accepted += accepted_count;
            at.read.quarantined += bad_count;
            at.read.duplicates += duplicates;
        }
        if accepted_count + bad_count == 0 {
            // Nothing to hand out, but the read may have been given up meanwhile.
            return if self.sender.is_closed() { Err(Stop::Abandoned) } else { Ok(()) };
        }
        let rows = Box::new(Rows { accepted, quarantined });
        self.sender.blocking_send(Ok(Message::Rows(rows))).map_err(|_| Stop::Abandoned)
    }

    /// For each row whether it is new; none where all are.
    fn mark_repetitions(&mut self, hashes: &[u128]) -> Result<Option<Vec<bool>>, Stop> {
        let is_full = match &self.memory {
            Memory::Seen(seen) => {
                seen.len().saturating_add(hashes.len()) > self.input.options.rows_in_memory
            }
            Memory::Repeated(_) => false,
        };
        if is_full {
            // Freed first: the second pass needs memory of its own.
            self.memory = Memory::Seen(Seen::new());
            self.memory = Memory::Repeated(second_pass(&self.input, &self.sender)?);
        }
        let mut keep: Option<Vec<bool>> = None;
        for (row, hash) in hashes.iter().enumerate() {
            let is_new = match &mut self.memory {
                Memory::Seen(seen) => seen.insert(*hash),
                Memory::Repeated(repeated) => !repeated.has(self.ordinal + row as u64),
            };
            if !is_new {
                keep.get_or_insert_with(|| vec![true; hashes.len()])[row] = false;
            }
        }
        self.ordinal += hashes.len() as u64;
        Ok(keep)
    }

    fn batch(&mut self, name: &str, base: u64, parsed: &Parsed) -> Result<RecordBatch> {
        let row_count = parsed.numbers.len();
        let numbers = parsed
            .numbers
            .iter()
            .map(|number| i64::try_from(base + u64::from(*number) + 1).unwrap_or(i64::MAX));
        let names = match &self.names {
            Some(names) if names.len() >= row_count => names.slice(0, row_count),
            _ => {
                let names = StringArray::from_iter_values(std::iter::repeat_n(name, row_count));
                self.names = Some(names.clone());
                names
            }
        };
        let mut columns: Vec<ArrayRef> = parsed.columns.clone();
        columns.push(Arc::new(names));
        columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .context(Kind::Defect, || "assemble rows")
    }
}

/// How many of the rows that broke the contract are kept for messages.
const FIRST_QUARANTINED: usize = 3;

/// Where a bad row of the file `file` is and what is wrong with it.
fn described(file: &str, bad: &BadRow) -> String {
    let place = match bad.line {
        Some(line) => format!("line {line}"),
        None => format!("row {}", bad.row),
    };
    format!("`{file}` {place}: {}", bad.reasons.join(", "))
}

/// Reads all files once more, for nothing but which rows repeat an earlier one.
fn second_pass(
    input: &Arc<Input>,
    sender: &mpsc::Sender<Result<Message>>,
) -> Result<Repeated, Stop> {
    let failed = || "write row hashes to temporary files";
    let mut threads = Vec::new();
    let steps = start(input, &mut threads)?;
    let mut spill = Spill::new().context(Kind::Storage, failed)?;
    let mut is_double = false;
    while let Ok(step) = steps.recv() {
        match step {
            Step::Begin { same_as, .. } => is_double = same_as.is_some(),
            Step::Part(result) => {
                let lost = || Error::new(Kind::Defect, "read exports: a piece got lost");
                let parsed = result.recv().map_err(|_| lost())??;
                if !is_double {
                    for hash in parsed.hashes {
                        spill.push(hash).context(Kind::Storage, failed)?;
                    }
                }
            }
            Step::End { .. } | Step::Replay { .. } => {}
            Step::Failed(error) => return Err(error.into()),
        }
        if sender.is_closed() {
            return Err(Stop::Abandoned);
        }
    }
    Ok(spill.resolve().context(Kind::Storage, failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::{Source, list};
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};
    use proptest::prelude::*;

    fn source(more: &str) -> Arc<Source> {
        let text = format!(
            "description: d\nlocation: 'in/{{dt}}/*.csv'\nformat: csv\nload: events\n{more}\n\
             columns: [{{name: a, type: integer}}, {{name: b, type: string}}]\n"
        );
        Arc::new(Source::parse("things", &text).unwrap())
    }

    async fn store(files: &[(&str, Vec<u8>)]) -> Arc<dyn ObjectStore> {
        let store = InMemory::new();
        for (key, bytes) in files {
            store.put(&Path::from(*key), PutPayload::from(bytes.clone())).await.unwrap();
        }
        Arc::new(store)
    }

    async fn files(store: &Arc<dyn ObjectStore>, source: &Source, day: &str) -> Vec<ExportFile> {
        list(store, &Path::default(), source, day.parse().unwrap()).await.unwrap()
    }

    /// The rows of a day, as text, and what was counted.
    async fn all(
        store: &Arc<dyn ObjectStore>,
        source: &Arc<Source>,
        change: impl FnOnce(&mut ReadOptions),
    ) -> Result<(String, Counts)> {
        let mut options = ReadOptions::new(Tz::UTC);
        options.piece_bytes = 100;
        change(&mut options);
        let files = files(store, source, "2024-02-29").await;
        let mut reader = read(Arc::clone(store), Arc::clone(source), files, options).await?;
        let (mut accepted, mut quarantined) = (Vec::new(), Vec::new());
        let schema = reader.schema();
        while let Some(rows) = reader.next().await? {
            accepted.push(rows.accepted);
            quarantined.push(rows.quarantined);
        }
        let show = |schema, batches: &[RecordBatch]| {
            let whole = arrow::compute::concat_batches(schema, batches).unwrap();
            arrow::util::pretty::pretty_format_batches(&[whole]).unwrap().to_string()
        };
        let shown = show(&schema, &accepted) + &show(&quarantine_schema(), &quarantined);
        Ok((shown, reader.finish().await?))
    }

    fn many_rows() -> Vec<u8> {
        let rows = (0..4000).map(|row| format!("{},\"word {}\"\n", row % 900, row % 7));
        format!("a,b\n{}x,bad\n", rows.collect::<String>()).into_bytes()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn repetitions_are_the_same_in_memory_and_by_a_second_pass() {
        let store = store(&[
            ("in/2024-02-29/a.csv", many_rows()),
            ("in/2024-02-29/b.csv", b"a,b\n1,word 1\n-1,new\n".to_vec()),
        ])
        .await;
        let source = source("");
        let in_memory = all(&store, &source, |_| {}).await.unwrap();
        assert_eq!(in_memory.1.read, 4003);
        // 900 and 7 share no factor, so no pair comes twice before row 6300; `b` repeats one.
        assert_eq!((in_memory.1.duplicates, in_memory.1.quarantined), (1, 1));
        for limit in [0, 1, 500, 3000] {
            let spilled = all(&store, &source, |options| options.rows_in_memory = limit).await;
            assert_eq!(spilled.unwrap(), in_memory, "{limit}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_of_an_earlier_day_counts_nothing() {
        let store = store(&[
            ("in/2024-02-28/a.csv", b"a,b\n1,x\n".to_vec()),
            ("in/2024-02-29/b.csv", b"a,b\n1,x\n".to_vec()),
            ("in/2024-02-29/c.csv", b"a,b\n1,y\n".to_vec()),
        ])
        .await;
        let source = source("");
        let earlier = files(&store, &source, "2024-02-28").await;
        for known in [true, false] {
            let (_, counts) = all(&store, &source, |options| {
                options.earlier = earlier
                    .iter()
                    .map(|file| EarlierFile {
                        file: file.clone(),
                        content_hash: known.then(|| ContentHash::of(b"a,b\n1,x\n")),
                    })
                    .collect();
            })
            .await
            .unwrap();
            assert_eq!((counts.read, counts.accepted), (1, 1));
            let replays: Vec<_> =
                counts.files.iter().map(|file| file.replay_of.as_deref()).collect();
            assert_eq!(replays, [Some("in/2024-02-28/a.csv"), None]);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_is_dropped_stops_its_threads() {
        let rows: String = (0..200_000).map(|row| format!("{row},x\n")).collect();
        let store = store(&[("in/2024-02-29/a.csv", format!("a,b\n{rows}").into_bytes())]).await;
        let source = source("");
        let files = files(&store, &source, "2024-02-29").await;
        let mut options = ReadOptions::new(Tz::UTC);
        options.piece_bytes = 100;
        let mut reader = read(store, source, files, options).await.unwrap();
        assert!(reader.next().await.unwrap().is_some());
        let threads = std::mem::take(&mut reader.threads);
        drop(reader);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        let joined = tokio::time::timeout(std::time::Duration::from_secs(5), joined).await;
        assert!(joined.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_file_that_vanished_is_storage_trouble() {
        let store = store(&[("in/2024-02-29/a.csv", b"a,b\n".to_vec())]).await;
        let source = source("");
        let files = files(&store, &source, "2024-02-29").await;
        store.delete(&Path::from("in/2024-02-29/a.csv")).await.unwrap();
        let reader = read(store, source, files, ReadOptions::new(Tz::UTC)).await.unwrap();
        assert_eq!(reader.finish().await.unwrap_err().kind(), Kind::Storage);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn threads_and_pieces_do_not_show_and_nothing_is_lost(
            text in "([0-9x]{0,2},[ab\"\n]{0,4}(,c)?\n){0,30}[ab\"\u{e9}]{0,3}",
            piece_bytes in 1usize..60,
            threads in 1usize..9,
        ) {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let bytes = format!("a,b\n{text}").into_bytes();
                let store = store(&[("in/2024-02-29/a.csv", bytes)]).await;
                let source = source("");
                let whole = all(&store, &source, |options| {
                    options.threads = 1;
                    options.piece_bytes = 1 << 20;
                }).await;
                let parts = all(&store, &source, |options| {
                    options.threads = threads;
                    options.piece_bytes = piece_bytes;
                }).await;
                match (whole, parts) {
                    (Ok(whole), Ok(parts)) => {
                        let counts = &whole.1;
                        assert_eq!(
                            counts.read, counts.accepted + counts.quarantined + counts.duplicates
                        );
                        assert_eq!(whole, parts);
                    }
                    (Err(whole), Err(parts)) => assert_eq!(whole.chain(), parts.chain()),
                    (whole, parts) => panic!("{whole:?} {parts:?}"),
                }
            });
        }

        #[test]
        fn no_file_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            format in prop::sample::select(vec!["csv", "tsv", "ndjson", "json", "parquet"]),
        ) {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let store = store(&[("in/2024-02-29/a.csv", bytes)]).await;
                let text = format!(
                    "description: d\nlocation: 'in/{{dt}}/*'\nformat: {format}\nload: events\n\
                     unknown_columns: text\ncolumns: [{{name: a, type: integer}}]\n"
                );
                let source = Arc::new(Source::parse("things", &text).unwrap());
                if let Err(error) = all(&store, &source, |_| {}).await {
                    assert_eq!(error.kind(), Kind::ExportBroken, "{}", error.chain());
                }
            });
        }
    }
}
