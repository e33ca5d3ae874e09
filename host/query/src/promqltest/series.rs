//! One line of a `load`.

use cepmon_model::LabelSet;

use crate::notation::{LoadedValue, expand_values, split_series};

/// A series and its values.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) labels: LabelSet,
    pub(super) step: i64,
    pub(super) values: Vec<LoadedValue>,
    /// `load_with_nhcb`: `x_bucket` and the like also make a native histogram `x`.
    pub(super) is_nhcb: bool,
}

impl Loaded {
    pub(super) fn parse(line: &str, step: i64, is_nhcb: bool) -> Result<Self, String> {
        let (labels, values) = split_series(line)?;
        Ok(Self { labels, step, values: expand_values(values)?, is_nhcb })
    }

    /// The labels of the native histogram that the line makes or is part of, if any.
    pub(super) fn histogram(&self) -> Option<LabelSet> {
        if self.values.contains(&LoadedValue::Histogram) {
            return Some(self.labels.clone());
        }
        let name = self.labels.metric_name();
        let base = ["_bucket", "_count", "_sum"].into_iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|_| self.is_nhcb)?;
        let mut labels = self.labels.to_builder();
        labels.take("le");
        Some(labels.set("__name__", base).build())
    }
}
