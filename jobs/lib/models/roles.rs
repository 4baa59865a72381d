//! What the columns of a metric are to it: dimensions that tell rows apart, state that merges, and
//! values, bounds and flags that follow from the state. Here are the rules of what a contract may
//! say of them; whether a formula plans is looked at with the rest of the project.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;

use crate::config::yaml;
use crate::engine::sql::Formula;
use crate::errors::{Error, did_you_mean};
use crate::models::METRICS;
use crate::models::contract::{Column, Contract, Merge, Role};

/// The days that a window may have.
const WINDOW_DAYS: std::ops::RangeInclusive<u16> = 2..=366;

/// The columns that a table of trends has beside those of its metric.
pub(super) const WINDOW_COLUMN: &str = "window_days";

/// The flag of a trend whose whole window is known.
pub(super) const MATURE_COLUMN: &str = "is_mature";

impl Column {
    /// How this column's state of several rows becomes one; none where it is no state.
    pub fn merged_by(&self) -> Option<Merge> {
        (self.role == Some(Role::State)).then(|| self.merge.unwrap_or(Merge::Sum))
    }

    /// Whether a table of trends has this column of its metric, whose day is `event_day`: one that
    /// is no function of merged state means nothing there.
    pub(super) fn is_in_trend(&self, event_day: &str) -> bool {
        match self.role {
            Some(Role::Dimension) => self.name.value != event_day,
            Some(Role::State) => true,
            Some(Role::Value | Role::Bound | Role::Flag) => self.formula.is_some(),
            None => false,
        }
    }
}

/// Every mistake in what the contract of a table of `zone` says of roles and what goes with them;
/// `file` is where it stands.
pub(super) fn mistakes(zone: &str, file: &str, contract: &Contract) -> Vec<Error> {
    let mut mistakes = vec![];
    let has_roles = contract.columns.iter().any(|column| column.role.is_some());
    let home = match (zone == METRICS, has_roles) {
        (true, true) => None,
        (true, false) => Some("and no column here has a `role`".to_string()),
        (false, _) => Some(format!("and this is a table of {zone}")),
    };
    if let Some(why_not) = home {
        let is_for = |key: &str| format!("`{key}` is for metrics with roles, {why_not}");
        for column in &contract.columns {
            let keys = [
                ("role", column.role.is_some()),
                ("merge", column.merge.is_some()),
                ("formula", column.formula.is_some()),
            ];
            if let Some((key, _)) = keys.into_iter().find(|(_, is_there)| *is_there) {
                mistakes.push(yaml::mistake(file, &column.name, is_for(key)));
            }
        }
        if let Some(event_day) = &contract.event_day {
            mistakes.push(yaml::mistake(file, event_day, is_for("event_day")));
        }
        if let Some(windows) = &contract.windows {
            mistakes.push(yaml::mistake(file, windows, is_for("windows")));
        }
        return mistakes;
    }
    for column in &contract.columns {
        if let Err(what) = check_role(contract, column) {
            mistakes.push(yaml::mistake(file, &column.name, what));
        }
        if let Some(written) = &column.formula
            && let Err(what) = formula(contract, &written.value)
        {
            mistakes.push(yaml::mistake(file, written, what));
        }
    }
    mistakes.extend(days_and_windows(file, contract));
    mistakes
}

fn check_role(contract: &Contract, column: &Column) -> Result<(), String> {
    let name = &column.name.value;
    let Some(role) = column.role else {
        return Err(format!(
            "column `{name}` has no `role`, and others have: give it one of dimension, state, \
             value, bound, flag"
        ));
    };
    let is_in_grain = contract.grain.value.contains(name);
    match (role == Role::Dimension, is_in_grain) {
        (true, false) => {
            return Err(format!("column `{name}` is a dimension, and is not in the grain"));
        }
        (false, true) => {
            return Err(format!(
                "column `{name}` is in the grain: its role is `dimension`, not `{}`",
                role.name()
            ));
        }
        _ => {}
    }
    if column.merge.is_some() && role != Role::State {
        return Err(format!(
            "`merge` is for state, and the role of column `{name}` is `{}`",
            role.name()
        ));
    }
    if column.formula.is_some() && matches!(role, Role::Dimension | Role::State) {
        return Err(format!(
            "`formula` is for values, bounds and flags, and the role of column `{name}` is `{}`",
            role.name()
        ));
    }
    let (Some(merge), Ok(data_type)) = (column.merged_by(), column.arrow_type()) else {
        return Ok(());
    };
    match misfit(merge, &data_type) {
        None => Ok(()),
        Some(expected) => Err(format!(
            "state column `{name}` is {}, which `merge: {}` cannot merge, expected {expected}",
            column.data_type.value,
            merge.name()
        )),
    }
}

