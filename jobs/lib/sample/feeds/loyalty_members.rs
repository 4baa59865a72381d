//! The members of the loyalty programme: what changed, as CSV of a European spreadsheet.

use super::compress::Compression;
use super::contacts::Change;
use super::formats::Csv;
use super::scene::Scene;
use super::sheet::Sheet;
use super::times::{push_day_slashes, push_london_slashes_to_the_minute};
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::people::{Record, Spelled};

pub(super) const ABOUT: About = About {
    name: "loyalty_members",
    path: "loyalty/members/{dt}/members-{part}.csv",
    format: Format::Csv(b';'),
    compression: Compression::None,
    load: Load::Changes,
    is_required: false,
    header: &[
        "action", "card", "surname", "forename", "email", "phone", "dob", "postcode", "joined",
        "changed",
    ],
    id: &["card"],
    exploded: &[],
    targets: &[],
};

/// A record's row, without the action, which stands before.
pub(super) fn record(record: &Record, spelled: &Spelled, out: &mut Vec<u8>) {
    let phone = if spelled.mobile.is_empty() { &spelled.phone } else { &spelled.mobile };
    Csv::new(out, b';')
        .none()
        .text(&record.key)
        .text(&spelled.family_name)
        .text(&spelled.given_name)
        .text(&spelled.email)
        .text(phone)
        .text(&spelled.birth_date)
        .text(&spelled.postcode)
        .with(|out| push_day_slashes(out, record.since))
        .with(|out| push_london_slashes_to_the_minute(out, spelled.changed_at));
}

pub(super) fn write(scene: &Scene, day: Day, sheet: &mut Sheet) {
    for (version, text) in scene.contacts.versions(Feed::LoyaltyMembers) {
        let action = match version.change_on(day, scene.world.days.from) {
            None => continue,
            Some(Change::New) => b'N',
            Some(Change::Updated) => b'U',
            Some(Change::Deleted) => b'D',
        };
        sheet.out.push(action);
        sheet.out.extend_from_slice(text);
        sheet.end_record(&version.faults, &version.key);
    }
}
