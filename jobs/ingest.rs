//! Pulls exports from the landing zone into raw and staging.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::door::main(&rapport::jobs::INGEST)
}
