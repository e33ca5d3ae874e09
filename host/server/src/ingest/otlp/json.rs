//! What OTLP's JSON form (specification of OTLP 1.3) has of its own beside protobuf: alternatives stand in the object itself, whole numbers of
//! 64 bits may be texts, so may numbers that JSON lacks, ids are hexadecimal and bytes base64.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::message::{
    AnyValue, ArrayValue, AttributeValue, Data, Exemplar, ExemplarNumber, Exponential, Gauge, Histogram, KeyValue, KeyValueList, Metric,
    Number, NumberPoint, Sum, Summary,
};

/// A [`Metric`].
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct JsonMetric {
    name: String,
    description: String,
    unit: String,
    gauge: Option<Gauge>,
    sum: Option<Sum>,
    histogram: Option<Histogram>,
    exponential_histogram: Option<Exponential>,
    summary: Option<Summary>,
}

impl From<JsonMetric> for Metric {
    fn from(metric: JsonMetric) -> Self {
        let JsonMetric { name, description, unit, gauge, sum, histogram, exponential_histogram, summary } = metric;
        let data = gauge.map(Data::Gauge).or(sum.map(Data::Sum)).or(histogram.map(Data::Histogram));
        let data = data.or(exponential_histogram.map(Data::Exponential)).or(summary.map(Data::Summary));
        Self { name, description, unit, data }
    }
}

/// A [`NumberPoint`].
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct JsonNumberPoint {
    attributes: Vec<KeyValue>,
    #[serde(deserialize_with = "whole")]
    time_unix_nano: u64,
    #[serde(deserialize_with = "maybe_number")]
    as_double: Option<f64>,
    #[serde(deserialize_with = "maybe_whole")]
    as_int: Option<i64>,
    exemplars: Vec<Exemplar>,
    flags: u32,
}

impl From<JsonNumberPoint> for NumberPoint {
    fn from(point: JsonNumberPoint) -> Self {
        let value = point.as_double.map(Number::Double).or(point.as_int.map(Number::Int));
        let (attributes, exemplars) = (point.attributes, point.exemplars);
        Self { attributes, time_ns: point.time_unix_nano, value, exemplars, flags: point.flags }
    }
}

/// An [`Exemplar`].
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct JsonExemplar {
    filtered_attributes: Vec<KeyValue>,
    #[serde(deserialize_with = "whole")]
    time_unix_nano: u64,
    #[serde(deserialize_with = "maybe_number")]
    as_double: Option<f64>,
    #[serde(deserialize_with = "maybe_whole")]
    as_int: Option<i64>,
    #[serde(deserialize_with = "hexadecimal")]
    span_id: Bytes,
    #[serde(deserialize_with = "hexadecimal")]
    trace_id: Bytes,
}

impl From<JsonExemplar> for Exemplar {
    fn from(exemplar: JsonExemplar) -> Self {
        let value = exemplar.as_double.map(ExemplarNumber::Double).or(exemplar.as_int.map(ExemplarNumber::Int));
        let (attributes, time_ns) = (exemplar.filtered_attributes, exemplar.time_unix_nano);
        Self { attributes, time_ns, value, span_id: exemplar.span_id, trace_id: exemplar.trace_id }
    }
}

/// An [`AnyValue`].
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct JsonValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    #[serde(deserialize_with = "maybe_whole")]
    int_value: Option<i64>,
    #[serde(deserialize_with = "maybe_number")]
    double_value: Option<f64>,
    array_value: Option<ArrayValue>,
    kvlist_value: Option<KeyValueList>,
    #[serde(deserialize_with = "maybe_base64")]
    bytes_value: Option<Bytes>,
}

impl From<JsonValue> for AnyValue {
    fn from(value: JsonValue) -> Self {
        let text = value.string_value.map(AttributeValue::Text);
        let plain = text.or(value.bool_value.map(AttributeValue::Bool)).or(value.int_value.map(AttributeValue::Int));
        let plain = plain.or(value.double_value.map(AttributeValue::Double)).or(value.bytes_value.map(AttributeValue::Bytes));
        Self { value: plain.or(value.array_value.map(AttributeValue::Array)).or(value.kvlist_value.map(AttributeValue::Map)) }
    }
}

/// A number, or one as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum OrText<T> {
    Number(T),
    Text(String),
}

impl<T: FromStr<Err: Display>> OrText<T> {
    fn read<E: Error>(self) -> Result<T, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.parse().map_err(|problem| E::custom(format!("cannot read \"{text}\" as a number: {problem}"))),
        }
    }
}

pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    OrText::<u64>::deserialize(deserializer)?.read()
}

