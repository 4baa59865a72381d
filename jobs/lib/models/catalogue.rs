//! The catalogue: every table of a project, read from its folders, in the order to build them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{IdentityRules, Settings};
use crate::engine::sql::Query;
use crate::errors::{Context, Error, Kind, Result, did_you_mean};
use crate::exports::{self, Source};
use crate::lake::TableName;
use crate::models::contract::{self, Contract};
use crate::models::{
    ALGORITHMS, Algorithm, METRICS, MODEL_ZONES, Model, QUARANTINE, RAW, Recipe, STAGING,
    accounting, declared, definitions, generated, restatements, roles, trend,
};

/// Every table of a project.
#[derive(Debug, Default)]
pub struct Catalogue {
    models: BTreeMap<TableName, Arc<Model>>,
    /// The models in an order in which each comes after those it reads.
    order: Vec<TableName>,
    /// The staging queries that feed an entity, for `check`: they are not published themselves.
    feeds: Vec<Feed>,
    sources: BTreeMap<String, Arc<Source>>,
    /// The metric that each table of trends sums up.
    trends: BTreeMap<TableName, TableName>,
    /// Tables that there would be, were there no mistake in what makes them.
    broken: BTreeSet<TableName>,
}

/// A staging query that feeds a canonical entity.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The entity's table.
    pub entity: TableName,
    /// The query.
    pub query: Query,
    /// What the feed says of its columns.
    pub contract: Arc<Contract>,
    /// The `.sql` file.
    pub path: PathBuf,
}

/// The folder of the entities' contracts.
const ENTITIES: &str = "entities";

impl Catalogue {
    /// Reads the catalogue of a project, or the first mistake in it.
    pub fn read(settings: &Settings) -> Result<Catalogue> {
        let (catalogue, mistakes) = Catalogue::read_all(settings);
        match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake),
            None => Ok(catalogue),
        }
    }

    /// Reads as much of the catalogue as can be read, and every mistake in it.
    pub fn read_all(settings: &Settings) -> (Catalogue, Vec<Error>) {
        let mut reader = Reader { settings, catalogue: Catalogue::default(), mistakes: vec![] };
        reader.sources();
        let written = reader.written();
        reader.entities(&written);
        reader.tables(&written);
        reader.declarations(&written);
        reader.accounting();
        reader.measures();
        reader.order();
        (reader.catalogue, reader.mistakes)
    }

    /// The table's model.
    pub fn get(&self, name: &TableName) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// Every model, each after those it reads.
    pub fn in_order(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.order.iter().filter_map(|name| self.models.get(name))
    }

    /// Every model, by name.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// The staging queries that feed entities.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// The sources, by name.
    pub fn sources(&self) -> &BTreeMap<String, Arc<Source>> {
        &self.sources
    }

    /// The metric that the table `name` sums up over windows of days; none where it is made of
    /// anything else.
    pub fn trend_of(&self, name: &TableName) -> Option<&TableName> {
        self.trends.get(name)
    }

    /// Whether there would be the table, were there no mistake in what makes it: what reads it cannot
    /// be judged.
    pub fn is_broken(&self, name: &TableName) -> bool {
        !self.models.contains_key(name) && self.broken.contains(name)
    }

    /// `, did you mean …` for a table's name that nobody makes.
    pub fn hint(&self, name: &TableName) -> String {
        let names: Vec<String> = self.models.keys().map(ToString::to_string).collect();
        // A right name in a wrong zone is the likeliest slip.
        match self.models.keys().find(|known| known.table == name.table) {
            Some(known) => format!(", did you mean `{known}`?"),
            None => did_you_mean(&name.to_string(), names.iter().map(String::as_str)),
        }
    }

    fn add(&mut self, model: Model) {
        self.models.insert(model.name.clone(), Arc::new(model));
    }
}

/// A table's files as found in the folders.
#[derive(Debug, Default, Clone)]
struct Written {
    sql: Option<PathBuf>,
    contract: Option<PathBuf>,
}

type Found = BTreeMap<TableName, Written>;

