//! The rows of published objects, a few thousand at a time: memory holds one row group of an object
//! at most, however large it is.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::errors::{Context as _, Kind, Result};
use crate::lake::{Lake, Partition};

/// Rows that are read at a time.
const BATCH_ROWS: usize = 8192;

/// The rows of a partition's object, in order.
pub struct Rows {
    partition: Partition,
    schema: SchemaRef,
    stream: ParquetRecordBatchStream<Object>,
}

impl Rows {
    /// Opens the object; none where there is none.
    ///
    /// Errors: [`Kind::Storage`], also for one that is damaged.
    pub async fn of(lake: &Lake, partition: &Partition) -> Result<Option<Rows>> {
        let key = lake.partition_key(partition);
        let object = match lake.store.head(&key).await {
            Ok(object) => object,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(lake.trouble("look at", &key, error)),
        };
        let reader = Object { store: lake.store(), key, byte_count: object.size };
        let failed = || format!("read the rows of {partition}");
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await;
        let builder = builder.context(Kind::Storage, failed)?.with_batch_size(BATCH_ROWS);
        let stream = builder.build().context(Kind::Storage, failed)?;
        let schema = stream.schema().clone();
        Ok(Some(Rows { partition: partition.clone(), schema, stream }))
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next rows; none at the end.
    ///
    /// Errors: [`Kind::Storage`].
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.stream.try_next().await;
        next.context(Kind::Storage, || format!("read the rows of {}", self.partition))
    }
}

/// An object of which parts are read.
struct Object {
    store: Arc<dyn ObjectStore>,
    key: Path,
    byte_count: u64,
}

impl AsyncFileReader for Object {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async { Ok(self.store.get_range(&self.key, range).await?) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { Ok(self.store.get_ranges(&self.key, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let byte_count = self.byte_count;
        async move {
            let metadata = ParquetMetaDataReader::new().load_and_finish(self, byte_count).await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}
