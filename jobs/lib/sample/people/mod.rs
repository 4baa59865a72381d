//! The people: who they are, where they live as of a day, which systems know them by which key,
//! and how those systems spell them.
//!
//! A person is made from their number alone, in about a microsecond. Households and organisations
//! are stretches of a shuffled order of the persons, so that a person's household is found by
//! arithmetic and nothing is kept in memory.

mod blocks;
mod contact_points;
mod country;
mod email;
mod faults;
mod household;
mod keys;
mod locale;
mod nicknames;
mod organisation;
mod person;
mod phone;
mod profile;
mod record;
mod spelling;

pub use contact_points::{ContactPoints, contact_points};
pub use country::Country;
pub use faults::{Dirt, RecordFault, RecordFaultKind};
pub use household::{Household, household_of, members_of};
pub use keys::{handle, key, push_cookie, push_thing};
pub use organisation::{Organisation, organisation_of};
pub use person::{Gender, Person, acquired_at, models, mood};
pub use profile::Profile;
pub use record::{Record, System, records_of};
pub use spelling::{Spelled, email_as_of, record_as_of, record_of};

/// A company of thirty days, for tests.
#[cfg(test)]
pub(in crate::sample) fn test_world(persons: u64) -> super::world::World {
    let from: crate::dates::Day = "2024-03-01".parse().unwrap();
    let days = crate::dates::DayRange { from, to: from.plus(30) };
    super::world::World::new(7, persons, days)
}
