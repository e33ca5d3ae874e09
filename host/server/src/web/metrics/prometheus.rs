//! Metrics under the names that rules and dashboards for Prometheus and Alertmanager themselves ask for (Prometheus 2.48, Alertmanager
//! 0.26). Only what has the same meaning here; labels that would have no meaning are left out.

use std::collections::BTreeMap;

use cepmon_alert::rule::GroupStatus;
use cepmon_storage::StorageStats;

use super::exposition::{Exposition, Kind};
use crate::alerting::QUEUE_CAPACITY;
use crate::schedule::TargetStatus;
use crate::web::Running;
use crate::web::prometheus::{PROMETHEUS_VERSION, PromqlAccess};
use crate::web::stats::ServerStats;

/// What is known before there is any data.
pub(super) fn write_configuration(page: &mut Exposition, stats: &ServerStats, promql: &PromqlAccess, is_ready: bool) {
    let build = [("version", PROMETHEUS_VERSION), ("revision", concat!("cepmon-", env!("CARGO_PKG_VERSION")))];
    page.family("prometheus_build_info", Kind::Gauge, "Always 1; the version is the one whose API this is.").sample(&build, 1.0);
    page.single("prometheus_ready", Kind::Gauge, "Whether the server is ready.", flag(is_ready));
    let is_configured = flag(stats.is_configured());
    for name in ["prometheus_config_last_reload_successful", "alertmanager_config_last_reload_successful"] {
        page.single(name, Kind::Gauge, "Whether the last attempt to read the configuration succeeded.", is_configured);
    }
    if let Some(at) = stats.configured_at() {
        let help = "When the configuration in force was read, in seconds since the unix epoch.";
        page.single("prometheus_config_last_reload_success_timestamp_seconds", Kind::Gauge, help, at as f64 / 1000.0);
    }
    let (running, most) = promql.queries();
    page.single("prometheus_engine_queries", Kind::Gauge, "Queries over HTTP that run now.", running as f64);
    page.single("prometheus_engine_queries_concurrent_max", Kind::Gauge, "Queries over HTTP that may run at once.", most as f64);
    let counters = [
        ("prometheus_rule_evaluations_total", "Expressions evaluated for rules.", stats.rule_evaluations.get()),
        ("prometheus_rule_evaluation_failures_total", "Expressions of rules that failed.", stats.rule_failures.get()),
        (
            "prometheus_target_scrapes_sample_duplicate_timestamp_total",
            "Scraped samples that storage refused.",
            stats.refused_samples.get(),
        ),
        ("alertmanager_notifications_total", "Attempts to notify.", stats.notifications.get() + stats.notification_failures.get()),
        ("alertmanager_notifications_failed_total", "Attempts to notify that failed.", stats.notification_failures.get()),
    ];
    for (name, help, value) in counters {
        page.single(name, Kind::Counter, help, value as f64);
    }
}

/// What runs.
pub(super) fn write_running(page: &mut Exposition, running: &Running, targets: &[TargetStatus], storage: &StorageStats) {
    write_alertmanagers(page, running);
    write_targets(page, targets);
    write_rules(page, &running.control.rules());
    write_storage(page, storage);
}

fn write_alertmanagers(page: &mut Exposition, running: &Running) {
    let sent = running.control.sent_alerts();
    let told = running.control.alertmanager_url().into_iter().count() + sent.len();
    let help = "Alertmanagers that are told of alerts: the one in this process, if it has receivers, and others.";
    page.single("prometheus_notifications_alertmanagers_discovered", Kind::Gauge, help, told as f64);
    let mut family = page.family("prometheus_notifications_sent_total", Kind::Counter, "Alerts sent to other Alertmanagers.");
    for (url, counts) in &sent {
        family.sample(&[("alertmanager", url)], counts.sent as f64);
    }
    let mut family = page.family("prometheus_notifications_errors_total", Kind::Counter, "Alerts sent to others that did not arrive.");
    for (url, counts) in &sent {
        family.sample(&[("alertmanager", url)], counts.errors as f64);
    }
    let (waiting, dropped) = running.control.alert_queue();
    page.single("prometheus_notifications_queue_length", Kind::Gauge, "Alerts that wait to be sent to others.", waiting as f64);
    page.single("prometheus_notifications_queue_capacity", Kind::Gauge, "How many may wait.", QUEUE_CAPACITY as f64);
    page.single("prometheus_notifications_dropped_total", Kind::Counter, "Alerts for which there was no room.", dropped as f64);
}

