//! Plans every model against its contract: no data, no credentials, every mistake with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::Arc;

use crate::checks::{built, formulas};
use crate::config::{IdentityRules, Settings, yaml};
use crate::dates::Day;
use crate::engine::Engine;
use crate::engine::sql::Query;
use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::lake::TableName;
use crate::models::catalogue::Feed;
use crate::models::contract::{Contract, Value, conforms, type_name};
use crate::models::reads::{self, Look, ModelReads};
use crate::models::{Catalogue, METRICS, Model, QUARANTINE, RAW, Recipe, STAGING, ZONES};
use crate::parallel;

/// Days ahead and back over which a query must not read what its day cannot know.
const HORIZON_DAYS: u64 = 800;

/// A project that was looked at.
#[derive(Debug)]
pub struct Checked {
    /// Every table, as far as it could be read.
    pub catalogue: Catalogue,
    /// What each model reads; of every model where there are no mistakes.
    pub reads: BTreeMap<TableName, ModelReads>,
    /// Every mistake, each told once.
    pub mistakes: Vec<Error>,
}

/// How thoroughly a project is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As far as must be known to build it: every run begins so.
    Reads,
    /// Every query besides as the engine would run it, which takes as long again.
    Plans,
}

/// Reads the project of `settings` and looks for every mistake in it, as far as `depth` says.
pub async fn check(engine: &Engine, settings: &Settings, depth: Depth) -> Checked {
    let (catalogue, mut mistakes) = Catalogue::read_all(settings);
    let mut reads = BTreeMap::new();
    let project = Project { engine, catalogue: &catalogue, settings, depth };
    match mistakes_of(project, &mut reads).await {
        Ok(found) => mistakes.extend(found),
        Err(defect) => mistakes.push(defect),
    }
    let mut told = BTreeSet::new();
    mistakes.retain(|mistake| told.insert(mistake.chain()));
    Checked { catalogue, reads, mistakes }
}

