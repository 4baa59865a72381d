//! The partitions told for a day against what queries return: over those alone a query must return
//! what it returns over every partition there is.

use arrow::array::{Int64Array, RecordBatch};
use arrow::util::pretty::pretty_format_batches;
use object_store::ObjectMeta;
use object_store::memory::InMemory;

use super::*;
use crate::dates::DayRange;
use crate::lake::parquet_sink::ParquetSink;
use crate::lake::{Lake, Partition};

const CONTRACT: &str = "description: d
grain: [k]
columns:
  - {name: k, type: integer, meaning: m}
  - {name: v, type: integer, meaning: m}
";

struct World {
    _folder: tempfile::TempDir,
    settings: Settings,
    catalogue: Catalogue,
    engine: Engine,
    days: Vec<Day>,
    partitions: BTreeMap<TableName, BTreeMap<Day, ObjectMeta>>,
}

/// Two tables of 75 days, a few rows each, of which some keys recur.
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "rapport.yaml",
        "landing: .\nwarehouse: out\nsources: [entities]\nmodels: [entities]\ntime_zone: UTC\n\
         parameters: {window_days: 7}\n",
    );
    write("entities/a.yml", CONTRACT);
    write("entities/b.yml", CONTRACT);
    let settings = Settings::read(&folder.path().join("rapport.yaml")).unwrap();
    std::fs::remove_file(folder.path().join("rapport.yaml")).unwrap();
    let settings = Settings { sources: vec![], ..settings };
    let catalogue = Catalogue::read(&settings).unwrap();
    let engine = Engine::with(2, 64 << 20, folder.path()).unwrap();
    let lake = Lake::over(Arc::new(InMemory::new()), "w");
    engine.attach(&lake).unwrap();
    let first: Day = "2023-12-20".parse().unwrap();
    let days: Vec<Day> = (0..75).map(|index| first.plus(index)).collect();
    let mut partitions: BTreeMap<TableName, BTreeMap<Day, ObjectMeta>> = BTreeMap::new();
    for (number, table) in ["a", "b"].iter().enumerate() {
        let name = TableName::new("staging", *table);
        let schema = Arc::clone(&catalogue.get(&name).unwrap().schema);
        for (index, day) in (0_i64..).zip(&days) {
            let offset = i64::try_from(number).unwrap();
            let keys = Int64Array::from_iter_values((0..4).map(|key| (index * 3 + key * 5) % 11));
            let values = Int64Array::from_iter_values((0..4).map(|key| index * 7 + key + offset));
            let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(keys), Arc::new(values)];
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
            let partition = Partition { table: name.clone(), dt: *day };
            let location = lake.partition_key(&partition);
            let sink =
                ParquetSink::create(lake.store(), location.clone(), Arc::clone(&schema), &[]).await;
            let mut sink = sink.unwrap();
            sink.write(&batch).await.unwrap();
            let written = sink.finish().await.unwrap();
            let object = ObjectMeta {
                location,
                last_modified: chrono::Utc::now(),
                size: written.byte_count,
                e_tag: None,
                version: None,
            };
            partitions.entry(name.clone()).or_default().insert(*day, object);
        }
    }
    World { _folder: folder, settings, catalogue, engine, days, partitions }
}

/// The rows of `query` on `run_date`, over those days of each table that `is_there` lets stand.
async fn rows(
    world: &World,
    query: &Query,
    run_date: Day,
    is_there: impl Fn(&TableName, Day) -> bool,
) -> String {
    rows_over(world, &world.partitions, query, run_date, is_there).await
}

/// The same where the tables are made of `partitions`.
async fn rows_over(
    world: &World,
    partitions: &BTreeMap<TableName, BTreeMap<Day, ObjectMeta>>,
    query: &Query,
    run_date: Day,
    is_there: impl Fn(&TableName, Day) -> bool,
) -> String {
    let mut tables: Vec<(TableName, Arc<dyn TableProvider>)> = vec![];
    for name in query.tables.keys() {
        let mut partitions = partitions[name].clone();
        partitions.retain(|day, _| is_there(name, *day));
        let schema = &world.catalogue.get(name).unwrap().schema;
        let table = PartitionedTable::new(name.to_string(), schema, partitions, Reads::default());
        tables.push((name.clone(), Arc::new(table)));
    }
    let session = world.engine.session(Layout::OnePart, tables).unwrap();
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Day(run_date)),
        name => world.settings.parameters.get(name).map(Bound::Value),
    });
    let plan = session.state().statement_to_plan(statement.unwrap()).await.unwrap();
    let frame = session.execute_logical_plan(plan).await.unwrap();
    pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string()
}

const TODAY: &str = "dt = $run_date";

