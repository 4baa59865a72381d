//! Sentiment, intervals and standard errors.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter};
use crate::algorithms::sentiment::{SCORER, Scorer};
use crate::algorithms::statistics::{Interval, Z_95, net_promoter_score, wilson_interval};

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "sentiment",
        parameters: &[
            Parameter { name: "text", kind: Kind::Text, meaning: "What somebody wrote." },
            Parameter {
                name: "language",
                kind: Kind::Text,
                meaning: "Its language as an ISO 639 or BCP 47 code. Left out, null or und: the \
                    text is scored only where it looks English.",
            },
        ],
        optional: 1,
        returns: || DataType::Decimal128(5, 4),
        // A null language is a language not known.
        is_strict: false,
        description: "VADER's compound score of an English text, -1 (most negative) to 1; 0 is \
            neutral. Null for null, empty text and other languages.",
        example: "sentiment('The book was good.', 'en') -> 0.4404",
        evaluate: sentiment,
    },
    Declaration {
        name: "sentiment_scorer",
        parameters: &[],
        optional: 0,
        returns: || DataType::Utf8,
        is_strict: false,
        description: "What sentiment() scores with: the algorithm and its version, to stand beside \
            the scores.",
        example: "sentiment_scorer() -> 'vader-3.3.2/1'",
        evaluate: |arguments| {
            let names = std::iter::repeat_n(SCORER, arguments.rows);
            Ok(Arc::new(StringArray::from_iter_values(names)))
        },
    },
    Declaration {
        name: "wilson_lower",
        parameters: WILSON,
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Lower end of Wilson's score interval of a share. Null where n is 0.",
        example: "wilson_lower(81, 263, 1.96) -> 0.2553",
        evaluate: |arguments| wilson(arguments, |interval| interval.lower),
    },
    Declaration {
        name: "wilson_upper",
        parameters: WILSON,
        optional: 1,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Upper end of Wilson's score interval of a share. Null where n is 0.",
        example: "wilson_upper(81, 263, 1.96) -> 0.3662",
        evaluate: |arguments| wilson(arguments, |interval| interval.upper),
    },
    Declaration {
        name: "nps_standard_error",
        parameters: &[
            Parameter { name: "promoters", kind: Kind::Integer, meaning: "Answers of 9 and 10." },
            Parameter { name: "passives", kind: Kind::Integer, meaning: "Answers of 7 and 8." },
            Parameter { name: "detractors", kind: Kind::Integer, meaning: "Answers of 0 to 6." },
        ],
        optional: 0,
        returns: || DataType::Float64,
        is_strict: true,
        description: "Standard error of the Net Promoter Score, in its points. Null without \
            answers.",
        example: "nps_standard_error(300, 200, 100) -> 3.043",
        evaluate: nps_standard_error,
    },
];

const WILSON: &[Parameter] = &[
    Parameter { name: "successes", kind: Kind::Integer, meaning: "How many of the n count." },
    Parameter { name: "n", kind: Kind::Integer, meaning: "How many there are." },
    Parameter {
        name: "z",
        kind: Kind::Double,
        meaning: "Quantile of the normal distribution: 1.96, where left out, for 95 %.",
    },
];

fn sentiment(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = arguments.text(0)?;
    let languages = if arguments.has(1) { Some(arguments.text(1)?) } else { None };
    let mut scorer = Scorer::default();
    let mut scores = Vec::with_capacity(arguments.rows);
    let mut last: Option<(&str, Option<&str>, Option<i16>)> = None;
    for row in 0..arguments.rows {
        let Some(text) = texts.get(row) else {
            scores.push(None);
            continue;
        };
        let language = languages.as_ref().and_then(|languages| languages.get(row));
        let score = match last {
            Some((last_text, last_language, score))
                if last_text == text && last_language == language =>
            {
                score
            }
            _ => scorer.compound(text, language),
        };
        last = Some((text, language, score));
        scores.push(score.map(i128::from));
    }
    Ok(Arc::new(Decimal128Array::from(scores).with_precision_and_scale(5, 4)?))
}

fn wilson(arguments: &Arguments, end: fn(Interval) -> f64) -> Result<ArrayRef> {
    let (successes, counts) = (arguments.integer(0)?, arguments.integer(1)?);
    let quantiles = if arguments.has(2) { Some(arguments.double(2)?) } else { None };
    let mut ends = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let z = match &quantiles {
            Some(quantiles) => quantiles.get(row),
            None => Some(Z_95),
        };
        let (Some(successes), Some(n), Some(z)) = (successes.get(row), counts.get(row), z) else {
            ends.push(None);
            continue;
        };
        // A share above one is a mistake of the model: a null would hide it.
        let (Ok(count), Ok(total)) = (u64::try_from(successes), u64::try_from(n)) else {
            return exec_err!("a Wilson interval of {successes} of {n} counts below nothing");
        };
        if count > total {
            return exec_err!("a Wilson interval of {successes} of {n} counts more than there are");
        }
        if !z.is_finite() || z < 0.0 {
            return exec_err!("a Wilson interval needs a quantile of at least 0, not {z}");
        }
        ends.push(wilson_interval(count, total, z).map(end));
    }
    Ok(Arc::new(Float64Array::from(ends)))
}

fn nps_standard_error(arguments: &Arguments) -> Result<ArrayRef> {
    let counts = [arguments.integer(0)?, arguments.integer(1)?, arguments.integer(2)?];
    let mut errors = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let [Some(promoters), Some(passives), Some(detractors)] =
            counts.each_ref().map(|column| column.get(row))
        else {
            errors.push(None);
            continue;
        };
        let counted = [promoters, passives, detractors].map(u64::try_from);
        let [Ok(promoters), Ok(passives), Ok(detractors)] = counted else {
            return exec_err!(
                "the standard error of {promoters} promoters, {passives} passives and \
                 {detractors} detractors counts below nothing"
            );
        };
        let score = net_promoter_score(promoters, passives, detractors);
        errors.push(score.map(|score| score.standard_error));
    }
    Ok(Arc::new(Float64Array::from(errors)))
}
