//! Opening hours as people declare them: weekly hours in a time zone, holidays by date or by rule,
//! and days that have hours of their own. How many minutes of them lie between two instants is
//! `algorithms::business_time`'s concern.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::yaml::{self, Spanned};
use crate::dates::Day;
use crate::errors::{Result, did_you_mean};

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Every schedule of a project, by its name.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Schedules {
    by_name: BTreeMap<String, Schedule>,
}

/// When a desk, a shop or a team is open.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// The zone whose clocks the hours are read from.
    #[serde(serialize_with = "zone_name")]
    pub time_zone: Tz,
    /// The hours that begin on each weekday, Monday first; none where it is closed.
    pub hours: [Vec<Span>; 7],
    /// Days on which no hours begin.
    pub holidays: Vec<Holiday>,
    /// Days with hours of their own, whatever the weekday's and holidays say; none: closed.
    pub exceptions: BTreeMap<Day, Vec<Span>>,
}

/// Hours that belong to the day they begin on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// When they begin, in minutes after midnight: 0 to 1439.
    pub from: u16,
    /// When they end, in minutes after that midnight: above 1440 they end on the next day.
    pub to: u16,
}

/// A holiday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holiday {
    /// The day it falls on.
    pub rule: HolidayRule,
    /// The day that is free too where it falls on a weekend.
    pub substitute: Substitute,
    /// Days of the rule that were none: moved, or given up.
    pub except: BTreeSet<Day>,
}

/// When a holiday is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HolidayRule {
    /// Once, on this day.
    Once(Day),
    /// Every year on a date; 29 February only in leap years.
    Date {
        /// The month, from 1.
        month: u8,
        /// The day of the month, from 1.
        day: u8,
    },
    /// Every year on a weekday of a month.
    Weekday {
        /// The month, from 1.
        month: u8,
        /// The weekday, 0 for Monday.
        weekday: u8,
        /// Which of the month: 1 for the first, -1 for the last.
        nth: i8,
    },
    /// Every year so many days after (before) Easter Sunday of the Western churches.
    Easter(i16),
}

