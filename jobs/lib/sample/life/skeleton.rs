//! When a person buys and for how much: all the rest hangs on it.
//!
//! A person's first purchase is on the day they were acquired. Then come the purchases of BG/NBD:
//! gaps are exponential with the person's rate, and after each purchase but the first the person
//! leaves for good with their own probability. Purchases that a campaign brings come on top, also
//! from persons who had left. What a purchase is worth is gamma-gamma, independent of the rest.
//!
//! The models tell days; the time of day is that of the shop, which is chosen here for that
//! reason. Sources: Fader, Hardie and Lee, "Counting your customers the easy way", Marketing
//! Science 24 (2005); Fader and Hardie, "The gamma-gamma model of monetary value" (2013).

use chrono::Weekday;

use super::campaigns;
use super::number::{self, Cause};
use super::parameters::shopping;
use super::time::{self, DAY};
use crate::dates::Day;
use crate::sample::facts::{CampaignContact, CampaignIndex, Instant, KnownBy, Pence, Shop};
use crate::sample::people::{Country, Person, System, models};
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::World;
use crate::sample::world::calendar::{london_day, london_midnight, weekday};

/// A purchase before anything is in the basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purchase {
    /// The order's number.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// What the model says it is worth, pence: the basket's net value follows it, with the
    /// difference that prices make, which is zero on average.
    pub amount: Pence,
    /// Where.
    pub shop: Shop,
    /// What the seller knows the buyer by.
    pub known_by: KnownBy,
    /// The campaign without which it would not have been: none for the purchases of BG/NBD.
    pub campaign: Option<CampaignIndex>,
    pub(super) cause: Cause,
}

/// A person's purchases and their end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// In order of time and number.
    pub purchases: Vec<Purchase>,
    /// The last instant at which they were a customer: that of the purchase of BG/NBD after which
    /// they left. None while they are one.
    pub dropped_out_at: Option<Instant>,
    /// The campaigns in whose audience they were, in order.
    pub contacts: Vec<CampaignContact>,
}

/// More purchases than that nobody makes; numbers have no room for more.
const MOST_PURCHASES: u16 = 32_000;

/// The days of a person's purchases before `until`, and that of the drop-out.
fn days_of_purchases(world: &World, person: &Person, until: Day) -> (Vec<Day>, Option<usize>) {
    let mut stream = Stream::of(world.seed, Purpose::Purchase, &[person.index]);
    let end = london_midnight(until) as f64;
    let mut days = vec![];
    let mut at = person.acquired_at as f64;
    let mean_gap = DAY as f64 / person.rate.max(1e-9);
    while at < end && days.len() < usize::from(MOST_PURCHASES) {
        days.push(london_day(at as Instant));
        // The first purchase makes somebody a customer: nobody leaves with it.
        if days.len() > 1 && stream.chance(person.dropout) {
            let last = days.len() - 1;
            return (days, Some(last));
        }
        at += stream.exponential(mean_gap);
    }
    (days, None)
}

/// A person's purchases up to the end of the day before `until`: the same for a later end, as far
/// as they go.
pub(super) fn course(
    world: &World,
    person: &Person,
    until: Day,
    contacts: &[campaigns::Contact],
) -> Course {
    let (days, last) = days_of_purchases(world, person, until);
    let mut purchases: Vec<Purchase> = (0_u16..)
        .zip(&days)
        .map(|(place, day)| purchase(world, person, Cause::Purchase(place), *day, None))
        .collect();
    let dropped_out_at = last.and_then(|last| purchases.get(last)).map(|purchase| purchase.at);
    let brought = contacts.iter().filter_map(|contact| {
        let day = contact.buys_on.filter(|day| *day < until)?;
        let cause = Cause::Campaign(contact.campaign);
        Some(purchase(world, person, cause, day, Some(contact.campaign)))
    });
    purchases.extend(brought);
    purchases.sort_unstable_by_key(|purchase| (purchase.at, purchase.number));
    Course { purchases, dropped_out_at, contacts: vec![] }
}

fn purchase(
    world: &World,
    person: &Person,
    cause: Cause,
    day: Day,
    campaign: Option<CampaignIndex>,
) -> Purchase {
    let mut stream = Stream::of(world.seed, Purpose::Spend, &[person.index, cause.word()]);
    let pounds = stream.gamma(models::SPEND_SHAPE, person.spend);
    // A message is answered online; whoever comes into a store has not come by a link.
    let shop = match choose_shop(world, person, &mut stream, day) {
        Shop::Till(_) if campaign.is_some() => Shop::Web,
        shop => shop,
    };
    let hours = match shop {
        Shop::Till(_) if weekday(day) == Weekday::Sun => &time::SUNDAY,
        Shop::Till(_) => &time::STORE,
        Shop::Web | Shop::App => &time::ONLINE,
    };
    let at = time::clock(&mut stream, day, hours);
    let known_by = match shop {
        Shop::App => KnownBy::Account,
        Shop::Web if !person.is_in(System::Shop) => KnownBy::Email,
        Shop::Web if stream.chance(shopping::LOGGED_IN_SHARE) => KnownBy::Account,
        Shop::Web => KnownBy::Email,
        Shop::Till(_) if !person.is_in(System::Loyalty) => KnownBy::Nothing,
        Shop::Till(_) if stream.chance(shopping::CARD_SHOWN_SHARE) => KnownBy::LoyaltyCard,
        Shop::Till(_) => KnownBy::Nothing,
    };
    Purchase {
        number: number::number(person.index, cause, 0),
        at,
        amount: (pounds * 100.0).round().clamp(100.0, 1e9) as Pence,
        shop,
        known_by,
        campaign,
        cause,
    }
}

fn choose_shop(world: &World, person: &Person, stream: &mut Stream, day: Day) -> Shop {
    let (is_in_store, is_in_app) =
        (stream.chance(shopping::STORE_SHARE), stream.chance(shopping::APP_SHARE));
    // On the continent stores are closed on Sundays.
    let is_open = person.country == Country::Gb || weekday(day) != Weekday::Sun;
    if is_in_store && is_open {
        let at_home = stream.chance(shopping::HOME_STORE_SHARE);
        let word = if at_home { 0 } else { stream.below(u64::MAX) };
        if let Some(store) = store_of(world, person, word) {
            return Shop::Till(store);
        }
    }
    if is_in_app && person.is_in(System::App) { Shop::App } else { Shop::Web }
}

/// The person's own store, for `word` 0, or another of their country; none where it has none.
pub(super) fn store_of(world: &World, person: &Person, word: u64) -> Option<u16> {
    let is_near = |store: &&crate::sample::world::Store| store.country == person.country;
    let count = world.stores.iter().filter(is_near).count() as u64;
    if count == 0 {
        return None;
    }
    // Who lives together goes to one store.
    let drawn = random::hash(world.seed, Purpose::Stores, &[person.household, word]) % count;
    let near = world.stores.iter().enumerate().filter(|(_, store)| is_near(store));
    near.skip(drawn as usize).map(|(place, _)| place as u16).next()
}
