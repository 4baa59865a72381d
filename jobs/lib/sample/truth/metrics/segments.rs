//! How many persons stand where at the end of a day: by when, how often and for how much they have
//! bought, as far as the exports tell.

use super::standing::Standings;
use crate::dates::{Day, DayRange};

/// The upper ends of the bands of days since the last known purchase; the last band has none.
const RECENCY_DAYS: [i64; 4] = [6, 13, 29, 89];
/// The upper ends of the bands of known purchases.
const ORDERS: [i64; 4] = [1, 2, 4, 9];
/// The upper ends of the bands of their net value less refunds, pence.
const NET_PENCE: [i64; 4] = [4_999, 9_999, 24_999, 49_999];

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
        for person in standings.buyers() {
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
