//! The exporting systems: facts and records in, the bytes of their files out.
//!
//! One file of code a system's export; each says which columns it has, how a row of it is
//! written, and what may go wrong with a row. Knows nothing of storage, threads or the truth.
//!
//! | source | below the exports' root | what |
//! | --- | --- | --- |
//! | `crm_contacts` | `crm/contacts/{dt}/contacts-NNNN.csv` | all records of the CRM, every day |
//! | `north_contacts` | `north/contacts/{dt}/changes-NNNN.ndjson.gz` | what changed in the CRM of North; on the first day all |
//! | `loyalty_members` | `loyalty/members/{dt}/members-NNNN.csv` | what changed in the loyalty programme; on the first day all |
//! | `consent_events` | `crm/consents/{dt}/consents-NNNN.csv` | consents given and withdrawn |
//! | `desk_cases` | `desk/cases/{dt}/cases-NNNN.ndjson.zst` | the state of every case that changed, with its events |
//! | `north_tickets` | `north/tickets/{dt}/tickets-NNNN.csv` | the same of North's own desk, in Windows-1252 |
//! | `campaign_contacts` | `mailer/audience/{dt}/audience-NNNN.csv` | who was chosen for a campaign |
//! | `campaign_events` | `mailer/events/{dt}/events-NNNN.ndjson.gz` | what came of it |
//! | `shop_orders` | `shop/orders/{dt}/orders-NNNN.json.gz` | the web shop's orders, with lines and payments |
//! | `app_orders` | `app/orders/{dt}/orders-NNNN.parquet` | the app's order lines |
//! | `till_sales` | `till/sales/{dt}/sales-NNNN.csv.zst` | the stores' receipt lines |
//! | `refunds` | `shop/refunds/{dt}/refunds-NNNN.csv` | money paid back, whatever the shop |
//! | `loyalty_entries` | `loyalty/entries/{dt}/entries-NNNN.csv` | points earned, redeemed, expired |
//! | `products` | `catalogue/{dt}/products.parquet` | the catalogue, on the first day and on Mondays |
//! | `social_mentions` | `social/mentions/{dt}/mentions-NNNN.ndjson` | public posts |
//! | `reviews` | `shop/reviews/{dt}/reviews-NNNN.csv` | product reviews |
//! | `community_posts` | `forum/{dt}/posts-NNNN.ndjson` | the brand's own forum |
//! | `survey_responses` | `surveys/{dt}/answers-NNNN.csv` | invitations and answers |
//! | `web_events` | `web/events/{dt}/events-NNNN.ndjson.zst` | clicks |
//! | `device_events` | `devices/{dt}/events-NNNN.ndjson.gz` | what things report |
//! | `marketing_spend` | `media/spend/{dt}.csv` | money spent, one file a day |
//! | `identifier_links` | `crm/links/{dt}/links-NNNN.csv` | numbers that are the same person |
//! | `referrals` | `shop/referrals/{dt}/referrals-NNNN.csv` | who used whose link or code |
//! | `competitor_mentions` | `social/competitors/{dt}.csv` | posts about competitors, one file a day |

mod app_orders;
mod campaign_contacts;
mod campaign_events;
mod community_posts;
mod competitor_mentions;
pub mod compress;
mod consent_events;
pub mod contacts;
mod crm_contacts;
mod desk_cases;
mod device_events;
pub mod encode;
pub mod formats;
mod identifier_links;
mod loyalty_entries;
mod loyalty_members;
mod marketing_spend;
mod north_contacts;
mod north_tickets;
mod products;
mod referrals;
mod refunds;
mod reviews;
pub mod scene;
pub mod schedule;
pub mod sheet;
mod shop_orders;
mod social_mentions;
mod survey_responses;
mod till_sales;
pub mod times;
mod web_events;

pub use self::community_posts::is_verified as is_verified_poster;
use self::compress::{Compression, FormatMix};
pub use self::device_events::is_registered as is_registered_device;
pub use self::survey_responses::names_contact as names_surveyed_contact;
use crate::dates::Day;
use crate::sample::dirt::rows::Target;
use crate::sample::people::Dirt;
use crate::sample::world::World;

/// A system's export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table above says what each is
pub enum Feed {
    CrmContacts,
    NorthContacts,
    LoyaltyMembers,
    ConsentEvents,
    DeskCases,
    NorthTickets,
    CampaignContacts,
    CampaignEvents,
    ShopOrders,
    AppOrders,
    TillSales,
    Refunds,
    LoyaltyEntries,
    Products,
    SocialMentions,
    Reviews,
    CommunityPosts,
    SurveyResponses,
    WebEvents,
    DeviceEvents,
    MarketingSpend,
    IdentifierLinks,
    CompetitorMentions,
    Referrals,
}

/// How a feed's files are written, before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Fields between this delimiter, with a header.
    Csv(u8),
    /// A JSON object a line.
    Ndjson,
    /// One array of JSON objects.
    Json,
    /// Parquet.
    Parquet,
}

/// What a day's files of a feed are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Facts, each once.
    Events,
    /// All there is.
    Snapshot,
    /// The whole state of what changed.
    Changes,
}

