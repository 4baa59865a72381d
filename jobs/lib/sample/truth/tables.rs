//! What is true of one part of the persons, gathered window by window.

use super::people;
use crate::dates::Day;
use crate::errors::{Error, Kind, Result};
use crate::sample::codes::{self, code};
use crate::sample::columns::{self, Column, boolean, day, double, number, text, whole};
use crate::sample::dirt::{Fault, RowFault};
use crate::sample::facts::{Facts, Instant, PersonIndex, Text};
use crate::sample::feeds::Feed;
use crate::sample::feeds::encode::{Encoded, FileFacts};
use crate::sample::feeds::scene::People;
use crate::sample::feeds::sheet::Loss;
use crate::sample::life::Course;
use crate::sample::world::World;

/// A fact that is not told on its own day, or not in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Delivery {
    source: &'static str,
    /// The fact, as the export identifies it.
    id: String,
    /// Which of the fact's rows, from 0; none where all of it is meant.
    row_of_fact: Option<u32>,
    /// The day on which it is told; none where it never is.
    told_on: Option<Day>,
    /// `late`, the fault because of which its row is not read, or `after_the_end`.
    reason: &'static str,
}

/// What is true of a text.
#[derive(Debug, Clone, PartialEq)]
struct TextTruth {
    source: &'static str,
    id: String,
    person: PersonIndex,
    language: &'static str,
    sentiment: f32,
}

/// What is true of one part of the persons, gathered window by window.
#[derive(Debug, Default)]
pub struct PartTruth {
    files: Vec<FileFacts>,
    faults: Vec<Fault>,
    deliveries: Vec<Delivery>,
    texts: Vec<TextTruth>,
}

impl PartTruth {
    /// Takes in what was written of a feed's day.
    pub fn add(&mut self, encoded: &mut Encoded) {
        self.files.append(&mut encoded.facts);
        let late = encoded.faults.iter().filter(|fault| fault.kind == RowFault::Late.name());
        self.deliveries.extend(late.map(|fault| Delivery {
            source: fault.source,
            id: fault.id.clone(),
            row_of_fact: None,
            told_on: Some(fault.dt),
            reason: fault.kind,
        }));
        self.faults.append(&mut encoded.faults);
        self.add_losses(std::mem::take(&mut encoded.losses));
    }

    /// Takes in what is never told.
    pub fn add_losses(&mut self, losses: Vec<Loss>) {
        self.deliveries.extend(losses.into_iter().map(|loss| Delivery {
            source: loss.source,
            id: loss.id,
            row_of_fact: loss.row_of_fact,
            told_on: None,
            reason: loss.kind,
        }));
    }

    /// Takes in the texts of a window that begins at `since`.
    pub fn add_texts(&mut self, facts: &Facts, since: Instant) {
        let mut push = |feed: Feed, kind: codes::Kind, number: u64, person, text: &Text| {
            self.texts.push(TextTruth {
                source: feed.about().name,
                id: code(kind, number),
                person,
                language: text.language,
                sentiment: text.sentiment,
            });
        };
        // What the window before left over is in the truth already.
        for mention in facts.mentions.iter().filter(|mention| mention.posted_at >= since) {
            push(
                Feed::SocialMentions,
                codes::Kind::Mention,
                mention.number,
                mention.person,
                &mention.text,
            );
        }
        for review in facts.reviews.iter().filter(|review| review.posted_at >= since) {
            push(Feed::Reviews, codes::Kind::Review, review.number, review.person, &review.text);
        }
        for post in facts.community_posts.iter().filter(|post| post.posted_at >= since) {
            if let Some(text) = &post.text {
                push(
                    Feed::CommunityPosts,
                    codes::Kind::CommunityPost,
                    post.number,
                    post.person,
                    text,
                );
            }
        }
        for response in &facts.survey_responses {
            if let Some(text) = response.comment.as_ref()
                && response.answered_at.is_some_and(|at| at >= since)
            {
                push(
                    Feed::SurveyResponses,
                    codes::Kind::SurveyResponse,
                    response.number,
                    response.person,
                    text,
                );
            }
        }
        for case in facts.cases.iter().filter(|case| case.opened_at >= since) {
            let feed = if case.is_north { Feed::NorthTickets } else { Feed::DeskCases };
            push(feed, codes::Kind::Case, case.number, case.person, &case.description);
        }
    }

