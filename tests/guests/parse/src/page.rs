//! The page and its parsing, compiled into the guest and, by the benchmark, natively.

use std::fmt::Write;

use cepmon_plugin_prometheus::parse::{Format, Options, parse};

/// Parses a page and counts its samples.
pub fn parse_page(page: &str) -> usize {
    parse(page.as_bytes().to_vec(), Format::of_content_type(b"text/plain; version=0.0.4"), Options { honor_timestamps: true })
        .map_or(0, |columns| columns.values.len())
}

/// A page of about so many bytes: families of fifty samples with three labels, counters and gauges.
pub fn exposition(bytes: usize) -> String {
    let mut page = String::with_capacity(bytes + 8192);
    for family in 0.. {
        if page.len() >= bytes {
            break;
        }
        let kind = if family % 2 == 0 { "counter" } else { "gauge" };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "# HELP app_family_{family} What the application did.\n# TYPE app_family_{family} {kind}");
        for sample in 0..50 {
            let (path, status, value) = (sample % 10, 200 + sample / 10, f64::from(family * 50 + sample) * 1.5);
            let _ = writeln!(page, "app_family_{family}{{method=\"GET\",path=\"/api/v1/items/{path}\",status=\"{status}\"}} {value}");
        }
    }
    page
}
