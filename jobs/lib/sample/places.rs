//! The two places that are written to: the exports, and the truth beside them.
//!
//! What a run writes is listed among the truth before it is written, so that a later run can take
//! it away again, and nothing else, however the first one ended.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::config::{Location, Patience};
use crate::errors::{Context as _, Error, Kind, Result};
use crate::lake::Lake;

/// The run's arguments, in the truth's folder.
const RUN: &str = "run.json";

/// The lists of what was written, in the truth's folder.
const WRITTEN: &str = "written";

/// How many objects are written or deleted at once.
pub const CONCURRENCY: usize = 8;

/// What is written together: paths below the two roots.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Exports.
    pub exports: Vec<String>,
    /// Objects of the truth.
    pub truth: Vec<String>,
}

/// The two places, found fit to be written to.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where the exports go.
    pub exports: Lake,
    /// Where the truth goes.
    pub truth: Lake,
    /// Paths of objects that were there before and stay: exports, then truth.
    foreign: [HashSet<String>; 2],
}

impl Places {
    /// Opens both places. What an earlier run wrote there is removed where `overwrite` says so.
    ///
    /// Errors: `Usage` for a place in use (without `overwrite`), or one that cannot be written to;
    /// then nothing was changed. `Storage` where one cannot be reached.
    pub async fn open(exports: &Location, truth: &Location, overwrite: bool) -> Result<Places> {
        for (what, inner, among, outer) in
            [("truth", truth, "exports", exports), ("exports", exports, "truth", truth)]
        {
            if lies_in(inner, outer) {
                let message = format!("the {what} cannot lie among the {among}, in `{outer}`");
                return Err(Error::new(Kind::Usage, message));
            }
        }
        if !overwrite {
            for location in [exports, truth] {
                let used =
                    Lake::open_for_reading(location, Patience::default())?.list_objects("").await?;
                if let Some(first) = used.first() {
                    let message = format!(
                        "`{location}` is in use: it has {} files, such as `{first}` \
                         (--overwrite takes away what an earlier run wrote, and nothing else)",
                        used.len()
                    );
                    return Err(Error::new(Kind::Usage, message));
                }
            }
        }
        let open = |location| Lake::open(location, Patience::default());
        let [exports, truth] = [open(exports)?, open(truth)?];
        exports.try_to_write().await?;
        truth.try_to_write().await?;
        if overwrite {
            remove_written(&exports, &truth).await?;
        }
        let foreign = [
            exports.list_objects("").await?.into_iter().collect(),
            truth.list_objects("").await?.into_iter().collect(),
        ];
        Ok(Places { exports, truth, foreign })
    }

    /// Notes what the run is, before anything else is written.
    pub async fn begin(&self, arguments: &impl Serialize) -> Result<()> {
        self.refuse_foreign(&Written { truth: vec![RUN.to_string()], ..Written::default() })?;
        self.truth.put_object(RUN, json(arguments)?).await
    }

    /// Notes what is about to be written, under the name `name`.
    ///
    /// Errors: `Usage` where something is in its place that no earlier run wrote.
    pub async fn announce(&self, name: &str, written: &Written) -> Result<()> {
        self.refuse_foreign(written)?;
        self.truth.put_object(&format!("{WRITTEN}/{name}.json"), json(written)?).await
    }

    fn refuse_foreign(&self, written: &Written) -> Result<()> {
        let [exports, truth] = &self.foreign;
        let places =
            [(&self.exports, exports, &written.exports), (&self.truth, truth, &written.truth)];
        for (lake, foreign, paths) in places {
            if let Some(path) = paths.iter().find(|path| foreign.contains(*path)) {
                let message = format!(
                    "`{path}` of `{}` is in the way: it was not written by an earlier run with \
                     this place for the truth",
                    lake.name()
                );
                return Err(Error::new(Kind::Usage, message));
            }
        }
        Ok(())
    }
}

/// Whether a place is another one or lies somewhere below it.
fn lies_in(inner: &Location, outer: &Location) -> bool {
    match (inner, outer) {
        (Location::Folder(inner), Location::Folder(outer)) => inner.starts_with(outer),
        (Location::Url(inner), Location::Url(outer)) => {
            let path = |url: &url::Url| {
                let parts = url.path().split('/').filter(|part| !part.is_empty());
                parts.map(str::to_string).collect::<Vec<_>>()
            };
            let is_same_store = inner.scheme() == outer.scheme()
                && inner.host_str() == outer.host_str()
                && inner.port() == outer.port();
            is_same_store && path(inner).starts_with(&path(outer))
        }
        _ => false,
    }
}

