//! Points earned, redeemed, expired and adjusted, as CSV of a European spreadsheet.

use super::compress::Compression;
use super::formats::Csv;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_london_slashes;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_signed;
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::people::System;

pub(super) const ABOUT: About = About {
    name: "loyalty_entries",
    path: "loyalty/entries/{dt}/entries-{part}.csv",
    format: Format::Csv(b';'),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &["entry", "card", "kind", "points", "at", "order"],
    id: &["entry"],
    exploded: &[],
    targets: &[
        target(RowFault::SpreadsheetMangledId, "card"),
        target(RowFault::UnreadableNumber, "points"),
        target(RowFault::OutOfRange, "points"),
        target(RowFault::NotAcceptedValue, "kind"),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::RaggedRow, ""),
        target(RowFault::MissingRequired, "entry"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let entry = &scene.facts.loyalty_entries[told.index as usize];
    let card = scene.key(entry.person, System::Loyalty, entry.at, entry.number);
    Csv::new(&mut sheet.out, b';')
        .with(|out| push_code(out, Kind::LoyaltyEntry, entry.number))
        .with(|out| push_spaced(out, card.unwrap_or_default()))
        .plain(entry.kind)
        .with(|out| push_signed(out, entry.points))
        .with(|out| push_london_slashes(out, entry.at))
        .maybe(entry.order, |out, order| push_code(out, Kind::Order, order));
    sheet.end_row(told);
}

/// A card's number in groups of four, as it is printed on the card.
fn push_spaced(out: &mut Vec<u8>, card: &str) {
    for (place, group) in card.as_bytes().chunks(4).enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(group);
    }
}
