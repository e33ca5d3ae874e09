//! Times in templates: Go's layouts and the methods of `time.Time` that people use.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::Value;

/// A moment in a time zone. Go's zero time, 0001-01-01, stands for "never".
#[derive(Debug, Clone, PartialEq)]
pub struct Time(Zoned);

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Seconds of the last day that the calendar library knows; later times are cut there.
const MAX_SECONDS: i64 = 253_402_207_200;

impl Time {
    /// A moment in UTC, from Unix milliseconds.
    pub fn from_unix_ms(milliseconds: i64) -> Self {
        Self::from_unix(milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000) as i32 * 1_000_000)
    }

    /// Go's zero time.
    pub fn zero() -> Self {
        Self::from_unix(-62_135_596_800, 0)
    }

    pub(crate) fn from_unix(seconds: i64, nanoseconds: i32) -> Self {
        let timestamp = Timestamp::new(seconds.clamp(-62_135_596_800, MAX_SECONDS), nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        Self(timestamp.to_zoned(TimeZone::UTC))
    }

    /// RFC 3339 with as many digits of the second as needed.
    pub fn rfc3339(&self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    pub(crate) fn parse_rfc3339(text: &str) -> Option<Self> {
        let timestamp: Timestamp = text.parse().ok()?;
        Some(Self(timestamp.to_zoned(TimeZone::UTC)))
    }

    /// The same moment elsewhere.
    pub(crate) fn in_zone(&self, name: &str) -> Result<Self, String> {
        let zone = match name {
            "" | "UTC" => TimeZone::UTC,
            "Local" => TimeZone::system(),
            name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
        };
        Ok(Self(self.0.with_time_zone(zone)))
    }

    pub(crate) fn unix_nanoseconds(&self) -> i128 {
        self.0.timestamp().as_nanosecond()
    }

    /// The text of a Go layout such as `2006-01-02 15:04`.
    pub(crate) fn format(&self, layout: &str) -> String {
        let mut text = String::new();
        let mut rest = layout;
        'next: while let Some(first) = rest.chars().next() {
            for (pattern, part) in PARTS {
                if let Some(after) = rest.strip_prefix(pattern) {
                    self.write_part(*part, &mut text);
                    rest = after;
                    continue 'next;
                }
            }
            if (first == '.' || first == ',')
                && let Some(after) = self.write_fraction(rest, &mut text)
            {
                rest = after;
                continue;
            }
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
        text
    }

    fn write_part(&self, part: Part, text: &mut String) {
        let time = &self.0;
        let hour12 = match time.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let month = MONTHS[usize::from(time.month().unsigned_abs()).clamp(1, 12) - 1];
        let weekday = WEEKDAYS[usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs()) % 7];
        let offset = time.offset().seconds();
        let zone = |colon: &str, has_seconds: bool| {
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
            let tail = if has_seconds { format!("{colon}{seconds:02}") } else { String::new() };
            format!("{sign}{hours:02}{colon}{minutes:02}{tail}")
        };
        let piece = match part {
            Part::LongMonth => month.to_owned(),
            Part::Month => month[..3].to_owned(),
            Part::LongWeekday => weekday.to_owned(),
            Part::Weekday => weekday[..3].to_owned(),
            Part::Year => format!("{:04}", time.year()),
            Part::ShortYear => format!("{:02}", time.year().rem_euclid(100)),
            Part::ZeroMonth => format!("{:02}", time.month()),
            Part::NumericMonth => time.month().to_string(),
            Part::ZeroDay => format!("{:02}", time.day()),
            Part::BlankDay => format!("{:2}", time.day()),
            Part::Day => time.day().to_string(),
            Part::YearDay => format!("{:03}", time.day_of_year()),
            Part::Hour24 => format!("{:02}", time.hour()),
            Part::ZeroHour12 => format!("{hour12:02}"),
            Part::Hour12 => hour12.to_string(),
            Part::ZeroMinute => format!("{:02}", time.minute()),
            Part::Minute => time.minute().to_string(),
            Part::ZeroSecond => format!("{:02}", time.second()),
            Part::Second => time.second().to_string(),
            Part::UpperHalf => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            Part::LowerHalf => if time.hour() < 12 { "am" } else { "pm" }.to_owned(),
            Part::Zone => time.strftime("%Z").to_string(),
            Part::IsoZone if offset == 0 => "Z".to_owned(),
            Part::IsoZone | Part::ColonOffset => zone(":", false),
            Part::Offset => zone("", false),
        };
        text.push_str(&piece);
    }

    /// `.000` and `.999`: fractions of the second with a fixed number of digits, or as many as needed.
    fn write_fraction<'a>(&self, rest: &'a str, text: &mut String) -> Option<&'a str> {
        let digit = rest.chars().nth(1).filter(|digit| matches!(digit, '0' | '9'))?;
        let count = rest[1..].chars().take_while(|c| *c == digit).count();
        let is_followed_by_digit = rest[1 + count..].starts_with(|c: char| c.is_ascii_digit());
        if count > 9 || is_followed_by_digit {
            return None;
        }
        let digits = format!("{:09}", self.0.subsec_nanosecond());
        let digits = if digit == '0' { &digits[..count] } else { digits[..count].trim_end_matches('0') };
        if !digits.is_empty() {
            text.push_str(&rest[..1]);
            text.push_str(digits);
        }
        Some(&rest[1 + count..])
    }

    pub(crate) fn method(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let int = |value: i64| Ok(Value::Int(value));
        match (name, arguments) {
            ("Format", [layout]) => Ok(Value::from(self.format(layout.as_str().ok_or("Format wants a layout")?))),
            ("String", []) => Ok(Value::from(self.to_string())),
            ("Unix", []) => int(self.0.timestamp().as_second()),
            ("UnixMilli", []) => int(self.0.timestamp().as_millisecond()),
            ("UTC", []) => Ok(Value::Time(self.in_zone("UTC")?)),
            ("Local", []) => Ok(Value::Time(self.in_zone("Local")?)),
            ("IsZero", []) => Ok(Value::Bool(*self == Self::zero())),
            ("Year", []) => int(i64::from(self.0.year())),
            ("Month", []) => Ok(Value::from(self.format("January"))),
            ("Day", []) => int(i64::from(self.0.day())),
            ("Hour", []) => int(i64::from(self.0.hour())),
            ("Minute", []) => int(i64::from(self.0.minute())),
            ("Second", []) => int(i64::from(self.0.second())),
            ("Weekday", []) => Ok(Value::from(self.format("Monday"))),
            ("Before", [Value::Time(other)]) => Ok(Value::Bool(self.unix_nanoseconds() < other.unix_nanoseconds())),
            ("After", [Value::Time(other)]) => Ok(Value::Bool(self.unix_nanoseconds() > other.unix_nanoseconds())),
            _ => Err(format!("a time has no method {name} with {} arguments", arguments.len())),
        }
    }
}

/// As Go's `Time.String` without the monotonic reading.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

#[derive(Clone, Copy)]
enum Part {
    LongMonth,
    Month,
    LongWeekday,
    Weekday,
    Year,
    ShortYear,
    ZeroMonth,
    NumericMonth,
    ZeroDay,
    BlankDay,
    Day,
    YearDay,
    Hour24,
    ZeroHour12,
    Hour12,
    ZeroMinute,
    Minute,
    ZeroSecond,
    Second,
    UpperHalf,
    LowerHalf,
    Zone,
    IsoZone,
    ColonOffset,
    Offset,
}

/// Go's layout words, longer ones before their beginnings.
const PARTS: &[(&str, Part)] = &[
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::Zone),
    ("2006", Part::Year),
    ("Z07:00", Part::IsoZone),
    ("-07:00", Part::ColonOffset),
    ("-0700", Part::Offset),
    ("002", Part::YearDay),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::ShortYear),
    ("_2", Part::BlankDay),
    ("15", Part::Hour24),
    ("PM", Part::UpperHalf),
    ("pm", Part::LowerHalf),
    ("1", Part::NumericMonth),
    ("2", Part::Day),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
];
