//! What channels contribute to conversions.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Decimal128Builder, Float64Builder, ListBuilder,
    StringBuilder,
};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, internal_err};
use datafusion::logical_expr::AggregateUDF;

use super::aggregates::{AggregateDeclaration, Gathered, Merged, aggregate};
use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter, money, texts};
use crate::algorithms::attribution::{Effect, Transitions, credit};

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![aggregate::<Transitions>(&TRANSITIONS), aggregate::<Merged<Transitions>>(&MERGE)]
}

const TRANSITIONS: AggregateDeclaration = AggregateDeclaration {
    name: "markov_transitions",
    parameters: &[
        Parameter {
            name: "path",
            kind: Kind::Texts,
            meaning: "The channels in the order they were met. Null leaves the row out, as no \
                channels do.",
        },
        Parameter {
            name: "is_converted",
            kind: Kind::Boolean,
            meaning: "Whether the path led to a conversion. Null leaves the row out.",
        },
        Parameter {
            name: "path_count",
            kind: Kind::Integer,
            meaning: "How many took it: 1 where left out.",
        },
    ],
    optional: 1,
    description: "How often a channel followed another, as mergeable state for the markov_… \
        functions: from, to, count, and so on.",
    example: "markov_transitions(channels, is_converted) -> [(start), email, 2, email, …]",
};

const MERGE: AggregateDeclaration = AggregateDeclaration {
    name: "merge_markov",
    parameters: &[STATE],
    optional: 0,
    description: "The state of markov_transitions() of several rows as one.",
    example: "merge_markov(transition_counts)",
};

/// A path, whether it led to a conversion, and how many took it.
pub(super) type Path = (ArrayRef, bool, u64);

impl Gathered for Transitions {
    type Row<'a> = Path;
    type Item = String;

    fn reader<'a>(
        arguments: &'a Arguments,
    ) -> Result<impl Fn(usize) -> Result<Option<Self::Row<'a>>>> {
        let (paths, converted) = (arguments.list(0)?, arguments.boolean(1)?);
        let counts = if arguments.has(2) { Some(arguments.integer(2)?) } else { None };
        Ok(move |row| {
            let count = counts.as_ref().map_or(Some(1), |counts| counts.get(row));
            let (Some(path), Some(is_converted), Some(count)) =
                (paths.elements(row), converted.get(row), count)
            else {
                return Ok(None);
            };
            let Ok(count) = u64::try_from(count) else {
                return exec_err!("{count} people cannot have taken a path");
            };
            Ok(Some((path, is_converted, count)))
        })
    }

    fn add(&mut self, (path, is_converted, count): Path) -> Result<(), String> {
        let Some(channels) = path.as_string_opt::<i32>() else {
            return Err(format!("a path of {} is none of channels", path.data_type()));
        };
        Transitions::add(self, channels.iter().flatten(), is_converted, count)
    }

    fn state(&self) -> Vec<String> {
        self.words()
    }

    fn absorb(&mut self, state: &[String]) -> Result<(), String> {
        self.merge(&Transitions::from_words(state.iter().map(String::as_str))?);
        Ok(())
    }

    fn len(&self) -> usize {
        Transitions::len(self)
    }
}

const STATE: Parameter =
    Parameter { name: "state", kind: Kind::Texts, meaning: "What markov_transitions() returned." };

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "markov_channels",
        parameters: &[STATE],
        optional: 0,
        returns: texts,
        is_strict: true,
        description: "The channels of markov_removal_effects() and markov_credits(), in their \
            order: that of their names. Null without conversions.",
        example: "markov_channels(transition_counts) -> [c1, c2, c3]",
        evaluate: |arguments| {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for row in 0..arguments.rows {
                let effects = effects(arguments, row)?;
                for effect in effects.iter().flatten() {
                    lists.values().append_value(&effect.channel);
                }
                lists.append(effects.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Declaration {
        name: "markov_removal_effects",
        parameters: &[STATE],
        optional: 0,
        returns: || DataType::new_list(DataType::Float64, true),
        is_strict: true,
        description: "The share of conversions that would be lost without each channel (Anderl and \
            others). Null without conversions.",
        example: "markov_removal_effects(transition_counts) -> [0.5, 1.0, 1.0]",
        evaluate: |arguments| {
            let mut lists = ListBuilder::new(Float64Builder::new());
            for row in 0..arguments.rows {
                let effects = effects(arguments, row)?;
                for effect in effects.iter().flatten() {
                    lists.values().append_value(effect.removal_effect);
                }
                lists.append(effects.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Declaration {
        name: "markov_credits",
        parameters: &[
            STATE,
            Parameter {
                name: "total",
                kind: Kind::Money,
                meaning: "What is parted among the channels: revenue, or a number of conversions.",
            },
        ],
        optional: 0,
        returns: || DataType::new_list(money(), true),
        is_strict: true,
        description: "A total parted among the channels by their removal effects: the parts add up \
            to it. Null without conversions.",
        example: "markov_credits(transition_counts, 1) -> [0.2000, 0.4000, 0.4000]",
        evaluate: credits,
    },
];

fn effects(arguments: &Arguments, row: usize) -> Result<Option<Vec<Effect>>> {
    let Some(elements) = arguments.list(0)?.elements(row) else { return Ok(None) };
    let Some(words) = elements.as_string_opt::<i32>() else {
        return internal_err!("a list of {} is none of texts", elements.data_type());
    };
    let transitions = Transitions::from_words(words.iter().flatten());
    Ok(transitions.map_err(|what| exec_datafusion_err!("{what}"))?.effects())
}

fn credits(arguments: &Arguments) -> Result<ArrayRef> {
    let totals = arguments.decimal(1)?;
    let parts = Decimal128Builder::new().with_data_type(money());
    let mut lists = ListBuilder::new(parts);
    for row in 0..arguments.rows {
        let parts = match (effects(arguments, row)?, totals.get(row)) {
            (Some(effects), Some(total)) => credit(&effects, total),
            _ => None,
        };
        for part in parts.iter().flatten() {
            lists.values().append_value(*part);
        }
        lists.append(parts.is_some());
    }
    Ok(Arc::new(lists.finish()))
}
