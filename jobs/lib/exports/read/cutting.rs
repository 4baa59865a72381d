//! Cuts the files, one after the other, into pieces of whole records, and tells which of them were
//! delivered before.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::Input;
use super::pipeline::{Abandoned, Step, Stop, Task, Work};
use super::preamble::{OpenFile, open_text};
use super::replays::{Content, Earlier, open_file};
use super::typing::Typist;
use crate::errors::{Error, Kind, Result};
use crate::exports::csv::Dialect;
use crate::exports::header::Layout;
use crate::exports::location::ExportFile;
use crate::exports::open::{self, Meter, OpenedFile};
use crate::exports::parquet_file;
use crate::exports::source::{Format, Load, Source};
use crate::exports::split::{JsonSplitter, Scanner, SplitError, Splitter};
use crate::hash::PlainHashes;

/// Cuts the files, and hands the pieces out.
pub(super) struct Feeder<'a> {
    pub input: &'a Input,
    pub steps: SyncSender<Step>,
    pub tasks: SyncSender<Task>,
}

impl Feeder<'_> {
    pub fn run(&mut self) {
        let (mut earlier, mut read) = (Earlier::default(), Vec::new());
        for index in 0..self.input.files.len() {
            match self.file(index, &mut earlier, &read) {
                Ok(hashes) => read.push(hashes),
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

    /// Cuts the file of that index; `read` is what those before it hold.
    fn file(
        &self,
        index: usize,
        earlier: &mut Earlier,
        read: &[PlainHashes],
    ) -> Result<PlainHashes, Stop> {
        let input = self.input;
        let file = &input.files[index];
        let opened = open_file(input, file)?;
        let (meter, opening) = (opened.meter.clone(), opened.opening);
        let mut own = Content::new(input, file, &opened);
        // Days without a fact look alike: a header alone repeats nothing.
        if let Some((of, (content_hash, plain))) = earlier.original(&mut own)?
            && self.has_rows(file)?
        {
            let byte_count = file.byte_count;
            self.step(Step::Replay { index, byte_count, content_hash, plain, of })?;
            return Ok(plain);
        }
        // Changes that come once more after others change things back: only right away they don't.
        let first = match input.source().load {
            Load::Changes => index.saturating_sub(1),
            Load::Events | Load::Snapshot => 0,
        };
        let mut same_as = None;
        for (other, plain) in read.iter().enumerate().skip(first) {
            if own.if_same_as(*plain)?.is_some() {
                same_as = Some(other);
                break;
            }
        }
        self.step(Step::Begin { index, same_as })?;
        cut(input, &file.name, opened, |work, of| {
            self.task(work, of)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let (byte_count, content_hash) = (meter.byte_count(), meter.content_hash());
        let plain = meter.plain_hashes(opening);
        self.step(Step::End { byte_count, content_hash, plain })?;
        Ok(plain)
    }

    /// Whether there is any record in `file`. One that cannot be made out may hold some.
    fn has_rows(&self, file: &ExportFile) -> Result<bool> {
        let input = self.input;
        let typist = Typist::new(input);
        let mut is_found = false;
        let looked = cut(input, &file.name, open_file(input, file)?, |work, open_file| {
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
    opened: OpenedFile,
    take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    match input.source().format {
        Format::Parquet => cut_parquet(input, name, opened, take),
        _ => cut_text(input, name, opened, take),
    }
}

fn cut_parquet(
    input: &Input,
    name: &str,
    opened: OpenedFile,
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    let source = input.source();
    let OpenedFile { mut content, meter, .. } = opened;
    let spooled = parquet_file::spool(&mut content)
        .map_err(|error| open::read_error(source, name, &meter, error))?;
    let broken = |what: String| source.broken(name, what);
    let (unfolding, batches) = parquet_file::open(source, spooled).map_err(broken)?;
    let layout = Layout::matched(source, name, unfolding.names(), &input.widened)?;
    let unfolding = Arc::new(unfolding);
    let dialect = Dialect { csv: source.csv.clone(), line_end: b'\n' };
    let file = Arc::new(OpenFile { layout, dialect });
    for batch in batches {
        let batch =
            batch.map_err(|error| broken(format!("its Parquet data cannot be read: {error}")))?;
        if take(Work::Batch(batch, Arc::clone(&unfolding)), &file)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn cut_text(
    input: &Input,
    name: &str,
    opened: OpenedFile,
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<ControlFlow<()>, Stop>,
) -> Result<(), Stop> {
    let source = input.source();
    let meter = opened.meter.clone();
    let opened = open_text(source, name, opened, &input.widened)?;
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
