//! History of Prometheus: blocks that its own tool made, the head of a real one that was killed, into a directory and to a server.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use cepmon_tests::{Finished, HostSettings, PATIENCE, Prometheus, Target, compared_program, http, wait_for, wait_until};

/// 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000;
const SERIES: i64 = 20;
/// A sample every 15 s for about three hours, so that there are two blocks.
const SAMPLES: i64 = 700;

/// Series as numbers that count, decimals, fractions and constants; half of them with times between the seconds.
fn history() -> (String, BTreeSet<String>) {
    let (mut text, mut rows) = (String::new(), BTreeSet::new());
    for series in 0..SERIES {
        for index in 0..SAMPLES {
            let value = match series % 4 {
                0 => (index * series) as f64,
                1 => (index % 97) as f64 + 0.25,
                2 => index as f64 / 7.0,
                _ => 5.0,
            };
            let ms = (START + index * 15) * 1000 + if series % 2 == 0 { 0 } else { index % 1000 };
            writeln!(text, "m_{series}{{job=\"j{}\"}} {value} {}.{:03}", series % 3, ms / 1000, ms % 1000).unwrap();
            rows.insert(format!("m_{series},j{},{ms},{value}", series % 3));
        }
    }
    text.push_str("# EOF\n");
    (text, rows)
}

