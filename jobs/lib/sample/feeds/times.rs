//! Days and instants in the writings of the exporting systems.

use super::formats::{push_padded, push_two};
use crate::dates::Day;
use crate::sample::facts::Instant;
use crate::sample::world::calendar::{DAY, london_offset};

/// What a calendar and a clock on the wall show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wall {
    year: u64,
    month: u32,
    day: u32,
    /// Seconds since midnight.
    seconds: u32,
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`, for
/// days from 1970 on.
fn wall(seconds: i64) -> Wall {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Wall {
        year: year.unsigned_abs(),
        month: month as u32,
        day: day as u32,
        seconds: seconds.rem_euclid(DAY) as u32,
    }
}

fn london(at: Instant) -> Wall {
    wall(at + london_offset(at))
}

fn wall_of_day(day: Day) -> Wall {
    wall(i64::from(day.to_epoch()) * DAY)
}

impl Wall {
    fn push_iso_date(self, out: &mut Vec<u8>) {
        push_padded(out, self.year, 4);
        out.push(b'-');
        push_two(out, self.month);
        out.push(b'-');
        push_two(out, self.day);
    }

    fn push_date_with(self, out: &mut Vec<u8>, mark: u8) {
        push_two(out, self.day);
        out.push(mark);
        push_two(out, self.month);
        out.push(mark);
        push_padded(out, self.year, 4);
    }

    fn push_minutes(self, out: &mut Vec<u8>) {
        push_two(out, self.seconds / 3600);
        out.push(b':');
        push_two(out, self.seconds / 60 % 60);
    }

    fn push_seconds(self, out: &mut Vec<u8>) {
        self.push_minutes(out);
        out.push(b':');
        push_two(out, self.seconds % 60);
    }
}

/// `2024-03-04T09:12:05Z`
pub fn push_rfc3339(out: &mut Vec<u8>, at: Instant) {
    let wall = wall(at);
    wall.push_iso_date(out);
    out.push(b'T');
    wall.push_seconds(out);
    out.push(b'Z');
}

/// `2024-03-04 09:12:05`, London's clock.
pub fn push_london(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    wall.push_iso_date(out);
    out.push(b' ');
    wall.push_seconds(out);
}

/// `04/03/2024 09:12:05`, London's clock.
pub fn push_london_slashes(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    wall.push_date_with(out, b'/');
    out.push(b' ');
    wall.push_seconds(out);
}

/// `04/03/2024 09:12`, London's clock.
pub fn push_london_slashes_to_the_minute(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    wall.push_date_with(out, b'/');
    out.push(b' ');
    wall.push_minutes(out);
}

/// `2024-03-04`
pub fn push_day(out: &mut Vec<u8>, day: Day) {
    wall_of_day(day).push_iso_date(out);
}

/// `04/03/2024`
pub fn push_day_slashes(out: &mut Vec<u8>, day: Day) {
    wall_of_day(day).push_date_with(out, b'/');
}

/// `04.03.2024`
pub fn push_day_dots(out: &mut Vec<u8>, day: Day) {
    wall_of_day(day).push_date_with(out, b'.');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writings_agree_with_chrono() {
        let zone = chrono_tz::Europe::London;
        // Every 7 hours and a bit: four years of days, leap day and changes of clocks included.
        for at in (1_640_995_200_i64..1_767_225_600).step_by(25_201) {
            let utc = chrono::DateTime::from_timestamp(at, 0).unwrap();
            let local = utc.with_timezone(&zone);
            assert_eq!(
                text(|out| push_rfc3339(out, at)),
                utc.format("%Y-%m-%dT%H:%M:%SZ").to_string()
            );
            assert_eq!(
                text(|out| push_london(out, at)),
                local.format("%Y-%m-%d %H:%M:%S").to_string()
            );
            assert_eq!(
                text(|out| push_london_slashes(out, at)),
                local.format("%d/%m/%Y %H:%M:%S").to_string()
            );
            assert_eq!(
                text(|out| push_london_slashes_to_the_minute(out, at)),
                local.format("%d/%m/%Y %H:%M").to_string()
            );
        }
    }

    #[test]
    fn days_are_written_in_three_ways() {
        let day: Day = "1984-02-29".parse().unwrap();
        assert_eq!(text(|out| push_day(out, day)), "1984-02-29");
        assert_eq!(text(|out| push_day_slashes(out, day)), "29/02/1984");
        assert_eq!(text(|out| push_day_dots(out, day)), "29.02.1984");
        let before: Day = "1969-12-31".parse().unwrap();
        assert_eq!(text(|out| push_day(out, before)), "1969-12-31");
    }
}
