//! Journeys: who took which steps, in which order, how long they stayed in a stage, and which paths
//! led to a purchase.
//!
//! A customer's journey is the person's where all of its steps are the person's and no other's. The
//! others are counted in the run itself: customers that are several persons or a part of one, by the
//! true owners of the records of their steps; records of which nobody can say whose they are; and
//! steps that are told late, never, or of nobody. Each of them moves one journey from one count to
//! another.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rapport::algorithms::attribution::{CONVERSION, START};

use super::identity::Maps;
use super::tables::assert_near;
use super::{Company, Row, number};

/// The sources of steps; a row of them that is odd is a step that is.
const SOURCES: [&str; 13] = [
    "app_orders",
    "campaign_events",
    "community_posts",
    "device_events",
    "loyalty_entries",
    "referrals",
    "refunds",
    "reviews",
    "shop_orders",
    "social_mentions",
    "survey_responses",
    "till_sales",
    "web_events",
];

/// The desks.
const CASES: [&str; 2] = ["desk_cases", "north_tickets"];

/// Sources of touches of marketing, and of purchases.
const PATH_SOURCES: [&str; 5] =
    ["app_orders", "campaign_events", "shop_orders", "till_sales", "web_events"];

/// Steps that nobody takes without a name.
const NAMED: [&str; 6] = ["campaign_", "case_", "community_", "mention_", "points_", "survey_"];

/// How far journeys may be from the truth at the end of a day.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    /// Journeys that are not one person's.
    journeys: i64,
    /// Their steps, with those that a journey may lack or have besides.
    steps: i64,
    /// The same of the steps that paths consist of.
    path_steps: i64,
}

/// Panics where journeys are further from the truth than who is who, and what is told.
pub fn hold(company: &Company, maps: &Maps) {
    let most = most(company, maps);
    let of = |pick: fn(&Most) -> i64| {
        let most = &most;
        move |day: &str| pick(&most[day])
    };
    hold_stages(company, &of(|most| most.journeys));
    for column in ["transition_count", "customer_count", "timed_count"] {
        let keys = ["from_step", "to_step"];
        hold_column(company, "journey_paths", &keys, column, &of(|most| most.steps));
    }
    hold_variants(company, &of(|most| most.journeys), &of(|most| most.steps));
    hold_paths(company, &of(|most| most.path_steps));
}

/// The true owner of a record, by the key that it has in its system; of one that is named by a hash,
/// by the orders and cases that carry it.
pub struct Owners {
    by_key: HashMap<(String, String), String>,
    by_fact: HashMap<String, String>,
}

impl Owners {
    pub fn of(company: &Company) -> Owners {
        let records = company.truth("records").into_iter();
        let own = |row: Row| {
            let key = row["key"].to_lowercase();
            ((row["system"].clone(), key), row["person"].clone())
        };
        let purchases = company.truth("purchases").into_iter();
        let mut facts: HashMap<String, String> = purchases
            .map(|row| (format!("order:{}", row["order_number"]), row["person"].clone()))
            .collect();
        let texts = company.truth("texts").into_iter();
        let cases = texts.filter(|row| CASES.contains(&row["source"].as_str()));
        facts.extend(cases.map(|row| (format!("case:{}", row["id"]), row["person"].clone())));
        let mut by_fact = HashMap::new();
        let ids = ["order_id", "original_order_id", "case_id"];
        for row in ["marts/orders", "marts/cases"].iter().flat_map(|it| company.published(it)) {
            let ids = ids.iter().filter_map(|id| row.get(*id));
            for person in ids.filter_map(|id| facts.get(id)) {
                by_fact.insert(row["record_id"].clone(), person.clone());
            }
        }
        Owners { by_key: records.map(own).collect(), by_fact }
    }

    pub fn owner(&self, record: &str) -> Option<&String> {
        self.by_fact.get(record).or_else(|| self.by_key(record))
    }

    fn by_key(&self, record: &str) -> Option<&String> {
        let (source, key) = record.split_once(':')?;
        let key = key.to_lowercase();
        let find =
            |system: &str, key: &str| self.by_key.get(&(system.to_string(), key.to_string()));
        if let Some(card) = key.strip_prefix("card-") {
            return find("loyalty", card);
        }
        match source {
            "mailer" | "survey" | "desk" | "crm" => find("crm", &key),
            "web" => find("shop", &key).or_else(|| find("app", &key)),
            "social" => {
                let (platform, handle) = key.split_once(':')?;
                find(platform, handle)
            }
            source => find(source, &key),
        }
    }
}

