//! Reads a settings file's keys one after the other: environment before file before default, each
//! value's origin noted, each mistake at its place. Knows how a key is written, not what any is for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::config::yaml::{self, Spanned};
use crate::config::{Location, Patience};
use crate::errors::{Error, Kind, Result};

/// One effective setting.
#[derive(Debug, Clone, Serialize)]
pub struct Effective {
    /// The key.
    pub key: String,
    /// Its value, as it would be written; none where nothing sets it.
    pub value: Option<String>,
    /// Where the value came from: `file:line`, an environment variable, or `default`; `no default`
    /// where there is none.
    pub origin: String,
}

impl Effective {
    /// A key that nothing sets.
    pub(super) fn unset(key: String) -> Self {
        Effective { key, value: None, origin: "no default".to_string() }
    }
}

/// Resolves one key after the other: environment before file before default.
pub(super) struct Reader<V> {
    /// The settings file, as people name it.
    pub name: String,
    /// The folder that its relative paths start at.
    folder: PathBuf,
    /// The environment's variables.
    pub variable: V,
    /// The keys that were read, with their values.
    pub effective: Vec<Effective>,
}

impl<V: Fn(&str) -> Option<String>> Reader<V> {
    /// A reader of the settings file at the absolute path `file`, which people call `name`.
    pub fn new(name: String, file: &Path, variable: V) -> Self {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Reader { name, folder, variable, effective: vec![] }
    }

    /// The text of `key` and an error maker that points at where the text came from.
    pub fn text(
        &mut self,
        key: &str,
        written: Option<Spanned<String>>,
        default: Option<&str>,
    ) -> Option<String> {
        self.text_among(key, &[&own_variable(key)], written, default)
    }

    /// The same of a key for which the environment may have a name that is not ours, `foreign`:
    /// ours comes first.
    pub fn text_or(
        &mut self,
        key: &str,
        foreign: &str,
        written: Option<Spanned<String>>,
        default: Option<&str>,
    ) -> Option<String> {
        self.text_among(key, &[&own_variable(key), foreign], written, default)
    }

    fn text_among(
        &mut self,
        key: &str,
        variables: &[&str],
        written: Option<Spanned<String>>,
        default: Option<&str>,
    ) -> Option<String> {
        let mut named = variables.iter().map(|name| (name, (self.variable)(name)));
        let found = named.find_map(|(name, value)| Some((name, value?)));
        let (value, origin) = if let Some((variable_name, value)) = found {
            (value, format!("environment variable {variable_name}"))
        } else if let Some(written) = written {
            let origin = format!("{}:{}", self.name, written.referenced.line());
            (written.value, origin)
        } else if let Some(default) = default {
            (default.to_string(), "default".to_string())
        } else {
            self.effective.push(Effective::unset(key.to_string()));
            return None;
        };
        self.effective.push(Effective { key: key.to_string(), value: Some(value.clone()), origin });
        Some(value)
    }

    pub fn parsed<T>(
        &mut self,
        key: &str,
        written: Option<Spanned<String>>,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        let place = written.clone();
        let text = self.text(key, written, Some(default)).unwrap_or_default();
        parse(&text).map_err(|what| self.mistake(key, place.as_ref(), &what))
    }

    pub fn patience(
        &mut self,
        timeout: Option<Spanned<String>>,
        retry: Option<Spanned<String>>,
    ) -> Result<Patience> {
        let default = Patience::default();
        let mut seconds = |key, written, default: Duration, least: u64| {
            self.parsed(key, written, &default.as_secs().to_string(), |text| {
                match text.parse::<u64>() {
                    Ok(seconds) if (least..=3600).contains(&seconds) => {
                        Ok(Duration::from_secs(seconds))
                    }
                    _ => Err(format!("`{text}` is not a wait, expected {least} to 3600 s")),
                }
            })
        };
        Ok(Patience {
            timeout: seconds("storage_timeout_seconds", timeout, default.timeout, 1)?,
            retry: seconds("storage_retry_seconds", retry, default.retry, 0)?,
        })
    }

