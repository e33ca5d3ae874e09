//! The message of remote write 2.0 (`io.prometheus.write.v2.Request`) and its meaning in terms of the first version: names and values are
//! numbers of a table, metadata stands at every series. Created timestamps are not read.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use prost::Message;

use super::message::{Exemplar, Label, Metadata, Sample, TimeSeries, WriteRequest};

/// One request.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(string, repeated, tag = "4")]
    pub(super) symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) series: Vec<Series>,
}

/// One series with samples.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Series {
    /// Name, value, name, value, …
    #[prost(uint32, repeated, tag = "1")]
    pub(super) labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) histograms: Vec<Bytes>,
    #[prost(message, repeated, tag = "4")]
    pub(super) exemplars: Vec<ReferredExemplar>,
    #[prost(message, optional, tag = "5")]
    pub(super) metadata: Option<SeriesMetadata>,
}

/// An example behind a sample.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReferredExemplar {
    /// Name, value, name, value, …
    #[prost(uint32, repeated, tag = "1")]
    pub(super) labels: Vec<u32>,
    #[prost(double, tag = "2")]
    pub(super) value: f64,
    #[prost(int64, tag = "3")]
    pub(super) timestamp: i64,
}

/// What is known of the series' metric.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct SeriesMetadata {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(uint32, tag = "3")]
    pub(super) help: u32,
    #[prost(uint32, tag = "4")]
    pub(super) unit: u32,
}

/// A number that is not in the table, or a name without a value.
#[derive(Debug, thiserror::Error)]
#[error("series {series}: label references that its {symbols} symbols do not explain")]
pub(crate) struct BadReference {
    series: usize,
    symbols: usize,
}

/// The same request in the first version's form.
pub(super) fn first_version(request: Request) -> Result<WriteRequest, BadReference> {
    let Request { symbols, series } = request;
    // Label pairs repeat from series to series.
    let mut encoded: HashMap<(u32, u32), Bytes> = HashMap::new();
    let mut families: HashSet<Metadata> = HashSet::new();
    let mut written = WriteRequest::default();
    for (index, series) in series.into_iter().enumerate() {
        let bad = || BadReference { series: index, symbols: symbols.len() };
        let symbol = |reference: u32| symbols.get(reference as usize).cloned().ok_or_else(bad);
        if series.labels.len() % 2 != 0 {
            return Err(bad());
        }
        let mut labels = Vec::with_capacity(series.labels.len() / 2);
        let mut metric = None;
        for pair in series.labels.chunks_exact(2) {
            let (name, value) = (pair[0], pair[1]);
            let label = match encoded.get(&(name, value)) {
                Some(label) => label.clone(),
                None => {
                    let label: Bytes = Label { name: symbol(name)?, value: symbol(value)? }.encode_to_vec().into();
                    encoded.insert((name, value), label.clone());
                    label
                }
            };
            if symbols.get(name as usize).is_some_and(|name| name == cepmon_model::METRIC_NAME) {
                metric = Some(symbol(value)?);
            }
            labels.push(label);
        }
        if let (Some(family), Some(metadata)) = (metric, series.metadata.filter(|metadata| *metadata != SeriesMetadata::default())) {
            families.insert(Metadata { kind: metadata.kind, family, help: symbol(metadata.help)?, unit: symbol(metadata.unit)? });
        }
        let mut exemplars = Vec::with_capacity(series.exemplars.len());
        for ReferredExemplar { labels, value, timestamp } in series.exemplars {
            if labels.len() % 2 != 0 {
                return Err(bad());
            }
            let label = |pair: &[u32]| Ok(Label { name: symbol(pair[0])?, value: symbol(pair[1])? });
            let labels = labels.chunks_exact(2).map(label).collect::<Result<_, _>>()?;
            exemplars.push(Exemplar { labels, value, timestamp });
        }
        let (samples, histograms) = (series.samples, series.histograms);
        written.series.push(TimeSeries { labels, samples, exemplars, histograms });
    }
    written.metadata = families.into_iter().collect();
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(labels: Vec<u32>) -> Request {
        let symbols = ["", "__name__", "up", "job", "a", "Whether it answers."].map(str::to_owned).to_vec();
        let metadata = Some(SeriesMetadata { kind: 2, help: 5, unit: 0 });
        let samples = vec![Sample { value: 1.0, timestamp: 5 }];
        Request { symbols, series: vec![Series { labels, samples, metadata, ..Series::default() }] }
    }

    #[test]
    fn references_become_labels_and_metadata() {
        let written = first_version(request(vec![1, 2, 3, 4])).unwrap();
        let labels: Vec<Label> = written.series[0].labels.iter().map(|label| Label::decode(label.clone()).unwrap()).collect();
        let text: Vec<String> = labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        assert_eq!(text, ["__name__=up", "job=a"]);
        let family = Metadata { kind: 2, family: "up".to_owned(), help: "Whether it answers.".to_owned(), unit: String::new() };
        assert_eq!(written.metadata, [family]);
        assert_eq!(written.series[0].samples.len(), 1);
    }

    #[test]
    fn exemplars_have_references_too() {
        let with_exemplar = |labels: Vec<u32>| {
            let mut request = request(vec![1, 2]);
            request.series[0].exemplars = vec![ReferredExemplar { labels, value: 0.5, timestamp: 6 }];
            first_version(request)
        };
        let label = Label { name: "job".to_owned(), value: "a".to_owned() };
        assert_eq!(with_exemplar(vec![3, 4]).unwrap().series[0].exemplars, [Exemplar { labels: vec![label], value: 0.5, timestamp: 6 }]);
        assert!(with_exemplar(vec![3]).is_err() && with_exemplar(vec![3, 9]).is_err());
    }

    #[test]
    fn references_to_nothing_are_refused() {
        for labels in [vec![1, 2, 3], vec![1, 9], vec![9, 2]] {
            let problem = first_version(request(labels)).unwrap_err().to_string();
            assert!(problem.contains("series 0") && problem.contains("6 symbols"), "{problem}");
        }
    }
}
