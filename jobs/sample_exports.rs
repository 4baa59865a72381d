//! Makes realistic exports of a simulated company, at any size, with the truth beside them.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapport::jobs::sample_exports::main()
}