struct Reader<'a> {
    settings: &'a Settings,
    catalogue: Catalogue,
    mistakes: Vec<Error>,
}

impl Reader<'_> {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn sources(&mut self) {
        for folder in &self.settings.sources {
            let Some(files) = self.note(files_below(folder)) else { continue };
            let mut here: BTreeMap<String, PathBuf> = BTreeMap::new();
            for path in files {
                if !matches!(extension(&path), "yaml" | "yml") {
                    continue;
                }
                let Some(source) = self.note(Source::read(&path)) else {
                    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                    let tables = [
                        TableName::new(RAW, name),
                        TableName::new(QUARANTINE, name),
                        generated::current_name(name),
                    ];
                    self.catalogue.broken.extend(tables);
                    continue;
                };
                // Between folders the first wins; within one there is no telling which is meant.
                if let Some(other) = here.insert(source.name.clone(), path.clone()) {
                    self.mistakes.push(Error::new(
                        Kind::Usage,
                        format!(
                            "{}:1:1: source `{}` is declared by `{}` already: give one of the \
                             files another name",
                            path.display(),
                            source.name,
                            other.display()
                        ),
                    ));
                    continue;
                }
                if self.catalogue.sources.contains_key(&source.name) {
                    continue;
                }
                let source = Arc::new(source);
                self.catalogue.sources.insert(source.name.clone(), Arc::clone(&source));
                self.catalogue.add(Model {
                    name: TableName::new(RAW, &source.name),
                    path: path.clone(),
                    schema: source.raw_schema(),
                    grain: vec![],
                    contract: None,
                    recipe: Recipe::Export(Arc::clone(&source)),
                });
                self.catalogue.add(Model {
                    name: TableName::new(QUARANTINE, &source.name),
                    path: path.clone(),
                    schema: exports::quarantine_schema(),
                    grain: vec![],
                    contract: None,
                    recipe: Recipe::Export(Arc::clone(&source)),
                });
                if let Some(current) = generated::current_table(&source, &path) {
                    let model = self.note(current);
                    if model.is_none() {
                        self.catalogue.broken.insert(generated::current_name(&source.name));
                    }
                    self.catalogue.models.extend(model.map(|m| (m.name.clone(), Arc::new(m))));
                }
            }
        }
    }

    /// The files of every table; the first folder that has a table has all of it.
    fn written(&mut self) -> Found {
        let mut found = Found::new();
        for folder in &self.settings.models {
            let Some(files) = self.note(files_below(folder)) else { continue };
            let mut here = Found::new();
            for path in files {
                let kind = extension(&path).to_string();
                if !["sql", "yml", "yaml"].contains(&kind.as_str()) {
                    continue;
                }
                let Some(name) = self.note(table_of(&path)) else { continue };
                let written = here.entry(name).or_default();
                match kind.as_str() {
                    "sql" => written.sql = Some(path),
                    _ => written.contract = Some(path),
                }
            }
            for (name, written) in here {
                found.entry(name).or_insert(written);
            }
        }
        found
    }

    fn entities(&mut self, found: &Found) {
        let mut contracts = BTreeMap::new();
        for (name, written) in found.iter().filter(|(name, _)| name.zone == ENTITIES) {
            if let Some(sql) = &written.sql {
                self.mistakes.push(Error::new(
                    Kind::Usage,
                    format!(
                        "{}:1:1: an entity is the union of its feeds and has no SQL of its own; \
                         put this query into a folder named `staging`, with `entity: {}` in its \
                         .yml",
                        sql.display(),
                        name.table
                    ),
                ));
            }
            let Some(path) = &written.contract else { continue };
            match self.note(Contract::read(path)) {
                Some(contract) => {
                    contracts.insert(name.table.clone(), (Arc::new(contract), path.clone()));
                }
                None => {
                    self.catalogue.broken.insert(TableName::new(STAGING, &name.table));
                }
            }
        }
        let mut feeds: BTreeMap<&str, Vec<Feed>> = BTreeMap::new();
        for (_, written) in found.iter().filter(|(name, _)| name.zone == STAGING) {
            let (Some(sql), Some(yml)) = (&written.sql, &written.contract) else { continue };
            let Some(contract) = self.note(Contract::read(yml)) else { continue };
            let Some(entity) = contract.entity.clone() else { continue };
            let Some(key) = contracts.keys().find(|known| **known == entity.value) else {
                if self.catalogue.is_broken(&TableName::new(STAGING, &entity.value)) {
                    continue;
                }
                let known = contracts.keys().map(String::as_str);
                self.mistakes.push(contract::unknown_entity(yml, &entity, known));
                continue;
            };
            let Some(query) = self.note(read_query(sql)) else { continue };
            feeds.entry(key).or_default().push(Feed {
                entity: TableName::new(STAGING, key),
                query,
                contract: Arc::new(contract),
                path: sql.clone(),
            });
        }
        for (entity, (contract, path)) in &contracts {
            let feeds = feeds.remove(entity.as_str()).unwrap_or_default();
            let model = generated::entity_table(entity, contract, path, &feeds);
            match self.note(model) {
                Some(model) => self.catalogue.add(model),
                None => {
                    self.catalogue.broken.insert(TableName::new(STAGING, entity));
                }
            }
            self.catalogue.feeds.extend(feeds);
        }
    }

    fn tables(&mut self, found: &Found) {
        for (name, written) in found.iter().filter(|(name, _)| name.zone != ENTITIES) {
            let model = match (&written.sql, &written.contract) {
                (Some(sql), None) => Err(Error::new(
                    Kind::Usage,
                    format!(
                        "{}:1:1: has no contract, expected `{}` beside it",
                        sql.display(),
                        sql.with_extension("yml").display()
                    ),
                )),
                (sql, Some(yml)) => match Contract::read(yml) {
                    // Noted with the entities.
                    Err(_) if name.zone == STAGING && sql.is_some() => {
                        self.catalogue.broken.insert(name.clone());
                        continue;
                    }
                    Err(mistake) => Err(mistake),
                    Ok(contract) if contract.entity.is_some() && sql.is_some() => continue,
                    Ok(contract) if sql.is_none() && self.is_declared(name) => {
                        match self.declared_table(name, yml, contract) {
                            Ok(model) => Ok(model),
                            Err(mistakes) => {
                                self.mistakes.extend(mistakes);
                                self.catalogue.broken.insert(name.clone());
                                continue;
                            }
                        }
                    }
                    Ok(contract) => self.table(name, sql.as_deref(), yml, contract),
                },
                (None, None) => continue,
            };
            let Some(model) = self.note(model) else {
                self.catalogue.broken.insert(name.clone());
                continue;
            };
            if let Some(other) = self.catalogue.models.get(name) {
                self.mistakes.push(Error::new(
                    Kind::Usage,
                    format!(
                        "{}:1:1: table {name} is made by `{}` already",
                        model.path.display(),
                        other.path.display()
                    ),
                ));
                continue;
            }
            self.catalogue.add(model);
        }
    }

    /// The accounting of the exports, where a query asks for it.
    fn accounting(&mut self) {
        let name = accounting::accounting_name();
        let feeds = self.catalogue.feeds.iter().map(|feed| &feed.query);
        let models = self.catalogue.models.values().flat_map(|model| model.queries());
        if !models.chain(feeds).any(|query| query.tables.contains_key(&name)) {
            return;
        }
        if let Some(other) = self.catalogue.models.get(&name) {
            let path = other.path.display();
            let what =
                format!("{path}:1:1: table {name} is made of what the ledger notes of exports");
            self.mistakes.push(Error::new(Kind::Usage, what));
            return;
        }
        let sources = self.catalogue.sources.keys().cloned().collect();
        let made = accounting::accounting_table(sources, &self.settings.file);
        if let Some(model) = self.note(made) {
            self.catalogue.add(model);
        }
    }

    /// What contracts say of metrics: looked over, and made into the tables that follow from it.
    fn measures(&mut self) {
        let feeds = self.catalogue.feeds.iter();
        let feeds = feeds.map(|feed| (STAGING, feed.path.clone(), Arc::clone(&feed.contract)));
        let models = self.catalogue.models.values().filter_map(|model| {
            Some((
                model.name.zone.as_str(),
                model.path.clone(),
                Arc::clone(model.contract.as_ref()?),
            ))
        });
        let found = feeds.chain(models).flat_map(|(zone, path, contract)| {
            roles::mistakes(zone, &path.with_extension("yml").display().to_string(), &contract)
        });
        let mistakes: Vec<Error> = found.collect();
        let is_sound = mistakes.is_empty();
        self.mistakes.extend(mistakes);
        let metrics: Vec<Arc<Model>> = self
            .catalogue
            .models
            .values()
            .filter(|model| model.name.zone == METRICS)
            .cloned()
            .collect();
        for model in &metrics {
            let Some(contract) = &model.contract else { continue };
            let Some(windows) = &contract.windows else { continue };
            let path = model.path.with_extension("yml");
            let name = trend::trend_name(&model.name);
            if let Some(other) = self.catalogue.models.get(&name) {
                let what = format!(
                    "`windows` make the table {name}, which `{}` makes already",
                    other.path.display()
                );
                let file = path.display().to_string();
                self.mistakes.push(crate::config::yaml::mistake(&file, windows, what));
                continue;
            }
            // With a mistake anywhere nothing is built: one mistake is not told again of its trend.
            let made = match is_sound {
                true => trend::trend_table(&model.name, contract, &path),
                false => None,
            };
            match made.and_then(|made| self.note(made)) {
                Some(trend) => {
                    self.catalogue.trends.insert(name, model.name.clone());
                    self.catalogue.add(trend);
                }
                None => {
                    self.catalogue.broken.insert(name);
                }
            }
        }
        self.restatements();
        self.dictionary();
    }

    /// What moved of the figures, where tables say that they hold any.
    fn restatements(&mut self) {
        let name = restatements::restatements_name();
        let metrics = || self.catalogue.models.values().filter(|model| model.name.zone == METRICS);
        let has_roles = |model: &Arc<Model>| {
            let mut columns = model.contract.iter().flat_map(|contract| &contract.columns);
            columns.any(|column| column.role.is_some())
        };
        if !metrics().any(has_roles) {
            return;
        }
        let tables: Vec<TableName> = metrics().map(|model| model.name.clone()).collect();
        if let Some(other) = self.catalogue.models.get(&name) {
            let path = other.path.display();
            let what = format!("{path}:1:1: table {name} is made of what moved of all metrics");
            self.mistakes.push(Error::new(Kind::Usage, what));
        } else if let Some(model) =
            self.note(restatements::restatements_table(tables, &self.settings.file))
        {
            self.catalogue.add(model);
        }
    }

    fn dictionary(&mut self) {
        let name = definitions::definitions_name();
        let metrics = self.catalogue.models.values().filter(|model| model.name.zone == METRICS);
        let contracts = metrics.filter_map(|model| Some((&model.name, model.contract.as_deref()?)));
        let contracts: Vec<(&TableName, &Contract)> = contracts.collect();
        let Some(made) = definitions::definitions_table(&contracts, &self.settings.file) else {
            return;
        };
        if let Some(other) = self.catalogue.models.get(&name) {
            let path = other.path.display();
            let what = format!("{path}:1:1: table {name} is made of all contracts of metrics");
            self.mistakes.push(Error::new(Kind::Usage, what));
        } else if let Some(model) = self.note(made) {
            self.catalogue.add(model);
        }
    }

    fn table(
        &self,
        name: &TableName,
        sql: Option<&Path>,
        yml: &Path,
        contract: Contract,
    ) -> Result<Model> {
        let (recipe, path) = match (sql, &contract.algorithm) {
            (Some(sql), None) => (Recipe::Query(Box::new(read_query(sql)?)), sql),
            (None, Some(algorithm)) => {
                let known = ALGORITHMS;
                let file = yml.display().to_string();
                if !known.contains(&algorithm.value.as_str()) {
                    let hint = did_you_mean(&algorithm.value, known);
                    let what = format!("unknown algorithm `{}`{hint}", algorithm.value);
                    return Err(crate::config::yaml::mistake(&file, algorithm, what));
                }
                let inputs = contract.inputs.iter().map(|(input, text)| {
                    let place = format!("{file} (input `{input}`)");
                    Query::parse(&place, &text.value).map(|query| (input.clone(), query))
                });
                let algorithm = Algorithm {
                    name: algorithm.value.clone(),
                    inputs: inputs.collect::<Result<_>>()?,
                    rules_hash: self.rules_hash()?,
                };
                (Recipe::Algorithm(algorithm), yml)
            }
            (Some(sql), Some(_)) => {
                return Err(Error::new(
                    Kind::Usage,
                    format!(
                        "{}:1:1: a table is made by SQL or by an algorithm, not by both",
                        sql.display()
                    ),
                ));
            }
            (None, None) => {
                return Err(Error::new(
                    Kind::Usage,
                    format!(
                        "{}:1:1: has no query, expected `{}` beside it, or rows of `{}` in a file \
                         that the settings name under `declarations`",
                        yml.display(),
                        yml.with_extension("sql").display(),
                        name.table
                    ),
                ));
            }
        };
        Ok(Model {
            name: name.clone(),
            path: path.to_path_buf(),
            schema: contract.schema(),
            grain: contract.grain.value.clone(),
            contract: Some(Arc::new(contract)),
            recipe,
        })
    }

    fn is_declared(&self, name: &TableName) -> bool {
        declared::rows_of(&self.settings.declarations, &name.table).is_some()
    }

    /// The table of rows that the business writes itself.
    fn declared_table(
        &self,
        name: &TableName,
        yml: &Path,
        contract: Contract,
    ) -> std::result::Result<Model, Vec<Error>> {
        let files = &self.settings.declarations;
        let Some(rows) = declared::rows_of(files, &name.table) else { return Err(vec![]) };
        let words = |column: &contract::Column| {
            let (table, column) = column.reference()?;
            let rows = declared::rows_of(files, &table.table)?;
            Some(declared::words_of(rows, &column))
        };
        let text = declared::query(&contract, rows, words)?;
        let query = Query::parse(rows.file, &text).map_err(|mistake| vec![mistake])?;
        Ok(Model {
            name: name.clone(),
            path: yml.to_path_buf(),
            schema: contract.schema(),
            grain: contract.grain.value.clone(),
            contract: Some(Arc::new(contract)),
            recipe: Recipe::Query(Box::new(query)),
        })
    }

    /// Rows that are declared for no table, or for one that a query makes, are mistakes.
    fn declarations(&mut self, found: &Found) {
        let made = |name: &TableName| found.get(name).is_some_and(|written| written.sql.is_some());
        let open = || found.keys().filter(|name| name.zone != ENTITIES && !made(name));
        for file in &self.settings.declarations {
            for (table, rows) in &file.tables {
                if open().any(|name| name.table == *table) {
                    continue;
                }
                let what = match found.keys().find(|name| name.table == *table) {
                    Some(name) => format!("the table {name} is made by a query, and takes no rows"),
                    None => {
                        let hint = did_you_mean(table, open().map(|name| name.table.as_str()));
                        format!("no table `{table}` takes rows{hint}")
                    }
                };
                self.mistakes.push(crate::config::yaml::mistake(&file.file, rows, what));
            }
        }
    }

    /// The identity rules count by what they say, not by how they are laid out.
    fn rules_hash(&self) -> Result<crate::hash::ContentHash> {
        let rules = IdentityRules::read(self.settings.identity.as_deref())?;
        Ok(crate::hash::ContentHash::of_json(&rules))
    }

    /// Orders the models; a reference to an unknown table and a cycle are mistakes.
    fn order(&mut self) {
        let mut mistakes = vec![];
        let catalogue = &self.catalogue;
        let readers = catalogue.feeds.iter().map(|feed| &feed.query);
        // An entity's own query is made of its feeds', whose places people know.
        let is_entity =
            |model: &Model| catalogue.feeds.iter().any(|feed| feed.entity == model.name);
        let queries = catalogue.models.values().filter(|model| !is_entity(model));
        for query in queries.flat_map(|model| model.queries()).chain(readers) {
            for (table, place) in &query.tables {
                if !catalogue.models.contains_key(table) && !catalogue.is_broken(table) {
                    let hint = catalogue.hint(table);
                    mistakes.push(query.error(*place, format!("unknown table `{table}`{hint}")));
                }
            }
        }
        let mut order = vec![];
        let mut done = BTreeSet::new();
        let mut path = vec![];
        // Zones in the order data flows, names within: the order is the same on every machine.
        let rank = |name: &TableName| {
            crate::models::ZONES.iter().position(|zone| *zone == name.zone).unwrap_or(usize::MAX)
        };
        let mut names: Vec<_> = catalogue.models.keys().collect();
        names.sort_by_key(|name| (rank(name), (*name).clone()));
        for name in names {
            visit(catalogue, name, &mut path, &mut done, &mut order, &mut mistakes);
        }
        self.mistakes.extend(mistakes);
        self.catalogue.order = order;
    }
}

