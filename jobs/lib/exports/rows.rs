//! From the cells of a chunk to typed rows, and the rows that do not fit their types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter;
use arrow::row::{RowConverter, SortField};
use twox_hash::XxHash3_128;

use super::cast::Caster;
use super::cells::{Cells, Span};
use super::duplicates::Mark;
use super::faults::{BadRow, Code, Fault};
use super::grid::{Grid, Lines, readable};
use super::header::Layout;
use super::source::{Column, ColumnType, Load, NumberFormat, Source};
use crate::errors::{Context, Kind, Result};

/// What a chunk came to. Rows are numbered from 0 at its start.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Rows in all.
    pub row_count: u64,
    /// The typed columns of the accepted rows, all of one length.
    pub columns: Vec<ArrayRef>,
    /// The accepted rows' numbers.
    pub numbers: Vec<u32>,
    /// What makes each accepted row equal to another.
    pub marks: Vec<Mark>,
    /// The other rows, by number; their lines are the file's.
    pub bad: Vec<BadRow>,
    /// What is wrong with the file as a whole.
    pub broken: Option<String>,
}

/// What the rows of one read have in common.
#[derive(Debug)]
pub(super) struct Shape {
    pub source: Arc<Source>,
    /// The columns that joined the declared ones.
    pub widened: Vec<Column>,
}

impl Shape {
    pub fn new(source: Arc<Source>, widened: &[String]) -> Self {
        let widened = widened
            .iter()
            .map(|name| Column {
                name: name.clone(),
                from: name.clone(),
                aliases: Vec::new(),
                data_type: ColumnType::String,
                required: false,
                allowed: None,
                pattern: None,
                minimum: None,
                maximum: None,
                null_tokens: vec![String::new()],
                formats: Vec::new(),
                number: NumberFormat::default(),
                true_values: Vec::new(),
                false_values: Vec::new(),
                trim: true,
                drop_zero_fraction: false,
                personal: None,
                identifies: Vec::new(),
            })
            .collect();
        Shape { source, widened }
    }
}

/// Types the cells of `grid`, whose chunk begins on `first_line` of its file.
pub(super) fn typed(
    shape: &Shape,
    layout: &Layout,
    caster: &Caster,
    mut grid: Grid,
    line_end: u8,
    first_line: u64,
) -> Result<Parsed> {
    let row_count = grid.rows.len();
    let mut faults = std::mem::take(&mut grid.faults);
    let cells = |place: Option<usize>| Cells {
        text: &grid.text,
        spans: &grid.spans,
        stride: grid.stride,
        place,
        row_count,
    };
    let mut columns = Vec::with_capacity(shape.source.columns.len() + 1);
    for (index, column) in shape.source.columns.iter().enumerate() {
        let place = layout.places.get(index).copied().flatten();
        columns.push(caster.cast(index, column, cells(place), &mut faults)?);
    }
    for (column, place) in shape.widened.iter().zip(&layout.widened) {
        columns.push(caster.cast(usize::MAX, column, cells(*place), &mut faults)?);
    }
    if shape.source.unknown_columns.are_kept_as_text() {
        if grid.extras.len() != row_count {
            grid.extras = extras(&grid, layout);
        }
        columns.push(Arc::new(StringArray::from_iter(grid.extras.iter().map(Option::as_deref))));
    }
    let mut bad = std::mem::take(&mut grid.bad);
    for row in &mut bad {
        row.line = row.line.map(|line| line + first_line);
    }
    let mut numbers: Vec<u32> = grid.rows.iter().map(|row| row.number).collect();
    let mut hashes = std::mem::take(&mut grid.hashes);
    forgive_deletes(&mut faults, &shape.source, &columns);
    if !faults.is_empty() {
        let mut lines = Lines::new(line_end);
        let rejected = gather(faults, &shape.source, |row| {
            let place = grid.rows[row];
            let line = lines.at(&grid.text, place.start as usize) + first_line;
            (u64::from(place.number), Some(line), readable(place.record(&grid.text)))
        });
        keep_others(&rejected, &mut columns, &mut numbers, &mut hashes)?;
        bad.extend(rejected.into_iter().map(|(_, row)| row));
    }
    bad.sort_by_key(|row| row.row);
    let marks = marks(&shape.source, &columns, &hashes)?;
    Ok(Parsed { row_count: grid.row_count, columns, numbers, marks, bad, broken: None })
}

/// What the accepted rows are compared by: changes by their key as well as by all of them.
pub(super) fn marks(source: &Source, columns: &[ArrayRef], hashes: &[u128]) -> Result<Vec<Mark>> {
    if source.load != Load::Changes {
        return Ok(hashes.iter().map(|hash| Mark { key: *hash, row: *hash }).collect());
    }
    let is_key = |column: &&Column| source.key.contains(&column.name);
    let keys: Vec<ArrayRef> = source
        .columns
        .iter()
        .zip(columns)
        .filter(|(column, _)| is_key(column))
        .map(|(_, array)| Arc::clone(array))
        .collect();
    let failed = || "hash keys";
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let converter = RowConverter::new(fields).context(Kind::Defect, failed)?;
    let keys = converter.convert_columns(&keys).context(Kind::Defect, failed)?;
    let mark = |(key, row): (arrow::row::Row<'_>, &u128)| Mark {
        key: XxHash3_128::oneshot(key.as_ref()),
        row: *row,
    };
    Ok(keys.iter().zip(hashes).map(mark).collect())
}

