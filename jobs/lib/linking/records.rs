//! Reads the records that are to be linked, and makes of them one table with all that rules and
//! comparisons look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};
use futures::TryStreamExt as _;
use twox_hash::XxHash3_128;

use super::columns::{self, quoted};
use crate::config::linking::{BlockingRule, Comparison, Declaration, Test};
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context as _, Error, Kind, Result, did_you_mean};
use crate::lake::TableName;

/// Where a record's source stands in the tables made here. Columns of ours begin with two
/// underscores, so that they are none of an input's.
pub(super) const SOURCE: &str = "__source";
/// Where its id stands.
pub(super) const RECORD_ID: &str = "__record_id";

/// A file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it lies; what it is, its ending says: `.csv` or `.parquet`.
    pub path: PathBuf,
    /// What its records' source is called, where no column says.
    pub source: String,
}

impl Input {
    /// The file at `path`, its source called as the file without its ending.
    pub fn at(path: PathBuf) -> Input {
        let source = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        Input { path, source: source.unwrap_or_default() }
    }
}

/// Records ready to be compared: what rules and comparisons look at, computed once.
#[derive(Debug, Clone)]
pub struct Records {
    /// Each record's source, in the order of sources and ids.
    pub sources: StringArray,
    /// Each record's id, in the same order.
    pub record_ids: StringArray,
    /// The table `linking.records`; see [`Records::session`].
    table: Arc<MemTable>,
    /// The values of each guarded column, as numbers that equal values share.
    pub(super) guarded: BTreeMap<String, Vec<Option<u32>>>,
    /// What rules do not look at, by their names.
    pub left_out: Vec<(String, LeftOut)>,
}

/// The sets of rules that find pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleSet {
    /// Those whose pairs are compared.
    Blocking,
    /// Those whose pairs surely are one person.
    Deterministic,
    /// Those whose pairs m is estimated from.
    Training,
}

impl RuleSet {
    /// The column with the keys of the rule at `place`.
    pub(super) fn key(self, place: usize) -> String {
        let prefix = match self {
            RuleSet::Blocking => "blocking",
            RuleSet::Deterministic => "deterministic",
            RuleSet::Training => "training",
        };
        format!("__{prefix}_key_{place}")
    }

    /// The rules in a declaration.
    pub(super) fn of(self, declaration: &Declaration) -> &[BlockingRule] {
        match self {
            RuleSet::Blocking => &declaration.blocking.rules,
            RuleSet::Deterministic => &declaration.prior.deterministic_rules,
            RuleSet::Training => match declaration.training.rules.as_slice() {
                [] => &declaration.blocking.rules,
                rules => rules,
            },
        }
    }

    /// A rule's name for people.
    pub(super) fn name(self, place: usize) -> String {
        let kind = match self {
            RuleSet::Blocking => "blocking rule",
            RuleSet::Deterministic => "deterministic rule",
            RuleSet::Training => "training rule",
        };
        format!("{kind} {}", place + 1)
    }

    pub(super) const ALL: [RuleSet; 3] =
        [RuleSet::Blocking, RuleSet::Deterministic, RuleSet::Training];
}

/// The column with the frequency of a record's value of `column`.
pub(super) fn frequency_of(column: &str) -> String {
    format!("__frequency_of_{column}")
}

/// The columns whose values' frequencies change what levels weigh.
pub(super) fn counted_columns(declaration: &Declaration) -> BTreeSet<String> {
    let mut counted = BTreeSet::new();
    for comparison in &declaration.comparisons {
        for level in &comparison.levels {
            if let Some(frequency) = &level.term_frequency {
                counted
                    .insert(frequency.column.clone().unwrap_or_else(|| comparison.column.clone()));
            }
        }
    }
    counted
}

impl Records {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.record_ids.len()
    }

    /// A session that knows the table `linking.records`, one row a record: `__n`, its place from 0;
    /// `__draw`, its place in an order that chance made; `__source` and `__record_id`; the columns
    /// that comparisons and conditions read; a number for each rule that records with equal values
    /// share, null where a value is missing; the frequency of values that are counted.
    pub(super) fn session(&self, engine: &Engine) -> Result<SessionContext> {
        let table: Arc<dyn TableProvider> = Arc::clone(&self.table) as _;
        engine.session(Layout::Parted, [(TableName::new("linking", "records"), table)])
    }

    /// The same, with the table `linking.members`: the place `member` of each record that is in a
    /// group, and the group that it is `member_of`.
    pub(super) fn session_with_groups(
        &self,
        engine: &Engine,
        groups: &[Option<u32>],
    ) -> Result<SessionContext> {
        let rows = || (0_i64..).zip(groups).filter_map(|(place, group)| Some((place, (*group)?)));
        let columns: Vec<(String, ArrayRef)> = vec![
            (
                "member".to_string(),
                Arc::new(rows().map(|row| row.0).collect::<Int64Array>()) as ArrayRef,
            ),
            (
                "member_of".to_string(),
                Arc::new(rows().map(|row| i64::from(row.1)).collect::<Int64Array>()),
            ),
        ];
        let batch = batch_of(columns)?;
        let members: Arc<dyn TableProvider> = table_of(batch.schema(), vec![batch])? as _;
        let table: Arc<dyn TableProvider> = Arc::clone(&self.table) as _;
        engine.session(
            Layout::Parted,
            [
                (TableName::new("linking", "records"), table),
                (TableName::new("linking", "members"), members),
            ],
        )
    }
}

