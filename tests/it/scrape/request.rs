//! How a target is asked. Credentials come from the host and are neither logged nor shown.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use cepmon_tests::{Host, HostSettings, PATIENCE, Reply, Shelf, Target};

const PAGE: &str = "m 1\n";

#[test]
fn credentials_and_headers_go_to_the_target() {
    let plain = || Target::page(PAGE);
    let [basic, token, file, headers] = [plain(), plain(), plain(), plain()];
    let config = format!(
        "
global: {{scrape_interval: 1s, scrape_timeout: 500ms}}
scrape_configs:
- {{job_name: basic, basic_auth: {{username: ann, password: hunter2}}, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: token, authorization: {{type: Token, credentials: hunter2}}, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: file, bearer_token_file: token.txt, static_configs: [{{targets: ['{}']}}]}}
- job_name: headers
  http_headers: {{X-Team: {{values: [a]}}, X-Key: {{secrets: [hunter2]}}}}
  params: {{q: ['x y']}}
  enable_compression: false
  scrape_protocols: [PrometheusText0.0.4]
  static_configs: [{{targets: ['{}']}}]
",
        basic.address(),
        token.address(),
        file.address(),
        headers.address()
    );
    let host = HostSettings::new().config(&config).file("token.txt", "hunter2\n").start();
    host.wait_for_count("SELECT count(DISTINCT job) FROM metrics.m", 4, PATIENCE);
    let has = |target: &Target, line: &str| assert!(target.last_head().contains(line), "{line} is not in {}", target.last_head());
    has(&basic, "authorization: Basic YW5uOmh1bnRlcjI=\r\n");
    has(&basic, "x-prometheus-scrape-timeout-seconds: 0.5\r\n");
    has(&basic, "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,");
    has(&token, "authorization: Token hunter2\r\n");
    has(&file, "authorization: Bearer hunter2\r\n");
    has(&headers, "GET /metrics?q=x+y HTTP/1.1\r\n");
    has(&headers, "x-team: a\r\n");
    has(&headers, "accept-encoding: identity\r\n");
    has(&headers, "x-key: hunter2\r\n");
    has(&headers, "accept: text/plain;version=0.0.4;q=0.6,*/*;q=0.5\r\n");
    host.write_file("token.txt", "other");
    cepmon_tests::wait_until("the new token", PATIENCE, || file.last_head().contains("Bearer other"));
    assert!(!host.log().contains("hunter2"), "a secret is in the log");
}

#[test]
fn a_token_is_fetched_once_with_client_credentials() {
    let target = Target::replying(|head| match head.contains("authorization: Bearer t0ken\r\n") {
        true => Reply::new("text/plain", PAGE),
        false => Reply::new("text/plain", "no").status(401),
    });
    let giver = Target::replying(|head| match head.contains("authorization: Basic aWQ6c2VjcmV0\r\n") && head.starts_with("POST /token ") {
        true => Reply::new("application/json", r#"{"access_token": "t0ken", "token_type": "bearer", "expires_in": 3600}"#),
        false => Reply::new("text/plain", "no").status(403),
    });
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: a
  oauth2: {{client_id: id, client_secret: secret, scopes: [a, b], token_url: 'http://{}/token'}}
  static_configs: [{{targets: ['{}']}}]
",
        giver.address(),
        target.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(*) FROM metrics.m", 3, PATIENCE);
    assert_eq!(giver.requests(), 1);
}

#[test]
fn a_redirect_is_followed_without_credentials_and_only_when_the_job_wants_it() {
    let elsewhere = Target::page(PAGE);
    let location = format!("http://{}/metrics", elsewhere.address());
    let moved = Target::replying(|head| match head.starts_with("GET /metrics ") {
        true => Reply::new("", "").status(302).header("Location", "/moved"),
        false => Reply::new("text/plain", PAGE),
    });
    let away = Target::replying(move |_| Reply::new("", "").status(302).header("Location", &location));
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: moved, bearer_token: hunter2, static_configs: [{{targets: ['{0}']}}]}}
- {{job_name: stays, follow_redirects: false, static_configs: [{{targets: ['{0}']}}]}}
- {{job_name: away, bearer_token: hunter2, static_configs: [{{targets: ['{1}']}}]}}
",
        moved.address(),
        away.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE job = 'moved'", 1, PATIENCE);
    host.wait_for_count("SELECT count(DISTINCT job) FROM scrapes", 3, PATIENCE);
    assert!(host.value("SELECT DISTINCT error FROM scrapes WHERE job = 'stays'").unwrap().contains("302"));
    // A scrape may reach its own target and nothing else.
    assert!(host.value("SELECT DISTINCT outcome FROM scrapes WHERE job = 'away'").unwrap() == "denied");
    assert_eq!(elsewhere.requests(), 0);
}

