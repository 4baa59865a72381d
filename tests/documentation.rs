//! What the documentation says is there is there, and what is there is documented: every key,
//! function and code has its row in `docs/`, and the examples do what they are said to do.

use std::path::Path;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use rapport::config::yaml;
use rapport::dates::Day;
use rapport::engine::functions;
use rapport::exports::{Counts, ReadOptions, Source, list, read};
use rapport::models::Contract;
use rapport::models::contract::parse_type;

use crate::harness::Project;

/// A key that nothing has: the error names those that there are.
const NOBODYS: &str = "nobodys_key";

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The keys that stand where `error` found [`NOBODYS`].
fn keys(error: &str) -> Vec<String> {
    assert!(error.contains(NOBODYS), "{error}");
    let (_, list) = error.split_once("expected one of: ").expect(error);
    let (list, _) = list.split_once(')').expect(error);
    list.split(", ").map(str::to_string).collect()
}

/// The names of `names` that have no row in a table of `page`.
fn without_row(page: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().filter(|name| !page.contains(&format!("\n| `{name}` |"))).collect()
}

#[test]
fn every_key_of_a_source_is_documented() {
    let page = page("sources.md");
    let source = |rest: &str| {
        let text = format!("description: d\nlocation: x\nformat: csv\nload: snapshot\n{rest}\n");
        Source::parse("things", &text).unwrap_err().chain()
    };
    let column = |rest: &str| source(&format!("columns: [{{name: a, type: date, {rest}}}]"));
    let nobodys = format!("{NOBODYS}: 1");
    for (prefix, error) in [
        ("", source(&nobodys)),
        ("csv.", source(&format!("csv: {{{nobodys}}}"))),
        ("json.", source(&format!("json: {{{nobodys}}}"))),
        ("operation.", source(&format!("operation: {{{nobodys}}}"))),
        ("column.", column(&nobodys)),
        ("range.", column(&format!("range: {{{nobodys}}}"))),
    ] {
        let names = keys(&error).into_iter().map(|key| format!("{prefix}{key}"));
        let missing = without_row(&page, names);
        assert!(missing.is_empty(), "docs/sources.md lacks {}", missing.join(", "));
    }
}

#[test]
fn every_reason_code_is_documented() {
    // The one list of all codes is where they get their names.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/lib/exports/faults.rs");
    let code = std::fs::read_to_string(path).unwrap();
    let names = code.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("Code::")?.split_once("=> \"")?.1;
        let name = name.strip_suffix("\",")?;
        (!name.contains(' ')).then(|| name.to_string())
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() >= 18, "{names:?}");
    let missing = without_row(&page("sources.md"), names);
    assert!(missing.is_empty(), "docs/sources.md lacks {}", missing.join(", "));
}

