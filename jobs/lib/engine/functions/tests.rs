use arrow::array::{Array, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;

use super::*;
use crate::hash::ContentHash;

const SCHEDULES: &str = "
holidays:
  ours: [{name: May Day, month: 5, day: 1}]
schedules:
  desk:
    time_zone: Europe/London
    hours: {monday: ['09:00-17:00'], wednesday: ['09:00-17:00'], friday: ['22:00-06:00']}
    holidays: [ours]
  shop:
    time_zone: America/New_York
    hours: {monday: ['10:00-18:00'], sunday: ['00:00-24:00']}
";

fn session() -> SessionContext {
    session_of(SessionContext::new())
}

fn session_of(session: SessionContext) -> SessionContext {
    let schedules = Arc::new(Schedules::parse("schedules.yaml", SCHEDULES).unwrap());
    for function in all_with(&schedules) {
        session.register_udf(function.as_ref().clone());
    }
    for aggregate in aggregates() {
        session.register_udaf(aggregate.as_ref().clone());
    }
    session
}

async fn run(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    session.sql(sql).await?.collect().await
}

/// The rows of a query as lines of `a|b|c`, null as `-`.
async fn lines(session: &SessionContext, sql: &str) -> Vec<String> {
    let batches = run(session, sql).await.unwrap();
    let text = pretty_format_batches(&batches).unwrap().to_string();
    text.lines()
        .filter(|line| line.starts_with('|'))
        .skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            cells.map(|cell| if cell.is_empty() { "-" } else { cell }).collect::<Vec<_>>().join("|")
        })
        .collect()
}

