//! `kill -9` at any moment, and at each step of a flush: what was acknowledged is there after the next start, all of it, once.
//!
//! A scrape counts as acknowledged when its row can be seen in the table `scrapes`, as somebody who asks by SQL sees it. Every scrape of a
//! target has as many samples as any other, and all of them have the number of the request as their value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::thread;
use std::time::Duration;

use cepmon_tests::{Host, HostSettings, PATIENCE, Target, http, wait_until};

use crate::tree::text;

/// Kills; `CEPMON_KILLS=200 cargo nextest run -p cepmon-tests --no-capture kill_9` is the long run.
const KILLS: u32 = 20;
const TARGETS: usize = 3;
const SERIES: u32 = 40;

/// The fault points of a flush in their order, as `cepmon-storage` names them.
const FAULT_POINTS: [&str; 9] = [
    "flush-frozen",
    "samples-written",
    "series-written",
    "logs-written",
    "tables-written",
    "manifest-aside",
    "manifest-renamed",
    "blocks-published",
    "log-cut",
];

/// The fault points of a merge of blocks, as `cepmon-storage` names them.
const REWRITE_FAULT_POINTS: [&str; 7] = [
    "rewrite-began",
    "rewrite-rows-written",
    "rewrite-written",
    "rewrite-block-named",
    "rewrite-manifest-aside",
    "rewrite-manifest-renamed",
    "rewrite-published",
];

/// Job and time of a scrape.
type Scrape = (String, String);

fn targets() -> Vec<Target> {
    let page = |number| (0..SERIES).map(|series| format!("crash_total{{series=\"{series}\"}} {number}\n")).collect();
    (0..TARGETS).map(|_| Target::numbered(page)).collect()
}

fn host(targets: &[Target]) -> Host {
    let mut config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n".to_owned();
    for (number, target) in targets.iter().enumerate() {
        config.push_str(&format!("- {{job_name: job-{number}, static_configs: [{{targets: ['{}']}}]}}\n", target.address()));
    }
    HostSettings::new().config(&config).start()
}

/// What somebody could see: rows of scrapes whose samples were stored. More than one row of a scrape is a failure at once.
fn acknowledged(host: &Host) -> BTreeSet<Scrape> {
    acknowledged_if_alive(host).unwrap()
}

fn acknowledged_if_alive(host: &Host) -> Result<BTreeSet<Scrape>, String> {
    let rows = host.try_sql("SELECT job, ts, count(*) AS rows FROM scrapes WHERE outcome = 'ok' AND error IS NULL GROUP BY job, ts")?;
    assert!(rows.column("rows").iter().all(|count| count == "1"), "a scrape has two rows: {rows:?}");
    Ok(rows.column("job").into_iter().zip(rows.column("ts")).collect())
}

/// Compares what is stored with what was acknowledged: no sample of an acknowledged scrape is lost, none is doubled, and of no scrape is
/// only a part there.
fn compare(host: &Host, acknowledged: &BTreeSet<Scrape>) {
    let rows = host.sql(
        "SELECT job, ts, count(*) AS samples, count(DISTINCT series) AS series, count(DISTINCT value) AS numbers \
         FROM metrics.crash_total GROUP BY job, ts",
    );
    let counts = rows.lines().into_iter().map(|line| line.split('|').skip(2).collect::<Vec<_>>().join("|"));
    let stored: BTreeMap<Scrape, String> = rows.column("job").into_iter().zip(rows.column("ts")).zip(counts).collect();
    let whole = format!("{SERIES}|{SERIES}|1");
    let lost: Vec<_> = acknowledged.iter().filter(|scrape| !stored.contains_key(*scrape)).collect();
    let damaged: Vec<_> = stored.iter().filter(|(_, counts)| **counts != whole).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged scrapes are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(damaged.is_empty(), "samples|series|numbers should be {whole}: {damaged:?}");
    let ups = host.count("SELECT count(*) FROM (SELECT job, ts FROM metrics.up GROUP BY job, ts HAVING count(*) <> 1)");
    assert_eq!(ups, 0, "`up` is doubled");
    let rows: BTreeSet<Scrape> = self::acknowledged(host);
    assert!(acknowledged.is_subset(&rows), "rows of scrapes are lost: {:?}", acknowledged.difference(&rows).collect::<Vec<_>>());
}

#[test]
fn every_fault_point_of_storage_is_tried_here() {
    let source = text(Path::new("storage/src/dir/fault.rs"));
    let listed = |name: &str| -> Vec<&str> {
        let list = source.split_once(&format!("const {name}")).unwrap().1.split("];").next().unwrap();
        list.split('"').skip(1).step_by(2).collect()
    };
    assert_eq!(listed("FAULT_POINTS"), FAULT_POINTS);
    assert_eq!(listed("REWRITE_FAULT_POINTS"), REWRITE_FAULT_POINTS);
}

fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

#[test]
fn kill_9_twenty_times_during_ingest_loses_and_doubles_nothing_that_was_acknowledged() {
    let targets = targets();
    let mut host = host(&targets);
    let mut seen = BTreeSet::new();
    let kills = std::env::var("CEPMON_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    for kill in 0..kills {
        let before = seen.len();
        wait_until("more scrapes", PATIENCE, || acknowledged(&host).len() > before + TARGETS);
        // Every second time somewhere within a flush or shortly after it.
        let address = host.address();
        let flush = (kill % 2 == 1).then(|| thread::spawn(move || http::post(address, "/api/v1/admin/flush", "application/json", b"")));
        seen.extend(acknowledged(&host));
        thread::sleep(Duration::from_millis(random(250)));
        host.kill();
        if let Some(flush) = flush {
            // Whether it was answered before the end does not matter.
            drop(flush.join().unwrap());
        }
        host.start_again();
        compare(&host, &seen);
    }
    host.flush();
    compare(&host, &seen);
    eprintln!(
        "{kills} kills, {} scrapes: none lost, none doubled; {} blocks in the end",
        seen.len(),
        host.own_metric("cepmon_storage_blocks")
    );
    assert!(seen.len() >= TARGETS * kills as usize, "{} scrapes are too few to say anything", seen.len());
}

#[test]
fn a_crash_between_any_two_steps_of_a_flush_loses_and_doubles_nothing() {
    let targets = targets();
    let mut host = host(&targets);
    let mut seen = BTreeSet::new();
    for point in FAULT_POINTS {
        assert!(host.stop().success());
        host.set_environment("CEPMON_FAULT", Some(&format!("{point}:abort")));
        host.start_again();
        let before = seen.len();
        wait_until("more scrapes", PATIENCE, || acknowledged(&host).len() > before + TARGETS);
        seen.extend(acknowledged(&host));
        let unanswered = http::post(host.address(), "/api/v1/admin/flush", "application/json", b"");
        assert!(unanswered.is_err(), "{point}: the flush did not get there: {unanswered:?}");
        assert!(!host.wait().success(), "{point}");
        host.set_environment("CEPMON_FAULT", None);
        host.start_again();
        compare(&host, &seen);
    }
    host.flush();
    compare(&host, &seen);
}

#[test]
fn a_crash_between_any_two_steps_of_a_merge_loses_and_doubles_nothing() {
    let targets = targets();
    let mut host = host(&targets);
    let mut seen = BTreeSet::new();
    for point in REWRITE_FAULT_POINTS {
        assert!(host.stop().success());
        host.set_environment("CEPMON_FAULT", Some(&format!("{point}:abort")));
        host.start_again();
        // Every flush makes blocks, and a merge begins by itself once there are enough.
        wait_until(&format!("the end at {point}"), PATIENCE, || {
            seen.extend(acknowledged_if_alive(&host).unwrap_or_default());
            http::post(host.address(), "/api/v1/admin/flush", "application/json", b"").is_err()
        });
        assert!(!host.wait().success(), "{point}");
        host.set_environment("CEPMON_FAULT", None);
        host.start_again();
        compare(&host, &seen);
        wait_until("the merge", PATIENCE, || host.own_metric("cepmon_storage_compactions_total") > 0.0);
        compare(&host, &seen);
    }
    host.flush();
    compare(&host, &seen);
}

#[test]
fn a_flush_that_fails_at_any_step_keeps_everything_and_the_next_one_succeeds() {
    let targets = targets();
    let mut host = host(&targets);
    let mut seen = BTreeSet::new();
    for point in ["samples-written", "manifest-aside", "manifest-renamed", "log-cut"] {
        assert!(host.stop().success());
        host.set_environment("CEPMON_FAULT", Some(&format!("{point}:fail")));
        host.start_again();
        let before = seen.len();
        wait_until("more scrapes", PATIENCE, || acknowledged(&host).len() > before + TARGETS);
        let failed = host.post("/api/v1/admin/flush", "application/json", b"");
        assert_eq!(failed.status, 503, "{point}: {}", failed.text());
        seen.extend(acknowledged(&host));
        compare(&host, &seen);
        // A stop would try once more, and say that it failed.
        host.kill();
        host.set_environment("CEPMON_FAULT", None);
        host.start_again();
        compare(&host, &seen);
        host.flush();
        compare(&host, &seen);
    }
}
