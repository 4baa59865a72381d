use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Record, customer, and the customer's first day.
type Row<'a> = (&'a str, &'a str, &'a str);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn earlier<'a>(rows: &[(&'a str, &'a str, &str)]) -> Vec<Earlier<'a>> {
    rows.iter()
        .map(|(record_id, customer_id, first)| Earlier {
            record_id,
            customer_id,
            first_day: day(first),
        })
        .collect()
}

/// Clusters as lists of records, in any order.
fn assigned<'a>(
    clusters: &[&[&str]],
    yesterday: &[Earlier<'a>],
) -> (BTreeMap<String, String>, Assignment<'a>) {
    let rows: Vec<(&str, u32)> = (0..)
        .zip(clusters)
        .flat_map(|(cluster, records)| records.iter().map(move |record| (*record, cluster * 7 + 3)))
        .collect();
    let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
    let clusters: Vec<u32> = rows.iter().map(|(_, cluster)| *cluster).collect();
    let assignment = assign(day("2024-03-02"), &ids, &clusters, yesterday).unwrap();
    let map = ids
        .iter()
        .zip(&assignment.customer_of)
        .map(|(id, customer)| {
            let customer = &assignment.customers[*customer as usize];
            ((*id).to_owned(), customer.customer_id.clone().into_owned())
        })
        .collect();
    (map, assignment)
}

fn new_on(date: &str, founding: &str) -> String {
    new_id(day(date), founding, |_| false)
}

#[test]
fn a_new_cluster_creates_an_id_from_its_smallest_record() {
    let (map, assignment) = assigned(&[&["b", "a"]], &[]);
    let id = new_on("2024-03-02", "a");
    assert_eq!(map["a"], id);
    assert_eq!(map["b"], id);
    assert_eq!(id.len(), 28);
    assert_eq!(assignment.customers[0].first_day, day("2024-03-02"));
    assert_eq!(assignment.events, [Event::Create { customer_id: id.into() }]);
    // Ids are part of what was published: they must never change.
    assert_eq!(new_on("2024-03-02", "shop:1"), "c_c9nfg2xc50tamc1xr15pf7kd9p");
}

#[test]
fn a_taken_id_is_made_again() {
    let first = new_on("2024-03-02", "a");
    let second = new_id(day("2024-03-02"), "a", |id| id == first);
    assert_ne!(first, second);
    let yesterday = earlier(&[("z", first.as_str(), "2024-01-01")]);
    let (map, _) = assigned(&[&["a"], &["z"]], &yesterday);
    assert_eq!((map["z"].as_str(), map["a"].as_str()), (first.as_str(), second.as_str()));
}

#[test]
fn one_id_absorbs_new_records() {
    let yesterday = earlier(&[("b", "c_1", "2024-01-01")]);
    let (map, assignment) = assigned(&[&["a", "b", "c"]], &yesterday);
    assert!(map.values().all(|id| id == "c_1"));
    assert_eq!(assignment.customers[0].first_day, day("2024-01-01"));
    assert_eq!(assignment.customers[0].record_count, 3);
    assert!(assignment.events.is_empty());
}

