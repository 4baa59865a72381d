//! A person: what stays the same all their life with the company.

use super::locale::Locale;
use super::{Country, Household, System, household, household_of, organisation};
use crate::dates::Day;
use crate::sample::facts::{Instant, PersonIndex};
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::{World, calendar};

/// As people say it of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Gender {
    Female,
    Male,
    Other,
}

/// Somebody who deals with the company.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Their number.
    pub index: PersonIndex,
    /// First name.
    pub given_name: &'static str,
    /// Family name at birth; see [`super::Profile`] for the one of a day.
    pub birth_name: String,
    /// When they were born: at least 16 years before the first exported day.
    pub birth_date: Day,
    /// What they say they are.
    pub gender: Gender,
    /// Where they live: their household's.
    pub country: Country,
    /// What they prefer to write, ISO 639-1: `en`, `de`, `fr`, `es`, `nl` or `it`.
    pub language: &'static str,
    /// Whom they live with: the number of their household.
    pub household: u64,
    /// For whom they buy, if for anybody else: the number of their organisation.
    pub organisation: Option<u64>,
    /// Their first contact with the company: from two years before the first exported day until
    /// the end of the last.
    pub acquired_at: Instant,
    /// The person who recommended the company to them, acquired before them and content.
    pub referrer: Option<PersonIndex>,
    /// Purchases a day while they are a customer (λ), before drop-out.
    pub rate: f64,
    /// The probability of leaving after a purchase (p).
    pub dropout: f64,
    /// The scale of their spending (ν): the rate of the gamma distribution of a purchase's value.
    pub spend: f64,
    /// How they see things: about -1 (everything is wrong) to 1 (content), on average above 0.
    pub mood: f32,
    /// How much they take part beyond buying (posts, answers, clicks): 1 on average.
    pub activity: f32,
    /// Whether they collect loyalty points.
    pub is_member: bool,
    /// Whether they use the app.
    pub has_app: bool,
    pub(super) systems: u16,
    /// The day on which they take their household's family name.
    pub(super) marries_on: Option<Day>,
}

/// The stated models of behaviour, in the words of their sources.
pub mod models {
    /// Purchases a day while alive: λ ~ Gamma(r, α), α in days. BG/NBD (Fader, Hardie and Lee,
    /// 2005).
    pub const RATE: (f64, f64) = (0.9, 32.0);
    /// The probability of leaving after a purchase: p ~ Beta(a, b). BG/NBD.
    pub const DROPOUT: (f64, f64) = (0.7, 12.0);
    /// The value of a purchase in pounds: z ~ Gamma(p, ν). Gamma-gamma (Fader and Hardie, 2013).
    pub const SPEND_SHAPE: f64 = 6.25;
    /// ν ~ Gamma(q, γ), γ in pounds. Gamma-gamma.
    pub const SPEND: (f64, f64) = (3.74, 15.44);
}

/// How common things are among persons.
mod shares {
    /// Known to the company that was bought.
    pub const NORTH: f64 = 0.18;
    /// Of those, also in the CRM; of the others, in the CRM.
    pub const NORTH_IN_CRM: f64 = 0.40;
    pub const IN_CRM: f64 = 0.93;
    pub const SHOP: f64 = 0.62;
    pub const APP: f64 = 0.28;
    pub const MEMBER: f64 = 0.46;
    pub const X: f64 = 0.20;
    pub const INSTAGRAM: f64 = 0.28;
    pub const FACEBOOK: f64 = 0.34;
    pub const TIKTOK: f64 = 0.14;
    pub const FORUM: f64 = 0.12;
    /// Came on somebody's recommendation, if somebody content is found.
    pub const REFERRED: f64 = 0.12;
    /// Households of several in which the second is no relation, nor the others.
    pub const FLATMATES: f64 = 0.15;
    /// Partners who keep their name, and those who take the other's within four years of the
    /// company's opening; the others did so long ago.
    pub const KEEPS_NAME: f64 = 0.35;
    pub const MARRIES: f64 = 0.12;
}

