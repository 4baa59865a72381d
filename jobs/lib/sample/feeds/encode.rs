//! The files of one feed and day, ready to be written.

use std::borrow::Cow;

use super::compress::FormatMix;
use super::scene::Scene;
use super::schedule::Told;
use super::sheet::{Finished, Loss, Sheet};
use super::{
    Feed, app_orders, campaign_contacts, campaign_events, community_posts, competitor_mentions,
    consent_events, crm_contacts, desk_cases, device_events, identifier_links, loyalty_entries,
    loyalty_members, marketing_spend, north_contacts, north_tickets, products, referrals, refunds,
    reviews, shop_orders, social_mentions, survey_responses, till_sales, web_events,
};
use crate::dates::Day;
use crate::errors::{Error, Kind, Result};
use crate::sample::codes::{self, code};
use crate::sample::dirt::files::{has_drifted, renamed};
use crate::sample::dirt::plan::Planned;
use crate::sample::dirt::{Fault, FileFault};

/// Which of the two places a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Among the exports.
    Exports,
    /// Beside them, with the truth: a file to be delivered in place of one that was refused.
    Redelivery,
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub place: Place,
    /// Its path below the exports' root.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A file as one source reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The source.
    pub source: &'static str,
    /// The day it lies on.
    pub dt: Day,
    /// Its path below the exports' root.
    pub path: String,
    /// Rows in it, as the source counts.
    pub row_count: u64,
    /// Its size in bytes.
    pub byte_count: u64,
    /// The size of its text in bytes, before compression.
    pub content_byte_count: u64,
    /// Whether it is refused when it is ingested; then this is of the intact one.
    pub is_refused: bool,
}

/// All there is to write and to know of a feed's day.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The files.
    pub files: Vec<File>,
    /// What is in them, by file and source.
    pub facts: Vec<FileFacts>,
    /// What went wrong.
    pub faults: Vec<Fault>,
    /// What is not told because of it.
    pub losses: Vec<Loss>,
}

/// How many rows a feed's file of a day has, where that is known beforehand; those of records
/// are only known when they are written.
pub fn row_count(scene: &Scene, feed: Feed, day: Day) -> Option<u64> {
    match feed {
        Feed::CrmContacts | Feed::NorthContacts | Feed::LoyaltyMembers => None,
        Feed::Products => Some(u64::from(products::is_due(scene, day))),
        Feed::MarketingSpend | Feed::CompetitorMentions => None,
        Feed::AppOrders | Feed::TillSales => {
            let orders = scene.told(feed, day).iter();
            Some(
                orders.map(|told| scene.facts.orders[told.index as usize].lines.len() as u64).sum(),
            )
        }
        _ => Some(scene.told(feed, day).len() as u64),
    }
}

/// Whether there is a file.
pub fn has_file(scene: &Scene, feed: Feed, day: Day) -> bool {
    if !feed.is_of_every_part() && scene.part > 1 {
        return false;
    }
    // So that a source has its files: an empty one of the first part says that there is nothing.
    let is_owed = scene.part == 1 && feed.about().is_required;
    is_owed
        || match (feed, row_count(scene, feed, day)) {
            (_, Some(count)) => count > 0,
            (Feed::MarketingSpend | Feed::CompetitorMentions, None) => true,
            (_, None) => has_records(scene, feed, day),
        }
}

/// Whether a feed of records tells any on a day.
fn has_records(scene: &Scene, feed: Feed, day: Day) -> bool {
    let first = scene.world.days.from;
    scene.contacts.versions(feed).any(|(version, _)| match feed {
        Feed::CrmContacts => version.from <= day && day < version.to,
        _ => version.change_on(day, first).is_some(),
    })
}

/// The paths of the files, in the exports and for redelivery, in order.
pub fn paths(
    scene: &Scene,
    feed: Feed,
    day: Day,
    mix: FormatMix,
    fault: Option<FileFault>,
) -> Vec<(Place, String)> {
    let path = feed.path(day, scene.part, mix);
    let mut paths = vec![(Place::Exports, path.clone())];
    match fault {
        Some(FileFault::DoubledFile) => paths.push((Place::Exports, renamed(&path, "copy"))),
        Some(FileFault::ReplayedFile) => {
            let next = feed.path(day.plus(1), scene.part, mix);
            paths.push((Place::Exports, renamed(&next, "again")));
        }
        Some(FileFault::TruncatedFile | FileFault::WrongEncoding) => {
            paths.push((Place::Redelivery, path));
        }
        Some(FileFault::SchemaDrift) | None => {}
    }
    paths
}

