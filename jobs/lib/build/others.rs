//! Targets that other machines build meanwhile, of which this one waits for what its own read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::build::target::Target;
use crate::build::{Freshness, Reason, Workshop};
use crate::errors::{Error, Kind, Result};
use crate::lake::Partition;

/// How often is looked whether others have published something.
const POLL: Duration = Duration::from_secs(2);

/// The targets of others.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Those that were not built when the plan was made, by their place, with the id of the version
    /// that was published then.
    targets: BTreeMap<usize, Option<String>>,
    /// Those of them that nothing but its builder stands before.
    awaited: BTreeSet<usize>,
    /// How many were ever waited for.
    taken_count: usize,
    patience: Duration,
    /// When others last published something, or we were last at work ourselves.
    latest_news: Option<Instant>,
    next_look: Option<Instant>,
}

/// What became of a target of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Built,
    HeldBack,
}

impl Others {
    /// Those of `targets` at the places `others`; they are waited for as long as no news comes for
    /// `patience`.
    pub(super) async fn of(
        workshop: &Workshop,
        targets: &[Target],
        others: BTreeSet<usize>,
        patience: Duration,
    ) -> Others {
        let mut known = BTreeMap::new();
        for at in others {
            let entry = workshop.entry(&targets[at].partition()).await;
            known.insert(at, entry.map(|entry| entry.id.clone()));
        }
        Others { targets: known, patience, ..Others::default() }
    }

    /// Whether the target is one of others'.
    pub(super) fn include(&self, at: usize) -> bool {
        self.targets.contains_key(&at)
    }

    /// How many were never taken.
    pub(super) fn untaken_count(&self) -> usize {
        self.targets.len() - self.taken_count
    }

    /// Whether the target is one of others'; from now on it is waited for.
    pub(super) fn take(&mut self, at: usize) -> bool {
        let is_others = self.include(at);
        if is_others {
            self.awaited.insert(at);
            self.taken_count += 1;
        }
        is_others
    }

    /// Whether any is waited for.
    pub(super) fn are_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Waits a little, and tells which of those that are waited for are finished since. May be
    /// dropped while it waits, and goes on when it is called again.
    ///
    /// Errors: [`Kind::NotThereYet`] where we are idle and nobody published anything for too long.
    pub(super) async fn look(
        &mut self,
        workshop: &Workshop,
        targets: &[Target],
        unbuilt: &BTreeSet<Partition>,
        is_forced: bool,
        is_idle: bool,
    ) -> Result<Vec<(usize, Seen)>> {
        // Who was at work is not who waited: what others waited for may have come this moment.
        let latest_news = match is_idle {
            true => *self.latest_news.get_or_insert_with(Instant::now),
            false => *self.latest_news.insert(Instant::now()),
        };
        let next_look = *self.next_look.get_or_insert_with(|| Instant::now() + POLL);
        tokio::time::sleep_until(next_look.into()).await;
        if workshop.refresh().await? {
            self.latest_news = Some(Instant::now());
        } else if is_idle && latest_news.elapsed() >= self.patience {
            let first = self.awaited.first().map(|at| targets[*at].partition().to_string());
            return Err(Error::new(
                Kind::NotThereYet,
                format!(
                    "wait for {}: no other shard published anything for {} seconds",
                    first.unwrap_or_default(),
                    self.patience.as_secs()
                ),
            ));
        }
        let mut seen = vec![];
        for at in &self.awaited {
            let target = &targets[*at];
            let evaluation = match workshop.evaluate(&target.model, target.dt, unbuilt).await {
                Err(error) if error.kind() == Kind::NotThereYet => continue,
                evaluation => evaluation?,
            };
            let is_behind = |reasons: &[Reason]| {
                reasons.iter().any(|reason| matches!(reason, Reason::InputStale(_)))
            };
            match evaluation.freshness {
                Freshness::Fresh => {
                    let entry = workshop.entry(&target.partition()).await;
                    let id = entry.map(|entry| entry.id.clone());
                    if !is_forced || self.targets.get(at) != Some(&id) {
                        seen.push((*at, Seen::Built));
                    }
                }
                Freshness::Stale(reasons) if is_behind(&reasons) => {
                    seen.push((*at, Seen::HeldBack))
                }
                Freshness::Stale(_) | Freshness::Waiting(_) => {}
            }
        }
        for (at, _) in &seen {
            self.awaited.remove(at);
        }
        self.next_look = None;
        Ok(seen)
    }
}
