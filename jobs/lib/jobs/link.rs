//! The doors of `resolve-identities link`, `train`, `evaluate` and `explain`, which link records of
//! persons in files by themselves: flags in, files out, one JSON line on stdout, logs on stderr, an
//! exit code of the jobs' contract. An explanation is text for people, in place of the line.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use serde::Serialize;
use tracing::{info, warn};

use crate::config::linking::{self as declarations, Declaration, to_yaml};
use crate::config::settings::parse_bytes;
use crate::engine::Engine;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::jobs::stop::{Watchdog, runtime};
use crate::jobs::tool::{self, Told, ToolFlags};
use crate::jobs::usage::EXIT_CODES;
use crate::linking::{
    self, Chosen, Clustered, Evaluation, Evidence, Input, Links, Records, Scored, Trained, files,
};
use crate::telemetry::{self, LogFormat};

/// The binary's name.
const NAME: &str = "resolve-identities";

/// The command whose result is text for people.
const EXPLAIN: &str = "explain";

/// How the commands are used, below the job's own help.
const EXAMPLES: &str = "\
They link records of persons in files, and need no settings and no warehouse; each has its --help.
Without --config and --model the usual columns of persons are recognised:

  resolve-identities link --input crm.csv --input shop.parquet --output linked.parquet
  resolve-identities train --input crm.csv --config people.yaml --output model.yaml
  resolve-identities evaluate --input crm.csv --truth known.csv --page report.html
  resolve-identities explain --input crm.csv --model linked.model.yaml 1017 2043";

/// Pairs below this weight, in bits, are kept by no command: they say that two records are two
/// persons a thousand times more likely than one.
const FLOOR: f64 = -10.0;

/// Link records of persons in files
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXIT_CODES)]
struct Flags {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find out which records are one person; without a model it trains one first
    Link {
        #[command(flatten)]
        asked: Asked,
        #[command(flatten)]
        said: Said,
        /// Where the records go with their customers, a .parquet file; the pairs, what was kept
        /// apart and the model are put beside it
        #[arg(long, env = "RAPPORT_OUTPUT", value_name = "FILE")]
        output: PathBuf,
    },
    /// Estimate what likenesses are worth, and write the model
    Train {
        #[command(flatten)]
        asked: Asked,
        /// Where the model goes, a .yaml file
        #[arg(long, env = "RAPPORT_OUTPUT", value_name = "FILE")]
        output: PathBuf,
    },
    /// Link records of which it is known who is who, and tell how right that is, by threshold
    Evaluate {
        #[command(flatten)]
        asked: Asked,
        #[command(flatten)]
        said: Said,
        /// Who is who: a .csv or .parquet file with the records' id column and the column of
        /// --truth-column
        #[arg(long, env = "RAPPORT_TRUTH", value_name = "FILE")]
        truth: PathBuf,
        /// The column of the truth whose values records of one person share
        #[arg(
            long,
            env = "RAPPORT_TRUTH_COLUMN",
            value_name = "NAME",
            default_value = "person_id"
        )]
        truth_column: String,
        /// Where plots of it go, an .html file: precision and recall, match weights, levels
        #[arg(long, env = "RAPPORT_PAGE", value_name = "FILE")]
        page: Option<PathBuf>,
    },
    /// Tell what the match weight of two records is the sum of
    Explain {
        #[command(flatten)]
        asked: Asked,
        /// A record: its id, or its source and id as source:id
        left: String,
        /// Another
        right: String,
    },
}

