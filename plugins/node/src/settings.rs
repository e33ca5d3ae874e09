//! The job's settings: node_exporter's flags without `--collector.`, dots and dashes as underscores.

use serde::Deserialize;

/// See `plugin.toml` for what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) collectors: Vec<String>,
    pub(crate) procfs: String,
    pub(crate) sysfs: String,
    pub(crate) rootfs: String,
    pub(crate) udev_data: String,
    pub(crate) filesystem_mount_points_exclude: String,
    pub(crate) filesystem_fs_types_exclude: String,
    pub(crate) diskstats_device_exclude: String,
    pub(crate) diskstats_device_include: String,
    pub(crate) netdev_device_exclude: String,
    pub(crate) netdev_device_include: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            collectors: crate::COLLECTORS.iter().map(|(name, _)| (*name).to_owned()).collect(),
            procfs: "/proc".to_owned(),
            sysfs: "/sys".to_owned(),
            rootfs: "/".to_owned(),
            udev_data: "/run/udev/data".to_owned(),
            filesystem_mount_points_exclude: "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
                .to_owned(),
            filesystem_fs_types_exclude: "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|\
                mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
                .to_owned(),
            diskstats_device_exclude: r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$".to_owned(),
            diskstats_device_include: String::new(),
            netdev_device_exclude: String::new(),
            netdev_device_include: String::new(),
        }
    }
}
