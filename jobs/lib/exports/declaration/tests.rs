//! Every mistake of a declaration names its place.

use super::*;

const PLAIN: &str = "description: d\nlocation: x/{dt}.csv\nformat: csv\nload: events\n";

#[track_caller]
fn fails(text: &str, place: &str, fragment: &str) {
    let error = parse("orders", "orders.yaml", text).unwrap_err().chain();
    assert!(error.starts_with(&format!("orders.yaml:{place}")), "{error}");
    assert!(error.contains(fragment), "{error}");
}

#[track_caller]
fn column_fails(column: &str, fragment: &str) {
    let text = format!("{PLAIN}columns:\n  - {{name: a, {column}}}\n");
    fails(&text, "6:", fragment);
}

#[test]
fn every_mistake_names_its_place() {
    fails(&format!("{PLAIN}colums: []\n"), "5:1", "did you mean `columns`?");
    fails(&format!("{PLAIN}columns: []\n"), "5:", "at least one column");
    let a = "columns: [{name: a, type: string}]\n";
    fails(&format!("{PLAIN}key: [b]\n{a}"), "5:7", "not a declared column");
    fails(&format!("{PLAIN}key: [a, a]\n{a}"), "5:10", "twice");
    fails(&format!("{PLAIN}time_zone: Europe/Lundon\n{a}"), "5:", "Europe/London");
    fails(&format!("{PLAIN}encoding: utf-9\n{a}"), "5:", "did you mean `utf-8`?");
    fails(&format!("{PLAIN}csv: {{delimiter: ab}}\n{a}"), "5:", "cannot be a delimiter");
    fails(&format!("{PLAIN}csv: {{delimiter: \"\\n\"}}\n{a}"), "5:", "cannot be a delimiter");
    fails(&format!("{PLAIN}csv: {{delimiter: '\"'}}\n{a}"), "5:", "different");
    fails(&format!("{PLAIN}json: {{records: a}}\n{a}"), "5:", "format: json");
    fails(&format!("{PLAIN}maximum_bad_share: 5\n{a}"), "5:", "0 to 1");
    fails(&format!("{PLAIN}operation: {{column: a, delete: [D]}}\n{a}"), "5:", "changes");
    let changes = PLAIN.replace("events", "changes");
    fails(&format!("{changes}key: [a]\n{a}"), "4:", "needs `operation");
    fails(
        &format!("{changes}operation: {{column: b, delete: [D]}}\nkey: [a]\n{a}"),
        "5:",
        "operation column `b`",
    );
    fails(&format!("{changes}operation: {{column: a, delete: [D]}}\n{a}"), "4:", "`key`");
    let changes = format!("{changes}key: [a]\n");
    let operation = "operation: {column: b, delete: [D]}\n";
    let b = |rest: &str| format!("columns: [{{name: a, type: string}}, {{name: b, {rest}}}]\n");
    let integer = format!("{changes}{operation}{}", b("type: integer"));
    fails(&integer, "6:21", "must be a string");
    let allowed = format!("{changes}{operation}{}", b("type: string, allowed: [U, X]"));
    fails(&allowed, "6:33", "never has the value `D`");
    let twice = "columns: [{name: a, type: string}, {name: a, type: string}]\n";
    fails(&format!("{PLAIN}{twice}"), "5:", "declared twice");
    let both = "columns: [{name: a, type: string}, {name: b, from: a, type: string}]\n";
    fails(&format!("{PLAIN}{both}"), "5:", "already the header");
    fails(&format!("{}{a}", PLAIN.replace("{dt}", "all")), "2:", "anew on every day");
    fails(
        &PLAIN.replace("{dt}", "{day}").replace("events\n", &format!("events\n{a}")),
        "2:",
        "placeholder",
    );
}

