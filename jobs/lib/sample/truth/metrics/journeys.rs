//! The tables of journeys, as of the end of each day.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, ListBuilder, StringBuilder};

use super::MetricTruth;
use super::frames::{Column, counts, days, lists, texts};
use super::offers::{Counts, TAKEN_DAYS, count};
use super::paths::{Moves, PathFact, Variant, removal_effects};
use super::steps::{Entry, STAGES};
use super::sums::Sums;
use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};

/// Days after entering a stage within which who comes into a later one is converted.
const CONVERTED_DAYS: i64 = 28;
/// Days of entry that the time in stages is looked at over.
const YEAR: u64 = 365;
/// Variants of a day that are told: those of the most persons.
const MOST_VARIANTS: usize = 200;

/// Calls `tell` with the sums that stand at the end of each day.
pub(super) fn each_day<K: Ord + Copy, const N: usize>(
    truth: &MetricTruth,
    changes: &Sums<K, N>,
    mut tell: impl FnMut(Day, &BTreeMap<K, [i64; N]>),
) {
    let mut standing: BTreeMap<K, [i64; N]> = BTreeMap::new();
    let mut changes = changes.0.iter().peekable();
    for day in truth.days.days() {
        while let Some(((_, key), change)) = changes.next_if(|((told_on, _), _)| *told_on <= day) {
            let sums = standing.entry(*key).or_insert([0; N]);
            sums.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
        }
        standing.retain(|_, sums| sums.iter().any(|sum| *sum != 0));
        tell(day, &standing);
    }
}

/// How long persons stayed in a stage: by days, how many left it then, and how many are in it still.
#[derive(Debug, Clone, Default)]
struct Stays(BTreeMap<i64, [i64; 2]>);

impl Stays {
    fn add(&mut self, dt: Day, (_, _, entered_on, next): Entry, count: i64) {
        let until = next.unwrap_or(dt);
        let stay = self.0.entry(days_between(entered_on, until)).or_default();
        stay[usize::from(next.is_none())] += count;
    }

    fn left(&self) -> i64 {
        self.0.values().map(|stay| stay[0]).sum()
    }

    fn all(&self) -> i64 {
        self.0.values().flatten().sum()
    }

    /// Days, who left then, who is there still, and so on.
    fn list(&self) -> Vec<i64> {
        self.0.iter().flat_map(|(days, [left, there])| [*days, *left, *there]).collect()
    }
}

fn days_between(from: Day, to: Day) -> i64 {
    i64::from(to.to_epoch() - from.to_epoch())
}

/// A row for each day, day of entry in the window, stage and channel: who entered, and what became
/// of them.
pub(super) fn journey_stages(truth: &MetricTruth) -> Result<Vec<Column>> {
    #[derive(Default)]
    struct Row {
        stays: Stays,
        converted: i64,
        converted_days: i64,
        dropped: i64,
        open: i64,
    }
    /// The day, the day of entry, the stage's place and the channel.
    type Key<'a> = (Day, Day, usize, &'a str);
    let mut rows: Vec<(Key<'_>, Row)> = vec![];
    each_day(truth, &truth.entries, |dt, standing| {
        let mut of_day: BTreeMap<Key<'_>, Row> = BTreeMap::new();
        for (entry, [count]) in standing {
            let (stage, channel, entered_on, next) = *entry;
            if days_between(entered_on, dt) > CONVERTED_DAYS {
                continue;
            }
            let took = next.map(|next| days_between(entered_on, next));
            let took = took.filter(|took| *took <= CONVERTED_DAYS);
            for channel in [channel, "all"] {
                let row = of_day.entry((dt, entered_on, stage, channel)).or_default();
                row.stays.add(dt, *entry, *count);
                if let Some(took) = took {
                    row.converted += count;
                    row.converted_days += took * count;
                } else if stage + 1 < STAGES.len() {
                    let is_over = days_between(entered_on, dt) >= CONVERTED_DAYS;
                    *if is_over { &mut row.dropped } else { &mut row.open } += count;
                }
            }
        }
        rows.extend(of_day);
    });
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0.0)),
        ("entry_date", days(rows, |row| row.0.1)),
        ("life_cycle_stage", texts(rows, |row| STAGES[row.0.2])),
        ("channel", texts(rows, |row| row.0.3)),
        ("entered_count", counts(rows, |row| row.1.stays.all())),
        ("converted_count", counts(rows, |row| row.1.converted)),
        ("dropped_count", counts(rows, |row| row.1.dropped)),
        ("open_count", counts(rows, |row| row.1.open)),
        ("converted_days", counts(rows, |row| row.1.converted_days)),
        ("stage_day_counts", lists(rows, |row| row.1.stays.list())),
    ])
}

/// A row for each day, stage and channel: how long those stayed who entered in the year up to it.
pub(super) fn journey_stage_times(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<((Day, usize, &str), Stays)> = vec![];
    each_day(truth, &truth.entries, |dt, standing| {
        let mut of_day: BTreeMap<(Day, usize, &str), Stays> = BTreeMap::new();
        for (entry, [count]) in standing.iter().filter(|(entry, _)| entry.2 > dt.minus(YEAR)) {
            for channel in [entry.1, "all"] {
                of_day.entry((dt, entry.0, channel)).or_default().add(dt, *entry, *count);
            }
        }
        rows.extend(of_day);
    });
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0.0)),
        ("life_cycle_stage", texts(rows, |row| STAGES[row.0.1])),
        ("channel", texts(rows, |row| row.0.2)),
        ("entered_count", counts(rows, |row| row.1.all())),
        ("left_count", counts(rows, |row| row.1.left())),
        ("stage_day_counts", lists(rows, |row| row.1.list())),
    ])
}

