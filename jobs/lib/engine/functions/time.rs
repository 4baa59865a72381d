//! Instants and business days.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use datafusion::common::{Result, plan_err};

use super::arguments::{Arguments, Column};
use super::{Declaration, Kind, Parameter};
use crate::dates::Day;

pub(super) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        name: "local_instant",
        parameters: &[
            Parameter {
                name: "local_time",
                kind: Kind::LocalTime,
                meaning: "A clock's reading: a timestamp without a zone, a date (its midnight), or \
                    ISO 8601 text such as 2024-03-31 12:30 or 2024-03-31T12:30:15.5. Text with an \
                    offset or Z is an instant already, whatever the zone.",
            },
            ZONE,
        ],
        optional: 0,
        returns: instant_type,
        is_strict: true,
        description: "The instant at which clocks in a zone showed a local time. Where they \
            showed it twice (clocks went back), the earlier; where they never did (clocks went \
            forward), null, as for text that is no time.",
        example: "local_instant('2024-07-01 12:00', 'Europe/London') -> 2024-07-01T11:00:00Z",
        evaluate: local_instant,
    },
    Declaration {
        name: "business_date",
        parameters: &[INSTANT, ZONE],
        optional: 0,
        returns: || DataType::Date32,
        is_strict: true,
        description: "The calendar day of an instant in a zone.",
        example: "business_date(ordered_at, $time_zone)",
        evaluate: business_date,
    },
    Declaration {
        name: "days_between",
        parameters: &[
            Parameter { name: "from", kind: Kind::Date, meaning: "The earlier day." },
            Parameter { name: "to", kind: Kind::Date, meaning: "The later day." },
        ],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Whole days from one day to another; negative where `to` is earlier.",
        example: "days_between(date '2024-02-28', date '2024-03-01') -> 2",
        evaluate: |arguments| {
            let (from, to) = (arguments.date(0)?, arguments.date(1)?);
            let days: Int64Array = (0..arguments.rows)
                .map(|row| Some(i64::from(to.get(row)?) - i64::from(from.get(row)?)))
                .collect();
            Ok(Arc::new(days))
        },
    },
    Declaration {
        name: "seconds_between",
        parameters: &[
            Parameter { name: "from", kind: Kind::Instant, meaning: "The earlier instant." },
            Parameter { name: "to", kind: Kind::Instant, meaning: "The later instant." },
        ],
        optional: 0,
        returns: || DataType::Int64,
        is_strict: true,
        description: "Whole seconds from one instant to another, rounded down; negative where \
            `to` is earlier.",
        example: "seconds_between(opened_at, first_replied_at)",
        evaluate: |arguments| {
            let (from, to) = (arguments.timestamp(0)?, arguments.timestamp(1)?);
            let seconds: Int64Array = (0..arguments.rows)
                .map(|row| Some(to.get(row)?.checked_sub(from.get(row)?)?.div_euclid(1_000_000)))
                .collect();
            Ok(Arc::new(seconds))
        },
    },
];

const ZONE: Parameter = Parameter {
    name: "zone",
    kind: Kind::Zone,
    meaning: "A time zone of the IANA database, such as Europe/London.",
};

const INSTANT: Parameter = Parameter {
    name: "instant",
    kind: Kind::Instant,
    meaning: "A timestamp; without a zone it is taken as UTC.",
};

/// The type of an instant wherever it is stored: microseconds, UTC.
fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The zone of a name; an error that names it where there is none.
pub(super) fn zone(name: &str) -> Result<Tz> {
    match Tz::from_str(name) {
        Ok(zone) => Ok(zone),
        Err(_) => plan_err!(
            "`{name}` is not a time zone, expected a name of the IANA database{}",
            crate::errors::did_you_mean(
                name,
                chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
            )
        ),
    }
}

/// The zone of each row; parsed once as long as it stays the same.
struct Zones<'a> {
    names: Column<'a, arrow::array::StringViewArray>,
    last: Option<(&'a str, Tz)>,
}

impl<'a> Zones<'a> {
    fn new(arguments: &'a Arguments, index: usize) -> Result<Self> {
        Ok(Zones { names: arguments.text(index)?, last: None })
    }

    fn get(&mut self, row: usize) -> Result<Option<Tz>> {
        let Some(name) = self.names.get(row) else {
            return Ok(None);
        };
        if let Some((last, zone)) = self.last
            && last == name
        {
            return Ok(Some(zone));
        }
        let zone = zone(name)?;
        self.last = Some((name, zone));
        Ok(Some(zone))
    }
}

fn local_instant(arguments: &Arguments) -> Result<ArrayRef> {
    let mut zones = Zones::new(arguments, 1)?;
    let mut instants = Vec::with_capacity(arguments.rows);
    if arguments.is_text(0) {
        let texts = arguments.text(0)?;
        for row in 0..arguments.rows {
            let zone = zones.get(row)?;
            instants.push(
                texts.get(row).zip(zone).and_then(|(text, zone)| instant_of_text(text, zone)),
            );
        }
    } else {
        let times = arguments.timestamp(0)?;
        for row in 0..arguments.rows {
            let zone = zones.get(row)?;
            let local = times.get(row).and_then(DateTime::from_timestamp_micros);
            instants
                .push(local.zip(zone).and_then(|(local, zone)| instant(local.naive_utc(), zone)));
        }
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC")))
}

/// The instant, in microseconds since 1970, at which the zone's clocks first showed `local`.
fn instant(local: NaiveDateTime, zone: Tz) -> Option<i64> {
    zone.from_local_datetime(&local).earliest().map(|instant| instant.timestamp_micros())
}

fn instant_of_text(text: &str, zone: Tz) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(instant) = DateTime::parse_from_str(text, format) {
            return Some(instant.timestamp_micros());
        }
    }
    let formats =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let local = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    instant(local, zone)
}

fn business_date(arguments: &Arguments) -> Result<ArrayRef> {
    let instants = arguments.timestamp(0)?;
    let mut zones = Zones::new(arguments, 1)?;
    let mut days = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let zone = zones.get(row)?;
        let instant = instants.get(row).and_then(DateTime::from_timestamp_micros);
        days.push(instant.zip(zone).map(|(instant, zone)| {
            let date = instant.with_timezone(&zone).date_naive();
            Day::new(date).to_epoch()
        }));
    }
    Ok(Arc::new(Date32Array::from(days)))
}
