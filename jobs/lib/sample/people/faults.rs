//! What can be wrong with a person's record, and how often.

use super::{Person, Record, household_of};
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::World;

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dirt {
    /// Nothing.
    None,
    /// About half a percent.
    Light,
    /// About two percent of rows, and several times that of persons' records.
    Heavy,
}

impl Dirt {
    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Dirt::None => "none",
            Dirt::Light => "light",
            Dirt::Heavy => "heavy",
        }
    }
}

/// What is wrong with a record. The row is accepted all the same: it is what makes it hard to say
/// who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordFaultKind {
    /// Letters of the family name are left out, doubled or swapped.
    Typo,
    /// `Bob` for Robert.
    Nickname,
    /// Given and family name have changed places.
    SwappedNames,
    /// The address before the last move.
    OldAddress,
    /// The e-mail address before the last change.
    OldEmail,
    /// The household's telephone in place of the person's own.
    SharedPhone,
    /// The household's e-mail address in place of the person's own.
    FamilyEmail,
    /// `noreply@example.com` and the like.
    PlaceholderEmail,
    /// `00000000000` and the like.
    PlaceholderPhone,
    /// The person has a second record in the same system.
    DuplicateRecord,
    /// A number that went through a spreadsheet: a phone or postcode without its leading zero.
    LostLeadingZeros,
    /// Day and month have changed places, or the last two digits of the year.
    MangledBirthDate,
    /// The system was never told.
    MissingAttribute,
}

impl RecordFaultKind {
    /// All kinds.
    pub const ALL: [RecordFaultKind; 13] = [
        RecordFaultKind::Typo,
        RecordFaultKind::Nickname,
        RecordFaultKind::SwappedNames,
        RecordFaultKind::OldAddress,
        RecordFaultKind::OldEmail,
        RecordFaultKind::SharedPhone,
        RecordFaultKind::FamilyEmail,
        RecordFaultKind::PlaceholderEmail,
        RecordFaultKind::PlaceholderPhone,
        RecordFaultKind::DuplicateRecord,
        RecordFaultKind::LostLeadingZeros,
        RecordFaultKind::MangledBirthDate,
        RecordFaultKind::MissingAttribute,
    ];

    /// As the ledger of faults names it.
    pub fn name(self) -> &'static str {
        match self {
            RecordFaultKind::Typo => "typo",
            RecordFaultKind::Nickname => "nickname",
            RecordFaultKind::SwappedNames => "swapped_names",
            RecordFaultKind::OldAddress => "old_address",
            RecordFaultKind::OldEmail => "old_email",
            RecordFaultKind::SharedPhone => "shared_phone",
            RecordFaultKind::FamilyEmail => "family_email",
            RecordFaultKind::PlaceholderEmail => "placeholder_email",
            RecordFaultKind::PlaceholderPhone => "placeholder_phone",
            RecordFaultKind::DuplicateRecord => "duplicate_record",
            RecordFaultKind::LostLeadingZeros => "lost_leading_zeros",
            RecordFaultKind::MangledBirthDate => "mangled_birth_date",
            RecordFaultKind::MissingAttribute => "missing_attribute",
        }
    }
}

impl Dirt {
    /// The share of records that a fault is drawn for, 0 to 1; where it would change nothing (a
    /// nickname of a name that has none) the record stays as it is.
    pub(super) fn share_of(self, kind: RecordFaultKind) -> f64 {
        let heavy = match kind {
            RecordFaultKind::Typo => 0.03,
            RecordFaultKind::Nickname => 0.06,
            RecordFaultKind::SwappedNames => 0.012,
            RecordFaultKind::OldAddress => 0.05,
            RecordFaultKind::OldEmail => 0.04,
            RecordFaultKind::SharedPhone => 0.05,
            RecordFaultKind::FamilyEmail => 0.025,
            RecordFaultKind::PlaceholderEmail => 0.015,
            RecordFaultKind::PlaceholderPhone => 0.015,
            RecordFaultKind::DuplicateRecord => 0.04,
            RecordFaultKind::LostLeadingZeros => 0.025,
            RecordFaultKind::MangledBirthDate => 0.02,
            RecordFaultKind::MissingAttribute => 0.06,
        };
        match self {
            Dirt::None => 0.0,
            Dirt::Light => heavy / 4.0,
            Dirt::Heavy => heavy,
        }
    }
}

/// The faults drawn for a record: the same on every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DrawnFaults(u16);

impl DrawnFaults {
    pub(super) fn of(world: &World, record: &Record, person: &Person, dirt: Dirt) -> Self {
        if dirt == Dirt::None {
            return DrawnFaults(0);
        }
        let words = [record.system as u64, person.index, u64::from(record.number)];
        let mut stream = Stream::of(world.seed, Purpose::RecordFault, &words);
        let mut drawn = 0;
        for kind in RecordFaultKind::ALL {
            let is_wrong = match kind {
                RecordFaultKind::DuplicateRecord => record.number > 0,
                RecordFaultKind::FamilyEmail | RecordFaultKind::SharedPhone => {
                    stream.chance(0.5) && does_household_share(world, person, kind, dirt)
                }
                _ => stream.chance(dirt.share_of(kind)),
            };
            drawn |= u16::from(is_wrong) << kind as u16;
        }
        DrawnFaults(drawn)
    }

    pub(super) fn has(self, kind: RecordFaultKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

/// Whether a person's household is one whose members give the same address or number, half of
/// them each time they are asked: what is shared must turn up with more than one of them.
fn does_household_share(world: &World, person: &Person, kind: RecordFaultKind, dirt: Dirt) -> bool {
    // Three persons in five live with another; so the share of all records comes out right.
    let of_households = dirt.share_of(kind) / 0.5 / 0.6;
    random::share(world.seed, Purpose::RecordFault, &[kind as u64, person.household])
        < of_households
        && household_of(world, person.index).0.size > 1
}

/// Something wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordFault {
    /// What.
    pub kind: RecordFaultKind,
    /// The field of [`super::Spelled`] it is about; empty where it is about the whole record.
    pub field: &'static str,
}
