//! A job that is told to stop stops, also where its threads never look up from their work.

use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Finished, Project, Started, finish, start, wait_until};

const DAY: [&str; 2] = ["--date", "2024-03-04"];

/// The small project with a table that the one thread there is works out for hours, without ever
/// yielding: how far texts of some megabytes are from each other.
fn with_endless_table() -> Project {
    let project = Project::small();
    project.write(
        "sql/metrics/endless.sql",
        format!(
            "-- Grain: one row per sale.\n\
             select sale_id, cast({DISTANCE} as bigint) as distance\n\
             from staging.sales\n\
             where dt = $run_date\n\
             order by sale_id\n"
        ),
    );
    project.write(
        "sql/metrics/endless.yml",
        "description: One row per sale.\ngrain: [sale_id]\ncolumns:\n\
         \x20 - {name: sale_id, type: string, meaning: Its id., required: true}\n\
         \x20 - {name: distance, type: integer, meaning: How far., required: true}\n",
    );
    project
}

const DISTANCE: &str = "levenshtein(repeat(sale_id, 500000), repeat(channel, 500000))";

fn start_on_one_thread(project: &Project, binary: &str, arguments: &[&str]) -> Started {
    let mut command = project.command(binary, arguments);
    command.env("RAPPORT_THREADS", "1");
    start(command)
}

fn is_at_the_endless_table(project: &Project) -> bool {
    let leases = project.own_files("leases");
    leases.iter().any(|lease| lease.to_string_lossy().contains("metrics.endless"))
}

/// Ends the job by SIGTERM, within the five seconds that are promised; its result.
fn terminate(started: Started) -> (Finished, Value) {
    started.signal("TERM");
    let asked = Instant::now();
    let finished = finish(started);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let result = finished.expect(143);
    assert_eq!(result["error"]["kind"], "terminated");
    assert!(finished.stderr.contains("stopped by SIGTERM"), "{}", finished.stderr);
    (finished, result)
}

#[test]
fn a_job_whose_threads_never_yield_is_stopped_in_time() {
    let (project, late) = (with_endless_table(), with_endless_table());
    let backfill = [&["backfill", "--max-runtime", "1s"], &DAY[..]].concat();
    let out_of_time = start_on_one_thread(&late, "rapport", &backfill);
    let started = start_on_one_thread(&project, "daily", &DAY);
    wait_until("the endless table is being built", || is_at_the_endless_table(&project));
    std::thread::sleep(Duration::from_millis(500));
    terminate(started);
    // As long again as it was given, and ten seconds at least.
    let finished = finish(out_of_time);
    assert_eq!(finished.expect(12)["error"]["kind"], "out_of_time");
    let (least, most) = (Duration::from_secs(11), Duration::from_secs(16));
    assert!((least..most).contains(&finished.took), "{:?}", finished.took);

    // What was published is whole, and nobody's lease is in the way of the next run.
    for project in [project, late] {
        assert!(project.path("warehouse/marts/customers/dt=2024-03-04/data.parquet").exists());
        assert!(!project.path("warehouse/metrics/endless").exists());
        project.edit("sql/metrics/endless.sql", DISTANCE, "0");
        project.must_run("daily", &DAY);
        project.assert_nothing_left_behind();
    }
}

/// Here the thread waits that everything else waits for: for a file that never comes.
#[test]
fn a_job_that_cannot_end_by_itself_is_ended_and_tells_its_result() {
    let project = Project::small();
    let made = Command::new("mkfifo").arg(project.path("erase.txt")).status().unwrap();
    assert!(made.success());
    let erase = ["erase", "--identifiers", "erase.txt", "--run-id", "art-17"];
    let started =
        project.start("rapport", &[&erase[..], &["--result-file", "result.json"]].concat());
    // It can be opened so only while somebody reads, who then waits for what is written.
    const WITHOUT_WAITING: i32 = 0o4000;
    let mut open = std::fs::File::options();
    open.write(true).custom_flags(WITHOUT_WAITING);
    let mut writer = None;
    wait_until("the file is being read", || {
        writer = open.open(project.path("erase.txt")).ok();
        writer.is_some()
    });
    let (finished, result) = terminate(started);
    assert_eq!((&result["job"], &result["run_id"]), (&"erase".into(), &"art-17".into()));
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("did not end by itself"), "{message}");
    assert_eq!(project.read("result.json"), finished.stdout);
    drop(writer);
}
