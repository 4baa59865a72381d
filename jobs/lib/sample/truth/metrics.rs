//! The metrics' true daily values: what the metric tables must say of clean exports whose records
//! are all linked to the right persons.
//!
//! Every fact counts on its own business day and on `dt`, the day it is told: the same, but of facts
//! that are late. What is never told, or told in a row that nobody can read, does not count
//! ([`told`]). Definitions, columns and types are those of the metric tables of the same name, as far
//! as they are counts and sums; scores follow from them. Rows with `all` are totals over the others.
//!
//! What counts persons, visits and states holds for facts that are all told on their own days.
//!
//! | table | one row a `dt` and … |
//! | --- | --- |
//! | `revenue` | day of the document or, of what was taken back, of the purchase; currency, channel, customer type |
//! | `nps`, `csat`, `ces` | response day, survey, channel; ratings of cases are answers to `csat` |
//! | `sentiment` | day and kind of the text, topic, channel, with the true sentiment |
//! | `service` | day of opening in the 28 days up to `dt`, channel: as known at its end |
//! | `service_backlog` | channel with open cases: at the end of the day |
//! | `service_events` | channel: opened, first answered, solved, reopened, rated on the day |
//! | `complaints` | day of opening or first closing, topic, channel |
//! | `complaint_rates` | window of days up to `dt` |
//! | `complaint_retention` | horizon, cohort: who bought again |
//! | `personalisation` | day of the offer, action: whom it fits, who it was offered to, and who took it |
//! | `channel_consistency` | window, what is measured, channel |
//! | `social`, `share_of_voice` | day of the post, platform, topic, with the true sentiment |
//! | `reviews` | day and channel of the review |
//! | `community` | day and topic of the post |
//! | `web` | channel |
//! | `campaigns` | day, campaign: what was done |
//! | `campaign_results` | campaign: who was chosen and bought so far, and its true uplift |
//! | `spend`, `acquisition` | channel, campaign: money spent |
//! | `advocacy` | window of days up to `dt`: who recommended the company |
//! | `attribution` | day of the order, model, channel: what it has of the orders |
//! | `acquisition_cohorts` | month, channel: what was spent so far |
//! | `journey_map` | touchpoint: contacts in 28 days |
//! | `journey_stages`, `journey_stage_times` | stage and channel: who entered it, and how long they stayed |
//! | `journey_paths` | pair of steps of which one followed the other |
//! | `journey_variants` | variant: whose steps came in that order |
//! | `attribution_effects` | channel: paths over it, and what would be lost without it |
//! | `data_health` | entity, source: what is told, and what of it late |
//! | `last_touch` | how the visit began in which an order was placed |
//! | `loyalty`, `loyalty_balances` | day of the entry; at the end of the day |
//! | `retention` | month of the first known purchase: at the end of the day |
//! | `first_visits` | how the person's first visit began: persons who first bought on the day |
//! | `churn` | —: who has not left, at the end of the day |
//! | `segments` | recency, frequency and value of known purchases: at the end of the day |
//!
//! It does not know people's records: what counts persons holds for perfect resolution.

mod courses;
mod credit;
mod follows;
mod forum;
mod frames;
mod journeys;
mod offers;
mod paths;
mod retention;
mod segments;
mod sentiment;
mod service;
mod standing;
mod steps;
mod sums;
mod told;
mod windows;

use std::collections::{HashMap, HashSet};

use chrono::Datelike;

use self::courses::Churn;
use self::forum::Threads;
pub use self::offers::ContactNews;
use self::paths::{PathFact, Variant};
use self::segments::Segments;
use self::service::CaseChanges;
pub use self::standing::Standings;
use self::steps::Entry;
use self::sums::{Sums, Telling};
pub use self::told::{Deviations, OddOrders};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{
    CampaignIndex, Case, Consent, Facts, Instant, KnownBy, Order, PersonIndex, Refund, Shop,
    Survey, SurveyResponse, Text, WebEvent,
};
use crate::sample::people::Record;
use crate::sample::world::World;
use crate::sample::world::calendar::{day_of, london_day, london_midnight};

