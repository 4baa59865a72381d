//! The keys by which systems know people. Keys of one person in two systems have nothing to do
//! with each other, and the next person's key does not follow.

use super::locale::slug;
use super::{Person, System};
use crate::sample::digits::{push_hex, push_number, push_padded, text};
use crate::sample::facts::PersonIndex;
use crate::sample::random::{self, Permutation, Purpose, Stream};
use crate::sample::world::World;

/// How many records a system can have of one person.
const RECORDS_A_PERSON: u64 = 4;

/// The key of a person's record in a system, as the system writes it. `number`: 0, or the number
/// of a duplicate, at most 3. Unique in the system.
pub fn key(world: &World, system: System, person: PersonIndex, number: u8) -> String {
    let record = person * RECORDS_A_PERSON + u64::from(number);
    let shuffled = |least: u64| {
        let count = least.max(world.persons * RECORDS_A_PERSON);
        Permutation::of(world.seed, Purpose::Key, &[system as u64], count).at(record)
    };
    match system {
        System::Crm => text(|out| {
            out.extend_from_slice(b"C-");
            push_padded(out, shuffled(10), 8);
        }),
        System::North => text(|out| {
            out.push(b'N');
            push_number(out, 1_000_000 + shuffled(9_000_000));
        }),
        System::Shop => text(|out| push_number(out, 10_000_000 + shuffled(90_000_000))),
        System::App => {
            let half =
                |which| random::hash(world.seed, Purpose::Key, &[system as u64, record, which]);
            text(|out| {
                push_hex(out, half(0));
                push_hex(out, half(1));
            })
        }
        System::Loyalty => text(|out| {
            out.extend_from_slice(b"70");
            push_padded(out, shuffled(10_000_000_000), 10);
            let check = check_digit(out);
            out.push(check);
        }),
        System::X | System::Instagram | System::Facebook | System::Tiktok | System::Forum => {
            handle(world, system, person)
        }
    }
}

/// The key of the record of a person who is known already: spares making them for a user name.
pub(super) fn key_of(world: &World, system: System, person: &Person, number: u8) -> String {
    match system {
        System::X | System::Instagram | System::Facebook | System::Tiktok | System::Forum => {
            handle_of(world, system, person)
        }
        _ => key(world, system, person.index, number),
    }
}

/// EAN-13's check digit for the twelve digits before it, as scanners at tills expect.
fn check_digit(digits: &[u8]) -> u8 {
    let weighted = digits
        .iter()
        .enumerate()
        .map(|(place, digit)| (digit - b'0') * if place % 2 == 0 { 1 } else { 3 });
    b'0' + (10 - weighted.map(u32::from).sum::<u32>() % 10) as u8 % 10
}

/// The user name of a person on a platform or in the forum: unique there, and on most platforms
/// the same.
pub fn handle(world: &World, system: System, person: PersonIndex) -> String {
    handle_of(world, system, &Person::of(world, person))
}

fn handle_of(world: &World, system: System, who: &Person) -> String {
    let person = who.index;
    let mut stream = Stream::of(world.seed, Purpose::Handle, &[person]);
    let usual = stream.below(6);
    let is_elsewhere = random::share(world.seed, Purpose::Handle, &[person, system as u64]) < 0.35;
    let style = if is_elsewhere { (usual + 1 + system as u64 % 5) % 6 } else { usual };
    let (given, family) = (slug(who.given_name), slug(&who.birth_name));
    // A name's only digits: no two persons have the same.
    let number = (world.shuffles.handles.at(person) + 1).to_string();
    let mut words = Stream::of(world.seed, Purpose::Handle, &[person, 1_000]);
    let parts: [&str; 4] = match style {
        0 => [&given, "_", &family, &number],
        1 => [&given, &family, "", &number],
        2 => [&given, ".", &family[..1], &number],
        3 => [words.word(&ADJECTIVES), words.word(&NOUNS), "", &number],
        4 => [&family, "_", &given, &number],
        _ => ["the_", words.word(&NOUNS), "_", &number],
    };
    parts.concat()
}

const ADJECTIVES: [&str; 16] = [
    "happy", "sleepy", "quiet", "golden", "little", "rainy", "mellow", "busy", "nordic", "cosy",
    "lucky", "salty", "sunny", "wild", "velvet", "early",
];

const NOUNS: [&str; 20] = [
    "teapot", "gardener", "otter", "robin", "baker", "maker", "nest", "kettle", "fern", "lantern",
    "runner", "reader", "puffin", "hedgehog", "sparrow", "painter", "cyclist", "maple", "harbour",
    "badger",
];

/// Appends the cookie of one of a person's browsers or phones, as the web site writes it.
pub fn push_cookie(out: &mut Vec<u8>, world: &World, person: PersonIndex, device: u8) {
    let words = [person, u64::from(device), 0];
    out.extend_from_slice(b"ck-");
    push_hex(out, random::hash(world.seed, Purpose::Device, &words));
}

/// Appends the number of one of a person's things (a tagged product, a speaker, a sensor).
pub fn push_thing(out: &mut Vec<u8>, world: &World, person: PersonIndex, device: u8) {
    let words = [person, u64::from(device), 1];
    out.extend_from_slice(b"dv-");
    push_hex(out, random::hash(world.seed, Purpose::Device, &words));
}
