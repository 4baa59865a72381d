//! Brings everything up to date for the given days.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::door::main(&rapport::jobs::DAILY)
}
