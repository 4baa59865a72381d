//! What is told of facts: on their own day, as [`MetricTruth::add`] counts them, and what becomes
//! of those that are late, never told, or told in rows of which not all can be read.

use std::collections::{BTreeMap, HashMap};

use super::sums::Telling;
use super::{MetricTruth, Standings, answer, channel_of, hundredths, response_at, sentiment};
use crate::dates::Day;
use crate::sample::facts::{
    CampaignContact, CampaignEvent, CommunityPost, Consent, Facts, Instant, KnownBy, LoyaltyEntry,
    Mention, Order, OrderLine, Pence, ProductIndex, Referral, Refund, Review, Shop, SurveyResponse,
};
use crate::sample::feeds::Feed;
use crate::sample::feeds::schedule::{self, Schedule};
use crate::sample::feeds::sheet::Loss;
use crate::sample::world::World;
use crate::sample::world::calendar::london_day;

/// The kinds of campaign events, as the table's columns have them.
pub(super) const CAMPAIGN_KINDS: [&str; 6] =
    ["sent", "bounced", "opened", "clicked", "responded", "unsubscribed"];

/// What is told of a fact that is not told in full on its own day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Deviation {
    /// Days between its own and the one it is told on.
    delay: u64,
    /// Nobody is told of it.
    is_lost: bool,
    /// Of an order: the lines that nobody can read, from 0.
    lost_lines: Vec<u32>,
}

/// The facts of a window that are not told in full on their own day, by feed and place in their
/// list of [`Facts`].
#[derive(Debug, Clone, Default)]
pub struct Deviations {
    by_feed: BTreeMap<Feed, BTreeMap<u32, Deviation>>,
    /// The facts that a later window tells of.
    later: BTreeMap<Feed, Vec<u32>>,
    /// The orders that are told again, and how many days after their own.
    resent: Vec<(u32, u64)>,
}

impl Deviations {
    /// Takes in when a feed tells of its facts.
    pub fn add_schedule(&mut self, feed: Feed, schedule: &Schedule) {
        for told in schedule.days.iter().flatten().filter(|told| told.delay > 0) {
            let delay = u64::from(told.delay);
            match told.telling {
                schedule::Telling::Again => self.resent.push((told.index, delay)),
                _ => self.of(feed, told.index).delay = delay,
            }
        }
        for index in &schedule.never {
            self.of(feed, *index).is_lost = true;
        }
        if !schedule.later.is_empty() {
            self.later.insert(feed, schedule.later.clone());
        }
    }

    /// Takes in the rows of a feed that nobody can read.
    pub fn add_losses(&mut self, feed: Feed, losses: &[Loss]) {
        for loss in losses {
            // What is paid is no part of any metric.
            if loss.source == "shop_payments" {
                continue;
            }
            let deviation = self.of(feed, loss.index);
            match loss.row_of_fact {
                Some(line) => deviation.lost_lines.push(line),
                None => deviation.is_lost = true,
            }
        }
    }

    fn of(&mut self, feed: Feed, index: u32) -> &mut Deviation {
        self.by_feed.entry(feed).or_default().entry(index).or_default()
    }

    /// Those of some feeds, with their facts.
    fn each<'a, T>(
        &'a self,
        feeds: &'a [Feed],
        list: &'a [T],
    ) -> impl Iterator<Item = (&'a T, &'a Deviation)> {
        let of_feed = feeds.iter().filter_map(move |feed| self.by_feed.get(feed)).flatten();
        of_feed.filter_map(move |(index, deviation)| Some((list.get(*index as usize)?, deviation)))
    }
}

/// The orders of a part's persons that are not told on their own day, by number, with the day on
/// which they are told, if there is one: by which a refund finds what it takes back.
pub type OddOrders = HashMap<u64, Option<Day>>;

/// The sellers, and the feeds of their orders.
const SHOPS: [Feed; 3] = [Feed::ShopOrders, Feed::AppOrders, Feed::TillSales];

