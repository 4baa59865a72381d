//! The schedule that is shipped is the one the simulated company keeps: two ways of counting its
//! opening hours, written apart, agree.

use std::path::Path;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rapport::algorithms::business_time::BusinessClock;
use rapport::config::Schedules;
use rapport::sample::world::calendar;

const DAY: i64 = 86_400;

fn seconds(year: i32, month: u32, day: u32) -> i64 {
    let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

#[test]
fn every_days_opening_hours_are_the_companys() {
    let schedules = Schedules::read(Some(Path::new("config/schedules.yaml"))).unwrap();
    let mut clock = BusinessClock::new(schedules.get("service_desk").unwrap());
    let mut day = NaiveDate::from_ymd_opt(2010, 1, 1).unwrap();
    while day < NaiveDate::from_ymd_opt(2031, 1, 1).unwrap() {
        let from = calendar::london_midnight(rapport::dates::Day::new(day));
        day = day.checked_add_days(Days::new(1)).unwrap();
        let to = calendar::london_midnight(rapport::dates::Day::new(day));
        let minutes = clock.minutes(from * 1_000_000, to * 1_000_000);
        assert_eq!(minutes, Some(calendar::business_minutes(from, to)), "the day before {day}");
    }
}

proptest! {
    #[test]
    fn minutes_between_any_two_instants_are_the_companys(
        from in seconds(2018, 1, 1)..seconds(2028, 1, 1),
        length in 0i64..40 * DAY,
    ) {
        let schedules = Schedules::read(Some(Path::new("config/schedules.yaml"))).unwrap();
        let mut clock = BusinessClock::new(schedules.get("service_desk").unwrap());
        let to = from + length;
        let minutes = clock.minutes(from * 1_000_000, to * 1_000_000);
        prop_assert_eq!(minutes, Some(calendar::business_minutes(from, to)));
    }
}
