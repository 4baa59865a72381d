//! Numbers written out: straight onto a buffer, never by way of `format!`, for they are most of
//! what exports are made of.

/// The text that `write` appends to nothing.
pub fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(32);
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends a whole number.
#[inline]
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    push_padded(out, number, 1);
}

/// Appends a whole number with a sign where it is negative.
pub fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_number(out, number.unsigned_abs());
}

/// Appends a whole number of at least `width` digits, with zeros in front.
#[inline]
pub fn push_padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len().saturating_sub(width))..]);
}

/// Two digits; `number` is below 100.
#[inline]
pub fn two(number: u32) -> [u8; 2] {
    let number = (number % 100) as u8;
    [b'0' + number / 10, b'0' + number % 10]
}

/// Appends sixteen hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits: [u8; 16] =
        std::array::from_fn(|place| DIGITS[(number >> ((15 - place) * 4) & 15) as usize]);
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_out() {
        assert_eq!(text(|out| push_number(out, 0)), "0");
        assert_eq!(text(|out| push_number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(text(|out| push_signed(out, -50)), "-50");
        assert_eq!(text(|out| push_padded(out, 48_213, 8)), "00048213");
        assert_eq!(text(|out| push_padded(out, 123, 2)), "123");
        assert_eq!((two(7), two(42)), (*b"07", *b"42"));
        assert_eq!(text(|out| push_hex(out, 0x0f)), "000000000000000f");
        assert_eq!(text(|out| push_hex(out, u64::MAX - 1)), "fffffffffffffffe");
    }
}
