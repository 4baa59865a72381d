//! By what a person can be reached, as a system's record of them says.

use super::faults::DrawnFaults;
use super::spelling::missing_of;
use super::{Dirt, Person, Record, RecordFaultKind, System, household};
use crate::sample::world::World;

/// By what somebody can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContactPoints {
    /// By an e-mail address.
    pub has_email: bool,
    /// By a telephone number.
    pub has_phone: bool,
    /// By post.
    pub has_address: bool,
}

impl ContactPoints {
    /// By an e-mail address alone.
    pub const EMAIL: ContactPoints =
        ContactPoints { has_email: true, has_phone: false, has_address: false };
    /// By a telephone number alone.
    pub const PHONE: ContactPoints =
        ContactPoints { has_email: false, has_phone: true, has_address: false };

    /// By these or those.
    pub fn or(self, other: ContactPoints) -> ContactPoints {
        ContactPoints {
            has_email: self.has_email || other.has_email,
            has_phone: self.has_phone || other.has_phone,
            has_address: self.has_address || other.has_address,
        }
    }
}

/// By what a record of the CRM, of North or of the loyalty programme says that its person can be
/// reached: the same on all days. What stands there in place of an address or number reaches nobody.
pub fn contact_points(
    world: &World,
    person: &Person,
    record: &Record,
    dirt: Dirt,
) -> ContactPoints {
    // The loyalty programme knows the postcode, and no landline.
    let is_of_loyalty = record.system == System::Loyalty;
    let all = ContactPoints { has_email: true, has_phone: true, has_address: !is_of_loyalty };
    if dirt == Dirt::None {
        return all;
    }
    let drawn = DrawnFaults::of(world, record, person, dirt);
    let missing = missing_of(world, person, record, drawn);
    let has_email = missing != Some("email") && !drawn.has(RecordFaultKind::PlaceholderEmail);
    let has_mobile = missing != Some("mobile") && !drawn.has(RecordFaultKind::PlaceholderPhone);
    let has_landline =
        || !is_of_loyalty && household::landline(world, person.household, person.country).is_some();
    let has_phone = has_mobile || has_landline();
    ContactPoints { has_email, has_phone, ..all }
}

#[cfg(test)]
mod tests {
    use super::super::{record_as_of, records_of, test_world};
    use super::*;
    use crate::algorithms::normalise::normalize_email;

    /// What a system spells is an address or number, or it is not.
    #[test]
    fn a_record_reaches_by_what_it_spells() {
        let world = test_world(3_000);
        let day = world.days.from.plus(9);
        let mut found = [0; 4];
        for index in world.all_persons() {
            let person = Person::of(&world, index);
            for record in records_of(&world, &person, Dirt::Heavy) {
                if !matches!(record.system, System::Crm | System::North | System::Loyalty) {
                    continue;
                }
                let spelled = record_as_of(&world, &person, &record, day, Dirt::Heavy);
                let points = contact_points(&world, &person, &record, Dirt::Heavy);
                let email = normalize_email(&spelled.email);
                assert_eq!(points.has_email, email.is_some(), "{}", spelled.email);
                let is_no_mobile = spelled.faults.iter().any(|fault| {
                    let kinds =
                        [RecordFaultKind::PlaceholderPhone, RecordFaultKind::MissingAttribute];
                    fault.field == "mobile" && kinds.contains(&fault.kind)
                });
                let has_landline = !spelled.phone.is_empty();
                assert_eq!(points.has_phone, !is_no_mobile || has_landline, "{spelled:?}");
                assert_eq!(points.has_address, !spelled.street.is_empty(), "{spelled:?}");
                let counted = [true, points.has_email, points.has_phone, points.has_address];
                found.iter_mut().zip(counted).for_each(|(sum, it)| *sum += usize::from(it));
            }
        }
        let [all, emails, phones, addresses] = found;
        assert!(emails < all && phones < all && addresses < all, "{found:?}");
        assert!(emails > all * 9 / 10 && phones > all * 9 / 10, "{found:?}");
    }
}
