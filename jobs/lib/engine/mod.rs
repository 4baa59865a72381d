//! The engine: DataFusion, set up so that the same inputs give the same bytes.
//!
//! The only room that makes a `SessionContext`. Knows queries, published tables and functions;
//! does not know what a model is, and never writes.

mod compact;
pub mod functions;
mod memory;
pub mod partitions;
mod scratch;
mod spans;
pub mod sql;

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result as DataFusionResult};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;

use crate::config::{Schedules, Settings};
use crate::engine::compact::CompactBeforeSorts;
use crate::engine::memory::SharedPool;
use crate::engine::scratch::Scratch;
use crate::errors::{Context, Error, Kind, Result};
use crate::lake::{Lake, TableName};

/// The name of the function that stands for `$run_date` while a query is only looked at.
pub const OPEN_RUN_DATE: &str = "open_run_date";

/// Where the engine finds the warehouse's objects.
pub const WAREHOUSE_URL: &str = "warehouse://rapport";

/// DataFusion's key of what a sort sets aside for merging.
const SORT_RESERVATION: &str = "datafusion.execution.sort_spill_reservation_bytes";

/// How many of the largest consumers an out-of-memory error names.
const CONSUMERS_NAMED: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(4);

/// Memory in bytes below which a plan is not parted further: every part of a plan needs some
/// megabytes for each join and sort, however few rows it holds.
const MEMORY_PER_PARTITION: usize = 32 << 20;

/// Rows in a batch of a thrifty query: sorts and merges hold one batch of each run they spilled.
const THRIFTY_BATCH_ROWS: usize = 1024;

/// Bytes of published objects, some tens of thousands of rows, up to which one part is faster.
const ONE_PART_BYTES: u64 = 1 << 20;

/// The fewest parts of a plan with which it can join by sorting: a hash join cannot spill.
const THRIFTY_PARTITIONS: usize = 2;

/// How a query's plan is laid out. Its rows are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// In one part, as is fastest for few rows: to part a plan and to bring the parts together
    /// again costs more than they save, and other tables are built meanwhile.
    OnePart,
    /// In a part a thread, as is fastest for many rows.
    Parted,
    /// With as little memory as it can: few parts, small batches, and joins that spill.
    Thrifty,
}

impl Layout {
    /// The fastest layout of a query that reads `byte_count` bytes of published objects.
    pub fn for_bytes(byte_count: u64) -> Layout {
        if byte_count <= ONE_PART_BYTES { Layout::OnePart } else { Layout::Parted }
    }
}

/// What all sessions of a process share: memory, scratch space, functions, storage.
pub struct Engine {
    one_part: SessionState,
    parted: SessionState,
    thrifty: SessionState,
    /// What queries spill to, removed with the engine.
    _scratch: Scratch,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine within the settings' memory and threads. Queries that need more memory spill to
    /// the scratch folder.
    pub fn new(settings: &Settings) -> Result<Engine> {
        let (threads, memory_bytes) = (settings.threads, settings.memory_limit_bytes);
        Engine::knowing(&settings.schedules, threads, memory_bytes, &settings.scratch)
    }

    /// An engine of `threads` threads and `memory_bytes` of memory that spills to `scratch`, and
    /// knows no schedules.
    pub fn with(threads: usize, memory_bytes: usize, scratch: &Path) -> Result<Engine> {
        Engine::knowing(&Arc::default(), threads, memory_bytes, scratch)
    }

