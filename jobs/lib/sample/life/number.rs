//! Numbers of facts, made from what causes them.
//!
//! No counter runs through the company: a fact's number holds its person, what brought it about
//! and its place among the facts of one cause, so that it can be told wherever the fact is made.

use crate::dates::Day;
use crate::sample::facts::PersonIndex;

/// Bits below the person's.
const LOCAL_BITS: u32 = 24;

/// Bits for the place among the facts of one cause.
const PLACE_BITS: u32 = 6;

/// How many facts of one kind one cause can bring about.
pub(super) const PLACES: u64 = 1 << PLACE_BITS;

/// Bits that tell causes of one kind apart.
const MAJOR_BITS: u32 = LOCAL_BITS - PLACE_BITS - 3;

/// Days from 1970-01-01 to 2000-01-01, from which blocks of days are counted.
const EPOCH: i32 = 10_957;

/// Days in a block.
pub(super) const BLOCK_DAYS: u64 = 32;

/// How many things may come of themselves to one person in one block.
pub(super) const BLOCK_PLACES: u64 = 32;

/// What brings a fact about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The person's purchase of this number, from 0 for the first of their life.
    Purchase(u16),
    /// A campaign reached the person, or not, being its control.
    Campaign(u16),
    /// It came of itself: in this block of days, the so many-th.
    Itself(u16, u8),
    /// The person came into this place of an endless round.
    Round(u16),
    /// They were asked, as they are every half year.
    HalfYear(u16),
    /// Something of which a person has one or a few: registering, looking around before the first
    /// purchase.
    Once(u16),
}

impl Cause {
    /// The cause as bits: unlike those of every other cause.
    pub(super) fn word(self) -> u64 {
        let (kind, major) = match self {
            Cause::Purchase(number) => (0_u64, u64::from(number)),
            Cause::Campaign(number) => (1, u64::from(number)),
            Cause::Itself(block, place) => {
                (2, u64::from(block) * BLOCK_PLACES + u64::from(place) % BLOCK_PLACES)
            }
            Cause::Round(number) => (3, u64::from(number)),
            Cause::HalfYear(number) => (4, u64::from(number)),
            Cause::Once(number) => (5, u64::from(number)),
        };
        (kind << MAJOR_BITS) | (major & ((1 << MAJOR_BITS) - 1))
    }
}

/// The number of a fact: below 2^53 for up to 2^29 persons, so that every system can hold it.
///
/// `place` is below [`PLACES`].
pub(super) fn number(person: PersonIndex, cause: Cause, place: u64) -> u64 {
    (person << LOCAL_BITS) | (cause.word() << PLACE_BITS) | (place % PLACES)
}

/// The block that a day is in, as counted over all time.
pub(super) fn block_of(day: Day) -> i64 {
    i64::from(day.to_epoch() - EPOCH).div_euclid(BLOCK_DAYS as i64)
}

/// The first day of a block.
pub(super) fn block_start(block: i64) -> Day {
    let day = block * BLOCK_DAYS as i64 + i64::from(EPOCH);
    i32::try_from(day)
        .ok()
        .and_then(Day::from_epoch)
        .unwrap_or_else(|| Day::new(Default::default()))
}

/// The block as causes name it: alike only after ninety years.
pub(super) fn block_word(block: i64) -> u16 {
    block.rem_euclid(1 << (MAJOR_BITS - 5)) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_of_different_causes_differ() {
        let mut seen = HashSet::new();
        for person in [0, 1, 2, 9_999_999] {
            for number_in_kind in 0..40 {
                let causes = [
                    Cause::Purchase(number_in_kind),
                    Cause::Campaign(number_in_kind),
                    Cause::Round(number_in_kind),
                    Cause::HalfYear(number_in_kind),
                    Cause::Once(number_in_kind),
                    Cause::Itself(number_in_kind, 0),
                    Cause::Itself(number_in_kind, 31),
                ];
                for cause in causes {
                    for place in [0, 1, 63] {
                        let number = number(person, cause, place);
                        assert!(number < 1 << 53);
                        assert!(seen.insert(number), "{person} {cause:?} {place}");
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_part_the_days() -> Result<(), String> {
        let day: Day = "2024-03-04".parse()?;
        let block = block_of(day);
        assert!(block_start(block) <= day && day < block_start(block + 1));
        assert_eq!(block_of(block_start(block)), block);
        assert_eq!(block_of(block_start(block).minus(1)), block - 1);
        Ok(())
    }
}
