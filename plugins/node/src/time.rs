//! The system's time, its zone and the kernel's clock sources.

use cepmon_sdk::{Batch, Error, Kind, clock, file};
use tz::TimeZone;

use crate::settings::Settings;
use crate::source::Source;

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    emit_clock_sources(source, batch);
    let now = clock::now_seconds();
    batch.gauge("node_time_seconds", "System time in seconds since epoch (1970).", now);
    let (zone, offset) = zone_at(&local_zone_file(source), now as i64);
    batch
        .family("node_time_zone_offset_seconds", Kind::Gauge, "System time zone offset in seconds.")
        .sample(&[("time_zone", &zone)], f64::from(offset));
    Ok(())
}

fn emit_clock_sources(source: &Source, batch: &mut Batch) {
    let mut available = Vec::new();
    let mut current = Vec::new();
    for entry in file::read_dir(&source.sys_path("devices/system/clocksource")).unwrap_or_default() {
        let Some(device) = entry.name.strip_prefix("clocksource") else {
            continue;
        };
        let read = |name: &str| source.read_sys(&format!("devices/system/clocksource/{}/{name}", entry.name)).unwrap_or_default();
        for name in read("available_clocksource").split_ascii_whitespace() {
            available.push((device.to_owned(), name.to_owned()));
        }
        current.push((device.to_owned(), read("current_clocksource").trim().to_owned()));
    }
    let families = [
        ("node_time_clocksource_available_info", "Available clocksources read from '/sys/devices/system/clocksource'.", available),
        ("node_time_clocksource_current_info", "Current clocksource read from '/sys/devices/system/clocksource'.", current),
    ];
    for (name, help, sources) in families {
        let mut family = batch.family(name, Kind::Gauge, help);
        for (device, clock_source) in &sources {
            family.sample(&[("clocksource", clock_source), ("device", device)], 1.0);
        }
    }
}

/// Empty when the host has none: then its zone is UTC.
fn local_zone_file(source: &Source) -> Vec<u8> {
    file::read(&source.root_path("/etc/localtime")).unwrap_or_default()
}

/// Name and offset in seconds of the zone that a compiled zone file describes.
fn zone_at(zone_file: &[u8], unix_seconds: i64) -> (String, i32) {
    let zone = TimeZone::from_tz_data(zone_file).unwrap_or_else(|_| TimeZone::utc());
    match zone.find_local_time_type(unix_seconds) {
        Ok(local) if !local.time_zone_designation().is_empty() => (local.time_zone_designation().to_owned(), local.ut_offset()),
        Ok(local) => ("UTC".to_owned(), local.ut_offset()),
        Err(_) => ("UTC".to_owned(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version 2 zone file without transitions, whose footer is the rule that counts.
    fn zone_file(rule: &str) -> Vec<u8> {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            header.extend(count.to_be_bytes());
        }
        let block = [&[0, 0, 0, 0, 0, 0][..], b"CET\0"].concat();
        [&header[..], &block, &header, &block, b"\n", rule.as_bytes(), b"\n"].concat()
    }

    #[test]
    fn summer_time_follows_the_rule_of_the_zone_file() {
        let file = zone_file("CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(zone_at(&file, 1_700_000_000), ("CET".into(), 3600));
        assert_eq!(zone_at(&file, 1_720_000_000), ("CEST".into(), 7200));
        assert_eq!(zone_at(b"", 1_720_000_000), ("UTC".into(), 0));
    }
}
