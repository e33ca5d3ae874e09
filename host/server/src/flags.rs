//! This server's settings as Prometheus's command line would say them: what `/api/v1/status/flags` and `runtimeinfo` show.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cepmon_model::format_duration;

use crate::cli::ServeArgs;
use crate::config::Retention;
use crate::web::WebOptions;

/// Binary units of sizes, the largest first, as Prometheus prints them.
const UNITS: [(&str, u64); 6] = [("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Flags that have a meaning here, without their dashes.
pub(crate) fn flags(args: &ServeArgs, retention: &Retention, address: SocketAddr, web: &WebOptions) -> BTreeMap<String, String> {
    let engine = &web.promql.engine;
    let milliseconds = |ms: i64| format_duration(std::time::Duration::from_millis(ms.unsigned_abs())).to_string();
    let flags = [
        ("config.file", args.config.as_deref().map(|path| path.display().to_string()).unwrap_or_default()),
        ("query.lookback-delta", milliseconds(engine.lookback_ms)),
        ("query.max-concurrency", web.promql.max_concurrency.to_string()),
        ("query.max-samples", engine.max_samples.to_string()),
        ("query.timeout", format_duration(engine.timeout).to_string()),
        ("storage.tsdb.path", args.data_dir.display().to_string()),
        ("storage.tsdb.retention.size", size(retention.bytes.unwrap_or_default())),
        ("storage.tsdb.retention.time", format_duration(retention.time.unwrap_or_default()).to_string()),
        ("web.enable-admin-api", web.is_admin_enabled.to_string()),
        ("web.enable-lifecycle", web.is_lifecycle_enabled.to_string()),
        ("web.enable-remote-write-receiver", web.is_remote_write_enabled.to_string()),
        ("web.listen-address", address.to_string()),
    ];
    flags.map(|(name, value)| (name.to_owned(), value)).into()
}

/// How long and how much is kept: `30d or 10GiB`; empty = everything.
pub(crate) fn retention_text(retention: &Retention) -> String {
    let time = retention.time.map(|time| format_duration(time).to_string());
    let bytes = retention.bytes.map(size);
    time.into_iter().chain(bytes).collect::<Vec<_>>().join(" or ")
}

fn size(mut bytes: u64) -> String {
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if bytes >= factor {
            text.push_str(&format!("{}{unit}", bytes / factor));
            bytes %= factor;
        }
    }
    if text.is_empty() { "0B".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn retention_is_said_as_prometheus_does() {
        let f = |days: Option<u64>, bytes: Option<u64>| {
            retention_text(&Retention { time: days.map(|days| Duration::from_secs(days * 86_400)), bytes })
        };
        assert_eq!(f(Some(30), Some(10 << 30)), "30d or 10GiB");
        assert_eq!(f(Some(15), None), "15d");
        assert_eq!(f(None, Some((1 << 30) + (512 << 20))), "1GiB512MiB");
        assert_eq!(f(None, None), "");
        assert_eq!(size(0), "0B");
    }
}
