//! Organisations that people buy for.

use super::Country;
use super::blocks::{self, Cut};
use super::locale::{Locale, slug};
use crate::sample::facts::PersonIndex;
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;

/// A company, school or club that people buy for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its number.
    pub index: u64,
    /// What it is called: `Hartwell Logistics Ltd`.
    pub name: String,
    /// Its e-mail domain: `hartwell-logistics-12.example`.
    pub domain: String,
}

/// One person in this many buys for an organisation.
const ONE_IN: u64 = 8;

const CUT: Cut = Cut {
    purpose: Purpose::Organisation,
    stretch: 120,
    size: |stream| stream.log_normal(6.0, 0.9) as u64 + 1,
};

const TRADES: [&str; 40] = [
    "Logistics",
    "Engineering",
    "Interiors",
    "Catering",
    "Consulting",
    "Primary School",
    "Dental",
    "Architects",
    "Property",
    "Brewing",
    "Joinery",
    "Software",
    "Events",
    "Hotels",
    "Care Homes",
    "Bakery",
    "Plumbing",
    "Print",
    "Recruitment",
    "Accountants",
    "Solicitors",
    "Motors",
    "Landscapes",
    "Bikes",
    "Books",
    "Foods",
    "Yoga",
    "Media",
    "Analytics",
    "Textiles",
    "Coffee",
    "Travel",
    "Electrical",
    "Security",
    "Cleaning",
    "Design",
    "Theatre",
    "Rowing Club",
    "Veterinary",
    "Timber",
];

const ENDINGS: [&str; 8] = ["Ltd", "Ltd", "Ltd", "plc", "& Sons", "Group", "Partners", "LLP"];

/// The organisation of a person, if they buy for one.
pub fn organisation_of(world: &World, person: PersonIndex) -> Option<Organisation> {
    index_of(world, person).map(|(index, _)| by_index(world, index))
}

/// The number of a person's organisation, and the person's place in it.
pub(super) fn index_of(world: &World, person: PersonIndex) -> Option<(u64, u64)> {
    let place = world.shuffles.organisations.at(person);
    let count = world.persons / ONE_IN;
    (place < count).then(|| {
        let (first, _) = blocks::group(world, &CUT, place, count);
        (first, place - first)
    })
}

/// The e-mail domain of a person's organisation, and the person's place in it.
pub(super) fn desk_of(world: &World, person: PersonIndex) -> Option<(String, u64)> {
    let (index, place) = index_of(world, person)?;
    Some((by_index(world, index).domain, place))
}

fn by_index(world: &World, index: u64) -> Organisation {
    let mut stream = Stream::of(world.seed, Purpose::Organisation, &[index]);
    let founder = Locale::of(Country::Gb).family_name(&mut stream);
    let trade = stream.word(&TRADES);
    let ending = stream.word(&ENDINGS);
    Organisation {
        index,
        name: [&founder, " ", trade, " ", ending].concat(),
        domain: format!("{}-{}-{index}.example", slug(&founder), slug(trade)),
    }
}
