//! The loyalty account of a member: points for joining, for goods and for upheld complaints;
//! redeemed on purchases, taken back with refunds, expired first in, first out.
//!
//! The books that are exported begin on the first exported day, with the balance brought forward
//! as one adjustment; from there on the entries add up to the balance.

use std::collections::VecDeque;

use super::Living;
use super::number::{self, Cause};
use super::parameters::loyalty as model;
use super::service::Sketch;
use super::shopping::Bought;
use super::time::{HOUR, MINUTE};
use crate::sample::facts::{Instant, KnownBy, LoyaltyEntry, Pence};
use crate::sample::people::System;
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::calendar::{london_day, london_instant, london_midnight};

/// Places of the entries that one cause makes.
const EARNED: u64 = 0;
const REDEEMED: u64 = 1;
const EXPIRED: u64 = 2;
const GOODWILL: u64 = 3;
const GOODWILL_EXPIRED: u64 = 4;
const BROUGHT_FORWARD: u64 = 5;
/// Refunds have the place of their line above this.
const REFUNDED: u64 = 16;

/// Points that came in together, and expire together.
struct Lot {
    points: i64,
    expires_at: Instant,
    number: u64,
}

/// What moves the account.
enum Movement<'a> {
    Joined,
    /// A purchase: its place among those bought.
    Bought(usize),
    Refunded(usize, usize),
    Upheld(&'a Sketch),
    BroughtForward,
}

struct Account {
    person: u64,
    lots: VecDeque<Lot>,
    balance: i64,
    entries: Vec<LoyaltyEntry>,
}

impl Account {
    fn enter(&mut self, number: u64, kind: &'static str, points: i64, at: Instant, order: u64) {
        let order = (order != NO_ORDER).then_some(order);
        self.entries.push(LoyaltyEntry { number, person: self.person, kind, points, at, order });
    }

    /// Points come in: those of a lot that expires under the number `expiry`.
    fn add(&mut self, points: i64, at: Instant, expiry: u64) {
        let expires_on = london_day(at).plus(model::EXPIRY_DAYS);
        let expires_at = london_instant(expires_on, 3 * HOUR);
        self.lots.push_back(Lot { points, expires_at, number: expiry });
        self.balance += points;
    }

    /// Points go, the oldest first; there must be so many.
    fn take(&mut self, points: i64) {
        self.balance -= points;
        let mut rest = points;
        while let Some(lot) = self.lots.front_mut() {
            let taken = rest.min(lot.points);
            lot.points -= taken;
            rest -= taken;
            if rest == 0 {
                break;
            }
            self.lots.pop_front();
        }
    }

    /// Points expire up to and at an instant.
    fn expire(&mut self, until: Instant) {
        while let Some(lot) = self.lots.pop_front_if(|lot| lot.expires_at <= until) {
            if lot.points > 0 {
                self.balance -= lot.points;
                self.enter(lot.number, "expired", -lot.points, lot.expires_at, NO_ORDER);
            }
        }
    }
}

/// In place of an order's number: no order has it, being beyond all persons.
const NO_ORDER: u64 = u64::MAX;

/// Whether a purchase is known to be a member's.
fn is_on_account(bought: &Bought) -> bool {
    matches!(bought.order.known_by, KnownBy::Account | KnownBy::LoyaltyCard)
}

