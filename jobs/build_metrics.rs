//! Builds the daily metrics.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::door::main(&rapport::jobs::BUILD_METRICS)
}
