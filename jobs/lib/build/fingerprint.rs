//! What a partition is made of, and so whether the published one is still right.
//!
//! The fingerprint is the hash of everything that makes a partition: the model's queries, its
//! contract, the parameters and schedules they name, the version of the engine's functions, the day,
//! and the content hashes of the input partitions. Equal fingerprints, equal bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::build::accounting::{self, ACCOUNTING};
use crate::build::restatement::{self, RESTATED};
use crate::build::{Published, Workshop};
use crate::dates::Day;
use crate::engine::functions::FUNCTIONS_VERSION;
use crate::errors::{Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::ledger::{Entry, ExportInput, Input, Ledger};
use crate::lake::{Partition, TableName};
use crate::models::{Model, Recipe};

/// Version of how tables are laid out in Parquet. Raise it when the same rows would be written as
/// other bytes on purpose.
const FORMAT_VERSION: u32 = 1;

/// What is known of a target before it is built.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The target.
    pub partition: Partition,
    /// Everything that would make it, by part.
    pub parts: BTreeMap<String, ContentHash>,
    /// The input partitions, in the versions that are published now.
    pub inputs: Vec<Input>,
    /// The export files (raw only).
    pub exports: Vec<ExportInput>,
    /// Whether what is published is right.
    pub freshness: Freshness,
}

/// Whether what is published is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing to do.
    Fresh,
    /// It must be built, for these reasons.
    Stale(Vec<Reason>),
    /// It cannot be built yet: these inputs are missing.
    Waiting(Vec<Partition>),
}

/// Why a partition is stale.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", content = "what", rename_all = "snake_case")]
pub enum Reason {
    /// It was never built.
    New,
    /// The ledger knows it, the object is gone.
    ObjectMissing,
    /// The object is not the one that was published.
    ObjectAltered,
    /// The model's queries changed.
    ModelChanged,
    /// The contract changed.
    ContractChanged,
    /// A parameter that the model names changed.
    ParametersChanged,
    /// The engine's functions or the file layout changed.
    EngineChanged,
    /// The rules of the algorithm changed.
    RulesChanged,
    /// A schedule that the model measures time by changed.
    SchedulesChanged,
    /// The source's declaration changed.
    SourceChanged,
    /// What the ledger notes of the exports changed.
    AccountingChanged,
    /// What the ledger notes to have moved of published figures changed.
    RestatementsChanged,
    /// An input partition that was not read before.
    InputNew(Partition),
    /// An input partition with other content than was read.
    InputChanged(Partition),
    /// An input partition that is no longer there.
    InputGone(Partition),
    /// An input partition that will be rebuilt, perhaps with the same content.
    InputStale(Partition),
    /// An export file that was not read before.
    ExportNew(String),
    /// An export file with other content than was read.
    ExportChanged(String),
    /// An export file that is no longer there.
    ExportGone(String),
    /// An export file that repeats one of an earlier day, and did not when it was read; or the
    /// other way round.
    ReplayChanged(String),
    /// Its last build broke this check, and nothing of it was published.
    CheckFailed(String),
    /// Nothing changed: the run was asked to build it anew.
    Forced,
}

impl Reason {
    /// Whether somebody wrote something anew: a model, a contract, a source, settings, rules.
    pub(super) fn is_of_what_people_write(&self) -> bool {
        matches!(
            self,
            Reason::ModelChanged
                | Reason::ContractChanged
                | Reason::ParametersChanged
                | Reason::RulesChanged
                | Reason::SchedulesChanged
                | Reason::SourceChanged
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => write!(formatter, "never built"),
            Reason::ObjectMissing => write!(formatter, "its object is gone"),
            Reason::ObjectAltered => write!(formatter, "its object was altered"),
            Reason::ModelChanged => write!(formatter, "changed model"),
            Reason::ContractChanged => write!(formatter, "changed contract"),
            Reason::ParametersChanged => write!(formatter, "changed parameters"),
            Reason::EngineChanged => write!(formatter, "changed engine"),
            Reason::RulesChanged => write!(formatter, "changed rules"),
            Reason::SchedulesChanged => write!(formatter, "changed schedules"),
            Reason::SourceChanged => write!(formatter, "changed source declaration"),
            Reason::AccountingChanged => write!(formatter, "changed accounting of exports"),
            Reason::RestatementsChanged => write!(formatter, "changed restatements"),
            Reason::InputNew(partition) => write!(formatter, "new input {partition}"),
            Reason::InputChanged(partition) => write!(formatter, "changed input {partition}"),
            Reason::InputGone(partition) => write!(formatter, "input {partition} is gone"),
            Reason::InputStale(partition) => write!(formatter, "stale input {partition}"),
            Reason::ExportNew(file) => write!(formatter, "new export {file}"),
            Reason::ExportChanged(file) => write!(formatter, "changed export {file}"),
            Reason::ExportGone(file) => write!(formatter, "export {file} is gone"),
            Reason::ReplayChanged(file) => {
                write!(formatter, "what export {file} repeats changed")
            }
            Reason::CheckFailed(check) => write!(formatter, "failed check {check}"),
            Reason::Forced => write!(formatter, "forced"),
        }
    }
}

