//! What fits whom, from the words of the rules.

use super::actions::{self, propose};
use super::known::{Feeling, Said, Topic, question};
use super::*;
use crate::sample::people::ContactPoints;

const ALL: ContactPoints = ContactPoints { has_email: true, has_phone: true, has_address: true };

fn day(number: u64) -> Day {
    let first: Day = "2024-01-01".parse().unwrap();
    first.plus(number)
}

/// What is known after some news, each with the number of its day.
fn known(news: &[(u64, News)]) -> Known {
    let mut known = Known::default();
    for (number, news) in news {
        known.hear(day(*number), *news);
    }
    known
}

/// The same of somebody who can be reached by everything, and allows all that is in `allowed`.
fn reachable(allowed: u8, news: &[(u64, News)]) -> Known {
    let first = [(0, News::Contacts(Some((ALL, false)))), (0, News::Decided(allowed, true))];
    known(&[&first, news].concat())
}

const EVERYTHING: u8 = question::OUTREACH | question::PROFILING | question::RESEARCH;

/// The names of what is offered, and of what is withheld before it, with the reason.
fn proposed(known: &Known, number: u64) -> (&'static str, Option<(&'static str, Withheld)>) {
    let proposed = propose(known, day(number));
    let withheld = proposed.withheld.map(|(place, reason)| (actions::name(place), reason));
    (proposed.offered.map_or("", actions::name), withheld)
}

fn offered(known: &Known, number: u64) -> &'static str {
    let (offered, withheld) = proposed(known, number);
    assert_eq!(withheld, None);
    offered
}

fn said(number: u64, topic: Topic, feeling: Feeling) -> (u64, News) {
    (number, News::Said(topic, Said { day: day(number), at: None, feeling }))
}

#[test]
fn nobody_is_offered_anything_before_they_are_known() {
    assert_eq!(proposed(&Known::default(), 3), ("", None));
    assert_eq!(proposed(&known(&[(0, News::Contacts(None))]), 3), ("", None));
    let withheld = Some(("introduce_goods", Withheld::Consent));
    assert_eq!(proposed(&known(&[(0, News::Seen)]), 3), ("", withheld));
}

#[test]
fn what_needs_consent_is_withheld_without_it_and_without_a_way_and_beyond_the_cap() {
    assert_eq!(offered(&reachable(question::SMS, &[]), 0), "introduce_goods");
    let withdrawn = reachable(question::SMS, &[(2, News::Decided(question::SMS, false))]);
    assert_eq!(proposed(&withdrawn, 2).1, Some(("introduce_goods", Withheld::Consent)));
    // Messages are allowed, and no number is known; then a fact tells one.
    let mut by_message = known(&[
        (0, News::Contacts(Some((ContactPoints::EMAIL, false)))),
        (0, News::Decided(question::SMS, true)),
    ]);
    let no_way = Some(("introduce_goods", Withheld::ContactPoint));
    assert_eq!(proposed(&by_message, 1), ("", no_way));
    by_message.hear(day(1), News::Carried(ContactPoints::PHONE));
    assert_eq!(offered(&by_message, 1), "introduce_goods");
    // What a deleted contact held is gone.
    let mut deleted = reachable(question::POST, &[(4, News::Contacts(None))]);
    assert_eq!(proposed(&deleted, 4), ("", no_way));
    deleted.hear(day(5), News::Carried(ContactPoints::EMAIL));
    assert_eq!(proposed(&deleted, 5), ("", no_way));
    // Three messages in seven days.
    let sent = |numbers: &[u64]| {
        let sent: Vec<_> = numbers.iter().map(|number| (*number, News::Sent)).collect();
        reachable(EVERYTHING, &sent)
    };
    assert_eq!(offered(&sent(&[1, 5]), 5), "introduce_goods");
    let capped = Some(("introduce_goods", Withheld::ContactCap));
    assert_eq!(proposed(&sent(&[1, 5, 6]), 7), ("", capped));
    assert_eq!(offered(&sent(&[1, 5, 6]), 8), "introduce_goods");
}

#[test]
fn what_comes_after_what_is_withheld_is_offered() {
    let cart = [(9, News::Cart)];
    assert_eq!(offered(&reachable(EVERYTHING, &cart), 9), "finish_cart");
    assert_eq!(offered(&reachable(EVERYTHING, &cart), 16), "finish_cart");
    assert_eq!(offered(&reachable(EVERYTHING, &cart), 17), "introduce_goods");
    let withheld = Some(("finish_cart", Withheld::Consent));
    let unprofiled = reachable(question::EMAIL, &cart);
    assert_eq!(proposed(&unprofiled, 9), ("introduce_goods", withheld));
    // A purchase of the day itself, or later, has taken the cart along.
    let bought = reachable(EVERYTHING, &[(9, News::Cart), (9, News::Bought)]);
    assert_eq!(proposed(&bought, 9), ("", None));
}

