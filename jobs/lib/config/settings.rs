//! A project's settings: one YAML file, overridden by the environment, with the origin of every
//! value kept so that `rapport config` can tell it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::config::Schedules;
use crate::config::declarations::Declarations;
use crate::config::parameters::{self, Parameter};
use crate::config::reading::{Effective, Reader, noted};
use crate::config::yaml::{self, Spanned};
use crate::config::{Location, Notices, Patience, notices};
use crate::errors::{Context, Error, Kind, Result, nearest};

/// What a job needs to know of its project.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The settings file.
    pub file: PathBuf,
    /// Where other systems drop their exports.
    pub landing: Location,
    /// Where the tables are published.
    pub warehouse: Location,
    /// Folders with source declarations, searched in order.
    pub sources: Vec<PathBuf>,
    /// Folders with models and contracts, searched in order.
    pub models: Vec<PathBuf>,
    /// The identity rules; none where the project declares none.
    pub identity: Option<PathBuf>,
    /// The schedules that `business_minutes` knows; none where the project declares none.
    pub schedules: Arc<Schedules>,
    /// What the business declares for itself: rows of tables.
    pub declarations: Vec<Declarations>,
    /// The business's time zone (IANA name): decides which day an instant falls on.
    pub time_zone: chrono_tz::Tz,
    /// Memory for queries in bytes; beyond it they spill to `scratch`.
    pub memory_limit_bytes: usize,
    /// Threads that a job uses.
    pub threads: usize,
    /// Local folder for spilled data.
    pub scratch: PathBuf,
    /// How long a lease lasts without being renewed, in seconds.
    pub lease_seconds: u64,
    /// How long remote storage is waited for.
    pub patience: Patience,
    /// By which persons who were erased are known: from the environment alone.
    pub erasure_key: Option<Hidden>,
    /// Whom a run tells what it does.
    pub notices: Notices,
    /// Values that models may name as `$name`.
    pub parameters: BTreeMap<String, Parameter>,
    /// Every key there is, with its value and where that came from.
    pub effective: Vec<Effective>,
}

/// A secret, which no log and no message shows.
#[derive(Clone)]
pub struct Hidden(String);