/// What people say, whatever pairs weigh.
#[derive(Debug, Args)]
struct Said {
    /// Pairs that are one person: a .csv or .parquet file with left_record_id, right_record_id, and
    /// left_source, right_source where several sources have an id; several times for several
    #[arg(long, env = "RAPPORT_MUST_LINK", value_name = "FILE")]
    must_link: Vec<PathBuf>,
    /// Pairs that are two persons, in the same way
    #[arg(long, env = "RAPPORT_CANNOT_LINK", value_name = "FILE")]
    cannot_link: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Asked {
    /// A .csv or .parquet file of records; several times for several
    #[arg(long = "input", env = "RAPPORT_INPUT", value_name = "FILE", required = true)]
    inputs: Vec<PathBuf>,
    /// What is compared and how: a declaration of ours, or Splink's settings as .json; without it
    /// and a model the usual columns of persons are recognised
    #[arg(long, env = "RAPPORT_LINKING", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A model to use as it is, in place of --config: one of ours, or Splink's as .json
    #[arg(long, env = "RAPPORT_MODEL", value_name = "FILE", conflicts_with = "config")]
    model: Option<PathBuf>,
    /// Pairs of so many bits or more are one customer; default: as declared
    #[arg(long, env = "RAPPORT_THRESHOLD", value_name = "BITS", allow_negative_numbers = true)]
    threshold: Option<f64>,
}

#[derive(Debug, Args)]
struct CommonFlags {
    /// Threads that work, which changes nothing but the time; default: the machine's processors
    #[arg(long, env = "RAPPORT_THREADS", value_name = "N", global = true)]
    threads: Option<NonZeroUsize>,
    /// Memory for queries, which spill what does not fit
    #[arg(long, env = "RAPPORT_MEMORY_LIMIT", value_name = "SIZE", default_value = "2 GiB",
        value_parser = parse_bytes, global = true)]
    memory_limit: usize,
    /// Where queries spill to; default: the system's folder for temporary files
    #[arg(long, env = "RAPPORT_SCRATCH", value_name = "FOLDER", global = true)]
    scratch: Option<PathBuf>,
    /// Also write the result line to this file
    #[arg(long, env = "RAPPORT_RESULT_FILE", global = true)]
    result_file: Option<PathBuf>,
    /// Log format on stderr
    #[arg(long, env = "RAPPORT_LOG_FORMAT", value_enum, default_value = "auto", global = true)]
    log_format: LogFormat,
    /// Log filter, such as `warn` or `rapport=debug`
    #[arg(long = "log", env = "RAPPORT_LOG", default_value = "info", global = true,
        value_parser = telemetry::parse_filter)]
    log_filter: String,
}

impl ToolFlags for Flags {
    fn log(&self) -> (LogFormat, &str) {
        (self.common.log_format, &self.common.log_filter)
    }

    fn result_file(&self) -> Option<&Path> {
        self.common.result_file.as_deref()
    }
}

/// What the result line tells.
#[derive(Debug, Default, Serialize)]
struct Report {
    command: &'static str,
    record_count: Option<u64>,
    /// Pairs that were compared.
    pair_count: Option<u64>,
    /// Pairs that are kept: at the threshold or above, or where components begin.
    edge_count: Option<u64>,
    customer_count: Option<u64>,
    /// Places where a guard kept records apart.
    split_count: Option<u64>,
    threshold: Option<f64>,
    output: Option<String>,
    /// What could not be estimated, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation: Option<Evaluation>,
}

/// Whether arguments, the binary's name first, ask for one of the commands.
pub fn is_asked_for(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let Some(first) = arguments.nth(1) else { return false };
    let command = Flags::command();
    command.get_subcommands().any(|command| first == *command.get_name())
}

/// The commands, for the help of the plain job.
pub fn commands() -> String {
    let command = Flags::command();
    let all: Vec<(&str, String)> = command
        .get_subcommands()
        .map(|one| (one.get_name(), one.get_about().map(ToString::to_string).unwrap_or_default()))
        .collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = all.iter().map(|(name, about)| format!("  {name:width$}  {about}\n"));
    format!("Commands:\n{}\n{EXAMPLES}", lines.collect::<String>())
}

/// The whole of the binary's `main` where a command was asked for.
pub fn main() -> ExitCode {
    tool::main(NAME, enter)
}

fn enter(flags: &Flags, watchdog: &Watchdog, report: &mut Report) -> Result<Told> {
    let threads = tool::threads(flags.common.threads);
    let scratch = flags.common.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let engine = Engine::with(threads, flags.common.memory_limit, &scratch)?;
    let runtime = runtime(threads)?;
    let outcome = runtime.block_on(watchdog.until_stopped(work(&engine, &flags.command, report)));
    // Threads that still compare must not hold a stopped job back.
    runtime.shutdown_background();
    outcome
}

