//! Cuts a stream of text into chunks that end where records end.

use std::io::Read;

use memchr::{memchr, memchr_iter, memchr2, memmem, memrchr};

use super::cells::Span;
use super::csv::Dialect;
use super::open::BYTE_ORDER_MARK;
use super::source::CsvDialect;

/// The longest record there may be, in bytes. A quote left open would otherwise take in the rest
/// of the file.
pub(super) const MAXIMUM_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Whole records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub bytes: Vec<u8>,
    /// The line its first byte is on, from 1.
    pub first_line: u64,
    /// For JSON documents, where its records are.
    pub records: Vec<Span>,
}

/// Why a stream cannot be cut.
#[derive(Debug)]
pub(super) enum SplitError {
    Read(std::io::Error),
    /// What is wrong, with its place.
    Broken(String),
}

impl From<std::io::Error> for SplitError {
    fn from(error: std::io::Error) -> Self {
        SplitError::Read(error)
    }
}

/// Lines of text, or records of a quoting dialect.
pub(super) struct Splitter<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The buffer up to here has been looked at.
    scanned: usize,
    /// The end of the last whole record in the buffer.
    boundary: usize,
    scanner: Scanner,
    line: u64,
    piece_bytes: usize,
    is_at_end: bool,
}

impl<R: Read> Splitter<R> {
    /// Cuts into pieces of about `piece_bytes`.
    pub fn new(reader: R, scanner: Scanner, first_line: u64, piece_bytes: usize) -> Self {
        Splitter {
            reader,
            buffer: Vec::new(),
            scanned: 0,
            boundary: 0,
            scanner,
            line: first_line,
            piece_bytes: piece_bytes.max(1),
            is_at_end: false,
        }
    }

    /// The next piece; none at the end.
    pub fn next(&mut self) -> Result<Option<Piece>, SplitError> {
        while !self.is_at_end && (self.boundary == 0 || self.buffer.len() < self.piece_bytes) {
            let wanted =
                self.piece_bytes.saturating_sub(self.buffer.len()).max(self.piece_bytes / 2 + 1);
            self.buffer.reserve(wanted);
            let limit = u64::try_from(wanted).unwrap_or(u64::MAX);
            let count = self.reader.by_ref().take(limit).read_to_end(&mut self.buffer)?;
            self.is_at_end = count < wanted;
            self.drop_marks();
            self.scanner.scan(&self.buffer, self.scanned, &mut self.boundary);
            self.scanned = self.buffer.len();
            if self.buffer.len() - self.boundary > MAXIMUM_RECORD_BYTES {
                return Err(self.too_long());
            }
        }
        if self.is_at_end {
            if let Some(quote) = self.scanner.open_quote() {
                let line = self.line_of(quote);
                let what = format!("the quote that opens on line {line} is never closed");
                return Err(SplitError::Broken(what));
            }
            self.boundary = self.buffer.len();
        }
        if self.boundary == 0 {
            return Ok(None);
        }
        // The rest is copied: less than a record as a rule, and the piece goes on as it is.
        let mut rest = Vec::with_capacity(self.piece_bytes + self.piece_bytes / 2);
        rest.extend_from_slice(&self.buffer[self.boundary..]);
        self.buffer.truncate(self.boundary);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let first_line = self.line;
        self.line += memchr_iter(self.scanner.line_end, &bytes).count() as u64;
        self.scanner.forget(self.boundary);
        self.scanned -= self.boundary;
        self.boundary = 0;
        Ok(Some(Piece { bytes, first_line, records: Vec::new() }))
    }

    /// Takes out byte order marks before records: files that were put together have them at their
    /// seams.
    fn drop_marks(&mut self) {
        let length = BYTE_ORDER_MARK.len();
        // Of what was looked at before, the last bytes may have begun a mark.
        let from = self.scanned.saturating_sub(length);
        let mut marks: Vec<usize> = Vec::new();
        for found in memmem::find_iter(&self.buffer[from..], BYTE_ORDER_MARK) {
            let at = from + found;
            let follows_another = marks.last().is_some_and(|last| last + length == at);
            let before = at.checked_sub(1).map(|before| self.buffer[before]);
            if follows_another || before.is_none_or(|before| before == self.scanner.line_end) {
                marks.push(at);
            }
        }
        let Some(first) = marks.first().copied() else { return };
        let ends = marks.iter().skip(1).copied().chain([self.buffer.len()]);
        let mut to = first;
        for (mark, end) in marks.iter().zip(ends) {
            let start = mark + length;
            self.buffer.copy_within(start..end, to);
            to += end - start;
        }
        self.buffer.truncate(to);
        self.scanned = self.scanned.min(first);
    }

