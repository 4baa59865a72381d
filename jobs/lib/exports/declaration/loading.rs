//! What the load mode asks of the rest of a declaration: a day in the location, a key, the
//! operation that tells deletes, the window for replays.

use std::collections::HashSet;

use super::written::{OperationYaml, SourceYaml};
use crate::config::yaml::{Spanned, mistake};
use crate::errors::{Result, did_you_mean};
use crate::exports::location::Location;
use crate::exports::source::{Allowed, Column, ColumnType, Load, Operation};

/// Checks that a day of events can be told from any other.
pub(super) fn check_location(file: &str, yaml: &SourceYaml, location: &Location) -> Result<()> {
    if yaml.load.value == Load::Events && !location.has_day() {
        let what = "`load: events` needs the day in the location, such as `shop/{dt}.csv`: the same \
                    file would count anew on every day; a file that holds everything there is, is \
                    a `snapshot`";
        return Err(mistake(file, &yaml.location, what));
    }
    Ok(())
}

/// The columns that identify a row.
pub(super) fn key(file: &str, yaml: &SourceYaml) -> Result<Vec<String>> {
    let key = yaml
        .key
        .iter()
        .map(|name| declared(file, yaml, name, "key column"))
        .collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = yaml.key.iter().find(|name| !seen.insert(&name.value)) {
        return Err(mistake(file, twice, format!("key column `{}` twice", twice.value)));
    }
    Ok(key)
}

/// Which column tells deletes; changes need it, and a key with it.
pub(super) fn operation(
    file: &str,
    yaml: &SourceYaml,
    columns: &[Column],
) -> Result<Option<Operation>> {
    let load = yaml.load.value;
    let operation = match (load, &yaml.operation) {
        (Load::Changes, Some(operation)) => {
            if operation.value.delete.is_empty() {
                let what = "`delete` names no value, so nothing would ever be deleted";
                return Err(mistake(file, operation, what));
            }
            let column = declared(file, yaml, &operation.value.column, "operation column")?;
            let delete = operation.value.delete.iter().map(|value| value.value.clone()).collect();
            check_operation(file, &operation.value, columns.iter().find(|c| c.name == column))?;
            Some(Operation { column, delete })
        }
        (Load::Changes, None) => {
            let what = "`load: changes` needs `operation: {column: …, delete: […]}`";
            return Err(mistake(file, &yaml.load, what));
        }
        (_, Some(operation)) => {
            return Err(mistake(file, operation, "`operation` is for `load: changes` alone"));
        }
        (_, None) => None,
    };
    if load == Load::Changes && yaml.key.is_empty() {
        let what = "`load: changes` needs a `key`: the columns that say which row is changed";
        return Err(mistake(file, &yaml.load, what));
    }
    Ok(operation)
}

/// For events and changes: how many earlier days are searched for a file that holds the same.
pub(super) fn replay_window_days(file: &str, yaml: &SourceYaml) -> Result<u32> {
    match (yaml.load.value, &yaml.replay_window_days) {
        (Load::Snapshot, Some(days)) => {
            let what = "`replay_window_days` is for `load: events` and `load: changes`: a snapshot \
                        may be what it was the day before";
            Err(mistake(file, days, what))
        }
        (Load::Snapshot, None) => Ok(0),
        (Load::Events | Load::Changes, Some(days)) if days.value > 366 => {
            Err(mistake(file, days, "expected at most 366 days"))
        }
        (Load::Events | Load::Changes, days) => Ok(days.as_ref().map_or(7, |days| days.value)),
    }
}

/// How many days before its first a run brings up to date too.
pub(super) fn lookback_days(file: &str, yaml: &SourceYaml) -> Result<u32> {
    match &yaml.lookback_days {
        Some(days) if days.value > 366 => Err(mistake(file, days, "expected at most 366 days")),
        days => Ok(days.as_ref().map_or(0, |days| days.value)),
    }
}

/// The name of a declared column; `what` says in the error for what it is named.
fn declared(file: &str, yaml: &SourceYaml, name: &Spanned<String>, what: &str) -> Result<String> {
    let names = yaml.columns.value.iter().map(|column| column.value.name.value.as_str());
    if names.clone().any(|declared| declared == name.value) {
        return Ok(name.value.clone());
    }
    let hint = did_you_mean(&name.value, names);
    Err(mistake(file, name, format!("{what} `{}` is not a declared column{hint}", name.value)))
}

/// A delete must be a value that the operation column can have.
fn check_operation(file: &str, operation: &OperationYaml, column: Option<&Column>) -> Result<()> {
    let Some(column) = column else { return Ok(()) };
    if column.data_type != ColumnType::String {
        let what = format!(
            "operation column `{}` must be a string: `delete` lists its texts",
            column.name
        );
        return Err(mistake(file, &operation.column, what));
    }
    let never = |delete: &&Spanned<String>| match &column.allowed {
        Some(Allowed::Texts(allowed)) => !allowed.contains(&delete.value),
        _ => column.null_tokens.contains(&delete.value),
    };
    if let Some(delete) = operation.delete.iter().find(never) {
        let what = format!("column `{}` never has the value `{}`", column.name, delete.value);
        return Err(mistake(file, delete, what));
    }
    Ok(())
}
