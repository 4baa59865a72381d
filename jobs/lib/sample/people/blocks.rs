//! Groups of people by arithmetic: stretches of a shuffled order of all persons.

use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;

/// How to cut a shuffled order into groups. Groups do not reach over the end of a stretch, so that
/// the group of any place is found from the stretch alone.
pub(super) struct Cut {
    pub purpose: Purpose,
    /// Places in a stretch.
    pub stretch: u64,
    /// Draws the size of the next group, at least 1.
    pub size: fn(&mut Stream) -> u64,
}

/// The group of a place below `count`: its first place and its size.
pub(super) fn group(world: &World, cut: &Cut, place: u64, count: u64) -> (u64, u64) {
    let start = place - place % cut.stretch;
    let end = (start + cut.stretch).min(count);
    let mut stream = Stream::of(world.seed, cut.purpose, &[u64::MAX, start]);
    let mut first = start;
    loop {
        let size = (cut.size)(&mut stream).clamp(1, end.max(first + 1) - first);
        if place < first + size {
            return (first, size);
        }
        first += size;
    }
}
