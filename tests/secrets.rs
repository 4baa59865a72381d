//! What nobody may read: the values of secret parameters, in whatever a run leaves or says.

use std::fs;

use crate::harness::{Project, files_below};

const KEY: &str = "a-key-of-the-company-4711";

/// The small project with a metric that is made with a secret key.
fn project() -> Project {
    let project = Project::small();
    project.edit("rapport.yaml", "parameters:", &format!("parameters:\n  pseudonym_key: {KEY}"));
    project.edit(
        "sql/metrics/takings.sql",
        "    takings.channel,\n    takings.sale_count,",
        "    takings.channel,\n    takings.sale_count + 0 * length($pseudonym_key) as sale_count,",
    );
    project
}

#[test]
fn a_secret_parameter_is_in_no_file_and_no_output() {
    let project = project();
    let mut told = String::new();
    let mut say = |arguments: &[&str]| {
        let finished = project.run(arguments[0], &arguments[1..]);
        assert_eq!(finished.exit_code, 0, "{arguments:?}: {}", finished.stderr);
        told.push_str(&finished.stdout);
        told.push_str(&finished.stderr);
    };
    let days = ["--from", "2024-03-04", "--to", "2024-03-06"];
    say(&[&["daily"], &days[..], &["--log", "debug"]].concat());
    let other = format!("{KEY}-renewed");
    project.edit("rapport.yaml", KEY, &other);
    say(&["rapport", "config"]);
    say(&[&["rapport", "plan"], &days[..], &["--json"]].concat());
    say(&[&["rapport", "plan"], &days[..]].concat());
    say(&[&["rapport", "backfill"], &days[..]].concat());
    assert!(told.contains("pseudonym_key"), "nothing names the parameter");
    assert!(!told.contains(KEY), "a secret is told");
    let files = files_below(&project.path("warehouse"));
    let projects = files.iter().filter(|file| file.to_string_lossy().contains("projects")).count();
    assert!(projects > 0, "no version of the project is kept");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let text = zstd::decode_all(bytes.as_slice()).unwrap_or(bytes);
        let is_in = text.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!is_in, "a secret is in {}", file.display());
    }
}
