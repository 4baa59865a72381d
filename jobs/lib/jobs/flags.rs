//! The flags that jobs and the operator's tool take, and the variables that stand in for them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Args, Command};

use crate::build::backfill::Shard;
use crate::dates::{Day, DayRange};
use crate::errors::{Error, Kind, Result};
use crate::telemetry::{self, LogFormat};

/// The days of a run: never "today" by default.
#[derive(Debug, Default, Args)]
pub(super) struct DayFlags {
    /// The day to build, YYYY-MM-DD
    #[arg(long, env = "RAPPORT_DATE", value_name = "DAY", conflicts_with_all = ["from", "to"])]
    date: Option<Day>,
    /// The first day to build, YYYY-MM-DD
    #[arg(long, env = "RAPPORT_FROM", value_name = "DAY", requires = "to")]
    from: Option<Day>,
    /// The day after the last day to build, YYYY-MM-DD
    #[arg(long, env = "RAPPORT_TO", value_name = "DAY", requires = "from")]
    to: Option<Day>,
}

impl DayFlags {
    /// The days, half open.
    pub(super) fn range(&self) -> Result<DayRange> {
        match self.range_if_any()? {
            Some(days) => Ok(days),
            None => Err(Error::new(
                Kind::Usage,
                "which days? expected --date DAY, or --from DAY --to DAY (the day after the last)",
            )),
        }
    }

    /// The days, half open; none where none are given.
    pub(super) fn range_if_any(&self) -> Result<Option<DayRange>> {
        match (self.date, self.from, self.to) {
            (Some(day), ..) => Ok(Some(DayRange::one(day))),
            (None, Some(from), Some(to)) => match DayRange::new(from, to) {
                Some(days) => Ok(Some(days)),
                None => Err(Error::new(
                    Kind::Usage,
                    format!("no day lies in [{from}, {to}): --to is the day after the last"),
                )),
            },
            _ => Ok(None),
        }
    }
}

/// The flags of whatever runs on a project.
#[derive(Debug, Args)]
pub(super) struct CommonFlags {
    /// The project's settings
    #[arg(long, env = "RAPPORT_CONFIG", default_value = "config/local.yaml", global = true)]
    pub config: PathBuf,
    /// Log format on stderr
    #[arg(long, env = "RAPPORT_LOG_FORMAT", value_enum, default_value = "auto", global = true)]
    pub log_format: LogFormat,
    /// Log filter, such as `warn` or `rapport=debug`
    #[arg(long = "log", env = "RAPPORT_LOG", default_value = "info", global = true,
        value_parser = telemetry::parse_filter)]
    pub log_filter: String,
}

/// The flags of whatever builds tables.
#[derive(Debug, Args)]
pub(super) struct RunFlags {
    /// The run's id, as the orchestrator names it; default: a new one
    #[arg(long, env = "RAPPORT_RUN_ID")]
    pub run_id: Option<String>,
    /// The run's attempt, from 1
    #[arg(long, env = "RAPPORT_ATTEMPT", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: u32,
    /// Also write the result line to this file
    #[arg(long, env = "RAPPORT_RESULT_FILE")]
    pub result_file: Option<PathBuf>,
    /// Exit with 99 when every partition was fresh
    #[arg(long, env = "RAPPORT_SKIP_WHEN_FRESH", value_parser = BoolishValueParser::new())]
    pub skip_when_fresh: bool,
}

/// The tables that an operator means.
#[derive(Debug, Args)]
pub(super) struct SelectFlags {
    /// The tables: `metrics.nps`, `customers`, `marts`, `source:shop_orders`, `tag:nightly`,
    /// `metrics.*_trend`; `+customers` with all it is made of, `nps+` with all that is made of it;
    /// several between blanks, or only what is in all of several between commas; default: all
    #[arg(long, env = "RAPPORT_SELECT", value_name = "TABLES", num_args = 1..)]
    pub select: Vec<String>,
}

/// The flags of a backfill.
#[derive(Debug, Args)]
pub(super) struct BackfillFlags {
    #[command(flatten)]
    pub days: DayFlags,
    #[command(flatten)]
    pub tables: SelectFlags,
    #[command(flatten)]
    pub run: RunFlags,
    /// How many targets are built at once, of as many days as need be; default: the settings'
    /// `threads`
    #[arg(long, env = "RAPPORT_PARALLEL", value_name = "COUNT",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: Option<u16>,
    /// Build what is fresh too
    #[arg(long, env = "RAPPORT_FORCE", value_parser = BoolishValueParser::new())]
    pub force: bool,
    /// Go on with what does not read it after a held lease, trouble with storage or a defect too
    #[arg(long, env = "RAPPORT_CONTINUE_ON_ERROR", value_parser = BoolishValueParser::new())]
    pub continue_on_error: bool,
    /// Only tell what would be built
    #[arg(long, env = "RAPPORT_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Begin nothing more after this time: `90s`, `30m`, `2h`; a rerun goes on
    #[arg(long, env = "RAPPORT_MAX_RUNTIME", value_name = "TIME", value_parser = duration)]
    pub max_runtime: Option<Duration>,
    /// Do the I-th of N shares of the work, the others being done by other runs: `2/4`
    #[arg(long, env = "RAPPORT_SHARD", value_name = "I/N")]
    pub shard: Option<Shard>,
    /// How long to wait for other shards that publish nothing
    #[arg(long, env = "RAPPORT_SHARD_PATIENCE", value_name = "TIME", default_value = "15m",
        value_parser = duration)]
    pub shard_patience: Duration,
}

/// The flags of an erasure.
#[derive(Debug, Args)]
pub(super) struct EraseFlags {
    /// The customers to erase, by their ids; without any, erasures that were cut short are finished
    #[arg(long, env = "RAPPORT_CUSTOMER", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub customer: Vec<String>,
    /// A file of more that identifies the person, one a line: `email:…`, `phone:…`, or a key of a
    /// system such as `crm:…`; `-` for stdin, so that nothing personal is among the arguments
    #[arg(long, env = "RAPPORT_IDENTIFIERS", value_name = "FILE")]
    pub identifiers: Option<PathBuf>,
    /// Only tell what would be erased
    #[arg(long, env = "RAPPORT_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    #[command(flatten)]
    pub run: RunFlags,
}

impl BackfillFlags {
    /// A backfill of days and tables, and nothing else asked for.
    pub(super) fn of(days: DayFlags, tables: SelectFlags, run: RunFlags) -> BackfillFlags {
        BackfillFlags {
            days,
            tables,
            run,
            parallel: None,
            force: false,
            continue_on_error: false,
            dry_run: false,
            max_runtime: None,
            shard: None,
            shard_patience: Duration::ZERO,
        }
    }
}

/// Reads `90s`, `30m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is not a time, expected such as `90s`, `30m` or `2h`");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(expected)
}

/// The command with its flags' variables that are empty taken for unset: what is not set in a
/// Compose file or a pod's template comes as an empty text.
pub(super) fn without_empty_variables(command: Command) -> Command {
    let told = command.mut_args(|arg| match arg.get_env().and_then(std::env::var_os) {
        Some(value) if value.is_empty() => arg.env(Resettable::Reset),
        _ => arg,
    });
    told.mut_subcommands(without_empty_variables)
}

/// Whether `arguments` ask for the subcommand `name`, however wrong the rest of them is.
pub(super) fn ask_for(mut arguments: impl Iterator<Item = OsString>, name: &str) -> bool {
    arguments.any(|argument| argument == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_numbers_of_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "s", "90", "1.5h", "-1m", "1d", "2µ", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
