//! Writes one Parquet object, streamed to object storage, the same bytes for the same rows.
//!
//! Rows are cut anew into units of a fixed number of rows before they are encoded, so neither the
//! sizes of the batches that come in nor the number of threads show in the file. The columns of a
//! unit are encoded side by side on blocking threads while the caller makes the next one. It does
//! not know what a table or a partition is.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use crate::errors::{Context, Error, Kind, Result};
use crate::hash::{ContentHash, Hasher};

/// Rows in a row group: enough for long runs of equal values, few enough to read in parallel.
pub const ROW_GROUP_ROWS: usize = 131_072;

/// Rows encoded at a time. Page borders follow from it, so it is part of the output's identity.
const UNIT_ROWS: usize = 16_384;

/// The size of one part of a multipart upload, in bytes; a smaller object is put at once.
const PART_BYTES: usize = 10 * 1024 * 1024;

/// How long a store may take to remove the parts of an upload that was given up.
const GOODBYE: Duration = Duration::from_secs(5);

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows in the object.
    pub row_count: u64,
    /// The object's size in bytes.
    pub byte_count: u64,
    /// The hash of the object's bytes.
    pub content_hash: ContentHash,
    /// Nulls by column, in the order of the schema; empty where they were not counted.
    pub null_counts: Vec<u64>,
}

/// Writes record batches of one schema to one Parquet object.
///
/// Nothing is visible at the location before [`ParquetSink::finish`] returns. A sink dropped
/// half way leaves no object; on stores that keep the parts of an unfinished upload,
/// [`ParquetSink::abort`] removes them.
pub struct ParquetSink {
    location: Path,
    schema: SchemaRef,
    sorted_by: Vec<String>,
    upload: BufWriter,
    /// Slices of what came in, not yet a whole unit.
    pending: VecDeque<RecordBatch>,
    pending_rows: usize,
    /// The encoder, or the unit it is busy with.
    state: State,
    row_count: u64,
    /// Nulls by column.
    null_counts: Vec<u64>,
}

enum State {
    Idle(Box<Encoder>),
    Busy(JoinHandle<Result<(Box<Encoder>, Bytes)>>),
    /// After a failure: the sink can only be aborted.
    Broken,
}

impl ParquetSink {
    /// Opens a sink for rows of `schema` at `location`.
    ///
    /// `sorted_by` names the columns the rows come sorted by, ascending with nulls last; they are
    /// noted in the file for readers. Errors: `Defect` when one of them is no column, or a column
    /// has a type that Parquet cannot hold.
    pub async fn create(
        store: Arc<dyn ObjectStore>,
        location: Path,
        schema: SchemaRef,
        sorted_by: &[String],
    ) -> Result<Self> {
        let encoder = Encoder::new(&schema, sorted_by, &[])
            .context(Kind::Defect, || format!("open a Parquet file for `{location}`"))?;
        let upload =
            BufWriter::with_capacity(store, location.clone(), PART_BYTES).with_max_concurrency(4);
        let null_counts = vec![0; schema.fields().len()];
        Ok(ParquetSink {
            location,
            schema,
            sorted_by: sorted_by.to_vec(),
            upload,
            pending: VecDeque::new(),
            pending_rows: 0,
            state: State::Idle(Box::new(encoder)),
            row_count: 0,
            null_counts,
        })
    }

