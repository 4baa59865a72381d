//! Facts of several persons put together, and those that are told after a window carried into the
//! next one.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::feeds::Feed;
use super::feeds::schedule::Schedule;

/// Puts facts behind others.
pub fn append(all: &mut Facts, mut more: Facts) {
    all.orders.append(&mut more.orders);
    all.refunds.append(&mut more.refunds);
    all.loyalty_entries.append(&mut more.loyalty_entries);
    all.cases.append(&mut more.cases);
    all.survey_responses.append(&mut more.survey_responses);
    all.mentions.append(&mut more.mentions);
    all.reviews.append(&mut more.reviews);
    all.community_posts.append(&mut more.community_posts);
    all.web_events.append(&mut more.web_events);
    all.device_events.append(&mut more.device_events);
    all.consents.append(&mut more.consents);
    all.campaign_contacts.append(&mut more.campaign_contacts);
    all.campaign_events.append(&mut more.campaign_events);
    all.identifier_links.append(&mut more.identifier_links);
}

/// The facts that are told after the window.
pub fn left_over(facts: &Facts, schedules: &BTreeMap<Feed, Schedule>) -> Facts {
    fn of<T: Clone>(list: &[T], schedules: &BTreeMap<Feed, Schedule>, feed: Feed) -> Vec<T> {
        let later = schedules.get(&feed).map_or(&[][..], |schedule| schedule.later.as_slice());
        later.iter().filter_map(|index| list.get(*index as usize)).cloned().collect()
    }
    let orders = [Feed::ShopOrders, Feed::AppOrders, Feed::TillSales];
    Facts {
        orders: orders.into_iter().flat_map(|feed| of(&facts.orders, schedules, feed)).collect(),
        refunds: of(&facts.refunds, schedules, Feed::Refunds),
        loyalty_entries: of(&facts.loyalty_entries, schedules, Feed::LoyaltyEntries),
        // A case is told as it stands: the next window has it anew.
        cases: Vec::new(),
        survey_responses: of(&facts.survey_responses, schedules, Feed::SurveyResponses),
        mentions: of(&facts.mentions, schedules, Feed::SocialMentions),
        reviews: of(&facts.reviews, schedules, Feed::Reviews),
        community_posts: of(&facts.community_posts, schedules, Feed::CommunityPosts),
        web_events: of(&facts.web_events, schedules, Feed::WebEvents),
        device_events: of(&facts.device_events, schedules, Feed::DeviceEvents),
        consents: of(&facts.consents, schedules, Feed::ConsentEvents),
        campaign_contacts: of(&facts.campaign_contacts, schedules, Feed::CampaignContacts),
        campaign_events: of(&facts.campaign_events, schedules, Feed::CampaignEvents),
        identifier_links: of(&facts.identifier_links, schedules, Feed::IdentifierLinks),
    }
}
