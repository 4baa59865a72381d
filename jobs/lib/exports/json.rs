//! Cuts JSON records into cells: the declared paths, wherever in a record they are.
//!
//! The scanner checks all of a record and keeps little of it. Numbers stay text, so no digit is
//! lost on the way to a decimal.

use twox_hash::XxHash3_128;

use super::cells::Span;
use super::faults::{Code, Fault};
use super::grid::{Grid, Lines, Row, bad_row, fault_of_bytes, hash_of_element};
use super::json_path::{JsonPath, Step};
use super::source::{Source, UnknownColumns};

/// Deeper records than this are refused: the scanner calls itself for each level.
const MAXIMUM_DEPTH: usize = 128;

/// The declared paths of a source as a tree.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    column_count: usize,
    /// For each column, whether it lies within the exploded array.
    is_element: Vec<bool>,
    has_explode: bool,
    unknown: UnknownColumns,
}

#[derive(Debug, Default)]
struct Node {
    keys: Vec<(String, usize)>,
    elements: Vec<(usize, usize)>,
    columns: Vec<usize>,
    /// The columns whose paths lead on from here.
    beyond: Vec<usize>,
    is_exploded: bool,
}

/// What a value is, as far as paths may lead on from it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueShape {
    Null,
    Scalar,
    Object { is_empty: bool },
    Array { is_empty: bool },
}

impl Node {
    /// Whether a value is lost here: something is declared within it, nothing of its shape is, and
    /// no column takes it whole.
    fn loses(&self, shape: ValueShape) -> bool {
        let fits = match shape {
            // Nothing is in them that could be lost, and some programs write `[]` for any of them.
            ValueShape::Null
            | ValueShape::Object { is_empty: true }
            | ValueShape::Array { is_empty: true } => true,
            ValueShape::Scalar => false,
            ValueShape::Object { .. } => !self.keys.is_empty(),
            ValueShape::Array { .. } => !self.elements.is_empty(),
        };
        !fits && self.columns.is_empty() && !self.beyond.is_empty()
    }
}

impl Paths {
    /// The tree of a checked source.
    pub fn new(source: &Source) -> Self {
        let mut paths = Paths {
            nodes: vec![Node::default()],
            column_count: source.columns.len(),
            is_element: Vec::new(),
            has_explode: !source.json.explode.is_empty(),
            unknown: source.unknown_columns,
        };
        let explode: Vec<Step> = source.json.explode.iter().cloned().map(Step::Key).collect();
        if paths.has_explode {
            let node = paths.node(&explode);
            paths.nodes[node].is_exploded = true;
        }
        for (index, column) in source.columns.iter().enumerate() {
            // The declaration was checked, so each path parses.
            let steps = JsonPath::parse(&column.from).unwrap_or_default().steps;
            paths.is_element.push(paths.has_explode && steps.starts_with(&explode));
            for length in 0..steps.len() {
                let passed = paths.node(&steps[..length]);
                paths.nodes[passed].beyond.push(index);
            }
            let node = paths.node(&steps);
            paths.nodes[node].columns.push(index);
        }
        paths
    }

    /// The node that `steps` lead to, made where it is not there yet.
    fn node(&mut self, steps: &[Step]) -> usize {
        let mut at = 0;
        for step in steps {
            let known = match step {
                Step::Key(key) => self.nodes[at]
                    .keys
                    .iter()
                    .find(|(known, _)| known == key)
                    .map(|(_, node)| *node),
                Step::Element(index) => self.nodes[at]
                    .elements
                    .iter()
                    .find(|(known, _)| known == index)
                    .map(|(_, node)| *node),
            };
            at = known.unwrap_or_else(|| {
                let next = self.nodes.len();
                self.nodes.push(Node::default());
                match step {
                    Step::Key(key) => self.nodes[at].keys.push((key.clone(), next)),
                    Step::Element(index) => self.nodes[at].elements.push((*index, next)),
                }
                next
            });
        }
        at
    }
}

/// Where the records stand in a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Records {
    /// One a line.
    Lines,
    /// At these spans.
    Spans(Vec<Span>),
}

/// A record of the file with a key that nothing declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownKey {
    pub key: String,
    /// Its record's line, from 0 at the chunk's start.
    pub line: u64,
}

