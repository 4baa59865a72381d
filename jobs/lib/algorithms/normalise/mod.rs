//! Normalisers: one spelling for what people and systems spell in many ways, so that equal
//! things compare equal. Every normaliser returns `None` for what must never link anybody:
//! text that is not of its kind, and placeholders that many records share.
//!
//! They err on the side of keeping apart: two spellings become one only where the rule that
//! makes them one is published by the provider or fixed by a standard.

mod address;
mod email;
mod handle;
mod identifier;
mod name;
mod phone;
mod text;

pub use address::{normalize_address, normalize_postcode};
pub use email::{is_placeholder_email, is_shared_mailbox, normalize_email};
pub use handle::normalize_handle;
pub use identifier::normalize_identifier;
pub use name::normalize_name;
pub use phone::{is_region, normalize_phone};
pub(crate) use text::fold;
