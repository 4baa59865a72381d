//! On which day each fact is told, and in what order a day's facts stand in their file.

use super::Feed;
use crate::dates::{Day, DayRange};
use crate::sample::dirt::Shares;
use crate::sample::facts::{Facts, Instant, Shop};
use crate::sample::random::{self, Purpose};
use crate::sample::world::calendar;

/// A fact that is told on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Its place in its list of [`Facts`].
    pub index: u32,
    /// Days between its own and the one it is told on.
    pub delay: u8,
    /// Whether it stands behind later facts.
    pub is_out_of_order: bool,
    /// Whether it is told twice.
    pub telling: Telling,
}

/// Which telling of a fact it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Telling {
    /// The only one.
    #[default]
    Only,
    /// The first one; the fact is told again on a later day.
    First,
    /// The one on a later day.
    Again,
}

/// When a feed tells the facts of its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// For each day of the window, what is told, in order.
    pub days: Vec<Vec<Told>>,
    /// What is told after the window.
    pub later: Vec<u32>,
    /// What would be told after the last exported day.
    pub never: Vec<u32>,
}

/// What there is to know of a fact to place it.
struct Fact {
    at: Instant,
    number: u64,
}

impl Schedule {
    /// The schedule of a feed in a window of a run over `run`.
    pub fn of(
        seed: u64,
        feed: Feed,
        facts: &Facts,
        shares: Shares,
        window: DayRange,
        run: DayRange,
    ) -> Schedule {
        let build = Builder { seed, feed, shares, window, run };
        let orders = |wanted: fn(Shop) -> bool| {
            build.schedule(facts.orders.iter().map(|order| {
                let fact = Fact { at: order.placed_at, number: order.number };
                wanted(order.shop).then_some(fact)
            }))
        };
        /// The schedule of one list of facts.
        macro_rules! list {
            ($list:ident, $fact:ident, $at:expr, $number:expr) => {
                build.schedule(
                    facts.$list.iter().map(|$fact| Some(Fact { at: $at, number: $number })),
                )
            };
        }
        match feed {
            Feed::ConsentEvents => list!(consents, fact, fact.at, fact.number),
            Feed::CampaignContacts => {
                list!(
                    campaign_contacts,
                    fact,
                    fact.at,
                    fact.person << 16 | u64::from(fact.campaign)
                )
            }
            Feed::CampaignEvents => list!(campaign_events, fact, fact.at, fact.number),
            Feed::ShopOrders => orders(|shop| shop == Shop::Web),
            Feed::AppOrders => orders(|shop| shop == Shop::App),
            Feed::TillSales => orders(|shop| matches!(shop, Shop::Till(_))),
            Feed::Refunds => list!(refunds, fact, fact.refunded_at, fact.number),
            Feed::LoyaltyEntries => list!(loyalty_entries, fact, fact.at, fact.number),
            Feed::SocialMentions => list!(mentions, fact, fact.posted_at, fact.number),
            Feed::Reviews => list!(reviews, fact, fact.posted_at, fact.number),
            Feed::CommunityPosts => list!(community_posts, fact, fact.posted_at, fact.number),
            Feed::SurveyResponses => list!(
                survey_responses,
                fact,
                fact.answered_at.unwrap_or(fact.invited_at),
                fact.number
            ),
            Feed::WebEvents => list!(web_events, fact, fact.at, fact.number),
            Feed::DeviceEvents => list!(device_events, fact, fact.at, fact.number),
            Feed::IdentifierLinks => list!(
                identifier_links,
                fact,
                fact.at,
                fact.person << 8 | (fact.left as u64) << 4 | fact.right as u64
            ),
            Feed::Referrals => list!(referrals, fact, fact.at, fact.number),
            Feed::DeskCases => build.states(facts, false),
            Feed::NorthTickets => build.states(facts, true),
            Feed::CrmContacts
            | Feed::NorthContacts
            | Feed::LoyaltyMembers
            | Feed::Products
            | Feed::MarketingSpend
            | Feed::CompetitorMentions => Schedule::default(),
        }
    }

    /// What is told on a day of the window.
    pub fn on(&self, window: DayRange, day: Day) -> &[Told] {
        let place = usize::try_from(day.to_epoch() - window.from.to_epoch());
        let told = place.ok().and_then(|place| self.days.get(place));
        told.map_or(&[], Vec::as_slice)
    }
}

/// What a schedule depends on.
struct Builder {
    seed: u64,
    feed: Feed,
    shares: Shares,
    window: DayRange,
    run: DayRange,
}

