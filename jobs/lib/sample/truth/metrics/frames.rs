//! The sums as tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, ListBuilder, PrimitiveBuilder, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::courses::{self, CUSTOMERS, INACTIVE, INACTIVE_BINS, PERSONS};
use super::segments::{NET_BANDS, ORDER_BANDS, RECENCY_BANDS};
use super::service::{self, BINS};
use super::told::CAMPAIGN_KINDS;
use super::{MetricTruth, Sums, WEB_KINDS, follows, journeys, month_of, windows};
use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};
use crate::sample::facts::{MarketingSpend, Survey};
use crate::sample::life;
use crate::sample::life::parameters::loyalty as points;
use crate::sample::world::World;

/// A column: its name and values.
pub(super) type Column = (&'static str, ArrayRef);

impl MetricTruth {
    /// The tables in order of their names, each with its rows in order of `dt` and its other
    /// dimensions. Errors: `Defect` where a table cannot be made of its columns.
    pub fn into_tables(self, world: &World) -> Result<Vec<(&'static str, RecordBatch)>> {
        let tables = [
            ("acquisition", acquisition(&self, world)),
            ("acquisition_cohorts", windows::acquisition_cohorts(&self, world)),
            ("advocacy", windows::advocacy(&self)),
            ("attribution", windows::attribution(&self)),
            ("attribution_effects", journeys::attribution_effects(&self)),
            ("campaign_results", windows::campaign_results(&self, world)),
            ("campaigns", campaigns(&self, world)),
            ("ces", ces(&self)),
            ("channel_consistency", windows::channel_consistency(&self)),
            ("churn", churn(&self)),
            ("community", community(&self)),
            ("complaint_rates", windows::complaint_rates(&self)),
            ("complaint_retention", journeys::complaint_retention(&self)),
            ("complaints", complaints(&self)),
            ("csat", csat(&self)),
            ("data_health", data_health(&self)),
            ("first_visits", first_visits(&self)),
            ("journey_map", windows::journey_map(&self)),
            ("journey_paths", follows::journey_paths(&self)),
            ("journey_stage_times", journeys::journey_stage_times(&self)),
            ("journey_stages", journeys::journey_stages(&self)),
            ("journey_variants", journeys::journey_variants(&self)),
            ("last_touch", last_touch(&self)),
            ("loyalty", loyalty(&self)),
            ("loyalty_balances", loyalty_balances(&self)),
            ("nps", nps(&self)),
            ("personalisation", journeys::personalisation(&self)),
            ("retention", retention(&self)),
            ("revenue", revenue(&self)),
            ("reviews", reviews(&self)),
            ("segments", segments(&self)),
            ("sentiment", sentiment(&self)),
            ("service", service(&self)),
            ("service_backlog", service_backlog(&self)),
            ("service_events", service_events(&self)),
            ("share_of_voice", share_of_voice(&self, world)),
            ("social", social(&self)),
            ("spend", spend(&self, world)),
            ("web", web(&self)),
        ];
        tables
            .into_iter()
            .map(|(name, columns)| {
                let columns = columns?;
                // Only quantiles and these may be missing.
                let may_be_missing = |column: &str| {
                    let is_quantile = column.ends_with("_p50") || column.ends_with("_p90");
                    is_quantile
                        || ["oldest_case_date", "campaign_id", "main_topic"].contains(&column)
                };
                let field = |(column, array): &Column| {
                    let is_nullable = array.null_count() > 0 || may_be_missing(column);
                    Field::new(*column, array.data_type().clone(), is_nullable)
                };
                let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
                let arrays = columns.into_iter().map(|(_, array)| array).collect();
                let batch = RecordBatch::try_new(Arc::new(schema), arrays)
                    .context(Kind::Defect, || format!("make the true table `{name}`"))?;
                Ok((name, batch))
            })
            .collect()
    }
}

pub(super) fn days<T>(rows: &[T], day: impl Fn(&T) -> Day) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day(row).to_epoch())))
}

pub(super) fn texts<'a, T>(rows: &'a [T], text: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(text)))
}

pub(super) fn counts<T>(rows: &[T], count: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(count)))
}

