//! Prometheus's HTTP API on the running server: what Grafana, promtool and scripts ask, and the same questions to a real Prometheus.

use cepmon_tests::{Host, PATIENCE, Target, http};
use serde_json::{Value, json};

const PAGE: &str = "\
# HELP orders_total Orders taken.
# TYPE orders_total counter
orders_total{shop=\"a\"} 3
orders_total{shop=\"b\"} 4.5
# HELP wait_seconds Time to wait.
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"1\"} 2
wait_seconds_bucket{le=\"+Inf\"} 3
wait_seconds_sum 4
wait_seconds_count 3
";

const RULES: &str = "\
groups:
- name: shop
  interval: 1s
  rules:
  - record: shop:orders:sum
    expr: sum(orders_total)
  - alert: ManyOrders
    expr: orders_total > 4
    labels: {severity: page}
    annotations: {summary: 'shop {{ $labels.shop }}'}
";

/// A server that scrapes a page and evaluates rules, each at least once.
fn shop(target: &Target) -> Host {
    let settings = cepmon_tests::HostSettings::new().file("rules.yml", RULES).config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: shop, params: {{a: [b]}}, static_configs: [{{targets: ['{}'], labels: {{zone: x}}}}]}}]\n\
         rule_files: [rules.yml]\n\
         storage: {{retention: {{metrics: {{time: 30d, size: 10GB}}}}}}\n\
         plugins: {{secrets: {{db: {{value: hunter2}}}}}}\n",
        target.address()
    ));
    let host = settings.start();
    host.wait_for_count("SELECT count(*) FROM metrics.\"shop:orders:sum\" WHERE value > 0", 1, PATIENCE);
    host
}

/// The data of an answer that succeeded.
fn data(host: &Host, path: &str) -> Value {
    let response = host.get(path);
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    let mut body = response.json();
    assert_eq!(body["status"], "success", "{path}");
    body["data"].take()
}

