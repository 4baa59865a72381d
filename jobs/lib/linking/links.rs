//! Reads which records people said are one, and which are not.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::columns::quoted;
use super::records::{Input, Records, rows_of};
use crate::algorithms::identity::agglomeration::contradiction;
use crate::engine::{Engine, Layout, query_error};
use crate::errors::{Context as _, Error, Kind, Result, did_you_mean};

/// The ids of a pair's records, which a file of links has.
const IDS: [&str; 2] = ["left_record_id", "right_record_id"];
/// Their sources, which it may have.
const SOURCES: [&str; 2] = ["left_source", "right_source"];

/// What people said, whatever pairs weigh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Places of records that are one person.
    pub(super) must: Vec<(u32, u32)>,
    /// Places of records that are two.
    pub(super) cannot: Vec<(u32, u32)>,
}

/// Reads the pairs that must be and cannot be one, from files with the columns `left_record_id`
/// and `right_record_id`, and where several sources have an id `left_source` and `right_source`.
///
/// Errors: [`Kind::Usage`] for a file that lacks a column, for a record that is not there or could
/// be several, and for pairs that contradict one another.
pub async fn read_links(
    engine: &Engine,
    records: &Records,
    must_link: &[PathBuf],
    cannot_link: &[PathBuf],
) -> Result<Links> {
    if must_link.is_empty() && cannot_link.is_empty() {
        return Ok(Links::default());
    }
    let places = Places::of(records);
    let mut links = Links::default();
    for path in must_link {
        links.must.extend(read(engine, &places, path).await?);
    }
    for path in cannot_link {
        links.cannot.extend(read(engine, &places, path).await?);
    }
    let count = u32::try_from(records.count()).unwrap_or(u32::MAX);
    if let Some((left, right)) = contradiction(count, &links.must, &links.cannot) {
        let what = format!(
            "link records: {} and {} cannot be one, as --cannot-link says, and must be, as \
             --must-link says, directly or by way of others",
            records.name(left),
            records.name(right)
        );
        return Err(Error::new(Kind::Usage, what));
    }
    Ok(links)
}

/// Where records stand, by their ids, of which several sources may have one.
struct Places<'a> {
    records: &'a Records,
    by_id: HashMap<&'a str, Vec<u32>>,
}

impl<'a> Places<'a> {
    fn of(records: &'a Records) -> Places<'a> {
        let mut by_id: HashMap<&str, Vec<u32>> = HashMap::new();
        for (place, id) in (0..).zip(&records.record_ids) {
            by_id.entry(id.unwrap_or_default()).or_default().push(place);
        }
        Places { records, by_id }
    }

    /// The place of a record, by its id and its source where that is told.
    fn find(&self, path: &Path, source: Option<&str>, id: Option<&str>) -> Result<u32> {
        let refuse = |what: String| {
            Err(Error::new(Kind::Usage, format!("read `{}`: {what}", path.display())))
        };
        let Some(id) = id else { return refuse("a pair has no record id".to_string()) };
        let all = self.by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        let is_of_source = |place: &&u32| {
            source.is_none_or(|source| self.records.sources.value(**place as usize) == source)
        };
        let found: Vec<&u32> = all.iter().filter(is_of_source).collect();
        match found.as_slice() {
            [place] => Ok(**place),
            [] => {
                let of_source = source.map(|source| format!(" of `{source}`")).unwrap_or_default();
                refuse(format!("there is no record `{id}`{of_source}"))
            }
            [..] => refuse(format!(
                "several sources have a record `{id}`: it needs the columns `left_source` and \
                 `right_source`"
            )),
        }
    }
}

async fn read(engine: &Engine, places: &Places<'_>, path: &Path) -> Result<Vec<(u32, u32)>> {
    let failed = || format!("read `{}`", path.display());
    let session = engine.session(Layout::Parted, [])?;
    let rows = rows_of(&session, &Input::at(path.to_path_buf())).await?;
    let names: Vec<String> =
        rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let has = |name: &str| names.iter().any(|known| known == name);
    for name in IDS {
        if !has(name) {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            let what = format!("{}: it has no column `{name}`{hint}", failed());
            return Err(Error::new(Kind::Usage, what));
        }
    }
    let column = |name: &str| match has(name) {
        true => format!("cast({} as varchar) as {name}", quoted(name)),
        false => format!("cast(null as varchar) as {name}"),
    };
    let selected: Vec<String> = IDS.into_iter().chain(SOURCES).map(column).collect();
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    let rows = rows.select_exprs(&selected).map_err(query_error(failed()))?;
    let mut pairs = vec![];
    for batch in rows.collect().await.map_err(query_error(failed()))? {
        let texts: Vec<StringArray> = batch
            .columns()
            .iter()
            .map(|column| Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()))
            .collect::<Result<_, arrow::error::ArrowError>>()
            .context(Kind::Usage, failed)?;
        let [left_ids, right_ids, left_sources, right_sources] = texts.as_slice() else { continue };
        let left = left_sources.iter().zip(left_ids);
        for (left, right) in left.zip(right_sources.iter().zip(right_ids)) {
            pairs.push((places.find(path, left.0, left.1)?, places.find(path, right.0, right.1)?));
        }
    }
    Ok(pairs)
}
