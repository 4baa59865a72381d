//! Cuts the files, one after the other, into pieces of whole records, and tells which of them were
//! delivered before.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::Input;
use super::pipeline::{Abandoned, Step, Stop, Task, Work};
use super::preamble::{OpenFile, open_text};
use super::typing::Typist;
use crate::errors::{Error, Kind, Result};
use crate::exports::csv::Dialect;
use crate::exports::header::Layout;
use crate::exports::location::ExportFile;
use crate::exports::open::{self, Meter, RawFile};
use crate::exports::parquet_file;
use crate::exports::source::{Format, Load, Source};
use crate::exports::split::{JsonSplitter, Scanner, SplitError, Splitter};
use crate::hash::ContentHash;

/// Cuts the files, and hands the pieces out.
pub(super) struct Feeder<'a> {
    pub input: &'a Input,
    pub steps: SyncSender<Step>,
    pub tasks: SyncSender<Task>,
}

impl Feeder<'_> {
    pub fn run(&mut self) {
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
        // Changes that come once more after others change things back: only right away they don't.
        let first = match input.source().load {
            Load::Changes => index.saturating_sub(1),
            Load::Events | Load::Snapshot => 0,
        };
        for earlier in first..index {
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
                // Days without a fact look alike: a header alone repeats nothing.
                if !self.has_rows(file)? {
                    break;
                }
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
        cut(input, &file.name, raw, |work, open_file| {
            self.task(work, open_file)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let (byte_count, content_hash) = (meter.byte_count(), meter.content_hash());
        hashes.insert(index, content_hash);
        self.step(Step::End { byte_count, content_hash })?;
        Ok(())
    }

    /// Whether there is any record in `file`. One that cannot be made out may hold some.
    fn has_rows(&self, file: &ExportFile) -> Result<bool> {
        let input = self.input;
        let typist = Typist::new(input);
        let mut is_found = false;
        let raw = RawFile::open(&input.store, file, &input.runtime)?;
        let looked = cut(input, &file.name, raw, |work, open_file| {
            let parsed = typist.typed(work, open_file)?;
            is_found |= parsed.row_count > 0 || parsed.broken.is_some();
            Ok(if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        match looked {
            Ok(()) => Ok(is_found),
            Err(Stop::Failed(error)) if error.kind() != Kind::ExportBroken => Err(error),
            Err(_) => Ok(true),
        }
    }
}

/// Cuts the file, and gives `take` one piece after the other for as long as it wants more.
fn cut(
    input: &Input,
    name: &str,
    raw: RawFile,
    take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    match input.source().format {
        Format::Parquet => cut_parquet(input, name, raw, take),
        _ => cut_text(input, name, raw, take),
    }
}

fn cut_parquet(
    input: &Input,
    name: &str,
    raw: RawFile,
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    let source = input.source();
    let meter = raw.meter();
    let mut content = open::decompressed(source, name, raw)?;
    let spooled = parquet_file::spool(&mut content)
        .map_err(|error| open::read_error(source, name, &meter, error))?;
    let broken = |what: String| source.broken(name, what);
    let (names, rows) = parquet_file::open(spooled).map_err(broken)?;
    let layout = Layout::matched(source, name, &names, &input.widened)?;
    let dialect = Dialect { csv: source.csv.clone(), line_end: b'\n' };
    let file = Arc::new(OpenFile { layout, dialect });
    for batch in rows {
        let batch =
            batch.map_err(|error| broken(format!("its Parquet data cannot be read: {error}")))?;
        if take(Work::Batch(batch), &file)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn cut_text(
    input: &Input,
    name: &str,
    raw: RawFile,
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    let source = input.source();
    let meter = raw.meter();
    let opened = open_text(source, name, raw, &input.widened)?;
    let piece_bytes = input.options.piece_bytes;
    let file = Arc::new(opened.file);
    let failed = |error| split_error(source, name, &meter, error);
    if source.format == Format::Json {
        let mut splitter = JsonSplitter::new(opened.rest, &source.json.records, piece_bytes);
        while let Some(piece) = splitter.next().map_err(failed)? {
            if take(Work::Text(piece), &file)?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    let scanner = match source.format {
        Format::Ndjson => Scanner::lines(),
        _ => Scanner::records(&file.dialect),
    };
    let mut splitter = Splitter::new(opened.rest, scanner, opened.line, piece_bytes);
    while let Some(piece) = splitter.next().map_err(failed)? {
        if take(Work::Text(piece), &file)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn split_error(source: &Source, name: &str, meter: &Meter, error: SplitError) -> Error {
    match error {
        SplitError::Read(error) => open::read_error(source, name, meter, error),
        SplitError::Broken(what) => source.broken(name, what),
    }
}
