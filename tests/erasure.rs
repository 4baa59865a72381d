//! A person who is erased is gone from every file of the warehouse, stays gone whatever is read again,
//! and leaves all figures as they were.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::harness::{
    Finished, Project, Published, files_below, finish, rows_of, start, wait_until,
};
use crate::orchestrator::{MANY_DAYS, long_project};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

/// A command of the project's with the key of erasures.
fn with_key(project: &Project, binary: &str, arguments: &[&str]) -> Command {
    let mut command = project.command(binary, arguments);
    command.env("RAPPORT_ERASURE_KEY", "kept in a safe");
    command
}

fn run(project: &Project, binary: &str, arguments: &[&str]) -> Finished {
    finish(start(with_key(project, binary, arguments)))
}

/// Erases whoever the file `erase.txt` names.
fn erase(project: &Project, arguments: &[&str]) -> Finished {
    run(project, "rapport", &[&["erase", "--identifiers", "erase.txt"], arguments].concat())
}

/// The small project with Ada in an accepted row of two days, and in a quarantined one.
fn with_ada() -> Project {
    let project = Project::small();
    let sales = project.read("landing/sales/2024-03-04.csv");
    let more = "S-91,2024-03-04T09:15:00Z,,web,1.00\nS-92,2024-03-04T09:15:00Z,,web,1.00\n\
                S-93,2024-03-04T09:15:00Z,ADA.Lovelace@example.com,web,lots\n";
    project.write("landing/sales/2024-03-04.csv", format!("{sales}{more}"));
    project.write("erase.txt", "email: ada.lovelace@example.com\n");
    project
}

/// Every file of the warehouse as text: tables row by row, and ours decompressed.
fn everything(project: &Project) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for path in files_below(&project.path("warehouse")) {
        let text = match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => rows_of(&path)
                .into_iter()
                .map(|row| Value::Object(row).to_string())
                .collect::<Vec<_>>()
                .join("\n"),
            Some("zst") => {
                let bytes = zstd::decode_all(std::fs::read(&path).unwrap().as_slice()).unwrap();
                String::from_utf8(bytes).unwrap()
            }
            _ => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        };
        texts.insert(path.display().to_string(), text.to_lowercase());
    }
    texts
}

fn assert_nowhere(project: &Project, words: &[&str]) {
    for (path, text) in everything(project) {
        for word in words {
            assert!(!text.contains(&word.to_lowercase()), "{word} stands in {path}");
        }
    }
}

fn in_zone(published: &Published, zone: &str) -> Published {
    let all = published.clone().into_iter();
    all.filter(|(partition, _)| partition.table.zone == zone).collect()
}

