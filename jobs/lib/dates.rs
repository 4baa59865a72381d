//! Days, and half-open ranges of them. Never "today": a run's days are always given.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar day, written `YYYY-MM-DD`: one partition of every table.
///
/// Held as days since 1970-01-01 (arrow's Date32), for days are counted and compared at every row
/// and shown seldom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The first and the last day that chrono knows, beyond which no arithmetic goes.
    const MIN: Day = Day(NaiveDate::MIN.to_epoch_days());
    const MAX: Day = Day(NaiveDate::MAX.to_epoch_days());

    /// The day of a chrono date.
    pub fn new(date: NaiveDate) -> Self {
        Day(date.to_epoch_days())
    }

    /// The day as a chrono date.
    pub fn date(self) -> NaiveDate {
        // No day lies outside of what chrono knows.
        NaiveDate::from_epoch_days(self.0).unwrap_or(NaiveDate::MAX)
    }

    /// The weekday.
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        match self.0.rem_euclid(7) {
            0 => Weekday::Thu,
            1 => Weekday::Fri,
            2 => Weekday::Sat,
            3 => Weekday::Sun,
            4 => Weekday::Mon,
            5 => Weekday::Tue,
            _ => Weekday::Wed,
        }
    }

    /// The day `count` days later.
    pub fn plus(self, count: u64) -> Self {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        Day(self.0.saturating_add(count)).min(Day::MAX)
    }

    /// The day `count` days earlier.
    pub fn minus(self, count: u64) -> Self {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        Day(self.0.saturating_sub(count)).max(Day::MIN)
    }

    /// Days since 1970-01-01: arrow's Date32.
    pub fn to_epoch(self) -> i32 {
        self.0
    }

    /// The day that is `days` days after 1970-01-01; none where chrono knows no such day.
    pub fn from_epoch(days: i32) -> Option<Self> {
        (Day::MIN..=Day::MAX).contains(&Day(days)).then_some(Day(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.date(), formatter)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Day({self})")
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // chrono accepts `2010-1-2`; a partition's name has one spelling only.
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Day::new);
        date.filter(|day| day.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a day, expected YYYY-MM-DD such as 2024-02-29"))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The half-open interval of days `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayRange {
    /// The first day.
    pub from: Day,
    /// The day after the last.
    pub to: Day,
}

impl DayRange {
    /// The range `[from, to)`; none where it holds no day.
    pub fn new(from: Day, to: Day) -> Option<Self> {
        (from < to).then_some(DayRange { from, to })
    }

    /// The range that holds `day` alone.
    pub fn one(day: Day) -> Self {
        DayRange { from: day, to: day.plus(1) }
    }

    /// The days in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        (self.from.0..self.to.0).map(Day)
    }

    /// How many days there are.
    pub fn day_count(self) -> usize {
        usize::try_from(self.to.to_epoch() - self.from.to_epoch()).unwrap_or(0)
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}, {})", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling() {
        assert!("2024-02-29".parse::<Day>().is_ok());
        for wrong in ["2023-02-29", "2024-2-9", "20240209", "", "2024-02-29 ", "0000-00-00"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn epoch_days_agree_with_arrow() -> Result<(), String> {
        assert_eq!("1970-01-01".parse::<Day>()?.to_epoch(), 0);
        assert_eq!("2010-12-01".parse::<Day>()?.to_epoch(), 14_944);
        assert_eq!(Day::from_epoch(14_944), Some("2010-12-01".parse()?));
        Ok(())
    }

    #[test]
    fn days_agree_with_chrono() {
        let start = NaiveDate::from_ymd_opt(1890, 1, 1).unwrap();
        for (count, date) in (0_u64..).zip(start.iter_days().take(100_000)) {
            let day = Day::new(date);
            assert_eq!(day, Day::new(start).plus(count));
            assert_eq!(day.minus(count), Day::new(start));
            assert_eq!(day.date(), date);
            assert_eq!(day.weekday(), chrono::Datelike::weekday(&date), "{day}");
            assert_eq!(day.to_string(), date.format("%Y-%m-%d").to_string());
        }
    }

    #[test]
    fn arithmetic_stays_among_the_days_that_chrono_knows() {
        let day = Day::new(NaiveDate::default());
        let (first, last) = (Day::new(NaiveDate::MIN), Day::new(NaiveDate::MAX));
        for count in [1 << 31, u64::MAX] {
            assert_eq!((day.minus(count), day.plus(count)), (first, last));
        }
        assert_eq!((first.date(), last.date()), (NaiveDate::MIN, NaiveDate::MAX));
        assert_eq!(Day::from_epoch(last.to_epoch()), Some(last));
        assert_eq!(Day::from_epoch(last.to_epoch() + 1), None);
        assert_eq!(Day::from_epoch(first.to_epoch() - 1), None);
        assert_eq!(Day::from_epoch(i32::MAX), None);
    }

    #[test]
    fn a_range_is_half_open() -> Result<(), String> {
        let range = DayRange::new("2024-02-28".parse()?, "2024-03-01".parse()?).ok_or("empty")?;
        assert_eq!(range.day_count(), 2);
        let days: Vec<_> = range.days().map(|day| day.to_string()).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29"]);
        assert_eq!(DayRange::new(range.to, range.from), None);
        Ok(())
    }
}
