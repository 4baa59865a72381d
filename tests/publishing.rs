//! A partition is published whole or not at all, once, and by one run: whatever is killed, stopped,
//! started twice or tampered with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use rapport::lake::Partition;
use rapport::lake::ledger::Entry;

use crate::harness::{Project, Published, Started, finish, wait_until};
use crate::orchestrator::{MANY_DAYS, long_project};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

/// Starts a run and stops it (SIGSTOP) in the middle of a build, while it holds a lease.
fn stopped_while_holding_a_lease(project: &Project, days: &[&str]) -> Started {
    let mut started = project.start("daily", days);
    loop {
        wait_until("a lease is held", || {
            assert!(started.is_running(), "it ended before it could be stopped");
            !project.own_files("leases").is_empty()
        });
        started.signal("STOP");
        if !project.own_files("leases").is_empty() {
            return started;
        }
        started.signal("CONT");
    }
}

/// Whatever is published must be what an undisturbed run publishes.
fn assert_part_of(published: &Published, expected: &Published) {
    for (partition, hash) in published {
        assert_eq!(expected.get(partition), Some(hash), "{partition}");
    }
}

fn entries_by_partition(entries: Vec<Entry>) -> BTreeMap<Partition, Vec<Entry>> {
    let mut by_partition: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in entries {
        by_partition.entry(entry.partition.clone()).or_default().push(entry);
    }
    by_partition
}

#[test]
fn a_killed_run_leaves_whole_partitions_and_the_next_run_finishes_the_rest() {
    let undisturbed = long_project();
    undisturbed.must_run("daily", &MANY_DAYS);
    let expected = undisturbed.published();
    let project = long_project();
    let mut killed_count = 0;
    for round in 0..12 {
        let mut started = project.start("daily", &MANY_DAYS);
        std::thread::sleep(Duration::from_millis(60 + 90 * round));
        // One that was seen to end is gone, and cannot be killed.
        if started.is_running() {
            killed_count += 1;
            started.signal("KILL");
        }
        finish(started);
        assert_part_of(&project.published(), &expected);
    }
    assert!(killed_count >= 3, "the runs are too short to be killed: {killed_count}");
    project.let_torn_files_age();
    project.must_run("daily", &MANY_DAYS);
    assert_eq!(project.published(), expected);
    project.assert_nothing_left_behind();
    for (partition, entries) in entries_by_partition(project.history()) {
        assert_eq!(entries.len(), 1, "{partition} was recorded more than once");
    }
}

#[test]
fn what_a_killed_run_had_half_written_goes_with_the_next_run() {
    // Large enough to be written in parts, which the disk keeps under a name of its own.
    let project = Project::small();
    let mut text = String::from("sale_id,sold_at,customer_email,channel,amount\n");
    for number in 0..400_000_u64 {
        let chance = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let cents = chance % 100;
        writeln!(text, "S-{number},2024-03-04T09:15:00Z,{chance:x}@example.com,web,1.{cents:02}")
            .unwrap();
    }
    project.write("landing/sales/2024-03-04.csv", text);
    let day = ["--date", "2024-03-04"];
    let started = project.start("ingest", &day);
    wait_until("it is being written", || !project.own_files("work").is_empty());
    started.signal("KILL");
    finish(started);
    assert!(!project.own_files("work").is_empty(), "it was killed too late");
    project.let_torn_files_age();
    project.must_run("ingest", &day);
    project.assert_nothing_left_behind();
}

