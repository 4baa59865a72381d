//! The systems, and the records they keep of people.

use super::{Dirt, Person, RecordFaultKind, keys::key_of};
use crate::dates::Day;
use crate::sample::facts::PersonIndex;
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::{World, calendar};

/// A system that knows people by a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// The CRM: contact number `C-00048213`.
    Crm,
    /// The CRM of the company that was bought: `N04821937`.
    North,
    /// The web shop's accounts: `48213077`.
    Shop,
    /// The app's users: 32 hexadecimal digits.
    App,
    /// Loyalty cards: 13 digits.
    Loyalty,
    /// X: a handle.
    X,
    /// Instagram: a handle.
    Instagram,
    /// Facebook: a handle.
    Facebook,
    /// TikTok: a handle.
    Tiktok,
    /// The brand's forum: a user name.
    Forum,
}

impl System {
    /// All of them.
    pub const ALL: [System; 10] = [
        System::Crm,
        System::North,
        System::Shop,
        System::App,
        System::Loyalty,
        System::X,
        System::Instagram,
        System::Facebook,
        System::Tiktok,
        System::Forum,
    ];

    /// As tables name it: the first part of a `record_id`.
    pub fn name(self) -> &'static str {
        match self {
            System::Crm => "crm",
            System::North => "north",
            System::Shop => "shop",
            System::App => "app",
            System::Loyalty => "loyalty",
            System::X => "x",
            System::Instagram => "instagram",
            System::Facebook => "facebook",
            System::Tiktok => "tiktok",
            System::Forum => "forum",
        }
    }
}

/// That a system knows a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which system.
    pub system: System,
    /// The system's key, as it writes it: unique in the system.
    pub key: String,
    /// 0, or for a duplicate the number of the person's record in this system.
    pub number: u8,
    /// The day it was made.
    pub since: Day,
    /// The day it was deleted.
    pub until: Option<Day>,
}

/// The share of records of contacts that are deleted within about three years.
const DELETED: f64 = 0.03;

/// All records that systems ever keep of a person, by system and number. Without dirt one a
/// system at most.
pub fn records_of(world: &World, person: &Person, dirt: Dirt) -> Vec<Record> {
    let mut records = Vec::with_capacity(6);
    let acquired = calendar::london_day(person.acquired_at);
    for system in System::ALL.into_iter().filter(|system| person.is_in(*system)) {
        for number in 0..=duplicates(world, system, person.index, dirt) {
            let words = [system as u64, person.index, u64::from(number)];
            let mut stream = Stream::of(world.seed, Purpose::Record, &words);
            // A duplicate is made when somebody does not find the first.
            let since = match number {
                0 => acquired,
                _ => acquired.plus(1 + stream.below(300)),
            };
            let is_deleted = matches!(system, System::Crm | System::North | System::Loyalty)
                && stream.chance(DELETED);
            records.push(Record {
                system,
                key: key_of(world, system, person, number),
                number,
                since,
                until: is_deleted.then(|| since.plus(30 + stream.below(1_000))),
            });
        }
    }
    records
}

/// How many records a system has of a person beyond the first.
fn duplicates(world: &World, system: System, person: PersonIndex, dirt: Dirt) -> u8 {
    if !matches!(system, System::Crm | System::North | System::Shop | System::Loyalty) {
        return 0;
    }
    let share = dirt.share_of(RecordFaultKind::DuplicateRecord);
    let drawn = random::share(world.seed, Purpose::Duplicate, &[system as u64, person]);
    // One in eight of those has a third.
    u8::from(drawn < share) + u8::from(drawn < share / 8.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{key, test_world};
    use super::*;

    #[test]
    fn keys_are_unique_in_their_system() {
        let world = test_world(5_000);
        let mut seen = HashSet::new();
        let mut duplicates = 0;
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            for record in records_of(&world, &person, Dirt::Heavy) {
                duplicates += u32::from(record.number > 0);
                assert!(seen.insert((record.system, record.key.clone())), "{record:?}");
            }
            let clean = records_of(&world, &person, Dirt::None);
            assert!(clean.iter().all(|record| record.number == 0));
            assert!(!clean.is_empty() || person.systems == 0);
        }
        assert!((300..900).contains(&duplicates), "{duplicates}");
    }

    #[test]
    fn keys_look_as_their_systems_make_them() {
        let world = test_world(5_000);
        for index in 0..200 {
            for (system, pattern) in [
                (System::Crm, r"^C-0\d{7}$"),
                (System::North, r"^N\d{7}$"),
                (System::Shop, r"^\d{8}$"),
                (System::App, r"^[0-9a-f]{32}$"),
                (System::Loyalty, r"^70\d{11}$"),
                (System::X, r"^[a-z][a-z._]*\d+$"),
            ] {
                let key = key(&world, system, index, 0);
                assert!(regex::Regex::new(pattern).unwrap().is_match(&key), "{key}");
            }
        }
    }
}
