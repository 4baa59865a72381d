//! Who goes from rows, and what stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Date32Array, Int64Array, RecordBatch, StringArray,
};

use super::*;
use crate::algorithms::normalise::{is_placeholder_email, normalize_email, normalize_phone};
use crate::exports::Source;

fn secret() -> Secret {
    Secret::of("a secret of the tests")
}

fn erasing(identifiers: &[(&str, &str)]) -> Erasing {
    let read = |(namespace, text): &(&str, &str)| Identifier::read(namespace, text, Some("GB"));
    let identifiers: Vec<Identifier> = identifiers.iter().map(|one| read(one).unwrap()).collect();
    let namespaces = identifiers.iter().map(|one| one.namespace.clone()).collect();
    let hashes: BTreeSet<_> = identifiers.iter().map(|one| secret().hash(one)).collect();
    Erasing::new(secret(), Some("GB".to_string()), namespaces, hashes)
}

fn contacts() -> Roles {
    let source = "description: d\nlocation: 'x/{dt}.csv'\nformat: csv\nload: events\ncolumns:\n\
        - {name: number, type: string, identifies: [crm]}\n\
        - {name: email, type: string, personal: email}\n\
        - {name: phone, type: string, personal: phone}\n\
        - {name: device, type: string, personal: identifier}\n\
        - {name: born, type: date, personal: birth}\n\
        - {name: comment, type: string, personal: text}\n\
        - {name: city, type: string}\n\
        - {name: amount, type: integer}\n";
    Roles::of(&Source::parse("contacts", source).unwrap())
}

type Contact<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a str);

/// Rows of number, e-mail, phone and comment; each of one day, device, city and amount.
fn rows(contacts: &[Contact]) -> RecordBatch {
    let text = |of: fn(&Contact) -> Option<String>| -> ArrayRef {
        Arc::new(contacts.iter().map(of).collect::<StringArray>())
    };
    let count = contacts.len();
    RecordBatch::try_from_iter_with_nullable([
        ("number", text(|one| one.0.map(Into::into)), true),
        ("email", text(|one| one.1.map(Into::into)), true),
        ("phone", text(|one| one.2.map(Into::into)), true),
        ("device", text(|_| Some("d-1".to_string())), true),
        ("born", Arc::new(Date32Array::from(vec![Some(1); count])) as ArrayRef, true),
        ("comment", text(|one| Some(one.3.to_string())), true),
        ("city", text(|_| Some("Ely".to_string())), true),
        ("amount", Arc::new(Int64Array::from(vec![5; count])) as ArrayRef, true),
    ])
    .unwrap()
}

/// The texts of a column.
fn column<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(name).unwrap().as_string::<i32>().iter().collect()
}

#[test]
fn a_persons_row_keeps_what_is_nobodys() {
    let batch = rows(&[
        (Some("C-1"), Some("Ada@Example.com"), Some("020 7946 0958"), "Ada was here"),
        (Some("C-2"), Some("grace@example.com"), None, "Grace was here"),
    ]);
    let (erased, found) = erasing(&[("crm", "c-1")]).rows(&contacts(), &batch).unwrap();
    assert_eq!(found.row_count, 1);
    for name in ["number", "email", "phone", "device", "comment"] {
        let (before, after) = (column(&batch, name), column(&erased, name));
        assert_ne!(after[0], before[0], "{name}");
        assert!(after[0].is_some(), "{name}");
        assert_eq!(after[1], before[1], "{name}");
    }
    assert!(!column(&erased, "comment")[0].unwrap().contains("Ada"));
    let born = erased.column_by_name("born").unwrap();
    assert!(born.is_null(0) && born.is_valid(1));
    for name in ["city", "amount"] {
        assert_eq!(erased.column_by_name(name), batch.column_by_name(name), "{name}");
    }
}

#[test]
fn an_identifier_has_one_token_wherever_it_stands() {
    let batch = rows(&[
        (Some("C-1"), Some("Ada@Example.com"), Some("020 7946 0958"), ""),
        (None, Some(" ada@example.com "), Some("+442079460958"), ""),
        (None, Some("grace@example.com"), None, ""),
    ]);
    let erasing = erasing(&[("crm", "C-1"), ("email", "ada@example.com")]);
    let (erased, found) = erasing.rows(&contacts(), &batch).unwrap();
    assert_eq!(found.row_count, 2);
    for name in ["email", "phone"] {
        let after = column(&erased, name);
        assert_eq!(after[0], after[1], "{name}");
    }
    // Doing it again changes nothing.
    let (again, found) = erasing.rows(&contacts(), &erased).unwrap();
    assert_eq!((again, found), (erased, Found::default()));
}

#[test]
fn somebody_elses_row_keeps_its_name() {
    // Both gave the same address; the record says whose row it is.
    let batch = rows(&[(Some("C-2"), Some("ada@example.com"), None, "Grace was here")]);
    let erasing = erasing(&[("crm", "C-1"), ("email", "ada@example.com")]);
    let (erased, found) = erasing.rows(&contacts(), &batch).unwrap();
    assert_eq!(found.row_count, 1);
    assert_eq!(column(&erased, "number"), [Some("C-2")]);
    assert_eq!(column(&erased, "comment"), [Some("Grace was here")]);
    assert!(column(&erased, "email")[0].unwrap().ends_with("@erased.invalid"));
}

