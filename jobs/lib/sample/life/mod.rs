//! What persons do: the stated models of behaviour, and the facts that follow from them.
//!
//! Everything here is a pure function of the world, the person and the window of days. A fact is
//! drawn by its cause (the person's so many-th purchase, a campaign, a block of days) and numbered
//! by it, so it is the same whichever window or part of the persons it is told in.
//!
//! # The models
//!
//! They are the truth that figures computed from the exports can be held against. Parameters with
//! their units are in [`parameters`]; those that persons are born with in
//! [`crate::sample::people::models`].
//!
//! - **Purchases** ([`Course`]): BG/NBD in continuous time (Fader, Hardie and Lee 2005). The
//!   first purchase is on the day of acquisition; gaps are exponential with the person's rate
//!   λ ~ Gamma(r, α); after each purchase but the first the person leaves with probability
//!   p ~ Beta(a, b). Purchases that a campaign brings come on top.
//! - **Spend**: gamma-gamma (Fader and Hardie 2013): a purchase is worth z ~ Gamma(p, ν) pounds,
//!   ν ~ Gamma(q, γ), independent of λ and p. A basket's net value is z but for shelf prices,
//!   without bias.
//! - **How it goes** ([`parameters::shopping`]): deliveries are late with a share that is higher
//!   on days of strain; products are faulty with their own share; satisfaction is normal about a
//!   level that mood raises and lateness, faults and wrong items lower. Returns follow from what
//!   went wrong, and some from a changed mind.
//! - **Service** ([`parameters::service`]): cases follow from what went wrong; first replies are
//!   log-normal in minutes of opening hours (of the clock on the telephone and in chat); a share
//!   is never answered; some are reopened; ratings depend on the delay and the mood, and a few
//!   are changed later. Complaints are upheld mostly where something had gone wrong.
//! - **Surveys** ([`parameters::surveys`]): NPS each half year from mood and memories (purchases,
//!   a late parcel, complaints that were not made good); CSAT is the satisfaction with a purchase
//!   or case; CES is that with a case or return.
//! - **In public** ([`parameters::public`]): mentions, reviews and their sentiment follow
//!   satisfaction; the forum is a round of turns.
//! - **Web and devices** ([`parameters::digital`]): visits are a Poisson process while somebody is
//!   a customer, which fades after they left; each purchase online has its visit.
//! - **Campaigns** ([`parameters::marketing`], [`crate::sample::world::Campaign`]): a treated
//!   person makes one purchase more with the probability that is the campaign's uplift; control
//!   is drawn at random and sent nothing. Unsubscribing withdraws the consent.
//! - **Recommendations** ([`parameters::public`]): some come because somebody content told them to;
//!   of those most say so with their first purchase, to the programme that rewards both.
//! - **Loyalty** ([`parameters::loyalty`]): points by whole pounds paid in money, redeemed in
//!   steps, expired first in, first out.

mod basket;
mod campaigns;
mod competitors;
mod consents;
mod devices;
mod forum;
mod links;
mod loyalty;
mod mentions;
mod number;
pub mod parameters;
mod referrals;
mod reviews;
mod service;
mod shopping;
mod skeleton;
mod spend;
mod surveys;
mod time;
mod visits;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub use competitors::competitor_mentions;
pub use skeleton::{Course, Purchase};
pub use spend::marketing_spend;

use crate::dates::{Day, DayRange};
use crate::sample::facts::{Earlier, Facts, Instant, KnownBy, PersonIndex};
use crate::sample::people::{Person, System};
use crate::sample::world::World;
use crate::sample::world::calendar::{london_day, london_midnight};
use shopping::Bought;
use time::Span;

/// Days before a window in which a purchase can still have a part in it: a late delivery, then
/// the memory of it in an answer to a survey that was sent some time before the window.
const HORIZON_DAYS: u64 = 220;

/// Days after a window in which a purchase can have a part in it: the visit in which it is made
/// may begin before midnight.
const LOOKAHEAD_DAYS: u64 = 1;

/// What is worked out once from the world.
struct Company<'a> {
    world: &'a World,
    shelves: basket::Shelves,
    /// Whether consents of before the window are told as well.
    tells_register: bool,
}

