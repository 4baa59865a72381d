//! The workshop: partitions as build targets. What is stale and why, and how it is brought up to
//! date; one mechanism for a first run, a rerun, a resume, late data and a backfill.
//!
//! Knows fingerprints and the order of work; nothing of customers.

mod accounting;
mod algorithm;
pub mod backfill;
pub mod change;
mod definition;
pub mod earlier;
pub mod erase;
pub mod estimate;
mod fingerprint;
pub mod ingest;
pub mod moved;
mod order;
mod others;
pub mod plan;
pub mod progress;
pub mod query;
mod restatement;
mod reuse;
pub mod run;
mod shard;
pub mod summary;
mod target;
mod watch;
#[cfg(test)]
mod year_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{OnceCell, RwLock};

use crate::build::definition::Definition;
use crate::checks::project;
use crate::config::Settings;
use crate::dates::{Day, DayRange};
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};
use crate::exports::{ExportFile, Landing};
use crate::hash::ContentHash;
use crate::lake::ledger::{self, Entry, Ledger, News};
use crate::lake::{Lake, Partition, TableName};
use crate::models::reads::ModelReads;
use crate::models::{Catalogue, Model, Recipe, ZONES};
pub use fingerprint::{Evaluation, Freshness, Reason};

/// A project that is open: its models, what they read, its storage and what is published there.
pub struct Workshop {
    /// The settings.
    pub settings: Settings,
    /// Every table.
    pub catalogue: Catalogue,
    /// Queries.
    pub engine: Engine,
    /// Where exports lie.
    pub landing: Lake,
    /// Which exports lie there.
    files: Landing,
    /// The hashes of those that had to be read to tell whether they changed, by name.
    contents: Mutex<BTreeMap<String, (ExportFile, ContentHash)>>,
    /// Where tables are published.
    pub warehouse: Lake,
    reads: BTreeMap<TableName, ModelReads>,
    /// What makes each table that queries or algorithms make.
    definitions: BTreeMap<TableName, Definition>,
    published: RwLock<Published>,
    /// By which hash the project as it is now is kept, once it is.
    project: OnceCell<ContentHash>,
}

/// What is known to be published.
#[derive(Debug, Default)]
struct Published {
    ledger: Ledger,
    /// The size of every object that stands where readers look, in bytes.
    objects: BTreeMap<Partition, u64>,
}

impl Published {
    /// Other runs have published these: their objects stand.
    fn note_objects(&mut self, partitions: BTreeSet<Partition>) {
        for partition in partitions {
            let size = self.ledger.current(&partition).map(|entry| entry.byte_count);
            self.objects.extend(size.map(|size| (partition, size)));
        }
    }
}

impl std::fmt::Debug for Workshop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Workshop")
            .field("file", &self.settings.file)
            .finish_non_exhaustive()
    }
}

impl Workshop {
    /// Opens the project of `settings` over its `warehouse`.
    ///
    /// Errors: [`Kind::Usage`] for any mistake of the project, with its place, but what shows only
    /// in a query's plan for a day.
    pub async fn open(settings: Settings, warehouse: Lake) -> Result<Workshop> {
        let engine = Engine::new(&settings)?;
        let checked = project::check(&engine, &settings, project::Depth::Reads).await;
        let (catalogue, reads) = checked.without_mistakes()?;
        let landing = open_landing(&settings)?;
        engine.attach(&warehouse)?;
        let definitions = catalogue
            .models()
            .map(|model| (model.name.clone(), Definition::of(&settings, model)))
            .collect();
        Ok(Workshop {
            settings,
            catalogue,
            engine,
            files: Landing::new(landing.store(), landing.root().clone())
                .in_folder(landing.folder().map(ToOwned::to_owned)),
            contents: Mutex::default(),
            landing,
            warehouse,
            reads,
            definitions,
            published: RwLock::default(),
            project: OnceCell::new(),
        })
    }

    /// Looks up what is published now. Exports are looked up anew too, where they are asked for.
    pub async fn look_up(&self) -> Result<()> {
        self.files.forget();
        let ledger = Ledger::load(&self.warehouse).await?;
        let objects = self.warehouse.inventory(&ZONES).await?;
        *self.published.write().await = Published { ledger, objects };
        Ok(())
    }

