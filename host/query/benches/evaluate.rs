//! What evaluation costs, storage aside: `cargo bench -p cepmon-query -p cepmon-features`. It prints figures and asserts none.
//!
//! 320 series, 24 hours, one sample every 15 s; the range queries go over 23 h in steps of 60 s (DESIGN.md section 9 has the figures of
//! Prometheus for the same shape).

use std::sync::Arc;

use cepmon_model::{LabelSet, Matcher, SeriesId, TimestampMs};
use cepmon_query::{BoxError, Engine, SeriesIter, SeriesSource, Value, parse};
use cepmon_storage::SeriesSamples;

const HOUR_MS: i64 = 3_600_000;

fn main() {
    divan::main();
}

/// Series in memory as the head would give them.
struct Flat(Vec<SeriesSamples>);

impl Flat {
    fn new() -> Self {
        let series = (0..320).map(|number: i64| {
            let labels = LabelSet::from_pairs([
                ("__name__", "http_requests_total".to_owned()),
                ("instance", format!("10.0.0.{}:9100", number % 10)),
                ("job", "node".to_owned()),
                ("path", format!("/path/{}", number / 10)),
            ]);
            let timestamps: Vec<i64> = (0..24 * 240).map(|index| index * 15_000 + number).collect();
            // A counter that starts again now and then.
            let values = timestamps.iter().map(|timestamp| ((timestamp / 100 * (number + 1)) % 50_000_000) as f64).collect();
            SeriesSamples { id: SeriesId::of("default", &labels, 0), labels: Arc::new(labels), timestamps, values, histograms: Vec::new() }
        });
        Self(series.collect())
    }
}

impl SeriesSource for Flat {
    fn select<'a>(&'a self, matchers: &[Matcher], start: TimestampMs, end: TimestampMs) -> Result<SeriesIter<'a>, BoxError> {
        let matchers = matchers.to_vec();
        Ok(Box::new(self.0.iter().filter_map(move |series| {
            let is_match = matchers.iter().all(|matcher| matcher.matches(series.labels.get(matcher.name()).unwrap_or_default()));
            let from = series.timestamps.partition_point(|timestamp| *timestamp < start);
            let to = series.timestamps.partition_point(|timestamp| *timestamp <= end);
            (is_match && from < to).then(|| {
                Ok(SeriesSamples {
                    id: series.id,
                    labels: Arc::clone(&series.labels),
                    timestamps: series.timestamps[from..to].to_vec(),
                    values: series.values[from..to].to_vec(),
                    histograms: Vec::new(),
                })
            })
        })))
    }
}

const QUERIES: [&str; 6] = [
    "http_requests_total",
    "sum by (instance) (rate(http_requests_total[5m]))",
    "http_requests_total / on (instance, path) http_requests_total",
    "topk(5, increase(http_requests_total[1h]))",
    "max_over_time(http_requests_total[1h])",
    "quantile_over_time(0.9, http_requests_total[10m])",
];

#[divan::bench(args = QUERIES)]
fn range_of_23_hours(bencher: divan::Bencher<'_, '_>, query: &str) {
    let (source, engine, expr) = (Flat::new(), Engine::default(), parse(query).expect("the query is valid"));
    bencher.bench(|| engine.range(&source, &expr, HOUR_MS, 24 * HOUR_MS, 60_000).expect("the query has an answer"));
}

#[divan::bench(args = QUERIES)]
fn instant(bencher: divan::Bencher<'_, '_>, query: &str) {
    let (source, engine, expr) = (Flat::new(), Engine::default(), parse(query).expect("the query is valid"));
    bencher.bench(|| -> Value { engine.instant(&source, &expr, 12 * HOUR_MS).expect("the query has an answer") });
}

#[divan::bench(args = QUERIES)]
fn read(query: &str) -> String {
    parse(query).expect("the query is valid").to_string()
}
