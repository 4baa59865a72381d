//! The campaigns.

use chrono::Datelike;

use super::Campaign;
use crate::dates::DayRange;
use crate::sample::random::{Purpose, Stream};

const NAMES: [&str; 16] = [
    "Spring refresh",
    "Members' weekend",
    "New in the kitchen",
    "Garden days",
    "Back in stock",
    "Summer clearance",
    "We miss you",
    "Free delivery week",
    "Home office",
    "Cosy evenings",
    "Early access",
    "Gifts under £25",
    "Refer a friend",
    "Double points",
    "Sleep better",
    "Sustainably made",
];

/// Days from one campaign to the next.
const EVERY_DAYS: u64 = 5;

/// Days before the exported ones on which the first campaign starts: six campaigns come before,
/// the seventh starts on the second exported day.
const DAYS_BEFORE: u64 = 29;

/// A campaign each five days, from thirty days before the exported days on, and always at least
/// one that starts on the first or second of them.
///
/// A campaign depends on its own place in time alone, so that a longer run has the same ones.
pub(super) fn campaigns(seed: u64, days: DayRange) -> Vec<Campaign> {
    let first = days.from.minus(DAYS_BEFORE);
    let count = (days.day_count() as u64 + DAYS_BEFORE) / EVERY_DAYS + 1;
    (0..count)
        .map(|number| {
            let mut stream = Stream::of(seed, Purpose::Campaigns, &[number]);
            let starts = first.plus(number * EVERY_DAYS);
            let name = NAMES[(number as usize + stream.below(2) as usize * 7) % NAMES.len()];
            let channel = stream.pick_weighted(&[("email", 0.7), ("sms", 0.2), ("post", 0.1)]);
            Campaign {
                code: format!("CMP-{}-{:02}", starts.date().year(), number + 1),
                name: name.to_owned(),
                channel,
                starts,
                ends: starts.plus(14),
                audience_share: stream.between(40, 90) as f32 / 100.0,
                control_share: 0.1,
                uplift: stream.between(1, 5) as f32 / 100.0,
            }
        })
        .filter(|campaign| campaign.starts < days.to)
        .collect()
}
