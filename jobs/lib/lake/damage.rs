//! Objects of our own that cannot be read: which one, and what whoever runs the jobs can do.

use std::error::Error as StdError;

use object_store::ObjectMeta;
use object_store::path::Path;

use crate::errors::{Error, Kind};
use crate::lake::{Lake, OWN};

/// The error that the object at `key` is not what we wrote there, with what to do.
pub(super) fn damaged(
    lake: &Lake,
    key: &Path,
    cause: impl Into<Box<dyn StdError + Send + Sync>>,
) -> Error {
    let advice = match area(lake, key).as_deref() {
        Some("ledger") => {
            "restore it from a copy, or an earlier version where the store keeps them; without one \
             delete it: the partitions that only it told of are built anew"
        }
        Some("intents") => {
            "delete it: the partition that it was publishing is looked at anew, and built where need be"
        }
        Some("erasures") => {
            "restore it from a copy, or an earlier version where the store keeps them: it says whose \
             records must not come back"
        }
        Some("leases") => "delete it when no job is running",
        Some("projects") => "delete it: it only says what models were",
        Some("restatements") => "delete it: it only says what moved of figures",
        Some("runs") => "delete it: it only says what a run did",
        _ => "delete it",
    };
    let what = format!("read `{key}` of `{}`: it is damaged; {advice}", lake.name);
    Error::new(Kind::Storage, what).because(cause)
}

/// Whether the error is one of [`damaged`], and not that storage did not answer.
pub(super) fn is_damage(error: &Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<serde_json::Error>())
}

/// The area of ours that `key` lies in.
fn area(lake: &Lake, key: &Path) -> Option<String> {
    let own = lake.key(OWN);
    let area = key.prefix_match(&own)?.next()?;
    Some(area.as_ref().to_string())
}

/// The name of an object of ours without its `ending`; none where it is a stranger's, such as a
/// README that somebody left: those are not ours to read or to complain about.
pub(super) fn own_name<'a>(object: &'a ObjectMeta, ending: &str) -> Option<&'a str> {
    let name = object.location.filename()?.strip_suffix(ending)?;
    let is_own = |letter: u8| letter.is_ascii_hexdigit() || matches!(letter, b'-' | b'.');
    (!name.is_empty() && name.bytes().all(is_own)).then_some(name)
}
