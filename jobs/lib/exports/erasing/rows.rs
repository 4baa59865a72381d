//! The rows of a source without those who are erased.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::DataType;

use super::blots::{BLOT, Blots};
use super::identifier::{EMAIL, Identifier, PHONE};
use super::{Erasing, is_like_a_number};
use crate::errors::{Context as _, Error, Kind, Result};
use crate::exports::source::{Column, EXTRA_COLUMNS, Source};

/// What each column of a source says of whom a row is about.
#[derive(Debug)]
pub struct Roles {
    columns: Vec<(String, Role)>,
}

#[derive(Debug)]
enum Role {
    /// Names a person, by itself or as a key of one of these systems.
    Names(Vec<Namespace>),
    /// Something of a person's that names nobody for sure: a device, a handle of no known network.
    Marks,
    /// Words.
    Text,
    /// Everything else that is personal.
    Personal,
}

#[derive(Debug)]
enum Namespace {
    Of(String),
    /// That which another column of the row holds.
    In(String),
}

impl Roles {
    /// Of the source's columns.
    pub fn of(source: &Source) -> Roles {
        let role = |column: &Column| -> Option<Role> {
            if !column.identifies.is_empty() {
                return Some(Role::Names(
                    column.identifies.iter().map(|one| namespace(one)).collect(),
                ));
            }
            Some(match column.personal.as_deref()? {
                kind @ (EMAIL | PHONE) => Role::Names(vec![Namespace::Of(kind.to_string())]),
                "identifier" | "handle" => Role::Marks,
                "text" => Role::Text,
                _ => Role::Personal,
            })
        };
        let declared = source.columns.iter();
        let mut columns: Vec<(String, Role)> =
            declared.filter_map(|column| Some((column.name.clone(), role(column)?))).collect();
        // Nobody knows what is in columns that are not declared.
        columns.push((EXTRA_COLUMNS.to_string(), Role::Personal));
        Roles { columns }
    }

    /// Whether the source holds something personal, and nothing tells whose it is.
    pub fn are_blind(&self) -> bool {
        let has = |is: fn(&Role) -> bool| {
            self.columns.iter().any(|(name, role)| name != EXTRA_COLUMNS && is(role))
        };
        !has(|role| matches!(role, Role::Names(_)))
            && has(|role| matches!(role, Role::Text | Role::Personal | Role::Marks))
    }
}

fn namespace(written: &str) -> Namespace {
    match written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(column) => Namespace::In(column.to_string()),
        None => Namespace::Of(written.to_string()),
    }
}

impl Erasing {
    /// The rows without the persons, and in how many of them anything was taken out.
    pub fn rows(&self, roles: &Roles, batch: &RecordBatch) -> Result<(RecordBatch, u64)> {
        let mut names: Vec<(usize, Vec<Option<Named>>)> = vec![];
        for (name, role) in &roles.columns {
            let (Role::Names(namespaces), Some((place, _))) =
                (role, batch.schema_ref().column_with_name(name))
            else {
                continue;
            };
            names.push((place, self.named(namespaces, batch, place)?));
        }
        let is_own: Vec<bool> = (0..batch.num_rows())
            .map(|row| {
                let first = names.iter().find_map(|(_, named)| named[row].as_ref());
                first.is_some_and(|named| named.is_erased)
            })
            .collect();
        let mut mentions = vec![false; batch.num_rows()];
        for (name, role) in &roles.columns {
            let (Role::Text, Some(column)) = (role, batch.column_by_name(name)) else { continue };
            for (row, text) in texts(column)?.iter().enumerate() {
                mentions[row] |= text.is_some_and(|text| self.without_mentions(text).is_some());
            }
        }
        let is_touched: Vec<bool> = (0..batch.num_rows())
            .map(|row| {
                let is_named = |(_, named): &(usize, Vec<Option<Named>>)| {
                    named[row].as_ref().is_some_and(|named| named.is_erased)
                };
                is_own[row] || mentions[row] || names.iter().any(is_named)
            })
            .collect();
        let count = is_touched.iter().filter(|touched| **touched).count() as u64;
        if count == 0 {
            return Ok((batch.clone(), 0));
        }
        let mut columns = batch.columns().to_vec();
        for (place, named) in &names {
            columns[*place] = replaced(&columns[*place], |row, _| {
                match &named[row] {
                    Some(one) if one.is_erased || is_own[row] => {
                        Cell::Other(self.token(&one.identifier))
                    }
                    // Something that is none, in a row of theirs.
                    None if is_own[row] => Cell::Null,
                    _ => Cell::Same,
                }
            })?;
        }
        let own = BooleanArray::from(is_own.clone());
        let mut blots = Blots::default();
        for (name, role) in &roles.columns {
            let Some((place, _)) = batch.schema_ref().column_with_name(name) else { continue };
            let column = &columns[place];
            columns[place] = match role {
                Role::Names(_) => continue,
                Role::Marks => replaced(column, |row, text| {
                    if !is_own[row] {
                        return Cell::Same;
                    }
                    let mark = self.read(&format!("column {name}"), text);
                    mark.map_or(Cell::Null, |mark| Cell::Other(self.token(&mark)))
                })?,
                Role::Text => replaced(column, |row, text| match is_own[row] {
                    true => Cell::Other(blots.all_of(text)),
                    false => self.without_mentions(text).map_or(Cell::Same, Cell::Other),
                })?,
                Role::Personal => {
                    nullif(column, &own).context(Kind::Defect, || format!("erase `{name}`"))?
                }
            };
        }
        let rows = RecordBatch::try_new(batch.schema(), columns);
        Ok((rows.context(Kind::Defect, || "erase rows of exports")?, count))
    }

