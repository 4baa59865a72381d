//! The operator's tool: check, config, plan, runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::operator::main()
}
