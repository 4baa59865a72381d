//! Reads who is who, where it is known.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::columns::quoted;
use super::records::{Input, RECORD_ID, Records, SOURCE, open};
use crate::config::linking::Declaration;
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context as _, Error, Kind, Result};

/// For each record in its place a number that those of one person share, as the file at `truth`
/// says: by the records' id column, and their source column where there is one, with a value of
/// `column` that those of one person share.
///
/// A record that the truth does not name, or names without a person, is a person of its own.
/// Errors: [`Kind::Usage`] where the file lacks a column, or names none of the records.
pub async fn read_truth(
    engine: &Engine,
    records: &Records,
    declaration: &Declaration,
    truth: &Path,
    column: &str,
) -> Result<Vec<u32>> {
    let session = engine.session(Layout::Parted, [])?;
    let rows = open(&session, &Input::at(truth.to_path_buf()), declaration, &[column]).await?;
    let failed = || query_error(format!("read the truth `{}`", truth.display()));
    let selected = [
        format!("{SOURCE} as source"),
        format!("{RECORD_ID} as id"),
        format!("cast({} as varchar) as person", quoted(column)),
    ];
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    let rows = rows.select_exprs(&selected).map_err(failed())?;
    let batches = rows.collect().await.map_err(failed())?;
    // Without a column of its own a truth names records by their ids alone.
    let has_source = declaration.records.source.is_some();
    let mut persons: HashMap<(String, String), String> = HashMap::new();
    for batch in &batches {
        let texts: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| cast(column, &DataType::Utf8))
            .collect::<Result<_, _>>()
            .context(Kind::Usage, || format!("read the truth `{}`", truth.display()))?;
        let [sources, ids, people] = texts.as_slice() else { continue };
        let rows = sources.as_string::<i32>().iter().zip(ids.as_string::<i32>());
        for ((source, id), person) in rows.zip(people.as_string::<i32>()) {
            let source = source.filter(|_| has_source).unwrap_or_default();
            if let (Some(id), Some(person)) = (id, person) {
                persons.insert((source.to_string(), id.to_string()), person.to_string());
            }
        }
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut known = 0_usize;
    let mut next = 0_u32;
    let mut found = Vec::with_capacity(records.count());
    for (source, id) in records.sources.iter().zip(&records.record_ids) {
        let source = source.filter(|_| has_source).unwrap_or_default();
        let name = (source.to_string(), id.unwrap_or_default().to_string());
        let number = match persons.get(&name) {
            Some(person) => {
                known += 1;
                match numbers.get(person.as_str()) {
                    Some(number) => *number,
                    None => {
                        next += 1;
                        numbers.insert(person, next);
                        next
                    }
                }
            }
            None => {
                next += 1;
                next
            }
        };
        found.push(number);
    }
    if known == 0 && records.count() > 0 {
        let what = format!("read the truth `{}`: it names none of the records", truth.display());
        return Err(Error::new(Kind::Usage, what));
    }
    Ok(found)
}