/// Reads the records of `inputs` and computes what `declaration` looks at.
///
/// Errors: [`Kind::Usage`] for a column that is not there, an id that is null or twice in a
/// source, and SQL that the engine does not take.
pub async fn read(engine: &Engine, inputs: &[Input], declaration: &Declaration) -> Result<Records> {
    let session = engine.session(Layout::Parted, [])?;
    let mut all: Option<DataFrame> = None;
    for input in inputs {
        let rows = open(&session, input, declaration, &[]).await?;
        all = Some(match all {
            None => rows,
            Some(before) => together(before, rows)
                .map_err(query_error(format!("put `{}` to the others", input.path.display())))?,
        });
    }
    let Some(all) = all else {
        return Err(Error::new(Kind::Usage, "link no inputs: expected one or more"));
    };
    let wanted = wanted(declaration)?;
    let rows = derived(all, declaration, &wanted)?;
    collect(rows, declaration, &wanted).await
}

/// The rows of one input, with its source and ids as text; `needed` are columns that it must have
/// besides.
pub(super) async fn open(
    session: &SessionContext,
    input: &Input,
    declaration: &Declaration,
    needed: &[&str],
) -> Result<DataFrame> {
    let path = input.path.display().to_string();
    if !input.path.is_file() {
        return Err(Error::new(Kind::Usage, format!("read `{path}`: there is no such file")));
    }
    let failed = |path: &str| query_error(format!("read `{path}`"));
    let ending = input.path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_csv = match ending.as_deref() {
        Some("csv") => true,
        Some("parquet") => false,
        _ => {
            let what = format!("read `{path}`: expected a file that ends with .csv or .parquet");
            return Err(Error::new(Kind::Usage, what));
        }
    };
    let rows = if is_csv {
        // Without types: a postcode keeps its zeros.
        let options = CsvReadOptions::new().schema_infer_max_records(0).newlines_in_values(true);
        session.read_csv(path.as_str(), options).await.map_err(failed(&path))?
    } else {
        let options = ParquetReadOptions::default();
        session.read_parquet(path.as_str(), options).await.map_err(failed(&path))?
    };
    let names: Vec<String> =
        rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let require = |name: &str| match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            Err(Error::new(Kind::Usage, format!("read `{path}`: it has no column `{name}`{hint}")))
        }
    };
    let asked = &declaration.records;
    require(&asked.id)?;
    needed.iter().try_for_each(|name| require(name))?;
    // An empty cell of a CSV file is no value.
    let text = |name: &str| match is_csv {
        true => format!("nullif(trim({}), '')", quoted(name)),
        false => quoted(name),
    };
    let source = match &asked.source {
        Some(column) => {
            require(column)?;
            format!("cast({} as varchar)", text(column))
        }
        None => format!("'{}'", input.source.replace('\'', "''")),
    };
    let mut selected = vec![
        format!("{source} as {SOURCE}"),
        format!("cast({} as varchar) as {RECORD_ID}", text(&asked.id)),
    ];
    selected.extend(names.iter().map(|name| format!("{} as {}", text(name), quoted(name))));
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    rows.select_exprs(&selected).map_err(failed(&path))
}

