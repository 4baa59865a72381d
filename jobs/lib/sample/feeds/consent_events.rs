//! Consents given, denied and withdrawn, from the CRM, as CSV.

use super::compress::Compression;
use super::formats::Csv;
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
    name: "consent_events",
    path: "crm/consents/{dt}/consents-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &["event_id", "contact_no", "purpose", "channel", "action", "at"],
    id: &["event_id"],
    exploded: &[],
    targets: &[
        target(RowFault::MissingRequired, "event_id"),
        target(RowFault::NotAcceptedValue, "action"),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::RaggedRow, ""),
        target(RowFault::Latin1Bytes, "purpose"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let consent = &scene.facts.consents[told.index as usize];
    let contact = scene.key(consent.person, System::Crm, consent.at, consent.number);
    Csv::new(&mut sheet.out, b',')
        .with(|out| push_code(out, Kind::Consent, consent.number))
        .plain(contact.unwrap_or_default())
        .plain(consent.purpose)
        .plain(consent.channel.unwrap_or_default())
        .plain(consent.action)
        .with(|out| push_rfc3339(out, consent.at));
    sheet.end_row(told);
}
