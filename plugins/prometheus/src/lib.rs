//! Scrapes any `/metrics` endpoint: the classic targets of a `prometheus.yml`.
//!
//! Parsing is `cepmon-prometheus-parser`'s. This relabels nothing, looks for no duplicates and keeps no state between calls: all three
//! are the host's.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

pub mod settings;
pub mod request;

use cepmon_prometheus_parser::{Format, Options, parse};
use cepmon_sdk::{Batch, Error, Target};
use settings::Settings;

/// One scrape. A body with an error fails the whole scrape, as in Prometheus.
#[cepmon_sdk::exporter]
pub fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let settings: Settings = target.settings()?;
    let response = request::scrape(target, &settings).send()?;
    if response.status != 200 {
        return Err(Error::Protocol(format!("server returned HTTP status {}", response.status)));
    }
    if response.is_truncated {
        let limit = response.body.len();
        return Err(Error::Protocol(format!("cannot read the body: it is larger than {limit} bytes; see body_size_limit")));
    }
    let content_type = response.header("content-type").unwrap_or_default();
    let format = Format::of_content_type(content_type).unwrap_or_else(|| settings.fallback());
    let columns = parse(response.body, format, Options { honor_timestamps: settings.honor_timestamps })
        .map_err(|error| Error::Protocol(error.to_string()))?;
    *batch = Batch::from_columns(columns);
    Ok(())
}
