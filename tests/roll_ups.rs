//! Any roll-up from stored state equals direct computation: of the sample company's metrics, and of
//! one with every kind of state, details merged over dimensions are the published totals, trends
//! are sums over event days, and random subsets come out as their facts do.
//!
//! Rows are merged here by code of its own, as a reader of the tables would who follows the
//! dictionary; values come from the contracts' formulas.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Date32Array, Decimal128Array, Int64Array,
    Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Int64Type, Schema, TimestampMicrosecondType,
};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rapport::config::Settings;
use rapport::dates::Day;
use rapport::engine::sql::Bound;
use rapport::engine::{Engine, Layout};
use rapport::lake::TableName;
use rapport::models::contract::{Merge, Role};
use rapport::models::{Catalogue, Contract, formula, typed};

use crate::harness::{Project, files_below};

const DAYS: [&str; 4] = ["--from", "2024-03-29", "--to", "2024-04-02"];

/// A value of a row. Numbers, days and instants are whole numbers of their column's unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Null,
    Number(i128),
    Text(String),
    List(Vec<i64>),
    Texts(Vec<String>),
}

/// A row by column; `dt` among them.
type Row = BTreeMap<String, Cell>;

/// A metric's table, and the rows published of it on all days.
struct Table {
    name: String,
    contract: Contract,
    rows: Vec<Row>,
}

impl Table {
    fn columns(&self, role: Role) -> Vec<&str> {
        let columns = self.contract.columns.iter().filter(|column| column.role == Some(role));
        columns.map(|column| column.name.value.as_str()).collect()
    }

    /// The dimensions of `row`, with the day it is published on.
    fn key(&self, row: &Row) -> Row {
        let names = self.columns(Role::Dimension).into_iter().chain(["dt"]);
        names.map(|name| (name.to_string(), row[name].clone())).collect()
    }

    /// The dimensions of `row` but those of `without`, with the day it is published on.
    fn key_without(&self, row: &Row, without: &BTreeSet<&str>) -> Row {
        let mut key = self.key(row);
        key.retain(|name, _| !without.contains(name.as_str()));
        key
    }

    /// The rows that are no totals over any of `over`, by their other dimensions.
    fn details(&self, over: &BTreeSet<&str>) -> BTreeMap<Row, Vec<&Row>> {
        let mut details: BTreeMap<Row, Vec<&Row>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| self.totals(row).is_disjoint(over)) {
            details.entry(self.key_without(row, over)).or_default().push(row);
        }
        details
    }

    /// The names of the dimensions of which `row` is a total.
    fn totals(&self, row: &Row) -> BTreeSet<&str> {
        let is_total = |name: &&str| row[*name] == Cell::Text("all".to_string());
        self.columns(Role::Dimension).into_iter().filter(is_total).collect()
    }

    /// The state of `rows` merged as the contract says.
    fn merged<'a>(&self, rows: impl IntoIterator<Item = &'a Row>) -> Row {
        let mut merged = Row::new();
        let state = self.contract.columns.iter().filter_map(|c| Some((c, c.merged_by()?)));
        let state: Vec<_> = state.map(|(column, merge)| (&column.name.value, merge)).collect();
        for row in rows {
            for (name, merge) in &state {
                let so_far = merged.remove(*name).unwrap_or(Cell::Null);
                let both = match (so_far, of_row(*merge, &row[*name])) {
                    (Cell::Null, one) | (one, Cell::Null) => one,
                    (one, other) => merge_two(*merge, one, other),
                };
                merged.insert((*name).clone(), both);
            }
        }
        merged
    }
}

/// A row's day, or another of its whole numbers.
fn day(row: &Row, name: &str) -> i128 {
    match row[name] {
        Cell::Number(day) => day,
        ref other => panic!("{name} is {other:?}"),
    }
}

/// What a row adds to merged state. Nothing gathered is an empty list, not null.
fn of_row(merge: Merge, cell: &Cell) -> Cell {
    match (merge, cell) {
        (Merge::KaplanMeier | Merge::Quantiles | Merge::Distinct, Cell::Null) => Cell::List(vec![]),
        (Merge::Markov, Cell::Null) => Cell::Texts(vec![]),
        _ => cell.clone(),
    }
}