/// A decimal of 18 digits; `value` is in units of its last one.
pub(super) fn decimals<T>(rows: &[T], scale: i8, value: impl Fn(&T) -> i64) -> Result<ArrayRef> {
    let values = rows.iter().map(|row| i128::from(value(row)));
    let array = Decimal128Array::from_iter_values(values)
        .with_precision_and_scale(18, scale)
        .context(Kind::Defect, || "make a true amount".to_owned())?;
    Ok(Arc::new(array))
}

/// Pence as `decimal(18,4)` pounds.
pub(super) fn pounds<T>(rows: &[T], pence: impl Fn(&T) -> i64) -> Result<ArrayRef> {
    decimals(rows, 4, |row| pence(row) * 100)
}

pub(super) fn lists<T>(rows: &[T], list: impl Fn(&T) -> Vec<i64>) -> ArrayRef {
    let item = Field::new("item", DataType::Int64, true);
    let mut builder =
        ListBuilder::new(PrimitiveBuilder::<Int64Type>::new()).with_field(Arc::new(item));
    for row in rows {
        builder.values().append_slice(&list(row));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

pub(super) type Row<K, const N: usize> = (Day, K, [i64; N]);

fn revenue(truth: &MetricTruth) -> Result<Vec<Column>> {
    type Key = (Day, &'static str, &'static str);
    let with_totals = |(day, channel, kind): Key| {
        [(day, channel, kind), (day, channel, "all"), (day, "all", kind), (day, "all", "all")]
    };
    let rows: &[Row<Key, 10>] = &truth.revenue.regrouped(with_totals).rows();
    let zero = || counts(rows, |_| 0);
    let net = |row: &Row<Key, 10>| row.2[4] - row.2[5] - row.2[6];
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("order_date", days(rows, |row| row.1.0)),
        ("currency", texts(rows, |_| "GBP")),
        ("channel", texts(rows, |row| row.1.1)),
        ("customer_type", texts(rows, |row| row.1.2)),
        ("order_count", counts(rows, |row| row.2[0])),
        ("cancellation_count", zero()),
        ("refund_count", counts(rows, |row| row.2[1])),
        ("adjustment_count", zero()),
        ("unit_count", decimals(rows, 3, |row| row.2[2] * 1_000)?),
        ("returned_unit_count", decimals(rows, 3, |row| row.2[3] * 1_000)?),
        ("gross_amount", pounds(rows, |row| row.2[4])?),
        ("discount_amount", pounds(rows, |row| row.2[5])?),
        ("cancelled_amount", pounds(rows, |_| 0)?),
        ("refunded_amount", pounds(rows, |row| row.2[6])?),
        ("adjusted_amount", pounds(rows, |_| 0)?),
        ("net_amount", pounds(rows, net)?),
        ("order_day_returned_unit_count", decimals(rows, 3, |row| row.2[7] * 1_000)?),
        ("order_day_returned_amount", pounds(rows, |row| row.2[8])?),
        // The cost of everything is known.
        ("costed_net_amount", pounds(rows, net)?),
        ("cost_amount", pounds(rows, |row| row.2[9])?),
    ])
}

/// Answers by day, survey and channel.
type Answers = Row<(Day, &'static str, &'static str), 12>;

/// The rows of a survey, with totals; the survey has one name.
fn answers(truth: &MetricTruth, asked: Survey) -> Vec<Answers> {
    let mut own = Sums::default();
    for ((told_on, (day, survey, channel)), sums) in &truth.surveys.0 {
        if *survey == asked {
            own.add(*told_on, (*day, *channel), *sums);
        }
    }
    let name = match asked {
        Survey::Nps => "NPS",
        Survey::Csat => "CSAT",
        Survey::Ces => "CES",
    };
    own.regrouped(|(day, channel)| {
        [(day, name, channel), (day, name, "all"), (day, "all", channel), (day, "all", "all")]
    })
    .rows()
}

