//! Counts of customers: as far from the truth as who is who is found out wrongly.
//!
//! A person whose records are `n` customers has been split `n - 1` times, and `n` persons who are
//! one customer have been merged `n - 1` times. Each split and each merge changes a count of those
//! for whom something holds by one at most, and so does each purchase that is told late or never.
//! How many there are is measured: by the true buyer of every order, and by the true owner of
//! every record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::tables::{assert_near, running, sums};
use super::{Company, Row, journeys, number, offers};

/// Splits and merges between persons and customers, of those that belong to one another.
fn errors(pairs: &HashSet<(String, String)>) -> i64 {
    let persons: HashSet<&str> = pairs.iter().map(|(person, _)| person.as_str()).collect();
    let customers: HashSet<&str> = pairs.iter().map(|(_, customer)| customer.as_str()).collect();
    (2 * pairs.len() - persons.len() - customers.len()) as i64
}

#[test]
fn splits_and_merges_are_counted() {
    let pairs = |pairs: &[(&str, &str)]| -> HashSet<(String, String)> {
        pairs.iter().map(|(person, customer)| (person.to_string(), customer.to_string())).collect()
    };
    assert_eq!(errors(&pairs(&[("1", "a"), ("2", "b")])), 0);
    assert_eq!(errors(&pairs(&[("1", "a"), ("1", "b")])), 1);
    assert_eq!(errors(&pairs(&[("1", "a"), ("2", "a"), ("3", "a")])), 2);
    assert_eq!(errors(&pairs(&[("1", "a"), ("1", "b"), ("2", "b")])), 2);
}

/// The customer of each record, by day.
pub type Maps = BTreeMap<String, HashMap<String, String>>;

/// A record's fact: the day it is told on, the record, whose it truly is.
type Owned = (String, String, String);

/// Splits and merges on a day, over the facts told by then.
fn errors_on(maps: &Maps, owned: &[Owned], day: &str) -> i64 {
    let told = owned.iter().filter(|(told_on, ..)| told_on.as_str() <= day);
    let pair = |(_, record, person): &Owned| (person.clone(), maps[day][record].clone());
    errors(&told.map(pair).collect())
}

/// Panics where a count of customers is further from the truth than who is who.
pub fn hold(company: &Company) {
    let mut maps = Maps::new();
    for row in company.published("identity/identity_map") {
        let of_day = maps.entry(row["dt"].clone()).or_default();
        of_day.insert(row["record_id"].clone(), row["customer_id"].clone());
    }
    let deliveries = company.truth("deliveries");
    hold_buyers(company, &maps, &deliveries);
    hold_campaigns(company, &maps);
    hold_members(company, &maps);
    hold_advocates(company, &maps);
    journeys::hold(company, &maps);
    offers::hold(company, &maps);
    // A touch that is told late or never counts for whatever is bought in a month.
    if deliveries.is_empty() {
        hold_credit(company, &maps);
    }
}

/// The known orders, each with its true buyer. Whom the seller does not know is nobody's customer.
fn known_orders(company: &Company) -> Vec<Owned> {
    let purchases = company.truth("purchases").into_iter();
    let buyers: HashMap<String, (String, bool)> = purchases
        .map(|row| {
            let is_known = row["known_by"] != "nothing";
            (format!("order:{}", row["order_number"]), (row["person"].clone(), is_known))
        })
        .collect();
    let mut known = vec![];
    for row in company.published("marts/orders") {
        if row["order_kind"] != "purchase" || row["is_new"] != "true" {
            continue;
        }
        let (person, is_known) = &buyers[&row["order_id"]];
        assert_eq!(!row["record_id"].is_empty(), *is_known, "{}", row["order_id"]);
        assert_eq!(!row["customer_id"].is_empty(), *is_known, "{}", row["order_id"]);
        if *is_known {
            known.push((row["dt"].clone(), row["record_id"].clone(), person.clone()));
        }
    }
    known
}

