//! What the contracts of metrics say of their columns is held: values are what their formulas say,
//! trends are sums over event days as far as known, and the dictionary is what the contracts say.

use serde_json::{Map, Value, json};

use crate::harness::{Project, rows_of};

const DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-07"];

const QUERY: &str = "
-- Grain: one row per day of the sale and channel. Zero is none.
with

sales as (

    select sale_date, channel, amount
    from staging.sales
    where dt = $run_date

),

counted as (

    select
        sale_date,
        channel,
        count(*) as sale_count,
        cast(sum(amount) as decimal(18, 2)) as amount,
        make_array(
            count(case when amount < 10 then 1 end),
            count(case when amount >= 10 then 1 end)
        ) as amount_counts,
        max(amount) as largest_amount
    from sales
    group by sale_date, channel

)

select
    sale_date,
    channel,
    sale_count,
    amount,
    amount_counts,
    cast(largest_amount as decimal(18, 2)) as largest_amount,
    case
        when sale_count >= $minimum_sale_count
            then cast(amount / sale_count as decimal(18, 2))
    end as average_amount,
    cast('told by nobody' as varchar) as remark
from counted
order by sale_date, channel
";

const CONTRACT: &str = "
description: One row per day of the sale and channel.
grain: [sale_date, channel]
event_day: sale_date
windows: [2, 7]
source: The till's own manual.
caveats: [A sale counts on its own day., 'Grace''s too.']
columns:
  - {name: sale_date, type: date, role: dimension, meaning: Day of the sale., required: true}
  - {name: channel, type: string, role: dimension, meaning: Where it was sold., required: true}
  - {name: sale_count, type: integer, role: state, meaning: Sales., required: true, range: {min: 1, max: 2}}
  - {name: amount, type: 'decimal(18,2)', role: state, unit: pounds, meaning: Taken.}
  - {name: amount_counts, type: list<integer>, role: state, merge: lists, meaning: Below 10 and not.}
  - {name: largest_amount, type: 'decimal(18,2)', role: state, merge: max, meaning: The largest.}
  - name: average_amount
    type: decimal(18,2)
    unit: pounds
    role: value
    formula: |
      case when sale_count >= $minimum_sale_count
        then amount / sale_count
      end
    meaning: Average sale.
  - {name: remark, type: string, role: flag, meaning: Of no state.}
";

/// The small project with a metric of event days. On the last day a sale of the first arrives, and
/// on the day before one of the day after.
pub fn project() -> Project {
    let project = Project::small();
    project.write("sql/metrics/daily.sql", QUERY);
    project.write("sql/metrics/daily.yml", CONTRACT);
    for (day, row) in [
        ("2024-03-05", "S-8,2024-03-06T00:30:00Z,,web,10.00\n"),
        ("2024-03-06", "S-7,2024-03-04T08:00:00Z,,store,1.80\n"),
    ] {
        let file = format!("landing/sales/{day}.csv");
        project.write(&file, project.read(&file) + row);
    }
    project
}

fn published(project: &Project, table: &str, dt: &str) -> Vec<Map<String, Value>> {
    rows_of(&project.path(&format!("warehouse/metrics/{table}/dt={dt}/data.parquet")))
}

#[test]
fn trends_are_sums_over_event_days_as_far_as_known() {
    let project = project();
    project.must_run("daily", &DAYS);
    let trend = |dt: &str| -> Vec<Value> {
        let rows = published(&project, "daily_trend", dt).into_iter();
        rows.map(|row| Value::Array(row.into_iter().map(|(_, value)| value).collect())).collect()
    };
    // window_days, channel, sale_count, amount, amount_counts, largest_amount, average_amount,
    // is_mature; the sale of the 6th that came on the 5th is in none of the 5th.
    let first_days_columns = published(&project, "daily_trend", "2024-03-04");
    let columns: Vec<&String> = first_days_columns[0].keys().collect();
    assert_eq!(columns[..3], ["window_days", "channel", "sale_count"]);
    assert_eq!(columns[6..], ["average_amount", "is_mature"], "a remark is no function of state");
    assert_eq!(
        trend("2024-03-05"),
        [
            json!([2, "store", 2, "10.95", [2, 0], "7.75", "5.48", true]),
            json!([2, "web", 3, "152.49", [0, 3], "99.99", "50.83", true]),
            json!([7, "store", 2, "10.95", [2, 0], "7.75", "5.48", false]),
            json!([7, "web", 3, "152.49", [0, 3], "99.99", "50.83", false]),
        ]
        .map(untyped)
    );
    assert_eq!(
        trend("2024-03-06"),
        [
            json!([2, "store", 1, "7.75", [1, 0], "7.75", "7.75", true]),
            json!([2, "web", 3, "114.99", [1, 2], "99.99", "38.33", true]),
            json!([7, "store", 3, "12.75", [3, 0], "7.75", "4.25", false]),
            json!([7, "web", 5, "167.49", [1, 4], "99.99", "33.50", false]),
        ]
        .map(untyped)
    );
    assert_eq!(trend("2024-03-04")[0].as_array().unwrap().last(), Some(&json!(false)));
    // One reading of it all leaves nothing to do, and a late file rebuilds the windows it is in.
    assert_eq!(project.must_run("daily", &DAYS)["built_count"], 0);
    let late = "landing/sales/2024-03-04.csv";
    project.write(late, project.read(late) + "S-9,2024-03-04T09:00:00Z,,store,5.00\n");
    project.must_run("daily", &DAYS);
    assert_eq!(trend("2024-03-06")[0][2], 1);
    assert_eq!(trend("2024-03-06")[2][2], 4);
}

