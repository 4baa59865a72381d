//! Texts with their words blotted out, that still say whether somebody was glad or angry.

use crate::algorithms::sentiment::Scorer;

/// What stands for a word that nobody is to read any more.
pub(super) const BLOT: &str = "x";

/// Words that are tried one by one; of a longer text nothing is left.
const MOST_WORDS: usize = 400;

/// Blots texts out.
#[derive(Default)]
pub(super) struct Blots {
    scorer: Option<Scorer>,
}

impl Blots {
    /// The text without every word that its score can do without.
    ///
    /// A figure of how people feel must not move because somebody is erased, and what is left, such
    /// as `x not x happy`, is what anybody might say. A word with a capital within a sentence may be a
    /// name: it goes whatever the score says.
    pub(super) fn all_of(&mut self, text: &str) -> String {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > MOST_WORDS {
            return vec![BLOT; words.len()].join(" ");
        }
        let scorer = self.scorer.get_or_insert_with(Scorer::default);
        let mut scores = |words: &[&str]| {
            let text = words.join(" ");
            [scorer.compound(&text, None), scorer.compound(&text, Some("en"))]
        };
        let wanted = scores(&words);
        for place in 0..words.len() {
            let is_first = place == 0 || words[place - 1].ends_with(['.', '!', '?']);
            let word = std::mem::replace(&mut words[place], BLOT);
            if !may_be_of_a_person(word, is_first) && scores(&words) != wanted {
                words[place] = word;
            }
        }
        words.join(" ")
    }
}

/// Whether the word may name somebody: it has a capital where it need not, a digit, or an `@`.
fn may_be_of_a_person(word: &str, is_first: bool) -> bool {
    let mut letters = word.chars().filter(|one| one.is_alphabetic());
    let is_capital =
        letters.next().is_some_and(char::is_uppercase) && word != "I" && !word.starts_with("I'");
    let is_shouted = letters.clone().next().is_some() && letters.all(char::is_uppercase);
    (is_capital && !is_first && !is_shouted)
        || word.contains(|one: char| one.is_numeric() || one == '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blotted_text_keeps_its_score_and_little_else() {
        let mut scorer = Scorer::default();
        for text in [
            "The parcel was late and the lamp was broken. I am not happy with this at all!",
            "I love my new lamp, it is absolutely wonderful and the shop was very helpful.",
            "Where is my order? It was to come on Monday to 14 Quay Street.",
            "Die Lampe ist sehr schön und kam pünktlich.",
            "",
        ] {
            let blotted = Blots::default().all_of(text);
            assert_eq!(scorer.compound(&blotted, None), scorer.compound(text, None), "{blotted}");
            let blots = blotted.split(' ').filter(|word| *word == BLOT).count();
            let words = text.split(' ').count();
            assert!(2 * blots >= words || text.is_empty(), "{blotted}");
        }
        let blotted =
            Blots::default().all_of("I hate it. Yours Grace Hope, grace@example.com 0171");
        for name in ["Grace", "Hope", "@", "0171"] {
            assert!(!blotted.contains(name), "{blotted}");
        }
        assert!(blotted.contains("hate"), "{blotted}");
    }
}
