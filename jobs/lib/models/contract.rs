//! A table's contract: its grain, its columns with type, unit and meaning, and its checks.
//!
//! It is the `.yml` beside a model's SQL. What it promises is checked before anything is
//! published; its prose is for people and changes no fingerprint.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::config::yaml::{self, Spanned};
use crate::errors::{Error, Result, did_you_mean};
use crate::hash::ContentHash;
use crate::lake::TableName;

/// A contract as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What one row is.
    pub description: Spanned<String>,
    /// The canonical entity that this staging model feeds; none for a table of its own.
    #[serde(default)]
    pub entity: Option<Spanned<String>>,
    /// The columns that identify a row within a day.
    pub grain: Spanned<Vec<String>>,
    /// The columns in order; the partition column is not among them.
    pub columns: Vec<Column>,
    /// Checks of the table's own.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Limits on the number of rows.
    #[serde(default)]
    pub rows: Option<RowLimits>,
    /// What a reader must know before using a metric.
    #[serde(default)]
    pub caveats: Vec<String>,
    /// Words by which operators select the table.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where a metric's definition comes from: a paper, a standard.
    #[serde(default)]
    pub source: Option<String>,
    /// The column of a metric that is the business day of what is counted.
    #[serde(default)]
    pub event_day: Option<Spanned<String>>,
    /// Days over which a metric is also summed up, as `<table>_trend`.
    #[serde(default)]
    pub windows: Option<Spanned<Vec<u16>>>,
    /// The algorithm that makes the table; none where its SQL does.
    #[serde(default)]
    pub algorithm: Option<Spanned<String>>,
    /// What the algorithm reads: a query a name.
    #[serde(default)]
    pub inputs: std::collections::BTreeMap<String, Spanned<String>>,
}

/// A column's contract.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The name: lower case, digits and underscores.
    pub name: Spanned<String>,
    /// `string`, `integer`, `double`, `boolean`, `date`, `timestamp`, `decimal(p,s)`, `list<…>`.
    #[serde(rename = "type")]
    pub data_type: Spanned<String>,
    /// What the value means; what null and zero mean where that is not obvious.
    pub meaning: String,
    /// The unit of a number.
    #[serde(default)]
    pub unit: Option<String>,
    /// Never null.
    #[serde(default)]
    pub required: bool,
    /// The values that are accepted; none: all.
    #[serde(default)]
    pub accepted: Option<Vec<Value>>,
    /// Inclusive limits.
    #[serde(default)]
    pub range: Option<Range>,
    /// `zone.table.column` of the same day that holds every value of this column.
    #[serde(default)]
    pub references: Option<Spanned<String>>,
    /// The kind of personal data, where the column holds any.
    #[serde(default)]
    pub personal: Option<String>,
    /// What the column is to a metric.
    #[serde(default)]
    pub role: Option<Role>,
    /// How a state column of several rows becomes one.
    #[serde(default)]
    pub merge: Option<Merge>,
    /// The value, as SQL over the row's own state columns and parameters.
    #[serde(default)]
    pub formula: Option<Spanned<String>>,
    /// Whether this column's checks stop the publish.
    #[serde(default)]
    pub severity: Severity,
}

/// What a column is to a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Tells rows apart; part of the grain.
    Dimension,
    /// Mergeable: that of several rows follows from theirs.
    State,
    /// What is read: a function of the state.
    Value,
    /// An end of a value's interval.
    Bound,
    /// How far a row can be trusted, such as its maturity.
    Flag,
}

/// How a state column of several rows becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// Added up.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Lists of numbers, added position by position.
    Lists,
    /// Counted durations of `kaplan_meier()`, by `merge_kaplan_meier()`.
    KaplanMeier,
    /// Sketches of `quantile_sketch()`, by `merge_quantiles()`.
    Quantiles,
    /// Sketches of `distinct_sketch()`, by `merge_distinct()`.
    Distinct,
    /// Counted transitions of `markov_transitions()`, by `merge_markov()`.
    Markov,
}

impl Role {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Role::Dimension => "dimension",
            Role::State => "state",
            Role::Value => "value",
            Role::Bound => "bound",
            Role::Flag => "flag",
        }
    }
}