fn write_targets(page: &mut Exposition, targets: &[TargetStatus]) {
    let mut by_job: BTreeMap<&str, usize> = BTreeMap::new();
    for target in targets {
        *by_job.entry(&target.job).or_default() += 1;
    }
    let mut family = page.family("prometheus_sd_discovered_targets", Kind::Gauge, "Targets by job.");
    for (job, count) in &by_job {
        family.sample(&[("name", "scrape"), ("config", job)], *count as f64);
    }
    let mut family = page.family("prometheus_target_scrape_pool_targets", Kind::Gauge, "Targets that are scraped, by job.");
    for (job, count) in &by_job {
        family.sample(&[("scrape_job", job)], *count as f64);
    }
}

fn write_rules(page: &mut Exposition, groups: &[GroupStatus]) {
    type GaugeOf = (&'static str, &'static str, fn(&GroupStatus) -> Option<f64>);
    const GAUGES: [GaugeOf; 4] = [
        ("prometheus_rule_group_interval_seconds", "How often a group is evaluated.", |group| Some(group.interval.as_secs_f64())),
        ("prometheus_rule_group_last_duration_seconds", "How long its last evaluation took.", |group| {
            group.last_evaluation.map(|_| group.last_duration_seconds)
        }),
        ("prometheus_rule_group_last_evaluation_timestamp_seconds", "When it was evaluated last.", |group| {
            group.last_evaluation.map(|at| at as f64 / 1000.0)
        }),
        ("prometheus_rule_group_rules", "Its rules.", |group| Some(group.rules.len() as f64)),
    ];
    for (name, help, value) in GAUGES {
        let mut family = page.family(name, Kind::Gauge, help);
        for group in groups {
            if let Some(value) = value(group) {
                family.sample(&[("rule_group", &format!("{};{}", group.file, group.name))], value);
            }
        }
    }
}

fn write_storage(page: &mut Exposition, stats: &StorageStats) {
    let gauges = [
        ("prometheus_tsdb_head_series", "Series in memory.", stats.head_series),
        ("prometheus_tsdb_blocks_loaded", "Live blocks.", stats.blocks),
        ("prometheus_tsdb_storage_blocks_bytes", "Bytes of live blocks.", stats.block_bytes),
        ("prometheus_tsdb_wal_storage_size_bytes", "Bytes of the write-ahead log.", stats.wal_bytes),
    ];
    for (name, help, value) in gauges {
        page.single(name, Kind::Gauge, help, value as f64);
    }
    let counters = [
        ("prometheus_tsdb_head_samples_appended_total", "Samples stored.", stats.appended_samples_total),
        ("prometheus_tsdb_out_of_bound_samples_total", "Samples refused as too old.", stats.too_old_samples_total),
        ("prometheus_tsdb_head_truncations_total", "Times that memory was written into blocks.", stats.flushes_total),
        ("prometheus_tsdb_head_truncations_failed_total", "Times that this failed.", stats.flush_failures_total),
        ("prometheus_tsdb_wal_writes_failed_total", "Writes that the log refused.", stats.append_failures_total),
        ("prometheus_tsdb_compactions_total", "Merges of blocks.", stats.compactions_total),
        ("prometheus_tsdb_compactions_failed_total", "Merges that failed.", stats.compaction_failures_total),
    ];
    for (name, help, value) in counters {
        page.single(name, Kind::Counter, help, value as f64);
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
