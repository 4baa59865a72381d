//! Tables of what is known at the end of a day: over windows of days up to it, or since the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Decimal128Array, StringArray};

use super::credit::MODELS;
use super::frames::{Column, campaign_code, counts, days, decimals, pounds, texts};
use super::sums::Sums;
use super::{MetricTruth, month_of};
use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};
use crate::sample::facts::Survey;
use crate::sample::life;
use crate::sample::world::World;

/// What is told by the end of a day `dt`, of the last `window` days up to it; `day_of` tells the
/// fact's own day from its key.
fn known<K: Ord + Copy, const N: usize>(
    sums: &Sums<K, N>,
    dt: Day,
    window: u64,
    day_of: impl Fn(K) -> Day,
) -> impl Iterator<Item = (K, [i64; N])> {
    let first = dt.minus(window - 1);
    sums.0.iter().take_while(move |((told_on, _), _)| *told_on <= dt).filter_map(
        move |((_, key), sums)| {
            let day = day_of(*key);
            (first <= day && day <= dt).then_some((*key, *sums))
        },
    )
}

/// A row for each day and window: complaints and purchases in it, and what most complaints are
/// about; of several the first in the alphabet.
pub(super) fn complaint_rates(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, i64, [i64; 3], Option<&str>)> = vec![];
    for dt in truth.days.days() {
        for window in [7, 28, 90] {
            let mut topics: BTreeMap<&str, i64> = BTreeMap::new();
            for ((_, topic, _), sums) in known(&truth.complaints, dt, window, |key| key.0) {
                *topics.entry(topic).or_default() += sums[0];
            }
            let orders = known(&truth.revenue, dt, window, |key| key.0).map(|(_, sums)| sums[0]);
            let most = topics.values().copied().max().filter(|most| *most > 0);
            let main = topics.iter().find(|(_, count)| Some(**count) == most);
            let figures = [topics.values().sum(), orders.sum(), most.unwrap_or(0)];
            rows.push((dt, window as i64, figures, main.map(|(topic, _)| *topic)));
        }
    }
    let rows = &rows;
    let topics: StringArray = rows.iter().map(|row| row.3).collect();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("window_days", counts(rows, |row| row.1)),
        ("complaint_count", counts(rows, |row| row.2[0])),
        ("order_count", counts(rows, |row| row.2[1])),
        ("main_topic_count", counts(rows, |row| row.2[2])),
        ("main_topic", Arc::new(topics)),
    ])
}

/// A row for each day, window, survey and channel: the answers, their sum and that of their
/// squares, in hundredths; an answer to NPS is worth 100, 0 or -100, one to the others 1 where it
/// is good.
pub(super) fn channel_consistency(truth: &MetricTruth) -> Result<Vec<Column>> {
    /// What scores from 0 on are worth.
    fn worth(survey: Survey, score: usize) -> i64 {
        match (survey, score) {
            (Survey::Nps, 9..) => 100,
            (Survey::Nps, 7 | 8) => 0,
            (Survey::Nps, _) => -100,
            (Survey::Csat, 4..) | (Survey::Ces, 5..) => 1,
            _ => 0,
        }
    }
    let mut answers: Sums<(Day, Survey, &'static str), 12> = truth.surveys.clone();
    for ((told_on, (day, channel)), sums) in &truth.ratings.0 {
        let mut scores = [0; 12];
        scores.copy_from_slice(&sums[..12]);
        answers.add(*told_on, (*day, Survey::Csat, *channel), scores);
    }
    let mut rows: Vec<(Day, i64, &str, &str, [i64; 3])> = vec![];
    for dt in truth.days.days() {
        for window in [28, 90] {
            let mut sums: BTreeMap<(Survey, &str), [i64; 3]> = BTreeMap::new();
            for ((_, survey, channel), answers) in known(&answers, dt, window, |key| key.0) {
                let mut added = [0; 3];
                for (score, count) in answers[1..].iter().enumerate() {
                    let worth = worth(survey, score);
                    added[0] += count;
                    added[1] += count * worth;
                    added[2] += count * worth * worth;
                }
                for channel in [channel, "all"] {
                    let sums = sums.entry((survey, channel)).or_default();
                    sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
                }
            }
            for ((survey, channel), sums) in sums.into_iter().filter(|(_, sums)| sums[0] > 0) {
                let measure = match survey {
                    Survey::Nps => "nps",
                    Survey::Csat => "csat",
                    Survey::Ces => "ces",
                };
                rows.push((dt, window as i64, measure, channel, sums));
            }
        }
    }
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("window_days", counts(rows, |row| row.1)),
        ("measure", texts(rows, |row| row.2)),
        ("channel", texts(rows, |row| row.3)),
        ("response_count", counts(rows, |row| row.4[0])),
        ("score_sum", decimals(rows, 4, |row| row.4[1] * 10_000)?),
        ("score_square_sum", decimals(rows, 8, |row| row.4[2] * 100_000_000)?),
    ])
}

