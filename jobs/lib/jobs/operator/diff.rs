//! `rapport runs diff`: how two versions of a partition differ, by column and by row.
//!
//! A warehouse keeps what moved of published figures, version by version, and of other tables only
//! the version that is published. Any two objects can be held against each other: the same
//! partition of another warehouse, or a copy that somebody kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::build::moved::{self, Moved, MovedKind};
use crate::config::{Location, Settings};
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result, did_you_mean};
use crate::jobs::operator::{OutputFlags, line};
use crate::lake::ledger::{Entry, Ledger, Restatement};
use crate::lake::texts::RESTATEMENTS;
use crate::lake::{Lake, Partition};
use crate::models::{Catalogue, Model};

/// The flags of `rapport runs diff`.
#[derive(Debug, Args)]
pub(super) struct DiffFlags {
    /// The table, such as `metrics.nps`
    table: String,
    /// The day, YYYY-MM-DD
    day: Day,
    /// Hold what is published against that of another warehouse (a folder or a URL), or against a
    /// copy of the partition's object (a path or URL that ends with `.parquet`)
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["from_version", "to_version"])]
    with: Option<String>,
    /// The earlier version; default: the one before the later
    #[arg(long, value_name = "NUMBER")]
    from_version: Option<u64>,
    /// The later version; default: the last by which figures moved
    #[arg(long, value_name = "NUMBER")]
    to_version: Option<u64>,
    /// How many differences to list
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print values of columns too that hold personal data
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    output: OutputFlags,
}

/// What is held against what, and how they differ.
struct Difference {
    before: String,
    after: String,
    moved: Vec<Moved>,
}

/// Tells how two versions differ.
pub(super) async fn run(settings: &Settings, flags: &DiffFlags) -> Result<String> {
    let catalogue = Catalogue::read(settings)?;
    let model = catalogue.models().find(|model| model.name.to_string() == flags.table);
    let model = model.ok_or_else(|| {
        let names: Vec<String> = catalogue.models().map(|model| model.name.to_string()).collect();
        let hint = did_you_mean(&flags.table, names.iter().map(String::as_str));
        Error::new(Kind::Usage, format!("compare {}: there is no such table{hint}", flags.table))
    })?;
    let lake = Lake::open_for_reading(&settings.warehouse, settings.patience)?;
    let partition = Partition { table: model.name.clone(), dt: flags.day };
    let ledger = Ledger::load(&lake).await?;
    let current = ledger.current(&partition).ok_or_else(|| {
        Error::new(Kind::Usage, format!("compare {partition}: it was never published"))
    })?;
    let mut difference = match &flags.with {
        Some(place) => with_object(settings, &lake, model, current, place).await?,
        None => of_versions(&lake, current, flags).await?,
    };
    if !flags.values {
        hide_personal(model, &mut difference.moved);
    }
    Ok(match flags.output.json {
        true => line(&as_json(&partition, &difference)),
        false => as_text(&partition, &difference, flags.limit),
    })
}

/// What is published against the object at `place`.
async fn with_object(
    settings: &Settings,
    lake: &Lake,
    model: &Model,
    current: &Entry,
    place: &str,
) -> Result<Difference> {
    if model.grain.is_empty() {
        let what = format!("compare {}: nothing identifies a row of it", model.name);
        return Err(Error::new(Kind::Usage, what));
    }
    let wrong = |what: String| Error::new(Kind::Usage, format!("compare with {place}: {what}"));
    let (root, file) = match place.rsplit_once('/') {
        Some((root, file)) if file.ends_with(".parquet") => (root, Some(file)),
        None if place.ends_with(".parquet") => (".", Some(place)),
        _ => (place, None),
    };
    let location = Location::parse(root).map_err(wrong)?;
    let other = Lake::open_for_reading(&location, settings.patience)?;
    let key = match file {
        Some(file) => other.key(file),
        None => other.partition_key(&current.partition),
    };
    let before = other.read_key(&key).await?.ok_or_else(|| wrong("there is none".to_string()))?;
    let key = lake.partition_key(&current.partition);
    let after = lake.read_key(&key).await?.ok_or_else(|| {
        Error::new(Kind::Storage, format!("compare {}: its object is gone", current.partition))
    })?;
    Ok(Difference {
        before: place.to_string(),
        after: told(current.version, &current.run_id, &current.reason),
        moved: moved::between(before, after, &model.grain)?,
    })
}

