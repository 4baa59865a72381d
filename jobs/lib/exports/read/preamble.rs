//! What stands before the rows of a text file: lines to skip, and the header.

use std::io::Read;

use crate::errors::Result;
use crate::exports::csv::{self, Dialect};
use crate::exports::faults::Code;
use crate::exports::grid;
use crate::exports::header::Layout;
use crate::exports::open::{self, OpenedFile};
use crate::exports::source::{Format, Source};
use crate::exports::split::{Scanner, line_end};

/// What is known of a file once its first bytes are read.
pub(super) struct OpenFile {
    pub layout: Layout,
    pub dialect: Dialect,
    /// The header as it is written, without its line end.
    pub header: Option<Vec<u8>>,
}

/// A text file behind its header.
pub(super) struct OpenedText {
    pub file: OpenFile,
    pub rest: Box<dyn Read + Send>,
    /// The line on which the rest begins, from 1.
    pub line: u64,
}

/// The longest header there may be, in bytes.
const MAXIMUM_HEADER_BYTES: usize = 1024 * 1024;

/// Opens a text file and reads on to its first row. `widened` names the columns that join the
/// declared ones.
///
/// Errors: `ExportBroken` where it ends too early, or its header is none.
pub(super) fn open_text(
    source: &Source,
    name: &str,
    opened: OpenedFile,
    widened: &[String],
) -> Result<OpenedText> {
    let OpenedFile { content, meter, .. } = opened;
    let failed = |error| open::read_error(source, name, &meter, error);
    let mut content = open::as_utf8(source, name, content, &meter)?;
    let mut start = open::first_bytes(&mut content, 64 * 1024).map_err(failed)?;
    let is_delimited = matches!(source.format, Format::Csv | Format::Tsv);
    if start.is_empty() && (source.format == Format::Json || (is_delimited && source.csv.header)) {
        return Err(source.broken(name, "it is empty: 0 bytes of content"));
    }
    let line_end = if is_delimited { line_end(&start) } else { b'\n' };
    let dialect = Dialect { csv: source.csv.clone(), line_end };
    if !is_delimited {
        if source.format == Format::Ndjson && begins_an_array(&start) {
            let what = "its first line begins an array of records and does not end it: such a \
                        document is `format: json`, and `ndjson` has an object a line";
            return Err(source.broken(name, what));
        }
        let layout = Layout::declared(source);
        let rest = Box::new(std::io::Cursor::new(start).chain(content));
        return Ok(OpenedText { file: OpenFile { layout, dialect, header: None }, rest, line: 1 });
    }
    let mut line = 1;
    let mut at = 0;
    // Finds the end of the line or record at `at`, and reads on where it is not there yet.
    let more = |start: &mut Vec<u8>, content: &mut Box<dyn Read + Send>| -> Result<bool> {
        if start.len() >= MAXIMUM_HEADER_BYTES {
            return Err(source.broken(name, "what comes before its rows is longer than 1 MiB"));
        }
        let count = content.by_ref().take(64 * 1024).read_to_end(start).map_err(failed)?;
        Ok(count > 0)
    };
    for _ in 0..source.csv.skip_lines {
        loop {
            match memchr::memchr(line_end, &start[at..]) {
                Some(end) => {
                    at += end + 1;
                    line += 1;
                    break;
                }
                None if more(&mut start, &mut content)? => {}
                None => {
                    let what = format!(
                        "it ends within the {} lines to skip, on line {line}",
                        source.csv.skip_lines
                    );
                    return Err(source.broken(name, what));
                }
            }
        }
    }
    let (layout, header) = if source.csv.header {
        let (fields, header) = loop {
            let mut end = header_end(&start[at..], &dialect).map(|end| at + end);
            while end.is_none() && more(&mut start, &mut content)? {
                end = header_end(&start[at..], &dialect).map(|end| at + end);
            }
            let end = end.unwrap_or(start.len());
            let record = &start[at..end];
            if record.is_empty() {
                return Err(source.broken(name, format!("it has no header on line {line}")));
            }
            if let Some(code) = grid::fault_of_bytes(record) {
                let hint = match code {
                    Code::BadEncoding => {
                        format!(" (it is read as {}: see `encoding`)", source.encoding.name())
                    }
                    _ => String::new(),
                };
                let what = format!("its header on line {line} {}{hint}", code.text());
                return Err(source.broken(name, what));
            }
            let fields = csv::fields(record, &dialect);
            line += memchr::memchr_iter(line_end, record).count() as u64;
            at = end;
            // Blank lines and comments may stand before the header as anywhere.
            if !fields.is_empty() {
                break (fields, without_line_end(record).to_vec());
            }
        };
        match Layout::matched(source, name, &fields, widened) {
            Ok(layout) => (layout, Some(header)),
            Err(error) => {
                // Names in another encoding than declared look like others. Whether that is why
                // they do not match is known at the file's end.
                if source.encoding != encoding_rs::UTF_8 {
                    open::drain(&mut content).map_err(failed)?;
                }
                return Err(error);
            }
        }
    } else {
        (Layout::declared(source), None)
    };
    start.drain(..at);
    let rest = Box::new(std::io::Cursor::new(start).chain(content));
    Ok(OpenedText { file: OpenFile { layout, dialect, header }, rest, line })
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Whether the first line of `text` begins an array that goes on.
fn begins_an_array(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    line.starts_with(b"[") && !line.ends_with(b"]") && line.len() < text.len()
}

/// Where the first record of `text` ends, its line end included.
fn header_end(text: &[u8], dialect: &Dialect) -> Option<usize> {
    Scanner::records(dialect).first_end(text)
}
