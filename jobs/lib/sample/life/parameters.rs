//! The stated models of behaviour: every number that the right answers follow from.
//!
//! What a person is born with (how often they buy, when they leave, what they spend) has its
//! distributions in [`crate::sample::people::models`]; here is what happens to them. Shares are
//! between 0 and 1; log-normal delays have a median and a sigma, the deviation of the logarithm.

/// What persons buy where, and how it goes.
pub mod shopping {
    /// The share of purchases that persons with the app make in it.
    pub const APP_SHARE: f64 = 0.45;
    /// The share of purchases in a store, of persons in a country with stores.
    pub const STORE_SHARE: f64 = 0.38;
    /// The share of purchases in a store that are made in the person's own one.
    pub const HOME_STORE_SHARE: f64 = 0.88;
    /// The share of purchases with an account in the web shop that are made logged in; the others
    /// are made with an e-mail address alone.
    pub const LOGGED_IN_SHARE: f64 = 0.85;
    /// The share of a member's purchases in a store at which they show their card.
    pub const CARD_SHOWN_SHARE: f64 = 0.82;
    /// The share of baskets with a discount, which is 5, 10, 15 or 20 % of the whole.
    pub const DISCOUNTED_SHARE: f64 = 0.30;
    /// Delivery, pence, below [`FREE_DELIVERY_FROM`].
    pub const DELIVERY_PENCE: i64 = 395;
    /// The net value from which delivery is free, pence.
    pub const FREE_DELIVERY_FROM: i64 = 4_000;
    /// The days in which delivery is promised.
    pub const PROMISED_DAYS: u64 = 4;
    /// The share of deliveries that come later than promised, on most days.
    pub const LATE_SHARE: f64 = 0.07;
    /// The same on days of strain.
    pub const LATE_SHARE_UNDER_STRAIN: f64 = 0.32;
    /// In every stretch of so many days there are [`STRAIN_DAYS`] days of strain.
    pub const STRAIN_EVERY_DAYS: i64 = 45;
    /// How many days the strain lasts.
    pub const STRAIN_DAYS: i64 = 6;
    /// The share of deliveries with a wrong item.
    pub const WRONG_ITEM_SHARE: f64 = 0.008;
    /// How satisfied a buyer of mood 0 is when all went well, on the scale of 1 to 5.
    pub const SATISFACTION: f64 = 4.1;
    /// What a mood of 1 adds.
    pub const SATISFACTION_BY_MOOD: f64 = 0.7;
    /// What lateness takes away.
    pub const LATE_PENALTY: f64 = 1.4;
    /// What a faulty item takes away.
    pub const DEFECT_PENALTY: f64 = 1.7;
    /// What a wrong item takes away.
    pub const WRONG_ITEM_PENALTY: f64 = 1.5;
    /// The deviation of satisfaction that nothing explains.
    pub const SATISFACTION_SIGMA: f64 = 0.65;
    /// The share of faulty items that come back.
    pub const DAMAGED_RETURN_SHARE: f64 = 0.65;
    /// The share of wrong items that come back.
    pub const WRONG_ITEM_RETURN_SHARE: f64 = 0.80;
    /// The share of late orders that come back for it, whole.
    pub const LATE_RETURN_SHARE: f64 = 0.06;
    /// The share of lines that come back because the buyer changed their mind, bought online.
    pub const CHANGED_MIND_SHARE: f64 = 0.05;
    /// The same, bought in a store.
    pub const CHANGED_MIND_SHARE_IN_STORE: f64 = 0.02;
    /// The most days between receiving goods and the refund.
    pub const MOST_RETURN_DAYS: i64 = 30;
}

/// The loyalty programme.
pub mod loyalty {
    /// Points a whole pound of goods paid in money.
    pub const POINTS_A_POUND: i64 = 1;
    /// Points given for joining.
    pub const WELCOME_POINTS: i64 = 100;
    /// Points given when a complaint is upheld.
    pub const GOODWILL_POINTS: i64 = 250;
    /// Points are redeemed so many at a time.
    pub const REDEEM_STEP: i64 = 500;
    /// What a step is worth, pence.
    pub const STEP_PENCE: i64 = 500;
    /// The share of purchases with enough points at which some are redeemed.
    pub const REDEEM_SHARE: f64 = 0.35;
    /// Days from earning points to their expiry.
    pub const EXPIRY_DAYS: u64 = 365;
}

