//! `rapport backfill`: what the plan says and nothing else, with the same bytes however it is
//! scheduled, and a failing day that holds up no more than what reads it.

use std::collections::BTreeSet;
use std::time::Duration;

use rapport::dates::Day;
use serde_json::{Value, json};

use crate::harness::{Project, files_below, finish};

/// Twelve days of sales.
const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-16"];

const TARGET_COUNT: u64 = 12 * 4;

/// The small project with exports of all of [`DAYS`].
fn project() -> Project {
    let project = Project::small();
    let first: Day = "2024-03-07".parse().unwrap();
    for number in 0..9 {
        let day = first.plus(number);
        let sales = format!(
            "sale_id,sold_at,customer_email,channel,amount\n\
             S-7{number},{day}T09:15:00Z,ada.lovelace@example.com,web,{number}.50\n\
             S-8{number},{day}T10:15:00Z,n{number}@example.org,store,1.25\n"
        );
        project.write(&format!("landing/sales/{day}.csv"), sales);
    }
    project
}

fn backfill(project: &Project, arguments: &[&str], exit_code: i32) -> Value {
    let arguments = [&["backfill"], &DAYS[..], arguments].concat();
    project.run("rapport", &arguments).expect(exit_code)
}

/// The tables and days among `partitions` that are not published.
fn unpublished(project: &Project, of: &Project) -> Vec<String> {
    let published = project.published();
    let all = of.published();
    let missing = all.keys().filter(|partition| !published.contains_key(*partition));
    missing.map(ToString::to_string).collect()
}

