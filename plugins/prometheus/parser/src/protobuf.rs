//! Prometheus's protobuf exposition: `io.prometheus.client.MetricFamily` messages, each behind its length. Series texts are written as the
//! text format would spell them (Prometheus's own numbers in `le` and `quantile`). Of native histograms only count and sum are taken.

use cepmon_sdk::batch::{Columns, Exemplar, Family, Kind, NO_TIME, Span};

use super::wire::{Field, Fields, Malformed};
use super::{Options, float};

/// Everything of a body, or what is wrong with it.
pub(super) fn parse(body: &[u8], options: Options) -> Result<Columns, Malformed> {
    let columns = Columns {
        text: Vec::with_capacity(body.len()),
        families: Vec::new(),
        series: Vec::new(),
        values: Vec::new(),
        timestamps_ms: Vec::new(),
        start_times_ms: Vec::new(),
        stale: Vec::new(),
        exemplars: Vec::new(),
        native_histograms: Vec::new(),
        warnings: Vec::new(),
    };
    let mut writer = Writer { columns, natives: 0, options };
    let mut stream = Fields::new(body);
    while let Some(family) = stream.delimited()? {
        writer.family(family)?;
    }
    let Writer { mut columns, natives, .. } = writer;
    for column in [&mut columns.timestamps_ms, &mut columns.start_times_ms] {
        if column.iter().all(|time| *time == NO_TIME) {
            column.clear();
        }
    }
    if natives > 0 {
        columns.warnings.push(format!("{natives} native histograms are left out but for count and sum"));
    }
    Ok(columns)
}

struct Writer {
    columns: Columns,
    /// Histograms without classic buckets.
    natives: usize,
    options: Options,
}

/// What samples of one metric share.
struct Metric<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    timestamp_ms: i64,
    created_ms: i64,
}

