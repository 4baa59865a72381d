//! Tables that look back over months: made of the company's facts by their models alone, with
//! everybody known for who they are, and the same as the truth to the last row.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use rapport::config::Settings;
use rapport::dates::{Day, DayRange};
use rapport::engine::Engine;
use rapport::models::Catalogue;
use rapport::sample::facts::{Case as ServiceCase, Facts, KnownBy};
use rapport::sample::life;
use rapport::sample::truth::metrics::{MetricTruth, Standings};
use rapport::sample::world::World;
use rapport::sample::world::calendar::london_day;
use serde_json::{Map, Value, json};

use crate::model_cases::{Case, run_case};

const PERSONS: u64 = 1_500;

#[test]
fn whoever_complained_buys_again_as_the_truth_says() {
    let from: Day = "2024-01-15".parse().unwrap();
    let world = World::new(3, PERSONS, DayRange { from, to: from.plus(125) });
    let facts = life::facts(&world, 0..PERSONS, world.days);
    let mut truth = MetricTruth::new(world.days);
    truth.add(&world, &facts, world.days, &mut Standings::of(&(0..PERSONS)));
    let tables = truth.into_tables(&world).unwrap();
    let (_, batch) = tables.into_iter().find(|(name, _)| *name == "complaint_retention").unwrap();

    let settings = Settings::read(Path::new("config/local.yaml")).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let engine = Engine::new(&settings).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut cohorts = BTreeSet::new();
    for days in [30, 45, 89, 95, 124] {
        let dt = from.plus(days);
        let expect = rows_of(&batch, dt);
        cohorts.extend(
            expect.iter().map(|row| row["cohort"].to_string() + &row["horizon_days"].to_string()),
        );
        let case = Case { run_date: dt.to_string(), expect, ..given(&facts, from, dt) };
        let made = run_case(&settings, &catalogue, &engine, "complaint_retention", &case);
        if let Err(what) = runtime.block_on(made) {
            panic!("on {dt}: {what}");
        }
    }
    assert_eq!(cohorts.len(), 4, "{cohorts:?}");
}

fn row(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What is known at the end of a day.
fn given(facts: &Facts, from: Day, dt: Day) -> Case {
    let known = facts.orders.iter().filter(|it| it.known_by != KnownBy::Nothing);
    let orders = known.filter_map(|order| {
        let day = london_day(order.placed_at);
        (day <= dt).then(|| {
            let record = format!("shop:{}", order.person);
            row(json!({"record_id": record, "order_kind": "purchase",
                "order_date": day.to_string(), "dt": day.to_string()}))
        })
    });
    let told_by_then = |case: &&ServiceCase| {
        let times = case.events.iter().map(|event| event.at);
        let mut days = std::iter::once(case.opened_at).chain(times).map(london_day);
        days.any(|day| from <= day && day <= dt)
    };
    let cases = facts.cases.iter().filter(told_by_then).map(|case| {
        let is_complaint = case.case_type == "complaint";
        let opened_on = london_day(case.opened_at).to_string();
        row(json!({"customer_id": format!("c{}", case.person), "is_complaint": is_complaint,
            "case_date": opened_on}))
    });
    let records = (0..PERSONS).map(|person| {
        row(json!({"record_id": format!("shop:{person}"), "customer_id": format!("c{person}")}))
    });
    let given = [
        ("marts.orders", orders.collect()),
        ("marts.cases", cases.collect()),
        ("identity.identity_map", records.collect::<Vec<_>>()),
    ];
    Case { given: given.map(|(table, rows)| (table.to_string(), rows)).into(), ..Case::default() }
}

/// The true rows of a day.
fn rows_of(batch: &RecordBatch, dt: Day) -> Vec<Map<String, Value>> {
    let days = batch.column_by_name("dt").unwrap().as_primitive::<Date32Type>();
    let number = |column: &str, row: usize| {
        batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().value(row)
    };
    let cohorts = batch.column_by_name("cohort").unwrap().as_string::<i32>();
    let of_day = (0..batch.num_rows()).filter(|row| days.value(*row) == dt.to_epoch());
    let told = of_day.map(|place| {
        row(json!({
            "horizon_days": number("horizon_days", place),
            "cohort": cohorts.value(place),
            "customer_count": number("customer_count", place),
            "retained_count": number("retained_count", place),
        }))
    });
    told.collect()
}