#[test]
fn the_winner_of_a_merge_has_most_records_then_is_oldest_then_lowest() {
    let cases: [(&[Row<'_>], &str); 3] = [
        (
            &[("a", "c_1", "2024-01-01"), ("b", "c_2", "2024-02-01"), ("c", "c_2", "2024-02-01")],
            "c_2",
        ),
        (&[("a", "c_1", "2024-02-01"), ("b", "c_2", "2024-01-01")], "c_2"),
        (&[("a", "c_2", "2024-01-01"), ("b", "c_1", "2024-01-01")], "c_1"),
    ];
    for (rows, winner) in cases {
        let yesterday = earlier(rows);
        let (map, assignment) = assigned(&[&["a", "b", "c"]], &yesterday);
        assert!(map.values().all(|id| id == winner), "{rows:?}");
        let loser = if winner == "c_1" { "c_2" } else { "c_1" };
        let merge = Event::Merge { from: loser.into(), into: winner.into(), record_count: 1 };
        assert_eq!(assignment.events, [merge]);
    }
}

#[test]
fn a_split_leaves_the_id_with_most_records_then_the_founder_then_the_smallest() {
    let rows = |id| {
        [
            ("a", id, "2024-01-01"),
            ("b", id, "2024-01-01"),
            ("c", id, "2024-01-01"),
            ("d", id, "2024-01-01"),
        ]
    };
    let yesterday = earlier(&rows("c_1"));
    let (map, assignment) = assigned(&[&["a"], &["b", "c", "d"]], &yesterday);
    assert_eq!(map["b"], "c_1");
    let new = new_on("2024-03-02", "a");
    assert_eq!(map["a"], new);
    assert_eq!(
        assignment.events,
        [Event::Split { from: "c_1".into(), to: new.into(), record_count: 1 }]
    );

    // A tie: the smallest record, where the founder is not known.
    let (map, _) = assigned(&[&["c", "d"], &["b", "a"]], &yesterday);
    assert_eq!(map["a"], "c_1");
    // A tie: the record that the id was made from, though smaller ones have come since.
    let founded = new_on("2024-01-01", "d");
    let yesterday = earlier(&rows(&founded));
    let (map, _) = assigned(&[&["c", "d"], &["b", "a"]], &yesterday);
    assert_eq!((map["c"].as_str(), map["a"] == founded), (founded.as_str(), false));
}

#[test]
fn records_move_between_customers_without_a_merge() {
    let yesterday = earlier(&[
        ("a", "c_1", "2024-01-01"),
        ("b", "c_1", "2024-01-01"),
        ("c", "c_2", "2024-01-01"),
        ("d", "c_2", "2024-01-01"),
        ("e", "c_2", "2024-01-01"),
    ]);
    let (map, assignment) = assigned(&[&["a", "b", "c"], &["d", "e"]], &yesterday);
    assert_eq!((map["c"].as_str(), map["d"].as_str()), ("c_1", "c_2"));
    assert_eq!(
        assignment.events,
        [Event::Split { from: "c_2".into(), to: "c_1".into(), record_count: 1 }]
    );
}

#[test]
fn customers_without_records_vanish() {
    let yesterday = earlier(&[("a", "c_1", "2024-01-01"), ("b", "c_2", "2024-01-01")]);
    let (_, assignment) = assigned(&[&["b"]], &yesterday);
    assert_eq!(assignment.vanished, ["c_1"]);
    let (_, assignment) = assigned(&[], &yesterday);
    assert_eq!(assignment.vanished, ["c_1", "c_2"]);
    assert!(assignment.customers.is_empty());
}

#[test]
fn mistakes_of_the_caller_are_named() {
    let error = |ids: &[&str], clusters: &[u32], yesterday: &[Earlier<'_>]| {
        assign(day("2024-03-02"), ids, clusters, yesterday).unwrap_err().to_string()
    };
    assert_eq!(error(&["a"], &[], &[]), "name the customers of 1 records in 0 clusters");
    assert_eq!(
        error(&["b", "a", "b"], &[0, 1, 2], &[]),
        "name customers: record `b` is there twice"
    );
    let twice = earlier(&[("a", "c_1", "2024-01-01"), ("a", "c_2", "2024-01-01")]);
    assert_eq!(
        error(&["a"], &[0], &twice),
        "name customers: record `a` is twice in the earlier map"
    );
}

/// For each of 20 records: whether it is there, and its cluster; twice, for two days.
fn two_days() -> impl Strategy<Value = (Vec<Option<u32>>, Vec<Option<u32>>)> {
    let records = || prop::collection::vec(prop::option::weighted(0.8, 0u32..6), 20);
    (records(), records())
}

fn map_of<'a>(
    date: &str,
    names: &'a [String],
    records: &[Option<u32>],
    yesterday: &[Earlier<'a>],
) -> (Vec<Earlier<'a>>, Vec<Event<'a>>) {
    let there: Vec<(&str, u32)> = names
        .iter()
        .zip(records)
        .filter_map(|(name, cluster)| Some((name.as_str(), (*cluster)?)))
        .collect();
    let ids: Vec<&str> = there.iter().map(|(id, _)| *id).collect();
    let clusters: Vec<u32> = there.iter().map(|(_, cluster)| *cluster).collect();
    let assignment = assign(day(date), &ids, &clusters, yesterday).unwrap();
    let rows = ids.iter().zip(&assignment.customer_of).map(|(id, customer)| {
        let customer = &assignment.customers[*customer as usize];
        let customer_id: &'static str =
            Box::leak(customer.customer_id.clone().into_owned().into_boxed_str());
        Earlier { record_id: id, customer_id, first_day: customer.first_day }
    });
    (rows.collect(), assignment.events)
}

proptest! {
    #[test]
    fn ids_follow_clusters((first, second) in two_days()) {
        let names: Vec<String> = (0..20).map(|index| format!("shop:{index:02}")).collect();
        let (yesterday, _) = map_of("2024-03-01", &names, &first, &[]);
        let (today, events) = map_of("2024-03-02", &names, &second, &yesterday);

        // Each record has one customer; records share it exactly where they share a cluster.
        let cluster = |id: &str| second[names.iter().position(|name| name == id).unwrap()];
        for left in &today {
            for right in &today {
                let together = cluster(left.record_id) == cluster(right.record_id);
                prop_assert_eq!(left.customer_id == right.customer_id, together);
            }
        }
        // Nothing changes where nothing changes, in any order.
        let (mut again, no_events) = map_of("2024-03-03", &names, &second, &today);
        prop_assert_eq!(&again, &today);
        prop_assert!(no_events.is_empty());
        let mut shuffled = yesterday.clone();
        shuffled.reverse();
        let (rerun, same_events) = map_of("2024-03-02", &names, &second, &shuffled);
        prop_assert_eq!(&rerun, &today);
        prop_assert_eq!(&same_events, &events);
        again.clear();

        // Every record that changed its customer is accounted for by exactly one event.
        let ids = |rows: &[Earlier<'_>]| rows.iter().map(|row| row.customer_id.to_owned()).collect::<BTreeSet<_>>();
        let mut moves: BTreeMap<(String, String), u32> = BTreeMap::new();
        for row in &today {
            if let Some(was) = yesterday.iter().find(|was| was.record_id == row.record_id)
                && was.customer_id != row.customer_id
            {
                *moves.entry((was.customer_id.to_owned(), row.customer_id.to_owned())).or_default() += 1;
            }
        }
        for event in &events {
            match event {
                Event::Merge { from, into: to, record_count } | Event::Split { from, to, record_count } => {
                    let moved = moves.remove(&(from.to_string(), to.to_string()));
                    prop_assert_eq!(moved, Some(*record_count));
                }
                Event::Create { customer_id } => {
                    prop_assert!(!ids(&yesterday).contains(customer_id.as_ref()));
                    prop_assert!(ids(&today).contains(customer_id.as_ref()));
                }
            }
        }
        prop_assert!(moves.is_empty(), "{:?}", moves);
        // A merged id has ended; no id is merged twice.
        let merged: Vec<&str> = events.iter()
            .filter_map(|event| match event { Event::Merge { from, .. } => Some(from.as_ref()), _ => None })
            .collect();
        prop_assert!(merged.iter().all(|from| !ids(&today).contains(*from)));
        prop_assert_eq!(merged.len(), merged.iter().collect::<BTreeSet<_>>().len());
        prop_assert!(events.is_sorted());
    }
}
