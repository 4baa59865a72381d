//! Which columns an expression reads, told from its SQL.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::errors::{Context as _, Kind, Result};

/// The columns that an expression over one record reads, `what` being what declares it.
///
/// Errors: [`Kind::Usage`] where it is no SQL expression.
pub(super) fn of_record(what: &str, sql: &str) -> Result<BTreeSet<String>> {
    let mut columns = Columns::default();
    let _ = Visit::visit(&parse(what, sql)?, &mut columns);
    Ok(columns.plain)
}

/// The columns that a condition over the records `l` and `r` reads of either.
///
/// Errors: [`Kind::Usage`] where it is no SQL expression.
pub(super) fn of_pair(what: &str, sql: &str) -> Result<BTreeSet<String>> {
    let mut columns = Columns::default();
    let _ = Visit::visit(&parse(what, sql)?, &mut columns);
    Ok(columns.of_either)
}

fn parse(what: &str, sql: &str) -> Result<Expr> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql(sql);
    let parsed = parsed.and_then(|mut parser| {
        let expression = parser.parse_expr()?;
        parser.expect_token(&datafusion::sql::sqlparser::tokenizer::Token::EOF)?;
        Ok(expression)
    });
    parsed.context(Kind::Usage, || format!("read `{sql}` of {what}"))
}

#[derive(Default)]
struct Columns {
    plain: BTreeSet<String>,
    of_either: BTreeSet<String>,
}

/// A name as the engine sees it: folded to small letters unless it stands in quotes.
fn name_of(ident: &datafusion::sql::sqlparser::ast::Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(ident) => {
                self.plain.insert(name_of(ident));
            }
            Expr::CompoundIdentifier(parts) => {
                if let [record, column] = parts.as_slice()
                    && ["l", "r"].contains(&name_of(record).as_str())
                {
                    self.of_either.insert(name_of(column));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A column's name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_names_its_columns() {
        let names = |columns: BTreeSet<String>| columns.into_iter().collect::<Vec<_>>().join(" ");
        let record = of_record("a rule", "left(Given_Name, 1) || coalesce(\"City\", 'x')").unwrap();
        assert_eq!(names(record), "City given_name");
        let pair = of_pair("a rule", "l.a = r.b and abs(l.c - R.c) < 2 or x.d = 1").unwrap();
        assert_eq!(names(pair), "a b c");
        let error = of_record("blocking rule 2", "left(a").unwrap_err().chain();
        assert!(error.starts_with("read `left(a` of blocking rule 2: "), "{error}");
        assert!(of_record("x", "a b").is_err());
    }
}
