//! The house keeps its shape: each floor of the library imports only from those below it, only the
//! rooms that may make sessions and write to storage, data flows one way, and the README's map is
//! of this house.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rapport::config::Settings;
use rapport::models::Catalogue;
use rapport::models::contract::Merge;

use crate::harness::files_below;

/// The rooms, top floor first. Rooms of one floor may use each other.
const FLOORS: [&[&str]; 7] = [
    &["jobs"],
    &["build", "linking", "sample"],
    &["checks", "observe"],
    &["models"],
    &["engine", "exports", "lake"],
    &["algorithms"],
    &["config", "dates", "errors", "hash", "parallel", "telemetry"],
];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(!files.is_empty(), "no code in {}", folder.display());
    files
}

/// What a path names next, `rest` being what follows it: one name, or those of a group `{…}`.
fn names_after(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut names = vec![];
    let (mut depth, mut is_first) = (0, true);
    for (place, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_first = true,
            letter if is_first && !letter.is_whitespace() => {
                names.push(word(&group[place..]));
                is_first = false;
            }
            _ => {}
        }
    }
    names
}

/// The rooms of higher floors that the file at `below`, a path below `jobs/lib`, names: from the
/// crate's root, or by as many `super` as lead there.
fn imports_upward(below: &Path, text: &str) -> Vec<String> {
    let room = below.components().next().unwrap().as_os_str().to_str().unwrap();
    let Some(floor) = floor_of(room.trim_end_matches(".rs")) else { return vec![] };
    let depth = below.components().count() - usize::from(below.ends_with("mod.rs"));
    let paths = regex::Regex::new(r"\bcrate::|\b(?:super::)+").unwrap();
    let mut wrong = vec![];
    for path in paths.find_iter(text) {
        let is_from_the_root =
            path.as_str() == "crate::" || path.as_str().matches("super").count() >= depth;
        if is_from_the_root {
            let names = names_after(&text[path.end()..]).into_iter();
            wrong.extend(names.filter(|name| floor_of(name).is_some_and(|above| above < floor)));
        }
    }
    wrong
}

#[test]
fn every_room_stands_on_a_floor_and_on_the_map() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let ground = "jobs/lib/{config,dates,errors,hash,parallel,telemetry}";
    for entry in std::fs::read_dir("jobs/lib").unwrap().flatten() {
        let path = entry.path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_string();
        if room == "lib" {
            continue;
        }
        let floor = floor_of(&room);
        assert!(floor.is_some(), "`{room}` stands on no floor");
        let place = match floor == Some(FLOORS.len() - 1) {
            true => ground.to_string(),
            false => format!("jobs/lib/{room}"),
        };
        assert!(readme.contains(&format!("| `{place}` |")), "`{room}` is not on README's code map");
    }
}