impl Person {
    /// The person of a number.
    pub fn of(world: &World, index: PersonIndex) -> Person {
        let (household, place) = household_of(world, index);
        let mut stream = Stream::of(world.seed, Purpose::Person, &[index]);
        let role = Role::of(world, &household, place);
        let gender = gender(&mut stream, &role);
        let age_days = role.age * 365 + stream.below(365);
        let country = household.country;
        let locale = Locale::of(match stream.chance(0.05) {
            true => stream.pick_weighted(&Country::SHARES),
            false => country,
        });
        let given_name = locale.given_name(&mut stream, gender);
        let (birth_name, marries_on) = match role.relation {
            Relation::Head | Relation::Child => {
                (household::family_name(world, household.index, country), None)
            }
            Relation::Flatmate => (locale.family_name(&mut stream), None),
            Relation::Partner => partners_name(world, &household, &mut stream, locale),
        };
        let acquired_at = acquired_at(world, index);
        let systems = systems(&mut stream);
        let mut person = Person {
            index,
            given_name,
            birth_name,
            birth_date: world.days.from.minus(age_days),
            gender,
            country,
            language: language(&mut stream, country),
            household: household.index,
            organisation: organisation::index_of(world, index).map(|(index, _)| index),
            acquired_at,
            referrer: referrer(world, index, acquired_at),
            rate: stream.gamma(models::RATE.0, models::RATE.1),
            dropout: stream.beta(models::DROPOUT.0, models::DROPOUT.1),
            spend: stream.gamma(models::SPEND.0, models::SPEND.1),
            mood: mood(world, index),
            // So that the mean is 1.
            activity: stream.log_normal(0.726, 0.8) as f32,
            is_member: false,
            has_app: false,
            systems,
            marries_on,
        };
        person.is_member = person.is_in(System::Loyalty);
        person.has_app = person.is_in(System::App);
        person
    }

    /// Whether they are content enough to recommend the company.
    pub fn is_content(&self) -> bool {
        is_content(self.mood)
    }

    /// Whether a system has a record of them.
    pub fn is_in(&self, system: System) -> bool {
        self.systems & bit(system) != 0
    }
}

fn bit(system: System) -> u16 {
    1 << system as u16
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Head,
    Partner,
    Child,
    Flatmate,
}

/// What somebody is in their household.
struct Role {
    relation: Relation,
    /// Years at the first exported day.
    age: u64,
    /// Of the household's first member.
    head_gender: Gender,
}

impl Role {
    fn of(world: &World, household: &Household, place: u64) -> Role {
        let mut stream = household::stream(world, household.index);
        let is_family = household.size == 1 || !stream.chance(shares::FLATMATES);
        let head_gender = if stream.chance(0.5) { Gender::Female } else { Gender::Male };
        let head_age = match (is_family, household.size) {
            (true, 1 | 2) => (47.0 + 17.0 * stream.normal()).clamp(18.0, 94.0) as u64,
            (true, _) => 41 + stream.below(20),
            (false, _) => 19 + stream.below(18),
        };
        // One draw a place, so that brothers and sisters are not of one age.
        let drawn = (0..=place).fold(0, |_, _| stream.below(1_000));
        let (relation, age) = match (place, is_family) {
            (0, _) => (Relation::Head, head_age),
            (_, false) => (Relation::Flatmate, 19 + drawn % 18),
            (1, true) => (Relation::Partner, (head_age + drawn % 9).saturating_sub(4).max(18)),
            (_, true) => (Relation::Child, 16 + drawn % (head_age - 34).min(11)),
        };
        Role { relation, age, head_gender }
    }
}

fn gender(stream: &mut Stream, role: &Role) -> Gender {
    if stream.chance(0.012) {
        return Gender::Other;
    }
    let other = if role.head_gender == Gender::Female { Gender::Male } else { Gender::Female };
    match role.relation {
        Relation::Head => role.head_gender,
        Relation::Partner if !stream.chance(0.06) => other,
        Relation::Partner => role.head_gender,
        _ if stream.chance(0.5) => Gender::Female,
        _ => Gender::Male,
    }
}

/// A partner's name before a marriage that the company sees, and its day.
fn partners_name(
    world: &World,
    household: &Household,
    stream: &mut Stream,
    locale: &Locale,
) -> (String, Option<Day>) {
    let drawn = stream.uniform();
    if drawn < shares::KEEPS_NAME {
        (locale.family_name(stream), None)
    } else if drawn < shares::KEEPS_NAME + shares::MARRIES {
        let day = world.opened().plus(stream.below(4 * 365));
        (locale.family_name(stream), Some(day))
    } else {
        (household::family_name(world, household.index, household.country), None)
    }
}

fn language(stream: &mut Stream, country: Country) -> &'static str {
    let speaks_another = stream.chance(if country == Country::Gb { 0.02 } else { 0.06 });
    match country {
        Country::Gb | Country::Us if speaks_another => {
            stream.pick_weighted(&[("es", 3.0), ("fr", 1.0), ("de", 1.0), ("nl", 0.5), ("it", 0.5)])
        }
        _ if speaks_another => "en",
        _ => country.language(),
    }
}

