//! Rows of the table `histograms` as values, and what is remembered of the youngest of each series: enough to know a sample that comes
//! twice, and whether a counter started again.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int64Type, TimestampMillisecondType};
use cepmon_model::{Bucket, Histogram, HistogramSample, LabelSet, METRIC_NAME, ResetHint, SeriesId, TimestampMs};
use hashbrown::HashMap;

use super::Cell;
use super::exemplar::series_of_row;

/// How the hints stand in the table.
const HINTS: [(ResetHint, &str); 4] =
    [(ResetHint::Unknown, "unknown"), (ResetHint::Reset, "reset"), (ResetHint::NotReset, "not_reset"), (ResetHint::Gauge, "gauge")];

/// The cells of a histogram's row.
pub(crate) fn to_row(tenant: &str, series: &LabelSet, sample: &HistogramSample) -> Vec<Cell> {
    let histogram = &*sample.histogram;
    let labels = LabelSet::from_sorted(series.iter().filter(|(name, _)| *name != METRIC_NAME));
    let hint = HINTS.iter().find(|(hint, _)| *hint == histogram.hint).map_or("unknown", |(_, text)| text);
    let indexes = |buckets: &[Bucket]| Cell::Ints(buckets.iter().map(|bucket| i64::from(bucket.index)).collect());
    let counts = |buckets: &[Bucket]| Cell::Floats(buckets.iter().map(|bucket| bucket.count).collect());
    vec![
        Cell::Time(sample.timestamp),
        Cell::Text(series.metric_name().to_owned()),
        Cell::Labels(Arc::new(labels)),
        Cell::Int(SeriesId::of(tenant, series, 0).0.cast_signed()),
        Cell::Text(hint.to_owned()),
        Cell::Int(i64::from(histogram.schema)),
        Cell::Float(histogram.zero_threshold),
        Cell::Float(histogram.zero_count),
        Cell::Float(histogram.count),
        Cell::Float(histogram.sum),
        indexes(&histogram.positive),
        counts(&histogram.positive),
        indexes(&histogram.negative),
        counts(&histogram.negative),
        Cell::Floats(histogram.custom_values.to_vec()),
    ]
}

/// The series and the sample of a row of a batch of the table.
pub(crate) fn of_row(batch: &RecordBatch, row: usize) -> (LabelSet, HistogramSample) {
    (series_of_row(batch, row), sample_of_row(batch, row))
}

fn sample_of_row(batch: &RecordBatch, row: usize) -> HistogramSample {
    let float = |column: usize| batch.column(column).as_primitive::<Float64Type>().value(row);
    let hint = batch.column(4).as_string::<i32>().value(row);
    let histogram = Histogram {
        hint: HINTS.iter().find(|(_, text)| *text == hint).map_or(ResetHint::Unknown, |(hint, _)| *hint),
        schema: narrow(batch.column(5).as_primitive::<Int64Type>().value(row)),
        zero_threshold: float(6),
        zero_count: float(7),
        count: float(8),
        sum: float(9),
        positive: buckets(batch, (10, 11), row),
        negative: buckets(batch, (12, 13), row),
        custom_values: list::<Float64Type>(batch, 14, row).into(),
    };
    let timestamp = batch.column(0).as_primitive::<TimestampMillisecondType>().value(row);
    HistogramSample { timestamp, histogram: Arc::new(histogram) }
}

fn buckets(batch: &RecordBatch, (indexes, counts): (usize, usize), row: usize) -> Vec<Bucket> {
    let indexes = list::<Int64Type>(batch, indexes, row);
    let pairs = indexes.into_iter().zip(list::<Float64Type>(batch, counts, row));
    pairs.map(|(index, count)| Bucket { index: narrow(index), count }).collect()
}

fn list<T: ArrowPrimitiveType>(batch: &RecordBatch, column: usize, row: usize) -> Vec<T::Native> {
    let lists = batch.column(column).as_list::<i32>();
    if lists.is_null(row) { Vec::new() } else { lists.value(row).as_primitive::<T>().values().to_vec() }
}

/// What was written as 32 bits.
fn narrow(number: i64) -> i32 {
    i32::try_from(number).unwrap_or_default()
}

/// What becomes of a sample that comes in.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is stored so.
    Store(HistogramSample),
    /// It is there already.
    Duplicate,
    /// Another one has its time.
    Conflict,
}

/// The youngest sample of each series that came in lately.
#[derive(Debug, Default)]
pub(crate) struct YoungestHistograms {
    by_series: HashMap<LabelSet, HistogramSample>,
    /// How many series there were when the old ones were last forgotten.
    looked_through_at: usize,
}

/// For how long a series is remembered that nobody sends.
const REMEMBERED_MS: i64 = 60 * 60 * 1000;

/// Below that many series nothing is forgotten.
const FEW_SERIES: usize = 1024;

impl YoungestHistograms {
    /// What to do with a sample; `ahead` are those of the same batch. Late ones are taken as they are: a scan leaves out what is twice.
    pub(crate) fn judge(&self, ahead: &HashMap<LabelSet, HistogramSample>, series: &LabelSet, sample: &HistogramSample) -> Verdict {
        let previous = ahead.get(series).or_else(|| self.by_series.get(series));
        match previous {
            Some(previous) if previous.timestamp == sample.timestamp => {
                if previous.histogram.is_same_data(&sample.histogram) {
                    Verdict::Duplicate
                } else {
                    Verdict::Conflict
                }
            }
            Some(previous) if previous.timestamp > sample.timestamp => Verdict::Store(marked(sample, None)),
            previous => Verdict::Store(marked(sample, previous.map(|previous| &*previous.histogram))),
        }
    }

    /// Remembers what was stored.
    pub(crate) fn learn(&mut self, stored: HashMap<LabelSet, HistogramSample>) {
        let Some(now) = stored.values().map(|sample| sample.timestamp).max() else { return };
        for (series, sample) in stored {
            let is_younger = self.by_series.get(&series).is_none_or(|known| known.timestamp < sample.timestamp);
            if is_younger {
                self.by_series.insert(series, sample);
            }
        }
        if self.by_series.len() > (2 * self.looked_through_at).max(FEW_SERIES) {
            self.by_series.retain(|_, sample| sample.timestamp >= now - REMEMBERED_MS);
            self.looked_through_at = self.by_series.len();
        }
    }

    /// Forgets series, so that what was deleted can be sent again.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&LabelSet, TimestampMs) -> bool) {
        self.by_series.retain(|series, sample| !is_gone(series, sample.timestamp));
    }
}

fn marked(sample: &HistogramSample, previous: Option<&Histogram>) -> HistogramSample {
    let mut sample = sample.clone();
    let hint = ResetHint::resolved(&sample.histogram, previous);
    if hint != sample.histogram.hint {
        Arc::make_mut(&mut sample.histogram).hint = hint;
    }
    sample
}
