//! The lake: object storage, and the only room that writes to it.
//!
//! Knows where things lie, how a partition is published so that a reader never sees half of one,
//! who may publish it (leases) and what was published from what (the ledger). Does not know what
//! a table means, nor how its rows are made.
//!
//! ```text
//! <warehouse>/<zone>/<table>/dt=YYYY-MM-DD/data.parquet     what readers see: nothing else
//! <warehouse>/_rapport/work/…      built, not yet published
//! <warehouse>/_rapport/intents/…   published halfway: rolled forward by whoever comes next
//! <warehouse>/_rapport/leases/…    who is building what
//! <warehouse>/_rapport/ledger/…    what was published, when, from what, by which run
//! <warehouse>/_rapport/runs/…      the runs and their results
//! <warehouse>/_rapport/projects/…  the models and contracts that tables were built from
//! <warehouse>/_rapport/restatements/…   what moved of figures that were published anew
//! <warehouse>/_rapport/erasures/…  who must not come back, and the proofs that they are gone
//! <warehouse>/_rapport/failed_checks/<zone>/<table>/dt=YYYY-MM-DD/<check>.parquet     bad rows
//! ```

mod connect;
mod damage;
pub mod erasures;
pub mod failed_checks;
pub mod fetch;
pub mod lease;
pub mod ledger;
mod objects;
pub mod parquet_sink;
pub mod publish;
pub mod rows;
pub mod runs;
#[cfg(test)]
mod tests;
pub mod texts;
mod transfer;
mod trouble;
pub mod vacuum;
pub mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{Location, Patience};
use crate::dates::Day;
use crate::errors::{Context as _, Error, Kind, Result};
pub use trouble::{failure, kind_of};

/// The folder of a warehouse that is Rapport's own.
const OWN: &str = "_rapport";

/// A table's name: its zone and its own name, written `zone.table`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The layer of the warehouse: `raw`, `staging`, `identity`, `marts`, `metrics`, `quarantine`.
    pub zone: String,
    /// The name within the zone.
    pub table: String,
}

impl TableName {
    /// The name `zone.table`.
    pub fn new(zone: impl Into<String>, table: impl Into<String>) -> Self {
        TableName { zone: zone.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.zone, self.table)
    }
}

impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (zone, table) = text.split_once('.').ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a table's name, expected zone.table"))
        })?;
        Ok(TableName::new(zone, table))
    }
}

/// One partition of a table: the unit that is built and published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The table.
    pub table: TableName,
    /// The day.
    pub dt: Day,
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} dt={}", self.table, self.dt)
    }
}

/// An object store and the folder in it that is ours.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    root: Path,
    name: String,
    /// Where it lies on this machine; none elsewhere.
    folder: Option<PathBuf>,
    /// The largest object that the store copies on its own side, in bytes; none where any is.
    copy_limit: Option<u64>,
}

impl Lake {
    /// Opens the place for reading and writing; a local folder is made where it is missing.
    /// Remote storage is not asked yet; when it is, it is waited for with `patience`.
    ///
    /// Errors: [`Kind::Usage`] where the location cannot be used at all.
    pub fn open(location: &Location, patience: Patience) -> Result<Lake> {
        if let Location::Folder(path) = location {
            std::fs::create_dir_all(path).map_err(|error| {
                Error::new(Kind::Usage, format!("create folder `{}`", path.display()))
                    .because(error)
            })?;
        }
        Lake::connect(location, patience)
    }

    /// Opens the place for reading; a local folder that is missing is an empty place.
    pub fn open_for_reading(location: &Location, patience: Patience) -> Result<Lake> {
        match location {
            Location::Folder(path) if !path.exists() => Ok(Lake {
                store: Arc::new(InMemory::new()),
                root: Path::default(),
                name: location.to_string(),
                folder: None,
                copy_limit: None,
            }),
            _ => Lake::connect(location, patience),
        }
    }

