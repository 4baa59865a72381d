//! Facts that are late or never told, held against counting none but those that are told.

use super::*;
use crate::sample::dirt::{self, Shares};
use crate::sample::feeds::Feed;
use crate::sample::feeds::schedule::Schedule;
use crate::sample::feeds::sheet::Loss;

/// A share of facts that makes many of them late.
const SHARES: Shares =
    Shares { quarantined: 0, duplicated: 0, late: 200_000, out_of_order: 0, resent: 0 };

fn schedule(world: &World, feed: Feed, facts: &Facts) -> Schedule {
    Schedule::of(world.seed, feed, facts, SHARES, world.days, world.days)
}

fn corrected(world: &World, facts: &Facts, deviations: &Deviations) -> Result<MetricTruth, String> {
    let mut truth = truth_of(world, &[(0, world.persons)], &["2024-03-20", "2024-04-25"])?;
    let mut standings = Standings::of(&world.all_persons());
    let mut other = MetricTruth::new(world.days);
    other.add(world, facts, world.days, &mut standings);
    truth.correct(world, facts, deviations, &standings, &mut OddOrders::new());
    Ok(truth)
}

/// The day on which each fact of a feed is told, by its place in its list.
fn told_days(world: &World, schedule: &Schedule) -> HashMap<u32, Day> {
    let days = world.days.days().zip(&schedule.days);
    days.flat_map(|(day, told)| told.iter().map(move |told| (told.index, day))).collect()
}

#[test]
fn late_reviews_count_on_the_day_they_are_told() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let schedule = schedule(&world, Feed::Reviews, &facts);
    assert!(!schedule.never.is_empty(), "none is too late");
    let told = told_days(&world, &schedule);
    let lost = told.keys().copied().min().ok_or("no reviews")?;
    let mut deviations = Deviations::default();
    deviations.add_schedule(Feed::Reviews, &schedule);
    let loss = |source, index, row_of_fact| Loss {
        source,
        id: String::new(),
        index,
        row_of_fact,
        kind: "ragged_row",
    };
    deviations.add_losses(Feed::Reviews, &[loss("reviews", lost, None)]);

    let mut expected: HashMap<(i32, i32), i64> = HashMap::new();
    for (index, review) in (0_u32..).zip(&facts.reviews) {
        if let Some(day) = told.get(&index).filter(|_| index != lost) {
            let key = (day.to_epoch(), london_day(review.posted_at).to_epoch());
            *expected.entry(key).or_default() += 1;
        }
    }
    assert!(expected.keys().filter(|(dt, day)| dt > day).count() > 10);
    let batch = table(corrected(&world, &facts, &deviations)?, &world, "reviews")?;
    let keys = dates(&batch, "dt").into_iter().zip(dates(&batch, "review_date"));
    let rows = keys.zip(numbers(&batch, "review_count")).zip(texts(&batch, "channel"));
    let found: HashMap<(i32, i32), i64> =
        rows.filter(|(_, channel)| *channel == "all").map(|(row, _)| row).collect();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn orders_count_as_far_as_their_lines_are_read() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let is_till = |order: &&Order| matches!(order.shop, Shop::Till(_));
    let place = |wanted: &dyn Fn(&Order) -> bool| -> Result<u32, String> {
        let found = facts.orders.iter().position(|it| is_till(&it) && wanted(it));
        u32::try_from(found.ok_or("no such order")?).map_err(|error| error.to_string())
    };
    let (single, double) = (place(&|it| it.lines.len() == 1)?, place(&|it| it.lines.len() == 2)?);
    let loss = |index, line| Loss {
        source: "till_sales",
        id: String::new(),
        index,
        row_of_fact: Some(line),
        kind: "ragged_row",
    };
    let mut deviations = Deviations::default();
    deviations.add_losses(Feed::TillSales, &[loss(single, 0), loss(double, 1)]);
    let orders = [single, double].map(|place| &facts.orders[place as usize]);
    let total = |truth: MetricTruth, column: &str| -> Result<i64, String> {
        let batch = table(truth, &world, "revenue")?;
        let keys = texts(&batch, "channel").into_iter().zip(texts(&batch, "customer_type"));
        let rows = numbers(&batch, column).into_iter().zip(keys);
        Ok(rows.filter(|(_, key)| *key == ("all", "all")).map(|(number, _)| number).sum())
    };
    let whole = corrected(&world, &facts, &Deviations::default())?;
    let told = corrected(&world, &facts, &deviations)?;
    for (column, expected) in [
        ("order_count", 1),
        ("gross_amount", 100 * (orders[0].gross() + orders[1].lines[1].gross())),
        ("unit_count", {
            let units = orders[0].lines[0].quantity + orders[1].lines[1].quantity;
            1_000 * i64::from(units)
        }),
    ] {
        let difference = total(whole.clone(), column)? - total(told.clone(), column)?;
        assert_eq!(difference, expected, "{column}");
    }
    Ok(())
}

