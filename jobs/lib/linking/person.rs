//! Declares how files of persons are linked of which nothing was declared: columns are recognised,
//! made into those of a person, and compared as `person.yaml` says.

use std::collections::BTreeSet;

use super::columns::{self, quoted};
use super::profile::columns_of;
use super::records::{Input, read_by};
use crate::algorithms::identity::recognise::{Kind, RecognisedColumn, SampledColumn, recognise};
use crate::config::linking::{Declaration, InputColumns, Relation, parse};
use crate::engine::{Engine, Layout};
use crate::errors::{Error, Kind as Failure, Result};

const PERSON: &str = include_str!("person.yaml");

/// Where somebody lives: what two people of one household share.
const PLACE: [&str; 6] = ["street", "house_number", "street_2", "city", "postcode", "region"];

/// What was chosen where nothing was declared.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// How the records are linked.
    pub declaration: Declaration,
    /// What each column was taken for and why, and what is compared: a sentence each, without
    /// values.
    pub reasons: Vec<String>,
}

/// Recognises the columns of files of persons, and chooses what is compared.
///
/// Errors: [`Usage`](Failure::Usage) for a file without a column of ids, and where no column says
/// anything of a person.
pub async fn choose(engine: &Engine, inputs: &[Input]) -> Result<Chosen> {
    let session = engine.session(Layout::Parted, [])?;
    let mut reasons = vec![];
    let mut row_count = 0;
    let mut known: Vec<(String, InputColumns)> = vec![];
    for input in inputs {
        let sampled = columns_of(&session, input).await?;
        row_count += sampled.first().map_or(0, |column| column.row_count);
        let recognised = recognise(&sampled);
        let own = InputColumns::of(&recognised, &sampled);
        if own.id.is_none() {
            let what = format!(
                "link `{}`: no column of it was recognised as the records' id; declare \
                 `records.id` with --config",
                input.path.display()
            );
            return Err(Error::new(Failure::Usage, what));
        }
        reasons.extend(recognised.iter().map(|column| in_words(&input.source, column)));
        known.push((input.source.clone(), own));
    }
    if row_count == 0 {
        let what = "link records: there are none, so that no column can be recognised; declare what \
                    is compared with --config";
        return Err(Error::new(Failure::Usage, what));
    }
    let mut declaration = parse("person.yaml", PERSON)?;
    restrict(&mut declaration, &known)?;
    if declaration.comparisons.is_empty() {
        let what = "link records: no column was recognised that says who somebody is; declare what \
                    is compared with --config";
        return Err(Error::new(Failure::Usage, what));
    }
    let names = |names: Vec<&str>| names.join(", ");
    reasons.push(format!(
        "Compared: {}.",
        names(declaration.comparisons.iter().map(|one| one.name.as_str()).collect())
    ));
    reasons.push(format!(
        "Kinds of pairs: {}.",
        names(declaration.relations.iter().map(|one| one.name.as_str()).collect())
    ));
    // Files that tell who is who have the ids of the first.
    if let Some(id) = known.iter().find_map(|(_, input)| input.id.clone()) {
        declaration.records.id = id;
    }
    declaration.records.inputs = known;
    Ok(Chosen { declaration, reasons })
}

fn in_words(source: &str, column: &RecognisedColumn) -> String {
    let why = column.reason.in_words();
    match column.kind {
        Some(kind) => format!("{source}: `{}` is {}: {why}.", column.name, kind.in_words()),
        None => format!("{source}: `{}` is not compared: {why}.", column.name),
    }
}

