//! Batches of a good size that hold nothing but their rows.
//!
//! Joins and aggregations hand rows on as slices of, or views into, everything they hold. A sort
//! keeps such rows alive and is charged for all of it, once for each batch: 150,000 orders came to
//! 185 MB a batch of 8,192 and did not fit into 1 GiB, however much was spilled. So every sort gets
//! its rows copied out first, where that frees something.
//!
//! A cross join hands on a batch for every row of its left side, however few rows that makes, and a
//! sort merges every batch that it got with all the others: 8,469 cases, four times each, took 16 s
//! to sort by one thread. So the rows of cross joins, and those of sorts, are gathered first.
//!
//! A window hands on all rows of a partition as one batch. A sort parts such a batch only once it is
//! sorted, and is charged for all of its texts with each part: so it is parted before.

use std::sync::Arc;
use std::task::Poll;

use arrow::array::{
    Array, ArrayRef, AsArray as _, MutableArrayData, RecordBatch, RecordBatchOptions, make_array,
};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{
    Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion,
};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::execution::TaskContext;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::CrossJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{Stream, StreamExt as _, ready};

/// Memory in bytes that a column may hold for nothing: copying less is not worth it.
const WORTH_COPYING: usize = 64 << 10;

/// Puts a [`CompactExec`] below every sort and above every cross join.
#[derive(Debug)]
pub struct CompactBeforeSorts;

impl PhysicalOptimizerRule for CompactBeforeSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if node.is::<CrossJoinExec>() {
                return Ok(Transformed::yes(Arc::new(CompactExec::new(node)) as _));
            }
            let Some(sort) = node.downcast_ref::<SortExec>() else {
                return Ok(Transformed::no(node));
            };
            let compact: Arc<dyn ExecutionPlan> =
                Arc::new(CompactExec::new(Arc::clone(sort.input())));
            // The rows stay in place: what the sort says of itself stays true.
            let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            node.replace_children(vec![compact], keep).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &str {
        "compact_before_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Hands rows on as they are, in memory of their own, and few batches of many.
#[derive(Debug)]
struct CompactExec {
    input: Arc<dyn ExecutionPlan>,
}

impl CompactExec {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        CompactExec { input }
    }
}

impl DisplayAs for CompactExec {
    fn fmt_as(
        &self,
        _format: DisplayFormatType,
        formatter: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl ExecutionPlan for CompactExec {
    fn name(&self) -> &str {
        "CompactExec"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, recompute)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next();
        let input =
            input.ok_or_else(|| internal_datafusion_err!("{} without rows", self.name()))?;
        Ok(Arc::new(CompactExec::new(input)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batch_rows = context.session_config().batch_size();
        let rows = self.input.execute(partition, context)?;
        let gathered = gather(rows, self.schema(), batch_rows);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), gathered)))
    }
}