impl Writer {
    fn family(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut name, mut help, mut unit, mut kind) = ("", "", "", 0);
        let mut metrics = Vec::new();
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(text)) => name = utf8(text)?,
                (2, Field::Bytes(text)) => help = utf8(text)?,
                (3, Field::Varint(value)) => kind = value,
                (4, Field::Bytes(metric)) => metrics.push(metric),
                (5, Field::Bytes(text)) => unit = utf8(text)?,
                _ => {}
            }
        }
        let kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Summary,
            4 => Kind::Histogram,
            5 => Kind::GaugeHistogram,
            _ => Kind::Unknown,
        };
        let before = self.columns.values.len();
        for metric in metrics {
            self.metric(name, metric)?;
        }
        let samples = (self.columns.values.len() - before) as u32;
        let [name, help, unit] = [name, help, unit].map(|text| self.write(text));
        self.columns.families.push(Family { name, kind, unit, help, samples });
        Ok(())
    }

    fn metric(&mut self, name: &str, bytes: &[u8]) -> Result<(), Malformed> {
        let mut metric = Metric { name, labels: Vec::new(), timestamp_ms: NO_TIME, created_ms: NO_TIME };
        let mut content = None;
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(pair)) => metric.labels.push(label(pair)?),
                (2..=5 | 7, Field::Bytes(value)) => content = Some((number, value)),
                (6, Field::Varint(time)) if time != 0 && self.options.honor_timestamps => metric.timestamp_ms = time.cast_signed(),
                _ => {}
            }
        }
        match content {
            Some((4, summary)) => self.summary(metric, summary),
            Some((7, histogram)) => self.histogram(metric, histogram),
            Some((_, simple)) => self.simple(metric, simple),
            None => Ok(()),
        }
    }

    /// A gauge, a counter, or what has no type.
    fn simple(&mut self, mut metric: Metric<'_>, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut value, mut exemplar) = (0.0, None);
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Fixed64(bits)) => value = f64::from_bits(bits),
                (2, Field::Bytes(bytes)) => exemplar = Some(bytes),
                (3, Field::Bytes(time)) => metric.created_ms = time_ms(time)?,
                _ => {}
            }
        }
        self.sample(&metric, "", None, value);
        exemplar.map_or(Ok(()), |bytes| self.exemplar(bytes))
    }

    fn summary(&mut self, mut metric: Metric<'_>, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Varint(value)) => count = value,
                (2, Field::Fixed64(bits)) => sum = f64::from_bits(bits),
                (3, Field::Bytes(quantile)) => {
                    let mut pair = [0.0; 2];
                    let mut fields = Fields::new(quantile);
                    while let Some((number, field)) = fields.next()? {
                        if let (1 | 2, Field::Fixed64(bits)) = (number, field) {
                            pair[number as usize - 1] = f64::from_bits(bits);
                        }
                    }
                    quantiles.push(pair);
                }
                (4, Field::Bytes(time)) => metric.created_ms = time_ms(time)?,
                _ => {}
            }
        }
        self.sample(&metric, "_count", None, count as f64);
        self.sample(&metric, "_sum", None, sum);
        for [quantile, value] in quantiles {
            self.sample(&metric, "", Some(("quantile", &float::open_metrics(quantile))), value);
        }
        Ok(())
    }

    fn histogram(&mut self, mut metric: Metric<'_>, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut count, mut sum, mut buckets) = (0.0, 0.0, Vec::new());
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Varint(value)) if value > 0 => count = value as f64,
                (2, Field::Fixed64(bits)) => sum = f64::from_bits(bits),
                (3, Field::Bytes(bucket)) => buckets.push(Bucket::read(bucket)?),
                (4, Field::Fixed64(bits)) if bits != 0 => count = f64::from_bits(bits),
                (15, Field::Bytes(time)) => metric.created_ms = time_ms(time)?,
                _ => {}
            }
        }
        self.natives += usize::from(buckets.is_empty());
        self.sample(&metric, "_count", None, count);
        self.sample(&metric, "_sum", None, sum);
        let has_end = buckets.last().is_some_and(|bucket| bucket.bound == f64::INFINITY);
        for bucket in &buckets {
            self.sample(&metric, "_bucket", Some(("le", &float::open_metrics(bucket.bound))), bucket.count);
            if let Some(exemplar) = bucket.exemplar {
                self.exemplar(exemplar)?;
            }
        }
        if !has_end {
            self.sample(&metric, "_bucket", Some(("le", "+Inf")), count);
        }
        Ok(())
    }

    fn sample(&mut self, metric: &Metric<'_>, suffix: &str, extra: Option<(&str, &str)>, value: f64) {
        let text = &mut self.columns.text;
        let start = text.len();
        let is_legacy = metric.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
        if is_legacy {
            text.extend_from_slice(metric.name.as_bytes());
            text.extend_from_slice(suffix.as_bytes());
        }
        let mut separator = b'{';
        if !is_legacy {
            text.push(b'{');
            quote(&format!("{}{suffix}", metric.name), text);
            separator = b',';
        }
        for (name, value) in metric.labels.iter().copied().chain(extra) {
            text.push(separator);
            separator = b',';
            write_label(name, value, text);
        }
        if separator == b',' {
            text.push(b'}');
        }
        let len = text.len() - start;
        self.columns.series.extend_from_slice(&[start as u32, len as u32]);
        self.columns.values.push(value);
        self.columns.timestamps_ms.push(metric.timestamp_ms);
        self.columns.start_times_ms.push(metric.created_ms);
    }

    /// Of the sample that was written last.
    fn exemplar(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut labels, mut value, mut timestamp_ms) = (Vec::new(), 0.0, None);
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(pair)) => labels.push(label(pair)?),
                (2, Field::Fixed64(bits)) => value = f64::from_bits(bits),
                (3, Field::Bytes(time)) => timestamp_ms = Some(time_ms(time)?),
                _ => {}
            }
        }
        let mut text = vec![b'{'];
        for (index, (name, value)) in labels.into_iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            write_label(name, value, &mut text);
        }
        text.push(b'}');
        let labels = Span { start: self.columns.text.len() as u32, len: text.len() as u32 };
        self.columns.text.append(&mut text);
        let sample = (self.columns.values.len() - 1) as u32;
        self.columns.exemplars.push(Exemplar { sample, labels, value, timestamp_ms });
        Ok(())
    }

    fn write(&mut self, text: &str) -> Span {
        let start = self.columns.text.len() as u32;
        self.columns.text.extend_from_slice(text.as_bytes());
        Span { start, len: text.len() as u32 }
    }
}

struct Bucket<'a> {
    bound: f64,
    count: f64,
    exemplar: Option<&'a [u8]>,
}

impl<'a> Bucket<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut bucket = Self { bound: 0.0, count: 0.0, exemplar: None };
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Varint(count)) if count > 0 => bucket.count = count as f64,
                (2, Field::Fixed64(bits)) => bucket.bound = f64::from_bits(bits),
                (3, Field::Bytes(exemplar)) => bucket.exemplar = Some(exemplar),
                (4, Field::Fixed64(bits)) if bits != 0 => bucket.count = f64::from_bits(bits),
                _ => {}
            }
        }
        Ok(bucket)
    }
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Malformed> {
    let mut pair = ("", "");
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => pair.0 = utf8(name)?,
            (2, Field::Bytes(value)) => pair.1 = utf8(value)?,
            _ => {}
        }
    }
    Ok(pair)
}

/// `google.protobuf.Timestamp`
fn time_ms(bytes: &[u8]) -> Result<i64, Malformed> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Varint(value)) => seconds = value.cast_signed(),
            (2, Field::Varint(value)) => nanos = value.cast_signed(),
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
}

fn write_label(name: &str, value: &str, text: &mut Vec<u8>) {
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        text.extend_from_slice(name.as_bytes());
    } else {
        quote(name, text);
    }
    text.push(b'=');
    quote(value, text);
}

fn quote(value: &str, text: &mut Vec<u8>) {
    text.push(b'"');
    for byte in value.bytes() {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'"' => text.extend_from_slice(b"\\\""),
            b'\n' => text.extend_from_slice(b"\\n"),
            other => text.push(other),
        }
    }
    text.push(b'"');
}