fn visit(
    catalogue: &Catalogue,
    name: &TableName,
    path: &mut Vec<TableName>,
    done: &mut BTreeSet<TableName>,
    order: &mut Vec<TableName>,
    mistakes: &mut Vec<Error>,
) {
    if done.contains(name) {
        return;
    }
    let Some(model) = catalogue.models.get(name) else { return };
    path.push(name.clone());
    let inputs: BTreeSet<TableName> =
        model.dependencies().into_iter().filter(|table| table != name).collect();
    for input in &inputs {
        if let Some(start) = path.iter().position(|above| above == input) {
            let mut names: Vec<_> = path[start..].iter().map(ToString::to_string).collect();
            names.push(input.to_string());
            let what = format!("a cycle: {}", names.join(" reads "));
            let path = model.path.display();
            // An entity's own query is made of its feeds', whose places people know.
            let feeds = catalogue.feeds.iter().filter(|feed| feed.entity == *name);
            let placed = feeds
                .map(|feed| &feed.query)
                .chain(model.queries())
                .find_map(|query| Some(query.error(*query.tables.get(input)?, &what)));
            mistakes.push(
                placed.unwrap_or_else(|| Error::new(Kind::Usage, format!("{path}:1:1: {what}"))),
            );
            continue;
        }
        visit(catalogue, input, path, done, order, mistakes);
    }
    path.pop();
    if done.insert(name.clone()) {
        order.push(name.clone());
    }
}

