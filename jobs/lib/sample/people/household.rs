//! Households: who lives with whom, and where as of a day.

use super::blocks::{self, Cut};
use super::locale::{City, Locale};
use super::{Country, email, phone};
use crate::dates::Day;
use crate::sample::facts::PersonIndex;
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::{World, calendar};

/// People who live together: one address, one landline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Household {
    /// Its number, below the number of persons; not every number is a household's.
    pub index: u64,
    /// How many live there that are customers, 1 to 6.
    pub size: u64,
    /// Where.
    pub country: Country,
}

/// Where a household lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub street: String,
    pub city: &'static str,
    pub region: Option<&'static str>,
    pub postcode: String,
}

/// The share of households that move in a year.
const MOVES_A_YEAR: f64 = 0.08;

/// The share of households with a landline.
const LANDLINES: f64 = 0.45;

const CUT: Cut = Cut {
    purpose: Purpose::Household,
    stretch: 24,
    size: |stream| {
        stream.pick_weighted(&[(1, 0.40), (2, 0.34), (3, 0.12), (4, 0.10), (5, 0.03), (6, 0.01)])
    },
};

/// The household of a person, and the person's place in it, from 0.
pub fn household_of(world: &World, person: PersonIndex) -> (Household, u64) {
    let place = world.shuffles.households.at(person);
    let (first, size) = blocks::group(world, &CUT, place, world.persons);
    (Household { index: first, size, country: country_of(world, first) }, place - first)
}

/// All members of a household, in order of their place in it.
pub fn members_of(world: &World, household: &Household) -> Vec<PersonIndex> {
    let places = household.index..household.index + household.size;
    places.map(|place| world.shuffles.households.back(place)).collect()
}

fn country_of(world: &World, household: u64) -> Country {
    let mut rest = random::share(world.seed, Purpose::Household, &[household, 0]);
    for (country, share) in Country::SHARES {
        rest -= share;
        if rest < 0.0 {
            return country;
        }
    }
    Country::Gb
}

/// The draws of what its members have in common: age of the eldest, whether they are a family.
pub(super) fn stream(world: &World, household: u64) -> Stream {
    Stream::of(world.seed, Purpose::Household, &[household, 1])
}

/// The family name of a household's first member.
pub(super) fn family_name(world: &World, household: u64, country: Country) -> String {
    let mut stream = Stream::of(world.seed, Purpose::Household, &[household, 2]);
    // Some came from elsewhere.
    let from = match stream.chance(0.06) {
        true => stream.pick_weighted(&Country::SHARES),
        false => country,
    };
    Locale::of(from).family_name(&mut stream)
}

/// The household's telephone, E.164, where it has one.
pub(super) fn landline(world: &World, household: u64, country: Country) -> Option<String> {
    let has_one = random::share(world.seed, Purpose::Phone, &[household]) < LANDLINES;
    has_one.then(|| phone::landline(country, world.shuffles.mobiles.at(household)))
}

/// The e-mail address that its members share, where they do.
pub(super) fn family_email(world: &World, household: u64, country: Country) -> String {
    email::family_email(world, household, &family_name(world, household, country))
}

/// The day of the household's last move by the end of `day`, since the company opened.
pub(super) fn moved(world: &World, household: u64, day: Day) -> Option<Day> {
    super::profile::last_yearly(world, day, |year| {
        let words = [household, year as u64];
        let drawn = random::share(world.seed, Purpose::Move, &words);
        // The draw says whether, and how far into the year.
        (drawn < MOVES_A_YEAR)
            .then(|| calendar::day_of(year, 1, 1).plus((drawn / MOVES_A_YEAR * 365.0) as u64))
    })
}

/// Where the household lives since its move on `moved`; none: since before the company opened.
pub(super) fn address(
    world: &World,
    household: u64,
    country: Country,
    moved: Option<Day>,
) -> Address {
    address_by(world, household, country, moved.map_or(0, |day| day.to_epoch().unsigned_abs()))
}

/// Where the household lived before all that.
pub(super) fn former_address(world: &World, household: u64, country: Country) -> Address {
    address_by(world, household, country, u32::MAX)
}

fn address_by(world: &World, household: u64, country: Country, version: u32) -> Address {
    let locale = Locale::of(country);
    let mut stream = Stream::of(world.seed, Purpose::Address, &[household, u64::from(version)]);
    // Half of all moves stay in town.
    let city: &City = match version != 0 && stream.chance(0.5) {
        true => {
            let mut first = Stream::of(world.seed, Purpose::Address, &[household, 0]);
            first.pick(locale.cities)
        }
        false => stream.pick(locale.cities),
    };
    Address {
        street: locale.street(&mut stream),
        city: city.name,
        region: city.region,
        postcode: city.postcode(&mut stream),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Dirt, Person, record_as_of, records_of};
    use super::*;
    use crate::dates::DayRange;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn everybody_lives_in_one_household(seed: u64, persons in 1_u64..400, days in 1_u64..90) {
            let from: Day = "2024-03-01".parse().unwrap();
            let world = World::new(seed, persons, DayRange { from, to: from.plus(days) });
            let mut seen = vec![false; persons as usize];
            for index in world.all_persons() {
                let (household, place) = household_of(&world, index);
                let members = members_of(&world, &household);
                prop_assert_eq!(members.get(place as usize), Some(&index));
                prop_assert!((1..=6).contains(&members.len()));
                if place == 0 {
                    for member in members {
                        prop_assert!(!seen[member as usize]);
                        seen[member as usize] = true;
                    }
                }
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
        }

        #[test]
        fn the_same_arguments_make_the_same_records(seed: u64, index in 0_u64..50) {
            let from: Day = "2024-03-01".parse().unwrap();
            let made = || {
                let world = World::new(seed, 50, DayRange { from, to: from.plus(30) });
                let person = Person::of(&world, index);
                records_of(&world, &person, Dirt::Heavy)
                    .into_iter()
                    .map(|record| {
                        let spelled = record_as_of(&world, &person, &record, from, Dirt::Heavy);
                        (record, spelled)
                    })
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(made(), made());
        }
    }
}