impl Builder {
    /// The place of a day in the window; none outside.
    fn place(&self, day: Day) -> Option<usize> {
        let place = usize::try_from(day.to_epoch() - self.window.from.to_epoch()).ok()?;
        (place < self.window.day_count()).then_some(place)
    }

    fn schedule(&self, facts: impl Iterator<Item = Option<Fact>>) -> Schedule {
        let mut schedule = Schedule::default();
        let mut days: Vec<Vec<(Instant, u64, Instant, Told)>> =
            vec![Vec::new(); self.window.day_count()];
        for (index, fact) in (0_u32..).zip(facts) {
            let Some(Fact { at, number }) = fact else { continue };
            let own_day = calendar::london_day(at);
            // What happened before the first day is told on it: a register of what there is.
            let delay = if own_day < self.run.from { 0 } else { self.delay(number) };
            let day = own_day.plus(u64::from(delay)).max(self.window.from);
            match self.place(day) {
                Some(place) => {
                    let moved = at + self.move_back(number);
                    let again = self.resent_after(number).map(|delay| {
                        let day = own_day.plus(u64::from(delay));
                        (delay, self.place(day), at + i64::from(delay) * calendar::DAY)
                    });
                    let is_plain = delay == 0 && moved == at && own_day >= self.run.from;
                    let mut told =
                        Told { index, delay, is_out_of_order: moved > at, ..Told::default() };
                    if let Some((delay, Some(place), then)) = again.filter(|_| is_plain) {
                        told.telling = Telling::First;
                        let told =
                            Told { index, delay, telling: Telling::Again, ..Told::default() };
                        days[place].push((then, number, at, told));
                    }
                    days[place].push((moved, number, at, told));
                }
                None if day >= self.run.to => schedule.never.push(index),
                None => schedule.later.push(index),
            }
        }
        schedule.days = days.into_iter().map(in_order).collect();
        schedule
    }

    /// By how many days a fact is late.
    fn delay(&self, number: u64) -> u8 {
        if self.shares.late == 0 {
            return 0;
        }
        let drawn = random::hash(self.seed, Purpose::Delay, &[self.feed as u64, number]);
        if drawn % 1_000_000 < self.shares.late { 1 + (drawn >> 32) as u8 % 7 } else { 0 }
    }

    /// After how many days an order is told again, in the same window.
    fn resent_after(&self, number: u64) -> Option<u8> {
        if self.shares.resent == 0 || self.feed != Feed::ShopOrders {
            return None;
        }
        let drawn = random::hash(self.seed, Purpose::Resend, &[number]);
        (drawn % 1_000_000 < self.shares.resent).then_some(1 + (drawn >> 32) as u8 % 3)
    }

    /// By how many seconds a row is written after its place.
    fn move_back(&self, number: u64) -> i64 {
        if self.shares.out_of_order == 0 {
            return 0;
        }
        let drawn = random::hash(self.seed, Purpose::RowOrder, &[self.feed as u64, number]);
        let is_moved = drawn % 1_000_000 < self.shares.out_of_order;
        if is_moved { 3_600 + (drawn >> 32) as i64 % 36_000 } else { 0 }
    }

    /// Cases are told whole, on every day on which something happened to them.
    fn states(&self, facts: &Facts, is_north: bool) -> Schedule {
        let mut days: Vec<Vec<(u64, Told)>> = vec![Vec::new(); self.window.day_count()];
        for (index, case) in (0_u32..).zip(&facts.cases) {
            if case.is_north != is_north {
                continue;
            }
            let mut last = None;
            let opened = std::iter::once(case.opened_at);
            for at in opened.chain(case.events.iter().map(|event| event.at)) {
                let day = calendar::london_day(at);
                if last == Some(day) {
                    continue;
                }
                last = Some(day);
                if let Some(place) = self.place(day) {
                    let told = Told { index, ..Told::default() };
                    days[place].push((case.number, told));
                }
            }
        }
        let days = days.into_iter().map(|mut day| {
            day.sort_unstable_by_key(|(number, _)| *number);
            day.into_iter().map(|(_, told)| told).collect()
        });
        Schedule { days: days.collect(), ..Schedule::default() }
    }
}

