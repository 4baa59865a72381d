//! Sums add up whichever way they were made, and say what the facts say.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};

mod persons;
mod told;

use super::*;
use crate::sample::facts::{CaseEventKind, Referral};
use crate::sample::feeds::scene::People;
use crate::sample::life;
use crate::sample::people::{Dirt, Person, System, records_of};

fn range(from: &str, to: &str) -> Result<DayRange, String> {
    DayRange::new(from.parse()?, to.parse()?).ok_or_else(|| "empty".to_owned())
}

fn world() -> Result<World, String> {
    Ok(World::new(11, 2_000, range("2024-03-20", "2024-04-25")?))
}

fn truth_of(world: &World, parts: &[(u64, u64)], cuts: &[&str]) -> Result<MetricTruth, String> {
    let mut whole = MetricTruth::new(world.days);
    for (first, end) in parts {
        let part = *first..*end;
        let mut own = MetricTruth::new(world.days);
        let mut standings = Standings::of(&part);
        let people = People::of(world, part.clone(), Dirt::None);
        for cut in cuts.windows(2) {
            let window = range(cut[0], cut[1])?;
            let contacts = ContactNews::of(world, &people, part.clone(), window, Dirt::None);
            standings.expect(contacts);
            own.add(world, &life::facts(world, part.clone(), window), window, &mut standings);
        }
        for index in part {
            let person = Person::of(world, index);
            let course = life::life(world, &person, london_midnight(world.days.to));
            own.add_course(world, &person, &course);
            let records = records_of(world, &person, Dirt::None);
            let cards = records.iter().filter(|record| record.system == System::Loyalty);
            cards.for_each(|card| own.add_member(card));
        }
        whole.merge(own);
    }
    Ok(whole)
}

fn table(truth: MetricTruth, world: &World, name: &str) -> Result<RecordBatch, String> {
    let tables = truth.into_tables(world).map_err(|error| error.to_string())?;
    let found = tables.into_iter().find(|(found, _)| *found == name);
    found.map(|(_, batch)| batch).ok_or_else(|| format!("no table {name}"))
}

fn numbers(batch: &RecordBatch, column: &str) -> Vec<i64> {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    match array.as_primitive_opt::<Int64Type>() {
        Some(counts) => counts.values().to_vec(),
        None => {
            array.as_primitive::<Decimal128Type>().values().iter().map(|it| *it as i64).collect()
        }
    }
}

fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Vec<&'a str> {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    array.as_string::<i32>().iter().flatten().collect()
}

fn dates(batch: &RecordBatch, column: &str) -> Vec<i32> {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    array.as_primitive::<Date32Type>().values().to_vec()
}

#[test]
fn sums_do_not_depend_on_parts_and_windows() -> Result<(), String> {
    let world = world()?;
    let whole = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-25"])?;
    let cuts = ["2024-03-20", "2024-03-21", "2024-04-05", "2024-04-25"];
    let parts = truth_of(&world, &[(700, 2_000), (0, 700)], &cuts)?;
    assert_eq!(whole.cases, parts.cases);
    assert_eq!(whole, parts);
    let tables = whole.into_tables(&world).map_err(|error| error.to_string())?;
    assert_eq!(tables, parts.into_tables(&world).map_err(|error| error.to_string())?);
    assert!(tables.is_sorted_by_key(|(name, _)| *name));
    for (name, batch) in tables {
        assert!(batch.num_rows() > 0, "{name} is empty");
    }
    Ok(())
}

#[test]
fn revenue_is_that_of_orders_and_refunds() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-25"])?;
    let batch = table(truth, &world, "revenue")?;
    let kinds = texts(&batch, "customer_type");
    let is_all: Vec<[bool; 2]> = texts(&batch, "channel")
        .iter()
        .zip(kinds)
        .map(|(a, b)| [*a == "all", b == "all"])
        .collect();
    let total = |column: &str, wanted: [bool; 2]| -> i64 {
        let rows = numbers(&batch, column).into_iter().zip(&is_all);
        rows.filter(|(_, is_all)| **is_all == wanted).map(|(number, _)| number).sum()
    };
    let gross: i64 = facts.orders.iter().flat_map(|it| &it.lines).map(|it| it.gross()).sum();
    let discount: i64 = facts.orders.iter().flat_map(|it| &it.lines).map(|it| it.discount).sum();
    let refunded: i64 = facts.refunds.iter().map(|it| it.amount).sum();
    for wanted in [[true, true], [false, true], [true, false], [false, false]] {
        assert_eq!(total("order_count", wanted), facts.orders.len() as i64);
        assert_eq!(total("refund_count", wanted), facts.refunds.len() as i64);
        // Four digits after the point: a hundred of them are a penny.
        assert_eq!(total("gross_amount", wanted), gross * 100);
        assert_eq!(total("discount_amount", wanted), discount * 100);
        assert_eq!(total("refunded_amount", wanted), refunded * 100);
        assert_eq!(total("net_amount", wanted), (gross - discount - refunded) * 100);
        // By the day of the purchase the same is taken back in all.
        assert_eq!(total("order_day_returned_amount", wanted), refunded * 100);
        let margin = total("costed_net_amount", wanted) - total("cost_amount", wanted);
        assert!(0 < margin && margin < total("net_amount", wanted), "{margin}");
    }
    Ok(())
}

