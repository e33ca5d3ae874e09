//! What `uname(2)` tells, read from `/proc/sys/kernel`, because a guest has no system calls.

use cepmon_sdk::{Batch, Error, Kind};

use crate::settings::Settings;
use crate::source::Source;

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let read = |name: &str| Ok::<_, Error>(source.read_proc(&format!("sys/kernel/{name}"))?.trim_end_matches('\n').to_owned());
    let release = read("osrelease")?;
    let machine = match read("arch") {
        Ok(machine) => machine,
        // The file is there since Linux 6.1.
        Err(_) => guess_machine(&release, &source.read_proc("cpuinfo").unwrap_or_default()).to_owned(),
    };
    let labels = [
        ("sysname", &*read("ostype")?),
        ("release", &*release),
        ("version", &*read("version")?),
        ("machine", &*machine),
        ("nodename", &*read("hostname")?),
        ("domainname", &*read("domainname")?),
    ];
    let help = "Labeled system information as provided by the uname system call.";
    batch.family("node_uname_info", Kind::Gauge, help).sample(&labels, 1.0);
    Ok(())
}

/// The machine of kernels before 6.1, for the two that servers are: many distributions end the release in it, and `/proc/cpuinfo` has
/// words that only one of them has. Empty when neither tells.
fn guess_machine(release: &str, cpuinfo: &str) -> &'static str {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let is_x86_64 = release.contains("x86_64") || release.contains("amd64") || flags.split(' ').any(|flag| flag == "lm");
    let is_aarch64 = release.contains("aarch64") || release.contains("arm64") || cpuinfo.contains("CPU architecture: 8");
    match (is_x86_64, is_aarch64) {
        (true, false) => "x86_64",
        (false, true) => "aarch64",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn old_kernels_tell_their_machine_by_release_or_cpuinfo() {
        let f = super::guess_machine;
        assert_eq!(f("5.10.0-28-amd64", ""), "x86_64");
        assert_eq!(f("5.14.0-427.el9.aarch64", ""), "aarch64");
        assert_eq!(f("5.15.0-91-generic", "processor\t: 0\nflags\t\t: fpu vme lm nx\n"), "x86_64");
        assert_eq!(f("5.15.0-91-generic", "CPU architecture: 8\n"), "aarch64");
        assert_eq!(f("5.15.0", ""), "");
    }
}
