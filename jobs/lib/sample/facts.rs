//! What happens between the company and its customers, before any system exports it.
//!
//! Facts are the truth: clean, complete and in their own words. A fact names the person it is
//! about, never a record: which record of which system tells of it, and how that record is
//! spelled, is decided by the exporting system ([`crate::sample::feeds`]).

use crate::dates::Day;

/// An instant: seconds since 1970-01-01T00:00:00Z.
pub type Instant = i64;

/// Money in pence.
pub type Pence = i64;

/// A person, numbered from 0 below the number of customers asked for.
pub type PersonIndex = u64;

/// A product: its place in the catalogue.
pub type ProductIndex = u16;

/// A campaign: its place in the list of campaigns.
pub type CampaignIndex = u16;

/// The text that a person wrote, and what is true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The words; may hold line breaks, quotes and emoji.
    pub words: String,
    /// Its language, ISO 639-1.
    pub language: &'static str,
    /// The feeling it was written with: -1 worst, 0 neutral, 1 best.
    pub sentiment: f32,
}

/// Where an order is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shop {
    /// The web shop.
    Web,
    /// The app.
    App,
    /// A till, in the store of this number.
    Till(u16),
}

/// By what an order's buyer makes themselves known to the seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// Not at all: nobody can say who bought.
    Nothing,
    /// An account in the shop.
    Account,
    /// No account: an e-mail address typed at the checkout.
    Email,
    /// A loyalty card shown at the till.
    LoyaltyCard,
}

/// One line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLine {
    /// What was bought.
    pub product: ProductIndex,
    /// How many, at least 1.
    pub quantity: u16,
    /// The price of one before discount, pence.
    pub unit_price: Pence,
    /// Taken off the whole line, pence, at most `quantity * unit_price`.
    pub discount: Pence,
}

impl OrderLine {
    /// Before discount, pence.
    pub fn gross(&self) -> Pence {
        self.unit_price * Pence::from(self.quantity)
    }

    /// After discount, pence.
    pub fn net(&self) -> Pence {
        self.gross() - self.discount
    }
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique in the whole company.
    pub number: u64,
    /// Who bought. Known here even where the seller does not know.
    pub person: PersonIndex,
    /// What the seller knows them by.
    pub known_by: KnownBy,
    /// Where.
    pub shop: Shop,
    /// When.
    pub placed_at: Instant,
    /// What, at least one line, no product twice.
    pub lines: Vec<OrderLine>,
    /// Delivery, pence; zero in a store.
    pub shipping: Pence,
    /// How it was paid: `card`, `wallet`, `invoice`, `cash`; `points` where points paid for all.
    pub payment_method: &'static str,
    /// The part of goods and delivery that was paid with loyalty points, pence.
    pub paid_with_points: Pence,
    /// The campaign whose contact led to it.
    pub campaign: Option<CampaignIndex>,
    /// When it is delivered, be it after the window; none for a store.
    pub delivered_at: Option<Instant>,
    /// Whether delivery takes longer than promised.
    pub is_late: bool,
    /// What the company can know of the buyer's purchases before this one; none for an anonymous
    /// buyer and for the first.
    pub earlier: Option<Earlier>,
}

impl Order {
    /// The goods before discounts, pence.
    pub fn gross(&self) -> Pence {
        self.lines.iter().map(OrderLine::gross).sum()
    }

    /// The goods after discounts, without delivery, pence.
    pub fn net(&self) -> Pence {
        self.lines.iter().map(OrderLine::net).sum()
    }
}

/// The purchases of a person, from the first exported day on and before an order, at which the
/// seller knew them: those a customer's history can be told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// How many, at least one.
    pub count: u32,
    /// The first one.
    pub first_at: Instant,
    /// The last one.
    pub last_at: Instant,
}

