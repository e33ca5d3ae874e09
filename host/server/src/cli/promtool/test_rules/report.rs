//! What was expected beside what came, as promtool prints it, or as a difference in colours.

use std::cmp::Ordering;

use cepmon_model::{LabelSet, SampleValue};
use cepmon_query::notation::print_histogram;

use crate::cli::promtool::go_text;

/// A firing alert.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShownAlert {
    pub(super) labels: LabelSet,
    pub(super) annotations: LabelSet,
}

/// An element of a vector.
#[derive(Debug, Clone)]
pub(super) struct ShownSample {
    pub(super) labels: LabelSet,
    pub(super) value: SampleValue,
}

/// Two lines, `exp` and `got`, if the alerts are not the same.
pub(super) fn alerts_differ(mut expected: Vec<ShownAlert>, mut got: Vec<ShownAlert>, shows_diff: bool) -> Option<String> {
    let by_labels = |left: &ShownAlert, right: &ShownAlert| {
        compare(&left.labels, &right.labels).then_with(|| compare(&left.annotations, &right.annotations))
    };
    expected.sort_by(by_labels);
    got.sort_by(by_labels);
    if expected == got {
        return None;
    }
    let (expected, got) = (alerts_text(&expected), alerts_text(&got));
    if shows_diff {
        return Some(format!("        diff: {}", difference(&expected, &got)));
    }
    let indent = |text: &str| text.replace('\n', "\n            ");
    Some(format!("        exp:{}, \n        got:{}", indent(&expected), indent(&got)))
}

/// Two lines, `exp` and `got`, if the samples are not the same; with `is_fuzzy` a value may be the next float.
pub(super) fn samples_differ(
    mut expected: Vec<ShownSample>,
    mut got: Vec<ShownSample>,
    is_fuzzy: bool,
    shows_diff: bool,
) -> Option<String> {
    let by_labels = |left: &ShownSample, right: &ShownSample| compare(&left.labels, &right.labels);
    expected.sort_by(by_labels);
    got.sort_by(by_labels);
    let is_same_value = |left: f64, right: f64| {
        let is_next = is_fuzzy && (left.next_up() == right || left.next_down() == right);
        left == right || (left.is_nan() && right.is_nan()) || is_next
    };
    let is_same = |(left, right): (&ShownSample, &ShownSample)| {
        left.labels == right.labels
            && match (&left.value, &right.value) {
                (SampleValue::Float(left), SampleValue::Float(right)) => is_same_value(*left, *right),
                (SampleValue::Histogram(left), SampleValue::Histogram(right)) => print_histogram(left) == print_histogram(right),
                _ => false,
            }
    };
    if expected.len() == got.len() && expected.iter().zip(&got).all(is_same) {
        return None;
    }
    if shows_diff {
        let lines = |samples: &[ShownSample]| samples.iter().map(sample_text).collect::<Vec<_>>().join("\n");
        return Some(format!("        diff: {}", difference(&lines(&expected), &lines(&got))));
    }
    Some(format!("        exp: {}\n        got: {}", samples_text(&expected), samples_text(&got)))
}

/// `labels.Compare`: label by label in the order of names.
fn compare(left: &LabelSet, right: &LabelSet) -> Ordering {
    left.iter().cmp(right.iter())
}

fn alerts_text(alerts: &[ShownAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let one = |(index, alert): (usize, &ShownAlert)| {
        format!("{index}:\n  Labels:{}\n  Annotations:{}", go_text::labels(&alert.labels), go_text::labels(&alert.annotations))
    };
    format!("[\n{}\n]", alerts.iter().enumerate().map(one).collect::<Vec<_>>().join(",\n"))
}

fn sample_text(sample: &ShownSample) -> String {
    let value = match &sample.value {
        SampleValue::Float(value) => go_text::exponent(*value),
        SampleValue::Histogram(histogram) => print_histogram(histogram),
    };
    format!("{} {value}", go_text::labels(&sample.labels))
}

fn samples_text(samples: &[ShownSample]) -> String {
    if samples.is_empty() { "nil".to_owned() } else { samples.iter().map(sample_text).collect::<Vec<_>>().join(", ") }
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// Lines that only one side has, red for what is missing and green for what is too much. Both sides are sorted alike and short.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let mut text = String::new();
    let mut rest = got.iter().peekable();
    for line in &expected {
        if let Some(place) = rest.clone().position(|other| other == line) {
            rest.by_ref().take(place).for_each(|line| text.push_str(&format!("\n          {GREEN}+ {line}{PLAIN}")));
            rest.next();
            text.push_str(&format!("\n            {line}"));
        } else {
            text.push_str(&format!("\n          {RED}- {line}{PLAIN}"));
        }
    }
    rest.for_each(|line| text.push_str(&format!("\n          {GREEN}+ {line}{PLAIN}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, value: f64) -> ShownSample {
        ShownSample { labels: LabelSet::from_pairs([("__name__", name)]), value: SampleValue::Float(value) }
    }

    #[test]
    fn samples_are_compared_without_their_order() {
        let differ =
            |expected: &[ShownSample], got: &[ShownSample], is_fuzzy| samples_differ(expected.to_vec(), got.to_vec(), is_fuzzy, false);
        assert_eq!(differ(&[sample("a", 1.0), sample("b", f64::NAN)], &[sample("b", f64::NAN), sample("a", 1.0)], false), None);
        assert_eq!(differ(&[sample("a", 3.0)], &[sample("a", 3.0_f64.next_up())], true), None);
        assert!(differ(&[sample("a", 3.0)], &[sample("a", 3.0_f64.next_up())], false).is_some());
        assert!(differ(&[sample("a", 3.0)], &[sample("a", 3.0_f64.next_up().next_up())], true).is_some());
        let text = differ(&[sample("a", 1.5)], &[], false).unwrap();
        assert_eq!(text, "        exp: {__name__=\"a\"} 1.5E+00\n        got: nil");
    }

    #[test]
    fn differences_are_marked_line_by_line() {
        let text = difference("a\nb\nc", "a\nx\nc\nd").replace(RED, "").replace(GREEN, "").replace(PLAIN, "");
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), "a - b + x c + d");
    }
}
