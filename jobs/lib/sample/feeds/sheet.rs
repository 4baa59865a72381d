//! A file in the making, row by row, with what goes wrong with rows on the way.

use std::collections::VecDeque;

use memchr::memchr_iter;

use super::{Feed, Format};
use crate::dates::Day;
use crate::sample::dirt::plan::{Planned, Strike};
use crate::sample::dirt::rows::{self, Writing};
use crate::sample::dirt::{Fault, RowFault};
use crate::sample::feeds::schedule::{Telling, Told};
use crate::sample::people::RecordFault;

/// A row that is not read: its fact is not told, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The source.
    pub source: &'static str,
    /// The fact, as the export identifies it.
    pub id: String,
    /// The fact's place in its list of [`crate::sample::facts::Facts`].
    pub index: u32,
    /// For a fact of several rows: which of them, from 0; none where all of it is lost.
    pub row_of_fact: Option<u32>,
    /// Why: the name of the fault.
    pub kind: &'static str,
}

/// A text file in the making.
pub struct Sheet<'a> {
    /// The bytes; a row is appended here and then ended by one of the `end_…` functions.
    pub out: Vec<u8>,
    feed: Feed,
    day: Day,
    writing: Writing<'a>,
    separator: &'static [u8],
    /// Where the row at hand begins.
    start: usize,
    /// Where the one before begins.
    last: usize,
    /// How far line ends are counted, and how many there are before.
    counted: (usize, u64),
    /// Rows in the file so far.
    rows: u64,
    /// Rows so far, those that only repeat another aside.
    ordinal: u64,
    /// What is to go wrong, by ordinal; faults that fit no row yet wait.
    due: VecDeque<Planned>,
    /// How many elements the exploded arrays of the record at hand have.
    pub elements: [u64; 2],
    /// Rows so far of the sources that explode the arrays.
    element_rows: [u64; 2],
    faults: Vec<Fault>,
    losses: Vec<Loss>,
}

/// What a finished sheet holds.
#[derive(Debug)]
pub struct Finished {
    /// The file's content, not yet compressed.
    pub content: Vec<u8>,
    /// Rows, by source.
    pub rows: Vec<(&'static str, u64)>,
    /// What went wrong; their `file` is still empty.
    pub faults: Vec<Fault>,
    /// What is not told because of it.
    pub losses: Vec<Loss>,
}

impl<'a> Sheet<'a> {
    /// A sheet of a feed's day, header written. `due`: what is to go wrong, in order of rows.
    pub fn new(
        feed: Feed,
        day: Day,
        header: &'a [&'a str],
        due: Vec<Planned>,
        capacity: usize,
    ) -> Self {
        let mut out = Vec::with_capacity(capacity);
        let (writing, separator) = match feed.about().format {
            Format::Csv(delimiter) => {
                for (place, name) in header.iter().enumerate() {
                    if place > 0 {
                        out.push(delimiter);
                    }
                    out.extend_from_slice(name.as_bytes());
                }
                out.push(b'\n');
                (Writing::Csv(delimiter, header), &b"\n"[..])
            }
            Format::Json => {
                out.extend_from_slice(b"[\n");
                (Writing::Json, &b",\n"[..])
            }
            Format::Ndjson | Format::Parquet => (Writing::Json, &b"\n"[..]),
        };
        let start = out.len();
        Sheet {
            out,
            feed,
            day,
            writing,
            separator,
            start,
            last: start,
            counted: (0, 0),
            rows: 0,
            ordinal: 0,
            due: due.into(),
            elements: [0; 2],
            element_rows: [0; 2],
            faults: Vec::new(),
            losses: Vec::new(),
        }
    }

    /// Ends a row that tells a fact.
    #[inline]
    pub fn end_row(&mut self, told: Told) {
        self.end_row_of(told, None);
    }

    /// Ends a row that tells a part of a fact, counted from 0.
    #[inline]
    pub fn end_row_of(&mut self, told: Told, row_of_fact: Option<u32>) {
        self.rows += 1;
        self.ordinal += 1;
        let is_due = self.due.front().is_some_and(|planned| planned.ordinal <= self.ordinal);
        if is_due || told.delay > 0 || told.is_out_of_order || told.telling == Telling::Again {
            self.end_noted(told, row_of_fact);
        }
        self.end_text();
    }

    /// Ends a row with which nothing can go wrong any more, of a record with these faults.
    pub fn end_record(&mut self, faults: &[RecordFault], key: &str) {
        self.rows += 1;
        let line = (!faults.is_empty()).then(|| self.line());
        for fault in faults {
            self.faults.push(Fault {
                source: self.feed.about().name,
                dt: self.day,
                file: String::new(),
                row: Some(self.rows),
                line,
                kind: fault.kind.name(),
                column: fault.field,
                id: key.to_string(),
                outcome: crate::sample::dirt::Outcome::Accepted,
            });
        }
        self.end_text();
    }

    fn end_text(&mut self) {
        self.out.extend_from_slice(self.separator);
        self.last = std::mem::replace(&mut self.start, self.out.len());
        for (rows, elements) in self.element_rows.iter_mut().zip(&mut self.elements) {
            // A record without elements makes a row all the same.
            *rows += std::mem::take(elements).max(1);
        }
    }

