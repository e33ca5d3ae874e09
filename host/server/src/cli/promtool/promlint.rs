//! What is unusual about metrics: the rules of Prometheus's promlint (client_golang 1.17), with its words.

use cepmon_model::MetricKind;

use super::exposition::{Family, Page};

/// A unit, and the one to use instead; the same for those that are fine.
const UNITS: [(&str, &str); 24] = [
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi", "giga", "gibi", "tera", "tebi",
    "peta", "pebi",
];

const ABBREVIATIONS: [&str; 14] = ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];

/// All problems as metric and text, sorted.
pub(super) fn lint(page: &Page) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    for (name, family) in page {
        problems.extend(lint_family(name, family).into_iter().map(|text| (name.clone(), text)));
    }
    problems.sort();
    problems
}

fn lint_family(name: &str, family: &Family) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    let mut say = |text: &str| problems.push(text.to_owned());
    let lower = name.to_lowercase();
    let has_word = |word: &str| lower.contains(&format!("_{word}_")) || lower.ends_with(&format!("_{word}"));
    let is = |kind: MetricKind| family.kind == kind;
    let is_untyped = is(MetricKind::Unknown);
    if family.help.is_none() {
        say("no help text");
    }
    if let Some((unit, base)) = unit_of(name).filter(|(unit, base)| unit != base) {
        say(&format!("use base unit \"{base}\" instead of \"{unit}\""));
    }
    match (is(MetricKind::Counter), name.ends_with("_total")) {
        (true, false) => say("counter metrics should have \"_total\" suffix"),
        (false, true) if !is_untyped => say("non-counter metrics should not have \"_total\" suffix"),
        _ => {}
    }
    let (is_histogram, is_summary) = (is(MetricKind::Histogram), is(MetricKind::Summary));
    if !is_untyped {
        if !is_histogram && name.ends_with("_bucket") {
            say("non-histogram metrics should not have \"_bucket\" suffix");
        }
        for suffix in ["_count", "_sum"] {
            if !is_histogram && !is_summary && name.ends_with(suffix) {
                say(&format!("non-histogram and non-summary metrics should not have \"{suffix}\" suffix"));
            }
        }
        for label in family.samples.iter().flat_map(|sample| sample.label_names()) {
            if label == "le" && !is_histogram {
                say("non-histogram metrics should not have \"le\" label");
            }
            if label == "quantile" && !is_summary {
                say("non-summary metrics should not have \"quantile\" label");
            }
        }
    }
    for kind in ["counter", "gauge", "summary", "histogram", "gauge_histogram"] {
        if has_word(kind) {
            say(&format!("metric name should not include type '{kind}'"));
        }
    }
    if name.contains(':') {
        say("metric names should not contain ':'");
    }
    if is_camel_case(name) {
        say("metric names should be written in 'snake_case' not 'camelCase'");
    }
    for label in family.samples.iter().flat_map(|sample| sample.label_names()) {
        if is_camel_case(label) {
            say("label names should be written in 'snake_case' not 'camelCase'");
        }
    }
    if ABBREVIATIONS.iter().any(|abbreviation| has_word(abbreviation)) {
        say("metric names should not contain abbreviated units");
    }
    problems
}

/// The first unit that is a word of the name, and its base unit.
fn unit_of(name: &str) -> Option<(String, &'static str)> {
    name.split('_').find_map(|word| {
        let bare = |unit: &str| word.strip_suffix(unit).is_some_and(|prefix| prefix.is_empty() || PREFIXES.contains(&prefix));
        UNITS.iter().find(|(unit, _)| bare(unit)).map(|(_, base)| (word.to_owned(), *base))
    })
}

fn is_camel_case(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}
