//! The message of remote write 1.0 (`prometheus.WriteRequest`), as far as it is read: a series' labels stay bytes, because nearly all
//! series were seen before and need no more than a comparison. Native histograms are only counted.

use bytes::Bytes;

/// One request.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingest) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::ingest) series: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::ingest) metadata: Vec<Metadata>,
}

/// One series with samples.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingest) struct TimeSeries {
    /// Each a [`Label`].
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(in crate::ingest) labels: Vec<Bytes>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::ingest) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::ingest) exemplars: Vec<Exemplar>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(in crate::ingest) histograms: Vec<Bytes>,
}

/// A label of a series.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingest) struct Label {
    #[prost(string, tag = "1")]
    pub(in crate::ingest) name: String,
    #[prost(string, tag = "2")]
    pub(in crate::ingest) value: String,
}

/// A value at a time in Unix milliseconds.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(in crate::ingest) struct Sample {
    #[prost(double, tag = "1")]
    pub(in crate::ingest) value: f64,
    #[prost(int64, tag = "2")]
    pub(in crate::ingest) timestamp: i64,
}

/// An example behind a sample.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingest) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::ingest) labels: Vec<Label>,
    #[prost(double, tag = "2")]
    pub(in crate::ingest) value: f64,
    #[prost(int64, tag = "3")]
    pub(in crate::ingest) timestamp: i64,
}

/// What is known of a metric family.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(in crate::ingest) struct Metadata {
    /// 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set; else unknown.
    #[prost(int32, tag = "1")]
    pub(in crate::ingest) kind: i32,
    #[prost(string, tag = "2")]
    pub(in crate::ingest) family: String,
    #[prost(string, tag = "4")]
    pub(in crate::ingest) help: String,
    #[prost(string, tag = "5")]
    pub(in crate::ingest) unit: String,
}