impl MetricTruth {
    /// Corrects what was counted of a window's facts, and of what the window before left over, for
    /// those that are not told in full on their own days.
    ///
    /// `standings`: of the persons, after the window. `odd_orders`: of the windows before, and then
    /// of this one too.
    pub fn correct(
        &mut self,
        world: &World,
        facts: &Facts,
        deviations: &Deviations,
        standings: &Standings,
        odd_orders: &mut OddOrders,
    ) {
        macro_rules! correct {
            ($feed:ident, $list:ident, $fact:ident, $at:expr, $tell:expr) => {
                for ($fact, deviation) in deviations.each(&[Feed::$feed], &facts.$list) {
                    // A register of what there was before is told on the first day.
                    let own = london_day($at).max(self.days.from);
                    let tell = $tell;
                    tell(self, Telling::back(own));
                    if !deviation.is_lost {
                        tell(self, Telling::once(own.plus(deviation.delay)));
                    }
                }
            };
        }
        correct!(
            SurveyResponses,
            survey_responses,
            it,
            response_at(it),
            |truth: &mut Self, on: Telling| {
                truth.tell_response(it, on);
            }
        );
        correct!(SocialMentions, mentions, it, it.posted_at, |truth: &mut Self, on: Telling| {
            truth.tell_mention(it, on);
        });
        correct!(Reviews, reviews, it, it.posted_at, |truth: &mut Self, on: Telling| {
            truth.tell_review(it, on);
        });
        correct!(
            CommunityPosts,
            community_posts,
            it,
            it.posted_at,
            |truth: &mut Self, on: Telling| {
                truth.tell_post(it, on);
            }
        );
        correct!(
            CampaignContacts,
            campaign_contacts,
            it,
            it.at,
            |truth: &mut Self, on: Telling| {
                truth.tell_campaign_contact(it, on);
            }
        );
        correct!(CampaignEvents, campaign_events, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_campaign_event(it, on);
        });
        correct!(LoyaltyEntries, loyalty_entries, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_loyalty_entry(it, on);
        });
        correct!(Referrals, referrals, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_referral(it, on);
        });
        correct!(ConsentEvents, consents, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_consent(it, on);
        });
        correct!(WebEvents, web_events, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_health("web_events", "web", it.at, on);
        });
        correct!(DeviceEvents, device_events, it, it.at, |truth: &mut Self, on: Telling| {
            truth.tell_device_event(it.kind, it.at, on);
        });
        self.correct_orders(world, facts, deviations, odd_orders);
        self.correct_refunds(world, facts, deviations, standings, odd_orders);
    }

    fn correct_orders(
        &mut self,
        world: &World,
        facts: &Facts,
        deviations: &Deviations,
        odd_orders: &mut OddOrders,
    ) {
        for (order, deviation) in deviations.each(&SHOPS, &facts.orders) {
            let own = london_day(order.placed_at);
            self.tell_order(world, order, &order.lines, Telling::back(own));
            let is_read = |place: &u32| !deviation.lost_lines.contains(place);
            let lines = (0_u32..).zip(&order.lines).filter(|(place, _)| is_read(place));
            let lines: Vec<OrderLine> = lines.map(|(_, line)| *line).collect();
            let is_told = !deviation.is_lost && !lines.is_empty();
            let told_on = is_told.then(|| own.plus(deviation.delay));
            if let Some(told_on) = told_on {
                self.tell_order(world, order, &lines, Telling::once(told_on));
            }
            if told_on != Some(own) {
                odd_orders.insert(order.number, told_on);
            }
        }
        // An order that is told again adds nothing, but a row to what is told.
        for (index, delay) in &deviations.resent {
            let Some(order) = facts.orders.get(*index as usize) else { continue };
            let telling = Telling::once(london_day(order.placed_at).plus(*delay));
            let seller = seller_of(order.shop);
            self.tell_health("orders", seller, order.placed_at, telling);
            for _ in &order.lines {
                self.tell_health("order_lines", seller, order.placed_at, telling);
            }
        }
        for index in SHOPS.iter().filter_map(|feed| deviations.later.get(feed)).flatten() {
            if let Some(order) = facts.orders.get(*index as usize) {
                odd_orders.insert(order.number, None);
            }
        }
    }

    fn correct_refunds(
        &mut self,
        world: &World,
        facts: &Facts,
        deviations: &Deviations,
        standings: &Standings,
        odd_orders: &OddOrders,
    ) {
        let odd = deviations.by_feed.get(&Feed::Refunds);
        let later = deviations.later.get(&Feed::Refunds).map_or(&[][..], Vec::as_slice);
        let in_time = Deviation::default();
        for (index, refund) in (0_u32..).zip(&facts.refunds) {
            let deviation = odd.and_then(|odd| odd.get(&index));
            let order_told_on = odd_orders.get(&refund.order);
            if (deviation.is_none() && order_told_on.is_none()) || later.contains(&index) {
                continue;
            }
            let deviation = deviation.unwrap_or(&in_time);
            let first_on = match refund.known_by {
                KnownBy::Nothing => None,
                _ => Some(standings.first_on(refund.person)),
            };
            let own = london_day(refund.refunded_at);
            let bought_on = self.purchase_day(refund);
            self.tell_refund(world, refund, bought_on, first_on, Telling::back(own));
            if deviation.is_lost {
                continue;
            }
            let told_on = own.plus(deviation.delay);
            // A purchase that nobody knows of yet lends its day to nothing.
            let is_known = order_told_on.is_none_or(|on| on.is_some_and(|on| on <= told_on));
            let bought_on = if is_known { bought_on } else { own };
            self.tell_refund(world, refund, bought_on, first_on, Telling::once(told_on));
        }
    }

    /// The day of what a refund takes back, as far as exports tell: what was bought before the
    /// first exported day lies on the refund's own.
    pub(super) fn purchase_day(&self, refund: &Refund) -> Day {
        let bought_on = london_day(refund.ordered_at);
        if bought_on < self.days.from { london_day(refund.refunded_at) } else { bought_on }
    }

    /// An order, of which these lines are told.
    pub(super) fn tell_order(
        &mut self,
        world: &World,
        order: &Order,
        lines: &[OrderLine],
        telling: Telling,
    ) {
        let day = london_day(order.placed_at);
        let customer_type = match (order.known_by, order.earlier) {
            (KnownBy::Nothing, _) => "anonymous",
            (_, Some(earlier)) if london_day(earlier.first_at) < day => "returning",
            _ => "new",
        };
        let units: i64 = lines.iter().map(|line| i64::from(line.quantity)).sum();
        let cost = lines.iter().map(|line| cost(world, line.product, line.quantity)).sum();
        let gross: Pence = lines.iter().map(OrderLine::gross).sum();
        let net: Pence = lines.iter().map(OrderLine::net).sum();
        let sums = [1, 0, units, 0, gross, gross - net, 0, 0, 0, cost];
        self.revenue.tell(telling, (day, channel_of(order.shop), customer_type), sums);
        if let Some(campaign) = order.campaign {
            let mut sums = [0; 10];
            (sums[8], sums[9]) = (1, net);
            self.campaigns.tell(telling, (day, campaign), sums);
        }
        let seller = seller_of(order.shop);
        self.tell_health("orders", seller, order.placed_at, telling);
        let is_late = i64::from(day < telling.on);
        let count = lines.len() as i64;
        self.health.tell(telling, ("order_lines", seller), [count, count * is_late]);
        self.touches.tell(telling, (day, "checkout"), [1]);
    }

    /// A refund of what was bought on a day, or so told; `first_on`: the day of the buyer's first
    /// known purchase, where the seller knows the buyer.
    pub(super) fn tell_refund(
        &mut self,
        world: &World,
        refund: &Refund,
        bought_on: Day,
        first_on: Option<Option<Day>>,
        telling: Telling,
    ) {
        let day = london_day(refund.refunded_at);
        let customer_type = |day: Day| match first_on {
            None => "anonymous",
            Some(first_on) if first_on == Some(day) => "new",
            Some(_) => "returning",
        };
        let (channel, units) = (channel_of(refund.shop), i64::from(refund.quantity));
        let cost = -cost(world, refund.product, refund.quantity);
        let sums = [0, 1, 0, units, 0, 0, refund.amount, 0, 0, cost];
        self.revenue.tell(telling, (day, channel, customer_type(day)), sums);
        let sums = [0, 0, 0, 0, 0, 0, 0, units, refund.amount, 0];
        self.revenue.tell(telling, (bought_on, channel, customer_type(bought_on)), sums);
        // A refund is a document of its own, with one line.
        for entity in ["refunds", "orders", "order_lines"] {
            self.tell_health(entity, seller_of(refund.shop), refund.refunded_at, telling);
        }
        self.touches.tell(telling, (day, "return"), [1]);
    }

    /// An answer to a survey, or an invitation that is not answered.
    pub(super) fn tell_response(&mut self, response: &SurveyResponse, telling: Telling) {
        let at = response_at(response);
        let day = london_day(at);
        self.surveys.tell(
            telling,
            (day, response.survey, response.channel),
            answer(response.score),
        );
        self.tell_health("survey_responses", "survey", at, telling);
        if response.score.is_some() {
            self.touches.tell(telling, (day, response.touchpoint), [1]);
        }
        if let (Some(at), Some(text)) = (response.answered_at, &response.comment) {
            let is_of_all = response.touchpoint == "relationship";
            let topic = if is_of_all { sentiment::UNKNOWN } else { response.touchpoint };
            self.tell_text(telling, at, ["survey_comment", topic, response.channel], text);
        }
    }

    /// A post on a network.
    pub(super) fn tell_mention(&mut self, mention: &Mention, telling: Telling) {
        let (at, hundredths) = (mention.posted_at, hundredths(&mention.text));
        let reactions = [mention.like_count, mention.repost_count, mention.reply_count];
        let sums = [
            1,
            i64::from(mention.in_reply_to.is_some()),
            hundredths,
            i64::from(hundredths >= sentiment::THRESHOLD),
            i64::from(hundredths <= -sentiment::THRESHOLD),
            i64::from(mention.view_count),
            i64::from(mention.follower_count),
            reactions.into_iter().map(i64::from).sum(),
        ];
        self.mentions.tell(telling, (london_day(at), mention.platform, mention.topic), sums);
        self.tell_text(telling, at, ["mention", mention.topic, "social"], &mention.text);
        self.tell_health("mentions", "social", at, telling);
        self.touches.tell(telling, (london_day(at), "social post"), [1]);
    }

    /// A review.
    pub(super) fn tell_review(&mut self, review: &Review, telling: Telling) {
        let at = review.posted_at;
        let mut sums = [0; 6];
        sums[usize::from(review.stars.clamp(1, 5)) - 1] = 1;
        sums[5] = hundredths(&review.text);
        self.reviews.tell(telling, london_day(at), sums);
        self.tell_text(telling, at, ["review", sentiment::UNKNOWN, "review"], &review.text);
        self.tell_health("reviews", "shop", at, telling);
        self.touches.tell(telling, (london_day(at), "review"), [1]);
    }

    /// A post in the forum.
    pub(super) fn tell_post(&mut self, post: &CommunityPost, telling: Telling) {
        let at = post.posted_at;
        let is = |kind: &str| i64::from(post.kind == kind);
        let sums =
            [is("question"), is("answer"), i64::from(post.is_accepted), is("idea"), is("vote")];
        self.community.tell(telling, (london_day(at), post.topic), sums);
        self.threads.tell(post, telling);
        if let Some(text) = &post.text {
            self.tell_text(telling, at, ["community_post", post.topic, "community"], text);
        }
        self.tell_health("community_posts", "forum", at, telling);
        self.touches.tell(telling, (london_day(at), "community"), [1]);
    }

    /// Somebody who is in a campaign's audience.
    pub(super) fn tell_campaign_contact(&mut self, contact: &CampaignContact, telling: Telling) {
        let mut sums = [0; 10];
        sums[usize::from(!contact.is_treated)] = 1;
        self.campaigns.tell(telling, (london_day(contact.at), contact.campaign), sums);
        self.tell_health("campaign_contacts", "mailer", contact.at, telling);
    }

    /// What came of a campaign's message.
    pub(super) fn tell_campaign_event(&mut self, event: &CampaignEvent, telling: Telling) {
        let day = london_day(event.at);
        let mut sums = [0; 10];
        if let Some(kind) = CAMPAIGN_KINDS.iter().position(|kind| *kind == event.kind) {
            sums[2 + kind] = 1;
        }
        self.campaigns.tell(telling, (day, event.campaign), sums);
        self.tell_health("campaign_events", "mailer", event.at, telling);
        // What never arrived touched nobody.
        if event.kind != "bounced" {
            self.touches.tell(telling, (day, "campaign"), [1]);
        }
        // Who unsubscribes takes a consent back.
        if event.kind == "unsubscribed" {
            self.tell_health("consents", "mailer", event.at, telling);
        }
    }

    /// A movement of points.
    pub(super) fn tell_loyalty_entry(&mut self, entry: &LoyaltyEntry, telling: Telling) {
        let day = london_day(entry.at);
        let mut sums = [1, 0, 0, 0, 0];
        let kinds = ["earned", "redeemed", "expired", "adjusted"];
        if let Some(kind) = kinds.iter().position(|kind| *kind == entry.kind) {
            sums[1 + kind] = entry.points;
        }
        self.loyalty.tell(telling, day, sums);
        self.tell_health("loyalty_entries", "loyalty", entry.at, telling);
        // What comes with an order is told by the order.
        if entry.order.is_none() && ["earned", "redeemed"].contains(&entry.kind) {
            self.touches.tell(telling, (day, "loyalty"), [1]);
        }
    }

    /// A recommendation that was used: it is a touch of who made it.
    pub(super) fn tell_referral(&mut self, referral: &Referral, telling: Telling) {
        let day = london_day(referral.at);
        self.referrals.tell(telling, (day, referral.referrer), [1]);
        self.tell_health("referrals", "shop", referral.at, telling);
        self.touches.tell(telling, (day, "recommendation"), [1]);
    }

    /// What a device reports.
    pub(super) fn tell_device_event(&mut self, kind: &str, at: Instant, telling: Telling) {
        self.tell_health("device_events", "devices", at, telling);
        let touchpoint = match kind {
            "geolocation" => "store visit",
            "video_view" => "video",
            // Things, not persons, are there.
            _ => return,
        };
        self.touches.tell(telling, (london_day(at), touchpoint), [1]);
    }

    /// What somebody said that their data may be used for.
    pub(super) fn tell_consent(&mut self, consent: &Consent, telling: Telling) {
        self.tell_health("consents", "crm", consent.at, telling);
    }

    /// A fact of an entity.
    pub(super) fn tell_health(
        &mut self,
        entity: &'static str,
        source: &'static str,
        at: Instant,
        telling: Telling,
    ) {
        let is_late = i64::from(london_day(at) < telling.on);
        self.health.tell(telling, (entity, source), [1, is_late]);
    }
}

/// The seller, as the source of the orders is called.
fn seller_of(shop: Shop) -> &'static str {
    match shop {
        Shop::Web => "shop",
        Shop::App => "app",
        Shop::Till(_) => "till",
    }
}

/// What the goods cost the company, pence.
fn cost(world: &World, product: ProductIndex, quantity: u16) -> Pence {
    let each = world.products.get(usize::from(product)).map_or(0, |product| product.cost);
    each * Pence::from(quantity)
}
