//! Resolves records to customers: those of the warehouse's days, or by a command those of files.

use std::process::ExitCode;

use rapport::jobs::{RESOLVE_IDENTITIES, door, link};

fn main() -> ExitCode {
    match link::is_asked_for(std::env::args_os()) {
        true => link::main(),
        false => door::main(&RESOLVE_IDENTITIES),
    }
}
