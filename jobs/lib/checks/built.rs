//! Checks what was built against its contract, before anything of it is published.
//!
//! Types, order and uniqueness of the grain are checked as the rows stream by; what needs a query
//! (accepted values, ranges, references, a table's own checks) is asked of the built object.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::compute::{cast, concat, partition};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::config::Settings;
use crate::dates::Day;
use crate::engine::sql::{Bound, Query};
use crate::engine::{Engine, query_error};
use crate::errors::{Context, Error, Kind, Result};
use crate::lake::TableName;
use crate::models::Model;
use crate::models::contract::{Check, Contract, Severity, Value, conforms, type_name};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's name: of the column and rule, or the table's own.
    pub check: String,
    /// How many rows break it.
    pub bad_row_count: u64,
    /// Whether it stops the publish.
    pub severity: Severity,
}

/// Brings rows into the published types, and checks what can be checked as they stream by.
#[derive(Debug)]
pub struct Gate {
    model: String,
    schema: SchemaRef,
    grain: Vec<usize>,
    last: Option<Vec<ArrayRef>>,
    /// Rows that repeat the grain of the row before.
    repeated_row_count: u64,
    row_count: u64,
    required: Vec<(usize, Severity)>,
    null_counts: BTreeMap<usize, u64>,
}

impl Gate {
    /// A gate for the rows of `model`.
    pub fn new(model: &Model) -> Gate {
        let index = |name: &String| model.schema.index_of(name).ok();
        let columns = model.contract.iter().flat_map(|contract| &contract.columns);
        let required = columns
            .enumerate()
            .filter(|(_, column)| column.required)
            .map(|(index, column)| (index, column.severity));
        Gate {
            model: model.name.to_string(),
            schema: Arc::clone(&model.schema),
            grain: model.grain.iter().filter_map(index).collect(),
            last: None,
            repeated_row_count: 0,
            row_count: 0,
            required: required.collect(),
            null_counts: BTreeMap::new(),
        }
    }

    /// The rows of `batch` as they are published.
    ///
    /// Errors: [`Kind::Usage`] where a column has another type than the contract says, or holds a
    /// value that its published type cannot.
    pub fn pass(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let name = field.name();
            let found = batch.column_by_name(name).ok_or_else(|| {
                Error::new(Kind::Usage, format!("build {}: no column `{name}`", self.model))
            })?;
            if !conforms(found.data_type(), field.data_type()) {
                return Err(Error::new(
                    Kind::Usage,
                    format!(
                        "build {}: column `{name}` is {}, the contract says {}",
                        self.model,
                        type_name(found.data_type()),
                        type_name(field.data_type()),
                    ),
                ));
            }
            let column = cast(found, field.data_type()).context(Kind::Usage, || {
                format!("build {}: publish column `{name}`", self.model)
            })?;
            // A cast turns a value that does not fit into null; that must not go unseen.
            if column.null_count() != found.logical_null_count() {
                return Err(Error::new(
                    Kind::CheckFailed,
                    format!(
                        "build {}: column `{name}` holds a value that {} cannot",
                        self.model,
                        type_name(field.data_type()),
                    ),
                ));
            }
            columns.push(column);
        }
        let passed = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .context(Kind::Defect, || format!("build {}", self.model))?;
        self.count(&passed)?;
        Ok(passed)
    }

    fn count(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.row_count += batch.num_rows() as u64;
        for (index, _) in &self.required {
            *self.null_counts.entry(*index).or_default() +=
                batch.column(*index).null_count() as u64;
        }
        if self.grain.is_empty() {
            return Ok(());
        }
        let context = || format!("check the grain of {}", self.model);
        let grain: Vec<ArrayRef> =
            self.grain.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let with_last: Vec<ArrayRef> = match &self.last {
            None => grain.clone(),
            Some(last) => last
                .iter()
                .zip(&grain)
                .map(|(last, grain)| concat(&[last.as_ref(), grain.as_ref()]))
                .collect::<std::result::Result<_, _>>()
                .context(Kind::Defect, context)?,
        };
        let rows = with_last.first().map_or(0, |column| column.len());
        let distinct = partition(&with_last).context(Kind::Defect, context)?.len();
        self.repeated_row_count += (rows - distinct) as u64;
        self.last =
            Some(grain.iter().map(|column| column.slice(batch.num_rows() - 1, 1)).collect());
        Ok(())
    }

    /// What was found, once all rows have passed.
    pub fn findings(&self, contract: &Contract) -> Vec<Finding> {
        let mut findings = vec![];
        if self.repeated_row_count > 0 {
            findings.push(Finding {
                check: format!("unique({})", contract.grain.value.join(", ")),
                bad_row_count: self.repeated_row_count,
                severity: Severity::Fail,
            });
        }
        for (index, severity) in &self.required {
            let bad_row_count = self.null_counts.get(index).copied().unwrap_or(0);
            if bad_row_count > 0 {
                let name = self.schema.field(*index).name();
                let check = format!("required({name})");
                findings.push(Finding { check, bad_row_count, severity: *severity });
            }
        }
        if let Some(limits) = &contract.rows {
            let below = limits.min.is_some_and(|min| self.row_count < min);
            let above = limits.max.is_some_and(|max| self.row_count > max);
            if below || above {
                findings.push(Finding {
                    check: format!(
                        "rows({}..{})",
                        limits.min.unwrap_or(0),
                        limits.max.map(|max| max.to_string()).unwrap_or_default()
                    ),
                    bad_row_count: self.row_count,
                    severity: limits.severity,
                });
            }
        }
        findings
    }
}

