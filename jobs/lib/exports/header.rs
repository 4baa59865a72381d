//! Which of a file's columns is which declared one.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use super::source::{Column, MissingColumns, Source, UnknownColumns};
use crate::errors::{Result, did_you_mean};

/// Where in a file's records the declared columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Fields in a record.
    pub stride: usize,
    /// For each declared column its field, none where the file lacks it.
    pub places: Vec<Option<usize>>,
    /// The file's undeclared columns by name.
    pub extras: Vec<(String, usize)>,
    /// For each column that joined the declared ones, its field.
    pub widened: Vec<Option<usize>>,
    /// Whether the file has the declared columns in declared order and nothing else.
    pub is_natural: bool,
}

impl Layout {
    /// The layout of a file without a header: the declared columns in order.
    pub fn declared(source: &Source) -> Layout {
        let count = source.columns.len();
        Layout {
            stride: count,
            places: (0..count).map(Some).collect(),
            extras: Vec::new(),
            widened: Vec::new(),
            is_natural: true,
        }
    }

    /// Matches `header`, the column names of `file`, to the declaration.
    ///
    /// `widened` names the columns that joined the declared ones. Errors: `ExportBroken` for
    /// names that occur twice, fit several columns, are unknown or missing, as the source says.
    pub fn matched(
        source: &Source,
        file: &str,
        header: &[String],
        widened: &[String],
    ) -> Result<Layout> {
        let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        let mut exact: HashMap<&str, usize> = HashMap::new();
        let mut twice = Vec::new();
        for (place, name) in header.iter().enumerate() {
            if !name.is_empty() && exact.insert(name, place).is_some() {
                twice.push(*name);
            }
        }
        let mut owners: HashMap<usize, &str> = HashMap::new();
        let mut places = Vec::with_capacity(source.columns.len());
        let mut missing = Vec::new();
        for column in &source.columns {
            let place = find(source, file, &header, &exact, column)?;
            match place {
                None => missing.push(column),
                Some(place) => {
                    if let Some(other) = owners.insert(place, &column.name) {
                        let what = format!(
                            "header `{}` fits both column `{other}` and column `{}`",
                            shown(header[place]),
                            column.name
                        );
                        return Err(source.broken(file, what));
                    }
                }
            }
            places.push(place);
        }
        if owners.is_empty() {
            // The first line may be a row of data: its texts stay out of the message.
            let what = format!(
                "none of the declared columns is in its first record of {} fields: has the file a \
                 header, the declared delimiter, and nothing before the header (see `skip_lines`)?",
                header.len()
            );
            return Err(source.broken(file, what));
        }
        // Of columns that are left out anyway nobody asks which is meant.
        let matters = |name: &&str| {
            source.unknown_columns != UnknownColumns::Ignore
                || owners.keys().any(|place| header[*place] == *name)
        };
        if let Some(name) = twice.into_iter().find(matters) {
            let what = format!("its header names column `{}` twice", shown(name));
            return Err(source.broken(file, what));
        }
        if source.missing_columns == MissingColumns::Fail && !missing.is_empty() {
            let column = missing[0];
            let free = header.iter().enumerate().filter(|(place, _)| !owners.contains_key(place));
            let hint = did_you_mean(&column.from, free.map(|(_, name)| *name));
            let names: Vec<_> = missing.iter().map(|column| format!("`{}`", column.from)).collect();
            let what = format!("its header lacks {}{hint}", names.join(", "));
            return Err(source.broken(file, what));
        }
        let mut extras: Vec<(String, usize)> = Vec::new();
        for (place, name) in header.iter().enumerate() {
            if owners.contains_key(&place) {
                continue;
            }
            let name = match name.is_empty() {
                true => format!("column {}", place + 1),
                false => (*name).to_string(),
            };
            extras.push((name, place));
        }
        if source.unknown_columns == UnknownColumns::Fail && !extras.is_empty() {
            let known = missing.iter().map(|column| column.from.as_str());
            let hint = did_you_mean(&extras[0].0, known);
            let names: Vec<_> =
                extras.iter().map(|(name, _)| format!("`{}`", shown(name))).collect();
            let what = format!("its header has undeclared columns {}{hint}", names.join(", "));
            return Err(source.broken(file, what));
        }
        extras.sort();
        let widened = widened
            .iter()
            .map(|name| {
                extras.iter().find(|(extra, _)| table_name(extra) == *name).map(|(_, place)| *place)
            })
            .collect();
        let in_order = places.iter().enumerate().all(|(index, place)| *place == Some(index));
        let is_natural = in_order && extras.is_empty();
        Ok(Layout { stride: header.len(), places, extras, widened, is_natural })
    }

    /// The fields in the order in which equal records of differently ordered files are equal.
    pub fn canonical_order(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.places.iter().copied().chain(self.extras.iter().map(|(_, place)| Some(*place)))
    }
}

