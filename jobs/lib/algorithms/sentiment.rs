//! Sentiment of short English texts by VADER, the rule-based scorer for social media.
//!
//! The lexicon and the descriptions of emoji are those of the crate `vader-sentimental`. The
//! rules are written out here, after the reference implementation (`vaderSentiment` 3.3.2): the
//! crate iterates hash maps with a random seed where two idioms meet, lowers the score of every
//! neutral question or exclamation, and counts boosters twice in longer sentences; a published
//! figure must be the same on every run and agree with the reference. (It differs from the
//! reference only where words of one score stand on both sides of a "but": there the reference
//! weighs the wrong one.)
//!
//! Source: C. J. Hutto and E. E. Gilbert, "VADER: a parsimonious rule-based model for sentiment
//! analysis of social media text", ICWSM 2014.

use std::collections::HashMap;

use vader_sentimental::SentimentIntensityAnalyzer;

/// The scorer and its version, as tables of scores name it. Raise the version when any text's
/// score changes.
pub const SCORER: &str = "vader-3.3.2/1";

const BOOSTER: f64 = 0.293;
const CAPITALS: f64 = 0.733;
const NEGATION: f64 = -0.74;
const NORMALISATION: f64 = 15.0;

/// Longer texts are cut here, in bytes: the score has long saturated, and a log file pasted into
/// a ticket should not hold up the batch.
const MAXIMUM_BYTES: usize = 20_000;

/// Scores texts, and remembers the valence of words it has met.
pub struct Scorer {
    lexicon: SentimentIntensityAnalyzer<'static>,
    valences: HashMap<String, f64>,
}

impl Default for Scorer {
    fn default() -> Self {
        Scorer { lexicon: SentimentIntensityAnalyzer::new(), valences: HashMap::new() }
    }
}

impl Scorer {
    /// VADER's compound score of an English text in ten-thousandths, −10,000 (most negative) to
    /// 10,000; neutral is 0. `None` where nothing can be said: an empty text, a text in another
    /// language, and a text of unknown language that does not look English.
    ///
    /// `language`: an ISO 639 or BCP 47 code (`en`, `eng`, `en-GB`) or `English`; `None`, empty,
    /// `und` and `unknown` say it is not known. Then the text counts as English where at least
    /// nine in ten of its letters are ASCII, it holds an English function word or a word of the
    /// lexicon, and more English function words than function words of its neighbours (`die` and
    /// `war` are in the lexicon, and German). Emoji and emoticons without letters are of every
    /// language.
    pub fn compound(&mut self, text: &str, language: Option<&str>) -> Option<i16> {
        let text = cut(text.trim());
        if text.is_empty() {
            return None;
        }
        let is_known_english = match language.map(str::trim).filter(|code| !is_unknown(code)) {
            Some(code) if is_english(code) => true,
            Some(_) => return None,
            None => false,
        };
        let described = self.lexicon.append_emoji_descriptions(text);
        let tokens = Token::all(described.trim());
        let valences: Vec<f64> = tokens.iter().map(|token| self.valence(token)).collect();
        let has_hit = valences.iter().any(|valence| *valence != 0.0);
        if !is_known_english && !looks_english(text, has_hit) {
            return None;
        }
        let scores = scores(&tokens, &valences);
        Some(compound(&scores, &described))
    }

    /// The lexicon's mean rating of a word, −4 to 4; 0 for words it does not have.
    fn valence(&mut self, token: &Token<'_>) -> f64 {
        if let Some(valence) = self.valences.get(&token.lower) {
            return *valence;
        }
        let valence = self.look_up(&token.lower);
        // Text has few words and many numbers and names: forget now and then.
        if self.valences.len() >= 100_000 {
            self.valences.clear();
        }
        self.valences.insert(token.lower.clone(), valence);
        valence
    }

