//! Money paid back for returned goods, one row a returned line, as CSV.

use super::compress::Compression;
use super::formats::{Csv, push_pounds};
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::facts::{KnownBy, Shop};
use crate::sample::people::System;
use crate::sample::world::calendar;

pub(super) const ABOUT: About = About {
    name: "refunds",
    path: "shop/refunds/{dt}/refunds-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[
        "refund_id",
        "system",
        "order_number",
        "sku",
        "quantity",
        "amount",
        "reason",
        "refunded_at",
        "account",
        "email",
        "loyalty_card",
    ],
    id: &["refund_id"],
    exploded: &[],
    targets: &[
        target(RowFault::UnreadableNumber, "amount"),
        target(RowFault::NotAcceptedValue, "reason"),
        target(RowFault::UnreadableTime, "refunded_at"),
        target(RowFault::OutOfRange, "quantity"),
        target(RowFault::SpreadsheetMangledId, "loyalty_card"),
        target(RowFault::MissingRequired, "refund_id"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let refund = &scene.facts.refunds[told.index as usize];
    let key = |system| scene.key(refund.person, system, refund.refunded_at, refund.order);
    let (system, accounts) = match refund.shop {
        Shop::Web => ("shop", System::Shop),
        Shop::App => ("app", System::App),
        Shop::Till(_) => ("till", System::Shop),
    };
    let (account, email, card) = match refund.known_by {
        KnownBy::Nothing => (None, None, None),
        KnownBy::Account => (key(accounts), None, None),
        KnownBy::LoyaltyCard => (None, None, key(System::Loyalty)),
        KnownBy::Email => {
            let day = calendar::london_day(refund.refunded_at);
            let person = scene.people.person(refund.person);
            (None, Some(person.profile(scene.world, day).email), None)
        }
    };
    Csv::new(&mut sheet.out, b',')
        .with(|out| push_code(out, Kind::Refund, refund.number))
        .plain(system)
        .with(|out| push_code(out, Kind::Order, refund.order))
        .plain(scene.sku(refund.product))
        .number(u64::from(refund.quantity))
        .with(|out| push_pounds(out, refund.amount))
        .plain(refund.reason)
        .with(|out| push_rfc3339(out, refund.refunded_at))
        .plain(account.unwrap_or_default())
        .text(email.as_deref().unwrap_or_default())
        .plain(card.unwrap_or_default());
    sheet.end_row(told);
}
