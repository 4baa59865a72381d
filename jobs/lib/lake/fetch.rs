//! Reads whole objects, however large and however slowly: a part at a time, so that each request
//! is short and can be tried again, and a reader that takes its time keeps no connection waiting.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResultPayload, ObjectStore, Result};

use crate::hash::{ContentHash, Hasher};

/// Bytes asked for at a time.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Parts that are asked for before they are wanted, the wanted one included.
const PARTS_AT_ONCE: usize = 2;

/// An object's bytes, from the first to the last.
pub enum Content {
    /// A file of this machine.
    File(std::fs::File),
    /// What a store sends.
    Stream(BoxStream<'static, Result<Bytes>>),
}

/// Opens the object at `location`, of about `size` bytes by a listing.
///
/// Errors, here or in the stream: the store's own; [`Error::Precondition`] where the object is
/// replaced while it is read.
pub async fn fetch(store: &Arc<dyn ObjectStore>, location: &Path, size: u64) -> Result<Content> {
    if size > PART_BYTES
        && let Some(parts) = in_parts(store, location).await?
    {
        return Ok(parts);
    }
    let got = store.get_opts(location, GetOptions::new()).await?;
    let is_small = got.meta.size <= PART_BYTES;
    Ok(match got.payload {
        GetResultPayload::File(file, _) => Content::File(file),
        // A small one is taken off the connection before anybody works on it.
        GetResultPayload::Stream(stream) if is_small => {
            let pieces: Vec<Bytes> = stream.try_collect().await?;
            Content::Stream(stream::iter(pieces.into_iter().map(Ok)).boxed())
        }
        GetResultPayload::Stream(stream) => Content::Stream(stream),
    })
}

/// The object in parts; none where it is a file of this machine, or the server has no parts.
async fn in_parts(store: &Arc<dyn ObjectStore>, location: &Path) -> Result<Option<Content>> {
    let first = GetOptions::new().with_range(Some(GetRange::Bounded(0..PART_BYTES)));
    let first = match store.get_opts(location, first).await {
        Ok(first) if matches!(first.payload, GetResultPayload::File(..)) => return Ok(None),
        Ok(first) => first,
        Err(Error::NotSupported { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (size, version) = (first.meta.size, strong(first.meta.e_tag.as_deref()));
    let first = first.bytes().await?;
    let (store, location) = (Arc::clone(store), location.clone());
    let rest = stream::iter(part_starts(first.len() as u64, size)).map(move |start| {
        let range = GetRange::Bounded(start..(start + PART_BYTES).min(size));
        let options = GetOptions::new().with_range(Some(range)).with_if_match(version.clone());
        let (store, location) = (Arc::clone(&store), location.clone());
        async move { store.get_opts(&location, options).await?.bytes().await }
    });
    let rest = rest.buffered(PARTS_AT_ONCE);
    Ok(Some(Content::Stream(stream::once(async { Ok(first) }).chain(rest).boxed())))
}

fn part_starts(first: u64, size: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), |start| Some(start + PART_BYTES))
        .take_while(move |start| *start < size)
}

/// The mark by which a version of an object can be asked for: a weak one never matches.
fn strong(e_tag: Option<&str>) -> Option<String> {
    e_tag.filter(|e_tag| !e_tag.starts_with("W/")).map(ToString::to_string)
}

/// The hash of the bytes of the object at `location`, of about `size` bytes.
pub async fn hash_of(
    store: &Arc<dyn ObjectStore>,
    location: &Path,
    size: u64,
) -> Result<ContentHash> {
    let mut hasher = Hasher::default();
    let mut stream = match fetch(store, location, size).await? {
        Content::Stream(stream) => stream,
        Content::File(_) => store.get_opts(location, GetOptions::new()).await?.into_stream(),
    };
    while let Some(piece) = stream.try_next().await? {
        hasher.update(&piece);
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;

    async fn read(content: Content) -> Result<Vec<u8>> {
        let Content::Stream(stream) = content else { panic!("no stream") };
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn an_object_of_any_size_comes_whole() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("a");
        let part = usize::try_from(PART_BYTES).unwrap();
        for size in [0, 1, part, part + 1, 2 * part, 3 * part + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 1000 % 251) as u8).collect();
            store.put(&path, bytes.clone().into()).await.unwrap();
            // What a listing said may be out of date.
            for told in [size as u64, 0, PART_BYTES * 9] {
                if size == 0 && told > 0 {
                    continue;
                }
                let content = fetch(&store, &path, told).await.unwrap();
                assert!(read(content).await.unwrap() == bytes, "{size} {told}");
            }
            let hash = hash_of(&store, &path, size as u64).await.unwrap();
            assert_eq!(hash, ContentHash::of(&bytes));
        }
    }

    #[tokio::test]
    async fn an_object_that_is_replaced_while_it_is_read_is_no_mixture() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("a");
        let bytes = vec![1; usize::try_from(PART_BYTES).unwrap() * 5];
        store.put(&path, bytes.clone().into()).await.unwrap();
        let content = fetch(&store, &path, bytes.len() as u64).await.unwrap();
        store.put(&path, vec![2; bytes.len()].into()).await.unwrap();
        assert!(matches!(read(content).await, Err(Error::Precondition { .. })));
    }
}
