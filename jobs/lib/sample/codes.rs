//! The numbers of facts as exports write them: eleven letters and digits that tell nothing.
//!
//! A fact's own number holds its person, and whoever could read it there would need no identity
//! resolution.

use super::digits;

/// Bits of a fact's number.
const BITS: u32 = 53;

/// Letters and digits of a code, five bits each.
const LENGTH: usize = BITS.div_ceil(5) as usize;

/// Crockford's base 32: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What a number is of: facts of different kinds may have the same one, where one led to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the kinds of facts
pub enum Kind {
    Order,
    Refund,
    LoyaltyEntry,
    Case,
    SurveyResponse,
    Mention,
    Review,
    CommunityPost,
    WebEvent,
    DeviceEvent,
    Consent,
    CampaignEvent,
    Referral,
}

/// Appends the code of a fact: unlike those of all other facts of its kind, for numbers below 2^53.
///
/// An order or a case has the same code in every system that names it.
pub fn push_code(out: &mut Vec<u8>, kind: Kind, number: u64) {
    let scrambled = scrambled(number ^ (kind as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let code: [u8; LENGTH] = std::array::from_fn(|place| {
        DIGITS[(scrambled >> ((LENGTH - 1 - place) * 5) & 31) as usize]
    });
    out.extend_from_slice(&code);
}

/// The code of a fact; see [`push_code`].
pub fn code(kind: Kind, number: u64) -> String {
    digits::text(|out| push_code(out, kind, number))
}

/// A bijection of the numbers below 2^53: each step can be undone.
fn scrambled(number: u64) -> u64 {
    const MASK: u64 = (1 << BITS) - 1;
    let mut word = number & MASK;
    for factor in [0x9E37_79B9_7F4A_7C15_u64, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        word = word.wrapping_mul(factor) & MASK;
        word ^= word >> 27;
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_differ_and_look_unrelated() {
        let codes: HashSet<String> =
            (0..20_000).map(|number| code(Kind::Order, number << 24 | 3)).collect();
        assert_eq!(codes.len(), 20_000);
        assert!(codes.iter().all(|code| code.len() == 11));
        assert_ne!(code(Kind::Order, 1)[..4], code(Kind::Order, 2)[..4]);
        assert_ne!(code(Kind::Order, 1), code(Kind::Review, 1));
    }
}