    /// The crate keeps its lexicon to itself, but the score of a single word is its normalised
    /// valence, and valences have one decimal: so it can be undone exactly.
    fn look_up(&self, word: &str) -> f64 {
        // The crate would strip these and find the word inside, where VADER has an emoticon.
        let inner = word.trim_matches(|character: char| character.is_ascii_punctuation());
        if inner.len() > 1 && inner.len() != word.len() {
            return 0.0;
        }
        // Two words of the reference lexicon that the crate's copy has lost, and two emoticons
        // that the crate, blind to case, takes for `:P` and `o.O`.
        match word {
            "heart" => return 3.2,
            "hearts" => return 3.3,
            ":p" => return 1.0,
            "o.o" => return -0.8,
            _ => {}
        }
        let scores = self.lexicon.polarity_scores(word);
        if scores.pos == 0.0 && scores.neg == 0.0 {
            return 0.0;
        }
        let score = scores.compound;
        let total = score * (NORMALISATION / (1.0 - score * score)).sqrt();
        // The crate adds emphasis for the marks inside an emoticon.
        let emphasis =
            0.18 * word.matches('?').count() as f64 + 0.292 * word.matches('!').count() as f64;
        ((total.abs() - emphasis) * 10.0).round() / 10.0 * total.signum()
    }
}

/// A word or an emoticon of a text.
struct Token<'a> {
    text: &'a str,
    lower: String,
}

impl<'a> Token<'a> {
    /// White space parts tokens; punctuation around a word of three letters or more goes, so
    /// that emoticons stay whole.
    fn all(text: &'a str) -> Vec<Token<'a>> {
        text.split_whitespace()
            .map(|token| {
                let inner = token.trim_matches(|character: char| character.is_ascii_punctuation());
                let text = if inner.chars().count() <= 2 { token } else { inner };
                Token { text, lower: text.to_lowercase() }
            })
            .collect()
    }

    fn is(&self, word: &str) -> bool {
        self.lower == word
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.contains(&self.lower.as_str())
    }

    /// All capitals, with at least one letter that has cases.
    fn is_capitals(&self) -> bool {
        self.text.chars().any(char::is_uppercase) && !self.text.chars().any(char::is_lowercase)
    }

    fn booster(&self) -> Option<f64> {
        booster(&self.lower)
    }

    fn is_negation(&self) -> bool {
        NEGATIONS.binary_search(&self.lower.as_str()).is_ok() || self.lower.contains("n't")
    }
}

/// The sentiment of each token in its context.
fn scores(tokens: &[Token<'_>], valences: &[f64]) -> Vec<f64> {
    let capitals = tokens.iter().filter(|token| token.is_capitals()).count();
    let capitals_stand_out = capitals > 0 && capitals < tokens.len();
    let mut scores: Vec<f64> = (0..tokens.len())
        .map(|place| Context { tokens, valences, capitals_stand_out, place }.score())
        .collect();
    // What follows a "but" outweighs what it follows.
    if let Some(but) = tokens.iter().position(|token| token.is("but")) {
        for (place, score) in scores.iter_mut().enumerate() {
            if place < but {
                *score *= 0.5;
            } else if place > but {
                *score *= 1.5;
            }
        }
    }
    scores
}

/// A token among its neighbours.
struct Context<'a> {
    tokens: &'a [Token<'a>],
    valences: &'a [f64],
    capitals_stand_out: bool,
    place: usize,
}

