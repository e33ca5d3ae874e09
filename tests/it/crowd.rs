//! Sixty-four plugins side by side, scraped every second, one of them crashing each time it is asked: nobody else misses a scrape.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use cepmon_tests::{Host, HostSettings, PATIENCE, guest, wait_until};

const PLUGINS: usize = 64;
const OTHERS: &str = "plugin LIKE 'crowd-%'";

/// How long; `CEPMON_CROWD_SECONDS=300 cargo nextest run -p cepmon-tests --no-capture sixty_three` is a measurement.
const SECONDS: u64 = 10;

#[test]
fn sixty_three_plugins_miss_nothing_while_one_crashes() {
    let seconds = std::env::var("CEPMON_CROWD_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let host = crowd();
    let others = format!("SELECT count(*) FROM scrapes WHERE {OTHERS}");
    let (cpu, started) = (host.own_metric("process_cpu_seconds_total"), host.count(&others));
    let mut peak = 0;
    // Nothing is asked meanwhile: statements would cost more than the scrapes.
    for _ in 0..seconds {
        sleep(Duration::from_secs(1));
        peak = peak.max(host.resident_bytes());
    }
    let cpu = (host.own_metric("process_cpu_seconds_total") - cpu) / seconds as f64;
    wait_until("the crowd", PATIENCE, || host.count(&others) >= started + (PLUGINS as u64 - 1) * seconds);
    eprintln!("{PLUGINS} plugins, {seconds} s: {:.1} % of a core, at most {} MiB resident", cpu * 100.0, peak >> 20);
    assert_nobody_missed_anything(&host);
}

fn crowd() -> Host {
    let settings = HostSettings::new();
    let plugins = settings.folder().join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/0.1.0/corpus-exporter.wasm")).unwrap();
    let mut config = String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n");
    for number in 1..PLUGINS {
        let name = format!("crowd-{number}");
        fs::write(plugins.join(format!("{name}.wasm")), renamed(&sample, "corpus-exporter", &name)).unwrap();
        config.push_str(&format!("- {{job_name: {name}, plugin: {name}}}\n"));
    }
    config.push_str("- {job_name: crash, plugin: hostile-trap}\n");
    settings.plugin(&guest("hostile-trap")).config(&config).start()
}

fn assert_nobody_missed_anything(host: &Host) {
    wait_until("the crash", PATIENCE, || host.count("SELECT count(*) FROM scrapes WHERE outcome = 'trap'") >= 5);
    let outcomes = host.sql(&format!("SELECT DISTINCT outcome FROM scrapes WHERE {OTHERS}"));
    assert_eq!(outcomes.column("outcome"), ["ok"]);
    let grid = format!(
        "SELECT is_complete, count(*) FROM (SELECT job, count(*) = (max(CAST(ts AS BIGINT)) - min(CAST(ts AS BIGINT))) / 1000 + 1 \
         AS is_complete FROM scrapes WHERE {OTHERS} GROUP BY job) GROUP BY is_complete"
    );
    assert_eq!(host.sql(&grid).lines(), [format!("true|{}", PLUGINS - 1)], "one scrape a second of each, without a gap");
    let missed = host.sql(&format!("SELECT sum(missed_scrapes) AS missed FROM targets WHERE {OTHERS}"));
    assert_eq!(missed.column("missed"), ["0"]);
}

/// The same plugin under another name: the manifest is the last section of the file.
fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    const SECTION: &[u8] = b"cepmon:manifest";
    let at = component.windows(SECTION.len()).rposition(|window| window == SECTION).unwrap();
    let manifest = std::str::from_utf8(&component[at + SECTION.len()..]).unwrap();
    let manifest = manifest.replacen(&format!("\"{from}\""), &format!("\"{to}\""), 1);
    let content = [&[SECTION.len() as u8], SECTION, manifest.as_bytes()].concat();
    let old_size = component.len() - at + 1;
    // Before the section's name stand its length, the section's size (LEB128) and the section's number, 0.
    let start = at - 1 - leb128(old_size).len() - 1;
    [&component[..start], &[0], &leb128(content.len()), &content].concat()
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number > 0 { byte | 0x80 } else { byte });
        if number == 0 {
            return bytes;
        }
    }
}
