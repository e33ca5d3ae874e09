//! Every remark where it belongs, and none where the expression is right.

use super::*;
use crate::parse;

struct Known;

impl Metrics for Known {
    fn kind(&self, metric: &str) -> Option<MetricKind> {
        match metric {
            "requests_total" => Some(MetricKind::Counter),
            "leads_total" | "queue" => Some(MetricKind::Gauge),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        ["leads_total", "queue", "requests_total"].map(str::to_owned).to_vec()
    }

    fn labels(&self, metric: &str) -> Vec<String> {
        if metric == "requests_total" { vec!["path".to_owned(), "status".to_owned()] } else { Vec::new() }
    }
}

fn texts(remarks: &[Annotation], text: &str) -> Vec<String> {
    remarks.iter().map(|remark| remark.text(text)).collect()
}

#[test]
fn what_was_hardly_meant_is_said_with_the_way_out() {
    let f = |text: &str, want: &str| assert_eq!(texts(&lint(&parse(text).unwrap(), &Known), text), [format!("PromQL info: {want}")]);
    f(
        r#"(rate(requests_total{status=~"5.."}[5m]) / rate(requests_total[5m])) * 100"#,
        "each series is divided by itself, which always gives 1; a share of all is sum(rate(requests_total{status=~\"5..\"}[5m])) / \
         sum(rate(requests_total[5m])) (1:2)",
    );
    f(
        r#"queue{tier="gold"} / queue"#,
        "each series is divided by itself, which always gives 1; a share of all is sum(queue{tier=\"gold\"}) / sum(queue) (1:1)",
    );
    f(
        "increase(leads_total[24h])",
        "increase is for counters, and \"leads_total\" is a gauge: whenever it goes down, that counts as a start from zero; use delta \
         (1:10)",
    );
    f(
        "deriv(requests_total[5m])",
        "deriv is for gauges, and \"requests_total\" is a counter, which may start again at zero; use rate (1:7)",
    );
    f(
        "histogram_quantile(0.9, sum by (path) (rate(x_bucket[5m])))",
        "histogram_quantile needs the label le, which this sum drops; write sum by (le, path) (…) (1:25)",
    );
    f(
        "histogram_quantile(0.9, sum without (le, pod) (rate(x_bucket[5m])))",
        "histogram_quantile needs the label le, which this sum drops; write sum without (pod) (…) (1:25)",
    );
    f(
        "rate(sum by (path) (requests_total)[5m:1m])",
        "rate of a sum takes every counter that starts again for a restart of all; sum the rates: sum by (path) \
         (rate(requests_total[5m])) (1:1)",
    );
}

#[test]
fn where_nothing_is_stored_the_name_tells_a_counter() {
    let text = "delta(unknown_total[5m])";
    let want = "PromQL info: delta is for gauges, and \"unknown_total\" is a counter, which may start again at zero; use increase (1:7)";
    assert_eq!(texts(&lint(&parse(text).unwrap(), &NoMetrics), text), [want]);
    assert_eq!(lint(&parse(text).unwrap(), &Known), []);
}

#[test]
fn nothing_is_said_of_what_is_right() {
    for text in [
        r#"sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m]))"#,
        r#"rate(requests_total{status="500"}[5m]) / ignoring (status) rate(requests_total{status="200"}[5m])"#,
        "rate(requests_total[5m]) / rate(requests_total[5m] offset 1d)",
        "rate(requests_total[5m]) / rate(requests_total[1h])",
        "queue / (queue + leads_total)",
        "increase(requests_total[1h]) + delta(queue[1h]) + rate(unknown[5m])",
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) + histogram_quantile(0.9, rate(x_bucket[5m]))",
        "max_over_time(sum(queue)[5m:1m])",
    ] {
        assert_eq!(texts(&lint(&parse(text).unwrap(), &Known), text), [""; 0], "{text}");
    }
}

#[test]
fn an_empty_answer_has_its_reasons() {
    let f = |text: &str, want: &[&str]| assert_eq!(texts(&explain_nothing(&parse(text).unwrap(), &Known), text), want);
    f("rate(request_total[5m]) > 1", &["PromQL info: no metric \"request_total\" is stored; did you mean \"requests_total\"? (1:6)"]);
    f("up == 0", &["PromQL info: no metric \"up\" is stored; is its target scraped? (1:1)"]);
    f(
        r#"requests_total{code="500"} or requests_total{statuss="1", path!="/"}"#,
        &[
            "PromQL info: no series of \"requests_total\" has a label \"code\"; it has path, status (1:1)",
            "PromQL info: no series of \"requests_total\" has a label \"statuss\"; did you mean \"status\"? (1:31)",
        ],
    );
    f(r#"requests_total{status="600"}"#, &[]);
    assert_eq!(explain_nothing(&parse("up").unwrap(), &NoMetrics), []);
}

#[test]
fn an_alert_cannot_hold_for_less_than_an_interval() {
    assert_eq!(lint_hold(60_000, 60_000), None);
    assert_eq!(lint_hold(0, 60_000), None);
    let message = lint_hold(10_000, 60_000).unwrap();
    assert!(message.starts_with("\"for: 10s\" is shorter than the interval of 1m"), "{message}");
}