/// Two lists in which a key of `N` elements stands before what was counted of it: both by key, with
/// what stands in both put together by `of_both`.
fn by_key<K: Clone + Ord, const N: usize>(
    lists: [&[K]; 2],
    length: usize,
    of_both: fn(&K, &K) -> K,
) -> Vec<K> {
    let mut counts: BTreeMap<Vec<K>, Vec<K>> = BTreeMap::new();
    for row in lists.into_iter().flat_map(|list| list.chunks_exact(length)) {
        let (key, counted) = row.split_at(N);
        let held = counts
            .get(key)
            .map(|held| held.iter().zip(counted).map(|(one, other)| of_both(one, other)).collect());
        counts.insert(key.to_vec(), held.unwrap_or_else(|| counted.to_vec()));
    }
    counts.into_iter().flat_map(|(key, counted)| [key, counted].concat()).collect()
}

fn merge_two(merge: Merge, one: Cell, other: Cell) -> Cell {
    match (merge, one, other) {
        (Merge::Sum, Cell::Number(one), Cell::Number(other)) => Cell::Number(one + other),
        (Merge::Min, one, other) => one.min(other),
        (Merge::Max, one, other) => one.max(other),
        (Merge::Lists, Cell::List(one), Cell::List(other)) => {
            let length = one.len().max(other.len());
            let at = |list: &[i64], place: usize| list.get(place).copied().unwrap_or(0);
            Cell::List((0..length).map(|place| at(&one, place) + at(&other, place)).collect())
        }
        // Duration, ended, censored.
        (Merge::KaplanMeier, Cell::List(one), Cell::List(other)) => {
            Cell::List(by_key::<i64, 1>([&one, &other], 3, |one, other| one + other))
        }
        // Bin, count.
        (Merge::Quantiles, Cell::List(one), Cell::List(other)) => {
            Cell::List(by_key::<i64, 1>([&one, &other], 2, |one, other| one + other))
        }
        // 64 times the register, and its longest run.
        (Merge::Distinct, Cell::List(one), Cell::List(other)) => {
            let apart = |list: &[i64]| -> Vec<i64> {
                list.iter().flat_map(|number| [number / 64, number % 64]).collect()
            };
            let longest = |one: &i64, other: &i64| *one.max(other);
            let both = by_key::<i64, 1>([&apart(&one), &apart(&other)], 2, longest);
            Cell::List(both.chunks(2).map(|register| register[0] * 64 + register[1]).collect())
        }
        // From, to, count.
        (Merge::Markov, Cell::Texts(one), Cell::Texts(other)) => {
            let sum = |one: &String, other: &String| {
                (one.parse::<u64>().unwrap() + other.parse::<u64>().unwrap()).to_string()
            };
            Cell::Texts(by_key::<String, 2>([&one, &other], 3, sum))
        }
        (merge, one, other) => panic!("{merge:?} of {one:?} and {other:?}"),
    }
}

struct Company {
    project: Project,
    /// The first day of its tables.
    first: Day,
    settings: Settings,
    engine: Engine,
    tables: BTreeMap<String, Table>,
    trends: BTreeMap<String, String>,
}

/// Four days of a small company, with windows that are shorter than that.
fn company() -> Company {
    let project = Project::local();
    let metrics = files_below(Path::new("sql/metrics")).into_iter();
    for file in metrics.filter(|file| file.extension().is_some_and(|end| end == "yml")) {
        let file = file.to_str().unwrap();
        project.write(file, project.read(file).replace("windows: [7, ", "windows: [2, 3, 7, "));
    }
    let exports = ["--out", "exports", "--customers", "700", "--dirt", "light"];
    project.must_run("sample-exports", &[&exports[..], &DAYS].concat());
    let company = built(project, "config/local.yaml", DAYS);
    let names: Vec<&str> = company.tables.keys().map(String::as_str).collect();
    assert!(names.contains(&"nps") && names.contains(&"revenue"), "{names:?}");
    company
}