/// The service desks.
pub mod service {
    /// The share of late deliveries that bring a case.
    pub const LATE_CASE_SHARE: f64 = 0.32;
    /// The share of faulty items that bring a case.
    pub const DEFECT_CASE_SHARE: f64 = 0.40;
    /// The share of wrong items that bring a case.
    pub const WRONG_ITEM_CASE_SHARE: f64 = 0.55;
    /// The share of returns bought online that are asked for in a case.
    pub const RETURN_CASE_SHARE: f64 = 0.25;
    /// The share of other purchases that bring a question.
    pub const QUESTION_SHARE: f64 = 0.035;
    /// The share of other purchases with a mistake in the bill.
    pub const BILLING_SHARE: f64 = 0.008;
    /// Cases about nothing bought, a person and 32 days, before their activity.
    pub const SPONTANEOUS_MEAN: f64 = 0.016;
    /// The share of cases about something that went wrong that are complaints, from persons of
    /// mood 0; a mood of -1 adds [`COMPLAINT_BY_MOOD`].
    pub const COMPLAINT_SHARE: f64 = 0.45;
    /// See [`COMPLAINT_SHARE`].
    pub const COMPLAINT_BY_MOOD: f64 = 0.25;
    /// The share of complaints about something that went wrong that are upheld.
    pub const UPHELD_SHARE: f64 = 0.80;
    /// The share of other complaints that are upheld.
    pub const UNFOUNDED_UPHELD_SHARE: f64 = 0.25;
    /// The share of cases of persons of the bought company that go to its own desk.
    pub const NORTH_SHARE: f64 = 0.60;
    /// The share of cases that are never answered, other than calls.
    pub const NEVER_ANSWERED_SHARE: f64 = 0.06;
    /// Median minutes of opening hours to the first reply by e-mail.
    pub const EMAIL_REPLY_MINUTES: f64 = 180.0;
    /// The same by form on the web.
    pub const WEB_REPLY_MINUTES: f64 = 240.0;
    /// The same on social networks.
    pub const SOCIAL_REPLY_MINUTES: f64 = 45.0;
    /// The same by chat.
    pub const CHAT_REPLY_MINUTES: f64 = 2.0;
    /// The same on the telephone: until somebody takes the call.
    pub const PHONE_REPLY_MINUTES: f64 = 1.5;
    /// Sigma of the first reply's delay.
    pub const REPLY_SIGMA: f64 = 0.9;
    /// The share of exchanges after which the customer writes again, other than calls.
    pub const CUSTOMER_REPLY_SHARE: f64 = 0.28;
    /// Median hours until the customer writes again; sigma is [`REPLY_SIGMA`].
    pub const CUSTOMER_REPLY_HOURS: f64 = 5.0;
    /// Median minutes of opening hours from the last reply to the solution, other than calls and
    /// chats.
    pub const SOLVE_MINUTES: f64 = 200.0;
    /// The same for calls and chats.
    pub const SOLVE_MINUTES_AT_ONCE: f64 = 9.0;
    /// Sigma of that.
    pub const SOLVE_SIGMA: f64 = 1.0;
    /// The share of cases with a private note.
    pub const NOTE_SHARE: f64 = 0.20;
    /// The share of cases that wait for the customer once.
    pub const PENDING_SHARE: f64 = 0.15;
    /// The share of solved cases that are reopened.
    pub const REOPENED_SHARE: f64 = 0.08;
    /// The share of solved cases that are rated.
    pub const RATED_SHARE: f64 = 0.35;
    /// The share of ratings that the customer changes later.
    pub const FLIPPED_SHARE: f64 = 0.03;
    /// Nothing happens to a case later than so many days after it was opened.
    pub const MOST_DAYS: i64 = 60;
    /// A customer of mood 0 rates a case answered in the median time so, on the scale of 1 to 5.
    pub const SATISFACTION: f64 = 4.0;
    /// What a mood of 1 adds to it.
    pub const SATISFACTION_BY_MOOD: f64 = 0.6;
    /// What each doubling of the first reply's delay takes away, and each halving adds.
    pub const DOUBLED_DELAY_PENALTY: f64 = 0.25;
    /// What a reopening takes away.
    pub const REOPENED_PENALTY: f64 = 1.2;
    /// The deviation that nothing explains.
    pub const SATISFACTION_SIGMA: f64 = 0.7;
    /// The share of cases of the desk, complaints aside, that it deletes after a while.
    pub const DELETED_SHARE: f64 = 0.04;
    /// How many days after the last thing that happened it does so at most.
    pub const DELETED_DAYS: u64 = 6;
}

