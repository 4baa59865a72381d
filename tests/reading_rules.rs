//! A mistake in a project is told before anything runs: `rapport check` and `rapport config` name
//! file, line and column, and what was expected. The corpora lie in `tests/corpus`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rapport::config::yaml;
use serde::Deserialize;

use crate::harness::{Finished, Project, files_below};

/// `tests/corpus/models/<case>.yaml`: what is done to the small project, and what is told of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Why it is a mistake, for people.
    #[allow(dead_code)]
    about: String,
    /// Replacements in files of the small project.
    #[serde(default)]
    edits: Vec<Edit>,
    /// Files that are added or written anew.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Files that are taken away.
    #[serde(default)]
    remove: Vec<String>,
    /// Texts that must stand in what is told.
    expect: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    from: String,
    to: String,
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let files = files_below(&Path::new("tests/corpus").join(folder));
    assert!(!files.is_empty(), "no cases in {folder}");
    files
}

/// What of `expected` is not told, and whatever no mistake may ever do.
fn complaints(finished: &Finished, expected: &[String]) -> Vec<String> {
    let mut complaints: Vec<String> = expected
        .iter()
        .filter(|fragment| !finished.stderr.contains(fragment.as_str()))
        .map(|fragment| format!("`{fragment}` is not told"))
        .collect();
    if expected.is_empty() {
        complaints.push("nothing is expected".to_string());
    }
    if finished.exit_code != 2 {
        complaints.push(format!("exit code {}", finished.exit_code));
    }
    if finished.stderr.contains("panicked") {
        complaints.push("it panicked".to_string());
    }
    if !finished.stdout.is_empty() {
        complaints.push(format!("stdout is not empty: {}", finished.stdout));
    }
    complaints
}

