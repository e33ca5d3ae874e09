//! Durations as Prometheus writes them: `1h30m`, `15s`, `100ms`.

use std::fmt;
use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the duration \"{text}\": wanted numbers with units from large to small, as in 1h30m, 15s or 100ms")]
pub struct DurationError {
    text: String,
}

/// Units from large to small; Prometheus's year has 365 days.
const UNITS: [(&str, u64); 7] =
    [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration in Prometheus's notation (2.48, `model.ParseDuration`): each unit at most once, from large to small; `0` alone
/// is zero.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError { text: text.to_owned() };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut total_ms, mut next_unit) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let position = UNITS.iter().position(|(name, _)| *name == unit).filter(|position| *position >= next_unit).ok_or_else(error)?;
        let number: u64 = number.parse().map_err(|_| error())?;
        total_ms = number.checked_mul(UNITS[position].1).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(error)?;
        next_unit = position + 1;
        rest = tail;
    }
    // Prometheus counts nanoseconds in 63 bits.
    let is_in_range = !text.is_empty() && total_ms <= i64::MAX as u64 / 1_000_000;
    if is_in_range { Ok(Duration::from_millis(total_ms)) } else { Err(error()) }
}

/// Prints a duration as Prometheus does: `90s` is `1m30s`, `7d` is `1w` but `8d` stays, zero is `0s`; below a millisecond is cut off.
pub fn format_duration(duration: Duration) -> impl fmt::Display {
    let total_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    let mut rest = total_ms;
    for (unit, ms) in UNITS {
        // Years and weeks are printed only when nothing smaller is left over.
        let is_exact_only = matches!(unit, "y" | "w");
        if rest >= ms && (!is_exact_only || rest % ms == 0) {
            text.push_str(&format!("{}{unit}", rest / ms));
            rest %= ms;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_in_prometheus() {
        let f = |text: &str, ms: u64, printed: &str| {
            let duration = parse_duration(text).unwrap();
            assert_eq!((duration, format_duration(duration).to_string().as_str()), (Duration::from_millis(ms), printed), "{text}");
        };
        f("0", 0, "0s");
        f("0s", 0, "0s");
        f("324ms", 324, "324ms");
        f("15s", 15_000, "15s");
        f("90s", 90_000, "1m30s");
        f("1h30m", 5_400_000, "1h30m");
        f("4d", 345_600_000, "4d");
        f("4d1h", 349_200_000, "4d1h");
        f("14d", 1_209_600_000, "2w");
        f("1y", 31_536_000_000, "1y");
        f("3w2d1h", 1_990_800_000, "23d1h");
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        for text in ["", "1", "-1s", "1.5h", "1m1h", "1s1s", "d", "1h 30m", "99999999999y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