fn hold_buyers(company: &Company, maps: &Maps, deliveries: &[Row]) {
    let owned = known_orders(company);
    let sellers = ["shop_orders", "shop_order_lines", "app_orders", "till_sales"];
    let odd = deliveries.iter().filter(|row| sellers.contains(&row["source"].as_str()));
    let odd: HashSet<&str> = odd.filter_map(|row| row["fact_id"].split('/').next()).collect();
    let by_day: BTreeMap<&str, i64> = maps
        .keys()
        .map(|day| (day.as_str(), errors_on(maps, &owned, day) + odd.len() as i64))
        .collect();
    let most = |day: &str| by_day[day];
    let truth = company.true_metric("retention");
    let cohorts = sums(&truth, "cohort_count", |_| true);
    for (day, count) in &cohorts {
        // The rest of this would say little.
        assert!(most(day) * 5 < *count + 20, "{} errors among {count} buyers", most(day));
    }

    let retention = company.published("metrics/retention");
    let acquired = company.published("metrics/acquisition_cohorts");
    let months: BTreeSet<&str> = truth.iter().map(|row| row["cohort_month"].as_str()).collect();
    for month in &months {
        let of_month = |row: &Row| row["cohort_month"] == *month;
        for column in ["cohort_count", "active_count", "repeat_count"] {
            let [found, expected] = [&retention, &truth].map(|rows| sums(rows, column, of_month));
            assert_near(&format!("{column} of {month}"), &found, &expected, most);
        }
        let found =
            sums(&acquired, "customer_count", |row| of_month(row) && row["channel"] == "all");
        let expected = sums(&truth, "cohort_count", of_month);
        assert_near(&format!("acquired in {month}"), &found, &expected, most);
    }

    // Whoever bought for the first time on a day is what the cohorts have grown by.
    let mut before = 0;
    let new = |(day, count): (&String, &i64)| {
        let new = (day.clone(), count - before);
        before = *count;
        new
    };
    let new: BTreeMap<String, i64> = cohorts.iter().map(new).collect();
    let acquisition = company.published("metrics/acquisition");
    let found = sums(&acquisition, "customer_count", |row| row["channel"] == "all");
    assert_near("acquired on the day", &found, &new, most);

    let rates = company.published("metrics/complaint_rates");
    let active =
        sums(&rates, "customer_count", |row| row["segment"] == "all" && row["window_days"] == "90");
    assert_near("active customers", &active, &cohorts, most);

    // At risk are those who were customers at the end of the day before.
    let churn = company.published("metrics/churn");
    let is_total = |row: &Row| row["segment"] == "all" && row["reason"] == "all";
    let customers = sums(&company.true_metric("churn"), "customer_count", |_| true);
    let at_risk: BTreeMap<String, i64> =
        customers.keys().skip(1).cloned().zip(customers.values().copied()).collect();
    assert_near("at risk", &sums(&churn, "at_risk_count", is_total), &at_risk, most);
    for column in ["lost_count", "won_back_count"] {
        let nobody = BTreeMap::new();
        assert_near(column, &sums(&churn, column, is_total), &nobody, |_| 0);
    }

    let segments = company.published("metrics/segments");
    let tiers = ["top", "middle", "low"];
    let buyers = sums(&segments, "customer_count", |row| {
        let is_buyer = tiers.contains(&row["to_segment"].as_str());
        row["scheme"] == "value_tier" && row["from_segment"] == "all" && is_buyer
    });
    let persons = sums(&company.true_metric("segments"), "person_count", |_| true);
    assert_near("buyers", &buyers, &persons, most);
    hold_money(company, &segments, &acquired, &owned);
}