/// The files of a feed's day. `due`: what is to go wrong with rows; `fault`: with the file.
pub fn encode(
    scene: &Scene,
    feed: Feed,
    day: Day,
    mix: FormatMix,
    due: Vec<Planned>,
    fault: Option<FileFault>,
) -> Result<Encoded> {
    let finished = finished(scene, feed, day, due)?;
    let content = in_own_encoding(feed, finished.content);
    let content_byte_count = content.len() as u64;
    let compression = feed.compression(mix);
    let struck = match fault {
        Some(FileFault::WrongEncoding) => Some(compression.compress(utf16(&content))?),
        _ => None,
    };
    let intact = compression.compress(content)?;
    let mut paths = paths(scene, feed, day, mix, fault).into_iter();
    let no_path = || Error::new(Kind::Defect, "a file without a path");
    let (place, path) = paths.next().ok_or_else(no_path)?;
    let mut encoded = Encoded { losses: finished.losses, ..Encoded::default() };
    let is_refused = matches!(fault, Some(FileFault::WrongEncoding | FileFault::TruncatedFile));
    let byte_count = intact.len() as u64;
    let mut tell = |dt: Day, path: &str| {
        encoded.facts.extend(finished.rows.iter().map(|(source, row_count)| FileFacts {
            source,
            dt,
            path: path.to_string(),
            row_count: *row_count,
            byte_count,
            content_byte_count,
            is_refused,
        }));
    };
    tell(day, &path);
    let second = paths.next();
    if let (Some((Place::Exports, second)), Some(fault)) = (&second, fault) {
        tell(if fault == FileFault::ReplayedFile { day.plus(1) } else { day }, second);
    }
    encoded.faults = finished.faults;
    for fault in &mut encoded.faults {
        fault.file.clone_from(&path);
    }
    let is_drifted =
        feed == Feed::SurveyResponses && has_drifted(scene.dirt, scene.world.days, day);
    let drift = is_drifted.then_some(FileFault::SchemaDrift);
    for fault in fault.into_iter().chain(drift) {
        let (dt, file) = match (fault, &second) {
            (FileFault::ReplayedFile, Some((_, second))) => (day.plus(1), second.clone()),
            (FileFault::DoubledFile, Some((_, second))) => (day, second.clone()),
            _ => (day, path.clone()),
        };
        encoded.faults.extend(finished.rows.iter().map(|(source, _)| Fault {
            source,
            dt,
            file: file.clone(),
            row: None,
            line: None,
            kind: fault.name(),
            column: if fault == FileFault::SchemaDrift { "score" } else { "" },
            id: String::new(),
            outcome: fault.outcome(),
        }));
    }
    let delivered = match fault {
        Some(FileFault::TruncatedFile) => Some(intact[..intact.len() * 3 / 5].to_vec()),
        _ => struck,
    };
    if let Some((second_place, second_path)) = second {
        encoded.files.push(File { place: second_place, path: second_path, bytes: intact.clone() });
    }
    encoded.files.push(File { place, path, bytes: delivered.unwrap_or(intact) });
    Ok(encoded)
}

/// The content of a feed's day.
fn finished(scene: &Scene, feed: Feed, day: Day, due: Vec<Planned>) -> Result<Finished> {
    match feed {
        Feed::AppOrders => return app_orders::write(scene, day, due),
        Feed::Products => return products::write(scene),
        _ => {}
    }
    let header = feed.header(scene.world, scene.dirt, day);
    let mut sheet = Sheet::new(feed, day, header, due, capacity(scene, feed, day));
    match feed {
        Feed::CrmContacts => crm_contacts::write(scene, day, &mut sheet),
        Feed::NorthContacts => north_contacts::write(scene, day, &mut sheet),
        Feed::LoyaltyMembers => loyalty_members::write(scene, day, &mut sheet),
        Feed::MarketingSpend => marketing_spend::write(scene, day, &mut sheet),
        Feed::CompetitorMentions => competitor_mentions::write(scene, day, &mut sheet),
        _ => {
            for told in scene.told(feed, day) {
                write_fact(scene, feed, day, *told, &mut sheet);
            }
        }
    }
    Ok(sheet.finish())
}

