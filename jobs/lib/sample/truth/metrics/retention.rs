//! Who buys again after a complaint, beside those who bought and did not complain.

use std::collections::HashMap;

use super::standing::Standings;
use super::{MetricTruth, service};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Facts, KnownBy, PersonIndex};
use crate::sample::world::calendar::london_day;

/// Days within which somebody buys again.
const HORIZONS: [u64; 2] = [30, 90];
/// Days that lie a horizon back, in which somebody complained or bought.
const COHORT_DAYS: u64 = 28;
/// Days that are looked back on.
const PAST_DAYS: u64 = HORIZONS[1] + COHORT_DAYS;

/// The days of somebody's known purchases, and of the complaints that they opened with the days
/// that told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Past {
    bought: Vec<Day>,
    complained: Vec<(Day, Day)>,
}

/// By person.
pub(super) type Pasts = HashMap<PersonIndex, Past>;

impl MetricTruth {
    /// Counts who bought again, by the end of each day of a window.
    pub(super) fn add_complaint_retention(
        &mut self,
        facts: &Facts,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let pasts = &mut standings.pasts;
        for order in facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing) {
            let day = london_day(order.placed_at);
            if window.from <= day && day < window.to {
                pasts.entry(order.person).or_default().bought.push(day);
            }
        }
        for case in facts.cases.iter().filter(|case| case.case_type == "complaint") {
            let told_on = service::first_told_on(case, self.days.from);
            if let Some(told_on) = told_on.filter(|day| window.from <= *day && *day < window.to) {
                let complaint = (london_day(case.opened_at), told_on);
                pasts.entry(case.person).or_default().complained.push(complaint);
            }
        }
        for day in window.days() {
            for horizon in HORIZONS {
                // Nothing is known of before the first exported day, but of complaints.
                for past in pasts.values() {
                    if let Some((cohort, is_retained)) = past.cohort(day, horizon) {
                        let sums = [1, i64::from(is_retained)];
                        self.complaint_retention.add(day, (horizon, cohort), sums);
                    }
                }
            }
        }
        let first = window.to.minus(PAST_DAYS);
        pasts.retain(|_, past| {
            past.bought.retain(|day| *day >= first);
            past.complained.retain(|(day, _)| *day >= first);
            *past != Past::default()
        });
    }
}

impl Past {
    /// The cohort that somebody is in at the end of a day, and whether they bought again within the
    /// horizon: after their first complaint of its days, or after their last purchase of them.
    fn cohort(&self, dt: Day, horizon: u64) -> Option<(&'static str, bool)> {
        let (first, last) = (dt.minus(horizon + COHORT_DAYS - 1), dt.minus(horizon));
        let is_then = |day: &Day| first <= *day && *day <= last;
        let known = self.complained.iter().filter(|(_, told_on)| *told_on <= dt);
        let complained: Vec<Day> = known.map(|(day, _)| *day).collect();
        let bought = || self.bought.iter().copied().filter(|day| *day <= dt);
        let (cohort, started) = match complained.iter().copied().filter(is_then).min() {
            Some(started) => ("complained", started),
            // Who complained since is in neither.
            None if complained.iter().any(|day| *day >= first && *day <= dt) => return None,
            None => ("not_complained", bought().filter(is_then).max()?),
        };
        let end = started.plus(horizon);
        Some((cohort, bought().any(|day| day > started && day <= end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_complained_is_followed_from_the_first_complaint() {
        let day = |text: &str| -> Day { text.parse().unwrap() };
        let dt = day("2024-05-10");
        // The 28 days from 2024-03-14 to 2024-04-10.
        let past = |bought: &[&str], complained: &[&str]| Past {
            bought: bought.iter().map(|text| day(text)).collect(),
            complained: complained.iter().map(|text| (day(text), day(text))).collect(),
        };
        for (bought, complained, expected) in [
            (&["2024-04-10"][..], &[][..], Some(("not_complained", false))),
            (&["2024-03-14", "2024-04-11"], &[], Some(("not_complained", true))),
            // The last purchase of the days is what they are followed from.
            (&["2024-03-14", "2024-04-10"], &[], Some(("not_complained", false))),
            (&["2024-03-13", "2024-04-11"], &[], None),
            (&[], &["2024-04-10"], Some(("complained", false))),
            (&["2024-04-10"], &["2024-04-10"], Some(("complained", false))),
            (&["2024-04-20"], &["2024-03-14", "2024-04-10"], Some(("complained", false))),
            (&["2024-04-13"], &["2024-03-14", "2024-04-10"], Some(("complained", true))),
            (&["2024-04-10"], &["2024-04-11"], None),
            (&["2024-04-10"], &["2024-03-13"], Some(("not_complained", false))),
        ] {
            let found = past(bought, complained).cohort(dt, 30);
            assert_eq!(found, expected, "{bought:?} {complained:?}");
        }
    }
}
