//! Numbers out of text: digits, a sign and a point, read without an allocation; everything else
//! that people write around numbers is taken off first.

use super::faults::Code;
use super::source::NumberFormat;

/// A whole number. A fraction of zeros is let pass: spreadsheets write `17850.0`.
pub(super) fn integer(text: &[u8]) -> Result<i64, Code> {
    let (is_negative, digits) = sign(text);
    if digits.is_empty() {
        return Err(Code::NotANumber);
    }
    // Eighteen digits always fit, so the common case needs no check an addition.
    if digits.len() <= 18 {
        let mut value = 0i64;
        for (index, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return whole_with_fraction(is_negative, digits, index);
            }
            value = value * 10 + i64::from(digit);
        }
        return Ok(if is_negative { -value } else { value });
    }
    let end = digits.iter().position(|byte| !byte.is_ascii_digit());
    match end {
        Some(end) => whole_with_fraction(is_negative, digits, end),
        None => long_integer(is_negative, digits),
    }
}

fn whole_with_fraction(is_negative: bool, digits: &[u8], point: usize) -> Result<i64, Code> {
    if matches!(digits.first(), Some(b'-' | b'+')) {
        // A second sign, which no number has.
        return Err(Code::NotANumber);
    }
    let fraction = digits.get(point + 1..).unwrap_or_default();
    if digits.get(point) != Some(&b'.') || point == 0 {
        // `1e3` and `.0` are numbers, but nobody's whole numbers.
        return Err(if double(digits).is_ok() { Code::NotWhole } else { Code::NotANumber });
    }
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(if double(digits).is_ok() { Code::NotWhole } else { Code::NotANumber });
    }
    if fraction.iter().any(|byte| *byte != b'0') {
        return Err(Code::NotWhole);
    }
    long_integer(is_negative, &digits[..point])
}

fn long_integer(is_negative: bool, digits: &[u8]) -> Result<i64, Code> {
    let mut value = 0i64;
    for byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        // Counting downwards reaches the least number, which has no positive twin.
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_sub(digit))
            .ok_or(Code::TooLarge)?;
    }
    if is_negative { Ok(value) } else { value.checked_neg().ok_or(Code::TooLarge) }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A finite floating-point number.
pub(super) fn double(text: &[u8]) -> Result<f64, Code> {
    let (is_negative, digits) = sign(text);
    // Up to fifteen digits the mantissa is exact, and one exact division rounds correctly.
    if digits.len() <= 16 {
        let (mut mantissa, mut seen, mut point) = (0u64, 0usize, None);
        let mut is_plain = true;
        for (index, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                mantissa = mantissa * 10 + u64::from(digit);
                seen += 1;
            } else if *byte == b'.' && point.is_none() {
                point = Some(index);
            } else {
                is_plain = false;
                break;
            }
        }
        if is_plain && (1..=15).contains(&seen) {
            let places = point.map_or(0, |point| digits.len() - point - 1);
            #[allow(clippy::cast_precision_loss)] // fifteen digits are less than 2^53
            let value = mantissa as f64 / EXACT_POWERS[places];
            return Ok(if is_negative { -value } else { value });
        }
    }
    // `inf` and `nan` parse as floats, and no export means them as numbers.
    if digits.iter().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) {
        return Err(Code::NotANumber);
    }
    let value: f64 = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Code::NotANumber)?;
    if value.is_finite() { Ok(value) } else { Err(Code::TooLarge) }
}

/// An exact number with `scale` digits after the point, as the integer of its digits.
///
/// Errors: `TooPrecise` for more digits after the point than `scale`, zeros and a float's dust
/// aside; `TooLarge` for more than `precision` digits in all.
pub(super) fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, Code> {
    let (is_negative, digits) = sign(text);
    // The common case: up to eighteen digits in all, as one machine word.
    if digits.len() <= 19 {
        let (mut value, mut seen, mut point) = (0i64, 0usize, None);
        for (index, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                seen += 1;
                if seen > 18 {
                    return long_decimal(is_negative, digits, precision, scale);
                }
                value = value * 10 + i64::from(digit);
            } else if *byte == b'.' && point.is_none() {
                point = Some(index);
            } else {
                return long_decimal(is_negative, digits, precision, scale);
            }
        }
        let places = point.map_or(0, |point| digits.len() - point - 1);
        if seen == 0 {
            return Err(Code::NotANumber);
        }
        if places <= usize::from(scale) {
            let missing = usize::from(scale) - places;
            let value = match POWERS.get(missing) {
                Some(power) if seen + missing <= 18 => i128::from(value * power),
                _ => return long_decimal(is_negative, digits, precision, scale),
            };
            // Leading zeros count as digits above but not in the precision.
            if seen + missing > usize::from(precision) && exceeds(value, precision) {
                return Err(Code::TooLarge);
            }
            return Ok(if is_negative { -value } else { value });
        }
    }
    long_decimal(is_negative, digits, precision, scale)
}

