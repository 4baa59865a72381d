//! Identity: which records are one customer, and what that customer is called from day to day.
//!
//! Everything here works on indices into the caller's columns, so that ten million records need
//! vectors of integers, not maps of text. Results never depend on the order of the input:
//! whatever needs an order takes it from the text of record ids and identifiers.

pub mod agglomeration;
pub mod bridges;
pub mod candidates;
pub mod clustering;
pub mod comparison;
pub mod evaluation;
pub mod recognise;
pub mod relations;
pub mod rules;
pub mod stable_ids;
pub mod training;

/// The positions of `texts` in the order of the texts, and for each position its place in that
/// order.
///
/// Returns (`by_rank`, `ranks`): `texts[by_rank[rank]]` ascends, and `ranks[by_rank[rank]]` is
/// `rank`. At most `u32::MAX` texts.
fn ranked(texts: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let mut by_rank: Vec<u32> = (0..).take(texts.len()).collect();
    // Columns mostly come sorted already.
    if !texts.is_sorted() {
        let mut keyed: Vec<(u64, &str, u32)> = texts
            .iter()
            .zip(&by_rank)
            .map(|(text, index)| (sort_key(text), *text, *index))
            .collect();
        keyed.sort_unstable();
        by_rank = keyed.into_iter().map(|(_, _, index)| index).collect();
    }
    let mut ranks = vec![0; texts.len()];
    for (rank, index) in (0..).zip(&by_rank) {
        if let Some(place) = ranks.get_mut(*index as usize) {
            *place = rank;
        }
    }
    (by_rank, ranks)
}

/// The first eight bytes of a text as a number. Numbers order as the texts do where they differ;
/// equal ones leave it to the texts. Sorting by it first is several times faster: most
/// comparisons need not look at the text, which lies anywhere in memory.
fn sort_key(text: &str) -> u64 {
    let mut first = [0; 8];
    for (place, byte) in first.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sort_keys_never_contradict_the_texts(left in ".{0,12}", right in ".{0,12}") {
            let by_key = (sort_key(&left), &left).cmp(&(sort_key(&right), &right));
            prop_assert_eq!(by_key, left.cmp(&right));
        }
    }
}