#[test]
fn a_person_is_gone_and_stays_gone_and_every_figure_stays() {
    let project = with_ada();
    project.must_run("daily", &DAYS);
    let before = project.published();
    assert!(everything(&project).values().any(|text| text.contains("lovelace")));

    // To look is not to touch.
    let planned = erase(&project, &["--dry-run"]).expect(0);
    assert_eq!(planned["status"], "planned");
    let counts = serde_json::json!({ "quarantine.sales": 1, "raw.sales": 2 });
    assert_eq!(planned["erased"]["row_counts"], counts);
    let files = serde_json::json!(["sales/2024-03-04.csv", "sales/2024-03-05.csv"]);
    assert_eq!(planned["erased"]["exports"], files);
    assert_eq!(project.published(), before);
    assert!(project.own_files("erasures").is_empty());

    let erased = erase(&project, &["--run-id", "art-17"]);
    let result = erased.expect(0);
    assert_eq!(result["erased"]["row_counts"], counts);
    assert_eq!(result["erased"]["identifier_count"], 1);
    assert_nowhere(&project, &["lovelace"]);
    project.assert_nothing_left_behind();
    let after = project.published();
    assert_eq!(in_zone(&after, "metrics"), in_zone(&before, "metrics"));
    assert_eq!(after.len(), before.len());
    for text in [&erased.stdout, &erased.stderr] {
        assert!(!text.to_lowercase().contains("lovelace"), "{text}");
    }

    // The proof tells what was done, and of nobody.
    let [list, proof] = project.own_files("erasures").try_into().unwrap();
    assert!(list.display().to_string().ends_with(".list.json"));
    let proof: Value = serde_json::from_slice(&std::fs::read(&proof).unwrap()).unwrap();
    assert_eq!(proof["id"], result["erased"]["proven"][0]);
    assert_eq!((&proof["run_id"], &proof["row_counts"]), (&"art-17".into(), &counts));
    assert_eq!(proof["searched_object_count"], after.len());
    let replaced = proof["replaced"].as_array().unwrap();
    let changed = before.iter().filter(|(partition, hash)| after[*partition] != **hash);
    assert_eq!(replaced.len(), changed.count());
    for one in replaced {
        assert_ne!(one["before"], one["after"]);
    }

    // Nothing is left to do, for whoever asks.
    let fresh = [&DAYS[..], &["--skip-when-fresh"]].concat();
    run(&project, "daily", &fresh).expect(99);
    let again = erase(&project, &["--skip-when-fresh"]).expect(99);
    assert_eq!(again["erased"]["identifier_count"], 0);
    assert_eq!(project.published(), after);
    assert_eq!(run(&project, "rapport", &["verify"]).exit_code, 0);

    // What is read again comes without her: a corrected file, everything by force, and a warehouse
    // of which nothing but the list is left.
    let forced = [&["backfill", "--force"], &DAYS[..]].concat();
    run(&project, "rapport", &forced).expect(0);
    assert_eq!(project.published(), after);
    for zone in ["raw", "quarantine", "staging", "marts", "metrics", "_rapport/ledger"] {
        std::fs::remove_dir_all(project.path("warehouse").join(zone)).unwrap();
    }
    run(&project, "daily", &DAYS).expect(0);
    assert_eq!(project.published(), after);
    assert_nowhere(&project, &["lovelace"]);

    // Without the key nobody could tell who must not come back.
    let sales = project.read("landing/sales/2024-03-05.csv");
    project
        .write("landing/sales/2024-03-05.csv", format!("{sales}S-9,2024-03-05T09:00:00Z,,web,1\n"));
    let refused = project.run("daily", &DAYS).expect(2);
    assert!(refused["error"]["message"].as_str().unwrap().contains("RAPPORT_ERASURE_KEY"));
    let mut other = project.command("daily", &DAYS);
    other.env("RAPPORT_ERASURE_KEY", "another");
    finish(start(other)).expect(2);
    run(&project, "daily", &DAYS).expect(0);
    assert_nowhere(&project, &["lovelace"]);
}

#[test]
fn an_erasure_of_nobody_ends_with_2_and_tells_nothing_personal() {
    let project = with_ada();
    project.must_run("daily", &DAYS);
    let unknown = ["erase", "--customer", "c_nobody"];
    let result = run(&project, "rapport", &unknown).expect(2);
    assert!(result["error"]["message"].as_str().unwrap().contains("c_nobody"), "{result}");
    project.run("rapport", &["erase"]).expect(2);
    project.write("erase.txt", "ada.lovelace@example.com\n");
    let finished = erase(&project, &[]);
    finished.expect(2);
    assert!(!finished.stdout.contains("lovelace"), "{}", finished.stdout);
    run(&project, "rapport", &["erase", "--nobody"]).expect(2);
    assert!(project.own_files("erasures").is_empty());
}

