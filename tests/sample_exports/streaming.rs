//! Memory does not grow with the number of customers, who are made in parts.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::Sample;

/// How many customers the process that makes them is to make.
const CUSTOMERS: &str = "SAMPLE_CUSTOMERS";

/// Customers a part: few, so that a small company has many parts.
const PART: u64 = 500;

/// The most memory that a process of its own takes to make the exports of so many customers, MiB.
fn peak_mebibytes(customers: u64) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = "sample_exports::streaming::exports_in_a_process_of_their_own";
    command.args([test, "--exact", "--ignored"]).stdin(Stdio::null());
    let output = command.env(CUSTOMERS, customers.to_string()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    let peak = told.lines().find_map(|line| line.split_once("VmHWM:")).unwrap().1;
    peak.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn memory_does_not_grow_with_the_customers() {
    // Ten times the parts. All in one part, so many take some fifty MiB more than few do. What
    // the allocator holds besides depends on how the threads meet, by a dozen MiB either way: the
    // least of three runs is what the parts need.
    let least = |customers| (0..3).map(|_| peak_mebibytes(customers)).min().unwrap();
    let [few, many] = [4 * PART, 40 * PART].map(least);
    assert!(many < few + 24, "{few} MiB for four parts, {many} MiB for forty");
}

/// Says on stdout what the kernel knows of its memory.
#[test]
#[ignore = "made by the test above, in a process of its own"]
fn exports_in_a_process_of_their_own() {
    let customers = std::env::var(CUSTOMERS).unwrap().parse().unwrap();
    let sample = Sample::new();
    let order = sample.order(customers, "2024-03-05", 2, PART);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(rapport::sample::make(&order, |_, _| {})).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    std::io::stdout().write_all(format!("\n{peak}\n").as_bytes()).unwrap();
}
