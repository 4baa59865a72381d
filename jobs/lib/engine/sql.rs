//! SQL text as the engine takes it: one `select` statement with `$name` parameters.
//!
//! Knows nothing of what a model is; only how to read a statement, which tables it names, and how
//! to bind its parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Expr, Ident, ObjectNamePart, Spanned as _, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::config::Parameter;
use crate::dates::Day;
use crate::engine::functions::BUSINESS_MINUTES;
use crate::errors::{Error, Kind, Result};
use crate::lake::TableName;

/// A statement, and what it names.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where the text stands, for errors.
    pub name: String,
    /// The text as written.
    pub text: String,
    /// The text without comments and white space of its own: equal texts, equal queries.
    pub canonical: String,
    /// The tables it reads, each with its place.
    pub tables: BTreeMap<TableName, Place>,
    /// The parameters it names, without the `$`.
    pub parameters: BTreeSet<String>,
    /// The schedules that it measures time by.
    pub schedules: SchedulesUsed,
    statement: Box<ast::Statement>,
}

/// The schedules that a statement calls [`BUSINESS_MINUTES`] with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchedulesUsed {
    /// Those of these names; perhaps none.
    Named(BTreeSet<String>),
    /// Any: the name is a parameter or a column.
    Any,
}

impl Default for SchedulesUsed {
    fn default() -> Self {
        SchedulesUsed::Named(BTreeSet::new())
    }
}

impl SchedulesUsed {
    /// Those that the call `expr` uses, where it is one.
    fn note(&mut self, expr: &Expr) {
        let Expr::Function(call) = expr else { return };
        if !call.name.to_string().eq_ignore_ascii_case(BUSINESS_MINUTES) {
            return;
        }
        let name = match &call.args {
            ast::FunctionArguments::List(list) => list.args.get(2).and_then(literal_text),
            _ => None,
        };
        match (name, &mut *self) {
            (Some(name), SchedulesUsed::Named(names)) => {
                names.insert(name.to_string());
            }
            (None, used) => *used = SchedulesUsed::Any,
            (Some(_), SchedulesUsed::Any) => {}
        }
    }
}

fn literal_text(argument: &ast::FunctionArg) -> Option<&str> {
    let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(Expr::Value(value))) = argument else {
        return None;
    };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// A place in a text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Default for Place {
    fn default() -> Self {
        Place { line: 1, column: 1 }
    }
}

/// What a parameter stands for in a bound query.
#[derive(Debug, Clone)]
pub enum Bound<'a> {
    /// `$run_date` is this day.
    Day(Day),
    /// `$run_date` stays open, as a call of [`crate::engine::OPEN_RUN_DATE`].
    Open,
    /// A setting's value.
    Value(&'a Parameter),
}

impl Query {
    /// Reads `text`; `name` says in errors where it came from.
    ///
    /// Errors: [`Kind::Usage`] for a syntax error, for anything but one query, for expressions
    /// nested too deep, and for a table that is not written `zone.table`, each with its place.
    pub fn parse(name: &str, text: &str) -> Result<Query> {
        let dialect = GenericDialect {};
        let mut statements = DFParserBuilder::new(text)
            .with_dialect(&dialect)
            .with_recursion_limit(PARSER_LEVELS)
            .build()
            .and_then(|mut parser| parser.parse_statements())
            .map_err(|error| syntax_error(name, &error.to_string()))?;
        let statement = match (statements.pop_front(), statements.len()) {
            (Some(Statement::Statement(statement)), 0)
                if matches!(*statement, ast::Statement::Query(_)) =>
            {
                statement
            }
            _ => {
                return Err(Error::new(
                    Kind::Usage,
                    format!("{name}:1:1: expected exactly one `select` statement"),
                ));
            }
        };
        let statement = not_too_deep(name, statement)?;
        let mut names = Names::default();
        let _ = Visit::visit(statement.as_ref(), &mut names);
        let tables = names.tables(name, text, &statement)?;
        Ok(Query {
            name: name.to_string(),
            text: text.to_string(),
            canonical: statement.to_string(),
            tables,
            parameters: names.parameters,
            schedules: names.schedules,
            statement,
        })
    }

