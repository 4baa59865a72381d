//! What things report: tags that readers in stores see, the phone that knows it is in a store,
//! sensors in what was bought, and films watched with the app.

use super::Living;
use super::number;
use super::parameters::digital as model;
use super::skeleton::store_of;
use super::time::{self, MINUTE};
use crate::dates::DayRange;
use crate::sample::facts::{DeviceEvent, Instant, ProductIndex, Shop};
use crate::sample::people::System;
use crate::sample::random::{Purpose, Stream};

/// The person's devices: the phone, a tagged bag, a speaker or sensor at home.
const PHONE: u8 = 0;
const TAG: u8 = 1;
const SENSOR: u8 = 2;

/// The place of the phone's report among those of a purchase; tags have their line's.
const SEEN_PLACE: u64 = 32;

/// Tells the events of the window.
pub(super) fn tell(living: &Living<'_>, events: &mut Vec<DeviceEvent>) {
    at_purchases(living, events);
    if living.person.is_in(System::App) {
        of_themselves(living, events);
    }
}

fn at_purchases(living: &Living<'_>, events: &mut Vec<DeviceEvent>) {
    let (seed, person) = (living.company.world.seed, &living.person);
    for bought in &living.bought {
        let Shop::Till(store) = bought.order.shop else { continue };
        let (at, cause) = (bought.order.placed_at, bought.purchase.cause);
        if !living.window_holds(crate::sample::world::calendar::london_day(at)) {
            continue;
        }
        let words = [person.index, cause.word()];
        let mut stream = Stream::of(seed, Purpose::DeviceEvent, &words);
        let mut push = |place, device, at, kind, product, value| {
            events.push(DeviceEvent {
                number: number::number(person.index, cause, place),
                person: person.index,
                device,
                at,
                kind,
                store: Some(store),
                product,
                value,
            });
        };
        for (place, line) in (0_u64..).zip(&bought.order.lines) {
            if stream.chance(model::RFID_SHARE) {
                let seen_at = at - stream.between(20, 240);
                push(place, TAG, seen_at, "rfid", Some(line.product), None);
            }
        }
        if person.is_in(System::App) && stream.chance(model::GEOLOCATION_SHARE) {
            let minutes = stream.log_normal(14.0, 0.6).clamp(2.0, 120.0);
            let left_at = at + stream.between(1, 5) * MINUTE;
            push(SEEN_PLACE, PHONE, left_at, "geolocation", None, Some(tenths(minutes)));
        }
    }
}

fn of_themselves(living: &Living<'_>, events: &mut Vec<DeviceEvent>) {
    let (world, person) = (living.company.world, &living.person);
    let days = DayRange { from: living.window.from.minus(1), to: living.window.to };
    let gone_at = living.course.dropped_out_at.map_or(Instant::MAX, |at| at);
    let hours = &time::AWAKE;
    time::of_itself(
        world.seed,
        Purpose::DeviceEvent,
        person.index,
        days,
        model::DEVICE_MEAN,
        hours,
        |cause, at| {
            if at < person.acquired_at || at > gone_at || !living.span.holds(at) {
                return;
            }
            let words = [person.index, cause.word()];
            let mut stream = Stream::of(world.seed, Purpose::DeviceEvent, &words);
            let kinds = [("video_view", 0.35), ("sensor", 0.40), ("geolocation", 0.25)];
            let product = living.company.shelves.popular(&mut stream);
            let of_product = |kind, value: f64| (kind, None, Some(product), value);
            let (kind, store, product, value): (_, _, Option<ProductIndex>, _) =
                match stream.pick_weighted(&kinds) {
                    "geolocation" => {
                        let Some(store) = store_of(world, person, 0) else { return };
                        let minutes = stream.log_normal(9.0, 0.7).clamp(1.0, 120.0);
                        ("geolocation", Some(store), None, minutes)
                    }
                    "sensor" => of_product("sensor", 19.5 + 3.0 * stream.normal()),
                    _ => of_product("video_view", stream.log_normal(38.0, 0.9).clamp(1.0, 900.0)),
                };
            events.push(DeviceEvent {
                number: number::number(person.index, cause, 0),
                person: person.index,
                device: if kind == "sensor" { SENSOR } else { PHONE },
                at,
                kind,
                store,
                product,
                value: Some(tenths(value)),
            });
        },
    );
}

fn tenths(value: f64) -> f32 {
    ((value * 10.0).round() / 10.0) as f32
}
