//! The true feeling of texts, on the day an export tells them first.

use super::sums::Telling;
use super::{MetricTruth, hundredths, service};
use crate::sample::facts::{Case, CaseEventKind, Instant, Text};
use crate::sample::world::calendar::{london_day, london_midnight};

/// A text is positive from so many hundredths on, negative from as many below zero on.
pub(super) const THRESHOLD: i64 = 5;

/// The topic of a text that does not say.
pub(super) const UNKNOWN: &str = "unknown";

impl MetricTruth {
    /// Counts the texts of a case that a window tells of.
    pub(super) fn add_case_texts(&mut self, case: &Case, is_in: &impl Fn(Instant) -> bool) {
        let Some(first) = service::first_told_on(case, self.days.from) else { return };
        let mut tell = |at: Instant, kind: &'static str, text: &Text| {
            let told_on = london_day(at).max(first);
            if is_in(london_midnight(told_on)) {
                self.tell_text(Telling::once(told_on), at, [kind, case.topic, case.channel], text);
            }
        };
        tell(case.opened_at, "case", &case.description);
        // North's desk tells of a ticket what it began with, and no more.
        for event in case.events.iter().filter(|_| !case.is_north) {
            if let CaseEventKind::CustomerReplied(text) = &event.kind {
                tell(event.at, "case_reply", text);
            }
        }
    }

    /// A text, with its kind, topic and channel.
    pub(super) fn tell_text(
        &mut self,
        telling: Telling,
        at: Instant,
        [kind, topic, channel]: [&'static str; 3],
        text: &Text,
    ) {
        self.sentiment.tell(telling, (london_day(at), kind, topic, channel), sums(text));
    }
}

/// Texts, positive, neutral, negative ones, the sum of the feeling in hundredths, and of its
/// squares.
fn sums(text: &Text) -> [i64; 6] {
    let feeling = hundredths(text);
    let is_positive = feeling >= THRESHOLD;
    let is_negative = feeling <= -THRESHOLD;
    [
        1,
        i64::from(is_positive),
        i64::from(!is_positive && !is_negative),
        i64::from(is_negative),
        feeling,
        feeling * feeling,
    ]
}
