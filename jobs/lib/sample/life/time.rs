//! At what time of day things happen, and things that come of themselves.

use crate::dates::{Day, DayRange};
use crate::sample::facts::{Instant, PersonIndex};
use crate::sample::life::number::{self, BLOCK_DAYS, BLOCK_PLACES, Cause};
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::calendar::{london_day, london_instant, london_midnight};

/// When in the day something happens: for each hour, the shares of all hours up to its end, up to
/// a factor.
#[derive(Debug)]
pub(super) struct Hours([u16; 24]);

impl Hours {
    /// The hours by their shares, up to a factor.
    const fn of(shares: [u8; 24]) -> Hours {
        let mut ends = [0; 24];
        let mut end = 0;
        let mut hour = 0;
        while hour < 24 {
            end += shares[hour] as u16;
            ends[hour] = end;
            hour += 1;
        }
        Hours(ends)
    }

    /// An hour of the day.
    fn draw(&self, stream: &mut Stream) -> i64 {
        let drawn = stream.below(u64::from(self.0[23])) as u16;
        // Hours end before the one that is drawn: all are looked at, which needs no branch.
        self.0.iter().map(|end| i64::from(*end <= drawn)).sum()
    }
}

/// On the web: little at night, most in the evening.
pub(super) const ONLINE: Hours = Hours::of([
    3, 2, 1, 1, 1, 2, 4, 8, 11, 12, 12, 12, 13, 12, 11, 11, 12, 13, 15, 18, 20, 19, 14, 8,
]);

/// In a store from Monday to Saturday.
pub(super) const STORE: Hours =
    Hours::of([0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 9, 12, 14, 12, 10, 10, 11, 12, 9, 5, 0, 0, 0, 0]);

/// In a store on a Sunday.
pub(super) const SUNDAY: Hours =
    Hours::of([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 11, 13, 12, 11, 8, 0, 0, 0, 0, 0, 0, 0, 0]);

/// While people are awake.
pub(super) const AWAKE: Hours =
    Hours::of([1, 0, 0, 0, 0, 0, 2, 5, 8, 9, 9, 9, 10, 9, 8, 8, 9, 10, 11, 12, 12, 11, 8, 4]);

/// While couriers and clerks are at work.
pub(super) const WORKING: Hours =
    Hours::of([0, 0, 0, 0, 0, 0, 0, 0, 6, 10, 12, 12, 10, 11, 12, 11, 10, 7, 4, 2, 0, 0, 0, 0]);

/// A minute, an hour and a day, in seconds.
pub(super) const MINUTE: i64 = 60;
/// See [`MINUTE`].
pub(super) const HOUR: i64 = 3_600;
/// See [`MINUTE`].
pub(super) const DAY: i64 = 86_400;

/// A time on the day, by the shares of the hours.
pub(super) fn clock(stream: &mut Stream, day: Day, hours: &Hours) -> Instant {
    let hour = hours.draw(stream);
    london_instant(day, hour * HOUR + stream.below(3_600) as i64)
}

/// A time some days after an instant, from `low` to `high` days later.
pub(super) fn clock_after(
    stream: &mut Stream,
    at: Instant,
    low: i64,
    high: i64,
    hours: &Hours,
) -> Instant {
    let days = stream.between(low, high).unsigned_abs();
    let then = clock(stream, london_day(at).plus(days), hours);
    // On the same day the clock may show less than it did.
    if then > at { then } else { at + 20 * MINUTE }
}

/// A range of days as instants: from the first midnight up to the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The first instant.
    pub(super) from: Instant,
    /// The instant after the last.
    pub(super) to: Instant,
}

impl Span {
    /// The span of some days.
    pub(super) fn of(days: DayRange) -> Span {
        Span { from: london_midnight(days.from), to: london_midnight(days.to) }
    }

    /// Whether it holds an instant.
    pub(super) fn holds(self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }
}

/// What comes of itself to a person: a Poisson process of `mean` events in 32 days, at times of
/// day by `hours`, told from its first block on that reaches into `days`. Each comes with its
/// cause, by which its further draws are named; those outside of `days` come as well, up to a
/// block away, so the caller sifts.
pub(super) fn of_itself(
    seed: u64,
    purpose: Purpose,
    person: PersonIndex,
    days: DayRange,
    mean: f64,
    hours: &Hours,
    mut event: impl FnMut(Cause, Instant),
) {
    let blocks = number::block_of(days.from)..=number::block_of(days.to.minus(1));
    for block in blocks {
        // Three words, so that it is the stream of no single cause.
        let mut stream = Stream::of(seed, purpose, &[person, block as u64, 0]);
        let count = stream.poisson(mean).min(BLOCK_PLACES);
        for place in 0..count {
            let day = number::block_start(block).plus(stream.below(BLOCK_DAYS));
            let at = clock(&mut stream, day, hours);
            event(Cause::Itself(number::block_word(block), place as u8), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stays_on_its_day_also_when_clocks_change() -> Result<(), String> {
        let mut stream = Stream::of(1, Purpose::Life, &[]);
        for day in ["2024-03-31", "2024-10-27", "2024-07-01"] {
            let day: Day = day.parse()?;
            for hours in [&ONLINE, &STORE, &SUNDAY, &AWAKE, &WORKING] {
                for _ in 0..200 {
                    assert_eq!(london_day(clock(&mut stream, day, hours)), day);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn hours_come_by_their_shares() {
        let mut stream = Stream::of(1, Purpose::Life, &[]);
        let mut shares = [0; 24];
        shares[7] = 1;
        shares[23] = 3;
        let hours = Hours::of(shares);
        let mut counts = [0; 24];
        for _ in 0..10_000 {
            counts[hours.draw(&mut stream) as usize] += 1;
        }
        assert_eq!(counts[7] + counts[23], 10_000);
        // 2,500 expected, and five standard deviations either side.
        assert!((2_283..2_717).contains(&counts[7]), "{counts:?}");
    }

    #[test]
    fn what_comes_of_itself_comes_at_its_rate() -> Result<(), String> {
        let days = DayRange::new("2024-01-01".parse()?, "2025-01-01".parse()?).ok_or("empty")?;
        let span = Span::of(days);
        let mut count = 0;
        for person in 0..1_000 {
            of_itself(7, Purpose::Visit, person, days, 0.8, &AWAKE, |_, at| {
                count += u32::from(span.holds(at));
            });
        }
        // 1,000 × 366 ÷ 32 × 0.8 = 9,150, five standard deviations either side.
        assert!((8_670..9_630).contains(&count), "{count}");
        Ok(())
    }
}