/// Queries, each with the number of days it may select of `staging.a` at most.
fn queries() -> Vec<(String, usize)> {
    let alone = [
        ("dt = $run_date", 1),
        ("$run_date = dt", 1),
        ("dt = $run_date - interval '1 day'", 1),
        ("dt in ($run_date, $run_date - interval '7 days')", 2),
        ("dt between $run_date - interval '6 days' and $run_date", 7),
        ("dt > $run_date - interval '1 month' and dt <= $run_date", 31),
        ("dt >= date_trunc('month', $run_date) and dt <= $run_date", 31),
        ("date_trunc('month', dt) = date_trunc('month', $run_date) and dt <= $run_date", 31),
        ("dt::varchar = $run_date::varchar", 1),
        ("cast(dt as timestamp) = cast($run_date as timestamp)", 1),
        ("to_char(dt, '%Y%m%d') = to_char($run_date, '%Y%m%d')", 1),
        ("dt = $run_date or dt = $run_date - interval '1 day'", 2),
        ("not (dt < $run_date or dt > $run_date)", 1),
        ("not dt <> $run_date", 1),
        ("coalesce(dt, $run_date) = $run_date", 1),
        ("case when dt = $run_date then true else false end", 1),
        ("dt is not distinct from $run_date", 1),
        ("dt <= $run_date and extract(dow from dt) = extract(dow from $run_date)", 11),
        ("(dt = $run_date and k > 3) or (dt = $run_date and k <= 3)", 75),
        ("dt = $run_date and (v > 5 or k in (select k from staging.b where dt = $run_date))", 1),
        ("dt <= $run_date and dt > $run_date - cast($window_days || ' days' as interval)", 7),
        ("dt = $run_date and dt = $run_date - interval '1 day'", 0),
        ("dt = null", 0),
    ];
    let mut queries: Vec<(String, usize)> = alone
        .iter()
        .map(|(filter, most)| (format!("select k, v, dt from staging.a where {filter}"), *most))
        .collect();
    let yesterday = "dt = $run_date - interval '1 day'";
    let joined = [
        (format!("select a.k, b.v from staging.a join staging.b on a.k = b.k and a.dt = b.dt where a.{TODAY}"), 1),
        (format!("select a.k, b.v from staging.a left join staging.b on a.k = b.k and b.{TODAY} where a.{TODAY}"), 1),
        (format!("select a.k, b.v from staging.b left join staging.a on a.k = b.k and a.{TODAY} where b.{TODAY}"), 1),
        // Days that do not match are kept on the left: every one is read.
        (format!("select a.k, b.v from staging.a left join staging.b on a.k = b.k and a.{TODAY} and b.{TODAY}"), 75),
        (format!("select a.k, b.v from staging.a right join staging.b on a.k = b.k where a.{TODAY} and b.{TODAY}"), 1),
        (format!("select a.k, b.v from staging.a full join staging.b on a.k = b.k where a.{TODAY} and b.{TODAY}"), 1),
        (format!("select a.k, b.v from (select * from staging.a where {TODAY}) as a full join (select * from staging.b where {TODAY}) as b on a.k = b.k"), 1),
        (format!("select k, v from staging.a where {TODAY} and not exists (select 1 from staging.b where b.{yesterday} and b.k = a.k)"), 1),
        (format!("select k, v from staging.a where {TODAY} and k not in (select k from staging.a where {yesterday})"), 2),
        (format!("select k, v from staging.a where {TODAY} and v > (select avg(v) from staging.a where {yesterday})"), 2),
        (format!("select k, (select max(b.v) from staging.b where b.k = a.k and b.{TODAY}) as v from staging.a where {TODAY}"), 1),
        (format!("with today as (select * from staging.a where {TODAY}), before as (select * from staging.a where {yesterday}) select t.k, b.v from today as t left join before as b on t.k = b.k union all select k, v from today"), 2),
        ("with both as (select * from staging.a where dt between $run_date - interval '1 day' and $run_date) select k, v from both where dt = $run_date union all select k, -v from both where dt < $run_date".to_string(), 2),
        (format!("select k, sum(v) as v from staging.a group by k, dt having {TODAY}"), 1),
        (format!("select k, v from (select k, v, dt, row_number() over (partition by dt order by v, k) as n from staging.a) where {TODAY} and n < 3"), 1),
        // A window over all days sees all days.
        (format!("select k, n from (select k, dt, v, row_number() over (order by dt, v, k) as n from staging.a) where {TODAY}"), 75),
        (format!("select k, v from (select k, v, dt from staging.a union all select k, v, dt from staging.b) where {TODAY}"), 1),
        (format!("select distinct k from staging.a where {TODAY} intersect select k from staging.b where {yesterday}"), 1),
        (format!("select k from staging.a where {TODAY} except select k from staging.a where {yesterday}"), 2),
        ("select k, v from staging.a where dt = (select max(dt) from staging.b where dt <= $run_date)".to_string(), 75),
        (format!("select x.k, y.v from staging.a as x cross join staging.a as y where x.{TODAY} and y.dt = x.dt"), 75),
        (format!("select k, v from (select * from staging.a order by dt, v, k limit 9) where {TODAY}"), 75),
        (format!("select unnest(array_agg(v order by v)) as v from staging.a where {TODAY} group by k"), 1),
    ];
    queries.extend(joined);
    queries
}