#[test]
fn referrers_are_counted_once_in_a_window() -> Result<(), String> {
    let world = world()?;
    let mut facts = life::facts(&world, world.all_persons(), world.days);
    assert!(facts.referrals.len() > 5, "{}", facts.referrals.len());
    // One more by who was the first to recommend, on the last day.
    let first = facts.referrals[0].clone();
    let last = world.days.to.minus(1);
    let at = london_midnight(last);
    facts.referrals.push(Referral { number: 0, at, ..first });
    let mut truth = MetricTruth::new(world.days);
    truth.add(&world, &facts, world.days, &mut Standings::of(&world.all_persons()));
    let batch = table(truth, &world, "advocacy")?;
    let windows = numbers(&batch, "window_days").into_iter().zip(dates(&batch, "dt"));
    let found: HashMap<(i64, i32), i64> = windows.zip(numbers(&batch, "referrer_count")).collect();
    for day in world.days.days() {
        for window in [28, 90] {
            let is_told = |it: &&Referral| {
                let used = london_day(it.at);
                used <= day && used > day.minus(window)
            };
            let told = facts.referrals.iter().filter(is_told);
            let referrers: HashSet<u64> = told.map(|it| it.referrer).collect();
            let key = (window as i64, day.to_epoch());
            assert_eq!(found[&key], referrers.len() as i64, "{key:?}");
        }
    }
    Ok(())
}

#[test]
fn nps_groups_are_those_of_its_definition() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-25"])?;
    let batch = table(truth, &world, "nps")?;
    let scores: Vec<u8> = facts
        .survey_responses
        .iter()
        .filter(|it| it.survey == Survey::Nps)
        .filter_map(|it| it.score)
        .collect();
    let is_total: Vec<bool> = texts(&batch, "channel")
        .iter()
        .zip(texts(&batch, "survey"))
        .map(|(channel, survey)| *channel == "all" && survey == "all")
        .collect();
    let total = |column: &str| -> usize {
        let counts = numbers(&batch, column).into_iter().zip(&is_total);
        counts.filter(|(_, is_total)| **is_total).map(|(count, _)| count as usize).sum()
    };
    let count = |is: fn(u8) -> bool| scores.iter().filter(|score| is(**score)).count();
    assert!(scores.len() > 20);
    assert_eq!(total("response_count"), scores.len());
    assert_eq!(total("promoter_count"), count(|score| score >= 9));
    assert_eq!(total("passive_count"), count(|score| score == 7 || score == 8));
    assert_eq!(total("detractor_count"), count(|score| score <= 6));
    Ok(())
}