impl<'a> Company<'a> {
    fn of(world: &'a World, tells_register: bool) -> Company<'a> {
        Company { world, shelves: basket::Shelves::of(world), tells_register }
    }
}

/// A person in a window, with what of their life has a part in it.
struct Living<'a> {
    company: &'a Company<'a>,
    person: Person,
    window: DayRange,
    span: Span,
    choices: Option<consents::Choices>,
    contacts: Vec<campaigns::Contact>,
    course: Course,
    /// The purchases that have a part in the window; of members all, for the points.
    bought: Vec<Bought>,
    cases: Vec<service::Sketch>,
}

impl<'a> Living<'a> {
    fn of(company: &'a Company<'a>, person: Person, window: DayRange) -> Living<'a> {
        let world = company.world;
        let until = window.to.plus(LOOKAHEAD_DAYS);
        let choices = consents::choices(world, &person);
        let contacts = campaigns::contacts(world, &person, choices.as_ref(), until);
        let course = skeleton::course(world, &person, until, &contacts);
        let since = match person.is_in(System::Loyalty) {
            true => Instant::MIN,
            false => london_midnight(window.from.minus(HORIZON_DAYS)),
        };
        let recent = course.purchases.iter().filter(|purchase| purchase.at >= since);
        let bought: Vec<Bought> =
            recent.map(|purchase| shopping::bought(company, &person, purchase)).collect();
        let cases = service::sketches(company, &person, &bought, window);
        let span = Span::of(window);
        Living { company, person, window, span, choices, contacts, course, bought, cases }
    }

    fn window_holds(&self, day: Day) -> bool {
        self.window.from <= day && day < self.window.to
    }

    fn tell(&mut self, facts: &mut Facts) {
        // First, for it notes on orders what points paid.
        loyalty::tell(self, &mut facts.loyalty_entries);
        self.tell_orders(facts);
        service::tell(self, &mut facts.cases);
        surveys::tell(self, &mut facts.survey_responses);
        mentions::tell(self, &mut facts.mentions);
        reviews::tell(self, &mut facts.reviews);
        forum::tell(self, &mut facts.community_posts);
        visits::tell(self, &mut facts.web_events);
        devices::tell(self, &mut facts.device_events);
        consents::tell(self, &mut facts.consents);
        campaigns::tell(self, &mut facts.campaign_contacts, &mut facts.campaign_events);
        links::tell(self, &mut facts.identifier_links);
        referrals::tell(self, &mut facts.referrals);
    }

    fn tell_orders(&mut self, facts: &mut Facts) {
        let opening = london_midnight(self.company.world.days.from);
        let mut known = self
            .course
            .purchases
            .iter()
            .filter(|purchase| purchase.at >= opening && purchase.known_by != KnownBy::Nothing)
            .peekable();
        let mut earlier: Option<Earlier> = None;
        for bought in &mut self.bought {
            let refunds = bought.refunds.iter().filter(|it| self.span.holds(it.refunded_at));
            facts.refunds.extend(refunds.cloned());
            let order = &mut bought.order;
            if !self.span.holds(order.placed_at) {
                continue;
            }
            while let Some(purchase) = known.next_if(|purchase| {
                (purchase.at, purchase.number) < (order.placed_at, order.number)
            }) {
                let first_at = earlier.map_or(purchase.at, |earlier| earlier.first_at);
                let count = earlier.map_or(1, |earlier| earlier.count + 1);
                earlier = Some(Earlier { count, first_at, last_at: purchase.at });
            }
            order.earlier = earlier.filter(|_| order.known_by != KnownBy::Nothing);
            facts.orders.push(order.clone());
        }
    }
}

/// All facts of some persons in a window of days, each list in order of time and then of number.
///
/// The same whatever else is asked for: the facts of two windows that meet are those of the
/// window over both (cases aside, which come as they stand at the window's end), and the facts of
/// two ranges of persons are those of the range over both.
pub fn facts(world: &World, persons: Range<PersonIndex>, window: DayRange) -> Facts {
    let persons: Vec<Person> = persons.map(|index| Person::of(world, index)).collect();
    lives(world, &persons, window, false).facts
}

