use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const EMAIL: u16 = 1;
const PHONE: u16 = 2;

fn rule(name: &str, customers: Option<u32>, identifiers: Option<u32>) -> IdentifierRule {
    IdentifierRule {
        name: name.to_owned(),
        maximum_customers_per_identifier: customers,
        maximum_identifiers_per_customer: identifiers,
    }
}

fn rules() -> Vec<IdentifierRule> {
    vec![
        rule("customer_number", None, None),
        rule("email", Some(3), Some(2)),
        rule("phone", Some(2), None),
    ]
}

/// Ids `r0`, `r1` …, and `(record, kind, value)` as held.
fn resolved<'a>(
    n: usize,
    held: &[(u32, u16, &'a str)],
    must_link: &[(u32, u32)],
    cannot_link: &[(u32, u32)],
) -> Resolution<'a> {
    let ids: Vec<String> = (0..n).map(|index| format!("r{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let held: Vec<Held<'a>> = held
        .iter()
        .map(|(record, kind, value)| Held { record: *record, kind: *kind, value })
        .collect();
    resolve(&ids, &held, &rules(), must_link, cannot_link).unwrap()
}

#[test]
fn equal_identifiers_link_through_each_other() {
    let held =
        [(0, EMAIL, "a"), (1, EMAIL, "a"), (1, PHONE, "1"), (2, PHONE, "1"), (3, PHONE, "2")];
    let resolution = resolved(4, &held, &[], &[]);
    assert_eq!(resolution.clusters, [0, 0, 0, 3]);
    assert!(resolution.violations.is_empty());
    let evidence = Evidence::Identifier { kind: EMAIL, value: "a" };
    assert_eq!(resolution.links[0], Link { left: 0, right: 1, evidence, joins: true });
    assert_eq!(resolution.links.len(), 2);
}

#[test]
fn an_identifier_of_too_many_customers_links_nobody() {
    let held = [(0, PHONE, "1"), (1, PHONE, "1"), (2, PHONE, "1")];
    let resolution = resolved(3, &held, &[], &[]);
    assert_eq!(resolution.clusters, [0, 1, 2]);
    let violation =
        Violation::IdentifierOverLimit { kind: PHONE, value: "1", customers: 3, limit: 2 };
    assert_eq!(resolution.violations, [violation]);

    // Customers count as the kinds before made them: here two of the three are one already.
    let held = [held.as_slice(), &[(0, EMAIL, "a"), (1, EMAIL, "a")]].concat();
    let resolution = resolved(3, &held, &[], &[]);
    assert_eq!(resolution.clusters, [0, 0, 0]);
    assert!(resolution.violations.is_empty());
}

#[test]
fn a_customer_of_too_many_identifiers_grows_no_further() {
    let held = [
        (0, EMAIL, "a"),
        (0, PHONE, "1"),
        (1, EMAIL, "b"),
        (1, PHONE, "1"),
        (1, PHONE, "2"),
        (2, EMAIL, "c"),
        (2, PHONE, "2"),
    ];
    let resolution = resolved(3, &held, &[], &[]);
    assert_eq!(resolution.clusters, [0, 0, 2]);
    let evidence = Evidence::Identifier { kind: PHONE, value: "2" };
    let violation = Violation::CustomerOverLimit {
        left: 0,
        right: 2,
        evidence,
        limited_kind: EMAIL,
        identifiers: 3,
        limit: 2,
    };
    assert_eq!(resolution.violations, [violation]);
    // A person's word outranks the limit.
    assert_eq!(resolved(3, &held, &[(2, 0), (1, 2)], &[]).clusters, [0, 0, 0]);
}

#[test]
fn peoples_word_is_kept() {
    let held = [(0, EMAIL, "a"), (1, EMAIL, "a"), (2, EMAIL, "a")];
    let resolution = resolved(3, &held, &[], &[(2, 0)]);
    assert_eq!(resolution.clusters, [0, 0, 2]);
    let evidence = Evidence::Identifier { kind: EMAIL, value: "a" };
    assert_eq!(resolution.violations, [Violation::CannotLink { left: 0, right: 2, evidence }]);

    // Must-links that contradict a cannot-link: the last in order is refused.
    let resolution = resolved(3, &[], &[(1, 2), (0, 1), (1, 1)], &[(0, 2)]);
    assert_eq!(resolution.clusters, [0, 0, 2]);
    let violation = Violation::CannotLink { left: 0, right: 2, evidence: Evidence::MustLink };
    assert_eq!(resolution.violations, [violation]);
}

#[test]
fn one_refusal_does_not_part_the_rest() {
    // 0 and 1 may not meet, so 2 joins 0, and so would all others.
    let held = [(0, EMAIL, "a"), (1, EMAIL, "a"), (2, EMAIL, "a")];
    assert_eq!(resolved(3, &held, &[], &[(0, 1)]).clusters, [0, 1, 0]);
    // 2 may not meet 0, but may meet 1.
    assert_eq!(resolved(3, &held, &[], &[(0, 1), (0, 2)]).clusters, [0, 1, 1]);
}

#[test]
fn mistakes_of_the_caller_are_named() {
    let held = |record, kind| Held { record, kind, value: "a" };
    let error = |ids: &[&str], held: Held<'_>| {
        resolve(ids, &[held], &rules(), &[], &[]).unwrap_err().to_string()
    };
    assert_eq!(error(&["a"], held(1, 0)), "resolve record 1: there are only 1");
    assert_eq!(error(&["a"], held(0, 3)), "resolve identifiers of kind 3: there are 3 rules");
    assert_eq!(error(&["b", "a", "b"], held(0, 0)), "resolve record `b`: it is there twice");
}

/// A resolution by names, so that two of them compare whatever the positions were.
fn named(
    ids: &[String],
    resolution: &Resolution<'_>,
) -> (BTreeMap<String, String>, Vec<String>, Vec<String>) {
    let name = |position: u32| ids[position as usize].clone();
    let clusters = (0..)
        .zip(&resolution.clusters)
        .map(|(record, cluster)| (name(record), name(*cluster)))
        .collect();
    let links = resolution
        .links
        .iter()
        .map(|link| {
            format!("{} {} {:?} {}", name(link.left), name(link.right), link.evidence, link.joins)
        })
        .collect();
    let violations = resolution
        .violations
        .iter()
        .map(|violation| match violation {
            Violation::CannotLink { left, right, evidence } => {
                format!("{} {} {evidence:?}", name(*left), name(*right))
            }
            Violation::CustomerOverLimit {
                left,
                right,
                evidence,
                limited_kind,
                identifiers,
                ..
            } => {
                format!(
                    "{} {} {evidence:?} {limited_kind} {identifiers}",
                    name(*left),
                    name(*right)
                )
            }
            Violation::IdentifierOverLimit { .. } => format!("{violation:?}"),
        })
        .collect();
    (clusters, links, violations)
}

type Pairs = Vec<(u32, u32)>;

/// How many records, what they hold, must-links, cannot-links, and a seed.
type Case = (u32, Vec<(u32, u16, u8)>, Pairs, Pairs, u64);

/// Records with identifiers and pairs, and a way to shuffle them.
fn cases() -> impl Strategy<Value = Case> {
    (2u32..25).prop_flat_map(|n| {
        let pairs = |most| prop::collection::vec((0..n, 0..n), 0..most);
        let held = prop::collection::vec((0..n, 0u16..3, 0u8..12), 0..60);
        (Just(n), held, pairs(4), pairs(6), any::<u64>())
    })
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// A shuffle that depends on nothing but the seed.
fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut items: Vec<(u64, T)> = (0u64..)
        .zip(items)
        .map(|(index, item)| {
            (
                (index + 1).wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 7,
                item.clone(),
            )
        })
        .collect();
    items.sort_by_key(|(key, _)| *key);
    items.into_iter().map(|(_, item)| item).collect()
}

proptest! {
    #[test]
    fn what_is_promised_holds((n, held, must_link, cannot_link, _) in cases()) {
        let ids: Vec<String> = (0..n).map(|index| format!("{index:02}")).collect();
        let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
        let held: Vec<Held<'_>> = held.iter()
            .map(|(record, kind, value)| Held { record: *record, kind: *kind, value: NAMES[*value as usize] })
            .collect();
        let rules = rules();
        let resolution = resolve(&texts, &held, &rules, &must_link, &cannot_link).unwrap();
        let clusters = &resolution.clusters;

        // Each record is in one cluster, named by its smallest member.
        prop_assert_eq!(clusters.len(), n as usize);
        for (record, cluster) in (0..).zip(clusters) {
            prop_assert!(*cluster <= record);
            prop_assert_eq!(clusters[*cluster as usize], *cluster);
        }
        // No cannot-link pair is together.
        for (left, right) in &cannot_link {
            prop_assert!(left == right || clusters[*left as usize] != clusters[*right as usize]);
        }
        // Must-links hold, unless a cannot-link refused one.
        if cannot_link.iter().all(|(left, right)| left == right) {
            for (left, right) in &must_link {
                prop_assert_eq!(clusters[*left as usize], clusters[*right as usize]);
            }
        }
        // The links explain the clusters exactly.
        let pairs: Vec<(u32, u32)> = resolution.links.iter().map(|link| (link.left, link.right)).collect();
        let explained = super::super::clustering::connected_components(&texts, &pairs).unwrap();
        prop_assert_eq!(&explained, clusters);
        let joins = resolution.links.iter().filter(|link| link.joins).count();
        let count = clusters.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(joins, n as usize - count);
        // A customer has too many e-mails only where a person or a single record said so.
        for cluster in clusters.iter().collect::<BTreeSet<_>>() {
            let members: Vec<u32> = (0..n).filter(|record| clusters[*record as usize] == *cluster).collect();
            let emails = |of: &[u32]| held.iter()
                .filter(|held| held.kind == EMAIL && of.contains(&held.record))
                .map(|held| held.value)
                .collect::<BTreeSet<_>>().len();
            let by_people = must_link.iter().any(|(left, _)| members.contains(left));
            if members.len() > 1 && !by_people {
                prop_assert!(emails(&members) <= 2, "{:?}", members);
            }
        }
        // A value over its limit links nobody.
        for violation in &resolution.violations {
            if let Violation::IdentifierOverLimit { kind, value, customers, limit } = violation {
                prop_assert!(customers > limit);
                let evidence = Evidence::Identifier { kind: *kind, value };
                prop_assert!(resolution.links.iter().all(|link| link.evidence != evidence));
            }
        }
    }

    #[test]
    fn the_order_of_the_input_says_nothing((n, held, must_link, cannot_link, seed) in cases()) {
        let straight: Vec<String> = (0..n).map(|index| format!("{index:02}")).collect();
        let mixed = shuffled(&straight, seed);
        let place: Vec<u32> = straight.iter()
            .map(|id| mixed.iter().position(|other| other == id).unwrap() as u32)
            .collect();
        let run = |ids: &[String], held: &[(u32, u16, u8)], must: &[(u32, u32)], cannot: &[(u32, u32)]| {
            let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
            let held: Vec<Held<'static>> = held.iter()
                .map(|(record, kind, value)| Held { record: *record, kind: *kind, value: NAMES[*value as usize] })
                .collect();
            named(ids, &resolve(&texts, &held, &rules(), must, cannot).unwrap())
        };
        let moved = |pairs: &[(u32, u32)]| -> Pairs {
            // The two of a pair have no order either.
            let pairs: Pairs = pairs.iter().map(|(l, r)| (place[*r as usize], place[*l as usize])).collect();
            shuffled(&pairs, seed)
        };
        let moved_held: Vec<(u32, u16, u8)> =
            held.iter().map(|(record, kind, value)| (place[*record as usize], *kind, *value)).collect();
        prop_assert_eq!(
            run(&straight, &held, &must_link, &cannot_link),
            run(&mixed, &shuffled(&moved_held, seed), &moved(&must_link), &moved(&cannot_link)),
        );
    }

    #[test]
    fn without_limits_it_is_connected_components((n, held, _, _, _) in cases()) {
        let ids: Vec<String> = (0..n).map(|index| format!("{index:02}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let unlimited: Vec<IdentifierRule> = (0..3).map(|kind| rule(NAMES[kind], None, None)).collect();
        let mut pairs = Vec::new();
        for (left, kind, value) in &held {
            for (right, other_kind, other) in &held {
                if (kind, value) == (other_kind, other) {
                    pairs.push((*left, *right));
                }
            }
        }
        let held: Vec<Held<'_>> = held.iter()
            .map(|(record, kind, value)| Held { record: *record, kind: *kind, value: NAMES[*value as usize] })
            .collect();
        let resolution = resolve(&ids, &held, &unlimited, &[], &[]).unwrap();
        prop_assert_eq!(resolution.clusters, super::super::clustering::connected_components(&ids, &pairs).unwrap());
        prop_assert!(resolution.violations.is_empty());
    }
}
