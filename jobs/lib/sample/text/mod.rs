//! What people write: reviews, cases, posts, comments. Each text is put together from phrases that
//! fit its topic and feeling, and says which feeling it was written with.
//!
//! Languages: English, German, French, Spanish and Dutch; every other language gives English.

mod de;
mod en;
mod es;
mod fr;
mod nl;
mod phrases;

use self::phrases::{Gaps, Matter};
use super::facts::{Survey, Text};
use super::random::Stream;

/// Who writes a reply in a service case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// An agent, to the customer.
    Agent,
    /// An agent, to colleagues.
    Note,
    /// The customer.
    Customer,
}

type Phrases = &'static [&'static str];

/// A language's phrases. Where there are three lists, they are for bad, neutral and good feelings;
/// where there are five, the strong feelings have their own. Each phrase is a sentence.
struct Language {
    /// ISO 639-1.
    code: &'static str,
    gaps: Gaps,
    topics: &'static [Topic],
    /// What somebody thinks of it all.
    verdicts: [Phrases; 5],
    /// Heads of reviews.
    titles: [Phrases; 5],
    /// Circumstances without any feeling.
    details: Phrases,
    closings: [Phrases; 3],
    /// First and last lines of a message to the desk.
    greetings: Phrases,
    farewells: Phrases,
    /// What order the message is about.
    order: Phrases,
    /// An agent's first line, what they did, and their last line.
    agent_greetings: Phrases,
    agent_actions: Phrases,
    agent_farewells: Phrases,
    notes: Phrases,
    /// The customer's later messages.
    customer_replies: [Phrases; 3],
    /// Forum answers.
    answers: Phrases,
    /// What somebody calls the company in public.
    mentions: Phrases,
}

/// What is said about a topic.
struct Topic {
    names: Phrases,
    /// Statements.
    bad: Phrases,
    neutral: Phrases,
    good: Phrases,
    questions: Phrases,
    requests: Phrases,
    ideas: Phrases,
    /// Subject lines.
    subjects: Phrases,
}

impl Language {
    fn of(code: &str) -> &'static Language {
        match code {
            "de" => &de::LANGUAGE,
            "fr" => &fr::LANGUAGE,
            "es" => &es::LANGUAGE,
            "nl" => &nl::LANGUAGE,
            _ => &en::LANGUAGE,
        }
    }

    fn topic(&self, name: &str) -> &'static Topic {
        let found = self.topics.iter().find(|topic| topic.names.contains(&name));
        found.unwrap_or(&self.topics[0])
    }
}

/// A text on its way.
struct Writing<'a> {
    stream: &'a mut Stream,
    language: &'static Language,
    matter: Matter<'a>,
    words: String,
}

impl<'a> Writing<'a> {
    fn new(stream: &'a mut Stream, language: &str, mut matter: Matter<'a>) -> Self {
        matter.agent = stream.below(1 << 20) as usize;
        let language = Language::of(language);
        Writing { stream, language, matter, words: String::with_capacity(240) }
    }

    /// Writes one of the phrases.
    fn say(&mut self, phrases: Phrases) -> &mut Self {
        if !self.words.is_empty() && !self.words.ends_with('\n') {
            self.words.push(' ');
        }
        let mut phrase = self.stream.word(phrases);
        if self.matter.order.is_empty() && phrase.contains("{order}") {
            let without = phrases.iter().find(|phrase| !phrase.contains("{order}"));
            phrase = without.unwrap_or(&phrase);
        }
        let start = self.words.len();
        phrases::write(self.stream, self.language.gaps, self.matter, phrase, &mut self.words);
        if phrase.starts_with('{') {
            self.capitalise(start);
        }
        self
    }

    /// Gives what stands at `start` a capital: words for gaps are written as inside a sentence.
    fn capitalise(&mut self, start: usize) {
        let first = self.words.get(start..).and_then(|words| words.chars().next());
        if let Some(first) = first.filter(|first| first.is_lowercase()) {
            let capital: String = first.to_uppercase().collect();
            self.words.replace_range(start..start + first.len_utf8(), &capital);
        }
    }

