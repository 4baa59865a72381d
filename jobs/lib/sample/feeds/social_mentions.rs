//! Public posts about the brand, from a listening service, as nested NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::people::{System, handle};

pub(super) const ABOUT: About = About {
    name: "social_mentions",
    path: "social/mentions/{dt}/mentions-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[
        target(RowFault::BrokenJsonLine, ""),
        target(RowFault::OutOfRange, "metrics.likes"),
        target(RowFault::UnreadableTime, "posted_at"),
        target(RowFault::MissingRequired, "id"),
    ],
};

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let mention = &scene.facts.mentions[told.index as usize];
    let system = match mention.platform {
        "instagram" => System::Instagram,
        "facebook" => System::Facebook,
        "tiktok" => System::Tiktok,
        _ => System::X,
    };
    let handle = handle(scene.world, system, mention.person);
    Json::new(&mut sheet.out)
        .open_object()
        .plain("id", |out| push_code(out, Kind::Mention, mention.number))
        .text("platform", mention.platform)
        .object("author")
        .text("handle", &handle)
        .text("name", &scene.display_name(mention.person))
        .number("followers", u64::from(mention.follower_count))
        .close_object()
        .text("text", &mention.text.words)
        .text("lang", mention.text.language)
        .plain("posted_at", |out| push_rfc3339(out, mention.posted_at))
        .maybe_plain("in_reply_to", mention.in_reply_to, |out, other| {
            push_code(out, Kind::Mention, other)
        })
        .plain("url", |out| {
            out.extend_from_slice(b"https://");
            out.extend_from_slice(mention.platform.as_bytes());
            out.extend_from_slice(b".example/posts/");
            push_code(out, Kind::Mention, mention.number);
        })
        .object("metrics")
        .number("likes", u64::from(mention.like_count))
        .number("reposts", u64::from(mention.repost_count))
        .number("replies", u64::from(mention.reply_count))
        .number("views", u64::from(mention.view_count))
        .close_object()
        .text("topic", mention.topic)
        .close_object();
    sheet.end_row(told);
}