/// Leaves out of a declaration what looks at columns that no input has.
fn restrict(declaration: &mut Declaration, inputs: &[(String, InputColumns)]) -> Result<()> {
    let columns = inputs.iter().flat_map(|(_, input)| &input.columns);
    let mut known: BTreeSet<String> = columns.map(|(name, _)| name.clone()).collect();
    let has_all = |known: &BTreeSet<String>, sql: &str| -> Result<bool> {
        Ok(columns::of_record("person.yaml", sql)?.is_subset(known))
    };
    let mut derived = vec![];
    for (name, sql) in std::mem::take(&mut declaration.records.columns) {
        if has_all(&known, &sql)? {
            known.insert(name.clone());
            derived.push((name, sql));
        }
    }
    declaration.records.columns = derived;
    let has_both = |(one, other): &(String, String)| known.contains(one) && known.contains(other);
    declaration.records.interchangeable =
        declaration.records.interchangeable.take().filter(has_both);

    let mut comparisons = vec![];
    for comparison in std::mem::take(&mut declaration.comparisons) {
        let is_of_date = comparison.name == "birth_year" && known.contains("birth_date");
        if read_by(&comparison)?.is_subset(&known) && !is_of_date {
            comparisons.push(comparison);
        }
    }
    declaration.comparisons = comparisons;

    let mut rules = vec![];
    for rule in std::mem::take(&mut declaration.blocking.rules) {
        let all: Result<Vec<bool>> = rule.on.iter().map(|sql| has_all(&known, sql)).collect();
        if all?.into_iter().all(|has| has) {
            rules.push(rule);
        }
    }
    declaration.blocking.rules = rules;
    declaration.relations = relations(declaration);
    Ok(())
}

/// The relations that the comparisons can tell from one another.
fn relations(declaration: &Declaration) -> Vec<Relation> {
    let names: Vec<&str> =
        declaration.comparisons.iter().map(|comparison| comparison.name.as_str()).collect();
    let shared = |relation: &Relation| -> Vec<f64> {
        names.iter().map(|name| relation.shares(name)).collect()
    };
    let place_count = names.iter().filter(|name| PLACE.contains(name)).count();
    let has_birth = names.contains(&"birth_date") || names.contains(&"birth_year");
    let mut kept: Vec<Relation> = vec![];
    for relation in &declaration.relations {
        let shares = shared(relation);
        let is_stranger = !relation.is_same_person && relation.shared.is_empty();
        let is_known = |other: &Relation| !other.is_same_person && shared(other) == shares;
        let tells = match relation.name.as_str() {
            "moved" => place_count >= 2,
            "household" | "contact" | "workplace" => shares.iter().any(|shared| *shared >= 0.3),
            "twin" => has_birth,
            _ => true,
        };
        let is_apart = relation.is_same_person || is_stranger || !kept.iter().any(is_known);
        let mut relation = relation.clone();
        let mut has_whole = true;
        if let Some(part) = &mut relation.part {
            part.of.retain(|name| kept.iter().any(|other| other.name == *name));
            has_whole = !part.of.is_empty();
        }
        if tells && is_apart && has_whole {
            relation.shared.retain(|(name, _)| names.contains(&name.as_str()));
            kept.push(relation);
        }
    }
    kept
}

impl InputColumns {
    /// The columns of a person, made of a file's.
    fn of(recognised: &[RecognisedColumn], sampled: &[SampledColumn]) -> InputColumns {
        let named = |kind: Kind| -> Vec<&str> {
            let of_kind = recognised.iter().filter(|column| column.kind == Some(kind));
            of_kind.map(|column| column.name.as_str()).collect()
        };
        let texts = |kind: Kind| -> Vec<String> {
            let text = |name: &&str| format!("cast({} as varchar)", quoted(name));
            named(kind).iter().map(text).collect()
        };
        let first = |kind: Kind| texts(kind).into_iter().next();
        let mut columns: Vec<(String, String)> = vec![];
        let mut add = |name: &str, sql: Option<String>| {
            columns.extend(sql.map(|sql| (name.to_string(), sql)));
        };

        let (given, surname) = (first(Kind::GivenName).map(name), first(Kind::Surname).map(name));
        let whole = first(Kind::FullName).map(name);
        add("given_name", part_of_name(&given, &surname, &whole, GIVEN));
        add("surname", part_of_name(&surname, &given, &whole, SURNAME));
        add("middle_name", first(Kind::MiddleName).map(name));

        let of_dates = named(Kind::BirthDate).first().copied().unwrap_or_default();
        let samples = sampled.iter().find(|column| column.name == of_dates);
        let is_day_first = samples.is_none_or(|column| is_day_first(&column.samples));
        let date = first(Kind::BirthDate).map(|text| date(&text, is_day_first));
        let parts = first(Kind::BirthYear)
            .zip(first(Kind::BirthMonth))
            .zip(first(Kind::BirthDay))
            .map(|((year, month), day)| date_of_parts(&year, &month, &day));
        let date = either(date, parts);
        let year_of_date = date.as_ref().map(|date| format!("cast(left({date}, 4) as bigint)"));
        add("birth_date", date);
        add(
            "birth_year",
            either(year_of_date, first(Kind::BirthYear).map(|year| whole_number(&year))),
        );

        let emails =
            texts(Kind::Email).iter().map(|text| format!("normalize_email({text})")).collect();
        add("email", coalesce(emails));
        add("phones", list(texts(Kind::Phone).iter().map(|text| phone(text)).collect()));
        add(
            "identifiers",
            list(texts(Kind::Identifier).iter().map(|text| identifier(text)).collect()),
        );

        let address = first(Kind::Street).map(|text| format!("normalize_address({text})"));
        add("street", address.as_ref().map(|address| street(address)));
        let number = first(Kind::HouseNumber).map(|text| format!("normalize_address({text})"));
        add("house_number", either(number, address.map(|address| house_number(&address))));
        for (column, kind) in [
            ("street_2", Kind::Street2),
            ("city", Kind::City),
            ("region", Kind::Region),
            ("birth_place", Kind::BirthPlace),
        ] {
            add(column, first(kind).map(|text| format!("normalize_address({text})")));
        }
        add("postcode", first(Kind::Postcode).map(|text| postcode(&text)));
        add("sex", first(Kind::Sex).map(|text| sex(&text)));
        InputColumns {
            id: named(Kind::RecordId).first().map(ToString::to_string),
            source: named(Kind::Source).first().map(ToString::to_string),
            columns,
        }
    }
}

