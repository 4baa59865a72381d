//! The stores' receipts, one row a line, as CSV with pound signs.

use super::compress::Compression;
use super::formats::{Csv, push_pounds};
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_london_slashes;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::facts::{KnownBy, Shop};
use crate::sample::people::System;

pub(super) const ABOUT: About = About {
    name: "till_sales",
    path: "till/sales/{dt}/sales-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::Zstd,
    load: Load::Events,
    is_required: true,
    header: &[
        "store",
        "receipt",
        "line",
        "sold_at",
        "sku",
        "qty",
        "price",
        "discount",
        "loyalty_card",
        "tender",
    ],
    id: &["receipt", "line"],
    exploded: &[],
    targets: &[
        target(RowFault::SpreadsheetMangledId, "loyalty_card"),
        target(RowFault::UnreadableNumber, "price"),
        target(RowFault::OutOfRange, "qty"),
        target(RowFault::UnreadableTime, "sold_at"),
        target(RowFault::MissingRequired, "receipt"),
        target(RowFault::RaggedRow, ""),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let order = &scene.facts.orders[told.index as usize];
    let store = match order.shop {
        Shop::Till(store) => scene.store(store),
        Shop::Web | Shop::App => "",
    };
    let card = match order.known_by {
        KnownBy::LoyaltyCard => {
            scene.key(order.person, System::Loyalty, order.placed_at, order.number)
        }
        _ => None,
    };
    // A till tells one tender: of what was paid in parts, the part that was not points.
    let tender = order.payment_method;
    let pounds = |out: &mut Vec<u8>, pence| {
        out.extend_from_slice("£".as_bytes());
        push_pounds(out, pence);
    };
    for (number, line) in (0..).zip(&order.lines) {
        Csv::new(&mut sheet.out, b',')
            .plain(store)
            .with(|out| push_code(out, Kind::Order, order.number))
            .number(u64::from(number) + 1)
            .with(|out| push_london_slashes(out, order.placed_at))
            .plain(scene.sku(line.product))
            .number(u64::from(line.quantity))
            .with(|out| pounds(out, line.unit_price))
            .with(|out| pounds(out, line.discount))
            .plain(card.unwrap_or_default())
            .plain(tender);
        sheet.end_row_of(told, Some(number));
    }
}
