//! Whether lists are the state that an algorithm makes: any other would fail, or mislead, only once
//! rows are merged.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::Int64Type;

use crate::algorithms::attribution::Transitions;
use crate::algorithms::sketches::{Distinct, Quantiles};
use crate::algorithms::survival::Durations;
use crate::models::contract::Merge;

/// How many lists of `column` are not what the aggregate of `merge` makes. Nulls are no lists.
pub(super) fn count_of_others(merge: Merge, column: &ArrayRef) -> u64 {
    let Some(lists) = column.as_list_opt::<i32>() else { return 0 };
    lists.iter().flatten().filter(|list| !is_state(merge, list)).count() as u64
}

/// Whether `list` is what the aggregate of `merge` makes, to the last element: the same state has
/// one spelling, or equal tables would have other bytes.
fn is_state(merge: Merge, list: &ArrayRef) -> bool {
    if merge == Merge::Markov {
        let Some(words) = list.as_string_opt::<i32>() else { return false };
        let words: Vec<&str> = words.iter().flatten().collect();
        return words.len() == list.len()
            && Transitions::from_words(words.iter().copied())
                .is_ok_and(|transitions| transitions.words() == words);
    }
    let Some(numbers) = list.as_primitive_opt::<Int64Type>() else { return false };
    let numbers = match numbers.null_count() {
        0 => numbers.values(),
        _ => return false,
    };
    let spelt = match merge {
        Merge::KaplanMeier => Durations::from_numbers(numbers).map(|durations| durations.numbers()),
        Merge::Quantiles => Quantiles::from_numbers(numbers).map(|sketch| sketch.numbers()),
        Merge::Distinct => Distinct::from_numbers(numbers).map(|sketch| sketch.numbers()),
        Merge::Sum | Merge::Min | Merge::Max | Merge::Lists | Merge::Markov => return true,
    };
    spelt.is_ok_and(|spelt| spelt == numbers[..])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Builder, ListBuilder, StringBuilder};

    use super::*;

    fn of_numbers(merge: Merge, lists: &[Option<&[i64]>]) -> u64 {
        let mut built = ListBuilder::new(Int64Builder::new());
        for list in lists {
            list.iter().for_each(|numbers| built.values().append_slice(numbers));
            built.append(list.is_some());
        }
        let column: ArrayRef = Arc::new(built.finish());
        count_of_others(merge, &column)
    }

    fn of_words(lists: &[&[&str]]) -> u64 {
        let mut built = ListBuilder::new(StringBuilder::new());
        for list in lists {
            list.iter().for_each(|word| built.values().append_value(word));
            built.append(true);
        }
        let column: ArrayRef = Arc::new(built.finish());
        count_of_others(Merge::Markov, &column)
    }

    #[test]
    fn a_histogram_is_no_sketch() {
        let good: [Option<&[i64]>; 3] = [None, Some(&[]), Some(&[3, 1, 0, 7, 0, 2])];
        assert_eq!(of_numbers(Merge::KaplanMeier, &good), 0);
        // Torn, out of order, with a duration that nobody had.
        let bad: [Option<&[i64]>; 3] =
            [Some(&[3, 1]), Some(&[7, 0, 2, 3, 1, 0]), Some(&[-1, 1, 0])];
        assert_eq!(of_numbers(Merge::KaplanMeier, &bad), 3);
        assert_eq!(of_numbers(Merge::Quantiles, &[Some(&[5, 2]), Some(&[5, 0]), Some(&[5])]), 2);
        assert_eq!(of_numbers(Merge::Distinct, &[Some(&[65, 129]), Some(&[129, 65])]), 1);
        assert_eq!(of_numbers(Merge::Lists, &[Some(&[-5, 0, 3])]), 0);
    }

    #[test]
    fn transitions_have_one_spelling() {
        let mut transitions = Transitions::default();
        transitions.add(["email", "web"], true, 2).unwrap();
        transitions.add(["web"], false, 1).unwrap();
        let words = transitions.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(of_words(&[&words, &[], &["email", "web"]]), 1);
        let mut turned = words[3..].to_vec();
        turned.extend(&words[..3]);
        assert_eq!(of_words(&[&turned]), 1, "{turned:?}");
    }
}
