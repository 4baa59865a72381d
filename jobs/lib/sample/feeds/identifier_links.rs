//! Numbers of different systems that are the same person, as CSV.

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
    name: "identifier_links",
    path: "crm/links/{dt}/links-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &["left_system", "left_id", "right_system", "right_id", "at"],
    id: &["left_system", "left_id", "right_system", "right_id"],
    exploded: &[],
    targets: &[
        target(RowFault::MissingRequired, "right_id"),
        target(RowFault::NotAcceptedValue, "left_system"),
        target(RowFault::UnreadableTime, "at"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let link = &scene.facts.identifier_links[told.index as usize];
    let key = |system| scene.key(link.person, system, link.at, 0).unwrap_or_default();
    Csv::new(&mut sheet.out, b',')
        .plain(link.left.name())
        .text(key(link.left))
        .plain(link.right.name())
        .text(key(link.right))
        .with(|out| push_rfc3339(out, link.at));
    sheet.end_row(told);
}
