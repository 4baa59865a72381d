//! What goes wrong between a system and its exports, and the ledger of it.
//!
//! Persons' records go wrong where they are spelled ([`crate::sample::people`]); rows and files
//! here. Nothing goes wrong by chance alone: each kind has its stated share, the kinds take turns,
//! and no day of a source has so many bad rows that it would be refused as a whole.

pub mod files;
pub mod plan;
pub mod rows;

use crate::dates::Day;
use crate::sample::people::{Dirt, RecordFaultKind};

/// What becomes of something faulty when the exports are ingested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The row is read like any other.
    Accepted,
    /// The row goes to quarantine.
    Quarantined,
    /// The row is dropped as an exact duplicate, or each row of the file is.
    Dropped,
    /// The file breaks its source's contract; the intact one has to be delivered in its place.
    Refused,
    /// The file is recognised as one of an earlier day, and none of its rows count.
    Replayed,
}

impl Outcome {
    /// As the ledger of faults names it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Quarantined => "quarantined",
            Outcome::Dropped => "dropped",
            Outcome::Refused => "refused",
            Outcome::Replayed => "replayed",
        }
    }
}

/// What is wrong with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowFault {
    /// A value that must be there is not.
    MissingRequired,
    /// A number that is none.
    UnreadableNumber,
    /// A time that is none, or written as a spreadsheet counts days.
    UnreadableTime,
    /// A value outside the agreed list.
    NotAcceptedValue,
    /// A number that cannot be, such as nine stars of five.
    OutOfRange,
    /// A separator too many.
    RaggedRow,
    /// A line of JSON that ends in the middle.
    BrokenJsonLine,
    /// A long number that a spreadsheet has rounded: `7,00123E+12`.
    SpreadsheetMangledId,
    /// A byte of Latin-1 in a file that is UTF-8.
    Latin1Bytes,
    /// The row again.
    ExactDuplicate,
    /// The row is in the file of a later day than its fact's.
    Late,
    /// The row stands behind rows of later facts.
    OutOfOrder,
    /// The row restates a fact that the file of an earlier day told.
    Resent,
}

impl RowFault {
    /// All kinds.
    pub const ALL: [RowFault; 13] = [
        RowFault::MissingRequired,
        RowFault::UnreadableNumber,
        RowFault::UnreadableTime,
        RowFault::NotAcceptedValue,
        RowFault::OutOfRange,
        RowFault::RaggedRow,
        RowFault::BrokenJsonLine,
        RowFault::SpreadsheetMangledId,
        RowFault::Latin1Bytes,
        RowFault::ExactDuplicate,
        RowFault::Late,
        RowFault::OutOfOrder,
        RowFault::Resent,
    ];

    /// As the ledger of faults names it.
    pub fn name(self) -> &'static str {
        match self {
            RowFault::MissingRequired => "missing_required",
            RowFault::UnreadableNumber => "unreadable_number",
            RowFault::UnreadableTime => "unreadable_time",
            RowFault::NotAcceptedValue => "not_accepted_value",
            RowFault::OutOfRange => "out_of_range",
            RowFault::RaggedRow => "ragged_row",
            RowFault::BrokenJsonLine => "broken_json_line",
            RowFault::SpreadsheetMangledId => "spreadsheet_mangled_id",
            RowFault::Latin1Bytes => "latin1_bytes",
            RowFault::ExactDuplicate => "exact_duplicate",
            RowFault::Late => "late",
            RowFault::OutOfOrder => "out_of_order",
            RowFault::Resent => "resent",
        }
    }

    /// What becomes of the row.
    pub fn outcome(self) -> Outcome {
        match self {
            RowFault::ExactDuplicate => Outcome::Dropped,
            RowFault::Late | RowFault::OutOfOrder | RowFault::Resent => Outcome::Accepted,
            _ => Outcome::Quarantined,
        }
    }
}

/// What is wrong with a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileFault {
    /// The file comes again on the next day, under another name.
    ReplayedFile,
    /// The file comes twice on its day, under two names.
    DoubledFile,
    /// A column has another name than before, and there is a new one.
    SchemaDrift,
    /// The file ends in the middle.
    TruncatedFile,
    /// The file is UTF-16 in place of UTF-8.
    WrongEncoding,
}

impl FileFault {
    /// All kinds.
    pub const ALL: [FileFault; 5] = [
        FileFault::ReplayedFile,
        FileFault::DoubledFile,
        FileFault::SchemaDrift,
        FileFault::TruncatedFile,
        FileFault::WrongEncoding,
    ];

    /// As the ledger of faults names it.
    pub fn name(self) -> &'static str {
        match self {
            FileFault::ReplayedFile => "replayed_file",
            FileFault::DoubledFile => "doubled_file",
            FileFault::SchemaDrift => "schema_drift",
            FileFault::TruncatedFile => "truncated_file",
            FileFault::WrongEncoding => "wrong_encoding",
        }
    }

    /// What becomes of the file.
    pub fn outcome(self) -> Outcome {
        match self {
            FileFault::ReplayedFile => Outcome::Replayed,
            FileFault::DoubledFile => Outcome::Dropped,
            FileFault::SchemaDrift => Outcome::Accepted,
            FileFault::TruncatedFile | FileFault::WrongEncoding => Outcome::Refused,
        }
    }
}

/// One entry of the ledger of faults.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The source, as its declaration is named.
    pub source: &'static str,
    /// The day of the file.
    pub dt: Day,
    /// The file's path below the exports' root.
    pub file: String,
    /// The row's number in the file as the source counts, from 1, the header not counted; none
    /// where the whole file is meant.
    pub row: Option<u64>,
    /// The line on which the row's text begins once the file is decompressed, from 1, a header
    /// counted: what [`crate::exports::quarantine_schema`] calls `source_line`. None where the
    /// whole file is meant, and of Parquet, which has no lines.
    pub line: Option<u64>,
    /// The kind: a name of [`RowFault`], [`FileFault`] or [`RecordFaultKind`].
    pub kind: &'static str,
    /// The column as the export names it; empty where the whole row or file is meant.
    pub column: &'static str,
    /// The fact or record, as the export identifies it; empty for a file.
    pub id: String,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// How often rows go wrong, in rows a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// Rows that go to quarantine.
    pub quarantined: u64,
    /// Rows that come twice.
    pub duplicated: u64,
    /// Facts that are told on a later day.
    pub late: u64,
    /// Rows that stand out of order.
    pub out_of_order: u64,
    /// Orders of the web shop that are told again on a later day.
    pub resent: u64,
}

/// The shares of a level of dirt: light about half a percent of rows in all, heavy about two.
pub fn shares(dirt: Dirt) -> Shares {
    match dirt {
        Dirt::None => Shares::default(),
        Dirt::Light => Shares {
            quarantined: 2_000,
            duplicated: 1_000,
            late: 1_500,
            out_of_order: 1_000,
            resent: 10_000,
        },
        Dirt::Heavy => Shares {
            quarantined: 10_000,
            duplicated: 3_000,
            late: 5_000,
            out_of_order: 3_000,
            resent: 20_000,
        },
    }
}

/// Every kind of fault there is, as the ledger names them.
pub fn all_kinds() -> Vec<&'static str> {
    let records = RecordFaultKind::ALL.iter().map(|kind| kind.name());
    let rows = RowFault::ALL.iter().map(|kind| kind.name());
    let files = FileFault::ALL.iter().map(|kind| kind.name());
    records.chain(rows).chain(files).collect()
}