    fn line_of(&self, position: usize) -> u64 {
        let before = self.buffer.get(..position).unwrap_or_default();
        self.line + memchr_iter(self.scanner.line_end, before).count() as u64
    }

    fn too_long(&self) -> SplitError {
        let limit = MAXIMUM_RECORD_BYTES / 1024 / 1024;
        let line = self.line_of(self.scanner.open_quote().unwrap_or(self.boundary));
        SplitError::Broken(match self.scanner.open_quote() {
            Some(_) => {
                format!("the quote that opens on line {line} is not closed within {limit} MiB")
            }
            None => format!("the record on line {line} is longer than {limit} MiB"),
        })
    }
}

/// Finds the ends of records in text that comes bit by bit.
pub(super) struct Scanner {
    line_end: u8,
    quote: Option<u8>,
    delimiter: u8,
    escape: Option<u8>,
    comment: Option<u8>,
    in_quotes: bool,
    opened_at: usize,
    /// Where a quote closed last: one right behind it means that it was doubled.
    closed_at: Option<usize>,
    record_start: usize,
    /// For the slow way: where the field at hand begins, and what is escaped.
    field_start: usize,
    escaped_at: Option<usize>,
    is_quoted: bool,
}

impl Scanner {
    /// Every line is a record.
    pub fn lines() -> Self {
        Scanner {
            line_end: b'\n',
            quote: None,
            delimiter: b'\n',
            escape: None,
            comment: None,
            in_quotes: false,
            opened_at: 0,
            closed_at: None,
            record_start: 0,
            field_start: 0,
            escaped_at: None,
            is_quoted: false,
        }
    }

    /// Records of a dialect.
    pub fn records(dialect: &Dialect) -> Self {
        let CsvDialect { delimiter, quote, escape, comment, .. } = dialect.csv;
        Scanner {
            line_end: dialect.line_end,
            quote,
            delimiter,
            escape,
            comment,
            ..Scanner::lines()
        }
    }

    fn open_quote(&self) -> Option<usize> {
        self.in_quotes.then_some(self.opened_at)
    }

    /// Where the first record of `text` ends, its line end included.
    pub fn first_end(mut self, text: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(end) = memchr(self.line_end, &text[from..]).map(|end| from + end + 1) {
            let mut boundary = 0;
            self.scan(&text[..end], from, &mut boundary);
            if boundary == end {
                return Some(end);
            }
            from = end;
        }
        None
    }

    /// Looks at the bytes from `from` on, and moves `boundary` behind the last record that ends.
    fn scan(&mut self, buffer: &[u8], from: usize, boundary: &mut usize) {
        match self.quote {
            _ if self.escape.is_some() || (self.comment.is_some() && self.quote.is_some()) => {
                self.scan_slowly(buffer, from, boundary);
            }
            None => {
                if let Some(end) = memrchr(self.line_end, &buffer[from..]) {
                    *boundary = from + end + 1;
                }
            }
            Some(quote) => self.scan_quotes(buffer, from, boundary, quote),
        }
    }

    fn scan_quotes(&mut self, buffer: &[u8], from: usize, boundary: &mut usize, quote: u8) {
        let mut outside = from;
        for at in memchr_iter(quote, &buffer[from..]).map(|at| from + at) {
            if self.in_quotes {
                self.in_quotes = false;
                self.closed_at = Some(at);
                outside = at + 1;
                continue;
            }
            let is_doubled = self.closed_at.is_some_and(|closed| closed + 1 == at);
            let is_first = match at.checked_sub(1).map(|before| buffer[before]) {
                None => true,
                Some(before) => before == self.delimiter || before == self.line_end,
            };
            if is_doubled || is_first {
                if let Some(end) = memrchr(self.line_end, &buffer[outside..at]) {
                    *boundary = outside + end + 1;
                }
                self.in_quotes = true;
                if !is_doubled {
                    self.opened_at = at;
                }
            }
        }
        if !self.in_quotes
            && let Some(end) = memrchr(self.line_end, &buffer[outside..])
        {
            *boundary = outside + end + 1;
        }
    }

