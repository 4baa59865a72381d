//! Facts of several persons put together, and those that are told after a window carried into the
//! next one.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::feeds::Feed;
use super::feeds::schedule::Schedule;

/// Calls a macro with the name of every list of facts.
macro_rules! each_list {
    ($call:ident) => {
        $call!(
            orders,
            refunds,
            loyalty_entries,
            cases,
            survey_responses,
            mentions,
            reviews,
            community_posts,
            web_events,
            device_events,
            consents,
            campaign_contacts,
            campaign_events,
            identifier_links,
            referrals
        )
    };
}

/// Makes room in `all` for facts that are to be put behind it, so that nothing is moved twice.
pub fn reserve<'a>(all: &mut Facts, more: impl Iterator<Item = &'a Facts> + Clone) {
    macro_rules! reserve_each {
        ($($list:ident),*) => {
            $(all.$list.reserve_exact(more.clone().map(|facts| facts.$list.len()).sum());)*
        };
    }
    each_list!(reserve_each);
}

/// Puts facts behind others.
pub fn append(all: &mut Facts, mut more: Facts) {
    macro_rules! append_each {
        ($($list:ident),*) => { $(all.$list.append(&mut more.$list);)* };
    }
    each_list!(append_each);
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
        referrals: of(&facts.referrals, schedules, Feed::Referrals),
    }
}
