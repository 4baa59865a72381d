//! A simulated company: its world, its people, what happens between them, and how its systems
//! export it, with the truth beside it.
//!
//! Everything is a pure function of a seed and numbers: nothing is remembered from one person or
//! day to the next, so any part can be made alone, on any thread, and the same order always makes
//! the same bytes.
//!
//! | room | knows |
//! | --- | --- |
//! | `random` | draws by what they are for |
//! | `world`, `people`, `text` | the company, who its customers are, what they write |
//! | `life` | what they do, by stated models: the facts |
//! | `feeds` | how each system writes facts and records down |
//! | `dirt` | what goes wrong with rows and files |
//! | `truth` | what only the simulation can know |
//! | `drive`, `places` | the way through the whole order, and where it is written |

mod carry;
pub mod codes;
pub mod columns;
pub mod digits;
pub mod dirt;
mod drive;
pub mod facts;
pub mod feeds;
pub mod life;
pub mod people;
mod places;
pub mod random;
pub mod text;
pub mod truth;
pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use serde::Serialize;
use tokio::sync::mpsc;

use self::drive::Message;
use self::feeds::compress::FormatMix;
use self::people::Dirt;
use self::places::{CONCURRENCY, Places};
use crate::config::Location;
use crate::dates::DayRange;
use crate::errors::{Context as _, Error, Kind, Result};

/// How many persons a part has by default. More would need more memory, fewer would make more
/// files.
pub const PERSONS_A_PART: u64 = 50_000;

/// The most customers there can be: facts have room for no more in their numbers.
pub const MAXIMUM_CUSTOMERS: u64 = 1 << 29;

/// How many finished files may wait to be written.
const WAITING_FILES: usize = 4;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the exports go.
    pub exports: Location,
    /// Where the truth goes.
    pub truth: Location,
    /// The days that are exported.
    pub days: DayRange,
    /// How many customers there are, at least 1.
    pub customers: u64,
    /// What every draw begins with.
    pub seed: u64,
    /// How much goes wrong.
    pub dirt: Dirt,
    /// In which compressions the exports come.
    pub mix: FormatMix,
    /// Whether what an earlier run wrote is taken away.
    pub overwrite: bool,
    /// How many threads work. What is made does not depend on it.
    pub threads: usize,
    /// How many persons are in memory at once; see [`PERSONS_A_PART`].
    pub persons_a_part: u64,
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Exports.
    pub file_count: u64,
    /// Their size, in bytes.
    pub byte_count: u64,
    /// Their size before compression, in bytes.
    pub content_byte_count: u64,
    /// Rows by source, as it counts them.
    pub row_counts: BTreeMap<&'static str, u64>,
    /// Faults by kind.
    pub fault_counts: BTreeMap<&'static str, u64>,
}

/// What decides about the bytes that are made.
#[derive(Debug, Serialize)]
struct Arguments<'a> {
    version: &'static str,
    from: String,
    to: String,
    customers: u64,
    seed: u64,
    dirt: &'a str,
    format_mix: FormatMix,
}

/// Makes the exports and the truth of an order.
///
/// `on_progress` hears how many of how many steps are done. Errors: `Usage` for an order that
/// cannot be made or a place that will not do, in which case nothing was written; `Storage`.
pub async fn make(order: &Order, mut on_progress: impl FnMut(usize, usize)) -> Result<Summary> {
    if order.customers == 0 || order.customers > MAXIMUM_CUSTOMERS {
        let message = format!(
            "{} customers: expected a number from 1 to {MAXIMUM_CUSTOMERS}",
            order.customers
        );
        return Err(Error::new(Kind::Usage, message));
    }
    let places = Places::open(&order.exports, &order.truth, order.overwrite).await?;
    let arguments = Arguments {
        version: env!("CARGO_PKG_VERSION"),
        from: order.days.from.to_string(),
        to: order.days.to.to_string(),
        customers: order.customers,
        seed: order.seed,
        dirt: order.dirt.name(),
        format_mix: order.mix,
    };
    places.begin(&arguments).await?;
    let (sender, receiver) = mpsc::channel(WAITING_FILES);
    let ordered = Arc::new(order.clone());
    let drive = tokio::task::spawn_blocking(move || drive::drive(&ordered, sender));
    // Where writing fails, the drive finds nobody listening and ends; its word for that is not
    // the reason.
    write(&places, receiver, &mut on_progress).await?;
    drive.await.context(Kind::Defect, || "make sample exports")?
}

/// Writes what comes, several objects at once.
async fn write(
    places: &Places,
    mut receiver: mpsc::Receiver<Message>,
    on_progress: &mut impl FnMut(usize, usize),
) -> Result<()> {
    let mut writing = FuturesUnordered::new();
    loop {
        let message = tokio::select! {
            Some(written) = writing.next(), if !writing.is_empty() => {
                written?;
                continue;
            }
            message = receiver.recv(), if writing.len() < CONCURRENCY => message,
        };
        let put = match message {
            None => break,
            Some(Message::Announce(name, written)) => {
                places.announce(&name, &written).await?;
                continue;
            }
            Some(Message::Progress(step, count)) => {
                on_progress(step, count);
                continue;
            }
            Some(Message::Export(path, bytes)) => {
                async move { places.exports.put_object(&path, bytes).await }.boxed()
            }
            Some(Message::Truth(path, bytes)) => {
                async move { places.truth.put_object(&path, bytes).await }.boxed()
            }
        };
        writing.push(put);
    }
    while let Some(written) = writing.next().await {
        written?;
    }
    Ok(())
}