    /// Byte by byte, for what the fast way does not know: escapes and comments.
    fn scan_slowly(&mut self, buffer: &[u8], from: usize, boundary: &mut usize) {
        for (at, byte) in buffer.iter().copied().enumerate().skip(from) {
            if self.escaped_at == Some(at) {
                continue;
            }
            let is_comment =
                self.comment.is_some() && buffer.get(self.record_start).copied() == self.comment;
            if self.in_quotes {
                if Some(byte) == self.quote {
                    self.in_quotes = false;
                    self.closed_at = Some(at);
                } else if Some(byte) == self.escape {
                    self.escaped_at = Some(at + 1);
                }
            } else if byte == self.line_end {
                *boundary = at + 1;
                self.record_start = at + 1;
                self.field_start = at + 1;
                self.is_quoted = false;
            } else if Some(byte) == self.escape {
                self.escaped_at = Some(at + 1);
            } else if byte == self.delimiter {
                self.field_start = at + 1;
                self.is_quoted = false;
            } else if Some(byte) == self.quote && !is_comment {
                if at == self.field_start {
                    self.in_quotes = true;
                    self.is_quoted = true;
                    self.opened_at = at;
                } else if self.is_quoted && self.closed_at.is_some_and(|closed| closed + 1 == at) {
                    self.in_quotes = true;
                }
            }
        }
    }

    /// The buffer loses its first `count` bytes.
    fn forget(&mut self, count: usize) {
        self.opened_at = self.opened_at.saturating_sub(count);
        self.closed_at = self.closed_at.and_then(|at| at.checked_sub(count));
        self.record_start = self.record_start.saturating_sub(count);
        self.field_start = self.field_start.saturating_sub(count);
        self.escaped_at = self.escaped_at.and_then(|at| at.checked_sub(count));
    }
}

/// The line end of a file, by its beginning: a carriage return alone only where the first line ends
/// with one, and more of them than of line feeds are there. (Texts within quotes may have those.)
pub(super) fn line_end(start: &[u8]) -> u8 {
    let is_alone = |at: &usize| start.get(at + 1) != Some(&b'\n');
    let ends_the_first_line =
        |at: usize| start[at] == b'\r' && is_alone(&at) && at + 1 < start.len();
    if !memchr2(b'\r', b'\n', start).is_some_and(ends_the_first_line) {
        return b'\n';
    }
    let returns = memchr_iter(b'\r', start).filter(is_alone).count();
    let feeds = memchr_iter(b'\n', start).filter(|at| start[at - 1] != b'\r').count();
    if returns > feeds { b'\r' } else { b'\n' }
}

/// The elements of an array in a JSON document.
pub(super) struct JsonSplitter<R> {
    reader: R,
    /// The keys that lead to the array.
    path: Vec<String>,
    input: Vec<u8>,
    at: usize,
    is_at_end: bool,
    line: u64,
    byte: u64,
    piece_bytes: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    InArray,
    AfterArray { depth: usize },
    Done,
}

/// What was found where the array of records should be.
enum Entered {
    Array,
    /// The document is one record.
    Record(Piece),
    /// A null: no records.
    Nothing,
}

impl<R: Read> JsonSplitter<R> {
    pub fn new(reader: R, path: &[String], piece_bytes: usize) -> Self {
        JsonSplitter {
            reader,
            path: path.to_vec(),
            input: Vec::new(),
            at: 0,
            is_at_end: false,
            line: 1,
            byte: 0,
            piece_bytes: piece_bytes.max(1),
            stage: Stage::Start,
        }
    }

