//! The keys by which systems know people. Keys of one person in two systems have nothing to do
//! with each other, and the next person's key does not follow.

use super::locale::slug;
use super::{Person, System};
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
        System::Crm => format!("C-{:08}", shuffled(10)),
        System::North => format!("N{:07}", 1_000_000 + shuffled(9_000_000)),
        System::Shop => format!("{:08}", 10_000_000 + shuffled(90_000_000)),
        System::App => {
            let half =
                |which| random::hash(world.seed, Purpose::Key, &[system as u64, record, which]);
            format!("{:016x}{:016x}", half(0), half(1))
        }
        System::Loyalty => with_check_digit(&format!("70{:010}", shuffled(10_000_000_000))),
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

/// Thirteen digits: the twelve and EAN-13's check digit, as scanners at tills expect.
fn with_check_digit(digits: &str) -> String {
    let weighted = digits
        .bytes()
        .enumerate()
        .map(|(place, byte)| u32::from(byte - b'0') * if place % 2 == 0 { 1 } else { 3 });
    let check = (10 - weighted.sum::<u32>() % 10) % 10;
    format!("{digits}{check}")
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

/// The cookie of one of a person's browsers or phones, as the web site writes it.
pub fn cookie(world: &World, person: PersonIndex, device: u8) -> String {
    let words = [person, u64::from(device), 0];
    format!("ck-{:016x}", random::hash(world.seed, Purpose::Device, &words))
}

/// The number of one of a person's things (a tagged product, a speaker, a sensor).
pub fn thing(world: &World, person: PersonIndex, device: u8) -> String {
    let words = [person, u64::from(device), 1];
    format!("dv-{:016x}", random::hash(world.seed, Purpose::Device, &words))
}
