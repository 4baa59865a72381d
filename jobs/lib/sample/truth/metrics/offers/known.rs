//! What the company knows of a person by the end of a day, as far as it decides what to do next for
//! them; and what a day tells that changes it.

use std::collections::BTreeMap;

use crate::algorithms::points::Movements;
use crate::dates::Day;
use crate::sample::facts::Instant;
use crate::sample::people::ContactPoints;

/// Days after a bad answer within which somebody is called back.
const CALLED_BACK_DAYS: u64 = 14;
/// Days for which a cart is worth a reminder.
const CART_DAYS: u64 = 7;
/// Days after the last purchase beyond which somebody has gone.
const CHURNED_DAYS: u64 = 180;
/// Days over which messages are counted.
const MESSAGE_DAYS: u64 = 7;
/// Days after which points expire, less those within which that is soon.
const SOON_EXPIRED_DAYS: u64 = 365 - 30;

/// How an answer or a post was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feeling {
    /// A detractor's, in the lowest quarter of the scale of satisfaction, or against the brand.
    Bad,
    /// Neither.
    Neutral,
    /// A promoter's, or in favour of the brand.
    Good,
}

/// What somebody said, the later the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    pub(super) day: Day,
    /// When; none where the export does not say.
    pub(super) at: Option<Instant>,
    pub(super) feeling: Feeling,
}

/// What somebody was asked, or said without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Whether they would recommend the company.
    Recommending,
    /// How satisfied they are.
    Satisfaction,
    /// How easy it was.
    Ease,
    /// A post or review, for everybody to read.
    Public,
}

/// What somebody decides about, as bits.
pub(super) mod question {
    pub const EMAIL: u8 = 1;
    pub const SMS: u8 = 2;
    pub const PHONE: u8 = 4;
    pub const POST: u8 = 8;
    pub const PROFILING: u8 = 16;
    pub const RESEARCH: u8 = 32;
    /// All that is about outreach.
    pub const OUTREACH: u8 = EMAIL | SMS | PHONE | POST;
}

/// What a day tells of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// That there is such a person: a fact names a record of theirs.
    Seen,
    /// By what they can be reached, as the contacts say that systems hold of them from this day
    /// on, and whether one of these is a member's; none where no system holds any.
    Contacts(Option<(ContactPoints, bool)>),
    /// A fact carries an address or a number of theirs.
    Carried(ContactPoints),
    /// A thing of theirs reports, which is registered to their loyalty card if they have one.
    Thing,
    /// A fact names their loyalty card.
    Card,
    /// Points came in, or went out where below zero.
    Points(i64),
    /// They decided: the bit of the question, and whether it is allowed.
    Decided(u8, bool),
    /// They bought.
    Bought,
    /// They put something into the cart.
    Cart,
    /// They were sent a message.
    Sent,
    /// They said something.
    Said(Topic, Said),
    /// A case of a number is open, as `(waits for an answer, is a complaint)`, or not any more.
    Case(u64, Option<(bool, bool)>),
}

/// The life-cycle stage, as far as actions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Has not bought.
    Prospect,
    /// Bought once.
    Purchase,
    /// Bought more than once.
    Retention,
    /// Bought, and speaks well of the brand.
    Advocacy,
    /// Bought, and not for long.
    Churned,
}

/// What is known of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    is_customer: bool,
    contacts: ContactPoints,
    carried: ContactPoints,
    is_contact_of_member: bool,
    has_card: bool,
    /// What is allowed, by the bits of [`question`].
    allowed: u8,
    order_count: u32,
    last_order_on: Option<Day>,
    last_cart_on: Option<Day>,
    /// The days of the messages of the last week.
    sent_on: Vec<Day>,
    first_points_on: Option<Day>,
    points: Movements,
    last_answer_on: Option<Day>,
    recommending: Option<Said>,
    satisfaction: Option<Said>,
    posted: Option<Said>,
    /// Open cases by number.
    cases: BTreeMap<u64, (bool, bool)>,
}

impl Known {
    /// Takes in what a day tells.
    pub(super) fn hear(&mut self, day: Day, news: News) {
        // That the last contact is gone is no news of anybody; who was known before stays so.
        self.is_customer |= news != News::Contacts(None);
        match news {
            News::Seen | News::Thing => {}
            News::Contacts(contacts) => {
                (self.contacts, self.is_contact_of_member) = contacts.unwrap_or_default();
            }
            News::Carried(points) => self.carried = self.carried.or(points),
            News::Card => self.has_card = true,
            News::Points(points) => {
                self.has_card = true;
                self.first_points_on.get_or_insert(day);
                // Points of an account stay far within the range of integers.
                self.points.add(points, i64::from(day.to_epoch())).unwrap_or_default();
            }
            News::Decided(question, is_allowed) => match is_allowed {
                true => self.allowed |= question,
                false => self.allowed &= !question,
            },
            News::Bought => {
                self.order_count += 1;
                self.last_order_on = self.last_order_on.max(Some(day));
            }
            News::Cart => self.last_cart_on = self.last_cart_on.max(Some(day)),
            News::Sent => {
                self.sent_on.retain(|sent| sent.plus(MESSAGE_DAYS) > day);
                self.sent_on.push(day);
            }
            News::Said(topic, said) => {
                let last = match topic {
                    Topic::Recommending => &mut self.recommending,
                    Topic::Satisfaction => &mut self.satisfaction,
                    Topic::Public => &mut self.posted,
                    Topic::Ease => &mut None,
                };
                *last = (*last).max(Some(said));
                if topic != Topic::Public {
                    self.last_answer_on = self.last_answer_on.max(Some(said.day));
                }
            }
            News::Case(number, Some(state)) => drop(self.cases.insert(number, state)),
            News::Case(number, None) => drop(self.cases.remove(&number)),
        }
    }