/// Sums by day that any parts of the facts can be added to, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricTruth {
    days: DayRange,
    /// By the row's day, channel and customer type: orders, refunds, units, returned units, gross,
    /// discount, refunded (pence), of purchases of the row's day returned units and refunded;
    /// cost of the goods.
    revenue: Sums<(Day, &'static str, &'static str), 10>,
    /// By day of the answer, survey and channel: asked, then the answers by score from 0.
    surveys: Sums<(Day, Survey, &'static str), 12>,
    cases: CaseChanges,
    /// By the day they are told, the day of the rating and channel: the ratings of cases, as
    /// `surveys` has answers; then of each case the first one, and whether good, and the latest.
    ratings: Sums<(Day, &'static str), 16>,
    /// By channel: opened, first replies, solved, reopened, ratings, sum of ratings.
    service_events: Sums<&'static str, 6>,
    /// By the day they are told, the event's day, topic and channel.
    complaints: Sums<(Day, &'static str, &'static str), 8>,
    /// By the day they are told, the day of the text, its kind, topic and channel: texts, positive,
    /// neutral, negative, sum of sentiment in hundredths and of its squares.
    sentiment: Sums<(Day, &'static str, &'static str, &'static str), 6>,
    /// By day, platform and topic: posts, replies among them, sum of sentiment in hundredths,
    /// positive, negative, views, followers, reactions.
    mentions: Sums<(Day, &'static str, &'static str), 8>,
    /// By day: reviews by stars from 1, and sum of sentiment in hundredths.
    reviews: Sums<Day, 6>,
    /// By day and topic: questions, answers, accepted answers, ideas, votes.
    community: Sums<(Day, &'static str), 5>,
    threads: Threads,
    /// By channel: sessions, events, events logged in, then events by kind.
    web: Sums<&'static str, 10>,
    /// By day and campaign: treated, control, the events by kind, purchases brought and their net
    /// value (pence).
    campaigns: Sums<(Day, CampaignIndex), 10>,
    /// By campaign: those of the treated and of the control that bought for the first time while it
    /// ran.
    campaign_buyers: Sums<CampaignIndex, 2>,
    /// By how the visit began: orders placed in it, and their net value (pence).
    last_touch: Sums<&'static str, 2>,
    /// By day: entries; earned, redeemed, expired, adjusted, each as the change of the balance.
    loyalty: Sums<Day, 5>,
    /// Members: those who joined on the day, less those who left.
    members: Sums<(), 1>,
    /// By month of the first known purchase: first, second purchases.
    cohorts: Sums<Day, 2>,
    /// By month of the first known purchase: those whose first purchase of a month is on the day.
    active: Sums<Day, 1>,
    /// By how the first visit began: persons who first bought, of them recommended ones, and ones
    /// whom the seller knew.
    first_visits: Sums<&'static str, 3>,
    churn: Churn,
    segments: Segments,
    /// By day of the order, model and channel: orders credited, in millionths.
    credit: Sums<(Day, &'static str, &'static str), 1>,
    /// By day and touchpoint: contacts.
    touches: Sums<(Day, &'static str), 1>,
    /// By the stage that persons entered, its channel and days: how many.
    entries: Sums<Entry, 1>,
    /// By variant of the steps of 28 days: persons, their steps, buyers among them.
    variants: Sums<Variant, 3>,
    /// Of the paths of 30 days.
    paths: Sums<PathFact, 1>,
    /// Of the steps of 28 days: which followed which.
    follows: Sums<follows::Pair, 4>,
    /// By the day on which an action began to fit, and the action.
    offers: Sums<(Day, &'static str), { offers::count::ALL }>,
    /// By horizon (days) and cohort, as of the day: persons, and those of them who bought again.
    complaint_retention: Sums<(u64, &'static str), 2>,
    /// By the day on which a recommendation was used, and who had made it: how many. They grow with
    /// the recommendations of the exported days, which are few.
    referrals: Sums<(Day, PersonIndex), 1>,
    /// By entity and source: facts, and of them those of an earlier day. Of web events only what
    /// differs from `web`.
    health: Sums<(&'static str, &'static str), 2>,
}

/// The kinds of web events, as the table's columns have them.
const WEB_KINDS: [&str; 7] =
    ["page_view", "search", "product_view", "add_to_cart", "checkout", "purchase", "video_view"];

impl MetricTruth {
    /// Nothing has happened yet in the exported days.
    pub fn new(days: DayRange) -> MetricTruth {
        MetricTruth {
            days,
            revenue: Sums::default(),
            surveys: Sums::default(),
            cases: CaseChanges::default(),
            ratings: Sums::default(),
            service_events: Sums::default(),
            complaints: Sums::default(),
            sentiment: Sums::default(),
            mentions: Sums::default(),
            reviews: Sums::default(),
            community: Sums::default(),
            threads: Threads::default(),
            web: Sums::default(),
            campaigns: Sums::default(),
            campaign_buyers: Sums::default(),
            last_touch: Sums::default(),
            loyalty: Sums::default(),
            members: Sums::default(),
            cohorts: Sums::default(),
            active: Sums::default(),
            first_visits: Sums::default(),
            churn: Churn::new(days),
            segments: Segments::new(days),
            credit: Sums::default(),
            touches: Sums::default(),
            entries: Sums::default(),
            variants: Sums::default(),
            paths: Sums::default(),
            follows: Sums::default(),
            offers: Sums::default(),
            complaint_retention: Sums::default(),
            referrals: Sums::default(),
            health: Sums::default(),
        }
    }

    /// Counts the facts of a window.
    ///
    /// `facts` are those of [`crate::sample::life::facts`] for some persons and the window; what
    /// else they hold is passed over. Each person's window must be added once, in order of the
    /// windows; `standings` are those of the same persons after the window before, and then after
    /// this one.
    pub fn add(
        &mut self,
        world: &World,
        facts: &Facts,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let (from, to) = (london_midnight(window.from), london_midnight(window.to));
        let is_in = |at: Instant| from <= at && at < to;
        self.add_by_day(world, facts, window, standings);
        self.add_credit(world, facts, standings, &is_in);
        standings.forget_touches(window.to);
        self.add_steps(world, facts, window, standings);
        self.add_complaint_retention(facts, window, standings);
        for case in &facts.cases {
            self.cases.add(case, self.days, &is_in);
            self.add_case_events(case, &is_in);
            self.add_case_texts(case, &is_in);
        }
        self.add_web(facts, &is_in);
        for it in facts.survey_responses.iter().filter(|it| is_in(response_at(it))) {
            self.tell_response(it, Telling::once(london_day(response_at(it))));
        }
        for it in facts.mentions.iter().filter(|it| is_in(it.posted_at)) {
            self.tell_mention(it, Telling::once(london_day(it.posted_at)));
        }
        for it in facts.reviews.iter().filter(|it| is_in(it.posted_at)) {
            self.tell_review(it, Telling::once(london_day(it.posted_at)));
        }
        for it in facts.community_posts.iter().filter(|it| is_in(it.posted_at)) {
            self.tell_post(it, Telling::once(london_day(it.posted_at)));
        }
        for it in facts.campaign_contacts.iter().filter(|it| is_in(it.at)) {
            self.tell_campaign_contact(it, Telling::once(london_day(it.at)));
        }
        for it in facts.campaign_events.iter().filter(|it| is_in(it.at)) {
            self.tell_campaign_event(it, Telling::once(london_day(it.at)));
        }
        for it in facts.loyalty_entries.iter().filter(|it| is_in(it.at)) {
            self.tell_loyalty_entry(it, Telling::once(london_day(it.at)));
        }
        for it in facts.referrals.iter().filter(|it| is_in(it.at)) {
            self.tell_referral(it, Telling::once(london_day(it.at)));
        }
        for it in facts.consents.iter().filter(|it| is_in(it.at)) {
            self.tell_consent(it, Telling::once(london_day(it.at)));
        }
        for it in facts.device_events.iter().filter(|it| is_in(it.at)) {
            self.tell_device_event(it.kind, it.at, Telling::once(london_day(it.at)));
        }
    }

    /// Counts the consents of before the first exported day, which is told of them all.
    pub fn add_register(&mut self, consents: &[Consent]) {
        for consent in consents {
            self.tell_consent(consent, Telling::once(self.days.from));
        }
    }

    /// Counts a member while their card is valid: their first card, for a second one does not
    /// make a second member.
    pub fn add_member(&mut self, card: &Record) {
        if card.until.is_none_or(|until| until > self.days.from) {
            // Who joined before is there from the first day on.
            self.members.add(card.since.max(self.days.from), (), [1]);
            if let Some(until) = card.until {
                self.members.add(until, (), [-1]);
            }
        }
    }

    /// Adds what another one counted: of other persons, or in other windows.
    pub fn merge(&mut self, other: MetricTruth) {
        self.revenue.merge(other.revenue);
        self.surveys.merge(other.surveys);
        self.cases.merge(other.cases);
        self.ratings.merge(other.ratings);
        self.service_events.merge(other.service_events);
        self.complaints.merge(other.complaints);
        self.sentiment.merge(other.sentiment);
        self.mentions.merge(other.mentions);
        self.reviews.merge(other.reviews);
        self.community.merge(other.community);
        self.threads.merge(other.threads);
        self.web.merge(other.web);
        self.campaigns.merge(other.campaigns);
        self.campaign_buyers.merge(other.campaign_buyers);
        self.last_touch.merge(other.last_touch);
        self.loyalty.merge(other.loyalty);
        self.members.merge(other.members);
        self.cohorts.merge(other.cohorts);
        self.active.merge(other.active);
        self.first_visits.merge(other.first_visits);
        self.churn.merge(&other.churn);
        self.segments.merge(&other.segments);
        self.credit.merge(other.credit);
        self.touches.merge(other.touches);
        self.entries.merge(other.entries);
        self.variants.merge(other.variants);
        self.paths.merge(other.paths);
        self.follows.merge(other.follows);
        self.offers.merge(other.offers);
        self.complaint_retention.merge(other.complaint_retention);
        self.referrals.merge(other.referrals);
        self.health.merge(other.health);
    }

    /// Counts what depends on what was known of the persons before, in order of the days.
    fn add_by_day(
        &mut self,
        world: &World,
        facts: &Facts,
        window: DayRange,
        standings: &mut Standings,
    ) {
        let from = london_midnight(window.from);
        let mut orders = facts.orders.iter().skip_while(|it| it.placed_at < from).peekable();
        let mut refunds = facts.refunds.iter().skip_while(|it| it.refunded_at < from).peekable();
        // Complaints by the day that tells of them first.
        let complaints = facts.cases.iter().filter(|case| case.case_type == "complaint");
        let mut complaints: Vec<(Day, &Case)> = complaints
            .filter_map(|case| Some((service::first_told_on(case, self.days.from)?, case)))
            .collect();
        complaints.sort_by_key(|(told_on, case)| (*told_on, case.opened_at, case.number));
        let mut complaints = complaints.into_iter().peekable();
        for day in window.days() {
            let end = london_midnight(day.plus(1));
            while let Some(order) = orders.next_if(|it| it.placed_at < end) {
                self.add_order(world, order, day, standings);
            }
            while let Some(refund) = refunds.next_if(|it| it.refunded_at < end) {
                self.add_refund(world, refund, day, standings);
            }
            while let Some((told_on, case)) = complaints.next_if(|it| it.0 <= day) {
                if told_on == day {
                    let is_repeat = standings.complain(case.person, case.opened_at);
                    let sums = if is_repeat { service::REPEATED } else { service::OPENED };
                    let key = (london_day(case.opened_at), case.topic, case.channel);
                    self.complaints.add(day, key, sums);
                }
            }
            self.segments.add(day, standings);
        }
    }

    fn add_order(&mut self, world: &World, order: &Order, day: Day, standings: &mut Standings) {
        if order.known_by != KnownBy::Nothing {
            standings.buy(order, day);
        }
        self.tell_order(world, order, &order.lines, Telling::once(day));
        self.add_retention(order, day);
    }

    fn add_refund(&mut self, world: &World, refund: &Refund, day: Day, standings: &mut Standings) {
        let first_on = match refund.known_by {
            KnownBy::Nothing => None,
            _ => Some(standings.refund(refund)),
        };
        let bought_on = self.purchase_day(refund);
        self.tell_refund(world, refund, bought_on, first_on, Telling::once(day));
    }

    fn add_retention(&mut self, order: &Order, day: Day) {
        if order.known_by == KnownBy::Nothing {
            return;
        }
        let (count, first_on, last_on) = match order.earlier {
            None => (0, day, None),
            Some(earlier) => {
                (earlier.count, london_day(earlier.first_at), Some(london_day(earlier.last_at)))
            }
        };
        let cohort = month_of(first_on);
        self.cohorts.add(day, cohort, [i64::from(count == 0), i64::from(count == 1)]);
        if last_on.is_none_or(|last_on| month_of(last_on) < month_of(day)) {
            self.active.add(day, cohort, [1]);
        }
    }

    fn add_case_events(&mut self, case: &Case, is_in: &impl Fn(Instant) -> bool) {
        let mut before: Option<service::ToldRating> = None;
        for rating in service::told_ratings(case, self.days.from) {
            if is_in(london_midnight(rating.told_on)) {
                let is_good = i64::from(rating.stars >= 4);
                let mut sums = [0; 16];
                sums[..12].copy_from_slice(&answer(Some(rating.stars)));
                sums[14..].copy_from_slice(&[1, is_good]);
                match before {
                    None => sums[12..14].copy_from_slice(&[1, is_good]),
                    // What was the latest is so no more.
                    Some(before) => {
                        let mut sums = [0; 16];
                        sums[14..].copy_from_slice(&[-1, -i64::from(before.stars >= 4)]);
                        self.ratings.add(rating.told_on, (before.rated_on, case.channel), sums);
                    }
                }
                self.ratings.add(rating.told_on, (rating.rated_on, case.channel), sums);
                let desk = if case.is_north { "north" } else { "desk" };
                let telling = Telling::once(rating.told_on);
                let at = london_midnight(rating.rated_on);
                self.tell_health("survey_responses", desk, at, telling);
                self.touches.tell(telling, (rating.rated_on, "support"), [1]);
            }
            before = Some(rating);
        }
        for contact in service::contacts(case, self.days.from) {
            if is_in(london_midnight(contact.told_on)) {
                self.touches.add(contact.told_on, (contact.day, "support"), [1]);
            }
        }
        for (at, sums) in service::events(case) {
            if is_in(at) {
                self.service_events.add(london_day(at), case.channel, sums);
            }
        }
        if case.case_type == "complaint"
            && let Some(first) = service::first_told_on(case, self.days.from)
            && let Some((at, sums)) = service::closing(case)
        {
            let day = london_day(at);
            let told_on = day.max(first);
            if is_in(london_midnight(told_on)) {
                self.complaints.add(told_on, (day, case.topic, case.channel), sums);
            }
        }
    }

    fn add_web(&mut self, facts: &Facts, is_in: &impl Fn(Instant) -> bool) {
        // Sessions of the day; the same session counts again after midnight.
        let mut sessions: Vec<(Day, u64, &'static str)> = vec![];
        for event in facts.web_events.iter().filter(|event| is_in(event.at)) {
            let day = london_day(event.at);
            let mut sums = [0; 10];
            sums[1] = 1;
            sums[2] = i64::from(event.is_logged_in);
            if let Some(kind) = WEB_KINDS.iter().position(|kind| *kind == event.kind) {
                sums[3 + kind] = 1;
            }
            self.web.add(day, event.channel, sums);
            sessions.push((day, event.session, event.channel));
        }
        self.add_last_touch(facts, is_in);
        self.add_visits(facts, is_in);
        sessions.sort_unstable();
        sessions.dedup();
        for (day, _, channel) in sessions {
            let mut sums = [0; 10];
            sums[0] = 1;
            self.web.add(day, channel, sums);
        }
    }

    /// Counts each visit once, on the day of the first of its events that is exported.
    fn add_visits(&mut self, facts: &Facts, is_in: &impl Fn(Instant) -> bool) {
        let events = || facts.web_events.iter().filter(|event| is_in(event.at));
        // The first event of a visit has its number.
        let begun = |event: &&WebEvent| event.number == event.session;
        let visits: HashSet<u64> = events().filter(begun).map(|event| event.session).collect();
        let mut first_days: HashMap<u64, Day> = HashMap::new();
        for event in events() {
            let day = london_day(event.at);
            if begun(&event) {
                self.touches.add(day, (day, "visit"), [1]);
            } else if day == self.days.from && !visits.contains(&event.session) {
                // It began before anything was exported.
                first_days.insert(event.session, day);
            }
        }
        for day in first_days.into_values() {
            self.touches.add(day, (day, "visit"), [1]);
        }
    }

    /// Credits each order that was placed in a visit to how the visit began.
    fn add_last_touch(&mut self, facts: &Facts, is_in: &impl Fn(Instant) -> bool) {
        let orders = facts.orders.iter().filter(|order| is_in(order.placed_at));
        let orders: HashMap<u64, &Order> = orders.map(|order| (order.number, order)).collect();
        for event in &facts.web_events {
            if let Some(order) = event.order.and_then(|number| orders.get(&number)) {
                let day = london_day(order.placed_at);
                self.last_touch.add(day, event.referrer, [1, order.net()]);
            }
        }
    }
}

/// The channel of a shop, as orders have it.
fn channel_of(shop: Shop) -> &'static str {
    match shop {
        Shop::Web => "web",
        Shop::App => "app",
        Shop::Till(_) => "store",
    }
}

/// When a response is told of: when it is answered, else when it was asked for.
fn response_at(response: &SurveyResponse) -> Instant {
    response.answered_at.unwrap_or(response.invited_at)
}

/// One answer, as `surveys` counts it.
fn answer(score: Option<u8>) -> [i64; 12] {
    let mut sums = [0; 12];
    sums[0] = 1;
    if let Some(sum) = score.and_then(|score| sums.get_mut(usize::from(score) + 1)) {
        *sum = 1;
    }
    sums
}

/// The first day of a day's month.
fn month_of(day: Day) -> Day {
    day_of(day.date().year(), day.date().month(), 1)
}

/// A text's true sentiment in hundredths.
fn hundredths(text: &Text) -> i64 {
    (f64::from(text.sentiment) * 100.0).round() as i64
}

#[cfg(test)]
mod tests;
