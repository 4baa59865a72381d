//! The SQL functions that models call beyond DataFusion's own: arrow's side of the algorithms.
//!
//! A function is a [`Declaration`]: a row of data with the code that evaluates it. What the
//! functions compute is the algorithms' business; here are types, nulls, scalars and errors.

mod aggregates;
mod arguments;
mod attribution;
mod likeness;
mod lists;
mod points;
mod schedules;
mod scores;
mod sketches;
mod sorted;
mod survival;
mod text;
mod time;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::config::Schedules;
use arguments::Arguments;
pub use schedules::BUSINESS_MINUTES;

/// The version of all functions together. It is part of every fingerprint: raise it whenever any
/// function returns something else than before for some argument, also where a dependency is the
/// cause (phone metadata, time zones, the lexicon), so that what was built with it is rebuilt.
/// A test compares the functions' results on a corpus with what this version returned.
pub const FUNCTIONS_VERSION: &str = "1";

/// All functions, to register with a session of a project that declares no schedules.
pub fn all() -> Vec<Arc<ScalarUDF>> {
    all_with(&Arc::default())
}

/// All functions, to register with a session. `schedules` are those that they know by name.
pub fn all_with(schedules: &Arc<Schedules>) -> Vec<Arc<ScalarUDF>> {
    [
        text::DECLARATIONS,
        time::DECLARATIONS,
        schedules::DECLARATIONS,
        scores::DECLARATIONS,
        survival::DECLARATIONS,
        sketches::DECLARATIONS,
        attribution::DECLARATIONS,
        points::DECLARATIONS,
        likeness::DECLARATIONS,
    ]
    .into_iter()
    .flatten()
    .map(|declaration| {
        Arc::new(ScalarUDF::new_from_impl(Function::new(declaration, Arc::clone(schedules))))
    })
    .collect()
}

/// All aggregates, to register with a session.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    [
        survival::aggregates(),
        sketches::aggregates(),
        attribution::aggregates(),
        points::aggregates(),
        sorted::aggregates(),
    ]
    .into_iter()
    .flatten()
    .chain([Arc::new(AggregateUDF::from(lists::SumLists::default()))])
    .collect()
}

/// What a function takes and returns, what it means, and how it is evaluated.
struct Declaration {
    name: &'static str,
    parameters: &'static [Parameter],
    /// How many parameters at the end may be left out.
    optional: usize,
    returns: fn() -> DataType,
    /// Whether a null argument always gives null.
    is_strict: bool,
    description: &'static str,
    example: &'static str,
    /// One value a row of the arguments.
    evaluate: fn(&Arguments) -> Result<ArrayRef>,
}

/// A parameter of a function.
#[derive(Debug)]
struct Parameter {
    name: &'static str,
    kind: Kind,
    meaning: &'static str,
}

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Text of any representation.
    Text,
    /// Text that names a time zone of the IANA database.
    Zone,
    /// Text that names a region by ISO 3166-1 alpha-2.
    Region,
    /// A whole number.
    Integer,
    /// A whole or a broken number.
    Double,
    /// A day.
    Date,
    /// A timestamp of any unit; without a zone it is taken as UTC.
    Instant,
    /// A timestamp without a zone, or text that spells one.
    LocalTime,
    /// Text that names a schedule of the project.
    Schedule,
    /// True or false.
    Boolean,
    /// An amount of money, or a count: a decimal of up to four digits after the point.
    Money,
    /// What is counted once: text, a whole number or a day.
    Value,
    /// A list of whole numbers.
    Integers,
    /// A list of texts.
    Texts,
}

impl Kind {
    /// The type that DataFusion casts an argument of type `given` to; none where it does not fit.
    fn accept(self, given: &DataType) -> Option<DataType> {
        let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let accepted = match (self, given) {
            (_, DataType::Dictionary(_, values)) => return self.accept(values),
            // A parameter not bound yet, or a bare null.
            (
                Kind::Text
                | Kind::Zone
                | Kind::Region
                | Kind::Schedule
                | Kind::LocalTime
                | Kind::Value,
                DataType::Null,
            ) => DataType::Utf8View,
            (
                Kind::Text
                | Kind::Zone
                | Kind::Region
                | Kind::Schedule
                | Kind::LocalTime
                | Kind::Value,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            ) => DataType::Utf8View,
            (Kind::Value, DataType::Date32) => DataType::Date32,
            (Kind::Value, given) if given.is_integer() => DataType::Int64,
            (Kind::Boolean, DataType::Null | DataType::Boolean) => DataType::Boolean,
            (Kind::Money, DataType::Null | DataType::Decimal128(_, 0..=4)) => money(),
            (Kind::Money, given) if given.is_integer() => money(),
            (Kind::Integers, DataType::Null) => integers(),
            (Kind::Texts, DataType::Null) => texts(),
            (
                Kind::Integers | Kind::Texts,
                DataType::List(element)
                | DataType::LargeList(element)
                | DataType::FixedSizeList(element, _),
            ) => match (self, element.data_type()) {
                (Kind::Integers, DataType::Null) => integers(),
                (Kind::Integers, given) if given.is_integer() => integers(),
                (
                    Kind::Texts,
                    DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
                ) => texts(),
                _ => return None,
            },
            (Kind::LocalTime, DataType::Timestamp(_, None) | DataType::Date32) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            (Kind::Instant, DataType::Null | DataType::Timestamp(_, _)) => instant(),
            (Kind::Date, DataType::Null | DataType::Date32) => DataType::Date32,
            (Kind::Integer, DataType::Null) => DataType::Int64,
            (Kind::Integer, given) if given.is_integer() => DataType::Int64,
            (Kind::Double, DataType::Null) => DataType::Float64,
            (Kind::Double, given) if given.is_numeric() => DataType::Float64,
            _ => return None,
        };
        Some(accepted)
    }