/// A delete names the row that is gone, and nothing more is asked of it: one that went to
/// quarantine for a name that is missing or a date that is none would leave the person in the
/// tables. What cannot be read of its other columns is null, as the casts left it.
pub(super) fn forgive_deletes(faults: &mut Vec<Fault>, source: &Source, columns: &[ArrayRef]) {
    let Some(operation) = source.operation.as_ref().filter(|_| !faults.is_empty()) else { return };
    let place = source.columns.iter().position(|column| column.name == operation.column);
    let Some(values) = place.and_then(|place| columns[place].as_string_opt::<i32>()) else {
        return;
    };
    // Only a column that was read as a delete says that the row is one: where it is at fault
    // itself, it is null.
    let is_delete = |row: usize| {
        values.is_valid(row) && operation.delete.iter().any(|delete| delete == values.value(row))
    };
    let is_needed = |column: Option<usize>| match column {
        None => true,
        Some(column) => {
            source.columns.get(column).is_some_and(|column| source.key.contains(&column.name))
        }
    };
    faults.retain(|fault| is_needed(fault.column) || !is_delete(fault.row));
}

/// One bad row for all the faults of a row, with the row's place among those that were cast.
///
/// `describe` gives number, line and text of a row; it is called in order.
pub(super) fn gather(
    mut faults: Vec<Fault>,
    source: &Source,
    mut describe: impl FnMut(usize) -> (u64, Option<u64>, String),
) -> Vec<(usize, BadRow)> {
    // The first thing that was found wrong with a value is the cause of all others.
    faults.sort_by_key(|fault| (fault.row, fault.column));
    faults.dedup_by_key(|fault| (fault.row, fault.column));
    let mut rejected: Vec<(usize, BadRow)> = Vec::new();
    for fault in faults {
        let subject = fault.column.and_then(|column| source.columns.get(column));
        let reason = match (subject, fault.code) {
            (Some(column), Code::WrongShape) => {
                format!("{}: `{}` {}", column.name, column.from, fault.code.text())
            }
            (Some(column), code) => format!("{}: {}", column.name, code.text()),
            (None, code) => format!("row: {}", code.text()),
        };
        match rejected.last_mut() {
            Some((row, bad)) if *row == fault.row => {
                bad.reasons.push(reason);
                bad.codes.push(fault.code);
            }
            _ => {
                let (number, line, record) = describe(fault.row);
                let bad = BadRow {
                    row: number,
                    line,
                    record,
                    reasons: vec![reason],
                    codes: vec![fault.code],
                };
                rejected.push((fault.row, bad));
            }
        }
    }
    rejected
}

/// Takes the rejected rows out of the columns and what goes with them.
pub(super) fn keep_others(
    rejected: &[(usize, BadRow)],
    columns: &mut [ArrayRef],
    numbers: &mut Vec<u32>,
    hashes: &mut Vec<u128>,
) -> Result<()> {
    let mut keep = vec![true; numbers.len()];
    for (row, _) in rejected {
        keep[*row] = false;
    }
    keep_where(&keep, columns, numbers, hashes)
}

/// Keeps the rows where `keep` says so.
pub(super) fn keep_where<M>(
    keep: &[bool],
    columns: &mut [ArrayRef],
    numbers: &mut Vec<u32>,
    marks: &mut Vec<M>,
) -> Result<()> {
    let mask = BooleanArray::new(BooleanBuffer::from(keep), None);
    for column in columns {
        *column = filter(column.as_ref(), &mask).context(Kind::Defect, || "take out bad rows")?;
    }
    let mut wanted = keep.iter();
    numbers.retain(|_| wanted.next().copied().unwrap_or(true));
    let mut wanted = keep.iter();
    marks.retain(|_| wanted.next().copied().unwrap_or(true));
    Ok(())
}

/// The undeclared columns of each row, as a JSON object of those that have text.
fn extras(grid: &Grid, layout: &Layout) -> Vec<Option<String>> {
    let row = |index: usize| {
        let spans: &[Span] = &grid.spans[index * grid.stride..(index + 1) * grid.stride];
        let mut object = serde_json::Map::new();
        for (name, place) in &layout.extras {
            let text = String::from_utf8_lossy(spans[*place].of(&grid.text));
            if !text.is_empty() {
                object.insert(name.clone(), text.into_owned().into());
            }
        }
        (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
    };
    (0..grid.rows.len()).map(row).collect()
}
