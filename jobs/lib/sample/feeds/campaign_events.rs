//! What came of a campaign's messages, from the mailer, as NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::people::System;

pub(super) const ABOUT: About = About {
    name: "campaign_events",
    path: "mailer/events/{dt}/events-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::Gzip,
    load: Load::Events,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[
        target(RowFault::MissingRequired, "id"),
        target(RowFault::NotAcceptedValue, "kind"),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::BrokenJsonLine, ""),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let event = &scene.facts.campaign_events[told.index as usize];
    // The record that was chosen for the campaign, where the CRM has several of the person.
    let contact = scene.key(event.person, System::Crm, event.at, u64::from(event.campaign));
    Json::new(&mut sheet.out)
        .open_object()
        .plain("id", |out| push_code(out, Kind::CampaignEvent, event.number))
        .text("campaign", scene.campaign(event.campaign))
        .maybe_text("contact_no", contact)
        .text("channel", scene.world.campaigns[usize::from(event.campaign)].channel)
        .text("kind", event.kind)
        .plain("at", |out| push_rfc3339(out, event.at))
        .close_object();
    sheet.end_row(told);
}
