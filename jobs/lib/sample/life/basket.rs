//! What is in the basket: products of the catalogue whose value comes to what the purchase is
//! worth.
//!
//! All lines but the last are products by their popularity that fit into what is left. The last
//! is one of the two products whose prices lie about the rest, each with the probability that
//! makes its expected price the rest: so baskets have shelf prices, and their mean is that of the
//! model. A discounted basket is filled for more, and its discount leaves the model's value.

use crate::dates::Day;
use crate::sample::facts::{OrderLine, Pence, ProductIndex};
use crate::sample::life::parameters::shopping;
use crate::sample::random::Stream;
use crate::sample::world::{Product, World};

/// The catalogue in the orders that baskets are filled by.
#[derive(Debug, Clone)]
pub(super) struct Shelves {
    /// By price, then number.
    by_price: Vec<(Pence, ProductIndex)>,
    /// The popularity of the products up to and with each.
    popularity: Vec<f32>,
}

/// How often a popular product that costs too much is put back for another one.
const TRIES: u32 = 4;

/// The most lines of an order.
pub(super) const MOST_LINES: usize = 8;

impl Shelves {
    /// The shelves of a world.
    pub(super) fn of(world: &World) -> Shelves {
        let mut by_price: Vec<(Pence, ProductIndex)> =
            (0..).zip(&world.products).map(|(place, product)| (product.price, place)).collect();
        by_price.sort_unstable();
        let mut sum = 0.0;
        let popularity = world
            .products
            .iter()
            .map(|product| {
                sum += product.weight;
                sum
            })
            .collect();
        Shelves { by_price, popularity }
    }

    /// A product by popularity.
    pub(super) fn popular(&self, stream: &mut Stream) -> ProductIndex {
        let total = self.popularity.last().copied().unwrap_or(0.0);
        let drawn = stream.uniform() as f32 * total;
        let place = self.popularity.partition_point(|sum| *sum <= drawn);
        place.min(self.popularity.len().saturating_sub(1)) as ProductIndex
    }

    /// The lines of a basket worth about `amount` pence, bought on `day`: at least one where there
    /// is a product at all.
    pub(super) fn fill(
        &self,
        products: &[Product],
        stream: &mut Stream,
        day: Day,
        amount: Pence,
    ) -> Vec<OrderLine> {
        let is_discounted = stream.chance(shopping::DISCOUNTED_SHARE);
        let percent = if is_discounted { 5 * stream.between(1, 4) } else { 0 };
        let gross = amount * 100 / (100 - percent);
        let mut lines: Vec<OrderLine> = Vec::with_capacity(4);
        let mut rest = gross;
        // Something must be left that the last line can cost.
        let least = self.by_price.first().map_or(0, |(price, _)| price * 3 / 2);
        while lines.len() + 1 < MOST_LINES && stream.chance(0.55) {
            let most = (rest * 7 / 10).min(rest - least);
            let Some(line) = self.popular_line(products, stream, day, most, &lines) else {
                break;
            };
            rest -= line.gross();
            lines.push(line);
        }
        if let Some(line) = self.last_line(products, stream, day, rest, &lines) {
            lines.push(line);
        }
        if is_discounted {
            take_off(&mut lines, amount);
        }
        lines
    }

    /// A popular product for at most `most` pence in all.
    fn popular_line(
        &self,
        products: &[Product],
        stream: &mut Stream,
        day: Day,
        most: Pence,
        lines: &[OrderLine],
    ) -> Option<OrderLine> {
        for _ in 0..TRIES {
            let place = self.popular(stream);
            let product = products.get(usize::from(place))?;
            if product.price <= most && is_free(product, place, day, lines) {
                let room = (most / product.price.max(1)).min(4);
                let quantity = if stream.chance(0.25) { stream.between(1, room) } else { 1 };
                return Some(line(product, place, quantity));
            }
        }
        None
    }

    /// The product whose price makes up the rest.
    fn last_line(
        &self,
        products: &[Product],
        stream: &mut Stream,
        day: Day,
        rest: Pence,
        lines: &[OrderLine],
    ) -> Option<OrderLine> {
        let dearest = self.by_price.last()?.0.max(1);
        // Who spends more than anything costs takes several; some take several of a cheap thing.
        let fewest = ((rest + dearest - 1) / dearest).max(1);
        let quantity = if rest > 1_500 && stream.chance(0.2) { fewest + 1 } else { fewest };
        let each = rest as f64 / quantity as f64;
        let split = self.by_price.partition_point(|(price, _)| (*price as f64) <= each);
        let is_takeable = |(_, place): &&(Pence, ProductIndex)| {
            products
                .get(usize::from(*place))
                .is_some_and(|product| is_free(product, *place, day, lines))
        };
        let below = self.by_price[..split].iter().rev().find(is_takeable);
        let above = self.by_price[split..].iter().find(is_takeable);
        let (_, place) = match (below, above) {
            (Some(below), Some(above)) => {
                let share = (each - below.0 as f64) / (above.0 - below.0) as f64;
                if stream.chance(share) { above } else { below }
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        products.get(usize::from(*place)).map(|product| line(product, *place, quantity))
    }
}

/// Whether a product can be had on the day and is not in the basket yet.
fn is_free(product: &Product, place: ProductIndex, day: Day, lines: &[OrderLine]) -> bool {
    product.launched <= day && lines.iter().all(|line| line.product != place)
}

fn line(product: &Product, place: ProductIndex, quantity: i64) -> OrderLine {
    OrderLine {
        product: place,
        quantity: quantity.clamp(1, 60_000) as u16,
        unit_price: product.price,
        discount: 0,
    }
}

/// Takes off what the lines are worth beyond `amount`, from each by its share.
fn take_off(lines: &mut [OrderLine], amount: Pence) {
    let gross: Pence = lines.iter().map(OrderLine::gross).sum();
    // A basket that came out cheaper than it should has no discount.
    let mut rest = (gross - amount).max(0);
    let mut gross_rest = gross;
    for line in lines {
        let own = line.gross();
        let off = if gross_rest > 0 { rest * own / gross_rest } else { 0 };
        line.discount = off.min(own);
        rest -= line.discount;
        gross_rest -= own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::random::Purpose;

    #[test]
    fn baskets_are_worth_what_was_drawn_on_average() -> Result<(), String> {
        let world = crate::sample::life::tests::world(10)?;
        let shelves = Shelves::of(&world);
        let mut stream = Stream::of(1, Purpose::Basket, &[]);
        for amount in [900, 2_000, 3_533, 10_000, 80_000] {
            let (mut total, mut farthest) = (0, 0);
            for _ in 0..4_000 {
                let lines = shelves.fill(&world.products, &mut stream, world.days.from, amount);
                let net: Pence = lines
                    .iter()
                    .map(|line| {
                        assert!(line.discount <= line.gross() && line.quantity >= 1);
                        line.net()
                    })
                    .sum();
                let mut products: Vec<_> = lines.iter().map(|line| line.product).collect();
                products.sort_unstable();
                products.dedup();
                assert_eq!(products.len(), lines.len());
                assert!((1..=MOST_LINES).contains(&lines.len()));
                total += net;
                farthest = farthest.max((net - amount).abs());
            }
            let mean = total as f64 / 4_000.0;
            assert!((mean / amount as f64 - 1.0).abs() < 0.01, "{amount}: {mean}");
            assert!(farthest < amount / 5 + 300, "{amount}: {farthest} away");
        }
        Ok(())
    }
}