#[test]
fn cases_come_first_and_need_nobodys_consent() {
    let case = |number, state| (number, News::Case(7, state));
    let waiting = known(&[case(1, Some((true, true)))]);
    assert_eq!(offered(&waiting, 1), "answer_case");
    let answered = known(&[case(1, Some((true, true))), case(2, Some((false, true)))]);
    assert_eq!(offered(&answered, 2), "settle_complaint");
    let bad = said(3, Topic::Satisfaction, Feeling::Bad);
    let open = known(&[case(1, Some((false, false))), bad]);
    assert_eq!(proposed(&open, 3).0, "");
    let closed = known(&[case(1, Some((false, false))), bad, case(3, None)]);
    assert_eq!(offered(&closed, 3), "call_back");
    assert_eq!(offered(&closed, 17), "call_back");
    assert_eq!(proposed(&closed, 18).0, "");
    // A later answer counts; one about something else does not.
    let better = known(&[bad, said(4, Topic::Satisfaction, Feeling::Neutral)]);
    assert_eq!(proposed(&better, 4).0, "");
    let elsewhere = known(&[bad, said(4, Topic::Recommending, Feeling::Good)]);
    assert_eq!(offered(&elsewhere, 4), "call_back");
}

#[test]
fn buyers_are_asked_invited_and_won_back_in_their_time() {
    let once = reachable(EVERYTHING, &[(0, News::Bought)]);
    for (number, expected) in [
        (2, ""),
        (3, "ask_for_feedback"),
        (13, "ask_for_feedback"),
        (14, "invite_second_order"),
        (60, "invite_second_order"),
        (61, ""),
        (180, ""),
        (181, "win_back"),
    ] {
        assert_eq!(offered(&once, number), expected, "after {number} days");
    }
    let answered =
        reachable(EVERYTHING, &[(0, News::Bought), said(1, Topic::Ease, Feeling::Neutral)]);
    assert_eq!(offered(&answered, 3), "");
    let before =
        reachable(EVERYTHING, &[said(0, Topic::Ease, Feeling::Neutral), (1, News::Bought)]);
    assert_eq!(offered(&before, 4), "ask_for_feedback");
    // Without consent to surveys nobody is asked, whatever else is allowed.
    let unasked = reachable(question::OUTREACH, &[(0, News::Bought)]);
    assert_eq!(proposed(&unasked, 3), ("", Some(("ask_for_feedback", Withheld::Consent))));
    let twice = [(0, News::Bought), (1, News::Bought)];
    assert_eq!(offered(&reachable(EVERYTHING, &twice), 1), "invite_to_programme");
    let member = reachable(EVERYTHING, &[&twice[..], &[(1, News::Points(100))]].concat());
    assert_eq!(offered(&member, 1), "offer_related_goods");
}

#[test]
fn points_are_worth_a_reminder_in_their_last_thirty_days() {
    let saved = reachable(EVERYTHING, &[(0, News::Points(300)), (200, News::Points(50))]);
    assert_eq!(offered(&saved, 334), "introduce_goods");
    assert_eq!(offered(&saved, 335), "remind_of_points");
    // The oldest are spent first.
    let mut spent = saved.clone();
    spent.hear(day(335), News::Points(-300));
    assert_eq!(offered(&spent, 335), "introduce_goods");
    assert_eq!(offered(&spent, 535), "remind_of_points");
}

#[test]
fn whoever_spoke_well_last_is_asked_to_recommend() {
    let bought = |said: &[(u64, News)]| {
        offered(&reachable(EVERYTHING, &[&[(0, News::Bought)], said].concat()), 20)
    };
    let answer = |number, feeling| said(number, Topic::Recommending, feeling);
    let post = |number, feeling| said(number, Topic::Public, feeling);
    let asked = "ask_for_recommendation";
    assert_eq!(bought(&[answer(5, Feeling::Good)]), asked);
    assert_eq!(bought(&[answer(5, Feeling::Neutral)]), "invite_second_order");
    assert_eq!(bought(&[answer(5, Feeling::Neutral), post(6, Feeling::Good)]), asked);
    assert_eq!(
        bought(&[answer(7, Feeling::Neutral), post(6, Feeling::Good)]),
        "invite_second_order"
    );
    // On the same day the worse of the two says it.
    assert_eq!(bought(&[answer(6, Feeling::Good), post(6, Feeling::Good)]), asked);
    assert_eq!(bought(&[answer(6, Feeling::Good), post(6, Feeling::Bad)]), "invite_second_order");
    // Nobody recommends what they have not bought.
    let prospect = reachable(EVERYTHING, &[post(6, Feeling::Good)]);
    assert_eq!(offered(&prospect, 20), "introduce_goods");
}

#[test]
fn an_offer_is_taken_in_the_seven_days_after_it() {
    let introduce = (0..).find(|place| actions::name(*place) == "introduce_goods").unwrap();
    let made = || Prospect {
        offers: vec![Offer { made_on: day(3), action: introduce }],
        ..Prospect::default()
    };
    for (number, is_taken) in [(3, false), (4, true), (10, true), (11, false)] {
        let taken = made().take(day(number), "order_purchase").count();
        assert_eq!(taken, usize::from(is_taken), "on day {number}");
    }
    assert_eq!(made().take(day(4), "site_visited").count(), 0);
}
