//! Settings and other YAML that people write: one reader, errors that point at the place.

pub mod declarations;
pub mod identity;
pub mod linking;
pub mod location;
pub mod notices;
pub mod parameters;
pub mod patience;
pub mod reading;
pub mod schedules;
pub mod settings;
pub mod yaml;

pub use identity::IdentityRules;
pub use location::Location;
pub use notices::Notices;
pub use parameters::Parameter;
pub use patience::Patience;
pub use schedules::Schedules;
pub use settings::{Hidden, Settings};

/// The variables of the environment. Bytes that are no text come as U+FFFD: a variable that is
/// none of ours must not end a job.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}
