//! Service cases: what brings them, when they are answered and solved, and what the customer
//! thinks of it.
//!
//! A case's course (its [`Sketch`]) follows from its cause alone and is drawn whole, without
//! words; the words are written only for cases that are told. Nothing happens to a case more than
//! [`model::MOST_DAYS`] days after it was opened.

use super::number::{self, Cause};
use super::parameters::service as model;
use super::shopping::Bought;
use super::time::{self, DAY, HOUR, MINUTE};
use super::{Company, Living};
use crate::dates::DayRange;
use crate::sample::codes::{self, code};
use crate::sample::facts::{Case, CaseEvent, CaseEventKind, Instant, Shop};
use crate::sample::people::{Person, System};
use crate::sample::random::{Purpose, Stream};
use crate::sample::text::{self, Author};
use crate::sample::world::calendar::{add_business_minutes, is_open, london_day, next_open};

/// What happens to a case, without words.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Replied,
    Noted,
    CustomerReplied,
    Pending,
    Solved,
    Reopened,
    Rated(u8),
    Deleted,
}

/// The course of a case.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    pub(super) number: u64,
    pub(super) cause: Cause,
    is_north: bool,
    pub(super) channel: &'static str,
    case_type: &'static str,
    topic: &'static str,
    priority: &'static str,
    pub(super) order: Option<u64>,
    pub(super) opened_at: Instant,
    steps: Vec<(Instant, Step)>,
    /// How satisfied the customer is with the service, about 1 to 5.
    pub(super) satisfaction: f64,
    is_upheld: bool,
}

/// What makes somebody turn to the desk.
struct Trigger {
    at: Instant,
    case_type: &'static str,
    topic: &'static str,
    /// Whether something went wrong, so that a complaint is justified.
    is_bad: bool,
    order: Option<u64>,
}

impl Sketch {
    /// When it was first solved.
    pub(super) fn solved_at(&self) -> Option<Instant> {
        self.steps.iter().find(|(_, step)| *step == Step::Solved).map(|(at, _)| *at)
    }

    /// Whether it is solved at an instant.
    fn is_solved_at(&self, until: Instant) -> bool {
        let before = self.steps.iter().rev().skip_while(|(at, _)| *at >= until);
        before
            .map(|(_, step)| *step)
            .find(|step| matches!(step, Step::Solved | Step::Reopened))
            .is_some_and(|step| step == Step::Solved)
    }

    /// When a complaint was found justified, at its first solution.
    pub(super) fn upheld_at(&self) -> Option<Instant> {
        (self.is_complaint() && self.is_upheld).then(|| self.solved_at()).flatten()
    }

    pub(super) fn is_complaint(&self) -> bool {
        self.case_type == "complaint"
    }

    /// Whether it is a complaint that has not been made good by an instant.
    pub(super) fn rankles_at(&self, at: Instant) -> bool {
        self.is_complaint() && !(self.is_upheld && self.is_solved_at(at))
    }

    fn has_part_in(&self, span: super::Span) -> bool {
        self.opened_at < span.to
            && (span.holds(self.opened_at) || self.steps.iter().any(|(at, _)| span.holds(*at)))
    }
}

/// The cases that purchases and life itself bring a person, opened before the window's end; those
/// of life itself as far back as they can reach into it.
pub(super) fn sketches(
    company: &Company<'_>,
    person: &Person,
    bought: &[Bought],
    window: DayRange,
) -> Vec<Sketch> {
    let seed = company.world.seed;
    let span = super::Span::of(window);
    let mut sketches = vec![];
    for bought in bought {
        let cause = bought.purchase.cause;
        let mut stream = Stream::of(seed, Purpose::Case, &[person.index, cause.word()]);
        if let Some(trigger) = trigger(&mut stream, person, bought) {
            sketches.push(sketch(&mut stream, person, cause, &trigger));
        }
    }
    // A case may wait some days for opening hours before it begins.
    let back = model::MOST_DAYS.unsigned_abs() + 8;
    let days = DayRange { from: window.from.minus(back), to: window.to };
    let mean = model::SPONTANEOUS_MEAN * f64::from(person.activity);
    time::of_itself(seed, Purpose::Case, person.index, days, mean, &time::AWAKE, |cause, at| {
        if at < person.acquired_at {
            return;
        }
        let mut stream = Stream::of(seed, Purpose::Case, &[person.index, cause.word()]);
        let topic = stream.pick_weighted(&[("account", 0.5), ("store", 0.2), ("product", 0.3)]);
        let is_bad = stream.chance(0.25);
        let case_type = if is_bad { "problem" } else { "question" };
        let trigger = Trigger { at, case_type, topic, is_bad, order: None };
        sketches.push(sketch(&mut stream, person, cause, &trigger));
    });
    sketches.retain(|case| case.opened_at < span.to);
    sketches
}