/// The columns that all surveys have.
fn survey_columns(rows: &[Answers]) -> Vec<Column> {
    vec![
        ("dt", days(rows, |row| row.0)),
        ("response_date", days(rows, |row| row.1.0)),
        ("survey", texts(rows, |row| row.1.1)),
        ("channel", texts(rows, |row| row.1.2)),
        ("asked_count", counts(rows, |row| row.2[0])),
        ("response_count", counts(rows, |row| row.2[1..].iter().sum())),
    ]
}

fn nps(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &answers(truth, Survey::Nps);
    let mut columns = survey_columns(rows);
    columns.extend([
        ("promoter_count", counts(rows, |row| row.2[10..12].iter().sum())),
        ("passive_count", counts(rows, |row| row.2[8..10].iter().sum())),
        ("detractor_count", counts(rows, |row| row.2[1..8].iter().sum())),
        ("score_counts", lists(rows, |row| row.2[1..].to_vec())),
    ]);
    Ok(columns)
}

/// A rating of a case is an answer to how satisfied somebody is, as that to a survey is.
fn csat(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut answers: Sums<(Day, &'static str, &'static str), 16> = Sums::default();
    for ((told_on, (day, survey, channel)), sums) in &truth.surveys.0 {
        if *survey == Survey::Csat {
            // Nobody answers an invitation twice: each answer is the first and the latest.
            let (answered, good) = (sums[1..].iter().sum(), sums[5] + sums[6]);
            let mut all = [0; 16];
            all[..12].copy_from_slice(sums);
            all[12..].copy_from_slice(&[answered, good, answered, good]);
            answers.add(*told_on, (*day, "CSAT", *channel), all);
        }
    }
    for ((told_on, (rated_on, channel)), sums) in &truth.ratings.0 {
        answers.add(*told_on, (*rated_on, "Service rating", *channel), *sums);
    }
    let rows = answers
        .regrouped(|(day, survey, channel)| {
            [
                (day, survey, channel),
                (day, survey, "all"),
                (day, "all", channel),
                (day, "all", "all"),
            ]
        })
        .rows();
    let rows: &[Row<(Day, &str, &str), 16>] = &rows;
    // Shares of the scale from 1 to 5 in millionths: quarters, whose squares are exact as well.
    let sum = |sums: &[i64; 16], value: fn(i64) -> i64| -> i64 {
        (1..=5).map(|score| sums[score as usize + 1] * value(score)).sum()
    };
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("response_date", days(rows, |row| row.1.0)),
        ("survey", texts(rows, |row| row.1.1)),
        ("channel", texts(rows, |row| row.1.2)),
        ("asked_count", counts(rows, |row| row.2[0])),
        ("response_count", counts(rows, |row| row.2[1..12].iter().sum())),
        ("good_count", counts(rows, |row| row.2[5] + row.2[6])),
        ("first_response_count", counts(rows, |row| row.2[12])),
        ("first_good_count", counts(rows, |row| row.2[13])),
        ("latest_response_count", counts(rows, |row| row.2[14])),
        ("latest_good_count", counts(rows, |row| row.2[15])),
        ("score_share_sum", decimals(rows, 6, |row| sum(&row.2, |score| (score - 1) * 250_000))?),
        (
            "score_share_square_sum",
            decimals(rows, 6, |row| sum(&row.2, |score| (score - 1) * (score - 1) * 62_500))?,
        ),
    ])
}

fn ces(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &answers(truth, Survey::Ces);
    let sum = |row: &Answers, value: fn(i64) -> i64| -> i64 {
        (1..=7).map(|score| row.2[score as usize + 1] * value(score)).sum()
    };
    let mut columns = survey_columns(rows);
    columns.extend([
        ("scale", texts(rows, |_| "1-7")),
        ("polarity", texts(rows, |_| "higher_is_better")),
        ("easy_count", counts(rows, |row| row.2[6..9].iter().sum())),
        ("score_sum", decimals(rows, 2, |row| sum(row, |score| score * 100))?),
        ("score_square_sum", decimals(rows, 4, |row| sum(row, |score| score * score * 10_000))?),
        ("score_counts", lists(rows, |row| row.2[2..9].to_vec())),
    ]);
    Ok(columns)
}

