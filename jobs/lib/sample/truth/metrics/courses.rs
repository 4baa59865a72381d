//! What only whole lives tell: who is still a customer, who became one, and whom campaigns
//! brought to buy.

use crate::dates::{Day, DayRange};
use crate::sample::facts::{Instant, KnownBy};
use crate::sample::life::{self, Course, Purchase};
use crate::sample::people::Person;
use crate::sample::world::World;
use crate::sample::world::calendar::{london_day, london_midnight};

use super::MetricTruth;

/// The upper ends of the bins of days since the last known purchase; the last bin has none.
const INACTIVE_DAYS: [i64; 7] = [6, 13, 29, 59, 89, 179, 364];

/// Bins of days since the last known purchase.
pub(super) const INACTIVE_BINS: usize = INACTIVE_DAYS.len() + 1;

/// Places of what is counted of a day: persons who have bought at all, of them those who have not
/// left, and those who leave on the day; then the same of those with a known purchase.
pub(super) const PERSONS: usize = 0;
/// See [`PERSONS`].
pub(super) const CUSTOMERS: usize = 3;
/// The first of the bins of days since the last known purchase.
pub(super) const INACTIVE: usize = 6;
/// How many figures there are.
pub(super) const FIGURES: usize = INACTIVE + INACTIVE_BINS;

/// Who is a customer at the end of each day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Churn {
    days: DayRange,
    counts: Vec<[i64; FIGURES]>,
}

impl Churn {
    pub(super) fn new(days: DayRange) -> Churn {
        Churn { days, counts: vec![[0; FIGURES]; days.day_count()] }
    }

    pub(super) fn merge(&mut self, other: &Churn) {
        for (sums, counts) in self.counts.iter_mut().zip(&other.counts) {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }

    /// The figures of each day.
    pub(super) fn rows(&self) -> Vec<(Day, [i64; FIGURES])> {
        self.days.days().zip(self.counts.iter().copied()).collect()
    }

    fn add(&mut self, course: &Course, known: &[&Purchase]) {
        let Some(first) = course.purchases.first() else { return };
        let from = self.days.from.to_epoch();
        // Days as they are counted from the first exported one.
        let place = |at: Instant| i64::from(london_day(at).to_epoch() - from);
        let (bought_on, left_on) = (place(first.at), course.dropped_out_at.map(place));
        let mut known_days = known.iter().map(|purchase| place(purchase.at)).peekable();
        let mut last_known = None;
        for (day, counts) in (0_i64..).zip(&mut self.counts) {
            while let Some(bought_on) = known_days.next_if(|bought_on| *bought_on <= day) {
                last_known = Some(bought_on);
            }
            let is_alive = left_on.is_none_or(|left_on| day < left_on);
            let leaves = left_on == Some(day);
            let mut count = |first: usize| {
                counts[first] += 1;
                counts[first + 1] += i64::from(is_alive);
                counts[first + 2] += i64::from(leaves);
            };
            if bought_on <= day {
                count(PERSONS);
            }
            if let Some(last_known) = last_known {
                count(CUSTOMERS);
                let inactive_days = day - last_known;
                counts[INACTIVE + INACTIVE_DAYS.partition_point(|end| *end < inactive_days)] += 1;
            }
        }
    }
}

impl MetricTruth {
    /// Counts a person's whole life up to the end of the exported days: each person once.
    pub fn add_course(&mut self, world: &World, person: &Person, course: &Course) {
        let from = london_midnight(self.days.from);
        let is_known =
            |purchase: &&Purchase| purchase.at >= from && purchase.known_by != KnownBy::Nothing;
        let known: Vec<&Purchase> = course.purchases.iter().filter(is_known).collect();
        self.churn.add(course, &known);
        if person.acquired_at >= from {
            let is_first_known = course.purchases.first().is_some_and(|it| is_known(&it));
            let sums = [1, i64::from(person.referrer.is_some()), i64::from(is_first_known)];
            let channel = life::first_touch(world, person);
            self.first_visits.add(london_day(person.acquired_at), channel, sums);
        }
        for contact in course.contacts.iter().filter(|contact| contact.at >= from) {
            let Some(campaign) = world.campaigns.get(usize::from(contact.campaign)) else {
                continue;
            };
            let ends = london_midnight(campaign.ends);
            let mut bought =
                known.iter().filter(|purchase| contact.at <= purchase.at && purchase.at < ends);
            if let Some(first) = bought.next() {
                let sums = if contact.is_treated { [1, 0] } else { [0, 1] };
                self.campaign_buyers.add(london_day(first.at), contact.campaign, sums);
            }
        }
    }
}
