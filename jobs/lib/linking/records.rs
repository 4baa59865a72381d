//! Reads the records that are to be linked, and makes of them one table with all that rules and
//! comparisons look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};
use futures::TryStreamExt as _;
use twox_hash::XxHash3_128;

use super::columns::{self, quoted};
use super::compared::Agreement;
use crate::algorithms::identity::candidates::{self, Candidates, Limits};
use crate::config::linking::{BlockingRule, Comparison, Declaration, InputColumns, Test};
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
    /// All that is computed of them, in the same order.
    pub(super) rows: RecordBatch,
    /// The table `linking.records`; see [`Records::session`].
    table: Arc<MemTable>,
    /// How the pairs that a budget chose agree, once they are compared.
    pub(super) agreement: Arc<OnceLock<Agreement>>,
    /// The values of each guarded column, as numbers that equal values share.
    pub(super) guarded: BTreeMap<String, Vec<Option<u32>>>,
    /// The pairs that are compared, where a budget chose them.
    pub(super) candidates: Option<Arc<Candidates>>,
    /// Of each counted column how often it has a value.
    pub(super) counted: BTreeMap<String, Counted>,
    /// What rules do not look at, by their names.
    pub left_out: Vec<(String, LeftOut)>,
}

/// A column whose values are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its values in all records; of lists, their elements.
    pub total: u64,
    /// Whether it has lists.
    pub is_list: bool,
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

    /// The sets whose rules' keys a declaration needs: relations are trained on all pairs at once.
    fn asked(declaration: &Declaration) -> &'static [RuleSet] {
        const ALL: [RuleSet; 3] = [RuleSet::Blocking, RuleSet::Deterministic, RuleSet::Training];
        match declaration.relations.as_slice() {
            [] => &ALL,
            _ => &[RuleSet::Blocking, RuleSet::Deterministic],
        }
    }
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

    /// What the record at `place` is called: its source and id.
    pub fn name(&self, place: u32) -> String {
        let place = place as usize;
        match place < self.count() {
            true => format!("{}:{}", self.sources.value(place), self.record_ids.value(place)),
            false => place.to_string(),
        }
    }

    /// The place of the record of that name, which is its source and id, or its id alone where
    /// one record has it.
    ///
    /// Errors: [`Kind::Usage`] where there is none, or several have the id.
    pub fn place_of(&self, name: &str) -> Result<u32> {
        let ids = self.sources.iter().zip(&self.record_ids);
        let named: Vec<u32> = (0..)
            .zip(ids)
            .filter(|(_, (source, id))| {
                let (source, id) = (source.unwrap_or_default(), id.unwrap_or_default());
                let rest = name.strip_prefix(source).and_then(|rest| rest.strip_prefix(':'));
                rest == Some(id) || name == id
            })
            .map(|(place, _)| place)
            .collect();
        let whole = |place: &&u32| self.name(**place) == name;
        let refuse = |what: &str| Err(Error::new(Kind::Usage, format!("{what} `{name}`")));
        match named.as_slice() {
            [place] => Ok(*place),
            [] => refuse("find a record: there is none that is called"),
            several => match several.iter().find(whole) {
                Some(place) => Ok(*place),
                None => refuse("find a record: write its source before its id: several are called"),
            },
        }
    }

    /// A session that knows the table `linking.records`, one row a record: `__n`, its place from 0;
    /// `__draw`, its place in an order that chance made; `__source` and `__record_id`; the columns
    /// that comparisons and conditions read; a number for each rule that records with equal values
    /// share, null where a value is missing; the frequency of values that are counted.
    pub(super) fn session(&self, engine: &Engine) -> Result<SessionContext> {
        let table: Arc<dyn TableProvider> = Arc::clone(&self.table) as _;
        engine.session(Layout::Parted, [(TableName::new("linking", "records"), table)])
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

/// The rows of one file as they are, but for what a CSV file cannot say: its names and values have
/// no blanks around them, and an empty cell is no value.
pub(super) async fn rows_of(session: &SessionContext, input: &Input) -> Result<DataFrame> {
    let path = input.path.display().to_string();
    if !input.path.is_file() {
        return Err(Error::new(Kind::Usage, format!("read `{path}`: there is no such file")));
    }
    let failed = |path: &str| query_error(format!("read `{path}`"));
    let ending = input.path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => {
            // Without types: a postcode keeps its zeros.
            let options =
                CsvReadOptions::new().schema_infer_max_records(0).newlines_in_values(true);
            let rows = session.read_csv(path.as_str(), options).await.map_err(failed(&path))?;
            let trimmed = |field: &Arc<Field>| {
                let name = field.name();
                format!("nullif(trim({}), '') as {}", quoted(name), quoted(name.trim()))
            };
            let trimmed: Vec<String> = rows.schema().fields().iter().map(trimmed).collect();
            let trimmed: Vec<&str> = trimmed.iter().map(String::as_str).collect();
            rows.select_exprs(&trimmed).map_err(failed(&path))
        }
        Some("parquet") => {
            let options = ParquetReadOptions::default();
            session.read_parquet(path.as_str(), options).await.map_err(failed(&path))
        }
        _ => {
            let what = format!("read `{path}`: expected a file that ends with .csv or .parquet");
            Err(Error::new(Kind::Usage, what))
        }
    }
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
    let rows = rows_of(session, input).await?;
    let names: Vec<String> =
        rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let require = |name: &str| match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            Err(Error::new(Kind::Usage, format!("read `{path}`: it has no column `{name}`{hint}")))
        }
    };
    let own = declaration.records.input(&input.source).cloned().unwrap_or_default();
    let InputColumns { id, source, columns } = own;
    let id = id.unwrap_or_else(|| declaration.records.id.clone());
    require(&id)?;
    needed.iter().try_for_each(|name| require(name))?;
    let source = match source.or_else(|| declaration.records.source.clone()) {
        Some(column) => {
            require(&column)?;
            format!("cast({} as varchar)", quoted(&column))
        }
        None => format!("'{}'", input.source.replace('\'', "''")),
    };
    let mut selected = vec![
        format!("{source} as {SOURCE}"),
        format!("cast({} as varchar) as {RECORD_ID}", quoted(&id)),
    ];
    if columns.is_empty() {
        selected.extend(names.iter().map(|name| quoted(name)));
    } else {
        selected.extend(needed.iter().map(|name| quoted(name)));
    }
    for (name, sql) in &columns {
        let what = || format!("compute column `{name}` of `{path}`: `{sql}`");
        rows.parse_sql_expr(sql).map_err(query_error(what()))?;
        selected.push(format!("{sql} as {}", quoted(name)));
    }
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    rows.select_exprs(&selected).map_err(query_error(format!("read `{path}`")))
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
    /// The expressions of all rules, each once: its place names its column.
    values: Vec<String>,
    /// Columns whose values are counted.
    counted: BTreeSet<String>,
    /// Columns that guards look at.
    guarded: BTreeSet<String>,
}

