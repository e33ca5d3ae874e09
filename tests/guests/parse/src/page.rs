//! The page and its parsing, compiled into the guest and, by the benchmark, natively.

use cepmon_prometheus_parser::{Format, Options, parse};

/// Parses a page and counts its samples.
pub(crate) fn parse_page(page: &str) -> usize {
    parse(page.as_bytes().to_vec(), Format::Text, Options { honor_timestamps: true }).map_or(0, |columns| columns.values.len())
}

/// A page of about so many bytes: families of fifty samples with three labels, counters and gauges.
pub(crate) fn exposition(bytes: usize) -> String {
    let mut page = String::with_capacity(bytes + 8192);
    for family in 0.. {
        if page.len() >= bytes {
            break;
        }
        let kind = if family % 2 == 0 { "counter" } else { "gauge" };
        page.push_str(&format!("# HELP app_family_{family} What the application did.\n# TYPE app_family_{family} {kind}\n"));
        for sample in 0..50 {
            let (path, status, value) = (sample % 10, 200 + sample / 10, f64::from(family * 50 + sample) * 1.5);
            page.push_str(&format!("app_family_{family}{{method=\"GET\",path=\"/api/v1/items/{path}\",status=\"{status}\"}} {value}\n"));
        }
    }
    page
}
