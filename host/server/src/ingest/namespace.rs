//! Whose names are whose: the host's own labels and metrics cannot be set by a guest.

use cepmon_model::{LabelSet, LabelSetBuilder, METRIC_NAME};

/// Prometheus's prefix for a target's label that meets one of the host's.
const EXPORTED: &str = "exported_";

/// Adds the target's labels to a series. Without `honor_labels` the target's labels win and the guest's move to `exported_…`,
/// and so do names that are the host's own; with it the guest's stay (Prometheus 2.48, `honor_labels`).
pub(super) fn attach(series: &mut LabelSetBuilder, target: &LabelSet, honor_labels: bool) {
    if !honor_labels && let Some(name) = series.get(METRIC_NAME).filter(|name| is_reserved(name)) {
        let exported = format!("{EXPORTED}{name}");
        series.set(METRIC_NAME, &exported);
    }
    for (name, value) in target.iter() {
        if honor_labels && series.get(name).is_some() {
            continue;
        }
        if let Some(guests) = series.take(name) {
            let mut exported = format!("{EXPORTED}{name}");
            while series.get(&exported).is_some() || target.get(&exported).is_some() {
                exported.insert_str(0, EXPORTED);
            }
            series.set(&exported, &guests);
        }
        series.set(name, value);
    }
}

/// Names that only the host gives: what it says of targets, alerts and itself.
fn is_reserved(metric: &str) -> bool {
    matches!(metric, "up" | "ALERTS" | "ALERTS_FOR_STATE") || metric.starts_with("scrape_") || metric.starts_with("cepmon_")
}

#[cfg(test)]
mod tests {
    use cepmon_model::parse_series_text;

    use super::*;

    fn attached(series: &str, honor_labels: bool) -> String {
        let target = LabelSet::from_pairs([("job", "web"), ("instance", "a:1")]);
        let mut labels = parse_series_text(series.as_bytes()).unwrap();
        attach(&mut labels, &target, honor_labels);
        labels.build().to_string()
    }

    #[test]
    fn a_guest_cannot_speak_for_the_host() {
        let f = |series: &str, want: &str| assert_eq!(attached(series, false), want);
        f("m", r#"m{instance="a:1", job="web"}"#);
        f(r#"m{job="x"}"#, r#"m{exported_job="x", instance="a:1", job="web"}"#);
        f(r#"m{job="x",exported_job="y"}"#, r#"m{exported_exported_job="x", exported_job="y", instance="a:1", job="web"}"#);
        f("up", r#"exported_up{instance="a:1", job="web"}"#);
        f("scrape_duration_seconds", r#"exported_scrape_duration_seconds{instance="a:1", job="web"}"#);
        f("cepmon_x", r#"exported_cepmon_x{instance="a:1", job="web"}"#);
        f("upper", r#"upper{instance="a:1", job="web"}"#);
    }

    #[test]
    fn honoured_labels_stay() {
        assert_eq!(attached(r#"up{job="x"}"#, true), r#"up{instance="a:1", job="x"}"#);
    }
}