#[test]
fn certificates_are_verified_unless_the_job_says_otherwise() {
    let shelf = Shelf::start();
    let url = shelf.put("/metrics", PAGE.as_bytes());
    let address = url.trim_start_matches("https://").trim_end_matches("/metrics").to_owned();
    let by_number = address.replace("localhost", "127.0.0.1");
    let ca = Shelf::authority();
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: unknown, scheme: https, static_configs: [{{targets: ['{address}']}}]}}
- {{job_name: known, scheme: https, tls_config: {{ca_file: '{ca}'}}, static_configs: [{{targets: ['{address}']}}]}}
- {{job_name: named, scheme: https, tls_config: {{ca_file: '{ca}', server_name: localhost, min_version: TLS13}}, static_configs: [{{targets: ['{by_number}']}}]}}
- {{job_name: any, scheme: https, tls_config: {{insecure_skip_verify: true}}, static_configs: [{{targets: ['{by_number}']}}]}}
",
        ca = ca.display()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(DISTINCT job) FROM scrapes", 4, PATIENCE);
    host.wait_for_count("SELECT count(DISTINCT job) FROM metrics.m", 3, PATIENCE);
    let error = host.value("SELECT DISTINCT error FROM scrapes WHERE job = 'unknown'").unwrap();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(host.sql("SELECT DISTINCT job FROM metrics.m ORDER BY job").column("job"), ["any", "known", "named"]);
}

/// A proxy that opens tunnels, and passes on what comes with a whole address.
fn proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || pass(stream).ok());
        }
    });
    address
}

fn pass(mut client: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    if !text.contains("proxy-authorization: Basic cHJveHk6cHc=\r\n") {
        return client.write_all(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n");
    }
    let word = text.split(' ').nth(1).unwrap_or_default().to_owned();
    if text.starts_with("CONNECT ") {
        let mut server = TcpStream::connect(word)?;
        client.write_all(b"HTTP/1.1 200 Go\r\n\r\n")?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server).ok());
        return std::io::copy(&mut server, &mut client).map(drop);
    }
    let body = format!("m{{asked=\"{word}\"}} 1\n");
    write!(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_proxy_is_told_the_whole_address_or_opens_a_tunnel() {
    let proxy = proxy();
    let shelf = Shelf::start();
    let url = shelf.put("/metrics", PAGE.as_bytes());
    let https = url.trim_start_matches("https://").trim_end_matches("/metrics").to_owned();
    let direct = Target::page(PAGE);
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: plain, proxy_url: 'http://proxy:pw@{proxy}', static_configs: [{{targets: ['nowhere.invalid:81']}}]}}
- {{job_name: tunnel, scheme: https, proxy_url: 'http://proxy:pw@{proxy}', tls_config: {{insecure_skip_verify: true}}, static_configs: [{{targets: ['{https}']}}]}}
- {{job_name: direct, proxy_url: 'http://{proxy}', no_proxy: '127.0.0.0/8', static_configs: [{{targets: ['{}']}}]}}
",
        direct.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(DISTINCT job) FROM metrics.m", 3, PATIENCE);
    assert_eq!(host.value("SELECT DISTINCT asked FROM metrics.m WHERE job = 'plain'").unwrap(), "http://nowhere.invalid:81/metrics");
}

#[test]
fn a_target_answers_in_the_format_that_it_likes() {
    let openmetrics = Target::replying(|_| {
        Reply::new("application/openmetrics-text; version=1.0.0", "# TYPE hits counter\nhits_total 3 # {trace_id=\"x\"} 1.0\n# EOF\n")
    });
    // A gauge `level` of 2.5: a family behind its length.
    let mut family = b"\x0a\x05level\x18\x01\x22\x0b\x12\x09\x09".to_vec();
    family.extend_from_slice(&2.5f64.to_le_bytes());
    let body = [vec![family.len() as u8], family].concat();
    let proto_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let protobuf = Target::replying(move |_| Reply::new(proto_type, body.clone()));
    let nameless = Target::replying(|_| Reply::new("", "# TYPE n counter\nn_total 1\n# EOF\n"));
    let unended = Target::replying(|_| Reply::new("application/openmetrics-text", "m 1\n"));
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: openmetrics, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: protobuf, scrape_protocols: [PrometheusProto], static_configs: [{{targets: ['{}']}}]}}
- {{job_name: nameless, fallback_scrape_protocol: OpenMetricsText1.0.0, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: unended, static_configs: [{{targets: ['{}']}}]}}
",
        openmetrics.address(),
        protobuf.address(),
        nameless.address(),
        unended.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(*) FROM metrics.hits_total WHERE value = 3", 1, PATIENCE);
    host.wait_for_count("SELECT count(*) FROM metrics.level WHERE value = 2.5", 1, PATIENCE);
    host.wait_for_count("SELECT count(*) FROM metrics.n_total", 1, PATIENCE);
    host.wait_for_count("SELECT count(*) FROM scrapes WHERE job = 'unended'", 1, PATIENCE);
    assert!(protobuf.last_head().contains("accept: application/vnd.google.protobuf;"), "{}", protobuf.last_head());
    assert!(host.value("SELECT DISTINCT error FROM scrapes WHERE job = 'unended'").unwrap().contains("EOF"));
}
