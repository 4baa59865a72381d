//! The order in which people count files: `part-9` before `part-10`.

use std::cmp::Ordering;

/// Compares two names, runs of digits by the number they are and all else byte by byte.
///
/// Names that differ only in zeros before a number are in the order of their bytes, so that no two
/// names are equal.
pub(super) fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut ours, mut theirs) = (left.as_bytes(), right.as_bytes());
    loop {
        let (number, after) = leading_digits(ours);
        let (other, after_other) = leading_digits(theirs);
        let order = if !number.is_empty() && !other.is_empty() {
            (ours, theirs) = (after, after_other);
            by_value(number, other)
        } else {
            match (ours.split_first(), theirs.split_first()) {
                (Some((one, rest)), Some((another, rest_of_other))) => {
                    (ours, theirs) = (rest, rest_of_other);
                    one.cmp(another)
                }
                (None, None) => return left.cmp(right),
                (one, another) => return one.is_some().cmp(&another.is_some()),
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Compares numbers of any length.
fn by_value(left: &[u8], right: &[u8]) -> Ordering {
    let zeros = |digits: &[u8]| digits.iter().take_while(|digit| **digit == b'0').count();
    let (left, right) = (&left[zeros(left)..], &right[zeros(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_their_value() {
        let expected = [
            "a",
            "a-1",
            "a-1.csv",
            "a-02",
            "a-2",
            "a-9",
            "a-10",
            "a-10.csv",
            "a-10b",
            "a-99999999999999999999999999",
            "a-100000000000000000000000000",
            "a.csv",
            "b-0",
        ];
        let mut names = expected;
        names.reverse();
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, expected);
    }

    proptest! {
        #[test]
        fn it_is_an_order(names in proptest::collection::vec("[a0-3.]{0,6}", 3)) {
            let [a, b, c] = [&names[0], &names[1], &names[2]];
            prop_assert_eq!(natural_order(a, b), natural_order(b, a).reverse());
            prop_assert_eq!(natural_order(a, b) == Ordering::Equal, a == b);
            if natural_order(a, b).is_le() && natural_order(b, c).is_le() {
                prop_assert!(natural_order(a, c).is_le());
            }
        }

        #[test]
        fn numbers_of_one_width_keep_the_order_of_their_bytes(a in 0..1000, b in 0..1000) {
            let (a, b) = (format!("x-{a:04}.csv"), format!("x-{b:04}.csv"));
            prop_assert_eq!(natural_order(&a, &b), a.cmp(&b));
        }

        #[test]
        fn numbers_are_ordered_as_numbers(a in any::<u64>(), b in any::<u64>()) {
            let names = (format!("x{a}-"), format!("x{b}-"));
            prop_assert_eq!(natural_order(&names.0, &names.1), a.cmp(&b));
        }
    }
}
