//! The samples of one plugin call, columnar, as they crossed the border and after validation.

use crate::MetricKind;

/// A piece of [`SampleBatch::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// The bytes it covers, if it lies within them.
    pub fn slice(self, text: &[u8]) -> Option<&[u8]> {
        text.get(self.start as usize..(self.start as usize).checked_add(self.len as usize)?)
    }
}

/// A run of samples that share a name, a type and a help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Family {
    /// Its name.
    pub name: Span,
    /// Its type.
    pub kind: MetricKind,
    /// Its unit, empty = none.
    pub unit: Span,
    /// Its help text, empty = none.
    pub help: Span,
    /// How many samples of the batch, in order, belong to it.
    pub samples: u32,
}

/// A trace or another example behind a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// Index of the sample.
    pub sample: u32,
    /// Its labels as series text.
    pub labels: Span,
    /// Its value.
    pub value: f64,
    /// Its time, Unix milliseconds.
    pub timestamp: Option<i64>,
}

/// The samples of one call. Who makes it promises that every span lies within `text`, that per-sample lists are empty or as long
/// as `values`, that indexes are in range and that the families' counts add up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SampleBatch {
    /// Series texts, names, units and help texts.
    pub text: Vec<u8>,
    /// Families in the order of their samples.
    pub families: Vec<Family>,
    /// Start and length per sample of its series text: `2 * values.len()` numbers.
    pub series: Vec<u32>,
    /// The values.
    pub values: Vec<f64>,
    /// Unix milliseconds per sample, or empty; `i64::MIN` = the time of the scrape.
    pub timestamps: Vec<i64>,
    /// When each sample's counter started, Unix milliseconds, or empty; `i64::MIN` = unknown.
    pub start_times: Vec<i64>,
    /// Indexes of samples that are stale marks, ascending.
    pub stale: Vec<u32>,
    /// Exemplars in the order of their samples.
    pub exemplars: Vec<Exemplar>,
    /// What went wrong without spoiling the rest.
    pub warnings: Vec<String>,
}

impl SampleBatch {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The series text of a sample.
    pub fn series_text(&self, sample: usize) -> &[u8] {
        let (start, len) = (self.series[2 * sample] as usize, self.series[2 * sample + 1] as usize);
        &self.text[start..start + len]
    }

    /// The text of a span; bytes that are not UTF-8 become U+FFFD.
    pub fn str(&self, span: Span) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(span.slice(&self.text).unwrap_or_default())
    }
}