fn wanted(declaration: &Declaration) -> Result<Wanted> {
    let mut wanted = Wanted {
        columns: BTreeSet::new(),
        keys: vec![],
        values: vec![],
        counted: counted_columns(declaration),
        guarded: declaration.guards.one_value.iter().cloned().collect(),
    };
    for comparison in &declaration.comparisons {
        wanted.columns.extend(read_by(comparison)?);
    }
    if let Some((one, other)) = &declaration.records.interchangeable {
        wanted.columns.extend([one.clone(), other.clone()]);
    }
    for set in RuleSet::asked(declaration) {
        for (place, rule) in set.of(declaration).iter().enumerate() {
            wanted.keys.push((set.key(place), rule.on.clone()));
            for sql in &rule.on {
                if !wanted.values.contains(sql) {
                    wanted.values.push(sql.clone());
                }
            }
            if let Some(condition) = &rule.condition {
                wanted.columns.extend(columns::of_pair(&set.name(place), condition)?);
            }
        }
    }
    wanted.columns.extend(wanted.counted.iter().cloned());
    wanted.columns.extend(wanted.guarded.iter().cloned());
    Ok(wanted)
}

impl Wanted {
    /// The columns with the values of a rule's expressions.
    fn values_of(&self, rule: &BlockingRule) -> Vec<String> {
        let place = |sql: &String| self.values.iter().position(|known| known == sql);
        rule.on.iter().filter_map(place).map(value_column).collect()
    }
}

