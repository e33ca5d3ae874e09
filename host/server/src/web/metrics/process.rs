//! Metrics of the process, with the names of Prometheus's client libraries (client_golang 1.20, `process_collector.go`).

use super::exposition::{Exposition, Kind};
use crate::web::process::ProcessFigures;

/// Writes `process_*`; a figure that is missing has no family.
pub(crate) fn write_process(page: &mut Exposition, figures: &ProcessFigures) {
    let families = [
        ("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", figures.cpu_seconds),
        ("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", figures.start_seconds),
        ("process_resident_memory_bytes", "Resident memory size in bytes.", figures.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory size in bytes.", figures.virtual_bytes),
        ("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", figures.max_virtual_bytes),
        ("process_open_fds", "Number of open file descriptors.", figures.open_fds),
        ("process_max_fds", "Maximum number of open file descriptors.", figures.max_fds),
        ("process_threads", "Number of OS threads.", figures.threads),
    ];
    for (name, help, value) in families {
        let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        if let Some(value) = value {
            page.single(name, kind, help, value);
        }
    }
}
