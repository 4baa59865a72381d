//! Checks: of a project before it runs, and of rows before they are published.

pub mod bad_rows;
pub mod built;
pub mod finding;
mod formulas;
pub mod gate;
pub mod project;
pub mod rules;
mod states;
#[cfg(test)]
mod tests;
