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
use crate::config::Settings;
use crate::dates::Day;
use crate::engine::functions::{BUSINESS_MINUTES, FUNCTIONS_VERSION};
use crate::engine::sql::SchedulesUsed;
use crate::errors::{Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::ledger::{Entry, ExportInput, Input, Ledger};
use crate::lake::{Partition, TableName};
use crate::models::contract::schema_hash;
use crate::models::reads::ModelReads;
use crate::models::{Catalogue, Model, Recipe};

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
    /// The fingerprint without the day, where the day decides only which partitions are read:
    /// two days that have it in common have the same rows.
    pub dayless: Option<ContentHash>,
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

/// Judges a table that queries make, in a project of `catalogue`.
#[allow(clippy::too_many_arguments)]
pub(super) fn evaluate(
    settings: &Settings,
    catalogue: &Catalogue,
    ledger: &Ledger,
    objects: &BTreeMap<Partition, u64>,
    reads: &ModelReads,
    model: &Model,
    dt: Day,
    planned: &BTreeSet<Partition>,
) -> Result<Evaluation> {
    let partition = Partition { table: model.name.clone(), dt };
    let summed = catalogue.trend_of(&model.name).and_then(|metric| catalogue.get(metric));
    let continued = summed.map_or(model, Arc::as_ref);
    let Chosen { inputs, missing, stale } =
        choose_inputs(ledger, objects, reads, model, continued, dt, planned)?;
    let dayless = dayless(settings, reads, model, &inputs, dt);
    let mut parts = parts_of(settings, model, Some(dt));
    parts.insert("inputs".to_string(), ContentHash::of_json(&inputs));
    if let Recipe::Accounting(sources) = &model.recipe {
        let noted = accounting::noted(ledger, sources, dt);
        parts.insert(ACCOUNTING.to_string(), accounting::hash(&noted));
    }
    let freshness = if !missing.is_empty() {
        Freshness::Waiting(missing)
    } else {
        let mut reasons: Vec<Reason> = stale.into_iter().map(Reason::InputStale).collect();
        reasons.extend(object_reason(ledger, objects, &partition));
        if let Some(entry) = ledger.current(&partition) {
            reasons.extend(part_reasons(entry, &parts));
            if entry.parts.get("inputs") != parts.get("inputs") {
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
    Ok(Evaluation { partition, parts, inputs, exports: vec![], dayless, freshness })
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

/// The fingerprint without the day; none where the rows or the checks depend on it.
fn dayless(
    settings: &Settings,
    reads: &ModelReads,
    model: &Model,
    inputs: &[Input],
    dt: Day,
) -> Option<ContentHash> {
    let mut in_checks = model.contract.iter().flat_map(|contract| contract.parameters());
    let names_day = in_checks.any(|name| matches!(name, "run_date" | "first_input_date"));
    if !matches!(model.recipe, Recipe::Query(_)) || !reads.is_blind_to_day() || names_day {
        return None;
    }
    let inputs: Vec<(&TableName, i64, ContentHash)> = inputs
        .iter()
        .map(|input| {
            let days_before = i64::from(dt.to_epoch()) - i64::from(input.partition.dt.to_epoch());
            (&input.partition.table, days_before, input.content_hash)
        })
        .collect();
    Some(ContentHash::of_json(&(parts_of(settings, model, None), inputs)))
}

/// Everything but the inputs that makes a partition, by part; `dt` is its day.
fn parts_of(settings: &Settings, model: &Model, dt: Option<Day>) -> BTreeMap<String, ContentHash> {
    let queries: Vec<(&str, &str)> = match &model.recipe {
        Recipe::Export(_) | Recipe::Accounting(_) => vec![],
        Recipe::Query(query) => vec![("query", query.canonical.as_str())],
        Recipe::Algorithm(algorithm) => algorithm
            .inputs
            .iter()
            .map(|(name, query)| (name.as_str(), query.canonical.as_str()))
            .collect(),
    };
    let in_queries =
        model.queries().into_iter().flat_map(|query| query.parameters.iter().map(String::as_str));
    let in_checks = model.contract.iter().flat_map(|contract| contract.parameters());
    let named: BTreeSet<&str> = in_queries.chain(in_checks).collect();
    let parameters: BTreeMap<&str, String> = named
        .into_iter()
        .map(|name| {
            let value = match name {
                "run_date" => dt.map(|dt| dt.to_string()).unwrap_or_default(),
                "time_zone" => settings.time_zone.name().to_string(),
                // The inputs say it.
                "first_input_date" => String::new(),
                name => settings.parameters.get(name).map(ToString::to_string).unwrap_or_default(),
            };
            (name, value)
        })
        .collect();
    let mut parts = BTreeMap::from([
        ("model".to_string(), ContentHash::of_json(&queries)),
        ("parameters".to_string(), ContentHash::of_json(&parameters)),
        ("engine".to_string(), engine_hash()),
    ]);
    if let Some(contract) = &model.contract {
        parts.insert("contract".to_string(), contract.hash());
    }
    if let Recipe::Algorithm(algorithm) = &model.recipe {
        parts.insert("rules".to_string(), algorithm.rules_hash);
    }
    parts.extend(schedules_hash(settings, model).map(|hash| ("schedules".to_string(), hash)));
    parts
}

/// Hash of the schedules that a model's queries and checks measure time by; none where they measure
/// none, so that schedules matter to nobody else.
fn schedules_hash(settings: &Settings, model: &Model) -> Option<ContentHash> {
    let mut named = BTreeSet::new();
    let mut uses_any = model.contract.iter().any(|contract| contract.mentions(BUSINESS_MINUTES));
    for query in model.queries() {
        match &query.schedules {
            SchedulesUsed::Named(names) => named.extend(names.iter().cloned()),
            SchedulesUsed::Any => uses_any = true,
        }
    }
    if named.is_empty() && !uses_any {
        return None;
    }
    let used = settings.schedules.among((!uses_any).then_some(&named));
    Some(ContentHash::of_json(&used))
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
/// and those that are about to be rebuilt. `continued` is the model whose past it goes on from:
/// itself, or the metric whose days it sums up.
fn choose_inputs(
    ledger: &Ledger,
    objects: &BTreeMap<Partition, u64>,
    reads: &ModelReads,
    model: &Model,
    continued: &Model,
    dt: Day,
    planned: &BTreeSet<Partition>,
) -> Result<Chosen> {
    let mut chosen = Chosen { inputs: vec![], missing: vec![], stale: vec![] };
    let mut wanted: BTreeMap<TableName, BTreeSet<Day>> = BTreeMap::new();
    for table in reads.tables() {
        let coming = days_of(planned, table).next();
        // A table's history starts with its first day: a day before that is not missing.
        let first = ledger.first_day(table).into_iter().chain(coming).chain([dt]).min();
        let days = reads.days_since(table, dt, first.unwrap_or(dt))?;
        wanted.entry(table.clone()).or_default().extend(days);
    }
    for table in model.noted_exports() {
        wanted.entry(table).or_default().insert(dt);
    }
    for column in model.contract.iter().flat_map(|contract| &contract.columns) {
        if let Some((table, _)) = column.reference().filter(|(table, _)| *table != model.name) {
            wanted.entry(table).or_default().insert(dt);
        }
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
                    if table == continued.name {
                        refuse_other_columns(entry, continued)?;
                    }
                    chosen.inputs.push(Input { partition, content_hash: entry.content_hash });
                }
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
fn refuse_other_columns(entry: &Entry, model: &Model) -> Result<()> {
    if entry.schema_hash == schema_hash(&model.schema) {
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
