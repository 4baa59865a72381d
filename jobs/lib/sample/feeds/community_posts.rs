//! The brand's own forum, as NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Feed, Format, Load};
use crate::sample::codes::{Kind, push_code};
use crate::sample::dirt::RowFault;
use crate::sample::dirt::rows::target;
use crate::sample::facts::PersonIndex;
use crate::sample::people::{System, handle};
use crate::sample::world::World;

pub(super) const ABOUT: About = About {
    name: "community_posts",
    path: "forum/{dt}/posts-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[],
    id: &["id"],
    exploded: &[],
    targets: &[
        target(RowFault::NotAcceptedValue, "kind"),
        target(RowFault::BrokenJsonLine, ""),
        target(RowFault::UnreadableTime, "at"),
        target(RowFault::MissingRequired, "id"),
    ],
};

/// Whether a person has confirmed to the forum by which address they can be reached.
pub fn is_verified(world: &World, person: PersonIndex) -> bool {
    super::scene::chance(world, Feed::CommunityPosts, person, 0.6)
}

pub(super) fn fact(scene: &Scene, told: Told, sheet: &mut Sheet) {
    let post = &scene.facts.community_posts[told.index as usize];
    let email = is_verified(scene.world, post.person).then(|| {
        match scene.spelled(post.person, System::Forum, post.posted_at, post.number) {
            Some((_, spelled)) if !spelled.email.is_empty() => spelled.email,
            _ => scene.email(post.person, post.posted_at, post.number),
        }
    });
    let text = post.text.as_ref();
    Json::new(&mut sheet.out)
        .open_object()
        .plain("id", |out| push_code(out, Kind::CommunityPost, post.number))
        .object("user")
        .text("name", &handle(scene.world, System::Forum, post.person))
        .maybe_text("email_verified", email.as_deref())
        .close_object()
        .text("kind", post.kind)
        .maybe_plain("parent", post.parent, |out, parent| {
            push_code(out, Kind::CommunityPost, parent)
        })
        .text("topic", post.topic)
        .maybe_text("text", text.map(|text| text.words.as_str()))
        .maybe_text("lang", text.map(|text| text.language))
        .boolean("accepted", post.is_accepted)
        .plain("at", |out| push_rfc3339(out, post.posted_at))
        .close_object();
    sheet.end_row(told);
}
