//! Days and instants out of text. Instants without a zone are read in a given one: the earlier of
//! two where clocks were set back, none where they were set forward.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;

use chrono::format::{Fixed, Item, Parsed, StrftimeItems, parse as parse_items};
use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::faults::Code;

const MICROS: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// One way to write a day or an instant.
#[derive(Debug, Clone)]
pub struct MomentFormat {
    text: String,
    kind: Kind,
    /// What stands before the fraction of a number, where that is no point.
    decimal_mark: Option<char>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Seconds since 1970-01-01 UTC, perhaps with a fraction.
    EpochSeconds,
    /// Milliseconds since 1970-01-01 UTC.
    EpochMillis,
    /// Microseconds since 1970-01-01 UTC.
    EpochMicros,
    /// Nanoseconds since 1970-01-01 UTC.
    EpochNanos,
    /// Days as spreadsheets count them, with the time of day as a fraction.
    ExcelSerial,
    /// A chrono format; numbers and separators alone have a short way, `fields`.
    Chrono { items: Vec<Item<'static>>, fields: Option<Vec<Field>> },
}

/// A part of a format that needs no names and no zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Literal(u8),
}

/// The formats that are numbers.
const NAMED: [(&str, Kind); 5] = [
    ("epoch_seconds", Kind::EpochSeconds),
    ("epoch_millis", Kind::EpochMillis),
    ("epoch_micros", Kind::EpochMicros),
    ("epoch_nanos", Kind::EpochNanos),
    ("excel_serial", Kind::ExcelSerial),
];

impl MomentFormat {
    /// Reads a format: chrono's, or one of the named ones. Errors: what is wrong, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let named = NAMED.into_iter().find(|(name, _)| *name == text);
        let kind = match named {
            Some((_, kind)) => kind,
            None => {
                if !text.contains('%') {
                    let known = NAMED.map(|(name, _)| name);
                    let hint = crate::errors::did_you_mean(text, known);
                    return Err(format!(
                        "`{text}` is no date format{hint} (expected such as `%d.%m.%Y %H:%M`, or \
                         one of: {})",
                        known.join(", ")
                    ));
                }
                let items = StrftimeItems::new(text)
                    .parse_to_owned()
                    .map_err(|_| format!("`{text}` is not a date format of chrono's"))?;
                check_items(text, &items)?;
                let fields = fields(text);
                Kind::Chrono { items, fields }
            }
        };
        Ok(MomentFormat { text: text.to_string(), kind, decimal_mark: None })
    }

    /// The same format, in which `mark` stands before the fraction of a number.
    pub(super) fn with_decimal_mark(self, mark: Option<char>) -> Self {
        MomentFormat { decimal_mark: mark, ..self }
    }

    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        !matches!(self.kind, Kind::Chrono { .. })
    }

    /// `text`, a number, with a point before its fraction.
    fn pointed<'a>(&self, text: &'a [u8]) -> Result<Cow<'a, [u8]>, Code> {
        let Some(mark) = self.decimal_mark else { return Ok(Cow::Borrowed(text)) };
        let text = std::str::from_utf8(text).map_err(|_| Code::NotATimestamp)?;
        if text.contains('.') {
            return Err(Code::NotATimestamp);
        }
        Ok(Cow::Owned(text.replacen(mark, ".", 1).into_bytes()))
    }

    /// Refuses a format that begins to tell a time of day and can never tell it: of a timestamp it
    /// would read no value at all. Errors: what is wrong, for people.
    pub(super) fn check_time_of_day(&self) -> Result<(), String> {
        let Kind::Chrono { items, .. } = &self.kind else { return Ok(()) };
        let Some(parsed) = sample_read_back(items) else { return Ok(()) };
        if !has_time(&parsed) || parsed.to_datetime().is_ok() || parsed.to_naive_time().is_ok() {
            return Ok(());
        }
        let missing = if parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_some() {
            "`%I` is one of two hours: it needs `%p` (AM or PM)"
        } else {
            "expected hours and minutes, such as `%H:%M`"
        };
        Err(format!("`{}` does not tell the time of day: {missing}", self.text))
    }

    /// A text that this format and `other` read as different moments; none where there is hardly
    /// one.
    ///
    /// Day, month and year of the text that is tried could each be any of the three.
    pub(super) fn contradiction(&self, other: &MomentFormat) -> Option<String> {
        let (Kind::Chrono { items, .. }, Kind::Chrono { .. }) = (&self.kind, &other.kind) else {
            // Numbers tell by their size what they count.
            return None;
        };
        let moment = DateTime::from_timestamp(1_049_522_828, 0)?.fixed_offset();
        let mut text = String::new();
        write!(text, "{}", moment.format_with_items(items.iter())).ok()?;
        let clock = Clock::new(Tz::UTC);
        let read = |format: &MomentFormat| {
            let instant = clock.formatted(text.as_bytes(), format);
            let day = date(text.as_bytes(), std::slice::from_ref(format));
            (instant.ok(), day.ok())
        };
        let (ours, theirs) = (read(self), read(other));
        let differs = |one: Option<i64>, other: Option<i64>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let is_contradicted =
            differs(ours.0, theirs.0) || differs(ours.1.map(i64::from), theirs.1.map(i64::from));
        is_contradicted.then_some(text)
    }

    /// The format as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Refuses a format that can never give a day, or gives the wrong instant.