/// Writes the history and makes blocks of it; `None` where there is no promtool.
fn blocks(folder: &Path) -> Option<BTreeSet<String>> {
    let program = compared_program("promtool")?;
    let (text, rows) = history();
    fs::write(folder.join("history.txt"), text).unwrap();
    let made = Command::new(program)
        .args(["tsdb", "create-blocks-from", "openmetrics", "history.txt", "prometheus"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(rows)
}

fn import(settings: &HostSettings, arguments: &[&str]) -> Finished {
    settings.run(&[&["import"], arguments].concat())
}

/// All samples of the data directory, one a line.
fn stored(settings: &HostSettings) -> Vec<String> {
    let query = "SELECT metric || ',' || coalesce(labels['job'], '') || ',' || CAST(CAST(ts AS BIGINT) AS TEXT) || ',' || CAST(value AS TEXT) AS row \
                 FROM samples ORDER BY metric, ts";
    let answer = settings.run(&["sql", "--data-dir", "data", "-o", "json", query]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let answer: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    answer["rows"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

fn assert_is(settings: &HostSettings, rows: &BTreeSet<String>) {
    let stored = stored(settings);
    assert_eq!(stored.len(), rows.len());
    // Numbers print alike in both, but for a fraction of zero.
    let plain = |row: &str| row.strip_suffix(".0").unwrap_or(row).to_owned();
    let (found, want): (BTreeSet<String>, BTreeSet<String>) =
        (stored.iter().map(|row| plain(row)).collect(), rows.iter().map(|row| plain(row)).collect());
    let missing: Vec<&String> = want.difference(&found).take(3).collect();
    assert!(missing.is_empty() && found == want, "missing: {missing:?}");
}

#[test]
fn blocks_of_prometheus_are_imported_sample_by_sample_and_only_once() {
    let settings = HostSettings::new();
    let Some(rows) = blocks(settings.folder()) else { return };
    let finished = import(&settings, &["prometheus", "prometheus"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, format!("imported {0} samples, {0} of them new\n", rows.len()));
    assert_is(&settings, &rows);
    let again = import(&settings, &["prometheus", "prometheus"]);
    assert!(again.stderr.contains("imported before"), "{}", again.stderr);
    // The same from text: nothing of it is new.
    let again = import(&settings, &["openmetrics", "history.txt"]);
    assert_eq!(again.stdout, format!("imported {} samples, 0 of them new\n", rows.len()));
    assert_is(&settings, &rows);
}

#[test]
fn an_archive_is_imported_in_parts_by_selector_and_time() {
    let settings = HostSettings::new();
    let Some(rows) = blocks(settings.folder()) else { return };
    let packed = Command::new("tar").args(["czf", "backup.tar.gz", "prometheus"]).current_dir(settings.folder()).status().unwrap();
    assert!(packed.success());
    let middle = (START + 3000).to_string();
    let first = import(&settings, &["prometheus", "backup.tar.gz", "--match", "{job=\"j0\"}", "--start", &middle]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let is_selected = |row: &&String| {
        let columns: Vec<&str> = row.split(',').collect();
        columns[1] == "j0" && columns[2].parse::<i64>().unwrap() >= (START + 3000) * 1000
    };
    assert_is(&settings, &rows.iter().filter(is_selected).cloned().collect());
    let rest = import(&settings, &["prometheus", "backup.tar.gz"]);
    assert_eq!(rest.code, Some(0), "{}", rest.stderr);
    assert_is(&settings, &rows);
}

#[test]
fn an_import_that_dies_goes_on_where_it_was() {
    let settings = HostSettings::new().environment("CEPMON_FAULT", "flush-frozen");
    let Some(rows) = blocks(settings.folder()) else { return };
    let died = import(&settings, &["prometheus", "prometheus"]);
    assert_eq!(died.code, None, "it was not killed: {}", died.stderr);
    let settings = settings.environment("CEPMON_FAULT", "");
    let finished = import(&settings, &["prometheus", "prometheus"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("imported before"), "{}", finished.stderr);
    assert_is(&settings, &rows);
}

#[test]
fn a_damaged_chunk_is_named_and_the_rest_is_imported() {
    let settings = HostSettings::new();
    let Some(rows) = blocks(settings.folder()) else { return };
    let mut segments: Vec<_> =
        fs::read_dir(settings.folder().join("prometheus")).unwrap().map(|entry| entry.unwrap().path().join("chunks/000001")).collect();
    segments.sort();
    let mut bytes = fs::read(&segments[0]).unwrap();
    bytes[20] ^= 1;
    fs::write(&segments[0], bytes).unwrap();
    let finished = import(&settings, &["prometheus", "prometheus"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("cannot read a chunk of m_0{job=\"j0\"} (segment 000001, byte 8): its checksum is wrong"),
        "{}",
        finished.stderr
    );
    let stored = stored(&settings);
    assert!(stored.len() < rows.len() && stored.len() >= rows.len() - 300, "{} of {}", stored.len(), rows.len());
}

#[test]
fn samples_are_sent_to_a_running_server() {
    let settings = HostSettings::new().config("");
    let Some(rows) = blocks(settings.folder()) else { return };
    let host = settings.start();
    let url = format!("http://{}", host.address());
    let finished = host.run(&["import", "prometheus", "prometheus", "--url", &url]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(host.count("SELECT count(*) FROM samples WHERE metric LIKE 'm\\_%'"), rows.len() as u64);
    let busy = host.run(&["import", "prometheus", "prometheus"]);
    assert!(busy.code == Some(1) && busy.stderr.contains("--url"), "{}", busy.stderr);
}

#[test]
fn the_head_of_a_prometheus_that_was_killed_is_imported() {
    let target = Target::numbered(|number| format!("# TYPE orders_total counter\norders_total{{shop=\"a\"}} {number}\n"));
    let settings = HostSettings::new();
    let config = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    );
    let Some(prometheus) = Prometheus::start(settings.folder(), &config) else { return };
    let count = || {
        let answer = http::get(prometheus.address(), "/api/v1/query?query=count_over_time(orders_total%5B1h%5D)").ok()?;
        // 503 until it has started.
        let answer = (answer.status == 200).then(|| answer.json())?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse::<u64>().ok()
    };
    // More than a chunk of 120 samples, so that there are files in chunks_head too.
    wait_until("Prometheus to scrape", PATIENCE, || count().is_some_and(|count| count > 150));
    let before = wait_for("an answer of Prometheus", PATIENCE, count);
    drop(prometheus);
    for _ in 0..2 {
        let finished = import(&settings, &["prometheus", "prometheus-data"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }
    let orders: Vec<String> = stored(&settings).into_iter().filter(|row| row.starts_with("orders_total,shop,")).collect();
    let value = |row: &String| row.rsplit(',').next().unwrap().parse::<f64>().unwrap() as u64;
    let (first, last) = (value(&orders[0]), value(&orders[orders.len() - 1]));
    // The target counts its answers, so every scrape since the first has to be there, once.
    assert_eq!(last - first + 1, orders.len() as u64);
    assert!(orders.len() as u64 >= before, "{} of {before}", orders.len());
}
