//! Cases as they stand at the end of each day: kept as changes, which add up.

use std::collections::BTreeMap;

use super::sums::Sums;
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Case, CaseEventKind, Instant};
use crate::sample::world::calendar::{london_day, london_midnight};

/// Upper edges of the durations' bins, minutes; the last bin has none.
const EDGES: [i64; 11] = [5, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 4_320, 10_080];

/// Bins of durations.
pub(super) const BINS: usize = EDGES.len() + 1;

/// Days that the table `service` looks back on.
const WINDOW_DAYS: u64 = 28;

/// Places of what is counted of cases.
pub(super) const CASES: usize = 0;
pub(super) const COMPLAINTS: usize = 1;
pub(super) const ANSWERED: usize = 2;
pub(super) const RESOLVED: usize = 3;
pub(super) const REOPENED: usize = 4;
pub(super) const REOPENABLE: usize = 5;
pub(super) const OPEN_UNANSWERED: usize = 6;
pub(super) const OPEN_COMPLAINTS: usize = 7;
/// The first of the bins of minutes to the first reply.
pub(super) const REPLY_BINS: usize = 8;
/// The first of the bins of minutes to the last resolution.
pub(super) const RESOLUTION_BINS: usize = REPLY_BINS + BINS;
/// How many figures there are.
pub(super) const FIGURES: usize = RESOLUTION_BINS + BINS;

/// What is counted of some cases.
pub(super) type Figures = [i64; FIGURES];

