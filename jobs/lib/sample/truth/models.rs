//! The parameters of the stated models, as a table: what estimates from the exports can be held
//! against.

use crate::errors::Result;
use crate::sample::columns::{self, double, text};
use crate::sample::life::parameters::{loyalty, marketing, public, service, shopping, surveys};
use crate::sample::people::models;

/// A parameter: the model, the parameter, its value and unit.
type Parameter = (&'static str, &'static str, f64, &'static str);

/// Purchases and spend, with the letters of their sources; service, surveys, marketing.
fn parameters() -> Vec<Parameter> {
    let mut parameters = vec![
        ("bg_nbd", "r", models::RATE.0, ""),
        ("bg_nbd", "alpha", models::RATE.1, "days"),
        ("bg_nbd", "a", models::DROPOUT.0, ""),
        ("bg_nbd", "b", models::DROPOUT.1, ""),
        ("gamma_gamma", "p", models::SPEND_SHAPE, ""),
        ("gamma_gamma", "q", models::SPEND.0, ""),
        ("gamma_gamma", "gamma", models::SPEND.1, "pounds"),
        ("delivery", "late_share", shopping::LATE_SHARE, "share"),
        ("delivery", "late_share_under_strain", shopping::LATE_SHARE_UNDER_STRAIN, "share"),
        ("service", "never_answered_share", service::NEVER_ANSWERED_SHARE, "share"),
        ("service", "reopened_share", service::REOPENED_SHARE, "share"),
        ("service", "rated_share", service::RATED_SHARE, "share"),
        ("service", "flipped_share", service::FLIPPED_SHARE, "share"),
        ("service", "first_reply_sigma", service::REPLY_SIGMA, ""),
    ];
    // The telephone and chat are answered by the clock, the others in opening hours.
    let medians = [
        ("first_reply_median_email", service::EMAIL_REPLY_MINUTES, "opening minutes"),
        ("first_reply_median_web", service::WEB_REPLY_MINUTES, "opening minutes"),
        ("first_reply_median_social", service::SOCIAL_REPLY_MINUTES, "opening minutes"),
        ("first_reply_median_chat", service::CHAT_REPLY_MINUTES, "minutes"),
        ("first_reply_median_phone", service::PHONE_REPLY_MINUTES, "minutes"),
    ];
    parameters.extend(medians.map(|(name, value, unit)| ("service", name, value, unit)));
    parameters.extend([
        ("surveys", "answered_share", surveys::ANSWERED_SHARE, "share"),
        ("surveys", "nps_level", surveys::NPS_LEVEL, "points"),
        ("surveys", "nps_late_penalty", surveys::NPS_LATE_PENALTY, "points"),
        ("surveys", "ces_level", surveys::CES_LEVEL, "points"),
        ("public", "forum_accepting_share", public::ACCEPTING_SHARE, "share"),
        ("campaigns", "email_opened_share", marketing::OPENED_SHARE, "share"),
        ("campaigns", "email_clicked_share", marketing::CLICKED_SHARE, "share"),
        ("campaigns", "unsubscribed_share", marketing::UNSUBSCRIBED_SHARE, "share"),
        ("loyalty", "points_a_pound", loyalty::POINTS_A_POUND as f64, "points"),
        ("loyalty", "expiry_days", loyalty::EXPIRY_DAYS as f64, "days"),
        (
            "loyalty",
            "pence_a_point",
            loyalty::STEP_PENCE as f64 / loyalty::REDEEM_STEP as f64,
            "pence",
        ),
    ]);
    parameters
}

/// The parameters as a Parquet file: `model`, `parameter`, `value`, `unit` (none for a pure
/// number).
pub fn models() -> Result<Vec<u8>> {
    let rows = &parameters();
    let columns = vec![
        ("model", false, text(rows, |row| Some(row.0))),
        ("parameter", false, text(rows, |row| Some(row.1))),
        ("value", false, double(rows, |row| row.2)),
        ("unit", true, text(rows, |row| Some(row.3).filter(|unit| !unit.is_empty()))),
    ];
    columns::parquet("models", columns)
}
