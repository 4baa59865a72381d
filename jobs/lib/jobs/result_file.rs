//! The file that the result line is also written to, where an orchestrator asks for one.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use crate::errors::{Error, Kind, Result};

const FLAG: &str = "--result-file";
const VARIABLE: &str = "RAPPORT_RESULT_FILE";

/// The result file among arguments that could not be understood: an orchestrator reads it then too.
pub(super) fn asked_for(arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut arguments = arguments.skip(1);
    while let Some(argument) = arguments.next() {
        if argument == FLAG {
            return arguments.next().map(PathBuf::from);
        }
        let text = argument.to_string_lossy();
        if let Some(path) = text.strip_prefix(FLAG).and_then(|rest| rest.strip_prefix('=')) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Makes sure, before any work is done, that the file can be written; what stands in it stays.
///
/// Errors: [`Kind::Usage`] where it cannot.
pub(super) fn ensure_writable(path: &Path) -> Result<()> {
    let existed = path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let opened = opened.map_err(|cause| failure(Kind::Usage, path, cause))?;
    drop(opened);
    if !existed {
        // An empty file would be taken for a result by whoever waits for one.
        std::fs::remove_file(path).map_err(|cause| failure(Kind::Usage, path, cause))?;
    }
    Ok(())
}

/// Writes the result line.
///
/// Errors: [`Kind::Storage`], for the file could be written when the job began.
pub(super) fn write(path: &Path, line: &str) -> Result<()> {
    std::fs::write(path, format!("{line}\n")).map_err(|cause| failure(Kind::Storage, path, cause))
}

fn failure(kind: Kind, path: &Path, cause: io::Error) -> Error {
    Error::new(kind, format!("write the result file `{}`", path.display())).because(cause)
}