    fn end_noted(&mut self, told: Told, row_of_fact: Option<u32>) {
        let id = rows::id_of(self.writing, &self.out[self.start..], self.feed.about().id);
        match told.telling {
            Telling::Only => {}
            // What is told twice is told well: whoever hears it once more learns nothing new.
            Telling::First => return,
            Telling::Again => {
                self.note(RowFault::Resent, "", &id);
                return;
            }
        }
        if told.delay > 0 {
            self.note(RowFault::Late, "", &id);
        }
        if told.is_out_of_order {
            self.note(RowFault::OutOfOrder, "", &id);
        }
        if told.delay > 0 || told.is_out_of_order {
            return;
        }
        // The first fault that is due and can happen to this row; the others wait for theirs.
        for place in 0..self.due.len() {
            let planned = self.due[place];
            if planned.ordinal > self.ordinal {
                return;
            }
            if self.strike(planned, told, row_of_fact, &id) {
                self.due.remove(place);
                return;
            }
        }
    }

    /// Whether the fault could happen to the row at hand, and did.
    fn strike(&mut self, planned: Planned, told: Told, row_of_fact: Option<u32>, id: &str) -> bool {
        let Strike::Spoil(target) = planned.strike else {
            self.repeat(id);
            return true;
        };
        let exploded = self.feed.about().exploded;
        let array = exploded.iter().position(|(_, key)| {
            target.column.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
        });
        // A record that is bad as a whole is bad in every source that reads it: one element in
        // each, so that none has a larger share of bad rows than another.
        let elements = &self.elements[..exploded.len()];
        if array.is_none() && elements.iter().any(|count| *count > 1) {
            return false;
        }
        let row = &self.out[self.start..];
        let Some(spoiled) = rows::spoiled(self.writing, row, target, planned.draw) else {
            return false;
        };
        self.out.truncate(self.start);
        self.out.extend_from_slice(&spoiled);
        match array {
            None => {
                self.note(target.kind, target.column, id);
                self.lose(self.feed.about().name, id, told, row_of_fact, target.kind);
            }
            Some(array) => {
                let source = exploded[array].0;
                let row = self.element_rows[array] + 1;
                self.push_fault(source, row, target.kind, target.column, id);
                self.lose(source, id, told, Some(0), target.kind);
            }
        }
        true
    }

    /// The line on which the row at hand begins, from 1: texts in it may have line ends of their
    /// own.
    fn line(&mut self) -> u64 {
        let (from, before) = self.counted;
        let before = before + memchr_iter(b'\n', &self.out[from..self.start]).count() as u64;
        self.counted = (self.start, before);
        before + 1
    }

    /// Writes the row at hand once more.
    fn repeat(&mut self, id: &str) {
        let row = self.out[self.start..].to_vec();
        let elements = self.elements;
        self.end_text();
        self.out.extend_from_slice(&row);
        self.elements = elements;
        self.rows += 1;
        self.note(RowFault::ExactDuplicate, "", id);
    }

    /// Enters the row at hand into the ledger, for every source that reads it.
    fn note(&mut self, kind: RowFault, column: &'static str, id: &str) {
        let about = self.feed.about();
        self.push_fault(about.name, self.rows, kind, column, id);
        for (array, (source, _)) in about.exploded.iter().enumerate() {
            let first = self.element_rows[array] + 1;
            for row in first..first + self.elements[array].max(1) {
                self.push_fault(source, row, kind, column, id);
            }
        }
    }

    fn push_fault(
        &mut self,
        source: &'static str,
        row: u64,
        kind: RowFault,
        column: &'static str,
        id: &str,
    ) {
        let line = Some(self.line());
        self.faults.push(Fault {
            source,
            dt: self.day,
            file: String::new(),
            row: Some(row),
            line,
            kind: kind.name(),
            column,
            id: id.to_string(),
            outcome: kind.outcome(),
        });
    }

    fn lose(
        &mut self,
        source: &'static str,
        id: &str,
        told: Told,
        row_of_fact: Option<u32>,
        kind: RowFault,
    ) {
        let (id, kind) = (id.to_string(), kind.name());
        self.losses.push(Loss { source, id, index: told.index, row_of_fact, kind });
    }

    /// The id of the row that was ended last.
    pub fn id_of_last_row(&self) -> String {
        let row = &self.out[self.last..self.start - self.separator.len()];
        rows::id_of(self.writing, row, self.feed.about().id)
    }

    /// Ends the file.
    pub fn finish(mut self) -> Finished {
        let about = self.feed.about();
        if about.format == Format::Json {
            if self.rows > 0 {
                self.out.truncate(self.out.len() - self.separator.len());
                self.out.push(b'\n');
            }
            self.out.extend_from_slice(b"]\n");
        }
        let exploded = about.exploded.iter().zip(self.element_rows);
        let mut rows = vec![(about.name, self.rows)];
        rows.extend(exploded.map(|((source, _), rows)| (*source, rows)));
        Finished { content: self.out, rows, faults: self.faults, losses: self.losses }
    }
}
