//! The true feeling of texts, on the day an export tells them first.

use super::{MetricTruth, hundredths};
use crate::dates::Day;
use crate::sample::facts::{Case, Facts, Instant, Text};
use crate::sample::world::calendar::{london_day, london_midnight};

/// A text is positive from so many hundredths on, negative from as many below zero on.
pub(super) const THRESHOLD: i64 = 5;

impl MetricTruth {
    /// Counts the texts of a window, by the kind of event that they come with.
    pub(super) fn add_sentiment(&mut self, facts: &Facts, is_in: &impl Fn(Instant) -> bool) {
        for mention in facts.mentions.iter().filter(|it| is_in(it.posted_at)) {
            self.add_text(mention.posted_at, "mention_posted", "social", &mention.text);
        }
        for review in facts.reviews.iter().filter(|it| is_in(it.posted_at)) {
            self.add_text(review.posted_at, "review_posted", "review", &review.text);
        }
        for post in facts.community_posts.iter().filter(|it| is_in(it.posted_at)) {
            if let Some(text) = &post.text {
                let kind = match post.kind {
                    "question" => "community_question",
                    "answer" => "community_answer",
                    "idea" => "community_idea",
                    _ => "community_vote",
                };
                self.add_text(post.posted_at, kind, "community", text);
            }
        }
        for response in &facts.survey_responses {
            // A question that was skipped is no answer, whatever was written beside it.
            if let (Some(at), Some(_), Some(text)) =
                (response.answered_at, response.score, &response.comment)
                && is_in(at)
            {
                self.add_text(at, "survey_answered", response.channel, text);
            }
        }
        for case in &facts.cases {
            if let Some(told_on) = first_told_on(case, self.days.from)
                && is_in(london_midnight(told_on))
            {
                let key = (london_day(case.opened_at), "case_opened", case.channel);
                self.sentiment.add(told_on, key, sums(&case.description));
            }
        }
    }

    fn add_text(&mut self, at: Instant, kind: &'static str, channel: &'static str, text: &Text) {
        let day = london_day(at);
        self.sentiment.add(day, (day, kind, channel), sums(text));
    }
}

/// The first of the exported days, from `from` on, that tells of a case.
fn first_told_on(case: &Case, from: Day) -> Option<Day> {
    let times = std::iter::once(case.opened_at).chain(case.events.iter().map(|event| event.at));
    times.map(london_day).find(|day| *day >= from)
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
