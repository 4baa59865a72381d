//! The company's clock: London's, by arithmetic, for it is asked at every fact.
//!
//! Summer time is the rule of the United Kingdom since 1996 (from 01:00 UTC on the last Sunday
//! of March to 01:00 UTC on the last Sunday of October): the same as the time-zone database for
//! every day from 1996 on.

use std::sync::LazyLock;

use chrono::{Datelike, Weekday};

use crate::dates::Day;
use crate::sample::facts::Instant;

/// Seconds in a day without a change of clocks.
pub const DAY: i64 = 86_400;

/// The first year of which summer time is known.
const FIRST_YEAR: i32 = 1970;

/// For each year, when summer time begins and ends.
static SUMMERS: LazyLock<Vec<(Instant, Instant)>> = LazyLock::new(|| {
    // Both changes are at 01:00 UTC.
    let change =
        |year, month| i64::from(last_weekday(year, month, Weekday::Sun).to_epoch()) * DAY + 3_600;
    (FIRST_YEAR..2_200).map(|year| (change(year, 3), change(year, 10))).collect()
});

/// London's wall clock minus UTC, in seconds: 0 or 3600.
#[inline]
pub fn london_offset(at: Instant) -> i64 {
    // By a mean year's length this may be the year beside the right one on the first and last
    // days of a year, when it is winter in both.
    let place = usize::try_from(at.div_euclid(31_556_952)).unwrap_or_default();
    match SUMMERS.get(place) {
        Some((begins, ends)) if (*begins..*ends).contains(&at) => 3_600,
        _ => 0,
    }
}

/// The day in London.
#[inline]
pub fn london_day(at: Instant) -> Day {
    day_at((at + london_offset(at)).div_euclid(DAY))
}

/// London's wall clock: the day, and seconds since its midnight as the clock shows them.
#[inline]
pub fn london_clock(at: Instant) -> (Day, i64) {
    let local = at + london_offset(at);
    (day_at(local.div_euclid(DAY)), local.rem_euclid(DAY))
}

/// When the day begins in London.
#[inline]
pub fn london_midnight(day: Day) -> Instant {
    london_instant(day, 0)
}

/// When London's clock shows `seconds` since midnight (0 to 86399) on the day; the first time
/// where it does so twice, and an hour later on the clock where it skips them.
#[inline]
pub fn london_instant(day: Day, seconds: i64) -> Instant {
    let local = i64::from(day.to_epoch()) * DAY + seconds;
    let in_summer = local - 3_600;
    if london_offset(in_summer) == 3_600 { in_summer } else { local }
}

/// The weekday.
pub fn weekday(day: Day) -> Weekday {
    day.weekday()
}

/// When the service desk is open on the day, in seconds of London's clock: Monday to Friday 8 to
/// 18, Saturday 9 to 13; not on Sundays and bank holidays.
pub fn opening_hours(day: Day) -> Option<(i64, i64)> {
    let hours = match weekday(day) {
        Weekday::Sun => return None,
        Weekday::Sat => (9 * 3_600, 13 * 3_600),
        _ => (8 * 3_600, 18 * 3_600),
    };
    (!is_bank_holiday(day)).then_some(hours)
}

/// Whether the service desk is open.
pub fn is_open(at: Instant) -> bool {
    let (day, seconds) = london_clock(at);
    opening_hours(day).is_some_and(|(opens, closes)| (opens..closes).contains(&seconds))
}

/// The first instant from `at` on at which the service desk is open.
pub fn next_open(at: Instant) -> Instant {
    let (mut day, mut seconds) = london_clock(at);
    loop {
        if let Some((opens, closes)) = opening_hours(day)
            && seconds < closes
        {
            return if seconds >= opens { at } else { london_instant(day, opens) };
        }
        day = day.plus(1);
        // Before any opening: the first opening from here on is the answer.
        seconds = -1;
    }
}

/// The instant at which the service desk has been open for `minutes` since `at`.
pub fn add_business_minutes(at: Instant, minutes: i64) -> Instant {
    let mut at = next_open(at);
    let mut rest = minutes.max(0) * 60;
    loop {
        let (day, seconds) = london_clock(at);
        let closes = opening_hours(day).map_or(seconds, |(_, closes)| closes);
        let left = closes - seconds;
        if rest < left {
            return at + rest;
        }
        rest -= left;
        at = next_open(at + left);
    }
}

/// Minutes for which the service desk was open from `from` to `to`, rounded down; 0 where `to` is
/// not later.
pub fn business_minutes(from: Instant, to: Instant) -> i64 {
    let mut at = from;
    let mut open = 0;
    while at < to {
        at = next_open(at);
        if at >= to {
            break;
        }
        let (day, seconds) = london_clock(at);
        let closes = opening_hours(day).map_or(seconds, |(_, closes)| closes);
        let end = (at + closes - seconds).min(to);
        open += end - at;
        at = end;
    }
    open / 60
}

/// Whether the day is a bank holiday in England and Wales.
/// Source: <https://www.gov.uk/bank-holidays>, and its rule of substitute days.
pub fn is_bank_holiday(day: Day) -> bool {
    let date = day.date();
    let (year, month, number) = (date.year(), date.month(), date.day());
    // Days that were moved or given once.
    match (year, month, number) {
        (2020, 5, 8) | (2022, 6, 2) | (2022, 6, 3) | (2022, 9, 19) | (2023, 5, 8) => return true,
        (2020, 5, 4) | (2022, 5, 30) => return false,
        _ => {}
    }
    let weekday = date.weekday();
    match month {
        1 => is_or_replaces(weekday, number, 1),
        3 | 4 => {
            let easter = easter_sunday(year);
            day == easter.minus(2) || day == easter.plus(1)
        }
        5 => weekday == Weekday::Mon && (number <= 7 || number > 24),
        8 => weekday == Weekday::Mon && number > 24,
        12 => match weekday {
            // Where the days are on a weekend, the next Monday and Tuesday stand in.
            Weekday::Mon | Weekday::Tue => matches!(number, 25..=28),
            _ => matches!(number, 25 | 26),
        },
        _ => false,
    }
}