/// A row for each day and touchpoint: the contacts in 28 days.
pub(super) fn journey_map(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, &str, i64)> = vec![];
    for dt in truth.days.days() {
        let mut touches: BTreeMap<&str, i64> = BTreeMap::new();
        for ((_, touchpoint), [count]) in known(&truth.touches, dt, 28, |key| key.0) {
            for touchpoint in [touchpoint, "all"] {
                *touches.entry(touchpoint).or_default() += count;
            }
        }
        rows.extend(touches.into_iter().map(|(touchpoint, count)| (dt, touchpoint, count)));
    }
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("touchpoint", texts(rows, |row| row.1)),
        ("touch_count", counts(rows, |row| row.2)),
    ])
}

/// A row for each day and window: who recommended the company to somebody who came in it.
pub(super) fn advocacy(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, i64, i64)> = vec![];
    for dt in truth.days.days() {
        for window in [28, 90] {
            let referrals = known(&truth.referrals, dt, window, |key| key.0);
            let told = referrals.filter(|(_, [count])| *count > 0);
            let referrers: BTreeSet<_> = told.map(|((_, referrer), _)| referrer).collect();
            rows.push((dt, window as i64, referrers.len() as i64));
        }
    }
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("window_days", counts(rows, |row| row.1)),
        ("referrer_count", counts(rows, |row| row.2)),
    ])
}

/// A row for each day of orders, model and channel: what the channel has of the orders. All
/// channels have together what was bought, whatever the model; what is nobody's is of no channel
/// that is known.
pub(super) fn attribution(truth: &MetricTruth) -> Result<Vec<Column>> {
    /// Models that credit by what they estimate: the truth knows what they have to share.
    const ESTIMATED: [&str; 1] = ["markov"];
    /// Credit of one channel has no amount: it is of orders.
    type Credit = (Day, (Day, &'static str, &'static str), [i64; 2], bool);
    let mut bought: Sums<(Day, &'static str, &'static str), 2> = Sums::default();
    for ((told_on, (day, _, customer_type)), sums) in &truth.revenue.0 {
        let sums = [sums[0] * 1_000_000, sums[4] - sums[5]];
        for model in MODELS.into_iter().chain(ESTIMATED) {
            bought.add(*told_on, (*day, model, "all"), sums);
            if *customer_type == "anonymous" {
                bought.add(*told_on, (*day, model, "unknown"), sums);
            }
        }
    }
    let bought = bought.rows().into_iter().map(|(dt, key, sums)| (dt, key, sums, true));
    let credit = truth.credit.rows().into_iter();
    let credit = credit.map(|(dt, key, [orders])| (dt, key, [orders, 0], false));
    let mut rows: Vec<Credit> = bought.chain(credit).collect();
    rows.sort_unstable();
    let rows = &rows;
    let amounts = rows.iter().map(|row| row.3.then(|| i128::from(row.2[1]) * 100));
    let amounts = Decimal128Array::from_iter(amounts)
        .with_precision_and_scale(18, 4)
        .context(Kind::Defect, || "make a true amount".to_owned())?;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("order_date", days(rows, |row| row.1.0)),
        ("currency", texts(rows, |_| "GBP")),
        ("model", texts(rows, |row| row.1.1)),
        ("channel", texts(rows, |row| row.1.2)),
        ("credited_order_count", decimals(rows, 6, |row| row.2[0])?),
        ("credited_amount", Arc::new(amounts)),
    ])
}

