//! Erases persons: from raw and quarantine, where all that is known of them came in; from every table
//! made of these, by building it anew; and from what else lies about. Then it looks whether they are
//! gone, and notes the proof.
//!
//! Who must not come back is noted first, so every step may be cut short and done again: reading an
//! export drops them from then on, and rows that were rewritten are not found a second time.

mod proof;
mod rewrite;
mod whom;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tracing::warn;

use crate::build::Workshop;
use crate::build::backfill::{self, Backfill};
use crate::build::run::{OnTarget, Run};
use crate::build::summary::Summary;
use crate::config::Parameter;
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::exports::Source;
use crate::exports::erasing::{Erasing, Roles, Secret};
use crate::lake::erasures::{self, Erasure};
use crate::lake::{Partition, TableName, failed_checks, publish, vacuum};
use crate::models::RAW;

use rewrite::Counted;

/// What the ledger calls the rows of a version in which somebody was taken out.
pub(super) const ERASED_ROWS: &str = "erased_rows";

/// Whom to erase.
#[derive(Debug, Clone, Default)]
pub struct Persons {
    /// Customers, by their ids: all that is known of their records.
    pub customers: Vec<String>,
    /// What identifies them, as `namespace:value`.
    pub identifiers: Vec<String>,
}

/// What was erased, or would be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Erased {
    /// How many identifiers of theirs were found now.
    pub identifier_count: usize,
    /// Rows in which something of theirs was taken out, or would be, by table: by this run.
    pub row_counts: BTreeMap<TableName, u64>,
    /// The export files that these rows came from. They are not Rapport's to delete.
    pub exports: BTreeSet<String>,
    /// Sources with personal columns of which none tells whose they are: nothing was taken out of
    /// them but mentions.
    pub blind_sources: BTreeSet<String>,
    /// Rows that are others' by their keys, with a name and a day of birth of the persons: namesakes,
    /// or the persons under keys that nobody knows to be theirs. Nothing was taken out of them.
    pub namesake_row_count: u64,
    /// Erasures that are done, and of which the proof was noted by this run: their ids.
    pub proven: Vec<String>,
    /// Objects that were read to the end, without finding anybody.
    pub searched_object_count: u64,
}

impl Erased {
    /// Notes what is known of a source, once it is looked through.
    fn note(&mut self, source: &Source, counted: Counted) {
        if Roles::of(source).are_blind() {
            self.blind_sources.insert(source.name.clone());
        }
        self.namesake_row_count += counted.namesake_count;
        self.exports.extend(counted.exports);
    }

    /// Says what nobody may overlook who has to answer the person.
    fn warn(&self) {
        for source in &self.blind_sources {
            warn!(
                source,
                "nothing says whose its rows are: nothing but mentions is taken out of them; declare \
                 a column that `identifies`"
            );
        }
        if self.namesake_row_count > 0 {
            warn!(
                row_count = self.namesake_row_count,
                "rows under other keys have the name and the day of birth of somebody who is erased: \
                 they stay; where these are theirs too, erase them by their keys"
            );
        }
    }
}

/// What an erasure would take out; writes nothing.
///
/// Errors: as [`carry_out`].
pub async fn look(workshop: &Workshop, persons: &Persons) -> Result<Erased> {
    workshop.look_up().await?;
    let secret = workshop.secret()?;
    let lists = workshop.erasures(&secret).await?;
    let mut wanted = whom::find(workshop, &secret, &lists, persons, "").await?;
    let mut erased = Erased { identifier_count: wanted.identifiers.len(), ..Erased::default() };
    for list in lists {
        wanted.namespaces.extend(list.namespaces);
        wanted.identifiers.extend(list.identifiers);
        wanted.descriptions.extend(list.descriptions);
    }
    let erasing = workshop.erasing_of(secret, &[wanted]);
    for (source, partition) in workshop.raw_partitions().await {
        let counted = rewrite::count(workshop, &erasing, &source, &partition).await?;
        for (partition, count) in &counted.row_counts {
            *erased.row_counts.entry(partition.table.clone()).or_default() += count;
        }
        erased.note(&source, counted);
    }
    erased.warn();
    Ok(erased)
}