/// What is fixed about a feed.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The source's name.
    pub name: &'static str,
    /// The path of a file: `{dt}` stands for the day, `{part}` for the part's number. Without
    /// `{part}` only the first part writes it.
    pub path: &'static str,
    /// How it is written.
    pub format: Format,
    /// How the system compresses it.
    pub compression: Compression,
    /// What a day's files are.
    pub load: Load,
    /// Whether there is a file on every day, be it without rows.
    pub is_required: bool,
    /// The columns of a CSV.
    pub header: &'static [&'static str],
    /// The columns or paths that identify a row.
    pub id: &'static [&'static str],
    /// Sources that read an array within the records: their names and the array's key.
    pub exploded: &'static [(&'static str, &'static str)],
    /// What may go wrong with a row.
    pub targets: &'static [Target],
}

impl Feed {
    /// All of them.
    pub const ALL: [Feed; 24] = [
        Feed::CrmContacts,
        Feed::NorthContacts,
        Feed::LoyaltyMembers,
        Feed::ConsentEvents,
        Feed::DeskCases,
        Feed::NorthTickets,
        Feed::CampaignContacts,
        Feed::CampaignEvents,
        Feed::ShopOrders,
        Feed::AppOrders,
        Feed::TillSales,
        Feed::Refunds,
        Feed::LoyaltyEntries,
        Feed::Products,
        Feed::SocialMentions,
        Feed::Reviews,
        Feed::CommunityPosts,
        Feed::SurveyResponses,
        Feed::WebEvents,
        Feed::DeviceEvents,
        Feed::MarketingSpend,
        Feed::IdentifierLinks,
        Feed::CompetitorMentions,
        Feed::Referrals,
    ];

    /// What is fixed about it.
    pub fn about(self) -> &'static About {
        match self {
            Feed::CrmContacts => &crm_contacts::ABOUT,
            Feed::NorthContacts => &north_contacts::ABOUT,
            Feed::LoyaltyMembers => &loyalty_members::ABOUT,
            Feed::ConsentEvents => &consent_events::ABOUT,
            Feed::DeskCases => &desk_cases::ABOUT,
            Feed::NorthTickets => &north_tickets::ABOUT,
            Feed::CampaignContacts => &campaign_contacts::ABOUT,
            Feed::CampaignEvents => &campaign_events::ABOUT,
            Feed::ShopOrders => &shop_orders::ABOUT,
            Feed::AppOrders => &app_orders::ABOUT,
            Feed::TillSales => &till_sales::ABOUT,
            Feed::Refunds => &refunds::ABOUT,
            Feed::LoyaltyEntries => &loyalty_entries::ABOUT,
            Feed::Products => &products::ABOUT,
            Feed::SocialMentions => &social_mentions::ABOUT,
            Feed::Reviews => &reviews::ABOUT,
            Feed::CommunityPosts => &community_posts::ABOUT,
            Feed::SurveyResponses => &survey_responses::ABOUT,
            Feed::WebEvents => &web_events::ABOUT,
            Feed::DeviceEvents => &device_events::ABOUT,
            Feed::MarketingSpend => &marketing_spend::ABOUT,
            Feed::IdentifierLinks => &identifier_links::ABOUT,
            Feed::CompetitorMentions => &competitor_mentions::ABOUT,
            Feed::Referrals => &referrals::ABOUT,
        }
    }

    /// The path of a part's file of a day, below the exports' root. `part` counts from 1.
    pub fn path(self, day: Day, part: u32, mix: FormatMix) -> String {
        let about = self.about();
        let path = about.path.replace("{dt}", &day.to_string());
        let mut path = path.replace("{part}", &format!("{part:04}"));
        path.push_str(self.compression(mix).suffix());
        path
    }

    /// How its files are compressed.
    pub fn compression(self, mix: FormatMix) -> Compression {
        let about = self.about();
        mix.compression(about.format, about.compression)
    }

    /// Whether all parts write it; else the first alone.
    pub fn is_of_every_part(self) -> bool {
        self.about().path.contains("{part}")
    }

    /// Whether it tells facts, each once, about persons.
    pub fn has_schedule(self) -> bool {
        let is_about_nobody = matches!(self, Feed::MarketingSpend | Feed::CompetitorMentions);
        self.about().load == Load::Events && !is_about_nobody
    }

    /// The header on a day.
    pub fn header(self, world: &World, dirt: Dirt, day: Day) -> &'static [&'static str] {
        match self {
            Feed::SurveyResponses => survey_responses::header(world, dirt, day),
            _ => self.about().header,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn feeds_are_told_apart_by_name_and_path() {
        let names: HashSet<_> = Feed::ALL.iter().map(|feed| feed.about().name).collect();
        let day: Day = "2024-03-04".parse().unwrap();
        let paths: HashSet<_> =
            Feed::ALL.iter().map(|feed| feed.path(day, 1, FormatMix::System)).collect();
        assert_eq!((names.len(), paths.len()), (Feed::ALL.len(), Feed::ALL.len()));
        assert!(paths.contains("shop/orders/2024-03-04/orders-0001.json.gz"));
    }

    #[test]
    fn what_may_go_wrong_is_about_columns_that_are_there() {
        for feed in Feed::ALL {
            let about = feed.about();
            if !matches!(about.format, Format::Csv(_)) {
                continue;
            }
            let known = |column: &str| column.is_empty() || about.header.contains(&column);
            assert!(about.targets.iter().all(|target| known(target.column)), "{}", about.name);
            assert!(about.id.iter().all(|column| known(column)), "{}", about.name);
        }
    }
}