/// Cuts the records of `chunk` into cells. The second result is the first undeclared key, where
/// the source does not want any.
pub(super) fn cut(chunk: Vec<u8>, records: &Records, paths: &Paths) -> (Grid, Option<UnknownKey>) {
    let mut cutter = Cutter {
        bytes: &chunk,
        paths,
        extra: Vec::new(),
        grid: Grid { stride: paths.column_count, ..Grid::default() },
        lines: Lines::new(b'\n'),
        parent: Vec::new(),
        elements: Vec::new(),
        element_count: None,
        in_element: false,
        unknown: Vec::new(),
        first_unknown: None,
        is_read: false,
        seen_in: vec![0; paths.nodes.len()],
        object_count: 0,
        fault: Code::NotJson,
    };
    match records {
        Records::Lines => {
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &chunk).chain([chunk.len()]) {
                cutter.record(start, end);
                start = end + 1;
            }
        }
        Records::Spans(spans) => {
            for span in spans {
                cutter.record(span.start as usize, span.end as usize);
            }
        }
    }
    let Cutter { mut grid, extra, first_unknown, .. } = cutter;
    grid.text = chunk;
    grid.text.extend_from_slice(&extra);
    (grid, first_unknown)
}

struct Cutter<'a> {
    bytes: &'a [u8],
    paths: &'a Paths,
    /// Strings with escapes, by themselves.
    extra: Vec<u8>,
    grid: Grid,
    lines: Lines,
    /// The cells of the record at hand.
    parent: Vec<Span>,
    /// The cells of the elements of its exploded array.
    elements: Vec<Span>,
    element_count: Option<usize>,
    in_element: bool,
    unknown: Vec<(String, Span)>,
    first_unknown: Option<UnknownKey>,
    /// Whether the value at hand is read, or lies within one that is read as its JSON text.
    is_read: bool,
    /// For each node the number of the object in which its key stood last.
    seen_in: Vec<u64>,
    object_count: u64,
    /// What is wrong with the record at hand, if the scanner gives up.
    fault: Code,
}

