//! The doors of `resolve-identities link`, `train` and `evaluate`, which link records of persons in
//! files by themselves: flags in, files out, one JSON line on stdout, logs on stderr, an exit code
//! of the jobs' contract.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::Serialize;
use tracing::{info, warn};

use crate::algorithms::identity::evaluation;
use crate::config::linking::{self as declarations, Declaration, to_yaml};
use crate::config::settings::parse_bytes;
use crate::engine::Engine;
use crate::errors::{Context as _, Error, Kind, Result};
use crate::jobs::door::{
    EXIT_CODES, Failure, ResultLine, log_failure, milliseconds_since, runtime, say, tell_usage,
    until_stopped,
};
use crate::jobs::flags::without_empty_variables;
use crate::jobs::{panics, result_file};
use crate::linking::{self, Chosen, Clustered, Evidence, Input, Records, Scored, Trained, files};
use crate::telemetry::{self, LogFormat};

/// The binary's name.
const NAME: &str = "resolve-identities";

/// The commands, by which the binary tells them from the plain job.
const COMMANDS: [&str; 3] = ["link", "train", "evaluate"];

/// Pairs below this weight, in bits, are kept by no command: they say that two records are two
/// persons a thousand times more likely than one.
const FLOOR: f64 = -10.0;

/// The thresholds that an evaluation tries, in bits.
const THRESHOLDS: std::ops::RangeInclusive<i32> = -10..=30;

/// How many wrong clusters an evaluation names.
const WORST: usize = 10;

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
    },
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

/// The result line.
#[derive(Debug, Default, Serialize)]
struct Report {
    job: &'static str,
    command: &'static str,
    status: &'static str,
    exit_code: u8,
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
    duration_ms: u64,
    error: Option<Failure>,
}

/// How right a model is.
#[derive(Debug, Serialize)]
struct Evaluation {
    /// At the declared threshold.
    at_threshold: Figures,
    /// Where the pairwise F1 is highest.
    best: Figures,
    by_threshold: Vec<Figures>,
    worst_clusters: Vec<Wrong>,
}

#[derive(Debug, Clone, Serialize)]
struct Figures {
    threshold: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    b_cubed_precision: f64,
    b_cubed_recall: f64,
    b_cubed_f1: f64,
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
}

#[derive(Debug, Serialize)]
struct Wrong {
    /// The source and id of the cluster's first record.
    record: String,
    record_count: u64,
    person_count: u64,
    false_pairs: u64,
}

impl ResultLine for Report {
    fn fail(&mut self, failure: Failure) {
        self.status = "failed";
        self.exit_code = failure.kind.exit_code();
        self.error = Some(failure);
    }

    fn failure(&self) -> Option<&Failure> {
        self.error.as_ref()
    }

    fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

/// Whether arguments, the binary's name first, ask for one of the commands.
pub fn is_asked_for(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.nth(1).is_some_and(|first| COMMANDS.iter().any(|command| first == *command))
}

/// The whole of the binary's `main` where a command was asked for.
pub fn main() -> ExitCode {
    panics::log_places();
    let started = Instant::now();
    let mut stdout = std::io::stdout();
    let mut report = Report { job: NAME, status: "done", ..Report::default() };
    let flags = match parse() {
        Ok(flags) => flags,
        Err(mistake) => {
            // Help and version are what was asked for: they go to stdout, and are a success.
            tell_usage(&mistake);
            if !mistake.use_stderr() {
                return ExitCode::SUCCESS;
            }
            report.fail(Failure::of_usage(&mistake));
            let asked_for = result_file::asked_for(std::env::args_os());
            return ExitCode::from(say(report, asked_for, &mut stdout));
        }
    };
    telemetry::start(flags.common.log_format, &flags.common.log_filter);
    let outcome = panics::caught(|| enter(&flags, &mut report));
    telemetry::end_progress();
    if let Err(failure) = &outcome {
        log_failure(failure);
        report.fail(Failure::from(failure));
    }
    report.duration_ms = milliseconds_since(started);
    ExitCode::from(say(report, flags.common.result_file, &mut stdout))
}

fn parse() -> Result<Flags, clap::Error> {
    Flags::from_arg_matches(&without_empty_variables(Flags::command()).try_get_matches()?)
}

fn enter(flags: &Flags, report: &mut Report) -> Result<()> {
    flags.common.result_file.as_deref().map_or(Ok(()), result_file::ensure_writable)?;
    let threads = flags.common.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        NonZeroUsize::get,
    );
    let scratch = flags.common.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let engine = Engine::with(threads, flags.common.memory_limit, &scratch)?;
    let runtime = runtime(threads)?;
    let outcome = runtime.block_on(until_stopped(work(&engine, &flags.command, report)));
    // Threads that still compare must not hold a stopped job back.
    runtime.shutdown_background();
    outcome
}