/// Whether state of the type `data_type` can merge by `merge`.
fn fits(merge: Merge, data_type: &DataType) -> bool {
    let is_list_of = |element: DataType| *data_type == DataType::new_list(element, true);
    match merge {
        Merge::Sum => matches!(data_type, DataType::Int64 | DataType::Decimal128(..)),
        Merge::Min | Merge::Max => !matches!(data_type, DataType::List(_)),
        Merge::Lists | Merge::KaplanMeier | Merge::Quantiles | Merge::Distinct => {
            is_list_of(DataType::Int64)
        }
        Merge::Markov => is_list_of(DataType::Utf8),
    }
}

/// What `merge` expects in place of `data_type`, and by what such lists merge instead; none where
/// it fits.
fn misfit(merge: Merge, data_type: &DataType) -> Option<String> {
    if fits(merge, data_type) {
        return None;
    }
    let mut expected = match merge {
        // Their last digits would depend on the order of the rows.
        Merge::Sum if *data_type == DataType::Float64 => {
            "an integer or a decimal: doubles add up inexactly"
        }
        Merge::Sum => "an integer or a decimal",
        Merge::Min | Merge::Max => "a type with an order",
        Merge::Lists | Merge::KaplanMeier | Merge::Quantiles | Merge::Distinct => "list<integer>",
        Merge::Markov => "list<string>",
    }
    .to_string();
    if let Some(aggregate) = merge.made_by() {
        expected.push_str(&format!(", what {aggregate}() returns"));
    }
    if matches!(data_type, DataType::List(_)) {
        let fitting = Merge::ALL.into_iter().filter(|other| fits(*other, data_type));
        let names: Vec<String> = fitting.map(|other| format!("`{}`", other.name())).collect();
        if !names.is_empty() {
            expected.push_str(&format!("; lists like these merge by {}", names.join(", ")));
        }
    }
    Some(expected)
}

/// The formula that `text` is, over the state of `contract`.
pub fn formula(contract: &Contract, text: &str) -> Result<Formula, String> {
    let formula = Formula::parse(text)?;
    let is_state = |column: &&Column| column.role == Some(Role::State);
    let state = contract.columns.iter().filter(is_state).map(|column| column.name.value.as_str());
    let state: BTreeSet<&str> = state.collect();
    for name in &formula.columns {
        if state.contains(name.as_str()) {
            continue;
        }
        let what = match contract.column(name).and_then(|column| column.role) {
            Some(role) => format!(
                "`{name}` is a {}, and a formula is over state and parameters alone",
                role.name()
            ),
            None => format!(
                "unknown state column `{name}`{}",
                did_you_mean(name, state.iter().copied())
            ),
        };
        return Err(what);
    }
    Ok(formula)
}

fn days_and_windows(file: &str, contract: &Contract) -> Vec<Error> {
    let mut mistakes = vec![];
    if let Some(event_day) = &contract.event_day {
        let name = &event_day.value;
        let grain = || contract.grain.value.iter().map(String::as_str);
        let what = match contract.column(name) {
            None => Some(format!("unknown column `{name}`{}", did_you_mean(name, grain()))),
            Some(_) if !contract.grain.value.contains(name) => {
                Some(format!("`{name}` is not in the grain: no row is of one event day"))
            }
            Some(column) if column.arrow_type() != Ok(DataType::Date32) => {
                Some(format!("`{name}` is {}, expected a date", column.data_type.value))
            }
            Some(_) => None,
        };
        mistakes.extend(what.map(|what| yaml::mistake(file, event_day, what)));
    }
    let Some(windows) = &contract.windows else { return mistakes };
    let days = &windows.value;
    let is_state = |column: &Column| column.role == Some(Role::State);
    let event_day = contract.event_day.as_ref().map(|event_day| event_day.value.as_str());
    let taken = |name: &&&str| {
        let column = contract.column(name);
        column.is_some_and(|column| event_day.is_some_and(|day| column.is_in_trend(day)))
    };
    let what = if event_day.is_none() {
        Some("`windows` are of event days: name their column as `event_day`".to_string())
    } else if !contract.columns.iter().any(is_state) {
        Some("`windows` sum up state, and no column's role is `state`".to_string())
    } else if let Some(name) = [WINDOW_COLUMN, MATURE_COLUMN].iter().find(taken) {
        Some(format!(
            "the table of trends has a column `{name}` of its own: give yours another name"
        ))
    } else if days.is_empty() || !days.is_sorted_by(|left, right| left < right) {
        Some("`windows` are numbers of days, each above the one before".to_string())
    } else {
        days.iter().find(|days| !WINDOW_DAYS.contains(days)).map(|days| {
            let (least, most) = (WINDOW_DAYS.start(), WINDOW_DAYS.end());
            format!("a window of {days} days, expected {least} to {most}")
        })
    };
    mistakes.extend(what.map(|what| yaml::mistake(file, windows, what)));
    mistakes
}