    /// Looks up which exports of `models` lie there for `days`, in few requests where the days are
    /// many.
    async fn look_for_exports(&self, models: &[Arc<Model>], days: DayRange) -> Result<()> {
        for model in models {
            if let Recipe::Export(source) = &model.recipe {
                let from = days.from.minus(u64::from(source.replay_window_days));
                self.files.look_ahead(source, DayRange { from, ..days }).await?;
            }
        }
        Ok(())
    }

    /// Takes in what other runs published since; whether that is anything.
    async fn refresh(&self) -> Result<bool> {
        // Storage is asked without the lock: other targets are judged and noted meanwhile.
        let seen = self.published.read().await.ledger.seen();
        let news = seen.news(&self.warehouse).await?;
        Ok(self.take_in(news).await)
    }

    /// Folds the ledger in storage, where that is worth it.
    async fn compact_ledger(&self) -> Result<()> {
        let news = ledger::fold(&self.warehouse).await?;
        self.take_in(news).await;
        Ok(())
    }

    /// Takes in what was read of the ledger; whether anything was published by it.
    async fn take_in(&self, news: News) -> bool {
        if news.is_empty() {
            return false;
        }
        let mut published = self.published.write().await;
        let partitions = published.ledger.take_in(news);
        let has_news = !partitions.is_empty();
        published.note_objects(partitions);
        has_news
    }

    /// The models of `zones`, in the order to build them. Quarantine comes with raw.
    pub fn models_of(&self, zones: &[&str]) -> Vec<Arc<Model>> {
        let models = self.catalogue.in_order().filter(|model| {
            let zone = model.name.zone.as_str();
            zones.contains(&zone) && zone != crate::models::QUARANTINE
        });
        models.cloned().collect()
    }

    /// The models of `tables`, in the order to build them.
    pub fn models_named(&self, tables: &BTreeSet<TableName>) -> Vec<Arc<Model>> {
        let models = self.catalogue.in_order().filter(|model| tables.contains(&model.name));
        models.cloned().collect()
    }

    /// The published version of a partition.
    pub async fn entry(&self, partition: &Partition) -> Option<Arc<Entry>> {
        self.published.read().await.ledger.current(partition).cloned()
    }

    /// By which hash the project as it is now is found again, for which it is kept once.
    async fn project(&self) -> Result<ContentHash> {
        self.project.get_or_try_init(|| change::keep(self)).await.copied()
    }

    /// Judges whether `model` is up to date on `dt`. `planned` holds the partitions that will be
    /// built before it.
    pub async fn evaluate(
        &self,
        model: &Model,
        dt: Day,
        planned: &BTreeSet<Partition>,
    ) -> Result<Evaluation> {
        match &model.recipe {
            Recipe::Export(source) => ingest::evaluate(self, source, dt).await,
            Recipe::Query(_)
            | Recipe::Algorithm(_)
            | Recipe::Accounting(_)
            | Recipe::Restatements(_) => {
                let published = self.published.read().await;
                fingerprint::evaluate(self, &published, model, dt, planned)
            }
        }
    }

    /// The fingerprint without the day, where the day decides only which partitions are read: two
    /// days that have it in common have the same rows.
    fn dayless(&self, evaluation: &Evaluation) -> Option<ContentHash> {
        let table = &evaluation.partition.table;
        self.definitions.get(table)?.dayless(self.reads.get(table)?, evaluation)
    }

    fn definition(&self, table: &TableName) -> Result<&Definition> {
        self.definitions.get(table).ok_or_else(|| unknown(table))
    }

    fn reads_of(&self, table: &TableName) -> Result<&ModelReads> {
        self.reads.get(table).ok_or_else(|| unknown(table))
    }
}

/// What is asked of a table that no model makes.
fn unknown(table: &TableName) -> Error {
    Error::new(Kind::Defect, format!("look up what makes {table}"))
}

fn open_landing(settings: &Settings) -> Result<Lake> {
    if let crate::config::Location::Folder(path) = &settings.landing
        && !path.is_dir()
    {
        return Err(Error::new(
            Kind::Usage,
            format!(
                "open the landing zone: `{}` is not a folder; set `landing` in `{}` or \
                 RAPPORT_LANDING",
                path.display(),
                settings.file.display()
            ),
        ));
    }
    Lake::open_for_reading(&settings.landing, settings.patience)
}
