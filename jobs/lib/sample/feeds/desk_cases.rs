//! The service desk's cases: the whole state of each that changed, with its events, as NDJSON.

use super::compress::Compression;
use super::formats::Json;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::Sheet;
use super::times::push_rfc3339;
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::sample::codes::{Kind, push_code};
use crate::sample::digits::push_number;
use crate::sample::facts::{Case, CaseEvent, CaseEventKind};
use crate::sample::people::{System, handle};
use crate::sample::world::calendar;

pub(super) const ABOUT: About = About {
    name: "desk_cases",
    path: "desk/cases/{dt}/cases-{part}.ndjson",
    format: Format::Ndjson,
    compression: Compression::Zstd,
    load: Load::Changes,
    is_required: false,
    header: &[],
    id: &["number"],
    exploded: &[("desk_case_events", "events")],
    targets: &[],
};

/// What had happened to a case by the end of a day.
pub(super) struct State<'a> {
    /// The events.
    pub events: &'a [CaseEvent],
    /// `new`, `open`, `pending` or `solved`.
    pub status: &'static str,
    /// The first public reply of an agent.
    pub first_reply_at: Option<i64>,
    /// The last time it was solved; none while it is not.
    pub solved_at: Option<i64>,
    /// How often it was reopened.
    pub reopened_count: u64,
    /// The last rating, 1 to 5.
    pub stars: Option<u8>,
    /// The last time that anything happened.
    pub changed_at: i64,
    /// Whether it is deleted.
    pub is_deleted: bool,
}

impl State<'_> {
    /// The state of a case at the end of a day.
    pub fn of(case: &Case, day: Day) -> State<'_> {
        let end = calendar::london_midnight(day.plus(1));
        let count = case.events.partition_point(|event| event.at < end);
        let mut state = State {
            events: &case.events[..count],
            status: "new",
            first_reply_at: None,
            solved_at: None,
            reopened_count: 0,
            stars: None,
            changed_at: case.opened_at,
            is_deleted: false,
        };
        for event in state.events {
            state.changed_at = event.at;
            match &event.kind {
                CaseEventKind::AgentReplied(is_public, _) => {
                    if *is_public {
                        state.first_reply_at.get_or_insert(event.at);
                        state.status = "open";
                    }
                }
                CaseEventKind::CustomerReplied(_) => {
                    if state.status == "pending" {
                        state.status = "open";
                    }
                }
                CaseEventKind::Pending => state.status = "pending",
                CaseEventKind::Solved => {
                    state.status = "solved";
                    state.solved_at = Some(event.at);
                }
                CaseEventKind::Reopened => {
                    state.status = "open";
                    state.solved_at = None;
                    state.reopened_count += 1;
                }
                CaseEventKind::Rated(stars) => state.stars = Some(*stars),
                CaseEventKind::Deleted => state.is_deleted = true,
            }
        }
        state
    }
}

pub(super) fn fact(scene: &Scene, day: Day, told: Told, sheet: &mut Sheet) {
    let case = &scene.facts.cases[told.index as usize];
    let state = State::of(case, day);
    let code = |out: &mut Vec<u8>| push_code(out, Kind::Case, case.number);
    let mut json = Json::new(&mut sheet.out);
    if state.is_deleted {
        // What is deleted is not told again.
        json.open_object().text("op", "deleted").plain("number", code);
        json.array("events").close_array().close_object();
        sheet.end_row(told);
        return;
    }
    json.open_object().text("op", "updated").plain("number", code);
    requester(scene, case, &mut json);
    json.text("channel", case.channel)
        .text("type", case.case_type)
        .text("topic", case.topic)
        .text("priority", case.priority)
        .text("language", case.description.language)
        .text("subject", &case.subject)
        .text("description", &case.description.words)
        .maybe_plain("order", case.order, |out, order| push_code(out, Kind::Order, order))
        .text("status", state.status)
        .plain("opened_at", |out| push_rfc3339(out, case.opened_at));
    // Whether a complaint was justified is decided when it is closed.
    match case.is_upheld.filter(|_| state.status == "solved") {
        Some(is_upheld) => json.boolean("upheld", is_upheld),
        None => json.null("upheld"),
    };
    json.array("events");
    for (number, event) in (1..).zip(state.events) {
        push_event(case, number, event, &mut json);
    }
    json.close_array().plain("changed_at", |out| push_rfc3339(out, state.changed_at));
    json.close_object();
    sheet.elements[0] = state.events.len() as u64;
    sheet.end_row(told);
}