#[test]
fn a_key_is_a_persons_only_in_its_system() {
    let source = "description: d\nlocation: 'x/{dt}.csv'\nformat: csv\nload: events\ncolumns:\n\
        - {name: system, type: string}\n\
        - {name: key, type: string, identifies: [\"{system}\"]}\n";
    let roles = Roles::of(&Source::parse("links", source).unwrap());
    let texts = |texts: [&str; 3]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("system", texts(["crm", "shop", "crm"])),
        ("key", texts(["1", "1", "2"])),
    ])
    .unwrap();
    let (erased, found) = erasing(&[("crm", "1")]).rows(&roles, &batch).unwrap();
    assert_eq!(found.row_count, 1);
    assert_eq!(column(&erased, "key")[1..], [Some("1"), Some("2")]);
    let wrong = source.replace("{system}", "{sistem}");
    assert!(Source::parse("links", &wrong).is_err());
}

#[test]
fn tokens_are_read_as_what_they_stand_for_and_are_nobodys() {
    let (text, other) = ("ada@example.com", "grace@example.com");
    let token = |text| secret().token(&Identifier::read("email", text, None).unwrap());
    assert_eq!(normalize_email(&token(text)), Some(token(text)));
    assert!(!is_placeholder_email(&token(text)));
    assert_ne!(token(text), token(other));
    let with_other_key = Secret::of("another");
    let ada = Identifier::read("email", text, None).unwrap();
    assert_ne!(with_other_key.token(&ada), token(text));
    assert_ne!(with_other_key.hash(&ada), secret().hash(&ada));
    assert_ne!(with_other_key.check(), secret().check());
    for number in 0..1000 {
        let number = format!("+44207946{number:04}");
        let token = secret().token(&Identifier::read("phone", &number, None).unwrap());
        assert_eq!(normalize_phone(&token, Some("GB")), Some(token.clone()), "{number}");
    }
    let ada = Identifier::read("crm", "C-1", None).unwrap();
    assert_eq!(format!("{ada:?} {:?}", secret()), "crm:… Secret");
}

#[test]
fn a_quarantined_record_goes_whole() {
    let erasing =
        erasing(&[("email", "ada@example.com"), ("crm", "C-1"), ("phone", "020 7946 0958")]);
    for record in [
        "C-1,,lots",
        "7,ADA@example.com,web",
        "{\"number\": \"C-1\"}",
        "x;+44 20 7946 0958;y",
        "write to ada@example.com please",
    ] {
        assert!(erasing.is_in_record(record), "{record}");
    }
    for record in ["C-12,,lots", "7,grace@example.com", "x;+44 20 7946 0959;y", ""] {
        assert!(!erasing.is_in_record(record), "{record}");
    }
}

fn members() -> Roles {
    let source = "description: d\nlocation: 'x/{dt}.csv'\nformat: csv\nload: events\ncolumns:\n\
        - {name: card, type: string, identifies: [loyalty]}\n\
        - {name: surname, type: string, personal: name}\n\
        - {name: forename, type: string, personal: name}\n\
        - {name: born, type: date, formats: ['%d/%m/%Y'], personal: birth}\n";
    Roles::of(&Source::parse("members", source).unwrap())
}

type Member<'a> = (Option<&'a str>, &'a str, &'a str, &'a str);

/// Rows of card, surname, forename and day of birth.
fn member_rows(members: &[Member]) -> RecordBatch {
    let text = |of: fn(&Member) -> Option<String>| -> ArrayRef {
        Arc::new(members.iter().map(of).collect::<StringArray>())
    };
    let born = members.iter().map(|one| {
        let day: crate::dates::Day = one.3.parse().unwrap();
        Some(day.to_epoch())
    });
    RecordBatch::try_from_iter_with_nullable([
        ("card", text(|one| one.0.map(Into::into)), true),
        ("surname", text(|one| Some(one.1.to_string())), true),
        ("forename", text(|one| Some(one.2.to_string())), true),
        ("born", Arc::new(born.collect::<Date32Array>()) as ArrayRef, true),
    ])
    .unwrap()
}

#[test]
fn a_name_is_a_persons_with_their_day_of_birth_and_where_no_key_says_otherwise() {
    let (born, other) = ("1815-12-10", "1816-12-10");
    let batch = member_rows(&[
        (Some("7"), "Lovelace", "Ada", born),
        (None, "LOVELACE", "Dr. Ada", born),
        (None, "King", "Ada Lovelace", born),
        // Namesakes: by another day of birth, by half of a name, by a key of their own.
        (None, "Lovelace", "Ada", other),
        (None, "Lovelace", "Anne", born),
        (Some("8"), "Lovelace", "Ada", born),
    ]);
    let by_card = erasing(&[("loyalty", "7")]);
    let (_, found) = by_card.rows(&members(), &batch).unwrap();
    assert_eq!(found.row_count, 1);
    let descriptions = by_card.descriptions(&members(), &batch).unwrap();
    assert_eq!(descriptions.len(), 1);
    let erasing = by_card.with_descriptions(descriptions);
    let (erased, found) = erasing.rows(&members(), &batch).unwrap();
    assert_eq!(found, Found { row_count: 3, namesake_count: 1 });
    for row in 0..6 {
        let is_gone = row < 3;
        assert_eq!(column(&erased, "forename")[row].is_none(), is_gone, "{row}");
        assert_eq!(erased.column_by_name("born").unwrap().is_null(row), is_gone, "{row}");
    }
    for record in
        ["Lovelace,Ada,10/12/1815,?", "{\"name\": \"Ada Lovelace\", \"born\": \"1815-12-10\"}"]
    {
        assert!(erasing.is_in(&members(), record), "{record}");
    }
    for record in
        ["Lovelace,Ada,10/12/1816", "Lovelace,Anne,10/12/1815", "Lovelace,Ada", "10/12/1815"]
    {
        assert!(!erasing.is_in(&members(), record), "{record}");
    }
    // Half a name describes nobody.
    let half = member_rows(&[(Some("7"), "", "Ada", born)]);
    assert!(erasing.descriptions(&members(), &half).unwrap().is_empty());
}