/// The changes from one day's end to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CaseChanges {
    /// Of the figures, by day of opening and channel.
    figures: Sums<(Day, &'static str), FIGURES>,
    /// Of the cases with a duration, by day of opening, channel, which of [`Durations`], minutes.
    durations: Sums<(Day, &'static str, usize, i64), 1>,
}

/// Minutes to the first reply, and to the resolution that holds.
pub(super) type Durations = [Option<i64>; 2];

/// The minutes that half and nine tenths of the cases took at most, those that wait last: of the
/// first reply, then of the resolution. None where that many have not got so far.
pub(super) type Quantiles = [Option<i64>; 4];

/// Cases by minutes, for each of [`Durations`].
type Distribution = [BTreeMap<i64, i64>; 2];

/// A row of the table `service`: the day, the day of opening and the channel, what is counted.
pub(super) type ServiceRow = (Day, (Day, &'static str), Figures, Quantiles);

impl CaseChanges {
    /// Adds what changed of a case in a window (`is_in`).
    ///
    /// A case that was opened before the first exported day becomes known with its first event
    /// since, as it stands at the end of that day.
    pub(super) fn add(&mut self, case: &Case, days: DayRange, is_in: &impl Fn(Instant) -> bool) {
        let first = london_midnight(days.from);
        let key = (london_day(case.opened_at), case.channel);
        let times = std::iter::once(case.opened_at).chain(case.events.iter().map(|event| event.at));
        let mut changed: Vec<Day> = times.filter(|at| *at >= first).map(london_day).collect();
        changed.dedup();
        let (mut before, mut took_before) = ([0; FIGURES], [None; 2]);
        for day in changed {
            let (after, took) = figures(case, london_midnight(day.plus(1)));
            if is_in(london_midnight(day)) {
                let mut change = after;
                change.iter_mut().zip(before).for_each(|(change, before)| *change -= before);
                self.figures.add(day, key, change);
                for (which, (before, now)) in took_before.into_iter().zip(took).enumerate() {
                    for (minutes, count) in [(before, -1), (now, 1)] {
                        if let Some(minutes) = minutes.filter(|_| before != now) {
                            self.durations.add(day, (key.0, key.1, which, minutes), [count]);
                        }
                    }
                }
            }
            (before, took_before) = (after, took);
        }
    }

    /// Adds the changes of another one.
    pub(super) fn merge(&mut self, other: CaseChanges) {
        self.figures.merge(other.figures);
        self.durations.merge(other.durations);
    }

    /// The figures at the end of each day by day of opening and channel (with the total `all`),
    /// for cases opened in the 28 days up to it.
    pub(super) fn service(&self, days: DayRange) -> Vec<ServiceRow> {
        let with_total = self.durations.regrouped(|(opened_on, channel, which, minutes)| {
            [(opened_on, channel, which, minutes), (opened_on, "all", which, minutes)]
        });
        let mut changes = with_total.rows().into_iter().peekable();
        let mut took: BTreeMap<(Day, &'static str), Distribution> = BTreeMap::new();
        let mut rows = vec![];
        self.each_day(days, |day, standing| {
            while let Some((_, (opened_on, channel, which, minutes), [change])) =
                changes.next_if(|(changed, _, _)| *changed <= day)
            {
                let distribution = took.entry((opened_on, channel)).or_default();
                *distribution[which].entry(minutes).or_default() += change;
            }
            let oldest = day.minus(WINDOW_DAYS - 1);
            let recent = standing.range((oldest, "")..).filter(|(_, sums)| sums[CASES] > 0);
            rows.extend(recent.map(|(key, sums)| {
                let quantiles = took.get(key).map(|took| quantiles(took, sums[CASES]));
                (day, *key, *sums, quantiles.unwrap_or_default())
            }));
        });
        rows
    }

    /// What is open at the end of each day, by channel; the total `all` is always there. With the
    /// count of those opened more than seven days before, and the day of the oldest.
    pub(super) fn backlog(&self, days: DayRange) -> Vec<Backlog> {
        let mut rows = vec![];
        self.each_day(days, |day, standing| {
            let mut by_channel: BTreeMap<&'static str, Backlog> = BTreeMap::new();
            by_channel.insert("all", Backlog::empty(day, "all"));
            for ((opened_on, channel), sums) in standing {
                let open = sums[CASES] - sums[RESOLVED];
                if open == 0 {
                    continue;
                }
                let row = by_channel.entry(channel).or_insert_with(|| Backlog::empty(day, channel));
                row.open_count += open;
                row.unanswered_count += sums[OPEN_UNANSWERED];
                row.complaint_count += sums[OPEN_COMPLAINTS];
                if *opened_on < day.minus(7) {
                    row.old_count += open;
                }
                row.oldest = Some(row.oldest.map_or(*opened_on, |oldest| oldest.min(*opened_on)));
            }
            rows.extend(by_channel.into_values());
        });
        rows
    }

    /// Calls `tell` with the standing figures at the end of each day.
    fn each_day(
        &self,
        days: DayRange,
        mut tell: impl FnMut(Day, &BTreeMap<(Day, &'static str), Figures>),
    ) {
        let with_total = self
            .figures
            .regrouped(|(opened_on, channel)| [(opened_on, channel), (opened_on, "all")]);
        let mut standing: BTreeMap<(Day, &'static str), Figures> = BTreeMap::new();
        let mut changes = with_total.rows().into_iter().peekable();
        for day in days.days() {
            while let Some((_, key, change)) = changes.next_if(|(changed, _, _)| *changed <= day) {
                let sums = standing.entry(key).or_insert([0; FIGURES]);
                sums.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
            }
            tell(day, &standing);
        }
    }
}

/// A row of the backlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) day: Day,
    pub(super) channel: &'static str,
    pub(super) open_count: i64,
    pub(super) unanswered_count: i64,
    pub(super) complaint_count: i64,
    pub(super) old_count: i64,
    pub(super) oldest: Option<Day>,
}

impl Backlog {
    fn empty(day: Day, channel: &'static str) -> Backlog {
        Backlog {
            day,
            channel,
            open_count: 0,
            unanswered_count: 0,
            complaint_count: 0,
            old_count: 0,
            oldest: None,
        }
    }
}

/// The nearest-rank quantiles of `count` cases, of which those without a duration wait.
fn quantiles(took: &Distribution, count: i64) -> Quantiles {
    let ranks = [(count + 1) / 2, (count * 9 + 9) / 10];
    let mut quantiles = [None; 4];
    let places = (0..2).flat_map(|which| ranks.map(|rank| (which, rank)));
    for (quantile, (which, rank)) in quantiles.iter_mut().zip(places) {
        let mut seen = 0;
        *quantile = took[which].iter().find_map(|(minutes, cases)| {
            seen += cases;
            (seen >= rank).then_some(*minutes)
        });
    }
    quantiles
}

/// A case's figures and durations as it stands just before `until`.
pub(super) fn figures(case: &Case, until: Instant) -> (Figures, Durations) {
    let is_complaint = i64::from(case.case_type == "complaint");
    let mut replied_at = None;
    let mut resolved_at = None;
    let mut is_reopened = false;
    for event in case.events.iter().take_while(|event| event.at < until) {
        match &event.kind {
            // Nothing is known of it any more.
            CaseEventKind::Deleted => return ([0; FIGURES], [None; 2]),
            CaseEventKind::AgentReplied(true, _) => {
                replied_at.get_or_insert(event.at);
            }
            CaseEventKind::Solved => resolved_at = Some(event.at),
            CaseEventKind::Reopened => {
                resolved_at = None;
                is_reopened = true;
            }
            _ => {}
        }
    }
    let (is_answered, is_resolved) = (replied_at.is_some(), resolved_at.is_some());
    let mut figures = [0; FIGURES];
    figures[CASES] = 1;
    figures[COMPLAINTS] = is_complaint;
    figures[ANSWERED] = is_answered.into();
    figures[RESOLVED] = is_resolved.into();
    figures[REOPENED] = is_reopened.into();
    figures[REOPENABLE] = (is_reopened || is_resolved).into();
    figures[OPEN_UNANSWERED] = (!is_resolved && !is_answered).into();
    figures[OPEN_COMPLAINTS] = if is_resolved { 0 } else { is_complaint };
    let took = [replied_at, resolved_at].map(|at| at.map(|at| (at - case.opened_at) / 60));
    for (first, minutes) in [REPLY_BINS, RESOLUTION_BINS].into_iter().zip(took) {
        if let Some(minutes) = minutes {
            figures[first + EDGES.partition_point(|edge| *edge < minutes)] = 1;
        }
    }
    (figures, took)
}

/// The events of a case, as `service_events` counts them: opened, first replies, solved, reopened,
/// ratings, sum of ratings.
pub(super) fn events(case: &Case) -> Vec<(Instant, [i64; 6])> {
    let mut events = vec![(case.opened_at, [1, 0, 0, 0, 0, 0])];
    let mut is_answered = false;
    for event in &case.events {
        let sums = match event.kind {
            CaseEventKind::AgentReplied(true, _) if !is_answered => {
                is_answered = true;
                [0, 1, 0, 0, 0, 0]
            }
            CaseEventKind::Solved => [0, 0, 1, 0, 0, 0],
            CaseEventKind::Reopened => [0, 0, 0, 1, 0, 0],
            CaseEventKind::Rated(rating) => [0, 0, 0, 0, 1, rating.into()],
            _ => continue,
        };
        events.push((event.at, sums));
    }
    events
}

/// A rating of a case, as exports tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ToldRating {
    /// The day whose export tells of it first.
    pub(super) told_on: Day,
    /// The day that the export dates it on.
    pub(super) rated_on: Day,
    /// When, as far as the export says.
    pub(super) at: Option<Instant>,
    /// 1 worst to 5 best.
    pub(super) stars: u8,
}

/// The ratings of a case that exports from the day `from` on tell of, in order of the day.
///
/// A case is told whole on each day on which something happened to it. The desk tells every
/// rating with its time; North only the one that holds at the end of the day, without a time, so
/// that it is news where it is another than before.
pub(super) fn told_ratings(case: &Case, from: Day) -> Vec<ToldRating> {
    let told_days = told_days(case, from);
    let Some(first) = told_days.first().copied() else { return vec![] };
    let ratings: Vec<(Instant, u8)> = case
        .events
        .iter()
        .filter_map(|event| match event.kind {
            CaseEventKind::Rated(stars) => Some((event.at, stars)),
            _ => None,
        })
        .collect();
    if !case.is_north {
        let told = |(at, stars): (Instant, u8)| {
            let rated_on = london_day(at);
            ToldRating { told_on: rated_on.max(first), rated_on, at: Some(at), stars }
        };
        return ratings.into_iter().map(told).collect();
    }
    let mut known = None;
    let mut told = vec![];
    for day in told_days {
        let holds = ratings.iter().rev().find(|(at, _)| london_day(*at) <= day);
        let stars = holds.map(|(_, stars)| *stars);
        if let Some(stars) = stars.filter(|_| stars != known) {
            told.push(ToldRating { told_on: day, rated_on: day, at: None, stars });
        }
        known = stars;
    }
    told
}

/// A contact of a case between the customer and the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contact {
    /// The day whose export tells of it first.
    pub(super) told_on: Day,
    /// The day that the export dates it on.
    pub(super) day: Day,
    /// When, as far as the export says.
    pub(super) at: Option<Instant>,
    /// What, as `interaction_kind`.
    pub(super) kind: &'static str,
}

/// What happens to a case between the customer and the company, as exports from the day `from` on
/// tell of it.
///
/// A case is told whole on each day on which something happened to it: of what came to pass twice
/// since the day before that it was told on, the last is told.
pub(super) fn contacts(case: &Case, from: Day) -> Vec<Contact> {
    #[derive(Clone, Copy)]
    struct State {
        replied_at: Option<Instant>,
        resolved_at: Option<Instant>,
        reopened_at: Option<Instant>,
    }
    let mut state = State { replied_at: None, resolved_at: None, reopened_at: None };
    let mut known = None;
    let mut contacts = vec![];
    let mut events = case.events.iter().peekable();
    for told_on in told_days(case, from) {
        while let Some(event) = events.next_if(|event| london_day(event.at) <= told_on) {
            match event.kind {
                CaseEventKind::AgentReplied(true, _) => {
                    state.replied_at.get_or_insert(event.at);
                }
                CaseEventKind::Solved => state.resolved_at = Some(event.at),
                CaseEventKind::Reopened => {
                    state.resolved_at = None;
                    state.reopened_at = Some(event.at);
                }
                _ => {}
            }
        }
        let opened = known.is_none().then_some(case.opened_at);
        let before: Option<State> = known.replace(state);
        let news = |at: Option<Instant>, before: Option<Instant>| at.filter(|_| at != before);
        let before = before.map_or([None; 3], |it| [it.replied_at, it.resolved_at, it.reopened_at]);
        let happened = [
            ("case_opened", opened),
            ("case_replied", news(state.replied_at, before[0])),
            ("case_resolved", news(state.resolved_at, before[1])),
            ("case_reopened", news(state.reopened_at, before[2])),
        ];
        for (kind, at) in happened {
            let Some(at) = at else { continue };
            // North's desk does not say when it was reopened.
            let is_dated = !(case.is_north && kind == "case_reopened");
            let day = if is_dated { london_day(at) } else { told_on };
            contacts.push(Contact { told_on, day, at: is_dated.then_some(at), kind });
        }
    }
    contacts
}

/// Days within which a complaint is closed quickly, and within which it must be.
const QUICK_DAYS: i64 = 3;
const MOST_DAYS: i64 = 56;

/// The first of the exported days, from `from` on, that tells of a case; none where none does.
pub(super) fn first_told_on(case: &Case, from: Day) -> Option<Day> {
    told_days(case, from).into_iter().next()
}

/// The days, from `from` on, whose exports tell how a case stands: those on which something happened
/// to it, but the one on which it is deleted.
fn told_days(case: &Case, from: Day) -> Vec<Day> {
    let events = case.events.iter().filter(|event| event.kind != CaseEventKind::Deleted);
    let times = std::iter::once(case.opened_at).chain(events.map(|event| event.at));
    let mut days: Vec<Day> = times.map(london_day).filter(|day| *day >= from).collect();
    days.dedup();
    days
}

/// What is counted of complaints on a day: opened, by somebody who had complained before, first
/// closed, of them within 3 days, after that within 8 weeks, later, decided, upheld.
pub(super) type Complaints = [i64; 8];

/// That a complaint was opened, as [`Complaints`].
pub(super) const OPENED: Complaints = [1, 0, 0, 0, 0, 0, 0, 0];
/// The same by somebody who had complained before.
pub(super) const REPEATED: Complaints = [1, 1, 0, 0, 0, 0, 0, 0];

/// The closing of a complaint: when, and what is counted.
pub(super) fn closing(case: &Case) -> Option<(Instant, Complaints)> {
    let solved = case.events.iter().find(|event| event.kind == CaseEventKind::Solved)?;
    let took = solved.at - case.opened_at;
    let is_quick = took <= QUICK_DAYS * 86_400;
    let is_in_time = took <= MOST_DAYS * 86_400;
    // North's desk does not say what it decided.
    let decided = case.is_upheld.filter(|_| !case.is_north);
    let sums = [
        0,
        0,
        1,
        i64::from(is_quick),
        i64::from(is_in_time && !is_quick),
        i64::from(!is_in_time),
        i64::from(decided.is_some()),
        i64::from(decided == Some(true)),
    ];
    Some((solved.at, sums))
}
