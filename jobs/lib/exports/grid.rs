//! What a parser makes of a chunk: the grid of its cells, and the records that have no cells.

use memchr::memchr_iter;

use super::cells::Span;
use super::faults::{BadRow, Code, Fault};

/// The records of a chunk, cut into cells.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// The chunk's bytes, and after them the texts that do not stand there as they are meant.
    pub text: Vec<u8>,
    /// The cells row by row, `stride` to a row.
    pub spans: Vec<Span>,
    pub stride: usize,
    /// The rows that have cells.
    pub rows: Vec<Row>,
    /// What is wrong with cells of those rows before their texts are read.
    pub faults: Vec<Fault>,
    /// The records that could not be cut; their rows and lines count from the chunk's start.
    pub bad: Vec<BadRow>,
    /// Rows in all: those above and these.
    pub row_count: u64,
    /// For each row with cells, what makes it equal to another.
    pub hashes: Vec<u128>,
    /// For each row with cells, its undeclared columns as a JSON object; empty if none are kept.
    pub extras: Vec<Option<String>>,
}

/// A row's number within its chunk, from 0, and where its record stands in the chunk's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub number: u32,
    pub start: u32,
    pub end: u32,
}

impl Row {
    pub fn record<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        Span { start: self.start, end: self.end }.of(text)
    }
}

/// What makes a row equal to another where a record makes several: equal elements of one record are
/// as many facts; of two equal records they are not. `record` is the record's own hash.
pub(super) fn hash_of_element(record: u128, element: usize) -> u128 {
    let element = u128::try_from(element).unwrap_or(0);
    record ^ element.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// Counts lines while walking forward through a chunk.
pub(super) struct Lines {
    line_end: u8,
    position: usize,
    line: u64,
}

impl Lines {
    /// Lines end with `line_end`, and are counted from 0.
    pub fn new(line_end: u8) -> Self {
        Lines { line_end, position: 0, line: 0 }
    }

    /// The line of `position`, which must not lie before the last one asked for.
    pub fn at(&mut self, text: &[u8], position: usize) -> u64 {
        let passed = text.get(self.position..position).unwrap_or_default();
        self.line += memchr_iter(self.line_end, passed).count() as u64;
        self.position = self.position.max(position);
        self.line
    }
}

/// What is wrong with the bytes of a record, before anything is made of them.
pub(super) fn fault_of_bytes(record: &[u8]) -> Option<Code> {
    if memchr::memchr(0, record).is_some() {
        return Some(Code::NulByte);
    }
    std::str::from_utf8(record).is_err().then_some(Code::BadEncoding)
}

/// A record as text, with marks for bytes that are none.
pub(super) fn readable(record: &[u8]) -> String {
    String::from_utf8_lossy(record).into_owned()
}

/// A row that is bad as a whole.
pub(super) fn bad_row(number: u64, line: u64, record: &[u8], reason: String, code: Code) -> BadRow {
    BadRow {
        row: number,
        line: Some(line),
        record: readable(record),
        reasons: vec![reason],
        codes: vec![code],
    }
}
