//! The rows of a source without those who are erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::DataType;

use super::blots::{BLOT, Blots};
use super::description::{Description, words_of};
use super::identifier::{EMAIL, Identifier, PHONE};
use super::{Erasing, fields, is_like_a_number};
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::exports::moments::{self, MomentFormat};
use crate::exports::source::{Column, EXTRA_COLUMNS, Source};

/// What each column of a source says of whom a row is about.
#[derive(Debug)]
pub struct Roles {
    columns: Vec<(String, Role)>,
    /// The columns of names, and of days of birth.
    names: Vec<String>,
    births: Vec<String>,
    /// How days of birth are written in files.
    formats: Vec<MomentFormat>,
}

/// What was found in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows in which something was taken out.
    pub row_count: u64,
    /// Rows of others, by their keys, who have the name and the day of birth of somebody who is erased:
    /// namesakes, or the same person under a key that nobody knows to be theirs. They stay.
    pub namesake_count: u64,
}

impl Found {
    /// Sums of both.
    pub fn plus(self, other: Found) -> Found {
        Found {
            row_count: self.row_count + other.row_count,
            namesake_count: self.namesake_count + other.namesake_count,
        }
    }
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
        let of_kind = |kind: &'static str| {
            source.columns.iter().filter(move |column| column.personal.as_deref() == Some(kind))
        };
        let named = |columns: &mut dyn Iterator<Item = &Column>| -> Vec<String> {
            columns.map(|column| column.name.clone()).collect()
        };
        Roles {
            columns,
            names: named(&mut of_kind("name")),
            births: named(&mut of_kind("birth")),
            formats: of_kind("birth").flat_map(|column| column.formats.clone()).collect(),
        }
    }

    /// Whether rows have a name and a day of birth.
    pub fn describe_persons(&self) -> bool {
        !self.names.is_empty() && !self.births.is_empty()
    }

    /// Whether the source holds something personal, and nothing tells whose it is.
    pub fn are_blind(&self) -> bool {
        let has = |is: fn(&Role) -> bool| {
            self.columns.iter().any(|(name, role)| name != EXTRA_COLUMNS && is(role))
        };
        !self.describe_persons()
            && !has(|role| matches!(role, Role::Names(_)))
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
    /// The rows without the persons, and what was found in them.
    pub fn rows(&self, roles: &Roles, batch: &RecordBatch) -> Result<(RecordBatch, Found)> {
        let names = self.names(roles, batch)?;
        let is_described = self.described(roles, batch)?;
        let mut namesake_count = 0;
        let is_own: Vec<bool> = (0..batch.num_rows())
            .map(|row| match first_of(&names, row) {
                Some(named) => {
                    namesake_count += u64::from(!named.is_erased && is_described[row]);
                    named.is_erased
                }
                None => is_described[row],
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
        let row_count = is_touched.iter().filter(|touched| **touched).count() as u64;
        let found = Found { row_count, namesake_count };
        if row_count == 0 {
            return Ok((batch.clone(), found));
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
        Ok((rows.context(Kind::Defect, || "erase rows of exports")?, found))
    }

    /// How the persons' own rows describe them.
    pub fn descriptions(
        &self,
        roles: &Roles,
        batch: &RecordBatch,
    ) -> Result<BTreeSet<Description>> {
        let mut descriptions = BTreeSet::new();
        if !roles.describe_persons() {
            return Ok(descriptions);
        }
        let names = self.names(roles, batch)?;
        let (words, days) = (words(roles, batch)?, days(roles, batch)?);
        for (row, words) in words.iter().enumerate() {
            if first_of(&names, row).is_some_and(|named| named.is_erased) {
                let born = days.iter().filter(|day| day.is_valid(row)).map(|day| day.value(row));
                descriptions
                    .extend(born.filter_map(|day| Description::of(&self.secret, words, day)));
            }
        }
        Ok(descriptions)
    }

    /// Whom the identifying columns name, with their places, in the order in which they decide.
    fn names(
        &self,
        roles: &Roles,
        batch: &RecordBatch,
    ) -> Result<Vec<(usize, Vec<Option<Named>>)>> {
        let mut names = vec![];
        for (name, role) in &roles.columns {
            let (Role::Names(namespaces), Some((place, _))) =
                (role, batch.schema_ref().column_with_name(name))
            else {
                continue;
            };
            names.push((place, self.named(namespaces, batch, place)?));
        }
        Ok(names)
    }

    /// Whether each row has the name and the day of birth of somebody who is erased.
    fn described(&self, roles: &Roles, batch: &RecordBatch) -> Result<Vec<bool>> {
        if self.descriptions.is_empty() || !roles.describe_persons() {
            return Ok(vec![false; batch.num_rows()]);
        }
        let (words, days) = (words(roles, batch)?, days(roles, batch)?);
        let is_described = |(row, words): (usize, &BTreeSet<String>)| {
            let days = days.iter().filter(|day| day.is_valid(row)).map(|day| day.value(row));
            self.is_described(words.iter(), days)
        };
        Ok(words.iter().enumerate().map(is_described).collect())
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

    /// Rows of quarantine without the text of those that hold an identifier of the persons', or their
    /// name and their day of birth; and how many these are.
    pub fn quarantined(&self, roles: &Roles, batch: &RecordBatch) -> Result<(RecordBatch, Found)> {
        let lost = || Error::new(Kind::Defect, "erase quarantined rows: no column `record`");
        let (place, _) = batch.schema_ref().column_with_name("record").ok_or_else(lost)?;
        let records = texts(batch.column(place))?;
        let is_own: Vec<bool> =
            records.iter().map(|record| record.is_some_and(|one| self.is_in(roles, one))).collect();
        let row_count = is_own.iter().filter(|own| **own).count() as u64;
        let found = Found { row_count, namesake_count: 0 };
        if row_count == 0 {
            return Ok((batch.clone(), found));
        }
        let mut columns = batch.columns().to_vec();
        columns[place] = replaced(&columns[place], |row, _| match is_own[row] {
            true => Cell::Other("erased".to_string()),
            false => Cell::Same,
        })?;
        let rows = RecordBatch::try_new(batch.schema(), columns);
        Ok((rows.context(Kind::Defect, || "erase quarantined rows")?, found))
    }

    /// Whether a record as a file has it holds somebody who is erased.
    pub(super) fn is_in(&self, roles: &Roles, record: &str) -> bool {
        if self.is_in_record(record) {
            return true;
        }
        if self.descriptions.is_empty() || !roles.describe_persons() {
            return false;
        }
        let days: Vec<String> = fields(record)
            .chain(record.split_whitespace())
            .filter_map(|field| written_day(field.trim(), &roles.formats))
            .collect();
        let words: BTreeSet<String> = fields(record).flat_map(words_of).collect();
        self.is_described(words.iter(), days.iter().map(String::as_str))
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

/// Whom a row names first.
fn first_of(names: &[(usize, Vec<Option<Named>>)], row: usize) -> Option<&Named> {
    names.iter().find_map(|(_, named)| named[row].as_ref())
}

/// Of each row the words of its name, whatever columns they stand in.
fn words(roles: &Roles, batch: &RecordBatch) -> Result<Vec<BTreeSet<String>>> {
    let mut words = vec![BTreeSet::new(); batch.num_rows()];
    for name in &roles.names {
        let Some(column) = batch.column_by_name(name) else { continue };
        for (row, text) in texts(column)?.iter().enumerate() {
            words[row].extend(text.map(words_of).unwrap_or_default());
        }
    }
    Ok(words)
}

/// The days of birth, YYYY-MM-DD.
fn days(roles: &Roles, batch: &RecordBatch) -> Result<Vec<StringArray>> {
    let columns = roles.births.iter().filter_map(|name| batch.column_by_name(name));
    columns.map(texts).collect()
}

/// The day, YYYY-MM-DD, that is written so or as ISO 8601 has it.
fn written_day(text: &str, formats: &[MomentFormat]) -> Option<String> {
    let day =
        moments::date(text.as_bytes(), formats).or_else(|_| moments::date(text.as_bytes(), &[]));
    day.ok().and_then(Day::from_epoch).map(|day| day.to_string())
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