#[tokio::test]
async fn rows_constants_and_nulls() {
    let session = session();
    let people = "(values
        (1, 'J.Doe@GoogleMail.com', '020 7946 0958', 'GB', 'Müller, Dr. Zoë'),
        (2, null, '(415) 555-0132', 'US', 'Test Customer'),
        (3, 'noreply@example.com', null, null, null),
        (4, 'info@example.com', '+1 415 555 0132', null, 'O''Brien')
        ) as people (id, email, phone, region, name)";
    let cases: [(&str, &[&str]); 13] = [
        ("normalize_email(email)", &["jdoe@gmail.com", "-", "-", "info@example.com"]),
        ("is_placeholder_email(email)", &["false", "-", "true", "false"]),
        ("is_shared_mailbox(email)", &["false", "-", "false", "true"]),
        ("normalize_phone(phone, region)", &["+442079460958", "+14155550132", "-", "+14155550132"]),
        ("normalize_phone(phone, 'US')", &["-", "+14155550132", "-", "+14155550132"]),
        ("normalize_phone('020 7946 0958', region)", &["+442079460958", "-", "-", "-"]),
        ("normalize_name(name)", &["zoe muller", "-", "-", "obrien"]),
        ("normalize_handle('twitter', '@' || region)", &["x:gb", "x:us", "-", "-"]),
        ("normalize_identifier(region)", &["GB", "US", "-", "-"]),
        ("normalize_postcode('sw1a1aa', region)", &["SW1A 1AA", "-", "SW1A1AA", "SW1A1AA"]),
        ("normalize_address(name)", &["muller dr zoe", "test customer", "-", "obrien"]),
        ("case when id = 2 then sentiment_scorer() end", &["-", "vader-3.3.2/1", "-", "-"]),
        (
            "json_text('{\"a\": {\"GB\": [1, null]}}', '/a/' || region)",
            &["[1,null]", "-", "-", "-"],
        ),
    ];
    for (expression, expected) in cases {
        let sql = format!("select {expression} from {people} order by id");
        assert_eq!(lines(&session, &sql).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn constants_are_folded() {
    let session = session();
    let cases = [
        ("normalize_email('A@B.com')", "a@b.com"),
        ("normalize_email(null)", "-"),
        ("normalize_phone('020 7946 0958', null)", "-"),
        ("normalize_handle(null, 'https://x.com/Jane')", "x:jane"),
        ("json_text('{\"a\":\"b\"}', 'a')", "b"),
        ("json_text('{\"a\":null}', 'a')", "-"),
        ("json_text('{', 'a')", "-"),
        ("json_text('{\"a\":1.50}', 'a')", "1.5"),
        ("sentiment('The book was good.')", "0.4404"),
        ("sentiment('The book was good.', 'en')", "0.4404"),
        ("sentiment('The book was good.', null)", "0.4404"),
        ("sentiment('The book was good.', 'de')", "-"),
        ("sentiment('The book was good.', 'xx')", "-"),
        ("sentiment('The book was good.', 'Klingon')", "-"),
        ("sentiment('Die Lieferung kam viel zu spät, ich bin sehr enttäuscht')", "-"),
        ("sentiment('Where is my order?', 'en')", "0.0000"),
        ("sentiment(null)", "-"),
        ("sentiment_scorer()", "vader-3.3.2/1"),
        ("round(wilson_lower(81, 263), 4)", "0.2553"),
        ("round(wilson_upper(81, 263), 4)", "0.3662"),
        ("round(wilson_upper(81, 263, 1), 4)", "0.3371"),
        ("wilson_lower(0, 0)", "-"),
        ("wilson_lower(null, 3)", "-"),
        ("wilson_lower(1, 3, null)", "-"),
        ("round(nps_standard_error(300, 200, 100), 3)", "3.043"),
        ("nps_standard_error(0, 0, 0)", "-"),
        ("business_date(timestamp '2024-06-30 23:30:00', 'Europe/London')", "2024-07-01"),
        ("business_date(timestamp '2024-06-30 23:30:00+00:00', 'America/New_York')", "2024-06-30"),
        ("business_date(timestamp '1969-12-31 23:59:59.999', 'UTC')", "1969-12-31"),
        ("local_instant('2024-07-01 12:00', 'Europe/London')", "2024-07-01T11:00:00Z"),
        ("local_instant('2024-07-01T12:00:15.25', 'Europe/London')", "2024-07-01T11:00:15.250Z"),
        ("local_instant('2024-07-01', 'Europe/London')", "2024-06-30T23:00:00Z"),
        ("local_instant('2024-07-01T12:00:00Z', 'Europe/London')", "2024-07-01T12:00:00Z"),
        ("local_instant('2024-07-01 12:00:00+0200', 'Europe/London')", "2024-07-01T10:00:00Z"),
        ("local_instant('soon', 'Europe/London')", "-"),
        ("local_instant(timestamp '2024-01-01 12:00:00', 'Europe/London')", "2024-01-01T12:00:00Z"),
        ("local_instant(date '2024-07-01', 'Europe/Berlin')", "2024-06-30T22:00:00Z"),
        // Shown twice: the earlier, still summer time.
        ("local_instant('2024-10-27 01:30', 'Europe/London')", "2024-10-27T00:30:00Z"),
        // Never shown.
        ("local_instant('2024-03-31 01:30', 'Europe/London')", "-"),
        (
            "business_minutes(timestamp '2024-03-04 08:00:00', timestamp '2024-03-04 10:00:00', 'desk')",
            "60",
        ),
        // 1 May 2024 is a Wednesday, and free.
        (
            "business_minutes(timestamp '2024-05-01 00:00:00', timestamp '2024-05-02 00:00:00', 'desk')",
            "0",
        ),
        (
            "business_minutes(timestamp '2024-03-04 08:00:00', timestamp '2250-01-01 00:00:00', 'desk')",
            "-",
        ),
        ("business_minutes(timestamp '2024-03-04 08:00:00', null, 'desk')", "-"),
        ("kaplan_meier_survival([1, 1, 0, 2, 1, 0], 1)", "0.5"),
        ("kaplan_meier_survival([], 1)", "-"),
        ("kaplan_meier_survival(null, 1)", "-"),
        ("quantile_of([], 0.5)", "-"),
        ("distinct_estimate([])", "0"),
        ("markov_channels([])", "-"),
        (
            "markov_credits(['(start)', 'a', '1', 'a', '(conversion)', '1'], cast(12.5 as decimal(18, 1)))",
            "[12.5000]",
        ),
        ("fifo_balance([])", "0"),
        ("fifo_balance(null)", "-"),
        ("fifo_lots_after([1, 5, 3, 7], date '1970-01-02')", "[3, 7]"),
        ("fifo_lot_days([1, 5, 3, 7])", "[1970-01-02, 1970-01-04]"),
        ("fifo_lot_points([1, 5, 3, 7])", "[5, 7]"),
        ("days_between(date '2024-02-28', date '2024-03-01')", "2"),
        ("days_between(date '2024-02-28', null)", "-"),
        (
            "seconds_between(timestamp '2024-02-28 00:00:01.5', timestamp '2024-02-28 00:00:00')",
            "-2",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(
            lines(&session, &format!("select {expression}")).await,
            [expected],
            "{expression}"
        );
    }
}

#[tokio::test]
async fn every_representation_of_text_is_accepted_and_plain_text_returned() {
    let texts = vec![Some("A@b.com"), None, Some("A@b.com"), Some("-")];
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts.clone())),
        Arc::new(
            texts
                .into_iter()
                .collect::<arrow::array::DictionaryArray<arrow::datatypes::Int32Type>>(),
        ),
    ];
    for column in columns {
        let session = session();
        let batch = RecordBatch::try_from_iter_with_nullable([("email", column, true)]).unwrap();
        session.register_batch("contacts", batch).unwrap();
        let sql = "select normalize_email(email) as email from contacts";
        let batches = run(&session, sql).await.unwrap();
        let column = batches[0].column(0);
        let emails = column.as_any().downcast_ref::<StringArray>().unwrap();
        let emails: Vec<Option<&str>> = emails.iter().collect();
        assert_eq!(emails, [Some("a@b.com"), None, Some("a@b.com"), None]);
        assert_eq!(column.null_count(), 2);
    }
}