fn service(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &truth.cases.service(truth.days);
    let bins = |first: usize| lists(rows, move |row| row.2[first..first + BINS].to_vec());
    let of = |figure: usize| counts(rows, move |row| row.2[figure]);
    let rest = |figure: usize| counts(rows, move |row| row.2[service::CASES] - row.2[figure]);
    let quantile = |which: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.3[which]).collect::<Int64Array>())
    };
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("case_date", days(rows, |row| row.1.0)),
        ("channel", texts(rows, |row| row.1.1)),
        ("case_count", of(service::CASES)),
        ("complaint_count", of(service::COMPLAINTS)),
        ("answered_count", of(service::ANSWERED)),
        ("unanswered_count", rest(service::ANSWERED)),
        ("resolved_count", of(service::RESOLVED)),
        ("unresolved_count", rest(service::RESOLVED)),
        ("reopened_count", of(service::REOPENED)),
        ("reopenable_count", of(service::REOPENABLE)),
        ("untimed_reply_count", counts(rows, |_| 0)),
        ("untimed_resolution_count", counts(rows, |_| 0)),
        ("impossible_time_count", counts(rows, |_| 0)),
        ("reply_minutes_counts", bins(service::REPLY_BINS)),
        ("resolution_minutes_counts", bins(service::RESOLUTION_BINS)),
        ("first_reply_minutes_p50", quantile(0)),
        ("first_reply_minutes_p90", quantile(1)),
        ("resolution_minutes_p50", quantile(2)),
        ("resolution_minutes_p90", quantile(3)),
    ])
}

fn service_backlog(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &truth.cases.backlog(truth.days);
    let oldest: Date32Array = rows.iter().map(|row| row.oldest.map(Day::to_epoch)).collect();
    Ok(vec![
        ("dt", days(rows, |row| row.day)),
        ("channel", texts(rows, |row| row.channel)),
        ("open_count", counts(rows, |row| row.open_count)),
        ("unanswered_count", counts(rows, |row| row.unanswered_count)),
        ("complaint_count", counts(rows, |row| row.complaint_count)),
        ("older_than_7_days_count", counts(rows, |row| row.old_count)),
        ("oldest_case_date", Arc::new(oldest)),
    ])
}

/// A table of counts by one dimension, with its total where it has one.
fn by_text<const N: usize>(
    sums: &Sums<&'static str, N>,
    dimension: &'static str,
    names: [&'static str; N],
) -> Vec<Column> {
    let rows = &sums.regrouped(|key| [key, "all"]).rows();
    let mut columns = vec![("dt", days(rows, |row| row.0)), (dimension, texts(rows, |row| row.1))];
    let measures = names.into_iter().enumerate();
    columns.extend(measures.map(|(place, name)| (name, counts(rows, |row| row.2[place]))));
    columns
}

fn service_events(truth: &MetricTruth) -> Result<Vec<Column>> {
    let names = [
        "opened_count",
        "first_reply_count",
        "solved_count",
        "reopened_count",
        "rating_count",
        "rating_sum",
    ];
    Ok(by_text(&truth.service_events, "channel", names))
}

fn complaints(truth: &MetricTruth) -> Result<Vec<Column>> {
    const NAMES: [&str; 8] = [
        "opened_count",
        "repeat_count",
        "closed_count",
        "closed_within_3_days_count",
        "closed_within_8_weeks_count",
        "closed_later_count",
        "decided_count",
        "upheld_count",
    ];
    type Key = (Day, &'static str, &'static str);
    let with_totals = |(day, topic, channel): Key| {
        [(day, topic, channel), (day, topic, "all"), (day, "all", channel), (day, "all", "all")]
    };
    let rows: &[Row<Key, 8>] = &truth.complaints.regrouped(with_totals).rows();
    let mut columns = vec![
        ("dt", days(rows, |row| row.0)),
        ("event_date", days(rows, |row| row.1.0)),
        ("topic", texts(rows, |row| row.1.1)),
        ("channel", texts(rows, |row| row.1.2)),
    ];
    let measures = NAMES.into_iter().enumerate();
    columns.extend(measures.map(|(place, name)| (name, counts(rows, |row| row.2[place]))));
    Ok(columns)
}

fn social(truth: &MetricTruth) -> Result<Vec<Column>> {
    type Key = (Day, &'static str, &'static str);
    let with_totals = |(day, platform, topic): Key| {
        [(day, platform, topic), (day, platform, "all"), (day, "all", topic), (day, "all", "all")]
    };
    let rows: &[Row<Key, 8>] = &truth.mentions.regrouped(with_totals).rows();
    let zero = || counts(rows, |_| 0);
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("mention_date", days(rows, |row| row.1.0)),
        ("platform", texts(rows, |row| row.1.1)),
        ("topic", texts(rows, |row| row.1.2)),
        ("mention_count", counts(rows, |row| row.2[0])),
        ("reply_count", counts(rows, |row| row.2[1])),
        ("repost_count", zero()),
        ("review_count", zero()),
        ("viewed_count", counts(rows, |row| row.2[0])),
        ("view_count", counts(rows, |row| row.2[5])),
        ("follower_count", counts(rows, |row| row.2[6])),
        ("engagement_count", counts(rows, |row| row.2[7])),
        ("rated_count", zero()),
        ("true_positive_count", counts(rows, |row| row.2[3])),
        ("true_negative_count", counts(rows, |row| row.2[4])),
        ("true_sentiment_sum", decimals(rows, 4, |row| row.2[2] * 100)?),
    ])
}