/// Why somebody turns to the desk after a purchase; one reason at most.
fn trigger(stream: &mut Stream, person: &Person, bought: &Bought) -> Option<Trigger> {
    let order = &bought.order;
    let received_at = bought.received_at;
    let of_bad = |stream: &mut Stream, topic, at| {
        let share = model::COMPLAINT_SHARE - model::COMPLAINT_BY_MOOD * f64::from(person.mood);
        let case_type = if stream.chance(share) { "complaint" } else { "problem" };
        Some(Trigger { at, case_type, topic, is_bad: true, order: Some(order.number) })
    };
    if order.is_late && stream.chance(model::LATE_CASE_SHARE) {
        // People ask once the promised day is over, whether or not the parcel is there by then.
        let promised = super::parameters::shopping::PROMISED_DAYS as i64;
        let at =
            time::clock_after(stream, order.placed_at, promised + 1, promised + 2, &time::AWAKE);
        return of_bad(stream, "delivery", at);
    }
    if bought.wrong_line.is_some() && stream.chance(model::WRONG_ITEM_CASE_SHARE) {
        let at = time::clock_after(stream, received_at, 0, 3, &time::AWAKE);
        return of_bad(stream, "returns", at);
    }
    if bought.faulty_line.is_some() && stream.chance(model::DEFECT_CASE_SHARE) {
        let at = time::clock_after(stream, received_at, 0, 6, &time::AWAKE);
        return of_bad(stream, "product", at);
    }
    if stream.chance(model::BILLING_SHARE) {
        let at = time::clock_after(stream, order.placed_at, 0, 10, &time::AWAKE);
        return of_bad(stream, "billing", at);
    }
    let is_online = order.delivered_at.is_some();
    if is_online
        && let Some(refund) = bought.refunds.iter().find(|refund| refund.reason == "changed_mind")
        && stream.chance(model::RETURN_CASE_SHARE)
    {
        let at = received_at + ((refund.refunded_at - received_at) as f64 * 0.3) as Instant;
        return Some(Trigger {
            at,
            case_type: "request",
            topic: "returns",
            is_bad: false,
            order: Some(order.number),
        });
    }
    if stream.chance(model::QUESTION_SHARE) {
        let topic = match order.shop {
            Shop::Till(_) => stream.pick_weighted(&[("store", 0.5), ("product", 0.5)]),
            _ => stream.pick_weighted(&[("delivery", 0.5), ("product", 0.3), ("returns", 0.2)]),
        };
        let at = time::clock_after(stream, order.placed_at, 0, 8, &time::AWAKE);
        return Some(Trigger {
            at,
            case_type: "question",
            topic,
            is_bad: false,
            order: Some(order.number),
        });
    }
    None
}

