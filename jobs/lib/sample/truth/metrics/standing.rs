//! What is known of each person up to a day.
//!
//! "Known" is what can be told from the exports: purchases of the exported days at which the
//! seller knew the buyer, and their refunds.

use std::collections::HashMap;
use std::ops::Range;

use super::credit::Touches;
use super::offers::{ContactNews, Prospect};
use super::retention::Pasts;
use super::steps::{Firsts, Steps};
use crate::dates::Day;
use crate::sample::facts::{Instant, Order, Pence, PersonIndex, Refund};
use crate::sample::world::calendar::london_day;

/// Days in which a second complaint repeats a first.
const REPEAT_DAYS: u64 = 90;

/// Where one person stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The day of their first known purchase.
    first_on: Option<Day>,
    /// Since the epoch: that of their last.
    pub(super) last_on: i32,
    pub(super) order_count: u32,
    /// When their last complaint that is known was opened.
    complained_at: Option<Instant>,
    pub(super) net: Pence,
}

/// Where some persons that stand beside one another are, up to some day.
#[derive(Debug, Clone, Default)]
pub struct Standings {
    first: PersonIndex,
    persons: Vec<Standing>,
    firsts: Vec<Firsts>,
    /// Of the last days before the next window.
    pub(super) touches: Touches,
    /// See `touches`.
    pub(super) steps: Steps,
    prospects: Vec<Prospect>,
    /// What the next window tells of the contacts that systems hold of them.
    pub(super) contacts: ContactNews,
    pub(super) pasts: Pasts,
}

impl Standings {
    /// Persons of whom nothing is known yet.
    pub fn of(persons: &Range<PersonIndex>) -> Standings {
        let count = usize::try_from(persons.end - persons.start).unwrap_or(0);
        Standings {
            first: persons.start,
            persons: vec![Standing::default(); count],
            firsts: vec![Firsts::default(); count],
            touches: Touches::new(),
            steps: Steps::new(),
            prospects: vec![Prospect::default(); count],
            contacts: ContactNews::default(),
            pasts: Pasts::new(),
        }
    }

    fn place(&self, person: PersonIndex) -> usize {
        usize::try_from(person.wrapping_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// Those of some of the persons.
    pub fn some(&self, persons: &Range<PersonIndex>) -> Standings {
        let range = self.place(persons.start)..self.place(persons.end);
        let firsts = self.firsts.get(range.clone()).unwrap_or_default().to_vec();
        let prospects = self.prospects.get(range.clone()).unwrap_or_default().to_vec();
        let persons_there = self.persons.get(range).unwrap_or_default().to_vec();
        /// What is kept of some persons.
        fn some<T: Clone>(
            all: &HashMap<PersonIndex, T>,
            persons: &Range<PersonIndex>,
        ) -> HashMap<PersonIndex, T> {
            let of = |person: PersonIndex| Some((person, all.get(&person)?.clone()));
            persons.clone().filter_map(of).collect()
        }
        Standings {
            first: persons.start,
            persons: persons_there,
            firsts,
            touches: some(&self.touches, persons),
            steps: some(&self.steps, persons),
            prospects,
            contacts: ContactNews::default(),
            pasts: some(&self.pasts, persons),
        }
    }

    /// Takes over where some of the persons are by now.
    pub fn put(&mut self, some: Standings) {
        let count = some.persons.len() as u64;
        for person in some.first..some.first + count {
            self.touches.remove(&person);
            self.steps.remove(&person);
            self.pasts.remove(&person);
        }
        self.touches.extend(some.touches);
        self.steps.extend(some.steps);
        self.pasts.extend(some.pasts);
        let start = self.place(some.first);
        let range = start..start.saturating_add(some.persons.len());
        if let Some(persons) = self.persons.get_mut(range.clone()) {
            persons.copy_from_slice(&some.persons);
        }
        if let Some(firsts) = self.firsts.get_mut(range.clone()) {
            firsts.copy_from_slice(&some.firsts);
        }
        if let Some(prospects) = self.prospects.get_mut(range) {
            for (prospect, now) in prospects.iter_mut().zip(some.prospects) {
                *prospect = now;
            }
        }
    }

    /// Where those are who have known purchases.
    pub(super) fn buyers(&self) -> impl Iterator<Item = &Standing> {
        self.persons.iter().filter(|person| person.order_count > 0)
    }

    fn person(&mut self, person: PersonIndex) -> Option<&mut Standing> {
        let place = self.place(person);
        self.persons.get_mut(place)
    }

    /// The first steps of a person.
    pub(super) fn firsts(&mut self, person: PersonIndex) -> Option<&mut Firsts> {
        let place = self.place(person);
        self.firsts.get_mut(place)
    }

    /// Takes note of what a window tells of the contacts that systems hold, before the window is
    /// added.
    pub fn expect(&mut self, contacts: ContactNews) {
        self.contacts = contacts;
    }

    /// A person, as far as it decides what to do next for them.
    pub(super) fn prospect(&mut self, person: PersonIndex) -> Option<&mut Prospect> {
        let place = self.place(person);
        self.prospects.get_mut(place)
    }

    /// All of them.
    pub(super) fn prospects(&mut self) -> impl Iterator<Item = &mut Prospect> {
        self.prospects.iter_mut()
    }

    /// Takes in a known purchase of a day.
    pub(super) fn buy(&mut self, order: &Order, day: Day) {
        let Some(person) = self.person(order.person) else { return };
        person.last_on = day.to_epoch();
        person.order_count += 1;
        person.net += order.net();
        person.first_on.get_or_insert(day);
    }

    /// Takes in a refund of a known purchase, after the day's purchases; tells the day of the
    /// buyer's first one.
    pub(super) fn refund(&mut self, refund: &Refund) -> Option<Day> {
        let person = self.person(refund.person)?;
        person.net -= refund.amount;
        person.first_on
    }

    /// The day of a person's first known purchase.
    pub(super) fn first_on(&self, person: PersonIndex) -> Option<Day> {
        self.persons.get(self.place(person))?.first_on
    }

    /// Takes in a complaint that becomes known; tells whether another was opened in the 90 days up
    /// to its opening.
    pub(super) fn complain(&mut self, person: PersonIndex, opened_at: Instant) -> bool {
        let Some(person) = self.person(person) else { return false };
        let before = person.complained_at.filter(|before| *before <= opened_at);
        person.complained_at = person.complained_at.max(Some(opened_at));
        before.is_some_and(|before| london_day(before) >= london_day(opened_at).minus(REPEAT_DAYS))
    }
}