fn json(value: &impl Serialize) -> Result<Bytes> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .context(Kind::Defect, || "write a list of files as JSON")?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

/// Deletes what the lists of an earlier run name, and then the lists.
async fn remove_written(exports: &Lake, truth: &Lake) -> Result<()> {
    for list in truth.list_objects(WRITTEN).await? {
        let Some(bytes) = truth.read_object(&list).await? else { continue };
        let written: Written = serde_json::from_slice(&bytes).context(Kind::Usage, || {
            format!("read `{list}` of `{}`, a list of what was written", truth.name())
        })?;
        for (lake, paths) in [(exports, &written.exports), (truth, &written.truth)] {
            // A list that was tampered with must not lead out of the folder.
            let inside = paths.iter().filter(|path| path.split('/').all(|part| part != ".."));
            stream::iter(inside.map(|path| lake.delete_object(path)))
                .buffer_unordered(CONCURRENCY)
                .try_collect::<()>()
                .await?;
        }
        truth.delete_object(&list).await?;
    }
    truth.delete_object(RUN).await
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn at(&self, name: &str) -> Location {
            Location::Folder(self.0.path().join(name))
        }

        async fn open(&self, overwrite: bool) -> Result<Places> {
            Places::open(&self.at("exports"), &self.at("truth"), overwrite).await
        }

        fn files(&self) -> Vec<String> {
            let mut files = Vec::new();
            for place in ["exports", "truth"] {
                for entry in
                    glob::glob(&format!("{}/{place}/**/*", self.0.path().display())).unwrap()
                {
                    let path = entry.unwrap();
                    if path.is_file() {
                        let below = path.strip_prefix(self.0.path()).unwrap();
                        files.push(below.display().to_string());
                    }
                }
            }
            files
        }
    }

    fn written(path: &str) -> Written {
        Written { exports: vec![path.to_string()], truth: vec!["faults/part-1".to_string()] }
    }

    #[tokio::test]
    async fn a_run_takes_away_what_an_earlier_one_wrote_and_nothing_else() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let places = folder.open(false).await.unwrap();
        places.begin(&"arguments").await.unwrap();
        places.announce("one", &written("a/1.csv")).await.unwrap();
        places.exports.put_object("a/1.csv", Bytes::from_static(b"x")).await.unwrap();
        places.exports.put_object("a/foreign.csv", Bytes::from_static(b"x")).await.unwrap();
        places.truth.put_object("faults/part-1", Bytes::from_static(b"x")).await.unwrap();

        let error = folder.open(false).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.chain().contains("it has 2 files"), "{}", error.chain());

        let places = folder.open(true).await.unwrap();
        assert_eq!(folder.files(), ["exports/a/foreign.csv"]);
        places.announce("one", &written("a/2.csv")).await.unwrap();
        let error = places.announce("two", &written("a/foreign.csv")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.chain().contains("a/foreign.csv"), "{}", error.chain());
    }

    #[test]
    fn a_place_lies_in_another_by_whole_names() {
        for (inner, outer, expected) in [
            ("/data/sample", "/data/sample", true),
            ("/data/sample/truth", "/data/sample", true),
            ("/data/sample-truth", "/data/sample", false),
            ("s3://bucket/a/b", "s3://bucket/a/", true),
            ("s3://bucket/ab", "s3://bucket/a", false),
            ("s3://other/a/b", "s3://bucket/a", false),
            ("s3://bucket/a", "/bucket", false),
        ] {
            let [inner, outer] = [inner, outer].map(|place| Location::parse(place).unwrap());
            assert_eq!(lies_in(&inner, &outer), expected, "{inner} in {outer}");
        }
    }

    #[tokio::test]
    async fn places_that_will_not_do_are_left_as_they_are() {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.0.path().join("exports"), "a file").unwrap();
        let error = folder.open(false).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{}", error.chain());
        let same = folder.at("truth");
        let error = Places::open(&same, &same, false).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(!folder.0.path().join("truth").exists());
    }
}
