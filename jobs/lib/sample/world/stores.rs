//! The stores.

use super::Store;
use crate::sample::people::Country;

/// Twelve stores, most of them in Great Britain.
pub(super) fn stores() -> Vec<Store> {
    const STORES: [(&str, &str, Country); 12] = [
        ("LON", "London", Country::Gb),
        ("BRI", "Bristol", Country::Gb),
        ("MAN", "Manchester", Country::Gb),
        ("LEE", "Leeds", Country::Gb),
        ("EDI", "Edinburgh", Country::Gb),
        ("CAR", "Cardiff", Country::Gb),
        ("BIR", "Birmingham", Country::Gb),
        ("HAM", "Hamburg", Country::De),
        ("MUC", "München", Country::De),
        ("LYO", "Lyon", Country::Fr),
        ("AMS", "Amsterdam", Country::Nl),
        ("BOS", "Boston", Country::Us),
    ];
    STORES
        .iter()
        .enumerate()
        .map(|(number, (short, city, country))| Store {
            code: format!("S-{short}-{:02}", number + 1),
            name: format!("Marlow & Finch {city}"),
            city,
            country: *country,
        })
        .collect()
}
