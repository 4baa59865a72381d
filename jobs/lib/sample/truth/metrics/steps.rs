//! What brings a person and the brand together, step by step, as far as exports tell whose step it
//! is: the stages of the journey that persons enter by them.
//!
//! Counted on the day that tells of it, which is its own but of cases of before the first exported
//! day. Who was recommended is a step of who came, and of nobody else's: it may be told of persons
//! who are not at hand, so that the journeys of those who recommended lack it.

use std::collections::{BTreeMap, HashMap};

use super::standing::Standings;
use super::{MetricTruth, channel_of, service};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{Facts, Instant, KnownBy, PersonIndex, Survey, WebEvent};
use crate::sample::feeds::is_registered_device;
use crate::sample::people::{Person, System};
use crate::sample::world::World;
use crate::sample::world::calendar::{london_day, london_midnight};

/// The stages, in their order.
pub(super) const STAGES: [&str; 5] =
    ["awareness", "consideration", "purchase", "retention", "advocacy"];

/// Stages by their place in [`STAGES`].
mod stage {
    pub const AWARENESS: usize = 0;
    pub const CONSIDERATION: usize = 1;
    pub const PURCHASE: usize = 2;
    pub const RETENTION: usize = 3;
    pub const ADVOCACY: usize = 4;
}

/// Days for which steps are remembered: those of the longest window over them.
const REMEMBERED_DAYS: u64 = 30;

/// A step, in the order of a person's line of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    /// The day it happened on.
    pub(super) day: Day,
    /// When; none where the export does not say.
    pub(super) at: Option<Instant>,
    /// What, as `interaction_kind`.
    pub(super) kind: &'static str,
    pub(super) channel: &'static str,
    /// The place of the stage in [`STAGES`].
    pub(super) stage: usize,
    /// The channel of marketing that it is a touch of.
    pub(super) marketing: Option<&'static str>,
    pub(super) told_on: Day,
}

#[cfg(test)]
impl Step {
    /// A step of a day, for tests.
    pub(super) fn example(day: Day, kind: &'static str, marketing: Option<&'static str>) -> Step {
        let (channel, stage) = ("web", stage::AWARENESS);
        Step { day, at: None, kind, channel, stage, marketing, told_on: day }
    }
}

/// Steps by person, in order.
pub(super) type Steps = HashMap<PersonIndex, Vec<Step>>;

