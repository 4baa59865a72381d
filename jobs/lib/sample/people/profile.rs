//! What is true of a person on a day.

use chrono::Datelike;

use super::household::{self, Address};
use super::{Person, email, phone};
use crate::dates::Day;
use crate::sample::random::{self, Purpose};
use crate::sample::world::{World, calendar};

/// A person's name and how to reach them, on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// First name.
    pub given_name: &'static str,
    /// Family name: another one from the day of their marriage on.
    pub family_name: String,
    /// Their own e-mail address: nobody else's.
    pub email: String,
    /// Their own mobile number, E.164.
    pub mobile: String,
    /// Their household's telephone, E.164, where there is one.
    pub phone: Option<String>,
    /// House number and street, as the country writes them.
    pub street: String,
    /// Town.
    pub city: &'static str,
    /// State, where the country's addresses have one.
    pub region: Option<&'static str>,
    /// Postcode, as the country writes it.
    pub postcode: String,
    /// The last day on which something of this changed, not after the day; none where nothing
    /// has changed since they came.
    pub changed: Option<Day>,
    pub(super) changes: Changes,
}

/// The share of persons who change their e-mail address in a year, and of those who marry then.
const EMAILS_A_YEAR: f64 = 0.05;
const EMAILS_AT_MARRIAGE: f64 = 0.6;

/// The share of persons who change their mobile number in a year.
const MOBILES_A_YEAR: f64 = 0.04;

/// The changes behind a profile: when each part became what it is, since the company opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub moved: Option<Day>,
    pub renamed: Option<Day>,
    pub email: Option<Day>,
    pub mobile: Option<Day>,
}

impl Changes {
    fn last(self) -> Option<Day> {
        [self.moved, self.renamed, self.email, self.mobile].into_iter().flatten().max()
    }
}

impl Person {
    /// The last day, not after `day`, on which something of their profile changed: what
    /// [`Profile::changed`] holds, for less.
    pub fn changed(&self, world: &World, day: Day) -> Option<Day> {
        let (_, email_changed) = self.email_version(world, day);
        self.changes(world, day, email_changed).last()
    }

    fn changes(&self, world: &World, day: Day, email_changed: Option<Day>) -> Changes {
        Changes {
            moved: household::moved(world, self.household, day),
            renamed: self.marries_on.filter(|wedding| *wedding <= day),
            email: email_changed,
            mobile: self.mobile_changed(world).filter(|changed| *changed <= day),
        }
    }

    /// What is true of them on a day; also before they were acquired.
    pub fn profile(&self, world: &World, day: Day) -> Profile {
        let (email_version, email_changed) = self.email_version(world, day);
        let changes = self.changes(world, day, email_changed);
        let Address { street, city, region, postcode } =
            household::address(world, self.household, self.country, changes.moved);
        let name_of_address = self.family_name(world, email_changed.unwrap_or(world.opened()));
        let mobile = phone::mobile(
            self.country,
            world.shuffles.mobiles.at(self.index),
            u64::from(changes.mobile.is_some()),
        );
        Profile {
            given_name: self.given_name,
            family_name: self.family_name(world, day),
            email: email::email(world, self, &name_of_address, email_version),
            mobile,
            phone: household::landline(world, self.household, self.country),
            street,
            city,
            region,
            postcode,
            changed: changes.last(),
            changes,
        }
    }

    /// Their e-mail address on a day: that of [`Person::profile`].
    pub fn email(&self, world: &World, day: Day) -> String {
        let (version, changed) = self.email_version(world, day);
        let name = self.family_name(world, changed.unwrap_or(world.opened()));
        email::email(world, self, &name, version)
    }

    fn family_name(&self, world: &World, day: Day) -> String {
        match self.marries_on {
            Some(wedding) if wedding <= day => {
                household::family_name(world, self.household, self.country)
            }
            _ => self.birth_name.clone(),
        }
    }

    /// How often they had changed their e-mail address by the end of the day, and when last.
    fn email_version(&self, world: &World, day: Day) -> (u64, Option<Day>) {
        let drawn = |words: &[u64]| random::share(world.seed, Purpose::EmailChange, words);
        let mut version = 0;
        let mut last = None;
        for at in yearly(world, day, |year| {
            let drawn = drawn(&[self.index, year as u64]);
            (drawn < EMAILS_A_YEAR)
                .then(|| calendar::day_of(year, 1, 1).plus((drawn / EMAILS_A_YEAR * 365.0) as u64))
        }) {
            version += 1;
            last = last.max(Some(at));
        }
        // They write to all their friends a week after the wedding.
        let with_name = self
            .marries_on
            .map(|wedding| wedding.plus(7))
            .filter(|at| *at <= day && drawn(&[self.index]) < EMAILS_AT_MARRIAGE);
        if with_name.is_some() {
            version += 1;
            last = last.max(with_name);
        }
        (version, last)
    }