fn systems(stream: &mut Stream) -> u16 {
    let is_north = stream.chance(shares::NORTH);
    let crm = if is_north { shares::NORTH_IN_CRM } else { shares::IN_CRM };
    let mut systems = if is_north { bit(System::North) } else { 0 };
    for (system, share) in [
        (System::Crm, crm),
        (System::Shop, shares::SHOP),
        (System::App, shares::APP),
        (System::Loyalty, shares::MEMBER),
        (System::X, shares::X),
        (System::Instagram, shares::INSTAGRAM),
        (System::Facebook, shares::FACEBOOK),
        (System::Tiktok, shares::TIKTOK),
        (System::Forum, shares::FORUM),
    ] {
        if stream.chance(share) {
            systems |= bit(system);
        }
    }
    systems
}

fn referrer(world: &World, index: PersonIndex, acquired_at: Instant) -> Option<PersonIndex> {
    let mut stream = Stream::of(world.seed, Purpose::Referral, &[index]);
    if !stream.chance(shares::REFERRED) {
        return None;
    }
    (0..6).map(|_| stream.below(world.persons)).find(|candidate| {
        is_content(mood(world, *candidate))
            && self::acquired_at(world, *candidate) + calendar::DAY < acquired_at
    })
}

fn is_content(mood: f32) -> bool {
    mood > 0.3
}

/// When a person was acquired; see [`Person::acquired_at`].
pub fn acquired_at(world: &World, person: PersonIndex) -> Instant {
    let mut stream = Stream::of(world.seed, Purpose::Acquisition, &[person]);
    let days = world.days.to.to_epoch() - world.opened().to_epoch();
    let day = world.opened().plus(stream.below(u64::from(days.unsigned_abs())));
    // From seven in the morning to ten at night, most around the middle.
    let hours = 7.0 + 7.5 * (stream.uniform() + stream.uniform());
    calendar::london_instant(day, (hours * 3_600.0) as i64)
}

/// A person's mood; see [`Person::mood`].
pub fn mood(world: &World, person: PersonIndex) -> f32 {
    let mut stream = Stream::of(world.seed, Purpose::Mood, &[person]);
    (0.25 + 0.35 * stream.normal()).clamp(-1.0, 1.0) as f32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::test_world;
    use super::*;

    #[test]
    fn a_person_is_their_number() {
        let world = test_world(1_000);
        for index in world.all_persons() {
            assert_eq!(Person::of(&world, index), Person::of(&world, index));
        }
        assert_ne!(Person::of(&world, 1), Person::of(&world, 2));
    }

    #[test]
    fn persons_are_as_the_shares_say() {
        let world = test_world(20_000);
        let mut counts: HashMap<&str, f64> = HashMap::new();
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            let opened = calendar::london_midnight(world.opened());
            let closes = calendar::london_midnight(world.days.to);
            assert!((opened..closes).contains(&person.acquired_at));
            assert!(person.birth_date <= world.days.from.minus(16 * 365));
            if let Some(referrer) = person.referrer {
                assert!(acquired_at(&world, referrer) < person.acquired_at);
                *counts.entry("referred").or_default() += 1.0;
            }
            *counts.entry(person.country.code()).or_default() += 1.0;
            *counts.entry(person.language).or_default() += 1.0;
            for system in System::ALL.into_iter().filter(|system| person.is_in(*system)) {
                *counts.entry(system.name()).or_default() += 1.0;
            }
        }
        let share = |name: &str| counts.get(name).copied().unwrap_or(0.0) / 20_000.0;
        for (name, expected) in [
            ("GB", 0.70),
            ("DE", 0.07),
            ("IT", 0.03),
            ("en", 0.78),
            ("north", shares::NORTH),
            ("loyalty", shares::MEMBER),
            ("forum", shares::FORUM),
        ] {
            assert!((share(name) - expected).abs() < 0.025, "{name}: {}", share(name));
        }
        assert!(share("referred") > 0.05, "{}", share("referred"));
    }

    #[test]
    fn behaviour_has_the_moments_of_the_stated_models() {
        let world = test_world(20_000);
        let mean = |value: fn(&Person) -> f64| {
            world.all_persons().map(|index| value(&Person::of(&world, index))).sum::<f64>()
                / 20_000.0
        };
        let (shape, scale) = models::RATE;
        let (a, b) = models::DROPOUT;
        let (q, gamma) = models::SPEND;
        for (mean, expected) in [
            (mean(|person| person.rate), shape / scale),
            (mean(|person| person.dropout), a / (a + b)),
            (mean(|person| person.spend), q / gamma),
            (mean(|person| f64::from(person.activity)), 1.0),
        ] {
            assert!((mean / expected - 1.0).abs() < 0.05, "{mean} for {expected}");
        }
    }
}