    /// The faults, in no order.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The files, as their sources read them, in no order.
    pub fn files(&self) -> &[FileFacts] {
        &self.files
    }

    /// The same with everything in order.
    pub fn in_order(mut self) -> PartTruth {
        self.faults.sort_unstable();
        self.deliveries.sort_unstable();
        self.files.sort_by(|a, b| (a.source, a.dt, &a.path).cmp(&(b.source, b.dt, &b.path)));
        self
    }

    /// One of the [`super::TABLES`] as Parquet. `courses`: of each person, in their order.
    pub fn table(
        &self,
        table: &str,
        world: &World,
        persons: &People,
        courses: &[Course],
    ) -> Result<Vec<u8>> {
        let columns = match table {
            "deliveries" => deliveries(&self.deliveries),
            "faults" => faults(&self.faults),
            "files" => files(&self.files),
            "persons" => people::persons(persons, courses),
            "purchases" => people::purchases(world, persons, courses),
            "records" => people::records(persons),
            "texts" => texts(&self.texts),
            _ => return Err(Error::new(Kind::Defect, format!("no table is named `{table}`"))),
        };
        columns::parquet(table, columns)
    }
}

fn deliveries(rows: &[Delivery]) -> Vec<Column> {
    vec![
        ("source", false, text(rows, |row| Some(row.source))),
        ("fact_id", false, text(rows, |row| Some(&row.id))),
        ("row_of_fact", true, number(rows, |row| row.row_of_fact.map(i64::from))),
        ("told_on", true, day(rows, |row| row.told_on)),
        ("reason", false, text(rows, |row| Some(row.reason))),
    ]
}

fn faults(rows: &[Fault]) -> Vec<Column> {
    let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
    vec![
        ("source", false, text(rows, |row| Some(row.source))),
        ("dt", false, day(rows, |row| Some(row.dt))),
        ("file", false, text(rows, |row| Some(&row.file))),
        ("row", true, number(rows, |row| row.row.and_then(whole))),
        ("line", true, number(rows, |row| row.line.and_then(whole))),
        ("kind", false, text(rows, |row| Some(row.kind))),
        ("column", true, text(rows, |row| some(row.column))),
        ("id", true, text(rows, |row| Some(row.id.as_str()).filter(|id| !id.is_empty()))),
        ("outcome", false, text(rows, |row| Some(row.outcome.name()))),
    ]
}

fn files(rows: &[FileFacts]) -> Vec<Column> {
    vec![
        ("source", false, text(rows, |row| Some(row.source))),
        ("dt", false, day(rows, |row| Some(row.dt))),
        ("file", false, text(rows, |row| Some(&row.path))),
        ("row_count", false, number(rows, |row| whole(row.row_count))),
        ("byte_count", false, number(rows, |row| whole(row.byte_count))),
        ("content_byte_count", false, number(rows, |row| whole(row.content_byte_count))),
        ("is_refused", false, boolean(rows, |row| row.is_refused)),
    ]
}

fn texts(rows: &[TextTruth]) -> Vec<Column> {
    vec![
        ("source", false, text(rows, |row| Some(row.source))),
        ("id", false, text(rows, |row| Some(&row.id))),
        ("person", false, number(rows, |row| whole(row.person))),
        ("language", false, text(rows, |row| Some(row.language))),
        ("sentiment", false, double(rows, |row| f64::from(row.sentiment))),
    ]
}
