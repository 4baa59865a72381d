//! Invitations to surveys and their answers, as CSV whose columns drift.

use super::compress::Compression;
use super::formats::Csv;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_number;
use crate::sample::dirt::RowFault;
use crate::sample::dirt::files::has_drifted;
use crate::sample::dirt::rows::target;
use crate::sample::facts::Survey;
use crate::sample::people::{Dirt, System};
use crate::sample::world::World;

pub(super) const ABOUT: About = About {
    name: "survey_responses",
    path: "surveys/{dt}/answers-{part}.csv",
    format: Format::Csv(b','),
    compression: Compression::None,
    load: Load::Events,
    is_required: false,
    header: &[
        "response_id",
        "survey",
        "contact_no",
        "email",
        "channel",
        "touchpoint",
        "order_number",
        "case_number",
        "invited_at",
        "answered_at",
        "score",
        "language",
        "comment",
    ],
    id: &["response_id"],
    exploded: &[],
    targets: &[
        target(RowFault::NotAcceptedValue, "survey"),
        target(RowFault::OutOfRange, "score"),
        target(RowFault::MissingRequired, "response_id"),
        target(RowFault::UnreadableTime, "invited_at"),
        target(RowFault::RaggedRow, ""),
        target(RowFault::Latin1Bytes, "touchpoint"),
    ],
};

/// Another name for the score, and a column more.
const DRIFTED: &[&str] = &[
    "response_id",
    "survey",
    "contact_no",
    "email",
    "channel",
    "touchpoint",
    "order_number",
    "case_number",
    "invited_at",
    "answered_at",
    "rating",
    "language",
    "comment",
    "panel",
];

pub(super) fn header(world: &World, dirt: Dirt, day: Day) -> &'static [&'static str] {
    if has_drifted(dirt, world.days, day) { DRIFTED } else { ABOUT.header }
}

/// Whether an invitation goes out from the CRM, if it knows the person: three in four do.
pub fn names_contact(world: &World, number: u64) -> bool {
    super::scene::chance(world, Feed::SurveyResponses, number, 0.75)
}

pub(super) fn fact(scene: &Scene, day: Day, told: Told, sheet: &mut Sheet) {
    let response = &scene.facts.survey_responses[told.index as usize];
    let (person, at, number) = (response.person, response.invited_at, response.number);
    // The others know an address and nothing else.
    let contact =
        scene.key(person, System::Crm, at, number).filter(|_| names_contact(scene.world, number));
    let email = contact.is_none().then(|| scene.email(person, at, number));
    let comment = response.comment.as_ref();
    let language = comment.map_or(scene.people.person(person).language, |comment| comment.language);
    let mut row = Csv::new(&mut sheet.out, b',');
    row.with(|out| push_code(out, Kind::SurveyResponse, number))
        .plain(match response.survey {
            Survey::Nps => "NPS",
            Survey::Csat => "CSAT",
            Survey::Ces => "CES",
        })
        .plain(contact.unwrap_or_default())
        .text(email.as_deref().unwrap_or_default())
        .plain(response.channel)
        .plain(response.touchpoint)
        .maybe(response.order, |out, order| push_code(out, Kind::Order, order))
        .maybe(response.case, |out, case| push_code(out, Kind::Case, case))
        .with(|out| push_rfc3339(out, at))
        .maybe(response.answered_at, push_rfc3339)
        .with(|out| match (response.score, response.answered_at) {
            (Some(score), _) => push_number(out, u64::from(score)),
            (None, Some(_)) => out.extend_from_slice(b"-1"),
            (None, None) => {}
        })
        .plain(language)
        .text(comment.map_or("", |comment| &comment.words));
    if has_drifted(scene.dirt, scene.world.days, day) {
        row.plain(if scene.chance(Feed::SurveyResponses, person, 0.5) { "A" } else { "B" });
    }
    sheet.end_row(told);
}
