//! Exports: files that other systems dropped in the landing zone, read into typed rows.
//!
//! A [`Source`] declares one kind of export; [`list`] finds a day's files, and [`read`] streams
//! their rows: accepted ones in the types of the declaration, and those that broke the contract
//! with the reasons. Nothing is lost on the way: every row read is accepted, quarantined, or
//! dropped because it repeats an earlier one exactly.
//!
//! The room does not know where the rows go, what a partition is, or when a day has failed.

mod cast;
mod cells;
mod csv;
mod declaration;
mod duplicates;
pub mod erasing;
mod faults;
mod grid;
mod gzip;
mod header;
mod json;
mod json_path;
mod location;
mod misread;
mod moments;
mod natural_order;
mod numbers;
mod open;
mod parquet_file;
mod parquet_nested;
mod read;
mod rows;
mod source;
mod split;

pub use faults::{Code, quarantine_schema};
pub use location::{ExportFile, Landing, Location, list};
pub use moments::MomentFormat;
pub use read::{Counts, EarlierFile, FileRead, ReadOptions, Reader, Rows, read};
pub use source::{
    Allowed, Bound, Column, ColumnType, Compression, CsvDialect, Duplicates, EXTRA_COLUMNS, Format,
    JsonLayout, Load, MissingColumns, NumberFormat, Operation, SOURCE_FILE, SOURCE_ROW, Source,
    UTC, UnknownColumns,
};