#[tokio::test]
async fn a_query_returns_over_the_days_told_what_it_returns_over_all() {
    let world = world().await;
    let run_dates = ["2024-01-01", "2024-02-29", "2024-03-01"].map(|day| day.parse().unwrap());
    for (text, most) in queries() {
        let text = format!("select * from ({text}) order by 1, 2").replace(
            // One column alone.
            "order by 1, 2",
            if ["select distinct k", "select k from", "select unnest"]
                .iter()
                .any(|start| text.starts_with(start))
            {
                "order by 1"
            } else {
                "order by 1, 2"
            },
        );
        let query = Query::parse("q.sql", &text).unwrap();
        let look = look(&world.engine, &world.catalogue, &world.settings, &query).await;
        let reads = look.unwrap_or_else(|error| panic!("{text}: {}", error.chain())).reads;
        for run_date in run_dates {
            let mut told = BTreeMap::new();
            for table in query.tables.keys() {
                let days = reads.days(table, run_date, &world.days).unwrap();
                for first in [40, 1, 0].map(|before| run_date.minus(before)) {
                    let range = DayRange::new(first, run_date.plus(1)).unwrap();
                    let range: Vec<Day> = range.days().collect();
                    let since = reads.days_since(table, run_date, first).unwrap();
                    let expected = reads.days(table, run_date, &range).unwrap();
                    assert_eq!(since, expected, "{text} on {run_date} since {first}");
                }
                assert!(reads.days_since(table, run_date, run_date.plus(1)).unwrap().is_empty());
                told.insert(table.clone(), days);
            }
            let over_told =
                rows(&world, &query, run_date, |table, day| told[table].contains(&day)).await;
            let over_all = rows(&world, &query, run_date, |_, _| true).await;
            assert_eq!(over_told, over_all, "{text} on {run_date}, over {told:?}");
            let days = told[&TableName::new("staging", "a")].len();
            assert!(days <= most, "{text} on {run_date} reads {days} days");
        }
    }
}

#[tokio::test]
async fn what_is_blind_to_the_day_returns_the_same_of_the_same_partitions_a_day_later() {
    let world = world().await;
    let a_day_later = |days: &BTreeMap<Day, ObjectMeta>| {
        days.iter().map(|(day, object)| (day.plus(1), object.clone())).collect()
    };
    let later: BTreeMap<TableName, BTreeMap<Day, ObjectMeta>> =
        world.partitions.iter().map(|(name, days)| (name.clone(), a_day_later(days))).collect();
    // The days themselves are not what is asked for.
    let texts =
        queries().into_iter().map(|(text, _)| match text.strip_prefix("select k, v, dt ") {
            Some(rest) => format!("select k, v {rest}"),
            None => text,
        });
    let run_dates = ["2024-01-10", "2024-02-29"].map(|day| day.parse::<Day>().unwrap());
    let mut blind_count = 0;
    for text in texts {
        let query = Query::parse("q.sql", &format!("select * from ({text}) order by 1")).unwrap();
        let look = look(&world.engine, &world.catalogue, &world.settings, &query).await.unwrap();
        if !look.reads.is_blind_to_day() {
            continue;
        }
        blind_count += 1;
        for run_date in run_dates {
            let next = run_date.plus(1);
            let days = |day: Day, candidates: &[Day]| -> BTreeMap<TableName, BTreeSet<Day>> {
                let told = |name: &TableName| look.reads.days(name, day, candidates).unwrap();
                query.tables.keys().map(|name| (name.clone(), told(name))).collect()
            };
            let shifted: Vec<Day> = world.days.iter().map(|day| day.plus(1)).collect();
            let (now, then) = (days(run_date, &world.days), days(next, &shifted));
            let moved: BTreeMap<TableName, BTreeSet<Day>> = now
                .iter()
                .map(|(name, days)| (name.clone(), days.iter().map(|day| day.plus(1)).collect()))
                .collect();
            if moved != then {
                // A window by the calendar: not the same partitions.
                continue;
            }
            let sorted = |rows: String| -> BTreeSet<String> {
                rows.lines().map(ToString::to_string).collect()
            };
            let before = rows(&world, &query, run_date, |name, day| now[name].contains(&day)).await;
            let after =
                rows_over(&world, &later, &query, next, |name, day| then[name].contains(&day))
                    .await;
            assert_eq!(sorted(before), sorted(after), "{text} on {run_date}");
        }
    }
    assert!(blind_count > 20, "{blind_count}");
    for text in [
        "select k, dt from staging.a where dt = $run_date",
        "select k, $run_date as day from staging.a where dt = $run_date",
        "select k from staging.a where dt = $run_date and v > extract(day from $run_date)",
        "select k from staging.a where dt = $run_date and (v > 3 or dt = $run_date)",
        "select a.k from staging.a join staging.b on a.dt = b.dt where a.dt <= $run_date",
        "select k from staging.a where dt = $run_date and v in \
         (select extract(day from dt) from staging.b where dt = $run_date)",
        "select max(dt) - min(dt) as days from staging.a where dt <= $run_date",
        "select k, row_number() over (order by dt, k, v) as n from staging.a where dt <= $run_date",
    ] {
        let query = Query::parse("q.sql", text).unwrap();
        let look = look(&world.engine, &world.catalogue, &world.settings, &query).await.unwrap();
        assert!(!look.reads.is_blind_to_day(), "{text}");
    }
}

