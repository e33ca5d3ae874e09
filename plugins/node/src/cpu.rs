//! `/proc/stat`: seconds per CPU and mode; `/sys/devices/system/cpu`: throttling and isolated cores.

use std::collections::BTreeMap;

use cepmon_sdk::{Batch, Error, Kind, file};

use crate::settings::Settings;
use crate::source::Source;

/// The kernel's USER_HZ: 100 on every architecture that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    emit_seconds(&parse(&source.read_proc("stat")?)?, batch);
    emit_isolated(&source.read_sys("devices/system/cpu/isolated").unwrap_or_default(), batch)?;
    emit_throttles(source, batch);
    Ok(())
}

/// One `cpuN` line: the eight modes, then guest and guest_nice.
#[derive(Debug, PartialEq)]
struct Cpu {
    id: String,
    seconds: [f64; 10],
}

fn parse(stat: &str) -> Result<Vec<Cpu>, Error> {
    let mut cpus = Vec::new();
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        let id = fields.next().and_then(|name| name.strip_prefix("cpu")).filter(|id| !id.is_empty());
        let Some(id) = id else {
            continue;
        };
        // Old kernels have fewer columns; the ones that are missing are 0.
        let mut seconds = [0.0; 10];
        for (second, field) in seconds.iter_mut().zip(fields) {
            let ticks: f64 = field.parse().map_err(|_| Error::protocol(format_args!("cannot parse \"{line}\" of /proc/stat")))?;
            *second = ticks / TICKS_PER_SECOND;
        }
        cpus.push(Cpu { id: id.to_owned(), seconds });
    }
    Ok(cpus)
}

fn emit_seconds(cpus: &[Cpu], batch: &mut Batch) {
    let mut guest = batch.family("node_cpu_guest_seconds_total", Kind::Counter, "Seconds the CPUs spent in guests (VMs) for each mode.");
    for cpu in cpus {
        guest.sample(&[("cpu", &cpu.id), ("mode", "user")], cpu.seconds[8]);
        guest.sample(&[("cpu", &cpu.id), ("mode", "nice")], cpu.seconds[9]);
    }
    let mut seconds = batch.family("node_cpu_seconds_total", Kind::Counter, "Seconds the CPUs spent in each mode.");
    for cpu in cpus {
        for (mode, value) in MODES.iter().zip(cpu.seconds) {
            seconds.sample(&[("cpu", &cpu.id), ("mode", mode)], value);
        }
    }
}

fn emit_isolated(isolated: &str, batch: &mut Batch) -> Result<(), Error> {
    let cpus = parse_ranges(isolated.trim())?;
    let help = "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.";
    let mut family = batch.family("node_cpu_isolated", Kind::Gauge, help);
    for cpu in cpus {
        family.sample(&[("cpu", &cpu.to_string())], 1.0);
    }
    Ok(())
}

/// `1,3-5` as 1, 3, 4, 5.
fn parse_ranges(text: &str) -> Result<Vec<u16>, Error> {
    let mut cpus = Vec::new();
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<u16>()?..=last.parse::<u16>()?);
    }
    Ok(cpus)
}

/// Per core and per package, each read once: siblings show the same number.
fn emit_throttles(source: &Source, batch: &mut Batch) {
    let mut cores = BTreeMap::new();
    let mut packages = BTreeMap::new();
    for entry in file::read_dir(&source.sys_path("devices/system/cpu")).unwrap_or_default() {
        let is_cpu = entry.name.strip_prefix("cpu").is_some_and(|id| id.starts_with(|first: char| first.is_ascii_digit()));
        if !is_cpu {
            continue;
        }
        let number = |path: &str| source.read_sys_number(&format!("devices/system/cpu/{}/{path}", entry.name));
        let (Some(package), Some(core)) = (number("topology/physical_package_id"), number("topology/core_id")) else {
            continue;
        };
        if !cores.contains_key(&(package, core))
            && let Some(count) = number("thermal_throttle/core_throttle_count")
        {
            cores.insert((package, core), count);
        }
        if !packages.contains_key(&package)
            && let Some(count) = number("thermal_throttle/package_throttle_count")
        {
            packages.insert(package, count);
        }
    }
    let help = "Number of times this CPU core has been throttled.";
    let mut family = batch.family("node_cpu_core_throttles_total", Kind::Counter, help);
    for ((package, core), count) in cores {
        family.sample(&[("core", &core.to_string()), ("package", &package.to_string())], count as f64);
    }
    let help = "Number of times this CPU package has been throttled.";
    let mut family = batch.family("node_cpu_package_throttles_total", Kind::Counter, help);
    for (package, count) in packages {
        family.sample(&[("package", &package.to_string())], count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_columns_are_zero_and_the_sum_line_is_left_out() {
        let cpus = parse("cpu  9 9 9 9\ncpu0 150 2 3 4\nintr 5\n").unwrap();
        assert_eq!(cpus, [Cpu { id: "0".into(), seconds: [1.5, 0.02, 0.03, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0] }]);
        assert_eq!(parse("cpu0 x\n").unwrap_err().to_string(), "cannot parse \"cpu0 x\" of /proc/stat");
    }

    #[test]
    fn ranges_are_expanded() {
        assert_eq!(parse_ranges("1,3-5,9").unwrap(), [1, 3, 4, 5, 9]);
        assert_eq!(parse_ranges("").unwrap(), [0u16; 0]);
        assert!(parse_ranges("a-b").is_err());
    }
}