fn maybe_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<OrText<i64>>::deserialize(deserializer)?.map(OrText::read).transpose()
}

pub(super) fn wholes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    Vec::<OrText<u64>>::deserialize(deserializer)?.into_iter().map(OrText::read).collect()
}

/// `NaN`, `Infinity` and `-Infinity` are texts.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    OrText::<f64>::deserialize(deserializer)?.read()
}

pub(super) fn maybe_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<OrText<f64>>::deserialize(deserializer)?.map(OrText::read).transpose()
}

pub(super) fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    Vec::<OrText<f64>>::deserialize(deserializer)?.into_iter().map(OrText::read).collect()
}

/// Its number, or its name, which some senders write.
pub(super) fn temporality<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    match OrText::<i32>::deserialize(deserializer)? {
        OrText::Number(number) => Ok(number),
        OrText::Text(name) => match name.as_str() {
            "AGGREGATION_TEMPORALITY_UNSPECIFIED" => Ok(0),
            "AGGREGATION_TEMPORALITY_DELTA" => Ok(1),
            "AGGREGATION_TEMPORALITY_CUMULATIVE" => Ok(2),
            _ => Err(D::Error::custom(format!("\"{name}\" is no aggregation temporality"))),
        },
    }
}

fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(|| D::Error::custom(format!("\"{text}\" is not hexadecimal")));
    // An odd last digit stands for itself.
    text.as_bytes().chunks(2).map(|pair| pair.iter().try_fold(0, |sum, byte| Ok(sum * 16 + digit(*byte)? as u8))).collect()
}

fn maybe_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let decoded = text.map(|text| BASE64_STANDARD.decode(text)).transpose();
    decoded.map(|bytes| bytes.map(Bytes::from)).map_err(|error| D::Error::custom(format!("bytes that are no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::message::ExportRequest;
    use super::*;

    fn read(metrics: &str) -> Result<Vec<Metric>, String> {
        let text =
            format!(r#"{{"resourceMetrics":[{{"resource":{{}},"scopeMetrics":[{{"scope":{{"name":"x"}},"metrics":{metrics}}}]}}]}}"#);
        let request: ExportRequest = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(request.resources[0].scopes[0].metrics.clone())
    }

    #[test]
    fn numbers_may_be_texts_and_names_are_camels() {
        let text = r#"[{"name":"a","unit":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {"timeUnixNano":"1544712660300000000","asInt":"7","attributes":[{"key":"k","value":{"intValue":"5"}}],
             "exemplars":[{"timeUnixNano":1,"asDouble":0.5,"traceId":"0aFF","spanId":""}]},
            {"timeUnixNano":5,"asDouble":"NaN"}]}}]"#;
        let Some(Data::Sum(sum)) = read(text).unwrap()[0].data.clone() else { panic!("no sum") };
        assert!(sum.is_monotonic && sum.temporality == 2);
        assert_eq!((sum.points[0].time_ns, sum.points[0].value), (1_544_712_660_300_000_000, Some(Number::Int(7))));
        assert_eq!(sum.points[0].exemplars[0].trace_id[..], [0x0a, 0xff]);
        assert!(matches!(sum.points[1].value, Some(Number::Double(value)) if value.is_nan()));
        let text = r#"[{"histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[
            {"count":"6","sum":9.5,"bucketCounts":["1","2",3],"explicitBounds":[0.5,1]}]}},
            {"exponentialHistogram":{"dataPoints":[{"scale":1},{}]}},{"summary":{"dataPoints":[{"quantileValues":[{"quantile":0.9}]}]}}]"#;
        let metrics = read(text).unwrap();
        let Some(Data::Histogram(histogram)) = &metrics[0].data else { panic!("no histogram") };
        assert_eq!((histogram.temporality, histogram.points[0].counts.as_slice()), (2, &[1, 2, 3][..]));
        assert!(matches!(&metrics[1].data, Some(Data::Exponential(exponential)) if exponential.points.len() == 2));
        assert!(matches!(&metrics[2].data, Some(Data::Summary(summary)) if summary.points[0].quantiles[0].quantile == 0.9));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let f = |metrics: &str, want: &str| {
            let problem = read(metrics).unwrap_err();
            assert!(problem.contains(want), "{problem}");
        };
        f(r#"[{"gauge":{"dataPoints":[{"asInt":"x"}]}}]"#, "cannot read \"x\" as a number");
        f(r#"[{"sum":{"aggregationTemporality":"LATER"}}]"#, "\"LATER\" is no aggregation temporality");
        f(r#"[{"gauge":{"dataPoints":[{"exemplars":[{"traceId":"zz"}]}]}}]"#, "\"zz\" is not hexadecimal");
    }
}
