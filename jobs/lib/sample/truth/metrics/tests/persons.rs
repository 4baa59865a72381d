//! What counts persons, held against their lives one by one.

use std::collections::{BTreeMap, HashSet};

use super::*;

const CUTS: [&str; 4] = ["2024-03-20", "2024-04-02", "2024-04-03", "2024-04-25"];

/// The place of the row of a day in a table with one row a day.
fn row_of(batch: &RecordBatch, day: Day) -> Result<usize, String> {
    dates(batch, "dt").iter().position(|dt| *dt == day.to_epoch()).ok_or(format!("no {day}"))
}

#[test]
fn the_type_of_a_customer_follows_from_the_first_known_purchase() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let mut first: HashMap<u64, Day> = HashMap::new();
    for order in facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing) {
        first.entry(order.person).or_insert(london_day(order.placed_at));
    }
    let mut expected: BTreeMap<(i32, &str), [i64; 2]> = BTreeMap::new();
    let orders = facts.orders.iter().map(|it| (it.person, it.known_by, it.placed_at, [1, 0]));
    let refunds = facts.refunds.iter().map(|it| (it.person, it.known_by, it.refunded_at, [0, 1]));
    for (person, known_by, at, counts) in orders.chain(refunds) {
        let day = london_day(at);
        let kind = match (known_by, first.get(&person)) {
            (KnownBy::Nothing, _) => "anonymous",
            (_, Some(first)) if *first == day => "new",
            _ => "returning",
        };
        let sums = expected.entry((day.to_epoch(), kind)).or_default();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let batch = table(truth_of(&world, &[(0, 2_000)], &CUTS)?, &world, "revenue")?;
    let [orders, refunds] = ["order_count", "refund_count"].map(|name| numbers(&batch, name));
    let keys = dates(&batch, "dt").into_iter().zip(texts(&batch, "customer_type"));
    let mut found: BTreeMap<(i32, &str), [i64; 2]> = BTreeMap::new();
    for (row, (key, channel)) in keys.zip(texts(&batch, "channel")).enumerate() {
        // Rows of the purchase's day hold neither.
        if channel == "all" && key.1 != "all" && [orders[row], refunds[row]] != [0; 2] {
            let sums = found.entry(key).or_default();
            (sums[0], sums[1]) = (sums[0] + orders[row], sums[1] + refunds[row]);
        }
    }
    assert!(found.values().filter(|counts| counts[1] > 0).count() > 10);
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn customers_are_those_who_have_not_left() -> Result<(), String> {
    let world = world()?;
    let batch = table(truth_of(&world, &[(0, 700), (700, 2_000)], &CUTS)?, &world, "churn")?;
    let from = london_midnight(world.days.from);
    for day in ["2024-03-20", "2024-04-11", "2024-04-24"] {
        let day: Day = day.parse()?;
        let end = london_midnight(day.plus(1));
        let mut expected = [0; 6];
        let mut inactive_for_a_week = 0;
        for index in world.all_persons() {
            let course = life::life(&world, &Person::of(&world, index), end);
            let bought = &course.purchases;
            let known = |it: &&life::Purchase| it.at >= from && it.known_by != KnownBy::Nothing;
            let last_known = bought.iter().rfind(known).map(|it| london_day(it.at));
            let leaves = course.dropped_out_at.is_some_and(|at| london_day(at) == day);
            for (place, is_counted) in [(0, !bought.is_empty()), (3, last_known.is_some())] {
                if is_counted {
                    expected[place] += 1;
                    expected[place + 1] += i64::from(course.dropped_out_at.is_none());
                    expected[place + 2] += i64::from(leaves);
                }
            }
            inactive_for_a_week += i64::from(last_known.is_some_and(|last| last < day.minus(6)));
        }
        let row = row_of(&batch, day)?;
        let found = [
            "person_count",
            "alive_person_count",
            "leaving_person_count",
            "customer_count",
            "alive_customer_count",
            "leaving_customer_count",
        ]
        .map(|column| numbers(&batch, column)[row]);
        assert_eq!(found, expected, "{day}");
        assert!(expected[0] > expected[1] && expected[1] > expected[4], "{expected:?}");
        let bins = batch.column_by_name("inactive_days_counts").ok_or("no bins")?;
        let bins = bins.as_list::<i32>().value(row);
        let bins = bins.as_primitive::<Int64Type>().values();
        assert_eq!(bins.iter().sum::<i64>(), expected[3]);
        assert_eq!(bins[1..].iter().sum::<i64>(), inactive_for_a_week, "{day}");
    }
    Ok(())
}

#[test]
fn segments_are_of_the_persons_with_known_purchases() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let batch = table(truth_of(&world, &[(0, 700), (700, 2_000)], &CUTS)?, &world, "segments")?;
    let day: Day = "2024-04-18".parse()?;
    let end = london_midnight(day.plus(1));
    let mut persons: HashMap<u64, (Day, u32, i64)> = HashMap::new();
    for order in facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing) {
        if order.placed_at < end {
            let it = persons.entry(order.person).or_insert((day, 0, 0));
            *it = (london_day(order.placed_at), it.1 + 1, it.2 + order.net());
        }
    }
    for refund in facts.refunds.iter().filter(|it| it.known_by != KnownBy::Nothing) {
        if let Some(it) = persons.get_mut(&refund.person).filter(|_| refund.refunded_at < end) {
            it.2 -= refund.amount;
        }
    }
    let count = |is: &dyn Fn(&str, &str, &str) -> bool| -> i64 {
        let [recency, orders, net] =
            ["recency_days", "order_count", "net_amount"].map(|name| texts(&batch, name));
        let rows = numbers(&batch, "person_count").into_iter().zip(dates(&batch, "dt"));
        rows.enumerate()
            .filter(|(_, (_, dt))| *dt == day.to_epoch())
            .filter(|(row, _)| is(recency[*row], orders[*row], net[*row]))
            .map(|(_, (count, _))| count)
            .sum()
    };
    let expect =
        |is: &dyn Fn(&(Day, u32, i64)) -> bool| persons.values().filter(|it| is(it)).count() as i64;
    assert_eq!(count(&|_, _, _| true), persons.len() as i64);
    assert_eq!(count(&|recency, _, _| recency == "0-6"), expect(&|it| it.0 >= day.minus(6)));
    assert_eq!(count(&|_, orders, _| orders == "2"), expect(&|it| it.1 == 2));
    let net = |it: &(Day, u32, i64)| (5_000..10_000).contains(&it.2);
    assert_eq!(count(&|_, _, band| band == "50.00-99.99"), expect(&net));
    assert!(expect(&net) > 10);
    Ok(())
}

