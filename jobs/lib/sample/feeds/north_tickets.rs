//! The tickets of North's own desk: the whole state of each that changed, as CSV in Windows-1252.

use super::compress::Compression;
use super::desk_cases::State;
use super::formats::Csv;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_london_slashes_to_the_minute;
use super::{About, Format, Load};
use crate::dates::Day;
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_number;
use crate::sample::people::System;

pub(super) const ABOUT: About = About {
    name: "north_tickets",
    path: "north/tickets/{dt}/tickets-{part}.csv",
    format: Format::Csv(b';'),
    compression: Compression::None,
    load: Load::Changes,
    is_required: false,
    header: &[
        "ticket",
        "customer_id",
        "customer_email",
        "via",
        "kind",
        "category",
        "urgency",
        "title",
        "body",
        "state",
        "created",
        "first_reply",
        "solved",
        "reopened",
        "stars",
        "updated",
    ],
    id: &["ticket"],
    exploded: &[],
    targets: &[],
};

pub(super) fn fact(scene: &Scene, day: Day, told: Told, sheet: &mut Sheet) {
    let case = &scene.facts.cases[told.index as usize];
    let state = State::of(case, day);
    let known = scene.spelled(case.person, System::North, case.opened_at, case.number);
    let (key, email) = match known {
        Some((key, spelled)) => (key, spelled.email),
        None => ("", scene.email(case.person, case.opened_at, case.number)),
    };
    let time = push_london_slashes_to_the_minute;
    Csv::new(&mut sheet.out, b';')
        .with(|out| push_code(out, Kind::Case, case.number))
        .plain(key)
        .text(&email)
        .plain(case.channel)
        .plain(case.case_type)
        .plain(case.topic)
        .plain(case.priority)
        .text(&case.subject)
        .text(&case.description.words)
        .plain(state.status)
        .with(|out| time(out, case.opened_at))
        .maybe(state.first_reply_at, time)
        .maybe(state.solved_at, time)
        .number(state.reopened_count)
        .maybe(state.stars, |out, stars| push_number(out, u64::from(stars)))
        .with(|out| time(out, state.changed_at));
    sheet.end_row(told);
}
