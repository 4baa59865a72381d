//! Files that go wrong: which, on which day, and how.

use std::collections::BTreeMap;

use super::FileFault;
use crate::dates::{Day, DayRange};
use crate::sample::feeds::Feed;
use crate::sample::people::Dirt;

/// A file fault that is to be, once in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    fault: FileFault,
    feed: Feed,
    /// On this day of the run, from 0, or the first after it on which the file has rows.
    from: u64,
}

const fn wanted(fault: FileFault, feed: Feed, from: u64) -> Wanted {
    Wanted { fault, feed, from }
}

const LIGHT: &[Wanted] = &[
    wanted(FileFault::ReplayedFile, Feed::LoyaltyEntries, 2),
    wanted(FileFault::DoubledFile, Feed::SurveyResponses, 4),
];

const HEAVY: &[Wanted] = &[
    wanted(FileFault::ReplayedFile, Feed::LoyaltyEntries, 2),
    wanted(FileFault::ReplayedFile, Feed::WebEvents, 3),
    wanted(FileFault::DoubledFile, Feed::SurveyResponses, 4),
    wanted(FileFault::DoubledFile, Feed::DeviceEvents, 5),
    wanted(FileFault::TruncatedFile, Feed::ShopOrders, 6),
    wanted(FileFault::WrongEncoding, Feed::Refunds, 7),
];

/// The least run in which a file is refused, in days: a shorter one is for trying things out.
const DAYS_WITH_REFUSALS: usize = 10;

/// The day of the run, from 0, from which on [`FileFault::SchemaDrift`] holds.
pub const DRIFT_FROM: u64 = 9;

/// Whether columns have drifted by a day.
pub fn has_drifted(dirt: Dirt, run: DayRange, day: Day) -> bool {
    dirt != Dirt::None && day >= run.from.plus(DRIFT_FROM)
}

/// The file faults of a run that are still to come: only the first part's files have any.
#[derive(Debug, Clone)]
pub struct FileFaults {
    run: DayRange,
    to_come: Vec<Wanted>,
}

impl FileFaults {
    /// All faults of a run.
    pub fn new(dirt: Dirt, run: DayRange) -> FileFaults {
        let of_level = match dirt {
            Dirt::None => &[],
            Dirt::Light => LIGHT,
            Dirt::Heavy => HEAVY,
        };
        let is_long = run.day_count() >= DAYS_WITH_REFUSALS;
        let to_come = of_level
            .iter()
            .filter(|wanted| is_long || wanted.fault.outcome() != super::Outcome::Refused)
            .copied()
            .collect();
        FileFaults { run, to_come }
    }

    /// The faults of a window's files. `has_rows` tells which files have any.
    pub fn plan(
        &mut self,
        window: DayRange,
        has_rows: impl Fn(Feed, Day) -> bool,
    ) -> BTreeMap<(Feed, Day), FileFault> {
        let mut planned = BTreeMap::new();
        let run = self.run;
        self.to_come.retain(|wanted| {
            let fits = |day: &Day| {
                let is_replayed = wanted.fault == FileFault::ReplayedFile;
                let is_there = !is_replayed || day.plus(1) < run.to;
                *day >= run.from.plus(wanted.from) && is_there && has_rows(wanted.feed, *day)
            };
            let day = window.days().find(fits);
            if let Some(day) = day {
                planned.insert((wanted.feed, day), wanted.fault);
            }
            day.is_none()
        });
        planned
    }
}

/// The name of a file that comes again, which sorts behind the first: `sales-0001_again.csv.zst`.
pub fn renamed(path: &str, addition: &str) -> String {
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at(name_at);
    let (stem, extensions) = name.split_at(name.find('.').unwrap_or(name.len()));
    format!("{folder}{stem}_{addition}{extensions}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> DayRange {
        DayRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    #[test]
    fn each_fault_happens_once_on_the_first_day_it_can() {
        let run = range("2024-03-01", "2024-03-21");
        let quiet: Day = "2024-03-03".parse().unwrap();
        let mut faults = FileFaults::new(Dirt::Heavy, run);
        let first = faults.plan(range("2024-03-01", "2024-03-06"), |_, day| day != quiet);
        let shown: Vec<_> = first.iter().map(|((_, day), _)| day.to_string()).collect();
        assert_eq!(shown, ["2024-03-04", "2024-03-05", "2024-03-04"]);
        let second = faults.plan(range("2024-03-06", "2024-03-21"), |_, _| true);
        assert_eq!(first.len() + second.len(), HEAVY.len());
        assert!(faults.plan(range("2024-03-06", "2024-03-21"), |_, _| true).is_empty());
    }

    #[test]
    fn short_runs_have_no_refused_files() {
        let run = range("2024-03-01", "2024-03-09");
        let planned = FileFaults::new(Dirt::Heavy, run).plan(run, |_, _| true);
        assert_eq!(planned.len(), 4);
        let run = range("2024-03-01", "2024-03-02");
        assert!(FileFaults::new(Dirt::Heavy, run).plan(run, |_, _| true).is_empty());
        assert!(FileFaults::new(Dirt::None, run).plan(run, |_, _| true).is_empty());
    }

    #[test]
    fn a_second_name_keeps_what_comes_after_the_first_dot() {
        assert_eq!(renamed("a/b.c/x-0001.csv.zst", "again"), "a/b.c/x-0001_again.csv.zst");
        assert!(renamed("x-0001.csv", "copy").as_str() > "x-0001.csv");
    }
}
