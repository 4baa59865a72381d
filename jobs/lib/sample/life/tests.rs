//! Facts refer to what exists, and do not depend on how persons and days are cut.

mod statistics;

use std::collections::{HashMap, HashSet};

use super::*;
use crate::sample::facts::{CaseEventKind, Shop};
use crate::sample::random::{Purpose, Stream};

fn days(from: &str, to: &str) -> Result<DayRange, String> {
    DayRange::new(from.parse()?, to.parse()?).ok_or_else(|| "empty".to_owned())
}

/// A world whose exports begin on 2024-03-04 and last sixty days, over the change of clocks and
/// Easter.
pub(super) fn world(persons: u64) -> Result<World, String> {
    Ok(World::new(42, persons, days("2024-03-04", "2024-05-03")?))
}

/// A line a fact, so that a difference shows itself.
fn told(facts: &Facts) -> Vec<Vec<String>> {
    fn lines<T: std::fmt::Debug>(list: &[T]) -> Vec<String> {
        list.iter().map(|fact| format!("{fact:?}")).collect()
    }
    vec![
        lines(&facts.orders),
        lines(&facts.refunds),
        lines(&facts.loyalty_entries),
        lines(&facts.survey_responses),
        lines(&facts.mentions),
        lines(&facts.reviews),
        lines(&facts.community_posts),
        lines(&facts.web_events),
        lines(&facts.device_events),
        lines(&facts.consents),
        lines(&facts.campaign_contacts),
        lines(&facts.campaign_events),
        lines(&facts.identifier_links),
        lines(&facts.referrals),
    ]
}

fn joined(mut facts: Facts, other: Facts) -> Facts {
    facts.orders.extend(other.orders);
    facts.refunds.extend(other.refunds);
    facts.loyalty_entries.extend(other.loyalty_entries);
    // A case told twice is told again as it stands at the later end.
    let later: HashSet<u64> = other.cases.iter().map(|case| case.number).collect();
    facts.cases.retain(|case| !later.contains(&case.number));
    facts.cases.extend(other.cases);
    facts.survey_responses.extend(other.survey_responses);
    facts.mentions.extend(other.mentions);
    facts.reviews.extend(other.reviews);
    facts.community_posts.extend(other.community_posts);
    facts.web_events.extend(other.web_events);
    facts.device_events.extend(other.device_events);
    facts.consents.extend(other.consents);
    facts.campaign_contacts.extend(other.campaign_contacts);
    facts.campaign_events.extend(other.campaign_events);
    facts.identifier_links.extend(other.identifier_links);
    facts.referrals.extend(other.referrals);
    sort(&mut facts);
    facts
}

fn assert_same(one: &Facts, other: &Facts) {
    for (one, other) in told(one).into_iter().zip(told(other)) {
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other);
        }
        assert_eq!(one.len(), other.len());
    }
}

#[test]
fn facts_do_not_depend_on_the_windows() -> Result<(), String> {
    let world = world(900)?;
    let whole = facts(&world, world.all_persons(), world.days);
    // The second cut is the day of the change of clocks, the others are of different lengths.
    let cuts = ["2024-03-04", "2024-03-05", "2024-03-31", "2024-04-20", "2024-05-03"];
    let mut parts = Facts::default();
    for cut in cuts.windows(2) {
        parts = joined(parts, facts(&world, world.all_persons(), days(cut[0], cut[1])?));
    }
    assert_same(&whole, &parts);
    // Nothing happens to a case after the last window it is told in.
    let at_end: HashMap<u64, _> = whole.cases.iter().map(|case| (case.number, case)).collect();
    assert_eq!(whole.cases.len(), parts.cases.len());
    for case in &parts.cases {
        assert_eq!(&case, at_end.get(&case.number).ok_or("a case is missing")?);
    }
    Ok(())
}

#[test]
fn facts_do_not_depend_on_the_parts() -> Result<(), String> {
    let world = world(600)?;
    let window = days("2024-03-20", "2024-04-10")?;
    let whole = facts(&world, 0..600, window);
    let parts = joined(facts(&world, 0..199, window), facts(&world, 199..600, window));
    assert_same(&whole, &parts);
    assert_eq!(whole.cases, parts.cases);
    Ok(())
}

