//! Links records of persons by probability: reads them, finds pairs that may be one person,
//! estimates what likenesses are worth, scores the pairs, and makes clusters of them.
//!
//! What is asked of the data is SQL, made from a [`Declaration`](crate::config::linking::Declaration)
//! and run by the engine; what is concluded is the algorithms' business. The same records and
//! declaration give the same bytes on any number of threads.

mod beside;
mod blocking;
mod clusters;
mod columns;
mod compared;
mod evaluate;
mod explain;
pub mod files;
mod links;
mod mixture;
mod page;
mod pairs;
mod patterns;
mod person;
mod profile;
mod records;
mod repeats;
mod splink;
mod statements;
mod training;
mod truth;

pub use blocking::{Block, Found};
pub use clusters::{Clustered, Evidence, Split, customer_ids};
pub use evaluate::{Evaluation, Figures, Wrong, evaluate};
pub use explain::{Explanation, Step, explain};
pub use links::{Links, read_links};
pub use page::page;
pub use pairs::{Scored, Weighed, score, score_known};
pub use person::{Chosen, choose};
pub use records::{Input, LeftOut, Records, read};
pub use splink::{parse_splink, read_splink};
pub use training::{Trained, train};
pub use truth::read_truth;
