use super::*;
use crate::config::linking::to_yaml;

const SHORT: &str = "
records:
  id: unique_id
  columns:
    given_name: normalize_name(first_name)
    birth_date: date_of(dob)
  inputs:
    crm: {id: contact_no, columns: {first_name: vorname, dob: geburtsdatum}}
  interchangeable: [given_name, family_name]
prior:
  deterministic_rules: [[email], [given_name, birth_date]]
  recall: 0.7
blocking:
  budget: {least: 600000, per_record: 10, rule_share: 0.25}
  rules:
    - [email]
    - on: [birth_date, 'left(given_name, 1)']
      where: l.email <> r.email
      maximum_block: 500
comparisons:
  - column: given_name
    levels:
      - missing
      - level: exact
        term_frequency: {of_others: true}
      - jaro_winkler_at_least: 0.92
      - sql: l.nick = r.nick
        label: same nickname
        m: 0.1
        u: 0.0001
        fixed: [m]
      - else
  - name: birth_date
    levels: [missing, exact, date_parts_swapped, {days_apart_at_most: 31}, else]
  - column: name_order
    levels: [straight, else]
relations:
  - name: same
    same_person: true
    otherwise: 1
  - name: moved
    same_person: true
    part: {of: [same], usual: 0.1, pairs: 20, between: [0.005, 0.4]}
    shared: {birth_date: 0.9}
    otherwise: 1
  - name: stranger
threshold: {probability: 0.8}
guards:
  linkage: average
  agreement: {growth: 0.25, between: [-10, 10], ignore_below: -16, components_from: -2}
  unscored_weight: -5
  maximum_cluster_size: 100
  weak_bridge: {below: 12, side: 3}
  one_record_per_source: where_none_repeats
  one_value: [national_id]
";

fn mistake(text: &str) -> String {
    parse("identity.yaml", text).unwrap_err().chain()
}