/// Money paid back for returned goods: one row a returned line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Unique in the whole company.
    pub number: u64,
    /// The order, its buyer and shop.
    pub order: u64,
    /// Who bought.
    pub person: PersonIndex,
    /// What the seller knows them by.
    pub known_by: KnownBy,
    /// Where it was bought.
    pub shop: Shop,
    /// What came back.
    pub product: ProductIndex,
    /// How many.
    pub quantity: u16,
    /// Paid back, pence.
    pub amount: Pence,
    /// When it was bought.
    pub ordered_at: Instant,
    /// When the money went back.
    pub refunded_at: Instant,
    /// `damaged`, `late`, `changed_mind`, `wrong_item`.
    pub reason: &'static str,
}

/// A movement of a loyalty account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoyaltyEntry {
    /// Unique in the whole company.
    pub number: u64,
    /// Whose account.
    pub person: PersonIndex,
    /// `earned`, `redeemed`, `expired`, `adjusted`.
    pub kind: &'static str,
    /// Positive where the balance grows.
    pub points: i64,
    /// When.
    pub at: Instant,
    /// The order it belongs to.
    pub order: Option<u64>,
}

/// Something that happens to a service case after it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseEvent {
    /// When; never before the event listed before it.
    pub at: Instant,
    /// What.
    pub kind: CaseEventKind,
}

/// The kinds of [`CaseEvent`].
#[derive(Debug, Clone, PartialEq)]
pub enum CaseEventKind {
    /// An agent answers the customer in public (true) or leaves a private note (false).
    AgentReplied(bool, Text),
    /// The customer writes again.
    CustomerReplied(Text),
    /// The case waits for the customer.
    Pending,
    /// The desk calls it solved.
    Solved,
    /// The customer says it is not.
    Reopened,
    /// The customer rates the service, 1 worst to 5 best; again where they change their mind.
    Rated(u8),
    /// The desk deletes the case, on a day of its own, and nothing happens to it any more.
    Deleted,
}

/// A service case with all that happened to it by the end of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Unique in the whole company.
    pub number: u64,
    /// Who asked.
    pub person: PersonIndex,
    /// True for the desk of the company that was bought, which kept its own system.
    pub is_north: bool,
    /// `email`, `phone`, `chat`, `web`, `social`.
    pub channel: &'static str,
    /// `question`, `problem`, `complaint`, `request`.
    pub case_type: &'static str,
    /// `delivery`, `returns`, `product`, `billing`, `account`, `store`.
    pub topic: &'static str,
    /// `low`, `normal`, `high`, `urgent`.
    pub priority: &'static str,
    /// A few words.
    pub subject: String,
    /// What the customer wrote first.
    pub description: Text,
    /// The order it is about.
    pub order: Option<u64>,
    /// When it was opened.
    pub opened_at: Instant,
    /// What happened since, in order of time.
    pub events: Vec<CaseEvent>,
    /// For a complaint: whether it was justified. None before it is first solved, and for other
    /// types.
    pub is_upheld: Option<bool>,
}

/// The question a survey asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Survey {
    /// Would you recommend us? 0 to 10; twice a year.
    Nps,
    /// How was it? 1 to 5; after a purchase or a case.
    Csat,
    /// How easy was it? 1 hard to 7 easy; after a case or a return.
    Ces,
}

/// An invitation to a survey, and the answer if one came.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyResponse {
    /// Unique in the whole company.
    pub number: u64,
    /// Who was asked.
    pub person: PersonIndex,
    /// What.
    pub survey: Survey,
    /// `web`, `app`, `store`, `phone`, `email`, `chat`.
    pub channel: &'static str,
    /// `checkout`, `delivery`, `support`, `return`, `relationship`.
    pub touchpoint: &'static str,
    /// When they were asked.
    pub invited_at: Instant,
    /// When they answered; none where they did not.
    pub answered_at: Option<Instant>,
    /// The answer on the survey's scale; none where they did not answer, or skipped the question.
    pub score: Option<u8>,
    /// What they wrote.
    pub comment: Option<Text>,
    /// The order it is about.
    pub order: Option<u64>,
    /// The case it is about.
    pub case: Option<u64>,
}

