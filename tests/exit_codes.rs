//! Every exit code has a test through the binaries that ends with it, and stands where people look
//! it up. The one map from codes to tests is [`test_of`]: a new kind of failure does not compile
//! without one.

use std::collections::BTreeSet;

use rapport::errors::Kind;

use crate::{backfill, memory, orchestrator, publishing};

/// A test, by its path below `tests/`.
struct Test {
    path: &'static str,
    /// Names it, so that a test that is renamed or gone is noticed.
    _function: fn(),
}

macro_rules! test {
    ($module:ident :: $name:ident) => {
        Test {
            path: concat!(stringify!($module), "::", stringify!($name)),
            _function: $module::$name,
        }
    };
}

/// The end-to-end test of a run that did its work.
fn test_of_success() -> Test {
    test!(orchestrator::a_run_that_did_its_work_ends_with_0)
}

/// The end-to-end test of a kind of failure.
fn test_of(kind: Kind) -> Test {
    match kind {
        Kind::Usage => test!(orchestrator::usage_and_settings_mistakes_end_with_2),
        Kind::OutOfMemory => {
            test!(memory::memory_that_is_too_little_is_named_as_the_setting_to_change)
        }
        Kind::CheckFailed => {
            test!(orchestrator::a_failed_check_ends_with_10_and_publishes_nothing_of_the_table)
        }
        Kind::ExportBroken => {
            test!(
                orchestrator::an_export_that_broke_its_contract_ends_with_11_and_publishes_nothing
            )
        }
        Kind::NotThereYet => test!(orchestrator::an_export_that_is_not_there_yet_ends_with_12),
        Kind::OutOfTime => {
            test!(backfill::when_its_time_is_over_it_begins_nothing_more_and_the_next_run_goes_on)
        }
        Kind::LeaseHeld => test!(publishing::a_run_that_finds_a_lease_held_ends_with_13),
        Kind::Storage => test!(orchestrator::storage_trouble_ends_with_20),
        Kind::Defect => {
            test!(orchestrator::a_panic_ends_with_30_and_tells_nothing_of_what_it_panicked_with)
        }
        Kind::NothingToDo => {
            test!(orchestrator::a_job_with_nothing_to_do_ends_with_99_only_when_asked)
        }
        Kind::Interrupted | Kind::Terminated => {
            test!(orchestrator::a_signal_stops_within_five_seconds_and_the_next_run_finishes)
        }
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text of a test.
fn text_of(test: &Test) -> String {
    let (module, name) = test.path.split_once("::").unwrap();
    let code = file(&format!("tests/{module}.rs"));
    let begin = format!("#[test]\npub fn {name}() {{\n");
    let (_, rest) = code.split_once(&begin).unwrap_or_else(|| panic!("{} is no test", test.path));
    rest.split("\n}\n").next().unwrap().to_string()
}

/// The whole numbers in a text.
fn numbers(text: &str) -> BTreeSet<u8> {
    text.split(|one: char| !one.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn every_exit_code_has_a_test_that_ends_with_it() {
    let failures = Kind::ALL.into_iter().map(|kind| (kind.exit_code(), test_of(kind)));
    for (exit_code, test) in failures.chain([(0, test_of_success())]) {
        let text = text_of(&test);
        assert!(numbers(&text).contains(&exit_code), "{} never names {exit_code}", test.path);
        assert!(text.contains("expect(") || text.contains(", 12)"), "{}", test.path);
    }
}

#[test]
fn every_exit_code_is_told_where_people_look_it_up() {
    let codes: BTreeSet<u8> = Kind::ALL.into_iter().map(Kind::exit_code).collect();
    let with_success: BTreeSet<u8> = codes.iter().copied().chain([0]).collect();

    let readme = file("README.md");
    let table = readme.split("| exit code | meaning | what to do |\n").nth(1).unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("| "));
    let in_readme: BTreeSet<u8> =
        rows.flat_map(|row| numbers(row.split(" | ").next().unwrap())).collect();
    assert_eq!(in_readme, with_success);

    let runbook = file("docs/runbook.md");
    let by_code = runbook.split("\n## By exit code\n").nth(1).unwrap();
    let by_code = by_code.split("\n## ").next().unwrap();
    let headings = by_code.lines().filter(|line| line.starts_with("### "));
    assert_eq!(headings.flat_map(numbers).collect::<BTreeSet<u8>>(), codes);

    let project = crate::harness::Project::small();
    let help = project.run("daily", &["--help"]).stdout;
    let told = help.split("Exit codes: ").nth(1).unwrap();
    assert_eq!(numbers(told), with_success);
}
