//! How a system spells a person's record: its conventions, and what went wrong when it was typed.

use chrono::Datelike;

use super::faults::DrawnFaults;
use super::locale::{Locale, ascii};
use super::nicknames::nickname;
use super::{
    Country, Dirt, Gender, Person, Profile, Record, RecordFault, RecordFaultKind, System, email,
    household, key, organisation_of, phone,
};
use crate::dates::Day;
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::{World, calendar};

/// A record's fields as its system spells them, before anything goes wrong with the row. Text the
/// system does not have is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelled {
    /// `Mr`, `Frau`.
    pub title: &'static str,
    /// First name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The whole name in one field, for systems that have it so: `MUELLER, Hans` in North, what
    /// somebody calls themselves on a platform.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Mobile.
    pub mobile: String,
    /// Telephone.
    pub phone: String,
    /// Date of birth: `1984-05-31` in the CRM, `31.05.1984` in North, `31/05/1984` elsewhere.
    pub birth_date: String,
    /// `F`, `M`, `X` or empty.
    pub gender: &'static str,
    /// ISO 639-1.
    pub language: &'static str,
    /// House number and street.
    pub street: String,
    /// Town.
    pub city: String,
    /// State.
    pub region: &'static str,
    /// Postcode.
    pub postcode: String,
    /// Country: its code in the CRM, its name in its own language in North.
    pub country: &'static str,
    /// The organisation's name.
    pub company: String,
    /// The loyalty card's number.
    pub loyalty_card: String,
    /// When the system last changed any of it, seconds since 1970 UTC.
    pub changed_at: i64,
    /// What is wrong with it.
    pub faults: Vec<RecordFault>,
}

/// What a system is told, faults included, before it writes it in its own way.
struct Told {
    given_name: String,
    family_name: String,
    email: String,
    mobile: String,
    landline: String,
    birth_date: Option<Day>,
    street: String,
    city: &'static str,
    region: &'static str,
    postcode: String,
    changed: Option<Day>,
    faults: Vec<RecordFault>,
}

/// How a system spells a person's record on a day.
///
/// Records of the CRM, of North and of loyalty cards may be wrong; the other systems' say what
/// people typed about themselves.
pub fn record_as_of(
    world: &World,
    person: &Person,
    record: &Record,
    day: Day,
    dirt: Dirt,
) -> Spelled {
    record_of(world, person, record, person.profile(world, day), dirt)
}

/// As [`record_as_of`], for whoever has the person's profile of the day already.
pub fn record_of(
    world: &World,
    person: &Person,
    record: &Record,
    profile: Profile,
    dirt: Dirt,
) -> Spelled {
    let drawn = match record.system {
        System::Crm | System::North | System::Loyalty => {
            DrawnFaults::of(world, record, person, dirt)
        }
        _ => DrawnFaults::of(world, record, person, Dirt::None),
    };
    let words = [record.system as u64, person.index, u64::from(record.number)];
    let mut stream = spelling(world, person, record);
    let told = told(world, person, profile, drawn, &mut stream);
    let changed = told.changed.filter(|changed| *changed > record.since);
    let changed_at = match changed {
        None if record.number == 0 => person.acquired_at,
        _ => {
            let changed = changed.unwrap_or(record.since);
            let words = [words[0], words[1], words[2], changed.to_epoch() as u64];
            let drawn = random::share(world.seed, Purpose::Spelling, &words);
            calendar::london_instant(changed, 8 * 3_600 + (drawn * 43_200.0) as i64)
        }
    };
    let mut spelled = match record.system {
        System::Crm => crm(world, person, told, &mut stream),
        System::North => north(world, person, told, &mut stream),
        System::Loyalty => loyalty(person, told),
        System::Shop => shop(person, told, &mut stream),
        System::App => {
            Spelled { given_name: told.given_name, email: told.email, ..Spelled::default() }
        }
        System::Forum => Spelled { name: record.key.clone(), ..Spelled::default() },
        System::X | System::Instagram | System::Facebook | System::Tiktok => {
            Spelled { name: display_name(&told, &mut stream), ..Spelled::default() }
        }
    };
    spelled.changed_at = changed_at;
    if drawn.has(RecordFaultKind::LostLeadingZeros) {
        lose_zeros(&mut spelled);
    }
    if record.number > 0 {
        let kind = RecordFaultKind::DuplicateRecord;
        spelled.faults.push(RecordFault { kind, field: "" });
    }
    spelled
}