/// Draws a case's course.
fn sketch(stream: &mut Stream, person: &Person, cause: Cause, trigger: &Trigger) -> Sketch {
    let is_north = person.is_in(System::North) && stream.chance(model::NORTH_SHARE);
    let channels: &[(&'static str, f64)] = match (is_north, has_handle(person)) {
        (true, _) => &[("email", 0.55), ("phone", 0.25), ("web", 0.20)],
        (false, true) => {
            &[("email", 0.30), ("phone", 0.18), ("chat", 0.22), ("web", 0.17), ("social", 0.13)]
        }
        (false, false) => &[("email", 0.36), ("phone", 0.21), ("chat", 0.23), ("web", 0.20)],
    };
    let channel = stream.pick_weighted(channels);
    let is_live = matches!(channel, "phone" | "chat");
    let opened_at = if is_live && !is_open(trigger.at) {
        // Who wants to talk comes back in the first hours of the next day.
        next_open(trigger.at) + stream.between(60, 3 * HOUR)
    } else {
        trigger.at
    };
    let priorities: &[(&'static str, f64)] = match trigger.case_type {
        "complaint" => &[("urgent", 0.15), ("high", 0.55), ("normal", 0.30)],
        "problem" => &[("high", 0.25), ("normal", 0.70), ("low", 0.05)],
        _ => &[("normal", 0.45), ("low", 0.55)],
    };
    let mut case = Sketch {
        number: number::number(person.index, cause, 0),
        cause,
        is_north,
        channel,
        case_type: trigger.case_type,
        topic: trigger.topic,
        priority: stream.pick_weighted(priorities),
        order: trigger.order,
        opened_at,
        steps: vec![],
        satisfaction: model::SATISFACTION,
        is_upheld: stream.chance(match trigger.is_bad {
            true => model::UPHELD_SHARE,
            false => model::UNFOUNDED_UPHELD_SHARE,
        }),
    };
    if channel != "phone" && stream.chance(model::NEVER_ANSWERED_SHARE) {
        if stream.chance(0.4) {
            let at = opened_at + (stream.log_normal(40.0, 0.4) * HOUR as f64) as i64;
            case.steps.push((at, Step::CustomerReplied));
        }
        case.satisfaction = 1.5;
    } else {
        answer(stream, person, &mut case);
    }
    // What comes at one time stays in the order it was drawn in.
    case.steps.sort_by_key(|(at, _)| *at);
    // Tests, junk and what somebody asked to be forgotten; a complaint must be kept. Drawn last, so
    // that it changes nothing else.
    if !is_north && !case.is_complaint() && stream.chance(model::DELETED_SHARE) {
        let last = case.steps.last().map_or(opened_at, |(at, _)| *at);
        let day = london_day(last).plus(1 + stream.below(model::DELETED_DAYS));
        case.steps.push((time::clock(stream, day, &time::WORKING), Step::Deleted));
    }
    case.steps.retain(|(at, _)| *at <= opened_at + model::MOST_DAYS * DAY);
    case
}

/// Draws what agents and customer do about a case that is answered.
fn answer(stream: &mut Stream, person: &Person, case: &mut Sketch) {
    let median = match case.channel {
        "email" => model::EMAIL_REPLY_MINUTES,
        "chat" => model::CHAT_REPLY_MINUTES,
        "phone" => model::PHONE_REPLY_MINUTES,
        "social" => model::SOCIAL_REPLY_MINUTES,
        _ => model::WEB_REPLY_MINUTES,
    };
    let is_live = matches!(case.channel, "phone" | "chat");
    let later = |stream: &mut Stream, at: Instant, median: f64, sigma: f64| {
        let seconds = (stream.log_normal(median, sigma) * MINUTE as f64) as i64;
        match is_live {
            true => at + seconds.max(5),
            // The minutes of opening hours, and what is left of a minute.
            false => add_business_minutes(at, seconds / MINUTE) + seconds % MINUTE,
        }
    };
    let by_customer = |stream: &mut Stream, at: Instant| {
        let hours = stream.log_normal(model::CUSTOMER_REPLY_HOURS, model::REPLY_SIGMA);
        at + (hours * HOUR as f64) as i64 + MINUTE
    };
    let delay = stream.log_normal(median, model::REPLY_SIGMA);
    let seconds = (delay * MINUTE as f64) as i64;
    let mut at = match is_live {
        true => case.opened_at + seconds.max(5),
        false => add_business_minutes(case.opened_at, seconds / MINUTE) + seconds % MINUTE,
    };
    case.steps.push((at, Step::Replied));
    if stream.chance(model::NOTE_SHARE) {
        case.steps.push((at + stream.between(30, 600), Step::Noted));
    }
    let mut exchanges = 0;
    while case.channel != "phone" && exchanges < 4 && stream.chance(model::CUSTOMER_REPLY_SHARE) {
        exchanges += 1;
        let minutes = stream.between(1, 4) * MINUTE;
        at = if is_live { at + minutes } else { by_customer(stream, at) };
        case.steps.push((at, Step::CustomerReplied));
        at = later(stream, at, median * 0.8, model::REPLY_SIGMA);
        case.steps.push((at, Step::Replied));
    }
    if !is_live && stream.chance(model::PENDING_SHARE) {
        case.steps.push((at + 30, Step::Pending));
        at = by_customer(stream, at + 30);
        case.steps.push((at, Step::CustomerReplied));
        at = later(stream, at, median, model::REPLY_SIGMA);
        case.steps.push((at, Step::Replied));
    }
    let solve = if is_live { model::SOLVE_MINUTES_AT_ONCE } else { model::SOLVE_MINUTES };
    at = later(stream, at, solve, model::SOLVE_SIGMA);
    case.steps.push((at, Step::Solved));
    let is_reopened = stream.chance(model::REOPENED_SHARE);
    case.satisfaction = model::SATISFACTION + model::SATISFACTION_BY_MOOD * f64::from(person.mood)
        - model::DOUBLED_DELAY_PENALTY * (delay / median).log2()
        - if is_reopened { model::REOPENED_PENALTY } else { 0.0 }
        + model::SATISFACTION_SIGMA * stream.normal();
    if stream.chance(model::RATED_SHARE) {
        let first_at = at + (stream.log_normal(6.0, 1.0) * HOUR as f64) as i64 + MINUTE;
        let rating = case.satisfaction.round().clamp(1.0, 5.0) as u8;
        case.steps.push((first_at, Step::Rated(rating)));
        if stream.chance(model::FLIPPED_SHARE) {
            // Who was happy is not any more, and the other way round.
            let flipped = if rating >= 3 { stream.between(1, 2) } else { stream.between(4, 5) };
            let then = first_at + stream.between(HOUR, 4 * DAY);
            case.steps.push((then, Step::Rated(flipped as u8)));
        }
    }
    if is_reopened {
        at += stream.between(2 * HOUR, 4 * DAY);
        case.steps.push((at, Step::Reopened));
        case.steps.push((at + 5, Step::CustomerReplied));
        at = add_business_minutes(at, stream.log_normal(240.0, model::REPLY_SIGMA) as i64);
        case.steps.push((at, Step::Replied));
        at = add_business_minutes(at, stream.log_normal(solve, model::SOLVE_SIGMA) as i64) + 20;
        case.steps.push((at, Step::Solved));
    }
}

/// Whether a person posts on a social network.
pub(super) fn has_handle(person: &Person) -> bool {
    [System::X, System::Instagram, System::Facebook, System::Tiktok]
        .into_iter()
        .any(|system| person.is_in(system))
}

/// Tells the cases that have a part in the window.
pub(super) fn tell(living: &Living<'_>, cases: &mut Vec<Case>) {
    let told = living.cases.iter().filter(|case| case.has_part_in(living.span));
    cases.extend(told.map(|case| in_words(living, case)));
}

/// A case in words, up to the end of the window.
fn in_words(living: &Living<'_>, case: &Sketch) -> Case {
    let (seed, person) = (living.company.world.seed, &living.person);
    let written =
        |place: u64| Stream::of(seed, Purpose::Text, &[Purpose::Case as u64, case.number, place]);
    let order = case.order.map(|order| code(codes::Kind::Order, order));
    let (subject, description) =
        text::case(&mut written(0), case.topic, case.case_type, person.language, order.as_deref());
    let mood = ((case.satisfaction - 3.0) / 2.0).clamp(-1.0, 1.0) as f32;
    let before_end = case.steps.iter().filter(|(at, _)| *at < living.span.to);
    let events = (1..)
        .zip(before_end)
        .map(|(place, (at, step))| {
            let reply = |author, feeling| {
                text::reply(&mut written(place), author, case.topic, feeling, person.language)
            };
            let kind = match step {
                Step::Replied => CaseEventKind::AgentReplied(true, reply(Author::Agent, 0.3)),
                Step::Noted => CaseEventKind::AgentReplied(false, reply(Author::Note, 0.0)),
                Step::CustomerReplied => {
                    CaseEventKind::CustomerReplied(reply(Author::Customer, mood))
                }
                Step::Pending => CaseEventKind::Pending,
                Step::Solved => CaseEventKind::Solved,
                Step::Reopened => CaseEventKind::Reopened,
                Step::Rated(rating) => CaseEventKind::Rated(*rating),
                Step::Deleted => CaseEventKind::Deleted,
            };
            CaseEvent { at: *at, kind }
        })
        .collect();
    // Judged when it was first solved, and not again.
    let is_judged = case.is_complaint() && case.solved_at().is_some_and(|at| at < living.span.to);
    Case {
        number: case.number,
        person: person.index,
        is_north: case.is_north,
        channel: case.channel,
        case_type: case.case_type,
        topic: case.topic,
        priority: case.priority,
        subject,
        description,
        order: case.order,
        opened_at: case.opened_at,
        events,
        is_upheld: is_judged.then_some(case.is_upheld),
    }
}