/// Numbers as the rows are read: a decimal is one.
fn untyped(row: Value) -> Value {
    let cell = |cell: &Value| match cell.as_str().and_then(|text| text.parse::<f64>().ok()) {
        Some(number) => json!(number),
        None => cell.clone(),
    };
    Value::Array(row.as_array().unwrap().iter().map(cell).collect())
}

#[test]
fn a_value_that_is_not_what_its_formula_says_is_not_published() {
    let project = project();
    project.edit("sql/metrics/daily.yml", "amount / sale_count", "amount / (sale_count + 1)");
    let finished = project.run("daily", &["--date", "2024-03-04"]);
    let result = finished.expect(10);
    let message = result["error"]["message"].as_str().unwrap();
    let told = "check metrics.daily dt=2024-03-04: formula(average_amount) (2 rows): \
                `average_amount` must be what its formula says of the row's state; first \
                sale_date=2024-03-04 channel=store, sale_date=2024-03-04 channel=web; its rows";
    assert!(message.contains(told), "{message}");
    let kept = "warehouse/_rapport/failed_checks/metrics/daily/dt=2024-03-04/\
                formula-average_amount.parquet";
    assert_eq!(rows_of(&project.path(kept)).len(), 2);
    // The trend and what tells of all figures read what failed, the dictionary does not.
    assert_eq!(result["held_back_count"], 2);
    assert!(published(&project, "metric_definitions", "2024-03-04").len() > 20);
    // A null where the formula has a value is no more right than another value.
    let project = self::project();
    project.edit("sql/metrics/daily.sql", ">= $minimum_sale_count", "> 1");
    let finished = project.run("daily", &["--date", "2024-03-04"]);
    let result = finished.expect(10);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("formula(average_amount) (1 rows)"), "{message}");
}

/// What a column would have been on days that were built without it nobody knows.
#[test]
fn a_trend_does_not_take_a_new_column_for_nothing() {
    let project = project();
    project.must_run("daily", &DAYS);
    project.edit(
        "sql/metrics/daily.sql",
        "count(*) as sale_count,",
        "count(*) as sale_count, count(amount) as paid_count,",
    );
    project.edit(
        "sql/metrics/daily.sql",
        "    sale_count,\n",
        "    sale_count,\n    paid_count,\n",
    );
    project.edit(
        "sql/metrics/daily.yml",
        "  - {name: amount,",
        "  - {name: paid_count, type: integer, role: state, meaning: Paid.}\n  - {name: amount,",
    );
    let finished = project.run("daily", &["--date", "2024-03-06"]);
    let told = "read metrics.daily dt=2024-03-04: it was built with other columns";
    let result = finished.expect(12);
    assert!(result["error"]["message"].as_str().unwrap().contains(told), "{result}");
    project.must_run("daily", &DAYS);
    let trend = published(&project, "daily_trend", "2024-03-06");
    assert!(trend.iter().all(|row| row["paid_count"] == row["sale_count"]), "{trend:?}");
}

#[test]
fn the_dictionary_is_what_the_contracts_say() {
    let project = project();
    project.must_run("daily", &DAYS);
    let rows = published(&project, "metric_definitions", "2024-03-05");
    let row = |table: &str, column: &str| -> Value {
        let is_it =
            |row: &&Map<String, Value>| row["table_name"] == table && row["column_name"] == column;
        Value::Object(rows.iter().find(is_it).unwrap().clone())
    };
    assert_eq!(
        row("daily", "average_amount"),
        json!({
            "table_name": "daily",
            "column_name": "average_amount",
            "column_number": 7,
            "role": "value",
            "data_type": "decimal(18,2)",
            "unit": "pounds",
            "meaning": "Average sale.",
            "merge": null,
            "formula": "case when sale_count >= $minimum_sale_count then amount / sale_count end",
            "table_description": "One row per day of the sale and channel.",
            "grain": ["sale_date", "channel"],
            "caveats": ["A sale counts on its own day.", "Grace's too."],
            "source": "The till's own manual.",
        })
    );
    assert_eq!(row("daily", "sale_count")["merge"], "sum");
    let trend = row("daily_trend", "average_amount");
    assert_eq!(trend["formula"], row("daily", "average_amount")["formula"]);
    assert_eq!(trend["grain"], json!(["window_days", "channel"]));
    assert_eq!(trend["caveats"].as_array().unwrap().len(), 3);
    assert_eq!(row("takings", "amount")["role"], Value::Null);
    assert_eq!(row("takings", "amount")["caveats"], Value::Null);
    assert_eq!(row("metric_definitions", "table_name")["role"], "dimension");
    let tables = ["daily", "daily_trend", "metric_definitions", "restatements", "takings"];
    assert!(rows.iter().all(|row| tables.contains(&row["table_name"].as_str().unwrap())));

    // Prose is in the dictionary, and makes nothing else anew.
    project.edit("sql/metrics/daily.yml", "Average sale.", "What a sale is worth.");
    let result = project.must_run("daily", &DAYS);
    assert_eq!(result["built_count"], 3, "{result}");
    let told = result["row_counts"].as_object().unwrap();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["metrics.metric_definitions"]);
    // A project without roles has none.
    let without = Project::small();
    without.must_run("daily", &["--date", "2024-03-04"]);
    assert!(!without.path("warehouse/metrics/metric_definitions").exists());
}
