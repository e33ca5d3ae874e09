//! Times: `now`, `toTime`, `humanizeTimestamp`, `date`, `tz`, `since`, `toDate`.

use crate::function::number::float;
use crate::{Environment, Time, Value};

/// Prometheus's `now`: Unix seconds.
pub(super) fn now(environment: &dyn Environment) -> Value {
    Value::Float(environment.now_ms() as f64 / 1000.0)
}

pub(super) fn to_time(value: &Value) -> Result<Value, String> {
    if let Value::Time(time) = value {
        return Ok(Value::Time(time.clone()));
    }
    let seconds = float(value)?;
    if !seconds.is_finite() {
        return Err(format!("{seconds} is not a time"));
    }
    // Prometheus keeps milliseconds of a float timestamp.
    let milliseconds = (seconds * 1000.0).round();
    Ok(Value::Time(Time::from_unix_ms(milliseconds as i64)))
}

pub(super) fn humanize_timestamp(value: &Value) -> Result<Value, String> {
    let seconds = float(value)?;
    if !seconds.is_finite() {
        return Ok(Value::from(crate::number::format_g(seconds, Some(4))));
    }
    to_time(value).map(|time| Value::from(time.to_string()))
}

pub(super) fn date(layout: &str, time: &Value) -> Result<Value, String> {
    Ok(Value::from(as_time(time)?.format(layout)))
}

pub(super) fn in_zone(zone: &str, time: &Value) -> Result<Value, String> {
    as_time(time)?.in_zone(zone).map(Value::Time)
}

/// Time passed, as Go prints durations; cut to whole milliseconds.
pub(super) fn since(environment: &dyn Environment, time: &Value) -> Result<Value, String> {
    let passed_ns = i128::from(environment.now_ms()) * 1_000_000 - as_time(time)?.unix_nanoseconds();
    let milliseconds = i64::try_from(passed_ns / 1_000_000).unwrap_or(i64::MAX);
    let (sign, total) = (if milliseconds < 0 { "-" } else { "" }, milliseconds.unsigned_abs());
    let (hours, minutes) = (total / 3_600_000, total / 60_000 % 60);
    let seconds = (total % 60_000) as f64 / 1000.0;
    Ok(Value::from(match (hours, minutes) {
        (0, 0) if total < 1000 && total > 0 => format!("{sign}{total}ms"),
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }))
}

/// Reads a date of a Go layout. Only numeric parts are read: years, months, days, hours, minutes and seconds.
pub(super) fn parse(layout: &str, text: &str) -> Result<Value, String> {
    let error = |rest: &str, part: &str| format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{rest}\" as \"{part}\"");
    let parts = [("2006", 4), ("01", 2), ("02", 2), ("15", 2), ("04", 2), ("05", 2)];
    let mut values = [0_i64, 1, 1, 0, 0, 0];
    let (mut layout_rest, mut rest) = (layout, text);
    'next: while let Some(first) = layout_rest.chars().next() {
        for (index, (part, digits)) in parts.iter().enumerate() {
            if let Some(after) = layout_rest.strip_prefix(part) {
                let number = rest.get(..*digits).and_then(|digits| digits.parse().ok());
                values[index] = number.ok_or_else(|| error(rest, part))?;
                rest = &rest[*digits..];
                layout_rest = after;
                continue 'next;
            }
        }
        rest = rest.strip_prefix(first).ok_or_else(|| error(rest, layout_rest))?;
        layout_rest = &layout_rest[first.len_utf8()..];
    }
    if !rest.is_empty() {
        return Err(format!("parsing time \"{text}\": extra text: \"{rest}\""));
    }
    let [year, month, day, hour, minute, second] = values;
    let stamp = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    Time::parse_rfc3339(&stamp).map(Value::Time).ok_or_else(|| format!("parsing time \"{text}\": out of range"))
}

/// A time, or a text of RFC 3339.
fn as_time(value: &Value) -> Result<Time, String> {
    match value {
        Value::Time(time) => Ok(time.clone()),
        other => {
            let time = other.as_str().and_then(Time::parse_rfc3339);
            time.ok_or_else(|| format!("wanted a time, got {}", other.kind()))
        }
    }
}