    pub fn location(&mut self, key: &str, written: Option<Spanned<String>>) -> Result<Location> {
        let place = written.clone();
        let Some(text) = self.text(key, written, None) else {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "{}:1:1: `{key}` is missing, expected a folder or a URL \
                     (or the environment variable RAPPORT_{})",
                    self.name,
                    key.to_uppercase()
                ),
            ));
        };
        let from_environment = self.is_from_environment();
        let location = self
            .parse_location(&text, from_environment)
            .map_err(|what| self.mistake(key, place.as_ref(), &what))?;
        self.show(location.to_string());
        Ok(location)
    }

    fn parse_location(&self, text: &str, from_environment: bool) -> Result<Location, String> {
        // A relative path in a file is relative to that file, in a variable to where one is.
        match from_environment {
            true => Location::parse(text),
            false => Location::parse_with(text, |path| Ok(self.path(path))),
        }
    }

    /// The file that `key` names; none where nothing names one.
    pub fn file(&mut self, key: &str, written: Option<Spanned<String>>) -> Result<Option<PathBuf>> {
        let place = written.clone();
        let Some(text) = self.text(key, written, None) else { return Ok(None) };
        let path = self.resolved(&text);
        if !path.is_file() {
            let what = format!("`{text}` is not a file (looked for `{}`)", path.display());
            return Err(self.mistake(key, place.as_ref(), &what));
        }
        Ok(Some(path))
    }

    pub fn folders(
        &mut self,
        key: &str,
        written: Option<Spanned<Vec<String>>>,
    ) -> Result<Vec<PathBuf>> {
        let place = written.clone();
        let folders = self.paths(key, written, "folder", Path::is_dir)?;
        if folders.is_empty() {
            let lacks = if place.is_some() { "is empty" } else { "is missing" };
            let what = format!("`{key}` {lacks}, expected a list of folders");
            return Err(self.mistake(key, place.as_ref(), &what));
        }
        Ok(folders)
    }

    /// The files that `key` lists; perhaps none.
    pub fn files(
        &mut self,
        key: &str,
        written: Option<Spanned<Vec<String>>>,
    ) -> Result<Vec<PathBuf>> {
        self.paths(key, written, "file", Path::is_file)
    }

    fn paths(
        &mut self,
        key: &str,
        written: Option<Spanned<Vec<String>>>,
        kind: &str,
        is_one: fn(&Path) -> bool,
    ) -> Result<Vec<PathBuf>> {
        let place = written.clone();
        let names = written.as_ref().map(|list| list.value.clone()).unwrap_or_default();
        let joined = written.map(|list| Spanned {
            value: list.value.join(","),
            referenced: list.referenced,
            defined: list.defined,
        });
        let Some(text) = self.text(key, joined, None) else { return Ok(vec![]) };
        let from_environment = self.is_from_environment();
        // In the file each path stands alone, and may have a comma in its name.
        let names = match from_environment {
            true => text.split(',').map(|name| name.trim().to_string()).collect(),
            false => names,
        };
        let mut paths = vec![];
        for name in names.iter().filter(|name| !name.is_empty()) {
            let path = if from_environment { PathBuf::from(name) } else { self.path(name) };
            if !is_one(&path) {
                let what = format!("`{name}` is not a {kind} (looked for `{}`)", path.display());
                return Err(self.mistake(key, place.as_ref(), &what));
            }
            paths.push(path);
        }
        let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        self.show(shown.join(", "));
        Ok(paths)
    }

    /// The path that the last key's text means: relative to the settings file, or to where one is
    /// where a variable says it.
    pub fn resolved(&mut self, text: &str) -> PathBuf {
        let path = match self.is_from_environment() {
            true => std::path::absolute(text).unwrap_or_else(|_| PathBuf::from(text)),
            false => self.path(text),
        };
        self.show(path.display().to_string());
        path
    }

    /// Shows the last key's value as it is meant, not as it is written.
    pub fn show(&mut self, value: String) {
        if let Some(last) = self.effective.last_mut() {
            last.value = Some(value);
        }
    }

    fn is_from_environment(&self) -> bool {
        self.effective.last().is_some_and(|last| last.origin.starts_with("environment"))
    }

    fn path(&self, text: &str) -> PathBuf {
        clean(&self.folder.join(text))
    }

    pub fn mistake<T>(&self, key: &str, place: Option<&Spanned<T>>, what: &str) -> Error {
        let variable_name = own_variable(key);
        let read = self.effective.iter().find(|effective| effective.key == key);
        let origin = read.map(|effective| effective.origin.as_str()).unwrap_or_default();
        match place {
            _ if origin.starts_with("environment variable") => {
                Error::new(Kind::Usage, format!("{origin}: {what}"))
            }
            _ if (self.variable)(&variable_name).is_some() => {
                Error::new(Kind::Usage, format!("environment variable {variable_name}: {what}"))
            }
            Some(place) => yaml::mistake(&self.name, place, what),
            None => Error::new(Kind::Usage, format!("{}:1:1: {what}", self.name)),
        }
    }
}

/// The variable that overrides `key`.
fn own_variable(key: &str) -> String {
    format!("RAPPORT_{}", key.to_uppercase())
}

/// The value; or nothing, and the mistake noted, so that all of a file's are told at once.
pub(super) fn noted<T>(result: Result<T>, mistakes: &mut Vec<Error>) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}

/// The path without `.` and `..`, by text alone: the folder need not exist yet.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                cleaned.pop();
            }
            part => cleaned.push(part),
        }
    }
    cleaned
}
