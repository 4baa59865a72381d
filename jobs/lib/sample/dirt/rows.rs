//! Rows that go wrong: from the text of a good row to the text of a bad one.
//!
//! A few rows in a hundred are taken apart again after they were written, so that those who write
//! rows know nothing of what may go wrong with them, and write fast.

use serde_json::Value;

use super::RowFault;
use crate::sample::feeds::formats::push_field;

/// What may go wrong with the rows of a feed: a kind, and the column it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The kind.
    pub kind: RowFault,
    /// The column's name in the header, or the path in a record (`lines.0.quantity`); empty where
    /// the whole row is struck.
    pub column: &'static str,
}

/// A target in a word.
pub const fn target(kind: RowFault, column: &'static str) -> Target {
    Target { kind, column }
}

/// How the rows of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing<'a> {
    /// Fields between delimiters; the header's names.
    Csv(u8, &'a [&'a str]),
    /// A JSON object.
    Json,
}

/// The values by which a row is identified, joined by `/`: columns or paths as in [`Target`].
pub fn id_of(writing: Writing, row: &[u8], columns: &[&str]) -> String {
    let mut id = String::new();
    let mut push = |value: &str| {
        if !id.is_empty() {
            id.push('/');
        }
        id.push_str(value);
    };
    match writing {
        Writing::Csv(delimiter, header) => {
            let fields = fields_of(row, delimiter);
            for column in columns {
                let place = header.iter().position(|name| name == column);
                let field = place.and_then(|place| fields.get(place));
                push(&String::from_utf8_lossy(field.map_or(&[], Vec::as_slice)));
            }
        }
        Writing::Json => {
            let record: Value = serde_json::from_slice(row).unwrap_or_default();
            for column in columns {
                match value_at(&record, column) {
                    Some(Value::String(text)) => push(text),
                    Some(value) => push(&value.to_string()),
                    None => push(""),
                }
            }
        }
    }
    id
}

/// The row with something wrong with it; none where this kind cannot happen to this row. `draw`
/// decides between ways in which it can go wrong.
pub fn spoiled(writing: Writing, row: &[u8], target: Target, draw: u64) -> Option<Vec<u8>> {
    match (target.kind, writing) {
        // These are about where a row stands, not what is in it.
        (
            RowFault::ExactDuplicate | RowFault::Late | RowFault::OutOfOrder | RowFault::Resent,
            _,
        ) => None,
        (RowFault::BrokenJsonLine, Writing::Json) => {
            // In the middle, and not within a letter of more than one byte.
            let cut = row.len() / 2 + (draw as usize % (row.len() / 4).max(1));
            let cut = (1..=cut).rev().find(|at| row.get(*at).is_some_and(|b| b & 0xc0 != 0x80))?;
            Some(row[..cut].to_vec())
        }
        (RowFault::BrokenJsonLine, Writing::Csv(..)) => None,
        (RowFault::RaggedRow, Writing::Csv(delimiter, _)) => {
            let mut fields = fields_of(row, delimiter);
            let place = 1 + draw as usize % fields.len();
            fields.insert(place, Vec::new());
            Some(joined(&fields, delimiter))
        }
        (RowFault::Latin1Bytes, Writing::Csv(delimiter, header)) => {
            let mut fields = fields_of(row, delimiter);
            let place = header.iter().position(|name| *name == target.column)?;
            // A space that does not break, as word processors like to put them.
            fields.get_mut(place)?.push(0xa0);
            Some(joined(&fields, delimiter))
        }
        (RowFault::RaggedRow | RowFault::Latin1Bytes, Writing::Json) => None,
        (_, Writing::Csv(delimiter, header)) => {
            let mut fields = fields_of(row, delimiter);
            let place = header.iter().position(|name| *name == target.column)?;
            let field = fields.get_mut(place)?;
            let good = String::from_utf8_lossy(field).into_owned();
            *field = bad_value(target.kind, &good, draw)?.into_bytes();
            Some(joined(&fields, delimiter))
        }
        (_, Writing::Json) => {
            let mut record: Value = serde_json::from_slice(row).ok()?;
            let at = pointer(target.column);
            let value = record.pointer_mut(&at)?;
            let good = match &*value {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let is_number = value.is_number();
            let bad = bad_value(target.kind, &good, draw)?;
            *value = match (bad.is_empty(), is_number.then(|| bad.parse::<i64>())) {
                (true, _) => Value::Null,
                (false, Some(Ok(number))) => number.into(),
                (false, _) => bad.into(),
            };
            Some(record.to_string().into_bytes())
        }
    }
}

/// What stands in place of a good value; none where there is nothing to go wrong with.
fn bad_value(kind: RowFault, good: &str, draw: u64) -> Option<String> {
    let pick = |ways: &[&str]| ways.get(draw as usize % ways.len()).map(ToString::to_string);
    if good.is_empty() {
        return None;
    }
    match kind {
        RowFault::MissingRequired => Some(String::new()),
        RowFault::UnreadableNumber => match draw % 3 {
            // The letters O and l in place of the digits.
            0 if good.contains('0') => Some(good.replace('0', "O")),
            1 if good.contains('1') => Some(good.replace('1', "l")),
            _ => pick(&["#VALUE!", "n.v.", "approx."]),
        },
        RowFault::UnreadableTime => {
            pick(&["31/02/2024", "45356.38125", "#########", "0000-00-00 00:00:00", "yesterday"])
        }
        RowFault::NotAcceptedValue => pick(&["TEST", "???", "other (see note)"]),
        // What some systems write for "unknown".
        RowFault::OutOfRange => pick(&["-9999999"]),
        RowFault::SpreadsheetMangledId => {
            let digits: String = good.chars().filter(char::is_ascii_digit).collect();
            if digits.len() < 12 {
                return None;
            }
            Some(format!("{},{}E+{}", &digits[..1], &digits[1..6], digits.len() - 1))
        }
        _ => None,
    }
}

/// `lines.0.quantity` as RFC 6901 writes it.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

fn value_at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    record.pointer(&pointer(path))
}

