//! Reads a day's files: one thread cuts them into pieces, several make typed rows of the pieces,
//! and one puts the rows back in order, numbers them and drops repetitions.
//!
//! What comes out depends on neither the number of threads nor the size of the pieces. Every queue
//! is bounded, so memory does not grow with the files; and when the reader is dropped, each thread
//! finds its queue closed and ends.

mod counts;
mod cutting;
mod order;
mod pipeline;
mod preamble;
mod replays;
#[cfg(test)]
mod tests;
mod typing;
mod widened;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;
use object_store::ObjectStore;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::location::ExportFile;
use super::rows::Shape;
use super::source::{Source, UnknownColumns};
use crate::errors::{Context, Error, Kind, Result};
use crate::hash::PlainHashes;
pub use counts::{Counts, FileRead};
use order::Sequencer;
use pipeline::{spawn, start};
use widened::widened;

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
    /// The hashes of what it holds, where they are known; else it is read again as far as it is
    /// like a file of today.
    pub plain: Option<PlainHashes>,
    /// Rows that the source reads in it, where that is known; else those of a file that repeats it
    /// are counted by reading.
    pub row_count: Option<u64>,
}

/// Some rows of a day's files, in order.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Rows of the reader's schema.
    pub accepted: RecordBatch,
    /// Rows of [`quarantine_schema`](super::quarantine_schema).
    pub quarantined: RecordBatch,
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