/// Whether the day of this month is `holiday`, or the Monday after it where that is on a weekend.
fn is_or_replaces(weekday: Weekday, number: u32, holiday: u32) -> bool {
    number == holiday
        || (weekday == Weekday::Mon && (number == holiday + 1 || number == holiday + 2))
}

/// Easter Sunday.
/// Source: the anonymous Gregorian computus ("Meeus/Jones/Butcher").
fn easter_sunday(year: i32) -> Day {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    let number = (h + l - 7 * m + 114) % 31 + 1;
    day_of(year, month.unsigned_abs(), number.unsigned_abs())
}

/// The last such weekday of a month.
fn last_weekday(year: i32, month: u32, weekday: Weekday) -> Day {
    let last = match month {
        12 => day_of(year, 12, 31),
        _ => day_of(year, month + 1, 1).minus(1),
    };
    let back = (7 + last.weekday().num_days_from_monday() - weekday.num_days_from_monday()) % 7;
    last.minus(u64::from(back))
}

/// A day of the calendar; 1970-01-01 where there is no such day.
pub fn day_of(year: i32, month: u32, number: u32) -> Day {
    Day::new(chrono::NaiveDate::from_ymd_opt(year, month, number).unwrap_or_default())
}

/// The day that is `days` days after 1970-01-01.
fn day_at(days: i64) -> Day {
    i32::try_from(days).ok().and_then(Day::from_epoch).unwrap_or_else(|| day_of(1970, 1, 1))
}

#[cfg(test)]
mod tests {
    use chrono::{Offset, TimeZone};

    use super::*;

    #[test]
    fn the_clock_is_londons() {
        // Every seven hours from 1996 to 2037.
        for at in (820_454_400..2_145_916_800_i64).step_by(7 * 3_600) {
            let utc = chrono::DateTime::from_timestamp(at, 0).unwrap().naive_utc();
            let zone = chrono_tz::Europe::London.offset_from_utc_datetime(&utc);
            assert_eq!(london_offset(at), i64::from(zone.fix().local_minus_utc()), "{utc}");
            let (day, seconds) = london_clock(at);
            assert_eq!(london_day(at), day);
            let again = london_instant(day, seconds);
            // The hour that comes twice is taken for the first.
            assert!(again == at || (again == at - 3_600 && day.date().month() == 10), "{utc}");
        }
    }

    #[test]
    fn bank_holidays_are_those_of_england_and_wales() {
        // <https://www.gov.uk/bank-holidays>
        let published = [
            "2022-01-03",
            "2022-04-15",
            "2022-04-18",
            "2022-05-02",
            "2022-06-02",
            "2022-06-03",
            "2022-08-29",
            "2022-09-19",
            "2022-12-26",
            "2022-12-27",
            "2023-01-02",
            "2023-04-07",
            "2023-04-10",
            "2023-05-01",
            "2023-05-08",
            "2023-05-29",
            "2023-08-28",
            "2023-12-25",
            "2023-12-26",
            "2024-01-01",
            "2024-03-29",
            "2024-04-01",
            "2024-05-06",
            "2024-05-27",
            "2024-08-26",
            "2024-12-25",
            "2024-12-26",
            "2025-01-01",
            "2025-04-18",
            "2025-04-21",
            "2025-05-05",
            "2025-05-26",
            "2025-08-25",
            "2025-12-25",
            "2025-12-26",
        ];
        let days = crate::dates::DayRange {
            from: "2022-01-01".parse().unwrap(),
            to: "2026-01-01".parse().unwrap(),
        };
        let found: Vec<String> = days
            .days()
            .filter(|day| is_bank_holiday(*day))
            // The day itself is one too where it falls on a weekend, when nobody works anyway.
            .filter(|day| !matches!(weekday(*day), Weekday::Sat | Weekday::Sun))
            .map(|day| day.to_string())
            .collect();
        assert_eq!(found, published);
    }

    #[test]
    fn business_minutes_skip_closed_hours() {
        let at = |text: &str| {
            let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            let seconds = i64::from(chrono::Timelike::num_seconds_from_midnight(&time.time()));
            london_instant(Day::new(time.date()), seconds)
        };
        // Maundy Thursday 2024: of the days until Tuesday only Saturday is open; the clocks change
        // on Sunday.
        let cases = [
            ("2024-03-28 17:30", 15, "2024-03-28 17:45"),
            ("2024-03-28 17:30", 30, "2024-03-30 09:00"),
            ("2024-03-28 17:30", 300, "2024-04-02 08:30"),
            ("2024-03-28 19:00", 60, "2024-03-30 10:00"),
            ("2024-04-06 12:50", 20, "2024-04-08 08:10"),
            ("2024-04-02 03:00", 0, "2024-04-02 08:00"),
        ];
        for (from, minutes, to) in cases {
            let later = add_business_minutes(at(from), minutes);
            assert_eq!(later, at(to), "{from} + {minutes}");
            assert_eq!(business_minutes(at(from), later), minutes);
            assert!(is_open(later));
        }
        assert_eq!(business_minutes(at("2024-03-28 18:00"), at("2024-03-29 23:00")), 0);
        assert_eq!(business_minutes(at("2024-04-02 12:00"), at("2024-04-02 11:00")), 0);
    }
}
