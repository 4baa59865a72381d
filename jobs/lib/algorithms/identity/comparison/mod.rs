//! How alike two values are: the measures that comparison levels are made of. They compare what
//! they are given; bringing values into one spelling is the normalisers' business.

mod dates;
mod names;
mod places;
mod texts;

pub use dates::{days_apart, digits_apart, is_day_month_swapped};
pub use names::{are_nicknames, nickname_root, phonetic, sounds_alike};
pub use places::{postcode_area, postcode_district};
pub use texts::{
    damerau_levenshtein, damerau_levenshtein_within, elements_in_common, jaro, jaro_winkler,
    levenshtein, words_in_common,
};
