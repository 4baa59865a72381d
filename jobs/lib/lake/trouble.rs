//! What a store's error means for whoever runs a job: something to mend, or something that may
//! pass by itself.

use std::error::Error as StdError;

use crate::errors::{Error, Kind};
use crate::lake::connect::NoListing;

/// A failure of `what`: [`Kind::Usage`], with a hint, where whoever set the storage up must mend
/// something (access that is refused, a bucket that is not there), else [`Kind::Storage`].
pub fn failure(what: impl Into<String>, error: object_store::Error) -> Error {
    match to_mend(&error) {
        Some(hint) => Error::new(Kind::Usage, format!("{}: {hint}", what.into())).because(error),
        None => Error::new(Kind::Storage, what).because(error),
    }
}

/// The kind of failure that a store's error is.
pub fn kind_of(error: &object_store::Error) -> Kind {
    if to_mend(error).is_some() { Kind::Usage } else { Kind::Storage }
}

/// What there is to mend; none where another try may do.
fn to_mend(error: &object_store::Error) -> Option<&'static str> {
    const ACCESS: &str = "access is refused: check the credentials in the environment \
                          (AWS_…, AZURE_… or GOOGLE_…) and what they may do";
    match error {
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => return Some(ACCESS),
        object_store::Error::NotImplemented { .. } => return Some("this storage cannot do that"),
        _ => {}
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NoListing>() {
            return Some(
                "the server has no listings, which a location with wildcards needs: name the \
                 files without wildcards, or use a server that answers PROPFIND (WebDAV)",
            );
        }
        let refused = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        if refused {
            return Some("this process may not: check the permissions of the file or folder");
        }
        cause = error.source();
    }
    // Listings and uploads keep the status in the text of their causes alone.
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["status code: 403", "status code: 401"]) {
        return Some(ACCESS);
    }
    says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"])
        .then_some("there is no such bucket or container")
}
