//! The mounts of process 1 and their size and room.

use cepmon_sdk::statfs::{Usage, statfs};
use cepmon_sdk::{Batch, Error, Kind};

use crate::device::pattern;
use crate::settings::Settings;
use crate::source::Source;

pub(crate) fn collect(source: &Source, settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let points_exclude = pattern("filesystem_mount_points_exclude", &settings.filesystem_mount_points_exclude)?;
    let types_exclude = pattern("filesystem_fs_types_exclude", &settings.filesystem_fs_types_exclude)?;
    // With hidepid the mounts of process 1 are not there; the reader's own are the next best.
    let text = source.read_proc("1/mounts").or_else(|_| source.read_proc("mounts"))?;
    let mut stats: Vec<Stat> = Vec::new();
    for mount in parse(&text)? {
        let point = source.strip_root(&mount.point);
        let is_excluded = points_exclude.as_ref().is_some_and(|pattern| pattern.is_match(point))
            || types_exclude.as_ref().is_some_and(|pattern| pattern.is_match(mount.fstype));
        let is_repeated = stats.iter().any(|stat| stat.device == mount.device && stat.point == point && stat.fstype == mount.fstype);
        if is_excluded || is_repeated {
            continue;
        }
        stats.push(Stat {
            device: mount.device.to_owned(),
            point: point.to_owned(),
            fstype: mount.fstype.to_owned(),
            is_read_only: mount.options.split(',').any(|option| option == "ro"),
            usage: statfs(&source.root_path(point)).ok(),
        });
    }
    emit(&stats, batch);
    Ok(())
}

#[derive(Debug)]
struct Stat {
    device: String,
    point: String,
    fstype: String,
    is_read_only: bool,
    /// None when the system call failed.
    usage: Option<Usage>,
}

/// A metric, its help, and the value of a file system that has one.
type Column = (&'static str, &'static str, fn(&Stat) -> Option<f64>);

const COLUMNS: [Column; 7] = [
    ("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", |stat| {
        stat.usage.as_ref().map(|usage| usage.available as f64 * usage.block_size as f64)
    }),
    ("node_filesystem_device_error", "Whether an error occurred while getting statistics for the given device.", |stat| {
        Some(f64::from(u8::from(stat.usage.is_none())))
    }),
    ("node_filesystem_files", "Filesystem total file nodes.", |stat| stat.usage.as_ref().map(|usage| usage.files as f64)),
    ("node_filesystem_files_free", "Filesystem total free file nodes.", |stat| stat.usage.as_ref().map(|usage| usage.files_free as f64)),
    ("node_filesystem_free_bytes", "Filesystem free space in bytes.", |stat| {
        stat.usage.as_ref().map(|usage| usage.free as f64 * usage.block_size as f64)
    }),
    ("node_filesystem_readonly", "Filesystem read-only status.", |stat| {
        stat.usage.as_ref().map(|_| f64::from(u8::from(stat.is_read_only)))
    }),
    ("node_filesystem_size_bytes", "Filesystem size in bytes.", |stat| {
        stat.usage.as_ref().map(|usage| usage.blocks as f64 * usage.block_size as f64)
    }),
];

fn emit(stats: &[Stat], batch: &mut Batch) {
    for (name, help, value_of) in COLUMNS {
        let mut family = batch.family(name, Kind::Gauge, help);
        for stat in stats {
            if let Some(value) = value_of(stat) {
                family.sample(&[("device", &stat.device), ("fstype", &stat.fstype), ("mountpoint", &stat.point)], value);
            }
        }
    }
}

#[derive(Debug)]
struct Mount<'a> {
    device: &'a str,
    point: String,
    fstype: &'a str,
    options: &'a str,
}

fn parse(text: &str) -> Result<Vec<Mount<'_>>, Error> {
    let mut mounts = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(device), Some(point), Some(fstype), Some(options)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            return Err(Error::protocol(format_args!("cannot parse mount point information \"{line}\"")));
        };
        // The kernel escapes blanks so that the columns stay apart; node_exporter undoes these two.
        let point = point.replace("\\040", " ").replace("\\011", "\t");
        mounts.push(Mount { device, point, fstype, options });
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_blanks_are_undone_and_short_lines_refused() {
        let mounts = parse("/dev/sdb1 /mnt/my\\040disk ext4 rw,relatime 0 0\n").unwrap();
        assert_eq!(mounts[0].point, "/mnt/my disk");
        assert!(parse("nonsense\n").is_err());
    }
}
