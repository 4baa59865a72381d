//! `rapport check` and `rapport config`: the project itself, without its data.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use crate::checks::project::{self, Depth};
use crate::config::Settings;
use crate::engine::Engine;
use crate::errors::{Error, Kind, Result};
use crate::jobs::operator::{Told, line};

/// Every mistake in the project's models.
pub(super) async fn check(settings: &Settings, json: bool) -> Result<Told> {
    let engine = Engine::new(settings)?;
    let checked = project::check(&engine, settings, Depth::Plans).await;
    let messages: Vec<String> = checked.mistakes.iter().map(Error::chain).collect();
    let table_count = checked.catalogue.models().count();
    let found = line(&json!({ "tables": table_count, "mistakes": messages }));
    if messages.is_empty() {
        let text = if json { found } else { format!("{table_count} tables, no mistakes\n") };
        return Ok(text.into());
    }
    if !json {
        let mut stderr = std::io::stderr().lock();
        for message in &messages {
            let _ = writeln!(stderr, "{message}");
        }
    }
    let count = match messages.len() {
        1 => "1 mistake".to_string(),
        count => format!("{count} mistakes"),
    };
    let what = format!("check `{}`: {count}", settings.file.display());
    let text = if json { found } else { String::new() };
    Ok(Told { text, failure: Some(Error::new(Kind::Usage, what)) })
}

/// Every setting in effect.
pub(super) fn config(settings: &Settings, json: bool) -> String {
    if json {
        return line(&json!(settings.effective));
    }
    let width = settings.effective.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let mut text = String::new();
    for setting in &settings.effective {
        let value = setting.value.as_deref().unwrap_or("unset");
        let _ = writeln!(text, "{:width$}  {value}  ({})", setting.key, setting.origin);
    }
    text
}
