//! Reviews in the web shop, by buyers with an account, of one product of an order.

use super::Living;
use super::number;
use super::parameters::public as model;
use super::time;
use crate::sample::facts::{KnownBy, Review};
use crate::sample::random::{Purpose, Stream};
use crate::sample::text;

/// Tells the reviews of the window.
pub(super) fn tell(living: &Living<'_>, reviews: &mut Vec<Review>) {
    let (world, person) = (living.company.world, &living.person);
    for bought in &living.bought {
        let order = &bought.order;
        if order.known_by != KnownBy::Account {
            continue;
        }
        let cause = bought.purchase.cause;
        let mut stream = Stream::of(world.seed, Purpose::Review, &[person.index, cause.word()]);
        let rating = usize::from(bought.rating());
        if !stream.chance(model::REVIEW_SHARE_BY_RATING[rating - 1]) {
            continue;
        }
        let posted_at = time::clock_after(&mut stream, bought.received_at, 2, 25, &time::ONLINE);
        if !living.span.holds(posted_at) {
            continue;
        }
        let any = stream.below(order.lines.len() as u64) as usize;
        let place = bought.faulty_line.or(bought.wrong_line).unwrap_or(any);
        let Some(line) = order.lines.get(place) else { continue };
        let noise = 0.3 * stream.normal();
        let stars = (bought.satisfaction + noise).round().clamp(1.0, 5.0) as u8;
        let topic = match (order.is_late, bought.is_bad()) {
            (true, _) => "delivery",
            (false, true) => "product",
            (false, false) => {
                stream.pick_weighted(&[("product", 0.7), ("price", 0.15), ("service", 0.15)])
            }
        };
        let number = number::number(person.index, cause, 0);
        let words = [Purpose::Review as u64, number];
        let mut words = Stream::of(world.seed, Purpose::Text, &words);
        let name =
            world.products.get(usize::from(line.product)).map_or("", |product| &product.name);
        let (title, text) = text::review(&mut words, topic, stars, name, person.language);
        reviews.push(Review {
            number,
            person: person.index,
            product: line.product,
            order: order.number,
            posted_at,
            stars,
            title,
            text,
            helpful_count: (stream.exponential(1.8) as u32).min(400),
        });
    }
}