#[test]
fn ratings_of_cases_are_satisfaction_as_exports_tell_it() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    // Day by day, what a report of each case holds that those before did not.
    let mut expected: HashMap<(i32, i32), i64> = HashMap::new();
    let mut north_count = 0;
    for case in &facts.cases {
        let mut known_events = 0;
        let mut known_stars = None;
        for day in world.days.days() {
            let happens_on = |at| london_day(at) == day;
            let is_told =
                happens_on(case.opened_at) || case.events.iter().any(|event| happens_on(event.at));
            if !is_told {
                continue;
            }
            let happened = case.events.iter().take_while(|event| london_day(event.at) <= day);
            let ratings: Vec<_> = happened
                .enumerate()
                .filter_map(|(place, event)| match event.kind {
                    CaseEventKind::Rated(stars) => Some((place, london_day(event.at), stars)),
                    _ => None,
                })
                .collect();
            if case.is_north {
                let stars = ratings.last().map(|rating| rating.2);
                if stars.is_some() && stars != known_stars {
                    *expected.entry((day.to_epoch(), day.to_epoch())).or_default() += 1;
                    north_count += 1;
                }
                known_stars = stars;
            } else {
                for (_, rated_on, _) in ratings.iter().filter(|rating| rating.0 >= known_events) {
                    *expected.entry((day.to_epoch(), rated_on.to_epoch())).or_default() += 1;
                }
                known_events =
                    case.events.iter().take_while(|event| london_day(event.at) <= day).count();
            }
        }
    }
    assert!(north_count > 3 && expected.len() > 10, "{north_count} {expected:?}");
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-02", "2024-04-25"])?;
    let batch = table(truth, &world, "csat")?;
    let mut found: HashMap<(i32, i32), i64> = HashMap::new();
    let keys = dates(&batch, "dt").into_iter().zip(dates(&batch, "response_date"));
    let rows = keys.zip(texts(&batch, "survey")).zip(texts(&batch, "channel"));
    for (((key, survey), channel), count) in rows.zip(numbers(&batch, "asked_count")) {
        if survey == "Service rating" && channel == "all" {
            found.insert(key, count);
        }
    }
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn the_backlog_is_what_is_open_at_the_end_of_the_day() -> Result<(), String> {
    let world = world()?;
    let end: Day = "2024-04-10".parse()?;
    // Cases as they stand at the end of that day: those of a window that ends there.
    let window = DayRange { from: world.days.from, to: end.plus(1) };
    let facts = life::facts(&world, world.all_persons(), window);
    let mut facts = facts;
    let is_deleted = |case: &Case| case.events.iter().any(|it| it.kind == CaseEventKind::Deleted);
    let count = facts.cases.len();
    facts.cases.retain(|case| !is_deleted(case));
    assert!(facts.cases.len() < count, "nothing is deleted");
    let is_solved = |case: &&Case| {
        case.events
            .iter()
            .rev()
            .find(|it| matches!(it.kind, CaseEventKind::Solved | CaseEventKind::Reopened))
            .is_some_and(|it| it.kind == CaseEventKind::Solved)
    };
    let open = facts.cases.iter().filter(|case| !is_solved(case)).count();
    let oldest =
        facts.cases.iter().filter(|case| !is_solved(case)).map(|it| london_day(it.opened_at)).min();
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-02", "2024-04-25"])?;
    let batch = table(truth.clone(), &world, "service_backlog")?;
    let place = dates(&batch, "dt")
        .iter()
        .zip(texts(&batch, "channel"))
        .position(|(dt, channel)| *dt == end.to_epoch() && channel == "all")
        .ok_or("no total")?;
    assert!(open > 3);
    assert_eq!(numbers(&batch, "open_count")[place], open as i64);
    assert_eq!(dates(&batch, "oldest_case_date")[place], oldest.ok_or("none")?.to_epoch());

    // The same from the table of the 28 days, for cases opened in them.
    let recent = facts.cases.iter().filter(|case| london_day(case.opened_at) >= end.minus(27));
    let (mut counts, mut solved): (HashMap<&str, i64>, i64) = (HashMap::new(), 0);
    for case in recent {
        *counts.entry(case.channel).or_default() += 1;
        solved += i64::from(is_solved(&case));
    }
    let batch = table(truth, &world, "service")?;
    let rows: Vec<(&str, i64, i64)> = texts(&batch, "channel")
        .into_iter()
        .zip(numbers(&batch, "case_count"))
        .zip(numbers(&batch, "resolved_count"))
        .zip(dates(&batch, "dt"))
        .filter(|(_, dt)| *dt == end.to_epoch())
        .map(|(((channel, cases), resolved), _)| (channel, cases, resolved))
        .collect();
    for (channel, count) in counts {
        let own = rows.iter().filter(|it| it.0 == channel).map(|it| it.1).sum::<i64>();
        assert_eq!(own, count, "{channel}");
    }
    let resolved = rows.iter().filter(|it| it.0 == "all").map(|it| it.2).sum::<i64>();
    assert_eq!(resolved, solved);
    Ok(())
}

