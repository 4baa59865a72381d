//! What systems write of people: true where clean, wrong where they say so.

use std::collections::HashMap;

use super::super::{records_of, test_world};
use super::*;
use crate::algorithms::normalise::{normalize_email, normalize_name, normalize_phone};

fn spelled(world: &World, dirt: Dirt, day: Day) -> impl Iterator<Item = (Person, Record, Spelled)> {
    world.all_persons().flat_map(move |index| {
        let person = Person::of(world, index);
        let records = records_of(world, &person, dirt);
        records.into_iter().map(move |record| {
            let spelled = record_as_of(world, &person, &record, day, dirt);
            (person.clone(), record, spelled)
        })
    })
}

#[test]
fn clean_records_say_what_is_true() {
    let world = test_world(2_000);
    let day = world.days.from;
    for (person, record, spelled) in spelled(&world, Dirt::None, day) {
        let profile = person.profile(&world, day);
        assert_eq!(spelled.faults, []);
        if !spelled.email.is_empty() {
            assert_eq!(normalize_email(&spelled.email), Some(profile.email));
        }
        if !spelled.mobile.is_empty() {
            let mobile = normalize_phone(&spelled.mobile, Some("GB"));
            assert_eq!(mobile, Some(profile.mobile), "{:?}", record.system);
        }
        if !spelled.phone.is_empty() {
            assert_eq!(normalize_phone(&spelled.phone, Some("GB")), profile.phone);
        }
        if record.system == System::Crm {
            let name = [&spelled.given_name, " ", &spelled.family_name].concat();
            let truth = [profile.given_name, " ", &profile.family_name].concat();
            assert_eq!(normalize_name(&name), normalize_name(&truth));
        }
    }
}

#[test]
fn the_email_address_alone_is_that_of_the_whole_record() {
    let world = test_world(2_000);
    for day in [world.days.from, world.days.to] {
        for (person, record, spelled) in spelled(&world, Dirt::Heavy, day) {
            if record.system == System::Crm {
                let email = email_as_of(&world, &person, &record, day, Dirt::Heavy);
                assert_eq!(email, spelled.email);
            }
        }
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            assert_eq!(person.email(&world, day), person.profile(&world, day).email);
        }
    }
}

#[test]
fn every_fault_occurs_among_a_thousand_persons() {
    let world = test_world(1_000);
    let mut counts: HashMap<RecordFaultKind, u32> = HashMap::new();
    let mut records = 0;
    for (person, record, spelled) in spelled(&world, Dirt::Heavy, world.days.from) {
        let clean = record_as_of(&world, &person, &record, world.days.from, Dirt::None);
        records += 1;
        for fault in &spelled.faults {
            *counts.entry(fault.kind).or_default() += 1;
            if fault.kind == RecordFaultKind::PlaceholderEmail {
                assert_eq!(normalize_email(&spelled.email), None, "{}", spelled.email);
            }
            if fault.kind == RecordFaultKind::PlaceholderPhone {
                let mobile = normalize_phone(&spelled.mobile, Some("GB"));
                assert_eq!(mobile, None, "{}", spelled.mobile);
            }
        }
        // What is said to be wrong is, and nothing else.
        let is_wrong = spelled.faults.iter().any(|fault| !fault.field.is_empty());
        let clean = Spelled { faults: vec![], changed_at: 0, ..clean };
        let written = Spelled { faults: vec![], changed_at: 0, ..spelled };
        if !is_wrong {
            assert_eq!(written, clean);
        }
    }
    for kind in RecordFaultKind::ALL {
        let count = counts.get(&kind).copied().unwrap_or(0);
        assert!(count > 0, "{kind:?}");
        assert!(count < records / 10, "{kind:?}: {count} of {records}");
    }
}

#[test]
fn a_record_changes_on_the_day_it_says() {
    let world = test_world(3_000);
    let mut changes = 0;
    for dirt in [Dirt::None, Dirt::Heavy] {
        let last = world.days.to.minus(1);
        let both = spelled(&world, dirt, world.days.from).zip(spelled(&world, dirt, last));
        for ((person, record, mut before), (_, _, after)) in both {
            assert_eq!(
                calendar::london_day(after.changed_at).max(record.since),
                calendar::london_day(after.changed_at),
                "never before the record was made"
            );
            if record.since > world.days.from || before == after {
                continue;
            }
            for day in world.days.days().skip(1) {
                let today = record_as_of(&world, &person, &record, day, dirt);
                let says = calendar::london_day(today.changed_at) == day;
                // It may be told of a change that it does not note.
                assert!(today == before || says, "{record:?} on {day}");
                changes += u32::from(today != before);
                before = today;
            }
        }
    }
    assert!(changes > 10, "{changes}");
}

#[test]
fn a_mangled_birth_date_is_another_day() {
    for day in ["1984-05-31", "1984-05-04", "1977-07-07", "2000-02-29", "1999-12-31"] {
        let day: Day = day.parse().unwrap();
        assert_ne!(mangled(day), day);
    }
    let swapped = mangled("1984-05-04".parse().unwrap());
    assert_eq!(swapped.to_string(), "1984-04-05");
    assert_eq!(mangled("1984-05-31".parse().unwrap()).to_string(), "1948-05-31");
}