fn name(text: String) -> String {
    format!("normalize_name({text})")
}

/// What of a whole name, as `normalize_name` makes it, is the given name: the first word of
/// several.
const GIVEN: &str = "case when strpos({}, ' ') > 0 then split_part({}, ' ', 1) end";
/// And the family name: all other words, or the only one.
const SURNAME: &str = "regexp_replace({}, '^[^ ]+ ', '')";

/// A part of a name from its own column, and where the record has no parts from the whole.
fn part_of_name(
    own: &Option<String>,
    other: &Option<String>,
    whole: &Option<String>,
    of_whole: &str,
) -> Option<String> {
    let Some(whole) = whole else { return own.clone() };
    let of_whole = of_whole.replace("{}", whole);
    let parts: Vec<&str> = [own, other].into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() {
        return Some(of_whole);
    }
    let without = parts.join(" is null and ");
    let of_whole = format!("case when {without} is null then {of_whole} end");
    Some(either(own.clone(), Some(of_whole.clone())).unwrap_or(of_whole))
}

fn either(one: Option<String>, other: Option<String>) -> Option<String> {
    coalesce([one, other].into_iter().flatten().collect())
}

fn coalesce(all: Vec<String>) -> Option<String> {
    match all.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        all => Some(format!("coalesce({})", all.join(", "))),
    }
}

/// The different values as a list, the first that is one in front; null where there are none.
fn list(all: Vec<String>) -> Option<String> {
    let (_, others) = all.split_first()?;
    let known = coalesce(all.clone())?;
    let elements = [std::slice::from_ref(&known), others].concat().join(", ");
    Some(format!("case when {known} is not null then array_distinct(make_array({elements})) end"))
}

/// Whether more dates begin with a number that is no month than have one in the second place.
fn is_day_first(samples: &[String]) -> bool {
    let above = |place: usize| {
        let is_above = |sample: &&String| {
            let mut parts = sample.split(['-', '/', '.', ' ']);
            let part = parts.clone().nth(place).and_then(|part| part.parse::<u32>().ok());
            let first_length = parts.next().map_or(0, str::len);
            first_length <= 2 && part.is_some_and(|part| part > 12)
        };
        samples.iter().filter(is_above).count()
    };
    above(0) >= above(1)
}