#[tokio::test]
async fn parameters_can_be_bound() {
    let session = session();
    let sql = "select normalize_phone('020 7946 0958', $region) as phone,
        business_date(timestamp '2024-06-30 23:30:00', $zone) as day";
    let frame = session.sql(sql).await.unwrap();
    let values =
        vec![("region", ScalarValue::from("GB")), ("zone", ScalarValue::from("Europe/London"))];
    let bound = frame.with_param_values(values).unwrap().collect().await.unwrap();
    let text = pretty_format_batches(&bound).unwrap().to_string();
    assert!(text.contains("+442079460958") && text.contains("2024-07-01"), "{text}");
}

#[tokio::test]
async fn mistakes_are_named() {
    let session = session();
    let cases = [
        ("normalize_email(1)", "normalize_email(text) takes text as `text`, not Int64"),
        ("normalize_email()", "normalize_email(text) was called with 0 arguments"),
        ("sentiment_scorer('en')", "sentiment_scorer() was called with 1 arguments"),
        ("sentiment('a', 'b', 'c')", "sentiment(text[, language]) was called with 3 arguments"),
        ("normalize_phone('1', 'England')", "`England` is not a region"),
        (
            "business_date(timestamp '2024-01-01', 'Europe/Londn')",
            "`Europe/Londn` is not a time zone, expected a name of the IANA database, did you mean `Europe/London`?",
        ),
        (
            "local_instant(local_instant('2024-01-01', 'UTC'), 'UTC')",
            "takes a timestamp without a zone",
        ),
        ("wilson_lower(3, 2)", "a Wilson interval of 3 of 2 counts more than there are"),
        ("nps_standard_error(-1, 0, 0)", "counts below nothing"),
        (
            "business_minutes(timestamp '2024-01-01', timestamp '2024-01-02', 'dsk')",
            "`dsk` is not a schedule of the project, did you mean `desk`?",
        ),
        ("kaplan_meier_median([1, 2])", "these are no counted durations of kaplan_meier()"),
        ("kaplan_meier_median([1, null, 2])", "has a null in it"),
        ("kaplan_meier_median('a')", "takes a list of integers as `state`, not Utf8"),
        ("kaplan_meier_lower([1, 1, 1], 1, -1)", "an interval needs a quantile of at least 0"),
        ("quantile_of([1, 1], 1.5)", "a quantile's share lies between 0 and 1"),
        ("distinct_estimate([0])", "this is no sketch of distinct_sketch()"),
        ("markov_channels(['a'])", "these are no transitions of markov_transitions()"),
        ("markov_credits(['a'], 1.23456)", "takes a decimal of up to four digits"),
        ("fifo_balance([1])", "these are no lots of fifo_lots()"),
        ("kaplan_meier(-1, true)", "kaplan_meier(): a duration of -1 ends before it begins"),
        ("kaplan_meier(1.5, true)", "takes an integer as `duration`"),
        ("kaplan_meier(distinct 1, true)", "kaplan_meier() counts every row: leave `distinct` out"),
        ("quantile_sketch('a')", "quantile_sketch(value) takes a number as `value`"),
        ("quantile_sketch(cast('nan' as double))", "is no number to tell quantiles of"),
        ("merge_distinct([0])", "merge_distinct(): this is no sketch of distinct_sketch()"),
        ("distinct_sketch(1.5)", "takes text, an integer or a date as `value`"),
        ("markov_transitions(['(null)'], true)", "stands for an end of a path"),
        ("markov_transitions(['a'], true, -1)", "-1 people cannot have taken a path"),
        ("fifo_lots(1, date '2024-01-01', [1])", "fifo_lots(): these are no lots"),
    ];
    for (expression, expected) in cases {
        let error = run(&session, &format!("select {expression}")).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expression}: {error}");
    }
    // A zone in a column is known only row by row.
    let sql = "select business_date(timestamp '2024-01-01', zone) from (values ('UTC'), ('Mars')) as zones (zone)";
    let error = run(&session, sql).await.unwrap_err().to_string();
    assert!(error.contains("`Mars` is not a time zone"), "{error}");
    // As is a schedule; without any, it says where they come from.
    let sql =
        "select business_minutes(now(), now(), name) from (values ('desk'), ('x')) as t (name)";
    let error = run(&session, sql).await.unwrap_err().to_string();
    assert!(error.contains("`x` is not a schedule of the project"), "{error}");
    let without = SessionContext::new();
    all().into_iter().for_each(|function| without.register_udf(function.as_ref().clone()));
    let sql = "select business_minutes(now(), now(), 'desk')";
    let error = run(&without, sql).await.unwrap_err().to_string();
    assert!(error.contains("the project declares none (`schedules:` in its settings)"), "{error}");
}

