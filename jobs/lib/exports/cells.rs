//! A chunk of records as a grid of texts: where each cell begins and ends in one piece of text.

/// The place of a cell's text in its chunk; [`Span::ABSENT`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// No value: a key that is not there, a JSON null, a column the file lacks.
    pub const ABSENT: Span = Span { start: u32::MAX, end: 0 };

    /// A value that a path does not lead to, because something on the way has another shape. As a
    /// place of text it is absent as well.
    pub const MISSHAPEN: Span = Span { start: u32::MAX, end: 1 };

    pub fn new(start: usize, end: usize) -> Span {
        // Chunks are far smaller than 4 GiB: see `MAXIMUM_RECORD_BYTES`.
        #[allow(clippy::cast_possible_truncation)]
        Span { start: start as u32, end: end as u32 }
    }

    /// The span's bytes; empty where it is absent.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One column of the grid.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    /// The chunk's text, valid UTF-8.
    pub text: &'a [u8],
    /// The spans of all cells, row by row.
    pub spans: &'a [Span],
    /// Cells in a row.
    pub stride: usize,
    /// The column's place in a row; none where the file lacks it.
    pub place: Option<usize>,
    pub row_count: usize,
}

impl<'a> Cells<'a> {
    /// The texts from the first row to the last, none where there is no value.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let spans = match self.place {
            Some(place) => self.spans.get(place..).unwrap_or_default(),
            None => &[],
        };
        let missing = if self.place.is_none() { self.row_count } else { 0 };
        let text = self.text;
        spans
            .iter()
            .step_by(self.stride.max(1))
            .take(self.row_count)
            .map(move |span| text.get(span.start as usize..span.end as usize))
            .chain(std::iter::repeat_n(None, missing))
    }
}

/// Text without the white space around it.
#[inline]
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    match (text.first(), text.last()) {
        (Some(first), Some(last)) if is_suspect(*first) || is_suspect(*last) => trim_slowly(text),
        _ => text,
    }
}

/// Whether white space may begin or end with this byte: ASCII's, or any character's beyond it.
#[inline]
fn is_suspect(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x80
}

#[cold]
fn trim_slowly(text: &[u8]) -> &[u8] {
    std::str::from_utf8(text).map_or(text, |text| text.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_any_kind_is_trimmed() {
        assert_eq!(trimmed(" a b\t".as_bytes()), b"a b");
        assert_eq!(trimmed("\u{a0}é\u{3000}".as_bytes()), "é".as_bytes());
        assert_eq!(trimmed(b""), b"");
        assert_eq!(trimmed(b"  "), b"");
    }
}
