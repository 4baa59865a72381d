//! Who is in a campaign's audience, what they are sent, and what they do then.
//!
//! The audience is drawn among the persons that consent to the channel on the day it is chosen.
//! The control group is sent nothing, and nothing else tells it from the others. Each treated
//! person makes, with the probability that is the campaign's uplift, one purchase while it runs
//! that they would not have made: the difference between the groups' mean purchases.

use super::Living;
use super::consents::{self, Choices};
use super::number::{self, Cause};
use super::parameters::marketing as model;
use super::time::{self, HOUR, MINUTE};
use crate::dates::Day;
use crate::sample::facts::{CampaignContact, CampaignEvent, CampaignIndex, Instant, PersonIndex};
use crate::sample::people::Person;
use crate::sample::random::{self, Purpose, Stream};
use crate::sample::world::calendar::{london_day, london_instant, london_midnight};
use crate::sample::world::{Campaign, World};

/// The kinds of events, in order of what leads to what.
const KINDS: [&str; 6] = ["sent", "bounced", "opened", "clicked", "responded", "unsubscribed"];

const SENT: usize = 0;
const BOUNCED: usize = 1;
const OPENED: usize = 2;
const CLICKED: usize = 3;
const RESPONDED: usize = 4;
const UNSUBSCRIBED: usize = 5;

/// That a person is in a campaign's audience, with all that comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    pub(super) campaign: CampaignIndex,
    pub(super) chosen_at: Instant,
    pub(super) is_treated: bool,
    /// When each of [`KINDS`] happened.
    times: [Option<Instant>; KINDS.len()],
    /// The day of the purchase that the campaign brings.
    pub(super) buys_on: Option<Day>,
}

impl Contact {
    pub(super) fn channel(&self, world: &World) -> &'static str {
        world.campaigns.get(usize::from(self.campaign)).map_or("", |campaign| campaign.channel)
    }

    pub(super) fn clicked_at(&self) -> Option<Instant> {
        self.times[CLICKED]
    }

    pub(super) fn unsubscribed_at(&self) -> Option<Instant> {
        self.times[UNSUBSCRIBED]
    }
}

/// The campaigns that began before `until` whose audience a person is in, in order. `choices`:
/// what they answered when they were asked, if they were.
pub(super) fn contacts(
    world: &World,
    person: &Person,
    choices: Option<&Choices>,
    until: Day,
) -> Vec<Contact> {
    let Some(choices) = choices else { return vec![] };
    let mut contacts = vec![];
    for (place, campaign) in (0_u16..).zip(&world.campaigns) {
        if campaign.starts >= until {
            break;
        }
        let words = [person.index, u64::from(place)];
        let drawn = random::share(world.seed, Purpose::CampaignContact, &words);
        if drawn >= f64::from(campaign.audience_share) {
            continue;
        }
        let chosen_at = london_instant(campaign.starts, 6 * HOUR + 30 * MINUTE);
        let is_known = person.acquired_at < london_midnight(campaign.starts);
        if is_known && consents::allows(world, choices, &contacts, campaign.channel, chosen_at) {
            contacts.push(contact(world, person, place, campaign, chosen_at));
        }
    }
    contacts
}

fn contact(
    world: &World,
    person: &Person,
    place: CampaignIndex,
    campaign: &Campaign,
    chosen_at: Instant,
) -> Contact {
    let words = [person.index, u64::from(place)];
    let mut stream = Stream::of(world.seed, Purpose::CampaignEvent, &words);
    let is_treated = !stream.chance(f64::from(campaign.control_share));
    let mut contact = Contact {
        campaign: place,
        chosen_at: chosen_at + stream.between(0, 599),
        is_treated,
        times: [None; KINDS.len()],
        buys_on: None,
    };
    if !is_treated {
        return contact;
    }
    let sent_on = campaign.starts.plus(1 + stream.below(2));
    let sent_at = time::clock(&mut stream, sent_on, &time::WORKING);
    contact.times[SENT] = Some(sent_at);
    let bounced_share = model::BOUNCED_SHARES[match campaign.channel {
        "email" => 0,
        "sms" => 1,
        _ => 2,
    }];
    if stream.chance(bounced_share) {
        contact.times[BOUNCED] = Some(sent_at + stream.between(1, 90));
        return contact;
    }
    // What bounced brings nobody: the others make up for it, so that the uplift is as stated.
    let buys = stream.chance(f64::from(campaign.uplift) / (1.0 - bounced_share));
    let days_left = campaign.ends.to_epoch() - sent_on.to_epoch() - 1;
    if buys && days_left > 0 {
        contact.buys_on = Some(sent_on.plus(1 + stream.below(days_left.unsigned_abs().into())));
    }
    react(&mut stream, &mut contact, campaign.channel, sent_at, f64::from(person.activity));
    contact
}

