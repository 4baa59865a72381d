//! Settings and other YAML that people write: one reader, errors that point at the place.

pub mod yaml;