impl Hidden {
    /// The secret itself.
    pub fn shown(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// The variable that holds [`Settings::erasure_key`].
const ERASURE_KEY: &str = "RAPPORT_ERASURE_KEY";

/// The YAML as written; every key may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    landing: Option<Spanned<String>>,
    warehouse: Option<Spanned<String>>,
    sources: Option<Spanned<Vec<String>>>,
    models: Option<Spanned<Vec<String>>>,
    identity: Option<Spanned<String>>,
    schedules: Option<Spanned<String>>,
    declarations: Option<Spanned<Vec<String>>>,
    time_zone: Option<Spanned<String>>,
    memory_limit: Option<Spanned<String>>,
    threads: Option<Spanned<String>>,
    scratch: Option<Spanned<String>>,
    lease_seconds: Option<Spanned<String>>,
    storage_timeout_seconds: Option<Spanned<String>>,
    storage_retry_seconds: Option<Spanned<String>>,
    openlineage_url: Option<Spanned<String>>,
    openlineage_endpoint: Option<Spanned<String>>,
    openlineage_file: Option<Spanned<String>>,
    openlineage_namespace: Option<Spanned<String>>,
    otlp_endpoint: Option<Spanned<String>>,
    otlp_traces_endpoint: Option<Spanned<String>>,
    otlp_metrics_endpoint: Option<Spanned<String>>,
    webhook_url: Option<Spanned<String>>,
    webhook_text: Option<Spanned<String>>,
    webhook_link: Option<Spanned<String>>,
    notice_timeout_seconds: Option<Spanned<String>>,
    parameters: Option<parameters::Written>,
}

/// Every key that an environment variable `RAPPORT_<KEY>` may override.
const KEYS: [&str; 25] = [
    "landing",
    "warehouse",
    "sources",
    "models",
    "identity",
    "schedules",
    "declarations",
    "time_zone",
    "memory_limit",
    "threads",
    "scratch",
    "lease_seconds",
    "storage_timeout_seconds",
    "storage_retry_seconds",
    "openlineage_url",
    "openlineage_endpoint",
    "openlineage_file",
    "openlineage_namespace",
    "otlp_endpoint",
    "otlp_traces_endpoint",
    "otlp_metrics_endpoint",
    "webhook_url",
    "webhook_text",
    "webhook_link",
    "notice_timeout_seconds",
];

/// Variables that belong to flags, not to settings; a test holds them to the flags there are.
const FLAG_VARIABLES: [&str; 38] = [
    "RAPPORT_ATTEMPT",
    "RAPPORT_CANNOT_LINK",
    "RAPPORT_CONFIG",
    "RAPPORT_CONTINUE_ON_ERROR",
    "RAPPORT_CUSTOMER",
    "RAPPORT_CUSTOMERS",
    "RAPPORT_DATE",
    "RAPPORT_DIRT",
    "RAPPORT_DRY_RUN",
    "RAPPORT_FORCE",
    "RAPPORT_FORMAT_MIX",
    "RAPPORT_FROM",
    "RAPPORT_IDENTIFIERS",
    "RAPPORT_INPUT",
    "RAPPORT_KEEP_DAYS",
    "RAPPORT_LEDGER_FILE",
    "RAPPORT_LINKING",
    "RAPPORT_LOG",
    "RAPPORT_LOG_FORMAT",
    "RAPPORT_MAX_RUNTIME",
    "RAPPORT_MODEL",
    "RAPPORT_MUST_LINK",
    "RAPPORT_OUT",
    "RAPPORT_OUTPUT",
    "RAPPORT_OVERWRITE",
    "RAPPORT_PAGE",
    "RAPPORT_PARALLEL",
    "RAPPORT_RESULT_FILE",
    "RAPPORT_RUN_ID",
    "RAPPORT_SEED",
    "RAPPORT_SELECT",
    "RAPPORT_SHARD",
    "RAPPORT_SHARD_PATIENCE",
    "RAPPORT_SKIP_WHEN_FRESH",
    "RAPPORT_THRESHOLD",
    "RAPPORT_TO",
    "RAPPORT_TRUTH",
    "RAPPORT_TRUTH_COLUMN",
];

impl Settings {
    /// Reads the settings file at `path`, with the overrides that the environment holds. A variable
    /// that is empty counts as unset.
    ///
    /// Errors: [`Kind::Usage`] naming file, line, column, what was expected and the nearest key.
    pub fn read(path: &Path) -> Result<Settings> {
        let variables: BTreeMap<String, String> = crate::config::variables().collect();
        let names = variables.keys().cloned().collect::<Vec<_>>().into_iter();
        Settings::read_with(path, |name| variables.get(name).cloned(), names)
    }

