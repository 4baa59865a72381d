//! Phone numbers.
//!
//! The countries' rules are libphonenumber's metadata as the crate `phonenumber` carries it; the
//! steps are libphonenumber's too, written out here. The crate's own parser does not know the
//! lengths that numbers may have, so it takes the first digits of an Indian mobile for India's
//! country code and Russia's toll-free prefix for a trunk prefix.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::DATABASE;
use regex::Regex;

use super::text::is_invisible;

/// The shortest national number, in digits, that can identify a line: shorter ones are
/// emergency and service numbers, or lack their area code.
const MINIMUM_NATIONAL_DIGITS: usize = 6;

/// Whether the text is a region that [`normalize_phone`] knows: ISO 3166-1 alpha-2, upper or
/// lower case (`UK` is taken for `GB`).
pub fn is_region(region: &str) -> bool {
    region_of(region).is_some()
}

/// A phone number as E.164 (`+442079460958`); `None` where the text is not one, or is a
/// placeholder.
///
/// `default_region`: ISO 3166-1 alpha-2, the country of numbers written without one; an unknown
/// or missing region leaves only numbers with a country code (`+44…`, `0044…`). An extension is
/// dropped: the line is what is shared. Accepted is what can be dialled by its length, not what
/// is assigned: metadata age, and numbers reserved for fiction are no placeholders.
///
/// Placeholders are numbers that are one digit or end in seven equal ones (`000-0000`), or count
/// up or down (`1234567890`). Numbers without their area code are `None`: they belong to
/// different people in different towns. So are numbers spelled with letters.
/// Source: ITU-T E.164; lengths and prefixes from libphonenumber's metadata.
pub fn normalize_phone(text: &str, default_region: Option<&str>) -> Option<String> {
    let dialled = Dialled::read(text)?;
    if dialled.digits.len() < MINIMUM_NATIONAL_DIGITS || is_filler(&dialled.digits) {
        return None;
    }
    let region = default_region.and_then(region_of);
    let (calling, national) = match dialled.is_international {
        true => international(&dialled.digits)?,
        false => domestic(&dialled.digits, region)?,
    };
    let is_possible = national.len() >= MINIMUM_NATIONAL_DIGITS
        && calling.has_length(national.len())
        && !is_filler(&national);
    is_possible.then(|| format!("+{}{national}", calling.code))
}

/// What somebody would dial.
struct Dialled {
    digits: String,
    /// Whether a `+` says that the digits begin with a country code.
    is_international: bool,
}

impl Dialled {
    /// Reads digits of any script and what people write between them; `None` where there is
    /// anything else, but for an extension at the end.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text
            .get(..4)
            .filter(|scheme| scheme.eq_ignore_ascii_case("tel:"))
            .and_then(|_| text.get(4..))
            .unwrap_or(text);
        let mut dialled = Dialled { digits: String::new(), is_international: false };
        for (place, character) in text.char_indices() {
            match character {
                '0'..='9' => dialled.digits.push(character),
                '+' | '＋' if dialled.digits.is_empty() => dialled.is_international = true,
                ' ' | '-' | '.' | '(' | ')' | '/' | '[' | ']' | '~' | '\t' | '\n' | '\u{A0}' => {}
                '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2000}'..='\u{200A}' | '\u{202F}' => {}
                '\u{3000}' | '（' | '）' | '－' | '．' | '／' => {}
                _ if is_invisible(character) => {}
                _ => match digit(character) {
                    Some(digit) => dialled.digits.push(digit),
                    None if is_extension(text.get(place..).unwrap_or_default()) => break,
                    None => return None,
                },
            }
        }
        Some(dialled)
    }
}

