//! The web shop's programme for friends: a row for each friend who used a link or
//! code, as CSV.

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
use crate::sample::people::{System, key};

/// The programme's code.
const PROGRAMME: &str = "BRING-A-FRIEND";

pub(super) const ABOUT: About = About {
    name: "referrals",
    path: "shop/referrals/{dt}/referrals-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[
        "referral_id",
        "programme",
        "referrer",
        "friend",
        "passed_on_by",
        "order_number",
        "used_at",
    ],
    id: &["referral_id"],
    exploded: &[],
    targets: &[
        target(RowFault::NotAcceptedValue, "passed_on_by"),
        target(RowFault::UnreadableTime, "used_at"),
        target(RowFault::MissingRequired, "referrer"),
        target(RowFault::RaggedRow, ""),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let referral = &scene.facts.referrals[told.index as usize];
    // Whoever recommended may stand in another part: their first account is known by arithmetic.
    let referrer = key(scene.world, System::Shop, referral.referrer, 0);
    let account = |friend| scene.key(friend, System::Shop, referral.at, referral.number);
    let friend = referral.friend.and_then(account);
    Csv::new(&mut sheet.out, b',')
        .with(|out| push_code(out, Kind::Referral, referral.number))
        .plain(PROGRAMME)
        .plain(&referrer)
        .plain(friend.unwrap_or_default())
        .plain(referral.channel)
        .maybe(referral.order, |out, order| push_code(out, Kind::Order, order))
        .with(|out| push_rfc3339(out, referral.at));
    sheet.end_row(told);
}
