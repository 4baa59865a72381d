//! Identity: which records are one customer, and what that customer is called from day to day.
//!
//! Everything here works on indices into the caller's columns, so that ten million records need
//! vectors of integers, not maps of text. Results never depend on the order of the input:
//! whatever needs an order takes it from the text of record ids and identifiers.

pub mod clustering;
pub mod rules;
pub mod stable_ids;

/// The positions of `texts` in the order of the texts, and for each position its place in that
/// order.
///
/// Returns (`by_rank`, `ranks`): `texts[by_rank[rank]]` ascends, and `ranks[by_rank[rank]]` is
/// `rank`. At most `u32::MAX` texts.
fn ranked(texts: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let mut by_rank: Vec<u32> = (0..).take(texts.len()).collect();
    let text = |index: u32| texts.get(index as usize).copied().unwrap_or_default();
    // Columns mostly come sorted already.
    if !texts.is_sorted() {
        by_rank.sort_unstable_by(|left, right| text(*left).cmp(text(*right)));
    }
    let mut ranks = vec![0; texts.len()];
    for (rank, index) in (0..).zip(&by_rank) {
        if let Some(place) = ranks.get_mut(*index as usize) {
            *place = rank;
        }
    }
    (by_rank, ranks)
}