/// A date in any of the usual spellings as eight digits, whether the calendar has it or not: a slip
/// that makes it impossible leaves it worth comparing. Days that systems put in place of none are
/// none.
fn date(text: &str, is_day_first: bool) -> String {
    // A time of day goes, and one separator stands for all.
    let parted = format!(
        "regexp_replace(regexp_replace(trim({text}), '[ T][0-9]{{1,2}}:.*$', ''), '[-/., ]+', '-', \
         'g')"
    );
    let part = |place: u32| format!("split_part({parted}, '-', {place})");
    let two = |place: u32| format!("lpad({}, 2, '0')", part(place));
    let (day, month) = if is_day_first { (two(1), two(2)) } else { (two(2), two(1)) };
    // A year of two digits is of this century where that was already.
    let century = format!("case when {} < '26' then '20' else '19' end", part(3));
    let names = "'janfebmaraprmayjunjulaugsepoctnovdec'";
    let named = format!("(strpos({names}, lower(left({}, 3))) + 2) / 3", part(2));
    let named = format!("lpad(cast({named} as varchar), 2, '0')");
    let is = |pattern: &str| format!("regexp_like({parted}, '^{pattern}$')");
    format!(
        "nullif(nullif(case when {} then {} || {} || {} when {} then left({parted}, 8) when {} then \
         {} || {month} || {day} when {} then {century} || {} || {month} || {day} when {} then {} || \
         {named} || {} end, '19000101'), '19700101')",
        is("[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"),
        part(1),
        two(2),
        two(3),
        is("[0-9]{8}(-0)?"),
        is("[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}"),
        part(3),
        is("[0-9]{1,2}-[0-9]{1,2}-[0-9]{2}"),
        part(3),
        is("[0-9]{1,2}-[A-Za-z]{3,}-[0-9]{4}"),
        part(3),
        two(1)
    )
}

/// A whole number that may have been written as a broken one.
fn whole_number(text: &str) -> String {
    format!(
        "case when regexp_like({text}, '^ *[0-9]{{1,9}}([.]0*)? *$') then \
         cast(split_part(trim({text}), '.', 1) as bigint) end"
    )
}

fn date_of_parts(year: &str, month: &str, day: &str) -> String {
    let digits = |text: &str, length: u32| {
        format!("lpad(cast({} as varchar), {length}, '0')", whole_number(text))
    };
    format!("{} || {} || {}", digits(year, 4), digits(month, 2), digits(day, 2))
}

/// The last nine digits of a telephone number: with and without a country's code they are the
/// same. Fewer than six digits, and one or two that repeat, are no number.
fn phone(text: &str) -> String {
    let digits = format!("digits_of(replace({text}, '(0)', ''))");
    format!(
        "case when length({digits}) >= 6 and replace(replace({digits}, left({digits}, 1), ''), \
         right({digits}, 1), '') <> '' then right(ltrim({digits}, '0'), 9) end"
    )
}

/// Letters and digits alone, without leading zeros; what is shorter than four, or one character
/// over and over, is none.
fn identifier(text: &str) -> String {
    let plain =
        format!("regexp_replace(lower(normalize_identifier({text})), '[^a-z0-9]', '', 'g')");
    format!(
        "case when length({plain}) >= 4 and replace({plain}, left({plain}, 1), '') <> '' then \
         ltrim({plain}, '0') end"
    )
}

/// The words of an address line that are no numbers.
fn street(address: &str) -> String {
    let words =
        format!("regexp_replace(' ' || {address}, '( [0-9][^ ]*| (flat|apt|unit)\\b)', '', 'g')");
    format!("nullif(trim({words}), '')")
}

/// The numbers of an address line, in order.
fn house_number(address: &str) -> String {
    let numbers = format!("regexp_replace(' ' || {address}, ' [^0-9 ][^ ]*', '', 'g')");
    format!("nullif(replace(trim({numbers}), ' ', '/'), '')")
}

/// A postcode in small letters without blanks.
fn postcode(text: &str) -> String {
    let plain = format!("regexp_replace(lower(trim({text})), '[.]0$', '')");
    format!("nullif(regexp_replace({plain}, '[ -]', '', 'g'), '')")
}

