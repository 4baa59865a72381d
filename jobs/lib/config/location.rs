//! A place in storage, as people write it: a folder of this machine, or a URL.

use std::fmt;
use std::path::PathBuf;

/// A place in storage: a URL, or a local folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder on this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`, `gs://…`, `az://…`, `http(s)://…`, `memory:///`.
    Url(url::Url),
}

impl Location {
    /// Reads a folder's path, relative to where the process is, or a URL.
    ///
    /// Errors: what is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Location, String> {
        Location::parse_with(text, |path| std::path::absolute(path).map_err(|e| e.to_string()))
    }

    pub(super) fn parse_with(
        text: &str,
        absolute: impl Fn(&str) -> Result<PathBuf, String>,
    ) -> Result<Location, String> {
        // All but `gcs`, gcsfs's name for `gs`, are object_store's own.
        const SCHEMES: [&str; 13] = [
            "s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl", "http", "https",
            "memory", "file",
        ];
        if text.trim().is_empty() {
            return Err("an empty location, expected a folder or a URL".to_string());
        }
        if text == "~" || text.starts_with("~/") {
            return Err(format!("`{text}`: `~` means nothing here, write the whole path"));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return absolute(text).map(Location::Folder);
        };
        if !SCHEMES.contains(&scheme) {
            let hint = crate::errors::did_you_mean(scheme, SCHEMES);
            return Err(format!(
                "unknown scheme `{scheme}://`{hint} (expected a folder, or one of: {})",
                SCHEMES.map(|known| format!("{known}://")).join(", ")
            ));
        }
        let known = match text.strip_prefix("gcs://") {
            Some(rest) => format!("gs://{rest}"),
            None => text.to_string(),
        };
        let url = url::Url::parse(&known).map_err(|error| format!("`{text}`: {error}"))?;
        match scheme {
            "file" => url
                .to_file_path()
                .map(Location::Folder)
                .map_err(|()| format!("`{text}` does not name a folder of this machine")),
            _ => Ok(Location::Url(url)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(path) => write!(formatter, "{}", path.display()),
            // A password in a URL is nobody's business.
            Location::Url(url) => {
                let mut url = url.clone();
                if url.password().is_some() {
                    let _ = url.set_password(Some("***"));
                }
                write!(formatter, "{url}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_that_is_let_through_is_one_that_storage_has() {
        let refused = Location::parse("ftp://host/in").unwrap_err();
        assert!(refused.starts_with("unknown scheme `ftp://` (expected a folder"), "{refused}");
        let (_, offered) = refused.split_once("one of: ").unwrap();
        for scheme in offered.trim_end_matches(')').split(", ") {
            // These two have no buckets.
            let host = if ["memory://", "file://"].contains(&scheme) { "" } else { "bucket" };
            match Location::parse(&format!("{scheme}{host}/in")).unwrap() {
                Location::Folder(folder) => assert_eq!(folder, PathBuf::from("/in")),
                Location::Url(url) => {
                    let known = object_store::ObjectStoreScheme::parse(&url);
                    assert!(known.is_ok(), "{scheme}: {known:?}");
                }
            }
        }
        let bucket = Location::parse("gcs://bucket/in").unwrap();
        assert_eq!(bucket.to_string(), "gs://bucket/in");
    }
}
