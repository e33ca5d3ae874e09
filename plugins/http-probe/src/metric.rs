//! The metrics of blackbox_exporter's prober `http`. Without an answer they are there as well, at 0, so that graphs have no holes.

use std::net::{IpAddr, SocketAddr};

use cepmon_sdk::http::{Certificate, Response, TlsInfo};
use cepmon_sdk::{Batch, Kind};

use crate::http_date::parse_http_date;
use crate::judge::Judgement;
use crate::settings::Settings;

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

pub(crate) fn emit(response: Option<&Response>, settings: &Settings, judgement: &Judgement, seconds: f64, batch: &mut Batch) {
    emit_address(response, batch);
    emit_phases(response, batch);
    let number = |value: Option<f64>| value.unwrap_or(0.0);
    batch.gauge("probe_failed_due_to_regex", "Indicates if probe failed due to regex", flag(judgement.is_regex_failure));
    batch.gauge("probe_http_content_length", "Length of http content response", number(response.map(content_length)));
    let last_modified = response.and_then(|response| parse_http_date(response.header("last-modified")?));
    if let Some(last_modified) = last_modified {
        let help = "Returns the Last-Modified HTTP response header in unixtime";
        batch.gauge("probe_http_last_modified_timestamp_seconds", help, last_modified as f64);
    }
    batch.gauge("probe_http_redirects", "The number of redirects", number(response.map(|response| redirects(response, settings))));
    let is_tls = response.is_some_and(|response| response.tls.is_some());
    batch.gauge("probe_http_ssl", "Indicates if SSL was used for the final redirect", flag(is_tls));
    let status = number(response.map(|response| f64::from(response.status)));
    batch.gauge("probe_http_status_code", "Response HTTP status code", status);
    let length = number(response.map(|response| response.body.len() as f64));
    batch.gauge("probe_http_uncompressed_body_length", "Length of uncompressed response body", length);
    let version = number(response.and_then(|response| response.version.parse().ok()));
    batch.gauge("probe_http_version", "Returns the version of HTTP of the probe response", version);
    if let Some(tls) = response.and_then(|response| response.tls.as_ref()) {
        emit_tls(tls, batch);
    }
    batch.gauge("probe_duration_seconds", "Returns how long the probe took to complete in seconds", seconds);
    batch.gauge("probe_success", "Displays whether or not the probe was a success", flag(judgement.verdict.is_up));
}

fn emit_address(response: Option<&Response>, batch: &mut Batch) {
    let address = response.and_then(|response| response.remote.parse::<SocketAddr>().ok()).map(|remote| remote.ip());
    let resolve = response.map_or(0.0, |response| seconds_of(response.phases.resolve_ns));
    batch.gauge("probe_dns_lookup_time_seconds", "Returns the time taken for probe dns lookup in seconds", resolve);
    let help = "Specifies the hash of IP address. It's useful to detect if the IP address changes.";
    batch.gauge("probe_ip_addr_hash", help, address.map_or(0.0, |address| f64::from(address_hash(address))));
    let protocol = match address {
        Some(IpAddr::V4(_)) => 4.0,
        Some(IpAddr::V6(_)) => 6.0,
        None => 0.0,
    };
    batch.gauge("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6", protocol);
}

/// FNV-1a over the sixteen bytes that Go keeps of every address.
fn address_hash(address: IpAddr) -> u32 {
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The host times the last request after redirects; blackbox_exporter sums over all of them.
fn emit_phases(response: Option<&Response>, batch: &mut Batch) {
    let phases = response.map(|response| &response.phases);
    let mut family =
        batch.family("probe_http_duration_seconds", Kind::Gauge, "Duration of http request by phase, summed over all redirects");
    let of = |ns: fn(&cepmon_sdk::http::Phases) -> u64| phases.map_or(0.0, |phases| seconds_of(ns(phases)));
    family.sample(&[("phase", "connect")], of(|phases| phases.connect_ns));
    family.sample(&[("phase", "processing")], of(|phases| phases.processing_ns));
    family.sample(&[("phase", "resolve")], of(|phases| phases.resolve_ns));
    family.sample(&[("phase", "tls")], of(|phases| phases.tls_ns));
    family.sample(&[("phase", "transfer")], of(|phases| phases.transfer_ns));
}

fn emit_tls(tls: &TlsInfo, batch: &mut Batch) {
    let earliest = tls.chain.iter().map(|certificate| certificate.not_after_s).min();
    if let Some(earliest) = earliest {
        batch.gauge("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime", earliest as f64);
        // The host hands over one chain, so the last chain to expire is this one.
        let help = "Returns last SSL chain expiry in timestamp";
        batch.gauge("probe_ssl_last_chain_expiry_timestamp_seconds", help, earliest as f64);
    }
    if let Some(leaf) = tls.chain.first() {
        emit_leaf(leaf, batch);
    }
    batch
        .family("probe_tls_version_info", Kind::Gauge, "Returns the TLS version used or NaN when unknown")
        .sample(&[("version", &tls.version)], 1.0);
}

fn emit_leaf(leaf: &Certificate, batch: &mut Batch) {
    let names = leaf.dns_names.join(",");
    let labels =
        [("fingerprint_sha256", &*leaf.sha256), ("issuer", &*leaf.issuer), ("subject", &*leaf.subject), ("subjectalternative", &*names)];
    batch.family("probe_ssl_last_chain_info", Kind::Gauge, "Contains SSL leaf certificate information").sample(&labels, 1.0);
}

/// As Go: what the header says, −1 without it (chunked, or unpacked on the way).
fn content_length(response: &Response) -> f64 {
    let header = response.header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok());
    header.unwrap_or(-1.0)
}

/// A redirect that is not followed counts as one, as in blackbox_exporter.
fn redirects(response: &Response, settings: &Settings) -> f64 {
    let is_refused = !settings.follow_redirects && REDIRECTS.contains(&response.status) && response.header("location").is_some();
    f64::from(u16::from(response.redirects) + u16::from(is_refused))
}

fn seconds_of(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
