//! What people post about the brand on social networks: of themselves, and about purchases that
//! went very well or badly. Some who are angry follow their own post up.

use super::Living;
use super::number::{self, Cause};
use super::parameters::public as model;
use super::time::{self, DAY, HOUR};
use crate::dates::DayRange;
use crate::sample::facts::{Instant, Mention};
use crate::sample::people::{Person, System};
use crate::sample::random::{Purpose, Stream};
use crate::sample::text;

/// The networks, as systems and as posts name them.
const PLATFORMS: [(System, &str); 4] = [
    (System::X, "x"),
    (System::Instagram, "instagram"),
    (System::Facebook, "facebook"),
    (System::Tiktok, "tiktok"),
];

/// A follow-up comes at most so many days after the post.
const FOLLOW_UP_DAYS: u64 = 3;

/// Something that makes somebody post.
struct Occasion {
    cause: Cause,
    at: Instant,
    topic: &'static str,
    sentiment: f64,
}

/// Tells the posts of the window.
pub(super) fn tell(living: &Living<'_>, mentions: &mut Vec<Mention>) {
    let person = &living.person;
    let platforms: Vec<&'static str> = PLATFORMS
        .into_iter()
        .filter(|(system, _)| person.is_in(*system))
        .map(|(_, name)| name)
        .collect();
    if platforms.is_empty() {
        return;
    }
    for occasion in occasions(living) {
        post(living, &platforms, &occasion, mentions);
    }
}

fn occasions(living: &Living<'_>) -> Vec<Occasion> {
    let (seed, person) = (living.company.world.seed, &living.person);
    let mut occasions = vec![];
    for bought in &living.bought {
        let cause = bought.purchase.cause;
        let mut stream = Stream::of(seed, Purpose::Mention, &[person.index, cause.word()]);
        let rating = bought.rating();
        let share = model::MENTION_SHARE_BY_RATING[usize::from(rating) - 1];
        if !stream.chance(share) {
            continue;
        }
        let topic = if bought.order.is_late {
            "delivery"
        } else if bought.faulty_line.is_some() || bought.wrong_line.is_some() {
            "product"
        } else {
            stream.pick_weighted(&[("product", 0.55), ("price", 0.2), ("brand", 0.25)])
        };
        let at = time::clock_after(&mut stream, bought.received_at, 0, 5, &time::ONLINE);
        let sentiment = (bought.satisfaction - 3.0) / 2.0 + 0.15 * stream.normal();
        occasions.push(Occasion { cause, at, topic, sentiment });
    }
    let days = DayRange { from: living.window.from.minus(FOLLOW_UP_DAYS), to: living.window.to };
    let mean = model::MENTION_MEAN * f64::from(person.activity);
    time::of_itself(
        seed,
        Purpose::Mention,
        person.index,
        days,
        mean,
        &time::ONLINE,
        |cause, at| {
            if at < person.acquired_at {
                return;
            }
            let mut stream = Stream::of(seed, Purpose::Mention, &[person.index, cause.word()]);
            let topics = [
                ("brand", 0.35),
                ("product", 0.25),
                ("price", 0.2),
                ("service", 0.1),
                ("delivery", 0.1),
            ];
            let topic = stream.pick_weighted(&topics);
            let (level, by_mood, sigma) = model::MENTION_SENTIMENT;
            let sentiment = level + by_mood * f64::from(person.mood) + sigma * stream.normal();
            occasions.push(Occasion { cause, at, topic, sentiment });
        },
    );
    occasions
}

/// Tells a post, and perhaps its follow-up.
fn post(
    living: &Living<'_>,
    platforms: &[&'static str],
    occasion: &Occasion,
    mentions: &mut Vec<Mention>,
) {
    let span = living.span;
    // Early enough for any follow-up to be over.
    if occasion.at + (FOLLOW_UP_DAYS as i64) * DAY < span.from || occasion.at >= span.to {
        return;
    }
    let (seed, person) = (living.company.world.seed, &living.person);
    let words = [person.index, occasion.cause.word(), 1];
    let mut stream = Stream::of(seed, Purpose::Mention, &words);
    let platform = *stream.pick(platforms);
    let sentiment = rounded(occasion.sentiment);
    let first = number::number(person.index, occasion.cause, 0);
    let follow_up = (sentiment < -0.3 && stream.chance(model::FOLLOW_UP_SHARE))
        .then(|| occasion.at + stream.between(HOUR, FOLLOW_UP_DAYS as i64 * DAY - 1));
    let posts = [(0, Some(occasion.at), None), (1, follow_up, Some(first))];
    for (place, at, in_reply_to) in posts {
        let Some(posted_at) = at.filter(|at| span.holds(*at)) else { continue };
        let number = number::number(person.index, occasion.cause, place);
        let mut stream = Stream::of(seed, Purpose::Text, &[Purpose::Mention as u64, number]);
        let feeling = if place == 0 { sentiment } else { rounded(f64::from(sentiment) - 0.15) };
        let text = text::mention(&mut stream, platform, occasion.topic, feeling, person.language);
        let follower_count = followers(seed, person, platform);
        let seen = f64::from(follower_count) * stream.log_normal(0.4, 0.8) + 3.0;
        let mut count = |share: f64| (seen * share * stream.log_normal(1.0, 0.7)) as u32;
        mentions.push(Mention {
            number,
            person: person.index,
            platform,
            posted_at,
            text,
            topic: occasion.topic,
            in_reply_to,
            like_count: count(0.03),
            repost_count: count(0.004),
            reply_count: count(0.006),
            view_count: seen as u32,
            follower_count,
        });
    }
}

/// Followers of a person on a platform: the same at each post.
fn followers(seed: u64, person: &Person, platform: &str) -> u32 {
    let word = platform.bytes().fold(0_u64, |word, byte| word * 31 + u64::from(byte));
    let mut stream = Stream::of(seed, Purpose::Handle, &[person.index, word, 1]);
    stream.log_normal(160.0, 1.4).min(5e6) as u32
}

/// A feeling within its bounds, in hundredths.
fn rounded(sentiment: f64) -> f32 {
    ((sentiment.clamp(-1.0, 1.0) * 100.0).round() / 100.0) as f32
}