async fn work(engine: &Engine, command: &Command, report: &mut Report) -> Result<()> {
    match command {
        Command::Link { asked, output } => {
            report.command = "link";
            link(engine, asked, output, report).await
        }
        Command::Train { asked, output } => {
            report.command = "train";
            train(engine, asked, output, report).await
        }
        Command::Evaluate { asked, truth, truth_column } => {
            report.command = "evaluate";
            evaluate(engine, asked, truth, truth_column, report).await
        }
    }
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

async fn link(engine: &Engine, asked: &Asked, output: &Path, report: &mut Report) -> Result<()> {
    if output.extension().is_none_or(|ending| ending != "parquet") {
        let what = format!("--output: `{}` does not end with .parquet", output.display());
        return Err(Error::new(Kind::Usage, what));
    }
    let (records, trained) = prepared(engine, asked, report).await?;
    let model = &trained.model;
    let threshold = threshold(asked, model)?;
    let floor =
        model.guards.agreement.components_from.map_or(threshold, |from| from.min(threshold));
    let scored = linking::score(engine, &records, model, floor).await?;
    let evidence = Evidence::gather(engine, &records, model, &scored, threshold).await?;
    let clustered = evidence.cluster(&records, model, threshold);
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

async fn evaluate(
    engine: &Engine,
    asked: &Asked,
    truth: &Path,
    truth_column: &str,
    report: &mut Report,
) -> Result<()> {
    let (records, trained) = prepared(engine, asked, report).await?;
    let model = &trained.model;
    let declared = threshold(asked, model)?;
    let persons = linking::read_truth(engine, &records, model, truth, truth_column).await?;
    let floor = FLOOR.min(declared);
    let scored = linking::score(engine, &records, model, floor).await?;
    let mut figures = vec![];
    for threshold in THRESHOLDS.map(f64::from) {
        let evidence = Evidence::gather(engine, &records, model, &scored, threshold).await?;
        let clustered = evidence.cluster(&records, model, threshold);
        figures.push(figures_of(threshold, &clustered, &persons));
    }
    let evidence = Evidence::gather(engine, &records, model, &scored, declared).await?;
    let clustered = evidence.cluster(&records, model, declared);
    let at_threshold = figures_of(declared, &clustered, &persons);
    let best = figures.iter().chain([&at_threshold]).max_by(|one, other| {
        // Of equal ones the first.
        one.f1.total_cmp(&other.f1).then(other.threshold.total_cmp(&one.threshold))
    });
    let best = best.unwrap_or(&at_threshold).clone();
    let worst = evaluation::worst(&clustered.clusters, &persons, WORST);
    let name = |place: u32| {
        let place = place as usize;
        format!("{}:{}", records.sources.value(place), records.record_ids.value(place))
    };
    let worst_clusters = worst.into_iter().map(|wrong| Wrong {
        record: name(wrong.cluster),
        record_count: wrong.record_count,
        person_count: wrong.person_count,
        false_pairs: wrong.false_pairs,
    });
    tell(&scored, &clustered, declared, report);
    info!(
        threshold = declared,
        precision = at_threshold.precision,
        recall = at_threshold.recall,
        f1 = at_threshold.f1,
        best_threshold = best.threshold,
        best_f1 = best.f1,
        "evaluated"
    );
    report.evaluation = Some(Evaluation {
        at_threshold,
        best,
        by_threshold: figures,
        worst_clusters: worst_clusters.collect(),
    });
    Ok(())
}

fn figures_of(threshold: f64, clustered: &Clustered, persons: &[u32]) -> Figures {
    let found = evaluation::evaluate(&clustered.clusters, persons);
    Figures {
        threshold,
        precision: found.pairs.precision,
        recall: found.pairs.recall,
        f1: found.pairs.f1(),
        b_cubed_precision: found.b_cubed.precision,
        b_cubed_recall: found.b_cubed.recall,
        b_cubed_f1: found.b_cubed.f1(),
        true_positives: found.true_positives,
        false_positives: found.false_positives,
        false_negatives: found.false_negatives,
    }
}