/// m or f, in the words of many languages.
fn sex(text: &str) -> String {
    const MALE: &str = "'m', 'male', 'man', 'mann', 'homme', 'hombre', 'maschio', 'männlich', \
        'mannlich', 'maennlich', 'masculin', 'masculino', 'mężczyzna', 'mr'";
    const FEMALE: &str = "'f', 'female', 'w', 'woman', 'frau', 'femme', 'mujer', 'femmina', \
        'weiblich', 'feminin', 'féminin', 'femenino', 'feminino', 'kobieta', 'k'";
    let plain = format!("lower(trim({text}))");
    format!("case when {plain} in ({MALE}) then 'm' when {plain} in ({FEMALE}) then 'f' end")
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;
    use arrow::compute::cast;
    use arrow::datatypes::DataType;

    use super::*;

    /// What an expression makes of a text.
    async fn made(sql: &str) -> Option<String> {
        let scratch = tempfile::tempdir().unwrap();
        let engine = Engine::with(1, 64 << 20, scratch.path()).unwrap();
        let session = engine.session(Layout::Parted, []).unwrap();
        let frame = session.sql(&format!("select {sql} as made")).await.unwrap();
        let batches = frame.collect().await.unwrap();
        let texts = cast(batches[0].column(0), &DataType::Utf8).unwrap();
        texts.as_string::<i32>().iter().next().unwrap().map(str::to_string)
    }

    fn text(value: &str) -> String {
        format!("'{value}'")
    }

    #[tokio::test]
    async fn dates_are_eight_digits_however_they_are_written() {
        for (written, is_day_first, expected) in [
            ("1971-06-24", true, Some("19710624")),
            ("1971-6-4 00:00:00", true, Some("19710604")),
            ("19710624", true, Some("19710624")),
            ("24/06/1971", true, Some("19710624")),
            ("06/24/1971", false, Some("19710624")),
            ("4.6.71", true, Some("19710604")),
            ("4.6.03", true, Some("20030604")),
            ("24 Jun 1971", true, Some("19710624")),
            ("1971-02-31", true, Some("19710231")),
            ("1900-01-01", true, None),
            ("unknown", true, None),
        ] {
            let made = made(&date(&text(written), is_day_first)).await;
            assert_eq!(made.as_deref(), expected, "{written}");
        }
    }

    #[tokio::test]
    async fn telephones_are_one_with_and_without_a_country() {
        for (written, expected) in [
            ("+44 (0)7700 900123", Some("700900123")),
            ("07700 900123", Some("700900123")),
            ("0000000", None),
            ("12345", None),
        ] {
            let made = made(&phone(&text(written))).await;
            assert_eq!(made.as_deref(), expected, "{written}");
        }
    }

    #[tokio::test]
    async fn lists_hold_each_value_once_and_no_list_holds_none() {
        let none = || "cast(null as varchar)".to_string();
        for (values, first, count) in [
            (vec![text("a"), text("b")], Some("a"), Some("2")),
            (vec![none(), text("b")], Some("b"), Some("1")),
            (vec![text("a"), text("a")], Some("a"), Some("1")),
            (vec![none(), none()], None, None),
            (vec![text("a")], Some("a"), Some("1")),
        ] {
            let list = list(values).unwrap();
            let made_first = made(&format!("array_element({list}, 1)")).await;
            assert_eq!(made_first.as_deref(), first, "{list}");
            let made_count = made(&format!("array_length({list})")).await;
            assert_eq!(made_count.as_deref(), count, "{list}");
        }
    }

    #[tokio::test]
    async fn addresses_are_parted_into_words_and_numbers() {
        for (written, words, numbers) in
            [("12 High Road", Some("high rd"), Some("12")), ("High Road", Some("high rd"), None)]
        {
            let address = format!("normalize_address('{written}')");
            assert_eq!(made(&street(&address)).await.as_deref(), words);
            assert_eq!(made(&house_number(&address)).await.as_deref(), numbers);
        }
    }

    #[tokio::test]
    async fn whole_names_stand_in_for_parts_that_are_missing() {
        let whole = Some(name(text("Müller, Dr. Zoë")));
        let part = |own: Option<String>, of_whole| part_of_name(&own, &None, &whole, of_whole);
        assert_eq!(made(&part(None, GIVEN).unwrap()).await.as_deref(), Some("zoe"));
        assert_eq!(made(&part(None, SURNAME).unwrap()).await.as_deref(), Some("muller"));
        let own = Some("'anna'".to_string());
        assert_eq!(made(&part(own, GIVEN).unwrap()).await.as_deref(), Some("anna"));
    }

    #[test]
    fn days_come_first_where_no_month_could() {
        let samples = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(is_day_first(&samples(&["24/06/1971", "01/02/1990"])));
        assert!(!is_day_first(&samples(&["06/24/1971", "01/02/1990"])));
        assert!(is_day_first(&samples(&["1971-06-24", "1990-12-31"])));
    }

    #[test]
    fn what_is_declared_for_persons_reads() {
        let declaration = parse("person.yaml", PERSON).unwrap();
        assert!(!declaration.is_trained() && declaration.threshold == Some(1.5));
    }
}
