//! The probe's request.

use cepmon_sdk::Target;
use cepmon_sdk::http::{Request, TlsOptions};

use crate::settings::Settings;

const USER_AGENT: &str = concat!("cepmon/", env!("CARGO_PKG_VERSION"));
/// As blackbox_exporter.
const MAX_REDIRECTS: u8 = 10;

/// A target without a scheme is taken as http.
pub(crate) fn of(target: &Target, settings: &Settings) -> Request {
    let mut request = Request::new(&settings.method, url(&target.address))
        .body(settings.body.as_bytes())
        .max_body(settings.body_limit())
        .max_redirects(if settings.follow_redirects { MAX_REDIRECTS } else { 0 })
        .decompress(settings.compression == "gzip");
    if !settings.headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent")) {
        request = request.header("User-Agent", USER_AGENT);
    }
    for (name, value) in &settings.headers {
        request = request.header(name, value.as_bytes());
    }
    if !settings.bearer_token.is_empty() {
        request = request.bearer(&settings.bearer_token);
    } else if !settings.username.is_empty() {
        request = request.basic(&settings.username, &settings.password);
    }
    let has_tls_settings = settings.tls_insecure_skip_verify || !settings.tls_server_name.is_empty() || !settings.tls_ca.is_empty();
    if has_tls_settings {
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

fn url(address: &str) -> String {
    let has_scheme = address.starts_with("http://") || address.starts_with("https://");
    if has_scheme { address.to_owned() } else { format!("http://{address}") }
}
