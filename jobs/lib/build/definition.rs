//! What of a table's fingerprint is the same on every day. It is worked out once: a plan of a year
//! asks for it some hundred thousand times.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::Evaluation;
use crate::build::fingerprint::engine_hash;
use crate::config::Settings;
use crate::dates::Day;
use crate::engine::functions::BUSINESS_MINUTES;
use crate::engine::sql::SchedulesUsed;
use crate::hash::ContentHash;
use crate::lake::TableName;
use crate::models::contract::schema_hash;
use crate::models::reads::ModelReads;
use crate::models::{Model, Recipe};

/// What makes a table, whatever the day.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    /// Everything but the inputs that makes a partition, by part, without the day.
    parts: BTreeMap<String, ContentHash>,
    /// The named parameters, where the day is one of them: then each day's are others.
    with_day: Option<BTreeMap<String, String>>,
    /// Tables of which the day itself is read beside what the queries say: what the contract refers
    /// to, and those of which something was noted.
    pub of_the_day: BTreeSet<TableName>,
    /// Whether those of them are left out that are not published.
    pub takes_what_is_there: bool,
    /// Hash of the columns.
    pub schema_hash: ContentHash,
    /// Whether rows and checks say the same of equal inputs on any day, as far as the model's own
    /// queries do.
    can_be_dayless: bool,
}

impl Definition {
    /// Of the table that `model` makes.
    pub(super) fn of(settings: &Settings, model: &Model) -> Definition {
        let in_checks: BTreeSet<&str> =
            model.contract.iter().flat_map(|contract| contract.parameters()).collect();
        let in_queries = model.queries().into_iter().flat_map(|query| &query.parameters);
        let named: BTreeSet<&str> =
            in_queries.map(String::as_str).chain(in_checks.iter().copied()).collect();
        let parameters: BTreeMap<String, String> = named
            .iter()
            .map(|name| {
                let value = match *name {
                    // The day is told for each day, and the inputs say which is their first.
                    RUN_DATE | "first_input_date" => String::new(),
                    "time_zone" => settings.time_zone.name().to_string(),
                    name => {
                        settings.parameters.get(name).map(ToString::to_string).unwrap_or_default()
                    }
                };
                (name.to_string(), value)
            })
            .collect();
        let checks_name_day =
            in_checks.contains(RUN_DATE) || in_checks.contains("first_input_date");
        let columns = model.contract.iter().flat_map(|contract| &contract.columns);
        let referenced = columns.filter_map(|column| Some(column.reference()?.0));
        Definition {
            parts: parts_of(settings, model, &parameters),
            with_day: named.contains(RUN_DATE).then_some(parameters),
            of_the_day: referenced
                .filter(|table| *table != model.name)
                .chain(model.noted_tables())
                .collect(),
            takes_what_is_there: matches!(model.recipe, Recipe::Restatements(_)),
            schema_hash: schema_hash(&model.schema),
            can_be_dayless: matches!(model.recipe, Recipe::Query(_)) && !checks_name_day,
        }
    }

    /// Everything but the inputs that makes the partition of `dt`, by part.
    pub(super) fn parts(&self, dt: Day) -> BTreeMap<String, ContentHash> {
        let mut parts = self.parts.clone();
        if let Some(parameters) = &self.with_day {
            let mut parameters = parameters.clone();
            parameters.insert(RUN_DATE.to_string(), dt.to_string());
            parts.insert(PARAMETERS.to_string(), ContentHash::of_json(&parameters));
        }
        parts
    }

    /// The fingerprint without the day; none where the rows or the checks depend on it.
    pub(super) fn dayless(
        &self,
        reads: &ModelReads,
        evaluation: &Evaluation,
    ) -> Option<ContentHash> {
        if !self.can_be_dayless || !reads.is_blind_to_day() {
            return None;
        }
        let dt = evaluation.partition.dt;
        let inputs: Vec<(&TableName, i64, ContentHash)> = evaluation
            .inputs
            .iter()
            .map(|input| {
                let day = input.partition.dt;
                let days_before = i64::from(dt.to_epoch()) - i64::from(day.to_epoch());
                (&input.partition.table, days_before, input.content_hash)
            })
            .collect();
        Some(ContentHash::of_json(&(&self.parts, inputs)))
    }
}

/// The parameter that is the day.
const RUN_DATE: &str = "run_date";

/// The part of a fingerprint that says what the named parameters are.
const PARAMETERS: &str = "parameters";

fn parts_of(
    settings: &Settings,
    model: &Model,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, ContentHash> {
    let queries: Vec<(&str, &str)> = match &model.recipe {
        Recipe::Export(_) | Recipe::Accounting(_) | Recipe::Restatements(_) => vec![],
        Recipe::Query(query) => vec![("query", query.canonical.as_str())],
        Recipe::Algorithm(algorithm) => algorithm
            .inputs
            .iter()
            .map(|(name, query)| (name.as_str(), query.canonical.as_str()))
            .collect(),
    };
    let mut parts = BTreeMap::from([
        ("model".to_string(), ContentHash::of_json(&queries)),
        (PARAMETERS.to_string(), ContentHash::of_json(parameters)),
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
