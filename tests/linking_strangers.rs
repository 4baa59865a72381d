//! People who share an address, a family name or a telephone are not one customer: families,
//! strangers in one house, and a switchboard, linked without a declaration.

use std::collections::BTreeMap;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::Project;

const GIVEN: &str = "anna ben carla david emma felix grace henry iris jack kate leo maria noah \
    olivia paul quinn rosa simon tara ursula victor wendy xavier yara zoe alan bella colin diana \
    eric fiona george hanna ian julia karl laura martin nina oscar petra ralf sara thomas ulrike \
    vera walter yvonne agnes boris celia derek edith frank gloria harold ingrid jonas klara";
const SURNAMES: &str = "smith jones taylor brown williams wilson johnson davies patel wright \
    walker white edwards green hall thomas clarke jackson wood turner cooper hill ward morris \
    moore baker harrison king morgan allen james scott phillips watson davis parker price bennett \
    young griffiths mitchell kelly cook carter richardson bailey collins bell shaw murphy miller \
    cox marshall simpson anderson ellis adams rogers foster gibson graham hunter palmer mills";
const STREETS: &str = "station church park victoria albert windsor queens manor highfield grange \
    springfield chapel mill richmond alexandra york stanley meadow orchard kingsway";
const TOWNS: &str = "leeds york derby luton poole ripon truro wells ely bath";

/// Draws of the same chance in every run.
struct Chance(u64);

impl Chance {
    /// A number below `below`. Source: splitmix64 (Steele, Lea and Flood, 2014).
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn word(&mut self, words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        words[self.below(words.len())].to_string()
    }

    fn phone(&mut self) -> String {
        format!("07{:09}", self.below(1_000_000_000))
    }

    /// The text with one letter dropped or two swapped.
    fn slip(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let place = 1 + self.below(letters.len() - 2);
        match self.one_in(2) {
            true => drop(letters.remove(place)),
            false => letters.swap(place, place + 1),
        }
        letters.into_iter().collect()
    }
}

/// A record's values, by the columns of [`HEADER`] but for the id.
type Person = [String; 8];

const HEADER: &str = "record_id,first_name,last_name,birth_date,email,phone,street,city,postcode";

fn person(chance: &mut Chance, address: &[String; 3], surname: String, phone: String) -> Person {
    let given = chance.word(GIVEN);
    let (year, month, day) = (1935 + chance.below(70), 1 + chance.below(12), 1 + chance.below(28));
    let email = format!("{given}.{surname}{}@mail.example", chance.below(1000));
    let [street, city, postcode] = address.clone();
    [given, surname, format!("{year}-{month:02}-{day:02}"), email, phone, street, city, postcode]
}

fn address(chance: &mut Chance) -> [String; 3] {
    let street = format!("{} {} road", 1 + chance.below(180), chance.word(STREETS));
    let city = chance.word(TOWNS);
    let postcode =
        format!("{}{} {}AB", city[..2].to_uppercase(), chance.below(30), chance.below(9));
    [street, city, postcode]
}

/// The person as somebody else wrote them down: slips, and values that were not asked for.
fn again(chance: &mut Chance, person: &Person) -> Person {
    let mut again = person.clone();
    for place in [0, 1, 3, 5] {
        if chance.one_in(9) {
            again[place] = chance.slip(&again[place]);
        }
    }
    for value in &mut again {
        if chance.one_in(12) {
            value.clear();
        }
    }
    again
}