/// A row for each day, month and channel: the money spent in the month so far.
pub(super) fn acquisition_cohorts(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    let mut spent: BTreeMap<(Day, &str), i64> = BTreeMap::new();
    let mut rows: Vec<(Day, (Day, &str), i64)> = vec![];
    for dt in truth.days.days() {
        for spend in life::marketing_spend(world, dt) {
            for channel in [spend.channel, "all"] {
                *spent.entry((month_of(spend.day), channel)).or_default() += spend.amount;
            }
        }
        rows.extend(spent.iter().map(|(key, amount)| (dt, *key, *amount)));
    }
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("cohort_month", days(rows, |row| row.1.0)),
        ("channel", texts(rows, |row| row.1.1)),
        ("spend_amount", pounds(rows, |row| row.2)?),
    ])
}

/// A row for each day and campaign of which anybody has been chosen: how many so far, who of them
/// has bought while it ran, and what it truly adds to the chance of that.
pub(super) fn campaign_results(truth: &MetricTruth, world: &World) -> Result<Vec<Column>> {
    #[derive(Clone, Copy)]
    struct Standing {
        first: Day,
        last: Day,
        chosen: [i64; 2],
        buyers: [i64; 2],
    }
    let mut rows: Vec<(Day, u16, Standing)> = vec![];
    for dt in truth.days.days() {
        let mut standings: BTreeMap<u16, Standing> = BTreeMap::new();
        let chosen = truth.campaigns.0.iter().take_while(|((told_on, _), _)| *told_on <= dt);
        for ((_, (day, campaign)), sums) in chosen.filter(|(_, sums)| sums[0] + sums[1] != 0) {
            let new = Standing { first: *day, last: *day, chosen: [0; 2], buyers: [0; 2] };
            let standing = standings.entry(*campaign).or_insert(new);
            standing.first = standing.first.min(*day);
            standing.last = standing.last.max(*day);
            standing.chosen[0] += sums[0];
            standing.chosen[1] += sums[1];
        }
        for ((day, campaign), buyers) in &truth.campaign_buyers.0 {
            if let Some(standing) = standings.get_mut(campaign).filter(|_| *day <= dt) {
                standing.buyers[0] += buyers[0];
                standing.buyers[1] += buyers[1];
            }
        }
        rows.extend(standings.into_iter().map(|(campaign, standing)| (dt, campaign, standing)));
    }
    let rows = &rows;
    let campaign = |place: u16| world.campaigns.get(usize::from(place));
    let uplift = |place: u16| {
        let uplift = campaign(place).map_or(0.0, |campaign| campaign.uplift);
        (f64::from(uplift) * 1e6).round() as i64
    };
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("campaign_id", texts(rows, |row| campaign_code(world, row.1))),
        ("channel", texts(rows, |row| campaign(row.1).map_or("", |campaign| campaign.channel))),
        ("first_chosen_date", days(rows, |row| row.2.first)),
        ("last_chosen_date", days(rows, |row| row.2.last)),
        ("treated_count", counts(rows, |row| row.2.chosen[0])),
        ("control_count", counts(rows, |row| row.2.chosen[1])),
        ("true_treated_buyer_count", counts(rows, |row| row.2.buyers[0])),
        ("true_control_buyer_count", counts(rows, |row| row.2.buyers[1])),
        ("true_uplift", decimals(rows, 6, |row| uplift(row.1))?),
    ])
}
