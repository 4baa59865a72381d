//! Settings and other YAML that people write: one reader, errors that point at the place.

pub mod identity;
pub mod settings;
pub mod yaml;

pub use identity::IdentityRules;
pub use settings::{Location, Parameter, Settings};
