//! The contract's bindings, major 0, and their conversion to `cepmon_model`: nothing beyond this module sees a type of the WIT.
//! Whether an answer is sane is `verify.rs`; this only changes its shape.

pub(crate) mod exporter {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "exporter",
        imports: {
            "cepmon:plugin/http.send": async,
            "cepmon:plugin/files": async,
            "cepmon:plugin/statfs": async,
            "cepmon:plugin/tcp": async,
            "cepmon:plugin/udp": async,
            "cepmon:plugin/dns": async,
            "cepmon:plugin/icmp": async,
            "cepmon:plugin/unix-http": async,
            "cepmon:plugin/state": async,
        },
        exports: { default: async },
        // For the tape: what crosses the border can be written down and read back.
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

pub(crate) mod probe {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "probe",
        exports: { default: async },
        with: { "cepmon:plugin": super::exporter::cepmon::plugin },
    });
}

pub(crate) mod log_parser {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "log-parser",
        exports: { default: async },
        with: { "cepmon:plugin": super::exporter::cepmon::plugin },
    });
}

pub(crate) use exporter::cepmon::plugin as wit;

use cepmon_model::{Exemplar, Family, LogBatch, LogField, MetricKind, SampleBatch, Severity, Span};
use wit::types;

/// The package and version that this host speaks.
pub(crate) const PACKAGE: &str = "cepmon:plugin";
/// Its version; a component built for a compatible one runs.
pub(crate) const VERSION: semver::Version = semver::Version::new(0, 1, 0);

/// A batch in the model's shape. Its big lists are moved, not copied; native histograms are not carried yet.
pub(crate) fn sample_batch(batch: types::Batch) -> SampleBatch {
    let family = |family: &types::Family| Family {
        name: span(family.name),
        kind: metric_kind(family.kind),
        unit: span(family.unit),
        help: span(family.help),
        samples: family.samples,
    };
    let exemplar = |exemplar: &types::Exemplar| Exemplar {
        sample: exemplar.sample,
        labels: span(exemplar.labels),
        value: exemplar.value,
        timestamp: exemplar.timestamp_ms,
    };
    SampleBatch {
        families: batch.families.iter().map(family).collect(),
        exemplars: batch.exemplars.iter().map(exemplar).collect(),
        text: batch.text,
        series: batch.series,
        values: batch.values,
        timestamps: batch.timestamps_ms,
        start_times: batch.start_times_ms,
        stale: batch.stale,
        warnings: batch.warnings,
    }
}

/// A log batch in the model's shape.
pub(crate) fn log_batch(batch: types::LogBatch) -> LogBatch {
    const IN_EXTRA: u32 = 1 << 31;
    let field = |pair: &[u32]| match (pair[0], pair[1]) {
        (_, u32::MAX) => LogField::Absent,
        (start, len) if start & IN_EXTRA != 0 => LogField::Extra { start: start & !IN_EXTRA, len },
        (start, len) => LogField::Input { start, len },
    };
    LogBatch {
        keys: batch.keys,
        rows: batch.rows,
        times_ns: batch.times_ns,
        severities: batch.severities.into_iter().map(Severity).collect(),
        fields: batch.fields.chunks_exact(2).map(field).collect(),
        extra: batch.extra,
    }
}

fn span(span: types::Span) -> Span {
    Span { start: span.start, len: span.len }
}

fn metric_kind(kind: types::MetricKind) -> MetricKind {
    match kind {
        types::MetricKind::Unknown => MetricKind::Unknown,
        types::MetricKind::Counter => MetricKind::Counter,
        types::MetricKind::Gauge => MetricKind::Gauge,
        types::MetricKind::Histogram => MetricKind::Histogram,
        types::MetricKind::GaugeHistogram => MetricKind::GaugeHistogram,
        types::MetricKind::Summary => MetricKind::Summary,
        types::MetricKind::Info => MetricKind::Info,
        types::MetricKind::Stateset => MetricKind::StateSet,
    }
}