#[test]
fn an_erasure_that_is_killed_goes_on_and_two_at_once_do_it_once() {
    let project = long_project();
    project.write("erase.txt", "email: c7@example.com\nemail: c40@example.com\n");
    project.must_run("daily", &MANY_DAYS);
    let (killed, both) = (project.copy(), project.copy());
    erase(&project, &[]).expect(0);
    let expected = project.published();

    let started = start(with_key(&killed, "rapport", &["erase", "--identifiers", "erase.txt"]));
    wait_until("it is known whom to erase", || {
        let files = killed.own_files("erasures");
        files.iter().any(|file| file.to_string_lossy().ends_with(".list.json"))
    });
    started.signal("KILL");
    finish(started);
    killed.let_torn_files_age();
    // Nobody need be named any more.
    run(&killed, "rapport", &["erase"]).expect(0);
    assert_eq!(killed.published(), expected);
    killed.assert_nothing_left_behind();
    assert_eq!(killed.own_files("erasures").len(), 2);

    let two = [(); 2]
        .map(|()| start(with_key(&both, "rapport", &["erase", "--identifiers", "erase.txt"])));
    let codes = two.map(|started| finish(started).exit_code);
    assert!(codes.iter().all(|code| [0, 13].contains(code)), "{codes:?}");
    run(&both, "rapport", &["erase"]).expect(0);
    assert_eq!(both.published(), expected);
    assert_nowhere(&both, &["c7@example", "c40@example"]);
    both.assert_nothing_left_behind();
}

/// A source of members, of whom not all have a card; and one of notes, of which nothing says whose they
/// are.
fn with_members() -> Project {
    let project = Project::small();
    let source = "description: Members.\nlocation: members/{dt}.csv\nformat: csv\nload: events\n\
        maximum_bad_share: 0.5\ncolumns:\n\
        \x20 - {name: card, type: string, identifies: [loyalty]}\n\
        \x20 - {name: surname, type: string, personal: name}\n\
        \x20 - {name: forename, type: string, personal: name}\n\
        \x20 - {name: born, type: date, formats: [\"%d/%m/%Y\"], personal: birth}\n\
        \x20 - {name: points, type: integer, required: true}\n";
    project.write("sources/members.yaml", source);
    let members = "card,surname,forename,born,points\n\
        M-1,Lovelace,Ada,10/12/1815,1\n\
        ,LOVELACE,Dr Ada,10/12/1815,2\n\
        M-3,Lovelace,Ada,10/12/1815,3\n\
        ,Lovelace,Ada,11/12/1815,4\n\
        ,Lovelace,Ada,10/12/1815,many\n\
        ,Hope,Grace,10/12/1815,many\n";
    project.write("landing/members/2024-03-04.csv", members);
    let source = "description: Notes.\nlocation: notes/{dt}.csv\nformat: csv\nload: events\n\
        columns:\n  - {name: note, type: string, personal: text}\n";
    project.write("sources/notes.yaml", source);
    project.write("landing/notes/2024-03-04.csv", "note\nShe was here again.\n");
    project.write("erase.txt", "loyalty: M-1\n");
    project
}

#[test]
fn a_name_is_searched_with_its_day_of_birth_and_namesakes_keep_their_rows() {
    let project = with_members();
    let day = ["--date", "2024-03-04"];
    project.must_run("daily", &day);
    // What a run that was killed had built of her, for a table that nothing is to be done for.
    let raw = project.path("warehouse/raw/members/dt=2024-03-04/data.parquet");
    let left = "warehouse/_rapport/work/metrics.takings/dt=2024-03-04/0000000001.x.parquet";
    project.write(left, std::fs::read(&raw).unwrap());

    let finished = erase(&project, &[]);
    let result = finished.expect(0);
    let counts = serde_json::json!({ "quarantine.members": 1, "raw.members": 2 });
    assert_eq!(result["erased"]["row_counts"], counts);
    let rows = rows_of(&raw);
    let name = |points: u64| {
        let row = rows.iter().find(|row| row["points"] == points).unwrap();
        (row["surname"].as_str(), row["forename"].as_str(), row["born"].as_str())
    };
    assert_eq!(name(1), (None, None, None));
    assert_eq!(name(2), (None, None, None));
    assert_eq!(name(3), (Some("Lovelace"), Some("Ada"), Some("1815-12-10")));
    assert_eq!(name(4), (Some("Lovelace"), Some("Ada"), Some("1815-12-11")));
    let quarantine = project.path("warehouse/quarantine/members/dt=2024-03-04/data.parquet");
    let records: Vec<String> =
        rows_of(&quarantine).iter().map(|row| row["record"].as_str().unwrap().into()).collect();
    assert!(records.contains(&"erased".to_string()), "{records:?}");
    assert!(records.iter().any(|record| record.contains("Grace")), "{records:?}");
    assert!(!records.iter().any(|record| record.contains("Ada")), "{records:?}");
    project.assert_nothing_left_behind();

    // What could not be decided is told, and stands in the proof.
    assert_eq!(result["erased"]["namesake_row_count"], 1);
    assert_eq!(result["erased"]["blind_sources"], serde_json::json!(["notes"]));
    for warning in ["nothing says whose its rows are", "rows under other keys"] {
        assert!(finished.stderr.contains(warning), "{}", finished.stderr);
    }
    let proof = project.own_files("erasures").into_iter();
    let proof = proof.filter(|file| file.to_string_lossy().ends_with(".proof.json"));
    let proof: Vec<Value> =
        proof.map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect();
    assert_eq!(proof[0]["blind_sources"], serde_json::json!(["notes"]));
    assert_eq!(proof[0]["namesake_row_count"], 1);

    // Read again, they do not come back.
    let published = project.published();
    run(&project, "rapport", &[&["backfill", "--force"], &day[..]].concat()).expect(0);
    assert_eq!(project.published(), published);
}

