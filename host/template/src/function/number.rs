//! Numbers for people: `humanize`, `humanize1024`, `humanizeDuration`, `humanizePercentage`, `parseDuration` (Prometheus 2.48).

use crate::Value;
use crate::number::{format_f, format_g};

/// A number from a number or a text of one.
pub(super) fn float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        other => match other.as_str() {
            Some(text) => text.parse().map_err(|_| format!("cannot read \"{text}\" as a number")),
            None => Err(format!("cannot convert a value of kind {} to a number", other.kind())),
        },
    }
}

/// Four digits and a decimal prefix: 1234567 is 1.235M.
pub(super) fn humanize(value: &Value) -> Result<Value, String> {
    let number = float(value)?;
    if number == 0.0 || !number.is_finite() {
        return Ok(Value::from(format_g(number, Some(4))));
    }
    let is_large = number.abs() >= 1.0;
    let prefixes = if is_large { ["k", "M", "G", "T", "P", "E", "Z", "Y"] } else { ["m", "u", "n", "p", "f", "a", "z", "y"] };
    let mut scaled = number;
    let mut prefix = "";
    for next in prefixes {
        if if is_large { scaled.abs() < 1000.0 } else { scaled.abs() >= 1.0 } {
            break;
        }
        prefix = next;
        scaled = if is_large { scaled / 1000.0 } else { scaled * 1000.0 };
    }
    Ok(Value::from(format!("{}{prefix}", format_g(scaled, Some(4)))))
}

/// Four digits and a binary prefix: 1048576 is 1Mi.
pub(super) fn humanize_1024(value: &Value) -> Result<Value, String> {
    let number = float(value)?;
    if number.abs() <= 1.0 || !number.is_finite() {
        return Ok(Value::from(format_g(number, Some(4))));
    }
    let mut scaled = number;
    let mut prefix = "";
    for next in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if scaled.abs() < 1024.0 {
            break;
        }
        prefix = next;
        scaled /= 1024.0;
    }
    Ok(Value::from(format!("{}{prefix}", format_g(scaled, Some(4)))))
}

/// Seconds as `1d 2h 3m 4s`, below a minute with four digits.
pub(super) fn humanize_duration(value: &Value) -> Result<Value, String> {
    let number = float(value)?;
    if !number.is_finite() {
        return Ok(Value::from(format_g(number, Some(4))));
    }
    if number == 0.0 {
        return Ok(Value::from("0s"));
    }
    if number.abs() >= 1.0 {
        let total = number.abs() as i64;
        let (seconds, minutes, hours, days) = (total % 60, total / 60 % 60, total / 3600 % 24, total / 86_400);
        let sign = if number < 0.0 { "-" } else { "" };
        let text = match (days, hours, minutes) {
            (0, 0, 0) => format!("{sign}{}s", format_g(number.abs(), Some(4))),
            (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
            (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
            _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
        };
        return Ok(Value::from(text));
    }
    let mut scaled = number;
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if scaled.abs() >= 1.0 {
            break;
        }
        prefix = next;
        scaled *= 1000.0;
    }
    Ok(Value::from(format!("{}{prefix}s", format_g(scaled, Some(4)))))
}

/// A ratio as per cent with four digits.
pub(super) fn humanize_percentage(value: &Value) -> Result<Value, String> {
    Ok(Value::from(format!("{}%", format_g(float(value)? * 100.0, Some(4)))))
}

/// Seconds of a duration such as `1h30m`, which may be negative.
pub(super) fn parse_duration(text: &str) -> Result<Value, String> {
    const UNITS: [(&str, f64); 7] =
        [("y", 365.0 * 86_400.0), ("w", 7.0 * 86_400.0), ("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
    let error = || format!("not a valid duration string: \"{text}\"");
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let sign = if rest.len() < text.len() { -1.0 } else { 1.0 };
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = 0.0;
    let mut units = UNITS.iter();
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let number: f64 = rest[..digits].parse().map_err(|_| error())?;
        let (_, seconds) = units.find(|(unit, _)| *unit == &rest[digits..digits + letters]).ok_or_else(error)?;
        total += number * seconds;
        rest = &rest[digits + letters..];
    }
    // Milliseconds are the smallest unit: rounding to them takes the error of the sum away.
    let rounded: f64 = format_f(sign * total, 3).parse().unwrap_or(0.0);
    Ok(Value::Float(rounded))
}