#[test]
fn a_publish_that_was_cut_short_is_rolled_forward() {
    let project = Project::small();
    project.must_run("ingest", &DAYS);
    // A folder where the object must go: the run has said what it will publish, and cannot.
    let obstacle = project.path("warehouse/marts/customers/dt=2024-03-04/data.parquet");
    std::fs::create_dir_all(obstacle.join("in the way")).unwrap();
    project.run("build-customers", &[&DAYS[..], &["--run-id", "cut-short"]].concat()).expect(20);
    assert_eq!(project.own_files("intents").len(), 1);

    // Those who only look are told, and change nothing.
    let plan = project.plan(&DAYS);
    assert_eq!(plan["pending"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(project.own_files("intents").len(), 1);

    std::fs::remove_dir_all(&obstacle).unwrap();
    let finished = project.run("daily", &[&DAYS[..], &["--run-id", "next"]].concat());
    finished.expect(0);
    assert!(finished.stderr.contains("rolling a publish forward"), "{}", finished.stderr);
    project.assert_nothing_left_behind();
    let published_by: Vec<_> = project
        .history()
        .into_iter()
        .filter(|entry| entry.partition.to_string() == "marts.customers dt=2024-03-04")
        .map(|entry| entry.run_id)
        .collect();
    assert_eq!(published_by, ["cut-short"], "it is the first run's work, and was not done again");

    let undisturbed = Project::small();
    undisturbed.must_run("daily", &DAYS);
    assert_eq!(project.published(), undisturbed.published());
}

#[test]
pub fn a_run_that_finds_a_lease_held_ends_with_13() {
    let project = long_project();
    let first = stopped_while_holding_a_lease(&project, &MANY_DAYS);
    let before = project.published();
    let result = project.run("daily", &MANY_DAYS).expect(13);
    assert_eq!(result["error"]["kind"], "lease_held");
    assert_eq!(project.published(), before);
    first.signal("CONT");
    finish(first).expect(0);
    project.assert_nothing_left_behind();
}

#[test]
fn the_lease_of_a_killed_run_is_taken_over_at_once() {
    let project = long_project();
    let first = stopped_while_holding_a_lease(&project, &MANY_DAYS);
    first.signal("KILL");
    finish(first);
    assert!(!project.own_files("leases").is_empty());
    project.let_torn_files_age();
    // A lease lasts a minute: a run that waited for it would take longer than this.
    let finished = project.run("daily", &MANY_DAYS);
    finished.expect(0);
    assert!(finished.took < Duration::from_secs(50), "{:?}", finished.took);
    project.assert_nothing_left_behind();
}

#[test]
fn a_run_that_slept_through_its_lease_publishes_nothing_more() {
    let project = long_project();
    project.edit("rapport.yaml", "threads: 2", "threads: 2\nlease_seconds: 5");
    let sleeper = stopped_while_holding_a_lease(&project, &MANY_DAYS);
    std::thread::sleep(Duration::from_millis(5500));
    project.must_run("daily", &[&MANY_DAYS[..], &["--run-id", "second"]].concat());
    let published = project.published();
    let history = project.history().len();

    sleeper.signal("CONT");
    let woken = finish(sleeper);
    match woken.exit_code {
        13 => assert_eq!(woken.result()["error"]["kind"], "lease_held"),
        // It fell asleep before it looked: it finds everything done.
        _ => assert_eq!(woken.expect(0)["built_count"], 0),
    }
    assert_eq!(project.published(), published);
    assert_eq!(project.history().len(), history, "the sleeper recorded a publish");
    // Nor does it stand in the way of the next run.
    project.run("daily", &[&MANY_DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
}

#[test]
fn two_runs_at_once_publish_everything_once() {
    let undisturbed = long_project();
    undisturbed.must_run("daily", &MANY_DAYS);
    let expected = undisturbed.published();
    let project = long_project();
    let both = [(); 2].map(|()| project.start("daily", &MANY_DAYS)).map(finish);
    let mut exit_codes = both.each_ref().map(|finished| finished.exit_code);
    exit_codes.sort_unstable();
    assert!(matches!(exit_codes, [0, 0 | 13]), "{both:?}");
    for finished in &both {
        finished.result();
    }
    assert_eq!(project.published(), expected);
    project.assert_nothing_left_behind();
    for (partition, entries) in entries_by_partition(project.history()) {
        assert_eq!(entries.len(), 1, "{partition} was recorded more than once");
    }
}

#[test]
fn a_lost_or_altered_object_is_built_again() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    let expected = project.published();
    std::fs::remove_file(project.path("warehouse/metrics/takings/dt=2024-03-05/data.parquet"))
        .unwrap();
    project.write("warehouse/staging/sales/dt=2024-03-06/data.parquet", "no Parquet");
    let plan = project.plan(&DAYS);
    let reasons: Vec<_> = plan["plan"]["stale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["table"].as_str().unwrap(), step["dt"].as_str().unwrap()))
        .collect();
    assert!(reasons.contains(&("metrics.takings", "2024-03-05")), "{plan}");
    assert!(reasons.contains(&("staging.sales", "2024-03-06")), "{plan}");
    let result = project.must_run("daily", &DAYS);
    assert_eq!(project.published(), expected);
    // What reads them was right all along: their content is what it was.
    assert_eq!(result["built_count"], 2, "{result}");
}

#[test]
fn a_second_version_is_recorded_beside_the_first() {
    let project = Project::small();
    project.must_run("daily", &[&DAYS[..], &["--run-id", "first"]].concat());
    project.write(
        "landing/sales/2024-03-04-late.csv",
        "sale_id,sold_at,customer_email,channel,amount\nS-9,2024-03-04T20:00:00Z,,store,2.00\n",
    );
    project.must_run("daily", &[&DAYS[..], &["--run-id", "second"]].concat());
    let history = entries_by_partition(project.history());
    let versions = |partition: &str| -> Vec<(u64, String, u64)> {
        let (_, entries) = history.iter().find(|(p, _)| p.to_string() == partition).unwrap();
        let told = entries.iter().map(|e| (e.version, e.run_id.clone(), e.row_count));
        told.collect()
    };
    let both = |before, after| vec![(1, "first".to_string(), before), (2, "second".into(), after)];
    assert_eq!(versions("raw.sales dt=2024-03-04"), both(3, 4));
    assert_eq!(versions("staging.sales dt=2024-03-04"), both(3, 4));
    // An anonymous sale is no customer's, so their table is the same and the days after stay.
    assert_eq!(versions("marts.customers dt=2024-03-04"), both(2, 2));
    assert_eq!(versions("metrics.takings dt=2024-03-04"), both(2, 2));
    assert_eq!(versions("marts.customers dt=2024-03-05").len(), 1);
    assert_eq!(versions("raw.sales dt=2024-03-05").len(), 1);
}

/// The object that the message of a failed run names, below the warehouse.
fn named(message: &str) -> String {
    let (_, rest) = message.split_once("read `").expect(message);
    rest.split_once('`').expect(message).0.to_string()
}

#[test]
fn what_strangers_leave_in_our_area_is_left_alone() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    let published = project.published();
    let entry = project.own_files("ledger/entries").remove(0);
    for area in ["ledger/entries", "ledger/segments", "intents", "leases", "runs"] {
        for (name, text) in [("README.txt", "hello"), ("notes.json", "{}"), ("x.zst", "")] {
            project.write(&format!("warehouse/_rapport/{area}/{name}"), text);
        }
    }
    let result = project.must_run("daily", &DAYS);
    assert_eq!(result["fresh_count"], 12);
    assert_eq!(project.run("rapport", &["runs"]).stdout.lines().count(), 2);
    // Nor does it stop a build, whose lease is taken and whose intent is carried out beside it.
    std::fs::remove_file(entry).unwrap();
    project.must_run("daily", &DAYS);
    assert_eq!(project.published(), published);
    assert!(project.path("warehouse/_rapport/leases/README.txt").exists());
}

#[test]
fn a_damaged_object_of_ours_is_named_with_what_to_do() {
    let undisturbed = Project::small();
    undisturbed.must_run("daily", &DAYS);
    for (area, file, advice) in [
        ("ledger/entries", "0190aaaa-0000-7000-8000-000000000000.json", "restore it from a copy"),
        ("ledger/segments", "00ff.ndjson.zst", "restore it from a copy"),
        ("intents/raw.sales/dt=2024-03-05", "0000000009.00ff.json", "delete it: the partition"),
        ("leases/raw.sales/dt=2024-03-05", "0000000009.json", "delete it when no job is running"),
    ] {
        let project = undisturbed.copy();
        let sales = project.read("landing/sales/2024-03-05.csv");
        project.write("landing/sales/2024-03-05.csv", sales.replace("99.99", "98.99"));
        project.write(&format!("warehouse/_rapport/{area}/{file}"), "{\"id\": garb");
        let result = project.run("daily", &DAYS).expect(20);
        let message = result["error"]["message"].as_str().unwrap();
        assert_eq!(named(message), format!("_rapport/{area}/{file}"), "{message}");
        assert!(message.contains(&format!("it is damaged; {advice}")), "{message}");
        // Doing what it says helps.
        std::fs::remove_file(project.path(&format!("warehouse/_rapport/{area}/{file}"))).unwrap();
        project.must_run("daily", &DAYS);
        project.assert_nothing_left_behind();
    }
    // A lease in the way of nobody only warns.
    let project = Project::small();
    project.must_run("daily", &DAYS);
    project.write("warehouse/_rapport/leases/raw.sales/dt=2024-03-05/0000000009.json", "");
    let finished = project.run("daily", &DAYS);
    finished.expect(0);
    assert!(finished.stderr.contains("delete it when no job is running"), "{}", finished.stderr);
}

#[test]
fn a_damaged_file_of_one_run_hides_no_other_run() {
    let project = Project::small();
    project.must_run("daily", &["--date", "2024-03-04", "--run-id", "first"]);
    project.must_run("daily", &["--date", "2024-03-05", "--run-id", "second"]);
    project.must_run("daily", &["--date", "2024-03-06", "--run-id", "third"]);
    let files = project.own_files("runs");
    let [first_end, _, _, second_start, _, _] = files.as_slice() else { panic!("{files:?}") };
    std::fs::write(first_end, "{").unwrap();
    std::fs::write(second_start, "garbage").unwrap();
    let finished = project.run("rapport", &["runs"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let [third, first] = finished.stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", finished.stdout)
    };
    assert!(third.ends_with("third") && third.contains("done"), "{third}");
    assert!(first.ends_with("first") && first.contains("not ended"), "{first}");
    assert_eq!(
        finished.stderr.matches("delete it: it only says").count(),
        2,
        "{}",
        finished.stderr
    );
}

#[test]
fn a_damaged_table_is_named_when_it_is_read_and_is_built_anew_once_deleted() {
    let undisturbed = Project::small();
    undisturbed.must_run("daily", &DAYS);
    let object = "staging/sales/dt=2024-03-05/data.parquet";
    let sound = std::fs::read(undisturbed.path(&format!("warehouse/{object}"))).unwrap();
    // The footer ends with its length and a mark, of four bytes each.
    let end = sound.len() - 8;
    let footer_length = u32::from_le_bytes(sound[end..end + 4].try_into().unwrap());
    let footer = end - usize::try_from(footer_length).unwrap();
    // Of equal size: all pages, the footer, the mark.
    for damage in [4..footer, footer..end, end + 4..end + 8] {
        let project = undisturbed.copy();
        let mut bytes = sound.clone();
        bytes[damage.clone()].fill(0xff);
        project.write(&format!("warehouse/{object}"), &bytes);
        project.edit("sql/metrics/takings.sql", "sum(amount)", "sum(amount + 0)");
        let result = project.run("daily", &DAYS).expect(20);
        let message = result["error"]["message"].as_str().unwrap();
        assert_eq!(named(message), object, "{damage:?}: {message}");
        assert!(message.contains("delete it, and run its day again"), "{message}");
        // Doing what it says helps.
        std::fs::remove_file(project.path(&format!("warehouse/{object}"))).unwrap();
        project.must_run("daily", &DAYS);
        assert_eq!(std::fs::read(project.path(&format!("warehouse/{object}"))).unwrap(), sound);
        project.assert_nothing_left_behind();
    }
}

#[test]
fn what_killed_writers_left_half_created_goes_once_a_lease_would_have_run_out() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    let torn = [
        "leases/raw.sales/dt=2024-03-05/0000000009.json#1",
        "intents/raw.sales/dt=2024-03-06/0000000009.00ff.json#12",
        "ledger/entries/0190aaaa-0000-7000-8000-000000000000.json#1",
        "ledger/segments/00ff.ndjson.zst#1",
        "runs/20240305T000000.start.json#1",
    ];
    let strangers = ["leases/draft#2", "runs/notes.json#one"];
    for file in torn.iter().chain(&strangers) {
        project.write(&format!("warehouse/_rapport/{file}"), "{\"tok");
    }
    let count_there = |files: &[&str]| {
        let exists = |file: &str| project.path(&format!("warehouse/_rapport/{file}")).exists();
        files.iter().filter(|file| exists(file)).count()
    };
    // It may be that a living run is creating them in this moment.
    project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!(count_there(&torn), torn.len());
    for file in torn.iter().chain(&strangers) {
        let file = std::fs::File::options()
            .append(true)
            .open(project.path(&format!("warehouse/_rapport/{file}")))
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(61)).unwrap();
    }
    project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!((count_there(&torn), count_there(&strangers)), (0, strangers.len()));
    assert!(!project.path("warehouse/_rapport/leases/raw.sales/dt=2024-03-05").exists());
}

#[test]
fn an_object_altered_at_its_size_is_replaced_by_any_rebuild() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    let expected = project.published();
    let alter = |object: &str| {
        let mut bytes = std::fs::read(project.path(object)).unwrap();
        let middle = bytes.len() / 2;
        bytes[4..middle].fill(0xff);
        project.write(object, bytes);
        assert_ne!(project.published(), expected);
    };
    // Nobody has looked at it, so it is not known to be altered; then its rebuild is the same as
    // what was published.
    alter("warehouse/staging/sales/dt=2024-03-05/data.parquet");
    project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    let sql = project.read("sql/staging/sales.sql");
    let edited = sql.replace("dt = $run_date", "dt = $run_date and 1 = 1");
    assert_ne!(edited, sql);
    project.write("sql/staging/sales.sql", edited);
    let finished = project.run("daily", &DAYS);
    let result = finished.expect(0);
    assert_eq!((&result["built_count"], &result["unchanged_count"]), (&1.into(), &2.into()));
    assert!(finished.stderr.contains("had been altered"), "{}", finished.stderr);
    assert_eq!(project.published(), expected);
    project.assert_nothing_left_behind();
    project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);

    // The same of raw, which is published together with its quarantine.
    alter("warehouse/raw/sales/dt=2024-03-04/data.parquet");
    // That its export was written anew is noted all the same.
    let sales = project.read("landing/sales/2024-03-04.csv");
    project.write("landing/sales/2024-03-04.csv", sales);
    project.run("daily", &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    project.edit("sources/sales.yaml", "load: events", "load: events\nnull_tokens: ['', 'n/a']");
    let result = project.must_run("daily", &DAYS);
    assert_eq!((&result["built_count"], &result["unchanged_count"]), (&1.into(), &2.into()));
    assert_eq!(project.published(), expected);
    project.assert_nothing_left_behind();
}

#[test]
fn an_undisturbed_run_leaves_no_empty_folders() {
    let project = Project::small();
    project.must_run("daily", &DAYS);
    project.edit("sql/metrics/takings.sql", "sum(amount)", "sum(amount + 1)");
    project.must_run("daily", &DAYS);
    for area in ["work", "intents", "leases"] {
        for table in std::fs::read_dir(project.path("warehouse/_rapport").join(area)).unwrap() {
            let table = table.unwrap().path();
            let days = std::fs::read_dir(&table).unwrap().count();
            assert_eq!(days, 0, "{}", table.display());
        }
    }
}
