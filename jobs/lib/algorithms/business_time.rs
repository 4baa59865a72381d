//! How much of the time between two instants lies in opening hours.
//!
//! An instant is in opening hours when the clocks of the schedule's zone show a time that is. So
//! an hour that clocks skip counts nothing, and one that they show twice counts twice: what is
//! counted is time that passes, not what clocks show.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, Offset, TimeZone, Weekday};
use chrono_tz::Tz;

use crate::config::schedules::{Holiday, HolidayRule, Schedule, Substitute};
use crate::dates::Day;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// The years that are counted: instants outside are placeholders, and nobody's hours.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// A schedule worked out for the years that were asked for.
#[derive(Debug)]
pub struct BusinessClock<'a> {
    schedule: &'a Schedule,
    years: HashMap<i32, Year>,
}

/// The open times of one year of UTC, in microseconds since 1970.
#[derive(Debug)]
struct Year {
    /// Disjoint, in their order: from, to (exclusive), and the open time of the year before it.
    open: Vec<(i64, i64, i64)>,
    total: i64,
}

impl<'a> BusinessClock<'a> {
    /// A clock for `schedule`.
    pub fn new(schedule: &'a Schedule) -> Self {
        BusinessClock { schedule, years: HashMap::new() }
    }

    /// Whole minutes of opening hours in `[from, to)`, rounded down; both in microseconds since
    /// 1970, UTC. Negative where `to` lies before `from`: minus the minutes from `to` to `from`.
    /// None for instants outside 1900 to 2199.
    pub fn minutes(&mut self, from: i64, to: i64) -> Option<i64> {
        if from > to {
            return self.minutes(to, from).map(|minutes| -minutes);
        }
        let (first, last) = (year_of(from)?, year_of(to)?);
        let mut open = self.year(last).until(to) - self.year(first).until(from);
        for year in first..last {
            open += self.year(year).total;
        }
        Some(open / MINUTE)
    }

    fn year(&mut self, year: i32) -> &Year {
        let schedule = self.schedule;
        self.years.entry(year).or_insert_with(|| Year::new(schedule, year))
    }
}

fn year_of(instant: i64) -> Option<i32> {
    let year = DateTime::from_timestamp_micros(instant)?.year();
    YEARS.contains(&year).then_some(year)
}

impl Year {
    fn new(schedule: &Schedule, year: i32) -> Year {
        let mut open: Vec<(i64, i64, i64)> = vec![];
        let (Some(start), Some(end)) = (midnight(year), midnight(year + 1)) else {
            return Year { open, total: 0 };
        };
        let offsets = offsets(schedule.time_zone, start, end);
        let holidays: BTreeSet<NaiveDate> =
            (year - 1..=year + 1).flat_map(|year| holidays(&schedule.holidays, year)).collect();
        // Local days begin up to 14 hours before and after UTC's, and hours end on the next day.
        let mut pieces = vec![];
        for day in start / DAY - 3..=end / DAY + 1 {
            let Some(day) = i32::try_from(day).ok().and_then(Day::from_epoch) else { continue };
            let spans = match schedule.exceptions.get(&day) {
                Some(spans) => spans,
                None if holidays.contains(&day.date()) => continue,
                None => &schedule.hours[day.date().weekday().num_days_from_monday() as usize],
            };
            for span in spans {
                let at = i64::from(day.to_epoch()) * DAY;
                let (from, to) = (i64::from(span.from) * MINUTE, i64::from(span.to) * MINUTE);
                for (begins, ends, offset) in &offsets {
                    let from = (at + from - offset).max(*begins);
                    let to = (at + to - offset).min(*ends);
                    if from < to {
                        pieces.push((from, to));
                    }
                }
            }
        }
        pieces.sort_unstable();
        let mut total = 0;
        for (from, to) in pieces {
            match open.last_mut() {
                Some((_, last, _)) if from <= *last => {
                    total += (to - *last).max(0);
                    *last = (*last).max(to);
                }
                _ => {
                    open.push((from, to, total));
                    total += to - from;
                }
            }
        }
        Year { open, total }
    }

    /// The open time of the year before `instant`.
    fn until(&self, instant: i64) -> i64 {
        let next = self.open.partition_point(|(from, ..)| *from <= instant);
        match next.checked_sub(1).and_then(|last| self.open.get(last)) {
            Some((from, to, before)) => before + instant.min(*to) - from,
            None => 0,
        }
    }
}

/// Microseconds from 1970 to the start of a year, UTC.
fn midnight(year: i32) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(year, 1, 1)?;
    Some(i64::from(Day::new(date).to_epoch()) * DAY)
}

