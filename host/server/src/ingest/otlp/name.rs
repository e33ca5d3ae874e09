//! Names of OpenTelemetry as Prometheus writes them: letters, digits and underscores, with the unit and the type as suffixes
//! (`storage/remote/otlptranslator`, 2.48).

/// Units of the UCUM code and their words.
const UNITS: [(&str, &str); 34] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
    ("$", "dollars"),
    ("KB", "kilobytes"),
    ("MB", "megabytes"),
    ("GB", "gigabytes"),
    ("TB", "terabytes"),
    ("KiB", "kibibytes"),
    ("MiB", "mebibytes"),
    ("GiB", "gibibytes"),
];

/// Units after a slash.
const PER_UNITS: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// What a metric's type adds to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// `_total`, of a sum that only goes up.
    Total,
    /// `_ratio`, of a gauge whose unit is 1.
    Ratio,
    /// Nothing.
    None,
}

/// The name of a metric.
pub(super) fn metric_name(name: &str, unit: &str, suffix: Suffix) -> String {
    let mut tokens: Vec<String> = tokens(name);
    let (main, per) = unit.split_once('/').map_or((unit, None), |(main, per)| (main, Some(per)));
    if let Some(word) = unit_word(main, &UNITS).filter(|word| !tokens.contains(word)) {
        tokens.push(word);
    }
    if let Some(word) = per.and_then(|per| unit_word(per, &PER_UNITS)).filter(|word| !tokens.contains(word)) {
        tokens.extend(["per".to_owned(), word]);
    }
    let word = match suffix {
        Suffix::Total => "total",
        Suffix::Ratio => "ratio",
        Suffix::None => "",
    };
    if !word.is_empty() {
        tokens.retain(|token| token != word);
        tokens.push(word.to_owned());
    }
    let joined = tokens.join("_");
    if joined.starts_with(|first: char| first.is_ascii_digit()) { format!("_{joined}") } else { joined }
}

/// The name of a label.
pub(super) fn label_name(key: &str) -> String {
    let name: String = key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    match () {
        () if name.starts_with(|first: char| first.is_ascii_digit()) => format!("key_{name}"),
        () if name.starts_with('_') && !name.starts_with("__") => format!("key{name}"),
        () => name,
    }
}

fn tokens(name: &str) -> Vec<String> {
    name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':')
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect()
}

/// None for no unit and for an annotation such as `{requests}`.
fn unit_word(unit: &str, known: &[(&str, &str)]) -> Option<String> {
    let unit = unit.trim();
    if unit.is_empty() || unit.contains(['{', '}']) {
        return None;
    }
    let word = known.iter().find(|(code, _)| *code == unit).map_or_else(|| tokens(unit).join("_"), |(_, word)| (*word).to_owned());
    Some(word).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_carry_their_unit_and_type() {
        let f = |name: &str, unit: &str, suffix: Suffix, want: &str| assert_eq!(metric_name(name, unit, suffix), want);
        f("http.server.duration", "ms", Suffix::None, "http_server_duration_milliseconds");
        f("http.server.requests", "{requests}", Suffix::Total, "http_server_requests_total");
        f("system.cpu.time", "s", Suffix::Total, "system_cpu_time_seconds_total");
        f("requests.total", "1", Suffix::Total, "requests_total");
        f("memory.usage", "By", Suffix::None, "memory_usage_bytes");
        f("memory.usage_bytes", "By", Suffix::None, "memory_usage_bytes");
        f("system.cpu.utilization", "1", Suffix::Ratio, "system_cpu_utilization_ratio");
        f("disk.speed", "m/s", Suffix::None, "disk_speed_meters_per_second");
        f("3.hits", "", Suffix::None, "_3_hits");
        f("a:b c", "foo bar", Suffix::None, "a:b_c_foo_bar");
    }

    #[test]
    fn labels_are_classic_names() {
        let f = |key: &str, want: &str| assert_eq!(label_name(key), want);
        f("http.method", "http_method");
        f("3xx", "key_3xx");
        f("_private", "key_private");
        f("__schema__", "__schema__");
    }
}