impl Merge {
    /// Every kind.
    pub const ALL: [Merge; 8] = [
        Merge::Sum,
        Merge::Min,
        Merge::Max,
        Merge::Lists,
        Merge::KaplanMeier,
        Merge::Quantiles,
        Merge::Distinct,
        Merge::Markov,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Merge::Sum => "sum",
            Merge::Min => "min",
            Merge::Max => "max",
            Merge::Lists => "lists",
            Merge::KaplanMeier => "kaplan_meier",
            Merge::Quantiles => "quantiles",
            Merge::Distinct => "distinct",
            Merge::Markov => "markov",
        }
    }

    /// The aggregate that merges state of this kind.
    pub fn aggregate(self) -> &'static str {
        match self {
            Merge::Sum => "sum",
            Merge::Min => "min",
            Merge::Max => "max",
            Merge::Lists => "sum_lists",
            Merge::KaplanMeier => "merge_kaplan_meier",
            Merge::Quantiles => "merge_quantiles",
            Merge::Distinct => "merge_distinct",
            Merge::Markov => "merge_markov",
        }
    }

    /// The aggregate that alone makes state of this kind; none where any query may.
    pub fn made_by(self) -> Option<&'static str> {
        match self {
            Merge::Sum | Merge::Min | Merge::Max | Merge::Lists => None,
            Merge::KaplanMeier => Some("kaplan_meier"),
            Merge::Quantiles => Some("quantile_sketch"),
            Merge::Distinct => Some("distinct_sketch"),
            Merge::Markov => Some("markov_transitions"),
        }
    }
}

/// Inclusive limits of a column.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least value.
    #[serde(default)]
    pub min: Option<Value>,
    /// The greatest value.
    #[serde(default)]
    pub max: Option<Value>,
}

/// A value in a contract: number, text (dates too) or boolean.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// true or false
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text, a day or an instant.
    Text(String),
}

/// A check of the table's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The check's name.
    pub name: Spanned<String>,
    /// Why it must hold.
    pub meaning: String,
    /// A query over `this` that returns the bad rows: none means pass.
    pub sql: Spanned<String>,
    /// Whether it stops the publish.
    #[serde(default)]
    pub severity: Severity,
}

/// What a failed check does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is published, and the run ends with exit code 10.
    #[default]
    Fail,
    /// It is logged and recorded in the ledger.
    Warn,
}

/// Inclusive limits on a partition's number of rows.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RowLimits {
    /// The least number of rows.
    #[serde(default)]
    pub min: Option<u64>,
    /// The greatest number of rows.
    #[serde(default)]
    pub max: Option<u64>,
    /// Whether it stops the publish.
    #[serde(default)]
    pub severity: Severity,
}

impl Contract {
    /// Reads the contract at `path` and checks it for mistakes of its own.
    pub fn read(path: &Path) -> Result<Contract> {
        let contract: Contract = yaml::read(path)?;
        contract.check(&path.display().to_string())?;
        Ok(contract)
    }

    fn check(&self, name: &str) -> Result<()> {
        let mut seen = BTreeSet::new();
        for column in &self.columns {
            if !is_name(&column.name.value) {
                let what = format!(
                    "`{}` is not a column's name, expected lower case letters, digits and \
                     underscores",
                    column.name.value
                );
                return Err(yaml::mistake(name, &column.name, what));
            }
            if column.name.value == crate::engine::partitions::PARTITION_COLUMN {
                let what = "`dt` is the partition column and never a column of the file";
                return Err(yaml::mistake(name, &column.name, what));
            }
            if !seen.insert(column.name.value.as_str()) {
                let what = format!("column `{}` stands twice", column.name.value);
                return Err(yaml::mistake(name, &column.name, what));
            }
            let data_type =
                column.arrow_type().map_err(|what| yaml::mistake(name, &column.data_type, what))?;
            check_values(column, &data_type)
                .map_err(|what| yaml::mistake(name, &column.name, what))?;
            if let Some(reference) = &column.references {
                parse_reference(&reference.value)
                    .map_err(|what| yaml::mistake(name, reference, what))?;
            }
        }
        let mut checks = BTreeSet::new();
        for check in &self.checks {
            if !is_name(&check.name.value) {
                let what = format!(
                    "`{}` is not a check's name, expected lower case letters, digits and \
                     underscores",
                    check.name.value
                );
                return Err(yaml::mistake(name, &check.name, what));
            }
            if !checks.insert(check.name.value.as_str()) {
                let what = format!("check `{}` stands twice", check.name.value);
                return Err(yaml::mistake(name, &check.name, what));
            }
        }
        if self.columns.is_empty() {
            return Err(yaml::mistake(name, &self.description, "a table needs columns"));
        }
        if self.grain.value.is_empty() {
            return Err(yaml::mistake(name, &self.grain, "`grain` is empty, expected columns"));
        }
        for column in &self.grain.value {
            if !seen.contains(column.as_str()) {
                let hint = did_you_mean(column, seen.iter().copied());
                let what = format!("grain column `{column}` is not among the columns{hint}");
                return Err(yaml::mistake(name, &self.grain, what));
            }
        }
        Ok(())
    }