    pub(super) fn read_with(
        path: &Path,
        variable: impl Fn(&str) -> Option<String>,
        names: impl Iterator<Item = String>,
    ) -> Result<Settings> {
        let written: Written = yaml::read_with_variables(path)?;
        let file = std::path::absolute(path)
            .context(Kind::Usage, || format!("resolve `{}`", path.display()))?;
        let name = path.display().to_string();
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let names: Vec<String> = names.filter(|name| variable(name).is_some()).collect();
        let mut mistakes = mistyped_variables(&names);
        let mut reader = Reader::new(name, &file, variable);

        let landing = noted(reader.location("landing", written.landing), &mut mistakes);
        let warehouse_place = written.warehouse.clone();
        let warehouse = noted(reader.location("warehouse", written.warehouse), &mut mistakes);
        if landing.is_some() && landing == warehouse {
            let what = "the warehouse is the landing zone, expected a place of its own";
            mistakes.push(reader.mistake("warehouse", warehouse_place.as_ref(), what));
        }
        let sources = noted(reader.folders("sources", written.sources), &mut mistakes);
        let models = noted(reader.folders("models", written.models), &mut mistakes);
        let identity = noted(reader.file("identity", written.identity), &mut mistakes).flatten();
        let schedules = reader
            .file("schedules", written.schedules)
            .and_then(|file| Schedules::read(file.as_deref()).map(Arc::new));
        let schedules = noted(schedules, &mut mistakes);
        let declarations = reader.files("declarations", written.declarations).and_then(|files| {
            files.iter().map(|file| Declarations::read(file)).collect::<Result<Vec<_>>>()
        });
        let declarations = noted(declarations, &mut mistakes);
        let time_zone = reader.parsed("time_zone", written.time_zone, "UTC", parse_time_zone);
        let time_zone = noted(time_zone, &mut mistakes);
        let memory_limit_bytes =
            reader.parsed("memory_limit", written.memory_limit, "2GiB", parse_bytes);
        let memory_limit_bytes = noted(memory_limit_bytes, &mut mistakes);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = reader.parsed("threads", written.threads, &cores.to_string(), |text| {
            match text.parse::<usize>() {
                Ok(threads @ 1..=1024) => Ok(threads),
                _ => Err(format!("`{text}` is not a number of threads, expected 1 to 1024")),
            }
        });
        let threads = noted(threads, &mut mistakes);
        let default_scratch = std::env::temp_dir().display().to_string();
        let scratch = reader.text("scratch", written.scratch, Some(&default_scratch));
        let scratch = reader.resolved(&scratch.unwrap_or(default_scratch));
        let lease_seconds = reader.parsed("lease_seconds", written.lease_seconds, "60", |text| {
            match text.parse::<u64>() {
                Ok(seconds @ 5..=86_400) => Ok(seconds),
                _ => Err(format!("`{text}` is not a lease's length, expected 5 to 86400 s")),
            }
        });
        let lease_seconds = noted(lease_seconds, &mut mistakes);
        let patience =
            reader.patience(written.storage_timeout_seconds, written.storage_retry_seconds);
        let patience = noted(patience, &mut mistakes);
        let erasure_key = (reader.variable)(ERASURE_KEY).map(Hidden);
        let written_notices = notices::Written {
            openlineage_url: written.openlineage_url,
            openlineage_endpoint: written.openlineage_endpoint,
            openlineage_file: written.openlineage_file,
            openlineage_namespace: written.openlineage_namespace,
            otlp_endpoint: written.otlp_endpoint,
            otlp_traces_endpoint: written.otlp_traces_endpoint,
            otlp_metrics_endpoint: written.otlp_metrics_endpoint,
            webhook_url: written.webhook_url,
            webhook_text: written.webhook_text,
            webhook_link: written.webhook_link,
            notice_timeout_seconds: written.notice_timeout_seconds,
        };
        let notices = noted(Notices::read(&mut reader, written_notices), &mut mistakes);
        let own = written.parameters.map(|parameters| (reader.name.as_str(), parameters));
        let declared = declarations
            .iter()
            .flatten()
            .filter_map(|declared| Some((declared.file.as_str(), declared.parameters.clone()?)));
        let parameters = parameters::read(
            own.into_iter().chain(declared),
            reader.variable,
            &mut reader.effective,
            &mut mistakes,
        );
        for name in &names {
            mistakes.extend(parameters::unknown_variable(name, parameters.keys()));
        }
        match (
            landing,
            warehouse,
            sources,
            models,
            schedules,
            declarations,
            time_zone,
            memory_limit_bytes,
            threads,
            lease_seconds,
            patience,
            notices,
        ) {
            (
                Some(landing),
                Some(warehouse),
                Some(sources),
                Some(models),
                Some(schedules),
                Some(declarations),
                Some(time_zone),
                Some(memory_limit_bytes),
                Some(threads),
                Some(lease_seconds),
                Some(patience),
                Some(notices),
            ) if mistakes.is_empty() => Ok(Settings {
                file,
                landing,
                warehouse,
                sources,
                models,
                identity,
                schedules,
                declarations,
                time_zone,
                memory_limit_bytes,
                threads,
                scratch,
                lease_seconds,
                patience,
                erasure_key,
                notices,
                parameters,
                effective: reader.effective,
            }),
            _ => {
                let told: Vec<String> = mistakes.iter().map(Error::chain).collect();
                Err(Error::new(Kind::Usage, told.join("\n")))
            }
        }
    }
}

/// Variables that are nearly one of ours were meant to be one: no typo must be ignored.
fn mistyped_variables(names: &[String]) -> Vec<Error> {
    let mut known: Vec<String> =
        KEYS.iter().map(|key| format!("RAPPORT_{}", key.to_uppercase())).collect();
    known.extend(FLAG_VARIABLES.iter().chain([&ERASURE_KEY]).map(ToString::to_string));
    let ours = names.iter().filter(|name| name.starts_with("RAPPORT_"));
    let unknown =
        ours.filter(|name| !known.contains(name) && !name.starts_with(parameters::PREFIX));
    let mistyped = unknown.filter_map(|name| {
        let close = known.iter().find(|known| strsim::osa_distance(known, name) <= 2)?;
        let what = format!("environment variable `{name}` is unknown, did you mean `{close}`?");
        Some(Error::new(Kind::Usage, what))
    });
    mistyped.collect()
}

fn parse_time_zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse::<chrono_tz::Tz>().map_err(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        match nearest(text, known) {
            Some(zone) => format!("unknown time zone `{text}`, did you mean `{zone}`?"),
            None => {
                format!("unknown time zone `{text}`, expected an IANA name such as Europe/London")
            }
        }
    })
}

