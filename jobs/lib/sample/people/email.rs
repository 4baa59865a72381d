//! E-mail addresses under names that are reserved (RFC 2606): `example.com`, `.net`, `.org`,
//! `.example` and `.test`. No two persons have the same address.

use super::Person;
use super::locale::slug;
use super::organisation;
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;

/// Where people have their first address.
const PROVIDERS: [&str; 32] = [
    "post.example",
    "mailbox.example",
    "example.com",
    "example.org",
    "example.net",
    "inbox.example",
    "webmail.example",
    "letterbox.example",
    "broadband.example",
    "fibre.example",
    "home.example",
    "quickmail.example",
    "bluelake.example",
    "northline.example",
    "cablelink.example",
    "dovecote.example",
    "freepost.example",
    "pigeon.example",
    "parcel.example",
    "citynet.example",
    "chatterbox.example",
    "semaphore.example",
    "calm-mail.example",
    "pinemail.example",
    "riverside.example",
    "mailhouse.test",
    "post.example.com",
    "mail.example.org",
    "harbour.test",
    "wavemail.example",
    "skylark.example",
    "lineside.example",
];

/// Where they have the one they changed to, and the one they had before.
const LATER_PROVIDERS: [&str; 16] = [
    "rapidpost.example",
    "securemail.example",
    "cloudpost.example",
    "newmail.example",
    "lighthouse.example",
    "paperplane.example",
    "green-mail.example",
    "hello-box.example",
    "alpenpost.example",
    "swiftbox.example",
    "vault.example",
    "mailroom.test",
    "in.example.net",
    "meadow.example",
    "courier.example",
    "owlmail.example",
];

/// How many addresses a person has at most; the last version is the one nobody has any more.
const VERSIONS: u64 = 8;
pub(super) const BEFORE: u64 = VERSIONS - 1;

/// The address of a person. `version`: 0, one more with every change, or
/// [`BEFORE`].
/// `family_name`: theirs when they took it.
pub(super) fn email(world: &World, person: &Person, family_name: &str, version: u64) -> String {
    let mut stream = Stream::of(world.seed, Purpose::Email, &[person.index, version]);
    // The person's number is spread over the providers, so that addresses carry short numbers,
    // and no two persons the same number at the same provider.
    let place = world.shuffles.emails.at(person.index);
    if version == 0
        && stream.chance(0.3)
        && let Some((domain, colleague)) = organisation::desk_of(world, person.index)
    {
        let number = if colleague == 0 { String::new() } else { colleague.to_string() };
        return [&slug(person.given_name), ".", &slug(family_name), &number, "@", &domain].concat();
    }
    let (domain, number) = match version {
        0 => {
            let count = PROVIDERS.len() as u64;
            (PROVIDERS[(place % count) as usize], place / count)
        }
        _ => {
            let count = LATER_PROVIDERS.len() as u64;
            let domain = LATER_PROVIDERS[((place + version) % count) as usize];
            (domain, place / count * VERSIONS + version.min(BEFORE))
        }
    };
    [&local_part(&mut stream, person.given_name, family_name, number), "@", domain].concat()
}

/// The address that a household shares.
pub(super) fn family_email(world: &World, household: u64, family_name: &str) -> String {
    let count = LATER_PROVIDERS.len() as u64;
    let place = world.shuffles.emails.at(household);
    let domain = LATER_PROVIDERS[(place % count) as usize];
    let number = (place / count * VERSIONS).to_string();
    let words = ["the.", "family.", "team."];
    let word = words[(household % 3) as usize];
    [word, &slug(family_name), &number, "@", domain].concat()
}

/// What stands before the `@`: the number is its only digits.
fn local_part(stream: &mut Stream, given_name: &str, family_name: &str, number: u64) -> String {
    let (given, family) = (slug(given_name), slug(family_name));
    let initial = &given[..1];
    let digits = if number == 0 { String::new() } else { number.to_string() };
    let is_plain = number == 0;
    match stream.pick_weighted(&[(0, 5.0), (1, 2.0), (2, 2.0), (3, 1.0), (4, 1.0), (5, 1.0)]) {
        1 => [initial, ".", &family, &digits].concat(),
        2 => [given.as_str(), &family, &digits].concat(),
        3 => [family.as_str(), ".", &given, &digits].concat(),
        4 => [given.as_str(), "_", &family, &digits].concat(),
        5 if !is_plain => [given.as_str(), &digits].concat(),
        _ => [given.as_str(), ".", &family, &digits].concat(),
    }
}
