//! The truth about persons: who they are, which records are theirs, what they bought.

use std::sync::Arc;

use arrow::array::StringArray;

use crate::sample::codes::{Kind, code};
use crate::sample::columns::{Column, boolean, day, double, instant, number, text, whole};
use crate::sample::facts::{Instant, KnownBy, PersonIndex, Shop};
use crate::sample::feeds::scene::People;
use crate::sample::life::{Course, Purchase};
use crate::sample::people::{Person, Record, models};
use crate::sample::world::World;

pub(super) fn persons(people: &People, courses: &[Course]) -> Vec<Column> {
    let dropped_out_at = courses.iter().map(|course| course.dropped_out_at);
    let rows: Vec<(&Person, Option<Instant>)> =
        people.persons().iter().zip(dropped_out_at).collect();
    let rows = rows.as_slice();
    vec![
        ("person", false, number(rows, |row| whole(row.0.index))),
        ("household", false, number(rows, |row| whole(row.0.household))),
        ("organisation", true, number(rows, |row| row.0.organisation.and_then(whole))),
        ("country", false, text(rows, |row| Some(row.0.country.code()))),
        ("language", false, text(rows, |row| Some(row.0.language))),
        ("purchases_a_day", false, double(rows, |row| row.0.rate)),
        ("dropout_probability", false, double(rows, |row| row.0.dropout)),
        ("spend_rate", false, double(rows, |row| row.0.spend)),
        ("mood", false, double(rows, |row| f64::from(row.0.mood))),
        ("is_member", false, boolean(rows, |row| row.0.is_member)),
        ("has_app", false, boolean(rows, |row| row.0.has_app)),
        ("acquired_at", false, instant(rows, |row| Some(row.0.acquired_at))),
        ("dropped_out_at", true, instant(rows, |row| row.1)),
        ("referrer", true, number(rows, |row| row.0.referrer.and_then(whole))),
        ("mean_purchase_pounds", false, double(rows, |row| mean_purchase(row.0))),
        ("expected_purchases_365_days", false, double(rows, |row| expected(row.0, row.1, 365.0))),
    ]
}

/// What a purchase of theirs is worth on average, pounds: p ÷ ν of gamma-gamma.
fn mean_purchase(person: &Person) -> f64 {
    rounded(models::SPEND_SHAPE / person.spend)
}

/// How many purchases they will make of themselves in the days after the exported ones, given
/// their own λ and p and whether they have left: (1 − e^(−λpt)) ÷ p of BG/NBD.
fn expected(person: &Person, dropped_out_at: Option<Instant>, days: f64) -> f64 {
    match dropped_out_at {
        Some(_) => 0.0,
        None if person.dropout * person.rate * days < 1e-9 => rounded(person.rate * days),
        None => rounded((1.0 - (-person.rate * person.dropout * days).exp()) / person.dropout),
    }
}

/// To six digits after the point, where machines agree.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

pub(super) fn purchases(world: &World, people: &People, courses: &[Course]) -> Vec<Column> {
    let mut rows: Vec<(PersonIndex, &Purchase)> = Vec::new();
    for (person, course) in people.persons().iter().zip(courses) {
        rows.extend(course.purchases.iter().map(|purchase| (person.index, purchase)));
    }
    let rows = rows.as_slice();
    let codes: StringArray = rows.iter().map(|row| Some(code(Kind::Order, row.1.number))).collect();
    let campaign = |row: &(PersonIndex, &Purchase)| row.1.campaign.map(usize::from);
    let campaigns: StringArray = rows
        .iter()
        .map(|row| campaign(row).map(|campaign| world.campaigns[campaign].code.as_str()))
        .collect();
    vec![
        ("person", false, number(rows, |row| whole(row.0))),
        ("order_number", false, Arc::new(codes)),
        ("at", false, instant(rows, |row| Some(row.1.at))),
        ("amount_pence", false, number(rows, |row| Some(row.1.amount))),
        ("shop", false, text(rows, |row| Some(shop(row.1.shop)))),
        ("known_by", false, text(rows, |row| Some(known_by(row.1.known_by)))),
        ("campaign", true, Arc::new(campaigns)),
    ]
}

fn shop(shop: Shop) -> &'static str {
    match shop {
        Shop::Web => "shop",
        Shop::App => "app",
        Shop::Till(_) => "till",
    }
}

fn known_by(known_by: KnownBy) -> &'static str {
    match known_by {
        KnownBy::Nothing => "nothing",
        KnownBy::Account => "account",
        KnownBy::Email => "email",
        KnownBy::LoyaltyCard => "loyalty_card",
    }
}

pub(super) fn records(people: &People) -> Vec<Column> {
    let mut rows: Vec<(PersonIndex, &Record)> = Vec::new();
    for person in people.persons() {
        rows.extend(people.records(person.index).iter().map(|record| (person.index, record)));
    }
    let rows = rows.as_slice();
    vec![
        ("system", false, text(rows, |row| Some(row.1.system.name()))),
        ("key", false, text(rows, |row| Some(&row.1.key))),
        ("person", false, number(rows, |row| whole(row.0))),
        ("number", false, number(rows, |row| Some(i64::from(row.1.number)))),
        ("since", false, day(rows, |row| Some(row.1.since))),
        ("until", true, day(rows, |row| row.1.until)),
    ]
}