    /// What the parameter accepts, for people.
    fn words(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Zone => "a time zone as text",
            Kind::Region => "a region as text",
            Kind::Integer => "an integer",
            Kind::Double => "a number",
            Kind::Date => "a date",
            Kind::Instant => "a timestamp",
            Kind::LocalTime => "a timestamp without a zone, a date, or text",
            Kind::Schedule => "a schedule's name as text",
            Kind::Boolean => "true or false",
            Kind::Money => "a decimal of up to four digits after the point",
            Kind::Value => "text, an integer or a date",
            Kind::Integers => "a list of integers",
            Kind::Texts => "a list of texts",
        }
    }
}

/// Lists of whole numbers, as contracts declare them.
fn integers() -> DataType {
    DataType::new_list(DataType::Int64, true)
}

/// Lists of texts, as contracts declare them.
fn texts() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

/// Amounts of money, as contracts declare them.
fn money() -> DataType {
    DataType::Decimal128(18, 4)
}

/// `name(parameter, parameter[, parameter])`
fn usage(name: &str, parameters: &[Parameter], optional: usize) -> String {
    let required = parameters.len() - optional;
    let mut usage = format!("{name}(");
    for (index, parameter) in parameters.iter().enumerate() {
        if index >= required {
            usage.push('[');
        }
        if index > 0 {
            usage.push_str(", ");
        }
        usage.push_str(parameter.name);
    }
    usage.push_str(&"]".repeat(optional));
    usage.push(')');
    usage
}

/// The types that arguments of the types `given` are cast to.
fn coerce(
    usage: &str,
    parameters: &[Parameter],
    optional: usize,
    given: &[DataType],
) -> Result<Vec<DataType>> {
    let most = parameters.len();
    if given.len() > most || given.len() + optional < most {
        return plan_err!("{usage} was called with {} arguments", given.len());
    }
    let mut accepted = Vec::with_capacity(given.len());
    for (parameter, given) in parameters.iter().zip(given) {
        let Some(kind) = parameter.kind.accept(given) else {
            let words = parameter.kind.words();
            return plan_err!("{usage} takes {words} as `{}`, not {given}", parameter.name);
        };
        accepted.push(kind);
    }
    Ok(accepted)
}

/// What there is to know of a function.
fn document(
    description: &str,
    usage: String,
    example: &str,
    parameters: &[Parameter],
) -> Documentation {
    let section = DocSection { include: true, label: "Rapport Functions", description: None };
    let mut documentation =
        Documentation::builder(section, description, usage).with_sql_example(example);
    for parameter in parameters {
        documentation = documentation.with_argument(parameter.name, parameter.meaning);
    }
    documentation.build()
}

/// A declaration as DataFusion wants it.
#[derive(Debug)]
struct Function {
    declaration: &'static Declaration,
    schedules: Arc<Schedules>,
    signature: Signature,
    documentation: Documentation,
}

impl std::fmt::Debug for Declaration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

// Names are unique within a session, and DataFusion itself finds functions by name.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.declaration.name == other.declaration.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
    }
}

impl Function {
    fn new(declaration: &'static Declaration, schedules: Arc<Schedules>) -> Self {
        let Declaration { description, example, parameters, .. } = declaration;
        Function {
            declaration,
            schedules,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: document(description, declaration.usage(), example, parameters),
        }
    }
}

impl Declaration {
    fn usage(&self) -> String {
        usage(self.name, self.parameters, self.optional)
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.declaration.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Declaration { parameters, optional, .. } = self.declaration;
        coerce(&self.declaration.usage(), parameters, *optional, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok((self.declaration.returns)())
    }

    /// Besides the type, it refuses constants that can never be right, so that `rapport check`
    /// finds a misspelt time zone or schedule before a night's run does.
    fn return_field_from_args(&self, given: ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
        for (parameter, constant) in self.declaration.parameters.iter().zip(given.scalar_arguments)
        {
            let Some(Some(text)) = constant.and_then(|value| value.try_as_str()) else {
                continue;
            };
            if parameter.kind == Kind::Zone {
                time::zone(text)?;
            }
            if parameter.kind == Kind::Region {
                text::check_region(text)?;
            }
            if parameter.kind == Kind::Schedule {
                schedules::schedule(&self.schedules, text)?;
            }
        }
        let field = arrow::datatypes::Field::new(self.name(), (self.declaration.returns)(), true);
        Ok(Arc::new(field))
    }

    fn is_strict(&self) -> bool {
        self.declaration.is_strict
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = given.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { given.number_rows };
        let arguments = Arguments::new(self.declaration.name, &self.schedules, &given.args, rows)?;
        let values = (self.declaration.evaluate)(&arguments)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(values))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

#[cfg(test)]
mod tests;
