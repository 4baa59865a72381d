//! Texts that are kept below `_rapport/` by what they say: the projects that tables were built from,
//! each version of the models, contracts and sources as it was when something was built with it; and
//! what moved of figures that were published anew.
//!
//! One compressed object a text, named by its content: what is the same is written once.

use std::io::Read as _;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _, PutPayload};

use crate::errors::{Context as _, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::{Lake, OWN, damage};

/// A folder of texts.
#[derive(Debug, Clone, Copy)]
pub struct Texts(&'static str);

/// Versions of the project, which later looks hold against what it is then.
pub const PROJECTS: Texts = Texts("projects");

/// What moved of published figures.
pub const RESTATEMENTS: Texts = Texts("restatements");

const ENDING: &str = ".json.zst";

impl Texts {
    /// Keeps `text`; tells by which hash it is found again.
    pub async fn keep(self, lake: &Lake, text: &str) -> Result<ContentHash> {
        let hash = ContentHash::of(text.as_bytes());
        let key = self.key(lake, hash);
        match lake.store.head(&key).await {
            Ok(_) => return Ok(hash),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(lake.trouble("look at", &key, error)),
        }
        let bytes =
            zstd::encode_all(text.as_bytes(), 3).context(Kind::Defect, || "compress a text")?;
        let put = lake.store.put(&key, PutPayload::from(bytes)).await;
        put.map_err(|error| lake.trouble("write", &key, error))?;
        Ok(hash)
    }

    /// The text that was kept under `hash`; none where it is kept no longer.
    pub async fn read(self, lake: &Lake, hash: ContentHash) -> Result<Option<String>> {
        let key = self.key(lake, hash);
        let Some(bytes) = lake.get(&key).await? else { return Ok(None) };
        let mut text = String::new();
        zstd::Decoder::new(bytes.as_ref())
            .and_then(|mut decoder| decoder.read_to_string(&mut text))
            .map_err(|error| damage::damaged(lake, &key, error))?;
        Ok(Some(text))
    }

    /// Every text that is kept, with its object.
    pub(super) async fn list(self, lake: &Lake) -> Result<Vec<(ContentHash, ObjectMeta)>> {
        let objects = lake.list(&lake.key(OWN).join(self.0)).await?;
        let named = objects.into_iter().filter_map(|object| {
            let hash = damage::own_name(&object, ENDING)?.parse().ok()?;
            Some((hash, object))
        });
        Ok(named.collect())
    }

    fn key(self, lake: &Lake, hash: ContentHash) -> Path {
        lake.key(OWN).join(self.0).join(format!("{hash}{ENDING}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_text_is_kept_once_and_found_again() {
        let lake = Lake::over(Arc::new(InMemory::new()), "w");
        let hash = PROJECTS.keep(&lake, "one").await.unwrap();
        assert_eq!(PROJECTS.keep(&lake, "one").await.unwrap(), hash);
        let other = PROJECTS.keep(&lake, "two").await.unwrap();
        assert_eq!(PROJECTS.list(&lake).await.unwrap().len(), 2);
        assert_eq!(PROJECTS.read(&lake, hash).await.unwrap().as_deref(), Some("one"));
        assert_eq!(PROJECTS.read(&lake, other).await.unwrap().as_deref(), Some("two"));
        assert_eq!(PROJECTS.read(&lake, ContentHash::of(b"three")).await.unwrap(), None);
        assert_eq!(RESTATEMENTS.read(&lake, hash).await.unwrap(), None);
    }
}
