//! The sample week through the jobs: the same bytes however it is run, and after a change exactly
//! what it reaches is built again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rapport::dates::Day;
use rapport::lake::Partition;
use rapport::lake::ledger::Entry;

use crate::harness::{Finished, Project, Published, files_below, finish, rows_of, start};

const WEEK: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-11"];

/// The first three days: enough for what holds from day to day.
const THREE_DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

/// The week in one run with two threads, as settings say; tests copy it and leave it as it is.
fn week() -> &'static (Project, Finished) {
    static WEEK_RUN: OnceLock<(Project, Finished)> = OnceLock::new();
    WEEK_RUN.get_or_init(|| {
        let project = Project::sample();
        let finished = project.run("daily", &WEEK);
        finished.expect(0);
        (project, finished)
    })
}

/// What the week has published by the third day.
fn first_three_days() -> Published {
    let until: Day = "2024-03-07".parse().unwrap();
    week().0.published().into_iter().filter(|(partition, _)| partition.dt < until).collect()
}

/// The current entry of every partition.
fn current(project: &Project) -> BTreeMap<Partition, Entry> {
    // Later entries come later.
    project.history().into_iter().map(|entry| (entry.partition.clone(), entry)).collect()
}

fn names<'a>(partitions: impl IntoIterator<Item = &'a Partition>) -> BTreeSet<String> {
    partitions.into_iter().map(ToString::to_string).collect()
}

#[test]
fn every_row_of_the_exports_is_accounted_for() {
    let (project, finished) = week();
    let result = finished.result();
    let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
    for file in files_below(&project.path("warehouse/staging/export_accounting")) {
        for row in rows_of(&file) {
            let source = row["source"].as_str().unwrap();
            for (key, count) in row.iter().filter(|(key, _)| key.ends_with("_row_count")) {
                *told.entry((source.to_string(), key.clone())).or_default() +=
                    count.as_u64().unwrap();
            }
        }
    }
    let mut read = 0;
    for (source, counts) in result["accounting"].as_object().unwrap() {
        let count = |key: &str| counts[key].as_u64().unwrap();
        let sum = count("accepted_row_count")
            + count("quarantined_row_count")
            + count("duplicate_row_count");
        assert_eq!(count("read_row_count"), sum, "{source}");
        for (key, count) in counts.as_object().unwrap() {
            let told = told.remove(&(source.clone(), key.clone()));
            assert_eq!(told, count.as_u64(), "{key} of {source} in staging.export_accounting");
        }
        assert_eq!(
            result["row_counts"][format!("raw.{source}")].as_u64(),
            Some(count("accepted_row_count")),
            "{source}"
        );
        read += sum;
    }
    assert!(read > 100, "{read}");
    assert_eq!(told, BTreeMap::new());
}

#[test]
fn one_thread_from_scratch_gives_the_same_bytes() {
    let project = Project::sample();
    let mut command = project.command("daily", &THREE_DAYS);
    finish(start({
        command.env("RAPPORT_THREADS", "1");
        command
    }))
    .expect(0);
    assert_eq!(project.published(), first_three_days());
}

#[test]
fn eight_threads_day_by_day_give_the_same_bytes() {
    let project = Project::sample();
    for day in ["2024-03-04", "2024-03-05", "2024-03-06"] {
        let mut command = project.command("daily", &["--date", day]);
        command.env("RAPPORT_THREADS", "8");
        finish(start(command)).expect(0);
    }
    assert_eq!(project.published(), first_three_days());
}

#[test]
fn the_four_jobs_in_order_give_the_same_bytes_as_daily() {
    let project = Project::sample();
    let days = ["--from", "2024-03-04", "--to", "2024-03-06"];
    for job in ["ingest", "resolve-identities", "build-customers", "build-metrics"] {
        project.must_run(job, &days);
    }
    let until: Day = "2024-03-06".parse().unwrap();
    let mut expected = first_three_days();
    expected.retain(|partition, _| partition.dt < until);
    assert_eq!(project.published(), expected);
    project.run("daily", &[&days[..], &["--skip-when-fresh"]].concat()).expect(99);
}