async fn work(engine: &Engine, command: &Command, report: &mut Report) -> Result<Told> {
    match command {
        Command::Link { asked, said, output } => {
            report.command = "link";
            link(engine, asked, said, output, report).await?;
        }
        Command::Train { asked, output } => {
            report.command = "train";
            train(engine, asked, output, report).await?;
        }
        Command::Evaluate { asked, said, truth, truth_column, page } => {
            report.command = "evaluate";
            let truth = Truth { path: truth, column: truth_column };
            evaluate(engine, asked, said, truth, page.as_deref(), report).await?;
        }
        Command::Explain { asked, left, right } => {
            report.command = EXPLAIN;
            let text = explain(engine, asked, left, right, report).await?;
            return Ok(Told::Text(text));
        }
    }
    Ok(Told::Line)
}

/// The declaration at `path`: our own, or Splink's settings where it ends with .json.
fn read(path: &Path) -> Result<Declaration> {
    match path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        true => linking::read_splink(path),
        false => declarations::read(path),
    }
}

/// What was declared, and whether it is a model to use as it is.
async fn declared(engine: &Engine, asked: &Asked, inputs: &[Input]) -> Result<(Declaration, bool)> {
    match (&asked.model, &asked.config) {
        (Some(model), _) => {
            let read = read(model)?;
            if !read.is_trained() {
                let path = model.display();
                let what = format!(
                    "use the model `{path}`: it lacks numbers; `train` makes a model of a \
                     declaration"
                );
                return Err(Error::new(Kind::Usage, what));
            }
            Ok((read, true))
        }
        (None, Some(config)) => Ok((read(config)?, false)),
        (None, None) => {
            let Chosen { declaration, reasons } = linking::choose(engine, inputs).await?;
            for reason in reasons {
                info!("{reason}");
            }
            Ok((declaration, false))
        }
    }
}

/// The records, and the model that they are linked by.
async fn prepared(
    engine: &Engine,
    asked: &Asked,
    report: &mut Report,
) -> Result<(Records, Trained)> {
    let inputs: Vec<Input> = asked.inputs.iter().cloned().map(Input::at).collect();
    let (declaration, is_model) = declared(engine, asked, &inputs).await?;
    let records = linking::read(engine, &inputs, &declaration).await?;
    report.record_count = u64::try_from(records.count()).ok();
    info!(record_count = records.count(), "read records");
    for (rule, without) in &records.left_out {
        let (block_count, record_count) = (without.block_count, without.record_count);
        warn!(rule, block_count, record_count, "left blocks out that are larger than allowed");
    }
    let trained = match is_model {
        true => Trained { model: declaration, notes: vec![], warnings: vec![] },
        false => linking::train(engine, &records, &declaration).await?,
    };
    for warning in &trained.warnings {
        warn!("{warning}");
    }
    report.warnings.clone_from(&trained.warnings);
    Ok((records, trained))
}

fn threshold(asked: &Asked, model: &Declaration) -> Result<f64> {
    asked.threshold.or(model.threshold).ok_or_else(|| {
        let what = "link records: expected --threshold, or `threshold` in the declaration";
        Error::new(Kind::Usage, what)
    })
}

async fn train(engine: &Engine, asked: &Asked, output: &Path, report: &mut Report) -> Result<()> {
    let (_, trained) = prepared(engine, asked, report).await?;
    write_model(output, &trained)?;
    report.output = Some(output.display().to_string());
    info!("done; the model is in {}", output.display());
    Ok(())
}

