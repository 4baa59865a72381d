//! How a purchase goes: what is in it, how it is paid, when it comes, what is wrong with it, how
//! satisfied the buyer is, and what they send back. All of it follows from the purchase alone.

use super::parameters::shopping as model;
use super::skeleton::Purchase;
use super::time::{self, DAY, HOUR};
use super::{Company, number};
use crate::dates::Day;
use crate::sample::facts::{Earlier, Instant, Order, Pence, Refund, Shop};
use crate::sample::people::{Country, Person};
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::calendar::{london_day, weekday};

/// A purchase with all that follows from it for the buyer.
#[derive(Debug, Clone)]
pub(super) struct Bought {
    pub(super) purchase: Purchase,
    /// As facts tell it, but for the points it was paid with and the purchases before.
    pub(super) order: Order,
    /// When the buyer had the goods.
    pub(super) received_at: Instant,
    /// The line with a faulty item.
    pub(super) faulty_line: Option<usize>,
    /// The line with a wrong item.
    pub(super) wrong_line: Option<usize>,
    /// How satisfied the buyer is, about 1 to 5.
    pub(super) satisfaction: f64,
    /// What they send back, in order of lines.
    pub(super) refunds: Vec<Refund>,
}

impl Bought {
    /// Satisfaction as a rating from 1 to 5.
    pub(super) fn rating(&self) -> u8 {
        self.satisfaction.round().clamp(1.0, 5.0) as u8
    }

    /// What the goods cost, pence.
    pub(super) fn net(&self) -> Pence {
        self.order.net()
    }

    /// Whether anything went wrong.
    pub(super) fn is_bad(&self) -> bool {
        self.order.is_late || self.faulty_line.is_some() || self.wrong_line.is_some()
    }
}

/// What follows from a purchase.
pub(super) fn bought(company: &Company<'_>, person: &Person, purchase: &Purchase) -> Bought {
    let seed = company.world.seed;
    let words = [person.index, purchase.cause.word()];
    let day = london_day(purchase.at);
    let products = &company.world.products;
    let mut basket = Stream::of(seed, Purpose::Basket, &words);
    let lines = company.shelves.fill(products, &mut basket, day, purchase.amount);
    let net: Pence = lines.iter().map(crate::sample::facts::OrderLine::net).sum();
    let is_online = !matches!(purchase.shop, Shop::Till(_));

    let mut stream = Stream::of(seed, Purpose::Delivery, &words);
    let is_late = is_online && stream.chance(late_share(seed, day));
    let days = if is_late {
        let over = 1.0 + stream.exponential(1.5);
        model::PROMISED_DAYS + (over as u64).clamp(1, 7)
    } else {
        1 + stream.below(model::PROMISED_DAYS - 1)
    };
    let arrives = time::clock(&mut stream, day.plus(days), &time::WORKING);
    let delivered_at = is_online.then_some(arrives);
    let wrong_line = (is_online && stream.chance(model::WRONG_ITEM_SHARE))
        .then(|| stream.below(lines.len() as u64) as usize);
    let faulty_line = lines.iter().position(|line| {
        let share = products.get(usize::from(line.product)).map_or(0.0, |it| it.defect_share);
        stream.chance(1.0 - (1.0 - f64::from(share)).powi(i32::from(line.quantity.min(50))))
    });
    let satisfaction = model::SATISFACTION + f64::from(person.mood) * model::SATISFACTION_BY_MOOD
        - if is_late { model::LATE_PENALTY } else { 0.0 }
        - faulty_line.map_or(0.0, |_| model::DEFECT_PENALTY)
        - wrong_line.map_or(0.0, |_| model::WRONG_ITEM_PENALTY)
        + model::SATISFACTION_SIGMA * stream.normal();

    let shipping = match is_online && net < model::FREE_DELIVERY_FROM {
        true => model::DELIVERY_PENCE,
        false => 0,
    };
    let payment_method = payment_method(&mut stream, purchase.shop, person.country);
    let order = Order {
        number: purchase.number,
        person: person.index,
        known_by: purchase.known_by,
        shop: purchase.shop,
        placed_at: purchase.at,
        lines,
        shipping,
        payment_method,
        paid_with_points: 0,
        campaign: purchase.campaign,
        delivered_at,
        is_late,
        earlier: None::<Earlier>,
    };
    let mut bought = Bought {
        purchase: *purchase,
        order,
        received_at: delivered_at.unwrap_or(purchase.at),
        faulty_line,
        wrong_line,
        satisfaction,
        refunds: vec![],
    };
    bought.refunds = refunds(seed, person, &bought);
    bought
}

