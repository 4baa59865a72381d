//! What advertising costs: every day by channel, and by campaign on the day its messages go out.

use chrono::Weekday;

use super::parameters::marketing as model;
use crate::dates::Day;
use crate::sample::facts::{CampaignIndex, MarketingSpend, Pence};
use crate::sample::random::{Purpose, Stream};
use crate::sample::world::World;
use crate::sample::world::calendar::weekday;

/// Days of a flight of television, and days from the begin of one to the begin of the next.
const FLIGHT_DAYS: (i64, i64) = (10, 60);

/// What was spent on a day, in order of channel and campaign: what a person of the audience
/// costs, times the persons there are.
pub fn marketing_spend(world: &World, day: Day) -> Vec<MarketingSpend> {
    let mut stream =
        Stream::of(world.seed, Purpose::MarketingSpend, &[i64::from(day.to_epoch()) as u64]);
    let persons = world.persons as f64;
    let (paid_search, social, referral, tv) = model::DAILY_PENCE;
    let weekend = match weekday(day) {
        Weekday::Sat | Weekday::Sun => 1.25,
        _ => 0.9,
    };
    let is_on_air = i64::from(day.to_epoch()).rem_euclid(FLIGHT_DAYS.1) < FLIGHT_DAYS.0;
    let mut spend = |channel: &'static str, campaign: Option<CampaignIndex>, pence: f64| {
        let amount = (pence * stream.log_normal(1.0, 0.12)).round() as Pence;
        MarketingSpend { day, channel, campaign, amount: amount.max(1) }
    };
    let mut spends = vec![
        spend("paid_search", None, paid_search * persons * weekend),
        spend("social", None, social * persons * weekend),
        spend("referral", None, referral * persons),
    ];
    if is_on_air {
        spends.push(spend("tv", None, tv * persons));
    }
    let (sms, post, thousand_emails) = model::MESSAGE_PENCE;
    for (place, campaign) in (0_u16..).zip(&world.campaigns) {
        if campaign.starts.plus(1) != day {
            continue;
        }
        let messages = persons * f64::from(campaign.audience_share);
        let pence = match campaign.channel {
            "sms" => messages * 0.3 * sms as f64,
            "post" => messages * 0.3 * post as f64,
            // The platform's fee, and the making of it.
            _ => messages * 0.5 * thousand_emails as f64 / 1_000.0 + 15_000.0,
        };
        spends.push(spend(campaign.channel, Some(place), pence));
    }
    spends.sort_by_key(|spend| (spend.channel, spend.campaign));
    spends
}