/// A day's facts in the order in which they are written.
fn in_order(mut day: Vec<(Instant, u64, Instant, Told)>) -> Vec<Told> {
    day.sort_unstable_by_key(|(moved, number, ..)| (*moved, *number));
    let mut latest = Instant::MIN;
    let mut told = Vec::with_capacity(day.len());
    for (_, _, at, mut entry) in day {
        // Where nothing of later stands before it, moving it changed nothing.
        entry.is_out_of_order &= latest > at;
        latest = latest.max(at);
        told.push(entry);
    }
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sample::dirt;
    use crate::sample::facts::DeviceEvent;
    use crate::sample::people::Dirt;

    fn range(from: &str, to: &str) -> DayRange {
        DayRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    fn facts(run: DayRange, count: u64) -> Facts {
        let start = calendar::london_midnight(run.from);
        let span = i64::try_from(run.day_count()).unwrap() * calendar::DAY;
        let events = (0..count).map(|number| DeviceEvent {
            number,
            person: number,
            device: 0,
            at: start + i64::try_from(number).unwrap() * span / i64::try_from(count).unwrap(),
            kind: "rfid",
            store: None,
            product: None,
            value: None,
        });
        Facts { device_events: events.collect(), ..Facts::default() }
    }

    #[test]
    fn without_dirt_facts_are_told_in_order_on_their_own_day() {
        let run = range("2024-03-04", "2024-03-14");
        let facts = facts(run, 1000);
        let schedule =
            Schedule::of(1, Feed::DeviceEvents, &facts, dirt::shares(Dirt::None), run, run);
        let order: Vec<u32> = schedule.days.iter().flatten().map(|told| told.index).collect();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert_eq!(schedule.days[3].len(), 100);
        assert!(schedule.later.is_empty() && schedule.never.is_empty());
    }

    #[test]
    fn some_orders_of_the_web_shop_are_told_again_on_a_later_day() {
        let world = crate::sample::people::test_world(2_000);
        let facts = crate::sample::life::facts(&world, world.all_persons(), world.days);
        let shares = Shares { resent: 100_000, ..Shares::default() };
        let told = |feed| {
            let schedule = Schedule::of(1, feed, &facts, shares, world.days, world.days);
            let mut told: BTreeMap<u32, Vec<(usize, Telling)>> = BTreeMap::new();
            for (day, of_day) in schedule.days.iter().enumerate() {
                for entry in of_day {
                    told.entry(entry.index).or_default().push((day, entry.telling));
                }
            }
            told
        };
        let mut again = 0;
        for (index, tellings) in told(Feed::ShopOrders) {
            match tellings.as_slice() {
                [(_, Telling::Only)] => {}
                [(first, Telling::First), (then, Telling::Again)] => {
                    assert!((1..=3).contains(&(then - first)), "{index}: {first} and {then}");
                    again += 1;
                }
                other => panic!("{index}: {other:?}"),
            }
        }
        assert!(again > 10, "{again}");
        let is_only = |told: &Vec<(usize, Telling)>| matches!(told[..], [(_, Telling::Only)]);
        assert!(told(Feed::TillSales).values().all(is_only));
    }

    #[test]
    fn every_fact_is_told_once_later_or_never() {
        let run = range("2024-03-04", "2024-03-24");
        let window = range("2024-03-04", "2024-03-14");
        let facts = facts(window, 20_000);
        let shares = dirt::shares(Dirt::Heavy);
        let schedule = Schedule::of(1, Feed::DeviceEvents, &facts, shares, window, run);
        let mut indices: Vec<u32> = schedule.days.iter().flatten().map(|told| told.index).collect();
        indices.extend(&schedule.later);
        indices.extend(&schedule.never);
        indices.sort_unstable();
        assert_eq!(indices, (0..20_000).collect::<Vec<_>>());
        assert!(!schedule.later.is_empty() && schedule.never.is_empty());
        let all = || schedule.days.iter().flatten();
        let late = all().filter(|told| told.delay > 0).count() + schedule.later.len();
        assert!((60..140).contains(&late), "{late}");
        let moved = all().filter(|told| told.is_out_of_order).count();
        assert!((35..85).contains(&moved), "{moved}");
        // The window that follows tells what this one left over.
        let next = range("2024-03-14", "2024-03-24");
        let carried: Vec<_> = schedule
            .later
            .iter()
            .map(|index| facts.device_events[*index as usize].clone())
            .collect();
        let carried = Facts { device_events: carried, ..Facts::default() };
        let schedule = Schedule::of(1, Feed::DeviceEvents, &carried, shares, next, run);
        let told: usize = schedule.days.iter().map(Vec::len).sum();
        assert_eq!(told, carried.device_events.len());
    }
}