impl Context<'_> {
    /// The token `distance` places before this one.
    fn before(&self, distance: usize) -> Option<&Token<'_>> {
        self.tokens.get(self.place.checked_sub(distance)?)
    }

    fn after(&self, distance: usize) -> Option<&Token<'_>> {
        self.tokens.get(self.place + distance)
    }

    fn valence_before(&self, distance: usize) -> f64 {
        self.place
            .checked_sub(distance)
            .and_then(|place| self.valences.get(place))
            .copied()
            .unwrap_or(0.0)
    }

    fn is_before(&self, distance: usize, words: &[&str]) -> bool {
        self.before(distance).is_some_and(|token| token.is_any(words))
    }

    fn score(&self) -> f64 {
        let Some(token) = self.before(0) else { return 0.0 };
        let own = self.valence_before(0);
        let is_kind_of = token.is("kind") && self.after(1).is_some_and(|next| next.is("of"));
        if own == 0.0 || token.booster().is_some() || is_kind_of {
            return 0.0;
        }
        let mut valence = own;
        // "no" before a word of the lexicon negates it and says nothing itself.
        let next_valence = self.valences.get(self.place + 1).copied().unwrap_or(0.0);
        if token.is("no") && next_valence != 0.0 {
            valence = 0.0;
        }
        if self.is_before(1, &["no"])
            || self.is_before(2, &["no"])
            || (self.is_before(3, &["no"]) && self.is_before(1, &["or", "nor"]))
        {
            valence = own * NEGATION;
        }
        if token.is_capitals() && self.capitals_stand_out {
            valence += if valence > 0.0 { CAPITALS } else { -CAPITALS };
        }
        for distance in 1..=3 {
            let Some(earlier) = self.before(distance) else { break };
            if self.valence_before(distance) != 0.0 {
                continue;
            }
            let fading = match distance {
                2 => 0.95,
                3 => 0.9,
                _ => 1.0,
            };
            valence += self.boost(earlier, valence) * fading;
            valence = self.negated(valence, distance);
            if distance == 3 {
                valence = self.idiom(valence);
            }
        }
        let is_least = self.is_before(1, &["least"]) && self.valence_before(1) == 0.0;
        if is_least && !self.is_before(2, &["at", "very"]) { valence * NEGATION } else { valence }
    }

    /// What a degree word such as "very" or "hardly" adds to the valence it stands before.
    fn boost(&self, earlier: &Token<'_>, valence: f64) -> f64 {
        let Some(booster) = earlier.booster() else { return 0.0 };
        let boost = if valence < 0.0 { -booster } else { booster };
        if !(earlier.is_capitals() && self.capitals_stand_out) {
            return boost;
        }
        if valence > 0.0 { boost + CAPITALS } else { boost - CAPITALS }
    }

    fn negated(&self, valence: f64, distance: usize) -> f64 {
        let so_or_this = ["so", "this"];
        let is_never_so = match distance {
            2 => self.is_before(2, &["never"]) && self.is_before(1, &so_or_this),
            3 => {
                (self.is_before(3, &["never"]) && self.is_before(2, &so_or_this))
                    || self.is_before(1, &so_or_this)
            }
            _ => false,
        };
        let is_without_doubt = match distance {
            2 => self.is_before(2, &["without"]) && self.is_before(1, &["doubt"]),
            3 => {
                self.is_before(3, &["without"])
                    && (self.is_before(2, &["doubt"]) || self.is_before(1, &["doubt"]))
            }
            _ => false,
        };
        if is_never_so {
            valence * 1.25
        } else if is_without_doubt {
            valence
        } else if self.before(distance).is_some_and(Token::is_negation) {
            valence * NEGATION
        } else {
            valence
        }
    }

    /// Idioms around the token replace its valence; two-word degree words before it add to it.
    fn idiom(&self, valence: f64) -> f64 {
        let words = |from: isize, to: isize| -> Option<String> {
            let places = (from..=to).map(|offset| {
                let place = self.place.checked_add_signed(offset)?;
                self.tokens.get(place).map(|token| token.lower.as_str())
            });
            places.collect::<Option<Vec<&str>>>().map(|words| words.join(" "))
        };
        let idiom = |from, to| {
            words(from, to).and_then(|phrase| {
                IDIOMS.iter().find(|(known, _)| *known == phrase).map(|(_, valence)| *valence)
            })
        };
        let mut valence = [(-1, 0), (-2, 0), (-2, -1), (-3, -1), (-3, -2)]
            .into_iter()
            .find_map(|(from, to)| idiom(from, to))
            .unwrap_or(valence);
        valence = idiom(0, 1).unwrap_or(valence);
        valence = idiom(0, 2).unwrap_or(valence);
        for (from, to) in [(-3, -1), (-3, -2), (-2, -1)] {
            valence += words(from, to).and_then(|phrase| booster(&phrase)).unwrap_or(0.0);
        }
        valence
    }
}

