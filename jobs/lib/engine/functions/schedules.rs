//! Time that lies in opening hours.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};

use super::arguments::Arguments;
use super::{Declaration, Kind, Parameter};
use crate::algorithms::business_time::BusinessClock;
use crate::config::Schedules;
use crate::config::schedules::Schedule;
use crate::errors::did_you_mean;

/// The one function whose result depends on the project's schedules.
pub const BUSINESS_MINUTES: &str = "business_minutes";

pub(super) const DECLARATIONS: &[Declaration] = &[Declaration {
    name: BUSINESS_MINUTES,
    parameters: &[
        Parameter { name: "from", kind: Kind::Instant, meaning: "The earlier instant." },
        Parameter { name: "to", kind: Kind::Instant, meaning: "The later instant." },
        Parameter {
            name: "schedule",
            kind: Kind::Schedule,
            meaning: "A schedule of the file that the settings name as `schedules`.",
        },
    ],
    optional: 0,
    returns: || DataType::Int64,
    is_strict: true,
    description: "Whole minutes between two instants that lie in a schedule's opening hours, \
        rounded down; negative where `to` is earlier. Null for instants outside 1900 to 2199.",
    example: "business_minutes(opened_at, first_replied_at, 'service_desk') -> 510",
    evaluate: business_minutes,
}];

/// The schedule of a name; an error that names it where there is none.
pub(super) fn schedule<'a>(schedules: &'a Schedules, name: &str) -> Result<&'a Schedule> {
    match schedules.get(name) {
        Some(schedule) => Ok(schedule),
        None if schedules.names().next().is_none() => plan_err!(
            "`{name}` is not a schedule: the project declares none (`schedules:` in its settings)"
        ),
        None => plan_err!(
            "`{name}` is not a schedule of the project{}",
            did_you_mean(name, schedules.names())
        ),
    }
}

fn business_minutes(arguments: &Arguments) -> Result<ArrayRef> {
    let (from, to) = (arguments.timestamp(0)?, arguments.timestamp(1)?);
    let names = arguments.text(2)?;
    let mut clocks: HashMap<&str, BusinessClock> = HashMap::new();
    let mut minutes = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(from), Some(to), Some(name)) = (from.get(row), to.get(row), names.get(row))
        else {
            minutes.push(None);
            continue;
        };
        let clock = match clocks.get_mut(name) {
            Some(clock) => clock,
            None => {
                let clock = BusinessClock::new(schedule(&arguments.schedules, name)?);
                clocks.entry(name).or_insert(clock)
            }
        };
        minutes.push(clock.minutes(from, to));
    }
    Ok(Arc::new(Int64Array::from(minutes)))
}
