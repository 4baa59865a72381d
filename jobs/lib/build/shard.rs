//! Which share of a backfill is whose, where several machines do it together.
//!
//! Every machine makes the same plan, and knows of each target whose it is without asking: days go
//! around among them; a table whose days are built one after the other is one machine's for all of
//! them, so that no day of it waits for news from another. What a target reads may be another's: it
//! is waited for.

use std::str::FromStr;
use std::sync::Arc;

use crate::build::target::Target;
use crate::models::{Model, Recipe};

/// The `index`-th of `count` shares, written `index/count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to the count.
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let expected = || format!("`{text}` is not a shard, expected such as `2/4`");
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        let (index, count): (usize, usize) =
            (index.parse().map_err(|_| expected())?, count.parse().map_err(|_| expected())?);
        if index == 0 || index > count {
            return Err(format!("`{text}` is not a shard, expected 1/{count} to {count}/{count}"));
        }
        Ok(Shard { index, count })
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

/// Whether `target`, one of a plan of `models`, is the shard's.
pub(super) fn is_of(shard: Shard, models: &[Arc<Model>], target: &Target) -> bool {
    let turn = if has_days_in_a_row(&target.model) {
        let before = models.iter().take_while(|model| model.name != target.model.name);
        before.filter(|model| has_days_in_a_row(model)).count()
    } else {
        // Days before 1970 have their turn too.
        usize::try_from(i64::from(target.dt.to_epoch()) - i64::from(i32::MIN)).unwrap_or(0)
    };
    turn % shard.count + 1 == shard.index
}

/// Whether a day of the table waits for the day before it: because it reads its own past, or because
/// what an earlier day delivered is not taken once more.
fn has_days_in_a_row(model: &Model) -> bool {
    match &model.recipe {
        Recipe::Export(source) => source.replay_window_days > 0,
        _ => model.dependencies().contains(&model.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_those_there_are() {
        for text in ["1/1", "1/3", "3/3"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