/// The sum of the scores with the emphasis of the marks in the text, normalised to ±10,000.
fn compound(scores: &[f64], text: &str) -> i16 {
    let sum: f64 = scores.iter().sum();
    let exclamations = text.matches('!').count().min(4) as f64 * 0.292;
    let questions = match text.matches('?').count() {
        0 | 1 => 0.0,
        count @ 2..=3 => count as f64 * 0.18,
        _ => 0.96,
    };
    let emphasis = exclamations + questions;
    let total = if sum > 0.0 {
        sum + emphasis
    } else if sum < 0.0 {
        sum - emphasis
    } else {
        return 0;
    };
    let score = (total / (total * total + NORMALISATION).sqrt()).clamp(-1.0, 1.0);
    (score * 10_000.0).round() as i16
}

fn booster(phrase: &str) -> Option<f64> {
    if BOOSTERS.binary_search(&phrase).is_ok() {
        Some(BOOSTER)
    } else if DAMPENERS.binary_search(&phrase).is_ok() {
        Some(-BOOSTER)
    } else {
        None
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAXIMUM_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

fn is_unknown(code: &str) -> bool {
    ["", "und", "unknown", "mul", "zxx", "auto", "none", "null", "n/a"]
        .iter()
        .any(|unknown| code.eq_ignore_ascii_case(unknown))
}

fn is_english(code: &str) -> bool {
    let primary = code.split(['-', '_']).next().unwrap_or(code);
    ["en", "eng", "english"].iter().any(|english| primary.eq_ignore_ascii_case(english))
}

/// Whether a text of unknown language is English enough to score.
fn looks_english(text: &str, has_hit: bool) -> bool {
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    let ascii = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        return has_hit;
    }
    if ascii * 10 < letters * 9 {
        return false;
    }
    let (mut english, mut foreign) = (0, 0);
    for word in text.split(|character: char| {
        !character.is_alphabetic() && character != '\'' && character != '’'
    }) {
        let word = word.to_lowercase();
        english += usize::from(ENGLISH.binary_search(&word.as_str()).is_ok());
        foreign += usize::from(FOREIGN.binary_search(&word.as_str()).is_ok());
    }
    (english > 0 || has_hit) && (english > foreign || (english == 0 && foreign == 0))
}

/// Function words of English that its neighbours do not have.
const ENGLISH: [&str; 62] = [
    "about", "after", "again", "and", "are", "because", "been", "but", "by", "could", "did",
    "don't", "ever", "every", "for", "from", "get", "got", "had", "has", "have", "he", "i'm", "is",
    "it", "it's", "its", "just", "my", "never", "not", "of", "on", "our", "out", "she", "should",
    "still", "than", "that", "the", "their", "them", "then", "there", "they", "this", "to", "very",
    "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would",
    "you",
];

/// Function words of German, Dutch, French, Spanish, Italian, Portuguese and the Scandinavian
/// languages that English does not have.
const FOREIGN: [&str; 131] = [
    "aber", "af", "alla", "als", "alt", "anche", "att", "au", "auch", "auf", "aus", "aux", "av",
    "avec", "bei", "bij", "c'est", "che", "com", "como", "con", "da", "dans", "das", "dat", "de",
    "deh", "dei", "del", "della", "den", "der", "des", "det", "di", "die", "dit", "du", "een",
    "ein", "eine", "einen", "el", "elle", "en", "er", "era", "es", "est", "est-ce", "esta", "et",
    "eu", "fra", "gli", "hat", "hay", "het", "hvad", "ich", "igen", "ihr", "ik", "il", "ils",
    "inte", "ist", "je", "jeg", "kein", "la", "las", "le", "les", "lo", "los", "ma", "mais", "mas",
    "med", "meget", "mein", "mi", "mich", "mijn", "mit", "muito", "muy", "nach", "nicht", "niet",
    "noch", "non", "nous", "não", "och", "oder", "og", "om", "ont", "ook", "os", "para", "pas",
    "pero", "più", "por", "pour", "que", "qui", "schon", "sehr", "sein", "sich", "sie", "sono",
    "sur", "tout", "tres", "très", "um", "una", "und", "une", "uno", "van", "vom", "von", "voor",
    "vous", "zu",
];

/// Phrases whose valence is not that of their words.
const IDIOMS: [(&str, f64); 9] = [
    ("bad ass", 1.5),
    ("badass", 1.5),
    ("beating heart", 3.5),
    ("bus stop", 0.0),
    ("kiss of death", -1.5),
    ("the bomb", 3.0),
    ("the shit", 3.0),
    ("to die for", 3.0),
    ("yeah right", -2.0),
];

/// Degree words that raise the intensity of what follows.
const BOOSTERS: [&str; 60] = [
    "absolutely",
    "amazingly",
    "awfully",
    "completely",
    "considerable",
    "considerably",
    "decidedly",
    "deeply",
    "effing",
    "enormous",
    "enormously",
    "entirely",
    "especially",
    "exceptional",
    "exceptionally",
    "extreme",
    "extremely",
    "fabulously",
    "flippin",
    "flipping",
    "frackin",
    "fracking",
    "frickin",
    "fricking",
    "friggin",
    "frigging",
    "fuckin",
    "fucking",
    "fuggin",
    "fugging",
    "fully",
    "greatly",
    "hella",
    "highly",
    "hugely",
    "incredible",
    "incredibly",
    "intensely",
    "major",
    "majorly",
    "more",
    "most",
    "particularly",
    "purely",
    "quite",
    "really",
    "remarkably",
    "so",
    "substantially",
    "thoroughly",
    "total",
    "totally",
    "tremendous",
    "tremendously",
    "uber",
    "unbelievably",
    "unusually",
    "utter",
    "utterly",
    "very",
];

/// Degree words that lower it.
const DAMPENERS: [&str; 24] = [
    "almost",
    "barely",
    "hardly",
    "just enough",
    "kind of",
    "kind-of",
    "kinda",
    "kindof",
    "less",
    "little",
    "marginal",
    "marginally",
    "occasional",
    "occasionally",
    "partly",
    "scarce",
    "scarcely",
    "slight",
    "slightly",
    "somewhat",
    "sort of",
    "sort-of",
    "sorta",
    "sortof",
];

/// Words that turn what follows round.
const NEGATIONS: [&str; 59] = [
    "ain't",
    "aint",
    "aren't",
    "arent",
    "can't",
    "cannot",
    "cant",
    "couldn't",
    "couldnt",
    "daren't",
    "darent",
    "despite",
    "didn't",
    "didnt",
    "doesn't",
    "doesnt",
    "don't",
    "dont",
    "hadn't",
    "hadnt",
    "hasn't",
    "hasnt",
    "haven't",
    "havent",
    "isn't",
    "isnt",
    "mightn't",
    "mightnt",
    "mustn't",
    "mustnt",
    "needn't",
    "neednt",
    "neither",
    "never",
    "none",
    "nope",
    "nor",
    "not",
    "nothing",
    "nowhere",
    "oughtn't",
    "oughtnt",
    "rarely",
    "seldom",
    "shan't",
    "shant",
    "shouldn't",
    "shouldnt",
    "uh-uh",
    "uhuh",
    "wasn't",
    "wasnt",
    "weren't",
    "werent",
    "without",
    "won't",
    "wont",
    "wouldn't",
    "wouldnt",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Expected: `round(polarity_scores(text)["compound"] * 10000)` of vaderSentiment 3.3.2.
    #[test]
    fn scores_agree_with_the_reference_implementation() {
        let cases = [
            ("VADER is smart, handsome, and funny.", 8316),
            ("VADER is smart, handsome, and funny!", 8439),
            ("VADER is very smart, handsome, and funny.", 8545),
            ("VADER is VERY SMART, handsome, and FUNNY.", 9227),
            ("VADER is VERY SMART, handsome, and FUNNY!!!", 9342),
            ("VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!", 9469),
            ("VADER is not smart, handsome, nor funny.", -7424),
            ("The book was good.", 4404),
            ("At least it isn't a horrible book.", 4310),
            ("The book was only kind of good.", 3832),
            (
                "The plot was good, but the characters are uncompelling and the dialog is not great.",
                -7042,
            ),
            ("Today SUX!", -5461),
            ("Today only kinda sux! But I'll get by, lol", 5249),
            ("Make sure you :) or :D today!", 8633),
            ("Catch utf-8 emoji such as 💘 and 💋 and 😁", 8750),
            ("Not bad at all", 4310),
            ("Where is my order?", 0),
            ("Hello!!!", 0),
            ("The service was really bad", -5849),
            ("I never was so happy with a purchase", 6948),
            ("No problems, thanks", -382),
            ("This is the worst, most useless support I have ever had!!", -7002),
            ("It arrived on time.", 0),
            ("I was without doubt delighted", 6608),
            ("The cake is to die for", -5994),
            ("Yeah right, great service", 7430),
            ("The least helpful agent", -3252),
            ("My parcel is broken and nobody cares???", -1630),
            ("I am sort of happy with this", 5279),
            ("The delivery was NOT good", -3412),
        ];
        let mut scorer = Scorer::default();
        for (text, expected) in cases {
            assert_eq!(scorer.compound(text, Some("en")), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_lexicons_valences_come_back_exactly() {
        let cases = [
            ("good", 1.9),
            ("horrible", -2.5),
            ("great", 3.1),
            ("no", -1.2),
            (":)", 2.0),
            ("(?:", 2.1),
            (":?)", 1.3),
            ("heart", 3.2),
            ("lol", 1.8),
            ("rape", -3.7),
            ("aml", 3.4),
            ("meh", -0.3),
            ("table", 0.0),
            ("", 0.0),
        ];
        for (word, expected) in cases {
            assert_eq!(Scorer::default().look_up(word), expected, "{word}");
        }
    }

    #[test]
    fn only_english_is_scored() {
        let mut scorer = Scorer::default();
        for language in [Some("en"), Some("en-GB"), Some("EN_us"), Some("eng"), Some("English")] {
            assert!(
                scorer.compound("Lovely", language).is_some_and(|score| score > 0),
                "{language:?}"
            );
        }
        for language in ["de", "fr-FR", "enm", "Deutsch"] {
            assert_eq!(scorer.compound("Super", Some(language)), None, "{language}");
        }
        let unknown = [
            ("The parcel was late", true),
            ("Great product!", true),
            ("😍😍", true),
            (":-(", true),
            ("Terrible", true),
            ("Die Lieferung war super", false),
            ("Le service est nul, c'est fatal", false),
            ("El servicio es excelente", false),
            ("Отличный сервис", false),
            ("素晴らしい", false),
            ("Kaputt", false),
            ("12345", false),
            ("", false),
            ("   ", false),
        ];
        for language in [None, Some(""), Some("und"), Some("unknown")] {
            for (text, is_scored) in unknown {
                assert_eq!(
                    scorer.compound(text, language).is_some(),
                    is_scored,
                    "{text} {language:?}"
                );
            }
        }
        assert_eq!(scorer.compound(" ", Some("en")), None);
        assert_eq!(scorer.compound("table", Some("en")), Some(0));
    }

    #[test]
    fn word_lists_are_sorted() {
        assert!(ENGLISH.is_sorted() && FOREIGN.is_sorted());
        assert!(BOOSTERS.is_sorted() && DAMPENERS.is_sorted() && NEGATIONS.is_sorted());
        assert!(ENGLISH.iter().all(|word| !FOREIGN.contains(word)));
    }

    proptest! {
        #[test]
        fn any_text_has_a_score_that_does_not_depend_on_what_came_before(
            texts in prop::collection::vec("(\\PC{0,4}|good|bad|not|very|kind of|no|least|but|[!?] | ){0,12}", 1..4)
        ) {
            let mut together = Scorer::default();
            for text in texts {
                let score = together.compound(&text, Some("en"));
                prop_assert_eq!(score, Scorer::default().compound(&text, Some("en")));
                prop_assert!(score.is_none_or(|score| (-10_000..=10_000).contains(&score)));
            }
        }
    }
}
