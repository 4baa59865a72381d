//! Looks at the columns of a file, so that they can be recognised.

use std::collections::{BinaryHeap, HashSet};

use arrow::array::{Array as _, AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;
use twox_hash::XxHash3_128;

use super::records::{Input, rows_of};
use crate::algorithms::identity::recognise::SampledColumn;
use crate::engine::query_error;
use crate::errors::{Context as _, Kind, Result};

/// How many values of a column are looked at.
const SAMPLES: usize = 1000;

/// A column while its rows go by.
#[derive(Default)]
struct Seen {
    name: String,
    null_count: u64,
    /// Hashes of its values. Two of a million values share one with a chance of one in 30 million.
    values: HashSet<u64>,
    /// The values in the rows with the smallest hashes, whatever order rows come in.
    samples: BinaryHeap<(u64, String)>,
}

/// The columns of a file, in its order; those whose values are no text and cannot become it are
/// left out.
pub(super) async fn columns_of(
    session: &SessionContext,
    input: &Input,
) -> Result<Vec<SampledColumn>> {
    let failed = || format!("read `{}`", input.path.display());
    let rows = rows_of(session, input).await?;
    let fields = rows.schema().fields().iter().filter(|field| !field.data_type().is_nested());
    let names: Vec<String> = fields.map(|field| field.name().clone()).collect();
    let mut columns: Vec<Seen> =
        names.iter().map(|name| Seen { name: name.clone(), ..Seen::default() }).collect();
    let mut row_count = 0;
    let mut batches = rows.execute_stream().await.map_err(query_error(failed()))?;
    while let Some(batch) = batches.try_next().await.map_err(query_error(failed()))? {
        let texts: Vec<StringArray> = names
            .iter()
            .filter_map(|name| batch.column_by_name(name))
            .map(|column| Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()))
            .collect::<Result<_, arrow::error::ArrowError>>()
            .context(Kind::Usage, failed)?;
        for row in 0..batch.num_rows() {
            row_count += 1;
            let hashes: Vec<u64> = texts.iter().map(|texts| hash_of(texts, row)).collect();
            let drawn = hashes.iter().fold(0_u64, |all, hash| all.rotate_left(5) ^ hash);
            for ((seen, texts), hash) in columns.iter_mut().zip(&texts).zip(hashes) {
                seen.add(texts, row, hash, drawn);
            }
        }
    }
    Ok(columns.into_iter().map(|seen| seen.into_column(row_count)).collect())
}

fn hash_of(texts: &StringArray, row: usize) -> u64 {
    if texts.is_null(row) {
        return 0;
    }
    let hash = XxHash3_128::oneshot(texts.value(row).trim().as_bytes());
    u64::try_from(hash >> 64).unwrap_or(0)
}

impl Seen {
    fn add(&mut self, texts: &StringArray, row: usize, hash: u64, drawn: u64) {
        let value = if texts.is_null(row) { "" } else { texts.value(row).trim() };
        if value.is_empty() {
            self.null_count += 1;
            return;
        }
        self.values.insert(hash);
        let is_full = self.samples.len() >= SAMPLES;
        if is_full && self.samples.peek().is_some_and(|(most, _)| *most <= drawn) {
            return;
        }
        self.samples.push((drawn, value.to_string()));
        if is_full {
            self.samples.pop();
        }
    }

    fn into_column(self, row_count: u64) -> SampledColumn {
        SampledColumn {
            name: self.name,
            row_count,
            null_count: self.null_count,
            distinct_count: u64::try_from(self.values.len()).unwrap_or(u64::MAX),
            samples: self.samples.into_sorted_vec().into_iter().map(|(_, value)| value).collect(),
        }
    }
}
