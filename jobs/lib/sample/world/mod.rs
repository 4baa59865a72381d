//! The company: what it sells, where, and how it advertises. About no person.

pub mod calendar;
mod campaigns;
mod catalogue;
mod stores;

use crate::dates::{Day, DayRange};
use crate::sample::facts::{Pence, PersonIndex};
use crate::sample::people::Country;
use crate::sample::random::Permutation;

/// All that is known before any person is looked at.
#[derive(Debug, Clone)]
pub struct World {
    /// What every draw begins with.
    pub seed: u64,
    /// How many persons there are.
    pub persons: u64,
    /// The days that are exported. The company opened two years before the first.
    pub days: DayRange,
    /// The catalogue, in order of [`crate::sample::facts::ProductIndex`].
    pub products: Vec<Product>,
    /// The stores, by their number.
    pub stores: Vec<Store>,
    /// The campaigns, in order of [`crate::sample::facts::CampaignIndex`] and of their start.
    pub campaigns: Vec<Campaign>,
    pub(in crate::sample) shuffles: Shuffles,
    opened: Day,
}

/// The orders that persons stand in for what they share or must not share: one order for each, so
/// that neighbours in one are strangers in the others.
#[derive(Debug, Clone)]
pub(in crate::sample) struct Shuffles {
    pub households: Permutation,
    pub organisations: Permutation,
    pub emails: Permutation,
    pub mobiles: Permutation,
    pub handles: Permutation,
}

/// Something the company sells.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its number: unique, e.g. `KIT-104-0231`.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// One of eight.
    pub category: &'static str,
    /// What it is, in a word or two.
    pub subcategory: &'static str,
    /// Who makes it.
    pub brand: &'static str,
    /// What it costs the customer, pence.
    pub price: Pence,
    /// What it costs the company, pence: below the price.
    pub cost: Pence,
    /// Whether it can be bought at the end of the exported days.
    pub is_on_sale: bool,
    /// Since when it is sold.
    pub launched: Day,
    /// The share of items that are faulty, 0 to 1.
    pub defect_share: f32,
    /// How often it is bought, relative to the others: the weights sum to 1.
    pub weight: f32,
}

/// A store.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    /// `S-BRI-01`.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// Where.
    pub city: &'static str,
    /// Where.
    pub country: Country,
}

/// A campaign: a message to some persons, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// `CMP-2024-03`.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// `email`, `sms` or `post`.
    pub channel: &'static str,
    /// The day on which the audience is chosen; messages go out from the next day on.
    pub starts: Day,
    /// The day after the last on which it works.
    pub ends: Day,
    /// The share of the persons who may be contacted that are chosen, 0 to 1.
    pub audience_share: f32,
    /// The share of the audience that is sent nothing, 0 to 1.
    pub control_share: f32,
    /// How much likelier a treated person is to buy while it runs than an untreated one: the true
    /// difference of the shares that buy because of it, 0 to 1.
    pub uplift: f32,
}

impl World {
    /// The world of a seed: the same for the same arguments.
    pub fn new(seed: u64, persons: u64, days: DayRange) -> World {
        World {
            seed,
            persons,
            days,
            products: catalogue::products(seed, days),
            stores: stores::stores(),
            campaigns: campaigns::campaigns(seed, days),
            shuffles: Shuffles::of(seed, persons),
            opened: days.from.minus(2 * 365),
        }
    }

    /// The day the company opened: two years before the first exported day.
    pub fn opened(&self) -> Day {
        self.opened
    }

    /// All persons.
    pub fn all_persons(&self) -> std::ops::Range<PersonIndex> {
        0..self.persons
    }
}

impl Shuffles {
    fn of(seed: u64, persons: u64) -> Shuffles {
        use crate::sample::random::Purpose;
        let of = |purpose| Permutation::of(seed, purpose, &[], persons);
        Shuffles {
            households: of(Purpose::Household),
            organisations: of(Purpose::Organisation),
            emails: of(Purpose::Email),
            mobiles: of(Purpose::Mobile),
            handles: of(Purpose::Handle),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn world(to: &str) -> World {
        let days = DayRange { from: "2024-03-01".parse().unwrap(), to: to.parse().unwrap() };
        World::new(7, 1_000, days)
    }

    #[test]
    fn the_catalogue_is_sound() {
        let world = world("2024-03-31");
        let skus: HashSet<&str> = world.products.iter().map(|product| &*product.sku).collect();
        let names: HashSet<&str> = world.products.iter().map(|product| &*product.name).collect();
        assert_eq!((skus.len(), names.len()), (400, 400));
        let weight: f32 = world.products.iter().map(|product| product.weight).sum();
        assert!((weight - 1.0).abs() < 1e-3, "{weight}");
        for product in &world.products {
            assert!(0 < product.cost && product.cost < product.price, "{product:?}");
            assert!(product.launched < world.days.from);
        }
    }

    #[test]
    fn a_longer_run_has_the_same_campaigns_and_more() {
        let (short, long) = (world("2024-03-31"), world("2024-06-30"));
        assert!(long.campaigns.starts_with(&short.campaigns));
        assert!(long.campaigns.len() > short.campaigns.len());
        // One is running already, and one starts while few days are exported.
        let one_day = world("2024-03-02");
        assert!(one_day.campaigns.iter().any(|campaign| campaign.ends > one_day.days.from));
        for campaign in &long.campaigns {
            assert!(campaign.starts < campaign.ends);
            assert_eq!(campaign.control_share, 0.1);
        }
    }
}