#[test]
fn every_mistake_of_a_column_names_its_place() {
    column_fails("type: strnig", "did you mean `string`?");
    column_fails("type: 'decimal(40,2)'", "p from 1");
    column_fails("type: string, range: {min: 1}", "`range` is for numbers");
    column_fails("type: integer, range: {min: x}", "not of type integer");
    column_fails("type: integer, range: {min: 3, max: 2}", "above `max`");
    column_fails("type: date, range: {min: 1, max: 2}", "not of type date");
    column_fails("type: string, pattern: '[0-9'", "bad regular expression");
    column_fails("type: integer, pattern: '[0-9]'", "`pattern` is for strings");
    column_fails("type: date, formats: ['%d.%m.%Q']", "%Q");
    column_fails("type: date, formats: []", "empty");
    column_fails("type: date, decimal_mark: ','", "has no format that is one");
    column_fails("type: date, formats: ['%d.%m.%Y'], decimal_mark: ','", "`excel_serial`");
    column_fails("type: string, decimal_mark: ','", "`decimal_mark` is for numbers");
    column_fails("type: timestamp, formats: ['%d.%m.%Y %I:%M']", "it needs `%p`");
    column_fails("type: timestamp, formats: ['%d.%m.%Y', '%d.%m.%Y %H']", "such as `%H:%M`");
    column_fails("type: integer, formats: ['%d']", "dates and timestamps");
    column_fails("type: string, decimal_mark: ','", "numbers");
    column_fails("type: double, decimal_mark: ',', thousands_mark: ','", "both");
    column_fails("type: double, currency_signs: ['1']", "currency sign");
    column_fails("type: boolean, true_values: [x], false_values: [X]", "true value and a false");
    column_fails("type: boolean, true_values: [x]", "together");
    column_fails("type: double, allowed: [a]", "strings and integers");
    column_fails("type: integer, allowed: [a]", "not an integer");
    column_fails("type: string, allowed: []", "empty");
    column_fails("type: double, decimal_mark: ';;'", "expected one character");
    column_fails("type: double, decimal_mark: ''", "expected one character");
    column_fails("type: double, thousands_mark: x", "no letter");
    let both = "`05/04/2003` is another moment by each";
    column_fails("type: date, formats: ['%d/%m/%Y', '%m/%d/%Y']", both);
    column_fails("type: timestamp, formats: ['%d/%m/%Y', epoch_millis, '%m/%d/%Y']", both);
    column_fails("type: string, allowed: [a, '-'], null_tokens: ['', '-']", "`-` means");
    column_fails("type: integer, allowed: [0, 1], null_tokens: ['0']", "`0` means");
    column_fails("type: string, patern: x", "did you mean `pattern`?");
}

#[test]
fn what_is_declared_together_does_not_contradict_itself() {
    let headless = format!("{PLAIN}csv: {{header: false}}\n");
    fails(&format!("{headless}columns: [{{name: a, type: date, from: A}}]\n"), "6:39", "in order");
    fails(
        &format!("{headless}columns: [{{name: a, type: date, aliases: [A]}}]\n"),
        "6:43",
        "in order",
    );
    let null = format!("{PLAIN}null_tokens: ['', none]\n");
    let allowed = "columns: [{name: a, type: string, allowed: [gold, none]}]\n";
    fails(&format!("{null}{allowed}"), "6:51", "never has it");
    // An empty text may be no value, and may be among the allowed ones.
    for column in
        ["type: string, allowed: ['', gold]", "type: date, formats: ['%d.%m.%Y', '%Y-%m-%d']"]
    {
        let text = format!("{PLAIN}columns: [{{name: a, {column}}}]\n");
        assert!(parse("orders", "orders.yaml", &text).is_ok(), "{column}");
    }
}

#[test]
fn the_way_to_the_records_is_a_path_of_keys() {
    let json = PLAIN.replace("csv\nload", "json\nload");
    let a = "columns: [{name: a, type: string}]\n";
    let records = |path: &str| format!("{json}json: {{records: '{path}'}}\n{a}");
    let keys = |path: &str| parse("orders", "orders.yaml", &records(path)).unwrap().json.records;
    assert_eq!(keys("data.items"), ["data", "items"]);
    assert_eq!(keys("\"a.b\".c"), ["a.b", "c"]);
    for wrong in ["", "a..b", "a[0]", "a."] {
        fails(&records(wrong), "5:17", "keys joined by dots");
    }
}

