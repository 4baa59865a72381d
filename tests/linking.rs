//! Records of files are linked as their declaration says: weights are Splink's where the model is,
//! the bytes are the same on any number of threads, and what cannot be done is said.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rapport::engine::Engine;
use rapport::linking::{self, Input};
use serde_json::Value;

use crate::harness::{Finished, Project};

const FOLDER: &str = "tests/linking";

/// A pair that Splink predicts: the rule that found it, its weight and its probability.
type Predicted = BTreeMap<(String, String), (i32, f64, f64)>;

fn predicted() -> Predicted {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("weights.csv")).unwrap();
    let pair = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [left, right, rule, weight, probability] = cells.as_slice() else { panic!("{line}") };
        let numbers =
            (rule.parse().unwrap(), weight.parse().unwrap(), probability.parse().unwrap());
        (in_order(left, right), numbers)
    };
    text.lines().skip(1).map(pair).collect()
}

fn in_order(left: &str, right: &str) -> (String, String) {
    let (first, second) = if left <= right { (left, right) } else { (right, left) };
    (first.to_string(), second.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_splinks_where_the_model_is() {
    let model = linking::read_splink(&Path::new(FOLDER).join("model.json")).unwrap();
    assert!(model.is_trained());
    let scratch = tempfile::tempdir().unwrap();
    let engine = Engine::with(2, 512 << 20, scratch.path()).unwrap();
    let input = Input::at(Path::new(FOLDER).join("fake_1000.csv"));
    let records = linking::read(&engine, &[input], &model).await.unwrap();
    let scored = linking::score(&engine, &records, &model, f64::NEG_INFINITY).await.unwrap();

    let predicted = predicted();
    assert_eq!(scored.compared_count, predicted.len() as u64);
    let column = |name: &str| scored.pairs.column_by_name(name).unwrap();
    let (left, right) = (column("left_n"), column("right_n"));
    let id = |places: &arrow::array::ArrayRef, row: usize| {
        let place = places.as_primitive::<arrow::datatypes::Int64Type>().value(row);
        records.record_ids.value(usize::try_from(place).unwrap())
    };
    for row in 0..scored.pairs.num_rows() {
        let pair = in_order(id(left, row), id(right, row));
        let (rule, weight, probability) = predicted[&pair];
        let ours = column("weight").as_primitive::<Float64Type>().value(row);
        assert!((ours - weight).abs() < 1e-6, "{pair:?}: {ours} is not {weight}");
        let ours = column("probability").as_primitive::<Float64Type>().value(row);
        assert!((ours - probability).abs() < 1e-6, "{pair:?}: {ours} is not {probability}");
        assert_eq!(column("rule").as_primitive::<Int32Type>().value(row), rule, "{pair:?}");
    }
}

/// A project with fake_1000 and its declaration.
fn project() -> Project {
    let project = Project::small();
    for name in ["fake_1000.csv", "fake_1000.yaml", "model.json"] {
        project.write(name, std::fs::read(Path::new(FOLDER).join(name)).unwrap());
    }
    project
}

const LINK: [&str; 7] =
    ["link", "--input", "fake_1000.csv", "--config", "fake_1000.yaml", "--output", "out.parquet"];

fn read(project: &Project, name: &str) -> Vec<RecordBatch> {
    let file = std::fs::File::open(project.path(name)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let text = |batch: &RecordBatch| {
        let column = cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.unwrap().to_string()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(text).collect()
}

#[test]
fn linked_records_have_customers_and_the_pairs_that_say_so() {
    let project = project();
    let result = project.must_run("resolve-identities", &LINK);
    assert_eq!(result["record_count"], 1000, "{result}");
    let customers = read(&project, "out.parquet");
    let names: Vec<String> =
        customers[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["record_id", "source", "customer_id"]);
    let ids = texts(&customers, "record_id");
    assert_eq!(ids.len(), 1000);
    assert!(texts(&customers, "source").iter().all(|source| source == "fake_1000"));
    let mut distinct = texts(&customers, "customer_id");
    distinct.sort();
    distinct.dedup();
    assert_eq!(result["customer_count"], distinct.len(), "{result}");

    let edges = read(&project, "out.edges.parquet");
    let weights = edges.iter().flat_map(|batch| {
        batch.column_by_name("weight").unwrap().as_primitive::<Float64Type>().values().to_vec()
    });
    let weights: Vec<f64> = weights.collect();
    assert_eq!(result["edge_count"], weights.len());
    assert!(weights.iter().all(|weight| *weight >= 4.0));
    assert!(edges[0].column_by_name("level_given_name").is_some());
    assert!(edges[0].column_by_name("tf_town").is_some());
    // The model that was trained links the same again.
    let before = std::fs::read(project.path("out.parquet")).unwrap();
    std::fs::rename(project.path("out.model.yaml"), project.path("model.yaml")).unwrap();
    let again =
        ["link", "--input", "fake_1000.csv", "--model", "model.yaml", "--output", "2.parquet"];
    project.must_run("resolve-identities", &again);
    assert!(std::fs::read(project.path("2.parquet")).unwrap() == before);
}

#[test]
fn linking_gives_the_same_bytes_on_any_number_of_threads() {
    let project = project();
    let files = ["out.parquet", "out.edges.parquet", "out.splits.parquet", "out.model.yaml"];
    let mut known: Option<Vec<Vec<u8>>> = None;
    for threads in ["1", "2", "5"] {
        let arguments = [&LINK[..], &["--threads", threads]].concat();
        project.must_run("resolve-identities", &arguments);
        let bytes: Vec<Vec<u8>> =
            files.iter().map(|name| std::fs::read(project.path(name)).unwrap()).collect();
        let expected = known.get_or_insert_with(|| bytes.clone());
        for (name, (bytes, expected)) in files.iter().zip(bytes.iter().zip(expected)) {
            assert!(bytes == expected, "{name} differs on {threads} threads");
        }
    }
}

#[test]
fn an_evaluation_tells_how_right_a_model_is() {
    let project = project();
    let arguments = [
        "evaluate",
        "--input",
        "fake_1000.csv",
        "--config",
        "fake_1000.yaml",
        "--truth",
        "fake_1000.csv",
        "--truth-column",
        "cluster",
        "--page",
        "page.html",
    ];
    let result = project.must_run("resolve-identities", &arguments);
    let evaluation = &result["evaluation"];
    let by_threshold = evaluation["by_threshold"].as_array().unwrap();
    assert_eq!(by_threshold.len(), 41);
    let figure = |of: &Value, name: &str| of[name].as_f64().unwrap();
    for of in by_threshold.iter().chain([&evaluation["at_threshold"]]) {
        let (right, wrong) = (figure(of, "true_positives"), figure(of, "false_positives"));
        // fake_1000 has 2,031 pairs of one person.
        assert_eq!(right + figure(of, "false_negatives"), 2031.0, "{of}");
        assert!((figure(of, "recall") - right / 2031.0).abs() < 1e-12, "{of}");
        let said = right + wrong;
        let precision = if said == 0.0 { 1.0 } else { right / said };
        assert!((figure(of, "precision") - precision).abs() < 1e-12, "{of}");
        assert!(figure(&evaluation["best"], "f1") >= figure(of, "f1"), "{of}");
    }
    // Strangers are kept apart by what is declared here, be the threshold chosen ever so badly.
    assert!(figure(&evaluation["at_threshold"], "precision") > 0.95, "{evaluation}");
    assert!(figure(&evaluation["best"], "f1") > 0.9, "{evaluation}");

    // What is told is what linking does.
    project.must_run("resolve-identities", &LINK);
    let (precision, recall) = quality(&project, "out.parquet");
    assert!((figure(&evaluation["at_threshold"], "precision") - precision).abs() < 1e-12);
    assert!((figure(&evaluation["at_threshold"], "recall") - recall).abs() < 1e-12);

    // The page stands by itself: it loads and runs nothing.
    let page = project.read("page.html");
    for plot in ["By threshold", "Precision by recall", "Match weights", "What levels are worth"] {
        assert!(page.contains(&format!("<h2>{plot}</h2>")), "{plot}");
    }
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    for outside in ["http", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let shown = format!("<dd>{precision:.4}</dd>");
    assert!(page.contains(&shown), "{shown}");
    // No coordinate is broken by a value that is none.
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn a_pair_is_explained_by_what_its_weight_is_the_sum_of() {
    let project = project();
    project.must_run("resolve-identities", &LINK);
    let edges = read(&project, "out.edges.parquet");
    let (left, right) = (texts(&edges, "left_record_id"), texts(&edges, "right_record_id"));
    let mut weights = edges.iter().flat_map(|batch| {
        batch.column_by_name("weight").unwrap().as_primitive::<Float64Type>().values().to_vec()
    });
    let weight = weights.next().unwrap();
    let whole = format!("fake_1000:{}", right[0]);
    let explain = ["explain", "--input", "fake_1000.csv", "--model", "out.model.yaml"];
    let finished = project.run("resolve-identities", &[&explain[..], &[&left[0], &whole]].concat());
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let text = &finished.stdout;
    assert!(text.starts_with(&format!("fake_1000:{} and {whole}\n", left[0])), "{text}");
    assert!(text.contains(&format!("\n{weight:.2} bits: one person")), "{text}");
    // The last sum of the waterfall is the weight.
    let waterfall = text.split("\n\n").nth(1).unwrap();
    let number = |word: &str| word.parse::<f64>().ok();
    let numbers: Vec<Vec<f64>> = waterfall
        .lines()
        .map(|line| line.split_whitespace().filter_map(number).collect())
        .collect();
    let sum = *numbers.last().unwrap().last().unwrap();
    assert!((sum - weight).abs() < 0.006, "{text}");
    for comparison in ["given_name", "birth_date", "town"] {
        assert!(waterfall.contains(&format!("{comparison}: ")), "{text}");
    }
    // A record that is not there.
    let (exit_code, message) = fails(&project, &[&explain[..], &["nobody", "0"]].concat());
    assert_eq!(exit_code, 2);
    assert!(message.contains("there is none that is called `nobody`"), "{message}");
}

#[test]
fn people_say_what_is_one_and_what_is_not() {
    let project = project();
    project.must_run("resolve-identities", &LINK);
    let customer_of = |name: &str| -> BTreeMap<String, String> {
        let batches = read(&project, name);
        texts(&batches, "record_id").into_iter().zip(texts(&batches, "customer_id")).collect()
    };
    let before = customer_of("out.parquet");
    // Two records of one customer are said to be two, and two of different ones to be one.
    let edges = read(&project, "out.edges.parquet");
    let pair = (texts(&edges, "left_record_id"), texts(&edges, "right_record_id"));
    let mut pairs = pair.0.iter().zip(&pair.1);
    let (one, other) = pairs.find(|(one, other)| before[*one] == before[*other]).unwrap();
    let stranger = before.keys().find(|id| before[*id] != before[one]).unwrap();
    let far = before
        .keys()
        .rev()
        .find(|id| before[*id] != before[one] && before[*id] != before[stranger])
        .unwrap();
    project.write("not.csv", format!("left_record_id,right_record_id\n{one},{other}\n"));
    project.write(
        "one.csv",
        format!("left_source,left_record_id,right_source,right_record_id\nfake_1000,{stranger},fake_1000,{far}\n"),
    );
    let said = ["--must-link", "one.csv", "--cannot-link", "not.csv"];
    project.must_run("resolve-identities", &[&LINK[..], &said].concat());
    let after = customer_of("out.parquet");
    assert_ne!(after[one], after[other]);
    assert_eq!(after[stranger], after[far]);

    // What contradicts itself, and what is not there.
    for (file, text, expected) in [
        ("not.csv", format!("left_record_id,right_record_id\n{far},{stranger}\n"), "cannot be one"),
        ("one.csv", "left_record_id,right_record_id\n1,nobody\n".to_string(), "no record `nobody`"),
        ("one.csv", "left,right_record_id\n1,2\n".to_string(), "has no column `left_record_id`"),
        ("one.csv", "left_record_id,right_record_id\n1,\n".to_string(), "has no record id"),
    ] {
        project.write(file, text);
        let (exit_code, message) = fails(&project, &[&LINK[..], &said].concat());
        assert_eq!(exit_code, 2, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_help_of_the_job_lists_what_it_does_on_files() {
    let project = Project::small();
    let help = project.run("resolve-identities", &["--help"]).stdout;
    for command in ["link", "train", "evaluate", "explain"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(help.contains(&format!("resolve-identities {command} --input")), "{help}");
    }
}

#[test]
fn training_tells_what_it_learnt_and_what_it_could_not() {
    let project = project();
    let arguments =
        ["train", "--input", "fake_1000.csv", "--config", "fake_1000.yaml", "--output", "m.yaml"];
    project.must_run("resolve-identities", &arguments);
    let model = project.read("m.yaml");
    assert!(model.starts_with("# Trained on 1000 records.\n"), "{model}");
    assert!(rapport::config::linking::parse("m.yaml", &model).unwrap().is_trained(), "{model}");

    // A column that is empty cannot be learnt from.
    project.edit("fake_1000.yaml", "town: normalize_name(city)", "town: cast(null as varchar)");
    let result = project.must_run("resolve-identities", &arguments);
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("of comparison `town` could not be estimated"), "{warnings}");
}

fn fails(project: &Project, arguments: &[&str]) -> (i32, String) {
    let finished: Finished = project.run("resolve-identities", arguments);
    let result: Value = finished.result();
    (finished.exit_code, result["error"]["message"].as_str().unwrap_or_default().to_string())
}

#[test]
fn what_cannot_be_linked_is_said() {
    for (file, from, to, expected) in [
        (
            "fake_1000.yaml",
            "id: unique_id",
            "id: uniqe_id",
            "it has no column `uniqe_id`, did you mean `unique_id`?",
        ),
        (
            "fake_1000.yaml",
            "  - column: town",
            "  - column: towm",
            "there is no column `towm`, did you mean `town`?",
        ),
        (
            "fake_1000.yaml",
            "date_of(dob)",
            "date_off(dob)",
            "compute column `birth_date`: `date_off(dob)`",
        ),
        (
            "fake_1000.yaml",
            "    - [birth_date]",
            "    - on: [birth_date]\n      maximum_pairs: 10",
            "blocking rule 3 (`birth_date`) finds ",
        ),
        (
            "fake_1000.yaml",
            "    - [email]\n    - [given",
            "    - [e-mail]\n    - [given",
            "blocking",
        ),
        ("fake_1000.csv", "\n1,", "\n0,", "the id `0` of `fake_1000` comes twice"),
        ("fake_1000.csv", "\n1,", "\n,", "1 have no id"),
        (
            "fake_1000.yaml",
            "jaro_winkler_at_least",
            "jaro_winkler_at_leats",
            "did you mean `jaro_winkler_at_least`",
        ),
    ] {
        let project = project();
        project.edit(file, from, to);
        let (exit_code, message) = fails(&project, &LINK);
        assert_eq!(exit_code, 2, "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(!project.path("out.parquet").exists());
    }
    let project = project();
    let (exit_code, message) = fails(&project, &LINK[..5]);
    assert_eq!(exit_code, 2, "{message}");
    // Nothing is declared, and nothing can be recognised.
    project.write("pets.csv", "id,breed\n1,pug\n2,pug\n3,whippet\n");
    let pets = ["link", "--input", "pets.csv", "--output", "out.parquet"];
    assert!(fails(&project, &pets).1.contains("no column was recognised that says who"));
    let untrained = [&LINK[..3], &["--model", "fake_1000.yaml"], &LINK[5..]].concat();
    assert!(fails(&project, &untrained).1.contains("it lacks numbers"));
}

/// Pairwise precision and recall of customers, against the persons that fake_1000 tells.
fn quality(project: &Project, output: &str) -> (f64, f64) {
    let table = project.read("fake_1000.csv");
    let person = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_string(), cells[6].to_string())
    };
    let persons: BTreeMap<String, String> = table.lines().skip(1).map(person).collect();
    let customers = read(project, output);
    let (mut found, mut real, mut right) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::<(&str, &str), u64>::new());
    let (ids, customer_ids) = (texts(&customers, "record_id"), texts(&customers, "customer_id"));
    assert_eq!(ids.len(), persons.len());
    for (id, customer) in ids.iter().zip(&customer_ids) {
        let person = persons[id].as_str();
        *found.entry(customer.as_str()).or_insert(0) += 1;
        *real.entry(person).or_insert(0) += 1;
        *right.entry((customer.as_str(), person)).or_insert(0) += 1;
    }
    fn pairs<'a>(sizes: impl Iterator<Item = &'a u64>) -> f64 {
        sizes.map(|size| size * (size - 1) / 2).sum::<u64>() as f64
    }
    let right = pairs(right.values());
    (right / pairs(found.values()), right / pairs(real.values()))
}

#[test]
fn without_a_declaration_columns_are_recognised_and_records_linked_well() {
    let project = project();
    let arguments =
        ["link", "--input", "fake_1000.csv", "--output", "out.parquet", "--threads", "2"];
    project.must_run("resolve-identities", &arguments);
    let (precision, recall) = quality(&project, "out.parquet");
    let f1 = 2.0 * precision * recall / (precision + recall);
    assert!(f1 >= 0.96 && precision >= 0.99, "precision {precision}, recall {recall}, F1 {f1}");
    // The answer is not compared, and what was chosen is a model that links the same again.
    let model = project.read("out.model.yaml");
    assert!(!model.contains("cluster"), "{model}");
    std::fs::rename(project.path("out.model.yaml"), project.path("model.yaml")).unwrap();
    let again = [
        "link",
        "--input",
        "fake_1000.csv",
        "--model",
        "model.yaml",
        "--output",
        "again.parquet",
        "--threads",
        "5",
    ];
    project.must_run("resolve-identities", &again);
    for (one, other) in
        [("out.parquet", "again.parquet"), ("out.edges.parquet", "again.edges.parquet")]
    {
        let bytes = |name| std::fs::read(project.path(name)).unwrap();
        assert!(bytes(one) == bytes(other), "{other} differs");
    }
}

#[test]
fn an_empty_table_has_no_customers() {
    let project = project();
    let header = project.read("fake_1000.csv").lines().next().unwrap().to_string();
    project.write("fake_1000.csv", header + "\n");
    let result = project.must_run("resolve-identities", &LINK);
    assert_eq!((&result["record_count"], &result["customer_count"]), (&0.into(), &0.into()));
    assert_eq!(texts(&read(&project, "out.parquet"), "customer_id"), Vec::<String>::new());
}

#[test]
fn without_a_declaration_too_little_is_said_or_links_nobody() {
    let project = Project::small();
    let link = ["link", "--input", "people.csv", "--output", "out.parquet"];
    let header = "record_id,first_name,last_name,birth_date,email\n";
    for (rows, expected) in [
        ("", "there are none, so that no column can be recognised"),
        ("1,ann,smith,,\n2,bob,jones,,\n1,ann,smith,,\n", "the id `1` of `people` comes twice"),
        ("1,ann,smith,,\n,bob,jones,,\n", "1 have no id"),
    ] {
        project.write("people.csv", format!("{header}{rows}"));
        let (exit_code, message) = fails(&project, &link);
        assert_eq!(exit_code, 2, "{message}");
        assert!(message.contains(expected), "{message}");
    }
    // One record, and records of whom two columns are known and two are not at all.
    project.write("people.csv", format!("{header}1,ann,smith,,\n"));
    assert_eq!(project.must_run("resolve-identities", &link)["customer_count"], 1);
    project.write("people.csv", format!("{header}1,ann,smith,,\n2,bob,jones,,\n3,cleo,brown,,\n"));
    let result = project.must_run("resolve-identities", &link);
    assert_eq!(result["customer_count"], 3, "{result}");
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("fewer than 3 comparisons tell people apart"), "{warnings}");
    assert!(warnings.contains("of comparison `surname` could not be estimated"), "{warnings}");
}

#[test]
fn a_shared_value_beyond_its_limit_links_nobody_by_itself() {
    let project = Project::small();
    let mut people = "id,name,phone\n".to_string();
    for number in 0..300 {
        people.push_str(&format!("{number},person{number},02079460000\n"));
    }
    people.push_str("300,ann,07700900001\n301,ann,07700900001\n");
    project.write("people.csv", people);
    project.write(
        "people.yaml",
        "records: {id: id}\nblocking:\n  rules:\n    - on: [phone]\n      maximum_block: 50\n\
         comparisons:\n  - column: phone\n    levels: [missing, {level: exact, m: 0.9, u: 0.01}, \
         {level: else, m: 0.1, u: 0.99}]\nprior: {probability: 0.1}\nthreshold: {weight: 0}\n",
    );
    let arguments =
        ["link", "--input", "people.csv", "--model", "people.yaml", "--output", "out.parquet"];
    let result = project.must_run("resolve-identities", &arguments);
    assert_eq!(result["customer_count"], 301, "{result}");
    assert_eq!(result["pair_count"], 1);
}