fn check_items(text: &str, items: &[Item<'static>]) -> Result<(), String> {
    if items.iter().any(|item| matches!(item, Item::Fixed(Fixed::TimezoneName))) {
        return Err(format!(
            "`{text}` has `%Z`, and names such as CET do not tell a zone: write the name as it \
             stands, and declare `time_zone`"
        ));
    }
    let tells_day = |parsed: Parsed| parsed.to_naive_date().is_ok() || parsed.to_datetime().is_ok();
    if sample_read_back(items).is_some_and(tells_day) {
        return Ok(());
    }
    Err(format!("`{text}` does not tell a day: expected year, month and day, such as `%d.%m.%Y`"))
}

/// What a format reads of a moment that it wrote itself; none where it cannot read it.
fn sample_read_back(items: &[Item<'static>]) -> Option<Parsed> {
    let moment = DateTime::UNIX_EPOCH.fixed_offset();
    let mut written = String::new();
    write!(written, "{}", moment.format_with_items(items.iter())).ok()?;
    let mut parsed = Parsed::new();
    parse_items(&mut parsed, &written, items.iter()).ok()?;
    Some(parsed)
}

/// Whether anything of a time of day was read.
fn has_time(parsed: &Parsed) -> bool {
    parsed.hour_div_12().is_some() || parsed.hour_mod_12().is_some() || parsed.minute().is_some()
}

fn fields(text: &str) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        fields.push(match byte {
            b'%' => match bytes.next()? {
                b'Y' => Field::Year,
                b'm' => Field::Month,
                b'd' => Field::Day,
                b'H' => Field::Hour,
                b'M' => Field::Minute,
                b'S' => Field::Second,
                _ => return None,
            },
            // White space in a format matches any, which the short way does not.
            byte if byte.is_ascii_punctuation() || byte == b'T' => Field::Literal(byte),
            b' ' => Field::Literal(b' '),
            _ => return None,
        });
    }
    let has = |field| fields.contains(&field);
    (has(Field::Year) && has(Field::Month) && has(Field::Day)).then_some(fields)
}

/// Reads instants, with the zone of those that name none.
pub(super) struct Clock {
    zone: Tz,
    /// Offsets of quarters of an hour in which the zone's clock is not set, by local time: most
    /// rows of an export lie close together, and a look-up in the zone costs more than all else.
    offsets: RefCell<Vec<Option<(i64, i64)>>>,
}

const SLOT_SECONDS: i64 = 900;
const SLOTS: usize = 256;

impl Clock {
    pub(super) fn new(zone: Tz) -> Self {
        Clock { zone, offsets: RefCell::new(vec![None; SLOTS]) }
    }

    /// The instant, in microseconds since 1970-01-01 UTC.
    ///
    /// `formats` are tried in order; none means ISO 8601, with a zone or without. The first and
    /// the last hours of the years 1 to 9999 of some zones are no instants: in UTC they lie beyond.
    pub(super) fn timestamp(&self, text: &[u8], formats: &[MomentFormat]) -> Result<i64, Code> {
        if formats.is_empty() {
            let moment = iso(text).ok_or(Code::NotATimestamp)?;
            return micros_in_range(match moment.offset_seconds {
                Some(offset) => moment.local_micros() - offset * MICROS,
                None => self.to_utc(moment.local_micros())?,
            });
        }
        let mut fault = Code::NotATimestamp;
        for format in formats {
            match self.formatted(text, format).and_then(micros_in_range) {
                Ok(micros) => return Ok(micros),
                // A time that the zone skipped was read, and no other format makes it exist.
                Err(Code::NonexistentLocalTime) => fault = Code::NonexistentLocalTime,
                Err(_) => {}
            }
        }
        Err(fault)
    }

    fn formatted(&self, text: &[u8], format: &MomentFormat) -> Result<i64, Code> {
        match &format.kind {
            Kind::EpochSeconds => scaled(&format.pointed(text)?, 6),
            Kind::EpochMillis => scaled(&format.pointed(text)?, 3),
            Kind::EpochMicros => scaled(&format.pointed(text)?, 0),
            Kind::EpochNanos => scaled(&format.pointed(text)?, -3),
            Kind::ExcelSerial => self.to_utc(excel_micros(&format.pointed(text)?)?),
            Kind::Chrono { items, fields } => {
                if let Some(fields) = fields
                    && let Some((days, seconds)) = by_fields(text, fields)
                {
                    return self.to_utc((days * DAY_SECONDS + seconds) * MICROS);
                }
                let text = std::str::from_utf8(text).map_err(|_| Code::NotATimestamp)?;
                let mut parsed = Parsed::new();
                parse_items(&mut parsed, text, items.iter()).map_err(|_| Code::NotATimestamp)?;
                if is_short_year(&parsed, text) {
                    return Err(Code::NotATimestamp);
                }
                if let Ok(instant) = parsed.to_datetime() {
                    return Ok(instant.timestamp_micros());
                }
                let local = match parsed.to_naive_datetime_with_offset(0) {
                    Ok(local) => local,
                    // A format without a time of day means its start.
                    Err(_) => {
                        let date = parsed.to_naive_date().map_err(|_| Code::NotATimestamp)?;
                        if has_time(&parsed) {
                            return Err(Code::NotATimestamp);
                        }
                        date.and_time(NaiveTime::MIN)
                    }
                };
                self.to_utc(micros_in_range(local.and_utc().timestamp_micros())?)
            }
        }
    }

