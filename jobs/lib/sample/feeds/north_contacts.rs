//! The contacts of North, the company that was bought: what changed, as NDJSON.

use super::compress::Compression;
use super::contacts::Change;
use super::formats::{Json, push_json_text};
use super::scene::Scene;
use super::sheet::Sheet;
use super::times::push_london;
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::people::{Record, Spelled};

pub(super) const ABOUT: About = About {
    name: "north_contacts",
    path: "north/contacts/{dt}/changes-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::Gzip,
    load: Load::Changes,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[],
};

/// A record's row, without what happened to it, which stands before.
pub(super) fn record(record: &Record, spelled: &Spelled, out: &mut Vec<u8>) {
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    // The record's other half stands in another buffer, so nothing here sees its last value.
    out.extend_from_slice(b",\"id\":");
    push_json_text(out, &record.key);
    let mut json = Json::new(out);
    json.object("person")
        .maybe_text("name", some(&spelled.name))
        .maybe_text("email", some(&spelled.email))
        .array("phones");
    for phone in [&spelled.mobile, &spelled.phone] {
        if !phone.is_empty() {
            json.element(phone);
        }
    }
    json.close_array()
        .maybe_text("born", some(&spelled.birth_date))
        .maybe_text("sex", some(spelled.gender))
        .close_object()
        .object("address")
        .maybe_text("line", some(&spelled.street))
        .maybe_text("town", some(&spelled.city))
        .maybe_text("postcode", some(&spelled.postcode))
        .maybe_text("country", some(spelled.country))
        .close_object()
        .maybe_text("employer", some(&spelled.company))
        .plain("changed", |out| push_london(out, spelled.changed_at))
        .close_object();
}

pub(super) fn write(scene: &Scene, day: Day, sheet: &mut Sheet) {
    for (version, text) in scene.contacts.versions(Feed::NorthContacts) {
        let operation = match version.change_on(day, scene.world.days.from) {
            None => continue,
            Some(Change::New | Change::Updated) => "upsert",
            Some(Change::Deleted) => "delete",
        };
        Json::new(&mut sheet.out).open_object().text("op", operation);
        sheet.out.extend_from_slice(text);
        sheet.end_record(&version.faults, &version.key);
    }
}
