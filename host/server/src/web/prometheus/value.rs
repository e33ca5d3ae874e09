//! The answer of a query as JSON, written straight into the body.

use cepmon_model::{BucketRange, Histogram, LabelSet, TimestampMs};
use cepmon_query::{SampleValue, Value};

use super::number::{push_time, push_value};

/// Appends `{"resultType": …, "result": …` and leaves the object open for statistics. `flush` is called after each series of a matrix, may
/// take what is there, and ends the work by giving false.
pub(super) fn push_result(out: &mut Vec<u8>, value: Value, mut flush: impl FnMut(&mut Vec<u8>) -> bool) {
    let kind = match &value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    out.extend_from_slice(b"{\"resultType\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    match value {
        Value::Scalar { at, value } => push_sample(out, at, value),
        Value::String { at, value } => {
            out.push(b'[');
            push_time(out, at);
            out.push(b',');
            push_text(out, &value);
            out.push(b']');
        }
        Value::Vector(samples) => push_list(out, &samples, |out, sample| {
            push_metric(out, &sample.labels);
            match &sample.value {
                SampleValue::Float(value) => {
                    out.extend_from_slice(b",\"value\":");
                    push_sample(out, sample.at, *value);
                }
                SampleValue::Histogram(histogram) => {
                    out.extend_from_slice(b",\"histogram\":");
                    push_histogram(out, sample.at, histogram);
                }
            }
            out.push(b'}');
        }),
        Value::Matrix(all) => {
            out.push(b'[');
            // By value: a series' samples go as soon as they are written.
            for (index, series) in all.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_metric(out, &series.labels);
                if !series.samples.is_empty() {
                    out.extend_from_slice(b",\"values\":");
                    push_list(out, &series.samples, |out, sample| push_sample(out, sample.timestamp, sample.value));
                }
                if !series.histograms.is_empty() {
                    out.extend_from_slice(b",\"histograms\":");
                    push_list(out, &series.histograms, |out, sample| push_histogram(out, sample.timestamp, &sample.histogram));
                }
                out.push(b'}');
                if !flush(out) {
                    return;
                }
            }
            out.push(b']');
        }
    }
}

/// Appends a list.
pub(super) fn push_list<'a, T: 'a>(out: &mut Vec<u8>, items: impl IntoIterator<Item = &'a T>, push_item: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_item(out, item);
    }
    out.push(b']');
}

fn push_sample(out: &mut Vec<u8>, at: TimestampMs, value: f64) {
    out.push(b'[');
    push_time(out, at);
    out.extend_from_slice(b",\"");
    push_value(out, value);
    out.extend_from_slice(b"\"]");
}

/// A native histogram as Prometheus writes it: empty buckets are left out.
fn push_histogram(out: &mut Vec<u8>, at: TimestampMs, histogram: &Histogram) {
    out.push(b'[');
    push_time(out, at);
    out.extend_from_slice(b",{\"count\":\"");
    push_value(out, histogram.count);
    out.extend_from_slice(b"\",\"sum\":\"");
    push_value(out, histogram.sum);
    out.push(b'"');
    let ranges: Vec<BucketRange> = histogram.ranges().filter(|range| range.count != 0.0).collect();
    if !ranges.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        push_list(out, &ranges, push_bucket);
    }
    out.extend_from_slice(b"}]");
}

/// Which bounds belong to the bucket (0: the upper one, 1: the lower one, 2: none, 3: both), the bounds, the count.
fn push_bucket(out: &mut Vec<u8>, range: &BucketRange) {
    out.extend_from_slice(match (range.includes_lower, range.includes_upper) {
        (false, true) => b"[0",
        (true, false) => b"[1",
        (false, false) => b"[2",
        (true, true) => b"[3",
    });
    for number in [range.lower, range.upper, range.count] {
        out.extend_from_slice(b",\"");
        push_value(out, number);
        out.push(b'"');
    }
    out.push(b']');
}

fn push_metric(out: &mut Vec<u8>, labels: &LabelSet) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, labels);
}

/// Appends labels as an object.
pub(super) fn push_labels(out: &mut Vec<u8>, labels: &LabelSet) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, name);
        out.push(b':');
        push_text(out, value);
    }
    out.push(b'}');
}