/// What moved between two versions of `current`'s partition, as it is kept.
async fn of_versions(lake: &Lake, current: &Entry, flags: &DiffFlags) -> Result<Difference> {
    let kept = &current.restatements;
    let Some(latest) = kept.last() else {
        let what = format!(
            "compare versions of {}: nothing that moved of it is kept; hold it against another \
             warehouse or a copy, by --with",
            current.partition
        );
        return Err(Error::new(Kind::Usage, what));
    };
    let to = flags.to_version.unwrap_or(latest.version);
    let from = flags.from_version.unwrap_or(to.saturating_sub(1));
    if from < 1 || from >= to || to > current.version {
        let what = format!(
            "compare versions {from} and {to} of {}: expected an earlier and a later one of 1 to {}",
            current.partition, current.version
        );
        return Err(Error::new(Kind::Usage, what));
    }
    let between = kept.iter().filter(|kept| from < kept.version && kept.version <= to);
    let between: Vec<&Restatement> = between.collect();
    let mut moved = vec![];
    for restatement in &between {
        moved.push(read(lake, restatement).await?);
    }
    let after = match between.last() {
        Some(last) => told(last.version, &last.run_id, &last.reason),
        None => format!("version {to}"),
    };
    Ok(Difference { before: format!("version {from}"), after, moved: in_sum(moved) })
}

fn told(version: u64, run_id: &str, reason: &str) -> String {
    format!("version {version} by run {run_id} ({reason})")
}

/// What a version moved, as it was kept.
async fn read(lake: &Lake, restatement: &Restatement) -> Result<Vec<Moved>> {
    let hash = restatement.content_hash;
    let Some(text) = RESTATEMENTS.read(lake, hash).await? else {
        return Ok(vec![Moved::unknown()]);
    };
    serde_json::from_str(&text).context(Kind::Storage, || {
        format!("read what moved of a metric, {hash}: it is damaged; delete it")
    })
}

/// What several versions moved one after the other, in sum: from what it was before the first to
/// what it is after the last. What came back to where it was did not move.
fn in_sum(versions: Vec<Vec<Moved>>) -> Vec<Moved> {
    let mut sum: BTreeMap<(String, String), Moved> = BTreeMap::new();
    for moved in versions.into_iter().flatten() {
        let place = (moved.dimensions.clone(), moved.column.clone());
        match sum.remove(&place) {
            None => {
                sum.insert(place, moved);
            }
            Some(earlier) => {
                let kind = match (earlier.kind, moved.kind) {
                    (MovedKind::Unknown, _) | (_, MovedKind::Unknown) => MovedKind::Unknown,
                    // There neither before nor after.
                    (MovedKind::Appeared, MovedKind::Vanished) => continue,
                    (MovedKind::Appeared, _) => MovedKind::Appeared,
                    (_, MovedKind::Vanished) => MovedKind::Vanished,
                    _ => MovedKind::Changed,
                };
                let is_back = kind == MovedKind::Changed && earlier.before == moved.after;
                if !is_back {
                    sum.insert(place, Moved { kind, before: earlier.before, ..moved });
                }
            }
        }
    }
    sum.into_values().collect()
}

const HIDDEN: &str = "***";

/// Hides the values of columns that hold personal data.
fn hide_personal(model: &Model, moved: &mut [Moved]) {
    let columns = model.contract.iter().flat_map(|contract| &contract.columns);
    let personal = columns.filter(|column| column.personal.is_some());
    let personal: BTreeSet<&str> = personal.map(|column| column.name.value.as_str()).collect();
    // Of a column that the contract has no longer nobody knows.
    let is_known = |name: &str| name == "*" || model.schema.index_of(name).is_ok();
    for one in moved {
        if personal.contains(one.column.as_str()) || !is_known(&one.column) {
            for value in [&mut one.before, &mut one.after] {
                *value = value.take().map(|_| HIDDEN.to_string());
            }
        }
        if let Ok(Value::Object(mut dimensions)) = serde_json::from_str(&one.dimensions) {
            for (name, value) in &mut dimensions {
                if personal.contains(name.as_str()) && !value.is_null() {
                    *value = HIDDEN.into();
                }
            }
            one.dimensions = Value::Object(dimensions).to_string();
        }
    }
}