    fn knowing(
        schedules: &Arc<Schedules>,
        threads: usize,
        memory_bytes: usize,
        scratch: &Path,
    ) -> Result<Engine> {
        spans::carry();
        let scratch = Scratch::create(scratch)?;
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![scratch.folder().to_path_buf()]));
        let pool = TrackConsumersPool::new(SharedPool::new(memory_bytes), CONSUMERS_NAMED);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(disk)
            .build_arc()
            .context(Kind::Defect, || "set the engine up")?;
        let threads = threads.min((memory_bytes / MEMORY_PER_PARTITION).max(1));
        let config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_create_default_catalog_and_schema(true)
            .with_default_catalog_and_schema("rapport", "public")
            .set_bool("datafusion.sql_parser.collect_spans", true)
            .set_bool("datafusion.execution.parquet.pushdown_filters", true)
            .set_str("datafusion.execution.time_zone", "+00:00")
            .set_usize(SORT_RESERVATION, merge_reservation(memory_bytes, threads));
        let one_part = config.clone().with_target_partitions(1);
        let thrifty = config
            .clone()
            .with_target_partitions(THRIFTY_PARTITIONS)
            .with_batch_size(THRIFTY_BATCH_ROWS)
            .set_bool("datafusion.optimizer.prefer_hash_join", false)
            .set_usize(SORT_RESERVATION, merge_reservation(memory_bytes, THRIFTY_PARTITIONS));
        let state = |config: SessionConfig| {
            let mut builder = SessionStateBuilder::new()
                .with_config(config)
                .with_runtime_env(Arc::clone(&runtime))
                .with_default_features()
                .with_physical_optimizer_rule(Arc::new(CompactBeforeSorts));
            let functions = builder.scalar_functions().get_or_insert_default();
            functions.extend(functions::all_with(schedules));
            functions.push(Arc::new(ScalarUDF::from(OpenRunDate::default())));
            builder.aggregate_functions().get_or_insert_default().extend(functions::aggregates());
            builder.build()
        };
        Ok(Engine {
            one_part: state(one_part),
            parted: state(config),
            thrifty: state(thrifty),
            _scratch: scratch,
        })
    }

    /// Lets queries read the objects of `lake`.
    pub fn attach(&self, lake: &Lake) -> Result<()> {
        let url = Url::parse(WAREHOUSE_URL).context(Kind::Defect, || "name the warehouse")?;
        let _ = self.runtime().register_object_store(&url, lake.store());
        Ok(())
    }

    /// A session that knows `tables` and nothing else, and lays its plans out as `layout` says.
    pub fn session(
        &self,
        layout: Layout,
        tables: impl IntoIterator<Item = (TableName, Arc<dyn TableProvider>)>,
    ) -> Result<SessionContext> {
        let state = match layout {
            Layout::OnePart => &self.one_part,
            Layout::Parted => &self.parted,
            Layout::Thrifty => &self.thrifty,
        };
        let catalog = MemoryCatalogProvider::new();
        let register = |schema: &str, table: String, provider| -> DataFusionResult<()> {
            let schema_provider = match catalog.schema(schema) {
                Some(found) => found,
                None => {
                    let made: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
                    catalog.register_schema(schema, Arc::clone(&made))?;
                    made
                }
            };
            schema_provider.register_table(table, provider).map(|_| ())
        };
        catalog
            .register_schema("public", Arc::new(MemorySchemaProvider::new()))
            .context(Kind::Defect, || "set a session up")?;
        for (name, provider) in tables {
            register(&name.zone, name.table.clone(), provider)
                .context(Kind::Defect, || format!("register table {name}"))?;
        }
        let context = SessionContext::new_with_state(state.clone());
        // The state is shared by clones, the list of catalogs too: each session gets its own.
        let list = datafusion::catalog::MemoryCatalogProviderList::new();
        datafusion::catalog::CatalogProviderList::register_catalog(
            &list,
            "rapport".to_string(),
            Arc::new(catalog),
        );
        context.register_catalog_list(Arc::new(list));
        Ok(context)
    }

    /// The expression `text` over one row of `schema`, ready to be evaluated.
    pub fn row_expression(
        &self,
        text: &str,
        schema: &DFSchema,
    ) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        let expression = self.one_part.create_logical_expr(text, schema)?;
        // Some functions, such as arrow_cast(), are nothing but what simplifying makes of them.
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(Arc::clone(self.one_part.config_options()))
            .build();
        let simplifier = ExprSimplifier::new(context);
        let expression = simplifier.simplify(simplifier.coerce(expression, schema)?)?;
        self.one_part.create_physical_expr(expression, schema)
    }

    /// What all sessions share at run time.
    pub fn runtime(&self) -> &Arc<RuntimeEnv> {
        self.parted.runtime_env()
    }
}

/// What every thread of a sort sets aside for merging what it may spill, in bytes.
///
/// DataFusion's 10 MiB are taken by every sort of a plan before its first row: the customer view
/// has some fifty, so that on 64 threads a few rows did not fit into 2 GiB.
fn merge_reservation(memory_bytes: usize, threads: usize) -> usize {
    (memory_bytes / (128 * threads.max(1))).min(10 << 20)
}

/// The kind of failure that a query's error is.
pub fn kind_of(error: &DataFusionError) -> Kind {
    if let Some(kind) = storage_kind(error) {
        return kind;
    }
    match error.find_root() {
        // A published object that cannot be read is none of the engine's faults.
        DataFusionError::ParquetError(_) => Kind::Storage,
        DataFusionError::ResourcesExhausted(_) => Kind::OutOfMemory,
        // Such as a value that a cast cannot take: for the person who owns the SQL, not for us.
        DataFusionError::ArrowError(..)
        | DataFusionError::Execution(_)
        | DataFusionError::Plan(_)
        | DataFusionError::SQL(..)
        | DataFusionError::SchemaError(..) => Kind::Usage,
        _ => Kind::Defect,
    }
}

/// The kind of a failure that some cause of the error says comes from a file or an object: readers
/// wrap them several times over.
fn storage_kind(error: &DataFusionError) -> Option<Kind> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::Error>() {
            return Some(crate::lake::kind_of(error));
        }
        let is_arrows = matches!(
            error.downcast_ref::<arrow::error::ArrowError>(),
            Some(arrow::error::ArrowError::IoError(..))
        );
        if is_arrows || error.is::<std::io::Error>() {
            return Some(Kind::Storage);
        }
        cause = error.source();
    }
    None
}

/// A query's error as ours, with what was being done.
pub fn query_error(what: impl Into<String>) -> impl FnOnce(DataFusionError) -> Error {
    let what = what.into();
    move |error| {
        let kind = kind_of(&error);
        let what = match kind {
            Kind::OutOfMemory => format!("{what}: `memory_limit` is too low for it, raise it"),
            _ => what,
        };
        Error::new(kind, what).because(without_values(&error.strip_backtrace()))
    }
}

/// The message without what stands in quotes: a failed cast names the value that it failed on,
/// which may be somebody's name.
fn without_values(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut quote = None;
    for letter in message.chars() {
        match quote {
            None => {
                text.push(letter);
                if matches!(letter, '\'' | '"') {
                    quote = Some(letter);
                    text.push('…');
                }
            }
            Some(open) if open == letter => {
                text.push(letter);
                quote = None;
            }
            Some(_) => {}
        }
    }
    text
}

/// `$run_date` while it is open: a query that is only looked at keeps it symbolic, so that the
/// partitions it asks for can be told for every day from one look.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OpenRunDate {
    signature: Signature,
}

impl Default for OpenRunDate {
    fn default() -> Self {
        OpenRunDate { signature: Signature::exact(vec![], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for OpenRunDate {
    fn name(&self) -> &str {
        OPEN_RUN_DATE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        Err(DataFusionError::Internal("an open run date has no value".to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn a_failed_cast_does_not_tell_on_whom_it_failed() {
        let message = "Cannot cast string 'ann@example.com' to value of Int64 type";
        assert_eq!(without_values(message), "Cannot cast string '…' to value of Int64 type");
    }
}
