//! The records of the CRMs and of the loyalty programme through a window: each spelled once for as
//! long as it stays the same.

use std::collections::BTreeMap;
use std::ops::Range;

use super::scene::People;
use super::{Feed, crm_contacts, loyalty_members, north_contacts};
use crate::dates::{Day, DayRange};
use crate::sample::facts::PersonIndex;
use crate::sample::people::{
    Dirt, Person, Profile, Record, RecordFault, Spelled, System, record_as_of, record_of,
};
use crate::sample::world::{World, calendar};

/// A record for as long as it stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The record's key.
    pub key: String,
    /// The first day on which it is so.
    pub from: Day,
    /// The first day on which it is not so any more; the window's end where it stays.
    pub to: Day,
    /// Whether the record was made on the first day.
    pub is_new: bool,
    /// Whether the record was changed on the first day.
    is_changed: bool,
    /// Whether it was deleted on the day after the last.
    pub is_deleted: bool,
    /// What is wrong with it, and so with every row that tells it.
    pub faults: Vec<RecordFault>,
    /// Where its text is.
    text: Range<usize>,
}

/// The versions of one system's records, by key and day.
#[derive(Debug, Default)]
pub struct Versions {
    versions: Vec<Version>,
    text: Vec<u8>,
}

/// The versions of the systems that export their records.
#[derive(Debug, Default)]
pub struct Contacts {
    by_feed: BTreeMap<Feed, Versions>,
}

/// The feeds of records, and the system each tells of.
const FEEDS: [(Feed, System); 3] = [
    (Feed::CrmContacts, System::Crm),
    (Feed::NorthContacts, System::North),
    (Feed::LoyaltyMembers, System::Loyalty),
];

impl Versions {
    /// The versions, by key and day.
    pub fn iter(&self) -> impl Iterator<Item = (&Version, &[u8])> {
        self.versions.iter().map(|version| (version, &self.text[version.text.clone()]))
    }
}

impl Contacts {
    /// The versions of some persons' records in a window.
    pub fn of(
        world: &World,
        people: &People,
        persons: Range<PersonIndex>,
        window: DayRange,
        dirt: Dirt,
    ) -> Contacts {
        let mut contacts = Contacts::default();
        for (feed, _) in FEEDS {
            contacts.by_feed.insert(feed, Versions::default());
        }
        for index in persons {
            let person = people.person(index);
            // A record can only change after the person has; mostly nobody does in a month.
            let changed = person.changed(world, window.to.minus(1));
            let profile = person.profile(world, window.from);
            let known = Known { world, person, changed, profile, window, dirt };
            for record in people.records(index) {
                let Some((feed, _)) = FEEDS.iter().find(|(_, system)| *system == record.system)
                else {
                    continue;
                };
                if let Some(versions) = contacts.by_feed.get_mut(feed) {
                    versions.add(*feed, record, &known);
                }
            }
        }
        contacts
    }

    /// All of them together, in order.
    pub fn joined(parts: Vec<Contacts>) -> Contacts {
        let mut all = Contacts::default();
        for (feed, _) in FEEDS {
            let own = || parts.iter().filter_map(|part| part.by_feed.get(&feed));
            let versions = Vec::with_capacity(own().map(|it| it.versions.len()).sum());
            let text = Vec::with_capacity(own().map(|it| it.text.len()).sum());
            all.by_feed.insert(feed, Versions { versions, text });
        }
        for part in parts {
            for (feed, versions) in part.by_feed {
                let joined = all.by_feed.entry(feed).or_default();
                let base = joined.text.len();
                joined.text.extend_from_slice(&versions.text);
                joined.versions.extend(versions.versions.into_iter().map(|mut version| {
                    version.text = version.text.start + base..version.text.end + base;
                    version
                }));
            }
        }
        for versions in all.by_feed.values_mut() {
            versions.versions.sort_unstable_by(|left, right| {
                (&left.key, left.from).cmp(&(&right.key, right.from))
            });
        }
        all
    }

    /// The versions of a feed's records.
    pub fn versions(&self, feed: Feed) -> impl Iterator<Item = (&Version, &[u8])> {
        self.by_feed.get(&feed).into_iter().flat_map(Versions::iter)
    }
}

impl Versions {
    fn add(&mut self, feed: Feed, record: &Record, known: &Known) {
        let window = known.window;
        let first = record.since.max(window.from);
        let end = record.until.map_or(window.to, |until| until.min(window.to));
        if first >= end {
            // One that is deleted on the window's first day was last seen the day before.
            if record.until == Some(window.from) && record.since < window.from {
                self.push(feed, record, window.from, window.from, Spelled::default());
            }
            return;
        }
        let spelled = |day: Day| known.spelled(record, day);
        let mut from = first;
        let mut now = spelled(first);
        if known.changed.is_some_and(|changed| changed > first) {
            let days = DayRange { from: first.plus(1), to: end };
            for day in days.days() {
                let next = spelled(day);
                if next.changed_at != now.changed_at {
                    self.push(feed, record, from, day, std::mem::replace(&mut now, next));
                    from = day;
                }
            }
        }
        self.push(feed, record, from, end, now);
    }

