//! Cuts chunks of delimited text into cells.
//!
//! A field is quoted when a quote is its first byte; within it a doubled quote stands for one, and
//! what follows the closing quote is taken as it is. A quote anywhere else is a character like any
//! other. The splitter goes by the same rules, so that chunks end where records do.

use memchr::memchr;
use twox_hash::XxHash3_128;

use super::cells::Span;
use super::faults::Code;
use super::grid::{Grid, Lines, Row, bad_row, fault_of_bytes};
use super::header::Layout;
use super::source::CsvDialect;

/// How the file at hand is written: the declared dialect, and the line end found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    pub csv: CsvDialect,
    /// `\n`, or `\r` for files of old Macs.
    pub line_end: u8,
}

/// Cuts `chunk`, whole records, into the cells of a file laid out as `layout`. `header` is the
/// file's header as it is written, where it has one.
pub(super) fn cut(
    chunk: Vec<u8>,
    dialect: &Dialect,
    layout: &Layout,
    header: Option<&[u8]>,
) -> Grid {
    let has_quotes = dialect.csv.quote.is_some_and(|quote| memchr(quote, &chunk).is_some());
    let has_escapes = dialect.csv.escape.is_some_and(|escape| memchr(escape, &chunk).is_some());
    let mut cutter = Cutter::new(&chunk, dialect, layout.stride);
    match (has_quotes, has_escapes) {
        (false, false) => cutter.run::<false, false>(),
        (true, false) => cutter.run::<true, false>(),
        (_, true) => cutter.run::<true, true>(),
    }
    let Cutter { mut grid, extra, .. } = cutter;
    let is_plain = !has_quotes && !has_escapes;
    grid.text = chunk;
    grid.text.extend_from_slice(&extra);
    // A single name may be a value, too.
    let header = header.filter(|_| layout.stride > 1);
    take_out_what_is_no_row(&mut grid, dialect.line_end, header);
    hash(&mut grid, layout, dialect, is_plain);
    grid
}

/// The fields of one record, for headers.
pub(super) fn fields(record: &[u8], dialect: &Dialect) -> Vec<String> {
    let mut cutter = Cutter::new(record, dialect, usize::MAX);
    cutter.keep_ragged = true;
    cutter.run::<true, true>();
    let mut text = record.to_vec();
    text.extend_from_slice(&cutter.extra);
    let spans = cutter.grid.spans.iter();
    spans.map(|span| String::from_utf8_lossy(span.of(&text)).into_owned()).collect()
}

/// The fields of every record, for tests of those who cut before.
#[cfg(test)]
pub(super) fn fields_of_all(bytes: &[u8], dialect: &Dialect) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::new(bytes, dialect, usize::MAX);
    cutter.keep_ragged = true;
    cutter.run::<true, true>();
    let mut text = bytes.to_vec();
    text.extend_from_slice(&cutter.extra);
    cutter.grid.spans.iter().map(|span| span.of(&text).to_vec()).collect()
}

struct Cutter<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    line_end: u8,
    quote: u8,
    escape: u8,
    has_escape: bool,
    comment: Option<u8>,
    stride: usize,
    keep_ragged: bool,
    grid: Grid,
    /// Texts that had quotes doubled or characters escaped, by themselves.
    extra: Vec<u8>,
    lines: Lines,
    record_start: usize,
    record_spans: usize,
    field_start: usize,
    in_quotes: bool,
    /// The field began with a quote.
    is_quoted: bool,
    /// The field's text differs from its bytes.
    is_altered: bool,
    closed_at: usize,
    /// The byte after an escape.
    escaped_at: usize,
}

/// Eight bytes, each 0x80 where `word` has `needle`'s byte and 0 elsewhere.
#[inline]
fn matches(word: u64, needle: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let difference = word ^ needle;
    // No carry crosses a byte, so unlike the shorter formula this one has no false positives.
    !(((difference & LOW) + LOW) | difference | LOW)
}

#[inline]
fn repeated(byte: u8) -> u64 {
    u64::from(byte) * 0x0101_0101_0101_0101
}

