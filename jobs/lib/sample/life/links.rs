//! That somebody found out which two records are one person: a card typed into an account, a
//! clerk who merges two contacts.

use super::Living;
use super::parameters::marketing as model;
use super::time::{self, DAY};
use crate::sample::facts::IdentifierLink;
use crate::sample::people::System;
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::calendar::london_day;

/// The pairs of systems that are ever linked.
const PAIRS: [(System, System); 5] = [
    (System::Crm, System::Shop),
    (System::Crm, System::North),
    (System::Crm, System::Loyalty),
    (System::Shop, System::App),
    (System::Shop, System::Loyalty),
];

/// Tells the links of the window.
pub(super) fn tell(living: &Living<'_>, links: &mut Vec<IdentifierLink>) {
    let (seed, person) = (living.company.world.seed, &living.person);
    for (place, (left, right)) in (0_u64..).zip(PAIRS) {
        if !(person.is_in(left) && person.is_in(right)) {
            continue;
        }
        let mut stream = Stream::of(seed, Purpose::IdentifierLink, &[person.index, place]);
        if !stream.chance(model::LINKED_SHARE) {
            continue;
        }
        let later = stream.exponential(model::LINKED_DAYS * DAY as f64) as i64;
        let day = london_day(person.acquired_at + DAY + later);
        let at = time::clock(&mut stream, day, &time::WORKING);
        if living.span.holds(at) {
            links.push(IdentifierLink { person: person.index, left, right, at });
        }
    }
}