    fn push(&mut self, feed: Feed, record: &Record, from: Day, to: Day, spelled: Spelled) {
        let start = self.text.len();
        match feed {
            Feed::NorthContacts => north_contacts::record(record, &spelled, &mut self.text),
            Feed::LoyaltyMembers => loyalty_members::record(record, &spelled, &mut self.text),
            _ => crm_contacts::record(record, &spelled, &mut self.text),
        }
        let is_new = record.since == from;
        let is_changed = !is_new && is_changed_on(&spelled, from);
        self.versions.push(Version {
            key: record.key.clone(),
            from,
            to,
            is_new,
            is_changed,
            is_deleted: record.until == Some(to),
            faults: spelled.faults,
            text: start..self.text.len(),
        });
    }
}

/// What is known of a record's person.
struct Known<'a> {
    world: &'a World,
    person: &'a Person,
    /// The last day on which something about them changed, by the window's end.
    changed: Option<Day>,
    /// Their profile on the window's first day: made once for all their records.
    profile: Profile,
    window: DayRange,
    dirt: Dirt,
}

impl Known<'_> {
    /// A record of theirs on a day.
    fn spelled(&self, record: &Record, day: Day) -> Spelled {
        let Known { world, person, window, dirt, .. } = *self;
        let changes_later = self.changed.is_some_and(|changed| changed > window.from);
        if day == window.from || (day > window.from && !changes_later) {
            return record_of(world, person, record, self.profile.clone(), dirt);
        }
        record_as_of(world, person, record, day, dirt)
    }
}

fn is_changed_on(spelled: &Spelled, day: Day) -> bool {
    calendar::london_day(spelled.changed_at) == day
}

/// What a feed of changes tells on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The record is new, or the feed tells everything it has.
    New,
    /// Something in it changed.
    Updated,
    /// It was deleted.
    Deleted,
}

impl Version {
    /// What a feed of changes tells of it on a day of a run that begins on `first`.
    pub fn change_on(&self, day: Day, first: Day) -> Option<Change> {
        if self.is_deleted && self.to == day {
            return Some(Change::Deleted);
        }
        if self.from != day {
            return None;
        }
        match (day == first || self.is_new, self.is_changed) {
            (true, _) => Some(Change::New),
            (false, true) => Some(Change::Updated),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every record on every day of its life, spelled as of that day.
    #[test]
    fn versions_are_the_records_as_of_each_day() {
        let from: Day = "2024-03-01".parse().unwrap();
        let world = World::new(7, 400, DayRange { from, to: from.plus(40) });
        let dirt = Dirt::Heavy;
        let people = People::of(&world, 0..400, dirt);
        // The second window of the run: what changes on its first day is a change too.
        let window = DayRange { from: from.plus(20), to: from.plus(40) };
        let contacts = Contacts::of(&world, &people, 0..400, window, dirt);
        let contacts = Contacts::joined(vec![contacts]);
        let mut change_count = 0;
        for index in world.all_persons() {
            let person = people.person(index);
            let records = people.records(index).iter();
            for record in records.filter(|record| record.system == System::Crm) {
                for day in window.days() {
                    let mut versions =
                        contacts.versions(Feed::CrmContacts).filter(|(version, _)| {
                            version.key == record.key && version.from <= day && day < version.to
                        });
                    let is_there =
                        record.since <= day && record.until.is_none_or(|until| day < until);
                    let Some((version, text)) = versions.next() else {
                        assert!(!is_there, "{} on {day}", record.key);
                        continue;
                    };
                    assert!(is_there && versions.next().is_none(), "{} on {day}", record.key);
                    let spelled = record_as_of(&world, person, record, day, dirt);
                    let mut expected = Vec::new();
                    crm_contacts::record(record, &spelled, &mut expected);
                    assert_eq!(text, expected, "{} on {day}", record.key);
                    let before = record_as_of(&world, person, record, day.minus(1), dirt);
                    let is_changed = record.since < day && before.changed_at != spelled.changed_at;
                    let change = match (record.since == day, is_changed) {
                        (true, _) => Some(Change::New),
                        (false, true) => Some(Change::Updated),
                        (false, false) => None,
                    };
                    assert_eq!(version.change_on(day, from), change, "{} on {day}", record.key);
                    change_count += usize::from(change.is_some());
                }
            }
        }
        assert!(change_count > 10, "{change_count}");
    }
}
