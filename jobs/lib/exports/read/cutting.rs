//! Cuts the files, one after the other, into pieces of whole records, and tells which of them were
//! delivered before.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::Input;
use super::pipeline::{Abandoned, Original, Step, Stop, Task, Work};
use super::preamble::{OpenFile, open_text};
use super::replays::{Content, Earlier, Found, Hashes, open_file};
use crate::errors::{Error, Result};
use crate::exports::csv::Dialect;
use crate::exports::header::Layout;
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
        let mut replay_of = None;
        if let Some(Found { name, row_count, hashes }) = earlier.original(&mut own)? {
            if let Some(row_count) = row_count {
                return self.repeat(index, hashes, Original::Earlier { name, row_count });
            }
            replay_of = Some(name);
        }
        // Changes that come once more after others change things back: only right away they don't.
        let first = match input.source().load {
            Load::Changes => index.saturating_sub(1),
            Load::Events | Load::Snapshot => 0,
        };
        for (other, plain) in read.iter().enumerate().skip(first) {
            if replay_of.is_none()
                && let Some(hashes) = own.if_same_as(*plain)?
            {
                return self.repeat(index, hashes, Original::OfTheDay(other));
            }
        }
        self.step(Step::Begin { index, replay_of })?;
        cut(input, &file.name, opened, |work, of| Ok(self.task(work, of)?))?;
        let (byte_count, content_hash) = (meter.byte_count(), meter.content_hash());
        let plain = meter.plain_hashes(opening);
        self.step(Step::End { byte_count, content_hash, plain })?;
        Ok(plain)
    }

    /// The file of that index holds what `of` does: nothing of it is cut.
    fn repeat(
        &self,
        index: usize,
        (content_hash, plain): Hashes,
        of: Original,
    ) -> Result<PlainHashes, Stop> {
        let byte_count = self.input.files[index].byte_count;
        self.step(Step::Repeat { index, byte_count, content_hash, plain, of })?;
        Ok(plain)
    }
}

/// Cuts the file, and gives `take` one piece after the other.
fn cut(
    input: &Input,
    name: &str,
    opened: OpenedFile,
    take: impl FnMut(Work, &Arc<OpenFile>) -> Result<(), Stop>,
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
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<(), Stop>,
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
    let file = Arc::new(OpenFile { layout, dialect, header: None });
    for batch in batches {
        let batch =
            batch.map_err(|error| broken(format!("its Parquet data cannot be read: {error}")))?;
        take(Work::Batch(batch, Arc::clone(&unfolding)), &file)?;
    }
    Ok(())
}

fn cut_text(
    input: &Input,
    name: &str,
    opened: OpenedFile,
    mut take: impl FnMut(Work, &Arc<OpenFile>) -> Result<(), Stop>,
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
            take(Work::Text(piece), &file)?;
        }
        return Ok(());
    }
    let scanner = match source.format {
        Format::Ndjson => Scanner::lines(),
        _ => Scanner::records(&file.dialect),
    };
    let mut splitter = Splitter::new(opened.rest, scanner, opened.line, piece_bytes);
    while let Some(piece) = splitter.next().map_err(failed)? {
        take(Work::Text(piece), &file)?;
    }
    Ok(())
}

fn split_error(source: &Source, name: &str, meter: &Meter, error: SplitError) -> Error {
    match error {
        SplitError::Read(error) => open::read_error(source, name, meter, error),
        SplitError::Broken(what) => source.broken(name, what),
    }
}
