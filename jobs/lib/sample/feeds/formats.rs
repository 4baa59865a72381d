//! The text of exports, written fast: straight onto a buffer, never by way of `format!`.
//!
//! Knows how CSV and JSON are written down, and amounts in them. Does not know what is written.
//!
//! The small steps are inlined, so that a key or a mark of known length costs a single move.

use crate::sample::digits::{push_number, push_padded};

/// Appends an amount of pence as pounds: `12.50`.
pub fn push_pounds(out: &mut Vec<u8>, pence: i64) {
    if pence < 0 {
        out.push(b'-');
    }
    let pence = pence.unsigned_abs();
    push_number(out, pence / 100);
    out.push(b'.');
    push_padded(out, pence % 100, 2);
}

/// Appends an amount of pence as pounds in German writing: `1.234,56`.
pub fn push_pounds_with_comma(out: &mut Vec<u8>, pence: i64) {
    if pence < 0 {
        out.push(b'-');
    }
    let pence = pence.unsigned_abs();
    let pounds = pence / 100;
    if pounds >= 1_000_000 {
        push_number(out, pounds / 1_000_000);
        out.push(b'.');
        push_padded(out, pounds / 1000 % 1000, 3);
        out.push(b'.');
        push_padded(out, pounds % 1000, 3);
    } else if pounds >= 1000 {
        push_number(out, pounds / 1000);
        out.push(b'.');
        push_padded(out, pounds % 1000, 3);
    } else {
        push_number(out, pounds);
    }
    out.push(b',');
    push_padded(out, pence % 100, 2);
}

/// One record of a CSV in the making; [`Csv::end`] ends its line.
pub struct Csv<'a> {
    out: &'a mut Vec<u8>,
    delimiter: u8,
    is_first: bool,
}

impl<'a> Csv<'a> {
    /// A record that begins where `out` ends.
    pub fn new(out: &'a mut Vec<u8>, delimiter: u8) -> Self {
        Csv { out, delimiter, is_first: true }
    }

    #[inline]
    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(self.delimiter);
        }
    }

    /// The next field, in quotes where it needs them.
    #[inline]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.next();
        push_field(self.out, text.as_bytes(), self.delimiter);
        self
    }

    /// The next field, which needs no quotes.
    #[inline]
    pub fn plain(&mut self, text: &str) -> &mut Self {
        self.next();
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// The next field, which `write` appends and which needs no quotes.
    pub fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.next();
        write(self.out);
        self
    }

    /// The next field: a whole number.
    #[inline]
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.with(|out| push_number(out, number))
    }

    /// The next field, empty where there is nothing to write.
    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) -> &mut Self {
        self.with(|out| {
            if let Some(value) = value {
                write(out, value);
            }
        })
    }

    /// The next field, empty.
    pub fn none(&mut self) -> &mut Self {
        self.with(|_| {})
    }

    /// The end of the line.
    pub fn end(&mut self) {
        self.out.push(b'\n');
    }
}

/// Appends a CSV field, in quotes where it needs them.
pub fn push_field(out: &mut Vec<u8>, text: &[u8], delimiter: u8) {
    let is_plain =
        memchr::memchr3(delimiter, b'"', b'\n', text).is_none() && !text.contains(&b'\r');
    if is_plain {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// JSON in the making: commas are put where they belong.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    /// A value that begins where `out` ends.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Json { out }
    }

    #[inline]
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.out.push(b',');
        }
    }

    /// `{`: an object, as an element of an array or as the outermost value.
    pub fn open_object(&mut self) -> &mut Self {
        self.comma();
        self.out.push(b'{');
        self
    }

    /// `"key":{`
    #[inline]
    pub fn object(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.out.push(b'{');
        self
    }

    /// `}`
    pub fn close_object(&mut self) -> &mut Self {
        self.out.push(b'}');
        self
    }

    /// `"key":[`
    #[inline]
    pub fn array(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.out.push(b'[');
        self
    }

    /// `]`
    pub fn close_array(&mut self) -> &mut Self {
        self.out.push(b']');
        self
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A text that may hold anything.
    #[inline]
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        push_json_text(self.out, text);
        self
    }

    /// A text that may hold anything, or null.
    #[inline]
    pub fn maybe_text(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    /// A text as an element of an array.
    pub fn element(&mut self, text: &str) -> &mut Self {
        self.comma();
        push_json_text(self.out, text);
        self
    }

    /// A text that `write` appends and in which nothing needs escaping.
    pub fn plain(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
        self
    }

    /// As [`Json::plain`], or null where there is nothing to write.
    pub fn maybe_plain<T>(
        &mut self,
        key: &str,
        value: Option<T>,
        write: impl FnOnce(&mut Vec<u8>, T),
    ) -> &mut Self {
        match value {
            Some(value) => self.plain(key, |out| write(out, value)),
            None => self.null(key),
        }
    }

    /// A number, or another value that `write` appends as JSON.
    pub fn bare(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.key(key);
        write(self.out);
        self
    }

    /// A whole number.
    #[inline]
    pub fn number(&mut self, key: &str, number: u64) -> &mut Self {
        self.bare(key, |out| push_number(out, number))
    }

    /// true or false
    #[inline]
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.bare(key, |out| out.extend_from_slice(if value { b"true" } else { b"false" }))
    }

    /// null
    #[inline]
    pub fn null(&mut self, key: &str) -> &mut Self {
        self.bare(key, |out| out.extend_from_slice(b"null"))
    }
}

/// Appends a JSON string, escaped as JSON wants it and no more.
pub fn push_json_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // Nearly all texts need no escaping, which is seen at once where no byte ends the search.
    if text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
        push_escaped(out, text.as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (byte >> 4));
                out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn amounts_are_written_out() {
        for (pence, pounds, comma) in [
            (5, "0.05", "0,05"),
            (1250, "12.50", "12,50"),
            (-199, "-1.99", "-1,99"),
            (123_456, "1234.56", "1.234,56"),
            (100_000_001, "1000000.01", "1.000.000,01"),
        ] {
            assert_eq!(text(|out| push_pounds(out, pence)), pounds);
            assert_eq!(text(|out| push_pounds_with_comma(out, pence)), comma);
        }
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        let line = text(|out| {
            Csv::new(out, b';').none().text("a,b").text("a;b").text("say \"so\"\nnow").none().end();
        });
        assert_eq!(line, ";a,b;\"a;b\";\"say \"\"so\"\"\nnow\";\n");
    }

    #[test]
    fn json_reads_back() {
        let words = "a \"quote\", a \\ and\nlines\t\u{1} 😀";
        let json = text(|out| {
            Json::new(out)
                .open_object()
                .text("words", words)
                .object("nested")
                .null("nothing")
                .boolean("yes", true)
                .close_object()
                .array("list")
                .element("a")
                .element("b")
                .close_array()
                .array("none")
                .close_array()
                .number("n", 7)
                .close_object();
        });
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!({
            "words": words, "nested": {"nothing": null, "yes": true}, "list": ["a", "b"],
            "none": [], "n": 7,
        });
        assert_eq!(read, expected);
    }
}
