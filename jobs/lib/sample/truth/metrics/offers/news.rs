//! What the days of a window tell of persons: from what happens to them, and from the contacts that
//! systems hold of them.
//!
//! Somebody who is known for having recommended the company, and for nothing else, is not told of:
//! they may stand among other persons than their friend does.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::steps::Steps;
use super::super::{MetricTruth, hundredths, service};
use super::known::{Feeling, News, Said, Topic, question};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Consent, Facts, Instant, KnownBy, PersonIndex, Survey};
use crate::sample::feeds::scene::People;
use crate::sample::feeds::{is_registered_device, is_verified_poster, names_surveyed_contact};
use crate::sample::people::{ContactPoints, Dirt, Person, System, contact_points};
use crate::sample::world::World;
use crate::sample::world::calendar::{london_day, london_midnight};

/// By day, in order of time: of whom, and what.
pub(super) type ByDay = BTreeMap<Day, Vec<(PersonIndex, News)>>;

/// The contacts that systems hold of some persons: what becomes of them in a window.
#[derive(Debug, Clone, Default)]
pub struct ContactNews(pub(super) ByDay);

impl ContactNews {
    /// Those of some of the people.
    pub fn of(
        world: &World,
        people: &People,
        persons: Range<PersonIndex>,
        window: DayRange,
        dirt: Dirt,
    ) -> ContactNews {
        let mut news = ByDay::new();
        for person in people.some(&persons) {
            let records = people.records(person.index).iter();
            let own = |system| matches!(system, System::Crm | System::North | System::Loyalty);
            let contacts: Vec<_> = records.filter(|record| own(record.system)).collect();
            let ends = contacts.iter().flat_map(|it| [Some(it.since), it.until]).flatten();
            let mut days: Vec<Day> = ends.filter(|day| is_in(window, *day)).collect();
            if window.from == world.days.from {
                // What was there before is told when the exports begin.
                days.push(window.from);
            }
            days.sort_unstable();
            days.dedup();
            for day in days {
                let there = contacts
                    .iter()
                    .filter(|it| it.since <= day && it.until.is_none_or(|until| day < until));
                let all = there.fold(None, |all: Option<(ContactPoints, bool)>, record| {
                    let (points, is_member) = all.unwrap_or_default();
                    let own = contact_points(world, person, record, dirt);
                    Some((points.or(own), is_member || record.system == System::Loyalty))
                });
                news.entry(day).or_default().push((person.index, News::Contacts(all)));
            }
        }
        ContactNews(news)
    }
}

fn is_in(window: DayRange, day: Day) -> bool {
    window.from <= day && day < window.to
}

/// What a window tells, in the making.
struct Telling {
    window: DayRange,
    by_day: ByDay,
}

impl Telling {
    fn tell(&mut self, day: Day, person: PersonIndex, news: News) {
        if is_in(self.window, day) {
            self.by_day.entry(day).or_default().push((person, news));
        }
    }
}

impl MetricTruth {
    /// All that a window tells, after what `contacts` does.
    pub(super) fn news(
        &self,
        world: &World,
        facts: &Facts,
        steps: &Steps,
        contacts: ContactNews,
        window: DayRange,
    ) -> ByDay {
        let mut telling = Telling { window, by_day: contacts.0 };
        for (person, steps) in steps {
            for step in steps {
                telling.tell(step.told_on, *person, News::Seen);
            }
        }
        for it in &facts.identifier_links {
            telling.tell(london_day(it.at), it.person, News::Seen);
        }
        for it in facts.device_events.iter().filter(|it| is_registered_device(world, it.person)) {
            telling.tell(london_day(it.at), it.person, News::Thing);
        }
        self.tell_shopping(facts, &mut telling);
        self.tell_marketing(facts, &mut telling);
        self.tell_words(world, facts, &mut telling);
        self.tell_cases(facts, &mut telling);
        telling.by_day
    }