/// A project of the settings `config`, its tables built for `days`.
fn built(project: Project, config: &str, days: [&str; 4]) -> Company {
    project.must_run("daily", &days);
    let settings = Settings::read(&project.path(config)).unwrap();
    let catalogue = Catalogue::read(&settings).unwrap();
    let engine = Engine::new(&settings).unwrap();
    let mut tables = BTreeMap::new();
    let mut trends = BTreeMap::new();
    for model in catalogue.models().filter(|model| model.name.zone == "metrics") {
        let contract = model.contract.as_deref().unwrap().clone();
        let name = model.name.table.clone();
        trends.extend(catalogue.trend_of(&model.name).map(|of| (name.clone(), of.table.clone())));
        let has_state = contract.columns.iter().any(|column| column.role == Some(Role::State));
        if has_state {
            let rows = read(&project, &model.name).iter().flat_map(rows_of).collect();
            tables.insert(name.clone(), Table { name, contract, rows });
        }
    }
    let first = days[1].parse().unwrap();
    Company { project, first, settings, engine, tables, trends }
}

/// Everything published of a table, with its `dt`.
fn read(project: &Project, table: &TableName) -> Vec<RecordBatch> {
    let folder = project.path("warehouse").join(&table.zone).join(&table.table);
    let mut batches = vec![];
    for path in files_below(&folder) {
        let dt = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let dt: Day = dt.strip_prefix("dt=").unwrap().parse().unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            let days = Date32Array::from(vec![dt.to_epoch(); batch.num_rows()]);
            let mut fields = batch.schema().fields().to_vec();
            fields.push(Arc::new(Field::new("dt", DataType::Date32, false)));
            let columns = batch.columns().iter().cloned().chain([Arc::new(days) as ArrayRef]);
            let schema = Arc::new(Schema::new(fields));
            batches.push(RecordBatch::try_new(schema, columns.collect()).unwrap());
        }
    }
    batches
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let row_of = |row: usize| -> Row {
        let columns = schema.fields().iter().zip(batch.columns());
        columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
    };
    (0..batch.num_rows()).map(row_of).collect()
}

fn cell(column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    match column.data_type() {
        DataType::Int64 => Cell::Number(column.as_primitive::<Int64Type>().value(row).into()),
        DataType::Decimal128(..) => {
            Cell::Number(column.as_primitive::<Decimal128Type>().value(row))
        }
        DataType::Date32 => Cell::Number(column.as_primitive::<Date32Type>().value(row).into()),
        DataType::Timestamp(..) => {
            Cell::Number(column.as_primitive::<TimestampMicrosecondType>().value(row).into())
        }
        DataType::Boolean => Cell::Number(column.as_boolean().value(row).into()),
        DataType::List(element) if *element.data_type() == DataType::Int64 => {
            let list = column.as_list::<i32>().value(row);
            Cell::List(list.as_primitive::<Int64Type>().values().to_vec())
        }
        DataType::List(element) if *element.data_type() == DataType::Utf8 => {
            let list = column.as_list::<i32>().value(row);
            Cell::Texts(list.as_string::<i32>().iter().flatten().map(str::to_string).collect())
        }
        _ => {
            let text = arrow::util::display::array_value_to_string(column, row).unwrap();
            Cell::Text(text)
        }
    }
}