#[test]
fn what_a_late_purchase_gives_back_lies_on_its_day_once_that_is_told() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let mut deviations = Deviations::default();
    for feed in [Feed::ShopOrders, Feed::AppOrders, Feed::TillSales, Feed::Refunds] {
        deviations.add_schedule(feed, &schedule(&world, feed, &facts));
    }
    let mut told_on: HashMap<u64, Day> = HashMap::new();
    for feed in [Feed::ShopOrders, Feed::AppOrders, Feed::TillSales] {
        let told = told_days(&world, &schedule(&world, feed, &facts));
        told_on
            .extend(told.iter().map(|(place, day)| (facts.orders[*place as usize].number, *day)));
    }
    let refunds = told_days(&world, &schedule(&world, Feed::Refunds, &facts));
    let mut expected: HashMap<(i32, i32), i64> = HashMap::new();
    for (index, day) in refunds {
        let refund = &facts.refunds[index as usize];
        let is_known = told_on.get(&refund.order).is_some_and(|told| *told <= day);
        let at = if is_known { refund.ordered_at } else { refund.refunded_at };
        let key = (day.to_epoch(), london_day(at).to_epoch());
        *expected.entry(key).or_default() += refund.amount * 100;
    }
    let batch = table(corrected(&world, &facts, &deviations)?, &world, "revenue")?;
    let keys = dates(&batch, "dt").into_iter().zip(dates(&batch, "order_date"));
    let kinds = texts(&batch, "channel").into_iter().zip(texts(&batch, "customer_type"));
    let rows = keys.zip(numbers(&batch, "order_day_returned_amount")).zip(kinds);
    let found: HashMap<(i32, i32), i64> = rows
        .filter(|((_, amount), kind)| *amount != 0 && *kind == ("all", "all"))
        .map(|(row, _)| row)
        .collect();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn an_order_that_is_told_again_is_told_and_bought_nothing() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let shares = Shares { resent: 200_000, ..Shares::default() };
    let schedule =
        Schedule::of(world.seed, Feed::ShopOrders, &facts, shares, world.days, world.days);
    let online = facts.orders.iter().filter(|it| it.shop == Shop::Web).count();
    let again = schedule.days.iter().map(Vec::len).sum::<usize>() - online;
    assert!(again > 10, "{again}");
    let mut deviations = Deviations::default();
    deviations.add_schedule(Feed::ShopOrders, &schedule);
    let whole = corrected(&world, &facts, &Deviations::default())?;
    let told = corrected(&world, &facts, &deviations)?;
    let [plain, resent] = [&whole, &told].map(|truth| table(truth.clone(), &world, "revenue"));
    assert_eq!(plain?, resent?);
    let facts_of = |truth: MetricTruth, column: &str| -> Result<i64, String> {
        let batch = table(truth, &world, "data_health")?;
        let keys = texts(&batch, "entity").into_iter().zip(texts(&batch, "source"));
        let rows = numbers(&batch, column).into_iter().zip(keys);
        Ok(rows.filter(|(_, key)| *key == ("orders", "shop")).map(|(count, _)| count).sum())
    };
    for column in ["fact_count", "late_count"] {
        let more = facts_of(told.clone(), column)? - facts_of(whole.clone(), column)?;
        assert_eq!(more, again as i64, "{column}");
    }
    Ok(())
}

#[test]
fn clean_exports_need_no_correction() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let mut deviations = Deviations::default();
    for feed in Feed::ALL {
        let shares = dirt::shares(Dirt::None);
        let schedule = Schedule::of(world.seed, feed, &facts, shares, world.days, world.days);
        deviations.add_schedule(feed, &schedule);
    }
    let whole = truth_of(&world, &[(0, world.persons)], &["2024-03-20", "2024-04-25"])?;
    assert_eq!(corrected(&world, &facts, &deviations)?, whole);
    Ok(())
}