/// Links the persons, each written down several times, and gives pairwise precision and recall.
fn linked(persons: &[Person], chance: &mut Chance, repeats: &[usize]) -> (f64, f64) {
    let project = Project::small();
    let mut table = format!("{HEADER}\n");
    let mut who: BTreeMap<String, usize> = BTreeMap::new();
    for (number, person) in persons.iter().enumerate() {
        for copy in 0..=repeats[chance.below(repeats.len())] {
            let values = if copy == 0 { person.clone() } else { again(chance, person) };
            // No order tells who is who.
            let id = format!("{:06}", (who.len() * 7919) % 1_000_003);
            table.push_str(&format!("{id},{}\n", values.join(",")));
            who.insert(id, number);
        }
    }
    project.write("people.csv", table);
    let arguments = ["link", "--input", "people.csv", "--output", "out.parquet"];
    let result = project.must_run("resolve-identities", &arguments);
    assert_eq!(result["record_count"], who.len());
    let (mut found, mut real, mut right) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let customers = read(&project);
    assert_eq!(customers.len(), who.len());
    for (id, customer) in customers {
        let person = who[&id];
        *found.entry(customer.clone()).or_insert(0_u64) += 1;
        *real.entry(person).or_insert(0_u64) += 1;
        *right.entry((customer, person)).or_insert(0_u64) += 1;
    }
    fn pairs<'a>(sizes: impl Iterator<Item = &'a u64>) -> f64 {
        sizes.map(|size| size * (size - 1) / 2).sum::<u64>() as f64
    }
    let right = pairs(right.values());
    (right / pairs(found.values()).max(1.0), right / pairs(real.values()).max(1.0))
}

/// The record ids with their customers.
fn read(project: &Project) -> Vec<(String, String)> {
    let file = std::fs::File::open(project.path("out.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let texts = |batch: &RecordBatch, name: &str| -> Vec<String> {
        let column = cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.unwrap().to_string()).collect()
    };
    let rows = |batch: RecordBatch| {
        texts(&batch, "record_id").into_iter().zip(texts(&batch, "customer_id")).collect::<Vec<_>>()
    };
    reader.flat_map(|batch| rows(batch.unwrap())).collect()
}

#[test]
fn a_family_is_not_one_person() {
    let mut chance = Chance(1);
    let mut persons = vec![];
    for _ in 0..130 {
        let (address, surname) = (address(&mut chance), chance.word(SURNAMES));
        let phone = chance.phone();
        for _ in 0..=chance.below(4) {
            let own = chance.phone();
            let phone = if chance.one_in(2) { phone.clone() } else { own };
            persons.push(person(&mut chance, &address, surname.clone(), phone));
        }
    }
    let (precision, recall) = linked(&persons, &mut chance, &[0, 0, 1, 2]);
    assert!(precision >= 0.99 && recall >= 0.9, "precision {precision}, recall {recall}");
}

#[test]
fn strangers_in_one_house_are_not_one_person() {
    let mut chance = Chance(2);
    let mut persons = vec![];
    for _ in 0..45 {
        let address = address(&mut chance);
        for _ in 0..2 + chance.below(14) {
            let (surname, phone) = (chance.word(SURNAMES), chance.phone());
            persons.push(person(&mut chance, &address, surname, phone));
        }
    }
    let (precision, recall) = linked(&persons, &mut chance, &[0, 0, 0, 1]);
    assert!(precision >= 0.99 && recall >= 0.9, "precision {precision}, recall {recall}");
}

#[test]
fn a_switchboard_links_nobody() {
    let project = Project::small();
    let words =
        |words: &str| -> Vec<String> { words.split_whitespace().map(str::to_string).collect() };
    let (given, parts) = (words(GIVEN), words(SURNAMES));
    let mut table = "record_id,first_name,last_name,phone\n".to_string();
    for number in 0..10_000_usize {
        // Of one family name there are up to three people, each with another given name.
        let (round, place) = (number / 4096, number % 4096);
        let given = &given[(place * 31 + round * 7) % given.len()];
        let surname = format!("{}{}", parts[place / 64], parts[place % 64]);
        table.push_str(&format!("{number},{given},{surname},020 7946 0000\n"));
    }
    project.write("people.csv", table);
    let arguments = ["link", "--input", "people.csv", "--output", "out.parquet"];
    let result = project.must_run("resolve-identities", &arguments);
    assert_eq!(result["record_count"], 10_000, "{result}");
    assert_eq!(result["customer_count"], 10_000, "{result}");
}
