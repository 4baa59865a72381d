//! Recommendations, as the shop's programme for friends learns of them: when somebody uses the link
//! or code of another one. Some of these friends become customers with it; of the others nobody
//! hears again.

use super::Living;
use super::number::{self, Cause};
use super::parameters::public as model;
use super::time;
use crate::sample::facts::{Referral, Shop};
use crate::sample::people::{Person, System};
use crate::sample::random::{Purpose, Stream};

/// Tells the recommendation that brought a person, and those that they made in vain, if they were
/// used in the window.
pub(super) fn tell(living: &Living<'_>, referrals: &mut Vec<Referral>) {
    tell_own(living, referrals);
    tell_vain(living, referrals);
}

fn tell_own(living: &Living<'_>, referrals: &mut Vec<Referral>) {
    let (world, person) = (living.company.world, &living.person);
    let Some(referrer) = person.referrer else { return };
    let is_first = |purchase: &&super::Purchase| purchase.cause == Cause::Purchase(0);
    let Some(first) = living.course.purchases.iter().find(is_first) else { return };
    if !living.span.holds(first.at) {
        return;
    }
    let words = [person.index, first.cause.word()];
    let mut stream = Stream::of(world.seed, Purpose::Referral, &words);
    // Nobody has a link or code without an account.
    if !stream.chance(model::RECOMMENDATION_USED_SHARE)
        || !Person::of(world, referrer).is_in(System::Shop)
    {
        return;
    }
    let is_in_store = matches!(first.shop, Shop::Till(_));
    let online = stream.pick_weighted(&model::RECOMMENDATION_CHANNELS);
    referrals.push(Referral {
        number: number::number(person.index, first.cause, 0),
        referrer,
        friend: Some(person.index),
        channel: if is_in_store { "store" } else { online },
        order: (!is_in_store).then_some(first.number),
        at: first.at,
    });
}

fn tell_vain(living: &Living<'_>, referrals: &mut Vec<Referral>) {
    let (world, person) = (living.company.world, &living.person);
    if !person.is_in(System::Shop) || !person.is_content() {
        return;
    }
    let is_customer =
        |at| person.acquired_at < at && living.course.dropped_out_at.is_none_or(|left| at <= left);
    let mean = model::RECOMMENDATION_MEAN * f64::from(person.activity);
    time::of_itself(
        world.seed,
        Purpose::Referral,
        person.index,
        living.window,
        mean,
        &time::ONLINE,
        |cause, at| {
            if !living.span.holds(at) || !is_customer(at) {
                return;
            }
            let words = [person.index, cause.word()];
            let mut stream = Stream::of(world.seed, Purpose::Referral, &words);
            referrals.push(Referral {
                number: number::number(person.index, cause, 0),
                referrer: person.index,
                friend: None,
                channel: stream.pick_weighted(&model::RECOMMENDATION_CHANNELS),
                order: None,
                at,
            });
        },
    );
}
