//! Keeps web pages of strangers away from a server without authentication. It is no authentication: whoever can open a
//! connection and chooses the headers himself passes.
//!
//! Two doors are closed. *DNS rebinding*: a page's own name is made to point at 127.0.0.1, so the browser sends its requests here,
//! but with the stranger's name in `Host`. *Cross-site requests*: a page posts a form to http://127.0.0.1:9090; the browser then
//! names the page in `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::WebError;

/// The names under which the server may be addressed, besides loopback.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostPolicy {
    /// Lower case, without a port.
    hosts: Vec<String>,
    /// Users are asked for their password, so a page of strangers gets nowhere by a name.
    has_users: bool,
}

impl HostPolicy {
    /// `hosts` is `web.hosts` of the configuration: names or addresses; a port is allowed and ignored.
    pub(crate) fn new<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Self {
        Self { hosts: hosts.into_iter().map(|host| without_port(host.as_ref().trim()).to_ascii_lowercase()).collect(), has_users: false }
    }

    /// Every name may be used where users are asked for a password; pages of other sites stay out.
    pub(crate) fn with_users(self, has_users: bool) -> Self {
        Self { has_users, ..self }
    }

    /// Whether a `Host` header may pass.
    pub(crate) fn allows(&self, host: &str) -> bool {
        let name = without_port(host.trim()).trim_end_matches('.').to_ascii_lowercase();
        self.has_users || is_loopback(&name) || self.hosts.contains(&name)
    }

    /// Why a request must not pass, or `None`.
    fn refusal(&self, method: &Method, headers: &HeaderMap, authority: Option<&str>) -> Option<WebError> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // HTTP/1.0 clients and health checkers may send no Host at all; a browser, whom this is about, always does.
        let host = authority.or_else(|| header(header::HOST));
        if let Some(host) = host.filter(|host| !self.allows(host)) {
            return Some(WebError::ForeignHost { host: host.to_owned() });
        }
        if headers.contains_key(header::HOST) && header(header::HOST).is_none() {
            return Some(WebError::ForeignHost { host: "(not text)".to_owned() });
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        let origin = origin.to_str().unwrap_or("(not text)");
        let is_own = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        (!is_own).then(|| WebError::ForeignOrigin { origin: origin.to_owned() })
    }
}

/// The middleware: 403 with a clear text, or the request goes on.
pub(crate) async fn guard_host(State(policy): State<Arc<HostPolicy>>, request: Request, next: Next) -> Response {
    match policy.refusal(request.method(), request.headers(), request.uri().authority().map(|authority| authority.as_str())) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// `localhost`, names below it (RFC 6761: they never leave the machine), and every loopback address.
fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let is_loopback_address = address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    name == "localhost" || name.ends_with(".localhost") || is_loopback_address
}

/// The host of `host:port`, `[v6]:port` or a bare host.
fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    match host.rsplit_once(':') {
        // A bare IPv6 address holds more colons than that of a port.
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_loopback_and_named_hosts_pass() {
        let policy = HostPolicy::new(["Mon.example.com", "192.0.2.7:9090"]);
        for host in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "127.8.9.1", "[::1]:9090", "::1", "a.localhost", "localhost."] {
            assert!(policy.allows(host), "{host}");
        }
        for host in ["mon.example.com", "mon.example.com:443", "192.0.2.7:9090", "192.0.2.7"] {
            assert!(policy.allows(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.8", "notlocalhost"] {
            assert!(!policy.allows(host), "{host}");
        }
        for host in ["", "[::2]:9090", "x:y:z", "["] {
            assert!(!policy.allows(host), "{host}");
        }
    }

    #[test]
    fn a_post_from_another_site_is_refused() {
        let policy = HostPolicy::default();
        let refusal = |method: Method, host: &'static str, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            policy.refusal(&method, &headers, None).map(|error| error.to_string())
        };
        assert_eq!(refusal(Method::POST, "localhost:9090", None), None);
        assert_eq!(refusal(Method::POST, "localhost:9090", Some("http://localhost:9090")), None);
        assert_eq!(refusal(Method::GET, "localhost:9090", Some("https://evil.example")), None);
        assert!(refusal(Method::POST, "localhost:9090", Some("https://evil.example")).unwrap().contains("evil.example"));
        assert!(refusal(Method::POST, "localhost:9090", Some("null")).is_some());
        assert!(refusal(Method::POST, "localhost:9090", Some("http://localhost:8080")).is_some());
        assert!(refusal(Method::GET, "evil.example", None).unwrap().contains("web.hosts"));
    }
}