/// The fields of a row as [`push_field`] wrote them.
fn fields_of(row: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    let mut field = Vec::new();
    let mut bytes = row.iter().copied().peekable();
    let mut is_quoted = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if is_quoted && bytes.peek() == Some(&b'"') => {
                field.push(b'"');
                bytes.next();
            }
            b'"' => is_quoted = !is_quoted,
            _ if byte == delimiter && !is_quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(byte),
        }
    }
    fields.push(field);
    fields
}

fn joined(fields: &[Vec<u8>], delimiter: u8) -> Vec<u8> {
    let mut row = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            row.push(delimiter);
        }
        push_field(&mut row, field, delimiter);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Writing = Writing::Csv(b',', &["id", "card", "text", "at"]);
    const ROW: &[u8] = b"E1,7001234567890,\"a, \"\"b\"\"\nc\",2024-03-04";

    fn csv(kind: RowFault, column: &'static str, draw: u64) -> Option<String> {
        spoiled(HEADER, ROW, target(kind, column), draw)
            .map(|row| String::from_utf8_lossy(&row).into_owned())
    }

    #[test]
    fn csv_rows_go_wrong_in_one_place() {
        let rest = "\"a, \"\"b\"\"\nc\"";
        let cases = [
            (RowFault::MissingRequired, "id", format!(",7001234567890,{rest},2024-03-04")),
            (RowFault::UnreadableTime, "at", format!("E1,7001234567890,{rest},31/02/2024")),
            (RowFault::RaggedRow, "", format!("E1,,7001234567890,{rest},2024-03-04")),
            (
                RowFault::SpreadsheetMangledId,
                "card",
                format!("E1,\"7,00123E+12\",{rest},2024-03-04"),
            ),
            (RowFault::UnreadableNumber, "card", format!("E1,7OO123456789O,{rest},2024-03-04")),
        ];
        for (kind, column, expected) in cases {
            assert_eq!(csv(kind, column, 0), Some(expected), "{kind:?}");
        }
        assert_eq!(csv(RowFault::BrokenJsonLine, "", 0), None);
        assert_eq!(csv(RowFault::SpreadsheetMangledId, "at", 0), None);
        assert_eq!(csv(RowFault::OutOfRange, "nowhere", 0), None);
        let latin1 = spoiled(HEADER, ROW, target(RowFault::Latin1Bytes, "id"), 0).unwrap();
        assert!(latin1.starts_with(b"E1\xa0,"));
        assert!(std::str::from_utf8(&latin1).is_err());
    }

    #[test]
    fn json_rows_go_wrong_in_one_place() {
        let row =
            br#"{"id":"M1","metrics":{"likes":3},"lines":[{"sku":"x","price":1.50}],"at":"2024"}"#;
        let json = |kind, column| {
            spoiled(Writing::Json, row, target(kind, column), 0)
                .map(|row| String::from_utf8(row).unwrap())
        };
        let good = String::from_utf8(row.to_vec()).unwrap().replace("1.50", "1.5");
        assert_eq!(
            json(RowFault::OutOfRange, "metrics.likes"),
            Some(good.replace(r#""likes":3"#, r#""likes":-9999999"#))
        );
        assert_eq!(json(RowFault::MissingRequired, "id"), Some(good.replace(r#""M1""#, "null")));
        assert_eq!(
            json(RowFault::MissingRequired, "lines.0.sku"),
            Some(good.replace(r#""x""#, "null"))
        );
        let broken = json(RowFault::BrokenJsonLine, "").unwrap();
        assert!(serde_json::from_str::<Value>(&broken).is_err());
        assert_eq!(json(RowFault::RaggedRow, ""), None);
    }

    #[test]
    fn ids_are_read_from_the_row() {
        assert_eq!(id_of(HEADER, ROW, &["id", "card"]), "E1/7001234567890");
        assert_eq!(id_of(Writing::Json, br#"{"id":"M1","n":7}"#, &["id", "n"]), "M1/7");
    }
}