#[test]
fn grafana_finds_a_healthy_server_before_there_is_any_data() {
    let host = Host::with_config("scrape_configs: []\n");
    let two = json!({"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}});
    assert_eq!(host.get("/api/v1/query?query=1%2B1&time=4").json(), two);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(host.post("/api/v1/query", form, b"query=1%2B1&time=4").json(), two);
    // The form counts before the URL.
    assert_eq!(host.post("/api/v1/query?time=9&query=1", form, b"query=1%2B1&time=4").json(), two);
    let vector = host.post("/api/v1/query", form, b"query=vector(1)%2Bvector(1)&time=4").json();
    assert_eq!(vector["data"]["result"], json!([{"metric": {}, "value": [4, "2"]}]));
    let build = data(&host, "/api/v1/status/buildinfo");
    assert_eq!(build["version"], "2.48.0");
    assert!(build.get("features").is_none(), "{build}");
    assert_eq!(data(&host, "/api/v1/labels"), json!([]));
    assert_eq!(data(&host, "/api/v1/label/__name__/values"), json!([]));
    assert_eq!(data(&host, "/api/v1/rules"), json!({"groups": []}));
    assert_eq!(data(&host, "/api/v1/query_exemplars?query=up&start=0&end=1"), json!([]));
}

#[test]
fn what_cannot_be_answered_has_prometheuss_error() {
    let host = Host::with_config("scrape_configs: []\n");
    let refused = |path: &str, status: u16, kind: &str, words: &str| {
        let response = host.get(path);
        let body = response.json();
        assert_eq!((response.status, &body["status"], &body["errorType"]), (status, &json!("error"), &json!(kind)), "{path}: {body}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(words), "{path}: {error}");
    };
    refused("/api/v1/query?query=up{", 400, "bad_data", "invalid parameter \"query\": 1:4: parse error:");
    refused("/api/v1/query?query=up&time=yesterday", 400, "bad_data", "cannot parse \"yesterday\" to a valid timestamp");
    refused("/api/v1/query_range?query=up&start=0&end=9", 400, "bad_data", "invalid parameter \"step\"");
    refused("/api/v1/query_range?query=up&start=9&end=0&step=1", 400, "bad_data", "end timestamp must not be before start time");
    refused("/api/v1/query_range?query=up&start=0&end=11001&step=1", 400, "bad_data", "exceeded maximum resolution of 11,000 points");
    refused("/api/v1/query_range?query=up[5m]&start=0&end=9&step=1", 400, "bad_data", "invalid expression type \"range vector\"");
    refused("/api/v1/query?query=label_replace(vector(1),%22-%22,%22%22,%22%22,%22%22)", 422, "execution", "");
    refused("/api/v1/query?query=count_over_time(vector(1)[10d:1ms])", 422, "execution", "too many samples");
    refused("/api/v1/series", 400, "bad_data", "no match[] parameter provided");
    refused("/api/v1/series?match[]={job=%22%22}", 400, "bad_data", "invalid parameter \"match[]\"");
    refused("/api/v1/rules?type=other", 400, "bad_data", "invalid parameter \"type\"");
    refused("/api/v1/targets/metadata?metric=nothing", 404, "not_found", "specified metadata not found");
    assert_eq!(host.get("/api/v1/query_range?query=1&start=0&end=11000&step=1").status, 200);
}

#[test]
fn a_query_waits_within_its_timeout() {
    let host = Host::with_config("scrape_configs: []\n");
    let response = host.get("/api/v1/query?query=count_over_time(vector(1)[5d:1s])%2Bcount_over_time(vector(1)[5d:1s])&timeout=1ms");
    assert_eq!((response.status, response.json()["errorType"].clone()), (503, json!("timeout")), "{}", response.text());
}

#[test]
fn series_labels_and_metadata_are_those_of_what_is_scraped() {
    let target = Target::page(PAGE);
    let host = shop(&target);
    let instance = target.address();
    let series = |shop: &str| json!({"__name__": "orders_total", "instance": instance, "job": "shop", "shop": shop, "zone": "x"});
    assert_eq!(data(&host, "/api/v1/series?match[]=orders_total"), json!([series("a"), series("b")]));
    assert_eq!(data(&host, "/api/v1/series?match[]=orders_total&end=5"), json!([]));
    host.flush();
    assert_eq!(
        data(&host, "/api/v1/series?match[]=orders_total{shop=%22b%22}&match[]={shop=%22b%22,__name__=~%22orders.*%22}"),
        json!([series("b")])
    );
    assert_eq!(data(&host, "/api/v1/label/shop/values"), json!(["a", "b"]));
    assert_eq!(data(&host, "/api/v1/label/U__shop/values?match[]=orders_total{shop!=%22a%22}"), json!(["b"]));
    assert_eq!(data(&host, "/api/v1/label/le/values"), json!(["+Inf", "1"]));
    let names = data(&host, "/api/v1/labels?match[]=wait_seconds_bucket");
    assert_eq!(names, json!(["__name__", "instance", "job", "le", "zone"]));
    let limited = host.get("/api/v1/labels?match[]=wait_seconds_bucket&limit=2").json();
    assert_eq!(
        (limited["data"].clone(), limited["warnings"].clone()),
        (json!(["__name__", "instance"]), json!(["results truncated due to limit"]))
    );

    let metadata = data(&host, "/api/v1/metadata?metric=wait_seconds");
    assert_eq!(metadata, json!({"wait_seconds": [{"type": "histogram", "help": "Time to wait.", "unit": ""}]}));
    assert_eq!(data(&host, "/api/v1/metadata?limit=1").as_object().unwrap().len(), 1);
    let of_target = data(&host, "/api/v1/targets/metadata?metric=orders_total&match_target={job=%22shop%22}");
    assert_eq!((&of_target[0]["type"], &of_target[0]["target"]["instance"]), (&json!("counter"), &json!(instance)));
}

#[test]
fn targets_rules_and_alerts_are_shown() {
    let target = Target::page(PAGE);
    let host = shop(&target);
    let targets = data(&host, "/api/v1/targets?state=active");
    let active = &targets["activeTargets"][0];
    assert_eq!(active["scrapeUrl"], format!("http://{}/metrics?a=b", target.address()));
    assert_eq!((&active["health"], &active["lastError"], &active["scrapeInterval"]), (&json!("up"), &json!(""), &json!("1s")));
    assert_eq!(active["labels"], json!({"instance": target.address(), "job": "shop", "zone": "x"}));
    assert_eq!(active["discoveredLabels"]["__param_a"], "b");
    assert_eq!(data(&host, "/api/v1/targets?scrapePool=other")["activeTargets"], json!([]));
    assert_eq!(data(&host, "/api/v1/scrape_pools"), json!({"scrapePools": ["shop"]}));
    assert_eq!(data(&host, "/api/v1/alertmanagers"), json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}));

    host.wait_for_count("SELECT count(*) FROM alerts WHERE state_to = 'firing'", 1, PATIENCE);
    let groups = data(&host, "/api/v1/rules?type=alert");
    let rule = &groups["groups"][0]["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["state"], &rule["health"], &rule["type"]),
        (&json!("ManyOrders"), &json!("firing"), &json!("ok"), &json!("alerting"))
    );
    assert_eq!(groups["groups"][0]["rules"].as_array().unwrap().len(), 1);
    let alert = &data(&host, "/api/v1/alerts")["alerts"][0];
    assert_eq!(
        (&alert["labels"]["shop"], &alert["annotations"]["summary"], &alert["value"]),
        (&json!("b"), &json!("shop b"), &json!("4.5e+00"))
    );
    let recording = data(&host, "/api/v1/rules?rule_name[]=shop:orders:sum");
    assert_eq!(recording["groups"][0]["rules"][0]["query"], "sum(orders_total)");
}

#[test]
fn the_status_says_how_the_server_runs() {
    let target = Target::page(PAGE);
    let host = shop(&target);
    let yaml = data(&host, "/api/v1/status/config")["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.contains("job_name: shop") && yaml.contains("value: <secret>") && !yaml.contains("hunter2"), "{yaml}");
    let runtime = data(&host, "/api/v1/status/runtimeinfo");
    assert_eq!((&runtime["storageRetention"], &runtime["reloadConfigSuccess"]), (&json!("30d or 10GiB"), &json!(true)));
    for key in ["startTime", "CWD", "lastConfigTime", "corruptionCount", "goroutineCount", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG"] {
        assert!(runtime.get(key).is_some(), "{key}");
    }
    assert_eq!(data(&host, "/api/v1/status/flags")["storage.tsdb.retention.time"], "30d");
    assert!(data(&host, "/api/v1/status/walreplay").get("current").is_some());
    let tsdb = data(&host, "/api/v1/status/tsdb?limit=1");
    assert_eq!(tsdb["seriesCountByMetricName"].as_array().unwrap().len(), 1);
    assert!(tsdb["headStats"]["numSeries"].as_u64().unwrap() > 5 && tsdb["headStats"]["minTime"].as_i64().unwrap() > 0, "{tsdb}");
    assert_eq!(host.get("/version").json()["version"], "2.48.0");
}

#[test]
fn expressions_are_formatted_and_taken_apart() {
    let host = Host::with_config("scrape_configs: []\n");
    assert_eq!(data(&host, "/api/v1/format_query?query=sum(rate(up[5m]))by(job)"), "sum by (job) (rate(up[5m]))");
    let tree = data(&host, "/api/v1/parse_query?query=up%20offset%201m");
    let matchers = json!([{"name": "__name__", "value": "up", "type": "="}]);
    let want = json!({
        "type": "vectorSelector", "name": "up", "matchers": matchers, "offset": 60000, "timestamp": null, "startOrEnd": null,
        "anchored": false, "smoothed": false,
    });
    assert_eq!(tree, want);
}

#[test]
fn answers_are_compressed_for_clients_that_take_it() {
    let host = Host::with_config("scrape_configs: []\n");
    let path = "/api/v1/query_range?query=time()&start=0&end=5000&step=1";
    let plain = host.get(path);
    assert_eq!(plain.header("content-encoding"), None);
    for encoding in ["gzip", "zstd"] {
        let headers = [("Accept-Encoding", encoding)];
        let response = http::send(host.address(), http::Request { method: "GET", path, headers: &headers, body: &[] }).unwrap();
        assert_eq!(response.header("content-encoding"), Some(encoding));
        assert!(response.body.len() < plain.body.len(), "{} of {}", response.body.len(), plain.body.len());
    }
}

#[test]
fn a_long_answer_comes_in_pieces_and_whole() {
    let host = Host::with_config("scrape_configs: []\n");
    // 40 series of 11,001 points, about 10 MB.
    let series = (0..40).map(|number| format!("label_replace(vector(time()),%22n%22,%22{number:02}%22,%22%22,%22%22)"));
    let query = series.collect::<Vec<_>>().join("%20or%20");
    let answer = host.get(&format!("/api/v1/query_range?query={query}&start=0&end=11000&step=1&stats=all"));
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, Some("chunked")));
    let body = answer.json();
    let result = body["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 40);
    assert!(result.iter().all(|series| series["values"].as_array().unwrap().len() == 11_001));
    assert_eq!(result[39]["values"][11_000], json!([11_000, "11000"]));
    assert!(body["data"]["stats"]["timings"]["execTotalTime"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_command_line_asks_promql() {
    let target = Target::page(PAGE);
    let mut host = shop(&target);
    let url = format!("http://{}", host.address());
    let table = host.run(&["promql", "sum by (shop) (orders_total)", "--url", &url]);
    assert!(table.code == Some(0), "{}", table.stderr);
    assert!(table.stdout.contains("shop") && table.stdout.contains("4.5") && table.stdout.contains("(2 rows)"), "{}", table.stdout);
    let wrong = host.run(&["promql", "sum(", "--url", &url]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("parse error"), "{}", wrong.stderr);
    let csv = host.run(&["promql", "vector(1)", "--start", "0", "--end", "60", "--step", "30s", "-o", "csv", "--url", &url]);
    assert_eq!(csv.stdout.lines().count(), 4, "{}", csv.stdout);
    host.stop();
    let offline = host.run(&["promql", "count(max_over_time(orders_total[1h]))", "--data-dir", "data", "-o", "json"]);
    assert!(offline.stdout.contains("\"2\"]"), "{} {}", offline.stdout, offline.stderr);
}

#[test]
fn another_prometheus_federates_and_reads() {
    let target = Target::page(PAGE);
    let host = shop(&target);
    let page = host.get("/federate?match[]=orders_total&match[]={shop=%22b%22,__name__=%22orders_total%22}").text();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "# TYPE orders_total untyped");
    let start = format!("orders_total{{instance=\"{}\",job=\"shop\",shop=\"b\",zone=\"x\"}} 4.5 ", target.address());
    assert!(lines.len() == 3 && lines[2].starts_with(&start), "{page}");
    assert_eq!(host.get("/federate").text(), "");
    assert_eq!(host.get("/federate?match[]={}").status, 400);
}

#[test]
fn the_names_of_self_monitoring_rules_have_values() {
    let target = Target::page(PAGE);
    let host = shop(&target);
    let page = host.get("/metrics").text();
    let value = |series: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is missing")).parse().unwrap()
    };
    assert_eq!(value("prometheus_config_last_reload_successful"), 1.0);
    assert_eq!(value("prometheus_ready"), 1.0);
    assert_eq!(value("prometheus_notifications_alertmanagers_discovered"), 0.0);
    assert_eq!(value("prometheus_target_scrape_pool_targets{scrape_job=\"shop\"}"), 1.0);
    assert_eq!(value("prometheus_rule_evaluation_failures_total"), 0.0);
    assert!(value("prometheus_rule_evaluations_total") > 0.0);
    assert!(value("prometheus_tsdb_head_series") > 5.0 && value("prometheus_tsdb_head_samples_appended_total") > 5.0);
    let group = page.lines().find(|line| line.starts_with("prometheus_rule_group_interval_seconds{")).unwrap();
    assert!(group.ends_with("rules.yml;shop\"} 1"), "{group}");
}

#[test]
fn every_page_of_prometheus_is_there() {
    let host = Host::with_config("scrape_configs: []\n");
    for path in ["/graph", "/query", "/alerts", "/rules", "/targets", "/service-discovery", "/status", "/tsdb-status", "/config", "/flags"]
    {
        let page = host.get(&format!("{path}?g0.expr=up&g0.tab=1"));
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        assert!(page.text().contains("\"ui/pages.js\""), "{path}");
    }
    for script in ["pages", "api", "graph", "chart", "rules", "pools", "status"] {
        assert_eq!(host.get(&format!("/ui/{script}.js")).status, 200, "{script}");
    }
}
