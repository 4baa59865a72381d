//! The CRM's contacts: all of them, every day, as CSV.

use super::compress::Compression;
use super::formats::Csv;
use super::scene::Scene;
use super::sheet::Sheet;
use super::times::{push_day, push_london};
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::people::{Record, Spelled};

pub(super) const ABOUT: About = About {
    name: "crm_contacts",
    path: "crm/contacts/{dt}/contacts-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Snapshot,
    is_required: true,
    header: &[
        "contact_no",
        "title",
        "first_name",
        "last_name",
        "email",
        "mobile",
        "phone",
        "birth_date",
        "gender",
        "language",
        "street",
        "city",
        "region",
        "postcode",
        "country",
        "company",
        "loyalty_card",
        "customer_since",
        "updated_at",
    ],
    id: &["contact_no"],
    exploded: &[],
    targets: &[],
};

/// A record's row, without its end.
pub(super) fn record(record: &Record, spelled: &Spelled, out: &mut Vec<u8>) {
    Csv::new(out, b',')
        .plain(&record.key)
        .text(spelled.title)
        .text(&spelled.given_name)
        .text(&spelled.family_name)
        .text(&spelled.email)
        .text(&spelled.mobile)
        .text(&spelled.phone)
        .text(&spelled.birth_date)
        .plain(spelled.gender)
        .plain(spelled.language)
        .text(&spelled.street)
        .text(&spelled.city)
        .text(spelled.region)
        .text(&spelled.postcode)
        .text(spelled.country)
        .text(&spelled.company)
        .text(&spelled.loyalty_card)
        .with(|out| push_day(out, record.since))
        .with(|out| push_london(out, spelled.changed_at));
}

pub(super) fn write(scene: &Scene, day: Day, sheet: &mut Sheet) {
    for (version, text) in scene.contacts.versions(Feed::CrmContacts) {
        if version.from <= day && day < version.to {
            sheet.out.extend_from_slice(text);
            sheet.end_record(&version.faults, &version.key);
        }
    }
}
