//! Storage elsewhere: exports from plain web servers, and servers that are dead, silent, busy or
//! say no, each of which ends a job in bounded time with the code that says what to do.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Finished, Project, finish, start};
use crate::web_server::{Manner, WebServer, nobody};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

/// The small project with one file a day, named without wildcards.
fn without_wildcards() -> Project {
    let project = Project::small();
    project.edit("sources/sales.yaml", "sales/{dt}*.csv", "sales/{dt}.csv");
    project
}

/// A run of `daily` whose exports come from `landing`.
fn daily_from(project: &Project, landing: &str, arguments: &[&str]) -> Finished {
    let mut command = project.command("daily", arguments);
    command.env("RAPPORT_LANDING", landing);
    finish(start(command))
}

fn message_of(result: &Value) -> &str {
    result["error"]["message"].as_str().unwrap()
}

#[test]
fn exports_come_from_a_plain_web_server() {
    let local = without_wildcards();
    local.must_run("daily", &DAYS);

    let project = without_wildcards();
    let server = WebServer::start(Manner::Files(project.path("")));
    let landing = format!("{}/landing", server.url());
    daily_from(&project, &landing, &DAYS).expect(0);
    assert_eq!(project.published(), local.published());
    assert!(server.requests().contains(&"GET /landing/sales/2024-03-04.csv".to_string()));

    // Nothing is read twice, and a rerun asks for no more than the heads.
    daily_from(&project, &landing, &[&DAYS[..], &["--skip-when-fresh"]].concat()).expect(99);
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(requests.iter().all(|request| request.starts_with("HEAD ")), "{requests:?}");

    let result = daily_from(&project, &landing, &["--date", "2024-03-07"]).expect(12);
    assert!(message_of(&result).contains("sales/2024-03-07.csv"), "{result}");

    // Replaced by a file of the same size: the server's times are whole seconds.
    let path = project.path("landing/sales/2024-03-05.csv");
    let later = std::fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(2);
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let result = daily_from(&project, &landing, &DAYS).expect(0);
    assert_eq!(result["row_counts"]["raw.sales"], 2, "{result}");
}

#[test]
fn a_server_that_tells_no_times_has_its_files_read_by_every_run() {
    let project = without_wildcards();
    let server = WebServer::start(Manner::FilesWithoutTimes(project.path("landing")));
    daily_from(&project, &server.url(), &DAYS).expect(0);
    let before = project.published();
    server.requests();
    let result = daily_from(&project, &server.url(), &DAYS).expect(0);
    assert_eq!((&result["built_count"], &result["fresh_count"]), (&0.into(), &12.into()));
    assert!(server.requests().contains(&"GET /sales/2024-03-05.csv".to_string()));
    assert_eq!(project.published(), before);
    project.edit("landing/sales/2024-03-05.csv", "7.75", "8.75");
    let result = daily_from(&project, &server.url(), &DAYS).expect(0);
    assert_eq!(result["row_counts"]["raw.sales"], 2, "{result}");
}

#[test]
fn a_large_export_comes_from_a_server_without_ranges() {
    let project = without_wildcards();
    let mut text = String::from("sale_id,sold_at,customer_email,channel,amount\n");
    for number in 0..300_000 {
        text.push_str(&format!("S-{number},2024-03-04T09:15:00Z,,web,{}.50\n", number % 100));
    }
    assert!(text.len() > 10_000_000, "it is asked for in parts");
    project.write("landing/sales/2024-03-04.csv", text);
    let server = WebServer::start(Manner::Files(project.path("landing")));
    let mut command = project.command("ingest", &["--date", "2024-03-04"]);
    command.env("RAPPORT_LANDING", server.url());
    let result = finish(start(command)).expect(0);
    assert_eq!(result["row_counts"]["raw.sales"], 300_000);
}

#[test]
fn wildcards_on_a_server_without_listings_end_with_2_at_once() {
    let project = Project::small();
    let server = WebServer::start(Manner::Files(project.path("landing")));
    let finished = daily_from(&project, &server.url(), &DAYS);
    let result = finished.expect(2);
    let message = message_of(&result);
    assert!(message.contains("source `sales` at `sales/2024-03-04*.csv`"), "{message}");
    assert!(message.contains("name the files without wildcards"), "{message}");
    assert!(finished.took < Duration::from_secs(10), "{:?}", finished.took);
}

