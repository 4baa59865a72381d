//! Phrases with gaps, and how the gaps are filled.

use crate::sample::random::Stream;

/// Words for gaps: their name, and what may stand there.
pub(super) type Gaps = &'static [(&'static str, &'static [&'static str])];

/// What is known of the matter at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Matter<'a> {
    /// For `{product}`.
    pub product: &'a str,
    /// For `{order}`.
    pub order: &'a str,
    /// Which of the desk's people it is about: the same throughout a text.
    pub agent: usize,
}

/// The gap for one of the desk's people, in each language.
const AGENTS: [&str; 5] = ["agent", "name", "nom", "nombre", "naam"];

/// Writes a phrase and fills its gaps: `{product}` and `{order}` with the matter's, `{2-9}` with a
/// number, any other with one of the language's words for it, which may have gaps again.
pub(super) fn write(
    stream: &mut Stream,
    gaps: Gaps,
    matter: Matter<'_>,
    phrase: &str,
    words: &mut String,
) {
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        words.push_str(before);
        let Some((gap, after)) = after.split_once('}') else {
            break;
        };
        rest = after;
        match gap {
            "product" => words.push_str(matter.product),
            "order" => words.push_str(matter.order),
            _ => match gaps.iter().find(|(name, _)| *name == gap) {
                Some((name, fillings)) => {
                    let filling = match AGENTS.contains(name) {
                        true => fillings[matter.agent % fillings.len()],
                        false => stream.word(fillings),
                    };
                    write(stream, gaps, matter, filling, words);
                }
                None => number(stream, gap, words),
            },
        }
    }
    words.push_str(rest);
}

/// A number of a range such as `2-9`.
fn number(stream: &mut Stream, range: &str, words: &mut String) {
    let Some((low, high)) = range.split_once('-') else {
        return;
    };
    let (low, high) = (low.parse().unwrap_or(0), high.parse().unwrap_or(0));
    words.push_str(&stream.between(low, high).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::random::Purpose;

    #[test]
    fn gaps_are_filled() {
        let mut stream = Stream::of(1, Purpose::Text, &[]);
        let gaps: Gaps = &[("colour", &["{shade} red"]), ("shade", &["dark"])];
        let matter = Matter { product: "Mug", order: "77", agent: 0 };
        let mut words = String::new();
        let phrase = "{product} in {colour}, order {order}: {3-3} of {3-3}";
        write(&mut stream, gaps, matter, phrase, &mut words);
        assert_eq!(words, "Mug in dark red, order 77: 3 of 3");
    }
}
