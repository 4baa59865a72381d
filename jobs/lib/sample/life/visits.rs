//! Visits to the web site and in the app: looking around before the first purchase, of oneself
//! while one is a customer and seldom afterwards, by a campaign's link, and to buy.

use super::number::{self, Cause, PLACES};
use super::parameters::digital as model;
use super::skeleton::Purchase;
use super::time::{self, DAY};
use super::{Living, shopping::Bought};
use crate::dates::DayRange;
use crate::sample::facts::{CampaignIndex, Instant, KnownBy, ProductIndex, Shop, WebEvent};
use crate::sample::people::{Person, System};
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::calendar::london_day;

/// What people look for.
const SEARCHES: [&str; 24] = [
    "duvet cover",
    "wine glasses",
    "mug",
    "kettle",
    "floor lamp",
    "cushion",
    "saucepan",
    "garden chair",
    "plant pot",
    "bath towel",
    "rug",
    "candle",
    "knife",
    "storage jars",
    "picture frame",
    "gift",
    "smart bulb",
    "coffee grinder",
    "pillow",
    "tablecloth",
    "laundry basket",
    "sale",
    "watering can",
    "mirror",
];

/// Places of the visit that a campaign's link begins, apart from the purchase it may bring.
const CLICK_PLACES: u64 = 32;

/// The most events of a visit.
const MOST_EVENTS: u64 = 20;

/// A visit before its events are drawn.
struct Visit {
    cause: Cause,
    /// The place of its first event among those of its cause.
    first: u64,
    begins_at: Instant,
    is_app: bool,
    is_logged_in: bool,
    referrer: &'static str,
    campaign: Option<CampaignIndex>,
}

/// Tells the events of the window.
pub(super) fn tell(living: &Living<'_>, events: &mut Vec<WebEvent>) {
    before_the_first_purchase(living, events);
    of_themselves(living, events);
    by_links(living, events);
    for bought in &living.bought {
        to_buy(living, bought, events);
    }
}

fn draws(living: &Living<'_>, purpose: Purpose, cause: Cause) -> Stream {
    Stream::of(living.company.world.seed, purpose, &[living.person.index, cause.word()])
}

/// The visits of a person before their first purchase, in no order: the place of each, when it
/// begins, and how.
fn first_looks(seed: u64, person: &Person) -> Vec<(u64, Instant, &'static str)> {
    let bought_on = london_day(person.acquired_at);
    let mut stream = Stream::of(seed, Purpose::Visit, &[person.index, Cause::Once(0).word()]);
    let count = 1 + stream.poisson(model::VISITS_BEFORE_MEAN).min(8);
    let looks = (0..count).map(|place| {
        let days = stream.exponential(model::DAYS_BEFORE_MEAN) as u64;
        let day = bought_on.minus((1 + days).min(model::MOST_DAYS_BEFORE));
        let referrer = match person.referrer {
            Some(_) if place == 0 => "referral",
            _ => stream.pick_weighted(&[
                ("organic", 0.38),
                ("paid_search", 0.27),
                ("social", 0.17),
                ("direct", 0.13),
                ("referral", 0.05),
            ]),
        };
        (place, time::clock(&mut stream, day, &time::ONLINE), referrer)
    });
    looks.collect()
}

/// How a person's first visit began.
pub(super) fn first_touch(seed: u64, person: &Person) -> &'static str {
    let looks = first_looks(seed, person).into_iter();
    looks.min_by_key(|(_, begins_at, _)| *begins_at).map_or("direct", |(_, _, referrer)| referrer)
}

fn before_the_first_purchase(living: &Living<'_>, events: &mut Vec<WebEvent>) {
    let person = &living.person;
    let bought_on = london_day(person.acquired_at);
    let from = living.window.from.minus(1);
    if bought_on < from || bought_on.minus(model::MOST_DAYS_BEFORE) >= living.window.to {
        return;
    }
    for (place, begins_at, referrer) in first_looks(living.company.world.seed, person) {
        let visit = Visit {
            cause: Cause::Once(8 + place as u16),
            first: 0,
            begins_at,
            is_app: false,
            is_logged_in: false,
            referrer,
            campaign: None,
        };
        look_around(living, &visit, events);
    }
}