/// The zone's offsets from UTC in `[start, end)`: from when, until when, how much, in microseconds.
fn offsets(zone: Tz, start: i64, end: i64) -> Vec<(i64, i64, i64)> {
    let mut periods = vec![];
    let (mut begins, mut at, mut offset) = (start, start, offset_at(zone, start));
    while at < end {
        let next = (at + DAY).min(end);
        if offset_at(zone, next) == offset {
            at = next;
            continue;
        }
        // Somewhere in between, on a whole second, clocks were changed.
        let (mut before, mut after) = (at / SECOND, next / SECOND);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match offset_at(zone, middle * SECOND) == offset {
                true => before = middle,
                false => after = middle,
            }
        }
        at = after * SECOND;
        periods.push((begins, at, offset));
        (begins, offset) = (at, offset_at(zone, at));
    }
    if begins < end {
        periods.push((begins, end, offset));
    }
    periods
}

fn offset_at(zone: Tz, instant: i64) -> i64 {
    let Some(instant) = DateTime::from_timestamp_micros(instant) else { return 0 };
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    i64::from(offset.local_minus_utc()) * SECOND
}

/// The days of a year's holidays, with their substitutes.
pub fn holidays(declared: &[Holiday], year: i32) -> BTreeSet<NaiveDate> {
    let mut days: Vec<(NaiveDate, Substitute)> = declared
        .iter()
        .filter_map(|holiday| {
            let day = day_in(holiday.rule, year)?;
            (!holiday.except.contains(&Day::new(day))).then_some((day, holiday.substitute))
        })
        .collect();
    days.sort_by_key(|(day, _)| *day);
    let mut free: BTreeSet<NaiveDate> = days.iter().map(|(day, _)| *day).collect();
    let is_weekend = |day: NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    for (day, substitute) in days.into_iter().filter(|(day, _)| is_weekend(*day)) {
        let other = match (substitute, day.weekday()) {
            (Substitute::None, _) => None,
            (Substitute::NearestWeekday, Weekday::Sat) => day.pred_opt(),
            (Substitute::NearestWeekday, _) => day.succ_opt(),
            (Substitute::NextWorkingDay, _) => {
                day.iter_days().find(|day| !is_weekend(*day) && !free.contains(day))
            }
        };
        free.extend(other);
    }
    free
}

fn day_in(rule: HolidayRule, year: i32) -> Option<NaiveDate> {
    match rule {
        HolidayRule::Once(day) => Some(day.date()).filter(|date| date.year() == year),
        HolidayRule::Date { month, day } => NaiveDate::from_ymd_opt(year, month.into(), day.into()),
        HolidayRule::Weekday { month, weekday, nth } => {
            let weekday = Weekday::try_from(weekday).ok()?;
            let nth_of =
                |nth: u8| NaiveDate::from_weekday_of_month_opt(year, month.into(), weekday, nth);
            match u8::try_from(nth) {
                Ok(nth) => nth_of(nth),
                Err(_) => nth_of(5).or_else(|| nth_of(4)),
            }
        }
        HolidayRule::Easter(days) => {
            let easter = easter_sunday(year)?;
            let distance = Days::new(days.unsigned_abs().into());
            match days < 0 {
                true => easter.checked_sub_days(distance),
                false => easter.checked_add_days(distance),
            }
        }
    }
}

/// Easter Sunday in the Gregorian calendar.
///
/// Source: the anonymous algorithm of Nature 13 (20 April 1876), 487, as in J. Meeus,
/// "Astronomical Algorithms" (1991), chapter 8.
fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let l = (32 + 2 * e + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(n / 31).ok()?, u32::try_from(n % 31 + 1).ok()?)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDateTime, Timelike};
    use proptest::prelude::*;

    use super::*;
    use crate::config::schedules::Schedules;

    const DECLARED: &str = "
