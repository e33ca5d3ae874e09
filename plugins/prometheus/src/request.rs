//! The scrape's request: URL and headers as Prometheus 2.48 sends them, without protobuf.

use cepmon_sdk::Target;
use cepmon_sdk::http::{Request, TlsOptions};

use crate::settings::Settings;

/// Prometheus 2.48's, so that an exporter that looks at it answers the same.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const USER_AGENT: &str = concat!("cepmon/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: u8 = 10;

/// The request of one scrape. The host asks for gzip and undoes it.
#[must_use]
pub fn scrape(target: &Target, settings: &Settings) -> Request {
    let mut request = Request::get(url(target, settings))
        .header("Accept", ACCEPT)
        .header("User-Agent", USER_AGENT)
        .header("X-Prometheus-Scrape-Timeout-Seconds", target.timeout.as_secs_f64().to_string())
        .max_body(settings.body_limit())
        .max_redirects(if settings.follow_redirects { MAX_REDIRECTS } else { 0 });
    if !settings.bearer_token.is_empty() {
        request = request.bearer(&settings.bearer_token);
    } else if !settings.username.is_empty() {
        request = request.basic(&settings.username, &settings.password);
    }
    for (name, value) in &settings.headers {
        request = request.header(name, value.as_bytes());
    }
    let has_tls_settings = settings.tls_insecure_skip_verify || !settings.tls_server_name.is_empty() || !settings.tls_ca.is_empty();
    if settings.scheme == "https" && has_tls_settings {
        request = request.tls(TlsOptions {
            server_name: Some(settings.tls_server_name.clone()).filter(|name| !name.is_empty()),
            verify: !settings.tls_insecure_skip_verify,
            ca_pem: Some(settings.tls_ca.clone().into_bytes()).filter(|pem| !pem.is_empty()),
            certificate_pem: None,
            key_pem: None,
        });
    }
    request
}

/// `scheme://address/path?parameters`, the parameters sorted by name as Go's `url.Values` does.
#[must_use]
pub fn url(target: &Target, settings: &Settings) -> String {
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
}
