//! The web shop's orders, with their lines and payments, as one JSON array.

use super::compress::Compression;
use super::formats::{Json, push_pounds};
use super::scene::Scene;
use super::schedule::{Telling, Told};
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_number;
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::facts::{Instant, KnownBy, Order};
use crate::sample::people::System;
use crate::sample::world::calendar;

pub(super) const ABOUT: About = About {
    name: "shop_orders",
    path: "shop/orders/{dt}/orders-{part}.json",
    format: Format::Json,
    compression: Compression::Gzip,
    load: Load::Events,
    is_required: true,
    header: &[],
    id: &["number"],
    exploded: &[("shop_order_lines", "lines"), ("shop_payments", "payments")],
    targets: &[
        target(RowFault::MissingRequired, "number"),
        target(RowFault::OutOfRange, "lines.0.quantity"),
        target(RowFault::UnreadableNumber, "payments.0.amount"),
        target(RowFault::UnreadableTime, "placed_at"),
    ],
};

pub(super) fn fact(scene: &Scene, day: Day, told: Told, sheet: &mut Sheet) {
    let order = &scene.facts.orders[told.index as usize];
    let (person, at) = (order.person, order.placed_at);
    let account = match order.known_by {
        KnownBy::Account => scene.key(person, System::Shop, at, order.number),
        _ => None,
    };
    // Half of the members who log in have told the shop their card.
    let card = match order.known_by {
        KnownBy::LoyaltyCard => scene.key(person, System::Loyalty, at, order.number),
        KnownBy::Account if scene.chance(Feed::LoyaltyMembers, person, 0.5) => {
            let is_member = scene.people.person(person).is_member;
            scene.key(person, System::Loyalty, at, order.number).filter(|_| is_member)
        }
        _ => None,
    };
    let mut json = Json::new(&mut sheet.out);
    json.open_object()
        .plain("number", |out| push_code(out, Kind::Order, order.number))
        .plain("placed_at", |out| push_rfc3339(out, at))
        .maybe_text("account", account);
    guest(scene, order, &mut json);
    json.maybe_text("loyalty_card", card)
        .maybe_text("campaign", order.campaign.map(|campaign| scene.campaign(campaign)))
        .array("lines");
    for (number, line) in (1..).zip(&order.lines) {
        json.open_object()
            .number("line", number)
            .text("sku", scene.sku(line.product))
            .number("quantity", u64::from(line.quantity))
            .bare("unit_price", |out| push_pounds(out, line.unit_price))
            .bare("discount", |out| push_pounds(out, line.discount))
            .close_object();
    }
    json.close_array().bare("shipping", |out| push_pounds(out, order.shipping)).array("payments");
    let payments = payments(order);
    for (number, (method, amount)) in (1..).zip(&payments) {
        json.open_object()
            .plain("id", |out| {
                push_code(out, Kind::Order, order.number);
                out.push(b'-');
                push_number(out, number);
            })
            .text("method", method)
            .bare("amount", |out| push_pounds(out, *amount))
            .plain("at", |out| push_rfc3339(out, at))
            .close_object();
    }
    // On the day it was placed nobody knows yet when it will arrive.
    let told_at = calendar::london_midnight(day.plus(1));
    let is_known = |at: &Instant| told.telling == Telling::Again && *at < told_at;
    json.close_array();
    match order.delivered_at.filter(is_known) {
        Some(at) => json.plain("delivered_at", |out| push_rfc3339(out, at)),
        None => json.null("delivered_at"),
    };
    json.close_object();
    sheet.elements = [order.lines.len() as u64, payments.len() as u64];
    sheet.end_row(told);
}

/// What somebody without an account typed at the checkout.
fn guest(scene: &Scene, order: &Order, json: &mut Json) {
    if order.known_by != KnownBy::Email {
        json.null("guest");
        return;
    }
    let day = calendar::london_day(order.placed_at);
    let profile = scene.people.person(order.person).profile(scene.world, day);
    // One in three leaves a telephone number too.
    let phone = scene.chance(Feed::ShopOrders, order.number, 0.33).then_some(profile.mobile);
    json.object("guest")
        .text("email", &profile.email)
        .maybe_text("phone", phone.as_deref())
        .close_object();
}

/// What an order costs: its lines, less their discounts, and its delivery.
pub(super) fn total(order: &Order) -> i64 {
    let lines = order.lines.iter();
    let goods: i64 =
        lines.map(|line| line.unit_price * i64::from(line.quantity) - line.discount).sum();
    goods + order.shipping
}

/// By what an order was paid, and how much each: at least one.
fn payments(order: &Order) -> Vec<(&'static str, i64)> {
    let rest = total(order) - order.paid_with_points;
    let mut payments = Vec::with_capacity(2);
    if order.paid_with_points > 0 {
        payments.push(("points", order.paid_with_points));
    }
    if rest > 0 || payments.is_empty() {
        payments.push((order.payment_method, rest));
    }
    payments
}