/// The ASCII digit for a decimal digit of another script.
fn digit(character: char) -> Option<char> {
    // Zeros of the scripts whose digits are met in exports: Arabic, Persian, N'Ko, the scripts of
    // India, Thai, Lao, full width.
    const ZEROS: [u32; 16] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
        0x0D66, 0x0E50, 0x0ED0, 0x17E0, 0xFF10,
    ];
    let value = ZEROS
        .iter()
        .find_map(|zero| u32::from(character).checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// Whether the text is an extension and nothing else: `ext. 12`, `x12`, `#12`, `;ext=12`, `,12`.
fn is_extension(text: &str) -> bool {
    let text = text.to_lowercase();
    let text = text.trim_start_matches([';', ',', ' ']);
    // `;phone-context=…` and other parameters of RFC 3966 that do not change the number.
    if text.starts_with("isub=") || text.starts_with("phone-context=+") {
        return true;
    }
    let marks = [
        "extension",
        "extensión",
        "extn",
        "ext",
        "xtn",
        "anexo",
        "durchwahl",
        "poste",
        "int",
        "dw",
        "x",
        "#",
    ];
    let rest = marks.iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text);
    let digits =
        rest.trim_start_matches(['.', ':', '=', ' ', '#']).trim_end_matches([' ', '#', '.']);
    !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A country code, with the lengths of the numbers under it.
#[derive(Clone, Copy)]
struct Calling {
    code: u16,
    /// Bit n: national numbers of n digits exist.
    lengths: u32,
}

impl Calling {
    fn of(code: u16) -> Option<Self> {
        static CODES: LazyLock<HashMap<u16, u32>> = LazyLock::new(|| {
            let mut codes = HashMap::new();
            for region in DATABASE.iter() {
                *codes.entry(region.country_code()).or_default() |= lengths_of(region);
            }
            codes
        });
        CODES.get(&code).map(|lengths| Calling { code, lengths: *lengths })
    }

    fn has_length(self, length: usize) -> bool {
        length < 32 && self.lengths & (1 << length) != 0
    }

    /// Whether a number of this length is longer than any.
    fn is_too_long(self, length: usize) -> bool {
        length >= 32 || self.lengths >> length == 0
    }
}

/// The lengths of a region's numbers of every type but companies' access numbers, whose seven
/// digits in Canada look like a number without its area code. The metadata leaves the general
/// lengths to be computed.
fn lengths_of(region: &Metadata) -> u32 {
    let types = region.descriptors();
    let types = [
        types.fixed_line(),
        types.mobile(),
        types.toll_free(),
        types.premium_rate(),
        types.shared_cost(),
        types.personal_number(),
        types.voip(),
        types.pager(),
        types.voicemail(),
    ];
    types
        .into_iter()
        .flatten()
        .flat_map(|kind| kind.possible_length())
        .filter(|length| **length < 32)
        .fold(0, |lengths, length| lengths | (1 << length))
}

/// How a region dials.
struct Region {
    code: u16,
    /// What is dialled in front of a country code.
    international_prefix: Option<Regex>,
    /// What is dialled in front of an area code, and its replacement where that is not nothing.
    national_prefix: Option<Regex>,
    transform: Option<String>,
    /// A whole national number.
    general: Option<Regex>,
}

/// The region of an ISO 3166-1 alpha-2 code, where the metadata has it.
fn region_of(region: &str) -> Option<&'static Region> {
    let region = region.trim();
    // Reserved for the United Kingdom, and what people write.
    if region.eq_ignore_ascii_case("UK") {
        return region_by_id("GB");
    }
    region_by_id(region)
}

fn region_by_id(id: &str) -> Option<&'static Region> {
    // Patterns compile where they are first used: there are 240 regions, and a run meets a few.
    static REGIONS: LazyLock<HashMap<String, (&'static Metadata, OnceLock<Region>)>> =
        LazyLock::new(|| {
            let is_country = |region: &&Metadata| region.id().len() == 2;
            let entry =
                |region: &'static Metadata| (region.id().to_owned(), (region, OnceLock::new()));
            DATABASE.iter().filter(is_country).map(entry).collect()
        });
    // Most callers write it as the key is written.
    let found = REGIONS.get(id).or_else(|| REGIONS.get(&id.to_ascii_uppercase()));
    found.map(|(metadata, region)| region.get_or_init(|| Region::new(metadata)))
}

impl Region {
    fn new(metadata: &Metadata) -> Self {
        // The metadata breaks long patterns over lines, for people.
        let compact = |pattern: &str| pattern.split_whitespace().collect::<String>();
        let at_start = |pattern: &str| Regex::new(&format!("^(?:{})", compact(pattern))).ok();
        let national_prefix = match metadata.national_prefix_for_parsing() {
            Some(pattern) => at_start(pattern.as_str()),
            None => metadata.national_prefix().and_then(at_start),
        };
        let general = metadata.descriptors().general().national_number().as_str();
        Region {
            code: metadata.country_code(),
            international_prefix: metadata
                .international_prefix()
                .and_then(|pattern| at_start(pattern.as_str())),
            national_prefix,
            transform: metadata.national_prefix_transform_rule().map(str::to_owned),
            general: Regex::new(&format!("^(?:{})$", compact(general))).ok(),
        }
    }