impl Checked {
    /// The project's catalogue and what its models read.
    ///
    /// Errors: [`Kind::Usage`] with the first mistake, where there is one.
    pub fn without_mistakes(self) -> Result<(Catalogue, BTreeMap<TableName, ModelReads>)> {
        let more = self.mistakes.len().saturating_sub(1);
        match self.mistakes.into_iter().next() {
            None => Ok((self.catalogue, self.reads)),
            Some(mistake) if more == 0 => Err(mistake),
            Some(mistake) => Err(Error::new(
                mistake.kind(),
                format!("{}\n(and {more} more: `rapport check` names all)", mistake.chain()),
            )),
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
struct Project<'a> {
    engine: &'a Engine,
    catalogue: &'a Catalogue,
    settings: &'a Settings,
    depth: Depth,
}

impl Project<'_> {
    async fn look(self, query: &Query) -> Result<Look> {
        reads::look(self.engine, self.catalogue, self.settings, query).await
    }

    /// What is wrong with a query that was looked at, and shows only when it is planned for a day.
    async fn mistake_in_plan(self, query: &Query) -> Option<Error> {
        if self.depth == Depth::Reads && !reads::names_a_text(self.settings, query) {
            return None;
        }
        reads::plan_to_the_end(self.engine, self.catalogue, self.settings, query).await.err()
    }
}

/// What was found of one model, or of one feed.
#[derive(Default)]
struct Findings {
    mistakes: Vec<Error>,
    reads: Option<ModelReads>,
    has_wrong_formulas: bool,
}

/// Models are looked at beside each other, as many at once as the settings name threads; their
/// mistakes are told in the models' order.
async fn mistakes_of(
    project: Project<'_>,
    reads: &mut BTreeMap<TableName, ModelReads>,
) -> Result<Vec<Error>> {
    let Project { catalogue, settings, .. } = project;
    let runtime = tokio::runtime::Handle::current();
    let finish = |looking: Pin<&mut dyn Future<Output = Findings>>| {
        let _runtime = runtime.enter();
        // One of the threads is the runtime's own: what may yield to it there would wait for ever.
        Ok(futures::executor::block_on(tokio::task::unconstrained(looking)))
    };
    let feeds: Vec<&Feed> = catalogue.feeds().iter().collect();
    let of_feeds = parallel::map(settings.threads, feeds.len(), |at| {
        finish(pin!(of_feed(project, feeds[at])))
    })?;
    let mut mistakes: Vec<Error> = of_feeds.into_iter().flat_map(|found| found.mistakes).collect();
    let fed: BTreeSet<&TableName> = feeds.iter().map(|feed| &feed.entity).collect();
    let are_feeds_right = mistakes.is_empty();
    let models: Vec<&Arc<Model>> = catalogue.in_order().collect();
    let of_models = parallel::map(settings.threads, models.len(), |at| {
        // An entity's own query is made of its feeds', which were looked at above.
        let with_queries = are_feeds_right || !fed.contains(&models[at].name);
        finish(pin!(of_model(project, models[at], with_queries)))
    })?;
    let mut wrong_formulas: BTreeSet<&TableName> = BTreeSet::new();
    for (model, found) in models.into_iter().zip(of_models) {
        wrong_formulas.extend(found.has_wrong_formulas.then_some(&model.name));
        // A trend has the formulas of its metric, whose place people know.
        if catalogue.trend_of(&model.name).is_some_and(|metric| wrong_formulas.contains(metric)) {
            continue;
        }
        mistakes.extend(found.mistakes);
        reads.extend(found.reads.map(|found| (model.name.clone(), found)));
    }
    Ok(mistakes)
}

async fn of_feed(project: Project<'_>, feed: &Feed) -> Findings {
    let Project { catalogue, .. } = project;
    let mut mistakes = vec![];
    if let Some(entity) = catalogue.get(&feed.entity)
        && !reads_broken(catalogue, &feed.query)
    {
        match project.look(&feed.query).await {
            Err(mistake) => mistakes.push(mistake),
            Ok(look) => {
                let contract = feed.contract.as_ref();
                mistakes.extend(against_contract(&feed.query, &look, contract, &feed.path));
                mistakes.extend(project.mistake_in_plan(&feed.query).await);
                mistakes.extend(purity(&feed.query, &look));
                mistakes.extend(causality(&feed.query, &look, &feed.entity));
                mistakes.extend(zones(&feed.query, &look, &feed.entity));
                if let Some(demands) = &entity.contract {
                    mistakes.extend(feed_against_entity(feed, demands));
                }
            }
        }
    }
    Findings { mistakes, ..Findings::default() }
}

async fn of_model(project: Project<'_>, model: &Model, with_queries: bool) -> Findings {
    let Project { engine, catalogue, settings, .. } = project;
    let mut found = Findings::default();
    let mistakes = &mut found.mistakes;
    if let Some(contract) = &model.contract {
        mistakes.extend(references(catalogue, model, contract));
        mistakes.extend(identifier_kinds(catalogue, settings, model));
        mistakes.extend(own_checks(project, model, contract).await);
        // A trend's formulas are its metric's.
        if catalogue.trend_of(&model.name).is_none() {
            let yml = model.path.with_extension("yml").display().to_string();
            let wrong = formulas::mistakes(engine, settings, contract, &yml).await;
            found.has_wrong_formulas = !wrong.is_empty();
            mistakes.extend(wrong);
        }
    }
    if !with_queries {
        return found;
    }
    let reads = found.reads.insert(ModelReads::default());
    for query in model.queries() {
        if reads_broken(catalogue, query) {
            continue;
        }
        match project.look(query).await {
            Err(mistake) => mistakes.push(mistake),
            Ok(look) => {
                reads.merge(look.reads.clone());
                mistakes.extend(project.mistake_in_plan(query).await);
                mistakes.extend(purity(query, &look));
                mistakes.extend(causality(query, &look, &model.name));
                mistakes.extend(zones(query, &look, &model.name));
                let (Recipe::Query(_), Some(contract)) = (&model.recipe, &model.contract) else {
                    continue;
                };
                mistakes.extend(against_contract(query, &look, contract, &model.path));
                mistakes.extend(ordered_by_grain(query, &look, contract));
            }
        }
    }
    found
}

/// Whether a table that the query reads has a mistake of its own, which was told where it stands.
fn reads_broken(catalogue: &Catalogue, query: &Query) -> bool {
    query.tables.keys().any(|table| catalogue.is_broken(table))
}

/// The query's columns against those that its contract declares.
fn against_contract(
    query: &Query,
    look: &Look,
    contract: &Contract,
    sql: &std::path::Path,
) -> Vec<Error> {
    let yml = sql.with_extension("yml").display().to_string();
    let mut mistakes = vec![];
    for column in &contract.columns {
        let name = column.name.value.as_str();
        let Ok(declared) = column.arrow_type() else { continue };
        match look.schema.field_with_name(name) {
            Ok(field) if conforms(field.data_type(), &declared) => {}
            Ok(field) => {
                let what = format!(
                    "column `{name}` is {}, the contract ({yml}:{}) says {}",
                    type_name(field.data_type()),
                    column.data_type.referenced.line(),
                    type_name(&declared),
                );
                mistakes.push(query.error(query.place_of(name), what));
            }
            Err(_) => {
                let found = look.schema.fields().iter().map(|field| field.name().as_str());
                let hint = did_you_mean(name, found);
                let what = format!("column `{name}` is not returned by `{}`{hint}", query.name);
                mistakes.push(yaml::mistake(&yml, &column.name, what));
            }
        }
    }
    for field in look.schema.fields() {
        let name = field.name();
        if name == crate::engine::partitions::PARTITION_COLUMN {
            let what = "`dt` is the partition column and must not be returned";
            mistakes.push(query.error(query.place_of(name), what));
        } else if contract.column(name).is_none() {
            let known = contract.columns.iter().map(|column| column.name.value.as_str());
            let hint = did_you_mean(name, known);
            let what = format!("column `{name}` is not in the contract `{yml}`{hint}");
            mistakes.push(query.error(query.place_of(name), what));
        }
    }
    mistakes
}

/// A feed must bring what its entity requires, and nothing that the entity does not know.
fn feed_against_entity(feed: &Feed, entity: &Contract) -> Vec<Error> {
    let yml = feed.path.with_extension("yml").display().to_string();
    let mut mistakes = vec![];
    for column in &feed.contract.columns {
        let name = column.name.value.as_str();
        match entity.column(name) {
            None => {
                let known = entity.columns.iter().map(|column| column.name.value.as_str());
                let what = format!(
                    "`{}` has no column `{name}`{}",
                    feed.entity,
                    did_you_mean(name, known)
                );
                mistakes.push(yaml::mistake(&yml, &column.name, what));
            }
            Some(demanded) if demanded.data_type.value != column.data_type.value => {
                let what = format!(
                    "column `{name}` is {}, the entity `{}` says {}",
                    column.data_type.value, feed.entity, demanded.data_type.value
                );
                mistakes.push(yaml::mistake(&yml, &column.data_type, what));
            }
            Some(_) => {}
        }
    }
    for demanded in entity.columns.iter().filter(|column| column.required) {
        let name = demanded.name.value.as_str();
        if feed.contract.column(name).is_none() {
            let what = format!("the entity `{}` requires column `{name}`", feed.entity);
            mistakes.push(yaml::mistake(&yml, &feed.contract.description, what));
        }
    }
    mistakes
}

fn purity(query: &Query, look: &Look) -> Vec<Error> {
    let mistakes = look.impurities.iter().map(|impurity| {
        let name = impurity.split(['`', '(']).nth(1).unwrap_or_default();
        query.error(query.place_of(name), impurity)
    });
    mistakes.collect()
}

/// A query must not read days after its own, nor its own table's day.
fn causality(query: &Query, look: &Look, own: &TableName) -> Vec<Error> {
    let mut mistakes = vec![];
    let probes = ["2023-12-31", "2024-02-29", "2024-03-31", "2025-07-13"];
    for table in look.reads.tables() {
        let place = query.tables.get(table).copied().unwrap_or_default();
        for run_date in probes.iter().filter_map(|probe| probe.parse::<Day>().ok()) {
            let from = if table == own { 0 } else { 1 };
            let ahead: Vec<Day> = (from..=HORIZON_DAYS).map(|days| run_date.plus(days)).collect();
            match look.reads.days(table, run_date, &ahead) {
                Err(mistake) => mistakes.push(mistake),
                Ok(days) if days.is_empty() => continue,
                Ok(_) if table == own => mistakes.push(query.error(
                    place,
                    format!(
                        "`{table}` reads its own day, expected only earlier days such as \
                         `where dt = $run_date - interval '1 day'`"
                    ),
                )),
                Ok(_) => mistakes.push(query.error(
                    place,
                    format!(
                        "`{table}` is read beyond $run_date, expected a filter such as \
                         `where dt = $run_date`"
                    ),
                )),
            }
            break;
        }
    }
    mistakes
}

/// Data flows one way, through the zones in their order: only staging reads exports, no zone reads
/// a later one, and metrics read staging of their own day alone.
fn zones(query: &Query, look: &Look, own: &TableName) -> Vec<Error> {
    let rank = |zone: &str| ZONES.iter().position(|known| *known == zone);
    let mut mistakes = vec![];
    for (table, place) in &query.tables {
        let zone = table.zone.as_str();
        let what = if [RAW, QUARANTINE].contains(&zone) && own.zone != STAGING {
            format!(
                "`{table}` is read by `{own}`, only staging reads exports; map it into an entity \
                 first"
            )
        } else if rank(zone) > rank(&own.zone) {
            format!(
                "`{table}` is read by `{own}`, but data flows from staging over identity and marts \
                 to metrics"
            )
        } else if own.zone == METRICS && zone == STAGING && reads_other_days(look, table) {
            format!(
                "`{table}` is read by `{own}` for days before its own: a day of staging holds what \
                 arrived on it; read marts, or only `where dt = $run_date`"
            )
        } else {
            continue;
        };
        mistakes.push(query.error(*place, what));
    }
    mistakes
}

fn reads_other_days(look: &Look, table: &TableName) -> bool {
    let run_date = Day::new(chrono::NaiveDate::default());
    let before: Vec<Day> = (1..=HORIZON_DAYS).map(|days| run_date.minus(days)).collect();
    look.reads.days(table, run_date, &before).is_ok_and(|days| !days.is_empty())
}

fn ordered_by_grain(query: &Query, look: &Look, contract: &Contract) -> Vec<Error> {
    if look.ordered_by.starts_with(&contract.grain.value) {
        return vec![];
    }
    let end = query.text.lines().count().max(1) as u64;
    let what = format!(
        "the output is not ordered by its grain, expected it to end with `order by {}`",
        contract.grain.value.join(", ")
    );
    vec![query.error(crate::engine::sql::Place { line: end, column: 1 }, what)]
}

/// A kind of identifier that no record can have links nobody: it is a slip of the pen.
///
/// The kinds that there are stand in the contract of the table that the algorithm reads: the
/// accepted values of its column `kind`.
fn identifier_kinds(catalogue: &Catalogue, settings: &Settings, model: &Model) -> Vec<Error> {
    let (Recipe::Algorithm(_), Some(file)) = (&model.recipe, &settings.identity) else {
        return vec![];
    };
    // Rules that cannot be read were told with the model.
    let Ok(rules) = IdentityRules::read(Some(file)) else { return vec![] };
    let read = model.queries().into_iter().flat_map(|query| query.tables.keys());
    let contracts = read.filter_map(|table| catalogue.get(table)?.contract.as_ref());
    let accepted = contracts.filter_map(|contract| contract.column("kind")?.accepted.as_ref());
    let kinds = accepted.flatten().filter_map(|kind| match kind {
        Value::Text(text) => Some(text.as_str()),
        Value::Boolean(_) | Value::Integer(_) | Value::Number(_) => None,
    });
    let kinds: Vec<&str> = kinds.collect();
    let mut mistakes = vec![];
    for kind in &rules.places {
        let name = kind.value.as_str();
        if !kinds.is_empty() && !kinds.contains(&name) {
            let hint = did_you_mean(name, kinds.iter().copied());
            let what = format!("no record has identifiers of the kind `{name}`{hint}");
            mistakes.push(yaml::mistake(&file.display().to_string(), kind, what));
        }
    }
    mistakes
}

/// Every reference must name a column that is there.
fn references(catalogue: &Catalogue, model: &Model, contract: &Contract) -> Vec<Error> {
    let yml = model.path.with_extension("yml").display().to_string();
    let mut mistakes = vec![];
    for column in &contract.columns {
        let (Some(written), Some((table, name))) = (&column.references, column.reference()) else {
            continue;
        };
        match catalogue.get(&table) {
            None if catalogue.is_broken(&table) => {}
            None => {
                let what = format!("unknown table `{table}`{}", catalogue.hint(&table));
                mistakes.push(yaml::mistake(&yml, written, what));
            }
            Some(target) if target.schema.field_with_name(&name).is_err() => {
                let known = target.schema.fields().iter().map(|field| field.name().as_str());
                let what =
                    format!("`{table}` has no column `{name}`{}", did_you_mean(&name, known));
                mistakes.push(yaml::mistake(&yml, written, what));
            }
            Some(_) => {}
        }
    }
    mistakes
}

/// Every check of the table's own must plan over the table alone.
async fn own_checks(project: Project<'_>, model: &Model, contract: &Contract) -> Vec<Error> {
    let Project { engine, settings, depth, .. } = project;
    let mut mistakes = vec![];
    let yml = model.path.with_extension("yml").display().to_string();
    for check in &contract.checks {
        let to_the_end = depth == Depth::Plans;
        let planned = built::plan_own(engine, settings, model, check, to_the_end).await;
        if let Err(mistake) = planned {
            let what = format!("check `{}`: {}", check.name.value, mistake.chain());
            let located = yaml::mistake(&yml, &check.sql, what);
            mistakes.push(Error::new(Kind::Usage, located.to_string()));
        }
    }
    mistakes
}
