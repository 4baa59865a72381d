//! Questions of the forum and when they are answered: from either side, whoever asks and answers.

use std::collections::BTreeMap;

use super::sums::{Sums, Telling};
use crate::dates::Day;
use crate::sample::facts::{CommunityPost, Instant};
use crate::sample::world::calendar::london_day;

/// Days up to the one on which question and answer are both known in which both became so.
const WINDOW_DAYS: u64 = 28;

/// A post that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Post {
    told_on: Day,
    at: Instant,
    topic: &'static str,
}

/// Questions by their number, and answers by that of their question. None of them counts persons:
/// they grow with what is written in the forum, which is little.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Threads {
    questions: BTreeMap<u64, Post>,
    answers: BTreeMap<u64, Vec<Post>>,
}

impl Threads {
    /// Takes in a post, or takes it back.
    pub(super) fn tell(&mut self, post: &CommunityPost, telling: Telling) {
        let told = Post { told_on: telling.on, at: post.posted_at, topic: post.topic };
        let is_told = telling.times > 0;
        match (post.kind, post.parent) {
            ("question", _) if is_told => drop(self.questions.insert(post.number, told)),
            ("question", _) => drop(self.questions.remove(&post.number)),
            ("answer", Some(parent)) => {
                let answers = self.answers.entry(parent).or_default();
                match answers.iter().position(|answer| *answer == told) {
                    Some(place) if !is_told => drop(answers.remove(place)),
                    _ if is_told => answers.push(told),
                    _ => {}
                }
                answers.sort_unstable();
            }
            _ => {}
        }
    }

    /// Adds those of another one.
    pub(super) fn merge(&mut self, other: Threads) {
        self.questions.extend(other.questions);
        for (question, answers) in other.answers {
            let all = self.answers.entry(question).or_default();
            all.extend(answers);
            all.sort_unstable();
        }
    }

    /// By the day on which the first answer and its question are both known, the day of the
    /// question and its topic: questions, those with the times of both in their order, and the
    /// minutes between.
    pub(super) fn answered(&self) -> Sums<(Day, &'static str), 3> {
        let mut answered: Sums<(Day, &'static str), 3> = Sums::default();
        for (number, question) in &self.questions {
            let answers = self.answers.get(number).map_or(&[][..], Vec::as_slice);
            let Some(first) = answers.first() else { continue };
            let known_on = first.told_on.max(question.told_on);
            let oldest = known_on.minus(WINDOW_DAYS - 1);
            if first.told_on.min(question.told_on) < oldest {
                continue;
            }
            let known = answers.iter().filter(|answer| answer.told_on <= known_on);
            let answered_at = known.map(|answer| answer.at).min().unwrap_or(first.at);
            let minutes = (answered_at - question.at) / 60;
            let is_timed = i64::from(answered_at >= question.at);
            let key = (london_day(question.at), question.topic);
            answered.add(known_on, key, [1, is_timed, minutes * is_timed]);
        }
        answered
    }
}