    /// Whether anybody has heard of them.
    pub(super) fn is_customer(&self) -> bool {
        self.is_customer
    }

    /// Whether a case of theirs is open.
    pub(super) fn has_open_case(&self) -> bool {
        !self.cases.is_empty()
    }

    /// Whether a case of theirs waits for its first answer.
    pub(super) fn waits_for_answer(&self) -> bool {
        self.cases.values().any(|(waits, _)| *waits)
    }

    /// Whether a complaint of theirs is open.
    pub(super) fn has_open_complaint(&self) -> bool {
        self.cases.values().any(|(_, is_complaint)| *is_complaint)
    }

    /// Whether the last answer about recommending or satisfaction was bad, not long ago.
    pub(super) fn is_unhappy(&self, day: Day) -> bool {
        let is_bad =
            |said: &&Said| said.feeling == Feeling::Bad && said.day.plus(CALLED_BACK_DAYS) >= day;
        [&self.recommending, &self.satisfaction].into_iter().flatten().any(|it| is_bad(&it))
    }

    /// Points that expire soon unless they are spent.
    pub(super) fn expiring_points(&self, day: Day) -> i64 {
        let last = day.minus(SOON_EXPIRED_DAYS);
        if self.first_points_on.is_none_or(|first| first > last) {
            return 0;
        }
        let last = i64::from(last.to_epoch());
        self.points.lots().iter().filter(|lot| lot.day <= last).map(|lot| lot.points).sum()
    }

    /// Whether they left a cart behind, of late.
    pub(super) fn has_left_cart(&self, day: Day) -> bool {
        let Some(cart_on) = self.last_cart_on else { return false };
        cart_on.plus(CART_DAYS) >= day && self.last_order_on.is_none_or(|bought| bought < cart_on)
    }

    /// Purchases so far.
    pub(super) fn order_count(&self) -> u32 {
        self.order_count
    }

    /// Whether they last bought between so many days ago.
    pub(super) fn has_bought_ago(&self, day: Day, least: u64, most: u64) -> bool {
        let is_so = |on: Day| on.plus(least) <= day && day <= on.plus(most);
        self.last_order_on.is_some_and(is_so)
    }

    /// Whether they answered a survey on the day of their last purchase or later.
    pub(super) fn has_answered_since_order(&self) -> bool {
        self.last_answer_on.is_some() && self.last_answer_on >= self.last_order_on
    }

    /// Whether they collect points.
    pub(super) fn is_member(&self) -> bool {
        self.is_contact_of_member || self.has_card
    }

    /// The stage of their life cycle.
    pub(super) fn stage(&self, day: Day) -> Stage {
        let Some(last_on) = self.last_order_on else { return Stage::Prospect };
        if last_on.plus(CHURNED_DAYS) < day {
            Stage::Churned
        } else if self.word_of_mouth() == Some(Feeling::Good) {
            Stage::Advocacy
        } else if self.order_count > 1 {
            Stage::Retention
        } else {
            Stage::Purchase
        }
    }

    /// What they tell others: what they said last; of the same day the worse, and good only where
    /// both are.
    fn word_of_mouth(&self) -> Option<Feeling> {
        match (self.recommending, self.posted) {
            (Some(answer), Some(post)) if answer.day == post.day => {
                Some(answer.feeling.min(post.feeling))
            }
            (answer, post) => answer.max(post).map(|said| said.feeling),
        }
    }

    /// Whether they may be sent what is offered, on any channel.
    pub(super) fn may_be_reached(&self) -> bool {
        self.allowed & question::OUTREACH != 0
    }

    /// Whether their behaviour may choose what they are offered.
    pub(super) fn may_be_profiled(&self) -> bool {
        self.allowed & question::PROFILING != 0
    }

    /// Whether they may be asked.
    pub(super) fn may_be_asked(&self) -> bool {
        self.allowed & question::RESEARCH != 0
    }

    /// Whether what is allowed and what is known of their addresses and numbers fit together.
    pub(super) fn can_be_reached(&self) -> bool {
        let points = self.contacts.or(self.carried);
        let is_allowed = |questions: u8| self.allowed & questions != 0;
        (points.has_email && is_allowed(question::EMAIL))
            || (points.has_phone && is_allowed(question::SMS | question::PHONE))
            || (points.has_address && is_allowed(question::POST))
    }

    /// Whether a survey can be sent to them.
    pub(super) fn can_be_asked(&self) -> bool {
        let points = self.contacts.or(self.carried);
        points.has_email || points.has_phone
    }

    /// Messages sent in the last seven days.
    pub(super) fn messages_of_week(&self, day: Day) -> usize {
        self.sent_on.iter().filter(|sent| sent.plus(MESSAGE_DAYS) > day).count()
    }
}