/// Surveys.
pub mod surveys {
    /// Days between two questions of NPS to one person.
    pub const NPS_EVERY_DAYS: i64 = 182;
    /// Those are asked whose last purchase is at most so many days ago.
    pub const NPS_LAST_PURCHASE_DAYS: i64 = 400;
    /// What happened in so many days before is in the answer.
    pub const NPS_MEMORY_DAYS: i64 = 180;
    /// The answer to NPS of a person of mood 0 without memories.
    pub const NPS_LEVEL: f64 = 7.6;
    /// What a mood of 1 adds.
    pub const NPS_BY_MOOD: f64 = 1.6;
    /// What a point of satisfaction with the remembered purchases, above 4, adds.
    pub const NPS_BY_SATISFACTION: f64 = 0.9;
    /// What a late delivery among them takes away beside that, once.
    pub const NPS_LATE_PENALTY: f64 = 1.2;
    /// What a remembered complaint that was not upheld or not solved takes away.
    pub const NPS_COMPLAINT_PENALTY: f64 = 1.5;
    /// The deviation that nothing explains.
    pub const NPS_SIGMA: f64 = 1.5;
    /// The share of purchases by known buyers after which satisfaction is asked.
    pub const CSAT_PURCHASE_SHARE: f64 = 0.22;
    /// The share of solved cases after which satisfaction is asked.
    pub const CSAT_CASE_SHARE: f64 = 0.35;
    /// The share of solved cases after which effort is asked, in place of satisfaction.
    pub const CES_CASE_SHARE: f64 = 0.25;
    /// The share of returns after which effort is asked.
    pub const CES_RETURN_SHARE: f64 = 0.30;
    /// The answer to CES, 1 to 7, of a person of mood 0 after a case or return that went well.
    pub const CES_LEVEL: f64 = 5.6;
    /// What a point of satisfaction above 4 adds to it.
    pub const CES_BY_SATISFACTION: f64 = 0.9;
    /// The deviation of effort that nothing explains.
    pub const CES_SIGMA: f64 = 0.9;
    /// The share of invitations that are answered, by persons of activity 1.
    pub const ANSWERED_SHARE: f64 = 0.30;
    /// Of them the share with the question skipped.
    pub const SKIPPED_SHARE: f64 = 0.03;
    /// The share of scores with a comment.
    pub const COMMENT_SHARE: f64 = 0.45;
    /// Median hours from invitation to answer, and sigma; at most [`MOST_ANSWER_DAYS`].
    pub const ANSWER_HOURS: (f64, f64) = (9.0, 1.3);
    /// An invitation lapses after so many days.
    pub const MOST_ANSWER_DAYS: i64 = 14;
}

/// What people say in public.
pub mod public {
    /// Mentions that come of themselves, a person with a handle and 32 days, at activity 1.
    pub const MENTION_MEAN: f64 = 0.07;
    /// The share of purchases by persons with a handle that they post about, by their
    /// satisfaction from 1 to 5.
    pub const MENTION_SHARE_BY_RATING: [f64; 5] = [0.22, 0.14, 0.03, 0.03, 0.07];
    /// The share of angry posts (sentiment below -0.3) that their author follows up.
    pub const FOLLOW_UP_SHARE: f64 = 0.15;
    /// The sentiment of a post of itself at mood 0, what a mood of 1 adds, and its deviation.
    pub const MENTION_SENTIMENT: (f64, f64, f64) = (0.05, 0.5, 0.4);
    /// The share of purchases with an account that are reviewed, by satisfaction from 1 to 5.
    pub const REVIEW_SHARE_BY_RATING: [f64; 5] = [0.40, 0.30, 0.18, 0.22, 0.36];
    /// Days in which every forum member comes to the turn to start a thread once.
    pub const THREAD_ROUND_DAYS: i64 = 100;
    /// Days in which every forum member comes to the turn to reply once; a whole part of the
    /// above.
    pub const REPLY_ROUND_DAYS: i64 = 10;
    /// The share of turns that are taken, at activity 1.
    pub const TURN_TAKEN_SHARE: f64 = 0.6;
    /// The share of threads that are questions; the others are ideas.
    pub const QUESTION_SHARE: f64 = 0.65;
    /// The share of questions whose asker accepts an answer, if the right one comes.
    pub const ACCEPTING_SHARE: f64 = 0.7;
    /// Public posts about a brand as loud as the company, a day and person of the company's.
    pub const POSTS_A_DAY: f64 = 0.0015;
    /// The share of posts about competitors that are found only on the day after.
    pub const FOUND_LATE_SHARE: f64 = 0.1;
    /// The share of those who came on a recommendation that use the link or code of the programme,
    /// where who recommended has one.
    pub const RECOMMENDATION_USED_SHARE: f64 = 0.8;
    /// Recommendations that somebody follows without becoming a customer, of content persons with an
    /// account in 32 days, at activity 1.
    pub const RECOMMENDATION_MEAN: f64 = 0.15;
    /// How recommendations to the web shop and the app are passed on; to a store, by a card.
    pub const RECOMMENDATION_CHANNELS: [(&str, f64); 4] =
        [("link", 0.45), ("code", 0.3), ("email", 0.15), ("social", 0.1)];
}