/// The checks of `contract` that need a query, asked of `this`: the rows just built.
///
/// `referenced` holds the tables of the same day that columns refer to.
pub async fn ask(
    engine: &Engine,
    settings: &Settings,
    model: &Model,
    run_date: Day,
    this: Arc<dyn TableProvider>,
    referenced: Vec<(TableName, Arc<dyn TableProvider>)>,
) -> Result<Vec<Finding>> {
    let Some(contract) = &model.contract else { return Ok(vec![]) };
    let rules = column_rules(contract);
    let references: Vec<_> =
        contract.columns.iter().filter_map(|column| Some((column, column.reference()?))).collect();
    if rules.is_empty() && references.is_empty() && contract.checks.is_empty() {
        return Ok(vec![]);
    }
    let session = session_over_this(engine, this, referenced)?;
    let mut findings = vec![];
    if !rules.is_empty() {
        let columns: Vec<_> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| {
                format!("count(*) filter (where not ({})) as rule_{index}", rule.holds)
            })
            .collect();
        let text = format!("select {} from this", columns.join(", "));
        let counts = count_columns(&session, &text, model).await?;
        for (rule, bad_row_count) in rules.iter().zip(counts) {
            findings.push(Finding {
                check: rule.name.clone(),
                bad_row_count,
                severity: rule.severity,
            });
        }
    }
    for (column, (table, key)) in references {
        let name = &column.name.value;
        let text = format!(
            "select count(*) from this where \"{name}\" is not null and \"{name}\" not in \
             (select \"{key}\" from {table} where dt = cast('{run_date}' as date) \
             and \"{key}\" is not null)"
        );
        let counts = count_columns(&session, &text, model).await?;
        findings.push(Finding {
            check: format!("references({name}, {table}.{key})"),
            bad_row_count: counts.first().copied().unwrap_or(0),
            severity: column.severity,
        });
    }
    for check in &contract.checks {
        let bound = bind_own(settings, model, check, run_date)?;
        let text = format!("select count(*) from ({bound}) as bad_rows");
        let counts = count_columns(&session, &text, model).await?;
        findings.push(Finding {
            check: check.name.value.clone(),
            bad_row_count: counts.first().copied().unwrap_or(0),
            severity: check.severity,
        });
    }
    findings.retain(|finding| finding.bad_row_count > 0);
    Ok(findings)
}

/// Plans a table's own check over the table without data.
pub async fn plan_own(
    engine: &Engine,
    settings: &Settings,
    model: &Model,
    check: &Check,
) -> Result<()> {
    let empty = MemTable::try_new(Arc::clone(&model.schema), vec![vec![]])
        .context(Kind::Defect, || format!("plan the checks of {}", model.name))?;
    let session = session_over_this(engine, Arc::new(empty), vec![])?;
    let probe = Day::new(chrono::NaiveDate::default());
    let bound = bind_own(settings, model, check, probe)?;
    session
        .sql(&bound)
        .await
        .map(|_| ())
        .map_err(|error| Error::new(Kind::Usage, error.find_root().strip_backtrace()))
}