impl<'a> Cutter<'a> {
    fn new(bytes: &'a [u8], dialect: &Dialect, stride: usize) -> Self {
        let csv = &dialect.csv;
        let guess = bytes.len() / 8;
        Cutter {
            bytes,
            delimiter: csv.delimiter,
            line_end: dialect.line_end,
            // A byte that is a line end is never looked at as a quote: it stands for "none".
            quote: csv.quote.unwrap_or(dialect.line_end),
            escape: csv.escape.unwrap_or(dialect.line_end),
            has_escape: csv.escape.is_some(),
            comment: csv.comment,
            stride,
            keep_ragged: false,
            grid: Grid { stride, spans: Vec::with_capacity(guess), ..Grid::default() },
            extra: Vec::new(),
            lines: Lines::new(dialect.line_end),
            record_start: 0,
            record_spans: 0,
            field_start: 0,
            in_quotes: false,
            is_quoted: false,
            is_altered: false,
            closed_at: usize::MAX - 1,
            escaped_at: usize::MAX,
        }
    }

    fn run<const QUOTES: bool, const ESCAPES: bool>(&mut self) {
        let bytes = self.bytes;
        let (delimiter, line_end) = (repeated(self.delimiter), repeated(self.line_end));
        let (quote, escape) = (repeated(self.quote), repeated(self.escape));
        let (blocks, rest) = bytes.as_chunks::<64>();
        for (index, block) in blocks.iter().enumerate() {
            let mut mask = 0u64;
            let (words, _) = block.as_chunks::<8>();
            for (place, word) in words.iter().enumerate() {
                let word = u64::from_le_bytes(*word);
                let mut found = matches(word, delimiter) | matches(word, line_end);
                if QUOTES {
                    found |= matches(word, quote);
                }
                if ESCAPES {
                    found |= matches(word, escape);
                }
                // Gathers the eight high bits into one byte.
                mask |= ((found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (place * 8);
            }
            while mask != 0 {
                self.at::<QUOTES, ESCAPES>(index * 64 + mask.trailing_zeros() as usize);
                mask &= mask - 1;
            }
        }
        let offset = bytes.len() - rest.len();
        for (place, byte) in rest.iter().enumerate() {
            let is_special = *byte == self.delimiter
                || *byte == self.line_end
                || (QUOTES && *byte == self.quote)
                || (ESCAPES && *byte == self.escape);
            if is_special {
                self.at::<QUOTES, ESCAPES>(offset + place);
            }
        }
        // The last record of a file may lack its line end.
        if self.record_start < bytes.len() {
            self.in_quotes = false;
            self.end_record::<QUOTES>(bytes.len());
        }
    }

    #[inline]
    fn at<const QUOTES: bool, const ESCAPES: bool>(&mut self, position: usize) {
        let byte = self.bytes[position];
        if ESCAPES && position == self.escaped_at {
            return;
        }
        if QUOTES && self.in_quotes {
            if byte == self.quote {
                self.in_quotes = false;
                self.closed_at = position;
            } else if ESCAPES && self.has_escape && byte == self.escape {
                self.escaped_at = position + 1;
                self.is_altered = true;
            }
            return;
        }
        if byte == self.line_end {
            self.end_record::<QUOTES>(position);
        } else if byte == self.delimiter {
            self.end_field::<QUOTES>(position);
            self.field_start = position + 1;
        } else if QUOTES && byte == self.quote {
            if position == self.field_start {
                // In a comment a quote means nothing.
                self.is_quoted = !self.is_comment();
                self.in_quotes = self.is_quoted;
            } else if self.is_quoted && position == self.closed_at + 1 {
                self.in_quotes = true;
                self.is_altered = true;
            }
        } else if ESCAPES && self.has_escape && byte == self.escape {
            self.escaped_at = position + 1;
            self.is_altered = true;
        }
    }

    #[inline]
    fn is_comment(&self) -> bool {
        self.comment.is_some() && self.bytes.get(self.record_start) == self.comment.as_ref()
    }

    #[inline]
    fn end_field<const QUOTES: bool>(&mut self, end: usize) {
        if QUOTES && (self.is_quoted || self.is_altered) {
            self.end_special_field(end);
            return;
        }
        self.grid.spans.push(Span::new(self.field_start, end));
    }

    fn end_special_field(&mut self, end: usize) {
        let start = self.field_start;
        // Databases dump null as `\N`: left as it stands, so that `null_tokens` can name it.
        let is_null_mark = self.has_escape && self.bytes[start..end] == [self.escape, b'N'];
        let span = if is_null_mark {
            Span::new(start, end)
        } else if self.is_quoted && !self.is_altered && self.closed_at + 1 == end {
            Span::new(start + 1, self.closed_at)
        } else if self.is_quoted || self.is_altered {
            self.unescape(start, end)
        } else {
            Span::new(start, end)
        };
        self.grid.spans.push(span);
        self.is_quoted = false;
        self.is_altered = false;
        self.closed_at = usize::MAX - 1;
    }

    /// Writes down what a field means whose bytes say it differently.
    fn unescape(&mut self, start: usize, end: usize) -> Span {
        let from = self.extra.len();
        let mut in_quotes = self.is_quoted;
        let mut position = start + usize::from(self.is_quoted);
        while position < end {
            let byte = self.bytes[position];
            if self.has_escape && byte == self.escape && position + 1 < end {
                self.extra.push(self.bytes[position + 1]);
                position += 2;
                continue;
            }
            if in_quotes && byte == self.quote {
                if position + 1 < end && self.bytes[position + 1] == self.quote {
                    self.extra.push(byte);
                    position += 2;
                } else {
                    in_quotes = false;
                    position += 1;
                }
                continue;
            }
            self.extra.push(byte);
            position += 1;
        }
        let base = self.bytes.len();
        Span::new(base + from, base + self.extra.len())
    }

    #[inline]
    fn end_record<const QUOTES: bool>(&mut self, end: usize) {
        let next = end + 1;
        let start = self.record_start;
        let mut content_end = end;
        if self.line_end == b'\n' && end > start && self.bytes[end - 1] == b'\r' {
            content_end = end - 1;
        }
        // A blank line is no record, and neither is a comment.
        if content_end == start || self.is_comment() {
            self.grid.spans.truncate(self.record_spans);
            self.is_quoted = false;
            self.is_altered = false;
        } else {
            // A field cannot begin after the carriage return that ends its line.
            self.end_field::<QUOTES>(content_end.max(self.field_start));
            let field_count = self.grid.spans.len() - self.record_spans;
            if field_count == self.stride {
                // Chunks are far smaller than 4 GiB.
                #[allow(clippy::cast_possible_truncation)]
                self.grid.rows.push(Row {
                    number: self.grid.row_count as u32,
                    start: start as u32,
                    end: content_end as u32,
                });
                self.record_spans = self.grid.spans.len();
            } else if self.keep_ragged {
                self.record_spans = self.grid.spans.len();
            } else {
                self.note_ragged(start, content_end, field_count);
            }
            self.grid.row_count += 1;
        }
        self.record_start = next;
        self.field_start = next;
    }

    #[cold]
    fn note_ragged(&mut self, start: usize, end: usize, field_count: usize) {
        let line = self.lines.at(self.bytes, start);
        let record = &self.bytes[start..end];
        let reason = format!("row: has {field_count} fields and not {}", self.stride);
        let mut row = bad_row(self.grid.row_count, line, record, reason, Code::RaggedRow);
        if let Some(code) = fault_of_bytes(record) {
            row.reasons.push(format!("row: {}", code.text()));
            row.codes.push(code);
        }
        self.grid.bad.push(row);
        self.grid.spans.truncate(self.record_spans);
    }
}

/// Sends rows with bytes that are no text to quarantine, and headers of files that were put
/// together.
fn take_out_what_is_no_row(grid: &mut Grid, line_end: u8, header: Option<&[u8]>) {
    let is_header = |record: &[u8]| header == Some(record);
    let has_bad_bytes = fault_of_bytes(&grid.text).is_some();
    if !has_bad_bytes && !grid.rows.iter().any(|row| is_header(row.record(&grid.text))) {
        return;
    }
    let fault = |record: &[u8]| match is_header(record) {
        true => Some(Code::RepeatedHeader),
        false => fault_of_bytes(record),
    };
    let mut lines = Lines::new(line_end);
    let mut rows = Vec::with_capacity(grid.rows.len());
    let mut spans = Vec::with_capacity(grid.spans.len());
    for (index, row) in grid.rows.iter().enumerate() {
        let record = row.record(&grid.text);
        match fault(record) {
            None => {
                rows.push(*row);
                spans
                    .extend_from_slice(&grid.spans[index * grid.stride..(index + 1) * grid.stride]);
            }
            Some(code) => {
                let line = lines.at(&grid.text, row.start as usize);
                let reason = format!("row: {}", code.text());
                grid.bad.push(bad_row(row.number.into(), line, record, reason, code));
            }
        }
    }
    grid.rows = rows;
    grid.spans = spans;
}

/// Hashes each row such that rows with the same fields are equal, however they are quoted and
/// however their file orders its columns.
fn hash(grid: &mut Grid, layout: &Layout, dialect: &Dialect, is_plain: bool) {
    let csv = &dialect.csv;
    let quote = csv.quote.unwrap_or(dialect.line_end);
    let escape = csv.escape.unwrap_or(quote);
    let mut hashes = Vec::with_capacity(grid.rows.len());
    let mut canonical = Vec::new();
    for (index, row) in grid.rows.iter().enumerate() {
        let record = row.record(&grid.text);
        // Without quotes and escapes, and in declared order, a record is its own canonical form.
        let is_canonical =
            layout.is_natural && (is_plain || memchr::memchr2(quote, escape, record).is_none());
        if is_canonical {
            hashes.push(XxHash3_128::oneshot(record));
            continue;
        }
        let spans = &grid.spans[index * grid.stride..(index + 1) * grid.stride];
        canonical.clear();
        for (position, place) in layout.canonical_order().enumerate() {
            if position > 0 {
                canonical.push(csv.delimiter);
            }
            let field = place.map_or(&[][..], |place| spans[place].of(&grid.text));
            push_canonical(field, dialect, &mut canonical);
        }
        hashes.push(XxHash3_128::oneshot(&canonical));
    }
    grid.hashes = hashes;
}

/// Quotes what needs quotes: different fields never come to the same bytes.
fn push_canonical(field: &[u8], dialect: &Dialect, canonical: &mut Vec<u8>) {
    let csv = &dialect.csv;
    // A dialect without quotes can still hold delimiters by its escapes.
    let quote = csv.quote.unwrap_or(dialect.line_end);
    let needs_quotes = field.iter().any(|byte| {
        *byte == csv.delimiter
            || *byte == quote
            || *byte == dialect.line_end
            || Some(*byte) == csv.escape
    });
    if !needs_quotes {
        canonical.extend_from_slice(field);
        return;
    }
    canonical.push(quote);
    for byte in field {
        if *byte == quote {
            canonical.push(quote);
        }
        canonical.push(*byte);
    }
    canonical.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dialect() -> Dialect {
        Dialect {
            csv: CsvDialect {
                delimiter: b',',
                quote: Some(b'"'),
                escape: None,
                header: true,
                skip_lines: 0,
                comment: None,
            },
            line_end: b'\n',
        }
    }

    fn layout(stride: usize) -> Layout {
        Layout {
            stride,
            places: (0..stride).map(Some).collect(),
            extras: Vec::new(),
            widened: Vec::new(),
            is_natural: true,
        }
    }

    fn rows(text: &[u8], dialect: &Dialect, stride: usize) -> Vec<Vec<String>> {
        let grid = cut(text.to_vec(), dialect, &layout(stride), None);
        let cell = |span: &Span| String::from_utf8(span.of(&grid.text).to_vec()).unwrap();
        grid.spans.chunks(stride).map(|row| row.iter().map(cell).collect()).collect()
    }

    #[test]
    fn fields_are_cut_as_they_are_meant() {
        let two = |text: &str| rows(text.as_bytes(), &dialect(), 2);
        assert_eq!(two("a,b\r\nc,d"), [["a", "b"], ["c", "d"]]);
        assert_eq!(two("a,\n\n,d\n"), [["a", ""], ["", "d"]]);
        assert_eq!(two("\"a,b\",\"c\nd\"\n"), [["a,b", "c\nd"]]);
        assert_eq!(two("\"say \"\"hi\"\"\",\"\"\n"), [["say \"hi\"", ""]]);
        assert_eq!(two("5\" pipe,\"a\"b\n"), [["5\" pipe", "ab"]]);
        assert_eq!(two("\"a\"\"\",\"\"\"\"\r\n"), [["a\"", "\""]]);
        assert_eq!(two("\"\",\"\"\n"), [["", ""]]);
    }

    #[test]
    fn escapes_and_comments() {
        let mut dialect = dialect();
        dialect.csv.escape = Some(b'\\');
        let two = |text: &str| rows(text.as_bytes(), &dialect, 2);
        assert_eq!(two("\"a\\\"b\",c\\,d\n"), [["a\"b", "c,d"]]);
        assert_eq!(two("a\\\nb,c\n"), [["a\nb", "c"]]);
        assert_eq!(two("\\N,a\\N\n"), [["\\N", "aN"]]);
        let mut dialect = super::tests::dialect();
        dialect.csv.comment = Some(b'#');
        let two = |text: &str| rows(text.as_bytes(), &dialect, 2);
        assert_eq!(two("# note, \"x\na,b\n#,\"y\nc,d\n"), [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn ragged_rows_and_bad_bytes_are_told_with_their_lines() {
        let grid = cut(b"a,b\nc\nd,\xff\ne,\0\nf,g\n".to_vec(), &dialect(), &layout(2), None);
        let mut bad: Vec<_> =
            grid.bad.iter().map(|row| (row.row, row.line, row.codes.clone())).collect();
        bad.sort();
        assert_eq!(
            bad,
            [
                (1, Some(1), vec![Code::RaggedRow]),
                (2, Some(2), vec![Code::BadEncoding]),
                (3, Some(3), vec![Code::NulByte]),
            ]
        );
        let numbers: Vec<_> = grid.rows.iter().map(|row| row.number).collect();
        assert_eq!((grid.row_count, numbers), (5, vec![0, 4]));
    }

    #[test]
    fn a_header_among_the_rows_is_no_row() {
        let rows = |text: &str, stride: usize, header: &str| {
            let header = Some(header.as_bytes());
            let grid = cut(text.as_bytes().to_vec(), &dialect(), &layout(stride), header);
            let bad: Vec<_> =
                grid.bad.iter().map(|row| (row.row, row.line, row.codes[0])).collect();
            (grid.rows.len(), grid.hashes.len(), bad)
        };
        let twice = vec![(1, Some(1), Code::RepeatedHeader), (3, Some(3), Code::RepeatedHeader)];
        assert_eq!(rows("1,2\na,b\n3,4\r\na,b\r\n", 2, "a,b"), (2, 2, twice));
        assert_eq!(rows("1,2\nb,a\na,b \n", 2, "a,b"), (3, 3, vec![]));
        // A single name may be a value, too.
        assert_eq!(rows("a\nname\n", 1, "name"), (2, 2, vec![]));
    }

    #[test]
    fn equal_records_have_equal_hashes_and_others_do_not() {
        let hashes =
            |text: &str| cut(text.as_bytes().to_vec(), &dialect(), &layout(2), None).hashes;
        let plain = hashes("a,b\nc,d\n");
        assert_eq!(plain, hashes("\"a\",b\n\"c\",\"d\"\n"));
        assert_ne!(hashes("\"a,b\",c\n"), hashes("a,\"b,c\"\n"));
        assert_eq!(hashes("5\" x,a\n"), hashes("\"5\"\" x\",a\n"));
    }

    /// The same cut by another's code.
    fn by_csv_core(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader =
            csv_core::ReaderBuilder::new().terminator(csv_core::Terminator::Any(b'\n')).build();
        let (mut input, mut records, mut record) = (text, Vec::new(), Vec::new());
        let mut field = Vec::new();
        loop {
            let mut out = [0u8; 64];
            let (result, read, written) = reader.read_field(input, &mut out);
            input = &input[read..];
            field.extend_from_slice(&out[..written]);
            match result {
                csv_core::ReadFieldResult::Field { record_end } => {
                    record.push(std::mem::take(&mut field));
                    if record_end {
                        records.push(std::mem::take(&mut record));
                    }
                }
                csv_core::ReadFieldResult::End => return records,
                _ => {}
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_text_is_cut_as_csv_core_cuts_it(text in "[ab,\"\n]{0,120}") {
            let text = text.as_bytes();
            let expected = by_csv_core(text);
            for stride in 1..5 {
                let grid = cut(text.to_vec(), &dialect(), &layout(stride), None);
                let got: Vec<Vec<Vec<u8>>> = grid.spans.chunks(stride)
                    .map(|row| row.iter().map(|span| span.of(&grid.text).to_vec()).collect())
                    .collect();
                let expected: Vec<_> =
                    expected.iter().filter(|record| record.len() == stride).cloned().collect();
                prop_assert_eq!(got, expected);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut dialect = dialect();
            cut(bytes.clone(), &dialect, &layout(2), None);
            dialect.csv.escape = Some(b'\\');
            dialect.csv.comment = Some(b'#');
            cut(bytes.clone(), &dialect, &layout(3), None);
            dialect.line_end = b'\r';
            cut(bytes.clone(), &dialect, &layout(1), None);
            fields(&bytes, &dialect);
        }
    }
}