/// Rows of some sources that are told late or too late, and those of the days so far that nobody
/// can read.
pub fn odd_rows(company: &Company, sources: &[&str], day: &str) -> i64 {
    let of = |row: &&Row| sources.contains(&row["source"].as_str());
    let is_late = |row: &&Row| ["late", "after_the_end"].contains(&row["reason"].as_str());
    let is_lost = |row: &&Row| row["outcome"] == "quarantined" && row["dt"].as_str() <= day;
    let late = company.truth("deliveries").iter().filter(of).filter(is_late).count();
    (late + company.truth("faults").iter().filter(of).filter(is_lost).count()) as i64
}

fn most(company: &Company, maps: &Maps) -> BTreeMap<String, Most> {
    let owners = Owners::of(company);
    let touches = company.published("marts/touchpoints");
    let is_path =
        |row: &Row| !row["marketing_channel"].is_empty() || row["step"] == "order_purchase";
    let mut all = BTreeMap::new();
    for (day, map) in maps {
        let told: Vec<&Row> = touches.iter().filter(|row| row["dt"] <= *day).collect();
        // Told of nobody, or of somebody's friend.
        let is_odd = |row: &&&Row| {
            let is_named = NAMED.iter().any(|prefix| row["step"].starts_with(prefix));
            let is_of_friend = row["step"] == "brand_recommended";
            (is_named && row["record_id"].is_empty()) || is_of_friend
        };
        let odd_touches = told.iter().filter(is_odd).count() as i64;
        let owned: Vec<(&Row, Option<&String>, &String)> = told
            .iter()
            .filter(|row| !row["record_id"].is_empty())
            .map(|row| (*row, owners.owner(&row["record_id"]), &map[&row["record_id"]]))
            .collect();
        let mut customers: HashMap<&String, HashSet<&String>> = HashMap::new();
        let mut persons: HashMap<&String, HashSet<&String>> = HashMap::new();
        let mut nameless: HashSet<&String> = HashSet::new();
        for (row, person, customer) in &owned {
            match person {
                Some(person) => {
                    customers.entry(person).or_default().insert(customer);
                    persons.entry(customer).or_default().insert(person);
                }
                None => drop(nameless.insert(&row["record_id"])),
            }
        }
        let split: HashSet<&String> =
            customers.iter().filter(|(_, of)| of.len() > 1).map(|(person, _)| *person).collect();
        let merged: HashSet<&String> =
            persons.iter().filter(|(_, of)| of.len() > 1).map(|(customer, _)| *customer).collect();
        let is_misjudged = |(_, person, customer): &&(&Row, Option<&String>, &String)| {
            person.is_none_or(|person| split.contains(person)) || merged.contains(customer)
        };
        let misjudged = || owned.iter().filter(is_misjudged);
        let journeys: HashSet<&String> = misjudged().map(|(_, _, customer)| *customer).collect();
        let journeys = (journeys.len() + nameless.len()) as i64;
        let odd_steps = odd_rows(company, &SOURCES, day) + odd_touches;
        let mut of_customer: HashMap<&String, i64> = HashMap::new();
        owned.iter().for_each(|(_, _, customer)| *of_customer.entry(customer).or_default() += 1);
        let longest = of_customer.values().copied().max().unwrap_or(0);
        let path_steps = misjudged().filter(|(row, ..)| is_path(row)).count() as i64;
        let most = Most {
            journeys: journeys + odd_steps,
            steps: 2 * misjudged().count() as i64 + odd_steps * longest,
            path_steps: 2 * path_steps + 3 * odd_rows(company, &PATH_SOURCES, day),
        };
        // By the end the rest of this must say something.
        let count = of_customer.len() as i64;
        let is_last = Some(day) == maps.keys().last();
        assert!(!is_last || most.journeys * 3 < count, "{most:?} of {count} journeys on {day}");
        all.insert(day.clone(), most);
    }
    all
}

/// A column of some rows, by day.
fn by_key(
    rows: &[Row],
    keys: &[&str],
    column: &str,
) -> BTreeMap<Vec<String>, BTreeMap<String, i64>> {
    let mut all: BTreeMap<Vec<String>, BTreeMap<String, i64>> = BTreeMap::new();
    for row in rows {
        let key = keys.iter().map(|key| row[*key].clone()).collect();
        all.entry(key).or_default().insert(row["dt"].clone(), number(row, column));
    }
    all
}

