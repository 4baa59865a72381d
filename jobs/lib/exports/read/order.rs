//! Puts the rows back in order, numbers them, drops repetitions, and counts.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use tokio::sync::mpsc;

use super::counts::{Counts, FileRead};
use super::pipeline::{Original, Step, Stop, start};
use super::{Input, Message, Rows};
use crate::errors::{Context, Error, Kind, Result};
use crate::exports::duplicates::{Mark, Repeated, Seen, Spill};
use crate::exports::faults::{BadRow, count_codes, quarantine_batch, quarantine_schema};
use crate::exports::rows::{Parsed, keep_where};
use crate::exports::source::{Duplicates, Load, Source};
use crate::hash::ContentHash;

/// How repetitions are found.
enum Memory {
    /// By the rows that were seen so far.
    Rows(Seen<()>),
    /// By the last row of each key that was seen so far: for changes.
    Keys(Seen<u128>),
    /// By what a pass over all files found.
    Repeated(Repeated),
}

impl Memory {
    fn new(source: &Source) -> Self {
        match source.load {
            Load::Changes => Memory::Keys(Seen::new()),
            Load::Events | Load::Snapshot => Memory::Rows(Seen::new()),
        }
    }

    /// About how much is kept, in rows.
    fn len(&self) -> usize {
        match self {
            Memory::Rows(seen) => seen.len(),
            // A key is kept with its row.
            Memory::Keys(seen) => seen.len() * 2,
            Memory::Repeated(_) => 0,
        }
    }

    /// Whether the row, the `ordinal`th of all, is new.
    #[inline]
    fn insert(&mut self, mark: Mark, ordinal: u64) -> bool {
        match self {
            Memory::Rows(seen) => seen.insert(mark.row, ()),
            Memory::Keys(seen) => seen.insert(mark.key, mark.row),
            Memory::Repeated(repeated) => !repeated.has(ordinal),
        }
    }
}

/// Puts the rows in order, numbers them, drops repetitions, and counts.
pub(super) struct Sequencer {
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
    read: FileRead,
}

impl Sequencer {
    /// A sequencer that hands rows of `schema` to `sender`.
    pub fn new(
        input: Arc<Input>,
        schema: SchemaRef,
        sender: mpsc::Sender<Result<Message>>,
    ) -> Self {
        let memory = Memory::new(input.source());
        Sequencer {
            input,
            schema,
            sender,
            counts: Counts::default(),
            memory,
            ordinal: 0,
            at: None,
            names: None,
        }
    }

    /// Takes the steps until there are no more, or nobody listens.
    pub fn run(mut self, steps: &Receiver<Step>) {
        let mut is_whole = self.input.files.is_empty();
        while let Ok(step) = steps.recv() {
            let is_last = self.counts.files.len() + 1 == self.input.files.len();
            let ends_file = matches!(step, Step::End { .. } | Step::Repeat { .. });
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
            Step::Begin { index, replay_of } => {
                let name = self.input.files[index].name.clone();
                let read = FileRead {
                    name,
                    byte_count: 0,
                    content_hash: ContentHash::of(&[]),
                    plain: None,
                    read: 0,
                    accepted: 0,
                    quarantined: 0,
                    duplicates: 0,
                    replay_of,
                    same_as: None,
                };
                self.at = Some(At { index, read });
                self.names = None;
            }
            Step::Part(result) => {
                let lost = || Error::new(Kind::Defect, "read exports: a piece got lost");
                let parsed = result.recv().map_err(|_| lost())??;
                self.part(parsed)?;
            }
            Step::End { byte_count, content_hash, plain } => {
                if let Some(mut at) = self.at.take() {
                    at.read.byte_count = byte_count;
                    at.read.content_hash = content_hash;
                    at.read.plain = Some(plain);
                    if at.read.read == 0 {
                        // Without rows there is nothing that could count twice.
                        at.read.replay_of = None;
                    }
                    self.counts.files.push(at.read);
                }
            }
            Step::Repeat { index, byte_count, content_hash, plain, of } => {
                let (row_count, replay_of, same_as) = match of {
                    Original::Earlier { name, row_count } => (row_count, Some(name), None),
                    Original::OfTheDay(other) => {
                        let original = &self.counts.files[other];
                        // Without rows there is nothing that could count twice.
                        let same_as = (original.read > 0).then(|| original.name.clone());
                        (original.read, None, same_as)
                    }
                };
                self.counts.read += row_count;
                self.counts.duplicates += row_count;
                self.counts.files.push(FileRead {
                    name: self.input.files[index].name.clone(),
                    byte_count,
                    content_hash,
                    plain: Some(plain),
                    read: row_count,
                    accepted: 0,
                    quarantined: 0,
                    duplicates: row_count,
                    replay_of,
                    same_as,
                });
            }
            Step::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn part(&mut self, mut parsed: Parsed) -> Result<(), Stop> {
        let Some(at) = &self.at else { return Ok(()) };
        let (index, is_replay) = (at.index, at.read.replay_of.is_some());
        let base = at.read.read;
        let name = at.read.name.clone();
        if let Some(what) = parsed.broken.take() {
            return Err(self.input.source().broken(&name, what).into());
        }
        let mut duplicates = 0;
        if is_replay {
            duplicates = parsed.row_count;
            parsed.bad.clear();
            let keep = vec![false; parsed.numbers.len()];
            keep_where(&keep, &mut parsed.columns, &mut parsed.numbers, &mut parsed.marks)?;
        } else {
            let keep = self.mark_repetitions(&parsed.marks)?;
            if let Some(keep) = keep {
                let repeated = keep.iter().filter(|keep| !**keep).count() as u64;
                if self.input.source().duplicates == Duplicates::Drop {
                    duplicates = repeated;
                    keep_where(&keep, &mut parsed.columns, &mut parsed.numbers, &mut parsed.marks)?;
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
    fn mark_repetitions(&mut self, marks: &[Mark]) -> Result<Option<Vec<bool>>, Stop> {
        let is_final = matches!(self.memory, Memory::Repeated(_));
        let would_be = self.memory.len().saturating_add(marks.len());
        if !is_final && would_be > self.input.options.rows_in_memory {
            // Freed first: the second pass needs memory of its own.
            self.memory = Memory::new(self.input.source());
            self.memory = Memory::Repeated(second_pass(&self.input, &self.sender)?);
        }
        let mut keep: Option<Vec<bool>> = None;
        for (row, mark) in marks.iter().enumerate() {
            if !self.memory.insert(*mark, self.ordinal + row as u64) {
                keep.get_or_insert_with(|| vec![true; marks.len()])[row] = false;
            }
        }
        self.ordinal += marks.len() as u64;
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
    let is_keyed = input.source().load == Load::Changes;
    let mut spill = Spill::new(is_keyed).context(Kind::Storage, failed)?;
    let mut is_replay = false;
    while let Ok(step) = steps.recv() {
        match step {
            Step::Begin { replay_of, .. } => is_replay = replay_of.is_some(),
            Step::Part(result) => {
                let lost = || Error::new(Kind::Defect, "read exports: a piece got lost");
                let parsed = result.recv().map_err(|_| lost())??;
                if !is_replay {
                    for mark in parsed.marks {
                        spill.push(mark).context(Kind::Storage, failed)?;
                    }
                }
            }
            Step::End { .. } | Step::Repeat { .. } => {}
            Step::Failed(error) => return Err(error.into()),
        }
        if sender.is_closed() {
            return Err(Stop::Abandoned);
        }
    }
    Ok(spill.resolve().context(Kind::Storage, failed)?)
}
