use arrow::array::{Array, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;

use super::*;
use crate::hash::ContentHash;

fn session() -> SessionContext {
    let session = SessionContext::new();
    for function in all() {
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
    ];
    for (expression, expected) in cases {
        let error = run(&session, &format!("select {expression}")).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expression}: {error}");
    }
    // A zone in a column is known only row by row.
    let sql = "select business_date(timestamp '2024-01-01', zone) from (values ('UTC'), ('Mars')) as zones (zone)";
    let error = run(&session, sql).await.unwrap_err().to_string();
    assert!(error.contains("`Mars` is not a time zone"), "{error}");
}

#[test]
fn every_function_is_documented_once() {
    let functions = all();
    let mut names: Vec<&str> = functions.iter().map(|function| function.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), functions.len());
    for function in &functions {
        let documentation = function.documentation().unwrap();
        assert!(!documentation.description.is_empty(), "{}", function.name());
        assert!(documentation.syntax_example.starts_with(function.name()));
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
    assert_eq!(actual, ("1", "ebdfb19749cf".to_owned()), "{results}");
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
];

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
    one.register_udaf(aggregates()[0].as_ref().clone());
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
