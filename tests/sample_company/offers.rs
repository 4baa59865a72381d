//! Next best actions: whom they fit, who is offered them, from whom and why they are withheld, and
//! who takes them.
//!
//! Somebody counts as in truth where their customer is one person and all of that person, by the
//! true owners of all records that are known by the day. The others are counted in the run itself,
//! of each action those for whom it can fit at all: with a case, an order, a visit. So are those
//! whose telephone number or address identity refused, as too many customers have it; those who
//! bought and posted, for how a post was meant is estimated; and rows that are told late or never.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::identity::Maps;
use super::journeys::{Owners, odd_rows};
use super::tables::assert_near;
use super::{Company, Row, number};

/// The actions that the rules know, each with the steps without which it fits nobody; none where
/// it needs none.
const ACTIONS: [(&str, &[&str]); 12] = [
    ("answer_case", &["case_"]),
    ("settle_complaint", &["case_"]),
    ("call_back", &["case_", "survey_"]),
    ("remind_of_points", &["points_", "order_"]),
    ("finish_cart", &["site_"]),
    ("win_back", &["order_"]),
    ("invite_second_order", &["order_"]),
    ("ask_for_recommendation", &["order_"]),
    ("ask_for_feedback", &["order_"]),
    ("invite_to_programme", &["order_"]),
    ("offer_related_goods", &["order_"]),
    ("introduce_goods", &[]),
];

/// What a case asks for, whatever may be done with the customer's data.
const OWED: [&str; 3] = ["answer_case", "settle_complaint", "call_back"];

const COLUMNS: [&str; 8] = [
    "eligible_count",
    "offered_count",
    "withheld_consent_count",
    "withheld_contact_point_count",
    "withheld_contact_cap_count",
    "taken_count",
    "missed_count",
    "open_count",
];