    /// The schema of a published file: what readers get.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| {
            let data_type = column.arrow_type().unwrap_or(DataType::Null);
            // Every column is nullable in the file: a later contract may relax `required`, and
            // readers must not see the file's type change for it.
            Field::new(column.name.value.clone(), data_type, true)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.value == name)
    }

    /// The parameters that the table's own checks and formulas name, without the `$`. One in a
    /// quoted text counts too: it costs a needless check at most.
    pub fn parameters(&self) -> BTreeSet<&str> {
        let checks = self.checks.iter().map(|check| check.sql.value.as_str());
        let formulas = self.columns.iter().filter_map(|column| column.formula.as_ref());
        let texts = checks.chain(formulas.map(|formula| formula.value.as_str()));
        let names = texts.flat_map(|text| text.split('$').skip(1));
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        names
            .map(|rest| &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())])
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Whether a check of the table's own mentions `word`.
    pub fn mentions(&self, word: &str) -> bool {
        self.checks.iter().any(|check| check.sql.value.to_lowercase().contains(word))
    }

    /// Hash of what the contract demands, without its prose.
    pub fn hash(&self) -> ContentHash {
        #[derive(Serialize)]
        struct Demands<'a> {
            grain: &'a [String],
            columns: Vec<ColumnDemands<'a>>,
            checks: Vec<(&'a str, &'a str, Severity)>,
            rows: &'a Option<RowLimits>,
            algorithm: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct ColumnDemands<'a> {
            name: &'a str,
            data_type: &'a str,
            required: bool,
            accepted: &'a Option<Vec<Value>>,
            range: &'a Option<Range>,
            references: Option<&'a str>,
            severity: Severity,
            #[serde(skip_serializing_if = "Option::is_none")]
            formula: Option<&'a str>,
        }
        ContentHash::of_json(&Demands {
            grain: &self.grain.value,
            columns: self
                .columns
                .iter()
                .map(|column| ColumnDemands {
                    name: &column.name.value,
                    data_type: &column.data_type.value,
                    required: column.required,
                    accepted: &column.accepted,
                    range: &column.range,
                    references: column.references.as_ref().map(|r| r.value.as_str()),
                    severity: column.severity,
                    formula: column.formula.as_ref().map(|formula| formula.value.trim()),
                })
                .collect(),
            checks: self
                .checks
                .iter()
                .map(|check| (check.name.value.as_str(), check.sql.value.as_str(), check.severity))
                .collect(),
            rows: &self.rows,
            algorithm: self.algorithm.as_ref().map(|algorithm| algorithm.value.as_str()),
        })
    }
}

/// Lower case letters, digits and underscores.
fn is_name(text: &str) -> bool {
    let is_part =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    !text.is_empty() && text.chars().all(is_part)
}

impl Column {
    /// The column's type in Arrow and Parquet.
    pub fn arrow_type(&self) -> Result<DataType, String> {
        parse_type(&self.data_type.value)
    }

    /// The table and the column that this column refers to.
    pub fn reference(&self) -> Option<(TableName, String)> {
        parse_reference(&self.references.as_ref()?.value).ok()
    }
}

/// Checks that a column's accepted values and limits are values of its type: the queries that ask
/// for them would fail only once the table is built.
fn check_values(column: &Column, data_type: &DataType) -> Result<(), String> {
    let name = &column.name.value;
    let of_type = |key: &str, value: &Value| match number_line(value, data_type) {
        Some(place) => Ok(place),
        None => Err(format!(
            "`{key}` of column `{name}` has {}, which is no {}{}",
            shown(value),
            column.data_type.value,
            if *data_type == DataType::Utf8 { ": write it in quotes" } else { "" }
        )),
    };
    if let Some(accepted) = &column.accepted {
        if accepted.is_empty() {
            return Err(format!("`accepted` of column `{name}` is empty: no value would be left"));
        }
        for value in accepted {
            of_type("accepted", value)?;
        }
    }
    let Some(range) = &column.range else { return Ok(()) };
    if matches!(data_type, DataType::Utf8 | DataType::Boolean | DataType::List(_)) {
        return Err(format!(
            "`range` is for numbers, dates and timestamps, and column `{name}` is {}",
            column.data_type.value
        ));
    }
    let limit = |limit: &Option<Value>| limit.as_ref().map(|value| of_type("range", value));
    match (limit(&range.min).transpose()?, limit(&range.max).transpose()?) {
        (None, None) => Err(format!("`range` of column `{name}` has neither `min` nor `max`")),
        (Some(min), Some(max)) if min > max => {
            Err(format!("`range` of column `{name}` has its `min` above its `max`"))
        }
        _ => Ok(()),
    }
}