/// Panics where a column of a table is further from the truth than it may be, by its keys.
fn hold_column(
    company: &Company,
    table: &str,
    keys: &[&str],
    column: &str,
    most: &dyn Fn(&str) -> i64,
) {
    let published = by_key(&company.published(&format!("metrics/{table}")), keys, column);
    let truth = by_key(&company.true_metric(table), keys, column);
    assert!(!truth.is_empty(), "{table} has no true rows");
    let nothing = BTreeMap::new();
    for key in published.keys().chain(truth.keys()).collect::<BTreeSet<_>>() {
        let [found, truth] = [&published, &truth].map(|rows| rows.get(key).unwrap_or(&nothing));
        assert_near(&format!("{column} of {table} {key:?}"), found, truth, most);
    }
}

fn hold_stages(company: &Company, most: &dyn Fn(&str) -> i64) {
    let keys = ["entry_date", "life_cycle_stage", "channel"];
    for column in ["entered_count", "converted_count", "dropped_count", "open_count"] {
        hold_column(company, "journey_stages", &keys, column, most);
    }
    for column in ["entered_count", "left_count"] {
        hold_column(company, "journey_stage_times", &keys[1..], column, most);
    }
    // Days in the stage: who left after so many, and who is in it still.
    for (table, keys) in [("journey_stages", &keys[..]), ("journey_stage_times", &keys[1..])] {
        let published = stays(&company.published(&format!("metrics/{table}")), keys);
        let truth = stays(&company.true_metric(table), keys);
        assert!(truth.keys().any(|key| key.last().is_some_and(|state| state == "left")));
        let nothing = BTreeMap::new();
        for key in published.keys().chain(truth.keys()).collect::<BTreeSet<_>>() {
            let [found, truth] = [&published, &truth].map(|rows| rows.get(key).unwrap_or(&nothing));
            assert_near(&format!("stays of {table} {key:?}"), found, truth, most);
        }
    }
}

/// Customers by the row's keys, their days in a stage, and whether they have left it.
fn stays(rows: &[Row], keys: &[&str]) -> BTreeMap<Vec<String>, BTreeMap<String, i64>> {
    let mut all: BTreeMap<Vec<String>, BTreeMap<String, i64>> = BTreeMap::new();
    for row in rows {
        let list = row["stage_day_counts"].trim_matches(['[', ']']);
        let numbers: Vec<i64> = list.split(", ").map(|word| word.parse().unwrap()).collect();
        for stay in numbers.chunks(3) {
            for (state, count) in [("left", stay[1]), ("there", stay[2])] {
                let mut key: Vec<String> = keys.iter().map(|key| row[*key].clone()).collect();
                key.extend([stay[0].to_string(), state.to_string()]);
                all.entry(key).or_default().insert(row["dt"].clone(), count);
            }
        }
    }
    all
}

/// The truth tells of the variants of a few steps, those of the most persons: of the others there
/// are no more.
fn hold_variants(company: &Company, most: &dyn Fn(&str) -> i64, most_steps: &dyn Fn(&str) -> i64) {
    let published = company.published("metrics/journey_variants");
    let truth = company.true_metric("journey_variants");
    let key = |row: &Row| (row["dt"].clone(), row["variant"].clone());
    let true_rows: HashMap<(String, String), &Row> =
        truth.iter().map(|row| (key(row), row)).collect();
    let least = |rows: &[Row], day: &str, at_most: usize| {
        let of_day = rows.iter().filter(|row| row["dt"] == day);
        let counts: Vec<i64> = of_day.map(|row| number(row, "customer_count")).collect();
        if counts.len() < at_most { 0 } else { counts.into_iter().min().unwrap_or(0) }
    };
    let mut held = 0;
    for row in published.iter().filter(|row| row["variant"].split(" > ").count() <= 3) {
        let day = row["dt"].as_str();
        let Some(true_row) = true_rows.get(&key(row)) else {
            let more = number(row, "customer_count") - least(&truth, day, 200);
            assert!(more <= most(day), "{row:?} is no true variant");
            continue;
        };
        for (column, most) in
            [("customer_count", most), ("bought_count", most), ("touch_count", most_steps)]
        {
            let (found, truth) = (number(row, column), number(true_row, column));
            assert!((found - truth).abs() <= most(day), "{row:?}, in truth {true_row:?}");
        }
        held += 1;
    }
    assert!(held > 20, "{held}");
    let found: HashSet<(String, String)> = published.iter().map(key).collect();
    for row in truth.iter().filter(|row| !found.contains(&key(row))) {
        let day = row["dt"].as_str();
        let more = number(row, "customer_count") - least(&published, day, 100);
        assert!(more <= most(day), "{row:?} is not published");
    }
}