    fn is_general(&self, national: &str) -> bool {
        self.general.as_ref().is_some_and(|general| general.is_match(national))
    }

    /// A national number without its trunk prefix, unless that would make a valid number invalid.
    fn without_trunk_prefix(&self, national: &str) -> String {
        let whole = || national.to_owned();
        let Some(found) =
            self.national_prefix.as_ref().and_then(|prefix| prefix.captures(national))
        else {
            return whole();
        };
        let Some(matched) = found.get(0).filter(|matched| !matched.is_empty()) else {
            return whole();
        };
        let rest = national.get(matched.end()..).unwrap_or_default();
        // The last group tells whether the transform applies.
        let last_group = found.len() > 1 && found.get(found.len() - 1).is_some();
        let stripped = match &self.transform {
            Some(transform) if last_group => {
                let mut stripped = String::new();
                found.expand(transform, &mut stripped);
                stripped + rest
            }
            _ => rest.to_owned(),
        };
        if self.is_general(national) && !self.is_general(&stripped) { whole() } else { stripped }
    }
}

/// Country code and national number of digits that begin with a country code.
fn international(digits: &str) -> Option<(Calling, String)> {
    // Country codes are prefix-free, so the first that exists is the one.
    let (calling, national) = (1..=3).find_map(|length| {
        let calling = Calling::of(digits.get(..length)?.parse().ok()?)?;
        Some((calling, digits.get(length..)?))
    })?;
    // Most numbers are clean: without a zero that might be a trunk prefix, and of a length that
    // leaves no other reading.
    if !national.starts_with('0') && calling.has_length(national.len()) {
        return Some((calling, national.to_owned()));
    }
    let main = DATABASE.region(&calling.code)?.first().copied()?;
    match region_by_id(main) {
        Some(region) => Some((calling, region.without_trunk_prefix(national))),
        None => Some((calling, national.to_owned())),
    }
}

/// Country code and national number of digits as they are dialled in a region.
fn domestic(digits: &str, region: Option<&Region>) -> Option<(Calling, String)> {
    let Some(region) = region else {
        // Without a region there is no rule for `00`, but wherever it is used, it means `+`.
        return international(digits.strip_prefix("00")?);
    };
    let prefix = region.international_prefix.as_ref().and_then(|prefix| prefix.find(digits));
    if let Some(rest) = prefix.and_then(|prefix| digits.get(prefix.end()..))
        && !rest.starts_with('0')
        && let Some(found) = international(rest)
    {
        return Some(found);
    }
    let calling = Calling::of(region.code)?;
    let national = region.without_trunk_prefix(digits);
    // The country code without its `+`: only where the digits make no number otherwise.
    if !region.is_general(&national)
        && let Some(rest) = digits.strip_prefix(&region.code.to_string())
    {
        let without_code = region.without_trunk_prefix(rest);
        if region.is_general(&without_code) || calling.is_too_long(national.len()) {
            return Some((calling, without_code));
        }
    }
    Some((calling, national))
}