#[tokio::test]
async fn business_minutes_of_each_rows_schedule() {
    let session = session();
    let sql = "select business_minutes(
            timestamp '2024-03-10 12:00:00', timestamp '2024-03-11 16:00:00', schedule)
        from (values (1, 'desk'), (2, 'shop'), (3, null), (4, 'desk')) as t (id, schedule)
        order by id";
    // New York's Sunday until its midnight (clocks went forward: 04:00 UTC) is 16 hours, and
    // Monday from 10:00, 14:00 UTC, two.
    assert_eq!(lines(&session, sql).await, ["420", "1080", "-", "420"]);
}

/// The leukaemia data of the survival algorithm's test.
#[tokio::test]
async fn the_kaplan_meier_functions_agree_with_what_is_published() {
    let session = session();
    let rows = "(values (6, true), (6, true), (6, true), (6, false), (7, true), (9, false),
        (10, true), (10, false), (11, false), (13, true), (16, true), (17, false), (19, false),
        (20, false), (22, true), (23, true), (25, false), (32, false), (32, false), (34, false),
        (35, false), (null, true), (5, null)) as remissions (weeks, is_over)";
    let sql = format!(
        "select round(kaplan_meier_survival(state, 6), 3), round(kaplan_meier_survival(state, 10), 3),
            round(kaplan_meier_survival(state, 23), 3), kaplan_meier_survival(state, 36),
            round(kaplan_meier_standard_error(state, 10), 4), round(kaplan_meier_lower(state, 10), 3),
            round(kaplan_meier_upper(state, 10), 3), round(kaplan_meier_lower(state, 10, 1), 3),
            kaplan_meier_median(state), kaplan_meier_quantile(state, 0.25),
            kaplan_meier_quantile_lower(state, 0.5), kaplan_meier_quantile_upper(state, 0.5)
        from (select kaplan_meier(weeks, is_over) as state from {rows})"
    );
    let expected = "0.857|0.753|0.448|-|0.0963|0.503|0.889|0.641|23|13|13|-";
    assert_eq!(lines(&session, &sql).await, [expected]);
}

#[tokio::test]
async fn credit_is_told_by_channel() {
    let session = session();
    let sql = "with paths (path, is_converted, path_count) as (values
            (['c1', 'c2', 'c3'], true, 1), (['c1'], false, 1), (['c2', 'c3'], false, 1),
            (null, true, 9), ([], true, 9), (['c1'], null, 9)),
        counted as (select markov_transitions(path, is_converted, path_count) as state from paths)
        select unnest(markov_channels(state)) as channel,
            unnest(markov_removal_effects(state)) as effect,
            unnest(markov_credits(state, cast(100.01 as decimal(18, 2)))) as credit
        from counted";
    let expected = ["c1|0.5|20.0020", "c2|1.0|40.0040", "c3|1.0|40.0040"];
    assert_eq!(lines(&session, sql).await, expected);
}