impl Evaluation {
    /// The fingerprint.
    pub fn fingerprint(&self) -> ContentHash {
        ContentHash::of_json(&self.parts)
    }

    /// The reasons as one line.
    pub fn reason(&self) -> String {
        match &self.freshness {
            Freshness::Fresh => "fresh".to_string(),
            Freshness::Waiting(missing) => {
                let first = missing.first().map(ToString::to_string).unwrap_or_default();
                format!("waiting for {first}")
            }
            Freshness::Stale(reasons) => {
                let mut text =
                    reasons.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ");
                if reasons.len() > 3 {
                    text.push_str(&format!(" and {} more", reasons.len() - 3));
                }
                text
            }
        }
    }
}

/// Judges a table that queries make, by what is published.
pub(super) fn evaluate(
    workshop: &Workshop,
    published: &Published,
    model: &Model,
    dt: Day,
    planned: &BTreeSet<Partition>,
) -> Result<Evaluation> {
    let Published { ledger, objects } = published;
    let partition = Partition { table: model.name.clone(), dt };
    let Chosen { inputs, missing, stale } = choose_inputs(workshop, published, model, dt, planned)?;
    let current = ledger.current(&partition);
    let mut parts = workshop.definition(&model.name)?.parts(dt);
    parts.insert(INPUTS.to_string(), inputs_hash(current.map(Arc::as_ref), &inputs));
    if let Recipe::Accounting(sources) = &model.recipe {
        let noted = accounting::noted(ledger, sources, dt);
        parts.insert(ACCOUNTING.to_string(), accounting::hash(&noted));
    }
    if let Recipe::Restatements(tables) = &model.recipe {
        let noted = restatement::noted(ledger, tables, dt);
        parts.insert(RESTATED.to_string(), restatement::hash(&noted));
    }
    let freshness = if !missing.is_empty() {
        Freshness::Waiting(missing)
    } else {
        let mut reasons: Vec<Reason> = stale.into_iter().map(Reason::InputStale).collect();
        reasons.extend(object_reason(ledger, objects, &partition));
        if let Some(entry) = current {
            reasons.extend(part_reasons(entry, &parts));
            if entry.parts.get(INPUTS) != parts.get(INPUTS) {
                let told = input_reasons(&entry.inputs, &inputs);
                // One that will be rebuilt is not gone, though its next version is not known yet.
                reasons.extend(told.into_iter().filter(
                    |reason| !matches!(reason, Reason::InputGone(input) if planned.contains(input)),
                ));
            }
        }
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() { Freshness::Fresh } else { Freshness::Stale(reasons) }
    };
    Ok(Evaluation { partition, parts, inputs, exports: vec![], freshness })
}

/// The part of a fingerprint that says which partitions are read, in which versions.
const INPUTS: &str = "inputs";

/// Hash of the partitions that are read. Where they are those that the published version read, the
/// ledger knows it, and nothing is worked out: so it is with nearly all that a plan looks at.
fn inputs_hash(current: Option<&Entry>, inputs: &[Input]) -> ContentHash {
    let known = current.filter(|entry| entry.inputs == inputs);
    let known = known.and_then(|entry| entry.parts.get(INPUTS).copied());
    known.unwrap_or_else(|| ContentHash::of_json(&inputs))
}

/// Whether the object of a partition is missing or not what was published.
pub(super) fn object_reason(
    ledger: &Ledger,
    objects: &BTreeMap<Partition, u64>,
    partition: &Partition,
) -> Option<Reason> {
    match (ledger.current(partition), objects.get(partition)) {
        (None, _) => Some(Reason::New),
        (Some(_), None) => Some(Reason::ObjectMissing),
        (Some(entry), Some(size)) if entry.byte_count != *size => Some(Reason::ObjectAltered),
        _ => None,
    }
}

