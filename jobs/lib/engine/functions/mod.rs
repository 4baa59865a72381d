//! The SQL functions that models call beyond DataFusion's own: arrow's side of the algorithms.
//!
//! A function is a [`Declaration`]: a row of data with the code that evaluates it. What the
//! functions compute is the algorithms' business; here are types, nulls, scalars and errors.

mod arguments;
mod lists;
mod scores;
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

use arguments::Arguments;

/// The version of all functions together. It is part of every fingerprint: raise it whenever any
/// function returns something else than before for some argument, also where a dependency is the
/// cause (phone metadata, time zones, the lexicon), so that what was built with it is rebuilt.
/// A test compares the functions' results on a corpus with what this version returned.
pub const FUNCTIONS_VERSION: &str = "1";

/// All functions, to register with a session.
pub fn all() -> Vec<Arc<ScalarUDF>> {
    [text::DECLARATIONS, time::DECLARATIONS, scores::DECLARATIONS]
        .into_iter()
        .flatten()
        .map(|declaration| Arc::new(ScalarUDF::new_from_impl(Function::new(declaration))))
        .collect()
}

/// All aggregates, to register with a session.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::from(lists::SumLists::default()))]
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
struct Parameter {
    name: &'static str,
    kind: Kind,
    meaning: &'static str,
}

/// What a parameter accepts.
#[derive(Clone, Copy, PartialEq)]
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
}

impl Kind {
    /// The type that DataFusion casts an argument of type `given` to; none where it does not fit.
    fn accept(self, given: &DataType) -> Option<DataType> {
        let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let accepted = match (self, given) {
            (_, DataType::Dictionary(_, values)) => return self.accept(values),
            // A parameter not bound yet, or a bare null.
            (Kind::Text | Kind::Zone | Kind::Region | Kind::LocalTime, DataType::Null) => {
                DataType::Utf8View
            }
            (
                Kind::Text | Kind::Zone | Kind::Region | Kind::LocalTime,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            ) => DataType::Utf8View,
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
        }
    }
}

/// A declaration as DataFusion wants it.
#[derive(Debug)]
struct Function {
    declaration: &'static Declaration,
    signature: Signature,
    documentation: Documentation,
}

impl std::fmt::Debug for Declaration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

// Names are unique, and DataFusion itself finds functions by name.
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
    fn new(declaration: &'static Declaration) -> Self {
        let section = DocSection { include: true, label: "Rapport Functions", description: None };
        let mut documentation =
            Documentation::builder(section, declaration.description, declaration.usage())
                .with_sql_example(declaration.example);
        for parameter in declaration.parameters {
            documentation = documentation.with_argument(parameter.name, parameter.meaning);
        }
        Function {
            declaration,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation.build(),
        }
    }
}

impl Declaration {
    /// `name(parameter, parameter[, parameter])`
    fn usage(&self) -> String {
        let required = self.parameters.len() - self.optional;
        let mut usage = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            if index >= required {
                usage.push('[');
            }
            if index > 0 {
                usage.push_str(", ");
            }
            usage.push_str(parameter.name);
        }
        usage.push_str(&"]".repeat(self.optional));
        usage.push(')');
        usage
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
        let declaration = self.declaration;
        let most = declaration.parameters.len();
        if given.len() > most || given.len() + declaration.optional < most {
            let usage = declaration.usage();
            return plan_err!("{usage} was called with {} arguments", given.len());
        }
        let mut accepted = Vec::with_capacity(given.len());
        for (parameter, given) in declaration.parameters.iter().zip(given) {
            let Some(kind) = parameter.kind.accept(given) else {
                let (usage, words) = (declaration.usage(), parameter.kind.words());
                return plan_err!("{usage} takes {words} as `{}`, not {given}", parameter.name);
            };
            accepted.push(kind);
        }
        Ok(accepted)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok((self.declaration.returns)())
    }

    /// Besides the type, it refuses constants that can never be right, so that `rapport check`
    /// finds a misspelt time zone before a night's run does.
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
        let arguments = Arguments::new(self.declaration.name, &given.args, rows)?;
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