/// The share of deliveries of a day's orders that come late: most days are good, and now and then
/// some in a row are not.
pub(super) fn late_share(seed: u64, day: Day) -> f64 {
    let day = i64::from(day.to_epoch());
    let stretch = day.div_euclid(model::STRAIN_EVERY_DAYS);
    let free = (model::STRAIN_EVERY_DAYS - model::STRAIN_DAYS).unsigned_abs();
    let begins = random::hash(seed, Purpose::Delivery, &[stretch as u64]) % free;
    let place = day.rem_euclid(model::STRAIN_EVERY_DAYS) - begins as i64;
    match (0..model::STRAIN_DAYS).contains(&place) {
        true => model::LATE_SHARE_UNDER_STRAIN,
        false => model::LATE_SHARE,
    }
}

fn payment_method(stream: &mut Stream, shop: Shop, country: Country) -> &'static str {
    let shares: &[(&'static str, f64)] = match (shop, country) {
        (Shop::Till(_), Country::De) => &[("card", 0.45), ("cash", 0.45), ("wallet", 0.10)],
        (Shop::Till(_), _) => &[("card", 0.68), ("cash", 0.14), ("wallet", 0.18)],
        (Shop::App, _) => &[("wallet", 0.60), ("card", 0.38), ("invoice", 0.02)],
        (Shop::Web, Country::De | Country::Nl) => {
            &[("invoice", 0.42), ("wallet", 0.33), ("card", 0.25)]
        }
        (Shop::Web, _) => &[("card", 0.64), ("wallet", 0.30), ("invoice", 0.06)],
    };
    stream.pick_weighted(shares)
}

/// What comes back.
fn refunds(seed: u64, person: &Person, bought: &Bought) -> Vec<Refund> {
    let order = &bought.order;
    let mut stream =
        Stream::of(seed, Purpose::Refund, &[person.index, bought.purchase.cause.word()]);
    let is_online = order.delivered_at.is_some();
    let is_sent_back_late = order.is_late && stream.chance(model::LATE_RETURN_SHARE);
    let changed_mind = match is_online {
        true => model::CHANGED_MIND_SHARE,
        false => model::CHANGED_MIND_SHARE_IN_STORE,
    };
    let mut refunds = vec![];
    for (place, line) in order.lines.iter().enumerate() {
        let (is_faulty, is_wrong) =
            (bought.faulty_line == Some(place), bought.wrong_line == Some(place));
        let all = i64::from(line.quantity);
        let (reason, quantity, days) = if is_sent_back_late {
            ("late", all, (1, 6))
        } else if is_wrong && stream.chance(model::WRONG_ITEM_RETURN_SHARE) {
            ("wrong_item", all, (2, 12))
        } else if is_faulty && stream.chance(model::DAMAGED_RETURN_SHARE) {
            ("damaged", stream.between(1, all), (2, 14))
        } else if stream.chance(changed_mind) {
            ("changed_mind", stream.between(1, all), (3, model::MOST_RETURN_DAYS))
        } else {
            continue;
        };
        let refunded_at = match order.shop {
            Shop::Till(_) => {
                let at = time::clock_after(
                    &mut stream,
                    bought.received_at,
                    days.0,
                    days.1,
                    &time::STORE,
                );
                // No store is open that long on a Sunday, on the continent none at all.
                if weekday(london_day(at)) == chrono::Weekday::Sun { at + DAY } else { at }
            }
            _ => time::clock_after(&mut stream, bought.received_at, days.0, days.1, &time::WORKING)
                .max(bought.received_at + HOUR),
        };
        let amount = line.net() * quantity / all;
        if amount == 0 {
            continue;
        }
        refunds.push(Refund {
            number: number::number(person.index, bought.purchase.cause, place as u64),
            order: order.number,
            person: person.index,
            known_by: order.known_by,
            shop: order.shop,
            product: line.product,
            quantity: quantity.clamp(1, 60_000) as u16,
            amount,
            ordered_at: order.placed_at,
            refunded_at,
            reason,
        });
    }
    refunds
}