/// Posts about the company, and about its competitors.
fn share_of_voice(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    let mut posts: Sums<(Day, &'static str), 2> = Sums::default();
    for ((told_on, (day, platform, _)), sums) in &truth.mentions.0 {
        posts.add(*told_on, (*day, *platform), [sums[0], 0]);
    }
    for day in truth.days.days() {
        for counted in life::competitor_mentions(world, day) {
            let count = i64::try_from(counted.count).unwrap_or(i64::MAX);
            posts.add(day, (counted.day, counted.platform), [0, count]);
        }
    }
    let with_total = |(day, platform)| [(day, platform), (day, "all")];
    let rows: &[Row<(Day, &str), 2>] = &posts.regrouped(with_total).rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("mention_date", days(rows, |row| row.1.0)),
        ("platform", texts(rows, |row| row.1.1)),
        ("mention_count", counts(rows, |row| row.2[0])),
        ("competitor_mention_count", counts(rows, |row| row.2[1])),
    ])
}

/// All reviews are of a purchase, with words and stars.
fn reviews(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows: &[Row<(Day, &str), 6>] =
        &truth.reviews.regrouped(|day| [(day, "review"), (day, "all")]).rows();
    let sum = |row: &Row<(Day, &str), 6>, value: fn(i64) -> i64| -> i64 {
        (1_i64..).zip(&row.2[..5]).map(|(stars, count)| value(stars) * count).sum()
    };
    let count = || counts(rows, |row| row.2[..5].iter().sum());
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("review_date", days(rows, |row| row.1.0)),
        ("channel", texts(rows, |row| row.1.1)),
        ("review_count", count()),
        ("verified_count", count()),
        ("text_count", count()),
        ("rated_count", count()),
        ("good_count", counts(rows, |row| row.2[3] + row.2[4])),
        // Quarters, whose squares are exact as well.
        ("rating_share_sum", decimals(rows, 6, |row| sum(row, |stars| (stars - 1) * 250_000))?),
        (
            "rating_share_square_sum",
            decimals(rows, 6, |row| sum(row, |stars| (stars - 1) * (stars - 1) * 62_500))?,
        ),
        ("star_sum", decimals(rows, 2, |row| sum(row, |stars| stars * 100))?),
        ("star_counts", lists(rows, |row| row.2[..5].to_vec())),
        ("true_sentiment_sum", decimals(rows, 4, |row| row.2[5] * 100)?),
    ])
}

