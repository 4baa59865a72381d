//! Whom an erasure is of: what identifies the persons and nobody else, and how their rows describe
//! them.

use std::collections::BTreeSet;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::Utc;

use crate::build::Workshop;
use crate::build::erase::Persons;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::exports::erasing::{Description, Erasing, Identifier, Roles, Secret};
use crate::lake::erasures::Erasure;
use crate::lake::rows::Rows;
use crate::lake::{Partition, TableName};

/// Whom nobody was asked to erase yet, of `persons`.
pub(super) async fn find(
    workshop: &Workshop,
    secret: &Secret,
    lists: &[Erasure],
    persons: &Persons,
    run_id: &str,
) -> Result<Erasure> {
    let mut wanted = Erasure {
        id: uuid::Uuid::now_v7().to_string(),
        asked_at: Utc::now(),
        run_id: run_id.to_string(),
        key_check: secret.check(),
        customers: BTreeSet::new(),
        namespaces: BTreeSet::new(),
        identifiers: BTreeSet::new(),
        descriptions: BTreeSet::new(),
    };
    let mut found: BTreeSet<Identifier> = BTreeSet::new();
    let erasing = workshop.erasing_of(secret.clone(), &[]);
    for (number, written) in persons.identifiers.iter().enumerate() {
        let read =
            written.split_once(':').and_then(|(system, key)| erasing.read(system.trim(), key));
        found.insert(read.ok_or_else(|| {
            // Its text is personal.
            let what = format!(
                "read identifier {}: expected `namespace:value`, such as `email:…`, `phone:…` or a \
                 key of a system, `crm:…`",
                number + 1
            );
            Error::new(Kind::Usage, what)
        })?);
    }
    let asked_before: BTreeSet<_> = lists.iter().flat_map(|list| &list.customers).collect();
    let customers = persons.customers.iter().filter(|id| {
        // Its records have other names by now, and its identifiers are listed.
        !asked_before.contains(&secret.hash_of_customer(id))
    });
    let customers: BTreeSet<&str> = customers.map(String::as_str).collect();
    if !customers.is_empty() {
        found.extend(identifiers_of(workshop, &erasing, &customers).await?);
    }
    wanted.customers = customers.iter().map(|id| secret.hash_of_customer(id)).collect();
    let known: BTreeSet<_> = lists.iter().flat_map(|list| &list.identifiers).collect();
    for identifier in found {
        let hash = secret.hash(&identifier);
        if !known.contains(&hash) {
            wanted.namespaces.insert(identifier.namespace);
            wanted.identifiers.insert(hash);
        }
    }
    wanted.descriptions = descriptions_of(workshop, secret, &wanted).await?;
    Ok(wanted)
}

/// What identifies the customers and nobody else: the names of their records, and what these carry.
async fn identifiers_of(
    workshop: &Workshop,
    erasing: &Erasing,
    customers: &BTreeSet<&str>,
) -> Result<BTreeSet<Identifier>> {
    let mut missing = customers.clone();
    let mut records = BTreeSet::new();
    let mut map = latest_rows(workshop, "identity_map").await?;
    while let Some(batch) = next(&mut map).await? {
        let (ids, names) = (texts(&batch, "customer_id")?, texts(&batch, "record_id")?);
        for (id, name) in ids.iter().zip(names).filter_map(|(id, name)| id.clone().zip(name)) {
            if customers.contains(id.as_str()) {
                missing.remove(id.as_str());
                records.insert(name);
            }
        }
    }
    if let Some(id) = missing.first() {
        let what = format!("find customer `{id}`: identity.identity_map has none of this id");
        return Err(Error::new(Kind::Usage, what));
    }
    let split =
        |text: &str| text.split_once(':').and_then(|(system, key)| erasing.read(system, key));
    let carried = |kind: &str, value: &str| match kind {
        "email" | "phone" => erasing.read(kind, value),
        "loyalty_id" => erasing.read("loyalty", value),
        _ => split(value),
    };
    let mut own: BTreeSet<Identifier> = records.iter().filter_map(|name| split(name)).collect();
    // Twice over all: what others carry is not kept, there may be millions of them.
    for is_of_others in [false, true] {
        let mut identifiers = latest_rows(workshop, "record_identifiers").await?;
        while let Some(batch) = next(&mut identifiers).await? {
            let names = texts(&batch, "record_id")?;
            let (kinds, values) = (texts(&batch, "kind")?, texts(&batch, "value")?);
            for ((name, kind), value) in names.into_iter().zip(kinds).zip(values) {
                let (Some(name), Some(kind), Some(value)) = (name, kind, value) else { continue };
                let is_own = records.contains(&name);
                match carried(&kind, &value) {
                    Some(identifier) if is_own && !is_of_others => {
                        own.insert(identifier);
                    }
                    // What somebody else has too is theirs to keep.
                    Some(identifier) if !is_own && is_of_others => {
                        own.remove(&identifier);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(own)
}

/// How the rows of those who are wanted describe them, wherever a source has names and days of birth.
async fn descriptions_of(
    workshop: &Workshop,
    secret: &Secret,
    wanted: &Erasure,
) -> Result<BTreeSet<Description>> {
    let mut descriptions = BTreeSet::new();
    if wanted.identifiers.is_empty() {
        return Ok(descriptions);
    }
    let erasing = workshop.erasing_of(secret.clone(), std::slice::from_ref(wanted));
    for (source, partition) in workshop.raw_partitions().await {
        let roles = Roles::of(&source);
        if !roles.describe_persons() {
            continue;
        }
        let mut rows = Rows::of(&workshop.warehouse, &partition).await?;
        while let Some(batch) = next(&mut rows).await? {
            descriptions.extend(erasing.descriptions(&roles, &batch)?);
        }
    }
    Ok(descriptions)
}

/// The rows of the latest day of a table of identities.
async fn latest_rows(workshop: &Workshop, table: &str) -> Result<Option<Rows>> {
    let table = TableName::new("identity", table);
    let latest: Option<Partition> = {
        let published = workshop.published.read().await;
        published.ledger.partitions(&table).last().map(|entry| entry.partition.clone())
    };
    match latest {
        Some(latest) => Rows::of(&workshop.warehouse, &latest).await,
        None => Ok(None),
    }
}

/// The next rows of what may not be there.
async fn next(rows: &mut Option<Rows>) -> Result<Option<RecordBatch>> {
    match rows {
        Some(rows) => rows.next().await,
        None => Ok(None),
    }
}

/// The texts of a column.
fn texts(batch: &RecordBatch, column: &str) -> Result<Vec<Option<String>>> {
    let failed = || format!("read column `{column}`");
    let array = batch.column_by_name(column);
    let array = array.ok_or_else(|| Error::new(Kind::Defect, failed()))?;
    let array = cast(array, &DataType::Utf8).context(Kind::Defect, failed)?;
    Ok(array.as_string::<i32>().iter().map(|text| text.map(ToString::to_string)).collect())
}