    /// The next piece of whole elements; none at the end.
    pub fn next(&mut self) -> Result<Option<Piece>, SplitError> {
        if self.stage == Stage::Start {
            match self.enter()? {
                Entered::Array => self.stage = Stage::InArray,
                Entered::Record(single) => {
                    self.stage = Stage::AfterArray { depth: 0 };
                    self.finish()?;
                    return Ok(Some(single));
                }
                Entered::Nothing => {
                    self.stage = Stage::AfterArray { depth: self.path.len() };
                    self.finish()?;
                }
            }
        }
        if self.stage != Stage::InArray {
            return Ok(None);
        }
        let mut piece = Piece { first_line: self.line, ..Piece::default() };
        while piece.bytes.len() < self.piece_bytes {
            self.white_space(Some(&mut piece.bytes))?;
            match self.peek()? {
                Some(b']') => {
                    self.advance(None)?;
                    self.stage = Stage::AfterArray { depth: self.path.len() };
                    self.finish()?;
                    break;
                }
                Some(b',') => return Err(self.unexpected("`,`")),
                Some(_) => {}
                None => return Err(self.cut_short()),
            }
            let start = piece.bytes.len();
            self.element(&mut piece.bytes)?;
            piece.records.push(Span::new(start, piece.bytes.len()));
            self.white_space(Some(&mut piece.bytes))?;
            match self.peek()? {
                Some(b',') => {
                    self.advance(Some(&mut piece.bytes))?;
                    self.white_space(Some(&mut piece.bytes))?;
                    if self.peek()? == Some(b']') {
                        return Err(self.unexpected("`]` after a comma"));
                    }
                }
                Some(b']') => {}
                Some(_) => return Err(self.unexpected("something between two records")),
                None => return Err(self.cut_short()),
            }
        }
        if piece.records.is_empty() { Ok(None) } else { Ok(Some(piece)) }
    }

    /// Goes to the array's first element. A document that is one object, where no path is
    /// declared, is a record by itself; a null at the end of a path means that there are none.
    fn enter(&mut self) -> Result<Entered, SplitError> {
        for depth in 0..self.path.len() {
            let key = self.path[depth].clone();
            self.white_space(None)?;
            match self.peek()? {
                Some(b'{') => self.advance(None)?,
                Some(_) => return Err(self.not_found(depth)),
                None => return Err(self.cut_short()),
            };
            loop {
                self.white_space(None)?;
                match self.peek()? {
                    Some(b',') => {
                        self.advance(None)?;
                        continue;
                    }
                    Some(b'}') => return Err(self.not_found(depth)),
                    _ => {}
                }
                let found = self.key()?;
                self.white_space(None)?;
                if found.as_ref() == Some(&key) {
                    break;
                }
                self.skip_element()?;
            }
        }
        self.white_space(None)?;
        match self.peek()? {
            Some(b'[') => {
                self.advance(None)?;
                Ok(Entered::Array)
            }
            Some(b'n') if !self.path.is_empty() => {
                let mut word = Vec::new();
                self.element(&mut word)?;
                match word.as_slice() {
                    b"null" => Ok(Entered::Nothing),
                    _ => Err(self.not_found(self.path.len())),
                }
            }
            Some(b'{') if self.path.is_empty() => {
                let mut piece = Piece { first_line: self.line, ..Piece::default() };
                self.element(&mut piece.bytes)?;
                piece.records.push(Span::new(0, piece.bytes.len()));
                Ok(Entered::Record(piece))
            }
            Some(_) => Err(self.not_found(self.path.len())),
            None => Err(self.cut_short()),
        }
    }

    /// Reads a key and its colon. None where the key is no text, and so none that is looked for.
    fn key(&mut self) -> Result<Option<String>, SplitError> {
        match self.peek()? {
            Some(b'"') => {}
            Some(_) => return Err(self.unexpected("something that is no key")),
            None => return Err(self.cut_short()),
        }
        let mut key = Vec::new();
        self.element(&mut key)?;
        self.white_space(None)?;
        match self.peek()? {
            Some(b':') => self.advance(None)?,
            Some(_) => return Err(self.unexpected("a key without a colon")),
            None => return Err(self.cut_short()),
        }
        Ok(serde_json::from_slice(&key).ok())
    }