/// A command of `daily` whose warehouse is on S3 at `endpoint`.
fn on_s3(project: &Project, endpoint: &str) -> Command {
    let mut command = project.command("daily", &DAYS);
    command.env("RAPPORT_WAREHOUSE", "s3://bucket/warehouse");
    s3_at(&mut command, endpoint);
    command
}

fn s3_at(command: &mut Command, endpoint: &str) {
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ALLOW_HTTP", "true");
    command.env("AWS_ACCESS_KEY_ID", "somebody").env("AWS_SECRET_ACCESS_KEY", "hunter2");
    command.env("AWS_REGION", "us-east-1");
}

/// Quick to give up, for tests that need not wait.
fn impatient(command: &mut Command) {
    command.env("RAPPORT_STORAGE_RETRY_SECONDS", "2");
    command.env("RAPPORT_STORAGE_TIMEOUT_SECONDS", "1");
}

#[test]
fn storage_where_nobody_listens_ends_with_20_within_a_minute() {
    let project = Project::small();
    let finished = finish(start(on_s3(&project, &nobody())));
    let result = finished.expect(20);
    assert_eq!(result["error"]["kind"], "storage");
    assert!(finished.took < Duration::from_secs(60), "{:?}", finished.took);
    // What was tried, for how long.
    for told in ["s3://bucket/warehouse", "http://127.0.0.1:", "retries", "retry_timeout: 20s"] {
        assert!(message_of(&result).contains(told), "{told}: {result}");
    }
}

#[test]
fn storage_that_is_busy_or_silent_ends_with_20() {
    let project = Project::small();
    for (manner, told) in [
        (Manner::Status(503, "SlowDown"), "status code: 503"),
        // Nobody knows whether a write without an answer came to be: it is not sent again.
        (Manner::Silence, "operation timed out"),
    ] {
        let is_tried_again = matches!(manner, Manner::Status(..));
        let server = WebServer::start(manner);
        let mut command = on_s3(&project, &server.url());
        impatient(&mut command);
        let finished = finish(start(command));
        let result = finished.expect(20);
        assert!(message_of(&result).contains(told), "{result}");
        assert!(finished.took < Duration::from_secs(20), "{:?}", finished.took);
        assert_eq!(server.requests().len() > 1, is_tried_again);
    }
}

#[test]
fn a_landing_zone_that_is_down_ends_with_20_after_the_first_source() {
    let project = Project::small();
    project.write("sources/visits.yaml", project.read("sources/sales.yaml"));
    let mut command = project.command("ingest", &DAYS);
    command.env("RAPPORT_LANDING", "s3://bucket/landing");
    s3_at(&mut command, &nobody());
    impatient(&mut command);
    let finished = finish(start(command));
    let result = finished.expect(20);
    assert_eq!(result["failures"].as_array().unwrap().len(), 1, "{result}");
    assert!(finished.took < Duration::from_secs(20), "{:?}", finished.took);
}

#[test]
fn refused_credentials_and_missing_buckets_end_with_2_at_once() {
    let refused = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
    let missing = "<Error><Code>NoSuchBucket</Code></Error>";
    for (status, text, told) in [
        (403, refused, "access is refused: check the credentials"),
        (401, refused, "access is refused: check the credentials"),
        (404, missing, "there is no such bucket"),
    ] {
        let project = Project::small();
        let server = WebServer::start(Manner::Status(status, text));
        let finished = finish(start(on_s3(&project, &server.url())));
        let result = finished.expect(2);
        assert!(message_of(&result).contains(told), "{result}");
        assert!(!finished.stdout.contains("hunter2") && !finished.stderr.contains("hunter2"));
        assert!(finished.took < Duration::from_secs(10), "{:?}", finished.took);

        let mut command = project.command("ingest", &DAYS);
        command.env("RAPPORT_LANDING", "s3://bucket/landing");
        s3_at(&mut command, &server.url());
        let result = finish(start(command)).expect(2);
        assert!(message_of(&result).contains("exports of source `sales`"), "{result}");
        assert!(message_of(&result).contains(told), "{result}");
    }
}