/// A row for each day and variant of a few steps, those of the most persons: persons whose steps of
/// the 28 days came in that order.
pub(super) fn journey_variants(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, String, [i64; 3])> = vec![];
    each_day(truth, &truth.variants, |dt, standing| {
        let mut variants: Vec<(&Variant, &[i64; 3])> = standing.iter().collect();
        variants.sort_by_key(|(variant, sums)| (-sums[0], *variant));
        variants.truncate(MOST_VARIANTS);
        rows.extend(variants.into_iter().map(|(variant, sums)| {
            let steps: Vec<&str> = variant.iter().copied().filter(|it| !it.is_empty()).collect();
            (dt, steps.join(" > "), *sums)
        }));
    });
    let rows = &rows;
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("variant", texts(rows, |row| row.1.as_str())),
        ("customer_count", counts(rows, |row| row.2[0])),
        ("touch_count", counts(rows, |row| row.2[1])),
        ("bought_count", counts(rows, |row| row.2[2])),
    ])
}

/// A row for each day and channel on a path, and for all paths: how many paths met it, how many of
/// them ended with a purchase, and what would be lost without it.
pub(super) fn attribution_effects(truth: &MetricTruth) -> Result<Vec<Column>> {
    struct Row {
        paths: [i64; 2],
        moves: Moves,
        effect: Option<f64>,
        share: Option<f64>,
    }
    let mut rows: Vec<((Day, &str), Row)> = vec![];
    each_day(truth, &truth.paths, |dt, standing| {
        let mut moves = Moves::new();
        let mut paths: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
        for (fact, [count]) in standing {
            match fact {
                PathFact::Met(channel) => paths.entry(channel).or_default()[0] += count,
                PathFact::Converted(channel) => paths.entry(channel).or_default()[1] += count,
                PathFact::Moved(from, to) => *moves.entry((from, to)).or_default() += count,
            }
        }
        let effects = removal_effects(&moves).unwrap_or_default();
        let whole: f64 = effects.values().sum();
        for (channel, paths) in paths {
            let effect = effects.get(channel).copied();
            let share = effect.filter(|_| whole > 0.0).map(|effect| effect / whole);
            let moves = if channel == "all" { moves.clone() } else { Moves::new() };
            rows.push(((dt, channel), Row { paths, moves, effect, share }));
        }
    });
    let mut words = ListBuilder::new(StringBuilder::new());
    for (_, row) in &rows {
        for ((from, to), count) in &row.moves {
            [*from, *to].into_iter().for_each(|word| words.values().append_value(word));
            words.values().append_value(count.to_string());
        }
        words.append(!row.moves.is_empty());
    }
    let rows = &rows;
    let millionths = |value: fn(&Row) -> Option<f64>| -> Result<ArrayRef> {
        let values = rows.iter().map(|row| value(&row.1).map(|it| (it * 1e6).round() as i128));
        let array = Decimal128Array::from_iter(values)
            .with_precision_and_scale(9, 6)
            .context(Kind::Defect, || "make a true share".to_owned())?;
        Ok(Arc::new(array))
    };
    Ok(vec![
        ("dt", days(rows, |row| row.0.0)),
        ("channel", texts(rows, |row| row.0.1)),
        ("path_count", counts(rows, |row| row.1.paths[0])),
        ("converted_path_count", counts(rows, |row| row.1.paths[1])),
        ("transition_counts", Arc::new(words.finish())),
        ("removal_effect", millionths(|row| row.effect)?),
        ("credit_share", millionths(|row| row.share)?),
    ])
}

/// A row for each day, horizon and cohort: who bought again within it.
pub(super) fn complaint_retention(truth: &MetricTruth) -> Result<Vec<Column>> {
    let rows = &truth.complaint_retention.rows();
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("horizon_days", counts(rows, |row| row.1.0 as i64)),
        ("cohort", texts(rows, |row| row.1.1)),
        ("customer_count", counts(rows, |row| row.2[0])),
        ("retained_count", counts(rows, |row| row.2[1])),
    ])
}

/// A row for each day, day of the offer in the week before it, and action: whom it began to fit, to
/// whom it was offered, and what became of it.
pub(super) fn personalisation(truth: &MetricTruth) -> Result<Vec<Column>> {
    let mut rows: Vec<(Day, (Day, &str), Counts)> = vec![];
    let offers = truth.offers.regrouped(|(day, action)| [(day, action), (day, "all")]);
    each_day(truth, &offers, |dt, standing| {
        let first = dt.minus(TAKEN_DAYS);
        rows.extend(standing.range((first, "")..).map(|(key, sums)| (dt, *key, *sums)));
    });
    let rows = &rows;
    let rest = |of_past: bool| {
        counts(rows, move |row| {
            let is_over = row.1.0.plus(TAKEN_DAYS) <= row.0;
            if is_over == of_past { row.2[count::OFFERED] - row.2[count::TAKEN] } else { 0 }
        })
    };
    Ok(vec![
        ("dt", days(rows, |row| row.0)),
        ("offer_date", days(rows, |row| row.1.0)),
        ("action", texts(rows, |row| row.1.1)),
        ("eligible_count", counts(rows, |row| row.2[..count::TAKEN].iter().sum())),
        ("offered_count", counts(rows, |row| row.2[count::OFFERED])),
        ("withheld_consent_count", counts(rows, |row| row.2[count::WITHHELD_CONSENT])),
        ("withheld_contact_point_count", counts(rows, |row| row.2[count::WITHHELD_CONTACT_POINT])),
        ("withheld_contact_cap_count", counts(rows, |row| row.2[count::WITHHELD_CONTACT_CAP])),
        ("taken_count", counts(rows, |row| row.2[count::TAKEN])),
        ("missed_count", rest(true)),
        ("open_count", rest(false)),
    ])
}
