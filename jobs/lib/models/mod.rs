//! Models: what makes each table. SQL files with their contracts, canonical entities, the
//! sources' raw tables, and the order they are built in.
//!
//! Knows what a model is and nothing of customers; never touches data.

mod accounting;
pub mod catalogue;
pub mod contract;
mod declared;
mod definitions;
mod generated;
pub mod lineage;
pub mod reads;
mod restatements;
mod roles;
pub mod selection;
mod trend;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::engine::sql::Query;
use crate::exports::Source;
use crate::hash::ContentHash;
use crate::lake::TableName;
pub use catalogue::Catalogue;
pub use contract::Contract;
pub use roles::formula;
pub use trend::typed;

/// The zones of tables that queries and algorithms make, in the order data flows.
pub const MODEL_ZONES: [&str; 4] = ["staging", "identity", "marts", "metrics"];

/// The zone of the canonical entities.
pub const STAGING: &str = "staging";

/// The zone of figures by day.
pub const METRICS: &str = "metrics";

/// The zone of tables that hold exports as they were delivered.
pub const RAW: &str = "raw";

/// The zone of rows that broke their export's contract.
pub const QUARANTINE: &str = "quarantine";

/// Every zone of a warehouse.
pub const ZONES: [&str; 6] = [RAW, QUARANTINE, "staging", "identity", "marts", "metrics"];

/// The algorithms that a contract may name.
pub const ALGORITHMS: [&str; 1] = ["resolve_records"];

/// One table, and what makes it.
#[derive(Debug, Clone)]
pub struct Model {
    /// The table's name.
    pub name: TableName,
    /// What made it, for people: a file's path.
    pub path: PathBuf,
    /// The columns of the published file.
    pub schema: SchemaRef,
    /// The columns that identify a row within a day; empty for raw tables.
    pub grain: Vec<String>,
    /// What the table promises; none for raw tables, whose contract is the source's.
    pub contract: Option<Arc<Contract>>,
    /// How it is made.
    pub recipe: Recipe,
}

/// How a table is made.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// From the day's files of a source.
    Export(Arc<Source>),
    /// By a query.
    Query(Box<Query>),
    /// By a named algorithm over the results of queries.
    Algorithm(Algorithm),
    /// From what the ledger noted of the day's exports of these sources, in the order of their
    /// names.
    Accounting(Vec<String>),
    /// From what the ledger noted to have moved of the day's figures of these tables, in the order
    /// of their names.
    Restatements(Vec<TableName>),
}

/// A named algorithm, and what it reads.
#[derive(Debug, Clone)]
pub struct Algorithm {
    /// The algorithm's name.
    pub name: String,
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Query>,
    /// Hash of the rules it goes by.
    pub rules_hash: ContentHash,
}

impl Model {
    /// The queries that the recipe runs.
    pub fn queries(&self) -> Vec<&Query> {
        match &self.recipe {
            Recipe::Export(_) | Recipe::Accounting(_) | Recipe::Restatements(_) => vec![],
            Recipe::Query(query) => vec![query.as_ref()],
            Recipe::Algorithm(algorithm) => algorithm.inputs.values().collect(),
        }
    }

    /// The tables that the recipe reads and the contract refers to, itself included where it
    /// reads its own past.
    pub fn dependencies(&self) -> Vec<TableName> {
        let read = self.queries().into_iter().flat_map(|query| query.tables.keys().cloned());
        let columns = self.contract.iter().flat_map(|contract| &contract.columns);
        let referenced = columns.filter_map(|column| Some(column.reference()?.0));
        read.chain(referenced).chain(self.noted_tables()).collect()
    }

    /// The words by which operators select the table beside its name.
    pub fn tags(&self) -> &[String] {
        match (&self.contract, &self.recipe) {
            (Some(contract), _) => &contract.tags,
            (None, Recipe::Export(source)) => &source.tags,
            (None, _) => &[],
        }
    }

    /// The tables of whose day the recipe tells what the ledger noted.
    pub fn noted_tables(&self) -> Vec<TableName> {
        match &self.recipe {
            Recipe::Accounting(sources) => {
                sources.iter().map(|source| TableName::new(RAW, source)).collect()
            }
            Recipe::Restatements(tables) => tables.clone(),
            Recipe::Export(_) | Recipe::Query(_) | Recipe::Algorithm(_) => vec![],
        }
    }
}
