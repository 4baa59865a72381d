//! Two versions of a day of a table, held against each other: which figures moved, in which rows,
//! from what to what.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::errors::{Context as _, Kind, Result};
use crate::hash::ContentHash;

/// A figure that is other than it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moved {
    /// The row: JSON of the columns of the grain with their values.
    pub dimensions: String,
    /// The column.
    pub column: String,
    /// What became of its row.
    pub kind: MovedKind,
    /// What it was; none for null, or no such row.
    pub before: Option<String>,
    /// What it is; none for null, or no such row.
    pub after: Option<String>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovedKind {
    /// It is there in both versions.
    Changed,
    /// It is only in the later one.
    Appeared,
    /// It is only in the earlier one.
    Vanished,
    /// The earlier version cannot be read any more.
    Unknown,
}

impl MovedKind {
    /// Its name, as the tables have it.
    pub fn name(self) -> &'static str {
        match self {
            MovedKind::Changed => "changed",
            MovedKind::Appeared => "appeared",
            MovedKind::Vanished => "vanished",
            MovedKind::Unknown => "unknown",
        }
    }
}

impl Moved {
    /// Stands for all figures of a day whose earlier version cannot be read any more.
    pub fn unknown() -> Moved {
        Moved {
            dimensions: "{}".to_string(),
            column: "*".to_string(),
            kind: MovedKind::Unknown,
            before: None,
            after: None,
        }
    }
}

/// What moved between the Parquet objects `before` and `after`, whose rows are told apart by
/// `grain`; by row and column.
///
/// A column that only one of them has counts as null in the other; where it is of the grain, the
/// rows of before are other rows.
pub fn between(before: Bytes, after: Bytes, grain: &[String]) -> Result<Vec<Moved>> {
    let (before, after) = (Version::read(before)?, Version::read(after)?);
    let what = || "hold two versions of a partition against each other";
    compare(&before, &after, grain).context(Kind::Defect, what)
}

fn compare(before: &Version, after: &Version, grain: &[String]) -> Result<Vec<Moved>, ArrowError> {
    let mut places: HashMap<String, Place> = HashMap::new();
    for place in before.places() {
        places.insert(before.dimensions(place, grain)?, place);
    }
    let columns: BTreeSet<&str> = before.columns().chain(after.columns()).collect();
    let columns: Vec<&str> =
        columns.into_iter().filter(|column| !grain.iter().any(|name| name == column)).collect();
    let mut moved = vec![];
    for place in after.places() {
        let dimensions = after.dimensions(place, grain)?;
        let was = places.remove(&dimensions);
        let kind = if was.is_some() { MovedKind::Changed } else { MovedKind::Appeared };
        for column in &columns {
            let old = was.map(|was| before.text(was, column)).transpose()?.flatten();
            let new = after.text(place, column)?;
            if old != new {
                moved.push(figure(&dimensions, column, kind, old, new));
            }
        }
    }
    for (dimensions, place) in places {
        for column in &columns {
            if let Some(old) = before.text(place, column)? {
                moved.push(figure(&dimensions, column, MovedKind::Vanished, Some(old), None));
            }
        }
    }
    moved.sort();
    Ok(moved)
}

fn figure(
    dimensions: &str,
    column: &str,
    kind: MovedKind,
    before: Option<String>,
    after: Option<String>,
) -> Moved {
    let (dimensions, column) = (dimensions.to_string(), column.to_string());
    Moved { dimensions, column, kind, before, after }
}

/// A version's rows.
struct Version(Vec<RecordBatch>);

/// A row's place: its batch, and its number in it.
type Place = (usize, usize);