/// Paths are counted; what would be lost without a channel is an estimate, which follows from how
/// often they moved from where to where, and lies as near to the truth as so many paths allow.
fn hold_paths(company: &Company, most: &dyn Fn(&str) -> i64) {
    let table = "attribution_effects";
    for column in ["path_count", "converted_path_count"] {
        hold_column(company, table, &["channel"], column, most);
    }
    let published = company.published(&format!("metrics/{table}"));
    let truth = company.true_metric(table);
    let nothing = BTreeMap::new();
    let (found, expected) = (moves(&published), moves(&truth));
    for key in found.keys().chain(expected.keys()).collect::<BTreeSet<_>>() {
        let [found, truth] = [&found, &expected].map(|moves| moves.get(key).unwrap_or(&nothing));
        assert_near(&format!("moves {key:?}"), found, truth, most);
    }
    // What leaves a channel had come to it.
    for (day, moves) in by_day(&found) {
        let channels: BTreeSet<&String> = moves.keys().map(|(from, _)| from).collect();
        for channel in channels.into_iter().filter(|channel| *channel != START) {
            let came: i64 = sum(&moves, |(_, to)| to == channel);
            assert_eq!(came, sum(&moves, |(from, _)| from == channel), "{channel} on {day}");
        }
        let of_all = |column: &str| {
            let rows = published.iter().filter(|row| row["dt"] == *day && row["channel"] == "all");
            rows.map(|row| number(row, column)).sum::<i64>()
        };
        assert_eq!(sum(&moves, |(from, _)| from == START), of_all("path_count"));
        assert_eq!(sum(&moves, |(_, to)| to == CONVERSION), of_all("converted_path_count"));
    }
    let share = |row: &Row, column: &str| row[column].parse::<f64>().ok();
    let mut held = 0;
    for row in &published {
        let same = |other: &&Row| other["dt"] == row["dt"] && other["channel"] == row["channel"];
        let all = |other: &&Row| other["dt"] == row["dt"] && other["channel"] == "all";
        let Some(found) = share(row, "removal_effect") else { continue };
        let Some(truth_row) = truth.iter().find(same) else { continue };
        let effect = share(truth_row, "removal_effect").unwrap_or(0.0);
        // The share of those lost among the purchases on paths, as of a sample of that size.
        let converted = truth.iter().find(all).map_or(0, |row| number(row, "converted_path_count"));
        let (low, high) = wilson(effect, converted as f64);
        assert!(low <= found && found <= high, "{row:?}: {effect}, from {low} to {high}");
        held += 1;
    }
    assert!(held > 3, "{held} effects");
}

/// The 99.9 % interval of a share of so many. Source: E. B. Wilson, "Probable inference, the law of
/// succession, and statistical inference", Journal of the American Statistical Association 22 (1927).
fn wilson(share: f64, count: f64) -> (f64, f64) {
    let z = 3.29;
    let middle = share + z * z / (2.0 * count);
    let half = z * (share * (1.0 - share) / count + z * z / (4.0 * count * count)).sqrt();
    let whole = 1.0 + z * z / count;
    ((middle - half) / whole, (middle + half) / whole)
}

type Moves = BTreeMap<(String, String), BTreeMap<String, i64>>;

/// How often paths moved from where to where, by day.
fn moves(rows: &[Row]) -> Moves {
    let mut moves = Moves::new();
    for row in rows.iter().filter(|row| row["channel"] == "all") {
        let words = row["transition_counts"].trim_matches(['[', ']']);
        let words: Vec<&str> = words.split(", ").collect();
        for move_ in words.chunks(3) {
            let key = (move_[0].to_string(), move_[1].to_string());
            moves.entry(key).or_default().insert(row["dt"].clone(), move_[2].parse().unwrap());
        }
    }
    moves
}

fn by_day(moves: &Moves) -> BTreeMap<&String, BTreeMap<(String, String), i64>> {
    let mut days: BTreeMap<&String, BTreeMap<(String, String), i64>> = BTreeMap::new();
    for (key, counts) in moves {
        for (day, count) in counts {
            days.entry(day).or_default().insert(key.clone(), *count);
        }
    }
    days
}

fn sum(moves: &BTreeMap<(String, String), i64>, is: impl Fn(&(String, String)) -> bool) -> i64 {
    moves.iter().filter(|(key, _)| is(key)).map(|(_, count)| count).sum()
}