#[test]
fn every_key_of_a_contract_is_documented() {
    let page = page("models.md");
    let contract = |text: String| yaml::parse::<Contract>("t.yml", &text).unwrap_err().chain();
    let rest = "description: d\ngrain: [a]\n";
    let columns = "columns: [{name: a, type: date, meaning: m}]\n";
    let column = format!("columns: [{{name: a, type: date, meaning: m, {NOBODYS}: 1}}]");
    let range = format!("columns: [{{name: a, type: date, meaning: m, range: {{{NOBODYS}: 1}}}}]");
    let check = format!("checks: [{{name: c, meaning: m, sql: s, {NOBODYS}: 1}}]");
    for (prefix, error) in [
        ("", contract(format!("{rest}{columns}{NOBODYS}: 1\n"))),
        ("column.", contract(format!("{rest}{column}\n"))),
        ("range.", contract(format!("{rest}{range}\n"))),
        ("check.", contract(format!("{rest}{columns}{check}\n"))),
        ("rows.", contract(format!("{rest}{columns}rows: {{{NOBODYS}: 1}}\n"))),
    ] {
        let names = keys(&error).into_iter().map(|key| format!("{prefix}{key}"));
        let missing = without_row(&page, names);
        assert!(missing.is_empty(), "docs/models.md lacks {}", missing.join(", "));
    }
    for name in ["string", "integer", "double", "boolean", "date", "timestamp"] {
        assert!(parse_type(name).is_ok() && page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_entity_is_documented() {
    let page = page("models.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/entities");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_there = page.lines().any(|line| {
            line.split_once(" | ").is_some_and(|(names, _)| names.contains(&format!("`{name}`")))
        });
        assert!(is_there, "docs/models.md lacks a row for `{name}`");
    }
}

#[test]
fn every_function_is_documented_as_it_is_called() {
    let page = page("models.md");
    let (scalars, aggregates) = (functions::all(), functions::aggregates());
    let scalars = scalars.iter().map(|function| function.documentation());
    let aggregates = aggregates.iter().map(|function| function.documentation());
    for documentation in scalars.chain(aggregates) {
        let documentation = documentation.unwrap();
        let usage = &documentation.syntax_example;
        assert!(
            page.contains(&format!("\n| `{usage}` |")),
            "docs/models.md lacks a row for `{usage}`: {}",
            documentation.description
        );
    }
}

/// The fenced blocks of a page, each with its language.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = vec![];
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').unwrap();
        let (text, after) = after.split_once("\n```").unwrap();
        blocks.push((language, text));
        rest = after;
    }
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_sources_read_what_stands_beneath_them() {
    let page = page("sources.md");
    let blocks = blocks(&page);
    let mut read_count = 0;
    for (index, (language, text)) in blocks.iter().enumerate() {
        if *language != "yaml" {
            continue;
        }
        let source = Source::parse("example", &format!("{text}\n"));
        let source = source.unwrap_or_else(|error| panic!("{}\n{text}", error.chain()));
        let Some(("text", export)) = blocks.get(index + 1) else { continue };
        let counts = read_all(source, export).await;
        assert!(counts.accepted > 0, "{text}\n{counts:?}");
        assert_eq!(counts.accepted, counts.read, "{text}\n{counts:?}");
        read_count += 1;
    }
    assert!(read_count >= 4, "{read_count} examples");
}

async fn read_all(source: Source, export: &str) -> Counts {
    let day: Day = "2024-03-04".parse().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (bytes, ..) = source.encoding.encode(export);
    let place = object_store::path::Path::from(source.location.filled(day).replace('*', "a"));
    store.put(&place, bytes.into_owned().into()).await.unwrap();
    let root = object_store::path::Path::default();
    let files = list(&store, &root, &source, day).await.unwrap();
    let options = ReadOptions::new(chrono_tz::Tz::Europe__London);
    let reader = read(store, Arc::new(source), files, options).await.unwrap();
    reader.finish().await.unwrap()
}

#[test]
fn the_contracts_of_models_parse() {
    let page = page("models.md");
    let contracts = blocks(&page)
        .into_iter()
        .filter(|(language, text)| *language == "yaml" && text.contains("grain:"));
    let mut count = 0;
    for (_, text) in contracts {
        let contract = yaml::parse::<Contract>("docs/models.md", &format!("{text}\n"));
        assert!(contract.is_ok(), "{}\n{text}", contract.unwrap_err().chain());
        count += 1;
    }
    assert!(count >= 2, "{count} contracts");
}

/// The long flags and the subcommands that the help of `rapport` with `arguments` names.
fn helped(arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    let project = Project::small();
    let finished = project.run("rapport", &[arguments, &["--help"]].concat());
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let lines = || finished.stdout.lines().map(str::trim_start);
    let flags = lines().filter_map(|line| {
        let flag = line.strip_prefix("-h, ").unwrap_or(line).split([' ', '=']).next()?;
        flag.starts_with("--").then(|| flag.to_string())
    });
    let commands = finished.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_string())
    });
    (flags.collect(), commands.collect())
}

#[test]
fn every_command_of_the_operator_is_documented_with_its_flags() {
    let page = page("operations.md");
    // Of every command, and told with the jobs.
    let everywhere = ["--help", "--version", "--config", "--log", "--log-format", "--json"];
    let days = ["--date", "--from", "--to"];
    let (_, commands) = helped(&[]);
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        assert!(page.contains(&format!("`rapport {command}")), "docs lack `rapport {command}`");
        let (flags, _) = helped(&[&command]);
        assert!(flags.len() >= 4, "{command}: {flags:?}");
        let known = |flag: &String| everywhere.iter().chain(&days).any(|known| known == flag);
        for flag in flags.iter().filter(|flag| !known(flag)) {
            assert!(page.contains(&format!("`{flag}")), "docs lack {flag} of {command}");
        }
    }
}
