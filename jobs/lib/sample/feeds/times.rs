//! Days and instants in the writings of the exporting systems.

use crate::dates::Day;
use crate::sample::digits::two;
use crate::sample::facts::Instant;
use crate::sample::world::calendar::{DAY, london_offset};

/// What a calendar and a clock on the wall show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wall {
    year: u32,
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
        year: year as u32,
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
    /// `2024-03-04`
    fn iso_date(self) -> [u8; 10] {
        let ([a, b, c, d], [e, f], [g, h]) = (self.year(), two(self.month), two(self.day));
        [a, b, c, d, b'-', e, f, b'-', g, h]
    }

    /// `04/03/2024`, or with another mark.
    fn date_with(self, mark: u8) -> [u8; 10] {
        let ([a, b], [c, d], [e, f, g, h]) = (two(self.day), two(self.month), self.year());
        [a, b, mark, c, d, mark, e, f, g, h]
    }

    /// Four digits: no year has more here.
    fn year(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (two(self.year / 100), two(self.year % 100));
        [a, b, c, d]
    }

    /// `09:12`
    fn minutes(self) -> [u8; 5] {
        let ([a, b], [c, d]) = (two(self.seconds / 3600), two(self.seconds / 60 % 60));
        [a, b, b':', c, d]
    }

    /// `09:12:05`
    fn clock(self) -> [u8; 8] {
        let ([a, b, _, c, d], [e, f]) = (self.minutes(), two(self.seconds % 60));
        [a, b, b':', c, d, b':', e, f]
    }
}

/// `2024-03-04T09:12:05Z`
pub fn push_rfc3339(out: &mut Vec<u8>, at: Instant) {
    let wall = wall(at);
    out.extend_from_slice(&wall.iso_date());
    out.push(b'T');
    out.extend_from_slice(&wall.clock());
    out.push(b'Z');
}

/// `2024-03-04 09:12:05`, London's clock.
pub fn push_london(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    out.extend_from_slice(&wall.iso_date());
    out.push(b' ');
    out.extend_from_slice(&wall.clock());
}

/// `04/03/2024 09:12:05`, London's clock.
pub fn push_london_slashes(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    out.extend_from_slice(&wall.date_with(b'/'));
    out.push(b' ');
    out.extend_from_slice(&wall.clock());
}

/// `04/03/2024 09:12`, London's clock.
pub fn push_london_slashes_to_the_minute(out: &mut Vec<u8>, at: Instant) {
    let wall = london(at);
    out.extend_from_slice(&wall.date_with(b'/'));
    out.push(b' ');
    out.extend_from_slice(&wall.minutes());
}

/// `2024-03-04`
pub fn push_day(out: &mut Vec<u8>, day: Day) {
    out.extend_from_slice(&wall_of_day(day).iso_date());
}

/// `04/03/2024`
pub fn push_day_slashes(out: &mut Vec<u8>, day: Day) {
    out.extend_from_slice(&wall_of_day(day).date_with(b'/'));
}

/// `04.03.2024`
pub fn push_day_dots(out: &mut Vec<u8>, day: Day) {
    out.extend_from_slice(&wall_of_day(day).date_with(b'.'));
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