/// Nobody of the company writes in the forum.
fn community(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut posts: Sums<(Day, &'static str), 8> = Sums::default();
    for ((told_on, key), [questions, answers, accepted, ideas, votes]) in &truth.community.0 {
        let sums = [*questions, *answers, *accepted, *ideas, *votes, 0, 0, 0];
        posts.add(*told_on, *key, sums);
    }
    for ((known_on, key), [answered, timed, minutes]) in truth.threads.answered().0 {
        posts.add(known_on, key, [0, 0, 0, 0, 0, answered, timed, minutes]);
    }
    let with_total = |(day, topic)| [(day, topic), (day, "all")];
    let rows: &[Row<(Day, &str), 8>] = &posts.regrouped(with_total).rows();
    let of = |place: usize| counts(rows, move |row| row.2[place]);
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("post_date", days(rows, |row| row.1.0)),
        ("topic", texts(rows, |row| row.1.1)),
        ("question_count", of(0)),
        ("answer_count", of(1)),
        ("peer_answer_count", of(1)),
        ("accepted_count", of(2)),
        ("idea_count", of(3)),
        ("vote_count", of(4)),
        ("comment_count", counts(rows, |_| 0)),
        ("answered_question_count", of(5)),
        ("peer_answered_question_count", of(5)),
        ("timed_answer_count", of(6)),
        ("first_answer_minutes_sum", of(7)),
    ])
}

fn web(truth: &MetricTruth) -> Result<Vec<Column>> {
    const NAMES: [&str; 10] = [
        "session_count",
        "event_count",
        "logged_in_event_count",
        "page_view_count",
        "search_count",
        "product_view_count",
        "add_to_cart_count",
        "checkout_count",
        "purchase_count",
        "video_view_count",
    ];
    debug_assert!(NAMES[3..].iter().zip(WEB_KINDS).all(|(name, kind)| name.starts_with(kind)));
    Ok(by_text(&truth.web, "channel", NAMES))
}

/// Texts, with every total over kinds, topics and channels.
fn sentiment(truth: &MetricTruth) -> Result<Vec<Column>> {
    type Key = (Day, &'static str, &'static str, &'static str);
    let with_totals = |(day, kind, topic, channel): Key| {
        [
            (day, kind, topic, channel),
            (day, kind, topic, "all"),
            (day, kind, "all", channel),
            (day, kind, "all", "all"),
            (day, "all", topic, channel),
            (day, "all", topic, "all"),
            (day, "all", "all", channel),
            (day, "all", "all", "all"),
        ]
    };
    let rows: &[Row<Key, 6>] = &truth.sentiment.regrouped(with_totals).rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("text_date", days(rows, |row| row.1.0)),
        ("text_kind", texts(rows, |row| row.1.1)),
        ("topic", texts(rows, |row| row.1.2)),
        ("channel", texts(rows, |row| row.1.3)),
        ("text_count", counts(rows, |row| row.2[0])),
        ("true_positive_count", counts(rows, |row| row.2[1])),
        ("true_neutral_count", counts(rows, |row| row.2[2])),
        ("true_negative_count", counts(rows, |row| row.2[3])),
        ("true_sentiment_sum", decimals(rows, 4, |row| row.2[4] * 100)?),
        ("true_sentiment_square_sum", decimals(rows, 8, |row| row.2[5] * 10_000)?),
    ])
}

fn last_touch(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows: &[Row<&str, 2>] = &truth.last_touch.regrouped(|channel| [channel, "all"]).rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("channel", texts(rows, |row| row.1)),
        ("order_count", counts(rows, |row| row.2[0])),
        ("net_amount", pounds(rows, |row| row.2[1])?),
    ])
}

fn first_visits(truth: &MetricTruth) -> Result<Vec<Column>> {
    let names = ["new_person_count", "recommended_count", "known_count"];
    Ok(by_text(&truth.first_visits, "channel", names))
}

/// What is spent on a day, by channel.
fn acquisition(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    let mut spent: BTreeMap<(Day, &str), i64> = BTreeMap::new();
    for day in truth.days.days() {
        for spend in life::marketing_spend(world, day) {
            for channel in [spend.channel, "all"] {
                *spent.entry((day, channel)).or_default() += spend.amount;
            }
        }
    }
    let rows: &[((Day, &str), i64)] = &spent.into_iter().collect::<Vec<_>>();
    Ok(vec![
        ("dt", days(rows, |row| row.0.0)),
        ("acquired_date", days(rows, |row| row.0.0)),
        ("channel", texts(rows, |row| row.0.1)),
        ("spend_amount", pounds(rows, |row| row.1)?),
    ])
}