    fn tell_shopping(&self, facts: &Facts, telling: &mut Telling) {
        for it in facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing) {
            let day = london_day(it.placed_at);
            telling.tell(day, it.person, News::Bought);
            match it.known_by {
                KnownBy::Email => {
                    telling.tell(day, it.person, News::Carried(ContactPoints::EMAIL));
                }
                KnownBy::LoyaltyCard => telling.tell(day, it.person, News::Card),
                KnownBy::Account | KnownBy::Nothing => {}
            }
        }
        for it in facts.refunds.iter().filter(|it| it.known_by == KnownBy::Email) {
            let news = News::Carried(ContactPoints::EMAIL);
            telling.tell(london_day(it.refunded_at), it.person, news);
        }
        for it in &facts.loyalty_entries {
            telling.tell(london_day(it.at), it.person, News::Points(it.points));
        }
        for it in facts.web_events.iter().filter(|it| it.is_logged_in) {
            if matches!(it.kind, "add_to_cart" | "checkout") {
                telling.tell(london_day(it.at), it.person, News::Cart);
            }
        }
    }

    fn tell_marketing(&self, facts: &Facts, telling: &mut Telling) {
        for it in &facts.consents {
            // When the exports begin they tell what was decided before.
            let day = london_day(it.at).max(self.days.from);
            if let Some(question) = question_of(it) {
                let news = News::Decided(question, it.action == "granted");
                telling.tell(day, it.person, news);
            }
        }
        for it in &facts.campaign_contacts {
            let news = News::Carried(ContactPoints::EMAIL);
            telling.tell(london_day(it.at), it.person, news);
        }
        for it in facts.campaign_events.iter().filter(|it| it.kind == "sent") {
            telling.tell(london_day(it.at), it.person, News::Sent);
        }
    }

    fn tell_words(&self, world: &World, facts: &Facts, telling: &mut Telling) {
        for it in &facts.survey_responses {
            let asked_on = london_day(it.answered_at.unwrap_or(it.invited_at));
            let news = match names_surveyed_contact(world, it.number) {
                true => News::Seen,
                false => News::Carried(ContactPoints::EMAIL),
            };
            telling.tell(asked_on, it.person, news);
            let (Some(at), Some(score)) = (it.answered_at, it.score) else { continue };
            let (topic, bad, good) = match it.survey {
                Survey::Nps => (Topic::Recommending, 6, 9),
                Survey::Csat => (Topic::Satisfaction, 2, 4),
                Survey::Ces => (Topic::Ease, 3, 5),
            };
            let said = said_at(at, feeling(score, bad, good));
            telling.tell(said.day, it.person, News::Said(topic, said));
        }
        for it in &facts.mentions {
            let said = said_at(it.posted_at, feeling(hundredths(&it.text), -5, 5));
            telling.tell(said.day, it.person, News::Said(Topic::Public, said));
        }
        for it in &facts.reviews {
            if Person::of(world, it.person).is_in(System::Shop) {
                let said = said_at(it.posted_at, feeling(it.stars, 2, 4));
                telling.tell(said.day, it.person, News::Said(Topic::Public, said));
            }
        }
        for it in facts.community_posts.iter().filter(|it| is_verified_poster(world, it.person)) {
            let news = News::Carried(ContactPoints::EMAIL);
            telling.tell(london_day(it.posted_at), it.person, news);
        }
    }

    fn tell_cases(&self, facts: &Facts, telling: &mut Telling) {
        for case in &facts.cases {
            let times = std::iter::once(case.opened_at).chain(case.events.iter().map(|it| it.at));
            let mut told: Vec<Day> = times.map(london_day).collect();
            told.dedup();
            for day in told {
                let state = service::figures(case, london_midnight(day.plus(1))).0;
                let is_open = state[service::CASES] > state[service::RESOLVED];
                let waits = state[service::OPEN_UNANSWERED] > 0;
                let is_complaint = state[service::OPEN_COMPLAINTS] > 0;
                let news = News::Case(case.number, is_open.then_some((waits, is_complaint)));
                telling.tell(day, case.person, news);
                let carried = match case.channel {
                    _ if case.is_north => ContactPoints::EMAIL,
                    "email" => ContactPoints::EMAIL,
                    "phone" => ContactPoints::PHONE,
                    _ => continue,
                };
                telling.tell(day, case.person, News::Carried(carried));
            }
            for it in service::told_ratings(case, self.days.from) {
                let feeling = feeling(it.stars, 2, 4);
                let said = Said { day: it.rated_on, at: it.at, feeling };
                telling.tell(it.told_on, case.person, News::Said(Topic::Satisfaction, said));
            }
        }
    }
}

/// The bit of the question that somebody decided; none where no action depends on it.
fn question_of(consent: &Consent) -> Option<u8> {
    match (consent.purpose, consent.channel) {
        ("marketing", Some("email")) => Some(question::EMAIL),
        ("marketing", Some("sms")) => Some(question::SMS),
        ("marketing", Some("phone")) => Some(question::PHONE),
        ("marketing", Some("post")) => Some(question::POST),
        ("profiling", None) => Some(question::PROFILING),
        ("research", None) => Some(question::RESEARCH),
        _ => None,
    }
}

fn said_at(at: Instant, feeling: Feeling) -> Said {
    Said { day: london_day(at), at: Some(at), feeling }
}

/// Bad up to `bad`, good from `good` on.
fn feeling<T: PartialOrd>(score: T, bad: T, good: T) -> Feeling {
    if score <= bad {
        Feeling::Bad
    } else if score >= good {
        Feeling::Good
    } else {
        Feeling::Neutral
    }
}