/// The sources of what decides about actions, but contacts: a row of them that is odd is an odd
/// customer.
const SOURCES: [&str; 15] = [
    "app_orders",
    "campaign_contacts",
    "campaign_events",
    "community_posts",
    "consent_events",
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

/// Panics where offers are further from the truth than who is who, and what is told.
pub fn hold(company: &Company, maps: &Maps) {
    let published = company.published("metrics/personalisation");
    let truth = company.true_metric("personalisation");
    let owners = Owners::of(company);
    let judged: Vec<Judged> = maps.iter().map(|(day, map)| Judged::of(&owners, day, map)).collect();
    let most = most(company, &judged);
    let by_key = |rows: &[Row], column: &str| {
        let mut all: BTreeMap<[String; 2], BTreeMap<String, i64>> = BTreeMap::new();
        for row in rows {
            let key = [row["offer_date"].clone(), row["action"].clone()];
            all.entry(key).or_default().insert(row["dt"].clone(), number(row, column));
        }
        all
    };
    for column in COLUMNS {
        let (found, truth) = (by_key(&published, column), by_key(&truth, column));
        let nothing = BTreeMap::new();
        for key in found.keys().chain(truth.keys()).collect::<BTreeSet<_>>() {
            let [found, truth] = [&found, &truth].map(|rows| rows.get(key).unwrap_or(&nothing));
            let what = format!("{column} of {key:?}");
            assert_near(&what, found, truth, |day| most[&(day, key[1].as_str())]);
        }
    }
    hold_judged(company, &judged, &truth);
    // Not every run is long enough for every action.
    let actions: BTreeSet<&str> = truth.iter().map(|row| row["action"].as_str()).collect();
    for action in ["answer_case", "call_back", "finish_cart", "introduce_goods", "all"] {
        assert!(actions.contains(action), "{action} is not among {actions:?}");
    }
    // The rest of this would say little.
    let first = truth.iter().map(|row| &row["dt"]).min().unwrap();
    let fits: i64 = truth
        .iter()
        .filter(|row| row["dt"] == *first && row["action"] == "all")
        .map(|row| number(row, "eligible_count"))
        .sum();
    let misjudged = most[&(first.as_str(), "all")];
    assert!(misjudged * 2 < fits, "{misjudged} misjudged of {fits} customers");
    // A case needs nobody's consent, and who is offered something has taken it or not.
    for row in published.iter().chain(&truth) {
        let [eligible, offered, consent, contact_point, contact_cap, taken, missed, open] =
            COLUMNS.map(|column| number(row, column));
        let withheld = consent + contact_point + contact_cap;
        assert_eq!(eligible, offered + withheld, "{row:?}");
        assert_eq!(taken + missed + open, offered, "{row:?}");
        assert!(!OWED.contains(&row["action"].as_str()) || withheld == 0, "{row:?}");
    }
}

/// How far the counts of an action may be from the truth at the end of a day.
fn most<'a>(company: &Company, judged: &[Judged<'a>]) -> BTreeMap<(&'a str, &'static str), i64> {
    let owners = Owners::of(company);
    let touches = company.published("marts/touchpoints");
    let unreached = unreached(company);
    let mut most = BTreeMap::new();
    // Offers of a week are told each day: whoever was misjudged when one was made is so still.
    let mut misjudged: HashSet<&str> = HashSet::new();
    let mut misjudged_persons: HashSet<&String> = HashSet::new();
    for Judged { day, map, misjudged: of_day, misjudged_persons: persons_of_day, .. } in judged {
        misjudged.extend(of_day);
        misjudged_persons.extend(persons_of_day);
        let with_steps = |prefixes: &[&str]| {
            let is_one = |row: &&Row| prefixes.iter().any(|it| row["step"].starts_with(it));
            let told = touches.iter().filter(|row| row["dt"].as_str() <= *day);
            let records: HashSet<&String> =
                told.filter(is_one).map(|it| &it["record_id"]).collect();
            let customers = records.iter().filter_map(|record| map.get(*record));
            let persons = records.iter().filter_map(|record| owners.owner(record));
            let customers: HashSet<&str> = customers.map(String::as_str).collect();
            (customers, persons.collect::<HashSet<_>>())
        };
        let (buyers, _) = with_steps(&["order_"]);
        let (posters, _) = with_steps(&["mention_", "review_", "brand_"]);
        let odd = odd_rows(company, &SOURCES, day);
        for (action, steps) in ACTIONS {
            let (mut customers, mut persons) = (misjudged.clone(), misjudged_persons.clone());
            if !steps.is_empty() {
                let (own_customers, own_persons) = with_steps(steps);
                customers.retain(|customer| own_customers.contains(customer));
                persons.retain(|person| own_persons.contains(person));
            }
            if steps == ["order_"] {
                customers.extend(buyers.intersection(&posters));
            }
            let count = customers.len().max(persons.len()) + unreached[*day].len();
            most.insert((*day, action), count as i64 + odd);
        }
        let of_all = ACTIONS.iter().map(|(action, _)| most[&(*day, *action)]).max();
        most.insert((*day, "all"), of_all.unwrap_or(0));
    }
    most
}

/// Who is who at the end of a day.
struct Judged<'a> {
    day: &'a str,
    map: &'a HashMap<String, String>,
    /// The customers that are one person, and all of that person; and who that is.
    right: HashMap<&'a str, String>,
    /// All others.
    misjudged: HashSet<&'a str>,
    /// The persons whose records those have.
    misjudged_persons: HashSet<String>,
}

impl<'a> Judged<'a> {
    fn of(owners: &Owners, day: &'a str, map: &'a HashMap<String, String>) -> Judged<'a> {
        let mut persons: HashMap<&str, HashSet<Option<&String>>> = HashMap::new();
        let mut customers: HashMap<&String, HashSet<&str>> = HashMap::new();
        for (record, customer) in map {
            let owner = owners.owner(record);
            persons.entry(customer).or_default().insert(owner);
            if let Some(owner) = owner {
                customers.entry(owner).or_default().insert(customer);
            }
        }
        let mut judged = Judged {
            day,
            map,
            right: HashMap::new(),
            misjudged: HashSet::new(),
            misjudged_persons: HashSet::new(),
        };
        for (customer, owners) in persons {
            let only = owners.iter().next().copied().flatten().filter(|_| owners.len() == 1);
            match only.filter(|owner| customers[*owner].len() == 1) {
                Some(owner) => drop(judged.right.insert(customer, owner.clone())),
                None => {
                    judged.misjudged.insert(customer);
                    judged.misjudged_persons.extend(owners.into_iter().flatten().cloned());
                }
            }
        }
        judged
    }
}

