//! Which pairs are looked at, and how many they are, before any is.

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;

use super::columns::quoted;
use super::compared::rows;
use super::records::RuleSet;
use crate::config::linking::{Declaration, Guards, SourcesWithoutDuplicates};
use crate::errors::{Error, Kind, Result};

/// How many of the largest blocks an error names.
const BLOCKS_NAMED: usize = 3;

/// What a rule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The rule's name for people.
    pub rule: String,
    /// How many pairs of records have its values in common: those that it finds, but for its
    /// condition and what rules before it found.
    pub pair_count: u64,
}

/// Records that have a rule's values in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// How many records there are.
    pub record_count: u64,
    /// The source and id of its first record.
    pub example: String,
}

/// Counts what each rule finds.
///
/// Errors: [`Kind::Usage`] where a rule finds more than it may, with its largest blocks.
pub(super) async fn count(
    session: &SessionContext,
    declaration: &Declaration,
    set: RuleSet,
) -> Result<Vec<Found>> {
    let mut found = vec![];
    for (place, rule) in set.of(declaration).iter().enumerate() {
        let key = set.key(place);
        let pair_count = pairs_of(session, &key, &declaration.guards).await?;
        let limit = rule.maximum_pairs.unwrap_or(declaration.blocking.maximum_pairs);
        // Training looks at a part where there are many.
        if set != RuleSet::Training && pair_count > limit {
            let largest = largest(session, &key).await?;
            let named: Vec<String> = largest
                .iter()
                .map(|block| format!("{} records as {}", block.record_count, block.example))
                .collect();
            let name = set.name(place);
            let what = format!(
                "link records: {name} (`{}`) finds {pair_count} pairs, it may find {limit}; its \
                 largest blocks: {}. Make it narrower, set `maximum_block`, or raise \
                 `maximum_pairs`",
                rule.on.join("`, `"),
                named.join(", ")
            );
            return Err(Error::new(Kind::Usage, what));
        }
        found.push(Found { rule: set.name(place), pair_count });
    }
    Ok(found)
}

/// How many pairs share a key, without those within a source that holds everybody once.
pub(super) async fn pairs_of(session: &SessionContext, key: &str, guards: &Guards) -> Result<u64> {
    let key = quoted(key);
    let of_blocks = |columns: &str, condition: &str| {
        format!(
            "select coalesce(cast(sum(pair_count) as bigint), 0) from (select \
             cast(count(*) * (count(*) - 1) / 2 as bigint) as pair_count from linking.records \
             where {key} is not null{condition} group by {columns}) as blocks"
        )
    };
    let all = number(session, &of_blocks(&key, "")).await?;
    let within = match &guards.one_record_per_source {
        SourcesWithoutDuplicates::None | SourcesWithoutDuplicates::WhereNoneRepeats => {
            return Ok(all);
        }
        SourcesWithoutDuplicates::All => String::new(),
        SourcesWithoutDuplicates::Named(names) => format!(" and __source in ({})", texts(names)),
    };
    let never = number(session, &of_blocks(&format!("{key}, __source"), &within)).await?;
    Ok(all - never)
}

/// How many pairs there are of all records, without those within a source that holds everybody
/// once.
pub(super) async fn all_pairs(session: &SessionContext, guards: &Guards) -> Result<u64> {
    let all = "select cast(count(*) * (count(*) - 1) / 2 as bigint) from linking.records";
    let all = number(session, all).await?;
    let within = match &guards.one_record_per_source {
        SourcesWithoutDuplicates::None | SourcesWithoutDuplicates::WhereNoneRepeats => {
            return Ok(all);
        }
        SourcesWithoutDuplicates::All => String::new(),
        SourcesWithoutDuplicates::Named(names) => format!("where __source in ({})", texts(names)),
    };
    let never = format!(
        "select coalesce(cast(sum(pair_count) as bigint), 0) from (select \
         cast(count(*) * (count(*) - 1) / 2 as bigint) as pair_count from linking.records {within} \
         group by __source) as sources"
    );
    Ok(all - number(session, &never).await?)
}

/// The condition under which a pair is looked at at all.
pub(super) fn may_be_one(guards: &Guards) -> String {
    match &guards.one_record_per_source {
        SourcesWithoutDuplicates::None | SourcesWithoutDuplicates::WhereNoneRepeats => {
            String::new()
        }
        SourcesWithoutDuplicates::All => " and l.__source <> r.__source".to_string(),
        SourcesWithoutDuplicates::Named(names) => {
            format!(" and not (l.__source = r.__source and l.__source in ({}))", texts(names))
        }
    }
}

async fn largest(session: &SessionContext, key: &str) -> Result<Vec<Block>> {
    let key = quoted(key);
    let sql = format!(
        "select cast(count(*) as bigint) as record_count, \
         min(__source || ':' || __record_id) as example from linking.records where {key} is not null \
         group by {key} order by record_count desc, example limit {BLOCKS_NAMED}"
    );
    let mut blocks = vec![];
    for batch in rows(session, &sql, "find the largest blocks").await? {
        let counts = batch.column(0).as_primitive::<Int64Type>();
        let examples = arrow::compute::cast(batch.column(1), &arrow::datatypes::DataType::Utf8);
        let Ok(examples) = examples else { continue };
        for (count, example) in counts.iter().zip(examples.as_string::<i32>()) {
            blocks.push(Block {
                record_count: u64::try_from(count.unwrap_or(0)).unwrap_or(0),
                example: example.unwrap_or_default().to_string(),
            });
        }
    }
    Ok(blocks)
}

/// The one number that a query returns.
pub(super) async fn number(session: &SessionContext, sql: &str) -> Result<u64> {
    let batches = rows(session, sql, "count pairs").await?;
    let first = batches.iter().find(|batch| batch.num_rows() > 0);
    let value = first.and_then(|batch| {
        batch.column(0).as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(0))
    });
    let value = value.and_then(|value| u64::try_from(value).ok());
    value.ok_or_else(|| Error::new(Kind::Defect, "count pairs: there is no count"))
}

fn texts(names: &[String]) -> String {
    let quoted = names.iter().map(|name| format!("'{}'", name.replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(", ")
}
