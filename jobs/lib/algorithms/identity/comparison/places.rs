//! Places by their postcodes.

/// The wider area of a postcode in its country's spelling: the letters that a British or Canadian
/// style code opens with, otherwise its first two digits.
///
/// None where it opens with neither.
pub fn postcode_area(postcode: &str) -> Option<&str> {
    let letters = length_of(postcode, |byte| byte.is_ascii_alphabetic());
    if letters > 0 {
        return postcode.get(..letters);
    }
    let digits = length_of(postcode, |byte| byte.is_ascii_digit());
    (digits >= 2).then(|| postcode.get(..2)).flatten()
}

/// The district of a postcode in its country's spelling: what stands before the space, as the
/// outward part of a British code; without a space the first three characters of it.
///
/// None where there are fewer.
pub fn postcode_district(postcode: &str) -> Option<&str> {
    match postcode.split_once(' ') {
        Some((outward, _)) if !outward.is_empty() => Some(outward),
        _ => postcode
            .char_indices()
            .nth(2)
            .and_then(|(start, last)| postcode.get(..start + last.len_utf8())),
    }
}

fn length_of(text: &str, is: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_hold_districts() {
        for (postcode, area, district) in [
            ("SW1A 1AA", Some("SW"), Some("SW1A")),
            ("M1 1AE", Some("M"), Some("M1")),
            ("10115", Some("10"), Some("101")),
            ("1012 AB", Some("10"), Some("1012")),
            ("7", None, None),
            ("", None, None),
        ] {
            assert_eq!(postcode_area(postcode), area, "{postcode}");
            assert_eq!(postcode_district(postcode), district, "{postcode}");
        }
    }
}