/// The column with the values of the expression at a place.
fn value_column(place: usize) -> String {
    format!("__value_{place}")
}

/// The columns that a comparison reads.
pub(super) fn read_by(comparison: &Comparison) -> Result<BTreeSet<String>> {
    let mut read = BTreeSet::new();
    for level in &comparison.levels {
        match &level.test {
            Test::Else | Test::Straight => {}
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
    for (place, sql) in wanted.values.iter().enumerate() {
        // Parsed on its own first, so that a mistake names it.
        let key = wanted.keys.iter().find(|(_, expressions)| expressions.contains(sql));
        let key = key.map(|(key, _)| in_words(key)).unwrap_or_default();
        let what = || format!("compute `{sql}` of {key}");
        rows.parse_sql_expr(sql).map_err(query_error(what()))?;
        selected.push(format!("{sql} as {}", value_column(place)));
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
            let texts = match is_list(&batches, name) {
                true => elements_of(batch, name)?.0,
                false => text_of(batch, name)?,
            };
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
    let counted: BTreeMap<String, Counted> = counts
        .iter()
        .map(|(name, counts)| {
            (
                name.to_string(),
                Counted { total: counts.values().sum(), is_list: is_list(&batches, name) },
            )
        })
        .collect();
    let ids = Ids::of(&batches)?;
    let draws = ids.draws(declaration.training.seed);
    let mut key_columns: Vec<(String, Int64Array)> = vec![];
    let mut left_out = vec![];
    let candidates = chosen_pairs(&batches, declaration, wanted, ids.record_ids.len())?;
    for set in RuleSet::asked(declaration) {
        for (place, rule) in set.of(declaration).iter().enumerate() {
            if *set == RuleSet::Blocking && candidates.is_some() {
                break;
            }
            let key = set.key(place);
            let numbers = keys_of(&batches, &key, &wanted.values_of(rule))?;
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
            columns.push((name.clone(), as_compared(&column(batch, name)?)?));
        }
        for (key, numbers) in &key_columns {
            columns.push((key.clone(), Arc::new(numbers.slice(first, count))));
        }
        for (name, counts) in &counts {
            let Counted { total, is_list } = counted.get(*name).copied().unwrap_or_default();
            if is_list {
                columns.push((frequency_of(name), counted_lists(batch, name, counts)?));
                continue;
            }
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
    let rows = concat_batches(&schema, &made).context(Kind::Defect, || "keep records")?;
    drop((made, batches));
    let table = table_of(schema, vec![rows.clone()])?;
    let guarded = guards.into_iter().map(|(name, numbered)| (name, numbered.values)).collect();
    Ok(Records {
        sources: ids.sources,
        record_ids: ids.record_ids,
        rows,
        table,
        agreement: Arc::default(),
        guarded,
        candidates: candidates.map(Arc::new),
        counted,
        left_out,
    })
}

/// The pairs that a budget chooses; none where there is no budget.
///
/// Of a list that a rule names alone each element is a value.
fn chosen_pairs(
    batches: &[RecordBatch],
    declaration: &Declaration,
    wanted: &Wanted,
    record_count: usize,
) -> Result<Option<Candidates>> {
    let Some(budget) = declaration.blocking.budget else { return Ok(None) };
    let count = u32::try_from(record_count)
        .context(Kind::Usage, || format!("choose pairs of {record_count} records"))?;
    let all = budget.pairs(u64::from(count));
    let limits = Limits { all, one_rule: (all as f64 * budget.rule_share) as u64 };
    if let Some(every) = candidates::every_pair(count, limits) {
        return Ok(Some(every));
    }
    let mut chosen = Candidates::default();
    for (place, rule) in declaration.blocking.rules.iter().enumerate() {
        let key = RuleSet::Blocking.key(place);
        let values = wanted.values_of(rule);
        let entries = match values.as_slice() {
            [list] if is_list(batches, list) => element_keys(batches, list)?,
            values => {
                let numbers = keys_of(batches, &key, values)?;
                (0..).zip(&numbers).filter_map(|(row, key)| Some((key?, row))).collect()
            }
        };
        if !chosen.add_rule(entries, limits) {
            break;
        }
    }
    Ok(Some(chosen))
}

fn is_list(batches: &[RecordBatch], name: &str) -> bool {
    let first = batches.first().and_then(|batch| batch.column_by_name(name));
    first.is_some_and(|column| matches!(column.data_type(), DataType::List(_)))
}

/// A number for each element of a column's lists, with the place of the record that has it.
fn element_keys(batches: &[RecordBatch], name: &str) -> Result<Vec<(i64, u32)>> {
    let (mut entries, mut row) = (vec![], 0_u32);
    for batch in batches {
        let (elements, lengths) = elements_of(batch, name)?;
        let mut elements = elements.as_string::<i32>().iter();
        for length in lengths {
            for element in elements.by_ref().take(length).flatten() {
                let hash = XxHash3_128::oneshot(element.as_bytes());
                entries.push((i64::try_from(hash >> 65).unwrap_or(0), row));
            }
            row += 1;
        }
    }
    Ok(entries)
}

/// The elements of a column's lists as text, one list after the other, and how many each row has.
fn elements_of(batch: &RecordBatch, name: &str) -> Result<(ArrayRef, Vec<usize>)> {
    let lists = column(batch, name)?;
    let lists = lists.as_list_opt::<i32>();
    let lists =
        lists.ok_or_else(|| Error::new(Kind::Usage, format!("read column `{name}` as lists")))?;
    let failed = || format!("read column `{name}` as lists of texts");
    let (mut rows, mut lengths) = (vec![], vec![]);
    for list in lists.iter() {
        lengths.push(list.as_ref().map_or(0, |list| list.len()));
        rows.extend(list.filter(|list| !list.is_empty()));
    }
    let rows: Vec<&dyn arrow::array::Array> = rows.iter().map(AsRef::as_ref).collect();
    let all = match rows.as_slice() {
        [] => arrow::array::new_empty_array(&DataType::Utf8),
        rows => arrow::compute::concat(rows).context(Kind::Usage, failed)?,
    };
    Ok((cast(&all, &DataType::Utf8).context(Kind::Usage, failed)?, lengths))
}

/// For each list its elements with how often each comes among all records before it, so that the
/// least of what two lists share is their rarest.
fn counted_lists(
    batch: &RecordBatch,
    name: &str,
    counts: &HashMap<String, u64>,
) -> Result<ArrayRef> {
    let (elements, lengths) = elements_of(batch, name)?;
    let mut elements = elements.as_string::<i32>().iter();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for length in lengths {
        for element in elements.by_ref().take(length).flatten() {
            let count = counts.get(element).copied().unwrap_or(1);
            lists.values().append_value(format!("{count:012}:{element}"));
        }
        lists.append(length > 0);
    }
    Ok(Arc::new(lists.finish()))
}

/// Rows in a batch of the table: what one thread compares at a time.
pub(super) const BATCH_ROWS: usize = 8192;

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

/// A column as functions read it, so that none has to change it for every batch of pairs.
fn as_compared(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            cast(column, &DataType::Utf8View).context(Kind::Defect, || "keep texts of records")
        }
        _ => Ok(Arc::clone(column)),
    }
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
fn keys_of(batches: &[RecordBatch], key: &str, values: &[String]) -> Result<Int64Array> {
    let failed = || format!("compare the values of {}", in_words(key));
    let mut converter = None;
    let mut numbers: Vec<Option<i64>> = vec![];
    for batch in batches {
        let columns: Vec<ArrayRef> =
            values.iter().map(|name| column(batch, name)).collect::<Result<_>>()?;
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