#[tokio::test]
async fn lots_go_on_from_yesterdays() {
    let session = session();
    let sql = "with yesterday as (
            select account, fifo_lots(points, day) as lots
            from (values ('a', 100, date '2024-03-01'), ('a', 50, date '2024-03-03'),
                ('b', 5, date '2024-03-03')) as entries (account, points, day)
            group by account),
        both as (
            select account, cast(null as bigint) as points, cast(null as date) as day, lots
            from yesterday
            union all
            values ('a', -120, date '2024-03-05', null), ('a', 40, date '2024-03-05', null),
                ('c', -7, date '2024-03-05', null)),
        today as (
            select account, fifo_lots(points, day, lots) as lots from both group by account)
        select account, fifo_balance(lots), fifo_points_until(lots, date '2024-03-04'),
            fifo_lot_days(lots), fifo_lot_points(lots)
        from today order by account";
    let expected = [
        "a|70|30|[2024-03-03, 2024-03-05]|[30, 40]",
        "b|5|5|[2024-03-03]|[5]",
        "c|-7|0|[2024-03-05]|[-7]",
    ];
    assert_eq!(lines(&session, sql).await, expected);
}

/// What an aggregate returns does not depend on the rows' order, on how they are parted among
/// threads and batches, nor on whether they are merged at once or by groups.
#[tokio::test]
async fn aggregates_are_the_same_however_rows_are_parted() {
    let rows = |order: &str| {
        format!(
            "(select value as id, value % 97 as number, value % 5 = 0 as flag,
                value % 1301 as person, value % 3 as grp,
                case when value % 4 = 0 then -(value % 50) else value % 31 end as points,
                cast(cast(19723 + value % 60 as integer) as date) as day,
                [cast(value % 4 as varchar), cast(value % 7 as varchar)] as path
             from generate_series(1, 4000) order by {order})"
        )
    };
    let calls = [
        "kaplan_meier(number, flag)",
        "quantile_sketch(number * 1.7)",
        "distinct_sketch(person)",
        "distinct_sketch(cast(person as varchar))",
        "distinct_sketch(day)",
        "markov_transitions(path, flag)",
        "fifo_lots(points, day)",
        "quantile_sketch(number) filter (where flag)",
        "sorted_list(cast(person as varchar))",
    ];
    let merges = [
        ("kaplan_meier(number, flag)", "merge_kaplan_meier"),
        ("quantile_sketch(number * 1.7)", "merge_quantiles"),
        ("distinct_sketch(person)", "merge_distinct"),
        ("markov_transitions(path, flag)", "merge_markov"),
    ];
    let mut all = vec![];
    for (partitions, batch, order, probe) in [
        (1, 8192, "id", 0.8),
        (3, 64, "id desc", 0.8),
        (8, 17, "person, points", 0.8),
        // Nothing is gathered before rows go to the thread of their group.
        (4, 100, "points, id desc", 0.0),
    ] {
        let config = datafusion::prelude::SessionConfig::new()
            .with_target_partitions(partitions)
            .with_batch_size(batch)
            .set_usize("datafusion.execution.skip_partial_aggregation_probe_rows_threshold", 1)
            .set(
                "datafusion.execution.skip_partial_aggregation_probe_ratio_threshold",
                &ScalarValue::from(probe),
            );
        let session = session_of(SessionContext::new_with_config(config));
        let mut told = vec![];
        for call in calls {
            let whole = format!("select {call} from {}", rows(order));
            told.extend(lines(&session, &whole).await);
            for group in ["grp", "id % 1500"] {
                let sql = format!(
                    "select {group} as key, {call} as kept from {} group by {group} order by key",
                    rows(order)
                );
                told.extend(lines(&session, &sql).await);
            }
        }
        for (call, merge) in merges {
            let whole = lines(&session, &format!("select {call} from {}", rows("id"))).await;
            let parts = format!("select {call} as kept from {} group by id % 40", rows(order));
            let merged = lines(&session, &format!("select {merge}(kept) from ({parts})")).await;
            assert_eq!(whole, merged, "{merge}");
        }
        all.push(told);
    }
    assert!(all[0].len() > 10_000);
    for told in &all[1..] {
        assert!(*told == all[0]);
    }
}