fn of_themselves(living: &Living<'_>, events: &mut Vec<WebEvent>) {
    let (seed, person) = (living.company.world.seed, &living.person);
    let fades_at = living.course.dropped_out_at.map(|at| at + model::FADE_DAYS * DAY);
    // A visit late in the evening may end on the next day.
    let days = DayRange { from: living.window.from.minus(1), to: living.window.to };
    let mean = model::VISIT_MEAN * f64::from(person.activity);
    time::of_itself(seed, Purpose::Visit, person.index, days, mean, &time::ONLINE, |cause, at| {
        if at < person.acquired_at {
            return;
        }
        let mut stream = draws(living, Purpose::Visit, cause);
        let stays = stream.chance(model::AFTER_DROPOUT_SHARE);
        if fades_at.is_some_and(|fades_at| at > fades_at) && !stays {
            return;
        }
        let is_app = person.is_in(System::App) && stream.chance(model::APP_VISIT_SHARE);
        let has_account = person.is_in(System::Shop);
        let is_logged_in = is_app || (has_account && stream.chance(model::LOGGED_IN_SHARE));
        let referrer = if is_app { "direct" } else { referrer(&mut stream) };
        let visit = Visit {
            cause,
            first: 0,
            begins_at: at,
            is_app,
            is_logged_in,
            referrer,
            campaign: None,
        };
        look_around(living, &visit, events);
    });
}

fn referrer(stream: &mut Stream) -> &'static str {
    stream.pick_weighted(&[
        ("direct", 0.38),
        ("organic", 0.30),
        ("paid_search", 0.18),
        ("social", 0.10),
        ("referral", 0.04),
    ])
}

fn by_links(living: &Living<'_>, events: &mut Vec<WebEvent>) {
    for contact in &living.contacts {
        let Some(clicked_at) = contact.clicked_at() else { continue };
        let cause = Cause::Campaign(contact.campaign);
        let is_email = contact.channel(living.company.world) == "email";
        let mut stream = draws(living, Purpose::Visit, cause);
        let visit = Visit {
            cause,
            first: CLICK_PLACES,
            begins_at: clicked_at + 2,
            is_app: false,
            is_logged_in: living.person.is_in(System::Shop) && stream.chance(0.3),
            referrer: if is_email { "email" } else { "direct" },
            campaign: Some(contact.campaign),
        };
        look_around(living, &visit, events);
    }
}

