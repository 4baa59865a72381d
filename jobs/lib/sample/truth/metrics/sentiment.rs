//! The true feeling of texts, on the day an export tells them first.

use super::{MetricTruth, hundredths, service};
use crate::sample::facts::{CaseEventKind, Facts, Instant, Text};
use crate::sample::world::calendar::{london_day, london_midnight};

/// A text is positive from so many hundredths on, negative from as many below zero on.
pub(super) const THRESHOLD: i64 = 5;

/// The topic of a text that does not say.
const UNKNOWN: &str = "unknown";

impl MetricTruth {
    /// Counts the texts of a window, by where they come from.
    pub(super) fn add_sentiment(&mut self, facts: &Facts, is_in: &impl Fn(Instant) -> bool) {
        for it in facts.mentions.iter().filter(|it| is_in(it.posted_at)) {
            self.add_text(it.posted_at, ["mention", it.topic, "social"], &it.text);
        }
        for it in facts.reviews.iter().filter(|it| is_in(it.posted_at)) {
            self.add_text(it.posted_at, ["review", UNKNOWN, "review"], &it.text);
        }
        for it in facts.community_posts.iter().filter(|it| is_in(it.posted_at)) {
            if let Some(text) = &it.text {
                self.add_text(it.posted_at, ["community_post", it.topic, "community"], text);
            }
        }
        for it in &facts.survey_responses {
            if let (Some(at), Some(text)) = (it.answered_at, &it.comment)
                && is_in(at)
            {
                let topic = if it.touchpoint == "relationship" { UNKNOWN } else { it.touchpoint };
                self.add_text(at, ["survey_comment", topic, it.channel], text);
            }
        }
        for case in &facts.cases {
            let Some(first) = service::first_told_on(case, self.days.from) else { continue };
            let mut tell = |at: Instant, kind: &'static str, text: &Text| {
                let (day, [kind, topic, channel]) =
                    (london_day(at), [kind, case.topic, case.channel]);
                let told_on = day.max(first);
                if is_in(london_midnight(told_on)) {
                    self.sentiment.add(told_on, (day, kind, topic, channel), sums(text));
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
    }

    fn add_text(&mut self, at: Instant, from: [&'static str; 3], text: &Text) {
        let day = london_day(at);
        self.sentiment.add(day, (day, from[0], from[1], from[2]), sums(text));
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