fn read_query(path: &Path) -> Result<Query> {
    let text = std::fs::read_to_string(path)
        .context(Kind::Usage, || format!("read `{}`", path.display()))?;
    Query::parse(&path.display().to_string(), &text)
}

/// The table that a file is about: its zone is the nearest folder above that is named as one.
fn table_of(path: &Path) -> Result<TableName> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folders = path.parent().map(|folder| folder.components().rev());
    let zone = folders.into_iter().flatten().find_map(|part| {
        let name = part.as_os_str().to_str()?;
        (MODEL_ZONES.contains(&name) || name == ENTITIES).then_some(name)
    });
    let valid = stem.starts_with(|letter: char| letter.is_ascii_lowercase())
        && stem
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    match zone {
        Some(zone) if valid => Ok(TableName::new(zone, stem)),
        Some(_) => Err(Error::new(
            Kind::Usage,
            format!(
                "{}:1:1: `{stem}` is not a table's name, expected lower case letters, digits and \
                 underscores",
                path.display()
            ),
        )),
        None => Err(Error::new(
            Kind::Usage,
            format!(
                "{}:1:1: lies in no zone, expected a folder named entities, staging, identity, \
                 marts or metrics above it",
                path.display()
            ),
        )),
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Every file below `folder`, in the order of their paths.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .context(Kind::Usage, || format!("list folder `{}`", folder.display()))?;
        for entry in entries {
            let path = entry
                .context(Kind::Usage, || format!("list folder `{}`", folder.display()))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
