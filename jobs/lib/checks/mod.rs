//! Checks: of a project before it runs, and of rows before they are published.

pub mod built;
pub mod project;
