//! The facts fit the stated models.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::*;
use super::{days, world};
use crate::sample::facts::{CaseEventKind, Survey};
use crate::sample::people::models;
use crate::sample::world::calendar;

/// E[X(t)], the expected number of purchases after the first in `t` days of a customer.
/// Source: Fader, Hardie and Lee (2005), equation 9; 2F1 by its series.
fn expected_purchases(t: f64) -> f64 {
    let ((r, alpha), (a, b)) = (models::RATE, models::DROPOUT);
    let z = t / (alpha + t);
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 0..5_000 {
        let n = f64::from(n);
        term *= (r + n) * (b + n) / ((a + b - 1.0 + n) * (n + 1.0)) * z;
        sum += term;
    }
    (a + b - 1.0) / (a - 1.0) * (1.0 - (alpha / (alpha + t)).powf(r) * sum)
}

#[test]
fn purchases_are_bg_nbd() -> Result<(), String> {
    let persons = 20_000;
    let world = world(persons)?;
    // Each is followed for as long as they were a customer on the last day: a span that the draw
    // of the acquisition gave, so the expectation is the mean over the spans.
    let end = Span::of(world.days).to;
    let (mut counted, mut counted_squares, mut expected) = (0.0, 0.0, 0.0);
    let mut by_age: BTreeMap<u64, f64> = BTreeMap::new();
    for index in 0..persons {
        let person = Person::of(&world, index);
        let course = life(&world, &person, end);
        let count = course.purchases.iter().filter(|it| it.campaign.is_none()).count() as f64;
        // Who was acquired has bought once.
        assert!(count >= 1.0, "{count}");
        let age_days = ((end - person.acquired_at) / 86_400).unsigned_abs();
        counted += count - 1.0;
        counted_squares += (count - 1.0) * (count - 1.0);
        expected += *by_age.entry(age_days).or_insert_with(|| {
            // The middle of the day that the age was rounded down to.
            expected_purchases(age_days as f64 + 0.5)
        });
    }
    let n = persons as f64;
    let variance = counted_squares / n - (counted / n).powi(2);
    let error = (variance * n).sqrt();
    assert!((counted - expected).abs() < 4.0 * error, "{counted} {expected} ± {error}");
    Ok(())
}

#[test]
fn persons_leave_geometrically() -> Result<(), String> {
    let world = world(1)?;
    let until = world.days.to.plus(36_500);
    let mut person = Person::of(&world, 0);
    (person.rate, person.dropout) = (1.0, 0.2);
    let n = 5_000;
    let mut counts = [0_u32; 4];
    for index in 0..n {
        person.index = index;
        let course = skeleton::course(&world, &person, until, &[]);
        assert!(course.dropped_out_at.is_some());
        // The first purchase is nobody's last.
        let repeats = course.purchases.len() - 1;
        assert!(repeats >= 1);
        if let Some(count) = counts.get_mut(repeats - 1) {
            *count += 1;
        }
    }
    for (place, count) in counts.into_iter().enumerate() {
        let share = 0.2 * 0.8_f64.powi(place as i32);
        let error = (share * (1.0 - share) * n as f64).sqrt();
        assert!((f64::from(count) - share * n as f64).abs() < 4.0 * error, "{place}: {count}");
    }
    Ok(())
}

#[test]
fn spend_is_gamma_gamma_and_baskets_follow_it() -> Result<(), String> {
    let world = world(20_000)?;
    let company = Company::of(&world, false);
    let (mut sum, mut squares, mut net, mut n) = (0.0, 0.0, 0.0, 0.0);
    for index in 0..20_000 {
        let person = Person::of(&world, index);
        // One purchase a person: those of one are alike.
        let until = Span::of(world.days).to;
        let purchase = *purchases(&world, &person, until).first().ok_or("nothing bought")?;
        let bought = shopping::bought(&company, &person, &purchase);
        let pounds = purchase.amount as f64 / 100.0;
        sum += pounds;
        squares += pounds * pounds;
        net += bought.order.net() as f64 / 100.0;
        n += 1.0;
    }
    // E[Z] = p γ / (q − 1): Fader and Hardie (2013), equation 5.
    let (q, gamma) = models::SPEND;
    let expected = models::SPEND_SHAPE * gamma / (q - 1.0);
    let mean = sum / n;
    let error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - expected).abs() < 4.0 * error, "{mean} {expected} ± {error}");
    assert!((net / sum - 1.0).abs() < 0.015, "{net} {sum}");
    Ok(())
}

