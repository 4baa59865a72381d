//! Product reviews from the web shop, as CSV with line breaks and quotes inside.

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
    name: "reviews",
    path: "shop/reviews/{dt}/reviews-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[
        "review_id",
        "account",
        "user_name",
        "sku",
        "order_number",
        "stars",
        "title",
        "text",
        "language",
        "posted_at",
        "helpful",
    ],
    id: &["review_id"],
    exploded: &[],
    targets: &[
        target(RowFault::OutOfRange, "stars"),
        target(RowFault::Latin1Bytes, "text"),
        target(RowFault::UnreadableTime, "posted_at"),
        target(RowFault::RaggedRow, ""),
        target(RowFault::MissingRequired, "review_id"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let review = &scene.facts.reviews[told.index as usize];
    let account = scene.key(review.person, System::Shop, review.posted_at, review.order);
    Csv::new(&mut sheet.out, b',')
        .with(|out| push_code(out, Kind::Review, review.number))
        .plain(account.unwrap_or_default())
        .text(&scene.display_name(review.person))
        .plain(scene.sku(review.product))
        .with(|out| push_code(out, Kind::Order, review.order))
        .number(u64::from(review.stars))
        .text(&review.title)
        .text(&review.text.words)
        .plain(review.text.language)
        .with(|out| push_rfc3339(out, review.posted_at))
        .number(u64::from(review.helpful_count));
    sheet.end_row(told);
}
