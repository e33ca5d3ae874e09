//! The typed tables that there are. A new column goes to the end of its table: files without it read as null.

use super::{Column, ColumnKind, TableDef};

const fn column(name: &'static str, kind: ColumnKind, doc: &'static str) -> Column {
    Column { name, kind, doc }
}

/// One row per scrape: what `up` and `scrape_*` say, and why it failed.
pub static SCRAPES: TableDef = TableDef {
    name: "scrapes",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when the scrape started"),
        column("job", ColumnKind::Text, "the job's name"),
        column("instance", ColumnKind::Text, "the target"),
        column("plugin", ColumnKind::Text, "the plugin that was called"),
        column("outcome", ColumnKind::Text, "ok, or the kind of failure: trap, cpu, deadline, memory, denied, guest, output, load"),
        column("duration_seconds", ColumnKind::Float64, "how long the call took"),
        column("samples", ColumnKind::Int64, "samples that the target gave"),
        column("error", ColumnKind::Text, "what went wrong, null if nothing did"),
    ],
};

/// One row per probe check.
pub static PROBES: TableDef = TableDef {
    name: "probes",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when the check started"),
        column("job", ColumnKind::Text, "the job's name"),
        column("instance", ColumnKind::Text, "the target"),
        column("plugin", ColumnKind::Text, "the plugin that was called"),
        column("outcome", ColumnKind::Text, "up, down, or the kind of failure of the plugin"),
        column("duration_seconds", ColumnKind::Float64, "how long the check took"),
        column("status", ColumnKind::Int64, "the protocol's status code, null if there is none"),
        column("error", ColumnKind::Text, "why the target counts as down, null if it is up"),
    ],
};

/// One row per change of an alert's state.
pub static ALERTS: TableDef = TableDef {
    name: "alerts",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "the evaluation that changed the state"),
        column("alertname", ColumnKind::Text, "the rule's name"),
        column("labels", ColumnKind::LabelMap, "the alert's labels"),
        column("state_from", ColumnKind::Text, "inactive, pending or firing"),
        column("state_to", ColumnKind::Text, "inactive, pending or firing"),
        column("value", ColumnKind::Float64, "the expression's value"),
        column("rule_group", ColumnKind::Text, "the rule group's name"),
        column("rule_file", ColumnKind::Text, "the file that the rule stands in"),
        column("annotations", ColumnKind::LabelMap, "the annotations after templating"),
    ],
};

/// One row per attempt to notify.
pub static NOTIFICATIONS: TableDef = TableDef {
    name: "notifications",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when the attempt started"),
        column("receiver", ColumnKind::Text, "the receiver's name"),
        column("integration", ColumnKind::Text, "email, slack, pagerduty, webhook …"),
        column("group_key", ColumnKind::Text, "the alert group"),
        column("status", ColumnKind::Text, "ok, retry (failed and will be tried again) or failed (given up)"),
        column("attempt", ColumnKind::Int64, "1 for the first attempt"),
        column("alerts", ColumnKind::Int64, "alerts in the notification"),
        column("state", ColumnKind::Text, "firing or resolved"),
        column("duration_seconds", ColumnKind::Float64, "how long the attempt took"),
        column("error", ColumnKind::Text, "what the receiver answered, null if it was delivered"),
    ],
};

/// One row per exemplar: the trace, or another example, behind a sample.
pub static EXEMPLARS: TableDef = TableDef {
    name: "exemplars",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when it was measured"),
        column("metric", ColumnKind::Text, "the metric's name"),
        column("labels", ColumnKind::LabelMap, "labels of the series"),
        column("value", ColumnKind::Float64, "the measured value"),
        column("exemplar", ColumnKind::LabelMap, "what it is an example of, such as trace_id"),
    ],
};

/// One row per sample of a native histogram.
pub static HISTOGRAMS: TableDef = TableDef {
    name: "histograms",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when it was so"),
        column("metric", ColumnKind::Text, "the metric's name"),
        column("labels", ColumnKind::LabelMap, "labels of the series"),
        column("series_id", ColumnKind::Int64, "which series, as in the table of samples"),
        column("reset_hint", ColumnKind::Text, "whether the counter started again just before: unknown, reset, not_reset, or gauge"),
        column("schema", ColumnKind::Int64, "-4 to 8: buckets end at powers of 2 to the power of 2^-schema; -53: at custom_values"),
        column("zero_threshold", ColumnKind::Float64, "observations as small as that are in the zero bucket"),
        column("zero_count", ColumnKind::Float64, "how many they are"),
        column("count", ColumnKind::Float64, "how many observations there are"),
        column("sum", ColumnKind::Float64, "their sum"),
        column(
            "positive_index",
            ColumnKind::Int64List,
            "buckets of positive observations; bucket i ends at (2^2^-schema)^i, or at custom_values[i]",
        ),
        column("positive_count", ColumnKind::Float64List, "how many observations each of them has"),
        column("negative_index", ColumnKind::Int64List, "buckets of negative observations"),
        column("negative_count", ColumnKind::Float64List, "how many observations each of them has"),
        column("custom_values", ColumnKind::Float64List, "upper bounds of custom buckets, +Inf left out"),
    ],
};

/// One row per thing that somebody did to cepmon.
pub static AUDIT: TableDef = TableDef {
    name: "audit",
    columns: &[
        column("ts", ColumnKind::TimestampMs, "when"),
        column("actor", ColumnKind::Text, "who: an address, a user, or cepmon itself"),
        column("action", ColumnKind::Text, "what was done, such as reload, flush, plugin_grant"),
        column("subject", ColumnKind::Text, "to what"),
        column("detail", ColumnKind::Text, "more, as text"),
    ],
};

/// All typed tables, by name.
pub static TABLES: [&TableDef; 7] = [&ALERTS, &AUDIT, &EXEMPLARS, &HISTOGRAMS, &NOTIFICATIONS, &PROBES, &SCRAPES];