async fn link(
    engine: &Engine,
    asked: &Asked,
    said: &Said,
    output: &Path,
    report: &mut Report,
) -> Result<()> {
    if output.extension().is_none_or(|ending| ending != "parquet") {
        let what = format!("--output: `{}` does not end with .parquet", output.display());
        return Err(Error::new(Kind::Usage, what));
    }
    let (records, trained) = prepared(engine, asked, report).await?;
    let model = &trained.model;
    let threshold = threshold(asked, model)?;
    let links = links(engine, &records, said).await?;
    let floor =
        model.guards.agreement.components_from.map_or(threshold, |from| from.min(threshold));
    let scored = linking::score(engine, &records, model, floor).await?;
    info!(pair_count = scored.compared_count, "compared pairs");
    let evidence = Evidence::gather(engine, &records, model, &scored, &[threshold]).await?;
    let clustered = evidence.cluster(&records, model, threshold, &links)?;
    let ids = linking::customer_ids(&records, &clustered.clusters)?;
    let places = files::Places::beside(output);
    files::write_customers(&places.customers, &records, &ids).await?;
    files::write_edges(&places.edges, &records, &scored).await?;
    files::write_splits(&places.splits, &records, &clustered).await?;
    write_model(&places.model, &trained)?;
    tell(&scored, &clustered, threshold, report);
    report.output = Some(output.display().to_string());
    info!(
        pair_count = report.pair_count,
        edge_count = report.edge_count,
        customer_count = report.customer_count,
        "done; the customers are in {}",
        output.display()
    );
    Ok(())
}

fn tell(scored: &Scored, clustered: &Clustered, threshold: f64, report: &mut Report) {
    let customers: std::collections::BTreeSet<u32> = clustered.clusters.iter().copied().collect();
    report.pair_count = Some(scored.compared_count);
    report.edge_count = u64::try_from(scored.pairs.num_rows()).ok();
    report.customer_count = u64::try_from(customers.len()).ok();
    report.split_count = u64::try_from(clustered.splits.len()).ok();
    report.threshold = Some(threshold);
}

fn write_model(place: &Path, trained: &Trained) -> Result<()> {
    let text = to_yaml(&trained.model, &trained.notes);
    std::fs::write(place, text)
        .context(Kind::Storage, || format!("write the model `{}`", place.display()))
}

async fn links(engine: &Engine, records: &Records, said: &Said) -> Result<Links> {
    linking::read_links(engine, records, &said.must_link, &said.cannot_link).await
}

/// Where it stands who is who.
struct Truth<'a> {
    path: &'a Path,
    column: &'a str,
}

async fn evaluate(
    engine: &Engine,
    asked: &Asked,
    said: &Said,
    truth: Truth<'_>,
    page: Option<&Path>,
    report: &mut Report,
) -> Result<()> {
    let (records, trained) = prepared(engine, asked, report).await?;
    let model = &trained.model;
    let threshold = threshold(asked, model)?;
    let links = links(engine, &records, said).await?;
    let persons = linking::read_truth(engine, &records, model, truth.path, truth.column).await?;
    let floor = FLOOR.min(threshold);
    let scored =
        linking::score_known(engine, &records, model, floor, Some(persons.as_slice())).await?;
    let asked_for = (threshold, &links);
    let (evaluation, clustered) =
        linking::evaluate(engine, &records, model, &scored, asked_for, &persons).await?;
    tell(&scored, &clustered, threshold, report);
    if let Some(path) = page {
        let input = |path: &PathBuf| Input::at(path.clone()).source;
        let inputs: Vec<String> = asked.inputs.iter().map(input).collect();
        let page = linking::page(&inputs, records.count(), model, &scored, &evaluation);
        std::fs::write(path, page)
            .context(Kind::Storage, || format!("write the page `{}`", path.display()))?;
        report.output = Some(path.display().to_string());
    }
    info!(
        threshold,
        precision = evaluation.at_threshold.precision,
        recall = evaluation.at_threshold.recall,
        f1 = evaluation.at_threshold.f1,
        best_threshold = evaluation.best.threshold,
        best_f1 = evaluation.best.f1,
        "evaluated"
    );
    report.evaluation = Some(evaluation);
    Ok(())
}

async fn explain(
    engine: &Engine,
    asked: &Asked,
    left: &str,
    right: &str,
    report: &mut Report,
) -> Result<String> {
    let (records, trained) = prepared(engine, asked, report).await?;
    let pair = (records.place_of(left)?, records.place_of(right)?);
    let mut model = trained.model;
    model.threshold = asked.threshold.or(model.threshold);
    Ok(linking::explain(engine, &records, &model, pair).await?.to_string())
}
