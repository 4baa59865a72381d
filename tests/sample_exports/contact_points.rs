//! Nobody can be written to or called by way of the exports: e-mail addresses are under reserved
//! names, and telephone numbers are kept for fiction or of no use to anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use phonenumber::country::Id;
use regex::Regex;
use serde_json::Value;

use super::{Sample, content, read};

/// The numbers that regulators keep for films and books, E.164.
const FICTIONAL: [&str; 5] = [
    // Ofcom, "Telephone numbers for use in TV and radio drama programmes".
    r"^\+447700900\d{3}$",
    r"^\+44(1(13|14|15|16|17|18|21|31|41|51|61)4960|2079460|1914980|2896496|2920180|1632960)\d{3}$",
    // Bundesnetzagentur, Mitteilung 148/2021, "Rufnummern für Medienproduktionen".
    r"^\+49((3023125|6990009|4066969|2214710|8999998)\d{3}|(17139200|176040690)\d{2})$",
    // ARCEP, décision 2018-0881, "numéros fictifs pour œuvres audiovisuelles".
    r"^\+33(19900|26191|35301|46571|53649|63998)\d{4}$",
    // NANPA: 555-0100 to 555-0199, in every area.
    r"^\+1[2-9]\d{2}55501\d{2}$",
];

/// What is found in exports.
#[derive(Default)]
struct Found {
    /// Values of columns for telephone numbers, and whatever else is written with a `+`.
    phones: BTreeSet<String>,
    /// The domains of e-mail addresses.
    domains: BTreeSet<String>,
    email_count: usize,
    /// Values by the kind of file they were found in.
    values: BTreeMap<String, usize>,
}

/// The rules by which values are looked at.
struct Rules {
    email: Regex,
    dialled: Regex,
}

impl Found {
    fn add(&mut self, rules: &Rules, kind: &str, column: &str, value: &str) {
        *self.values.entry(kind.to_string()).or_default() += 1;
        if column.contains("phone") || column.contains("mobile") {
            self.phones.insert(value.to_string());
        }
        self.add_text(rules, value);
    }

    fn add_text(&mut self, rules: &Rules, text: &str) {
        for found in rules.email.captures_iter(text) {
            self.domains.insert(found[1].to_ascii_lowercase());
            self.email_count += 1;
        }
        // A time has a `+` before its zone, and colons.
        self.phones.extend(rules.dialled.find_iter(text).map(|it| it.as_str().to_string()));
    }

    fn add_json(&mut self, rules: &Rules, kind: &str, column: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| self.add_json(rules, kind, key, value));
            }
            Value::Array(elements) => {
                elements.iter().for_each(|value| self.add_json(rules, kind, column, value));
            }
            Value::String(text) => self.add(rules, kind, column, text),
            Value::Number(number) => self.add(rules, kind, column, &number.to_string()),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn add_file(&mut self, rules: &Rules, path: &Path, bytes: &[u8]) {
        let Some(content) = content(path, bytes) else {
            for batch in read(&path.to_path_buf()) {
                for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                    if *field.data_type() == DataType::Utf8 {
                        let values = column.as_string::<i32>().iter().flatten();
                        values.for_each(|value| self.add(rules, "parquet", field.name(), value));
                    }
                }
            }
            return;
        };
        // Minds the mark of UTF-16; addresses and numbers are ASCII in all other encodings.
        let (text, ..) = encoding_rs::UTF_8.decode(&content);
        // All of it, for rows may be cut short, or have a field too many.
        self.add_text(rules, &text);
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.split('.').nth(1).unwrap() {
            "csv" => {
                let mut records = records(&text).into_iter();
                let header = records.next().unwrap_or_default();
                for record in records {
                    let cells = header.iter().zip(&record);
                    cells.for_each(|(column, value)| self.add(rules, "csv", column, value));
                }
            }
            "ndjson" => {
                let rows = text.lines().filter_map(|line| serde_json::from_str(line).ok());
                rows.for_each(|row: Value| self.add_json(rules, "ndjson", "", &row));
            }
            "json" => {
                if let Ok(rows) = serde_json::from_str::<Value>(&text) {
                    self.add_json(rules, "json", "", &rows);
                }
            }
            other => panic!("{other} of {name}"),
        }
    }
}

/// The records of a CSV file, whose header tells its delimiter.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') { ';' } else { ',' };
    let (mut records, mut record, mut field) = (vec![], vec![], String::new());
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ if letter == delimiter && !is_quoted => record.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    records
}

/// The number as a British reader would dial it, E.164, and whether a numbering plan has a use for
/// it; none of what cannot be dialled.
fn dialled(text: &str) -> Option<(String, bool)> {
    let text = text.strip_prefix("00").map_or(text.to_string(), |rest| format!("+{rest}"));
    let number = phonenumber::parse(Some(Id::GB), text).ok()?;
    let written = number.format().mode(phonenumber::Mode::E164).to_string();
    Some((written, phonenumber::is_valid(&number)))
}

#[test]
fn addresses_and_numbers_are_nobodys() {
    let rules = Rules {
        email: Regex::new(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9.-]+[A-Za-z0-9])").unwrap(),
        dialled: Regex::new(r"\+[0-9][0-9 ().-]{6,}[0-9]").unwrap(),
    };
    let fictional = FICTIONAL.map(|range| Regex::new(range).unwrap());
    // RFC 2606 and RFC 6761.
    let reserved = Regex::new(r"(^|\.)(example|test|invalid|example\.(com|org|net))$").unwrap();
    for (dirt, to) in [("light", "2024-03-07"), ("heavy", "2024-03-16")] {
        let sample = Sample::new();
        sample.run(to, "1500", &["--dirt", dirt]).expect(0);
        let mut found = Found::default();
        for (path, bytes) in sample.files() {
            if path.starts_with("exports") || path.starts_with("exports-truth/redelivery") {
                found.add_file(&rules, &sample.path(path.to_str().unwrap()), &bytes);
            }
        }
        let kinds: Vec<&str> = found.values.keys().map(String::as_str).collect();
        assert_eq!(kinds, ["csv", "json", "ndjson", "parquet"]);
        assert!(found.values.values().all(|count| *count > 500), "{:?}", found.values);

        let unreserved: Vec<_> = found.domains.iter().filter(|it| !reserved.is_match(it)).collect();
        assert!(unreserved.is_empty(), "{dirt}: {unreserved:?}");
        assert!(found.email_count > 5_000 && found.domains.len() > 40, "{}", found.email_count);

        let mut kept = [0; FICTIONAL.len()];
        let mut of_country: BTreeMap<String, usize> = BTreeMap::new();
        for (number, is_in_use) in found.phones.iter().filter_map(|text| dialled(text)) {
            match fictional.iter().position(|range| range.is_match(&number)) {
                Some(place) => kept[place] += 1,
                None => assert!(!is_in_use, "{dirt}: {number} may be somebody's"),
            }
            for code in ["+44", "+49", "+33", "+1", "+31", "+34", "+39"] {
                if number.starts_with(code) {
                    *of_country.entry(code.to_string()).or_default() += 1;
                }
            }
        }
        // Who comes first gets the numbers that are kept.
        assert!(kept.iter().all(|count| *count > 25), "{dirt}: {kept:?}");
        assert_eq!(of_country.len(), 7, "{of_country:?}");
        assert!(of_country.values().all(|count| *count > 20), "{of_country:?}");
    }
}