/// What moved of one column.
#[derive(Debug, Default, PartialEq)]
struct OfColumn {
    changed_count: u64,
    appeared_count: u64,
    vanished_count: u64,
}

fn by_column(moved: &[Moved]) -> BTreeMap<&str, OfColumn> {
    let mut columns: BTreeMap<&str, OfColumn> = BTreeMap::new();
    for one in moved {
        let column = columns.entry(&one.column).or_default();
        match one.kind {
            MovedKind::Changed | MovedKind::Unknown => column.changed_count += 1,
            MovedKind::Appeared => column.appeared_count += 1,
            MovedKind::Vanished => column.vanished_count += 1,
        }
    }
    columns
}

fn as_json(partition: &Partition, difference: &Difference) -> Value {
    let columns: BTreeMap<&str, Value> = by_column(&difference.moved)
        .into_iter()
        .map(|(name, column)| {
            let OfColumn { changed_count, appeared_count, vanished_count } = column;
            let counts = json!({
                "changed_count": changed_count,
                "appeared_count": appeared_count,
                "vanished_count": vanished_count,
            });
            (name, counts)
        })
        .collect();
    json!({
        "table": partition.table,
        "dt": partition.dt,
        "before": difference.before,
        "after": difference.after,
        "columns": columns,
        "moved": difference.moved,
    })
}

fn as_text(partition: &Partition, difference: &Difference, limit: usize) -> String {
    let Difference { before, after, moved } = difference;
    let mut text = format!("{partition}: from {before} to {after}\n");
    if moved.is_empty() {
        text.push_str("nothing differs\n");
        return text;
    }
    for (name, column) in by_column(moved) {
        let counts = [
            (column.changed_count, "changed"),
            (column.appeared_count, "appeared"),
            (column.vanished_count, "vanished"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, how)| format!("{count} {how}")).collect();
        let _ = writeln!(text, "  {name}: {}", counts.join(", "));
    }
    for one in moved.iter().take(limit) {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_string());
        let (before, after) = (value(&one.before), value(&one.after));
        let Moved { dimensions, column, kind, .. } = one;
        let _ = match kind {
            MovedKind::Unknown => writeln!(text, "what it was before is not known any more"),
            MovedKind::Changed => writeln!(text, "{dimensions} {column}: {before} -> {after}"),
            MovedKind::Appeared => writeln!(text, "{dimensions} {column}: appeared, {after}"),
            MovedKind::Vanished => writeln!(text, "{dimensions} {column}: vanished, {before}"),
        };
    }
    if moved.len() > limit {
        let _ = writeln!(text, "and {} more", moved.len() - limit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_versions_moved_one_after_the_other_is_told_in_sum() {
        use MovedKind::*;
        let moved = |row: &str, kind, before: &str, after: &str| {
            let value = |text: &str| (text != "-").then(|| text.to_string());
            let (before, after) = (value(before), value(after));
            Moved { dimensions: row.to_string(), column: "c".to_string(), kind, before, after }
        };
        let versions = vec![
            vec![
                moved("a", Changed, "1", "2"),
                moved("b", Changed, "1", "2"),
                moved("c", Appeared, "-", "1"),
                moved("d", Appeared, "-", "1"),
                moved("e", Vanished, "1", "-"),
                moved("f", Changed, "1", "2"),
            ],
            vec![
                moved("a", Changed, "2", "3"),
                moved("b", Changed, "2", "1"),
                moved("c", Changed, "1", "5"),
                moved("d", Vanished, "1", "-"),
                moved("e", Appeared, "-", "7"),
                moved("f", Vanished, "2", "-"),
                moved("g", Changed, "8", "9"),
            ],
        ];
        let expected = [
            moved("a", Changed, "1", "3"),
            moved("c", Appeared, "-", "5"),
            moved("e", Changed, "1", "7"),
            moved("f", Vanished, "1", "-"),
            moved("g", Changed, "8", "9"),
        ];
        assert_eq!(in_sum(versions), expected);
    }
}
