//! Which touches of marketing share the credit for an order.
//!
//! A touch counts where exports say whose it is: a visit in which somebody was logged in, by how it
//! began, unless the address was typed in; a message that was opened, clicked or answered; and a
//! letter or text message that was sent, of which nobody can see more.

use std::collections::HashMap;

use super::MetricTruth;
use super::standing::Standings;
use crate::dates::Day;
use crate::sample::facts::{Facts, Instant, KnownBy, PersonIndex};
use crate::sample::world::World;
use crate::sample::world::calendar::london_day;

/// Days before an order in which touches count for it.
const WINDOW_DAYS: u64 = 30;
/// Days before an order at which a touch counts half, where time decays.
const HALF_LIFE_DAYS: f64 = 7.0;

/// The models that share the credit for an order among the touches before it.
pub(super) const MODELS: [&str; 5] =
    ["first_touch", "last_touch", "linear", "position", "time_decay"];

/// Millionths.
const WHOLE: i64 = 1_000_000;

/// A touch of marketing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Touch {
    at: Instant,
    channel: &'static str,
}

/// Touches by person, in order of time.
pub(super) type Touches = HashMap<PersonIndex, Vec<Touch>>;

impl MetricTruth {
    /// Credits the known orders of a window.
    pub(super) fn add_credit(
        &mut self,
        world: &World,
        facts: &Facts,
        standings: &mut Standings,
        is_in: &impl Fn(Instant) -> bool,
    ) {
        let touches = &mut standings.touches;
        for event in facts.web_events.iter().filter(|it| is_in(it.at) && it.is_logged_in) {
            // The first event of a visit has its number.
            if event.number == event.session && event.referrer != "direct" {
                let touch = Touch { at: event.at, channel: event.referrer };
                touches.entry(event.person).or_default().push(touch);
            }
        }
        for event in facts.campaign_events.iter().filter(|it| is_in(it.at)) {
            let campaign = world.campaigns.get(usize::from(event.campaign));
            let channel = campaign.map_or("", |campaign| campaign.channel);
            let counts = match event.kind {
                "opened" | "clicked" | "responded" => true,
                "sent" => channel != "email",
                _ => false,
            };
            if counts {
                touches.entry(event.person).or_default().push(Touch { at: event.at, channel });
            }
        }
        touches.values_mut().for_each(|touches| touches.sort_unstable());
        let orders = facts.orders.iter().filter(|it| is_in(it.placed_at));
        for order in orders.filter(|it| it.known_by != KnownBy::Nothing) {
            let day = london_day(order.placed_at);
            let all = touches.get(&order.person).map_or(&[][..], Vec::as_slice);
            let before = all.iter().filter(|touch| touch.at <= order.placed_at);
            let before = before.map(|touch| (days_between(london_day(touch.at), day), touch));
            let before: Vec<(u64, &Touch)> =
                before.filter(|(days, _)| *days <= WINDOW_DAYS).collect();
            let days: Vec<u64> = before.iter().map(|(days, _)| *days).collect();
            for model in MODELS {
                if before.is_empty() {
                    self.credit.add(day, (day, model, "direct"), [WHOLE]);
                }
                for (share, (_, touch)) in shares(model, &days).into_iter().zip(&before) {
                    self.credit.add(day, (day, model, touch.channel), [share]);
                }
            }
        }
    }
}

impl Standings {
    /// Forgets the touches that count for no order from a day on.
    pub(super) fn forget_touches(&mut self, day: Day) {
        let first = day.minus(WINDOW_DAYS);
        for touches in self.touches.values_mut() {
            touches.retain(|touch| london_day(touch.at) >= first);
        }
        self.touches.retain(|_, touches| !touches.is_empty());
    }
}

fn days_between(from: Day, to: Day) -> u64 {
    u64::try_from(to.to_epoch() - from.to_epoch()).unwrap_or(0)
}

/// What each of the touches has of an order, in millionths that sum to a whole: the last has what
/// the others leave. `days`: how long before the order each was, the first one first.
fn shares(model: &str, days: &[u64]) -> Vec<i64> {
    let count = days.len();
    let weight = |(place, days): (usize, &u64)| -> f64 {
        let is_first = place == 0;
        let is_last = place + 1 == count;
        match model {
            "first_touch" => f64::from(u8::from(is_first)),
            "last_touch" => f64::from(u8::from(is_last)),
            "position" if count > 2 && (is_first || is_last) => 0.4,
            "position" if count > 2 => 0.2 / (count - 2) as f64,
            "time_decay" => (-(*days as f64) / HALF_LIFE_DAYS).exp2(),
            _ => 1.0,
        }
    };
    let weights: Vec<f64> = days.iter().enumerate().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    let mut shares: Vec<i64> =
        weights.iter().map(|weight| (weight / sum * WHOLE as f64).round() as i64).collect();
    let others: i64 = shares.iter().rev().skip(1).sum();
    if let Some(last) = shares.last_mut() {
        *last = WHOLE - others;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_share_as_they_say() {
        let days = [14, 7, 0];
        assert_eq!(shares("first_touch", &days), [WHOLE, 0, 0]);
        assert_eq!(shares("last_touch", &days), [0, 0, WHOLE]);
        assert_eq!(shares("linear", &days), [333_333, 333_333, 333_334]);
        assert_eq!(shares("position", &days), [400_000, 200_000, 400_000]);
        assert_eq!(shares("position", &[3, 1]), [500_000, 500_000]);
        // A quarter, a half and a whole.
        assert_eq!(shares("time_decay", &days), [142_857, 285_714, 571_429]);
        for model in MODELS {
            assert_eq!(shares(model, &[3]), [WHOLE], "{model}");
        }
    }
}
