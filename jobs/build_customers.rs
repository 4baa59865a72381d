//! Builds the single customer view.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::door::main(&rapport::jobs::BUILD_CUSTOMERS)
}