    /// The statement with its parameters bound by `value`, which is asked by name.
    ///
    /// Errors: [`Kind::Usage`] where `value` knows no such parameter.
    pub fn bind<'a>(&self, value: impl Fn(&str) -> Option<Bound<'a>>) -> Result<Statement> {
        let unknown = |name: &str| {
            let place = self.place_of(&format!("${name}"));
            self.error(place, format!("unknown parameter `${name}`"))
        };
        let literals = literals(&self.parameters, value, unknown)?;
        let mut statement = self.statement.clone();
        let _ = VisitMut::visit(statement.as_mut(), &mut Binder { literals });
        Ok(Statement::Statement(statement))
    }

    /// The error `what` at `place` of this query.
    pub fn error(&self, place: Place, what: impl std::fmt::Display) -> Error {
        let Place { line, column } = place;
        Error::new(Kind::Usage, format!("{}:{line}:{column}: {what}", self.name))
    }

    /// Where `word` first stands as a word of its own; the start of the text where it does not.
    pub fn place_of(&self, word: &str) -> Place {
        place_in(&self.text, word)
    }
}

/// How deep expressions may nest. Planning takes stack for every level: a statement of some
/// thousand would end the process.
const LEVELS: usize = 500;

/// How deep parentheses, cases and subqueries may nest, of which each takes the parser several
/// levels.
const PARSER_LEVELS: usize = 150;

/// `statement`, unless its expressions nest too deep.
fn not_too_deep(name: &str, statement: Box<ast::Statement>) -> Result<Box<ast::Statement>> {
    let mut nesting = Nesting::default();
    if Visit::visit(statement.as_ref(), &mut nesting).is_continue() {
        return Ok(statement);
    }
    // To take it apart would need as much stack again.
    std::mem::forget(statement);
    let Place { line, column } = nesting.place;
    let what = format!(
        "{name}:{line}:{column}: an expression nests deeper than {LEVELS} levels, such as a chain \
         of as many `or`; use `in (…)` or join a table of the values"
    );
    Err(Error::new(Kind::Usage, what))
}

/// How deep expressions nest where a visit is, and where it went too deep.
#[derive(Default)]
struct Nesting {
    levels: usize,
    place: Place,
}

impl Visitor for Nesting {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.levels += 1;
        if self.levels > LEVELS {
            // Its own place is worked out of all below it, which takes as much stack again.
            if let Expr::BinaryOp { right, .. } = expression {
                let start = right.span().start;
                self.place = Place { line: start.line.max(1), column: start.column.max(1) };
            }
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.levels -= 1;
        ControlFlow::Continue(())
    }
}

/// An expression over the columns of one row.
#[derive(Debug, Clone)]
pub struct Formula {
    /// The text without comments and white space of its own.
    pub canonical: String,
    /// The columns it names.
    pub columns: BTreeSet<String>,
    /// The parameters it names, without the `$`.
    pub parameters: BTreeSet<String>,
    expression: Box<Expr>,
}

impl Formula {
    /// Reads `text`.
    ///
    /// Errors: what is wrong, for a syntax error and for anything but an expression over one row's
    /// own columns.
    pub fn parse(text: &str) -> Result<Formula, String> {
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql(text)
            .map_err(|error| error.to_string())?;
        let expression = parser.parse_expr().map_err(|error| error.to_string())?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            return Err(format!("expected one expression, found `{rest}` after it"));
        }
        let mut names = FormulaNames::default();
        let _ = Visit::visit(&expression, &mut names);
        if let Some(what) = names.foreign {
            return Err(format!("a formula is over one row's own columns, and this has {what}"));
        }
        Ok(Formula {
            canonical: expression.to_string(),
            columns: names.columns,
            parameters: names.parameters,
            expression: Box::new(expression),
        })
    }

    /// The expression with its parameters bound by `value`, which is asked by name.
    ///
    /// Errors: [`Kind::Usage`] where `value` knows no such parameter.
    pub fn bind<'a>(&self, value: impl Fn(&str) -> Option<Bound<'a>>) -> Result<String> {
        let unknown = |name: &str| Error::new(Kind::Usage, format!("unknown parameter `${name}`"));
        let literals = literals(&self.parameters, value, unknown)?;
        let mut expression = self.expression.clone();
        let _ = VisitMut::visit(expression.as_mut(), &mut Binder { literals });
        Ok(expression.to_string())
    }
}

