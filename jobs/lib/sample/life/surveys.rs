//! Surveys: who is asked what and when, and what they answer.
//!
//! NPS is asked every half year, about the whole relationship, and answered by what the person
//! remembers: purchases that went well or badly, parcels that came late, complaints that were not
//! made good. CSAT is asked after purchases and cases, CES after cases and returns.

use super::Living;
use super::number::{self, Cause};
use super::parameters::surveys as model;
use super::time::{self, DAY, HOUR};
use crate::dates::Day;
use crate::sample::facts::{Instant, KnownBy, Shop, Survey, SurveyResponse};
use crate::sample::people::System;
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::text;
use crate::sample::world::calendar::london_instant;

/// Places of the surveys that one cause brings; returns have the place of their line above the
/// last.
const AFTER_PURCHASE: u64 = 0;
const AFTER_CASE: u64 = 1;
const AFTER_RETURN: u64 = 16;

/// Somebody is asked something.
struct Invitation {
    cause: Cause,
    place: u64,
    survey: Survey,
    channel: &'static str,
    touchpoint: &'static str,
    at: Instant,
    order: Option<u64>,
    case: Option<u64>,
    /// What they would answer, before rounding.
    level: f64,
}

/// Tells the answers that came in the window, and its invitations that are never answered.
pub(super) fn tell(living: &Living<'_>, responses: &mut Vec<SurveyResponse>) {
    half_yearly(living, responses);
    after_purchases(living, responses);
    after_cases(living, responses);
}

fn draws(living: &Living<'_>, cause: Cause, place: u64) -> Stream {
    let words = [living.person.index, cause.word(), place];
    Stream::of(living.company.world.seed, Purpose::Survey, &words)
}

fn half_yearly(living: &Living<'_>, responses: &mut Vec<SurveyResponse>) {
    let (seed, person) = (living.company.world.seed, &living.person);
    if !person.is_in(System::Crm) {
        return;
    }
    let every = model::NPS_EVERY_DAYS;
    let phase = random::hash(seed, Purpose::Survey, &[person.index]) % every.unsigned_abs();
    let first = i64::from(living.window.from.to_epoch()) - model::MOST_ANSWER_DAYS + phase as i64;
    let last = i64::from(living.window.to.to_epoch()) - 1 + phase as i64;
    for number in first.div_euclid(every)..=last.div_euclid(every) {
        let day = number * every - phase as i64;
        let Some(day) = i32::try_from(day).ok().and_then(Day::from_epoch) else { continue };
        let cause = Cause::HalfYear(number.rem_euclid(1 << 15) as u16);
        let mut stream = draws(living, cause, 0);
        let at = london_instant(day, 10 * HOUR + stream.between(0, 2 * HOUR));
        if !(living.span.from - (model::MOST_ANSWER_DAYS + 1) * DAY..living.span.to).contains(&at) {
            continue;
        }
        let since = at - model::NPS_LAST_PURCHASE_DAYS * DAY;
        let buys = |from: Instant| {
            let purchases = living.course.purchases.iter();
            purchases.filter(move |purchase| (from..at).contains(&purchase.at)).count()
        };
        // Nobody is asked in the first month, nor once they have been away for long.
        if at < person.acquired_at + 30 * DAY || buys(since) == 0 {
            continue;
        }
        let level = model::NPS_LEVEL
            + model::NPS_BY_MOOD * f64::from(person.mood)
            + memories(living, at)
            + model::NPS_SIGMA * stream.normal();
        let channel = match living.course.purchases.iter().rfind(|purchase| purchase.at < at) {
            Some(purchase) => channel_of(purchase.shop),
            None => "email",
        };
        let invitation = Invitation {
            cause,
            place: 0,
            survey: Survey::Nps,
            channel,
            touchpoint: "relationship",
            at,
            order: None,
            case: None,
            level,
        };
        respond(living, &mut stream, &invitation, responses);
    }
}

/// What a person's memories add to their recommendation.
fn memories(living: &Living<'_>, at: Instant) -> f64 {
    let since = at - model::NPS_MEMORY_DAYS * DAY;
    let (mut count, mut sum, mut is_late) = (0.0, 0.0, false);
    for bought in &living.bought {
        if (since..at).contains(&bought.received_at) {
            count += 1.0;
            sum += bought.satisfaction - 4.0;
            is_late |= bought.order.is_late;
        }
    }
    let rankles = living
        .cases
        .iter()
        .any(|case| (since..at).contains(&case.opened_at) && case.rankles_at(at));
    let mean = if count > 0.0 { sum / count } else { 0.0 };
    model::NPS_BY_SATISFACTION * mean
        - if is_late { model::NPS_LATE_PENALTY } else { 0.0 }
        - if rankles { model::NPS_COMPLAINT_PENALTY } else { 0.0 }
}

fn channel_of(shop: Shop) -> &'static str {
    match shop {
        Shop::Web => "web",
        Shop::App => "app",
        Shop::Till(_) => "store",
    }
}