    /// Appends the rows of `batch`, whose schema must be the sink's.
    ///
    /// Returns as soon as there is room for more: encoding goes on behind it.
    /// Errors: `Defect` for another schema, `Storage` when the upload fails.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let types = |schema: &SchemaRef| -> Vec<_> {
            schema.fields().iter().map(|field| field.data_type().clone()).collect()
        };
        if batch.schema_ref() != &self.schema && types(batch.schema_ref()) != types(&self.schema) {
            let message = format!("write rows of another schema to `{}`", self.location);
            return Err(Error::new(Kind::Defect, message));
        }
        let mut offset = 0;
        while offset < batch.num_rows() {
            let length = (UNIT_ROWS - self.pending_rows).min(batch.num_rows() - offset);
            self.pending.push_back(batch.slice(offset, length));
            self.pending_rows += length;
            offset += length;
            if self.pending_rows == UNIT_ROWS {
                self.encode_pending().await?;
            }
        }
        self.row_count += batch.num_rows() as u64;
        for (count, column) in self.null_counts.iter_mut().zip(batch.columns()) {
            *count += column.null_count() as u64;
        }
        Ok(())
    }

    /// Writes what is left and completes the object.
    ///
    /// No rows at all make a valid file with the full schema.
    pub async fn finish(mut self) -> Result<Written> {
        if self.pending_rows > 0 {
            self.encode_pending().await?;
        }
        let encoder = self.settle().await?;
        let finished = tokio::task::spawn_blocking(move || encoder.finish()).await;
        let (bytes, byte_count, content_hash) = finished
            .context(Kind::Defect, || format!("encode `{}`", self.location))?
            .context(Kind::Defect, || format!("encode `{}`", self.location))?;
        self.put(bytes).await?;
        self.upload
            .shutdown()
            .await
            .context(Kind::Storage, || format!("complete the upload of `{}`", self.location))?;
        Ok(Written {
            row_count: self.row_count,
            byte_count,
            content_hash,
            null_counts: std::mem::take(&mut self.null_counts),
        })
    }

    /// Gives up: what was uploaded so far is removed where the store keeps it.
    pub async fn abort(mut self) {
        if let State::Busy(task) = std::mem::replace(&mut self.state, State::Broken) {
            // Its result is of no use any more, but it must not outlive the sink.
            let _ = task.await;
        }
        // An upload that never began, or one that the store has already given up, has nothing to
        // remove: the caller is on its way out with a better error, and must not be held back.
        let _ = tokio::time::timeout(GOODBYE, self.upload.abort()).await;
    }

    async fn encode_pending(&mut self) -> Result<()> {
        let mut encoder = self.settle().await?;
        let unit: Vec<RecordBatch> = self.pending.drain(..).collect();
        self.pending_rows = 0;
        if !encoder.has_begun {
            *encoder = Encoder::new(&self.schema, &self.sorted_by, &unit)
                .context(Kind::Defect, || format!("encode `{}`", self.location))?;
            encoder.has_begun = true;
        }
        let location = self.location.clone();
        self.state = State::Busy(tokio::spawn(async move {
            let failed = || format!("encode `{location}`");
            encoder.encode(unit).await.context(Kind::Defect, failed)?;
            let (encoder, bytes) = tokio::task::spawn_blocking(move || {
                let bytes = encoder.take_bytes()?;
                Ok::<_, ParquetError>((encoder, bytes))
            })
            .await
            .context(Kind::Defect, failed)?
            .context(Kind::Defect, failed)?;
            Ok((encoder, bytes))
        }));
        Ok(())
    }

    /// Waits for the unit in work, and hands what it made to the upload.
    async fn settle(&mut self) -> Result<Box<Encoder>> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(encoder) => Ok(encoder),
            State::Busy(task) => {
                let (encoder, bytes) = task
                    .await
                    .context(Kind::Defect, || format!("encode `{}`", self.location))??;
                self.put(bytes).await?;
                Ok(encoder)
            }
            State::Broken => {
                let message = format!("write to `{}` after it failed", self.location);
                Err(Error::new(Kind::Defect, message))
            }
        }
    }

    async fn put(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.upload
            .put(bytes)
            .await
            .context(Kind::Storage, || format!("upload `{}`", self.location))
    }
}

/// The Parquet file in the making: whole units in, bytes out.
struct Encoder {
    fields: Vec<FieldRef>,
    /// For each field, how many leaf columns it has.
    leaf_counts: Vec<usize>,
    file: SerializedFileWriter<Vec<u8>>,
    row_groups: ArrowRowGroupWriterFactory,
    /// The open row group's writers by field; empty between row groups.
    columns: Vec<Vec<ArrowColumnWriter>>,
    rows_in_group: usize,
    group_count: usize,
    has_begun: bool,
    hasher: Hasher,
    byte_count: u64,
}

