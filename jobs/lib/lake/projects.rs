//! The projects that tables were built from: each version of the models, contracts and sources as
//! it was when something was built with it, so that a later look can tell what changed since.
//!
//! One compressed object a version, named by its content: what is the same is written once.

use std::io::Read as _;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _, PutPayload};

use crate::errors::{Context as _, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::{Lake, OWN, damage};

/// The area's folder.
const AREA: &str = "projects";

const ENDING: &str = ".json.zst";

/// Keeps `text`, a version of a project; tells by which hash it is found again.
pub async fn keep(lake: &Lake, text: &str) -> Result<ContentHash> {
    let hash = ContentHash::of(text.as_bytes());
    let key = key(lake, hash);
    match lake.store.head(&key).await {
        Ok(_) => return Ok(hash),
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(lake.trouble("look at", &key, error)),
    }
    let bytes = zstd::encode_all(text.as_bytes(), 3)
        .context(Kind::Defect, || "compress a version of the project")?;
    let put = lake.store.put(&key, PutPayload::from(bytes)).await;
    put.map_err(|error| lake.trouble("write", &key, error))?;
    Ok(hash)
}

/// The version that was kept under `hash`; none where it is kept no longer.
pub async fn read(lake: &Lake, hash: ContentHash) -> Result<Option<String>> {
    let key = key(lake, hash);
    let Some(bytes) = lake.get(&key).await? else { return Ok(None) };
    let mut text = String::new();
    zstd::Decoder::new(bytes.as_ref())
        .and_then(|mut decoder| decoder.read_to_string(&mut text))
        .map_err(|error| damage::damaged(lake, &key, error))?;
    Ok(Some(text))
}

/// Every version that is kept, with its object.
pub(super) async fn list(lake: &Lake) -> Result<Vec<(ContentHash, ObjectMeta)>> {
    let objects = lake.list(&lake.key(OWN).join(AREA)).await?;
    let named = objects.into_iter().filter_map(|object| {
        let hash = damage::own_name(&object, ENDING)?.parse().ok()?;
        Some((hash, object))
    });
    Ok(named.collect())
}

fn key(lake: &Lake, hash: ContentHash) -> Path {
    lake.key(OWN).join(AREA).join(format!("{hash}{ENDING}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_version_is_kept_once_and_found_again() {
        let lake = Lake::over(Arc::new(InMemory::new()), "w");
        let hash = keep(&lake, "one").await.unwrap();
        assert_eq!(keep(&lake, "one").await.unwrap(), hash);
        let other = keep(&lake, "two").await.unwrap();
        assert_eq!(lake.list(&lake.key(OWN).join(AREA)).await.unwrap().len(), 2);
        assert_eq!(read(&lake, hash).await.unwrap().as_deref(), Some("one"));
        assert_eq!(read(&lake, other).await.unwrap().as_deref(), Some("two"));
        assert_eq!(read(&lake, ContentHash::of(b"three")).await.unwrap(), None);
    }
}
