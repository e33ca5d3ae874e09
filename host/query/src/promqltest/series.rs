//! The lines of a `load`: series with their values, and the native histograms that `load_with_nhcb` makes of classic ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use cepmon_model::{ClassicHistogram, LabelSet, METRIC_NAME, is_stale};

use crate::SampleValue;
use crate::notation::{LoadedValue, expand_values, split_series};

/// A series and its values.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) labels: LabelSet,
    pub(super) step: i64,
    pub(super) values: Vec<LoadedValue>,
}

impl Loaded {
    pub(super) fn parse(line: &str, step: i64) -> Result<Self, String> {
        let (labels, values) = split_series(line)?;
        Ok(Self { labels, step, values: expand_values(values)? })
    }
}

/// The native histograms of all classic ones among some series.
pub(super) fn converted(lines: &[Loaded]) -> Vec<Loaded> {
    let mut by_labels: BTreeMap<LabelSet, Vec<ClassicHistogram>> = BTreeMap::new();
    let mut stale: BTreeMap<(LabelSet, usize), f64> = BTreeMap::new();
    let step = lines.first().map_or(1, |line| line.step);
    for line in lines {
        let name = line.labels.metric_name();
        let Some((base, part)) = ["_bucket", "_count", "_sum"].into_iter().find_map(|part| Some((name.strip_suffix(part)?, part))) else {
            continue;
        };
        let bound = line.labels.get("le").map(str::parse::<f64>);
        if part == "_bucket" && !matches!(bound, Some(Ok(_))) {
            continue;
        }
        let mut labels = line.labels.to_builder();
        labels.take("le");
        let labels = labels.set(METRIC_NAME, base).build();
        let histograms = by_labels.entry(labels.clone()).or_default();
        histograms.resize(histograms.len().max(line.values.len()), ClassicHistogram::default());
        for (index, value) in line.values.iter().enumerate() {
            match (value, part, &bound) {
                (Some(SampleValue::Float(value)), ..) if is_stale(*value) => {
                    stale.insert((labels.clone(), index), *value);
                }
                (Some(SampleValue::Float(value)), "_bucket", Some(Ok(bound))) => histograms[index].set_bucket(*bound, *value),
                (Some(SampleValue::Float(value)), "_count", _) => histograms[index].set_count(*value),
                (Some(SampleValue::Float(value)), "_sum", _) => histograms[index].set_sum(*value),
                _ => {}
            }
        }
    }
    let values = |labels: &LabelSet, histograms: Vec<ClassicHistogram>| {
        let value = |(index, histogram): (usize, ClassicHistogram)| match stale.get(&(labels.clone(), index)) {
            Some(stale) => Some(SampleValue::Float(*stale)),
            None => histogram.convert().ok().map(|histogram| SampleValue::Histogram(Arc::new(histogram))),
        };
        histograms.into_iter().enumerate().map(value).collect()
    };
    by_labels.into_iter().map(|(labels, histograms)| Loaded { values: values(&labels, histograms), labels, step }).collect()
}
