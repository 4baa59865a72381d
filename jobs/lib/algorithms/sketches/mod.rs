//! Sketches: what is kept of many values to tell their quantiles, or how many are different,
//! without keeping them.
//!
//! Both depend on the values alone, neither on their order nor on how they were parted: parts merge
//! to the whole, to the last bit. That rules out the sketches of the common libraries (KLL and REQ
//! toss coins, t-digests and HyperLogLog's running estimators follow the order of arrival), whose
//! bytes would differ with the number of threads.

mod distinct;
mod quantiles;

pub use distinct::Distinct;
pub use quantiles::Quantiles;