/// What some persons did in a window, and their lives up to its end.
#[derive(Debug, Default)]
pub struct Lives {
    /// What they did: see [`facts`].
    pub facts: Facts,
    /// The life of each, in their order: see [`life`].
    pub courses: Vec<Course>,
}

/// What some persons did in a window, and their lives up to its end.
///
/// `tells_register`: whether the consents of before the window are among the facts, as in the
/// register that a system holds when its exports begin.
pub fn lives(world: &World, persons: &[Person], window: DayRange, tells_register: bool) -> Lives {
    let company = Company::of(world, tells_register);
    let mut lives = Lives { facts: Facts::default(), courses: Vec::with_capacity(persons.len()) };
    let end = window.to.plus(parameters::digital::MOST_DAYS_BEFORE + 1);
    for person in persons {
        // Who comes long after the window has no part in it.
        if london_day(person.acquired_at) >= end {
            lives.courses.push(Course::default());
            continue;
        }
        let mut living = Living::of(&company, person.clone(), window);
        living.tell(&mut lives.facts);
        let Living { course, contacts, span, .. } = living;
        lives.courses.push(up_to(span.to, person.index, course, &contacts));
    }
    sort(&mut lives.facts);
    lives
}

fn sort(facts: &mut Facts) {
    facts.orders.sort_unstable_by_key(|it| (it.placed_at, it.number));
    facts.refunds.sort_unstable_by_key(|it| (it.refunded_at, it.number));
    facts.loyalty_entries.sort_unstable_by_key(|it| (it.at, it.number));
    facts.cases.sort_unstable_by_key(|it| (it.opened_at, it.number));
    facts
        .survey_responses
        .sort_unstable_by_key(|it| (it.answered_at.unwrap_or(it.invited_at), it.number));
    facts.mentions.sort_unstable_by_key(|it| (it.posted_at, it.number));
    facts.reviews.sort_unstable_by_key(|it| (it.posted_at, it.number));
    facts.community_posts.sort_unstable_by_key(|it| (it.posted_at, it.number));
    facts.web_events.sort_unstable_by_key(|it| (it.at, it.number));
    facts.device_events.sort_unstable_by_key(|it| (it.at, it.number));
    facts.consents.sort_unstable_by_key(|it| (it.at, it.number));
    facts.campaign_contacts.sort_unstable_by_key(|it| (it.at, it.campaign, it.person));
    facts.campaign_events.sort_unstable_by_key(|it| (it.at, it.number));
    facts.identifier_links.sort_unstable_by_key(|it| (it.at, it.person, it.left, it.right));
    facts.referrals.sort_unstable_by_key(|it| (it.at, it.number));
}

/// A person's purchases before `until`, a midnight in London, and when they left: the skeleton
/// that the rest hangs on. The purchases without a campaign are those of BG/NBD.
pub fn life(world: &World, person: &Person, until: Instant) -> Course {
    let day = london_day(until);
    let choices = consents::choices(world, person);
    let contacts = campaigns::contacts(world, person, choices.as_ref(), day);
    let course = skeleton::course(world, person, day, &contacts);
    up_to(until, person.index, course, &contacts)
}

/// A course as far as it goes before `until`, with the contacts until then.
fn up_to(
    until: Instant,
    person: PersonIndex,
    mut course: Course,
    contacts: &[campaigns::Contact],
) -> Course {
    course.purchases.retain(|purchase| purchase.at < until);
    course.dropped_out_at = course.dropped_out_at.filter(|at| *at < until);
    let chosen = contacts.iter().filter(|contact| contact.chosen_at < until);
    course.contacts = chosen.map(|contact| contact.told(person)).collect();
    course
}

/// How a person's first visit began, which was before their first purchase: as
/// [`crate::sample::facts::WebEvent::referrer`].
pub fn first_touch(world: &World, person: &Person) -> &'static str {
    visits::first_touch(world.seed, person)
}

/// See [`life`].
pub fn purchases(world: &World, person: &Person, until: Instant) -> Vec<Purchase> {
    life(world, person, until).purchases
}