impl Version {
    fn read(object: Bytes) -> Result<Version> {
        let what = || "read a version of a partition";
        let reader = ParquetRecordBatchReaderBuilder::try_new(object)
            .and_then(|builder| builder.build())
            .context(Kind::Storage, what)?;
        let batches = reader.collect::<Result<Vec<_>, _>>().context(Kind::Storage, what)?;
        Ok(Version(batches))
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let batches = self.0.iter().enumerate();
        batches.flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)))
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        let schemas = self.0.first().into_iter().map(RecordBatch::schema_ref);
        schemas.flat_map(|schema| schema.fields().iter().map(|field| field.name().as_str()))
    }

    /// The row's values of `grain` as JSON.
    fn dimensions(&self, place: Place, grain: &[String]) -> Result<String, ArrowError> {
        let mut values = serde_json::Map::new();
        for name in grain {
            values.insert(name.clone(), self.text(place, name)?.into());
        }
        Ok(serde_json::Value::Object(values).to_string())
    }

    /// A value as text; none for null, or where there is no such column.
    fn text(&self, (batch, row): Place, column: &str) -> Result<Option<String>, ArrowError> {
        let values = self.0.get(batch).and_then(|batch| batch.column_by_name(column));
        let Some(values) = values.filter(|values| values.is_valid(row)) else { return Ok(None) };
        if let DataType::Binary = values.data_type() {
            let bytes = values.as_binary::<i32>().value(row);
            return Ok(Some(ContentHash::of(bytes).short()));
        }
        let options = FormatOptions::default().with_null("null");
        let formatter = ArrayFormatter::try_new(values.as_ref(), &options)?;
        Ok(Some(formatter.value(row).try_to_string()?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, Decimal128Array, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn object(columns: &[(&str, ArrayRef)]) -> Bytes {
        let columns = columns.iter().map(|(name, values)| (*name, Arc::clone(values), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut writer = ArrowWriter::try_new(vec![], batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }

    fn counts(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<Int64Array>())
    }

    fn shares(values: &[i128]) -> ArrayRef {
        let values = values.iter().copied().map(Some).collect::<Decimal128Array>();
        Arc::new(values.with_precision_and_scale(9, 4).unwrap())
    }

    /// As `dimensions column kind before after`.
    fn told(before: &Bytes, after: &Bytes, grain: &[&str]) -> Vec<String> {
        let grain: Vec<String> = grain.iter().map(ToString::to_string).collect();
        let moved = between(before.clone(), after.clone(), &grain).unwrap();
        let text = |value: &Option<String>| value.clone().unwrap_or("-".to_string());
        let told = moved.iter().map(|one| {
            let Moved { dimensions, column, kind, before, after } = one;
            format!("{dimensions} {column} {} {} {}", kind.name(), text(before), text(after))
        });
        told.collect()
    }

    #[test]
    fn figures_that_moved_are_told_by_row_and_column() {
        let before = object(&[
            ("channel", texts(&["app", "store", "web"])),
            ("orders", counts(&[Some(1), Some(2), None])),
            ("share", shares(&[10_000, 25_000, 0])),
        ]);
        let after = object(&[
            ("channel", texts(&["phone", "store", "web"])),
            ("orders", counts(&[Some(4), Some(2), Some(0)])),
            ("share", shares(&[1, 30_000, 0])),
        ]);
        assert_eq!(
            told(&before, &after, &["channel"]),
            [
                r#"{"channel":"app"} orders vanished 1 -"#,
                r#"{"channel":"app"} share vanished 1.0000 -"#,
                r#"{"channel":"phone"} orders appeared - 4"#,
                r#"{"channel":"phone"} share appeared - 0.0001"#,
                r#"{"channel":"store"} share changed 2.5000 3.0000"#,
                r#"{"channel":"web"} orders changed - 0"#,
            ]
        );
        assert_eq!(told(&before, &before, &["channel"]), [] as [&str; 0]);
    }

    #[test]
    fn what_came_with_other_columns_counts_as_null_before() {
        let before = object(&[("channel", texts(&["web"])), ("orders", counts(&[Some(1)]))]);
        let sketch: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"one"]));
        let after = object(&[
            ("channel", texts(&["web"])),
            ("buyers", sketch),
            ("visits", counts(&[None])),
        ]);
        let hash = ContentHash::of(b"one").short();
        assert_eq!(
            told(&before, &after, &["channel"]),
            [
                format!(r#"{{"channel":"web"}} buyers changed - {hash}"#),
                r#"{"channel":"web"} orders changed 1 -"#.to_string(),
            ]
        );
        // Told apart by something else, nothing is what it was.
        assert_eq!(
            told(&before, &after, &["channel", "region"]).len(),
            2,
            "the grain is null in both, and so the same"
        );
    }

    #[test]
    fn a_table_of_one_row_has_no_dimensions() {
        let before = object(&[("orders", counts(&[Some(1)]))]);
        let after = object(&[("orders", counts(&[Some(3)]))]);
        assert_eq!(told(&before, &after, &[]), ["{} orders changed 1 3"]);
        let none = object(&[("orders", counts(&[]))]);
        assert_eq!(told(&before, &none, &[]), ["{} orders vanished 1 -"]);
    }
}
