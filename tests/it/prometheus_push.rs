//! Samples that others send in the newer ways: remote write 2.0 and OTLP, byte by byte as their specifications say.

use cepmon_tests::{Host, http};

/// A field of a protobuf message that holds bytes, a text or a message; shorter than 128 bytes.
fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    assert!(content.len() < 128, "this would need a longer varint");
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

/// A field of eight bytes: a double or a fixed64.
fn field_of_8(number: u8, bits: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &bits.to_le_bytes()].concat()
}

/// A number below 2^63.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A snappy block of one literal.
fn snappy(message: &[u8]) -> Vec<u8> {
    let length = message.len();
    assert!((61..=256).contains(&length), "{length}: such a literal is written differently");
    [varint(length as u64), vec![60 << 2, (length - 1) as u8], message.to_vec()].concat()
}

/// The server's time, in milliseconds.
fn now(host: &Host) -> u64 {
    let clock = host.get("/api/v1/query?query=time()").json();
    (clock["data"]["result"][0].as_f64().unwrap() * 1000.0) as u64
}

#[test]
fn remote_write_2_says_what_it_wrote() {
    let host = Host::with_config("scrape_configs: []\n");
    let symbols = ["", "__name__", "orders_total", "shop", "a", "Orders that were taken today."];
    let sample = [field_of_8(1, 2.5_f64.to_bits()), vec![2 << 3], varint(now(&host))].concat();
    let metadata = [vec![1 << 3, 1], vec![3 << 3, 5]].concat();
    let series = [field(1, [1, 2, 3, 4]), field(2, sample), field(5, metadata)].concat();
    let mut request: Vec<u8> = symbols.iter().flat_map(|symbol| field(4, symbol)).collect();
    let send = |request: &[u8]| {
        let headers = [
            ("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", "2.0.0"),
        ];
        let body = snappy(request);
        http::send(host.address(), http::Request { method: "POST", path: "/api/v1/write", headers: &headers, body: &body }).unwrap()
    };
    request.extend(field(5, &series));
    let answer = send(&request);
    assert_eq!((answer.status, answer.header("x-prometheus-remote-write-samples-written")), (204, Some("1")), "{}", answer.text());
    assert_eq!(host.sql("SELECT value, shop FROM metrics.orders_total").lines(), ["2.5|a"]);
    assert_eq!(host.sql("SELECT type, help FROM series WHERE metric = 'orders_total'").lines(), ["counter|Orders that were taken today."]);

    // A native histogram that is none is refused, and the sender is told so.
    request.extend(field(5, [field(1, [1, 2]), field(3, b"histogram")].concat()));
    let answer = send(&request);
    assert_eq!((answer.status, answer.header("x-prometheus-remote-write-histograms-written")), (400, Some("0")));
    assert!(answer.text().contains("a histogram that cannot be read"), "{}", answer.text());
}

#[test]
fn opentelemetry_sends_metrics() {
    let host = Host::with_config("scrape_configs: []\n");
    let text = |key: &str, value: &str| [field(1, key), field(2, field(1, value))].concat();
    let resource = field(1, [field(1, text("service.name", "shop")), field(1, text("os.type", "linux"))].concat());
    let time_ns = now(&host) * 1_000_000;
    let point = [field(7, text("http.method", "GET")), field_of_8(3, time_ns), field_of_8(4, 7.5_f64.to_bits())].concat();
    let sum = [field(1, &point), vec![2 << 3, 2, 3 << 3, 1]].concat();
    let metric = [field(1, "http.wait"), field(3, "s"), field(7, &sum)].concat();
    let message = |metric: &[u8]| {
        let resource_metrics = [resource.clone(), long_field(2, &long_field(2, metric))].concat();
        long_field(1, &resource_metrics)
    };
    let send = |body: &[u8]| host.post("/api/v1/otlp/v1/metrics", "application/x-protobuf", body);
    let answer = send(&message(&metric));
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
    let lines = host.sql("SELECT value, job, http_method FROM metrics.http_wait_seconds_total");
    assert_eq!(lines.lines(), ["7.5|shop|GET"]);
    assert_eq!(host.sql("SELECT value, job, os_type FROM metrics.target_info").lines(), ["1|shop|linux"]);

    let delta = [field(1, "delta"), field(7, [field(1, &point), vec![2 << 3, 1]].concat())].concat();
    let answer = send(&message(&delta));
    assert!(answer.status == 200 && answer.text().contains("delta temporality"), "{}", answer.text());
    assert_eq!(host.post("/api/v1/otlp/v1/metrics", "text/plain", b"{}").status, 415);
    assert_eq!(send(b"\xff\xff").status, 400);
}

#[test]
fn opentelemetry_sends_json_with_exemplars() {
    let host = Host::with_config("scrape_configs: []\n");
    let time_ns = now(&host) * 1_000_000;
    let message = |temporality: u8| {
        format!(
            r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},
               "scopeMetrics":[{{"metrics":[{{"name":"orders","sum":{{"aggregationTemporality":{temporality},"isMonotonic":true,
               "dataPoints":[{{"timeUnixNano":"{time_ns}","asInt":"7",
               "exemplars":[{{"timeUnixNano":"{time_ns}","asInt":"1","traceId":"0AF7651916CD43DD8448EB211C80319C"}}]}}]}}}}]}}]}}]}}"#
        )
    };
    let send = |body: &str| host.post("/api/v1/otlp/v1/metrics", "application/json", body.as_bytes());
    let answer = send(&message(2));
    assert_eq!((answer.status, answer.text().as_str(), answer.header("content-type")), (200, "{}", Some("application/json")));
    assert_eq!(host.sql("SELECT value, job FROM metrics.orders_total").lines(), ["7|shop"]);
    let trace = host.sql("SELECT metric, value, exemplar['trace_id'] AS trace FROM exemplars");
    assert_eq!(trace.lines(), ["orders_total|1|0af7651916cd43dd8448eb211c80319c"]);
    let refused = send(&message(1)).json();
    assert_eq!(refused["partialSuccess"]["rejectedDataPoints"], "1", "{refused}");
    let wrong = send("{\"resourceMetrics\": 5}");
    assert!(wrong.status == 400 && wrong.text().contains("OTLP's JSON"), "{}", wrong.text());
}

/// [`field`] of any length.
fn long_field(number: u8, content: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(content.len() as u64), content.to_vec()].concat()
}
