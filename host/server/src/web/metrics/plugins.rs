//! Metrics of plugins, from the counters that the plugin host keeps.

use cepmon_model::FailureKind;
use cepmon_plugin::{PluginState, PluginStats, PluginStatus};

use super::exposition::{Exposition, Kind};

/// A counter of every plugin.
type CounterOf = (&'static str, &'static str, fn(&PluginStats) -> f64);

const COUNTERS: [CounterOf; 11] = [
    ("cepmon_plugin_calls_total", "Calls begun; those refused while backing off are not.", |stats| stats.calls as f64),
    ("cepmon_plugin_backed_off_calls_total", "Calls refused while backing off.", |stats| stats.backed_off as f64),
    ("cepmon_plugin_cpu_seconds_total", "CPU time of calls, host functions included.", |stats| stats.cpu.as_secs_f64()),
    ("cepmon_plugin_wall_seconds_total", "Wall time of calls.", |stats| stats.wall.as_secs_f64()),
    ("cepmon_plugin_read_bytes_total", "Bytes read for the plugin: HTTP bodies on the wire, files.", |stats| stats.bytes_in as f64),
    ("cepmon_plugin_answered_bytes_total", "Bytes that the plugin answered.", |stats| stats.bytes_out as f64),
    ("cepmon_plugin_host_calls_total", "Calls of granted host functions.", |stats| stats.host_calls as f64),
    ("cepmon_plugin_denials_total", "Requests of the plugin that its grants do not allow.", |stats| stats.denials as f64),
    ("cepmon_plugin_log_lines_total", "Lines that the plugin logged.", |stats| stats.log_lines as f64),
    ("cepmon_plugin_dropped_log_bytes_total", "Bytes that the plugin logged beyond its limit.", |stats| stats.log_bytes_dropped as f64),
    ("cepmon_plugin_guests_total", "Guests started.", |stats| stats.guests_started as f64),
];

/// Writes `cepmon_plugin_*`.
pub(crate) fn write_plugins(page: &mut Exposition, plugins: &[PluginStatus], guest_memory_bytes: usize) {
    let help = "Always 1; the labels say which file the plugin is.";
    let mut family = page.family("cepmon_plugin_info", Kind::Gauge, help);
    for plugin in plugins {
        let kind = plugin.kind.map_or("", |kind| kind.as_str());
        let digest = plugin.digest.map(|digest| digest.to_string()).unwrap_or_default();
        family.sample(&[("plugin", &plugin.name), ("version", &plugin.version), ("kind", kind), ("digest", &digest)], 1.0);
    }
    gauge(page, plugins, "cepmon_plugin_ready", "Whether the plugin can be called.", |plugin| flag(plugin.state == PluginState::Ready));
    gauge(page, plugins, "cepmon_plugin_backing_off", "Whether any target of the plugin waits after failures.", |plugin| {
        flag(plugin.is_backing_off)
    });
    let help = "The most memory that one guest ever had.";
    gauge(page, plugins, "cepmon_plugin_peak_memory_bytes", help, |plugin| plugin.stats.peak_memory_bytes as f64);
    let help = "How long the plugin took to compile or to fetch from the cache.";
    gauge(page, plugins, "cepmon_plugin_compile_seconds", help, |plugin| plugin.compile_time.as_secs_f64());
    for (name, help, value) in COUNTERS {
        let mut family = page.family(name, Kind::Counter, help);
        for plugin in plugins {
            family.sample(&[("plugin", &plugin.name)], value(&plugin.stats));
        }
    }
    let mut failures = page.family("cepmon_plugin_failures_total", Kind::Counter, "Failed calls, by kind of failure.");
    for plugin in plugins {
        for (kind, count) in FailureKind::ALL.into_iter().zip(plugin.stats.failures) {
            failures.sample(&[("plugin", &plugin.name), ("kind", kind.as_str())], count as f64);
        }
    }
    page.single("cepmon_guest_memory_bytes", Kind::Gauge, "Linear memory of all guests now.", guest_memory_bytes as f64);
}

fn gauge(page: &mut Exposition, plugins: &[PluginStatus], name: &'static str, help: &str, value: fn(&PluginStatus) -> f64) {
    let mut family = page.family(name, Kind::Gauge, help);
    for plugin in plugins {
        family.sample(&[("plugin", &plugin.name)], value(plugin));
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