#[tokio::test]
async fn aggregates_of_nothing_are_empty() {
    let session = session();
    for call in [
        "kaplan_meier(null, true)",
        "merge_kaplan_meier(null)",
        "quantile_sketch(null)",
        "distinct_sketch(null)",
        "markov_transitions(null, true)",
        "fifo_lots(null, null)",
        "sorted_list(null)",
    ] {
        let none = format!("select {call} from (values (1)) as t (a) where a = 2");
        assert_eq!(lines(&session, &none).await, ["[]"], "{call}");
        assert_eq!(lines(&session, &format!("select {call}")).await, ["[]"], "{call}");
    }
}

#[test]
fn every_function_is_documented_once() {
    let (functions, aggregates) = (all(), aggregates());
    let mut named: Vec<(&str, Option<&Documentation>)> =
        functions.iter().map(|function| (function.name(), function.documentation())).collect();
    named.extend(aggregates.iter().map(|one| (one.name(), one.documentation())));
    named.sort_by_key(|(name, _)| *name);
    assert!(named.windows(2).all(|pair| pair[0].0 != pair[1].0));
    for (name, documentation) in named {
        let documentation = documentation.unwrap();
        assert!(!documentation.description.is_empty(), "{name}");
        assert!(documentation.syntax_example.starts_with(name));
    }
}

/// What the functions returned when `FUNCTIONS_VERSION` was last raised. Where this test fails,
/// results have changed, by our code or a dependency's: raise the version, then the hash here.
#[tokio::test]
async fn results_are_those_of_the_version() {
    let session = session();
    let mut results = String::new();
    for (name, arguments) in CORPUS {
        for argument in *arguments {
            let lines = lines(&session, &format!("select {name}({argument})")).await;
            results.push_str(&format!("{name}({argument}) = {}\n", lines.join(",")));
        }
    }
    let actual = (FUNCTIONS_VERSION, ContentHash::of(results.as_bytes()).short());
    assert_eq!(actual, ("1", "5aa2128ab532".to_owned()), "{results}");
}

const CORPUS: &[(&str, &[&str])] = &[
    (
        "normalize_email",
        &["'J.Doe+a@Gmail.com'", "'a+b@outlook.com'", "'a+b@example.com'", "'none@none.com'"],
    ),
    (
        "normalize_phone",
        &[
            "'020 7946 0958', 'GB'",
            "'0151 23456789', 'DE'",
            "'06 12 34 56 78', 'FR'",
            "'(212) 555-0100', 'US'",
            "'+353 1 555 0142', null",
            "'06 12345678', 'NL'",
            "'0412 345 678', 'AU'",
            "'098765 40123', 'IN'",
            "'+55 11 91234-5678', null",
            "'+86 138 1234 5678', null",
            "'090-3456-1278', 'JP'",
        ],
    ),
    ("normalize_name", &["'Dr. Zoë Müller-Łęcka, PhD'", "'Null, Ann'", "'guest 7'"]),
    ("normalize_address", &["'Flat 2, 12-14 St. John''s Road'"]),
    ("normalize_postcode", &["'ec1v9lt', 'GB'", "'2139', 'US'", "'1012 ab', 'NL'"]),
    ("normalize_handle", &["'x', '@Jane'", "null, 'https://www.facebook.com/jane.doe'"]),
    ("normalize_identifier", &["' 17850.0'", "'n/a'"]),
    (
        "sentiment",
        &[
            "'The service was absolutely horrible, I am furious!!!'",
            "'Not bad at all, thank you so much :)'",
            "'Die Lieferung war super'",
            "'😍 love it'",
        ],
    ),
    ("sentiment_scorer", &[""]),
    ("wilson_lower", &["15, 148", "1, 29, 2.5758"]),
    ("wilson_upper", &["15, 148", "1, 29, 2.5758"]),
    ("nps_standard_error", &["50, 33, 17"]),
    (
        "local_instant",
        &["'2024-10-27 01:30', 'Europe/London'", "'2011-12-30 12:00', 'Pacific/Apia'"],
    ),
    ("business_date", &["timestamp '2024-03-10 07:30:00', 'America/Los_Angeles'"]),
    (
        "business_minutes",
        &["timestamp '2024-03-08 12:00:00', timestamp '2024-03-12 12:00:00', 'shop'"],
    ),
    ("kaplan_meier_lower", &["[6, 3, 1, 7, 1, 0, 10, 1, 1], 7"]),
    ("kaplan_meier_quantile_upper", &["[6, 3, 1, 7, 1, 0, 10, 2, 0], 0.5"]),
    ("quantile_sketch", &["1234.5"]),
    ("quantile_upper", &["[130944, 10, 131584, 30], 0.3"]),
    ("distinct_sketch", &["'C-1'", "17850"]),
    ("distinct_estimate", &["[65, 129, 194, 260]"]),
    ("markov_transitions", &["['email', 'web'], true, 3"]),
    (
        "markov_credits",
        &["['(start)', 'a', '2', '(start)', 'b', '1', 'a', '(conversion)', '1', 'a', 'b', '1', \
           'b', '(conversion)', '1', 'b', '(null)', '1'], 100"],
    ),
    ("fifo_lots", &["-5, date '2024-03-10', [19700, 3]"]),
];