/// By what the requester is known depends on how they came.
fn requester(scene: &Scene, case: &Case, json: &mut Json) {
    let (person, at, number) = (case.person, case.opened_at, case.number);
    let contact = || scene.key(person, System::Crm, at, number);
    json.object("requester");
    let (contact_no, email, phone, handle) = match case.channel {
        "email" => (None, Some(scene.email(person, at, number)), None, None),
        "social" => (None, None, None, Some(handle(scene.world, System::X, person))),
        "phone" => {
            let day = calendar::london_day(at);
            let mobile = scene.people.person(person).profile(scene.world, day).mobile;
            // Half of the callers are looked up while they speak.
            let contact_no = contact().filter(|_| scene.chance(Feed::DeskCases, number, 0.5));
            (contact_no, None, Some(mobile), None)
        }
        _ => match contact() {
            Some(contact) => (Some(contact), None, None, None),
            None => (None, Some(scene.email(person, at, number)), None, None),
        },
    };
    json.maybe_text("contact_no", contact_no)
        .maybe_text("email", email.as_deref())
        .maybe_text("phone", phone.as_deref())
        .maybe_text("handle", handle.as_deref())
        .close_object();
}

fn push_event(case: &Case, number: u64, event: &CaseEvent, json: &mut Json) {
    let (kind, author, is_public, text, score) = match &event.kind {
        CaseEventKind::AgentReplied(true, text) => ("reply", "agent", true, Some(text), None),
        CaseEventKind::AgentReplied(false, text) => ("note", "agent", false, Some(text), None),
        CaseEventKind::CustomerReplied(text) => {
            ("customer_reply", "customer", true, Some(text), None)
        }
        CaseEventKind::Pending => ("pending", "agent", false, None, None),
        CaseEventKind::Solved => ("solved", "agent", false, None, None),
        CaseEventKind::Reopened => ("reopened", "customer", true, None, None),
        CaseEventKind::Rated(stars) => ("rated", "customer", true, None, Some(*stars)),
        // The row says so, not one of its events.
        CaseEventKind::Deleted => return,
    };
    json.open_object()
        .plain("id", |out| {
            push_code(out, Kind::Case, case.number);
            out.push(b'-');
            push_number(out, number);
        })
        .text("kind", kind)
        .text("author", author)
        .boolean("public", is_public)
        .plain("at", |out| push_rfc3339(out, event.at))
        .maybe_text("text", text.map(|text| text.words.as_str()));
    match score {
        Some(score) => json.number("score", u64::from(score)),
        None => json.null("score"),
    };
    json.close_object();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::facts::Text;

    #[test]
    fn a_state_is_what_had_happened_by_the_end_of_the_day() {
        let day: Day = "2024-03-04".parse().unwrap();
        let noon = calendar::london_midnight(day) + 43_200;
        let text = Text { words: "x".to_string(), language: "en", sentiment: 0.0 };
        let event = |days: i64, kind| CaseEvent { at: noon + days * calendar::DAY, kind };
        let case = Case {
            number: 1,
            person: 1,
            is_north: false,
            channel: "email",
            case_type: "complaint",
            topic: "delivery",
            priority: "high",
            subject: "x".to_string(),
            description: text.clone(),
            order: None,
            opened_at: noon,
            events: vec![
                event(0, CaseEventKind::AgentReplied(false, text.clone())),
                event(1, CaseEventKind::AgentReplied(true, text.clone())),
                event(1, CaseEventKind::Solved),
                event(2, CaseEventKind::Rated(4)),
                event(3, CaseEventKind::Reopened),
                event(3, CaseEventKind::Rated(2)),
                event(9, CaseEventKind::Deleted),
            ],
            is_upheld: Some(true),
        };
        let shown = |days| {
            let state = State::of(&case, day.plus(days));
            (state.events.len(), state.status, state.first_reply_at, state.solved_at, state.stars)
        };
        let first_reply = Some(noon + calendar::DAY);
        assert_eq!(shown(0), (1, "new", None, None, None));
        assert_eq!(shown(1), (3, "solved", first_reply, first_reply, None));
        assert_eq!(shown(2), (4, "solved", first_reply, first_reply, Some(4)));
        assert_eq!(shown(8), (6, "open", first_reply, None, Some(2)));
        assert_eq!(State::of(&case, day.plus(8)).reopened_count, 1);
        assert!([8, 9].map(|days| State::of(&case, day.plus(days)).is_deleted) == [false, true]);
    }
}