/// Reads a size such as `512MiB`, `1.5 GB` or `1000000` as bytes.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let wrong = || {
        format!(
            "`{text}` is not a size, expected a number with B, KiB, MiB, GiB, KB, MB or GB, such \
             as 1.5GiB"
        )
    };
    let trimmed = text.trim();
    let is_of_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let split = trimmed.find(|letter| !is_of_number(letter)).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: usize = whole.parse().map_err(|_| wrong())?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    // Digits beyond these make less than two bytes of a GiB.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let tenths: u64 = fraction.parse().map_err(|_| wrong())?;
    let scale = 10u64.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let part = usize::try_from(tenths * factor as u64 / scale).map_err(|_| wrong())?;
    let bytes = whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(part));
    let bytes = bytes.ok_or_else(wrong)?;
    if bytes < 32 << 20 {
        return Err(format!("`{text}` is too little memory, expected at least 32MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sql")).unwrap();
        let path = folder.path().join("rapport.yaml");
        std::fs::write(&path, text).unwrap();
        Settings::read_with(
            &path,
            |name| variables.iter().find(|v| v.0 == name).map(|v| v.1.to_string()),
            variables.iter().map(|v| v.0.to_string()).collect::<Vec<_>>().into_iter(),
        )
    }

    const MINIMAL: &str = "landing: in\nwarehouse: out\nsources: [sql]\nmodels: [sql]\n";

    #[test]
    fn relative_paths_start_at_the_settings_file_and_variables_override() {
        let settings = read(MINIMAL, &[("RAPPORT_WAREHOUSE", "s3://bucket/x")]).unwrap();
        let Location::Folder(landing) = &settings.landing else { panic!("a folder") };
        assert!(landing.is_absolute() && landing.ends_with("in"));
        assert_eq!(settings.warehouse.to_string(), "s3://bucket/x");
        let origin = |key| settings.effective.iter().find(|e| e.key == key).unwrap().origin.clone();
        assert_eq!(origin("warehouse"), "environment variable RAPPORT_WAREHOUSE");
        assert!(origin("landing").ends_with("rapport.yaml:1"));
        assert_eq!(origin("time_zone"), "default");
    }

    #[test]
    fn every_key_is_told_even_where_it_is_unset() {
        let settings = read(MINIMAL, &[]).unwrap();
        for key in KEYS {
            assert_eq!(
                settings.effective.iter().filter(|told| told.key == key).count(),
                1,
                "{key}"
            );
        }
        let unset = settings.effective.iter().filter(|told| told.value.is_none());
        let unset: Vec<&str> = unset.map(|told| told.key.as_str()).collect();
        let expected = [
            "identity",
            "schedules",
            "declarations",
            "openlineage_url",
            "openlineage_file",
            "otlp_endpoint",
            "otlp_traces_endpoint",
            "otlp_metrics_endpoint",
            "webhook_url",
            "webhook_link",
            "parameters.default_region",
            "parameters.reporting_currency",
        ];
        assert_eq!(unset, expected);
    }

    #[test]
    fn mistakes_name_the_place_and_the_nearest_key() {
        let cases = [
            ("lending: x\n", "rapport.yaml:1:1: unknown key `lending`, did you mean `landing`?"),
            (
                "time_zone: Europe/Londn\n",
                ":5:12: unknown time zone `Europe/Londn`, did you mean `Europe/London`?",
            ),
            ("threads: many\n", ":5:10:"),
            ("threads: 0\n", ":5:10: `0` is not a number of threads"),
            ("storage_timeout_seconds: 0\n", ":5:26: `0` is not a wait, expected 1 to 3600 s"),
            ("memory_limit: 1 potato\n", ":5:15: `1 potato` is not a size"),
            ("parameters: {run_date: 3}\n", ":5:24: `run_date` cannot name a parameter"),
            (
                "parameters: {minimum_sample_size: many}\n",
                ":5:35: `many` is no `minimum_sample_size`, expected a whole number of 0 or more",
            ),
            ("parameters: {minimum_sample_size: -1}\n", "`-1` is no `minimum_sample_size`"),
            ("parameters: {confidence_z: 0}\n", "expected a number above 0"),
            ("parameters: {default_region: Germany}\n", "expected a country as ISO 3166-1 alpha-2"),
            ("parameters: {reporting_currency: eur}\n", "expected a currency as ISO 4217"),
            (
                "parameters: {confidense_z: 2}\n",
                ":5:28: unknown parameter `confidense_z`, did you mean `confidence_z`?",
            ),
        ];
        for (line, expected) in cases {
            let text = if line.starts_with("lending") {
                line.to_string()
            } else {
                format!("{MINIMAL}{line}")
            };
            let message = read(&text, &[]).unwrap_err().chain();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn sizes_may_have_a_fraction() {
        assert_eq!(parse_bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_bytes(" 1.5 GiB "), Ok(3 << 29));
        assert_eq!(parse_bytes("0.0625 gib"), Ok(64 << 20));
        assert_eq!(parse_bytes("1.000000000999GB"), Ok(1_000_000_000));
        assert_eq!(parse_bytes("2GiB"), Ok(2 << 30));
        assert_eq!(parse_bytes("64000000"), Ok(64_000_000));
        for wrong in [
            "",
            "GiB",
            "1,5GiB",
            "1.GiB",
            ".5GiB",
            "1.2.3GiB",
            "1.000000000.5GiB",
            "1.5",
            "-1GiB",
            "1e3MiB",
        ] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn schedules_are_read_with_the_settings() {
        let message = read(&format!("{MINIMAL}schedules: hours.yaml\n"), &[]).unwrap_err().chain();
        assert!(message.contains(":5:12: `hours.yaml` is not a file"), "{message}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sql")).unwrap();
        let path = folder.path().join("rapport.yaml");
        std::fs::write(&path, format!("{MINIMAL}schedules: hours.yaml\n")).unwrap();
        let hours = folder.path().join("hours.yaml");
        let desk = "schedules: {desk: {time_zone: UTC, hours: {monday: ['09:00-17:00']}}}\n";
        std::fs::write(&hours, desk).unwrap();
        let settings = Settings::read_with(&path, |_| None, std::iter::empty()).unwrap();
        assert_eq!(settings.schedules.names().collect::<Vec<_>>(), ["desk"]);
        std::fs::write(&hours, desk.replace("09:00", "9")).unwrap();
        let message = Settings::read_with(&path, |_| None, std::iter::empty()).unwrap_err().chain();
        assert!(message.contains("hours.yaml:1:"), "{message}");
    }

    #[test]
    fn a_folder_may_have_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("projet été, n° 1");
        std::fs::create_dir_all(folder.join("sql, ours")).unwrap();
        let path = folder.join("rapport.yaml");
        let text =
            "landing: in\nwarehouse: out put\nsources: ['sql, ours']\nmodels: ['sql, ours']\n";
        std::fs::write(&path, text).unwrap();
        let settings = Settings::read_with(&path, |_| None, std::iter::empty()).unwrap();
        assert_eq!(settings.models, [folder.join("sql, ours")]);
        assert_eq!(settings.warehouse, Location::Folder(folder.join("out put")));
    }

    #[test]
    fn a_mistyped_variable_is_refused() {
        let message = read(MINIMAL, &[("RAPPORT_WAREHOSE", "x")]).unwrap_err().chain();
        assert!(message.contains("did you mean `RAPPORT_WAREHOUSE`"), "{message}");
        assert!(read(MINIMAL, &[("RAPPORT_WAREHOSE", ""), ("RAPPORT_LANDING", "")]).is_ok());
        let three = [("RAPPORT_WAREHOSE", "x"), ("RAPPORT_LANDIN", "x"), ("RAPPORT_THREADS", "0")];
        let message = read(MINIMAL, &three).unwrap_err().chain();
        for expected in ["`RAPPORT_WAREHOSE`", "`RAPPORT_LANDIN`", "RAPPORT_THREADS: `0` is not"] {
            assert!(message.contains(expected), "{expected}: {message}");
        }
        let typo = "RAPPORT_PARAMETER_MINIMUM_SAMPEL_SIZE";
        let message = read(MINIMAL, &[(typo, "3")]).unwrap_err().chain();
        let expected = format!(
            "environment variable {typo}: there is no such parameter, did you mean \
             `RAPPORT_PARAMETER_MINIMUM_SAMPLE_SIZE`?"
        );
        assert!(message.starts_with(&expected), "{message}");
    }

    #[test]
    fn parameters_of_the_shipped_models_have_defaults_where_no_guess_is_dangerous() {
        let told = |settings: &Settings, key: &str| {
            let key = format!("parameters.{key}");
            let found = settings.effective.iter().find(|effective| effective.key == key)?;
            let value = found.value.as_deref().unwrap_or("unset");
            Some(format!("{value} ({})", found.origin.rsplit('/').next().unwrap()))
        };
        let settings = read(MINIMAL, &[]).unwrap();
        assert_eq!(settings.parameters["minimum_sample_size"], Parameter::Integer(30));
        assert_eq!(settings.parameters["confidence_z"], Parameter::Double(1.96));
        assert_eq!(settings.parameters["maximum_identifiers_per_customer"], Parameter::Integer(10));
        assert_eq!(told(&settings, "confidence_z").unwrap(), "1.96 (default)");
        assert_eq!(told(&settings, "default_region").unwrap(), "unset (no default)");
        assert_eq!(told(&settings, "reporting_currency").unwrap(), "unset (no default)");

        let text = format!("{MINIMAL}parameters:\n  own: 3\n  confidence_z: 2\n");
        let settings = read(&text, &[("RAPPORT_PARAMETER_DEFAULT_REGION", "DE")]).unwrap();
        assert_eq!(settings.parameters["confidence_z"], Parameter::Double(2.0));
        assert_eq!(told(&settings, "own").unwrap(), "3 (rapport.yaml:6)");
        assert_eq!(told(&settings, "confidence_z").unwrap(), "2 (rapport.yaml:7)");
        let region = "DE (environment variable RAPPORT_PARAMETER_DEFAULT_REGION)";
        assert_eq!(told(&settings, "default_region").unwrap(), region);

        let message = read(&text, &[("RAPPORT_PARAMETER_OWN", "few")]).unwrap_err().chain();
        let expected = "environment variable RAPPORT_PARAMETER_OWN: `few` is not of the same kind";
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_at_once() {
        let text =
            format!("{}threads: 0\ntime_zone: Mars\n", MINIMAL.replace("landing", "identity"));
        let message = read(&text, &[]).unwrap_err().chain();
        for expected in ["`landing` is missing", ":5:10: `0` is not", ":6:12: unknown time zone"] {
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }
}
