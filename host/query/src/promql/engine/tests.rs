//! Limits and the shape of answers; the answers themselves are tested by scripts.

use cepmon_model::LabelSet;

use super::*;
use crate::{BoxError, MemorySource, SeriesIter, parse};

fn source(series: usize, samples: usize) -> MemorySource {
    let mut source = MemorySource::default();
    for index in 0..series {
        let labels = LabelSet::from_pairs([("__name__", "m".to_owned()), ("index", index.to_string())]);
        for sample in 0..samples {
            source.push(&labels, sample as i64 * 1000, (index + sample) as f64);
        }
    }
    source
}

fn range(engine: &Engine, source: &dyn SeriesSource, query: &str, end: TimestampMs, step: i64) -> Result<Value, Error> {
    engine.range(source, &parse(query).unwrap(), 0, end, step)
}

#[test]
fn a_query_that_would_hold_too_much_is_refused() {
    let engine = Engine::new(EngineOptions { max_samples: 1000, ..EngineOptions::default() });
    let source = source(20, 10);
    // 20 series of 40 steps fit, 20 of 60 do not.
    assert!(range(&engine, &source, "m", 39_000, 1000).is_ok());
    let error = range(&engine, &source, "m", 59_000, 1000).unwrap_err();
    assert_eq!(error.to_string(), "query processing would load too many samples into memory in query execution; limit is 1000");
    // What is no longer needed is given back: each operand fits alone, and so do many after each other.
    assert!(range(&engine, &source, "sum(m) + sum(m) + sum(m) + sum(m)", 39_000, 1000).is_ok());
    // A scalar over a billion steps takes memory too.
    assert!(matches!(range(&engine, &source, "time()", 1_000_000_000, 1), Err(Error::TooManySamples { .. })));
    assert!(matches!(range(&engine, &source, "sum_over_time(vector(1)[1y:1ms])", 0, 1), Err(Error::TooManySamples { .. })));
}

#[test]
fn a_query_ends_when_its_time_is_over_or_when_it_is_stopped() {
    let source = source(1, 1);
    let engine = Engine::new(EngineOptions { timeout: Duration::ZERO, ..EngineOptions::default() });
    assert!(matches!(range(&engine, &source, "m + m", 0, 1), Err(Error::Timeout { .. })));
    let interrupt = Interrupt::default();
    let engine = Engine { interrupt: Some(interrupt.clone()), ..Engine::default() };
    assert!(range(&engine, &source, "m", 0, 1).is_ok());
    interrupt.stop();
    assert!(matches!(range(&engine, &source, "m", 0, 1), Err(Error::Cancelled)));
}

#[test]
fn a_range_must_make_sense() {
    let (engine, source) = (Engine::default(), source(1, 1));
    assert!(matches!(range(&engine, &source, "m", -1, 1), Err(Error::BadRange { .. })));
    assert!(matches!(range(&engine, &source, "m", i64::MAX, 1), Err(Error::BadRange { .. })));
    assert!(matches!(range(&engine, &source, "m", 1, 0), Err(Error::BadRange { .. })));
    assert!(matches!(range(&engine, &source, "m[5m]", 1, 1), Err(Error::NotForRange { .. })));
    assert!(matches!(range(&engine, &source, "\"text\"", 1, 1), Err(Error::NotForRange { .. })));
}

#[test]
fn times_at_the_end_of_the_world_do_not_overflow() {
    let (engine, source) = (Engine::default(), source(1, 1));
    for query in ["m", "m offset 200y", "m offset -200y", "m[200y]", "rate(m[200y:1y])", "m @ 8e12", "year()", "m @ -8e12 offset 290y"] {
        for at in [i64::from(i32::MIN) * 1_000_000, 0, i64::from(i32::MAX) * 1_000_000] {
            engine.instant(&source, &parse(query).unwrap(), at).unwrap();
        }
        for at in [i64::MIN, i64::MAX] {
            assert!(matches!(engine.instant(&source, &parse(query).unwrap(), at), Err(Error::BadRange { .. })));
        }
    }
}

#[test]
fn the_deepest_expressions_that_are_read_can_be_evaluated() {
    let (engine, source) = (Engine::default(), source(1, 1));
    let deep = format!("{}m{}", "abs(".repeat(90), ")".repeat(90));
    let long = vec!["m"; 190].join(" + ");
    for query in [deep, long] {
        engine.instant(&source, &parse(&query).unwrap(), 0).unwrap();
    }
}