fn array(data_type: &DataType, cells: &[Cell]) -> ArrayRef {
    let numbers = || {
        cells.iter().map(|cell| match cell {
            Cell::Null => None,
            Cell::Number(number) => Some(*number),
            other => panic!("{other:?} is no {data_type}"),
        })
    };
    let whole = || numbers().map(|number| number.map(|number| i64::try_from(number).unwrap()));
    match data_type {
        DataType::Int64 => Arc::new(whole().collect::<Int64Array>()),
        DataType::Decimal128(precision, scale) => {
            let decimals: Decimal128Array = numbers().collect();
            Arc::new(decimals.with_precision_and_scale(*precision, *scale).unwrap())
        }
        DataType::Date32 => {
            Arc::new(whole().map(|day| day.map(|day| day as i32)).collect::<Date32Array>())
        }
        DataType::Timestamp(..) => {
            Arc::new(whole().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        DataType::Boolean => {
            Arc::new(numbers().map(|flag| flag.map(|flag| flag == 1)).collect::<BooleanArray>())
        }
        DataType::List(element) if *element.data_type() == DataType::Utf8 => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for cell in cells {
                if let Cell::Texts(texts) = cell {
                    texts.iter().for_each(|text| lists.values().append_value(text));
                }
                lists.append(*cell != Cell::Null);
            }
            Arc::new(lists.finish())
        }
        DataType::List(_) => {
            let mut lists = ListBuilder::new(Int64Builder::new());
            for cell in cells {
                if let Cell::List(numbers) = cell {
                    lists.values().append_slice(numbers);
                }
                lists.append(*cell != Cell::Null);
            }
            Arc::new(lists.finish())
        }
        DataType::Utf8 => {
            let texts = cells.iter().map(|cell| match cell {
                Cell::Null => None,
                Cell::Text(text) => Some(text.as_str()),
                other => panic!("{other:?} is no {data_type}"),
            });
            Arc::new(texts.collect::<arrow::array::StringArray>())
        }
        other => panic!("no state is {other}"),
    }
}

impl Company {
    /// What the query `text` returns over `tables`.
    async fn ask(&self, tables: Vec<(TableName, Vec<RecordBatch>)>, text: &str) -> Vec<Row> {
        let tables = tables.into_iter().map(|(name, batches)| {
            let schema = batches[0].schema();
            let table: Arc<dyn TableProvider> =
                Arc::new(MemTable::try_new(schema, vec![batches]).unwrap());
            (name, table)
        });
        let session = self.engine.session(Layout::OnePart, tables).unwrap();
        let batches = session.sql(text).await.unwrap().collect().await.unwrap();
        batches.iter().flat_map(rows_of).collect()
    }

    /// What the formulas of `table` say of each of the states `merged`.
    async fn values(&self, table: &Table, merged: &[Row]) -> Vec<Row> {
        let state = table.contract.columns.iter().filter(|c| c.role == Some(Role::State));
        let columns = state.map(|column| {
            let name = &column.name.value;
            let cells: Vec<Cell> = merged.iter().map(|row| row[name].clone()).collect();
            (name.clone(), array(&column.arrow_type().unwrap(), &cells), true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let values = table.contract.columns.iter().filter_map(|column| {
            let formula = formula(&table.contract, &column.formula.as_ref()?.value).unwrap();
            let bound = formula.bind(|name| self.settings.parameters.get(name).map(Bound::Value));
            Some(format!("{} as \"{}\"", typed(column, &bound.unwrap()), column.name.value))
        });
        let values: Vec<String> = values.collect();
        if values.is_empty() {
            return vec![Row::new(); merged.len()];
        }
        let text = format!("select {} from test.merged", values.join(", "));
        self.ask(vec![(TableName::new("test", "merged"), vec![batch])], &text).await
    }

    /// Holds each of `rows` against what its parts come to.
    async fn compare(&self, table: &Table, rows: &[(&Row, Vec<&Row>)]) {
        let merged: Vec<Row> =
            rows.iter().map(|(_, parts)| table.merged(parts.iter().copied())).collect();
        let values = self.values(table, &merged).await;
        assert_eq!(values.len(), rows.len());
        for (((row, parts), state), values) in rows.iter().zip(&merged).zip(&values) {
            for (name, expected) in state.iter().chain(values) {
                let key = table.key(row);
                let told = format!("{}.{name} of {key:?}, {} parts", table.name, parts.len());
                assert_eq!(&row[name], expected, "{told}");
            }
        }
    }

    /// A row that is a total over some dimensions is its details, merged over those.
    async fn totals_are_merged_details(&self) {
        for table in self.tables.values() {
            let mut overs: BTreeSet<_> = table.rows.iter().map(|row| table.totals(row)).collect();
            overs.extend(table.columns(Role::Dimension).into_iter().map(|name| [name].into()));
            let details: BTreeMap<_, _> =
                overs.into_iter().map(|over| (over.clone(), table.details(&over))).collect();
            let mut compared = vec![];
            let totals = table.rows.iter().filter(|row| !table.totals(row).is_empty());
            for total in totals {
                // Over all its dimensions at once; where details of all of them are not kept, over
                // one.
                let over = table.totals(total);
                let alone = over.iter().map(|name| BTreeSet::from([*name]));
                let parts = [over.clone()].into_iter().chain(alone).find_map(|over| {
                    let found = details.get(&over)?.get(&table.key_without(total, &over));
                    found.cloned()
                });
                compared.extend(parts.map(|parts| (total, parts)));
            }
            let has_totals = table.rows.iter().any(|row| !table.totals(row).is_empty());
            assert_eq!(has_totals, !compared.is_empty(), "{}: no total has details", table.name);
            self.compare(table, &compared).await;
        }
    }

    /// A trend is its metric's rows of the window's event days, whatever day they became known.
    async fn trends_are_merged_days(&self) {
        for (trend, metric) in &self.trends {
            let (trend, metric) = (&self.tables[trend], &self.tables[metric]);
            let event_day = metric.contract.event_day.as_ref().unwrap().value.as_str();
            let first = i128::from(self.first.to_epoch());
            let of_cell = BTreeSet::from(["dt", "window_days", event_day]);
            let mut by_cell: BTreeMap<Row, Vec<&Row>> = BTreeMap::new();
            for row in &metric.rows {
                by_cell.entry(metric.key_without(row, &of_cell)).or_default().push(row);
            }
            let in_window = |row: &Row, part: &Row| {
                let (dt, days) = (day(row, "dt"), day(row, "window_days"));
                let (happened, known) = (day(part, event_day), day(part, "dt"));
                dt - days < happened && happened <= dt && known <= dt
            };
            let mut compared = vec![];
            for row in &trend.rows {
                let mut parts = by_cell[&trend.key_without(row, &of_cell)].clone();
                parts.retain(|part| in_window(row, part));
                assert!(!parts.is_empty(), "{}: {row:?}", trend.name);
                let is_mature = first <= day(row, "dt") - day(row, "window_days") + 1;
                assert_eq!(row["is_mature"], Cell::Number(is_mature.into()), "{row:?}");
                compared.push((row, parts));
            }
            // Nothing that happened is left out: the longest window has all cells there are.
            let longest = *metric.contract.windows.as_ref().unwrap().value.last().unwrap();
            let last = trend.rows.iter().map(|row| day(row, "dt")).max().unwrap_or(first);
            let has_all = |row: &&Row| {
                day(row, "dt") == last && day(row, "window_days") == i128::from(longest)
            };
            let told = trend.rows.iter().filter(has_all);
            let told: BTreeSet<Row> = told.map(|row| trend.key_without(row, &of_cell)).collect();
            let known = metric.rows.iter().filter(|row| day(row, event_day) <= last);
            let known: BTreeSet<Row> = known.map(|r| metric.key_without(r, &of_cell)).collect();
            assert_eq!(told, known, "{}", trend.name);
            self.compare(trend, &compared).await;
        }
    }

    /// Random sets of details come to what the facts of their cells come to, counted at once; and
    /// in whatever portions they are merged, they come to the same.
    async fn subsets_are_their_facts(&self) {
        let mut random = SmallRng::seed_from_u64(20_240_329);
        for table in self.tables.values() {
            let details = table.rows.iter().filter(|row| table.totals(row).is_empty());
            let details: Vec<&Row> = details.collect();
            if details.is_empty() {
                continue;
            }
            let direct = DIRECT.iter().find(|(name, _, _)| *name == table.name);
            for _ in 0..8 {
                let size = random.random_range(1..=details.len().min(60));
                let chosen: Vec<&Row> = details.sample(&mut random, size).copied().collect();
                let (left, right) = chosen.split_at(random.random_range(0..=chosen.len()));
                let portions = [right, left].map(|part| table.merged(part.iter().copied()));
                let portions = portions.iter().filter(|portion| !portion.is_empty());
                let merged = table.merged(chosen.iter().copied());
                assert_eq!(table.merged(portions), merged, "{}", table.name);
                let Some((_, facts, text)) = direct else { continue };
                let (zone, facts) = facts.split_once('.').unwrap();
                let facts = TableName::new(zone, facts);
                let keys: Vec<String> = table.key(chosen[0]).into_keys().collect();
                let cells = keys.iter().map(|key| {
                    let of_rows: Vec<Cell> = chosen.iter().map(|row| row[key].clone()).collect();
                    let array: ArrayRef = match &of_rows[0] {
                        Cell::Text(_) => Arc::new(
                            of_rows
                                .iter()
                                .map(|cell| match cell {
                                    Cell::Text(text) => Some(text.clone()),
                                    _ => None,
                                })
                                .collect::<arrow::array::StringArray>(),
                        ),
                        _ => array(&DataType::Date32, &of_rows),
                    };
                    (key.clone(), array, true)
                });
                let cells = RecordBatch::try_from_iter_with_nullable(cells).unwrap();
                let tables = vec![
                    (facts.clone(), read(&self.project, &facts)),
                    (TableName::new("test", "cells"), vec![cells]),
                ];
                let using = keys.join(", ");
                let text = text.replace("{cells}", &format!("join test.cells using ({using})"));
                let direct = self.ask(tables, &text).await.remove(0);
                let told: Row = direct.keys().map(|k| (k.clone(), merged[k].clone())).collect();
                assert_eq!(told, direct, "{} of {size} cells", table.name);
            }
        }
    }
}

/// State counted from facts at once: the table, its facts, and the query.
const DIRECT: [(&str, &str, &str); 3] = [
    (
        "nps",
        "marts.survey_responses",
        "select count(*) as asked_count, count(score) as response_count,
            count(*) filter (where score >= 9) as promoter_count,
            count(*) filter (where score between 7 and 8) as passive_count,
            count(*) filter (where score <= 6) as detractor_count
        from marts.survey_responses {cells} where metric = 'nps'",
    ),
    (
        "revenue",
        "marts.orders",
        "select count(*) filter (where order_kind = 'purchase') as order_count,
            count(*) filter (where order_kind = 'refund') as refund_count,
            cast(coalesce(sum(gross_amount) filter (where order_kind = 'purchase'), 0)
                as decimal(18, 4)) as gross_amount,
            cast(sum(net_amount) as decimal(18, 4)) as net_amount
        from marts.orders {cells}",
    ),
    (
        "baskets",
        "staging.sales",
        "select kaplan_meier(minutes, is_paid) as minute_counts,
            quantile_sketch(amount) as amount_sketch,
            distinct_sketch(customer_email) as customer_sketch,
            markov_transitions(path, is_paid) as transition_counts
        from (
            select *, cast(amount as bigint) as minutes, customer_email is not null as is_paid,
                make_array(channel, 'till') as path
            from staging.sales {cells}
        ) as sales",
    ),
];

/// A metric with state of every kind that one aggregate alone makes. What the numbers mean is
/// nobody's business: how long, how much, who and by what way.
const BASKETS: &str = "
-- Grain: one row per day of the sale and channel; `all` is a total.
with

sales as (

    select
        sale_date,
        channel,
        amount,
        customer_email,
        cast(amount as bigint) as minutes,
        customer_email is not null as is_paid,
        make_array(channel, 'till') as path
    from staging.sales
    where dt = $run_date

),

totals as (

    select
        sale_date,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        kaplan_meier(minutes, is_paid) as minute_counts,
        quantile_sketch(amount) as amount_sketch,
        distinct_sketch(customer_email) as customer_sketch,
        markov_transitions(path, is_paid) as transition_counts
    from sales
    group by grouping sets ((sale_date, channel), (sale_date))

)

select
    *,
    kaplan_meier_median(minute_counts) as minutes_median,
    cast(quantile_of(amount_sketch, 0.9) as decimal(12, 2)) as amount_p90,
    distinct_estimate(customer_sketch) as customer_count,
    cast(markov_removal_effects(transition_counts)[1] as decimal(9, 6)) as first_effect
from totals
order by sale_date, channel
";

const BASKETS_CONTRACT: &str = "
description: One row per day of the sale and channel.
grain: [sale_date, channel]
event_day: sale_date
windows: [2, 3, 7]
columns:
  - {name: sale_date, type: date, role: dimension, meaning: Day., required: true}
  - {name: channel, type: string, role: dimension, meaning: Where., required: true}
  - {name: minute_counts, type: list<integer>, role: state, merge: kaplan_meier, meaning: How long., required: true}
  - {name: amount_sketch, type: list<integer>, role: state, merge: quantiles, meaning: How much., required: true}
  - {name: customer_sketch, type: list<integer>, role: state, merge: distinct, meaning: Who., required: true}
  - {name: transition_counts, type: list<string>, role: state, merge: markov, meaning: By what way., required: true}
  - {name: minutes_median, type: integer, role: value, meaning: m, formula: kaplan_meier_median(minute_counts)}
  - {name: amount_p90, type: 'decimal(12,2)', role: value, meaning: m, formula: 'quantile_of(amount_sketch, 0.9)'}
  - {name: customer_count, type: integer, role: value, meaning: m, formula: distinct_estimate(customer_sketch)}
  - {name: first_effect, type: 'decimal(9,6)', role: value, meaning: m, formula: 'markov_removal_effects(transition_counts)[1]'}
";

const BASKET_DAYS: [&str; 4] = ["--from", "2024-03-04", "--to", "2024-03-08"];

/// The small project with [`BASKETS`], over four days of sales that arrive up to two days late.
fn baskets() -> Company {
    let project = Project::small();
    project.write("sql/metrics/baskets.sql", BASKETS);
    project.write("sql/metrics/baskets.yml", BASKETS_CONTRACT);
    let mut random = SmallRng::seed_from_u64(20_240_304);
    for day in 4..8 {
        let mut text = "sale_id,sold_at,customer_email,channel,amount\n".to_string();
        for number in 0..60 {
            let email = match random.random_range(0..40) {
                who @ 0..30 => format!("buyer{who}@example.org"),
                _ => String::new(),
            };
            let sold = day - random.random_range(0..3);
            let channel = ["web", "store"][random.random_range(0..2)];
            let pence = random.random_range(100..30_000);
            text.push_str(&format!(
                "S-{day}{number:02},2024-03-{sold:02}T12:00:00Z,{email},{channel},{}.{:02}\n",
                pence / 100,
                pence % 100,
            ));
        }
        project.write(&format!("landing/sales/2024-03-{day:02}.csv"), text);
    }
    let company = built(project, "rapport.yaml", BASKET_DAYS);
    assert_eq!(company.trends.get("baskets_trend").map(String::as_str), Some("baskets"));
    company
}

#[test]
fn state_of_every_kind_rolls_up_to_direct_computation() {
    let company = baskets();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        company.totals_are_merged_details().await;
        company.trends_are_merged_days().await;
        company.subsets_are_their_facts().await;
    });
}

/// A histogram that is said to be a sketch would fail only where it is merged, or mislead.
#[test]
fn state_that_would_not_merge_is_not_published() {
    let project = Project::small();
    let other = "make_array(5, 0)";
    project.write(
        "sql/metrics/baskets.sql",
        BASKETS.replace("quantile_sketch(amount)", other).replace(
            "cast(quantile_of(amount_sketch, 0.9) as decimal(12, 2))",
            "cast(null as decimal(12, 2))",
        ),
    );
    let formula = ", formula: 'quantile_of(amount_sketch, 0.9)'";
    project.write("sql/metrics/baskets.yml", BASKETS_CONTRACT.replace(formula, ""));
    let finished = project.run("daily", &["--date", "2024-03-04"]);
    let result = finished.expect(10);
    let message = result["error"]["message"].as_str().unwrap();
    let told = "check metrics.baskets dt=2024-03-04: state(amount_sketch) (3 rows): \
                `amount_sketch` must be what quantile_sketch() returns; nothing of it was published";
    assert!(message.contains(told), "{message}");
}

#[test]
fn every_roll_up_equals_direct_computation() {
    let company = company();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        company.totals_are_merged_details().await;
        company.trends_are_merged_days().await;
        company.subsets_are_their_facts().await;
    });
}
