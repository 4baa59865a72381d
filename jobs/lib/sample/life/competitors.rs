//! What is said in public of the company's competitors, as far as a tool that listens can count it.

use super::parameters::public as model;
use crate::dates::Day;
use crate::sample::facts::CompetitorMentions;
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;

/// The competitors, and how much louder each is than the company.
const COMPETITORS: [(&str, f64); 3] =
    [("Brambleway", 1.4), ("Halden & Co", 0.6), ("Northfold", 0.25)];

/// The networks, and the share of posts that is on each.
const PLATFORMS: [(&str, f64); 4] =
    [("facebook", 0.3), ("instagram", 0.35), ("tiktok", 0.15), ("x", 0.2)];

/// What is counted on a day, in order of the posts' day, platform and brand: the posts of the day,
/// be there none, and those of the day before that were not found until now.
pub fn competitor_mentions(world: &World, day: Day) -> Vec<CompetitorMentions> {
    let mut stream =
        Stream::of(world.seed, Purpose::CompetitorMentions, &[i64::from(day.to_epoch()) as u64]);
    let persons = world.persons as f64;
    let found_late = model::FOUND_LATE_SHARE;
    let mut counted = Vec::new();
    for (posted_on, found) in [(day.minus(1), found_late), (day, 1.0 - found_late)] {
        for (platform, share) in PLATFORMS {
            for (brand, loudness) in COMPETITORS {
                let posts = persons * model::POSTS_A_DAY * share * loudness;
                let count = stream.poisson(posts * found);
                if posted_on == day || count > 0 {
                    counted.push(CompetitorMentions { day: posted_on, platform, brand, count });
                }
            }
        }
    }
    counted
}