#[test]
fn a_source_that_fails_fails_the_query_with_its_cause() {
    struct Broken;
    impl SeriesSource for Broken {
        fn select<'a>(&'a self, _: &[cepmon_model::Matcher], _: TimestampMs, _: TimestampMs) -> Result<SeriesIter<'a>, BoxError> {
            Ok(Box::new(std::iter::once(Err("the disk is gone".into()))))
        }
    }
    let error = range(&Engine::default(), &Broken, "sum(m)", 0, 1).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!((error.to_string().as_str(), cause.as_str()), ("cannot read samples", "the disk is gone"));
}

#[test]
fn names_go_at_once_unless_they_are_to_go_late() {
    let mut source = MemorySource::default();
    for name in ["a_total", "b_total"] {
        for (at, value) in [(0, 0.0), (60_000, 60.0)] {
            source.push(&LabelSet::from_pairs([("__name__", name), ("job", "x")]), at, value);
        }
    }
    let expr = parse("sum(rate({job=\"x\"}[5m]))").unwrap();
    let error = Engine::default().instant(&source, &expr, 60_000).unwrap_err();
    assert_eq!(error.to_string(), "vector cannot contain metrics with the same labelset");
    let late = Engine::new(EngineOptions { drops_names_late: true, ..EngineOptions::default() });
    assert!(matches!(late.instant(&source, &expr, 60_000).unwrap(), Value::Vector(vector) if vector.len() == 1));
}

#[test]
fn ranges_of_prometheus_2_have_both_ends() {
    let mut source = MemorySource::default();
    (0..=10).for_each(|minute| source.push(&LabelSet::from_pairs([("__name__", "m")]), minute * 60_000, 1.0));
    let closed = Engine::new(EngineOptions { ranges: Ranges::Closed, ..EngineOptions::default() });
    for (text, open_value, closed_value) in
        [("count_over_time(m[5m])", 5.0, 6.0), ("count_over_time(m[5m:1m])", 5.0, 6.0), ("count(m offset -5m)", 0.0, 1.0)]
    {
        let expr = parse(text).unwrap();
        let value = |engine: &Engine| match engine.instant(&source, &expr, 600_000).unwrap() {
            Value::Vector(vector) => match vector.first().map(|sample| &sample.value) {
                Some(crate::SampleValue::Float(value)) => *value,
                None => 0.0,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!((value(&Engine::default()), value(&closed)), (open_value, closed_value), "{text}");
    }
}

#[test]
fn what_stands_there_twice_is_read_once_and_remarked_on_twice() {
    struct Counting(MemorySource, std::cell::Cell<usize>);
    impl SeriesSource for Counting {
        fn select<'a>(
            &'a self,
            matchers: &[cepmon_model::Matcher],
            start: TimestampMs,
            end: TimestampMs,
        ) -> Result<SeriesIter<'a>, BoxError> {
            self.1.set(self.1.get() + 1);
            self.0.select(matchers, start, end)
        }
    }
    let source = Counting(source(3, 600), std::cell::Cell::new(0));
    for (text, reads) in [
        ("rate(m[1m]) / rate(m[1m])", 1),
        ("rate(m[1m]) + rate(m[1m]) + sum(rate(m[1m]))", 1),
        ("sum by (index) (m) / on () group_left sum(m)", 1),
        ("m / (m offset 1m)", 2),
        ("max_over_time(sum(m)[5m:1m]) / sum(m)", 2),
    ] {
        source.1.set(0);
        let expr = parse(text).unwrap();
        Engine::default().range(&source, &expr, 300_000, 599_000, 60_000).unwrap();
        assert_eq!(source.1.get(), reads, "{text}");
    }
    let text = "rate(m[1m]) / rate(m[1m])";
    let answer = Engine::default().annotated_range(&source, &parse(text).unwrap(), 300_000, 599_000, 60_000).unwrap();
    let places: Vec<String> = answer.annotations.iter().map(|remark| remark.text(text).rsplit('(').next().unwrap().to_owned()).collect();
    assert_eq!(places, ["1:6)", "1:20)"]);
    assert!(
        matches!(answer.value, Value::Matrix(matrix) if matrix.iter().all(|series| series.samples.iter().all(|sample| sample.value == 1.0)))
    );
}