/// By stage, the day of a person's first step of it, and its channel: of several on the day the
/// first in the alphabet.
pub(super) type Firsts = [Option<(Day, &'static str)>; STAGES.len()];

/// That persons entered a stage: which, on which channel, when, and when they came into a later one.
pub(super) type Entry = (usize, &'static str, Day, Option<Day>);

impl MetricTruth {
    /// Counts the steps of a window.
    pub(super) fn add_steps(
        &mut self,
        world: &World,
        facts: &Facts,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let mut steps = self.steps(world, facts, window);
        for new in steps.values_mut() {
            new.sort_unstable();
        }
        for (person, new) in &steps {
            self.follow_stages(new, standings.firsts(*person));
        }
        self.add_offers(world, facts, &steps, window, standings);
        for (person, new) in steps {
            let all = standings.steps.entry(person).or_default();
            all.extend(new);
            all.sort_unstable();
        }
        for all in standings.steps.values() {
            self.follow_variants(all, window);
            self.follow_paths(all, window);
            self.follow_steps(all, window);
        }
        let first = window.to.minus(REMEMBERED_DAYS);
        standings.steps.retain(|_, all| {
            all.retain(|step| step.day >= first && step.told_on >= first);
            !all.is_empty()
        });
    }

    /// Notes the stages that a person enters by steps that are told now.
    fn follow_stages(&mut self, new: &[Step], firsts: Option<&mut Firsts>) {
        let Some(firsts) = firsts else { return };
        let mut by_day: BTreeMap<Day, Vec<&Step>> = BTreeMap::new();
        for step in new {
            by_day.entry(step.told_on).or_default().push(step);
        }
        for (told_on, steps) in by_day {
            let before = entries(firsts);
            for step in steps {
                let told = (step.day, step.channel);
                let first = firsts[step.stage].get_or_insert(told);
                *first = told.min(*first);
            }
            let after = entries(firsts);
            for (entries, times) in [(&before, -1), (&after, 1)] {
                for entry in entries.iter().flatten().filter(|_| before != after) {
                    self.entries.add(told_on, *entry, [times]);
                }
            }
        }
    }

    /// The known steps of a window, by person.
    fn steps(&self, world: &World, facts: &Facts, window: DayRange) -> Steps {
        let (from, to) = (london_midnight(window.from), london_midnight(window.to));
        let is_in = |at: Instant| from <= at && at < to;
        let mut steps = Steps::new();
        let mut push = |person: PersonIndex, at: Instant, kind, channel, stage, marketing| {
            let day = london_day(at);
            let step = Step { day, at: Some(at), kind, channel, stage, marketing, told_on: day };
            steps.entry(person).or_default().push(step);
        };
        let is_known = |by: KnownBy| by != KnownBy::Nothing;
        for it in facts.orders.iter().filter(|it| is_in(it.placed_at) && is_known(it.known_by)) {
            let day = london_day(it.placed_at);
            let is_returning = it.earlier.is_some_and(|it| london_day(it.first_at) < day);
            let stage = if is_returning { stage::RETENTION } else { stage::PURCHASE };
            push(it.person, it.placed_at, "order_purchase", channel_of(it.shop), stage, None);
        }
        for it in facts.refunds.iter().filter(|it| is_in(it.refunded_at) && is_known(it.known_by)) {
            let channel = channel_of(it.shop);
            push(it.person, it.refunded_at, "order_refund", channel, stage::RETENTION, None);
        }
        for it in facts.loyalty_entries.iter().filter(|it| is_in(it.at) && it.order.is_none()) {
            let kind = match it.kind {
                "earned" => "points_earned",
                "redeemed" => "points_redeemed",
                _ => continue,
            };
            push(it.person, it.at, kind, "loyalty", stage::RETENTION, None);
        }
        for it in facts.campaign_events.iter().filter(|it| is_in(it.at)) {
            let campaign = world.campaigns.get(usize::from(it.campaign));
            let channel = campaign.map_or("", |campaign| campaign.channel);
            let (kind, stage, is_touch) = match it.kind {
                "sent" => ("campaign_sent", stage::AWARENESS, channel != "email"),
                "opened" => ("campaign_opened", stage::AWARENESS, true),
                "clicked" => ("campaign_clicked", stage::CONSIDERATION, true),
                "responded" => ("campaign_responded", stage::CONSIDERATION, true),
                "unsubscribed" => ("campaign_unsubscribed", stage::AWARENESS, false),
                _ => continue,
            };
            push(it.person, it.at, kind, channel, stage, is_touch.then_some(channel));
        }
        for visit in self.visits(facts, window) {
            let stage = if visit.is_shopping { stage::CONSIDERATION } else { stage::AWARENESS };
            let marketing = Some(visit.first.referrer).filter(|referrer| *referrer != "direct");
            let WebEvent { person, at, channel, .. } = visit.first;
            push(*person, *at, "site_visited", channel, stage, marketing);
        }
        for it in facts.device_events.iter().filter(|it| is_in(it.at)) {
            let (kind, channel, stage) = match it.kind {
                "geolocation" => ("store_visited", "store", stage::CONSIDERATION),
                "video_view" => ("video_watched", "video", stage::AWARENESS),
                _ => continue,
            };
            if is_registered_device(world, it.person)
                && Person::of(world, it.person).is_in(System::Loyalty)
            {
                push(it.person, it.at, kind, channel, stage, None);
            }
        }
        for it in &facts.survey_responses {
            let Some(at) = it.answered_at.filter(|at| is_in(*at) && it.score.is_some()) else {
                continue;
            };
            let stage = match (it.touchpoint, it.survey) {
                ("checkout" | "delivery", _) => stage::PURCHASE,
                (_, Survey::Nps) => stage::ADVOCACY,
                _ => stage::RETENTION,
            };
            push(it.person, at, "survey_answered", it.channel, stage, None);
        }
        for it in facts.mentions.iter().filter(|it| is_in(it.posted_at)) {
            push(it.person, it.posted_at, "mention_posted", "social", stage::ADVOCACY, None);
        }
        for it in facts.reviews.iter().filter(|it| is_in(it.posted_at)) {
            if Person::of(world, it.person).is_in(System::Shop) {
                push(it.person, it.posted_at, "review_posted", "review", stage::ADVOCACY, None);
            }
        }
        for it in facts.community_posts.iter().filter(|it| is_in(it.posted_at)) {
            let (kind, stage) = match it.kind {
                "question" => ("community_question", stage::RETENTION),
                "answer" => ("community_answer", stage::ADVOCACY),
                "idea" => ("community_idea", stage::ADVOCACY),
                _ => ("community_vote", stage::ADVOCACY),
            };
            push(it.person, it.posted_at, kind, "community", stage, None);
        }
        let own = facts.referrals.iter().filter(|it| is_in(it.at) && it.friend.is_none());
        for it in own {
            push(it.referrer, it.at, "brand_recommended", it.channel, stage::ADVOCACY, None);
        }
        for case in &facts.cases {
            let mut add = |day, at, kind, told_on| {
                let (channel, stage) = (case.channel, stage::RETENTION);
                let step = Step { day, at, kind, channel, stage, marketing: None, told_on };
                steps.entry(case.person).or_default().push(step);
            };
            let is_told = |told_on: Day| window.from <= told_on && told_on < window.to;
            let contacts = service::contacts(case, self.days.from).into_iter();
            for it in contacts.filter(|it| is_told(it.told_on)) {
                add(it.day, it.at, it.kind, it.told_on);
            }
            let ratings = service::told_ratings(case, self.days.from).into_iter();
            for it in ratings.filter(|it| is_told(it.told_on)) {
                add(it.rated_on, it.at, "survey_answered", it.told_on);
            }
        }
        steps
    }

    /// The visits that are told first in a window and whose visitor the site knew.
    fn visits<'a>(&self, facts: &'a Facts, window: DayRange) -> Vec<Visit<'a>> {
        let (from, to) = (london_midnight(window.from), london_midnight(window.to));
        let mut visits: BTreeMap<u64, Visit> = BTreeMap::new();
        let known = facts.web_events.iter().filter(|it| it.is_logged_in);
        for event in known.filter(|it| from <= it.at && it.at < to) {
            let place = (event.at, event.number);
            let visit =
                visits.entry(event.session).or_insert(Visit { first: event, is_shopping: false });
            if place < (visit.first.at, visit.first.number) {
                visit.first = event;
            }
        }
        // What began in the window before was told then.
        let is_news = |visit: &Visit| {
            visit.first.number == visit.first.session
                || london_day(visit.first.at) == self.days.from
        };
        visits.retain(|_, visit| is_news(visit));
        for event in facts.web_events.iter().filter(|it| from <= it.at && it.at < to) {
            let is_about_goods = !["page_view", "video_view"].contains(&event.kind);
            if let Some(visit) = visits.get_mut(&event.session)
                && is_about_goods
                && london_day(event.at) == london_day(visit.first.at)
            {
                visit.is_shopping = true;
            }
        }
        visits.into_values().collect()
    }
}

/// A visit to the web site or the app.
struct Visit<'a> {
    /// The first event that is told of it.
    first: &'a WebEvent,
    /// Whether they looked for goods, or at them, on the day.
    is_shopping: bool,
}