/// Appends a text in quotes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("BUG: a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cepmon_model::{HistogramSample, Sample};
    use cepmon_query::notation::parse_histogram;
    use cepmon_query::{MatrixSeries, VectorSample};

    use super::*;

    fn json(value: Value) -> String {
        let mut out = Vec::new();
        push_result(&mut out, value, |_| true);
        String::from_utf8(out).unwrap() + "}"
    }

    #[test]
    fn each_type_has_its_form() {
        let labels = Arc::new(LabelSet::from_pairs([("__name__", "up"), ("path", "a\"b\\c\n<é>")]));
        let metric = r#"{"__name__":"up","path":"a\"b\\c\n<é>"}"#;
        assert_eq!(json(Value::Scalar { at: 1_500, value: 2.0 }), r#"{"resultType":"scalar","result":[1.500,"2"]}"#);
        let text = Value::String { at: 1_000, value: "a\"".to_owned() };
        assert_eq!(json(text), r#"{"resultType":"string","result":[1,"a\""]}"#);
        let sample = VectorSample { labels: Arc::clone(&labels), at: 4_000, value: SampleValue::Float(f64::NAN) };
        let want = format!(r#"{{"resultType":"vector","result":[{{"metric":{metric},"value":[4,"NaN"]}}]}}"#);
        assert_eq!(json(Value::Vector(vec![sample])), want);
        assert_eq!(json(Value::Vector(Vec::new())), r#"{"resultType":"vector","result":[]}"#);
        let samples = vec![Sample { timestamp: 0, value: 0.5 }, Sample { timestamp: 15_000, value: f64::INFINITY }];
        let series = |labels| MatrixSeries { labels, samples: samples.clone(), histograms: Vec::new() };
        let values = r#"[[0,"0.5"],[15,"+Inf"]]"#;
        let want =
            format!(r#"{{"resultType":"matrix","result":[{{"metric":{metric},"values":{values}}},{{"metric":{{}},"values":{values}}}]}}"#);
        assert_eq!(json(Value::Matrix(vec![series(labels), series(Arc::default())])), want);
    }

    #[test]
    fn histograms_have_the_form_of_prometheus() {
        let histogram = |text: &str| Arc::new(parse_histogram(text).unwrap());
        let exponential = histogram("{{schema:0 count:7.5 sum:2 z_bucket:1 z_bucket_w:0.001 buckets:[2 0 0.5] n_buckets:[0 4]}}");
        let buckets = r#"[[1,"-2","-1","4"],[3,"-0.001","0.001","1"],[0,"0.5","1","2"],[0,"2","4","0.5"]]"#;
        let sample = VectorSample { labels: Arc::default(), at: 1_500, value: SampleValue::Histogram(Arc::clone(&exponential)) };
        let json_of = format!(r#"{{"count":"7.5","sum":"2","buckets":{buckets}}}"#);
        let want = format!(r#"{{"resultType":"vector","result":[{{"metric":{{}},"histogram":[1.500,{json_of}]}}]}}"#);
        assert_eq!(json(Value::Vector(vec![sample])), want);
        let histograms = [exponential, histogram("{{schema:-53 custom_values:[5] buckets:[1 2] count:3 sum:NaN}}"), histogram("{{}}")];
        let histograms = histograms.into_iter().map(|histogram| HistogramSample { timestamp: 3_000, histogram }).collect();
        let series = MatrixSeries { labels: Arc::default(), samples: vec![Sample { timestamp: 0, value: 1.0 }], histograms };
        let custom = r#"{"count":"3","sum":"NaN","buckets":[[3,"-Inf","5","1"],[0,"5","+Inf","2"]]}"#;
        let want = format!(
            r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[[0,"1"]],"histograms":[[3,{json_of}],[3,{custom}],[3,{{"count":"0","sum":"0"}}]]}}]}}"#
        );
        assert_eq!(json(Value::Matrix(vec![series])), want);
        let alone = MatrixSeries { labels: Arc::default(), samples: Vec::new(), histograms: Vec::new() };
        assert!(!json(Value::Matrix(vec![alone])).contains("values"));
    }
}