holidays:
  england_and_wales:
    - {name: New Year's Day, month: 1, day: 1, substitute: next_working_day}
    - {name: Good Friday, easter: -2}
    - {name: Easter Monday, easter: 1}
    - {name: Early May bank holiday, month: 5, weekday: monday, nth: 1, except: [2020-05-04]}
    - {name: Victory in Europe Day, date: 2020-05-08}
    - {name: Spring bank holiday, month: 5, weekday: monday, nth: -1}
    - {name: Summer bank holiday, month: 8, weekday: monday, nth: -1}
    - {name: Christmas Day, month: 12, day: 25, substitute: next_working_day}
    - {name: Boxing Day, month: 12, day: 26, substitute: next_working_day}
  united_states:
    - {name: New Year's Day, month: 1, day: 1, substitute: nearest_weekday}
    - {name: Independence Day, month: 7, day: 4, substitute: nearest_weekday}
    - {name: Thanksgiving, month: 11, weekday: thursday, nth: 4}
schedules:
  always:
    time_zone: Europe/London
    hours: &whole
      {monday: ['00:00-24:00'], tuesday: ['00:00-24:00'], wednesday: ['00:00-24:00'],
       thursday: ['00:00-24:00'], friday: ['00:00-24:00'], saturday: ['00:00-24:00'],
       sunday: ['00:00-24:00']}
  desk:
    time_zone: Europe/London
    hours: {monday: ['09:00-17:30'], tuesday: ['09:00-17:30'], wednesday: ['09:00-17:30'],
            thursday: ['09:00-17:30'], friday: ['09:00-17:30'], saturday: ['10:00-14:00']}
    holidays: [england_and_wales]
    exceptions: {2024-12-24: ['09:00-12:00'], 2025-01-05: ['10:00-11:00']}
  night:
    time_zone: Europe/London
    hours: {friday: ['22:00-06:00'], saturday: ['22:00-06:00'], sunday: ['05:00-07:00']}
  new_york:
    time_zone: America/New_York
    hours: {monday: ['09:00-12:00', '13:00-17:00'], thursday: ['09:00-12:00', '13:00-17:00'],
            friday: ['09:00-17:00'], sunday: ['00:30-03:30']}
    holidays: [united_states]
  apia:
    time_zone: Pacific/Apia
    hours: {thursday: ['00:00-24:00'], friday: ['00:00-24:00'], saturday: ['00:00-24:00']}
";

    fn declared() -> Schedules {
        Schedules::parse("schedules.yaml", DECLARED).unwrap()
    }

    fn instant(text: &str) -> i64 {
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S");
        time.unwrap().and_utc().timestamp_micros()
    }

    /// Instants in UTC; the minutes were counted by hand from the hours and the zones' rules.
    #[test]
    fn minutes_are_those_of_the_hours() {
        let schedules = declared();
        for (schedule, from, to, expected) in [
            // An ordinary week: Tuesday 16:30 to Wednesday 10:00, London winter.
            ("desk", "2024-01-09 16:30:00", "2024-01-10 10:00:00", 60 + 60),
            // Friday 17:00 over the weekend to Monday 09:10; summer is an hour ahead of UTC.
            ("desk", "2024-06-07 16:00:00", "2024-06-10 08:10:00", 30 + 240 + 10),
            ("desk", "2024-06-10 08:10:00", "2024-06-07 16:00:00", -(30 + 240 + 10)),
            // Before, between and after hours.
            ("desk", "2024-06-07 18:00:00", "2024-06-08 08:00:00", 0),
            ("desk", "2024-06-07 08:00:00", "2024-06-07 08:00:00", 0),
            // 59.999 s are no minute.
            ("desk", "2024-06-07 08:00:00", "2024-06-07 08:00:59", 0),
            ("desk", "2024-06-07 08:00:30", "2024-06-07 08:01:30", 1),
            // Good Friday to Easter Monday 2024: closed but for the Saturday. Clocks go forward on
            // the Sunday: Thursday 17:00 is 17:00 UTC, Tuesday 10:00 is 09:00 UTC.
            ("desk", "2024-03-28 17:00:00", "2024-04-02 09:00:00", 30 + 240 + 60),
            // Christmas: the 24th has hours of its own, 25 and 26 are free.
            ("desk", "2024-12-23 17:00:00", "2024-12-27 09:30:00", 30 + 180 + 30),
            // A Sunday with hours of its own, over the turn of the year (1 January is free).
            ("desk", "2024-12-31 17:00:00", "2025-01-06 09:00:00", 30 + 2 * 510 + 240 + 60),
            // The day that clocks go forward has 23 hours, the day that they go back 25.
            ("always", "2024-03-31 00:00:00", "2024-03-31 23:00:00", 23 * 60),
            ("always", "2024-10-26 23:00:00", "2024-10-28 00:00:00", 25 * 60),
            ("always", "2024-01-01 00:00:00", "2025-01-01 00:00:00", 366 * 24 * 60),
            ("always", "2022-01-01 00:00:00", "2026-01-01 00:00:00", 1461 * 24 * 60),
            // A night shift is an hour shorter when clocks go forward, an hour longer when they go
            // back: Saturday 22:00 to Sunday 06:00, then the Sunday's own from 05:00 to 07:00.
            ("night", "2024-03-30 12:00:00", "2024-03-31 12:00:00", 7 * 60 + 60),
            ("night", "2024-10-26 12:00:00", "2024-10-27 12:00:00", 9 * 60 + 60),
            ("night", "2024-06-07 00:00:00", "2024-06-10 00:00:00", 16 * 60 + 60),
            // New York changes on other days: 10 March and 3 November, at 2 in the morning. Of
            // 00:30 to 03:30 the hour from 2 to 3 is skipped, that from 1 to 2 is there twice.
            ("new_york", "2024-03-10 00:00:00", "2024-03-11 00:00:00", 120),
            ("new_york", "2024-11-03 00:00:00", "2024-11-04 00:00:00", 240),
            // Monday 9:00 in New York is 13:00 UTC in summer, 14:00 in winter.
            ("new_york", "2024-03-11 13:00:00", "2024-03-11 14:00:00", 60),
            ("new_york", "2024-03-04 13:00:00", "2024-03-04 14:30:00", 30),
            ("new_york", "2024-03-04 13:00:00", "2024-03-05 13:00:00", 7 * 60),
            // Thanksgiving, and 4 July 2026, a Saturday: the Friday before is free.
            ("new_york", "2024-11-28 00:00:00", "2024-11-29 00:00:00", 0),
            ("new_york", "2026-07-02 00:00:00", "2026-07-04 12:00:00", 7 * 60),
            // Samoa skipped Friday, 30 December 2011.
            ("apia", "2011-12-29 10:00:00", "2011-12-31 10:00:00", 48 * 60),
        ] {
            let mut clock = BusinessClock::new(schedules.get(schedule).unwrap());
            let minutes = clock.minutes(instant(from), instant(to));
            assert_eq!(minutes, Some(expected), "{schedule} {from} to {to}");
        }
        let mut clock = BusinessClock::new(schedules.get("always").unwrap());
        assert_eq!(clock.minutes(instant("2024-01-01 00:00:00"), i64::MAX), None);
        assert_eq!(clock.minutes(0, instant("9999-12-31 00:00:00")), None);
    }

    /// gov.uk/bank-holidays for England and Wales (2022 without the jubilee's and the
    /// mourning's, 2023 without the coronation's).
    #[test]
    fn bank_holidays_are_those_of_england_and_wales() {
        let schedules = declared();
        let rules = &schedules.get("desk").unwrap().holidays;
        let days = |year: i32| {
            let is_working = |day: &NaiveDate| day.weekday().num_days_from_monday() < 5;
            let days = holidays(rules, year).into_iter().filter(is_working);
            days.map(|day| day.format("%m-%d").to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(days(2020), "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28");
        assert_eq!(days(2021), "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28");
        assert_eq!(days(2022), "01-03 04-15 04-18 05-02 05-30 08-29 12-26 12-27");
        assert_eq!(days(2023), "01-02 04-07 04-10 05-01 05-29 08-28 12-25 12-26");
        assert_eq!(days(2024), "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26");
    }

    /// Meeus, chapter 8, and the extremes.
    #[test]
    fn easter_is_when_it_is() {
        for expected in [
            "1818-03-22",
            "1886-04-25",
            "1943-04-25",
            "1954-04-18",
            "1991-03-31",
            "1992-04-19",
            "1993-04-11",
            "2000-04-23",
            "2024-03-31",
            "2025-04-20",
            "2038-04-25",
        ] {
            let year = expected[..4].parse().unwrap();
            assert_eq!(easter_sunday(year).unwrap().to_string(), expected);
        }
    }

    /// Whether the schedule is open in the minute that begins at an instant, from its definition.
    fn is_open(schedule: &Schedule, instant: i64) -> bool {
        let local = DateTime::from_timestamp_micros(instant).unwrap();
        let local = local.with_timezone(&schedule.time_zone).naive_local();
        let minute = (local.hour() * 60 + local.minute()) as u16;
        let hours = |date: NaiveDate| match schedule.exceptions.get(&Day::new(date)) {
            Some(spans) => spans.clone(),
            None if holidays(&schedule.holidays, date.year()).contains(&date) => vec![],
            None => schedule.hours[date.weekday().num_days_from_monday() as usize].clone(),
        };
        let today = hours(local.date());
        let yesterday = hours(local.date().pred_opt().unwrap());
        today.iter().any(|span| span.from <= minute && minute < span.to)
            || yesterday.iter().any(|span| minute + 1440 < span.to)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn minutes_agree_with_looking_at_the_clock_every_minute(
            name in prop::sample::select(vec!["always", "desk", "night", "new_york", "apia"]),
            // Around the changes of clocks and the turn of years.
            start in prop::sample::select(vec![
                "2024-03-08 00:00:00", "2024-03-28 00:00:00", "2024-10-25 00:00:00",
                "2024-11-01 00:00:00", "2024-12-22 00:00:00", "2011-12-28 00:00:00",
            ]),
            skip in 0i64..4 * 1440,
            length in 0i64..8 * 1440,
        ) {
            let schedules = declared();
            let schedule = schedules.get(name).unwrap();
            let from = instant(start) + skip * MINUTE;
            let to = from + length * MINUTE;
            let open = (0..length).filter(|minute| is_open(schedule, from + minute * MINUTE));
            let expected = open.count() as i64;
            let mut clock = BusinessClock::new(schedule);
            prop_assert_eq!(clock.minutes(from, to), Some(expected));
        }
    }
}