#[test]
fn a_declaration_says_what_is_compared_and_how() {
    let read = parse("identity.yaml", SHORT).unwrap();
    assert_eq!(read.records.columns[1], ("birth_date".to_string(), "date_of(dob)".to_string()));
    assert_eq!(read.prior.deterministic_rules[1].on, ["given_name", "birth_date"]);
    assert_eq!(read.blocking.rules[1].condition.as_deref(), Some("l.email <> r.email"));
    let given_name = &read.comparisons[0];
    assert_eq!(
        (given_name.name.as_str(), given_name.column.as_str()),
        ("given_name", "given_name")
    );
    let of_others = TermFrequency { is_of_others: true, ..TermFrequency::default() };
    assert_eq!(given_name.levels[1].term_frequency, Some(of_others));
    let crm = read.records.input("crm").unwrap();
    assert_eq!(crm.id.as_deref(), Some("contact_no"));
    assert_eq!(crm.columns[0], ("first_name".to_string(), "vorname".to_string()));
    assert!(read.records.input("shop").is_none());
    let budget = read.blocking.budget.unwrap();
    assert_eq!((budget.pairs(1000), budget.pairs(100_000)), (600_000, 1_000_000));
    assert_eq!(given_name.levels[2].test, Test::JaroWinklerAtLeast(0.92));
    assert!(given_name.levels[3].m.as_ref().unwrap().is_fixed);
    assert!(!given_name.levels[3].u.as_ref().unwrap().is_fixed);
    // 0.8 is four to one: two bits.
    assert!((read.threshold.unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(read.guards.one_record_per_source, SourcesWithoutDuplicates::WhereNoneRepeats);
    let all = parse("x", &SHORT.replace("where_none_repeats", "all")).unwrap();
    assert_eq!(all.guards.one_record_per_source, SourcesWithoutDuplicates::All);
    assert!(!read.is_trained());
    let moved = &read.relations[1];
    assert!(moved.is_same_person && moved.part.as_ref().unwrap().pairs == Some(20.0));
    assert_eq!((moved.shares("birth_date"), moved.shares("given_name")), (0.9, 1.0));
}

#[test]
fn levels_count_upward_from_the_least_alike() {
    let read = parse("identity.yaml", SHORT).unwrap();
    let values: Vec<i8> = (0..5).map(|place| read.comparisons[0].value_of(place)).collect();
    assert_eq!(values, [-1, 3, 2, 1, 0]);
    let telling: Vec<&Test> = read.comparisons[1].telling().map(|level| &level.test).collect();
    assert_eq!(
        telling,
        [&Test::Else, &Test::DaysApartAtMost(31), &Test::DatePartsSwapped, &Test::Exact]
    );
}

#[test]
fn what_is_written_reads_as_it_was() {
    let read = parse("identity.yaml", SHORT).unwrap();
    let text = to_yaml(&read, &["Trained on 3 records.".to_string()]);
    assert!(text.starts_with("# Trained on 3 records.\nmodel: 1\n"), "{text}");
    assert_eq!(parse("model.yaml", &text).unwrap(), read, "{text}");
}

#[test]
fn mistakes_are_told_at_their_place() {
    let comparison = |levels: &str| format!("comparisons:\n  - column: a\n    levels: {levels}\n");
    for (text, expected) in [
        (comparison("[exakt, else]"), "identity.yaml:3:14: there is no level `exakt` without a \
            parameter, did you mean `exact`?"),
        (comparison("[exact]"), "comparison `a` does not end with `else`"),
        (comparison("[else, exact]"), "`else` holds of every pair"),
        (comparison("[missing, else]"), "comparison `a` tells nothing apart"),
        (comparison("[missing, missing, exact, else]"), "`missing` 2 times"),
        (comparison("[{jaro_at_least: 1.5}, else]"), "a similarity of 1.5, expected from 0 to 1"),
        (comparison("[{level: exact, m: 0}, else]"), "`m` is 0, expected more than 0"),
        (comparison("[{level: exact, fixed: [m]}, else]"), "`m` is fixed but not given"),
        (comparison("[{level: exact, sql: x}, else]"), "a level of 2 kinds, expected one"),
        (
            comparison("[{level: exact, m: 0.5, u: 0.25, weight: 2}, else]"),
            "the weight 2 does not follow from m and u, which make 1.000000",
        ),
        (comparison("[{level: exact, levenstein_at_most: 1}, else]"), "levenshtein_at_most"),
        (comparison("[exact, {level: else, term_frequency: {}}]"), "`else` holds of different"),
        ("model: 2\ncomparisons: []\n".to_string(), "identity.yaml:1:8: a model of format 2"),
        ("comparisons: []\nblocking: {rules: [[]]}\n".to_string(), "every record with every other"),
        ("comparisons: []\nthreshold: {}\n".to_string(), "expected either `weight`"),
        ("comparisons: []\nprior: {recall: 0}\n".to_string(), "a recall of 0, expected more than 0"),
        (
            "comparisons:\n  - {column: a, levels: [exact, else]}\n  - {column: a, levels: [exact, \
             else]}\n".to_string(),
            "identity.yaml:3:5: comparison `a` stands twice",
        ),
        (
            comparison("[exact, else]") + "relations: [{name: same, otherwise: 1}]\n",
            "none of them are strangers",
        ),
        (comparison("[exact, else]") + "relations: [{name: a}]\n", "none of `relations` is of one"),
        (
            comparison("[exact, else]") + "relations: [{name: a, shared: {aa: 1}}]\n",
            "there is no comparison `aa`, did you mean `a`?",
        ),
        (
            comparison("[exact, else]") + "relations: [{name: a, part: {of: [b], usual: 0.1}}]\n",
            "there is no other relation `b`",
        ),
        ("comparisons: []\nguards: {agreement: {growth: 2}}\n".to_string(), "a growth of 2"),
        (
            "comparisons: []\nblocking: {budget: {least: 1, per_record: 1, rule_share: 2}}\n"
                .to_string(),
            "a `rule_share` of 2",
        ),
        (comparison("[straight, else]"), "expected `records.interchangeable`"),
        ("comparisons: []\nguards: {one_record_per_source: some}\n".to_string(), "expected a list"),
    ] {
        let told = mistake(&text);
        assert!(told.contains(expected), "{text}\n{told}");
    }
}
