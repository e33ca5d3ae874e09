//! What more than one benchmark needs: series and samples like a host's, CPU time and memory of this process. The benchmarks are in
//! `benches/`; `make bench` builds the guests that they need and runs them.
#![allow(clippy::unwrap_used, reason = "a benchmark says by panicking that it cannot go on")]

use cepmon_model::{LabelSet, MetricKind, MetricMetadata};

/// Series that are scraped together.
pub const TARGET_SERIES: usize = 1000;

/// Who a series is: six labels, fifty metrics.
pub fn labels(number: usize) -> LabelSet {
    let target = format!("host-{:03}.example.org:9100", number / TARGET_SERIES);
    LabelSet::from_pairs([
        ("__name__", format!("metric_{}", number % 50)),
        ("job", "node".to_owned()),
        ("instance", target),
        ("device", format!("dev{}", number / 50 % 20)),
        ("mode", ["user", "system", "idle"][number % 3].to_owned()),
        ("region", "eu-central-1".to_owned()),
    ])
}

/// What is known of its metric.
pub fn metadata(number: usize) -> MetricMetadata {
    MetricMetadata { kind: MetricKind::Counter, unit: String::new(), help: format!("What metric {} counts.", number % 50) }
}

/// A sample's value, in a mix as on a real host: constants, counters, gauges, seconds with two decimals, and floating-point noise. `state`
/// has one number per series, zero at first.
pub fn value(number: usize, step: i64, state: &mut [u64]) -> f64 {
    let mut random = state[number].wrapping_add(number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step as u64);
    random ^= random >> 29;
    random = random.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    random ^= random >> 32;
    match number % 10 {
        0..=2 => 42.0,
        3..=5 => {
            state[number] += random % 200;
            state[number] as f64
        }
        6 | 7 => {
            state[number] += random % 1500;
            state[number] as f64 / 100.0
        }
        8 => (random % 1000) as f64,
        _ => (random % 1_000_000_007) as f64 / 1_000_000_007.0,
    }
}

/// CPU time of this thread.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Resident memory of this process.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