/// Erases the persons, and everybody whose erasure was asked for and cut short.
///
/// What failed to be built is in `summary`; then nothing is proven, and a rerun goes on.
/// Errors: [`Kind::Usage`] for a customer whom nobody knows, or without the key;
/// [`Kind::CheckFailed`] where somebody is found once all is done.
pub async fn carry_out(
    workshop: &Arc<Workshop>,
    run: &Run,
    persons: &Persons,
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<Erased> {
    publish::recover_all(&workshop.warehouse, &run.holder).await?;
    workshop.look_up().await?;
    let secret = workshop.secret()?;
    let mut lists = workshop.erasures(&secret).await?;
    let wanted = whom::find(workshop, &secret, &lists, persons, &run.run_id).await?;
    let mut erased = Erased { identifier_count: wanted.identifiers.len(), ..Erased::default() };
    if !wanted.identifiers.is_empty() {
        erasures::begin(&workshop.warehouse, &wanted).await?;
        lists.push(wanted);
    }
    if lists.is_empty() {
        return Ok(erased);
    }
    let erasing = workshop.erasing_of(secret, &lists);
    for (source, partition) in workshop.raw_partitions().await {
        let counted = rewrite::count(workshop, &erasing, &source, &partition).await?;
        let is_there = !counted.row_counts.is_empty();
        erased.note(&source, counted);
        if !is_there {
            continue;
        }
        let rewritten = rewrite::rewrite(workshop, run, &erasing, &source, &partition).await?;
        for (table, count) in rewritten {
            *erased.row_counts.entry(table).or_default() += count;
        }
        summary.built_count += 1;
    }
    erased.warn();
    // Rows of any table, kept for people to look at; what still breaks a check keeps them again.
    for partition in failed_checks::partitions(&workshop.warehouse).await? {
        failed_checks::keep_only(&workshop.warehouse, &partition, []).await?;
    }
    rebuild(workshop, run, on_target, summary).await?;
    if !summary.failures.is_empty() {
        return Ok(erased);
    }
    // What killed runs built of their rows and never published.
    vacuum::clear_work(&workshop.warehouse, &run.holder).await?;
    erased.searched_object_count = proof::search(workshop, &erasing).await?;
    erased.proven = proof::prove(workshop, run, &lists, &erased).await?;
    Ok(erased)
}

impl Workshop {
    /// Whom to take out of exports; none where nobody was ever erased.
    ///
    /// Errors: [`Kind::Usage`] without the key by which they are known: without it they would come
    /// back.
    pub(super) async fn erasing(&self) -> Result<Option<Erasing>> {
        if erasures::list(&self.warehouse).await?.is_empty() {
            return Ok(None);
        }
        let secret = self.secret()?;
        let lists = self.erasures(&secret).await?;
        Ok(Some(self.erasing_of(secret, &lists)))
    }

    fn secret(&self) -> Result<Secret> {
        let key = self.settings.erasure_key.as_ref().map(|key| Secret::of(key.shown()));
        key.ok_or_else(|| {
            let what = "look up who was erased: RAPPORT_ERASURE_KEY is not set, the secret by which \
                        they are known";
            Error::new(Kind::Usage, what)
        })
    }

    /// The erasures that were asked for.
    async fn erasures(&self, secret: &Secret) -> Result<Vec<Erasure>> {
        let lists = erasures::list(&self.warehouse).await?;
        if lists.iter().any(|list| list.key_check != secret.check()) {
            let what =
                "look up who was erased: RAPPORT_ERASURE_KEY is not the secret that was used";
            return Err(Error::new(Kind::Usage, what));
        }
        Ok(lists)
    }

    fn erasing_of(&self, secret: Secret, lists: &[Erasure]) -> Erasing {
        let region = match self.settings.parameters.get("default_region") {
            Some(Parameter::Text(region)) => Some(region.clone()),
            _ => None,
        };
        let namespaces = lists.iter().flat_map(|list| list.namespaces.clone()).collect();
        let hashes = lists.iter().flat_map(|list| list.identifiers.clone()).collect();
        let descriptions = lists.iter().flat_map(|list| list.descriptions.clone()).collect();
        Erasing::new(secret, region, namespaces, hashes).with_descriptions(descriptions)
    }

    /// The published partitions of raw, with their sources.
    async fn raw_partitions(&self) -> Vec<(Arc<Source>, Partition)> {
        let published = self.published.read().await;
        let raw = published.ledger.entries().map(|entry| &entry.partition);
        let raw = raw.filter(|partition| partition.table.zone == RAW);
        raw.filter_map(|partition| {
            let source = self.catalogue.sources().get(&partition.table.table)?;
            Some((Arc::clone(source), partition.clone()))
        })
        .collect()
    }
}

/// Builds anew what was made of what is other than it was, of the days that are published.
async fn rebuild(
    workshop: &Arc<Workshop>,
    run: &Run,
    on_target: OnTarget<'_>,
    summary: &mut Summary,
) -> Result<()> {
    let days: BTreeSet<Day> = {
        let published = workshop.published.read().await;
        published.ledger.entries().map(|entry| entry.partition.dt).collect()
    };
    for days in stretches(&days) {
        let backfill = Backfill {
            models: workshop.models_of(&crate::models::ZONES),
            days,
            at_once: None,
            is_forced: false,
            goes_on_after_trouble: false,
            max_runtime: None,
            shard: None,
            shard_patience: std::time::Duration::ZERO,
        };
        backfill::carry_out(workshop, run, &backfill, on_target, summary).await?;
    }
    // What was never published holds nobody, whatever it waits for.
    let published = workshop.published.read().await;
    summary.failures.retain(|failed| published.ledger.current(&failed.partition).is_some());
    Ok(())
}

/// The days as stretches without a gap: a day that was never built is not built for this.
fn stretches(days: &BTreeSet<Day>) -> Vec<DayRange> {
    let mut stretches: Vec<DayRange> = vec![];
    for day in days {
        match stretches.last_mut().filter(|last| last.to == *day) {
            Some(last) => last.to = day.plus(1),
            None => stretches.push(DayRange { from: *day, to: day.plus(1) }),
        }
    }
    stretches
}
