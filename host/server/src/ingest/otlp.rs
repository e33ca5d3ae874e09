//! Metrics of OpenTelemetry as series: names, labels and `target_info` as Prometheus translates them (2.48). What comes out is a request of
//! remote write, which is stored like every other. Exponential histograms become native ones. Delta temporality is refused: the
//! totals are not known.

mod exponential;
mod json;
mod message;
mod name;

use std::collections::BTreeMap;

use bytes::Bytes;
use cepmon_model::{METRIC_NAME, TimestampMs, stale_nan};
use prost::Message;

use super::remote_write::message::{Exemplar as WrittenExemplar, Label, Metadata, Sample, TimeSeries, WriteRequest};
use super::remote_write::{RemoteWrite, RemoteWriteError, Written};
use exponential::wire_histogram;
use message::{
    AnyValue, AttributeValue, Data, Exemplar, ExemplarNumber, ExponentialPoint, ExportRequest, HistogramPoint, KeyValue, Metric, Number,
    NumberPoint, ResourceMetrics, SummaryPoint,
};
use name::{Suffix, label_name, metric_name};

/// Each point is the total since a start.
const CUMULATIVE: i32 = 2;

/// A point that says that there is no value any more.
const NO_RECORDED_VALUE: u32 = 1;

/// Numbers of remote write's metric types.
const COUNTER: i32 = 1;
const GAUGE: i32 = 2;
const HISTOGRAM: i32 = 3;
const SUMMARY: i32 = 5;
const INFO: i32 = 6;

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Received {
    /// What became of its samples.
    pub(crate) written: Written,
    /// Points of delta temporality, and exponential ones that are too coarse.
    pub(crate) refused_points: usize,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtlpForm {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

/// Stores an `ExportMetricsServiceRequest`; when it returns, its samples survive `kill -9`. It blocks.
pub(crate) fn write_otlp(receiver: &RemoteWrite, body: Bytes, form: OtlpForm, now: TimestampMs) -> Result<Received, RemoteWriteError> {
    let request = match form {
        OtlpForm::Protobuf => ExportRequest::decode(body)?,
        OtlpForm::Json => serde_json::from_slice(&body)?,
    };
    let mut translation = Translation::default();
    request.resources.into_iter().for_each(|resource| translation.resource(resource));
    let written = receiver.store(translation.request, now)?;
    Ok(Received { written, refused_points: translation.refused_points })
}

type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Translation {
    request: WriteRequest,
    refused_points: usize,
    /// `job` and `instance` of the resource in hand.
    identity: Labels,
    /// The youngest point of the resource in hand.
    latest: TimestampMs,
}

impl Translation {
    fn resource(&mut self, resource: ResourceMetrics) {
        let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        self.identity = identity(&attributes);
        self.latest = 0;
        for metric in resource.scopes.into_iter().flat_map(|scope| scope.metrics) {
            self.metric(metric);
        }
        self.target_info(&attributes);
    }

    /// What is known of the service beside its identity stands at one series, to be joined with the others.
    fn target_info(&mut self, attributes: &[KeyValue]) {
        const IDENTIFYING: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
        let others = attributes.iter().filter(|attribute| !IDENTIFYING.contains(&attribute.key.as_str()));
        let mut labels = labels(others);
        if labels.is_empty() || self.identity.is_empty() || self.latest == 0 {
            return;
        }
        labels.extend(self.identity.clone());
        self.learn("target_info", INFO, "Target metadata");
        self.push("target_info", labels, self.latest, 1.0);
    }

    fn metric(&mut self, metric: Metric) {
        let Metric { name, description, unit, data } = metric;
        let named = |suffix| metric_name(&name, &unit, suffix);
        match data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                let name = named(if unit == "1" { Suffix::Ratio } else { Suffix::None });
                self.learn(&name, GAUGE, &description);
                gauge.points.into_iter().for_each(|point| self.number(&name, false, point));
            }
            Some(Data::Sum(sum)) if sum.temporality == CUMULATIVE => {
                let (suffix, kind) = if sum.is_monotonic { (Suffix::Total, COUNTER) } else { (Suffix::None, GAUGE) };
                let name = named(suffix);
                self.learn(&name, kind, &description);
                sum.points.into_iter().for_each(|point| self.number(&name, sum.is_monotonic, point));
            }
            Some(Data::Histogram(histogram)) if histogram.temporality == CUMULATIVE => {
                let name = named(Suffix::None);
                self.learn(&name, HISTOGRAM, &description);
                histogram.points.into_iter().for_each(|point| self.histogram(&name, point));
            }
            Some(Data::Summary(summary)) => {
                let name = named(Suffix::None);
                self.learn(&name, SUMMARY, &description);
                summary.points.into_iter().for_each(|point| self.summary(&name, point));
            }
            Some(Data::Sum(sum)) => self.refused_points += sum.points.len(),
            Some(Data::Histogram(histogram)) => self.refused_points += histogram.points.len(),
            Some(Data::Exponential(histogram)) if histogram.temporality == CUMULATIVE => {
                let name = named(Suffix::None);
                self.learn(&name, HISTOGRAM, &description);
                histogram.points.into_iter().for_each(|point| self.exponential(&name, &point));
            }
            Some(Data::Exponential(histogram)) => self.refused_points += histogram.points.len(),
        }
    }

    fn number(&mut self, name: &str, is_counter: bool, point: NumberPoint) {
        let value = match point.value {
            _ if point.flags & NO_RECORDED_VALUE != 0 => stale_nan(),
            Some(Number::Double(value)) => value,
            Some(Number::Int(value)) => value as f64,
            None => return,
        };
        let labels = self.point_labels(&point.attributes);
        self.push(name, labels, milliseconds(point.time_ns), value);
        // Only of a counter, as in Prometheus.
        if is_counter {
            self.hand_exemplars(point.exemplars.iter().filter_map(written_exemplar));
        }
    }

    fn histogram(&mut self, name: &str, point: HistogramPoint) {
        let labels = self.point_labels(&point.attributes);
        let at = milliseconds(point.time_ns);
        let is_stale = point.flags & NO_RECORDED_VALUE != 0;
        let or_stale = |value: f64| if is_stale { stale_nan() } else { value };
        if let Some(sum) = point.sum {
            self.push(&format!("{name}_sum"), labels.clone(), at, or_stale(sum));
        }
        self.push(&format!("{name}_count"), labels.clone(), at, or_stale(point.count as f64));
        let bucket = format!("{name}_bucket");
        let mut exemplars: Vec<WrittenExemplar> = point.exemplars.iter().filter_map(written_exemplar).collect();
        let mut below = 0;
        for (bound, count) in point.bounds.iter().zip(&point.counts) {
            below += count;
            let mut labels = labels.clone();
            labels.insert("le".to_owned(), cepmon_query::format_value(*bound));
            self.push(&bucket, labels, at, or_stale(below as f64));
            self.hand_exemplars(exemplars.extract_if(.., |exemplar| exemplar.value <= *bound));
        }
        let mut all = labels;
        all.insert("le".to_owned(), "+Inf".to_owned());
        self.push(&bucket, all, at, or_stale(point.count as f64));
        self.hand_exemplars(exemplars.into_iter());
    }

    /// Gives exemplars to the series that was pushed last.
    fn hand_exemplars(&mut self, exemplars: impl Iterator<Item = WrittenExemplar>) {
        if let Some(series) = self.request.series.last_mut() {
            series.exemplars.extend(exemplars);
        }
    }

    fn exponential(&mut self, name: &str, point: &ExponentialPoint) {
        let Some(histogram) = wire_histogram(point) else {
            self.refused_points += 1;
            return;
        };
        self.latest = self.latest.max(milliseconds(point.time_ns));
        let labels = encoded(name, self.point_labels(&point.attributes));
        self.request.series.push(TimeSeries { labels, histograms: vec![histogram], ..TimeSeries::default() });
        self.hand_exemplars(point.exemplars.iter().filter_map(written_exemplar));
    }

    fn summary(&mut self, name: &str, point: SummaryPoint) {
        let labels = self.point_labels(&point.attributes);
        let at = milliseconds(point.time_ns);
        let is_stale = point.flags & NO_RECORDED_VALUE != 0;
        let or_stale = |value: f64| if is_stale { stale_nan() } else { value };
        self.push(&format!("{name}_sum"), labels.clone(), at, or_stale(point.sum));
        self.push(&format!("{name}_count"), labels.clone(), at, or_stale(point.count as f64));
        for quantile in &point.quantiles {
            let mut labels = labels.clone();
            labels.insert("quantile".to_owned(), cepmon_query::format_value(quantile.quantile));
            self.push(name, labels, at, or_stale(quantile.value));
        }
    }

    fn point_labels(&self, attributes: &[KeyValue]) -> Labels {
        let mut labels = labels(attributes.iter());
        labels.extend(self.identity.clone());
        labels
    }

    fn push(&mut self, name: &str, labels: Labels, at: TimestampMs, value: f64) {
        self.latest = self.latest.max(at);
        let labels = encoded(name, labels);
        self.request.series.push(TimeSeries { labels, samples: vec![Sample { value, timestamp: at }], ..TimeSeries::default() });
    }

    fn learn(&mut self, name: &str, kind: i32, description: &str) {
        let metadata = Metadata { kind, family: name.to_owned(), help: description.to_owned(), unit: String::new() };
        self.request.metadata.push(metadata);
    }
}