/// Money spent on advertising on each day, with its totals.
fn spend(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, &str, Option<&str>, i64)> = vec![];
    for day in truth.days.days() {
        let spends = life::marketing_spend(world, day);
        let mut channels: BTreeMap<&str, i64> = BTreeMap::new();
        for MarketingSpend { channel, campaign, amount, .. } in &spends {
            let campaign = campaign.and_then(|place| world.campaigns.get(usize::from(place)));
            rows.push((day, channel, campaign.map(|it| it.code.as_str()), *amount));
            *channels.entry("all").or_default() += amount;
        }
        rows.extend(channels.into_iter().map(|(channel, amount)| (day, channel, None, amount)));
    }
    let rows = &rows;
    let campaigns: StringArray = rows.iter().map(|row| row.2).collect();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("channel", texts(rows, |row| row.1)),
        ("campaign_id", Arc::new(campaigns)),
        ("spend_amount", pounds(rows, |row| row.3)?),
    ])
}

fn churn(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows: &[(Day, [i64; courses::FIGURES])] = &truth.churn.rows();
    let of = |place: usize| counts(rows, move |row| row.1[place]);
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("person_count", of(PERSONS)),
        ("alive_person_count", of(PERSONS + 1)),
        ("leaving_person_count", of(PERSONS + 2)),
        ("customer_count", of(CUSTOMERS)),
        ("alive_customer_count", of(CUSTOMERS + 1)),
        ("leaving_customer_count", of(CUSTOMERS + 2)),
        ("inactive_days_counts", lists(rows, |row| row.1[INACTIVE..][..INACTIVE_BINS].to_vec())),
    ])
}

fn segments(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &truth.segments.rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("recency_days", texts(rows, |row| RECENCY_BANDS[row.1[0]])),
        ("order_count", texts(rows, |row| ORDER_BANDS[row.1[1]])),
        ("net_amount", texts(rows, |row| NET_BANDS[row.1[2]])),
        ("person_count", counts(rows, |row| row.2)),
    ])
}

/// What is done and told of a day by each campaign.
fn campaigns(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    const NAMES: [&str; 9] = [
        "treated_count",
        "control_count",
        "sent_count",
        "bounced_count",
        "opened_count",
        "clicked_count",
        "responded_count",
        "unsubscribed_count",
        "brought_order_count",
    ];
    debug_assert!(NAMES[2..].iter().zip(CAMPAIGN_KINDS).all(|(name, kind)| name.starts_with(kind)));
    let with_total = |(day, campaign)| [(day, Some(campaign)), (day, None)];
    let rows: &[Row<(Day, Option<u16>), 10>] = &truth.campaigns.regrouped(with_total).rows();
    let code = |campaign: Option<u16>| campaign.map_or("all", |place| campaign_code(world, place));
    let mut columns = vec![
        ("dt", days(rows, |row| row.0)),
        ("event_date", days(rows, |row| row.1.0)),
        ("campaign_id", texts(rows, |row| code(row.1.1))),
    ];
    let measures = NAMES.into_iter().enumerate();
    columns.extend(measures.map(|(place, name)| (name, counts(rows, |row| row.2[place]))));
    columns.extend([
        ("delivered_count", counts(rows, |_| 0)),
        ("complained_count", counts(rows, |_| 0)),
        ("brought_amount", pounds(rows, |row| row.2[9])?),
    ]);
    Ok(columns)
}

/// The code of the campaign at a place of the list.
pub(super) fn campaign_code(world: &World, place: u16) -> &str {
    world.campaigns.get(usize::from(place)).map_or("", |campaign| campaign.code.as_str())
}