const POWERS: [i64; 19] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
    100_000_000_000_000_000,
    1_000_000_000_000_000_000,
];

/// Whether a number that is not negative has more than `precision` digits.
fn exceeds(value: i128, precision: u8) -> bool {
    // 10^38 fits 127 bits.
    10i128.checked_pow(u32::from(precision)).is_some_and(|limit| value >= limit)
}

/// Any length, and an exponent.
fn long_decimal(is_negative: bool, digits: &[u8], precision: u8, scale: u8) -> Result<i128, Code> {
    let (mantissa, exponent) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => (digits, 0i32),
        Some(at) => {
            let text = std::str::from_utf8(&digits[at + 1..]).map_err(|_| Code::NotANumber)?;
            (&digits[..at], text.parse::<i16>().map_err(|_| Code::NotANumber)?.into())
        }
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty()
        || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return Err(Code::NotANumber);
    }
    let fraction_length = i32::try_from(fraction.len()).map_err(|_| Code::TooPrecise)?;
    // The power of ten that the last digit has, relative to the scale.
    let mut shift = exponent - fraction_length + i32::from(scale);
    let mut significant: Vec<u8> =
        whole.iter().chain(fraction).copied().skip_while(|byte| *byte == b'0').collect();
    while shift < 0 && significant.last() == Some(&b'0') {
        significant.pop();
        shift += 1;
    }
    if significant.is_empty() {
        return Ok(0);
    }
    if shift < 0 {
        shake_off_dust(&mut significant, shift.unsigned_abs() as usize)?;
        shift = 0;
    }
    let shift = usize::try_from(shift).map_err(|_| Code::TooLarge)?;
    if significant.len() + shift > usize::from(precision) {
        return Err(Code::TooLarge);
    }
    let zeros = std::iter::repeat_n(&b'0', shift);
    let value = significant
        .iter()
        .chain(zeros)
        .fold(0i128, |value, byte| value * 10 + i128::from(byte - b'0'));
    Ok(if is_negative { -value } else { value })
}

/// How many digits after the last one wanted must be all zeros or all nines to be a float's dust.
const DUST_DIGITS: usize = 6;

/// Drops the last `excess` of `digits` where they are what binary floats leave behind: programs
/// that add amounts as floats export `2.0999999999999996` and `1.776357e-15`, and mean 2.10 and 0.
///
/// Errors: `TooPrecise` where they say something.
fn shake_off_dust(digits: &mut Vec<u8>, excess: usize) -> Result<(), Code> {
    let zeros = excess.saturating_sub(digits.len());
    let dropped = digits.split_off(digits.len().saturating_sub(excess));
    let first = |wanted: u8| {
        let mut fraction = std::iter::repeat_n(b'0', zeros).chain(dropped.iter().copied());
        excess > DUST_DIGITS && fraction.by_ref().take(DUST_DIGITS).all(|digit| digit == wanted)
    };
    if first(b'0') {
        return Ok(());
    }
    if !first(b'9') {
        return Err(Code::TooPrecise);
    }
    for digit in digits.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return Ok(());
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
    Ok(())
}

/// What stands for a fraction that is not there.
const DASHES: [char; 3] = ['-', '\u{2013}', '\u{2014}'];