/// Where `value` stands among the values of `data_type`, for comparing limits; none where it is no
/// value of that type. Texts and booleans have no order that matters here.
pub(super) fn number_line(value: &Value, data_type: &DataType) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // for comparing limits that people write
    match (data_type, value) {
        (DataType::Utf8, Value::Text(_)) | (DataType::Boolean, Value::Boolean(_)) => Some(0.0),
        (DataType::Int64 | DataType::Float64 | DataType::Decimal128(..), Value::Integer(value)) => {
            Some(*value as f64)
        }
        (DataType::Float64 | DataType::Decimal128(..), Value::Number(value)) => Some(*value),
        (DataType::Date32, Value::Text(text)) => {
            let day: crate::dates::Day = text.parse().ok()?;
            Some(f64::from(day.to_epoch()))
        }
        (DataType::Timestamp(..), Value::Text(text)) => {
            let nanos = arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text);
            Some(nanos.ok()? as f64)
        }
        _ => None,
    }
}

/// A value as it is written.
fn shown(value: &Value) -> String {
    match value {
        Value::Boolean(value) => format!("`{value}`"),
        Value::Integer(value) => format!("`{value}`"),
        Value::Number(value) => format!("`{value}`"),
        Value::Text(value) => format!("`{value}`"),
    }
}

/// Hash of a schema's names and types.
pub fn schema_hash(schema: &Schema) -> ContentHash {
    let columns: Vec<(String, String)> = schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().to_string()))
        .collect();
    ContentHash::of_json(&columns)
}

const TYPES: [&str; 8] =
    ["string", "integer", "double", "boolean", "date", "timestamp", "decimal", "list"];

/// Reads a contract's type. Only types that every reader understands are there to be named.
pub fn parse_type(text: &str) -> Result<DataType, String> {
    let text = text.trim();
    if let Some(element) = text.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
        let element = parse_type(element)?;
        return Ok(DataType::List(Arc::new(Field::new_list_field(element, true))));
    }
    if let Some(arguments) = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
        let numbers: Vec<_> = arguments.split(',').map(|part| part.trim().parse::<i8>()).collect();
        if let [Ok(precision @ 1..=38), Ok(scale)] = numbers.as_slice()
            && (0..=*precision).contains(scale)
        {
            return Ok(DataType::Decimal128(precision.unsigned_abs(), *scale));
        }
        return Err(format!(
            "`{text}` is not a decimal, expected decimal(1 to 38, 0 to precision)"
        ));
    }
    Ok(match text {
        "string" => DataType::Utf8,
        "integer" => DataType::Int64,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => {
            return Err(format!(
                "unknown type `{text}`{}, expected string, integer, double, boolean, date, \
                 timestamp, decimal(p,s) or list<type>",
                did_you_mean(text, TYPES).replace('?', "")
            ));
        }
    })
}

/// A contract's name for an Arrow type.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "string".to_string(),
        DataType::Int64 => "integer".to_string(),
        DataType::Float64 => "double".to_string(),
        DataType::Boolean => "boolean".to_string(),
        DataType::Date32 => "date".to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_string(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(element) => format!("list<{}>", type_name(element.data_type())),
        other => other.to_string().to_lowercase(),
    }
}

