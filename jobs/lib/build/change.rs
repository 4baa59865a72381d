//! What tables are made of, in the words of whoever wrote it: the text of their SQL, contracts and
//! sources, and the parameters they name. Kept with each run that builds something, so that a plan
//! can show what changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use similar::TextDiff;
use tracing::debug;

use crate::build::Workshop;
use crate::config::{Settings, parameters};
use crate::engine::sql::SchedulesUsed;
use crate::errors::{Context as _, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::TableName;
use crate::lake::texts::PROJECTS;
use crate::models::{Catalogue, Model, Recipe};

/// A version of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Project {
    /// Rapport's version.
    version: String,
    /// The text of its files, by their names.
    files: BTreeMap<String, String>,
    /// The files that say how each table is made.
    tables: BTreeMap<String, BTreeSet<String>>,
    /// The parameters that each table's queries and checks name.
    parameters: BTreeMap<String, BTreeMap<String, String>>,
}

/// What changed of what a table is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The table.
    pub table: TableName,
    /// The file, or `parameters`.
    pub file: String,
    /// The lines that went and those that came, as a unified diff.
    pub diff: String,
}

/// Keeps the project as it is now; tells by which hash it is found again.
pub(super) async fn keep(workshop: &Workshop) -> Result<ContentHash> {
    let project = Project::read(&workshop.settings, &workshop.catalogue);
    let text = serde_json::to_string(&project)
        .context(Kind::Defect, || "write down the version of the project")?;
    PROJECTS.keep(&workshop.warehouse, &text).await
}

/// What changed of `tables` since their versions in the ledger were built: of each the project that
/// its latest version was built with.
pub(super) async fn since_built(
    workshop: &Workshop,
    tables: &BTreeMap<TableName, ContentHash>,
) -> Result<Vec<Change>> {
    let now = Project::read(&workshop.settings, &workshop.catalogue);
    let mut kept: BTreeMap<ContentHash, Option<Project>> = BTreeMap::new();
    let mut changes = vec![];
    for (table, hash) in tables {
        if !kept.contains_key(hash) {
            let text = PROJECTS.read(&workshop.warehouse, *hash).await?;
            // Written by another version, it may say it in another way: then nothing is shown.
            let read = text.and_then(|text| serde_json::from_str(&text).ok());
            if read.is_none() {
                debug!(%hash, "the version of the project is not kept");
            }
            kept.insert(*hash, read);
        }
        if let Some(Some(before)) = kept.get(hash) {
            changes.extend(before.changes(&now, table));
        }
    }
    Ok(changes)
}

impl Project {
    fn read(settings: &Settings, catalogue: &Catalogue) -> Project {
        let root = settings.file.parent().unwrap_or(Path::new(""));
        let mut project =
            Project { version: env!("CARGO_PKG_VERSION").to_string(), ..Project::default() };
        for model in catalogue.models() {
            let table = model.name.to_string();
            let mut names = BTreeSet::new();
            for path in files_of(settings, catalogue, model) {
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                if !project.files.contains_key(&name) {
                    let Ok(text) = std::fs::read_to_string(&path) else { continue };
                    project.files.insert(name.clone(), text);
                }
                names.insert(name);
            }
            project.tables.insert(table.clone(), names);
            project.parameters.insert(table, parameters_of(settings, model));
        }
        project
    }

    /// What is other of `table` in a later version.
    fn changes(&self, now: &Project, table: &TableName) -> Vec<Change> {
        let name = table.to_string();
        let files = |project: &Project| project.tables.get(&name).cloned().unwrap_or_default();
        let text = |project: &Project, file: &str| -> String {
            match project.tables.get(&name).is_some_and(|files| files.contains(file)) {
                true => project.files.get(file).cloned().unwrap_or_default(),
                false => String::new(),
            }
        };
        let parameters = |project: &Project| -> String {
            let named = project.parameters.get(&name).into_iter().flatten();
            named.map(|(name, value)| format!("{name}: {value}\n")).collect()
        };
        let mut changes = vec![];
        let texts = (&files(self) | &files(now)).into_iter().map(|file| {
            let (before, after) = (text(self, &file), text(now, &file));
            (file, before, after)
        });
        let named = ("parameters".to_string(), parameters(self), parameters(now));
        for (file, before, after) in texts.chain([named]) {
            if before != after {
                let diff = TextDiff::from_lines(before.as_str(), after.as_str());
                let diff = diff.unified_diff().context_radius(1).to_string();
                changes.push(Change { table: table.clone(), file, diff });
            }
        }
        changes
    }
}

/// The files that say how `model` is made.
fn files_of(settings: &Settings, catalogue: &Catalogue, model: &Model) -> Vec<PathBuf> {
    let with_contract = |path: &Path| [path.to_path_buf(), path.with_extension("yml")];
    let mut files: Vec<PathBuf> = match model.recipe {
        Recipe::Export(_) => vec![model.path.clone()],
        _ => with_contract(&model.path).into(),
    };
    let feeds = catalogue.feeds().iter().filter(|feed| feed.entity == model.name);
    files.extend(feeds.flat_map(|feed| with_contract(&feed.path)));
    if let Recipe::Algorithm(_) = model.recipe {
        files.extend(settings.identity.clone());
    }
    // A table of rows that are declared is told by the place of its query.
    let declarations = settings.declarations.iter().map(|file| PathBuf::from(&file.file));
    let places: Vec<&str> = model.queries().iter().map(|query| query.name.as_str()).collect();
    files.extend(declarations.filter(|file| places.contains(&&*file.display().to_string())));
    files
}

fn parameters_of(settings: &Settings, model: &Model) -> BTreeMap<String, String> {
    let in_queries = model.queries().into_iter().flat_map(|query| &query.parameters).cloned();
    let contract = model.contract.iter().flat_map(|contract| contract.parameters());
    let named: BTreeSet<String> = in_queries.chain(contract.map(ToString::to_string)).collect();
    let value = |name: &String| match name.as_str() {
        "time_zone" => Some(settings.time_zone.name().to_string()),
        name => settings.parameters.get(name).map(|value| parameters::shown(name, value)),
    };
    let mut parameters: BTreeMap<String, String> =
        named.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect();
    let mut schedules = BTreeSet::new();
    for query in model.queries() {
        match &query.schedules {
            SchedulesUsed::Named(names) => schedules.extend(names.iter().cloned()),
            SchedulesUsed::Any => schedules.extend(settings.schedules.names().map(str::to_string)),
        }
    }
    if !schedules.is_empty() {
        let used = serde_json::to_string(&settings.schedules.among(Some(&schedules)));
        parameters.insert("schedules".to_string(), used.unwrap_or_default());
    }
    parameters
}