fn told(
    world: &World,
    person: &Person,
    profile: Profile,
    drawn: DrawnFaults,
    stream: &mut Stream,
) -> Told {
    let changes = profile.changes;
    let mut told = Told {
        given_name: profile.given_name.to_owned(),
        family_name: profile.family_name,
        email: profile.email,
        mobile: profile.mobile,
        landline: profile.phone.unwrap_or_default(),
        birth_date: Some(person.birth_date),
        street: profile.street,
        city: profile.city,
        region: profile.region.unwrap_or_default(),
        postcode: profile.postcode,
        changed: None,
        faults: vec![],
    };
    let (place, choice) = choices(stream);
    let mut fault = |kind, field| told.faults.push(RecordFault { kind, field });
    let mut seen = [changes.renamed, changes.moved, changes.email, changes.mobile];

    if drawn.has(RecordFaultKind::Typo)
        && let Some(mistyped) = typo(&told.family_name, place, choice)
    {
        told.family_name = mistyped;
        fault(RecordFaultKind::Typo, "family_name");
    }
    if drawn.has(RecordFaultKind::Nickname)
        && let Some(short) = nickname(&told.given_name)
    {
        told.given_name = short.to_owned();
        fault(RecordFaultKind::Nickname, "given_name");
    }
    if drawn.has(RecordFaultKind::SwappedNames) {
        std::mem::swap(&mut told.given_name, &mut told.family_name);
        fault(RecordFaultKind::SwappedNames, "family_name");
    }
    if drawn.has(RecordFaultKind::OldAddress) {
        let former = household::former_address(world, person.household, person.country);
        told.street = former.street;
        told.city = former.city;
        told.region = former.region.unwrap_or_default();
        told.postcode = former.postcode;
        seen[1] = None;
        fault(RecordFaultKind::OldAddress, "street");
    }

    let missing = missing(drawn, choice);
    if let Some((email, kind)) = other_email(world, person, drawn, choice) {
        told.email = email;
        seen[2] = None;
        // What is missing is told with the other attributes below.
        if let Some(kind) = kind {
            fault(kind, "email");
        }
    }

    if missing == Some("mobile") {
        told.mobile.clear();
        seen[3] = None;
    } else if drawn.has(RecordFaultKind::PlaceholderPhone) {
        told.mobile = PLACEHOLDER_PHONES[choice as usize % PLACEHOLDER_PHONES.len()].to_owned();
        seen[3] = None;
        fault(RecordFaultKind::PlaceholderPhone, "mobile");
    } else if drawn.has(RecordFaultKind::SharedPhone) {
        let number = world.shuffles.mobiles.at(person.household);
        told.mobile = phone::landline(person.country, number);
        seen[3] = None;
        fault(RecordFaultKind::SharedPhone, "mobile");
    }

    if missing == Some("birth_date") {
        told.birth_date = None;
    } else if drawn.has(RecordFaultKind::MangledBirthDate) {
        told.birth_date = Some(mangled(person.birth_date));
        fault(RecordFaultKind::MangledBirthDate, "birth_date");
    }
    if missing == Some("postcode") {
        told.postcode.clear();
    }
    if let Some(field) = missing {
        fault(RecordFaultKind::MissingAttribute, field);
    }
    told.changed = seen.into_iter().flatten().max();
    told
}

/// The attribute that the system was never told.
fn missing(drawn: DrawnFaults, choice: u64) -> Option<&'static str> {
    drawn
        .has(RecordFaultKind::MissingAttribute)
        .then(|| ["email", "mobile", "birth_date", "postcode"][(choice % 4) as usize])
}

/// The attribute that the system of a record was never told, by the faults drawn for it.
pub(super) fn missing_of(
    world: &World,
    person: &Person,
    record: &Record,
    drawn: DrawnFaults,
) -> Option<&'static str> {
    let (_, choice) = choices(&mut spelling(world, person, record));
    missing(drawn, choice)
}

/// The e-mail address that a system has in place of the person's own, and the fault that it is,
/// but where it is missing.
fn other_email(
    world: &World,
    person: &Person,
    drawn: DrawnFaults,
    choice: u64,
) -> Option<(String, Option<RecordFaultKind>)> {
    if missing(drawn, choice) == Some("email") {
        return Some((String::new(), None));
    }
    let kinds = [
        RecordFaultKind::PlaceholderEmail,
        RecordFaultKind::FamilyEmail,
        RecordFaultKind::OldEmail,
    ];
    let kind = kinds.into_iter().find(|kind| drawn.has(*kind))?;
    let email = match kind {
        RecordFaultKind::PlaceholderEmail => {
            PLACEHOLDER_EMAILS[choice as usize % PLACEHOLDER_EMAILS.len()].to_owned()
        }
        RecordFaultKind::FamilyEmail => {
            household::family_email(world, person.household, person.country)
        }
        _ => email::email(world, person, &person.birth_name, email::BEFORE),
    };
    Some((email, Some(kind)))
}

