//! Dates by how they are mistyped.

use crate::dates::Day;

/// How many days lie between two dates.
pub fn days_apart(left: Day, right: Day) -> u32 {
    left.to_epoch().abs_diff(right.to_epoch())
}

/// Whether two different dates of one year are one another with day and month swapped: 4 March
/// and 3 April.
pub fn is_day_month_swapped(left: Day, right: Day) -> bool {
    let ([left_year, left_month, left_day], [year, month, day]) = (parts(left), parts(right));
    left != right && left_year == year && left_month == day && left_day == month
}

/// How many of the eight digits of YYYYMMDD differ, place by place: a mistyped digit makes one, a
/// pair of swapped ones two.
pub fn digits_apart(left: Day, right: Day) -> u32 {
    let digits = |day: Day| {
        let [year, month, day] = parts(day);
        format!("{year:04}{month:02}{day:02}")
    };
    let (left, right) = (digits(left), digits(right));
    let differing = left.bytes().zip(right.bytes()).filter(|(left, right)| left != right).count();
    u32::try_from(differing + left.len().abs_diff(right.len())).unwrap_or(u32::MAX)
}

fn parts(day: Day) -> [i64; 3] {
    let date = day.date();
    [
        i64::from(chrono::Datelike::year(&date)),
        i64::from(chrono::Datelike::month(&date)),
        i64::from(chrono::Datelike::day(&date)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn dates_are_near_by_days_parts_and_digits() {
        for (left, right, days, is_swapped, digits) in [
            ("1971-06-24", "1971-06-24", 0, false, 0),
            ("1971-06-24", "1971-05-24", 31, false, 1),
            ("1980-03-04", "1980-04-03", 30, true, 2),
            // Equal parts swapped are the same date, which is no mistake.
            ("1980-04-04", "1980-04-04", 0, false, 0),
            ("1980-03-04", "1981-04-03", 395, false, 3),
            ("1999-12-31", "2000-01-01", 1, false, 7),
            ("1980-02-29", "1980-03-01", 1, false, 3),
        ] {
            let (left, right) = (day(left), day(right));
            for (one, other) in [(left, right), (right, left)] {
                assert_eq!(days_apart(one, other), days, "{one} {other}");
                assert_eq!(is_day_month_swapped(one, other), is_swapped, "{one} {other}");
                assert_eq!(digits_apart(one, other), digits, "{one} {other}");
            }
        }
    }
}
