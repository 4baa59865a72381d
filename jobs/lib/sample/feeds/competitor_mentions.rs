//! How much is said of competitors, from a tool that listens, as CSV.

use super::compress::Compression;
use super::formats::Csv;
use super::scene::Scene;
use super::sheet::Sheet;
use super::times::push_day;
use super::{About, Format, Load};
use crate::dates::Day;
use crate::sample::life;

pub(super) const ABOUT: About = About {
    name: "competitor_mentions",
    path: "social/competitors/{dt}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: true,
    header: &["posted_on", "network", "brand", "posts"],
    id: &["posted_on", "network", "brand"],
    exploded: &[],
    targets: &[],
};

pub(super) fn write(scene: &Scene, day: Day, sheet: &mut Sheet) {
    for counted in life::competitor_mentions(scene.world, day) {
        Csv::new(&mut sheet.out, b',')
            .with(|out| push_day(out, counted.day))
            .plain(counted.platform)
            .text(counted.brand)
            .number(counted.count);
        sheet.end_record(&[], "");
    }
}
