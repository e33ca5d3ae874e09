//! `/proc/net/dev`: the counters of each network device, under the names that node_exporter uses without `enable-detailed-metrics`.

use cepmon_sdk::{Batch, Error, Kind};

use crate::device::DeviceFilter;
use crate::settings::Settings;
use crate::source::Source;

/// The columns of the file in order.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

pub(crate) fn collect(source: &Source, settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let filter = DeviceFilter::new("netdev_device", &settings.netdev_device_exclude, &settings.netdev_device_include)?;
    // The devices of cepmon's own network namespace, as node_exporter shows those of its own.
    let text = source.read_proc("net/dev")?;
    let devices: Vec<Device<'_>> = parse(&text)?.into_iter().filter(|device| filter.takes(device.name)).collect();
    for (index, column) in COLUMNS.iter().enumerate() {
        let name = format!("node_network_{column}_total");
        let mut family = batch.family(&name, Kind::Counter, &format!("Network device statistic {column}."));
        for device in &devices {
            family.sample(&[("device", device.name)], device.values[index]);
        }
    }
    emit_nohandler(source, &devices, batch);
    Ok(())
}

/// The one counter that only netlink and sysfs know: packets that nobody had a handler for.
fn emit_nohandler(source: &Source, devices: &[Device<'_>], batch: &mut Batch) {
    let mut family = batch.family("node_network_receive_nohandler_total", Kind::Counter, "Network device statistic receive_nohandler.");
    for device in devices {
        if let Some(count) = source.read_sys_number(&format!("class/net/{}/statistics/rx_nohandler", device.name)) {
            family.sample(&[("device", device.name)], count as f64);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Device<'a> {
    name: &'a str,
    values: [f64; 16],
}

/// Two lines of headings, then a device a line. The colon may stand right before the first number.
fn parse(text: &str) -> Result<Vec<Device<'_>>, Error> {
    let mut devices = Vec::new();
    for line in text.lines().skip(2) {
        let problem = || Error::protocol(format_args!("cannot parse \"{line}\" of /proc/net/dev"));
        let (name, numbers) = line.rsplit_once(':').ok_or_else(problem)?;
        let mut values = [0.0; 16];
        let mut fields = numbers.split_ascii_whitespace();
        for value in &mut values {
            *value = fields.next().and_then(|field| field.parse().ok()).ok_or_else(problem)?;
        }
        devices.push(Device { name: name.trim(), values });
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_with_colons_and_numbers_without_a_blank_are_read() {
        let text = "Inter-|\n face |\n eth0:1:10 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let devices = parse(text).unwrap();
        assert_eq!(devices[0].name, "eth0:1");
        assert_eq!((devices[0].values[0], devices[0].values[15]), (10.0, 16.0));
        assert!(parse("a\nb\neth0: 1 2\n").is_err());
    }
}
