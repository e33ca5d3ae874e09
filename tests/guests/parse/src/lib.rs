//! Parses a page of its own with the `prometheus` plugin's parser: the same code that the benchmark runs natively. Nothing of the
//! page crosses the border, so a call costs the parsing and one copy of the page.

mod page;

use std::sync::OnceLock;

use cepmon_sdk::{Batch, Error, Kind, Target};
use page::{exposition, parse_page};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Settings {
    body_bytes: usize,
}

#[cepmon_sdk::exporter]
fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    static PAGE: OnceLock<String> = OnceLock::new();
    let settings: Settings = target.settings()?;
    let page = PAGE.get_or_init(|| exposition(settings.body_bytes));
    batch.family("parsed_samples", Kind::Gauge, "Samples of the page.").sample(&[], parse_page(page) as f64);
    Ok(())
}
