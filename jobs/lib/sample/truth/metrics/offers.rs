//! The next best actions: what begins to fit whom, to whom it is offered, from whom and why it is
//! withheld, and who takes it.
//!
//! Of somebody counts what is offered to them and what is withheld before it, on the first day of
//! those without a break on which it is proposed to them.

mod actions;
mod known;
mod news;

use std::collections::BTreeMap;

use self::actions::{Proposed, Withheld};
use self::known::{Known, News};
pub use self::news::ContactNews;
use super::MetricTruth;
use super::standing::Standings;
use super::steps::Steps;
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Facts, PersonIndex};
use crate::sample::people::{Person, System};
use crate::sample::world::World;

/// Days after an offer within which it can be taken.
pub(super) const TAKEN_DAYS: u64 = 7;

/// What is counted of an action and the day on which it began to fit.
pub(super) type Counts = [i64; count::ALL];

/// Places in [`Counts`].
pub(super) mod count {
    pub const OFFERED: usize = 0;
    pub const WITHHELD_CONSENT: usize = 1;
    pub const WITHHELD_CONTACT_POINT: usize = 2;
    pub const WITHHELD_CONTACT_CAP: usize = 3;
    pub const TAKEN: usize = 4;
    pub const ALL: usize = 5;
}

/// An offer that can still be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    made_on: Day,
    /// The action's place.
    action: usize,
}

/// A person, as far as it decides what to do next for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prospect {
    known: Known,
    /// What was proposed at the end of the day before.
    proposed: Proposed,
    offers: Vec<Offer>,
}

impl MetricTruth {
    /// Counts the offers of a window; `steps` are those that are told in it.
    pub(super) fn add_offers(
        &mut self,
        world: &World,
        facts: &Facts,
        steps: &Steps,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let contacts = std::mem::take(&mut standings.contacts);
        let mut news = self.news(world, facts, steps, contacts, window);
        let mut taken = taking(steps);
        for day in window.days() {
            for (person, news) in news.remove(&day).into_iter().flatten() {
                let Some(prospect) = standings.prospect(person) else { continue };
                let is_news = prospect.known.is_customer() || names_record(world, person, news);
                if is_news {
                    prospect.known.hear(day, news);
                }
            }
            for (person, step_on, kind) in taken.remove(&day).into_iter().flatten() {
                let Some(prospect) = standings.prospect(person) else { continue };
                for offer in prospect.take(step_on, kind) {
                    let key = (offer.made_on, actions::name(offer.action));
                    self.offers.add(day, key, counted(count::TAKEN));
                }
            }
            for prospect in standings.prospects() {
                self.propose(day, prospect);
            }
        }
    }

    /// Counts what is proposed to somebody at the end of a day, and was not the day before.
    fn propose(&mut self, day: Day, prospect: &mut Prospect) {
        prospect.offers.retain(|offer| offer.made_on.plus(TAKEN_DAYS) > day);
        let proposed = actions::propose(&prospect.known, day);
        let before = std::mem::replace(&mut prospect.proposed, proposed);
        if let Some(action) = proposed.offered.filter(|action| !before.has(*action)) {
            prospect.offers.push(Offer { made_on: day, action });
            self.offers.add(day, (day, actions::name(action)), counted(count::OFFERED));
        }
        if let Some((action, reason)) = proposed.withheld.filter(|it| !before.has(it.0)) {
            let place = match reason {
                Withheld::Consent => count::WITHHELD_CONSENT,
                Withheld::ContactPoint => count::WITHHELD_CONTACT_POINT,
                Withheld::ContactCap => count::WITHHELD_CONTACT_CAP,
            };
            self.offers.add(day, (day, actions::name(action)), counted(place));
        }
    }
}

impl Prospect {
    /// Takes the offers that a step of a day takes.
    fn take(&mut self, step_on: Day, kind: &str) -> impl Iterator<Item = Offer> {
        self.offers.extract_if(.., move |offer| {
            let is_in_time = offer.made_on < step_on && step_on <= offer.made_on.plus(TAKEN_DAYS);
            is_in_time && actions::is_taken_by(offer.action, kind)
        })
    }
}

fn counted(place: usize) -> Counts {
    let mut counts = [0; count::ALL];
    counts[place] = 1;
    counts
}

/// Whether what is told of somebody whom nobody knows yet names a record of theirs.
fn names_record(world: &World, person: PersonIndex, news: News) -> bool {
    news != News::Thing || Person::of(world, person).is_in(System::Loyalty)
}

/// The steps by the day that tells of them: whose, on which day, of what kind.
fn taking(steps: &Steps) -> BTreeMap<Day, Vec<(PersonIndex, Day, &'static str)>> {
    let mut taking: BTreeMap<Day, Vec<(PersonIndex, Day, &'static str)>> = BTreeMap::new();
    for (person, steps) in steps {
        for step in steps {
            taking.entry(step.told_on).or_default().push((*person, step.day, step.kind));
        }
    }
    taking
}

#[cfg(test)]
mod tests;
