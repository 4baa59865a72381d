//! What is known of each person's purchases up to a day, and how many persons stand where at its
//! end.
//!
//! "Known" is what can be told from the exports: purchases of the exported days at which the
//! seller knew the buyer, and their refunds.

use std::collections::HashMap;
use std::ops::Range;

use super::credit::Touches;
use super::offers::Services;
use super::retention::Pasts;
use super::steps::{Firsts, Steps};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Instant, Order, Pence, PersonIndex, Refund};
use crate::sample::world::calendar::london_day;

/// The upper ends of the bands of days since the last known purchase; the last band has none.
const RECENCY_DAYS: [i64; 4] = [6, 13, 29, 89];
/// The upper ends of the bands of known purchases.
const ORDERS: [i64; 4] = [1, 2, 4, 9];
/// The upper ends of the bands of their net value less refunds, pence.
const NET_PENCE: [i64; 4] = [4_999, 9_999, 24_999, 49_999];

/// Days in which a second complaint repeats a first.
const REPEAT_DAYS: u64 = 90;

/// The bands' names, from the first on.
pub(super) const RECENCY_BANDS: [&str; BANDS] = ["0-6", "7-13", "14-29", "30-89", "90-"];
/// See [`RECENCY_BANDS`].
pub(super) const ORDER_BANDS: [&str; BANDS] = ["1", "2", "3-4", "5-9", "10-"];
/// See [`RECENCY_BANDS`].
pub(super) const NET_BANDS: [&str; BANDS] =
    ["-49.99", "50.00-99.99", "100.00-249.99", "250.00-499.99", "500.00-"];

/// Bands of each of the three.
const BANDS: usize = 5;
/// Combinations of bands.
const CELLS: usize = BANDS * BANDS * BANDS;

/// Where one person stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    /// The day of their first known purchase.
    first_on: Option<Day>,
    /// Since the epoch: that of their last.
    last_on: i32,
    order_count: u32,
    /// When their last complaint that is known was opened.
    complained_at: Option<Instant>,
    net: Pence,
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
    pub(super) services: Services,
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
            services: Services::new(),
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
            services: some(&self.services, persons),
            pasts: some(&self.pasts, persons),
        }
    }

    /// Takes over where some of the persons are by now.
    pub fn put(&mut self, some: Standings) {
        let count = some.persons.len() as u64;
        for person in some.first..some.first + count {
            self.touches.remove(&person);
            self.steps.remove(&person);
            self.services.remove(&person);
            self.pasts.remove(&person);
        }
        self.touches.extend(some.touches);
        self.steps.extend(some.steps);
        self.services.extend(some.services);
        self.pasts.extend(some.pasts);
        let start = self.place(some.first);
        let range = start..start.saturating_add(some.persons.len());
        if let Some(persons) = self.persons.get_mut(range.clone()) {
            persons.copy_from_slice(&some.persons);
        }
        if let Some(firsts) = self.firsts.get_mut(range) {
            firsts.copy_from_slice(&some.firsts);
        }
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

/// How many persons with known purchases stand in which bands at the end of each day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segments {
    days: DayRange,
    counts: Vec<i64>,
}

/// A row of the segments: the day, the bands (from 0), how many persons.
pub(super) type SegmentRow = (Day, [usize; 3], i64);

impl Segments {
    pub(super) fn new(days: DayRange) -> Segments {
        Segments { days, counts: vec![0; days.day_count() * CELLS] }
    }

    /// Counts the persons as they stand at the end of a day.
    pub(super) fn add(&mut self, day: Day, standings: &Standings) {
        let place = usize::try_from(day.to_epoch() - self.days.from.to_epoch()).unwrap_or(0);
        let Some(counts) = self.counts.get_mut(place * CELLS..(place + 1) * CELLS) else { return };
        for person in standings.persons.iter().filter(|person| person.order_count > 0) {
            let days = i64::from(day.to_epoch() - person.last_on);
            let cell = (band(RECENCY_DAYS, days) * BANDS
                + band(ORDERS, i64::from(person.order_count)))
                * BANDS
                + band(NET_PENCE, person.net);
            counts[cell] += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Segments) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
    }

    /// The bands in which anybody stands, by day.
    pub(super) fn rows(&self) -> Vec<SegmentRow> {
        let mut rows = vec![];
        for (day, counts) in self.days.days().zip(self.counts.chunks(CELLS)) {
            for (cell, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let bands = [cell / (BANDS * BANDS), cell / BANDS % BANDS, cell % BANDS];
                rows.push((day, bands, *count));
            }
        }
        rows
    }
}

fn band(ends: [i64; BANDS - 1], value: i64) -> usize {
    ends.partition_point(|end| *end < value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_meet_where_their_names_say() {
        for (ends, value, name) in [
            (RECENCY_DAYS, 0, "0-6"),
            (RECENCY_DAYS, 6, "0-6"),
            (RECENCY_DAYS, 7, "7-13"),
            (RECENCY_DAYS, 89, "30-89"),
            (RECENCY_DAYS, 90, "90-"),
        ] {
            assert_eq!(RECENCY_BANDS[band(ends, value)], name, "{value}");
        }
        assert_eq!(ORDER_BANDS[band(ORDERS, 4)], "3-4");
        assert_eq!(ORDER_BANDS[band(ORDERS, 10)], "10-");
        assert_eq!(NET_BANDS[band(NET_PENCE, -300)], "-49.99");
        assert_eq!(NET_BANDS[band(NET_PENCE, 5_000)], "50.00-99.99");
    }
}