#[derive(Default)]
struct FormulaNames {
    columns: BTreeSet<String>,
    parameters: BTreeSet<String>,
    /// What is in it that no row alone can tell.
    foreign: Option<String>,
}

impl Visitor for FormulaNames {
    type Break = ();

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        self.foreign.get_or_insert_with(|| "a query in it".to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(name) if name.quote_style.is_none() => {
                self.columns.insert(name.value.to_lowercase());
            }
            Expr::Identifier(name) => {
                self.columns.insert(name.value.clone());
            }
            Expr::CompoundIdentifier(_) => {
                self.foreign.get_or_insert_with(|| format!("`{expression}` of a table"));
            }
            Expr::Function(call) if call.over.is_some() => {
                self.foreign.get_or_insert_with(|| "a window over others".to_string());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &value.value {
            self.parameters.insert(name.trim_start_matches('$').to_string());
        }
        ControlFlow::Continue(())
    }
}

/// What each of `parameters` stands for, by its name with the `$`.
fn literals<'a>(
    parameters: &BTreeSet<String>,
    value: impl Fn(&str) -> Option<Bound<'a>>,
    unknown: impl Fn(&str) -> Error,
) -> Result<BTreeMap<String, Expr>> {
    let bound = parameters.iter().map(|name| {
        let bound = value(name).ok_or_else(|| unknown(name))?;
        Ok((format!("${name}"), literal(&bound)?))
    });
    bound.collect()
}

fn place_in(text: &str, word: &str) -> Place {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    for (line, text) in text.lines().enumerate() {
        let code = text.split("--").next().unwrap_or_default();
        for (start, _) in code.match_indices(word) {
            let before = code[..start].chars().next_back();
            let after = code[start + word.len()..].chars().next();
            if !before.is_some_and(is_part) && !after.is_some_and(is_part) {
                let column = code[..start].chars().count() + 1;
                return Place { line: line as u64 + 1, column: column as u64 };
            }
        }
    }
    Place::default()
}

/// sqlparser ends its messages with `at Line: 3, Column: 7`.
fn syntax_error(name: &str, message: &str) -> Error {
    let number_after = |label: &str| -> Option<u64> {
        let rest = &message[message.rfind(label)? + label.len()..];
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let line = number_after("Line: ").unwrap_or(1);
    let column = number_after("Column: ").unwrap_or(1);
    if message.contains("RecursionLimitExceeded") {
        let what =
            format!("{name}:1:1: the query nests too deep, part it into named `with` queries");
        return Error::new(Kind::Usage, what);
    }
    let what = message.split(" at Line:").next().unwrap_or(message);
    let what = what.trim_start_matches("SQL error: ").trim_start_matches("ParserError(\"");
    Error::new(Kind::Usage, format!("{name}:{line}:{column}: {}", what.trim_end_matches("\")")))
}

fn literal(bound: &Bound<'_>) -> Result<Expr> {
    let text = match bound {
        Bound::Day(day) => format!("cast('{day}' as date)"),
        Bound::Open => format!("{}()", crate::engine::OPEN_RUN_DATE),
        Bound::Value(Parameter::Boolean(value)) => value.to_string(),
        Bound::Value(Parameter::Integer(value)) => format!("({value})"),
        Bound::Value(Parameter::Double(value)) => format!("(cast({value} as double))"),
        Bound::Value(Parameter::Text(value)) => format!("'{}'", value.replace('\'', "''")),
    };
    Parser::new(&GenericDialect {})
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| Error::new(Kind::Defect, format!("bind `{text}`")).because(error))
}

