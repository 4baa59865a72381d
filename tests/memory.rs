//! Queries keep within `memory_limit`: they spill, and come to the same bytes. Files are read as
//! they stream by.

use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::{Project, finish};

const DAY: [&str; 2] = ["--date", "2024-03-04"];

/// One row per sale with what its customer bought in all: a join, an aggregation, a window and a
/// sort, all of which hold text.
const RECEIPTS: &str = "
with

sales as (

    select *
    from staging.sales
    where dt = $run_date

),

sales_by_customer as (

    select
        customer_email,
        count(*) as sale_count,
        max(sale_id) as last_sale_id
    from sales
    group by customer_email

),

receipts as (

    select
        sales.sale_id,
        sales.customer_email,
        repeat(sales.customer_email, 4) as greeting,
        sales_by_customer.sale_count,
        sales_by_customer.last_sale_id,
        cast(row_number() over (
            partition by sales.customer_email order by sales.sale_id desc
        ) as bigint) as recency
    from sales
    inner join sales_by_customer on sales.customer_email = sales_by_customer.customer_email

)

select * from receipts
order by customer_email, sale_id
";

const RECEIPTS_CONTRACT: &str = "
description: One row per sale.
grain: [customer_email, sale_id]
columns:
  - {name: sale_id, type: string, meaning: The sale's number.}
  - {name: customer_email, type: string, meaning: Who bought., personal: email}
  - {name: greeting, type: string, meaning: Something long., personal: email}
  - {name: sale_count, type: integer, meaning: The customer's sales.}
  - {name: last_sale_id, type: string, meaning: The customer's last sale.}
  - {name: recency, type: integer, meaning: 1 for the customer's last sale.}
";

fn busy_shop() -> Project {
    let project = Project::small();
    let mut sales = "sale_id,sold_at,customer_email,channel,amount\n".to_string();
    for number in 0..60_000_u64 {
        // Customers come back in no order.
        let customer = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
        let host = "a-name-that-takes-its-place.example.com";
        writeln!(
            sales,
            "S-{},2024-03-04T09:15:00Z,customer-{customer}@{host},web,{}.50",
            number * 7919 % 1_000_003,
            number % 100
        )
        .unwrap();
    }
    project.write("landing/sales/2024-03-04.csv", sales);
    project.write("sql/marts/receipts.sql", RECEIPTS);
    project.write("sql/marts/receipts.yml", RECEIPTS_CONTRACT);
    project
}

#[test]
fn queries_spill_to_the_same_bytes() {
    let ample = busy_shop();
    ample.edit("rapport.yaml", "memory_limit: 256MiB", "memory_limit: 2GiB");
    let little = ample.copy();
    little.edit("rapport.yaml", "memory_limit: 2GiB", "memory_limit: 32MiB");
    ample.must_run("daily", &DAY);
    little.must_run("daily", &DAY);
    assert_eq!(little.published(), ample.published());
}

#[test]
pub fn memory_that_is_too_little_is_named_as_the_setting_to_change() {
    let project = busy_shop();
    project.edit("rapport.yaml", "memory_limit: 256MiB", "memory_limit: 32MiB");
    // One value that grows cannot be spilled.
    project.edit(
        "sql/marts/receipts.sql",
        "max(sale_id) as last_sale_id",
        "max(sale_id) as last_sale_id,
        (select cast(octet_length(string_agg(repeat(customer_email, 40), '' order by sale_id)) as bigint) from sales)
            as letter_count",
    );
    project.edit(
        "sql/marts/receipts.sql",
        "sales_by_customer.sale_count,",
        "sales_by_customer.letter_count as sale_count,",
    );
    let result = project.run("daily", &DAY).expect(2);
    assert_eq!(result["error"]["kind"], "out_of_memory");
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("`memory_limit` is too low"), "{message}");
}

const LONG: &str = "
description: An export that may be long.
location: long/{dt}.csv
format: csv
load: events
duplicates: keep
columns:
  - {name: id, type: integer, required: true}
  - {name: at, type: timestamp, required: true}
  - {name: note, type: string}
";

/// The most memory that `ingest` had at once while it read a file of about `megabytes`.
#[cfg(target_os = "linux")]
fn peak_of_reading(project: &Project, megabytes: usize) -> u64 {
    let row = format!(",2024-03-04T09:15:00Z,{}\n", "a note ".repeat(70));
    let mut text = "id,at,note\n".to_string();
    for id in 0..megabytes * 1_000_000 / row.len() {
        text += &id.to_string();
        text += &row;
    }
    project.write("landing/long/2024-03-04.csv", text);
    let mut running = project.start("ingest", &["--date", "2024-03-04"]);
    let mut peak = 0;
    while running.is_running() {
        peak = running.peak_memory().unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let result = finish(running).expect(0);
    assert_eq!(result["row_counts"]["raw.long"], megabytes * 1_000_000 / row.len(), "{result}");
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    const SMALL: usize = 64;
    const LARGE: usize = 320;
    let project = Project::small();
    project.write("sources/long.yaml", LONG);
    let small = peak_of_reading(&project, SMALL);
    let large = peak_of_reading(&project, LARGE);
    // Whatever is kept of a file grows by this at least, if it is kept.
    let grown = u64::try_from((LARGE - SMALL) * 1_000_000).unwrap();
    assert!(small > 0 && large < small + grown / 2, "{small} and {large} bytes");
}
