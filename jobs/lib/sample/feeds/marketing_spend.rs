//! What was spent on advertising, from the media agency, as CSV with decimal commas.

use super::compress::Compression;
use super::formats::{Csv, push_pounds_with_comma};
use super::scene::Scene;
use super::sheet::Sheet;
use super::times::push_day_dots;
use super::{About, Format, Load};
use crate::dates::Day;
use crate::sample::life;

pub(super) const ABOUT: About = About {
    name: "marketing_spend",
    path: "media/spend/{dt}.csv",
    format: Format::Csv(b';'),
    compression: Compression::None,
    load: Load::Events,
    is_required: true,
    header: &["day", "channel", "campaign", "amount"],
    id: &["day", "channel", "campaign"],
    exploded: &[],
    targets: &[],
};

pub(super) fn write(scene: &Scene, day: Day, sheet: &mut Sheet) {
    for spend in life::marketing_spend(scene.world, day) {
        Csv::new(&mut sheet.out, b';')
            .with(|out| push_day_dots(out, spend.day))
            .plain(spend.channel)
            .text(spend.campaign.map_or("", |campaign| scene.campaign(campaign)))
            .with(|out| push_pounds_with_comma(out, spend.amount));
        sheet.end_record(&[], "");
    }
}
