//! From the pieces of a line to the fields of a row, under the same names whatever the format was.

use cepmon_sdk::{Row, Severity};

use crate::combined::Access;
use crate::json::Member;
use crate::time::Clock;

/// The fields that every access log has, in column order.
pub(crate) const KEYS: [&str; 9] =
    ["remote_addr", "remote_user", "method", "path", "protocol", "status", "body_bytes_sent", "referer", "user_agent"];
const REMOTE_ADDR: usize = 0;
const REMOTE_USER: usize = 1;
const METHOD: usize = 2;
const PATH: usize = 3;
const PROTOCOL: usize = 4;
const STATUS: usize = 5;
const BODY_BYTES_SENT: usize = 6;
const REFERER: usize = 7;
const USER_AGENT: usize = 8;

pub(crate) fn write_access(access: &Access<'_>, row: &mut Row<'_, '_>, clock: &mut Clock) {
    let fields = [
        (REMOTE_ADDR, access.remote_addr),
        (REMOTE_USER, access.remote_user),
        (STATUS, access.status),
        (BODY_BYTES_SENT, access.body_bytes_sent),
        (REFERER, access.referer),
        (USER_AGENT, access.user_agent),
    ];
    for (key, value) in fields {
        write(row, key, value);
    }
    write_request(row, access.request);
    row.severity(severity_of(access.status));
    if let Some(time_ns) = clock.parse(access.time) {
        row.time_ns(time_ns);
    }
}

/// Variables of nginx and the short names that people give them mean the same field; other members keep their own names.
pub(crate) fn write_members(members: &[Member<'_>], row: &mut Row<'_, '_>, clock: &mut Clock) {
    let mut has_time = false;
    for member in members {
        let value = member.value.as_ref();
        let key = match member.key.as_ref() {
            b"remote_addr" | b"client_ip" => REMOTE_ADDR,
            b"remote_user" => REMOTE_USER,
            b"request_method" | b"method" => METHOD,
            b"request_uri" | b"uri" | b"path" => PATH,
            b"server_protocol" | b"protocol" => PROTOCOL,
            b"status" => {
                row.severity(severity_of(value));
                STATUS
            }
            b"body_bytes_sent" | b"bytes_sent" => BODY_BYTES_SENT,
            b"http_referer" | b"http_referrer" | b"referer" | b"referrer" => REFERER,
            b"http_user_agent" | b"user_agent" => USER_AGENT,
            b"request" => {
                write_request(row, value);
                continue;
            }
            b"time_local" | b"time_iso8601" | b"msec" | b"time" | b"timestamp" | b"@timestamp" | b"ts" => {
                match clock.parse(value).filter(|_| !has_time) {
                    Some(time_ns) => {
                        row.time_ns(time_ns);
                        has_time = true;
                    }
                    None => write_other(row, &member.key, value),
                }
                continue;
            }
            _ => {
                write_other(row, &member.key, value);
                continue;
            }
        };
        write(row, key, value);
    }
}

fn write_other(row: &mut Row<'_, '_>, key: &[u8], value: &[u8]) {
    if let Ok(key) = std::str::from_utf8(key) {
        row.named_field(key, value);
    }
}

/// `GET /path HTTP/1.1`. What is not of this shape (a TLS handshake sent to a plain port) is a path.
fn write_request(row: &mut Row<'_, '_>, request: &[u8]) {
    let mut pieces = request.splitn(2, |&byte| byte == b' ');
    let (method, rest) = (pieces.next().unwrap_or_default(), pieces.next());
    let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    match rest {
        Some(rest) if is_method => {
            let last_blank = rest.iter().rposition(|&byte| byte == b' ').filter(|&at| rest[at + 1..].starts_with(b"HTTP/"));
            write(row, METHOD, method);
            write(row, PATH, &rest[..last_blank.unwrap_or(rest.len())]);
            write(row, PROTOCOL, last_blank.map_or(b"", |at| &rest[at + 1..]));
        }
        _ => write(row, PATH, request),
    }
}

/// nginx writes `-` for what is not there.
fn write(row: &mut Row<'_, '_>, key: usize, value: &[u8]) {
    if !value.is_empty() && value != b"-" {
        row.field(key, value);
    }
}

fn severity_of(status: &[u8]) -> Severity {
    match status.first() {
        Some(b'1'..=b'3') => Severity::Info,
        Some(b'4') => Severity::Warn,
        Some(b'5') => Severity::Error,
        _ => Severity::Unknown,
    }
}