#[tokio::test]
async fn a_sorted_list_is_an_ordered_array_of_what_is_not_null() {
    let session = session();
    let rows = "(select value % 7 as grp,
            case when value % 11 > 0
                then letters[value % 3 + 1] || cast(value % 50 as varchar) end as text
        from (select value, ['Ä', 'a', 'B'] as letters from generate_series(1, 900)))";
    let asked = |call: &str| {
        format!(
            "select grp, {call} as list from {rows} where text is not null group by grp
            order by grp"
        )
    };
    let sorted = lines(&session, &asked("sorted_list(text)")).await;
    assert_eq!(sorted.len(), 7);
    assert_eq!(sorted, lines(&session, &asked("array_agg(text order by text)")).await);
    let some = "select sorted_list(a) from (values ('b'), ('Z'), (null), ('b'), ('')) as t (a)";
    assert_eq!(lines(&session, some).await, ["[, Z, b, b]"]);
}

#[tokio::test]
async fn lists_add_up_position_by_position() {
    let session = session();
    let rows = "(values
        (1, make_array(1, 2, 3)), (1, make_array(10, null)), (2, null), (3, make_array(-1)),
        (1, null), (3, make_array()), (4, make_array())
        ) as rows (id, counts)";
    let grouped = format!("select id, sum_lists(counts) from {rows} group by id order by id");
    let expected = ["1|[11, 2, 3]", "2|-", "3|[-1]", "4|[]"];
    assert_eq!(lines(&session, &grouped).await, expected);
    let filtered = format!("select sum_lists(counts) filter (where id <> 1) from {rows}");
    assert_eq!(lines(&session, &filtered).await, ["[-1]"]);
    let nothing = format!("select sum_lists(counts) from {rows} where id = 9");
    assert_eq!(lines(&session, &nothing).await, ["-"]);

    // The same on any number of threads, with groups enough to be emitted in several batches.
    let many = "select k, sum_lists(make_array(v, 1, v % 7)) as sums
        from (select value % 20000 as k, value as v from generate_series(1, 60000))
        group by k";
    let told = format!("select sum(sums[1]), sum(sums[2]), sum(sums[3]) from ({many})");
    assert_eq!(lines(&session, &told).await, ["1800030000|60000|179997"]);
    let one = SessionContext::new_with_config(
        datafusion::prelude::SessionConfig::new().with_target_partitions(1),
    );
    for aggregate in aggregates() {
        one.register_udaf(aggregate.as_ref().clone());
    }
    let ordered = format!("{many} order by k");
    assert_eq!(run(&one, &ordered).await.unwrap()[0], run(&session, &ordered).await.unwrap()[0]);

    for (call, told) in [
        ("sum_lists(id)", "takes a list of integers, not Int64"),
        ("sum_lists(counts, id)", "was called with 2 arguments"),
        ("sum_lists(make_array(1.5))", "takes a list of integers"),
        ("sum_lists(distinct counts), count(distinct id)", "leave `distinct` out"),
        ("sum_lists(make_array(9223372036854775807, id))", "exceeds what an integer can hold"),
    ] {
        let error = run(&session, &format!("select {call} from {rows}")).await.unwrap_err();
        assert!(error.to_string().contains(told), "{call}: {error}");
    }
}
