//! Where people live.

/// A country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // ISO 3166-1 alpha-2
pub enum Country {
    Gb,
    De,
    Fr,
    Us,
    Nl,
    Es,
    It,
}

impl Country {
    /// All of them, with the share of households that live there; the shares sum to 1.
    pub const SHARES: [(Country, f64); 7] = [
        (Country::Gb, 0.70),
        (Country::Us, 0.09),
        (Country::De, 0.07),
        (Country::Fr, 0.05),
        (Country::Nl, 0.03),
        (Country::Es, 0.03),
        (Country::It, 0.03),
    ];

    /// ISO 3166-1 alpha-2: `GB`.
    pub fn code(self) -> &'static str {
        match self {
            Country::Gb => "GB",
            Country::De => "DE",
            Country::Fr => "FR",
            Country::Us => "US",
            Country::Nl => "NL",
            Country::Es => "ES",
            Country::It => "IT",
        }
    }

    /// What most of its people write, ISO 639-1.
    pub fn language(self) -> &'static str {
        match self {
            Country::Gb | Country::Us => "en",
            Country::De => "de",
            Country::Fr => "fr",
            Country::Nl => "nl",
            Country::Es => "es",
            Country::It => "it",
        }
    }

    /// What is dialled to call there, without `+`.
    pub fn calling_code(self) -> &'static str {
        match self {
            Country::Gb => "44",
            Country::De => "49",
            Country::Fr => "33",
            Country::Us => "1",
            Country::Nl => "31",
            Country::Es => "34",
            Country::It => "39",
        }
    }
}