#[test]
fn a_backfill_equals_the_daily_runs_however_many_targets_are_built_at_once() {
    let daily = project();
    daily.must_run("daily", &DAYS);
    for parallel in ["1", "2", "7"] {
        let project = project();
        let result = backfill(&project, &["--parallel", parallel], 0);
        assert_eq!((&result["job"], &result["status"]), (&"backfill".into(), &"done".into()));
        assert_eq!(result["built_count"], TARGET_COUNT, "{result}");
        assert_eq!(project.published(), daily.published());
        project.assert_nothing_left_behind();
        // There is nothing left to do, for either.
        let result = backfill(&project, &["--skip-when-fresh"], 99);
        assert_eq!((&result["built_count"], &result["fresh_count"]), (&0.into(), &48.into()));
        let result = project.must_run("daily", &DAYS);
        assert_eq!((&result["built_count"], &result["unchanged_count"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let project = project();
    let result = backfill(&project, &["--dry-run"], 0);
    assert_eq!(result["status"], "planned");
    assert_eq!(result["plan"], project.plan(&DAYS)["plan"]);
    assert_eq!(result["plan"]["stale"].as_array().unwrap().len() as u64, TARGET_COUNT);
    assert!(!project.path("warehouse").exists());
    project.must_run("daily", &DAYS);
    let before = files_below(&project.path("warehouse"));
    backfill(&project, &["--dry-run", "--skip-when-fresh"], 99);
    assert_eq!(files_below(&project.path("warehouse")), before);
}

#[test]
fn a_failing_day_holds_up_only_what_reads_it_and_the_next_run_goes_on() {
    let undisturbed = project();
    undisturbed.must_run("daily", &DAYS);
    let project = project();
    let good = project.read("landing/sales/2024-03-08.csv");
    project.write("landing/sales/2024-03-08.csv", "sale_id,sold_at\n\"S-1,\n");
    std::fs::remove_file(project.path("landing/sales/2024-03-10.csv")).unwrap();
    // An export that broke its contract comes before one that is not there yet.
    let result = backfill(&project, &["--parallel", "3"], 11);
    let failures = result["failures"].as_array().unwrap();
    let failed: BTreeSet<(&str, &str)> = failures
        .iter()
        .map(|one| (one["dt"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        failed,
        BTreeSet::from([("2024-03-08", "export_broken"), ("2024-03-10", "not_there_yet")])
    );
    // Sales of all other days are there; customers, who add up from day to day, until the 7th.
    let mut expected = vec![];
    let days: Vec<String> = (8..16).map(|day| format!("dt=2024-03-{day:02}")).collect();
    for (table, days) in [
        ("marts.customers", &days[..]),
        ("metrics.takings", &days[..]),
        ("quarantine.sales", &[days[0].clone(), days[2].clone()][..]),
        ("raw.sales", &[days[0].clone(), days[2].clone()][..]),
        ("staging.sales", &[days[0].clone(), days[2].clone()][..]),
    ] {
        expected.extend(days.iter().map(|day| format!("{table} {day}")));
    }
    assert_eq!(unpublished(&project, &undisturbed), expected);
    // Two of staging, and eight of each of those that add up.
    assert_eq!(result["held_back_count"], 2 + 8 + 8, "{result}");

    project.write("landing/sales/2024-03-08.csv", good);
    let result = backfill(&project, &[], 12);
    assert_eq!(result["error"]["kind"], "not_there_yet");
    project.write("landing/sales/2024-03-10.csv", undisturbed.read("landing/sales/2024-03-10.csv"));
    backfill(&project, &[], 0);
    assert_eq!(project.published(), undisturbed.published());
}

#[test]
fn a_late_file_rebuilds_what_reads_it_and_nothing_else() {
    let project = project();
    project.must_run("daily", &DAYS);
    // The customer buys again on the same day: the total of that day and of all days after.
    let late = "sale_id,sold_at,customer_email,channel,amount\n\
                S-99,2024-03-09T09:15:00Z,ada.lovelace@example.com,web,5.00\n";
    project.write("landing/sales/2024-03-09-late.csv", late);
    let result = backfill(&project, &[], 0);
    // One day of sales and of takings, and seven days of customers. The takings of the days after
    // count the customers, of which there are as many as before.
    assert_eq!(result["built_count"], 1 + 1 + 1 + 7, "{result}");
    assert_eq!(result["unchanged_count"], 6, "{result}");
    let fresh = crate::backfill::project();
    fresh.write("landing/sales/2024-03-09-late.csv", late);
    fresh.must_run("daily", &DAYS);
    assert_eq!(project.published(), fresh.published());
}

#[test]
fn only_what_is_selected_is_built() {
    let project = project();
    let result = backfill(&project, &["--select", "source:sales", "staging"], 0);
    assert_eq!(result["built_count"], 12 + 12);
    let zones: BTreeSet<String> =
        project.published().into_keys().map(|partition| partition.table.zone).collect();
    assert_eq!(Vec::from_iter(zones), ["quarantine", "raw", "staging"]);
    // What it reads is not built, and not there.
    let result = backfill(&project, &["--select", "takings"], 12);
    assert!(result["error"]["message"].as_str().unwrap().contains("marts.customers"), "{result}");
    assert_eq!(result["failures"].as_array().unwrap().len(), 12);
    let result = backfill(&project, &["--select", "takngs"], 2);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `takings`?"), "{message}");
}

#[test]
fn by_force_what_is_fresh_is_built_too_and_comes_out_the_same() {
    let project = project();
    project.must_run("daily", &DAYS);
    let before = project.published();
    let result = backfill(&project, &["--force", "--select", "staging", "customers"], 0);
    assert_eq!((&result["built_count"], &result["unchanged_count"]), (&0.into(), &24.into()));
    assert_eq!(project.history().last().unwrap().reason, "forced");
    assert_eq!(project.published(), before);
    // What was read is safe in raw: where the files are gone it is not emptied by force.
    for file in files_below(&project.path("landing/sales")) {
        std::fs::remove_file(file).unwrap();
    }
    let result = backfill(&project, &["--force", "--select", "raw"], 0);
    assert_eq!((&result["fresh_count"], &result["unchanged_count"]), (&12.into(), &0.into()));
    assert_eq!(project.published(), before);
}

#[test]
pub fn when_its_time_is_over_it_begins_nothing_more_and_the_next_run_goes_on() {
    let project = project();
    let result = backfill(&project, &["--max-runtime", "0s"], 12);
    assert_eq!(result["error"]["kind"], "out_of_time");
    assert!(project.published().is_empty());
    backfill(&project, &["--max-runtime", "1h"], 0);
    assert_eq!(project.published().len(), 12 * 5);
}

#[test]
fn shards_do_the_work_together() {
    let alone = project();
    alone.must_run("daily", &DAYS);
    let project = project();
    let days = [&["backfill"], &DAYS[..]].concat();
    let shards = ["1/3", "2/3", "3/3"];
    let started: Vec<_> = shards
        .iter()
        .map(|shard| project.start("rapport", &[&days[..], &["--shard", *shard]].concat()))
        .collect();
    let mut built_count = 0;
    for one in started {
        let result = finish(one).expect(0);
        let own = result["built_count"].as_u64().unwrap();
        assert!(own > 0, "{result}");
        built_count += own;
    }
    assert_eq!(built_count, TARGET_COUNT);
    assert_eq!(project.published(), alone.published());
    project.assert_nothing_left_behind();
}

#[test]
fn a_shard_waits_for_others_only_as_long_as_it_is_told_to() {
    let project = project();
    let finished = project.run(
        "rapport",
        &[&["backfill"], &DAYS[..], &["--shard", "1/2", "--shard-patience", "1s"]].concat(),
    );
    let result = finished.expect(12);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("no other shard published anything for 1 seconds"), "{message}");
    assert!(finished.took < Duration::from_secs(60), "{:?}", finished.took);
    // Its own that read nothing of others are built: the source's twelve days, each of which must
    // know what the day before delivered, and half of those of what is staged of them.
    assert!(result["built_count"].as_u64().unwrap() >= 12 + 6, "{result}");
    let plan = backfill(&project, &["--dry-run", "--shard", "2/2"], 0);
    let tables: BTreeSet<&str> = plan["plan"]["stale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["table"].as_str().unwrap())
        .collect();
    assert!(tables.contains("marts.customers"), "{tables:?}");
}

#[test]
fn a_held_lease_ends_the_run_unless_it_is_to_go_on() {
    let project = project();
    let lease = json!({
        "token": "0", "run_id": "another",
        "process": {"machine": "elsewhere", "pid": 1, "started": 1},
        "acquired_at": "2024-03-04T00:00:00Z", "expires_at": "9024-03-04T00:00:00Z",
    });
    let key = "warehouse/_rapport/leases/raw.sales/dt=2024-03-05/0000000009.json";
    project.write(key, lease.to_string());
    let result = backfill(&project, &["--parallel", "1"], 13);
    // The next one in order was the end.
    assert!(result["built_count"].as_u64().unwrap() < 12, "{result}");
    let result = backfill(&project, &["--continue-on-error"], 13);
    assert_eq!(result["failures"].as_array().unwrap().len(), 1, "{result}");
    let raw = project.published().into_keys().filter(|one| one.table.zone == "raw").count();
    assert_eq!(raw, 11);
    std::fs::remove_file(project.path(key)).unwrap();
    backfill(&project, &[], 0);
}

#[test]
fn each_day_is_told_once_with_how_far_the_run_is() {
    let project = project();
    let finished = project.run("rapport", &[&["backfill"], &DAYS[..]].concat());
    finished.expect(0);
    let lines: Vec<Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let days: Vec<&Value> = lines.iter().filter(|line| line["message"] == "day done").collect();
    assert_eq!(days.len(), 12);
    let told: BTreeSet<&str> = days.iter().map(|line| line["dt"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 12);
    for (number, line) in days.iter().enumerate() {
        assert_eq!((&line["built"], &line["failed"]), (&4.into(), &0.into()), "{line}");
        assert_eq!((&line["days_done"], &line["days"]), (&(number + 1).into(), &12.into()));
        assert!(line["seconds_left"].is_u64(), "{line}");
    }
    assert_eq!(days[11]["seconds_left"], 0);
}

#[test]
fn flags_that_say_nothing_end_with_2_and_a_result() {
    let project = project();
    for (arguments, expected) in [
        (&["--parallel", "0"][..], "0 is not in 1.."),
        (&["--shard", "3/2"], "`3/2` is not a shard, expected 1/2 to 2/2"),
        (&["--max-runtime", "5"], "`5` is not a time"),
        (&["--select", ""], "it is empty"),
        (&["--paralel", "2"], "--paralel"),
    ] {
        let result = backfill(&project, arguments, 2);
        let message = result["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    let result = project.run("rapport", &["backfill"]).expect(2);
    assert!(result["error"]["message"].as_str().unwrap().contains("which days?"), "{result}");
}