    /// The instant at which the zone's clock shows `local`, in microseconds as if it were UTC.
    pub(super) fn to_utc(&self, local: i64) -> Result<i64, Code> {
        if self.zone == Tz::UTC {
            return Ok(local);
        }
        let local_seconds = local.div_euclid(MICROS);
        let slot = local_seconds.div_euclid(SLOT_SECONDS);
        let place = usize::try_from(slot.rem_euclid(SLOTS as i64)).unwrap_or(0);
        if let Some((known, offset)) = self.offsets.borrow()[place]
            && known == slot
        {
            return Ok(local - offset * MICROS);
        }
        let first = self.offset(slot * SLOT_SECONDS);
        let last = self.offset(slot * SLOT_SECONDS + SLOT_SECONDS - 1);
        if let (MappedLocalTime::Single(first), MappedLocalTime::Single(last)) = (first, last)
            && first == last
        {
            self.offsets.borrow_mut()[place] = Some((slot, first));
            return Ok(local - first * MICROS);
        }
        match self.offset(local_seconds) {
            MappedLocalTime::Single(offset) => Ok(local - offset * MICROS),
            // The earlier instant is the one with the larger offset.
            MappedLocalTime::Ambiguous(one, other) => Ok(local - one.max(other) * MICROS),
            MappedLocalTime::None => Err(Code::NonexistentLocalTime),
        }
    }

    fn offset(&self, local_seconds: i64) -> MappedLocalTime<i64> {
        let Some(local) = DateTime::from_timestamp(local_seconds, 0) else {
            return MappedLocalTime::None;
        };
        self.zone
            .offset_from_local_datetime(&local.naive_utc())
            .map(|offset| i64::from(offset.fix().local_minus_utc()))
    }
}

/// The day, in days since 1970-01-01. `formats` as in [`Clock::timestamp`].
pub(super) fn date(text: &[u8], formats: &[MomentFormat]) -> Result<i32, Code> {
    if formats.is_empty() {
        if text.len() == 10 {
            let days = iso_day(text).and_then(|days| i32::try_from(days).ok());
            return days.ok_or(Code::NotADate);
        }
        // Databases export days as midnights.
        let moment = iso(text).ok_or(Code::NotADate)?;
        let is_midnight = moment.seconds == 0 && moment.micros == 0;
        return match moment.offset_seconds {
            None if is_midnight => i32::try_from(moment.days).map_err(|_| Code::NotADate),
            _ => Err(Code::NotADate),
        };
    }
    for format in formats {
        let of_number = |micros: Result<i64, Code>| {
            micros.ok().map(|micros| micros.div_euclid(MICROS * DAY_SECONDS))
        };
        let number = || format.pointed(text);
        let days = match &format.kind {
            Kind::EpochSeconds => of_number(number().and_then(|text| scaled(&text, 6))),
            Kind::EpochMillis => of_number(number().and_then(|text| scaled(&text, 3))),
            Kind::EpochMicros => of_number(number().and_then(|text| scaled(&text, 0))),
            Kind::EpochNanos => of_number(number().and_then(|text| scaled(&text, -3))),
            // With a time of day it is an instant, and no more a day than one of ISO 8601 is.
            Kind::ExcelSerial => {
                of_number(number().and_then(|text| excel_micros(&text)).and_then(|micros| {
                    match micros.rem_euclid(MICROS * DAY_SECONDS) {
                        0 => Ok(micros),
                        _ => Err(Code::NotADate),
                    }
                }))
            }
            Kind::Chrono { items, fields } => match fields {
                Some(fields) if by_fields(text, fields).is_some() => {
                    by_fields(text, fields).map(|(days, _)| days)
                }
                _ => chrono_day(text, items),
            },
        };
        if let Some(days) = days.and_then(|days| i32::try_from(days).ok()) {
            return Ok(days);
        }
    }
    Err(Code::NotADate)
}