/// Draws a visit without a purchase, and tells its events of the window.
fn look_around(living: &Living<'_>, visit: &Visit, events: &mut Vec<WebEvent>) {
    let span = living.span;
    if visit.begins_at >= span.to || visit.begins_at < span.from - DAY {
        return;
    }
    let words = [living.person.index, visit.cause.word(), visit.first];
    let mut stream = Stream::of(living.company.world.seed, Purpose::WebEvent, &words);
    let device = device(&mut stream, visit.is_app);
    let count = (1 + stream.poisson(model::EVENTS_MEAN)).min(MOST_EVENTS);
    let mut at = visit.begins_at;
    let mut in_cart = 0_u32;
    for place in 0..count {
        let kinds: &[(&'static str, f64)] = match (place, in_cart) {
            (0, _) => &[("page_view", 0.75), ("product_view", 0.25)],
            (_, 0) => &[
                ("product_view", 0.46),
                ("page_view", 0.22),
                ("search", 0.17),
                ("add_to_cart", 0.11),
                ("video_view", 0.04),
            ],
            _ => &[
                ("product_view", 0.44),
                ("page_view", 0.20),
                ("add_to_cart", 0.14),
                ("checkout", 0.22),
            ],
        };
        let kind = stream.pick_weighted(kinds);
        in_cart += u32::from(kind == "add_to_cart");
        let product = matches!(kind, "product_view" | "add_to_cart" | "video_view")
            .then(|| living.company.shelves.popular(&mut stream));
        let search = (kind == "search").then(|| *stream.pick_skewed(&SEARCHES));
        if span.holds(at) {
            events.push(event(living, visit, device, place, at, kind, product, search));
        }
        at += gap(&mut stream);
    }
}

/// Tells the visit in which somebody bought.
fn to_buy(living: &Living<'_>, bought: &Bought, events: &mut Vec<WebEvent>) {
    let purchase: &Purchase = &bought.purchase;
    let span = living.span;
    let is_app = purchase.shop == Shop::App;
    if matches!(purchase.shop, Shop::Till(_))
        || purchase.at < span.from
        || purchase.at >= span.to + DAY
    {
        return;
    }
    let mut stream = draws(living, Purpose::WebEvent, purchase.cause);
    let device = device(&mut stream, is_app);
    let mut steps: Vec<(&'static str, Option<ProductIndex>)> = vec![("page_view", None)];
    if stream.chance(0.35) {
        steps.push(("search", None));
    }
    for line in &bought.order.lines {
        if stream.chance(0.8) {
            steps.push(("product_view", Some(line.product)));
        }
        steps.push(("add_to_cart", Some(line.product)));
    }
    steps.push(("checkout", None));
    steps.push(("purchase", None));
    let visit = Visit {
        cause: purchase.cause,
        first: 0,
        begins_at: purchase.at,
        is_app,
        is_logged_in: purchase.known_by == KnownBy::Account,
        referrer: match (purchase.campaign, is_app) {
            (Some(campaign), _) => match campaign_channel(living, campaign) {
                "email" => "email",
                _ => "direct",
            },
            (None, true) => "direct",
            (None, false) => referrer(&mut stream),
        },
        campaign: purchase.campaign,
    };
    // Told from its end, which is known.
    let gaps: Vec<i64> = steps.iter().skip(1).map(|_| gap(&mut stream)).collect();
    let mut at = purchase.at - gaps.iter().sum::<i64>();
    for (place, (kind, product)) in (0_u64..).zip(steps) {
        let search = (kind == "search").then(|| *stream.pick_skewed(&SEARCHES));
        if span.holds(at) {
            let mut told = event(living, &visit, device, place, at, kind, product, search);
            told.order = (kind == "purchase").then_some(purchase.number);
            events.push(told);
        }
        at += gaps.get(place as usize).copied().unwrap_or(0);
    }
}

fn campaign_channel(living: &Living<'_>, campaign: CampaignIndex) -> &'static str {
    let campaigns = &living.company.world.campaigns;
    campaigns.get(usize::from(campaign)).map_or("", |campaign| campaign.channel)
}

/// Which device a visit is made with: the phone with the app is 0, browsers are 1 and 2.
fn device(stream: &mut Stream, is_app: bool) -> u8 {
    match is_app {
        true => 0,
        false => 1 + u8::from(stream.chance(0.3)),
    }
}

/// Seconds between two events.
fn gap(stream: &mut Stream) -> i64 {
    let (median, sigma) = model::EVENT_GAP_SECONDS;
    (stream.log_normal(median, sigma) as i64).clamp(1, 1_500)
}

#[allow(clippy::too_many_arguments)] // what all events of a visit share
fn event(
    living: &Living<'_>,
    visit: &Visit,
    device: u8,
    place: u64,
    at: Instant,
    kind: &'static str,
    product: Option<ProductIndex>,
    search: Option<&'static str>,
) -> WebEvent {
    let person = living.person.index;
    WebEvent {
        number: number::number(person, visit.cause, (visit.first + place).min(PLACES - 1)),
        person,
        is_logged_in: visit.is_logged_in,
        device,
        session: number::number(person, visit.cause, visit.first),
        at,
        kind,
        channel: if visit.is_app { "app" } else { "web" },
        referrer: visit.referrer,
        campaign: visit.campaign,
        product,
        search,
        order: None,
    }
}