/// Two inputs one after the other: columns by name, null where one lacks a column, text where
/// their types differ.
fn together(before: DataFrame, rows: DataFrame) -> datafusion::common::Result<DataFrame> {
    let types = |frame: &DataFrame| -> BTreeMap<String, DataType> {
        let fields = frame.schema().fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let (one, other) = (types(&before), types(&rows));
    let as_text = |frame: DataFrame,
                   its: &BTreeMap<String, DataType>,
                   others: &BTreeMap<String, DataType>| {
        let selected: Vec<String> = its
            .iter()
            .map(|(name, kind)| match others.get(name) {
                Some(other) if other != kind => {
                    format!("cast({0} as varchar) as {0}", quoted(name))
                }
                _ => quoted(name),
            })
            .collect();
        let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
        frame.select_exprs(&selected)
    };
    as_text(before, &one, &other)?.union_by_name(as_text(rows, &other, &one)?)
}

/// The column of one of a rule's values.
fn value_of(key: &str, place: usize) -> String {
    format!("{key}_{place}")
}

/// A rule's key for people.
fn in_words(key: &str) -> String {
    key.trim_start_matches('_').replace('_', " ")
}

/// What is computed of each record.
struct Wanted {
    /// Columns that comparisons and conditions read.
    columns: BTreeSet<String>,
    /// For each rule the expressions that are equal.
    keys: Vec<(String, Vec<String>)>,
    /// Columns whose values are counted.
    counted: BTreeSet<String>,
    /// Columns that guards look at.
    guarded: BTreeSet<String>,
}

fn wanted(declaration: &Declaration) -> Result<Wanted> {
    let mut wanted = Wanted {
        columns: BTreeSet::new(),
        keys: vec![],
        counted: counted_columns(declaration),
        guarded: declaration.guards.one_value.iter().cloned().collect(),
    };
    for comparison in &declaration.comparisons {
        wanted.columns.extend(read_by(comparison)?);
    }
    for set in RuleSet::ALL {
        for (place, rule) in set.of(declaration).iter().enumerate() {
            wanted.keys.push((set.key(place), rule.on.clone()));
            if let Some(condition) = &rule.condition {
                wanted.columns.extend(columns::of_pair(&set.name(place), condition)?);
            }
        }
    }
    wanted.columns.extend(wanted.counted.iter().cloned());
    wanted.columns.extend(wanted.guarded.iter().cloned());
    Ok(wanted)
}

/// The columns that a comparison reads.
pub(super) fn read_by(comparison: &Comparison) -> Result<BTreeSet<String>> {
    let mut read = BTreeSet::new();
    for level in &comparison.levels {
        match &level.test {
            Test::Else => {}
            Test::MissingWhere(sql) | Test::Sql(sql) => {
                let what = format!("comparison `{}`", comparison.name);
                read.extend(columns::of_pair(&what, sql)?);
            }
            Test::SwappedWith(other) => {
                read.insert(comparison.column.clone());
                read.insert(other.clone());
            }
            _ => {
                read.insert(comparison.column.clone());
            }
        }
    }
    Ok(read)
}

/// The rows with the declared columns, the keys of rules, and nothing that nobody reads.
fn derived(mut rows: DataFrame, declaration: &Declaration, wanted: &Wanted) -> Result<DataFrame> {
    for (name, sql) in &declaration.records.columns {
        let failed = |sql: &str| query_error(format!("compute column `{name}`: `{sql}`"));
        let expression = rows.parse_sql_expr(sql).map_err(failed(sql))?;
        rows = rows.with_column(name, expression).map_err(failed(sql))?;
    }
    let names: Vec<String> =
        rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    for name in &wanted.columns {
        if !names.contains(name) {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            let what = format!("compare records: there is no column `{name}`{hint}");
            return Err(Error::new(Kind::Usage, what));
        }
    }
    let mut selected = vec![SOURCE.to_string(), RECORD_ID.to_string()];
    selected.extend(wanted.columns.iter().map(|name| quoted(name)));
    for (key, expressions) in &wanted.keys {
        for (place, sql) in expressions.iter().enumerate() {
            // Parsed on its own first, so that a mistake names it.
            let what = || format!("compute `{sql}` of {}", in_words(key));
            rows.parse_sql_expr(sql).map_err(query_error(what()))?;
            selected.push(format!("{sql} as {}", value_of(key, place)));
        }
    }
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    let failed = || query_error("compute what is compared");
    let order = [SOURCE, RECORD_ID].map(|name| datafusion::prelude::ident(name).sort(true, true));
    rows.select_exprs(&selected).and_then(|rows| rows.sort(order.to_vec())).map_err(failed())
}

/// The values of a column as numbers that equal values share.
#[derive(Default)]
struct Numbered {
    numbers: HashMap<String, u32>,
    values: Vec<Option<u32>>,
}

/// Runs the query, and computes what SQL does not: places, draws, keys, frequencies.
async fn collect(rows: DataFrame, declaration: &Declaration, wanted: &Wanted) -> Result<Records> {
    let failed = || query_error("read records");
    let schema = Arc::clone(rows.schema().inner());
    let mut batches: Vec<RecordBatch> =
        rows.execute_stream().await.map_err(failed())?.try_collect().await.map_err(failed())?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    let mut made: Vec<RecordBatch> = vec![];
    let mut counts: BTreeMap<&str, HashMap<String, u64>> =
        wanted.counted.iter().map(|name| (name.as_str(), HashMap::new())).collect();
    let mut guards: BTreeMap<String, Numbered> =
        wanted.guarded.iter().map(|name| (name.clone(), Numbered::default())).collect();
    for batch in &batches {
        for (name, counts) in &mut counts {
            let texts = text_of(batch, name)?;
            for value in texts.as_string::<i32>().iter().flatten() {
                match counts.get_mut(value) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(value.to_string(), 1)),
                }
            }
        }
        for (name, Numbered { numbers, values }) in &mut guards {
            for value in text_of(batch, name)?.as_string::<i32>() {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                values.push(value.map(|value| *numbers.entry(value.to_string()).or_insert(next)));
            }
        }
    }
    let totals: BTreeMap<&str, u64> =
        counts.iter().map(|(name, counts)| (*name, counts.values().sum())).collect();
    let ids = Ids::of(&batches)?;
    let draws = ids.draws(declaration.training.seed);
    let mut key_columns: Vec<(String, Int64Array)> = vec![];
    let mut left_out = vec![];
    for set in RuleSet::ALL {
        for (place, rule) in set.of(declaration).iter().enumerate() {
            let key = set.key(place);
            let numbers = keys_of(&batches, &key, rule.on.len())?;
            let (numbers, without) = match rule.maximum_block {
                None => (numbers, LeftOut::default()),
                Some(most) => within(&numbers, most),
            };
            if without.block_count > 0 {
                left_out.push((set.name(place), without));
            }
            key_columns.push((key, numbers));
        }
    }
    let mut first = 0;
    for batch in &batches {
        let mut columns: Vec<(String, ArrayRef)> = vec![];
        let count = batch.num_rows();
        let number = |place: usize| i64::try_from(place).unwrap_or(i64::MAX);
        let places = (first..first + count).map(number);
        columns.push(("__n".to_string(), Arc::new(Int64Array::from_iter_values(places))));
        let drawn = draws.get(first..first + count).unwrap_or_default().iter().copied();
        columns.push(("__draw".to_string(), Arc::new(Int64Array::from_iter_values(drawn))));
        for name in [SOURCE, RECORD_ID] {
            columns.push((name.to_string(), text_of(batch, name)?));
        }
        for name in &wanted.columns {
            columns.push((name.clone(), column(batch, name)?));
        }
        for (key, numbers) in &key_columns {
            columns.push((key.clone(), Arc::new(numbers.slice(first, count))));
        }
        for (name, counts) in &counts {
            let total = totals.get(name).copied().unwrap_or_default();
            let texts = text_of(batch, name)?;
            let share = |value: Option<&str>| {
                value.and_then(|value| counts.get(value)).map(|count| *count as f64 / total as f64)
            };
            let shares: Float64Array = texts.as_string::<i32>().iter().map(share).collect();
            columns.push((frequency_of(name), Arc::new(shares)));
        }
        made.push(batch_of(columns)?);
        first += count;
    }
    let schema = match made.first() {
        Some(batch) => batch.schema(),
        None => Arc::new(Schema::empty()),
    };
    let table = table_of(schema, made)?;
    let guarded = guards.into_iter().map(|(name, numbered)| (name, numbered.values)).collect();
    Ok(Records { sources: ids.sources, record_ids: ids.record_ids, table, guarded, left_out })
}

