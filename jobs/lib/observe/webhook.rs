//! The webhook that is called when a run fails: a JSON body whose `text` a chat shows, and the same
//! in single fields for machines. It has no messages of failures: chats are read by many.

use serde::Serialize;
use serde_json::json;

use crate::config::Notices;
use crate::errors::Kind;
use crate::lake::{Partition, TableName};
use crate::observe::delivery::Post;

/// A run that failed.
#[derive(Debug, Clone)]
pub struct FailedRun<'a> {
    /// The job.
    pub job: &'a str,
    /// The run's id.
    pub run_id: &'a str,
    /// The run's attempt.
    pub attempt: u32,
    /// Its days, `[from, to)`.
    pub days: String,
    /// The most serious kind of failure.
    pub kind: Kind,
    /// The targets that failed.
    pub failures: Vec<FailedTarget<'a>>,
    /// How many targets were not built because they read one that failed.
    pub held_back_count: u64,
}

/// A target that failed.
#[derive(Debug, Clone, Serialize)]
pub struct FailedTarget<'a> {
    /// The source whose export it holds; none for tables that queries make.
    pub source: Option<&'a str>,
    /// The target.
    #[serde(flatten)]
    pub partition: &'a Partition,
    /// The kind of its failure.
    pub kind: Kind,
}

/// How many tables a text names.
const NAMED_TABLES: usize = 5;

/// Calls the webhook of `notices`, if there is one, up to `tries` times.
///
/// Errors: what was answered, or what went wrong.
pub async fn call(notices: &Notices, failed: &FailedRun<'_>, tries: u32) -> Result<(), String> {
    let Some(webhook) = &notices.webhook else { return Ok(()) };
    let post = Post::new(webhook.url.clone(), notices.timeout)?;
    let body = json!({
        "text": failed.filled(&webhook.text),
        "job": failed.job,
        "run_id": failed.run_id,
        "attempt": failed.attempt,
        "days": failed.days,
        "exit_code": failed.kind.exit_code(),
        "kind": failed.kind,
        "tables": failed.tables(),
        "failures": failed.failures,
        "held_back_count": failed.held_back_count,
        "link": webhook.link.as_ref().map(|link| failed.filled(link)),
    });
    post.send(&body.to_string(), tries).await
}

impl FailedRun<'_> {
    /// The tables that failed, each once.
    fn tables(&self) -> Vec<&TableName> {
        let mut tables: Vec<&TableName> =
            self.failures.iter().map(|failure| &failure.partition.table).collect();
        tables.sort();
        tables.dedup();
        tables
    }

    /// `text` with its placeholders filled.
    fn filled(&self, text: &str) -> String {
        let join = |mut names: Vec<String>| {
            let more = names.len().saturating_sub(NAMED_TABLES);
            names.truncate(NAMED_TABLES);
            match (names.is_empty(), more) {
                (true, _) => "no single table".to_string(),
                (false, 0) => names.join(", "),
                (false, more) => format!("{} and {more} more", names.join(", ")),
            }
        };
        let tables = join(self.tables().iter().map(ToString::to_string).collect());
        let failures = join(self.failures.iter().map(|one| one.partition.to_string()).collect());
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            match name {
                "attempt" => filled.push_str(&self.attempt.to_string()),
                "days" => filled.push_str(&self.days),
                "exit_code" => filled.push_str(&self.kind.exit_code().to_string()),
                "failures" => filled.push_str(&failures),
                "job" => filled.push_str(self.job),
                "kind" => filled.push_str(self.kind.name()),
                "run_id" => filled.push_str(self.run_id),
                "tables" => filled.push_str(&tables),
                // The settings refuse others.
                _ => {}
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notices::PLACEHOLDERS;

    #[test]
    fn every_placeholder_is_filled_and_long_lists_are_cut() {
        let days = ["2024-03-04", "2024-03-05", "2024-03-06"].map(|day| day.parse().unwrap());
        let partitions: Vec<Partition> = ["a", "b"]
            .iter()
            .flat_map(|table| days.map(|dt| Partition { table: TableName::new("raw", *table), dt }))
            .collect();
        let failure = |partition| FailedTarget { source: None, partition, kind: Kind::Storage };
        let failed = FailedRun {
            job: "daily",
            run_id: "r{job}1",
            attempt: 2,
            days: "[2024-03-04, 2024-03-07)".to_string(),
            kind: Kind::CheckFailed,
            failures: partitions.iter().map(failure).collect(),
            held_back_count: 3,
        };
        let text = PLACEHOLDERS.map(|name| format!("{name}={{{name}}}")).join("; ");
        let expected = "attempt=2; days=[2024-03-04, 2024-03-07); exit_code=10; \
            failures=raw.a dt=2024-03-04, raw.a dt=2024-03-05, raw.a dt=2024-03-06, \
            raw.b dt=2024-03-04, raw.b dt=2024-03-05 and 1 more; job=daily; kind=check_failed; \
            run_id=r{job}1; tables=raw.a, raw.b";
        assert_eq!(failed.filled(&text), expected);
        let none = FailedRun { failures: vec![], ..failed };
        assert_eq!(none.filled("{tables}!"), "no single table!");
    }
}
