//! The scrape's request: URL and headers as Prometheus sends them. What the job keeps secret is added by the host.

use cepmon_sdk::Target;
use cepmon_sdk::http::Request;

use crate::settings::{Protocol, Settings};

const USER_AGENT: &str = concat!("cepmon/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: u8 = 10;

/// The request of one scrape. The host asks for gzip and undoes it, unless the job says that compression is not wanted.
#[must_use]
pub fn scrape(target: &Target, settings: &Settings) -> Request {
    let request = Request::get(url(target, settings));
    let request = if settings.enable_compression { request } else { request.header("Accept-Encoding", "identity") };
    request
        .header("Accept", accept(settings))
        .header("User-Agent", USER_AGENT)
        .header("X-Prometheus-Scrape-Timeout-Seconds", target.timeout.as_secs_f64().to_string())
        .decompress(settings.enable_compression)
        .max_body(settings.body_limit())
        .max_redirects(if settings.follow_redirects { MAX_REDIRECTS } else { 0 })
}

/// The header of Prometheus 3, so that an exporter that looks at it answers the same: the formats of the job with falling weights, then
/// anything.
#[must_use]
pub fn accept(settings: &Settings) -> String {
    let mut weight = 6;
    let mut header = String::new();
    for protocol in &settings.scrape_protocols {
        let media_type = match protocol {
            Protocol::Protobuf => "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            Protocol::Text0_0_4 => "text/plain;version=0.0.4",
            Protocol::Text1_0_0 => "text/plain;version=1.0.0",
            Protocol::OpenMetrics0_0_1 => "application/openmetrics-text;version=0.0.1",
            Protocol::OpenMetrics1_0_0 => "application/openmetrics-text;version=1.0.0",
        };
        header.push_str(media_type);
        if matches!(protocol, Protocol::Text1_0_0 | Protocol::OpenMetrics1_0_0) {
            header.push_str(";escaping=");
            header.push_str(&settings.escaping);
        }
        header.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    header.push_str(&format!("*/*;q=0.{weight}"));
    header
}

/// `scheme://address/path?parameters`, the parameters sorted by name as Go's `url.Values` does. An address that is a URL already is one
/// that the host has put together.
#[must_use]
pub fn url(target: &Target, settings: &Settings) -> String {
    if target.address.contains("://") {
        return target.address.clone();
    }
    let mut url = format!("{}://{}", settings.scheme, target.address);
    if !settings.metrics_path.starts_with('/') {
        url.push('/');
    }
    url.push_str(&settings.metrics_path);
    let mut parameters: Vec<&(String, String)> = target.parameters.iter().collect();
    parameters.sort_by(|left, right| left.0.cmp(&right.0));
    for (index, (name, value)) in parameters.into_iter().enumerate() {
        let is_first = index == 0 && !settings.metrics_path.contains('?');
        url.push(if is_first { '?' } else { '&' });
        push_escaped(&mut url, name);
        url.push('=');
        push_escaped(&mut url, value);
    }
    url
}

/// As Go's `url.QueryEscape`.
fn push_escaped(url: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            b' ' => url.push('+'),
            byte => {
                url.push('%');
                url.push(char::from(HEX[usize::from(byte >> 4)]));
                url.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_escaped() {
        let mut target = Target { address: "127.0.0.1:9115".into(), ..Target::default() };
        target.parameters = vec![("target".into(), "https://a.example/?q=x y".into()), ("module".into(), "http_2xx".into())];
        let mut settings = Settings { metrics_path: "probe".into(), ..Settings::default() };
        assert_eq!(url(&target, &settings), "http://127.0.0.1:9115/probe?module=http_2xx&target=https%3A%2F%2Fa.example%2F%3Fq%3Dx+y");
        settings.metrics_path = "/m?a=b".into();
        target.parameters.truncate(1);
        assert_eq!(url(&target, &settings), "http://127.0.0.1:9115/m?a=b&target=https%3A%2F%2Fa.example%2F%3Fq%3Dx+y");
    }

    #[test]
    fn the_accept_header_is_prometheus_3_s() {
        assert_eq!(
            accept(&Settings::default()),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        let settings = Settings { scrape_protocols: vec![Protocol::Text1_0_0], escaping: "dots".into(), ..Settings::default() };
        assert_eq!(accept(&settings), "text/plain;version=1.0.0;escaping=dots;q=0.6,*/*;q=0.5");
    }

    #[test]
    fn an_address_that_is_a_url_stays_as_it_is() {
        let target = Target { address: "https://a:1/m?x=y".into(), ..Target::default() };
        assert_eq!(url(&target, &Settings::default()), "https://a:1/m?x=y");
    }
}