/// Writes into `plain` the number that `text` holds in `format`: digits, a sign, a point.
///
/// Grouping is checked, not just dropped: `1.5` with a point for thousands is no fifteen. So are
/// signs: a number has one at most, and one currency.
pub(super) fn plain(text: &str, format: &NumberFormat, plain: &mut Vec<u8>) -> Result<(), Code> {
    plain.clear();
    let mark = format.decimal_mark.unwrap_or('.');
    // A currency stands outside of the sign or within: `-€5`, `€-5`, `5 €`, `€ (5)`, `(€5)`.
    let (mut rest, has_currency) = without_currency(text.trim(), &format.currency_signs);
    let mut is_negative = false;
    if format.parentheses_negative
        && let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
    {
        // A sign within is left where it stands, and makes it no number: `(-5)` may be either.
        is_negative = true;
        rest = inner.trim();
    } else if let Some(after) = rest.strip_prefix(['-', '\u{2212}']) {
        is_negative = true;
        rest = after.trim_start();
    } else if let Some(after) = rest.strip_prefix('+') {
        rest = after.trim_start();
    } else if let Some(before) = rest.strip_suffix('-')
        && !before.ends_with(mark)
        && !before.ends_with(DASHES)
    {
        // SAP writes the sign last.
        is_negative = true;
        rest = before.trim_end();
    }
    if !has_currency {
        rest = without_currency(rest, &format.currency_signs).0;
    }
    let (whole, fraction) = match rest.split_once(mark) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    if whole.starts_with(['-', '+']) {
        // A second sign.
        return Err(Code::NotANumber);
    }
    if is_negative {
        plain.push(b'-');
    }
    push_whole(whole, format.thousands_mark, plain)?;
    match fraction {
        None => {}
        // `5,-` on a price tag: a dash in place of a fraction says that there is none.
        Some(fraction) if fraction.strip_prefix(DASHES) == Some("") && !whole.is_empty() => {}
        Some(fraction) if fraction.contains('.') => return Err(Code::NotANumber),
        Some(fraction) => {
            plain.push(b'.');
            plain.extend_from_slice(fraction.as_bytes());
        }
    }
    Ok(())
}

/// The text without the currency that it begins or ends with, and whether there was one.
fn without_currency<'a>(text: &'a str, signs: &[String]) -> (&'a str, bool) {
    let without = |sign: &String| {
        text.strip_prefix(sign.as_str()).or_else(|| text.strip_suffix(sign.as_str()))
    };
    // The longest sign that fits: `US$5` has the sign `US$` even where `$` is one too.
    let stripped = signs.iter().filter_map(without).min_by_key(|rest| rest.len());
    stripped.map_or((text, false), |rest| (rest.trim(), true))
}

