//! Moves a built object to where readers see it, whole or not at all, however large it is.
//!
//! A local file system renames. Object storage copies on its own side, and then we delete. S3 copies
//! no object that is larger than its limit, neither at once nor, the way object_store asks it to, as
//! a part of an upload: such an object is read and uploaded once more, in parts, and appears when
//! the upload is completed.

use std::time::Duration;

use bytes::BytesMut;
use futures::TryStreamExt as _;
use futures::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStoreExt as _, PutPayload, Result};

use crate::lake::Lake;
use crate::lake::fetch::{Content, fetch};

/// The least that is uploaded at a time, in bytes.
const LEAST_PART_BYTES: u64 = 16 * 1024 * 1024;

/// Parts of an upload that there may be: S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;

/// Parts that are uploaded side by side.
const PARTS_AT_ONCE: usize = 3;

/// How long a store may take to remove the parts of an upload that was given up.
const GOODBYE: Duration = Duration::from_secs(5);

/// Moves the object at `from`, of `size` bytes, over what is at `to`.
///
/// Errors: [`Error::NotFound`] where there is none at `from`: then nothing is changed.
pub(super) async fn move_object(lake: &Lake, from: &Path, to: &Path, size: u64) -> Result<()> {
    if lake.copy_limit.is_none_or(|limit| size <= limit) {
        return lake.store.rename(from, to).await;
    }
    let content = fetch(&lake.store, from, size).await?;
    let mut upload = lake.store.put_multipart(to).await?;
    let uploaded = async {
        upload_parts(upload.as_mut(), content, part_bytes(size)).await?;
        // While it was read and uploaded, another run may have taken the publish over, finished it
        // and published what it built since: then it has deleted what we read, and this upload must
        // not appear over it.
        lake.store.head(from).await?;
        upload.complete().await
    };
    if let Err(error) = uploaded.await {
        // One that a killed run leaves is nobody's to see; a rule of the bucket removes it.
        let _ = tokio::time::timeout(GOODBYE, upload.abort()).await;
        return Err(error);
    }
    lake.store.delete(from).await
}

/// How much is uploaded at a time of an object of `size` bytes.
fn part_bytes(size: u64) -> usize {
    usize::try_from(LEAST_PART_BYTES.max(size.div_ceil(MOST_PARTS))).unwrap_or(usize::MAX)
}

/// Uploads the content in parts of equal size, but for the last.
async fn upload_parts(
    upload: &mut dyn MultipartUpload,
    content: Content,
    part_bytes: usize,
) -> Result<()> {
    let Content::Stream(mut pieces) = content else {
        let source = "a file of this machine is renamed, not copied in parts".into();
        return Err(Error::NotSupported { source });
    };
    let mut part = BytesMut::new();
    let mut uploads = FuturesUnordered::new();
    while let Some(mut piece) = pieces.try_next().await? {
        while !piece.is_empty() {
            let fits = (part_bytes - part.len()).min(piece.len());
            part.extend_from_slice(&piece.split_to(fits));
            if part.len() < part_bytes {
                continue;
            }
            uploads.push(upload.put_part(PutPayload::from(part.split().freeze())));
            if uploads.len() == PARTS_AT_ONCE {
                uploads.try_next().await?;
            }
        }
    }
    if !part.is_empty() {
        uploads.push(upload.put_part(PutPayload::from(part.freeze())));
    }
    while uploads.try_next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStore;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn an_object_above_the_limit_arrives_whole() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let lake = Lake::over(Arc::clone(&store), "w").with_copy_limit(10);
        let (from, to) = (Path::from("from"), Path::from("to"));
        let part = usize::try_from(LEAST_PART_BYTES).unwrap();
        for size in [9, 10, 11, part, part + 1, 4 * part, 4 * part + 5] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 1000 % 251) as u8).collect();
            store.put(&from, bytes.clone().into()).await.unwrap();
            move_object(&lake, &from, &to, size as u64).await.unwrap();
            let arrived = store.get(&to).await.unwrap().bytes().await.unwrap();
            assert!(arrived == bytes, "{size}");
            let again = move_object(&lake, &from, &to, size as u64).await;
            assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
        }
    }

    #[test]
    fn no_object_has_too_many_parts() {
        let terabyte: u64 = 1 << 40;
        for size in [1, 6_000_000_000, 150_000_000_000, 5 * terabyte] {
            assert!(size.div_ceil(part_bytes(size) as u64) <= 10_000, "{size}");
        }
    }
}
