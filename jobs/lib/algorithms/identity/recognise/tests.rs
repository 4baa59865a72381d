use proptest::prelude::*;

use super::*;

/// A column of these values, each as often as it stands there.
fn column(name: &str, values: &[&str]) -> SampledColumn {
    let given: Vec<&&str> = values.iter().filter(|value| !value.is_empty()).collect();
    let distinct: std::collections::BTreeSet<&&str> = given.iter().copied().collect();
    SampledColumn {
        name: name.to_string(),
        row_count: values.len() as u64,
        null_count: (values.len() - given.len()) as u64,
        distinct_count: distinct.len() as u64,
        samples: given.iter().map(|value| value.to_string()).collect(),
    }
}

fn kinds(columns: &[SampledColumn]) -> Vec<Option<Kind>> {
    recognise(columns).into_iter().map(|column| column.kind).collect()
}

const GIVEN: [&str; 4] = ["Anna", "James", "Emma", "Anna"];
const IDS: [&str; 4] = ["1", "2", "3", "4"];

#[test]
fn names_of_columns_are_read_and_their_content_has_a_veto() {
    let found = recognise(&[
        column("unique_id", &IDS),
        column("first_name", &GIVEN),
        column("email", &["x@y.example", "", "z@y.example", ""]),
        // An address that is not one, and a date of birth that is an amount.
        column("mail", &["yes", "no", "yes", "no"]),
        column("dob", &["12.50", "3.20", "8.00", "9.99"]),
    ]);
    let kinds: Vec<Option<Kind>> = found.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Some(Kind::RecordId), Some(Kind::GivenName), Some(Kind::Email), None, None]);
    assert_eq!(found.last().map(|column| column.reason), Some(Reason::Contradicted));
}

#[test]
fn nothing_that_nobody_named_is_taken() {
    // The true cluster, a score and a segment lie beside the data.
    let found = kinds(&[
        column("id", &IDS),
        column("surname", &["Fox", "Hall", "Jones", "Fox"]),
        column("cluster", &["0", "0", "1", "1"]),
        column("score", &["0.3", "0.9", "0.1", "0.2"]),
        column("breed", &GIVEN),
    ]);
    assert_eq!(found, [Some(Kind::RecordId), Some(Kind::Surname), None, None, None]);
}

#[test]
fn columns_without_names_are_told_by_content() {
    let many = |of: &dyn Fn(usize) -> String| -> Vec<String> { (0..60).map(of).collect() };
    let given = [
        "anna", "james", "emma", "oliver", "sophie", "lucas", "maria", "peter", "laura", "paul",
        "julia", "karl",
    ];
    let surname = [
        "fox", "hall", "jones", "kelly", "dean", "smith", "allen", "murphy", "webb", "bryant",
        "dixon", "shaw", "moss", "lane", "hart",
    ];
    let town = [
        "leeds", "hull", "york", "derby", "bath", "oxford", "ely", "ripon", "wells", "truro",
        "durham",
    ];
    let texts: [Vec<String>; 7] = [
        many(&|i| format!("{i}")),
        many(&|i| given[i % given.len()].to_string()),
        many(&|i| surname[i % surname.len()].to_string()),
        many(&|i| format!("{}-0{}-1{}", 1940 + i, 1 + i % 9, i % 9)),
        many(&|i| if i % 2 == 0 { "M".to_string() } else { "F".to_string() }),
        many(&|i| format!("{}{i}@mail.example", given[i % given.len()])),
        many(&|i| town[i % town.len()].to_string()),
    ];
    let columns: Vec<SampledColumn> = texts
        .iter()
        .enumerate()
        .map(|(index, texts)| {
            let values: Vec<&str> = texts.iter().map(String::as_str).collect();
            column(&format!("c{index}"), &values)
        })
        .collect();
    assert_eq!(
        kinds(&columns),
        [
            Some(Kind::RecordId),
            Some(Kind::GivenName),
            Some(Kind::Surname),
            Some(Kind::BirthDate),
            Some(Kind::Sex),
            Some(Kind::Email),
            Some(Kind::City),
        ]
    );
}

#[test]
fn an_empty_column_is_nothing_whatever_its_name() {
    let found = recognise(&[column("id", &IDS), column("email", &["", "", "", ""])]);
    assert_eq!(found.last().map(|column| column.reason), Some(Reason::Empty));
    assert!(recognise(&[]).is_empty());
}

#[test]
fn the_record_id_is_unique_where_it_can_be() {
    // Named so and unique; an identifier that is; the first column that is; else what is named so.
    let fewer = ["7", "7", "8", "9"];
    let cases: [(&[SampledColumn], usize); 4] = [
        (&[column("row", &fewer), column("rec_id", &IDS)], 1),
        (&[column("surname", &fewer), column("customer_no", &IDS)], 1),
        (&[column("thing", &IDS), column("surname", &["a", "b", "b", "a"])], 0),
        (&[column("surname", &["a", "b", "b", "a"]), column("id", &fewer)], 1),
    ];
    for (columns, expected) in cases {
        let ids: Vec<usize> = (kinds(columns).iter().enumerate())
            .filter(|(_, kind)| **kind == Some(Kind::RecordId))
            .map(|(index, _)| index)
            .collect();
        assert_eq!(ids, [expected]);
    }
}

#[test]
fn an_identifier_that_hardly_differs_is_none() {
    let same: Vec<&str> = (0..100).map(|row| if row < 50 { "1001" } else { "1002" }).collect();
    let rows: Vec<String> = (0..100).map(|row| row.to_string()).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let found = recognise(&[column("id", &rows), column("account_no", &same)]);
    assert_eq!(found.last().map(|column| column.reason), Some(Reason::TooFewValues));
}

proptest! {
    #[test]
    fn whatever_a_table_holds_there_is_an_answer(
        names in proptest::collection::vec("[ -~]{0,12}", 0..6),
        values in proptest::collection::vec(".{0,12}", 0..8),
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let columns: Vec<SampledColumn> =
            names.iter().map(|name| column(name, &values)).collect();
        let found = recognise(&columns);
        prop_assert_eq!(found.len(), columns.len());
        let ids = found.iter().filter(|column| column.kind == Some(Kind::RecordId)).count();
        prop_assert!(ids <= 1);
    }
}
