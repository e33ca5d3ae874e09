//! `/proc/stat` below the CPUs: interrupts, context switches, forks, boot time, processes.

use cepmon_sdk::{Batch, Error, Kind};

use crate::settings::Settings;
use crate::source::Source;

/// The line's first word, the metric, its type and help.
const LINES: [(&str, &str, Kind, &str); 6] = [
    ("intr", "node_intr_total", Kind::Counter, "Total number of interrupts serviced."),
    ("ctxt", "node_context_switches_total", Kind::Counter, "Total number of context switches."),
    ("processes", "node_forks_total", Kind::Counter, "Total number of forks."),
    ("btime", "node_boot_time_seconds", Kind::Gauge, "Node boot time, in unixtime."),
    ("procs_running", "node_procs_running", Kind::Gauge, "Number of processes in runnable state."),
    ("procs_blocked", "node_procs_blocked", Kind::Gauge, "Number of processes blocked waiting for I/O to complete."),
];

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let text = source.read_proc("stat")?;
    for (word, name, kind, help) in LINES {
        let value = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.split(' ').next());
        let Some(value) = value else {
            continue;
        };
        let value = value.parse().map_err(|_| Error::protocol(format_args!("cannot parse \"{word} {value}\" of /proc/stat")))?;
        batch.family(name, kind, help).sample(&[], value);
    }
    Ok(())
}
