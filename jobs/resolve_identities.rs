//! job
fn main() {}