    /// The day they took another mobile number, if ever: not again.
    fn mobile_changed(&self, world: &World) -> Option<Day> {
        let drawn = random::share(world.seed, Purpose::MobileChange, &[self.index]);
        // One change in ten years for two in five.
        let years = 10.0;
        let in_days = drawn / (MOBILES_A_YEAR * years) * years * 365.0;
        (drawn < MOBILES_A_YEAR * years).then(|| world.opened().plus(in_days as u64))
    }
}

/// The days of a thing that happens at most once in a calendar year, latest first, from `day`
/// back to the day the company opened.
fn yearly(
    world: &World,
    day: Day,
    event: impl Fn(i32) -> Option<Day>,
) -> impl Iterator<Item = Day> {
    let opened = world.opened();
    (opened.date().year()..=day.date().year())
        .rev()
        .filter_map(event)
        .filter(move |at| *at <= day && *at >= opened)
}

/// The last of the days of [`yearly`].
pub(super) fn last_yearly(
    world: &World,
    day: Day,
    event: impl Fn(i32) -> Option<Day>,
) -> Option<Day> {
    yearly(world, day, event).next()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::{household_of, members_of, test_world};
    use super::*;
    use crate::algorithms::normalise::{is_placeholder_email, normalize_email};

    #[test]
    fn members_of_a_household_share_its_address() {
        let world = test_world(3_000);
        let mut members = 0;
        for index in world.all_persons() {
            let (household, place) = household_of(&world, index);
            if place > 0 {
                continue;
            }
            let day = world.days.from.plus(index % 30);
            let profiles: Vec<Profile> = members_of(&world, &household)
                .into_iter()
                .map(|member| {
                    let person = Person::of(&world, member);
                    assert_eq!(person.household, household.index);
                    person.profile(&world, day)
                })
                .collect();
            members += profiles.len();
            for profile in &profiles {
                assert_eq!(profile.street, profiles[0].street);
                assert_eq!(profile.postcode, profiles[0].postcode);
                assert_eq!(profile.phone, profiles[0].phone);
            }
        }
        // Everybody lives in one household.
        assert_eq!(members, 3_000);
    }

    #[test]
    fn what_changes_changes_from_its_day_on() {
        let world = test_world(8_000);
        let mut changes: HashMap<&str, u32> = HashMap::new();
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            let mut yesterday = person.profile(&world, world.days.from);
            if person.profile(&world, world.days.to.minus(1)) == yesterday {
                continue;
            }
            for day in world.days.days().skip(1) {
                let today = person.profile(&world, day);
                let differs = [
                    ("address", today.street != yesterday.street, today.changes.moved),
                    ("name", today.family_name != yesterday.family_name, today.changes.renamed),
                    ("email", today.email != yesterday.email, today.changes.email),
                    ("mobile", today.mobile != yesterday.mobile, today.changes.mobile),
                ];
                for (what, differs, changed) in differs {
                    assert_eq!(differs, changed == Some(day), "{what} of {index} on {day}");
                    *changes.entry(what).or_default() += u32::from(differs);
                }
                assert_eq!(today != yesterday, today.changed == Some(day));
                yesterday = today;
            }
        }
        for (what, count) in changes {
            // Thirty days of eight thousand persons.
            assert!((1..150).contains(&count), "{what}: {count}");
        }
    }

    #[test]
    fn nobody_shares_an_email_address_or_a_mobile() {
        let world = test_world(20_000);
        let mut emails = HashSet::new();
        let mut mobiles = HashSet::new();
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            let first = person.profile(&world, world.opened());
            let last = person.profile(&world, world.days.to);
            let is_new = |profile: &Profile| emails.contains(&profile.email);
            assert!(!is_new(&first) && !is_new(&last), "{}", last.email);
            for profile in [&first, &last] {
                assert_eq!(normalize_email(&profile.email).as_deref(), Some(&*profile.email));
                assert!(!is_placeholder_email(&profile.email), "{}", profile.email);
                let (_, domain) = profile.email.split_once('@').unwrap();
                let is_reserved =
                    [".example", ".test", "example.com", "example.org", "example.net"]
                        .iter()
                        .any(|reserved| domain.ends_with(reserved));
                assert!(is_reserved, "{domain}");
            }
            assert!(!mobiles.contains(&first.mobile) && !mobiles.contains(&last.mobile));
            emails.extend([first.email, last.email]);
            mobiles.extend([first.mobile, last.mobile]);
        }
    }
}