/// A public post about the brand.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// Unique in the whole company.
    pub number: u64,
    /// Who wrote it.
    pub person: PersonIndex,
    /// `x`, `instagram`, `facebook`, `tiktok`.
    pub platform: &'static str,
    /// When.
    pub posted_at: Instant,
    /// The words.
    pub text: Text,
    /// `delivery`, `service`, `product`, `price`, `brand`.
    pub topic: &'static str,
    /// The mention it answers.
    pub in_reply_to: Option<u64>,
    /// Likes, reposts, replies and views at the time of the export.
    pub like_count: u32,
    /// See `like_count`.
    pub repost_count: u32,
    /// See `like_count`.
    pub reply_count: u32,
    /// See `like_count`.
    pub view_count: u32,
    /// Followers of the author.
    pub follower_count: u32,
}

/// A review of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// Unique in the whole company.
    pub number: u64,
    /// Who wrote it.
    pub person: PersonIndex,
    /// Of what.
    pub product: ProductIndex,
    /// The order it was bought with.
    pub order: u64,
    /// When.
    pub posted_at: Instant,
    /// 1 worst to 5 best.
    pub stars: u8,
    /// A few words.
    pub title: String,
    /// The words.
    pub text: Text,
    /// Readers who found it helpful.
    pub helpful_count: u32,
}

/// A contribution to the brand's own forum.
#[derive(Debug, Clone, PartialEq)]
pub struct CommunityPost {
    /// Unique in the whole company.
    pub number: u64,
    /// Who.
    pub person: PersonIndex,
    /// `question`, `answer`, `idea`, `vote`.
    pub kind: &'static str,
    /// The post that an answer or a vote belongs to.
    pub parent: Option<u64>,
    /// When.
    pub posted_at: Instant,
    /// The words; none for a vote.
    pub text: Option<Text>,
    /// `product`, `delivery`, `app`, `store`.
    pub topic: &'static str,
    /// For an answer: whether the asker accepted it.
    pub is_accepted: bool,
}

/// What somebody did on the web site or in the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebEvent {
    /// Unique in the whole company.
    pub number: u64,
    /// Who it was, known here even where they did not log in.
    pub person: PersonIndex,
    /// Whether they were logged in, so that the site knew.
    pub is_logged_in: bool,
    /// Which of the person's browsers or phones, from 0.
    pub device: u8,
    /// The visit: unique in the whole company.
    pub session: u64,
    /// When.
    pub at: Instant,
    /// `page_view`, `search`, `product_view`, `add_to_cart`, `checkout`, `purchase`, `video_view`.
    pub kind: &'static str,
    /// `web` or `app`.
    pub channel: &'static str,
    /// How the visit began: `direct`, `organic`, `paid_search`, `email`, `social`, `referral`.
    pub referrer: &'static str,
    /// The campaign of the link that led here.
    pub campaign: Option<CampaignIndex>,
    /// What was looked at.
    pub product: Option<ProductIndex>,
    /// What was looked for.
    pub search: Option<&'static str>,
    /// The order that was placed.
    pub order: Option<u64>,
}

/// What a device reports: things, not browsers.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceEvent {
    /// Unique in the whole company.
    pub number: u64,
    /// Whose device.
    pub person: PersonIndex,
    /// Which of the person's devices, from 0.
    pub device: u8,
    /// When.
    pub at: Instant,
    /// `rfid`, `geolocation`, `sensor`, `video_view`.
    pub kind: &'static str,
    /// The store, for `rfid` and `geolocation`.
    pub store: Option<u16>,
    /// The product, for `rfid`, `sensor` and `video_view`.
    pub product: Option<ProductIndex>,
    /// Minutes for `geolocation` (in the store), seconds for `video_view`, degrees Celsius for
    /// `sensor`; none for `rfid`.
    pub value: Option<f32>,
}

