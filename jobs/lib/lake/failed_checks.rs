//! Where the rows lie that broke a partition's checks: one object a check, for people and for no
//! reader of tables, until the partition's next build.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;

use crate::errors::Result;
use crate::lake::{Lake, OWN, Partition, TableName};

/// The area's folder.
const AREA: &str = "failed_checks";

const ENDING: &str = ".parquet";

/// The key of the object for the rows of `partition` that broke `check`.
pub fn key(lake: &Lake, partition: &Partition, check: &str) -> Path {
    folder(lake, partition).join(file_name(check))
}

/// The object as people find it: the warehouse's location and the path below it.
pub fn place(lake: &Lake, key: &Path) -> String {
    let mut place = lake.name().trim_end_matches('/').to_string();
    for part in key.prefix_match(lake.root()).into_iter().flatten() {
        place.push('/');
        place.push_str(part.as_ref());
    }
    place
}

/// Removes what is kept of `partition`, other than the rows of `checks`.
pub async fn keep_only<'a>(
    lake: &Lake,
    partition: &Partition,
    checks: impl IntoIterator<Item = &'a str>,
) -> Result<()> {
    let names: BTreeSet<String> = checks.into_iter().map(file_name).collect();
    let folder = folder(lake, partition);
    for object in lake.list(&folder).await? {
        if object.location.filename().is_none_or(|name| !names.contains(name)) {
            lake.delete(&object.location).await?;
        }
    }
    lake.delete_torn(&folder, |_| true)
}

/// The partitions of which any rows are kept.
pub async fn partitions(lake: &Lake) -> Result<BTreeSet<Partition>> {
    Ok(checks(lake).await?.into_keys().collect())
}

/// The checks of which any rows are kept, by partition, as their objects are named.
pub async fn checks(lake: &Lake) -> Result<BTreeMap<Partition, Vec<String>>> {
    let area = area(lake);
    let mut found: BTreeMap<Partition, Vec<String>> = BTreeMap::new();
    for object in lake.list(&area).await? {
        let Some(parts) = object.location.prefix_match(&area) else { continue };
        let parts: Vec<_> = parts.collect();
        let [zone, table, dt, file] = parts.as_slice() else { continue };
        let Some(Ok(dt)) = dt.as_ref().strip_prefix("dt=").map(str::parse) else { continue };
        let Some(check) = file.as_ref().strip_suffix(ENDING) else { continue };
        let partition = Partition { table: TableName::new(zone.as_ref(), table.as_ref()), dt };
        found.entry(partition).or_default().push(check.to_string());
    }
    Ok(found)
}

/// The folder below which all rows are kept.
pub(super) fn area(lake: &Lake) -> Path {
    lake.key(OWN).join(AREA)
}

/// Whether the object that is named `name`, without its ending, holds the rows that broke `check`.
pub fn is_of(name: &str, check: &str) -> bool {
    file_name(check).strip_suffix(ENDING) == Some(name)
}

fn folder(lake: &Lake, partition: &Partition) -> Path {
    area(lake)
        .join(partition.table.zone.as_str())
        .join(partition.table.table.as_str())
        .join(format!("dt={}", partition.dt))
}

/// The name of a check's object, fit for any shell: `unique(order_id, line)` is
/// `unique-order_id-line.parquet`. Different checks have different names, for columns and a
/// table's own checks are named without hyphens.
fn file_name(check: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let parts: Vec<_> =
        check.split(|letter| !is_part(letter)).filter(|part| !part.is_empty()).collect();
    format!("{}{ENDING}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_found_again_and_removed_by_its_check() {
        let lake = Lake::over(Arc::new(InMemory::new()), "memory://lake/");
        let table = TableName::new("marts", "orders");
        let partition = Partition { table, dt: "2024-02-29".parse().unwrap() };
        let checks = ["unique(order_id, line)", "references(a, marts.b.c)", "is_odd"];
        for check in checks {
            lake.overwrite(&key(&lake, &partition, check), &0).await.unwrap();
        }
        let place = place(&lake, &key(&lake, &partition, checks[1]));
        let folder = "memory://lake/_rapport/failed_checks/marts/orders/dt=2024-02-29";
        assert_eq!(place, format!("{folder}/references-a-marts.b.c.parquet"));
        assert_eq!(partitions(&lake).await.unwrap(), BTreeSet::from([partition.clone()]));
        keep_only(&lake, &partition, ["is_odd", "is_even"]).await.unwrap();
        let left = lake.list(&self::folder(&lake, &partition)).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].location, key(&lake, &partition, "is_odd"));
        keep_only(&lake, &partition, []).await.unwrap();
        assert_eq!(partitions(&lake).await.unwrap(), BTreeSet::new());
    }
}
