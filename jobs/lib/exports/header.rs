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
        let Matching { places, owners, .. } = Matching::of(source, file, &header, &exact)?;
        let missing: Vec<&Column> = source
            .columns
            .iter()
            .zip(&places)
            .filter_map(|(column, place)| place.is_none().then_some(column))
            .collect();
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
            let free: Vec<String> = free.map(|(_, name)| shown(name)).collect();
            let hint = did_you_mean(&column.from, free.iter().map(String::as_str));
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
            let named = |(name, place): &(String, usize)| match header[*place].is_empty() {
                true => format!("`{name}` (its name is empty)"),
                false => format!("`{}`", shown(name)),
            };
            let names: Vec<_> = extras.iter().map(named).collect();
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

/// Which of a header's names is whose.
struct Matching<'a> {
    file: &'a str,
    source: &'a Source,
    header: &'a [&'a str],
    exact: &'a HashMap<&'a str, usize>,
    /// For each declared column its field.
    places: Vec<Option<usize>>,
    /// For each field that is somebody's its column, and how that came by it.
    owners: HashMap<usize, (&'a str, Likeness)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Exact,
    Loose,
}

impl<'a> Matching<'a> {
    /// A name that a column has of its own is its own, whatever aliases others have; so aliases
    /// come second.
    fn of(
        source: &'a Source,
        file: &'a str,
        header: &'a [&'a str],
        exact: &'a HashMap<&'a str, usize>,
    ) -> Result<Matching<'a>> {
        let mut matching = Matching {
            file,
            source,
            header,
            exact,
            places: vec![None; source.columns.len()],
            owners: HashMap::new(),
        };
        for (index, column) in source.columns.iter().enumerate() {
            if let Some(found) = matching.find(column, &column.from)? {
                matching.give(index, column, found)?;
            }
        }
        for (index, column) in source.columns.iter().enumerate() {
            for alias in &column.aliases {
                if matching.places[index].is_none()
                    && let Some(found) = matching.find(column, alias)?
                    && !matching.is_anothers(column, found)
                {
                    matching.give(index, column, found)?;
                }
            }
        }
        Ok(matching)
    }

    /// The field that is called `name`, which is one of those of `column`.
    fn find(&self, column: &Column, name: &str) -> Result<Option<(usize, Likeness)>> {
        if let Some(place) = self.exact.get(name.trim()) {
            return Ok(Some((*place, Likeness::Exact)));
        }
        let folded = fold(name);
        let mut similar =
            self.header.iter().enumerate().filter(|(_, candidate)| fold(candidate) == folded);
        let Some((place, first)) = similar.next() else { return Ok(None) };
        if let Some((_, second)) = similar.next() {
            let what = format!(
                "headers `{}` and `{}` both fit column `{}`",
                shown(first),
                shown(second),
                column.name
            );
            return Err(self.source.broken(self.file, what));
        }
        // A header that another column names exactly belongs to that column.
        let is_anothers = self
            .source
            .columns
            .iter()
            .any(|other| other.name != column.name && other.from.trim() == *first);
        Ok((!is_anothers).then_some((place, Likeness::Loose)))
    }

    /// Whether the field that an alias of `column` is like has an owner with at least as good a
    /// claim: one that has the name of its own.
    fn is_anothers(&self, column: &Column, (place, likeness): (usize, Likeness)) -> bool {
        self.owners.get(&place).is_some_and(|(owner, own)| {
            let has_it_by_name =
                self.source.columns.iter().any(|other| {
                    other.name == *owner && fold(&other.from) == fold(self.header[place])
                });
            *owner != column.name
                && has_it_by_name
                && (*own == Likeness::Exact || likeness == Likeness::Loose)
        })
    }

    fn give(
        &mut self,
        index: usize,
        column: &'a Column,
        (place, likeness): (usize, Likeness),
    ) -> Result<()> {
        if let Some((other, _)) = self.owners.insert(place, (column.name.as_str(), likeness)) {
            let what = format!(
                "header `{}` fits both column `{other}` and column `{}`",
                shown(self.header[place]),
                column.name
            );
            return Err(self.source.broken(self.file, what));
        }
        self.places[index] = Some(place);
        Ok(())
    }
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
    fn a_header_is_its_own_column_s_whatever_aliases_others_have() {
        let columns = "{name: a, from: A, aliases: [b_], type: string}, \
                       {name: b, from: B, aliases: [C_, d], type: string}, \
                       {name: c, from: C, aliases: [D], type: string}";
        let source = source(columns, "missing_columns: \"null\"\n");
        let places = |header: &[&str]| matched(&source, header).map(|layout| layout.places);
        assert_eq!(places(&["B"]), Ok(vec![None, Some(0), None]));
        assert_eq!(places(&["b"]), Ok(vec![None, Some(0), None]));
        assert_eq!(places(&["B", "C"]), Ok(vec![None, Some(0), Some(1)]));
        assert_eq!(places(&["C"]), Ok(vec![None, None, Some(0)]));
        assert_eq!(places(&["c"]), Ok(vec![None, None, Some(0)]));
        assert_eq!(places(&["A", "C", "B"]), Ok(vec![Some(0), Some(2), Some(1)]));
        // An alias to the letter, or another alias, is as good as a name that is only similar.
        assert!(places(&["b_"]).unwrap_err().contains("fits both column `b` and column `a`"));
        assert!(places(&["D"]).unwrap_err().contains("fits both column `b` and column `c`"));
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