/// Panics where more of those who are judged right, on the day and the day before, are proposed
/// something than there truly are.
fn hold_judged(company: &Company, judged: &[Judged], truth: &[Row]) {
    /// What is counted of an action, by the reason for which it is withheld, if it is.
    fn column(withheld_by: &str) -> &'static str {
        match withheld_by {
            "" => "offered_count",
            "consent" => "withheld_consent_count",
            "contact_point" => "withheld_contact_point_count",
            _ => "withheld_contact_cap_count",
        }
    }
    let mut proposed: HashMap<(String, String), [(String, &'static str); 2]> = HashMap::new();
    for row in company.published("marts/customers") {
        let key = (row["dt"].clone(), row["customer_id"].clone());
        let offered = (row["next_best_action"].clone(), column(""));
        let withheld = (row["withheld_action"].clone(), column(&row["withheld_by"]));
        proposed.insert(key, [offered, withheld]);
    }
    let truth: HashMap<[&str; 2], &Row> = truth
        .iter()
        .filter(|row| row["dt"] == row["offer_date"])
        .map(|row| (["dt", "action"].map(|column| row[column].as_str()), row))
        .collect();
    let touches = company.published("marts/touchpoints");
    let posts = touches.iter().filter(|row| row["step"].ends_with("_posted"));
    let posters: HashSet<&String> = posts.map(|row| &row["record_id"]).collect();
    let unreached = unreached(company);
    let mut held = 0;
    let mut before: Option<&Judged> = None;
    for judged in judged {
        let mut begun: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let odd = odd_rows(company, &SOURCES, judged.day);
        let estimated = posters.iter().filter_map(|record| judged.map.get(*record));
        let estimated: HashSet<&str> = estimated.map(String::as_str).collect();
        for (customer, person) in &judged.right {
            let of = |day: &str| proposed.get(&(day.to_string(), customer.to_string()));
            let stood = before.and_then(|before| of(before.day));
            let was_wrong = before.is_some_and(|before| before.misjudged_persons.contains(person));
            let is_unsure =
                estimated.contains(customer) || unreached[judged.day].contains(*customer);
            if was_wrong || is_unsure {
                continue;
            }
            for (action, column) in of(judged.day).into_iter().flatten() {
                let is_new = !stood.into_iter().flatten().any(|(before, _)| before == action);
                if is_new && !action.is_empty() {
                    *begun.entry((action, column)).or_default() += 1;
                }
            }
        }
        for ((action, column), count) in begun {
            let truth = truth.get(&[judged.day, action]).map_or(0, |row| number(row, column));
            let what = format!("{column} of {action} on {}", judged.day);
            assert!(count <= truth + odd, "{what}: {count} are right, {truth} true, {odd} odd");
            held += count;
        }
        before = Some(judged);
    }
    assert!(held > 1_000, "{held}");
}

/// By day, the customers that lack an e-mail address or a telephone number because too many share
/// theirs.
fn unreached(company: &Company) -> BTreeMap<String, HashSet<String>> {
    let audit = company.published("identity/identifier_audit");
    let shared: HashSet<[String; 3]> = audit
        .iter()
        .filter(|row| row["rule"] == "value_of_many_customers")
        .map(|row| ["dt", "kind", "value"].map(|column| row[column].clone()))
        .collect();
    let identifiers = company.published("identity/record_identifiers");
    let refused: HashSet<(&String, &String)> = identifiers
        .iter()
        .filter(|row| shared.contains(&["dt", "kind", "value"].map(|it| row[it].clone())))
        .map(|row| (&row["dt"], &row["record_id"]))
        .collect();
    let mut all: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    let lacking: HashSet<(String, String)> = company
        .published("marts/customer_profiles")
        .into_iter()
        .filter(|row| row["email"].is_empty() || row["phone"].is_empty())
        .map(|row| (row["dt"].clone(), row["customer_id"].clone()))
        .collect();
    for row in company.published("identity/identity_map") {
        let of_day = all.entry(row["dt"].clone()).or_default();
        let customer = (row["dt"].clone(), row["customer_id"].clone());
        if refused.contains(&(&row["dt"], &row["record_id"])) && lacking.contains(&customer) {
            of_day.insert(customer.1);
        }
    }
    all
}
