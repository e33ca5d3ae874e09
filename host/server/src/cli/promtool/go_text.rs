//! Values as Go prints them, where promtool's output shows it.

use std::time::Duration;

use cepmon_model::LabelSet;

/// A `time.Duration`: `0s`, `1m0s`, `1h0m0.5s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let fraction = if duration.subsec_millis() == 0 {
        String::new()
    } else {
        format!(".{:03}", duration.subsec_millis()).trim_end_matches('0').to_owned()
    };
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) if seconds == 0 && !fraction.is_empty() => format!("{}ms", duration.subsec_millis()),
        (0, 0) => format!("{rest}{fraction}s"),
        (0, _) => format!("{minutes}m{rest}{fraction}s"),
        _ => format!("{hours}h{minutes}m{rest}{fraction}s"),
    }
}

/// A label set as `labels.Labels.String` gives it: `{__name__="up", job="node"}`, names in byte order.
pub(super) fn labels(labels: &LabelSet) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A label set as `model.Metric.String` gives it: `up{job="node"}`.
pub(super) fn metric(labels: &LabelSet) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(name, _)| *name != cepmon_model::METRIC_NAME)
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    match (labels.metric_name(), pairs.is_empty()) {
        ("", _) => format!("{{{}}}", pairs.join(", ")),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name}{{{}}}", pairs.join(", ")),
    }
}

/// `%q`: double quotes, Go's escapes, printable characters as they are.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\u{b}' => quoted.push_str("\\v"),
            control if control.is_control() && u32::from(control) < 0x80 => quoted.push_str(&format!("\\x{:02x}", u32::from(control))),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// `strconv.FormatFloat(value, 'E', -1, 64)`: `3.5E+02`.
pub(super) fn exponent(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}E{sign}{digits:0>2}")
}

/// `%g`: shortest digits, an exponent below -4 and from 6 on: `5.8527e-05`, `112827`, `4.39296e+07`.
pub(super) fn general(value: f64) -> String {
    let text = exponent(value);
    let Some((mantissa, digits)) = text.split_once('E') else { return text };
    match digits.parse::<i32>() {
        Ok(-4..=5) => format!("{value}"),
        _ => format!("{mantissa}e{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_floats_are_those_of_go() {
        let f = |ms: u64, want: &str| assert_eq!(duration(Duration::from_millis(ms)), want);
        f(0, "0s");
        f(250, "250ms");
        f(1_500, "1.5s");
        f(60_000, "1m0s");
        f(3_600_000, "1h0m0s");
        f(86_400_010, "24h0m0.01s");
        let f = |value: f64, want: &str| assert_eq!(exponent(value), want);
        f(0.0, "0E+00");
        f(350.0, "3.5E+02");
        f(-1e-9, "-1E-09");
        f(1e100, "1E+100");
        f(f64::NEG_INFINITY, "-Inf");
        let f = |value: f64, want: &str| assert_eq!(general(value), want);
        f(5.8527e-5, "5.8527e-05");
        f(112_827.0, "112827");
        f(43_929_600.0, "4.39296e+07");
        f(1e6, "1e+06");
        f(-0.5, "-0.5");
        f(0.0, "0");
    }

    #[test]
    fn labels_are_quoted_as_in_go() {
        let set = LabelSet::from_pairs([("__name__", "m"), ("a", "é\"\n\u{1}")]);
        assert_eq!(labels(&set), r#"{__name__="m", a="é\"\n\x01"}"#);
        assert_eq!(metric(&set), r#"m{a="é\"\n\x01"}"#);
        assert_eq!((labels(&LabelSet::default()), metric(&LabelSet::default())), ("{}".to_owned(), "{}".to_owned()));
    }
}