/// The stages that somebody entered: each by its first step, unless they had been in a later one
/// before that day. They leave it with the first step of a later one.
pub(super) fn entries(firsts: &Firsts) -> [Option<Entry>; STAGES.len()] {
    std::array::from_fn(|stage| {
        let (day, channel) = firsts[stage]?;
        let next = firsts[stage + 1..].iter().flatten().map(|(day, _)| *day).min();
        next.is_none_or(|next| next >= day).then_some((stage, channel, day, next))
    })
}

/// Calls `tell` for each day of a window on which what `of` makes of somebody's steps changes, with
/// what it was and what it is from then on. `of` gets the steps that happened, and were told, in
/// the last `span` days.
pub(super) fn follow<T: PartialEq>(
    steps: &[Step],
    span: u64,
    window: DayRange,
    of: impl Fn(&[&Step]) -> T,
    mut tell: impl FnMut(Day, &T, &T),
) {
    let known = |dt: Day| -> Vec<&Step> {
        let first = dt.minus(span - 1);
        let is_known =
            |step: &&Step| step.told_on <= dt && step.told_on >= first && step.day >= first;
        steps.iter().filter(is_known).collect()
    };
    let times =
        steps.iter().flat_map(|step| [step.told_on, step.told_on.plus(span), step.day.plus(span)]);
    let mut days: Vec<Day> = times.filter(|day| window.from <= *day && *day < window.to).collect();
    days.sort_unstable();
    days.dedup();
    let mut before = of(&known(window.from.minus(1)));
    for day in days {
        let after = of(&known(day));
        if after != before {
            tell(day, &before, &after);
            before = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_stage_is_entered_once_forwards() {
        let on = |text: &str| Some((day(text), "web"));
        let firsts = [on("2024-03-05"), on("2024-03-07"), on("2024-03-05"), None, on("2024-03-09")];
        let entered =
            |stage, at: &str, next: Option<&str>| Some((stage, "web", day(at), next.map(day)));
        assert_eq!(
            entries(&firsts),
            [
                // Somebody bought on the day they heard of it.
                entered(0, "2024-03-05", Some("2024-03-05")),
                // They had bought before.
                None,
                entered(2, "2024-03-05", Some("2024-03-09")),
                None,
                entered(4, "2024-03-09", None),
            ]
        );
    }

    #[test]
    fn steps_count_from_the_day_they_are_told_until_the_window_has_passed() {
        let step = |on: &str, told_on: &str| Step {
            told_on: day(told_on),
            ..Step::example(day(on), "site_visited", None)
        };
        let steps = [step("2024-03-01", "2024-03-03"), step("2024-03-04", "2024-03-04")];
        let window = DayRange { from: day("2024-03-02"), to: day("2024-03-20") };
        let mut told = vec![];
        let count = |steps: &[&Step]| steps.len();
        follow(&steps, 7, window, count, |day, before, after| {
            told.push((day.to_string(), *before, *after));
        });
        let expected = [
            ("2024-03-03", 0, 1),
            ("2024-03-04", 1, 2),
            ("2024-03-08", 2, 1),
            ("2024-03-11", 1, 0),
        ];
        assert_eq!(told, expected.map(|(day, before, after)| (day.to_string(), before, after)));
    }
}
