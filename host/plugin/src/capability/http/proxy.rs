//! A proxy between the host and a target: a tunnel for https, absolute addresses for http. Its own address is the operator's word, so it
//! may lie anywhere.

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::MAX_HEADER_BYTES;
use crate::abi::wit::types::{Error, IpFamily};
use crate::capability::network::address::Reach;
use crate::capability::network::connect::{Connected, Failure, connect};
use crate::http_options::HttpProxy;

/// A proxy, ready to be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Proxy {
    host: String,
    port: u16,
    /// `Proxy-Authorization`, if its address holds a user.
    authorization: Option<HeaderValue>,
    /// For the request that opens a tunnel.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Proxy {
    pub(crate) fn new(options: &HttpProxy) -> Result<Self, String> {
        let wrong = || "the proxy's address or headers cannot be used".to_owned();
        let url = Url::parse(options.url.reveal()).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let authorization = (!url.username().is_empty()).then(|| {
            let user = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
            secret_value(&format!("Basic {}", BASE64_STANDARD.encode(user)))
        });
        let authorization = authorization.transpose().map_err(|()| wrong())?;
        let headers = options
            .headers
            .iter()
            .map(|(name, value)| Ok((HeaderName::from_bytes(name.as_bytes()).map_err(|_| ())?, secret_value(value.reveal())?)));
        Ok(Self { host, port, authorization, headers: headers.collect::<Result<_, ()>>().map_err(|()| wrong())? })
    }

    /// Headers of a request that the proxy passes on.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
    }

    /// A connection to the proxy, or through it to `tunnel` (`host:port`).
    pub(crate) async fn connect(&self, tunnel: Option<&str>, deadline: Instant) -> Result<Connected, Failure> {
        let mut connected = connect(&self.host, self.port, IpFamily::Any, Reach::SYSTEM, deadline).await?;
        let Some(tunnel) = tunnel else { return Ok(connected) };
        let fail = |problem: String| Failure::Guest(Error::Unreachable(format!("cannot reach \"{tunnel}\" through the proxy: {problem}")));
        let mut request = format!("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n").into_bytes();
        let authorization = self.authorization.iter().map(|value| (&PROXY_AUTHORIZATION, value));
        for (name, value) in authorization.chain(self.headers.iter().map(|(name, value)| (name, value))) {
            request.extend_from_slice(name.as_str().as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        connected.stream.write_all(&request).await.map_err(|error| fail(error.to_string()))?;
        let mut answer = Vec::new();
        // Byte by byte, for what follows belongs to the tunnel; it is once per connection.
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = connected.stream.read_u8().await.map_err(|error| fail(error.to_string()))?;
            answer.push(byte);
            if answer.len() > MAX_HEADER_BYTES {
                return Err(fail("its answer never ends".to_owned()));
            }
        }
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') { Ok(connected) } else { Err(fail(format!("it answered with status {status}"))) }
    }
}

impl HttpProxy {
    /// Whether a host is reached without it, as `no_proxy` of curl and Go says: `*`, a name with all below it, an address, a network.
    pub(crate) fn excepts(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        self.excepted.iter().any(|excepted| {
            let name =
                excepted.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(excepted.as_str(), |(name, _)| name);
            let bare = name.trim_start_matches("*.").trim_start_matches('.');
            let is_below = host.strip_suffix(bare).is_some_and(|front| front.ends_with('.'));
            let is_in_network =
                address.zip(name.split_once('/')).is_some_and(|(address, (network, bits))| is_within(address, network, bits));
            excepted == "*" || is_in_network || (address.is_none() && is_below) || (host == bare && !name.starts_with('.'))
        })
    }
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let prefix = |value: u128, width: u32| value.checked_shr(width.saturating_sub(bits)).unwrap_or(0);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => prefix(u32::from(address).into(), 32) == prefix(u32::from(network).into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => prefix(address.into(), 128) == prefix(network.into(), 128),
        _ => false,
    }
}

fn decoded(text: &str) -> String {
    // `form_urlencoded` would read a plus as a blank.
    let pairs = text.replace('+', "%2B");
    url::form_urlencoded::parse(pairs.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

fn secret_value(text: &str) -> Result<HeaderValue, ()> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use cepmon_model::Secret;

    use super::*;

    #[test]
    fn hosts_that_need_no_proxy() {
        let proxy = |excepted: &[&str]| HttpProxy {
            url: Secret::new("http://proxy:3128"),
            excepted: excepted.iter().map(|text| (*text).to_owned()).collect(),
            headers: Vec::new(),
        };
        let f = |excepted: &str, host: &str, want: bool| assert_eq!(proxy(&[excepted]).excepts(host), want, "{excepted} {host}");
        f("*", "anything", true);
        f("example.com", "example.com", true);
        f("example.com", "a.example.com", true);
        f("example.com", "notexample.com", false);
        f(".example.com", "example.com", false);
        f(".example.com", "a.example.com", true);
        f("10.0.0.0/8", "10.1.2.3", true);
        f("10.0.0.0/8", "11.1.2.3", false);
        f("127.0.0.1", "127.0.0.1", true);
        f("example.com:80", "example.com", true);
    }
}
