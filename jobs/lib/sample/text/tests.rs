//! Texts are varied, and say what they are said to say.

use std::collections::HashSet;

use super::*;
use crate::algorithms::sentiment::Scorer;
use crate::sample::random::Purpose;

const CODES: [&str; 5] = ["en", "de", "fr", "es", "nl"];

fn stream(number: u64) -> Stream {
    Stream::of(3, Purpose::Text, &[number])
}

/// The kinds of text, each with what is varied by number.
fn written(kind: &str, number: u64, language: &str) -> Text {
    let mut stream = stream(number);
    let stream = &mut stream;
    let step = number as u8;
    let of = |choices: &[&'static str]| choices[number as usize % choices.len()];
    match kind {
        "review" => {
            let topic = of(&["product", "delivery", "price", "service"]);
            review(stream, topic, step % 5 + 1, "Fern Mug, Oak", language).1
        }
        "case" => {
            let topic = of(&["delivery", "returns", "product", "billing", "account", "store"]);
            let case_type =
                ["question", "problem", "complaint", "request"][number as usize / 7 % 4];
            case(stream, topic, case_type, language, None).1
        }
        "agent" => reply(stream, Author::Agent, "delivery", 0.0, language),
        "note" => reply(stream, Author::Note, "delivery", 0.0, language),
        "customer" => {
            let sentiment = f32::from(step % 9) / 4.0 - 1.0;
            reply(stream, Author::Customer, of(&["delivery", "returns"]), sentiment, language)
        }
        "mention" => {
            let topic = of(&["delivery", "service", "product", "price", "brand"]);
            mention(
                stream,
                of(&["x", "facebook"]),
                topic,
                f32::from(step % 9) / 4.0 - 1.0,
                language,
            )
        }
        "nps" => comment(stream, Survey::Nps, step % 11, language),
        "csat" => comment(stream, Survey::Csat, step % 5 + 1, language),
        "ces" => comment(stream, Survey::Ces, step % 7 + 1, language),
        _ => forum(stream, of(&["question", "answer", "idea"]), of(&["product", "app"]), language),
    }
}

const KINDS: [&str; 10] =
    ["review", "case", "agent", "note", "customer", "mention", "nps", "csat", "ces", "forum"];

#[test]
fn the_same_stream_writes_the_same_text() {
    for kind in KINDS {
        for language in CODES {
            assert_eq!(written(kind, 5, language), written(kind, 5, language));
        }
    }
}

#[test]
fn texts_are_rarely_equal() {
    for language in CODES {
        // The other languages are small shares of all texts.
        let count = if language == "en" { 10_000 } else { 1_000 };
        for kind in KINDS {
            let mut seen = HashSet::new();
            let repeated = (0..count).filter(|number| {
                let text = written(kind, *number, language);
                !seen.insert(text.words)
            });
            let repeated = repeated.count() as f64 / count as f64;
            assert!(repeated < 0.01, "{kind} in {language}: {repeated}");
        }
    }
}

#[test]
fn every_gap_has_words() {
    for language in CODES {
        for kind in KINDS {
            for number in 0..400 {
                let text = written(kind, number, language);
                assert!(!text.words.contains(['{', '}']), "{}", text.words);
                assert!(!text.words.contains("  "), "{}", text.words);
                assert_eq!(text.language, language);
                assert!((-1.0..=1.0).contains(&text.sentiment));
            }
        }
    }
    assert_eq!(written("review", 1, "it").language, "en");
}

/// Every gap of every phrase is one of the language's, or a range of numbers.
#[test]
fn gaps_are_of_the_language() {
    for code in CODES {
        let language = Language::of(code);
        let mut phrases: Vec<&str> = vec![];
        for topic in language.topics {
            for list in [
                topic.bad,
                topic.neutral,
                topic.good,
                topic.questions,
                topic.requests,
                topic.ideas,
                topic.subjects,
            ] {
                assert!(!list.is_empty());
                phrases.extend(list);
            }
        }
        let lists = [language.verdicts, language.titles].concat();
        phrases.extend(lists.concat());
        phrases.extend([language.closings, language.customer_replies].concat().concat());
        for list in [
            language.details,
            language.greetings,
            language.farewells,
            language.order,
            language.agent_greetings,
            language.agent_actions,
            language.agent_farewells,
            language.notes,
            language.answers,
            language.mentions,
        ] {
            phrases.extend(list);
        }
        for words in language.gaps {
            phrases.extend(words.1);
        }
        for phrase in phrases {
            for gap in phrase.split('{').skip(1) {
                let gap = gap.split('}').next().unwrap();
                let is_range = gap.split_once('-').is_some_and(|(low, high)| {
                    low.parse::<i64>().unwrap_or(1) <= high.parse::<i64>().unwrap_or(0)
                });
                let is_known = language.gaps.iter().any(|(name, _)| *name == gap);
                assert!(is_range || is_known || gap == "order", "{code}: {phrase}");
            }
        }
    }
}

/// Rapport's own scorer finds in English texts the feeling they were written with.
#[test]
fn words_carry_the_stated_feeling() {
    let mut scorer = Scorer::default();
    let mut all = vec![];
    for kind in ["review", "case", "customer", "mention", "nps", "csat", "ces", "forum"] {
        let pairs: Vec<(f64, f64)> = (0..700)
            .map(|number| {
                let text = written(kind, number, "en");
                let score = scorer.compound(&text.words, Some("en")).unwrap();
                (f64::from(text.sentiment), f64::from(score) / 10_000.0)
            })
            .collect();
        let found = correlation(&pairs);
        assert!(found > 0.6, "{kind}: {found}");
        all.extend(pairs);
    }
    assert!(correlation(&all) > 0.7, "{}", correlation(&all));
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean_of = |value: fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean_of(|pair| pair.0), mean_of(|pair| pair.1));
    let covariance =
        |left: fn(&(f64, f64)) -> f64, right: fn(&(f64, f64)) -> f64, a: f64, b: f64| {
            pairs.iter().map(|pair| (left(pair) - a) * (right(pair) - b)).sum::<f64>()
        };
    let both = covariance(|pair| pair.0, |pair| pair.1, x, y);
    let first = covariance(|pair| pair.0, |pair| pair.0, x, x);
    let second = covariance(|pair| pair.1, |pair| pair.1, y, y);
    both / (first * second).sqrt()
}
