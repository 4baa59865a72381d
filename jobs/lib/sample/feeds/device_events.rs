//! What things report: tags, sensors, locations, players; as NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Feed, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_signed;
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::facts::PersonIndex;
use crate::sample::people::{System, push_thing};
use crate::sample::world::World;

pub(super) const ABOUT: About = About {
    name: "device_events",
    path: "devices/{dt}/events-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::Gzip,
    load: Load::Events,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[
        target(RowFault::BrokenJsonLine, ""),
        target(RowFault::NotAcceptedValue, "kind"),
        target(RowFault::MissingRequired, "device"),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::UnreadableNumber, "value"),
        target(RowFault::OutOfRange, "value"),
    ],
};

/// Whether a person's devices are registered to their card, if they have one: two in three are.
pub fn is_registered(world: &World, person: PersonIndex) -> bool {
    super::scene::chance(world, Feed::DeviceEvents, person, 0.67)
}

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let event = &scene.facts.device_events[told.index as usize];
    let card = match is_registered(scene.world, event.person) {
        true => scene.key(event.person, System::Loyalty, event.at, event.number),
        false => None,
    };
    let mut json = Json::new(&mut sheet.out);
    json.open_object()
        .plain("id", |out| push_code(out, Kind::DeviceEvent, event.number))
        .plain("device", |out| push_thing(out, scene.world, event.person, event.device))
        .maybe_text("owner_card", card)
        .text("kind", event.kind)
        .plain("at", |out| push_rfc3339(out, event.at))
        .maybe_text("store", event.store.map(|store| scene.store(store)))
        .maybe_text("sku", event.product.map(|product| scene.sku(product)));
    match event.value {
        Some(value) => json.bare("value", |out| push_tenths(out, value)),
        None => json.null("value"),
    };
    json.close_object();
    sheet.end_row(told);
}

/// A measurement with one digit after the point.
fn push_tenths(out: &mut Vec<u8>, value: f32) {
    let tenths = (f64::from(value) * 10.0).round() as i64;
    if tenths < 0 {
        out.push(b'-');
    }
    push_signed(out, (tenths / 10).abs());
    out.push(b'.');
    out.push(b'0' + (tenths % 10).unsigned_abs() as u8);
}
