//! Pairs as a table with both records side by side. What stands in a record is gathered as the
//! table is read, a batch at a time: neither a join nor memory for all pairs is needed.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::records::BATCH_ROWS;
use crate::algorithms::identity::candidates::Candidates;

/// The column with a pair's place in the list.
pub(super) const PLACE: &str = "__place";

/// The columns of a list of pairs: their places in it, `left_n` and `right_n`, the records' places,
/// `rule`, the place of the rule that found them or −1, `l.<name>` and `r.<name>` for each column
/// of the records, and those that pairs have themselves.
#[derive(Debug)]
pub(super) struct PairTable {
    schema: SchemaRef,
    columns: Vec<Column>,
    pairs: Arc<Candidates>,
    part_count: usize,
}

/// Where a column comes from.
#[derive(Debug, Clone)]
enum Column {
    Place,
    LeftPlace,
    RightPlace,
    Rule,
    OfLeft(ArrayRef),
    OfRight(ArrayRef),
    OfPair(ArrayRef),
}

impl PairTable {
    /// The table of `pairs` of `records`, which are in the order of their places, read in so many
    /// parts; `own` are columns as long as the list.
    pub(super) fn new(
        records: &RecordBatch,
        pairs: Arc<Candidates>,
        own: &[(String, ArrayRef)],
        part_count: usize,
    ) -> PairTable {
        let field = |name: &str, kind: &DataType| Field::new(name, kind.clone(), true);
        let mut fields = vec![
            field(PLACE, &DataType::Int64),
            field("left_n", &DataType::Int64),
            field("right_n", &DataType::Int64),
            field("rule", &DataType::Int32),
        ];
        let mut columns = vec![Column::Place, Column::LeftPlace, Column::RightPlace, Column::Rule];
        let schema = records.schema();
        let of_records = || schema.fields().iter().zip(records.columns());
        for (side, column) in
            [("l", Column::OfLeft as fn(ArrayRef) -> Column), ("r", Column::OfRight)]
        {
            for (known, values) in of_records() {
                fields.push(field(&format!("{side}.{}", known.name()), known.data_type()));
                columns.push(column(Arc::clone(values)));
            }
        }
        for (name, values) in own {
            fields.push(field(name, values.data_type()));
            columns.push(Column::OfPair(Arc::clone(values)));
        }
        PairTable { schema: Arc::new(Schema::new(fields)), columns, pairs, part_count }
    }
}

#[async_trait]
impl TableProvider for PairTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let asked = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(asked)?);
        let columns: Vec<Column> =
            asked.iter().filter_map(|place| self.columns.get(*place).cloned()).collect();
        let count = self.pairs.pairs.len();
        let each = count.div_ceil(self.part_count.max(1)).max(1);
        let part = |start: usize| -> Arc<dyn PartitionStream> {
            Arc::new(Part {
                schema: Arc::clone(&schema),
                columns: columns.clone(),
                pairs: Arc::clone(&self.pairs),
                rows: start..(start + each).min(count),
            })
        };
        // One part at least: no pairs are an empty table.
        let parts = (0..count.max(1)).step_by(each).map(part).collect();
        let order = std::iter::empty::<LexOrdering>();
        Ok(Arc::new(StreamingTableExec::try_new(schema, parts, None, order, false, None)?))
    }
}

/// A part of the list.
#[derive(Debug, Clone)]
struct Part {
    schema: SchemaRef,
    columns: Vec<Column>,
    pairs: Arc<Candidates>,
    rows: Range<usize>,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let part = self.clone();
        let end = part.rows.end;
        let starts = part.rows.clone().step_by(BATCH_ROWS);
        let batches = starts.map(move |start| part.gathered(start..(start + BATCH_ROWS).min(end)));
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

impl Part {
    fn gathered(&self, rows: Range<usize>) -> DataFusionResult<RecordBatch> {
        let pairs = self.pairs.pairs.get(rows.clone()).unwrap_or_default();
        let left = UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.0));
        let right = UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.1));
        let as_places = |places: &UInt32Array| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                places.values().iter().map(|one| i64::from(*one)),
            ))
        };
        let rule = |row: usize| {
            let rule = self.pairs.rules.get(row).copied().flatten();
            rule.and_then(|rule| i32::try_from(rule).ok()).unwrap_or(-1)
        };
        let place = |row: usize| i64::try_from(row).unwrap_or(i64::MAX);
        let gathered = self.columns.iter().map(|column| -> DataFusionResult<ArrayRef> {
            Ok(match column {
                Column::Place => Arc::new(Int64Array::from_iter_values(rows.clone().map(place))),
                Column::LeftPlace => as_places(&left),
                Column::RightPlace => as_places(&right),
                Column::Rule => Arc::new(Int32Array::from_iter_values(rows.clone().map(rule))),
                Column::OfLeft(values) => take(values, &left, None)?,
                Column::OfRight(values) => take(values, &right, None)?,
                Column::OfPair(values) => values.slice(rows.start, rows.len()),
            })
        });
        let columns: Vec<ArrayRef> = gathered.collect::<DataFusionResult<_>>()?;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}
