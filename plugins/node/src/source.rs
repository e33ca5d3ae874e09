//! Where the kernel's files are: the prefixes of the settings. What may be read of it is the grant's business.

use cepmon_sdk::{Error, file};

use crate::settings::Settings;

#[derive(Debug)]
pub(crate) struct Source {
    procfs: String,
    sysfs: String,
    rootfs: String,
    udev_data: String,
}

impl Source {
    pub(crate) fn new(settings: &Settings) -> Self {
        let trim = |path: &str| path.trim_end_matches('/').to_owned();
        Self {
            procfs: trim(&settings.procfs),
            sysfs: trim(&settings.sysfs),
            rootfs: trim(&settings.rootfs),
            udev_data: trim(&settings.udev_data),
        }
    }

    pub(crate) fn sys_path(&self, path: &str) -> String {
        format!("{}/{path}", self.sysfs)
    }

    pub(crate) fn read_proc(&self, path: &str) -> Result<String, Error> {
        read_lossy(&format!("{}/{path}", self.procfs))
    }

    pub(crate) fn read_sys(&self, path: &str) -> Result<String, Error> {
        read_lossy(&self.sys_path(path))
    }

    pub(crate) fn read_udev(&self, name: &str) -> Result<String, Error> {
        read_lossy(&format!("{}/{name}", self.udev_data))
    }

    /// A whole number alone in a file of sysfs.
    pub(crate) fn read_sys_number(&self, path: &str) -> Option<u64> {
        self.read_sys(path).ok()?.trim().parse().ok()
    }

    /// The path on this host of a path of the monitored root.
    pub(crate) fn root_path(&self, path: &str) -> String {
        if path == "/" && !self.rootfs.is_empty() { self.rootfs.clone() } else { format!("{}{path}", self.rootfs) }
    }

    /// The reverse: a mount point as the monitored root names it.
    pub(crate) fn strip_root<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(self.rootfs.as_str()) {
            Some("") => "/",
            Some(stripped) => stripped,
            None => path,
        }
    }
}

/// Names in these files are nearly always ASCII; what is not UTF-8 is shown and not refused.
fn read_lossy(path: &str) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&file::read(path)?).into_owned())
}