impl Encoder {
    /// `sample` is the first unit of rows, by which each column's encoding is chosen.
    fn new(
        schema: &SchemaRef,
        sorted_by: &[String],
        sample: &[RecordBatch],
    ) -> Result<Self, ParquetError> {
        // Coercing gives nested columns the names of the Parquet specification.
        let parquet_schema =
            ArrowSchemaConverter::new().with_coerce_types(true).convert(schema.as_ref())?;
        let mut leaf_counts = vec![0; schema.fields().len()];
        for leaf in 0..parquet_schema.num_columns() {
            leaf_counts[parquet_schema.get_column_root_idx(leaf)] += 1;
        }
        let sorting = sorted_by
            .iter()
            .map(|name| {
                let leaf = (0..parquet_schema.num_columns())
                    .find(|leaf| parquet_schema.column(*leaf).path().parts().first() == Some(name));
                let leaf = leaf.and_then(|leaf| i32::try_from(leaf).ok());
                let column_idx = leaf.ok_or_else(|| {
                    ParquetError::General(format!("sorted by `{name}`, which is no column"))
                })?;
                Ok(SortingColumn { column_idx, descending: false, nulls_first: false })
            })
            .collect::<Result<Vec<_>, ParquetError>>()?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_sorting_columns((!sorting.is_empty()).then_some(sorting))
            .set_coerce_types(true);
        for (index, field) in schema.fields().iter().enumerate() {
            if is_worth_a_dictionary(sample, index)? {
                continue;
            }
            let path = ColumnPath::from(field.name().as_str());
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
            if is_whole(field.data_type()) {
                // Counters and instants: what differs from row to row is small.
                properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
        }
        let properties = properties.build();
        // The arrow schema stays out of the file: every reader sees plain Parquet types.
        let file = SerializedFileWriter::new(
            Vec::new(),
            parquet_schema.root_schema_ptr(),
            Arc::new(properties),
        )?;
        let row_groups = ArrowRowGroupWriterFactory::new(&file, Arc::clone(schema));
        Ok(Encoder {
            fields: schema.fields().iter().cloned().collect(),
            leaf_counts,
            file,
            row_groups,
            columns: Vec::new(),
            rows_in_group: 0,
            group_count: 0,
            has_begun: false,
            hasher: Hasher::default(),
            byte_count: 0,
        })
    }

    /// Encodes one unit, given in slices, and closes the row group that it fills.
    async fn encode(&mut self, unit: Vec<RecordBatch>) -> Result<(), ParquetError> {
        if self.columns.is_empty() {
            let mut writers = self.row_groups.create_column_writers(self.group_count)?.into_iter();
            self.columns = self
                .leaf_counts
                .iter()
                .map(|leaves| writers.by_ref().take(*leaves).collect())
                .collect();
        }
        let row_count: usize = unit.iter().map(RecordBatch::num_rows).sum();
        let columns = std::mem::take(&mut self.columns);
        let jobs = columns
            .into_iter()
            .enumerate()
            .map(|(index, writers)| ColumnUnit {
                index,
                field: Arc::clone(&self.fields[index]),
                slices: unit.iter().map(|slice| Arc::clone(slice.column(index))).collect(),
                writers,
            })
            .collect();
        drop(unit);
        self.columns = encode_side_by_side(jobs).await?;
        self.rows_in_group += row_count;
        if self.rows_in_group >= ROW_GROUP_ROWS { self.close_row_group().await } else { Ok(()) }
    }

    async fn close_row_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.columns);
        let chunks = close_side_by_side(columns).await?;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.rows_in_group = 0;
        self.group_count += 1;
        Ok(())
    }

    /// The bytes of the file that were not taken before.
    fn take_bytes(&mut self) -> Result<Bytes, ParquetError> {
        self.file.flush()?;
        let bytes = std::mem::take(self.file.inner_mut());
        self.hasher.update(&bytes);
        self.byte_count += bytes.len() as u64;
        Ok(Bytes::from(bytes))
    }

    /// Writes the last row group and the footer.
    fn finish(mut self) -> Result<(Bytes, u64, ContentHash), ParquetError> {
        if self.rows_in_group > 0 {
            let mut group = self.file.next_row_group()?;
            for writer in self.columns.drain(..).flatten() {
                writer.close()?.append_to_row_group(&mut group)?;
            }
            group.close()?;
        }
        self.file.finish()?;
        let bytes = self.take_bytes()?;
        Ok((bytes, self.byte_count, self.hasher.finish()))
    }
}

/// Whether few enough values of a column repeat often enough.
///
/// A dictionary that is given up in the middle costs a look-up a row and gains nothing, so columns
/// of mostly different values do without.
fn is_worth_a_dictionary(sample: &[RecordBatch], index: usize) -> Result<bool, ParquetError> {
    let columns: Vec<&dyn Array> =
        sample.iter().map(|batch| batch.column(index).as_ref()).collect();
    let value_count: usize = columns.iter().map(|column| column.len() - column.null_count()).sum();
    let Some(data_type) = columns.first().map(|column| column.data_type()) else {
        return Ok(true);
    };
    if value_count < 1000 || data_type.is_nested() || data_type == &DataType::Boolean {
        return Ok(true);
    }
    let encoded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(data_type.clone()));
    let dictionary = cast(&concat(&columns)?, &encoded)?;
    let distinct = dictionary.as_any_dictionary_opt().map_or(0, |it| it.values().len());
    Ok(distinct * 2 <= value_count)
}