/// About how many bytes the content will have.
fn capacity(scene: &Scene, feed: Feed, day: Day) -> usize {
    if feed == Feed::CrmContacts {
        return scene.people.persons().len() * 200;
    }
    let rows = scene.told(feed, day).len();
    1024 + rows * if feed == Feed::DeskCases { 1500 } else { 320 }
}

/// Writes the row or rows that tell a fact.
fn write_fact(scene: &Scene, feed: Feed, day: Day, told: Told, sheet: &mut Sheet) {
    match feed {
        Feed::ConsentEvents => consent_events::fact(scene, told, sheet),
        Feed::DeskCases => desk_cases::fact(scene, day, told, sheet),
        Feed::NorthTickets => north_tickets::fact(scene, day, told, sheet),
        Feed::CampaignContacts => campaign_contacts::fact(scene, told, sheet),
        Feed::CampaignEvents => campaign_events::fact(scene, told, sheet),
        Feed::ShopOrders => shop_orders::fact(scene, day, told, sheet),
        Feed::TillSales => till_sales::fact(scene, told, sheet),
        Feed::Refunds => refunds::fact(scene, told, sheet),
        Feed::LoyaltyEntries => loyalty_entries::fact(scene, told, sheet),
        Feed::SocialMentions => social_mentions::fact(scene, told, sheet),
        Feed::Reviews => reviews::fact(scene, told, sheet),
        Feed::CommunityPosts => community_posts::fact(scene, told, sheet),
        Feed::SurveyResponses => survey_responses::fact(scene, day, told, sheet),
        Feed::WebEvents => web_events::fact(scene, told, sheet),
        Feed::DeviceEvents => device_events::fact(scene, told, sheet),
        Feed::IdentifierLinks => identifier_links::fact(scene, told, sheet),
        Feed::Referrals => referrals::fact(scene, told, sheet),
        Feed::CrmContacts
        | Feed::NorthContacts
        | Feed::LoyaltyMembers
        | Feed::AppOrders
        | Feed::Products
        | Feed::MarketingSpend
        | Feed::CompetitorMentions => {}
    }
}

/// North's desk is older than UTF-8: what Windows-1252 lacks becomes a question mark.
fn in_own_encoding(feed: Feed, content: Vec<u8>) -> Vec<u8> {
    if feed != Feed::NorthTickets || content.is_ascii() {
        return content;
    }
    let text = String::from_utf8_lossy(&content);
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for letter in text.chars() {
        let letter: &str = letter.encode_utf8(&mut buffer);
        match encoding_rs::WINDOWS_1252.encode(letter) {
            (Cow::Borrowed(bytes), _, false) => out.extend_from_slice(bytes),
            (Cow::Owned(bytes), _, false) => out.extend_from_slice(&bytes),
            (_, _, true) => out.push(b'?'),
        }
    }
    out
}

/// As a spreadsheet saves "Unicode text": UTF-16 with its mark.
fn utf16(content: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    let mut out = vec![0xff, 0xfe];
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    out
}

/// The facts that would be told after the last exported day, as losses: nobody hears of them.
pub fn never_told(scene: &Scene, feed: Feed) -> Vec<Loss> {
    let Some(schedule) = scene.schedules.get(&feed) else { return Vec::new() };
    let day = scene.world.days.to;
    let header = feed.header(scene.world, scene.dirt, day);
    let losses = schedule.never.iter().map(|index| {
        let told = Told { index: *index, ..Told::default() };
        let mut sheet = Sheet::new(feed, day, header, Vec::new(), 512);
        let id = match feed {
            Feed::AppOrders => code(codes::Kind::Order, scene.facts.orders[*index as usize].number),
            _ => {
                write_fact(scene, feed, day, told, &mut sheet);
                sheet.id_of_last_row()
            }
        };
        let source = feed.about().name;
        Loss { source, id, index: *index, row_of_fact: None, kind: "after_the_end" }
    });
    losses.collect()
}