    /// Reads past the array: a document that stops there was cut short.
    fn finish(&mut self) -> Result<(), SplitError> {
        let Stage::AfterArray { mut depth } = self.stage else { return Ok(()) };
        loop {
            self.white_space(None)?;
            match self.peek()? {
                None if depth == 0 => break,
                None => return Err(self.cut_short()),
                Some(_) if depth == 0 => {
                    let what = "something after its end (`format: ndjson` is for a record a line)";
                    return Err(self.unexpected(what));
                }
                Some(b'}') => {
                    depth -= 1;
                    self.advance(None)?;
                }
                Some(b',') => {
                    self.advance(None)?;
                    self.white_space(None)?;
                    let (line, byte) = (self.line, self.byte);
                    let key = self.key()?;
                    // The records of a second array would be lost.
                    if self.path.get(depth - 1) == key.as_ref() {
                        return Err(SplitError::Broken(format!(
                            "the JSON document has `{}` twice, again on line {line}, byte {byte}",
                            self.path[..depth].join(".")
                        )));
                    }
                    self.white_space(None)?;
                    self.skip_element()?;
                }
                Some(_) => return Err(self.unexpected("something between two keys")),
            }
        }
        self.stage = Stage::Done;
        Ok(())
    }

    fn skip_element(&mut self) -> Result<(), SplitError> {
        // What is skipped is of no use, but as long as the file may be: it is not kept.
        self.walk(None)
    }

    fn element(&mut self, into: &mut Vec<u8>) -> Result<(), SplitError> {
        self.walk(Some(into))
    }

