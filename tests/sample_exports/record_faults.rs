//! What is wrong with a person's record is in the ledger with every row that tells the record: a
//! snapshot tells it anew each day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::contact_points::records;
use super::{Fault, Sample, content};
use crate::harness::files_below;

/// Addresses that reach nobody, as they are typed where there is none.
const PLACEHOLDERS: [&str; 7] = [
    "noreply@example.com",
    "none@example.com",
    "test@example.com",
    "n/a",
    "noemail@example.org",
    "unknown@example.com",
    "customer@example.net",
];

/// The exports of records that have an e-mail address in a column of their own.
const SOURCES: [(&str, &str); 2] =
    [("crm_contacts", "crm/contacts"), ("loyalty_members", "loyalty/members")];

/// Panics where the rows with a placeholder for an address are not those that the ledger names.
pub fn hold(sample: &Sample, faults: &[Fault]) {
    let exports = sample.path("exports");
    for (source, folder) in SOURCES {
        let mut found: BTreeSet<(String, i64)> = BTreeSet::new();
        for path in files_below(&exports.join(folder)) {
            let file = path.strip_prefix(&exports).unwrap().to_str().unwrap();
            found.extend(rows_with_placeholder(&path).map(|row| (file.to_string(), row)));
        }
        let listed: BTreeMap<(String, i64), &Fault> = faults
            .iter()
            .filter(|fault| fault.source == source && fault.kind == "placeholder_email")
            .map(|fault| ((fault.file.clone(), fault.row.unwrap()), fault))
            .collect();
        assert_eq!(found, listed.keys().cloned().collect::<BTreeSet<_>>(), "{source}");
        assert!(found.len() > 5, "{source} has {} placeholders", found.len());
        // Each is on all the days that tell of its record, not on its first alone.
        let files: BTreeSet<&str> = found.iter().map(|(file, _)| file.as_str()).collect();
        let ids: BTreeSet<&str> = listed.values().map(|fault| fault.id.as_str()).collect();
        if source == "crm_contacts" {
            assert!(files.len() == 14 && found.len() > ids.len() * 10, "{files:?}");
        }
    }
}

/// The numbers of a file's rows, from 1, in which an e-mail address is a placeholder.
fn rows_with_placeholder(path: &Path) -> impl Iterator<Item = i64> {
    let content = content(path, &std::fs::read(path).unwrap()).unwrap();
    let mut records = records(&String::from_utf8(content).unwrap()).into_iter();
    let header = records.next().unwrap();
    let email = header.iter().position(|column| column == "email").unwrap();
    let is_placeholder = move |record: &Vec<String>| PLACEHOLDERS.contains(&record[email].as_str());
    (1..).zip(records).filter(move |(_, record)| is_placeholder(record)).map(|(row, _)| row)
}