#[test]
fn buyers_of_a_campaign_bought_while_it_ran() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let mut expected: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
    for contact in &facts.campaign_contacts {
        let campaign = &world.campaigns[usize::from(contact.campaign)];
        let ends = london_midnight(campaign.ends);
        let buys = facts.orders.iter().any(|order| {
            order.person == contact.person
                && order.known_by != KnownBy::Nothing
                && (contact.at..ends).contains(&order.placed_at)
        });
        let counts = expected.entry(&campaign.code).or_default();
        counts[usize::from(!contact.is_treated)] += i64::from(buys);
    }
    expected.retain(|_, counts| *counts != [0; 2]);
    let batch = table(truth_of(&world, &[(0, 2_000)], &CUTS)?, &world, "campaign_results")?;
    let [treated, control] =
        ["true_treated_buyer_count", "true_control_buyer_count"].map(|name| numbers(&batch, name));
    let mut found: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
    let last = dates(&batch, "dt").into_iter().max();
    for (row, campaign) in texts(&batch, "campaign_id").into_iter().enumerate() {
        if Some(dates(&batch, "dt")[row]) == last {
            found.insert(campaign, [treated[row], control[row]]);
        }
    }
    found.retain(|_, counts| *counts != [0; 2]);
    assert!(found.len() >= 5, "{found:?}");
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn texts_feel_as_they_were_written() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let batch = table(truth_of(&world, &[(0, 2_000)], &CUTS)?, &world, "sentiment")?;
    let keys = texts(&batch, "text_kind").into_iter().zip(texts(&batch, "topic"));
    let rows: Vec<_> = keys.zip(texts(&batch, "channel")).collect();
    let total = |column: &str, kind: &str| -> i64 {
        let counts = numbers(&batch, column).into_iter().zip(&rows);
        counts.filter(|(_, row)| **row == ((kind, "all"), "all")).map(|(count, _)| count).sum()
    };
    let reviews = facts.reviews.iter();
    assert_eq!(total("text_count", "review"), facts.reviews.len() as i64);
    let negative = reviews.clone().filter(|it| it.text.sentiment <= -0.045).count();
    assert_eq!(total("true_negative_count", "review"), negative as i64);
    let sum: i64 = reviews.map(|it| (f64::from(it.text.sentiment) * 100.0).round() as i64).sum();
    assert_eq!(total("true_sentiment_sum", "review"), sum * 100);
    assert_eq!(total("text_count", "mention"), facts.mentions.len() as i64);
    // Each case is told for the first time once, on whichever day.
    assert_eq!(total("text_count", "case"), facts.cases.len() as i64);
    let commented = facts.survey_responses.iter().filter(|it| it.comment.is_some());
    assert_eq!(total("text_count", "survey_comment"), commented.count() as i64);
    let classes = ["true_positive_count", "true_neutral_count", "true_negative_count"];
    let kinds: HashSet<&str> = rows.iter().map(|row| row.0.0).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    for kind in kinds {
        let classed: i64 = classes.iter().map(|column| total(column, kind)).sum();
        assert_eq!(classed, total("text_count", kind), "{kind}");
    }
    Ok(())
}

