//! What the queries of the measuring bench cost over stored samples: `cargo bench -p cepmon-query -p cepmon-features --bench stored`.
//!
//! 2,000 series of four hosts, 24 hours, a sample every 15 s with gaps, counters that start again, histograms, gauges that wander. The
//! oldest hours are in blocks, merged as a server merges them, the youngest in memory. It prints milliseconds of CPU per query (the
//! mean of several, each at another end time) and the sums that DESIGN.md section 10 bounds, and asserts none.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use cepmon_model::{LabelSet, MetricMetadata};
use cepmon_query::{Engine, parse};
use cepmon_storage::{Storage, StorageOptions};

const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;
const STEPS: i64 = 24 * 240;
const HOSTS: u64 = 4;
const SERIES_OF_A_HOST: usize = 500;
/// 2026-01-02 00:00.
const END_MS: i64 = 1_767_312_000_000;

const QUERIES: [(&str, &str); 24] = [
    ("rate", "rate(http_requests_total[5m])"),
    ("p95", "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))"),
    ("err_pct", r#"(rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m])) * 100"#),
    ("mem_pct", "(node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) / node_memory_MemTotal_bytes * 100"),
    ("leads_24h", "increase(leads_total[24h])"),
    ("raw_select", r#"http_requests_total{status="200"}"#),
    ("sum_by_status", "sum by (status) (rate(http_requests_total[5m]))"),
    (
        "err_ratio_by_inst",
        r#"sum by (instance) (rate(http_requests_total{status=~"5.."}[5m])) / sum by (instance) (rate(http_requests_total[5m]))"#,
    ),
    ("p99_by_path", "histogram_quantile(0.99, sum by (le, path) (rate(http_request_duration_seconds_bucket[5m])))"),
    ("avg_latency", "sum(rate(http_request_duration_seconds_sum[5m])) / sum(rate(http_request_duration_seconds_count[5m]))"),
    ("topk", "topk(5, sum by (path) (rate(http_requests_total[5m])))"),
    ("cpu_busy", r#"100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100"#),
    ("max_over_time", "max_over_time(app_queue_depth[1h])"),
    ("quantile_ot", "quantile_over_time(0.9, app_queue_depth[30m])"),
    ("predict", "predict_linear(node_filesystem_avail_bytes[6h], 4 * 3600)"),
    ("offset_cmp", "sum(rate(http_requests_total[5m])) / sum(rate(http_requests_total[5m] offset 1h))"),
    ("subquery", "max_over_time(sum(rate(http_requests_total[5m]))[1h:1m])"),
    ("irate", "irate(node_network_receive_bytes_total[5m])"),
    ("absent", r#"absent(http_requests_total{job="nope"})"#),
    ("count_by", r#"count by (__name__) ({job="bench"})"#),
    (
        "group_left",
        "sum by (instance, status) (rate(http_requests_total[5m])) / on (instance) group_left sum by (instance) (rate(http_requests_total[5m]))",
    ),
    ("label_replace", r#"label_replace(sum by (instance) (node_load1), "host", "$1", "instance", "(.*):.*")"#),
    ("changes_resets", "sum(resets(http_requests_total[24h]))"),
    ("sort_desc_alert", "sum by (path) (increase(http_requests_total[1h])) > 0"),
];

/// Asked over one hour at most.
const HEAVY: [&str; 4] = ["leads_24h", "subquery", "changes_resets", "predict"];

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (storage, _) = Storage::open(StorageOptions::new(folder.path())).expect("an empty folder can be opened");
    let begun = Instant::now();
    load(&storage);
    println!("loaded in {:.1?}", begun.elapsed());
    // `24h/rate` for one query, and how often it is asked.
    let mut words = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let filter = words.next().unwrap_or_default();
    let repetitions: i64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(7);
    for (kind, span_ms, step_ms) in
        [("instant", 0, STEP_MS), ("1h", HOUR_MS, STEP_MS), ("6h", 6 * HOUR_MS, 60_000), ("24h", 24 * HOUR_MS, 300_000)]
    {
        let mut total = Duration::ZERO;
        for (id, text) in QUERIES {
            if !format!("{kind}/{id}").contains(&filter) || (span_ms > HOUR_MS && HEAVY.contains(&id)) {
                continue;
            }
            let expr = parse(text).expect("the query is valid");
            let begun = cpu_time();
            for number in 0..repetitions {
                let end = END_MS - number % 240 * step_ms;
                let snapshot = storage.snapshot();
                let engine = Engine::default();
                let answer = match span_ms {
                    0 => engine.instant(&snapshot, &expr, end),
                    _ => engine.range(&snapshot, &expr, end - span_ms, end, step_ms),
                };
                std::hint::black_box(answer.expect("the query has an answer"));
            }
            let mean = (cpu_time() - begun) / u32::try_from(repetitions).expect("few repetitions");
            total += mean;
            println!("{kind:8} {id:18} {:9.2}", mean.as_secs_f64() * 1e3);
        }
        println!("{kind:8} {:18} {:9.1}", "all", total.as_secs_f64() * 1e3);
    }
}

/// What this thread has computed so far: on a busy machine the clock on the wall says little.
fn cpu_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says what a thread has computed");
    let nanoseconds = statistics.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first number is a time"))
}

/// A well-mixed number of a number (splitmix64).
fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Constant,
    /// The share of a histogram's observations that it counts.
    Bucket(f64),
}

/// Name, labels and kind of a series.
type Shape = (String, Vec<(&'static str, String)>, Kind);

/// The series of one host, without `job` and `instance`.
fn layout() -> Vec<Shape> {
    const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];
    const STATUSES: [&str; 11] = ["200", "404", "500", "201", "304", "503", "301", "400", "401", "204", "502"];
    const BOUNDS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
    const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
    const APP: [&str; 5] =
        ["app_queue_depth", "app_cache_entries", "app_pool_connections", "app_last_job_timestamp_seconds", "app_build_flag"];
    let mut series: Vec<Shape> = Vec::new();
    let mut add = |name: &str, labels: &[(&'static str, &str)], kind: Kind| {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        series.push((name.to_owned(), labels, kind));
    };
    add("node_memory_MemTotal_bytes", &[], Kind::Constant);
    add("node_memory_MemAvailable_bytes", &[], Kind::Gauge);
    add("node_load1", &[], Kind::Gauge);
    for mode in MODES {
        ["0", "1"].into_iter().for_each(|cpu| add("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)], Kind::Counter));
    }
    for point in ["/", "/boot", "/var/lib"] {
        add("node_filesystem_avail_bytes", &[("device", "/dev/vda1"), ("fstype", "ext4"), ("mountpoint", point)], Kind::Gauge);
    }
    ["eth0", "lo"].into_iter().for_each(|device| add("node_network_receive_bytes_total", &[("device", device)], Kind::Counter));
    ["ads", "organic", "referral"].into_iter().for_each(|source| add("leads_total", &[("source", source)], Kind::Counter));
    for number in 0..160 {
        let path = format!("/path/{}", number % 16);
        add("http_requests_total", &[("method", METHODS[number / 176]), ("path", &path), ("status", STATUSES[number / 16])], Kind::Counter);
    }
    for number in 0..13 {
        let path = format!("/path/{number}");
        for (index, bound) in BOUNDS.into_iter().enumerate() {
            let share = (index + 1) as f64 / BOUNDS.len() as f64;
            add("http_request_duration_seconds_bucket", &[("le", bound), ("method", "GET"), ("path", &path)], Kind::Bucket(share));
        }
        add("http_request_duration_seconds_count", &[("method", "GET"), ("path", &path)], Kind::Bucket(1.0));
        add("http_request_duration_seconds_sum", &[("method", "GET"), ("path", &path)], Kind::Counter);
    }
    for number in 0.. {
        if series.len() == SERIES_OF_A_HOST {
            break;
        }
        let queue = format!("q-{}", number / 5);
        let kind = if number % 5 < 3 { Kind::Gauge } else { Kind::Constant };
        series.push((APP[number % 5].to_owned(), vec![("queue", queue), ("tier", "gold".to_owned())], kind));
    }
    series
}

/// Appends everything, and flushes and merges in between as a server does.
fn load(storage: &Storage) {
    let mut series = Vec::new();
    for host in 0..HOSTS {
        for (index, (name, labels, kind)) in layout().into_iter().enumerate() {
            let own = [("__name__", name), ("job", "bench".to_owned()), ("instance", format!("host-{host}:9100"))];
            let labels = LabelSet::from_pairs(own.into_iter().chain(labels));
            let reference = storage.series_ref(&labels, &MetricMetadata::default()).expect("a series can be added");
            // Buckets of one histogram count shares of the same observations.
            let seed = if matches!(kind, Kind::Bucket(_)) { host * 1_000 } else { host * 1_000 + index as u64 };
            series.push((reference, kind, host, mix(seed), 0.0));
        }
    }
    let first = END_MS - STEPS * STEP_MS;
    let mut batch = Vec::new();
    for step in 0..STEPS {
        for (reference, kind, host, hash, total) in &mut series {
            let is_missing = mix(step as u64 + *host * 10_007) % 1000 < 5;
            let noise = mix(hash.wrapping_add(step as u64));
            let value = match kind {
                Kind::Constant => (80_000_000 + *hash % 1000) as f64,
                Kind::Gauge => {
                    let angle = (step as f64 / STEPS as f64 + (*hash % 97) as f64 / 97.0) * std::f64::consts::TAU;
                    let value = 3e7 + (*hash % 9_000_000) as f64 * angle.sin() + (noise % 200_000) as f64;
                    (value * 1000.0).round() / 1000.0
                }
                Kind::Counter | Kind::Bucket(_) => {
                    let is_idle = *kind == Kind::Counter && *hash % 10 < 3;
                    let starts_again = *hash % 10 == 9 && step as u64 == (*hash >> 8) % STEPS as u64;
                    *total = if starts_again { 0.0 } else { *total + if is_idle { 0.0 } else { (noise % (1 + *hash % 400)) as f64 } };
                    if let Kind::Bucket(share) = kind { (*total * *share).floor() } else { *total }
                }
            };
            if !is_missing {
                batch.push((*reference, first + step * STEP_MS + (mix(*host) % STEP_MS as u64) as i64, value));
            }
        }
        if step % 40 == 39 {
            storage.append(&batch).expect("samples can be appended");
            batch.clear();
            storage.maintain(first + step * STEP_MS).expect("the storage can be maintained");
            while storage.compact(first + step * STEP_MS).expect("blocks can be merged").is_some() {}
        }
    }
}