    fn connect(location: &Location, patience: Patience) -> Result<Lake> {
        let name = location.to_string();
        let unusable = |error: object_store::Error| {
            Error::new(Kind::Usage, format!("open `{name}`")).because(error)
        };
        match location {
            Location::Folder(path) => {
                let store = object_store::local::LocalFileSystem::new_with_prefix(path)
                    .map_err(unusable)?;
                let folder = Some(path.clone());
                Ok(Lake { name, folder, ..Lake::over(Arc::new(store), "") })
            }
            Location::Url(url) => {
                let connected = connect::connect(url, patience).map_err(unusable)?;
                let connect::Connected { store, root, copy_limit } = connected;
                Ok(Lake { store, root, name, folder: None, copy_limit })
            }
        }
    }

    /// A lake over a store that is already open.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str) -> Lake {
        let (root, name) = (Path::default(), name.to_string());
        Lake { store, root, name, folder: None, copy_limit: None }
    }

    /// The same, over a store that copies objects of at most `bytes` bytes on its own side.
    #[must_use]
    pub fn with_copy_limit(self, bytes: u64) -> Lake {
        Lake { copy_limit: Some(bytes), ..self }
    }

    /// The store itself, for readers of whole objects.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The folder in the store that all keys start with.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of this machine that it is, where it is one.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// The location as people write it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of `relative`, a `/`-separated path below the root.
    pub fn key(&self, relative: &str) -> Path {
        relative.split('/').filter(|part| !part.is_empty()).fold(self.root.clone(), Path::join)
    }

    /// The key of a partition's object, as readers see it.
    pub fn partition_key(&self, partition: &Partition) -> Path {
        let Partition { table, dt } = partition;
        self.root
            .clone()
            .join(table.zone.as_str())
            .join(table.table.as_str())
            .join(format!("dt={dt}"))
            .join("data.parquet")
    }

    /// The folder of a partition in one of our own areas (`work`, `leases`, `intents`).
    fn own_key(&self, area: &str, partition: &Partition) -> Path {
        self.key(OWN)
            .join(area)
            .join(partition.table.to_string())
            .join(format!("dt={}", partition.dt))
    }

    /// Every published object below the zone folders, by partition: its size in bytes.
    pub async fn inventory(&self, zones: &[&str]) -> Result<BTreeMap<Partition, u64>> {
        let mut found = BTreeMap::new();
        for zone in zones {
            for object in self.list(&self.key(zone)).await? {
                if let Some(partition) = self.parse_partition_key(&object.location) {
                    found.insert(partition, object.size);
                }
            }
        }
        Ok(found)
    }

    /// The size of a partition's object in bytes; none where there is none.
    pub async fn object_size(&self, partition: &Partition) -> Result<Option<u64>> {
        let key = self.partition_key(partition);
        match self.store.head(&key).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble("look at", &key, error)),
        }
    }

    fn parse_partition_key(&self, key: &Path) -> Option<Partition> {
        let parts: Vec<_> = key.prefix_match(&self.root)?.collect();
        let [zone, table, dt, file] = parts.as_slice() else { return None };
        if file.as_ref() != "data.parquet" {
            return None;
        }
        let dt = dt.as_ref().strip_prefix("dt=")?.parse().ok()?;
        Some(Partition { table: TableName::new(zone.as_ref(), table.as_ref()), dt })
    }

    /// A key as people write it: the path below the root.
    fn relative(&self, key: &Path) -> String {
        let parts = key.prefix_match(&self.root).into_iter().flatten();
        let parts: Vec<_> = parts.map(|part| part.as_ref().to_string()).collect();
        parts.join("/")
    }

    /// All objects below `prefix`, by key.
    async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>> {
        let listed: Result<Vec<_>, _> = self.store.list(Some(prefix)).try_collect().await;
        let mut objects = listed.map_err(|error| self.trouble("list", prefix, error))?;
        objects.sort_by(|left, right| left.location.cmp(&right.location));
        Ok(objects)
    }

    /// The object's bytes; none where there is no such object.
    async fn get(&self, key: &Path) -> Result<Option<Bytes>> {
        let got = match self.store.get(key).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble("read", key, error)),
        }
    }

    async fn get_json<T: for<'de> Deserialize<'de>>(&self, key: &Path) -> Result<Option<T>> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|error| damage::damaged(self, key, error))
    }

    /// Writes the object unless one is there already; tells whether it was written.
    async fn create(&self, key: &Path, value: &impl Serialize) -> Result<bool> {
        match self.put(key, value, PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.trouble("write", key, error)),
        }
    }

    async fn overwrite(&self, key: &Path, value: &impl Serialize) -> Result<()> {
        let put = self.put(key, value, PutMode::Overwrite).await;
        put.map_err(|error| self.trouble("write", key, error))
    }

    async fn put(
        &self,
        key: &Path,
        value: &impl Serialize,
        mode: PutMode,
    ) -> Result<(), object_store::Error> {
        let bytes = serde_json::to_vec(value).map_err(|error| object_store::Error::Generic {
            store: "rapport",
            source: Box::new(error),
        })?;
        self.store.put_opts(key, PutPayload::from(bytes), mode.into()).await.map(|_| ())
    }

    /// Deletes the object; one that is gone already is fine.
    async fn delete(&self, key: &Path) -> Result<()> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                let folder = key.as_ref().rsplit_once('/').map(|(folder, _)| Path::parse(folder));
                if let Some(Ok(folder)) = folder {
                    self.remove_if_empty(&folder);
                }
                Ok(())
            }
            Err(error) => Err(self.trouble("delete", key, error)),
        }
    }

    /// Deletes what killed writers left directly below `prefix` of a local folder, where
    /// `is_swept` says so of its name.
    fn delete_torn(&self, prefix: &Path, is_swept: impl Fn(&str) -> bool) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let Ok(entries) = std::fs::read_dir(folder.join(prefix.as_ref())) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if torn_of(name).is_some() && is_swept(name) {
                remove_torn(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Deletes what killed writers left of our own objects anywhere below `prefix` of a local
    /// folder, where nothing was written to it for `age`: its writer is dead, or has been asleep so
    /// long that it may fail.
    fn delete_torn_older_than(&self, prefix: &Path, age: Duration) -> Result<()> {
        let Some(root) = &self.folder else { return Ok(()) };
        let mut folders = vec![root.join(prefix.as_ref())];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let mut has_deleted = false;
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let name = entry.file_name();
                let of = name.to_str().and_then(torn_of).unwrap_or_default();
                let is_own = [".json", ".zst"].iter().any(|ending| of.ends_with(ending));
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                let is_old = written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since > age));
                if is_own && is_old {
                    remove_torn(&entry.path())?;
                    has_deleted = true;
                }
            }
            let is_partitions =
                folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("dt="));
            if has_deleted && is_partitions {
                let _ = std::fs::remove_dir(&folder);
            }
        }
        Ok(())
    }

    /// Removes the local folder of a partition in our area where it is empty: what lies there comes
    /// and goes, and folders would pile up. Whoever writes there next makes it again; those above
    /// stay, for a folder cannot be made below one that is removed in this moment.
    fn remove_if_empty(&self, prefix: &Path) {
        let is_partitions = prefix.filename().is_some_and(|name| name.starts_with("dt="));
        if let Some(folder) = self.folder.as_ref().filter(|_| is_partitions)
            && prefix.prefix_matches(&self.key(OWN))
        {
            let _ = std::fs::remove_dir(folder.join(prefix.as_ref()));
        }
    }

    fn trouble(&self, verb: &str, key: &Path, error: object_store::Error) -> Error {
        failure(format!("{verb} `{key}` of `{}`", self.name), error)
    }
}

/// The name of the object that a local file was to become, where a killed writer left it half
/// created as `<name>#<number>`, which the store itself does not list.
fn torn_of(file_name: &str) -> Option<&str> {
    let (of, number) = file_name.rsplit_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then_some(of)
}

/// Deletes the file; one that is gone already is fine.
fn remove_torn(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.context(Kind::Storage, || format!("delete `{}`", path.display())),
    }
}