/// A person says what their data may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Unique in the whole company.
    pub number: u64,
    /// Who.
    pub person: PersonIndex,
    /// `marketing`, `profiling`, `research`.
    pub purpose: &'static str,
    /// `email`, `sms`, `phone`, `post`; none where the purpose has no channel.
    pub channel: Option<&'static str>,
    /// `granted`, `denied`, `withdrawn`.
    pub action: &'static str,
    /// When.
    pub at: Instant,
}

/// Somebody is in a campaign's audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignContact {
    /// The campaign.
    pub campaign: CampaignIndex,
    /// Who.
    pub person: PersonIndex,
    /// False for the control group, which is sent nothing.
    pub is_treated: bool,
    /// When they were chosen.
    pub at: Instant,
}

/// What came of a campaign's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignEvent {
    /// Unique in the whole company.
    pub number: u64,
    /// The campaign.
    pub campaign: CampaignIndex,
    /// Who.
    pub person: PersonIndex,
    /// `sent`, `bounced`, `opened`, `clicked`, `responded`, `unsubscribed`.
    pub kind: &'static str,
    /// When.
    pub at: Instant,
}

/// Somebody used the link or code that another one had given them, in the programme that rewards
/// recommendations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Unique in the whole company.
    pub number: u64,
    /// Who recommended the company: somebody with an account in the web shop, which runs the
    /// programme.
    pub referrer: PersonIndex,
    /// Who became a customer with it; none where nobody did.
    pub friend: Option<PersonIndex>,
    /// How it was passed on: `link`, `code`, `email`, `social`, `store`.
    pub channel: &'static str,
    /// The friend's first purchase, where the shop can name it: not one in a store.
    pub order: Option<u64>,
    /// When it was used: with the friend's first purchase.
    pub at: Instant,
}

/// Two systems agree that two of their numbers are one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierLink {
    /// Who.
    pub person: PersonIndex,
    /// The systems, as [`crate::sample::people::System`] names them.
    pub left: crate::sample::people::System,
    /// See `left`.
    pub right: crate::sample::people::System,
    /// When it was found out.
    pub at: Instant,
}

/// Money spent on advertising. About no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketingSpend {
    /// The day.
    pub day: Day,
    /// `paid_search`, `social`, `email`, `sms`, `post`, `referral`, `tv`.
    pub channel: &'static str,
    /// The campaign it was spent on; none for the brand as a whole.
    pub campaign: Option<CampaignIndex>,
    /// Pence.
    pub amount: Pence,
}

/// How much is said in public of a competitor. About no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompetitorMentions {
    /// The day of the posts.
    pub day: Day,
    /// `x`, `instagram`, `facebook`, `tiktok`.
    pub platform: &'static str,
    /// The competitor.
    pub brand: &'static str,
    /// Posts.
    pub count: u64,
}

/// All facts of some persons in a window of days, each list in order of time and then of number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Purchases placed in the window.
    pub orders: Vec<Order>,
    /// Refunds paid in the window, of orders of any time.
    pub refunds: Vec<Refund>,
    /// Entries made in the window.
    pub loyalty_entries: Vec<LoyaltyEntry>,
    /// Cases opened, or with an event, in the window; with all their events up to its end.
    pub cases: Vec<Case>,
    /// Invitations answered in the window, and those of the window that are never answered.
    pub survey_responses: Vec<SurveyResponse>,
    /// Posts of the window.
    pub mentions: Vec<Mention>,
    /// Reviews of the window.
    pub reviews: Vec<Review>,
    /// Forum posts of the window.
    pub community_posts: Vec<CommunityPost>,
    /// Web events of the window.
    pub web_events: Vec<WebEvent>,
    /// Device events of the window.
    pub device_events: Vec<DeviceEvent>,
    /// Consents of the window.
    pub consents: Vec<Consent>,
    /// Audiences chosen in the window.
    pub campaign_contacts: Vec<CampaignContact>,
    /// Campaign events of the window.
    pub campaign_events: Vec<CampaignEvent>,
    /// Links found in the window.
    pub identifier_links: Vec<IdentifierLink>,
    /// Recommendations used in the window.
    pub referrals: Vec<Referral>,
}