#[test]
fn quantiles_of_replies_are_those_of_the_nearest_rank() -> Result<(), String> {
    let world = world()?;
    let end: Day = "2024-04-10".parse()?;
    let window = DayRange { from: world.days.from, to: end.plus(1) };
    let facts = life::facts(&world, world.all_persons(), window);
    let mut by_day: HashMap<i32, Vec<i64>> = HashMap::new();
    for case in facts.cases.iter().filter(|case| london_day(case.opened_at) >= end.minus(27)) {
        let replied = case
            .events
            .iter()
            .find(|event| matches!(event.kind, CaseEventKind::AgentReplied(true, _)));
        // Who waits comes last.
        let minutes = replied.map_or(i64::MAX, |event| (event.at - case.opened_at) / 60);
        by_day.entry(london_day(case.opened_at).to_epoch()).or_default().push(minutes);
    }
    let truth = truth_of(&world, &[(0, 900), (900, 2_000)], &["2024-03-20", "2024-04-25"])?;
    let batch = table(truth, &world, "service")?;
    let [median, ninth] = ["first_reply_minutes_p50", "first_reply_minutes_p90"].map(|column| {
        batch.column_by_name(column).map(|array| array.as_primitive::<Int64Type>().clone())
    });
    let (median, ninth) = (median.ok_or("no median")?, ninth.ok_or("no ninth")?);
    let (dts, opened) = (dates(&batch, "dt"), dates(&batch, "case_date"));
    let mut checked = 0;
    for (row, channel) in texts(&batch, "channel").into_iter().enumerate() {
        if dts[row] != end.to_epoch() || channel != "all" {
            continue;
        }
        let minutes = by_day.get_mut(&opened[row]).ok_or("no cases on the day")?;
        minutes.sort_unstable();
        let at = |rank: usize| Some(minutes[rank - 1]).filter(|minutes| *minutes < i64::MAX);
        let count = minutes.len();
        let found = [&median, &ninth].map(|it| it.iter().nth(row).flatten());
        assert_eq!(found, [at(count.div_ceil(2)), at((count * 9).div_ceil(10))], "{minutes:?}");
        checked += 1;
    }
    assert!(checked > 15, "{checked}");
    Ok(())
}

#[test]
fn cohorts_are_told_without_a_memory_of_persons() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-02", "2024-04-25"])?;
    let batch = table(truth, &world, "retention")?;
    let end: Day = "2024-04-20".parse()?;
    // The definition: first and last day and count of the purchases known by then, a person.
    let mut known: HashMap<u64, (Day, Day, i64)> = HashMap::new();
    for order in facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing) {
        let day = london_day(order.placed_at);
        if day <= end {
            let seen = known.entry(order.person).or_insert((day, day, 0));
            seen.1 = day;
            seen.2 += 1;
        }
    }
    for month in ["2024-03-01", "2024-04-01"] {
        let month: Day = month.parse()?;
        let cohort: Vec<_> = known.values().filter(|it| month_of(it.0) == month).collect();
        let expected = [
            cohort.len(),
            cohort.iter().filter(|it| month_of(it.1) == month_of(end)).count(),
            cohort.iter().filter(|it| it.2 >= 2).count(),
        ];
        let place = dates(&batch, "dt")
            .iter()
            .zip(dates(&batch, "cohort_month"))
            .position(|(dt, cohort)| *dt == end.to_epoch() && cohort == month.to_epoch())
            .ok_or("no such cohort")?;
        let counted = ["cohort_count", "active_count", "repeat_count"]
            .map(|column| numbers(&batch, column)[place] as usize);
        assert!(expected.iter().all(|count| *count > 10), "{expected:?}");
        assert_eq!(counted, expected, "{month}");
    }
    Ok(())
}

#[test]
fn points_are_those_of_the_accounts() -> Result<(), String> {
    let world = world()?;
    let facts = life::facts(&world, world.all_persons(), world.days);
    let truth = truth_of(&world, &[(0, 2_000)], &["2024-03-20", "2024-04-25"])?;
    let batch = table(truth.clone(), &world, "loyalty")?;
    let balance: i64 = facts.loyalty_entries.iter().map(|it| it.points).sum();
    assert_eq!(numbers(&batch, "net_points").iter().sum::<i64>(), balance);
    let batch = table(truth, &world, "loyalty_balances")?;
    assert_eq!(numbers(&batch, "closing_points").last(), Some(&balance));
    let is_member = |index: &u64| {
        let person = Person::of(&world, *index);
        records_of(&world, &person, Dirt::None).iter().any(|record| {
            record.system == System::Loyalty
                && record.until.is_none_or(|until| until >= world.days.to)
        })
    };
    let members = world.all_persons().filter(is_member).count() as i64;
    assert_eq!(numbers(&batch, "member_count").last(), Some(&members));
    Ok(())
}
