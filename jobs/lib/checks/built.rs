//! Checks what was built against its contract, before anything of it is published.
//!
//! Types, order and uniqueness of the grain are checked as the rows stream by; what needs a query
//! (accepted values, ranges, references, a table's own checks) is asked of the built object.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{CastOptions, SortOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, SchemaRef, UInt64Type};
use arrow::row::{RowConverter, SortField};
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
use crate::models::contract::{Check, Column, Contract, Severity, Value, conforms, type_name};

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
    /// Encodes grains so that they compare as bytes; none before the first row.
    grain_encoder: Option<RowConverter>,
    last_grain: Vec<u8>,
    /// Rows that repeat the grain of the row before.
    repeated_row_count: u64,
    /// Rows whose grain is below that of the row before.
    unordered_row_count: u64,
    row_count: u64,
    required: Vec<(usize, Severity)>,
    null_counts: BTreeMap<usize, u64>,
    /// The columns of doubles.
    doubles: Vec<(usize, Severity)>,
    not_a_number_counts: BTreeMap<usize, u64>,
}

impl Gate {
    /// A gate for the rows of `model`.
    pub fn new(model: &Model) -> Gate {
        let index = |name: &String| model.schema.index_of(name).ok();
        let columns = model.contract.iter().flat_map(|contract| &contract.columns);
        let chosen = |is_chosen: fn(&Column) -> bool| {
            let columns = columns.clone().enumerate();
            let chosen = columns.filter(move |(_, column)| is_chosen(column));
            chosen.map(|(index, column)| (index, column.severity)).collect()
        };
        Gate {
            model: model.name.to_string(),
            schema: Arc::clone(&model.schema),
            grain: model.grain.iter().filter_map(index).collect(),
            grain_encoder: None,
            last_grain: vec![],
            repeated_row_count: 0,
            unordered_row_count: 0,
            row_count: 0,
            required: chosen(|column| column.required),
            null_counts: BTreeMap::new(),
            doubles: chosen(|column| column.arrow_type() == Ok(DataType::Float64)),
            not_a_number_counts: BTreeMap::new(),
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
            // Safe casts turn a value that does not fit into null, and that would go unseen.
            let strictly = CastOptions { safe: false, ..CastOptions::default() };
            let column = cast_with_options(found, field.data_type(), &strictly).map_err(|_| {
                Error::new(
                    Kind::CheckFailed,
                    format!(
                        "build {}: column `{name}` holds a value that {} cannot",
                        self.model,
                        type_name(field.data_type()),
                    ),
                )
            })?;
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
        for (index, _) in &self.doubles {
            let values = batch.column(*index).as_primitive::<Float64Type>().iter().flatten();
            *self.not_a_number_counts.entry(*index).or_default() +=
                values.filter(|value| !value.is_finite()).count() as u64;
        }
        self.count_grains(batch)
    }

    fn count_grains(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.grain.is_empty() {
            return Ok(());
        }
        let context = || format!("check the grain of {}", self.model);
        let grain: Vec<ArrayRef> =
            self.grain.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let is_first = self.grain_encoder.is_none();
        let encoder = match &mut self.grain_encoder {
            Some(encoder) => encoder,
            none => {
                let upwards = SortOptions { descending: false, nulls_first: false };
                let fields = grain
                    .iter()
                    .map(|column| SortField::new_with_options(column.data_type().clone(), upwards));
                let encoder = RowConverter::new(fields.collect());
                none.insert(encoder.context(Kind::Defect, context)?)
            }
        };
        let rows = encoder.convert_columns(&grain).context(Kind::Defect, context)?;
        let mut last: &[u8] = &self.last_grain;
        for (index, row) in rows.iter().enumerate() {
            match last.cmp(row.data()) {
                Ordering::Less => {}
                _ if is_first && index == 0 => {}
                Ordering::Equal => self.repeated_row_count += 1,
                Ordering::Greater => self.unordered_row_count += 1,
            }
            last = row.data();
        }
        self.last_grain = last.to_vec();
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
        if self.unordered_row_count > 0 {
            // Repeats of a grain are told by its order: out of order they could hide.
            findings.push(Finding {
                check: format!("ordered({})", contract.grain.value.join(", ")),
                bad_row_count: self.unordered_row_count,
                severity: Severity::Fail,
            });
        }
        let by_column = [
            ("required", &self.required, &self.null_counts),
            ("number", &self.doubles, &self.not_a_number_counts),
        ];
        for (rule, columns, counts) in by_column {
            for (index, severity) in columns {
                let bad_row_count = counts.get(index).copied().unwrap_or(0);
                if bad_row_count > 0 {
                    let check = format!("{rule}({})", self.schema.field(*index).name());
                    findings.push(Finding { check, bad_row_count, severity: *severity });
                }
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
    let rules: Vec<Rule> = contract.columns.iter().flat_map(rules_of).collect();
    let references: Vec<_> =
        contract.columns.iter().filter_map(|column| Some((column, column.reference()?))).collect();
    if rules.is_empty() && references.is_empty() && contract.checks.is_empty() {
        return Ok(vec![]);
    }
    let session = session_over_this(engine, this, referenced)?;
    let mut findings = vec![];
    if !rules.is_empty() {
        let text = text_of_rules(&rules);
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
        let held = if table == model.name {
            format!("select \"{key}\" from this where \"{key}\" is not null")
        } else {
            format!(
                "select \"{key}\" from {table} where dt = cast('{run_date}' as date) \
                 and \"{key}\" is not null"
            )
        };
        let text = format!(
            "select count(*) from this where \"{name}\" is not null and \"{name}\" not in ({held})"
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
            let column = cast(column, &DataType::UInt64).context(Kind::Defect, what)?;
            counts.push(column.as_primitive::<UInt64Type>().value(0));
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

/// A query for how many rows break each of `rules`.
fn text_of_rules(rules: &[Rule]) -> String {
    let columns: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            format!("count(*) filter (where not ({})) as rule_{index}", rule.holds)
        })
        .collect();
    format!("select {} from this", columns.join(", "))
}

/// The accepted values and the range of `column`.
fn rules_of(column: &Column) -> Vec<Rule> {
    let name = &column.name.value;
    let typed = |value: &Value| literal(&column.data_type.value, value);
    let mut rules = vec![];
    if let Some(accepted) = &column.accepted {
        let values: Vec<_> = accepted.iter().map(typed).collect();
        rules.push(Rule {
            name: format!("accepted({name})"),
            holds: format!("\"{name}\" in ({})", values.join(", ")),
            severity: column.severity,
        });
    }
    let limits = column.range.iter().flat_map(|range| [(">=", &range.min), ("<=", &range.max)]);
    let conditions: Vec<_> = limits
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
    rules
}

/// A contract's value in SQL, as a value of a column of type `data_type`.
fn literal(data_type: &str, value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let text = text.replace('\'', "''");
            match data_type {
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
    }
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use arrow::array::{Decimal128Array, Float64Array, Int64Array, ListArray, UInt64Array};
    use arrow::array::{ListBuilder, StringArray, StringViewArray, UInt64Builder};

    use super::*;
    use crate::models::Recipe;

    fn model(contract: &str) -> Model {
        let contract: Contract = crate::config::yaml::parse("t.yml", contract).unwrap();
        Model {
            name: TableName::new("marts", "t"),
            path: PathBuf::from("t.sql"),
            schema: contract.schema(),
            grain: contract.grain.value.clone(),
            contract: Some(Arc::new(contract)),
            recipe: Recipe::Query(Box::new(Query::parse("t.sql", "select 1").unwrap())),
        }
    }

    const TWO_COLUMNS: &str = "
description: d
grain: [source, number]
columns:
  - {name: number, type: integer, meaning: m}
  - {name: source, type: string, meaning: m, required: true, severity: warn}
rows: {max: 7}
";

    /// What a gate finds in batches of (source, number).
    fn found(batches: &[&[(Option<&str>, Option<i64>)]]) -> Vec<(String, u64)> {
        let model = model(TWO_COLUMNS);
        let mut gate = Gate::new(&model);
        for rows in batches {
            let sources: StringViewArray = rows.iter().map(|row| row.0).collect();
            let numbers: Int64Array = rows.iter().map(|row| row.1).collect();
            let columns: Vec<(&str, ArrayRef)> =
                vec![("source", Arc::new(sources)), ("number", Arc::new(numbers))];
            let passed = gate.pass(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
            assert_eq!(passed.schema(), model.schema);
        }
        let findings = gate.findings(model.contract.as_ref().unwrap());
        findings.into_iter().map(|finding| (finding.check, finding.bad_row_count)).collect()
    }

    #[test]
    fn grains_ascend_and_repeat_nothing_across_batches() {
        let none: [(String, u64); 0] = [];
        assert_eq!(found(&[&[]]), none);
        assert_eq!(
            found(&[&[(Some("a"), Some(-1)), (Some("a"), Some(2))], &[], &[(Some("a"), None)]]),
            none,
            "nulls come last"
        );
        let repeated = ("unique(source, number)".to_string(), 2);
        let row = (Some("a"), Some(2));
        assert_eq!(found(&[&[row], &[row], &[row, (Some("b"), None)]]), [repeated]);
        // In this order a repeat does not stand beside its like.
        let unordered = ("ordered(source, number)".to_string(), 1);
        assert_eq!(found(&[&[row, (Some("b"), None)], &[row]]), [unordered]);
        let unordered = ("ordered(source, number)".to_string(), 1);
        let required = ("required(source)".to_string(), 1);
        assert_eq!(found(&[&[(None, Some(1)), (Some(""), Some(1))]]), [unordered, required]);
        let many: Vec<_> = (0..8).map(|number| (Some("a"), Some(number))).collect();
        assert_eq!(found(&[&many]), [("rows(0..7)".to_string(), 8)]);
    }

    #[test]
    fn what_a_published_type_cannot_hold_is_refused_however_deep() {
        let model = model(
            "
description: d
grain: [id]
columns:
  - {name: id, type: string, meaning: m}
  - {name: counts, type: list<integer>, meaning: m}
  - {name: amount, type: 'decimal(10,2)', meaning: m}
  - {name: share, type: double, meaning: m, severity: warn}
",
        );
        let batch = |count: u64, amount: ArrayRef, share: f64| {
            let mut counts = ListBuilder::new(UInt64Builder::new());
            counts.append_value([Some(count), None]);
            let counts: ListArray = counts.finish();
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("id", Arc::new(StringArray::from(vec!["a"]))),
                ("counts", Arc::new(counts)),
                ("amount", amount),
                ("share", Arc::new(Float64Array::from(vec![share]))),
            ];
            RecordBatch::try_from_iter(columns).unwrap()
        };
        let amount = |precision| -> ArrayRef {
            let amounts = Decimal128Array::from(vec![Some(1)]);
            Arc::new(amounts.with_precision_and_scale(precision, 2).unwrap())
        };
        let mut gate = Gate::new(&model);
        gate.pass(&batch(3, amount(9), 0.5)).unwrap();
        let refused = |batch: &RecordBatch| Gate::new(&model).pass(batch).unwrap_err();
        let error = refused(&batch(u64::MAX, amount(9), 0.5));
        assert_eq!(error.kind(), Kind::CheckFailed);
        assert!(error.chain().contains("`counts` holds a value that list<integer> cannot"));
        assert!(!error.chain().contains("18446744073709551615"));
        assert_eq!(refused(&batch(3, amount(11), 0.5)).kind(), Kind::Usage);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["1.00"]));
        assert_eq!(refused(&batch(3, text, 0.5)).kind(), Kind::Usage);
        let big: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
        assert_eq!(refused(&batch(3, big, 0.5)).kind(), Kind::Usage);

        let mut gate = Gate::new(&model);
        gate.pass(&batch(3, amount(10), f64::NAN)).unwrap();
        let findings = gate.findings(model.contract.as_ref().unwrap());
        assert_eq!(
            findings,
            [Finding {
                check: "number(share)".to_string(),
                bad_row_count: 1,
                severity: Severity::Warn
            }]
        );
    }

    #[tokio::test]
    async fn a_column_may_refer_to_another_of_its_own_table() {
        let model = model(
            "
description: d
grain: [id]
columns:
  - {name: id, type: string, meaning: m}
  - {name: parent_id, type: string, meaning: m, references: marts.t.id}
",
        );
        let folder = tempfile::tempdir().unwrap();
        let yaml = folder.path().join("rapport.yaml");
        std::fs::write(&yaml, "landing: .\nwarehouse: .\nsources: [.]\nmodels: [.]\n").unwrap();
        let settings = Settings::read(&yaml).unwrap();
        let engine = Engine::with(1, 64 << 20, folder.path()).unwrap();
        for (parent, bad_row_count) in [(Some("a"), 0), (None, 0), (Some("c"), 1)] {
            let ids = StringArray::from(vec!["a", "b"]);
            let parents = StringArray::from(vec![None, parent]);
            let batch = RecordBatch::try_new(
                Arc::clone(&model.schema),
                vec![Arc::new(ids), Arc::new(parents)],
            );
            let this = MemTable::try_new(Arc::clone(&model.schema), vec![vec![batch.unwrap()]]);
            let day = "2024-03-04".parse().unwrap();
            let this = Arc::new(this.unwrap());
            let findings = ask(&engine, &settings, &model, day, this, vec![]).await.unwrap();
            let found = findings.iter().map(|finding| finding.bad_row_count).sum::<u64>();
            assert_eq!(found, bad_row_count, "{parent:?}");
        }
    }
}
