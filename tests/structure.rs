//! The house keeps its shape: each floor of the library imports only from those below it, and
//! staging alone reads raw.

use std::path::{Path, PathBuf};

use rapport::config::Settings;
use rapport::models::Catalogue;

/// The rooms, top floor first. Rooms of one floor may use each other.
const FLOORS: [&[&str]; 7] = [
    &["jobs"],
    &["build"],
    &["checks"],
    &["models"],
    &["engine", "exports", "lake"],
    &["algorithms"],
    &["config", "dates", "errors", "hash", "telemetry"],
];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_room_stands_on_a_floor() {
    for entry in std::fs::read_dir("jobs/lib").unwrap().flatten() {
        let path = entry.path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_string();
        assert!(room == "lib" || floor_of(&room).is_some(), "`{room}` stands on no floor");
    }
}

#[test]
fn floors_import_only_downward() {
    let root = Path::new("jobs/lib");
    let mut wrong = vec![];
    for path in rust_files(root) {
        let below = path.strip_prefix(root).unwrap();
        let room = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = room.trim_end_matches(".rs");
        let Some(floor) = floor_of(room) else { continue };
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split("crate::").skip(1) {
            let used: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if floor_of(&used).is_some_and(|used_floor| used_floor < floor) {
                wrong.push(format!("{} imports crate::{used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports upward:\n{}", wrong.join("\n"));
}

#[test]
fn algorithms_know_nothing_of_the_engine() {
    for path in rust_files(Path::new("jobs/lib/algorithms")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for foreign in ["datafusion::", "arrow::", "object_store::", "tokio::"] {
            assert!(!text.contains(foreign), "{} uses {foreign}", path.display());
        }
    }
}

/// The way of the data: raw, staging, identity, marts, metrics; never upward on the same day, and
/// raw is for staging alone.
#[test]
fn data_flows_one_way() {
    let settings = Settings::read(Path::new("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
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
    for model in catalogue.models() {
        for table in model.queries().iter().flat_map(|query| query.tables.keys()) {
            if !reads(&model.name.zone).contains(&table.zone.as_str()) {
                wrong.push(format!("{} reads {table}", model.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