    /// Writes one of the phrases in a share of cases.
    fn perhaps(&mut self, share: f64, phrases: Phrases) -> &mut Self {
        if self.stream.chance(share) {
            self.say(phrases);
        }
        self
    }

    /// Says something about a topic. `balance`: -1 to 1; in between, the good and the bad.
    fn state(&mut self, topic: &Topic, balance: f32) -> &mut Self {
        match balance {
            balance if balance <= -0.2 => self.say(topic.bad),
            balance if balance >= 0.2 => self.say(topic.good),
            _ if self.stream.chance(0.6) => self.say(topic.neutral),
            _ => self.say(topic.good).say(topic.bad),
        }
    }

    /// Parts from readers in a share of cases; who feels nothing has nothing more to say.
    fn part(&mut self, share: f64, sentiment: f32) -> &mut Self {
        match side_of(sentiment) {
            1 => self,
            side => self.perhaps(share, self.language.closings[side]),
        }
    }

    fn line(&mut self) -> &mut Self {
        self.words.push('\n');
        self
    }

    /// A new line in a share of cases: people who press Enter.
    fn perhaps_line(&mut self, share: f64) -> &mut Self {
        if self.stream.chance(share) {
            self.line();
        }
        self
    }

    fn emoji(&mut self, share: f64, sentiment: f32) -> &mut Self {
        if !self.stream.chance(share) {
            return self;
        }
        const EMOJI: [Phrases; 5] = [
            &["😡", "🤬", "👎", "💔"],
            &["🙁", "😞", "😕", "🙄"],
            &["🤔", "📦", "🏠"],
            &["🙂", "👍", "😊"],
            &["😍", "❤️", "🎉", "🥰", "👏"],
        ];
        let emoji = self.stream.word(EMOJI[step_of(sentiment)]);
        self.words.push(' ');
        self.words.push_str(emoji);
        self
    }

    /// The text as a customer types it.
    fn finish(&mut self, sentiment: f32) -> Text {
        let Text { mut words, language, sentiment } = self.as_written(sentiment);
        // Some never press Shift, some never stop.
        let habit = self.stream.uniform();
        if habit < 0.06 {
            words = words.to_lowercase();
        } else if habit < 0.10 {
            words = words.replace(". ", "... ");
        } else if habit < 0.14 && sentiment.abs() > 0.4 {
            words = words.replace(". ", "! ");
        }
        Text { words, language, sentiment }
    }

    fn as_written(&mut self, sentiment: f32) -> Text {
        let words = self.words.trim_end().to_owned();
        Text { words, language: self.language.code, sentiment: rounded(sentiment) }
    }
}

/// Which of five lists fits a feeling.
fn step_of(sentiment: f32) -> usize {
    match sentiment {
        sentiment if sentiment < -0.6 => 0,
        sentiment if sentiment < -0.15 => 1,
        sentiment if sentiment < 0.15 => 2,
        sentiment if sentiment < 0.6 => 3,
        _ => 4,
    }
}

/// Which of three lists fits a feeling.
fn side_of(sentiment: f32) -> usize {
    match sentiment {
        sentiment if sentiment < -0.15 => 0,
        sentiment if sentiment < 0.15 => 1,
        _ => 2,
    }
}

/// Feelings are stated in hundredths.
fn rounded(sentiment: f32) -> f32 {
    (sentiment.clamp(-1.0, 1.0) * 100.0).round() / 100.0
}

/// A feeling near another.
fn near(stream: &mut Stream, sentiment: f64) -> f32 {
    (sentiment + 0.12 * (stream.uniform() - 0.5)) as f32
}