#[test]
fn what_is_exploded_has_a_column() {
    let json = PLAIN.replace("csv\nload", "ndjson\nload") + "unknown_columns: ignore\n";
    let source = |explode: &str, columns: &str| {
        format!("{json}json: {{explode: {explode}}}\ncolumns: [{columns}]\n")
    };
    let id = "{name: id, type: string}";
    let sku = |from: &str| format!("{id}, {{name: sku, from: '{from}', type: string}}");
    for (explode, from) in [("lines", "lines.sku"), ("a.lines", "a.lines[0]"), ("tags", "tags")] {
        let text = source(explode, &sku(from));
        assert!(parse("orders", "orders.yaml", &text).is_ok(), "{explode} {from}");
    }
    fails(&source("linez", &sku("lines.sku")), "6:17", "did you mean `lines`?");
    fails(&source("order.line", &sku("order.lines.sku")), "6:17", "did you mean `order.lines`?");
    fails(&source("lines", &sku("lines2.sku")), "6:17", "no column lies in `lines`");
    fails(&source("lines", id), "6:17", "no column lies in `lines`");
}

#[test]
fn missing_columns_are_null_with_quotes_and_without() {
    let parsed = |value: &str| {
        let text = format!("{PLAIN}missing_columns: {value}\ncolumns: [{{name: a, type: date}}]\n");
        parse("orders", "orders.yaml", &text).unwrap().missing_columns
    };
    assert_eq!(parsed("null"), MissingColumns::Null);
    assert_eq!(parsed("'null'"), MissingColumns::Null);
    assert_eq!(parsed("fail"), MissingColumns::Fail);
}

#[test]
fn a_key_is_never_missing() {
    let columns = "columns: [{name: a, type: date}, {name: b, type: date}]\n";
    let source = parse("orders", "orders.yaml", &format!("{PLAIN}key: [b]\n{columns}")).unwrap();
    let required: Vec<bool> = source.columns.iter().map(|column| column.required).collect();
    assert_eq!(required, [false, true]);
}

#[test]
fn prose_does_not_change_the_definition_and_a_rule_does() {
    let parse = |text: &str| {
        let source = parse("orders", "orders.yaml", text).unwrap();
        source.definition_hash(Tz::Europe__London)
    };
    let text = format!("{PLAIN}columns: [{{name: a, type: integer}}]\n");
    assert_eq!(parse(&text), parse(&text.replace("description: d", "description: e")));
    assert_ne!(parse(&text), parse(&text.replace("integer", "double")));
    assert_ne!(parse(&text), parse(&text.replace("integer", "integer, range: {min: 1}")));
}

#[test]
fn replays_are_of_events_and_changes() {
    let columns = "columns: [{name: a, type: string}]\n";
    let changes =
        PLAIN.replace("events", "changes") + "key: [a]\noperation: {column: a, delete: [D]}\n";
    let snapshot = PLAIN.replace("events", "snapshot");
    let days = |text: &str, more: &str| {
        let text = format!("{text}{more}{columns}");
        parse("orders", "orders.yaml", &text).unwrap().replay_window_days
    };
    assert_eq!([days(PLAIN, ""), days(&changes, ""), days(&snapshot, "")], [7, 7, 0]);
    assert_eq!(days(&changes, "replay_window_days: 0\n"), 0);
    fails(&format!("{snapshot}replay_window_days: 3\n{columns}"), "5:21", "a snapshot may be");
    fails(&format!("{PLAIN}replay_window_days: 367\n{columns}"), "5:21", "at most 366");
    fails(&format!("{PLAIN}lookback_days: 367\n{columns}"), "5:16", "at most 366");
}

#[test]
fn names_of_sources_are_names_of_tables() {
    for name in ["", "Orders", "1a", "a-b", "_a"] {
        assert!(parse(name, "x.yaml", "a: 1").unwrap_err().chain().contains("cannot name"));
    }
}