fn chrono_day(text: &[u8], items: &[Item<'static>]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parsed = Parsed::new();
    parse_items(&mut parsed, text, items.iter()).ok()?;
    if is_short_year(&parsed, text) {
        return None;
    }
    let date = parsed.to_naive_date().ok()?;
    in_range(date).then(|| i64::from(crate::dates::Day::new(date).to_epoch()))
}

/// Whether a year was read by `%Y` from fewer than four digits: `31.12.24` is no day of the year 24.
fn is_short_year(parsed: &Parsed, text: &str) -> bool {
    let is_short = |year: &i32| *year < 1000 && !text.contains(&format!("{year:04}"));
    parsed.year().as_ref().is_some_and(is_short)
}

/// Years that every reader of Parquet can show.
fn in_range(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1..=9999).contains(&date.year())
}

/// 0001-01-01T00:00:00Z and the last microsecond of 9999, in microseconds since 1970-01-01.
const FIRST_MICROS: i64 = FIRST_DAY * DAY_SECONDS * MICROS;
const LAST_MICROS: i64 = (LAST_DAY + 1) * DAY_SECONDS * MICROS - 1;

/// 0001-01-01 and 9999-12-31, in days since 1970-01-01.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

/// Whether a day, in days since 1970-01-01, lies in the years 1 to 9999.
pub(super) fn is_day_in_range(days: i64) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(&days)
}

/// Whether an instant, in microseconds since 1970-01-01 UTC, lies in the years 1 to 9999.
pub(super) fn is_in_range(micros: i64) -> bool {
    (FIRST_MICROS..=LAST_MICROS).contains(&micros)
}

fn micros_in_range(micros: i64) -> Result<i64, Code> {
    if is_in_range(micros) { Ok(micros) } else { Err(Code::NotATimestamp) }
}

/// A number of units of which each is 10^`places` microseconds, in microseconds.
///
/// What is less than a microsecond is cut off, as clocks write more than they know: the result is
/// the microsecond that the instant lies in, before 1970 as after.
fn scaled(text: &[u8], places: i8) -> Result<i64, Code> {
    let number = |text: &[u8], digits: u8| {
        super::numbers::decimal(text, 38, digits).map_err(|_| Code::NotATimestamp)
    };
    let (value, digits) = if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        // As programs write floats: `1.7095104e12`. None of them has more than 17 digits.
        const DIGITS: u8 = 18;
        (number(text, DIGITS)?, DIGITS)
    } else {
        let digits = u8::try_from(places).unwrap_or(0);
        let end = match text.iter().position(|byte| *byte == b'.') {
            Some(point) => text.len().min(point + 1 + usize::from(digits)),
            None => text.len(),
        };
        let (kept, cut) = text.split_at(end);
        if !cut.iter().all(u8::is_ascii_digit) {
            return Err(Code::NotATimestamp);
        }
        let lies_below = text.starts_with(b"-") && cut.iter().any(|digit| *digit != b'0');
        (number(kept, digits)? - i128::from(lies_below), digits)
    };
    // `value` counts by 10^-digits of a unit.
    let shift = u32::try_from(i16::from(digits) - i16::from(places)).unwrap_or(0);
    let micros = value.div_euclid(10i128.pow(shift));
    micros_in_range(i64::try_from(micros).map_err(|_| Code::NotATimestamp)?)
}

/// A spreadsheet's serial number, as local microseconds.
///
/// 1 is 1900-01-01. Excel counts 1900 as a leap year, as Lotus 1-2-3 did: 60 is its 29 February,
/// a day that never was, and no instant here; from 61, 1900-03-01, the count is right for days
/// since 1899-12-30.
///
/// Source: Microsoft, "Excel incorrectly assumes that the year 1900 is a leap year".
fn excel_micros(text: &[u8]) -> Result<i64, Code> {
    /// Days between 1899-12-30 and 1970-01-01.
    const EPOCH: i64 = 25_569;
    const DAY_MILLIS: i64 = DAY_SECONDS * 1000;
    let serial = super::numbers::double(text).map_err(|_| Code::NotATimestamp)?;
    // A serial has about a millisecond's worth of digits: rounding to it hides the float's tail.
    #[allow(clippy::cast_possible_truncation)] // a float beyond the limits becomes the greatest
    let millis = (serial * 86_400_000.0).round() as i64;
    let skipped = match millis.div_euclid(DAY_MILLIS) {
        1..=59 => 1,
        61..=2_958_465 => 0,
        _ => return Err(Code::NotATimestamp),
    };
    Ok((millis + (skipped - EPOCH) * DAY_MILLIS) * 1000)
}

/// A moment as it was written: days since 1970-01-01, seconds of the day, and perhaps an offset.
struct Moment {
    days: i64,
    seconds: i64,
    micros: i64,
    offset_seconds: Option<i64>,
}

