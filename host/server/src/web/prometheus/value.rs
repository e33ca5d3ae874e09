//! The answer of a query as JSON, written straight into the body.

use cepmon_model::{LabelSet, TimestampMs};
use cepmon_query::Value;

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
            out.extend_from_slice(b",\"value\":");
            push_sample(out, sample.at, sample.value);
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
                out.extend_from_slice(b",\"values\":");
                push_list(out, &series.samples, |out, sample| push_sample(out, sample.timestamp, sample.value));
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

    use cepmon_model::Sample;
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
        let sample = VectorSample { labels: Arc::clone(&labels), at: 4_000, value: f64::NAN };
        let want = format!(r#"{{"resultType":"vector","result":[{{"metric":{metric},"value":[4,"NaN"]}}]}}"#);
        assert_eq!(json(Value::Vector(vec![sample])), want);
        assert_eq!(json(Value::Vector(Vec::new())), r#"{"resultType":"vector","result":[]}"#);
        let samples = vec![Sample { timestamp: 0, value: 0.5 }, Sample { timestamp: 15_000, value: f64::INFINITY }];
        let series = |labels| MatrixSeries { labels, samples: samples.clone() };
        let values = r#"[[0,"0.5"],[15,"+Inf"]]"#;
        let want =
            format!(r#"{{"resultType":"matrix","result":[{{"metric":{metric},"values":{values}}},{{"metric":{{}},"values":{values}}}]}}"#);
        assert_eq!(json(Value::Matrix(vec![series(labels), series(Arc::default())])), want);
    }
}
