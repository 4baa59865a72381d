//! The next best actions, in the order in which they come: whom each of them fits, what it needs to
//! be offered, and by which steps it is taken. The words and the order are those of
//! `marts.action_rules` as it is shipped.

use super::known::{Known, Stage};
use crate::dates::Day;

/// What it takes to offer an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: a contract or a case asks for it.
    Nothing,
    /// Consent to outreach, and a way to reach them that it allows.
    Outreach,
    /// The same, and consent to personal profiles.
    Profiling,
    /// Consent to surveys, and an address or number.
    Research,
}

/// One of them.
struct Action {
    name: &'static str,
    need: Need,
    fits: fn(&Known, Day) -> bool,
    /// The kinds of steps by which it is taken.
    steps: &'static [&'static str],
}

/// Why an action that fits is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Withheld {
    /// They have not consented.
    Consent,
    /// No way is known to reach them.
    ContactPoint,
    /// They had enough messages in seven days.
    ContactCap,
}

/// So many messages in seven days are enough.
const MOST_MESSAGES: usize = 3;

/// The actions, the first of which comes first.
const ACTIONS: [Action; 12] = [
    Action {
        name: "answer_case",
        need: Need::Nothing,
        fits: |known, _| known.waits_for_answer(),
        steps: &["case_replied"],
    },
    Action {
        name: "settle_complaint",
        need: Need::Nothing,
        fits: |known, _| known.has_open_complaint(),
        steps: &["case_resolved"],
    },
    Action {
        name: "call_back",
        need: Need::Nothing,
        fits: |known, day| !known.has_open_case() && known.is_unhappy(day),
        steps: &["case_replied"],
    },
    Action {
        name: "remind_of_points",
        need: Need::Outreach,
        fits: |known, day| known.expiring_points(day) > 0,
        steps: &["points_redeemed", "order_purchase"],
    },
    Action {
        name: "finish_cart",
        need: Need::Profiling,
        fits: |known, day| known.has_left_cart(day),
        steps: &["order_purchase"],
    },
    Action {
        name: "win_back",
        need: Need::Outreach,
        fits: |known, day| known.stage(day) == Stage::Churned,
        steps: &["order_purchase"],
    },
    Action {
        name: "invite_second_order",
        need: Need::Outreach,
        fits: |known, day| known.stage(day) == Stage::Purchase && known.has_bought_ago(day, 14, 60),
        steps: &["order_purchase"],
    },
    Action {
        name: "ask_for_recommendation",
        need: Need::Outreach,
        fits: |known, day| known.stage(day) == Stage::Advocacy,
        steps: &["mention_posted", "review_posted", "brand_recommended"],
    },
    Action {
        name: "ask_for_feedback",
        need: Need::Research,
        fits: |known, day| known.has_bought_ago(day, 3, 30) && !known.has_answered_since_order(),
        steps: &["survey_answered"],
    },
    Action {
        name: "invite_to_programme",
        need: Need::Outreach,
        fits: |known, _| known.order_count() > 1 && !known.is_member(),
        steps: &["points_earned"],
    },
    Action {
        name: "offer_related_goods",
        need: Need::Profiling,
        fits: |known, day| known.stage(day) == Stage::Retention,
        steps: &["order_purchase"],
    },
    Action {
        name: "introduce_goods",
        need: Need::Outreach,
        fits: |known, day| known.stage(day) == Stage::Prospect,
        steps: &["order_purchase"],
    },
];

/// The name of the action of a place.
pub(super) fn name(place: usize) -> &'static str {
    ACTIONS.get(place).map_or("", |action| action.name)
}

/// Whether the action of a place is taken by a kind of step.
pub(super) fn is_taken_by(place: usize, step: &str) -> bool {
    ACTIONS.get(place).is_some_and(|action| action.steps.contains(&step))
}

/// What is proposed to somebody at the end of a day: the place of the action that is offered, and
/// the place of the first one before it that is withheld, with the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Proposed {
    pub(super) offered: Option<usize>,
    pub(super) withheld: Option<(usize, Withheld)>,
}

impl Proposed {
    /// Whether an action was proposed, whatever became of it.
    pub(super) fn has(&self, place: usize) -> bool {
        self.offered == Some(place) || self.withheld.is_some_and(|(withheld, _)| withheld == place)
    }
}

/// What fits somebody at the end of a day.
pub(super) fn propose(known: &Known, day: Day) -> Proposed {
    let mut proposed = Proposed::default();
    if !known.is_customer() {
        return proposed;
    }
    for (place, action) in ACTIONS.iter().enumerate().filter(|(_, it)| (it.fits)(known, day)) {
        match withheld_by(action.need, known, day) {
            None => {
                proposed.offered = Some(place);
                break;
            }
            Some(reason) => {
                proposed.withheld.get_or_insert((place, reason));
            }
        }
    }
    proposed
}

/// Consent comes before the ways to reach somebody, and these before how often that was done.
fn withheld_by(need: Need, known: &Known, day: Day) -> Option<Withheld> {
    let (may_be, can_be) = match need {
        Need::Nothing => return None,
        Need::Outreach => (known.may_be_reached(), known.can_be_reached()),
        Need::Profiling => {
            (known.may_be_reached() && known.may_be_profiled(), known.can_be_reached())
        }
        Need::Research => (known.may_be_asked(), known.can_be_asked()),
    };
    if !may_be {
        Some(Withheld::Consent)
    } else if !can_be {
        Some(Withheld::ContactPoint)
    } else {
        (known.messages_of_week(day) >= MOST_MESSAGES).then_some(Withheld::ContactCap)
    }
}
