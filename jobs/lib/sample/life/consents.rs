//! What persons allow their data to be used for: asked when they register with the CRM, and
//! changed at most once of itself; a campaign's unsubscription withdraws as well.

use super::campaigns::Contact;
use super::number::{self, Cause};
use super::parameters::marketing as model;
use super::time::{self, DAY};
use super::{Living, Span};
use crate::sample::facts::{Consent, Instant};
use crate::sample::people::{Person, System};
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;
use crate::sample::world::calendar::london_day;

/// What is asked, as purpose and channel.
const QUESTIONS: [(&str, Option<&str>); 6] = [
    ("marketing", Some("email")),
    ("marketing", Some("sms")),
    ("marketing", Some("phone")),
    ("marketing", Some("post")),
    ("profiling", None),
    ("research", None),
];

/// The answer to a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    is_granted: bool,
    made_at: Instant,
    /// When it becomes its opposite of itself.
    turns_at: Instant,
}

/// The answers to all questions.
pub(super) type Choices = [Choice; QUESTIONS.len()];

impl Choice {
    /// Whether the answer is yes at an instant, as far as no campaign has changed it.
    fn is_granted_at(&self, at: Instant) -> bool {
        at >= self.made_at && self.is_granted != (at >= self.turns_at)
    }
}

/// A person's answers; none where they are not in the CRM, which asks.
pub(super) fn choices(world: &World, person: &Person) -> Option<Choices> {
    person.is_in(System::Crm).then(|| {
        let mut stream = Stream::of(world.seed, Purpose::Consent, &[person.index]);
        let made_at = person.acquired_at + 90;
        model::GRANTED_SHARES.map(|share| {
            let is_granted = stream.chance(share);
            let mean = if is_granted { model::WITHDRAWN_DAYS } else { model::GRANTED_LATER_DAYS };
            let later = made_at + DAY + stream.exponential(mean * DAY as f64) as i64;
            let turns_at = time::clock(&mut stream, london_day(later), &time::AWAKE);
            Choice { is_granted, made_at, turns_at }
        })
    })
}

/// Which question a campaign's channel is about.
fn question_of(channel: &str) -> Option<usize> {
    QUESTIONS.iter().position(|(_, asked)| *asked == Some(channel))
}

/// Whether a person may be contacted by a channel at an instant, given the contacts before.
pub(super) fn allows(
    world: &World,
    choices: &Choices,
    contacts: &[Contact],
    channel: &str,
    at: Instant,
) -> bool {
    let is_granted = question_of(channel)
        .and_then(|place| choices.get(place))
        .is_some_and(|choice| choice.is_granted_at(at));
    is_granted && unsubscribed_at(world, contacts, channel).is_none_or(|ended| at < ended)
}

/// When a person unsubscribed from a channel.
fn unsubscribed_at(world: &World, contacts: &[Contact], channel: &str) -> Option<Instant> {
    contacts
        .iter()
        .filter(|contact| contact.channel(world) == channel)
        .find_map(Contact::unsubscribed_at)
}

/// Tells the consents of a person's window, or all up to its end where the register is told.
pub(super) fn tell(living: &Living<'_>, consents: &mut Vec<Consent>) {
    let Some(choices) = living.choices else { return };
    let (world, person) = (living.company.world, living.person.index);
    let span = match living.company.tells_register {
        true => Span { from: Instant::MIN, to: living.span.to },
        false => living.span,
    };
    let mut tell = |question: (&'static str, Option<&'static str>), cause, place, action, at| {
        if span.holds(at) {
            consents.push(Consent {
                number: number::number(person, cause, place),
                person,
                purpose: question.0,
                channel: question.1,
                action,
                at,
            });
        }
    };
    for (place, (question, choice)) in (0_u64..).zip(QUESTIONS.into_iter().zip(choices)) {
        let first = if choice.is_granted { "granted" } else { "denied" };
        tell(question, Cause::Once(0), place, first, choice.made_at);
        // Who has unsubscribed is not asked again.
        let ended =
            question.1.and_then(|channel| unsubscribed_at(world, &living.contacts, channel));
        if ended.is_none_or(|ended| choice.turns_at < ended) {
            let then = if choice.is_granted { "withdrawn" } else { "granted" };
            tell(question, Cause::Once(1), place, then, choice.turns_at);
        }
    }
    for contact in &living.contacts {
        let question =
            question_of(contact.channel(world)).and_then(|place| QUESTIONS.get(place).copied());
        if let (Some(at), Some(question)) = (contact.unsubscribed_at(), question) {
            tell(question, Cause::Campaign(contact.campaign), 0, "withdrawn", at);
        }
    }
}