/// What each source tells on a day.
fn data_health(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut health = truth.health.clone();
    for ((day, _), sums) in &truth.web.0 {
        health.add(*day, ("web_events", "web"), [sums[1], 0]);
    }
    let rows = &health.rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("entity", texts(rows, |row| row.1.0)),
        ("source", texts(rows, |row| row.1.1)),
        ("fact_count", counts(rows, |row| row.2[0])),
        ("late_count", counts(rows, |row| row.2[1])),
    ])
}

/// The points that became known on a day, by that of the entry.
fn loyalty(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows: &[Row<Day, 5>] = &truth.loyalty.rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("entry_date", days(rows, |row| row.1)),
        ("entry_count", counts(rows, |row| row.2[0])),
        ("earned_points", counts(rows, |row| row.2[1])),
        ("redeemed_points", counts(rows, |row| -row.2[2])),
        ("expired_points", counts(rows, |row| -row.2[3])),
        ("adjusted_points", counts(rows, |row| row.2[4])),
        ("net_points", counts(rows, |row| row.2[1..].iter().sum())),
    ])
}

/// A row for each day: the points that became known, the balance at its end, and the members.
fn loyalty_balances(truth: &MetricTruth) -> Result<Vec<Column>> {
    let by_day: Sums<(), 5> = truth.loyalty.regrouped(|_| [()]);
    let (mut closing, mut redeemed_to_date, mut expired_to_date, mut members) = (0, 0, 0, 0);
    let rows: Vec<(Day, [i64; 9])> = truth
        .days
        .days()
        .map(|day| {
            let moved = by_day.0.get(&(day, ())).copied().unwrap_or([0; 5]);
            let [_, earned, redeemed, expired, adjusted] = moved;
            let opening = closing;
            closing += earned + redeemed + expired + adjusted;
            redeemed_to_date -= redeemed;
            expired_to_date -= expired;
            members += truth.members.0.get(&(day, ())).map_or(0, |[count]| *count);
            let figures = [
                members,
                opening,
                earned,
                -redeemed,
                -expired,
                adjusted,
                closing,
                redeemed_to_date,
                expired_to_date,
            ];
            (day, figures)
        })
        .collect();
    let rows = &rows;
    let names = [
        "member_count",
        "opening_points",
        "earned_points",
        "redeemed_points",
        "expired_points",
        "adjusted_points",
        "closing_points",
        "redeemed_to_date_points",
        "expired_to_date_points",
    ];
    let mut columns = vec![("dt", days(rows, |row| row.0)), ("tier", texts(rows, |_| "all"))];
    let measures = names.into_iter().enumerate();
    columns.extend(measures.map(|(place, name)| (name, counts(rows, |row| row.1[place]))));
    // What the members could still redeem.
    let liability = |row: &(Day, [i64; 9])| row.1[6] * points::STEP_PENCE / points::REDEEM_STEP;
    columns.push(("true_liability_amount", pounds(rows, liability)?));
    Ok(columns)
}

/// A row for each day and month of first known purchases so far.
fn retention(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, Day, [i64; 3])> = vec![];
    let mut standing: BTreeMap<Day, [i64; 3]> = BTreeMap::new();
    let (mut cohorts, mut active) =
        (truth.cohorts.rows().into_iter().peekable(), truth.active.rows().into_iter().peekable());
    for day in truth.days.days() {
        if day == month_of(day) {
            // Another month: nobody has been active in it yet.
            standing.values_mut().for_each(|sums| sums[1] = 0);
        }
        while let Some((_, cohort, [first, second])) = cohorts.next_if(|row| row.0 <= day) {
            let sums = standing.entry(cohort).or_insert([0; 3]);
            sums[0] += first;
            sums[2] += second;
        }
        while let Some((_, cohort, [count])) = active.next_if(|row| row.0 <= day) {
            standing.entry(cohort).or_insert([0; 3])[1] += count;
        }
        rows.extend(standing.iter().map(|(cohort, sums)| (day, *cohort, *sums)));
    }
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("cohort_month", days(rows, |row| row.1)),
        ("cohort_count", counts(rows, |row| row.2[0])),
        ("active_count", counts(rows, |row| row.2[1])),
        ("repeat_count", counts(rows, |row| row.2[2])),
    ])
}