/// The e-mail address of a record of the CRM on a day: that of [`record_as_of`], without the work
/// of all the rest.
pub fn email_as_of(
    world: &World,
    person: &Person,
    record: &Record,
    day: Day,
    dirt: Dirt,
) -> String {
    let drawn = DrawnFaults::of(world, record, person, dirt);
    let mut stream = spelling(world, person, record);
    let (_, choice) = choices(&mut stream);
    other_email(world, person, drawn, choice)
        .map_or_else(|| person.email(world, day), |(email, _)| email)
}

/// The stream that a record's spelling is drawn from.
fn spelling(world: &World, person: &Person, record: &Record) -> Stream {
    let words = [record.system as u64, person.index, u64::from(record.number)];
    Stream::of(world.seed, Purpose::Spelling, &words)
}

/// What any fault needs: drawn first, so that the rest does not depend on which faults there are.
fn choices(stream: &mut Stream) -> (f64, u64) {
    (stream.uniform(), stream.below(1_000))
}

const PLACEHOLDER_EMAILS: [&str; 7] = [
    "noreply@example.com",
    "none@example.com",
    "test@example.com",
    "n/a",
    "noemail@example.org",
    "unknown@example.com",
    "customer@example.net",
];

const PLACEHOLDER_PHONES: [&str; 6] =
    ["00000000000", "0123456789", "06666666666", "99999999999", "000 000 0000", "11111111111"];

/// The name with two letters swapped, one doubled or one left out, but for the first; none where
/// it is too short or would not change.
fn typo(name: &str, place: f64, choice: u64) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 4 {
        return None;
    }
    let at = 1 + (place * (letters.len() - 2) as f64) as usize;
    match choice % 3 {
        0 => letters.swap(at, at + 1),
        1 => letters.insert(at, letters[at]),
        _ => {
            letters.remove(at);
        }
    }
    let mistyped: String = letters.into_iter().collect();
    (mistyped != name).then_some(mistyped)
}

/// Day and month swapped where that gives another day; else the last two digits of the year, or
/// the day after.
fn mangled(day: Day) -> Day {
    let date = day.date();
    let swapped = chrono::NaiveDate::from_ymd_opt(date.year(), date.day(), date.month());
    let (century, year) = (date.year() / 100 * 100, date.year() % 100);
    let turned = date.with_year(century + year % 10 * 10 + year / 10);
    [swapped, turned, date.succ_opt()]
        .into_iter()
        .flatten()
        .find(|other| *other != date)
        .map_or(day, Day::new)
}

/// What a spreadsheet makes of a number that begins with a zero.
fn lose_zeros(spelled: &mut Spelled) {
    let fields = [("postcode", &mut spelled.postcode), ("mobile", &mut spelled.mobile)];
    for (field, text) in fields {
        // Only what is a number loses its zeros.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
        if is_number && text.starts_with('0') && !text.starts_with("00") {
            let number: String =
                text.trim_start_matches('0').chars().filter(|digit| *digit != ' ').collect();
            *text = number;
            let kind = RecordFaultKind::LostLeadingZeros;
            spelled.faults.push(RecordFault { kind, field });
            return;
        }
    }
}

fn crm(world: &World, person: &Person, told: Told, stream: &mut Stream) -> Spelled {
    let (knows_birth, knows_gender, knows_card) =
        (stream.chance(0.72), stream.chance(0.88), stream.chance(0.6));
    let company = match person.organisation {
        Some(_) => organisation_of(world, person.index).map(|organisation| organisation.name),
        None => None,
    };
    Spelled {
        title: title(person),
        given_name: told.given_name,
        family_name: told.family_name,
        email: told.email,
        mobile: spaced(person.country, &told.mobile),
        phone: spaced(person.country, &told.landline),
        birth_date: told
            .birth_date
            .filter(|_| knows_birth)
            .map(|day| day.to_string())
            .unwrap_or_default(),
        gender: match person.gender {
            _ if !knows_gender => "",
            Gender::Female => "F",
            Gender::Male => "M",
            Gender::Other => "X",
        },
        language: person.language,
        street: told.street,
        city: told.city.to_owned(),
        region: told.region,
        postcode: told.postcode,
        country: person.country.code(),
        company: company.unwrap_or_default(),
        loyalty_card: match person.is_member && knows_card {
            true => in_fours(&key(world, System::Loyalty, person.index, 0)),
            false => String::new(),
        },
        faults: told.faults,
        ..Spelled::default()
    }
}