/// The same rows in the same order, in compact batches of about `batch_rows` rows.
fn gather(
    mut rows: SendableRecordBatchStream,
    schema: SchemaRef,
    batch_rows: usize,
) -> impl Stream<Item = Result<RecordBatch>> {
    let mut gathering = BatchCoalescer::new(schema, batch_rows)
        .with_biggest_coalesce_batch_size(Some(batch_rows / 2));
    let mut is_over = false;
    futures::stream::poll_fn(move |context| {
        loop {
            if let Some(batch) = gathering.next_completed_batch() {
                return Poll::Ready(Some(compact(&batch)));
            }
            if is_over {
                return Poll::Ready(None);
            }
            let taken = match ready!(rows.poll_next_unpin(context)) {
                Some(batch) => batch.and_then(|batch| {
                    for part in parts(&batch, batch_rows) {
                        gathering.push_batch(part)?;
                    }
                    Ok(())
                }),
                None => {
                    is_over = true;
                    gathering.finish_buffered_batch().map_err(DataFusionError::from)
                }
            };
            if let Err(error) = taken {
                is_over = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    })
}

/// The rows of `batch` in slices of at most `row_count` rows.
fn parts(batch: &RecordBatch, row_count: usize) -> impl Iterator<Item = RecordBatch> {
    (0..batch.num_rows())
        .step_by(row_count)
        .map(move |start| batch.slice(start, row_count.min(batch.num_rows() - start)))
}

/// The same rows, in columns that hold little else.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(compact_column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
        .map_err(DataFusionError::from)
}

fn compact_column(column: &ArrayRef) -> Result<ArrayRef> {
    let held = column.get_buffer_memory_size();
    if held <= WORTH_COPYING {
        return Ok(Arc::clone(column));
    }
    let is_worth_it = |used: usize| held > WORTH_COPYING + 2 * used;
    if matches!(column.data_type(), DataType::Utf8View) {
        let views = column.as_string_view();
        let used = views.total_buffer_bytes_used() + views.views().inner().len();
        return Ok(if is_worth_it(used) { Arc::new(views.gc()) } else { Arc::clone(column) });
    }
    let data = column.to_data();
    if !is_worth_it(data.get_slice_memory_size()?) {
        return Ok(Arc::clone(column));
    }
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    Ok(make_array(copy.freeze()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, StringViewArray};
    use arrow::compute::concat_batches;
    use futures::TryStreamExt as _;

    use super::*;

    /// What comes of `batches`.
    async fn made_of(
        batches: Vec<RecordBatch>,
        schema: &SchemaRef,
        batch_rows: usize,
    ) -> Vec<RecordBatch> {
        let rows = futures::stream::iter(batches.into_iter().map(Ok));
        let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), rows));
        gather(rows, Arc::clone(schema), batch_rows).try_collect().await.unwrap()
    }

    /// What comes of batches of so many rows each, and all their rows in order.
    async fn gathered(sizes: &[usize], batch_rows: usize) -> (Vec<usize>, Vec<i64>) {
        let mut numbers = 0..;
        let batches: Vec<_> = sizes
            .iter()
            .map(|&size| {
                let column = Int64Array::from_iter_values(numbers.by_ref().take(size));
                RecordBatch::try_from_iter([("number", Arc::new(column) as ArrayRef)]).unwrap()
            })
            .collect();
        let schema = batches[0].schema();
        let made = made_of(batches, &schema, batch_rows).await;
        let all = concat_batches(&schema, &made).unwrap();
        let values = all.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
        (made.iter().map(RecordBatch::num_rows).collect(), values)
    }

    #[tokio::test]
    async fn rows_come_in_batches_of_a_good_size_and_in_their_order() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[4, 4, 4, 4, 4], &[10, 10]),
            (&[0], &[]),
            (&[35], &[10, 10, 10, 5]),
            (&[1, 10, 1], &[10, 2]),
            (&[8, 9, 10], &[8, 9, 10]),
        ];
        for (sizes, expected) in cases {
            let (found, values) = gathered(sizes, 10).await;
            assert_eq!(found, expected, "of {sizes:?}");
            assert!(values.into_iter().eq(0..sizes.iter().sum::<usize>() as i64));
        }
    }

    #[tokio::test]
    async fn rows_without_columns_are_counted() {
        let schema = SchemaRef::new(arrow::datatypes::Schema::empty());
        let of_rows = |row_count: usize| {
            let options = RecordBatchOptions::new().with_row_count(Some(row_count));
            RecordBatch::try_new_with_options(Arc::clone(&schema), vec![], &options).unwrap()
        };
        let made = made_of([4, 0, 35, 1].map(of_rows).to_vec(), &schema, 10).await;
        assert_eq!(made.iter().map(RecordBatch::num_rows).sum::<usize>(), 40);
    }

    #[test]
    fn rows_of_a_slice_hold_nothing_of_the_rest() {
        let texts = (0..100_000).map(|number| format!("a text that is kept in a buffer {number}"));
        let texts: Vec<String> = texts.collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("views", Arc::new(StringViewArray::from_iter_values(&texts))),
            ("texts", Arc::new(StringArray::from_iter_values(&texts))),
            ("numbers", Arc::new(Int64Array::from_iter_values(0..100_000))),
        ];
        let slice = RecordBatch::try_from_iter(columns).unwrap().slice(500, 100);
        let compacted = compact(&slice).unwrap();
        assert_eq!(compacted, slice);
        for column in compacted.columns() {
            assert!(column.get_buffer_memory_size() < 32 << 10, "{}", column.data_type());
        }
        let again = compact(&compacted).unwrap();
        for (column, same) in compacted.columns().iter().zip(again.columns()) {
            assert!(Arc::ptr_eq(column, same), "copied for nothing");
        }
    }
}
