//! Durations as Prometheus, Alertmanager and PromQL spell them: `1h30m`, `15s`, `250ms`. It does not know Go's `1.5h`.

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the duration \"{text}\": {problem}")]
pub struct DurationError {
    text: String,
    problem: &'static str,
}

/// Units in the order in which they may follow each other. A day is 24 h, a year 365 d, as in Prometheus.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Milliseconds of a duration such as `1h30m` or `0`: each unit once, larger ones first (`model.ParseDuration` of
/// prometheus/common).
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let error = |problem| DurationError { text: text.to_owned(), problem };
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_i64;
    if rest.is_empty() {
        return Err(error("it is empty; write for example 30s or 1h30m"));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| error("a unit is missing; write for example 30s"))?;
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let unit = &rest[digits..digits + letters];
        let number: i64 = rest[..digits].parse().map_err(|_| error("want a number and a unit of y, w, d, h, m, s, ms"))?;
        let Some((_, factor)) = units.find(|(name, _)| *name == unit) else {
            return Err(error("want units of y, w, d, h, m, s, ms, each once and larger ones first"));
        };
        total = number.checked_mul(*factor).and_then(|part| total.checked_add(part)).ok_or_else(|| error("it is too long"))?;
        rest = &rest[digits + letters..];
    }
    // Go's time.Duration counts nanoseconds in an i64; Prometheus refuses what does not fit.
    if total > i64::MAX / 1_000_000 { Err(error("it is too long")) } else { Ok(total) }
}

/// The shortest exact spelling, as Prometheus prints it: weeks and years only where nothing is left over.
pub fn format_duration(milliseconds: i64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut rest = milliseconds.unsigned_abs();
    let mut text = String::from(if milliseconds < 0 { "-" } else { "" });
    for (unit, factor) in UNITS {
        let factor = factor.unsigned_abs();
        let must_divide = matches!(unit, "y" | "w");
        if rest < factor || (must_divide && !rest.is_multiple_of(factor)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", rest / factor));
        rest %= factor;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_in_prometheus() {
        let f = |text: &str, milliseconds: i64, printed: &str| {
            assert_eq!(parse_duration(text), Ok(milliseconds));
            assert_eq!(format_duration(milliseconds), printed);
        };
        f("0", 0, "0s");
        f("324ms", 324, "324ms");
        f("5m", 300_000, "5m");
        f("1h30m", 5_400_000, "1h30m");
        f("3d", 259_200_000, "3d");
        f("7d", 604_800_000, "1w");
        f("1w1d", 691_200_000, "8d");
        f("1y", 31_536_000_000, "1y");
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "1", "1x", "1m1h", "1m1m", "-5m", "1.5h", "m", "5 m", "999999999y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