#[test]
fn a_rerun_builds_nothing_and_neither_does_a_project_moved_with_its_files() {
    // A copy's export files are newer than those that were read, and hold the same bytes.
    let copy = week().0.copy();
    let before = copy.published();
    let entries = current(&copy);
    let result = copy.run("daily", &[&WEEK[..], &["--skip-when-fresh"]].concat()).expect(99);
    let fresh_count = result["fresh_count"].as_u64().unwrap();
    assert!(fresh_count > 0 && fresh_count.is_multiple_of(7), "{result}");
    assert_eq!((&result["built_count"], &result["unchanged_count"]), (&0.into(), &0.into()));
    assert_eq!(copy.published(), before);
    // It notes by which marks the copied files are known, and nothing else.
    for (partition, entry) in current(&copy) {
        let is_noted = entry.exports != entries[&partition].exports;
        assert_eq!(entry.id != entries[&partition].id, is_noted, "{partition}");
        assert_eq!(entry.fingerprint, entries[&partition].fingerprint, "{partition}");
    }
    let history = copy.history().len();
    copy.run("daily", &[&WEEK[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!(copy.history().len(), history);
}

#[test]
fn published_tables_outlive_the_exports() {
    let copy = week().0.copy();
    let before = copy.published();
    std::fs::remove_dir_all(copy.path("tests/projects/sample_week/landing")).unwrap();
    std::fs::create_dir(copy.path("tests/projects/sample_week/landing")).unwrap();
    copy.run("daily", &[&WEEK[..], &["--skip-when-fresh"]].concat()).expect(99);
    assert_eq!(copy.published(), before);
}

#[test]
fn a_late_export_rebuilds_exactly_what_it_reaches() {
    let copy = week().0.copy();
    copy.must_run("daily", &WEEK); // notes the copied files
    let before = current(&copy);
    let orders =
        copy.read("tests/projects/sample_week/landing/shop/orders/2024-03-05/orders.ndjson");
    let late = orders.lines().next().unwrap().replace("\"SO-", "\"SO-9");
    copy.write(
        "tests/projects/sample_week/landing/shop/orders/2024-03-05/late.ndjson",
        late + "\n",
    );

    let result = copy.must_run("daily", &THREE_DAYS);
    let after = current(&copy);
    let rebuilt: BTreeSet<&Partition> =
        after.iter().filter(|(p, entry)| entry.id != before[p].id).map(|(p, _)| p).collect();
    assert!(result["built_count"].as_u64().unwrap() > 5, "{result}");

    // What read the file, and then whatever read something that came out different.
    let from_the_file = [
        "raw.shop_orders",
        "raw.shop_order_lines",
        "quarantine.shop_orders",
        "quarantine.shop_order_lines",
    ];
    for table in from_the_file {
        let name = format!("{table} dt=2024-03-05");
        assert!(names(rebuilt.iter().copied()).contains(&name), "{name}");
    }
    let until: Day = "2024-03-07".parse().unwrap();
    for (partition, entry) in after.iter().filter(|(partition, _)| partition.dt < until) {
        let is_from_the_file = from_the_file.contains(&partition.table.to_string().as_str())
            && partition.dt.to_string() == "2024-03-05";
        let reached = before[partition].inputs.iter().any(|input| {
            after[&input.partition].content_hash != before[&input.partition].content_hash
        });
        assert_eq!(rebuilt.contains(partition), reached || is_from_the_file, "{partition}");
        // And it stands on what is published now.
        for input in &entry.inputs {
            assert_eq!(input.content_hash, after[&input.partition].content_hash, "{partition}");
        }
    }
    for untouched in ["raw.crm_contacts dt=2024-03-05", "staging.mentions dt=2024-03-05"] {
        assert!(!names(rebuilt.iter().copied()).contains(untouched), "{untouched}");
    }
    for reached in [
        "staging.orders dt=2024-03-05",
        "metrics.revenue dt=2024-03-05",
        "marts.customers dt=2024-03-05",
        "marts.record_orders dt=2024-03-06",
    ] {
        assert!(names(rebuilt.iter().copied()).contains(reached), "{reached}");
    }
    assert!(rebuilt.iter().all(|partition| partition.dt.to_string() != "2024-03-04"));

    // The same as if the file had been there from the start.
    let mut published = copy.published();
    // What moved is this warehouse's history, which one that is built anew has not.
    let is_history = |partition: &Partition| partition.table.table == "restatements";
    published.retain(|partition, _| partition.dt < until && !is_history(partition));
    let scratch = copy.copy();
    std::fs::remove_dir_all(scratch.path("warehouse")).unwrap();
    scratch.must_run("daily", &THREE_DAYS);
    let mut anew = scratch.published();
    anew.retain(|partition, _| !is_history(partition));
    assert_eq!(published, anew);
}

#[test]
fn a_comment_makes_nothing_stale() {
    let copy = week().0.copy();
    copy.edit("sql/marts/orders.sql", "with\n", "-- Said again in other words.\nwith\n\n");
    copy.edit("sql/marts/orders.yml", "description: \"", "description: \"In other words. ");
    let plan = copy.plan(&WEEK);
    assert_eq!(plan["plan"]["stale"].as_array().unwrap().len(), 0, "{plan}");
    // The prose of a metric is what the dictionary is made of, and nothing else.
    copy.edit("sql/metrics/revenue.yml", "description: \"", "description: \"In other words. ");
    let plan = copy.plan(&WEEK);
    let stale = plan["plan"]["stale"].as_array().unwrap();
    assert_eq!(stale.len(), 7, "{plan}");
    assert!(stale.iter().all(|step| step["table"] == "metrics.metric_definitions"), "{plan}");
}

#[test]
fn a_changed_model_makes_itself_and_all_below_it_stale_until_nothing_changes() {
    let copy = week().0.copy();
    // The same rows by another query.
    copy.edit("sql/marts/cases.sql", "where dt = $run_date", "where dt = $run_date and 1 = 1");
    let plan = copy.plan(&THREE_DAYS);
    let planned: BTreeSet<String> = plan["plan"]["stale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            format!("{} dt={}", step["table"].as_str().unwrap(), step["dt"].as_str().unwrap())
        })
        .collect();

    let until: Day = "2024-03-07".parse().unwrap();
    let entries = current(&copy);
    let mut below: BTreeSet<Partition> = BTreeSet::new();
    loop {
        let next: BTreeSet<Partition> = entries
            .values()
            .filter(|entry| entry.partition.dt < until)
            .filter(|entry| {
                entry.partition.table.to_string() == "marts.cases"
                    || entry.inputs.iter().any(|input| below.contains(&input.partition))
            })
            .map(|entry| entry.partition.clone())
            .collect();
        if next == below {
            break;
        }
        below = next;
    }
    assert!(below.len() > 6, "{below:?}");
    assert_eq!(planned, names(&below));

    // The rows are the same, so it ends there: nothing below is built.
    let before = copy.published();
    let result = copy.must_run("daily", &THREE_DAYS);
    assert_eq!(result["built_count"], 0, "{result}");
    assert_eq!(result["unchanged_count"], 3, "{result}");
    assert_eq!(copy.published(), before);
    copy.run("daily", &[&THREE_DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
}

#[test]
fn a_changed_parameter_makes_only_those_stale_that_name_it() {
    let copy = week().0.copy();
    let mut command = copy.command("rapport", &[&["plan", "--json"], &THREE_DAYS[..]].concat());
    command.env("RAPPORT_PARAMETER_CONFIDENCE_Z", "2.58");
    let finished = finish(start(command));
    let plan: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let mut planned = BTreeSet::new();
    for step in plan["plan"]["stale"].as_array().unwrap() {
        planned.insert(step["table"].as_str().unwrap().to_string());
    }
    // In its query, or in a formula of its contract, of which its trend is made too.
    let mut naming = BTreeSet::new();
    for path in files_below(&copy.path("sql")) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("$confidence_z") {
            let zone = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let table = format!("{zone}.{}", path.file_stem().unwrap().to_str().unwrap());
            if text.contains("\nwindows: ") {
                naming.insert(format!("{table}_trend"));
            }
            naming.insert(table);
        }
    }
    assert!(!naming.is_empty());
    // Whatever metric is built anew, what moved of it is told.
    naming.insert("metrics.restatements".to_string());
    assert_eq!(planned, naming);
}

#[test]
fn no_person_of_the_exports_is_named_in_a_log_or_in_our_own_area() {
    let (project, finished) = week();
    let mut texts = vec![finished.stdout.clone(), finished.stderr.clone()];
    let rerun = project.copy().run("daily", &[&WEEK[..], &["--log", "debug"]].concat());
    texts.extend([rerun.stdout, rerun.stderr]);
    for path in files_below(&project.path("warehouse/_rapport")) {
        let bytes = std::fs::read(&path).unwrap();
        let bytes = match path.extension() {
            Some(extension) if extension == "zst" => zstd::decode_all(bytes.as_slice()).unwrap(),
            _ => bytes,
        };
        texts.push(String::from_utf8(bytes).unwrap());
    }
    let people = people();
    assert!(people.len() > 30, "{people:?}");
    for text in texts {
        let text = text.to_lowercase();
        for person in &people {
            assert!(!text.contains(person.as_str()), "{person} stands in: {text:.2000}");
        }
    }
}

/// E-mail addresses, telephone numbers and full names of the sample exports, in lower case.
fn people() -> BTreeSet<String> {
    let email = regex::Regex::new(r"[\w.+-]+@[\w-]+\.[\w.]+").unwrap();
    let phone = regex::Regex::new(r"(\+|\b0)[\d ()-]{8,}\d").unwrap();
    let name = regex::Regex::new(r#""name": "([^"]+ [^"]+)""#).unwrap();
    let mut people = BTreeSet::new();
    for path in files_below(std::path::Path::new("tests/projects/sample_week/landing")) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).to_lowercase();
        people.extend(email.find_iter(&text).map(|found| found.as_str().to_string()));
        if path.to_str().unwrap().contains("/crm/contacts/") {
            for line in text.lines().skip(1) {
                let fields: Vec<_> = line.split(',').collect();
                if ![fields[3], fields[4]].contains(&"") {
                    people.insert(format!("{} {}", fields[3], fields[4]));
                }
            }
            people.extend(phone.find_iter(&text).map(|found| found.as_str().to_string()));
        }
        if path.to_str().unwrap().contains("/social/") {
            people.extend(name.captures_iter(&text).map(|found| found[1].to_string()));
        }
    }
    people
}

#[test]
fn a_day_made_of_the_same_is_taken_from_the_day_before_where_that_is_sound() {
    let copy = week().0.copy();
    let dayless: BTreeSet<_> = copy
        .history()
        .into_iter()
        .filter(|entry| entry.partition.table.to_string() == "staging.reviews")
        .map(|entry| entry.dayless)
        .collect();
    assert!(dayless.len() == 1 && !dayless.contains(&None), "{dayless:?}");
    let object = |day: &str| copy.path(&format!("warehouse/staging/reviews/dt={day}/data.parquet"));
    let published = std::fs::read(object("2024-03-05")).unwrap();
    assert_eq!(std::fs::read(object("2024-03-04")).unwrap(), published);
    for is_sound in [true, false] {
        if !is_sound {
            std::fs::write(object("2024-03-04"), vec![0; published.len()]).unwrap();
        }
        std::fs::remove_file(object("2024-03-05")).unwrap();
        copy.must_run("daily", &["--date", "2024-03-05"]);
        assert_eq!(std::fs::read(object("2024-03-05")).unwrap(), published, "{is_sound}");
    }
}