#[derive(Default)]
struct Names {
    parameters: BTreeSet<String>,
    schedules: SchedulesUsed,
    relations: Vec<ast::ObjectName>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<()> {
        self.relations.push(relation.clone());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.schedules.note(expr);
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &value.value {
            self.parameters.insert(name.trim_start_matches('$').to_string());
        }
        ControlFlow::Continue(())
    }
}

impl Names {
    /// The tables that are no CTEs.
    fn tables(
        &self,
        name: &str,
        text: &str,
        statement: &ast::Statement,
    ) -> Result<BTreeMap<TableName, Place>> {
        let wrapped = Statement::Statement(Box::new(statement.clone()));
        let (_, common) = datafusion::sql::resolve::resolve_table_references(&wrapped, true)
            .map_err(|error| {
                Error::new(Kind::Usage, format!("{name}:1:1: resolve tables")).because(error)
            })?;
        let is_common = |ident: &Ident| {
            common.iter().any(|reference| reference.table().eq_ignore_ascii_case(&ident.value))
        };
        let mut tables = BTreeMap::new();
        for relation in &self.relations {
            let parts: Vec<_> = relation
                .0
                .iter()
                .filter_map(|part| match part {
                    ObjectNamePart::Identifier(ident) => Some(ident),
                    ObjectNamePart::Function(_) => None,
                })
                .collect();
            match parts.as_slice() {
                [ident] if is_common(ident) || relation.0.len() != 1 => {}
                // A table function such as unnest or generate_series has a lower-case name of
                // its own and no partition.
                [ident] if TABLE_FUNCTIONS.contains(&ident.value.as_str()) => {}
                [zone, table] => {
                    let place = place(zone);
                    tables
                        .entry(TableName::new(
                            zone.value.to_lowercase(),
                            table.value.to_lowercase(),
                        ))
                        .or_insert(place);
                }
                _ => {
                    // The parser keeps no place of a name in single quotes, as a file's would be.
                    let Place { line, column } = match parts.first() {
                        Some(ident) if ident.span.start.line > 0 => place(ident),
                        _ => place_in(text, &relation.to_string()),
                    };
                    return Err(Error::new(
                        Kind::Usage,
                        format!(
                            "{name}:{line}:{column}: `{relation}` is not a table, expected \
                             zone.table such as staging.orders, or the name of a CTE"
                        ),
                    ));
                }
            }
        }
        Ok(tables)
    }
}

const TABLE_FUNCTIONS: [&str; 4] = ["unnest", "generate_series", "range", "this"];

fn place(ident: &Ident) -> Place {
    match ident.span.start {
        start if start.line > 0 => Place { line: start.line, column: start.column },
        _ => Place::default(),
    }
}

struct Binder {
    literals: BTreeMap<String, Expr>,
}