fn report(failures: &[String], count: usize) {
    assert!(failures.is_empty(), "{} of {count} cases:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_mistake_in_a_model_is_found_and_placed() {
    let mut failures = vec![];
    let cases = corpus("models");
    assert!(cases.len() >= 60, "{} models", cases.len());
    for path in &cases {
        let case: Case = yaml::read(path).unwrap_or_else(|error| panic!("{}", error.chain()));
        let project = Project::small();
        for Edit { file, from, to } in &case.edits {
            project.edit(file, from, to);
        }
        for (file, text) in &case.files {
            project.write(file, text);
        }
        for file in &case.remove {
            std::fs::remove_file(project.path(file)).unwrap();
        }
        let finished = project.run("rapport", &["check"]);
        for complaint in complaints(&finished, &case.expect) {
            failures.push(format!("{}: {complaint}:\n{}", path.display(), finished.stderr));
        }
    }
    report(&failures, cases.len());
}

#[test]
fn one_mistake_is_told_once_and_not_by_all_who_read_what_it_spoils() {
    for (file, from, to) in [
        ("config/sources/shop_orders.yaml", "description:", "descripton:"),
        ("config/sources/crm_contacts.yaml", "description:", "descripton:"),
        ("sql/entities/orders.yml", "description:", "descripton:"),
        ("sql/marts/customers.yml", "description:", "descripton:"),
        ("sql/marts/customers.sql", "select", "selectt"),
        ("sql/identity/record_identifiers.sql", "from staging.contacts", "from staging.kontacts"),
        ("config/identity.yaml", "identifiers:", "identifers:"),
    ] {
        let project = Project::local();
        project.edit(file, from, to);
        let finished = project.run("rapport", &["check"]);
        assert_eq!(finished.exit_code, 2, "{file}");
        assert!(finished.stderr.contains("config/local.yaml`: 1 mistake"), "{}", finished.stderr);
    }
}

#[test]
fn every_mistake_in_the_settings_is_found_and_placed() {
    let mut failures = vec![];
    let cases = corpus("settings");
    assert!(cases.len() >= 35, "{} settings files", cases.len());
    for path in &cases {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let expected: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# expect: ").map(ToString::to_string))
            .collect();
        let project = Project::small();
        project.write("rapport.yaml", &bytes);
        let mut command = project.command("rapport", &["config"]);
        // The file alone is what is looked at.
        command.env_remove("RAPPORT_WAREHOUSE");
        let finished = crate::harness::finish(crate::harness::start(command));
        for complaint in complaints(&finished, &expected) {
            failures.push(format!("{}: {complaint}:\n{}", path.display(), finished.stderr));
        }
    }
    report(&failures, cases.len());
}

#[test]
fn a_mistyped_variable_is_not_ignored() {
    let project = Project::small();
    let mut command = project.command("rapport", &["config"]);
    command.env("RAPPORT_WAREHOSE", "elsewhere");
    let finished = crate::harness::finish(crate::harness::start(command));
    assert_eq!(finished.exit_code, 2);
    assert!(finished.stderr.contains("did you mean `RAPPORT_WAREHOUSE`?"), "{}", finished.stderr);
}

#[test]
fn the_projects_here_have_no_mistakes_and_need_no_data_to_say_so() {
    for config in [
        "config/local.yaml",
        "tests/projects/small/rapport.yaml",
        "tests/projects/sample_week/rapport.yaml",
        "tests/projects/real_retail/rapport.yaml",
    ] {
        let project = Project::small();
        let config = std::path::absolute(config).unwrap();
        let mut command =
            project.command("rapport", &["check", "--config", config.to_str().unwrap()]);
        command.env("RAPPORT_LANDING", project.path("nothing-here"));
        let finished = crate::harness::finish(crate::harness::start(command));
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        assert!(finished.stdout.ends_with("tables, no mistakes\n"), "{}", finished.stdout);
    }
}

#[test]
fn mistakes_in_the_identity_rules_are_placed() {
    let phone = "  - kind: phone\n    maximum_customers_per_identifier: 3";
    for (from, to, expected) in [
        (
            "kind: email",
            "kind: emial",
            "identity.yaml:18:11: no record has identifiers of the kind `emial`, did you mean `email`?",
        ),
        ("kind: phone", "kind: email", "identity.yaml:22:11: kind `email` stands twice"),
        (
            phone,
            "  - kind: phone\n    maximum_customers_per_identifier: 0",
            "identity.yaml:23:39: a limit of 0 lets the kind link nobody",
        ),
        (phone, "  - kind: phone\n    maximum_customers: 3", "identity.yaml:23:5: unknown key"),
    ] {
        let project = Project::sample();
        project.edit("config/identity.yaml", from, to);
        let finished = project.run("rapport", &["check"]);
        assert_eq!(finished.exit_code, 2, "{to}");
        assert!(finished.stderr.contains(expected), "{expected}: {}", finished.stderr);
    }
}

#[test]
fn every_effective_setting_is_told_with_its_origin() {
    let project = Project::small();
    let mut command = project.command("rapport", &["config"]);
    command.env("RAPPORT_THREADS", "7").env("RAPPORT_PARAMETER_MINIMUM_SALE_COUNT", "9");
    let finished = crate::harness::finish(crate::harness::start(command));
    let told: BTreeMap<&str, &str> = finished
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(key, rest)| (key, rest.trim()))
        .collect();
    // A path is told as it is meant: from the settings file on.
    assert_eq!(told["landing"], format!("{}  (rapport.yaml:2)", project.path("landing").display()));
    assert_eq!(told["threads"], "7  (environment variable RAPPORT_THREADS)");
    assert_eq!(told["time_zone"], "Europe/London  (rapport.yaml:6)");
    assert_eq!(told["lease_seconds"], "60  (default)");
    assert_eq!(told["identity"], "unset  (no default)");
    assert_eq!(
        told["parameters.minimum_sale_count"],
        "9  (environment variable RAPPORT_PARAMETER_MINIMUM_SALE_COUNT)"
    );
}

#[test]
fn a_project_of_its_own_adds_to_the_folders_that_come_after() {
    let project = Project::small();
    // The first folder that has a table has all of it.
    project.write("own/metrics/takings.sql", project.read("sql/metrics/takings.sql"));
    project.write("own/metrics/takings.yml", project.read("sql/metrics/takings.yml"));
    project.edit("own/metrics/takings.sql", "from staging.sales", "from staging.sale");
    project.edit("rapport.yaml", "models: [sql]", "models: [own, sql]");
    let finished = project.run("rapport", &["check"]);
    assert_eq!(finished.exit_code, 2);
    assert!(finished.stderr.contains("own/metrics/takings.sql:8:10"), "{}", finished.stderr);

    project.edit("rapport.yaml", "models: [own, sql]", "models: [sql, own]");
    assert_eq!(project.run("rapport", &["check"]).exit_code, 0);
}