fn bind_own(settings: &Settings, model: &Model, check: &Check, run_date: Day) -> Result<String> {
    let name = format!("{} (check `{}`)", model.path.display(), check.name.value);
    let query = Query::parse(&name, &check.sql.value)?;
    let zone = crate::config::Parameter::Text(settings.time_zone.name().to_string());
    let statement = query.bind(|name| match name {
        "run_date" => Some(Bound::Day(run_date)),
        "time_zone" => Some(Bound::Value(&zone)),
        name => settings.parameters.get(name).map(Bound::Value),
    })?;
    Ok(statement.to_string())
}

fn session_over_this(
    engine: &Engine,
    this: Arc<dyn TableProvider>,
    referenced: Vec<(TableName, Arc<dyn TableProvider>)>,
) -> Result<SessionContext> {
    let session = engine.session(referenced)?;
    session.register_table("this", this).map_err(query_error("set a check up"))?;
    Ok(session)
}

/// The single row of counts that `text` returns.
async fn count_columns(session: &SessionContext, text: &str, model: &Model) -> Result<Vec<u64>> {
    let what = || format!("check {}", model.name);
    let frame = session.sql(text).await.map_err(query_error(what()))?;
    let batches = frame.collect().await.map_err(query_error(what()))?;
    let mut counts = vec![];
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        for column in batch.columns() {
            let column =
                cast(column, &arrow::datatypes::DataType::UInt64).context(Kind::Defect, what)?;
            use arrow::array::AsArray as _;
            let numbers = column.as_primitive::<arrow::datatypes::UInt64Type>();
            counts.push(numbers.value(0));
        }
    }
    Ok(counts)
}

struct Rule {
    name: String,
    /// A condition that is true or null for a good row.
    holds: String,
    severity: Severity,
}

fn column_rules(contract: &Contract) -> Vec<Rule> {
    let mut rules = vec![];
    for column in &contract.columns {
        let name = &column.name.value;
        let data_type = &column.data_type.value;
        let typed = |value: &Value| match value {
            Value::Text(text) => {
                let text = text.replace('\'', "''");
                match data_type.as_str() {
                    "date" => format!("cast('{text}' as date)"),
                    "timestamp" => {
                        format!("arrow_cast('{text}', 'Timestamp(Microsecond, Some(\"UTC\"))')")
                    }
                    _ => format!("'{text}'"),
                }
            }
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
        };
        if let Some(accepted) = &column.accepted {
            let values: Vec<_> = accepted.iter().map(typed).collect();
            rules.push(Rule {
                name: format!("accepted({name})"),
                holds: format!("\"{name}\" in ({})", values.join(", ")),
                severity: column.severity,
            });
        }
        if let Some(range) = &column.range {
            let limits = [(">=", &range.min), ("<=", &range.max)];
            let conditions: Vec<_> = limits
                .iter()
                .filter_map(|(operator, limit)| {
                    Some(format!("\"{name}\" {operator} {}", typed(limit.as_ref()?)))
                })
                .collect();
            if !conditions.is_empty() {
                rules.push(Rule {
                    name: format!("range({name})"),
                    holds: conditions.join(" and "),
                    severity: column.severity,
                });
            }
        }
    }
    rules
}

/// The failure that stops a publish, where any finding is severe enough; else what to warn of.
pub fn verdict(
    partition: &crate::lake::Partition,
    findings: &[Finding],
) -> Result<BTreeMap<String, u64>> {
    let told = |finding: &Finding| format!("{} ({} rows)", finding.check, finding.bad_row_count);
    let failed: Vec<_> =
        findings.iter().filter(|finding| finding.severity == Severity::Fail).map(told).collect();
    if !failed.is_empty() {
        return Err(Error::new(
            Kind::CheckFailed,
            format!("check {partition}: {}; nothing of it was published", failed.join(", ")),
        ));
    }
    Ok(findings.iter().map(|finding| (finding.check.clone(), finding.bad_row_count)).collect())
}
