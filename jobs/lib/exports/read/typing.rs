//! Makes typed rows of pieces, several at a time.

use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use super::Input;
use super::pipeline::{Task, Work};
use super::preamble::OpenFile;
use crate::errors::Result;
use crate::exports::cast::Caster;
use crate::exports::csv;
use crate::exports::json::{self, Paths, Records};
use crate::exports::parquet_file;
use crate::exports::rows::{self, Parsed};
use crate::exports::source::Format;

/// Types pieces until there are no more.
pub(super) fn make_rows(input: &Input, tasks: &Mutex<Receiver<Task>>) {
    let typist = Typist::new(input);
    loop {
        // One thread waits for the next piece while the others wait for the lock.
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let parsed = typist.typed(task.work, &task.file);
        // Where the read was given up, the next piece will not come either.
        let _ = task.reply.send(parsed);
    }
}

/// Makes typed rows of one piece after the other.
pub(super) struct Typist<'a> {
    input: &'a Input,
    caster: Caster,
    paths: Paths,
}

impl<'a> Typist<'a> {
    pub fn new(input: &'a Input) -> Self {
        let source = input.source();
        let caster = Caster::new(source.time_zone.unwrap_or(input.options.business_zone));
        Typist { input, caster, paths: Paths::new(source) }
    }

    /// The rows of a piece of `file`.
    pub fn typed(&self, work: Work, file: &OpenFile) -> Result<Parsed> {
        let Typist { input, caster, paths } = self;
        let shape = &input.shape;
        let piece = match work {
            Work::Batch(batch, unfolding) => {
                return parquet_file::typed(shape, &file.layout, caster, &unfolding, &batch);
            }
            Work::Text(piece) => piece,
        };
        let (first_line, line_end) = (piece.first_line, file.dialect.line_end);
        let mut unknown = None;
        let grid = match shape.source.format {
            Format::Json => {
                let (grid, key) = json::cut(piece.bytes, &Records::Spans(piece.records), paths);
                unknown = key;
                grid
            }
            Format::Ndjson => {
                let (grid, key) = json::cut(piece.bytes, &Records::Lines, paths);
                unknown = key;
                grid
            }
            _ => csv::cut(piece.bytes, &file.dialect, &file.layout, file.header.as_deref()),
        };
        let mut parsed = rows::typed(shape, &file.layout, caster, grid, line_end, first_line)?;
        parsed.broken = unknown.map(|unknown| {
            let key: String = unknown.key.escape_debug().take(60).collect();
            let line = first_line + unknown.line;
            format!("its record on line {line} has the undeclared key `{key}`")
        });
        Ok(parsed)
    }
}
