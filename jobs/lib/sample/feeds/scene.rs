//! All that the files of one part and window are made from.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Feed;
use super::contacts::Contacts;
use super::schedule::{Schedule, Told};
use crate::dates::{Day, DayRange};
use crate::sample::facts::{CampaignIndex, Facts, Instant, PersonIndex, ProductIndex};
use crate::sample::people::{
    Dirt, Person, Record, Spelled, System, email_as_of, record_as_of, records_of,
};
use crate::sample::random::{self, Purpose};
use crate::sample::world::{World, calendar};

/// The persons of a part, and the records that systems have of them.
#[derive(Debug, Default)]
pub struct People {
    first: PersonIndex,
    persons: Vec<Person>,
    records: Vec<Record>,
    /// Where each person's records begin; one more than there are persons.
    starts: Vec<usize>,
}

impl People {
    /// Some persons that stand beside one another.
    pub fn of(world: &World, persons: Range<PersonIndex>, dirt: Dirt) -> People {
        let mut people = People { first: persons.start, ..People::default() };
        for index in persons {
            let person = Person::of(world, index);
            people.starts.push(people.records.len());
            people.records.extend(records_of(world, &person, dirt));
            people.persons.push(person);
        }
        people.starts.push(people.records.len());
        people
    }

    /// These and those who stand next.
    pub fn joined(parts: Vec<People>) -> People {
        let mut all = People {
            persons: Vec::with_capacity(parts.iter().map(|part| part.persons.len()).sum()),
            records: Vec::with_capacity(parts.iter().map(|part| part.records.len()).sum()),
            ..People::default()
        };
        for (number, part) in parts.into_iter().enumerate() {
            if number == 0 {
                all.first = part.first;
            } else {
                all.starts.pop();
            }
            let base = all.records.len();
            all.starts.extend(part.starts.iter().map(|start| start + base));
            all.persons.extend(part.persons);
            all.records.extend(part.records);
        }
        all
    }

    /// The persons, by number.
    pub fn persons(&self) -> &[Person] {
        &self.persons
    }

    /// Some of them.
    pub fn some(&self, persons: &Range<PersonIndex>) -> &[Person] {
        self.persons.get(self.place(persons.start)..self.place(persons.end)).unwrap_or_default()
    }

    /// The first one's number.
    pub fn first(&self) -> PersonIndex {
        self.first
    }

    fn place(&self, person: PersonIndex) -> usize {
        usize::try_from(person - self.first).unwrap_or(usize::MAX)
    }

    /// A person of the part.
    pub fn person(&self, person: PersonIndex) -> &Person {
        &self.persons[self.place(person)]
    }

    /// All records of a person of the part.
    pub fn records(&self, person: PersonIndex) -> &[Record] {
        let place = self.place(person);
        &self.records[self.starts[place]..self.starts[place + 1]]
    }

    /// The record of a system that a fact of this instant and number is about; none where the
    /// system does not know the person.
    ///
    /// Where it has several, each has its share of the facts.
    pub fn record(
        &self,
        person: PersonIndex,
        system: System,
        at: Instant,
        number: u64,
    ) -> Option<&Record> {
        let records = self.records(person);
        let first = records.iter().position(|record| record.system == system)?;
        let count = records[first..].iter().take_while(|record| record.system == system).count();
        if count == 1 {
            return Some(&records[first]);
        }
        let day = calendar::london_day(at);
        let known = records[first..first + count]
            .iter()
            .filter(|record| record.since <= day && record.until.is_none_or(|until| until > day));
        let known: Vec<&Record> = known.collect();
        match known.len() {
            0 => Some(&records[first]),
            count => known.get((number % count as u64) as usize).copied(),
        }
    }
}

/// See [`Scene::chance`].
pub fn chance(world: &World, question: Feed, number: u64, share: f64) -> bool {
    random::share(world.seed, Purpose::Export, &[question as u64, number]) < share
}

/// All that the files of one part and window are made from.
pub struct Scene<'a> {
    /// The company.
    pub world: &'a World,
    /// How much goes wrong.
    pub dirt: Dirt,
    /// The days.
    pub window: DayRange,
    /// The part, from 1.
    pub part: u32,
    /// Its persons.
    pub people: &'a People,
    /// What happened.
    pub facts: &'a Facts,
    /// When it is told.
    pub schedules: &'a BTreeMap<Feed, Schedule>,
    /// The records that the CRMs and the loyalty programme have of the persons.
    pub contacts: &'a Contacts,
}

impl Scene<'_> {
    /// What a feed tells on a day.
    pub fn told(&self, feed: Feed, day: Day) -> &[Told] {
        self.schedules.get(&feed).map_or(&[], |schedule| schedule.on(self.window, day))
    }

    /// The key of the record that a fact is about; see [`People::record`].
    pub fn key(
        &self,
        person: PersonIndex,
        system: System,
        at: Instant,
        number: u64,
    ) -> Option<&str> {
        self.people.record(person, system, at, number).map(|record| record.key.as_str())
    }

    /// The record that a fact is about as its system spells it on the fact's day.
    pub fn spelled(
        &self,
        person: PersonIndex,
        system: System,
        at: Instant,
        number: u64,
    ) -> Option<(&str, Spelled)> {
        let record = self.people.record(person, system, at, number)?;
        let day = calendar::london_day(at);
        let person = self.people.person(person);
        Some((&record.key, record_as_of(self.world, person, record, day, self.dirt)))
    }

    /// The number and e-mail address of the CRM's record that a fact is about, as on the fact's
    /// day.
    pub fn crm_email(
        &self,
        person: PersonIndex,
        at: Instant,
        number: u64,
    ) -> Option<(&str, String)> {
        let record = self.people.record(person, System::Crm, at, number)?;
        let day = calendar::london_day(at);
        let person = self.people.person(person);
        Some((&record.key, email_as_of(self.world, person, record, day, self.dirt)))
    }

    /// The e-mail address that a person writes from: the one the CRM knows, else their own.
    pub fn email(&self, person: PersonIndex, at: Instant, number: u64) -> String {
        match self.crm_email(person, at, number) {
            Some((_, email)) if !email.is_empty() => email,
            _ => self.people.person(person).email(self.world, calendar::london_day(at)),
        }
    }

    /// Whether something holds that holds for a share of facts or persons: the same answer for
    /// the same question and number.
    pub fn chance(&self, question: Feed, number: u64, share: f64) -> bool {
        chance(self.world, question, number, share)
    }

    /// A campaign's code.
    pub fn campaign(&self, campaign: CampaignIndex) -> &str {
        &self.world.campaigns[usize::from(campaign)].code
    }

    /// A product's number.
    pub fn sku(&self, product: ProductIndex) -> &str {
        &self.world.products[usize::from(product)].sku
    }

    /// A store's code.
    pub fn store(&self, store: u16) -> &str {
        &self.world.stores[usize::from(store)].code
    }

    /// A name as people show it to others: `Jane D.`.
    pub fn display_name(&self, person: PersonIndex) -> String {
        let person = self.people.person(person);
        let mut name = person.given_name.to_string();
        if let Some(initial) = person.birth_name.chars().next() {
            name.push(' ');
            name.push(initial);
            name.push('.');
        }
        name
    }
}