/// Queries, and the tables without which they have no rows: each alone, or together as `ab`.
const EMPTY_WITHOUT: [(&str, &[&str]); 24] = [
    ("select k from staging.a where dt = $run_date order by k", &["a"]),
    ("select distinct k from staging.a where dt <= $run_date limit 3", &["a"]),
    ("select k, sum(v) from staging.a group by k", &["a"]),
    ("select sum(v) from staging.a", &[]),
    ("select k, sum(v) from staging.a group by rollup (k)", &[]),
    ("select k, sum(v) from staging.a group by grouping sets ((k), ())", &[]),
    ("select k, row_number() over (order by k, v, dt) from staging.a", &["a"]),
    ("select unnest(array_agg(v)) from staging.a group by k", &["a"]),
    ("select unnest([1, 2])", &[]),
    ("select 1", &[]),
    ("values (1)", &[]),
    ("select a.k from staging.a join staging.b on a.k = b.k", &["a", "b"]),
    ("select a.k from staging.a cross join staging.b", &["a", "b"]),
    ("select a.k from staging.a left join staging.b on a.k = b.k", &["a"]),
    ("select a.k from staging.a left join staging.b on a.k = b.k where b.v > 0", &["a", "b"]),
    ("select b.k from staging.a right join staging.b on a.k = b.k", &["b"]),
    ("select a.k from staging.a full join staging.b on a.k = b.k", &["ab"]),
    ("select k from staging.a union all select k from staging.b", &["ab"]),
    ("select k from staging.a union select 1", &[]),
    ("select k from staging.a intersect select k from staging.b", &["a", "b"]),
    ("select k from staging.a except select k from staging.b", &["a"]),
    ("select k, (select max(v) from staging.b) from staging.a", &["a"]),
    ("select a.k from staging.a cross join (select max(v) as v from staging.b) as most", &["a"]),
    (
        "with recursive n as (select 1 as k union all select k + 1 from n where k < 3) \
         select n.k from n left join staging.a on a.k = n.k",
        &[],
    ),
];

#[tokio::test]
async fn a_query_has_no_rows_where_its_tables_are_told_to_leave_it_none() {
    let world = world().await;
    let run_date = "2024-02-29".parse().unwrap();
    for (text, expected) in EMPTY_WITHOUT {
        let query = Query::parse("q.sql", text).unwrap();
        let look = look(&world.engine, &world.catalogue, &world.settings, &query).await;
        let reads = look.unwrap_or_else(|error| panic!("{text}: {}", error.chain())).reads;
        for without in ["", "a", "b", "ab"] {
            let has_no_rows = |table: &TableName| without.contains(&table.table);
            let is_expected =
                expected.iter().any(|one| one.chars().all(|table| without.contains(table)));
            assert_eq!(reads.is_empty_where(has_no_rows), is_expected, "{text} without {without}");
        }
    }
    // What is told is true of whatever else a query does.
    let texts = queries().into_iter().map(|(text, _)| text);
    for text in texts.chain(EMPTY_WITHOUT.map(|(text, _)| text.to_string())) {
        let query = Query::parse("q.sql", &text).unwrap();
        let look = look(&world.engine, &world.catalogue, &world.settings, &query).await.unwrap();
        for without in ["a", "b", "ab"] {
            let has_no_rows = |table: &TableName| without.contains(&table.table);
            if look.reads.is_empty_where(has_no_rows) {
                let rows = rows(&world, &query, run_date, |table, _| !has_no_rows(table)).await;
                // The header, or not even that.
                let line_count = rows.lines().filter(|line| line.starts_with("| ")).count();
                assert!(line_count <= 1, "{text} without {without}: {rows}");
            }
        }
    }
}