/// What all customers have bought together does not depend on who is who.
fn hold_money(company: &Company, segments: &[Row], acquired: &[Row], owned: &[Owned]) {
    let in_digits = |rows: &[Row]| -> Vec<Row> {
        let digits = |mut row: Row| {
            let amount = row["net_amount"].replace('.', "");
            row.insert("net_amount".to_string(), amount);
            row
        };
        rows.iter().cloned().map(digits).collect()
    };
    let revenue = in_digits(&company.true_metric("revenue"));
    let of = |kind: &str| {
        sums(&revenue, "net_amount", |row| row["channel"] == "all" && row["customer_type"] == kind)
    };
    let mut known = of("all");
    for (day, amount) in of("anonymous") {
        *known.entry(day).or_default() -= amount;
    }
    let segments = in_digits(segments);
    for scheme in ["rfm", "life_cycle", "value_tier"] {
        let found = sums(&segments, "net_amount", |row| {
            row["scheme"] == scheme && row["from_segment"] == "all" && row["to_segment"] == "all"
        });
        assert_near(scheme, &found, &running(&found, &known), |_| 0);
    }
    let mut orders: BTreeMap<String, i64> = BTreeMap::new();
    for (told_on, ..) in owned {
        *orders.entry(told_on.clone()).or_default() += 1;
    }
    let found = sums(acquired, "order_count", |row| row["channel"] == "all");
    assert_near("orders of cohorts", &found, &running(&found, &orders), |_| 0);
}

/// The true owners of a system's records, by key.
fn owners(company: &Company, system: &str) -> HashMap<String, String> {
    let records = company.truth("records").into_iter();
    let own = records.filter(|row| row["system"] == system);
    own.map(|row| (row["key"].clone(), row["person"].clone())).collect()
}

fn hold_campaigns(company: &Company, maps: &Maps) {
    let owners = owners(company, "crm");
    let chosen: Vec<Owned> = company
        .published("marts/campaign_contacts")
        .into_iter()
        .map(|row| {
            let record = row["record_id"].clone();
            let person = owners[record.strip_prefix("mailer:").unwrap()].clone();
            (row["dt"].clone(), record, person)
        })
        .collect();
    let found = company.published("metrics/campaign_results");
    let truth = company.true_metric("campaign_results");
    for column in ["treated_count", "control_count"] {
        let [found, truth] = [&found, &truth].map(|rows| sums(rows, column, |_| true));
        assert_near(column, &found, &truth, |day| errors_on(maps, &chosen, day));
    }
}

fn hold_members(company: &Company, maps: &Maps) {
    let owners = owners(company, "loyalty");
    let mut cards: Vec<Owned> = vec![];
    for (day, map) in maps {
        for record in map.keys() {
            let person = record.strip_prefix("loyalty:").and_then(|card| owners.get(card));
            cards.extend(person.map(|person| (day.clone(), record.clone(), person.clone())));
        }
    }
    let found = company.published("metrics/loyalty_balances");
    let found = sums(&found, "member_count", |row| row["tier"] == "all");
    let truth = sums(&company.true_metric("loyalty_balances"), "member_count", |_| true);
    assert_near("members", &found, &truth, |day| errors_on(maps, &cards, day));
}

/// Nobody is asked twice in the window for a recommendation: a customer with several answers is
/// several persons, of whom the last answer counts.
fn hold_advocates(company: &Company, maps: &Maps) {
    let answers = company.published("marts/survey_responses");
    let answers: Vec<&Row> = answers.iter().filter(|row| !row["nps_group"].is_empty()).collect();
    let advocacy = company.published("metrics/advocacy");
    let nps = company.true_metric("nps");
    let is_total = |row: &Row| row["survey"] == "all" && row["channel"] == "all";
    for column in ["promoter_count", "detractor_count"] {
        let found =
            sums(&advocacy, column, |row| row["window_days"] == "28" && row["segment"] == "all");
        let truth = running(&found, &sums(&nps, column, is_total));
        assert_near(column, &found, &truth, |day| {
            let told = answers.iter().filter(|row| row["dt"].as_str() <= day);
            let customers: Vec<_> = told.map(|row| maps[day].get(&row["record_id"])).collect();
            // An answer of nobody is no customer's.
            let different: HashSet<_> = customers.iter().flatten().collect();
            (customers.len() - different.len()) as i64
        });
    }
    // Of recommendations, each referrer is one customer as far as they are found.
    let shop = owners(company, "shop");
    let referrals = company.published("marts/referrals");
    let referrers: Vec<Owned> = referrals
        .iter()
        .map(|row| {
            let record = row["record_id"].clone();
            let person = shop[record.strip_prefix("shop:").unwrap()].clone();
            (row["dt"].clone(), record, person)
        })
        .collect();
    let true_advocacy = company.true_metric("advocacy");
    for window in ["28", "90"] {
        let of = |row: &Row| {
            row["window_days"] == window && row.get("segment").is_none_or(|it| it == "all")
        };
        let [found, truth] =
            [&advocacy, &true_advocacy].map(|rows| sums(rows, "referrer_count", of));
        assert!(truth.values().any(|count| *count > 0), "nobody recommends");
        assert_near("referrers", &found, &truth, |day| {
            // Friends who are taken for one customer with who brought them bring nobody.
            let told = referrals.iter().filter(|row| row["dt"].as_str() <= day);
            let is_own = |row: &&Row| {
                let customer = |record: &str| maps[day].get(&row[record]);
                customer("referred_record_id") == customer("record_id")
            };
            errors_on(maps, &referrers, day) + told.filter(is_own).count() as i64
        });
    }
    let asked: i64 =
        nps.iter().filter(|row| is_total(row)).map(|row| number(row, "asked_count")).sum();
    assert!(asked > 0, "nobody was asked");
}