#[test]
fn complaints_are_opened_and_closed_once() -> Result<(), String> {
    // Enough persons for some to complain twice.
    let world = World::new(11, 12_000, range("2024-03-20", "2024-04-25")?);
    let facts = life::facts(&world, world.all_persons(), world.days);
    let complaints: Vec<_> =
        facts.cases.iter().filter(|case| case.case_type == "complaint").collect();
    let batch = table(truth_of(&world, &[(0, 12_000)], &CUTS)?, &world, "complaints")?;
    let keys = texts(&batch, "topic").into_iter().zip(texts(&batch, "channel"));
    let is_total: Vec<bool> = keys.map(|key| key == ("all", "all")).collect();
    let total = |column: &str| -> i64 {
        let rows = numbers(&batch, column).into_iter().zip(&is_total);
        rows.filter(|(_, is_total)| **is_total).map(|(count, _)| count).sum()
    };
    let is_solved = |case: &&&crate::sample::facts::Case| {
        case.events.iter().any(|event| event.kind == CaseEventKind::Solved)
    };
    let solved: Vec<_> = complaints.iter().filter(is_solved).collect();
    let upheld = solved.iter().filter(|it| !it.is_north && it.is_upheld == Some(true)).count();
    assert_eq!(total("opened_count"), complaints.len() as i64);
    assert_eq!(total("closed_count"), solved.len() as i64);
    assert_eq!(total("upheld_count"), upheld as i64);
    assert!(upheld > 5 && total("decided_count") > upheld as i64);
    let bands = ["3_days_count", "8_weeks_count"].map(|end| total(&format!("closed_within_{end}")));
    assert_eq!(bands.iter().sum::<i64>() + total("closed_later_count"), solved.len() as i64);
    // Whoever complained twice, within a month and a half, did so again once less; but for one
    // that is told of only after a later one.
    let persons: HashSet<u64> = complaints.iter().map(|case| case.person).collect();
    let most = (complaints.len() - persons.len()) as i64;
    assert!((1..=most).contains(&total("repeat_count")), "{} {most}", total("repeat_count"));
    Ok(())
}

#[test]
fn spend_and_orders_are_credited_once() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let truth = truth_of(&world, &[(0, 2_000)], &CUTS)?;
    let spend: i64 = world
        .days
        .days()
        .flat_map(|day| life::marketing_spend(&world, day))
        .map(|it| it.amount)
        .sum();
    let batch = table(truth.clone(), &world, "spend")?;
    for is_total in [true, false] {
        let rows = numbers(&batch, "spend_amount").into_iter().zip(texts(&batch, "channel"));
        let rows = rows.filter(|(_, channel)| (*channel == "all") == is_total);
        assert_eq!(rows.map(|(amount, _)| amount).sum::<i64>(), spend * 100);
    }
    // Every order placed online was placed in a visit.
    let online = facts.orders.iter().filter(|it| it.delivered_at.is_some()).count() as i64;
    let batch = table(truth.clone(), &world, "last_touch")?;
    let rows = numbers(&batch, "order_count").into_iter().zip(texts(&batch, "channel"));
    assert_eq!(rows.filter(|row| row.1 == "all").map(|row| row.0).sum::<i64>(), online);
    let acquired = world
        .all_persons()
        .filter(|index| Person::of(&world, *index).acquired_at >= london_midnight(world.days.from))
        .count() as i64;
    let batch = table(truth, &world, "first_visits")?;
    let rows = numbers(&batch, "new_person_count").into_iter().zip(texts(&batch, "channel"));
    assert_eq!(rows.filter(|row| row.1 != "all").map(|row| row.0).sum::<i64>(), acquired);
    assert!(acquired > 50);
    Ok(())
}
