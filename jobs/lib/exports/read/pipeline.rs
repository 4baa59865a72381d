//! The threads of a read and the queues between them: one cuts, several type, and what they make
//! comes out in order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;

use super::Input;
use super::cutting::Feeder;
use super::preamble::OpenFile;
use super::typing::make_rows;
use crate::errors::{Context, Error, Kind, Result};
use crate::exports::parquet_nested::Unfolding;
use crate::exports::rows::Parsed;
use crate::exports::split::Piece;
use crate::hash::{ContentHash, PlainHashes};

/// What is to be typed: a piece of a text file, or records of a Parquet file.
pub(super) enum Work {
    Text(Piece),
    Batch(RecordBatch, Arc<Unfolding>),
}

/// A piece to type, and where its rows go.
pub(super) struct Task {
    pub work: Work,
    pub file: Arc<OpenFile>,
    pub reply: SyncSender<Result<Parsed>>,
}

/// What the sequencer is told, in order.
pub(super) enum Step {
    /// A file begins; all its rows are repetitions where one of an earlier day holds the same, of
    /// which is not known how many rows it has.
    Begin {
        index: usize,
        replay_of: Option<String>,
    },
    Part(Receiver<Result<Parsed>>),
    End {
        byte_count: u64,
        content_hash: ContentHash,
        plain: PlainHashes,
    },
    /// A file that holds what another does, of which is known how many rows it has.
    Repeat {
        index: usize,
        byte_count: u64,
        content_hash: ContentHash,
        plain: PlainHashes,
        of: Original,
    },
    Failed(Error),
}

/// A file whose rows are counted already.
pub(super) enum Original {
    /// One of an earlier day.
    Earlier { name: String, row_count: u64 },
    /// The one of that index.
    OfTheDay(usize),
}

/// Starts a thread of that name.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_string())
        .spawn(work)
        .context(Kind::Defect, || "start a thread to read exports")
}

/// Starts the threads that cut and type; what they make comes out in order.
pub(super) fn start(
    input: &Arc<Input>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Receiver<Step>> {
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
pub(super) struct Abandoned;

/// Why a thread ends before its work does.
pub(super) enum Stop {
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
