//! Objects that are no table: a folder of files that somebody else will read.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::Lake;
use crate::errors::{Error, Kind, Result};

/// The object by which [`Lake::try_to_write`] finds out whether it may write.
const PROBE: &str = "_rapport_probe";

impl Lake {
    /// Writes one object below the root, over one that is there.
    ///
    /// Readers see it whole or not at all. Errors: `Storage`, or `Usage` where we may not write.
    pub async fn put_object(&self, relative: &str, bytes: Bytes) -> Result<()> {
        let key = self.key(relative);
        let put = self.store.put(&key, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| self.refused_or_trouble("write", &key, error))
    }

    /// One object below the root; none where there is none.
    pub async fn read_object(&self, relative: &str) -> Result<Option<Bytes>> {
        self.get(&self.key(relative)).await
    }

    /// The bytes of the object at `key`; none where there is no such object.
    pub async fn read_key(&self, key: &Path) -> Result<Option<Bytes>> {
        self.get(key).await
    }

    /// Deletes an object below the root, and what killed writers left of it.
    pub async fn delete_object(&self, relative: &str) -> Result<()> {
        let key = self.key(relative);
        self.delete(&key).await?;
        let Some((folder, name)) = relative.rsplit_once('/') else {
            return self.delete_torn(&self.key(""), |torn| is_torn_of(torn, relative));
        };
        self.delete_torn(&self.key(folder), |torn| is_torn_of(torn, name))
    }

    /// The paths of all objects below `folder` (the empty text: the root), relative to the root.
    pub async fn list_objects(&self, folder: &str) -> Result<Vec<String>> {
        let objects = self.list(&self.key(folder)).await?;
        let relative = |location: &Path| {
            let parts = location.prefix_match(&self.root)?;
            let parts: Vec<_> = parts.map(|part| part.as_ref().to_string()).collect();
            Some(parts.join("/"))
        };
        Ok(objects.iter().filter_map(|object| relative(&object.location)).collect())
    }

    /// Writes a small object and takes it away again.
    ///
    /// Errors: `Usage` where we may not write there, `Storage` where it cannot be reached.
    pub async fn try_to_write(&self) -> Result<()> {
        self.put_object(PROBE, Bytes::from_static(b"may be deleted\n")).await?;
        self.delete_object(PROBE).await
    }

    /// Tells a place that will never be writable from one that is in trouble just now.
    fn refused_or_trouble(&self, verb: &str, key: &Path, error: object_store::Error) -> Error {
        use std::io::ErrorKind;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(reason) = cause {
            let io = reason.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if let Some(
                ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::NotADirectory
                | ErrorKind::InvalidFilename,
            ) = io
            {
                let message = format!("{verb} `{key}` of `{}`", self.name);
                return Error::new(Kind::Usage, message).because(error);
            }
            cause = reason.source();
        }
        self.trouble(verb, key, error)
    }
}

/// Whether the file `torn` is a copy that a killed writer of `name` left half done.
fn is_torn_of(torn: &str, name: &str) -> bool {
    torn.rsplit_once('#').is_some_and(|(of, _)| of == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Location, Patience};

    #[tokio::test]
    async fn objects_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let lake =
            Lake::open(&Location::Folder(folder.path().join("a/b")), Patience::default()).unwrap();
        lake.try_to_write().await.unwrap();
        assert!(lake.list_objects("").await.unwrap().is_empty());
        lake.put_object("x/1.csv", Bytes::from_static(b"one")).await.unwrap();
        lake.put_object("2.csv", Bytes::from_static(b"two")).await.unwrap();
        std::fs::write(folder.path().join("a/b/x/1.csv#3"), "tor").unwrap();
        assert_eq!(lake.list_objects("").await.unwrap(), ["2.csv", "x/1.csv"]);
        assert_eq!(lake.list_objects("x").await.unwrap(), ["x/1.csv"]);
        assert_eq!(lake.read_object("2.csv").await.unwrap().as_deref(), Some(&b"two"[..]));
        lake.delete_object("x/1.csv").await.unwrap();
        lake.delete_object("x/1.csv").await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("a/b/x")).unwrap().count(), 0);
        assert_eq!(lake.read_object("x/1.csv").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_folder_below_a_file_will_never_be_writable() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(&Location::Folder(folder.path().to_path_buf()), Patience::default())
            .unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = lake.put_object("file/x", Bytes::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{}", error.chain());
    }
}
