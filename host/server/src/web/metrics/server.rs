//! Metrics of the server's own work: scrapes, logs, rules, notifications, configuration, HTTP.

use super::exposition::{Exposition, Kind};
use crate::schedule::{TargetHealth, TargetStatus};
use crate::web::stats::ServerStats;

/// Writes the counters.
pub(crate) fn write_server(page: &mut Exposition, stats: &ServerStats) {
    let version = env!("CARGO_PKG_VERSION");
    page.family("cepmon_build_info", Kind::Gauge, "Always 1; the labels say which cepmon this is.").sample(&[("version", version)], 1.0);

    let counters = [
        ("cepmon_scrapes_total", "Scrapes and probes that ended, well or badly.", &stats.scrapes),
        ("cepmon_scrape_failures_total", "Scrapes and probes that failed.", &stats.scrape_failures),
        ("cepmon_scrapes_skipped_total", "Scrapes left out because the one before was still running.", &stats.scrapes_skipped),
        ("cepmon_scraped_samples_total", "Samples that scrapes gave.", &stats.scraped_samples),
        ("cepmon_refused_samples_total", "Samples of scrapes that storage refused as conflicting or too old.", &stats.refused_samples),
        ("cepmon_remote_write_samples_total", "Samples received by remote write.", &stats.received_samples),
        ("cepmon_remote_write_refused_samples_total", "Those that were not stored.", &stats.refused_received_samples),
        ("cepmon_remote_write_histograms_total", "Native histograms received and stored.", &stats.received_histograms),
        ("cepmon_exemplars_total", "Exemplars of scrapes and remote write that were stored.", &stats.exemplars),
        ("cepmon_refused_exemplars_total", "Those that were not: labels too long, a time of the future.", &stats.refused_exemplars),
        ("cepmon_log_lines_total", "Log lines read.", &stats.log_lines),
        ("cepmon_log_bytes_total", "Bytes of log files read.", &stats.log_bytes),
        ("cepmon_unparsed_log_lines_total", "Log lines stored raw because the parser failed on them.", &stats.unparsed_log_lines),
        ("cepmon_rule_evaluations_total", "Expressions evaluated for rules and their templates.", &stats.rule_evaluations),
        ("cepmon_rule_evaluation_failures_total", "Expressions of rules and their templates that failed.", &stats.rule_failures),
        ("cepmon_notifications_total", "Notifications delivered.", &stats.notifications),
        ("cepmon_notification_failures_total", "Attempts to deliver a notification that failed.", &stats.notification_failures),
        ("cepmon_config_reload_failures_total", "Times the configuration was refused.", &stats.reload_failures),
    ];
    for (name, help, counter) in counters {
        page.single(name, Kind::Counter, help, counter.get() as f64);
    }

    let help = "Whether the last attempt to read the configuration succeeded.";
    page.single("cepmon_config_last_reload_successful", Kind::Gauge, help, f64::from(u8::from(stats.is_configured())));
    if let Some(at) = stats.configured_at() {
        let help = "When the configuration in force was read, in seconds since the unix epoch.";
        page.single("cepmon_config_last_reload_success_timestamp_seconds", Kind::Gauge, help, at as f64 / 1000.0);
    }

    let mut requests = page.family("cepmon_http_requests_total", Kind::Counter, "HTTP requests answered, by status.");
    for (status, count) in stats.requests() {
        requests.sample(&[("code", &status.to_string())], count as f64);
    }
}

/// Writes how many targets are in which state.
pub(crate) fn write_targets(page: &mut Exposition, targets: &[TargetStatus]) {
    let mut family = page.family("cepmon_targets", Kind::Gauge, "Targets by the outcome of their last scrape.");
    for health in [TargetHealth::Up, TargetHealth::Down, TargetHealth::Unknown] {
        let count = targets.iter().filter(|target| target.health == health).count();
        family.sample(&[("health", health.as_str())], count as f64);
    }
}