/// Whether Parquet keeps values of the type as integers of 32 or 64 bits.
fn is_whole(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..)
    )
}

/// One field's part of a unit, and the writers of its leaf columns.
struct ColumnUnit {
    index: usize,
    field: FieldRef,
    slices: Vec<ArrayRef>,
    writers: Vec<ArrowColumnWriter>,
}

impl ColumnUnit {
    fn encode(mut self) -> Result<(usize, Vec<ArrowColumnWriter>), ParquetError> {
        let array = match self.slices.as_slice() {
            [whole] => Arc::clone(whole),
            slices => {
                let slices: Vec<_> = slices.iter().map(AsRef::as_ref).collect();
                concat(&slices)?
            }
        };
        for (leaf, writer) in
            compute_leaves(self.field.as_ref(), &array)?.iter().zip(&mut self.writers)
        {
            writer.write(leaf)?;
        }
        Ok((self.index, self.writers))
    }
}

async fn encode_side_by_side(
    jobs: Vec<ColumnUnit>,
) -> Result<Vec<Vec<ArrowColumnWriter>>, ParquetError> {
    let done = side_by_side(jobs, ColumnUnit::encode).await?;
    let mut columns: Vec<_> = (0..done.len()).map(|_| Vec::new()).collect();
    for (index, writers) in done {
        columns[index] = writers;
    }
    Ok(columns)
}

/// Closes the columns of a row group; the chunks come back in column order.
async fn close_side_by_side(
    columns: Vec<Vec<ArrowColumnWriter>>,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let jobs: Vec<_> = columns.into_iter().flatten().enumerate().collect();
    let mut chunks =
        side_by_side(jobs, |(index, writer)| writer.close().map(|chunk| (index, chunk))).await?;
    chunks.sort_by_key(|(index, _)| *index);
    Ok(chunks.into_iter().map(|(_, chunk)| chunk).collect())
}