/// Which parts other than the inputs are not what they were.
pub(super) fn part_reasons(entry: &Entry, parts: &BTreeMap<String, ContentHash>) -> Vec<Reason> {
    let named = [
        ("model", Reason::ModelChanged),
        ("contract", Reason::ContractChanged),
        ("parameters", Reason::ParametersChanged),
        ("engine", Reason::EngineChanged),
        ("rules", Reason::RulesChanged),
        ("schedules", Reason::SchedulesChanged),
        ("source", Reason::SourceChanged),
        (ACCOUNTING, Reason::AccountingChanged),
        (RESTATED, Reason::RestatementsChanged),
    ];
    let changed = |name: &str| entry.parts.get(name) != parts.get(name);
    named.into_iter().filter(|(name, _)| changed(name)).map(|(_, reason)| reason).collect()
}

fn input_reasons(before: &[Input], now: &[Input]) -> Vec<Reason> {
    let index = |inputs: &[Input]| -> BTreeMap<Partition, ContentHash> {
        inputs.iter().map(|input| (input.partition.clone(), input.content_hash)).collect()
    };
    let (before, now) = (index(before), index(now));
    let mut reasons = vec![];
    for (partition, hash) in &now {
        match before.get(partition) {
            None => reasons.push(Reason::InputNew(partition.clone())),
            Some(old) if old != hash => reasons.push(Reason::InputChanged(partition.clone())),
            Some(_) => {}
        }
    }
    for partition in before.keys().filter(|partition| !now.contains_key(partition)) {
        reasons.push(Reason::InputGone(partition.clone()));
    }
    reasons
}

/// Hash of the versions of what the engine does and how it writes.
pub(super) fn engine_hash() -> ContentHash {
    ContentHash::of_json(&(FUNCTIONS_VERSION, FORMAT_VERSION))
}

struct Chosen {
    inputs: Vec<Input>,
    missing: Vec<Partition>,
    stale: Vec<Partition>,
}

/// The partitions that `model` reads on `dt`: those published, those that should be and are not,
/// and those that are about to be rebuilt.
fn choose_inputs(
    workshop: &Workshop,
    published: &Published,
    model: &Model,
    dt: Day,
    planned: &BTreeSet<Partition>,
) -> Result<Chosen> {
    let Published { ledger, objects } = published;
    // The table whose past it goes on from: its own, or that of the metric whose days it sums up.
    let continued = workshop.catalogue.trend_of(&model.name).unwrap_or(&model.name);
    let columns = workshop.definition(continued)?.schema_hash;
    let mut chosen = Chosen { inputs: vec![], missing: vec![], stale: vec![] };
    let mut wanted: BTreeMap<&TableName, BTreeSet<Day>> = BTreeMap::new();
    let reads = workshop.reads_of(&model.name)?;
    for table in reads.tables() {
        let coming = days_of(planned, table).next();
        // A table's history starts with its first day: a day before that is not missing.
        let first = ledger.first_day(table).into_iter().chain(coming).chain([dt]).min();
        let days = reads.days_since(table, dt, first.unwrap_or(dt))?;
        wanted.entry(table).or_default().extend(days);
    }
    let definition = workshop.definition(&model.name)?;
    for table in &definition.of_the_day {
        wanted.entry(table).or_default().insert(dt);
    }
    for (table, days) in wanted {
        for day in days {
            let partition = Partition { table: table.clone(), dt: day };
            if planned.contains(&partition) {
                chosen.stale.push(partition);
                continue;
            }
            match ledger.current(&partition) {
                Some(entry) if objects.contains_key(&partition) => {
                    if table == continued {
                        refuse_other_columns(entry, columns)?;
                    }
                    chosen.inputs.push(Input { partition, content_hash: entry.content_hash });
                }
                _ if definition.takes_what_is_there => {}
                _ => chosen.missing.push(partition),
            }
        }
    }
    chosen.inputs.sort();
    Ok(chosen)
}

/// The days of `table` among `partitions`.
fn days_of<'a>(
    partitions: &'a BTreeSet<Partition>,
    table: &'a TableName,
) -> impl Iterator<Item = Day> + use<'a> {
    let from = Partition { table: table.clone(), dt: Day::new(chrono::NaiveDate::MIN) };
    let rest = partitions.range(from..);
    rest.take_while(|partition| partition.table == *table).map(|partition| partition.dt)
}

/// A model that continues its own past, or sums up a metric's, must find it in today's columns: a
/// column that is new would silently start from nothing.
fn refuse_other_columns(entry: &Entry, columns: ContentHash) -> Result<()> {
    if entry.schema_hash == columns {
        return Ok(());
    }
    Err(Error::new(
        Kind::NotThereYet,
        format!(
            "read {}: it was built with other columns than its model has now; rebuild the table \
             from its first day",
            entry.partition
        ),
    ))
}
