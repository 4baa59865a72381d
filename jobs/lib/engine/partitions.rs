//! A published table as DataFusion sees it: the partitions that the ledger knows, and no listing.
//!
//! Filters on `dt` are decided here and exactly, so the partitions that a plan reads are known
//! before it runs. Every read is noted, so that a build can hold what it read against what its
//! fingerprint says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray as _, Date32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{
    DFSchema, DFSchemaRef, Result as DataFusionResult, ScalarValue, project_schema,
};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchemaBuilder;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, Volatility, lit};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

use crate::dates::Day;
use crate::engine::{OPEN_RUN_DATE, WAREHOUSE_URL};

/// The column that a table is partitioned by.
pub const PARTITION_COLUMN: &str = "dt";

/// The partitions of tables that plans have chosen to read, by table name.
pub type Reads = Arc<Mutex<BTreeMap<String, BTreeSet<Day>>>>;

/// A published table.
pub struct PartitionedTable {
    name: String,
    file_schema: SchemaRef,
    schema: SchemaRef,
    partitions: BTreeMap<Day, ObjectMeta>,
    reads: Reads,
}

impl PartitionedTable {
    /// The table `name` with the columns of `file_schema` and the partition column, made of
    /// `partitions`; what is read of it is noted in `reads`.
    pub fn new(
        name: String,
        file_schema: &Schema,
        partitions: BTreeMap<Day, ObjectMeta>,
        reads: Reads,
    ) -> Self {
        let file_schema = Arc::new(as_views(file_schema));
        let schema = Arc::new(with_partition_column(&file_schema));
        PartitionedTable { name, file_schema, schema, partitions, reads }
    }
}

impl fmt::Debug for PartitionedTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PartitionedTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The schema of a table: its file's columns, then the partition column.
pub fn with_partition_column(file_schema: &Schema) -> Schema {
    let mut fields: Vec<_> = file_schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(PARTITION_COLUMN, DataType::Date32, false)));
    Schema::new(fields)
}

/// Text is read as views into the decoded page, which spares a copy of every value.
fn as_views(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

#[async_trait]
impl TableProvider for PartitionedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (on_day, others): (Vec<Expr>, Vec<Expr>) =
            filters.iter().cloned().partition(is_about_day);
        let candidates: Vec<Day> = self.partitions.keys().copied().collect();
        let days = select(&on_day, None, &candidates)?;
        if let Ok(mut reads) = self.reads.lock() {
            reads.entry(self.name.clone()).or_default().extend(&days);
        }
        let files: Vec<PartitionedFile> = days
            .iter()
            .filter_map(|day| Some((day, self.partitions.get(day)?)))
            .map(|(day, object)| {
                PartitionedFile::new_from_meta(object.clone())
                    .with_partition_values(vec![ScalarValue::Date32(Some(day.to_epoch()))])
            })
            .collect();
        if files.is_empty() {
            let schema = project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let limit = if others.is_empty() { limit } else { None };
        let table_schema = TableSchemaBuilder::from(&self.file_schema)
            .with_table_partition_cols(vec![Arc::new(Field::new(
                PARTITION_COLUMN,
                DataType::Date32,
                false,
            ))])
            .build();
        let format = ParquetFormat::default();
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(
            ObjectStoreUrl::parse(WAREHOUSE_URL)?,
            format.file_source(table_schema),
        )
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .build();
        format.create_physical_plan(state, config).await
    }
}

/// How far a filter is decided by choosing partitions.
pub fn pushdown(filter: &Expr) -> TableProviderFilterPushDown {
    if is_about_day(filter) {
        TableProviderFilterPushDown::Exact
    } else {
        TableProviderFilterPushDown::Inexact
    }
}

/// True for a filter that the partition column alone decides.
pub fn is_about_day(filter: &Expr) -> bool {
    let mut names_day = false;
    let mut names_others = false;
    let walked = filter.apply(|node| {
        match node {
            Expr::Column(column) if column.name == PARTITION_COLUMN => names_day = true,
            Expr::Column(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::Placeholder(_) => names_others = true,
            Expr::ScalarFunction(call)
                if call.func.signature().volatility == Volatility::Volatile =>
            {
                names_others = true;
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.is_ok() && names_day && !names_others
}

/// The days of `candidates` for which all of `filters` hold. Filters that are not about the day
/// alone decide nothing. An open run date in them is `run_date`.
pub fn select(
    filters: &[Expr],
    run_date: Option<Day>,
    candidates: &[Day],
) -> DataFusionResult<Vec<Day>> {
    let schema = Arc::new(Schema::new(vec![Field::new(PARTITION_COLUMN, DataType::Date32, false)]));
    let qualified = DFSchemaRef::new(DFSchema::try_from(schema.as_ref().clone())?);
    let days: ArrayRef =
        Arc::new(Date32Array::from_iter_values(candidates.iter().map(|day| day.to_epoch())));
    let batch = RecordBatch::try_new(schema, vec![days])?;
    let mut chosen = vec![true; candidates.len()];
    for filter in filters.iter().filter(|filter| is_about_day(filter)) {
        let closed = simplified(close(filter.clone(), run_date)?, &qualified)?;
        let physical = create_physical_expr(
            &closed,
            &qualified,
            &ExecutionProps::new(),
            &datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext::default(
            ),
        )?;
        let holds = physical.evaluate(&batch)?.into_array(candidates.len())?;
        let holds = holds.as_boolean();
        for (index, chosen) in chosen.iter_mut().enumerate() {
            *chosen &= !arrow::array::Array::is_null(holds, index) && holds.value(index);
        }
    }
    Ok(candidates.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(day, _)| *day).collect())
}

/// Some functions (`coalesce`, `nvl`) cannot be evaluated: the optimizer rewrites them.
fn simplified(filter: Expr, schema: &DFSchemaRef) -> DataFusionResult<Expr> {
    let calls_functions = filter.exists(|node| Ok(matches!(node, Expr::ScalarFunction(_))))?;
    if !calls_functions {
        return Ok(filter);
    }
    let context = SimplifyContext::builder().with_schema(Arc::clone(schema)).build();
    ExprSimplifier::new(context).simplify(filter)
}

/// The filter with its table's name dropped and an open run date closed.
fn close(filter: Expr, run_date: Option<Day>) -> DataFusionResult<Expr> {
    let closed = filter.transform(|node| {
        Ok(match node {
            Expr::Column(column) => {
                Transformed::yes(Expr::Column(datafusion::common::Column::from_name(column.name)))
            }
            Expr::ScalarFunction(call) if call.func.name() == OPEN_RUN_DATE => {
                let day = run_date.map(Day::to_epoch);
                Transformed::yes(lit(ScalarValue::Date32(day)))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(closed.data)
}