/// Does `jobs` on as many blocking threads as there are cores; results come in any order.
async fn side_by_side<J, R>(
    jobs: Vec<J>,
    work: impl Fn(J) -> Result<R, ParquetError> + Copy + Send + 'static,
) -> Result<Vec<R>, ParquetError>
where
    J: Send + 'static,
    R: Send + 'static,
{
    let lane_count =
        std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(jobs.len());
    let jobs: Arc<Vec<Mutex<Option<J>>>> =
        Arc::new(jobs.into_iter().map(|job| Mutex::new(Some(job))).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let lanes: Vec<_> = (0..lane_count)
        .map(|_| {
            let (jobs, next) = (Arc::clone(&jobs), Arc::clone(&next));
            tokio::task::spawn_blocking(move || {
                let mut results = Vec::new();
                while let Some(slot) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let job = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(job) = job {
                        results.push(work(job)?);
                    }
                }
                Ok::<_, ParquetError>(results)
            })
        })
        .collect();
    let mut results = Vec::new();
    for lane in lanes {
        results.extend(lane.await.map_err(|error| ParquetError::External(Box::new(error)))??);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        AsArray, Date32Array, Decimal128Array, Int64Array, ListArray, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Field, Int64Type, Schema, TimeUnit};
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    fn schema() -> SchemaRef {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        Arc::new(Schema::new(vec![
            Field::new("number", DataType::Int64, false),
            Field::new("word", DataType::Utf8, true),
            Field::new("price", DataType::Decimal128(12, 2), true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            Field::new("on", DataType::Date32, true),
            Field::new("tags", DataType::List(item), true),
        ]))
    }

    fn rows(from: usize, count: usize) -> RecordBatch {
        let range = || (from..from + count).map(|row| row as i64);
        let tags = range().map(|row| {
            (row % 5 != 0).then(|| (0..row % 3).map(|tag| format!("tag {tag}")).collect::<Vec<_>>())
        });
        let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
        for tag in tags {
            match tag {
                Some(tags) => {
                    tags.iter().for_each(|tag| builder.values().append_value(tag));
                    builder.append(true);
                }
                None => builder.append(false),
            }
        }
        let lists: ListArray = builder.finish();
        RecordBatch::try_new(
            schema(),
            vec![
                Arc::new(Int64Array::from_iter_values(range())),
                Arc::new(StringArray::from_iter(
                    range().map(|row| (row % 7 != 0).then(|| format!("word {}", row % 900))),
                )),
                Arc::new(
                    Decimal128Array::from_iter(
                        range().map(|row| (row % 11 != 0).then_some(i128::from(row) * 31)),
                    )
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
                ),
                Arc::new(
                    TimestampMicrosecondArray::from_iter_values(range().map(|row| row * 1_000_003))
                        .with_timezone("UTC"),
                ),
                Arc::new(Date32Array::from_iter_values(range().map(|row| (row / 100) as i32))),
                Arc::new(lists),
            ],
        )
        .unwrap()
    }

    async fn written(sizes: &[usize]) -> (Written, Bytes) {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Path::from("work/data.parquet");
        let mut sink = ParquetSink::create(
            Arc::clone(&store),
            location.clone(),
            schema(),
            &["number".to_string()],
        )
        .await
        .unwrap();
        let mut from = 0;
        for size in sizes {
            sink.write(&rows(from, *size)).await.unwrap();
            from += size;
        }
        let written = sink.finish().await.unwrap();
        let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
        (written, bytes)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn batch_borders_do_not_show_in_the_bytes() {
        let total = ROW_GROUP_ROWS + 20_001;
        let (whole, bytes) = written(&[total]).await;
        assert_eq!(whole.content_hash, ContentHash::of(&bytes));
        assert_eq!(whole.byte_count, bytes.len() as u64);
        assert_eq!(whole.row_count, total as u64);
        let mut sizes = Vec::new();
        let mut left = total;
        for size in [1, 16_384, 7, 40_000, 16_383, 1, 0, 33_333].into_iter().cycle() {
            sizes.push(size.min(left));
            left -= size.min(left);
            if left == 0 {
                break;
            }
        }
        let (pieces, _) = written(&sizes).await;
        assert_eq!(pieces, whole);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_written_reads_back_in_full_row_groups() {
        let total = ROW_GROUP_ROWS + 5;
        let (_, bytes) = written(&[total]).await;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let metadata = reader.metadata();
        let counts: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(counts, [ROW_GROUP_ROWS as i64, 5]);
        assert_eq!(metadata.row_group(0).sorting_columns().map(Vec::len), Some(1));
        assert!(metadata.row_group(0).column(0).offset_index_offset().is_some());
        assert!(metadata.file_metadata().key_value_metadata().is_none());
        let mut sum = 0;
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
            assert_eq!(batch.column(1).null_count(), {
                let numbers = batch.column(0).as_primitive::<Int64Type>();
                numbers.values().iter().filter(|number| *number % 7 == 0).count()
            });
        }
        assert_eq!(sum, (0..total as i64).sum::<i64>());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_rows_make_a_file_with_the_full_schema() {
        let (nothing, bytes) = written(&[]).await;
        assert_eq!(nothing.row_count, 0);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        let types: Vec<_> =
            reader.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types.len(), 6);
        assert_eq!(types[3], DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_large_object_goes_up_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> =
            Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let location = Path::from("a/b/data.parquet");
        let schema = Arc::new(Schema::new(vec![Field::new("noise", DataType::Utf8, false)]));
        let mut sink =
            ParquetSink::create(Arc::clone(&store), location.clone(), Arc::clone(&schema), &[])
                .await
                .unwrap();
        // Hashes do not compress to less than half.
        let noise = (0..400_000u32).map(|row| ContentHash::of(&row.to_le_bytes()).to_string());
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(noise));
        sink.write(&RecordBatch::try_new(schema, vec![column]).unwrap()).await.unwrap();
        let written = sink.finish().await.unwrap();
        assert!(written.byte_count > PART_BYTES as u64, "{written:?}");
        let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
        assert_eq!(written.content_hash, ContentHash::of(&bytes));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_aborted_sink_leaves_nothing() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Path::from("work/data.parquet");
        let mut sink =
            ParquetSink::create(Arc::clone(&store), location.clone(), schema(), &[]).await.unwrap();
        sink.write(&rows(0, 50_000)).await.unwrap();
        sink.abort().await;
        assert!(store.head(&location).await.is_err());
    }
}
