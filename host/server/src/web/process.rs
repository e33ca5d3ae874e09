//! What the kernel says of this process. Linux only: elsewhere, or without /proc, the figures are missing.

use std::fs;

/// Ticks per second in /proc/PID/stat. `USER_HZ` is 100 on every architecture that Rust's Linux targets run on, whatever the
/// kernel's own HZ.
const TICKS_PER_SECOND: f64 = 100.0;

/// Figures of a process; each may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ProcessFigures {
    /// User and system time.
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) threads: Option<f64>,
    /// Unix time.
    pub(crate) start_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<f64>,
    pub(crate) virtual_bytes: Option<f64>,
    /// Infinite when there is no limit.
    pub(crate) max_virtual_bytes: Option<f64>,
    pub(crate) open_fds: Option<f64>,
    pub(crate) max_fds: Option<f64>,
}

/// Figures of this process. It reads a handful of files of /proc, which may block for a moment.
pub(crate) fn read_process() -> ProcessFigures {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut figures = parse(&read("/proc/self/stat"), &read("/proc/self/status"), &read("/proc/self/limits"), &read("/proc/stat"));
    // The listing itself holds one descriptor open.
    figures.open_fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1) as f64);
    figures
}

fn parse(stat: &str, status: &str, limits: &str, kernel: &str) -> ProcessFigures {
    // The second field is the command in brackets, which may hold spaces and brackets itself: count from the last one.
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    // proc(5) numbers fields from 1 and the list starts with field 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let boot = kernel.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
    ProcessFigures {
        cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS_PER_SECOND),
        threads: field(20),
        start_seconds: boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS_PER_SECOND),
        resident_bytes: kibibytes(status, "VmRSS:"),
        virtual_bytes: kibibytes(status, "VmSize:"),
        max_virtual_bytes: soft_limit(limits, "Max address space"),
        open_fds: None,
        max_fds: soft_limit(limits, "Max open files"),
    }
}

/// A line of /proc/PID/status, in bytes.
fn kibibytes(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// A line of /proc/PID/limits: name, soft limit, hard limit, unit.
fn soft_limit(limits: &str, name: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1200 1000000 500 18446744073709551615";
        let figures = parse(stat, "", "", "cpu 1 2\nbtime 1700000000\n");
        assert_eq!(figures.cpu_seconds, Some(3.0));
        assert_eq!(figures.threads, Some(9.0));
        assert_eq!(figures.start_seconds, Some(1_700_000_012.0));
        assert_eq!(figures.resident_bytes, None);
    }

    #[test]
    fn limits_and_memory_are_in_bytes() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
            Max open files            1024                 4096                 files\n\
            Max address space         unlimited            unlimited            bytes\n";
        let figures = parse("", "Name:\tcepmon\nVmSize:\t    2048 kB\nVmRSS:\t     512 kB\n", limits, "");
        assert_eq!(figures.resident_bytes, Some(524_288.0));
        assert_eq!(figures.virtual_bytes, Some(2_097_152.0));
        assert_eq!(figures.max_fds, Some(1024.0));
        assert_eq!(figures.max_virtual_bytes, Some(f64::INFINITY));
    }
}
