//! Clicks on the web site and in the app, as NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_hex;
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::people::{System, push_cookie};
use crate::sample::random::{self, Purpose};

pub(super) const ABOUT: About = About {
    name: "web_events",
    path: "web/events/{dt}/events-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::Zstd,
    load: Load::Events,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[
        target(RowFault::BrokenJsonLine, ""),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::NotAcceptedValue, "kind"),
        target(RowFault::MissingRequired, "id"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let event = &scene.facts.web_events[told.index as usize];
    // The app knows its own users, the web site the shop's accounts.
    let accounts = if event.channel == "app" { System::App } else { System::Shop };
    let account = match event.is_logged_in {
        true => scene.key(event.person, accounts, event.at, event.session),
        false => None,
    };
    let session = random::hash(scene.world.seed, Purpose::Visit, &[event.session]);
    Json::new(&mut sheet.out)
        .open_object()
        .plain("id", |out| push_code(out, Kind::WebEvent, event.number))
        .plain("session", |out| push_hex(out, session))
        .plain("cookie", |out| push_cookie(out, scene.world, event.person, event.device))
        .maybe_text("account", account)
        .plain("at", |out| push_rfc3339(out, event.at))
        .text("kind", event.kind)
        .text("channel", event.channel)
        .text("referrer", event.referrer)
        .maybe_text("campaign", event.campaign.map(|campaign| scene.campaign(campaign)))
        .maybe_text("sku", event.product.map(|product| scene.sku(product)))
        .maybe_text("search", event.search)
        .maybe_plain("order", event.order, |out, order| push_code(out, Kind::Order, order))
        .close_object();
    sheet.end_row(told);
}
