//! A body of remote write 1.0 to send: what [`super::RemoteWrite`] receives.

use cepmon_model::{LabelSet, Sample};
use prost::Message;

use super::message::{self, Label, TimeSeries, WriteRequest};

/// Samples that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct WriteBody {
    request: WriteRequest,
    samples: usize,
}

impl WriteBody {
    /// Adds samples of a series.
    pub(crate) fn push(&mut self, labels: &LabelSet, samples: &[Sample]) {
        let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() }.encode_to_vec().into();
        self.request.series.push(TimeSeries {
            labels: labels.iter().map(label).collect(),
            samples: samples.iter().map(|sample| message::Sample { value: sample.value, timestamp: sample.timestamp }).collect(),
            ..TimeSeries::default()
        });
        self.samples += samples.len();
    }

    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// The body, compressed.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, snap::Error> {
        snap::raw::Encoder::new().compress_vec(&self.request.encode_to_vec())
    }
}
