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
        const SCHEMES: [&str; 13] = [
            "s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https", "memory",
            "file", "gcs",
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
        let url = url::Url::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
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