/// Rows in a batch of the table: what one thread compares at a time.
const BATCH_ROWS: usize = 8192;

/// The batches as a table in as many parts as there are batches to share among threads.
fn table_of(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<MemTable>> {
    let cut = batches.into_iter().flat_map(|batch| {
        let rows = batch.num_rows();
        (0..rows)
            .step_by(BATCH_ROWS)
            .map(move |start| batch.slice(start, BATCH_ROWS.min(rows - start)))
    });
    let table = MemTable::try_new(schema, vec![cut.collect()]);
    Ok(Arc::new(table.map_err(query_error("keep records"))?))
}

fn batch_of(columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .context(Kind::Defect, || "keep records")
}

fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let found = batch.column_by_name(name).cloned();
    found.ok_or_else(|| Error::new(Kind::Defect, format!("read column `{name}` of records")))
}

fn text_of(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    cast(&column(batch, name)?, &DataType::Utf8)
        .context(Kind::Usage, || format!("read column `{name}` as text"))
}

/// The names of all records.
struct Ids {
    sources: StringArray,
    record_ids: StringArray,
}

impl Ids {
    /// Errors: [`Kind::Usage`] for a record without an id or a source, and for one that comes
    /// twice.
    fn of(batches: &[RecordBatch]) -> Result<Ids> {
        let all = |name: &str| -> Result<StringArray> {
            let arrays: Vec<ArrayRef> =
                batches.iter().map(|batch| text_of(batch, name)).collect::<Result<_>>()?;
            let arrays: Vec<&dyn arrow::array::Array> = arrays.iter().map(AsRef::as_ref).collect();
            if arrays.is_empty() {
                return Ok(StringArray::from(Vec::<&str>::new()));
            }
            let joined = arrow::compute::concat(&arrays)
                .context(Kind::Usage, || "read the ids of all records")?;
            Ok(joined.as_string::<i32>().clone())
        };
        let ids = Ids { sources: all(SOURCE)?, record_ids: all(RECORD_ID)? };
        let refuse = |what: String| Err(Error::new(Kind::Usage, what));
        if ids.sources.null_count() > 0 || ids.record_ids.null_count() > 0 {
            let count = ids.sources.null_count().max(ids.record_ids.null_count());
            return refuse(format!("link records: {count} have no id or no source"));
        }
        // They come in order.
        let name = |row: usize| (ids.sources.value(row), ids.record_ids.value(row));
        let twice: Vec<usize> =
            (1..ids.record_ids.len()).filter(|row| name(*row) == name(row - 1)).collect();
        match twice.first() {
            None => Ok(ids),
            Some(row) => {
                let (source, id) = name(*row);
                let more = twice.len();
                refuse(format!(
                    "link records: the id `{id}` of `{source}` comes twice; repeated ids: {more}"
                ))
            }
        }
    }