impl Cutter<'_> {
    fn record(&mut self, start: usize, end: usize) {
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let leading = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let trailing = bytes.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        if leading == bytes.len() {
            return;
        }
        let (start, end) = (start + leading, end - trailing);
        let bytes = &self.bytes[start..end];
        if let Some(code) = fault_of_bytes(bytes) {
            return self.quarantine(start, end, code);
        }
        self.parent.clear();
        self.parent.resize(self.paths.column_count, Span::ABSENT);
        self.elements.clear();
        self.element_count = None;
        self.in_element = false;
        self.unknown.clear();
        self.is_read = false;
        self.fault = Code::NotJson;
        if !matches!(bytes.first(), Some(b'{')) {
            // Only JSON of another shape is told apart from what is no JSON at all.
            let code = match self.value(start, end, None, 0) {
                Some(after) if after == end => Code::NotAnObject,
                _ => Code::NotJson,
            };
            return self.quarantine(start, end, code);
        }
        match self.value(start, end, Some(0), 0) {
            Some(after) if after == end => self.push_rows(start, end),
            _ => {
                let code = self.fault;
                self.quarantine(start, end, code);
            }
        }
    }

    fn quarantine(&mut self, start: usize, end: usize, code: Code) {
        let line = self.lines.at(self.bytes, start);
        let reason = format!("record: {}", code.text());
        let record = &self.bytes[start..end];
        self.grid.bad.push(bad_row(self.grid.row_count, line, record, reason, code));
        self.grid.row_count += 1;
    }

    fn push_rows(&mut self, start: usize, end: usize) {
        if self.paths.unknown == UnknownColumns::Fail
            && self.first_unknown.is_none()
            && let Some((key, _)) = self.unknown.first()
        {
            let line = self.lines.at(self.bytes, start);
            self.first_unknown = Some(UnknownKey { key: key.clone(), line });
        }
        let extras = (self.paths.unknown == UnknownColumns::Text).then(|| self.extra_columns());
        let hash = XxHash3_128::oneshot(&self.bytes[start..end]);
        // An empty array keeps its record: one row, without a value in the element's columns.
        let count = self.element_count.unwrap_or(0).max(1);
        let stride = self.paths.column_count;
        for element in 0..count {
            let cells = self.elements.get(element * stride..(element + 1) * stride);
            for column in 0..stride {
                let span = match cells {
                    Some(cells) if self.paths.is_element[column] => cells[column],
                    _ => self.parent[column],
                };
                if span == Span::MISSHAPEN {
                    let (row, code) = (self.grid.rows.len(), Code::WrongShape);
                    self.grid.faults.push(Fault { row, column: Some(column), code });
                }
                self.grid.spans.push(span);
            }
            let number = u32::try_from(self.grid.row_count).unwrap_or(u32::MAX);
            let place = Span::new(start, end);
            self.grid.rows.push(Row { number, start: place.start, end: place.end });
            self.grid.hashes.push(hash_of_element(hash, element));
            if let Some(extras) = &extras {
                self.grid.extras.push(extras.clone());
            }
            self.grid.row_count += 1;
        }
    }

    fn extra_columns(&self) -> Option<String> {
        let mut object = serde_json::Map::new();
        for (key, span) in &self.unknown {
            if *span != Span::ABSENT {
                let text = String::from_utf8_lossy(self.text_of(*span)).into_owned();
                object.insert(key.clone(), text.into());
            }
        }
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    }

    fn text_of(&self, span: Span) -> &[u8] {
        match (span.start as usize).checked_sub(self.bytes.len()) {
            None => span.of(self.bytes),
            Some(start) => {
                self.extra.get(start..span.end as usize - self.bytes.len()).unwrap_or_default()
            }
        }
    }

    fn space(&self, mut at: usize, end: usize) -> usize {
        while at < end && matches!(self.bytes[at], b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// Scans the value at `at` and returns where it ends; none where it is no JSON.
    fn value(&mut self, at: usize, end: usize, node: Option<usize>, depth: usize) -> Option<usize> {
        if at >= end || depth > MAXIMUM_DEPTH {
            return None;
        }
        // Of an exploded array its elements are read, and not the array.
        let wanted = node.is_some_and(|node| {
            let node = &self.paths.nodes[node];
            !node.columns.is_empty() && (self.in_element || !node.is_exploded)
        });
        // JSON within a value that is read as text must be JSON; outermost keys that nothing
        // declares are read each by itself.
        if self.is_read && depth > 1 && is_no_json(&self.bytes[at..end]) {
            return None;
        }
        self.reading(wanted, |cutter| cutter.value_of(at, end, node, depth, wanted))
    }

    /// Does `scan` with what it scans known to be read, where it is.
    fn reading<T>(&mut self, is_read: bool, scan: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.is_read;
        self.is_read |= is_read;
        let scanned = scan(self);
        self.is_read = outside;
        scanned
    }

    fn value_of(
        &mut self,
        at: usize,
        end: usize,
        node: Option<usize>,
        depth: usize,
        wanted: bool,
    ) -> Option<usize> {
        let is_exploded = node.is_some_and(|node| self.paths.nodes[node].is_exploded);
        let (span, after, shape) = match self.bytes[at] {
            b'"' => {
                let (span, after) = self.string(at, end, wanted)?;
                (span, after, ValueShape::Scalar)
            }
            b'{' => {
                let after = self.object(at, end, node, depth)?;
                let is_empty = self.space(at + 1, end) == after - 1;
                (Span::new(at, after), after, ValueShape::Object { is_empty })
            }
            b'[' if is_exploded && !self.in_element => {
                let after = self.exploded(at, end, node, depth)?;
                return Some(after);
            }
            b'[' => {
                let after = self.array(at, end, node, depth)?;
                let is_empty = self.space(at + 1, end) == after - 1;
                (Span::new(at, after), after, ValueShape::Array { is_empty })
            }
            _ => {
                let after = scalar(self.bytes, at, end)?;
                match &self.bytes[at..after] {
                    b"null" => (Span::ABSENT, after, ValueShape::Null),
                    _ => (Span::new(at, after), after, ValueShape::Scalar),
                }
            }
        };
        if is_exploded && !self.in_element && span != Span::ABSENT {
            self.fault = Code::NotAnArray;
            return None;
        }
        let paths = self.paths;
        if let Some(node) = node.map(|node| &paths.nodes[node])
            && node.loses(shape)
        {
            node.beyond.iter().for_each(|column| self.put(*column, Span::MISSHAPEN));
        }
        if wanted && let Some(node) = node {
            for index in 0..self.paths.nodes[node].columns.len() {
                self.put(self.paths.nodes[node].columns[index], span);
            }
        }
        Some(after)
    }

    fn put(&mut self, column: usize, span: Span) {
        let stride = self.paths.column_count;
        let cells = match self.element_count {
            Some(count) if self.in_element => {
                let from = (count - 1) * stride;
                self.elements.get_mut(from..from + stride)
            }
            _ => Some(self.parent.as_mut_slice()),
        };
        if let Some(cell) = cells.and_then(|cells| cells.get_mut(column)) {
            *cell = span;
        }
    }

    fn object(
        &mut self,
        at: usize,
        end: usize,
        node: Option<usize>,
        depth: usize,
    ) -> Option<usize> {
        self.object_count += 1;
        let object = self.object_count;
        let mut others = Vec::new();
        let mut at = self.space(at + 1, end);
        if self.bytes.get(at..end)?.first() == Some(&b'}') {
            return Some(at + 1);
        }
        loop {
            if self.bytes.get(at..end)?.first() != Some(&b'"') {
                return None;
            }
            let (key, after) = self.string(at, end, node.is_some() || self.is_read)?;
            let at_colon = self.space(after, end);
            if self.bytes.get(at_colon..end)?.first() != Some(&b':') {
                return None;
            }
            let at_value = self.space(at_colon + 1, end);
            let next = node.and_then(|node| {
                let key = self.text_of(key);
                let keys = &self.paths.nodes[node].keys;
                keys.iter().find(|(known, _)| known.as_bytes() == key).map(|(_, next)| *next)
            });
            let is_unknown = next.is_none() && depth == 0 && node.is_some();
            let is_text = is_unknown && self.paths.unknown == UnknownColumns::Text;
            match next {
                // Which of the two is meant nobody knows: readers of JSON differ in that.
                Some(next) if self.seen_in[next] == object => return self.repeated_key(),
                Some(next) => self.seen_in[next] = object,
                None if is_text || self.is_read => others.push(key),
                None => {}
            }
            at = self.reading(is_text, |cutter| cutter.value(at_value, end, next, depth + 1))?;
            if is_unknown && self.paths.unknown != UnknownColumns::Ignore {
                self.note_unknown(key, at_value, at);
            }
            at = self.space(at, end);
            match self.bytes.get(at..end)?.first()? {
                b',' => at = self.space(at + 1, end),
                b'}' if self.has_repetition(&mut others) => return self.repeated_key(),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn repeated_key(&mut self) -> Option<usize> {
        self.fault = Code::RepeatedKey;
        None
    }

    fn has_repetition(&self, keys: &mut [Span]) -> bool {
        keys.sort_unstable_by(|one, other| self.text_of(*one).cmp(self.text_of(*other)));
        keys.windows(2).any(|pair| self.text_of(pair[0]) == self.text_of(pair[1]))
    }

    fn note_unknown(&mut self, key: Span, start: usize, end: usize) {
        let key = String::from_utf8_lossy(self.text_of(key)).into_owned();
        let span = match self.bytes[start] {
            b'n' => Span::ABSENT,
            b'"' => match self.string(start, end, true) {
                Some((span, _)) => span,
                None => Span::new(start, end),
            },
            _ => Span::new(start, end),
        };
        self.unknown.push((key, span));
    }

    fn array(&mut self, at: usize, end: usize, node: Option<usize>, depth: usize) -> Option<usize> {
        let mut at = self.space(at + 1, end);
        if self.bytes.get(at..end)?.first() == Some(&b']') {
            return Some(at + 1);
        }
        for index in 0.. {
            let next = node.and_then(|node| {
                let elements = &self.paths.nodes[node].elements;
                elements.iter().find(|(known, _)| *known == index).map(|(_, next)| *next)
            });
            at = self.value(at, end, next, depth + 1)?;
            at = self.space(at, end);
            match self.bytes.get(at..end)?.first()? {
                b',' => at = self.space(at + 1, end),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
        None
    }

    /// Scans the array of which each element makes a row.
    fn exploded(
        &mut self,
        at: usize,
        end: usize,
        node: Option<usize>,
        depth: usize,
    ) -> Option<usize> {
        self.element_count = Some(0);
        let mut at = self.space(at + 1, end);
        if self.bytes.get(at..end)?.first() == Some(&b']') {
            return Some(at + 1);
        }
        loop {
            self.elements.resize(self.elements.len() + self.paths.column_count, Span::ABSENT);
            self.element_count = self.element_count.map(|count| count + 1);
            self.in_element = true;
            // The record's own depth would make its keys look like the record's.
            let after = self.value(at, end, node, depth + 1);
            self.in_element = false;
            at = self.space(after?, end);
            match self.bytes.get(at..end)?.first()? {
                b',' => at = self.space(at + 1, end),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// The text of the string at `at`, and where it ends.
    fn string(&mut self, at: usize, end: usize, wanted: bool) -> Option<(Span, usize)> {
        let bytes = self.bytes;
        let start = at + 1;
        let rest = bytes.get(start..end)?;
        let first = memchr::memchr2(b'"', b'\\', rest)?;
        if rest[first] == b'"' {
            if rest[..first].iter().any(|byte| *byte < 0x20) {
                return None;
            }
            return Some((Span::new(start, start + first), start + first + 1));
        }
        let from = self.extra.len();
        let mut at = start;
        loop {
            let rest = bytes.get(at..end)?;
            let plain = memchr::memchr2(b'"', b'\\', rest)?;
            if rest[..plain].iter().any(|byte| *byte < 0x20) {
                return None;
            }
            if wanted {
                self.extra.extend_from_slice(&rest[..plain]);
            }
            at += plain;
            if bytes[at] == b'"' {
                break;
            }
            let escaped = *bytes.get(at + 1..end)?.first()?;
            at += 2;
            let meant = match escaped {
                b'"' | b'\\' | b'/' => char::from(escaped),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let (meant, after) = unicode(bytes, at, end)?;
                    at = after;
                    match meant {
                        // Written as an escape it is no better than as a byte.
                        Some('\0') if wanted || self.is_read => {
                            self.fault = Code::NulByte;
                            return None;
                        }
                        None if wanted || self.is_read => {
                            self.fault = Code::HalfCharacter;
                            return None;
                        }
                        meant => meant.unwrap_or(char::REPLACEMENT_CHARACTER),
                    }
                }
                _ => return None,
            };
            if wanted {
                self.extra.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        let base = bytes.len();
        Some((Span::new(base + from, base + self.extra.len()), at + 1))
    }
}

/// The character of `\uXXXX` from its digits at `at`, and where it ends; two of them where they
/// are halves of one. Half a character is none: programs that cut texts by length make such.
fn unicode(bytes: &[u8], at: usize, end: usize) -> Option<(Option<char>, usize)> {
    let digits = |at: usize| {
        let digits = bytes.get(at..at + 4).filter(|_| at + 4 <= end)?;
        let text = std::str::from_utf8(digits).ok()?;
        text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(text, 16).ok()
    };
    let first = digits(at)?;
    if (0xd800..0xdc00).contains(&first) && bytes.get(at + 4..at + 6) == Some(b"\\u") {
        let second = digits(at + 6)?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Some((char::from_u32(code), at + 10));
        }
    }
    Some((char::from_u32(first), at + 4))
}

/// Words that Python writes for numbers, and JSON does not have.
const NO_JSON: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

fn is_no_json(text: &[u8]) -> bool {
    NO_JSON.iter().any(|word| text.starts_with(word.as_bytes()))
}

/// Where the number or word at `at` ends.
fn scalar(bytes: &[u8], at: usize, end: usize) -> Option<usize> {
    let text = bytes.get(at..end)?;
    // Those that are not JSON's are let pass: the casts decide about them.
    for word in ["true", "false", "null"].into_iter().chain(NO_JSON) {
        if text.starts_with(word.as_bytes()) {
            return Some(at + word.len());
        }
    }
    let length = |from: usize| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut place = usize::from(text.first() == Some(&b'-'));
    let whole = length(place);
    if whole == 0 || (whole > 1 && text[place] == b'0') {
        return None;
    }
    place += whole;
    if text.get(place) == Some(&b'.') {
        let fraction = length(place + 1);
        if fraction == 0 {
            return None;
        }
        place += 1 + fraction;
    }
    if matches!(text.get(place), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(place + 1), Some(b'+' | b'-')));
        let exponent = length(place + 1 + sign);
        if exponent == 0 {
            return None;
        }
        place += 1 + sign + exponent;
    }
    Some(at + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paths(json: &str, columns: &[&str], unknown: &str) -> Paths {
        let columns: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(index, from)| format!("{{name: c{index}, from: '{from}', type: string}}"))
            .collect();
        let text = format!(
            "description: d\nlocation: x\nformat: ndjson\nload: snapshot\n{json}\n\
             unknown_columns: {unknown}\ncolumns: [{}]\n",
            columns.join(", ")
        );
        Paths::new(&Source::parse("things", &text).unwrap())
    }

    fn cells(text: &str, paths: &Paths) -> Vec<Vec<String>> {
        let (grid, _) = cut(text.as_bytes().to_vec(), &Records::Lines, paths);
        let show = |span: &Span| match *span {
            Span::ABSENT => "-".to_string(),
            span => String::from_utf8(span.of(&grid.text).to_vec()).unwrap(),
        };
        grid.spans.chunks(grid.stride).map(|row| row.iter().map(show).collect()).collect()
    }

    #[test]
    fn paths_lead_to_cells() {
        let paths = paths("", &["a", "b.c", "d[1].e", "d"], "ignore");
        let text = "{\"a\": 1.50, \"b\": {\"c\": \"x\\n\\u00e9\"}, \"d\": [0, {\"e\": true}]}\n\
                    {\"b\": null, \"a\": null, \"z\": [[]]}\r\n\n\
                    {\"a\": \"\\ud83d\\ude00\", \"d\": []}";
        assert_eq!(
            cells(text, &paths),
            [
                ["1.50", "x\né", "true", "[0, {\"e\": true}]"],
                ["-", "-", "-", "-"],
                ["😀", "-", "-", "[]"],
            ]
        );
    }

    #[test]
    fn an_array_explodes_into_rows() {
        let paths =
            paths("json: {explode: order.lines}", &["id", "order.lines.sku", "order.at"], "ignore");
        let text = "{\"id\": 1, \"order\": {\"lines\": [{\"sku\": \"a\"}, {\"sku\": \"b\"}], \"at\": 9}}\n\
                    {\"id\": 2, \"order\": {\"lines\": []}}\n{\"id\": 3}\n";
        assert_eq!(
            cells(text, &paths),
            [["1", "a", "9"], ["1", "b", "9"], ["2", "-", "-"], ["3", "-", "-"]]
        );
        let (grid, _) = cut(b"{\"order\": {\"lines\": 5}}".to_vec(), &Records::Lines, &paths);
        assert_eq!(grid.bad[0].codes, [Code::NotAnArray]);
    }

    #[test]
    fn what_is_no_record_is_quarantined_with_its_line() {
        let paths = paths("", &["a"], "ignore");
        let lines = [
            "{\"a\": 1}",
            "{\"a\": }",
            "[1]",
            "{\"a\": 1",
            "{\"a\": 01}",
            "{'a': 1}",
            "\"x\"",
            "{\"a\": 1} x",
        ];
        let (grid, _) = cut(lines.join("\n").into_bytes(), &Records::Lines, &paths);
        let bad: Vec<_> = grid.bad.iter().map(|row| (row.line.unwrap(), row.codes[0])).collect();
        assert_eq!(
            bad,
            [
                (1, Code::NotJson),
                (2, Code::NotAnObject),
                (3, Code::NotJson),
                (4, Code::NotJson),
                (5, Code::NotJson),
                (6, Code::NotAnObject),
                (7, Code::NotJson),
            ]
        );
        assert_eq!(grid.row_count, 8);
    }

    #[test]
    fn half_characters_and_repeated_keys_are_found_where_they_are_read() {
        let half = Code::HalfCharacter;
        let twice = Code::RepeatedKey;
        for (unknown, record, expected) in [
            ("ignore", r#"{"a": "x\ud83d"}"#, Some(half)),
            ("ignore", r#"{"a": "\ude00\ud83d"}"#, Some(half)),
            ("ignore", r#"{"a": "\ud83d\ud83d\ude00"}"#, Some(half)),
            ("ignore", r#"{"a": "\ud83d\ude00"}"#, None),
            ("ignore", r#"{"a": {"b": ["\ud83d"]}}"#, Some(half)),
            ("ignore", r#"{"a": {"b\ud83d": 1}}"#, Some(half)),
            ("ignore", r#"{"z": "\ud83d", "c": {"z": "\ud83d"}}"#, None),
            ("text", r#"{"z": ["\ud83d"]}"#, Some(half)),
            ("ignore", r#"{"a": {"b": "\u0000"}}"#, Some(Code::NulByte)),
            ("ignore", r#"{"a": 1, "c": {}, "\u0061": 1}"#, Some(twice)),
            ("ignore", r#"{"c": {"d": 1, "e": 2, "d": null}}"#, Some(twice)),
            ("ignore", r#"{"a": [{"b": 1}, {"b": 2, "b": 2}]}"#, Some(twice)),
            ("ignore", r#"{"a": [{"b": 1}, {"b": 2, "c": {"b": 2}}]}"#, None),
            ("ignore", r#"{"z": 1, "c": {"z": 1, "z": 1}, "z": 2}"#, None),
            ("text", r#"{"z": 1, "a": 1, "z": null}"#, Some(twice)),
            ("text", r#"{"z": 1, "a": {"z": 1}, "y": {"z": 1}}"#, None),
            ("ignore", r#"{"l": [{"k": 1}, {"k": 1}]}"#, None),
            ("ignore", r#"{"l": [{"k": 1, "k": 2}, {"k": 1}]}"#, Some(twice)),
            ("ignore", r#"{"l": [], "l": [{"k": 1}]}"#, Some(twice)),
        ] {
            let paths = paths("json: {explode: l}", &["a", "c.d", "l.k"], unknown);
            let (grid, _) = cut(record.as_bytes().to_vec(), &Records::Lines, &paths);
            let found: Vec<_> = grid.bad.iter().flat_map(|row| row.codes.clone()).collect();
            assert_eq!(found, Vec::from_iter(expected), "{unknown}: {record}");
            for bad in &grid.bad {
                assert_eq!(bad.record, record);
            }
        }
    }

    #[test]
    fn undeclared_keys_are_told_or_kept() {
        let fail = paths("", &["a"], "fail");
        let (_, unknown) = cut(b"{\"a\":1}\n{\"b\":2}\n".to_vec(), &Records::Lines, &fail);
        assert_eq!(unknown, Some(UnknownKey { key: "b".into(), line: 1 }));
        let text = paths("", &["a.x"], "text");
        let chunk = b"{\"a\":{\"y\":1},\"b\":\"t\\t\",\"c\":[1],\"d\":null}".to_vec();
        let (grid, _) = cut(chunk, &Records::Lines, &text);
        assert_eq!(grid.extras, [Some("{\"b\":\"t\\t\",\"c\":\"[1]\"}".to_string())]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_bytes_panic(text in "[\\[\\]{}\",:\\\\ua0-9e. tn\n]{0,80}") {
            let paths = paths("json: {explode: a}", &["a.b", "c[0]"], "text");
            cut(text.clone().into_bytes(), &Records::Lines, &paths);
        }

        #[test]
        fn what_serde_writes_is_read(key in "\\PC{0,10}", value in "\\PC{0,20}", number in any::<f64>()) {
            prop_assume!(number.is_finite());
            let record = serde_json::json!({"x": {&key: &value}, "n": number, "v": &value});
            let paths = paths("", &["v", "n"], "ignore");
            let expected = vec![vec![value.clone(), serde_json::json!(number).to_string()]];
            prop_assert_eq!(cells(&record.to_string(), &paths), expected);
        }

        #[test]
        fn valid_json_is_what_serde_takes(text in "[\\[\\]{}\",:a0-9e. ]{0,12}") {
            let record = format!("{{\"a\":{text}}}");
            let ours = {
                let paths = paths("", &["a"], "ignore");
                let (grid, _) = cut(record.clone().into_bytes(), &Records::Lines, &paths);
                // serde takes the last of two equal keys.
                grid.bad.iter().all(|row| row.codes == [Code::RepeatedKey])
            };
            // serde refuses numbers beyond doubles; they stay text here.
            let theirs = match serde_json::from_str::<serde_json::Value>(&record) {
                Ok(_) => true,
                Err(error) if error.to_string().contains("out of range") => ours,
                Err(_) => false,
            };
            prop_assert_eq!(ours, theirs, "{}", record);
        }
    }
}
