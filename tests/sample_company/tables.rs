//! Counts and sums of facts: the published tables and the true ones have the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Company, Row, number};
use crate::harness::files_below;

/// How a metric table is held against the truth of the same name.
struct Held {
    table: &'static str,
    keys: &'static [&'static str],
    /// Which of the published rows the truth tells of.
    is_told: fn(&Row) -> bool,
    /// Columns that count customers: see [`super::identity`].
    counts_customers: &'static [&'static str],
}

const fn held(table: &'static str, keys: &'static [&'static str]) -> Held {
    Held { table, keys, is_told: |_| true, counts_customers: &[] }
}

/// The tables whose facts are held by their keys.
const TABLES: [Held; 22] = [
    held("acquisition", &["dt", "acquired_date", "channel"]),
    held("acquisition_cohorts", &["dt", "cohort_month", "channel"]),
    Held {
        // Through which channel a buyer came depends on who is who: see super::identity.
        is_told: |row| ["all", "unknown"].contains(&row["channel"].as_str()),
        ..held("attribution", &["dt", "order_date", "currency", "model", "channel"])
    },
    Held {
        counts_customers: &["treated_count", "control_count"],
        ..held("campaign_results", &["dt", "campaign_id", "channel"])
    },
    held("campaigns", &["dt", "event_date", "campaign_id"]),
    held("ces", &["dt", "response_date", "scale", "polarity", "survey", "channel"]),
    Held {
        // What texts feel like is estimated.
        is_told: |row| row["measure"] != "sentiment",
        ..held("channel_consistency", &["dt", "window_days", "measure", "channel"])
    },
    held("community", &["dt", "post_date", "topic"]),
    held("complaint_rates", &["dt", "window_days"]),
    held("complaints", &["dt", "event_date", "topic", "channel"]),
    held("csat", &["dt", "response_date", "survey", "channel"]),
    Held {
        // States and their parts, which tests/sample_exports.rs counts row by row; and exports: see
        // hold_exports.
        is_told: |row| row["entity"] != "exports" && !STATES.contains(&row["entity"].as_str()),
        ..held("data_health", &["dt", "entity", "source"])
    },
    held("loyalty", &["dt", "entry_date"]),
    Held {
        is_told: |row| row["tier"] == "all",
        counts_customers: &["member_count"],
        ..held("loyalty_balances", &["dt", "tier"])
    },
    held("nps", &["dt", "response_date", "survey", "channel"]),
    held("revenue", &["dt", "order_date", "currency", "channel", "customer_type"]),
    held("reviews", &["dt", "review_date", "channel"]),
    held("sentiment", &["dt", "text_date", "text_kind", "topic", "channel"]),
    held("service", &["dt", "case_date", "channel"]),
    held("service_backlog", &["dt", "channel"]),
    held("share_of_voice", &["dt", "mention_date", "platform"]),
    held("social", &["dt", "mention_date", "platform", "topic"]),
];

/// Entities of which exports tell states, or parts of other facts.
const STATES: [&str; 8] = [
    "case_events",
    "cases",
    "competitor_mentions",
    "contacts",
    "identifier_links",
    "marketing_spend",
    "payments",
    "products",
];

/// Tables that are held by sums over their rows, here, in [`super::identity`],
/// [`super::journeys`] or [`super::offers`].
const BY_SUMS: [&str; 11] = [
    "advocacy",
    "attribution_effects",
    "churn",
    "journey_map",
    "journey_paths",
    "journey_stage_times",
    "journey_stages",
    "journey_variants",
    "personalisation",
    "retention",
    "segments",
];

/// Tables that look back further than a run through the binaries can go: see
/// [`super::long_runs`].
const BY_FACTS: [&str; 1] = ["complaint_retention"];

#[test]
fn every_metric_table_is_held_against_the_truth() {
    let tables: BTreeSet<String> = files_below(Path::new("sql/metrics"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_string())
        .collect();
    let held = TABLES.iter().map(|held| held.table).chain(BY_SUMS);
    let held = held.chain(BY_FACTS).chain(["service_trend"]).map(str::to_string);
    assert_eq!(tables, held.collect::<BTreeSet<_>>());
}

/// Dimensions of which the truth may have the total alone.
const DIMENSIONS: [&str; 3] = ["segment", "customer_type", "topic"];

/// Panics where a table differs from the truth.
pub fn hold(company: &Company) {
    for Held { table, keys, is_told, counts_customers } in &TABLES {
        let mut published = company.published(&format!("metrics/{table}"));
        let mut truth = company.true_metric(table);
        assert!(!published.is_empty() && !truth.is_empty(), "{table} is empty");
        published.retain(is_told);
        truth.retain(is_told);
        let is_compared = |column: &&String| {
            published[0].contains_key(*column) && !counts_customers.contains(&column.as_str())
        };
        let common: Vec<&str> = truth[0].keys().filter(is_compared).map(String::as_str).collect();
        assert!(keys.iter().all(|key| common.contains(key)), "{table} lacks one of {keys:?}");
        assert!(common.len() > keys.len(), "nothing of {table} is compared");
        let told = |rows: &[Row]| told(rows, keys, &common);
        assert_same(table, &told(&published), &told(&truth));
    }
    hold_service_trend(company);
    hold_journeys(company);
    hold_exports(company);
}

/// Panics where the cases of a window are not those of its days together: all of a run's days are
/// in both.
fn hold_service_trend(company: &Company) {
    let trend = company.published("metrics/service_trend");
    let truth = company.true_metric("service");
    for column in ["case_count", "answered_count", "unresolved_count", "reopened_count"] {
        let expected = sums(&truth, column, |row| row["channel"] == "all");
        assert!(!expected.is_empty(), "no true {column}");
        for window in ["28", "90"] {
            let found = sums(&trend, column, |row| {
                row["window_days"] == window && row["channel"] == "all" && row["segment"] == "all"
            });
            assert_eq!(found, expected, "{column} of {window} days");
        }
    }
}

/// Panics where what is told of each source's exports is not what became of their rows, which
/// tests/sample_exports.rs holds against the faults that were made.
fn hold_exports(company: &Company) {
    let kinds = [
        ("fact_count", "read_row_count"),
        ("quarantined_count", "quarantined_row_count"),
        ("duplicate_count", "duplicate_row_count"),
    ];
    let mut published: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for row in company.published("metrics/data_health") {
        if row["entity"] == "exports" {
            let sums = published.entry(row["source"].clone()).or_default();
            sums.iter_mut().zip(kinds).for_each(|(sum, (column, _))| *sum += number(&row, column));
        }
    }
    let mut counted: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for (source, counts) in company.result["accounting"].as_object().unwrap() {
        for name in [source, "all"] {
            let sums = counted.entry(name.to_string()).or_default();
            sums.iter_mut().zip(kinds).for_each(|(sum, (_, key))| {
                *sum += counts[key].as_i64().unwrap();
            });
        }
    }
    assert_eq!(published, counted, "data_health of exports");
}

/// Panics with the rows that differ.
fn assert_same(
    table: &str,
    published: &BTreeMap<Vec<String>, Row>,
    truth: &BTreeMap<Vec<String>, Row>,
) {
    let keys: BTreeSet<_> = published.keys().chain(truth.keys()).collect();
    let differing = keys.into_iter().filter(|key| published.get(*key) != truth.get(*key));
    let shown: Vec<_> =
        differing.map(|key| (key, published.get(key), truth.get(key))).take(5).collect();
    assert!(shown.is_empty(), "{table}: key, published, true: {shown:#?}");
    assert!(!truth.is_empty(), "{table} has no true rows");
}

/// The rows by their keys, with the columns that both sides have: the truth has counts and sums,
/// from which the rest follows. A row in which all of them are zero is as good as none.
fn told(rows: &[Row], keys: &[&str], common: &[&str]) -> BTreeMap<Vec<String>, Row> {
    let is_comparable = |row: &&Row| {
        let has_total = |column: &&str| {
            common.contains(column) || row.get(*column).is_none_or(|value| value == "all")
        };
        // New and returning customers are told apart by who is who.
        let by_person = ["new", "returning"];
        let customer_type = row.get("customer_type").map_or("", String::as_str);
        DIMENSIONS.iter().all(has_total) && !by_person.contains(&customer_type)
    };
    let mut told = BTreeMap::new();
    for row in rows.iter().filter(is_comparable) {
        let cells = common.iter().map(|column| (column.to_string(), row[*column].clone()));
        let mut known: Row = cells.collect();
        // Quantiles of fewer cases than the settings ask for are not published.
        if known.get("case_count").is_some_and(|count| count.parse::<u64>().unwrap() < 3) {
            known.retain(|column, _| !column.ends_with("_p50") && !column.ends_with("_p90"));
        }
        let is_zero = |value: &String| value.chars().all(|letter| "0., []-".contains(letter));
        let mut measures = known.iter().filter(|(column, _)| !keys.contains(&column.as_str()));
        if measures.any(|(_, value)| !is_zero(value)) {
            told.insert(keys.iter().map(|key| row[*key].clone()).collect(), known);
        }
    }
    told
}

/// The sum of a column over some rows, by day.
pub fn sums(rows: &[Row], column: &str, is: impl Fn(&Row) -> bool) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for row in rows.iter().filter(|row| is(row)) {
        *sums.entry(row["dt"].clone()).or_default() += number(row, column);
    }
    sums
}

/// What is told by the end of each day, of what is told on each.
pub fn running(days: &BTreeMap<String, i64>, of: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let mut sum = 0;
    let total = |day: &String| {
        sum += of.get(day).copied().unwrap_or(0);
        (day.clone(), sum)
    };
    days.keys().map(total).collect()
}

/// The journeys' touches are the contacts: each of them once, wherever it is counted.
fn hold_journeys(company: &Company) {
    let map = company.published("metrics/journey_map");
    let truth = company.true_metric("journey_map");
    // A visit becomes known with the first of its events: of each that is not told on its day, one
    // visit may be known on another.
    let deliveries = company.truth("deliveries");
    let odd_events = deliveries.iter().filter(|row| row["source"] == "web_events").count() as i64;
    let touchpoints: BTreeSet<&str> = truth.iter().map(|row| row["touchpoint"].as_str()).collect();
    assert!(touchpoints.len() > 10, "{touchpoints:?}");
    for touchpoint in touchpoints {
        let found = sums(&map, "touch_count", |row| {
            let is_total = row["life_cycle_stage"] == "all";
            row["contact"] == "all"
                && row["touchpoint"] == touchpoint
                && is_total == (touchpoint == "all")
        });
        let expected = sums(&truth, "touch_count", |row| row["touchpoint"] == touchpoint);
        let most = if ["visit", "all"].contains(&touchpoint) { odd_events } else { 0 };
        assert_near(&format!("contacts by {touchpoint}"), &found, &expected, |_| most);
    }
    // Every touch of somebody known is left once, for the next or the end: of purchases all that
    // are not anonymous, of campaigns all.
    let paths = company.published("metrics/journey_paths");
    let from = |step: &str| sums(&paths, "transition_count", |row| row["from_step"] == step);
    let ends = sums(&paths, "transition_count", |row| row["to_step"] == "(end)");
    assert_eq!(from("(start)"), ends, "every journey has a beginning and an end");
    let revenue = company.true_metric("revenue");
    let campaigns = company.true_metric("campaigns");
    let is_total = |row: &Row| row["channel"] == "all" && row["customer_type"] == "all";
    let is_anonymous = |row: &Row| row["channel"] == "all" && row["customer_type"] == "anonymous";
    for (step, column) in [("order_purchase", "order_count"), ("order_refund", "refund_count")] {
        let mut known = sums(&revenue, column, is_total);
        for (day, count) in sums(&revenue, column, is_anonymous) {
            *known.get_mut(&day).unwrap() -= count;
        }
        assert_near(step, &from(step), &running(&ends, &known), |_| 0);
    }
    for kind in ["sent", "opened", "clicked", "responded", "unsubscribed"] {
        let known = sums(&campaigns, &format!("{kind}_count"), |row| row["campaign_id"] == "all");
        let step = format!("campaign_{kind}");
        assert_near(&step, &from(&step), &running(&ends, &known), |_| 0);
    }
}

/// Panics where a figure of a day is further from the truth than it may be.
pub fn assert_near(
    what: &str,
    found: &BTreeMap<String, i64>,
    truth: &BTreeMap<String, i64>,
    most: impl Fn(&str) -> i64,
) {
    let days: BTreeSet<_> = found.keys().chain(truth.keys()).collect();
    for day in days {
        let of = |counts: &BTreeMap<String, i64>| counts.get(day).copied().unwrap_or(0);
        let (found, truth, most) = (of(found), of(truth), most(day));
        assert!(
            (found - truth).abs() <= most,
            "{what} on {day}: {found}, in truth {truth}, {most} apart at most"
        );
    }
}