impl VisitorMut for Binder {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
            && let Some(literal) = self.literals.get(name)
        {
            *expr = literal.clone();
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_common_table_expressions() {
        let query = Query::parse(
            "q.sql",
            "-- a comment\nwith orders as (select * from staging.orders where dt = $run_date)\n\
             select * from orders join marts.customers using (customer_id) where n > $minimum",
        )
        .unwrap();
        let tables: Vec<_> = query.tables.iter().map(|(t, p)| (t.to_string(), p.line)).collect();
        assert_eq!(tables, [("marts.customers".to_string(), 3), ("staging.orders".to_string(), 2)]);
        assert_eq!(query.parameters.iter().collect::<Vec<_>>(), ["minimum", "run_date"]);
        assert!(!query.canonical.contains("comment"));
    }

    #[test]
    fn what_would_take_all_stack_is_refused_with_its_place() {
        let chain = |operator: &str, count: usize| {
            let terms: Vec<String> = (0..count).map(|term| format!("n = {term}")).collect();
            format!("select n\nfrom staging.t\nwhere {}", terms.join(operator))
        };
        assert!(Query::parse("q.sql", &chain(" or ", 400)).is_ok());
        for (operator, count) in [(" or ", 600), (" and ", 100_000)] {
            let error = Query::parse("q.sql", &chain(operator, count)).unwrap_err().to_string();
            assert!(error.starts_with("q.sql:3:"), "{error}");
            assert!(error.contains("nests deeper than 500 levels"), "{error}");
        }
        let nested = |count: usize| {
            format!("select {}n{} from staging.t", "(".repeat(count), " + 1)".repeat(count))
        };
        assert!(Query::parse("q.sql", &nested(30)).is_ok());
        let error = Query::parse("q.sql", &nested(5000)).unwrap_err().to_string();
        assert_eq!(error, "q.sql:1:1: the query nests too deep, part it into named `with` queries");
    }

    #[test]
    fn parameters_are_bound_as_typed_values() {
        let query = Query::parse("q.sql", "select $run_date - 1, $name, $n").unwrap();
        let name = Parameter::Text("o'clock".into());
        let number = Parameter::Integer(-3);
        let bound = query
            .bind(|parameter| match parameter {
                "run_date" => Some(Bound::Day("2024-02-29".parse().unwrap())),
                "name" => Some(Bound::Value(&name)),
                "n" => Some(Bound::Value(&number)),
                _ => None,
            })
            .unwrap();
        assert_eq!(bound.to_string(), "SELECT CAST('2024-02-29' AS DATE) - 1, 'o''clock', (-3)");
        assert!(query.bind(|_| None).unwrap_err().chain().contains("q.sql:1:"));
    }

    #[test]
    fn a_formula_is_over_one_row() {
        let formula = Formula::parse("case when N >= $least -- a comment\n then \"order\" / n end");
        let formula = formula.unwrap();
        assert_eq!(formula.columns.iter().collect::<Vec<_>>(), ["n", "order"]);
        let least = Parameter::Integer(30);
        let bound = formula.bind(|name| (name == "least").then_some(Bound::Value(&least)));
        assert_eq!(bound.unwrap(), "CASE WHEN N >= (30) THEN \"order\" / n END");
        assert!(formula.bind(|_| None).is_err());
        for (text, expected) in [
            ("n +", "xpected"),
            ("n m", "found `m` after it"),
            ("n, m", "found `,` after it"),
            ("(select 1)", "a query in it"),
            ("t.n", "`t.n` of a table"),
            ("sum(n) over ()", "a window"),
        ] {
            let what = Formula::parse(text).unwrap_err();
            assert!(what.contains(expected), "{text}: {what}");
        }
    }

    #[test]
    fn the_schedules_that_a_query_uses_are_known() {
        let used = |expression: &str| {
            Query::parse("q.sql", &format!("select {expression}")).unwrap().schedules
        };
        let named =
            |names: &[&str]| SchedulesUsed::Named(names.iter().map(ToString::to_string).collect());
        assert_eq!(used("1"), named(&[]));
        let two = "1 + business_minutes(a, b, 'desk'), max(Business_Minutes(a, b, 'shop'))";
        assert_eq!(used(two), named(&["desk", "shop"]));
        assert_eq!(
            used("business_minutes(a, b, 'desk'), business_minutes(a, b, $d)"),
            SchedulesUsed::Any
        );
        assert_eq!(
            used("business_minutes(a, b, c), business_minutes(a, b, 'd')"),
            SchedulesUsed::Any
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        let cases = [
            ("select\n  from from x", "q.sql:2:"),
            ("select 1; select 2", "exactly one"),
            ("drop table x", "exactly one"),
            ("select *\nfrom orders", "q.sql:2:6: `orders` is not a table"),
        ];
        for (text, expected) in cases {
            let message = Query::parse("q.sql", text).unwrap_err().chain();
            assert!(message.contains(expected), "{message}");
        }
    }
}