fn push_whole(whole: &str, thousands: Option<char>, plain: &mut Vec<u8>) -> Result<(), Code> {
    // A space as the mark stands for the no-break spaces that typesetters use as well.
    let is_mark = |one: char| match thousands {
        Some(' ') => matches!(one, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'),
        Some('\'') => matches!(one, '\'' | '\u{2019}'),
        Some(mark) => one == mark,
        None => false,
    };
    if whole.contains('.') && !is_mark('.') {
        return Err(Code::NotANumber);
    }
    let group_count = whole.split(is_mark).count();
    for (index, group) in whole.split(is_mark).enumerate() {
        let is_first = index == 0;
        let is_last = index + 1 == group_count;
        // Groups of three, or of two before the last as in India.
        let fits = match (is_first, is_last) {
            (true, true) => true,
            (true, false) => (1..=3).contains(&group.len()),
            (false, true) => group.len() == 3,
            (false, false) => matches!(group.len(), 2 | 3),
        };
        if !fits {
            return Err(Code::NotANumber);
        }
        plain.extend_from_slice(group.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("-17", Ok(-17)),
            ("+5", Ok(5)),
            ("0005", Ok(5)),
            ("17850.0", Ok(17850)),
            ("17850.", Ok(17850)),
            ("17850.5", Err(Code::NotWhole)),
            ("1e3", Err(Code::NotWhole)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(Code::TooLarge)),
            ("99999999999999999999999999", Err(Code::TooLarge)),
            ("", Err(Code::NotANumber)),
            ("-", Err(Code::NotANumber)),
            ("1 2", Err(Code::NotANumber)),
            ("1,234", Err(Code::NotANumber)),
            ("--1", Err(Code::NotANumber)),
            ("abc", Err(Code::NotANumber)),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn decimals() {
        for (text, expected) in [
            ("2.55", Ok(255)),
            ("2", Ok(200)),
            (".5", Ok(50)),
            ("5.", Ok(500)),
            ("-0.01", Ok(-1)),
            ("2.5500", Ok(255)),
            ("2.555", Err(Code::TooPrecise)),
            ("2.0999999999999996", Ok(210)),
            ("-0.30000000000000004", Ok(-30)),
            ("999.9999999999999", Ok(100_000)),
            ("1.776357e-15", Ok(0)),
            ("2.5599999", Err(Code::TooPrecise)),
            ("99999999.9999999999", Err(Code::TooLarge)),
            ("1e2", Ok(10_000)),
            ("1.5E-1", Ok(15)),
            ("1e-3", Err(Code::TooPrecise)),
            ("99999999.99", Ok(9_999_999_999)),
            ("100000000.00", Err(Code::TooLarge)),
            ("000000000000000000000000001.00", Ok(100)),
            ("1e99", Err(Code::TooLarge)),
            ("0e99", Ok(0)),
            ("", Err(Code::NotANumber)),
            (".", Err(Code::NotANumber)),
            ("1.2.3", Err(Code::NotANumber)),
            ("--1", Err(Code::NotANumber)),
        ] {
            assert_eq!(decimal(text.as_bytes(), 10, 2), expected, "{text}");
        }
    }

    #[test]
    fn numbers_as_people_write_them() {
        let euro = NumberFormat {
            decimal_mark: Some(','),
            thousands_mark: Some('.'),
            currency_signs: vec!["€".into(), "EUR".into(), "$".into(), "US$".into()],
            parentheses_negative: true,
        };
        for (text, expected) in [
            ("1.234,56 €", "1234.56"),
            ("€1.234", "1234"),
            ("-€5,5", "-5.5"),
            ("€ -5,5", "-5.5"),
            ("EUR 12", "12"),
            ("(12,50)", "-12.50"),
            ("1234,5", "1234.5"),
            ("1.234,50-", "-1234.50"),
            ("12,50 €-", "-12.50"),
            ("12,50- €", "-12.50"),
            ("5 US$", "5"),
            ("US$5", "5"),
            ("(€ 5)", "-5"),
            ("€ (1.234,5)", "-1234.5"),
            // A dash after the mark says that there is no fraction, and nothing of the sign.
            ("5,-", "5"),
            ("5,- €", "5"),
            ("€ 1.234,-", "1234"),
            ("5,–", "5"),
            ("5,—", "5"),
            ("-5,-", "-5"),
            ("(5,-)", "-5"),
            ("5-", "-5"),
        ] {
            let mut out = Vec::new();
            plain(text, &euro, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
        for text in ["1.5", "12.34,5", "1.2345", "1..234"] {
            assert!(plain(text, &euro, &mut Vec::new()).is_err(), "{text}");
        }
        for text in [
            "-5-",
            "(5-)",
            "5--",
            "5,--",
            "--5",
            "+-5",
            "+€-5",
            "(-5)",
            "(-5,00)",
            "(\u{2212}5)",
            "(+5)",
            "-(5)",
            "((5))",
            "()",
            "-",
            ",-",
            "€",
            "EUREUR 5",
            "€ 5 €",
            "€ 5 EUR",
            "-€-5",
            "5,-3",
        ] {
            let mut out = Vec::new();
            let number = plain(text, &euro, &mut out).and_then(|()| decimal(&out, 20, 2));
            assert_eq!(number, Err(Code::NotANumber), "{text}");
        }
        let spaced = NumberFormat { thousands_mark: Some(' '), ..NumberFormat::default() };
        let mut out = Vec::new();
        plain("1\u{202f}234.5", &spaced, &mut out).unwrap();
        assert_eq!(out, b"1234.5");
        let francs = NumberFormat { currency_signs: vec!["CHF".into()], ..NumberFormat::default() };
        plain("CHF 5.-", &francs, &mut out).unwrap();
        assert_eq!(out, b"5");
    }

    proptest! {
        #[test]
        fn doubles_round_as_the_standard_library_does(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            prop_assert_eq!(double(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn short_doubles_round_as_the_standard_library_does(
            whole in 0u32..100_000_000, places in 0u32..1_000_000
        ) {
            let text = format!("{whole}.{places}");
            prop_assert_eq!(double(text.as_bytes()), Ok(text.parse::<f64>().unwrap()));
        }

        #[test]
        fn decimals_come_back(value in -10i64.pow(17)..10i64.pow(17)) {
            let text = format!(
                "{}{}.{:03}", if value < 0 { "-" } else { "" }, value.abs() / 1000, value.abs() % 1000
            );
            prop_assert_eq!(decimal(text.as_bytes(), 38, 3), Ok(i128::from(value)));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = integer(&bytes);
            let _ = double(&bytes);
            let _ = decimal(&bytes, 10, 2);
        }
    }
}