#[test]
fn refunds_are_part_of_their_lines() -> Result<(), String> {
    let world = world(4_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let orders: HashMap<u64, _> = facts.orders.iter().map(|order| (order.number, order)).collect();
    let mut seen = HashSet::new();
    let mut count = 0;
    for refund in &facts.refunds {
        assert!(seen.insert((refund.order, refund.product)), "a line came back twice");
        let Some(order) = orders.get(&refund.order) else { continue };
        count += 1;
        let line = order.lines.iter().find(|line| line.product == refund.product);
        let line = line.ok_or("a product came back that nobody bought")?;
        assert!(refund.amount <= line.net() && refund.quantity <= line.quantity);
        assert!(refund.refunded_at > order.delivered_at.unwrap_or(order.placed_at));
    }
    assert!(count > 50, "{count}");
    Ok(())
}

#[test]
fn the_loyalty_ledger_reconciles() -> Result<(), String> {
    let world = world(3_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let orders: HashMap<u64, _> = facts.orders.iter().map(|order| (order.number, order)).collect();
    let mut balances: HashMap<u64, i64> = HashMap::new();
    let mut by_kind: BTreeMap<&str, i64> = BTreeMap::new();
    let mut redeemed: HashMap<u64, i64> = HashMap::new();
    for entry in &facts.loyalty_entries {
        let balance = balances.entry(entry.person).or_default();
        *balance += entry.points;
        assert!(*balance >= 0, "{entry:?} leaves {balance}");
        *by_kind.entry(entry.kind).or_default() += entry.points;
        match entry.kind {
            "earned" => {
                assert!(entry.points > 0);
                let order = orders.get(&entry.order.ok_or("no order")?).ok_or("no such order")?;
                assert_eq!(entry.points, (order.net() - order.paid_with_points) / 100);
                assert_eq!(entry.at, order.placed_at);
            }
            "redeemed" => {
                assert!(entry.points < 0 && entry.points % 500 == 0);
                redeemed.insert(entry.order.ok_or("no order")?, -entry.points);
            }
            "expired" => assert!(entry.points < 0 && entry.order.is_none()),
            _ => assert_eq!(entry.kind, "adjusted"),
        }
    }
    assert_eq!(by_kind.len(), 4, "{by_kind:?}");
    assert_eq!(by_kind.values().sum::<i64>(), balances.values().sum::<i64>());
    for order in &facts.orders {
        // 500 points are £5.
        assert_eq!(order.paid_with_points, redeemed.get(&order.number).copied().unwrap_or(0));
    }
    Ok(())
}

#[test]
fn points_expire_after_a_year_first_in_first_out() -> Result<(), String> {
    let world = World::new(5, 400, days("2022-01-01", "2024-01-01")?);
    let facts = facts(&world, world.all_persons(), world.days);
    let mut by_person: HashMap<u64, Vec<_>> = HashMap::new();
    for entry in &facts.loyalty_entries {
        by_person.entry(entry.person).or_default().push(entry);
    }
    let mut checked = 0;
    for entries in by_person.values() {
        // Whose account was empty on the first day: nothing was brought forward.
        if entries.first().is_none_or(|it| it.at <= Span::of(world.days).from) {
            continue;
        }
        let mut lots: std::collections::VecDeque<(Day, i64)> = Default::default();
        for entry in entries {
            let today = london_day(entry.at);
            if entry.kind == "expired" {
                // Those of one day expire together, in no order that matters.
                let lot = lots
                    .iter()
                    .position(|(day, left)| (day.plus(365), -left) == (today, entry.points));
                lots.remove(lot.ok_or("nothing of the kind to expire")?);
                checked += 1;
            } else if entry.points > 0 {
                lots.push_back((today, entry.points));
            } else {
                let mut rest = -entry.points;
                while rest > 0 {
                    let (day, points) = lots.pop_front().ok_or("more than there is")?;
                    let taken = rest.min(points);
                    rest -= taken;
                    if points > taken {
                        lots.push_front((day, points - taken));
                    }
                }
            }
            // No lot outlives its year.
            assert!(lots.front().is_none_or(|(day, _)| day.plus(365) >= today));
        }
    }
    assert!(checked > 50, "{checked}");
    Ok(())
}

#[test]
fn first_replies_are_log_normal_in_opening_hours() -> Result<(), String> {
    let world = world(30_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let mut delays: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let (mut unanswered, mut count) = (0, 0);
    let (mut solved, mut reopened) = (0, 0);
    let span = Span::of(world.days);
    for case in &facts.cases {
        // Opened early enough to be answered by the end.
        if case.opened_at < span.from || case.opened_at > span.to - 20 * 86_400 {
            continue;
        }
        let is_phone = case.channel == "phone";
        count += u32::from(!is_phone);
        let mut kinds = case.events.iter();
        let reply = kinds.find(|it| matches!(it.kind, CaseEventKind::AgentReplied(true, _)));
        let Some(reply) = reply else {
            assert!(!is_phone);
            unanswered += 1;
            continue;
        };
        let minutes = match case.channel {
            "phone" | "chat" => {
                assert!(calendar::is_open(case.opened_at));
                (reply.at - case.opened_at) / 60
            }
            _ => calendar::business_minutes(case.opened_at, reply.at),
        };
        delays.entry(case.channel).or_default().push(minutes);
        let is = |kind: &CaseEventKind| case.events.iter().any(|it| it.kind == *kind);
        solved += u32::from(is(&CaseEventKind::Solved));
        reopened += u32::from(is(&CaseEventKind::Reopened));
    }
    let medians = [("email", 180), ("web", 240), ("chat", 2), ("phone", 1)];
    for (channel, expected) in medians {
        let delays = delays.get_mut(channel).ok_or("no case")?;
        delays.sort_unstable();
        let median = delays[delays.len() / 2];
        // The median's standard error is about 1.25 σ / √n of itself.
        let error = 1.25 * 0.9 / (delays.len() as f64).sqrt();
        let off = (median as f64 / f64::from(expected)).ln().abs();
        assert!(median.abs_diff(expected.into()) <= 1 || off < 4.0 * error, "{channel}: {median}");
    }
    let share = f64::from(unanswered) / f64::from(count);
    assert!((0.04..0.08).contains(&share), "never answered: {share}");
    let share = f64::from(reopened) / f64::from(solved);
    assert!((0.06..0.10).contains(&share), "reopened: {share}");
    Ok(())
}

#[test]
fn late_deliveries_cost_recommendations() -> Result<(), String> {
    let world = world(30_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let mut late: HashSet<u64> = HashSet::new();
    let company = Company::of(&world, false);
    let mut scores: [Vec<u8>; 2] = [vec![], vec![]];
    for response in facts.survey_responses.iter().filter(|it| it.survey == Survey::Nps) {
        let Some(score) = response.score else { continue };
        let person = Person::of(&world, response.person);
        let had_late = purchases(&world, &person, Span::of(world.days).to)
            .iter()
            .filter(|it| it.at > response.invited_at - 170 * 86_400 && it.at < response.invited_at)
            .map(|it| shopping::bought(&company, &person, it))
            .any(|it| it.order.is_late && it.received_at < response.invited_at);
        scores[usize::from(had_late)].push(score);
        if had_late {
            late.insert(response.number);
        }
    }
    let nps = |scores: &[u8]| {
        let share = |is: &dyn Fn(u8) -> bool| {
            scores.iter().filter(|score| is(**score)).count() as f64 / scores.len() as f64
        };
        100.0 * (share(&|score| score >= 9) - share(&|score| score <= 6))
    };
    let (without, with) = (nps(&scores[0]), nps(&scores[1]));
    assert!(scores[1].len() > 60, "{}", scores[1].len());
    assert!(without > with + 25.0, "{without} without, {with} with a late delivery");
    assert!((0.0..60.0).contains(&without), "{without}");
    Ok(())
}

#[test]
fn control_is_sent_nothing_and_treatment_brings_its_uplift() -> Result<(), String> {
    let world = world(30_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let mut treated: HashMap<(u16, u64), bool> = HashMap::new();
    for contact in &facts.campaign_contacts {
        assert!(treated.insert((contact.campaign, contact.person), contact.is_treated).is_none());
    }
    let control = treated.values().filter(|is_treated| !**is_treated).count();
    let share = control as f64 / treated.len() as f64;
    assert!((share - 0.1).abs() < 0.01, "{share}");
    let first = Span::of(world.days).from;
    for event in &facts.campaign_events {
        match treated.get(&(event.campaign, event.person)) {
            Some(is_treated) => assert!(is_treated, "control was sent something"),
            // Chosen before the first day.
            None => assert!(world.campaigns[usize::from(event.campaign)].starts < world.days.from),
        }
        assert!(event.at >= first);
    }
    // Purchases that campaigns bring, of those that were over by the end.
    let mut brought: HashMap<u16, f64> = HashMap::new();
    for order in &facts.orders {
        if let Some(campaign) = order.campaign {
            *brought.entry(campaign).or_default() += 1.0;
        }
    }
    let (mut expected, mut counted) = (0.0, 0.0);
    for (place, campaign) in (0_u16..).zip(&world.campaigns) {
        if campaign.starts >= world.days.from && campaign.ends <= world.days.to {
            let sent = treated.iter().filter(|((it, _), is_sent)| *it == place && **is_sent);
            expected += sent.count() as f64 * f64::from(campaign.uplift);
            counted += brought.get(&place).copied().unwrap_or(0.0);
        }
    }
    assert!(expected > 100.0 && (counted - expected).abs() < 4.0 * expected.sqrt());
    // Nobody is contacted who had withdrawn, as whoever unsubscribes has.
    let mut ended: HashMap<(u64, &str), Instant> = HashMap::new();
    for consent in facts.consents.iter().filter(|it| it.action == "withdrawn") {
        ended.insert((consent.person, consent.channel.unwrap_or("")), consent.at);
    }
    assert!(ended.len() > 50);
    let unsubscribed = facts.campaign_events.iter().filter(|it| it.kind == "unsubscribed");
    for event in unsubscribed {
        let channel = world.campaigns[usize::from(event.campaign)].channel;
        assert!(ended.get(&(event.person, channel)).is_some_and(|at| *at <= event.at));
    }
    for contact in &facts.campaign_contacts {
        let channel = world.campaigns[usize::from(contact.campaign)].channel;
        let ended = ended.get(&(contact.person, channel));
        assert!(ended.is_none_or(|at| contact.at < *at));
    }
    Ok(())
}