/// A review of a product: its title and words. `stars`: 1 worst to 5 best. `topic`: `product`,
/// `delivery`, `price` or `service`.
pub fn review(
    stream: &mut Stream,
    topic: &str,
    stars: u8,
    product_name: &str,
    language: &str,
) -> (String, Text) {
    let sentiment = near(stream, f64::from(stars) * 0.45 - 1.35);
    let matter = Matter { product: product_name, ..Matter::default() };
    let mut title = Writing::new(stream, language, matter);
    title.say(title.language.titles[step_of(sentiment)]);
    let title = std::mem::take(&mut title.words);

    let mut writing = Writing::new(stream, language, matter);
    let language = writing.language;
    let (topic, product) = (language.topic(topic), language.topic("product"));
    writing.state(topic, sentiment).perhaps(0.7, language.details).perhaps_line(0.15);
    if writing.stream.chance(0.5) {
        writing.state(product, sentiment);
    }
    writing
        .say(language.verdicts[step_of(sentiment)])
        .perhaps_line(0.1)
        .part(0.4, sentiment)
        .emoji(0.12, sentiment);
    (title, writing.finish(sentiment))
}

/// A service case's subject and first message. `topic` and `case_type` as in
/// [`super::facts::Case`]; `order`: the order's number as the customer knows it.
pub fn case(
    stream: &mut Stream,
    topic: &str,
    case_type: &str,
    language: &str,
    order: Option<&str>,
) -> (String, Text) {
    let feeling = match case_type {
        "complaint" => -0.75,
        "problem" => -0.45,
        "request" => 0.1,
        _ => 0.0,
    };
    let sentiment = near(stream, feeling);
    let matter = Matter { order: order.unwrap_or_default(), ..Matter::default() };
    let mut subject = Writing::new(stream, language, matter);
    subject.say(subject.language.topic(topic).subjects);
    let subject = std::mem::take(&mut subject.words);

    let mut writing = Writing::new(stream, language, matter);
    let language = writing.language;
    let topic = language.topic(topic);
    writing.say(language.greetings).line();
    if order.is_some() {
        writing.say(language.order);
    }
    match case_type {
        "complaint" => writing.say(topic.bad).say(language.verdicts[step_of(sentiment)]),
        "problem" => writing.say(topic.bad),
        "request" => writing.say(topic.requests),
        _ => writing.say(topic.questions),
    };
    writing.perhaps(0.85, language.details).perhaps_line(0.3);
    match case_type {
        "complaint" => writing.say(language.closings[0]).perhaps(0.4, topic.requests),
        "problem" => writing.say(topic.questions),
        _ => writing.perhaps(0.5, language.closings[1]),
    };
    writing.line().say(language.farewells);
    (subject, writing.finish(sentiment))
}

/// A later message of a service case. `sentiment`: -1 to 1, how the customer feels about it by
/// then.
pub fn reply(
    stream: &mut Stream,
    author: Author,
    topic: &str,
    sentiment: f32,
    language: &str,
) -> Text {
    let mut writing = Writing::new(stream, language, Matter::default());
    let language = writing.language;
    match author {
        Author::Agent => {
            writing
                .say(language.agent_greetings)
                .line()
                .say(language.agent_actions)
                .perhaps(0.75, language.agent_actions)
                .line()
                .say(language.agent_farewells);
            writing.as_written(0.4)
        }
        Author::Note => {
            writing.say(language.notes).say(language.notes).perhaps(0.4, language.details);
            writing.as_written(0.0)
        }
        Author::Customer => {
            writing.say(language.customer_replies[side_of(sentiment)]);
            if writing.stream.chance(0.6) {
                let topic = language.topic(topic);
                writing.state(topic, sentiment);
            }
            writing
                .say(language.details)
                .say(language.closings[side_of(sentiment)])
                .perhaps_line(0.4)
                .perhaps(0.5, language.farewells);
            writing.finish(sentiment)
        }
    }
}

