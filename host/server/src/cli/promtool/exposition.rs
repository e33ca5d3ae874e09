//! The text format 0.0.4 into families, for the commands that look at a page of metrics. Not the parser of scrapes: that one lies in a
//! plugin, fills columns for the host, and takes what promtool, which reads with the library of Go clients, refuses (a second `TYPE` line)
//! because Prometheus's scrape takes it.

use std::collections::BTreeMap;

use cepmon_model::{LabelSet, METRIC_NAME, MetricKind, split_series_text};

/// Metrics of one name.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: MetricKind,
    /// The help text; `None` = there is no such line.
    pub(super) help: Option<String>,
    pub(super) samples: Vec<PageSample>,
}

/// One line of a page.
#[derive(Debug, Clone)]
pub(super) struct PageSample {
    /// With the name.
    pub(super) labels: LabelSet,
    pub(super) value: f64,
    pub(super) timestamp: Option<i64>,
}

/// Families by name. A histogram's and a summary's parts belong to it.
pub(super) type Page = BTreeMap<String, Family>;

/// Reads a page; the error names the line in the words of Prometheus's parser.
pub(super) fn parse_page(text: &str) -> Result<Page, String> {
    let mut page = Page::new();
    for (index, line) in text.lines().enumerate() {
        let problem = |problem: String| format!("text format parsing error in line {}: {problem}", index + 1);
        let line = line.trim_matches([' ', '\t']);
        if let Some(comment) = line.strip_prefix('#') {
            parse_comment(comment.trim_start_matches([' ', '\t']), &mut page).map_err(problem)?;
        } else if !line.is_empty() {
            let sample = parse_sample(line).map_err(problem)?;
            let family = family_of(sample.labels.metric_name(), &page);
            page.entry(family).or_default().samples.push(sample);
        }
    }
    page.retain(|_, family| !family.samples.is_empty());
    Ok(page)
}

fn parse_comment(comment: &str, page: &mut Page) -> Result<(), String> {
    let mut words = comment.splitn(3, [' ', '\t']);
    match (words.next(), words.next(), words.next()) {
        (Some("HELP"), Some(name), help) => {
            let family = page.entry(name.to_owned()).or_default();
            if family.help.is_some() {
                return Err(format!("second HELP line for metric name {name:?}"));
            }
            family.help = Some(help.unwrap_or_default().to_owned());
        }
        (Some("TYPE"), Some(name), Some(kind)) => {
            let kind = MetricKind::from_name(&kind.trim().to_lowercase()).ok_or_else(|| format!("unknown metric type {kind:?}"))?;
            let family = page.entry(name.to_owned()).or_default();
            if !family.samples.is_empty() || family.kind != MetricKind::Unknown {
                return Err(format!("second TYPE line for metric name {name:?}, or TYPE reported after samples"));
            }
            family.kind = kind;
        }
        _ => {}
    }
    Ok(())
}

fn parse_sample(line: &str) -> Result<PageSample, String> {
    let (labels, rest) = split_series_text(line).map_err(|error| error.to_string())?;
    let labels = labels.build();
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().unwrap_or_default();
    let value = value.parse().map_err(|_| format!("expected float as value, got {value:?}"))?;
    let timestamp = match words.next() {
        None => None,
        Some(word) => Some(word.parse().map_err(|_| format!("expected integer as timestamp, got {word:?}"))?),
    };
    match words.next() {
        Some(word) => Err(format!("spurious string after timestamp: {word:?}")),
        None => Ok(PageSample { labels, value, timestamp }),
    }
}

/// The family of a sample: of its own name, or the histogram or summary that it is a part of.
fn family_of(name: &str, page: &Page) -> String {
    let is = |base: &str, kinds: &[MetricKind]| page.get(base).is_some_and(|family| kinds.contains(&family.kind));
    let both = [MetricKind::Histogram, MetricKind::Summary];
    for (suffix, kinds) in [("_bucket", &both[..1]), ("_count", &both[..]), ("_sum", &both[..])] {
        if let Some(base) = name.strip_suffix(suffix).filter(|base| is(base, kinds)) {
            return base.to_owned();
        }
    }
    name.to_owned()
}

impl PageSample {
    /// Names of its labels, without the metric's name.
    pub(super) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|(name, _)| name).filter(|name| *name != METRIC_NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_histograms_belong_to_them() {
        let page = parse_page(
            "# HELP h Words.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\nx_count 3 1000\nz{a=\"} 1\"} 4\n",
        )
        .unwrap();
        let shape: Vec<(&str, usize)> = page.iter().map(|(name, family)| (name.as_str(), family.samples.len())).collect();
        assert_eq!(shape, [("h", 3), ("x_count", 1), ("z", 1)]);
        assert_eq!((page["h"].help.as_deref(), page["x_count"].samples[0].timestamp), (Some("Words."), Some(1000)));
    }

    #[test]
    fn mistakes_have_the_words_of_prometheus() {
        let f = |text: &str, want: &str| assert_eq!(parse_page(text).unwrap_err(), format!("text format parsing error in line {want}"));
        f("a 1\na b c", "2: expected float as value, got \"b\"");
        f("a 1 x", "1: expected integer as timestamp, got \"x\"");
        f("# TYPE a thing", "1: unknown metric type \"thing\"");
        f("a 1\n# TYPE a gauge\n", "2: second TYPE line for metric name \"a\", or TYPE reported after samples");
    }
}
