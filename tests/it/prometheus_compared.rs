//! The same questions to a real Prometheus and to cepmon, which was sent the same samples: the same answers, byte for byte where there is
//! no order or clock in them.

use std::net::SocketAddr;
use std::process::Command;

use cepmon_tests::{Host, HostSettings, PATIENCE, Prometheus, Reply, Target, closed_port, compared_program, http, wait_until};
use serde_json::{Value, json};

use crate::tree::assert_none;

/// Values of every size, so that every way of printing one comes up.
const PAGE: &str = "\
# HELP wait_seconds Time to wait.
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"0.5\"} 2
wait_seconds_bucket{le=\"1\"} 3
wait_seconds_bucket{le=\"+Inf\"} 7
wait_seconds_sum 4.75
wait_seconds_count 7
# TYPE sizes gauge
sizes{kind=\"tiny\"} 1.5e-9
sizes{kind=\"edge\"} 0.000001
sizes{kind=\"third\"} 0.3333333333333333
sizes{kind=\"whole\"} 123456789
sizes{kind=\"large\"} 1.7976931348623157e+308
sizes{kind=\"long\"} 123456789012345680000
sizes{kind=\"exponent\"} 1e21
sizes{kind=\"negative\"} -0.00025
sizes{kind=\"nan\"} NaN
sizes{kind=\"inf\"} -Inf
sizes{kind=\"quo\\\"te\\\\ä\"} 0
";

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A Prometheus that scrapes a page and sends everything to a cepmon.
struct Both {
    prometheus: Prometheus,
    host: Host,
    _folder: tempfile::TempDir,
    _target: Target,
}

impl Both {
    fn start() -> Option<Self> {
        let target = Target::numbered(|number| format!("{PAGE}# TYPE orders_total counter\norders_total{{shop=\"a\"}} {number}\n"));
        let host = Host::with_config("scrape_configs: []\n");
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n\
             remote_write: [{{url: 'http://{}/api/v1/write', metadata_config: {{send_interval: 1s}}}}]\n",
            target.address(),
            host.address()
        );
        let prometheus = Prometheus::start(folder.path(), &config)?;
        let both = Self { prometheus, host, _folder: folder, _target: target };
        both.host.wait_for_count("SELECT count(*) FROM metrics.orders_total", 6, PATIENCE);
        Some(both)
    }

    /// Both have the same samples up to a time a little before this one.
    fn settled_time(&self) -> f64 {
        let clock = http::get(self.prometheus.address(), "/api/v1/query?query=time()").unwrap().json();
        let now = clock["data"]["result"][0].as_f64().unwrap();
        let newest = format!("SELECT count(*) FROM metrics.up WHERE ts > to_timestamp_millis({})", (now * 1000.0) as i64);
        self.host.wait_for_count(&newest, 1, PATIENCE);
        now
    }

    /// What differs in the answers to a path.
    fn difference(&self, path: &str) -> Option<String> {
        difference(path, self.prometheus.address(), self.host.address())
    }
}

fn difference(path: &str, theirs: SocketAddr, ours: SocketAddr) -> Option<String> {
    let ask = |address| http::get(address, path).unwrap().json();
    let (mut theirs, mut ours) = (ask(theirs), ask(ours));
    for answer in [&mut theirs, &mut ours] {
        // Instant vectors come in no order.
        if let Some(items) = answer.pointer_mut("/data/result").and_then(Value::as_array_mut)
            && items.iter().all(Value::is_object)
        {
            items.sort_by_key(|item| item["metric"].to_string());
        }
        // Prometheus 2 knows no remarks; cepmon has more of them than Prometheus 3.
        answer.as_object_mut().unwrap().remove("infos");
        if let Some(Value::String(text)) = answer.get_mut("error") {
            *text = without_wording(text);
        }
    }
    (theirs != ours).then(|| format!("{path}\n  Prometheus {theirs}\n  cepmon     {ours}"))
}

/// What is wrong with an expression is said in other words, and 2.42 names the parameter in some messages only.
fn without_wording(error: &str) -> String {
    let of_query = error.split_once("parse error").or_else(|| error.split_once("expression type"));
    of_query.map_or(error, |_| "the expression is wrong").to_owned()
}

#[test]
fn prometheus_writes_what_it_scrapes_to_cepmon() {
    let Some(both) = Both::start() else { return };
    let host = &both.host;
    host.wait_for_count("SELECT count(*) FROM series WHERE metric = 'orders_total' AND type = 'counter'", 1, PATIENCE);
    // Its answers count up, so every scrape since the first has to be there.
    let gaps = "SELECT max(value) - min(value) + 1 - count(*) AS missing, count(DISTINCT instance) AS instances FROM metrics.orders_total";
    assert_eq!(host.sql(gaps).lines(), ["0|1"]);
    assert!(host.own_metric("cepmon_remote_write_samples_total") >= 5.0);
    assert_eq!(host.own_metric("cepmon_remote_write_refused_samples_total"), 0.0);
}

#[test]
fn questions_get_the_same_answers_as_from_prometheus() {
    let Some(both) = Both::start() else { return };
    let now = both.settled_time();
    let start = now - 4.0;
    let mut paths = Vec::new();
    for query in [
        "sizes",
        "-sizes * 7",
        "sum by (job) (sizes)",
        "rate(orders_total[3s])",
        "orders_total[3s]",
        "histogram_quantile(0.9, wait_seconds_bucket)",
        "{job=\"shop\",__name__!~\"scrape_duration.*\"}",
        "time()",
        "\"text\"",
        "vector(1e-7)",
        "absent(nothing{a=\"b\"})",
        "nothing",
        "sum(",
        "rate(orders_total)",
        "sizes + on (kind) group_left wait_seconds_bucket",
        "orders_total offset 2s",
        "label_replace(sizes, \"a\", \"$1\", \"kind\", \"(.).*\")",
    ] {
        paths.push(format!("/api/v1/query?query={}&time={now}", encode(query)));
        paths.push(format!("/api/v1/query_range?query={}&start={start}&end={now}&step=0.7", encode(query)));
    }
    paths.extend([
        format!("/api/v1/series?match[]=sizes&start={start}&end={now}"),
        format!("/api/v1/series?match[]=sizes&match[]={}", encode("{le=\"1\"}")),
        "/api/v1/series?match[]=nothing".to_owned(),
        "/api/v1/series".to_owned(),
        "/api/v1/series?match[]=up(".to_owned(),
        "/api/v1/labels".to_owned(),
        "/api/v1/labels?match[]=sizes".to_owned(),
        format!("/api/v1/labels?end={}", now - 5000.0),
        "/api/v1/label/kind/values".to_owned(),
        "/api/v1/label/__name__/values".to_owned(),
        "/api/v1/label/nothing/values".to_owned(),
        format!("/api/v1/label/le/values?match[]={}", encode("{le=~\"1|0.5\"}")),
        "/api/v1/query".to_owned(),
        "/api/v1/query?query=up&time=x".to_owned(),
        "/api/v1/query?query=up&timeout=x".to_owned(),
        "/api/v1/query_range?query=up&start=1&end=2".to_owned(),
        "/api/v1/query_range?query=up&end=2&step=1".to_owned(),
        "/api/v1/query_range?query=up&start=2&end=1&step=1".to_owned(),
        "/api/v1/query_range?query=up&start=1&end=2&step=0".to_owned(),
        "/api/v1/query_range?query=up&start=1&end=200000&step=1".to_owned(),
        "/api/v1/metadata?metric=wait_seconds".to_owned(),
        "/api/v1/metadata?limit=x".to_owned(),
        "/api/v1/alerts".to_owned(),
        "/api/v1/rules".to_owned(),
        "/api/v1/rules?type=x".to_owned(),
        "/api/v1/query_exemplars?query=up&start=1&end=2".to_owned(),
        format!("/api/v1/format_query?query={}", encode("sum(rate(up[5m]))by(job)>1")),
        "/api/v1/format_query?query=sum(".to_owned(),
    ]);
    let differences: Vec<String> = paths.iter().filter_map(|path| both.difference(path)).collect();
    assert_none("answers that differ", &differences);
}

#[test]
fn promtool_prints_the_same_of_both() {
    let Some(promtool) = compared_program("promtool") else { return };
    let Some(both) = Both::start() else { return };
    let now = both.settled_time();
    let (time, start, end) = (now.to_string(), (now - 4.0).to_string(), now.to_string());
    let commands: [Vec<&str>; 8] = [
        vec!["instant", "SERVER", "sum by (kind) (sizes > 0)", "--time", &time],
        vec!["instant", "SERVER", "1 +"],
        vec!["-o", "json", "instant", "SERVER", "orders_total", "--time", &time],
        vec!["range", "SERVER", "sizes{kind=\"whole\"}", "--start", &start, "--end", &end, "--step", "1s"],
        vec!["-o", "json", "range", "SERVER", "rate(orders_total[3s])", "--start", &start, "--end", &end, "--step", "1s"],
        vec!["series", "SERVER", "--match", "sizes"],
        vec!["labels", "SERVER", "kind"],
        vec!["labels", "SERVER", "__name__"],
    ];
    for command in &commands {
        let run = |address: SocketAddr| {
            let server = format!("http://{address}");
            let arguments = command.iter().map(|argument| if *argument == "SERVER" { server.as_str() } else { argument });
            let output = Command::new(&promtool).arg("query").args(arguments).output().unwrap();
            let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
            // Vectors come in no order.
            lines.sort();
            (output.status.code(), lines, without_wording(&String::from_utf8_lossy(&output.stderr)))
        };
        let (theirs, ours) = (run(both.prometheus.address()), run(both.host.address()));
        assert_eq!(theirs, ours, "{command:?}");
    }
}

/// Questions of a Prometheus whose samples lie in cepmon.
#[test]
fn prometheus_reads_from_cepmon_what_it_has_not() {
    let Some(both) = Both::start() else { return };
    let now = both.settled_time();
    let folder = tempfile::tempdir().unwrap();
    let remote = format!("remote_read: [{{url: 'http://{}/api/v1/read', read_recent: true}}]\n", both.host.address());
    let reader = Prometheus::start(folder.path(), &remote).unwrap();
    wait_until("the second Prometheus", PATIENCE, || http::get(reader.address(), "/-/ready").is_ok_and(|answer| answer.status == 200));
    for query in ["sizes", "orders_total[3s]", "sum(rate(orders_total[3s]))", "up{job=~\"s.*\",instance!=\"x\"}"] {
        let path = format!("/api/v1/query?query={}&time={now}", encode(query));
        let difference = difference(&path, both.prometheus.address(), reader.address());
        assert_none("answers that differ", difference.as_slice());
    }
}

#[test]
fn a_page_for_federation_is_prometheuss() {
    let Some(both) = Both::start() else { return };
    both.settled_time();
    let page = |address| {
        let text = http::get(address, &format!("/federate?match[]={}", encode("{__name__=~\"sizes|wait_seconds_.*\"}"))).unwrap().text();
        // Without times: the youngest sample may be another one by then.
        let mut lines: Vec<String> = text.lines().map(|line| line.rsplit_once(' ').map_or(line, |(rest, _)| rest).to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(page(both.prometheus.address()), page(both.host.address()));
}

/// Counters and a histogram with exemplars, with times of their own so that both scrapers see the same ones.
const EXAMPLES: &str = "\
# TYPE orders counter
orders_total{shop=\"a\"} 7 # {trace_id=\"q\\\"x\",span_id=\"1\"} 1 1700000000.250
orders_total{shop=\"b\"} 2
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"0.5\"} 1 # {trace_id=\"slow\"} 0.43 1700000001
wait_seconds_bucket{le=\"+Inf\"} 2 # {trace_id=\"slower\"} 1e2 1700000002.5
wait_seconds_count 2
wait_seconds_sum 100.43
# EOF
";

#[test]
fn exemplars_are_found_as_in_prometheus() {
    let target = Target::replying(|_| Reply::new("application/openmetrics-text; version=1.0.0; charset=utf-8", EXAMPLES));
    let jobs = |name: &str| {
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: {name}, static_configs: [{{targets: ['{}']}}]}}]\n",
            target.address()
        )
    };
    let host = Host::with_config(&jobs("own"));
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{}remote_write: [{{url: 'http://{}/api/v1/write', send_exemplars: true}}]\n", jobs("shop"), host.address());
    let Some(prometheus) = Prometheus::start(folder.path(), &config) else { return };
    host.wait_for_count("SELECT count(*) FROM exemplars WHERE labels['job'] = 'shop'", 3, PATIENCE);
    // A page that does not change brings nothing new.
    host.wait_for_count("SELECT count(*) FROM scrapes", 4, PATIENCE);
    let own = "SELECT metric, exemplar['trace_id'] AS trace, value FROM exemplars WHERE labels['job'] = 'own' ORDER BY ts";
    assert_eq!(host.sql(own).lines(), ["orders_total|q\"x|1", "wait_seconds_bucket|slow|0.43", "wait_seconds_bucket|slower|100"]);
    let mut differences = Vec::new();
    for query in [
        "rate(wait_seconds_bucket{job=\"shop\"}[5m])",
        "wait_seconds_bucket{le=\"+Inf\",job=\"shop\"} > 3 or orders_total{job!~\"own\"}",
        "orders_total{shop=\"b\"}",
        "nothing",
        "sum(",
    ] {
        for span in ["start=1600000000&end=1800000000", "start=1700000001&end=1700000002.5", "start=3&end=4", "start=4&end=3", "start=1"] {
            let path = format!("/api/v1/query_exemplars?query={}&{span}", encode(query));
            differences.extend(difference(&path, prometheus.address(), host.address()));
        }
    }
    assert_none("answers that differ", &differences);
    let without_selector = "/api/v1/query_exemplars?query=time()&start=1&end=2";
    let statuses = [prometheus.address(), host.address()].map(|address| http::get(address, without_selector).unwrap().status);
    assert_eq!(statuses, [204, 204]);
}

/// One rule of every kind and state.
const RULES: &str = "\
groups:
- name: states
  interval: 1s
  limit: 7
  rules:
  - {alert: Down, expr: up == 0, labels: {severity: page, site: '{{ $labels.job }}'}, annotations: {summary: '{{ $labels.instance }} is {{ $value }}'}}
  - {alert: Held, expr: up == 1, for: 1h, keep_firing_for: 5m, annotations: {text: 'of {{ $labels.job | toUpper }}'}}
  - {alert: Quiet, expr: up > 5}
  - {alert: Wrong, expr: up + on () up}
- name: others
  interval: 1s
  rules:
  - {record: 'job:up:sum', expr: 'sum(up)  by(job)', labels: {team: a}}
";

/// What a clock or a port of a test decides is taken out, and so are words of errors.
fn without_chance(value: &mut Value) {
    const TIMES: [&str; 6] = ["activeAt", "lastEvaluation", "evaluationTime", "lastScrape", "lastScrapeDuration", "globalUrl"];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    name if TIMES.contains(&name) => *field = Value::Null,
                    "lastError" => *field = Value::from(!field.as_str().unwrap_or_default().is_empty()),
                    "file" => *field = Value::from(field.as_str().unwrap_or_default().rsplit('/').next()),
                    _ => without_chance(field),
                }
            }
            // Newer than 2.42.
            fields.retain(|name, _| !["droppedTargetCounts", "scrapePool"].contains(&name.as_str()));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_chance);
            // 2.42 shows groups of which the filter leaves nothing, 2.48 does not.
            items.retain(|item| item["rules"] != json!([]));
            // Alerts and targets come in no order.
            if items.iter().all(|item| item.get("rules").is_none() && item.get("query").is_none()) {
                items.sort_by_key(ToString::to_string);
            }
        }
        _ => {}
    }
}

#[test]
fn alerts_rules_and_targets_of_every_state_are_shown_as_in_prometheus() {
    let target = Target::page("orders_total 1\n");
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, external_labels: {{site: eu}}}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n\
         - {{job_name: shop, static_configs: [{{targets: ['{0}', 'dropped:1'], labels: {{zone: b}}}}],\n\
         \u{20}   relabel_configs: [{{source_labels: [__address__], regex: 'dropped.*', action: drop}}]}}\n\
         - {{job_name: broken, metrics_path: /m, params: {{a: [b c]}}, static_configs: [{{targets: ['{1}']}}]}}\n",
        target.address(),
        closed_port(),
    );
    let host = HostSettings::new().config(&config).file("rules.yml", RULES).start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    let Some(prometheus) = Prometheus::start(folder.path(), &config) else { return };
    let ask = |address: SocketAddr, path: &str| {
        let mut answer = http::get(address, path).ok().filter(|answer| answer.status == 200)?.json();
        without_chance(&mut answer);
        Some(answer)
    };
    for address in [prometheus.address(), host.address()] {
        wait_until("every state", PATIENCE, || {
            let rules = ask(address, "/api/v1/rules").map(|answer| answer.to_string()).unwrap_or_default();
            let states = ["\"firing\"", "\"pending\"", "\"inactive\"", "\"err\""];
            let targets = ask(address, "/api/v1/targets").map(|answer| answer.to_string()).unwrap_or_default();
            states.iter().all(|state| rules.contains(state)) && !rules.contains("\"unknown\"") && !targets.contains("\"unknown\"")
        });
    }
    let paths = ["alerts", "rules", "rules?type=alert", "rules?type=record", "targets", "targets?state=dropped", "targets?state=active"];
    let mut differences = Vec::new();
    for path in paths {
        let [theirs, ours] = [prometheus.address(), host.address()].map(|address| ask(address, &format!("/api/v1/{path}")).unwrap());
        if theirs != ours {
            differences.push(format!("{path}\n  Prometheus {theirs}\n  cepmon     {ours}"));
        }
    }
    assert_none("answers that differ", &differences);
}