fn after_purchases(living: &Living<'_>, responses: &mut Vec<SurveyResponse>) {
    for bought in &living.bought {
        let order = &bought.order;
        // Nobody can ask a stranger.
        if order.known_by == KnownBy::Nothing {
            continue;
        }
        let cause = bought.purchase.cause;
        let mut stream = draws(living, cause, AFTER_PURCHASE);
        if stream.chance(model::CSAT_PURCHASE_SHARE) {
            let (touchpoint, at) = match order.delivered_at {
                Some(at) => ("delivery", time::clock_after(&mut stream, at, 1, 2, &time::WORKING)),
                None => ("checkout", order.placed_at + stream.between(HOUR / 2, 3 * HOUR)),
            };
            let invitation = Invitation {
                cause,
                place: AFTER_PURCHASE,
                survey: Survey::Csat,
                channel: channel_of(order.shop),
                touchpoint,
                at,
                order: Some(order.number),
                case: None,
                level: bought.satisfaction,
            };
            respond(living, &mut stream, &invitation, responses);
        }
        for (line, refund) in (0_u64..).zip(&bought.refunds) {
            let mut stream = draws(living, cause, AFTER_RETURN + line);
            if !stream.chance(model::CES_RETURN_SHARE) {
                continue;
            }
            let level = model::CES_LEVEL
                + model::CES_BY_SATISFACTION * f64::from(living.person.mood)
                + model::CES_SIGMA * stream.normal();
            let invitation = Invitation {
                cause,
                place: AFTER_RETURN + line,
                survey: Survey::Ces,
                channel: channel_of(order.shop),
                touchpoint: "return",
                at: refund.refunded_at + stream.between(HOUR, 30 * HOUR),
                order: Some(order.number),
                case: None,
                level,
            };
            respond(living, &mut stream, &invitation, responses);
        }
    }
}

fn after_cases(living: &Living<'_>, responses: &mut Vec<SurveyResponse>) {
    for case in &living.cases {
        let Some(solved_at) = case.solved_at() else { continue };
        let mut stream = draws(living, case.cause, AFTER_CASE);
        let drawn = stream.uniform();
        let (survey, level) = if drawn < model::CSAT_CASE_SHARE {
            (Survey::Csat, case.satisfaction)
        } else if drawn < model::CSAT_CASE_SHARE + model::CES_CASE_SHARE {
            let level = model::CES_LEVEL
                + model::CES_BY_SATISFACTION * (case.satisfaction - 4.0)
                + model::CES_SIGMA * stream.normal();
            (Survey::Ces, level)
        } else {
            continue;
        };
        let invitation = Invitation {
            cause: case.cause,
            place: AFTER_CASE,
            survey,
            // Social networks have no survey of their own: it comes by e-mail.
            channel: if case.channel == "social" { "email" } else { case.channel },
            touchpoint: "support",
            at: solved_at + stream.between(HOUR / 2, 20 * HOUR),
            order: case.order,
            case: Some(case.number),
            level,
        };
        respond(living, &mut stream, &invitation, responses);
    }
}

/// Draws the answer to an invitation, and tells it if it falls into the window.
fn respond(
    living: &Living<'_>,
    stream: &mut Stream,
    invitation: &Invitation,
    responses: &mut Vec<SurveyResponse>,
) {
    let person = &living.person;
    let share = (model::ANSWERED_SHARE * f64::from(person.activity)).clamp(0.03, 0.85);
    let answered_at = stream.chance(share).then(|| {
        let (median, sigma) = model::ANSWER_HOURS;
        let delay = (stream.log_normal(median, sigma) * HOUR as f64) as i64 + 60;
        invitation.at + delay.min(model::MOST_ANSWER_DAYS * DAY)
    });
    if !living.span.holds(answered_at.unwrap_or(invitation.at)) {
        return;
    }
    let (low, high) = match invitation.survey {
        Survey::Nps => (0.0, 10.0),
        Survey::Csat => (1.0, 5.0),
        Survey::Ces => (1.0, 7.0),
    };
    let is_skipped = stream.chance(model::SKIPPED_SHARE);
    let score = (answered_at.is_some() && !is_skipped)
        .then(|| invitation.level.round().clamp(low, high) as u8);
    let number = number::number(person.index, invitation.cause, invitation.place);
    let comment = score.filter(|_| stream.chance(model::COMMENT_SHARE)).map(|score| {
        let words = [Purpose::Survey as u64, number];
        let mut stream = Stream::of(living.company.world.seed, Purpose::Text, &words);
        text::comment(&mut stream, invitation.survey, score, person.language)
    });
    responses.push(SurveyResponse {
        number,
        person: person.index,
        survey: invitation.survey,
        channel: invitation.channel,
        touchpoint: invitation.touchpoint,
        invited_at: invitation.at,
        answered_at,
        score,
        comment,
        order: invitation.order,
        case: invitation.case,
    });
}