fn find(
    source: &Source,
    file: &str,
    header: &[&str],
    exact: &HashMap<&str, usize>,
    column: &Column,
) -> Result<Option<usize>> {
    for name in std::iter::once(&column.from).chain(&column.aliases) {
        if let Some(place) = exact.get(name.trim()) {
            return Ok(Some(*place));
        }
        let folded = fold(name);
        let mut similar =
            header.iter().enumerate().filter(|(_, candidate)| fold(candidate) == folded);
        if let Some((place, first)) = similar.next() {
            // A header that another column names exactly belongs to that column.
            if let Some((_, second)) = similar.next() {
                let what = format!(
                    "headers `{}` and `{}` both fit column `{}`",
                    shown(first),
                    shown(second),
                    column.name
                );
                return Err(source.broken(file, what));
            }
            let is_anothers = source
                .columns
                .iter()
                .any(|other| other.name != column.name && other.from.trim() == *first);
            if !is_anothers {
                return Ok(Some(place));
            }
        }
    }
    Ok(None)
}

/// A name without what spellings differ in: case, spaces, underscores, hyphens, and whether a
/// letter and its accent are one character or two, as macOS writes them.
pub(super) fn fold(name: &str) -> String {
    name.nfc()
        .filter(|one| !one.is_whitespace() && !matches!(one, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A header's name as a table's column: small letters, digits and underscores.
pub(super) fn table_name(header: &str) -> String {
    let mut name = String::new();
    for one in header.trim().chars() {
        match one {
            'a'..='z' | '0'..='9' => name.push(one),
            'A'..='Z' => name.push(one.to_ascii_lowercase()),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_end_matches('_');
    match name.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => name.to_string(),
        false => format!("column_{name}"),
    }
}

/// A name from a file, fit for a message.
fn shown(name: &str) -> String {
    let escaped: String = name.escape_debug().collect();
    if escaped.chars().count() <= 60 {
        return escaped;
    }
    escaped.chars().take(60).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(columns: &str, more: &str) -> Source {
        let text = format!(
            "description: d\nlocation: x\nformat: csv\nload: snapshot\ncolumns: [{columns}]\n{more}"
        );
        Source::parse("things", &text).unwrap()
    }

    fn matched(source: &Source, header: &[&str]) -> Result<Layout, String> {
        let header: Vec<_> = header.iter().map(|name| name.to_string()).collect();
        Layout::matched(source, "x.csv", &header, &[]).map_err(|error| error.chain())
    }

    #[test]
    fn names_match_exactly_then_loosely_then_by_alias() {
        let source = source(
            "{name: order_id, from: Order No, type: string}, \
             {name: price, type: double, aliases: [Unit Price]}",
            "",
        );
        let places = |header: &[&str]| matched(&source, header).map(|layout| layout.places);
        assert_eq!(places(&["Order No", "price"]), Ok(vec![Some(0), Some(1)]));
        assert_eq!(places(&["PRICE", "order_no"]), Ok(vec![Some(1), Some(0)]));
        assert_eq!(places(&[" Order No ", "unit_price"]), Ok(vec![Some(0), Some(1)]));
        assert!(places(&["Order No", "order_no", "price"]).unwrap_err().contains("undeclared"));
        assert!(places(&["order-no", "order_no", "price"]).unwrap_err().contains("both fit"));
        assert!(places(&["Order No", "price", "price"]).unwrap_err().contains("twice"));
        assert!(places(&["Order No", "price", "x", "x"]).unwrap_err().contains("twice"));
        assert!(places(&["Order No"]).unwrap_err().contains("lacks `price`"));
        assert!(
            places(&["Order No", "price", "x"]).unwrap_err().contains("undeclared columns `x`")
        );
    }

    #[test]
    fn accents_are_one_character_or_two() {
        let composed = source("{name: size, from: Größe, type: string}", "");
        assert_eq!(matched(&composed, &["Gro\u{308}ße"]).unwrap().places, [Some(0)]);
        let decomposed = source("{name: size, from: \"Gro\u{308}ße\", type: string}", "");
        assert_eq!(matched(&decomposed, &["Größe"]).unwrap().places, [Some(0)]);
        assert!(matched(&composed, &["Grosse"]).is_err());
    }

    #[test]
    fn columns_that_are_left_out_may_share_a_name() {
        let source = source("{name: a, type: string}", "unknown_columns: ignore\n");
        assert_eq!(matched(&source, &["x", "a", "x"]).unwrap().places, [Some(1)]);
        assert!(matched(&source, &["a", "x", "a"]).unwrap_err().contains("`a` twice"));
        // Two columns that nobody wants do not hide two that somebody does.
        assert!(matched(&source, &["x", "x", "a", "a"]).unwrap_err().contains("`a` twice"));
    }

    #[test]
    fn a_row_of_data_in_place_of_the_header_is_not_shown() {
        let source = source("{name: a, type: string}, {name: b, type: string}", "");
        let error = matched(&source, &["Jane Doe", "jane@example.org"]).unwrap_err();
        assert!(error.contains("none of the declared columns"), "{error}");
        assert!(!error.contains("ane"), "{error}");
    }

    #[test]
    fn headers_become_column_names() {
        for (header, name) in
            [("Order No.", "order_no"), ("1st", "column_1st"), ("Größe", "gr_e"), ("€", "column_")]
        {
            assert_eq!(table_name(header), name);
        }
    }
}