    /// The records' places in an order that the seed and their names alone make.
    fn draws(&self, seed: u64) -> Vec<i64> {
        let mut drawn: Vec<(u128, usize)> = (0..self.record_ids.len())
            .map(|row| {
                let mut hasher = XxHash3_128::with_seed(seed);
                hasher.write(self.sources.value(row).as_bytes());
                hasher.write(&[0]);
                hasher.write(self.record_ids.value(row).as_bytes());
                (hasher.finish_128(), row)
            })
            .collect();
        drawn.sort_unstable();
        let mut draws = vec![0; drawn.len()];
        for (place, (_, row)) in (0_i64..).zip(drawn) {
            if let Some(draw) = draws.get_mut(row) {
                *draw = place;
            }
        }
        draws
    }
}

/// Records that a rule does not look at, because too many share their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many blocks there are.
    pub block_count: u64,
    /// How many records they hold.
    pub record_count: u64,
}

/// The keys without those that more than `most` records share, and what that left out.
fn within(keys: &Int64Array, most: u64) -> (Int64Array, LeftOut) {
    let mut sizes: HashMap<i64, u64> = HashMap::new();
    for key in keys.iter().flatten() {
        *sizes.entry(key).or_insert(0) += 1;
    }
    sizes.retain(|_, size| *size > most);
    let left_out = LeftOut {
        block_count: u64::try_from(sizes.len()).unwrap_or(u64::MAX),
        record_count: sizes.values().sum(),
    };
    let kept = keys.iter().map(|key| key.filter(|key| !sizes.contains_key(key))).collect();
    (kept, left_out)
}

/// Numbers for the values that a rule compares: equal values, equal numbers; null where one of the
/// values is.
///
/// They are 63 bits of a hash. Among five million different values two share a number by chance
/// once in a million times, and then a pair is compared that need not be.
fn keys_of(batches: &[RecordBatch], key: &str, count: usize) -> Result<Int64Array> {
    let failed = || format!("compare the values of {}", in_words(key));
    let mut converter = None;
    let mut numbers: Vec<Option<i64>> = vec![];
    for batch in batches {
        let columns: Vec<ArrayRef> =
            (0..count).map(|place| column(batch, &value_of(key, place))).collect::<Result<_>>()?;
        if converter.is_none() {
            let fields = columns.iter().map(|one| SortField::new(one.data_type().clone()));
            converter = Some(RowConverter::new(fields.collect()).context(Kind::Usage, failed)?);
        }
        let Some(converter) = &converter else { continue };
        let rows = converter.convert_columns(&columns).context(Kind::Usage, failed)?;
        numbers.extend((0..batch.num_rows()).map(|row| {
            let is_whole = columns.iter().all(|column| column.is_valid(row));
            let hash = XxHash3_128::oneshot(rows.row(row).as_ref());
            is_whole.then(|| i64::try_from(hash >> 65).unwrap_or(0))
        }));
    }
    Ok(Int64Array::from(numbers))
}
