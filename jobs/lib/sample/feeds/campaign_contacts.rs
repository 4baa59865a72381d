//! Who was chosen for a campaign, from the mailer, as CSV.

use super::compress::Compression;
use super::formats::Csv;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Format, Load};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;

pub(super) const ABOUT: About = About {
    name: "campaign_contacts",
    path: "mailer/audience/{dt}/audience-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &["campaign", "contact_no", "email", "channel", "cell", "chosen_at"],
    id: &["campaign", "contact_no"],
    exploded: &[],
    targets: &[
        target(RowFault::MissingRequired, "campaign"),
        target(RowFault::NotAcceptedValue, "cell"),
        target(RowFault::UnreadableTime, "chosen_at"),
        target(RowFault::RaggedRow, ""),
        target(RowFault::Latin1Bytes, "email"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let contact = &scene.facts.campaign_contacts[told.index as usize];
    let number = u64::from(contact.campaign);
    // Who is in no CRM has consented to nothing, and is in no audience.
    let (key, email) = scene.crm_email(contact.person, contact.at, number).unwrap_or_default();
    Csv::new(&mut sheet.out, b',')
        .plain(scene.campaign(contact.campaign))
        .plain(key)
        .text(&email)
        .plain(scene.world.campaigns[usize::from(contact.campaign)].channel)
        .plain(if contact.is_treated { "treated" } else { "control" })
        .with(|out| push_rfc3339(out, contact.at));
    sheet.end_row(told);
}