/// Draws what a person does with a message.
fn react(
    stream: &mut Stream,
    contact: &mut Contact,
    channel: &str,
    sent_at: Instant,
    activity: f64,
) {
    // Who buys because of a message has read it by then, and followed its link.
    let deadline = contact.buys_on.map(london_midnight);
    let after = |stream: &mut Stream, at: Instant, median: f64, sigma: f64| {
        let delay = (stream.log_normal(median, sigma) * HOUR as f64) as i64 + 20;
        match deadline {
            Some(deadline) => at + delay.min((deadline - at) / 2),
            None => at + delay,
        }
    };
    let (median, sigma) = model::OPENED_HOURS;
    let buys = deadline.is_some();
    match channel {
        "email" => {
            if !(stream.chance(model::OPENED_SHARE * activity) || buys) {
                return;
            }
            let opened_at = after(stream, sent_at, median, sigma);
            contact.times[OPENED] = Some(opened_at);
            if stream.chance(model::CLICKED_SHARE) || buys {
                contact.times[CLICKED] = Some(after(stream, opened_at, 0.02, 0.8));
            }
            if stream.chance(model::UNSUBSCRIBED_SHARE) {
                contact.times[UNSUBSCRIBED] = Some(opened_at + stream.between(20, 300));
            }
        }
        "sms" => {
            if stream.chance(model::SMS_CLICKED_SHARE * activity) || buys {
                contact.times[CLICKED] = Some(after(stream, sent_at, median, sigma));
            }
            if stream.chance(model::UNSUBSCRIBED_SHARE) {
                contact.times[UNSUBSCRIBED] = Some(sent_at + stream.between(60, 86_400));
            }
        }
        _ => {
            if stream.chance(model::POST_RESPONDED_SHARE) {
                let day = london_day(sent_at).plus(2 + stream.below(5));
                contact.times[RESPONDED] = Some(time::clock(stream, day, &time::AWAKE));
            }
        }
    }
    if let Some(clicked_at) = contact.times[CLICKED]
        && stream.chance(model::RESPONDED_SHARE)
    {
        contact.times[RESPONDED] = Some(clicked_at + stream.between(40, 1_200));
    }
}

impl Contact {
    /// That the person was chosen, as a fact.
    pub(super) fn told(&self, person: PersonIndex) -> CampaignContact {
        CampaignContact {
            campaign: self.campaign,
            person,
            is_treated: self.is_treated,
            at: self.chosen_at,
        }
    }
}

/// Tells the contacts and events of a person's window.
pub(super) fn tell(
    living: &Living<'_>,
    contacts: &mut Vec<CampaignContact>,
    events: &mut Vec<CampaignEvent>,
) {
    let person = living.person.index;
    for contact in &living.contacts {
        if living.span.holds(contact.chosen_at) {
            contacts.push(contact.told(person));
        }
        for (place, (kind, at)) in (0_u64..).zip(KINDS.into_iter().zip(contact.times)) {
            if let Some(at) = at.filter(|at| living.span.holds(*at)) {
                events.push(CampaignEvent {
                    number: number::number(person, Cause::Campaign(contact.campaign), place),
                    campaign: contact.campaign,
                    person,
                    kind,
                    at,
                });
            }
        }
    }
}