/// Whether a query's column of type `found` can be published as `declared` without changing what
/// any value means: only the representation is normalised.
pub fn conforms(found: &DataType, declared: &DataType) -> bool {
    use DataType::{
        Decimal128, Dictionary, Int8, Int16, Int32, Int64, LargeList, LargeUtf8, List, Null,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match (found, declared) {
        (found, declared) if found == declared => true,
        (Null, _) | (Utf8View | LargeUtf8, Utf8) => true,
        (Dictionary(_, value), declared) => conforms(value, declared),
        (Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 | UInt64, Int64) => true,
        // Without a zone an instant could be anywhere.
        (Timestamp(_, Some(_)), Timestamp(_, Some(_))) => true,
        (Decimal128(precision, scale), Decimal128(declared_precision, declared_scale)) => {
            scale == declared_scale && precision <= declared_precision
        }
        (List(found) | LargeList(found), List(declared)) => {
            conforms(found.data_type(), declared.data_type())
        }
        _ => false,
    }
}

fn parse_reference(text: &str) -> Result<(TableName, String), String> {
    match text.split('.').collect::<Vec<_>>().as_slice() {
        [zone, table, column] => Ok((TableName::new(*zone, *table), (*column).to_string())),
        _ => Err(format!("`{text}` is not a reference, expected zone.table.column")),
    }
}

/// The error for a contract that names an entity nobody declares.
pub fn unknown_entity<'a>(
    path: &Path,
    entity: &Spanned<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Error {
    let hint = did_you_mean(&entity.value, known);
    yaml::mistake(
        &path.display().to_string(),
        entity,
        format!("unknown entity `{}`{hint}", entity.value),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_travel() {
        assert_eq!(parse_type("decimal(18,4)"), Ok(DataType::Decimal128(18, 4)));
        assert_eq!(type_name(&parse_type("list<integer>").unwrap()), "list<integer>");
        for wrong in ["decimal(39,2)", "decimal(4,5)", "int", "struct", "list<float>", ""] {
            assert!(parse_type(wrong).is_err(), "{wrong}");
        }
        let message = parse_type("strin").unwrap_err();
        assert!(message.contains("did you mean `string`"), "{message}");
    }

    #[test]
    fn limits_and_accepted_values_are_of_the_columns_type() {
        let check = |column: &str| {
            let text = format!(
                "description: d\ngrain: [a]\ncolumns:\n  - {{name: a, meaning: m, {column}}}\n"
            );
            let contract: Contract = yaml::parse("t.yml", &text).unwrap();
            contract.check("t.yml").map_err(|error| error.chain())
        };
        for right in [
            "type: integer, range: {min: 1, max: 1}",
            "type: 'decimal(9,2)', accepted: [1, 2.50], range: {min: 0}",
            "type: date, accepted: [2024-02-29], range: {max: 2024-12-31}",
            "type: timestamp, range: {min: 2024-02-29, max: '2024-02-29T12:00:00Z'}",
            "type: boolean, accepted: [true]",
            "type: string, accepted: [a, '1']",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, fragment) in [
            ("type: integer, range: {min: 3, max: 1}", "`min` above its `max`"),
            ("type: integer, range: {}", "neither"),
            ("type: integer, accepted: []", "empty"),
            ("type: integer, accepted: [1.5]", "has `1.5`, which is no integer"),
            ("type: date, range: {min: yesterday}", "no date"),
            ("type: date, accepted: [2024-02-30]", "no date"),
            ("type: timestamp, range: {min: noon}", "no timestamp"),
            ("type: string, range: {min: 3}", "for numbers"),
            ("type: string, accepted: [1]", "write it in quotes"),
            ("type: list<string>, accepted: [a]", "no list<string>"),
        ] {
            let error = check(wrong).unwrap_err();
            assert!(error.starts_with("t.yml:4:12: "), "{error}");
            assert!(error.contains(fragment), "{wrong}: {error}");
        }
    }

    #[test]
    fn checks_name_parameters() {
        let text = "description: d\ngrain: [a]\ncolumns: [{name: a, type: date, meaning: m}]\n\
                    checks: [{name: c, meaning: m, sql: 'select * from this where a>$run_date-$n'}]\n";
        let contract: Contract = yaml::parse("t.yml", text).unwrap();
        assert_eq!(contract.parameters().into_iter().collect::<Vec<_>>(), ["n", "run_date"]);
    }

    #[test]
    fn only_representation_is_normalised() {
        let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
        assert!(conforms(&utc(TimeUnit::Nanosecond), &utc(TimeUnit::Microsecond)));
        assert!(conforms(&DataType::UInt64, &DataType::Int64));
        assert!(conforms(&DataType::Decimal128(10, 2), &DataType::Decimal128(18, 2)));
        assert!(!conforms(&DataType::Decimal128(10, 4), &DataType::Decimal128(18, 2)));
        assert!(!conforms(&DataType::Float64, &DataType::Int64));
        let zoneless = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert!(!conforms(&zoneless, &utc(TimeUnit::Microsecond)));
    }
}
