//! Lists of texts in order.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;

use super::aggregates::{AggregateDeclaration, Gathered, aggregate};
use super::arguments::Arguments;
use super::{Kind, Parameter};

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![aggregate::<Sorted>(&SORTED_LIST)]
}

const SORTED_LIST: AggregateDeclaration = AggregateDeclaration {
    name: "sorted_list",
    parameters: &[Parameter {
        name: "value",
        kind: Kind::Text,
        meaning: "A text. Null leaves the row out.",
    }],
    optional: 0,
    description: "All texts with their repeats, in the order of their bytes. What array_agg() with \
        its own `order by` returns, without its row by row work for every group.",
    example: "sorted_list(source) -> [crm, shop]",
};

/// The texts of a group, in the order they came.
#[derive(Debug, Default)]
struct Sorted(Vec<String>);

impl Gathered for Sorted {
    type Row<'a> = &'a str;
    type Item = String;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let texts = arguments.text(0)?;
        Ok(move |row| Ok(texts.get(row)))
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        self.0.push(text.to_string());
        Ok(())
    }

    fn state(&self) -> Vec<String> {
        self.0.clone()
    }

    fn absorb(&mut self, state: &[String]) -> Result<(), String> {
        self.0.extend_from_slice(state);
        Ok(())
    }

    fn result(&self) -> Vec<String> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