/// What a holiday on a Saturday or Sunday does to the working days beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Substitute {
    /// Nothing.
    #[default]
    None,
    /// The next working day that is no holiday itself is free, as in the United Kingdom.
    NextWorkingDay,
    /// The Friday before a Saturday, the Monday after a Sunday is free, as in the United States.
    NearestWeekday,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    holidays: BTreeMap<String, Vec<WrittenHoliday>>,
    schedules: BTreeMap<String, WrittenSchedule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSchedule {
    time_zone: Spanned<String>,
    hours: WrittenHours,
    #[serde(default)]
    holidays: Vec<Spanned<String>>,
    #[serde(default)]
    exceptions: BTreeMap<String, Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHours {
    #[serde(default)]
    monday: Vec<Spanned<String>>,
    #[serde(default)]
    tuesday: Vec<Spanned<String>>,
    #[serde(default)]
    wednesday: Vec<Spanned<String>>,
    #[serde(default)]
    thursday: Vec<Spanned<String>>,
    #[serde(default)]
    friday: Vec<Spanned<String>>,
    #[serde(default)]
    saturday: Vec<Spanned<String>>,
    #[serde(default)]
    sunday: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHoliday {
    name: Spanned<String>,
    date: Option<Spanned<String>>,
    month: Option<Spanned<u8>>,
    day: Option<u8>,
    weekday: Option<WrittenWeekday>,
    nth: Option<Spanned<i8>>,
    easter: Option<Spanned<i16>>,
    #[serde(default)]
    substitute: Substitute,
    #[serde(default)]
    except: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenWeekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Schedules {
    /// Reads the schedules at `path`; without a file there are none.
    ///
    /// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) with the place.
    pub fn read(path: Option<&Path>) -> Result<Schedules> {
        let Some(path) = path else { return Ok(Schedules::default()) };
        Schedules::of(&path.display().to_string(), yaml::read(path)?)
    }

    /// Reads the schedules in `text`; `name` says in errors where it came from.
    ///
    /// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) with the place.
    pub fn parse(name: &str, text: &str) -> Result<Schedules> {
        Schedules::of(name, yaml::parse(name, text)?)
    }

    fn of(file: &str, written: Written) -> Result<Schedules> {
        let mut sets = BTreeMap::new();
        for (name, holidays) in written.holidays {
            let read = holidays.into_iter().map(|holiday| holiday_of(file, holiday));
            sets.insert(name, read.collect::<Result<Vec<_>>>()?);
        }
        let mut by_name = BTreeMap::new();
        for (name, schedule) in written.schedules {
            by_name.insert(name, schedule_of(file, schedule, &sets)?);
        }
        Ok(Schedules { by_name })
    }

    /// The schedule of a name.
    pub fn get(&self, name: &str) -> Option<&Schedule> {
        self.by_name.get(name)
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Those of `names`, all where `names` is none: what a table depends on that uses them.
    pub fn among<'a>(
        &'a self,
        names: Option<&'a BTreeSet<String>>,
    ) -> BTreeMap<&'a str, Option<&'a Schedule>> {
        match names {
            None => self.by_name.iter().map(|(name, found)| (name.as_str(), Some(found))).collect(),
            Some(names) => names.iter().map(|name| (name.as_str(), self.get(name))).collect(),
        }
    }
}

fn zone_name<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

fn schedule_of(
    file: &str,
    written: WrittenSchedule,
    sets: &BTreeMap<String, Vec<Holiday>>,
) -> Result<Schedule> {
    let zone = &written.time_zone;
    let time_zone = zone.value.parse::<Tz>().map_err(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = did_you_mean(&zone.value, known);
        yaml::mistake(file, zone, format!("unknown time zone `{}`{hint}", zone.value))
    })?;
    let WrittenHours { monday, tuesday, wednesday, thursday, friday, saturday, sunday } =
        written.hours;
    let week = [monday, tuesday, wednesday, thursday, friday, saturday, sunday];
    let mut hours: [Vec<Span>; 7] = Default::default();
    for (spans, written) in hours.iter_mut().zip(&week) {
        *spans = spans_of(file, written)?;
    }
    let mut holidays = vec![];
    for name in &written.holidays {
        let Some(set) = sets.get(&name.value) else {
            let hint = did_you_mean(&name.value, sets.keys().map(String::as_str));
            let what = format!("there are no holidays `{}`{hint}", name.value);
            return Err(yaml::mistake(file, name, what));
        };
        holidays.extend(set.iter().cloned());
    }
    let mut exceptions = BTreeMap::new();
    for (date, written) in &written.exceptions {
        let day = date.parse::<Day>().map_err(|what| yaml::mistake(file, zone, what))?;
        exceptions.insert(day, spans_of(file, written)?);
    }
    Ok(Schedule { time_zone, hours, holidays, exceptions })
}

/// The hours of a day in their order, none of which overlap.
fn spans_of(file: &str, written: &[Spanned<String>]) -> Result<Vec<Span>> {
    let mut spans: Vec<(Span, &Spanned<String>)> = vec![];
    for text in written {
        let span = span_of(&text.value).map_err(|what| yaml::mistake(file, text, what))?;
        spans.push((span, text));
    }
    spans.sort_by_key(|(span, _)| *span);
    for pair in spans.windows(2) {
        if let [(earlier, _), (later, place)] = pair
            && later.from < earlier.to
        {
            let what = format!("`{}` overlaps with other hours of its day", place.value);
            return Err(yaml::mistake(file, place, what));
        }
    }
    Ok(spans.into_iter().map(|(span, _)| span).collect())
}

/// `09:00-17:30`; `22:00-06:00` ends on the next day, `00:00-24:00` is a whole day.
fn span_of(text: &str) -> Result<Span, String> {
    let wrong = || format!("`{text}` are no hours, expected such as 09:00-17:30 or 22:00-06:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (minute_of(from), minute_of(to));
    let (Some(from), Some(to)) = (from, to) else { return Err(wrong()) };
    if from == to || from == DAY_MINUTES {
        return Err(format!("`{text}` lasts no time; a whole day is 00:00-24:00"));
    }
    Ok(Span { from, to: if to < from { to + DAY_MINUTES } else { to } })
}

fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

fn holiday_of(file: &str, written: WrittenHoliday) -> Result<Holiday> {
    let WrittenHoliday { name, date, month, day, weekday, nth, easter, substitute, except } =
        written;
    let rule = match (date, month, day, weekday, nth, easter) {
        (Some(date), None, None, None, None, None) => {
            let day =
                date.value.parse().map_err(|what: String| yaml::mistake(file, &date, what))?;
            HolidayRule::Once(day)
        }
        (None, Some(month), Some(day), None, None, None) => {
            // 2024 has a 29 February.
            let year = 2024;
            if chrono::NaiveDate::from_ymd_opt(year, month.value.into(), day.into()).is_none() {
                let what = format!("there is no day {day} of a month {}", month.value);
                return Err(yaml::mistake(file, &month, what));
            }
            HolidayRule::Date { month: month.value, day }
        }
        (None, Some(month), None, Some(weekday), Some(nth), None) => {
            if !(1..=12).contains(&month.value) {
                let what = format!("`{}` is no month, expected 1 to 12", month.value);
                return Err(yaml::mistake(file, &month, what));
            }
            if !(1..=5).contains(&nth.value) && nth.value != -1 {
                let what = format!("`{}`: expected 1 to 5, or -1 for the last", nth.value);
                return Err(yaml::mistake(file, &nth, what));
            }
            HolidayRule::Weekday { month: month.value, weekday: weekday as u8, nth: nth.value }
        }
        (None, None, None, None, None, Some(easter)) => {
            if !(-80..=240).contains(&easter.value) {
                let what = format!("`{}` days from Easter are in another year", easter.value);
                return Err(yaml::mistake(file, &easter, what));
            }
            HolidayRule::Easter(easter.value)
        }
        _ => {
            let what = format!(
                "`{}`: when is it? expected `date`, `month` and `day`, `month`, `weekday` and \
                 `nth`, or `easter`",
                name.value
            );
            return Err(yaml::mistake(file, &name, what));
        }
    };
    let except = except
        .iter()
        .map(|text| text.value.parse::<Day>().map_err(|what| yaml::mistake(file, text, what)));
    Ok(Holiday { rule, substitute, except: except.collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_holidays_are_read() {
        let text = "
holidays:
  england:
    - {name: Christmas Day, month: 12, day: 25, substitute: next_working_day}
    - {name: Good Friday, easter: -2}
    - {name: Spring bank holiday, month: 5, weekday: monday, nth: -1}
    - {name: Coronation, date: 2023-05-08}
schedules:
  desk:
    time_zone: Europe/London
    hours:
      monday: ['13:00-17:30', '09:00-12:00']
      saturday: ['22:00-06:00']
      sunday: ['00:00-24:00']
    holidays: [england]
    exceptions: {2024-12-24: ['09:00-12:00'], 2024-12-31: []}
";
        let schedules = Schedules::parse("schedules.yaml", text).unwrap();
        let desk = schedules.get("desk").unwrap();
        assert_eq!(desk.hours[0], [Span { from: 540, to: 720 }, Span { from: 780, to: 1050 }]);
        assert_eq!(desk.hours[5], [Span { from: 1320, to: 1800 }]);
        assert_eq!(desk.hours[6], [Span { from: 0, to: 1440 }]);
        assert!(desk.hours[1].is_empty());
        assert_eq!(desk.holidays.len(), 4);
        assert_eq!(desk.exceptions.values().map(Vec::len).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(schedules.names().collect::<Vec<_>>(), ["desk"]);
        let used = BTreeSet::from(["desk".to_string()]);
        assert_eq!(schedules.among(Some(&used)), schedules.among(None));
    }

    #[test]
    fn mistakes_have_their_place() {
        let schedule = |rest: &str| {
            format!("schedules:\n  desk:\n    time_zone: UTC\n    hours: {{monday: ['{rest}']}}\n")
        };
        let holiday = |rest: &str| {
            format!("holidays:\n  ours:\n    - {{name: x, {rest}}}\nschedules: {{}}\n")
        };
        let two = "09:00-12:00', '11:00-13:00";
        for (text, expected) in [
            (schedule("9-17"), "s.yaml:4:22: `9-17` are no hours"),
            (schedule("09:00-09:00"), "lasts no time"),
            (schedule("09:00-25:00"), "are no hours"),
            (schedule(two), "s.yaml:4:37: `11:00-13:00` overlaps"),
            (schedule("09:00-12:00").replace("UTC", "Europe/Londn"), "`Europe/London`"),
            (schedule("09:00-12:00") + "    holidays: [none]\n", "no holidays `none`"),
            (schedule("09:00-12:00") + "    exceptions: {2024-2-1: []}\n", "is not a day"),
            (schedule("09:00-12:00").replace("monday", "munday"), "did you mean `monday`"),
            (holiday("month: 2, day: 30"), "s.yaml:3:24: there is no day 30 of a month 2"),
            (holiday("month: 2"), "s.yaml:3:14: `x`: when is it?"),
            (holiday("month: 2, weekday: monday, nth: 0"), "expected 1 to 5"),
            (holiday("easter: 300"), "in another year"),
            (holiday("date: 2024-02-30"), "is not a day"),
            (holiday("easter: 1, except: [soon]"), "s.yaml:3:"),
        ] {
            let message = Schedules::parse("s.yaml", &text).unwrap_err().chain();
            assert!(message.contains(expected), "{message}\n{text}");
        }
    }
}