/// A public post about the brand. `platform` and `topic` as in [`super::facts::Mention`];
/// `sentiment`: -1 to 1.
pub fn mention(
    stream: &mut Stream,
    platform: &str,
    topic: &str,
    sentiment: f32,
    language: &str,
) -> Text {
    let mut writing = Writing::new(stream, language, Matter::default());
    let language = writing.language;
    let topic = language.topic(topic);
    let says_name_first = writing.stream.chance(0.5);
    if says_name_first {
        writing.say(language.mentions);
    }
    writing.state(topic, sentiment).perhaps(0.55, language.details);
    if writing.stream.chance(0.65) {
        writing.say(language.verdicts[step_of(sentiment)]);
    }
    if !says_name_first {
        writing.say(&["@marlowfinch", "#MarlowAndFinch", "@marlowfinch!", "(@marlowfinch)"]);
    }
    let emoji = if platform == "facebook" { 0.2 } else { 0.45 };
    writing.emoji(emoji, sentiment);
    if platform != "facebook" {
        const TAGS: [&str; 10] = [
            "#marlowandfinch",
            "#home",
            "#interiors",
            "#newin",
            "#shopping",
            "#kitchen",
            "#haul",
            "#customerservice",
            "#homedecor",
            "#weekend",
        ];
        for _ in 0..writing.stream.below(3) {
            let tag = writing.stream.word(&TAGS);
            writing.words.push(' ');
            writing.words.push_str(tag);
        }
    }
    writing.finish(sentiment)
}

/// The comment beside a survey's answer of this score, on the survey's own scale.
pub fn comment(stream: &mut Stream, survey: Survey, score: u8, language: &str) -> Text {
    let score = f64::from(score);
    let feeling = match survey {
        Survey::Nps if score >= 9.0 => 0.7 + (score - 9.0) * 0.2,
        Survey::Nps if score >= 7.0 => 0.2 + (score - 7.0) * 0.15,
        Survey::Nps => -0.9 + score * 0.11,
        Survey::Csat => (score - 3.0) * 0.45,
        Survey::Ces => (score - 4.0) * 0.3,
    };
    let sentiment = near(stream, feeling);
    let mut writing = Writing::new(stream, language, Matter::default());
    let language = writing.language;
    let topics: Phrases = match survey {
        Survey::Nps => &["product", "delivery", "price", "service", "brand", "store", "app"],
        Survey::Csat => &["product", "delivery", "service", "store"],
        Survey::Ces => &["service", "returns", "account", "app"],
    };
    let topic = language.topic(writing.stream.word(topics));
    writing.perhaps(0.4, language.verdicts[step_of(sentiment)]).state(topic, sentiment);
    // A bare statement has been made before.
    if writing.stream.chance(0.85) {
        writing.say(language.details).perhaps(0.25, language.details);
    } else {
        writing.state(topic, sentiment).say(language.verdicts[step_of(sentiment)]);
    }
    writing.part(0.45, sentiment).emoji(0.06, sentiment);
    writing.finish(sentiment)
}

/// A forum post. `kind`: `question`, `answer` or `idea`; `topic` as in
/// [`super::facts::CommunityPost`].
pub fn forum(stream: &mut Stream, kind: &str, topic: &str, language: &str) -> Text {
    let feeling = match kind {
        "answer" => 0.35,
        "idea" => 0.3,
        _ if stream.chance(0.4) => -0.4,
        _ => 0.0,
    };
    let sentiment = near(stream, feeling);
    let mut writing = Writing::new(stream, language, Matter::default());
    let language = writing.language;
    let topic = language.topic(topic);
    match kind {
        "answer" => writing
            .perhaps(0.4, language.greetings)
            .say(language.answers)
            .perhaps(0.6, topic.good)
            .say(language.details)
            .perhaps(0.6, language.closings[2]),
        "idea" => writing
            .say(topic.ideas)
            .perhaps(0.5, topic.good)
            .say(language.details)
            .say(language.closings[2]),
        _ => {
            writing.perhaps(0.5, language.greetings).perhaps_line(0.2);
            if sentiment < -0.2 {
                writing.say(topic.bad);
            } else {
                writing.perhaps(0.5, topic.neutral);
            }
            writing.say(topic.questions).say(language.details).perhaps(0.3, language.details)
        }
    };
    writing.finish(sentiment)
}

#[cfg(test)]
mod tests;
