//! `/proc/diskstats`: the counters of each block device; udev's data base: what the device is.

use std::collections::BTreeMap;

use cepmon_sdk::{Batch, Error, Kind};

use crate::device::DeviceFilter;
use crate::settings::Settings;
use crate::source::Source;

/// The kernel counts sectors of this size whatever the device's own is.
const SECTOR_BYTES: f64 = 512.0;
const SECONDS_PER_MILLISECOND: f64 = 0.001;

/// The columns after the device's name: metric, type, help, factor. Older kernels write fewer.
const COLUMNS: [(&str, Kind, &str, f64); 17] = [
    ("reads_completed_total", Kind::Counter, "The total number of reads completed successfully.", 1.0),
    ("reads_merged_total", Kind::Counter, "The total number of reads merged.", 1.0),
    ("read_bytes_total", Kind::Counter, "The total number of bytes read successfully.", SECTOR_BYTES),
    ("read_time_seconds_total", Kind::Counter, "The total number of seconds spent by all reads.", SECONDS_PER_MILLISECOND),
    ("writes_completed_total", Kind::Counter, "The total number of writes completed successfully.", 1.0),
    ("writes_merged_total", Kind::Counter, "The number of writes merged.", 1.0),
    ("written_bytes_total", Kind::Counter, "The total number of bytes written successfully.", SECTOR_BYTES),
    ("write_time_seconds_total", Kind::Counter, "This is the total number of seconds spent by all writes.", SECONDS_PER_MILLISECOND),
    ("io_now", Kind::Gauge, "The number of I/Os currently in progress.", 1.0),
    ("io_time_seconds_total", Kind::Counter, "Total seconds spent doing I/Os.", SECONDS_PER_MILLISECOND),
    ("io_time_weighted_seconds_total", Kind::Counter, "The weighted # of seconds spent doing I/Os.", SECONDS_PER_MILLISECOND),
    ("discards_completed_total", Kind::Counter, "The total number of discards completed successfully.", 1.0),
    ("discards_merged_total", Kind::Counter, "The total number of discards merged.", 1.0),
    ("discarded_sectors_total", Kind::Counter, "The total number of sectors discarded successfully.", 1.0),
    ("discard_time_seconds_total", Kind::Counter, "This is the total number of seconds spent by all discards.", SECONDS_PER_MILLISECOND),
    ("flush_requests_total", Kind::Counter, "The total number of flush requests completed successfully", 1.0),
    (
        "flush_requests_time_seconds_total",
        Kind::Counter,
        "This is the total number of seconds spent by all flush requests.",
        SECONDS_PER_MILLISECOND,
    ),
];

/// udev's properties that are metrics of ATA disks.
const ATA: [(&str, &str, &str); 3] = [
    ("ID_ATA_ROTATION_RATE_RPM", "ata_rotation_rate_rpm", "ATA disk rotation rate in RPMs (0 for SSDs)."),
    ("ID_ATA_WRITE_CACHE", "ata_write_cache", "ATA disk has a write cache."),
    ("ID_ATA_WRITE_CACHE_ENABLED", "ata_write_cache_enabled", "ATA disk has its write cache enabled."),
];

pub(crate) fn collect(source: &Source, settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let filter = DeviceFilter::new("diskstats_device", &settings.diskstats_device_exclude, &settings.diskstats_device_include)?;
    let text = source.read_proc("diskstats")?;
    let mut devices: Vec<Device<'_>> = parse(&text)?.into_iter().filter(|device| filter.takes(device.name)).collect();
    for device in &mut devices {
        let data = source.read_udev(&format!("b{}:{}", device.major, device.minor)).unwrap_or_default();
        device.properties = parse_properties(&data);
    }
    emit_counters(&devices, batch);
    emit_info(&devices, batch);
    emit_ata(&devices, batch);
    Ok(())
}

#[derive(Debug, Default)]
struct Device<'a> {
    major: &'a str,
    minor: &'a str,
    name: &'a str,
    values: Vec<f64>,
    properties: BTreeMap<String, String>,
}

impl Device<'_> {
    fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    /// Usually what is printed on the disk; virtio devices have only the long form.
    fn serial(&self) -> &str {
        let names = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        names.into_iter().map(|name| self.property(name)).find(|serial| !serial.is_empty()).unwrap_or("")
    }
}

fn parse(text: &str) -> Result<Vec<Device<'_>>, Error> {
    let mut devices = Vec::new();
    for line in text.lines() {
        let problem = || Error::protocol(format_args!("cannot parse \"{line}\" of /proc/diskstats"));
        let mut fields = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(problem());
        };
        let values = fields.take(COLUMNS.len()).map(str::parse).collect::<Result<Vec<f64>, _>>().map_err(|_| problem())?;
        devices.push(Device { major, minor, name, values, properties: BTreeMap::new() });
    }
    Ok(devices)
}

/// Lines `E:NAME=VALUE`; the others are udev's own.
fn parse_properties(data: &str) -> BTreeMap<String, String> {
    let properties = data.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
    properties.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn emit_counters(devices: &[Device<'_>], batch: &mut Batch) {
    for (index, (name, kind, help, factor)) in COLUMNS.into_iter().enumerate() {
        let mut family = batch.family(&format!("node_disk_{name}"), kind, help);
        for device in devices {
            if let Some(value) = device.values.get(index) {
                family.sample(&[("device", device.name)], value * factor);
            }
        }
    }
}

fn emit_info(devices: &[Device<'_>], batch: &mut Batch) {
    let mut family = batch.family("node_disk_info", Kind::Gauge, "Info of /sys/block/<block_device>.");
    for device in devices {
        let labels = [
            ("device", device.name),
            ("major", device.major),
            ("minor", device.minor),
            ("model", device.property("ID_MODEL")),
            ("path", device.property("ID_PATH")),
            ("revision", device.property("ID_REVISION")),
            ("serial", device.serial()),
            ("wwn", device.property("ID_WWN")),
        ];
        family.sample(&labels, 1.0);
    }
    let mut family = batch.family("node_disk_filesystem_info", Kind::Gauge, "Info about disk filesystem.");
    for device in devices.iter().filter(|device| !device.property("ID_FS_TYPE").is_empty()) {
        let labels = [
            ("device", device.name),
            ("type", device.property("ID_FS_TYPE")),
            ("usage", device.property("ID_FS_USAGE")),
            ("uuid", device.property("ID_FS_UUID")),
            ("version", device.property("ID_FS_VERSION")),
        ];
        family.sample(&labels, 1.0);
    }
    let mut family = batch.family("node_disk_device_mapper_info", Kind::Gauge, "Info about disk device mapper.");
    for device in devices.iter().filter(|device| !device.property("DM_NAME").is_empty()) {
        let labels = [
            ("device", device.name),
            ("lv_layer", device.property("DM_LV_LAYER")),
            ("lv_name", device.property("DM_LV_NAME")),
            ("name", device.property("DM_NAME")),
            ("uuid", device.property("DM_UUID")),
            ("vg_name", device.property("DM_VG_NAME")),
        ];
        family.sample(&labels, 1.0);
    }
}

fn emit_ata(devices: &[Device<'_>], batch: &mut Batch) {
    for (property, name, help) in ATA {
        let mut family = batch.family(&format!("node_disk_{name}"), Kind::Gauge, help);
        for device in devices.iter().filter(|device| !device.property("ID_ATA").is_empty()) {
            if let Ok(value) = device.property(property).parse() {
                family.sample(&[("device", device.name)], value);
            }
        }
    }
}