    /// Somebody else's text without the addresses and handles of the persons; none where it has none.
    fn without_mentions(&self, text: &str) -> Option<String> {
        let is_mention = |word: &str| {
            let word = word.trim_matches(|one: char| one.is_ascii_punctuation() && one != '@');
            (word.contains('@') || is_like_a_number(word)) && self.is_in_record(word)
        };
        let has_any = text.split_whitespace().any(is_mention);
        has_any.then(|| {
            let words = text.split_whitespace();
            let left = words.map(|word| if is_mention(word) { BLOT } else { word });
            left.collect::<Vec<_>>().join(" ")
        })
    }

    /// Rows of quarantine without the text of those that hold an identifier of the persons', and how
    /// many these are.
    pub fn quarantined(&self, batch: &RecordBatch) -> Result<(RecordBatch, u64)> {
        let lost = || Error::new(Kind::Defect, "erase quarantined rows: no column `record`");
        let (place, _) = batch.schema_ref().column_with_name("record").ok_or_else(lost)?;
        let records = texts(batch.column(place))?;
        let is_own: Vec<bool> =
            records.iter().map(|record| record.is_some_and(|one| self.is_in_record(one))).collect();
        let count = is_own.iter().filter(|own| **own).count() as u64;
        if count == 0 {
            return Ok((batch.clone(), 0));
        }
        let mut columns = batch.columns().to_vec();
        columns[place] = replaced(&columns[place], |row, _| match is_own[row] {
            true => Cell::Other("erased".to_string()),
            false => Cell::Same,
        })?;
        let rows = RecordBatch::try_new(batch.schema(), columns);
        Ok((rows.context(Kind::Defect, || "erase quarantined rows")?, count))
    }

    /// Whom each row of a column names.
    fn named(
        &self,
        namespaces: &[Namespace],
        batch: &RecordBatch,
        place: usize,
    ) -> Result<Vec<Option<Named>>> {
        let values = texts(batch.column(place))?;
        let mut systems = vec![];
        for namespace in namespaces {
            systems.push(match namespace {
                Namespace::Of(_) => None,
                Namespace::In(column) => {
                    let column = batch.column_by_name(column);
                    Some(texts(column.ok_or_else(|| {
                        Error::new(Kind::Defect, "erase rows of exports: a system's column is lost")
                    })?)?)
                }
            });
        }
        let named = |row: usize, value: &str| {
            let candidates = namespaces.iter().zip(&systems).filter_map(|(namespace, column)| {
                let system = match (namespace, column) {
                    (Namespace::Of(system), _) => system.as_str(),
                    (_, Some(column)) if column.is_valid(row) => column.value(row),
                    _ => return None,
                };
                let identifier = self.read(system, value)?;
                let is_erased = self.is_erased(&identifier);
                Some(Named { identifier, is_erased })
            });
            let mut candidates: Vec<Named> = candidates.collect();
            let erased = candidates.iter().position(|named| named.is_erased).unwrap_or(0);
            (erased < candidates.len()).then(|| candidates.swap_remove(erased))
        };
        Ok(values.iter().enumerate().map(|(row, value)| named(row, value?)).collect())
    }
}

/// Whom a cell names.
struct Named {
    identifier: Identifier,
    is_erased: bool,
}

/// A column's texts, whatever they are encoded as.
fn texts(column: &ArrayRef) -> Result<StringArray> {
    let texts = cast(column, &DataType::Utf8).context(Kind::Defect, || "read texts to erase")?;
    Ok(texts.as_string::<i32>().clone())
}

/// What becomes of a cell.
enum Cell {
    Same,
    Null,
    Other(String),
}

/// The column with what becomes of each text in it.
fn replaced(column: &ArrayRef, mut becomes: impl FnMut(usize, &str) -> Cell) -> Result<ArrayRef> {
    let before = texts(column)?;
    let after: StringArray = before
        .iter()
        .enumerate()
        .map(|(row, text)| {
            let text = text?;
            match becomes(row, text) {
                Cell::Same => Some(text.to_string()),
                Cell::Null => None,
                Cell::Other(other) => Some(other),
            }
        })
        .collect();
    let after: ArrayRef = Arc::new(after);
    cast(&after, column.data_type()).context(Kind::Defect, || "write erased texts")
}
