//! Days, and half-open ranges of them. Never "today": a run's days are always given.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar day, written `YYYY-MM-DD`: one partition of every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// The day of a chrono date.
    pub fn new(date: NaiveDate) -> Self {
        Day(date)
    }

    /// The day as a chrono date.
    pub fn date(self) -> NaiveDate {
        self.0
    }

    /// The day `count` days later.
    pub fn plus(self, count: u64) -> Self {
        Day(self.0.checked_add_days(Days::new(count)).unwrap_or(NaiveDate::MAX))
    }

    /// The day `count` days earlier.
    pub fn minus(self, count: u64) -> Self {
        Day(self.0.checked_sub_days(Days::new(count)).unwrap_or(NaiveDate::MIN))
    }

    /// Days since 1970-01-01: arrow's Date32.
    pub fn to_epoch(self) -> i32 {
        self.0.num_days_from_ce() - EPOCH_FROM_CE
    }

    /// The day that is `days` days after 1970-01-01.
    pub fn from_epoch(days: i32) -> Option<Self> {
        NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_FROM_CE)?).map(Day)
    }
}

/// Days from 0000-12-31 to 1970-01-01.
const EPOCH_FROM_CE: i32 = 719_163;

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // chrono accepts `2010-1-2`; a partition's name has one spelling only.
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Day);
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
        self.from.0.iter_days().take_while(move |date| *date < self.to.0).map(Day)
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
    fn a_range_is_half_open() -> Result<(), String> {
        let range = DayRange::new("2024-02-28".parse()?, "2024-03-01".parse()?).ok_or("empty")?;
        assert_eq!(range.day_count(), 2);
        let days: Vec<_> = range.days().map(|day| day.to_string()).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29"]);
        assert_eq!(DayRange::new(range.to, range.from), None);
        Ok(())
    }
}