#[test]
fn floors_import_only_downward() {
    let root = Path::new("jobs/lib");
    let mut wrong = vec![];
    for path in rust_files(root) {
        let text = std::fs::read_to_string(&path).unwrap();
        for import in imports_upward(path.strip_prefix(root).unwrap(), &text) {
            wrong.push(format!("{} imports {import}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "imports upward:\n{}", wrong.join("\n"));
}

#[test]
fn an_import_upward_is_seen_however_it_is_written() {
    let upward = |path: &str, text: &str| imports_upward(Path::new(path), text);
    assert_eq!(upward("lake/lease.rs", "use crate::jobs::Job;"), ["jobs"]);
    assert_eq!(upward("lake/lease.rs", "let run = crate::build::run::run();"), ["build"]);
    let group = "use crate::{\n    dates::{Day, DayRange},\n    models, checks::x,\n};";
    assert_eq!(upward("lake/lease.rs", group), ["models", "checks"]);
    assert_eq!(upward("dates.rs", "pub use super::engine::Engine;"), ["engine"]);
    assert_eq!(upward("lake/mod.rs", "use super::{models, hash};"), ["models"]);
    assert_eq!(upward("lake/lease.rs", "use super::super::models;"), ["models"]);
    let downward = "use crate::{dates, engine::jobs};\nuse super::models;\nuse other::jobs;";
    assert_eq!(upward("lake/lease.rs", downward), Vec::<String>::new());
}

#[test]
fn algorithms_are_pure() {
    let foreign = [
        "datafusion::",
        "arrow::",
        "parquet::",
        "object_store::",
        "tokio::",
        "tracing::",
        "std::fs",
        "std::io",
        "std::env",
        "std::net",
        "std::process",
        "::now()",
        "rand::",
    ];
    for path in rust_files(Path::new("jobs/lib/algorithms")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for foreign in foreign {
            assert!(!text.contains(foreign), "{} uses {foreign}", path.display());
        }
    }
}

/// What `clippy.toml` forbids is allowed in two rooms, as a whole, and nowhere else.
#[test]
fn only_the_engine_makes_sessions_and_only_the_lake_writes() {
    let library = std::fs::read_to_string("jobs/lib/lib.rs").unwrap();
    let lines: Vec<&str> = library.lines().collect();
    let allowed: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("#[allow(clippy::disallowed_methods)]"))
        .map(|pair| pair[1])
        .collect();
    assert_eq!(allowed, ["pub mod engine;", "pub mod lake;"]);
    for path in rust_files(Path::new("jobs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        // In lib.rs those two, and the tests.
        let expected = if path == Path::new("jobs/lib/lib.rs") { 3 } else { 0 };
        let count = text.matches("disallowed_methods").count();
        assert_eq!(count, expected, "{} allows what only two rooms may", path.display());
        // The one way to a session that clippy cannot name.
        assert!(!text.contains("SessionContext::default"), "{} makes a session", path.display());
    }
}

/// `ls jobs/` answers "what runs?".
#[test]
fn every_door_is_a_binary() {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let declared: BTreeSet<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"jobs/")).collect();
    let doors = std::fs::read_dir("jobs").unwrap().flatten().map(|entry| entry.file_name());
    let doors = doors.filter_map(|name| name.to_str().map(|name| format!("{name}\"")));
    let doors: Vec<String> = doors.filter(|name| name.ends_with(".rs\"")).collect();
    for door in &doors {
        assert!(declared.contains(door.as_str()), "jobs/{door} is no binary");
    }
    // And the library.
    assert_eq!(declared.len(), doors.len() + 1, "{declared:?}");
}

/// The way of the data: raw, staging, identity, marts, metrics; never upward on the same day, and
/// raw is for staging alone.
#[test]
fn data_flows_one_way() {
    let reads = |zone: &str| -> &[&str] {
        match zone {
            "staging" => &["raw", "staging"],
            "identity" => &["staging", "identity"],
            "marts" => &["staging", "identity", "marts"],
            "metrics" => &["identity", "marts", "metrics"],
            _ => &[],
        }
    };
    let mut wrong = vec![];
    for project in [
        "config/local.yaml",
        "tests/projects/real_retail/rapport.yaml",
        "tests/projects/sample_week/rapport.yaml",
    ] {
        let settings = Settings::read(Path::new(project)).unwrap();
        let catalogue = Catalogue::read(&settings).unwrap();
        for model in catalogue.models() {
            for table in model.queries().iter().flat_map(|query| query.tables.keys()) {
                if !reads(&model.name.zone).contains(&table.zone.as_str()) {
                    wrong.push(format!("{project}: {} reads {table}", model.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A till names a person by the loyalty card: messages of failed checks must not tell it.
#[test]
fn how_a_source_names_a_person_is_personal_in_every_entity() {
    let settings = Settings::read(Path::new("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let mut with_records = 0;
    for file in files_below(Path::new("sql/entities")) {
        let entity = file.file_stem().unwrap().to_str().unwrap();
        let table = rapport::lake::TableName::new("staging", entity);
        let contract = catalogue.get(&table).unwrap().contract.clone().unwrap();
        for name in ["record_id", "link_id"] {
            let Some(column) = contract.column(name) else { continue };
            assert_eq!(column.personal.as_deref(), Some("identifier"), "{table}.{name}");
            with_records += 1;
        }
    }
    assert!(with_records > 0);
}

/// Metrics count customers: where a figure had a row about a person, that person's consents would
/// have to mask it.
#[test]
fn no_metric_has_a_row_about_a_person() {
    let settings = Settings::read(Path::new("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let metrics = catalogue.models().filter(|model| model.name.zone == "metrics");
    let contracts: Vec<_> =
        metrics.filter_map(|model| Some((&model.name, model.contract.as_ref()?))).collect();
    assert!(!contracts.is_empty());
    for (table, contract) in contracts {
        for column in &contract.columns {
            let name = column.name.value.as_str();
            let of_a_person =
                ["customer_id", "record_id", "household_id", "organisation_id", "pseudonym"];
            assert!(!of_a_person.contains(&name), "{table}.{name}");
            // Of very few customers a sketch of who they are holds each one's hash.
            let is_sketch = column.merge == Some(Merge::Distinct);
            let kind = is_sketch.then_some("identifier");
            assert_eq!(column.personal.as_deref(), kind, "{table}.{name}");
        }
    }
}
