//! The messages of OTLP metrics (opentelemetry-proto 1.3), as far as they are read: no scopes. Their JSON form has the same fields under other names; where it differs in more, `json` says how.

use serde::Deserialize;

use super::json::{self, JsonExemplar, JsonMetric, JsonNumberPoint, JsonValue};

/// What a client sends.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "resourceMetrics")]
    pub(super) resources: Vec<ResourceMetrics>,
}

/// Metrics of one service.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(rename = "scopeMetrics")]
    pub(super) scopes: Vec<ScopeMetrics>,
}

/// A service.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

/// Metrics of one library.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ScopeMetrics {
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
}

/// A metric with its points.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "JsonMetric")]
pub(super) struct Metric {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
    #[prost(string, tag = "3")]
    pub(super) unit: String,
    #[prost(oneof = "Data", tags = "5, 7, 9, 10, 11")]
    pub(super) data: Option<Data>,
}

/// The points of a metric, by its type.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
    #[prost(message, tag = "9")]
    Histogram(Histogram),
    #[prost(message, tag = "10")]
    Exponential(Exponential),
    #[prost(message, tag = "11")]
    Summary(Summary),
}

/// Values that go up and down.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Gauge {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "dataPoints")]
    pub(super) points: Vec<NumberPoint>,
}

/// Values that are added up.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Sum {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "dataPoints")]
    pub(super) points: Vec<NumberPoint>,
    #[prost(int32, tag = "2")]
    #[serde(rename = "aggregationTemporality", deserialize_with = "json::temporality")]
    pub(super) temporality: i32,
    #[prost(bool, tag = "3")]
    pub(super) is_monotonic: bool,
}

/// Buckets.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Histogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "dataPoints")]
    pub(super) points: Vec<HistogramPoint>,
    #[prost(int32, tag = "2")]
    #[serde(rename = "aggregationTemporality", deserialize_with = "json::temporality")]
    pub(super) temporality: i32,
}

/// Buckets of growing width.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Exponential {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "dataPoints")]
    pub(super) points: Vec<ExponentialPoint>,
    #[prost(int32, tag = "2")]
    #[serde(rename = "aggregationTemporality", deserialize_with = "json::temporality")]
    pub(super) temporality: i32,
}

/// Quantiles.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    #[serde(rename = "dataPoints")]
    pub(super) points: Vec<SummaryPoint>,
}

/// A number at a time.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "JsonNumberPoint")]
pub(super) struct NumberPoint {
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    pub(super) time_ns: u64,
    #[prost(oneof = "Number", tags = "4, 6")]
    pub(super) value: Option<Number>,
    #[prost(message, repeated, tag = "5")]
    pub(super) exemplars: Vec<Exemplar>,
    #[prost(uint32, tag = "8")]
    pub(super) flags: u32,
}

/// A number.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(super) enum Number {
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(sfixed64, tag = "6")]
    Int(i64),
}

/// Buckets at a time.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HistogramPoint {
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    #[serde(rename = "timeUnixNano", deserialize_with = "json::whole")]
    pub(super) time_ns: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "json::whole")]
    pub(super) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "json::maybe_number")]
    pub(super) sum: Option<f64>,
    /// Each bucket's own count; one more than there are bounds.
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(rename = "bucketCounts", deserialize_with = "json::wholes")]
    pub(super) counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    #[serde(rename = "explicitBounds", deserialize_with = "json::numbers")]
    pub(super) bounds: Vec<f64>,
    #[prost(message, repeated, tag = "8")]
    pub(super) exemplars: Vec<Exemplar>,
    #[prost(uint32, tag = "10")]
    pub(super) flags: u32,
}

/// An example behind a point.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "JsonExemplar")]
pub(super) struct Exemplar {
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    pub(super) time_ns: u64,
    #[prost(oneof = "ExemplarNumber", tags = "3, 6")]
    pub(super) value: Option<ExemplarNumber>,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) span_id: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) trace_id: bytes::Bytes,
}

/// A number, which has other tags in an exemplar than in a point.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(super) enum ExemplarNumber {
    #[prost(double, tag = "3")]
    Double(f64),
    #[prost(sfixed64, tag = "6")]
    Int(i64),
}

/// Buckets of growing width at a time.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExponentialPoint {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    #[serde(rename = "timeUnixNano", deserialize_with = "json::whole")]
    pub(super) time_ns: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "json::whole")]
    pub(super) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "json::maybe_number")]
    pub(super) sum: Option<f64>,
    #[prost(sint32, tag = "6")]
    pub(super) scale: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "json::whole")]
    pub(super) zero_count: u64,
    #[prost(message, optional, tag = "8")]
    pub(super) positive: Option<ExponentialBuckets>,
    #[prost(message, optional, tag = "9")]
    pub(super) negative: Option<ExponentialBuckets>,
    #[prost(uint32, tag = "10")]
    pub(super) flags: u32,
    #[prost(message, repeated, tag = "11")]
    pub(super) exemplars: Vec<Exemplar>,
    #[prost(double, tag = "14")]
    #[serde(deserialize_with = "json::number")]
    pub(super) zero_threshold: f64,
}

/// Neighbouring buckets from one on.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExponentialBuckets {
    #[prost(sint32, tag = "1")]
    pub(super) offset: i32,
    #[prost(uint64, repeated, tag = "2")]
    #[serde(rename = "bucketCounts", deserialize_with = "json::wholes")]
    pub(super) counts: Vec<u64>,
}

/// Quantiles at a time.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SummaryPoint {
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    #[serde(rename = "timeUnixNano", deserialize_with = "json::whole")]
    pub(super) time_ns: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "json::whole")]
    pub(super) count: u64,
    #[prost(double, tag = "5")]
    #[serde(deserialize_with = "json::number")]
    pub(super) sum: f64,
    #[prost(message, repeated, tag = "6")]
    #[serde(rename = "quantileValues")]
    pub(super) quantiles: Vec<Quantile>,
    #[prost(uint32, tag = "8")]
    pub(super) flags: u32,
}

/// A quantile.
#[derive(Clone, Copy, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Quantile {
    #[prost(double, tag = "1")]
    #[serde(deserialize_with = "json::number")]
    pub(super) quantile: f64,
    #[prost(double, tag = "2")]
    #[serde(deserialize_with = "json::number")]
    pub(super) value: f64,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

/// An attribute's value.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "JsonValue")]
pub(super) struct AnyValue {
    #[prost(oneof = "AttributeValue", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) value: Option<AttributeValue>,
}

/// An attribute's value, by its type.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AttributeValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    Map(KeyValueList),
    #[prost(bytes = "bytes", tag = "7")]
    Bytes(bytes::Bytes),
}

/// A list as an attribute's value.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

/// A mapping as an attribute's value.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}