    /// Walks over one value by its brackets and strings.
    fn walk(&mut self, mut into: Option<&mut Vec<u8>>) -> Result<(), SplitError> {
        let mut depth = 0usize;
        let start = into.as_ref().map_or(0, |into| into.len());
        loop {
            let Some(byte) = self.peek()? else { return Err(self.cut_short()) };
            match byte {
                b'"' => {
                    self.string(into.as_deref_mut())?;
                    if depth == 0 {
                        return Ok(());
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Ok(()),
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.advance(into.as_deref_mut())?;
                        return Ok(());
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return Ok(()),
                _ => {}
            }
            self.advance(into.as_deref_mut())?;
            if into.as_ref().is_some_and(|into| into.len() - start > MAXIMUM_RECORD_BYTES) {
                let what = format!("the record near line {} is longer than 64 MiB", self.line);
                return Err(SplitError::Broken(what));
            }
        }
    }

    fn string(&mut self, mut into: Option<&mut Vec<u8>>) -> Result<(), SplitError> {
        self.advance(into.as_deref_mut())?;
        let opened = self.line;
        let mut length = 0usize;
        loop {
            match self.peek()? {
                None => return Err(self.cut_short()),
                Some(b'"') => {
                    self.advance(into.as_deref_mut())?;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.advance(into.as_deref_mut())?;
                    if self.peek()?.is_none() {
                        return Err(self.cut_short());
                    }
                    self.advance(into.as_deref_mut())?;
                }
                Some(_) => {
                    // To the next byte that matters, all at once.
                    let rest = &self.input[self.at..];
                    let count = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    let run = &rest[..count];
                    self.line += memchr_iter(b'\n', run).count() as u64;
                    self.byte += count as u64;
                    length += count;
                    if let Some(into) = into.as_deref_mut() {
                        into.extend_from_slice(run);
                    }
                    self.at += count;
                    if length > MAXIMUM_RECORD_BYTES {
                        let what = format!("a string on line {opened} is longer than 64 MiB");
                        return Err(SplitError::Broken(what));
                    }
                }
            }
        }
    }

    fn white_space(&mut self, mut into: Option<&mut Vec<u8>>) -> Result<(), SplitError> {
        while matches!(self.peek()?, Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance(into.as_deref_mut())?;
        }
        Ok(())
    }

    #[inline]
    fn peek(&mut self) -> Result<Option<u8>, SplitError> {
        if self.at == self.input.len() && !self.is_at_end {
            self.input.clear();
            self.at = 0;
            let count = self.reader.by_ref().take(128 * 1024).read_to_end(&mut self.input)?;
            self.is_at_end = count == 0;
        }
        Ok(self.input.get(self.at).copied())
    }

    #[inline]
    fn advance(&mut self, into: Option<&mut Vec<u8>>) -> Result<(), SplitError> {
        if let Some(byte) = self.peek()? {
            if let Some(into) = into {
                into.push(byte);
            }
            self.line += u64::from(byte == b'\n');
            self.byte += 1;
            self.at += 1;
        }
        Ok(())
    }

    fn cut_short(&self) -> SplitError {
        SplitError::Broken(format!(
            "the JSON document is cut short: it ends on line {}, byte {}",
            self.line, self.byte
        ))
    }

    fn unexpected(&self, what: &str) -> SplitError {
        SplitError::Broken(format!(
            "the JSON document has {what} on line {}, byte {}",
            self.line, self.byte
        ))
    }

    fn not_found(&self, depth: usize) -> SplitError {
        let what = match self.path.get(..=depth).unwrap_or(&self.path) {
            [] => "the JSON document is no array".to_string(),
            keys if depth < self.path.len() => {
                format!("the JSON document has no `{}`", keys.join("."))
            }
            keys => format!("`{}` of the JSON document is no array", keys.join(".")),
        };
        SplitError::Broken(format!("{what} (line {})", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dialect(escape: Option<u8>, comment: Option<u8>) -> Dialect {
        let csv = CsvDialect {
            delimiter: b',',
            quote: Some(b'"'),
            escape,
            header: true,
            skip_lines: 0,
            comment,
        };
        Dialect { csv, line_end: b'\n' }
    }

    fn pieces(text: &[u8], dialect: &Dialect, size: usize) -> Result<Vec<Piece>, String> {
        let mut splitter = Splitter::new(text, Scanner::records(dialect), 1, size);
        let mut pieces = Vec::new();
        loop {
            match splitter.next() {
                Ok(Some(piece)) => pieces.push(piece),
                Ok(None) => return Ok(pieces),
                Err(SplitError::Broken(what)) => return Err(what),
                Err(SplitError::Read(error)) => return Err(error.to_string()),
            }
        }
    }

    fn elements(text: &str, path: &[&str], size: usize) -> Result<Vec<(String, u64)>, String> {
        let path: Vec<_> = path.iter().map(|key| key.to_string()).collect();
        let mut splitter = JsonSplitter::new(text.as_bytes(), &path, size);
        let mut found = Vec::new();
        loop {
            match splitter.next() {
                Ok(Some(piece)) => {
                    let mut lines = super::super::grid::Lines::new(b'\n');
                    for span in &piece.records {
                        let line = lines.at(&piece.bytes, span.start as usize);
                        let text = String::from_utf8(span.of(&piece.bytes).to_vec()).unwrap();
                        found.push((text, piece.first_line + line));
                    }
                }
                Ok(None) => return Ok(found),
                Err(SplitError::Broken(what)) => return Err(what),
                Err(SplitError::Read(error)) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn a_quote_left_open_is_told_with_its_line() {
        let text = b"a,b\n1,2\n3,\"x\n5,6\n";
        for size in 1..30 {
            let error = pieces(text, &dialect(None, None), size).unwrap_err();
            assert!(error.contains("line 3"), "{error}");
        }
    }

    #[test]
    fn marks_at_the_seams_of_files_are_dropped() {
        let text = "a,b\n1,\u{feff}2\n\u{feff}\"3\n\",4\n\u{feff}\u{feff}5,6\n";
        for size in 1..40 {
            let pieces = pieces(text.as_bytes(), &dialect(None, None), size).unwrap();
            let text: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
            let expected = "a,b\n1,\u{feff}2\n\"3\n\",4\n5,6\n";
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{size}");
        }
    }

    #[test]
    fn elements_of_documents() {
        let text = "{\"meta\": {\"n\": [1, 2]},\n \"data\": {\"items\": [\n{\"a\": \"]}\"},\n 5, \
                    [1]\n], \"more\": {\"x\": 1}}, \"z\": \"}\"}\n";
        let expected =
            vec![("{\"a\": \"]}\"}".to_string(), 3), ("5".to_string(), 4), ("[1]".to_string(), 4)];
        for size in 1..40 {
            assert_eq!(elements(text, &["data", "items"], size), Ok(expected.clone()));
        }
        assert_eq!(elements("[]", &[], 9), Ok(vec![]));
        // What serializers write where there is no list at all.
        let none = "{\"page\": 1, \"data\": {\"items\": null, \"more\": false}}\n";
        for size in 1..9 {
            assert_eq!(elements(none, &["data", "items"], size), Ok(vec![]));
        }
        assert_eq!(elements(" {\"a\": 1} ", &[], 9), Ok(vec![("{\"a\": 1}".into(), 1)]));
        for (text, path, fragment) in [
            ("[{\"a\": 1}, {\"a\"", &[][..], "cut short"),
            ("[{\"a\": 1}", &[], "cut short"),
            ("{\"data\": [1]", &["data"], "cut short"),
            ("[1, 2]]", &[], "after its end"),
            ("[1, 2] {}", &[], "after its end"),
            ("[1 2]", &[], "between two records"),
            ("[1, ]", &[], "after a comma"),
            ("{\"b\": 1}", &["data"], "no `data`"),
            ("{\"data\": 1}", &["data"], "`data` of the JSON document is no array"),
            ("{\"data\": nil}", &["data"], "`data` of the JSON document is no array"),
            ("{\"data\": null}", &["data", "items"], "no `data.items`"),
            ("{\"data\": null", &["data"], "cut short"),
            (
                "{\"data\": [1], \"data\": [2]}",
                &["data"],
                "has `data` twice, again on line 1, byte 14",
            ),
            ("{\"data\": null,\n\"data\": [2]}", &["data"], "has `data` twice, again on line 2"),
            ("{\"a\": {\"b\": []}, \"a\": {\"b\": []}}", &["a", "b"], "has `a` twice"),
            ("{\"data\": [1] 5}", &["data"], "between two keys"),
            ("{\"data\": [1], 5}", &["data"], "no key"),
            ("null", &[], "no array"),
            ("5", &[], "no array"),
            ("", &[], "cut short"),
        ] {
            let error = elements(text, path, 9).unwrap_err();
            assert!(error.contains(fragment), "{text}: {error}");
        }
    }

    #[test]
    fn the_line_end_is_found_out() {
        assert_eq!(line_end(b"a,b\r\nc"), b'\n');
        assert_eq!(line_end(b"a,b\rc,d\r"), b'\r');
        assert_eq!(line_end(b"a\rb\nc"), b'\n');
        assert_eq!(line_end(b"a\r\"b\nc\"\r\"d\ne\"\r"), b'\r');
        assert_eq!(line_end(b"a\n\"b\rc\rd\"\n"), b'\n');
        assert_eq!(line_end(b"a,b\r"), b'\n');
        assert_eq!(line_end(b""), b'\n');
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn pieces_end_where_records_do(text in "[a,\"\n\\\\#]{0,60}", size in 1usize..40) {
            for dialect in [
                dialect(None, None), dialect(Some(b'\\'), None), dialect(None, Some(b'#'))
            ] {
                let text = text.as_bytes();
                let whole = pieces(text, &dialect, 1000);
                let parts = pieces(text, &dialect, size);
                let join = |pieces: &[Piece]| -> Vec<u8> {
                    pieces.iter().flat_map(|piece| piece.bytes.clone()).collect()
                };
                match (&whole, &parts) {
                    (Ok(_), Ok(parts)) => {
                        prop_assert_eq!(join(parts), text);
                        // Cut apart or as a whole, the records are the same.
                        let cut = |bytes: &[u8]| super::super::csv::fields_of_all(bytes, &dialect);
                        let apart: Vec<_> =
                            parts.iter().flat_map(|piece| cut(&piece.bytes)).collect();
                        prop_assert_eq!(apart, cut(text));
                        let mut line = 1;
                        for part in parts {
                            prop_assert_eq!(part.first_line, line);
                            line += memchr_iter(b'\n', &part.bytes).count() as u64;
                        }
                    }
                    (Err(whole), Err(parts)) => prop_assert_eq!(whole, parts),
                    _ => prop_assert!(false, "{:?} {:?}", whole, parts),
                }
            }
        }
    }
}
