//! The recorded lines, each with what becomes of it.

use std::fmt::Write as _;

use cepmon_sdk::testing::{lines, parse, row_fields};

fn shown(log: &[&str]) -> String {
    let lines = lines(log, "{}");
    let columns = parse(crate::parse, &lines).unwrap();
    assert_eq!(columns.rows.len(), log.len(), "every line keeps its row");
    let mut out = String::new();
    for row in 0..columns.rows.len() {
        let time = columns.times_ns.get(row).filter(|time| **time != i64::MIN).map(|time| time / 1_000_000);
        let fields: Vec<String> = row_fields(&lines, &columns, row).iter().map(|(key, value)| format!("{key}={value}")).collect();
        writeln!(out, "{time:?} {} {}", columns.severities[row], fields.join(" | ")).unwrap();
    }
    out
}

#[test]
fn every_line_of_the_fixture_is_told_apart() {
    let log: Vec<&str> = include_str!("../fixtures/access.log").lines().collect();
    expect_test::expect![[r#"
        Some(1795383004000) 9 remote_addr=192.0.2.14 | method=GET | path=/courses?page=2 | protocol=HTTP/1.1 | status=200 | body_bytes_sent=18234 | referer=https://school.example/ | user_agent=Mozilla/5.0 (X11; Linux x86_64)
        Some(1795383004000) 9 remote_addr=2001:db8::7 | remote_user=anna maria | method=POST | path=/login | protocol=HTTP/2.0 | status=302 | body_bytes_sent=0 | user_agent=curl/7.88.1
        Some(1795383005000) 13 remote_addr=192.0.2.99 | path=\x16\x03\x01\x00 | status=400 | body_bytes_sent=157
        Some(1795383006000) 17 remote_addr=192.0.2.14 | method=GET | path=/a b | protocol=HTTP/1.1 | status=503 | body_bytes_sent=197 | user_agent=ELB-HealthChecker/2.0
        Some(1795383007000) 13 remote_addr=192.0.2.15 | method=HEAD | path=/ | protocol=HTTP/1.0 | status=404
        Some(1795383008000) 9 remote_addr=192.0.2.20 | method=GET | path=/api/users?q=año | protocol=HTTP/1.1 | status=200 | body_bytes_sent=512 | user_agent=say "hi" | request_time=0.031
        Some(1795383009250) 17 method=DELETE | path=/api/users/7 | status=500 | ts=2020-01-01T00:00:00Z | labels={"team":"a","list":[1,"]"]}
        None 0 
        None 0 
    "#]]
    .assert_eq(&shown(&log));
}

#[test]
fn hostile_lines_keep_their_rows() {
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let wide = format!("{{{}\"z\":1}}", (0..1000).map(|index| format!("\"k{index}\":{index},")).collect::<String>());
    let hostile = [
        "",
        " ",
        "{",
        "{}",
        "{}x",
        "{\"",
        "{\"a\\",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud83d\\ude00\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "a b [",
        "- - - [] \"\" 200 1",
        deep.as_str(),
        wide.as_str(),
    ];
    let text = shown(&hostile);
    assert!(text.contains("a=\u{1f600}"), "{text}");
    assert!(text.contains("k100=100"), "{text}");
}
