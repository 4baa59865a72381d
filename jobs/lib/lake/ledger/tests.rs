//! The ledger says the same however it is folded; and folding it writes little, reading it asks for
//! little, however long it is.

use object_store::memory::InMemory;
use proptest::prelude::*;

use super::*;

/// The entry of a publish, about as large as most are.
fn entry(number: u64, table: u64, day: u64, version: u64) -> Entry {
    let hash = |what: &str| ContentHash::of(format!("{what} {table} {day} {version}").as_bytes());
    let first: Day = "2024-01-01".parse().unwrap();
    let partition = |table: u64| Partition {
        table: TableName::new("marts", format!("table_number_{table}")),
        dt: first.plus(day),
    };
    let parts = ["contract", "engine", "inputs", "model", "parameters"];
    Entry {
        id: uuid::Uuid::from_u128(u128::from(number) << 64).to_string(),
        partition: partition(table),
        version,
        fence: version,
        fingerprint: hash("fingerprint"),
        parts: parts.map(|part| (part.to_string(), hash(part))).into(),
        dayless: None,
        content_hash: hash("content"),
        schema_hash: ContentHash::of(b"schema"),
        row_count: number,
        byte_count: number,
        inputs: (1..=table % 4)
            .map(|input| Input { partition: partition(input), content_hash: hash("input") })
            .collect(),
        exports: vec![],
        accounting: None,
        warnings: BTreeMap::new(),
        project: None,
        restatements: vec![],
        reason: "never built".to_string(),
        run_id: format!("daily-{day}"),
        attempt: 1,
        published_at: DateTime::UNIX_EPOCH,
        duration_ms: 12,
    }
}

/// How many objects a reader must ask for: loose ones and segments.
async fn object_counts(lake: &Lake) -> (usize, usize) {
    let is_loose = |object: &ObjectMeta| object.location.as_ref().ends_with(LOOSE_ENDING);
    let (loose, segments): (Vec<_>, Vec<_>) =
        list(lake).await.unwrap().into_iter().partition(is_loose);
    (loose.len(), segments.len())
}

#[tokio::test]
async fn a_year_of_forty_tables_is_folded_in_little_writing() {
    let lake = Lake::over(Arc::new(InMemory::new()), "w");
    let (mut written, mut most) = (0, (0, 0));
    for day in 0..365 {
        for table in 0..40 {
            append(&lake, &entry(day * 40 + table, table, day, 1)).await.unwrap();
        }
        let segments = folding::fold(&lake).await.unwrap();
        written += segments.iter().map(|segment| segment.byte_count).sum::<u64>();
        let now = object_counts(&lake).await;
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    let segments = lake.list(&folder(&lake).join(SEGMENTS)).await.unwrap();
    let kept: u64 = segments.iter().map(|segment| segment.size).sum();
    let told = format!("{written} bytes written, {kept} kept; at most {most:?} objects");
    // As many times as there are sizes, which are three here.
    assert!(written < 4 * kept, "{told}");
    assert!(most.0 < 64 && most.1 <= 3 * 7, "{told}");
    assert_eq!(Ledger::load(&lake).await.unwrap().current.len(), 365 * 40);
}

#[tokio::test]
async fn what_others_published_is_news_once_and_what_was_folded_anew_is_none() {
    let lake = Lake::over(Arc::new(InMemory::new()), "w");
    let mut ledger = Ledger::default();
    // Two versions of each of forty partitions: the older one is news to nobody.
    for number in 0..80 {
        append(&lake, &entry(number, number % 40, 0, 1 + number / 40)).await.unwrap();
    }
    assert_eq!(ledger.refresh(&lake).await.unwrap().len(), 40);
    Ledger::default().compact(&lake).await.unwrap();
    assert_eq!(ledger.refresh(&lake).await.unwrap(), BTreeSet::new());

    // What is met first when the ledger is folded is news as well.
    for number in 80..144 {
        append(&lake, &entry(number, number, 1, 1)).await.unwrap();
    }
    assert_eq!(ledger.compact(&lake).await.unwrap().len(), 64);
    assert_eq!(ledger.refresh(&lake).await.unwrap(), BTreeSet::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Days of any size, published again or not, folded or not, by one who knows the ledger or by
    /// another: it says what it would if it had never been folded.
    #[test]
    fn a_folded_ledger_says_what_it_said(
        days in prop::collection::vec((0u64..150, 0u64..4, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let lake = Lake::over(Arc::new(InMemory::new()), "w");
            let (mut expected, mut known) = (Ledger::default(), Ledger::default());
            let mut ids = vec![];
            for (tables, day, is_folded, is_stranger) in days {
                for table in 0..tables {
                    let number = ids.len() as u64;
                    let entry = entry(number, table, day, number);
                    append(&lake, &entry).await.unwrap();
                    ids.push(entry.id.clone());
                    expected.add(entry);
                }
                if is_folded {
                    let mut stranger = Ledger::default();
                    let ledger = if is_stranger { &mut stranger } else { &mut known };
                    ledger.compact(&lake).await.unwrap();
                    assert!(object_counts(&lake).await.0 < 64);
                }
            }
            known.refresh(&lake).await.unwrap();
            let said = |ledger: &Ledger| serde_json::to_string(
                &ledger.current.values().map(AsRef::as_ref).collect::<Vec<&Entry>>()
            ).unwrap();
            assert_eq!(said(&known), said(&expected));
            assert_eq!(said(&Ledger::load(&lake).await.unwrap()), said(&expected));
            let history: Vec<String> =
                history(&lake).await.unwrap().into_iter().map(|entry| entry.id).collect();
            assert_eq!(history, ids);
        });
    }
}