/// Labels, the metric's name among them, as remote write has them.
fn encoded(name: &str, mut labels: Labels) -> Vec<Bytes> {
    labels.insert(METRIC_NAME.to_owned(), name.to_owned());
    labels.into_iter().map(|(name, value)| Label { name, value }.encode_to_vec().into()).collect()
}

/// The labels by which Prometheus knows a service.
fn identity(attributes: &[KeyValue]) -> Labels {
    let get = |key: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
        Some(text(attribute.value.as_ref())).filter(|text| !text.is_empty())
    };
    let job = get("service.name").map(|name| match get("service.namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    });
    let pairs = [("job", job), ("instance", get("service.instance.id"))];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Attributes as labels, in the order of their keys; values of keys that become the same name are joined.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Labels {
    let mut sorted: Vec<&KeyValue> = attributes.collect();
    sorted.sort_by(|left, right| left.key.cmp(&right.key));
    let mut labels = Labels::new();
    for attribute in sorted {
        let value = text(attribute.value.as_ref());
        labels
            .entry(label_name(&attribute.key))
            .and_modify(|joined: &mut String| joined.push_str(&format!(";{value}")))
            .or_insert_with(|| value.clone());
    }
    labels
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(AttributeValue::Text(text)) => text.clone(),
        Some(AttributeValue::Double(number)) => cepmon_query::format_value(*number),
        None => String::new(),
        Some(other) => match json(other) {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        },
    }
}

/// Lists and mappings, which the limits of a message bound in depth (100 levels).
fn json(value: &AttributeValue) -> serde_json::Value {
    use serde_json::Value;
    let inner = |value: &AnyValue| value.value.as_ref().map_or(Value::Null, json);
    match value {
        AttributeValue::Text(text) => Value::from(text.as_str()),
        AttributeValue::Bool(flag) => Value::from(*flag),
        AttributeValue::Int(number) => Value::from(*number),
        AttributeValue::Double(number) => Value::from(*number),
        AttributeValue::Bytes(bytes) => Value::from(hexadecimal(bytes)),
        AttributeValue::Array(array) => array.values.iter().map(inner).collect(),
        AttributeValue::Map(map) => {
            map.values.iter().map(|entry| (entry.key.clone(), entry.value.as_ref().map_or(Value::Null, inner))).collect()
        }
    }
}

/// An exemplar with its trace among its labels, by the names that Prometheus gives them.
fn written_exemplar(exemplar: &Exemplar) -> Option<WrittenExemplar> {
    let value = match exemplar.value? {
        ExemplarNumber::Double(value) => value,
        ExemplarNumber::Int(value) => value as f64,
    };
    let mut all = labels(exemplar.attributes.iter());
    for (name, id) in [("trace_id", &exemplar.trace_id), ("span_id", &exemplar.span_id)] {
        if !id.is_empty() {
            all.insert(name.to_owned(), hexadecimal(id));
        }
    }
    let labels = all.into_iter().map(|(name, value)| Label { name, value }).collect();
    Some(WrittenExemplar { labels, value, timestamp: milliseconds(exemplar.time_ns) })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn milliseconds(time_ns: u64) -> TimestampMs {
    (time_ns / 1_000_000) as TimestampMs
}

#[cfg(test)]
mod tests {
    use super::message::{Exponential, Gauge, Histogram, Quantile, Resource, ScopeMetrics, Sum, Summary};
    use super::*;

    fn attribute(key: &str, value: AttributeValue) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }

    fn words(key: &str, value: &str) -> KeyValue {
        attribute(key, AttributeValue::Text(value.to_owned()))
    }

    fn number(value: Number, attributes: Vec<KeyValue>) -> NumberPoint {
        NumberPoint { attributes, time_ns: 5_000_000, value: Some(value), ..NumberPoint::default() }
    }

    fn metric(name: &str, unit: &str, data: Data) -> Metric {
        Metric { name: name.to_owned(), description: "What.".to_owned(), unit: unit.to_owned(), data: Some(data) }
    }

    /// The series that metrics become, as text.
    fn series(attributes: Vec<KeyValue>, metrics: Vec<Metric>) -> (Vec<String>, usize) {
        let mut translation = Translation::default();
        let resource = Some(Resource { attributes });
        translation.resource(ResourceMetrics { resource, scopes: vec![ScopeMetrics { metrics }] });
        let lines = translation.request.series.iter().map(|series| {
            let labels = series.labels.iter().map(|label| Label::decode(label.clone()).unwrap());
            let labels: Vec<String> = labels.map(|label| format!("{}={}", label.name, label.value)).collect();
            format!("{} {}@{}", labels.join(" "), series.samples[0].value, series.samples[0].timestamp)
        });
        (lines.collect(), translation.refused_points)
    }

    #[test]
    fn numbers_are_series_of_their_service() {
        let service = vec![
            words("service.name", "shop"),
            words("service.namespace", "eu"),
            words("service.instance.id", "a"),
            words("os.type", "linux"),
        ];
        let point = number(Number::Int(7), vec![words("http.method", "GET"), attribute("ok", AttributeValue::Bool(true))]);
        let sum = Data::Sum(Sum { points: vec![point], temporality: CUMULATIVE, is_monotonic: true });
        let gauge = Data::Gauge(Gauge { points: vec![number(Number::Double(0.5), vec![])] });
        let (lines, refused) = series(service, vec![metric("http.requests", "{requests}", sum), metric("cpu.utilization", "1", gauge)]);
        assert_eq!(
            lines,
            [
                "__name__=http_requests_total http_method=GET instance=a job=eu/shop ok=true 7@5",
                "__name__=cpu_utilization_ratio instance=a job=eu/shop 0.5@5",
                "__name__=target_info instance=a job=eu/shop os_type=linux 1@5",
            ]
        );
        assert_eq!(refused, 0);
    }

    #[test]
    fn buckets_are_added_up_and_quantiles_stand_alone() {
        let point = HistogramPoint {
            time_ns: 5_000_000,
            count: 6,
            sum: Some(9.5),
            counts: vec![1, 2, 3],
            bounds: vec![0.5, 1.0],
            ..Default::default()
        };
        let histogram = Data::Histogram(Histogram { points: vec![point], temporality: CUMULATIVE });
        let (lines, _) = series(vec![], vec![metric("wait", "s", histogram)]);
        assert_eq!(
            lines,
            [
                "__name__=wait_seconds_sum 9.5@5",
                "__name__=wait_seconds_count 6@5",
                "__name__=wait_seconds_bucket le=0.5 1@5",
                "__name__=wait_seconds_bucket le=1 3@5",
                "__name__=wait_seconds_bucket le=+Inf 6@5",
            ]
        );
        let quantiles = vec![Quantile { quantile: 0.9, value: 2.0 }];
        let point = SummaryPoint { time_ns: 5_000_000, count: 2, sum: 3.0, quantiles, ..Default::default() };
        let (lines, _) = series(vec![], vec![metric("wait", "s", Data::Summary(Summary { points: vec![point] }))]);
        assert_eq!(lines[2], "__name__=wait_seconds quantile=0.9 2@5");
    }

    #[test]
    fn what_has_no_total_is_counted_and_ended_series_are_stale() {
        let delta = Data::Sum(Sum { points: vec![number(Number::Int(1), vec![])], temporality: 1, is_monotonic: true });
        let exponential = Data::Exponential(Exponential { points: vec![ExponentialPoint::default(); 2], temporality: 1 });
        assert_eq!(series(vec![], vec![metric("a", "", delta), metric("b", "", exponential)]), (vec![], 3));
        let ended = NumberPoint { flags: NO_RECORDED_VALUE, ..number(Number::Int(1), vec![]) };
        let mut translation = Translation::default();
        translation.number("a", true, ended);
        assert!(cepmon_model::is_stale(translation.request.series[0].samples[0].value));
    }

    #[test]
    fn an_exemplar_goes_to_the_bucket_that_it_fell_into() {
        let exemplar = |value: f64, trace: &'static [u8]| Exemplar {
            time_ns: 4_000_000,
            value: Some(ExemplarNumber::Double(value)),
            trace_id: Bytes::from_static(trace),
            ..Exemplar::default()
        };
        let point = HistogramPoint {
            count: 2,
            counts: vec![0, 1, 1],
            bounds: vec![0.5, 1.0],
            exemplars: vec![exemplar(9.0, &[0xab]), exemplar(1.0, &[0x01])],
            ..Default::default()
        };
        let mut translation = Translation::default();
        translation.histogram("wait", point);
        let found: Vec<(usize, String)> = translation
            .request
            .series
            .iter()
            .enumerate()
            .flat_map(|(index, series)| {
                series.exemplars.iter().map(move |exemplar| (index, format!("{}={}", exemplar.labels[0].name, exemplar.labels[0].value)))
            })
            .collect();
        // After the count come the buckets of 0.5, 1 and infinity.
        assert_eq!(found, [(2, "trace_id=01".to_owned()), (3, "trace_id=ab".to_owned())]);
    }

    #[test]
    fn attributes_of_the_same_name_are_joined_in_order() {
        let list = AttributeValue::Array(message::ArrayValue { values: vec![AnyValue { value: Some(AttributeValue::Int(1)) }] });
        let attributes = [words("a_b", "two"), words("a.b", "one"), attribute("list", list)];
        let labels = labels(attributes.iter());
        assert_eq!((labels["a_b"].as_str(), labels["list"].as_str()), ("one;two", "[1]"));
    }
}
