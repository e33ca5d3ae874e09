//! Answers in, verdicts and metrics out.

use cepmon_sdk::http::{Certificate, Phases, Response, TlsInfo};
use cepmon_sdk::testing::{exposition, target};
use cepmon_sdk::{Batch, Error, Target};

use crate::judge::{Judgement, judge};
use crate::metric::emit;
use crate::settings::Settings;

fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        version: "1.1".into(),
        headers: vec![("Content-Type".into(), b"text/html".to_vec()), ("Last-Modified".into(), b"Sun, 06 Nov 1994 08:49:37 GMT".to_vec())],
        body: body.as_bytes().to_vec(),
        is_truncated: false,
        wire_bytes: body.len() as u64,
        redirects: 1,
        url: "https://shop.example/".into(),
        remote: "192.0.2.7:443".into(),
        phases: Phases { resolve_ns: 1_000_000, connect_ns: 2_000_000, tls_ns: 30_000_000, processing_ns: 4_500_000, transfer_ns: 500_000 },
        tls: Some(TlsInfo {
            version: "TLS 1.3".into(),
            cipher: "TLS13_AES_128_GCM_SHA256".into(),
            chain: vec![certificate("CN=shop.example", 1_800_000_000), certificate("CN=Example CA", 1_790_000_000)],
        }),
    }
}

fn certificate(subject: &str, not_after_s: i64) -> Certificate {
    Certificate {
        subject: subject.into(),
        issuer: "CN=Example CA".into(),
        serial: "01".into(),
        not_before_s: 0,
        not_after_s,
        dns_names: vec!["shop.example".into(), "www.shop.example".into()],
        sha256: "ab12".into(),
    }
}

fn judged(json: &str, response: &Response) -> Judgement {
    let settings: Settings = target("", json).settings().unwrap();
    judge(response, &settings, &settings.compile().unwrap())
}

#[test]
fn each_rule_fails_the_probe_with_its_reason() {
    let ok = answer(200, "<h1>Welcome</h1>");
    let f = |json: &str, want: &str, is_regex_failure: bool| {
        let judgement = judged(json, &ok);
        assert!(!judgement.verdict.is_up, "{json}");
        assert_eq!((judgement.verdict.detail.as_str(), judgement.is_regex_failure), (want, is_regex_failure), "{json}");
    };
    f(r#"{"valid_status_codes":["201","3xx"]}"#, "invalid status code 200", false);
    f(r#"{"fail_if_body_matches_regexp":["(?i)welcome"]}"#, "the body matches \"(?i)welcome\"", true);
    f(r#"{"fail_if_body_not_matches_regexp":["Login"]}"#, "the body does not match \"Login\"", true);
    f(r#"{"fail_if_header_matches":{"content-type":"html"}}"#, "header content-type matches \"html\"", true);
    f(r#"{"fail_if_header_not_matches":{"Content-Type":"json"}}"#, "header Content-Type does not match \"json\"", true);
    f(r#"{"fail_if_header_not_matches":{"X-Id":"."}}"#, "header X-Id is missing", true);
    f(r#"{"valid_http_versions":["HTTP/2.0"]}"#, "invalid HTTP version HTTP/1.1", false);
    f(r#"{"fail_if_ssl":true}"#, "the final request was over TLS", false);
    let plain = Response { tls: None, ..answer(204, "") };
    assert_eq!(judged(r#"{"fail_if_not_ssl":true}"#, &plain).verdict.detail, "the final request was not over TLS");
    assert_eq!(judged("{}", &answer(404, "")).verdict.detail, "invalid status code 404");
}

#[test]
fn an_answer_that_passes_every_rule_is_up() {
    let json = r#"{"valid_status_codes":["2xx"],"fail_if_body_not_matches_regexp":["Wel"],"fail_if_header_not_matches":{"content-type":"^text/"}}"#;
    assert!(judged(json, &answer(200, "Welcome")).verdict.is_up);
    assert!(judged("{}", &answer(204, "")).verdict.is_up);
}

#[test]
fn metrics_have_the_names_of_blackbox_exporter() {
    let response = answer(200, "hello");
    let judgement = judged("{}", &response);
    let mut batch = Batch::new();
    emit(Some(&response), &Settings::default(), &judgement, 0.04, &mut batch);
    let text = exposition(&batch.into_columns());
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    expect_test::expect![[r#"
        probe_dns_lookup_time_seconds 0.001
        probe_ip_addr_hash 3434461628
        probe_ip_protocol 4
        probe_http_duration_seconds{phase="connect"} 0.002
        probe_http_duration_seconds{phase="processing"} 0.0045
        probe_http_duration_seconds{phase="resolve"} 0.001
        probe_http_duration_seconds{phase="tls"} 0.03
        probe_http_duration_seconds{phase="transfer"} 0.0005
        probe_failed_due_to_regex 0
        probe_http_content_length -1
        probe_http_last_modified_timestamp_seconds 784111777
        probe_http_redirects 1
        probe_http_ssl 1
        probe_http_status_code 200
        probe_http_uncompressed_body_length 5
        probe_http_version 1.1
        probe_ssl_earliest_cert_expiry 1790000000
        probe_ssl_last_chain_expiry_timestamp_seconds 1790000000
        probe_ssl_last_chain_info{fingerprint_sha256="ab12",issuer="CN=Example CA",subject="CN=shop.example",subjectalternative="shop.example,www.shop.example"} 1
        probe_tls_version_info{version="TLS 1.3"} 1
        probe_duration_seconds 0.04
        probe_success 1"#]]
    .assert_eq(&samples.join("\n"));
}

#[test]
fn a_target_that_does_not_answer_is_down_with_all_metrics_at_zero() {
    let (verdict, text) = cepmon_sdk::testing::check(crate::check, &target("192.0.2.1:81", "{}")).unwrap();
    assert!(!verdict.is_up);
    assert!(verdict.detail.starts_with("cannot ask http://192.0.2.1:81"), "{}", verdict.detail);
    assert!(text.contains("\nprobe_success 0\n") && text.contains("\nprobe_http_status_code 0\n"), "{text}");
}

#[test]
fn settings_that_cannot_work_are_an_error_and_not_a_verdict() {
    let f = |json: &str, want: &str| {
        let error = cepmon_sdk::testing::check(crate::check, &target("a", json)).unwrap_err();
        assert!(matches!(&error, Error::Config(text) if text.starts_with(want)), "{error}");
    };
    f(r#"{"valid_status_codes":["ok"]}"#, "cannot use \"ok\" of valid_status_codes: expected a code or 2xx");
    f(r#"{"fail_if_body_matches_regexp":["("]}"#, "cannot use \"(\" of fail_if_body_matches_regexp: ");
    f(r#"{"compression":"br"}"#, "cannot use compression \"br\": the host undoes gzip only");
    let target = Target { settings_json: r#"{"nonsense":1}"#.into(), ..Target::default() };
    assert!(target.settings::<Settings>().is_err());
}