/// The rows of every table of figures, without the sketches of customers.
fn figures(project: &Project) -> BTreeMap<String, Vec<String>> {
    let mut figures = BTreeMap::new();
    for file in files_below(&project.path("warehouse/metrics")) {
        let name = file.strip_prefix(project.path("warehouse")).unwrap().display().to_string();
        if name.starts_with("metrics/restatements/") {
            continue;
        }
        let rows = rows_of(&file).into_iter().map(|mut row| {
            row.retain(|column, _| !column.ends_with("_sketch"));
            Value::Object(row).to_string()
        });
        figures.insert(name, rows.collect());
    }
    figures
}

#[test]
fn a_customer_is_erased_with_all_their_records() {
    let project = Project::sample();
    let days = ["--from", "2024-03-04", "--to", "2024-03-06"];
    project.must_run("daily", &days);
    let before = figures(&project);
    let map = project.path("warehouse/identity/identity_map/dt=2024-03-05/data.parquet");
    let rows = rows_of(&map);
    let anna = rows.iter().find(|row| row["record_id"] == "crm:C1001").unwrap();
    let customer = anna["customer_id"].as_str().unwrap();
    let records = rows.iter().filter(|row| row["customer_id"] == customer);
    let records: Vec<&str> = records.map(|row| row["record_id"].as_str().unwrap()).collect();
    // Of the CRM, the shop, the tills and the networks.
    assert!(records.len() >= 3, "{records:?}");

    let result = run(&project, "rapport", &["erase", "--customer", customer]).expect(0);
    assert!(result["erased"]["row_counts"]["raw.crm_contacts"].as_u64() > Some(0), "{result}");
    // Also of what was written in her cases, by whomever.
    assert!(result["erased"]["row_counts"]["raw.crm_case_replies"].as_u64() > Some(0), "{result}");
    assert_eq!(result["erased"]["blind_sources"], serde_json::json!([]));
    let hers = [
        "whitfield",
        "020 7946 0101",
        "02079460101",
        "2079460101",
        "7700900101",
        "hv-20001",
        "14 quay street",
        "c1001",
        "check with the warehouse",
    ];
    assert_nowhere(&project, &[&hers[..], &records, &[customer]].concat());

    // A customer is a customer still, and every figure what it was. Only what counts customers apart
    // when days are rolled up knows them by other ids, and says so.
    assert_eq!(figures(&project), before);
    for file in files_below(&project.path("warehouse/metrics/restatements")) {
        for row in rows_of(&file) {
            assert!(row["column_name"].as_str().unwrap().ends_with("_sketch"), "{row:?}");
        }
    }

    // Asked for once more, and by the id that nobody has any more: done.
    let again = ["erase", "--skip-when-fresh", "--customer", customer];
    run(&project, "rapport", &again).expect(99);
    run(&project, "daily", &[&days[..], &["--skip-when-fresh"]].concat()).expect(99);
}