#[test]
fn numbers_are_unique() -> Result<(), String> {
    let world = world(3_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    fn check(name: &str, numbers: impl Iterator<Item = u64>) {
        let mut seen = HashSet::new();
        let mut count = 0;
        for number in numbers {
            count += 1;
            assert!(seen.insert(number), "{name} {number} twice");
        }
        assert!(count > 30, "{name}: only {count}");
    }
    check("order", facts.orders.iter().map(|it| it.number));
    check("refund", facts.refunds.iter().map(|it| it.number));
    check("entry", facts.loyalty_entries.iter().map(|it| it.number));
    check("case", facts.cases.iter().map(|it| it.number));
    check("response", facts.survey_responses.iter().map(|it| it.number));
    check("mention", facts.mentions.iter().map(|it| it.number));
    check("review", facts.reviews.iter().map(|it| it.number));
    check("post", facts.community_posts.iter().map(|it| it.number));
    check("web event", facts.web_events.iter().map(|it| it.number));
    check("device event", facts.device_events.iter().map(|it| it.number));
    check("consent", facts.consents.iter().map(|it| it.number));
    check("referral", facts.referrals.iter().map(|it| it.number));
    check("campaign event", facts.campaign_events.iter().map(|it| it.number));
    // A session is one person's, and its events are near each other.
    let mut sessions: HashMap<u64, (u64, Instant, Instant)> = HashMap::new();
    for event in &facts.web_events {
        let seen = sessions.entry(event.session).or_insert((event.person, event.at, event.at));
        seen.2 = event.at;
        assert_eq!(seen.0, event.person);
        assert!(seen.2 - seen.1 < 86_400);
    }
    Ok(())
}

#[test]
fn facts_lie_in_the_window_and_refer_to_what_exists() -> Result<(), String> {
    let world = world(3_000)?;
    // The last month: what it refers to began before it.
    let window = days("2024-04-03", "2024-05-03")?;
    let span = Span::of(window);
    let facts = facts(&world, world.all_persons(), window);
    let mut orders: HashMap<u64, Instant> = HashMap::new();
    for index in world.all_persons() {
        let person = Person::of(&world, index);
        for purchase in purchases(&world, &person, span.to) {
            assert!(orders.insert(purchase.number, purchase.at).is_none());
        }
    }
    let exists = |order: Option<u64>, at: Instant| {
        if let Some(order) = order {
            assert!(orders.get(&order).is_some_and(|placed_at| *placed_at <= at), "{order}");
        }
    };
    for order in &facts.orders {
        assert!(span.holds(order.placed_at));
        assert_eq!(orders.get(&order.number), Some(&order.placed_at));
        assert!(!order.lines.is_empty() && order.paid_with_points <= order.net() + order.shipping);
        assert_eq!(order.delivered_at.is_none(), matches!(order.shop, Shop::Till(_)));
        assert!(order.delivered_at.is_none_or(|at| at > order.placed_at));
        if let Some(earlier) = order.earlier {
            assert!(earlier.first_at <= earlier.last_at && earlier.last_at <= order.placed_at);
        }
    }
    for refund in &facts.refunds {
        assert!(span.holds(refund.refunded_at) && refund.amount > 0);
        exists(Some(refund.order), refund.refunded_at);
    }
    for entry in &facts.loyalty_entries {
        assert!(span.holds(entry.at));
        exists(entry.order, entry.at);
    }
    let mut deleted_count = 0;
    for case in &facts.cases {
        exists(case.order, case.opened_at);
        let times: Vec<Instant> = case.events.iter().map(|event| event.at).collect();
        assert!(times.is_sorted() && times.iter().all(|at| *at >= case.opened_at));
        assert!(times.iter().all(|at| *at < span.to));
        assert!(span.holds(case.opened_at) || times.iter().any(|at| span.holds(*at)));
        assert!(case.is_upheld.is_none() || case.case_type == "complaint");
        let deleted = case.events.iter().position(|it| it.kind == CaseEventKind::Deleted);
        if let Some(place) = deleted {
            assert!(!case.is_north && case.case_type != "complaint");
            // The last of all, on a day of its own.
            assert_eq!(place + 1, case.events.len());
            let earlier = times[..place].last().copied().unwrap_or(case.opened_at);
            assert!(london_day(earlier) < london_day(times[place]));
            deleted_count += 1;
        }
    }
    assert!(deleted_count > 1, "{deleted_count}");
    // Cases of earlier windows are those that surveys may be about.
    let all = super::facts(&world, world.all_persons(), world.days);
    let cases: HashMap<u64, Instant> =
        all.cases.iter().map(|case| (case.number, case.opened_at)).collect();
    for response in &facts.survey_responses {
        assert!(span.holds(response.answered_at.unwrap_or(response.invited_at)));
        assert!(response.answered_at.is_none_or(|at| at > response.invited_at));
        assert!(response.score.is_none() || response.answered_at.is_some());
        exists(response.order, response.invited_at);
        if let Some(case) = response.case {
            assert!(cases.get(&case).is_some_and(|opened_at| *opened_at < response.invited_at));
        }
    }
    let mentions: HashMap<u64, Instant> =
        all.mentions.iter().map(|mention| (mention.number, mention.posted_at)).collect();
    let mut reply_count = 0;
    for mention in &all.mentions {
        if let Some(parent) = mention.in_reply_to {
            reply_count += 1;
            // A post of the days before the first has a follow-up that answers what nobody sees.
            let is_early = mention.posted_at < Span::of(world.days).from + 4 * 86_400;
            let posted_at = mentions.get(&parent);
            assert!(is_early || posted_at.is_some_and(|at| *at < mention.posted_at));
        }
    }
    assert!(reply_count > 0);
    for review in &facts.reviews {
        assert!(span.holds(review.posted_at) && (1..=5).contains(&review.stars));
        exists(Some(review.order), review.posted_at);
    }
    for event in &facts.web_events {
        assert!(span.holds(event.at));
        assert_eq!(event.order.is_some(), event.kind == "purchase");
        exists(event.order, event.at);
    }
    Ok(())
}

#[test]
fn content_people_with_an_account_recommend_the_company() -> Result<(), String> {
    let world = world(6_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let (mut friends, mut vain) = (HashSet::new(), 0);
    for referral in &facts.referrals {
        let referrer = Person::of(&world, referral.referrer);
        assert!(referrer.is_in(System::Shop) && referrer.is_content());
        assert!(referrer.acquired_at < referral.at);
        let Some(friend) = referral.friend.map(|index| Person::of(&world, index)) else {
            assert_eq!(referral.order, None);
            vain += 1;
            continue;
        };
        assert_eq!(friend.referrer, Some(referral.referrer));
        let first = purchases(&world, &friend, Span::of(world.days).to).into_iter().next();
        let first = first.ok_or("a friend without a purchase")?;
        assert_eq!(first.at, referral.at);
        let is_in_store = matches!(first.shop, Shop::Till(_));
        assert_eq!(referral.order, (!is_in_store).then_some(first.number));
        assert_eq!(referral.channel == "store", is_in_store);
        assert!(friends.insert(friend.index), "{} came twice", friend.index);
    }
    // Of those who came on a recommendation in the days, the share of accounts that use it.
    let span = Span::of(world.days);
    let came = world.all_persons().map(|index| Person::of(&world, index));
    let came = came.filter(|it| it.referrer.is_some() && span.holds(it.acquired_at)).count();
    let share = friends.len() as f64 / came as f64;
    assert!((0.62 * 0.8 - share).abs() < 0.15, "{} of {came}", friends.len());
    assert!(vain > friends.len(), "{vain}");
    Ok(())
}

#[test]
fn the_forum_is_a_conversation() -> Result<(), String> {
    let world = world(4_000)?;
    let facts = facts(&world, world.all_persons(), world.days);
    let posts: HashMap<u64, _> = facts.community_posts.iter().map(|it| (it.number, it)).collect();
    let early = Span::of(world.days).from + 13 * 86_400;
    let (mut answers, mut votes) = (0, 0);
    let mut accepted = HashSet::new();
    for post in &facts.community_posts {
        match post.kind {
            "question" | "idea" => assert_eq!(post.parent, None),
            _ => {
                let parent = post.parent.ok_or("a reply without a parent")?;
                // Threads of the days before the first are not told.
                let Some(parent) = posts.get(&parent) else {
                    assert!(post.posted_at < early);
                    continue;
                };
                assert!(parent.posted_at < post.posted_at && parent.person != post.person);
                assert_eq!(parent.topic, post.topic);
                let is_answer = post.kind == "answer";
                assert_eq!(parent.kind, if is_answer { "question" } else { "idea" });
                assert_eq!(post.text.is_some(), is_answer);
                answers += u32::from(is_answer);
                votes += u32::from(!is_answer);
                assert!(!post.is_accepted || accepted.insert(parent.number), "accepted twice");
            }
        }
    }
    assert!(answers > 10 && votes > 5 && accepted.len() > 3, "{answers} {votes}");
    Ok(())
}

#[test]
fn volumes_are_of_the_stated_order() -> Result<(), String> {
    let persons = 10_000;
    let world = World::new(42, persons, days("2024-03-04", "2024-04-03")?);
    let facts = facts(&world, world.all_persons(), world.days);
    // A person and thirty days, and how far it may be from it: orders of magnitude.
    let expected = [
        ("orders", facts.orders.len(), 0.6),
        ("web events", facts.web_events.len(), 6.0),
        ("cases", facts.cases.len(), 0.08),
        ("surveys", facts.survey_responses.len(), 0.25),
        ("mentions", facts.mentions.len(), 0.05),
        ("reviews", facts.reviews.len(), 0.06),
        ("forum", facts.community_posts.len(), 0.03),
        ("device events", facts.device_events.len(), 1.5),
        ("campaign events", facts.campaign_events.len(), 3.0),
        ("consents", facts.consents.len(), 0.25),
        ("loyalty entries", facts.loyalty_entries.len(), 0.5),
        ("refunds", facts.refunds.len(), 0.04),
    ];
    for (name, count, mean) in expected {
        let own = count as f64 / persons as f64;
        assert!(own > mean / 2.0 && own < mean * 2.0, "{name}: {own} in place of {mean}");
    }
    Ok(())
}

#[test]
fn marketing_spend_is_a_day_s() -> Result<(), String> {
    let world = world(1_000)?;
    let mut campaigns = 0;
    for day in world.days.days() {
        let spends = marketing_spend(&world, day);
        assert_eq!(spends, marketing_spend(&world, day));
        assert!(spends.len() >= 3 && spends.iter().all(|it| it.amount > 0 && it.day == day));
        campaigns += spends.iter().filter(|it| it.campaign.is_some()).count();
    }
    assert_eq!(campaigns, 12);
    Ok(())
}

#[test]
fn competitors_are_counted_every_day() -> Result<(), String> {
    let world = world(4_000)?;
    let (mut own, mut late) = (0, 0);
    for day in world.days.days() {
        let counted = competitor_mentions(&world, day);
        assert_eq!(counted, competitor_mentions(&world, day));
        assert_eq!(counted.iter().filter(|it| it.day == day).count(), 12);
        let of = |day: Day| -> u64 {
            counted.iter().filter(|it| it.day == day).map(|it| it.count).sum()
        };
        (own, late) = (own + of(day), late + of(day.minus(1)));
    }
    // Nine in ten posts are found on their own day.
    let share = late as f64 / (own + late) as f64;
    assert!(own > 300 && (0.06..0.14).contains(&share), "{own} {share}");
    Ok(())
}

#[test]
fn the_register_of_consents_is_what_came_before() -> Result<(), String> {
    let world = world(500)?;
    let cut: Day = "2024-04-01".parse()?;
    let persons: Vec<Person> = world.all_persons().map(|index| Person::of(&world, index)).collect();
    let window = DayRange { from: world.days.from, to: cut };
    let told = lives(&world, &persons, window, true).facts.consents;
    let ever = DayRange { from: world.opened(), to: cut };
    assert_eq!(told, facts(&world, world.all_persons(), ever).consents);
    assert!(told.first().is_some_and(|first| first.at < london_midnight(window.from)));
    Ok(())
}

#[test]
fn lives_go_up_to_the_end_of_the_window() -> Result<(), String> {
    let world = world(500)?;
    let persons: Vec<Person> = world.all_persons().map(|index| Person::of(&world, index)).collect();
    // At the end of the first one some have not come yet.
    for window in [days("2024-03-04", "2024-03-12")?, world.days] {
        let end = london_midnight(window.to);
        let expected: Vec<Course> =
            persons.iter().map(|person| life(&world, person, end)).collect();
        assert_eq!(lives(&world, &persons, window, false).courses, expected);
        assert!(expected.iter().any(|course| !course.contacts.is_empty()));
    }
    Ok(())
}

/// Measures, in a release build: `cargo test --release --lib life::tests::speed -- --ignored`.
#[test]
#[ignore = "a measurement"]
fn speed() -> Result<(), String> {
    let world = World::new(42, 10_000, days("2024-03-04", "2024-04-03")?);
    let started = std::time::Instant::now();
    for index in world.all_persons() {
        std::hint::black_box(Person::of(&world, index));
    }
    println!("persons alone: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    let mut stream = Stream::of(1, Purpose::Text, &[]);
    for _ in 0..6_000 {
        std::hint::black_box(crate::sample::text::review(&mut stream, "product", 4, "Mug", "en"));
    }
    println!("6,000 texts alone: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    let facts = facts(&world, world.all_persons(), world.days);
    println!("facts: {:?}, {} web events", started.elapsed(), facts.web_events.len());
    Ok(())
}