/// Keeps a member's account from the beginning to the end of the window: notes on the purchases
/// what of them was paid with points, and tells the entries of the window.
pub(super) fn tell(living: &mut Living<'_>, entries: &mut Vec<LoyaltyEntry>) {
    if !living.person.is_in(System::Loyalty) {
        return;
    }
    let Living { company, person, course, bought, cases, span, .. } = living;
    // Who is won by a purchase gets the card just before it.
    let first = course.purchases.first().map_or(Instant::MAX, |purchase| purchase.at - 1);
    let joined_at = person.acquired_at.min(first);
    let (seed, person) = (company.world.seed, person.index);
    let opening = london_midnight(company.world.days.from);
    let mut movements = vec![(joined_at, 0, Movement::Joined)];
    if joined_at < opening {
        movements.push((opening, 0, Movement::BroughtForward));
    }
    for (place, bought) in bought.iter().enumerate() {
        if is_on_account(bought) {
            movements.push((bought.order.placed_at, bought.order.number, Movement::Bought(place)));
            for (line, refund) in bought.refunds.iter().enumerate() {
                let movement = Movement::Refunded(place, line);
                movements.push((refund.refunded_at, refund.number, movement));
            }
        }
    }
    for case in cases.iter() {
        if let Some(at) = case.upheld_at() {
            movements.push((at + 5 * MINUTE, case.number, Movement::Upheld(case)));
        }
    }
    movements.retain(|(at, _, _)| *at < span.to);
    movements.sort_by_key(|(at, number, _)| (*at, *number));

    let mut account = Account { person, lots: VecDeque::new(), balance: 0, entries: vec![] };
    let own = |cause: Cause, place: u64| number::number(person, cause, place);
    for (at, _, movement) in movements {
        account.expire(at);
        match movement {
            Movement::Joined => {
                let points = model::WELCOME_POINTS;
                account.add(points, at, own(Cause::Once(0), EXPIRED));
                account.enter(own(Cause::Once(0), EARNED), "adjusted", points, at, NO_ORDER);
            }
            Movement::BroughtForward => {
                // What came before is in nobody's books.
                account.entries.clear();
                if account.balance > 0 {
                    let number = own(Cause::Once(0), BROUGHT_FORWARD);
                    account.enter(number, "adjusted", account.balance, at, NO_ORDER);
                }
            }
            Movement::Bought(place) => {
                let Some(bought) = bought.get_mut(place) else { continue };
                let (cause, order) = (bought.purchase.cause, bought.order.number);
                let paid = redeemed(seed, person, bought, account.balance);
                if paid > 0 {
                    bought.order.paid_with_points = paid;
                    if paid == bought.net() + bought.order.shipping {
                        bought.order.payment_method = "points";
                    }
                    let points = paid / model::STEP_PENCE * model::REDEEM_STEP;
                    account.take(points);
                    account.enter(own(cause, REDEEMED), "redeemed", -points, at, order);
                }
                let points = (bought.net() - paid) / 100 * model::POINTS_A_POUND;
                if points > 0 {
                    account.add(points, at, own(cause, EXPIRED));
                    account.enter(own(cause, EARNED), "earned", points, at, order);
                }
            }
            Movement::Refunded(place, line) => {
                let Some(bought) = bought.get(place) else { continue };
                let Some(refund) = bought.refunds.get(line) else { continue };
                let points = (refund.amount / 100 * model::POINTS_A_POUND).min(account.balance);
                if points > 0 {
                    account.take(points);
                    let number = own(bought.purchase.cause, REFUNDED + line as u64);
                    account.enter(number, "adjusted", -points, at, refund.order);
                }
            }
            Movement::Upheld(case) => {
                let points = model::GOODWILL_POINTS;
                account.add(points, at, own(case.cause, GOODWILL_EXPIRED));
                let number = own(case.cause, GOODWILL);
                account.enter(number, "adjusted", points, at, NO_ORDER);
            }
        }
    }
    account.expire(span.to - 1);
    entries.extend(account.entries.into_iter().filter(|entry| span.holds(entry.at)));
}

/// What of a purchase is paid with points, pence.
fn redeemed(seed: u64, person: u64, bought: &Bought, balance: i64) -> Pence {
    let steps = (balance / model::REDEEM_STEP).min(bought.net() / model::STEP_PENCE);
    if steps < 1 {
        return 0;
    }
    let words = [person, bought.purchase.cause.word()];
    let mut stream = Stream::of(seed, Purpose::LoyaltyEntry, &words);
    match stream.chance(model::REDEEM_SHARE) {
        true => stream.between(1, steps) * model::STEP_PENCE,
        false => 0,
    }
}