impl Moment {
    fn local_micros(&self) -> i64 {
        (self.days * DAY_SECONDS + self.seconds) * MICROS + self.micros
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// The days since 1970-01-01 of `YYYY-MM-DD` at the start of `text`.
fn iso_day(text: &[u8]) -> Option<i64> {
    let text = text.get(..10)?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    days(digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?)
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar, years 1 to 9999.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = LENGTHS[usize::try_from(month - 1).ok()?] + i64::from(month == 2 && is_leap);
    if day > length {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// ISO 8601 as databases and programs write it: a day; a day and a time with `T` or a space, with
/// or without seconds, a fraction, a zone.
fn iso(text: &[u8]) -> Option<Moment> {
    let days = iso_day(text)?;
    let mut moment = Moment { days, seconds: 0, micros: 0, offset_seconds: None };
    let rest = text.get(10..)?;
    let Some((separator, time)) = rest.split_first() else { return Some(moment) };
    if !matches!(separator, b'T' | b't' | b' ') || time.len() < 5 || time[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&time[..2])?, digits(&time[3..5])?);
    let mut rest = &time[5..];
    let mut second = 0;
    if let [b':', tens, ones, after @ ..] = rest {
        second = digits(&[*tens, *ones])?;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            // Digits after the microseconds are cut off: no column holds them.
            let kept = length.min(6);
            moment.micros = digits(&after[..kept])? * 10i64.pow(u32::try_from(6 - kept).ok()?);
            rest = &after[length..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    moment.seconds = hour * 3600 + minute * 60 + second;
    if let [b' ', after @ ..] = rest {
        rest = after;
        if rest.is_empty() {
            return None;
        }
    }
    moment.offset_seconds = match rest {
        [] => None,
        b"Z" | b"z" | b"UTC" | b"GMT" => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let (hours, minutes) = match offset {
                [_, _] => (digits(offset)?, 0),
                [_, _, _, _] => (digits(&offset[..2])?, digits(&offset[2..])?),
                [_, _, b':', _, _] => (digits(&offset[..2])?, digits(&offset[3..])?),
                _ => return None,
            };
            if hours > 18 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    Some(moment)
}

/// Days and seconds of a text in a format of numbers and separators.
fn by_fields(text: &[u8], fields: &[Field]) -> Option<(i64, i64)> {
    let mut rest = text;
    let (mut year, mut month, mut day) = (0, 0, 0);
    let (mut hour, mut minute, mut second) = (0, 0, 0);
    for field in fields {
        let mut number = |most: usize, least: usize| {
            let length = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
            let (number, after) = rest.split_at(length);
            rest = after;
            (length >= least).then(|| digits(number)).flatten()
        };
        match field {
            Field::Year => year = number(4, 4)?,
            Field::Month => month = number(2, 1)?,
            Field::Day => day = number(2, 1)?,
            Field::Hour => hour = number(2, 1)?,
            Field::Minute => minute = number(2, 1)?,
            Field::Second => second = number(2, 1)?,
            Field::Literal(byte) => {
                let (first, after) = rest.split_first()?;
                if first != byte {
                    return None;
                }
                rest = after;
            }
        }
    }
    if !rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((days(year, month, day)?, hour * 3600 + minute * 60 + second))
}

/// Microseconds since 1970-01-01 of a local date and time, for tests and Parquet.
#[cfg(test)]
fn micros(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
        .unwrap()
        .and_utc()
        .timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_must_tell_a_day() {
        for right in
            ["%d.%m.%Y", "%-d-%b-%y", "%G-W%V-%u", "%Y-%j", "%s", "%D", "%c", "%+", "%B %d, %Y"]
        {
            assert!(MomentFormat::parse(right).is_ok(), "{right}");
        }
        for wrong in ["%H:%M", "%Y-%m", "%b %Y", "%d.%m."] {
            assert!(MomentFormat::parse(wrong).unwrap_err().contains("tell a day"), "{wrong}");
        }
        assert!(MomentFormat::parse("%Y-%m-%d %Z").unwrap_err().contains("time_zone"));
    }

    #[test]
    fn formats_contradict_each_other_where_a_text_is_two_moments() {
        let format = |text: &str| MomentFormat::parse(text).unwrap();
        for (one, other) in [
            ("%d/%m/%Y", "%m/%d/%Y"),
            ("%d.%m.%y", "%y.%m.%d"),
            ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
            ("%H:%M %d/%m/%Y", "%M:%H %d/%m/%Y"),
        ] {
            assert!(format(one).contradiction(&format(other)).is_some(), "{one} {other}");
            assert!(format(other).contradiction(&format(one)).is_some(), "{other} {one}");
        }
        for (one, other) in [
            ("%d/%m/%Y", "%d.%m.%Y"),
            ("%d/%m/%Y", "%d/%m/%Y %H:%M"),
            ("%d/%m/%Y", "%d/%m/%y"),
            ("%Y-%m-%d %H:%M", "%Y-%m-%d %I:%M %p"),
            ("%d-%b-%y", "%d-%m-%y"),
            ("%Y%m%d", "excel_serial"),
            ("epoch_seconds", "epoch_millis"),
        ] {
            assert_eq!(format(one).contradiction(&format(other)), None, "{one} {other}");
            assert_eq!(format(other).contradiction(&format(one)), None, "{other} {one}");
        }
    }

    #[test]
    fn a_format_of_instants_must_tell_all_of_a_time_or_none() {
        let check = |text: &str| MomentFormat::parse(text).unwrap().check_time_of_day();
        for right in ["%d.%m.%Y", "%F %T", "%D %I:%M %p", "%F %H:%M", "%s", "%+", "%c", "%F %R"] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, fragment) in
            [("%D %I:%M", "%p"), ("%F %H", "%H:%M"), ("%F %p", "%H:%M"), ("%F :%M", "%H:%M")]
        {
            assert!(check(wrong).unwrap_err().contains(fragment), "{wrong}: {:?}", check(wrong));
        }
    }
    use proptest::prelude::*;

    fn formats(texts: &[&str]) -> Vec<MomentFormat> {
        texts.iter().map(|text| MomentFormat::parse(text).unwrap()).collect()
    }

    #[test]
    fn iso_instants() {
        let clock = Clock::new(Tz::UTC);
        for (text, expected) in [
            ("2010-12-01", "2010-12-01 00:00:00"),
            ("2010-12-01 08:26", "2010-12-01 08:26:00"),
            ("2010-12-01 08:26:05", "2010-12-01 08:26:05"),
            ("2010-12-01T08:26:05Z", "2010-12-01 08:26:05"),
            ("2010-12-01T08:26:05.123456789Z", "2010-12-01 08:26:05.123456"),
            ("2010-12-01T08:26:05.5+01:00", "2010-12-01 07:26:05.5"),
            ("2010-12-01T08:26:05-0530", "2010-12-01 13:56:05"),
            ("2010-12-01 08:26:05 UTC", "2010-12-01 08:26:05"),
            ("2010-12-01 08:26:05+02", "2010-12-01 06:26:05"),
        ] {
            assert_eq!(clock.timestamp(text.as_bytes(), &[]), Ok(micros(expected)), "{text}");
        }
        for text in [
            "",
            "2010-13-01",
            "2010-02-29 00:00",
            "2010-12-01 24:00",
            "2010-12-01 8:26",
            "2010-12-01X08:26",
            "2010-12-01 08:26:05.",
            "2010-12-01 08:26:05 ",
            "0000-01-01",
            "2010-12-01T08:26:05+1",
            "2010-12-01 08:26 CET",
            "10-12-01",
        ] {
            assert_eq!(clock.timestamp(text.as_bytes(), &[]), Err(Code::NotATimestamp), "{text}");
        }
    }

    #[test]
    fn clocks_that_are_set() {
        let london = Clock::new(Tz::Europe__London);
        let at = |text: &str| london.timestamp(text.as_bytes(), &[]);
        assert_eq!(at("2024-07-01 12:00"), Ok(micros("2024-07-01 11:00:00")));
        assert_eq!(at("2024-01-01 12:00"), Ok(micros("2024-01-01 12:00:00")));
        assert_eq!(at("2024-03-31 00:59:59"), Ok(micros("2024-03-31 00:59:59")));
        assert_eq!(at("2024-03-31 01:30"), Err(Code::NonexistentLocalTime));
        assert_eq!(at("2024-03-31 02:00"), Ok(micros("2024-03-31 01:00:00")));
        assert_eq!(at("2024-10-27 01:30"), Ok(micros("2024-10-27 00:30:00")));
        assert_eq!(at("2024-10-27 02:00"), Ok(micros("2024-10-27 02:00:00")));
    }

    #[test]
    fn instants_lie_in_the_years_1_to_9999_of_utc() {
        let at = |zone: Tz, text: &str, format: Option<&str>| {
            let formats = formats(format.as_slice());
            Clock::new(zone).timestamp(text.as_bytes(), &formats).map_err(|_| ())
        };
        let (first, last) = ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999");
        assert_eq!(at(Tz::UTC, first, None), Ok(FIRST_MICROS));
        assert_eq!(at(Tz::UTC, last, None), Ok(LAST_MICROS));
        // East of Greenwich the first hours are still the year before, west the last the year after.
        assert_eq!(at(Tz::Europe__Berlin, first, None), Err(()));
        assert_eq!(at(Tz::Europe__Berlin, last, None), Ok(LAST_MICROS - 3600 * MICROS));
        assert_eq!(at(Tz::America__New_York, last, None), Err(()));
        assert_eq!(at(Tz::UTC, "0001-01-01T00:00+00:01", None), Err(()));
        assert_eq!(at(Tz::UTC, "9999-12-31T23:59-00:01", None), Err(()));
        assert_eq!(at(Tz::Europe__Berlin, "01.01.0001 00:00", Some("%d.%m.%Y %H:%M")), Err(()));
        assert!(at(Tz::America__New_York, "31-Dec-9999", Some("%d-%b-%Y")).is_ok());
        assert_eq!(at(Tz::UTC, "-62135596801", Some("epoch_seconds")), Err(()));
        assert_eq!(at(Tz::UTC, "-62135596800", Some("epoch_seconds")), Ok(FIRST_MICROS));
        assert_eq!(at(Tz::UTC, "253402300800000", Some("epoch_millis")), Err(()));
    }

    #[test]
    fn days_and_formats() {
        let day = |text: &str| crate::dates::Day::to_epoch(text.parse().unwrap());
        assert_eq!(date(b"2024-02-29", &[]), Ok(day("2024-02-29")));
        assert_eq!(date(b"2024-02-29 00:00:00", &[]), Ok(day("2024-02-29")));
        assert_eq!(date(b"2024-02-29 00:00:01", &[]), Err(Code::NotADate));
        assert_eq!(date(b"2023-02-29", &[]), Err(Code::NotADate));
        assert_eq!(date(b"29/02/2024", &formats(&["%d/%m/%Y"])), Ok(day("2024-02-29")));
        assert_eq!(date(b"9/2/2024", &formats(&["%d/%m/%Y"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"20240209", &formats(&["%Y%m%d"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"9 Feb 2024", &formats(&["%d %b %Y"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"9/2/24", &formats(&["%d/%m/%y"])), Ok(day("2024-02-09")));
        // What the documentation says of two digits, of epochs and of names.
        assert_eq!(date(b"1/1/69", &formats(&["%d/%m/%y"])), Ok(day("2069-01-01")));
        assert_eq!(date(b"1/1/70", &formats(&["%d/%m/%y"])), Ok(day("1970-01-01")));
        assert_eq!(date(b"1709251199", &formats(&["epoch_seconds"])), Ok(day("2024-02-29")));
        assert_eq!(date(b"9 FEB 2024", &formats(&["%d %b %Y"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"31-Dez-24", &formats(&["%d-%b-%y"])), Err(Code::NotADate));
        assert_eq!(date(b"45331", &formats(&["excel_serial"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"2024-02-09", &formats(&["%d/%m/%Y", "%Y-%m-%d"])), Ok(day("2024-02-09")));
        assert_eq!(date(b"31/02/2024", &formats(&["%d/%m/%Y"])), Err(Code::NotADate));
    }

    #[test]
    fn formatted_instants() {
        let clock = Clock::new(Tz::Europe__London);
        let at = |text: &str, format: &str| clock.timestamp(text.as_bytes(), &formats(&[format]));
        let expected = Ok(micros("2024-07-01 11:05:00"));
        assert_eq!(at("01-07-2024 12:05", "%d-%m-%Y %H:%M"), expected);
        assert_eq!(at("7/1/2024 12:05 PM", "%m/%d/%Y %I:%M %p"), expected);
        assert_eq!(at("Mon, 1 Jul 2024 11:05:00 +0000", "%a, %d %b %Y %H:%M:%S %z"), expected);
        assert_eq!(at("1719831900", "epoch_seconds"), expected);
        assert_eq!(at("1719831900.000000999", "epoch_seconds"), expected);
        assert_eq!(at("1719831900000", "epoch_millis"), expected);
        assert_eq!(at("1.7198319e12", "epoch_millis"), expected);
        assert_eq!(at("1.7198319E+9", "epoch_seconds"), expected);
        assert_eq!(at("17198319000.00000e-1", "epoch_seconds"), expected);
        assert_eq!(at("1.7198319e", "epoch_seconds"), Err(Code::NotATimestamp));
        assert_eq!(at("45474.503472222222", "excel_serial"), expected);
        assert_eq!(at("01-07-2024", "%d-%m-%Y"), Ok(micros("2024-06-30 23:00:00")));
        assert_eq!(at("nonsense", "epoch_seconds"), Err(Code::NotATimestamp));
        assert_eq!(at("1e300", "epoch_seconds"), Err(Code::NotATimestamp));
        assert_eq!(at("31-03-2024 01:30", "%d-%m-%Y %H:%M"), Err(Code::NonexistentLocalTime));
    }

    #[test]
    fn serials_count_as_excel_does() {
        let serial = formats(&["excel_serial"]);
        let day = |text: &str| crate::dates::Day::to_epoch(text.parse().unwrap());
        // What Excel shows for each of them.
        for (text, expected) in [
            ("1", "1900-01-01"),
            ("59", "1900-02-28"),
            ("61", "1900-03-01"),
            ("25569", "1970-01-01"),
            ("36526.0", "2000-01-01"),
            ("2958465", "9999-12-31"),
        ] {
            assert_eq!(date(text.as_bytes(), &serial), Ok(day(expected)), "{text}");
        }
        // 29 February 1900 never was; with a time of day it is no day.
        for text in ["0", "-1", "60", "2958466", "45000.75", "1e300"] {
            assert_eq!(date(text.as_bytes(), &serial), Err(Code::NotADate), "{text}");
        }
        let clock = Clock::new(Tz::UTC);
        let at = |text: &str| clock.timestamp(text.as_bytes(), &serial);
        assert_eq!(at("1.25"), Ok(micros("1900-01-01 06:00:00")));
        assert_eq!(at("59.5"), Ok(micros("1900-02-28 12:00:00")));
        assert_eq!(at("61.5"), Ok(micros("1900-03-01 12:00:00")));
        assert_eq!(at("2958465.5"), Ok(micros("9999-12-31 12:00:00")));
        for text in ["0.5", "60", "60.75", "2958466"] {
            assert_eq!(at(text), Err(Code::NotATimestamp), "{text}");
        }
    }

    #[test]
    fn epochs_of_every_unit_are_the_microsecond_they_lie_in() {
        let clock = Clock::new(Tz::Europe__London);
        let at = |text: &str, format: &str| clock.timestamp(text.as_bytes(), &formats(&[format]));
        let expected = Ok(micros("2024-03-04 00:00:00.123456"));
        assert_eq!(at("1709510400.123456", "epoch_seconds"), expected);
        assert_eq!(at("1709510400123.456", "epoch_millis"), expected);
        assert_eq!(at("1709510400123456", "epoch_micros"), expected);
        assert_eq!(at("1709510400123456.9", "epoch_micros"), expected);
        assert_eq!(at("1.709510400123456e15", "epoch_micros"), expected);
        assert_eq!(at("1709510400123456789", "epoch_nanos"), expected);
        assert_eq!(at("1709510400123456789.5", "epoch_nanos"), expected);
        assert_eq!(at("1.709510400123456e18", "epoch_nanos"), expected);
        assert_eq!(at("253402300799999999999", "epoch_nanos"), Ok(LAST_MICROS));
        assert_eq!(at("253402300800000000000", "epoch_nanos"), Err(Code::NotATimestamp));
        // Before 1970 the microsecond before.
        let before = Ok(micros("1969-12-31 23:59:59.999999"));
        assert_eq!(at("-1", "epoch_nanos"), before);
        assert_eq!(at("-1000", "epoch_nanos"), before);
        assert_eq!(at("-1001", "epoch_nanos"), Ok(micros("1969-12-31 23:59:59.999998")));
        assert_eq!(at("-0.5", "epoch_micros"), before);
        assert_eq!(at("-0.0001", "epoch_millis"), before);
        assert_eq!(at("-0.0000010", "epoch_seconds"), before);
        assert_eq!(at("-1e-9", "epoch_seconds"), before);
        assert_eq!(
            date(b"1709510400123456789", &formats(&["epoch_nanos"])),
            date(b"2024-03-04", &[])
        );
        for text in ["", "-", "1x", "1.5.5"] {
            assert_eq!(at(text, "epoch_nanos"), Err(Code::NotATimestamp), "{text}");
        }
    }

    #[test]
    fn numbers_may_have_another_mark_before_their_fraction() {
        let with_comma =
            |format: &str| vec![MomentFormat::parse(format).unwrap().with_decimal_mark(Some(','))];
        let clock = Clock::new(Tz::Europe__London);
        let at = |text: &str, format: &str| clock.timestamp(text.as_bytes(), &with_comma(format));
        let expected = Ok(micros("2024-07-01 11:05:00"));
        assert_eq!(at("45474,503472222222", "excel_serial"), expected);
        assert_eq!(at("1719831900,0", "epoch_seconds"), expected);
        assert_eq!(at("1719831900000", "epoch_millis"), expected);
        for wrong in ["45474.503472222222", "45.474,5", "45474,5,0", ",", "45474,5 "] {
            assert_eq!(at(wrong, "excel_serial"), Err(Code::NotATimestamp), "{wrong}");
        }
        assert_eq!(at("Mon, 1 Jul 2024 12:05", "%a, %d %b %Y %H:%M"), expected);
        assert_eq!(date(b"45331,0", &with_comma("excel_serial")), date(b"2024-02-09", &[]));
        assert_eq!(date(b"45.331", &with_comma("excel_serial")), Err(Code::NotADate));
    }

    proptest! {
        #[test]
        fn days_agree_with_chrono(number in -719_162i64..2_932_896) {
            let date = DateTime::from_timestamp(number * DAY_SECONDS, 0).unwrap().date_naive();
            prop_assert_eq!(date_of(&date), Some(number));
        }

        #[test]
        fn local_times_agree_with_chrono(seconds in 0i64..2_000_000_000) {
            let clock = Clock::new(Tz::America__New_York);
            let local = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            let expected = Tz::America__New_York.from_local_datetime(&local).earliest();
            let expected = expected.map(|at| at.timestamp_micros()).ok_or(Code::NonexistentLocalTime);
            prop_assert_eq!(clock.to_utc(seconds * MICROS), expected);
            // And once more, from the memory of the first time.
            let expected = Tz::America__New_York.from_local_datetime(&local).earliest();
            let expected = expected.map(|at| at.timestamp_micros()).ok_or(Code::NonexistentLocalTime);
            prop_assert_eq!(clock.to_utc(seconds * MICROS), expected);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let clock = Clock::new(Tz::Europe__London);
            let _ = clock.timestamp(&bytes, &[]);
            let all = formats(&["%d/%m/%Y", "epoch_seconds", "epoch_nanos", "excel_serial", "%d %b %y %H"]);
            let _ = clock.timestamp(&bytes, &all);
            let _ = date(&bytes, &[]);
            let _ = date(&bytes, &all);
        }
    }

    fn date_of(date: &NaiveDate) -> Option<i64> {
        iso_day(date.format("%Y-%m-%d").to_string().as_bytes())
    }
}