/// The system of the company that was bought: family names first and in capitals, ASCII only,
/// `00` in front of country codes.
fn north(world: &World, person: &Person, told: Told, stream: &mut Stream) -> Spelled {
    let (knows_birth, shouts) = (stream.chance(0.85), stream.chance(0.2));
    let employer = organisation_of(world, person.index).map(|organisation| organisation.name);
    let family = ascii(&told.family_name).to_uppercase();
    Spelled {
        name: [&family, ", ", &ascii(&told.given_name)].concat(),
        email: if shouts { told.email.to_uppercase() } else { told.email },
        mobile: told.mobile.replacen('+', "00", 1),
        phone: told.landline.replacen('+', "00", 1),
        birth_date: told
            .birth_date
            .filter(|_| knows_birth)
            .map(|day| day_first(day, '.'))
            .unwrap_or_default(),
        gender: match person.gender {
            Gender::Female => "F",
            Gender::Male => "M",
            Gender::Other => "X",
        },
        given_name: ascii(&told.given_name),
        family_name: family,
        street: ascii(&told.street).to_uppercase(),
        city: ascii(told.city).to_uppercase(),
        region: told.region,
        postcode: told.postcode.replace(' ', ""),
        country: Locale::of(person.country).country_name,
        language: person.language,
        company: employer.unwrap_or_default(),
        faults: told.faults,
        ..Spelled::default()
    }
}

/// Typed in at the till: ASCII, digits only, lower-case postcodes.
fn loyalty(person: &Person, told: Told) -> Spelled {
    Spelled {
        given_name: ascii(&told.given_name),
        family_name: ascii(&told.family_name),
        email: told.email,
        mobile: match told.mobile.strip_prefix("+44") {
            Some(national) => ["0", national].concat(),
            None => told.mobile.replacen('+', "00", 1),
        },
        birth_date: told.birth_date.map(|day| day_first(day, '/')).unwrap_or_default(),
        language: person.language,
        postcode: told.postcode.to_lowercase(),
        country: person.country.code(),
        faults: told.faults,
        ..Spelled::default()
    }
}

/// What people type of themselves at a checkout.
fn shop(person: &Person, told: Told, stream: &mut Stream) -> Spelled {
    let types_small = stream.chance(0.25);
    let typed = |text: String| if types_small { text.to_lowercase() } else { text };
    Spelled {
        given_name: typed(told.given_name),
        family_name: typed(told.family_name),
        email: told.email,
        mobile: spaced(person.country, &told.mobile),
        language: person.language,
        street: typed(told.street),
        city: told.city.to_owned(),
        region: told.region,
        postcode: typed(told.postcode),
        country: person.country.code(),
        faults: told.faults,
        ..Spelled::default()
    }
}

/// What somebody calls themselves in public.
fn display_name(told: &Told, stream: &mut Stream) -> String {
    let initial: String = told.family_name.chars().take(1).collect();
    match stream.below(6) {
        0 => told.given_name.clone(),
        1 => [&told.given_name, " ", &initial, "."].concat(),
        2 => [&told.given_name, " 🌿"].concat(),
        3 => told.given_name.to_lowercase(),
        _ => [&told.given_name, " ", &told.family_name].concat(),
    }
}

fn title(person: &Person) -> &'static str {
    let (of_a_woman, of_a_man) = Locale::of(person.country).titles;
    match person.gender {
        Gender::Female => of_a_woman,
        Gender::Male => of_a_man,
        Gender::Other if person.country.language() == "en" => "Mx",
        Gender::Other => "",
    }
}

/// British numbers as they are dialled at home (`07700 900123`), others with their country code
/// (`+49 171 3920012`); what is no E.164 number as it is.
fn spaced(country: Country, phone: &str) -> String {
    let Some(national) =
        phone.strip_prefix('+').and_then(|digits| digits.strip_prefix(country.calling_code()))
    else {
        return phone.to_owned();
    };
    match country {
        Country::Gb => ["0", &national[..4], " ", &national[4..]].concat(),
        _ => ["+", country.calling_code(), " ", &national[..3], " ", &national[3..]].concat(),
    }
}

/// `31.05.1984`, or with another mark between.
fn day_first(day: Day, mark: char) -> String {
    let date = day.date();
    format!("{:02}{mark}{:02}{mark}{}", date.day(), date.month(), date.year())
}

/// `7001 2345 6789 0`.
fn in_fours(digits: &str) -> String {
    let mut spaced = String::with_capacity(digits.len() + 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

#[cfg(test)]
mod tests;