/// The credit for an order is as it truly is where all touches of its buyer are the customer's, and
/// no other's.
fn hold_credit(company: &Company, maps: &Maps) {
    let orders = known_orders(company);
    let [crm, shop, app] = ["crm", "shop", "app"].map(|system| owners(company, system));
    let owner_of = |record: &str| {
        let (system, key) = record.split_once(':')?;
        match system {
            "mailer" => crm.get(key),
            "web" => shop.get(key).or_else(|| app.get(key)),
            _ => None,
        }
    };
    let touches = company.published("marts/touchpoints").into_iter();
    let touches: Vec<(String, String)> = touches
        .filter(|row| !row["marketing_channel"].is_empty() && !row["record_id"].is_empty())
        .map(|row| (row["dt"].clone(), row["record_id"].clone()))
        .collect();
    let published = company.published("metrics/attribution");
    let truth = company.true_metric("attribution");
    let kinds: BTreeSet<(&str, &str)> =
        truth.iter().map(|row| (row["model"].as_str(), row["channel"].as_str())).collect();
    assert!(kinds.len() > 20, "{kinds:?}");
    let misjudged: BTreeMap<&str, i64> = maps
        .iter()
        .map(|(day, map)| {
            let told = touches.iter().filter(|(told_on, _)| told_on <= day);
            let pairs: HashSet<(Option<&String>, &String)> =
                told.map(|(_, record)| (owner_of(record), &map[record])).collect();
            let of_today = orders.iter().filter(|(told_on, ..)| told_on == day);
            let is_misjudged = |(_, record, person): &&Owned| {
                let mut pairs = pairs.iter();
                pairs.any(|(owner, customer)| {
                    (*owner == Some(person)) != (*customer == &map[record])
                })
            };
            (day.as_str(), of_today.filter(is_misjudged).count() as i64)
        })
        .collect();
    let millionths = |rows: &[Row], (model, channel): (&str, &str)| {
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows.iter().filter(|row| row["model"] == model && row["channel"] == channel) {
            let count: i64 = row["credited_order_count"].replace('.', "").parse().unwrap();
            *sums.entry(row["dt"].clone()).or_default() += count;
        }
        sums
    };
    for kind in kinds {
        let [found, truth] = [&published, &truth].map(|rows| millionths(rows, kind));
        // Shares are rounded to millionths, once for each of an order's touches.
        assert_near(&format!("credit by {kind:?}"), &found, &truth, |day| {
            misjudged[day] * 1_000_000 + 1_000
        });
    }
    let bought = maps.keys().map(|day| orders.iter().filter(|order| order.0 == *day).count());
    let bought = bought.sum::<usize>() as i64;
    let misjudged: i64 = misjudged.values().sum();
    assert!(misjudged * 5 < bought, "{misjudged} of {bought} orders of misjudged buyers");
}