/// Whether the digits fill a field: seven equal ones at the end, or counting up or down.
fn is_filler(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    let ends_alike = match bytes {
        [.., last] => {
            bytes.iter().rev().take_while(|byte| *byte == last).count() >= 7.min(bytes.len())
        }
        [] => true,
    };
    // 0 follows 9: 1234567890, 9876543210.
    let counts = |up: bool| {
        bytes.windows(2).all(|pair| match pair {
            [left, right] if up => (left - b'0' + 1) % 10 == right - b'0',
            [left, right] => (right - b'0' + 1) % 10 == left - b'0',
            _ => true,
        })
    };
    ends_alike || (bytes.len() >= 6 && (counts(true) || counts(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164() {
        let cases = [
            ("020 7946 0958", Some("GB"), "+442079460958"),
            ("(020) 7946-0958", Some("gb"), "+442079460958"),
            ("020 7946 0958", Some("UK"), "+442079460958"),
            ("+44 20 7946 0958", None, "+442079460958"),
            ("+44 (0)20 7946 0958", None, "+442079460958"),
            ("+44 (0) 20 7946 0958", Some("US"), "+442079460958"),
            ("0044 20 7946 0958", Some("GB"), "+442079460958"),
            ("0044 20 7946 0958", None, "+442079460958"),
            ("011 44 20 7946 0958", Some("US"), "+442079460958"),
            ("07700 900123", Some("GB"), "+447700900123"),
            ("tel:+44-20-7946-0958", None, "+442079460958"),
            ("020 7946 0958 ext. 12", Some("GB"), "+442079460958"),
            ("020 7946 0958 x12", Some("GB"), "+442079460958"),
            ("+44 20 7946 0958 ext 7", None, "+442079460958"),
            // Numbers reserved for fiction.
            ("(415) 555-0132", Some("US"), "+14155550132"),
            ("1-415-555-0132", Some("US"), "+14155550132"),
            ("415.555.0132", Some("US"), "+14155550132"),
            ("+1 555 010 0199", None, "+15550100199"),
            ("555-555-0100", Some("US"), "+15555550100"),
            ("030 23125 123", Some("DE"), "+493023125123"),
            ("+49 (0)30 23125123", None, "+493023125123"),
            ("01 99 00 12 34", Some("FR"), "+33199001234"),
            ("020 577 1234", Some("NL"), "+31205771234"),
            // Italy keeps its zero.
            ("06 6982 1234", Some("IT"), "+390669821234"),
            ("+39 06 6982 1234", None, "+390669821234"),
            ("8 (800) 555-35-35", Some("RU"), "+78005553535"),
            ("+7 800 555 35 35", None, "+78005553535"),
            // India's mobile numbers may begin like India's country code, Italy's like Italy's.
            ("91234 56789", Some("IN"), "+919123456789"),
            ("091234 56789", Some("IN"), "+919123456789"),
            ("91 91234 56789", Some("IN"), "+919123456789"),
            ("393 123 4567", Some("IT"), "+393931234567"),
            ("44 20 7946 0958", Some("GB"), "+442079460958"),
            ("11 15-3456-7890", Some("AR"), "+5491134567890"),
            ("tel:+44-20-7946-0958;ext=12", None, "+442079460958"),
            ("\u{202A}+44 20 7946 0958\u{202C}", None, "+442079460958"),
            ("４１５ ５５５ ０１３２", Some("US"), "+14155550132"),
        ];
        for (text, region, expected) in cases {
            assert_eq!(
                normalize_phone(text, region).as_deref(),
                Some(expected),
                "{text} {region:?}"
            );
            assert_eq!(normalize_phone(expected, region).as_deref(), Some(expected), "again");
        }
    }

    #[test]
    fn placeholders_and_other_text_are_null() {
        let cases = [
            ("", Some("GB")),
            ("n/a", Some("GB")),
            ("000-0000", Some("US")),
            ("0000000000", Some("US")),
            ("+1 000 000 0000", None),
            ("111 111 1111", Some("US")),
            ("9999999999", Some("GB")),
            ("07777 777777", Some("GB")),
            ("415 555 5555 5", Some("US")),
            ("1234567890", Some("US")),
            ("0123456789", Some("GB")),
            ("123456", Some("DE")),
            ("9876543210", Some("US")),
            // Too short, or without an area code.
            ("555-0132", Some("US")),
            ("999", Some("GB")),
            ("112", Some("DE")),
            ("12345", Some("DE")),
            // Too long: two numbers in a field.
            ("020 7946 0958 020 7946 0959", Some("GB")),
            // No country.
            ("020 7946 0958", None),
            ("020 7946 0958", Some("??")),
            ("+999 123 456 789", Some("GB")),
            ("jane@example.com", Some("GB")),
            ("call 12", Some("GB")),
            ("0800 FLOWERS", Some("GB")),
            ("020 7946 0958 or 020 7946 0959", Some("GB")),
        ];
        for (text, region) in cases {
            assert_eq!(normalize_phone(text, region), None, "{text} {region:?}");
        }
    }

    #[test]
    fn regions_are_iso_codes() {
        for known in ["GB", "uk", "US", "de"] {
            assert!(is_region(known), "{known}");
        }
        for unknown in ["", "England", "ZZ", "GBR"] {
            assert!(!is_region(unknown), "{unknown}");
        }
    }
}