/// What people do on the web, in the app and with their things.
pub mod digital {
    /// Visits that come of themselves, a person and 32 days while they are a customer, at
    /// activity 1.
    pub const VISIT_MEAN: f64 = 0.85;
    /// What remains of it after they left.
    pub const AFTER_DROPOUT_SHARE: f64 = 0.12;
    /// Days after the last purchase at which they begin to be away.
    pub const FADE_DAYS: i64 = 21;
    /// Mean of the visits before the first purchase, beyond the one that all make.
    pub const VISITS_BEFORE_MEAN: f64 = 1.2;
    /// Mean days from a visit before the first purchase to it, at most [`MOST_DAYS_BEFORE`].
    pub const DAYS_BEFORE_MEAN: f64 = 9.0;
    /// See [`DAYS_BEFORE_MEAN`].
    pub const MOST_DAYS_BEFORE: u64 = 60;
    /// The share of visits of themselves with an account that are logged in.
    pub const LOGGED_IN_SHARE: f64 = 0.45;
    /// The share of such visits of persons with the app that are in the app.
    pub const APP_VISIT_SHARE: f64 = 0.5;
    /// Mean of the events of a visit beyond the first.
    pub const EVENTS_MEAN: f64 = 3.0;
    /// Median seconds between two events of a visit, and sigma.
    pub const EVENT_GAP_SECONDS: (f64, f64) = (35.0, 0.9);
    /// Device events of persons with the app, of themselves, in 32 days.
    pub const DEVICE_MEAN: f64 = 6.0;
    /// The share of lines bought in a store whose tag a reader sees.
    pub const RFID_SHARE: f64 = 0.35;
    /// The share of purchases in a store of persons with the app at which it sees them there.
    pub const GEOLOCATION_SHARE: f64 = 0.6;
}

/// Consents and campaigns.
pub mod marketing {
    /// The share of persons that grant marketing by e-mail, SMS, telephone and post, profiling,
    /// and research, when they register.
    pub const GRANTED_SHARES: [f64; 6] = [0.62, 0.34, 0.10, 0.40, 0.55, 0.42];
    /// Mean days until a granted consent is withdrawn of itself: 1 % a month.
    pub const WITHDRAWN_DAYS: f64 = 3_000.0;
    /// Mean days until a denied consent is granted after all.
    pub const GRANTED_LATER_DAYS: f64 = 9_000.0;
    /// The share of messages that bounce, by channel: e-mail, SMS, post.
    pub const BOUNCED_SHARES: [f64; 3] = [0.015, 0.01, 0.02];
    /// The share of delivered e-mails that are opened, at activity 1.
    pub const OPENED_SHARE: f64 = 0.36;
    /// The share of opened e-mails that are clicked.
    pub const CLICKED_SHARE: f64 = 0.16;
    /// The share of delivered SMS that are clicked, at activity 1.
    pub const SMS_CLICKED_SHARE: f64 = 0.05;
    /// The share of clicks that end in a response, and of letters.
    pub const RESPONDED_SHARE: f64 = 0.15;
    /// The share of letters that are answered.
    pub const POST_RESPONDED_SHARE: f64 = 0.02;
    /// The share of opened e-mails and delivered SMS that end the consent.
    pub const UNSUBSCRIBED_SHARE: f64 = 0.006;
    /// Median hours from sending to opening or clicking, and sigma.
    pub const OPENED_HOURS: (f64, f64) = (3.0, 1.2);
    /// The share of pairs of records of one person that somebody finds out and links.
    pub const LINKED_SHARE: f64 = 0.45;
    /// Mean days until they do.
    pub const LINKED_DAYS: f64 = 120.0;
    /// Cost of an SMS or letter, and of a thousand e-mails, pence.
    pub const MESSAGE_PENCE: (i64, i64, i64) = (4, 85, 60);
    /// Pence a person and day spent on paid search, social, referral rewards, and television while
    /// it runs.
    pub const DAILY_PENCE: (f64, f64, f64, f64) = (2.2, 1.1, 0.15, 4.0);
}
