//! What a query says its columns are made of, against what is told of its plan.

use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;

use super::*;
use crate::engine::Layout;

async fn planned(sql: &str) -> LogicalPlan {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::with(1, 64 << 20, folder.path()).unwrap();
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let list = Field::new("tags", DataType::new_list(DataType::Utf8, true), true);
    let orders = vec![text("id"), text("person"), text("channel"), number("amount"), list];
    let people = vec![text("person"), text("name"), number("age")];
    let tables = [("orders", orders), ("people", people)].map(|(name, fields)| {
        let table = MemTable::try_new(Arc::new(Schema::new(fields)), vec![vec![]]).unwrap();
        (TableName::new("staging", name), Arc::new(table) as Arc<dyn TableProvider>)
    });
    let session = engine.session(Layout::OnePart, tables).unwrap();
    let state = session.state();
    let plan = state.create_logical_plan(sql).await.unwrap();
    let options = Arc::clone(state.config_options());
    state.analyzer().execute_and_check(plan, &options, |_, _| {}).unwrap()
}

/// As `column < table.column how, …`, a line a column; the rows' as `*`.
async fn told(sql: &str) -> Vec<String> {
    let lineage = of_plan(&planned(sql).await).unwrap();
    let line = |name: &str, sources: &Sources| {
        let sources = sources.iter().map(|(source, influences)| {
            let how: Vec<String> = influences.iter().map(|one| format!("{one:?}")).collect();
            format!("{}.{} {}", source.table.table, source.column, how.join("+"))
        });
        format!("{name} < {}", sources.collect::<Vec<_>>().join(", "))
    };
    let columns = lineage.columns.iter().map(|(name, sources)| line(name, sources));
    columns.chain([line("*", &lineage.rows)]).collect()
}

#[tokio::test]
async fn a_value_as_it_is_is_told_from_one_that_is_worked_out_and_from_a_constant() {
    let sql = "select id as number, amount * 2 + 1 as twice, upper(channel) as channel, 7 as seven
               from staging.orders where amount > 0 order by id";
    let expected = [
        "channel < orders.channel Transformation",
        "number < orders.id Identity",
        "seven < ",
        "twice < orders.amount Transformation",
        "* < orders.amount Filter, orders.id Sort",
    ];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn groups_decide_on_rows_and_a_condition_on_a_value() {
    let sql = "select channel, sum(amount) filter (where person is not null) as amount,
                      case when channel = 'web' then max(id) else 'none' end as last
               from staging.orders group by channel";
    let expected = [
        "amount < orders.amount Aggregation, orders.person Conditional",
        "channel < orders.channel Identity",
        "last < orders.channel Conditional, orders.id Aggregation",
        "* < orders.channel GroupBy",
    ];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn a_join_is_told_through_common_tables_and_unions() {
    let sql = "with
        named as (
            select orders.id, people.name
            from staging.orders
            left join staging.people on people.person = orders.person
        ),
        everybody as (select id, name from named union all select person, 'x' from staging.people)
        select id, name from everybody";
    let expected = [
        "id < orders.id Identity, people.person Identity",
        "name < people.name Identity",
        "* < orders.person Join, people.person Join",
    ];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn what_decides_once_is_never_told_as_a_value() {
    // The rank is worked out by the amount alone, and then decides which rows are kept.
    let sql = "with ranked as (
            select id, row_number() over (partition by person order by amount) as place
            from staging.orders
        )
        select id, place + 1 as place from ranked where place = 1";
    let expected = [
        "id < orders.id Identity",
        "place < orders.amount Window, orders.person Window",
        "* < orders.amount Window, orders.person Window",
    ];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn subqueries_tell_what_they_ask_and_by_what() {
    let sql = "select id, (select max(age) from staging.people
                           where people.person = orders.person) as age
               from staging.orders
               where person in (select person from staging.people where age > 17)";
    let expected = [
        // The person of the order decides too, by the subquery's condition.
        "age < orders.person Filter, people.age Aggregation, people.person Filter",
        "id < orders.id Identity",
        "* < orders.person Filter, people.age Filter, people.person Conditional",
    ];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn a_list_that_is_taken_apart_is_worked_on() {
    let sql = "select id, unnest(tags) as tag from staging.orders";
    let expected = ["id < orders.id Identity", "tag < orders.tags Transformation", "* < "];
    assert_eq!(told(sql).await, expected);
}

#[tokio::test]
async fn a_recursive_query_tells_all_of_its_rounds() {
    let sql = "with recursive steps as (
            select id, person, 1 as step from staging.orders
            union all
            select person, id, step + 1 from steps where step < 3
        )
        select id, step from steps";
    let expected = ["id < orders.id Identity, orders.person Identity", "step < ", "* < "];
    assert_eq!(told(sql).await, expected);
}
