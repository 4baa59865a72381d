//! Resolves records to customers.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::door::main(&rapport::jobs::RESOLVE_IDENTITIES)
}
